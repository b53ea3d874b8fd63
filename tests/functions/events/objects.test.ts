import { afterAll, beforeAll, expect, it } from 'vitest'
import { objectsOf } from '../../../functions/events/objects.ts'
import { createEventStream } from '../../../scripts/bench/events.ts'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import {
  charge,
  eventOf,
  invoice,
  invoicePayment,
  type Json,
  subjectMetadata,
} from '../../sql/support/stripe.ts'

let test: TestDatabase
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(() => test.close())

/** What Postgres locks for an event, without the event itself. */
async function lockedFor(event: Json): Promise<string[]> {
  const [row] = await test.sql<{ ids: string[] }[]>`
    select payments_private.ids_of(array[${JSON.stringify(event)}::text::jsonb]) as ids`
  return [...new Set(row?.ids)].filter((id) => id !== event.id).sort()
}

it('the objects of an event are those that Postgres locks, so that no other event waits for a connection', async () => {
  const events = [
    ...createEventStream(3)
      .take(200)
      .map(({ body }) => JSON.parse(body)),
    eventOf(
      'charge.updated',
      charge({ payment_intent: { id: 'pi_expanded' }, customer: { id: 'cus_expanded' } }),
    ),
    eventOf('charge.updated', charge({ payment_details: { order_reference: 'in_1234567890123456789012' } })),
    eventOf('payment_intent.succeeded', {
      id: 'pi_1',
      object: 'payment_intent',
      charges: { data: [{ id: 'ch_1' }] },
    }),
    eventOf('invoice_payment.paid', invoicePayment({})),
    eventOf(
      'invoice.paid',
      invoice({
        id: `in_${'1'.repeat(30)}`,
        metadata: {
          ...subjectMetadata('team', '42'),
          insforge_subject_type: 'user',
          insforge_subject_id: '7',
        },
        payments: {
          data: [{ payment: { payment_intent: 'pi_2' } }, { payment: { charge: { id: 'ch_2' } } }],
        },
      }),
    ),
  ]
  for (const event of events)
    expect([...objectsOf(JSON.stringify(event))].sort(), event.type).toEqual(await lockedFor(event))
})

it('what is not an event has no objects', () => {
  for (const payload of ['', '{', 'null', '[]', '{"data":null}', '{"data":{"object":"x"}}'])
    expect([...objectsOf(payload)]).toEqual([])
})
