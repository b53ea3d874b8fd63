/** Two endpoints deliver to one environment: for example the CLI's and the Dashboard's, each with its own secret. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunningServer } from '../functions/conformance.ts'
import { productEvent, signatureOf } from '../functions/support/events.ts'
import { startNode } from '../functions/support/server.ts'
import { type System, startSystem } from '../functions/support/system.ts'

const SECRETS = ['whsec_aaaaaaaaaaaaaaaa', 'whsec_bbbbbbbbbbbbbbbb']

let system: System
let server: RunningServer

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode({ ...system.env, STRIPE_TEST_WEBHOOK_SECRET: SECRETS.join(',') })
})

afterAll(async () => {
  await server.stop()
  await system.close()
})

async function deliver(secret: string): Promise<number> {
  const body = JSON.stringify(productEvent('prod_1', 'Cap'))
  const headers = { 'stripe-signature': signatureOf(body, { secret }) }
  return (await fetch(`${server.url}/api/webhooks/stripe/test`, { method: 'POST', headers, body })).status
}

it('accepts what each of several signing secrets signed, and nothing else', async () => {
  for (const secret of SECRETS) expect(await deliver(secret)).toBe(200)
  for (const secret of ['whsec_cccccccccccccccc', SECRETS.join(',')]) expect(await deliver(secret)).toBe(400)
})
