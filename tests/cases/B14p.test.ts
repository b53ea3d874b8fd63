import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPaymentsClient } from '../../functions/client/index.ts'
import type { RunningServer } from '../functions/conformance.ts'
import { startNode } from '../functions/support/server.ts'
import { type System, startSystem } from '../functions/support/system.ts'
import { userToken } from '../functions/support/tokens.ts'
import { ingest } from '../sql/support/calls.ts'
import { checkoutSession, eventOf } from '../sql/support/stripe.ts'

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

test('a session that is paid answers no url', async () => {
  const payments = createPaymentsClient({ baseUrl: server.url, getToken: () => userToken('ada') })
  const ask = async () => {
    const { data } = await payments.stripe.createCheckoutSession('test', {
      mode: 'payment',
      lineItems: [{ priceId: system.prices.once }],
      successUrl: 'https://a.example/ok',
      cancelUrl: 'https://a.example/no',
      idempotencyKey: 'order 2',
    })
    return data?.checkoutSession
  }
  const open = await ask()
  expect(open).toMatchObject({ status: 'open', url: expect.stringMatching(/^http/) })
  const paid = checkoutSession({
    id: open?.checkoutSessionId,
    client_reference_id: open?.id,
    created: Math.floor(Date.now() / 1000),
    payment_intent: 'pi_1',
  })
  const created = paid.created + 60
  expect(
    await ingest(system.database.sql, eventOf('checkout.session.completed', paid, { created })),
  ).toMatchObject({
    status: 'processed',
  })
  expect(await ask()).toMatchObject({ id: open?.id, status: 'completed', paymentStatus: 'paid', url: null })
})
