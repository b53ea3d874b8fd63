import type { PaymentCustomer } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { formatCount } from '../../format/number.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { type Column, ROW_LINK } from '../../ui/data-table.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.customers

export const nameOf = ({ name, email, providerCustomerId }: PaymentCustomer) =>
  name || email || providerCustomerId

export const customerColumns = (environment: string): Column<PaymentCustomer>[] => [
  {
    id: 'name',
    header: t.name,
    track: 'minmax(9rem, 1.4fr)',
    cell: (customer) => (
      <AppLink
        to={`/${environment}/customers/${encodeURIComponent(customer.providerCustomerId)}`}
        className={ROW_LINK}
      >
        {nameOf(customer)}
      </AppLink>
    ),
  },
  {
    id: 'email',
    header: t.email,
    track: 'minmax(10rem, 1.6fr)',
    from: 'md',
    cell: ({ email }) => email ?? '–',
  },
  {
    id: 'id',
    header: texts.events.id,
    track: 'minmax(10rem, 1.2fr)',
    from: 'xl',
    cell: ({ providerCustomerId }) => (
      <code className="font-mono text-[0.8125rem] text-muted">{providerCustomerId}</code>
    ),
  },
  {
    id: 'status',
    header: t.status,
    track: '6.5rem',
    from: 'lg',
    cell: ({ deleted }) => (deleted ? <Badge tone="bad">{t.statuses.deleted}</Badge> : t.statuses.active),
  },
  {
    id: 'payments',
    header: t.payments,
    track: '5.5rem',
    align: 'end',
    from: 'sm',
    cell: ({ paymentsCount }) => formatCount(paymentsCount),
  },
  {
    id: 'spend',
    header: t.spend,
    track: '7.5rem',
    align: 'end',
    cell: ({ totalSpend, totalSpendCurrency }) => formatMoney(totalSpend, totalSpendCurrency),
  },
  {
    id: 'last',
    header: t.lastPayment,
    track: '8.5rem',
    align: 'end',
    from: 'sm',
    under: true,
    cell: ({ lastPaymentAt }) => <Time at={lastPaymentAt} />,
  },
]
