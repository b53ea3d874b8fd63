/**
 * Payments that a checkout with `captureMethod: 'manual'` has authorized: they are captured, or canceled. Stripe does
 * it, and its answer is projected like every snapshot; the events that follow change nothing more.
 */
import type { Stripe } from 'stripe'
import type { Payment, StripeEnvironment } from '../../types/api.ts'
import type { Deps } from '../core/deps.ts'
import { apiError, isApiError } from '../core/errors.ts'
import { present } from '../core/present.ts'
import { route } from '../core/route.ts'
import { emptyBody } from '../core/schema-parts.ts'
import { projectStripeObjects } from '../core/sql.ts'
import { takeSnapshot } from '../core/stripe.ts'
import { capturePaymentBody, payment, paymentParams, paymentResponse } from './schemas.ts'

type Wanted = { status: 'succeeded' | 'canceled'; amount?: number }
type Call = (client: Stripe) => Promise<Stripe.Response<Stripe.PaymentIntent>>

const isDone = (intent: Stripe.PaymentIntent, { status, amount = intent.amount_received }: Wanted) =>
  intent.status === status && intent.amount_received === amount

/** Stripe's refusal with the code that says why; any other error as it is. */
function refusal(error: unknown): unknown {
  if (!isApiError(error) || error.status !== 400) return error
  const { message, cause } = error
  switch ((cause as { code?: string } | undefined)?.code) {
    case 'resource_missing':
      return apiError(404, 'PAYMENT_NOT_FOUND', message, {
        nextActions: 'Look the id up in the transactions: relatedObjectIds.payment_intent.',
        cause,
      })
    case 'payment_intent_unexpected_state':
      return apiError(409, 'PAYMENT_NOT_CAPTURABLE', message, {
        nextActions: 'Only an authorized payment that is neither captured nor canceled can be.',
        cause,
      })
    case 'amount_too_large':
      return apiError(400, 'INVALID_INPUT', message, { nextActions: 'Capture less.', cause })
    default:
      return error
  }
}

/**
 * Changes a payment at Stripe and projects it. A request that is repeated finds the payment as it wants it, and returns
 * it: no key is needed, and nothing is captured twice.
 */
async function settle(
  environment: StripeEnvironment,
  id: string,
  deps: Deps,
  { wanted, call }: { wanted: Wanted; call: Call },
): Promise<Payment> {
  const client = await (await deps.stripe(environment)).client
  const snapshot = (call: Call) => takeSnapshot(environment, deps.now, () => call(client), 'payment_intent')
  const { object, snapshotAt } = await snapshot(call).catch(async (error) => {
    const refused = refusal(error)
    if (!isApiError(refused) || refused.status !== 409) throw refused
    const found = await snapshot((client) => client.paymentIntents.retrieve(id))
    if (!isDone(found.object, wanted)) throw refused
    return found
  })
  await projectStripeObjects(deps.database, { environment, objects: [object], snapshotAt })
  const { status, amount, amount_capturable, amount_received, currency } = object
  deps.log.info(`payment_${wanted.status === 'canceled' ? 'canceled' : 'captured'}`, {
    environment,
    payment_intent: id,
    amount: wanted.status === 'canceled' ? amount : amount_received,
    currency,
  })
  return present(payment, {
    environment,
    payment_intent_id: object.id,
    status,
    amount,
    amount_capturable,
    amount_received,
    currency,
  })
}

const errors = {
  404: ['PAYMENT_NOT_FOUND' as const],
  409: ['PAYMENT_NOT_CAPTURABLE' as const],
}

const capturePayment = route({
  id: 'capturePayment',
  asksStripe: true,
  method: 'POST',
  path: '/stripe/{environment}/payments/{paymentIntentId}/capture',
  summary: 'Captures an authorized payment, or a part of it',
  description: 'Stripe releases the rest. Repeating the request changes nothing more.',
  params: paymentParams,
  body: capturePaymentBody,
  bodyMayBeEmpty: true,
  response: paymentResponse,
  errors,
  handle: async ({ params: { environment, paymentIntentId: id }, body: { amount } }, deps) => ({
    payment: await settle(environment, id, deps, {
      wanted: { status: 'succeeded', ...(amount !== undefined && { amount }) },
      call: (client) =>
        client.paymentIntents.capture(id, amount === undefined ? {} : { amount_to_capture: amount }),
    }),
  }),
})

const cancelPayment = route({
  id: 'cancelPayment',
  asksStripe: true,
  method: 'POST',
  path: '/stripe/{environment}/payments/{paymentIntentId}/cancel',
  summary: 'Cancels a payment that is not captured, and releases what it holds',
  description: 'Repeating the request changes nothing more.',
  params: paymentParams,
  body: emptyBody,
  bodyMayBeEmpty: true,
  response: paymentResponse,
  errors,
  handle: async ({ params: { environment, paymentIntentId: id } }, deps) => ({
    payment: await settle(environment, id, deps, {
      wanted: { status: 'canceled' },
      call: (client) => client.paymentIntents.cancel(id),
    }),
  }),
})

export const paymentRoutes = [capturePayment, cancelPayment]
