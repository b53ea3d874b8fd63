/** The bench runs and prints what it promises. No test asserts a speed. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createEventStream, KINDS, MIX } from '../../scripts/bench/events.ts'
import { isOptionError, readOptions } from '../../scripts/bench/options.ts'

const run = promisify(execFile)
const BENCH = fileURLToPath(new URL('../../scripts/bench/main.ts', import.meta.url))

const ratio = expect.any(Number)
const each = { bare_limit: ratio, handler: ratio, sync_engine: ratio }
const firstEvents = {
  bare_limit: ratio,
  customer: ratio,
  subscription: ratio,
  payment: ratio,
  refund: ratio,
  session: ratio,
}

describe('npm run bench', () => {
  test('prints its results as one line of JSON at the end, and takes one round trip for each event', async () => {
    const options = [
      '--json',
      '--events',
      '40',
      '--connections',
      '1,16',
      '--rounds',
      '1',
      '--growth',
      'none',
      '--fresh',
      '1',
      '--processes',
      '2',
      '--locked',
      '1',
    ]
    const { stdout } = await run(process.execPath, ['--import', 'tsx', BENCH, ...options])
    const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
    expect(result).toMatchObject({
      ratios: { bare_limit: { 1: ratio, 16: ratio }, sync_engine: { 1: ratio, 16: ratio } },
      latency_ms: { 1: { p50: ratio, p99: ratio }, 16: { p50: ratio, p99: ratio } },
      growth: { rows: [], ratio_to_empty: [], by_type: [] },
      round_trips_per_event: 1,
      cpu_us: { 1: each, 16: each },
      first_event_ms: firstEvents,
      later_event_ms: firstEvents,
      processes: {
        processes: 2,
        ratios: { bare_limit: ratio, sync_engine: ratio },
        events_per_second: each,
        cpu_us: each,
      },
      locked_row: { events: 20, usual_ms: ratio, locked_ms: ratio, ratio },
      config: {
        postgres: { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' },
        events: 40,
        rounds: 1,
        connections: [1, 16],
      },
    })
  })

  test('syncs every customer of a local Stripe twice, and prints speed and memory of both as one line of JSON', async () => {
    const { stdout } = await run(process.execPath, ['--import', 'tsx', BENCH, '--sync', '300', '--json'])
    const round = { objects_per_second: ratio, peak_rss_mb: ratio, peak_heap_mb: ratio }
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({
      sync: { customers: 300, first: round, second: round },
    })
  })

  test('compares the handler with the floor of its tables, and prints both as one line of JSON', async () => {
    const options = [
      '--floor',
      '--json',
      '--events',
      '20',
      '--connections',
      '1,16',
      '--rounds',
      '1',
      '--processes',
      '2',
      '--fresh',
      '1',
    ]
    const { stdout } = await run(process.execPath, ['--import', 'tsx', BENCH, ...options])
    const floors = { public_floor: ratio, floor: ratio, reading_floor: ratio }
    const ours = { handler: ratio, ...floors }
    const three = { bare_limit: ratio, handler: ratio, sync_engine: ratio }
    const cpu = { ...three, ...floors }
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({
      floor: {
        ratios_of_bare_limit: { 1: ours, 16: ours },
        ratios_of_sync_engine: { 1: ours, 16: ours },
        cpu_us: { 1: cpu, 16: cpu },
        processes: {
          processes: 2,
          ratios: { bare_limit: ratio, sync_engine: ratio },
          events_per_second: three,
          cpu_us: three,
        },
        first_event_ms: { public_floor: firstEvents, floor: firstEvents, reading_floor: firstEvents },
      },
    })
  })

  test('refuses an option that it does not know, with a sentence', () => {
    for (const args of [
      ['--rounds', 'many'],
      ['--growth', 'huge'],
      ['--sync=0'],
      ['--processes', '65'],
      ['--fresh', 'all'],
      ['--locked', '-1'],
      ['--fast'],
    ]) {
      let refused: unknown
      try {
        readOptions(args)
      } catch (error) {
        refused = error
      }
      expect(isOptionError(refused)).toBe(true)
    }
  })
})

describe('the events of the bench', () => {
  test('are the same for the same seed', () => {
    expect(createEventStream(5).take(100)).toEqual(createEventStream(5).take(100))
    expect(createEventStream(5).take(1)).not.toEqual(createEventStream(6).take(1))
  })

  test('come in the mix that is promised, with bodies of 2 to 6 KB', () => {
    const events = createEventStream(1).take(2000)
    for (const kind of KINDS) {
      expect(events.filter((event) => event.kind === kind)).toHaveLength(MIX[kind] * 100)
    }
    const sizes = events.map(({ body }) => Buffer.byteLength(body))
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(2048)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(6144)
    expect(new Set(events.map(({ id }) => id)).size).toBe(2000)
  })

  test('name the other objects of their payment, as Stripe does', () => {
    const objects = createEventStream(1)
      .take(4000)
      .map(({ body }) => JSON.parse(body).data.object)
    const of = (kind: string) => objects.filter(({ object }) => object === kind)
    const intents = new Map(of('payment_intent').map((intent) => [intent.id, intent]))
    const sessions = of('checkout.session').filter(({ payment_intent }) => intents.has(payment_intent))
    const charges = of('charge').filter((charge) => intents.has(charge.payment_intent))
    const refunds = of('refund').filter((refund) => of('charge').some(({ id }) => id === refund.charge))
    const invoices = of('invoice').filter(({ parent }) =>
      of('subscription').some(({ id }) => id === parent.subscription_details.subscription),
    )
    for (const found of [sessions, charges, refunds, invoices]) expect(found.length).toBeGreaterThan(50)
    for (const charge of charges) expect(charge.id).toBe(intents.get(charge.payment_intent)?.latest_charge)
  })
})
