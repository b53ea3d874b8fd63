import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import type { StripeProduct } from '../../../../types/api.ts'
import { call } from '../../api/call.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useIdempotencyKey } from '../../hooks/use-once.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogActions } from '../../ui/dialog.tsx'
import { TextArea, TextField } from '../../ui/field.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Conflict, type Difference } from './conflict.tsx'
import { isConflict, useConflict } from './use-conflict.ts'

const t = texts.catalogue

type Values = { name: string; description: string }

const valuesOf = (product: StripeProduct | undefined): Values => ({
  name: product?.name ?? '',
  description: product?.description ?? '',
})

/** Creates a product, or changes the given one. */
export function ProductDialog({ product, onClose }: { product?: StripeProduct; onClose: () => void }) {
  const [values, setValues] = useState(() => valuesOf(product))
  const [problem, setProblem] = useState<string | null>(null)
  const { save, error, isPending, conflict, takeTheirs } = useSave(product, onClose)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (values.name.trim() === '') return setProblem(t.nameNeeded)
    setProblem(null)
    save(values)
  }
  return (
    <Dialog title={product ? t.editProduct : t.newProduct} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4" noValidate>
        <TextField
          label={t.name}
          error={problem}
          autoFocus
          required
          maxLength={250}
          value={values.name}
          onChange={({ target }) => setValues({ ...values, name: target.value })}
        />
        <TextArea
          label={t.description}
          maxLength={5000}
          value={values.description}
          onChange={({ target }) => setValues({ ...values, description: target.value })}
        />
        {conflict ? (
          <Conflict
            differences={differencesOf(conflict, values)}
            busy={isPending}
            onTakeTheirs={() => setValues(valuesOf(takeTheirs()))}
            onSaveMine={() => save(values)}
          />
        ) : (
          error && !isConflict(error) && <ErrorNote error={error} />
        )}
        <DialogActions>
          <Button onClick={onClose}>{texts.common.cancel}</Button>
          <Button type="submit" look="primary" busy={isPending}>
            {texts.common.save}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}

const differencesOf = (theirs: StripeProduct, yours: Values): Difference[] => [
  { name: t.name, theirs: theirs.name, yours: yours.name },
  { name: t.description, theirs: theirs.description ?? '', yours: yours.description },
]

/** Saves at Stripe; the revision that the form began with tells the server whether somebody else was faster. */
function useSave(product: StripeProduct | undefined, onClose: () => void) {
  const params = useParamsOfEnvironment()
  const navigate = useNavigate()
  const idempotencyKey = useIdempotencyKey()
  const [base, setBase] = useState(product)
  const conflict = useConflict(async () => {
    const found = await call('getStripeProduct', {
      params: { ...params, productId: product?.productId ?? '' },
    })
    setBase(found.product)
    return found.product
  })
  const create = useChange('createStripeProduct', {
    done: t.created,
    onDone: ({ product: { productId } }) => {
      onClose()
      void navigate({ to: `/${params.environment}/catalogue/${productId}` })
    },
  })
  const update = useChange('updateStripeProduct', { done: t.saved, onDone: onClose })
  const save = ({ name, description }: Values) => {
    const body = { name: name.trim(), description: description.trim() || null }
    if (!base) return create.mutate({ params, body: { ...body, idempotencyKey } })
    update.mutate(
      { params: { ...params, productId: base.productId }, body: { ...body, ifRevision: base.revision } },
      { onError: conflict.onError },
    )
  }
  const takeTheirs = () => {
    conflict.clear()
    update.reset()
    return base
  }
  return {
    save,
    error: create.error ?? update.error,
    isPending: create.isPending || update.isPending,
    conflict: conflict.theirs,
    takeTheirs,
  }
}
