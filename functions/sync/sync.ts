/**
 * Syncs the rows of an environment with Stripe's lists. The database decides what to list next, and records page by
 * page. This file only carries pages and keeps no state: if the process is killed, the next sync resumes the run.
 */
import type { StripeEnvironment, SyncKind } from '../../types/api.ts'
import { isApiError, toApiError } from '../core/errors.ts'
import { describeError } from '../core/log.ts'
import {
  beginSync,
  completeSync,
  failSync,
  recordSyncPage,
  refuseSync,
  type SyncRunRow,
  type SyncStep,
  touchSync,
} from '../core/sql.ts'
import { completeItems, completeLineItems, type StripeApi, type StripePage } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'
import { proveAccount } from './account.ts'
import { RUN_MS_MAX, refuseRepeats } from './limits.ts'
import { type Pause, untilStopped, withRetries } from './retries.ts'

export type { Pause } from './retries.ts'

export type SyncOptions = {
  environment: StripeEnvironment
  /** Products, prices, customers and subscriptions when null. */
  kinds?: SyncKind[] | null
  createdFrom?: string | null
  createdBefore?: string | null
  /** The data of the account was erased at Stripe, so that it knows none of the rows. */
  erased?: boolean
  /** Stops the run. The next sync with the same options resumes it. */
  signal?: AbortSignal
  /** A limit, after which the run is interrupted as by `signal`. For platforms that end long work. */
  pages?: number
  /** Called once the run has begun or resumes. */
  onBegin?: (run: SyncRunRow) => void
  /**
   * An instant, in milliseconds since 1970, at which the run is interrupted as by `signal`. RUN_MS_MAX from now if
   * omitted.
   */
  until?: number
}

export type SyncDeps = Pick<Deps, 'database' | 'stripe' | 'log' | 'now'> & { pause?: Pause }

/** How often to touch the run. The database considers it dead after a minute. */
const HEARTBEAT_MS = 15_000

/** Rows that one call of `complete_sync` may mark as gone, so that its locks stay short. */
const COMPLETED_PER_CALL_MAX = 200

/**
 * Runs a sync to its end, or until it is interrupted.
 *
 * @returns the run: succeeded, interrupted, or failed because of single objects that could not be projected. Null if it
 * was stopped before the key was proved, so that no run began
 * @throws an `ApiError` when Stripe or the database is unavailable; the run is recorded as failed and can be resumed
 */
export function runSync(options: SyncOptions & { signal?: undefined }, deps: SyncDeps): Promise<SyncRunRow>
export function runSync(options: SyncOptions, deps: SyncDeps): Promise<SyncRunRow | null>
export async function runSync(options: SyncOptions, deps: SyncDeps): Promise<SyncRunRow | null> {
  const { environment, signal, until = deps.now() + RUN_MS_MAX } = options
  const { database } = deps
  const stripe = await deps.stripe(environment)
  const begun = await begin(options, stripe, deps)
  if (begun === null) return null
  let step = begun
  options.onBegin?.(step.run)
  const held = { runId: step.run.id, lease: step.run.lease }
  const heartbeat = setInterval(() => void touchSync(database, held).catch(() => {}), HEARTBEAT_MS)
  const pages = readPages(stripe, deps, signal)
  let pagesLeft = options.pages ?? Number.POSITIVE_INFINITY
  const isOver = () => signal?.aborted || deps.now() >= until
  try {
    while (step.next !== null) {
      const page = isOver() || pagesLeft <= 0 ? null : await pages(step.next)
      if (page === null || signal?.aborted) return await failSync(database, { ...held, error: null })
      pagesLeft -= 1
      step = await recordSyncPage(database, { ...held, kind: step.next.kind, ...page })
    }
    while (step.run.status === 'running') {
      if (isOver()) return await failSync(database, { ...held, error: null })
      step = await completeSync(database, { ...held, max: COMPLETED_PER_CALL_MAX })
    }
    return step.run
  } catch (error) {
    const failure = toApiError(error)
    await failSync(database, { ...held, error: failure.message }).catch((cause) =>
      deps.log.error('sync_failure_not_noted', { environment, run: held.runId, cause: describeError(cause) }),
    )
    throw failure
  } finally {
    clearInterval(heartbeat)
  }
}

/**
 * Begins a sync; null if it was stopped before. Records a failure to begin, unless its cause is another running sync or
 * invalid input.
 */
async function begin(options: SyncOptions, stripe: StripeApi, deps: SyncDeps): Promise<SyncStep | null> {
  const { environment, signal } = options
  try {
    const proof = await proveAccount({ environment, acceptErased: options.erased, signal }, stripe, deps)
    if (proof === null) return null
    return await beginSync(deps.database, {
      environment,
      kinds: options.kinds ?? null,
      createdFrom: options.createdFrom ?? null,
      createdBefore: options.createdBefore ?? null,
      ...proof,
    })
  } catch (error) {
    const failure = toApiError(error)
    if (failure.code !== 'PAYMENT_SYNC_RUNNING' && failure.code !== 'INVALID_INPUT') {
      const isKeyRefused = failure.status === 401
      await refuseSync(deps.database, { environment, error: failure.message, isKeyRefused }).catch((cause) =>
        deps.log.error('sync_failure_not_noted', { environment, cause: describeError(cause) }),
      )
    }
    throw failure
  }
}

/**
 * Pages of a sync inside another request: 2,000 objects, which is all of a young account. Some platforms allow 50
 * outgoing requests per request. These leave room for the requests that check the key and set up the webhook
 * endpoint.
 */
export const BRIEF_PAGES_MAX = 20
/** The person who stores a key waits for the response, and gateways time out after 30 seconds. */
const BRIEF_TIMEOUT_MS = 10_000

/** The ordinary sync, within the limits of another request. The next sync resumes the run. */
export function syncBriefly(
  { environment, signal }: { environment: StripeEnvironment; signal: AbortSignal },
  deps: SyncDeps,
): Promise<SyncRunRow | null> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(BRIEF_TIMEOUT_MS)])
  return runSync({ environment, signal: limit, pages: BRIEF_PAGES_MAX }, deps)
}

/** Calls of one sync for Checkout Sessions of over 10 items. The others get their line items from the next sync. */
const LINE_ITEM_CALLS_MAX = 100

type Next = NonNullable<SyncStep['next']>

/**
 * Reads the page that the database asks for, or null once the signal aborts. While the database records a page, the
 * following one is already requested: at most two are in memory.
 */
function readPages(stripe: StripeApi, deps: SyncDeps, signal: AbortSignal | undefined) {
  let ahead: { after: string | undefined; kind: SyncKind; page: Promise<StripePage> } | null = null

  let lineItemCalls = LINE_ITEM_CALLS_MAX
  /** Pages that were asked for without a cursor, so that they may begin with objects of the previous page. */
  const overlapping = new WeakSet<StripePage>()
  let listed: { kind: SyncKind; check: (page: StripePage) => void } | null = null

  async function read({ kind, params, without_cursor }: Next): Promise<StripePage> {
    const page = await withRetries(() => stripe.list(kind, params), deps, signal).catch(async (error) => {
      if (without_cursor === null || !isUnknownCursor(error)) throw error
      const again = await withRetries(() => stripe.list(kind, without_cursor), deps, signal)
      overlapping.add(again)
      return again
    })
    if (kind === 'subscriptions')
      for (const subscription of page.objects) await completeItems(subscription, itemsAfter)
    if (kind === 'checkout_sessions')
      for (const session of page.objects)
        if (lineItemCalls > 0) await completeLineItems(session, lineItemsAfter)
    return page
  }

  const lineItemsAfter: StripeApi['lineItemsAfter'] = (session, after) => {
    lineItemCalls -= 1
    return withRetries(() => stripe.lineItemsAfter(session, after), deps, signal)
  }

  const itemsAfter: StripeApi['subscriptionItemsAfter'] = (subscription, after) =>
    withRetries(() => stripe.subscriptionItemsAfter(subscription, after), deps, signal)

  function checkRepeats({ kind, params }: Next, page: StripePage): void {
    if (listed?.kind !== kind || overlapping.has(page)) {
      const after = overlapping.has(page) ? undefined : params.starting_after
      listed = { kind, check: refuseRepeats(`list of ${kind}`, 'sync', after) }
    }
    listed.check(page)
  }

  return async (next: Next): Promise<StripePage | null> => {
    const isAhead = ahead !== null && ahead.kind === next.kind && ahead.after === next.params.starting_after
    const page = await untilStopped(isAhead && ahead !== null ? ahead.page : read(next), signal)
    ahead = null
    if (page !== null) checkRepeats(next, page)
    const last = page?.objects.at(-1)
    if (page?.hasMore && last?.id !== undefined) {
      const following = followingPage(next, last as { id: string; created?: number })
      ahead = { after: last.id, kind: next.kind, page: read(following) }
      ahead.page.catch(() => {}) // the next call throws it
    }
    return page
  }
}

/** The page after an object, with the parameters that the database will ask for. */
function followingPage({ kind, params }: Next, last: { id: string; created?: number }): Next {
  const { starting_after: _, created, ...rest } = params as Next['params'] & { created?: { gte?: number } }
  return {
    kind,
    params: { ...params, starting_after: last.id },
    without_cursor: {
      ...rest,
      created: { lte: last.created, ...(created?.gte === undefined ? {} : { gte: created.gte }) },
    },
  }
}

/** Whether the object at the end of the previous page no longer exists at Stripe. */
function isUnknownCursor(error: unknown): boolean {
  const cause = isApiError(error) ? (error.cause as { code?: string; param?: string } | undefined) : undefined
  return cause?.code === 'resource_missing' && cause.param === 'starting_after'
}
