/** Events of the ledger as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import * as s from '../core/schema-parts.ts'

export const eventParams = s.environmentParams.extend({ eventId: s.id })

const eventStatus = s.named('WebhookEventStatus', z.enum(['pending', 'processed', 'failed', 'ignored']))

export const webhookEventsQuery = z.strictObject({
  status: s.oneOf(eventStatus).optional(),
  type: s.id.describe('For example `invoice.paid`.').optional(),
  objectType: s.id.optional(),
  objectId: s.id.optional(),
  ...s.range('Received'),
  ...s.page,
})

export const retryEventsBody = s.request('RetryWebhookEventsRequest', {
  eventType: s.id.optional(),
  objectId: s.id.optional(),
  ...s.range('Created at Stripe'),
  limit: s.wholeNumber(1, 500).describe('1 to 500; 100 if omitted.').default(100),
})

export const webhookEvent = s.component('StripeWebhookEvent', {
  environment: s.environment,
  eventId: z.string(),
  eventType: z.string(),
  livemode: z.boolean(),
  accountId: s.nullable,
  objectType: s.nullable,
  objectId: s.nullable,
  processingStatus: eventStatus,
  attemptCount: s.count,
  lastError: s.errorText,
  receivedAt: s.instant,
  processedAt: s.nullableInstant,
  ...s.timestamps,
})

export const webhookResponse = s.answer('WebhookResponse', {
  received: z.literal(true),
  handled: z.boolean().describe('True if the event was processed, now or in an earlier delivery.'),
  event: webhookEvent.optional(),
})
export const webhookEventResponse = s.answer('GetWebhookEventResponse', {
  event: webhookEvent.extend({
    payload: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('The event as Stripe sent it; null if it was pruned.'),
  }),
})
export const retryEventResponse = s.answer('RetryWebhookEventResponse', {
  event: webhookEvent,
  retried: z
    .boolean()
    .describe('False if there was nothing to do: the event is finished, or its payload was pruned.'),
})
export const retriedEvent = s.answer('RetriedEvent', {
  eventId: z.string(),
  processingStatus: eventStatus,
  lastError: s.errorText,
})
export const retryEventsResponse = s.answer('RetryWebhookEventsResponse', { results: z.array(retriedEvent) })
