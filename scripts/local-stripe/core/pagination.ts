/** Lists with cursors (https://docs.stripe.com/api/pagination): newest first, `starting_after`, `ending_before`, `limit`. */
import { invalidRequest, noSuch } from './errors.ts'
import { integer, range, string } from './params.ts'
import type { List } from './types.ts'

/** Parameters of every list. */
export const listShape = {
  limit: integer({ min: 1, max: 100 }),
  starting_after: string(),
  ending_before: string(),
}

/** Parameters of every list that can be narrowed by `created`. */
export const createdListShape = { ...listShape, created: range() }

export interface ListParams {
  limit?: number
  starting_after?: string
  ending_before?: string
  created?: { gt?: number; gte?: number; lt?: number; lte?: number }
}

/**
 * One page of `items` (newest first). A cursor must name one of `known`, which may be more than what the filters left.
 * @param url the path that `url` of the list repeats
 */
export function paginate<T extends { id: string; created?: number }>(
  items: readonly T[],
  params: ListParams,
  url: string,
  spoken = 'object',
): List<T> {
  const { limit = 10, starting_after: after, ending_before: before, created } = params
  if (after !== undefined && before !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: ending_before, starting_after.', {
      param: 'ending_before',
    })
  }
  const at = (id: string, param: string): number => {
    const index = items.findIndex((item) => item.id === id)
    if (index < 0) throw noSuch(spoken, id, param)
    return index
  }
  let rest = items
  if (after !== undefined) rest = items.slice(at(after, 'starting_after') + 1)
  if (before !== undefined) rest = items.slice(0, at(before, 'ending_before'))
  if (created) rest = rest.filter((item) => within(item.created ?? 0, created))
  const data = before === undefined ? rest.slice(0, limit) : rest.slice(-limit)
  return { object: 'list', data, has_more: rest.length > limit, url }
}

function within(moment: number, { gt, gte, lt, lte }: NonNullable<ListParams['created']>): boolean {
  return !(
    (gt !== undefined && moment <= gt) ||
    (gte !== undefined && moment < gte) ||
    (lt !== undefined && moment >= lt) ||
    (lte !== undefined && moment > lte)
  )
}
