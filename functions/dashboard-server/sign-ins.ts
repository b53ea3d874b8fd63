/**
 * What a process remembers of sign-ins: the brake on guessing, and the codes of login links. Both are bounded. Nothing
 * here is shared between processes, and nothing survives a restart.
 */
import type { SignIns } from '../core/deps.ts'
import { apiError } from '../core/errors.ts'

/** Wrong keys that cost nothing: a person mistypes. */
const FREE_GUESSES = 5
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
/** A caller who guessed nothing for so long is forgotten. */
const FORGET_AFTER_MS = 15 * 60_000
const CALLERS_MAX = 1_000

const CODE_LIVES_MS = 5 * 60_000
const CODES_MAX = 100

/**
 * Whom the brake counts: an address, or the network of an address of IPv6, of which one caller has many. Callers
 * without a known address count as one.
 */
export function callerOf(address: string | undefined): string {
  if (address === undefined) return ''
  if (!address.includes(':') || address.includes('.')) return address
  return address.split(':').slice(0, 4).join(':')
}

/** @throws 429 with `Retry-After` while this caller has to pause, whatever the key */
export function checkBrake({ guesses }: SignIns, caller: string, now: number): void {
  const until = guesses.get(caller)?.until ?? 0
  if (until <= now) return
  const seconds = Math.ceil((until - now) / 1000)
  throw apiError(429, 'RATE_LIMITED', 'Too many wrong keys were sent.', {
    nextActions: `Try again in ${seconds === 1 ? 'a second' : `${seconds} seconds`}.`,
    retryAfter: seconds,
  })
}

/** Counts a wrong key. From the sixth on, each doubles the pause. */
export function countGuess({ guesses }: SignIns, caller: string, now: number): void {
  const before = guesses.get(caller)
  const count = before !== undefined && now - before.at < FORGET_AFTER_MS ? before.count + 1 : 1
  const pause = count < FREE_GUESSES ? 0 : FIRST_PAUSE_MS * 2 ** Math.min(count - FREE_GUESSES, 10)
  guesses.delete(caller) // so that the oldest comes first
  guesses.set(caller, { count, at: now, until: now + Math.min(pause, LONGEST_PAUSE_MS) })
  for (const [oldest] of guesses) {
    if (guesses.size <= CALLERS_MAX) break
    guesses.delete(oldest)
  }
}

/** Forgets the wrong keys of a caller who sent a right one. */
export const releaseBrake = ({ guesses }: SignIns, caller: string): void => void guesses.delete(caller)

/** A code for a login link: for one use, within five minutes, in this process. It makes an admin. */
export function makeCode({ codes }: SignIns, now: number): string {
  const code = [...crypto.getRandomValues(new Uint8Array(24))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
  codes.set(code, now + CODE_LIVES_MS)
  for (const [oldest] of codes) {
    if (codes.size <= CODES_MAX) break
    codes.delete(oldest)
  }
  return code
}

/** Whether the code is one of ours, unused and young. It is used up. */
export function useCode({ codes }: SignIns, code: string, now: number): boolean {
  const until = codes.get(code)
  codes.delete(code)
  return until !== undefined && now < until
}
