/** B96: what a checkout request can ask for. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPaymentsClient } from '../../functions/client/index.ts'
import type { RunningServer } from '../functions/conformance.ts'
import { startNode } from '../functions/support/server.ts'
import { type System, startSystem } from '../functions/support/system.ts'
import { userToken } from '../functions/support/tokens.ts'
import { readCase } from './support/templates.ts'

let system: System
let server: RunningServer

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode(system.env)
})
afterAll(async () => {
  await server.stop()
  await system.close()
})

test('promotion codes, tax, addresses, language and time limit reach Stripe, and policies see their names', async () => {
  const { request } = (await readCase('B96')) as unknown as {
    request: { mode: 'payment' } & Record<string, never>
  }
  const payments = createPaymentsClient({ baseUrl: server.url, getToken: () => userToken('ada') })
  system.stripe.control.setTaxRate(19)
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  const { data, error } = await payments.stripe.createCheckoutSession('test', {
    ...request,
    lineItems: [{ priceId: system.prices.once }],
    subject: { type: 'user', id: 'ada' },
    automaticTax: true,
    billingAddressCollection: 'required',
    locale: 'de',
    expiresAt,
    invoiceCreation: true,
  } as never)
  expect(error).toBeNull()
  expect(
    await system.api.checkout.sessions.retrieve(data?.checkoutSession.checkoutSessionId ?? ''),
  ).toMatchObject({
    allow_promotion_codes: true,
    automatic_tax: { enabled: true },
    billing_address_collection: 'required',
    locale: 'de',
    expires_at: Math.floor(Date.parse(expiresAt) / 1000),
    invoice_creation: { enabled: true },
  })
  expect(
    await system.database.sql`
      select array(select jsonb_object_keys(options) order by 1) as names from payments.stripe_checkout_sessions`,
  ).toEqual([
    {
      names: [
        'allow_promotion_codes',
        'automatic_tax',
        'billing_address_collection',
        'expires_at',
        'invoice_creation',
        'locale',
      ],
    },
  ])
})
