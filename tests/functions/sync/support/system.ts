/** Handlers over a database of their own and local Stripe, and ways to compare what rows they end with. */
import type postgres from 'postgres'
import { closeDeps, createDeps, createLog, type Deps, readConfig } from '../../../../functions/app.ts'
import { storable } from '../../../../functions/core/storable.ts'
import { createTestDatabase, type TestDatabase } from '../../../setup/database.ts'
import { type System, startSystem } from '../../support/system.ts'

export type SyncSystem = System & {
  deps: Deps
  /** What the handlers have logged. */
  log(): string
}

export async function startSyncSystem(): Promise<SyncSystem> {
  const started = await startSystem({ deliver: false })
  // What the SDK repeats by itself would only take time here.
  const system = { ...started, env: { ...started.env, STRIPE_MAX_RETRIES: '0' } }
  const { deps, log } = createTestDeps(system.env)
  const close = system.close
  return {
    ...system,
    deps,
    log,
    async close() {
      await closeDeps(deps)
      await close()
    },
  }
}

export function createTestDeps(env: Record<string, string>): { deps: Deps; log: () => string } {
  const lines: string[] = []
  const deps = createDeps(readConfig(env), { log: createLog((line) => lines.push(line)) })
  return { deps, log: () => lines.join('\n') }
}

/** One more database for the same Stripe. */
export async function anotherDatabase(
  system: SyncSystem,
): Promise<{ database: TestDatabase; deps: Deps; env: Record<string, string>; close(): Promise<void> }> {
  const database = await createTestDatabase()
  const env = { ...system.env, DATABASE_URL: database.url }
  const { deps } = createTestDeps(env)
  return {
    database,
    deps,
    env,
    async close() {
      await closeDeps(deps)
      await database.close()
    },
  }
}

const TABLES = [
  'stripe_products',
  'stripe_prices',
  'customers',
  'customer_mappings',
  'stripe_subscriptions',
  'stripe_subscription_items',
  'stripe_checkout_sessions',
  'transactions',
]
/**
 * What depends on when and how often somebody looked; Stripe changes parts of an object, so of raw, without an event.
 */
const INCIDENTAL = ['id', 'version', 'subject_version', 'synced_at', 'created_at', 'updated_at', 'raw']

/** Every row of the projections, without what depends on when somebody looked. */
export async function rowsOf(sql: postgres.Sql, tables = TABLES): Promise<Record<string, unknown[]>> {
  const found: Record<string, unknown[]> = {}
  for (const table of tables) {
    const rows = await sql.unsafe<{ row: unknown }[]>(
      `select to_jsonb(t) - $1::text[] as row from payments.${table} as t order by 1`,
      [INCIDENTAL],
    )
    found[table] = rows.map(({ row }) => row)
  }
  return found
}

/** Delivers events to the ledger as the webhook handler does. */
export async function deliver(deps: Deps, events: object[]): Promise<void> {
  for (const event of events)
    await deps.ingest({ environment: 'test', payload: storable(JSON.stringify(event)) })
}

/** The run has given no sign of life for so long that it has died. */
export async function letLeaseRunOut(sql: postgres.Sql): Promise<void> {
  await sql`update payments.sync_runs set heartbeat_at = heartbeat_at - interval '2 minutes' where status = 'running'`
}
