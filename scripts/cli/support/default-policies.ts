/**
 * Keeps the default policies for app users as the owner of the database left them while migrations are applied again.
 */
import type pg from 'pg'

type Policy = {
  /** For example `insert_own on payments.stripe_checkout_sessions`, quoted where needed. */
  name: string
  /** The statement that creates it. */
  statement: string
}

/** The policies for app users on our public tables, by name. */
export async function userPolicies(client: pg.Client): Promise<Map<string, Policy>> {
  // Without a search path, Postgres prints every name in the expressions with its schema.
  const { rows: path } = await client.query<{ before: string }>(
    `select current_setting('search_path') as before, set_config('search_path', '', true)`,
  )
  const { rows } = await client.query<Policy>(
    `select p.name, format('create policy %s as %s for %s to %s', p.name, p.permissive, p.cmd, p.roles)
        || coalesce(' using (' || p.qual || ')', '') || coalesce(' with check (' || p.with_check || ')', '') as statement
    from (
      select format('%I on %I.%I', policyname, schemaname, tablename) as name, permissive, cmd, qual, with_check,
        (select string_agg(case when r = 'public' then r::text else quote_ident(r) end, ', ') from unnest(roles) as r) as roles
      from pg_catalog.pg_policies
      where schemaname = 'payments' and roles && array['anon', 'authenticated', 'public']::name[]
    ) as p order by p.name`,
  )
  await client.query(`select set_config('search_path', $1, true)`, [path[0]?.before])
  return new Map(rows.map((policy) => [policy.name, policy]))
}

/** Makes the policies what they were. Returns a sentence for each that differs from this version. */
export async function restorePolicies(client: pg.Client, before: Map<string, Policy>): Promise<string[]> {
  const lines: string[] = []
  for (const { name, statement } of (await userPolicies(client)).values()) {
    const earlier = before.get(name)
    if (earlier?.statement === statement) continue
    await client.query(`drop policy ${name}`)
    if (earlier) await client.query(earlier.statement)
    lines.push(
      `The policy ${name} is still ${earlier ? 'your own version' : 'dropped'}; --with-policies restores that of this version.`,
    )
  }
  return lines
}
