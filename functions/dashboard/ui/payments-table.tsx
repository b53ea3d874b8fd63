import type { PaymentTransaction } from '../../../types/api.ts'
import { formatMoney } from '../format/money.ts'
import { texts } from '../texts.ts'
import { AppLink } from './link.tsx'
import { Cell, Row, SimpleTable } from './simple-table.tsx'
import { Status } from './status.tsx'
import { Time } from './time.tsx'

const t = texts.payments

type PaymentsTableProps = {
  label: string
  environment: string
  transactions: PaymentTransaction[]
  empty: string
}

/** A few payments in the page of something else. */
export function PaymentsTable({ label, environment, transactions, empty }: PaymentsTableProps) {
  if (transactions.length === 0) return <p className="px-5 pb-5 text-muted text-sm">{empty}</p>
  return (
    <SimpleTable
      label={label}
      headers={[
        { name: t.what },
        { name: t.status },
        { name: t.amount, align: 'end' },
        { name: t.created, align: 'end' },
      ]}
    >
      {transactions.map(({ id, type, status, amount, currency, providerCreatedAt, createdAt }) => (
        <Row key={id}>
          <Cell>
            <AppLink to={`/${environment}/payments/${id}`}>{t.types[type] ?? type}</AppLink>
          </Cell>
          <Cell>
            <Status value={status} />
          </Cell>
          <Cell align="end">{formatMoney(amount, currency)}</Cell>
          <Cell align="end">
            <Time at={providerCreatedAt ?? createdAt} />
          </Cell>
        </Row>
      ))}
    </SimpleTable>
  )
}
