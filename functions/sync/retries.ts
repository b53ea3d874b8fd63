/** Requests that are repeated while Stripe is too busy, and work that stops when the caller hangs up. */
import { apiError, isApiError } from '../core/errors.ts'
import { describeError } from '../core/log.ts'
import type { Deps } from '../deps.ts'

/** Waits until the time is over or the signal aborts. */
export type Pause = (ms: number, signal?: AbortSignal) => Promise<void>

const REQUEST_ATTEMPTS_MAX = 6
const PAUSE_MAX_MS = 60_000

/**
 * Retries a request while Stripe is too busy: after the time that Stripe asks for, else with exponential backoff and
 * jitter.
 */
export async function withRetries<T>(
  request: () => Promise<T>,
  { pause = wait, log }: { pause?: Pause; log: Deps['log'] },
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request()
    } catch (error) {
      if (attempt === REQUEST_ATTEMPTS_MAX || signal?.aborted || !isTransient(error)) throw ofRead(error)
      const ms =
        retryAfter(error) ?? Math.min(PAUSE_MAX_MS, 500 * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)
      log.info('stripe_busy', { attempt, wait_ms: Math.round(ms), cause: describeError(error) })
      await pause(ms, signal)
    }
  }
}

/** The error without the advice for requests that change something: a read has no idempotency key. */
function ofRead(error: unknown): unknown {
  if (!isApiError(error) || !error.nextActions?.includes(WITH_KEY)) return error
  return apiError(error.status, error.code, error.message, {
    nextActions: error.nextActions.replace(WITH_KEY, ''),
    cause: error.cause,
  })
}

const WITH_KEY = ' with the same idempotency key'

const isTransient = (error: unknown) =>
  isApiError(error) && error.code !== 'DATABASE_UNAVAILABLE' && (error.status === 429 || error.status >= 502)

/** The wait that Stripe asks for, in milliseconds; null if it names none. */
function retryAfter(error: unknown): number | null {
  const cause = isApiError(error)
    ? (error.cause as { headers?: Record<string, string> } | undefined)
    : undefined
  const seconds = Number(cause?.headers?.['retry-after'] ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, PAUSE_MAX_MS) : null
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

/** The result, or null as soon as the signal aborts. */
export async function untilStopped<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T | null> {
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
