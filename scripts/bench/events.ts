/**
 * An endless stream of webhook events of one account, the same for the same seed: 2,000 customers who check out, subscribe, renew
 * and are refunded, in a fixed mix. The objects of one payment name each other as Stripe's do. Its state is bounded, so that it
 * can run for as long as somebody reads.
 */
import { createHmac } from 'node:crypto'
import { createRandom, letters, pick, type Random, shuffled, stripeId, whole } from './random.ts'
import {
  type CustomerState,
  charge,
  checkoutSession,
  customer,
  invoice,
  type PaymentState,
  type Person,
  type Plan,
  paymentIntent,
  type RefundState,
  refund,
  type StripeShape,
  type SubscriptionState,
  subscription,
} from './shapes.ts'

/** The kinds of event in the mix, and how many there are of each among twenty. */
export const MIX = {
  customer: 4,
  checkout_session: 3,
  subscription: 5,
  invoice: 4,
  payment_intent: 2,
  charge_refunded: 1,
  refund: 1,
} as const

export type Kind = keyof typeof MIX
export const KINDS = Object.keys(MIX) as Kind[]

export type BenchEvent = { id: string; kind: Kind; type: string; body: string }

/** A delivery as it arrives: the bytes, and the header that signs them. */
export type Delivery = BenchEvent & { bytes: Buffer<ArrayBuffer>; signature: string }

export type EventStream = {
  /** The next events. */
  take(count: number): BenchEvent[]
}

export const API_VERSION = '2026-10-28.endive'
const CUSTOMERS = 2000
/** Bytes of a body at least: Stripe's own are rarely shorter once the objects carry metadata. */
const LEAST = 2048
const BEGIN = 1_795_000_000
/** Events in one second, on average: few enough that two changes of one object in one second stay rare. */
const EVENTS_PER_SECOND = 10
/** How many payments wait at most for their next event. */
const WAITING = 500

const FIRST_NAMES = ['Ada', 'Bela', 'Chidi', 'Dora', 'Emil', 'Farah', 'Goran', 'Hana', 'Ines', 'Jonas']
const LAST_NAMES = [
  'Abara',
  'Brandt',
  'Costa',
  'Dahl',
  'Eze',
  'Fischer',
  'Grant',
  'Haddad',
  'Ivanov',
  'Jansen',
]

export function createEventStream(seed: number): EventStream {
  const random = createRandom(seed)
  const plans: Plan[] = [
    { nickname: 'Team', amount: 4900 },
    { nickname: 'Company', amount: 12_900 },
    { nickname: 'Studio', amount: 2900 },
  ].map((plan) => ({
    ...plan,
    priceId: stripeId(random, 'price_', BEGIN - 20_000_000),
    productId: stripeId(random, 'prod_', BEGIN - 20_000_000, 'short'),
  }))

  const customers: CustomerState[] = Array.from({ length: CUSTOMERS }, (_, number) => {
    const created = BEGIN - 2_000_000 + number * 900
    const name = `${pick(random, FIRST_NAMES)} ${pick(random, LAST_NAMES)}`
    const person: Person = {
      customerId: stripeId(random, 'cus_', created, 'short'),
      email: `${name.toLowerCase().replace(' ', '.')}.${number}@example.com`,
      name,
      phone: `+44113${String(4_960_000 + number)}`,
      subject: { type: number % 4 === 0 ? 'team' : 'user', id: uuid(random) },
      created,
    }
    return { person, number, balance: 0, version: 0 }
  })
  const subscriptions = new Map<number, SubscriptionState>()
  const subscribers: number[] = []

  // what is still to be announced of what happened
  const toBegin: SubscriptionState[] = []
  const toInvoice: SubscriptionState[] = []
  const toCheckOut: PaymentState[] = []
  const toSucceed: PaymentState[] = []
  const toRefundCharge: RefundState[] = []
  const toRefund: RefundState[] = []
  const paid: PaymentState[] = []

  let made = 0
  let deck: Kind[] = []
  let clock = BEGIN
  let numbers = 0

  function keep<T>(queue: T[], item: T): void {
    queue.push(item)
    if (queue.length > WAITING) queue.shift()
  }

  function somebody(): CustomerState {
    return pick(random, customers)
  }

  function subscribe(of: CustomerState, created = clock): SubscriptionState {
    const started: SubscriptionState = {
      id: stripeId(random, 'sub_', created),
      itemId: stripeId(random, 'si_', created, 'short'),
      person: of.person,
      plan: pick(random, plans),
      created,
      periodStart: created,
      periodEnd: created + 2_592_000,
      quantity: 1,
      paymentMethodId: null,
      cancelAtPeriodEnd: false,
      latestInvoiceId: stripeId(random, 'in_', created),
    }
    if (!subscriptions.has(of.number)) subscribers.push(of.number)
    subscriptions.set(of.number, started)
    return started
  }

  function beginSubscription(): SubscriptionState {
    const started = subscribe(somebody())
    keep(toBegin, started)
    keep(toInvoice, started)
    return started
  }

  // every second customer has subscribed long ago
  for (const state of customers) {
    if (state.number % 2 === 0) subscribe(state, state.person.created + 3600)
  }

  function subscribed(): SubscriptionState {
    return subscriptions.get(pick(random, subscribers)) as SubscriptionState
  }

  function pay(): PaymentState {
    numbers += 1
    return {
      person: somebody().person,
      number: numbers,
      sessionId: stripeId(random, 'cs_test_', clock, 'session'),
      paymentIntentId: stripeId(random, 'pi_', clock),
      chargeId: stripeId(random, 'ch_', clock),
      paymentMethodId: stripeId(random, 'pm_', clock),
      reference: uuid(random),
      amount: 500 + whole(random, 200) * 100,
      created: clock,
    }
  }

  /** A payment that a refund is about: one that is paid if there is one, else one of which nobody has heard yet. */
  function giveBack(): RefundState {
    const index = paid.length > 0 ? whole(random, paid.length) : -1
    const payment = paid.splice(index, index < 0 ? 0 : 1)[0] ?? pay()
    const amount = random() < 0.6 ? payment.amount : Math.floor(payment.amount / 2)
    return { id: stripeId(random, 're_', clock), payment, amount, created: clock }
  }

  type Made = { type: string; object: StripeShape; before?: Record<string, unknown> }
  const makers: Record<Kind, () => Made> = {
    customer() {
      const state = somebody()
      const isNew = state.version === 0
      const before = formerly(state)
      state.version += 1
      state.balance = isNew ? 0 : -100 * state.version
      const object = customer(state)
      return isNew ? { type: 'customer.created', object } : { type: 'customer.updated', object, before }
    },

    checkout_session() {
      // two of three are single payments, so that there is one for each PaymentIntent
      if (random() * 3 < 2) {
        const known = toCheckOut.shift()
        const payment = known ?? pay()
        keep(known ? paid : toSucceed, payment)
        return { type: 'checkout.session.completed', object: checkoutSession({ mode: 'payment', payment }) }
      }
      const started = beginSubscription()
      const sessionId = stripeId(random, 'cs_test_', clock, 'session')
      return {
        type: 'checkout.session.completed',
        object: checkoutSession({
          mode: 'subscription',
          sessionId,
          reference: uuid(random),
          subscription: started,
          created: clock - 60,
        }),
      }
    },

    subscription() {
      const begins = toBegin.shift()
      if (begins) return { type: 'customer.subscription.created', object: subscription(begins) }
      const state = subscribed()
      const before: Record<string, unknown> = {}
      if (random() < 0.5) {
        before.default_payment_method = state.paymentMethodId
        state.paymentMethodId = stripeId(random, 'pm_', clock)
      } else {
        before.cancel_at_period_end = state.cancelAtPeriodEnd
        before.cancel_at = state.cancelAtPeriodEnd ? state.periodEnd : null
        state.cancelAtPeriodEnd = !state.cancelAtPeriodEnd
      }
      return { type: 'customer.subscription.updated', object: subscription(state), before }
    },

    invoice() {
      const first = toInvoice.shift()
      const state = first ?? subscribed()
      if (!first) {
        state.latestInvoiceId = stripeId(random, 'in_', clock)
        state.periodStart = state.periodEnd
        state.periodEnd += 2_592_000
      }
      numbers += 1
      return {
        type: 'invoice.paid',
        object: invoice({
          id: state.latestInvoiceId,
          lineId: stripeId(random, 'il_', clock),
          number: `BENCH-${String(numbers).padStart(6, '0')}`,
          subscription: state,
          created: clock,
          reason: first ? 'subscription_create' : 'subscription_cycle',
        }),
      }
    },

    payment_intent() {
      const known = toSucceed.shift()
      const payment = known ?? pay()
      keep(known ? paid : toCheckOut, payment)
      return { type: 'payment_intent.succeeded', object: paymentIntent(payment) }
    },

    charge_refunded() {
      const known = toRefundCharge.shift()
      const state = known ?? giveBack()
      if (!known) keep(toRefund, state)
      return {
        type: 'charge.refunded',
        object: charge(state.payment, state.amount),
        before: { amount_refunded: 0, ...(state.amount === state.payment.amount && { refunded: false }) },
      }
    },

    refund() {
      const known = toRefund.shift()
      const state = known ?? giveBack()
      if (!known) keep(toRefundCharge, state)
      return { type: 'refund.created', object: refund(state) }
    },
  }

  function next(): BenchEvent {
    if (deck.length === 0) {
      deck = shuffled(
        random,
        KINDS.flatMap((kind) => Array.from({ length: MIX[kind] }, () => kind)),
      )
    }
    const kind = deck.pop() as Kind
    clock = BEGIN + Math.floor(made / EVENTS_PER_SECOND)
    made += 1
    const { type, object, before } = makers[kind]()
    const id = stripeId(random, 'evt_', clock)
    const event = {
      id,
      object: 'event',
      api_version: API_VERSION,
      context: null,
      created: clock,
      data: { object, ...(before && { previous_attributes: before }) },
      livemode: false,
      pending_webhooks: 1,
      request: { id: `req_${letters(random, 14)}`, idempotency_key: uuid(random) },
      type,
    }
    return { id, kind, type, body: atLeast(event, object) }
  }

  return { take: (count) => Array.from({ length: count }, next) }
}

/** The body as Stripe writes it, indented by two spaces. One that is short gets a longer note in its metadata. */
function atLeast(event: object, object: StripeShape): string {
  const body = JSON.stringify(event, null, 2)
  const missing = LEAST - Buffer.byteLength(body)
  if (missing <= 0) return body
  const note = 'Imported from the former shop; the customer has been told. '.repeat(40).slice(0, missing)
  object.metadata = { ...(object.metadata as object), note }
  return JSON.stringify(event, null, 2)
}

/** What of a customer the next update changes. */
const formerly = ({ balance, number, version }: CustomerState) => ({
  balance,
  invoice_settings: { custom_fields: [{ name: 'Purchase order', value: `PO-${number}-${version}` }] },
  metadata: { profile: String(version) },
  next_invoice_sequence: version + 1,
})

function uuid(random: Random): string {
  const hex = Array.from({ length: 32 }, () => whole(random, 16).toString(16)).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
}

export const SIGNING_SECRET = 'whsec_bench0000000000000000000000000000'

/** Signs events as of now. A signature is good for five minutes, so this is done just before they are sent. */
export function sign(events: BenchEvent[], secret = SIGNING_SECRET): Delivery[] {
  const timestamp = Math.floor(Date.now() / 1000)
  return events.map((event) => {
    const signature = createHmac('sha256', secret).update(`${timestamp}.${event.body}`).digest('hex')
    return { ...event, bytes: Buffer.from(event.body), signature: `t=${timestamp},v1=${signature}` }
  })
}
