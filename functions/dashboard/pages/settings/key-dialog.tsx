import { type FormEvent, useState } from 'react'
import { isFailure } from '../../api/failure.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogActions } from '../../ui/dialog.tsx'
import { TextField } from '../../ui/field.tsx'
import { ErrorNote, Note } from '../../ui/note.tsx'
import { Progress } from '../../ui/progress.tsx'

const t = texts.settings

type KeyDialogProps = { hasKey: boolean; onClose: () => void; onWarnings: (warnings: string[]) => void }

/** Stores a key. Another account's key is stored only after a warning. */
export function KeyDialog({ hasKey, onClose, onWarnings }: KeyDialogProps) {
  const params = useParamsOfEnvironment()
  const ask = useConfirm()
  const [secretKey, setSecretKey] = useState('')
  const store = useChange('putStripeConfig', {
    done: t.keySaved,
    onDone: ({ warnings }) => {
      onWarnings(warnings)
      onClose()
    },
  })
  const isOtherAccount = isFailure(store.error) && store.error.code === 'PAYMENT_ACCOUNT_CHANGED'
  const save = (replaceAccount: boolean) =>
    store.mutate({
      params,
      body: { secretKey: secretKey.trim(), ...(replaceAccount ? { replaceAccount } : {}) },
    })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!store.isPending && secretKey.trim() !== '') save(false)
  }
  const replace = async () => {
    if (await ask({ title: t.accountChanged, body: t.accountChangedBody, action: t.replaceAccount }))
      save(true)
  }
  return (
    <Dialog title={hasKey ? t.replaceKey : t.setKey} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField
          label={t.secretKey}
          hint={t.secretKeyHint(params.environment)}
          type="password"
          autoFocus
          required
          spellCheck={false}
          value={secretKey}
          onChange={({ target }) => setSecretKey(target.value)}
        />
        {store.isPending && (
          <div role="status" className="flex flex-col gap-2 text-muted text-sm">
            <Progress label={t.storing} share={null} />
            {t.storing}
          </div>
        )}
        {isOtherAccount ? (
          <Note
            tone="bad"
            alert
            title={t.accountChanged}
            action={
              <Button small look="danger" busy={store.isPending} onClick={() => void replace()}>
                {t.replaceAccount}
              </Button>
            }
          >
            <p>{store.error?.message}</p>
            <p className="mt-1">{t.accountChangedBody}</p>
          </Note>
        ) : (
          store.error && <ErrorNote error={store.error} />
        )}
        <DialogActions>
          <Button onClick={onClose}>{texts.common.cancel}</Button>
          <Button type="submit" look="primary" busy={store.isPending}>
            {t.setKey}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}
