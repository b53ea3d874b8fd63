/** Rows as answers: the schema of an answer says which columns it is made of, and what becomes of them. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { columnsOf, present } from '../../../functions/core/present.ts'
import { count, errorText, instant, nullable, strings } from '../../../functions/core/schema-parts.ts'

const item = z.object({ itemId: z.string(), endsAt: instant.nullable() })
const answer = z.object({
  someId: z.string(),
  attemptCount: count,
  unitAmount: z.number().nullable(),
  lastError: errorText,
  createdAt: instant,
  seenAt: instant.nullable(),
  metadata: strings,
  counts: z.record(z.string(), z.number()),
  items: z.array(item),
  byKind: z.record(z.string(), item),
  comment: nullable.describe('Anything.'),
  added: z.string().optional(),
})
const row = {
  some_id: 'a',
  attempt_count: '12',
  unit_amount: '9007199254740991',
  last_error: 'Stripe refused sk_test_51abcdefghijklmnop.',
  created_at: new Date('2026-11-30T09:00:00Z'),
  seen_at: '2026-11-30T10:00:00.123456+01:00',
  metadata: { text: 'b', number: 1, list: [1], none: null },
  counts: { good: 1, bad: '2' },
  items: [{ item_id: 'c', ends_at: null, other: 1 }],
  by_kind: { first: { item_id: 'd', ends_at: '2026-11-30T09:00:00Z' } },
  comment: 'sk_test_51abcdefghijklmnop',
  other: 'not a field',
}

describe('present', () => {
  it('makes each field of the column of its name in snake case, by its schema, and leaves other columns out', () => {
    expect(present(answer, row)).toEqual({
      someId: 'a',
      attemptCount: 12,
      unitAmount: 9007199254740991,
      lastError: expect.not.stringContaining('sk_test_51abcdefghijklmnop'),
      createdAt: '2026-11-30T09:00:00.000Z',
      seenAt: '2026-11-30T09:00:00.123Z',
      metadata: { text: 'b', number: '1', list: '[1]' },
      counts: { good: 1 },
      items: [{ itemId: 'c', endsAt: null }],
      byKind: { first: { itemId: 'd', endsAt: '2026-11-30T09:00:00.000Z' } },
      comment: 'sk_test_51abcdefghijklmnop',
    })
  })

  it('shows a missing number as 0 and a missing object as {}, and what may be null as null', () => {
    const nothing = Object.fromEntries(Object.keys(row).map((column) => [column, null]))
    expect(present(answer, nothing as unknown as typeof row)).toEqual({
      someId: null,
      attemptCount: 0,
      unitAmount: null,
      lastError: null,
      createdAt: null,
      seenAt: null,
      metadata: {},
      counts: {},
      items: null,
      byKind: {},
      comment: null,
    })
  })

  it('reads the columns of the fields that every answer has', () => {
    expect(columnsOf(answer)).toEqual(Object.keys(row).filter((column) => column !== 'other'))
  })
})
