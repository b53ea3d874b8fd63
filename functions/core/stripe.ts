/**
 * Calls to Stripe, through the official SDK on fetch. The first call loads the SDK, so a webhook does not. Every call
 * returns a snapshot: the object, and an instant at which it was certainly true.
 */
import type { Stripe } from 'stripe'
import type { StripeEnvironment } from '../../types/api.ts'
import type {
  CheckoutSessionParams,
  ListParams,
  PortalSessionParams,
  Snapshot,
  StripeObject,
  StripeObjectRef,
} from '../../types/stripe.ts'
import type { Config } from './config.ts'
import { apiError, fromStripe, isApiError, unreadableAnswer } from './errors.ts'
import type { SecretStore } from './secrets.ts'
import { VERSION } from './version.ts'

/** Stripe as one environment sees it. Every method fails with an `ApiError` that says what the caller may know. */
export type StripeApi = {
  createCheckoutSession(
    params: CheckoutSessionParams,
    idempotencyKey: string,
  ): Promise<Snapshot<StripeObject>>
  /** Expires an open session, so that it cannot be paid any more. */
  expireCheckoutSession(id: string): Promise<Snapshot<StripeObject>>
  createPortalSession(params: PortalSessionParams, idempotencyKey: string): Promise<Snapshot<StripeObject>>
  /** One page of a list. */
  list(kind: ListedKind, params: ListParams): Promise<StripePage>
  /** The items of a subscription beyond those that the subscription itself carries. */
  subscriptionItemsAfter(subscription: string, after: string): Promise<StripePage>
  /** The line items of a Checkout Session beyond those that the session itself carries. */
  lineItemsAfter(session: string, after: string): Promise<StripePage>
  /** The account of the key; null when a restricted key may not read it. */
  accountId(): Promise<string | null>
  /** An object by its kind and id. */
  retrieve(ref: StripeObjectRef): Promise<Snapshot<StripeObject>>
  /** The SDK with the same key, for calls that have no method here. Its errors go through `mapStripeError`. */
  client: Promise<Stripe>
}

/** A page of a list, newest object first, with an instant at which it was certainly true. */
export type StripePage = { objects: StripeObject[]; hasMore: boolean; snapshotAt: string }

type List = StripeObject & { data: StripeObject[]; has_more: boolean }

/** How each kind of object is listed. */
const LIST = {
  products: (stripe: Stripe, params: ListParams) => stripe.products.list(params),
  prices: (stripe: Stripe, params: ListParams) => stripe.prices.list(params),
  customers: (stripe: Stripe, params: ListParams) => stripe.customers.list(params),
  subscriptions: (stripe: Stripe, params: ListParams) => stripe.subscriptions.list(params),
  checkout_sessions: (stripe: Stripe, params: ListParams) => stripe.checkout.sessions.list(params),
  payment_intents: (stripe: Stripe, params: ListParams) => stripe.paymentIntents.list(params),
  charges: (stripe: Stripe, params: ListParams) => stripe.charges.list(params),
  invoices: (stripe: Stripe, params: ListParams) => stripe.invoices.list(params),
  credit_notes: (stripe: Stripe, params: ListParams) => stripe.creditNotes.list(params),
  refunds: (stripe: Stripe, params: ListParams) => stripe.refunds.list(params),
  disputes: (stripe: Stripe, params: ListParams) => stripe.disputes.list(params),
  events: (stripe: Stripe, params: ListParams) => stripe.events.list(params),
} satisfies Record<string, (stripe: Stripe, params: ListParams) => Promise<Stripe.Response<List>>>

export type ListedKind = keyof typeof LIST

/** The kind of the objects in each list. */
const KIND_OF_LIST: Record<ListedKind, string> = {
  products: 'product',
  prices: 'price',
  customers: 'customer',
  subscriptions: 'subscription',
  checkout_sessions: 'checkout.session',
  payment_intents: 'payment_intent',
  charges: 'charge',
  invoices: 'invoice',
  credit_notes: 'credit_note',
  refunds: 'refund',
  disputes: 'dispute',
  events: 'event',
}

type Retrieve = (stripe: Stripe, id: string) => Promise<Stripe.Response<StripeObject>>

/** How each kind of object that we project is retrieved. */
const RETRIEVE: Record<string, Retrieve> = {
  charge: (stripe, id) => stripe.charges.retrieve(id),
  'checkout.session': (stripe, id) => stripe.checkout.sessions.retrieve(id, { expand: ['line_items'] }),
  customer: (stripe, id) => stripe.customers.retrieve(id),
  dispute: (stripe, id) => stripe.disputes.retrieve(id),
  invoice: (stripe, id) => stripe.invoices.retrieve(id),
  credit_note: (stripe, id) => stripe.creditNotes.retrieve(id),
  subscription_schedule: (stripe, id) => stripe.subscriptionSchedules.retrieve(id),
  invoice_payment: (stripe, id) => stripe.invoicePayments.retrieve(id),
  payment_intent: (stripe, id) => stripe.paymentIntents.retrieve(id),
  price: (stripe, id) => stripe.prices.retrieve(id),
  product: (stripe, id) => stripe.products.retrieve(id),
  refund: (stripe, id) => stripe.refunds.retrieve(id),
  subscription: (stripe, id) => stripe.subscriptions.retrieve(id),
}

/**
 * Completes the items of a subscription. Stripe includes only the first ones, and the projection removes items that a
 * snapshot does not contain.
 *
 * @param itemsAfter reads the page of items after one of them
 */
export async function completeItems(
  subscription: StripeObject,
  itemsAfter: StripeApi['subscriptionItemsAfter'],
): Promise<void> {
  const { id, items } = subscription as { id?: string; items?: Pick<List, 'data' | 'has_more'> }
  while (id !== undefined && items?.has_more) {
    const after = items.data.at(-1)?.id
    if (after === undefined) break
    const more = await itemsAfter(id, after)
    const known = new Set(items.data.map((item) => item.id))
    if (more.objects.some((item) => known.has(item.id)))
      throw unreadableAnswer(new Error(`The list of the items of ${id} repeats a page.`))
    items.data.push(...more.objects)
    items.has_more = more.hasMore
  }
}

/**
 * Completes the line items of a Checkout Session. Stripe includes only the first ones, and only where they are
 * expanded.
 */
export async function completeLineItems(
  session: StripeObject,
  itemsAfter: StripeApi['lineItemsAfter'],
): Promise<void> {
  const { id, line_items: items } = session as { id?: string; line_items?: Pick<List, 'data' | 'has_more'> }
  const after = items?.data.at(-1)?.id
  if (id === undefined || !items?.has_more || after === undefined) return
  const more = await itemsAfter(id, after)
  items.data.push(...more.objects)
  items.has_more = more.hasMore
}

/**
 * The instant of a snapshot: Stripe's clock (the `Date` header), less the duration of the request and one second.
 * Stripe may have read the object at the start of the request, and the header has whole seconds.
 */
export function snapshotInstant(dateHeader: string | undefined, elapsedMs: number, nowMs: number): string {
  const stripeClock = Date.parse(dateHeader ?? '')
  return new Date(
    (Number.isNaN(stripeClock) ? nowMs : stripeClock) - Math.ceil(elapsedMs) - 1000,
  ).toISOString()
}

/** A header of a response. Over fetch the SDK has `Headers` here, not the plain object of its type. */
function headerOf({ lastResponse }: Stripe.Response<object>, name: string): string | undefined {
  const headers = lastResponse.headers as Headers | Record<string, string>
  return (headers instanceof Headers ? headers.get(name) : headers[name]) ?? undefined
}

/** Stripe's clock in a response, in milliseconds since 1970; without the `Date` header, `nowMs`. */
export function stripeClock(answer: Stripe.Response<object>, nowMs: number): number {
  const clock = Date.parse(headerOf(answer, 'date') ?? '')
  return Number.isNaN(clock) ? nowMs : clock
}

/**
 * Whether Stripe replayed the stored response of an earlier request with the same idempotency key. It may be
 * outdated.
 */
export function isReplayed(answer: Stripe.Response<object>): boolean {
  return headerOf(answer, 'idempotent-replayed') === 'true'
}

/**
 * Makes a client of the official SDK with this key and our configuration. `STRIPE_TIMEOUT_MS` limits each try of a
 * call. `STRIPE_DEADLINE_MS` limits the call with all its tries, because an edge platform ends a request that takes
 * longer.
 */
export async function connectStripe(config: Config, secretKey: string): Promise<Stripe> {
  const { Stripe } = await import('stripe')
  const client = new Stripe(secretKey, {
    httpClient: Stripe.createFetchHttpClient(fetchObject),
    timeout: config.stripe.timeoutMs,
    maxNetworkRetries: config.stripe.maxRetries,
    telemetry: false,
    appInfo: { name: 'pg-payments', version: VERSION },
    ...(config.stripe.api ?? {}),
  })
  return withDeadline(client, config.stripe.deadlineMs)
}

/**
 * Fetches, and passes on `{}` in place of JSON that is no object. The SDK would throw outside of any promise over
 * `null` or a number, which ends a Node server.
 */
async function fetchObject(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init)
  const text = await response.text()
  const isForeign = !/^\s*\{/.test(text) && isJson(text)
  const { status, headers } = response
  return new Response(isForeign ? '{}' : text, { status, headers })
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Gives every method of the SDK a deadline: the promise that it returns is rejected after this time. */
function withDeadline<Target extends object>(target: Target, deadlineMs: number): Target {
  return new Proxy(target, {
    get(_, name) {
      const value = Reflect.get(target, name) as unknown
      if (typeof value === 'object' && value !== null) return withDeadline(value, deadlineMs)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const result = value.apply(target, args) as unknown
        return result instanceof Promise ? inTime(result, deadlineMs) : result
      }
    },
  })
}

async function inTime<Result>(call: Promise<Result>, deadlineMs: number): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          apiError(502, 'UPSTREAM_FAILURE', 'Stripe could not be reached.', {
            nextActions: 'Try again in a moment with the same idempotency key.',
            cause: new Error(`No answer from Stripe within ${deadlineMs} ms.`),
          }),
        ),
      deadlineMs,
    )
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Checks that an answer is an object of Stripe of this environment, and of this kind if one is given. A proxy, a wrong
 * address or a fault at Stripe may send anything.
 *
 * @throws 502
 */
function checkObject(environment: StripeEnvironment, answer: unknown, kind?: string): void {
  const { object, id, livemode } = (answer ?? {}) as { object?: unknown; id?: unknown; livemode?: unknown }
  const problem =
    typeof answer !== 'object' || answer === null || Array.isArray(answer)
      ? 'is no object'
      : typeof object !== 'string' || (kind !== undefined && object !== kind)
        ? `is ${JSON.stringify(object)?.slice(0, 100)}, not ${kind ?? 'an object of Stripe'}`
        : object !== 'list' && (typeof id !== 'string' || id === '')
          ? 'has no id'
          : typeof livemode === 'boolean' && livemode !== (environment === 'live')
            ? 'is of the other mode'
            : null
  if (problem !== null) throw unreadableAnswer(new Error(`The answer ${problem}.`))
}

/**
 * Calls Stripe, and returns its response as a snapshot.
 *
 * @param kind what the response must be, for example `checkout.session`
 * @throws an `ApiError`; 502 for a response that is not Stripe's
 */
export async function takeSnapshot<Kind extends StripeObject>(
  environment: StripeEnvironment,
  now: () => number,
  call: () => Promise<Stripe.Response<Kind>>,
  kind?: string,
): Promise<Snapshot<Kind>> {
  const startedAt = performance.now()
  try {
    const object = await call()
    const elapsed = performance.now() - startedAt
    checkObject(environment, object, kind)
    const date = headerOf(object, 'date')
    if (Number.isNaN(Date.parse(date ?? ''))) throw unreadableAnswer(new Error('The answer has no date.'))
    return { object, snapshotAt: snapshotInstant(date, elapsed, now()) }
  } catch (error) {
    throw fromStripe(error, environment)
  }
}

/** Rejects with an `ApiError` in place of Stripe's error, and over an answer that is no object of Stripe. */
export async function mapStripeError<T>(environment: StripeEnvironment, call: Promise<T>): Promise<T> {
  const answer = await call.catch((error) => {
    throw fromStripe(error, environment)
  })
  if (!Array.isArray(answer)) checkObject(environment, answer)
  return answer
}

export function createStripe({
  config,
  secrets,
  now,
}: {
  config: Config
  secrets: Pick<SecretStore, 'secretKey'>
  now: () => number
}): (environment: StripeEnvironment) => Promise<StripeApi> {
  const clients = new Map<StripeEnvironment, { secretKey: string; client: Promise<Stripe> }>()

  const snapshot = (
    environment: StripeEnvironment,
    kind: string,
    call: () => Promise<Stripe.Response<StripeObject>>,
  ): Promise<Snapshot<StripeObject>> => takeSnapshot(environment, now, call, kind)

  async function page(
    environment: StripeEnvironment,
    kind: string,
    stripe: Stripe,
    call: (stripe: Stripe) => Promise<Stripe.Response<List>>,
  ): Promise<StripePage> {
    const { object, snapshotAt } = await takeSnapshot(environment, now, () => call(stripe), 'list')
    if (!Array.isArray(object.data)) throw unreadableAnswer(new Error('The list has no data.'))
    for (const item of object.data) checkObject(environment, item, kind)
    return { objects: object.data, hasMore: object.has_more, snapshotAt }
  }

  return async (environment) => {
    const secretKey = await secrets.secretKey(environment)
    let entry = clients.get(environment)
    if (entry?.secretKey !== secretKey) {
      entry = { secretKey, client: connectStripe(config, secretKey) }
      clients.set(environment, entry)
    }
    const { client } = entry
    const subscriptionItemsAfter: StripeApi['subscriptionItemsAfter'] = async (subscription, after) =>
      page(environment, 'subscription_item', await client, (stripe) =>
        stripe.subscriptionItems.list({ subscription, starting_after: after, limit: 100 }),
      )
    const lineItemsAfter: StripeApi['lineItemsAfter'] = async (session, after) =>
      page(environment, 'item', await client, (stripe) =>
        stripe.checkout.sessions.listLineItems(session, { starting_after: after, limit: 100 }),
      )
    return {
      client,
      createCheckoutSession: async (params, idempotencyKey) => {
        const stripe = await client
        return snapshot(environment, 'checkout.session', () =>
          stripe.checkout.sessions.create(params, { idempotencyKey }),
        )
      },
      expireCheckoutSession: async (id) => {
        const stripe = await client
        return snapshot(environment, 'checkout.session', () => stripe.checkout.sessions.expire(id))
      },
      createPortalSession: async (params, idempotencyKey) => {
        const stripe = await client
        return snapshot(environment, 'billing_portal.session', () =>
          stripe.billingPortal.sessions.create(params, { idempotencyKey }),
        )
      },
      list: async (kind, params) =>
        page(environment, KIND_OF_LIST[kind], await client, (stripe) => LIST[kind](stripe, params)),
      subscriptionItemsAfter,
      lineItemsAfter,
      accountId: async () => {
        const stripe = await client
        try {
          const { object } = await snapshot(environment, 'account', () => stripe.accounts.retrieveCurrent())
          return object.id ?? null
        } catch (error) {
          if (isApiError(error) && error.status === 403) return null
          throw error
        }
      },
      retrieve: async ({ object, id }) => {
        const retrieve = RETRIEVE[object]
        if (!retrieve) throw new Error(`Objects of the kind ${object} are not fetched.`)
        const stripe = await client
        const found = await snapshot(environment, object, () => retrieve(stripe, id))
        if (object === 'subscription') await completeItems(found.object, subscriptionItemsAfter)
        if (object === 'checkout.session') await completeLineItems(found.object, lineItemsAfter)
        return found
      },
    }
  }
}
