import { UserCog } from 'lucide-react'
import type { Answer } from '../../api/call.ts'
import { startOfDay } from '../../format/time.ts'
import { type Prefetch, prefetchList, useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { type Column, DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import {
  DayFilters,
  FilterBar,
  type FilterValues,
  SelectFilter,
  TextFilter,
  useFilters,
} from '../../ui/filters.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Page } from '../../ui/page.tsx'
import { Status } from '../../ui/status.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'
import { SessionTabs } from './tabs.tsx'

const t = texts.sessions
const FILTERS = ['status', 'customerId', 'from', 'to']
const STATUSES = ['initialized', 'created', 'failed'] as const

const queryOf = (values: FilterValues) => ({
  status: STATUSES.find((status) => status === values.status),
  customerId: values.customerId,
  from: startOfDay(values.from),
  to: startOfDay(values.to, 1),
})

type PortalRecord = Answer<'listPortalSessions'>['portalSessions'][number]

const COLUMNS: Column<PortalRecord>[] = [
  {
    id: 'subject',
    header: t.subject,
    track: 'minmax(8rem, 1fr)',
    cell: ({ subjectType, subjectId }) => <Subject type={subjectType} id={subjectId} />,
  },
  { id: 'status', header: t.status, track: '7rem', cell: ({ status }) => <Status value={status} /> },
  {
    id: 'customer',
    header: t.customer,
    track: 'minmax(9rem, 1fr)',
    from: 'md',
    cell: ({ customerId, environment }) =>
      customerId ? <AppLink to={`/${environment}/customers/${customerId}`}>{customerId}</AppLink> : '–',
  },
  {
    id: 'return',
    header: t.returnUrl,
    track: 'minmax(9rem, 1.2fr)',
    from: 'xl',
    cell: ({ returnUrl }) => returnUrl ?? '–',
  },
  {
    id: 'options',
    header: t.options,
    track: 'minmax(8rem, 1fr)',
    from: 'lg',
    cell: ({ options }) => (Object.keys(options ?? {}).length === 0 ? '–' : JSON.stringify(options)),
  },
  {
    id: 'error',
    header: t.error,
    track: 'minmax(9rem, 1.4fr)',
    from: 'md',
    cell: ({ lastError }) => (lastError ? <span className="text-bad">{lastError}</span> : '–'),
  },
  {
    id: 'created',
    header: t.created,
    track: '8.5rem',
    align: 'end',
    from: 'sm',
    under: true,
    cell: ({ createdAt }) => <Time at={createdAt} />,
  },
]

export const prefetch: Prefetch = (client, params, values) =>
  prefetchList(client, 'listPortalSessions', { params, query: queryOf(values) })

export function PortalSessions() {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const isFiltered = FILTERS.some((name) => values[name])
  const list = useList(
    'listPortalSessions',
    {
      params,
      query: queryOf(values),
    },
    ({ portalSessions }) => portalSessions,
  )
  return (
    <Page title={t.title} description={t.portalLead}>
      <SessionTabs shown="portal" />
      <FilterBar names={FILTERS}>
        <SelectFilter
          name="status"
          label={t.status}
          options={STATUSES.map((status) => [status, t.statuses[status]])}
        />
        <TextFilter name="customerId" label={t.customer} placeholder="cus_…" />
        <DayFilters />
      </FilterBar>
      <Card flush>
        <DataTable
          label={t.portal}
          columns={COLUMNS}
          list={list}
          keyOf={({ id }) => id}
          empty={
            <Empty icon={UserCog} title={isFiltered ? texts.lists.noneMatch : t.nonePortal}>
              {isFiltered ? texts.lists.noneMatchNext : t.nonePortalNext}
            </Empty>
          }
        />
      </Card>
    </Page>
  )
}
