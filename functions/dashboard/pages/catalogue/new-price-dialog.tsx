import { type FormEvent, useState } from 'react'
import { minorDigits } from '../../../core/currency.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useIdempotencyKey } from '../../hooks/use-once.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogActions } from '../../ui/dialog.tsx'
import { SelectField, TextField } from '../../ui/field.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { EMPTY_PRICE, type PriceProblems, type PriceValues, requestOf } from './price-form.ts'

const t = texts.catalogue

/** Creates a price of a product. */
export function NewPriceDialog({ productId, onClose }: { productId: string; onClose: () => void }) {
  const params = useParamsOfEnvironment()
  const idempotencyKey = useIdempotencyKey()
  const [values, setValues] = useState(EMPTY_PRICE)
  const [problems, setProblems] = useState<PriceProblems>({})
  const create = useChange('createStripePrice', { done: t.created, onDone: onClose })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const request = requestOf(values, productId)
    if ('problems' in request) return setProblems(request.problems)
    setProblems({})
    create.mutate({ params, body: { ...request.body, idempotencyKey } })
  }
  return (
    <Dialog title={t.newPrice} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
        <PriceFields values={values} problems={problems} onChange={setValues} />
        {create.error && <ErrorNote error={create.error} />}
        <DialogActions>
          <Button onClick={onClose}>{texts.common.cancel}</Button>
          <Button type="submit" look="primary" busy={create.isPending}>
            {texts.common.save}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}

type PriceFieldsProps = {
  values: PriceValues
  problems: PriceProblems
  onChange: (values: PriceValues) => void
}

function PriceFields({ values, problems, onChange }: PriceFieldsProps) {
  const field = (name: keyof PriceValues) => ({
    value: values[name],
    error: problems[name] ?? null,
    onChange: ({ target }: { target: { value: string } }) => onChange({ ...values, [name]: target.value }),
  })
  return (
    <>
      <div className="grid grid-cols-[2fr_1fr] gap-3">
        <TextField
          label={t.amount}
          hint={t.amountHint(minorDigits(values.currency))}
          inputMode="decimal"
          placeholder="19.00"
          autoFocus
          {...field('amount')}
        />
        <TextField label={t.currency} maxLength={3} {...field('currency')} />
      </div>
      <div className="grid grid-cols-2 gap-3">
        <SelectField label={t.interval} options={Object.entries(t.intervals)} {...field('interval')} />
        {values.interval !== 'once' && (
          <TextField label={t.intervalCount} type="number" min={1} max={36} {...field('intervalCount')} />
        )}
      </div>
      <TextField label={t.lookupKey} hint={t.lookupKeyHint} maxLength={200} {...field('lookupKey')} />
      <SelectField label={t.tax} options={Object.entries(t.taxes)} {...field('taxBehavior')} />
    </>
  )
}
