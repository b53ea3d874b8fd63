import { useParams } from '@tanstack/react-router'
import type { GetPaymentCustomerResponse, PaymentCustomer } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { formatCount } from '../../format/number.ts'
import { useCall } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { InvoicesCard } from '../../ui/invoices-card.tsx'
import { AppLink, StripeLink } from '../../ui/link.tsx'
import { Metadata } from '../../ui/metadata.tsx'
import { Loaded } from '../../ui/object-page.tsx'
import { Page } from '../../ui/page.tsx'
import { Time } from '../../ui/time.tsx'
import { AssignButton } from './assign-button.tsx'
import { nameOf } from './columns.tsx'
import { CustomerSubscriptions } from './customer-subscriptions.tsx'
import { Subjects } from './subjects.tsx'
import { Timeline } from './timeline.tsx'

const t = texts.customers

export function CustomerPage() {
  const params = useParamsOfEnvironment()
  const { customerId } = useParams({ strict: false }) as { customerId: string }
  const query = useCall('getPaymentCustomer', { params: { ...params, customerId } })
  const found = query.data
  return (
    <Page
      title={found?.customer ? nameOf(found.customer) : customerId}
      parent={<AppLink to={`/${params.environment}/customers`}>{t.title}</AppLink>}
      aside={found?.customer?.deleted && <Badge tone="bad">{t.deleted}</Badge>}
      actions={
        <>
          <StripeLink href={found?.stripeUrl}>{texts.common.openInStripe}</StripeLink>
          {found && <AssignButton of={{ customerId }} />}
        </>
      }
    >
      <Loaded query={query}>{(data) => <Details data={data} />}</Loaded>
    </Page>
  )
}

function Details({ data: { customer, subjects } }: { data: GetPaymentCustomerResponse }) {
  return (
    <>
      <About customer={customer} />
      <div className="grid items-start gap-5 xl:grid-cols-2">
        <Subjects subjects={subjects} />
        <CustomerSubscriptions customer={customer} />
      </div>
      <InvoicesCard of={{ customerId: customer.providerCustomerId }} />
      <Timeline customer={customer} />
    </>
  )
}

function About({ customer }: { customer: PaymentCustomer }) {
  const { environment, providerCustomerId, metadata } = customer
  const { paymentMethodBrand, paymentMethodLast4 } = customer
  return (
    <Card>
      <Facts>
        <Fact name={texts.events.id}>
          <Id value={providerCustomerId} />
        </Fact>
        <Fact name={t.email}>{customer.email}</Fact>
        <Fact name={t.phone}>{customer.phone}</Fact>
        <Fact name={t.country}>{customer.countryCode}</Fact>
        <Fact name={t.since}>
          <Time at={customer.providerCreatedAt} as="long" />
        </Fact>
        <Fact name={t.spend}>{formatMoney(customer.totalSpend, customer.totalSpendCurrency)}</Fact>
        <Fact name={t.payments}>
          {formatCount(customer.paymentsCount)} ·{' '}
          <AppLink to={`/${environment}/payments`} search={{ customerId: providerCustomerId }}>
            {t.allPayments}
          </AppLink>
        </Fact>
        <Fact name={t.paymentMethod}>
          {paymentMethodBrand ? `${paymentMethodBrand} ···· ${paymentMethodLast4 ?? ''}` : null}
        </Fact>
        <Fact name={texts.sessions.title}>
          <AppLink to={`/${environment}/sessions`} search={{ customerId: providerCustomerId }}>
            {t.allSessions}
          </AppLink>
        </Fact>
      </Facts>
      {Object.keys(metadata ?? {}).length > 0 && (
        <div className="mt-5 border-line border-t pt-4">
          <h3 className="mb-2 font-medium text-sm">{t.metadata}</h3>
          <Metadata metadata={metadata} />
        </div>
      )}
    </Card>
  )
}
