import { Toast as Parts } from 'radix-ui'
import { createContext, type ReactNode, useCallback, useContext, useState } from 'react'
import { texts } from '../texts.ts'

type Toast = { id: number; text: string }

const SayContext = createContext<(text: string) => void>(() => {})

/** Says that something was done, for a moment. */
export const useSay = () => useContext(SayContext)

let lastId = 0

export function Toasts({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([])
  const say = useCallback((text: string) => {
    lastId += 1
    const id = lastId
    setToasts((shown) => [...shown.slice(-2), { id, text }])
  }, [])
  return (
    <SayContext value={say}>
      <Parts.Provider label={texts.common.notification} swipeDirection="right" duration={5000}>
        {children}
        {toasts.map(({ id, text }) => (
          <Parts.Root
            key={id}
            onOpenChange={(open) => !open && setToasts((shown) => shown.filter((toast) => toast.id !== id))}
            className="rounded-xl bg-ink px-4 py-3 text-canvas text-sm shadow-float"
          >
            <Parts.Title>{text}</Parts.Title>
          </Parts.Root>
        ))}
        <Parts.Viewport className="fixed right-4 bottom-4 z-50 m-0 flex w-80 max-w-[calc(100vw-2rem)] list-none flex-col gap-2 p-0 outline-none" />
      </Parts.Provider>
    </SayContext>
  )
}
