/**
 * What the tables must show, said from Stripe's final objects alone. It knows nothing of orders, versions and
 * snapshots. It reads the objects as they are in the end, and the moments of the events for "when did it happen".
 */
import { idOf, type Json, type StripeEvent } from './recording.ts'

// biome-ignore lint/suspicious/noExplicitAny: any object of Stripe, read field by field
type Thing = Record<string, any>

export type Witnessed = {
  /** Stripe's final objects by id; what is deleted as it was last known, with `deleted: true`. */
  end: Map<string, Json>
  /** Every event that was told. */
  events: StripeEvent[]
  /** Ids of the objects that were read from the API. */
  read: Iterable<string>
}

export type Expected = {
  stripe_products: Json[]
  stripe_prices: Json[]
  customers: Json[]
  customer_mappings: Json[]
  stripe_checkout_sessions: Json[]
  stripe_subscriptions: Json[]
  stripe_subscription_items: Json[]
  stripe_invoices: Json[]
  stripe_credit_notes: Json[]
  transactions: Json[]
}

const QUIET = /^(charge\.succeeded|invoice\.(created|finalized|updated|voided|marked_uncollectible|deleted))$/

type Subject = { type: string; id: string }

export function expected(told: Witnessed): Expected {
  // what says something of money; other events of invoices and charges fill their rows and receipts alone
  const witnessed = { ...told, events: told.events.filter(({ type }) => !QUIET.test(type)) }
  const { end, events } = witnessed
  const seen = new Set([...told.events.map(idOf), ...told.read])
  const known = new Set([...events.map(idOf), ...witnessed.read])
  const all = (kind: string): Thing[] =>
    [...end.values()].filter((object) => object.object === kind && seen.has(String(object.id)))

  const named = namedBy(witnessed)
  const sessions = all('checkout.session')
  const subscriptions = all('subscription')
  const owners = ownersOf(sessions, subscriptions)
  const subjectOfSubscription = (subscription: Thing | undefined) =>
    subscription &&
    (subjectIn(subscription.metadata) ?? owners.subjectOf(String(subscription.customer)) ?? undefined)

  const subjectOfInvoice = (invoice: Thing) => {
    const { subscription, metadata } = invoice.parent?.subscription_details ?? {}
    return (
      subjectIn(invoice.metadata) ??
      subjectIn(metadata) ??
      (subscription && known.has(subscription) ? subjectOfSubscription(end.get(subscription)) : undefined) ??
      (invoice.customer ? owners.subjectOf(invoice.customer) : undefined)
    )
  }

  return {
    stripe_products: all('product').map((product) => ({
      product_id: product.id,
      name: product.name,
      description: product.description,
      active: product.active && !product.deleted,
      default_price_id: product.default_price,
      metadata: product.metadata,
      deleted: Boolean(product.deleted),
    })),
    stripe_prices: all('price').map((price) => ({
      price_id: price.id,
      product_id: price.product,
      active: price.active && !price.deleted,
      currency: price.currency,
      unit_amount: price.unit_amount,
      unit_amount_decimal: price.unit_amount_decimal,
      pay_what_you_want: Boolean(price.custom_unit_amount),
      custom_unit_amount_minimum: price.custom_unit_amount?.minimum ?? null,
      custom_unit_amount_maximum: price.custom_unit_amount?.maximum ?? null,
      custom_unit_amount_preset: price.custom_unit_amount?.preset ?? null,
      type: price.type,
      lookup_key: price.lookup_key,
      billing_scheme: price.billing_scheme,
      tax_behavior: price.tax_behavior,
      recurring_interval: price.recurring?.interval ?? null,
      recurring_interval_count: price.recurring?.interval_count ?? null,
      recurring_usage_type: price.recurring?.usage_type ?? null,
      metadata: price.metadata,
      deleted: Boolean(price.deleted),
    })),
    customers: all('customer').map((customer) => ({
      provider_customer_id: customer.id,
      email: customer.email,
      name: customer.name,
      phone: customer.phone,
      deleted: Boolean(customer.deleted),
      metadata: customer.metadata,
      provider_created_at: customer.created,
    })),
    customer_mappings: owners.mappings(
      (customer) => Boolean(end.get(customer)?.deleted),
      (customer) => lifeOf(subscriptions.filter((subscription) => subscription.customer === customer)),
    ),
    stripe_checkout_sessions: sessions.map((session) => ({
      checkout_session_id: session.id,
      mode: session.mode,
      status: session.status === 'complete' ? 'completed' : session.status,
      payment_status: session.payment_status,
      ...columnsOf(subjectIn(session.metadata)),
      metadata: session.metadata,
      customer_id: session.customer,
      payment_intent_id: session.payment_intent,
      subscription_id: session.subscription,
      expires_at: session.expires_at,
    })),
    stripe_subscriptions: subscriptions.map((subscription) => ({
      subscription_id: subscription.id,
      customer_id: subscription.customer,
      ...columnsOf(subjectOfSubscription(subscription)),
      status: subscription.status,
      current_period_start: Math.min(...itemsOf(subscription).map((item) => item.current_period_start)),
      current_period_end: Math.max(...itemsOf(subscription).map((item) => item.current_period_end)),
      cancel_at_period_end: subscription.cancel_at_period_end,
      cancel_at: subscription.cancel_at,
      canceled_at: subscription.canceled_at,
      trial_start: subscription.trial_start,
      trial_end: subscription.trial_end,
      latest_invoice_id: subscription.latest_invoice,
      schedule_id: subscription.schedule,
      ...nextPhaseOf(seen.has(subscription.schedule) ? (end.get(subscription.schedule) as Thing) : undefined),
      pending_update: subscription.pending_update,
      pending_update_expires_at: subscription.pending_update?.expires_at ?? null,
      metadata: subscription.metadata,
    })),
    stripe_subscription_items: subscriptions.flatMap((subscription) =>
      itemsOf(subscription).map((item) => ({
        subscription_item_id: item.id,
        subscription_id: subscription.id,
        product_id: item.price.product,
        price_id: item.price.id,
        quantity: item.quantity ?? null,
        current_period_start: item.current_period_start,
        current_period_end: item.current_period_end,
        metadata: item.metadata,
      })),
    ),
    stripe_invoices: all('invoice').map((invoice) => ({
      invoice_id: invoice.id,
      number: invoice.number,
      status: invoice.status,
      customer_id: invoice.customer,
      ...columnsOf(subjectOfInvoice(invoice)),
      subscription_id: invoice.parent?.subscription_details?.subscription ?? null,
      billing_reason: invoice.billing_reason,
      collection_method: invoice.collection_method,
      currency: invoice.currency,
      subtotal: invoice.subtotal,
      tax: invoice.total_taxes?.length
        ? invoice.total_taxes.reduce((sum: number, tax: Json) => sum + Number(tax.amount), 0)
        : null,
      total: invoice.total,
      amount_due: invoice.amount_due,
      amount_paid: invoice.amount_paid,
      amount_remaining: invoice.amount_remaining,
      description: invoice.description,
      hosted_invoice_url: invoice.hosted_invoice_url,
      invoice_pdf: invoice.invoice_pdf,
      period_start: invoice.period_start,
      period_end: invoice.period_end,
      due_at: invoice.due_date,
      finalized_at: invoice.status_transitions.finalized_at,
      paid_at: invoice.status_transitions.paid_at,
      voided_at: invoice.status_transitions.voided_at,
      provider_created_at: invoice.created,
      deleted: Boolean(invoice.deleted),
      metadata: invoice.metadata,
    })),
    stripe_credit_notes: all('credit_note').map((note) => ({
      credit_note_id: note.id,
      number: note.number,
      status: note.status,
      type: note.type,
      reason: note.reason,
      invoice_id: note.invoice,
      customer_id: note.customer,
      ...columnsOf(
        (seen.has(note.invoice) ? subjectOfInvoice(end.get(note.invoice) as Thing) : undefined) ??
          owners.subjectOf(note.customer),
      ),
      currency: note.currency,
      total: note.total,
      amount: note.amount,
      memo: note.memo,
      pdf: note.pdf,
      voided_at: note.voided_at,
      provider_created_at: note.created,
      metadata: note.metadata,
    })),
    transactions: paymentsOf(end).flatMap((payment) =>
      transactionsOf(payment, known, seen, named, witnessed, owners, subjectOfSubscription),
    ),
  }
}

/** Ids that something about money spoke of, as in the `payment_intent` of a charge. */
function namedBy({ end, events, read: ids }: Witnessed): Set<string> {
  const asked = new Set(ids)
  const isMoney = (object: Thing) =>
    ['invoice', 'payment_intent', 'charge', 'invoice_payment', 'refund', 'dispute'].includes(object.object) ||
    (object.object === 'checkout.session' && object.status === 'complete')
  const told = events.map(({ data }) => data.object as Thing).filter(isMoney)
  const read = [...end.entries()].filter(([id, object]) => asked.has(id) && isMoney(object))
  return new Set<string>(JSON.stringify([told, read]).match(/\b(?:pi|in|ch|py)_\w+/g) ?? [])
}

/** What a schedule changes next. */
function nextPhaseOf(schedule: Thing | undefined) {
  const after = schedule?.current_phase?.end_date ?? 0
  const isOver = ['released', 'canceled', 'completed'].includes(schedule?.status)
  const next = isOver ? undefined : schedule?.phases.find((phase: Thing) => phase.start_date >= after)
  return {
    next_phase_at: next?.start_date ?? null,
    next_phase_items:
      next?.items.map(({ price, quantity }: Thing) => ({ price_id: price, quantity })) ?? null,
  }
}

const itemsOf = (subscription: Thing): Thing[] => subscription.items.data

function subjectIn(metadata: Thing | null | undefined): Subject | undefined {
  const { payments_subject_type: type, payments_subject_id: id } = metadata ?? {}
  return type && id ? { type, id } : undefined
}

const columnsOf = (subject: Subject | undefined) => ({
  subject_type: subject?.type ?? null,
  subject_id: subject?.id ?? null,
})

// ---- whose customer is it

type NamedOwner = { customer: string; subject: Subject; at: number; by: string }
type Owners = {
  subjectOf(customer: string): Subject | undefined
  mappings(isDeleted: (customer: string) => boolean, life: (customer: string) => number): Json[]
}

const LIVING = ['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete']

/** How alive the most alive of these subscriptions is: 0 for an active one. */
const lifeOf = (subscriptions: Thing[]) =>
  Math.min(
    LIVING.length,
    ...subscriptions.map(({ status }) => LIVING.indexOf(status)).filter((life) => life >= 0),
  )

/**
 * A customer belongs to the subject that was the first to buy with it. A subject pays with the customer whose
 * subscription is the most alive, else with the earliest of those that belong to it. A deleted one counts only when
 * there is no other.
 */
function ownersOf(sessions: Thing[], subscriptions: Thing[]): Owners {
  const namedOwners: NamedOwner[] = [...sessions, ...subscriptions].flatMap((object) => {
    const subject = subjectIn(object.metadata)
    return subject && object.customer
      ? [{ customer: object.customer, subject, at: object.created, by: object.id }]
      : []
  })
  const earliest = namedOwners.toSorted((a, b) => a.at - b.at || (a.by < b.by ? -1 : 1))
  const subjectOf = (customer: string) => earliest.find((named) => named.customer === customer)?.subject
  return {
    subjectOf,
    mappings: (isDeleted, life) => {
      const subjects = new Map(namedOwners.map(({ subject }) => [`${subject.type} ${subject.id}`, subject]))
      return [...subjects.values()].flatMap((subject) => {
        const own = earliest.filter((named) => {
          const owner = subjectOf(named.customer)
          return (
            named.subject.type === subject.type &&
            named.subject.id === subject.id &&
            owner?.type === subject.type &&
            owner.id === subject.id
          )
        })
        const present = own.filter((named) => !isDeleted(named.customer))
        const [chosen] = (present.length > 0 ? present : own).toSorted(
          (a, b) => life(a.customer) - life(b.customer),
        )
        return chosen ? [{ ...columnsOf(subject), provider_customer_id: chosen.customer }] : []
      })
    },
  }
}

// ---- payments

/** All that Stripe keeps about one payment. */
type Payment = {
  session?: Thing
  intent?: Thing
  invoice?: Thing
  charges: Thing[]
  refunds: Thing[]
  disputes: Thing[]
}

/** A payment is an invoice with the intent that pays it, or an intent alone, or a session that needed neither. */
function paymentsOf(end: Map<string, Json>): Payment[] {
  const all = (kind: string): Thing[] => [...end.values()].filter((object) => object.object === kind)
  const payments: Payment[] = []
  const placed = new Set<string>()
  const withIntent = (
    intent: Thing | undefined,
  ): Pick<Payment, 'intent' | 'charges' | 'refunds' | 'disputes'> => {
    if (intent) placed.add(intent.id)
    const of = (kind: string) => all(kind).filter((object) => intent && object.payment_intent === intent.id)
    return {
      ...(intent ? { intent } : {}),
      charges: of('charge'),
      refunds: of('refund'),
      disputes: of('dispute'),
    }
  }
  const completed = all('checkout.session').filter((session) => session.status === 'complete')
  for (const invoice of all('invoice')) {
    const tie = all('invoice_payment').find((payment) => payment.invoice === invoice.id)
    const session = completed.find((candidate) => candidate.invoice === invoice.id)
    const intent = tie && all('payment_intent').find(({ id }) => id === tie.payment.payment_intent)
    payments.push({ invoice, ...(session ? { session } : {}), ...withIntent(intent) })
  }
  for (const intent of all('payment_intent')) {
    if (placed.has(intent.id)) continue
    const session = completed.find((candidate) => candidate.payment_intent === intent.id)
    payments.push({ ...(session ? { session } : {}), ...withIntent(intent) })
  }
  for (const session of completed) {
    if (!session.invoice && !session.payment_intent && session.mode !== 'setup')
      payments.push({ session, charges: [], refunds: [], disputes: [] })
  }
  return payments
}

const PAYS = new Set(['paid', 'no_payment_required'])
const SUCCESS = new Set([
  'payment_intent.succeeded',
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
])
const FAILURE = new Set([
  'payment_intent.payment_failed',
  'invoice.payment_failed',
  'checkout.session.async_payment_failed',
])

function transactionsOf(
  payment: Payment,
  known: Set<string>,
  /** Objects that any event or answer showed. */
  seen: Set<string>,
  named: Set<string>,
  { end, events }: Witnessed,
  owners: Owners,
  subjectOfSubscription: (subscription: Thing | undefined) => Subject | undefined,
): Json[] {
  const { session, intent, invoice, charges, refunds, disputes } = payment
  const isKnown = (object: Thing | undefined): object is Thing => object !== undefined && known.has(object.id)
  const parts = [session, intent, invoice, ...charges].filter(isKnown)

  // status
  const isPaid =
    invoice?.status === 'paid' || intent?.status === 'succeeded' || PAYS.has(session?.payment_status)
  const isUnderWay = intent?.status === 'processing' || intent?.status === 'requires_capture'
  const latest = charges.find(({ id }) => id === intent?.latest_charge)
  const isReleased = intent?.status === 'canceled' && latest !== undefined && latest.status !== 'failed'
  const isDeclined = charges.some((charge) => charge.status === 'failed')
  const hasFailed = isDeclined || isReleased || (invoice?.attempt_count ?? 0) > 0
  const state = isPaid ? 'succeeded' : isUnderWay ? 'pending' : hasFailed ? 'failed' : null
  if (parts.length === 0 || state === null) return []
  if (!isPaid && isUnderWay && !isKnown(session) && !isKnown(intent)) return []
  if (!isPaid && !isUnderWay && ![intent, invoice, ...charges].some(isKnown)) return []

  // money
  const amount = isPaid
    ? (invoice?.amount_paid ?? intent?.amount_received ?? session?.amount_total)
    : (invoice?.amount_due ?? intent?.amount ?? session?.amount_total)
  // what was authorized and not captured is the first refund, and no money moved
  const released = charges.reduce(
    (sum, charge) =>
      sum +
      (charge.status !== 'succeeded'
        ? 0
        : charge.captured
          ? charge.amount - charge.amount_captured
          : charge.amount_refunded),
    0,
  )
  const returned = refunds.toSorted((a, b) => a.created - b.created).slice(released > 0 ? 1 : 0)
  const refunded = charges.reduce((sum, charge) => sum + charge.amount_refunded, 0) - released
  const standing = returned.filter(({ status }) => status !== 'failed' && status !== 'canceled')
  const status =
    state !== 'succeeded' || refunded === 0 ? state : refunded < amount ? 'partially_refunded' : 'refunded'

  // whom
  const customer = (invoice ?? intent ?? session)?.customer ?? null
  const subscriptionId: string | undefined =
    invoice?.parent?.subscription_details?.subscription ?? session?.subscription ?? undefined
  const subject =
    subjectIn(intent?.metadata) ??
    subjectIn(session?.metadata) ??
    subjectIn(invoice?.parent?.subscription_details?.metadata) ??
    (subscriptionId && known.has(subscriptionId)
      ? subjectOfSubscription(end.get(subscriptionId))
      : undefined) ??
    (customer ? owners.subjectOf(customer) : undefined)

  // when
  const moments = (types: Set<string>) =>
    events
      .filter((event) => types.has(event.type) && parts.some(({ id }) => id === idOf(event)))
      .filter(
        ({ type, data }) =>
          type !== 'checkout.session.completed' || PAYS.has(String(data.object.payment_status)),
      )
      .map(({ created }) => created)
  const paidAt = invoice?.status_transitions.paid_at ?? Math.min(...moments(SUCCESS))
  const refundedAt = Math.max(
    ...standing.map((refund) =>
      refund.status === 'succeeded' ? succeededAt(refund, events) : refund.created,
    ),
  )
  const [dispute] = disputes.toSorted((a, b) => b.created - a.created)

  const isNamed = (object: Thing | undefined): object is Thing =>
    object !== undefined && (known.has(object.id) || named.has(object.id))
  const [keyType, key] = isNamed(intent)
    ? ['payment_intent', intent]
    : isNamed(invoice)
      ? ['invoice', invoice]
      : ['checkout_session', session]
  const goodCharge = charges.find((charge) => charge.status !== 'failed' && isNamed(charge))
  const common = {
    ...columnsOf(subject),
    provider_customer_id: customer,
  }
  const related = {
    ...(isKnown(session) ? { checkout_session: session.id } : {}),
    ...(isNamed(intent) ? { payment_intent: intent.id } : {}),
    ...(isNamed(invoice) ? { invoice: invoice.id } : {}),
    ...(goodCharge && isPaid ? { charge: goodCharge.id } : {}),
    ...(subscriptionId ? { subscription: subscriptionId } : {}),
  }
  return [
    {
      type:
        state === 'failed' ? 'failed_payment' : subscriptionId ? 'subscription_invoice' : 'one_time_payment',
      status,
      ...common,
      provider_object_type: keyType,
      provider_object_id: key?.id,
      provider_parent_object_id: null,
      related_object_ids: related,
      amount,
      amount_refunded: state === 'succeeded' ? refunded : 0,
      currency: (invoice ?? intent ?? session)?.currency,
      paid_at: state === 'succeeded' ? paidAt : null,
      failed_at: state !== 'failed' ? null : isReleased ? intent.canceled_at : Math.max(...moments(FAILURE)),
      refunded_at: state === 'succeeded' && refunded > 0 ? refundedAt : null,
      provider_created_at: Math.min(...parts.map(({ created }) => created)),
      disputed_at: dispute?.created ?? null,
      dispute_amount: dispute?.amount ?? null,
      dispute_status: dispute?.status ?? null,
      ...(goodCharge && isPaid ? receiptOf(seen.has(goodCharge.id) ? goodCharge : undefined) : {}),
    },
    ...returned.filter(isKnown).map((refund) => ({
      type: 'refund',
      status: refund.status === 'canceled' ? 'failed' : refund.status,
      ...common,
      provider_object_type: 'refund',
      provider_object_id: refund.id,
      provider_parent_object_type: keyType,
      provider_parent_object_id: key?.id,
      related_object_ids: { ...related, refund: refund.id },
      amount: refund.amount,
      amount_refunded: 0,
      currency: refund.currency,
      paid_at: null,
      failed_at:
        refund.status === 'failed' || refund.status === 'canceled'
          ? Math.max(
              ...events
                .filter((event) => idOf(event) === refund.id && event.data.object.status === refund.status)
                .map(({ created }) => created),
            )
          : null,
      refunded_at: refund.status === 'succeeded' ? succeededAt(refund, events) : null,
      provider_created_at: refund.created,
    })),
  ]
}

/** What a charge says of its receipt and card. */
const receiptOf = (charge: Thing | undefined) => ({
  receipt_url: charge?.receipt_url ?? null,
  card_brand: charge?.payment_method_details?.card?.brand ?? null,
  card_last4: charge?.payment_method_details?.card?.last4 ?? null,
})

/** The first that was heard of its success. */
function succeededAt(refund: Thing, events: StripeEvent[]): number {
  return Math.min(
    ...events
      .filter((event) => idOf(event) === refund.id && event.data.object.status === 'succeeded')
      .map(({ created }) => created),
  )
}

// ---- comparing

const KEYS: Record<keyof Expected, string[]> = {
  stripe_products: ['product_id'],
  stripe_prices: ['price_id'],
  customers: ['provider_customer_id'],
  customer_mappings: ['subject_type', 'subject_id'],
  stripe_checkout_sessions: ['checkout_session_id'],
  stripe_subscriptions: ['subscription_id'],
  stripe_subscription_items: ['subscription_item_id'],
  stripe_invoices: ['invoice_id'],
  stripe_credit_notes: ['credit_note_id'],
  transactions: ['provider_object_type', 'provider_object_id'],
}

/**
 * The rows with the compared columns, instants as seconds since 1970, in the order of their keys. Two lists are equal
 * when the tables show what they must.
 */
export function compared(expectation: Expected, rows: Record<string, Json[]>): { shown: Json; must: Json } {
  const shown: Json = {}
  const must: Json = {}
  for (const [table, key] of Object.entries(KEYS) as [keyof Expected, string[]][]) {
    const order = (a: Json, b: Json) => (keyOf(a, key) < keyOf(b, key) ? -1 : 1)
    const wanted = expectation[table].toSorted(order)
    const columns = new Map(wanted.map((row) => [keyOf(row, key), Object.keys(row)]))
    must[table] = wanted
    shown[table] = (rows[table] ?? []).toSorted(order).map((row) =>
      Object.fromEntries(
        Object.entries(row)
          .filter(([column]) => columns.get(keyOf(row, key))?.includes(column) ?? key.includes(column))
          .map(([column, value]) => [column, plain(column, value)]),
      ),
    )
  }
  const charges = (rows: Json[]) =>
    rows.map((row) =>
      row.related_object_ids
        ? { ...row, related_object_ids: spokenOf(row.related_object_ids as Json, row) }
        : row,
    )
  shown.transactions = charges(shown.transactions as Json[])
  return { shown, must }
}

/** Nothing is said here of what was bought, nor of the charges of a payment before one of them holds money. */
function spokenOf(
  { product: _product, price: _price, charge, ...rest }: Json,
  { paid_at, type }: Json,
): Json {
  return charge && (paid_at || type === 'refund') ? { charge, ...rest } : rest
}

const keyOf = (row: Json, key: string[]) => key.map((column) => row[column]).join(' ')

function plain(column: string, value: unknown): unknown {
  return typeof value === 'string' && /_(at|start|end)$/.test(column) ? Date.parse(value) / 1000 : value
}
