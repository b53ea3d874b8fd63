import { useParams } from '@tanstack/react-router'
import type { GetPaymentTransactionResponse } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { humanise } from '../../format/number.ts'
import { useCall } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { EventsTable } from '../../ui/events-table.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { AppLink, StripeLink } from '../../ui/link.tsx'
import { Note } from '../../ui/note.tsx'
import { Loaded } from '../../ui/object-page.tsx'
import { Page } from '../../ui/page.tsx'
import { PaymentsTable } from '../../ui/payments-table.tsx'
import { Status } from '../../ui/status.tsx'
import { Authorized } from './authorized.tsx'
import { Dispute } from './dispute.tsx'
import { Objects } from './objects.tsx'
import { PaymentFacts } from './payment-facts.tsx'

const t = texts.payments

export function PaymentPage() {
  const params = useParamsOfEnvironment()
  const { transactionId } = useParams({ strict: false }) as { transactionId: string }
  const query = useCall('getPaymentTransaction', { params: { ...params, transactionId } })
  const transaction = query.data?.transaction
  const title = transaction
    ? `${t.types[transaction.type] ?? humanise(transaction.type)} · ${formatMoney(transaction.amount, transaction.currency)}`
    : t.unknown
  return (
    <Page
      title={title}
      parent={<AppLink to={`/${params.environment}/payments`}>{t.title}</AppLink>}
      aside={transaction && <Status value={transaction.status} />}
      actions={<StripeLink href={query.data?.stripeUrl}>{texts.common.openInStripe}</StripeLink>}
    >
      <Loaded query={query}>{(data) => <Details data={data} />}</Loaded>
    </Page>
  )
}

function Details({ data }: { data: GetPaymentTransactionResponse }) {
  const { transaction, payment, refunds, objects, events } = data
  const { environment, relatedObjectIds } = transaction
  return (
    <>
      {payment && (
        <Note>
          {t.refundOf}{' '}
          <AppLink to={`/${environment}/payments/${payment.id}`}>
            {t.types[payment.type] ?? payment.type} · {formatMoney(payment.amount, payment.currency)}
          </AppLink>
        </Note>
      )}
      {transaction.disputeStatus && <Dispute transaction={transaction} />}
      <Authorized data={data} />
      <PaymentFacts transaction={transaction} />
      {refunds.length > 0 && (
        <Card title={t.refunds} flush>
          <PaymentsTable label={t.refunds} environment={environment} transactions={refunds} empty="" />
        </Card>
      )}
      <Card title={t.ids}>
        <Facts>
          {Object.entries(relatedObjectIds ?? {}).map(([kind, id]) => (
            <Fact key={kind} name={humanise(kind)}>
              <Id value={id} />
            </Fact>
          ))}
        </Facts>
      </Card>
      <Objects objects={objects} />
      <Card title={t.events} flush>
        <EventsTable label={t.events} environment={environment} events={events} empty={t.noEvents} />
      </Card>
    </>
  )
}
