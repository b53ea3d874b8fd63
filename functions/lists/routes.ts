/** Subscriptions, transactions and customers, page by page. */

import { readPage } from '../core/paging.ts'
import { presentCustomer, presentSubscription, presentTransaction } from '../core/present-parts.ts'
import { listCustomers, listSubscriptions, listTransactions, readSubscriptionItems } from '../core/reads.ts'
import { route } from '../core/route.ts'
import {
  customersQuery,
  customersResponse,
  environmentParams,
  subscriptionsQuery,
  subscriptionsResponse,
  transactionsQuery,
  transactionsResponse,
} from '../core/schema-parts.ts'

const listSubscriptionsRoute = route({
  id: 'listStripeSubscriptions',
  method: 'GET',
  path: '/stripe/{environment}/subscriptions',
  summary: 'Subscriptions with their items, the newest change first',
  params: environmentParams,
  query: subscriptionsQuery,
  response: subscriptionsResponse,
  async handle({ params: { environment }, query: { limit, cursor, ...filters } }, deps) {
    const scope = { list: 'subscriptions', filters: { environment, ...filters } }
    const { rows, nextCursor } = await readPage(deps, scope, cursor, (after) =>
      listSubscriptions(deps.database, { environment, limit, after, ...filters }),
    )
    const items = await readSubscriptionItems(
      deps.database,
      environment,
      rows.map((row) => row.subscription_id),
    )
    return { subscriptions: rows.map((row) => presentSubscription(row, items)), nextCursor }
  },
})

const listTransactionsRoute = route({
  id: 'listPaymentTransactions',
  method: 'GET',
  path: '/stripe/{environment}/transactions',
  summary: 'Payments and refunds, the newest at Stripe first',
  params: environmentParams,
  query: transactionsQuery,
  response: transactionsResponse,
  async handle({ params: { environment }, query: { limit, cursor, ...filters } }, deps) {
    const scope = { list: 'transactions', filters: { environment, ...filters } }
    const { rows, nextCursor } = await readPage(deps, scope, cursor, (after) =>
      listTransactions(deps.database, { environment, limit, after, ...filters }),
    )
    return { transactions: rows.map(presentTransaction), nextCursor }
  },
})

const listCustomersRoute = route({
  id: 'listPaymentCustomers',
  method: 'GET',
  path: '/stripe/{environment}/customers',
  summary: 'Customers with what they paid, the newest at Stripe first',
  params: environmentParams,
  query: customersQuery,
  response: customersResponse,
  async handle({ params: { environment }, query: { limit, cursor, ...filters } }, deps) {
    const scope = { list: 'customers', filters: { environment, ...filters } }
    const { rows, nextCursor } = await readPage(deps, scope, cursor, (after) =>
      listCustomers(deps.database, { environment, limit, after, ...filters }),
    )
    return { customers: rows.map(presentCustomer), nextCursor }
  },
})

export const listRoutes = [listSubscriptionsRoute, listTransactionsRoute, listCustomersRoute]
