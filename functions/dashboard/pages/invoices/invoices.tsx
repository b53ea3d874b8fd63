import { FileText } from 'lucide-react'
import { type Prefetch, prefetchList, useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { DayFilters, FilterBar, SelectFilter, TextFilter, useFilters } from '../../ui/filters.tsx'
import { Page } from '../../ui/page.tsx'
import { invoiceColumns } from './columns.tsx'
import { INVOICE_FILTERS, invoiceQuery } from './filters.ts'
import { InvoiceTabs } from './tabs.tsx'

const t = texts.invoices

export const prefetch: Prefetch = (client, params, values) =>
  prefetchList(client, 'listStripeInvoices', { params, query: invoiceQuery(values) })

export function Invoices() {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const isFiltered = INVOICE_FILTERS.some((name) => values[name])
  const list = useList(
    'listStripeInvoices',
    { params, query: invoiceQuery(values) },
    ({ invoices }) => invoices,
  )
  return (
    <Page title={t.title} description={t.lead}>
      <InvoiceTabs shown="invoices" />
      <FilterBar names={INVOICE_FILTERS}>
        <TextFilter name="number" label={t.number} type="search" />
        <SelectFilter name="status" label={t.status} options={Object.entries(t.statuses)} />
        <TextFilter name="customerId" label={texts.payments.customerId} placeholder="cus_…" />
        <TextFilter name="subscriptionId" label={t.subscription} placeholder="sub_…" />
        <TextFilter name="subjectType" label={texts.payments.subjectType} placeholder="team" />
        <TextFilter name="subjectId" label={texts.payments.subjectId} placeholder="42" />
        <DayFilters />
      </FilterBar>
      <Card flush>
        <DataTable
          label={t.title}
          columns={invoiceColumns(params.environment)}
          list={list}
          keyOf={({ invoiceId }) => invoiceId}
          empty={
            <Empty icon={FileText} title={isFiltered ? texts.lists.noneMatch : t.none}>
              {isFiltered ? texts.lists.noneMatchNext : t.noneNext}
            </Empty>
          }
        />
      </Card>
    </Page>
  )
}
