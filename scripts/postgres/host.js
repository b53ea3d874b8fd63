/**
 * The process that owns one embedded Postgres. index.ts starts it; never start it by hand.
 *
 * With an address in its configuration it serves several processes: it tells each that connects there the address of
 * Postgres, and ends when all have gone.
 *
 * It is a process of its own, so that it outlives its parent just long enough to clean up. Its standard input is a pipe
 * from the parent. When that pipe ends, because the parent closed it or has ended, this process stops Postgres and
 * removes the temporary directory. It is plain JavaScript, because Node 20 runs it without a loader.
 *
 * First line in: the configuration as JSON. First line out: `{"url"}` or `{"error", "log"}`.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, lchown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

/** How long a shared Postgres waits for the next process: test files of a run may follow each other. */
const SHARED_GRACE_MS = 3000
/** The end of the server's log that an error shows. */
const LOG_CHARACTERS_MAX = 4000

// Ctrl-C reaches every process of the terminal's group, but the parent decides when Postgres stops.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

const input = createInterface({ input: process.stdin })
const config = JSON.parse(await new Promise((done) => input.once('line', done)))
let endNow = () => {}
const parentGone = config.address
  ? new Promise((done) => {
      endNow = done
    })
  : new Promise((done) => input.once('close', done))
const identity = config.uid === undefined ? {} : { uid: config.uid, gid: config.gid }
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG'))),
  LC_ALL: 'C',
  TZ: 'UTC',
}

let temporary
let log = ''

function answer(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

function start(program, args, cwd) {
  const child = spawn(program, args, {
    ...identity,
    cwd,
    env: environment,
    detached: process.platform !== 'win32',
    windowsHide: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      log = (log + text).slice(-LOG_CHARACTERS_MAX)
    })
  }
  child.ended = new Promise((done) => {
    child.once('error', (error) => {
      log += `${error.message}\n`
      done(-1)
    })
    child.once('close', (code) => done(code ?? -1))
  })
  return child
}

/** Whether the account of Postgres can read the paths: a directory above them may be closed to it. */
async function reachable(...paths) {
  if (identity.uid === undefined) return true
  const tests = paths.map((_, index) => `test -r "$${index + 1}" && test -x "$${index + 1}"`).join(' && ')
  return (await start('/bin/sh', ['-c', tests, 'sh', ...paths], '/').ended) === 0
}

async function giveTo(path) {
  if (identity.uid !== undefined) await lchown(path, identity.uid, identity.gid)
}

/** Creates a temporary directory that the account of Postgres can use. */
async function makeTemporary() {
  const places = process.platform === 'win32' ? [tmpdir()] : [tmpdir(), '/tmp', '/var/tmp']
  for (const place of new Set(places)) {
    const directory = await mkdtemp(join(place, 'pg-payments-postgres-')).catch(() => undefined)
    if (!directory) continue
    await giveTo(directory)
    if (await reachable(directory)) return directory
    await rm(directory, { recursive: true, force: true })
  }
  throw new Error(
    `No temporary directory can be used by Postgres (tried ${places.join(', ')}). Set TMPDIR to one.`,
  )
}

async function prepare() {
  temporary = await makeTemporary()

  // The binaries are in node_modules, which may be below a home directory that is closed to other accounts.
  let native = config.native
  if (
    !(await reachable(
      join(native, 'bin', config.programs.postgres),
      join(native, 'lib'),
      join(native, 'share'),
    ))
  ) {
    native = join(temporary, 'native')
    await cp(config.native, native, { recursive: true, verbatimSymlinks: true })
    await giveTo(native)
    for (const path of await readdir(native, { recursive: true })) await giveTo(join(native, path))
  }
  const program = (name) => join(native, 'bin', config.programs[name])

  const dataDir = config.dataDir ? resolve(config.dataDir) : join(temporary, 'data')
  const existing = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => undefined)
  if (existing !== undefined && existing.trim() !== String(config.version)) {
    throw new Error(
      `${dataDir} holds a Postgres ${existing.trim()} database and this is Postgres ${config.version}. ` +
        'Use another directory, or remove this one if its data may go.',
    )
  }
  let made
  if (existing === undefined) {
    made = await mkdir(dirname(dataDir), { recursive: true })
    made = (await mkdir(dataDir, { recursive: true, mode: 0o700 })) && (made ?? dataDir)
    await giveTo(dataDir)
  }
  if (!(await reachable(dataDir))) {
    if (made) await rm(made, { recursive: true })
    log = ''
    throw new Error(
      `Postgres refuses to run as root, and ${config.user}, which it runs as instead, cannot reach ${dataDir}. ` +
        'Choose a data directory that is not below a private one, or run this as an ordinary user.',
    )
  }

  const passwordFile = join(dataDir, 'superuser-password')
  let password = config.password
  if (existing !== undefined) {
    password = await readFile(passwordFile, 'utf8').then(
      (text) => text.trim(),
      () => undefined,
    )
    if (!password) {
      throw new Error(
        `${dataDir} was not made by this program: its superuser-password is missing. Use another one.`,
      )
    }
  } else {
    const secret = join(temporary, 'password')
    await writeFile(secret, `${password}\n`, { mode: 0o600 })
    await giveTo(secret)
    log = ''
    const initdb = start(
      program('initdb'),
      [
        `--pgdata=${dataDir}`,
        '--username=postgres',
        `--pwfile=${secret}`,
        '--auth=password',
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
        '--no-instructions',
      ],
      temporary,
    )
    if ((await initdb.ended) !== 0) throw new Error('Postgres could not create its data directory.')
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
  }
  await stopLeftover(dataDir, program('pg_ctl'))
  return { dataDir, password, postgres: program('postgres') }
}

/** Resolves to the running server, or to undefined if another program took the port. */
async function startServer({ dataDir, postgres }, port) {
  log = ''
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    log_destination: 'stderr',
    logging_collector: 'off',
    ...config.settings,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = start(postgres, ['-D', dataDir, ...args], temporary)
  const ready = new Promise((done) => {
    server.stderr.on('data', () => {
      if (log.includes('database system is ready to accept connections')) done('ready')
    })
  })
  const state = await Promise.race([ready, server.ended, parentGone.then(() => 'unwanted')])
  if (state === 'ready' || state === 'unwanted') return server
  if (/could not bind|could not create any TCP\/IP sockets/.test(log)) return undefined
  throw new Error('Postgres did not start.')
}

async function stopServer(server) {
  if (server.exitCode !== null || server.signalCode !== null) return
  // Fast shutdown, which writes everything, if the data is kept; immediate shutdown if it is temporary.
  server.kill(config.dataDir ? 'SIGINT' : 'SIGQUIT')
  await server.ended
}

/**
 * Serves the address of Postgres to every process that connects. A process that has ended in order gives the next one
 * a moment to connect; one that was killed does not.
 */
async function share(url) {
  const clients = new Set()
  let grace
  const listener = createServer({ allowHalfOpen: false }, (socket) => {
    clearTimeout(grace)
    clients.add(socket)
    let inOrder = false
    socket.on('data', () => {
      inOrder = true // it says goodbye
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clients.delete(socket)
      if (clients.size === 0) grace = setTimeout(endNow, inOrder ? SHARED_GRACE_MS : 0)
    })
    socket.write(`${url}\n`)
  })
  const listen = () =>
    new Promise((done, fail) => {
      listener.once('error', fail).listen(config.address, () => {
        listener.off('error', fail)
        done()
      })
    })
  await listen().catch(async (error) => {
    if (error.code !== 'EADDRINUSE' || process.platform === 'win32') throw error
    const alive = await new Promise((done) => {
      const probe = createConnection(config.address)
      probe.once('connect', () => done(true)).once('error', () => done(false))
      probe.once('connect', () => probe.destroy())
    })
    if (alive) throw new Error('Another process has just started this Postgres.')
    // What a killed host has left.
    await rm(config.address, { force: true })
    await listen()
  })
  grace = setTimeout(endNow, SHARED_GRACE_MS)
  return listener
}

/** Stops the server that a killed process has left running on these data. */
async function stopLeftover(dataDir, pgCtl) {
  if (!config.replacesLeftover || !existsSync(join(dataDir, 'postmaster.pid'))) return
  await start(pgCtl, ['stop', '-D', dataDir, '-m', 'fast'], temporary).ended
  log = ''
}

let listener
let server
try {
  const prepared = await prepare()
  for (const port of config.ports) {
    server = await startServer(prepared, port)
    if (!server) continue
    const url = `postgres://postgres:${prepared.password}@127.0.0.1:${port}/postgres`
    if (config.address) listener = await share(url)
    answer({ url })
    break
  }
  if (!server) throw new Error(`Port ${config.ports.at(-1)} is taken.`)
  server.ended.then(() => (config.address ? endNow() : input.close()))
  await parentGone
} catch (error) {
  answer({ error: error.message, log })
} finally {
  listener?.close()
  if (server) await stopServer(server)
  if (temporary) await rm(temporary, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}
process.exit()
