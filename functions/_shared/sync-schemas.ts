/** Sync, recovery and the upkeep of the ledger as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import type * as api from '../../types/api.ts'
import { connection } from './admin-schemas.ts'
import { environmentSchema, must, text } from './schemas.ts'

const SYNC_KINDS = [
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

const instant = z.iso.datetime()
const count = z.int().min(0)
const givenInstant = z.iso
  .datetime({ offset: true, error: 'must be an instant in ISO-8601, as in 2026-10-28T09:00:00Z' })
  .refine((value) => !value.startsWith('0000'), 'must be an instant after the year 0')

const syncKind = z.enum(SYNC_KINDS, `must be one of ${SYNC_KINDS.join(', ')}`)

// Requests

export const syncBody = z
  .strictObject({
    kinds: z
      .array(syncKind, must('a list of kinds'))
      .min(1, 'must have at least one kind')
      .max(SYNC_KINDS.length, `must have at most ${SYNC_KINDS.length} kinds`)
      .refine((kinds) => new Set(kinds).size === kinds.length, 'must name each kind once')
      .describe('Products, prices, customers and subscriptions when left out.')
      .optional(),
    createdFrom: givenInstant
      .describe('Payment objects only: those made at Stripe at this instant or later.')
      .optional(),
    createdBefore: givenInstant
      .describe('Payment objects only: those made at Stripe before this instant.')
      .optional(),
  })
  .refine(
    ({ createdFrom, createdBefore }) =>
      createdFrom === undefined ||
      createdBefore === undefined ||
      Date.parse(createdFrom) < Date.parse(createdBefore),
    { path: ['createdFrom'], message: 'must be before createdBefore' },
  )

export const recoverBody = z.strictObject({
  since: givenInstant
    .describe("Read Stripe's events back to this instant, instead of to where the last recovery ended.")
    .optional(),
})

export const replayBody = z.strictObject({
  eventId: text(1, 255).optional(),
  eventType: text(1, 255).optional(),
  objectId: text(1, 255).optional(),
  from: givenInstant.describe('Events that happened at this instant or later.').optional(),
  before: givenInstant.describe('Events that happened before this instant.').optional(),
  includeProcessed: z
    .boolean(must('true or false'))
    .describe('Also those that were processed; fulfilment then runs again.')
    .default(false),
  limit: z
    .int(must('a whole number from 1 to 1000'))
    .min(1, 'must be a whole number from 1 to 1000')
    .max(1000, 'must be a whole number from 1 to 1000')
    .default(1000),
})

export const pruneBody = z.strictObject({
  olderThanDays: z
    .int(must('a whole number from 1 to 36500'))
    .min(1, 'must be a whole number from 1 to 36500')
    .max(36_500, 'must be a whole number from 1 to 36500')
    .describe('Finished events that are older lose their payload; their outcome stays.'),
})

export const syncRunsQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^([1-9]|[1-9]\d|100)$/, 'must be a whole number from 1 to 100')
    .transform(Number)
    .default(50),
  cursor: text(1, 3000).optional(),
})

// Answers

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

export const syncResponse = z.object({
  results: z.array(
    z.object({
      environment: environmentSchema,
      connection,
      subscriptions: z
        .object({
          environment: environmentSchema,
          synced: count.describe('Listed by Stripe.'),
          unmapped: count.describe('Of all, those without a billing subject.'),
          deleted: count.describe('Those that Stripe no longer has.'),
        })
        .nullable(),
      run: syncRun.nullable().describe('Null when the environment has no key, or the sync failed.'),
    }),
  ),
})

export const syncRunsResponse = z.object({
  syncRuns: z.array(syncRun),
  nextCursor: z.string().nullable().describe('Null on the last page.'),
})

export const recoverResponse = z.object({
  recovery: z.object({
    environment: environmentSchema,
    from: instant.describe("From when on Stripe's list of events was read."),
    until: instant,
    listed: count.describe('Events that Stripe listed.'),
    recovered: count.describe('Events of them that were missing here.'),
    processed: count,
    ignored: count,
    failed: count.describe('Kept, to be tried again.'),
    gap: z
      .object({ from: instant, before: instant, message: z.string(), sync: z.looseObject({}) })
      .nullable()
      .describe('The time of which Stripe no longer has the events, and the sync that closes it.'),
  }),
})

export const replayResponse = z.object({
  replayed: z.array(
    z.object({ eventId: z.string(), processingStatus: z.string(), lastError: z.string().nullable() }),
  ),
})

export const rebuildResponse = z.object({
  events: count.describe('Events that the projections were made again from.'),
  pruned: count.describe('Events whose payload was pruned, so that they could not be read.'),
  completeSince: instant
    .nullable()
    .describe('From when on the ledger is whole; null when nothing is missing.'),
})

export const pruneResponse = z.object({ pruned: count })

// The documented types and the schemas stay the same.
syncBody satisfies z.ZodType<unknown, api.SyncRequest>
recoverBody satisfies z.ZodType<unknown, api.RecoverRequest>
replayBody satisfies z.ZodType<unknown, api.ReplayRequest>
pruneBody satisfies z.ZodType<unknown, api.PruneRequest>
syncResponse satisfies z.ZodType<api.SyncStripeResponse>
syncRunsResponse satisfies z.ZodType<api.ListSyncRunsResponse>
recoverResponse satisfies z.ZodType<api.RecoverResponse>
replayResponse satisfies z.ZodType<api.ReplayResponse>
rebuildResponse satisfies z.ZodType<api.RebuildResponse>
pruneResponse satisfies z.ZodType<api.PruneResponse>
