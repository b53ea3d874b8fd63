import type { PaymentCustomer } from '../../../../types/api.ts'
import { useCall } from '../../hooks/use-call.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Loaded } from '../../ui/object-page.tsx'
import { Status } from '../../ui/status.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.customers

export function CustomerSubscriptions({
  customer: { environment, providerCustomerId },
}: {
  customer: PaymentCustomer
}) {
  const query = useCall('listStripeSubscriptions', {
    params: { environment },
    query: { customerId: providerCustomerId, limit: '20' },
  })
  return (
    <Card title={t.subscriptions}>
      <Loaded query={query}>
        {({ subscriptions }) =>
          subscriptions.length === 0 ? (
            <p className="text-muted text-sm">{t.noSubscriptions}</p>
          ) : (
            <ul className="flex flex-col divide-y divide-line">
              {subscriptions.map(({ subscriptionId, status, currentPeriodEnd }) => (
                <li
                  key={subscriptionId}
                  className="flex flex-wrap items-center justify-between gap-2 py-2.5 text-sm first:pt-0 last:pb-0"
                >
                  <AppLink to={`/${environment}/subscriptions/${subscriptionId}`}>{subscriptionId}</AppLink>
                  <span className="flex items-center gap-3">
                    <span className="text-muted text-xs">
                      {texts.subscriptions.periodEnd} <Time at={currentPeriodEnd} />
                    </span>
                    <Status value={status} />
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  )
}
