/** One function for each kind of event. It changes the account and returns the change as Stripe would announce it. */
import {
  type Account,
  beginPayment,
  beginRefund,
  beginSubscription,
  enqueue,
  MONTH_SECONDS,
  nextNumber,
  pickCustomer,
  pickSubscription,
  uuid,
} from './account.ts'
import { stripeId } from './random.ts'
import {
  type CustomerState,
  charge,
  checkoutSession,
  customer,
  invoice,
  paymentIntent,
  type RefundState,
  refund,
  type StripeShape,
  subscription,
} from './shapes.ts'

export type Change = {
  type: string
  object: StripeShape
  /** `data.previous_attributes` of the event. */
  previous?: Record<string, unknown>
}

export const CHANGES = {
  customer(account) {
    const state = pickCustomer(account)
    const isNew = state.version === 0
    const previous = attributesThatChange(state)
    state.version += 1
    state.balance = isNew ? 0 : -100 * state.version
    const object = customer(state)
    return isNew ? { type: 'customer.created', object } : { type: 'customer.updated', object, previous }
  },

  checkout_session(account) {
    const { random, clock, due, paid } = account
    // Two of three are one-time payments, so that there is one session for each PaymentIntent.
    if (random() * 3 < 2) {
      const known = due.sessionCompleted.shift()
      const payment = known ?? beginPayment(account)
      enqueue(known ? paid : due.intentSucceeded, payment)
      return { type: 'checkout.session.completed', object: checkoutSession({ mode: 'payment', payment }) }
    }
    const started = beginSubscription(account)
    const sessionId = stripeId(random, 'cs_test_', clock, 'session')
    const reference = uuid(random)
    return {
      type: 'checkout.session.completed',
      object: checkoutSession({
        mode: 'subscription',
        sessionId,
        reference,
        subscription: started,
        created: clock - 60,
      }),
    }
  },

  subscription(account) {
    const { random, clock, due } = account
    const created = due.subscriptionCreated.shift()
    if (created) return { type: 'customer.subscription.created', object: subscription(created) }
    const state = pickSubscription(account)
    const previous: Record<string, unknown> = {}
    if (random() < 0.5) {
      previous.default_payment_method = state.paymentMethodId
      state.paymentMethodId = stripeId(random, 'pm_', clock)
    } else {
      previous.cancel_at_period_end = state.cancelAtPeriodEnd
      previous.cancel_at = state.cancelAtPeriodEnd ? state.periodEnd : null
      state.cancelAtPeriodEnd = !state.cancelAtPeriodEnd
    }
    return { type: 'customer.subscription.updated', object: subscription(state), previous }
  },

  invoice(account) {
    const { random, clock, due } = account
    const first = due.invoicePaid.shift()
    const state = first ?? pickSubscription(account)
    if (!first) {
      state.latestInvoiceId = stripeId(random, 'in_', clock)
      state.periodStart = state.periodEnd
      state.periodEnd += MONTH_SECONDS
    }
    const number = nextNumber(account)
    return {
      type: 'invoice.paid',
      object: invoice({
        id: state.latestInvoiceId,
        lineId: stripeId(random, 'il_', clock),
        number: `BENCH-${String(number).padStart(6, '0')}`,
        subscription: state,
        created: clock,
        reason: first ? 'subscription_create' : 'subscription_cycle',
      }),
    }
  },

  payment_intent(account) {
    const { due, paid } = account
    const known = due.intentSucceeded.shift()
    const payment = known ?? beginPayment(account)
    enqueue(known ? paid : due.sessionCompleted, payment)
    return { type: 'payment_intent.succeeded', object: paymentIntent(payment) }
  },

  charge_refunded(account) {
    const { due } = account
    const known = due.chargeRefunded.shift()
    const { payment, amount } = takeRefund(account, known, due.refundCreated)
    return {
      type: 'charge.refunded',
      object: charge(payment, amount),
      previous: { amount_refunded: 0, ...(amount === payment.amount && { refunded: false }) },
    }
  },

  refund(account) {
    const { due } = account
    const known = due.refundCreated.shift()
    return { type: 'refund.created', object: refund(takeRefund(account, known, due.chargeRefunded)) }
  },
} satisfies Record<string, (account: Account) => Change>

/** The refund that is due, or a new one, whose other event is then due. */
function takeRefund(account: Account, known: RefundState | undefined, other: RefundState[]): RefundState {
  if (known) return known
  const started = beginRefund(account)
  enqueue(other, started)
  return started
}

/** The attributes of a customer that its next update changes, as they are before it. */
const attributesThatChange = ({ balance, number, version }: CustomerState) => ({
  balance,
  invoice_settings: { custom_fields: [{ name: 'Purchase order', value: `PO-${number}-${version}` }] },
  metadata: { profile: String(version) },
  next_invoice_sequence: version + 1,
})
