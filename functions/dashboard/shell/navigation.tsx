import { useLocation } from '@tanstack/react-router'
import { texts } from '../texts.ts'
import { AppLink } from '../ui/link.tsx'
import { useEnvironment } from './environment.ts'
import { PAGES } from './pages.ts'

const LINK =
  'flex min-h-9 items-center gap-3 rounded-lg px-3 text-sm text-muted no-underline hover:bg-sunken hover:text-ink ' +
  'aria-[current=page]:bg-accent-soft aria-[current=page]:font-semibold aria-[current=page]:text-accent-strong'

/** Links to all pages of the environment. */
export function Navigation() {
  const environment = useEnvironment()
  const { pathname } = useLocation()
  return (
    <nav aria-label={texts.shell.navigation}>
      <ul className="flex flex-col gap-0.5">
        {PAGES.map(({ id, icon: Icon, also }) => (
          <li key={id}>
            <AppLink
              to={`/${environment}/${id}`}
              className={LINK}
              aria-current={also && pathname.startsWith(`/${environment}/${also}`) ? 'page' : undefined}
            >
              <Icon size={17} aria-hidden className="shrink-0" />
              {texts.pages[id]}
            </AppLink>
          </li>
        ))}
      </ul>
    </nav>
  )
}
