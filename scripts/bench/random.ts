/** Random choices that are the same in every run, and ids that are built like Stripe's. */

/** Returns a number from 0 up to, but not including, 1. */
export type Random = () => number

/**
 * A small generator with 32 bits of state (mulberry32): good enough for a mix of events, and the same on every machine.
 */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A whole number from 0 to `below` - 1. */
export const whole = (random: Random, below: number) => Math.floor(random() * below)

export function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[whole(random, from.length)]
  if (found === undefined) throw new Error('There is nothing to pick from.')
  return found
}

/** A shuffled copy (Fisher–Yates). */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const result = [...items]
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = whole(random, last + 1)
    ;[result[last], result[other]] = [result[other] as T, result[last] as T]
  }
  return result
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** Unix seconds from which the time in Stripe's ids counts. */
const ID_EPOCH_SECONDS = 1_342_389_380
/** The part of an id that identifies the account. */
const ACCOUNT = 'BenchAcctQ'

export function letters(random: Random, length: number): string {
  let text = ''
  for (let count = 0; count < length; count += 1) text += DIGITS[whole(random, DIGITS.length)]
  return text
}

function base62(value: number, length: number): string {
  let rest = value
  let text = ''
  for (let count = 0; count < length; count += 1) {
    text = `${DIGITS[rest % 62]}${text}`
    rest = Math.floor(rest / 62)
  }
  return text
}

export type IdKind = 'account' | 'short' | 'session'

/**
 * An id like Stripe's. Most ids begin with the second of their creation. Ids of customers, products and subscription
 * items begin with the minute, ids of checkout sessions with random letters. The difference affects indexes on ids.
 */
export function stripeId(random: Random, prefix: string, created: number, kind: IdKind = 'account'): string {
  if (kind === 'session') return `${prefix}a1${letters(random, 56)}`
  if (kind === 'short')
    return `${prefix}${base62(Math.floor((created - ID_EPOCH_SECONDS) / 60), 4)}${letters(random, 10)}`
  const version = prefix === 'pi_' || prefix === 'ch_' || prefix === 're_' ? '3' : '1'
  return `${prefix}${version}${base62(created - ID_EPOCH_SECONDS, 5)}${ACCOUNT}${letters(random, 8)}`
}
