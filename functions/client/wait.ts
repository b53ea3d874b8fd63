/** Waits on the page to which Stripe sends the buyer back, until fulfilment has run. */
import type { CheckoutSessionStatusResponse } from '../../types/api.ts'
import type { PaymentsResult, RequestOptions } from './result.ts'

export type WaitOptions = RequestOptions & {
  /** Gives up after this many milliseconds; 60000 by default. */
  timeoutMs?: number
  /** Receives each answer on the way, for example to show that a payment is complete but not settled. */
  onUpdate?: (status: CheckoutSessionStatusResponse) => void
}

const TIMEOUT_MS = 60_000
/** Each pause is twice as long as the one before. */
const FIRST_PAUSE_MS = 1000
const PAUSE_MAX_MS = 10_000

type Confirmed = PaymentsResult<CheckoutSessionStatusResponse>

/** Whether waiting changes nothing: fulfilment has run, or no money will come. */
export function isFinal({ checkoutSession, fulfilled }: CheckoutSessionStatusResponse): boolean {
  return fulfilled || checkoutSession.status === 'expired' || checkoutSession.status === 'failed'
}

/** An error that the same request may not meet again: no answer, too many requests, or a fault of a server. */
const isPassing = ({ error, statusCode }: { error: string; statusCode: number }) =>
  error !== 'INVALID_INPUT' && (statusCode === 0 || statusCode === 429 || statusCode >= 500)

/**
 * Confirms until the answer is final, an error will not pass, the deadline is over, or the signal aborts. Returns the
 * last answer.
 */
export async function waitUntilFinal(
  confirm: (signal: AbortSignal) => Promise<Confirmed>,
  { signal, timeoutMs = TIMEOUT_MS, onUpdate }: WaitOptions = {},
): Promise<Confirmed> {
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(new Error('The deadline is over.')), timeoutMs)
  const stop = () => deadline.abort(signal?.reason)
  if (signal?.aborted) stop()
  signal?.addEventListener('abort', stop)
  let last: Confirmed | undefined
  try {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
      const result = await confirm(deadline.signal)
      // The deadline cuts off a request, and what the one before has said still counts.
      if (last === undefined || !deadline.signal.aborted || signal?.aborted) last = result
      if (deadline.signal.aborted) return last
      if (result.data) onUpdate?.(result.data)
      if (result.data ? isFinal(result.data) : !isPassing(result.error)) return result
      await pause(pauseMs, deadline.signal)
      if (deadline.signal.aborted && !signal?.aborted) return last
    }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

/** Resolves after a while, or as soon as the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
