import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase, user } from '../setup/database.ts'
import { begin, ingestAll } from '../sql/support/calls.ts'
import { installTwice } from '../templates/support/install.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await installTwice(database.sql, 'one-time-orders')
})
afterAll(() => database.close())

test('a purchase whose delayed payment failed is begun again under its key', async () => {
  const text = await readFile(new URL('./data/B14.json', import.meta.url), 'utf8')
  const { setup, begin: requests, events, look } = JSON.parse(text)
  await database.sql.unsafe(setup[0])
  const [request] = requests
  const ask = () =>
    asCaller(database.sql, service, (sql) =>
      begin(sql, user('u1'), {
        lineItems: request.line_items,
        metadata: request.metadata,
        subject: { type: request.subject_type, id: request.subject_id },
        idempotencyKey: request.idempotency_key,
      }),
    )
  const first = await ask()
  await ingestAll(database.sql, JSON.parse(JSON.stringify(events).replaceAll('$ROW_0', first.session.id)))
  expect(await database.sql.unsafe(look[1])).toMatchObject([{ type: 'failed_payment', status: 'failed' }])

  const again = await ask()
  expect(again).toMatchObject({
    action: 'send',
    attempt: 2,
    checkout_session_id: null,
    session: { id: first.session.id, status: 'initialized', payment_status: null, url: null },
    params: { metadata: { payments_attempt: '2' } },
  })
  expect(again.idempotency_key).not.toBe(first.idempotency_key)
  expect(await database.sql.unsafe(look[0])).toMatchObject([{ status: 'pending' }])
})
