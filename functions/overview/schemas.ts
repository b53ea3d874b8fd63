/** What the first page of the dashboard shows, and what its search finds, as schemas. */
import { z } from 'zod'
import { answer, count, id, instant, instantText, nullable, nullableInstant } from '../core/schema-parts.ts'
import { environmentSchema, text } from '../core/validation.ts'

const DAYS_MAX = 366
const DAY_MS = 24 * 60 * 60_000

const rowCount = answer('RowCount', {
  count,
  isExact: z.boolean().describe("False for a large table: the count is then Postgres's estimate."),
})

const overview = answer('EnvironmentOverview', {
  environment: environmentSchema,
  asOf: instant,
  setup: answer('SetupState', {
    isDone: z.boolean(),
    steps: z.array(
      answer('SetupStep', {
        step: z.enum(['key', 'webhook', 'sync', 'checkout']),
        isDone: z.boolean(),
        message: z.string(),
        nextAction: nullable,
      }),
    ),
  }),
  counts: z
    .record(z.string(), rowCount)
    .describe(
      'Rows of `customers`, `subscriptions`, `transactions`, `events`, `checkoutSessions`, `portalSessions`, `products` and `prices`.',
    ),
  failedPayments: answer('FailedPayments', {
    lastDay: count,
    lastWeek: count,
    lastMonth: count,
    isExact: z.boolean().describe('False if there were more: the newest 10,000 are counted.'),
  }),
  backlog: answer('EventBacklog', { failed: count, deadLettered: count, oldestFailedAt: nullableInstant }),
})
export const overviewResponse = answer('GetOverviewResponse', { overview })

function isTimeZone(value: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }) !== undefined
  } catch {
    return false
  }
}

export const revenueQuery = z
  .strictObject({
    from: instantText.describe('30 days ago if omitted.').optional(),
    to: instantText.describe('Now if omitted.').optional(),
    timeZone: text(1, 100)
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

export const revenueResponse = answer('GetRevenueResponse', {
  environment: environmentSchema,
  from: instant,
  to: instant,
  timeZone: z.string(),
  days: z
    .array(
      answer('RevenueOfDay', {
        day: z.string().describe('For example `2026-11-30`.'),
        currency: nullable,
        revenue: count.describe('What was paid on that day, whatever was refunded later.'),
        payments: count,
        refunds: count.describe('What was paid back on that day.'),
        refundCount: count,
        disputed: count.describe('What was lost of disputes that were opened on that day.'),
        failed: count.describe('Payments that failed on that day.'),
      }),
    )
    .describe('By day and currency; a day without money is left out.'),
})

const recurringRevenue = answer('RecurringRevenue', {
  environment: environmentSchema,
  asOf: instant,
  openStatuses: z.array(z.string()).describe('Statuses of a subscription that goes on.'),
  paidStatuses: z
    .array(z.string())
    .describe('Statuses that are in `mrr`; a trial and a paused collection bring nothing.'),
  openSubscriptions: count,
  statuses: z.array(answer('SubscriptionsOfStatus', { status: z.string(), count })),
  currencies: z.array(
    answer('RecurringRevenueOfCurrency', {
      currency: z.string(),
      mrr: count.describe(
        'A month, in the minor unit: by the year a twelfth, by the week 365/84, by the day 365/12; each item is rounded.',
      ),
      subscriptions: count,
      subscriptionsWithoutAmount: count.describe(
        'Those with a metered or tiered item, which has no amount here.',
      ),
    }),
  ),
})
export const recurringRevenueResponse = answer('GetRecurringRevenueResponse', { recurringRevenue })

export const searchQuery = z.strictObject({
  q: id.describe(
    'The beginning of an e-mail address, a customer id or the id of a billing subject, or the whole id of any object.',
  ),
})
export const searchResponse = answer('SearchResponse', {
  results: z.array(
    answer('SearchResult', {
      kind: z.enum([
        'customer',
        'subscription',
        'transaction',
        'checkout_session',
        'event',
        'product',
        'price',
      ]),
      id: z.string(),
      title: z.string(),
      subtitle: nullable,
      customerId: nullable,
    }),
  ),
})
