/** Which customer a billing subject pays with, and whose a customer is. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase, user } from '../../setup/database.ts'
import {
  begin,
  distinct,
  endsOfEveryOrder,
  ingest,
  ingestAll,
  mappingOf,
  paymentRow,
  type Sql,
} from '../support/calls.ts'
import {
  checkoutSession,
  customer,
  eventOf,
  invoice,
  newId,
  paymentIntent,
  subjectMetadata,
  subscription,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const mappings = (sql: Sql, ...customers: string[]) => sql`
  select subject_type || ' ' || subject_id as subject, provider_customer_id as customer
  from payments.customer_mappings where provider_customer_id in ${sql(customers)} order by 1`

const completed = (customerId: string, subject: [string, string], created = T) =>
  eventOf(
    'checkout.session.completed',
    checkoutSession({ created, customer: customerId, metadata: subjectMetadata(...subject) }),
    { created: created + 10 },
  )

test('the first checkout of a subject maps it to its customer', async () => {
  await ingest(database.sql, completed('cus_a', ['user', 'a']))
  expect(await mappings(database.sql, 'cus_a')).toEqual([{ subject: 'user a', customer: 'cus_a' }])
})

test('a subscription maps its subject as well', async () => {
  const object = subscription({ customer: newId('cus'), metadata: subjectMetadata('team', 'sub') })
  await ingest(database.sql, eventOf('customer.subscription.created', object))
  expect(await mappingOf(database.sql, 'team', 'sub')).toBe(object.customer)
})

test('a subject keeps the row of its mapping when it pays with another customer', async () => {
  const { sql } = database
  const [first, second] = [newId('cus'), newId('cus')]
  const row = () => sql`
    select id, created_at, provider_customer_id as customer from payments.customer_mappings
    where subject_type = 'team' and subject_id = 'moved'`
  await ingest(sql, completed(first, ['team', 'moved']))
  const before = await row()
  const living = subscription({
    customer: second,
    metadata: subjectMetadata('team', 'moved'),
    created: T + 5,
  })
  await ingest(sql, eventOf('customer.subscription.created', living, { created: T + 5 }))
  expect(await row()).toEqual([{ ...before[0], customer: second }])
})

test('two first checkouts of one subject both complete: the earlier customer is mapped, and both payments are the subject’s', async () => {
  const [early, late] = [newId('cus'), newId('cus')]
  const [first, second] = [completed(early, ['user', 'b']), completed(late, ['user', 'b'], T + 5)]
  const ends = await endsOfEveryOrder(
    database.sql,
    [first, second, eventOf('customer.updated', customer({ id: late }))],
    async (sql) => [
      await mappings(sql, early, late),
      (await paymentRow(sql, first.data.object.id)).subject_id,
      (await paymentRow(sql, second.data.object.id)).subject_id,
    ],
  )
  expect(distinct(ends)).toEqual([[[{ subject: 'user b', customer: early }], 'b', 'b']])
})

test('two first checkouts of the same second map to the same customer in every order', async () => {
  const [one, two] = [newId('cus'), newId('cus')]
  const events = [completed(one, ['user', 'c']), completed(two, ['user', 'c'])]
  const ends = await endsOfEveryOrder(database.sql, events, (sql) => mappings(sql, one, two))
  expect(distinct(ends)).toHaveLength(1)
  expect(ends[0]).toHaveLength(1)
})

test('a customer that pays for two subjects belongs to the first, and the payments to each their own, in every order', async () => {
  const shared = newId('cus')
  const [first, second] = [completed(shared, ['team', 'z']), completed(shared, ['user', 'd'], T + 5)]
  const unnamed = eventOf('payment_intent.succeeded', paymentIntent({ customer: shared }))
  const ends = await endsOfEveryOrder(database.sql, [first, second, unnamed], async (sql) => [
    await mappings(sql, shared),
    (await paymentRow(sql, first.data.object.id)).subject_id,
    (await paymentRow(sql, second.data.object.id)).subject_id,
    (await paymentRow(sql, unnamed.data.object.id)).subject_id,
  ])
  expect(distinct(ends)).toEqual([[[{ subject: 'team z', customer: shared }], 'z', 'd', 'z']])
})

test('a subject whose customer turns out to be another’s falls back to a customer of its own, in every order', async () => {
  const [shared, own] = [newId('cus'), newId('cus')]
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      completed(shared, ['user', 'later'], T + 5),
      completed(own, ['user', 'later'], T + 9),
      completed(shared, ['user', 'earlier']),
    ],
    (sql) => mappings(sql, shared, own),
  )
  expect(distinct(ends)).toEqual([
    [
      { subject: 'user earlier', customer: shared },
      { subject: 'user later', customer: own },
    ],
  ])
})

test('a deleted customer comes last, in every order', async () => {
  const [early, late] = [newId('cus'), newId('cus')]
  const ends = await endsOfEveryOrder(
    database.sql,
    [
      completed(early, ['user', 'e']),
      completed(late, ['user', 'e'], T + 5),
      eventOf('customer.deleted', customer({ id: early }), { created: T + 60 }),
    ],
    (sql) => mappings(sql, early, late),
  )
  expect(distinct(ends)).toEqual([[{ subject: 'user e', customer: late }]])
})

test('a subject whose only customer was deleted keeps it on record, and begins with a new one', async () => {
  const gone = newId('cus')
  await ingestAll(database.sql, [
    completed(gone, ['user', 'f']),
    eventOf('customer.deleted', customer({ id: gone }), { created: T + 60 }),
  ])
  expect(await mappingOf(database.sql, 'user', 'f')).toBe(gone)
  const begun = await asCaller(database.sql, service, (sql) =>
    begin(sql, user('f'), { subject: { type: 'user', id: 'f' } }),
  )
  expect(begun.session.customer_id).toBeNull()
})

test('a mapping that nothing at Stripe speaks for gives way to the first subject that is named, and fails no event', async () => {
  const id = newId('cus')
  await database.sql`
    insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
    values ('test', 'user', 'imported', ${id})`
  const { status } = await ingest(database.sql, completed(id, ['user', 'claimant']))
  expect(status).toBe('processed')
  expect(await mappings(database.sql, id)).toEqual([{ subject: 'user claimant', customer: id }])
})

test('environments are apart', async () => {
  await ingest(
    database.sql,
    {
      ...eventOf(
        'checkout.session.completed',
        checkoutSession({ customer: 'cus_g', livemode: true, metadata: subjectMetadata('user', 'g') }),
      ),
      livemode: true,
    },
    'live',
  )
  await ingest(database.sql, completed('cus_g', ['user', 'other g']))
  const rows = await database.sql`
    select environment, subject_id from payments.customer_mappings where provider_customer_id = 'cus_g' order by 1`
  expect(rows).toEqual([
    { environment: 'live', subject_id: 'g' },
    { environment: 'test', subject_id: 'other g' },
  ])
})

test('a checkout without a subject maps nothing', async () => {
  const session = checkoutSession({ customer: newId('cus') })
  await ingest(database.sql, eventOf('checkout.session.completed', session))
  expect(await mappings(database.sql, session.customer)).toEqual([])
})

test('payments that name nobody follow the owner of the customer when it becomes known, in every order', async () => {
  const id = newId('cus')
  const paid = invoice({ customer: id })
  const pi = paymentIntent({ customer: id })
  const ends = await endsOfEveryOrder(
    database.sql,
    [eventOf('invoice.paid', paid), eventOf('payment_intent.succeeded', pi), completed(id, ['team', 'h'])],
    async (sql) => [(await paymentRow(sql, paid.id)).subject_id, (await paymentRow(sql, pi.id)).subject_id],
  )
  expect(distinct(ends)).toEqual([['h', 'h']])
})
