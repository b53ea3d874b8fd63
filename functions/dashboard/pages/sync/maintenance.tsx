import { useState } from 'react'
import { useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { TextField } from '../../ui/field.tsx'
import { ErrorNote } from '../../ui/note.tsx'

const t = texts.sync

/** Work on the stored rows and events that is seldom needed. */
export const Maintenance = () => (
  <Card title={t.maintain}>
    <div className="grid gap-6 md:grid-cols-2">
      <Rebuild />
      <Prune />
    </div>
  </Card>
)

function Rebuild() {
  const params = useParamsOfEnvironment()
  const ask = useConfirm()
  const rebuild = useChange('rebuildProjections', { done: ({ events }) => t.rebuilt(events) })
  const onRebuild = async () => {
    if (await ask({ title: t.rebuild, body: t.rebuildBody, action: t.rebuild })) rebuild.mutate({ params })
  }
  return (
    <div className="flex flex-col items-start gap-3">
      <div>
        <h3 className="font-medium text-sm">{t.rebuild}</h3>
        <p className="text-muted text-sm">{t.rebuildBody}</p>
      </div>
      {rebuild.error && <ErrorNote error={rebuild.error} />}
      <ChangeButton busy={rebuild.isPending} onClick={() => void onRebuild()}>
        {t.rebuild}
      </ChangeButton>
    </div>
  )
}

function Prune() {
  const params = useParamsOfEnvironment()
  const ask = useConfirm()
  const [days, setDays] = useState('90')
  const prune = useChange('pruneWebhookEvents', {
    done: ({ pruned, deletedCheckoutSessions }) => t.pruned(pruned, deletedCheckoutSessions),
  })
  const onPrune = async () => {
    if (await ask({ title: t.prune, body: t.pruneBody(days), action: t.prune }))
      prune.mutate({ params, body: { olderThanDays: Number(days) } })
  }
  return (
    <div className="flex flex-col items-start gap-3">
      <div>
        <h3 className="font-medium text-sm">{t.prune}</h3>
        <p className="text-muted text-sm">{t.pruneLead}</p>
      </div>
      {prune.error && <ErrorNote error={prune.error} />}
      <div className="flex items-end gap-3">
        <div className="w-36">
          <TextField
            label={t.pruneDays}
            type="number"
            min={1}
            value={days}
            onChange={({ target }) => setDays(target.value)}
          />
        </div>
        <ChangeButton busy={prune.isPending} disabled={!(Number(days) >= 1)} onClick={() => void onPrune()}>
          {t.prune}
        </ChangeButton>
      </div>
    </div>
  )
}
