/** A sync as the API shows it, as a schema. */
import { z } from 'zod'
import * as s from '../core/schema-parts.ts'

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
  'credit_notes',
  'refunds',
  'disputes',
] as const

export const syncKind = s.named('SyncKind', z.enum(SYNC_KINDS, `must be one of ${SYNC_KINDS.join(', ')}`))

const progress = s.describedAnswer('SyncProgress', 'How far a sync has come with one kind of objects.', {
  state: z.enum(['waiting', 'listing', 'listed', 'done']),
  seen: s.count.describe('Objects that Stripe listed.'),
  added: s.count.describe('Rows that were missing here.'),
  changed: s.count.describe('Rows that existed and differed.'),
  newer: s.count.describe('Objects of which the row was already newer.'),
  deleted: s.count.describe('Rows of objects that Stripe no longer has.'),
  failed: s.count.describe('Objects that could not be projected.'),
})

const drift = s.describedAnswer('SyncDrift', 'What differed from Stripe before the sync fixed it.', {
  rows: s.count.describe('Rows that differed.'),
  missing: s.count.describe('Rows that were missing.'),
  deleted: s.count.describe('Rows of objects that Stripe no longer has.'),
  fields: s.counts.describe('By field, how many rows differed in it.'),
})

export const syncRun = s.component('SyncRun', {
  id: z.uuid(),
  environment: s.environment,
  status: s.named('SyncRunStatus', z.enum(['running', 'succeeded', 'failed', 'interrupted'])),
  kinds: z.array(syncKind),
  createdFrom: s.instant.nullable(),
  createdBefore: s.instant.nullable(),
  progress: z.record(z.string(), progress).describe('By kind.'),
  drift: z.record(z.string(), drift).describe('By kind, what differed from Stripe before the sync fixed it.'),
  error: s.errorText,
  attempt: s.count.describe('How often it was begun; more than 1 if it was resumed.'),
  startedAt: s.instant,
  heartbeatAt: s.instant,
  finishedAt: s.instant.nullable(),
})
