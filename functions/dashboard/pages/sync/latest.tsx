import type { SyncRun } from '../../../../types/api.ts'
import { useChange } from '../../hooks/use-call.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { AppLink } from '../../ui/link.tsx'
import { ErrorNote, Note } from '../../ui/note.tsx'
import { Progress } from '../../ui/progress.tsx'
import { progressOf, shareOf } from './progress.ts'

const t = texts.sync

/** The sync that is running, or that was interrupted. A finished one is in the history only. */
export function Latest({ run }: { run: SyncRun }) {
  const { environment, status } = run
  const start = useChange('startSyncRun', { done: t.syncStarted })
  const { done, all } = progressOf(run)
  if (status === 'interrupted') {
    return (
      <Note
        tone="warn"
        action={
          <ChangeButton
            small
            look="primary"
            busy={start.isPending}
            onClick={() => start.mutate({ params: { environment }, body: { kinds: run.kinds } })}
          >
            {t.resume}
          </ChangeButton>
        }
      >
        {t.resumable}
        {start.error && <ErrorNote error={start.error} />}
      </Note>
    )
  }
  if (status !== 'running') return null
  return (
    <Card title={t.running} description={t.leave}>
      <Progress label={t.running} share={shareOf(run)} />
      <p className="mt-2 flex flex-wrap justify-between gap-2 text-sm" aria-live="polite">
        <span className="tabular text-muted">{t.progressOf(done, all)}</span>
        <AppLink to={`/${environment}/sync/${run.id}`}>{t.details}</AppLink>
      </p>
    </Card>
  )
}
