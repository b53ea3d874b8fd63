/** Connections of a test that does several things at once, in named steps: nothing waits for a clock. */
import type postgres from 'postgres'
import { open } from '../../setup/server.ts'

export type Connection = { sql: postgres.Sql; pid: number }

/** Opens connections of their own to a database; `close` ends them all. */
export async function connect(url: string, count: number) {
  const connections: Connection[] = []
  for (let i = 0; i < count; i++) {
    const sql = open(url, { idle_timeout: 0, max_lifetime: null })
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`
    connections.push({ sql, pid: row?.pid as number })
  }
  return {
    connections,
    close: () => Promise.all(connections.map(({ sql }) => sql.end({ timeout: 5 }))),
  }
}

/** Work that was started and may be waiting for somebody else's lock. */
export type Started<Result> = { done: Promise<Result>; isDone(): boolean }

export function start<Result>(work: Promise<Result>): Started<Result> {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  done.catch(() => {}) // whoever awaits `done` hears of it
  return { done, isDone: () => isDone }
}

/** Resolves when the connection waits for a lock of another, or its work is done. Tells which. */
export async function waitsOrIsDone(
  watcher: postgres.Sql,
  { pid }: Connection,
  work: Started<unknown>,
): Promise<'waits' | 'is done'> {
  for (;;) {
    if (work.isDone()) return 'is done'
    const [row] = await watcher<
      { blocked: boolean }[]
    >`select cardinality(pg_blocking_pids(${pid})) > 0 as blocked`
    if (row?.blocked) return 'waits'
  }
}
