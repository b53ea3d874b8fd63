/**
 * `npm run migration:commit -- "what it does"`, `npm run migration:uncommit` and `npm run migration -- <command>`: runs
 * graphile-migrate with the databases that it needs, created for this one command.
 */
import { spawn } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { generate } from './generate.ts'
import { withAuthoringDatabases } from './generators/scratch.ts'
import {
  committedMigrations,
  currentMigration,
  forgottenFixtures,
  problemsOfMigration,
  ROOT,
  SQL,
} from './generators/sources.ts'

const require = createRequire(import.meta.url)
const CURRENT = join(SQL, 'current')

/**
 * Freezes `sql/current` and the fixtures that it includes into the next file of `sql/committed`. Changed fixtures that
 * no line includes are included at the end, except with `--without-fixtures`, which leaves them to a later migration.
 */
async function commit(message: string, { withFixtures = true } = {}): Promise<void> {
  if (!message) throw new Error('Say what the migration does: npm run migration:commit -- "add refunds"')
  const before = await readCurrent()
  try {
    // The comment of an empty migration is not part of the next one.
    for (const [file, text] of before) {
      if (text.replace(/^\s*--.*$/gm, '').trim() === '' && !/^--!/m.test(text)) await rm(join(CURRENT, file))
    }
    const forgotten = withFixtures ? await forgottenFixtures() : []
    if (forgotten.length > 0) {
      console.log(`Including what changed in sql/fixtures: ${forgotten.join(', ')}`)
      await writeFile(
        join(CURRENT, '999999-fixtures.sql'),
        `${forgotten.map((name) => `--! include ${name}`).join('\n')}\n`,
      )
    }
    const current = await currentMigration()
    if (!current) throw new Error('sql/current is empty and no fixture changed: there is nothing to commit.')
    const problems = problemsOfMigration(current)
    if (problems.length > 0) throw new Error(problems.map((problem) => `sql/current ${problem}.`).join('\n'))
    await graphileMigrate(['commit', '--message', message])
  } catch (error) {
    // graphile-migrate would leave the text of the fixtures instead of their include lines.
    await restoreCurrent(before)
    throw error
  }
  const newest = (await committedMigrations()).at(-1)
  if (newest) await chmod(join(SQL, 'committed', newest.file), 0o644)
  await report()
}

/** Moves the newest file of `sql/committed` back to `sql/current`. Use it only before that file is released. */
async function uncommit(): Promise<void> {
  // Uncommitting also removes the migration from the ledger of a database, so the database must have it first.
  await graphileMigrate(['migrate'], ['uncommit'])
  await report()
}

/** Writes the generated files and prints which ones changed. */
async function report(): Promise<void> {
  const changed = await generate()
  if (changed.length > 0) console.log(`Written: ${changed.join(', ')}`)
}

type CurrentFiles = Map<string, string>

async function readCurrent(): Promise<CurrentFiles> {
  await mkdir(CURRENT, { recursive: true })
  const files = (await readdir(CURRENT)).filter((file) => file.endsWith('.sql'))
  return new Map(
    await Promise.all(
      files.map(async (file) => [file, await readFile(join(CURRENT, file), 'utf8')] as const),
    ),
  )
}

async function restoreCurrent(files: CurrentFiles): Promise<void> {
  for (const file of (await readCurrent()).keys()) if (!files.has(file)) await rm(join(CURRENT, file))
  for (const [file, text] of files) await writeFile(join(CURRENT, file), text)
}

/** Runs graphile-migrate's command line in the root of the repository, where `.gmrc` is. */
async function graphileMigrate(...commands: string[][]): Promise<void> {
  await withAuthoringDatabases(async ({ url, shadowUrl, rootUrl }) => {
    const env = {
      ...process.env,
      DATABASE_URL: url,
      SHADOW_DATABASE_URL: shadowUrl,
      ROOT_DATABASE_URL: rootUrl,
    }
    for (const args of commands) {
      const program = require.resolve('graphile-migrate/dist/cli.js')
      const child = spawn(process.execPath, [program, ...args], { cwd: ROOT, stdio: 'inherit', env })
      const code = await new Promise<number>((done) => child.once('close', (status) => done(status ?? 1)))
      if (code !== 0) throw new Error(`graphile-migrate ${args[0] ?? ''} failed; the reason is above.`)
    }
  })
}

const [command, ...rest] = process.argv.slice(2)
try {
  if (command === 'commit') {
    const message = rest.filter((word) => word !== '--without-fixtures').join(' ')
    await commit(message, { withFixtures: !rest.includes('--without-fixtures') })
  } else if (command === 'uncommit') await uncommit()
  else await graphileMigrate(['migrate'], process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
