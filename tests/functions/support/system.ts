/** A migrated database, local Stripe with a small catalog, and the environment variables for handlers over both. */
import { Stripe } from 'stripe'
import {
  type LocalStripe,
  type LocalStripeOptions,
  startLocalStripe,
} from '../../../scripts/local-stripe/index.ts'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { type StripeProxy, startStripeProxy } from './stripe-proxy.ts'
import { JWT_SECRET } from './tokens.ts'

export const WEBHOOK_SECRET = 'whsec_of_the_endpoint_in_these_tests'
export const ADMIN_KEY = 'ik_admin_key_of_these_tests'
export const ANON_KEY = 'anon_key_of_these_tests'

export type System = {
  database: TestDatabase
  stripe: LocalStripe
  /** What the handlers asked of Stripe. */
  asked: StripeProxy
  /** The official SDK, past the proxy. */
  api: Stripe
  /** A one-time price and a monthly one. */
  prices: { once: string; monthly: string }
  env: Record<string, string>
  close(): Promise<void>
}

export async function startSystem(options: LocalStripeOptions = {}): Promise<System> {
  const [database, stripe] = await Promise.all([createTestDatabase(), startLocalStripe(options)])
  const asked = await startStripeProxy(stripe.url)
  const { hostname, port } = new URL(stripe.url)
  const api = new Stripe(stripe.secretKey, { host: hostname, port, protocol: 'http' })
  const product = await api.products.create({ name: 'Cap' })
  const once = await api.prices.create({ product: product.id, currency: 'eur', unit_amount: 1900 })
  const monthly = await api.prices.create({
    product: product.id,
    currency: 'eur',
    unit_amount: 900,
    recurring: { interval: 'month' },
  })
  return {
    database,
    stripe,
    asked,
    api,
    prices: { once: once.id, monthly: monthly.id },
    env: {
      DATABASE_URL: database.url,
      PAYMENTS_JWT_SECRET: JWT_SECRET,
      PAYMENTS_ADMIN_KEY: ADMIN_KEY,
      PAYMENTS_ANON_KEY: ANON_KEY,
      STRIPE_TEST_SECRET_KEY: stripe.secretKey,
      STRIPE_TEST_WEBHOOK_SECRET: WEBHOOK_SECRET,
      STRIPE_API_BASE_URL: asked.url,
      STRIPE_TIMEOUT_MS: '5000',
    },
    async close() {
      await asked.close()
      await stripe.close()
      await database.close()
    },
  }
}

/** What was written: how many rows each table has that a request may write to. */
export async function written({ sql }: TestDatabase): Promise<Record<string, number>> {
  const [row] = await sql`
    select
      (select count(*)::integer from payments.stripe_checkout_sessions) as checkout_sessions,
      (select count(*)::integer from payments.stripe_customer_portal_sessions) as portal_sessions,
      (select count(*)::integer from payments.webhook_events) as webhook_events`
  return row as Record<string, number>
}
