/**
 * Billing for tests: a migrated database, local Stripe and the handlers, with vitest, jest and node:test.
 *
 *     const billing = await startBilling({ migrations: './migrations' })
 *     const ada = await billing.signIn('ada')
 *     const session = await ada.checkout({ price: await billing.price({ amount: 900, interval: 'month' }) })
 *     await billing.pay(session)
 *
 * Each helper resolves when every event that it caused is processed, and rejects with the reason if one was not.
 */
import { randomBytes } from 'node:crypto'
import type postgres from 'postgres'
import type { Stripe } from 'stripe'
import { createLog } from '../../functions/app.ts'
import { type Actions, createActions } from '../kit/actions.ts'
import { onParentGone } from '../kit/parent.ts'
import { type System, startSystem } from '../kit/system.ts'
import { type LocalStripe, StripeFailure } from '../local-stripe/index.ts'
import { createDatabase, type Migrations } from './database.ts'
import { asUserId, createUser, type User, type UserId } from './user.ts'

export type { Order } from '../kit/actions.ts'
export type { InstallPayments, Migrations } from './database.ts'
export type { CheckoutOptions, PortalOptions, User, UserId } from './user.ts'

export type BillingOptions = {
  /** The app's own migrations: a folder or file of SQL, or a function. */
  migrations?: Migrations
  /**
   * Address of a server where a database may be created, or `embedded`. Default: TEST_DATABASE_URL, DATABASE_URL, else
   * embedded.
   */
  database?: string
  /** More variables of the handlers, for example PAYMENTS_JWT_SECRET of the app. */
  env?: Record<string, string>
  /** Where local Stripe's time begins. Default: now. */
  now?: Date
  /** The same seed gives the same ids at local Stripe. */
  seed?: number
}

export type PriceOptions = {
  /** In the currency's minor unit. */
  amount: number
  /** Default: eur. */
  currency?: string
  /** A subscription's period; without it the price is paid once. */
  interval?: 'day' | 'week' | 'month' | 'year'
  product?: string
  lookupKey?: string
  metadata?: Record<string, string>
}

/** Anything with an id, or the id. */
export type Ref = string | { id: string }

export type Billing = {
  /** A pool of connections as the owner of the database. */
  sql: postgres.Sql
  databaseUrl: string
  /** Address of the handlers: the `baseUrl` of the SDK. */
  apiUrl: string
  /** The official SDK on local Stripe. */
  stripe: Stripe
  /** Local Stripe itself, with its `control`. */
  local: LocalStripe
  /** The variables with which the app reaches all of this. */
  env: Record<string, string>
  /** A signed-in user, by id or by all claims of the token. A number is an id, as long as it is whole and exact. */
  signIn(user: UserId | ({ sub: UserId } & Record<string, unknown>)): Promise<User>
  /** A visitor without a token. */
  guest(): User
  /** Creates a product with a price, in eur unless `currency` says another, and returns the price's id. */
  price(options: PriceOptions): Promise<string>
  /** Pays a checkout session: by card, or with `{ paymentMethod: 'pm_usBankAccount_success' }` by bank account. */
  pay(session?: Ref, entry?: Parameters<Actions['pay']>[1]): Promise<Stripe.Checkout.Session>
  /** Tries to pay with a card that is declined. */
  fail(session?: Ref, card?: string): Promise<void>
  expire(session?: Ref): Promise<void>
  /** Settles a bank payment: it succeeds, or fails with `false`. */
  settle(payment?: Ref, succeeds?: boolean): Promise<void>
  /** Moves time to the next renewal of a subscription, or of the one that a session began. */
  renew(subscription?: Ref): Promise<void>
  cancel(subscription?: Ref, when?: 'now' | 'at_period_end'): Promise<void>
  /**
   * Refunds a payment, named by its session, invoice, payment intent or charge; all of it unless an amount is given.
   */
  refund(payment?: Ref, amount?: number): Promise<void>
  dispute(payment?: Ref, outcome?: 'won' | 'lost'): Promise<void>
  /** Moves local Stripe's time forward: seconds, or for example `3 days`. The database's time stays. */
  advance(duration: string | number): Promise<void>
  /** Holds back all events from now on. Helpers then do not wait for them. */
  hold(): Promise<void>
  /** Delivers the held events. Given ids, it delivers only those and holds the rest. */
  release(order?: Parameters<Actions['release']>[0]): Promise<void>
  /** Delivers the held events in a random order. */
  shuffle(): Promise<void>
  /** Delivers an event again, by default the newest. */
  repeat(event?: Ref, times?: number): Promise<void>
  /** Resolves when every event is processed, also those of your own calls to Stripe. */
  processed(): Promise<void>
  /** Stops everything and drops the database. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts billing for one test file. Call `close` when its tests have ended. */
export async function startBilling(options: BillingOptions = {}): Promise<Billing> {
  const database = await createDatabase(options.migrations, options.database)
  try {
    return await startOver(database, options)
  } catch (error) {
    await database.close()
    throw error
  }
}

async function startOver(
  database: Awaited<ReturnType<typeof createDatabase>>,
  options: BillingOptions,
): Promise<Billing> {
  const variables = {
    PAYMENTS_JWT_SECRET: randomBytes(32).toString('base64url'),
    PAYMENTS_ADMIN_KEY: randomBytes(24).toString('hex'),
    PAYMENTS_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    ...options.env,
  }
  const failures = createFailures()
  const begin = Date.now()
  const { now } = options
  const system = await startSystem({
    databaseUrl: database.url,
    env: variables,
    ports: { api: 0, stripe: 0 },
    localStripe: {
      retrySchedule: [],
      seed: options.seed,
      ...(now && { now: () => new Date(now.getTime() + Date.now() - begin) }),
      onDelivery: failures.onDelivery,
      onWarning: () => {},
    },
    log: failures.log,
  })
  // A run of tests that was killed leaves its test files running, which would keep Postgres.
  const unwatch = onParentGone(process.env, () => {
    void closeOnce().finally(() => process.exit(1))
  })
  await warmUp(system).catch(() => {})
  const close = async () => {
    unwatch()
    await system.close()
    await database.close()
  }
  let closed: Promise<void> | undefined
  const closeOnce = () => {
    closed ??= close()
    return closed
  }
  return {
    ...createHelpers(system, failures),
    sql: database.sql,
    databaseUrl: database.url,
    apiUrl: system.apiUrl,
    stripe: system.stripe,
    local: system.local,
    env: {
      ...variables,
      DATABASE_URL: database.url,
      PAYMENTS_API_URL: system.apiUrl,
      STRIPE_TEST_SECRET_KEY: system.local.secretKey,
      STRIPE_TEST_WEBHOOK_SECRET: system.endpoint.secret,
      STRIPE_API_BASE_URL: system.local.url,
    },
    signIn: async (user) =>
      createUser(
        { system, sql: database.sql, secret: variables.PAYMENTS_JWT_SECRET },
        typeof user === 'object' && user !== null
          ? { ...user, sub: asUserId(user.sub) }
          : { sub: asUserId(user) },
      ),
    guest: () => createUser({ system, sql: database.sql, secret: variables.PAYMENTS_JWT_SECRET }, null),
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  }
}

/** Loads what the first checkout and the first call would load, so that no test waits for it. */
async function warmUp({ apiUrl, stripe }: System): Promise<void> {
  const refused = fetch(`${apiUrl}/api/payments/stripe/test/checkout-sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  await Promise.all([refused.then((response) => response.text()), stripe.products.list({ limit: 1 })])
}

type Helpers = Pick<
  Billing,
  | 'price'
  | 'pay'
  | 'fail'
  | 'expire'
  | 'settle'
  | 'renew'
  | 'cancel'
  | 'refund'
  | 'dispute'
  | 'advance'
  | 'hold'
  | 'release'
  | 'shuffle'
  | 'repeat'
  | 'processed'
>

function createHelpers(system: System, failures: Failures): Helpers {
  const actions = createActions(system)
  const processed = async () => {
    await system.settled()
    failures.raise()
  }
  const done = async (work: Promise<unknown>) => {
    await work.catch((error) => {
      throw error instanceof StripeFailure ? new Error(error.body.message, { cause: error }) : error
    })
    await processed()
  }
  return {
    async price({ amount, currency = 'eur', interval, product = 'Product', lookupKey, metadata }) {
      const { stripe } = system
      const made = await stripe.products.create({ name: product })
      const price = await stripe.prices.create({
        product: made.id,
        currency,
        unit_amount: amount,
        ...(interval && { recurring: { interval } }),
        ...(lookupKey && { lookup_key: lookupKey }),
        ...(metadata && { metadata }),
      })
      await processed()
      return price.id
    },
    async pay(session, entry) {
      const paid = actions.pay(idOf(session), entry)
      await done(paid)
      return system.stripe.checkout.sessions.retrieve((await paid).id)
    },
    fail: async (session, card) => done(actions.decline(idOf(session), card)),
    expire: async (session) => done(actions.expire(idOf(session))),
    settle: async (payment, succeeds = true) => done(actions.settle(idOf(payment), succeeds)),
    renew: async (subscription) => done(actions.renew(idOf(subscription))),
    cancel: async (subscription, when) => done(actions.cancel(idOf(subscription), when)),
    refund: async (payment, amount) => done(actions.refund(idOf(payment), amount)),
    dispute: async (payment, outcome) => done(actions.dispute(idOf(payment), outcome)),
    advance: async (duration) => done(actions.advance(duration)),
    hold: async () => done(actions.hold()),
    release: async (order) => done(actions.release(order)),
    shuffle: async () => done(actions.release('random')),
    repeat: async (event, times) => done(actions.repeat(idOf(event), times)),
    processed,
  }
}

/**
 * A checkout session of the SDK has an id of its own, and that of Stripe's session beside it.
 *
 * @throws TypeError for what has no id: without one, a helper would take the newest object
 */
function idOf(ref: Ref | undefined): string | undefined {
  if (ref === undefined || (typeof ref === 'string' && ref !== '')) return ref
  const { checkoutSessionId, id } = Object(ref) as { checkoutSessionId?: unknown; id?: unknown }
  if (typeof checkoutSessionId === 'string') return checkoutSessionId
  if (typeof id === 'string' && id !== '') return id
  throw new TypeError('This names nothing: pass an id, an object with an id, or nothing for the newest.')
}

type Failures = ReturnType<typeof createFailures>

/** Remembers the events that were not processed, with the reasons that the handlers log. */
function createFailures() {
  const reasons = new Map<string, string>()
  let failed: { event: string; type: string; reason: string }[] = []
  return {
    onDelivery({
      event,
      type,
      status,
      answer,
    }: {
      event: string
      type: string
      status: number | null
      answer: string
    }) {
      if (status === null || status >= 300) failed.push({ event, type, reason: reasons.get(event) ?? answer })
    },
    log: {
      ...createLog(() => {}),
      error(name: string, fields: Record<string, unknown> = {}) {
        const { message } = (fields.cause ?? {}) as { message?: string }
        if (name === 'webhook_failed' && message) reasons.set(String(fields.id), message)
      },
    },
    /** @throws Error with all reasons since the last call */
    raise() {
      if (failed.length === 0) return
      const lines = failed.map(({ event, type, reason }) => `${type} (${event}) was not processed: ${reason}`)
      failed = []
      throw new Error(lines.join('\n'))
    },
  }
}
