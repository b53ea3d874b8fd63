/**
 * The whole system in one process: Postgres, migrations, templates, local Stripe, the handlers and the demo shop.
 * `npm start`, `npm run demo` and the tests start the same one.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import postgres from 'postgres'
import Stripe from 'stripe'
import { createLog } from '../../functions/app.ts'
import { startServer } from '../../functions/node.ts'
import { migrate } from '../cli/commands/migrate.ts'
import { FAST_SETTINGS, startEmbeddedPostgres } from '../dev/postgres.ts'
import { type LocalStripe, startLocalStripe } from '../local-stripe/index.ts'
import { type Catalogue, stock } from './catalogue.ts'
import { createShop, type Shop } from './shop.ts'

export type SystemOptions = {
  /** A database to use instead of an embedded Postgres. The templates and the demo's own tables are installed in it. */
  databaseUrl?: string
  /** Stripe itself, in test mode, instead of local Stripe. */
  stripe?: { secretKey: string; webhookSecret: string; apiBaseUrl?: string }
  /** Ports; free ones when left out. */
  ports?: { shop?: number; api?: number; stripe?: number }
  /** After how many seconds local Stripe settles asynchronous payments; when left out, its control does. */
  settleAfterSeconds?: number
  /** Receives a line for each thing that was started. */
  log?: (line: string) => void
  /** Receives what the handlers and the shop report as an error. */
  onError?: (line: string) => void
  /** Gives the start up. What was started is stopped before the start is rejected. */
  signal?: AbortSignal
}

export type System = {
  shopUrl: string
  /** Where the handlers answer: the `baseUrl` of the SDK. */
  apiUrl: string
  databaseUrl: string
  sql: postgres.Sql
  /** The official SDK, as the shop's owner uses it. */
  stripe: Stripe
  /** Undefined when Stripe itself is used. */
  local: LocalStripe | undefined
  catalogue: Catalogue
  /** Stops everything, in order. Calling it again waits for the same end. */
  stop(): Promise<void>
}

const HOST = '127.0.0.1'
const ROOT = new URL('../../', import.meta.url)
/** Somebody is waiting: deliveries that failed are repeated sooner than Stripe does. */
const RETRY_AFTER_MS = [500, 2000, 8000]
const WEBHOOKS = '/api/webhooks/stripe/test'
/** What an app would have of its own under these names; the demo must not meddle with them. */
const APP_TABLES = ['orders', 'team_members', 'plans', 'team_entitlements', 'team_plans']

/**
 * Starts everything and resolves when the shop can be used. When a part does not start, the others are stopped again.
 *
 * @throws Error with a sentence that says what to do
 */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { signal, ports = {}, log = () => {}, onError = () => {} } = options
  const endings: (() => Promise<unknown>)[] = []
  let stopped: Promise<void> | undefined

  /** Starts one part, and remembers how it ends. */
  async function start<T>(begin: () => Promise<T>, end: (part: T) => Promise<unknown>): Promise<T> {
    signal?.throwIfAborted()
    const part = await begin()
    endings.unshift(() => end(part))
    return part
  }
  async function endAll(): Promise<void> {
    for (const end of endings) {
      await end().catch((error: Error) => onError(`While stopping: ${error.message}`))
    }
  }
  const stop = () => {
    stopped ??= endAll()
    return stopped
  }

  try {
    const sdk = await readSdk()
    // The shop listens first, with nothing to show yet: the handlers have to know the origin that they are called from.
    const door = await start(
      () => openDoor(ports.shop),
      (part) => part.close(),
    )

    const databaseUrl = options.databaseUrl ?? (await startPostgres())
    const sql = await start(
      async () =>
        postgres(databaseUrl, { max: 5, onnotice: () => {}, connection: { application_name: 'demo shop' } }),
      (part) => part.end({ timeout: 2 }),
    )
    await unlessAborted(install(databaseUrl, sql), signal)
    log(`Postgres has the schema "payments" and the templates of sql/templates.`)

    const local = options.stripe
      ? undefined
      : await start(
          () =>
            onPort('STRIPE_PORT', ports.stripe, (port) =>
              startLocalStripe({
                port,
                settleAfterSeconds: options.settleAfterSeconds ?? null,
                retrySchedule: RETRY_AFTER_MS,
              }),
            ),
          (part) => part.close(),
        )
    const account = options.stripe ?? {
      secretKey: local?.secretKey ?? '',
      apiBaseUrl: local?.url,
      webhookSecret: '',
    }
    const stripe = createStripe(account)
    // The endpoint is made before there is anything at its address: the handlers need its signing secret to start.
    const endpoint = local?.control.addEndpoint({ url: `http://${HOST}:1${WEBHOOKS}` })

    const jwtSecret = randomBytes(32).toString('base64url')
    const api = await start(
      () =>
        onPort('API_PORT', ports.api, (port) =>
          startServer({
            port,
            host: HOST,
            log: { info: () => {}, error: createLog(onError).error },
            env: {
              DATABASE_URL: databaseUrl,
              PAYMENTS_JWT_SECRET: jwtSecret,
              PAYMENTS_ALLOWED_ORIGINS: `${door.url},${door.url.replace(HOST, 'localhost')}`,
              STRIPE_TEST_SECRET_KEY: account.secretKey,
              STRIPE_TEST_WEBHOOK_SECRET: endpoint?.secret ?? account.webhookSecret,
              STRIPE_API_BASE_URL: account.apiBaseUrl,
            },
          }),
        ),
      (part) => part.close(),
    )
    const apiUrl = api.url.replace('localhost', HOST)
    if (endpoint) await stripe.webhookEndpoints.update(endpoint.id, { url: `${apiUrl}${WEBHOOKS}` })

    const catalogue = await unlessAborted(stock(stripe, sql), signal)
    log(`The catalogue is in ${local ? 'local Stripe' : 'Stripe'} and in Postgres.`)
    const shop = await start(
      async () =>
        createShop({
          sql,
          stripe,
          catalogue,
          sdk,
          apiUrl,
          jwtSecret,
          url: door.url,
          local: !!local,
          onError,
        }),
      (part) => part.close(),
    )
    door.open(shop)
    signal?.throwIfAborted()
    return { shopUrl: door.url, apiUrl, databaseUrl, sql, stripe, local, catalogue, stop }
  } catch (error) {
    await stop()
    throw error
  }

  async function startPostgres(): Promise<string> {
    const { url } = await start(
      () => startEmbeddedPostgres({ settings: FAST_SETTINGS }),
      (part) => part.stop(),
    )
    return url
  }
}

/** Does not wait to the end for what may take long and leaves nothing open: a database or a Stripe that is far away. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  work.catch(() => {})
  signal.throwIfAborted()
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The SDK as browsers load it. */
async function readSdk(): Promise<string> {
  try {
    return await readFile(new URL('dist/functions/client/index.js', ROOT), 'utf8')
  } catch (cause) {
    throw new Error(
      'The SDK for the browser is not built: dist/functions/client/index.js is missing. Run: npm run build',
      {
        cause,
      },
    )
  }
}

/** What of sql/templates the shop is made of. */
const TEMPLATES = ['one-time-orders.sql', 'team-billing-policies.sql', 'team-entitlements.sql']

/** Migrations, the templates as an app author installs them, and what the shop adds. */
async function install(databaseUrl: string, sql: postgres.Sql): Promise<void> {
  const taken = await sql<{ name: string }[]>`
    select t.name from unnest(${APP_TABLES}::text[]) as t (name)
    where to_regclass('public.' || t.name) is not null and to_regnamespace('demo_shop') is null`.catch(
    (cause) => {
      throw new Error(`The database cannot be used: ${cause.message || cause.code}.`, { cause })
    },
  )
  if (taken[0]) {
    throw new Error(
      `The database already has a table public.${taken[0].name}, and the demo installs its own. Give it an empty database.`,
    )
  }
  await migrate({ databaseUrl })
  const templates = new URL('sql/templates/', ROOT)
  const paths = [
    ...TEMPLATES.map((name) => new URL(name, templates)),
    new URL('sql/shop.sql', import.meta.url),
  ]
  for (const path of paths) await sql.unsafe(await readFile(path, 'utf8')).simple()
}

function createStripe({ secretKey, apiBaseUrl }: { secretKey: string; apiBaseUrl?: string }): Stripe {
  if (!apiBaseUrl) return new Stripe(secretKey)
  const { hostname, port, protocol } = new URL(apiBaseUrl)
  return new Stripe(secretKey, {
    host: hostname,
    port: port || (protocol === 'https:' ? '443' : '80'),
    protocol: protocol === 'https:' ? 'https' : 'http',
    telemetry: false,
  })
}

type Door = { url: string; open(shop: Shop): void; close(): Promise<void> }

/** The shop's server before there is a shop. */
async function openDoor(wanted: number | undefined): Promise<Door> {
  let shop: Shop | undefined
  const server = createServer((request, response) => {
    if (shop) return shop.listener(request, response)
    response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' })
    response.end('The shop is about to open.\n')
  })
  await onPort('PORT', wanted, (port) => listen(server, port))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${HOST}:${port}`,
    open: (opened) => {
      shop = opened
    },
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, HOST, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Starts something on a port, and says in a sentence when the port cannot be had. */
async function onPort<T>(
  variable: string,
  wanted: number | undefined,
  begin: (port: number) => Promise<T>,
): Promise<T> {
  try {
    return await begin(wanted ?? 0)
  } catch (cause) {
    const { code } = cause as { code?: string }
    const port = `Port ${wanted ?? 0}`
    if (code === 'EADDRINUSE') {
      throw new Error(
        `${port} is taken. Set ${variable} to another one, or leave it out for any free port.`,
        { cause },
      )
    }
    if (code === 'EACCES') {
      throw new Error(
        `This user may not listen on ${port.toLowerCase()}. Set ${variable} to one above 1023.`,
        { cause },
      )
    }
    throw cause
  }
}
