import { useEffect, useState } from 'react'
import { formatLong, formatRelative, formatShort, formatUtc } from '../format/time.ts'
import { Tooltip } from './tooltip.tsx'

type TimeProps = { at: string | null | undefined; as?: 'short' | 'long' | 'relative' }

const HOVER_MS = 250

/** An instant in the viewer's zone; its UTC is shown on hover. */
export function Time({ at, as = 'short' }: TimeProps) {
  const [isHovered, setHovered] = useState(false)
  const [isWanted, setWanted] = useState(false)
  useEffect(() => {
    if (!isHovered) return
    const timer = setTimeout(() => setWanted(true), HOVER_MS)
    return () => clearTimeout(timer)
  }, [isHovered])
  if (typeof at !== 'string') return <span className="text-muted">–</span>
  const format = as === 'long' ? formatLong : as === 'relative' ? formatRelative : formatShort
  const time = (
    <time
      dateTime={at}
      className="tabular whitespace-nowrap"
      onPointerEnter={() => setHovered(true)}
      onPointerLeave={() => setHovered(false)}
    >
      {format(at)}
    </time>
  )
  // A list shows many instants, and a tooltip costs more than all else in its cell: it is made once it is wanted.
  if (!isWanted) return time
  return (
    <Tooltip text={as === 'relative' ? `${formatLong(at)} · ${formatUtc(at)}` : formatUtc(at)} startsOpen>
      {time}
    </Tooltip>
  )
}
