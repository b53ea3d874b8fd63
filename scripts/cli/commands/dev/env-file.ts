/** Writes variables into a file such as `.env`, and leaves its other lines as they are. */
import { readFile, writeFile } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { cliError } from '../../support/errors.ts'

/** Replaces the lines of these variables, and adds those that are missing at the end. */
export async function writeEnvFile(path: string, variables: Record<string, string>): Promise<void> {
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw cliError(`${path} cannot be read: ${error.message}`)
  })
  const left = new Map(Object.entries(variables))
  const newline = before.includes('\r\n') ? '\r\n' : '\n'
  const lines = before.split(newline).map((line) => {
    const name = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=/.exec(line)?.[1]
    const value = name === undefined ? undefined : left.get(name)
    if (name === undefined || value === undefined) return line
    left.delete(name)
    return `${line.trimStart().startsWith('export') ? 'export ' : ''}${name}=${value}`
  })
  if (left.size > 0) {
    while (lines.at(-1) === '') lines.pop()
    if (lines.length > 0) lines.push('')
    lines.push('# pg-payments dev', ...[...left].map(([name, value]) => `${name}=${value}`), '')
  }
  await writeFile(path, lines.join(newline), { mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    throw cliError(`${path} cannot be written (${error.code}).`, {
      code: 'FILE_NOT_WRITTEN',
      next: 'Name a file in a folder that exists and that you may write to.',
    })
  })
}

/** How the app's tokens are verified, if the file says it: the app has its secret there already. */
export async function tokenSettings(path: string | undefined): Promise<Record<string, string | undefined>> {
  const text = path === undefined ? '' : await readFile(path, 'utf8').catch(() => '')
  return Object.fromEntries(Object.entries(parseEnv(text)).filter(([name]) => /^PAYMENTS_JW/.test(name)))
}

/** The lines of variables, as they are in such a file. None of the values needs quotes. */
export const envLines = (variables: Record<string, string>): string[] =>
  Object.entries(variables).map(([name, value]) => `${name}=${value}`)
