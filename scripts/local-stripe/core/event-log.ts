/**
 * The events of one account in one mode. Each is rendered when it happens, in every API version that an endpoint has.
 */
import { previousAttributes } from './diff.ts'
import type { Ids } from './ids.ts'
import type { Store } from './store.ts'
import type { Json, RequestInfo, StripeEvent, StripeObject, WebhookEndpoint } from './types.ts'
import { PINNED_VERSION, renderObject } from './versions.ts'

/** One event, with its renderings in other versions than the pinned one, by version. */
export interface EventRecord {
  event: StripeEvent
  /** The object before the change, for events that carry `previous_attributes`. */
  before: object | undefined
  renderings: Map<string, StripeEvent>
}

export interface EventLog {
  /** Oldest first. */
  readonly events: EventRecord[]
  /** Records an event about the object as it is now. */
  emit(type: string, object: StripeObject, before?: object): void
  /** Calls a function at each later event. */
  onEvent(listener: (record: EventRecord) => void): void
  /** The event's body in an API version; null stands for the pinned one. */
  render(record: EventRecord, version: string | null): StripeEvent
}

/** What the log needs of the account that it belongs to. */
export interface EventSource {
  store: Store
  ids: Ids
  livemode: boolean
  /** Versions in which each event is rendered, besides the pinned one and those of the endpoints. */
  apiVersions: string[]
  now: (customer: string | null) => number
  /** The request that causes the events. */
  request: () => RequestInfo
}

export function createEventLog(source: EventSource): EventLog {
  const { store } = source
  const events: EventRecord[] = []
  const listeners: ((record: EventRecord) => void)[] = []
  return {
    events,

    emit(type, object, before) {
      const now = structuredClone(object) as unknown as Json
      const endpoints = endpointsFor(store, type)
      const event: StripeEvent = {
        id: source.ids.next('evt_'),
        object: 'event',
        api_version: PINNED_VERSION,
        created: source.now(customerOf(object, store)),
        data: { object: now, ...(before ? { previous_attributes: previousAttributes(before, now) } : {}) },
        livemode: source.livemode,
        pending_webhooks: endpoints.length,
        request: { ...source.request() },
        type,
      }
      const record: EventRecord = { event, before, renderings: new Map() }
      const versions = new Set([...source.apiVersions, ...endpoints.map((endpoint) => endpoint.api_version)])
      for (const version of versions) {
        if (version && version !== PINNED_VERSION)
          record.renderings.set(version, renderEvent(event, before, version, store))
      }
      events.push(record)
      for (const listener of listeners) listener(record)
    },

    onEvent: (listener) => void listeners.push(listener),

    render(record, version) {
      if (!version || version === PINNED_VERSION) return record.event
      const known = record.renderings.get(version) ?? renderEvent(record.event, record.before, version, store)
      return { ...known, pending_webhooks: record.event.pending_webhooks }
    },
  }
}

/** The event as an endpoint of an older version gets it, including the former values. */
function renderEvent(
  event: StripeEvent,
  before: object | undefined,
  version: string,
  store: Store,
): StripeEvent {
  const object = renderObject(structuredClone(event.data.object), version, store)
  if (!before) return { ...event, api_version: version, data: { ...event.data, object } }
  const former = renderObject(structuredClone(before) as Json, version, store)
  return {
    ...event,
    api_version: version,
    data: { object, previous_attributes: previousAttributes(former, object) },
  }
}

/** The enabled endpoints that want events of a type. */
export function endpointsFor(store: Store, type: string): WebhookEndpoint[] {
  return store
    .list('webhook_endpoint')
    .filter(
      (endpoint) =>
        endpoint.status === 'enabled' &&
        (endpoint.enabled_events.includes('*') || endpoint.enabled_events.includes(type)),
    )
}

/** The customer an object belongs to, if any. Its test clock dates the object's events. */
function customerOf(object: StripeObject, store: Store): string | null {
  if (object.object === 'customer') return object.id
  const { customer, invoice, charge } = object as { customer?: unknown; invoice?: unknown; charge?: unknown }
  if (typeof customer === 'string') return customer
  if (typeof invoice === 'string') return store.get('invoice', invoice)?.customer ?? null
  if (typeof charge === 'string') return store.get('charge', charge)?.customer ?? null
  return null
}
