import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LEDGER, migrate } from '../../scripts/cli/commands/migrate.ts'
import { committedMigrations } from '../../scripts/dev/generators/sources.ts'
import { runCli } from '../cli/support.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'

let database: TestDatabase
let names: string[]

beforeAll(async () => {
  database = await createTestDatabase({ migrated: false })
  names = (await committedMigrations()).map(({ file }) => file.replace(/\.sql$/, ''))
  expect(names.length, 'sql/committed is empty').toBeGreaterThan(0)
})
afterAll(() => database.close())

/** Runs the command with these variables of the environment. */
async function run(args: string[], env: Record<string, string> = {}) {
  const { code, out, err } = await runCli(['migrate', ...args], { env })
  return { code, out, err }
}

describe('pg-payments migrate', () => {
  test('without a database URL it says which variable to set', async () => {
    expect(await run([])).toEqual({
      code: 3,
      out: '',
      err: 'The migration works on the database itself, and none is named.\nSet DATABASE_URL, or pass --database-url.\n',
    })
  })

  test('a URL that is none is refused without repeating it', async () => {
    const { code, err } = await run(['--database-url', 'my-secret-password@host'])
    expect(code).toBe(1)
    expect(err).toBe(
      'The database URL is not a Postgres connection string. It looks like postgres://user@host:5432/database, with :password after the user.\n',
    )
  })

  test('a server that is not there is an error in one sentence, without the password', async () => {
    const { code, err } = await run(['--database-url', 'postgres://me:secret@127.0.0.1:1/app'])
    expect(code).toBe(1)
    expect(err).toBe(
      'Nothing accepts connections at 127.0.0.1:1. Is Postgres running, and is the address right?\n',
    )
  })

  test('a database that is not there is named', async () => {
    const { code, err } = await run(['--database-url', database.url.replace(/\/[^/]*$/, '/no_such_database')])
    expect(code).toBe(1)
    expect(err).toBe(
      'The database no_such_database does not exist. Create it first, or check the database URL.\n',
    )
  })

  test('a wrong password is an error in one sentence', async () => {
    await database.sql.unsafe(`create role wrong_password_tester login password 'right'`)
    try {
      const url = new URL(database.url)
      url.username = 'wrong_password_tester'
      url.password = 'not-it'
      const { code, err } = await run(['--database-url', url.href])
      expect(code).toBe(1)
      expect(err).toBe('Postgres refused the password of wrong_password_tester. Check the database URL.\n')
    } finally {
      await database.sql.unsafe('drop role wrong_password_tester')
    }
  })

  test('it applies what is pending to DATABASE_URL and then has nothing to do', async () => {
    const env = { DATABASE_URL: database.url }
    expect(await run([], env)).toEqual({
      code: 0,
      out: [
        ...names.map((name) => `Applied ${name}`),
        `Applied ${names.length} ${names.length === 1 ? 'migration' : 'migrations'}: the database is up to date.\n`,
      ].join('\n'),
      err: '',
    })
    expect(await run([], env)).toEqual({
      code: 0,
      out: 'Nothing to apply: the database is up to date.\n',
      err: '',
    })
    expect(await run(['--json'], env)).toEqual({ code: 0, out: '{\n  "applied": []\n}\n', err: '' })
  })

  test('it applies everything again when asked to', async () => {
    const env = { DATABASE_URL: database.url }
    expect(await run(['--again'], env)).toEqual({
      code: 0,
      out: [
        ...names.map((name) => `Applied ${name} again`),
        'The grants of pg-payments were reset to this version; its policies for app users are as they were.',
        `Applied ${names.length} ${names.length === 1 ? 'migration' : 'migrations'} again: the database is up to date.\n`,
      ].join('\n'),
      err: '',
    })
    const { out } = await run(['--again', '--json'], env)
    expect(JSON.parse(out)).toEqual({ applied: [], appliedAgain: names })
    expect((await run(['--again', '--with-policies'], env)).out).toContain(
      'The policies and grants of pg-payments were reset to this version; make your own changes to them again.',
    )
  })

  test('default policies are restored only together with everything else', async () => {
    expect(await run(['--with-policies'], { DATABASE_URL: database.url })).toEqual({
      code: 1,
      out: '',
      err: 'The option --with-policies is for --again.\nRun: pg-payments migrate --again --with-policies\n',
    })
  })

  test('its ledger is closed to everybody but the owner', async () => {
    const ledger = `${LEDGER.schema}.${LEDGER.table}`
    const [row] = await database.sql`
      select relrowsecurity, relacl is null or not exists (
        select from aclexplode(relacl) where grantee <> relowner) as closed
      from pg_class where oid = ${ledger}::text::regclass`
    expect(row).toEqual({ relrowsecurity: true, closed: true })
  })

  test('a database that is ahead of the package is left alone, with a word about it', async () => {
    const { sql, url } = database
    await sql.unsafe(
      `insert into ${LEDGER.schema}.${LEDGER.table} (name, run_on) values ('999999-future', now())`,
    )
    const lines: string[] = []
    expect(await migrate({ databaseUrl: url, log: (line) => lines.push(line) })).toEqual({ applied: [] })
    expect(lines).toEqual([
      'This database is ahead of this version of pg-payments: it also has 999999-future',
    ])
    await expect(migrate({ databaseUrl: url, again: true })).rejects.toThrow(
      'This database is ahead of this version of pg-payments: it also has 999999-future. Nothing was changed. Apply the migrations again with the newest version.',
    )
  })

  test('a migration that does not end is not waited for without end', async () => {
    const { sql, url } = database
    await sql.begin(async (transaction) => {
      await transaction`select pg_advisory_xact_lock(hashtextextended('pg-payments migrate', 0))`
      await expect(migrate({ databaseUrl: url, lockTimeoutMs: 1 })).rejects.toThrow(
        'Another migration of this database is still running. Nothing was changed. Try again when it has ended.',
      )
    })
  })
})
