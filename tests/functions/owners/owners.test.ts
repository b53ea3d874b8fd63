/** Assigning and erasing billing subjects over HTTP. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ingest } from '../../sql/support/calls.ts'
import { customer, eventOf, paymentIntent, subjectMetadata, subscription } from '../../sql/support/stripe.ts'
import { type AdminSystem, startAdminSystem } from '../admin/support.ts'

let system: AdminSystem
const TEST = '/api/payments/stripe/test'
const buyer = customer()
const plan = subscription({ customer: buyer.id, metadata: subjectMetadata('team', '1') })

beforeAll(async () => {
  system = await startAdminSystem()
  const { sql } = system.database
  await ingest(sql, eventOf('customer.created', buyer))
  await ingest(sql, eventOf('customer.subscription.created', plan))
  await ingest(sql, eventOf('payment_intent.succeeded', paymentIntent({ customer: buyer.id })))
})
afterAll(() => system.close())

it('the admin assigns a customer to a subject, with what belongs to it', async () => {
  const body = { customerId: buyer.id, subjectType: 'team', subjectId: '2' }
  expect(await system.admin('POST', `${TEST}/assign-subject`, body)).toMatchObject({
    status: 409,
    body: {
      error: 'PAYMENT_SUBJECT_CONFLICT',
      message: `The customer ${buyer.id} belongs to the team 1 already, wholly or in part.`,
    },
  })
  expect(await system.admin('POST', `${TEST}/assign-subject`, { ...body, replace: true })).toMatchObject({
    status: 200,
    body: {
      assignment: {
        objectType: 'customer',
        objectId: buyer.id,
        subjectType: 'team',
        subjectId: '2',
        assignedAt: expect.any(String),
        subscriptions: 1,
        transactions: 1,
        invoices: 0,
      },
    },
  })
  const list = await system.admin('GET', `${TEST}/subscriptions?subjectType=team&subjectId=2`)
  expect(list.body.subscriptions).toHaveLength(1)
})

it('an id that nobody knows, both ids, and none are refused', async () => {
  const subject = { subjectType: 'team', subjectId: '2' }
  const assign = (body: object) => system.admin('POST', `${TEST}/assign-subject`, { ...subject, ...body })
  expect(await assign({ subscriptionId: 'sub_nobody' })).toMatchObject({
    status: 404,
    body: { error: 'PAYMENT_NOT_FOUND', message: 'No subscription sub_nobody is known in test.' },
  })
  for (const body of [{}, { customerId: buyer.id, subscriptionId: plan.id }])
    expect(await assign(body)).toMatchObject({
      status: 400,
      body: { message: 'customerId is required, or else subscriptionId, and one of them only.' },
    })
})

it('the admin erases the personal data of a subject', async () => {
  const erase = (subjectId: string) =>
    system.admin('POST', `${TEST}/erase-subject`, { subjectType: 'team', subjectId })
  expect(await erase('2')).toMatchObject({
    status: 200,
    body: {
      erasure: {
        subjectType: 'team',
        subjectId: '2',
        customers: 1,
        livingSubscriptions: 1,
        openCheckouts: 0,
      },
    },
  })
  const { body } = await system.admin('GET', `${TEST}/customers?customerId=${buyer.id}`)
  expect(body.customers[0]).toMatchObject({ email: null, name: null, phone: null })
  expect(await erase('nobody')).toMatchObject({
    status: 404,
    body: { error: 'PAYMENT_NOT_FOUND', message: 'Nothing of the team nobody is known in test.' },
  })
})

it('nobody but the admin may', async () => {
  const body = { subjectType: 'team', subjectId: '2' }
  expect((await system.call('POST', `${TEST}/erase-subject`, { body })).status).toBe(401)
  expect((await system.call('POST', `${TEST}/assign-subject`, { body })).status).toBe(401)
})
