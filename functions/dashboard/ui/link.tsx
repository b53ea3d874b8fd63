import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { classes } from './classes.ts'

type AppLinkProps = {
  to: string
  search?: Record<string, string | undefined>
  children: ReactNode
  className?: string
  'aria-label'?: string
  'aria-current'?: 'page' | 'true' | undefined
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

const isStripes = ({ protocol, hostname }: URL) =>
  protocol === 'https:' && (hostname === 'stripe.com' || hostname.endsWith('.stripe.com'))
/** Local Stripe serves its documents on this machine. */
const isLocal = ({ protocol, hostname }: URL) =>
  protocol === 'http:' && (hostname === '127.0.0.1' || hostname === 'localhost')

/** A link to a document that Stripe hosts: an invoice, a receipt. An address of anybody else is text. */
export function DocumentLink({ href, children }: { href: string | null | undefined; children: ReactNode }) {
  if (typeof href !== 'string') return null
  const address = URL.canParse(href) ? new URL(href) : null
  if (address === null || !(isStripes(address) || isLocal(address)))
    return <span className="break-all">{href}</span>
  return (
    <a
      href={address.href}
      target="_blank"
      rel="noreferrer"
      className="font-medium text-accent-strong text-sm underline decoration-line underline-offset-3 hover:decoration-current"
    >
      {children}
    </a>
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
