import { type FormEvent, useState } from 'react'
import type { StripePrice, UpdateStripePriceRequest } from '../../../../types/api.ts'
import { call } from '../../api/call.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogActions } from '../../ui/dialog.tsx'
import { SelectField, TextField } from '../../ui/field.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Conflict } from './conflict.tsx'
import { isConflict, useConflict } from './use-conflict.ts'

const t = texts.catalogue

type Values = { lookupKey: string; taxBehavior: string }

const valuesOf = ({ lookupKey, taxBehavior }: StripePrice): Values => ({
  lookupKey: lookupKey ?? '',
  taxBehavior: taxBehavior ?? '',
})

/** Changes what can change of a price. */
export function EditPriceDialog({ price, onClose }: { price: StripePrice; onClose: () => void }) {
  const params = { ...useParamsOfEnvironment(), priceId: price.priceId }
  const [base, setBase] = useState(price)
  const [values, setValues] = useState(() => valuesOf(price))
  const conflict = useConflict(async () => {
    const { price: found } = await call('getStripePrice', { params })
    setBase(found)
    return found
  })
  const update = useChange('updateStripePrice', { done: t.saved, onDone: onClose })
  const save = () => {
    const { lookupKey, taxBehavior } = values
    const body: UpdateStripePriceRequest = { lookupKey: lookupKey.trim() || null, ifRevision: base.revision }
    if (taxBehavior !== '' && taxBehavior !== base.taxBehavior)
      body.taxBehavior = taxBehavior as UpdateStripePriceRequest['taxBehavior']
    update.mutate({ params, body }, { onError: conflict.onError })
  }
  const takeTheirs = () => {
    setValues(valuesOf(base))
    conflict.clear()
    update.reset()
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save()
  }
  return (
    <Dialog title={t.editPrice} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <p className="text-muted text-sm">{t.unchangeable}</p>
        <TextField
          label={t.lookupKey}
          hint={t.lookupKeyHint}
          autoFocus
          value={values.lookupKey}
          onChange={({ target }) => setValues({ ...values, lookupKey: target.value })}
        />
        <SelectField
          label={t.tax}
          value={values.taxBehavior}
          onChange={({ target }) => setValues({ ...values, taxBehavior: target.value })}
          options={Object.entries(t.taxes)}
        />
        {conflict.theirs ? (
          <Conflict
            differences={[
              { name: t.lookupKey, theirs: conflict.theirs.lookupKey ?? '', yours: values.lookupKey },
              { name: t.tax, theirs: conflict.theirs.taxBehavior ?? '', yours: values.taxBehavior },
            ]}
            busy={update.isPending}
            onTakeTheirs={takeTheirs}
            onSaveMine={save}
          />
        ) : (
          update.error && !isConflict(update.error) && <ErrorNote error={update.error} />
        )}
        <DialogActions>
          <Button onClick={onClose}>{texts.common.cancel}</Button>
          <Button type="submit" look="primary" busy={update.isPending}>
            {texts.common.save}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}
