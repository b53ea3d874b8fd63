/** `pg-payments migrations copy --to <dir>`: the migrations as files, for projects that install them with a tool of their own. */
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Command } from 'commander'
import { action } from './_shared/context.ts'
import { cliError } from './_shared/errors.ts'
import { count } from './_shared/output.ts'
import { migrationsDirectory } from './migrate.ts'

export function registerMigrations(program: Command): void {
  program
    .command('migrations')
    .description('the SQL files of the schema')
    .command('copy')
    .description('copy the migrations to a folder, such as supabase/migrations')
    .requiredOption('--to <directory>', 'where to; what is there already stays')
    .action(
      action<{ to: string }, []>(async (context) => {
        const { copied, kept } = await copyMigrations(context.options.to, (file) =>
          context.confirm(`${file} is there and differs. Overwrite it?`),
        )
        context.show({ copied, kept }, () =>
          copied.length === 0
            ? `Nothing to copy: ${context.options.to} has every migration.`
            : [`Copied ${count(copied.length, 'file')} to ${context.options.to}:`, ...copied].join('\n'),
        )
      }),
    )
}

async function copyMigrations(
  to: string,
  confirmOverwrite: (file: string) => Promise<void>,
): Promise<{ copied: string[]; kept: string[] }> {
  const from = migrationsDirectory()
  const copied: string[] = []
  const kept: string[] = []
  try {
    await mkdir(to, { recursive: true })
    for (const file of (await readdir(from)).filter((name) => name.endsWith('.sql')).sort()) {
      const [ours, theirs] = await Promise.all([
        readFile(join(from, file), 'utf8'),
        readFile(join(to, file), 'utf8').catch(() => null),
      ])
      if (theirs === ours) {
        kept.push(file)
        continue
      }
      if (theirs !== null) await confirmOverwrite(join(to, basename(file)))
      await copyFile(join(from, file), join(to, file))
      copied.push(file)
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
