import { useParams } from '@tanstack/react-router'
import type { GetStripeSubscriptionResponse } from '../../../../types/api.ts'
import { humanise } from '../../format/number.ts'
import { formatDay } from '../../format/time.ts'
import { useCall } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { EventsTable } from '../../ui/events-table.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { InvoicesCard } from '../../ui/invoices-card.tsx'
import { AppLink, StripeLink } from '../../ui/link.tsx'
import { Metadata } from '../../ui/metadata.tsx'
import { Loaded } from '../../ui/object-page.tsx'
import { Page } from '../../ui/page.tsx'
import { PaymentsTable } from '../../ui/payments-table.tsx'
import { Status } from '../../ui/status.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'
import { AssignButton } from '../customers/assign-button.tsx'
import { Access } from './access.tsx'
import { cancellationOf } from './columns.tsx'
import { Items } from './items.tsx'
import { Planned } from './planned.tsx'

const t = texts.subscriptions

export function SubscriptionPage() {
  const params = useParamsOfEnvironment()
  const { subscriptionId } = useParams({ strict: false }) as { subscriptionId: string }
  const query = useCall('getStripeSubscription', { params: { ...params, subscriptionId } })
  const subscription = query.data?.subscription
  return (
    <Page
      title={subscriptionId}
      parent={<AppLink to={`/${params.environment}/subscriptions`}>{t.title}</AppLink>}
      aside={subscription && <Status value={subscription.status} />}
      actions={
        <>
          <StripeLink href={query.data?.stripeUrl}>{texts.common.openInStripe}</StripeLink>
          {subscription && <AssignButton of={{ subscriptionId }} />}
        </>
      }
    >
      <Loaded query={query}>{(data) => <Details data={data} />}</Loaded>
    </Page>
  )
}

function Details({ data }: { data: GetStripeSubscriptionResponse }) {
  const { subscription, transactions, events } = data
  const { environment, metadata } = subscription
  return (
    <>
      <Access subscription={subscription} />
      <About data={data} />
      <Planned data={data} />
      <Items data={data} />
      <InvoicesCard of={{ subscriptionId: subscription.subscriptionId }} />
      <Card title={t.payments} flush>
        <PaymentsTable
          label={t.payments}
          environment={environment}
          transactions={transactions}
          empty={t.noPayments}
        />
      </Card>
      <Card title={t.events} flush>
        <EventsTable label={t.events} environment={environment} events={events} empty={t.noEvents} />
      </Card>
      {Object.keys(metadata ?? {}).length > 0 && (
        <Card title={t.metadata}>
          <Metadata metadata={metadata} />
        </Card>
      )}
    </>
  )
}

function About({ data: { subscription, customer } }: { data: GetStripeSubscriptionResponse }) {
  const { environment, customerId, pauseCollectionBehavior, pauseCollectionResumesAt } = subscription
  const { trialStart, trialEnd, currentPeriodStart, currentPeriodEnd } = subscription
  return (
    <Card>
      <Facts>
        <Fact name={t.subscription}>
          <Id value={subscription.subscriptionId} />
        </Fact>
        <Fact name={t.subject}>
          <Subject type={subscription.subjectType} id={subscription.subjectId} />
        </Fact>
        <Fact name={t.customer}>
          {customerId && (
            <AppLink to={`/${environment}/customers/${encodeURIComponent(customerId)}`}>
              {customer?.name || customer?.email || customerId}
            </AppLink>
          )}
        </Fact>
        <Fact name={t.period}>
          {formatDay(currentPeriodStart)} – {formatDay(currentPeriodEnd)}
        </Fact>
        <Fact name={t.cancellation}>{cancellationOf(subscription)}</Fact>
        <Fact name={t.trial}>
          {trialEnd ? `${formatDay(trialStart)} – ${formatDay(trialEnd)}` : texts.common.none}
        </Fact>
        <Fact name={t.latestInvoice}>
          {subscription.latestInvoiceId && (
            <AppLink to={`/${environment}/invoices/${encodeURIComponent(subscription.latestInvoiceId)}`}>
              {subscription.latestInvoiceId}
            </AppLink>
          )}
        </Fact>
        <Fact name={t.paused}>
          {pauseCollectionBehavior
            ? t.pausedUntil(
                humanise(pauseCollectionBehavior),
                pauseCollectionResumesAt && formatDay(pauseCollectionResumesAt),
              )
            : texts.common.no}
        </Fact>
        <Fact name={t.synced}>
          <Time at={subscription.syncedAt} as="long" />
        </Fact>
      </Facts>
    </Card>
  )
}
