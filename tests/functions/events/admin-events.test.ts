/** The ledger over HTTP, and the verdict about an environment. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type AdminSystem, type Body, connect, startAdminSystem } from '../admin/support.ts'
import { productEvent, signatureOf } from '../support/events.ts'
import { WEBHOOK_SECRET } from '../support/system.ts'

let system: AdminSystem
const TEST = '/api/payments/stripe/test'
const EVENTS = `${TEST}/webhook-events`

beforeAll(async () => {
  system = await startAdminSystem({ env: { STRIPE_TEST_WEBHOOK_SECRET: WEBHOOK_SECRET } })
  await system.database.sql`
    create function public.refuse_cursed() returns trigger language plpgsql as $$
    begin
      if new.payload #>> '{data,object,name}' = 'cursed' then raise exception 'no sk_test_51Secret here'; end if;
      return new;
    end; $$`
  await system.database.sql`
    create trigger _500_refuse after insert or update of processing_status on payments.webhook_events
    for each row when (new.processing_status = 'processed') execute function public.refuse_cursed()`
})

afterAll(() => system.close())

beforeEach(async () => {
  await system.database
    .sql`truncate payments.webhook_events, payments.stripe_products, payments_private.secrets, payments.provider_connections`
  await system.database.sql`alter table payments.webhook_events enable trigger _500_refuse`
})

const mend = () => system.database.sql`alter table payments.webhook_events disable trigger _500_refuse`

async function deliver(id: string, name: string): Promise<Body> {
  const event = productEvent(`prod_${id}`, name, { id: `evt_${id}` })
  const body = JSON.stringify(event)
  await fetch(`${system.server.url}/api/webhooks/stripe/test`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'stripe-signature': signatureOf(body) },
    body,
  })
  return event
}

describe('an event', () => {
  it('can be looked at with what Stripe sent', async () => {
    const sent = await deliver('1', 'Cap')
    const { body } = await system.admin('GET', `${EVENTS}/evt_1`)
    expect(body.event).toMatchObject({
      environment: 'test',
      eventId: 'evt_1',
      eventType: 'product.updated',
      objectType: 'product',
      objectId: 'prod_1',
      processingStatus: 'processed',
      attemptCount: 1,
      lastError: null,
      payload: sent,
    })
    await system.database.sql`update payments.webhook_events set payload = '{}'`
    expect((await system.admin('GET', `${EVENTS}/evt_1`)).body.event.payload).toBeNull()
  })

  it('that failed says why, without a secret that the reason may hold', async () => {
    await deliver('1', 'cursed')
    const { body } = await system.admin('GET', `${EVENTS}/evt_1`)
    expect(body.event).toMatchObject({ processingStatus: 'failed', lastError: 'no sk_test_… here (P0001)' })
  })

  it('that failed is tried again on demand', async () => {
    await deliver('1', 'cursed')
    expect((await system.admin('POST', `${EVENTS}/evt_1/retry`)).body).toMatchObject({
      retried: true,
      event: { processingStatus: 'failed', attemptCount: 2 },
    })
    await mend()
    expect((await system.admin('POST', `${EVENTS}/evt_1/retry`, {})).body).toMatchObject({
      retried: true,
      event: { processingStatus: 'processed', attemptCount: 3, lastError: null },
    })
    expect((await system.admin('POST', `${EVENTS}/evt_1/retry`)).body).toMatchObject({
      retried: false,
      event: { processingStatus: 'processed', attemptCount: 3 },
    })
  })

  it('that is not there is 404', async () => {
    for (const [method, path] of [
      ['GET', 'evt_none'],
      ['POST', 'evt_none/retry'],
    ] as const) {
      expect(await system.admin(method, `${EVENTS}/${path}`)).toMatchObject({
        status: 404,
        body: { error: 'PAYMENT_NOT_FOUND', message: 'No event with this id was kept for test.' },
      })
    }
    await deliver('1', 'Cap')
    expect((await system.admin('GET', '/api/payments/stripe/live/webhook-events/evt_1')).status).toBe(404)
  })
})

describe('failed events', () => {
  it('are listed by status, type, object and time', async () => {
    for (const n of [1, 2, 3]) await deliver(String(n), n === 2 ? 'cursed' : 'Cap')
    const ids = async (query: string) =>
      (await system.admin('GET', `${EVENTS}?${query}`)).body.events.map(({ eventId }: Body) => eventId)
    expect(await ids('')).toEqual(['evt_3', 'evt_2', 'evt_1'])
    expect(await ids('status=failed')).toEqual(['evt_2'])
    expect(await ids('type=invoice.paid')).toEqual([])
    expect(await ids('objectType=product&objectId=prod_3')).toEqual(['evt_3'])
    expect(await ids('to=2026-01-01T00:00:00Z')).toEqual([])
  })

  it('are tried again together, in the order in which they happened', async () => {
    for (const n of [1, 2, 3]) await deliver(String(n), 'cursed')
    await deliver('4', 'Cap')
    await mend()
    expect((await system.admin('POST', `${EVENTS}/retry`, { objectId: 'prod_2' })).body).toEqual({
      results: [{ eventId: 'evt_2', processingStatus: 'processed', lastError: null }],
    })
    expect((await system.admin('POST', `${EVENTS}/retry`, { limit: 1 })).body.results).toHaveLength(1)
    expect((await system.admin('POST', `${EVENTS}/retry`)).body.results).toHaveLength(1)
    expect((await system.admin('POST', `${EVENTS}/retry`)).body.results).toEqual([])
  })

  it.each([
    [{ limit: 0 }, 'limit must be a whole number from 1 to 500.'],
    [{ limit: 501 }, 'limit must be a whole number from 1 to 500.'],
    [{ from: 'x' }, 'from must be an instant in ISO-8601, as in 2026-10-28T09:00:00Z.'],
    [{ all: true }, 'all is not a known field.'],
  ])('are not tried with %j', async (body, message) => {
    expect(await system.admin('POST', `${EVENTS}/retry`, body)).toMatchObject({
      status: 400,
      body: { message },
    })
  })
})

describe('the verdict', () => {
  // The endpoint was made by hand: without one at Stripe, no verdict is better than failing.
  beforeAll(async () => {
    await system.api.webhookEndpoints.create({
      url: `https://shop.example/api/webhooks/stripe/test`,
      enabled_events: ['*'],
    })
  })

  const verdict = async () => (await system.admin('GET', `${TEST}/health`)).body
  const codes = async () => (await verdict()).reasons.map(({ code }: Body) => code)

  it('is ok for a connected environment without failures', async () => {
    await connect(system)
    await deliver('1', 'Cap')
    expect(await verdict()).toMatchObject({
      environment: 'test',
      status: 'ok',
      reasons: [],
      key: { hasKey: true, maskedKey: 'sk_test_****0000', source: 'database', accepted: true },
      endpoint: {
        id: null,
        url: null,
        configuredAt: null,
        hasSigningSecret: true,
        expectedUrl: null,
        drift: null,
      },
      sync: { lastSyncedAt: expect.any(String), status: 'succeeded', error: null },
      events: { backlog: 0, deadLettered: 0, failures: [], lastHour: 1 },
    })
  })

  it('is failing without a key, and says what to do', async () => {
    expect(await verdict()).toMatchObject({
      status: 'failing',
      reasons: [
        {
          code: 'no_key',
          severity: 'failing',
          message: 'There is no Stripe key for test.',
          nextAction: 'Store one, or set the environment variable for it.',
          command: 'pg-payments stripe config set --environment test',
        },
      ],
      key: { hasKey: false, source: null, accepted: null },
    })
    const live = (await system.admin('GET', '/api/payments/stripe/live/health')).body
    expect(live.reasons.map(({ code }: Body) => code)).toEqual(['no_key', 'no_signing_secret'])
  })

  it('is failing while Stripe refuses the key, and degraded while it cannot be reached', async () => {
    await connect(system)
    system.stripe.control.fail({ fault: { status: 401 }, path: '/v1/webhook_endpoints', times: 1 })
    expect(await verdict()).toMatchObject({ status: 'failing', key: { accepted: false } })
    system.stripe.control.fail({ fault: { status: 503 }, path: '/v1/webhook_endpoints', times: 1 })
    expect(await verdict()).toMatchObject({
      status: 'degraded',
      reasons: [{ code: 'stripe_unreachable' }],
      key: { accepted: null },
    })
    system.stripe.control.clearFailures()
  })

  it('is degraded with a backlog, and failing with events that nothing tries again', async () => {
    await connect(system)
    await deliver('1', 'cursed')
    expect(await verdict()).toMatchObject({
      status: 'degraded',
      reasons: [{ code: 'backlog', message: 'Events that failed and wait for their next attempt: 1.' }],
      events: {
        backlog: 1,
        failures: [{ eventType: 'product.updated', error: 'no sk_test_… here (P0001)', count: 1 }],
      },
    })
    await system.database.sql`update payments.webhook_events set next_attempt_at = null`
    expect(await codes()).toEqual(['dead_letters'])
    expect((await verdict()).status).toBe('failing')
  })

  it('is degraded after a sync that failed', async () => {
    await connect(system)
    await system.database.sql`
      update payments.provider_connections set last_sync_status = 'failed', last_sync_error = 'Stripe was away.'`
    expect(await verdict()).toMatchObject({
      status: 'degraded',
      reasons: [{ code: 'sync_failed', message: 'The last sync failed: Stripe was away.' }],
      sync: { status: 'failed', error: 'Stripe was away.' },
    })
  })
})
