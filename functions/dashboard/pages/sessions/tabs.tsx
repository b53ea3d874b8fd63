import { useEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { classes } from '../../ui/classes.ts'
import { AppLink } from '../../ui/link.tsx'

const t = texts.sessions
const TABS = [
  { id: 'checkout', to: 'sessions', name: t.checkout },
  { id: 'portal', to: 'sessions/portal', name: t.portal },
] as const

/** The two kinds of sessions; each has its own address. */
export function SessionTabs({ shown }: { shown: 'checkout' | 'portal' }) {
  const environment = useEnvironment()
  return (
    <nav aria-label={t.title} className="flex gap-1 border-line border-b">
      {TABS.map(({ id, to, name }) => (
        <AppLink
          key={id}
          to={`/${environment}/${to}`}
          aria-current={id === shown ? 'page' : undefined}
          className={classes(
            '-mb-px inline-flex min-h-10 items-center border-b-2 px-3 font-medium text-sm no-underline',
            id === shown ? 'border-accent text-ink' : 'border-transparent text-muted hover:text-ink',
          )}
        >
          {name}
        </AppLink>
      ))}
    </nav>
  )
}
