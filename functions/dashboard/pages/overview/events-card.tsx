import { formatCount } from '../../format/number.ts'
import { formatDuration } from '../../format/time.ts'
import { useEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Figure, Figures } from '../../ui/figures.tsx'
import { AppLink } from '../../ui/link.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Skeleton } from '../../ui/skeleton.tsx'
import { Time } from '../../ui/time.tsx'
import { useHealth } from './use-health.ts'

/** Whether events arrive, how late, and what failed. */
export function EventsCard() {
  const environment = useEnvironment()
  const { data, error } = useHealth()
  const events = data?.events
  return (
    <Card
      title={texts.overview.events}
      actions={<AppLink to={`/${environment}/events`}>{texts.overview.allEvents}</AppLink>}
    >
      {error && !data ? (
        <ErrorNote error={error} />
      ) : !events ? (
        <Skeleton />
      ) : (
        <Figures>
          <Figure name={texts.overview.lastEvent}>
            {events.lastReceivedAt ? <Time at={events.lastReceivedAt} as="relative" /> : texts.overview.never}
          </Figure>
          <Figure name={texts.overview.lastHour}>{formatCount(events.lastHour)}</Figure>
          <Figure name={texts.overview.medianLag}>{formatDuration(events.medianLag)}</Figure>
          <Figure name={texts.overview.greatestLag}>{formatDuration(events.greatestLag)}</Figure>
          <Figure name={texts.overview.backlog}>{formatCount(events.backlog)}</Figure>
          <Figure name={texts.overview.deadLettered}>{formatCount(events.deadLettered)}</Figure>
        </Figures>
      )}
    </Card>
  )
}
