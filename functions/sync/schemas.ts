/** Sync, recovery and the upkeep of the ledger as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import type * as api from '../../types/api.ts'
import { connection, instantText, nextCursor, page } from '../core/schema-parts.ts'
import { environmentSchema, must, object, text } from '../core/validation.ts'
import { SYNC_KINDS, syncKind, syncRun } from './run-schema.ts'
import { SYNC_PAGES } from './schedule.ts'

const instant = z.iso.datetime()
const count = z.int().min(0)

// Requests

export const syncBody = object({
  kinds: z
    .array(syncKind, must('a list of kinds'))
    .min(1, 'must have at least one kind')
    .max(SYNC_KINDS.length, `must have at most ${SYNC_KINDS.length} kinds`)
    .refine((kinds) => new Set(kinds).size === kinds.length, 'must name each kind once')
    .describe('Products, prices, customers and subscriptions when left out.')
    .optional(),
  createdFrom: instantText
    .describe('Payment objects only: those made at Stripe at this instant or later.')
    .optional(),
  createdBefore: instantText
    .describe('Payment objects only: those made at Stripe before this instant.')
    .optional(),
}).refine(
  ({ createdFrom, createdBefore }) =>
    createdFrom === undefined ||
    createdBefore === undefined ||
    Date.parse(createdFrom) < Date.parse(createdBefore),
  { path: ['createdFrom'], message: 'must be before createdBefore' },
)

export const recoverBody = object({
  since: instantText
    .describe("Read Stripe's events back to this instant, instead of to where the last recovery ended.")
    .optional(),
})

export const replayBody = object({
  eventId: text(1, 255).optional(),
  eventType: text(1, 255).optional(),
  objectId: text(1, 255).optional(),
  from: instantText.describe('Events that happened at this instant or later.').optional(),
  before: instantText.describe('Events that happened before this instant.').optional(),
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

export const pruneBody = object({
  olderThanDays: z
    .int(must('a whole number from 1 to 36500'))
    .min(1, 'must be a whole number from 1 to 36500')
    .max(36_500, 'must be a whole number from 1 to 36500')
    .describe('Finished events that are older lose their payload; their outcome stays.'),
})

export const syncRunsQuery = z.strictObject(page)

/** More than any account has pages. */
export const MOST_SYNC_PAGES = 1_000_000

export const scheduleBody = object({
  syncPages: z
    .int(must(`a whole number from 1 to ${MOST_SYNC_PAGES}`))
    .min(1, `must be a whole number from 1 to ${MOST_SYNC_PAGES}`)
    .max(MOST_SYNC_PAGES, `must be a whole number from 1 to ${MOST_SYNC_PAGES}`)
    .describe('Pages that each sync may list before it leaves the rest to the next run.')
    .default(SYNC_PAGES),
})

// Answers

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
  nextCursor,
})

const recovery = z.object({
  environment: environmentSchema,
  from: instant.describe("From when on Stripe's list of events was read."),
  until: instant,
  listed: count.describe('Events that Stripe listed, of every type.'),
  recovered: count.describe(
    'Events of them that were missing here, of the types that webhook endpoints deliver here.',
  ),
  processed: count,
  ignored: count,
  failed: count.describe('Kept, to be tried again.'),
  gap: z
    .object({ from: instant, before: instant, message: z.string(), sync: z.looseObject({}) })
    .nullable()
    .describe('The time of which Stripe no longer has the events, and the sync that closes it.'),
})

export const recoverResponse = z.object({ recovery })

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

export const scheduleResponse = z.object({
  retried: z
    .array(
      z.object({
        environment: environmentSchema,
        eventId: z.string(),
        processingStatus: z.string(),
        lastError: z.string().nullable(),
      }),
    )
    .describe('Failed events that were tried again.'),
  recoveries: z.array(recovery),
  syncs: z.array(syncRun),
  failures: z
    .array(
      z.object({
        part: z.enum(['retry', 'recover', 'sync']),
        environment: environmentSchema.nullable().describe('Null for the part that is of both.'),
        message: z.string(),
      }),
    )
    .describe('Parts that failed; the others ran all the same.'),
})

// The documented types and the schemas stay the same.
syncBody satisfies z.ZodType<unknown, api.SyncRequest>
recoverBody satisfies z.ZodType<unknown, api.RecoverRequest>
replayBody satisfies z.ZodType<unknown, api.ReplayRequest>
scheduleBody satisfies z.ZodType<unknown, api.ScheduleRequest>
scheduleResponse satisfies z.ZodType<api.ScheduleResponse>
pruneBody satisfies z.ZodType<unknown, api.PruneRequest>
syncResponse satisfies z.ZodType<api.SyncStripeResponse>
syncRunsResponse satisfies z.ZodType<api.ListSyncRunsResponse>
recoverResponse satisfies z.ZodType<api.RecoverResponse>
replayResponse satisfies z.ZodType<api.ReplayResponse>
rebuildResponse satisfies z.ZodType<api.RebuildResponse>
pruneResponse satisfies z.ZodType<api.PruneResponse>
