import { type ReactNode, useId } from 'react'
import { classes } from './classes.ts'

type CardProps = {
  title?: string
  description?: ReactNode
  actions?: ReactNode
  children: ReactNode
  /** Without space around what is inside, for tables. */
  flush?: boolean
  className?: string
}

export function Card({ title, description, actions, children, flush = false, className }: CardProps) {
  const id = useId()
  return (
    <section
      aria-labelledby={title ? id : undefined}
      className={classes('min-w-0 rounded-card border border-line bg-surface shadow-card', className)}
    >
      {(title || actions) && (
        <div
          className={classes(
            'flex flex-wrap items-start justify-between gap-x-4 gap-y-2 px-5 pt-4',
            flush && 'pb-3',
          )}
        >
          <div className="min-w-0">
            {title && (
              <h2 id={id} className="font-semibold text-base leading-6">
                {title}
              </h2>
            )}
            {description && <p className="mt-0.5 text-muted text-sm">{description}</p>}
          </div>
          {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
        </div>
      )}
      <div className={flush ? undefined : title || actions ? 'px-5 pt-3 pb-5' : 'p-5'}>{children}</div>
    </section>
  )
}
