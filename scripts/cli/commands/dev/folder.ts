/** The folder `.pg-payments` of an app: what `dev` keeps over restarts. git ignores it. */
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { cliError } from '../../support/errors.ts'

/** What stays the same over restarts, so that the lines in the app's `.env` stay valid. */
export type Settings = {
  jwtSecret: string
  adminKey: string
  encryptionKey: string
  /** The webhook endpoint at local Stripe, by state file. */
  endpoints: Record<string, string>
  /** The address of the embedded Postgres that was last written for the app. */
  databaseUrl?: string
  /** Where the data of the embedded Postgres are, if not in the folder. */
  dataDir?: string
}

/** How the commands reach the `dev` that runs. */
export type Running = { pid: number; control: string; token: string; env: Record<string, string> }

const IGNORE = '# Everything here belongs to "pg-payments dev" on this machine.\n*\n'

export type Folder = {
  path: string
  /** A file of the folder. */
  file(name: string): string
  settings(): Promise<Settings>
  saveSettings(settings: Settings): Promise<void>
  running(): Promise<Running | undefined>
  saveRunning(running: Running): Promise<void>
  clearRunning(): Promise<void>
  reset(): Promise<void>
}

export function folderOf(directory: string): Folder {
  const path = resolve(directory, '.pg-payments')
  const file = (name: string) => join(path, name)
  const writePrivate = async (name: string, value: object) => {
    try {
      await mkdir(path, { recursive: true })
      await writeFile(file('.gitignore'), IGNORE)
      await writeFile(file(name), `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
    } catch (error) {
      throw unusable(path, error as NodeJS.ErrnoException)
    }
  }
  const readJson = async <T>(name: string): Promise<T | undefined> => {
    const text = await readFile(file(name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw unusable(path, error)
    })
    if (text === undefined) return undefined
    try {
      return JSON.parse(text) as T
    } catch {
      throw damaged(file(name))
    }
  }
  return {
    path,
    file,
    async settings() {
      const known = await readJson<Partial<Settings>>('settings.json')
      if (known !== undefined && !isSettings(known)) throw damaged(file('settings.json'))
      return {
        jwtSecret: randomBytes(32).toString('base64url'),
        adminKey: `dev_${randomBytes(24).toString('hex')}`,
        encryptionKey: randomBytes(32).toString('base64'),
        endpoints: {},
        ...known,
      }
    },
    saveSettings: (settings) => writePrivate('settings.json', settings),
    running: async () => {
      // A file that is damaged says nothing of a dev that runs; the next one writes it again.
      const running = await readJson<Running>('running.json').catch((error) => {
        if ((error as { code?: string }).code === 'STATE_DAMAGED') return undefined
        throw error
      })
      return Number.isInteger(running?.pid) && isAlive(running?.pid as number) ? running : undefined
    },
    saveRunning: (running) => writePrivate('running.json', running),
    clearRunning: () => rm(file('running.json'), { force: true }),
    async reset() {
      const { dataDir } = (await readJson<Partial<Settings>>('settings.json').catch(() => undefined)) ?? {}
      if (dataDir) await rm(dataDir, { recursive: true, force: true })
      await rm(path, { recursive: true, force: true })
    },
  }
}

const damaged = (path: string) =>
  cliError(`${path} is damaged.`, { code: 'STATE_DAMAGED', next: 'Run: npx pg-payments dev --reset' })

const unusable = (path: string, { code }: NodeJS.ErrnoException) =>
  cliError(`${path}, where dev keeps its state, cannot be used (${code}).`, {
    code: 'STATE_NOT_USABLE',
    next: 'It has to be a folder that you may write to. Remove what is there, or run dev in another folder.',
  })

/** Whether every field that is there has its type. */
function isSettings(value: unknown): value is Partial<Settings> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { endpoints = {}, ...texts } = value as Record<string, unknown>
  return (
    typeof endpoints === 'object' &&
    endpoints !== null &&
    Object.values(texts).every((text) => typeof text === 'string' && text !== '')
  )
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
