/** Coupons, promotion codes and discounts (https://docs.stripe.com/billing/subscriptions/coupons). */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest, noSuch } from '../core/errors.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import {
  boolean,
  currency,
  hash,
  type Infer,
  integer,
  list,
  mergeMetadata,
  metadata,
  missing,
  number,
  oneOf,
  refused,
  removedIn,
  required,
  string,
  timestamp,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import { periodAfter } from '../core/time.ts'
import type { Coupon, Discount, PromotionCode } from '../core/types.ts'

const couponShape = {
  amount_off: integer({ min: 1 }),
  currency: currency(),
  duration: oneOf('forever', 'once', 'repeating'),
  duration_in_months: integer({ min: 1 }),
  id: string(255),
  max_redemptions: integer({ min: 1 }),
  metadata: metadata(),
  name: string(40),
  percent_off: number(),
  redeem_by: timestamp(),
  ...refused('applies_to', 'currency_options'),
}
const promotionShape = {
  coupon: removedIn('2025-09-30', string()),
  promotion: hash({ type: required(oneOf('coupon')), coupon: string() }),
  active: boolean(),
  code: string(500),
  customer: string(),
  expires_at: timestamp(),
  max_redemptions: integer({ min: 1 }),
  metadata: metadata(),
  ...refused('restrictions'),
  ...withoutEffect('customer_account'),
}
/** The parameter `discounts`. */
export const discountsShape = list(
  hash({ coupon: string(), promotion_code: string(), ...refused('discount') }),
)

function createCoupon(engine: Engine, params: Infer<typeof couponShape>): Coupon {
  if (params.percent_off === undefined && params.amount_off === undefined) throw missing('percent_off')
  if (params.percent_off !== undefined && (params.percent_off <= 0 || params.percent_off > 100)) {
    throw invalidRequest('Invalid percent_off: must be greater than 0 and at most 100', {
      param: 'percent_off',
    })
  }
  if (params.amount_off !== undefined && params.currency === undefined) throw missing('currency')
  if (params.duration === 'repeating' && params.duration_in_months === undefined)
    throw missing('duration_in_months')
  if (params.id !== undefined && engine.store.get('coupon', params.id)) {
    throw invalidRequest('Coupon already exists.', { code: 'resource_already_exists', param: 'id' })
  }
  const coupon = engine.store.add<'coupon'>({
    id: params.id ?? engine.ids.next('', 8),
    object: 'coupon',
    amount_off: params.amount_off ?? null,
    created: engine.now(),
    currency: params.amount_off === undefined ? null : (params.currency ?? null),
    duration: params.duration ?? 'once',
    duration_in_months: params.duration_in_months ?? null,
    livemode: engine.livemode,
    max_redemptions: params.max_redemptions ?? null,
    metadata: mergeMetadata({}, params.metadata),
    name: params.name ?? null,
    percent_off: params.percent_off ?? null,
    redeem_by: params.redeem_by ?? null,
    times_redeemed: 0,
    valid: true,
  })
  engine.emit('coupon.created', coupon)
  return coupon
}

/** Older versions name the coupon in `coupon`, and newer ones in `promotion`. */
const PROMOTION_SINCE = '2025-09-30'

function createPromotionCode(
  engine: Engine,
  params: Infer<typeof promotionShape>,
  version: string,
): PromotionCode {
  const coupon = params.coupon ?? params.promotion?.coupon
  if (coupon === undefined)
    throw missing(params.promotion || version >= PROMOTION_SINCE ? 'promotion[coupon]' : 'coupon')
  engine.store.require('coupon', coupon, params.coupon ? 'coupon' : 'promotion[coupon]')
  const code = params.code ?? engine.ids.next('', 8).toUpperCase()
  if (promotionCodeOf(engine, code)) {
    throw invalidRequest(`An active promotion code with \`code: ${code}\` already exists.`, { param: 'code' })
  }
  const promotion = engine.store.add<'promotion_code'>({
    id: engine.ids.next('promo_'),
    object: 'promotion_code',
    active: params.active ?? true,
    code,
    created: engine.now(),
    customer: params.customer ?? null,
    customer_account: null,
    expires_at: params.expires_at ?? null,
    livemode: engine.livemode,
    max_redemptions: params.max_redemptions ?? null,
    metadata: mergeMetadata({}, params.metadata),
    promotion: { type: 'coupon', coupon },
    restrictions: { first_time_transaction: false, minimum_amount: null, minimum_amount_currency: null },
    times_redeemed: 0,
  })
  engine.emit('promotion_code.created', promotion)
  return promotion
}

/** Whether a promotion code is active, not expired and not used up. */
function isRedeemable(engine: Engine, promotion: PromotionCode): boolean {
  const { active, expires_at: expiry, max_redemptions: most, times_redeemed: used } = promotion
  return active && (expiry === null || expiry > engine.now()) && (most === null || used < most)
}

/** The active promotion code with this text, in upper or lower case. */
export function promotionCodeOf(engine: Engine, code: string): PromotionCode | undefined {
  return engine.store
    .list('promotion_code')
    .find(
      (promotion) =>
        isRedeemable(engine, promotion) && promotion.code.toLowerCase() === code.trim().toLowerCase(),
    )
}

/**
 * The coupon and promotion code that `discounts` names; null when it names none.
 * @throws 400 when the coupon cannot be redeemed
 */
export function resolveDiscount(
  engine: Engine,
  discounts: { coupon?: string; promotion_code?: string }[] | undefined,
): { coupon: string; promotionCode: string | null } | null {
  const [chosen] = discounts ?? []
  if (!chosen) return null
  if (chosen.promotion_code !== undefined) {
    const promotion = engine.store.get('promotion_code', chosen.promotion_code)
    if (!promotion?.promotion.coupon)
      throw noSuch('promotion code', chosen.promotion_code, 'discounts[0][promotion_code]')
    if (!isRedeemable(engine, promotion)) {
      throw invalidRequest('This promotion code is inactive, has expired, or was redeemed too often.', {
        code: 'promotion_code_inactive',
        param: 'discounts[0][promotion_code]',
      })
    }
    return { coupon: requireUsable(engine, promotion.promotion.coupon), promotionCode: promotion.id }
  }
  if (chosen.coupon === undefined) return null
  engine.store.require('coupon', chosen.coupon, 'discounts[0][coupon]')
  return { coupon: requireUsable(engine, chosen.coupon), promotionCode: null }
}

function requireUsable(engine: Engine, id: string): string {
  const coupon = engine.store.require('coupon', id)
  const expired = coupon.redeem_by !== null && coupon.redeem_by < engine.now()
  if (!coupon.valid || expired)
    throw invalidRequest(`Coupon ${id} is expired or can no longer be redeemed.`, { code: 'coupon_expired' })
  return id
}

/** Redeems a coupon. The discount ends with the coupon's duration. */
export function createDiscount(
  engine: Engine,
  coupon: string,
  target: { customer: string | null; subscription?: string; session?: string; promotionCode?: string | null },
): Discount {
  const source = engine.store.require('coupon', coupon)
  source.times_redeemed += 1
  if (source.max_redemptions !== null && source.times_redeemed >= source.max_redemptions) source.valid = false
  const promotion = target.promotionCode
    ? engine.store.get('promotion_code', target.promotionCode)
    : undefined
  if (promotion) promotion.times_redeemed += 1
  const start = engine.now(target.customer)
  const months = source.duration === 'repeating' ? source.duration_in_months : null
  return engine.store.add<'discount'>({
    id: engine.ids.next('di_'),
    object: 'discount',
    checkout_session: target.session ?? null,
    customer: target.customer,
    customer_account: null,
    end: months === null ? null : periodAfter(start, { interval: 'month', interval_count: 1 }, months),
    invoice: null,
    invoice_item: null,
    promotion_code: target.promotionCode ?? null,
    source: { coupon, type: 'coupon' },
    start,
    subscription: target.subscription ?? null,
    subscription_item: null,
  })
}

/** Splits a coupon's discount over amounts in minor units. No share is larger than its amount. */
export function splitDiscount(coupon: Coupon | undefined, amounts: number[]): number[] {
  const total = amounts.reduce((sum, amount) => sum + Math.max(0, amount), 0)
  if (!coupon || total === 0) return amounts.map(() => 0)
  const off = Math.min(total, coupon.amount_off ?? Math.round((total * (coupon.percent_off ?? 0)) / 100))
  let left = off
  return amounts.map((amount, place) => {
    const last = place === amounts.length - 1
    const share = last ? Math.min(left, Math.max(0, amount)) : Math.round((off * Math.max(0, amount)) / total)
    left -= share
    return share
  })
}

export const couponRoutes: Route[] = [
  route('POST', '/v1/coupons', 'coupon', couponShape, ({ engine, params }) => createCoupon(engine, params)),
  route('GET', '/v1/coupons', 'coupon', createdListShape, ({ engine, params, path }) =>
    paginate(engine.store.list('coupon'), params, path, 'coupon'),
  ),
  route('GET', '/v1/coupons/:id', 'coupon', {}, ({ engine, id }) => engine.store.require('coupon', id)),
  route(
    'POST',
    '/v1/coupons/:id',
    'coupon',
    { metadata: metadata(), name: string(40), ...refused('currency_options') },
    ({ engine, id, params }) => {
      const coupon = engine.store.require('coupon', id)
      const changes = {
        metadata: mergeMetadata(coupon.metadata ?? {}, params.metadata),
        name: params.name ?? coupon.name,
      }
      return change(engine, coupon, changes, 'coupon.updated')
    },
  ),
  route('DELETE', '/v1/coupons/:id', 'coupon', {}, ({ engine, id }) => {
    const coupon = engine.store.require('coupon', id)
    const left = engine.store.remove('coupon', id)
    engine.emit('coupon.deleted', coupon)
    return left
  }),
  route('POST', '/v1/promotion_codes', 'promotion_code', promotionShape, ({ engine, params, version }) =>
    createPromotionCode(engine, params, version),
  ),
  route(
    'GET',
    '/v1/promotion_codes',
    'promotion_code',
    {
      ...createdListShape,
      active: boolean(),
      code: string(),
      coupon: string(),
      customer: string(),
      ...withoutEffect('customer_account'),
    },
    ({ engine, params, path }) => {
      const found = engine.store
        .list('promotion_code')
        .filter(
          (promotion) =>
            (params.active === undefined || promotion.active === params.active) &&
            (params.code === undefined || promotion.code === params.code) &&
            (params.customer === undefined || promotion.customer === params.customer) &&
            (params.coupon === undefined || promotion.promotion.coupon === params.coupon),
        )
      return paginate(found, params, path, 'promotion code')
    },
  ),
  route('GET', '/v1/promotion_codes/:id', 'promotion_code', {}, ({ engine, id }) =>
    engine.store.require('promotion_code', id),
  ),
  route(
    'POST',
    '/v1/promotion_codes/:id',
    'promotion_code',
    { active: boolean(), metadata: metadata(), ...refused('restrictions') },
    ({ engine, id, params }) => {
      const promotion = engine.store.require('promotion_code', id)
      const changes = {
        active: params.active ?? promotion.active,
        metadata: mergeMetadata(promotion.metadata ?? {}, params.metadata),
      }
      return change(engine, promotion, changes, 'promotion_code.updated')
    },
  ),
]
