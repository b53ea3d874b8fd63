/**
 * The heart of local Stripe: one account in one mode, with its objects, its clock, its schedule and its events. It knows
 * no HTTP; operations on it are the functions in `resources/`.
 */
import { previousAttributes } from './diff.ts'
import { createIds, type Ids } from './ids.ts'
import { createStore, type Store } from './store.ts'
import type {
  Json,
  LineItem,
  Metadata,
  RequestInfo,
  StripeEvent,
  StripeObject,
  WebhookEndpoint,
} from './types.ts'
import { pinnedVersion, renderObject } from './versions.ts'

/** What is done when a subscription's renewal keeps failing (https://docs.stripe.com/billing/revenue-recovery/smart-retries). */
export interface Dunning {
  /** Days after the failed attempt before at which each retry is made. */
  retryDays: number[]
  /** What becomes of the subscription when the last retry failed. */
  finally: 'canceled' | 'unpaid' | 'past_due'
}

export interface EngineOptions {
  accountId?: string
  livemode?: boolean
  /** The same seed gives the same ids. */
  seed?: number
  /** The present; the machine's clock unless stated. */
  now?: () => Date
  /** Address under which the hosted pages are served. */
  pagesUrl?: string
  /** Versions in which each event is rendered when it happens, besides the pinned one and those of the endpoints. */
  apiVersions?: string[]
  dunning?: Dunning
  /** Seconds after which an asynchronous payment settles by itself; null (the default) leaves it to `settle`. */
  settleAfterSeconds?: number | null
}

/** One event, with what it says in each version that somebody wants. */
export interface EventRecord {
  event: StripeEvent
  /** The object as it was before, where the event tells former values. */
  before: object | undefined
  renderings: Map<string, StripeEvent>
}

/** How a payment method behaves when it is charged. */
export interface Behaviour {
  outcome: 'succeeds' | 'declines' | 'settles later'
  code?: string
  declineCode?: string
  message?: string
  /** A card that can be saved and fails whenever it is charged. */
  attaches: boolean
  /** For later settlement: whether it fails then. */
  failsLater?: boolean
  /** Each payment is disputed as fraudulent as soon as it was made. */
  disputed?: boolean
  /** What becomes of refunds, which else succeed at once. */
  refund?: 'pending' | 'fails later'
}

/** What Stripe remembers of a checkout session besides the object itself. */
export interface SessionDetails {
  lineItems: LineItem[]
  paymentIntentData: {
    metadata: Metadata
    description?: string
    setup_future_usage?: string
    capture_method?: string
    receipt_email?: string
  }
  subscriptionData: { metadata: Metadata; description?: string }
  /** Id of the coupon that applies, and of the promotion code it came by. */
  coupon: string | null
  promotionCode: string | null
  /** When a trial ends (seconds since 1970), or how many days it has from the moment of payment. */
  trialEnd: number | null
  trialDays: number | null
  trialMissingPaymentMethod: string
  /** A subscription whose first payment was declined on the page; the next attempt pays it. */
  incompleteSubscription: string | null
}

interface Task {
  at: number
  clock: string | null
  order: number
  run: () => void
}

export interface Engine {
  readonly accountId: string
  readonly livemode: boolean
  readonly store: Store
  readonly ids: Ids
  readonly dunning: Dunning
  readonly settleAfterSeconds: number | null
  readonly events: EventRecord[]
  readonly behaviours: Map<string, Behaviour>
  readonly sessions: Map<string, SessionDetails>
  /** Subscriptions for which the end of the trial was announced. */
  readonly trialWarnings: Set<string>
  /** Secrets of endpoints by endpoint id. Shown once, kept for signing. */
  readonly endpointSecrets: Map<string, string>
  pagesUrl: string
  /** The request that is being carried out: shown in the events it causes. */
  request: RequestInfo
  /** Seconds since 1970, on the test clock of the customer if it has one. */
  now(customer?: string | null): number
  /** Moves the clock of everything that has no test clock, doing on the way what falls due. */
  advance(seconds: number): void
  /** Moves a test clock, doing on the way what falls due for its customers. */
  advanceClock(clock: string, to: number): void
  /** Does what has fallen due by now. */
  tick(): void
  /** Plans work; a plan with the same key is replaced. `at` null drops it. */
  schedule(key: string, customer: string | null, at: number | null, run: () => void): void
  /** The moment of the next planned work that is on no test clock. */
  nextDue(): number | null
  /** Records an event about the object as it is now. */
  emit(type: string, object: StripeObject, before?: object): void
  onEvent(listener: (record: EventRecord) => void): void
  /** The event's body in an API version; null stands for the pinned one. */
  render(record: EventRecord, version: string | null): StripeEvent
  /** What Stripe would answer now for every object, by id. */
  endState(version?: string): Record<string, Json>
}

/**
 * Makes an empty account in one mode. `endState()` and `events` together are a life cycle: what was told, and what is true.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  const { livemode = false, accountId = 'acct_1LocalStripe00000', apiVersions = [] } = options
  const wall = options.now ?? (() => new Date())
  const store = createStore()
  const tasks = new Map<string, Task>()
  const listeners: ((record: EventRecord) => void)[] = []
  let offset = 0
  let moment: number | null = null
  let order = 0

  const present = (): number => moment ?? Math.floor(wall().getTime() / 1000) + offset

  const clockOf = (customer: string | null | undefined): string | null =>
    (customer && store.get('customer', customer)?.test_clock) || null

  const earliest = (clock: string | null, until: number): string | null => {
    let found: string | null = null
    let best: Task | null = null
    for (const [key, task] of tasks) {
      if (task.clock !== clock || task.at > until) continue
      if (!best || task.at < best.at || (task.at === best.at && task.order < best.order)) {
        best = task
        found = key
      }
    }
    return found
  }

  const runDue = (clock: string | null, until: number, enter: (at: number) => void): void => {
    for (let key = earliest(clock, until); key !== null; key = earliest(clock, until)) {
      const task = tasks.get(key) as Task
      tasks.delete(key)
      enter(task.at)
      task.run()
    }
  }

  const quietly = (work: () => void): void => {
    const { request } = engine
    engine.request = { id: null, idempotency_key: null }
    try {
      work()
    } finally {
      engine.request = request
      moment = null
    }
  }

  const engine: Engine = {
    accountId,
    livemode,
    store,
    ids: createIds(options.seed),
    dunning: options.dunning ?? { retryDays: [3, 5, 7], finally: 'canceled' },
    settleAfterSeconds: options.settleAfterSeconds ?? null,
    events: [],
    behaviours: new Map(),
    sessions: new Map(),
    trialWarnings: new Set(),
    endpointSecrets: new Map(),
    pagesUrl: options.pagesUrl ?? 'http://127.0.0.1',
    request: { id: null, idempotency_key: null },

    now(customer) {
      const clock = clockOf(customer)
      return clock ? store.require('test_helpers.test_clock', clock).frozen_time : present()
    },

    advance(seconds) {
      const until = present() + seconds
      quietly(() => runDue(null, until, (at) => (moment = Math.max(at, until - seconds))))
      offset += seconds
    },

    advanceClock(id, to) {
      const clock = store.require('test_helpers.test_clock', id)
      quietly(() =>
        runDue(id, to, (at) => {
          clock.frozen_time = Math.max(at, clock.frozen_time)
        }),
      )
      clock.frozen_time = to
    },

    tick() {
      const until = present()
      if (earliest(null, until) === null) return
      quietly(() => runDue(null, until, (at) => (moment = at)))
    },

    schedule(key, customer, at, run) {
      if (at === null) tasks.delete(key)
      else {
        order += 1
        tasks.set(key, { at, clock: clockOf(customer), order, run })
      }
    },

    nextDue() {
      const key = earliest(null, Number.POSITIVE_INFINITY)
      return key === null ? null : (tasks.get(key)?.at ?? null)
    },

    emit(type, object, before) {
      const now = structuredClone(object) as unknown as Json
      const event: StripeEvent = {
        id: engine.ids.next('evt_'),
        object: 'event',
        api_version: pinnedVersion,
        created: engine.now(customerOf(object, store)),
        data: { object: now, ...(before ? { previous_attributes: previousAttributes(before, now) } : {}) },
        livemode,
        pending_webhooks: endpointsFor(store, type).length,
        request: { ...engine.request },
        type,
      }
      const record: EventRecord = { event, before, renderings: new Map() }
      const endpoints = endpointsFor(store, type)
      for (const version of new Set([...apiVersions, ...endpoints.map((endpoint) => endpoint.api_version)])) {
        if (version && version !== pinnedVersion)
          record.renderings.set(version, rendered(event, before, version))
      }
      engine.events.push(record)
      for (const listener of listeners) listener(record)
    },

    onEvent: (listener) => void listeners.push(listener),

    render(record, version) {
      if (!version || version === pinnedVersion) return record.event
      const known = record.renderings.get(version) ?? rendered(record.event, record.before, version)
      return { ...known, pending_webhooks: record.event.pending_webhooks }
    },

    endState(version = pinnedVersion) {
      const objects = store
        .all()
        .map((object) => [object.id, renderObject(structuredClone(object), version, store)])
      return Object.fromEntries(objects) as Record<string, Json>
    },
  }

  /** The event as an endpoint of an older version gets it, former values included. */
  const rendered = (event: StripeEvent, before: object | undefined, version: string): StripeEvent => {
    const object = renderObject(structuredClone(event.data.object), version, store)
    if (!before) return { ...event, api_version: version, data: { ...event.data, object } }
    const former = renderObject(structuredClone(before) as Json, version, store)
    return {
      ...event,
      api_version: version,
      data: { object, previous_attributes: previousAttributes(former, object) },
    }
  }

  return engine
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

/** The customer an object belongs to, if any: it decides on which clock the object lives. */
function customerOf(object: StripeObject, store: Store): string | null {
  if (object.object === 'customer') return object.id
  const { customer, invoice, charge } = object as { customer?: unknown; invoice?: unknown; charge?: unknown }
  if (typeof customer === 'string') return customer
  if (typeof invoice === 'string') return store.get('invoice', invoice)?.customer ?? null
  if (typeof charge === 'string') return store.get('charge', charge)?.customer ?? null
  return null
}

/**
 * Changes an object and records what Stripe would tell about it. Types that end in `.updated`, and `charge.refunded`,
 * carry the former values; an update that changes nothing is not told.
 */
export function change<T extends StripeObject>(
  engine: Engine,
  object: T,
  changes: Partial<T>,
  ...types: string[]
): T {
  const before = structuredClone(object)
  Object.assign(object, changes)
  const changed = Object.keys(previousAttributes(before, object)).length > 0
  for (const type of types) {
    const tellsFormer = type.endsWith('.updated') || type === 'charge.refunded'
    if (tellsFormer && !changed) continue
    engine.emit(type, object, tellsFormer ? before : undefined)
  }
  return object
}
