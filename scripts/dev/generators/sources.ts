/** Reads the folder `sql/`: committed migrations, the current one, and the fixtures that migrations freeze. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
export const SQL = join(ROOT, 'sql')

export type Migration = {
  /** For example `000001-tables.sql`. */
  file: string
  /** The whole text of the file. */
  text: string
}

/** A fixture's name is its path below `sql/fixtures`, the same as in an `--! include` line. */
export type Fixture = { name: string; text: string }

/** The committed migrations, in the order in which they are applied. */
export async function committedMigrations(folder = SQL): Promise<Migration[]> {
  const directory = join(folder, 'committed')
  if (!existsSync(directory)) return []
  const files = (await readdir(directory)).filter((file) => file.endsWith('.sql')).sort()
  return Promise.all(
    files.map(async (file) => ({ file, text: await readFile(join(directory, file), 'utf8') })),
  )
}

/** The migration in progress, with its includes; an empty string if it has only comments. */
export async function currentMigration(folder = SQL): Promise<string> {
  const text = await withIncludes(await currentText(folder), folder)
  return text.replace(/^\s*--.*$/gm, '').trim() === '' ? '' : text
}

/** The text of all files of `sql/current`, in order. */
async function currentText(folder: string): Promise<string> {
  const directory = join(folder, 'current')
  if (!existsSync(directory)) return ''
  const files = (await readdir(directory))
    .filter((file) => /^\d+(-[-\w]*)?\.sql$/.test(file))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  return (await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')))).join('\n')
}

/** Names of the fixtures that differ from their frozen copies and that `sql/current` does not include. */
export async function forgottenFixtures(folder = SQL): Promise<string[]> {
  const text = await currentText(folder)
  const included = new Set(
    [...text.matchAll(/^--![ \t]*include[ \t]+(.*\.sql)[ \t]*$/gm)].map(([, name]) => name),
  )
  const frozen = frozenFixtures(await committedMigrations(folder))
  return (await fixtures(folder))
    .filter(({ name, text }) => text.trim() !== frozen.get(name)?.text.trim())
    .map(({ name }) => name)
    .filter((name) => !included.has(name))
}

/** The SQL that the working tree has and the migrations lack: `sql/current`, then changed fixtures. */
export async function uncommittedSql(folder = SQL): Promise<string> {
  const forgotten = new Set(await forgottenFixtures(folder))
  const isTrigger = ({ name }: Fixture) => /(^|\/)_\d+_[^/]*$/.test(name)
  const changed = (await fixtures(folder))
    .filter(({ name }) => forgotten.has(name))
    .sort((a, b) => Number(isTrigger(a)) - Number(isTrigger(b))) // a trigger needs its function
  return [await currentMigration(folder), ...changed.map(({ text }) => text)].filter(Boolean).join('\n')
}

/** The current text of every function, view, trigger, policy and grant. */
export async function fixtures(folder = SQL): Promise<Fixture[]> {
  const directory = join(folder, 'fixtures')
  if (!existsSync(directory)) return []
  const files = await readdir(directory, { recursive: true })
  const names = files.map((file) => file.replaceAll('\\', '/')).filter((file) => file.endsWith('.sql'))
  return Promise.all(
    names.sort().map(async (name) => ({ name, text: await readFile(join(directory, name), 'utf8') })),
  )
}

/** Replaces each `--! include` line by its fixture, as graphile-migrate does. */
async function withIncludes(text: string, folder: string): Promise<string> {
  const parts = await Promise.all(
    text.split('\n').map(async (line) => {
      const name = /^--![ \t]*include[ \t]+(.*\.sql)[ \t]*$/.exec(line)?.[1]
      return name ? withIncludes(await readFile(join(folder, 'fixtures', name), 'utf8'), folder) : line
    }),
  )
  return parts.join('\n')
}

/** The copy of each fixture in the newest migration that includes it, in the order in which they were applied. */
export function frozenFixtures(migrations: Migration[]): Map<string, Fixture & { file: string }> {
  const frozen = new Map<string, Fixture & { file: string }>()
  for (const { file, text } of migrations) {
    const open: { name: string; lines: string[] }[] = []
    for (const line of text.split('\n')) {
      const begin = /^--! Included (\S+)$/.exec(line)?.[1]
      const end = /^--! EndIncluded (\S+)$/.exec(line)?.[1]
      const innermost = open.at(-1)
      if (begin) {
        // A fixture may include another; then its own text has the include line.
        innermost?.lines.push(`--! include ${begin}`)
        open.push({ name: begin, lines: [] })
      } else if (innermost && end === innermost.name) {
        open.pop()
        frozen.delete(end)
        frozen.set(end, { name: end, text: innermost.lines.join('\n'), file })
      } else {
        innermost?.lines.push(line)
      }
    }
  }
  return frozen
}

/** The reasons why some tool could not apply a migration, as ends of a sentence. */
export function problemsOfMigration(text: string): string[] {
  const rules: [RegExp, string][] = [
    [/:DATABASE_(NAME|OWNER)\b/, 'has a placeholder, which only graphile-migrate would replace'],
    [/^--!\s*no-transaction\b/m, 'asks for no transaction, and must work inside one'],
    [
      /^\s*--[\s-]*(up|down)\s+migration/im,
      'has a comment "up migration" or "down migration", where node-pg-migrate would cut it in two',
    ],
    [
      /^\s*(begin|commit|rollback|start transaction|end)(\s+(work|transaction))?\s*;/im,
      'begins or ends a transaction, which belongs to the tool that applies it',
    ],
    [/^\s*\\\w+/m, 'has a psql command, which no other tool knows'],
    [/\r/, 'has carriage returns: its lines must end in a line feed alone'],
  ]
  return rules.filter(([pattern]) => pattern.test(withoutBodies(text))).map(([, sentence]) => sentence)
}

/** Removes function bodies and dollar-quoted strings, which may contain what a migration may not. */
function withoutBodies(text: string): string {
  return text.replace(/(\$\w*\$)[\s\S]*?\1/g, '$1$1')
}

/** The breaks in the chain of `Previous` and `Hash` headers that graphile-migrate wrote, as sentences. */
export function problemsOfChain(migrations: Migration[]): string[] {
  const problems: string[] = []
  let previous = ''
  for (const { file, text } of migrations) {
    const [, ...headers] = /^--! Previous: (\S+)\n--! Hash: (\S+)\n/.exec(text) ?? []
    const body = text.replace(/^(--! [A-Z]\w*(:.*)?\n)*/, '').trim()
    const hash = `sha1:${createHash('sha1')
      .update(`${`${previous}\n${body}`.trim()}\n`)
      .digest('hex')}`
    if (headers.length === 0) {
      problems.push(
        `sql/committed/${file} was not written by graphile-migrate: it has no Previous and Hash lines.`,
      )
    } else if (headers[0] !== (previous || '-')) {
      problems.push(`sql/committed/${file} does not follow the migration before it.`)
    } else if (headers[1] !== hash) {
      problems.push(`sql/committed/${file} was changed after it was committed.`)
    }
    previous = headers[1] ?? ''
  }
  return problems
}
