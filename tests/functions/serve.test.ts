/** `pg-payments serve`, as a process of its own. */
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPaymentsClient } from '../../functions/client/index.ts'
import { productEvent, signatureOf } from './support/events.ts'
import { eventually } from './support/eventually.ts'
import { endAll, type ServerProcess, startProcess } from './support/process.ts'
import { type PostgresProxy, startProxy } from './support/proxy.ts'
import { type System, startSystem } from './support/system.ts'

let system: System

beforeAll(async () => {
  system = await startSystem({ deliver: false })
})

afterAll(async () => {
  endAll()
  await system.close()
})

beforeEach(() => system.asked.forget())

/** Patient with Stripe: these tests hold its answers for as long as they need. */
const serve = (env: Record<string, string>, ...args: string[]) =>
  startProcess(process.execPath, ['--import', 'tsx', 'scripts/cli/main.ts', 'serve', ...args], {
    ...env,
    STRIPE_TIMEOUT_MS: '60000',
  })

const cap = () => ({
  mode: 'payment' as const,
  lineItems: [{ priceId: system.prices.once }],
  successUrl: 'https://shop.example/done',
  cancelUrl: 'https://shop.example/back',
})

const webhook = (url: string) => {
  const body = JSON.stringify(productEvent('prod_1', 'x'))
  return fetch(`${url}/api/webhooks/stripe/test`, {
    method: 'POST',
    headers: { 'stripe-signature': signatureOf(body) },
    body,
  })
}

describe('the server', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'asked to stop by %s first answers what it has begun',
    async (signal) => {
      const server = await serve(system.env, '--port', '0')
      system.stripe.control.fail({ fault: { hold: true }, path: '/v1/checkout/sessions' })
      const pending = createPaymentsClient({ baseUrl: server.url }).stripe.createCheckoutSession(
        'test',
        cap(),
      )
      await system.stripe.control.whenHeld()
      const ended = server.end(signal)
      // It takes no new connection from here on; then Stripe answers.
      await eventually(() =>
        fetch(`${server.url}/health`, { headers: { connection: 'close' } }).then(
          () => 'open',
          () => 'closed',
        ),
      ).toBe('closed')
      system.stripe.control.releaseHeld()
      expect((await pending).data?.checkoutSession.status).toBe('open')
      expect(await ended).toBe(0)
      expect(server.log()).toMatch(/"event":"stopped"[^\n]*$/)
    },
  )

  it.each([
    [
      { DATABASE_URL: '' },
      'DATABASE_URL must be set to the address of the Postgres database, for example postgres://user:password@host:5432/name.',
    ],
    [
      { STRIPE_TEST_SECRET_KEY: 'sk_live_abc' },
      'STRIPE_TEST_SECRET_KEY must be a Stripe secret key for test mode, beginning sk_test_ or rk_test_.',
    ],
  ])('does not start with %j and says why in one sentence', async (env, sentence) => {
    await expect(serve({ ...system.env, ...env })).rejects.toThrow(
      `It ended with 1 before it listened:\n${sentence}`,
    )
  })

  it('does not start on a port that is taken and says so', async () => {
    const other = createServer().listen(0)
    const { port } = other.address() as AddressInfo
    await expect(serve(system.env, '--port', String(port))).rejects.toThrow(
      `It ended with 1 before it listened:\nPort ${port} is taken. Choose another one with --port.`,
    )
    other.close()
  })

  it.each(['', 'Host: not a host\r\n'])(
    'says its health to a load balancer that sends %j as its host',
    async (host) => {
      const server = await serve(system.env, '--port', '0')
      const socket = connect(Number(new URL(server.url).port), 'localhost')
      socket.write(`GET /health HTTP/1.0\r\n${host}\r\n`)
      expect((await text(socket)).split('\r\n')[0]).toBe('HTTP/1.1 200 OK')
      await server.end()
    },
  )

  it('serves the database that --database-url names, also where the environment names another one', async () => {
    const env = { ...system.env, DATABASE_URL: 'postgres://me@127.0.0.1:1/app' }
    const server = await serve(env, '--port', '0', '--database-url', system.database.url)
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    await server.end()
  })

  it('does not take a port that is none', async () => {
    await expect(serve(system.env, '--port', '99999')).rejects.toThrow(
      'It must be a whole number from 0 to 65535.',
    )
  })
})

describe('while Postgres is away', () => {
  let proxy: PostgresProxy
  let server: ServerProcess

  beforeAll(async () => {
    proxy = await startProxy(system.database.url)
    server = await serve({ ...system.env, DATABASE_URL: proxy.url }, '--port', '0')
  })

  afterAll(async () => {
    expect(await server.end()).toBe(0)
    await proxy.close()
  })

  it('everything is a 503, Stripe gets one too and so delivers again, and all is well once it is back', async () => {
    const { stripe } = createPaymentsClient({ baseUrl: server.url })
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    await proxy.become('stop')
    const health = await fetch(`${server.url}/health`)
    expect(health.status).toBe(503)
    expect(await health.json()).toEqual({
      error: 'DATABASE_UNAVAILABLE',
      message: 'The database cannot be reached or is too busy just now.',
      statusCode: 503,
      nextActions: 'Try again in a moment.',
    })
    expect((await webhook(server.url)).status).toBe(503)
    expect((await stripe.createCheckoutSession('test', cap())).error).toMatchObject({
      statusCode: 503,
      error: 'DATABASE_UNAVAILABLE',
    })
    expect(system.asked.seen()).toEqual([])

    await proxy.become('forward')
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    expect((await webhook(server.url)).status).toBe(200)
    expect((await stripe.createCheckoutSession('test', cap())).data?.checkoutSession.status).toBe('open')
  })

  it('in the midst of a checkout, it is a 503, and the same key leads on', async () => {
    const { stripe } = createPaymentsClient({ baseUrl: server.url })
    const request = { ...cap(), idempotencyKey: 'cut-in-the-midst' }
    system.stripe.control.fail({ fault: { hold: true }, path: '/v1/checkout/sessions' })
    const pending = stripe.createCheckoutSession('test', request)
    await system.stripe.control.whenHeld()
    await proxy.become('stop')
    system.stripe.control.releaseHeld()
    expect((await pending).error).toMatchObject({ statusCode: 503 })
    await proxy.become('forward')
    const { data } = await stripe.createCheckoutSession('test', request)
    expect(data?.checkoutSession.status).toBe('open')
    const keys = system.asked.seen().map(({ headers }) => headers['idempotency-key'])
    expect(new Set(keys).size).toBe(1)
  })
})

it('a database without the schema is said to be one', async () => {
  const url = new URL(system.database.url)
  url.pathname = '/postgres'
  const server = await serve({ ...system.env, DATABASE_URL: url.href }, '--port', '0')
  const health = await fetch(`${server.url}/health`)
  expect(health.status).toBe(503)
  expect(await health.json()).toMatchObject({
    message: 'The database has no payments schema yet.',
    nextActions: 'Run `pg-payments migrate` against the database in DATABASE_URL.',
  })
  const answer = await webhook(server.url)
  expect(answer.status).toBe(500)
  expect(await answer.json()).toMatchObject({
    message: 'The payments schema of this database is missing or of another release than these handlers.',
  })
  await server.end()
})
