import type { EnvironmentOverview } from '../../../../types/api.ts'
import { formatCount } from '../../format/number.ts'
import { useEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Figure, Figures } from '../../ui/figures.tsx'
import { AppLink } from '../../ui/link.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Skeleton } from '../../ui/skeleton.tsx'

export function FailedPayments({
  overview: data,
  error,
}: {
  overview: EnvironmentOverview | undefined
  error: Error | null
}) {
  const environment = useEnvironment()
  const shown = (count: number) => {
    const text = formatCount(count)
    return data?.failedPayments.isExact === false ? texts.common.about(text) : text
  }
  return (
    <Card
      title={texts.overview.failedPayments}
      actions={
        <AppLink to={`/${environment}/payments`} search={{ status: 'failed' }}>
          {texts.overview.showFailed}
        </AppLink>
      }
    >
      {error && !data ? (
        <ErrorNote error={error} />
      ) : !data ? (
        <Skeleton />
      ) : (
        <Figures>
          <Figure name={texts.overview.lastDay}>{shown(data.failedPayments.lastDay)}</Figure>
          <Figure name={texts.overview.lastWeek}>{shown(data.failedPayments.lastWeek)}</Figure>
          <Figure name={texts.overview.lastMonth}>{shown(data.failedPayments.lastMonth)}</Figure>
        </Figures>
      )}
    </Card>
  )
}
