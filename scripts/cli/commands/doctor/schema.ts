/** How the schema of a database differs from the one of this release. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import {
  compareSchema,
  EXTRA_RIGHTS_QUERY,
  EXTRA_ROLES_QUERY,
  type ExtraRight,
  SCHEMA_PARTS_FILE,
  SCHEMA_PARTS_QUERY,
  type SchemaDifference,
  type SchemaParts,
} from '../../support/schema-parts.ts'
import { LEDGER, migrationsDirectory, packageRoot } from '../migrate.ts'
import type { Report } from './report.ts'

/** What `checkInstallation` finds. Only the schema of this release can be compared. */
export type Installation = 'none' | 'this release' | 'another release'

/** Returns which release is installed, and reports what is missing. */
export async function checkInstallation(client: pg.Client, report: Report): Promise<Installation> {
  const migrate = 'Run: pg-payments migrate'
  const { rows: parts } = await client.query<{ schema: boolean; ledger: boolean; ours: boolean }>(
    // to_regclass would raise for a login without usage on the schema, which is a finding of its own.
    `select coalesce(bool_or(n.nspname = 'payments' and c.relname = 'webhook_events'), false) as schema,
      coalesce(bool_or(n.nspname = $1 and c.relname = $2), false) as ledger,
      exists (
        select from pg_type t join pg_namespace s on s.oid = t.typnamespace
        where s.nspname = 'payments' and t.typname = 'billing_subject') as ours
    from pg_class c join pg_namespace n on n.oid = c.relnamespace`,
    [LEDGER.schema, LEDGER.table],
  )
  if (!parts[0]?.schema) {
    report.fail('schema', 'The payments schema is not in this database.', migrate)
    return 'none'
  }
  if (!parts[0].ours) {
    report.fail(
      'schema',
      'The schema payments in this database is that of another product, for example InsForge.',
      'Use a database of its own for pg-payments. If nothing uses that schema, run in psql: alter schema payments rename to payments_before; Then run: pg-payments migrate',
    )
    return 'none'
  }
  const files = (await readdir(migrationsDirectory())).filter((file) => file.endsWith('.sql')).sort()
  const names = files.map((file) => file.slice(0, -'.sql'.length))
  if (parts[0].ledger) {
    const { rows } = await client
      .query<{ name: string }>(`select name from ${LEDGER.schema}.${LEDGER.table} order by name`)
      .catch(() => ({ rows: null }))
    const applied = rows?.map(({ name }) => name)
    const missing = applied ? names.filter((name) => !applied.includes(name)) : []
    const unknown = applied ? applied.filter((name) => !names.includes(name)) : []
    if (missing.length > 0)
      report.fail('schema', `These migrations are not applied: ${missing.join(', ')}.`, migrate)
    if (unknown.length > 0) {
      report.warn(
        'schema',
        `The database is ahead of this release: it also has ${unknown.join(', ')}.`,
        'Install the newest pg-payments here.',
      )
    }
    if (missing.length + unknown.length > 0) return 'another release'
  }
  return 'this release'
}

/** Compares the schema and its rights with this release. */
export async function checkSchema(client: pg.Client, report: Report): Promise<void> {
  reportDifferences(await differences(client), report)
  await checkRights(client, report)
}

/** Rights beyond those of the release: they let others forge payments or read secrets. */
async function checkRights(client: pg.Client, report: Report): Promise<void> {
  const parts = Object.keys(await releasedParts())
  const { rights, roles } = await withoutSearchPath(client, async () => ({
    rights: (await client.query<ExtraRight>(EXTRA_RIGHTS_QUERY, [parts])).rows,
    roles: (await client.query<ExtraRight>(EXTRA_ROLES_QUERY)).rows,
  }))
  if (rights.length > 0) {
    const names = namesOf(rights.map(({ right }) => ({ part: right, expected: '', found: right })))
    report.fail(
      'rights',
      `These rights are not of pg-payments, and let others change payments or read secrets: ${names}.`,
      'Run: pg-payments migrate --again, which revokes them. README.md says how the browser may read instead.',
    )
  }
  for (const { right, statement } of roles)
    report.fail(
      'rights',
      `The role ${right}, which lets app users past the grants.`,
      `Run in psql: ${statement}`,
    )
  if (rights.length + roles.length === 0) report.ok('rights', 'none beyond those of this release')
}

/** Runs `work` in a transaction in which Postgres prints every name with its schema. */
export async function withoutSearchPath<Result>(
  client: pg.Client,
  work: () => Promise<Result>,
): Promise<Result> {
  await client.query('begin read only')
  try {
    // The definitions of this release were listed without quotes that are not needed.
    await client.query(
      `select set_config('search_path', '', true), set_config('quote_all_identifiers', 'off', true)`,
    )
    return await work()
  } finally {
    await client.query('rollback')
  }
}

/** What the schemas of this release are made of. */
export async function releasedParts(): Promise<SchemaParts> {
  return JSON.parse(await readFile(join(packageRoot(), SCHEMA_PARTS_FILE), 'utf8'))
}

/** How the schemas differ from those of this release. */
async function differences(client: pg.Client): Promise<SchemaDifference[]> {
  const expected = await releasedParts()
  return withoutSearchPath(client, async () => {
    const { rows } = await client.query<{ part: string; definition: string }>(SCHEMA_PARTS_QUERY, [true])
    return compareSchema(expected, Object.fromEntries(rows.map(({ part, definition }) => [part, definition])))
  })
}

/** A finding names at most this many parts. */
const NAMES_SHOWN_MAX = 5

/** The names of parts. Several grants on single columns of one table count as one name. */
function namesOf(differences: SchemaDifference[]): string {
  const whole = (part: string) => part.replace(/^(grant \w+) \(.+?\) on /, '$1 on ')
  const many = (part: string) => differences.filter((other) => whole(other.part) === whole(part)).length > 1
  const parts = [...new Set(differences.map(({ part }) => (many(part) ? whole(part) : part)))]
  return `${parts.slice(0, NAMES_SHOWN_MAX).join(', ')}${parts.length > NAMES_SHOWN_MAX ? ` and ${parts.length - NAMES_SHOWN_MAX} more` : ''}`
}

function reportDifferences(all: SchemaDifference[], report: Report): void {
  const again = 'pg-payments migrate --again'
  const isTable = ({ part }: SchemaDifference) => /^(column|constraint) /.test(part)
  const isDefaultPolicy = ({ part, expected }: SchemaDifference) =>
    part.startsWith('policy ') && / to .*\b(anon|authenticated)\b/.test(expected)

  const ofTables = all.filter((difference) => isTable(difference) && difference.found === null)
  const otherwise = all.filter((difference) => isTable(difference) && difference.found !== null)
  const policies = all.filter(isDefaultPolicy)
  const restored = all.filter((difference) => !isTable(difference) && !isDefaultPolicy(difference))
  if (ofTables.length > 0) {
    const statements = ofTables.slice(0, NAMES_SHOWN_MAX).map(additionOf)
    report.fail(
      'schema',
      `The database lacks ${namesOf(ofTables)}.`,
      `Run in psql: ${statements.join(' ')} Then run: ${again}`,
    )
  }
  for (const { part, expected, found } of otherwise.slice(0, NAMES_SHOWN_MAX)) {
    report.fail(
      'schema',
      `The ${part} is ${found}, and in this release ${expected}.`,
      'Change it back in psql; sql/schema.sql of the package shows the schema of this release.',
    )
  }
  const lost = restored.filter(({ found }) => found === null)
  const changed = restored.filter(({ found }) => found !== null)
  if (lost.length > 0) report.fail('schema', `The database lacks ${namesOf(lost)}.`, `Run: ${again}`)
  if (changed.length > 0)
    report.fail('schema', `These differ from this release: ${namesOf(changed)}.`, `Run: ${again}`)
  if (policies.length > 0) {
    report.warn(
      'schema',
      `These default policies were dropped or changed: ${namesOf(policies)}.`,
      `If you changed them on purpose, ignore this. Otherwise run: ${again} --with-policies`,
    )
  }
  if (all.length === 0) report.ok('schema', 'the same as in this release')
}

/** The statement that restores a column or a constraint. */
function additionOf({ part, expected }: SchemaDifference): string {
  const [, table, column] = /^column (.+)\.([^.]+)$/.exec(part) ?? []
  if (column !== undefined) return `alter table ${table} add column ${column} ${expected};`
  const [, constraint, of] = /^constraint (.+) on (.+)$/.exec(part) ?? []
  return `alter table ${of} add constraint ${constraint} ${expected};`
}
