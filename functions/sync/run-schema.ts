/** A sync as the API shows it, as a schema. */
import { z } from 'zod'
import type * as api from '../../types/api.ts'
import { environmentSchema } from '../core/validation.ts'

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

export const syncKind = z.enum(SYNC_KINDS, `must be one of ${SYNC_KINDS.join(', ')}`)

const instant = z.iso.datetime()
const count = z.int().min(0)

const progress = z.object({
  state: z.enum(['waiting', 'listing', 'listed', 'done']),
  seen: count.describe('Objects that Stripe listed.'),
  added: count.describe('Rows that were missing here.'),
  changed: count.describe('Rows that were there and differed.'),
  newer: count.describe('Objects of which something newer was known already.'),
  deleted: count.describe('Rows of objects that Stripe no longer has.'),
  failed: count.describe('Objects that could not be projected.'),
})

const drift = z.object({
  rows: count.describe('Rows that differed.'),
  missing: count.describe('Rows that were missing.'),
  deleted: count.describe('Rows of objects that Stripe no longer has.'),
  fields: z.record(z.string(), count).describe('By field, how many rows differed in it.'),
})

export const syncRun = z
  .object({
    id: z.uuid(),
    environment: environmentSchema,
    status: z.enum(['running', 'succeeded', 'failed', 'interrupted']),
    kinds: z.array(syncKind),
    createdFrom: instant.nullable(),
    createdBefore: instant.nullable(),
    progress: z.record(z.string(), progress).describe('By kind.'),
    drift: z.record(z.string(), drift).describe('By kind, what differed from Stripe before it was mended.'),
    error: z.string().nullable(),
    attempt: count.describe('How often it was begun; more than 1 when it was resumed.'),
    startedAt: instant,
    heartbeatAt: instant,
    finishedAt: instant.nullable(),
  })
  .meta({ id: 'SyncRun' })

syncRun satisfies z.ZodType<api.SyncRun>
