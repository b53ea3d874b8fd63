/**
 * The whole system in one process, with Postgres, migrations, templates, local Stripe, the handlers and the demo
 * shop. `npm start`, `npm run demo` and the tests start the same one.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import postgres from 'postgres'
import Stripe from 'stripe'
import { createLog } from '../../functions/app.ts'
import { startServer } from '../../functions/node.ts'
import { migrate } from '../cli/commands/migrate.ts'
import { FAST_SETTINGS, startEmbeddedPostgres } from '../dev/postgres.ts'
import { type LocalStripe, startLocalStripe } from '../local-stripe/index.ts'
import { type Catalogue, stock } from './catalogue.ts'
import { HOST, onPort, openDoor } from './door.ts'
import { createParts, type Parts, unlessAborted } from './parts.ts'
import { createShop } from './shop.ts'

export type SystemOptions = {
  /** A database to use instead of an embedded Postgres. The demo installs the templates and its own tables in it. */
  databaseUrl?: string
  /** Stripe itself, in test mode, instead of local Stripe. */
  stripe?: { secretKey: string; webhookSecret: string; apiBaseUrl?: string }
  /** Ports; any free one by default. */
  ports?: { shop?: number; api?: number; stripe?: number }
  /** Seconds after which local Stripe settles asynchronous payments. By default only its control settles them. */
  settleAfterSeconds?: number
  /** Receives a line for each part that was started. */
  log?: (line: string) => void
  /** Receives the errors of the handlers and the shop. */
  onError?: (line: string) => void
  /** Cancels the start. Parts that were started are stopped before the start rejects. */
  signal?: AbortSignal
}

export type System = {
  shopUrl: string
  /** Address of the handlers: the `baseUrl` of the SDK. */
  apiUrl: string
  /** The dashboard, signed in as the admin: once and within five minutes. */
  dashboardUrl: string
  /** Signs in to the dashboard later. */
  adminKey: string
  databaseUrl: string
  sql: postgres.Sql
  /** The official SDK, as the shop's owner uses it. */
  stripe: Stripe
  /** Undefined if Stripe itself is used. */
  local: LocalStripe | undefined
  catalogue: Catalogue
  /** Stops everything, in reverse order. A second call waits for the same end. */
  stop(): Promise<void>
}

const ROOT = new URL('../../', import.meta.url)
/** Local Stripe retries failed deliveries sooner than Stripe does, because a person is waiting. */
const RETRY_DELAYS_MS = [500, 2000, 8000]
const WEBHOOK_PATH = '/api/webhooks/stripe/test'
/** Tables that an app may have under these names; the demo must not touch them. */
const APP_TABLES = [
  'orders',
  'order_lines',
  'order_payments',
  'team_members',
  'plans',
  'team_entitlements',
  'team_plans',
]

/**
 * Starts everything and resolves when the shop is ready. If a part does not start, the others are stopped again.
 *
 * @throws Error with a sentence that says what to do
 */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const parts = createParts(options.signal, options.onError ?? (() => {}))
  try {
    return { ...(await startAll(options, parts)), stop: parts.stop }
  } catch (error) {
    await parts.stop()
    throw error
  }
}

async function startAll(options: SystemOptions, parts: Parts): Promise<Omit<System, 'stop'>> {
  const { signal, ports = {}, log = () => {}, onError = () => {} } = options
  const sdk = await readSdk()
  // The shop listens first, still empty: the handlers need to know the origin of its requests.
  const door = await parts.start(
    () => openDoor(ports.shop),
    (part) => part.close(),
  )

  const { databaseUrl, sql } = await startDatabase(options, parts)
  log(`Postgres has the schema "payments" and the templates of sql/templates.`)

  const { local, account } = await startStripe(options, parts)
  const stripe = createStripe(account)
  const jwtSecret = randomBytes(32).toString('base64url')
  const adminKey = randomBytes(24).toString('hex')
  const { apiUrl, dashboardUrl } = await startApi(options, parts, {
    adminKey,
    databaseUrl,
    jwtSecret,
    account,
    local,
    stripe,
    shopUrl: door.url,
  })

  const catalogue = await unlessAborted(stock(stripe, sql), signal)
  log(`The catalogue is in ${local ? 'local Stripe' : 'Stripe'} and in Postgres.`)
  const shop = await parts.start(
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
  return { shopUrl: door.url, apiUrl, dashboardUrl, adminKey, databaseUrl, sql, stripe, local, catalogue }
}

/** Starts Postgres unless a database is given, connects to it and installs the schema. */
async function startDatabase(
  { databaseUrl: given, signal }: SystemOptions,
  parts: Parts,
): Promise<{ databaseUrl: string; sql: postgres.Sql }> {
  const databaseUrl =
    given ??
    (
      await parts.start(
        () => startEmbeddedPostgres({ settings: FAST_SETTINGS }),
        (part) => part.stop(),
      )
    ).url
  const sql = await parts.start(
    async () =>
      postgres(databaseUrl, { max: 5, onnotice: () => {}, connection: { application_name: 'demo shop' } }),
    (part) => part.end({ timeout: 2 }),
  )
  await unlessAborted(install(databaseUrl, sql), signal)
  return { databaseUrl, sql }
}

type Account = NonNullable<SystemOptions['stripe']>

/** Starts local Stripe unless an account at Stripe is given. */
async function startStripe(
  { stripe, ports = {}, settleAfterSeconds }: SystemOptions,
  parts: Parts,
): Promise<{ local: LocalStripe | undefined; account: Account }> {
  if (stripe) return { local: undefined, account: stripe }
  const local = await parts.start(
    () =>
      onPort('STRIPE_PORT', ports.stripe, (port) =>
        startLocalStripe({
          port,
          settleAfterSeconds: settleAfterSeconds ?? null,
          retrySchedule: RETRY_DELAYS_MS,
        }),
      ),
    (part) => part.close(),
  )
  return { local, account: { secretKey: local.secretKey, apiBaseUrl: local.url, webhookSecret: '' } }
}

type ApiOptions = {
  adminKey: string
  databaseUrl: string
  jwtSecret: string
  account: Account
  local: LocalStripe | undefined
  stripe: Stripe
  /** The origin whose pages may call the handlers. */
  shopUrl: string
}

/** Starts the handlers, lets local Stripe deliver to them, and returns their address and a link to the dashboard. */
async function startApi(
  { ports = {}, onError = () => {} }: SystemOptions,
  parts: Parts,
  { adminKey, databaseUrl, jwtSecret, account, local, stripe, shopUrl }: ApiOptions,
): Promise<{ apiUrl: string; dashboardUrl: string }> {
  // The handlers need the signing secret to start, so the endpoint is created before its final address is known.
  const endpoint = local?.control.addEndpoint({ url: `http://${HOST}:1${WEBHOOK_PATH}` })
  const api = await parts.start(
    () =>
      onPort('API_PORT', ports.api, (port) =>
        startServer({
          port,
          host: HOST,
          log: { info: () => {}, error: createLog(onError).error },
          env: {
            DATABASE_URL: databaseUrl,
            PAYMENTS_JWT_SECRET: jwtSecret,
            PAYMENTS_ADMIN_KEY: adminKey,
            PAYMENTS_ALLOWED_ORIGINS: `${shopUrl},${shopUrl.replace(HOST, 'localhost')}`,
            STRIPE_TEST_SECRET_KEY: account.secretKey,
            STRIPE_TEST_WEBHOOK_SECRET: endpoint?.secret ?? account.webhookSecret,
            STRIPE_API_BASE_URL: account.apiBaseUrl,
          },
        }),
      ),
    (part) => part.close(),
  )
  const apiUrl = api.url.replace('localhost', HOST)
  if (endpoint) await stripe.webhookEndpoints.update(endpoint.id, { url: `${apiUrl}${WEBHOOK_PATH}` })
  const dashboardUrl = ((await api.dashboardLink()) ?? '').replace('localhost', HOST)
  return { apiUrl, dashboardUrl }
}

/** Reads the SDK as browsers load it. */
async function readSdk(): Promise<Record<string, string>> {
  const folder = new URL('dist/functions/client/', ROOT)
  try {
    const names = ['index.js', 'older.js', 'wait.js']
    const texts = await Promise.all(names.map((name) => readFile(new URL(name, folder), 'utf8')))
    return Object.fromEntries(names.map((name, place) => [name, texts[place] as string]))
  } catch (cause) {
    throw new Error(
      'The SDK for the browser is not built: dist/functions/client/ is missing. Run: npm run build',
      { cause },
    )
  }
}

/** The files of sql/templates that the shop uses. */
const TEMPLATES = ['one-time-orders.sql', 'team-billing-policies.sql', 'team-entitlements.sql']

/** Applies the migrations, the templates as an app author would, and the shop's own tables. */
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
