import type { PaymentTransaction } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { humanise } from '../../format/number.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { AppLink, DocumentLink } from '../../ui/link.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.payments

export function PaymentFacts({ transaction }: { transaction: PaymentTransaction }) {
  const { environment, providerCustomerId, customerEmailSnapshot, currency, amount, amountRefunded } =
    transaction
  const { cardBrand, cardLast4, receiptUrl, relatedObjectIds } = transaction
  const invoiceId = relatedObjectIds?.invoice
  return (
    <Card>
      <Facts>
        <Fact name={t.amount}>
          <span className="tabular font-semibold">{formatMoney(amount, currency)}</span>
        </Fact>
        <Fact name={t.refunded}>{formatMoney(amountRefunded, currency)}</Fact>
        <Fact name={t.customer}>
          {providerCustomerId ? (
            <AppLink to={`/${environment}/customers/${encodeURIComponent(providerCustomerId)}`}>
              {customerEmailSnapshot ?? providerCustomerId}
            </AppLink>
          ) : (
            customerEmailSnapshot
          )}
        </Fact>
        <Fact name={t.subject}>
          <Subject type={transaction.subjectType} id={transaction.subjectId} />
        </Fact>
        <Fact name={t.created}>
          <Time at={transaction.providerCreatedAt} as="long" />
        </Fact>
        <Fact name={t.paid}>
          <Time at={transaction.paidAt} as="long" />
        </Fact>
        <Fact name={t.failed}>
          <Time at={transaction.failedAt} as="long" />
        </Fact>
        <Fact name={t.refundedAt}>
          <Time at={transaction.refundedAt} as="long" />
        </Fact>
        <Fact name={t.card}>{cardBrand && `${humanise(cardBrand)} ···· ${cardLast4 ?? ''}`}</Fact>
        <Fact name={t.receipt}>
          {receiptUrl && <DocumentLink href={receiptUrl}>{t.openReceipt}</DocumentLink>}
        </Fact>
        {invoiceId && (
          <Fact name={texts.invoices.invoice}>
            <AppLink to={`/${environment}/invoices/${encodeURIComponent(invoiceId)}`}>{invoiceId}</AppLink>
          </Fact>
        )}
        <Fact name={t.description}>{transaction.description}</Fact>
      </Facts>
    </Card>
  )
}
