/**
 * The contenders. Each has as many callers as connections, and each caller sends one delivery at a time. All run in
 * this process and use the same Postgres over the loopback interface.
 */
import { createRequire } from 'node:module'
import type { StripeSync } from '@supabase/stripe-sync-engine'
import { closeDeps, createApp, createDeps, createLog, readConfig } from '../../functions/app.ts'
import { type Delivery, SIGNING_SECRET } from './events.ts'
import { failuresOnly } from './log.ts'
import { connect } from './server.ts'

export type ContenderName = 'bare_limit' | 'handler' | 'sync_engine'

export type Contender = {
  name: ContenderName
  /** Resolves when the event is stored, and rejects if it is not. */
  deliver(delivery: Delivery): Promise<void>
  close(): Promise<void>
}

export type ContenderOptions = { url: string; connections: number }

export const CONTENDERS: Record<ContenderName, (options: ContenderOptions) => Promise<Contender>> = {
  bare_limit: createBareLimit,
  handler: createHandler,
  sync_engine: createSyncEngine,
}

/** Creates the table of the bare limit, once in a database. */
export async function prepareBareLimit(url: string): Promise<void> {
  const sql = connect(url)
  await sql.unsafe(`
    create schema bench;
    create table bench.bare (
      id text primary key,
      payload jsonb not null,
      received_at timestamptz not null default now()
    )`)
  await sql.end()
}

/** One prepared insert of the same bytes by the handlers' driver: no signature check, nothing else. */
async function createBareLimit({ url, connections }: ContenderOptions): Promise<Contender> {
  const sql = connect(url, { max: connections })
  return {
    name: 'bare_limit',
    async deliver({ id, body }) {
      await sql`insert into bench.bare (id, payload) values (${id}, ${body}::text::jsonb)`
    },
    close: () => sql.end({ timeout: 5 }),
  }
}

const ADDRESS = 'http://127.0.0.1/api/webhooks/stripe/test'

/** The webhook route as a server calls it: it takes a request with the bytes and returns a response. */
async function createHandler({ url, connections }: ContenderOptions): Promise<Contender> {
  const deps = createDeps(
    readConfig({
      DATABASE_URL: url,
      PAYMENTS_POOL_SIZE: String(connections),
      STRIPE_TEST_WEBHOOK_SECRET: SIGNING_SECRET,
    }),
    { log: createLog(failuresOnly) },
  )
  const app = createApp(deps)
  return {
    name: 'handler',
    async deliver({ bytes, signature, id }) {
      const response = await app.fetch(
        new Request(ADDRESS, {
          method: 'POST',
          headers: {
            'content-type': 'application/json; charset=utf-8',
            'content-length': String(bytes.length),
            'stripe-signature': signature,
          },
          body: bytes,
        }),
      )
      const text = await response.text()
      if (response.status !== 200)
        throw new Error(`The handler answered ${response.status} to ${id}: ${text}`)
    },
    close: () => closeDeps(deps),
  }
}

/** The used part of the sync engine. Its CommonJS build is loaded, because only that build finds its own migrations. */
type SyncEngineModule = {
  StripeSync: typeof StripeSync
  runMigrations(config: { databaseUrl: string; schema: string }): Promise<void>
}

function loadSyncEngine(): SyncEngineModule {
  return createRequire(import.meta.url)('@supabase/stripe-sync-engine') as SyncEngineModule
}

/** Creates its tables in a schema of their own, and the one price that the line items name. */
export async function prepareSyncEngine(url: string): Promise<void> {
  await loadSyncEngine().runMigrations({ databaseUrl: url, schema: 'stripe' })
  const sql = connect(url)
  try {
    // The sync engine logs an error of a migration instead of throwing it.
    const [row] = await sql`select to_regclass('stripe.checkout_session_line_items') is not null as migrated`
    if (!row?.migrated) throw new Error('The sync engine did not migrate its schema.')
    await sql`insert into stripe.prices (id, object, active, currency) values (${LINE_ITEM.price.id}, 'price', true, 'usd')`
  } finally {
    await sql.end()
  }
}

/** The fastest settings of the sync engine: every option that sends more requests to Stripe or the database is off. */
export const SYNC_ENGINE_SETTINGS = {
  autoExpandLists: false,
  backfillRelatedEntities: false,
  revalidateObjectsViaStripeApi: [],
}

const LINE_ITEM = {
  object: 'item',
  amount_discount: 0,
  amount_subtotal: 1400,
  amount_tax: 0,
  amount_total: 1400,
  currency: 'usd',
  description: 'House blend, 250 g',
  price: { id: 'price_1Ud6hIBenchAcctQcoffee00', object: 'price' },
  quantity: 1,
}

/**
 * `processWebhook` with the signed body. The sync engine requests the line items of every completed session, with any
 * settings. Here a stub in this process returns the one item at once; a real request would only make the sync engine
 * slower.
 */
async function createSyncEngine({ url, connections }: ContenderOptions): Promise<Contender> {
  const { StripeSync } = loadSyncEngine()
  const sync = new StripeSync({
    ...SYNC_ENGINE_SETTINGS,
    stripeSecretKey: 'sk_test_bench',
    stripeWebhookSecret: SIGNING_SECRET,
    poolConfig: { connectionString: url, max: connections, keepAlive: true },
  })
  // Any other request to Stripe fails the measurement.
  sync.stripe = withoutStripe(sync.stripe)
  return {
    name: 'sync_engine',
    deliver: ({ bytes, signature }) => sync.processWebhook(bytes, signature),
    close: () => sync.postgresClient.close(),
  }
}

function withoutStripe(stripe: StripeSync['stripe']): StripeSync['stripe'] {
  const part = {
    webhooks: stripe.webhooks,
    checkout: {
      sessions: {
        async *listLineItems(sessionId: string) {
          yield { ...LINE_ITEM, id: `li_${sessionId.slice(10, 34)}` }
        },
      },
    },
  }
  return new Proxy(part as unknown as StripeSync['stripe'], {
    get(target, name) {
      const found = Reflect.get(target, name)
      if (found === undefined) throw new Error(`The sync engine asked Stripe for ${String(name)}.`)
      return found
    },
  })
}
