/** Events of the ledger as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import {
  answer,
  component,
  count,
  environmentParams,
  errorText,
  id,
  instant,
  nullable,
  nullableInstant,
  oneOf,
  page,
  pageOf,
  range,
  request,
} from '../core/schema-parts.ts'
import { environmentSchema, named, wholeNumber } from '../core/validation.ts'

export const eventParams = environmentParams.extend({ eventId: id })

const eventStatus = named('WebhookEventStatus', z.enum(['pending', 'processed', 'failed', 'ignored']))

export const webhookEventsQuery = z.strictObject({
  status: oneOf(eventStatus).optional(),
  type: id.describe('For example `invoice.paid`.').optional(),
  objectType: id.optional(),
  objectId: id.optional(),
  ...range('Received'),
  ...page,
})

export const retryEventsBody = request('RetryWebhookEventsRequest', {
  eventType: id.optional(),
  objectId: id.optional(),
  ...range('Created at Stripe'),
  limit: wholeNumber(1, 500).describe('1 to 500; 100 if omitted.').default(100),
})

export const webhookEvent = component('StripeWebhookEvent', {
  environment: environmentSchema,
  eventId: z.string(),
  eventType: z.string(),
  livemode: z.boolean(),
  accountId: nullable,
  objectType: nullable,
  objectId: nullable,
  processingStatus: eventStatus,
  attemptCount: count,
  lastError: errorText,
  receivedAt: instant,
  processedAt: nullableInstant,
  createdAt: instant,
  updatedAt: instant,
})

export const webhookResponse = answer('WebhookResponse', {
  received: z.literal(true),
  handled: z.boolean().describe('True if the event was processed, now or in an earlier delivery.'),
  event: webhookEvent.optional(),
})
export const webhookEventsResponse = pageOf('ListWebhookEventsResponse', { events: z.array(webhookEvent) })
export const webhookEventResponse = answer('GetWebhookEventResponse', {
  event: webhookEvent.extend({
    payload: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('The event as Stripe sent it; null if it was pruned.'),
  }),
})
export const retryEventResponse = answer('RetryWebhookEventResponse', {
  event: webhookEvent,
  retried: z
    .boolean()
    .describe('False if there was nothing to do: the event is finished, or its payload was pruned.'),
})
export const retriedEvent = answer('RetriedEvent', {
  eventId: z.string(),
  processingStatus: eventStatus,
  lastError: errorText,
})
export const retryEventsResponse = answer('RetryWebhookEventsResponse', {
  results: z.array(retriedEvent),
})
