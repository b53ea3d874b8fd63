import { Users } from 'lucide-react'
import { startOfDay } from '../../format/time.ts'
import { useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { DayFilters, FilterBar, SelectFilter, TextFilter, useFilters } from '../../ui/filters.tsx'
import { Page } from '../../ui/page.tsx'
import { customerColumns } from './columns.tsx'

const t = texts.customers
const FILTERS = ['search', 'status', 'from', 'to']

export function Customers() {
  const params = useParamsOfEnvironment()
  const [{ search, status, from, to }] = useFilters()
  const isFiltered = Boolean(search || status || from || to)
  const list = useList(
    'listPaymentCustomers',
    {
      params,
      query: {
        search,
        status: status === 'active' || status === 'deleted' ? status : undefined,
        from: startOfDay(from),
        to: startOfDay(to, 1),
      },
    },
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
