/** The life of a connection, on the command line in a real terminal, against handlers that Stripe can reach. */
import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { Stripe } from 'stripe'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLog } from '../../functions/app.ts'
import { type NodeServer, startServer } from '../../functions/node.ts'
import { type LocalStripe, startLocalStripe } from '../../scripts/local-stripe/index.ts'
import { eventually } from '../functions/support/eventually.ts'
import { ADMIN_KEY } from '../functions/support/system.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { KEYS, startInTerminal } from './support.ts'

const inTest = ['--environment', 'test']
const oldKey = randomBytes(32).toString('base64')
const newKey = randomBytes(32).toString('base64')

let database: TestDatabase
let stripe: LocalStripe
let api: Stripe
let port: number
let server: NodeServer | undefined

beforeAll(async () => {
  // The account is empty.
  ;[database, stripe] = await Promise.all([createTestDatabase(), startLocalStripe({ retrySchedule: [10] })])
  const { hostname, port: stripePort } = new URL(stripe.url)
  api = new Stripe(stripe.secretKey, { host: hostname, port: stripePort, protocol: 'http' })
  port = await freePort()
  await serve({ PAYMENTS_ENCRYPTION_KEY: oldKey })
})
afterAll(async () => {
  await server?.close()
  await stripe.close()
  await database.close()
})

async function freePort(): Promise<number> {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port: free } = taken.address() as AddressInfo
  await new Promise((resolve) => taken.close(resolve))
  return free
}

/** Starts handlers with these keys, and stops the previous ones. */
async function serve(keys: Record<string, string>): Promise<void> {
  await server?.close()
  const env = {
    DATABASE_URL: database.url,
    PAYMENTS_ADMIN_KEY: ADMIN_KEY,
    PAYMENTS_PUBLIC_URL: `http://127.0.0.1:${port}`,
    STRIPE_API_BASE_URL: stripe.url,
    ...keys,
  }
  server = await startServer({ env, port, host: '127.0.0.1', log: createLog(() => {}) })
}

/** Runs a command to its end and answers its prompts. Returns its exit code and the text on the screen. */
async function run(
  args: string[],
  {
    answers = [],
    env = {},
  }: { answers?: [question: string, keys: string][]; env?: Record<string, string> } = {},
): Promise<{ code: number; screen: string }> {
  const terminal = startInTerminal(args, {
    PAYMENTS_API_URL: `http://127.0.0.1:${port}`,
    PAYMENTS_ADMIN_KEY: ADMIN_KEY,
    ...env,
  })
  for (const [question, keys] of answers) {
    await terminal.appears(question)
    terminal.type(keys)
  }
  return { code: await terminal.ended, screen: terminal.screen() }
}

/** Creates a product, and returns whether Stripe's event about it reaches the rows. */
async function anEventArrives(): Promise<boolean> {
  const product = await api.products.create({ name: 'Arrives' })
  await stripe.control.settled()
  const rows = await database.sql`select from payments.stripe_products where product_id = ${product.id}`
  return rows.length === 1
}

test('an empty account is connected: the key is prompted for, the endpoint set up, the rows in line', async () => {
  const set = await run(['stripe', 'config', 'set', ...inTest], {
    answers: [['Secret key for test', `${stripe.secretKey}${KEYS.enter}`]],
  })
  expect(set.code, set.screen).toBe(0)
  expect(set.screen).not.toContain(stripe.secretKey)
  expect(set.screen).toContain('Listed from Stripe: 0 products, 0 prices, 0 customers, 0 subscriptions.')
  const status = await run(['stripe', 'webhooks', 'status', ...inTest])
  expect(status.code, status.screen).toBe(0)
  expect(status.screen).toContain(`http://127.0.0.1:${port}/api/webhooks/stripe/test`)
  stripe.control.fail({ path: '/v1/webhook_endpoints', method: 'GET', fault: { status: 500 }, times: 1 })
  const unknown = await run(['stripe', 'webhooks', 'status', ...inTest])
  expect(unknown.screen).toContain('Stripe could not be reached to compare it.')
  const doctor = await run(['doctor', ...inTest])
  expect(doctor.code, doctor.screen).toBe(0)
  expect(await anEventArrives()).toBe(true)
})

test('an endpoint that was deleted at Stripe is found, and repaired by the command that is named', async () => {
  const [endpoint] = (await api.webhookEndpoints.list()).data
  await api.webhookEndpoints.del(endpoint?.id ?? '')
  expect(await anEventArrives()).toBe(false)
  const gone = `The webhook endpoint ${endpoint?.id} is no longer at Stripe.`
  const doctor = await run(['doctor', ...inTest])
  expect(doctor.code).toBe(1)
  expect(doctor.screen).toContain(gone)
  expect(doctor.screen).toContain(
    'Set up the webhook endpoint. Then recover the events that were lost. Run: pg-payments stripe webhooks configure --environment test && pg-payments recover --environment test',
  )
  const status = await run(['stripe', 'webhooks', 'status', ...inTest])
  expect(status.code).toBe(1)
  expect(status.screen).toContain(gone)
  expect(status.screen).toContain('Run: pg-payments stripe webhooks configure --environment test')
  const configure = await run(['stripe', 'webhooks', 'configure', ...inTest])
  expect(configure.code, configure.screen).toBe(0)
  expect(configure.screen).toContain('was created')
  expect(configure.screen).toContain('events were lost meanwhile: pg-payments recover --environment test')
  expect((await run(['stripe', 'webhooks', 'status', ...inTest])).code).toBe(0)
  const again = await run(['stripe', 'webhooks', 'configure', ...inTest])
  expect(again.screen).toContain('was already correct')
  expect(again.screen).not.toContain('recover')
  expect(await anEventArrives()).toBe(true)
})

test('events are recovered that Stripe gave up while the handlers were away', async () => {
  await server?.close()
  server = undefined
  const lost: string[] = []
  for (const name of ['One', 'Two', 'Three']) lost.push((await api.products.create({ name })).id)
  await stripe.control.settled()
  await serve({ PAYMENTS_ENCRYPTION_KEY: oldKey })
  const found = () => database.sql`
    select from payments.webhook_events where object_id = any(${lost}) and processing_status = 'processed'`
  expect(await found()).toHaveLength(0)
  const recover = await run(['recover', ...inTest])
  expect(recover.code, recover.screen).toBe(0)
  expect(recover.screen).toMatch(/: \d+ events were missing\./)
  expect(await found()).toHaveLength(3)
  expect((await run(['recover', ...inTest])).screen).toContain('none was missing.')
})

test('the encryption key is rotated while the handlers run, and no event is refused', async () => {
  await serve({ PAYMENTS_ENCRYPTION_KEY: newKey, PAYMENTS_PREVIOUS_ENCRYPTION_KEY: oldKey })
  expect(await anEventArrives()).toBe(true)
  const rotate = await run(['keys', 'rotate'], {
    answers: [
      ['The new key', `${newKey}${KEYS.enter}`],
      ['Re-encrypt every stored secret', 'y'],
    ],
    env: { DATABASE_URL: database.url, PAYMENTS_ENCRYPTION_KEY: oldKey },
  })
  expect(rotate.code, rotate.screen).toBe(0)
  expect(rotate.screen).not.toContain(newKey)
  expect(rotate.screen).toMatch(/\d+ secrets are encrypted with the new key\./)
  expect(await anEventArrives()).toBe(true)
  await serve({ PAYMENTS_ENCRYPTION_KEY: newKey })
  expect(await anEventArrives()).toBe(true)
  expect((await run(['stripe', 'sync', ...inTest])).code).toBe(0)
  await serve({ PAYMENTS_ENCRYPTION_KEY: oldKey })
  const doctor = await run(['doctor', ...inTest])
  expect(doctor.code).toBe(1)
  expect(doctor.screen).toContain('cannot be opened')
})

test('Ctrl-C also stops a sync at the other end, and the same command continues it', async () => {
  await serve({ PAYMENTS_ENCRYPTION_KEY: newKey })
  stripe.control.fail({ path: '/v1/customers', method: 'GET', fault: { hold: true } })
  const terminal = startInTerminal(['stripe', 'sync', ...inTest], {
    PAYMENTS_API_URL: `http://127.0.0.1:${port}`,
    PAYMENTS_ADMIN_KEY: ADMIN_KEY,
  })
  await stripe.control.whenHeld()
  terminal.type(KEYS.ctrlC)
  expect(await terminal.ended, terminal.screen()).toBe(130)
  expect(terminal.screen()).toContain('Run the same command to continue.')
  const last = async () => {
    const [run] = await database.sql`
      select id, status, attempt from payments.sync_runs order by started_at desc limit 1`
    return run
  }
  await eventually(last).toMatchObject({ status: 'interrupted' })
  stripe.control.releaseHeld()
  const { id } = (await last()) ?? {}
  const again = await run(['stripe', 'sync', ...inTest])
  expect(again.code, again.screen).toBe(0)
  expect(await last()).toEqual({ id, status: 'succeeded', attempt: 2 })
})

test('a password given as an argument is in the shell history, which a warning says', async () => {
  const url = new URL(database.url)
  url.password = url.password || 'unused'
  const status = await run(['stripe', 'status', '--database-url', url.href], {
    env: { PAYMENTS_API_URL: '' },
  })
  expect(status.screen).toContain('The password of the database was given as an argument')
  const key = await run(['stripe', 'status', '--api-key', ADMIN_KEY])
  expect(key.code, key.screen).toBe(0)
  expect(key.screen).toContain('The admin key was given as an argument')
})
