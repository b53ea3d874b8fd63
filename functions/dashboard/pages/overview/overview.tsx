import { useCall } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Boundary } from '../../ui/boundary.tsx'
import { Page } from '../../ui/page.tsx'
import { Counts } from './counts.tsx'
import { EventsCard } from './events-card.tsx'
import { FailedPayments } from './failed-payments.tsx'
import { Recurring } from './recurring.tsx'
import { Revenue } from './revenue.tsx'
import { Setup } from './setup.tsx'
import { Verdict } from './verdict.tsx'

const REFRESH_MS = 30_000

export function Overview() {
  const params = useParamsOfEnvironment()
  const { data, error } = useCall('getOverview', { params }, { refetchInterval: REFRESH_MS })
  const overview = data?.overview
  return (
    <Page title={texts.overview.title}>
      <Boundary>
        <Verdict />
      </Boundary>
      <Boundary>
        <Setup overview={overview} />
      </Boundary>
      <Boundary>
        <Revenue />
      </Boundary>
      <div className="grid gap-5 md:grid-cols-2 2xl:grid-cols-4">
        <Boundary>
          <Recurring />
        </Boundary>
        <Boundary>
          <FailedPayments overview={overview} error={error} />
        </Boundary>
        <Boundary>
          <EventsCard />
        </Boundary>
        <Boundary>
          <Counts overview={overview} error={error} />
        </Boundary>
      </div>
    </Page>
  )
}
