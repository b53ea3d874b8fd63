import { humanise } from '../format/number.ts'
import { Badge, type Tone } from './badge.tsx'

/** What each status of the API and of Stripe means at a glance. Words that Stripe adds later are neutral. */
const TONES: Record<string, Tone> = {
  ok: 'good',
  succeeded: 'good',
  processed: 'good',
  active: 'good',
  paid: 'good',
  completed: 'good',
  complete: 'good',
  connected: 'good',
  granted: 'good',
  won: 'good',
  no_payment_required: 'good',
  trialing: 'accent',
  open: 'accent',
  created: 'accent',
  running: 'accent',
  processing: 'accent',
  pending: 'warn',
  degraded: 'warn',
  past_due: 'warn',
  unpaid: 'warn',
  requires_capture: 'warn',
  uncollectible: 'bad',
  issued: 'good',
  incomplete: 'warn',
  at_risk: 'warn',
  interrupted: 'warn',
  partially_refunded: 'warn',
  needs_response: 'warn',
  under_review: 'warn',
  failing: 'bad',
  failed: 'bad',
  error: 'bad',
  lost: 'bad',
  incomplete_expired: 'bad',
}

export function Status({ value }: { value: string | null | undefined }) {
  if (typeof value !== 'string' || value === '') return <span className="text-muted">–</span>
  return <Badge tone={TONES[value] ?? 'neutral'}>{humanise(value)}</Badge>
}
