import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { classes } from './classes.ts'

type AppLinkProps = {
  to: string
  search?: Record<string, string | undefined>
  children: ReactNode
  className?: string
  'aria-label'?: string
}

/** A link within the dashboard. */
export function AppLink({ to, search, children, className, ...rest }: AppLinkProps) {
  return (
    <Link
      to={to}
      search={search ?? {}}
      {...rest}
      className={classes(
        className ??
          'font-medium text-accent-strong underline decoration-line underline-offset-3 hover:decoration-current',
      )}
    >
      {children}
    </Link>
  )
}

/** A link to Stripe's own dashboard. Only addresses of Stripe become links. */
export function StripeLink({ href, children }: { href: string | null | undefined; children: ReactNode }) {
  if (typeof href !== 'string' || !href.startsWith('https://dashboard.stripe.com/')) return null
  return (
    <a
      href={href}
      target="_blank"
      rel="noreferrer"
      className="font-medium text-accent-strong text-sm underline decoration-line underline-offset-3 hover:decoration-current"
    >
      {children}
    </a>
  )
}
