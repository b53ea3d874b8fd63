/**
 * The connection to Postgres: single statements on a small pool, nothing that breaks behind a transaction-mode pooler (no
 * transaction block, no prepared statement, no session state), and one flight to the server and back for each statement.
 */
import postgres from 'postgres'
import { databaseUnavailable, fromDatabase } from './errors.ts'

/** A value as it travels: text, or null. The statement casts it, as in `$1::text::jsonb`. */
export type Value = string | null

export type Database = {
  /**
   * Runs one statement. Every placeholder in it must carry a cast, since values travel untyped.
   *
   * @param limits.deadline for a statement that may take longer than the others, in milliseconds
   * @throws an `ApiError`: what the caller may know of the failure, with Postgres' own error as its cause
   */
  query<Row extends object>(text: string, values?: Value[], limits?: { deadline?: number }): Promise<Row[]>
  /** Lets running statements end, then closes the connections. */
  end(): Promise<void>
}

export type DatabaseOptions = {
  url: string
  /** Connections at most. */
  poolSize: number
  /** How long a connection may take to come about, in seconds. */
  connectTimeout?: number
  /** How long a statement may take, waiting for a connection included, in milliseconds. */
  deadline?: number
}

/** A statement on its way; `state` is null until it has a connection. */
type RunningQuery<Row extends object> = postgres.PendingQuery<Row[]> & { state: object | null }

type Pool = { client: postgres.Sql; running: Set<{ state: object | null }> }

/** What of a connection string's query this client knows. The rest it would send to the server, which refuses what it does not know. */
const URL_PARAMETERS = new Set(['sslmode', 'sslrootcert', 'target_session_attrs', 'options'])

/** The connection string without parameters that are meant for other clients, as `channel_binding` or `pgbouncer`. */
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
  deadline = 30_000,
}: DatabaseOptions): Database {
  const connect = () =>
    postgres(connectionUrl(url), {
      max: poolSize,
      prepare: false,
      fetch_types: false,
      connect_timeout: connectTimeout,
      idle_timeout: 60,
      // After a failure postgres.js waits before it connects again, by default up to 20 seconds. Somebody waits for the answer.
      backoff: (retries: number) => Math.min(retries, 5) * 0.05,
      connection: { application_name: 'pg-payments' },
      onnotice: () => {},
    })
  const open = (): Pool => ({ client: connect(), running: new Set() })
  let pool = open()

  /**
   * postgres.js sends Parse and Describe, waits for the answer, and only then Bind, as soon as a statement that is not prepared has
   * parameters: two round trips. It decides so in `build()` by the parameters found while the text is put together, and leaves an
   * array alone that is there already. With the array set by hand it sees a statement without parameters, sends Parse, Bind,
   * Execute and Sync in one flight, and Bind still carries the values. Their types are then unknown: hence text and casts.
   */
  function inOneFlight<Row extends object>(text: string, values: Value[]): RunningQuery<Row> {
    const options = { simple: false } // without arguments it would choose the simple protocol, which has no values
    const query = pool.client.unsafe<Row[]>(text, [], options as object)
    return Object.assign(query, { parameters: [...values], state: null })
  }

  /**
   * A server that accepts connections and hangs up before it is ready (a proxy whose database is away) makes postgres.js connect
   * again without end, and its statements wait for ever. A pool of which no statement has reached the server in the time that a
   * connection may take is thrown away together with what waits in it.
   */
  function replaceIfStuck(suspect: Pool): boolean {
    if ([...suspect.running].some(({ state }) => state !== null)) return false
    if (pool === suspect) pool = open()
    suspect.client.end({ timeout: 1 }).catch(() => {})
    return true
  }

  return {
    async query<Row extends object>(text: string, values: Value[] = [], limits: { deadline?: number } = {}) {
      const within = limits.deadline ?? deadline
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
    end: () => pool.client.end({ timeout: 2 }),
  }
}
