/**
 * Shows where the time goes inside Postgres, for each kind of event: functions by their own time, statements by time,
 * WAL and pages. Counting slows Postgres down, so compare these numbers only with each other.
 */
import { CONTENDERS } from './contenders.ts'
import { type BenchEvent, type EventStream, KINDS, type Kind } from './events.ts'
import { fill } from './fill.ts'
import { send } from './measure.ts'
import { type BenchServer, connect } from './server.ts'

/** A little longer than the interval at which a connection reports its counts. */
const STATISTICS_INTERVAL_MS = 1100

export type ProfiledFunction = { name: string; calls: number; selfMs: number }
export type ProfiledStatement = { text: string; calls: number; ms: number; walBytes: number; blocks: number }

export type Profile = {
  kind: Kind
  events: number
  /** All numbers are per event. */
  functions: ProfiledFunction[]
  statements: ProfiledStatement[]
}

export async function profile(
  server: BenchServer,
  stream: EventStream,
  { events, transactions }: { events: number; transactions: number },
): Promise<Profile[]> {
  const url = await server.createDatabase('profile')
  const sql = connect(url)
  await sql`create extension pg_stat_statements`
  const size = { ledger: transactions * 5, transactions }
  if (transactions > 0) await fill(url, { ledger: 0, transactions: 0 }, size)
  const deliver = async (warmUp: BenchEvent[], last: BenchEvent[], counted: BenchEvent[]) => {
    const handler = await CONTENDERS.handler({ url, connections: 1 })
    try {
      // Postgres compiles and plans functions once for each connection. The warm-up does that before counting begins.
      await send(handler, warmUp, 1)
      // A connection reports its counts at most once a second, and the rest when it closes.
      await new Promise((resolve) => setTimeout(resolve, STATISTICS_INTERVAL_MS))
      await send(handler, last, 1)
      await sql`select pg_stat_statements_reset(), pg_stat_reset()`
      await send(handler, counted, 1)
    } finally {
      await handler.close()
    }
  }
  const results: Profile[] = []
  try {
    for (const kind of KINDS) {
      const warmUp = stream.take(events * 2)
      const last = stream.take(1)
      const block = stream
        .take(events * 20)
        .filter((event) => event.kind === kind)
        .slice(0, events)
      await deliver(warmUp, last, block)
      const count = block.length
      const functions = await sql<ProfiledFunction[]>`
        select funcname as name, calls / ${count}::float8 as calls, self_time / ${count}::float8 as "selfMs"
        from pg_stat_user_functions
        order by self_time desc
        limit 14`
      const statements = await sql<ProfiledStatement[]>`
        select
          regexp_replace(query, '\\s+', ' ', 'g') as text,
          calls / ${count}::float8 as calls,
          total_exec_time / ${count}::float8 as ms,
          (wal_bytes / ${count})::float8 as "walBytes",
          (shared_blks_hit + shared_blks_read) / ${count}::float8 as blocks
        from pg_stat_statements
        where dbid = (select oid from pg_database where datname = current_database())
          and query !~ 'pg_stat'
        order by total_exec_time desc
        limit 14`
      results.push({ kind, events: count, functions: [...functions], statements: [...statements] })
    }
  } finally {
    await sql.end()
  }
  return results
}
