import { Tooltip as Parts } from 'radix-ui'
import type { ReactElement, ReactNode } from 'react'

export const TooltipProvider = ({ children }: { children: ReactNode }) => (
  <Parts.Provider delayDuration={250}>{children}</Parts.Provider>
)

/** Shows a text above what it is about, on hover and on focus. */
export function Tooltip({
  text,
  startsOpen = false,
  children,
}: {
  text: ReactNode
  startsOpen?: boolean
  children: ReactElement
}) {
  return (
    <Parts.Root defaultOpen={startsOpen}>
      <Parts.Trigger asChild>{children}</Parts.Trigger>
      <Parts.Portal>
        <Parts.Content
          sideOffset={6}
          collisionPadding={8}
          className="z-50 max-w-72 rounded-lg bg-ink px-2.5 py-1.5 text-canvas text-xs leading-snug shadow-float"
        >
          {text}
        </Parts.Content>
      </Parts.Portal>
    </Parts.Root>
  )
}
