/** The migrations as they will be committed: those of sql/committed, and in the last one the changed fixtures too. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { committedMigrations, uncommittedSql } from '../../../scripts/dev/generators/sources.ts'

/** Writes these migrations to a new folder, and returns its path. */
export async function workingTreeMigrations(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'pg-payments-working-tree-'))
  const files = await committedMigrations()
  for (const [i, { file, text }] of files.entries()) {
    const more = i === files.length - 1 ? await uncommittedSql() : ''
    await writeFile(join(directory, file), `${text}\n${more}`)
  }
  return directory
}
