/**
 * The Billing Portal: configurations, sessions and the customer's actions
 * (https://docs.stripe.com/customer-management).
 */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest, noSuch } from '../core/errors.ts'
import { listShape, paginate } from '../core/pagination.ts'
import {
  boolean,
  clearable,
  hash,
  type Infer,
  list,
  mergeMetadata,
  metadata,
  oneOf,
  refused,
  refusedUnless,
  required,
  string,
  url,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { PortalConfiguration, PortalSession, Price, Subscription } from '../core/types.ts'
import { priceIn } from './catalog.ts'
import { PORTAL_LOCALES } from './checkout-words.ts'
import { requireCustomer } from './customers.ts'
import { attachPaymentMethod } from './payment-methods.ts'
import { flowOf, flowShape } from './portal-flows.ts'
import { cancelSubscription, resumeSubscription, updateSubscription } from './subscriptions.ts'

const featuresShape = hash({
  customer_update: hash({ allowed_updates: list(string()), enabled: boolean() }),
  invoice_history: hash({ enabled: required(boolean()) }),
  payment_method_update: hash({
    enabled: required(boolean()),
    ...withoutEffect('payment_method_configuration'),
  }),
  subscription_cancel: hash({
    enabled: required(boolean()),
    mode: oneOf('at_period_end', 'immediately'),
    proration_behavior: oneOf('always_invoice', 'create_prorations', 'none'),
    ...withoutEffect('cancellation_reason'),
  }),
  subscription_pause: hash({ ...withoutEffect('duration', 'enabled') }),
  subscription_update: hash({
    default_allowed_updates: list(oneOf('price', 'promotion_code', 'quantity')),
    enabled: required(boolean()),
    products: clearable(
      list(
        hash({
          product: required(string()),
          prices: required(list(string())),
          ...withoutEffect('adjustable_quantity'),
        }),
      ),
    ),
    proration_behavior: oneOf('always_invoice', 'create_prorations', 'none'),
    billing_cycle_anchor: refusedUnless('unchanged'),
    ...refused('schedule_at_period_end'),
    ...withoutEffect('trial_update_behavior'),
  }),
})
const sharedShape = {
  business_profile: hash({
    headline: clearable(string(60)),
    privacy_policy_url: url(),
    terms_of_service_url: url(),
  }),
  default_return_url: clearable(url()),
  metadata: metadata(),
  name: clearable(string()),
  ...withoutEffect('login_page'),
}
const createConfigurationShape = { ...sharedShape, features: required(featuresShape) }
const updateConfigurationShape = { ...sharedShape, active: boolean(), features: featuresShape }
const createSessionShape = {
  configuration: string(),
  customer: string(),
  flow_data: flowShape,
  locale: oneOf(...PORTAL_LOCALES),
  return_url: url(),
  ...withoutEffect('after_expiration', 'customer_account', 'on_behalf_of'),
}

function createConfiguration(
  engine: Engine,
  params: Infer<typeof createConfigurationShape>,
  isDefault = false,
): PortalConfiguration {
  const { features } = params
  const now = engine.now()
  const configuration: PortalConfiguration = {
    id: engine.ids.next('bpc_'),
    object: 'billing_portal.configuration',
    active: true,
    application: null,
    business_profile: {
      headline: params.business_profile?.headline ?? null,
      privacy_policy_url: params.business_profile?.privacy_policy_url ?? null,
      terms_of_service_url: params.business_profile?.terms_of_service_url ?? null,
    },
    created: now,
    default_return_url: params.default_return_url ?? null,
    features: {
      customer_update: {
        allowed_updates: features.customer_update?.allowed_updates ?? [],
        enabled: features.customer_update?.enabled ?? false,
      },
      invoice_history: { enabled: features.invoice_history?.enabled ?? false },
      payment_method_update: {
        enabled: features.payment_method_update?.enabled ?? false,
        payment_method_configuration: null,
      },
      subscription_cancel: {
        cancellation_reason: { enabled: false, feedback_options: null, options: [] },
        enabled: features.subscription_cancel?.enabled ?? false,
        mode: features.subscription_cancel?.mode ?? 'at_period_end',
        proration_behavior: features.subscription_cancel?.proration_behavior ?? 'none',
      },
      subscription_pause: { duration: { interval_options: [], type: 'indefinite' }, enabled: false },
      subscription_update: {
        billing_cycle_anchor: 'unchanged',
        default_allowed_updates: features.subscription_update?.default_allowed_updates ?? [],
        enabled: features.subscription_update?.enabled ?? false,
        products: (features.subscription_update?.products ?? []).map((item) => ({
          adjustable_quantity: { enabled: false, maximum: null, minimum: 1 },
          prices: item.prices,
          product: item.product,
        })),
        proration_behavior: features.subscription_update?.proration_behavior ?? 'none',
        schedule_at_period_end: { conditions: [] },
        trial_update_behavior: 'end_trial',
      },
    },
    is_default: isDefault,
    livemode: engine.livemode,
    login_page: { enabled: false, url: null },
    metadata: mergeMetadata({}, params.metadata),
    name: params.name ?? null,
    updated: now,
  }
  engine.store.add<'billing_portal.configuration'>(configuration)
  if (!isDefault) engine.emit('billing_portal.configuration.created', configuration)
  return configuration
}

/** The configuration for sessions that name none. In Stripe it is saved in the Dashboard; here it always exists. */
function defaultConfiguration(engine: Engine): PortalConfiguration {
  const known = engine.store
    .list('billing_portal.configuration')
    .find((configuration) => configuration.is_default)
  if (known) return known
  return createConfiguration(
    engine,
    {
      features: {
        customer_update: { allowed_updates: ['email', 'address'], enabled: true },
        invoice_history: { enabled: true },
        payment_method_update: { enabled: true },
        subscription_cancel: { enabled: true, mode: 'at_period_end', proration_behavior: 'none' },
        subscription_update: {
          enabled: true,
          default_allowed_updates: ['price', 'quantity'],
          proration_behavior: 'create_prorations',
          products: [],
        },
      },
    },
    true,
  )
}

/** Opens the portal for a customer. */
export function createPortalSession(engine: Engine, params: Infer<typeof createSessionShape>): PortalSession {
  if (params.customer === undefined) {
    throw invalidRequest('Missing required param: customer.', {
      code: 'parameter_missing',
      param: 'customer',
    })
  }
  const customer = requireCustomer(engine, params.customer)
  const configuration =
    params.configuration === undefined
      ? defaultConfiguration(engine)
      : engine.store.require('billing_portal.configuration', params.configuration, 'configuration')
  if (!configuration.active)
    throw invalidRequest('The configuration is inactive.', { param: 'configuration' })
  const id = engine.ids.next('bps_')
  const session = engine.store.add<'billing_portal.session'>({
    id,
    object: 'billing_portal.session',
    configuration: configuration.id,
    created: engine.now(),
    customer: customer.id,
    customer_account: null,
    flow: flowOf(engine, params.flow_data, customer.id, configuration.features),
    livemode: engine.livemode,
    locale: params.locale ?? null,
    on_behalf_of: null,
    return_url: params.return_url ?? configuration.default_return_url,
    url: `${engine.pagesUrl}/p/session/${id}`,
  })
  engine.emit('billing_portal.session.created', session)
  return session
}

// ---- actions of the customer

/** A subscription of the session's customer, or Stripe's "No such subscription". */
function requireOwnSubscription(engine: Engine, sessionId: string, id: string): Subscription {
  const session = engine.store.require('billing_portal.session', sessionId)
  const subscription = engine.store.get('subscription', id)
  if (!subscription || subscription.customer !== session.customer) throw noSuch('subscription', id)
  return subscription
}

function featuresOf(engine: Engine, sessionId: string): PortalConfiguration['features'] {
  const session = engine.store.require('billing_portal.session', sessionId)
  return engine.store.require('billing_portal.configuration', session.configuration).features
}

/** Cancels at the end of the period or at once. By default the configuration decides. */
export function portalCancel(
  engine: Engine,
  session: string,
  id: string,
  when?: 'at_period_end' | 'immediately',
): Subscription {
  const subscription = requireOwnSubscription(engine, session, id)
  const { enabled, mode } = featuresOf(engine, session).subscription_cancel
  if (!enabled) throw invalidRequest('This portal does not allow subscriptions to be cancelled.')
  if ((when ?? mode) === 'immediately') return cancelSubscription(engine, subscription.id)
  return updateSubscription(engine, subscription.id, { cancel_at_period_end: true })
}

/** Undoes a planned cancellation. */
export function portalRenew(engine: Engine, session: string, id: string): Subscription {
  const subscription = requireOwnSubscription(engine, session, id)
  return updateSubscription(engine, subscription.id, { cancel_at_period_end: false })
}

/** Resumes a paused subscription. */
export function portalResume(engine: Engine, session: string, id: string): Subscription {
  return resumeSubscription(engine, requireOwnSubscription(engine, session, id).id)
}

/** Moves a subscription to another price. */
export function portalChangePlan(engine: Engine, session: string, id: string, price: string): Subscription {
  const subscription = requireOwnSubscription(engine, session, id)
  const { enabled, proration_behavior: proration } = featuresOf(engine, session).subscription_update
  if (!enabled) throw invalidRequest('This portal does not allow plans to be changed.')
  if (!offeredPrices(engine, session, subscription).some((offer) => offer.id === price))
    throw noSuch('price', price)
  const [item] = subscription.items.data
  const behaviour = proration as 'always_invoice' | 'create_prorations' | 'none'
  return updateSubscription(engine, subscription.id, {
    items: [{ id: item?.id, price }],
    proration_behavior: behaviour,
  })
}

/** Confirms the change that the flow of a session proposes. */
export function portalConfirm(engine: Engine, sessionId: string): Subscription {
  const { flow } = engine.store.require('billing_portal.session', sessionId)
  const proposed = flow?.subscription_update_confirm
  if (!proposed) throw invalidRequest('This portal session proposes no change.')
  const { proration_behavior: proration } = featuresOf(engine, sessionId).subscription_update
  return updateSubscription(engine, proposed.subscription, {
    items: proposed.items.map(({ id, price, quantity }) => ({
      id: id ?? undefined,
      price: price ?? undefined,
      quantity,
    })),
    proration_behavior: proration as 'always_invoice' | 'create_prorations' | 'none',
  })
}

/** Makes a card the one that the customer's invoices are paid with. */
export function portalUpdateMethod(engine: Engine, sessionId: string, method: string): void {
  const { customer: id } = engine.store.require('billing_portal.session', sessionId)
  attachPaymentMethod(engine, method, id)
  const customer = engine.store.require('customer', id)
  const invoice_settings = { ...customer.invoice_settings, default_payment_method: method }
  change(engine, customer, { invoice_settings }, 'customer.updated')
}

/**
 * The prices that a subscription can change to: active and recurring, in its currency, and listed by the
 * configuration.
 */
export function offeredPrices(engine: Engine, session: string, subscription: Subscription): Price[] {
  const { enabled, products } = featuresOf(engine, session).subscription_update
  const listed = products?.flatMap((product) => product.prices) ?? []
  const current = subscription.items.data[0]?.price.id
  if (!enabled) return []
  return engine.store
    .list('price')
    .map((price) => priceIn(engine, price, subscription.currency))
    .filter((price) => price.type === 'recurring' && price.active && price.currency === subscription.currency)
    .filter((price) => price.id !== current && (listed.length === 0 || listed.includes(price.id)))
    .reverse()
}

export const portalRoutes: Route[] = [
  route(
    'POST',
    '/v1/billing_portal/configurations',
    'customer_portal',
    createConfigurationShape,
    ({ engine, params }) => createConfiguration(engine, params),
  ),
  route(
    'GET',
    '/v1/billing_portal/configurations',
    'customer_portal',
    { ...listShape, active: boolean(), is_default: boolean() },
    ({ engine, params, path }) => {
      defaultConfiguration(engine)
      const found = engine.store
        .list('billing_portal.configuration')
        .filter(
          (configuration) =>
            (params.active === undefined || configuration.active === params.active) &&
            (params.is_default === undefined || configuration.is_default === params.is_default),
        )
      return paginate(found, params, path, 'configuration')
    },
  ),
  route('GET', '/v1/billing_portal/configurations/:id', 'customer_portal', {}, ({ engine, id }) =>
    engine.store.require('billing_portal.configuration', id),
  ),
  route(
    'POST',
    '/v1/billing_portal/configurations/:id',
    'customer_portal',
    updateConfigurationShape,
    ({ engine, id, params }) => {
      const configuration = engine.store.require('billing_portal.configuration', id)
      const { features } = configuration
      const sent = params.features
      const changes: Partial<PortalConfiguration> = {
        active: params.active ?? configuration.active,
        metadata: mergeMetadata(configuration.metadata ?? {}, params.metadata),
        name: params.name === undefined ? configuration.name : params.name,
        default_return_url:
          params.default_return_url === undefined
            ? configuration.default_return_url
            : params.default_return_url,
        features: {
          ...features,
          invoice_history: { ...features.invoice_history, ...sent?.invoice_history },
          subscription_cancel: {
            ...features.subscription_cancel,
            enabled: sent?.subscription_cancel?.enabled ?? features.subscription_cancel.enabled,
            mode: sent?.subscription_cancel?.mode ?? features.subscription_cancel.mode,
          },
          subscription_update: {
            ...features.subscription_update,
            enabled: sent?.subscription_update?.enabled ?? features.subscription_update.enabled,
          },
        },
        updated: engine.now(),
      }
      return change(engine, configuration, changes, 'billing_portal.configuration.updated')
    },
  ),
  route('POST', '/v1/billing_portal/sessions', 'customer_portal', createSessionShape, ({ engine, params }) =>
    createPortalSession(engine, params),
  ),
]
