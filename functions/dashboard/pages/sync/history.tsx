import { useQueryClient } from '@tanstack/react-query'
import { RefreshCw } from 'lucide-react'
import { useEffect } from 'react'
import type { SyncRun } from '../../../../types/api.ts'
import { formatCount } from '../../format/number.ts'
import { useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { type Column, DataTable, ROW_LINK } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Status } from '../../ui/status.tsx'
import { Time } from '../../ui/time.tsx'
import { differencesOf } from './progress.ts'

const t = texts.sync

const columns = (environment: string): Column<SyncRun>[] => [
  {
    id: 'started',
    header: t.started,
    track: 'minmax(8.5rem, 1fr)',
    cell: ({ id, startedAt }) => (
      <AppLink to={`/${environment}/sync/${id}`} className={ROW_LINK}>
        <Time at={startedAt} />
      </AppLink>
    ),
  },
  { id: 'status', header: t.status, track: '7rem', cell: ({ status }) => <Status value={status} /> },
  {
    id: 'kinds',
    header: t.what,
    track: 'minmax(10rem, 2fr)',
    from: 'md',
    cell: ({ kinds }) => kinds.map((kind) => t.kindNames[kind] ?? kind).join(', '),
  },
  {
    id: 'found',
    header: t.found,
    track: '6.5rem',
    align: 'end',
    from: 'sm',
    cell: (run) => formatCount(differencesOf(run)),
  },
  {
    id: 'attempt',
    header: t.attempt,
    track: '5rem',
    align: 'end',
    from: 'lg',
    cell: ({ attempt }) => attempt,
  },
  {
    id: 'finished',
    header: t.finished,
    track: '8.5rem',
    align: 'end',
    from: 'sm',
    cell: ({ finishedAt }) => <Time at={finishedAt} />,
  },
]

export function History({ latest }: { latest: SyncRun | undefined }) {
  const params = useParamsOfEnvironment()
  const client = useQueryClient()
  const list = useList('listSyncRuns', { params }, ({ syncRuns }) => syncRuns)
  const state = `${latest?.id} ${latest?.status}`
  // biome-ignore lint/correctness/useExhaustiveDependencies: the history is read again when the latest run has another state
  useEffect(() => void client.invalidateQueries({ queryKey: ['listSyncRuns', 'list'] }), [state])
  return (
    <Card title={t.history} flush>
      <DataTable
        label={t.history}
        columns={columns(params.environment)}
        list={list}
        keyOf={({ id }) => id}
        empty={
          <Empty icon={RefreshCw} title={t.noHistory}>
            {t.noHistoryNext}
          </Empty>
        }
      />
    </Card>
  )
}
