/** The routes of sync, recovery and upkeep over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { closeDeps, createApp } from '../../../functions/app.ts'
import type { ListSyncRunsResponse, SyncStripeResponse } from '../../../types/api.ts'
import { ADMIN_KEY } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'
import { createTestDeps, type SyncSystem, startSyncSystem } from './support/system.ts'

let system: SyncSystem
let app: ReturnType<typeof createApp>

beforeAll(async () => {
  system = await startSyncSystem()
  app = createApp(system.deps)
})
afterAll(() => system.close())

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = { 'x-api-key': ADMIN_KEY },
) {
  const response = await app.fetch(
    new Request(`http://payments.test/api/payments/stripe${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  )
  return { status: response.status, body: (await response.json()) as never }
}

const ROUTES: [string, string][] = [
  ['POST', '/sync'],
  ['POST', '/test/sync'],
  ['GET', '/test/sync-runs'],
  ['POST', '/test/recover'],
  ['POST', '/test/webhook-events/replay'],
  ['POST', '/test/rebuild'],
  ['POST', '/test/prune'],
  ['POST', '/schedule'],
]

test('every route is for the admin: without a key, and with the token of a user, nothing happens', async () => {
  const token = await userToken('u1')
  for (const [method, path] of ROUTES) {
    expect((await ask(method, path, undefined, {})).status, path).toBe(401)
    expect((await ask(method, path, undefined, { authorization: `Bearer ${token}` })).status, path).toBe(403)
  }
  expect(await system.database.sql`select count(*)::int as count from payments.sync_runs`).toEqual([
    { count: 0 },
  ])
})

test('every route refuses what it does not know, with a sentence', async () => {
  const cases: [string, string, unknown, string][] = [
    ['POST', '/test/sync', { kinds: ['coupons'] }, 'kinds[0] must be one of products, prices,'],
    ['POST', '/test/sync', { kinds: [] }, 'kinds must have at least one kind.'],
    ['POST', '/test/sync', { createdFrom: 'yesterday' }, 'createdFrom must be an instant in ISO-8601'],
    [
      'POST',
      '/test/sync',
      { createdFrom: '2026-02-01T00:00:00Z', createdBefore: '2026-01-01T00:00:00Z' },
      'createdFrom must be before createdBefore.',
    ],
    ['POST', '/test/sync', { all: true }, 'all is not a known field.'],
    ['POST', '/test/sync', [], 'The body must be an object.'],
    ['POST', '/test/recover', 'now', 'The body must be an object.'],
    ['POST', '/prod/sync', {}, 'environment must be test or live.'],
    ['GET', '/test/sync-runs?limit=0', undefined, 'limit must be a whole number from 1 to 100.'],
    ['GET', '/test/sync-runs?limit=1000', undefined, 'limit must be a whole number from 1 to 100.'],
    ['GET', '/test/sync-runs?cursor=forged', undefined, 'The cursor is not one that this API gave out'],
    ['POST', '/test/recover', { since: 5 }, 'since must be an instant'],
    ['POST', '/test/webhook-events/replay', { limit: 1001 }, 'limit must be a whole number from 1 to 1000.'],
    ['POST', '/test/prune', {}, 'olderThanDays is required.'],
    ['POST', '/schedule', { syncPages: 0 }, 'syncPages must be a whole number from 1 to 1000000.'],
    ['POST', '/test/prune', { olderThanDays: 0 }, 'olderThanDays must be a whole number from 1 to 36500.'],
  ]
  for (const [method, path, body, sentence] of cases) {
    const answer = await ask(method, path, body)
    expect(answer, `${path} ${JSON.stringify(body)}`).toMatchObject({
      status: 400,
      body: { error: 'INVALID_INPUT', statusCode: 400, message: expect.stringContaining(sentence) },
    })
  }
})

describe('sync', () => {
  test('of everything answers for both environments, also where there is no key', async () => {
    const { status, body } = await ask('POST', '/sync')
    expect(status).toBe(200)
    const { results } = body as SyncStripeResponse
    expect(results).toMatchObject([
      {
        environment: 'test',
        connection: { lastSyncStatus: 'succeeded', lastSyncCounts: { products: 1, prices: 2 } },
        subscriptions: { environment: 'test', synced: 0, unmapped: 0, deleted: 0 },
      },
      {
        environment: 'live',
        connection: { status: 'unconfigured', lastSyncStatus: null },
        subscriptions: null,
        run: null,
      },
    ])
  })

  test('of one environment needs its key', async () => {
    expect(await ask('POST', '/live/sync')).toMatchObject({
      status: 400,
      body: { error: 'PAYMENT_CONFIG_INVALID' },
    })
  })

  test('one that could not begin is noted, with a key that Stripe refused as the state of the connection', async () => {
    await ask('POST', '/test/sync')
    const connection = async () => {
      const { body } = (await ask('GET', '/status')) as { body: { connections: Record<string, unknown>[] } }
      const { status, lastSyncStatus, lastSyncError } =
        body.connections.find(({ environment }) => environment === 'test') ?? {}
      return { lastSyncError, lastSyncStatus, status }
    }
    const fine = { lastSyncError: null, lastSyncStatus: 'succeeded', status: 'connected' }
    expect(await connection()).toEqual(fine)
    system.stripe.control.fail({ fault: { status: 401 }, path: '/v1/account', times: 1 })
    const refused = await ask('POST', '/test/sync')
    expect(refused).toMatchObject({ status: 401 })
    expect(await connection()).toEqual({
      lastSyncError: 'Stripe refused the secret key for test.',
      lastSyncStatus: 'failed',
      status: 'error',
    })
    await ask('POST', '/test/sync')
    expect(await connection()).toEqual(fine)
  })

  test('answers 409 while another one of the environment is running, and names no secret of it', async () => {
    const [row] = await system.database
      .sql`select payments.begin_sync('test', '["refunds"]', account_id => 'acct_1LocalStripe00000') -> 'run' as run`
    const answer = await ask('POST', '/test/sync')
    expect(answer).toMatchObject({
      status: 409,
      body: {
        error: 'PAYMENT_SYNC_RUNNING',
        nextActions: expect.stringContaining('Wait until it has ended'),
      },
    })
    const listed = await ask('GET', '/test/sync-runs?limit=1')
    expect(listed).toMatchObject({
      status: 200,
      body: { syncRuns: [{ status: 'running', kinds: ['refunds'] }] },
    })
    expect(JSON.stringify(listed.body)).not.toContain(row?.run.lease)
    await system.database.sql`select payments.fail_sync(${row?.run.id}, ${row?.run.lease})`
  })

  test('of everything brings the other environment in line before it says that one is running', async () => {
    const [row] = await system.database
      .sql`select payments.begin_sync('test', '["refunds"]', account_id => 'acct_1LocalStripe00000') -> 'run' as run`
    const { deps } = createTestDeps({ ...system.env, STRIPE_LIVE_SECRET_KEY: system.stripe.liveSecretKey })
    const response = await createApp(deps).fetch(
      new Request('http://payments.test/api/payments/stripe/sync', {
        method: 'POST',
        headers: { 'x-api-key': ADMIN_KEY },
      }),
    )
    expect(await response.json()).toMatchObject({ statusCode: 409, error: 'PAYMENT_SYNC_RUNNING' })
    expect(
      await system.database
        .sql`select environment, status from payments.sync_runs where environment = 'live'`,
    ).toEqual([{ environment: 'live', status: 'succeeded' }])
    await closeDeps(deps)
    await system.database.sql`select payments.fail_sync(${row?.run.id}, ${row?.run.lease})`
    await system.database.sql`delete from payments.sync_runs where environment = 'live'`
  })

  test('of everything says of an environment why it could not even begin', async () => {
    const { deps } = createTestDeps({ ...system.env, STRIPE_LIVE_SECRET_KEY: 'sk_live_revoked' })
    const response = await createApp(deps).fetch(
      new Request('http://payments.test/api/payments/stripe/sync', {
        method: 'POST',
        headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
        body: '{"kinds": ["disputes"]}',
      }),
    )
    await closeDeps(deps)
    const lastSyncError = 'Stripe refused the secret key for live.'
    expect(await response.json()).toMatchObject({
      results: [
        { environment: 'test', run: { status: 'succeeded' } },
        { environment: 'live', run: null, connection: { lastSyncStatus: 'failed', lastSyncError } },
      ],
    })
    await system.database.sql`delete from payments.sync_runs where kinds = '{disputes}'`
  })

  test('runs are listed page by page, the last begun first', async () => {
    for (let index = 0; index < 4; index++) await ask('POST', '/test/sync', { kinds: ['products'] })
    const seen: string[] = []
    let cursor = ''
    do {
      const { body } = await ask('GET', `/test/sync-runs?limit=2${cursor}`)
      const page = body as ListSyncRunsResponse
      expect(page.syncRuns.length).toBeLessThanOrEqual(2)
      seen.push(...page.syncRuns.map(({ id }) => id))
      cursor = page.nextCursor === null ? '' : `&cursor=${encodeURIComponent(page.nextCursor)}`
    } while (cursor !== '')
    const rows = await system.database.sql<
      { id: string }[]
    >`select id from payments.sync_runs order by started_at desc, id desc`
    expect(seen).toEqual(rows.map(({ id }) => id))
    expect(seen.length).toBe(8)
  })
})

test('whoever hangs up stops the sync in order', async () => {
  const { stripe, database } = system
  stripe.control.fail({ path: '/v1/prices', method: 'GET', fault: { hold: true } })
  const controller = new AbortController()
  const asked = app.fetch(
    new Request('http://payments.test/api/payments/stripe/test/sync', {
      method: 'POST',
      headers: { 'x-api-key': ADMIN_KEY },
      signal: controller.signal,
    }),
  )
  await stripe.control.whenHeld()
  controller.abort()
  expect(((await (await asked).json()) as SyncStripeResponse).results[0]?.run?.status).toBe('interrupted')
  stripe.control.releaseHeld()
  expect(
    await database.sql`select status, lease from payments.sync_runs order by started_at desc limit 1`,
  ).toEqual([{ status: 'interrupted', lease: null }])
})

test.each([
  ['sync', '/test/sync'],
  ['recovery', '/test/recover'],
  ['schedule', '/schedule'],
])('whoever hangs up while the key is proved stops the %s without an error', async (_, path) => {
  const { stripe, database } = system
  const state = () => database.sql`
    select last_sync_status, last_sync_error, events_complete_until from payments.provider_connections`
  const runs = () => database.sql`select count(*) from payments.sync_runs`
  const before = [[...(await state())], [...(await runs())]]
  stripe.control.fail({ path: '/v1/account', method: 'GET', fault: { hold: true } })
  const controller = new AbortController()
  const asked = app.fetch(
    new Request(`http://payments.test/api/payments/stripe${path}`, {
      method: 'POST',
      headers: { 'x-api-key': ADMIN_KEY },
      signal: controller.signal,
    }),
  )
  await stripe.control.whenHeld()
  controller.abort()
  const response = await asked
  expect(response.status).toBe(200)
  const body = await response.json()
  if (path === '/test/sync') expect(body).toMatchObject({ results: [{ run: null }] })
  if (path === '/test/recover') {
    const { from, until, listed } = body.recovery
    expect({ until, listed }).toEqual({ until: from, listed: 0 })
  }
  if (path === '/schedule')
    expect(body).toMatchObject({ recoveries: [{ listed: 0 }], syncs: [], failures: [] })
  stripe.control.releaseHeld()
  expect([[...(await state())], [...(await runs())]]).toEqual(before)
})

test('what is written to the ledger by a recovery can be replayed, rebuilt from and pruned', async () => {
  const since = new Date(Date.now() - 3600_000).toISOString()
  const recovered = await ask('POST', '/test/recover', { since })
  expect(recovered).toMatchObject({
    status: 200,
    body: { recovery: { environment: 'test', failed: 0, gap: null } },
  })
  const { recovery } = recovered.body as { recovery: { recovered: number; processed: number } }
  expect(recovery.processed).toBeGreaterThan(0)
  const replayed = await ask('POST', '/test/webhook-events/replay', { includeProcessed: true })
  expect((replayed.body as { replayed: unknown[] }).replayed).toHaveLength(recovery.processed)
  expect(await ask('POST', '/test/rebuild')).toEqual({
    status: 200,
    body: { events: recovery.processed, pruned: 0, completeSince: null },
  })
  expect(await ask('POST', '/test/prune', { olderThanDays: 1 })).toEqual({
    status: 200,
    body: { pruned: 0, deletedCheckoutSessions: 0 },
  })
})

test('the schedule runs when a cron calls its address, and what is more than a run may list is for the next one', async () => {
  const { stripe, database } = system
  await database.sql`truncate payments.sync_runs`
  const first = await ask('POST', '/schedule', { syncPages: 2 })
  expect(first).toMatchObject({
    status: 200,
    body: { recoveries: [{ environment: 'test' }], syncs: [{ status: 'interrupted' }], failures: [] },
  })
  stripe.control.fail({ path: '/v1/events', fault: { status: 400 }, times: 100 })
  const second = await ask('POST', '/schedule')
  stripe.control.clearFailures()
  expect(second).toMatchObject({
    status: 200,
    body: {
      recoveries: [],
      syncs: [{ status: 'succeeded', attempt: 2 }],
      failures: [{ part: 'recover', environment: 'test', message: 'The request was refused.' }],
    },
  })
})
