/** Laws of state after a random history of a shop, in which operators sync, assign and erase in between. */
import * as fc from 'fast-check'
import type * as postgres from 'postgres'
import { expect, test } from 'vitest'
import { runSync } from '../../functions/sync/sync.ts'
import { startSyncSystem } from '../functions/sync/support/system.ts'
import { TABLES } from '../sql/support/calls.ts'
import { OVERLOOKED } from './support/harness.ts'
import { RUNS, SEED } from './support/runs.ts'
import {
  BUYERS,
  chooser,
  type Deed,
  deliver,
  isRefusal,
  OPERATORS,
  STAFF,
  undelivered,
} from './support/shop.ts'

const runs = RUNS ?? 3
const timeout = 60_000 + runs * 20_000
const DEEDS: Record<string, Deed> = { ...BUYERS, ...STAFF, ...OPERATORS }
/** Often enough that there is something to act on. */
const OFTEN = ['signUp', 'buy', 'buy', 'subscribe', 'refund', 'wait', 'deliverSome', 'deliverTogether']

/** Every row of the projections by its table and id, but for when it was written and of which version it is. */
async function rowsById(sql: postgres.Sql): Promise<Record<string, unknown>> {
  const rows = await sql.unsafe<{ id: string; row: unknown }[]>(
    TABLES.map(
      (table) => `
      select '${table} ' || t.id as id, to_jsonb(t) - '{synced_at,updated_at,version,subject_version}'::text[] as row
      from payments.${table} as t`,
    ).join(' union all '),
  )
  return Object.fromEntries(rows.map(({ id, row }) => [id, row]))
}

/** What Stripe changes in an object without an event, and what only a list shows. */
const withoutIncidentals = (rows: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(rows).map(([id, row]) => [id, { ...(row as object), raw: null, line_items: null }]),
  )

test(
  'after any history of a shop no event has failed, a rebuild changes no row, and neither does a sync',
  async () => {
    const step = fc.record({ deed: fc.constantFrom(...OFTEN, ...Object.keys(DEEDS)), number: fc.nat() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 90, size: 'max' }), async (history) => {
        const system = await startSyncSystem()
        try {
          const { sql } = system.database
          for (const { deed, number } of history) {
            system.stripe.control.advance(2) // what one deed does is over when the next one begins
            try {
              await DEEDS[deed]?.(system, chooser(number))
            } catch (error) {
              if (!isRefusal(error)) throw error
            }
          }
          system.stripe.control.advance(2)
          for (const event of await undelivered(system)) await deliver(system, event)
          expect(
            await sql`select last_error from payments.webhook_events where processing_status = 'failed'`,
          ).toEqual([])
          expect(await sql.unsafe(OVERLOOKED)).toEqual([])

          const before = await rowsById(sql)
          await sql`select payments.rebuild_projections('test')`
          expect(await rowsById(sql)).toEqual(before)
          await runSync({ environment: 'test' }, system.deps)
          const synced = await rowsById(sql)
          expect(withoutIncidentals(synced)).toEqual(withoutIncidentals(before))
          await sql`select payments.rebuild_projections('test')`
          expect(await rowsById(sql)).toEqual(synced)
        } finally {
          await system.close()
        }
      }),
      { seed: SEED, numRuns: runs, endOnFailure: true },
    )
  },
  timeout,
)
