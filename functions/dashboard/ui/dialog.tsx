import { X } from 'lucide-react'
import { type ReactNode, useEffect, useId, useRef } from 'react'
import { texts } from '../texts.ts'
import { classes } from './classes.ts'

type DialogProps = {
  title: string
  onClose: () => void
  children: ReactNode
  /** On the right side over the whole height, for navigation. */
  side?: boolean
}

/**
 * The platform's own modal dialog: it holds the focus, makes the page behind it inert and closes on Escape. Mounting
 * opens it.
 */
export function Dialog({ title, onClose, children, side = false }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    return () => dialog?.close()
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it as well
    <dialog
      ref={ref}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => event.target === ref.current && onClose()}
      className={classes(
        'border border-line bg-surface p-0 shadow-float',
        side
          ? 'm-0 h-dvh max-h-none w-72 max-w-[85vw] rounded-r-2xl'
          : 'm-auto w-[34rem] max-w-[calc(100vw-1.5rem)] rounded-2xl',
      )}
    >
      <div className="flex max-h-[inherit] flex-col">
        <div className="flex items-start justify-between gap-4 px-5 pt-4">
          <h2 id={id} className="font-semibold text-lg leading-7">
            {title}
          </h2>
          <button
            type="button"
            onClick={onClose}
            aria-label={texts.common.close}
            className="-mr-2 inline-flex size-8 items-center justify-center rounded-lg text-muted hover:bg-sunken hover:text-ink"
          >
            <X size={18} aria-hidden />
          </button>
        </div>
        <div className="px-5 pt-3 pb-5">{children}</div>
      </div>
    </dialog>
  )
}

/** The buttons at the end of a dialog. */
export const DialogActions = ({ children }: { children: ReactNode }) => (
  <div className="mt-5 flex flex-wrap justify-end gap-2">{children}</div>
)
