/** The ledger: what Stripe told, what became of it, and another try for what failed. */
import type { StripeEnvironment } from '../../types/api.ts'
import type { Database } from '../core/database.ts'
import { apiError } from '../core/errors.ts'
import { redact } from '../core/log.ts'
import { readPage } from '../core/paging.ts'
import { presentEvent } from '../core/present-parts.ts'
import { listWebhookEvents, readWebhookEvent } from '../core/reads.ts'
import { route } from '../core/route.ts'
import {
  environmentParams,
  eventParams,
  retryEventResponse,
  retryEventsBody,
  retryEventsResponse,
  webhookEventResponse,
  webhookEventsQuery,
  webhookEventsResponse,
} from '../core/schema-parts.ts'
import { replayWebhookEvents } from '../core/sql.ts'

async function eventOf(database: Database, environment: StripeEnvironment, eventId: string) {
  const event = await readWebhookEvent(database, environment, eventId)
  if (event) return event
  throw apiError(404, 'PAYMENT_NOT_FOUND', `No event with this id was kept for ${environment}.`, {
    nextActions: 'Look its id up in the list of events; a recovery takes in those that never arrived.',
  })
}

const listEvents = route({
  id: 'listWebhookEvents',
  method: 'GET',
  path: '/stripe/{environment}/webhook-events',
  summary: 'Kept events without their payloads, the last to arrive first',
  params: environmentParams,
  query: webhookEventsQuery,
  response: webhookEventsResponse,
  async handle({ params: { environment }, query: { limit, cursor, ...filters } }, deps) {
    const scope = { list: 'webhook-events', filters: { environment, ...filters } }
    const { rows, nextCursor } = await readPage(deps, scope, cursor, (after) =>
      listWebhookEvents(deps.database, { environment, limit, after, ...filters }),
    )
    return { events: rows.map(presentEvent), nextCursor }
  },
})

const getEvent = route({
  id: 'getWebhookEvent',
  method: 'GET',
  path: '/stripe/{environment}/webhook-events/{eventId}',
  summary: 'One kept event with its payload',
  params: eventParams,
  response: webhookEventResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment, eventId } }, { database }) {
    const event = await eventOf(database, environment, eventId)
    const payload = event.payload as Record<string, unknown>
    return { event: { ...presentEvent(event), payload: Object.keys(payload).length > 0 ? payload : null } }
  },
})

const retryEvent = route({
  id: 'retryWebhookEvent',
  method: 'POST',
  path: '/stripe/{environment}/webhook-events/{eventId}/retry',
  summary: 'Tries one failed event again, fulfilment included',
  description: 'An event that is finished, or whose payload was pruned, stays as it is: `retried` is false.',
  params: eventParams,
  response: retryEventResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment, eventId } }, { database }) {
    await eventOf(database, environment, eventId)
    const tried = await replayWebhookEvents(database, {
      environment,
      providerEventId: eventId,
      max: 1,
    })
    return { event: presentEvent(await eventOf(database, environment, eventId)), retried: tried.length > 0 }
  },
})

const retryEvents = route({
  id: 'retryWebhookEvents',
  method: 'POST',
  path: '/stripe/{environment}/webhook-events/retry',
  summary: 'Tries failed events again, in the order in which they happened',
  description:
    'Also those that are not tried again by themselves any more. Call it again until nothing is left.',
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
      results: tried.map((event) => ({
        eventId: event.replayed_event_id,
        processingStatus: event.processing_status as 'processed' | 'ignored' | 'failed',
        lastError: event.last_error === null ? null : redact(event.last_error),
      })),
    }
  },
})

export const eventRoutes = [listEvents, getEvent, retryEvent, retryEvents]
