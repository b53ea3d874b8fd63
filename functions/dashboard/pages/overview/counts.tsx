import type { EnvironmentOverview } from '../../../../types/api.ts'
import { formatCount } from '../../format/number.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Figure, Figures } from '../../ui/figures.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Skeleton } from '../../ui/skeleton.tsx'

/** The counts in the order of the texts; those that a later version adds come last. */
function shownCounts({ counts }: EnvironmentOverview) {
  const order = Object.keys(texts.overview.counts)
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length)
  return Object.entries(counts).sort(([one], [other]) => place(one) - place(other))
}

export function Counts({
  overview: data,
  error,
}: {
  overview: EnvironmentOverview | undefined
  error: Error | null
}) {
  return (
    <Card title={texts.overview.rows}>
      {error && !data ? (
        <ErrorNote error={error} />
      ) : !data ? (
        <Skeleton />
      ) : (
        <Figures>
          {shownCounts(data).map(([name, { count, isExact }]) => (
            <Figure key={name} name={texts.overview.counts[name] ?? name}>
              {isExact ? formatCount(count) : texts.common.about(formatCount(count))}
            </Figure>
          ))}
        </Figures>
      )}
    </Card>
  )
}
