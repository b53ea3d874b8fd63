/** Ids that look like Stripe's. The same seed gives the same ids in every run. */
import { randomBytes } from 'node:crypto'

export interface Ids {
  /** `prefix` followed by `length` letters and digits. */
  next(prefix: string, length?: number): string
  /** Where the source is. A source at the same place gives the same ids from then on. */
  place(): number
  moveTo(place: number): void
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Makes a source of ids. Without a seed it starts at random. */
export function createIds(seed: number = randomBytes(4).readUInt32LE()): Ids {
  const random = mulberry32(seed)
  return {
    next(prefix, length = 24) {
      let id = prefix
      for (let i = 0; i < length; i += 1) id += ALPHABET[Math.floor(random.next() * ALPHABET.length)]
      return id
    },
    place: random.place,
    moveTo: random.moveTo,
  }
}

/** A small pseudo-random generator with 32 bits of state. It returns numbers from 0 up to 1. */
function mulberry32(seed: number) {
  let state = seed >>> 0
  return {
    next(): number {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
    },
    place: () => state,
    moveTo(place: number): void {
      state = place
    },
  }
}
