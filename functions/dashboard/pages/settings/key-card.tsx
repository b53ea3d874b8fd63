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
import { Status } from '../../ui/status.tsx'
import { KeyDialog } from './key-dialog.tsx'
import { Sentences } from './sentences.tsx'

const t = texts.settings

/** The Stripe key of the environment and the account that it belongs to. */
export function KeyCard({ connection }: { connection: StripeConnection | undefined }) {
  const params = useParamsOfEnvironment()
  const ask = useConfirm()
  const [isOpen, setOpen] = useState(false)
  const [warnings, setWarnings] = useState<string[]>([])
  const remove = useChange('deleteStripeConfig', {
    done: t.keyRemoved,
    onDone: ({ remained }) => setWarnings(remained),
  })
  const onRemove = async () => {
    if (await ask({ title: t.removeKeyTitle, body: t.removeKeyBody, action: t.removeKey }))
      remove.mutate({ params })
  }
  const hasKey = Boolean(connection?.maskedKey)
  const health = useCall('getStripeHealth', { params }, { staleTime: 60_000 })
  return (
    <Card
      title={t.key}
      description={t.keyLead}
      actions={
        <>
          <ChangeButton look={hasKey ? 'secondary' : 'primary'} onClick={() => setOpen(true)}>
            {hasKey ? t.replaceKey : t.setKey}
          </ChangeButton>
          {hasKey && (
            <ChangeButton busy={remove.isPending} onClick={() => void onRemove()}>
              {t.removeKey}
            </ChangeButton>
          )}
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {hasKey ? <Connection connection={connection} /> : <p className="text-muted text-sm">{t.keyNone}</p>}
        {health.data?.key?.source === 'environment' && <Note>{t.keyFromEnvironment}</Note>}
        {remove.error && <ErrorNote error={remove.error} />}
        {warnings.length > 0 && (
          <Note tone="warn" title={t.warnings}>
            <Sentences sentences={warnings} />
          </Note>
        )}
      </div>
      {isOpen && <KeyDialog hasKey={hasKey} onClose={() => setOpen(false)} onWarnings={setWarnings} />}
    </Card>
  )
}

const Connection = ({ connection }: { connection: StripeConnection | undefined }) => (
  <Facts>
    <Fact name={t.keyStored}>
      <code className="font-mono text-[0.8125rem]">{connection?.maskedKey}</code>
    </Fact>
    <Fact name={texts.events.status}>
      <Status value={connection?.status} />
    </Fact>
    <Fact name={t.account}>
      <Id value={connection?.accountId} />
    </Fact>
    <Fact name={t.accountEmail}>{connection?.accountEmail}</Fact>
  </Facts>
)
