/** `migrate --again` while the handlers serve: every request over HTTP is answered as without it. */
import { rm } from 'node:fs/promises'
import { Stripe } from 'stripe'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrate } from '../../scripts/cli/commands/migrate.ts'
import { type EmbeddedPostgres, FAST_SETTINGS, startEmbeddedPostgres } from '../../scripts/dev/postgres.ts'
import { type LocalStripe, startLocalStripe } from '../../scripts/local-stripe/index.ts'
import type { RunningServer } from '../functions/conformance.ts'
import { eventOf, signatureOf } from '../functions/support/events.ts'
import { startNode } from '../functions/support/server.ts'
import { WEBHOOK_SECRET } from '../functions/support/system.ts'
import { JWT_SECRET, userToken } from '../functions/support/tokens.ts'
import { open, withDatabase } from '../setup/server.ts'
import { paymentIntent } from '../sql/support/stripe.ts'
import { workingTreeMigrations } from './support/working-tree.ts'

const REQUESTS_OF_EACH_KIND = 40
const MIGRATIONS = 5

let postgres: EmbeddedPostgres
let stripe: LocalStripe
let server: RunningServer
let url: string
let directory: string
let price: string
let authorization: string

beforeAll(async () => {
  directory = await workingTreeMigrations()
  postgres = await startEmbeddedPostgres({ settings: FAST_SETTINGS })
  const admin = open(postgres.url)
  await admin`create database app`
  await admin.end()
  url = withDatabase(postgres.url, 'app')
  await migrate({ databaseUrl: url, directory })
  stripe = await startLocalStripe({ deliver: false })
  const { hostname, port } = new URL(stripe.url)
  const api = new Stripe(stripe.secretKey, { host: hostname, port, protocol: 'http' })
  const { id: product } = await api.products.create({ name: 'Cap' })
  price = (await api.prices.create({ product, currency: 'eur', unit_amount: 1900 })).id
  authorization = `Bearer ${await userToken('u1')}`
  server = await startNode({
    DATABASE_URL: url,
    PAYMENTS_POOL_SIZE: '10',
    PAYMENTS_JWT_SECRET: JWT_SECRET,
    STRIPE_TEST_SECRET_KEY: stripe.secretKey,
    STRIPE_TEST_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_API_BASE_URL: stripe.url,
  })
})
afterAll(async () => {
  await server?.stop()
  await stripe?.close()
  await postgres?.stop()
  await rm(directory, { recursive: true, force: true })
})

async function post(path: string, headers: Record<string, string>, body: string): Promise<string> {
  const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body })
  return `${path} ${response.status}${response.ok ? '' : ` ${await response.text()}`}`
}

const WEBHOOK = '/api/webhooks/stripe/test'
const CHECKOUT = '/api/payments/stripe/test/checkout-sessions'

function webhook(): Promise<string> {
  const body = JSON.stringify(eventOf('payment_intent.succeeded', paymentIntent()))
  return post(WEBHOOK, { 'stripe-signature': signatureOf(body) }, body)
}

const checkout = () =>
  post(
    CHECKOUT,
    { authorization, 'content-type': 'application/json' },
    JSON.stringify({
      mode: 'payment',
      lineItems: [{ priceId: price }],
      successUrl: 'https://shop.example/done',
      cancelUrl: 'https://shop.example/back',
      subject: { type: 'user', id: 'u1' },
    }),
  )

test('40 deliveries and 40 checkouts at once are answered 200 and 201 during five of five migrations', async () => {
  let isDone = false
  const answers = new Map<string, number>()
  async function traffic(): Promise<number> {
    let waves = 0
    for (; !isDone; waves++) {
      const wave = Array.from({ length: REQUESTS_OF_EACH_KIND }, () => [webhook(), checkout()])
      for (const answer of await Promise.all(wave.flat())) answers.set(answer, (answers.get(answer) ?? 0) + 1)
    }
    return waves
  }
  const running = traffic()
  try {
    for (let i = 0; i < MIGRATIONS; i++)
      expect((await migrate({ databaseUrl: url, directory, again: true })).appliedAgain).toHaveLength(2)
  } finally {
    isDone = true
  }
  const waves = await running
  expect(waves).toBeGreaterThan(0)
  const each = waves * REQUESTS_OF_EACH_KIND
  expect(Object.fromEntries(answers)).toEqual({ [`${WEBHOOK} 200`]: each, [`${CHECKOUT} 201`]: each })
  const sql = open(url)
  const [row] = await sql`
    select
      (select count(*)::int from payments.webhook_events where processing_status = 'processed') as processed,
      (select count(*)::int from payments.stripe_checkout_sessions where status = 'open') as opened`
  await sql.end()
  expect(row).toEqual({ processed: each, opened: each })
}, 240_000)
