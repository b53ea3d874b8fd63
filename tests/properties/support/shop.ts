/**
 * A shop that does one thing after another: its buyers, its staff at Stripe, its operators here, and the delivery of its
 * events in whatever order. What a step picks, it picks by the number that it is given.
 */
import { Stripe } from 'stripe'
import { projectStripeObjects } from '../../../functions/core/sql.ts'
import { storable } from '../../../functions/core/storable.ts'
import { runSync } from '../../../functions/sync/sync.ts'
import { StripeFailure } from '../../../scripts/local-stripe/index.ts'
import type { SyncSystem } from '../../functions/sync/support/system.ts'

/** Numbers of one step, each below the given one. */
type Choose = (below: number) => number
export type Deed = (system: SyncSystem, choose: Choose) => unknown

/** Fractions of the number that a step is given, the same for the same number. */
export function chooser(seed: number): Choose {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const pick = <Item>(choose: Choose, items: readonly Item[]) => items[choose(items.length)]
const DAY_SECONDS = 86_400

/** A subject, or none. */
const subject = (choose: Choose): Record<string, string> =>
  choose(3) === 0
    ? {}
    : { payments_subject_type: choose(2) ? 'team' : 'user', payments_subject_id: String(choose(4)) }

async function customerOf({ api }: SyncSystem, choose: Choose): Promise<string | undefined> {
  return pick(choose, (await api.customers.list({ limit: 50 })).data)?.id
}

async function livingSubscription({ api }: SyncSystem, choose: Choose) {
  const { data } = await api.subscriptions.list({ limit: 50 })
  return pick(
    choose,
    data.filter(({ status }) => status !== 'canceled' && status !== 'incomplete_expired'),
  )
}

async function chargeOf({ api }: SyncSystem, choose: Choose) {
  const { data } = await api.charges.list({ limit: 50 })
  return pick(
    choose,
    data.filter(({ paid, captured, refunded }) => paid && captured && !refunded),
  )
}

/** Cards that are declined at different moments, and bank debits. */
const METHODS = [
  { card: '4000000000000002' },
  { card: '4000000000000341' },
  { card: '4000000000000259' },
  { card: '4000000000005126' },
  { paymentMethod: 'pm_sepaDebit' },
]

async function checkout(
  system: SyncSystem,
  choose: Choose,
  params: Partial<Stripe.Checkout.SessionCreateParams>,
): Promise<void> {
  const customer = choose(4) ? await customerOf(system, choose) : undefined
  const { id } = await system.api.checkout.sessions.create({
    ...params,
    ...(customer && { customer }),
    success_url: 'https://shop.example/done',
  })
  if (choose(8) === 0) return
  system.stripe.control.pay(id, {
    email: `buyer-${choose(50)}@example.com`,
    ...(choose(4) === 0 && pick(choose, METHODS)),
  })
}

export const BUYERS: Record<string, Deed> = {
  signUp: ({ api }, choose) =>
    api.customers.create({
      email: `ada-${choose(99)}@example.com`,
      payment_method: 'pm_card_visa',
      metadata: subject(choose),
    }),
  buy(system, choose) {
    const metadata = subject(choose)
    return checkout(system, choose, {
      mode: 'payment',
      line_items: [{ price: system.prices.once, quantity: 1 + choose(3) }],
      metadata,
      payment_intent_data: {
        ...(choose(3) && { metadata }),
        ...(choose(4) === 0 && { capture_method: 'manual' }),
      },
    })
  },
  subscribe(system, choose) {
    const metadata = subject(choose)
    return checkout(system, choose, {
      mode: 'subscription',
      line_items: [
        { price: system.prices.monthly, quantity: 1 + choose(2) },
        ...(choose(4) === 0 ? [{ price: system.prices.once, quantity: 1 }] : []),
      ],
      metadata,
      subscription_data: {
        ...(choose(3) && { metadata }),
        ...(choose(3) === 0 && { trial_period_days: 1 + choose(30) }),
      },
    })
  },
  saveCard: (system, choose) =>
    checkout(system, choose, { mode: 'setup', currency: 'eur', metadata: subject(choose) }),
  async giveUp({ api, stripe }, choose) {
    const open = pick(choose, (await api.checkout.sessions.list({ status: 'open', limit: 20 })).data)
    if (open) stripe.control.expire(open.id)
  },
  async complain({ stripe, ...system }, choose) {
    const charge = await chargeOf({ stripe, ...system }, choose)
    if (charge && !charge.disputed)
      stripe.control.openDispute(charge.id, { amount: 1 + choose(charge.amount) })
  },
}

export const STAFF: Record<string, Deed> = {
  async refund(system, choose) {
    const charge = await chargeOf(system, choose)
    const left = charge ? charge.amount_captured - charge.amount_refunded : 0
    if (charge)
      await system.api.refunds.create({ charge: charge.id, ...(choose(3) && { amount: 1 + choose(left) }) })
  },
  async refundFails({ api, stripe }, choose) {
    const refund = pick(choose, (await api.refunds.list({ limit: 20 })).data)
    if (refund) stripe.control.settleRefund(refund.id, choose(2) === 0)
  },
  async closeDispute({ api, stripe }, choose) {
    const { data } = await api.disputes.list({ limit: 20 })
    const open = pick(
      choose,
      data.filter(({ status }) => status !== 'won' && status !== 'lost'),
    )
    if (open) stripe.control.closeDispute(open.id, choose(2) ? 'won' : 'lost')
  },
  async captureOrCancel({ api }, choose) {
    const { data } = await api.paymentIntents.list({ limit: 50 })
    const held = pick(
      choose,
      data.filter(({ status }) => status === 'requires_capture'),
    )
    if (held && choose(3))
      await api.paymentIntents.capture(held.id, { amount_to_capture: 1 + choose(held.amount) })
    else if (held) await api.paymentIntents.cancel(held.id)
  },
  async settle({ api, stripe }, choose) {
    const { data } = await api.paymentIntents.list({ limit: 50 })
    const processing = pick(
      choose,
      data.filter(({ status }) => status === 'processing'),
    )
    if (processing) stripe.control.settle(processing.id, choose(3) > 0)
  },
  async changeSubscription(system, choose) {
    const living = await livingSubscription(system, choose)
    const item = living?.items.data[0]
    if (!living || !item) return
    const changes: Stripe.SubscriptionUpdateParams[] = [
      { cancel_at_period_end: choose(3) > 0 },
      { items: [{ id: item.id, quantity: 1 + choose(5) }] },
      { pause_collection: choose(2) ? { behavior: 'void' } : '' },
      { metadata: subject(choose) },
    ]
    await system.api.subscriptions.update(living.id, pick(choose, changes) as Stripe.SubscriptionUpdateParams)
  },
  async endSubscription(system, choose) {
    const living = choose(2) ? await livingSubscription(system, choose) : undefined
    if (living) await system.api.subscriptions.cancel(living.id)
  },
  async bill({ api, ...system }, choose) {
    const customer = await customerOf({ api, ...system }, choose)
    if (!customer) return
    await api.invoiceItems.create({ customer, amount: 500, currency: 'eur' })
    const { id = '' } = await api.invoices.create({
      customer,
      collection_method: 'send_invoice',
      days_until_due: 7,
    })
    const steps = [
      () => api.invoices.del(id),
      () => api.invoices.finalizeInvoice(id),
      async () => api.invoices.pay((await api.invoices.finalizeInvoice(id)).id ?? ''),
      async () => api.invoices.voidInvoice((await api.invoices.finalizeInvoice(id)).id ?? ''),
    ]
    await pick(choose, steps)?.()
  },
  async renameCustomer(system, choose) {
    const id = await customerOf(system, choose)
    if (id) await system.api.customers.update(id, { name: `Ada ${choose(9)}`, metadata: subject(choose) })
  },
  async deleteCustomer(system, choose) {
    const id = choose(5) === 0 ? await customerOf(system, choose) : undefined
    if (id) await system.api.customers.del(id)
  },
  wait: ({ stripe }, choose) =>
    stripe.control.advance([60, DAY_SECONDS, 8 * DAY_SECONDS, 31 * DAY_SECONDS][choose(4)] ?? 0),
}

export const OPERATORS: Record<string, Deed> = {
  async assign(system, choose) {
    const { sql } = system.database
    const customer = choose(2) ? ((await customerOf(system, choose)) ?? null) : null
    const subscription = customer ? null : ((await livingSubscription(system, choose))?.id ?? null)
    if (customer ?? subscription)
      await sql`select payments.assign_subject('test', ${customer}, ${subscription}, 'team', ${String(choose(4))}, true)`
  },
  async erase({ database: { sql } }, choose) {
    if (choose(3) === 0) await sql`select payments.erase_subject('test', 'team', ${String(choose(4))})`
  },
  sync: ({ deps }) => runSync({ environment: 'test' }, deps),
  /** Some of the events that are not known yet, in any order, one by one. */
  async deliverSome(system, choose) {
    const missing = await undelivered(system)
    const some = missing.slice(0, choose(missing.length + 1))
    for (const event of choose(2) ? some : some.toSorted(() => choose(2) - 0.5)) await deliver(system, event)
  },
  /** The next events at once, so that they come in lists. */
  async deliverTogether(system, choose) {
    const some = (await undelivered(system)).slice(0, 1 + choose(16))
    await Promise.all(some.map((event) => deliver(system, event)))
  },
  async deliverAgain(system, choose) {
    const event = pick(choose, system.stripe.control.events())
    if (event) await deliver(system, event)
  },
}

/** As the webhook handler does: what events of one second leave undecided is read from Stripe. */
export async function deliver({ deps }: SyncSystem, event: object): Promise<void> {
  const { fetch } = await deps.ingest({ environment: 'test', payload: storable(JSON.stringify(event)) })
  for (const ref of fetch) {
    const { object, snapshotAt } = await (await deps.stripe('test')).retrieve(ref)
    await projectStripeObjects(deps.database, { environment: 'test', objects: [object], snapshotAt })
  }
}

/** Events of Stripe that the ledger has not, oldest first. */
export async function undelivered({ database: { sql }, stripe }: SyncSystem): Promise<object[]> {
  const rows = await sql<{ id: string }[]>`select provider_event_id as id from payments.webhook_events`
  const known = new Set(rows.map(({ id }) => id))
  return stripe.control.events().filter(({ id }) => !known.has(id))
}

/** Nothing of it is known here yet (SP060, SP063), or is to be assigned (SP061). */
const REFUSALS = new Set(['SP060', 'SP061', 'SP063'])

/** Whether it is an answer that a step may get, from Stripe or from here. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof Stripe.errors.StripeError ||
  error instanceof StripeFailure ||
  REFUSALS.has(String((error as { code?: string }).code))
