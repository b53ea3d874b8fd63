import { type FormEvent, useState } from 'react'
import { isFailure } from '../../api/failure.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogActions } from '../../ui/dialog.tsx'
import { TextField } from '../../ui/field.tsx'
import { ErrorNote } from '../../ui/note.tsx'

const t = texts.owners
const CONFLICT = 'PAYMENT_SUBJECT_CONFLICT'

type AssignDialogProps = { of: { customerId: string } | { subscriptionId: string }; onClose: () => void }

/**
 * Assigns a customer or a subscription to a subject. What belongs to another one is moved only after a confirmation.
 */
export function AssignDialog({ of, onClose }: AssignDialogProps) {
  const params = useParamsOfEnvironment()
  const ask = useConfirm()
  const [subjectType, setType] = useState('')
  const [subjectId, setId] = useState('')
  const [isIncomplete, setIncomplete] = useState(false)
  const assign = useChange('assignSubject', {
    done: ({ assignment }) => t.assigned(assignment),
    onDone: onClose,
  })
  const isConflict = isFailure(assign.error) && assign.error.code === CONFLICT
  const save = (replace: boolean) =>
    assign.mutate({
      params,
      body: { ...of, subjectType: subjectType.trim(), subjectId: subjectId.trim(), replace },
    })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const lacks = subjectType.trim() === '' || subjectId.trim() === ''
    setIncomplete(lacks)
    if (!lacks && !assign.isPending) save(false)
  }
  const move = async () => {
    const body = t.moveBody(`${subjectType.trim()} ${subjectId.trim()}`)
    if (await ask({ title: t.moveTitle, body, action: t.move })) save(true)
  }
  const field = (value: string, set: (value: string) => void) => ({
    value,
    error: isIncomplete && value.trim() === '' ? t.needed : null,
    onChange: ({ target }: { target: { value: string } }) => {
      set(target.value)
      assign.reset()
    },
  })
  return (
    <Dialog title={t.assign} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
        <p className="text-muted text-sm">{'customerId' in of ? t.customerLead : t.subscriptionLead}</p>
        <div className="grid grid-cols-2 gap-3">
          <TextField
            label={t.type}
            placeholder="team"
            autoFocus
            maxLength={100}
            {...field(subjectType, setType)}
          />
          <TextField label={t.id} placeholder="42" maxLength={255} {...field(subjectId, setId)} />
        </div>
        {assign.error && <ErrorNote error={assign.error} />}
        <DialogActions>
          <Button onClick={onClose}>{texts.common.cancel}</Button>
          {isConflict ? (
            <Button look="danger" busy={assign.isPending} onClick={() => void move()}>
              {t.move}
            </Button>
          ) : (
            <Button type="submit" look="primary" busy={assign.isPending}>
              {t.assignAction}
            </Button>
          )}
        </DialogActions>
      </form>
    </Dialog>
  )
}
