/** Asks before something that cannot be taken back. In live it asks for the name of the environment as well. */
import { createContext, type FormEvent, type ReactNode, useCallback, useContext, useState } from 'react'
import { texts } from '../texts.ts'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogActions } from '../ui/dialog.tsx'
import { TextField } from '../ui/field.tsx'
import { useEnvironment } from './environment.ts'

export type Question = { title: string; body: ReactNode; action: string; danger?: boolean }
type Ask = (question: Question) => Promise<boolean>

const AskContext = createContext<Ask>(async () => false)

/** Resolves to whether the viewer confirmed. */
export const useConfirm = () => useContext(AskContext)

type Asked = Question & { answer: (confirmed: boolean) => void }

export function Confirmations({ children }: { children: ReactNode }) {
  const [asked, setAsked] = useState<Asked | null>(null)
  const ask = useCallback<Ask>((question) => new Promise((answer) => setAsked({ ...question, answer })), [])
  const close = (confirmed: boolean) => {
    asked?.answer(confirmed)
    setAsked(null)
  }
  return (
    <AskContext value={ask}>
      {children}
      {asked && <ConfirmDialog question={asked} onClose={close} />}
    </AskContext>
  )
}

function ConfirmDialog({
  question: { title, body, action, danger = true },
  onClose,
}: {
  question: Question
  onClose: (confirmed: boolean) => void
}) {
  const environment = useEnvironment()
  const [typed, setTyped] = useState('')
  const asksName = environment === 'live' && danger
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!asksName || typed.trim() === environment) onClose(true)
  }
  return (
    <Dialog title={title} onClose={() => onClose(false)}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <div className="text-sm">{body}</div>
        {asksName && (
          <>
            <p className="font-medium text-sm">{texts.confirm.typeName(environment)}</p>
            <TextField
              label={texts.confirm.nameLabel}
              value={typed}
              onChange={({ target }) => setTyped(target.value)}
              autoCapitalize="none"
            />
          </>
        )}
        <DialogActions>
          <Button onClick={() => onClose(false)}>{texts.common.cancel}</Button>
          <Button
            type="submit"
            look={danger ? 'danger' : 'primary'}
            disabled={asksName && typed.trim() !== environment}
          >
            {action}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}
