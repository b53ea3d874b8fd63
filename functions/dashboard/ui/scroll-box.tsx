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
  // biome-ignore lint/a11y/useSemanticElements: it is no set of fields, and the card around it is the landmark
  // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by the keyboard
  <div role="group" aria-label={label} tabIndex={0} className={className}>
    {children}
  </div>
)
