import { useParams } from '@tanstack/react-router'
import type { GetStripeInvoiceResponse, StripeCreditNote } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { humanise } from '../../format/number.ts'
import { useCall } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { EventsTable } from '../../ui/events-table.tsx'
import { AppLink, DocumentLink, StripeLink } from '../../ui/link.tsx'
import { Metadata } from '../../ui/metadata.tsx'
import { Loaded } from '../../ui/object-page.tsx'
import { Page } from '../../ui/page.tsx'
import { PaymentsTable } from '../../ui/payments-table.tsx'
import { Cell, Row, SimpleTable } from '../../ui/simple-table.tsx'
import { Status } from '../../ui/status.tsx'
import { Time } from '../../ui/time.tsx'
import { InvoiceFacts } from './invoice-facts.tsx'

const t = texts.invoices

export function InvoicePage() {
  const params = useParamsOfEnvironment()
  const { invoiceId } = useParams({ strict: false }) as { invoiceId: string }
  const query = useCall('getStripeInvoice', { params: { ...params, invoiceId } })
  const invoice = query.data?.invoice
  return (
    <Page
      title={
        invoice ? `${invoice.number ?? t.draft} · ${formatMoney(invoice.total, invoice.currency)}` : invoiceId
      }
      parent={<AppLink to={`/${params.environment}/invoices`}>{t.title}</AppLink>}
      aside={invoice && <Status value={invoice.deleted ? 'deleted' : invoice.status} />}
      actions={<StripeLink href={query.data?.stripeUrl}>{texts.common.openInStripe}</StripeLink>}
    >
      <Loaded query={query}>{(data) => <Details data={data} />}</Loaded>
    </Page>
  )
}

function Details({ data }: { data: GetStripeInvoiceResponse }) {
  const { invoice, transactions, creditNotes, events } = data
  const { environment, metadata } = invoice
  return (
    <>
      <InvoiceFacts data={data} />
      <Card title={t.payments} flush>
        <PaymentsTable
          label={t.payments}
          environment={environment}
          transactions={transactions}
          empty={t.noPayments}
        />
      </Card>
      <Card title={t.creditNotes} flush>
        <CreditNotesTable creditNotes={creditNotes} />
      </Card>
      <Card title={t.events} flush>
        <EventsTable label={t.events} environment={environment} events={events} empty={t.noEvents} />
      </Card>
      {Object.keys(metadata ?? {}).length > 0 && (
        <Card title={texts.subscriptions.metadata}>
          <Metadata metadata={metadata} />
        </Card>
      )}
    </>
  )
}

const CreditNotesTable = ({ creditNotes }: { creditNotes: StripeCreditNote[] }) =>
  creditNotes.length === 0 ? (
    <p className="px-5 pb-5 text-muted text-sm">{t.noCreditNotes}</p>
  ) : (
    <SimpleTable
      label={t.creditNotes}
      headers={[
        { name: t.number },
        { name: t.status },
        { name: t.reason },
        { name: t.total, align: 'end' },
        { name: t.created, align: 'end' },
        { name: t.document, align: 'end' },
      ]}
    >
      {creditNotes.map(
        ({ creditNoteId, number, status, reason, memo, total, currency, providerCreatedAt, pdf }) => (
          <Row key={creditNoteId}>
            <Cell>{number ?? creditNoteId}</Cell>
            <Cell>
              <Status value={status} />
            </Cell>
            <Cell>{memo ?? (reason ? humanise(reason) : '–')}</Cell>
            <Cell align="end">{formatMoney(total, currency)}</Cell>
            <Cell align="end">
              <Time at={providerCreatedAt} />
            </Cell>
            <Cell align="end">{pdf ? <DocumentLink href={pdf}>{t.pdf}</DocumentLink> : '–'}</Cell>
          </Row>
        ),
      )}
    </SimpleTable>
  )
