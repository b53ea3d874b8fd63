/**
 * Brings the rows of an environment in line with what Stripe lists. The database says what to list next and takes page by page;
 * this carries. Nothing of the state is here: whoever is killed leaves a run that the next one goes on with.
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
import { completeItems, type StripeApi, type StripePage } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'

export type SyncOptions = {
  environment: StripeEnvironment
  /** Products, prices, customers and subscriptions when null. */
  kinds?: SyncKind[] | null
  createdFrom?: string | null
  createdBefore?: string | null
  /** Stops the run; the next one like it goes on where it was. */
  signal?: AbortSignal
  /** Pages at most; then the run is interrupted as if it had been stopped. For platforms that end long work. */
  pages?: number
}

export type SyncDeps = Pick<Deps, 'database' | 'stripe' | 'log'> & { pause?: Pause }

/** Waits, or less if the signal comes. */
export type Pause = (ms: number, signal?: AbortSignal) => Promise<void>

/** Signs of life while Stripe makes us wait; the database takes a run for dead after a minute. */
const HEARTBEAT_MS = 15_000

/** Rows that one call of `complete_sync` may mark as gone, so that its locks stay short. */
const COMPLETED_PER_CALL_MAX = 200

/**
 * Runs a sync to its end, or until it is stopped.
 *
 * @returns the run: succeeded, interrupted, or failed because of single objects that could not be projected
 * @throws an `ApiError` when Stripe or the database stays away; the run is noted as failed and can be resumed
 */
export async function runSync(options: SyncOptions, deps: SyncDeps): Promise<SyncRunRow> {
  const { environment, signal } = options
  const { database } = deps
  const stripe = await deps.stripe(environment)
  let step = await begin(options, stripe, deps)
  const held = { runId: step.run.id, lease: step.run.lease }
  const heartbeat = setInterval(() => void touchSync(database, held).catch(() => {}), HEARTBEAT_MS)
  const pages = readPages(stripe, deps, signal)
  let pagesLeft = options.pages ?? Number.POSITIVE_INFINITY
  try {
    while (step.next !== null) {
      const page = signal?.aborted || pagesLeft <= 0 ? null : await pages(step.next)
      if (page === null || signal?.aborted) return await failSync(database, { ...held, error: null })
      pagesLeft -= 1
      step = await recordSyncPage(database, { ...held, kind: step.next.kind, ...page })
    }
    while (step.run.status === 'running') {
      if (signal?.aborted) return await failSync(database, { ...held, error: null })
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

/** The first step of a sync. That it could not begin is noted, unless it is because another one is running. */
async function begin(options: SyncOptions, stripe: StripeApi, deps: SyncDeps): Promise<SyncStep> {
  const { environment, signal } = options
  try {
    const accountId = await patiently(() => stripe.accountId(), deps, signal)
    return await beginSync(deps.database, {
      environment,
      kinds: options.kinds ?? null,
      createdFrom: options.createdFrom ?? null,
      createdBefore: options.createdBefore ?? null,
      accountId,
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
 * Pages of the sync inside another request: 2,000 objects, which is all of a young account. A platform that allows 50 requests for
 * each of its own has room for them beside those that try a key and set up the webhook endpoint.
 */
export const BRIEF_PAGES = 20
/** How long it may take: whoever stores a key waits for the answer, and gateways give up after 30 seconds. */
const BRIEF_MS = 10_000

/** The ordinary sync, as far as it comes within another request. What is left is for the next one, which finds the run. */
export function syncBriefly(
  { environment, signal }: { environment: StripeEnvironment; signal: AbortSignal },
  deps: SyncDeps,
): Promise<SyncRunRow> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(BRIEF_MS)])
  return runSync({ environment, signal: limit, pages: BRIEF_PAGES }, deps)
}

type Next = NonNullable<SyncStep['next']>

/**
 * Reads the page that the database asks for. While it takes one, the one after it is on its way already: at most two are held
 * in memory. Null when the signal came.
 */
function readPages(stripe: StripeApi, deps: SyncDeps, signal: AbortSignal | undefined) {
  let ahead: { after: string | undefined; kind: SyncKind; page: Promise<StripePage> } | null = null

  async function read({ kind, params, without_cursor }: Next): Promise<StripePage> {
    const page = await patiently(() => stripe.list(kind, params), deps, signal).catch((error) => {
      if (without_cursor === null || !isUnknownCursor(error)) throw error
      return patiently(() => stripe.list(kind, without_cursor), deps, signal)
    })
    if (kind === 'subscriptions')
      for (const subscription of page.objects) await completeItems(subscription, itemsAfter)
    return page
  }

  const itemsAfter: StripeApi['subscriptionItemsAfter'] = (subscription, after) =>
    patiently(() => stripe.subscriptionItemsAfter(subscription, after), deps, signal)

  return async (next: Next): Promise<StripePage | null> => {
    const isAhead = ahead !== null && ahead.kind === next.kind && ahead.after === next.params.starting_after
    const page = await untilStopped(isAhead && ahead !== null ? ahead.page : read(next), signal)
    ahead = null
    const last = page?.objects.at(-1)
    if (page?.hasMore && last?.id !== undefined) {
      const following = followingPage(next, last as { id: string; created?: number })
      ahead = { after: last.id, kind: next.kind, page: read(following) }
      ahead.page.catch(() => {}) // whoever asks for it gets the error
    }
    return page
  }
}

/** What comes after an object, as the database will ask for it. */
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

/** Whether Stripe no longer knows the object that the page before ended with. */
function isUnknownCursor(error: unknown): boolean {
  const cause = isApiError(error) ? (error.cause as { code?: string; param?: string } | undefined) : undefined
  return cause?.code === 'resource_missing' && cause.param === 'starting_after'
}

/** The result, or null as soon as the signal comes. */
async function untilStopped<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T | null> {
  if (signal === undefined) return work
  work.catch(() => {})
  let stop = () => {}
  const stopped = new Promise<null>((resolve) => {
    stop = () => resolve(null)
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
  })
  try {
    return await Promise.race([work, stopped])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** How often a request is repeated before a failure of Stripe counts. */
const ATTEMPTS = 6
const LONGEST_PAUSE_MS = 60_000

/** Repeats a request that Stripe was too busy for: as late as it asks, else later each time, with jitter. */
export async function patiently<T>(
  request: () => Promise<T>,
  { pause = wait, log }: { pause?: Pause; log: Deps['log'] },
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request()
    } catch (error) {
      if (attempt === ATTEMPTS || signal?.aborted || !isPassing(error)) throw error
      const ms =
        retryAfter(error) ?? Math.min(LONGEST_PAUSE_MS, 500 * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)
      log.info('stripe_busy', { attempt, wait_ms: Math.round(ms), cause: describeError(error) })
      await pause(ms, signal)
    }
  }
}

const isPassing = (error: unknown) =>
  isApiError(error) && error.code !== 'DATABASE_UNAVAILABLE' && (error.status === 429 || error.status >= 502)

/** How long Stripe asks to wait, in milliseconds; null when it does not say. */
function retryAfter(error: unknown): number | null {
  const cause = isApiError(error)
    ? (error.cause as { headers?: Record<string, string> } | undefined)
    : undefined
  const seconds = Number(cause?.headers?.['retry-after'] ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, LONGEST_PAUSE_MS) : null
}

const wait: Pause = (ms, signal) =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
    if (signal?.aborted) done()
  })
