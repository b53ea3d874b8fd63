import { useCall } from '../../hooks/use-call.ts'
import { useEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { Boundary } from '../../ui/boundary.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Loaded } from '../../ui/object-page.tsx'
import { Page } from '../../ui/page.tsx'
import { Access } from './access.tsx'
import { Encryption } from './encryption.tsx'
import { KeyCard } from './key-card.tsx'
import { Roles } from './roles.tsx'
import { Versions } from './versions.tsx'
import { WebhookCard } from './webhook-card.tsx'

const t = texts.settings

export function Settings() {
  const environment = useEnvironment()
  const status = useCall('getStripeStatus', {})
  const settings = useCall('getSettings', {})
  const connection = status.data?.connections?.find((found) => found.environment === environment)
  return (
    <Page
      title={t.title}
      description={t.lead}
      aside={<Badge tone="accent">{texts.shell[environment]}</Badge>}
    >
      {status.error && !status.data && (
        <ErrorNote error={status.error} onRetry={() => void status.refetch()} />
      )}
      <Boundary resetKey={environment}>
        <KeyCard key={`${environment} key`} connection={connection} />
      </Boundary>
      <Boundary resetKey={environment}>
        <WebhookCard key={`${environment} webhook`} connection={connection} />
      </Boundary>
      <Loaded query={settings}>
        {(data) => (
          <>
            <Encryption encryption={data.encryption} />
            <Access access={data.access} />
            <Roles database={data.database} />
            <Versions settings={data} />
          </>
        )}
      </Loaded>
    </Page>
  )
}
