/** The function that starts everything: its inputs, and what remains if a part does not start. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runSteps, type StepResult } from '../../scripts/demo/steps.ts'
import { startSystem } from '../../scripts/demo/system.ts'
import { startLocalStripe } from '../../scripts/local-stripe/index.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await createTestDatabase()
})
afterEach(() => database.close())

test('an own Stripe account and database are used, and used again without making anything twice', async () => {
  const account = await startLocalStripe()
  const { id, secret } = account.control.addEndpoint({ url: 'http://127.0.0.1:1/' })
  const start = async () => {
    const system = await startSystem({
      databaseUrl: database.url,
      stripe: { secretKey: account.secretKey, webhookSecret: secret, apiBaseUrl: account.url },
    })
    await system.stripe.webhookEndpoints.update(id, { url: `${system.apiUrl}/api/webhooks/stripe/test` })
    return system
  }
  const first = await start()
  await first.stop()
  const second = await start()

  expect(second.local).toBeUndefined()
  expect(second.catalogue).toEqual(first.catalogue)
  expect((await second.stripe.products.list()).data.length).toBe(3)
  expect((await second.stripe.billingPortal.configurations.list({ is_default: false })).data.length).toBe(1)

  const answer = await fetch(`${second.shopUrl}/api/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: second.shopUrl },
    body: JSON.stringify({ quantity: 1 }),
  })
  expect(answer.status).toBe(201)
  await second.stop()
  await account.close()
})

test('a database that has tables of those names is left alone', async () => {
  await database.sql`create table public.orders (id integer)`

  await expect(startSystem({ databaseUrl: database.url })).rejects.toThrow(
    'The database already has a table public.orders, and the demo installs its own. Give it an empty database.',
  )
  const [found] = await database.sql`select to_regclass('public.team_members') as members`
  expect(found?.members).toBeNull()
})

test('a database that cannot be reached is told in a sentence', async () => {
  await expect(startSystem({ databaseUrl: 'postgres://nobody@127.0.0.1:1/none' })).rejects.toThrow(
    /^The database cannot be used: .*ECONNREFUSED/,
  )
})

test('every port can be chosen, and a taken one is told in a sentence that names its variable', async () => {
  const other = createServer()
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
  const { port } = other.address() as AddressInfo
  const parts = { PORT: 'shop', API_PORT: 'api', STRIPE_PORT: 'stripe' }
  for (const [variable, part] of Object.entries(parts)) {
    await expect(startSystem({ databaseUrl: database.url, ports: { [part]: port } })).rejects.toThrow(
      `Port ${port} is taken. Set ${variable} to another one, or leave it out for any free port.`,
    )
  }
  await new Promise((done) => other.close(done))
})

test('a start that is given up stops what it had started', async () => {
  const stopping = new AbortController()
  const started: string[] = []
  const start = startSystem({
    databaseUrl: database.url,
    signal: stopping.signal,
    log: (line) => {
      started.push(line)
      stopping.abort(new Error('Enough.'))
    },
  })

  await expect(start).rejects.toThrow('Enough.')
  expect(started.length).toBe(1)
  const open = await database.sql`
    select from pg_stat_activity as a where a.datname = current_database() and a.application_name = 'demo shop'`
  expect(open.length).toBe(0)
})

test('a step that fails is told with its reason, and the steps after it still run', async () => {
  const system = await startSystem({ databaseUrl: database.url })
  await database.sql`drop policy insert_team on payments.stripe_checkout_sessions`
  const results: StepResult[] = []
  for await (const result of runSteps(system, new AbortController().signal)) results.push(result)
  await system.stop()

  expect(results.filter((step) => !step.ok).map((step) => step.name)).toEqual([
    'team subscription by a member, refused for an outsider (403)',
    'portal 404 before there is a customer, 201 after, 401 for anonymous',
    'plan cancelled in the portal takes access away',
  ])
  expect(results.find((step) => !step.ok)?.detail).toContain('(403 ')
  expect(results.length).toBe(11)
})
