/** One customer, subscription or payment, with everything that belongs to it. */
import type { StripeEnvironment, StripeLedgerEvent, StripePrice, StripeProduct } from '../../types/api.ts'
import { PRICES, PRODUCTS } from '../catalog/lists.ts'
import { price, product } from '../catalog/schemas.ts'
import type { Database } from '../core/database.ts'
import { apiError } from '../core/errors.ts'
import { present } from '../core/present.ts'
import { readFunction, readRows, readRowsOfAny } from '../core/reads.ts'
import { type Route, route } from '../core/route.ts'
import { LEDGER_EVENTS } from '../events/routes.ts'
import { ledgerEvent } from '../events/schemas.ts'
import { CREDIT_NOTES, INVOICES, SUBSCRIPTIONS, TRANSACTIONS } from './lists.ts'
import {
  creditNote as creditNoteAnswer,
  customer as customerAnswer,
  customerParams,
  customerResponse,
  customerSubject,
  invoice as invoiceAnswer,
  invoiceParams,
  invoiceResponse,
  paymentObject,
  subscription as subscriptionAnswer,
  subscriptionParams,
  subscriptionResponse,
  transaction as transactionAnswer,
  transactionParams,
  transactionResponse,
} from './schemas.ts'

const EVENTS_MAX = 100
const REFUNDS_MAX = 100
const CREDIT_NOTES_MAX = 100
const RECENT = 50

/** Where Stripe's own dashboard shows an object; null for a kind that has no page. */
function stripeUrl(environment: StripeEnvironment, kind: string | null, id: string | null): string | null {
  const pages: Record<string, string> = {
    customer: 'customers',
    subscription: 'subscriptions',
    payment_intent: 'payments',
    charge: 'payments',
    invoice: 'invoices',
    checkout_session: 'checkout/sessions',
    refund: 'refunds',
  }
  const page = pages[kind ?? '']
  if (page === undefined || id === null) return null
  return `https://dashboard.stripe.com/${environment === 'test' ? 'test/' : ''}${page}/${encodeURIComponent(id)}`
}

const notFound = (what: string, id: string, environment: StripeEnvironment) =>
  apiError(404, 'PAYMENT_NOT_FOUND', `There is no ${what} ${id} in ${environment}.`, {
    nextActions: 'Look its id up in the list. A sync brings in what is missing here.',
  })

const readCustomer = async (database: Database, environment: StripeEnvironment, customerId: string) => {
  const [row] = await readRows(database, 'payments_private.customer_list', {
    provider_customer_id: customerId,
    environment,
  })
  return row === undefined ? null : present(customerAnswer, row)
}

async function eventsAbout(
  database: Database,
  environment: StripeEnvironment,
  objects: string[],
  max: number,
): Promise<StripeLedgerEvent[]> {
  const rows = await readRowsOfAny(database, LEDGER_EVENTS, {
    environment,
    column: 'object_id',
    values: objects,
    max,
  })
  return rows.map((row) => present(ledgerEvent, row))
}

const getCustomer = route({
  id: 'getPaymentCustomer',
  method: 'GET',
  path: '/stripe/{environment}/customers/{customerId}',
  summary: 'Returns a customer with its billing subjects',
  params: customerParams,
  response: customerResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment, customerId } }, { database }) {
    const [customer, subjects] = await Promise.all([
      readCustomer(database, environment, customerId),
      readFunction(database, 'customer_subjects', customerSubject, [environment, customerId]),
    ])
    if (customer === null) throw notFound('customer', customerId, environment)
    return {
      customer,
      subjects: subjects.map((row) => present(customerSubject, row)),
      stripeUrl: stripeUrl(environment, 'customer', customerId),
    }
  },
})

const getSubscription = route({
  id: 'getStripeSubscription',
  method: 'GET',
  path: '/stripe/{environment}/subscriptions/{subscriptionId}',
  summary: 'Returns a subscription with its customer, products, prices, payments and events',
  params: subscriptionParams,
  response: subscriptionResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment, subscriptionId } }, { database }) {
    const [row] = await readRowsOfAny(database, SUBSCRIPTIONS, {
      environment,
      column: 'subscription_id',
      values: [subscriptionId],
      max: 1,
    })
    if (row === undefined) throw notFound('subscription', subscriptionId, environment)
    const subscription = present(subscriptionAnswer, row)
    const idsOf = (field: 'productId' | 'priceId') => subscription.items.flatMap((item) => item[field] ?? [])
    const planned = subscription.nextPhaseItems?.flatMap(({ priceId }) => priceId ?? []) ?? []
    const any = { environment, max: RECENT }
    const [customer, products, prices, transactions, events] = await Promise.all([
      subscription.customerId === null ? null : readCustomer(database, environment, subscription.customerId),
      readRowsOfAny(database, PRODUCTS, { ...any, column: 'product_id', values: idsOf('productId') }),
      readRowsOfAny(database, PRICES, {
        ...any,
        column: 'price_id',
        values: [...idsOf('priceId'), ...planned],
      }),
      readRowsOfAny(database, TRANSACTIONS, {
        ...any,
        column: 'provider_customer_id',
        values: [subscription.customerId ?? ''],
        and: { "related_object_ids ->> 'subscription'": subscriptionId },
      }),
      eventsAbout(database, environment, [subscriptionId], RECENT),
    ])
    return {
      subscription,
      customer,
      products: products.map((each): StripeProduct => present(product, each)),
      prices: prices.map((each): StripePrice => present(price, each)),
      transactions: transactions.map((each) => present(transactionAnswer, each)),
      events,
      stripeUrl: stripeUrl(environment, 'subscription', subscriptionId),
    }
  },
})

const getTransaction = route({
  id: 'getPaymentTransaction',
  method: 'GET',
  path: '/stripe/{environment}/transactions/{transactionId}',
  summary: 'Returns a payment or a refund with its objects at Stripe and the events about them',
  params: transactionParams,
  response: transactionResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment, transactionId } }, { database }) {
    const [[row], objects] = await Promise.all([
      readRowsOfAny(database, TRANSACTIONS, { environment, column: 'id', values: [transactionId], max: 1 }),
      readFunction(database, 'payment_objects_of', paymentObject, [environment, transactionId]),
    ])
    if (row === undefined) throw notFound('transaction', transactionId, environment)
    const transaction = present(transactionAnswer, row)
    const ids = [
      ...objects.map(({ object_id }) => String(object_id)),
      ...Object.values(transaction.relatedObjectIds),
    ]
    const ofPayment = ids.filter((id) => id !== transaction.relatedObjectIds.subscription)
    const [related, events] = await Promise.all([
      readRowsOfAny(database, TRANSACTIONS, {
        environment,
        column: 'provider_reference_id',
        values: ofPayment,
        also: 'v.provider_reference_type is not null',
        max: REFUNDS_MAX,
      }),
      eventsAbout(database, environment, ofPayment, EVENTS_MAX),
    ])
    const others = related
      .map((each) => present(transactionAnswer, each))
      .filter(({ id }) => id !== transactionId)
    const isRefund = transaction.type === 'refund'
    return {
      transaction,
      payment: isRefund ? (others.find(({ type }) => type !== 'refund') ?? null) : null,
      refunds: isRefund ? [] : others.filter(({ type }) => type === 'refund'),
      objects: objects.map((each) => present(paymentObject, each)),
      events,
      stripeUrl: stripeUrl(environment, transaction.providerReferenceType, transaction.providerReferenceId),
    }
  },
})

const getInvoice = route({
  id: 'getStripeInvoice',
  method: 'GET',
  path: '/stripe/{environment}/invoices/{invoiceId}',
  summary: 'Returns an invoice with its customer, credit notes, payments and events',
  params: invoiceParams,
  response: invoiceResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment, invoiceId } }, { database }) {
    const ofInvoice = { environment, column: 'invoice_id', values: [invoiceId] }
    const [[row], creditNotes, events] = await Promise.all([
      readRowsOfAny(database, INVOICES, { ...ofInvoice, max: 1 }),
      readRowsOfAny(database, CREDIT_NOTES, { ...ofInvoice, max: CREDIT_NOTES_MAX }),
      eventsAbout(database, environment, [invoiceId], RECENT),
    ])
    if (row === undefined) throw notFound('invoice', invoiceId, environment)
    const invoice = present(invoiceAnswer, row)
    const { customerId } = invoice
    const [customer, transactions] = await Promise.all([
      customerId === null ? null : readCustomer(database, environment, customerId),
      readRowsOfAny(database, TRANSACTIONS, {
        environment,
        column: 'provider_customer_id',
        values: [customerId ?? ''],
        and: { "related_object_ids ->> 'invoice'": invoiceId },
        max: RECENT,
      }),
    ])
    return {
      invoice,
      customer,
      creditNotes: creditNotes.map((each) => present(creditNoteAnswer, each)),
      transactions: transactions.map((each) => present(transactionAnswer, each)),
      events,
      stripeUrl: stripeUrl(environment, 'invoice', invoiceId),
    }
  },
})

export const detailRoutes: Route[] = [getCustomer, getSubscription, getTransaction, getInvoice]
