/** Flows: a portal session that opens one page (https://docs.stripe.com/customer-management/portal-deep-links). */
import type { Engine } from '../core/engine.ts'
import { invalidRequest, noSuch } from '../core/errors.ts'
import { hash, type Infer, integer, list, oneOf, refused, required, string, url } from '../core/params.ts'
import type { PortalConfiguration, PortalSession } from '../core/types.ts'

export const flowShape = hash({
  type: required(
    oneOf(
      'payment_method_update',
      'subscription_cancel',
      'subscription_update',
      'subscription_update_confirm',
    ),
  ),
  after_completion: hash({
    type: required(oneOf('hosted_confirmation', 'portal_homepage', 'redirect')),
    hosted_confirmation: hash({ custom_message: string(500) }),
    redirect: hash({ return_url: required(url()) }),
  }),
  subscription_cancel: hash({ subscription: required(string()), ...refused('retention') }),
  subscription_update: hash({ subscription: required(string()) }),
  subscription_update_confirm: hash({
    subscription: required(string()),
    items: required(
      list(hash({ id: required(string()), price: string(), quantity: integer({ min: 0 }) }), { max: 1 }),
    ),
    ...refused('discounts'),
  }),
})
type FlowParams = NonNullable<Infer<{ flow: typeof flowShape }>['flow']>

/**
 * The flow of a new session.
 * @throws 400 when its subscription is not the customer's, or the configuration does not allow it
 */
export function flowOf(
  engine: Engine,
  flow: FlowParams | undefined,
  customer: string,
  features: PortalConfiguration['features'],
): PortalSession['flow'] {
  if (!flow) return null
  const {
    subscription_cancel: cancel,
    subscription_update: update,
    subscription_update_confirm: confirm,
  } = flow
  const about = {
    subscription_cancel: cancel,
    subscription_update: update,
    subscription_update_confirm: confirm,
  }
  if (flow.type !== 'payment_method_update') {
    const named = about[flow.type]
    const param = `flow_data[${flow.type}]`
    if (!named)
      throw invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param })
    const subscription = engine.store.get('subscription', named.subscription)
    if (subscription?.customer !== customer)
      throw noSuch('subscription', named.subscription, `${param}[subscription]`)
  }
  const feature = flow.type === 'subscription_update_confirm' ? 'subscription_update' : flow.type
  if (!features[feature].enabled) {
    throw invalidRequest(
      `This session can't be created because the \`${feature}\` feature in your portal configuration is disabled.`,
      { param: 'flow_data[type]' },
    )
  }
  if (flow.type === 'subscription_update_confirm' && confirm) checkProposal(engine, confirm, features)
  const { type, hosted_confirmation, redirect } = flow.after_completion ?? {
    type: 'portal_homepage' as const,
  }
  if (type === 'redirect' && !redirect) {
    const param = 'flow_data[after_completion][redirect]'
    throw invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param })
  }
  return {
    after_completion: {
      type,
      hosted_confirmation: hosted_confirmation
        ? { custom_message: hosted_confirmation.custom_message ?? null }
        : null,
      redirect: redirect ?? null,
    },
    customer_update: null,
    subscription_cancel: cancel ? { retention: null, subscription: cancel.subscription } : null,
    subscription_pause: null,
    subscription_update: update ?? null,
    subscription_update_confirm: confirm
      ? {
          discounts: null,
          subscription: confirm.subscription,
          items: confirm.items.map(({ id, price = null, quantity }) => ({
            id,
            price,
            ...(quantity === undefined ? {} : { quantity }),
          })),
        }
      : null,
    type: flow.type,
  }
}

/** @throws 400 when the proposed price, or the item that it is for, cannot be */
function checkProposal(
  engine: Engine,
  { subscription, items }: NonNullable<FlowParams['subscription_update_confirm']>,
  { subscription_update: { products } }: PortalConfiguration['features'],
): void {
  const known = engine.store.require('subscription', subscription).items.data
  const listed = products?.flatMap((product) => product.prices) ?? []
  for (const [place, { id, price: named }] of items.entries()) {
    const path = `flow_data[subscription_update_confirm][items][${place}]`
    if (!known.some((item) => item.id === id)) throw noSuch('subscription_item', id, `${path}[id]`)
    if (named === undefined) continue
    const price = engine.store.require('price', named, `${path}[price]`)
    if (price.type !== 'recurring' || !price.active || (listed.length > 0 && !listed.includes(price.id)))
      throw invalidRequest(
        `The price ${price.id} is not active and recurring, or your portal configuration does not list it.`,
        { param: `${path}[price]` },
      )
  }
}

/** The subscription that a flow is about; null without a flow, or in one about the payment method. */
export function subscriptionOfFlow(flow: PortalSession['flow']): string | null {
  const { subscription_cancel, subscription_update, subscription_update_confirm } = flow ?? {}
  return (subscription_cancel ?? subscription_update ?? subscription_update_confirm)?.subscription ?? null
}
