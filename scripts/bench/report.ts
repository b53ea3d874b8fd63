/** The results for a person. */
import Table from 'cli-table3'
import { WITHOUT_LINES } from '../cli/support/output.ts'
import type { BenchResult } from './index.ts'
import { rounded } from './measure.ts'

const PLAIN = {
  chars: { ...WITHOUT_LINES, middle: '  ' },
  style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
}

function table(head: string[], rows: (string | number)[][]): string {
  const made = new Table({
    ...PLAIN,
    head,
    colAligns: head.map((_, index) => (index === 0 ? 'left' : 'right')),
  })
  made.push(...rows.map((row) => row.map(String)))
  return made.toString().replace(/ +$/gm, '')
}

export function report(result: BenchResult): string {
  const { compared, growth, memory, profile, roundTrips, sync, config } = result
  const parts: string[] = []
  const postgres = config.postgres as Record<string, string>
  parts.push(
    `Postgres ${postgres.server_version}: ` +
      Object.entries(postgres)
        .filter(([name]) => name !== 'server_version')
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
  )
  if (compared.length > 0) {
    parts.push(
      'Events per second, medians. The ratio is ours by theirs within a round; its lowest and highest round in brackets.',
      table(
        ['connections', 'bare limit', 'handler', 'sync engine', 'of the bare limit', 'times the sync engine'],
        compared.map(({ connections, perSecond, ratios, spread }) => [
          connections,
          Math.round(perSecond.bare_limit),
          Math.round(perSecond.handler),
          Math.round(perSecond.sync_engine),
          `${ratios.bare_limit.toFixed(2)} (${spread.bare_limit.map((value) => value.toFixed(2)).join('–')})`,
          `${ratios.sync_engine.toFixed(2)} (${spread.sync_engine.map((value) => value.toFixed(2)).join('–')})`,
        ]),
      ),
      'Milliseconds from the call to its answer, p50 / p99.',
      table(
        ['connections', 'bare limit', 'handler', 'sync engine'],
        compared.map(({ connections, latency }) => [
          connections,
          ...(['bare_limit', 'handler', 'sync_engine'] as const).map(
            (name) => `${latency[name].p50.toFixed(1)} / ${latency[name].p99.toFixed(1)}`,
          ),
        ]),
      ),
    )
  }
  if (roundTrips) {
    parts.push(
      `Round trips to Postgres per event: ${rounded(roundTrips.alone, 3)} alone, ${rounded(roundTrips.at16, 3)} with 16 callers.`,
    )
  }
  if (growth.length > 0) {
    const kinds = Object.keys(growth[0]?.byKind ?? {}) as (keyof NonNullable<(typeof growth)[0]>['byKind'])[]
    parts.push(
      'The cost of an event in a filled database, by that in an empty one.',
      table(
        ['', ...growth.map(({ size }) => `${size.ledger} ledger, ${size.transactions} transactions`)],
        [
          ...kinds.map((kind) => [kind, ...growth.map(({ byKind }) => byKind[kind].toFixed(2))]),
          ['the mix', ...growth.map(({ ratio }) => ratio.toFixed(2))],
        ],
      ),
    )
  }
  if (memory) {
    parts.push(
      table(
        ['events', 'RSS MB', 'heap MB', 'external MB'],
        memory.samples.map(({ events, rssMb, heapMb, externalMb }) => [events, rssMb, heapMb, externalMb]),
      ),
      `From the second to the last quarter: RSS ${signed(memory.growthMb.rss)} MB, heap ${signed(memory.growthMb.heap)} MB.`,
    )
  }
  if (sync) {
    parts.push(
      `A full sync of ${sync.customers} customers; memory of the process that syncs.`,
      table(
        ['', 'seconds', 'objects per second', 'peak RSS MB', 'peak heap MB'],
        (['first', 'second'] as const).map((name) => [
          name,
          sync[name].seconds.toFixed(1),
          Math.round(sync[name].perSecond),
          sync[name].peakRssMb,
          sync[name].peakHeapMb,
        ]),
      ),
    )
  }
  for (const { kind, events, functions, statements } of profile) {
    parts.push(
      `${kind}, per event of ${events}`,
      table(
        ['function', 'calls', 'own ms'],
        functions.map(({ name, calls, selfMs }) => [name, calls.toFixed(1), selfMs.toFixed(3)]),
      ),
      table(
        ['statement', 'calls', 'ms', 'WAL bytes', 'pages'],
        statements.map(({ text, calls, ms, walBytes, blocks }) => [
          text.length > 110 ? `${text.slice(0, 109)}…` : text,
          calls.toFixed(1),
          ms.toFixed(3),
          Math.round(walBytes),
          blocks.toFixed(1),
        ]),
      ),
    )
  }
  return parts.join('\n\n')
}

const signed = (value: number) => (value > 0 ? `+${value}` : String(value))
