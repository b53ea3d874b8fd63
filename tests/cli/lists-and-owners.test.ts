/** `stripe invoices`, `credit-notes`, `assign` and `erase`: filters, pages, what --json prints, and what bad input gets. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { ingest } from '../sql/support/calls.ts'
import {
  at,
  creditNote,
  customer,
  eventOf,
  invoice,
  type Json,
  subjectMetadata,
  subscription,
  T,
} from '../sql/support/stripe.ts'
import { runCli } from './support.ts'

let database: TestDatabase

/** A team with a subscription, an invoice of it and a credit note of that. */
function business(id: string): [string, Json][] {
  const buyer = `cus_${id}`
  const plan = subscription({
    id: `sub_${id}`,
    customer: buyer,
    metadata: subjectMetadata('team', id),
  })
  const bill = invoice({
    id: `in_${id}`,
    number: `A-${id}`,
    customer: buyer,
    subscription: plan.id,
    total: 1900,
    created: T + Number(id),
  })
  const back = creditNote({
    id: `cn_${id}`,
    number: `A-${id}-CN`,
    invoice: bill.id,
    customer: buyer,
    created: T + Number(id),
  })
  return [
    ['customer.created', customer({ id: buyer, email: `team-${id}@example.com`, name: `Team ${id}` })],
    ['customer.subscription.created', plan],
    ['invoice.paid', bill],
    ['credit_note.created', back],
  ]
}

beforeAll(async () => {
  database = await createTestDatabase()
  for (const [type, object] of ['1', '2', '3'].flatMap(business))
    await ingest(database.sql, eventOf(type, object))
})
afterAll(() => database.close())

const cli = (...args: string[]) => runCli(args, { env: { DATABASE_URL: database.url } })
const json = async (...args: string[]) => (await cli(...args, '--json')).json<Json>()
const inTest = ['--environment', 'test']
const ofTeam = (id: string) => ['--subject-type', 'team', '--subject-id', id]

describe.each([
  ['invoices', 'invoices', 'invoiceId', 'in'],
  ['credit-notes', 'creditNotes', 'creditNoteId', 'cn'],
])('stripe %s', (command, field, id, prefix) => {
  const list = (...args: string[]) => json('stripe', command, ...inTest, ...args)
  const ids = (page: Json) => (page[field] as Json[]).map((row) => row[id])

  test('are listed page by page, the newest first', async () => {
    const first = await list('--limit', '2')
    expect(ids(first)).toEqual([`${prefix}_3`, `${prefix}_2`])
    const second = await list('--limit', '2', '--cursor', first.nextCursor)
    expect(ids(second)).toEqual([`${prefix}_1`])
    expect(second.nextCursor).toBeNull()
    const { out } = await cli('stripe', command, ...inTest, '--limit', '2')
    expect(out).toContain('A-3')
    expect(out).toContain('--cursor')
  })

  test('are those of one subject, or none, with a sentence', async () => {
    expect(ids(await list(...ofTeam('2')))).toEqual([`${prefix}_2`])
    expect(await list(...ofTeam('nobody'))).toEqual({ [field]: [], nextCursor: null })
    expect(await cli('stripe', command, ...inTest, ...ofTeam('nobody'))).toMatchObject({
      code: 0,
      out: `No ${command.replace('-', ' ')} in test.\n`,
    })
    expect((await cli('stripe', command, '--environment', 'live')).out).toContain('in live.')
  })

  test.each([
    [
      ['--subject-type', 'team'],
      'A subject is a type and an id.',
      'Give both --subject-type and --subject-id.',
    ],
    [['--limit', '0'], /It must be a whole number from 1 to 100\.$/, undefined],
    [['--cursor', 'x'], 'The cursor is not one that this API gave out.', 'Begin again without a cursor.'],
  ])('refuse %j with a sentence and 1', async (args, message, next) => {
    const outcome = await cli('stripe', command, ...inTest, ...args, '--json')
    expect(outcome.code).toBe(1)
    expect(outcome.json<Json>()).toEqual({
      error: expect.any(String),
      message: expect.stringMatching(message),
      ...(next === undefined ? {} : { nextActions: next }),
    })
  })
})

test('an invoice and a credit note as JSON have amounts in minor units, and whom they belong to', async () => {
  const { invoices } = await json('stripe', 'invoices', ...inTest, ...ofTeam('1'))
  expect(invoices).toMatchObject([
    {
      environment: 'test',
      invoiceId: 'in_1',
      number: 'A-1',
      status: 'paid',
      currency: 'usd',
      total: 1900,
      subjectType: 'team',
      subjectId: '1',
      customerId: 'cus_1',
      subscriptionId: 'sub_1',
      providerCreatedAt: at(T + 1).toISOString(),
    },
  ])
  const { creditNotes } = await json('stripe', 'credit-notes', ...inTest, ...ofTeam('1'))
  expect(creditNotes).toMatchObject([
    {
      creditNoteId: 'cn_1',
      number: 'A-1-CN',
      invoiceId: 'in_1',
      subjectType: 'team',
      subjectId: '1',
    },
  ])
})

describe('stripe assign', () => {
  const assign = (...args: string[]) => cli('stripe', 'assign', ...inTest, ...args)

  test('refuses what belongs to somebody else, and moves it with --replace', async () => {
    const request = ['--customer', 'cus_3', ...ofTeam('9')]
    expect(await assign(...request)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^The customer cus_3 belongs to the team 3 already, wholly or in part\.\n/),
    })
    expect(await json('stripe', 'assign', ...inTest, ...request, '--replace')).toEqual({
      assignment: {
        objectType: 'customer',
        objectId: 'cus_3',
        subjectType: 'team',
        subjectId: '9',
        assignedAt: expect.any(String),
        subscriptions: 1,
        transactions: 1,
        invoices: 1,
      },
    })
    expect((await json('stripe', 'invoices', ...inTest, ...ofTeam('9'))).invoices).toHaveLength(1)
    expect((await assign('--subscription', 'sub_3', ...ofTeam('9'))).out).toMatch(
      /^The subscription sub_3 belongs to the team 9 now, with /,
    )
  })

  test.each([
    [['--customer', 'cus_nobody', ...ofTeam('1')], 4, 'No customer cus_nobody is known in test.'],
    [['--subscription', 'sub_nobody', ...ofTeam('1')], 4, 'No subscription sub_nobody is known in test.'],
    [ofTeam('1'), 1, 'Name a customer or a subscription, and not both.'],
    [
      ['--customer', 'cus_1', '--subscription', 'sub_1', ...ofTeam('1')],
      1,
      'Name a customer or a subscription, and not both.',
    ],
    [['--customer', 'cus_1', '--subject-type', 'team', '--subject-id', ''], 1, /subjectId/],
    [['--customer', 'cus_1', '--subject-type', 'team'], 1, /--subject-id <id>' not specified/],
  ])('refuses %j with %i and a sentence', async (args, code, message) => {
    const outcome = await assign(...args, '--json')
    expect(outcome.code).toBe(code)
    expect(outcome.json<Json>().message).toMatch(message)
    expect(outcome.json<Json>().message.split('\n')).toHaveLength(1)
  })
})

describe('stripe erase', () => {
  test('asks first, and without a terminal needs --yes', async () => {
    const outcome = await cli('stripe', 'erase', ...inTest, ...ofTeam('2'), '--json')
    expect(outcome.code).toBe(1)
    expect(outcome.json<Json>()).toMatchObject({ nextActions: expect.stringContaining('--yes') })
    const [row] =
      await database.sql`select email from payments.customers where provider_customer_id = 'cus_2'`
    expect(row?.email).toBe('team-2@example.com')
  })

  test('removes the personal data, says what stays and what goes on', async () => {
    const outcome = await cli('stripe', 'erase', ...inTest, ...ofTeam('2'), '--yes')
    expect(outcome).toMatchObject({ code: 0, err: '' })
    expect(outcome.out).toMatch(
      /^Removed the personal data of 1 customer and \d+ objects, and from \d+ events\.\n/,
    )
    expect(outcome.out).toContain('1 subscription of it is alive and goes on.')
    const [row] = await database.sql`
      select email, name from payments.customers where provider_customer_id = 'cus_2'`
    expect(row).toEqual({ email: null, name: null })
    expect(await json('stripe', 'invoices', ...inTest, ...ofTeam('2'))).toMatchObject({
      invoices: [{ invoiceId: 'in_2', total: 1900 }],
    })
  })

  test('refuses a subject of which nothing is known with 4', async () => {
    expect(await cli('stripe', 'erase', ...inTest, ...ofTeam('nobody'), '--yes')).toMatchObject({
      code: 4,
      out: '',
      err: expect.stringMatching(/^Nothing of the team nobody is known in test\.\n/),
    })
  })
})
