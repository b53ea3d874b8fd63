/**
 * The older addresses and names of this API. Rules for paths and a table of names translate an old request to the
 * current route, and its answer back. Nothing is implemented twice.
 */
import { apiError } from '../core/errors.ts'
import { readJson } from '../core/http.ts'

const SESSIONS = 'checkout-sessions|customer-portal-sessions'
/** Below `/api/payments`, from before the provider was part of the path: those of both environments. */
const OF_BOTH = /^\/(?:status|config|sync)$/
const OF_ONE = new RegExp(
  `^/(?!stripe/|razorpay/)[^/]+/(?:config|sync|webhook|catalog(?:/(?:products|prices)(?:/[^/]+)?)?|subscriptions|customers|payment-history|${SESSIONS})$`,
)
/** These have the environment in the body. */
const WITHOUT_ENVIRONMENT = new RegExp(`^/(?:${SESSIONS})$`)

/**
 * Names in answers, and, from right to left, in requests. If an old name has two current names, requests use the first
 * one.
 */
const NAMES: [today: string, old: string][] = [
  ['accountId', 'stripeAccountId'],
  ['accountEmail', 'stripeAccountEmail'],
  ['productId', 'stripeProductId'],
  ['priceId', 'stripePriceId'],
  ['customerId', 'stripeCustomerId'],
  ['providerCustomerId', 'stripeCustomerId'],
  ['providerCreatedAt', 'stripeCreatedAt'],
  ['checkoutSessionId', 'stripeCheckoutSessionId'],
  ['paymentIntentId', 'stripePaymentIntentId'],
  ['subscriptionId', 'stripeSubscriptionId'],
  ['subscriptionItemId', 'stripeSubscriptionItemId'],
  ['transactions', 'paymentHistory'],
]

/** In old answers, each kind of id in `relatedObjectIds` was a separate field. */
const RELATED: [kind: string, old: string][] = [
  ['checkout_session', 'stripeCheckoutSessionId'],
  ['payment_intent', 'stripePaymentIntentId'],
  ['invoice', 'stripeInvoiceId'],
  ['charge', 'stripeChargeId'],
  ['refund', 'stripeRefundId'],
  ['subscription', 'stripeSubscriptionId'],
  ['product', 'stripeProductId'],
  ['price', 'stripePriceId'],
]

/** Objects whose keys are chosen by users. */
const UNTOUCHED = new Set(['metadata', 'lastSyncCounts', 'deleted'])

/** No route accepts a body that is nested more deeply. */
const NESTING_MAX = 32

const toOld = new Map(NAMES)
const toToday = new Map(NAMES.map(([today, old]) => [old, today] as const).reverse())

const unchanged = new Map<string, string>()

type Values = Record<string, unknown>

/** Returns a copy of a value with every field renamed. */
function renamed(value: unknown, names: Map<string, string>, depth = 0): unknown {
  if (value === null || typeof value !== 'object') return value
  if (depth > NESTING_MAX) throw apiError(400, 'INVALID_INPUT', 'The body is nested too deeply.')
  if (Array.isArray(value)) return value.map((item) => renamed(item, names, depth + 1))
  const fields = Object.entries(value).flatMap(([key, content]) => {
    if (key === 'relatedObjectIds' && names === toOld)
      return RELATED.map(([kind, old]) => [old, (content as Values)[kind] ?? null])
    return [[names.get(key) ?? key, renamed(content, UNTOUCHED.has(key) ? unchanged : names, depth + 1)]]
  })
  return Object.fromEntries(fields)
}

export type Alias = {
  /** The current path. It contains `{environment}` if the body names the environment. */
  path: string
  /** Returns the request with current path and names. Reads the body. */
  translate(request: Request): Promise<{ request: Request; path: string }>
  /** Returns the answer with the old names. */
  rename(body: object): object
}

/** The current path of an old address; null for a current one. */
function currentPath(path: string): string | null {
  if (WITHOUT_ENVIRONMENT.test(path)) return `/stripe/{environment}${path}`
  if (!OF_BOTH.test(path) && !OF_ONE.test(path)) return null
  return `/stripe${path.replace(/^(\/[^/]+)\/payment-history$/, '$1/transactions')}`
}

/** The translation of an old address; null for a current one. */
export function aliasOf(path: string): Alias | null {
  const current = currentPath(path)
  if (current === null) return null
  return {
    path: current,
    async translate(request) {
      const body = await bodyOf(request)
      const environment = WITHOUT_ENVIRONMENT.test(path) ? environmentOf(body) : ''
      const headers = new Headers(request.headers)
      headers.delete('content-length')
      return {
        request: new Request(urlOf(request), {
          method: request.method,
          headers,
          ...(body === undefined ? {} : { body: JSON.stringify(renamed(body, toToday)) }),
        }),
        path: current.replace('{environment}', environment),
      }
    },
    rename: (answer) => renamed(answer, toOld) as object,
  }
}

async function bodyOf(request: Request): Promise<unknown> {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined
  const nothing = {}
  const body = await readJson(request, { whenEmpty: nothing })
  return body === nothing ? undefined : body
}

/** Removes the environment from a body and returns it. */
function environmentOf(body: unknown): string {
  const { environment } = (body ?? {}) as Values
  if (environment !== 'test' && environment !== 'live')
    throw apiError(400, 'INVALID_INPUT', 'environment must be test or live.')
  delete (body as Values).environment
  return environment
}

/** The address with current names in its query. */
function urlOf(request: Request): URL {
  const url = new URL(request.url)
  const query = [...url.searchParams].map(([key, value]) => [toToday.get(key) ?? key, value])
  url.search = new URLSearchParams(query as [string, string][]).toString()
  return url
}
