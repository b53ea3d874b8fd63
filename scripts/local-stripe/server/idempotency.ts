/** Idempotency keys (https://docs.stripe.com/api/idempotent_requests): the first response is stored for 24 hours. */
import { StripeFailure } from '../core/errors.ts'

const KEY_LIFETIME_SECONDS = 24 * 3600

export interface StoredAnswer {
  status: number
  body: string
  requestId: string
}

export interface IdempotencyEntry {
  fingerprint: string
  expiresAt: number
  answer: StoredAnswer | null
}

export interface IdempotencyKeys {
  /**
   * Claims a key for a request, or returns the response stored under it.
   * @throws 400 when the key was used with other parameters, 409 while the first request is in progress
   */
  claim(key: string, fingerprint: string, now: number): StoredAnswer | null
  /** Stores the response to a request whose execution has begun. */
  store(key: string, answer: StoredAnswer): void
  /** Frees the key, because the request was refused before execution. */
  release(key: string): void
  /** All keys, as they are saved. */
  entries(): Map<string, IdempotencyEntry>
  restore(entries: Map<string, IdempotencyEntry>): void
}

export function createIdempotencyKeys(): IdempotencyKeys {
  const entries = new Map<string, IdempotencyEntry>()
  return {
    claim(key, fingerprint, now) {
      const known = entries.get(key)
      if (!known || known.expiresAt <= now) {
        entries.set(key, { fingerprint, expiresAt: now + KEY_LIFETIME_SECONDS, answer: null })
        return null
      }
      if (known.fingerprint !== fingerprint) {
        throw new StripeFailure(400, {
          type: 'idempotency_error',
          message: `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
        })
      }
      if (!known.answer) {
        throw new StripeFailure(409, {
          type: 'idempotency_error',
          code: 'idempotency_key_in_use',
          message: `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
        })
      }
      return known.answer
    },
    store(key, answer) {
      const known = entries.get(key)
      if (known) known.answer = answer
    },
    release: (key) => void entries.delete(key),
    entries: () => entries,
    restore(saved) {
      // A request without an answer was cut off with the process: its key is free again.
      for (const [key, entry] of saved) if (entry.answer) entries.set(key, entry)
    },
  }
}
