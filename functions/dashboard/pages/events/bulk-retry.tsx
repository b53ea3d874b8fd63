import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { call } from '../../api/call.ts'
import { formatCount } from '../../format/number.ts'
import { formatShort } from '../../format/time.ts'
import { useCall } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogActions } from '../../ui/dialog.tsx'
import { useFilters } from '../../ui/filters.tsx'
import { ErrorNote, Note } from '../../ui/note.tsx'
import { Progress } from '../../ui/progress.tsx'
import { Skeleton } from '../../ui/skeleton.tsx'
import { eventQuery } from './filters.ts'

const t = texts.events
const BATCH = 100

type State = { processed: number; failed: number; isRunning: boolean; isDone: boolean; error: unknown }

const START: State = { processed: 0, failed: 0, isRunning: false, isDone: false, error: null }

/** Retries every failed event that the filters of the list match, batch after batch. */
export function BulkRetry({ onClose }: { onClose: () => void }) {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const { type, objectId, from, to } = eventQuery(values)
  const ask = useConfirm()
  const count = useCall('countWebhookEvents', {
    params,
    query: { status: 'failed', type, objectId, from, to },
  })
  const { state, run, stop } = useBatches({ eventType: type, objectId, from, to })
  const shown = `${count.data?.isExact === false ? '> ' : ''}${formatCount(count.data?.count)}`
  const [hasChanged, setChanged] = useState(false)
  /** What was confirmed is what is retried: another number meanwhile is shown, and asked about again. */
  const start = async () => {
    setChanged(false)
    const confirmed = count.data?.count
    if (!(await ask({ title: t.bulkTitle, body: t.bulkCount(shown), action: t.bulkStart }))) return
    const { data, error } = await count.refetch()
    if (error || data === undefined) return
    if (data.count !== confirmed) setChanged(true)
    else void run()
  }
  return (
    <Dialog title={t.bulkTitle} onClose={onClose}>
      <p className="mb-3 text-muted text-sm">{t.bulkLead}</p>
      {count.error ? (
        <ErrorNote error={count.error} />
      ) : !count.data ? (
        <Skeleton lines={1} />
      ) : (
        <p className="text-sm">
          {count.data.count === 0 ? t.bulkNone : t.bulkCount(shown)}{' '}
          {count.data.oldestReceivedAt && (
            <span className="text-muted">
              {t.bulkSpan}: {formatShort(count.data.oldestReceivedAt)} –{' '}
              {formatShort(count.data.newestReceivedAt)}
            </span>
          )}
        </p>
      )}
      {hasChanged && (
        <div className="mt-3">
          <Note tone="warn" alert>
            {t.bulkChanged}
          </Note>
        </div>
      )}
      <Outcome state={state} total={count.data?.count ?? 0} shown={shown} />
      <DialogActions>
        {state.isRunning ? (
          <Button onClick={stop}>{t.bulkStop}</Button>
        ) : (
          <>
            <Button onClick={onClose}>{texts.common.close}</Button>
            {!state.isDone && (
              <Button look="primary" disabled={!count.data?.count} onClick={() => void start()}>
                {t.bulkStart}
              </Button>
            )}
          </>
        )}
      </DialogActions>
    </Dialog>
  )
}

function Outcome({ state, total, shown }: { state: State; total: number; shown: string }) {
  const done = state.processed + state.failed
  return (
    <div className="mt-4 flex flex-col gap-3" aria-live="polite">
      {state.isRunning && (
        <>
          <Progress label={t.bulkTitle} share={total > 0 ? done / total : null} />
          <p className="text-sm">{t.bulkProgress(done, shown)}</p>
          <p className="text-muted text-xs">{t.bulkStays}</p>
        </>
      )}
      {state.isDone && (
        <Note tone={state.failed > 0 ? 'warn' : 'good'}>{t.bulkResult(state.processed, state.failed)}</Note>
      )}
      {state.error !== null && <ErrorNote error={state.error} />}
    </div>
  )
}

type Conditions = { eventType?: string; objectId?: string; from?: string; to?: string }

/** Asks for one batch after the other until none is left, until it is stopped, or until the dialog is closed. */
function useBatches(conditions: Conditions) {
  const params = useParamsOfEnvironment()
  const client = useQueryClient()
  const isStopped = useRef(false)
  const [state, setState] = useState<State>(START)
  useEffect(() => {
    isStopped.current = false
    return () => {
      isStopped.current = true
    }
  }, [])
  const run = async () => {
    isStopped.current = false
    setState({ ...START, isRunning: true })
    const tried = new Set<string>()
    try {
      while (!isStopped.current) {
        const { results } = await call('retryWebhookEvents', {
          params,
          body: { ...conditions, limit: BATCH },
        })
        const fresh = results.filter(({ eventId }) => !tried.has(eventId))
        // An event that fails again comes back: once only such ones are left, every event was tried.
        if (fresh.length === 0) break
        for (const { eventId } of fresh) tried.add(eventId)
        const processed = fresh.filter(({ processingStatus }) => processingStatus !== 'failed').length
        setState((before) => ({
          ...before,
          processed: before.processed + processed,
          failed: before.failed + fresh.length - processed,
        }))
        if (results.length < BATCH) break
      }
      setState((before) => ({ ...before, isRunning: false, isDone: true }))
    } catch (error) {
      setState((before) => ({ ...before, isRunning: false, isDone: false, error }))
    }
    await client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' })
  }
  const stop = () => {
    isStopped.current = true
  }
  return { state, run, stop }
}
