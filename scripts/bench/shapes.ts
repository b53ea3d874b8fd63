/**
 * Stripe objects with the fields of the pinned API version, as a webhook body carries them, nothing expanded. Only
 * values that differ from event to event are parameters.
 */

export type StripeShape = { id: string; object: string; [field: string]: unknown }

export type Person = {
  customerId: string
  email: string
  name: string
  phone: string
  subject: { type: string; id: string }
  created: number
}

export type Plan = { priceId: string; productId: string; nickname: string; amount: number }

const PLAN_CREATED_SECONDS = 1_771_425_588
const NO_ADDRESS = { city: null, country: null, line1: null, line2: null, postal_code: null, state: null }

export function address(number: number) {
  return {
    city: 'Leeds',
    country: 'GB',
    line1: `${(number % 240) + 1} Harbour Street`,
    line2: number % 3 === 0 ? 'Second floor' : null,
    postal_code: `LS${(number % 28) + 1} 4TB`,
    state: null,
  }
}

/** The metadata that `begin_checkout_session` gives to every object of a session. */
export const subjectMetadata = ({ subject }: Person) => ({
  payments_subject_type: subject.type,
  payments_subject_id: subject.id,
})

export type CustomerState = { person: Person; number: number; balance: number; version: number }

export function customer({ person, number, balance, version }: CustomerState): StripeShape {
  const where = address(number)
  return {
    id: person.customerId,
    object: 'customer',
    address: where,
    balance,
    created: person.created,
    currency: 'usd',
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: `Account of ${person.name}`,
    discount: null,
    email: person.email,
    invoice_credit_balance: {},
    invoice_prefix: person.customerId.slice(-8).toUpperCase(),
    invoice_settings: {
      custom_fields: [{ name: 'Purchase order', value: `PO-${number}-${version}` }],
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: false,
    metadata: { app_user_id: person.subject.id, source: 'web', locale: 'en-GB', profile: String(version) },
    name: person.name,
    next_invoice_sequence: version + 1,
    phone: person.phone,
    preferred_locales: ['en-GB', 'en'],
    shipping: {
      address: where,
      name: person.name,
      phone: person.phone,
      tracking_number: null,
      carrier: null,
    },
    tax: { automatic_tax: 'supported', ip_address: null, location: null, provider: 'stripe' },
    tax_exempt: 'none',
    test_clock: null,
  }
}

export type SubscriptionState = {
  id: string
  itemId: string
  person: Person
  plan: Plan
  created: number
  periodStart: number
  periodEnd: number
  quantity: number
  paymentMethodId: string | null
  cancelAtPeriodEnd: boolean
  latestInvoiceId: string
}

function planOf(plan: Plan): StripeShape {
  return {
    id: plan.priceId,
    object: 'plan',
    active: true,
    amount: plan.amount,
    amount_decimal: String(plan.amount),
    billing_scheme: 'per_unit',
    created: PLAN_CREATED_SECONDS,
    currency: 'usd',
    interval: 'month',
    interval_count: 1,
    livemode: false,
    metadata: {},
    meter: null,
    nickname: plan.nickname,
    product: plan.productId,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: 'licensed',
  }
}

function priceOf(plan: Plan): StripeShape {
  return {
    id: plan.priceId,
    object: 'price',
    active: true,
    billing_scheme: 'per_unit',
    created: PLAN_CREATED_SECONDS,
    currency: 'usd',
    custom_unit_amount: null,
    livemode: false,
    lookup_key: null,
    metadata: {},
    nickname: plan.nickname,
    product: plan.productId,
    recurring: {
      interval: 'month',
      interval_count: 1,
      meter: null,
      trial_period_days: null,
      usage_type: 'licensed',
    },
    tax_behavior: 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: 'recurring',
    unit_amount: plan.amount,
    unit_amount_decimal: String(plan.amount),
  }
}

function subscriptionItem(state: SubscriptionState, planShape: StripeShape): StripeShape {
  const { id, itemId, plan, created, periodStart, periodEnd, quantity } = state
  return {
    id: itemId,
    object: 'subscription_item',
    billing_thresholds: null,
    created,
    current_period_end: periodEnd,
    current_period_start: periodStart,
    discounts: [],
    metadata: {},
    plan: planShape,
    price: priceOf(plan),
    quantity,
    subscription: id,
    tax_rates: [],
  }
}

export function subscription(state: SubscriptionState): StripeShape {
  const { id, person, plan, created, periodEnd, quantity, cancelAtPeriodEnd } = state
  const planShape = planOf(plan)
  return {
    id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: created,
    billing_cycle_anchor_config: null,
    billing_mode: {
      flexible: { proration_discounts: 'included' },
      type: 'flexible',
      updated_at: created,
    },
    billing_thresholds: null,
    cancel_at: cancelAtPeriodEnd ? periodEnd : null,
    cancel_at_period_end: cancelAtPeriodEnd,
    canceled_at: null,
    cancellation_details: { comment: null, feedback: null, reason: null },
    collection_method: 'charge_automatically',
    created,
    currency: 'usd',
    customer: person.customerId,
    customer_account: null,
    days_until_due: null,
    default_payment_method: state.paymentMethodId,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    ended_at: null,
    invoice_settings: { account_tax_ids: null, issuer: { type: 'self' } },
    items: {
      object: 'list',
      data: [subscriptionItem(state, planShape)],
      has_more: false,
      total_count: 1,
      url: `/v1/subscription_items?subscription=${id}`,
    },
    latest_invoice: state.latestInvoiceId,
    livemode: false,
    metadata: subjectMetadata(person),
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method: 'off',
    },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    plan: planShape,
    quantity,
    schedule: null,
    start_date: created,
    status: 'active',
    test_clock: null,
    transfer_data: null,
    trial_end: null,
    trial_settings: { end_behavior: { missing_payment_method: 'create_invoice' } },
    trial_start: null,
  }
}

export type PaymentState = {
  person: Person
  number: number
  sessionId: string
  paymentIntentId: string
  chargeId: string
  paymentMethodId: string
  reference: string
  amount: number
  created: number
}

export type SessionState =
  | { mode: 'payment'; payment: PaymentState }
  | {
      mode: 'subscription'
      sessionId: string
      reference: string
      subscription: SubscriptionState
      created: number
    }

const BRANDING = {
  background_color: '#ffffff',
  border_style: 'rounded',
  button_color: '#0074d4',
  display_name: 'Fernhill Coffee',
  font_family: 'default',
  icon: null,
  logo: null,
}

const NO_TEXTS = {
  after_submit: null,
  shipping_address: null,
  submit: null,
  terms_of_service_acceptance: null,
}

const NO_INVOICE = {
  enabled: false,
  invoice_data: {
    account_tax_ids: null,
    custom_fields: null,
    description: null,
    footer: null,
    issuer: null,
    metadata: {},
    rendering_options: null,
  },
}

function buyer(person: Person) {
  return {
    address: null,
    business_name: null,
    email: person.email,
    individual_name: null,
    name: person.name,
    phone: null,
    tax_exempt: 'none',
    tax_ids: null,
  }
}

export function checkoutSession(state: SessionState): StripeShape {
  const payment = state.mode === 'payment' ? state.payment : null
  const { person } = payment ?? (state as { subscription: SubscriptionState }).subscription
  const own = state.mode === 'payment' ? state.payment : state
  const started = state.mode === 'subscription' ? state.subscription : null
  const amount = payment ? payment.amount : (started?.plan.amount ?? 0)
  return {
    id: own.sessionId,
    object: 'checkout.session',
    adaptive_pricing: { enabled: true },
    after_expiration: null,
    allow_promotion_codes: null,
    amount_subtotal: amount,
    amount_total: amount,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: null,
    branding_settings: BRANDING,
    cancel_url: 'https://shop.example/cart?stripe_checkout_session_id={CHECKOUT_SESSION_ID}',
    client_reference_id: own.reference,
    client_secret: null,
    collected_information: { business_name: null, individual_name: null, shipping_details: null },
    consent: null,
    consent_collection: null,
    created: own.created,
    currency: 'usd',
    currency_conversion: null,
    custom_fields: [],
    custom_text: NO_TEXTS,
    customer: person.customerId,
    customer_account: null,
    customer_creation: null,
    customer_details: buyer(person),
    customer_email: null,
    discounts: [],
    expires_at: own.created + 86_400,
    integration_identifier: null,
    invoice: started?.latestInvoiceId ?? null,
    invoice_creation: payment ? NO_INVOICE : null,
    livemode: false,
    locale: null,
    metadata: {
      ...subjectMetadata(person),
      payments_checkout_session_id: own.reference,
      payments_attempt: '1',
      cart: own.reference.slice(0, 8),
    },
    mode: state.mode,
    origin_context: null,
    payment_intent: payment?.paymentIntentId ?? null,
    payment_link: null,
    payment_method_collection: payment ? 'if_required' : 'always',
    payment_method_configuration_details: { id: 'pmc_1KVQ6KBenchAcctQbgpbZtI', parent: null },
    payment_method_options: { card: { request_three_d_secure: 'automatic' } },
    payment_method_types: ['card', 'klarna', 'link', 'us_bank_account'],
    payment_status: 'paid',
    permissions: null,
    phone_number_collection: { enabled: false },
    recovered_from: null,
    saved_payment_method_options: {
      allow_redisplay_filters: ['always'],
      payment_method_remove: 'disabled',
      payment_method_save: null,
    },
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: 'complete',
    submit_type: null,
    subscription: started?.id ?? null,
    success_url: 'https://shop.example/thanks?stripe_checkout_session_id={CHECKOUT_SESSION_ID}',
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
    ui_mode: 'hosted_page',
    url: null,
    wallet_options: null,
  }
}

export type InvoiceState = {
  id: string
  lineId: string
  number: string
  subscription: SubscriptionState
  created: number
  reason: 'subscription_create' | 'subscription_cycle'
}

function invoiceLine({ id, lineId, subscription: of }: InvoiceState): StripeShape {
  const { person, plan } = of
  const amount = plan.amount * of.quantity
  return {
    id: lineId,
    object: 'line_item',
    amount,
    currency: 'usd',
    description: `${of.quantity} × ${plan.nickname} (at $${(plan.amount / 100).toFixed(2)} / month)`,
    discount_amounts: [],
    discountable: true,
    discounts: [],
    invoice: id,
    livemode: false,
    metadata: subjectMetadata(person),
    parent: {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: null,
        proration: false,
        proration_details: { credited_items: null },
        subscription: of.id,
        subscription_item: of.itemId,
      },
      type: 'subscription_item_details',
    },
    period: { end: of.periodEnd, start: of.periodStart },
    pretax_credit_amounts: [],
    pricing: {
      price_details: { price: plan.priceId, product: plan.productId },
      type: 'price_details',
      unit_amount_decimal: String(plan.amount),
    },
    quantity: of.quantity,
    taxes: [],
  }
}

const NO_TAX = { disabled_reason: null, enabled: false, liability: null, provider: null, status: null }

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one literal, in the order of Stripe's fields
export function invoice(state: InvoiceState): StripeShape {
  const { id, number, subscription: of, created, reason } = state
  const { person } = of
  const amount = of.plan.amount * of.quantity
  return {
    id,
    object: 'invoice',
    account_country: 'US',
    account_name: 'Fernhill Coffee',
    account_tax_ids: null,
    amount_due: amount,
    amount_overpaid: 0,
    amount_paid: amount,
    amount_remaining: 0,
    amount_shipping: 0,
    application: null,
    attempt_count: 1,
    attempted: true,
    auto_advance: false,
    automatic_tax: NO_TAX,
    automatically_finalizes_at: null,
    billing_reason: reason,
    collection_method: 'charge_automatically',
    created,
    currency: 'usd',
    custom_fields: null,
    customer: person.customerId,
    customer_account: null,
    customer_address: null,
    customer_email: person.email,
    customer_name: person.name,
    customer_phone: null,
    customer_shipping: null,
    customer_tax_exempt: 'none',
    customer_tax_ids: [],
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    due_date: null,
    effective_at: created,
    ending_balance: 0,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: `https://invoice.stripe.com/i/acct_1BenchAcctQ/test_${id.slice(3)}?s=ap`,
    invoice_pdf: `https://pay.stripe.com/invoice/acct_1BenchAcctQ/test_${id.slice(3)}/pdf?s=ap`,
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    lines: {
      object: 'list',
      data: [invoiceLine(state)],
      has_more: false,
      total_count: 1,
      url: `/v1/invoices/${id}/lines`,
    },
    livemode: false,
    metadata: {},
    next_payment_attempt: null,
    number,
    on_behalf_of: null,
    parent: {
      quote_details: null,
      subscription_details: { metadata: subjectMetadata(person), subscription: of.id },
      type: 'subscription_details',
    },
    payment_settings: {
      default_mandate: null,
      payment_method_options: null,
      payment_method_types: null,
    },
    period_end: created,
    period_start: of.periodStart,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: {
      amount_tax_display: null,
      pdf: { page_size: 'letter' },
      template: null,
      template_version: null,
    },
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: 'paid',
    status_transitions: {
      finalized_at: created,
      marked_uncollectible_at: null,
      paid_at: created,
      voided_at: null,
    },
    subtotal: amount,
    subtotal_excluding_tax: amount,
    test_clock: null,
    total: amount,
    total_discount_amounts: [],
    total_excluding_tax: amount,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: created,
  }
}

export function paymentIntent(payment: PaymentState): StripeShape {
  const { person, amount } = payment
  return {
    id: payment.paymentIntentId,
    object: 'payment_intent',
    amount,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: amount,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: 'automatic_async',
    client_secret: `${payment.paymentIntentId}_secret_redacted`,
    confirmation_method: 'automatic',
    created: payment.created,
    currency: 'usd',
    customer: person.customerId,
    customer_account: null,
    description: null,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: payment.chargeId,
    livemode: false,
    metadata: {
      ...subjectMetadata(person),
      payments_checkout_session_id: payment.reference,
      cart: payment.reference.slice(0, 8),
    },
    next_action: null,
    on_behalf_of: null,
    payment_details: { customer_reference: null, order_reference: payment.sessionId.slice(0, 40) },
    payment_method: payment.paymentMethodId,
    payment_method_configuration_details: null,
    payment_method_options: {
      card: {
        installments: null,
        mandate_options: null,
        network: null,
        request_three_d_secure: 'automatic',
      },
      link: { persistent_token: null },
    },
    payment_method_types: ['card', 'link'],
    processing: null,
    receipt_email: person.email,
    review: null,
    setup_future_usage: null,
    shipping: null,
    source: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'succeeded',
    transfer_data: null,
    transfer_group: null,
  }
}

function visaOf({ number, amount }: PaymentState) {
  return {
    card: {
      amount_authorized: amount,
      authorization_code: String(100_000 + (number % 900_000)),
      brand: 'visa',
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
      country: 'US',
      exp_month: 3,
      exp_year: 2031,
      extended_authorization: { status: 'disabled' },
      fingerprint: 'w4XDzQOFakih5EZM',
      funding: 'credit',
      incremental_authorization: { status: 'unavailable' },
      installments: null,
      last4: '4242',
      mandate: null,
      multicapture: { status: 'unavailable' },
      network: 'visa',
      network_token: { used: false },
      network_transaction_id: String(105_102_104_705_511 + number),
      overcapture: { maximum_amount_capturable: amount, status: 'unavailable' },
      regulated_status: 'unregulated',
      three_d_secure: null,
      wallet: null,
    },
    type: 'card',
  }
}

export function charge(payment: PaymentState, amountRefunded: number): StripeShape {
  const { person, amount } = payment
  return {
    id: payment.chargeId,
    object: 'charge',
    amount,
    amount_captured: amount,
    amount_refunded: amountRefunded,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: `txn_${payment.chargeId.slice(3)}`,
    billing_details: {
      address: NO_ADDRESS,
      email: person.email,
      name: person.name,
      phone: null,
      tax_id: null,
    },
    calculated_statement_descriptor: 'FERNHILL.EXAMPLE',
    captured: true,
    created: payment.created,
    currency: 'usd',
    customer: person.customerId,
    description: null,
    destination: null,
    dispute: null,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    fraud_details: {},
    livemode: false,
    metadata: subjectMetadata(person),
    on_behalf_of: null,
    order: null,
    outcome: {
      advice_code: null,
      network_advice_code: null,
      network_decline_code: null,
      network_status: 'approved_by_network',
      reason: null,
      risk_level: 'normal',
      risk_score: payment.number % 60,
      seller_message: 'Payment complete.',
      type: 'authorized',
    },
    paid: true,
    payment_intent: payment.paymentIntentId,
    payment_method: payment.paymentMethodId,
    payment_method_details: visaOf(payment),
    radar_options: {},
    receipt_email: person.email,
    receipt_number: null,
    receipt_url: `https://pay.stripe.com/receipts/payment/${payment.chargeId}`,
    refunded: amountRefunded === amount,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'succeeded',
    transfer_data: null,
    transfer_group: null,
  }
}

export type RefundState = { id: string; payment: PaymentState; amount: number; created: number }

export function refund({ id, payment, amount, created }: RefundState): StripeShape {
  return {
    id,
    object: 'refund',
    amount,
    balance_transaction: `txn_${id.slice(3)}`,
    charge: payment.chargeId,
    created,
    currency: 'usd',
    destination_details: {
      card: {
        reference: String(4_242_000_000_000 + payment.number),
        reference_status: 'available',
        reference_type: 'acquirer_reference_number',
        type: 'refund',
      },
      type: 'card',
    },
    metadata: {
      ticket: `SUP-${payment.number}`,
      agent: 'support@shop.example',
      policy: 'Returned within thirty days, unopened; the parcel was received and checked in the warehouse.',
    },
    payment_intent: payment.paymentIntentId,
    reason: 'requested_by_customer',
    receipt_number: null,
    source_transfer_reversal: null,
    status: 'succeeded',
    transfer_reversal: null,
  }
}
