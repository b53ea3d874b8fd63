import type { StripeSubscription } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { Note } from '../../ui/note.tsx'

const TONES = { granted: 'good', at_risk: 'warn', none: 'bad' } as const

/** Whether the subscription gives access, and by what. */
export const Access = ({ subscription: { access, accessReason } }: { subscription: StripeSubscription }) => (
  <Note
    tone={TONES[access] ?? 'info'}
    title={`${texts.subscriptions.access}: ${texts.subscriptions.accessWords[access] ?? access}`}
  >
    {accessReason}
  </Note>
)
