/** Events of the ledger as the API shows them. */
import type { StripeWebhookEvent } from '../../types/api.ts'
import { iso, isoOrNull, redactOrNull } from '../core/format.ts'
import type { WebhookEventRow } from '../core/sql.ts'

/** An event from its row in `payments.webhook_events`; field by field, because a webhook should load no schema. */
export const presentWebhookEvent = (row: WebhookEventRow): StripeWebhookEvent => ({
  environment: row.environment,
  eventId: row.provider_event_id,
  eventType: row.event_type,
  livemode: row.livemode,
  accountId: row.provider_account_id,
  objectType: row.object_type,
  objectId: row.object_id,
  processingStatus: row.processing_status,
  attemptCount: row.attempt_count,
  lastError: redactOrNull(row.last_error),
  receivedAt: iso(row.received_at),
  processedAt: isoOrNull(row.processed_at),
  createdAt: iso(row.created_at),
  updatedAt: iso(row.updated_at),
})
