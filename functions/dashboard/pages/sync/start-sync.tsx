import { type FormEvent, useState } from 'react'
import type { SyncKind } from '../../../../types/api.ts'
import { startOfDay } from '../../format/time.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogActions } from '../../ui/dialog.tsx'
import { CheckField, TextField } from '../../ui/field.tsx'
import { ErrorNote } from '../../ui/note.tsx'

const t = texts.sync
const KINDS = Object.keys(t.kindNames) as SyncKind[]
const USUAL: SyncKind[] = ['products', 'prices', 'customers', 'subscriptions']

/** Chooses what to sync. The server syncs in the background, so that the page can be left. */
export function StartSync({ onClose }: { onClose: () => void }) {
  const params = useParamsOfEnvironment()
  const [kinds, setKinds] = useState<SyncKind[]>(USUAL)
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const start = useChange('startSyncRun', { done: t.syncStarted, onDone: onClose })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (kinds.length === 0) return setProblem(t.kindNeeded)
    setProblem(null)
    start.mutate({ params, body: { kinds, createdFrom: startOfDay(from), createdBefore: startOfDay(to, 1) } })
  }
  const toggle = (kind: SyncKind) =>
    setKinds(KINDS.filter((name) => (name === kind ? !kinds.includes(kind) : kinds.includes(name))))
  return (
    <Dialog title={t.startTitle} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <fieldset>
          <legend className="mb-2 font-medium text-sm">{t.kinds}</legend>
          <div className="grid grid-cols-2 gap-2">
            {KINDS.map((kind) => (
              <CheckField
                key={kind}
                label={t.kindNames[kind] ?? kind}
                checked={kinds.includes(kind)}
                onChange={() => toggle(kind)}
              />
            ))}
          </div>
        </fieldset>
        <div className="grid grid-cols-2 gap-3">
          <TextField
            label={t.createdFrom}
            type="date"
            value={from}
            onChange={({ target }) => setFrom(target.value)}
          />
          <TextField
            label={t.createdBefore}
            type="date"
            value={to}
            onChange={({ target }) => setTo(target.value)}
          />
        </div>
        <p className="text-muted text-xs">{t.createdHint}</p>
        {problem && <ErrorNote error={new Error(problem)} />}
        {start.error && <ErrorNote error={start.error} />}
        <DialogActions>
          <Button onClick={onClose}>{texts.common.cancel}</Button>
          <Button type="submit" look="primary" busy={start.isPending}>
            {t.start}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}
