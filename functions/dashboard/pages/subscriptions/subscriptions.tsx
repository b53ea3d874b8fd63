import { Repeat } from 'lucide-react'
import { type Prefetch, prefetchList, useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { DayFilters, FilterBar, SelectFilter, TextFilter, useFilters } from '../../ui/filters.tsx'
import { Page } from '../../ui/page.tsx'
import { subscriptionColumns } from './columns.tsx'
import { SUBSCRIPTION_FILTERS, subscriptionQuery } from './filters.ts'

const t = texts.subscriptions

export const prefetch: Prefetch = (client, params, values) =>
  prefetchList(client, 'listStripeSubscriptions', { params, query: subscriptionQuery(values) })

export function Subscriptions() {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const isFiltered = SUBSCRIPTION_FILTERS.some((name) => values[name])
  const list = useList(
    'listStripeSubscriptions',
    { params, query: subscriptionQuery(values) },
    ({ subscriptions }) => subscriptions,
  )
  return (
    <Page title={t.title} description={t.lead}>
      <FilterBar names={[...SUBSCRIPTION_FILTERS, 'customerId']}>
        <TextFilter name="search" label={t.search} type="search" wide />
        <SelectFilter name="status" label={t.status} options={Object.entries(t.statuses)} />
        <SelectFilter
          name="isOpen"
          label={t.open}
          options={[
            ['true', t.onlyOpen],
            ['false', t.onlyEnded],
          ]}
        />
        <SelectFilter name="cancelAtPeriodEnd" label={t.ending} options={[['true', t.onlyEnding]]} />
        <TextFilter name="priceId" label={t.priceId} placeholder="price_…" />
        <DayFilters />
      </FilterBar>
      <Card flush>
        <DataTable
          label={t.title}
          columns={subscriptionColumns(params.environment)}
          list={list}
          keyOf={({ subscriptionId }) => subscriptionId}
          empty={
            <Empty icon={Repeat} title={isFiltered ? texts.lists.noneMatch : t.none}>
              {isFiltered ? texts.lists.noneMatchNext : t.noneNext}
            </Empty>
          }
        />
      </Card>
    </Page>
  )
}
