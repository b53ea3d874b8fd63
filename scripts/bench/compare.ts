/**
 * Compares the contenders. In each round all of them get the same events, one contender after the other; each round
 * begins with another contender. A ratio is taken within a round, so that a busy machine slows both sides. The median
 * of the rounds counts.
 */
import {
  CONTENDERS,
  type Contender,
  type ContenderName,
  prepareBareLimit,
  prepareSyncEngine,
} from './contenders.ts'
import { withCpu } from './cpu.ts'
import type { EventStream } from './events.ts'
import { type Measurement, median, medianOrNull, quantile, send } from './measure.ts'
import { type BenchServer, connect } from './server.ts'

const NAMES = ['bare_limit', 'handler', 'sync_engine'] as const satisfies ContenderName[]

export type Compared = {
  connections: number
  perSecond: Record<ContenderName, number>
  /** Events per second of the handler, divided by those of the other. */
  ratios: Record<Exclude<ContenderName, 'handler'>, number>
  /** The lowest and the highest ratio of a round. */
  spread: Record<Exclude<ContenderName, 'handler'>, [number, number]>
  latency: Record<ContenderName, { p50: number; p99: number }>
  /** Microseconds of the backends for each event; null where the system does not count them. */
  cpuUs: Record<ContenderName, number | null>
}

/** A round of one contender. */
type Round = Measurement & { cpuUs: number | null }

export type CompareOptions = {
  server: BenchServer
  stream: EventStream
  events: number
  rounds: number
  connections: number[]
  log: (line: string) => void
}

export async function compare(options: CompareOptions): Promise<{ url: string; results: Compared[] }> {
  const { server, stream, events, log } = options
  const url = await server.createDatabase('bench')
  await prepareBareLimit(url)
  await prepareSyncEngine(url)

  const watcher = connect(url)
  const results: Compared[] = []
  let sent = 0
  for (const connections of options.connections) {
    const contenders: Contender[] = []
    try {
      for (const name of NAMES) contenders.push(await CONTENDERS[name]({ url, connections }))
      const warmUp = stream.take(Math.max(connections * 4, Math.ceil(events / 2)))
      for (const contender of contenders) await send(contender, warmUp, connections)
      sent += warmUp.length
      await server.checkpoint()

      const rounds: Record<ContenderName, Round>[] = []
      for (let round = 0; round < options.rounds; round += 1) {
        const slice = stream.take(events)
        sent += slice.length
        const measured = {} as Record<ContenderName, Round>
        for (let turn = 0; turn < contenders.length; turn += 1) {
          const contender = contenders[(round + turn) % contenders.length] as Contender
          const { result, cpuMs } = await withCpu(watcher, () => send(contender, slice, connections))
          measured[contender.name] = { ...result, cpuUs: cpuMs === null ? null : (cpuMs * 1000) / events }
        }
        rounds.push(measured)
        log(
          `${connections} ${connections === 1 ? 'connection' : 'connections'}, round ${round + 1}: ` +
            NAMES.map((name) => `${name} ${Math.round(measured[name].perSecond)}/s`).join(', '),
        )
      }
      results.push(summary(connections, rounds))
    } finally {
      for (const contender of contenders) await contender.close().catch(() => {})
    }
  }
  await watcher.end()
  await check(url, sent)
  return { url, results }
}

function summary(connections: number, rounds: Record<ContenderName, Round>[]): Compared {
  const each = <T>(of: (name: ContenderName) => T) =>
    Object.fromEntries(NAMES.map((name) => [name, of(name)])) as Record<ContenderName, T>
  const ratios = (to: ContenderName) => rounds.map((round) => round.handler.perSecond / round[to].perSecond)
  const spread = (values: number[]): [number, number] => [Math.min(...values), Math.max(...values)]
  return {
    connections,
    perSecond: each((name) => median(rounds.map((round) => round[name].perSecond))),
    ratios: { bare_limit: median(ratios('bare_limit')), sync_engine: median(ratios('sync_engine')) },
    spread: { bare_limit: spread(ratios('bare_limit')), sync_engine: spread(ratios('sync_engine')) },
    latency: each((name) => {
      const all = rounds.flatMap((round) => round[name].latencies)
      return { p50: quantile(all, 0.5), p99: quantile(all, 0.99) }
    }),
    cpuUs: each((name) => medianOrNull(rounds.map((round) => round[name].cpuUs))),
  }
}

/** Raises unless every event that was sent has its rows: a speed means nothing if work was left out. */
async function check(url: string, sent: number): Promise<void> {
  const sql = connect(url)
  try {
    const [counted] = await sql<{ bare: number; ledger: number; processed: number; synced: boolean }[]>`
      select
        (select count(*)::int from bench.bare) as bare,
        (select count(*)::int from payments.webhook_events) as ledger,
        (select count(*)::int from payments.webhook_events where processing_status = 'processed') as processed,
        (select count(*) from payments.stripe_subscriptions) = (select count(*) from stripe.subscriptions)
          and (select count(*) from payments.customers) = (select count(*) from stripe.customers)
          and (select count(*) from payments.stripe_checkout_sessions) = (select count(*) from stripe.checkout_sessions)
          and (select count(*) from stripe.checkout_sessions) = (select count(*) from stripe.checkout_session_line_items)
          as synced`
    if (counted?.bare !== sent || counted.ledger !== sent || counted.processed !== sent || !counted.synced) {
      throw new Error(`${sent} events were sent, but the tables hold ${JSON.stringify(counted)}`)
    }
  } finally {
    await sql.end()
  }
}
