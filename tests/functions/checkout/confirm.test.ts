/**
 * The page to which Stripe sends the buyer back: fulfilment has run when it has its answer, with or without a webhook.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CreateCheckoutSessionRequest, createPaymentsClient } from '../../../functions/client/index.ts'
import type { RunningServer } from '../conformance.ts'
import { signatureOf } from '../support/events.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

let system: System
let server: RunningServer

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  server = await startNode({
    ...system.env,
    PAYMENTS_GUEST_CHECKOUTS_PER_MINUTE: '100',
    PAYMENTS_ADMIN_READ_KEY: READ_KEY,
  })
  await system.database.sql.unsafe(`
    create table public.fulfilled (purchase_id text primary key, times integer not null default 1);
    create function public.fulfil() returns trigger language plpgsql as $$
    declare v_purchase payments.purchase := payments.purchase_of(new);
    begin
      if payments.event_is_settled(new) and v_purchase.is_paid then
        insert into public.fulfilled values (v_purchase.checkout_session_id)
        on conflict (purchase_id) do update set times = fulfilled.times + 1;
      end if;
      return null;
    end$$;
    create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed' and new.event_type like 'checkout.session.%')
      execute function public.fulfil();`)
})

afterAll(async () => {
  await server.stop()
  await system.close()
})

beforeEach(() => system.asked.forget())
afterEach(() => system.stripe.control.clearFailures())

const READ_KEY = 'a_read_only_key_of_these_tests'

const client = (user?: string) =>
  createPaymentsClient({ baseUrl: server.url, getToken: () => (user ? userToken(user) : null) }).stripe

const addresses = { successUrl: 'https://shop.example/done', cancelUrl: 'https://shop.example/back' }

async function begin(user?: string, mode: 'payment' | 'subscription' = 'payment') {
  const price = mode === 'payment' ? system.prices.once : system.prices.monthly
  const { data, error } = await client(user).createCheckoutSession('test', {
    ...addresses,
    mode,
    lineItems: [{ priceId: price }],
    ...(user ? { subject: { type: 'user', id: user } } : {}),
  })
  if (error) throw new Error(error.message)
  return { row: data.checkoutSession.id, id: data.checkoutSession.checkoutSessionId as string }
}

/** How often each session was fulfilled. */
async function timesFulfilled(id: string): Promise<number> {
  const [row] = await system.database.sql<{ times: number }[]>`
    select times from public.fulfilled where purchase_id = ${id}`
  return row?.times ?? 0
}

/** Delivers an event of local Stripe as its webhook would. */
async function deliver(event: object): Promise<{ status: number; handled: boolean }> {
  const body = JSON.stringify(event)
  const answer = await fetch(`${server.url}/api/webhooks/stripe/test`, {
    method: 'POST',
    headers: { 'stripe-signature': signatureOf(body) },
    body,
  })
  return { status: answer.status, ...(await answer.json()) }
}

const eventsAbout = (id: string) =>
  system.stripe.control.events().filter(({ data }) => (data.object as { id?: string }).id === id)

describe('a confirmation', () => {
  it('fulfils a paid session before the webhook comes, which is a duplicate then', async () => {
    const { id } = await begin('ada')
    system.stripe.control.pay(id)
    expect(await timesFulfilled(id)).toBe(0)

    const { data } = await client('ada').confirmCheckoutSession('test', id)
    expect(data).toMatchObject({
      fulfilled: true,
      checkoutSession: { checkoutSessionId: id, status: 'completed', paymentStatus: 'paid' },
    })
    expect(await timesFulfilled(id)).toBe(1)

    const events = eventsAbout(id)
    expect(events.map(({ type }) => type)).toContain('checkout.session.completed')
    for (const event of events) expect((await deliver(event)).status).toBe(200)
    expect(await timesFulfilled(id)).toBe(1)
  })

  it('asks Stripe nothing once the webhook has come', async () => {
    const { row, id } = await begin('ada')
    system.stripe.control.pay(id)
    for (const event of eventsAbout(id)) await deliver(event)
    system.asked.forget()
    const { data } = await client('ada').confirmCheckoutSession('test', row)
    expect(data?.fulfilled).toBe(true)
    expect(system.asked.seen()).toEqual([])
    expect(await timesFulfilled(id)).toBe(1)
  })

  it('fulfils once, however many are sent at the same moment as the webhook', async () => {
    const { id } = await begin('ada')
    system.stripe.control.pay(id)
    const [completed] = eventsAbout(id).filter(({ type }) => type === 'checkout.session.completed')
    const answers = await Promise.all([
      ...Array.from({ length: 5 }, () => client('ada').confirmCheckoutSession('test', id)),
      deliver(completed as object),
    ])
    expect(answers.slice(0, 5).map((answer) => (answer as { data: object }).data)).toEqual(
      Array(5).fill(expect.objectContaining({ fulfilled: true })),
    )
    expect(await timesFulfilled(id)).toBe(1)
  })

  it('of a subscription brings its invoice and the subscription besides', async () => {
    const { id } = await begin('team', 'subscription')
    system.stripe.control.pay(id)
    const [completed] = eventsAbout(id).filter(({ type }) => type === 'checkout.session.completed')
    await deliver(completed as object)
    expect((await client('team').getCheckoutSession('test', id)).data?.fulfilled).toBe(false)

    const { data } = await client('team').confirmCheckoutSession('test', id)
    expect(data?.fulfilled).toBe(true)
    const [subscription] = await system.database.sql`
      select status from payments.stripe_subscriptions where subject_id = 'team'`
    expect(subscription).toEqual({ status: 'active' })
    const types = await system.database.sql<{ type: string }[]>`
      select event_type as type from payments.webhook_events where payload #>> '{data,object,customer}' = ${data?.checkoutSession.customerId ?? ''}`
    expect(types.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['checkout.session.completed', 'customer.subscription.created', 'invoice.paid']),
    )
  })

  it('ingests no event of another buyer', async () => {
    const [mine, other] = [await begin('ada'), await begin('bob')]
    system.stripe.control.pay(mine.id)
    system.stripe.control.pay(other.id)
    await client('ada').confirmCheckoutSession('test', mine.id)
    expect(await timesFulfilled(mine.id)).toBe(1)
    expect(await timesFulfilled(other.id)).toBe(0)
    expect((await client('bob').getCheckoutSession('test', other.id)).data).toMatchObject({
      fulfilled: false,
      checkoutSession: { status: 'open' },
    })
  })

  it('finds its events behind pages of other events', async () => {
    const { id } = await begin('ada')
    system.stripe.control.pay(id)
    for (let count = 0; count < 110; count += 1) await system.api.customers.create({})
    const { data } = await client('ada').confirmCheckoutSession('test', id)
    expect(data?.fulfilled).toBe(true)
    const lists = system.asked.seen().filter(({ path }) => path.startsWith('/v1/events'))
    expect(lists).toHaveLength(2)
  })

  it('of a session that is still open changes nothing', async () => {
    const { id } = await begin('ada')
    const { data } = await client('ada').confirmCheckoutSession('test', id)
    expect(data).toMatchObject({
      fulfilled: false,
      checkoutSession: { status: 'open', paymentStatus: 'unpaid' },
    })
    expect(system.asked.seen().some(({ path }) => path.startsWith('/v1/events'))).toBe(false)
  })

  it('of a delayed payment says completed and unpaid, and fulfils once the money is there', async () => {
    const { id } = await begin('ada')
    system.stripe.control.pay(id, { paymentMethod: 'pm_sepaDebit_success' })
    const { data } = await client('ada').confirmCheckoutSession('test', id)
    expect(data).toMatchObject({
      fulfilled: false,
      checkoutSession: { status: 'completed', paymentStatus: 'unpaid' },
    })
    expect(await timesFulfilled(id)).toBe(0)
    system.stripe.control.settle(id, true)
    expect((await client('ada').confirmCheckoutSession('test', id)).data?.fulfilled).toBe(true)
    expect(await timesFulfilled(id)).toBe(1)
  })

  it('says that fulfilment has not run if the trigger of the app failed', async () => {
    const { id } = await begin('ada')
    system.stripe.control.pay(id)
    await system.database.sql`alter table public.fulfilled add constraint broken check (false) not valid`
    const { data } = await client('ada').confirmCheckoutSession('test', id)
    await system.database.sql`alter table public.fulfilled drop constraint broken`
    expect(data).toMatchObject({ fulfilled: false, checkoutSession: { paymentStatus: 'paid' } })
  })

  it.each([
    ['a setup', { mode: 'setup', currency: 'eur' }],
    [
      'a free purchase',
      {
        mode: 'payment',
        lineItems: [{ priceData: { currency: 'eur', unitAmount: 0, product: { name: 'A gift' } } }],
      },
    ],
    ['a trial', { mode: 'subscription', trialPeriodDays: 14 }],
    ['a trial without a card', { mode: 'subscription', trialPeriodDays: 14, trialWithoutCard: true }],
  ])('says that %s is fulfilled once it is completed, because no money comes', async (_, request) => {
    const { stripe } = createPaymentsClient({ baseUrl: server.url, getToken: () => ADMIN_KEY })
    const { data: begun, error } = await stripe.createCheckoutSession('test', {
      ...addresses,
      subject: { type: 'user', id: 'nothing due' },
      ...(request.mode === 'subscription' && { lineItems: [{ priceId: system.prices.monthly }] }),
      ...request,
    } as CreateCheckoutSessionRequest)
    expect(error).toBeNull()
    const id = String(begun?.checkoutSession.checkoutSessionId)
    system.stripe.control.pay(id)
    const { data } = await stripe.confirmCheckoutSession('test', id)
    expect(data?.fulfilled).toBe(true)
    expect(data?.checkoutSession).toMatchObject({
      status: 'completed',
      paymentStatus: 'no_payment_required',
    })
  })

  it('passes on that Stripe cannot be asked', async () => {
    const { id } = await begin('ada')
    system.stripe.control.pay(id)
    system.stripe.control.fail({ path: '/v1/events', method: 'GET', fault: { status: 401 } })
    const { error } = await client('ada').confirmCheckoutSession('test', id)
    expect(error).toMatchObject({ statusCode: 500, error: 'PAYMENT_CONFIG_INVALID' })
    expect((await client('ada').getCheckoutSession('test', id)).data?.fulfilled).toBe(false)
  })
})

describe('a session', () => {
  const gone = {
    data: null,
    error: {
      error: 'PAYMENT_NOT_FOUND',
      message: 'There is no checkout session with this id that this caller may see.',
      statusCode: 404,
      nextActions:
        'Send the token of the buyer. For teams, add a select policy on payments.stripe_checkout_sessions.',
    },
  }

  it('is shown to its owner by either id, and is not there for everybody else', async () => {
    const { row, id } = await begin('ada')
    for (const known of [row, row.toUpperCase(), id]) {
      expect((await client('ada').getCheckoutSession('test', known)).data?.checkoutSession.id).toBe(row)
      for (const stranger of [client('bob'), client()]) {
        expect(await stranger.getCheckoutSession('test', known)).toEqual(gone)
        expect(await stranger.confirmCheckoutSession('test', known)).toEqual(gone)
      }
      expect((await client('ada').getCheckoutSession('live', known)).error?.statusCode).toBe(404)
    }
    expect(system.asked.seen().filter(({ method }) => method === 'GET')).toEqual([])
  })

  it('of a guest is shown to the one who knows its id, signed in or not, and no other row with it', async () => {
    const { row, id } = await begin()
    await begin()
    for (const buyer of [client(), client('ada')])
      for (const known of [row, id])
        expect((await buyer.getCheckoutSession('test', known)).data?.checkoutSession.id).toBe(row)
    system.stripe.control.pay(id)
    expect((await client().confirmCheckoutSession('test', id)).data?.fulfilled).toBe(true)
    const seen = await system.database.sql.begin(async (sql) => {
      await sql`select set_config('payments.wanted_session_id', ${row}, true)`
      await sql`set local role anon`
      return sql`select id from payments.stripe_checkout_sessions`
    })
    expect(seen).toEqual([{ id: row }])
  })

  it('of anyone is shown to the admin key and confirmed by it, and the read-only key is told why not', async () => {
    const { row, id } = await begin('ada')
    system.stripe.control.pay(id)
    const at = `${server.url}/api/payments/stripe/test/checkout-sessions/${id}`
    const ask = async (key: string, address: string, method: string) => {
      const answer = await fetch(address, { method, headers: { 'x-api-key': key } })
      return { status: answer.status, body: await answer.json() }
    }
    const shown = (fulfilled: boolean) => ({ status: 200, body: { fulfilled, checkoutSession: { id: row } } })
    expect(await ask(ADMIN_KEY, at, 'GET')).toMatchObject(shown(false))
    expect(await ask(ADMIN_KEY, `${at}/confirm`, 'POST')).toMatchObject(shown(true))
    expect(await ask(ADMIN_KEY, at.replace('/test/', '/live/'), 'GET')).toMatchObject({ status: 404 })
    const refused = (message: string) => ({ status: 403, body: { error: 'AUTH_UNAUTHORIZED', message } })
    expect(await ask(READ_KEY, at, 'GET')).toMatchObject(
      refused(
        'The read-only key cannot read a checkout session here, because the answer has the link to pay it.',
      ),
    )
    expect(await ask(READ_KEY, `${at}/confirm`, 'POST')).toMatchObject(
      refused('The read-only key sees everything and changes nothing.'),
    )
  })

  it.each([
    ['malformed JSON', '{"a"', 'application/json', 'The body is not JSON.'],
    ['an unknown field', '{"a": 1}', 'application/json', 'a is not a known field.'],
    [
      'a form',
      'a=1',
      'application/x-www-form-urlencoded',
      'The body must be sent with Content-Type: application/json.',
    ],
  ])('is not confirmed by a body of %s', async (_, body, type, message) => {
    const { id } = await begin('ada')
    const at = `${server.url}/api/payments/stripe/test/checkout-sessions/${id}/confirm`
    const headers = { authorization: `Bearer ${await userToken('ada')}`, 'content-type': type }
    const answer = await fetch(at, { method: 'POST', headers, body })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: 'INVALID_INPUT', message })
  })

  it.each(['cs_test_nobody', '%', "' or true --", '00000000-0000-4000-8000-000000000000'])(
    'that does not exist is 404: %s',
    async (id) => {
      expect(await client('ada').getCheckoutSession('test', id)).toEqual(gone)
    },
  )

  it('is asked for with GET alone, and confirmed with POST alone', async () => {
    const at = `${server.url}/api/payments/stripe/test/checkout-sessions/cs_1`
    expect((await fetch(at, { method: 'DELETE' })).status).toBe(405)
    expect((await fetch(`${at}/confirm`)).status).toBe(405)
    expect((await fetch(at.replace('/test/', '/prod/'))).status).toBe(400)
  })
})

it('guests who confirm too often wait for the webhook, and Stripe is not asked for them', async () => {
  const { id } = await begin()
  system.stripe.control.pay(id)
  await system.database.sql`
    insert into payments_private.rate_counters values ('guest confirmations of test', 'infinity', 100)
    on conflict (name) do update set counted_from = 'infinity', count = 100`
  system.asked.forget()
  expect((await client().confirmCheckoutSession('test', id)).data).toMatchObject({ fulfilled: false })
  expect(system.asked.seen()).toEqual([])
  await system.database.sql`delete from payments_private.rate_counters`
  expect((await client().confirmCheckoutSession('test', id)).data).toMatchObject({ fulfilled: true })
})

describe('waiting in the SDK', () => {
  it('ends when fulfilment has run, although the first answers say no', async () => {
    const { id } = await begin('ada')
    const seen: string[] = []
    const { data } = await client('ada').waitForCheckoutSession('test', id, {
      onUpdate: ({ checkoutSession, fulfilled }) => {
        seen.push(`${checkoutSession.status} ${fulfilled}`)
        if (!fulfilled && seen.length === 1) system.stripe.control.pay(id)
      },
    })
    expect(data?.fulfilled).toBe(true)
    expect(seen).toEqual(['open false', 'completed true'])
  })

  it('ends at its deadline with the last answer', async () => {
    const { id } = await begin('ada')
    const { data } = await client('ada').waitForCheckoutSession('test', id, { timeoutMs: 600 })
    expect(data).toMatchObject({ fulfilled: false, checkoutSession: { status: 'open' } })
  })

  it('ends at once for an error that does not pass, and for a session that has expired', async () => {
    expect((await client('bob').waitForCheckoutSession('test', 'cs_1')).error?.statusCode).toBe(404)
    const { id } = await begin('ada')
    system.stripe.control.expire(id)
    expect((await client('ada').waitForCheckoutSession('test', id)).data).toMatchObject({
      fulfilled: false,
      checkoutSession: { status: 'expired' },
    })
  })

  it('ends when the signal aborts', async () => {
    const { id } = await begin('ada')
    const stop = new AbortController()
    const { error } = await client('ada').waitForCheckoutSession('test', id, {
      signal: stop.signal,
      onUpdate: () => stop.abort(),
    })
    expect(error).toMatchObject({ error: 'NETWORK_ERROR', statusCode: 0 })
  })
})
