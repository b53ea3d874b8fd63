/**
 * The handlers are killed and Postgres crashes at random moments, while Stripe delivers until it gets a 2xx. What was
 * acknowledged is in the ledger and was fulfilled once. Real processes: `pg-payments serve`, and a Postgres of its
 * own that waits for its disk.
 */
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrate } from '../../scripts/cli/commands/migrate.ts'
import { uncommittedSql } from '../../scripts/dev/generators/sources.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../scripts/dev/postgres.ts'
import { signatureOf } from '../functions/support/events.ts'
import { type ServerProcess, startProcess } from '../functions/support/process.ts'
import { WEBHOOK_SECRET } from '../functions/support/system.ts'
import { JWT_SECRET } from '../functions/support/tokens.ts'
import { open } from '../setup/server.ts'
import { empty, HARNESS, rowsOf } from './support/harness.ts'
import { lifeCycle } from './support/life-cycles.ts'
import { compared, expected } from './support/oracle.ts'
import { isProjected, record, type StripeEvent } from './support/recording.ts'
import { RUNS, SEED } from './support/runs.ts'

const crashes = Math.min(RUNS ?? 3, 40)
const timeout = 120_000 + crashes * 15_000

/** Something that can go down at any moment, and whoever needs it waits until it is there again. */
type Machine<Running> = { up: Promise<Running>; crash(): Promise<unknown>; crashes: number }

function machine<Running>(
  start: (before?: Running) => Promise<Running>,
  kill: (running: Running) => Promise<unknown>,
): Machine<Running> {
  const self: Machine<Running> = {
    up: start(),
    crashes: 0,
    crash() {
      self.crashes += 1
      self.up = self.up.then(async (running) => {
        await kill(running)
        return start(running)
      })
      return self.up
    },
  }
  return self
}

let directory: string
let postgres: Machine<EmbeddedPostgres>
let handler: Machine<ServerProcess>

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pg-payments-crashes-'))
  await chmod(directory, 0o755)
  const dataDir = join(directory, 'data')
  postgres = machine(
    (before?: EmbeddedPostgres) =>
      startEmbeddedPostgres({ dataDir, ...(before ? { port: Number(new URL(before.url).port) } : {}) }),
    async (running) => {
      // SIGQUIT: Postgres stops at once, as in a crash, and recovers from its log at the next start.
      const [pid] = (await readFile(join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')
      process.kill(Number(pid), 'SIGQUIT')
      await running.stop()
    },
  )
  const { url } = await postgres.up
  await migrate({ databaseUrl: url })
  const sql = open(url)
  await sql.begin(async (transaction) => {
    await transaction.unsafe((await uncommittedSql()) || 'select')
    await transaction.unsafe(HARNESS)
  })
  await sql.end()
  handler = machine(
    () =>
      startProcess(process.execPath, ['--import', 'tsx', 'scripts/cli/main.ts', 'serve', '--port', '0'], {
        DATABASE_URL: url,
        PAYMENTS_JWT_SECRET: JWT_SECRET,
        PAYMENTS_ADMIN_KEY: 'ik_admin_key_of_these_tests',
        STRIPE_TEST_SECRET_KEY: 'sk_test_of_these_tests',
        STRIPE_TEST_WEBHOOK_SECRET: WEBHOOK_SECRET,
        STRIPE_API_BASE_URL: 'http://127.0.0.1:9',
      }),
    (server) => server.end('SIGKILL'),
  )
})

afterAll(async () => {
  await (await handler.up).end()
  await (await postgres.up).stop()
  await rm(directory, { recursive: true, force: true })
})

/** One attempt; whether it was acknowledged. */
async function attempt(event: StripeEvent): Promise<boolean> {
  const [{ url }] = await Promise.all([handler.up, postgres.up])
  const body = JSON.stringify(event)
  try {
    const response = await fetch(`${url}/api/webhooks/stripe/test`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'stripe-signature': signatureOf(body) },
      body,
    })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false // nobody is there
  }
}

describe.each([
  ['the handlers are killed', () => [handler]],
  ['Postgres crashes', () => [postgres]],
  ['both do', () => [handler, postgres]],
] as const)('while %s at random moments', (_, machines) => {
  test(
    'every event that was acknowledged is in the ledger and was fulfilled once',
    async () => {
      const going = machines()
      const fallen = () => going.reduce((sum, { crashes: times }) => sum + times, 0)
      const fallenBefore = fallen()
      const before = open((await postgres.up).url)
      await empty(before)
      await before.end()
      const recordings = [
        'a purchase is refunded in three parts',
        'a renewal fails and the retry pays',
        'a customer is deleted while subscribed',
        'an open invoice is credited in part, then paid',
        'a schedule is changed, then released',
        'a trial without a card ends',
        'a card is saved, and a subscription is paid with it',
        'an authorized payment is captured in part',
        'a cart of two prices, one of them made up, is bought and refunded in part',
      ].map((name, place) => record(lifeCycle(name), { everything: true, seed: SEED + place }))
      const events = recordings.flatMap((recording) => recording.events.map(({ event }) => event))
      const all = { minLength: events.length, maxLength: events.length }
      const [[deliveries, moments] = [events, []]] = fc.sample(
        fc.tuple(
          fc.shuffledSubarray(events, all),
          fc.uniqueArray(fc.record({ at: fc.nat({ max: events.length - 1 }), turns: fc.nat({ max: 60 }) }), {
            minLength: crashes,
            maxLength: crashes,
            selector: ({ at }) => at,
          }),
        ),
        { seed: SEED, numRuns: 1 },
      )

      const acknowledged = new Set<string>()
      const waiting = [...deliveries]
      let attempts = 0
      const lane = async () => {
        for (let event = waiting.shift(); event; event = waiting.shift()) {
          const moment = moments.find(({ at }) => at === attempts)
          attempts += 1
          const answer = attempt(event)
          if (moment) {
            for (let turns = 0; turns < moment.turns; turns += 1) await turn()
            await going[moment.at % going.length]?.crash()
          }
          if (await answer) acknowledged.add(event.id)
          else waiting.push(event)
          expect(attempts).toBeLessThan(events.length * 20)
        }
      }
      await Promise.all([lane(), lane(), lane(), lane()])
      expect(fallen() - fallenBefore).toBe(crashes)
      expect(acknowledged.size).toBe(events.length)

      const sql = open((await postgres.up).url)
      try {
        const kept = await sql<{ id: string; processing_status: string; effects: number }[]>`
          select w.provider_event_id as id, w.processing_status,
            (select count(*)::integer from property.effects as e where e.event_id = w.provider_event_id) as effects
          from payments.webhook_events as w
          where w.provider_event_id in ${sql([...acknowledged])}`
        const outcome = (projected: boolean) => (projected ? 'processed, 1' : 'ignored, 0')
        expect(
          new Map(kept.map(({ id, processing_status, effects }) => [id, `${processing_status}, ${effects}`])),
        ).toEqual(new Map(events.map((event) => [event.id, outcome(isProjected(event))])))
        const end = new Map(recordings.flatMap((recording) => [...recording.end]))
        const { shown, must } = compared(
          expected({ end, events: events.filter(isProjected), read: [] }),
          await rowsOf(sql),
        )
        expect(shown).toEqual(must)
      } finally {
        await sql.end()
      }
    },
    timeout,
  )
})
