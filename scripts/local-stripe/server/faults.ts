/** Failures on request: what a network or a busy Stripe does to an application. */
import { rateLimited, StripeFailure, serverError } from '../core/errors.ts'

/**
 * What goes wrong.
 * - `status`: responds with an error of that status. 402 and the 500 class are stored under the idempotency key,
 *   because execution has begun. Other statuses refuse the request before that, and nothing is stored. With
 *   `afterWork` the work is done first.
 * - `hang`: accepts the request and never responds.
 * - `cut`: does the work, then closes the connection without a response.
 * - `hold`: holds the request and its idempotency key until `release()`.
 * - `delayMs`: waits for that time before the work.
 */
export type Fault =
  | { status: number; body?: object; headers?: Record<string, string>; afterWork?: boolean }
  | { hang: true }
  | { cut: true }
  | { hold: true }
  | { delayMs: number }

export interface FaultRule {
  fault: Fault
  /** Requests that the fault applies to; all by default. A path matches from its beginning. */
  method?: string
  path?: string
  /** Number of requests that the fault applies to; one by default. */
  times?: number
}

export interface Faults {
  add(rule: FaultRule): void
  clear(): void
  /** The fault for a request, if there is one. It counts as used. */
  take(method: string, path: string): Fault | null
  /** Waits for `release()`. */
  held(): Promise<void>
  /** Resolves as soon as a request is held. */
  whenHeld(): Promise<void>
  release(): void
}

export function createFaults(): Faults {
  let rules: { rule: FaultRule; left: number }[] = []
  let waiting: (() => void)[] = []
  let watching: (() => void)[] = []
  return {
    add: (rule) => void rules.push({ rule, left: rule.times ?? 1 }),
    clear() {
      rules = []
    },
    take(method, path) {
      const found = rules.find(
        ({ rule, left }) =>
          left > 0 &&
          (rule.method === undefined || rule.method.toUpperCase() === method) &&
          (rule.path === undefined || path.startsWith(rule.path)),
      )
      if (!found) return null
      found.left -= 1
      return found.rule.fault
    },
    held: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        for (const notice of watching) notice()
        watching = []
      }),
    whenHeld: () =>
      waiting.length > 0 ? Promise.resolve() : new Promise((resolve) => void watching.push(resolve)),
    release() {
      const released = waiting
      waiting = []
      for (const resume of released) resume()
    },
  }
}

/** The error that a `status` fault stands for. */
export function faultError(fault: { status: number; body?: object }): StripeFailure {
  if (fault.body) return new StripeFailure(fault.status, fault.body as StripeFailure['body'])
  if (fault.status === 429) return rateLimited()
  if (fault.status === 402) {
    return new StripeFailure(402, {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'generic_decline',
      message: 'Your card was declined.',
    })
  }
  if (fault.status >= 500) return serverError(fault.status)
  return new StripeFailure(fault.status, {
    type: 'invalid_request_error',
    message: 'The request was refused.',
  })
}

/** Whether an error of that status is stored under the idempotency key, because execution has begun. */
export function isStored(status: number): boolean {
  return status === 402 || status >= 500
}
