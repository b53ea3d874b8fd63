/** Credit notes (https://docs.stripe.com/api/credit_notes): what an invoice no longer asks for, or gives back. */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import {
  type Infer,
  integer,
  mergeMetadata,
  metadata,
  oneOf,
  refused,
  required,
  string,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { CreditNote, Invoice } from '../core/types.ts'
import { defaultPaymentOf, markPaid } from './invoicing.ts'
import { createRefund } from './refunds.ts'

const createShape = {
  invoice: required(string()),
  amount: integer({ min: 1 }),
  credit_amount: integer({ min: 0 }),
  memo: string(),
  metadata: metadata(),
  out_of_band_amount: integer({ min: 0 }),
  reason: oneOf('duplicate', 'fraudulent', 'order_change', 'product_unsatisfactory'),
  refund_amount: integer({ min: 0 }),
  ...refused('lines', 'refunds', 'shipping_cost'),
  ...withoutEffect('effective_at', 'email_type'),
}

function createCreditNote(engine: Engine, params: Infer<typeof createShape>): CreditNote {
  const invoice = engine.store.require('invoice', params.invoice, 'invoice')
  if (invoice.status !== 'open' && invoice.status !== 'paid') {
    throw invalidRequest(
      `You can only create a credit note for invoices that are open or paid. This invoice is ${invoice.status}.`,
      { param: 'invoice' },
    )
  }
  const isPaid = invoice.status === 'paid'
  const credited = invoice.post_payment_credit_notes_amount
  const left = isPaid ? invoice.amount_paid - credited : invoice.amount_remaining
  const amount = params.amount ?? left
  if (amount > left || amount === 0)
    throw invalidRequest('The sum of credit amounts cannot exceed the invoice total.', { param: 'amount' })
  const { credit_amount: credit = 0, out_of_band_amount: outOfBand = 0, refund_amount: refunded = 0 } = params
  if (isPaid && credit + outOfBand + refunded !== amount) {
    throw invalidRequest(
      'The sum of refund_amount, credit_amount and out_of_band_amount must equal the post payment amount.',
    )
  }
  const note = addNote(engine, invoice, amount, params)
  if (refunded > 0) {
    const intent = defaultPaymentOf(engine, invoice.id)?.payment.payment_intent ?? ''
    const refund = createRefund(engine, { payment_intent: intent, amount: refunded })
    note.refunds = [
      { amount_refunded: refunded, payment_record_refund: null, refund: refund.id, type: 'refund' },
    ] as CreditNote['refunds']
  }
  engine.emit('credit_note.created', note)
  if (isPaid)
    change(engine, invoice, { post_payment_credit_notes_amount: credited + amount }, 'invoice.updated')
  else reduce(engine, invoice, amount)
  const customer = engine.store.get('customer', invoice.customer ?? '')
  if (customer && credit > 0)
    change(engine, customer, { balance: customer.balance - credit }, 'customer.updated')
  return note
}

/** A credit note of an open invoice: so much less is to be paid. */
function reduce(engine: Engine, invoice: Invoice, amount: number): void {
  const remaining = invoice.amount_remaining - amount
  change(
    engine,
    invoice,
    {
      amount_due: invoice.amount_due - amount,
      amount_remaining: remaining,
      pre_payment_credit_notes_amount: invoice.pre_payment_credit_notes_amount + amount,
    },
    'invoice.updated',
  )
  const payment = defaultPaymentOf(engine, invoice.id)
  if (remaining <= 0) {
    markPaid(engine, invoice, true)
  } else if (payment) {
    const intent = engine.store.get('payment_intent', payment.payment.payment_intent ?? '')
    change(engine, payment, { amount_requested: remaining })
    if (intent) change(engine, intent, { amount: remaining })
  }
}

function addNote(
  engine: Engine,
  invoice: Invoice,
  amount: number,
  params: Infer<typeof createShape>,
): CreditNote {
  const now = engine.now(invoice.customer)
  const isPaid = invoice.status === 'paid'
  const count = engine.store.list('credit_note').filter((other) => other.invoice === invoice.id).length
  const id = engine.ids.next('cn_')
  return engine.store.add<'credit_note'>({
    id,
    object: 'credit_note',
    amount,
    amount_shipping: 0,
    created: now,
    currency: invoice.currency,
    customer: invoice.customer ?? '',
    customer_account: null,
    customer_balance_transaction: null,
    discount_amount: 0,
    discount_amounts: [],
    effective_at: now,
    invoice: invoice.id,
    lines: { object: 'list', data: [], has_more: false, url: `/v1/credit_notes/${id}/lines` },
    livemode: engine.livemode,
    memo: params.memo ?? null,
    metadata: mergeMetadata({}, params.metadata),
    number: `${invoice.number}-CN-${String(count + 1).padStart(2, '0')}`,
    out_of_band_amount: params.out_of_band_amount ?? null,
    pdf: `${engine.pagesUrl}/credit_notes/${id}/pdf`,
    post_payment_amount: isPaid ? amount : 0,
    pre_payment_amount: isPaid ? 0 : amount,
    pretax_credit_amounts: [],
    reason: params.reason ?? null,
    refunds: [],
    shipping_cost: null,
    status: 'issued',
    subtotal: amount,
    subtotal_excluding_tax: amount,
    total: amount,
    total_excluding_tax: amount,
    total_taxes: [],
    type: isPaid ? 'post_payment' : 'pre_payment',
    voided_at: null,
  })
}

/** Voids the credit note of an open invoice, which asks for the amount again. */
function voidCreditNote(engine: Engine, id: string): CreditNote {
  const note = engine.store.require('credit_note', id)
  const invoice = engine.store.require('invoice', note.invoice)
  if (note.status === 'void' || invoice.status !== 'open') {
    throw invalidRequest('You can only void a credit note that is issued for an open invoice.')
  }
  change(engine, note, { status: 'void', voided_at: engine.now(invoice.customer) }, 'credit_note.voided')
  reduce(engine, invoice, -note.amount)
  return note
}

const listCreditNotesShape = { ...createdListShape, customer: string(), invoice: string() }
const updateShape = { memo: string(), metadata: metadata() }

export const creditNoteRoutes: Route[] = [
  route('POST', '/v1/credit_notes', 'invoice', createShape, ({ engine, params }) =>
    createCreditNote(engine, params),
  ),
  route('GET', '/v1/credit_notes', 'invoice', listCreditNotesShape, ({ engine, params, path }) => {
    const found = engine.store
      .list('credit_note')
      .filter(
        (note) =>
          (params.customer === undefined || note.customer === params.customer) &&
          (params.invoice === undefined || note.invoice === params.invoice),
      )
    return paginate(found, params, path, 'credit_note')
  }),
  route('GET', '/v1/credit_notes/:id', 'invoice', {}, ({ engine, id }) =>
    engine.store.require('credit_note', id),
  ),
  route('POST', '/v1/credit_notes/:id', 'invoice', updateShape, ({ engine, id, params }) => {
    const note = engine.store.require('credit_note', id)
    const changes: Partial<CreditNote> = { metadata: mergeMetadata(note.metadata ?? {}, params.metadata) }
    if (params.memo !== undefined) changes.memo = params.memo
    return change(engine, note, changes, 'credit_note.updated')
  }),
  route('POST', '/v1/credit_notes/:id/void', 'invoice', {}, ({ engine, id }) => voidCreditNote(engine, id)),
]
