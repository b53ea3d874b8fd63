import { CircleAlert, CircleCheck, Info, TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { isFailure } from '../api/failure.ts'
import { texts } from '../texts.ts'
import { Button } from './button.tsx'
import { classes } from './classes.ts'

type NoteTone = 'info' | 'good' | 'warn' | 'bad'

const LOOKS = {
  info: { icon: Info, look: 'bg-accent-soft text-accent-strong' },
  good: { icon: CircleCheck, look: 'bg-good-soft text-good' },
  warn: { icon: TriangleAlert, look: 'bg-warn-soft text-warn' },
  bad: { icon: CircleAlert, look: 'bg-bad-soft text-bad' },
}

type NoteProps = {
  tone?: NoteTone
  title?: string
  children?: ReactNode
  action?: ReactNode
  alert?: boolean
}

export function Note({ tone = 'info', title, children, action, alert = false }: NoteProps) {
  const { icon: Icon, look } = LOOKS[tone]
  return (
    <div
      role={alert ? 'alert' : undefined}
      className={classes('flex gap-3 rounded-xl px-4 py-3 text-sm', look)}
    >
      <Icon size={18} aria-hidden className="mt-px shrink-0" />
      <div className="min-w-0 flex-1 break-words">
        {title && <p className="font-semibold">{title}</p>}
        {children && <div>{children}</div>}
        {action && <div className="mt-2.5">{action}</div>}
      </div>
    </div>
  )
}

/** An error as the API says it, with its next step. */
export function ErrorNote({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const message = error instanceof Error ? error.message : String(error)
  return (
    <Note
      tone="bad"
      alert
      action={
        onRetry && (
          <Button small onClick={onRetry}>
            {texts.common.tryAgain}
          </Button>
        )
      }
    >
      <p>{message}</p>
      {isFailure(error) && error.nextActions && <p className="mt-1">{error.nextActions}</p>}
    </Note>
  )
}
