/**
 * What the first event on a new connection costs its backend, and a later one on the same connection. On an edge
 * platform each delivery may come on a connection of its own, unless a pooler keeps them.
 */
import { createDatabase } from '../../functions/core/database.ts'
import { ingestWebhookEvent } from '../../functions/core/sql.ts'
import { cpuMsOf } from './cpu.ts'
import type { BenchEvent, EventStream, Kind } from './events.ts'
import { medianOrNull } from './measure.ts'
import { type BenchServer, connect } from './server.ts'

/** The names of the kinds in the results. */
export const FIRST_EVENTS = {
  customer: 'customer',
  subscription: 'subscription',
  payment: 'payment_intent',
  refund: 'refund',
  session: 'checkout_session',
} as const satisfies Record<string, Kind>

type Name = keyof typeof FIRST_EVENTS | 'bare_limit'

/** Milliseconds of backend CPU, medians; null where the system does not count them. */
export type FirstEvents = {
  first: Record<Name, number | null>
  /** The last of the events on the same connection. */
  later: Record<Name, number | null>
}

/** Events on each connection: the last one is the later one. */
const EVENTS_PER_CONNECTION = 8

/** Runs one event on a connection; resolves when it is answered. */
type Run = (event: BenchEvent) => Promise<unknown>
type Opened = { pid: number; run: Run; end(): Promise<void> }

export async function measureFirstEvents(
  server: BenchServer,
  stream: EventStream,
  { url, connections, log }: { url: string; connections: number; log: (line: string) => void },
): Promise<FirstEvents> {
  const names = Object.keys(FIRST_EVENTS) as (keyof typeof FIRST_EVENTS)[]
  const found = Object.fromEntries(
    ['bare_limit', ...names].map((name) => [name, { first: [], later: [] }]),
  ) as unknown as Record<Name, { first: (number | null)[]; later: (number | null)[] }>
  await server.checkpoint()
  for (let i = 0; i < connections; i += 1) {
    for (const name of names) {
      const events = takeKind(stream, FIRST_EVENTS[name])
      // The bare insert takes any kind; it takes them in turn.
      const bare = names[i % names.length] === name
      if (bare) push(found.bare_limit, await measure(await openBare(url), events))
      push(found[name], await measure(await openHandler(url), events))
    }
    log(`first events: connection ${i + 1} of ${connections} for each kind`)
  }
  const medians = (which: 'first' | 'later') =>
    Object.fromEntries(
      Object.entries(found).map(([name, values]) => [name, medianOrNull(values[which])]),
    ) as Record<Name, number | null>
  return { first: medians('first'), later: medians('later') }
}

function push<T extends { first: unknown[]; later: unknown[] }>(
  to: T,
  one: { first: unknown; later: unknown },
) {
  to.first.push(one.first)
  to.later.push(one.later)
}

/** The next events of one kind. */
function takeKind(stream: EventStream, kind: Kind): BenchEvent[] {
  const events: BenchEvent[] = []
  while (events.length < EVENTS_PER_CONNECTION) {
    events.push(...stream.take(20).filter((event) => event.kind === kind))
  }
  return events.slice(0, EVENTS_PER_CONNECTION)
}

async function measure({ pid, run, end }: Opened, events: BenchEvent[]) {
  const cpu: (number | null)[] = []
  try {
    for (const event of events) {
      const before = await settledCpu(pid)
      await run(event)
      const after = await settledCpu(pid)
      cpu.push(before === null || after === null ? null : after - before)
    }
  } finally {
    await end()
  }
  return { first: cpu[0] ?? null, later: medianOrNull(cpu.slice(-3)) }
}

/** The CPU time of a backend that has nothing to do: an answer arrives a moment before its backend rests. */
async function settledCpu(pid: number): Promise<number | null> {
  for (let last: number | null = -1; ; ) {
    const now = cpuMsOf(pid)
    if (now === last) return now
    last = now
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** A new connection on which nothing but the number of its process was asked. The statement is that of the handler. */
async function openHandler(url: string): Promise<Opened> {
  const database = createDatabase({ url, poolSize: 1 })
  const [row] = await database.query<{ pid: number }>('select pg_backend_pid() as pid')
  return {
    pid: row?.pid as number,
    async run({ id, body }) {
      const { status } = await ingestWebhookEvent(database, { environment: 'test', payload: body })
      if (status !== 'processed') throw new Error(`The event ${id} is ${status}.`)
    },
    end: () => database.end(),
  }
}

async function openBare(url: string): Promise<Opened> {
  const sql = connect(url)
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`
  return {
    pid: row?.pid as number,
    run: ({ id, body }) => sql`insert into bench.bare (id, payload) values (${id}, ${body}::text::jsonb)`,
    end: () => sql.end({ timeout: 5 }),
  }
}
