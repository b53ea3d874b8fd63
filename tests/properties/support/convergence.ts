/** The tests that every life cycle must pass. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness } from './harness.ts'
import { lifeCycles } from './life-cycles.ts'
import { type Recording, record } from './recording.ts'
import { type How, holds, type Kind, RUNS, type Stage, stage, tellings } from './runs.ts'

/** Random runs of each of the four kinds. */
const runs = RUNS ?? 4
const timeout = 60_000 + runs * 2_000

export function converge(which: (recording: Recording) => boolean): void {
  const recordings = lifeCycles.map((cycle) => record(cycle)).filter(which)
  let harness: Harness
  const told: string[] = []

  beforeAll(async () => {
    harness = await createHarness()
  })
  afterAll(async () => {
    await harness.close()
    if (RUNS !== undefined) console.log(told.join('\n'))
  })

  describe.each(recordings)('$name', (recording) => {
    const { name } = recording
    const events = recording.events.length
    const counts = { runs: 0, fetches: 0 }
    let on: Stage
    beforeAll(() => {
      on = stage(harness, recording, counts)
    })
    afterAll(() => {
      told.push(`| ${name} | ${events} | ${counts.runs} | ${counts.fetches} |`)
    })
    const try_ = (kind: Kind, options = {}, how: How = {}) =>
      holds(tellings(events, options), runs, (telling) => on.tell(telling, kind, how))

    if (events <= 6) {
      test.each([
        ['at their times', 'true time'],
        ['all in one second', 'one second'],
      ] as const)(
        'shows what Stripe shows after every order of its events, %s',
        (_, kind) => on.tellEveryOrder(kind, { ask: kind === 'one second' }),
        timeout,
      )
    }

    test(
      'shows what Stripe shows after any order with repetitions, without asking Stripe',
      async () => {
        const before = counts.fetches
        await try_('true time', {}, { ask: false })
        // While an event of a second is missing, the database may ask; it needs no answer, for the event comes.
        if (!name.endsWith('within one second')) expect(counts.fetches).toBe(before)
      },
      timeout,
    )

    test('shows what Stripe shows when all of it happened in one second', () => try_('one second'), timeout)

    test(
      'shows what Stripe shows when answers of the API come in between',
      () => try_('true time', { answers: 8 }),
      timeout,
    )

    test(
      'shows what Stripe shows when each event has another API version, answers come in between and all is in one second',
      async () => {
        await holds(tellings(events, { versions: true }), Math.ceil(runs / 2), (telling) =>
          on.tell(telling, 'true time'),
        )
        await holds(tellings(events, { versions: true, answers: 4 }), Math.ceil(runs / 2), (telling) =>
          on.tell(telling, 'one second'),
        )
      },
      timeout,
    )
  })
}
