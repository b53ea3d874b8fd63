/** Orders in which a life cycle may be told, and what must be true after each of them. */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { permutations } from '../../sql/support/calls.ts'
import type { Harness, Message, Outcome, Rows } from './harness.ts'
import { compared, expected } from './oracle.ts'
import { type ApiVersion, idOf, type Json, olderVersions, pressed, type Recording } from './recording.ts'

/** How many random runs each property does, and with which seed they begin. */
export const RUNS = numberFrom('PROPERTY_RUNS')
export const SEED = numberFrom('PROPERTY_SEED') ?? 20_260_101

function numberFrom(name: string): number | undefined {
  const { [name]: text = '' } = process.env
  if (text === '') return undefined
  if (/^\d+$/.test(text)) return Number(text)
  throw new Error(`${name} is "${text}". It must be a whole number.`)
}

const VERSIONS: ApiVersion[] = [null, ...olderVersions]
/** The second into which everything is pressed. */
const SECOND = 1_790_000_000

/** One telling of a life cycle. Numbers that are too large count around. */
export type Telling = {
  /** A permutation of the events. */
  order: number[]
  /** Which ones come again, and after how many messages. */
  again: { event: number; at: number; version: number }[]
  /** Answers of the API that come in between. */
  answers: { snapshot: number; at: number; when: number }[]
  /** The API version of each event. */
  versions: number[]
  /** How many events go in one call, again and again. */
  sizes: number[]
}

export type Kind = 'true time' | 'one second'

export type How = {
  /** Whether rebuilds are tried as well; `true` unless stated. */
  rebuild?: boolean
  /** Whether Stripe is asked what the database could not decide; `true` unless stated. */
  ask?: boolean
}

/** A life cycle that is loaded into the database. */
export type Stage = {
  recording: Recording
  /** Runs a telling and checks all that must hold after it. */
  tell(telling: Telling, kind: Kind, how?: How): Promise<Outcome>
  /** Tells the events in every order, each in a call of its own, and checks the same after each. */
  tellEveryOrder(kind: Kind, how: Pick<How, 'ask'>): Promise<void>
}

/** How many runs there were, and how often Stripe was asked what only it could decide. */
export type Counts = { runs: number; fetches: number }

export function stage(
  harness: Harness,
  recording: Recording,
  counts: Counts = { runs: 0, fetches: 0 },
): Stage {
  const { events, snapshots, end } = recording
  const kinds: Kind[] = ['true time', 'one second']
  const press = <T>(value: T, kind: Kind): T => (kind === 'true time' ? value : pressed(value, SECOND))
  const bodies = kinds.map((kind) =>
    events.map((told) => VERSIONS.map((version) => press(told.in(version), kind))),
  )
  const readAt = (kind: Kind) => (kind === 'true time' ? recording.last + 60 : SECOND + 60)
  /** The instants of law 2 at which an answer may have been true: asked as soon, as late, or somewhere between. */
  const answers = kinds.map((kind) =>
    snapshots.flatMap(({ object, from, until }) => {
      const latest = Number.isFinite(until) ? until : recording.last + 30
      const asked = [from, Math.floor((from + latest) / 2), latest]
      return asked.map((second) => ({
        snapshot: [press(object, kind)],
        at: kind === 'true time' ? second - 1 : Number.isFinite(until) ? SECOND - 1 : SECOND,
      }))
    }),
  )
  const messages: Message[] = [
    ...bodies.flatMap((ofKind) => ofKind.flatMap((ofEvent) => ofEvent.map((event) => ({ event })))),
    ...answers.flat(),
  ]
  const eventNumber = (kind: number, event: number, version: number) =>
    (kind * events.length + event) * VERSIONS.length + version
  const answerNumber = (kind: number, place: number) =>
    2 * events.length * VERSIONS.length + kind * (answers[0]?.length ?? 0) + place

  const ends = new Map(
    kinds.map((kind) => [kind, new Map([...end].map(([id, object]) => [id, press(object, kind)]))] as const),
  )
  const same = new Map<Kind, string>()
  const load = async (kind: Kind) => {
    if (harness.loaded === ends.get(kind)) return
    await harness.load(messages, ends.get(kind) ?? [])
    harness.loaded = ends.get(kind)
  }
  /** Checks what a telling led to. `numbers` are its messages in turn, `read` the objects that answers were about. */
  const judge = (
    outcome: Outcome,
    { telling, kind, ask, numbers, read }: Told & { numbers: number[]; read: string[] },
  ) => {
    counts.runs += 1
    counts.fetches += outcome.fetches.length
    const asked = ask ? outcome.fetches : []
    const heard = (number: number) => messages[number] as { event: Recording['events'][number]['event'] }
    const first = new Map(
      numbers
        .filter((number) => number < answerNumber(0, 0))
        .toReversed()
        .map((number) => [heard(number).event.id, heard(number).event]),
    )
    const story = describe(telling, kind, recording)
    check(outcome, ends.get(kind) ?? new Map(), [...first.values()], read, asked, story)
    // What cannot be ordered is told twice, with the items of a subscription that it had in between.
    const { stripe_subscription_items: items = 0, ...moved } = outcome.moved
    expect(
      kind === 'one second' || items === 0 ? moved : outcome.moved,
      `a rebuild deletes no row and inserts none\n${story()}`,
    ).toEqual({})
    expect(outcome.overlooked, `each row without an owner is remembered\n${story()}`).toEqual([])
    const { versions, again } = telling
    if (
      read.length === 0 &&
      asked.length === 0 &&
      [...versions, ...again.map(({ version }) => version)].every(
        (version) => version % VERSIONS.length === 0,
      )
    ) {
      const text = JSON.stringify(lasting(outcome.rows))
      expect(text, 'the very same rows, raw objects and versions included, as in another order').toBe(
        same.get(kind) ?? text,
      )
      same.set(kind, text)
    }
  }
  return {
    recording,
    async tell(telling, kind, { rebuild = true, ask = true } = {}) {
      const k = kinds.indexOf(kind)
      await load(kind)
      const { order, again, versions } = telling
      const numbers = order.map((event) => eventNumber(k, event, (versions[event] ?? 0) % VERSIONS.length))
      const insert = (at: number, number: number) => numbers.splice(at % (numbers.length + 1), 0, number)
      for (const { event, at, version } of again)
        insert(at, eventNumber(k, event % events.length, version % VERSIONS.length))
      const read = telling.answers.map(({ snapshot, at, when }) => {
        const place = (snapshot % snapshots.length) * 3 + (when % 3)
        insert(at, answerNumber(k, place))
        return String(snapshots[snapshot % snapshots.length]?.object.id)
      })
      const batches = inBatches(numbers, telling.sizes, answerNumber(0, 0))
      const outcome = await harness.run(batches, ask ? readAt(kind) : null, rebuild)
      judge(outcome, { telling, kind, ask, numbers, read })
      return outcome
    },
    async tellEveryOrder(kind, { ask = true }) {
      const k = kinds.indexOf(kind)
      await load(kind)
      const numbers = events.map((_, event) => eventNumber(k, event, 0))
      const outcomes = await harness.runOrders(numbers, ask ? readAt(kind) : null)
      const orders = permutations(plainly(events.length).order)
      expect(outcomes).toHaveLength(orders.length)
      for (const [place, order] of orders.entries())
        judge(outcomes[place] as Outcome, {
          telling: { ...plainly(events.length), order },
          kind,
          ask,
          numbers: order.map((event) => numbers[event] as number),
          read: [],
        })
    },
  }
}

/** A telling, and whether Stripe was asked what the database could not decide. */
type Told = { telling: Telling; kind: Kind; ask: boolean }

type Event = Recording['events'][number]['event']

function check(
  outcome: Outcome,
  end: Map<string, Json>,
  events: Event[],
  read: string[],
  asked: string[],
  story: () => string,
): void {
  const equal = (rows: Rows, what: string, readThem: string[]) => {
    const { shown, must } = compared(expected({ end, events, read: readThem }), rows)
    if (JSON.stringify(sorted(shown)) !== JSON.stringify(sorted(must)))
      expect(shown, `${what}\n${story()}`).toEqual(must)
  }
  expect(outcome.errors, story()).toEqual([])
  equal(outcome.rows, 'the projections equal the end state of Stripe', [...read, ...asked])
  if (outcome.rebuilt) expect(outcome.rebuilt, `a rebuild changes nothing\n${story()}`).toEqual(outcome.rows)
  if (outcome.remade && read.length === 0 && asked.length === 0)
    equal(outcome.remade, 'a rebuild from nothing gives the same rows', [])
  expect(outcome.effects, `each event was fulfilled once\n${story()}`).toEqual(
    Object.fromEntries(events.map(({ id }) => [id, 1])),
  )
}

/** What was told, so that a person can follow it. */
function describe(telling: Telling, kind: Kind, { events, snapshots }: Recording) {
  return () =>
    [
      `${kind}: ${telling.order
        .map((place) => {
          const { event } = events[place] as Recording['events'][number]
          const version = VERSIONS[(telling.versions[place] ?? 0) % VERSIONS.length]
          return `${place} ${event.type} of ${idOf(event)}${version ? ` in ${version}` : ''}`
        })
        .join('\n  ')}`,
      ...telling.again.map(({ event, at }) => `again: ${event % events.length}, at ${at}`),
      ...telling.answers.map(({ snapshot, at, when }) => {
        const answer = snapshots[snapshot % snapshots.length]
        return `answer about ${answer?.object.id} of ${answer?.from}–${answer?.until}, asked ${['early', 'between', 'late'][when % 3]}, at ${at}`
      }),
      `calls of ${telling.sizes.join(', ')}`,
    ].join('\n')
}

/** Answers of the API go alone; events in lists of these sizes. */
function inBatches(numbers: number[], sizes: number[], firstAnswer: number): number[][] {
  const batches: number[][] = []
  let open: number[] = []
  const close = () => {
    if (open.length > 0) batches.push(open)
    open = []
  }
  for (const number of numbers) {
    const size = sizes[batches.length % sizes.length] ?? 1
    if (number >= firstAnswer) {
      close()
      batches.push([number])
    } else {
      open.push(number)
      if (open.length >= size) close()
    }
  }
  close()
  return batches
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, sorted(item)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/** Without what differs from run to run: ids of rows, and when they were written. */
function lasting(rows: Rows): Rows {
  return Object.fromEntries(
    Object.entries(rows).map(([table, list]) => [
      table,
      list.map(({ id: _id, created_at: _created, ...rest }) => rest),
    ]),
  )
}

// ---- tellings

export const plainly = (events: number): Telling => ({
  order: Array.from({ length: events }, (_, place) => place),
  again: [],
  answers: [],
  versions: [],
  sizes: [1],
})

const place = fc.nat({ max: 9999 })
const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 })

/**
 * Random tellings: any order, some events again, and on request answers of the API and older API versions in between.
 */
export function tellings(events: number, { answers = 0, versions = false } = {}): fc.Arbitrary<Telling> {
  const all = Array.from({ length: events }, (_, number) => number)
  const version = versions ? fc.nat({ max: VERSIONS.length - 1 }) : fc.constant(0)
  return fc.record({
    order: fc.shuffledSubarray(all, { minLength: events, maxLength: events }),
    again: fc.array(fc.record({ event: place, at: place, version }), { maxLength: 4 }),
    answers: fc.array(fc.record({ snapshot: place, at: place, when: fc.nat({ max: 2 }) }), {
      maxLength: answers,
    }),
    versions: fc.array(version, { minLength: events, maxLength: events }),
    sizes,
  })
}

/** Tries random tellings; a failure names the seed and the smallest telling found. */
export async function holds(
  arbitrary: fc.Arbitrary<Telling>,
  runs: number,
  tell: (telling: Telling) => Promise<unknown>,
) {
  await fc.assert(
    fc.asyncProperty(arbitrary, async (telling) => void (await tell(telling))),
    { seed: SEED, numRuns: runs },
  )
}
