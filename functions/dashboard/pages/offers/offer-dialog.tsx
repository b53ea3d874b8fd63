import { type FormEvent, useState } from 'react'
import type { Offer, PutOfferRequest } from '../../../../types/api.ts'
import { call } from '../../api/call.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog, DialogActions } from '../../ui/dialog.tsx'
import { ErrorNote, Note } from '../../ui/note.tsx'
import { Conflict } from '../catalogue/conflict.tsx'
import { OfferFields } from './offer-fields.tsx'
import { EMPTY_OFFER, type OfferProblems, requestOfOffer, valuesOfOffer } from './offer-form.ts'
import { stateOf } from './offer-state.ts'

const t = texts.offers

type OfferDialogProps = {
  offer?: Offer
  /** Whether the environment has no offer yet. */
  isFirst: boolean
  onClose: () => void
}

/** Creates an offer, or changes, ends or deletes the given one. */
export function OfferDialog({ offer, isFirst, onClose }: OfferDialogProps) {
  const [values, setValues] = useState(() => (offer ? valuesOfOffer(offer) : EMPTY_OFFER))
  const [problems, setProblems] = useState<OfferProblems>({})
  const saving = useSave(offer, onClose)
  const submit = async (event?: FormEvent, over = false) => {
    event?.preventDefault()
    const request = requestOfOffer(values, saving.base)
    if ('problems' in request) return setProblems(request.problems)
    setProblems({})
    const problem = await saving.save(values.offerId, request.body, over)
    if (problem) setProblems({ offerId: problem })
  }
  const takeTheirs = () => {
    if (saving.theirs) setValues(valuesOfOffer(saving.theirs))
    saving.accept()
  }
  return (
    <Dialog title={offer ? t.edit(offer.offerId) : t.create} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4" noValidate>
        {isFirst && <Note tone="warn">{t.firstMeans}</Note>}
        <OfferFields values={values} problems={problems} isNew={offer === undefined} onChange={setValues} />
        {saving.theirs && (
          <Conflict
            differences={differencesOf(saving.theirs, values)}
            busy={saving.isPending}
            onTakeTheirs={takeTheirs}
            onSaveMine={() => void submit(undefined, true)}
          />
        )}
        {saving.error && <ErrorNote error={saving.error} />}
        <DialogActions>
          {offer && <Endings offer={offer} onClose={onClose} />}
          <Button onClick={onClose}>{texts.common.cancel}</Button>
          <ChangeButton type="submit" look="primary" busy={saving.isPending}>
            {texts.common.save}
          </ChangeButton>
        </DialogActions>
      </form>
    </Dialog>
  )
}

/** The fields in which somebody else's offer differs from what the form holds. */
function differencesOf(theirs: Offer, yours: ReturnType<typeof valuesOfOffer>) {
  const shown = valuesOfOffer(theirs)
  return (Object.keys(shown) as (keyof typeof shown)[])
    .map((name) => ({ name: t.fields[name], theirs: String(shown[name]), yours: String(yours[name]) }))
    .filter(({ theirs, yours }) => theirs !== yours)
}

/** Saves the offer as a whole, unless somebody else made or changed it since it was read. */
function useSave(offer: Offer | undefined, onClose: () => void) {
  const params = useParamsOfEnvironment()
  const [base, setBase] = useState(offer)
  const [theirs, setTheirs] = useState<Offer | null>(null)
  const [readError, setReadError] = useState<unknown>(null)
  const put = useChange('putOffer', { done: t.saved, onDone: onClose })
  /** Returns what is wrong with the id, if anything is. */
  const save = async (offerId: string, body: PutOfferRequest, over: boolean): Promise<string | null> => {
    setReadError(null)
    try {
      const { offers } = await call('listOffers', { params, query: { offerId } })
      const found = offers[0]
      if (found && !base) return t.exists
      if (base && found && found.updatedAt !== base.updatedAt && !over) {
        setTheirs(found)
        return null
      }
    } catch (error) {
      setReadError(error)
      return null
    }
    put.mutate({ params: { ...params, offerId }, body })
    return null
  }
  const accept = () => {
    if (theirs) setBase(theirs)
    setTheirs(null)
  }
  return { base, save, theirs, accept, error: readError ?? put.error, isPending: put.isPending }
}

/** Ends the offer at this instant, or deletes it. */
function Endings({ offer, onClose }: { offer: Offer; onClose: () => void }) {
  const params = { ...useParamsOfEnvironment(), offerId: offer.offerId }
  const ask = useConfirm()
  const end = useChange('putOffer', { done: t.ended, onDone: onClose })
  const remove = useChange('deleteOffer', { done: t.deleted, onDone: onClose })
  const onEnd = async () => {
    const request = requestOfOffer(valuesOfOffer(offer), offer)
    if ('problems' in request) return
    const body = { ...request.body, endsAt: new Date().toISOString() }
    if (await ask({ title: t.endTitle(offer.offerId), body: t.endBody, action: t.end }))
      end.mutate({ params, body })
  }
  const onDelete = async () => {
    const question = { title: t.deleteTitle(offer.offerId), body: t.deleteBody, action: t.delete }
    if (await ask(question)) remove.mutate({ params })
  }
  const error = end.error ?? remove.error
  return (
    <>
      {error && (
        <div className="basis-full">
          <ErrorNote error={error} />
        </div>
      )}
      <span className="mr-auto flex flex-wrap gap-2">
        {stateOf(offer).text === t.open && (
          <ChangeButton busy={end.isPending} onClick={() => void onEnd()}>
            {t.end}
          </ChangeButton>
        )}
        <ChangeButton busy={remove.isPending} onClick={() => void onDelete()}>
          {t.delete}
        </ChangeButton>
      </span>
    </>
  )
}
