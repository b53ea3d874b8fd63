import { type FormEvent, useState } from 'react'
import type { GetPaymentTransactionResponse } from '../../../../types/api.ts'
import { formatMoney, parseMoney, plainMoney } from '../../format/money.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { TextField } from '../../ui/field.tsx'
import { ErrorNote } from '../../ui/note.tsx'

const t = texts.payments

type PaymentObject = GetPaymentTransactionResponse['objects'][number]

/** A payment that was authorized only: it is captured, wholly or in part, or canceled. */
export function Authorized({ data: { objects } }: { data: GetPaymentTransactionResponse }) {
  const intent = objects.find(
    ({ objectType, status }) => objectType === 'payment_intent' && status === 'requires_capture',
  )
  return intent === undefined ? null : <Capture key={intent.objectId} intent={intent} />
}

function Capture({ intent: { objectId, amount, currency } }: { intent: PaymentObject }) {
  const params = { ...useParamsOfEnvironment(), paymentIntentId: objectId }
  const ask = useConfirm()
  const whole = amount === null || currency === null ? '' : plainMoney(amount, currency)
  const [typed, setTyped] = useState(whole)
  const [problem, setProblem] = useState<string | null>(null)
  const capture = useChange('capturePayment', {
    done: ({ payment }) => t.captured(formatMoney(payment.amountReceived, payment.currency)),
  })
  const cancel = useChange('cancelPayment', { done: t.authorizationCanceled })
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const part = parseMoney(typed, currency ?? '')
    setProblem(part === null ? texts.catalogue.amountWrong : null)
    if (part === null) return
    const body = t.captureBody(formatMoney(part, currency))
    if (await ask({ title: t.captureTitle, body, action: t.capture, danger: false }))
      capture.mutate({ params, body: part === amount ? {} : { amount: part } })
  }
  const onCancel = async () => {
    const question = { title: t.cancelTitle, body: t.cancelBody, action: t.cancelAuthorization }
    if (await ask(question)) cancel.mutate({ params, body: {} })
  }
  const error = capture.error ?? cancel.error
  return (
    <Card title={t.authorized} description={t.authorizedLead}>
      <form onSubmit={(event) => void submit(event)} className="flex flex-wrap items-start gap-3" noValidate>
        <div className="w-44">
          <TextField
            label={t.captureAmount}
            hint={t.captureHint}
            error={problem}
            inputMode="decimal"
            value={typed}
            onChange={({ target }) => setTyped(target.value)}
          />
        </div>
        <ChangeButton type="submit" look="primary" className="mt-6" busy={capture.isPending}>
          {t.capture}
        </ChangeButton>
        <ChangeButton className="mt-6" busy={cancel.isPending} onClick={() => void onCancel()}>
          {t.cancelAuthorization}
        </ChangeButton>
      </form>
      {error && (
        <div className="mt-3">
          <ErrorNote error={error} />
        </div>
      )}
    </Card>
  )
}
