import { formatMoney } from '../format/money.ts'
import { useCall } from '../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../shell/environment.ts'
import { texts } from '../texts.ts'
import { Card } from './card.tsx'
import { AppLink } from './link.tsx'
import { Loaded } from './object-page.tsx'
import { Cell, Row, SimpleTable } from './simple-table.tsx'
import { Status } from './status.tsx'
import { Time } from './time.tsx'

const t = texts.invoices
const SHOWN = '10'

type Of = { customerId: string } | { subscriptionId: string }

/** The newest invoices of a customer or of a subscription, and where all of them and their credit notes are. */
export function InvoicesCard({ of }: { of: Of }) {
  const params = useParamsOfEnvironment()
  const query = useCall('listStripeInvoices', { params, query: { ...of, limit: SHOWN } })
  return (
    <Card
      title={t.title}
      flush
      actions={
        <span className="flex gap-4 text-sm">
          <AppLink to={`/${params.environment}/invoices`} search={of}>
            {t.all}
          </AppLink>
          {'customerId' in of && (
            <AppLink to={`/${params.environment}/invoices/credit-notes`} search={of}>
              {t.creditNotes}
            </AppLink>
          )}
        </span>
      }
    >
      <Loaded query={query}>
        {({ invoices }) =>
          invoices.length === 0 ? (
            <p className="px-5 pb-5 text-muted text-sm">{t.none}</p>
          ) : (
            <SimpleTable
              label={t.title}
              headers={[
                { name: t.number },
                { name: t.status },
                { name: t.total, align: 'end' },
                { name: t.created, align: 'end' },
              ]}
            >
              {invoices.map(({ invoiceId, number, status, deleted, total, currency, providerCreatedAt }) => (
                <Row key={invoiceId}>
                  <Cell>
                    <AppLink to={`/${params.environment}/invoices/${encodeURIComponent(invoiceId)}`}>
                      {number ?? t.draft}
                    </AppLink>
                  </Cell>
                  <Cell>
                    <Status value={deleted ? 'deleted' : status} />
                  </Cell>
                  <Cell align="end">{formatMoney(total, currency)}</Cell>
                  <Cell align="end">
                    <Time at={providerCreatedAt} />
                  </Cell>
                </Row>
              ))}
            </SimpleTable>
          )
        }
      </Loaded>
    </Card>
  )
}
