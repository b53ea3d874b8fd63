/** B29: erase one person. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { permutations, undone } from '../sql/support/calls.ts'
import { ingestCase, readCase } from './support/templates.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const WORDS = ['buyer@example.com', '"Buyer"', 'Street 1']

test('after it no table has the name, the address or the e-mail, and the amounts are the same', async () => {
  const tables = await database.sql<{ name: string }[]>`
    select c.oid::regclass::text as name from pg_class as c
    where c.relkind = 'r' and c.relnamespace in ('payments'::regnamespace, 'payments_private'::regnamespace)`
  const found = tables
    .map(
      ({ name }) => `select '${name}' as name from ${name} as t, unnest($1::text[]) as w (word)
      where strpos(to_jsonb(t)::text, w.word) > 0`,
    )
    .join(' union ')
  for (const events of permutations((await readCase('B29')).events)) {
    await undone(database.sql, async (sql) => {
      await ingestCase(sql, events)
      const money = () =>
        sql`select type, status, amount::integer as amount, currency, subject_id from payments.transactions order by type`
      const before = await money()
      expect(before.length).toBeGreaterThan(0)
      expect((await sql.unsafe(found, [WORDS])).map(({ name }) => name)).toEqual(
        expect.arrayContaining(['payments.customers', 'payments.transactions', 'payments.webhook_events']),
      )
      await sql`select payments.erase_subject('test', 'user', 'u1')`
      expect(await sql.unsafe(found, [WORDS])).toEqual([])
      expect(await money()).toEqual(before)
      await ingestCase(
        sql,
        events.map((event) => ({ ...event, id: `${event.id}_again`, created: event.created + 100 })),
      )
      expect(await sql.unsafe(found, [WORDS])).toEqual([])
    })
  }
})
