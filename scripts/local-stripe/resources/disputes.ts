/**
 * Disputes (https://docs.stripe.com/disputes/how-disputes-work), opened and decided by the test that plays the bank.
 */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import { boolean, clearable, hash, mergeMetadata, metadata, string, withoutEffect } from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import { DAY_SECONDS } from '../core/time.ts'
import type { Charge, Dispute } from '../core/types.ts'
import { bookTransaction } from './payments.ts'

const NO_EVIDENCE: Dispute['evidence'] = {
  access_activity_log: null,
  billing_address: null,
  cancellation_policy: null,
  cancellation_policy_disclosure: null,
  cancellation_rebuttal: null,
  customer_communication: null,
  customer_email_address: null,
  customer_name: null,
  customer_purchase_ip: null,
  customer_signature: null,
  duplicate_charge_documentation: null,
  duplicate_charge_explanation: null,
  duplicate_charge_id: null,
  enhanced_evidence: {},
  product_description: null,
  receipt: null,
  refund_policy: null,
  refund_policy_disclosure: null,
  refund_refusal_explanation: null,
  service_date: null,
  service_documentation: null,
  shipping_address: null,
  shipping_carrier: null,
  shipping_date: null,
  shipping_documentation: null,
  shipping_tracking_number: null,
  uncategorized_file: null,
  uncategorized_text: null,
}

/** Disputes a charge, or part of it (minor units). The money and a fee leave the account. */
export function openDispute(
  engine: Engine,
  { charge: chargeId, amount, reason = 'fraudulent' }: { charge: string; amount?: number; reason?: string },
): Dispute {
  const charge = engine.store.require('charge', chargeId, 'charge')
  if (charge.status !== 'succeeded')
    throw invalidRequest(`Charge ${chargeId} did not succeed and cannot be disputed.`)
  if (charge.disputed) throw invalidRequest(`Charge ${chargeId} is disputed already.`)
  const disputed = amount ?? charge.amount
  const now = engine.now(charge.customer)
  const id = engine.ids.next('du_')
  const withdrawn = bookTransaction(engine, id, 'adjustment', -disputed, 1500, charge)
  const dispute = engine.store.add<'dispute'>({
    id,
    object: 'dispute',
    amount: disputed,
    balance_transactions: [],
    charge: charge.id,
    created: now,
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: NO_EVIDENCE,
    evidence_details: {
      due_by: now + 9 * DAY_SECONDS,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: 'not_submitted',
    },
    intended_submission_method: null,
    is_charge_refundable: false,
    livemode: engine.livemode,
    metadata: {},
    payment_intent: charge.payment_intent,
    payment_method_details: {
      card: {
        brand: charge.payment_method_details?.card?.brand ?? 'visa',
        case_type: 'chargeback',
        network: charge.payment_method_details?.card?.brand ?? 'visa',
        network_reason_code: '83',
      },
      type: 'card',
    },
    reason,
    status: 'needs_response',
  })
  engine.emit('charge.dispute.created', dispute)
  change(engine, charge, { disputed: true }, 'charge.updated')
  change(engine, dispute, { balance_transactions: [withdrawn] }, 'charge.dispute.funds_withdrawn')
  return dispute
}

/** Disputes a charge that was paid with the test card 4000 0000 0000 0259. */
export function disputeCharge(engine: Engine, charge: Charge): void {
  if (engine.behaviours.get(charge.payment_method ?? '')?.disputed) openDispute(engine, { charge: charge.id })
}

/** Closes a dispute with the bank's decision. When it is won, the money comes back. */
export function closeDispute(engine: Engine, id: string, outcome: 'won' | 'lost'): Dispute {
  const dispute = engine.store.require('dispute', id)
  if (dispute.status === 'won' || dispute.status === 'lost') {
    throw invalidRequest(`This dispute is already closed: it was ${dispute.status}.`)
  }
  const charge: Charge = engine.store.require('charge', dispute.charge)
  const changes: Partial<Dispute> = { status: outcome, is_charge_refundable: outcome === 'won' }
  change(engine, dispute, changes, 'charge.dispute.updated', 'charge.dispute.closed')
  if (outcome === 'won') {
    const returned = bookTransaction(engine, id, 'adjustment', dispute.amount, 0, charge)
    const transactions = [...dispute.balance_transactions, returned]
    change(engine, dispute, { balance_transactions: transactions }, 'charge.dispute.funds_reinstated')
  }
  return dispute
}

const { uncategorized_text: _text, ...OTHER_EVIDENCE } = NO_EVIDENCE
const evidenceShape = hash({
  uncategorized_text: clearable(string(150_000)),
  ...withoutEffect(...Object.keys(OTHER_EVIDENCE)),
})

/** How the bank decides at once about submitted evidence of these texts, as in Stripe's test mode. */
const OUTCOMES: Record<string, 'won' | 'lost'> = { winning_evidence: 'won', losing_evidence: 'lost' }

export const disputeRoutes: Route[] = [
  route(
    'GET',
    '/v1/disputes',
    'dispute',
    { ...createdListShape, charge: string(), payment_intent: string() },
    ({ engine, params, path }) => {
      const found = engine.store
        .list('dispute')
        .filter(
          (dispute) =>
            (params.charge === undefined || dispute.charge === params.charge) &&
            (params.payment_intent === undefined || dispute.payment_intent === params.payment_intent),
        )
      return paginate(found, params, path, 'dispute')
    },
  ),
  route('GET', '/v1/disputes/:id', 'dispute', {}, ({ engine, id }) => engine.store.require('dispute', id)),
  route(
    'POST',
    '/v1/disputes/:id',
    'dispute',
    {
      evidence: evidenceShape,
      metadata: metadata(),
      submit: boolean(),
      ...withoutEffect('intended_submission_method'),
    },
    ({ engine, id, params }) => {
      const dispute = engine.store.require('dispute', id)
      const submitted = params.submit !== false
      const text = params.evidence?.uncategorized_text
      const changes: Partial<Dispute> = {
        evidence: text === undefined ? dispute.evidence : { ...dispute.evidence, uncategorized_text: text },
        metadata: mergeMetadata(dispute.metadata, params.metadata),
        evidence_details: {
          ...dispute.evidence_details,
          has_evidence: true,
          submission_count: dispute.evidence_details.submission_count + (submitted ? 1 : 0),
        },
        status: submitted && dispute.status === 'needs_response' ? 'under_review' : dispute.status,
      }
      change(engine, dispute, changes, 'charge.dispute.updated')
      const outcome = submitted ? OUTCOMES[dispute.evidence.uncategorized_text ?? ''] : undefined
      return outcome && dispute.status === 'under_review' ? closeDispute(engine, id, outcome) : dispute
    },
  ),
  route('POST', '/v1/disputes/:id/close', 'dispute', {}, ({ engine, id }) =>
    closeDispute(engine, id, 'lost'),
  ),
]
