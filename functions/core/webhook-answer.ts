/**
 * How the event in the answer of a webhook is made of its row. Generated from the schemas of the routes by `npm run generate`.
 * Do not edit.
 */
import type { Fields } from './shape.ts'

export const WEBHOOK_EVENT: Fields = {
  environment: ['environment', 'value'],
  eventId: ['event_id', 'value'],
  eventType: ['event_type', 'value'],
  livemode: ['livemode', 'value'],
  accountId: ['account_id', 'value'],
  objectType: ['object_type', 'value'],
  objectId: ['object_id', 'value'],
  processingStatus: ['processing_status', 'value'],
  attemptCount: ['attempt_count', 'count'],
  lastError: ['last_error', 'redacted'],
  receivedAt: ['received_at', 'instant'],
  processedAt: ['processed_at', 'instant'],
  createdAt: ['created_at', 'instant'],
  updatedAt: ['updated_at', 'instant'],
}
