/**
 * The Stripe objects as JSON: the SDK's types with an id for every expandable field and a string for every decimal.
 * So the compiler proves that each object made here has all fields of the pinned API version.
 */
import type Stripe from 'stripe'

/** `T` in a JSON response in which nothing is expanded. */
export type Wire<T> = T extends Stripe.Decimal
  ? string
  : T extends (infer Item)[]
    ? Field<Item>[]
    : T extends { object: 'list'; data: (infer Item)[] }
      ? List<Field<Item>>
      : T extends object
        ? { [K in keyof T]: Field<T[K]> }
        : T

/** A field that may be an id or an expanded object is its id. */
type Field<T> = string extends T ? Extract<T, string | null | undefined> : Wire<T>

export interface List<Item> {
  object: 'list'
  data: Item[]
  has_more: boolean
  url: string
  total_count?: number
}

export type Metadata = Record<string, string>

export type Account = Wire<Stripe.Account>
export type BalanceTransaction = Wire<Stripe.BalanceTransaction>
export type Charge = Wire<Stripe.Charge>
export type CheckoutSession = Wire<Stripe.Checkout.Session>
export type Coupon = Wire<Stripe.Coupon>
export type CreditNote = Wire<Stripe.CreditNote>
export type Customer = Wire<Stripe.Customer>
export type Discount = Wire<Stripe.Discount>
export type Dispute = Wire<Stripe.Dispute>
export type Invoice = Wire<Stripe.Invoice>
export type InvoiceItem = Wire<Stripe.InvoiceItem>
export type InvoiceLine = Wire<Stripe.InvoiceLineItem>
export type InvoicePayment = Wire<Stripe.InvoicePayment>
export type LineItem = Wire<Stripe.LineItem>
export type PaymentIntent = Wire<Stripe.PaymentIntent>
export type PaymentMethod = Wire<Stripe.PaymentMethod>
export type PaymentMethodConfiguration = Wire<Stripe.PaymentMethodConfiguration>
export type Plan = Wire<Stripe.Plan>
export type PortalConfiguration = Wire<Stripe.BillingPortal.Configuration>
export type PortalSession = Wire<Stripe.BillingPortal.Session>
export type Price = Wire<Stripe.Price>
export type Product = Wire<Stripe.Product>
export type PromotionCode = Wire<Stripe.PromotionCode>
export type Refund = Wire<Stripe.Refund>
export type ShippingRate = Wire<Stripe.ShippingRate>
export type SetupIntent = Wire<Stripe.SetupIntent>
/** Stripe still sends `plan` and `quantity` for a subscription of one item, although the SDK's types omit them. */
export type Subscription = Wire<Stripe.Subscription> & { plan: Plan | null; quantity: number | null }
export type SubscriptionItem = Wire<Stripe.SubscriptionItem>
export type SubscriptionSchedule = Wire<Stripe.SubscriptionSchedule>
export type TestClock = Wire<Stripe.TestHelpers.TestClock>
export type WebhookEndpoint = Wire<Stripe.WebhookEndpoint>

/** Every kind of stored object, by the name in its `object` field. */
export interface Objects {
  balance_transaction: BalanceTransaction
  'billing_portal.configuration': PortalConfiguration
  'billing_portal.session': PortalSession
  charge: Charge
  'checkout.session': CheckoutSession
  coupon: Coupon
  credit_note: CreditNote
  customer: Customer
  discount: Discount
  dispute: Dispute
  invoice: Invoice
  invoice_payment: InvoicePayment
  invoiceitem: InvoiceItem
  payment_intent: PaymentIntent
  payment_method: PaymentMethod
  payment_method_configuration: PaymentMethodConfiguration
  price: Price
  product: Product
  promotion_code: PromotionCode
  refund: Refund
  setup_intent: SetupIntent
  shipping_rate: ShippingRate
  subscription: Subscription
  subscription_item: SubscriptionItem
  subscription_schedule: SubscriptionSchedule
  'test_helpers.test_clock': TestClock
  webhook_endpoint: WebhookEndpoint
}

export type ObjectName = keyof Objects

/** The fields that all of them have. */
export interface StripeObject {
  id: string
  object: string
}

/** The remains that Stripe shows of a deleted object. */
export interface Deleted<Name extends string = string> {
  id: string
  object: Name
  deleted: true
}

/** JSON whose names are known at run time only. */
export type Json = { [key: string]: unknown }

export interface RequestInfo {
  id: string | null
  idempotency_key: string | null
}

export interface StripeEvent {
  id: string
  object: 'event'
  api_version: string
  created: number
  data: { object: Json; previous_attributes?: Json }
  livemode: boolean
  pending_webhooks: number
  request: RequestInfo
  type: string
}
