/** The same logs over eight connections at once. */
import * as fc from 'fast-check'
import type postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { open } from '../setup/server.ts'
import { ingest, projectObjects } from '../sql/support/calls.ts'
import { createHarness, empty, type Harness } from './support/harness.ts'
import { lifeCycle } from './support/life-cycles.ts'
import { compared, expected } from './support/oracle.ts'
import { isProjected, type Recording, record, type StripeEvent } from './support/recording.ts'
import { RUNS, SEED } from './support/runs.ts'

const CONNECTIONS = 8
const runs = RUNS ?? 4
const timeout = 60_000 + runs * 4_000

let harness: Harness
let connections: postgres.Sql[]

beforeAll(async () => {
  harness = await createHarness()
  connections = Array.from({ length: CONNECTIONS }, () => open(harness.database.url))
})
afterAll(async () => {
  await Promise.all(connections.map((sql) => sql.end()))
  await harness.close()
})

/** Every connection takes the next delivery as soon as it has done with its last one. */
async function deliver(events: StripeEvent[], { end, last }: Pick<Recording, 'end' | 'last'>): Promise<void> {
  const waiting = [...events]
  await Promise.all(
    connections.map(async (sql) => {
      for (let event = waiting.shift(); event; event = waiting.shift()) {
        const answer = await ingest(sql, event as never)
        expect(answer.event.last_error).toBeNull()
        for (const { id } of answer.fetch) await projectObjects(sql, [end.get(id) as never], last + 60)
      }
    }),
  )
}

const effects = async () => {
  const rows = await harness.database.sql<{ event_id: string; times: number }[]>`
    select event_id, count(*)::integer as times from property.effects group by 1`
  return Object.fromEntries(rows.map(({ event_id, times }) => [event_id, times]))
}

const cycles = [
  'a declined card, then one that pays',
  'a purchase is refunded in three parts',
  'one of two refunds fails days later',
  'a dispute is won',
  'a renewal fails and the retry pays',
  'a second item is added and the first one removed',
  'a trial is announced to end, ends and is paid',
  'two first checkouts of one subject are both paid',
  'two subjects buy with one customer',
  'a customer of a subject gets a subscription and an invoice that name no subject',
  'a customer is deleted while subscribed',
  'a subscription is changed three times and cancelled within one second',
  'a paid invoice is credited, with a refund and to the balance',
  'a downgrade waits in a schedule until the period ends',
  'an update waits for its payment and is made, another one expires',
  'a trial without a card is paused, then resumed',
  'a card is saved, and a subscription is paid with it',
  'an authorized payment is captured in part, and part of that is refunded',
  'a cart of two prices, one of them made up, is bought and refunded in part',
]

test.each(cycles)(
  'over eight connections: %s',
  async (name) => {
    const recording = record(lifeCycle(name), { everything: true })
    const events = recording.events.map(({ event }) => event)
    const told = events.filter(isProjected)
    const twice = fc.shuffledSubarray([...events, ...events], {
      minLength: 2 * events.length,
      maxLength: 2 * events.length,
    })
    for (const deliveries of fc.sample(twice, { seed: SEED, numRuns: runs })) {
      await empty(harness.database.sql)
      await deliver(deliveries, recording)
      const { shown, must } = compared(
        expected({ end: recording.end, events: told, read: [] }),
        await harness.rows(),
      )
      expect(shown).toEqual(must)
      expect(await effects()).toEqual(Object.fromEntries(told.map(({ id }) => [id, 1])))
    }
  },
  timeout,
)

test(
  'over eight connections: many lives at once, some with the same subject',
  async () => {
    await empty(harness.database.sql)
    const recordings = cycles.flatMap((name, place) =>
      [1, 2].map((seed) => record(lifeCycle(name), { seed: 1000 * seed + place })),
    )
    const events = recordings.flatMap((recording) => recording.events.map(({ event }) => event))
    const all = { minLength: events.length, maxLength: events.length }
    const [deliveries = []] = fc.sample(fc.shuffledSubarray(events, all), { seed: SEED, numRuns: 1 })
    const end = new Map(recordings.flatMap((recording) => [...recording.end]))
    await deliver(deliveries, { end, last: Math.max(...recordings.map(({ last }) => last)) })
    const { shown, must } = compared(expected({ end, events, read: [] }), await harness.rows())
    expect(shown).toEqual(must)
    expect(await effects()).toEqual(Object.fromEntries(events.map(({ id }) => [id, 1])))
  },
  timeout,
)
