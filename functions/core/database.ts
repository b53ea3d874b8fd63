/**
 * The statements of the handlers: single ones on a few connections, one flight for each, with a deadline. Nothing
 * breaks behind a transaction-mode pooler.
 */
import { type Connection, createConnection, type Running, type Value } from './connection.ts'
import { databaseUnavailable, fromDatabase } from './errors.ts'
import { createPool, type Pool, type Taken } from './pool.ts'

export { connectionUrl, type Value } from './connection.ts'

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
  /** How many statements of this use may run at once. */
  connections?: number
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

/** A use of the connections. */
export type Use = {
  name: string
  /** The same few statements again and again may be kept at the server by a name, if the deployer says so. */
  prepare?: boolean
}

/** How long `end` waits for statements. */
const END_WITHIN_MS = 2000
/** How long a cancelled statement may take to end. After that its connection is given up. */
const CANCEL_WITHIN_MS = 2000

const noAnswer = (ms: number) =>
  databaseUnavailable(new Error(`No answer from the database within ${ms} ms.`))

export function createDatabase(options: DatabaseOptions): Database {
  const { databases } = createDatabases(options, [{ name: 'all' }])
  return databases.all as Database
}

/**
 * One database for each use, on the same connections. No use holds up another one for lack of connections, if there are
 * as many connections as uses; see `createPool`.
 */
export function createDatabases<Name extends string>(
  { url, poolSize, connectTimeout = 5, deadlineMs = 30_000 }: DatabaseOptions,
  uses: readonly (Use & { name: Name })[],
): { databases: Record<Name, Database>; end(): Promise<void> } {
  const connections = Array.from({ length: poolSize }, () =>
    createConnection({ url, connectTimeout, prepare: uses.some(({ prepare }) => prepare) }),
  )
  const pool = createPool(connections, uses.length)
  let isEnding = false

  async function end(): Promise<void> {
    isEnding = true
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, END_WITHIN_MS)
    })
    await Promise.race([pool.idle(), late])
    clearTimeout(timer)
    pool.failWaiting(databaseUnavailable(new Error('The connections were closed.')))
    await Promise.all(connections.map((connection) => connection.end()))
  }

  const databaseOf = ({ prepare = false }: Use, use: number): Database => {
    let running = 0
    return {
      async query<Row extends object>(
        text: string,
        values: Value[] = [],
        limits: { deadlineMs?: number } = {},
      ) {
        if (isEnding) throw databaseUnavailable(new Error('The connections are being closed.'))
        running += 1
        const statement = { text, values, named: prepare, deadlineMs: limits.deadlineMs ?? deadlineMs }
        return runStatement<Row>(pool, use, statement, connectTimeout * 1000 + 500).finally(() => {
          running -= 1
        })
      },
      running: () => running,
      connections: pool.most(use),
      end,
    }
  }
  const entries = uses.map((use, index) => [use.name, databaseOf(use, index)])
  return { databases: Object.fromEntries(entries), end }
}

type Statement = { text: string; values: Value[]; named: boolean; deadlineMs: number }

/**
 * Takes a connection, runs the statement within its deadline, and gives the connection back when the statement ended.
 */
async function runStatement<Row extends object>(
  pool: Pool,
  use: number,
  { text, values, named, deadlineMs }: Statement,
  connectedMs: number,
): Promise<Row[]> {
  const timers: ReturnType<typeof setTimeout>[] = []
  const request = pool.take(use)
  let giveUp = () => request.withdraw()
  const late = new Promise<never>((_, reject) => {
    timers.push(
      setTimeout(() => {
        giveUp()
        reject(noAnswer(deadlineMs))
      }, deadlineMs),
    )
  })
  try {
    const taken = await Promise.race([request.taken, late])
    const query = taken.connection.run<Row>(text, values, named)
    query.rows.then(taken.giveBack, taken.giveBack)
    giveUp = () => cancel(query, taken)
    const stuck = new Promise<never>((_, reject) => {
      timers.push(
        setTimeout(
          () => replaceIfStuck(pool, query, taken, connectedMs) && reject(noAnswer(connectedMs)),
          connectedMs,
        ),
      )
    })
    return await Promise.race([query.rows, late, stuck])
  } catch (error) {
    throw fromDatabase(error)
  } finally {
    timers.forEach(clearTimeout)
  }
}

/**
 * A server that accepts connections and hangs up (for example a proxy whose database is down) makes postgres.js
 * reconnect for ever while its statement hangs. If the statement has not reached the server within the connection
 * time-out, the connection is replaced. The statements that wait for a connection fail too, unless one is open.
 */
function replaceIfStuck(pool: Pool, query: Running<object>, taken: Taken, ms: number): boolean {
  if (query.hasReached()) return false
  if (!pool.hasOpen()) pool.failWaiting(noAnswer(ms))
  replace(taken)
  return true
}

/**
 * Cancels a statement. If it does not end then, for example because the network is gone, its connection is given up.
 */
function cancel(query: Running<object>, taken: Taken): void {
  query.cancel()
  const timer = setTimeout(() => replace(taken), CANCEL_WITHIN_MS)
  query.rows.catch(() => {}).finally(() => clearTimeout(timer))
}

function replace({ connection, giveBack }: { connection: Connection; giveBack(): void }): void {
  connection.replace()
  giveBack()
}
