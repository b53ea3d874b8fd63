/**
 * From each finding of an environment's health back to green. The test runs what `doctor` prints as it stands, and the
 * events that were lost meanwhile are fulfilled.
 */
import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { Stripe } from 'stripe'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createLog } from '../../functions/app.ts'
import { type NodeServer, startServer } from '../../functions/node.ts'
import type { Finding } from '../../scripts/cli/commands/doctor/report.ts'
import { HEALTH_CODES } from '../../scripts/cli/commands/explain/codes.ts'
import { type LocalStripe, startLocalStripe } from '../../scripts/local-stripe/index.ts'
import { productEvent, signatureOf } from '../functions/support/events.ts'
import { ADMIN_KEY } from '../functions/support/system.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { runCli } from './support.ts'

const PATH = '/api/webhooks/stripe/test'
const encryptionKey = randomBytes(32).toString('base64')

let database: TestDatabase
let stripe: LocalStripe
let api: Stripe
let port: number
let server: NodeServer | undefined
/** The variables of the handlers, which a case breaks and a deployer corrects. */
let env: Record<string, string>

beforeAll(async () => {
  ;[database, stripe] = await Promise.all([createTestDatabase(), startLocalStripe({ retrySchedule: [10] })])
  const { hostname, port: stripePort } = new URL(stripe.url)
  api = new Stripe(stripe.secretKey, { host: hostname, port: stripePort, protocol: 'http' })
})
afterAll(async () => {
  await server?.close()
  await stripe.close()
  await database.close()
})

/** A deployment where all is well: its endpoint is managed, and its first event has arrived. */
beforeEach(async () => {
  stripe.control.clearFailures()
  for (const { id } of (await api.webhookEndpoints.list()).data) await api.webhookEndpoints.del(id)
  await database.sql`
    truncate payments.webhook_events, payments.provider_connections, payments_private.secrets,
      payments_private.refused_signatures`
  port = await freePort()
  env = {
    DATABASE_URL: database.url,
    PAYMENTS_ADMIN_KEY: ADMIN_KEY,
    PAYMENTS_ENCRYPTION_KEY: encryptionKey,
    PAYMENTS_PUBLIC_URL: `http://127.0.0.1:${port}`,
    STRIPE_API_BASE_URL: stripe.url,
  }
  await serve()
  await run('stripe config set --environment test')
  offered ??= await offer()
  bought = []
  await buy()
  expect(await arrived()).toEqual([true])
})

/** The price of the one offer, which every case leaves as it was. */
let offered: string | undefined

async function offer(): Promise<string> {
  const { id: product } = await api.products.create({ name: 'Plan' })
  const { id: price } = await api.prices.create({ product, currency: 'eur', unit_amount: 1900 })
  await stripe.control.settled()
  await run(`offers set plan --environment test --price ${price} --mode payment`)
  return price
}

/** Both changes may be of one second, which the handlers then ask Stripe about. */
async function setActive(active: boolean): Promise<void> {
  const price = offered ?? ''
  await api.prices.update(price, { active })
  const read = () => database.sql`select active from payments.stripe_prices where price_id = ${price}`
  await expect.poll(read, { timeout: 20_000 }).toEqual([{ active }])
}

async function freePort(): Promise<number> {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port: free } = taken.address() as AddressInfo
  await new Promise((resolve) => taken.close(resolve))
  return free
}

/** Starts the handlers with these variables, and stops the previous ones. */
async function serve(changes: Record<string, string | undefined> = {}): Promise<void> {
  await server?.close()
  env = Object.fromEntries(
    Object.entries({ ...env, ...changes }).filter(([, value]) => value !== undefined),
  ) as Record<string, string>
  server = await startServer({ env, port, host: '127.0.0.1', drainMs: 50, log: createLog(() => {}) })
}

const cliEnv = () => ({
  PAYMENTS_API_URL: `http://127.0.0.1:${port}${env.PAYMENTS_BASE_PATH ?? ''}`,
  PAYMENTS_ADMIN_KEY: ADMIN_KEY,
})

/** Runs a command without its first word. The key of the account is piped to the one that asks for it. */
async function run(command: string): Promise<void> {
  const asksForKey = command.startsWith('stripe config set')
  const args = asksForKey ? [...command.split(' '), '--secret-key', '-'] : command.split(' ')
  const { code, err } = await runCli(args, { env: cliEnv(), input: stripe.secretKey })
  expect(code, `${command}: ${err}`).toBe(0)
}

async function wrong(): Promise<Finding[]> {
  const { json } = await runCli(['doctor', '--environment', 'test', '--json'], { env: cliEnv() })
  return json<{ findings: Finding[] }>().findings.filter(({ status }) => status !== 'ok')
}

/** The commands that a finding prints, in their order: in its sentence, and behind "Run:". */
const commandsOf = ({ next }: Finding) =>
  [...(next ?? '').matchAll(/`pg-payments ([^`]+)`|(?:Run: |&& )pg-payments (.+?)(?= &&|$)/g)].map(
    ([, quoted, printed]) => (quoted ?? printed) as string,
  )

let bought: string[] = []

/** Something is sold at Stripe, whose event arrives or is lost. */
async function buy(): Promise<void> {
  bought.push((await api.products.create({ name: 'Sold' })).id)
  await stripe.control.settled()
}

/** Of each thing that was sold, whether its event has been processed. */
const arrived = () =>
  Promise.all(
    bought.map(async (id) => {
      const rows = await database.sql`
        select from payments.webhook_events
        where object_id = ${id} and event_type = 'product.created' and processing_status = 'processed'`
      return rows.length === 1
    }),
  )

const endpoint = async () => (await api.webhookEndpoints.list()).data[0]?.id ?? ''
const deliver = (secret: string, ageSeconds = 0) => {
  const body = JSON.stringify(productEvent('prod_forged', 'Cap'))
  return fetch(`http://127.0.0.1:${port}${PATH}`, {
    method: 'POST',
    headers: { 'stripe-signature': signatureOf(body, { secret, ageSeconds }) },
    body,
  })
}

type Case = {
  /** Ends with a sale whose event is lost, if the finding is about lost events. */
  break: () => Promise<unknown>
  /** What a sentence asks of the deployer, before the commands. */
  byHand?: () => Promise<unknown>
  /** Of the commands that a finding prints, those for this deployment; all of them if it is left out. */
  choose?: (commands: string[]) => string[]
}

/** Forgets what is managed here, as where key and secret are variables and the endpoint was made by hand. */
async function byVariables(secret?: string): Promise<void> {
  await run('stripe config remove --environment test --yes')
  await serve({ STRIPE_TEST_SECRET_KEY: stripe.secretKey, STRIPE_TEST_WEBHOOK_SECRET: secret })
}

const endpointByHand = () => stripe.control.addEndpoint({ url: `http://127.0.0.1:${port}${PATH}` })
const secretByHand = () => serve({ STRIPE_TEST_WEBHOOK_SECRET: endpointByHand().secret })
const onlyRecover = (commands: string[]) => commands.filter((command) => command.startsWith('recover'))
const afterMove = (commands: string[]) => commands.slice(1) // no copy

async function failEvents(attempts: number): Promise<void> {
  await database.sql`
    create or replace function public.tg_refuse() returns trigger language plpgsql as
    $$ begin raise exception 'no stock'; end $$`
  await database.sql`
    create trigger _500_refuse before insert or update on payments.webhook_events for each row
    when (new.processing_status = 'processed') execute function public.tg_refuse()`
  await buy()
  await database.sql`
    update payments.webhook_events set attempt_count = ${attempts},
      next_attempt_at = case when ${attempts} < 12 then next_attempt_at end
    where processing_status = 'failed'`
}

/** Stripe gives up the event, because no handlers answer. */
async function saleWhileAway(): Promise<void> {
  await server?.close()
  server = undefined
  await buy()
}

const mendTrigger = () => database.sql`drop trigger _500_refuse on payments.webhook_events`

const CASES: Record<string, Case> = {
  no_key: { break: () => run('stripe config remove --environment test --yes').then(buy) },
  secrets_unreadable: {
    break: () => serve({ PAYMENTS_ENCRYPTION_KEY: randomBytes(32).toString('base64') }).then(buy),
  },
  key_refused: {
    break: async () => {
      const rolled = 'sk_test_rolled_in_the_dashboard'
      stripe.control.addKey({ key: rolled })
      const set = ['stripe', 'config', 'set', '-', '--environment', 'test']
      expect(await runCli(set, { env: cliEnv(), input: rolled })).toMatchObject({ code: 0 })
      stripe.control.revokeKey(rolled)
    },
  },
  stripe_unreachable: {
    break: async () =>
      stripe.control.fail({
        path: '/v1/webhook_endpoints',
        method: 'GET',
        fault: { status: 500 },
        times: 100,
      }),
    byHand: async () => stripe.control.clearFailures(),
  },
  no_signing_secret: { break: () => byVariables().then(buy) },
  'no_signing_secret without a public address': {
    break: () => byVariables().then(() => serve({ PAYMENTS_PUBLIC_URL: undefined }).then(buy)),
    byHand: () => serve({ PAYMENTS_PUBLIC_URL: `http://127.0.0.1:${port}` }),
  },
  'no_signing_secret with an endpoint by hand': {
    break: () => byVariables().then(() => serve({ PAYMENTS_PUBLIC_URL: undefined }).then(buy)),
    byHand: secretByHand,
    choose: onlyRecover,
  },
  endpoint_missing: { break: () => byVariables('whsec_of_no_endpoint').then(buy) },
  'endpoint_missing with an endpoint by hand': {
    break: () =>
      byVariables('whsec_of_no_endpoint').then(() => serve({ PAYMENTS_PUBLIC_URL: undefined }).then(buy)),
    byHand: secretByHand,
    choose: onlyRecover,
  },
  endpoint_not_managed: { break: () => byVariables().then(secretByHand) },
  endpoint_gone: { break: async () => api.webhookEndpoints.del(await endpoint()).then(buy) },
  endpoint_disabled: {
    break: async () => api.webhookEndpoints.update(await endpoint(), { disabled: true }).then(buy),
  },
  endpoint_missing_events: {
    break: async () =>
      api.webhookEndpoints.update(await endpoint(), { enabled_events: ['customer.created'] }).then(buy),
  },
  endpoint_other_version: {
    break: async () => {
      const old = stripe.control.addEndpoint({
        url: `http://127.0.0.1:${port}${PATH}`,
        apiVersion: '2024-06-20',
      })
      await database.sql`update payments.provider_connections set webhook_endpoint_id = ${old.id}`
      await database.sql`update payments_private.secrets set endpoint_id = ${old.id} where kind = 'webhook_secret'`
    },
  },
  endpoint_other_url: {
    break: async () => {
      port = await freePort()
      await serve({ PAYMENTS_PUBLIC_URL: `http://127.0.0.1:${port}` })
      await buy()
    },
    choose: afterMove,
  },
  endpoint_secret_unknown: {
    break: async () => {
      await database.sql`delete from payments_private.secrets where kind = 'webhook_secret'`
      await serve()
      await buy()
    },
  },
  endpoint_duplicate: {
    break: async () => {
      duplicate = endpointByHand().id
      await buy()
    },
    byHand: () => api.webhookEndpoints.del(duplicate),
  },
  address_wrong: {
    break: () => serve({ PAYMENTS_BASE_PATH: '/payments' }).then(buy),
    byHand: () => serve({ PAYMENTS_PUBLIC_URL: `http://127.0.0.1:${port}/payments` }),
    choose: afterMove,
  },
  address_unreachable: {
    break: async () => {
      await serve({ PAYMENTS_PUBLIC_URL: `http://127.0.0.1:${await freePort()}` })
      await run('stripe webhooks configure --environment test --take-over')
      await buy()
    },
    byHand: () => serve({ PAYMENTS_PUBLIC_URL: `http://127.0.0.1:${port}` }),
    choose: afterMove,
  },
  signatures_wrong: {
    break: async () => {
      await byVariables()
      await serve({ PAYMENTS_PUBLIC_URL: undefined, STRIPE_TEST_WEBHOOK_SECRET: 'whsec_of_another' })
      right = endpointByHand().secret
      await buy()
    },
    byHand: () => serve({ STRIPE_TEST_WEBHOOK_SECRET: right }),
  },
  signatures_too_old: {
    break: async () => {
      await byVariables()
      right = endpointByHand().secret
      await saleWhileAway()
      await serve({ PAYMENTS_PUBLIC_URL: undefined, STRIPE_TEST_WEBHOOK_SECRET: right })
      expect((await deliver(right, 400)).status).toBe(400)
    },
  },
  events_missing: {
    break: async () => {
      // An event of the second in which the endpoint was set up may have happened before it, and is not counted.
      await database.sql`update payments.provider_connections set webhook_configured_at = now() - interval '1 day'`
      await saleWhileAway()
      await serve()
      stripe.control.advance(700)
    },
  },
  dead_letters: { break: () => failEvents(12), byHand: mendTrigger },
  backlog: {
    break: () => failEvents(2),
    byHand: async () => {
      await mendTrigger()
      await database.sql`update payments.webhook_events set next_attempt_at = now() where processing_status = 'failed'`
      await database.sql`select payments.retry_webhook_events()` // as the schedule does
    },
  },
  sync_failed: {
    break: async () => {
      stripe.control.fail({ path: '/v1/customers', method: 'GET', fault: { status: 400 } })
      await runCli(['stripe', 'sync', '--environment', 'test'], { env: cliEnv() })
      stripe.control.clearFailures()
    },
  },
  offer_cannot_be_bought: { break: () => setActive(false), byHand: () => setActive(true) },
}

/** The signing secret that the Stripe Dashboard shows. */
let right: string

/** The endpoint that somebody made by hand beside the managed one. */
let duplicate: string

/** Settings of the database are in tests/functions/connection/health.test.ts. */
const OF_THE_DATABASE = ['isolation_level', 'row_security', 'read_only', 'replication_role']

test('every finding of the health of an environment is among these', () => {
  const codes = Object.keys(CASES).map((name) => name.split(' ')[0] as string)
  expect([...new Set(codes)].sort()).toEqual(
    Object.keys(HEALTH_CODES)
      .filter((code) => !OF_THE_DATABASE.includes(code))
      .sort(),
  )
})

test.each(Object.entries(CASES))(
  '%s: what is printed leads back to green',
  async (name, given) => {
    expect(await wrong()).toEqual([])
    await given.break()
    const code = (name.split(' ')[0] as string).replaceAll('_', ' ')
    const found = (await wrong()).map(({ check }) => check.replace('test: ', ''))
    expect(found).toContain(code === 'no key' ? 'Stripe key' : code)
    for (let step = 0; step < 3; step++) {
      const [finding] = await wrong()
      if (finding === undefined) break
      if (step === 0) await given.byHand?.()
      const commands = commandsOf(finding)
      for (const command of (given.choose ?? ((all) => all))(commands)) await run(command)
    }
    expect(await wrong()).toEqual([])
    expect(await arrived()).toEqual(bought.map(() => true))
  },
  60_000,
)
