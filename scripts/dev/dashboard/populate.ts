/** What a business has after a while, in local Stripe and, by its webhooks, in Postgres. */

import { SignJWT } from 'jose'
import type postgres from 'postgres'
import { ADMIN_KEY, JWT_SECRET, type World } from './world.ts'

const DAY_SECONDS = 86_400
const DAYS = 12

const PEOPLE = [
  ['Ada Lovelace', 'ada@example.com'],
  ['Grace Hopper', 'grace@example.com'],
  ['Alan Turing', 'alan@example.com'],
  ['Hedy Lamarr', 'hedy@example.com'],
  ['<img src=x onerror=alert(1)>', 'mallory@example.com'],
  ['Katherine Johnson', 'katherine@example.com'],
] as const

/** The token of a user of the app. */
const userToken = (id: string) =>
  new SignJWT({ sub: id, role: 'authenticated' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(JWT_SECRET))

/** Calls the admin API as an admin would. */
export async function callAdmin(
  world: World,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await fetch(`${world.url}/api/payments/${path}`, {
    method,
    headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
  return answer
}

type Prices = { seat: string; year: string; mug: string; yen: string }

async function stock({ stripe }: World): Promise<Prices> {
  const team = await stripe.products.create({
    name: 'Team plan',
    description: 'Everything for a team, by seat.',
  })
  const mug = await stripe.products.create({ name: 'Mug', description: 'Holds 0.3 l of anything.' })
  const [seat, year, once, yen] = await Promise.all([
    stripe.prices.create({
      product: team.id,
      currency: 'eur',
      unit_amount: 1200,
      recurring: { interval: 'month' },
      lookup_key: 'team_monthly',
    }),
    stripe.prices.create({
      product: team.id,
      currency: 'eur',
      unit_amount: 11_900,
      recurring: { interval: 'year' },
      lookup_key: 'team_yearly',
    }),
    stripe.prices.create({ product: mug.id, currency: 'usd', unit_amount: 1450 }),
    stripe.prices.create({ product: mug.id, currency: 'jpy', unit_amount: 2200 }),
  ])
  return { seat: seat.id, year: year.id, mug: once.id, yen: yen.id }
}

async function pay(
  { stripe, local }: World,
  customer: string,
  price: string,
  quantity: number,
): Promise<string> {
  const session = await stripe.checkout.sessions.create({
    mode: 'payment',
    customer,
    line_items: [{ price, quantity }],
    success_url: 'https://shop.example.com/done',
    cancel_url: 'https://shop.example.com',
  })
  return local.control.pay(session.id).payment_intent as string
}

async function subscribe(
  world: World,
  customer: string,
  price: string,
  quantity: number,
  team: string,
): Promise<void> {
  const { stripe, local } = world
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription',
    customer,
    client_reference_id: team,
    line_items: [{ price, quantity }],
    metadata: { payments_subject_type: 'team', payments_subject_id: team },
    subscription_data: { metadata: { payments_subject_type: 'team', payments_subject_id: team } },
    success_url: 'https://shop.example.com/done',
    cancel_url: 'https://shop.example.com',
  })
  local.control.pay(session.id)
}

/** Sales of the last days, refunds, a dispute and subscriptions. */
async function trade(world: World, prices: Prices): Promise<void> {
  const { stripe, local } = world
  local.control.advance(-DAYS * DAY_SECONDS)
  const customers: string[] = []
  for (const [name, email] of PEOPLE) customers.push((await stripe.customers.create({ name, email })).id)
  const buyer = (index: number) => customers[index % customers.length] as string
  for (const [index, price] of [prices.seat, prices.year, prices.seat].entries())
    await subscribe(world, buyer(index), price, index + 2, String(41 + index))
  for (let day = 0; day < DAYS; day++) {
    const intent = await pay(world, buyer(day), prices.mug, 1 + (day % 4))
    if (day % 3 === 0) await pay(world, buyer(day + 1), prices.yen, 2)
    if (day % 5 === 2) await stripe.refunds.create({ payment_intent: intent, amount: 700 })
    if (day === 7) {
      const { latest_charge } = await stripe.paymentIntents.retrieve(intent)
      local.control.openDispute(latest_charge as string, { reason: 'product_not_received' })
    }
    if (day % 4 === 1)
      await stripe.paymentIntents
        .create({
          amount: 1900,
          currency: 'usd',
          customer: buyer(day),
          payment_method: 'pm_card_chargeDeclined',
          confirm: true,
          return_url: 'https://shop.example.com',
        })
        .catch(() => {})
    local.control.advance(DAY_SECONDS)
  }
}

/** What a user of the app does: opens a checkout with options, and the portal. */
async function visit(world: World, prices: Prices): Promise<void> {
  const { data } = await world.stripe.customers.list({ email: 'hedy@example.com' })
  const subject = { type: 'user', id: 'hedy' }
  await callAdmin(world, 'POST', 'stripe/test/assign-subject', {
    customerId: data[0]?.id,
    subjectType: subject.type,
    subjectId: subject.id,
  })
  const ask = async (path: string, body: object) => {
    const response = await fetch(`${world.url}/api/payments/stripe/test/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await userToken(subject.id)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ subject, ...body }),
    })
    if (!response.ok) throw new Error(`POST ${path}: ${await response.text()}`)
  }
  await ask('checkout-sessions', {
    mode: 'payment',
    lineItems: [{ priceId: prices.mug, quantity: 2 }],
    successUrl: 'https://shop.example.com/done',
    cancelUrl: 'https://shop.example.com',
    allowPromotionCodes: true,
    customText: { submit: 'It is sent within two days.' },
  })
  await ask('customer-portal-sessions', { returnUrl: 'https://shop.example.com/account', locale: 'de' })
}

/**
 * What is seldom: a planned change, a credit note, a payment that waits for its capture, sessions with options, an
 * offer.
 */
async function furnish(world: World, prices: Prices): Promise<void> {
  const { stripe } = world
  const { data: subscriptions } = await stripe.subscriptions.list({ limit: 1, price: prices.seat })
  const [subscription] = subscriptions
  if (!subscription) throw new Error('There is no subscription to change.')
  const { id, phases } = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id })
  const [phase] = phases
  if (!phase) throw new Error('The schedule has no phase.')
  await stripe.subscriptionSchedules.update(id, {
    phases: [
      {
        start_date: phase.start_date,
        end_date: phase.end_date,
        items: phase.items.map(({ price, quantity = 1 }) => ({ price: price as string, quantity })),
      },
      { items: [{ price: prices.year, quantity: 1 }] },
    ],
  })
  const { data: invoices } = await stripe.invoices.list({ subscription: subscription.id, limit: 1 })
  const invoice = invoices[0]?.id
  if (invoice !== undefined)
    await stripe.creditNotes.create({ invoice, amount: 300, credit_amount: 300, memo: 'One seat too many' })
  await stripe.paymentIntents.create({
    amount: 4900,
    currency: 'eur',
    customer: subscription.customer as string,
    capture_method: 'manual',
    confirm: true,
    payment_method: 'pm_card_visa',
    description: 'Workshop, held until it takes place',
  })
  await visit(world, prices)
  await callAdmin(world, 'PUT', 'stripe/test/offers/team', {
    lookupKey: 'team_monthly',
    mode: 'subscription',
    maximumQuantity: 20,
    subjectTypes: ['team'],
    allowedOptions: ['allowPromotionCodes', 'trialPeriodDays'],
    productGroup: 'plans',
    onePlan: true,
  })
}

/** Makes the fulfilment of one kind of events fail, so that the ledger has dead letters to show. */
export async function breakFulfilment(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`
    create function public.fulfil() returns trigger language plpgsql as $$
    begin
      raise exception 'No order belongs to this payment.';
    end $$;
    create trigger _500_fulfil after insert or update on payments.webhook_events
      for each row when (new.processing_status = 'processed' and new.event_type = 'charge.refunded')
      execute function public.fulfil();`)
}

/** Stores the key, which sets up the webhook endpoint, and lets a business happen. */
export async function populate(world: World, sql: postgres.Sql): Promise<void> {
  await callAdmin(world, 'PUT', 'stripe/test/config', { secretKey: world.local.secretKey })
  await breakFulfilment(sql)
  const prices = await stock(world)
  await trade(world, prices)
  await world.local.control.settled()
  await furnish(world, prices)
  await world.local.control.settled()
  // The events of the past days arrived just now; a business got each a second after it happened.
  await sql`update payments.webhook_events set received_at = provider_created_at + interval '1 second'`
  await callAdmin(world, 'POST', 'stripe/test/sync', {})
}
