/** Events of the ledger as the API shows them. Loads the table of this answer alone, because every webhook loads it. */
import type { StripeWebhookEvent } from '../../types/api.ts'
import { presentFields } from '../core/fields.ts'
import type { RowOf } from '../core/present.ts'
import type { WebhookEventRow } from '../core/sql.ts'
import { WEBHOOK_EVENT } from '../core/webhook-answer.ts'

/** An event from its row in `payments.webhook_events`. */
export function presentWebhookEvent(event: WebhookEventRow): StripeWebhookEvent {
  const row: RowOf<'StripeWebhookEvent'> = {
    ...event,
    event_id: event.provider_event_id,
    account_id: event.provider_account_id,
  }
  return presentFields(WEBHOOK_EVENT, row, partOfNothing) as StripeWebhookEvent
}

/** An event has no other answer in it. */
function partOfNothing(name: string): never {
  throw new Error(`The answer of a webhook has no ${name}.`)
}
