/**
 * Prints the schemas `payments` and `payments_private` from the catalogue as readable SQL. The text is the same on
 * every supported Postgres, in a fixed order and without owners. It is for reading and comparing, not for installing.
 */
import type postgres from 'postgres'
import { LEDGER } from '../../cli/commands/migrate.ts'

export const SCHEMAS = ['payments', 'payments_private']
/** The roles whose grants and memberships are shown. */
const ROLES = ['anon', 'authenticated', 'payments_service']

export type SchemaOptions = {
  /**
   * Prints the body of each function too, to compare two databases to the last character. Views are then printed
   * without aliases of one letter: since Postgres 16 the server leaves them out where a query reads one relation.
   */
  bodies?: boolean
}

type Rows = Record<string, string | null>[]

/** The schemas as text. */
export async function printSchema(
  sql: postgres.Sql,
  { bodies = false }: SchemaOptions = {},
): Promise<string> {
  return sql.begin('read only', async (tx) => {
    // With an empty search path Postgres prints every name with its schema.
    await tx`select set_config('search_path', '', true)`
    const sections = [
      await printRoles(tx),
      await printSchemas(tx),
      await printTypes(tx),
      await printSequences(tx),
      ...(await printTables(tx, bodies)),
      ...(await printFunctions(tx, bodies)),
    ]
    return `${sections.filter(Boolean).join('\n\n')}\n`
  }) as Promise<string>
}

async function printRoles(sql: postgres.TransactionSql): Promise<string> {
  const roles: Rows = await sql`
    select rolname as name,
      concat_ws(' ',
        case when rolcanlogin then 'login' else 'nologin' end,
        case when not rolinherit then 'noinherit' end,
        case when rolsuper then 'superuser' end,
        case when rolbypassrls then 'bypassrls' end,
        case when rolcreaterole then 'createrole' end,
        case when rolcreatedb then 'createdb' end) as attributes
    from pg_catalog.pg_roles where rolname in ${sql(ROLES)} order by rolname collate "C"`
  const memberships: Rows = await sql`
    select distinct g.rolname as granted, m.rolname as member, g.rolname collate "C", m.rolname collate "C"
    from pg_catalog.pg_auth_members a
    join pg_catalog.pg_roles g on g.oid = a.roleid
    join pg_catalog.pg_roles m on m.oid = a.member
    where g.rolname in ${sql(ROLES)} and m.rolname in ${sql(ROLES)}
    order by g.rolname collate "C", m.rolname collate "C"`
  return lines([
    ...roles.map(({ name, attributes }) => `create role ${name} ${attributes};`),
    ...memberships.map(({ granted, member }) => `grant ${granted} to ${member};`),
  ])
}

async function printSchemas(sql: postgres.TransactionSql): Promise<string> {
  const schemas: Rows = await sql`
    select oid, nspname as name, pg_catalog.obj_description(oid, 'pg_namespace') as comment
    from pg_catalog.pg_namespace where nspname in ${sql(SCHEMAS)} order by nspname collate "C"`
  const defaults: Rows = await sql`
    select n.nspname as schema, d.defaclobjtype as kind, ${grantee(sql)} as grantee, lower(a.privilege_type) as privilege,
      n.nspname collate "C" as place
    from pg_catalog.pg_default_acl d
    join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
    cross join lateral pg_catalog.aclexplode(d.defaclacl) a
    where n.nspname in ${sql(SCHEMAS)} and a.grantee <> d.defaclrole and a.privilege_type <> 'MAINTAIN'
    order by place, kind, grantee, privilege`
  const parts: (string | null)[] = []
  for (const { oid, name, comment } of schemas) {
    parts.push(`create schema ${name};`, remark(`schema ${name}`, comment))
    const grants: Rows = await sql`
      select ${grantee(sql)} as grantee, string_agg(lower(a.privilege_type), ', ' order by a.privilege_type) as privileges
      from pg_catalog.pg_namespace n
      cross join lateral pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
      where n.oid = ${oid ?? ''}::oid and a.grantee <> n.nspowner
      group by 1 order by 1`
    parts.push(...grants.map((grant) => `grant ${grant.privileges} on schema ${name} to ${grant.grantee};`))
  }
  const kinds: Record<string, string> = {
    r: 'tables',
    S: 'sequences',
    f: 'functions',
    T: 'types',
    n: 'schemas',
  }
  parts.push(
    ...defaults.map(
      (row) =>
        `alter default privileges in schema ${row.schema} grant ${row.privilege} on ${kinds[row.kind ?? '']} to ${row.grantee};`,
    ),
  )
  return lines(parts)
}

async function printTypes(sql: postgres.TransactionSql): Promise<string> {
  const types: Rows = await sql`
    select pg_catalog.format_type(t.oid, null) as name,
      pg_catalog.obj_description(t.oid, 'pg_type') as comment,
      case t.typtype
        when 'e' then 'enum (' || (
          select string_agg(pg_catalog.quote_literal(enumlabel), ', ' order by enumsortorder)
          from pg_catalog.pg_enum where enumtypid = t.oid) || ')'
        when 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod)
          || case when t.typnotnull then ' not null' else '' end
          || coalesce((
            select string_agg(' constraint ' || pg_catalog.quote_ident(conname) || ' '
              || pg_catalog.pg_get_constraintdef(oid), '' order by conname collate "C")
            from pg_catalog.pg_constraint where contypid = t.oid and contype = 'c'), '')
        else '(' || (
          select string_agg(pg_catalog.quote_ident(attname) || ' '
            || pg_catalog.format_type(atttypid, atttypmod), ', ' order by attnum)
          from pg_catalog.pg_attribute where attrelid = t.typrelid and attnum > 0 and not attisdropped) || ')'
      end as definition,
      t.typtype as kind
    from pg_catalog.pg_type t
    left join pg_catalog.pg_class c on c.oid = t.typrelid
    where t.typnamespace::regnamespace::text in ${sql(SCHEMAS)}
      and (t.typtype in ('e', 'd') or (t.typtype = 'c' and c.relkind = 'c'))
    order by 1`
  const parts: (string | null)[] = []
  for (const { name, comment, definition, kind } of types) {
    parts.push(
      kind === 'd' ? `create domain ${name} as ${definition};` : `create type ${name} as ${definition};`,
    )
    parts.push(remark(kind === 'd' ? `domain ${name}` : `type ${name}`, comment))
  }
  return lines(parts)
}

async function printSequences(sql: postgres.TransactionSql): Promise<string> {
  const sequences: Rows = await sql`
    select c.oid, c.oid::regclass::text as name, pg_catalog.obj_description(c.oid, 'pg_class') as comment
    from pg_catalog.pg_class c
    where c.relkind = 'S' and c.relnamespace::regnamespace::text in ${sql(SCHEMAS)}
      and not exists (
        select from pg_catalog.pg_depend d
        where d.objid = c.oid and d.classid = 'pg_catalog.pg_class'::regclass
          and (d.deptype = 'i' or d.refobjid = to_regclass(${`${LEDGER.schema}.${LEDGER.table}`})))
    order by 2`
  const parts: (string | null)[] = []
  for (const { oid, name, comment } of sequences) {
    parts.push(`create sequence ${name};`, remark(`sequence ${name}`, comment))
    parts.push(...(await printGrants(sql, oid ?? '', `sequence ${name}`)))
  }
  return lines(parts)
}

async function printTables(sql: postgres.TransactionSql, bodies: boolean): Promise<string[]> {
  const tables: Rows = await sql`
    select c.oid, c.oid::regclass::text as name, c.relkind as kind,
      pg_catalog.obj_description(c.oid, 'pg_class') as comment,
      c.relrowsecurity as secured, c.relforcerowsecurity as forced,
      array_to_string(c.reloptions, ', ') as options,
      case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid) end as query
    from pg_catalog.pg_class c
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relnamespace::regnamespace::text in ${sql(SCHEMAS)}
      and not (c.relname = ${LEDGER.table} and c.relnamespace::regnamespace::text = ${LEDGER.schema})
    order by c.relnamespace::regnamespace::text collate "C", c.relname collate "C"`
  const sections: string[] = []
  for (const { oid, name, kind, comment, secured, forced, options, query } of tables) {
    const id = oid ?? ''
    const columns: Rows = await sql`
      select a.attname as column, pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
          || case when a.attcollation <> t.typcollation then ' collate ' || (
            select pg_catalog.quote_ident(collname) from pg_catalog.pg_collation where oid = a.attcollation) else '' end
          || case when a.attnotnull then ' not null' else '' end
          || case a.attidentity when 'a' then ' generated always as identity'
            when 'd' then ' generated by default as identity' else '' end
          || case when a.attgenerated = 's' then ' generated always as (' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ') stored'
            when a.attgenerated = 'v' then ' generated always as (' || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || ') virtual'
            when d.adbin is not null then ' default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
            else '' end as definition,
        pg_catalog.col_description(a.attrelid, a.attnum) as comment
      from pg_catalog.pg_attribute a
      join pg_catalog.pg_type t on t.oid = a.atttypid
      left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = ${id}::oid and a.attnum > 0 and not a.attisdropped
      order by a.attnum`
    // Postgres 18 lists "not null" among the constraints, but the columns show it already.
    const constraints: Rows = await sql`
      select 'constraint ' || pg_catalog.quote_ident(conname) || ' ' || pg_catalog.pg_get_constraintdef(oid) as definition,
        conname as name, pg_catalog.obj_description(oid, 'pg_constraint') as comment
      from pg_catalog.pg_constraint
      where conrelid = ${id}::oid and contype in ('p', 'u', 'c', 'f', 'x')
      order by array_position(array['p', 'u', 'f', 'c', 'x'], contype::text), conname collate "C"`
    const indexes: Rows = await sql`
      select pg_catalog.pg_get_indexdef(i.indexrelid) as definition, c.oid::regclass::text as name,
        pg_catalog.obj_description(c.oid, 'pg_class') as comment
      from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
      where i.indrelid = ${id}::oid
        and not exists (select from pg_catalog.pg_constraint where conindid = i.indexrelid and contype in ('p', 'u', 'x'))
      order by c.relname collate "C"`
    const triggers: Rows = await sql`
      select pg_catalog.pg_get_triggerdef(oid) as definition, pg_catalog.quote_ident(tgname) as name,
        tgenabled as enabled, pg_catalog.obj_description(oid, 'pg_trigger') as comment
      from pg_catalog.pg_trigger where tgrelid = ${id}::oid and not tgisinternal order by tgname collate "C"`
    const policies: Rows = await sql`
      select pg_catalog.quote_ident(polname) as name, pg_catalog.obj_description(oid, 'pg_policy') as comment,
        case when polpermissive then '' else ' as restrictive' end
          || ' for ' || case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
            when 'd' then 'delete' else 'all' end
          || ' to ' || (
            select string_agg(case when role = 0 then 'public' else role::regrole::text end, ', '
              order by case when role = 0 then 'public' else role::regrole::text end collate "C")
            from unnest(polroles) role)
          || coalesce(' using (' || pg_catalog.pg_get_expr(polqual, polrelid) || ')', '')
          || coalesce(' with check (' || pg_catalog.pg_get_expr(polwithcheck, polrelid) || ')', '') as definition
      from pg_catalog.pg_policy where polrelid = ${id}::oid order by polname collate "C"`

    const what = kind === 'v' ? 'view' : kind === 'm' ? 'materialized view' : 'table'
    const body = [...columns, ...constraints].map(({ definition }) => `  ${definition}`).join(',\n')
    sections.push(
      lines([
        kind === 'v' || kind === 'm'
          ? `create ${what} ${name}${options ? ` with (${options})` : ''} as\n${bodies ? query?.replace(/\b[a-z]\./g, '') : query}`
          : `create table ${name} (\n${body}\n)${options ? ` with (${options})` : ''};`,
        secured ? `alter table ${name} enable row level security;` : null,
        forced ? `alter table ${name} force row level security;` : null,
        remark(`${what} ${name}`, comment),
        ...columns.map((row) => remark(`column ${name}.${row.column}`, row.comment)),
        ...constraints.map((row) => remark(`constraint ${row.name} on ${name}`, row.comment)),
        ...indexes.flatMap((row) => [`${row.definition};`, remark(`index ${row.name}`, row.comment)]),
        ...triggers.flatMap((row) => [
          `${row.definition};`,
          row.enabled === 'O'
            ? null
            : `-- trigger ${row.name} is ${row.enabled === 'D' ? 'disabled' : `enabled (${row.enabled})`}`,
          remark(`trigger ${row.name} on ${name}`, row.comment),
        ]),
        ...policies.flatMap((row) => [
          `create policy ${row.name} on ${name}${row.definition};`,
          remark(`policy ${row.name} on ${name}`, row.comment),
        ]),
        ...(await printGrants(sql, id, name ?? '')),
      ]),
    )
  }
  return sections
}

/** The privileges of roles other than the owner on a table, view or sequence, and on its columns. */
async function printGrants(sql: postgres.TransactionSql, oid: string, name: string): Promise<string[]> {
  const grants: Rows = await sql`
    with privileges as (
      select a.*, c.relowner as owner, null::name as column
      from pg_catalog.pg_class c
      cross join lateral pg_catalog.aclexplode(coalesce(c.relacl,
        pg_catalog.acldefault(case when c.relkind = 'S' then 's' else 'r' end::"char", c.relowner))) a
      where c.oid = ${oid}::oid
      union all
      select a.*, c.relowner, t.attname
      from pg_catalog.pg_attribute t join pg_catalog.pg_class c on c.oid = t.attrelid
      cross join lateral pg_catalog.aclexplode(t.attacl) a
      where t.attrelid = ${oid}::oid
    ), listed as (
      select ${grantee(sql)} as grantee, a.is_grantable as grantable, lower(a.privilege_type) as privilege,
        string_agg(pg_catalog.quote_ident(a.column), ', ' order by a.column collate "C") as columns
      from privileges a
      -- Postgres 17 added this privilege, and "grant all" includes it.
      where a.grantee <> a.owner and a.privilege_type <> 'MAINTAIN'
      group by 1, 2, 3, a.column is null
    )
    select grantee, grantable,
      string_agg(privilege || coalesce(' (' || columns || ')', ''), ', '
        order by privilege collate "C", columns collate "C") as privileges
    from listed group by 1, 2 order by 1, 2`
  return grants.map(
    (row) =>
      `grant ${row.privileges} on ${name} to ${row.grantee}${row.grantable ? ' with grant option' : ''};`,
  )
}

async function printFunctions(sql: postgres.TransactionSql, bodies: boolean): Promise<string[]> {
  const functions: Rows = await sql`
    select p.oid,
      case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end as kind,
      n.nspname || '.' || pg_catalog.quote_ident(p.proname) as name,
      pg_catalog.pg_get_function_arguments(p.oid) as arguments,
      pg_catalog.pg_get_function_identity_arguments(p.oid) as identity,
      pg_catalog.pg_get_function_result(p.oid) as result,
      concat_ws(' ', 'language ' || l.lanname,
        case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
        case when p.proisstrict then 'strict' end,
        case when p.prosecdef then 'security definer' else 'security invoker' end,
        case when p.proleakproof then 'leakproof' end,
        case p.proparallel when 's' then 'parallel safe' when 'r' then 'parallel restricted' end) as attributes,
      (select string_agg(E'\n  set ' || regexp_replace(setting, '=', ' = '), '') from unnest(p.proconfig) setting) as settings,
      coalesce(p.prosrc, '') || coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), '') as body,
      pg_catalog.obj_description(p.oid, 'pg_proc') as comment
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    join pg_catalog.pg_language l on l.oid = p.prolang
    where n.nspname in ${sql(SCHEMAS)}
    order by n.nspname collate "C", p.proname collate "C", identity`
  const sections: string[] = []
  for (const row of functions) {
    const grants: Rows = await sql`
      select ${grantee(sql)} as grantee
      from pg_catalog.pg_proc p
      cross join lateral pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
      where p.oid = ${row.oid ?? ''}::oid and a.grantee <> p.proowner
      order by 1`
    const signature = `${row.kind} ${row.name}(${row.identity})`
    const result = row.result ? `\n  returns ${row.result}` : ''
    sections.push(
      lines([
        `create ${row.kind} ${row.name}(${row.arguments})${result}\n  ${row.attributes}${row.settings ?? ''}${
          bodies ? `\nas $body$${row.body}$body$` : ''
        };`,
        remark(signature, row.comment),
        ...grants.map((grant) => `grant execute on ${signature} to ${grant.grantee};`),
      ]),
    )
  }
  return sections
}

/** The grantee of an exploded access list `a`. */
function grantee(sql: postgres.TransactionSql) {
  return sql`(case when a.grantee = 0 then 'public' else a.grantee::regrole::text end collate "C")`
}

function remark(what: string, comment: string | null | undefined): string | null {
  return comment ? `comment on ${what} is '${comment.replaceAll("'", "''")}';` : null
}

function lines(parts: (string | null)[]): string {
  return parts.filter((part) => part !== null).join('\n')
}
