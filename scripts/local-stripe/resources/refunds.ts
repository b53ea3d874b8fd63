/** Refunds (https://docs.stripe.com/api/refunds), whole or in part, and those that fail later. */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest, noSuch } from '../core/errors.ts'
import { checkFraction, formatAmount } from '../core/money.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import {
  type Infer,
  integer,
  mergeMetadata,
  metadata,
  oneOf,
  refused,
  string,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { Charge, Refund } from '../core/types.ts'
import { addRefund, bookTransaction } from './payments.ts'

const createShape = {
  amount: integer({ min: 1 }),
  charge: string(),
  metadata: metadata(),
  payment_intent: string(),
  reason: oneOf('duplicate', 'fraudulent', 'requested_by_customer'),
  ...refused('currency', 'customer', 'origin', 'refund_application_fee', 'reverse_transfer'),
  ...withoutEffect('instructions_email'),
}

/** Refunds a charge or its unrefunded rest; amounts in minor units. Refunds of bank debits wait for `settleRefund`. */
export function createRefund(engine: Engine, params: Infer<typeof createShape>): Refund {
  const charge = chargeToRefund(engine, params)
  const left = charge.amount - charge.amount_refunded
  if (charge.refunded || left <= 0) {
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, {
      code: 'charge_already_refunded',
    })
  }
  const amount = params.amount ?? left
  if (amount > left) {
    throw invalidRequest(
      `Refund amount (${formatAmount(amount, charge.currency)}) is greater than ${charge.amount_refunded > 0 ? 'unrefunded amount on charge' : 'charge amount'} (${formatAmount(left, charge.currency)})`,
      { param: 'amount' },
    )
  }
  if (params.amount !== undefined) checkFraction(amount, charge.currency, 'amount')
  const behaviour = engine.behaviours.get(charge.payment_method ?? '')
  const pending = behaviour?.refund === 'pending' || charge.payment_method_details?.type !== 'card'
  const refund = addRefund(engine, charge, amount, {
    destination_details: destinationOf(charge, 'pending'),
    metadata: mergeMetadata({}, params.metadata),
    reason: params.reason ?? null,
    status: pending ? 'pending' : 'succeeded',
  })
  refund.balance_transaction = bookTransaction(engine, refund.id, 'refund', -amount, 0, charge).id
  engine.emit('refund.created', refund)
  const refunded = charge.amount_refunded + amount
  change(
    engine,
    charge,
    { amount_refunded: refunded, refunded: refunded >= charge.amount },
    'charge.refunded',
  )
  if (!pending) {
    changeRefund(
      engine,
      refund,
      { destination_details: destinationOf(charge, 'available') },
      'refund.updated',
    )
  }
  const { settleAfterSeconds: delay } = engine
  if (behaviour?.refund === 'fails later' && delay !== null) {
    engine.schedule('failRefund', refund.id, refund.customer, engine.now(refund.customer) + delay)
  }
  return refund
}

function chargeToRefund(engine: Engine, params: Infer<typeof createShape>): Charge {
  if (params.charge === undefined && params.payment_intent === undefined) {
    throw invalidRequest(
      'One of the following params should be provided for this request: payment_intent or charge.',
      { code: 'parameter_missing' },
    )
  }
  const intent =
    params.payment_intent === undefined
      ? null
      : engine.store.require('payment_intent', params.payment_intent, 'payment_intent')
  const charge = engine.store.get('charge', params.charge ?? intent?.latest_charge ?? '')
  if (!charge && params.charge !== undefined) throw noSuch('charge', params.charge, 'charge')
  if (charge?.status !== 'succeeded') {
    throw invalidRequest(
      intent
        ? `This PaymentIntent (${intent.id}) does not have a successful charge to refund.`
        : `Charge ${charge?.id} is not in a state that can be refunded.`,
      { param: intent ? 'payment_intent' : 'charge' },
    )
  }
  return charge
}

function destinationOf(charge: Charge, status: 'available' | 'pending'): Refund['destination_details'] {
  if (charge.payment_method_details?.type !== 'card') {
    return { type: charge.payment_method_details?.type ?? 'us_bank_account' }
  }
  const reference = status === 'available' ? { reference: '74240019093' } : {}
  return {
    card: {
      reference_status: status,
      reference_type: 'acquirer_reference_number',
      type: 'refund',
      ...reference,
    },
    type: 'card',
  }
}

/** Changes a refund. Its events come in pairs: the newer `refund.*` and the older `charge.refund.updated`. */
function changeRefund(engine: Engine, refund: Refund, changes: Partial<Refund>, ...types: string[]): Refund {
  return change(engine, refund, changes, ...types, 'charge.refund.updated')
}

/**
 * Settles a refund: a pending one succeeds, or any one fails. After a failure the money is back, and the charge no
 * longer counts that part as refunded.
 */
export function settleRefund(engine: Engine, id: string, succeeds: boolean): Refund {
  const refund = engine.store.require('refund', id)
  if (
    refund.status === 'failed' ||
    refund.status === 'canceled' ||
    (succeeds && refund.status === 'succeeded')
  ) {
    throw invalidRequest(`This refund has the status ${refund.status} and cannot change any more.`)
  }
  const charge = engine.store.require('charge', refund.charge ?? '')
  if (succeeds) {
    const changes = { status: 'succeeded', destination_details: destinationOf(charge, 'available') }
    return changeRefund(engine, refund, changes, 'refund.updated')
  }
  const returned = bookTransaction(engine, refund.id, 'refund_failure', refund.amount, 0, charge)
  const failed = {
    status: 'failed',
    failure_reason: 'expired_or_canceled_card',
    failure_balance_transaction: returned.id,
  }
  changeRefund(engine, refund, failed, 'refund.updated', 'refund.failed')
  undoRefund(engine, charge, refund.amount)
  return refund
}

function undoRefund(engine: Engine, charge: Charge, amount: number): void {
  const changes = { amount_refunded: charge.amount_refunded - amount, refunded: false }
  change(engine, charge, changes, 'charge.updated')
}

const listShape = { ...createdListShape, charge: string(), payment_intent: string() }

export const refundRoutes: Route[] = [
  route('POST', '/v1/refunds', 'charge', createShape, ({ engine, params }) => createRefund(engine, params)),
  route('GET', '/v1/refunds', 'charge', listShape, ({ engine, params, path }) => {
    const found = engine.store
      .list('refund')
      .filter(
        (refund) =>
          (params.charge === undefined || refund.charge === params.charge) &&
          (params.payment_intent === undefined || refund.payment_intent === params.payment_intent),
      )
    return paginate(found, params, path, 'refund')
  }),
  route('GET', '/v1/refunds/:id', 'charge', {}, ({ engine, id }) => engine.store.require('refund', id)),
  route('POST', '/v1/refunds/:id', 'charge', { metadata: metadata() }, ({ engine, id, params }) => {
    const refund = engine.store.require('refund', id)
    const changes = { metadata: mergeMetadata(refund.metadata ?? {}, params.metadata) }
    return changeRefund(engine, refund, changes, 'refund.updated')
  }),
  route('POST', '/v1/refunds/:id/cancel', 'charge', {}, ({ engine, id }) => {
    const refund = engine.store.require('refund', id)
    if (refund.status !== 'requires_action' && refund.status !== 'pending') {
      throw invalidRequest(`You cannot cancel this refund because it has a status of ${refund.status}.`)
    }
    changeRefund(engine, refund, { status: 'canceled' }, 'refund.updated')
    undoRefund(engine, engine.store.require('charge', refund.charge ?? ''), refund.amount)
    return refund
  }),
  route('GET', '/v1/charges/:id/refunds', 'charge', createdListShape, ({ engine, id, params, path }) =>
    paginate(
      engine.store.list('refund').filter((refund) => refund.charge === id),
      params,
      path,
      'refund',
    ),
  ),
]
