/**
 * What the first page of the dashboard shows besides the health, and its search. Everything is computed in the
 * database.
 */
import { readKeyStates } from '../connection/keys.ts'
import { isApiError } from '../core/errors.ts'
import { present } from '../core/present.ts'
import { readDocument, readFunction } from '../core/reads.ts'
import { type Route, route } from '../core/route.ts'
import { environmentParams } from '../core/schema-parts.ts'
import {
  environmentOverview,
  overviewResponse,
  recurringRevenue,
  recurringRevenueResponse,
  revenueOfDay,
  revenueQuery,
  revenueResponse,
  searchQuery,
  searchResponse,
  searchResult,
} from './schemas.ts'

const DAYS_DEFAULT = 30
const DAY_MS = 24 * 60 * 60_000

const getOverview = route({
  id: 'getOverview',
  method: 'GET',
  path: '/stripe/{environment}/overview',
  summary: 'Shows how far an environment is set up, how many rows it has, and what failed',
  params: environmentParams,
  response: overviewResponse,
  async handle({ params: { environment } }, deps) {
    const [keys, canVerify] = await Promise.all([
      readKeyStates(deps),
      deps.secrets.webhookSecrets(environment).then(
        () => true,
        (error) => {
          if (!isApiError(error) || error.code === 'DATABASE_UNAVAILABLE') throw error
          return false
        },
      ),
    ])
    const hasKey = keys[environment].source !== null
    const row = await readDocument(deps.database, 'environment_overview', environmentOverview, [
      environment,
      String(hasKey),
      String(canVerify),
    ])
    return { overview: present(environmentOverview, row) }
  },
})

const getRevenue = route({
  id: 'getRevenue',
  method: 'GET',
  path: '/stripe/{environment}/revenue',
  summary: 'Adds up payments, refunds and failures by day and currency',
  params: environmentParams,
  query: revenueQuery,
  response: revenueResponse,
  async handle({ params: { environment }, query }, { database, now }) {
    const to = query.to ?? new Date(now()).toISOString()
    const from = query.from ?? new Date(Date.parse(to) - DAYS_DEFAULT * DAY_MS).toISOString()
    const { timeZone } = query
    const rows = await readFunction(database, 'revenue_by_day', revenueOfDay, [
      environment,
      from,
      to,
      timeZone,
    ])
    const instant = (value: string) => new Date(value).toISOString()
    return {
      environment,
      from: instant(from),
      to: instant(to),
      timeZone,
      days: rows.map((row) => present(revenueOfDay, row)),
    }
  },
})

const getRecurringRevenue = route({
  id: 'getRecurringRevenue',
  method: 'GET',
  path: '/stripe/{environment}/recurring-revenue',
  summary: 'Counts subscriptions by status, and adds up what they bring in a month by currency',
  params: environmentParams,
  response: recurringRevenueResponse,
  async handle({ params: { environment } }, { database }) {
    const row = await readDocument(database, 'recurring_revenue', recurringRevenue, [environment])
    return { recurringRevenue: present(recurringRevenue, row) }
  },
})

const search = route({
  id: 'searchEverything',
  method: 'GET',
  path: '/stripe/{environment}/search',
  summary:
    'Finds customers by what their e-mail address, id or billing subject begins with, and any object by its id',
  params: environmentParams,
  query: searchQuery,
  response: searchResponse,
  async handle({ params: { environment }, query: { q } }, { database }) {
    const rows = await readFunction(database, 'search_everything', searchResult, [environment, q])
    return { results: rows.map((row) => present(searchResult, row)) }
  },
})

export const overviewRoutes: Route[] = [getOverview, getRevenue, getRecurringRevenue, search]
