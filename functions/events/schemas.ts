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
  yesOrNo,
} from '../core/schema-parts.ts'
import { environmentSchema, named, wholeNumber } from '../core/validation.ts'

export const eventParams = environmentParams.extend({ eventId: id })

const eventStatus = named('WebhookEventStatus', z.enum(['pending', 'processed', 'failed', 'ignored']))

const eventFilters = {
  type: id.describe('For example `invoice.paid`.').optional(),
  objectType: id.optional(),
  objectId: id.optional(),
  eventId: id.optional(),
  isDeadLettered: yesOrNo.describe('Whether it failed and is no longer retried automatically.').optional(),
  ...range('Received'),
}

export const webhookEventsQuery = z.strictObject({
  status: oneOf(eventStatus).optional(),
  ...eventFilters,
  ...page,
})
export const eventCountQuery = z.strictObject({ status: oneOf(eventStatus).optional(), ...eventFilters })

export const retryEventsBody = request('RetryWebhookEventsRequest', {
  eventType: id.optional(),
  objectId: id.optional(),
  ...range('Created at Stripe'),
  limit: wholeNumber(1, 500).describe('1 to 500; 100 if omitted.').default(100),
})

const webhookEvent = component('StripeWebhookEvent', {
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

/** An event as the lists show it. */
export const ledgerEvent = webhookEvent
  .extend({
    providerCreatedAt: nullableInstant.describe('When it happened at Stripe.'),
    nextAttemptAt: nullableInstant.describe('When it is retried; null if it is not.'),
    isDeadLettered: z.boolean().describe('Whether it failed and is no longer retried automatically.'),
  })
  .meta({ id: 'StripeLedgerEvent' })

export const webhookResponse = answer('WebhookResponse', {
  received: z.literal(true),
  handled: z.boolean().describe('True if the event was processed, now or in an earlier delivery.'),
  event: webhookEvent.optional(),
})
export const webhookEventsResponse = pageOf('ListWebhookEventsResponse', { events: z.array(ledgerEvent) })
export const webhookEventResponse = answer('GetWebhookEventResponse', {
  event: ledgerEvent.extend({
    payload: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe('The event as Stripe sent it; null if it was pruned.'),
  }),
})
export const eventCountResponse = answer('CountWebhookEventsResponse', {
  count,
  isExact: z.boolean().describe('False if there are more: it stops counting at 10,000.'),
  oldestReceivedAt: nullableInstant,
  newestReceivedAt: nullableInstant,
})
export const retryEventResponse = answer('RetryWebhookEventResponse', {
  event: ledgerEvent,
  retried: z
    .boolean()
    .describe('False if there was nothing to do: the event is finished, or its payload was pruned.'),
})
export const retryEventsResponse = answer('RetryWebhookEventsResponse', {
  results: z.array(
    answer('RetriedEvent', { eventId: z.string(), processingStatus: eventStatus, lastError: errorText }),
  ),
})
