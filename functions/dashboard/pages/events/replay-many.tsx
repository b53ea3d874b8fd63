import { type FormEvent, useState } from 'react'
import { startOfDay } from '../../format/time.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogActions } from '../../ui/dialog.tsx'
import { CheckField, TextField } from '../../ui/field.tsx'
import { useFilters } from '../../ui/filters.tsx'
import { ErrorNote } from '../../ui/note.tsx'

const t = texts.events

/** Replays events from the ledger by conditions. */
export function ReplayMany({ onClose }: { onClose: () => void }) {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const ask = useConfirm()
  const [form, setForm] = useState({
    eventType: values.type ?? '',
    objectId: values.objectId ?? '',
    from: values.from ?? '',
    to: values.to ?? '',
    includeProcessed: false,
  })
  const [problem, setProblem] = useState<string | null>(null)
  const replay = useChange('replayWebhookEvents', {
    done: ({ replayed }) => t.replayManyResult(replayed.length),
    onDone: onClose,
  })
  const set = (changed: Partial<typeof form>) => setForm({ ...form, ...changed })
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const { eventType, objectId, from, to, includeProcessed } = form
    if (!eventType && !objectId && !from && !to) return setProblem(t.conditionNeeded)
    setProblem(null)
    if (!(await ask({ title: t.replayManyTitle, body: t.replayBody, action: t.replayManyStart }))) return
    replay.mutate({
      params,
      body: {
        eventType: eventType || undefined,
        objectId: objectId || undefined,
        from: startOfDay(from),
        before: startOfDay(to, 1),
        includeProcessed,
      },
    })
  }
  return (
    <Dialog title={t.replayManyTitle} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
        <p className="text-muted text-sm">{t.replayManyLead}</p>
        <TextField
          label={t.type}
          value={form.eventType}
          onChange={({ target }) => set({ eventType: target.value })}
        />
        <TextField
          label={t.objectId}
          value={form.objectId}
          onChange={({ target }) => set({ objectId: target.value })}
        />
        <div className="grid grid-cols-2 gap-3">
          <TextField
            label={texts.lists.from}
            type="date"
            value={form.from}
            onChange={({ target }) => set({ from: target.value })}
          />
          <TextField
            label={texts.lists.to}
            type="date"
            value={form.to}
            onChange={({ target }) => set({ to: target.value })}
          />
        </div>
        <CheckField
          label={t.includeProcessed}
          hint={t.includeProcessedHint}
          checked={form.includeProcessed}
          onChange={({ target }) => set({ includeProcessed: target.checked })}
        />
        {problem && <ErrorNote error={new Error(problem)} />}
        {replay.error && <ErrorNote error={replay.error} />}
        <DialogActions>
          <Button onClick={onClose}>{texts.common.cancel}</Button>
          <Button type="submit" look="primary" busy={replay.isPending}>
            {t.replayManyStart}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}
