/** The ledger: the events that Stripe sent, the outcome of each, and retries of those that failed. */
import type { StripeEnvironment } from '../../types/api.ts'
import type { Database } from '../core/database.ts'
import { apiError } from '../core/errors.ts'
import { isoOrNull } from '../core/format.ts'
import { listRoute } from '../core/paging.ts'
import { present } from '../core/present.ts'
import { countRows, type List, newestFirst, readRows, whether } from '../core/reads.ts'
import { route } from '../core/route.ts'
import { environmentParams } from '../core/schema-parts.ts'
import { replayWebhookEvents } from '../core/sql.ts'
import {
  eventCountQuery,
  eventCountResponse,
  eventParams,
  ledgerEvent,
  retriedEvent,
  retryEventResponse,
  retryEventsBody,
  retryEventsResponse,
  webhookEventResponse,
  webhookEventsQuery,
} from './schemas.ts'

const EVENTS = 'payments_private.webhook_event_list'

/** The events of the ledger, the last received first. */
export const LEDGER_EVENTS: List<typeof ledgerEvent> = {
  name: 'webhook-events',
  answer: ledgerEvent,
  view: EVENTS,
  order: newestFirst('received_at'),
  filters: {
    status: 'processing_status',
    type: 'event_type',
    isDeadLettered: whether('isDeadLettered', "v.processing_status = 'failed' and v.next_attempt_at is null"),
  },
}

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
  list: LEDGER_EVENTS,
})

/** More are not counted: the answer is for a question before a change. */
const COUNTED_MAX = 10_000

const countEvents = route({
  id: 'countWebhookEvents',
  method: 'GET',
  path: '/stripe/{environment}/webhook-events/count',
  summary: 'Counts the events that fit these filters, up to 10,000',
  params: environmentParams,
  query: eventCountQuery,
  response: eventCountResponse,
  async handle({ params: { environment }, query }, { database }) {
    const { count, isExact, first, last } = await countRows(database, LEDGER_EVENTS, {
      environment,
      filters: query,
      max: COUNTED_MAX,
    })
    return { count, isExact, oldestReceivedAt: isoOrNull(first), newestReceivedAt: isoOrNull(last) }
  },
})

/** Fields whose values let their holder act for a customer. */
const isSecret = (key: string, holder: Record<string, unknown>) =>
  key === 'client_secret' || key === 'secret' || (key === 'url' && holder.object === 'billing_portal.session')

/** A payload for those who see everything but secrets. */
export function withoutSecrets(value: Record<string, unknown>): Record<string, unknown> {
  const shown = (inner: unknown): unknown => {
    if (Array.isArray(inner)) return inner.map(shown)
    return inner !== null && typeof inner === 'object'
      ? withoutSecrets(inner as Record<string, unknown>)
      : inner
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      inner !== null && isSecret(key, value) ? '[hidden]' : shown(inner),
    ]),
  )
}

const getEvent = route({
  id: 'getWebhookEvent',
  method: 'GET',
  path: '/stripe/{environment}/webhook-events/{eventId}',
  summary: 'Returns one recorded event with its payload',
  params: eventParams,
  response: webhookEventResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment, eventId }, role }, { database }) {
    const row = await readEvent(database, environment, eventId)
    const payload = row.payload as Record<string, unknown>
    const isPruned = Object.keys(payload).length === 0
    const shown = role === 'reader' ? withoutSecrets(payload) : payload
    return { event: { ...present(ledgerEvent, row), payload: isPruned ? null : shown } }
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
    return { event: present(ledgerEvent, row), retried: tried.length > 0 }
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

export const eventRoutes = [listEvents, countEvents, getEvent, retryEvent, retryEvents]
