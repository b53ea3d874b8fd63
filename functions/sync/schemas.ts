/** Sync, recovery and the upkeep of the ledger as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import { connection } from '../connection/schemas.ts'
import * as s from '../core/schema-parts.ts'
import { SYNC_KINDS, syncKind, syncRun } from './run-schema.ts'
import { SYNC_PAGES } from './schedule.ts'

// Requests

export const syncBody = s
  .request('SyncRequest', {
    kinds: z
      .array(syncKind, s.requiredAs('a list of kinds'))
      .min(1, 'must have at least one kind')
      .max(SYNC_KINDS.length, `must have at most ${SYNC_KINDS.length} kinds`)
      .refine((kinds) => new Set(kinds).size === kinds.length, 'must name each kind once')
      .describe('Products, prices, customers and subscriptions if omitted.')
      .optional(),
    createdFrom: s.instantText
      .describe('For payment objects: only those created at Stripe at this instant or later.')
      .optional(),
    createdBefore: s.instantText
      .describe('For payment objects: only those created at Stripe before this instant.')
      .optional(),
    erased: s.boolean
      .describe(
        'True if the data of the account was erased at Stripe, so that Stripe knows none of the rows here. Without it such a sync is refused.',
      )
      .optional(),
  })
  .refine(
    ({ createdFrom: from, createdBefore: before }) =>
      from === undefined || before === undefined || Date.parse(from) < Date.parse(before),
    { path: ['createdFrom'], message: 'must be before createdBefore' },
  )

export const recoverBody = s.request('RecoverRequest', {
  since: s.instantText
    .describe("Read Stripe's events back to this instant, instead of back to the end of the last recovery.")
    .optional(),
})

export const replayBody = s.request('ReplayRequest', {
  eventId: s.id.optional(),
  eventType: s.id.optional(),
  objectId: s.id.optional(),
  from: s.instantText.describe('Events that happened at this instant or later.').optional(),
  before: s.instantText.describe('Events that happened before this instant.').optional(),
  includeProcessed: s.boolean
    .describe('Includes processed events; fulfilment then runs again.')
    .default(false),
  limit: s.wholeNumber(1, 1000).describe('1 to 1000; 1000 if omitted.').default(1000),
})

export const pruneBody = s.request('PruneRequest', {
  olderThanDays: s
    .wholeNumber(1, 36_500)
    .describe(
      'Finished events older than this many days lose their payload; their outcome stays. Checkout sessions that were never paid, and that have not changed for so long, are deleted.',
    ),
})

export const syncRunsQuery = z.strictObject(s.page)

/** More pages than any account has. */
export const MOST_SYNC_PAGES = 1_000_000

export const scheduleBody = s.request('ScheduleRequest', {
  syncPages: s
    .wholeNumber(1, MOST_SYNC_PAGES)
    .describe('Pages that each sync may list before it leaves the rest to the next run; 50 if omitted.')
    .default(SYNC_PAGES),
})

// Answers

export const syncedSubscriptions = s.answer('SyncedSubscriptions', {
  environment: s.environment,
  synced: s.count.describe('Subscriptions that Stripe listed.'),
  unmapped: s.count.describe('All subscriptions here without a billing subject.'),
  deleted: s.count.describe('Subscriptions that Stripe no longer has.'),
})
const syncResult = s.describedAnswer('SyncResult', 'The result of syncing one environment.', {
  environment: s.environment,
  connection,
  subscriptions: syncedSubscriptions.nullable(),
  run: syncRun.nullable().describe('The sync itself; null if the environment has no key or the sync failed.'),
})
export const syncResponse = s.answer('SyncStripeResponse', { results: z.array(syncResult) })

export const syncRunParams = s.environmentParams.extend({ syncRunId: z.uuid('must be the id of a sync') })
export const syncRunResponse = s.answer('GetSyncRunResponse', { syncRun })
export const recoveryStateResponse = s.answer('GetRecoveryStateResponse', {
  environment: s.environment,
  eventsCompleteFrom: s.nullableInstant.describe('The ledger holds every event since then.'),
  eventsCompleteUntil: s.nullableInstant.describe(
    "Until then the ledger was compared with Stripe's list of events; null before the first recovery.",
  ),
  nextFrom: s.instant.describe("The instant from which the next recovery reads Stripe's list."),
  gap: z
    .object({ from: s.instant, before: s.instant, message: z.string() })
    .nullable()
    .describe('The period whose events Stripe no longer has; a sync of payment objects closes it.'),
})

const recovery = s.describedAnswer('RecoveryResult', 'What `POST …/recover` found.', {
  environment: s.environment,
  from: s.instant.describe("The instant from which Stripe's list of events was read."),
  until: s.instant,
  listed: s.count.describe('Events that Stripe listed, of every type.'),
  recovered: s.count.describe(
    'Listed events that were missing here, of the types that webhook endpoints deliver here.',
  ),
  processed: s.count,
  ignored: s.count,
  failed: s.count.describe('Events that were recorded as failed; they are retried.'),
  gap: z
    .object({
      from: s.instant,
      before: s.instant,
      message: z.string(),
      sync: z.looseObject({}).meta({ printedAs: 'SyncRequest' }),
    })
    .nullable()
    .describe(
      'The period whose events Stripe no longer has, and the sync that closes it; null if there is none.',
    ),
})
export const recoverResponse = s.answer('RecoverResponse', { recovery })

const replayed = { eventId: z.string(), processingStatus: z.string(), lastError: s.errorText }
export const replayedEvent = s.answer('ReplayedEvent', replayed)
export const replayResponse = s.answer('ReplayResponse', { replayed: z.array(replayedEvent) })

export const rebuildResponse = s.answer('RebuildResponse', {
  events: s.count.describe('Events that the projections were rebuilt from.'),
  pruned: s.count.describe('Events that could not be read, because their payload was pruned.'),
  completeSince: s.instant
    .nullable()
    .describe('The instant from which the ledger is complete; null if nothing is missing.'),
})

export const pruneResponse = s.answer('PruneResponse', {
  pruned: s.count.describe('Events that lost their payload.'),
  deletedCheckoutSessions: s.count.describe('Checkout sessions that were never paid.'),
})

const failure = z.object({
  part: z.enum(['retry', 'recover', 'sync']),
  environment: s.environment.nullable().describe('Null for the part that covers both environments.'),
  message: z.string(),
})
export const scheduleResponse = s.answer('ScheduleResponse', {
  retried: z
    .array(z.object({ environment: s.environment, ...replayed }))
    .describe('Failed events that were retried.'),
  recoveries: z.array(recovery),
  syncs: z.array(syncRun),
  failures: z.array(failure).describe('Parts that failed; the other parts ran.'),
})
