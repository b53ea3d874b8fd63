/** A page of a list: from the cursor of a request to the cursor of its answer. */

import type { Deps } from '../deps.ts'
import { type CursorScope, type Position, readCursor, writeCursor } from './cursor.ts'
import type { PageOf } from './reads.ts'

/**
 * Reads one page.
 *
 * @param scope the list, and every filter of it: a cursor is good for these alone
 */
export async function readPage<Row>(
  deps: Pick<Deps, 'config' | 'now'>,
  scope: CursorScope,
  cursor: string | undefined,
  read: (after: Position | null) => Promise<PageOf<Row>>,
): Promise<{ rows: Row[]; nextCursor: string | null }> {
  const after = cursor === undefined ? null : await readCursor(deps, scope, cursor)
  const { rows, end } = await read(after)
  return { rows, nextCursor: end === null ? null : await writeCursor(deps, scope, end) }
}
