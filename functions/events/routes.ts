/** The ledger: the events that Stripe sent, the outcome of each, and retries of those that failed. */
import type { StripeEnvironment } from '../../types/api.ts'
import type { Database } from '../core/database.ts'
import { apiError } from '../core/errors.ts'
import { listRoute } from '../core/paging.ts'
import { present } from '../core/present.ts'
import { newestFirst, readRows } from '../core/reads.ts'
import { route } from '../core/route.ts'
import { environmentParams } from '../core/schema-parts.ts'
import { replayWebhookEvents } from '../core/sql.ts'
import {
  eventParams,
  retriedEvent,
  retryEventResponse,
  retryEventsBody,
  retryEventsResponse,
  webhookEvent,
  webhookEventResponse,
  webhookEventsQuery,
} from './schemas.ts'

const EVENTS = 'payments_private.webhook_event_list'

async function readEvent(database: Database, environment: StripeEnvironment, eventId: string) {
  const [row] = await readRows(database, EVENTS, { event_id: eventId, environment })
  if (row) return row
  throw apiError(404, 'PAYMENT_NOT_FOUND', `No event with this id was kept for ${environment}.`, {
    nextActions: 'Look its id up in the list of events; a recovery takes in those that never arrived.',
  })
}

const listEvents = listRoute({
  id: 'listWebhookEvents',
  path: '/stripe/{environment}/webhook-events',
  summary: 'Lists recorded events without their payloads, the last received first',
  query: webhookEventsQuery,
  items: 'events',
  list: {
    name: 'webhook-events',
    answer: webhookEvent,
    view: EVENTS,
    order: newestFirst('received_at'),
    filters: { status: 'processing_status', type: 'event_type' },
  },
})

const getEvent = route({
  id: 'getWebhookEvent',
  method: 'GET',
  path: '/stripe/{environment}/webhook-events/{eventId}',
  summary: 'Returns one recorded event with its payload',
  params: eventParams,
  response: webhookEventResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment, eventId } }, { database }) {
    const row = await readEvent(database, environment, eventId)
    const payload = row.payload as Record<string, unknown>
    const isPruned = Object.keys(payload).length === 0
    return { event: { ...present(webhookEvent, row), payload: isPruned ? null : payload } }
  },
})

const retryEvent = route({
  id: 'retryWebhookEvent',
  method: 'POST',
  path: '/stripe/{environment}/webhook-events/{eventId}/retry',
  summary: 'Retries one failed event, including fulfilment',
  description: 'A finished event, or one whose payload was pruned, does not change: `retried` is false.',
  params: eventParams,
  response: retryEventResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment, eventId } }, { database }) {
    await readEvent(database, environment, eventId)
    const tried = await replayWebhookEvents(database, {
      environment,
      providerEventId: eventId,
      max: 1,
    })
    const row = await readEvent(database, environment, eventId)
    return { event: present(webhookEvent, row), retried: tried.length > 0 }
  },
})

const retryEvents = route({
  id: 'retryWebhookEvents',
  method: 'POST',
  path: '/stripe/{environment}/webhook-events/retry',
  summary: 'Retries failed events, in the order in which they happened',
  description:
    'Includes events that are no longer retried automatically. Call it again until `results` is empty.',
  params: environmentParams,
  body: retryEventsBody,
  bodyMayBeEmpty: true,
  response: retryEventsResponse,
  async handle({ params: { environment }, body }, { database }) {
    const tried = await replayWebhookEvents(database, {
      environment,
      eventType: body.eventType,
      objectId: body.objectId,
      happenedFrom: body.from,
      happenedBefore: body.to,
      max: body.limit,
    })
    return {
      results: tried.map((row) => present(retriedEvent, { ...row, event_id: row.replayed_event_id })),
    }
  },
})

export const eventRoutes = [listEvents, getEvent, retryEvent, retryEvents]
