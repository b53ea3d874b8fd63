/** Lists with cursors (https://docs.stripe.com/api/pagination), newest first. */
import { invalidRequest, noSuch } from './errors.ts'
import { integer, range, string } from './params.ts'
import type { List } from './types.ts'

/** Parameters of every list. */
export const listShape = {
  limit: integer({ min: 1, max: 100 }),
  starting_after: string(),
  ending_before: string(),
}

/** Parameters of every list with the filter `created`. */
export const createdListShape = { ...listShape, created: range() }

export interface ListParams {
  limit?: number
  starting_after?: string
  ending_before?: string
  created?: { gt?: number; gte?: number; lt?: number; lte?: number }
}

/**
 * Returns one page of the items (newest first) that `keep` accepts. A cursor may also name an item that it rejects.
 * @param url the path of the request, which the list repeats
 * @param spokenName what error messages call an item
 */
export function paginate<T extends { id: string; created?: number }>(
  items: readonly T[],
  params: ListParams,
  url: string,
  spokenName = 'object',
  keep: (item: T) => boolean = () => true,
): List<T> {
  const { limit = 10, starting_after: after, ending_before: before, created } = params
  if (after !== undefined && before !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: ending_before, starting_after.', {
      param: 'ending_before',
    })
  }
  const positionOf = (id: string, param: string): number => {
    const index = positionsIn(items).get(id)
    if (index === undefined) throw noSuch(spokenName, id, param)
    return index
  }
  const isListed = (item: T) => keep(item) && (!created || isWithin(item.created ?? 0, created))
  if (before !== undefined) {
    const rest = items.slice(0, positionOf(before, 'ending_before')).filter(isListed)
    return { object: 'list', data: rest.slice(-limit), has_more: rest.length > limit, url }
  }
  const data: T[] = []
  for (
    let index = after === undefined ? 0 : positionOf(after, 'starting_after') + 1;
    index < items.length;
    index += 1
  ) {
    const item = items[index] as T
    if (!isListed(item)) continue
    if (data.length === limit) return { object: 'list', data, has_more: true, url }
    data.push(item)
  }
  return { object: 'list', data, has_more: false, url }
}

/** Position of each item by id, cached for each list, so that reading it page by page costs one pass. */
const positionsOfList = new WeakMap<readonly object[], Map<string, number>>()

function positionsIn(items: readonly { id: string }[]): Map<string, number> {
  const known = positionsOfList.get(items)
  if (known) return known
  const fresh = new Map(items.map(({ id }, index) => [id, index]))
  positionsOfList.set(items, fresh)
  return fresh
}

function isWithin(moment: number, { gt, gte, lt, lte }: NonNullable<ListParams['created']>): boolean {
  return !(
    (gt !== undefined && moment <= gt) ||
    (gte !== undefined && moment < gte) ||
    (lt !== undefined && moment >= lt) ||
    (lte !== undefined && moment > lte)
  )
}
