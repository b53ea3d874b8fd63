import { useMemo } from 'react'
import { formatMoney } from '../../format/money.ts'
import { formatCount } from '../../format/number.ts'
import { formatDay, VIEWER_ZONE } from '../../format/time.ts'
import { useCall } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { SelectField } from '../../ui/field.tsx'
import { useFilters } from '../../ui/filters.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Skeleton } from '../../ui/skeleton.tsx'
import { RevenueChart } from './revenue-chart.tsx'
import type { RevenueDay } from './revenue-days.ts'
import { RevenueTable } from './revenue-table.tsx'

const PERIODS = Object.entries(texts.overview.periods)
const DAY_MS = 86_400_000

/** From the beginning of a day, so that the same query is asked during the whole day. */
function startOf(days: number): string {
  const start = new Date(Date.now() - (days - 1) * DAY_MS)
  start.setHours(0, 0, 0, 0)
  return start.toISOString()
}

/** The currencies, the one with the most payments first. */
function currenciesOf(days: RevenueDay[]): string[] {
  const payments = new Map<string, number>()
  for (const { currency, payments: count } of days)
    if (currency) payments.set(currency, (payments.get(currency) ?? 0) + count)
  return [...payments].sort(([, one], [, other]) => other - one).map(([currency]) => currency)
}

/** Revenue and refunds by day, one currency at a time. The address holds the currency and the period. */
export function Revenue() {
  const [{ period = '30', currency: wanted }, change] = useFilters()
  const days = Number(period) in texts.overview.periods ? Number(period) : 30
  const from = startOf(days)
  const { data, error, isPending, refetch } = useCall('getRevenue', {
    params: useParamsOfEnvironment(),
    query: { from, timeZone: VIEWER_ZONE },
  })
  const currencies = useMemo(() => currenciesOf(data?.days ?? []), [data])
  const currency = currencies.find((name) => name === wanted) ?? currencies[0]
  return (
    <Card
      title={texts.overview.revenue}
      description={data && texts.overview.revenueLead(formatDay(data.from), formatDay(data.to))}
      actions={
        <div className="flex gap-2">
          {currencies.length > 1 && (
            <SelectField
              label={texts.overview.currency}
              hideLabel
              value={currency}
              onChange={({ target }) => change({ currency: target.value })}
              options={currencies.map((name) => [name, name.toUpperCase()])}
            />
          )}
          <SelectField
            label={texts.overview.period}
            hideLabel
            value={String(days)}
            onChange={({ target }) => change({ period: target.value })}
            options={PERIODS}
          />
        </div>
      }
    >
      {error && !data ? (
        <ErrorNote error={error} onRetry={() => void refetch()} />
      ) : isPending ? (
        <Skeleton lines={6} />
      ) : currency === undefined ? (
        <p className="py-8 text-center text-muted text-sm">{texts.overview.noRevenue}</p>
      ) : (
        <OfCurrency all={data?.days ?? []} currency={currency} from={from} days={days} />
      )}
    </Card>
  )
}

type OfCurrencyProps = { all: RevenueDay[]; currency: string; from: string; days: number }

function OfCurrency({ all, currency, from, days }: OfCurrencyProps) {
  const found = useMemo(() => all.filter((day) => day.currency === currency), [all, currency])
  const sum = (of: (day: RevenueDay) => number) => found.reduce((total, day) => total + of(day), 0)
  const revenue = sum((day) => day.revenue)
  const refunds = sum((day) => day.refunds)
  const disputed = sum((day) => day.disputed)
  const totals: [string, string][] = [
    [texts.overview.revenueOf, formatMoney(revenue, currency)],
    [texts.overview.refundsOf, formatMoney(refunds, currency)],
    [texts.overview.disputedOf, formatMoney(disputed, currency)],
    [texts.overview.net, formatMoney(revenue - refunds - disputed, currency)],
    [texts.overview.failedOf, formatCount(sum((day) => day.failed))],
  ]
  return (
    <>
      <dl className="mb-4 grid grid-cols-2 gap-x-8 gap-y-3 sm:grid-cols-3 xl:flex xl:flex-wrap">
        {totals.map(([name, value]) => (
          <div key={name}>
            <dt className="text-muted text-xs">{name}</dt>
            <dd className="tabular font-semibold text-lg tracking-tight">{value}</dd>
          </div>
        ))}
      </dl>
      <RevenueChart days={found} currency={currency} from={from} length={days} />
      <RevenueTable days={found} currency={currency} />
    </>
  )
}
