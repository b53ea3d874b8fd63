import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { committedMigrations, ROOT } from '../../scripts/generators/sources.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'

const run = promisify(execFile)
let database: TestDatabase
let place: string

beforeAll(async () => {
  database = await createTestDatabase({ migrated: false })
  // As npm lays the package out: dist and sql side by side, and no source.
  place = await mkdtemp(join(tmpdir(), 'pg-payments-package-'))
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
  const compiler = join(typescript, 'bin', 'tsc')
  await run(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', join(place, 'dist')], {
    cwd: ROOT,
  })
  for (const path of ['package.json', 'sql'])
    await cp(join(ROOT, path), join(place, path), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(place, 'node_modules'))
})
afterAll(async () => {
  await database?.close()
  await rm(place, { recursive: true, force: true })
})

test('the command line of the built package migrates, from whatever directory it is called', async () => {
  const names = (await committedMigrations()).map(({ file }) => file.replace(/\.sql$/, ''))
  const { stdout, stderr } = await run(
    process.execPath,
    [join(place, 'dist', 'scripts', 'cli.js'), 'migrate'],
    {
      cwd: tmpdir(),
      env: { ...process.env, DATABASE_URL: database.url },
    },
  )
  expect(stderr).toBe('')
  expect(stdout.split('\n').slice(0, names.length)).toEqual(names.map((name) => `Applied ${name}`))
  expect(await database.sql`select to_regclass('payments.webhook_events') is not null as there`).toEqual([
    { there: true },
  ])
})
