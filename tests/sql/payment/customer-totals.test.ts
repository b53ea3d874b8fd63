/** payments.customer_totals: what each customer paid, for whoever may read the payments. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asCaller, createTestDatabase, type TestDatabase } from '../../setup/database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  await database.sql`
    insert into payments.transactions (
      environment, provider_customer_id, subject_type, subject_id, provider_object_type, provider_object_id, type, status, amount,
      amount_refunded, currency, paid_at
    )
    values
      ('test', 'cus_a', 'user', 'a', 'charge', 'ch_1', 'one_time_payment', 'succeeded', 1000, 0, 'eur', '2026-01-01'),
      ('test', 'cus_a', 'user', 'a', 'charge', 'ch_2', 'one_time_payment', 'partially_refunded', 500, 200, 'eur', '2026-01-02'),
      ('test', 'cus_a', 'user', 'a', 'refund', 're_1', 'refund', 'succeeded', 200, 0, 'eur', null),
      ('test', 'cus_a', 'user', 'a', 'charge', 'ch_3', 'failed_payment', 'failed', 700, 0, 'eur', null),
      ('test', 'cus_b', 'user', 'b', 'charge', 'ch_4', 'one_time_payment', 'succeeded', 100, 0, 'eur', '2026-01-03'),
      ('test', 'cus_b', 'user', 'b', 'charge', 'ch_5', 'one_time_payment', 'succeeded', 100, 0, 'usd', '2026-01-04'),
      ('test', 'cus_c', 'user', 'c', 'charge', 'ch_6', 'failed_payment', 'failed', 100, 0, 'eur', null)`
})
afterAll(() => database.close())

describe('the totals of a customer', () => {
  test('count payments, refunded ones included, and sum them less refunds', async () => {
    const [row] = await database.sql`
      select payments_count, total_spend, currency, last_payment_at
      from payments.customer_totals where environment = 'test' and provider_customer_id = 'cus_a'`
    expect(row).toEqual({
      payments_count: '2',
      total_spend: '1300',
      currency: 'eur',
      last_payment_at: new Date('2026-01-02T00:00:00Z'),
    })
  })

  test('have no sum with several currencies, and none without a payment', async () => {
    const rows = await database.sql`
      select provider_customer_id, payments_count, total_spend, currency
      from payments.customer_totals where provider_customer_id <> 'cus_a' order by provider_customer_id`
    expect([...rows]).toEqual([
      { provider_customer_id: 'cus_b', payments_count: '2', total_spend: null, currency: null },
      { provider_customer_id: 'cus_c', payments_count: '0', total_spend: null, currency: null },
    ])
  })

  test('sum the payments that the policies show to the reader, and no others', async () => {
    await database.sql.unsafe(`
      create policy select_subject on payments.transactions for select to authenticated
        using (subject_type = 'user' and subject_id = (select payments.caller_id()));
      grant select (
        environment, provider, provider_customer_id, type, status, currency, amount, amount_refunded, amount_disputed, paid_at, subject_type, subject_id
      ) on payments.transactions to authenticated;
      grant select on payments.customer_totals to authenticated;`)
    const rows = await asCaller(database.sql, { role: 'authenticated', sub: 'b' }, (sql) =>
      sql`select provider_customer_id from payments.customer_totals`.then((found) => [...found]),
    )
    expect(rows).toEqual([{ provider_customer_id: 'cus_b' }])
  })

  test('are closed to app users who were granted nothing', async () => {
    await database.sql`revoke select on payments.customer_totals from authenticated`
    const read = asCaller(database.sql, { role: 'authenticated', sub: 'b' }, (sql) =>
      sql`select 1 from payments.customer_totals`.then((found) => [...found]),
    )
    await expect(read).rejects.toThrow('permission denied for view customer_totals')
  })
})
