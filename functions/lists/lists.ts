/** What the lists read, and by which filters: each is a view, an order and the conditions that differ from a column. */
import { type List, newestFirst, whether } from '../core/reads.ts'
import {
  checkoutSessionRecord,
  creditNote,
  customer,
  invoice,
  portalSessionRecord,
  subscription,
  timelineEntry,
  transaction,
} from './schemas.ts'

/** Both fields of a subject are columns. */
export const SUBSCRIPTIONS: List<typeof subscription> = {
  name: 'subscriptions',
  answer: subscription,
  view: 'payments_private.subscription_list',
  order: newestFirst('updated_at'),
  filters: {
    isOpen: whether('isOpen', "v.status in ('active', 'trialing', 'past_due')"),
    cancelAtPeriodEnd: whether('cancelAtPeriodEnd', 'v.cancel_at_period_end'),
    priceId: (param) => `v.subscription_id in (
      select i.subscription_id from payments.stripe_subscription_items as i
      where i.price_id = ${param('priceId')} and i.environment = ${param('environment')}
    )`,
    productId: (param) => `v.subscription_id in (
      select i.subscription_id from payments.stripe_subscription_items as i
      where i.product_id = ${param('productId')} and i.environment = ${param('environment')}
    )`,
    search: (param) =>
      `(v.subscription_id = ${param('search')} or v.customer_id = ${param('search')} or (v.subject_id = ${param('search')} and v.subject_type is not null))`,
  },
}

export const TRANSACTIONS: List<typeof transaction> = {
  name: 'transactions',
  answer: transaction,
  view: 'payments_private.transaction_list',
  order: newestFirst('provider_created_at'),
  filters: {
    customerId: 'provider_customer_id',
    amountFrom: (param) => `v.amount >= ${param('amountFrom')}::bigint`,
    amountTo: (param) => `v.amount <= ${param('amountTo')}::bigint`,
    isDisputed: (_, { isDisputed }) => `v.disputed_at is ${isDisputed === 'true' ? 'not ' : ''}null`,
    objectId: (param) =>
      `v.id in (select f.id from payments_private.transaction_of_object(${param('environment')}, ${param('objectId')}) as f (id))`,
  },
}

export const CUSTOMERS: List<typeof customer> = {
  name: 'customers',
  answer: customer,
  view: 'payments_private.customer_list',
  order: newestFirst('provider_created_at'),
  filters: {
    customerId: 'provider_customer_id',
    status: (_, { status }) => (status === 'deleted' ? 'v.deleted' : 'not v.deleted'),
    search: (param) =>
      `v.provider_customer_id in (select f.id from payments_private.customer_search(${param('environment')}, ${param('search')}) as f (id))`,
    subjectType: () => null, // comes with `subjectId`
    subjectId: (param) => `exists (
      select from payments.customer_mappings as m
      where m.subject_id = ${param('subjectId')} and m.subject_type = ${param('subjectType')}
        and m.environment = v.environment and m.provider_customer_id = v.provider_customer_id
    )`,
  },
}

export const INVOICES: List<typeof invoice> = {
  name: 'invoices',
  answer: invoice,
  view: 'payments_private.invoice_list',
  order: newestFirst('provider_created_at'),
}

export const CREDIT_NOTES: List<typeof creditNote> = {
  name: 'credit-notes',
  answer: creditNote,
  view: 'payments_private.credit_note_list',
  order: newestFirst('provider_created_at'),
}

export const TIMELINE: List<typeof timelineEntry> = {
  name: 'timeline',
  answer: timelineEntry,
  view: 'payments_private.customer_timeline',
  order: newestFirst('happened_at'),
}

export const CHECKOUT_SESSIONS: List<typeof checkoutSessionRecord> = {
  name: 'checkout-sessions',
  answer: checkoutSessionRecord,
  view: 'payments_private.checkout_session_list',
  order: newestFirst('created_at'),
  filters: { hasFailed: whether('hasFailed', 'v.last_error is not null') },
}

export const PORTAL_SESSIONS: List<typeof portalSessionRecord> = {
  name: 'portal-sessions',
  answer: portalSessionRecord,
  view: 'payments_private.portal_session_list',
  order: newestFirst('created_at'),
}
