import type { GetPaymentTransactionResponse } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { humanise } from '../../format/number.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { Cell, Row, SimpleTable } from '../../ui/simple-table.tsx'
import { Status } from '../../ui/status.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.payments

/** The objects of Stripe that the payment is derived from. */
export const Objects = ({ objects }: { objects: GetPaymentTransactionResponse['objects'] }) => (
  <Card title={t.objects} flush>
    {objects.length === 0 ? (
      <p className="px-5 pb-5 text-muted text-sm">{t.noObjects}</p>
    ) : (
      <SimpleTable
        label={t.objects}
        headers={[
          { name: t.object },
          { name: texts.events.id },
          { name: t.status },
          { name: t.amount, align: 'end' },
          { name: t.created, align: 'end' },
        ]}
      >
        {objects.map(({ objectType, objectId, status, amount, currency, providerCreatedAt }) => (
          <Row key={objectId}>
            <Cell>{humanise(objectType)}</Cell>
            <Cell>
              <Id value={objectId} />
            </Cell>
            <Cell>
              <Status value={status} />
            </Cell>
            <Cell align="end">{formatMoney(amount, currency)}</Cell>
            <Cell align="end">
              <Time at={providerCreatedAt} />
            </Cell>
          </Row>
        ))}
      </SimpleTable>
    )}
  </Card>
)
