/**
 * The engine of local Stripe: one account in one mode, with its objects, its time and its events. It knows no HTTP. The
 * functions in `resources/` act on it.
 */
import { previousAttributes } from './diff.ts'
import { createEventLog, type EventLog } from './event-log.ts'
import { createHooks, type Hooks } from './hooks.ts'
import { createIds, type Ids } from './ids.ts'
import { createStore, type Store } from './store.ts'
import { createTimeline, type Timeline } from './timeline.ts'
import type { Json, LineItem, Metadata, PaymentMethod, RequestInfo, StripeObject } from './types.ts'
import { PINNED_VERSION, renderObject } from './versions.ts'
import { createWarnings, type Warnings } from './warnings.ts'

/** What Stripe does when a renewal keeps failing (https://docs.stripe.com/billing/revenue-recovery/smart-retries). */
export interface Dunning {
  /** Days between a failed attempt and its retry, for each retry. */
  retryDays: number[]
  /** Status of the subscription after the last retry has failed. */
  finally: 'canceled' | 'unpaid' | 'past_due'
}

export interface EngineOptions {
  accountId?: string
  livemode?: boolean
  /** The same seed gives the same ids. */
  seed?: number
  /** The present. Default: the machine's clock. */
  now?: () => Date
  /** Base URL of the hosted pages. */
  pagesUrl?: string
  /** API versions in which each event is rendered, besides the pinned one and those of the endpoints. */
  apiVersions?: string[]
  dunning?: Dunning
  /** Seconds after which an asynchronous payment settles by itself. Null (the default) waits for `settlePayment`. */
  settleAfterSeconds?: number | null
  /** Where parameters without effect are recorded. Default: a silent record of this engine. */
  warnings?: Warnings
}

/** How a payment method behaves when it is charged. */
export interface Behaviour {
  outcome: 'succeeds' | 'declines' | 'settles later'
  code?: string
  declineCode?: string
  message?: string
  /** Whether the method can be attached to a customer. Some methods can, and fail when they are charged. */
  attaches: boolean
  /** Whether a payment that settles later fails. */
  failsLater?: boolean
  /** Whether each payment is disputed as fraudulent at once. */
  disputed?: boolean
  /**
   * Whether the customer must authenticate each payment, or only those before the method is set up for payments off
   * session (3-D Secure).
   */
  authentication?: 'always' | 'until set up'
  /** How refunds end. Without it they succeed at once. */
  refund?: 'pending' | 'fails later'
}

/** What a customer entered on the checkout page. */
export interface Entered {
  /** The method for this payment; null only when there is nothing to pay. */
  method: PaymentMethod | null
  email?: string
  name?: string
  /** Country of the billing and the shipping address. */
  country?: string
  /** Where the customer lives, in the country. */
  address?: { line1?: string; city?: string; postal_code?: string }
  phone?: string
  businessName?: string
  taxId?: string
  /** Whether the customer accepts the terms of service. */
  acceptsTerms?: boolean
  /** Whether the customer wants promotional messages. */
  optsIn?: boolean
  /** Quantities of the line items, by place, where the page lets the customer change them. */
  quantities?: Record<number, number>
  /** The amount of a price that leaves it to the customer, in minor units. */
  amount?: number
  /** The customer's own currency, with adaptive pricing. */
  presentmentCurrency?: string
  /** Whether to save the payment method, where the page offers that. */
  saveMethod?: boolean
  /** Values of the session's custom fields, by key. */
  customFields?: Record<string, string>
  /** Id of one of the session's shipping rates. By default the first. */
  shippingRate?: string
}

/** What a price costs in another currency than its own. */
export interface CurrencyOption {
  custom_unit_amount: null
  tax_behavior: 'exclusive' | 'inclusive' | 'unspecified'
  unit_amount: number | null
  unit_amount_decimal: string | null
}

/** What Stripe stores with a checkout session and does not show in the object. */
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
  /** What the customer pays of a price that leaves it to them. */
  payWhatYouWant: number | null
  /** Whether automatic tax applies. */
  taxed: boolean
  /** Id of the coupon that applies. */
  coupon: string | null
  /** Id of the promotion code that gave the coupon. */
  promotionCode: string | null
  /** End of the trial in seconds since 1970. */
  trialEnd: number | null
  /** Length of the trial in days from the payment. */
  trialDays: number | null
  trialMissingPaymentMethod: string
  /** First moment of the billing cycle in seconds since 1970; null bills from the purchase on. */
  billingAnchor: number | null
  /** Whether the time before the billing anchor is charged. */
  prorates: boolean
  /** Id of the chosen shipping rate. */
  shippingRate: string | null
  /** What the customer entered before the authentication that is awaited now. */
  entered: Entered | null
  /** Parameters of the copy that the recovery link opens; null without `after_expiration.recovery`. */
  recovery: object | null
  /** Id of a subscription whose first payment was declined on the page. The next attempt pays its invoice. */
  incompleteSubscription: string | null
}

export interface Engine extends Timeline, EventLog, Hooks {
  readonly accountId: string
  readonly livemode: boolean
  readonly store: Store
  readonly ids: Ids
  readonly dunning: Dunning
  readonly settleAfterSeconds: number | null
  readonly warnings: Warnings
  /** How payment methods behave, by id. */
  readonly behaviours: Map<string, Behaviour>
  /** Details of checkout sessions, by id. */
  readonly sessions: Map<string, SessionDetails>
  /** The amounts of prices in other currencies than their own, by the price's id. The API shows them when expanded. */
  readonly currencyOptions: Map<string, Record<string, CurrencyOption>>
  /** Subscriptions whose `trial_will_end` event was sent. */
  readonly trialWarnings: Set<string>
  /** Signing secrets by endpoint id. The API shows each of them once. */
  readonly endpointSecrets: Map<string, string>
  pagesUrl: string
  /** The rate of automatic tax in percent; null for an account without tax settings. */
  readonly tax: { percent: number | null }
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
    warnings: options.warnings ?? createWarnings(),
    behaviours: new Map(),
    sessions: new Map(),
    currencyOptions: new Map(),
    trialWarnings: new Set(),
    endpointSecrets: new Map(),
    tax: { percent: null },
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
 * Changes an object and emits events of the given types. Types that end in `.updated`, and `charge.refunded`, carry the
 * former values, and are not emitted when nothing changes.
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
    const carriesFormer = type.endsWith('.updated') || type === 'charge.refunded'
    if (carriesFormer && !changed) continue
    engine.emit(type, object, carriesFormer ? before : undefined)
  }
  return object
}
