/**
 * Takes the locks of `migrate --again` before anything else, in one fixed order and within a moment.
 *
 * The files lock table by table, and live traffic locks the same tables in other orders, so both would wait for each
 * other. An attempt ends before Postgres looks for deadlocks (`deadlock_timeout`, one second), so it never costs a
 * request more than a short wait. Between attempts the requests that queued behind it continue.
 */
import type pg from 'pg'
import { LEDGER } from './ledger.ts'

const LOCK_MS_MAX = 300
const ATTEMPT_MS_MAX = 700
const PAUSE_MS_MAX = 1_000
/** lock_not_available, query_canceled (the attempt took too long), deadlock_detected */
const WAITED_IN_VAIN = ['55P03', '57014', '40P01']

/**
 * Locks all tables and views of ours exclusively until the transaction ends. Returns whether it could
 * within `timeoutMs`.
 */
export async function lockTables(client: pg.Client, timeoutMs: number): Promise<boolean> {
  const names = await tablesAndViews(client)
  const deadline = Date.now() + timeoutMs
  for (let pause = 100; ; pause = Math.min(2 * pause, PAUSE_MS_MAX)) {
    await client.query('savepoint locks')
    try {
      await client.query(`set local lock_timeout = ${LOCK_MS_MAX}`)
      await client.query(`set local statement_timeout = ${ATTEMPT_MS_MAX}`)
      // The locks of the environments come first: whatever projects holds them, and then locks several tables.
      await client.query(`do $$
        begin
          perform pg_advisory_xact_lock(hashtextextended('environment ' || e, 2)) from unnest(array['live', 'test']) as e;
          lock table ${names.join(', ')} in access exclusive mode;
        end $$`)
      await client.query('set local lock_timeout = 0; set local statement_timeout = 0')
      return true
    } catch (error) {
      if (!WAITED_IN_VAIN.includes((error as { code?: string }).code ?? '')) throw error
      await client.query('rollback to savepoint locks')
    }
    if (Date.now() > deadline) return false
    await new Promise((done) => setTimeout(done, pause * (0.5 + Math.random())))
  }
}

/**
 * In the order in which requests lock them: a checkout begins with its row, a list with its view, and a view locks its
 * tables.
 */
async function tablesAndViews(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('payments', 'payments_private') and c.relkind in ('r', 'p', 'v')
      and (n.nspname, c.relname::text) <> ($1, $2)
    order by c.relname not like 'stripe%sessions', c.relkind <> 'v', n.nspname, c.relname`,
    [LEDGER.schema, LEDGER.table],
  )
  return rows.map(({ name }) => name)
}

/** What holds a lock on our tables now, for the error: the oldest transaction in words. */
export async function holderOfLocks(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ holder: string }>(
    `select format('process %s of %s%s, whose transaction began %s s ago', a.pid, a.usename,
        coalesce(' (' || nullif(a.application_name, '') || ')', ''),
        round(extract(epoch from clock_timestamp() - a.xact_start))) as holder
    from pg_catalog.pg_locks l
    join pg_catalog.pg_class c on c.oid = l.relation
    join pg_catalog.pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid() and a.datname = current_database()
      and c.relnamespace::regnamespace::text in ('payments', 'payments_private')
    order by a.xact_start limit 1`,
  )
  return rows[0]?.holder
}
