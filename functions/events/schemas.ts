/** Events of the ledger as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import * as s from '../core/schema-parts.ts'

export const eventParams = s.environmentParams.extend({ eventId: s.id })

const eventStatus = s.named('WebhookEventStatus', z.enum(['pending', 'processed', 'failed', 'ignored']))

const eventFilters = {
  status: s.oneOf(eventStatus).optional(),
  type: s.id.describe('For example `invoice.paid`.').optional(),
  objectType: s.id.optional(),
  objectId: s.id.optional(),
  eventId: s.id.optional(),
  isDeadLettered: s.yesOrNo.describe('Whether it failed and is no longer retried automatically.').optional(),
  ...s.range('Received'),
}
export const webhookEventsQuery = z.strictObject({ ...eventFilters, ...s.page })
export const eventCountQuery = z.strictObject(eventFilters)

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

/** An event as the lists show it. */
export const ledgerEvent = webhookEvent
  .extend({
    providerCreatedAt: s.nullableInstant.describe('When it happened at Stripe.'),
    nextAttemptAt: s.nullableInstant.describe('When it is retried; null if it is not.'),
    isDeadLettered: z.boolean().describe('Whether it failed and is no longer retried automatically.'),
  })
  .meta({ id: 'StripeLedgerEvent' })

export const webhookResponse = s.answer('WebhookResponse', {
  received: z.literal(true),
  handled: z.boolean().describe('True if the event was processed, now or in an earlier delivery.'),
  event: webhookEvent.optional(),
})
export const webhookEventResponse = s.answer('GetWebhookEventResponse', {
  event: ledgerEvent.extend({
    payload: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('The event as Stripe sent it; null if it was pruned.'),
  }),
})
export const eventCountResponse = s.answer('CountWebhookEventsResponse', {
  count: s.count,
  isExact: z.boolean().describe('False if there are more: it stops counting at 10,000.'),
  oldestReceivedAt: s.nullableInstant,
  newestReceivedAt: s.nullableInstant,
})
export const retryEventResponse = s.answer('RetryWebhookEventResponse', {
  event: ledgerEvent,
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
