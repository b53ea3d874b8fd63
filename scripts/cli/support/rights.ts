/** Takes away the rights that no release has given. */
import { readFile } from 'node:fs/promises'
import type pg from 'pg'
import { EXTRA_RIGHTS_QUERY, type ExtraRight, type SchemaParts } from './schema-parts.ts'

/** The rights and policies beyond those of the release, which `partsFile` lists. */
export async function extraRights(client: pg.Client, partsFile: string): Promise<ExtraRight[]> {
  const parts = JSON.parse(await readFile(partsFile, 'utf8')) as SchemaParts
  // The release lists its rights with schemas, and without quotes that are not needed.
  const { rows: settings } = await client.query<{ path: string; quotes: string }>(
    `select current_setting('search_path') as path, set_config('search_path', '', true),
      current_setting('quote_all_identifiers') as quotes, set_config('quote_all_identifiers', 'off', true)`,
  )
  const { rows } = await client.query<ExtraRight>(EXTRA_RIGHTS_QUERY, [Object.keys(parts)])
  await client.query(
    `select set_config('search_path', $1, true), set_config('quote_all_identifiers', $2, true)`,
    [settings[0]?.path, settings[0]?.quotes],
  )
  return rows
}

/**
 * Revokes what is left of them, and returns a sentence for each that was there `before` the migrations, whose files
 * revoke most. A right that another role granted may remain.
 */
export async function revokeExtraRights(
  client: pg.Client,
  partsFile: string,
  before: ExtraRight[],
): Promise<string[]> {
  const left = before.length > 0 ? await extraRights(client, partsFile) : []
  for (const { statement } of left) {
    await client.query('savepoint revocation')
    await client.query(statement).catch(() => client.query('rollback to savepoint revocation'))
  }
  const remaining = (left.length > 0 ? await extraRights(client, partsFile) : []).map(({ right }) => right)
  return before.map(({ right, statement }) =>
    remaining.includes(right)
      ? `The ${right} could not be revoked. Run as the role that granted it: ${statement}`
      : `Revoked, because this version does not give it: ${right}`,
  )
}

/** Which of our three roles this login may not act as, and who may change that, as one sentence. */
export async function missingRoles(client: pg.Client, roleRights: string): Promise<string | undefined> {
  const { rows } = await client.query<{ role: string; exists: boolean; allowed: boolean; login: string }>(
    roleRights,
  )
  const missing = rows.filter(({ exists, allowed }) => exists && !allowed)
  if (missing.length === 0) return undefined
  const roles = missing.map(({ role }) => role).join(', ')
  const login = missing[0]?.login ?? ''
  const { rows: admins } = await client.query<{ name: string }>(
    `select m.rolname as name from pg_catalog.pg_auth_members a
    join pg_catalog.pg_roles m on m.oid = a.member join pg_catalog.pg_roles g on g.oid = a.roleid
    where a.admin_option and g.rolname = any ($1) group by 1 having count(distinct g.oid) = cardinality($1) order by 1`,
    [missing.map(({ role }) => role)],
  )
  const who = ['a superuser', ...admins.map(({ name }) => name)].join(' or ')
  return `The login ${login} may not act as ${roles}. If the handlers use this login, run as ${who}: grant ${roles} to "${login}";`
}
