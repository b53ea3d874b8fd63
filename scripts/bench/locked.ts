/**
 * How long twenty events take while a transaction of the app holds the row of another order. It is compared with the
 * same number of events without that. A trigger of the app marks the order of a payment as paid.
 */
import { CONTENDERS, type Contender } from './contenders.ts'
import type { BenchEvent, EventStream } from './events.ts'
import { median, send } from './measure.ts'
import { type BenchServer, connect } from './server.ts'

export type Locked = {
  events: number
  /** Milliseconds until the last of the events is answered, without a lock and with one. Medians. */
  usualMs: number
  lockedMs: number
  /** The one divided by the other within a round; the median. */
  ratio: number
}

const EVENTS = 20
/** The default of `PAYMENTS_POOL_SIZE`. */
const CONNECTIONS = 5

export async function measureLocked(
  server: BenchServer,
  stream: EventStream,
  { rounds, log }: { rounds: number; log: (line: string) => void },
): Promise<Locked> {
  const url = await server.createDatabase('locked')
  const app = connect(url)
  const watcher = connect(url)
  const handler = await CONTENDERS.handler({ url, connections: CONNECTIONS })
  const usual: number[] = []
  const locked: number[] = []
  try {
    await app.unsafe(ORDERS)
    for (let round = -2; round < rounds; round += 1) {
      const events = payments(stream, 2 * EVENTS + 1)
      const [first, ...others] = events as [BenchEvent, ...BenchEvent[]]
      for (const { body } of events)
        await app`insert into orders values (${JSON.parse(body).data.object.id}) on conflict do nothing`
      const free = (await send(handler, others.slice(0, EVENTS), EVENTS)).seconds * 1000
      const held = await whileLocked(app, watcher, handler, first, async () => {
        return (await send(handler, others.slice(EVENTS), EVENTS)).seconds * 1000
      })
      // The first rounds warm up, also the connections that are opened then.
      if (round < 0) continue
      usual.push(free)
      locked.push(held)
      log(
        `${EVENTS} events, round ${round + 1}: ${free.toFixed(0)} ms, with a locked order ${held.toFixed(0)} ms`,
      )
    }
  } finally {
    await handler.close()
    await Promise.all([app.end(), watcher.end()])
  }
  return {
    events: EVENTS,
    usualMs: median(usual),
    lockedMs: median(locked),
    ratio: median(locked.map((ms, round) => ms / (usual[round] as number))),
  }
}

/** The fulfilment of an app. */
const ORDERS = `
  create table orders (id text primary key, is_paid boolean not null default false);
  create function fulfil() returns trigger language plpgsql as $$
  begin
    update public.orders set is_paid = true where id = new.object_id;
    return null;
  end $$;
  create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
    for each row when (new.processing_status = 'processed') execute function fulfil();`

/** Payments of different customers and orders. */
function payments(stream: EventStream, count: number): BenchEvent[] {
  const found = new Map<string, BenchEvent>()
  while (found.size < count) {
    for (const event of stream.take(20)) {
      if (event.kind !== 'payment_intent') continue
      const { customer } = JSON.parse(event.body).data.object
      if (!found.has(customer)) found.set(customer, event)
    }
  }
  return [...found.values()].slice(0, count)
}

/** Does the work while the event about an order waits for the row of that order. */
async function whileLocked<T>(
  app: ReturnType<typeof connect>,
  watcher: ReturnType<typeof connect>,
  handler: Contender,
  event: BenchEvent,
  work: () => Promise<T>,
): Promise<T> {
  await app`begin`
  await app`select from orders where id = ${JSON.parse(event.body).data.object.id} for update`
  const waiting = send(handler, [event], 1).catch(() => {}) // may be kept as failed after a while
  for (;;) {
    const [row] = await watcher<{ n: number }[]>`
      select count(*)::integer as n from pg_stat_activity
      where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0`
    if (row?.n) break
  }
  try {
    return await work()
  } finally {
    await app`commit`
    await waiting
  }
}
