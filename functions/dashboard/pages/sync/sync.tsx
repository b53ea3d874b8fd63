import { RefreshCw } from 'lucide-react'
import { useState } from 'react'
import { useCall } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Boundary } from '../../ui/boundary.tsx'
import { Page } from '../../ui/page.tsx'
import { History } from './history.tsx'
import { Latest } from './latest.tsx'
import { Maintenance } from './maintenance.tsx'
import { Recovery } from './recovery.tsx'
import { StartSync } from './start-sync.tsx'

const RUNNING_POLL_MS = 2000
const IDLE_POLL_MS = 20_000

export function Sync() {
  const params = useParamsOfEnvironment()
  const [isOpen, setOpen] = useState(false)
  const query = useCall(
    'listSyncRuns',
    { params, query: { limit: '1' } },
    {
      refetchInterval: ({ state }) =>
        state.data?.syncRuns?.[0]?.status === 'running' ? RUNNING_POLL_MS : IDLE_POLL_MS,
    },
  )
  const latest = query.data?.syncRuns?.[0]
  return (
    <Page
      title={texts.sync.title}
      description={texts.sync.lead}
      actions={
        <ChangeButton
          look="primary"
          icon={RefreshCw}
          disabled={latest?.status === 'running'}
          onClick={() => setOpen(true)}
        >
          {texts.sync.start}
        </ChangeButton>
      }
    >
      <Boundary>{latest && <Latest run={latest} />}</Boundary>
      <Boundary>
        <Recovery />
      </Boundary>
      <Boundary>
        <History latest={latest} />
      </Boundary>
      <Maintenance />
      {isOpen && <StartSync onClose={() => setOpen(false)} />}
    </Page>
  )
}
