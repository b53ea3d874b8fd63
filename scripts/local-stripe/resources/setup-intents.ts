/** SetupIntents, as far as checkout in `setup` mode needs them (https://docs.stripe.com/api/setup_intents). */
import { change, type Engine } from '../core/engine.ts'
import { StripeFailure } from '../core/errors.ts'
import { type Route, route } from '../core/route.ts'
import type { PaymentMethod, SetupIntent } from '../core/types.ts'

export function createSetupIntent(
  engine: Engine,
  customer: string | null,
  data: { description?: string; metadata?: Record<string, string> | null } = {},
): SetupIntent {
  const id = engine.ids.next('seti_')
  const intent = engine.store.add<'setup_intent'>({
    id,
    object: 'setup_intent',
    allowed_payment_method_types: null,
    application: null,
    automatic_payment_methods: null,
    cancellation_reason: null,
    client_secret: `${id}_secret_${engine.ids.next('', 25)}`,
    created: engine.now(customer),
    customer,
    customer_account: null,
    description: data.description ?? null,
    excluded_payment_method_types: null,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: engine.livemode,
    managed_payments: null,
    mandate: null,
    metadata: { ...data.metadata },
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: ['card'],
    single_use_mandate: null,
    status: 'requires_payment_method',
    usage: 'off_session',
  })
  engine.emit('setup_intent.created', intent)
  return intent
}

/** Waits for the customer's authentication before a method is saved. */
export function requireSetupAction(engine: Engine, id: string, method: PaymentMethod): void {
  const intent = engine.store.require('setup_intent', id)
  const next_action: SetupIntent['next_action'] = {
    redirect_to_url: { return_url: null, url: `${engine.pagesUrl}/3ds/${id}` },
    type: 'redirect_to_url',
  }
  const changes = { payment_method: method.id, status: 'requires_action', next_action }
  change(engine, intent, changes, 'setup_intent.requires_action')
}

/** Records that the customer failed the authentication. */
export function failSetup(engine: Engine, id: string): StripeFailure {
  const intent = engine.store.require('setup_intent', id)
  const error = {
    type: 'invalid_request_error' as const,
    code: 'setup_intent_authentication_failure',
    message: 'The latest attempt to set up the payment method has failed because authentication failed.',
  }
  const changes = {
    payment_method: null,
    status: 'requires_payment_method',
    next_action: null,
    last_setup_error: error,
  }
  change(engine, intent, changes, 'setup_intent.setup_failed')
  return new StripeFailure(402, error)
}

/** Completes a setup intent with the method to save. */
export function succeedSetup(
  engine: Engine,
  id: string,
  customer: string | null,
  method: PaymentMethod,
): SetupIntent {
  const intent = engine.store.require('setup_intent', id)
  const changes = { customer, payment_method: method.id, status: 'succeeded', next_action: null }
  return change(engine, intent, changes, 'setup_intent.succeeded')
}

export const setupIntentRoutes: Route[] = [
  route('GET', '/v1/setup_intents/:id', 'setup_intent', {}, ({ engine, id }) =>
    engine.store.require('setup_intent', id),
  ),
]
