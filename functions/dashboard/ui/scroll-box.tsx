import type { ReactNode } from 'react'

/** A part of the page that scrolls by itself; the keyboard can reach it. */
export const ScrollBox = ({
  label,
  className,
  children,
}: {
  label: string
  className: string
  children: ReactNode
}) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by the keyboard
  <section aria-label={label} tabIndex={0} className={className}>
    {children}
  </section>
)
