import type { GetStripeInvoiceResponse } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { humanise } from '../../format/number.ts'
import { formatDay } from '../../format/time.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { AppLink, DocumentLink } from '../../ui/link.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.invoices

type Data = GetStripeInvoiceResponse

/** What the invoice is over, whose it is, and when what happened with it. */
export function InvoiceFacts({ data }: { data: Data }) {
  return (
    <Card>
      <Facts>
        <Amounts data={data} />
        <Belongings data={data} />
        <Times data={data} />
      </Facts>
    </Card>
  )
}

function Amounts({ data: { invoice } }: { data: Data }) {
  const { currency, subtotal, tax, total, amountPaid, amountRemaining } = invoice
  return (
    <>
      <Fact name={t.total}>
        <span className="tabular font-semibold">{formatMoney(total, currency)}</span>
      </Fact>
      <Fact name={t.subtotal}>{formatMoney(subtotal, currency)}</Fact>
      <Fact name={t.tax}>{formatMoney(tax, currency)}</Fact>
      <Fact name={t.paid}>{formatMoney(amountPaid, currency)}</Fact>
      <Fact name={t.remaining}>{formatMoney(amountRemaining, currency)}</Fact>
    </>
  )
}

function Belongings({ data: { invoice, customer } }: { data: Data }) {
  const { environment, invoiceId, customerId, subscriptionId, hostedInvoiceUrl, invoicePdf } = invoice
  return (
    <>
      <Fact name={texts.events.id}>
        <Id value={invoiceId} />
      </Fact>
      <Fact name={t.subject}>
        <Subject type={invoice.subjectType} id={invoice.subjectId} />
      </Fact>
      <Fact name={texts.subscriptions.customer}>
        {customerId && (
          <AppLink to={`/${environment}/customers/${encodeURIComponent(customerId)}`}>
            {customer?.name || customer?.email || customerId}
          </AppLink>
        )}
      </Fact>
      <Fact name={t.subscription}>
        {subscriptionId && (
          <AppLink to={`/${environment}/subscriptions/${encodeURIComponent(subscriptionId)}`}>
            {subscriptionId}
          </AppLink>
        )}
      </Fact>
      <Fact name={t.document}>
        {(hostedInvoiceUrl || invoicePdf) && (
          <span className="flex flex-wrap gap-x-4">
            <DocumentLink href={hostedInvoiceUrl}>{t.hosted}</DocumentLink>
            <DocumentLink href={invoicePdf}>{t.pdf}</DocumentLink>
          </span>
        )}
      </Fact>
      <Fact name={t.reason}>{invoice.billingReason && humanise(invoice.billingReason)}</Fact>
      <Fact name={t.collection}>{invoice.collectionMethod && humanise(invoice.collectionMethod)}</Fact>
      <Fact name={texts.payments.description}>{invoice.description}</Fact>
    </>
  )
}

const Times = ({ data: { invoice } }: { data: Data }) => (
  <>
    <Fact name={t.period}>
      {formatDay(invoice.periodStart)} – {formatDay(invoice.periodEnd)}
    </Fact>
    <Fact name={t.created}>
      <Time at={invoice.providerCreatedAt} as="long" />
    </Fact>
    <Fact name={t.due}>
      <Time at={invoice.dueAt} as="long" />
    </Fact>
    <Fact name={t.finalized}>
      <Time at={invoice.finalizedAt} as="long" />
    </Fact>
    <Fact name={t.paidAt}>
      <Time at={invoice.paidAt} as="long" />
    </Fact>
    {invoice.voidedAt && (
      <Fact name={t.voided}>
        <Time at={invoice.voidedAt} as="long" />
      </Fact>
    )}
  </>
)
