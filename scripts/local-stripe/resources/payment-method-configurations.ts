/**
 * Payment method configurations: which methods a page offers
 * (https://docs.stripe.com/api/payment_method_configurations).
 */
import type { Engine } from '../core/engine.ts'
import { listShape, paginate } from '../core/pagination.ts'
import { boolean, hash, type Infer, oneOf, string } from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { PaymentMethodConfiguration } from '../core/types.ts'

const preference = hash({ display_preference: hash({ preference: oneOf('none', 'off', 'on') }) })
const shape = {
  name: string(),
  active: boolean(),
  card: preference,
  sepa_debit: preference,
  us_bank_account: preference,
}
const METHODS = ['card', 'us_bank_account', 'sepa_debit'] as const

function createConfiguration(engine: Engine, params: Infer<typeof shape>): PaymentMethodConfiguration {
  const shown = METHODS.map((method) => {
    const value =
      params[method]?.display_preference?.preference === 'off' ? ('off' as const) : ('on' as const)
    return [
      method,
      { available: value === 'on', display_preference: { overridable: null, preference: value, value } },
    ]
  })
  return engine.store.add<'payment_method_configuration'>({
    id: engine.ids.next('pmc_'),
    object: 'payment_method_configuration',
    active: params.active ?? true,
    application: null,
    is_default: false,
    livemode: engine.livemode,
    name: params.name ?? 'Local Stripe',
    parent: null,
    ...(Object.fromEntries(shown) as Pick<PaymentMethodConfiguration, (typeof METHODS)[number]>),
  })
}

/** The methods that a configuration switches off. */
export function methodsOff(engine: Engine, id: string | undefined): string[] {
  if (id === undefined) return []
  const found = engine.store.require('payment_method_configuration', id, 'payment_method_configuration')
  return METHODS.filter((method) => found[method]?.available === false)
}

export const paymentMethodConfigurationRoutes: Route[] = [
  route(
    'POST',
    '/v1/payment_method_configurations',
    'payment_method_configuration',
    shape,
    ({ engine, params }) => createConfiguration(engine, params),
  ),
  route(
    'GET',
    '/v1/payment_method_configurations',
    'payment_method_configuration',
    listShape,
    ({ engine, params, path }) =>
      paginate(
        engine.store.list('payment_method_configuration'),
        params,
        path,
        'payment_method_configuration',
      ),
  ),
  route(
    'GET',
    '/v1/payment_method_configurations/:id',
    'payment_method_configuration',
    {},
    ({ engine, id }) => engine.store.require('payment_method_configuration', id),
  ),
]
