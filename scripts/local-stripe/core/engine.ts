/**
 * The heart of local Stripe: one account in one mode, with its objects, its clock, its schedule and its events. It knows
 * no HTTP; operations on it are the functions in `resources/`.
 */
import { previousAttributes } from './diff.ts'
import { createEventLog, type EventLog } from './event-log.ts'
import { createHooks, type Hooks } from './hooks.ts'
import { createIds, type Ids } from './ids.ts'
import { createStore, type Store } from './store.ts'
import { createTimeline, type Timeline } from './timeline.ts'
import type { Json, LineItem, Metadata, RequestInfo, StripeObject } from './types.ts'
import { PINNED_VERSION, renderObject } from './versions.ts'

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

export interface Engine extends Timeline, EventLog, Hooks {
  readonly accountId: string
  readonly livemode: boolean
  readonly store: Store
  readonly ids: Ids
  readonly dunning: Dunning
  readonly settleAfterSeconds: number | null
  /** How payment methods behave, by id. */
  readonly behaviours: Map<string, Behaviour>
  /** What is remembered of checkout sessions, by id. */
  readonly sessions: Map<string, SessionDetails>
  /** Subscriptions whose `trial_will_end` event was sent. */
  readonly trialWarnings: Set<string>
  /** Signing secrets by endpoint id. The API shows each of them once. */
  readonly endpointSecrets: Map<string, string>
  pagesUrl: string
  /** The current request. The events that it causes show it. */
  request: RequestInfo
  /** What Stripe would return now for every object, by id. */
  endState(version?: string): Record<string, Json>
}

/** The account, unless another is named. */
export const ACCOUNT_ID = 'acct_1LocalStripe00000'

const NO_REQUEST: RequestInfo = { id: null, idempotency_key: null }

/**
 * Makes an empty account in one mode, in which nothing listens to the hooks yet: see `create-engine.ts`.
 * `events` and `endState()` together are a life cycle: what Stripe has sent, and what is true.
 */
export function createBareEngine(options: EngineOptions = {}): Engine {
  const { livemode = false, accountId = ACCOUNT_ID, apiVersions = [] } = options
  const store = createStore()
  const ids = createIds(options.seed)

  const outsideRequests = (work: () => void): void => {
    const { request } = engine
    engine.request = { ...NO_REQUEST }
    try {
      work()
    } finally {
      engine.request = request
    }
  }

  const timeline = createTimeline(store, options.now ?? (() => new Date()), outsideRequests)
  const log = createEventLog({
    store,
    ids,
    livemode,
    apiVersions,
    now: timeline.now,
    request: () => engine.request,
  })

  const engine: Engine = {
    ...timeline,
    ...log,
    ...createHooks(),
    accountId,
    livemode,
    store,
    ids,
    dunning: options.dunning ?? { retryDays: [3, 5, 7], finally: 'canceled' },
    settleAfterSeconds: options.settleAfterSeconds ?? null,
    behaviours: new Map(),
    sessions: new Map(),
    trialWarnings: new Set(),
    endpointSecrets: new Map(),
    pagesUrl: options.pagesUrl ?? 'http://127.0.0.1',
    request: { ...NO_REQUEST },
    endState(version = PINNED_VERSION) {
      const objects = store
        .all()
        .map((object) => [object.id, renderObject(structuredClone(object), version, store)])
      return Object.fromEntries(objects) as Record<string, Json>
    },
  }
  return engine
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
