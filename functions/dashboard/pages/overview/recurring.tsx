import { formatMoney } from '../../format/money.ts'
import { useCall } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Skeleton } from '../../ui/skeleton.tsx'

/** What open subscriptions bring each month, by currency. */
export function Recurring() {
  const query = useCall('getRecurringRevenue', { params: useParamsOfEnvironment() })
  const { error } = query
  const data = query.data?.recurringRevenue
  return (
    <Card
      title={texts.overview.recurring}
      description={data && texts.overview.recurringLead(data.openSubscriptions)}
    >
      {error && !data ? (
        <ErrorNote error={error} />
      ) : !data ? (
        <Skeleton />
      ) : data.currencies.length === 0 ? (
        <p className="text-muted text-sm">{texts.overview.noRecurring}</p>
      ) : (
        <ul className="flex flex-col gap-3">
          {data.currencies.map(({ currency, mrr, subscriptions, subscriptionsWithoutAmount }) => (
            <li key={currency}>
              <p className="tabular font-semibold text-xl tracking-tight">{formatMoney(mrr, currency)}</p>
              <p className="text-muted text-xs">
                {texts.overview.subscriptionsOf(subscriptions)}
                {subscriptionsWithoutAmount > 0 &&
                  ` · ${texts.overview.withoutAmount(subscriptionsWithoutAmount)}`}
              </p>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
