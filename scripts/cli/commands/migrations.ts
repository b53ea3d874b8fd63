/**
 * `pg-payments migrations copy --to <dir>` copies the migrations, for projects that apply them with their own tool.
 *
 * Supabase reads files named `<digits>_name.sql`, and node-pg-migrate sorts by the digits. Both refuse or skip a file
 * that sorts before one they have applied. So the prefix of a copy is the time of copying, in as many digits as the
 * folder's files have, and after all of them. The rest of the name identifies the copy later.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join, resolve, sep } from 'node:path'
import type { Command } from 'commander'
import { action } from '../support/context.ts'
import { cliError } from '../support/errors.ts'
import { makeFolder } from '../support/folder.ts'
import { count } from '../support/output.ts'
import { migrationsDirectory } from './migrate.ts'

export function registerMigrations(program: Command): void {
  program
    .command('migrations')
    .description('the SQL files of the schema')
    .command('copy')
    .description('copy the migrations into those of your project')
    .requiredOption(
      '--to <directory>',
      'the target folder, for example supabase/migrations; existing files stay',
    )
    .addHelpText(
      'after',
      `
Each copy is named <time>_pg_payments_<number>_<name>.sql, a form that the Supabase CLI and node-pg-migrate accept. It sorts
after every migration in the folder. After an update of pg-payments, run the command again: it copies the new migrations.

graphile-migrate accepts only its own files in committed/. Paste the migrations into current.sql, without the lines that
begin with "--!", and commit that; or run "pg-payments migrate" beside it.
`,
    )
    .action(
      action<{ to: string }, []>(async (context) => {
        const { copied, kept } = await copyMigrations(context.options.to, {
          confirmOverwrite: (file) =>
            context.confirm(
              `${file} differs from this version of pg-payments, and a database that has applied it does not apply it again. Overwrite it?`,
            ),
        })
        context.show({ copied, kept }, () =>
          copied.length === 0
            ? `Nothing to copy: ${context.options.to} has every migration.`
            : [`Copied ${count(copied.length, 'file')} to ${context.options.to}:`, ...copied].join('\n'),
        )
      }),
    )
}

export type CopyOptions = {
  /** Asks before a changed copy is overwritten. Rejects when the answer is no. */
  confirmOverwrite: (file: string) => Promise<void>
  now?: number
  /** Where the migrations are. Default: `sql/committed` of this package. */
  from?: string
}

/** Names of the files that were written, and of those that were there already. */
export type Copied = { copied: string[]; kept: string[] }

/** Copies each migration to a folder once. */
export async function copyMigrations(
  to: string,
  { confirmOverwrite, now = Date.now(), from = migrationsDirectory() }: CopyOptions,
): Promise<Copied> {
  const copied: string[] = []
  const kept: string[] = []
  try {
    const ours = (await readdir(from)).filter((name) => name.endsWith('.sql')).sort()
    const there = await readdir(to).catch((error) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    })
    await refuseGraphileMigrate(to, there, ours)
    await makeFolder(to)
    const nextPrefix = prefixesAfter(there, to, now)
    for (const file of ours) {
      const text = await readFile(join(from, file), 'utf8')
      const copy = there.find((name) => isCopyOf(name, file))
      if (copy === undefined) {
        const name = `${nextPrefix()}_${copyName(file)}`
        await writeFile(join(to, name), text, { flag: 'wx' })
        copied.push(name)
        continue
      }
      if ((await readFile(join(to, copy), 'utf8')) === text) {
        kept.push(copy)
        continue
      }
      await confirmOverwrite(join(to, copy))
      await writeFile(join(to, copy), text)
      copied.push(copy)
    }
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException
    if (name === 'CliError') throw error
    throw cliError(`The migrations cannot be written to ${to}${code ? ` (${code})` : ''}.`, {
      next: 'Name a folder that you may write to.',
    })
  }
  return { copied, kept }
}

/** For example `pg_payments_000001_tables.sql` for `000001-payments-tables.sql`. */
function copyName(file: string): string {
  const [, number = '', name = ''] = /^(\d+)(?:-payments)?-?(.*)\.sql$/.exec(file) ?? []
  return `${['pg_payments', number, name.replace(/\W+/g, '_')].filter(Boolean).join('_')}.sql`
}

/** Compares the number, because the words after it may change. A file that was copied by hand keeps its name. */
function isCopyOf(name: string, file: string): boolean {
  const [number = ''] = /^\d+/.exec(file) ?? []
  return name === file || new RegExp(`^\\d+_pg_payments_${number}(_\\w+)?\\.sql$`).test(name)
}

/** graphile-migrate keeps a chain of hashes over its `committed/`, which any other file there breaks. */
async function refuseGraphileMigrate(to: string, there: string[], ours: string[]): Promise<void> {
  const folder = resolve(to)
  const theirs = there.filter((name) => /^\d{6}(-.*)?\.sql$/.test(name) && !ours.includes(name))
  const [first = ''] = await Promise.all(
    theirs.slice(0, 1).map((name) => readFile(join(folder, name), 'utf8')),
  )
  const isCommitted =
    basename(folder) === 'committed' &&
    ['current.sql', 'current'].some((name) => existsSync(join(folder, '..', name)))
  if (!isCommitted && !first.startsWith('--! Previous:')) return
  throw cliError(`${to} belongs to graphile-migrate, which accepts only its own files there.`, {
    code: 'GRAPHILE_MIGRATE',
    next: 'Paste the files of sql/committed into its current.sql, without the lines that begin with "--!", and commit that; or run "pg-payments migrate" beside it.',
  })
}

/**
 * Returns prefixes that ascend and sort after every file in the folder, as numbers (node-pg-migrate) and as text
 * (Supabase). The folder's last file decides the format. 13 digits are milliseconds, 14 a time in UTC, 17 the same
 * with milliseconds, and any other count is a plain number. node-pg-migrate converts 17 digits to 13.
 */
export function prefixesAfter(there: string[], to: string, now: number): () => string {
  const last = there
    .flatMap((name) => /^(\d+)[_-]/.exec(name)?.[1] ?? [])
    .reduce<string | undefined>(
      (one, other) => (one && sortValue(one) >= sortValue(other) ? one : other),
      undefined,
    )
  // In an empty folder, 14 digits suit Supabase, and 17 sort before what either tool adds later.
  const kind = last?.length ?? (resolve(to).split(sep).includes('supabase') ? 14 : 17)
  if (kind === 13) return counter(Math.max(now, Number(last) + 1), 1, String)
  if (kind === 14 || kind === 17) {
    const digits = (instant: number) => new Date(instant).toISOString().replace(/\D/g, '').slice(0, kind)
    const step = kind === 14 ? 1000 : 1
    return counter(last ? Math.max(now, instantOf(last) + step) : now, step, digits)
  }
  return counter(Number(last) + 1, 1, (value) => String(value).padStart(kind, '0'))
}

function counter(start: number, step: number, print: (value: number) => string): () => string {
  let value = start - step
  return () => {
    value += step
    return print(value)
  }
}

/** The number by which node-pg-migrate sorts. */
const sortValue = (prefix: string) => (prefix.length === 17 ? instantOf(prefix) : Number(prefix))

/** The instant of `yyyymmddhhmmss`, with or without milliseconds. A made-up minute 75 is minute 15 of the next hour. */
function instantOf(digits: string): number {
  const [year, month, day, hour, minute, second, ms] = [0, 4, 6, 8, 10, 12, 14].map((start, i) =>
    Number(digits.slice(start, [4, 6, 8, 10, 12, 14, 17][i])),
  ) as [number, number, number, number, number, number, number]
  return Date.UTC(year, month - 1, day, hour, minute, second, ms)
}
