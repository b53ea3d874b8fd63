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
   * @throws an `ApiError`: what the caller may know of the failure, with Postgres' own error as its cause
   */
  query<Row extends object>(text: string, values?: Value[]): Promise<Row[]>
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
  let client = connect()
  let answers = 0

  /**
   * postgres.js sends Parse and Describe, waits for the answer, and only then Bind, as soon as a statement that is not prepared has
   * parameters: two round trips. It decides so in `build()` by the parameters found while the text is put together, and leaves an
   * array alone that is there already. With the array set by hand it sees a statement without parameters, sends Parse, Bind,
   * Execute and Sync in one flight, and Bind still carries the values. Their types are then unknown: hence text and casts.
   */
  function inOneFlight<Row extends object>(text: string, values: Value[]): postgres.PendingQuery<Row[]> {
    const query = client.unsafe<Row[]>(text)
    Object.assign(query, { parameters: [...values] })
    return query
  }

  /**
   * A server that accepts connections and hangs up before it is ready (a proxy whose database is away) makes postgres.js connect
   * again without end, and the statement waits for ever. Such a pool is thrown away together with what waits in it; one that has
   * answered anything in the meantime is only busy, and stays.
   */
  function replace(stuck: typeof client): void {
    if (client !== stuck) return
    client = connect()
    stuck.end({ timeout: 1 }).catch(() => {})
  }

  return {
    async query<Row extends object>(text: string, values: Value[] = []) {
      const pool = client
      const query = inOneFlight<Row>(text, values)
      const answersBefore = answers
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          const { state } = query as unknown as { state: unknown }
          Promise.resolve(query.cancel()).catch(() => {})
          if (!state && answers === answersBefore) replace(pool)
          reject(databaseUnavailable(new Error(`No answer from the database within ${deadline} ms.`)))
        }, deadline)
      })
      try {
        const rows = await Promise.race([query, late])
        answers += 1
        return [...rows]
      } catch (error) {
        throw fromDatabase(error)
      } finally {
        clearTimeout(timer)
      }
    },
    end: () => client.end({ timeout: 5 }),
  }
}
