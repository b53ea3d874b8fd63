/** Subscriptions, transactions, customers, invoices, credit notes and sessions, page by page. */

import { z } from 'zod'
import { optionsShown } from '../checkout/options.ts'
import { listRoute } from '../core/paging.ts'
import { present, type RowOf } from '../core/present.ts'
import { type Route, route } from '../core/route.ts'
import { environmentParams } from '../core/schema-parts.ts'
import { detailRoutes } from './details.ts'
import { exportTransactions } from './export.ts'
import {
  CHECKOUT_SESSIONS,
  CREDIT_NOTES,
  CUSTOMERS,
  INVOICES,
  PORTAL_SESSIONS,
  SUBSCRIPTIONS,
  TIMELINE,
  TRANSACTIONS,
} from './lists.ts'
import {
  checkoutSessionRecord,
  checkoutSessionsQuery,
  creditNotesQuery,
  customerParams,
  customersQuery,
  exportQuery,
  invoicesQuery,
  portalSessionRecord,
  portalSessionsQuery,
  subscriptionsQuery,
  timelineQuery,
  transactionsQuery,
} from './schemas.ts'

const listSubscriptions = listRoute({
  id: 'listStripeSubscriptions',
  path: '/stripe/{environment}/subscriptions',
  summary: 'Lists subscriptions with their items, the last updated first',
  query: subscriptionsQuery,
  items: 'subscriptions',
  list: SUBSCRIPTIONS,
})

const listTransactions = listRoute({
  id: 'listPaymentTransactions',
  path: '/stripe/{environment}/transactions',
  summary: 'Lists payments and refunds, the newest at Stripe first',
  query: transactionsQuery,
  items: 'transactions',
  list: TRANSACTIONS,
})

const exportCsv = route({
  id: 'exportPaymentTransactions',
  method: 'GET',
  path: '/stripe/{environment}/transactions/export',
  summary: 'Returns every payment and refund that fits the filters, as CSV',
  params: environmentParams,
  query: exportQuery,
  contentType: 'text/csv',
  response: z.unknown() as z.ZodType<Response>,
  handle: async ({ params: { environment }, query }, deps) => exportTransactions(environment, query, deps),
})

const listCustomers = listRoute({
  id: 'listPaymentCustomers',
  path: '/stripe/{environment}/customers',
  summary: 'Lists customers with their totals, the newest at Stripe first',
  query: customersQuery,
  items: 'customers',
  list: CUSTOMERS,
})

const listInvoices = listRoute({
  id: 'listStripeInvoices',
  path: '/stripe/{environment}/invoices',
  summary: 'Lists invoices, the newest at Stripe first',
  query: invoicesQuery,
  items: 'invoices',
  list: INVOICES,
})

const listCreditNotes = listRoute({
  id: 'listStripeCreditNotes',
  path: '/stripe/{environment}/credit-notes',
  summary: 'Lists credit notes, the newest at Stripe first',
  query: creditNotesQuery,
  items: 'creditNotes',
  list: CREDIT_NOTES,
})

const listTimeline = listRoute({
  id: 'listCustomerTimeline',
  path: '/stripe/{environment}/customers/{customerId}/timeline',
  summary: 'Lists what happened with a customer, the newest first',
  params: customerParams,
  query: timelineQuery,
  items: 'entries',
  list: TIMELINE,
})

const listCheckoutSessions = listRoute({
  id: 'listCheckoutSessions',
  path: '/stripe/{environment}/sessions/checkout',
  summary: 'Lists Checkout Sessions without their addresses, the newest first',
  query: checkoutSessionsQuery,
  items: 'checkoutSessions',
  list: CHECKOUT_SESSIONS,
  present: (row: RowOf<typeof checkoutSessionRecord>) =>
    present(checkoutSessionRecord, {
      ...row,
      options: optionsShown(row.options as Record<string, unknown>),
      forced_options: optionsShown(row.forced_options as Record<string, unknown>),
    }),
})

const listPortalSessions = listRoute({
  id: 'listPortalSessions',
  path: '/stripe/{environment}/sessions/portal',
  summary: 'Lists Billing Portal sessions without their addresses, the newest first',
  query: portalSessionsQuery,
  items: 'portalSessions',
  list: PORTAL_SESSIONS,
  present: (row: RowOf<typeof portalSessionRecord>) =>
    present(portalSessionRecord, { ...row, options: optionsShown(row.options as Record<string, unknown>) }),
})

export const listRoutes: Route[] = [
  listSubscriptions,
  listTransactions,
  exportCsv, // before the transactions by id
  listCustomers,
  listTimeline,
  listCheckoutSessions,
  listPortalSessions,
  listInvoices,
  listCreditNotes,
  ...detailRoutes,
]
