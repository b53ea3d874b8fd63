import type { ReactNode } from 'react'

/** Names and numbers, one below the other. */
export const Figures = ({ children }: { children: ReactNode }) => (
  <dl className="flex flex-col gap-2">{children}</dl>
)

export const Figure = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="flex items-baseline justify-between gap-4 text-sm">
    <dt className="text-muted">{name}</dt>
    <dd className="tabular text-right font-medium">{children}</dd>
  </div>
)
