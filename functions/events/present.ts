/** Events of the ledger as the API shows them. */
import type { StripeWebhookEvent } from '../../types/api.ts'
import { present } from '../core/present.ts'
import type { WebhookEventRow } from '../core/sql.ts'

/** An event from its row in `payments.webhook_events`. */
export const presentWebhookEvent = (row: WebhookEventRow): StripeWebhookEvent =>
  present('StripeWebhookEvent', {
    ...row,
    event_id: row.provider_event_id,
    account_id: row.provider_account_id,
  })
