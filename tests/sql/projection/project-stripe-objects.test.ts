/** Answers of the API, taken into the projections. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  anonymous,
  asCaller,
  createTestDatabase,
  service,
  type TestDatabase,
  user,
} from '../../setup/database.ts'
import {
  customerRow,
  distinct,
  ingest,
  ingestAll,
  paymentRow,
  permutations,
  productRow,
  projectObjects,
  refusal,
  stateOf,
  undone,
} from '../support/calls.ts'
import {
  charge,
  customer,
  eventOf,
  invoice,
  newId,
  paymentIntent,
  price,
  product,
  refund,
  subscription,
  T,
} from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

test('objects of every kind are taken, and the answer counts what was newer than what was known', async () => {
  const objects = [
    product(),
    price(),
    customer(),
    subscription(),
    invoice(),
    paymentIntent(),
    charge(),
    refund({ charge: 'ch_x' }),
  ]
  expect(await asCaller(database.sql, service, (sql) => projectObjects(sql, objects, T))).toBe(8)
  expect(await projectObjects(database.sql, objects.slice(0, 3), T - 5)).toBe(0)
  expect(await projectObjects(database.sql, objects.slice(0, 3), T + 5)).toBe(3)
})

test('objects that nobody projects are passed over', async () => {
  expect(await projectObjects(database.sql, [{ id: 'acct_1', object: 'account' }, {}, []], T)).toBe(0)
  expect(await projectObjects(database.sql, [], T)).toBe(0)
})

test('the handlers’ fulfilment triggers do not fire: no event was told', async () => {
  const before = await database.sql`select count(*) from payments.webhook_events`
  await projectObjects(database.sql, [paymentIntent()], T)
  expect(await database.sql`select count(*) from payments.webhook_events`).toEqual(before)
})

test.each([
  ['no list', customer()],
  ['a text', 'cus_1'],
  ['nothing', null],
])('%s is refused', async (_, objects) => {
  expect(await refusal(projectObjects(database.sql, objects as never, T))).toEqual({
    code: 'SP001',
    message: 'objects must be a list of Stripe objects, and snapshot_at the instant at which they were true.',
    hint: 'Pass [object, …] and the instant of the answer.',
  })
})

test('an answer without its instant is refused', async () => {
  const call = database.sql`select payments.project_stripe_objects('test', '[]', null)`
  expect((await refusal(call)).code).toBe('SP001')
})

test('an object of the other mode is refused, and none of the list is written', async () => {
  const [mine, other] = [customer(), customer({ livemode: true })]
  expect(await refusal(projectObjects(database.sql, [mine, other], T))).toEqual({
    code: 'SP005',
    message: 'An object of the other mode cannot be projected into environment test.',
    hint: 'Use the key of the same mode.',
  })
  expect(
    await database.sql`select from payments.customers where provider_customer_id = ${mine.id}`,
  ).toHaveLength(0)
})

test('an unknown environment is refused', async () => {
  expect((await refusal(projectObjects(database.sql, [], T, 'prod'))).message).toBe(
    'environment must be test or live.',
  )
})

test('only the service may hand objects in', async () => {
  for (const caller of [user('u1'), anonymous]) {
    expect(
      await refusal(asCaller(database.sql, caller, (sql) => projectObjects(sql, [customer()], T))),
    ).toEqual({
      code: '42501',
      message: 'permission denied for function project_stripe_objects',
    })
  }
})

test('of two answers of one second the later to arrive stands, and an event of that second does not', async () => {
  const ada = customer({ name: 'First' })
  await projectObjects(database.sql, [ada], T)
  await projectObjects(database.sql, [{ ...ada, name: 'Second' }], T)
  await ingest(database.sql, eventOf('customer.updated', { ...ada, name: 'Event' }))
  expect((await customerRow(database.sql, ada.id)).name).toBe('Second')
})

test('an answer between two events ends the same, in every order', async () => {
  const tea = product({ name: 'one' })
  const steps = [
    { event: eventOf('product.created', tea) },
    { answer: { ...tea, name: 'two' }, second: T + 5 },
    { event: eventOf('product.updated', { ...tea, name: 'three' }, { created: T + 6 }) },
    { answer: { ...tea, name: 'three' }, second: T + 7 },
  ]
  const ends = []
  for (const order of permutations(steps)) {
    ends.push(
      await undone(database.sql, async (sql) => {
        for (const step of order) {
          if (step.event) await ingest(sql, step.event)
          else await projectObjects(sql, [step.answer as never], step.second as number)
        }
        return (await productRow(sql, tea.id)).name
      }),
    )
  }
  expect(distinct(ends)).toEqual(['three'])
})

test('a payment that the API tells of whole needs no events, and events that come late change nothing', async () => {
  const pi = paymentIntent({ latest_charge: newId('ch') })
  const ch = charge({ id: pi.latest_charge, amount_refunded: 300, payment_intent: pi.id })
  const re = refund({ amount: 300, charge: ch.id, payment_intent: pi.id })
  const events = [
    eventOf('payment_intent.succeeded', pi, { created: T + 2 }),
    eventOf('charge.refunded', ch, { created: T + 60 }),
    eventOf('refund.created', re, { created: T + 60 }),
  ]
  const ends = []
  for (const order of permutations([...events, null])) {
    ends.push(
      await undone(database.sql, async (sql) => {
        for (const event of order) {
          if (event) await ingest(sql, event)
          else await projectObjects(sql, [pi, ch, re], T + 500)
        }
        return (await stateOf(sql)).transactions?.filter(
          ({ related_object_ids }) => related_object_ids.payment_intent === pi.id,
        )
      }),
    )
  }
  expect(distinct(ends)).toHaveLength(1)
  expect(ends[0]).toMatchObject([{ status: 'partially_refunded', amount_refunded: 300 }, { type: 'refund' }])
})

test('one transaction takes events and answers about the same things', async () => {
  const pi = paymentIntent()
  await database.sql.begin(async (sql) => {
    await projectObjects(sql, [pi], T)
    await ingestAll(sql, [eventOf('payment_intent.succeeded', pi)])
  })
  expect((await paymentRow(database.sql, pi.id)).paid_at).toBe(T)
})
