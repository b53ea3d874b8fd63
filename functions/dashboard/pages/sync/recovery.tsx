import { type FormEvent, useState } from 'react'
import type { RecoveryResult } from '../../../../types/api.ts'
import { startOfDay } from '../../format/time.ts'
import { useCall, useChange } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { TextField } from '../../ui/field.tsx'
import { ErrorNote, Note } from '../../ui/note.tsx'
import { Loaded } from '../../ui/object-page.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.sync

/** Fetches events that never arrived, and shows what Stripe no longer has. */
export function Recovery() {
  const params = useParamsOfEnvironment()
  const [since, setSince] = useState('')
  const query = useCall('getRecoveryState', { params })
  const recover = useChange('recoverWebhookEvents')
  const result = recover.data?.recovery
  const gap = result ? result.gap : query.data?.gap
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!recover.isPending) recover.mutate({ params, body: { since: startOfDay(since) } })
  }
  return (
    <Card title={t.recover} description={t.recoverLead}>
      <div className="flex flex-col gap-4">
        <Loaded query={query}>
          {({ eventsCompleteFrom, eventsCompleteUntil, nextFrom }) => (
            <Facts>
              <Fact name={t.completeFrom}>
                {eventsCompleteFrom && eventsCompleteUntil ? (
                  <>
                    <Time at={eventsCompleteFrom} as="long" /> {t.completeUntil}{' '}
                    <Time at={eventsCompleteUntil} as="long" />
                  </>
                ) : (
                  t.completeUnknown
                )}
              </Fact>
              <Fact name={t.nextFrom}>
                <Time at={nextFrom} as="long" />
              </Fact>
            </Facts>
          )}
        </Loaded>
        {gap && (
          <Note tone="warn" title={t.gap}>
            {gap.message}
            {result?.gap && <CloseGap gap={result.gap} />}
          </Note>
        )}
        {result && <Result result={result} />}
        {recover.error && <ErrorNote error={recover.error} />}
        <form onSubmit={submit} className="flex flex-wrap items-start gap-3">
          <div className="w-64">
            <TextField
              label={t.recoverSince}
              hint={t.recoverSinceHint}
              type="date"
              value={since}
              onChange={({ target }) => setSince(target.value)}
            />
          </div>
          <ChangeButton type="submit" className="mt-6" busy={recover.isPending}>
            {t.recoverStart}
          </ChangeButton>
        </form>
      </div>
    </Card>
  )
}

const Result = ({
  result: { recovered, listed, processed, ignored, failed },
}: {
  result: RecoveryResult
}) => (
  <Note tone={failed > 0 ? 'warn' : 'good'} alert>
    <p>{t.recovered(recovered, listed)}</p>
    <p>{t.recoveredDetail(processed, ignored, failed)}</p>
  </Note>
)

function CloseGap({ gap }: { gap: NonNullable<RecoveryResult['gap']> }) {
  const params = useParamsOfEnvironment()
  const start = useChange('startSyncRun', { done: t.syncStarted })
  return (
    <div className="mt-2.5">
      <ChangeButton small busy={start.isPending} onClick={() => start.mutate({ params, body: gap.sync })}>
        {t.closeGap}
      </ChangeButton>
      {start.error && <ErrorNote error={start.error} />}
    </div>
  )
}
