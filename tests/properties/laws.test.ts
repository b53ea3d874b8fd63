/** The laws of payment state, each a property of its own. */
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ingest, ingestAll, paymentRow, projectObjects, type Sql, undone } from '../sql/support/calls.ts'
import {
  checkoutSession,
  customer,
  eventOf,
  type Json,
  newId,
  price,
  product,
  subjectMetadata,
  subscription,
  T,
} from '../sql/support/stripe.ts'
import { createHarness, type Harness } from './support/harness.ts'
import { lifeCycle } from './support/life-cycles.ts'
import { compared, expected } from './support/oracle.ts'
import { record } from './support/recording.ts'
import { holds, plainly, RUNS, SEED, type Stage, stage, type Telling, tellings } from './support/runs.ts'

const runs = RUNS ?? 16
const timeout = 60_000 + runs * 2_000

let harness: Harness
const stages = new Map<string, Stage>()

beforeAll(async () => {
  harness = await createHarness()
})
afterAll(() => harness.close())

/** A life cycle in the database of this file. */
function on(name: string): Stage {
  const known = stages.get(name) ?? stage(harness, record(lifeCycle(name)))
  stages.set(name, known)
  return known
}

/** Tries something with random values, each time in a transaction that leaves nothing behind. */
const tried = <Value>(arbitrary: fc.Arbitrary<Value>, work: (sql: Sql, value: Value) => Promise<void>) =>
  fc.assert(
    fc.asyncProperty(arbitrary, (value) => undone(harness.database.sql, (sql) => work(sql, value))),
    { seed: SEED, numRuns: runs * 4 },
  )

const shuffled = <Item>(items: Item[]) =>
  fc.shuffledSubarray(items, { minLength: items.length, maxLength: items.length })

/** The one row with this id. */
async function row(sql: Sql, table: string, column: string, id: string): Promise<Json> {
  const rows = await sql<Json[]>`select * from payments.${sql(table)} where ${sql(column)} = ${id}`
  expect(rows.length).toBe(1)
  return rows[0] as Json
}

const varied = [
  'a renewal fails and the retry pays',
  'one of two refunds fails days later',
  'a second item is added and the first one removed',
  'two first checkouts of one subject are both paid',
  'a customer is deleted while subscribed',
]

test(
  'Convergence: whatever the order, repetition and interleaving of events and API snapshots, once all have arrived the projections equal what Stripe would answer now',
  async () => {
    for (const name of varied) {
      const here = on(name)
      const count = here.recording.events.length
      await holds(tellings(count, { answers: 10, versions: true }), Math.ceil(runs / 5), (telling) =>
        here.tell(telling, 'true time'),
      )
    }
  },
  timeout,
)

describe('A row has a version', () => {
  test('the instant its snapshot was true and where it came from: an older one never overwrites a newer one, and in the same second an answer of the API is the newer', async () => {
    const told = fc
      .uniqueArray(fc.record({ second: fc.nat({ max: 6 }), api: fc.boolean() }), {
        minLength: 1,
        maxLength: 10,
        selector: ({ second, api }) => second * 2 + Number(api),
      })
      .chain((snapshots) => shuffled(snapshots))
    await tried(told, async (sql, snapshots) => {
      const id = newId('prod')
      let newest = -1
      for (const { second, api } of snapshots) {
        const age = second * 2 + Number(api)
        const snapshot = product({ id, name: `${age}` })
        if (api) await projectObjects(sql, [snapshot], T + second)
        else await ingest(sql, eventOf('product.updated', snapshot, { created: T + second }))
        newest = Math.max(newest, age)
        expect((await row(sql, 'stripe_products', 'product_id', id)).name).toBe(`${newest}`)
      }
    })
  })
})

describe('Same second', () => {
  /** What Stripe tells of a walk from state to state within one second, after `created` in it or before it. */
  type Walk = { id: string; events: Json[]; last: Json }
  function walk(
    steps: Partial<Json>[],
    { inTheSameSecond, ends }: { inTheSameSecond: boolean; ends: boolean },
  ): Walk {
    const id = newId('cus')
    let state: Json = customer({ id, name: 'a', phone: 'a', metadata: { place: 'a' } })
    const events = [eventOf('customer.created', state, { created: inTheSameSecond ? T : T - 9 })]
    for (const step of steps) {
      const former = Object.fromEntries(
        Object.keys(step)
          .filter((key) => JSON.stringify(state[key]) !== JSON.stringify(step[key]))
          .map((key) => [key, state[key]]),
      )
      if (Object.keys(former).length === 0) continue
      state = { ...state, ...step }
      events.push(eventOf('customer.updated', state, { created: T, previous: former }))
    }
    if (ends) events.push(eventOf('customer.deleted', state, { created: T }))
    return {
      id,
      events,
      last: { name: state.name, phone: state.phone, metadata: state.metadata, deleted: ends },
    }
  }
  const letter = fc.constantFrom('a', 'b', 'c')
  const steps = fc.array(
    fc.oneof(
      fc.record({ name: letter }),
      fc.record({ phone: letter }),
      fc.record({ name: letter, metadata: fc.record({ place: letter }) }),
    ),
    { minLength: 1, maxLength: 5 },
  )
  const walks = fc
    .record({ steps, inTheSameSecond: fc.boolean(), ends: fc.boolean() })
    .map(({ steps, ...how }) => walk(steps, how))
    .chain(({ events, ...rest }) => fc.record({ ...constants(rest), events: shuffled(events) }))
  function constants(rest: Omit<Walk, 'events'>) {
    return { id: fc.constant(rest.id), last: fc.constant(rest.last) }
  }

  test('ties are settled by meaning and by former values, not by arrival, and what stays undecided is asked of Stripe', async () => {
    await tried(walks, async (sql, { id, events, last }) => {
      for (const answer of await ingestAll(sql, events)) {
        expect(answer.status).toBe('processed')
        if (answer.fetch.length > 0) await projectObjects(sql, [customer({ id, ...last })], T + 5)
      }
      expect(await row(sql, 'customers', 'provider_customer_id', id)).toMatchObject(last)
    })
  })

  test('whatever order they come in, the ledger that holds all of them decides as it did', async () => {
    await tried(walks, async (sql, { id, events, last }) => {
      const answers = await ingestAll(sql, events)
      const shown = await row(sql, 'customers', 'provider_customer_id', id)
      await sql`select payments.rebuild_projections('test')`
      const {
        synced_at: _,
        updated_at: __,
        ...again
      } = await row(sql, 'customers', 'provider_customer_id', id)
      expect(shown).toMatchObject(again)
      if (answers.every(({ fetch }) => fetch.length === 0)) expect(again).toMatchObject(last)
    })
  })
})

describe('Tombstones', () => {
  const things = {
    product: { table: 'stripe_products', column: 'product_id', make: product },
    price: { table: 'stripe_prices', column: 'price_id', make: price },
    customer: { table: 'customers', column: 'provider_customer_id', make: customer },
  } as const
  const life = fc.record({
    kind: fc.constantFrom('product', 'price', 'customer') as fc.Arbitrary<keyof typeof things>,
    updates: fc.array(fc.nat({ max: 5 }), { maxLength: 4 }),
    answers: fc.array(fc.record({ second: fc.nat({ max: 9 }), at: fc.nat({ max: 9 }) }), { maxLength: 3 }),
    order: fc.array(fc.nat({ max: 999 }), { minLength: 6, maxLength: 6 }),
  })

  test('what was deleted stays deleted; a late update cannot bring it back', async () => {
    await tried(life, async (sql, { kind, updates, answers, order }) => {
      const { table, column, make } = things[kind]
      const whole = make({ metadata: { kept: 'yes' } })
      const isGone = async () => (await row(sql, table, column, whole.id)).deleted === true
      const events = [
        eventOf(`${kind}.created`, whole, { created: T }),
        ...updates.map((second, place) =>
          eventOf(
            `${kind}.updated`,
            { ...whole, metadata: { kept: 'yes', place: String(place) } },
            {
              created: T + second,
              previous: { metadata: { place: null } },
            },
          ),
        ),
        eventOf(`${kind}.deleted`, whole, { created: T + 5 }),
      ]
      const told = events
        .map((event, place) => ({ event, at: order[place % order.length] ?? 0 }))
        .sort((a, b) => a.at - b.at)
      let gone = false
      for (const [place, { event }] of told.entries()) {
        await ingest(sql, event)
        gone ||= event.type.endsWith('.deleted')
        for (const { second } of answers.filter(({ at }) => at === place)) {
          const bare = { id: whole.id, object: kind, deleted: true }
          await projectObjects(sql, [second > 5 ? bare : whole], T + Math.min(second, 4))
          gone ||= second > 5
        }
        if (gone) expect(await isGone()).toBe(true)
      }
      expect((await row(sql, table, column, whole.id)).metadata).toMatchObject({ kept: 'yes' })
    })
  })

  test(
    'a subscription that has ended stays ended',
    async () => {
      const here = on('a subscription is changed three times and cancelled within one second')
      await holds(tellings(here.recording.events.length, { answers: 6 }), runs, async (telling) => {
        const { rows } = await here.tell(telling, 'true time', { rebuild: false })
        expect(rows.stripe_subscriptions?.map(({ status }) => status)).toEqual(['canceled'])
      })
    },
    timeout,
  )
})

test('Ownership is write-once: a subject, once known for a row, is never erased by an event that does not mention it', async () => {
  const told = fc
    .array(fc.constantFrom(null, '1', '2'), { minLength: 1, maxLength: 8 })
    .chain((subjects) => shuffled(subjects.map((subject, second) => ({ subject, second }))))
  await tried(told, async (sql, snapshots) => {
    const id = newId('sub')
    const first = (known: typeof snapshots) =>
      known.filter(({ subject }) => subject !== null).sort((a, b) => a.second - b.second)[0]?.subject ?? null
    for (const [place, { subject, second }] of snapshots.entries()) {
      const metadata = subject === null ? {} : subjectMetadata('team', subject)
      const object = subscription({ id, customer: `cus_${id}`, metadata })
      await ingest(sql, eventOf('customer.subscription.updated', object, { created: T + second }))
      const { subject_id } = await row(sql, 'stripe_subscriptions', 'subscription_id', id)
      expect(subject_id).toBe(first(snapshots.slice(0, place + 1)))
    }
  })
})

describe('Money is derived', () => {
  const cycles = [
    'a purchase is refunded in three parts',
    'one of two refunds fails days later',
    'a payment is refunded in part and the rest disputed',
    'a renewal is refunded in part',
  ]
  test(
    'a transaction is a pure function of the latest snapshot of each payment object, and one payment is one row, whichever of its ids is met first',
    async () => {
      for (const name of cycles) {
        const here = on(name)
        const count = here.recording.events.length
        const inOrder = await here.tell(plainly(count), 'true time', { rebuild: false })
        const lasting = (rows: Json[] = []) => rows.map(({ id: _, created_at: __, ...rest }) => rest)
        await holds(tellings(count), Math.ceil(runs / 4), async (telling) => {
          const { rows } = await here.tell(telling, 'true time', { rebuild: false })
          expect(lasting(rows.transactions)).toEqual(lasting(inOrder.rows.transactions))
        })
      }
    },
    timeout,
  )

  test('also while only a part of it is known: no row is ever refunded beyond its amount, and deriving it again changes nothing', async () => {
    const recording = record(lifeCycle('one of two refunds fails days later'))
    const told = tellings(recording.events.length).map(({ order }) => order)
    await tried(fc.tuple(told, fc.nat({ max: 20 })), async (sql, [order, length]) => {
      await ingestAll(
        sql,
        order.slice(0, length + 1).map((place) => recording.events[place]?.event as never),
      )
      const state = () => sql`select to_jsonb(t) as row from payments.transactions as t order by t.id`
      const before = await state()
      await sql`
        select payments_private.refresh_transactions('test', array_agg(p.payment_id))
        from (select distinct payment_id from payments_private.payment_objects) as p`
      expect(await state()).toEqual(before)
      const shown = sql`id, status, amount, amount_refunded, paid_at, failed_at, refunded_at, subject_id, related_object_ids`
      const derived = await sql`
        select ${shown} from payments_private.derived_transactions where status is not null
        except select ${shown} from payments.transactions where type <> 'refund'`
      expect(derived).toEqual([])
      for (const { row } of before) expect(row.amount_refunded).toBeLessThanOrEqual(row.amount)
    })
  })
})

test('Settled means paid: paid or no_payment_required; unpaid is pending however complete the session is', async () => {
  const paymentStatus = fc.constantFrom('paid', 'no_payment_required', 'unpaid')
  await tried(
    fc.tuple(paymentStatus, fc.constantFrom('payment', 'subscription')),
    async (sql, [payment_status, mode]) => {
      const names =
        mode === 'payment'
          ? { payment_intent: newId('pi') }
          : { subscription: newId('sub'), invoice: newId('in') }
      const session = checkoutSession({ mode, payment_status, ...names })
      const { event } = await ingest(sql, eventOf('checkout.session.completed', session))
      const { status, paid_at } = await paymentRow(sql, session.id)
      const isSettled = payment_status !== 'unpaid'
      expect({ status, isPaid: paid_at !== null }).toEqual({
        status: isSettled ? 'succeeded' : 'pending',
        isPaid: isSettled,
      })
      const [answer] = await sql`
      select payments.event_is_settled(w) as settled from payments.webhook_events as w
      where w.provider_event_id = ${event.provider_event_id}`
      expect(answer?.settled).toBe(isSettled)
    },
  )
})

test(
  'Nothing acknowledged is lost, nothing is fulfilled twice: ledger row and fulfilment commit together',
  async () => {
    const recording = record(lifeCycle('a purchase is refunded in full'))
    const count = recording.events.length
    const moods = fc.array(fc.nat({ max: 3 }), { minLength: count, maxLength: count })
    await tried(fc.tuple(tellings(count), moods), async (sql, [telling, failures]) => {
      // Before it fulfils, the app's trigger fails as often as is written here for each event.
      await sql`create table property.moods (event_id text, failures integer)`
      await sql.unsafe(`
        create function property.tg_mood() returns trigger language plpgsql security definer as $$
        begin
          if new.attempt_count <= (select failures from property.moods where event_id = new.provider_event_id) then
            raise exception 'not now';
          end if;
          return new;
        end $$;
        create trigger _600_mood after insert or update of processing_status on payments.webhook_events
          for each row when (new.processing_status = 'processed') execute function property.tg_mood()`)
      for (const [place, { event }] of recording.events.entries())
        await sql`insert into property.moods values (${event.id}, ${failures[place] ?? 0})`

      // Stripe delivers what was not acknowledged again, behind what is waiting.
      const waiting = inOrder(telling).map((place) => recording.events[place]?.event as never as Json)
      const acknowledged = new Set<string>()
      for (let event = waiting.shift(); event; event = waiting.shift()) {
        const { status } = await ingest(sql, event)
        if (status === 'failed') waiting.push(event)
        else acknowledged.add(event.id)
        const [known] = await sql`
          select count(*)::integer as processed, (select count(*)::integer from property.effects) as effects
          from payments.webhook_events where processing_status = 'processed'`
        expect(known).toEqual({ processed: acknowledged.size, effects: acknowledged.size })
      }
      const effects = await sql`select event_id from property.effects order by 1`
      expect(effects.map(({ event_id }) => event_id)).toEqual(
        recording.events.map(({ event }) => event.id).sort(),
      )
    })
  },
  timeout,
)

const inOrder = ({ order, again }: Telling): number[] => [
  ...order,
  ...again.map(({ event }) => event % order.length),
]

test(
  'The ledger is enough: rebuild_projections from an empty start gives the same rows',
  async () => {
    for (const name of varied) {
      const here = on(name)
      const { events, end } = here.recording
      await holds(tellings(events.length), Math.ceil(runs / 5), async (telling) => {
        const { remade, rebuilt, rows } = await here.tell(telling, 'true time')
        const told = { end, events: events.map(({ event }) => event), read: [] }
        const { shown, must } = compared(expected(told), remade ?? {})
        expect(shown).toEqual(must)
        expect(rebuilt).toBeNull()
        expect(Object.keys(remade ?? {})).toEqual(Object.keys(rows))
      })
    }
  },
  timeout,
)
