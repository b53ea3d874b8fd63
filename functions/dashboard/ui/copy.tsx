import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { texts } from '../texts.ts'
import { classes } from './classes.ts'

const SHOWN_FOR_MS = 1500

/** Whether something was just copied, and what copies it. */
export function useCopy(): [boolean, (text: string) => void] {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), SHOWN_FOR_MS)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = (text: string) =>
    void navigator.clipboard?.writeText(text).then(
      () => setCopied(true),
      () => {},
    )
  return [copied, copy]
}

/** An id that a click copies. */
export function Id({ value, className }: { value: string | null | undefined; className?: string }) {
  const [copied, copy] = useCopy()
  if (typeof value !== 'string' || value === '') return <span className="text-muted">–</span>
  const Icon = copied ? Check : Copy
  return (
    <span className={classes('group inline-flex max-w-full items-center gap-1', className)}>
      <code className="truncate font-mono text-[0.8125rem]">{value}</code>
      <button
        type="button"
        aria-label={copied ? texts.common.copied : texts.common.copy(value)}
        onClick={() => copy(value)}
        className="relative z-10 inline-flex size-6 shrink-0 items-center justify-center rounded text-muted hover:bg-sunken hover:text-ink"
      >
        <Icon size={13} aria-hidden />
      </button>
    </span>
  )
}
