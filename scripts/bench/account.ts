/**
 * The account whose events are streamed: its customers, their subscriptions, and the payments of which an event is
 * still due. Every random choice comes from one generator, so the same seed gives the same account. Its size is
 * bounded, so that a stream can run without end.
 */
import { createRandom, pick, type Random, stripeId, whole } from './random.ts'
import type { CustomerState, PaymentState, Person, Plan, RefundState, SubscriptionState } from './shapes.ts'

export type Account = {
  random: Random
  plans: Plan[]
  customers: CustomerState[]
  /** The newest subscription of a customer, by the customer's number. */
  subscriptions: Map<number, SubscriptionState>
  /** Numbers of the customers who have a subscription. */
  subscribers: number[]
  /** What has happened and is not in an event yet, by the event that is due. */
  due: {
    subscriptionCreated: SubscriptionState[]
    invoicePaid: SubscriptionState[]
    sessionCompleted: PaymentState[]
    intentSucceeded: PaymentState[]
    chargeRefunded: RefundState[]
    refundCreated: RefundState[]
  }
  /** Payments of which every event is out; a refund takes one of them. */
  paid: PaymentState[]
  /** Unix seconds of the next event. */
  clock: number
  /** The last number given to a payment or an invoice. */
  lastNumber: number
}

/** Unix seconds of the first event. */
export const STREAM_START_SECONDS = 1_795_000_000
export const MONTH_SECONDS = 2_592_000
const CUSTOMER_COUNT = 2000
/** Customers and plans are older than the first event by these times. */
const CUSTOMER_AGE_SECONDS_MAX = 2_000_000
const CUSTOMER_DISTANCE_SECONDS = 900
const PLAN_AGE_SECONDS = 20_000_000
/** Length of a queue; the oldest entry then loses its event. */
const QUEUE_LENGTH_MAX = 500

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

export function createAccount(seed: number): Account {
  const random = createRandom(seed)
  const account: Account = {
    random,
    plans: createPlans(random),
    customers: Array.from({ length: CUSTOMER_COUNT }, (_, number) => createCustomer(random, number)),
    subscriptions: new Map(),
    subscribers: [],
    due: {
      subscriptionCreated: [],
      invoicePaid: [],
      sessionCompleted: [],
      intentSucceeded: [],
      chargeRefunded: [],
      refundCreated: [],
    },
    paid: [],
    clock: STREAM_START_SECONDS,
    lastNumber: 0,
  }
  // Every second customer subscribed long ago.
  for (const state of account.customers) {
    if (state.number % 2 === 0) subscribe(account, state, state.person.created + 3600)
  }
  return account
}

function createPlans(random: Random): Plan[] {
  const created = STREAM_START_SECONDS - PLAN_AGE_SECONDS
  return [
    { nickname: 'Team', amount: 4900 },
    { nickname: 'Company', amount: 12_900 },
    { nickname: 'Studio', amount: 2900 },
  ].map((plan) => ({
    ...plan,
    priceId: stripeId(random, 'price_', created),
    productId: stripeId(random, 'prod_', created, 'short'),
  }))
}

function createCustomer(random: Random, number: number): CustomerState {
  const created = STREAM_START_SECONDS - CUSTOMER_AGE_SECONDS_MAX + number * CUSTOMER_DISTANCE_SECONDS
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
}

/** Appends to a queue, and drops its oldest entry if it grows too long. */
export function enqueue<T>(queue: T[], item: T): void {
  queue.push(item)
  if (queue.length > QUEUE_LENGTH_MAX) queue.shift()
}

export function pickCustomer({ random, customers }: Account): CustomerState {
  return pick(random, customers)
}

export function pickSubscription({ random, subscriptions, subscribers }: Account): SubscriptionState {
  return subscriptions.get(pick(random, subscribers)) as SubscriptionState
}

function subscribe(
  { random, plans, subscriptions, subscribers }: Account,
  customer: CustomerState,
  created: number,
): SubscriptionState {
  const subscription: SubscriptionState = {
    id: stripeId(random, 'sub_', created),
    itemId: stripeId(random, 'si_', created, 'short'),
    person: customer.person,
    plan: pick(random, plans),
    created,
    periodStart: created,
    periodEnd: created + MONTH_SECONDS,
    quantity: 1,
    paymentMethodId: null,
    cancelAtPeriodEnd: false,
    latestInvoiceId: stripeId(random, 'in_', created),
  }
  if (!subscriptions.has(customer.number)) subscribers.push(customer.number)
  subscriptions.set(customer.number, subscription)
  return subscription
}

/** Subscribes a customer now; the event of the subscription and that of its first invoice are due. */
export function beginSubscription(account: Account): SubscriptionState {
  const subscription = subscribe(account, pickCustomer(account), account.clock)
  enqueue(account.due.subscriptionCreated, subscription)
  enqueue(account.due.invoicePaid, subscription)
  return subscription
}

export function nextNumber(account: Account): number {
  account.lastNumber += 1
  return account.lastNumber
}

/** A new one-time payment of a customer. */
export function beginPayment(account: Account): PaymentState {
  const { random, clock } = account
  const number = nextNumber(account)
  return {
    person: pickCustomer(account).person,
    number,
    sessionId: stripeId(random, 'cs_test_', clock, 'session'),
    paymentIntentId: stripeId(random, 'pi_', clock),
    chargeId: stripeId(random, 'ch_', clock),
    paymentMethodId: stripeId(random, 'pm_', clock),
    reference: uuid(random),
    amount: 500 + whole(random, 200) * 100,
    created: clock,
  }
}

/** A new refund: of a payment that is paid if there is one, else of a payment without any event yet. */
export function beginRefund(account: Account): RefundState {
  const { random, clock, paid } = account
  const index = paid.length > 0 ? whole(random, paid.length) : -1
  const payment = paid.splice(index, index < 0 ? 0 : 1)[0] ?? beginPayment(account)
  const amount = random() < 0.6 ? payment.amount : Math.floor(payment.amount / 2)
  return { id: stripeId(random, 're_', clock), payment, amount, created: clock }
}

export function uuid(random: Random): string {
  const hex = Array.from({ length: 32 }, () => whole(random, 16).toString(16)).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
}
