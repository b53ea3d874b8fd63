/** The embedded Postgres: it starts anywhere, and leaves nothing behind. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FAST_SETTINGS, startEmbeddedPostgres } from '../../scripts/dev/postgres.ts'
import { open } from './server.ts'

const SCRIPT = fileURLToPath(new URL('../../scripts/dev/postgres.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')

let place: string

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'pg-payments-test-'))
})
afterAll(() => rm(place, { recursive: true, force: true }))

/** Whether a server listens at the address of the connection string. */
function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  return new Promise((done) => {
    const socket = createConnection(Number(port), hostname)
    socket.once('connect', () => done(true)).once('error', () => done(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** The data directory of a running server. */
async function dataDirectory(url: string): Promise<string> {
  const sql = open(url)
  const [row] = await sql<{ data_directory: string }[]>`show data_directory`
  await sql.end()
  return row?.data_directory ?? ''
}

/** Starts Postgres in a process of its own; `ended` resolves when that process and all that it started are gone. */
async function startElsewhere(
  then: string,
): Promise<{ url: string; kill(signal: NodeJS.Signals): void; ended: Promise<unknown> }> {
  const code = `
    import { startEmbeddedPostgres } from ${JSON.stringify(SCRIPT)}
    const { url } = await startEmbeddedPostgres({ settings: ${JSON.stringify(FAST_SETTINGS)} })
    console.log(url)
    ${then}`
  const child = spawn(process.execPath, ['--import', TSX, '--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // "close" fires once no process holds the ends of our pipes, including the host of Postgres.
  const ended = new Promise((done) => child.once('close', done))
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const url = await Promise.race([
    new Promise<string>((done) =>
      child.stdout.setEncoding('utf8').once('data', (text: string) => done(text.trim())),
    ),
    ended.then(() => Promise.reject(new Error(errors))),
  ])
  return { url, kill: (signal) => child.kill(signal), ended }
}

describe('an embedded Postgres', () => {
  test.each([15, 18] as const)(
    'is Postgres %i, speaks UTF-8 and listens on the loopback interface alone',
    async (version) => {
      const server = await startEmbeddedPostgres({ version, settings: FAST_SETTINGS })
      try {
        const sql = open(server.url)
        const [row] = await sql`
        select current_setting('server_version_num')::int / 10000 as version,
          current_setting('server_encoding') as encoding,
          current_setting('listen_addresses') as addresses,
          current_setting('unix_socket_directories') as sockets`
        await sql.end()
        expect(row).toEqual({ version, encoding: 'UTF8', addresses: '127.0.0.1', sockets: '' })
      } finally {
        await server.stop()
      }
    },
  )

  test('leaves neither a server nor a file when it is stopped, and can be stopped twice', async () => {
    const server = await startEmbeddedPostgres({ settings: FAST_SETTINGS })
    const directory = dirname(await dataDirectory(server.url))
    expect(existsSync(directory)).toBe(true)
    await server.stop()
    await server.stop()
    expect(existsSync(directory)).toBe(false)
    expect(await listens(server.url)).toBe(false)
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'leaves nothing when %s ends its process',
    async (signal) => {
      const { url, kill, ended } = await startElsewhere('setInterval(() => {}, 1000)')
      const directory = dirname(await dataDirectory(url))
      kill(signal)
      await ended
      expect(existsSync(directory)).toBe(false)
      expect(await listens(url)).toBe(false)
    },
  )

  test('does not keep a script alive that forgets to stop it', async () => {
    const { url, ended } = await startElsewhere('')
    await ended
    expect(await listens(url)).toBe(false)
  })

  test('keeps its data, and its password, in a directory of yours', async () => {
    const dataDir = join(place, 'kept')
    await openToPostgres(place)
    const first = await startEmbeddedPostgres({ dataDir })
    const before = open(first.url)
    await before`create table kept as select 1 as one`
    await before.end()
    await first.stop()

    const second = await startEmbeddedPostgres({ dataDir })
    const after = open(second.url)
    expect(await after`select one from kept`).toEqual([{ one: 1 }])
    await after.end()
    await second.stop()
    expect(new URL(second.url).password).toBe(new URL(first.url).password)
  })

  test('refuses the data of another version in a sentence', async () => {
    const dataDir = join(place, 'old')
    await openToPostgres(place)
    await (await startEmbeddedPostgres({ version: 15, dataDir, settings: FAST_SETTINGS })).stop()
    await expect(startEmbeddedPostgres({ version: 18, dataDir })).rejects.toThrow(
      `${dataDir} holds a Postgres 15 database and this is Postgres 18. Use another directory, or remove this one if its data may go.`,
    )
    expect(await readdir(dataDir)).toContain('PG_VERSION')
  })

  test('names the port that is taken', async () => {
    const server = await startEmbeddedPostgres({ settings: FAST_SETTINGS })
    try {
      const port = Number(new URL(server.url).port)
      await expect(startEmbeddedPostgres({ port })).rejects.toThrow(`Port ${port} is taken.`)
    } finally {
      await server.stop()
    }
  })
})

/** If tests run as root, Postgres runs as another account, which must be able to enter the directory. */
async function openToPostgres(directory: string): Promise<void> {
  const { chmod } = await import('node:fs/promises')
  await mkdir(directory, { recursive: true })
  await chmod(directory, 0o755)
}
