import { useLocation } from '@tanstack/react-router'
import { texts } from '../texts.ts'
import { classes } from '../ui/classes.ts'
import { AppLink } from '../ui/link.tsx'
import { Tooltip } from '../ui/tooltip.tsx'
import { useEnvironment } from './environment.ts'

/** Leads to the same page of the other environment. Which one is shown is always visible, in words and in colour. */
export function EnvironmentSwitch() {
  const environment = useEnvironment()
  const { pathname } = useLocation()
  const page = pathname.split('/').filter(Boolean)[1] ?? 'overview'
  return (
    <Tooltip text={environment === 'live' ? texts.shell.isLive : texts.shell.isTest}>
      {/* biome-ignore lint/a11y/useSemanticElements: two links are no set of fields */}
      <div
        role="group"
        aria-label={texts.shell.environment}
        className="flex rounded-lg border border-edge bg-surface p-0.5"
      >
        {(['test', 'live'] as const).map((name) => (
          <AppLink
            key={name}
            to={`/${name}/${page}`}
            aria-current={name === environment ? 'true' : undefined}
            className={classes(
              'inline-flex min-h-7.5 items-center rounded-md px-3 font-medium text-sm no-underline',
              name === environment ? 'bg-accent text-on-accent' : 'text-muted hover:text-ink',
            )}
          >
            {texts.shell[name]}
          </AppLink>
        ))}
      </div>
    </Tooltip>
  )
}
