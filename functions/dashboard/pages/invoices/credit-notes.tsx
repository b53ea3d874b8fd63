import { FileMinus } from 'lucide-react'
import { type Prefetch, prefetchList, useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { DayFilters, FilterBar, SelectFilter, TextFilter, useFilters } from '../../ui/filters.tsx'
import { Page } from '../../ui/page.tsx'
import { creditNoteColumns } from './columns.tsx'
import { CREDIT_NOTE_FILTERS, creditNoteQuery } from './filters.ts'
import { InvoiceTabs } from './tabs.tsx'

const t = texts.invoices

export const prefetch: Prefetch = (client, params, values) =>
  prefetchList(client, 'listStripeCreditNotes', { params, query: creditNoteQuery(values) })

export function CreditNotes() {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const isFiltered = CREDIT_NOTE_FILTERS.some((name) => values[name])
  const list = useList(
    'listStripeCreditNotes',
    { params, query: creditNoteQuery(values) },
    ({ creditNotes }) => creditNotes,
  )
  return (
    <Page title={t.title} description={t.creditNotesLead}>
      <InvoiceTabs shown="credit-notes" />
      <FilterBar names={CREDIT_NOTE_FILTERS}>
        <TextFilter name="invoiceId" label={t.invoice} placeholder="in_…" type="search" />
        <SelectFilter name="status" label={t.status} options={Object.entries(t.creditNoteStatuses)} />
        <TextFilter name="customerId" label={texts.payments.customerId} placeholder="cus_…" />
        <TextFilter name="subjectType" label={texts.payments.subjectType} placeholder="team" />
        <TextFilter name="subjectId" label={texts.payments.subjectId} placeholder="42" />
        <DayFilters />
      </FilterBar>
      <Card flush>
        <DataTable
          label={t.creditNotes}
          columns={creditNoteColumns(params.environment)}
          list={list}
          keyOf={({ creditNoteId }) => creditNoteId}
          empty={
            <Empty icon={FileMinus} title={isFiltered ? texts.lists.noneMatch : t.noCreditNotes}>
              {isFiltered ? texts.lists.noneMatchNext : t.noCreditNotesNext}
            </Empty>
          }
        />
      </Card>
    </Page>
  )
}
