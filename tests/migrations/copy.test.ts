/** `migrations copy`: what it names the copies, and what the tools of a project make of them. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runner } from 'node-pg-migrate'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { migrationsDirectory } from '../../scripts/cli/commands/migrate.ts'
import { type CopyOptions, copyMigrations } from '../../scripts/cli/commands/migrations.ts'
import { runCli } from '../cli/support.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'

const NOW = Date.UTC(2026, 9, 8, 7, 6, 5, 432)
/** What the Supabase CLI reads in supabase/migrations; it leaves everything else out. */
const OF_SUPABASE = /^([0-9]+)_(.*)\.sql$/

let place: string
let from: string
let to: string

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'pg-payments-copy-'))
  from = join(place, 'from')
  to = join(place, 'to')
  await writeAll(from, {
    '000001-payments-tables.sql': '--! Previous: -\n-- one\n',
    '000002-add-refunds.sql': '--! Previous: sha1:1\n-- two\n',
  })
})
afterEach(() => rm(place, { recursive: true, force: true }))

async function writeAll(folder: string, files: Record<string, string>): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
}
const refuse = async (file: string) => {
  throw new Error(`asked about ${file}`)
}
const copy = (options: Partial<CopyOptions> = {}) =>
  copyMigrations(to, { from, now: NOW, confirmOverwrite: refuse, ...options })

describe.each<[string, string, string[], string[]]>([
  ['nothing', 'db', [], ['20261008070605432', '20261008070605433']],
  ['nothing, of Supabase', 'supabase/migrations', [], ['20261008070605', '20261008070606']],
  ['times with seconds', 'db', ['20260101000000_app.sql'], ['20261008070605', '20261008070606']],
  ['times with milliseconds', 'db', ['20260101000000000_app.ts'], ['20261008070605432', '20261008070605433']],
  ['milliseconds since 1970', 'db', ['1700000000000_app.js'], [`${NOW}`, `${NOW + 1}`]],
  ['numbers', 'db', ['0001_app.sql', '0009_more.sql', 'README.md'], ['0010', '0011']],
  ['days', 'db', ['20260522_app.sql'], ['20260523', '20260524']],
  ['a time to come', 'db', ['20991231235959_app.sql'], ['21000101000000', '21000101000001']],
  ['a time that is none', 'db', ['20270101000075_app.sql'], ['20270101000116', '20270101000117']],
  ['milliseconds to come', 'db', ['4000000000000_app.sql'], ['4000000000001', '4000000000002']],
  [
    'first numbers, then times',
    'db',
    ['0001_app.sql', '20260101000000_app.sql'],
    ['20261008070605', '20261008070606'],
  ],
])('in a folder with %s', (_, folder, there, prefixes) => {
  beforeEach(async () => {
    to = join(place, folder)
    await writeAll(to, Object.fromEntries(there.map((name) => [name, '-- of the app\n'])))
  })

  test('the copies come last, in order, under names that Supabase reads', async () => {
    const { copied } = await copy()
    expect(copied).toEqual([
      `${prefixes[0]}_pg_payments_000001_tables.sql`,
      `${prefixes[1]}_pg_payments_000002_add_refunds.sql`,
    ])
    for (const name of copied) expect(name).toMatch(OF_SUPABASE)
    const numbered = (await readdir(to)).filter((name) => /^\d/.test(name)).sort()
    expect(numbered).toEqual([...there.filter((name) => /^\d/.test(name)), ...copied])
    expect(await readFile(join(to, copied[1] ?? ''), 'utf8')).toContain('-- two')
  })

  test('copying again changes nothing, and a later release adds what is new', async () => {
    const { copied } = await copy()
    expect(await copy({ now: NOW + 60_000 })).toEqual({ copied: [], kept: copied })
    await writeAll(from, { '000003-more.sql': '-- three\n' })
    const later = await copy({ now: NOW + 60_000 })
    expect(later).toEqual({ copied: [expect.stringMatching(/_pg_payments_000003_more\.sql$/)], kept: copied })
    expect(
      (await readdir(to))
        .filter((name) => /^\d/.test(name))
        .sort()
        .at(-1),
    ).toBe(later.copied[0])
  })
})

test('a copy that was changed is overwritten after a yes only, under its name', async () => {
  const { copied } = await copy()
  const first = join(to, copied[0] ?? '')
  await writeFile(first, '-- changed\n')
  await expect(copy()).rejects.toMatchObject({ message: expect.stringContaining('cannot be written') })
  const { code, err } = await runCli(['migrations', 'copy', '--to', to])
  expect({ code, err }).toEqual({
    code: 1,
    err: `${first} differs from this version of pg-payments, and a database that has applied it does not apply it again. Overwrite it: this needs confirmation.\nAdd --yes.\n`,
  })
  expect(await readFile(first, 'utf8')).toBe('-- changed\n')
  expect(await copy({ confirmOverwrite: async () => {} })).toEqual({ copied: [copied[0]], kept: [copied[1]] })
  expect(await readFile(first, 'utf8')).toContain('-- one')
})

test('copies made by hand, and copies whose words were changed, are known again', async () => {
  await writeAll(to, {
    '000001-payments-tables.sql': '--! Previous: -\n-- one\n',
    '0002_pg_payments_000002_billing.sql': '--! Previous: sha1:1\n-- two\n',
  })
  expect(await copy()).toEqual({
    copied: [],
    kept: ['000001-payments-tables.sql', '0002_pg_payments_000002_billing.sql'],
  })
})

describe('a folder of graphile-migrate is refused', () => {
  const refusal = {
    code: 'GRAPHILE_MIGRATE',
    message: expect.stringContaining('belongs to graphile-migrate, which accepts only its own files there.'),
    next: expect.stringContaining('into its current.sql'),
  }
  test('when it has migrations', async () => {
    await writeAll(to, { '000001.sql': '--! Previous: -\n--! Hash: sha1:2\n\n-- of the app\n' })
    await expect(copy()).rejects.toMatchObject(refusal)
    expect(await readdir(to)).toEqual(['000001.sql'])
  })
  test('when it is new', async () => {
    await writeAll(place, { 'current.sql': '-- Enter migration here\n' })
    to = join(place, 'committed')
    await expect(copy()).rejects.toMatchObject(refusal)
  })
})

test('a folder that cannot be written to is an error with a next step', async () => {
  await writeAll(place, { to: 'a file' })
  await expect(copy()).rejects.toMatchObject({
    message: `The migrations cannot be written to ${to} (ENOTDIR).`,
    next: 'Name a folder that you may write to.',
  })
})

describe('node-pg-migrate', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createTestDatabase({ migrated: false })
  })
  afterAll(() => database.close())

  test.each([
    ['1700000000000', `${NOW + 86_400_000}`],
    ['20250101000000', '20261009000000'],
    ['20250101000000000', '20261009000000000'],
    ['0001', '0900'],
  ])(
    'applies the copies after what it has applied as %s, and what is written later as %s',
    async (first, later) => {
      const schema = `app_${first}`
      const run = async () =>
        (
          await runner({
            databaseUrl: database.url,
            dir: to,
            direction: 'up',
            migrationsTable: 'applied',
            migrationsSchema: schema,
            createMigrationsSchema: true,
            logger: { debug() {}, info() {}, warn() {}, error() {} },
          })
        ).map(({ name }) => name)
      await writeAll(to, { [`${first}_app.sql`]: `create table ${schema}.first (id int);` })
      expect(await run()).toEqual([`${first}_app`])
      const { copied } = await copy({ from: migrationsDirectory() })
      expect(await run()).toEqual(copied.map((name) => name.replace(/\.sql$/, '')))
      await writeAll(to, { [`${later}_later.sql`]: `create table ${schema}.later (id int);` })
      expect(await run()).toEqual([`${later}_later`])
      expect(await database.sql`select to_regclass('payments.webhook_events') is not null as there`).toEqual([
        { there: true },
      ])
    },
  )
})

test('a file of the project that only mentions a copy is not taken for one', async () => {
  const theirs = [
    '20260101000000_undo_pg_payments_000001.sql',
    '20260101000001_pg_payments_000001_x.down.sql',
  ]
  await writeAll(to, Object.fromEntries(theirs.map((name) => [name, '-- theirs\n'])))
  const { copied, kept } = await copy()
  expect(copied).toHaveLength(2)
  expect(kept).toEqual([])
})
