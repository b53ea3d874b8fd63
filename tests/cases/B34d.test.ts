/** A destination of the new Dashboard that sends thin events, and its ping. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunningServer } from '../functions/conformance.ts'
import { signatureOf } from '../functions/support/events.ts'
import { startNode } from '../functions/support/server.ts'
import { type System, startSystem } from '../functions/support/system.ts'

const events: object[] = JSON.parse(readFileSync(new URL('data/B34d.json', import.meta.url), 'utf8'))

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

async function deliver(event: object) {
  const body = JSON.stringify(event)
  const headers = { 'stripe-signature': signatureOf(body) }
  const answer = await fetch(`${server.url}/api/webhooks/stripe/test`, { method: 'POST', headers, body })
  return { status: answer.status, body: await answer.json() }
}

it('says of a thin event that the destination must send snapshots, also when many arrive at once', async () => {
  const thin = {
    status: 400,
    body: {
      error: 'INVALID_INPUT',
      message: 'The body is a thin event; only snapshot events can be processed.',
      statusCode: 400,
      nextActions:
        'In the Stripe Dashboard, create an event destination with the payload style "Snapshot", and delete this one.',
    },
  }
  for (const event of events) expect(await deliver(event)).toEqual(thin)
  const many = await Promise.all(Array.from({ length: 12 }, (_, i) => deliver(events[i % 2] as object)))
  for (const answer of many) expect(answer).toEqual(thin)
})
