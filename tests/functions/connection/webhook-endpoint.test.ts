/** The webhook endpoint that is managed at Stripe. */
import { randomBytes } from 'node:crypto'
import { Stripe } from 'stripe'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type AdminSystem,
  type Body,
  connect,
  ENCRYPTION_KEY,
  OTHER_ACCOUNT_KEY,
  startAdminSystem,
} from '../admin/support.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY } from '../support/system.ts'

let system: AdminSystem
let url: string

beforeAll(async () => {
  system = await startAdminSystem({ deliver: true, reachable: true })
  url = `${system.server.url}/api/webhooks/stripe/test`
})

afterAll(async () => {
  expect(system.answered()).not.toMatch(/whsec_[A-Za-z0-9]/)
  expect(system.server.log()).not.toMatch(/whsec_[A-Za-z0-9]/)
  await system.close()
})

const endpoints = async () => (await system.api.webhookEndpoints.list({ limit: 100 })).data
const enabled = async () => (await endpoints()).filter(({ status }) => status === 'enabled')

/** A connected account without any endpoint. */
beforeEach(async () => {
  for (const { id } of await endpoints()) await system.api.webhookEndpoints.del(id)
  await system.database.sql`truncate payments_private.secrets, payments.provider_connections`
})

const configure = async () => {
  const answer = await system.admin('POST', '/api/payments/stripe/test/webhook')
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

const health = async () => (await system.admin('GET', '/api/payments/stripe/test/health')).body
const drift = async () =>
  ((await health()).endpoint.drift as { problem: string }[]).map(({ problem }) => problem)

/** Whether an event that happens now arrives and is processed. */
async function anEventArrives(): Promise<boolean> {
  const product = await system.api.products.create({ name: 'Arrives' })
  await system.stripe.control.settled()
  const rows = await system.database.sql`
    select from payments.webhook_events
    where object_id = ${product.id} and processing_status = 'processed'`
  return rows.length === 1
}

describe('storing the key', () => {
  it('sets up an endpoint that Stripe delivers every projected event to', async () => {
    const { body } = await connect(system)
    const [endpoint, ...others] = await endpoints()
    expect(others).toEqual([])
    const [{ types }] = (await system.database
      .sql`select payments.projected_event_types() as types`) as unknown as [{ types: string[] }]
    expect(endpoint).toMatchObject({
      url,
      status: 'enabled',
      api_version: Stripe.API_VERSION,
      metadata: { managed_by: 'pg-payments', payments_environment: 'test' },
    })
    expect([...(endpoint?.enabled_events ?? [])].sort()).toEqual([...types].sort())
    expect(body.connection).toMatchObject({
      webhookEndpointId: endpoint?.id,
      webhookEndpointUrl: url,
      webhookConfiguredAt: expect.any(String),
      webhookDrift: [],
    })
    expect(await anEventArrives()).toBe(true)
  })

  it('stands, with a warning, when the endpoint could not be set up', async () => {
    system.stripe.control.fail({
      fault: { status: 400 },
      method: 'POST',
      path: '/v1/webhook_endpoints',
      times: 9,
    })
    const { body } = await connect(system)
    system.stripe.control.clearFailures()
    expect(body.warnings).toEqual([expect.stringMatching(/^The webhook endpoint is not set up: .+\.$/)])
    expect(body.keys[0].hasKey).toBe(true)
    expect(await endpoints()).toEqual([])
  })
})

describe('setting it up again', () => {
  it('uses a healthy one again', async () => {
    const { body } = await connect(system)
    expect(await configure()).toMatchObject({
      action: 'reused',
      connection: { webhookEndpointId: body.connection.webhookEndpointId },
      warnings: [],
    })
    expect(await endpoints()).toHaveLength(1)
  })

  it.each([
    ['disabled', { disabled: true }],
    ['missing_events', { enabled_events: ['invoice.paid' as const] }],
  ])('mends one that is found with %s', async (problem, change) => {
    const { body } = await connect(system)
    const id = body.connection.webhookEndpointId
    await system.api.webhookEndpoints.update(id, change)
    expect(await drift()).toEqual([problem])
    expect((await health()).status).toBe('failing')
    expect(await configure()).toMatchObject({ action: 'mended', connection: { webhookEndpointId: id } })
    expect(await drift()).toEqual([])
    expect(await anEventArrives()).toBe(true)
  })

  it('keeps events that somebody added', async () => {
    const { body } = await connect(system)
    const id = body.connection.webhookEndpointId
    await system.api.webhookEndpoints.update(id, { enabled_events: ['invoice.paid', 'payout.paid'] })
    await configure()
    expect((await endpoints())[0]?.enabled_events).toEqual(
      expect.arrayContaining(['payout.paid', 'refund.created']),
    )
  })

  it('makes a new one when it was deleted at Stripe', async () => {
    const { body } = await connect(system)
    await system.api.webhookEndpoints.del(body.connection.webhookEndpointId)
    expect(await drift()).toEqual(['gone'])
    expect((await health()).status).toBe('failing')
    const { action, connection } = await configure()
    expect(action).toBe('created')
    expect(connection.webhookEndpointId).not.toBe(body.connection.webhookEndpointId)
    expect(await drift()).toEqual([])
    expect(await anEventArrives()).toBe(true)
  })

  it('makes a new one for another API version, and disables the one before', async () => {
    const { body } = await connect(system)
    const before = body.connection.webhookEndpointId
    system.stripe.engine.store.require('webhook_endpoint', before).api_version = '2024-06-20'
    expect(await drift()).toEqual(['other_version'])
    expect((await health()).status).toBe('degraded')
    const { action, connection } = await configure()
    expect(action).toBe('created')
    expect((await enabled()).map(({ id }) => id)).toEqual([connection.webhookEndpointId])
    expect(await endpoints()).toHaveLength(2)
  })

  it('for another address makes a new one, and disables the one before only where it is told to take over', async () => {
    const { body } = await connect(system)
    const former = body.connection.webhookEndpointId
    const moved = await startNode({
      ...system.env,
      PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY,
      PAYMENTS_PUBLIC_URL: 'https://payments.example',
    })
    const ask = async (method: string, path: string, body?: object) =>
      (await (
        await fetch(`${moved.url}/api/payments/stripe/test/${path}`, {
          method,
          headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
          ...(body && { body: JSON.stringify(body) }),
        })
      ).json()) as Body
    const here = 'https://payments.example/api/webhooks/stripe/test'
    const verdict = await ask('GET', 'health')
    expect(verdict.status).toBe('failing')
    expect(verdict.endpoint.drift).toEqual([
      {
        problem: 'other_url',
        message: `The webhook endpoint ${former} delivers to ${url} instead of ${here}.`,
      },
    ])
    expect(await ask('POST', 'webhook')).toMatchObject({
      action: 'created',
      warnings: [
        `The webhook endpoint ${former} was left alone, because it delivers to ${url}, where the original of this database may be in use. If this deployment has moved here from there, run \`pg-payments stripe webhooks configure --environment test --take-over\`, which disables that endpoint.`,
      ],
    })
    expect((await enabled()).map((endpoint) => endpoint.url).sort()).toEqual([url, here].sort())

    expect(await ask('POST', 'webhook', { takeOver: true })).toMatchObject({ action: 'reused', warnings: [] })
    expect((await enabled()).map((endpoint) => endpoint.url)).toEqual([here])
    await moved.stop()
  })

  it('makes a new one when its secret is not known, as after restoring a database', async () => {
    const { body } = await connect(system)
    await system.database.sql`delete from payments_private.secrets where kind = 'webhook_secret'`
    expect(await drift()).toEqual(['secret_unknown'])
    expect((await health()).status).toBe('failing')
    expect((await configure()).action).toBe('created')
    const old = (await endpoints()).find(({ id }) => id === body.connection.webhookEndpointId)
    expect(old?.status).toBe('disabled')
  })

  it('makes a new one when another encryption key cannot open its secret, and the key is stored again', async () => {
    const { body } = await connect(system)
    const former = body.connection.webhookEndpointId
    const server = await startNode({
      ...system.env,
      PAYMENTS_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      PAYMENTS_PUBLIC_URL: new URL(url).origin,
    })
    const ask = async (method: string, path: string, body?: object) => {
      const response = await fetch(`${server.url}/api/payments/stripe/test/${path}`, {
        method,
        headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      })
      return { status: response.status, body: (await response.json()) as Body }
    }
    expect(await ask('POST', 'webhook')).toMatchObject({
      status: 503,
      body: { error: 'PAYMENT_SECRETS_UNREADABLE' },
    })
    const again = await ask('PUT', 'config', { secretKey: system.stripe.secretKey })
    expect(again).toMatchObject({ status: 200, body: { warnings: [] } })
    expect((await ask('GET', 'health')).body).toMatchObject({ status: 'ok', reasons: [] })
    const { webhookEndpointId: fresh } = again.body.connection
    expect((await endpoints()).map(({ id, status }) => [id, status])).toEqual(
      expect.arrayContaining([
        [fresh, 'enabled'],
        [former, 'disabled'],
      ]),
    )
    expect(fresh).not.toBe(former)
    expect((await ask('POST', 'webhook')).body).toMatchObject({ action: 'reused', warnings: [] })
    await server.stop()
  })

  it('goes on after a crash between Stripe and the database, without a second endpoint', async () => {
    await connect(system)
    await system.api.webhookEndpoints.del((await endpoints())[0]?.id ?? '')
    await system.database
      .sql`alter function payments.complete_webhook_endpoint(text, jsonb, text, text) rename to gone`
    expect((await system.admin('POST', '/api/payments/stripe/test/webhook')).status).toBe(500)
    await system.database
      .sql`alter function payments.gone(text, jsonb, text, text) rename to complete_webhook_endpoint`
    expect(await endpoints()).toHaveLength(1)
    await configure()
    expect(await endpoints()).toHaveLength(1)
    expect(await drift()).toEqual([])
    expect(await anEventArrives()).toBe(true)
  })

  it('asked for often at once makes one endpoint', async () => {
    await connect(system)
    for (let round = 0; round < 4; round += 1) {
      await system.api.webhookEndpoints.del((await endpoints())[0]?.id ?? '')
      await Promise.all(Array.from({ length: 5 }, configure))
      expect(await endpoints()).toHaveLength(1)
    }
    expect(await anEventArrives()).toBe(true)
  })

  it('does not act on a list of endpoints that somebody else has made out of date meanwhile', async () => {
    const { sql } = system.database
    const begin = async (since: string | null) => {
      const endpoints = since === null ? null : '[]'
      const [row] = await sql`
        select payments.begin_webhook_endpoint('test', 'https://a.example', 'v', ${endpoints}::text::jsonb, ${since}) as decision`
      return row?.decision as { action: string; idempotency_key: string }
    }
    const listed = await begin(null)
    expect(listed.action).toBe('list')
    await sql`select payments.complete_webhook_endpoint('test', '{"id": "we_1", "url": "https://a.example"}', 'k', 'c')`
    const again = await begin(listed.idempotency_key)
    expect(again.action).toBe('list')
    expect((await begin(again.idempotency_key)).action).toBe('create')
  })

  it('replaces an endpoint whose stored secret is said to be lost, however correct it is', async () => {
    const { sql } = system.database
    await sql`select payments.complete_webhook_endpoint('test', '{"id": "we_1", "url": "https://a.example"}', 'k', 'c')`
    const endpoint = {
      id: 'we_1',
      url: 'https://a.example',
      status: 'enabled',
      api_version: 'v',
      enabled_events: ['*'],
      metadata: { managed_by: 'pg-payments', payments_environment: 'test' },
    }
    const begin = async (secretIsLost: boolean | null) => {
      const [row] = await sql`
        with first as (select payments.begin_webhook_endpoint('test', 'https://a.example', 'v') as decision)
        select payments.begin_webhook_endpoint('test', 'https://a.example', 'v', ${sql.json([endpoint])},
          decision ->> 'idempotency_key', ${secretIsLost}) as decision from first`
      return row?.decision
    }
    expect(await begin(true)).toMatchObject({ action: 'create', endpoint: null, retire: ['we_1'] })
    expect(await begin(false)).toMatchObject({ action: 'reuse', endpoint, retire: [] })
    expect(await begin(null)).toMatchObject({ action: 'reuse' })
  })

  it('refuses no event while it changes over, for both secrets are good', async () => {
    const { body } = await connect(system)
    const first = system.stripe.control.deliveries().length
    let going = true
    const load = (async () => {
      while (going)
        await Promise.all(Array.from({ length: 5 }, () => system.api.products.create({ name: 'Load' })))
    })()
    for (let round = 0; round < 3; round += 1) {
      const [current] = (await enabled()).map(({ id }) => id)
      system.stripe.engine.store.require('webhook_endpoint', current ?? '').api_version = '2024-06-20'
      expect((await configure()).action).toBe('created')
    }
    going = false
    await load
    await system.stripe.control.settled()
    const attempts = system.stripe.control.deliveries().slice(first)
    expect(attempts.length).toBeGreaterThan(10)
    expect(attempts.filter(({ status }) => status !== 200)).toEqual([])
    const [{ missing }] = (await system.database.sql`
      select count(*)::integer as missing from payments.stripe_products where name = 'Load'`) as unknown as [
      { missing: number },
    ]
    expect(missing).toBe((await allProducts()).filter(({ name }) => name === 'Load').length)
    const secrets = await system.database.sql`
      select expires_at - now() > interval '23 hours' as for_a_day, expires_at is null as current
      from payments_private.secrets where kind = 'webhook_secret' order by created_at`
    expect(secrets.at(-1)).toMatchObject({ current: true })
    expect(secrets.slice(0, -1).every(({ for_a_day }) => for_a_day)).toBe(true)
    expect(secrets.length).toBeGreaterThanOrEqual(2)
    expect((await endpoints()).find(({ id }) => id === body.connection.webhookEndpointId)?.status).toBe(
      'disabled',
    )
  })
})

async function allProducts(): Promise<Stripe.Product[]> {
  const all: Stripe.Product[] = []
  for await (const product of system.api.products.list({ limit: 100 })) all.push(product)
  return all
}

describe('endpoints of others', () => {
  const others: { url: string; metadata: Record<string, string> }[] = [
    { url: 'https://other.example/hooks', metadata: {} },
    { url: 'https://other.example/api/webhooks/stripe/test', metadata: { managed_by: 'insforge' } },
    {
      url: 'https://staging.example/api/webhooks/stripe/test',
      metadata: { managed_by: 'pg-payments', payments_environment: 'test' },
    },
  ]

  it('stay as they are', async () => {
    for (const other of others)
      await system.api.webhookEndpoints.create({ ...other, enabled_events: ['invoice.paid'] })
    const before = await endpoints()
    await connect(system)
    await system.api.webhookEndpoints.update(
      (await endpoints()).find((endpoint) => endpoint.url === url)?.id ?? '',
      { disabled: true },
    )
    await configure()
    await system.admin('DELETE', '/api/payments/stripe/test/config')
    expect(await endpoints()).toEqual(before)
  })

  it('stay when there are 16; what is ours and dead makes room', async () => {
    for (let n = 0; n < 14; n += 1) {
      await system.api.webhookEndpoints.create({
        url: `https://other.example/${n}`,
        enabled_events: ['invoice.paid'],
      })
    }
    await connect(system)
    const change = async () => {
      const [ours] = (await enabled()).filter((endpoint) => endpoint.url === url)
      system.stripe.engine.store.require('webhook_endpoint', ours?.id ?? '').api_version = '2024-06-20'
      return configure()
    }
    await change()
    expect(await endpoints()).toHaveLength(16) // 14 of others, ours, and ours that is disabled
    await change()
    const all = await endpoints()
    expect(all).toHaveLength(16)
    expect(all.filter((endpoint) => endpoint.url.startsWith('https://other.example/'))).toHaveLength(14)
    expect(await anEventArrives()).toBe(true)
  })

  it('stay when there is no room at all, and Stripe says so', async () => {
    for (let n = 0; n < 16; n += 1) {
      await system.api.webhookEndpoints.create({
        url: `https://other.example/${n}`,
        enabled_events: ['invoice.paid'],
      })
    }
    const { body } = await connect(system)
    const next = `Delete one that is not needed in the Stripe Dashboard and set it up again; or let one of them deliver to ${url}, and set STRIPE_TEST_WEBHOOK_SECRET to its signing secret.`
    expect(body.warnings).toEqual([
      `The webhook endpoint is not set up: You have reached the maximum of 16 test webhook endpoints. ${next}`,
    ])
    expect(await system.admin('POST', '/api/payments/stripe/test/webhook')).toMatchObject({
      status: 400,
      body: {
        error: 'UPSTREAM_FAILURE',
        message: 'You have reached the maximum of 16 test webhook endpoints.',
        nextActions: next,
      },
    })
    expect(await endpoints()).toHaveLength(16)
  })
})

describe('without the key', () => {
  it('the endpoint is deleted at Stripe together with it', async () => {
    await connect(system)
    const answer = await system.admin('DELETE', '/api/payments/stripe/test/config')
    expect(await endpoints()).toEqual([])
    expect(answer.body.remained.filter((sentence: string) => sentence.includes('endpoint'))).toEqual([])
    expect(await system.database.sql`select from payments_private.secrets`).toEqual([])
  })

  it('it is said when the endpoint could not be deleted', async () => {
    const { body } = await connect(system)
    const id = body.connection.webhookEndpointId
    system.stripe.control.fail({
      fault: { status: 500 },
      method: 'DELETE',
      path: `/v1/webhook_endpoints/${id}`,
      times: 9,
    })
    const answer = await system.admin('DELETE', '/api/payments/stripe/test/config')
    system.stripe.control.clearFailures()
    expect(answer.body.remained).toContain(
      `The webhook endpoint ${id} is still at Stripe; delete it in the Stripe Dashboard.`,
    )
    expect(answer.body.keys[0].hasKey).toBe(false)
  })

  it('of the account before, its endpoint goes when another account takes its place', async () => {
    await connect(system)
    const answer = await system.admin('PUT', '/api/payments/stripe/test/config', {
      secretKey: OTHER_ACCOUNT_KEY,
      replaceAccount: true,
    })
    expect(answer.status).toBe(200)
    expect(answer.body.warnings).toEqual([])
    expect(await endpoints()).toEqual([])
    expect(answer.body.connection).toMatchObject({ webhookEndpointUrl: url, webhookDrift: [] })
  })
})

describe('a copy of the database', () => {
  /** Handlers at another address, over rows that say which endpoint the original is set up with. */
  async function asCopy<T>(
    work: (ask: (method: string, path: string, body?: object) => Promise<Body>) => Promise<T>,
  ) {
    const server = await startNode({
      ...system.env,
      PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY,
      PAYMENTS_PUBLIC_URL: 'https://staging.example',
    })
    try {
      return await work(async (method, path, body) => {
        const response = await fetch(`${server.url}/api/payments/stripe/test/${path}`, {
          method,
          headers: { 'x-api-key': ADMIN_KEY, ...(body && { 'content-type': 'application/json' }) },
          ...(body && { body: JSON.stringify(body) }),
        })
        const answer = (await response.json()) as Body
        expect(response.status, JSON.stringify(answer)).toBe(200)
        return answer
      })
    } finally {
      await server.stop()
    }
  }

  it('that forgets its key leaves the endpoint of the original, and says so', async () => {
    const { body } = await connect(system)
    const before = await endpoints()
    const { remained } = await asCopy((ask) => ask('DELETE', 'config'))
    expect(remained).toContain(
      `The webhook endpoint ${body.connection.webhookEndpointId} is still at Stripe, because it delivers to ${url}, not to this deployment; delete it in the Stripe Dashboard if nothing else needs it.`,
    )
    expect(await endpoints()).toEqual(before)
  })

  it('that sets up its endpoint, or stores the key again, leaves the endpoint of the original, and says so', async () => {
    const { body } = await connect(system)
    const leaves = `The webhook endpoint ${body.connection.webhookEndpointId} was left alone, because it delivers to ${url}`
    const again = await asCopy((ask) => ask('PUT', 'config', { secretKey: system.stripe.secretKey }))
    expect(again.warnings).toEqual([expect.stringContaining(leaves)])
    const { action, warnings } = await asCopy((ask) => ask('POST', 'webhook'))
    expect({ action, warnings }).toEqual({ action: 'reused', warnings: [expect.stringContaining(leaves)] })
    expect(await enabled()).toContainEqual(expect.objectContaining({ url }))
    expect(await anEventArrives()).toBe(true)
  })

  it('does not delete the disabled endpoint of the original to make room for its own', async () => {
    const { body } = await connect(system)
    const original = body.connection.webhookEndpointId
    await system.api.webhookEndpoints.update(original, { disabled: true })
    for (let n = 0; n < 15; n += 1)
      await system.api.webhookEndpoints.create({
        url: `https://other.example/${n}`,
        enabled_events: ['invoice.paid'],
      })
    const { warnings } = await asCopy((ask) => ask('PUT', 'config', { secretKey: system.stripe.secretKey }))
    expect(warnings).toEqual([expect.stringContaining('You have reached the maximum of 16')])
    expect((await endpoints()).map(({ id }) => id)).toContain(original)
  })

  it('is given two choices, and no command that disables the endpoint of the original', async () => {
    await connect(system)
    const { reasons } = await asCopy((ask) => ask('GET', 'health'))
    expect(reasons.find(({ code }: Body) => code === 'endpoint_other_url')).toEqual({
      code: 'endpoint_other_url',
      severity: 'failing',
      message: expect.stringContaining(`delivers to ${url} instead of`),
      nextAction:
        'Is this database a copy of one that is in use there? Then run `pg-payments stripe webhooks configure --environment test`: this deployment gets an endpoint of its own, and that one is left alone. Or has this deployment moved here from there? Then run `pg-payments stripe webhooks configure --environment test --take-over`, which disables that endpoint, and `pg-payments recover --environment test` for events that were lost.',
      command: null,
    })
  })

  it('that goes to another account leaves the endpoint of the original, and says so', async () => {
    const { body } = await connect(system)
    const before = await endpoints()
    const { warnings } = await asCopy((ask) =>
      ask('PUT', 'config', { secretKey: OTHER_ACCOUNT_KEY, replaceAccount: true }),
    )
    expect(warnings).toEqual([
      `The webhook endpoint ${body.connection.webhookEndpointId} of the previous account is still at Stripe, because it delivers to ${url}, not to this deployment; delete it in the Stripe Dashboard if nothing else needs it.`,
    ])
    expect(await endpoints()).toEqual(before)
  })
})

it('a key that is stored where nobody said how Stripe reaches us comes with no word when a secret was set by hand', async () => {
  const server = await startNode({
    ...system.env,
    PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY,
    STRIPE_TEST_WEBHOOK_SECRET: 'whsec_by_hand',
  })
  const response = await fetch(`${server.url}/api/payments/stripe/test/config`, {
    method: 'PUT',
    headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ secretKey: system.stripe.secretKey }),
  })
  expect(await response.json()).toMatchObject({ warnings: [], connection: { webhookEndpointId: null } })
  await server.stop()
})

it('it is not set up where nobody said how Stripe reaches us', async () => {
  const server = await startNode({ ...system.env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY })
  const response = await fetch(`${server.url}/api/payments/stripe/test/webhook`, {
    method: 'POST',
    headers: { 'x-api-key': ADMIN_KEY },
  })
  expect(await response.json()).toEqual({
    error: 'PAYMENT_CONFIG_INVALID',
    message: 'The webhook endpoint cannot be set up, because PAYMENTS_PUBLIC_URL is not set.',
    statusCode: 400,
    nextActions:
      'Set PAYMENTS_PUBLIC_URL to the address where Stripe reaches these routes, or create the endpoint in the Stripe Dashboard.',
  })
  await server.stop()
})
