/**
 * Reads the views of `payments_private` whose columns are named as the API names them. One function reads a page, one
 * reads rows: each list is a view, an order and the filters that differ in name.
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
type Condition = (param: (filter: string) => string, given: Filters) => string | null

/** The condition of a yes or no, written out both ways, so that Postgres can use an index for it. */
export const whether =
  (filter: string, condition: string): Condition =>
  (_, given) =>
    given[filter] === 'true' ? condition : `not (${condition})`

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

/** The conditions of a list's filters, and the values that they add to the statement. */
function conditionsOf<Schema extends Answer>(
  { order, filters: known = {} }: Pick<List<Schema>, 'order' | 'filters'>,
  { environment, after, filters = {} }: Pick<PageArgs, 'environment' | 'after' | 'filters'>,
): { values: Value[]; param: Param; where: string } {
  const values: Value[] = []
  const param: Param = (value) =>
    `$${values.push(value === null || value === undefined ? null : String(value))}`
  const { from, to, ...others } = filters
  const conditionOf = (filter: string) => {
    const condition = known[filter] ?? snakeCase(filter)
    if (typeof condition === 'string') return `v.${condition} = ${param(filters[filter])}`
    return condition((name) => param(name === 'environment' ? environment : filters[name]), filters)
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
  return { values, param, where: conditions.join(' and ') }
}

/** One page of a list. Reads one row more than the limit, to see whether another page follows. */
export async function readRowsOfPage<Schema extends Answer>(
  database: Database,
  list: List<Schema>,
  args: PageArgs,
): Promise<PageOf<RowOf<Schema>>> {
  const { limit } = args
  const { order } = list
  const { values, param, where } = conditionsOf(list, args)
  const selected = columnsOf(list.answer).map((column) => `v.${column}`)
  const rows = await asService(
    database.query<RowOf<Schema> & { at: string | null; key: string }>(
      `select ${selected.join(', ')}, ${order.at} as at, ${order.key} as key
      from ${list.view} as v
      where ${where}
      order by ${order.by}
      limit ${param(limit + 1)}`,
      values,
    ),
  )
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return { rows: rows.slice(0, limit), end: last ? [last.at, last.key] : null }
}

/** The first rows of a list, at most `max`, of which a column has one of these values. */
export async function readRowsOfAny<Schema extends Answer>(
  database: Database,
  list: List<Schema>,
  {
    environment,
    column,
    values,
    max,
    and = {},
    also,
  }: {
    environment: StripeEnvironment
    column: string
    values: string[]
    max: number
    /** Further columns or expressions of columns, and their values. */
    and?: Record<string, string>
    /** A condition that holds for all of these rows; without it Postgres could not use a partial index. */
    also?: string
  },
): Promise<RowOf<Schema>[]> {
  if (values.length === 0) return []
  const selected = columnsOf(list.answer).map((name) => `v.${name}`)
  const more = Object.entries(and)
  const conditions = more.map(([expression], index) => ` and v.${expression} = $${index + 4}`)
  return asService(
    database.query<RowOf<Schema>>(
      `select ${selected.join(', ')} from ${list.view} as v
      where v.environment = $1
        and v.${column} = any (array(select jsonb_array_elements_text($2::text::jsonb))${column === 'id' ? '::uuid[]' : ''})
        ${conditions.join('')}${also === undefined ? '' : ` and ${also}`}
      order by ${list.order.by}
      limit $3::text::bigint`,
      [environment, JSON.stringify([...new Set(values)]), String(max), ...more.map(([, value]) => value)],
    ),
  )
}

/** How many rows of a list fit the filters, and their first and last instant. It stops counting at `max`. */
export async function countRows<Schema extends Answer>(
  database: Database,
  list: List<Schema>,
  args: Pick<PageArgs, 'environment' | 'filters'> & { max: number },
): Promise<{ count: number; isExact: boolean; first: Date | null; last: Date | null }> {
  const { values, param, where } = conditionsOf(list, { ...args, after: null })
  const [row] = await asService(
    database.query<{ count: string; first: Date | null; last: Date | null }>(
      `select count(*) as count, min(c.at) as first, max(c.at) as last
      from (select ${list.order.instant} as at from ${list.view} as v where ${where} limit ${param(args.max + 1)}) as c`,
      values,
    ),
  )
  const count = Number(row?.count ?? 0)
  return {
    count: Math.min(count, args.max),
    isExact: count <= args.max,
    first: row?.first ?? null,
    last: row?.last ?? null,
  }
}

const argumentsOf = (args: Value[]) => args.map((_, index) => `$${index + 1}`).join(', ')

/** The functions of `payments_private` whose rows are answers. */
type ReadFunction = 'customer_subjects' | 'payment_objects_of' | 'revenue_by_day' | 'search_everything'
/** The functions of `payments_private` that return one answer as jsonb. */
type ReadDocument = 'database_state' | 'environment_overview' | 'recurring_revenue'

/** The rows of a function. Its parameters have types, so its arguments travel as text. */
export const readFunction = <Schema extends Answer>(
  database: Database,
  name: ReadFunction,
  _answer: Schema,
  args: Value[],
): Promise<RowOf<Schema>[]> =>
  asService(database.query(`select f.* from payments_private.${name}(${argumentsOf(args)}) as f`, args))

/** The document that a function returns. */
export async function readDocument<Schema extends Answer>(
  database: Database,
  name: ReadDocument,
  _answer: Schema,
  args: Value[] = [],
): Promise<RowOf<Schema>> {
  const [row] = await asService(
    database.query<{ result: RowOf<Schema> }>(
      `select payments_private.${name}(${argumentsOf(args)}) as result`,
      args,
    ),
  )
  if (!row) throw new Error(`${name} returned no row.`)
  return row.result
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
