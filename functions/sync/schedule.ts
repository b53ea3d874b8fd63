/**
 * What a platform's cron calls every few minutes: failed events again, lost events in, rows in line. Each part stands for itself,
 * so that one that fails does not keep the others back, and each goes on the next time where it was stopped.
 */
import type { ScheduleResponse, StripeEnvironment } from '../../types/api.ts'
import { ENVIRONMENTS, readKeyStates } from '../connection/keys.ts'
import { isApiError, toApiError } from '../core/errors.ts'
import { describeError, redact } from '../core/log.ts'
import { dueSyncKinds, retryWebhookEvents } from '../core/sql.ts'
import type { Deps } from '../deps.ts'
import { presentSyncRun } from './present.ts'
import { recover } from './recovery.ts'
import { runSync } from './sync.ts'

export type ScheduleOptions = {
  signal?: AbortSignal
  /** Pages that each sync may list before it leaves the rest to the next time: an edge platform ends long work. */
  syncPages?: number
}

/** Events that are tried again at most. */
const RETRIES = 100
/** Events of them in one statement: what they came to is kept, whatever becomes of the next ones. */
const RETRIED_AT_ONCE = 10

/** Pages that a sync lists at most where a platform ends long work: 5,000 objects. */
export const SYNC_PAGES = 50

/** Retries failed events, then recovers and lightly syncs every environment that has a key. */
export async function runScheduled(deps: Deps, options: ScheduleOptions = {}): Promise<ScheduleResponse> {
  const result: ScheduleResponse = { retried: [], recoveries: [], syncs: [], failures: [] }
  const { signal } = options

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
    let count = RETRIED_AT_ONCE
    while (count === RETRIED_AT_ONCE && result.retried.length < RETRIES && !signal?.aborted) {
      const rows = await retryWebhookEvents(deps.database, { max: RETRIED_AT_ONCE })
      count = rows.length
      for (const row of rows)
        result.retried.push({
          environment: row.environment,
          eventId: row.provider_event_id,
          processingStatus: row.processing_status,
          lastError: row.last_error === null ? null : redact(row.last_error),
        })
    }
  })
  const keys = await readKeyStates(deps)
  for (const environment of ENVIRONMENTS) {
    if (keys[environment].source === null) continue
    await attempt('recover', environment, async () => {
      result.recoveries.push(await recover({ environment, signal }, deps))
    })
    await attempt('sync', environment, async () => {
      const kinds = await dueSyncKinds(deps.database, { environment })
      const run = await runSync({ environment, kinds, signal, pages: options.syncPages }, deps)
      result.syncs.push(presentSyncRun(run))
    })
  }
  return result
}

const isRunningElsewhere = (error: unknown) => isApiError(error) && error.code === 'PAYMENT_SYNC_RUNNING'
