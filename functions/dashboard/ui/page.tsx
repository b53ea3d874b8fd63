import { ChevronLeft } from 'lucide-react'
import { type ReactNode, useEffect } from 'react'
import { texts } from '../texts.ts'

type PageProps = {
  title: string
  /** Where the page belongs, as a link before the title. */
  parent?: ReactNode
  description?: ReactNode
  /** Shown beside the title. */
  aside?: ReactNode
  actions?: ReactNode
  children: ReactNode
}

/** The frame of a page: its title for people and for the tab, what can be done, and the content. */
export function Page({ title, parent, description, aside, actions, children }: PageProps) {
  useEffect(() => {
    document.title = texts.common.tabTitle(title)
  }, [title])
  return (
    <div className="flex flex-col gap-5">
      <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          {parent && (
            <div className="mb-1 flex items-center text-muted text-sm">
              <ChevronLeft size={15} aria-hidden className="-ml-1" />
              {parent}
            </div>
          )}
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <h1 className="min-w-0 break-words font-semibold text-2xl leading-tight tracking-tight">
              {title}
            </h1>
            {aside}
          </div>
          {description && <p className="mt-1 max-w-[72ch] text-muted text-sm">{description}</p>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-x-3 gap-y-2">{actions}</div>}
      </div>
      {children}
    </div>
  )
}
