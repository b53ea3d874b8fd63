/**
 * Checkout Sessions as API resources (https://docs.stripe.com/api/checkout/sessions). Paying one is in `checkout.ts`.
 */
import { change, type Engine, type SessionDetails } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { checkFraction, checkNotTooLarge, checkPayable, TOTAL_DUE } from '../core/money.ts'
import { createdListShape, listShape, paginate } from '../core/pagination.ts'
import {
  boolean,
  clearable,
  currency,
  email,
  hash,
  type Infer,
  integer,
  list,
  mergeMetadata,
  metadata,
  missing,
  oneOf,
  refused,
  removedIn,
  required,
  string,
  taxable,
  timestamp,
  url,
  withoutEffect,
} from '../core/params.ts'
import { chargedQuantity, isMetered } from '../core/plan.ts'
import { type Route, route } from '../core/route.ts'
import { DAY_SECONDS } from '../core/time.ts'
import type { CheckoutSession, LineItem, Price } from '../core/types.ts'
import { createPrice, createProduct, priceIn } from './catalog.ts'
import { expireSession } from './checkout.ts'
import { totalsOf } from './checkout-totals.ts'
import { METHOD_TYPES, PAGE_LOCALES } from './checkout-words.ts'
import { discountsShape, resolveDiscount } from './coupons.ts'
import { customFieldsOf, customFieldsShape } from './custom-fields.ts'
import { requireCustomer } from './customers.ts'
import { checkQuantity } from './metered.ts'
import { checkCustomerUpdate, pageOptionsShape, shownPageOptions } from './page-options.ts'
import { methodsOff } from './payment-method-configurations.ts'
import { priceDataShape, productDataShape } from './price-shape.ts'
import { createSetupIntent } from './setup-intents.ts'
import { billingMode, methodOptions } from './shared-shapes.ts'
import { resolveShipping, shippingOptionsShape } from './shipping.ts'
import { checkAnchor } from './subscriptions.ts'
import { requireTaxSettings, TAXED } from './tax.ts'

const QUANTITY_MAX = 999_999
/** The quantity up to which a customer may go where `maximum` was not sent. */
const ADJUSTABLE_MAX = 99
const lineItemShape = {
  price: string(),
  price_data: hash({ ...priceDataShape, product_data: hash(productDataShape) }),
  quantity: integer({ min: 0, max: QUANTITY_MAX }),
  adjustable_quantity: hash({
    enabled: required(boolean()),
    maximum: integer({ min: 1, max: QUANTITY_MAX }),
    minimum: integer({ min: 0, max: QUANTITY_MAX }),
  }),
  metadata: metadata(),
  ...refused('tax_rates'),
}
const invoiceCreationShape = hash({
  enabled: required(boolean()),
  invoice_data: hash({
    custom_fields: clearable(
      list(hash({ name: required(string(40)), value: required(string(140)) }), { max: 4 }),
    ),
    description: string(1500),
    footer: string(5000),
    metadata: metadata(),
    ...withoutEffect('account_tax_ids', 'issuer', 'rendering_options'),
  }),
})
const TRIAL_DAYS_MAX = 730
const methods = list(oneOf(...METHOD_TYPES))
const createShape = {
  allow_promotion_codes: boolean(),
  cancel_url: url(),
  client_reference_id: string(200),
  currency: currency(),
  customer: string(),
  customer_creation: oneOf('always', 'if_required'),
  customer_email: email(),
  discounts: discountsShape,
  expires_at: timestamp(),
  line_items: list(hash(lineItemShape), { max: 100 }),
  locale: oneOf(...PAGE_LOCALES),
  metadata: metadata(),
  mode: oneOf('payment', 'setup', 'subscription'),
  payment_intent_data: hash({
    capture_method: oneOf('automatic', 'automatic_async', 'manual'),
    description: string(1000),
    metadata: metadata(),
    receipt_email: email(),
    setup_future_usage: oneOf('off_session', 'on_session'),
    ...refused('application_fee_amount', 'on_behalf_of', 'transfer_data'),
    ...withoutEffect('shipping', 'statement_descriptor', 'statement_descriptor_suffix', 'transfer_group'),
  }),
  payment_method_collection: oneOf('always', 'if_required'),
  allowed_payment_method_types: methods,
  payment_method_types: removedIn('2026-09-30', methods),
  return_url: url(),
  submit_type: oneOf('auto', 'book', 'donate', 'pay', 'subscribe'),
  subscription_data: hash({
    description: string(500),
    metadata: metadata(),
    trial_end: timestamp(),
    trial_period_days: integer({ min: 1, max: TRIAL_DAYS_MAX }),
    trial_settings: hash({
      end_behavior: required(
        hash({ missing_payment_method: required(oneOf('cancel', 'create_invoice', 'pause')) }),
      ),
    }),
    billing_mode: billingMode,
    ...refused(
      'application_fee_percent',
      'billing_cycle_anchor_config',
      'default_tax_rates',
      'on_behalf_of',
      'pending_invoice_item_interval',
      'transfer_data',
    ),
    billing_cycle_anchor: timestamp(),
    proration_behavior: oneOf('create_prorations', 'none'),
    ...withoutEffect('invoice_settings'),
  }),
  success_url: url(),
  after_expiration: hash({
    recovery: hash({ enabled: required(boolean()), allow_promotion_codes: boolean() }),
  }),
  custom_fields: customFieldsShape,
  excluded_payment_method_types: methods,
  invoice_creation: invoiceCreationShape,
  shipping_options: shippingOptionsShape,
  ui_mode: oneOf('elements', 'embedded_page', 'form', 'hosted_page'),
  automatic_tax: taxable(),
  payment_method_configuration: string(),
  redirect_on_completion: oneOf('always', 'if_required', 'never'),
  setup_intent_data: hash({
    description: string(1000),
    metadata: metadata(),
    ...refused('on_behalf_of'),
  }),
  ...pageOptionsShape,
  payment_method_options: methodOptions,
  ...refused('managed_payments', 'optional_items', 'payment_method_data'),
  ...withoutEffect(
    'branding_settings',
    'customer_account',
    'integration_identifier',
    'origin_context',
    'permissions',
    'wallet_options',
  ),
}

const EXPIRY_SECONDS_MIN = 30 * 60
/** How far the end of a trial must be away at least. */
const TRIAL_SECONDS_MIN = 2 * DAY_SECONDS
/** How far it may be away at most. */
const TRIAL_SECONDS_MAX = TRIAL_DAYS_MAX * DAY_SECONDS
/** Prices of each type that a session of mode `subscription` takes. */
const SUBSCRIPTION_ITEMS_MAX = 20

type CreateParams = Infer<typeof createShape>

/**
 * Opens a session. Customer, payment and subscription are made only when it is paid.
 * @param recovers the expired session that this one replaces
 */
export function createSession(
  engine: Engine,
  params: CreateParams,
  recovers: string | null = null,
): CheckoutSession {
  const mode = params.mode
  if (mode === undefined) throw missing('mode')
  if (mode !== 'setup' && !params.line_items?.length) throw missing('line_items')
  checkCombinations(params)
  if (params.customer !== undefined) requireCustomer(engine, params.customer)
  const now = engine.now(params.customer)
  const expiresAt = expiryOf(params, now)
  const chosen = resolveDiscount(engine, params.discounts)
  const lineItems = (params.line_items ?? []).map((item, place) =>
    createLineItem(engine, item, place, params.currency),
  )
  checkPrices(mode, lineItems)
  checkCounts(mode, lineItems)
  checkCurrency(engine, params, lineItems)
  checkCustomAmount(params, lineItems)
  const taxed = requireTaxSettings(engine, params.automatic_tax)
  const id = engine.ids.next(`cs_${engine.livemode ? 'live' : 'test'}_a1`, 58)
  const currency = lineItems[0]?.currency ?? 'usd'
  const shipping = resolveShipping(engine, params.shipping_options, currency)
  const details = detailsOf(params, lineItems, chosen, shipping?.[0]?.shipping_rate ?? null)
  details.taxed = taxed
  checkFirstPeriod(details, lineItems, now)
  const amounts = mode === 'setup' ? null : totalsOf(engine, details, now)
  for (const { price } of lineItems)
    if (price?.unit_amount) checkFraction(price.unit_amount, price.currency, 'line_items')
  const check = mode === 'payment' && !asksAmount(lineItems) ? checkPayable : checkNotTooLarge
  check(amounts?.amount_total ?? 0, currency, 'line_items', TOTAL_DUE)
  const session = engine.store.add<'checkout.session'>({
    ...sessionDefaults(engine, id, mode, now),
    ...requestedFields(engine, params),
    ...(taxed ? { automatic_tax: taxOfSession(mode) } : {}),
    client_secret: isHosted(params) ? null : `${id}_secret_${engine.ids.next('', 40)}`,
    currency: mode === 'setup' ? (params.currency ?? null) : currency,
    customer_details: customerDetails(engine, params),
    discounts: mode === 'setup' ? null : discountsOf(chosen),
    expires_at: expiresAt,
    recovered_from: recovers,
    shipping_options: shipping,
    setup_intent:
      mode === 'setup'
        ? createSetupIntent(engine, params.customer ?? null, params.setup_intent_data).id
        : null,
    url: isHosted(params) ? `${engine.pagesUrl}/c/pay/${id}` : null,
  })
  details.recovery = recoveryOf(params)
  engine.sessions.set(id, details)
  Object.assign(session, amounts)
  engine.schedule('expireSession', id, session.customer, expiresAt)
  return session
}

/** The parameters of the copy that the recovery link of an expired session opens, if it has one. */
function recoveryOf(params: CreateParams): object | null {
  const recovery = params.after_expiration?.recovery
  if (!recovery?.enabled) return null
  const { discounts, expires_at: _expiry, ...rest } = params
  return recovery.allow_promotion_codes
    ? { ...rest, allow_promotion_codes: true }
    : { ...rest, ...(discounts ? { discounts } : {}) }
}

/** Opens a copy of an expired session with a recovery link. */
export function recoverSession(engine: Engine, id: string): CheckoutSession | null {
  const again = engine.sessions.get(id)?.recovery
  return again ? createSession(engine, again as CreateParams, id) : null
}

/** @throws 400 when the session would expire too soon or too late */
function expiryOf(params: CreateParams, now: number): number {
  const expiresAt = params.expires_at ?? now + DAY_SECONDS
  const tooSoon = expiresAt < now + EXPIRY_SECONDS_MIN
  if (tooSoon || expiresAt > now + DAY_SECONDS) {
    throw invalidRequest(
      `The \`expires_at\` timestamp must be ${tooSoon ? 'at least 30 minutes' : 'less than 24 hours'} from Checkout Session creation.`,
      { param: 'expires_at' },
    )
  }
  return expiresAt
}

type ChosenDiscount = ReturnType<typeof resolveDiscount>

function detailsOf(
  params: CreateParams,
  lineItems: LineItem[],
  chosen: ChosenDiscount,
  shippingRate: string | null,
): SessionDetails {
  const { subscription_data: subscription } = params
  return {
    lineItems,
    paymentIntentData: withMetadata(params.payment_intent_data),
    subscriptionData: withMetadata(subscription),
    payWhatYouWant: null,
    taxed: false,
    coupon: chosen?.coupon ?? null,
    promotionCode: chosen?.promotionCode ?? null,
    trialEnd: subscription?.trial_end ?? null,
    trialDays: subscription?.trial_period_days ?? null,
    trialMissingPaymentMethod:
      subscription?.trial_settings?.end_behavior.missing_payment_method ?? 'create_invoice',
    incompleteSubscription: null,
    billingAnchor: subscription?.billing_cycle_anchor ?? null,
    prorates: subscription?.proration_behavior !== 'none',
    shippingRate,
    entered: null,
    recovery: null,
  }
}

function discountsOf(chosen: ChosenDiscount): CheckoutSession['discounts'] {
  if (!chosen) return []
  return [{ coupon: chosen.promotionCode ? null : chosen.coupon, promotion_code: chosen.promotionCode }]
}

/** The fields that show a parameter as it was sent. */
function requestedFields(engine: Engine, params: CreateParams): Partial<CheckoutSession> {
  const byMode = params.mode === 'payment' ? 'if_required' : 'always'
  const recovery = params.after_expiration?.recovery
  return {
    after_expiration: params.after_expiration
      ? {
          recovery: recovery
            ? { allow_promotion_codes: false, ...recovery, expires_at: null, url: null }
            : null,
        }
      : null,
    allow_promotion_codes: params.allow_promotion_codes ?? null,
    allowed_payment_method_types: params.allowed_payment_method_types ?? null,
    cancel_url: params.cancel_url ?? null,
    client_reference_id: params.client_reference_id ?? null,
    custom_fields: customFieldsOf(params.custom_fields),
    ...(params.invoice_creation ? { invoice_creation: invoiceCreationOf(params.invoice_creation) } : {}),
    customer: params.customer ?? null,
    customer_creation: params.customer ? null : (params.customer_creation ?? byMode),
    customer_email: params.customer_email ?? null,
    locale: params.locale ?? null,
    metadata: mergeMetadata({}, params.metadata),
    payment_method_collection: params.payment_method_collection ?? byMode,
    ...(params.payment_method_configuration === undefined
      ? {}
      : { payment_method_configuration_details: { id: params.payment_method_configuration, parent: null } }),
    payment_method_types: methodTypes(engine, params),
    ...(params.redirect_on_completion ? { redirect_on_completion: params.redirect_on_completion } : {}),
    ...(params.return_url ? { return_url: params.return_url } : {}),
    submit_type: params.submit_type ?? null,
    success_url: params.success_url ?? null,
    ui_mode: params.ui_mode ?? 'hosted_page',
    ...shownPageOptions(params),
  }
}

/** The tax of a session is not known before its customer is. */
function taxOfSession(mode: Mode): CheckoutSession['automatic_tax'] {
  const { enabled, liability, provider } = TAXED
  return { enabled, liability, provider, status: mode === 'setup' ? null : 'requires_location_inputs' }
}

function invoiceCreationOf(
  sent: NonNullable<CreateParams['invoice_creation']>,
): CheckoutSession['invoice_creation'] {
  const { custom_fields = null, description = null, footer = null, metadata } = sent.invoice_data ?? {}
  const shown = { custom_fields, description, footer, metadata: mergeMetadata({}, metadata) }
  return { enabled: sent.enabled, invoice_data: { ...NO_INVOICE, ...shown } }
}

/** @throws 400 when the end of the trial or the billing anchor is not possible */
function checkFirstPeriod(details: SessionDetails, items: LineItem[], now: number): void {
  if (details.trialEnd !== null && details.trialEnd < now + TRIAL_SECONDS_MIN)
    throw invalidRequest('The `trial_end` date has to be at least 2 days in the future.', {
      param: 'subscription_data[trial_end]',
    })
  if (details.trialEnd !== null && details.trialEnd > now + TRIAL_SECONDS_MAX)
    throw invalidRequest('The `trial_end` date can be at most two years in the future.', {
      param: 'subscription_data[trial_end]',
    })
  const recurring = items.find((item) => item.price?.recurring)?.price?.recurring
  if (details.billingAnchor === null || !recurring) return
  const param = 'subscription_data[billing_cycle_anchor]'
  if (details.trialEnd !== null || details.trialDays !== null) {
    throw invalidRequest('You cannot set a billing cycle anchor and a trial together.', { param })
  }
  checkAnchor(details.billingAnchor, recurring, now, param)
}

type Mode = NonNullable<CreateParams['mode']>

/** An open session of a mode before the parameters are applied. */
function sessionDefaults(
  engine: Engine,
  id: string,
  mode: Mode,
  now: number,
): CheckoutSession & { object: 'checkout.session' } {
  return {
    id,
    object: 'checkout.session',
    adaptive_pricing: { enabled: false },
    after_expiration: null,
    allow_promotion_codes: null,
    allowed_payment_method_types: null,
    amount_subtotal: null,
    amount_total: null,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: null,
    branding_settings: { ...BRANDING },
    cancel_url: null,
    client_reference_id: null,
    client_secret: null,
    collected_information: { business_name: null, individual_name: null, shipping_details: null },
    consent: null,
    consent_collection: null,
    created: now,
    currency: null,
    currency_conversion: null,
    custom_fields: [],
    custom_text: { ...NO_TEXT },
    customer: null,
    customer_account: null,
    customer_creation: null,
    customer_details: null,
    customer_email: null,
    discounts: null,
    expires_at: 0,
    integration_identifier: null,
    invoice: null,
    invoice_creation: mode === 'payment' ? { enabled: false, invoice_data: { ...NO_INVOICE } } : null,
    livemode: engine.livemode,
    locale: null,
    managed_payments: null,
    metadata: {},
    mode,
    origin_context: null,
    payment_intent: null,
    payment_link: null,
    payment_method_collection: 'always',
    payment_method_configuration_details: null,
    payment_method_options: { card: { request_three_d_secure: 'automatic' } },
    payment_method_types: [],
    payment_status: mode === 'setup' ? 'no_payment_required' : 'unpaid',
    permissions: null,
    phone_number_collection: { enabled: false },
    recovered_from: null,
    saved_payment_method_options: mode === 'setup' ? null : { ...SAVED_METHODS },
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: 'open',
    submit_type: null,
    subscription: null,
    success_url: null,
    total_details: null,
    ui_mode: 'hosted_page',
    url: null,
    wallet_options: null,
  }
}

const BRANDING: NonNullable<CheckoutSession['branding_settings']> = {
  background_color: '#ffffff',
  border_style: 'rounded',
  button_color: '#4b45c6',
  display_name: 'Local Stripe',
  font_family: 'default',
  icon: null,
  logo: null,
}

const NO_TEXT: CheckoutSession['custom_text'] = {
  after_submit: null,
  shipping_address: null,
  submit: null,
  terms_of_service_acceptance: null,
}

const NO_INVOICE: NonNullable<CheckoutSession['invoice_creation']>['invoice_data'] = {
  account_tax_ids: null,
  custom_fields: null,
  description: null,
  footer: null,
  issuer: null,
  metadata: {},
  rendering_options: null,
}

const SAVED_METHODS: NonNullable<CheckoutSession['saved_payment_method_options']> = {
  allow_redisplay_filters: ['always'],
  payment_method_remove: 'disabled',
  payment_method_save: null,
}

/** Whether the customer pays on a hosted page. */
function isHosted(params: CreateParams): boolean {
  return params.ui_mode === undefined || params.ui_mode === 'hosted_page'
}

/** The types of payment methods that the session accepts. */
function methodTypes(engine: Engine, params: CreateParams): string[] {
  const allowed = params.allowed_payment_method_types ?? params.payment_method_types
  const off = methodsOff(engine, params.payment_method_configuration)
  const excluded = [...(params.excluded_payment_method_types ?? []), ...off]
  return ['card', 'us_bank_account', 'sepa_debit'].filter(
    (type) => (!allowed || allowed.includes(type)) && !excluded.includes(type),
  )
}

function withMetadata<T extends { metadata?: Record<string, string> | null }>(data: T | undefined) {
  return { ...data, metadata: mergeMetadata({}, data?.metadata) }
}

/** The customer's details before the customer enters any. */
function customerDetails(engine: Engine, params: CreateParams): CheckoutSession['customer_details'] {
  const customer = params.customer === undefined ? undefined : engine.store.get('customer', params.customer)
  const address = customer?.email ?? params.customer_email
  if (!address) return null
  return {
    address: null,
    business_name: null,
    email: address,
    individual_name: null,
    name: customer?.name ?? null,
    phone: customer?.phone ?? null,
    tax_exempt: 'none',
    tax_ids: null,
  }
}

/** @throws 400 when parameters exclude each other, or belong to another mode */
function checkCombinations(params: CreateParams): void {
  const clash = (one: string, other: string) =>
    invalidRequest(`You may only specify one of these parameters: ${one}, ${other}.`, { param: one })
  if (params.customer !== undefined && params.customer_email !== undefined)
    throw clash('customer', 'customer_email')
  if (params.customer !== undefined && params.customer_creation !== undefined) {
    throw clash('customer', 'customer_creation')
  }
  if (params.discounts?.length && params.allow_promotion_codes)
    throw clash('allow_promotion_codes', 'discounts')
  if ((params.discounts?.length ?? 0) > 1) {
    throw invalidRequest('You may only specify up to 1 discount for this object.', { param: 'discounts' })
  }
  const wrongMode = (param: string, mode: string) =>
    invalidRequest(`You can not pass \`${param}\` in \`${params.mode}\` mode, it is for \`${mode}\` mode.`, {
      param,
    })
  if (params.mode !== 'payment' && params.payment_intent_data)
    throw wrongMode('payment_intent_data', 'payment')
  if (params.mode !== 'payment' && params.invoice_creation) throw wrongMode('invoice_creation', 'payment')
  if (params.mode !== 'payment' && params.shipping_options?.length)
    throw wrongMode('shipping_options', 'payment')
  if (params.mode !== 'subscription' && params.subscription_data)
    throw wrongMode('subscription_data', 'subscription')
  if (params.mode === 'setup' && params.custom_fields?.length) {
    throw invalidRequest('`custom_fields` can only be used in `payment` or `subscription` mode.', {
      param: 'custom_fields',
    })
  }
  if (params.mode === 'subscription' && params.customer_creation) {
    throw invalidRequest('`customer_creation` can only be used in `payment` mode.', {
      param: 'customer_creation',
    })
  }
  checkCustomerUpdate(params)
  checkUiMode(params)
}

/** @throws 400 when a parameter does not fit where the session is shown */
function checkUiMode(params: CreateParams): void {
  const hosted = isHosted(params)
  if (params.mode === 'setup' && params.submit_type) {
    throw invalidRequest('`submit_type` can only be used in `payment` or `subscription` mode.', {
      param: 'submit_type',
    })
  }
  if (hosted && params.success_url === undefined) throw missing('success_url')
  if (!hosted && params.success_url !== undefined) {
    throw invalidRequest('`success_url` can not be used with this `ui_mode`. Use `return_url` instead.', {
      param: 'success_url',
    })
  }
  const never = params.redirect_on_completion === 'never'
  if (!hosted && params.return_url === undefined && !never) throw missing('return_url')
  const misplaced = hosted
    ? (['return_url', 'redirect_on_completion'] as const)
    : params.ui_mode === 'elements'
      ? (['cancel_url', 'custom_fields', 'custom_text', 'submit_type', 'redirect_on_completion'] as const)
      : (['cancel_url', 'after_expiration'] as const)
  const found = misplaced.find((name) => params[name] !== undefined)
  if (found) {
    const mode = params.ui_mode ?? 'hosted_page'
    throw invalidRequest(`\`${found}\` can not be used when \`ui_mode\` is \`${mode}\`.`, { param: found })
  }
}

/** Whether the customer chooses what to pay. */
const asksAmount = (items: LineItem[]) => items.some((item) => item.price?.custom_unit_amount)

/** @throws 400 when a price whose amount the customer chooses is not alone */
function checkCustomAmount(params: CreateParams, items: LineItem[]): void {
  if (!asksAmount(items)) return
  const param = 'line_items'
  if (items.length > 1)
    throw invalidRequest('You may only have one line item when using `custom_unit_amount`.', { param })
  if (items[0]?.quantity !== 1 || items[0].adjustable_quantity?.enabled)
    throw invalidRequest('The quantity must be 1 when using `custom_unit_amount`.', { param })
  if (params.discounts?.length || params.allow_promotion_codes)
    throw invalidRequest('Discounts cannot be used with `custom_unit_amount`.', { param: 'discounts' })
}

function checkPrices(mode: string, items: LineItem[]): void {
  const recurring = items.filter((item) => item.price?.type === 'recurring')
  if (mode === 'payment' && recurring.length > 0) {
    throw invalidRequest(
      'You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.',
      { param: 'mode' },
    )
  }
  if (mode === 'subscription' && recurring.length === 0) {
    throw invalidRequest(
      'You must provide at least one recurring price in `subscription` mode when using prices.',
      { param: 'mode' },
    )
  }
  if (new Set(items.map((item) => item.currency)).size > 1) {
    throw invalidRequest('All prices on a Checkout Session must use the same currency.', {
      param: 'line_items',
    })
  }
}

/** @throws 400 when a subscription has more items than Stripe takes */
function checkCounts(mode: Mode, items: LineItem[]): void {
  if (mode !== 'subscription') return
  for (const type of ['recurring', 'one_time'] as const) {
    const found = items.filter((item) => item.price?.type === type).length
    if (found <= SUBSCRIPTION_ITEMS_MAX) continue
    throw invalidRequest(
      `A Checkout Session in \`subscription\` mode takes up to ${SUBSCRIPTION_ITEMS_MAX} line items with ${type} prices, and ${found} were sent.`,
      { param: 'line_items' },
    )
  }
}

/** @throws 400 when the session asks for a currency in which a price has no amount */
function checkCurrency(
  engine: Engine,
  { currency: asked, line_items: sent }: CreateParams,
  items: LineItem[],
): void {
  const place = items.findIndex((item) => asked !== undefined && item.currency !== asked)
  const item = items[place]
  if (!item) return
  const known = [item.currency, ...Object.keys(engine.currencyOptions.get(item.price?.id ?? '') ?? {})]
  throw invalidRequest(
    `The price is in ${known.join(' and ')} alone, and the Checkout Session asks for ${asked}.`,
    { param: `line_items[${place}][${sent?.[place]?.price_data ? 'price_data' : 'price'}]` },
  )
}

/** @throws 400 when the quantity is not one of those that the customer may choose */
function checkAdjustable(
  quantity: number,
  sent: Infer<typeof lineItemShape>['adjustable_quantity'],
  path: string,
): void {
  if (!sent?.enabled) return
  const { minimum = 0, maximum = ADJUSTABLE_MAX } = sent
  const param = `${path}[adjustable_quantity]`
  if (minimum > maximum) {
    throw invalidRequest(`The minimum ${minimum} is above the maximum ${maximum}.`, {
      param: `${param}[minimum]`,
    })
  }
  if (quantity >= minimum && quantity <= maximum) return
  throw invalidRequest(
    `The quantity ${quantity} is not from ${minimum} to ${maximum}, which are the limits of \`adjustable_quantity\`.`,
    { param: `${param}[${quantity < minimum ? 'minimum' : 'maximum'}]` },
  )
}

function createLineItem(
  engine: Engine,
  item: Infer<typeof lineItemShape>,
  place: number,
  asked: string | undefined,
): LineItem {
  const path = `line_items[${place}]`
  const price = priceIn(engine, resolvePrice(engine, item, path), asked)
  checkQuantity(price, item.quantity, path)
  const quantity = isMetered(price)
    ? null
    : (item.quantity ?? (item.adjustable_quantity?.enabled ? 1 : undefined))
  if (quantity === undefined) throw missing(`${path}[quantity]`)
  if (quantity !== null && quantity < 1 && !item.adjustable_quantity?.enabled) {
    throw invalidRequest('This value must be greater than or equal to 1.', {
      code: 'parameter_invalid_integer',
      param: `${path}[quantity]`,
    })
  }
  if (quantity !== null) checkAdjustable(quantity, item.adjustable_quantity, path)
  const product = engine.store.get('product', price.product)
  const amount = Math.round(
    Number(price.unit_amount_decimal ?? price.custom_unit_amount?.preset ?? 0) *
      chargedQuantity(price, quantity),
  )
  const adjustable = item.adjustable_quantity
  return {
    id: engine.ids.next('li_'),
    object: 'item',
    adjustable_quantity: adjustable
      ? {
          enabled: adjustable.enabled,
          maximum: adjustable.maximum ?? ADJUSTABLE_MAX,
          minimum: adjustable.minimum ?? 0,
        }
      : null,
    amount_discount: 0,
    amount_subtotal: amount,
    amount_tax: 0,
    amount_total: amount,
    currency: price.currency,
    description: product?.name ?? null,
    metadata: mergeMetadata({}, item.metadata),
    price: structuredClone(price),
    quantity,
  }
}

function resolvePrice(engine: Engine, item: Infer<typeof lineItemShape>, path: string): Price {
  if (item.price_data) {
    const { product_data: data, ...rest } = item.price_data
    if (rest.product === undefined && !data) throw missing(`${path}[price_data][product_data]`)
    const product = data
      ? createProduct(engine, data).id
      : engine.store.require('product', rest.product ?? '', `${path}[price_data][product]`).id
    return createPrice(engine, { ...rest, product, active: false })
  }
  if (item.price === undefined) throw missing(`${path}[price]`)
  const price = engine.store.require('price', item.price, `${path}[price]`)
  if (!price.active) {
    throw invalidRequest('The price specified is inactive. This field only accepts active prices.', {
      code: 'price_inactive',
      param: `${path}[price]`,
    })
  }
  return price
}

const listSessionsShape = {
  ...createdListShape,
  customer: string(),
  customer_details: hash({ email: required(string()) }),
  payment_intent: string(),
  status: oneOf('complete', 'expired', 'open'),
  subscription: string(),
  ...withoutEffect('customer_account', 'payment_link'),
}

export const checkoutSessionRoutes: Route[] = [
  route('POST', '/v1/checkout/sessions', 'checkout_session', createShape, ({ engine, params }) =>
    createSession(engine, params),
  ),
  route('GET', '/v1/checkout/sessions', 'checkout_session', listSessionsShape, ({ engine, params, path }) => {
    const found = engine.store
      .list('checkout.session')
      .filter(
        (session) =>
          (params.customer === undefined || session.customer === params.customer) &&
          (params.customer_details === undefined ||
            session.customer_details?.email?.toLowerCase() === params.customer_details.email.toLowerCase()) &&
          (params.payment_intent === undefined || session.payment_intent === params.payment_intent) &&
          (params.status === undefined || session.status === params.status) &&
          (params.subscription === undefined || session.subscription === params.subscription),
      )
    return paginate(found, params, path, 'checkout.session')
  }),
  route('GET', '/v1/checkout/sessions/:id', 'checkout_session', {}, ({ engine, id }) =>
    engine.store.require('checkout.session', id, 'session'),
  ),
  route(
    'POST',
    '/v1/checkout/sessions/:id',
    'checkout_session',
    {
      metadata: metadata(),
      ...refused('line_items', 'shipping_options'),
      ...withoutEffect('collected_information', 'payment_intent_data'),
    },
    ({ engine, id, params }) => {
      const session = engine.store.require('checkout.session', id, 'session')
      return change(engine, session, { metadata: mergeMetadata(session.metadata ?? {}, params.metadata) })
    },
  ),
  route('POST', '/v1/checkout/sessions/:id/expire', 'checkout_session', {}, ({ engine, id }) => {
    const session = engine.store.require('checkout.session', id, 'session')
    if (session.status !== 'open') {
      throw invalidRequest(
        `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of \`${session.status}\`.`,
        { param: 'session' },
      )
    }
    return expireSession(engine, session)
  }),
  route(
    'GET',
    '/v1/checkout/sessions/:id/line_items',
    'checkout_session',
    listShape,
    ({ engine, id, params, path }) => {
      engine.store.require('checkout.session', id, 'session')
      return paginate(engine.sessions.get(id)?.lineItems ?? [], params, path, 'item')
    },
  ),
]
