/**
 * Calls to Stripe, through the official SDK on fetch. The SDK is loaded with the first call, so a webhook does without it. Every
 * answer comes as a snapshot: the object, and an instant at which it was certainly true.
 */
import type { Stripe } from 'stripe'
import type { StripeEnvironment } from '../../types/api.ts'
import type {
  CheckoutSessionParams,
  PortalSessionParams,
  Snapshot,
  StripeObject,
  StripeObjectRef,
} from '../../types/stripe.ts'
import type { Config } from './config.ts'
import { fromStripe } from './errors.ts'
import type { SecretStore } from './secrets.ts'
import { VERSION } from './version.ts'

/** Stripe as one environment sees it. Every method fails with an `ApiError` that says what the caller may know. */
export type StripeApi = {
  createCheckoutSession(
    params: CheckoutSessionParams,
    idempotencyKey: string,
  ): Promise<Snapshot<StripeObject>>
  createPortalSession(params: PortalSessionParams, idempotencyKey: string): Promise<Snapshot<StripeObject>>
  /** An object by its kind and id. */
  retrieve(ref: StripeObjectRef): Promise<Snapshot<StripeObject>>
}

type Retrieve = (stripe: Stripe, id: string) => Promise<Stripe.Response<StripeObject>>

/** How each kind of object that we project is retrieved. */
const RETRIEVE: Record<string, Retrieve> = {
  charge: (stripe, id) => stripe.charges.retrieve(id),
  'checkout.session': (stripe, id) => stripe.checkout.sessions.retrieve(id),
  customer: (stripe, id) => stripe.customers.retrieve(id),
  invoice: (stripe, id) => stripe.invoices.retrieve(id),
  invoice_payment: (stripe, id) => stripe.invoicePayments.retrieve(id),
  payment_intent: (stripe, id) => stripe.paymentIntents.retrieve(id),
  price: (stripe, id) => stripe.prices.retrieve(id),
  product: (stripe, id) => stripe.products.retrieve(id),
  refund: (stripe, id) => stripe.refunds.retrieve(id),
  subscription: (stripe, id) => stripe.subscriptions.retrieve(id),
}

/**
 * The instant of a snapshot: Stripe's clock (the `Date` header, whole seconds) when it answered, less the time the request took,
 * since the object may have been read at its beginning, less the second that the header has rounded away.
 */
export function snapshotInstant(dateHeader: string | undefined, elapsedMs: number, nowMs: number): string {
  const stripeClock = Date.parse(dateHeader ?? '')
  return new Date(
    (Number.isNaN(stripeClock) ? nowMs : stripeClock) - Math.ceil(elapsedMs) - 1000,
  ).toISOString()
}

export function createStripe({
  config,
  secrets,
  now,
}: {
  config: Config
  secrets: SecretStore
  now: () => number
}): (environment: StripeEnvironment) => Promise<StripeApi> {
  const clients = new Map<StripeEnvironment, { secretKey: string; client: Promise<Stripe> }>()

  async function connect(secretKey: string): Promise<Stripe> {
    const { Stripe } = await import('stripe')
    return new Stripe(secretKey, {
      httpClient: Stripe.createFetchHttpClient(),
      timeout: config.stripe.timeoutMs,
      maxNetworkRetries: config.stripe.maxRetries,
      telemetry: false,
      appInfo: { name: 'pg-payments', version: VERSION },
      ...(config.stripe.api ?? {}),
    })
  }

  async function snapshot(
    environment: StripeEnvironment,
    call: () => Promise<Stripe.Response<StripeObject>>,
  ): Promise<Snapshot<StripeObject>> {
    const startedAt = performance.now()
    try {
      const object = await call()
      const elapsed = performance.now() - startedAt
      return { object, snapshotAt: snapshotInstant(object.lastResponse.headers.date, elapsed, now()) }
    } catch (error) {
      throw fromStripe(error, environment)
    }
  }

  return async (environment) => {
    const secretKey = await secrets.secretKey(environment)
    let entry = clients.get(environment)
    if (entry?.secretKey !== secretKey) {
      entry = { secretKey, client: connect(secretKey) }
      clients.set(environment, entry)
    }
    const { client } = entry
    return {
      createCheckoutSession: async (params, idempotencyKey) => {
        const stripe = await client
        return snapshot(environment, () => stripe.checkout.sessions.create(params, { idempotencyKey }))
      },
      createPortalSession: async (params, idempotencyKey) => {
        const stripe = await client
        return snapshot(environment, () => stripe.billingPortal.sessions.create(params, { idempotencyKey }))
      },
      retrieve: async ({ object, id }) => {
        const retrieve = RETRIEVE[object]
        if (!retrieve) throw new Error(`Objects of the kind ${object} are not fetched.`)
        const stripe = await client
        return snapshot(environment, () => retrieve(stripe, id))
      },
    }
  }
}
