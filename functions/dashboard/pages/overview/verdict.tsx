import { CircleCheck, CircleX, LoaderCircle, TriangleAlert } from 'lucide-react'
import type { HealthReason } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { classes } from '../../ui/classes.ts'
import { Id } from '../../ui/copy.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { useHealth } from './use-health.ts'

const LOOKS = {
  ok: { icon: CircleCheck, look: 'bg-good-soft text-good' },
  degraded: { icon: TriangleAlert, look: 'bg-warn-soft text-warn' },
  failing: { icon: CircleX, look: 'bg-bad-soft text-bad' },
  checking: { icon: LoaderCircle, look: 'bg-sunken text-muted' },
}

/** One sentence about whether billing works, with the reasons and what to do. */
export function Verdict() {
  const { data, error, refetch } = useHealth()
  if (error && !data) return <ErrorNote error={error} onRetry={() => void refetch()} />
  const verdict = data ? (data.status in LOOKS ? data.status : 'degraded') : 'checking'
  const { icon: Icon, look } = LOOKS[verdict]
  return (
    <section aria-live="polite" className={classes('rounded-card p-5', look)}>
      <div className="flex items-center gap-3">
        <Icon
          size={24}
          aria-hidden
          className={classes('shrink-0', verdict === 'checking' && 'animate-spin')}
        />
        <h2 className="font-semibold text-lg leading-snug">{texts.overview.verdict[verdict]}</h2>
      </div>
      {verdict === 'ok' && <p className="mt-1 pl-9 text-sm">{texts.overview.okLead}</p>}
      {data && data.reasons.length > 0 && (
        <ul className="mt-4 flex flex-col gap-3">
          {data.reasons.map((reason) => (
            <Reason key={reason.code + reason.message} reason={reason} />
          ))}
        </ul>
      )}
    </section>
  )
}

function Reason({ reason: { message, nextAction, command, severity } }: { reason: HealthReason }) {
  return (
    <li className="rounded-xl bg-surface px-4 py-3 text-ink text-sm">
      <p className={classes('font-medium', severity === 'failing' && 'text-bad')}>{message}</p>
      <p className="mt-0.5 text-muted">{nextAction}</p>
      {command && (
        <div className="mt-1 flex flex-wrap items-center gap-x-2 text-muted text-xs">
          {texts.overview.onTheCommandLine}
          <Id value={command} />
        </div>
      )}
    </li>
  )
}
