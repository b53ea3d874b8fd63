import { useEnvironment } from '../shell/environment.ts'
import { classes } from './classes.ts'
import { AppLink } from './link.tsx'

type Tab = { id: string; to: string; name: string }

/** Lists that belong together; each has its own address. */
export function Tabs({ label, tabs, shown }: { label: string; tabs: readonly Tab[]; shown: string }) {
  const environment = useEnvironment()
  return (
    <nav aria-label={label} className="flex gap-1 border-line border-b">
      {tabs.map(({ id, to, name }) => (
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
