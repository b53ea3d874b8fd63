/** The SQL files of an app's migrations, as `dev` and `testing` run them. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type postgres from 'postgres'

export type SqlFile = { path: string; text: string }

/** The SQL files of a folder, in the order of their paths, or one file. */
export async function sqlFilesOf(path: string): Promise<SqlFile[]> {
  const root = resolve(path)
  const found = await stat(root).catch(() => undefined)
  if (!found) throw new Error(`The migrations ${root} do not exist.`)
  const paths = found.isDirectory()
    ? (await readdir(root, { recursive: true }))
        .filter((name) => name.endsWith('.sql'))
        .sort()
        .map((name) => join(root, name))
    : [root]
  return Promise.all(paths.map(async (file) => ({ path: file, text: upPart(await readFile(file, 'utf8')) })))
}

/** A file may also hold the way back: node-pg-migrate, dbmate and goose mark where it begins. */
function upPart(text: string): string {
  return text.split(/^[ \t]*--\s*(?:down migration|migrate:down|\+goose down)\b.*$/im)[0] ?? ''
}

/** Whether the schema `payments` has to be there before a migration. */
export const mentionsPayments = (text: string): boolean => /\bpayments\s*\.\s*["a-z_]/i.test(text)

/** Runs a file as psql would. A failure names the file. */
export async function runSqlFile(sql: postgres.Sql, { path, text }: SqlFile): Promise<void> {
  await sql
    .unsafe(text)
    .simple()
    .catch((cause: Error) => {
      throw new Error(`${path} failed: ${cause.message}`, { cause })
    })
}
