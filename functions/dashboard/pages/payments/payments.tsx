import { CreditCard, Download } from 'lucide-react'
import { addressOfCall } from '../../api/call.ts'
import { type Prefetch, prefetchList, useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { buttonClass } from '../../ui/button.tsx'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { DayFilters, FilterBar, SelectFilter, TextFilter, useFilters } from '../../ui/filters.tsx'
import { Page } from '../../ui/page.tsx'
import { paymentColumns } from './columns.tsx'
import { PAYMENT_FILTERS, paymentQuery } from './filters.ts'

const t = texts.payments

export const prefetch: Prefetch = (client, params, values) =>
  prefetchList(client, 'listPaymentTransactions', { params, query: paymentQuery(values) })

export function Payments() {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const query = paymentQuery(values)
  const isFiltered = PAYMENT_FILTERS.some((name) => values[name])
  const list = useList('listPaymentTransactions', { params, query }, ({ transactions }) => transactions)
  return (
    <Page
      title={t.title}
      description={t.lead}
      actions={
        <a
          href={addressOfCall('exportPaymentTransactions', { params, query }).href}
          download
          title={t.exportNote}
          className={buttonClass()}
        >
          <Download size={16} aria-hidden />
          {t.export}
        </a>
      }
    >
      <PaymentFilters />
      <Card flush>
        <DataTable
          label={t.title}
          columns={paymentColumns(params.environment)}
          list={list}
          keyOf={({ id }) => id}
          empty={
            <Empty icon={CreditCard} title={isFiltered ? texts.lists.noneMatch : t.none}>
              {isFiltered ? texts.lists.noneMatchNext : t.noneNext}
            </Empty>
          }
        />
      </Card>
    </Page>
  )
}

function PaymentFilters() {
  const [{ currency }] = useFilters()
  return (
    <FilterBar names={PAYMENT_FILTERS}>
      <TextFilter name="objectId" label={t.objectId} placeholder="pi_…, ch_…, in_…" type="search" wide />
      <SelectFilter name="status" label={t.status} options={Object.entries(t.statuses)} />
      <SelectFilter name="type" label={t.type} options={Object.entries(t.types)} />
      <TextFilter name="customerId" label={t.customerId} placeholder="cus_…" />
      <TextFilter name="subjectType" label={t.subjectType} placeholder="team" />
      <TextFilter name="subjectId" label={t.subjectId} placeholder="42" />
      <TextFilter name="currency" label={t.currency} placeholder="eur" />
      {currency && <TextFilter name="amountFrom" label={t.amountFrom} placeholder="10.00" />}
      {currency && <TextFilter name="amountTo" label={t.amountTo} placeholder="99.00" />}
      <SelectFilter
        name="isDisputed"
        label={t.dispute}
        options={[
          ['true', t.onlyDisputed],
          ['false', t.notDisputed],
        ]}
      />
      <DayFilters />
    </FilterBar>
  )
}
