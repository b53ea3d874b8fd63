import { formatLong, formatRelative, formatShort, formatUtc } from '../format/time.ts'
import { Tooltip } from './tooltip.tsx'

type TimeProps = { at: string | null | undefined; as?: 'short' | 'long' | 'relative' }

/** An instant in the viewer's zone; its UTC is shown on hover and on focus. */
export function Time({ at, as = 'short' }: TimeProps) {
  if (typeof at !== 'string') return <span className="text-muted">–</span>
  const format = as === 'long' ? formatLong : as === 'relative' ? formatRelative : formatShort
  return (
    <Tooltip text={as === 'relative' ? `${formatLong(at)} · ${formatUtc(at)}` : formatUtc(at)}>
      <time dateTime={at} className="tabular whitespace-nowrap">
        {format(at)}
      </time>
    </Tooltip>
  )
}
