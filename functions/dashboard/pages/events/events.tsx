import { Activity, Pause, Play, RotateCw } from 'lucide-react'
import { useState } from 'react'
import { type Prefetch, prefetchList, useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { DayFilters, FilterBar, SelectFilter, TextFilter, useFilters } from '../../ui/filters.tsx'
import { Page } from '../../ui/page.tsx'
import { BulkRetry } from './bulk-retry.tsx'
import { eventColumns } from './columns.tsx'
import { EVENT_FILTERS, EVENT_STATUSES, eventQuery } from './filters.ts'
import { ReplayMany } from './replay-many.tsx'
import { useLive } from './use-live.ts'

const t = texts.events

export const prefetch: Prefetch = (client, params, values) =>
  prefetchList(client, 'listWebhookEvents', { params, query: eventQuery(values) })

export function Events() {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const [open, setOpen] = useState<'retry' | 'replay' | null>(null)
  const input = { params, query: eventQuery(values) }
  const list = useList('listWebhookEvents', input, ({ events }) => events)
  const live = useLive(input, list)
  const isFiltered = EVENT_FILTERS.some((name) => values[name])
  return (
    <Page
      title={t.title}
      description={t.lead}
      actions={
        <>
          <Button icon={live.isOn ? Pause : Play} onClick={live.toggle}>
            {live.isOn ? t.pause : t.resume}
          </Button>
          <ChangeButton onClick={() => setOpen('replay')}>{t.replayMany}</ChangeButton>
          <ChangeButton icon={RotateCw} onClick={() => setOpen('retry')}>
            {t.bulk}
          </ChangeButton>
        </>
      }
    >
      <EventFilters />
      {live.hasNewer && (
        <Button look="primary" small className="self-start" onClick={list.reload}>
          {t.newOnes}
        </Button>
      )}
      <Card flush>
        <DataTable
          label={t.title}
          columns={eventColumns(params.environment)}
          list={list}
          keyOf={({ eventId }) => eventId}
          empty={
            <Empty icon={Activity} title={isFiltered ? texts.lists.noneMatch : t.none}>
              {isFiltered ? texts.lists.noneMatchNext : t.noneNext}
            </Empty>
          }
        />
      </Card>
      {open === 'retry' && <BulkRetry onClose={() => setOpen(null)} />}
      {open === 'replay' && <ReplayMany onClose={() => setOpen(null)} />}
    </Page>
  )
}

const EventFilters = () => (
  <FilterBar names={EVENT_FILTERS}>
    <TextFilter name="type" label={t.type} placeholder="invoice.paid" wide />
    <SelectFilter
      name="status"
      label={t.status}
      options={EVENT_STATUSES.map((status) => [status, t.statuses[status]])}
    />
    <SelectFilter name="isDeadLettered" label={t.dead} options={[['true', t.deadOnly]]} />
    <TextFilter name="objectId" label={t.objectId} placeholder="in_…" />
    <DayFilters />
  </FilterBar>
)
