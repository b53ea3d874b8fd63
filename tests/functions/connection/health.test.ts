/** Green means that events arrive: what health says while they do not, and after they do again. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { open } from '../../setup/server.ts'
import type { Body } from '../admin/support.ts'
import type { RunningServer } from '../conformance.ts'
import { productEvent, signatureOf } from '../support/events.ts'
import { eventually } from '../support/eventually.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts'

const RECOVER_SINCE = /^pg-payments recover --environment test --since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const PATH = '/api/webhooks/stripe/test'
let system: System
let server: RunningServer

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  // the product of the delivered events, so that the key is that of the rows' account
  await system.api.products.create({ id: 'prod_1', name: 'Cap' })
  server = await startNode(system.env)
})
afterAll(async () => {
  await server.stop()
  await system.close()
})

/** An endpoint made by hand, and no event or refusal yet. */
beforeEach(async () => {
  await deliver() // so that these handlers forget what they have refused
  await system.database.sql`
    truncate payments.webhook_events, payments.provider_connections, payments_private.refused_signatures`
  for (const { id } of (await system.api.webhookEndpoints.list({ limit: 100 })).data)
    await system.api.webhookEndpoints.del(id)
  await makeEndpoint(`https://shop.example${PATH}`)
})

const makeEndpoint = (url: string) =>
  system.api.webhookEndpoints.create({ url, enabled_events: ['*'], metadata: {} })

async function health({ url } = server): Promise<Body> {
  const response = await fetch(`${url}/api/payments/stripe/test/health`, {
    headers: { 'x-api-key': ADMIN_KEY },
  })
  const body = (await response.json()) as Body
  expect(response.status, JSON.stringify(body)).toBe(200)
  return body
}
const codes = (body: Body) => body.reasons.map(({ code }: Body) => code)

async function deliver(options: Parameters<typeof signatureOf>[1] = {}, to = server, body?: string) {
  const sent = body ?? JSON.stringify(productEvent('prod_1', 'Cap'))
  const response = await fetch(`${to.url}${PATH}`, {
    method: 'POST',
    headers: { 'stripe-signature': signatureOf(sent, options) },
    body: sent,
  })
  return { status: response.status, body: (await response.json()) as Body }
}

describe('a wrong signing secret', () => {
  it('is failing as soon as a delivery is refused, until one is accepted', async () => {
    expect(await health()).toMatchObject({ status: 'ok', reasons: [] })
    expect(await deliver({ secret: 'whsec_wrong' })).toMatchObject({
      status: 400,
      body: {
        error: 'INVALID_INPUT',
        message: 'The signature does not match this body.',
        nextActions: 'Compare the signing secret with that of the webhook endpoint in the Stripe Dashboard.',
      },
    })
    expect(await health()).toMatchObject({
      status: 'failing',
      reasons: [
        {
          code: 'signatures_wrong',
          severity: 'failing',
          message: expect.stringMatching(
            /^Deliveries were refused because no signing secret here made their signature: 1 since .+ UTC, the last at .+ UTC\.$/,
          ),
          nextAction:
            'Set STRIPE_TEST_WEBHOOK_SECRET to the signing secret of the webhook endpoint, as the Stripe Dashboard shows it, and restart the handlers. Then recover the events that were lost.',
          command: expect.stringMatching(RECOVER_SINCE),
        },
      ],
    })
    expect(server.log()).toMatch(/"level":"warn","event":"webhook_signature_wrong"/)
    expect((await deliver()).status).toBe(200)
    expect(await health()).toMatchObject({ status: 'ok', reasons: [] })
    await eventually(() => system.database.sql`select from payments_private.refused_signatures`).toHaveLength(
      0,
    )
  })

  it('is seen by the health of another process, and no longer after that one accepted an event', async () => {
    const other = await startNode(system.env)
    await deliver({ secret: 'whsec_wrong' })
    await eventually(async () => codes(await health(other))).toEqual(['signatures_wrong'])
    await deliver({}, other)
    expect(codes(await health(other))).toEqual([])
    expect(codes(await health())).toEqual([])
    await other.stop()
  })

  it('counts every refused delivery with at most one write in some seconds', async () => {
    const fresh = await startNode(system.env)
    for (let n = 0; n < 30; n += 1) await deliver({ secret: 'whsec_wrong' }, fresh)
    const [row] = await system.database.sql`
      select refused::integer from payments_private.refused_signatures where reason = 'wrong'`
    expect(row).toEqual({ refused: 1 })
    expect((await health(fresh)).reasons[0].message).toContain(': 30 since ')
    await fresh.stop()
  })

  it('is not what scanners send: a body that is no event, or a header that is no signature', async () => {
    await deliver({ secret: 'whsec_wrong' }, server, '{"hello":"world"}')
    await fetch(`${server.url}${PATH}`, {
      method: 'POST',
      headers: { 'stripe-signature': 'x' },
      body: JSON.stringify(productEvent('prod_1', 'Cap')),
    })
    expect(await health()).toMatchObject({ status: 'ok', reasons: [] })
  })
})

describe('a clock that is ahead', () => {
  it('is told apart from a wrong secret', async () => {
    expect(await deliver({ ageSeconds: 400 })).toMatchObject({
      status: 400,
      body: {
        error: 'INVALID_INPUT',
        message: expect.stringMatching(
          /^The signature is right, but 40\d seconds old; at most 300 are accepted\.$/,
        ),
        nextActions: 'If Stripe has just sent it, the clock of the handlers is ahead: let it follow NTP.',
      },
    })
    expect(server.log()).toMatch(/"level":"warn","event":"webhook_signature_too_old".+"ageSeconds":40\d/)
    expect(await health()).toMatchObject({
      status: 'failing',
      reasons: [
        {
          code: 'signatures_too_old',
          nextAction:
            'The clock of the handlers is ahead: let it follow NTP. Then recover the events that were lost.',
          command: expect.stringMatching(RECOVER_SINCE),
        },
      ],
    })
  })

  it('does not make a wrong signature of any age look right', async () => {
    expect((await deliver({ ageSeconds: 400, secret: 'whsec_wrong' })).body.message).toBe(
      'The signature does not match this body.',
    )
  })
})

describe('no endpoint at Stripe', () => {
  it('for an address that was made by hand is failing, whatever other endpoints there are', async () => {
    for (const { id } of (await system.api.webhookEndpoints.list()).data)
      await system.api.webhookEndpoints.del(id)
    const missing = {
      code: 'endpoint_missing',
      severity: 'failing',
      message:
        'No enabled webhook endpoint of the Stripe account delivers to an address that ends in /api/webhooks/stripe/test.',
      command: null,
    }
    expect(await health()).toMatchObject({ status: 'failing', reasons: [missing] })
    const { id } = await makeEndpoint('https://shop.example/api/webhooks/stripe/live')
    expect(await health()).toMatchObject({ status: 'failing', reasons: [missing] })
    await system.api.webhookEndpoints.update(id, { url: `https://shop.example/pay${PATH}` })
    expect(await health()).toMatchObject({ status: 'ok' })
    await system.api.webhookEndpoints.update(id, { disabled: true })
    expect(await health()).toMatchObject({ status: 'failing' })
  })

  it('is not said of a path that a proxy rewrites, while events arrive', async () => {
    const [endpoint] = (await system.api.webhookEndpoints.list()).data
    await system.api.webhookEndpoints.update(endpoint?.id ?? '', { url: 'https://shop.example/stripe' })
    expect(codes(await health())).toEqual(['endpoint_missing'])
    await deliver()
    expect(codes(await health())).toEqual([])
  })

  it('for PAYMENTS_PUBLIC_URL is failing, and the command that is named sets it up', async () => {
    const reachable = await startReachable()
    const { status, reasons } = await health(reachable)
    expect({ status, reasons }).toMatchObject({
      status: 'failing',
      reasons: [
        {
          code: 'endpoint_missing',
          message: `No enabled webhook endpoint of the Stripe account delivers to ${reachable.url}${PATH}.`,
          command:
            'pg-payments stripe webhooks configure --environment test && pg-payments recover --environment test',
        },
      ],
    })
    await configure(reachable)
    expect(await health(reachable)).toMatchObject({ status: 'ok', reasons: [] })
    await reachable.stop()
  })
})

/** Handlers that know their own address, and may store secrets. */
async function startReachable(more: Record<string, string> = {}, publicPath = '') {
  const port = await freePort()
  return startNode(
    {
      ...system.env,
      PAYMENTS_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
      PAYMENTS_PUBLIC_URL: `http://127.0.0.1:${port}${publicPath}`,
      ...more,
    },
    { port },
  )
}

async function configure({ url }: { url: string }): Promise<Body> {
  const response = await fetch(`${url}/api/payments/stripe/test/webhook`, {
    method: 'POST',
    headers: { 'x-api-key': ADMIN_KEY },
  })
  const body = (await response.json()) as Body
  expect(response.status, JSON.stringify(body)).toBe(200)
  return body
}

async function freePort(): Promise<number> {
  const listener = createServer()
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  return port
}

it('a managed endpoint whose secret was rolled at Stripe is replaced by the command that is named', async () => {
  const reachable = await startReachable()
  const first = await configure(reachable)
  await deliver({ secret: 'whsec_rolled' }, reachable)
  const { reasons } = await health(reachable)
  expect(reasons).toMatchObject([
    {
      code: 'signatures_wrong',
      command: expect.stringMatching(
        /^pg-payments stripe webhooks configure --environment test && pg-payments recover --environment test --since /,
      ),
    },
  ])
  const second = await configure(reachable)
  expect(second.action).toBe('created')
  expect(second.connection.webhookEndpointId).not.toBe(first.connection.webhookEndpointId)
  expect(await health(reachable)).toMatchObject({ status: 'ok', reasons: [] })
  expect((await configure(reachable)).action).toBe('reused')
  await system.database.sql`truncate payments_private.secrets`
  await reachable.stop()
})

describe('an address', () => {
  /** Handlers that were told another public address than theirs. */
  async function reasonsAt(publicUrl: string, more: Record<string, string> = {}) {
    const elsewhere = await startNode({ ...system.env, PAYMENTS_PUBLIC_URL: publicUrl, ...more })
    await makeEndpoint(`${publicUrl}${PATH}`)
    try {
      return (
        await health({ ...elsewhere, url: `${elsewhere.url}${more.PAYMENTS_BASE_PATH ?? ''}` })
      ).reasons.filter(({ code }: Body) => code.startsWith('address_'))
    } finally {
      await elsewhere.stop()
    }
  }

  it('where nothing answers is failing', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    expect(await reasonsAt(url)).toMatchObject([
      {
        code: 'address_unreachable',
        severity: 'failing',
        message: `${url}${PATH} cannot be reached from here (ECONNREFUSED).`,
        nextAction: expect.stringContaining('Set PAYMENTS_PUBLIC_URL to the address at which Stripe reaches'),
      },
    ])
  })

  it('that cannot be reached from here is degraded while events arrive, for Stripe may reach it', async () => {
    await deliver()
    expect(await reasonsAt(`http://127.0.0.1:${await freePort()}`)).toMatchObject([{ severity: 'degraded' }])
  })

  it.each([
    [404, 'Not found', 'is not the address of these handlers: a GET returned 404 instead of their 405.'],
    [
      405,
      '{"error":"NOT_OURS"}',
      'is not the address of these handlers: a GET returned 405 instead of their 405.',
    ],
    [308, '', 'redirects (308), and Stripe follows no redirect.'],
  ])('where something else answers with %i is failing', async (status, text, message) => {
    const other = createServer((_, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(text)
    })
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    expect(await reasonsAt(url)).toMatchObject([
      { code: 'address_wrong', severity: 'failing', message: `${url}${PATH} ${message}` },
    ])
    other.close()
  })

  it('that lacks the base path is failing, and the advice names it', async () => {
    const prefixed = await startReachable({ PAYMENTS_BASE_PATH: '/payments' })
    const { reasons } = await health({ ...prefixed, url: `${prefixed.url}/payments` })
    expect(reasons).toContainEqual({
      code: 'address_wrong',
      severity: 'failing',
      message: `${prefixed.url}${PATH} is not the address of these handlers: a GET returned 404 instead of their 405.`,
      nextAction: `PAYMENTS_BASE_PATH is /payments, and PAYMENTS_PUBLIC_URL lacks it: set PAYMENTS_PUBLIC_URL to ${prefixed.url}/payments, if the public address has that prefix, and set up the webhook endpoint again.`,
      command: null,
    })
    await prefixed.stop()
    const right = await startReachable({ PAYMENTS_BASE_PATH: '/payments' }, '/payments')
    expect(codes(await health({ ...right, url: `${right.url}/payments` }))).toEqual(['endpoint_missing'])
    await right.stop()
  })
})

describe('events that Stripe lists and the ledger lacks', () => {
  const missing = {
    code: 'events_missing',
    severity: 'failing',
    message: expect.stringMatching(
      /^Stripe lists events that never arrived here: \d+, the oldest \w+\.created evt_\w+ of .+ UTC\.$/,
    ),
    command: expect.stringMatching(RECOVER_SINCE),
  }

  it('are failing after ten minutes, until they are recovered by the command that is named', async () => {
    await system.database.sql`
      insert into payments.provider_connections (provider, environment, created_at)
      values ('stripe', 'test', now() - interval '1 day')`
    await system.api.products.create({ name: 'Lost' })
    expect(codes(await health())).toEqual([])
    system.stripe.control.advance(700)
    expect(await health()).toMatchObject({ status: 'failing', reasons: [missing] })
    const [, since] = / --since (\S+)$/.exec((await health()).reasons[0].command) ?? []
    const recovered = await fetch(`${server.url}/api/payments/stripe/test/recover`, {
      method: 'POST',
      headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ since }),
    })
    expect(recovered.status).toBe(200)
    expect(await health()).toMatchObject({ status: 'ok', reasons: [] })
  })

  it('from before the webhook endpoint was set up are not lost', async () => {
    await system.database.sql`
      insert into payments.provider_connections (provider, environment, created_at)
      values ('stripe', 'test', now() + interval '1 day')`
    await system.api.products.create({ name: 'Earlier' })
    system.stripe.control.advance(700)
    expect(codes(await health())).toEqual([])
  })

  it('of a type that an endpoint made by hand never delivers are not lost', async () => {
    await system.database.sql`
      insert into payments.provider_connections (provider, environment, created_at)
      values ('stripe', 'test', now() - interval '1 day')`
    await system.api.products.create({ name: 'Not delivered' })
    system.stripe.control.advance(700)
    await deliver({}, server, JSON.stringify({ ...productEvent('prod_1', 'Cap'), type: 'product.deleted' }))
    expect(codes(await health())).toEqual([])
  })
})

describe('a setting of the database under which every payment fails', () => {
  it.each([
    ['default_transaction_isolation', 'serializable', 'isolation_level', 'read committed'],
    ['default_transaction_isolation', 'repeatable read', 'isolation_level', 'read committed'],
    ['row_security', 'off', 'row_security', 'on'],
    ['default_transaction_read_only', 'on', 'read_only', 'off'],
    ['session_replication_role', 'replica', 'replication_role', 'origin'],
  ])('%s = %s is failing, and the statement that is named corrects it', async (name, value, code, wanted) => {
    const { sql } = system.database
    const [{ database, login }] = (await sql`
      select quote_ident(current_database()) as database, quote_ident(current_user) as login`) as unknown as [
      Record<'database' | 'login', string>,
    ]
    await sql`
      insert into payments.provider_connections (provider, environment, created_at)
      values ('stripe', 'test', now() + interval '1 day')`
    onTestFinished(async () => {
      await sql.unsafe(
        `alter role ${login} in database ${database} reset all; alter database ${database} reset all`,
      )
    })
    await sql.unsafe(`alter database ${database} set ${name} = '${value}'`)
    const broken = await startNode(system.env)
    const alter = `alter role ${login} in database ${database} set ${name} = '${wanted}';`
    const statement = code === 'read_only' ? `begin read write; ${alter} commit;` : alter
    const note =
      code === 'read_only' ? 'Some platforms set it while the disk is full: free space first. ' : ''
    const whom = code === 'replication_role' ? ' as a superuser' : ''
    const nextAction = `${note}Run in psql${whom}: ${statement} Then restart the handlers, and the pooler if there is one.`
    expect(await health(broken)).toMatchObject({
      status: 'failing',
      reasons: [
        {
          code,
          severity: 'failing',
          message: expect.stringContaining(
            `is ${value}, so ${code === 'replication_role' ? 'no trigger' : 'every'}`,
          ),
          nextAction,
        },
      ],
    })
    const whole = await fetch(`${broken.url}/health`)
    expect(whole.status).toBe(503)
    expect(await whole.json()).toMatchObject({ error: 'DATABASE_UNAVAILABLE', nextActions: nextAction })
    await broken.stop()
    const psql = open(system.database.url, { max: 1 })
    await psql.unsafe(statement)
    await psql.end()
    const corrected = await startNode(system.env)
    expect((await fetch(`${corrected.url}/health`)).status).toBe(200)
    expect((await health(corrected)).status).toBe('ok')
    expect((await deliver({}, corrected)).status).toBe(200)
    await corrected.stop()
    await sql.unsafe(
      `alter role ${login} in database ${database} reset ${name}; alter database ${database} reset ${name}`,
    )
  })

  it('a standby is failing, and a load balancer leaves it', async () => {
    const { sql } = system.database
    const [{ database }] = (await sql`select quote_ident(current_database()) as database`) as unknown as [
      { database: string },
    ]
    onTestFinished(async () => {
      await sql.unsafe(
        `alter database ${database} reset search_path; drop function public.pg_is_in_recovery()`,
      )
    })
    // Postgres itself says so of a standby; here a function of this name does.
    await sql.unsafe(
      `create function public.pg_is_in_recovery() returns boolean language sql as 'select true';
       alter database ${database} set search_path = public, pg_catalog`,
    )
    const standby = await startNode(system.env)
    const nextAction = 'Set DATABASE_URL to the address of the primary server. Then restart the handlers.'
    expect((await health(standby)).reasons).toContainEqual(
      expect.objectContaining({ code: 'read_only', severity: 'failing', nextAction }),
    )
    const whole = await fetch(`${standby.url}/health`)
    expect(whole.status).toBe(503)
    expect(await whole.json()).toMatchObject({ error: 'DATABASE_UNAVAILABLE', nextActions: nextAction })
    await standby.stop()
  })
})
