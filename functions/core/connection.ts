/**
 * One connection to Postgres. It opens with its first statement and runs one statement at a time, in one flight.
 * Nothing breaks behind a transaction-mode pooler: no transaction block, no session state, and no prepared statement
 * unless `prepare` is set.
 */
import postgres from 'postgres'

/** A value as it travels: text, or null. The statement casts it, for example `$1::text::jsonb`. */
export type Value = string | null

export type ConnectionOptions = {
  url: string
  /** Seconds. */
  connectTimeout: number
  /** Statements may be kept at the server by a name. A transaction-mode pooler may not allow that. */
  prepare: boolean
}

/** A statement that was sent, or waits for its connection to open. */
export type Running<Row extends object> = {
  rows: Promise<Row[]>
  /** Whether it reached the server. */
  hasReached(): boolean
  /** Asks the server to end it; its rows reject then. */
  cancel(): void
}

export type Connection = {
  /** Whether it is open, so that a statement need not wait for that. */
  isOpen(): boolean
  run<Row extends object>(text: string, values: Value[], named: boolean): Running<Row>
  /** Gives the connection up; the next statement opens another. What runs on it fails within a second. */
  replace(): void
  end(): Promise<void>
}

/** `state` is null until the statement has a connection. */
type Query<Row extends object> = postgres.PendingQuery<Row[]> & { state: object | null }

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

/**
 * Whether the connection is over with this error. postgres.js may still read the server's last message from it, and
 * would fail the next statement with that.
 */
function hasEnded(error: unknown): boolean {
  const { severity, code } = error as { severity?: string; code?: string }
  return severity === 'FATAL' || severity === 'PANIC' || code === 'CONNECTION_CLOSED'
}

export function createConnection({ url, connectTimeout, prepare }: ConnectionOptions): Connection {
  let client: postgres.Sql | undefined
  let isOpen = false

  function connect(): postgres.Sql {
    const made = postgres(connectionUrl(url), {
      max: 1,
      prepare,
      fetch_types: false,
      connect_timeout: connectTimeout,
      idle_timeout: 60,
      // By default postgres.js waits up to 20 seconds before it reconnects. Our callers cannot wait that long.
      backoff: (retries: number) => Math.min(retries, 5) * 0.05,
      connection: { application_name: 'pg-payments' },
      onnotice: () => {},
      onclose: () => {
        if (client === made) isOpen = false
      },
    })
    client = made
    return made
  }

  function replace(): void {
    const replaced = client
    client = undefined
    isOpen = false
    replaced?.end({ timeout: 1 }).catch(() => {})
  }

  return {
    isOpen: () => isOpen,
    /**
     * Sends a statement in one flight. For a statement with parameters, postgres.js sends Parse and Describe, waits,
     * and only then sends Bind: two round trips. `build()` decides this by the parameters that it collects, and keeps
     * an array that is set already. With the array set here, postgres.js sees no parameters, and sends Parse, Bind,
     * Execute and Sync together. Bind still carries the values. Postgres does not know their types: hence text and
     * casts.
     */
    run<Row extends object>(text: string, values: Value[], named: boolean) {
      // Without arguments postgres.js would choose the simple protocol, which has no values.
      const options = { simple: false, prepare: prepare && named }
      const pending = (client ?? connect()).unsafe<Row[]>(text, [], options as object)
      const query: Query<Row> = Object.assign(pending, { parameters: [...values], state: null })
      const rows = query.then(
        (found) => {
          isOpen = true
          return [...found]
        },
        (error) => {
          if (hasEnded(error)) replace()
          throw error
        },
      )
      return {
        rows,
        hasReached: () => query.state !== null,
        cancel: () => void Promise.resolve(query.cancel()).catch(() => {}),
      }
    },
    replace,
    async end() {
      await client?.end({ timeout: 1 })
    },
  }
}
