/**
 * The connection to Postgres: single statements on a small pool, and one flight for each. Nothing breaks behind a
 * transaction-mode pooler: no transaction block, no prepared statement, no session state.
 */
import postgres from 'postgres'
import { databaseUnavailable, fromDatabase } from './errors.ts'

/** A value as it travels: text, or null. The statement casts it, for example `$1::text::jsonb`. */
export type Value = string | null

export type Database = {
  /**
   * Runs one statement. Every placeholder needs a cast, because values travel untyped.
   *
   * @param limits.deadlineMs for a statement that may take longer than the others
   * @throws an `ApiError`, with the error of Postgres as its cause
   */
  query<Row extends object>(text: string, values?: Value[], limits?: { deadlineMs?: number }): Promise<Row[]>
  /** How many statements run or wait for a connection. */
  running?(): number
  /** Lets running statements end, then closes the connections. */
  end(): Promise<void>
}

export type DatabaseOptions = {
  url: string
  /** Connections at most. */
  poolSize: number
  /** Seconds. */
  connectTimeout?: number
  /** Limits a statement, including its wait for a connection. */
  deadlineMs?: number
}

/** A statement on its way; `state` is null until it has a connection. */
type RunningQuery<Row extends object> = postgres.PendingQuery<Row[]> & { state: object | null }

type Pool = { client: postgres.Sql; running: Set<{ state: object | null }> }

/** Query parameters that postgres.js knows. It would send the others to the server, which refuses unknown ones. */
const URL_PARAMETERS = new Set(['sslmode', 'sslrootcert', 'target_session_attrs', 'options'])

/** Removes parameters that are meant for other clients, for example `channel_binding` or `pgbouncer`. */
export function connectionUrl(url: string): string {
  const parsed = new URL(url)
  for (const name of [...parsed.searchParams.keys()]) {
    if (!URL_PARAMETERS.has(name)) parsed.searchParams.delete(name)
  }
  return parsed.href
}

export function createDatabase({
  url,
  poolSize,
  connectTimeout = 5,
  deadlineMs = 30_000,
}: DatabaseOptions): Database {
  const connect = () =>
    postgres(connectionUrl(url), {
      max: poolSize,
      prepare: false,
      fetch_types: false,
      connect_timeout: connectTimeout,
      idle_timeout: 60,
      // By default postgres.js waits up to 20 seconds before it reconnects. Our callers cannot wait that long.
      backoff: (retries: number) => Math.min(retries, 5) * 0.05,
      connection: { application_name: 'pg-payments' },
      onnotice: () => {},
    })
  const open = (): Pool => ({ client: connect(), running: new Set() })
  let pool = open()

  /**
   * Sends a statement in one flight. For an unprepared statement with parameters, postgres.js sends Parse and
   * Describe, waits, and only then sends Bind: two round trips. `build()` decides this by the parameters that it
   * collects, and keeps an array that is set already. With the array set here, postgres.js sees no parameters, and
   * sends Parse, Bind, Execute and Sync together. Bind still carries the values. Postgres does not know their types:
   * hence text and casts.
   */
  function inOneFlight<Row extends object>(text: string, values: Value[]): RunningQuery<Row> {
    const options = { simple: false } // without arguments it would choose the simple protocol, which has no values
    const query = pool.client.unsafe<Row[]>(text, [], options as object)
    return Object.assign(query, { parameters: [...values], state: null })
  }

  /**
   * A server that accepts connections and hangs up (for example a proxy whose database is down) makes postgres.js
   * reconnect forever while its queries hang. If no statement of a pool reaches the server within the connection
   * time-out, the pool is replaced, and its waiting statements fail.
   */
  function replaceIfStuck(suspect: Pool): boolean {
    if ([...suspect.running].some(({ state }) => state !== null)) return false
    if (pool === suspect) pool = open()
    suspect.client.end({ timeout: 1 }).catch(() => {})
    return true
  }

  return {
    async query<Row extends object>(
      text: string,
      values: Value[] = [],
      limits: { deadlineMs?: number } = {},
    ) {
      const within = limits.deadlineMs ?? deadlineMs
      const suspect = pool
      const query = inOneFlight<Row>(text, values)
      suspect.running.add(query)
      const timers: ReturnType<typeof setTimeout>[] = []
      const late = new Promise<never>((_, reject) => {
        const giveUp = (ms: number) =>
          reject(databaseUnavailable(new Error(`No answer from the database within ${ms} ms.`)))
        const connected = connectTimeout * 1000 + 500
        timers.push(setTimeout(() => replaceIfStuck(suspect) && giveUp(connected), connected))
        timers.push(
          setTimeout(() => {
            Promise.resolve(query.cancel()).catch(() => {})
            giveUp(within)
          }, within),
        )
      })
      try {
        return [...(await Promise.race([query, late]))]
      } catch (error) {
        throw fromDatabase(error)
      } finally {
        suspect.running.delete(query)
        timers.forEach(clearTimeout)
      }
    },
    running: () => pool.running.size,
    end: () => pool.client.end({ timeout: 2 }),
  }
}
