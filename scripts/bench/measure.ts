/** Sends events and takes the time. */
import type { Contender } from './contenders.ts'
import { type BenchEvent, sign } from './events.ts'

export type Measurement = {
  events: number
  seconds: number
  perSecond: number
  /** Milliseconds from the call to its answer, for every event. */
  latencies: number[]
}

/**
 * Sends events with the given number of callers. Each caller waits for its answer before it takes the next event.
 *
 * @throws if an event is not stored, because a failure must not count as fast
 */
export async function send(
  contender: Contender,
  events: BenchEvent[],
  callers: number,
): Promise<Measurement> {
  const deliveries = sign(events)
  const latencies = new Array<number>(deliveries.length)
  let next = 0
  const failures: unknown[] = []
  const caller = async () => {
    while (next < deliveries.length && failures.length === 0) {
      const index = next
      next += 1
      const delivery = deliveries[index]
      if (!delivery) break
      const begin = performance.now()
      try {
        await contender.deliver(delivery)
      } catch (cause) {
        failures.push(
          new Error(`${contender.name} did not store ${delivery.type} ${delivery.id}.`, { cause }),
        )
      }
      latencies[index] = performance.now() - begin
    }
  }
  const begin = performance.now()
  await Promise.all(Array.from({ length: callers }, caller))
  const seconds = (performance.now() - begin) / 1000
  if (failures.length > 0) throw failures[0]
  return { events: events.length, seconds, perSecond: events.length / seconds, latencies }
}

export function median(values: number[]): number {
  return quantile(values, 0.5)
}

/** The median, or null if one of the values is missing. */
export function medianOrNull(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length < values.length ? null : median(known)
}

/** The quantile, interpolated between its two neighbours. */
export function quantile(values: number[], share: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const position = (sorted.length - 1) * share
  const low = sorted[Math.floor(position)] as number
  const high = sorted[Math.ceil(position)] as number
  return low + (high - low) * (position - Math.floor(position))
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits))
}
