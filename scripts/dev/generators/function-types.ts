/** `types/functions.ts`: every SQL function that handlers may call, with its arguments and its result. */
import type postgres from 'postgres'

type Argument = { name: string; type: string; optional: boolean }
type SqlFunction = {
  schema: string
  name: string
  comment: string | null
  args: Argument[]
  /** Columns of a `returns table` or of out parameters. */
  columns: { name: string; type: string }[]
  result: string
  set: boolean
}

/** Private functions that the handlers call: encrypted secrets are no part of the public schema. */
const PRIVATE_CALLS = [
  'all_secrets',
  'begin_catalog_change',
  'check_known_objects',
  'end_catalog_change',
  'forget_refused_signatures',
  'known_objects',
  'read_secrets',
  'record_refused_signatures',
  'sessions_without_items',
  'replace_secrets',
  'unknown_prices',
]

/** TypeScript's type for each type of Postgres, as postgres.js reads it; `string` for the others. */
const TYPES: Record<string, string> = {
  bool: 'boolean',
  int2: 'number',
  int4: 'number',
  float4: 'number',
  float8: 'number',
  json: 'Json',
  jsonb: 'Json',
  date: 'Date',
  timestamp: 'Date',
  timestamptz: 'Date',
  void: 'undefined',
  bytea: 'Uint8Array',
}

/** The file's text. */
export async function printFunctionTypes(sql: postgres.Sql): Promise<string> {
  const functions = await readFunctions(sql)
  const composites = await readComposites(sql)
  const printer = typePrinter(composites)
  const entries = functions.map((fn) => {
    const args = fn.args.map(
      (arg) => `      ${arg.name}${arg.optional ? '?' : ''}: ${printer(arg.type)} | null\n`,
    )
    const row =
      fn.columns.length > 0
        ? `{ ${fn.columns.map((column) => `${column.name}: ${printer(column.type)} | null`).join('; ')} }`
        : printer(fn.result)
    return [
      jsdoc(fn.comment, '  '),
      `  '${fn.schema}.${fn.name}': {\n`,
      args.length > 0 ? `    args: {\n${args.join('')}    }\n` : '    args: Record<string, never>\n',
      `    returns: ${fn.set ? `${/[ |]/.test(row) ? `(${row})` : row}[]` : row}\n`,
      '  }\n',
    ].join('')
  })
  const types = [...composites]
    .filter(([, { used }]) => used)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([, { name, comment, columns }]) =>
        `${jsdoc(comment, '')}export interface ${name} {\n${columns
          .map((column) => `  ${column.name}: ${printer(column.type)}${column.required ? '' : ' | null'}\n`)
          .join('')}}\n`,
    )
  return [
    '/**\n * Generated from the database by `npm run generate`. Do not edit.\n *\n',
    ' * SQL lets every argument be null, and each function decides what null means. Types are those that postgres.js\n',
    ' * reads from a column, not those of JSON: `bigint` and `numeric` are strings, instants are `Date`.\n */\n\n',
    'export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined }\n\n',
    types.join('\n'),
    types.length > 0 ? '\n' : '',
    '/** SQL functions by name: their arguments and their result. */\n',
    'export interface SqlFunctions {\n',
    entries.join('\n'),
    '}\n\n',
    printCalls(functions, composites),
    'export type SqlCallName = keyof typeof SQL_CALLS\n',
    'export type SqlFunctionName = keyof SqlFunctions\n',
    "export type SqlArguments<Name extends SqlFunctionName> = SqlFunctions[Name]['args']\n",
    "export type SqlResult<Name extends SqlFunctionName> = SqlFunctions[Name]['returns']\n",
  ].join('')
}

/** The table from which `functions/core/sql.ts` builds each call. */
function printCalls(functions: SqlFunction[], composites: Map<string, Composite>): string {
  const called = functions.filter(
    ({ schema, name, args }) =>
      (schema === 'payments' || PRIVATE_CALLS.includes(name)) &&
      !args.some(({ type }) => composites.has(type)),
  )
  const entries = called.map((fn) => {
    const casts = fn.args.map(({ name, type }) => `${name}: '${type.slice(type.indexOf('.') + 1)}'`)
    const list = casts.length > 0 ? `{ ${casts.join(', ')} }` : '{}'
    return `  '${fn.schema}.${fn.name}': { result: '${resultOf(fn, composites)}', casts: ${list} },\n`
  })
  return [
    '/**\n * How the service calls each function: the cast of each argument, and the kind of its result. `row` is at most\n',
    ' * one row of a table, `rows` a set of rows, `values` a set of values.\n */\n',
    'export const SQL_CALLS = {\n',
    entries.join(''),
    '} as const\n\n',
  ].join('')
}

function resultOf({ set, columns, result }: SqlFunction, composites: Map<string, Composite>): string {
  if (result === 'pg_catalog.void') return 'void'
  if (!set) return 'value'
  if (columns.length > 0) return 'rows'
  return composites.has(result) ? 'row' : 'values'
}

async function readFunctions(sql: postgres.Sql): Promise<SqlFunction[]> {
  const rows = await sql<(Omit<SqlFunction, 'args' | 'columns'> & { parameters: Parameter[] })[]>`
    select n.nspname as schema, p.proname as name, p.proretset as set,
      obj_description(p.oid, 'pg_proc') as comment,
      (select nt.nspname || '.' || t.typname from pg_type t join pg_namespace nt on nt.oid = t.typnamespace
        where t.oid = p.prorettype) as result,
      coalesce((
        select json_agg(json_build_object(
          'name', coalesce(a.name, ''), 'mode', coalesce(a.mode, 'i'), 'type', nt.nspname || '.' || t.typname,
          'place', a.place) order by a.place)
        from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames, p.proargmodes)
          with ordinality as a (type, name, mode, place)
        join pg_type t on t.oid = a.type join pg_namespace nt on nt.oid = t.typnamespace), '[]') as parameters,
      p.pronargs - p.pronargdefaults as required
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    where n.nspname in ('payments', 'payments_private') and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
      and (n.nspname = 'payments' or exists (
        select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        join pg_roles r on r.oid = a.grantee where r.rolname = 'payments_service' and a.privilege_type = 'EXECUTE'))
    order by n.nspname collate "C", p.proname collate "C", p.oid`
  return rows.map(({ parameters, ...row }) => {
    const inputs = parameters.filter(({ mode }) => mode === 'i' || mode === 'b' || mode === 'v')
    const required = (row as unknown as { required: number }).required
    return {
      ...row,
      args: inputs.map(({ name, type }, index) => ({
        name: name || `$${index + 1}`,
        type,
        optional: index >= required,
      })),
      columns: parameters.filter(({ mode }) => mode === 't' || mode === 'o' || mode === 'b'),
    }
  })
}

type Parameter = { name: string; mode: string; type: string }
type Composite = {
  name: string
  comment: string | null
  columns: { name: string; type: string; required: boolean }[]
  used: boolean
}

/** Composite types of ours, and the row types of our tables. */
async function readComposites(sql: postgres.Sql): Promise<Map<string, Composite>> {
  const rows = await sql<
    (Omit<Composite, 'name' | 'used'> & { type: string; schema: string; typname: string })[]
  >`
    select n.nspname || '.' || t.typname as type, n.nspname as schema, t.typname,
      coalesce(obj_description(t.oid, 'pg_type'), obj_description(c.oid, 'pg_class')) as comment,
      (select json_agg(json_build_object(
          'name', a.attname, 'type', na.nspname || '.' || ta.typname, 'required', a.attnotnull) order by a.attnum)
        from pg_attribute a join pg_type ta on ta.oid = a.atttypid join pg_namespace na on na.oid = ta.typnamespace
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
    from pg_type t join pg_class c on c.oid = t.typrelid join pg_namespace n on n.oid = t.typnamespace
    where n.nspname in ('payments', 'payments_private') and t.typtype = 'c'`
  return new Map(
    rows.map(({ type, typname, comment, columns }) => [
      type,
      { name: pascalCase(typname), comment, columns: columns ?? [], used: false },
    ]),
  )
}

function typePrinter(composites: Map<string, Composite>): (type: string) => string {
  const print = (type: string): string => {
    const name = type.slice(type.indexOf('.') + 1)
    if (name.startsWith('_')) return `${print(type.replace('._', '.'))}[]`
    const composite = composites.get(type)
    if (!composite) return TYPES[name] ?? 'string'
    if (!composite.used) {
      composite.used = true
      for (const column of composite.columns) print(column.type)
    }
    return composite.name
  }
  return print
}

function pascalCase(name: string): string {
  return name.replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())
}

function jsdoc(comment: string | null, indent: string): string {
  if (!comment) return ''
  const text = comment.replaceAll('*/', '*∕').trim().split('\n')
  if (text.length === 1) return `${indent}/** ${text[0]} */\n`
  return `${indent}/**\n${text.map((line) => `${indent} * ${line}`.trimEnd()).join('\n')}\n${indent} */\n`
}
