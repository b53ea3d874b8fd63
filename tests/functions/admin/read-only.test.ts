/** The read-only key: it sees what the admin sees, and no route that changes something takes it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeDeps } from '../../../functions/app.ts'
import { readConfig } from '../../../functions/core/config.ts'
import openapi from '../../../types/openapi.json' with { type: 'json' }
import { READ_KEY, startDashboard } from '../dashboard-server/support.ts'
import { ADMIN_KEY } from '../support/system.ts'
import { type AdminSystem, type Body, connect, ENCRYPTION_KEY, startAdminSystem } from './support.ts'

let system: AdminSystem

beforeAll(async () => {
  system = await startAdminSystem({ env: { PAYMENTS_ADMIN_READ_KEY: READ_KEY } })
  await connect(system)
})
afterAll(() => system.close())

/** Every operation for the admin, at an address without parameters. */
const operations = Object.entries((openapi as Body).paths as Record<string, Body>).flatMap(
  ([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security }]) => security.some((scheme: object) => 'adminKey' in scheme))
      .map(([method, { operationId }]) => ({
        id: operationId as string,
        method: method.toUpperCase(),
        path: path.replaceAll('{environment}', 'test').replaceAll(/\{\w+\}/g, 'x_1'),
      })),
)
/** Every operation below `/api/payments`, also those for buyers: the page of the dashboard reaches them all. */
const ofTheDashboard = Object.entries((openapi as Body).paths as Record<string, Body>).flatMap(
  ([path, methods]) =>
    Object.entries(methods)
      .filter(() => path.startsWith('/api/payments/'))
      .map(([method, { operationId }]) => ({
        id: operationId as string,
        method: method.toUpperCase(),
        path: path
          .replace('/api/payments', '/dashboard/api')
          .replaceAll('{environment}', 'test')
          .replaceAll(/\{\w+\}/g, 'x_1'),
      })),
)
const changing = operations.filter(({ method }) => method !== 'GET')

/** Of a price made up by the request, which only the service may send. */
const purchase = {
  mode: 'payment',
  lineItems: [{ priceData: { currency: 'eur', unitAmount: 500, product: { name: 'Tea' } } }],
  successUrl: 'https://shop.example/done',
  cancelUrl: 'https://shop.example/back',
}

/** The number of rows and the newest change of each table. */
const state = async () => {
  const tables = await system.database.sql<{ name: string }[]>`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_schema in ('payments', 'payments_private') and table_type = 'BASE TABLE' order by 1`
  const rows = []
  for (const { name } of tables)
    rows.push(
      await system.database.sql.unsafe(
        `select '${name}' as name, md5(string_agg(t::text, '' order by t::text)) from ${name} as t`,
      ),
    )
  return rows
}

describe('the read-only key', () => {
  it.each(changing)('does not change anything by $id', async ({ method, path }) => {
    const before = await state()
    const keys: Record<string, string>[] = [
      { 'x-api-key': READ_KEY },
      { authorization: `Bearer ${READ_KEY}` },
    ]
    for (const headers of keys) {
      expect(await system.call(method, path, { headers, body: {} })).toMatchObject({
        status: 403,
        body: {
          error: 'AUTH_UNAUTHORIZED',
          message: 'The read-only key sees everything and changes nothing.',
          nextActions: 'Send the admin key to change something.',
        },
      })
    }
    expect(await state()).toEqual(before)
  })

  it.each(operations.filter(({ method }) => method === 'GET'))(
    'reads by $id as the admin does',
    async ({ path }) => {
      const of = async (key: string) =>
        (await system.call('GET', path, { headers: { 'x-api-key': key } })).status
      expect(await of(READ_KEY)).toBe(await of(ADMIN_KEY))
      expect([200, 400, 404]).toContain(await of(READ_KEY))
    },
  )

  it('is also refused at the older addresses, for a purchase, and where it is not configured', async () => {
    const headers = { 'x-api-key': READ_KEY }
    expect(
      (await system.call('POST', '/api/payments/sync', { headers, body: { environment: 'test' } })).status,
    ).toBe(403)
    expect((await system.call('GET', '/api/payments/config', { headers })).status).toBe(200)
    const buy = await system.call('POST', '/api/payments/stripe/test/checkout-sessions', {
      headers,
      body: {},
    })
    expect([401, 403]).toContain(buy.status)
    const without = startDashboard({ ...system.env, DATABASE_URL: system.database.url })
    expect((await without.ask('GET', '/api/payments/stripe/config', { headers })).status).toBe(401)
    await closeDeps(without.deps)
  })

  it('makes a session that does not change anything either', async () => {
    const own = startDashboard({ ...system.env, PAYMENTS_ADMIN_READ_KEY: READ_KEY })
    const { headers } = await own.signIn({ key: READ_KEY })
    const before = await state()
    const writing = ofTheDashboard.filter(({ method }) => method !== 'GET')
    expect(writing.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['createCheckoutSession', 'confirmCheckoutSession']),
    )
    for (const { id, method, path } of writing) {
      const answer = await own.ask(method, path, { headers, body: purchase })
      expect([id, answer.status, answer.body.message]).toEqual([
        id,
        403,
        'The read-only key sees everything and changes nothing.',
      ])
    }
    expect(await state()).toEqual(before)
    for (const { id, path } of ofTheDashboard.filter(({ method }) => method === 'GET')) {
      const { status } = await own.ask('GET', path, { headers })
      expect([id, status]).toEqual([id, id === 'readCheckoutSession' ? 403 : expect.any(Number)])
      expect([200, 400, 403, 404]).toContain(status)
    }
    expect(await state()).toEqual(before)
    await closeDeps(own.deps)
  })

  it("is another's than that of an admin, which begins, reads and confirms checkouts as the admin key does", async () => {
    const own = startDashboard({ ...system.env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY })
    const { headers } = await own.signIn({ key: ADMIN_KEY })
    const at = '/dashboard/api/stripe/test/checkout-sessions'
    const subject = { type: 'team', id: '7' }
    const begun = await own.ask('POST', at, { headers, body: { ...purchase, subject } })
    expect(begun).toMatchObject({ status: 201, body: { checkoutSession: { subjectId: '7' } } })
    const { id } = begun.body.checkoutSession
    expect(await own.ask('GET', `${at}/${id}`, { headers })).toMatchObject({ status: 200 })
    expect(await own.ask('POST', `${at}/${id}/confirm`, { headers, body: {} })).toMatchObject({
      status: 200,
    })
    expect(await own.ask('DELETE', `${at}/${id}`, { headers })).toMatchObject({ status: 405 })
    const portal = await own.ask('POST', '/dashboard/api/stripe/test/customer-portal-sessions', {
      headers,
      body: { subject },
    })
    expect(portal).toMatchObject({
      status: 403,
      body: { message: 'The admin key has no user, so it cannot open the Billing Portal.' },
    })
    await closeDeps(own.deps)
  })

  it('must be long, and another than the admin key', () => {
    const env = { DATABASE_URL: 'postgres://db/app', PAYMENTS_ADMIN_KEY: ADMIN_KEY }
    expect(() => readConfig({ ...env, PAYMENTS_ADMIN_READ_KEY: 'short' })).toThrow(
      'must have at least 24 characters',
    )
    expect(() => readConfig({ ...env, PAYMENTS_ADMIN_READ_KEY: ADMIN_KEY })).toThrow(
      'PAYMENTS_ADMIN_READ_KEY must differ from PAYMENTS_ADMIN_KEY.',
    )
  })
})
