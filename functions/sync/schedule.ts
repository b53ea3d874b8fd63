/**
 * The work of a platform's cron every few minutes: retries failed events, recovers lost events, and syncs the rows.
 * Parts are independent: one that fails does not stop the others, and each resumes at the next run.
 */
import type { ScheduleResponse, StripeEnvironment } from '../../types/api.ts'
import { ENVIRONMENTS, readKeyStates } from '../connection/keys.ts'
import { isApiError, toApiError } from '../core/errors.ts'
import { redactOrNull } from '../core/format.ts'
import { describeError } from '../core/log.ts'
import { dueSyncKinds, retryWebhookEvents } from '../core/sql.ts'
import type { Deps } from '../deps.ts'
import { RUN_MS_MAX, tookTooLong } from './limits.ts'
import { presentSyncRun } from './present.ts'
import { recover } from './recovery.ts'
import { runSync } from './sync.ts'

export type ScheduleOptions = {
  signal?: AbortSignal
  /**
   * Pages that each sync may list before it leaves the rest to the next run, because an edge platform ends long work.
   */
  syncPages?: number
}

const RETRIES_PER_RUN_MAX = 100
/** Events in one statement. Its outcomes are committed before the next one begins. */
const RETRIES_PER_CALL_MAX = 10

/** The limit of pages on platforms that end long work: 5,000 objects. */
export const SYNC_PAGES = 50

/**
 * Retries failed events, then recovers and syncs every environment that has a key. What is not done after RUN_MS_MAX is
 * told among the failures, and left to the next run.
 */
export async function runScheduled(deps: Deps, options: ScheduleOptions = {}): Promise<ScheduleResponse> {
  const result: ScheduleResponse = { retried: [], recoveries: [], syncs: [], failures: [] }
  const { signal } = options
  const until = deps.now() + RUN_MS_MAX
  const checkTime = (what: string) => {
    if (deps.now() >= until) throw tookTooLong(what, 'pg-payments schedule run')
  }

  async function attempt(
    part: ScheduleResponse['failures'][number]['part'],
    environment: StripeEnvironment | null,
    work: () => Promise<unknown>,
  ): Promise<void> {
    if (signal?.aborted) return
    try {
      await work()
    } catch (error) {
      if (isRunningElsewhere(error)) return
      const { message } = toApiError(error)
      deps.log.error('schedule_failed', { part, environment, cause: describeError(error) })
      result.failures.push({ part, environment, message })
    }
  }

  await attempt('retry', null, async () => {
    let count = RETRIES_PER_CALL_MAX
    while (
      count === RETRIES_PER_CALL_MAX &&
      result.retried.length < RETRIES_PER_RUN_MAX &&
      !signal?.aborted
    ) {
      checkTime('retry of failed events')
      const rows = await retryWebhookEvents(deps.database, { max: RETRIES_PER_CALL_MAX })
      count = rows.length
      for (const row of rows)
        result.retried.push({
          environment: row.environment,
          eventId: row.provider_event_id,
          processingStatus: row.processing_status,
          lastError: redactOrNull(row.last_error),
        })
    }
  })
  const keys = await readKeyStates(deps)
  for (const environment of ENVIRONMENTS) {
    if (keys[environment].source === null) continue
    await attempt('recover', environment, async () => {
      checkTime(`recovery of ${environment}`)
      result.recoveries.push(await recover({ environment, signal, until }, deps))
    })
    await attempt('sync', environment, async () => {
      checkTime(`sync of ${environment}`)
      const kinds = await dueSyncKinds(deps.database, { environment })
      const run = await runSync({ environment, kinds, signal, pages: options.syncPages, until }, deps)
      if (run === null) return
      result.syncs.push(presentSyncRun(run))
      if (run.status === 'interrupted') checkTime(`sync of ${environment}`)
    })
  }
  return result
}

const isRunningElsewhere = (error: unknown) => isApiError(error) && error.code === 'PAYMENT_SYNC_RUNNING'
