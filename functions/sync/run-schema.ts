/** A sync as the API shows it, as a schema. */
import { z } from 'zod'
import { answer, component, count, counts, errorText, instant } from '../core/schema-parts.ts'
import { environmentSchema, named } from '../core/validation.ts'

/** The kinds of objects that a sync lists, in the order in which it lists them. The only list of them in TypeScript. */
export const SYNC_KINDS = [
  'products',
  'prices',
  'customers',
  'subscriptions',
  'checkout_sessions',
  'payment_intents',
  'charges',
  'invoices',
  'refunds',
  'disputes',
] as const

export const syncKind = named('SyncKind', z.enum(SYNC_KINDS, `must be one of ${SYNC_KINDS.join(', ')}`))

const progress = answer(
  'SyncProgress',
  {
    state: z.enum(['waiting', 'listing', 'listed', 'done']),
    seen: count.describe('Objects that Stripe listed.'),
    added: count.describe('Rows that were missing here.'),
    changed: count.describe('Rows that existed and differed.'),
    newer: count.describe('Objects of which the row was already newer.'),
    deleted: count.describe('Rows of objects that Stripe no longer has.'),
    failed: count.describe('Objects that could not be projected.'),
  },
  'How far a sync has come with one kind of objects.',
)

const drift = answer(
  'SyncDrift',
  {
    rows: count.describe('Rows that differed.'),
    missing: count.describe('Rows that were missing.'),
    deleted: count.describe('Rows of objects that Stripe no longer has.'),
    fields: counts.describe('By field, how many rows differed in it.'),
  },
  'What differed from Stripe before the sync fixed it.',
)

export const syncRun = component('SyncRun', {
  id: z.uuid(),
  environment: environmentSchema,
  status: named('SyncRunStatus', z.enum(['running', 'succeeded', 'failed', 'interrupted'])),
  kinds: z.array(syncKind),
  createdFrom: instant.nullable(),
  createdBefore: instant.nullable(),
  progress: z.record(z.string(), progress).describe('By kind.'),
  drift: z.record(z.string(), drift).describe('By kind, what differed from Stripe before the sync fixed it.'),
  error: errorText,
  attempt: count.describe('How often it was begun; more than 1 if it was resumed.'),
  startedAt: instant,
  heartbeatAt: instant,
  finishedAt: instant.nullable(),
})
