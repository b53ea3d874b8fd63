/**
 * Sync, recovery and the upkeep of the ledger. A sync responds when it has ended. If the caller hangs up, the sync
 * stops, and the next one resumes it.
 */
import type { StripeEnvironment, SyncRequest, SyncResult } from '../../types/api.ts'
import { ENVIRONMENTS, readKeyStates } from '../connection/keys.ts'
import { presentConnection } from '../connection/present.ts'
import { readConnections } from '../connection/reads.ts'
import type { Deps } from '../core/deps.ts'
import { type ApiError, apiError, toApiError } from '../core/errors.ts'
import { iso, isoOrNull } from '../core/format.ts'
import { describeError } from '../core/log.ts'
import { listRoute } from '../core/paging.ts'
import { present } from '../core/present.ts'
import { newestFirst, readRows } from '../core/reads.ts'
import { type Route, route } from '../core/route.ts'
import { environmentParams } from '../core/schema-parts.ts'
import {
  beginRecovery,
  pruneCheckoutSessions,
  pruneWebhookEvents,
  rebuildProjections,
  replayWebhookEvents,
  type SyncRunRow,
} from '../core/sql.ts'
import { presentSyncRun } from './present.ts'
import { describeGap, recover } from './recovery.ts'
import { syncRun } from './run-schema.ts'
import { runScheduled } from './schedule.ts'
import {
  pruneBody,
  pruneResponse,
  rebuildResponse,
  recoverBody,
  recoverResponse,
  recoveryStateResponse,
  replayBody,
  replayedEvent,
  replayResponse,
  scheduleBody,
  scheduleResponse,
  syncBody,
  syncedSubscriptions,
  syncResponse,
  syncRunParams,
  syncRunResponse,
  syncRunsQuery,
} from './schemas.ts'
import { runSync } from './sync.ts'

const syncOptionsOf = ({ kinds, createdFrom, createdBefore, erased }: SyncRequest) => ({
  kinds: kinds ?? null,
  createdFrom: createdFrom ?? null,
  createdBefore: createdBefore ?? null,
  erased: erased ?? false,
})

/** @param failure why there is no run: a sync that could not begin leaves no trace in the connection */
async function syncResult(
  environment: StripeEnvironment,
  run: SyncRunRow | null,
  deps: Deps,
  failure?: ApiError,
): Promise<SyncResult> {
  const [rows, keys, [subscriptions]] = await Promise.all([
    readConnections(deps.database),
    readKeyStates(deps),
    run === null ? [] : readRows(deps.database, 'payments_private.synced_subscriptions', { id: run.id }),
  ])
  const row = rows.find((connection) => connection.environment === environment) ?? null
  return {
    environment,
    connection: {
      ...presentConnection(environment, row, keys[environment]),
      ...(failure && { lastSyncStatus: 'failed', lastSyncError: failure.message }),
    },
    subscriptions: subscriptions === undefined ? null : present(syncedSubscriptions, subscriptions),
    run: run === null ? null : presentSyncRun(run),
  }
}

/** The errors of what lists at Stripe. */
const STRIPE_ERRORS: NonNullable<Route['errors']> = {
  400: ['PAYMENT_CONFIG_INVALID'],
  401: ['PAYMENT_CONFIG_INVALID'],
  403: ['PAYMENT_CONFIG_INVALID'],
  429: ['RATE_LIMITED'],
  502: ['UPSTREAM_FAILURE'],
}

const syncAll = route({
  id: 'syncStripe',
  method: 'POST',
  path: '/stripe/sync',
  summary: 'Syncs every environment that has a key with Stripe',
  description:
    'Syncs one environment after the other. If one fails, the other still runs, and the connection of the failed one has the error. A body may limit what is listed.',
  body: syncBody,
  bodyMayBeEmpty: true,
  response: syncResponse,
  errors: { 409: ['PAYMENT_SYNC_RUNNING'] },
  async handle({ body, signal }, deps) {
    const keys = await readKeyStates(deps)
    const results: SyncResult[] = []
    let running: ApiError | null = null
    for (const environment of ENVIRONMENTS) {
      let run: SyncRunRow | null = null
      let failed: ApiError | undefined
      if (keys[environment].source !== null) {
        run = await runSync({ environment, ...syncOptionsOf(body), signal }, deps).catch((error) => {
          const failure = toApiError(error)
          if (failure.code === 'DATABASE_UNAVAILABLE') throw failure
          if (failure.code === 'PAYMENT_SYNC_RUNNING') running = failure
          deps.log.error('sync_failed', { environment, cause: describeError(error) })
          failed = failure
          return null
        })
      }
      results.push(await syncResult(environment, run, deps, failed))
    }
    // The other environment is synced by now; this one is being synced by another request.
    if (running !== null) throw running
    return { results }
  },
})

const syncEnvironment = route({
  id: 'syncStripeEnvironment',
  method: 'POST',
  path: '/stripe/{environment}/sync',
  summary: 'Syncs an environment with Stripe, or resumes a sync that was stopped',
  params: environmentParams,
  body: syncBody,
  bodyMayBeEmpty: true,
  response: syncResponse,
  errors: { ...STRIPE_ERRORS, 409: ['PAYMENT_SYNC_RUNNING', 'PAYMENT_ACCOUNT_CHANGED'] },
  async handle({ params: { environment }, body, signal }, deps) {
    const run = await runSync({ environment, ...syncOptionsOf(body), signal }, deps)
    return { results: [await syncResult(environment, run, deps)] }
  },
})

const listRuns = listRoute({
  id: 'listSyncRuns',
  path: '/stripe/{environment}/sync-runs',
  summary: 'Lists syncs with their progress and what differed, the last begun first',
  query: syncRunsQuery,
  items: 'syncRuns',
  list: {
    name: 'sync-runs',
    answer: syncRun,
    view: 'payments_private.sync_run_list',
    order: newestFirst('started_at'),
  },
  present: presentSyncRun,
})

const getRun = route({
  id: 'getSyncRun',
  method: 'GET',
  path: '/stripe/{environment}/sync-runs/{syncRunId}',
  summary: 'Shows how far a sync has come',
  params: syncRunParams,
  response: syncRunResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment, syncRunId } }, { database }) {
    const [row] = await readRows(database, 'payments_private.sync_run_list', { id: syncRunId, environment })
    if (row) return { syncRun: presentSyncRun(row) }
    throw apiError(404, 'PAYMENT_NOT_FOUND', `There is no sync with this id in ${environment}.`, {
      nextActions: 'Look its id up in the list of syncs.',
    })
  },
})

const startRun = route({
  id: 'startSyncRun',
  method: 'POST',
  path: '/stripe/{environment}/sync-runs',
  summary: 'Begins a sync, or resumes one that was stopped, and does not wait for its end',
  description:
    'The sync goes on in this process. If the process ends, or the platform ends its work, the next sync resumes it.',
  params: environmentParams,
  body: syncBody,
  bodyMayBeEmpty: true,
  status: 201,
  response: syncRunResponse,
  errors: { ...STRIPE_ERRORS, 409: ['PAYMENT_SYNC_RUNNING', 'PAYMENT_ACCOUNT_CHANGED'] },
  async handle({ params: { environment }, body }, deps) {
    const { background, log } = deps
    const run = await new Promise<SyncRunRow | null>((begun, refused) => {
      const options = { environment, ...syncOptionsOf(body), signal: background.stopping, onBegin: begun }
      const work = runSync(options, deps).then(begun, (error) => {
        log.error('sync_failed', { environment, cause: describeError(error) })
        refused(error)
      })
      background.waitUntil(work)
    })
    if (run === null)
      throw apiError(503, 'DATABASE_UNAVAILABLE', 'The server stops, so the sync did not begin.', {
        nextActions: 'Try again in a moment.',
      })
    return { syncRun: presentSyncRun(run) }
  },
})

const getRecovery = route({
  id: 'getRecoveryState',
  method: 'GET',
  path: '/stripe/{environment}/recovery',
  summary: 'Shows from when until when the ledger is complete, and which events are lost',
  params: environmentParams,
  response: recoveryStateResponse,
  errors: { 409: ['PAYMENT_ACCOUNT_CHANGED'] },
  async handle({ params: { environment } }, { database }) {
    const rows = await readConnections(database)
    const row = rows.find((connection) => connection.environment === environment)
    const accountId = row?.account_id ?? null
    const start = await beginRecovery(database, { environment, since: null, accountId })
    const gap = describeGap(environment, start.gap)
    return {
      environment,
      eventsCompleteFrom: isoOrNull(row?.events_complete_from ?? null),
      eventsCompleteUntil: isoOrNull(row?.events_complete_until ?? null),
      nextFrom: iso(start.from),
      gap: gap === null ? null : { from: gap.from, before: gap.before, message: gap.message },
    }
  },
})

const recoverEvents = route({
  id: 'recoverWebhookEvents',
  method: 'POST',
  path: '/stripe/{environment}/recover',
  summary: "Ingests the events on Stripe's list that never arrived",
  params: environmentParams,
  body: recoverBody,
  bodyMayBeEmpty: true,
  response: recoverResponse,
  errors: { ...STRIPE_ERRORS, 409: ['PAYMENT_ACCOUNT_CHANGED'] },
  async handle({ params: { environment }, body: { since }, signal }, deps) {
    return { recovery: await recover({ environment, since: since ?? null, signal }, deps) }
  },
})

const replayEvents = route({
  id: 'replayWebhookEvents',
  method: 'POST',
  path: '/stripe/{environment}/webhook-events/replay',
  summary: 'Processes recorded events again, in the order in which they happened, including fulfilment',
  params: environmentParams,
  body: replayBody,
  bodyMayBeEmpty: true,
  response: replayResponse,
  async handle({ params: { environment }, body }, deps) {
    const rows = await replayWebhookEvents(deps.database, {
      environment,
      providerEventId: body.eventId,
      eventType: body.eventType,
      objectId: body.objectId,
      happenedFrom: body.from,
      happenedBefore: body.before,
      includeProcessed: body.includeProcessed,
      max: body.limit,
    })
    const replayed = rows.map((row) => present(replayedEvent, { ...row, event_id: row.replayed_event_id }))
    return { replayed }
  },
})

const rebuild = route({
  id: 'rebuildProjections',
  method: 'POST',
  path: '/stripe/{environment}/rebuild',
  summary: 'Rebuilds the projections from the ledger, without fulfilment; webhooks wait until it has ended',
  params: environmentParams,
  response: rebuildResponse,
  async handle({ params: { environment } }, deps) {
    const { events, pruned, complete_since } = await rebuildProjections(deps.database, { environment })
    return { events, pruned, completeSince: isoOrNull(complete_since) }
  },
})

const PRUNED_AT_ONCE = 5000

const prune = route({
  id: 'pruneWebhookEvents',
  method: 'POST',
  path: '/stripe/{environment}/prune',
  summary: 'Removes the payloads of old finished events, and checkout sessions that nobody paid',
  params: environmentParams,
  body: pruneBody,
  response: pruneResponse,
  async handle({ params: { environment }, body: { olderThanDays }, signal }, deps) {
    const batch = { environment, olderThan: `${olderThanDays} days`, max: PRUNED_AT_ONCE }
    const total = async (pruneBatch: typeof pruneWebhookEvents): Promise<number> => {
      let pruned = 0
      let count = PRUNED_AT_ONCE
      while (count === PRUNED_AT_ONCE && !signal.aborted) {
        count = await pruneBatch(deps.database, batch)
        pruned += count
      }
      return pruned
    }
    return {
      pruned: await total(pruneWebhookEvents),
      deletedCheckoutSessions: await total(pruneCheckoutSessions),
    }
  },
})

const runSchedule = route({
  id: 'runSchedule',
  method: 'POST',
  path: '/stripe/schedule',
  summary: 'Retries failed events, recovers lost ones and syncs; for a cron that runs every few minutes',
  description:
    'Runs for every environment that has a key. The parts are independent: a part that fails is in `failures`, and the status is still 200.',
  body: scheduleBody,
  bodyMayBeEmpty: true,
  response: scheduleResponse,
  handle: ({ body: { syncPages }, signal }, deps) => runScheduled(deps, { signal, syncPages }),
})

export const syncRoutes: Route[] = [
  syncAll,
  syncEnvironment,
  listRuns,
  startRun,
  getRun,
  getRecovery,
  recoverEvents,
  replayEvents,
  rebuild,
  prune,
  runSchedule,
]
