/** The state of local Stripe, over the end of its process. */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Stripe } from 'stripe'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  type DeliveryAttempt,
  type LocalStripe,
  type LocalStripeOptions,
  startLocalStripe,
} from '../../scripts/local-stripe/index.ts'
import { createStateFile } from '../../scripts/local-stripe/server/state-file.ts'

let folder: string
let stateFile: string
const started: LocalStripe[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-payments-state-'))
  stateFile = join(folder, 'deeper', 'stripe.state')
})
afterEach(async () => {
  for (const local of started.splice(0)) await local.close()
  await rm(folder, { recursive: true, force: true })
})

async function start(options: LocalStripeOptions = {}): Promise<LocalStripe & { api: Stripe }> {
  const local = await startLocalStripe({ stateFile, ...options })
  started.push(local)
  const { hostname, port } = new URL(local.url)
  return Object.assign(local, {
    api: new Stripe(local.secretKey, { host: hostname, port, protocol: 'http' }),
  })
}

async function stop(local: LocalStripe): Promise<void> {
  started.splice(started.indexOf(local), 1)
  await local.close()
}

async function openSession({ api }: { api: Stripe }) {
  const product = await api.products.create({ name: 'Pro' })
  const price = await api.prices.create({
    product: product.id,
    currency: 'eur',
    unit_amount: 900,
    recurring: { interval: 'month' },
  })
  return api.checkout.sessions.create({
    mode: 'subscription',
    line_items: [{ price: price.id, quantity: 1 }],
    success_url: 'https://shop.example/thanks',
  })
}

/** An endpoint that refuses everything until it is opened. */
async function listen() {
  let accepts = false
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    if (accepts) bodies.push((JSON.parse(body) as { type: string }).type)
    response.writeHead(accepts ? 200 : 503).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/hook`,
    bodies,
    accept: () => {
      accepts = true
    },
    close: () => new Promise((done) => server.close(done)),
  }
}

test('a session that was opened before a restart is paid after it, and its subscription renews', async () => {
  const before = await start()
  const session = await openSession(before)
  before.control.advance(3600)
  await stop(before)

  const after = await start()
  const paid = after.control.pay(session.id)
  const subscription = String(paid.subscription)
  const [first] = (await after.api.subscriptions.retrieve(subscription)).items.data
  await stop(after)

  const later = await start()
  later.control.advance(32 * 24 * 3600)
  const [second] = (await later.api.subscriptions.retrieve(subscription)).items.data
  expect(second?.current_period_start).toBe(first?.current_period_end)
  expect((await later.api.invoices.list({ subscription })).data.map(({ status }) => status)).toEqual([
    'paid',
    'paid',
  ])
})

test('a restart changes no object, no event and no clock', async () => {
  const before = await start({ now: () => new Date('2026-11-30T10:00:00Z') })
  before.control.pay((await openSession(before)).id)
  before.control.advance(90 * 24 * 3600)
  const [endState, events] = [before.control.endState(), before.control.events()]
  await stop(before)

  const after = await start({ now: () => new Date('2026-11-30T10:00:00Z') })
  expect(after.control.endState()).toEqual(endState)
  expect(after.control.events()).toEqual(events)
  expect((await after.api.customers.create({})).created).toBe(Date.parse('2027-02-28T10:00:00Z') / 1000)
})

test('what is saved last is what the file keeps, at whatever moment of an earlier write', async () => {
  for (let turns = 0; turns < 60; turns += 1) {
    let latest = 'before'
    const file = createStateFile(join(folder, `${turns}.state`), () => ({
      accounts: [],
      keys: [{ key: latest }],
    }))
    file.save()
    for (let turn = 0; turn < turns; turn += 1) await new Promise((done) => setImmediate(done))
    latest = 'after'
    file.saveNow()
    for (let turn = 0; turn < 60; turn += 1) await stat(folder)
    expect(file.read()?.keys).toEqual([{ key: 'after' }])
  }
})

test('ids are never given out twice, even if the saved state is older than the last of them', async () => {
  const before = await start()
  const known = (await before.api.customers.create({})).id
  await stop(before)
  const first = await start()
  const second = await startLocalStripe({ stateFile })
  started.push(second)
  const made = [first, second].map(
    ({ engine }) => engine.ids.next('cus_', 14), // both begin from the same file
  )
  expect(new Set([known, ...made]).size).toBe(3)
})

test('what was held or not accepted before a restart is delivered after it', async () => {
  const hook = await listen()
  try {
    const before = await start({ retrySchedule: [3_600_000] })
    before.control.addEndpoint({ url: hook.url, events: ['customer.created', 'product.created'] })
    await before.api.customers.create({})
    await new Promise<void>((done) => {
      const wait = () => (before.control.deliveries().length > 0 ? done() : setImmediate(wait))
      wait()
    })
    before.control.holdDelivery()
    await before.api.products.create({ name: 'Cap' })
    await stop(before)

    hook.accept()
    const after = await start({ retrySchedule: [] })
    await after.control.settled()
    expect(hook.bodies).toEqual(['customer.created'])
    await after.control.releaseDelivery()
    expect(hook.bodies).toEqual(['customer.created', 'product.created'])
  } finally {
    await hook.close()
  }
})

test('a request that is repeated after a restart with its idempotency key gets the first response', async () => {
  const before = await start()
  const first = await before.api.customers.create({ name: 'Ada' }, { idempotencyKey: 'once' })
  await stop(before)
  const after = await start()
  expect((await after.api.customers.create({ name: 'Ada' }, { idempotencyKey: 'once' })).id).toBe(first.id)
  expect((await after.api.customers.list()).data).toHaveLength(1)
})

test('a file that is not a state is named, and is not overwritten', async () => {
  stateFile = join(folder, 'notes.txt')
  await writeFile(stateFile, 'buy milk')
  await expect(startLocalStripe({ stateFile })).rejects.toThrow(
    `${stateFile} is not a state that this release of local Stripe can read. Remove the file to begin anew.`,
  )
})

test('each attempt of a delivery is reported as it happens', async () => {
  const hook = await listen()
  try {
    hook.accept()
    const attempts: DeliveryAttempt[] = []
    const local = await start({ onDelivery: (attempt) => attempts.push(attempt) })
    local.control.addEndpoint({ url: hook.url })
    await local.api.customers.create({})
    await local.control.settled()
    expect(attempts.map(({ type, status }) => [type, status])).toEqual([['customer.created', 200]])
  } finally {
    await hook.close()
  }
})
