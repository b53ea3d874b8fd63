import { useParams } from '@tanstack/react-router'
import type { SyncRun } from '../../../../types/api.ts'
import { formatCount } from '../../format/number.ts'
import { useCall } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Note } from '../../ui/note.tsx'
import { Loaded } from '../../ui/object-page.tsx'
import { Page } from '../../ui/page.tsx'
import { Progress } from '../../ui/progress.tsx'
import { Cell, Row, SimpleTable } from '../../ui/simple-table.tsx'
import { Status } from '../../ui/status.tsx'
import { Time } from '../../ui/time.tsx'
import { Drift } from './drift.tsx'
import { progressOf, shareOf } from './progress.ts'

const t = texts.sync
const POLL_MS = 2000

export function SyncRunPage() {
  const params = useParamsOfEnvironment()
  const { syncRunId } = useParams({ strict: false }) as { syncRunId: string }
  const query = useCall(
    'getSyncRun',
    { params: { ...params, syncRunId } },
    { refetchInterval: ({ state }) => (state.data?.syncRun?.status === 'running' ? POLL_MS : false) },
  )
  const status = query.data?.syncRun?.status
  return (
    <Page
      title={t.details}
      parent={<AppLink to={`/${params.environment}/sync`}>{t.title}</AppLink>}
      aside={<Status value={status} />}
    >
      <Loaded query={query}>{({ syncRun }) => <Details run={syncRun} />}</Loaded>
    </Page>
  )
}

function Details({ run }: { run: SyncRun }) {
  const { done, all } = progressOf(run)
  return (
    <>
      {run.error && (
        <Note tone="bad" title={texts.sessions.error}>
          {run.error}
        </Note>
      )}
      {run.status === 'running' && (
        <Card title={t.running} description={t.leave}>
          <Progress label={t.running} share={shareOf(run)} />
          <p className="tabular mt-2 text-muted text-sm">{t.progressOf(done, all)}</p>
        </Card>
      )}
      <Card>
        <Facts>
          <Fact name={t.started}>
            <Time at={run.startedAt} as="long" />
          </Fact>
          <Fact name={t.finished}>
            <Time at={run.finishedAt} as="long" />
          </Fact>
          <Fact name={t.attempt}>{run.attempt}</Fact>
          <Fact name={t.createdFrom}>
            <Time at={run.createdFrom} as="long" />
          </Fact>
          <Fact name={t.createdBefore}>
            <Time at={run.createdBefore} as="long" />
          </Fact>
        </Facts>
      </Card>
      <Kinds run={run} />
      <Drift run={run} />
    </>
  )
}

const COUNTS = ['seen', 'added', 'changed', 'deleted', 'failed'] as const

const Kinds = ({ run: { kinds, progress } }: { run: SyncRun }) => (
  <Card title={t.what} flush>
    <SimpleTable
      label={t.what}
      headers={[
        { name: t.kind },
        { name: t.state },
        ...COUNTS.map((count) => ({ name: t[count], align: 'end' as const })),
      ]}
    >
      {kinds.map((kind) => (
        <Row key={kind}>
          <Cell>{t.kindNames[kind] ?? kind}</Cell>
          <Cell>{t.stateWords[progress[kind]?.state ?? 'waiting']}</Cell>
          {COUNTS.map((count) => (
            <Cell key={count} align="end">
              {formatCount(progress[kind]?.[count])}
            </Cell>
          ))}
        </Row>
      ))}
    </SimpleTable>
  </Card>
)
