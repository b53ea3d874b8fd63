/** A sync in a process of its own, which is killed at any moment. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { closeDeps } from '../../../functions/app.ts'
import { runSync } from '../../../functions/sync/sync.ts'
import { call } from '../../../scripts/local-stripe/index.ts'
import {
  anotherDatabase,
  createTestDeps,
  letLeaseRunOut,
  rowsOf,
  type SyncSystem,
  startSyncSystem,
} from './support/system.ts'
import { type Moment, type WatchedStripe, watchStripe } from './support/watched-stripe.ts'

const KILLS = 10
/** Pages that a process may record before it is killed, at most. */
const PAGES = 3
/** More pages of them than all the killed processes together can record, so that something is left for the last one. */
const CUSTOMERS = KILLS * PAGES * 100

let system: SyncSystem
let watched: WatchedStripe

beforeAll(async () => {
  system = await startSyncSystem()
  watched = await watchStripe(system.stripe.url)
  const { engine } = system.stripe
  for (let index = 0; index < CUSTOMERS; index++) {
    const customer = call(engine, 'POST', '/v1/customers', { email: `c${index}@example.com` }) as {
      id: string
    }
    if (index % 10 !== 0) continue
    call(engine, 'POST', '/v1/subscriptions', {
      customer: customer.id,
      items: [{ price: system.prices.monthly }],
      payment_behavior: 'default_incomplete',
      metadata: { payments_subject_type: 'team', payments_subject_id: String(index) },
    })
  }
  system.stripe.control.advance(60)
})
afterAll(async () => {
  await watched.close()
  await system.close()
})

/** `pg-payments stripe sync`, as a process of its own. */
function startSync(): ChildProcess {
  return spawn(
    process.execPath,
    ['--import', 'tsx', 'scripts/cli/main.ts', 'stripe', 'sync', '--environment', 'test'],
    {
      cwd: new URL('../../../', import.meta.url),
      env: { PATH: process.env.PATH, ...system.env, STRIPE_API_BASE_URL: watched.url },
      stdio: 'ignore',
    },
  )
}

/** A number below `limit` from a seed, and the next seed. */
const next = (seed: number) => (seed * 48271) % 2147483647

test(`a sync that is killed at ${KILLS} random moments and resumed each time ends with the rows of one that ran through`, {
  timeout: 180_000,
}, async () => {
  const { sql } = system.database
  let seed = Number(process.env.SYNC_SEED ?? (Date.now() % 2147483646) + 1)
  const message = `SYNC_SEED=${seed} repeats this run`
  for (let kill = 0; kill < KILLS; kill++) {
    seed = next(seed)
    const moment: Moment = seed % 2 === 0 ? 'asked' : 'answered'
    let left = 2 + (seed % (PAGES + 1)) // the first request is for the account, and that of a resumed run proves it
    const child = startSync()
    const ended = once(child, 'close')
    watched.watch = (when) => {
      if (when === moment && --left === 0) child.kill('SIGKILL')
    }
    await ended
    watched.watch = () => {}
    await letLeaseRunOut(sql)
  }
  const [run] = await sql`select status, attempt from payments.sync_runs`
  expect(run?.status, message).toBe('running')
  // A run that is killed before its first page is no attempt. About one seed in 2,300 leaves at most two others.
  expect(run?.attempt, message).toBeGreaterThan(2)

  const last = startSync()
  expect(await once(last, 'close'), message).toEqual([0, null])
  const runs = await sql`
    select status, progress -> 'customers' -> 'seen' as customers, progress -> 'subscriptions' -> 'seen' as subscriptions,
      jsonb_path_query_array(progress, '$.*.deleted') as deleted
    from payments.sync_runs`
  expect(runs, message).toEqual([
    { status: 'succeeded', customers: CUSTOMERS, subscriptions: CUSTOMERS / 10, deleted: [0, 0, 0, 0] },
  ])

  const through = await anotherDatabase(system)
  try {
    expect((await runSync({ environment: 'test' }, through.deps)).status).toBe('succeeded')
    expect(await rowsOf(sql), message).toEqual(await rowsOf(through.database.sql))
  } finally {
    await through.close()
  }
})

test('a sync has one request to Stripe under way at a time, and so two pages in memory at most', async () => {
  const fresh = await anotherDatabase(system)
  const { deps } = createTestDeps({ ...fresh.env, STRIPE_API_BASE_URL: watched.url })
  let open = 0
  let most = 0
  let pages = 0
  watched.watch = (moment) => {
    open += moment === 'asked' ? 1 : -1
    pages += moment === 'asked' ? 1 : 0
    most = Math.max(most, open)
  }
  try {
    await runSync({ environment: 'test' }, deps)
    expect(pages).toBeGreaterThan(CUSTOMERS / 100)
    expect(most).toBe(1)
  } finally {
    watched.watch = () => {}
    await closeDeps(deps)
    await fresh.close()
  }
})
