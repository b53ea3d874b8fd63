/** What those who run the handlers rely on: headers, request ids, metrics, and a stop without a broken connection. */
import { Agent, request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import worker, { variablesOf } from '../../functions/worker.ts'
import type { RunningServer } from './conformance.ts'
import { productEvent, signatureOf } from './support/events.ts'
import { startProxy } from './support/proxy.ts'
import { startNode } from './support/server.ts'
import { ADMIN_KEY, type System, startSystem } from './support/system.ts'

const TOKEN = 'metrics_token_of_these_tests'

let system: System
let server: RunningServer

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode({
    ...system.env,
    PAYMENTS_METRICS_TOKEN: TOKEN,
    PAYMENTS_BASE_PATH: '/functions/payments',
  })
})

afterAll(async () => {
  await server.stop()
  await system.close()
})

const base = () => `${server.url}/functions/payments`
const deliver = (event: object, secret?: string) => {
  const body = JSON.stringify(event)
  return fetch(`${base()}/api/webhooks/stripe/test`, {
    method: 'POST',
    headers: { 'stripe-signature': signatureOf(body, secret === undefined ? {} : { secret }) },
    body,
  })
}

it('health is reachable with and without the base path, and nothing else is', async () => {
  for (const address of [`${base()}/health`, `${server.url}/health`])
    expect((await fetch(address)).status).toBe(200)
  expect((await fetch(`${server.url}/health`, { method: 'POST' })).status).toBe(405)
  expect((await fetch(`${server.url}/metrics`)).status).toBe(404)
})

describe('an answer', () => {
  const requests: [string, () => Promise<Response>][] = [
    ['of health', () => fetch(`${base()}/health`)],
    ['to nobody', () => fetch(`${base()}/api/payments/stripe/test/customers`)],
    [
      'with personal data',
      () => fetch(`${base()}/api/payments/stripe/test/customers`, { headers: { 'x-api-key': ADMIN_KEY } }),
    ],
    ['to a webhook', () => deliver(productEvent('prod_1', 'Cap'))],
    ['at no address', () => fetch(`${base()}/nothing`)],
    ['to a preflight', () => fetch(`${base()}/api/payments/stripe/status`, { method: 'OPTIONS' })],
  ]

  it.each(requests)('%s is kept by no cache, taken for what it is, and has a request id', async (_, ask) => {
    const { headers } = await ask()
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('has the id of the request, and so have its log lines', async () => {
    const ask = (id: string) =>
      fetch(`${base()}/api/payments/stripe/status`, { headers: { 'x-request-id': id } })
    const { headers } = await ask('req_of.this:test-1')
    expect(headers.get('x-request-id')).toBe('req_of.this:test-1')
    const lines = server
      .log()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.find(({ requestId }) => requestId === 'req_of.this:test-1')).toMatchObject({
      event: 'request',
      status: 401,
    })
    for (const id of ['a b', 'x'.repeat(129), '"quoted"', '<script>'])
      expect((await ask(id)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('the metrics', () => {
  const read = async (headers: Record<string, string>) => {
    const answer = await fetch(`${base()}/metrics`, { headers })
    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() }
  }

  it('are for the admin and for the holder of their token', async () => {
    expect((await read({})).status).toBe(401)
    expect((await read({ authorization: `Bearer ${TOKEN}x` })).status).toBe(401)
    const readers: Record<string, string>[] = [
      { authorization: `Bearer ${TOKEN}` },
      { 'x-api-key': ADMIN_KEY },
    ]
    for (const headers of readers)
      expect(await read(headers)).toMatchObject({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
      })
    const admin = { headers: { authorization: `Bearer ${TOKEN}` } }
    expect((await fetch(`${base()}/api/payments/stripe/status`, admin)).status).toBe(401)
  })

  it('count requests and webhooks, and show lag, backlog and pool of each environment', async () => {
    const event = productEvent('prod_2', 'Cap')
    expect((await deliver(event)).status).toBe(200)
    expect((await deliver(event)).status).toBe(200)
    expect((await deliver(event, 'whsec_wrong')).status).toBe(400)
    await fetch(`${base()}/nothing/${'x'.repeat(50)}`)
    const { text } = await read({ authorization: `Bearer ${TOKEN}` })
    for (const line of text.trim().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [\d.e+-]+)$/)
    const value = (sample: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${sample} `))
          ?.split(' ')
          .at(-1),
      )
    expect(value('pg_payments_webhooks_total{environment="test",outcome="processed"}')).toBeGreaterThan(0)
    expect(value('pg_payments_webhooks_total{environment="test",outcome="duplicate"}')).toBe(1)
    expect(value('pg_payments_webhooks_total{environment="test",outcome="refused"}')).toBe(1)
    expect(value('pg_payments_requests_total{method="POST",route="webhook",status="400"}')).toBe(1)
    expect(value('pg_payments_requests_total{method="GET",route="other",status="404"}')).toBeGreaterThan(0)
    expect(value('pg_payments_backlog_events{environment="test"}')).toBe(0)
    expect(value('pg_payments_backlog_events{environment="live"}')).toBe(0)
    expect(value('pg_payments_events_last_hour{environment="test"}')).toBeGreaterThan(0)
    expect(value('pg_payments_median_lag_seconds{environment="test"}')).toBeGreaterThanOrEqual(0)
    expect(value('pg_payments_pool_size')).toBe(5)
    expect(value('pg_payments_database_up')).toBe(1)
    expect(text).not.toContain('xxxx')
  })
})

it('a stop breaks no kept-alive connection: the last answer on each says that it closes', async () => {
  const own = await startNode(system.env, { drainMs: 2000 })
  const agents = Array.from({ length: 10 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  let stopping = false
  const ask = (agent: Agent) =>
    new Promise<string>((resolve) => {
      httpRequest(`${own.url}/health`, { agent }, (response) => {
        response.resume()
        response.on('end', () => resolve(`${response.statusCode} ${response.headers.connection}`))
      })
        .on('error', (error: Error & { code?: string }) => resolve(String(error.code)))
        .end()
    })
  const answered = new Set<Agent>()
  const clients = agents.map(async (agent) => {
    const seen: string[] = []
    while (true) {
      const answer = await ask(agent)
      seen.push(answer)
      answered.add(agent)
      if (answer !== '200 keep-alive') return { seen, stopping }
    }
  })
  await expect.poll(() => answered.size, { timeout: 30_000 }).toBe(agents.length)
  stopping = true
  await own.stop()
  for (const { seen, stopping: wasStopping } of await Promise.all(clients)) {
    expect(seen.at(-1)).toBe('200 close')
    expect(seen.length).toBeGreaterThan(1)
    expect(wasStopping).toBe(true)
  }
  for (const agent of agents) agent.destroy()
})

describe('a Worker', () => {
  const context = { waitUntil: () => {} }
  const ask = (env: Record<string, unknown>) =>
    worker.fetch(new Request('https://w.example/health'), env, context)

  it('takes the address of the database from a binding of Hyperdrive', async () => {
    const { DATABASE_URL, ...rest } = system.env
    const binding = { connectionString: DATABASE_URL }
    for (const bindings of [{ HYPERDRIVE: binding }, { MY_POOL: binding }, { DATABASE_URL: binding }])
      expect((await ask({ ...rest, ...bindings })).status).toBe(200)
  })

  it('takes a delivery over a single connection, which also reads the stored secrets', async () => {
    const proxy = await startProxy(system.database.url)
    const body = JSON.stringify(productEvent('prod_of_a_worker', 'Cap'))
    const request = new Request('https://w.example/api/webhooks/stripe/test', {
      method: 'POST',
      headers: { 'stripe-signature': signatureOf(body) },
      body,
    })
    let closed: Promise<unknown> = Promise.resolve()
    const waitUntil = (work: Promise<unknown>) => {
      closed = work
    }
    const answer = await worker.fetch(request, { ...system.env, DATABASE_URL: proxy.url }, { waitUntil })
    expect([answer.status, proxy.opened()]).toEqual([200, 1])
    await closed
    await proxy.close()
  })

  it('prefers its variable, and takes none of several that it cannot tell apart', () => {
    const [a, b] = [{ connectionString: 'postgres://a/a' }, { connectionString: 'postgres://b/b' }]
    expect(variablesOf({ DATABASE_URL: 'postgres://c/c', A: a })).toEqual({ DATABASE_URL: 'postgres://c/c' })
    expect(variablesOf({ A: a, B: b })).toEqual({})
    expect(variablesOf({ A: a, HYPERDRIVE: b })).toEqual({ DATABASE_URL: 'postgres://b/b' })
  })

  it('serves the dashboard, and remembers wrong keys from one request to the next', async () => {
    const to = (path: string, init: RequestInit = {}) =>
      worker.fetch(new Request(`https://w.example/dashboard/${path}`, init), system.env, context)
    const signIn = (key: string) =>
      to('session', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
        body: JSON.stringify({ key }),
      })
    const begun = await signIn(ADMIN_KEY)
    expect(begun.status).toBe(201)
    const [cookie = ''] = (begun.headers.get('set-cookie') ?? '').split(';')
    const api = await to('api/stripe/config', { headers: { cookie, 'sec-fetch-site': 'same-origin' } })
    expect(api.status).toBe(200)
    for (let count = 0; count < 5; count++) expect((await signIn('wrong')).status).toBe(401)
    expect((await signIn('wrong')).status).toBe(429)
  })

  it('says as JSON what is not configured', async () => {
    const answer = await ask({ PORT: '1' })
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([500, 'no-store'])
    expect(await answer.json()).toEqual({
      error: 'INTERNAL_ERROR',
      message:
        'DATABASE_URL must be set to the address of the Postgres database, for example postgres://user:…@host:5432/name.',
      statusCode: 500,
      nextActions: 'Set this variable of the Worker, or bind Hyperdrive for the database.',
    })
  })
})
