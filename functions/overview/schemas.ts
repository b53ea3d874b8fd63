/** What the first page of the dashboard shows, and what its search finds, as schemas. */
import { z } from 'zod'
import * as s from '../core/schema-parts.ts'

const DAYS_MAX = 366
const DAY_MS = 24 * 60 * 60_000

const rowCount = s.answer('RowCount', {
  count: s.count,
  isExact: z.boolean().describe("False for a large table: the count is then Postgres's estimate."),
})

export const environmentOverview = s.answer('EnvironmentOverview', {
  environment: s.environment,
  asOf: s.instant,
  setup: s.answer('SetupState', {
    isDone: z.boolean(),
    steps: z.array(
      s.answer('SetupStep', {
        step: z.enum(['key', 'webhook', 'sync', 'checkout']),
        isDone: z.boolean(),
        message: z.string(),
        nextAction: s.nullable,
      }),
    ),
  }),
  counts: z
    .record(z.string(), rowCount)
    .describe(
      'Rows of `customers`, `subscriptions`, `transactions`, `events`, `checkoutSessions`, `portalSessions`, `products` and `prices`.',
    ),
  failedPayments: s.answer('FailedPayments', {
    lastDay: s.count,
    lastWeek: s.count,
    lastMonth: s.count,
    isExact: z.boolean().describe('False if there were more: the newest 10,000 are counted.'),
  }),
  backlog: s.answer('EventBacklog', {
    failed: s.count,
    deadLettered: s.count,
    oldestFailedAt: s.nullableInstant,
  }),
})
export const overviewResponse = s.answer('GetOverviewResponse', { overview: environmentOverview })

function isTimeZone(value: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }) !== undefined
  } catch {
    return false
  }
}

export const revenueQuery = z
  .strictObject({
    from: s.instantText.describe('30 days ago if omitted.').optional(),
    to: s.instantText.describe('Now if omitted.').optional(),
    timeZone: s
      .text(1, 100)
      .refine(isTimeZone, 'must be a time zone such as Europe/Berlin')
      .describe('Whose days these are; UTC if omitted.')
      .default('UTC'),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || Date.parse(from) < Date.parse(to), {
    path: ['from'],
    message: 'must be before to',
  })
  .refine(
    ({ from, to }) =>
      from === undefined ||
      (to === undefined ? Date.now() : Date.parse(to)) - Date.parse(from) <= DAYS_MAX * DAY_MS,
    { path: ['from'], message: `must be at most ${DAYS_MAX} days before to` },
  )

export const revenueOfDay = s.answer('RevenueOfDay', {
  day: z.string().describe('For example `2026-11-30`.'),
  currency: s.nullable,
  revenue: s.count.describe('What was paid on that day, whatever was refunded later.'),
  payments: s.count,
  refunds: s.count.describe('What was paid back on that day.'),
  refundCount: s.count,
  disputed: s.count.describe('What was lost of disputes that were opened on that day.'),
  failed: s.count.describe('Payments that failed on that day.'),
})

export const revenueResponse = s.answer('GetRevenueResponse', {
  environment: s.environment,
  from: s.instant,
  to: s.instant,
  timeZone: z.string(),
  days: z.array(revenueOfDay).describe('By day and currency; a day without money is left out.'),
})

export const recurringRevenue = s.answer('RecurringRevenue', {
  environment: s.environment,
  asOf: s.instant,
  openStatuses: z.array(z.string()).describe('Statuses of a subscription that goes on.'),
  paidStatuses: z
    .array(z.string())
    .describe('Statuses that are in `mrr`; a trial and a paused collection bring nothing.'),
  openSubscriptions: s.count,
  statuses: z.array(s.answer('SubscriptionsOfStatus', { status: z.string(), count: s.count })),
  currencies: z.array(
    s.answer('RecurringRevenueOfCurrency', {
      currency: z.string(),
      mrr: s.count.describe(
        'A month, in the minor unit: by the year a twelfth, by the week 365/84, by the day 365/12; each item is rounded.',
      ),
      subscriptions: s.count,
      subscriptionsWithoutAmount: s.count.describe(
        'Those with a metered or tiered item, which has no amount here.',
      ),
    }),
  ),
})
export const recurringRevenueResponse = s.answer('GetRecurringRevenueResponse', { recurringRevenue })

export const searchQuery = z.strictObject({
  q: s.id.describe(
    'The beginning of an e-mail address, a customer id or the id of a billing subject, or the whole id of any object.',
  ),
})
export const searchResult = s.answer('SearchResult', {
  kind: z.enum([
    'customer',
    'subscription',
    'transaction',
    'invoice',
    'checkout_session',
    'event',
    'product',
    'price',
  ]),
  id: z.string(),
  title: z.string(),
  subtitle: s.nullable,
  customerId: s.nullable,
})

export const searchResponse = s.answer('SearchResponse', {
  results: z.array(searchResult),
})
