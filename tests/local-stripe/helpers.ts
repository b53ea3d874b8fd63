/** Shared by the tests of local Stripe: a running one, the official SDK, and an endpoint that receives its webhooks. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Stripe from 'stripe'
import { afterAll, beforeAll } from 'vitest'
import {
  type LocalStripe,
  type LocalStripeOptions,
  startLocalStripe,
} from '../../scripts/local-stripe/index.ts'

export interface Setting {
  local: LocalStripe
  stripe: Stripe
  /** The SDK with another key. */
  as(key: string, config?: Stripe.StripeConfig): Stripe
}

/** A running local Stripe for the tests of one file. */
export function useLocalStripe(options: LocalStripeOptions = {}): Setting {
  const setting = {} as Setting
  beforeAll(async () => {
    setting.local = await startLocalStripe({ retrySchedule: [1, 1, 1], ...options })
    setting.as = (key, config = {}) => {
      const { port } = new URL(setting.local.url)
      return new Stripe(key, { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0, ...config })
    }
    setting.stripe = setting.as(setting.local.secretKey)
  })
  afterAll(() => setting.local.close())
  return setting
}

export interface Received {
  body: string
  signature: string
  event: Stripe.Event
}

export interface Receiver {
  url: string
  received: Received[]
  types(): string[]
  /** Status codes for the next deliveries; 200 afterwards. */
  answers: number[]
  close(): Promise<void>
}

/** An endpoint on this machine that records what it receives. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const answers: number[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    received.push({ body, signature: String(request.headers['stripe-signature']), event: JSON.parse(body) })
    response.statusCode = answers.shift() ?? 200
    response.end('taken')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/webhook`,
    received,
    answers,
    types: () => received.map(({ event }) => event.type),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

export const urls = {
  success_url: 'https://shop.example/thanks?session={CHECKOUT_SESSION_ID}',
  cancel_url: 'https://shop.example/cart',
}

/** A product with a price; recurring if an interval is given. Amounts in minor units. */
export async function priceOf(stripe: Stripe, amount: number, interval?: 'month' | 'year', currency = 'usd') {
  const product = await stripe.products.create({ name: 'Team plan' })
  const recurring = interval ? { interval } : undefined
  return stripe.prices.create({ product: product.id, currency, unit_amount: amount, recurring })
}

/** The Stripe error with which a call must fail. */
export async function errorOf(promise: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => error,
  )
  if (outcome instanceof Stripe.errors.StripeError) return outcome
  throw new Error(`expected an error of Stripe, got ${outcome}`)
}

/** A subscription bought in checkout, and its customer. */
export async function subscribe(
  setting: Setting,
  price: string,
  entry: { card?: string; paymentMethod?: string } = {},
) {
  const { stripe, local } = setting
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription',
    line_items: [{ price, quantity: 1 }],
    subscription_data: { metadata: { team: '42' } },
    ...urls,
  })
  const paid = local.control.pay(session.id, entry)
  return { session: paid, subscription: paid.subscription ?? '', customer: paid.customer ?? '' }
}
