/** Prints the results for a person. */
import Table from 'cli-table3'
import { WITHOUT_LINES } from '../cli/support/output.ts'
import type { BenchResult } from './index.ts'
import { rounded } from './measure.ts'

const PLAIN = {
  chars: { ...WITHOUT_LINES, middle: '  ' },
  style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
}
/** Longer statements are cut. */
const STATEMENT_CHARACTERS_MAX = 110

/** The results as text; each part is a sentence or a table. */
export function report(result: BenchResult): string {
  return [
    serverLine(result),
    ...compared(result),
    ...firstEvents(result),
    ...processes(result),
    ...locked(result),
    ...roundTrips(result),
    ...growth(result),
    ...memory(result),
    ...sync(result),
    ...floor(result),
    ...profile(result),
  ].join('\n\n')
}

function serverLine({ config }: BenchResult): string {
  const { server_version, ...settings } = config.postgres as Record<string, string>
  const shown = Object.entries(settings).map(([name, value]) => `${name} ${value}`)
  return `Postgres ${server_version}: ${shown.join(', ')}`
}

function floor({ floor }: BenchResult): string[] {
  if (!floor) return []
  const ours = ['handler', 'public floor', 'floor', 'reading floor']
  return [
    'The floor: a handler whose database only writes the rows. The public floor writes no private rows; the reading floor',
    'also reads what a decision needs.',
    'Events per second relative to both; backend CPU in µs.',
    table(
      [
        'connections',
        ...ours.map((name) => `${name} of the bare limit`),
        ...ours.map((name) => `${name} times the sync engine`),
        ...['bare limit', ...ours, 'sync engine'].map((name) => `CPU of ${name}`),
      ],
      floor.compared.map(({ connections, ratios: { bare_limit, sync_engine }, cpuUs }) => [
        connections,
        ...[...Object.values(bare_limit), ...Object.values(sync_engine)].map((ratio) => ratio.toFixed(2)),
        ...Object.values(cpuUs).map((us) => shown(us)),
      ]),
    ),
    ...(floor.processes === null ? [] : ['The floor, named handler, in many processes:']),
    ...processes({ processes: floor.processes }),
  ]
}

function compared({ compared }: BenchResult): string[] {
  if (compared.length === 0) return []
  const range = ([low, high]: [number, number]) => `(${low.toFixed(2)}–${high.toFixed(2)})`
  return [
    'Events per second, medians. The ratio is ours to theirs within a round; brackets show its lowest and highest round.',
    table(
      ['connections', 'bare limit', 'handler', 'sync engine', 'of the bare limit', 'times the sync engine'],
      compared.map(({ connections, perSecond, ratios, spread }) => [
        connections,
        Math.round(perSecond.bare_limit),
        Math.round(perSecond.handler),
        Math.round(perSecond.sync_engine),
        `${ratios.bare_limit.toFixed(2)} ${range(spread.bare_limit)}`,
        `${ratios.sync_engine.toFixed(2)} ${range(spread.sync_engine)}`,
      ]),
    ),
    'Microseconds of backend CPU for an event. Medians.',
    table(
      ['connections', 'bare limit', 'handler', 'sync engine'],
      compared.map(({ connections, cpuUs }) => [
        connections,
        shown(cpuUs.bare_limit),
        shown(cpuUs.handler),
        shown(cpuUs.sync_engine),
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
  ]
}

/** A number of a table; a dash where the system does not count it. */
const shown = (value: number | null | undefined, digits = 0) => value?.toFixed(digits) ?? '–'

function firstEvents({ firstEvents }: BenchResult): string[] {
  if (!firstEvents) return []
  const { first, later } = firstEvents
  const names = Object.keys(first) as (keyof typeof first)[]
  return [
    'Milliseconds of CPU of a backend, for the first event on a new connection and for a later one. Medians.',
    table(
      ['', ...names],
      [
        ['first', ...names.map((name) => shown(first[name], 1))],
        ['later', ...names.map((name) => shown(later[name], 1))],
      ],
    ),
  ]
}

function processes({ processes }: Pick<BenchResult, 'processes'>): string[] {
  if (!processes) return []
  const { perSecond, ratios, cpuUs } = processes
  return [
    `${processes.processes} processes of one caller each: events per second of all together, and µs of backend CPU for an event.`,
    table(
      ['', 'bare limit', 'handler', 'sync engine', 'of the bare limit', 'times the sync engine'],
      [
        [
          'per second',
          shown(perSecond.bare_limit),
          shown(perSecond.handler),
          shown(perSecond.sync_engine),
          ratios.bare_limit.toFixed(2),
          ratios.sync_engine.toFixed(2),
        ],
        ['CPU µs', shown(cpuUs.bare_limit), shown(cpuUs.handler), shown(cpuUs.sync_engine), '', ''],
      ],
    ),
  ]
}

function locked({ locked }: BenchResult): string[] {
  if (!locked) return []
  const { events, usualMs, lockedMs, ratio } = locked
  return [
    `${events} events at once take ${usualMs.toFixed(0)} ms, and ${lockedMs.toFixed(0)} ms while a transaction holds the row of another order: ${ratio.toFixed(2)} times.`,
  ]
}

function roundTrips({ roundTrips }: BenchResult): string[] {
  if (!roundTrips) return []
  const { alone, at16 } = roundTrips
  return [
    `Round trips to Postgres per event: ${rounded(alone, 3)} alone, ${rounded(at16, 3)} with 16 callers.`,
  ]
}

function growth({ growth }: BenchResult): string[] {
  const [first] = growth
  if (!first) return []
  const kinds = Object.keys(first.byKind) as (keyof typeof first.byKind)[]
  return [
    'The cost of an event in a filled database, divided by its cost in an empty one.',
    table(
      ['', ...growth.map(({ size }) => `${size.ledger} ledger, ${size.transactions} transactions`)],
      [
        ...kinds.map((kind) => [kind, ...growth.map(({ byKind }) => byKind[kind].toFixed(2))]),
        ['the mix', ...growth.map(({ ratio }) => ratio.toFixed(2))],
      ],
    ),
  ]
}

function memory({ memory }: BenchResult): string[] {
  if (!memory) return []
  const { samples, growthMb } = memory
  return [
    table(
      ['events', 'RSS MB', 'heap MB', 'external MB'],
      samples.map(({ events, rssMb, heapMb, externalMb }) => [events, rssMb, heapMb, externalMb]),
    ),
    `From the second to the last quarter: RSS ${signed(growthMb.rss)} MB, heap ${signed(growthMb.heap)} MB.`,
  ]
}

function sync({ sync }: BenchResult): string[] {
  if (!sync) return []
  return [
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
  ]
}

function profile({ profile }: BenchResult): string[] {
  return profile.flatMap(({ kind, events, functions, statements }) => [
    `${kind}, per event of ${events}`,
    table(
      ['function', 'calls', 'own ms'],
      functions.map(({ name, calls, selfMs }) => [name, calls.toFixed(1), selfMs.toFixed(3)]),
    ),
    table(
      ['statement', 'calls', 'ms', 'WAL bytes', 'pages'],
      statements.map(({ text, calls, ms, walBytes, blocks }) => [
        text.length > STATEMENT_CHARACTERS_MAX ? `${text.slice(0, STATEMENT_CHARACTERS_MAX - 1)}…` : text,
        calls.toFixed(1),
        ms.toFixed(3),
        Math.round(walBytes),
        blocks.toFixed(1),
      ]),
    ),
  ])
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

const signed = (value: number) => (value > 0 ? `+${value}` : String(value))
