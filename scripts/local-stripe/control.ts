/** What tests and developers can make local Stripe do besides its API. Each action is also `POST /_local/<name>`. */
import type { Engine } from './core/engine.ts'
import type {
  CheckoutSession,
  Dispute,
  Json,
  PaymentIntent,
  Refund,
  StripeEvent,
  Subscription,
} from './core/types.ts'
import type { Warning } from './core/warnings.ts'
import { authenticate } from './pages/authentication.ts'
import { type PaymentEntry, payEntered } from './pages/checkout.ts'
import { expireSession } from './resources/checkout.ts'
import { closeDispute, openDispute } from './resources/disputes.ts'
import { usualAnswers } from './resources/page-options.ts'
import { settlePayment } from './resources/payments.ts'
import {
  portalCancel,
  portalChangePlan,
  portalConfirm,
  portalRenew,
  portalResume,
} from './resources/portal.ts'
import { settleRefund } from './resources/refunds.ts'
import { createEndpoint } from './resources/webhook-endpoints.ts'
import type { Delivery, DeliveryAttempt } from './server/delivery.ts'
import type { FaultRule, Faults } from './server/faults.ts'
import type { SecretKey } from './server/keys.ts'

/**
 * An action with an object's id acts on the account that has it. The others act on the default account in test mode.
 */
export interface Control {
  /** Pays an open checkout session, as the hosted page does. A declined card throws Stripe's error. */
  pay(session: string, entry?: PaymentEntry): CheckoutSession
  /** Expires an open checkout session. */
  expire(session: string): CheckoutSession
  /**
   * The customer authenticates a payment (3-D Secure), or fails to, which throws Stripe's error.
   * @param id of the checkout session or of the payment intent
   */
  authenticate(id: string, succeeds?: boolean): CheckoutSession | PaymentIntent
  /**
   * Settles a payment that is processing: it succeeds or fails. If `succeeds` is left out, the payment method decides.
   * @param id of the payment intent or of the checkout session
   */
  settle(id: string, succeeds?: boolean): PaymentIntent
  portalCancel(session: string, subscription: string, when?: 'at_period_end' | 'immediately'): Subscription
  portalRenew(session: string, subscription: string): Subscription
  portalChangePlan(session: string, subscription: string, price: string): Subscription
  portalResume(session: string, subscription: string): Subscription
  /** Confirms the change that the flow `subscription_update_confirm` proposes. */
  portalConfirm(session: string): Subscription
  /** Lets a pending refund succeed, or any refund fail. */
  settleRefund(refund: string, succeeds: boolean): Refund
  openDispute(charge: string, options?: { amount?: number; reason?: string }): Dispute
  closeDispute(dispute: string, outcome: 'won' | 'lost'): Dispute
  /** Registers a webhook endpoint and returns its signing secret. */
  addEndpoint(options: { url: string; events?: string[]; apiVersion?: string; live?: boolean }): {
    id: string
    secret: string
  }
  /** Gives the account tax settings: one rate in percent for everything, or none with null. */
  setTaxRate(percent: number | null): void
  /** Moves time forward for everything without a test clock. */
  advance(seconds: number): void
  /** All events so far, oldest first, in the pinned API version or another one. */
  events(options?: { type?: string; apiVersion?: string; live?: boolean }): StripeEvent[]
  /** What the API would return now for every object, by id. */
  endState(options?: { apiVersion?: string; live?: boolean }): Record<string, Json>
  holdDelivery(): void
  /**
   * Delivers the held events and stops holding. Given ids, it delivers only those, in that order, and holds the rest.
   */
  releaseDelivery(order?: 'arrival' | 'reverse' | string[]): Promise<void>
  /** Delivers an event again, `times` times (once by default). */
  redeliver(event: string, times?: number): Promise<DeliveryAttempt[]>
  heldEvents(): string[]
  deliveries(filter?: { event?: string; type?: string }): DeliveryAttempt[]
  /** Resolves when every event has been delivered or given up. It does not concern payments. */
  settled(): Promise<void>
  /** Makes the next matching requests fail. */
  fail(rule: FaultRule): void
  clearFailures(): void
  /** Resolves as soon as a `hold` fault holds a request. */
  whenHeld(): Promise<void>
  /** Resumes the requests that a `hold` fault holds. */
  releaseHeld(): void
  /** Accepts one more secret key, of the account that it names or of the default one. */
  addKey(key: SecretKey): void
  /** Refuses a secret key from now on, for example to show what follows when a key is rolled in the Dashboard. */
  revokeKey(key: string): void
  /** The parameters without effect that requests have sent so far. Also `GET /_local/warnings`. */
  warnings(): Warning[]
  /** By how many seconds time here is ahead of this machine's clock. Also `GET /_local/clock`. */
  clock(): { secondsAhead: number }
}

/** What the control acts on. */
export interface Controlled {
  test: Engine
  live: Engine
  engines(): Engine[]
  engineWith(id: string): Engine | undefined
  deliveries(): Delivery[]
  deliveryOf(engine: Engine): Delivery
  faults: Faults
  addKey(key: SecretKey): void
  revokeKey(key: string): void
  afterAction(): void
}

export function createControl(site: Controlled): Control {
  const engineOf = (id: string): Engine => {
    const engine = site.engineWith(id) ?? site.test
    engine.tick()
    return engine
  }
  const engineOfMode = (live: boolean | undefined): Engine => (live ? site.live : site.test)
  const afterAction = <T>(value: T): T => {
    site.afterAction()
    return value
  }
  return {
    pay: (session, entry = {}) => {
      const engine = engineOf(session)
      const email = entry.email ?? 'buyer@example.com'
      return afterAction(
        structuredClone(payEntered(engine, session, { ...usualAnswers(engine, session), ...entry, email })),
      )
    },
    expire: (session) => {
      const engine = engineOf(session)
      return afterAction(
        structuredClone(expireSession(engine, engine.store.require('checkout.session', session))),
      )
    },
    authenticate: (id, succeeds = true) =>
      afterAction(structuredClone(authenticate(engineOf(id), id, succeeds))),
    settle: (id, succeeds) => {
      const engine = engineOf(id)
      const session = engine.store.get('checkout.session', id)
      return afterAction(
        structuredClone(settlePayment(engine, session ? intentOf(engine, session) : id, succeeds)),
      )
    },
    ...portalActions(engineOf, afterAction),
    settleRefund: (refund, succeeds) =>
      afterAction(structuredClone(settleRefund(engineOf(refund), refund, succeeds))),
    openDispute: (charge, options = {}) =>
      afterAction(structuredClone(openDispute(engineOf(charge), { charge, ...options }))),
    closeDispute: (dispute, outcome) =>
      afterAction(structuredClone(closeDispute(engineOf(dispute), dispute, outcome))),
    addEndpoint: ({ url, events = ['*'], apiVersion, live }) => {
      const { id, secret } = createEndpoint(engineOfMode(live), {
        url,
        enabled_events: events,
        api_version: apiVersion,
      })
      return { id, secret }
    },
    setTaxRate: (percent) => {
      for (const engine of site.engines()) engine.tax.percent = percent
    },
    advance: (seconds) => {
      for (const engine of site.engines()) engine.advance(seconds)
      site.afterAction()
    },
    events: ({ type, apiVersion, live } = {}) => {
      const engine = engineOfMode(live)
      return engine.events
        .filter((record) => type === undefined || record.event.type === type)
        .map((record) => structuredClone(engine.render(record, apiVersion ?? null)))
    },
    endState: ({ apiVersion, live } = {}) => engineOfMode(live).endState(apiVersion),
    holdDelivery: () => {
      for (const delivery of site.deliveries()) delivery.hold()
    },
    releaseDelivery: async (order = 'arrival') => {
      await Promise.all(site.deliveries().map((delivery) => delivery.release(order)))
    },
    redeliver: (event, times) => {
      const engine = [site.test, site.live].find((candidate) =>
        candidate.events.some((record) => record.event.id === event),
      )
      return site.deliveryOf(engine ?? site.test).redeliver(event, times)
    },
    heldEvents: () => site.deliveries().flatMap((delivery) => delivery.held()),
    deliveries: ({ event, type } = {}) =>
      site
        .deliveries()
        .flatMap((delivery) => delivery.attempts())
        .filter((attempt) => event === undefined || attempt.event === event)
        .filter((attempt) => type === undefined || attempt.type === type),
    settled: async () => {
      await Promise.all(site.deliveries().map((delivery) => delivery.whenIdle()))
    },
    ...faultActions(site.faults),
    addKey: (key) => site.addKey(key),
    revokeKey: (key) => site.revokeKey(key),
    warnings: site.test.warnings.list,
    clock: () => ({ secondsAhead: site.test.now() - Math.floor(Date.now() / 1000) }),
  }
}

type PortalActions = 'portalCancel' | 'portalRenew' | 'portalChangePlan' | 'portalResume' | 'portalConfirm'

const portalActions = (
  engineOf: (id: string) => Engine,
  afterAction: <T>(value: T) => T,
): Pick<Control, PortalActions> => {
  const act =
    <Rest extends unknown[]>(action: (engine: Engine, session: string, ...rest: Rest) => Subscription) =>
    (session: string, ...rest: Rest) =>
      afterAction(structuredClone(action(engineOf(session), session, ...rest)))
  return {
    portalCancel: act(portalCancel),
    portalRenew: act(portalRenew),
    portalChangePlan: act(portalChangePlan),
    portalResume: act(portalResume),
    portalConfirm: act(portalConfirm),
  }
}

const faultActions = (faults: Faults) => ({
  fail: (rule: FaultRule) => faults.add(rule),
  clearFailures: () => faults.clear(),
  whenHeld: () => faults.whenHeld(),
  releaseHeld: () => faults.release(),
})

/** The payment intent of a session, or of its invoice. */
function intentOf(engine: Engine, session: CheckoutSession): string {
  if (session.payment_intent) return session.payment_intent
  const payment = engine.store.list('invoice_payment').find((item) => item.invoice === session.invoice)
  return payment?.payment.payment_intent ?? session.id
}

/** Calls an action by its name with the arguments in `args`, as the HTTP control routes do. */
export async function callControl(control: Control, action: string, body: unknown): Promise<unknown> {
  const args = (body as { args?: unknown[] } | null)?.args ?? []
  if (!Object.hasOwn(control, action)) throw new Error(`There is no control action ${action}.`)
  const method = control[action as keyof Control] as (...values: unknown[]) => unknown
  return method(...args)
}
