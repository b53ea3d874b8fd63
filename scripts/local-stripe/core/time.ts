/**
 * Billing periods (https://docs.stripe.com/billing/subscriptions/billing-cycle). All moments are seconds since 1970.
 */

export const DAY_SECONDS = 86400
export const HOUR_SECONDS = 3600

interface Recurrence {
  interval: string
  interval_count: number
}

/**
 * The moment `periods` periods after `anchor`. Months and years end on the anchor's day of the month, or on the last
 * day of a shorter month.
 */
export function periodAfter(
  anchor: number,
  { interval, interval_count: count }: Recurrence,
  periods: number,
): number {
  if (interval === 'day') return anchor + periods * count * DAY_SECONDS
  if (interval === 'week') return anchor + periods * count * 7 * DAY_SECONDS
  const months = periods * count * (interval === 'year' ? 12 : 1)
  const start = new Date(anchor * 1000)
  const moved = new Date(start)
  moved.setUTCDate(1)
  moved.setUTCMonth(start.getUTCMonth() + months)
  const lastDay = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate()
  moved.setUTCDate(Math.min(start.getUTCDate(), lastDay))
  return moved.getTime() / 1000
}

/** End of the period that follows one ending at `end`. Periods are counted from the anchor. */
export function nextPeriodEnd(anchor: number, recurrence: Recurrence, end: number): number {
  for (let periods = 1; ; periods += 1) {
    const next = periodAfter(anchor, recurrence, periods)
    if (next > end) return next
  }
}
