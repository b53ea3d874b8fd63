import { Users } from 'lucide-react'
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
import { customerColumns } from './columns.tsx'

const t = texts.customers
const FILTERS = ['search', 'status', 'from', 'to']

const queryOf = ({ search, status, from, to }: FilterValues) => ({
  search,
  status: status === 'active' || status === 'deleted' ? (status as 'active' | 'deleted') : undefined,
  from: startOfDay(from),
  to: startOfDay(to, 1),
})

export const prefetch: Prefetch = (client, params, values) =>
  prefetchList(client, 'listPaymentCustomers', { params, query: queryOf(values) })

export function Customers() {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const isFiltered = FILTERS.some((name) => values[name])
  const list = useList(
    'listPaymentCustomers',
    { params, query: queryOf(values) },
    ({ customers }) => customers,
  )
  return (
    <Page title={t.title} description={t.lead}>
      <FilterBar names={FILTERS}>
        <TextFilter name="search" label={t.search} type="search" wide />
        <SelectFilter name="status" label={t.status} options={Object.entries(t.statuses)} />
        <DayFilters />
      </FilterBar>
      <Card flush>
        <DataTable
          label={t.title}
          columns={customerColumns(params.environment)}
          list={list}
          keyOf={({ providerCustomerId }) => providerCustomerId}
          empty={
            <Empty icon={Users} title={isFiltered ? texts.lists.noneMatch : t.none}>
              {isFiltered ? texts.lists.noneMatchNext : t.noneNext}
            </Empty>
          }
        />
      </Card>
    </Page>
  )
}
