/** Subscriptions, transactions, customers, invoices and credit notes, page by page. */
import { listRoute } from '../core/paging.ts'
import { newestFirst } from '../core/reads.ts'
import {
  creditNote,
  creditNotesQuery,
  customer,
  customersQuery,
  invoice,
  invoicesQuery,
  subscription,
  subscriptionsQuery,
  transaction,
  transactionsQuery,
} from './schemas.ts'

const listSubscriptions = listRoute({
  id: 'listStripeSubscriptions',
  path: '/stripe/{environment}/subscriptions',
  summary: 'Lists subscriptions with their items, the last updated first',
  query: subscriptionsQuery,
  items: 'subscriptions',
  list: {
    name: 'subscriptions',
    answer: subscription,
    view: 'payments_private.subscription_list',
    order: newestFirst('updated_at'),
  },
})

const listTransactions = listRoute({
  id: 'listPaymentTransactions',
  path: '/stripe/{environment}/transactions',
  summary: 'Lists payments and refunds, the newest at Stripe first',
  query: transactionsQuery,
  items: 'transactions',
  list: {
    name: 'transactions',
    answer: transaction,
    view: 'payments_private.transaction_list',
    order: newestFirst('provider_created_at'),
    filters: { customerId: 'provider_customer_id' },
  },
})

const listCustomers = listRoute({
  id: 'listPaymentCustomers',
  path: '/stripe/{environment}/customers',
  summary: 'Lists customers with their totals, the newest at Stripe first',
  query: customersQuery,
  items: 'customers',
  list: {
    name: 'customers',
    answer: customer,
    view: 'payments_private.customer_list',
    order: newestFirst('provider_created_at'),
    filters: {
      customerId: 'provider_customer_id',
      status: (param) => `v.deleted = (${param('status')} = 'deleted')`,
      subjectType: () => null, // comes with `subjectId`
      subjectId: (param) => `exists (
        select from payments.customer_mappings as m
        where m.subject_id = ${param('subjectId')} and m.subject_type = ${param('subjectType')}
          and m.environment = v.environment and m.provider_customer_id = v.provider_customer_id
      )`,
    },
  },
})

const listInvoices = listRoute({
  id: 'listStripeInvoices',
  path: '/stripe/{environment}/invoices',
  summary: 'Lists invoices, the newest at Stripe first',
  query: invoicesQuery,
  items: 'invoices',
  list: {
    name: 'invoices',
    answer: invoice,
    view: 'payments_private.invoice_list',
    order: newestFirst('provider_created_at'),
  },
})

const listCreditNotes = listRoute({
  id: 'listStripeCreditNotes',
  path: '/stripe/{environment}/credit-notes',
  summary: 'Lists credit notes, the newest at Stripe first',
  query: creditNotesQuery,
  items: 'creditNotes',
  list: {
    name: 'credit-notes',
    answer: creditNote,
    view: 'payments_private.credit_note_list',
    order: newestFirst('provider_created_at'),
  },
})

export const listRoutes = [listSubscriptions, listTransactions, listCustomers, listInvoices, listCreditNotes]
