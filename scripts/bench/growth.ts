/**
 * Measures what an event costs in a database that has grown. The handler sends the same events to an empty database and
 * to a filled one, in blocks of one kind. The databases take turns at being first; the median of the rounds counts.
 */
import { CONTENDERS, type Contender } from './contenders.ts'
import { type EventStream, KINDS, type Kind } from './events.ts'
import { fill, type Size } from './fill.ts'
import { median, send } from './measure.ts'
import type { BenchServer } from './server.ts'

/** The sizes to which the second database is filled, one after the other. */
export const GROWTH = {
  none: [],
  small: [{ ledger: 100_000, transactions: 100_000 }],
  full: [
    { ledger: 100_000, transactions: 100_000 },
    { ledger: 5_000_000, transactions: 1_000_000 },
  ],
} as const satisfies Record<string, Size[]>

export type GrowthName = keyof typeof GROWTH

export type Grown = {
  size: Size
  /** The cost of the whole mix, divided by its cost in the empty database. */
  ratio: number
  byKind: Record<Kind, number>
}

export type GrowthOptions = {
  server: BenchServer
  stream: EventStream
  sizes: readonly Size[]
  /** Events per round, of all kinds. */
  events: number
  rounds: number
  connections: number
  log: (line: string) => void
}

export async function measureGrowth(options: GrowthOptions): Promise<Grown[]> {
  const { server, stream, sizes, connections, log } = options
  if (sizes.length === 0) return []
  const urls = {
    empty: await server.createDatabase('empty'),
    full: await server.createDatabase('full'),
  }
  const results: Grown[] = []
  let reached: Size = { ledger: 0, transactions: 0 }
  for (const size of sizes) {
    await fill(urls.full, reached, size, log)
    reached = size
    const empty = await CONTENDERS.handler({ url: urls.empty, connections })
    const full = await CONTENDERS.handler({ url: urls.full, connections })
    try {
      const warmUp = stream.take(options.events)
      await send(empty, warmUp, connections)
      await send(full, warmUp, connections)
      await server.checkpoint()
      results.push(await compareBoth(options, size, empty, full))
    } finally {
      await empty.close()
      await full.close()
    }
  }
  return results
}

async function compareBoth(
  { stream, events, rounds, connections, log }: GrowthOptions,
  size: Size,
  empty: Contender,
  full: Contender,
): Promise<Grown> {
  const byKind = Object.fromEntries(KINDS.map((kind) => [kind, [] as number[]])) as Record<Kind, number[]>
  const whole: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const slice = stream.take(events)
    const total = { empty: 0, full: 0 }
    for (const kind of KINDS) {
      const block = slice.filter((event) => event.kind === kind)
      if (block.length === 0) continue
      const seconds = { empty: 0, full: 0 }
      const order = round % 2 === 0 ? (['empty', 'full'] as const) : (['full', 'empty'] as const)
      for (const which of order) {
        const measured = await send(which === 'empty' ? empty : full, block, connections)
        seconds[which] = measured.seconds
        total[which] += measured.seconds
      }
      byKind[kind].push(seconds.full / seconds.empty)
    }
    whole.push(total.full / total.empty)
    log(
      `${size.ledger} ledger rows, round ${round + 1}: ${(total.full / total.empty).toFixed(2)} of the empty database`,
    )
  }
  return {
    size,
    ratio: median(whole),
    byKind: Object.fromEntries(KINDS.map((kind) => [kind, median(byKind[kind])])) as Record<Kind, number>,
  }
}
