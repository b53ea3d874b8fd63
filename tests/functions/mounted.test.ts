/** The handlers inside of another server. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { closeDeps, createApp, createDeps, type Deps, readConfig } from '../../functions/app.ts'
import { productEvent, signatureOf } from './support/events.ts'
import { type System, startSystem } from './support/system.ts'

let system: System
let deps: Deps
let server: Server
/** What stands before the handlers. */
let before: (request: IncomingMessage) => Promise<void> = async () => {}

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  deps = createDeps(readConfig(system.env), { log: { info() {}, error() {} } })
  const listener = getRequestListener(createApp(deps).fetch)
  server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    await before(request)
    await listener(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  server.close()
  await closeDeps(deps)
  await system.close()
})

const post = async (path: string, body: string, headers: Record<string, string> = {}) => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/${path}`
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
  return { status: answer.status, body: await answer.json() }
}

it('take a request that nothing has read', async () => {
  before = async () => {}
  const event = JSON.stringify(productEvent('prod_1', 'Cap'))
  const { status } = await post('webhooks/stripe/test', event, { 'stripe-signature': signatureOf(event) })
  expect(status).toBe(200)
})

it('say that another parser, for example express.json(), has read the body', async () => {
  before = async (request) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    Object.assign(request, { body: JSON.parse(Buffer.concat(chunks).toString()) })
  }
  const event = JSON.stringify(productEvent('prod_2', 'Cap'))
  const consumed = {
    status: 500,
    body: {
      error: 'INTERNAL_ERROR',
      message: 'Another parser has read the body before these handlers.',
      statusCode: 500,
      nextActions:
        'Let the handlers take the request first: for example, mount them before app.use(express.json()).',
    },
  }
  expect(await post('webhooks/stripe/test', event, { 'stripe-signature': signatureOf(event) })).toEqual(
    consumed,
  )
  expect(await post('payments/stripe/test/checkout-sessions', '{"mode": "payment"}')).toEqual(consumed)
})
