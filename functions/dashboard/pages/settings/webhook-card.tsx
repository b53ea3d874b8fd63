import { useState } from 'react'
import type { StripeConnection } from '../../../../types/api.ts'
import { useCall, useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { ErrorNote, Note } from '../../ui/note.tsx'
import { Time } from '../../ui/time.tsx'
import { Sentences } from './sentences.tsx'

const t = texts.settings

/** Where Stripe delivers, how that differs from how it was set up, and what mends it. */
export function WebhookCard({ connection }: { connection: StripeConnection | undefined }) {
  const params = useParamsOfEnvironment()
  const ask = useConfirm()
  const [warnings, setWarnings] = useState<string[]>([])
  const setUp = useChange('configureStripeWebhook', {
    done: ({ action }) => t.webhookDone[action] ?? action,
    onDone: (answer) => setWarnings(answer.warnings),
  })
  const takeOver = async () => {
    if (await ask({ title: t.takeOverTitle, body: t.takeOverBody, action: t.takeOver }))
      setUp.mutate({ params, body: { takeOver: true } })
  }
  const isSetUp = Boolean(connection?.webhookEndpointId)
  return (
    <Card
      title={t.webhook}
      description={t.webhookLead}
      actions={
        <>
          <ChangeButton
            look={isSetUp ? 'secondary' : 'primary'}
            busy={setUp.isPending}
            onClick={() => setUp.mutate({ params, body: {} })}
          >
            {isSetUp ? t.webhookCheck : t.webhookSetUp}
          </ChangeButton>
          <ChangeButton busy={setUp.isPending} onClick={() => void takeOver()}>
            {t.takeOver}
          </ChangeButton>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <Endpoint connection={connection} />
        {setUp.error && <ErrorNote error={setUp.error} />}
        {warnings.length > 0 && (
          <Note tone="warn" title={t.warnings}>
            <Sentences sentences={warnings} />
          </Note>
        )}
      </div>
    </Card>
  )
}

function Endpoint({ connection }: { connection: StripeConnection | undefined }) {
  const health = useCall('getStripeHealth', { params: useParamsOfEnvironment() }, { staleTime: 60_000 })
  const endpoint = health.data?.endpoint
  const drift = connection?.webhookDrift
  return (
    <>
      {connection?.webhookEndpointId || endpoint?.expectedUrl ? (
        <Facts>
          <Fact name={t.webhookUrl}>
            <span className="break-all">{connection?.webhookEndpointUrl ?? t.webhookNone}</span>
          </Fact>
          <Fact name={t.webhookExpected}>
            <span className="break-all">{endpoint?.expectedUrl}</span>
          </Fact>
          <Fact name={t.webhookId}>
            <Id value={connection?.webhookEndpointId} />
          </Fact>
          <Fact name={t.webhookConfigured}>
            <Time at={connection?.webhookConfiguredAt} as="long" />
          </Fact>
          <Fact name={t.webhookSecret}>{endpoint && (endpoint.hasSigningSecret ? t.isSet : t.isNotSet)}</Fact>
        </Facts>
      ) : (
        <p className="text-muted text-sm">{t.webhookNone}</p>
      )}
      {health.data && endpoint?.expectedUrl === null && <Note tone="warn">{t.noPublicUrl}</Note>}
      {drift && drift.length > 0 && (
        <Note tone="warn" title={t.drift}>
          <Sentences sentences={drift.map(({ message }) => message)} />
        </Note>
      )}
      {drift && drift.length === 0 && connection?.webhookEndpointId && <Note tone="good">{t.noDrift}</Note>}
    </>
  )
}
