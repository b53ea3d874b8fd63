/** What the database of an app has, so that a template names only what exists. */
import postgres from 'postgres'
import { connectionUrl } from '../../../../functions/core/database.ts'
import { cliError } from '../../support/errors.ts'
import type { KeyType } from './render.ts'

export type TableName = { schema: string; name: string }
export type ColumnInfo = {
  name: string
  /** As psql shows it. */
  type: string
  /** The type of a key; null if a column of this type is no key. */
  key: KeyType | null
  /** The values of an enum. */
  labels: string[] | null
}

export type Inspector = {
  /** The columns by name; null if there is no such table or view. */
  columns(table: TableName): Promise<Map<string, ColumnInfo> | null>
  /** Tables whose names are alike. */
  similar(table: TableName): Promise<string[]>
  hasSchema(name: string): Promise<boolean>
  /** Whether a value of the column names one row at most. A view cannot say, and counts as if it did. */
  isUnique(table: TableName, column: string): Promise<boolean>
  /** Whether a query of one boolean says yes. */
  is(query: string): Promise<boolean>
  close(): Promise<void>
}

export const show = ({ schema, name }: TableName) => `${schema}.${name}`

/** `name` or `schema.name`; a part may be in double quotes. */
export function parseTable(text: string, schema: string): TableName {
  const parts = /^(?:(?:"([^"]+)"|([\w$]+))\.)?(?:"([^"]+)"|([\w$]+))$/u.exec(text.trim())
  if (!parts) {
    throw cliError(`${text} is not the name of a table.`, {
      code: 'INVALID_INPUT',
      next: 'It looks like public.team_members.',
    })
  }
  const [, quotedSchema, plainSchema, quotedName, plainName] = parts
  return {
    schema: quotedSchema ?? plainSchema?.toLowerCase() ?? schema,
    name: quotedName ?? plainName?.toLowerCase() ?? '',
  }
}

const COLUMNS = `
  select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
    case
      when b.typname = 'uuid' then 'uuid'
      when b.typname in ('int2', 'int4', 'int8') then 'bigint'
      when b.typname in ('text', 'varchar', 'bpchar', 'citext') then 'text'
    end as key,
    (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum as e where e.enumtypid = b.oid) as labels
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type as t on t.oid = a.atttypid
  join pg_type as b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
  where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')
  order by a.attnum`

/** Connects, or fails with a sentence that repeats no password. */
export async function openInspector(databaseUrl: string): Promise<Inspector> {
  let sql: postgres.Sql
  try {
    sql = postgres(connectionUrl(databaseUrl), {
      max: 1,
      prepare: false,
      connect_timeout: 5,
      onnotice: () => {},
    })
    await sql`select 1`
  } catch (error) {
    const { code } = error as { code?: string }
    throw cliError(`The database cannot be reached${code ? ` (${code})` : ''}, so nothing was written.`, {
      code: 'DATABASE_UNAVAILABLE',
      next: 'Check DATABASE_URL, or add --unchecked to write the migration without a look at the database.',
    })
  }
  return {
    async columns({ schema, name }) {
      const rows = await sql.unsafe<ColumnInfo[]>(COLUMNS, [schema, name])
      return rows.length === 0 ? null : new Map(rows.map((row) => [row.name, row]))
    },
    async similar({ schema, name }) {
      const words = name.split('_').filter((word) => word.length > 3)
      const rows = await sql<{ name: string }[]>`
        select n.nspname || '.' || c.relname as name
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'payments', 'payments_private')
          and (c.relname = ${name} or (n.nspname = ${schema} and exists (
            select from unnest(${words}::text[]) as w (word) where c.relname like '%' || w.word || '%'
          )))
        order by 1 limit 5`
      return rows.map((row) => row.name)
    },
    async hasSchema(name) {
      const rows = await sql`select from pg_namespace where nspname = ${name}`
      return rows.length > 0
    },
    async isUnique({ schema, name }, column) {
      const rows = await sql`
        select from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = ${schema} and c.relname = ${name} and (
          c.relkind not in ('r', 'p') or exists (
            select from pg_index as i
            join pg_attribute as a on a.attrelid = c.oid and a.attnum = i.indkey[0]
            where i.indrelid = c.oid and i.indisunique and i.indpred is null and i.indnkeyatts = 1 and a.attname = ${column}
          )
        )`
      return rows.length > 0
    },
    async is(query) {
      const [row] = await sql.unsafe<{ yes: boolean }[]>(`select (${query}) as yes`)
      return row?.yes === true
    },
    close: () => sql.end({ timeout: 1 }),
  }
}
