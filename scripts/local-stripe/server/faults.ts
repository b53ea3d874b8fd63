/** Failures on request: what a network and a busy Stripe do to an application. */
import { rateLimited, StripeFailure, serverError } from '../core/errors.ts'

/**
 * What is to go wrong.
 * - `status`: answers with an error of that status. 429 and other refusals come before the work, and nothing is stored
 *   under the idempotency key; 402 and the 500 class come once execution began, and are stored. With `afterWork` the
 *   work was done all the same.
 * - `hang`: takes the request and never answers.
 * - `cut`: does the work, then closes the connection instead of answering.
 * - `hold`: waits with the request until `release()`, holding its idempotency key.
 * - `delayMs`: waits that long before the work.
 */
export type Fault =
  | { status: number; body?: object; headers?: Record<string, string>; afterWork?: boolean }
  | { hang: true }
  | { cut: true }
  | { hold: true }
  | { delayMs: number }

export interface FaultRule {
  fault: Fault
  /** Requests it applies to; all unless stated. A path matches from its beginning. */
  method?: string
  path?: string
  /** How many requests it hits; one unless stated. */
  times?: number
}

export interface Faults {
  add(rule: FaultRule): void
  clear(): void
  /** The fault for a request, which is used up by it. */
  take(method: string, path: string): Fault | null
  /** Waits for `release()`. */
  held(): Promise<void>
  /** Resolves as soon as a request is kept waiting. */
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

/** Whether an error of that status comes once execution began, and so is kept under the idempotency key. */
export function isStored(status: number): boolean {
  return status === 402 || status >= 500
}
