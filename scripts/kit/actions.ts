/**
 * What customers, their banks and time do to local Stripe. Without an id, an action takes the newest object that it
 * can act on. Each returns a sentence about what happened, and what it acted on.
 */
import type { Stripe } from 'stripe'
import { money } from '../cli/support/money.ts'
import { type LocalStripe, type PaymentEntry, StripeFailure } from '../local-stripe/index.ts'

export type Stage = { local: LocalStripe; stripe: Stripe }
export type Done = { message: string; id: string }
export type Order = 'arrival' | 'reverse' | 'random' | string[]

const ORDERS = ['arrival', 'reverse', 'random']
const DECLINED_CARD = '4000000000000002'
/** A renewal's invoice is drafted at the end of the period, and collected an hour later. */
const COLLECTED_AFTER_SECONDS = 3600 + 1
const DAY_SECONDS = 86_400

/** An action that has nothing to act on, or an id that it cannot act on. The message says what to do. */
export function actionError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ActionError' })
}

const shown = (value: unknown) => (typeof value === 'string' ? `"${value}"` : String(value))

/** Refuses a word that an action does not know: a test in JavaScript would believe that it was done. */
function checkWord(value: unknown, what: string, words: string[]): void {
  if (value !== undefined && !words.includes(value as string))
    throw actionError(`${shown(value)} is not ${what}: write ${words.map(shown).join(' or ')}.`)
}

export function createActions({ local, stripe }: Stage) {
  const { control, engine } = local
  const { store } = engine

  const openSession = (id: string | undefined): string => {
    if (id !== undefined) return id
    const session = store.list('checkout.session').find(({ status }) => status === 'open')
    if (session) return session.id
    throw actionError('No checkout session is open. Begin a checkout in the app first.')
  }
  const subscriptionOf = (id: string | undefined): string => {
    if (id !== undefined) return store.get('checkout.session', id)?.subscription ?? id
    const found = store.list('subscription').find(({ ended_at }) => ended_at === null)
    if (found) return found.id
    throw actionError('There is no subscription that runs. Pay a subscription checkout first.')
  }
  const processing = (id: string | undefined): string => {
    if (id !== undefined) return id
    const intent = store.list('payment_intent').find(({ status }) => status === 'processing')
    if (intent) return intent.id
    throw actionError('No payment is processing. Pay a checkout with a bank account first.')
  }

  return {
    /** Pays a checkout session, by default with a card that is accepted. */
    async pay(id?: string, entry: PaymentEntry = {}): Promise<Done> {
      const session = control.pay(openSession(id), entry)
      return { message: `Paid ${session.id}: ${session.payment_status}.`, id: session.id }
    },
    /** Tries to pay a checkout session with a card that is declined. */
    async decline(id?: string, card = DECLINED_CARD): Promise<Done> {
      const session = openSession(id)
      try {
        control.pay(session, { card })
      } catch (error) {
        if (error instanceof StripeFailure && error.status === 402)
          return { message: `Declined ${session}: ${error.body.message}`, id: session }
        throw error
      }
      throw actionError(`The card ${card} is not one that is declined.`)
    },
    async expire(id?: string): Promise<Done> {
      const session = control.expire(openSession(id))
      return { message: `Expired ${session.id}.`, id: session.id }
    },
    /** Settles a payment that is processing: it succeeds or fails. */
    async settle(id?: string, succeeds?: boolean): Promise<Done> {
      if (succeeds !== undefined && typeof succeeds !== 'boolean')
        throw actionError(
          `${shown(succeeds)} does not say whether the payment succeeds: write true or false.`,
        )
      const intent = control.settle(processing(id), succeeds)
      return { message: `Settled ${intent.id}: ${intent.status}.`, id: intent.id }
    },
    /**
     * Moves time to the end of the subscription's period and a little over an hour on, when its invoice is collected.
     */
    async renew(id?: string): Promise<Done> {
      const subscription = store.require('subscription', subscriptionOf(id))
      const end = Math.min(...subscription.items.data.map(({ current_period_end }) => current_period_end))
      control.advance(Math.max(0, end - engine.now()) + COLLECTED_AFTER_SECONDS)
      return { message: `Renewed ${subscription.id}: ${subscription.status}.`, id: subscription.id }
    },
    async cancel(id?: string, when: 'now' | 'at_period_end' = 'now'): Promise<Done> {
      checkWord(when, 'when a subscription ends', ['now', 'at_period_end'])
      const subscription = subscriptionOf(id)
      if (when === 'now') await stripe.subscriptions.cancel(subscription)
      else await stripe.subscriptions.update(subscription, { cancel_at_period_end: true })
      const end = when === 'now' ? 'now' : 'at the end of the period'
      return { message: `Canceled ${subscription} ${end}.`, id: subscription }
    },
    /** Refunds a payment, named by its session, invoice, payment intent or charge. */
    async refund(id?: string, amount?: number): Promise<Done> {
      const charge = chargeOf(local, id)
      const refund = await stripe.refunds.create({ charge, ...(amount !== undefined && { amount }) })
      return { message: `Refunded ${money(refund.amount, refund.currency)} of ${charge}.`, id: refund.id }
    },
    async dispute(id?: string, outcome?: 'won' | 'lost'): Promise<Done> {
      if (outcome !== undefined && outcome !== 'won' && outcome !== 'lost')
        throw actionError(`A dispute is won or lost, and not ${JSON.stringify(outcome)}.`)
      const dispute = control.openDispute(chargeOf(local, id))
      if (outcome) control.closeDispute(dispute.id, outcome)
      return { message: `Disputed ${dispute.charge}${outcome ? ` and ${outcome}` : ''}.`, id: dispute.id }
    },
    /** Moves time forward: seconds, or for example `36h`, `3 days`, `1 month`. */
    async advance(duration: string | number): Promise<Done> {
      const seconds = typeof duration === 'string' ? secondsOf(duration) : duration
      if (!Number.isFinite(seconds) || seconds < 0)
        throw actionError(
          `${shown(duration)} is not a duration: write seconds, or for example 36h, 3 days or 1 month.`,
        )
      control.advance(seconds)
      const now = new Date(engine.now() * 1000).toISOString().replace('.000', '')
      return { message: `It is ${now} at local Stripe.`, id: now }
    },
    ...createDeliveryActions(local),
  }
}

/** What the network does to events. */
function createDeliveryActions({ control, engine }: LocalStripe) {
  return {
    /** Holds back all events from now on. */
    async hold(): Promise<Done> {
      control.holdDelivery()
      return { message: 'Events are held back from now on.', id: '' }
    },
    /** Delivers the held events in an order, and stops holding. */
    async release(order: Order = 'arrival'): Promise<Done> {
      if (!Array.isArray(order) && !ORDERS.includes(order))
        throw actionError(`Events are released in the order ${ORDERS.join(', ')}, or by a list of their ids.`)
      const held = control.heldEvents()
      checkHeld(order, held)
      if (order === 'arrival' || order === 'reverse') await control.releaseDelivery(order)
      else await control.releaseDelivery(order === 'random' ? shuffled(held) : order)
      // Given ids, the control goes on holding.
      if (!Array.isArray(order)) await control.releaseDelivery()
      return { message: `Delivered ${held.length} held events.`, id: '' }
    },
    /** Delivers an event again; by default the newest. */
    async repeat(event?: string, times = 1): Promise<Done> {
      const id = event ?? engine.events.at(-1)?.event.id
      if (id === undefined) throw actionError('There is no event yet.')
      if (!Number.isInteger(times) || times < 1)
        throw actionError(
          `${shown(times)} is not how often an event is delivered: write a whole number from 1.`,
        )
      await control.redeliver(id, times)
      return { message: `Delivered ${id} again.`, id }
    },
  }
}

export type Actions = ReturnType<typeof createActions>

/** Refuses events that are not held. */
function checkHeld(order: Order, held: string[]): void {
  if (!Array.isArray(order)) return
  const unknown = order.filter((id) => !held.includes(id))
  if (unknown.length > 0)
    throw actionError(
      `${unknown.map(shown).join(', ')} is not held back. Call hold() before the events, and name events that were held since.`,
    )
}

/** The charge of a payment that can be refunded or disputed. */
function chargeOf({ engine: { store } }: LocalStripe, id: string | undefined): string {
  if (id === undefined) {
    const charge = store.list('charge').find(({ paid, refunded }) => paid && !refunded)
    if (charge) return charge.id
    throw actionError('There is no payment that could be refunded or disputed. Pay a checkout first.')
  }
  const session = store.get('checkout.session', id)
  const invoice = session?.invoice ?? (store.get('invoice', id) ? id : null)
  const payment = store.list('invoice_payment').find((item) => item.invoice === invoice)
  const intent = session?.payment_intent ?? payment?.payment.payment_intent ?? id
  const charge = store.get('payment_intent', intent)?.latest_charge ?? id
  if (store.get('charge', charge)) return charge
  throw actionError(
    `${id} is not a payment: name a checkout session, an invoice, a payment intent or a charge.`,
  )
}

const UNIT_SECONDS: Record<string, number> = {
  s: 1,
  second: 1,
  m: 60,
  minute: 60,
  h: 3600,
  hour: 3600,
  d: DAY_SECONDS,
  day: DAY_SECONDS,
  w: 7 * DAY_SECONDS,
  week: 7 * DAY_SECONDS,
  month: 31 * DAY_SECONDS,
  year: 366 * DAY_SECONDS,
}

/** A duration in seconds. A month is 31 days and a year 366, so that a renewal is always behind it. */
export function secondsOf(text: string): number {
  const [, count = '', word = ''] = /^(\d{1,9})\s*([a-z]*)$/.exec(text.trim().toLowerCase()) ?? []
  const unit = word.length > 1 ? word.replace(/s$/, '') : word || 's'
  const seconds = UNIT_SECONDS[unit]
  if (count !== '' && seconds !== undefined) return Number(count) * seconds
  throw actionError(`"${text}" is not a duration: write for example 36h, 3 days or 1 month.`)
}

function shuffled<T>(items: T[]): T[] {
  const result = [...items]
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[result[last], result[other]] = [result[other] as T, result[last] as T]
  }
  return result
}
