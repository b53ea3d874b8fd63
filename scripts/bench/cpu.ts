/**
 * The CPU time of backends. Unlike the elapsed time it hardly depends on what else the machine does. Linux counts it in
 * nanoseconds; on other systems there is none, and the results are null.
 */
import { readFileSync } from 'node:fs'
import type postgres from 'postgres'

/** Milliseconds that a process has run; null if the system does not say. */
export function cpuMsOf(pid: number): number | null {
  try {
    const [nanoseconds] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')
    return Number(nanoseconds) / 1e6
  } catch {
    return null
  }
}

/**
 * Milliseconds that the backends of a database run while the work is done. Only one contender works at a time, so this
 * is its cost. A backend that begins meanwhile counts from its start.
 *
 * @param watcher a connection to the database; its own time does not count
 */
export async function withCpu<T>(
  watcher: postgres.Sql,
  work: () => Promise<T>,
): Promise<{ result: T; cpuMs: number | null }> {
  const before = await cpuOfBackends(watcher)
  const result = await work()
  const after = await cpuOfBackends(watcher)
  let cpuMs: number | null = 0
  for (const [pid, ms] of after) {
    cpuMs = ms === null || cpuMs === null ? null : cpuMs + ms - (before.get(pid) ?? 0)
  }
  return { result, cpuMs }
}

async function cpuOfBackends(watcher: postgres.Sql): Promise<Map<number, number | null>> {
  const rows = await watcher<{ pid: number }[]>`
    select pid from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`
  return new Map(rows.map(({ pid }) => [pid, cpuMsOf(pid)]))
}
