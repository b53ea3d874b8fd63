import type { ReactNode } from 'react'

/** Names and values, in as many columns as there is room for. */
export const Facts = ({ children }: { children: ReactNode }) => (
  <dl className="grid gap-x-8 gap-y-3.5 sm:grid-cols-2 xl:grid-cols-3">{children}</dl>
)

export const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div className="min-w-0">
    <dt className="text-muted text-xs">{name}</dt>
    <dd className="mt-0.5 min-w-0 break-words text-sm">
      {children ?? <span className="text-muted">–</span>}
    </dd>
  </div>
)
