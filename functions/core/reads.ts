/**
 * Reads the views of `payments_private` whose columns are named as the API names them. One function reads a page, one reads rows:
 * each list is a view, an order and the filters that differ in name.
 *
 * Keyset pagination: every page costs the same, however long the list.
 */
import type { Selectable } from 'kysely'
import type { StripeEnvironment } from '../../types/api.ts'
import type { DB } from '../../types/database.ts'
import type { Position } from './cursor.ts'
import type { Database, Value } from './database.ts'
import { type Answer, columnsOf, type RowOf, snakeCase } from './present.ts'
import { asService } from './sql.ts'

type View = keyof DB
export type RowOfView<Name extends View> = Selectable<DB[Name]>

/** The views that have the columns of an answer. */
type ViewOf<Schema extends Answer> = {
  [Candidate in View]: RowOfView<Candidate> extends RowOf<Schema> ? Candidate : never
}[View]

/** Adds a value to a statement and returns its placeholder. Values travel as text; Postgres infers the type of each. */
type Param = (value: unknown) => string

/** A sort key without ties. `at` and `key` are its two parts as text, for the cursor. */
export type Order = {
  at: string
  key: string
  by: string
  after(position: Position, param: Param): string
  /** What `from` and `to` compare with. */
  instant?: string
}

/** Newest first by an instant, then by `id`. An unknown instant sorts first, as in Postgres. */
export function newestFirst(column: string): Order {
  const instant = `v.${column}`
  return {
    // With microseconds, which a `Date` would lose.
    at: `to_char(${instant} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
    key: 'v.id::text',
    by: `${instant} desc, v.id desc`,
    instant,
    after([at, id], param) {
      const before = `v.id < ${param(id ?? '')}::uuid`
      if (at === null || at === undefined) return `(${instant} is not null or ${before})`
      const limit = `${param(at)}::timestamptz`
      return `(${instant} <= ${limit} and (${instant} < ${limit} or ${before}))`
    },
  }
}

/** By two texts, in the order of their bytes. */
export function alphabetical(text: string, key: string): Order {
  const by = `${text} collate "C", ${key} collate "C"`
  return { at: text, key, by, after: ([at, id], param) => `(${by}) > (${param(at)}, ${param(id)})` }
}

export type Filters = {
  from?: string | undefined
  to?: string | undefined
  [name: string]: string | undefined
}

/** A condition of a filter; `param` adds the value of a filter to the statement. No condition is null. */
type Condition = (param: (filter: string) => string) => string | null

export type List<Schema extends Answer> = {
  /** The name of the list in its cursors. */
  name: string
  answer: Schema
  view: ViewOf<Schema>
  order: Order
  /** The column or the condition of each filter that is no column of the view in camelCase. */
  filters?: Record<string, string | Condition>
}

export type PageArgs = {
  environment: StripeEnvironment
  limit: number
  after: Position | null
  filters?: Filters
}

/** A page of rows, and the position where it ended; null if no row follows. */
export type PageOf<Row> = { rows: Row[]; end: Position | null }

/** One page of a list. Reads one row more than the limit, to see whether another page follows. */
export async function readRowsOfPage<Schema extends Answer>(
  database: Database,
  list: List<Schema>,
  { environment, limit, after, filters = {} }: PageArgs,
): Promise<PageOf<RowOf<Schema>>> {
  const values: Value[] = []
  const param: Param = (value) =>
    `$${values.push(value === null || value === undefined ? null : String(value))}`
  const { order } = list
  const { from, to, ...others } = filters
  const conditionOf = (filter: string) => {
    const condition = list.filters?.[filter] ?? snakeCase(filter)
    if (typeof condition === 'string') return `v.${condition} = ${param(filters[filter])}`
    return condition((name) => param(filters[name]))
  }
  const conditions = [
    `v.environment = ${param(environment)}`,
    ...Object.keys(others)
      .filter((filter) => filters[filter] !== undefined)
      .map(conditionOf),
    from !== undefined && `${order.instant} >= ${param(from)}::timestamptz`,
    to !== undefined && `${order.instant} < ${param(to)}::timestamptz`,
    after !== null && order.after(after, param),
  ].filter(Boolean)
  const selected = columnsOf(list.answer).map((column) => `v.${column}`)
  const rows = await asService(
    database.query<RowOf<Schema> & { at: string | null; key: string }>(
      `select ${selected.join(', ')}, ${order.at} as at, ${order.key} as key
      from ${list.view} as v
      where ${conditions.join(' and ')}
      order by ${order.by}
      limit ${param(limit + 1)}`,
      values,
    ),
  )
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return { rows: rows.slice(0, limit), end: last ? [last.at, last.key] : null }
}

/** The rows of a view whose columns have these values. */
export function readRows<Name extends View>(
  database: Database,
  view: Name,
  equal: { [Column in keyof RowOfView<Name>]?: string },
): Promise<RowOfView<Name>[]> {
  const conditions = Object.keys(equal).map((column, index) => `v.${column} = $${index + 1}`)
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
  return asService(
    database.query<RowOfView<Name>>(`select v.* from ${view} as v${where}`, Object.values(equal) as string[]),
  )
}
