/** Sync, recovery and the upkeep of the ledger as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import { connection } from '../connection/schemas.ts'
import {
  answer,
  boolean,
  count,
  environmentParams,
  errorText,
  id,
  instant,
  instantText,
  nullableInstant,
  page,
  pageOf,
  request,
} from '../core/schema-parts.ts'
import { environmentSchema, named, object, requiredAs, wholeNumber } from '../core/validation.ts'
import { SYNC_KINDS, syncKind, syncRun } from './run-schema.ts'
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
      .describe('Products, prices, customers and subscriptions if omitted.')
      .optional(),
    createdFrom: instantText
      .describe('For payment objects: only those created at Stripe at this instant or later.')
      .optional(),
    createdBefore: instantText
      .describe('For payment objects: only those created at Stripe before this instant.')
      .optional(),
    erased: boolean
      .describe(
        'True if the data of the account was erased at Stripe, so that Stripe knows none of the rows here. Without it such a sync is refused.',
      )
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
    .describe("Read Stripe's events back to this instant, instead of back to the end of the last recovery.")
    .optional(),
})

export const replayBody = request('ReplayRequest', {
  eventId: id.optional(),
  eventType: id.optional(),
  objectId: id.optional(),
  from: instantText.describe('Events that happened at this instant or later.').optional(),
  before: instantText.describe('Events that happened before this instant.').optional(),
  includeProcessed: boolean.describe('Includes processed events; fulfilment then runs again.').default(false),
  limit: wholeNumber(1, 1000).describe('1 to 1000; 1000 if omitted.').default(1000),
})

export const pruneBody = request('PruneRequest', {
  olderThanDays: wholeNumber(1, 36_500).describe(
    'Finished events older than this many days lose their payload; their outcome stays. Checkout sessions that were never paid, and that have not changed for so long, are deleted.',
  ),
})

export const syncRunsQuery = z.strictObject(page)

/** More pages than any account has. */
export const MOST_SYNC_PAGES = 1_000_000

export const scheduleBody = request('ScheduleRequest', {
  syncPages: wholeNumber(1, MOST_SYNC_PAGES)
    .describe('Pages that each sync may list before it leaves the rest to the next run; 50 if omitted.')
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
      synced: count.describe('Subscriptions that Stripe listed.'),
      unmapped: count.describe('All subscriptions here without a billing subject.'),
      deleted: count.describe('Subscriptions that Stripe no longer has.'),
    }).nullable(),
    run: syncRun
      .nullable()
      .describe('The sync itself; null if the environment has no key or the sync failed.'),
  },
  'The result of syncing one environment.',
)
export const syncResponse = answer('SyncStripeResponse', { results: z.array(syncResult) })
export const syncRunParams = environmentParams.extend({ syncRunId: z.uuid('must be the id of a sync') })
export const syncRunResponse = answer('GetSyncRunResponse', { syncRun })
export const recoveryStateResponse = answer('GetRecoveryStateResponse', {
  environment: environmentSchema,
  eventsCompleteFrom: nullableInstant.describe('The ledger holds every event since then.'),
  eventsCompleteUntil: nullableInstant.describe(
    "Until then the ledger was compared with Stripe's list of events; null before the first recovery.",
  ),
  nextFrom: instant.describe("The instant from which the next recovery reads Stripe's list."),
  gap: z
    .object({ from: instant, before: instant, message: z.string() })
    .nullable()
    .describe('The period whose events Stripe no longer has; a sync of payment objects closes it.'),
})
export const syncRunsResponse = pageOf('ListSyncRunsResponse', { syncRuns: z.array(syncRun) })

const recovery = answer(
  'RecoveryResult',
  {
    environment: environmentSchema,
    from: instant.describe("The instant from which Stripe's list of events was read."),
    until: instant,
    listed: count.describe('Events that Stripe listed, of every type.'),
    recovered: count.describe(
      'Listed events that were missing here, of the types that webhook endpoints deliver here.',
    ),
    processed: count,
    ignored: count,
    failed: count.describe('Events that were recorded as failed; they are retried.'),
    gap: z
      .object({
        from: instant,
        before: instant,
        message: z.string(),
        sync: z.looseObject({}).meta({ printedAs: 'SyncRequest' }),
      })
      .nullable()
      .describe(
        'The period whose events Stripe no longer has, and the sync that closes it; null if there is none.',
      ),
  },
  'What `POST …/recover` found.',
)
export const recoverResponse = answer('RecoverResponse', { recovery })

const replayed = { eventId: z.string(), processingStatus: z.string(), lastError: errorText }
export const replayResponse = answer('ReplayResponse', {
  replayed: z.array(named('ReplayedEvent', z.object(replayed))),
})

export const rebuildResponse = answer('RebuildResponse', {
  events: count.describe('Events that the projections were rebuilt from.'),
  pruned: count.describe('Events that could not be read, because their payload was pruned.'),
  completeSince: instant
    .nullable()
    .describe('The instant from which the ledger is complete; null if nothing is missing.'),
})

export const pruneResponse = answer('PruneResponse', {
  pruned: count.describe('Events that lost their payload.'),
  deletedCheckoutSessions: count.describe('Checkout sessions that were never paid.'),
})

export const scheduleResponse = answer('ScheduleResponse', {
  retried: z
    .array(z.object({ environment: environmentSchema, ...replayed }))
    .describe('Failed events that were retried.'),
  recoveries: z.array(recovery),
  syncs: z.array(syncRun),
  failures: z
    .array(
      z.object({
        part: z.enum(['retry', 'recover', 'sync']),
        environment: environmentSchema
          .nullable()
          .describe('Null for the part that covers both environments.'),
        message: z.string(),
      }),
    )
    .describe('Parts that failed; the other parts ran.'),
})
