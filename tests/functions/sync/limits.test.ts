/** Runs that would not end by themselves: lists that go in circles, and runs that take too long. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Deps } from '../../../functions/app.ts'
import type { StripeApi } from '../../../functions/core/stripe.ts'
import { RUN_MS_MAX } from '../../../functions/sync/limits.ts'
import { recover } from '../../../functions/sync/recovery.ts'
import { runScheduled } from '../../../functions/sync/schedule.ts'
import { runSync } from '../../../functions/sync/sync.ts'
import { deliver, rowsOf, type SyncSystem, startSyncSystem } from './support/system.ts'

let system: SyncSystem

beforeEach(async () => {
  system = await startSyncSystem()
  await deliver(system.deps, system.stripe.control.events())
})
afterEach(() => system.close())

type List = StripeApi['list']

/** The same handlers over a Stripe whose lists are changed. */
function listing(change: (list: List) => List, more: Partial<Deps> = {}): Deps {
  const { deps } = system
  return {
    ...deps,
    ...more,
    stripe: async (environment) => {
      const stripe = await deps.stripe(environment)
      return { ...stripe, list: change(stripe.list) }
    },
  }
}

/** Pages of one object. */
const small =
  (list: List): List =>
  (kind, params) =>
    list(kind, { ...params, limit: 1 })

/** A clock that stands until it is moved. */
function clock() {
  let ms = 0
  return {
    now: () => ms,
    move: (by: number) => {
      ms += by
    },
  }
}

async function makeCustomers(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    system.stripe.control.advance(1)
    await system.api.customers.create({ email: `c${index}@example.com` })
  }
}

const since = () => new Date(Date.now() - 86_400_000).toISOString()
const known = async () =>
  (await system.database.sql`select count(*)::int as count from payments.webhook_events`)[0]?.count

describe('a list that repeats a page', () => {
  const repeating = (wanted: string) => (list: List) => {
    const first = new Map<string, unknown>()
    const one = small(list)
    return (async (kind, params) => {
      const page = (first.get(kind) as Awaited<ReturnType<List>>) ?? (await one(kind, params))
      if (kind === wanted) first.set(kind, page)
      return page
    }) as List
  }

  test('ends a sync with a sentence, buries nothing, and lets the next sync pass', async () => {
    await makeCustomers(3)
    await deliver(system.deps, system.stripe.control.events())
    system.stripe.control.advance(60)
    const before = await rowsOf(system.database.sql)
    const kinds = ['customers' as const]
    await expect(
      runSync({ environment: 'test', kinds }, listing(repeating('customers'))),
    ).rejects.toMatchObject({
      status: 502,
      code: 'UPSTREAM_FAILURE',
      message: "Stripe's list of customers repeats a page, so the sync has ended.",
      nextActions: 'Run it again. What was recorded stays.',
    })
    expect(await rowsOf(system.database.sql)).toEqual(before)
    expect((await runSync({ environment: 'test', kinds }, system.deps)).status).toBe('succeeded')
  })

  test('is seen in a circle of several pages as well', async () => {
    await makeCustomers(4)
    await deliver(system.deps, system.stripe.control.events())
    const circle = (list: List): List => {
      const pages: Promise<Awaited<ReturnType<List>>>[] = []
      let asked = 0
      return (kind, params) => {
        if (pages.length < 3) pages.push(small(list)(kind, params))
        return pages[asked++ % 3] as (typeof pages)[number]
      }
    }
    await expect(
      runSync({ environment: 'test', kinds: ['customers'] }, listing(circle)),
    ).rejects.toMatchObject({ message: "Stripe's list of customers repeats a page, so the sync has ended." })
  })

  test('ends a recovery with a sentence, and lets the next recovery pass', async () => {
    await makeCustomers(3)
    const options = { environment: 'test' as const, since: since() }
    await expect(recover(options, listing(repeating('events')))).rejects.toMatchObject({
      status: 502,
      code: 'UPSTREAM_FAILURE',
      message: "Stripe's list of events repeats a page, so the recovery has ended.",
      nextActions: 'Run it again. What was recorded stays.',
    })
    expect(await recover(options, system.deps)).toMatchObject({ recovered: 3, failed: 0 })
  })

  test('ends a recovery that reads from the oldest page to the newest', async () => {
    await makeCustomers(3)
    const forward = (list: List) => {
      let again: ReturnType<List> | undefined
      return ((kind, params) => {
        if (params.ending_before === undefined) return small(list)(kind, params)
        again ??= small(list)(kind, params)
        return again
      }) as List
    }
    await expect(recover({ environment: 'test', since: since() }, listing(forward))).rejects.toMatchObject({
      message: "Stripe's list of events repeats a page, so the recovery has ended.",
    })
  })
})

describe('a run that takes too long', () => {
  const tookTooLong = (what: string, command: string) =>
    `The ${what} was not done within the 10 minutes of a run. Run \`${command}\` again: it goes on from there.`

  test('ends a recovery with a sentence, and the next one goes on behind what was ingested', async () => {
    await makeCustomers(6)
    const before = await known()
    const { now, move } = clock()
    const slow = (list: List) =>
      ((kind, params) => {
        if (params.ending_before !== undefined) move(RUN_MS_MAX / 2)
        return list(kind, { ...params, limit: 2 })
      }) as List
    await expect(recover({ environment: 'test' }, listing(slow, { now }))).rejects.toMatchObject({
      status: 502,
      code: 'UPSTREAM_FAILURE',
      message: tookTooLong('recovery of test', 'pg-payments recover --environment test'),
    })
    const ingested = (await known()) - before
    expect(ingested).toBeGreaterThan(0)
    expect(ingested).toBeLessThan(6)
    const [row] = await system.database.sql`
      select events_complete_until = max(e.provider_created_at) as reached
      from payments.provider_connections as c, payments.webhook_events as e
      where c.environment = 'test' group by events_complete_until`
    expect(row).toEqual({ reached: true })
    expect(await recover({ environment: 'test' }, system.deps)).toMatchObject({ recovered: 6 - ingested })
  })

  test('interrupts a sync that is called alone, and the next one resumes it', async () => {
    await makeCustomers(3)
    const { now, move } = clock()
    const slow = (list: List) =>
      ((kind, params) => {
        if (kind === 'customers') move(RUN_MS_MAX)
        return list(kind, params)
      }) as List
    const first = await runSync({ environment: 'test' }, listing(slow, { now }))
    expect(first).toMatchObject({ status: 'interrupted', attempt: 1, error: null })
    const second = await runSync({ environment: 'test' }, system.deps)
    expect(second).toMatchObject({ id: first?.id, status: 'succeeded', attempt: 2 })
  })

  test('ends a schedule with sentences, and the next one resumes its sync', async () => {
    await makeCustomers(3)
    const { now, move } = clock()
    const slow = (list: List) =>
      ((kind, params) => {
        if (kind === 'customers') move(RUN_MS_MAX)
        return list(kind, params)
      }) as List
    const first = await runScheduled(listing(slow, { now }))
    expect(first.recoveries).toMatchObject([{ environment: 'test' }])
    expect(first.syncs).toMatchObject([{ status: 'interrupted', attempt: 1 }])
    expect(first.failures).toEqual([
      {
        part: 'sync',
        environment: 'test',
        message: tookTooLong('sync of test', 'pg-payments schedule run'),
      },
    ])
    const second = await runScheduled(system.deps)
    expect(second).toMatchObject({ failures: [], syncs: [{ status: 'succeeded', attempt: 2 }] })
    expect(second.syncs[0]?.id).toBe(first.syncs[0]?.id)
  })

  test('begins no part of a schedule whose time is over', async () => {
    const { now, move } = clock()
    const slow = (list: List) =>
      ((kind, params) => {
        if (kind === 'events') move(RUN_MS_MAX)
        return list(kind, params)
      }) as List
    await makeCustomers(1)
    const { failures, syncs } = await runScheduled(listing(slow, { now }))
    expect(syncs).toEqual([])
    expect(failures).toMatchObject([
      { part: 'recover', message: expect.stringContaining('The recovery of test was not done') },
      { part: 'sync', message: expect.stringContaining('The sync of test was not done') },
    ])
  })
})
