import { ShoppingCart } from 'lucide-react'
import { useState } from 'react'
import { startOfDay } from '../../format/time.ts'
import { type Prefetch, prefetchList, useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import {
  DayFilters,
  FilterBar,
  type FilterValues,
  SelectFilter,
  TextFilter,
  useFilters,
} from '../../ui/filters.tsx'
import { Page } from '../../ui/page.tsx'
import { type CheckoutRecord, checkoutColumns } from './checkout-columns.tsx'
import { CheckoutDialog } from './checkout-dialog.tsx'
import { SessionTabs } from './tabs.tsx'

const t = texts.sessions
const FILTERS = [
  'status',
  'paymentStatus',
  'mode',
  'hasFailed',
  'customerId',
  'checkoutSessionId',
  'from',
  'to',
]
const STATUSES = ['initialized', 'open', 'completed', 'expired', 'failed'] as const

const queryOf = (values: FilterValues) => ({
  status: STATUSES.find((status) => status === values.status),
  hasFailed: values.hasFailed === 'true' ? ('true' as const) : undefined,
  customerId: values.customerId,
  checkoutSessionId: values.checkoutSessionId,
  from: startOfDay(values.from),
  to: startOfDay(values.to, 1),
})

export const prefetch: Prefetch = (client, params, values) =>
  prefetchList(client, 'listCheckoutSessions', { params, query: queryOf(values) })

export function CheckoutSessions() {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const [opened, setOpened] = useState<CheckoutRecord | null>(null)
  const isFiltered = FILTERS.some((name) => values[name])
  const list = useList(
    'listCheckoutSessions',
    { params, query: queryOf(values) },
    ({ checkoutSessions }) => checkoutSessions,
  )
  return (
    <Page title={t.title} description={t.checkoutLead}>
      <SessionTabs shown="checkout" />
      <CheckoutFilters />
      <Card flush>
        <DataTable
          label={t.checkout}
          columns={checkoutColumns(setOpened)}
          list={list}
          keyOf={({ id }) => id}
          empty={
            <Empty icon={ShoppingCart} title={isFiltered ? texts.lists.noneMatch : t.none}>
              {isFiltered ? texts.lists.noneMatchNext : t.noneNext}
            </Empty>
          }
        />
      </Card>
      {opened && <CheckoutDialog session={opened} onClose={() => setOpened(null)} />}
    </Page>
  )
}

const CheckoutFilters = () => (
  <FilterBar names={FILTERS}>
    <SelectFilter
      name="status"
      label={t.status}
      options={STATUSES.map((status) => [status, t.statuses[status]])}
    />
    <SelectFilter name="hasFailed" label={t.error} options={[['true', t.onlyFailed]]} />
    <TextFilter name="customerId" label={t.customer} placeholder="cus_…" />
    <TextFilter name="checkoutSessionId" label={t.sessionId} placeholder="cs_…" />
    <DayFilters />
  </FilterBar>
)
