/** Sync, recovery and the upkeep of the ledger as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import { connection } from '../connection/schemas.ts'
import {
  answer,
  boolean,
  count,
  errorText,
  id,
  instant,
  instantText,
  page,
  pageOf,
  request,
} from '../core/schema-parts.ts'
import { environmentSchema, named, object, requiredAs, wholeNumber } from '../core/validation.ts'
import { SYNC_KINDS } from './kinds.ts'
import { syncKind, syncRun } from './run-schema.ts'
import { SYNC_PAGES } from './schedule.ts'

// Requests

export const syncBody = named(
  'SyncRequest',
  object({
    kinds: z
      .array(syncKind, requiredAs('a list of kinds'))
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
  ),
)

export const recoverBody = request('RecoverRequest', {
  since: instantText
    .describe("Read Stripe's events back to this instant, instead of to where the last recovery ended.")
    .optional(),
})

export const replayBody = request('ReplayRequest', {
  eventId: id.optional(),
  eventType: id.optional(),
  objectId: id.optional(),
  from: instantText.describe('Events that happened at this instant or later.').optional(),
  before: instantText.describe('Events that happened before this instant.').optional(),
  includeProcessed: boolean
    .describe('Also those that were processed; fulfilment then runs again.')
    .default(false),
  limit: wholeNumber(1, 1000).describe('1 to 1000; 1000 when left out.').default(1000),
})

export const pruneBody = request('PruneRequest', {
  olderThanDays: wholeNumber(1, 36_500).describe(
    'Finished events that are older lose their payload; their outcome stays.',
  ),
})

export const syncRunsQuery = z.strictObject(page)

/** More than any account has pages. */
export const MOST_SYNC_PAGES = 1_000_000

export const scheduleBody = request('ScheduleRequest', {
  syncPages: wholeNumber(1, MOST_SYNC_PAGES)
    .describe('Pages that each sync may list before it leaves the rest to the next run.')
    .default(SYNC_PAGES),
})

// Answers

const syncResult = answer(
  'SyncResult',
  {
    environment: environmentSchema,
    connection,
    subscriptions: answer('SyncedSubscriptions', {
      environment: environmentSchema,
      synced: count.describe('Listed by Stripe.'),
      unmapped: count.describe('Of all, those without a billing subject.'),
      deleted: count.describe('Those that Stripe no longer has.'),
    }).nullable(),
    run: syncRun.nullable().describe('Null when the environment has no key, or the sync failed.'),
  },
  'The result of syncing one environment.',
)
export const syncResponse = answer('SyncStripeResponse', { results: z.array(syncResult) })
export const syncRunsResponse = pageOf('ListSyncRunsResponse', { syncRuns: z.array(syncRun) })

const recovery = answer(
  'RecoveryResult',
  {
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
      .object({
        from: instant,
        before: instant,
        message: z.string(),
        sync: z.looseObject({}).meta({ printedAs: 'SyncRequest' }),
      })
      .nullable()
      .describe('The time of which Stripe no longer has the events, and the sync that closes it.'),
  },
  'What `POST …/recover` found.',
)
export const recoverResponse = answer('RecoverResponse', { recovery })

const replayed = { eventId: z.string(), processingStatus: z.string(), lastError: errorText }
export const replayResponse = answer('ReplayResponse', {
  replayed: z.array(named('ReplayedEvent', z.object(replayed))),
})

export const rebuildResponse = answer('RebuildResponse', {
  events: count.describe('Events that the projections were made again from.'),
  pruned: count.describe('Events whose payload was pruned, so that they could not be read.'),
  completeSince: instant
    .nullable()
    .describe('From when on the ledger is whole; null when nothing is missing.'),
})

export const pruneResponse = answer('PruneResponse', { pruned: count })

export const scheduleResponse = answer('ScheduleResponse', {
  retried: z
    .array(z.object({ environment: environmentSchema, ...replayed }))
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
