/** Where a migration of the app goes, and how its tool wants it. */
import { existsSync } from 'node:fs'
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { cliError } from '../../support/errors.ts'
import { makeFolder } from '../../support/folder.ts'
import { prefixesAfter } from '../migrations.ts'

export const TOOLS = ['supabase', 'graphile-migrate', 'node-pg-migrate', 'plain'] as const
export type Tool = (typeof TOOLS)[number]
export type Style = 'sql' | 'js'

export type Target = { tool: Tool; folder: string; style: Style }
export type Migration = { up: string; down: string }

const DEFAULT_FOLDER: Record<Tool, string> = {
  supabase: 'supabase/migrations',
  'graphile-migrate': 'migrations',
  'node-pg-migrate': 'migrations',
  plain: 'migrations',
}

/** The tool that the project in this folder uses, by its files. */
export async function detectTool(root: string): Promise<Tool> {
  const has = (path: string) => existsSync(join(root, path))
  if (has('supabase/migrations') || has('supabase/config.toml')) return 'supabase'
  if (
    has('.gmrc') ||
    has('.gmrc.js') ||
    has('.gmrc.cjs') ||
    has('migrations/current.sql') ||
    has('migrations/current')
  )
    return 'graphile-migrate'
  const text = await readFile(join(root, 'package.json'), 'utf8').catch(() => '{}')
  return /"node-pg-migrate"\s*:/.test(text) ? 'node-pg-migrate' : 'plain'
}

export const defaultFolder = (tool: Tool, root: string): string => join(root, DEFAULT_FOLDER[tool])

/** The line by which a later run finds the template. */
export const markerLine = (template: string, subject: string | null) =>
  `-- pg-payments template: ${subject === null ? template : `${template} ${subject}`}`

/** The migration below a folder that has a template; null if none has it. */
export async function findTemplate(folder: string, marker: string): Promise<string | null> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isFile() || !/\.(sql|[cm]?[jt]s)$/.test(entry.name)) continue
    const path = join(entry.parentPath, entry.name)
    const lines = (await readFile(path, 'utf8')).split('\n')
    if (lines.some((line) => line.trim() === marker)) return path
  }
  return null
}

/** Writes the migration and returns its path. An existing file stays, but for graphile-migrate's `current.sql`. */
export async function writeMigration(target: Target, name: string, migration: Migration): Promise<string> {
  const { tool, folder } = target
  try {
    if (tool === 'graphile-migrate') return await writeCurrent(folder, name, migration)
    await makeFolder(folder)
    const prefix = prefixesAfter(await readdir(folder), folder, Date.now())()
    const path = join(folder, `${prefix}_${name.replaceAll('-', '_')}.${target.style}`)
    await writeFile(path, await textFor(target, migration), { flag: 'wx' })
    return path
  } catch (error) {
    const { code, name: kind } = error as NodeJS.ErrnoException
    if (kind === 'CliError') throw error
    throw cliError(`The migration cannot be written to ${folder}${code ? ` (${code})` : ''}.`, {
      next: 'Name a folder that you may write to with --out.',
    })
  }
}

/** graphile-migrate has one migration in progress: `current.sql`, or the files of `current/`. */
async function writeCurrent(folder: string, name: string, { up }: Migration): Promise<string> {
  const directory = join(folder, 'current')
  const file = join(folder, 'current.sql')
  if (!existsSync(directory)) {
    await makeFolder(folder)
    const text = await readFile(file, 'utf8').catch(() => '')
    await appendFile(
      file,
      `${text === '' || text.endsWith('\n') ? '' : '\n'}${text === '' ? '' : '\n'}${up}\n`,
    )
    return file
  }
  const numbers = (await readdir(directory)).map((there) => Number(/^(\d+)/.exec(there)?.[1] ?? 0))
  const path = join(directory, `${Math.max(0, ...numbers) + 1}-${name}.sql`)
  await writeFile(path, `${up}\n`, { flag: 'wx' })
  return path
}

async function textFor({ tool, style, folder }: Target, { up, down }: Migration): Promise<string> {
  if (tool !== 'node-pg-migrate') return `${up}\n`
  if (style === 'sql') return `-- Up Migration\n\n${up}\n\n-- Down Migration\n\n${down}\n`
  const js = (text: string) => `\`\n${text.replace(/[\\`]|\$\{/g, '\\$&')}\n\``
  const isModule = /"type"\s*:\s*"module"/.test(await nearestPackage(folder))
  const [before, after] = isModule ? ['export const ', ''] : ['exports.', '']
  return `${before}up = (pgm) => pgm.sql(${js(up)})${after}\n\n${before}down = (pgm) => pgm.sql(${js(down)})${after}\n`
}

async function nearestPackage(folder: string): Promise<string> {
  for (let at = folder; ; at = join(at, '..')) {
    const text = await readFile(join(at, 'package.json'), 'utf8').catch(() => null)
    if (text !== null) return text
    if (join(at, '..') === at) return '{}'
  }
}

export const shown = (path: string, root: string) => {
  const short = relative(root, path)
  return short.startsWith('..') ? path : short
}
