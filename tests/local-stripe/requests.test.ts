import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Stripe from 'stripe'
import { afterEach, describe, expect, it } from 'vitest'
import { call, createEngine, StripeFailure } from '../../scripts/local-stripe/index.ts'
import { errorOf, priceOf, useLocalStripe } from './helpers.ts'

const restricted = 'rk_test_localRestricted'
const otherAccount = 'sk_test_otherAccount'
const setting = useLocalStripe({
  secretKeys: [
    { key: restricted, missing: ['rak_webhook_write'] },
    { key: otherAccount, account: 'acct_other' },
  ],
})
afterEach(() => setting.local.control.clearFailures())

describe('idempotency keys', () => {
  it('give the first answer again', async () => {
    const { stripe } = setting
    const first = await stripe.customers.create({ email: 'once@example.com' }, { idempotencyKey: 'once' })
    await stripe.customers.update(first.id, { name: 'Changed since' })
    const again = await stripe.customers.create({ email: 'once@example.com' }, { idempotencyKey: 'once' })
    expect(again.id).toBe(first.id)
    expect(again.name).toBeNull()
    expect(again.lastResponse.headers['idempotent-replayed']).toBe('true')
    expect((await stripe.customers.list({ email: 'once@example.com' })).data).toHaveLength(1)
  })

  it('refuse other parameters', async () => {
    const { stripe } = setting
    await stripe.customers.create({ name: 'A' }, { idempotencyKey: 'bound' })
    const error = await errorOf(stripe.customers.create({ name: 'B' }, { idempotencyKey: 'bound' }))
    expect(error).toMatchObject({ type: 'StripeIdempotencyError', statusCode: 400 })
  })

  it('are not used up by a refused request, and are by a server error', async () => {
    const { stripe, local } = setting
    const key = { idempotencyKey: 'refused-first' }
    await errorOf(stripe.customers.create({ email: 'bad' }, key))
    expect((await stripe.customers.create({ email: 'good@example.com' }, key)).email).toBe('good@example.com')
    local.control.fail({ fault: { status: 500 } })
    const failing = { idempotencyKey: 'failed-first' }
    expect((await errorOf(stripe.customers.create({}, failing))).statusCode).toBe(500)
    expect((await errorOf(stripe.customers.create({}, failing))).statusCode).toBe(500)
  })

  it('answer 409 while the first request is under way', async () => {
    const { stripe, local } = setting
    local.control.fail({ path: '/v1/customers', fault: { hold: true } })
    const key = { idempotencyKey: 'busy' }
    const first = stripe.customers.create({}, key)
    await local.control.whenHeld()
    const second = await errorOf(stripe.customers.create({}, key))
    expect(second).toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use' })
    local.control.releaseHeld()
    expect((await first).id).toMatch(/^cus_/)
  })
})

describe('keys', () => {
  it('that are missing, unknown or publishable get 401, masked', async () => {
    const { as, local } = setting
    const error = await errorOf(as('sk_test_unknown1234').account.retrieveCurrent())
    expect(error).toMatchObject({ type: 'StripeAuthenticationError', statusCode: 401 })
    expect(error.message).toMatch(/^Invalid API Key provided: sk_test_\*+1234$/)
    expect((await errorOf(as('pk_test_x').account.retrieveCurrent())).code).toBe('secret_key_required')
    expect((await fetch(`${local.url}/v1/account`)).status).toBe(401)
  })

  it('keep test and live mode apart', async () => {
    const { as, stripe, local } = setting
    const live = as(local.liveSecretKey)
    const customer = await live.customers.create({})
    expect(customer.livemode).toBe(true)
    expect((await errorOf(stripe.customers.retrieve(customer.id))).code).toBe('resource_missing')
    expect(await live.account.retrieveCurrent()).toMatchObject({
      id: (await stripe.account.retrieveCurrent()).id,
    })
  })

  it('of another account see another account', async () => {
    const { as, stripe } = setting
    const customer = await stripe.customers.create({})
    const other = as(otherAccount)
    expect((await other.account.retrieveCurrent()).id).toBe('acct_other')
    expect((await errorOf(other.customers.retrieve(customer.id))).statusCode).toBe(404)
  })

  it('that are restricted get 403 for what they lack', async () => {
    const stripe = setting.as(restricted)
    const error = await errorOf(
      stripe.webhookEndpoints.create({ url: 'https://x.example', enabled_events: ['*'] }),
    )
    expect(error).toMatchObject({ type: 'StripePermissionError', statusCode: 403 })
    expect(error.message).toContain(
      "Having the 'rak_webhook_write' permission would allow this request to continue.",
    )
    expect((await stripe.webhookEndpoints.list()).data).toEqual([])
  })
})

describe('answers', () => {
  it('carry the request id, the version and the date of Stripe’s clock', async () => {
    const { stripe } = setting
    const { lastResponse } = await stripe.account.retrieveCurrent()
    expect(lastResponse.requestId).toMatch(/^req_/)
    expect(lastResponse.headers['stripe-version']).toBe('2026-10-28.endive')
    expect(Number.isNaN(Date.parse(String(lastResponse.headers.date)))).toBe(false)
  })

  it('come in an older shape when the client asks for an older version', async () => {
    const { stripe, as, local } = setting
    const price = await priceOf(stripe, 500, 'month')
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: price.id, quantity: 1 }],
      success_url: 'https://shop.example',
    })
    local.control.pay(session.id)
    const old = as(local.secretKey, { apiVersion: '2022-11-15' as never })
    const { data } = await old.subscriptions.list({ price: price.id })
    expect(data[0]).toHaveProperty('current_period_end')
    expect(data[0]?.items.data[0]).not.toHaveProperty('current_period_end')
  })

  it('refuse a parameter from the version on that took it away', async () => {
    const { as, local, stripe } = setting
    const price = await priceOf(stripe, 500)
    const params: object = {
      mode: 'payment',
      line_items: [{ price: price.id, quantity: 1 }],
      success_url: 'https://shop.example',
      payment_method_types: ['card'],
    }
    expect((await errorOf(stripe.checkout.sessions.create(params))).code).toBe('parameter_unknown')
    const old = as(local.secretKey, { apiVersion: '2024-06-20' as never })
    expect((await old.checkout.sessions.create(params)).payment_method_types).toEqual(['card'])
  })

  it('name an unknown route', async () => {
    const error = await errorOf(setting.stripe.rawRequest('GET', '/v1/nothing'))
    expect(error.message).toContain('Unrecognized request URL (GET: /v1/nothing)')
  })
})

describe('failures on request', () => {
  it.each([
    [429, 'StripeRateLimitError'],
    [402, 'StripeCardError'],
    [500, 'StripeAPIError'],
  ])('answer %i as Stripe would', async (status, type) => {
    setting.local.control.fail({ method: 'POST', path: '/v1/customers', fault: { status } })
    expect(await errorOf(setting.stripe.customers.create({}))).toMatchObject({ statusCode: status, type })
    expect((await setting.stripe.customers.create({})).id).toMatch(/^cus_/)
  })

  it('cut the connection after the work was done; a retry with the key finds it done', async () => {
    const { as, local, stripe } = setting
    local.control.fail({ path: '/v1/customers', fault: { cut: true } })
    const retrying = as(local.secretKey, { maxNetworkRetries: 1 })
    const made = await retrying.customers.create({ email: 'cut@example.com' })
    expect((await stripe.customers.list({ email: 'cut@example.com' })).data.map(({ id }) => id)).toEqual([
      made.id,
    ])
  })

  it('answer a server error although the work was done', async () => {
    const { stripe, local } = setting
    local.control.fail({ path: '/v1/customers', fault: { status: 500, afterWork: true } })
    const key = { idempotencyKey: 'done-anyway' }
    expect((await errorOf(stripe.customers.create({ email: 'done@example.com' }, key))).statusCode).toBe(500)
    expect((await errorOf(stripe.customers.create({ email: 'done@example.com' }, key))).statusCode).toBe(500)
    expect((await stripe.customers.list({ email: 'done@example.com' })).data).toHaveLength(1)
  })

  it('hang until the client gives up', async () => {
    const { as, local } = setting
    local.control.fail({ fault: { hang: true } })
    const error = await errorOf(as(local.secretKey, { timeout: 20 }).customers.create({}))
    expect(error.type).toBe('StripeConnectionError')
  })
})

describe('the control over HTTP', () => {
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${setting.local.url}/_local/${path}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    })

  it('does what the typed control does', async () => {
    const price = await priceOf(setting.stripe, 700)
    const session = await setting.stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [{ price: price.id, quantity: 1 }],
      success_url: 'https://shop.example',
    })
    const answer = await post('pay', JSON.stringify({ args: [session.id, { card: '4242424242424242' }] }))
    expect(await answer.json()).toMatchObject({ id: session.id, payment_status: 'paid' })
    expect((await post('pay', JSON.stringify({ args: [session.id] }))).status).toBe(400)
    expect((await post('nothing', '{}')).status).toBe(400)
  })

  it('takes only JSON, and only from this machine', async () => {
    expect((await post('events', '{}', { 'content-type': 'text/plain' })).status).toBe(405)
  })
})

describe('the engine without HTTP', () => {
  it('answers and refuses as over HTTP, the same for the same seed', () => {
    const run = () => {
      const engine = createEngine({ seed: 7, now: () => new Date(0) })
      const { id } = call(engine, 'POST', '/v1/customers', { email: 'a@example.com', metadata: { k: 'v' } })
      return { id, state: engine.endState(), events: engine.events.map(({ event }) => event) }
    }
    expect(run()).toEqual(run())
    const engine = createEngine()
    expect(() => call(engine, 'GET', '/v1/customers/cus_no')).toThrow(StripeFailure)
  })
})

describe('the process', () => {
  it('prints its address and ends on SIGTERM', async () => {
    const main = fileURLToPath(new URL('../../scripts/local-stripe/main.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', main, '--port', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let printed = ''
    for await (const chunk of child.stdout) {
      printed += chunk
      if (printed.includes('Test key')) break
    }
    const url = /http:\/\/\S+/.exec(printed)?.[0] ?? ''
    const { port } = new URL(url)
    const stripe = new Stripe(/sk_test_\S+/.exec(printed)?.[0] ?? '', {
      host: '127.0.0.1',
      port,
      protocol: 'http',
    })
    expect((await stripe.account.retrieveCurrent()).object).toBe('account')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})
