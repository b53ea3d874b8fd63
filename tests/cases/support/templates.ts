/** Runs a case of `data/` against a migrated database with the templates: checkouts that are begun, then events. */
import { readFile } from 'node:fs/promises'
import { anonymous } from '../../setup/database.ts'
import { begin, ingest, type Sql } from '../../sql/support/calls.ts'
import type { Json } from '../../sql/support/stripe.ts'

export type Case = {
  setup: string[]
  begin: { mode: string; line_items: Json[]; metadata: Record<string, string> }[]
  events: Json[]
}

export const readCase = async (id: string): Promise<Case> =>
  JSON.parse(await readFile(new URL(`../data/${id}.json`, import.meta.url), 'utf8'))

/** Runs the setup, begins the checkouts as a guest, and returns the events with the ids of the rows. */
export async function prepare(sql: Sql, { setup, begin: begun, events }: Case): Promise<Json[]> {
  for (const statement of setup) await sql.unsafe(statement)
  let text = JSON.stringify(events)
  for (const [index, request] of begun.entries()) {
    const { session } = await begin(sql, anonymous, {
      mode: request.mode,
      lineItems: request.line_items,
      metadata: request.metadata,
    })
    text = text.replaceAll(`$ROW_${index}`, session.id)
  }
  return JSON.parse(text)
}

/** Ingests the events one by one; none may fail. */
export async function ingestCase(sql: Sql, events: Json[]): Promise<void> {
  for (const event of events) {
    const { status } = await ingest(sql, event)
    if (status === 'failed') throw new Error(`${event.type} failed`)
  }
}
