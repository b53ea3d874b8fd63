/**
 * Generated from the database by `npm run generate`, through kysely-codegen. Do not edit.
 */

import type { ColumnType } from "kysely";

export type Generated<T> = T extends ColumnType<infer S, infer I, infer U>
  ? ColumnType<S, I | undefined, U>
  : ColumnType<T, T | undefined, T>;

export type Int8 = ColumnType<string, bigint | number | string, bigint | number | string>;

export type Json = JsonValue;

export type JsonArray = JsonValue[];

export type JsonObject = {
  [x: string]: JsonValue | undefined;
};

export type JsonPrimitive = boolean | number | string | null;

export type JsonValue = JsonArray | JsonObject | JsonPrimitive;

export type Numeric = ColumnType<string, number | string, number | string>;

export type Timestamp = ColumnType<Date, Date | string, Date | string>;

export interface PaymentsCustomerMappings {
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Payment provider; pg-payments writes stripe.
   */
  provider: Generated<string>;
  /**
   * Stripe customer (cus_…).
   */
  provider_customer_id: string;
  /**
   * Id of the billing subject in the app.
   */
  subject_id: string;
  /**
   * Kind of billing subject, for example team.
   */
  subject_type: string;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
}

export interface PaymentsCustomers {
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * Deleted at Stripe; never becomes false again.
   */
  deleted: Generated<boolean>;
  /**
   * E-mail address at Stripe.
   */
  email: string | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Stripe metadata, text to text.
   */
  metadata: Generated<Json>;
  /**
   * Name at Stripe.
   */
  name: string | null;
  /**
   * Phone number at Stripe.
   */
  phone: string | null;
  /**
   * Payment provider; pg-payments writes stripe.
   */
  provider: Generated<string>;
  /**
   * When the customer was created at Stripe.
   */
  provider_created_at: Timestamp | null;
  /**
   * Stripe id (cus_…).
   */
  provider_customer_id: string;
  /**
   * The object as Stripe sent it last.
   */
  raw: Generated<Json>;
  /**
   * When this row was last updated from Stripe.
   */
  synced_at: Generated<Timestamp>;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
  /**
   * Which snapshot the row shows; see payments_private.snapshot_version().
   */
  version: Generated<Int8>;
}

export interface PaymentsCustomerTotals {
  /**
   * Currency of the payments; null without payments or with several currencies.
   */
  currency: string | null;
  /**
   * test or live.
   */
  environment: string | null;
  /**
   * When the customer last paid.
   */
  last_payment_at: Timestamp | null;
  /**
   * Payments that succeeded, refunded ones included.
   */
  payments_count: Int8 | null;
  /**
   * The payment provider: stripe.
   */
  provider: string | null;
  /**
   * Stripe's id of the customer, cus_….
   */
  provider_customer_id: string | null;
  /**
   * Sum of these payments less refunds and lost disputes, in the minor unit of currency; null without payments or with several currencies.
   */
  total_spend: Numeric | null;
}

export interface PaymentsOffers {
  /**
   * Whether it can be bought. An offer that is not active still keeps app users from buying anything else.
   */
  active: Generated<boolean>;
  /**
   * Whether prices whose amount the buyer chooses are offered.
   */
  allow_pay_what_you_want: Generated<boolean>;
  /**
   * Whether a request may make up a price of the product, within currency, minimum_amount and maximum_amount.
   */
  allow_price_data: Generated<boolean>;
  /**
   * Options that a buyer's request may have, by the names of Stripe's parameters. ui_mode, return_url, redirect_on_completion and locale are always allowed. discounts allows promotion codes; discounts.coupon also coupons by their ids.
   */
  allowed_options: Generated<string[]>;
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * Currency of prices that requests make up, lower case.
   */
  currency: string | null;
  /**
   * The first instant after the offer; null if it has no end.
   */
  ends_at: Timestamp | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Options that every checkout of a buyer gets, whatever the request says.
   */
  forced_options: Generated<Json>;
  /**
   * Lookup key of the price that is offered: whichever active price has it.
   */
  lookup_key: string | null;
  /**
   * What writes the offer, and alone changes it: catalog for `pg-payments catalog push`. Null for one that was written by hand.
   */
  managed_by: string | null;
  /**
   * The most unit amount of prices that requests make up, in the minor unit; null for Stripe's own limit.
   */
  maximum_amount: Int8 | null;
  /**
   * The most units of one checkout, all items of this offer together.
   */
  maximum_quantity: Generated<number>;
  /**
   * The least unit amount of prices that requests make up, in the minor unit.
   */
  minimum_amount: Int8 | null;
  /**
   * The least units of one checkout.
   */
  minimum_quantity: Generated<number>;
  /**
   * payment (once) or subscription.
   */
  mode: string;
  /**
   * The app's name for the offer.
   */
  offer_id: string;
  /**
   * Whether a subject can have one living subscription of the product group only. It also binds the service.
   */
  one_plan: Generated<boolean>;
  /**
   * The Stripe price (price_…) that is offered. Else lookup_key or product_id says what is.
   */
  price_id: string | null;
  /**
   * Name of the group of plans that this offer belongs to.
   */
  product_group: string | null;
  /**
   * The Stripe product (prod_…) whose prices are all offered.
   */
  product_id: string | null;
  /**
   * Who may buy: anon, authenticated. Null for both.
   */
  roles: string[] | null;
  /**
   * The first instant of the offer; null if it has begun.
   */
  starts_at: Timestamp | null;
  /**
   * Types of billing subject that may buy. Null for all, and for purchases without a subject.
   */
  subject_types: string[] | null;
  /**
   * Whether a subject that had a trial gets none: one that is forced is left out, one that is asked for is refused.
   */
  trial_once: Generated<boolean>;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
}

export interface PaymentsPrivateCatalogChanges {
  /**
   * When the change began; one of more than a minute ago has no effect.
   */
  begun_at: Generated<Timestamp>;
  /**
   * test or live.
   */
  environment: string;
  /**
   * The product (prod_…) or price (price_…).
   */
  object_id: string;
}

export interface PaymentsPrivateCatalogueList {
  active: boolean | null;
  active_prices: Int8 | null;
  default_price_id: string | null;
  description: string | null;
  environment: string | null;
  metadata: Json | null;
  name: string | null;
  prices: Json | null;
  product_id: string | null;
  revision: string | null;
  synced_at: Timestamp | null;
}

export interface PaymentsPrivateChargeDetails {
  /**
   * Brand of the card, for example visa.
   */
  card_brand: string | null;
  /**
   * Last four digits of the card.
   */
  card_last4: string | null;
  /**
   * Stripe id (ch_… or py_…).
   */
  charge_id: string;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Stripe's page of the receipt.
   */
  receipt_url: string | null;
  /**
   * Which snapshot the row shows; see payments_private.snapshot_version().
   */
  version: Int8;
}

export interface PaymentsPrivateCheckoutSessionList {
  attempt: number | null;
  cancel_url: string | null;
  checkout_session_id: string | null;
  created_at: Timestamp | null;
  customer_email: string | null;
  customer_id: string | null;
  environment: string | null;
  expires_at: Timestamp | null;
  forced_options: Json | null;
  id: string | null;
  last_error: string | null;
  line_items: Json | null;
  metadata: Json | null;
  mode: string | null;
  options: Json | null;
  payment_intent_id: string | null;
  payment_status: string | null;
  status: string | null;
  subject_id: string | null;
  subject_type: string | null;
  subscription_id: string | null;
  success_url: string | null;
  updated_at: Timestamp | null;
}

export interface PaymentsPrivateConnectionList {
  account_email: string | null;
  account_id: string | null;
  account_livemode: boolean | null;
  environment: string | null;
  events_complete_from: Timestamp | null;
  events_complete_until: Timestamp | null;
  last_sync_counts: Json | null;
  last_sync_error: string | null;
  last_sync_status: string | null;
  last_synced_at: Timestamp | null;
  status: string | null;
  webhook_configured_at: Timestamp | null;
  webhook_endpoint_id: string | null;
  webhook_endpoint_url: string | null;
}

export interface PaymentsPrivateCreditNoteList {
  amount: Int8 | null;
  created_at: Timestamp | null;
  credit_note_id: string | null;
  currency: string | null;
  customer_id: string | null;
  environment: string | null;
  id: string | null;
  invoice_id: string | null;
  memo: string | null;
  metadata: Json | null;
  number: string | null;
  pdf: string | null;
  provider_created_at: Timestamp | null;
  reason: string | null;
  status: string | null;
  subject_id: string | null;
  subject_type: string | null;
  subtotal: Int8 | null;
  synced_at: Timestamp | null;
  tax: Int8 | null;
  total: Int8 | null;
  type: string | null;
  updated_at: Timestamp | null;
  voided_at: Timestamp | null;
}

export interface PaymentsPrivateCustomerList {
  country_code: string | null;
  deleted: boolean | null;
  email: string | null;
  environment: string | null;
  id: string | null;
  last_payment_at: Timestamp | null;
  metadata: Json | null;
  name: string | null;
  payment_method_brand: string | null;
  payment_method_last4: string | null;
  payments_count: Int8 | null;
  phone: string | null;
  provider: string | null;
  provider_created_at: Timestamp | null;
  provider_customer_id: string | null;
  synced_at: Timestamp | null;
  total_spend: Numeric | null;
  total_spend_currency: string | null;
}

export interface PaymentsPrivateCustomerOwners {
  /**
   * Stripe customer (cus_…).
   */
  customer_id: string;
  /**
   * test or live.
   */
  environment: string;
  /**
   * When the object that names the owner was created at Stripe; of several objects, the earliest.
   */
  named_at: Timestamp;
  /**
   * Id of that object; decides between objects of the same second.
   */
  named_by: string;
  /**
   * Id of the billing subject in the app.
   */
  subject_id: string;
  /**
   * Kind of billing subject.
   */
  subject_type: string;
}

export interface PaymentsPrivateCustomerTimeline {
  amount: Int8 | null;
  currency: string | null;
  customer_id: string | null;
  environment: string | null;
  error: string | null;
  happened_at: Timestamp | null;
  id: string | null;
  kind: string | null;
  object_id: string | null;
  status: string | null;
  title: string | null;
}

export interface PaymentsPrivateDerivedTransactions {
  amount: Int8 | null;
  amount_disputed: Int8 | null;
  amount_refunded: Int8 | null;
  card_brand: string | null;
  card_last4: string | null;
  currency: string | null;
  customer_email_snapshot: string | null;
  description: string | null;
  dispute_amount: Int8 | null;
  dispute_status: string | null;
  disputed_at: Timestamp | null;
  environment: string | null;
  failed_at: Timestamp | null;
  id: string | null;
  is_refunded: boolean | null;
  paid_at: Timestamp | null;
  provider_created_at: Timestamp | null;
  provider_customer_id: string | null;
  provider_object_id: string | null;
  provider_object_type: string | null;
  receipt_url: string | null;
  refunded_at: Timestamp | null;
  related_object_ids: Json | null;
  released_refund_id: string | null;
  status: string | null;
  subject_id: string | null;
  subject_type: string | null;
  type: string | null;
}

export interface PaymentsPrivateErasedObjects {
  /**
   * test or live.
   */
  environment: string;
  /**
   * When its personal data was removed first.
   */
  erased_at: Generated<Timestamp>;
  /**
   * Stripe id of a customer, a payment method or an object of a payment, or the id of a checkout that was begun here.
   */
  object_id: string;
  /**
   * Id of the billing subject in the app.
   */
  subject_id: string;
  /**
   * Kind of the billing subject.
   */
  subject_type: string;
}

export interface PaymentsPrivateInvoiceList {
  amount_due: Int8 | null;
  amount_paid: Int8 | null;
  amount_remaining: Int8 | null;
  billing_reason: string | null;
  collection_method: string | null;
  created_at: Timestamp | null;
  currency: string | null;
  customer_id: string | null;
  deleted: boolean | null;
  description: string | null;
  due_at: Timestamp | null;
  environment: string | null;
  finalized_at: Timestamp | null;
  hosted_invoice_url: string | null;
  id: string | null;
  invoice_id: string | null;
  invoice_pdf: string | null;
  metadata: Json | null;
  number: string | null;
  paid_at: Timestamp | null;
  period_end: Timestamp | null;
  period_start: Timestamp | null;
  provider_created_at: Timestamp | null;
  status: string | null;
  subject_id: string | null;
  subject_type: string | null;
  subscription_id: string | null;
  subtotal: Int8 | null;
  synced_at: Timestamp | null;
  tax: Int8 | null;
  total: Int8 | null;
  updated_at: Timestamp | null;
  voided_at: Timestamp | null;
}

export interface PaymentsPrivateOfferList {
  active: boolean | null;
  allow_pay_what_you_want: boolean | null;
  allow_price_data: boolean | null;
  allowed_options: Json | null;
  created_at: Timestamp | null;
  currency: string | null;
  ends_at: Timestamp | null;
  environment: string | null;
  forced_options: Json | null;
  lookup_key: string | null;
  managed_by: string | null;
  maximum_amount: Int8 | null;
  maximum_quantity: number | null;
  minimum_amount: Int8 | null;
  minimum_quantity: number | null;
  mode: string | null;
  offer_id: string | null;
  one_plan: boolean | null;
  price_id: string | null;
  product_group: string | null;
  product_id: string | null;
  roles: Json | null;
  starts_at: Timestamp | null;
  subject_types: Json | null;
  trial_once: boolean | null;
  updated_at: Timestamp | null;
}

export interface PaymentsPrivatePaymentObjects {
  /**
   * In the minor unit.
   */
  amount: Int8 | null;
  /**
   * Of a charge, in the minor unit; includes amount_released.
   */
  amount_refunded: Int8 | null;
  /**
   * What was authorized and will not be captured, in the minor unit. Stripe records it as the first refund of the charge, and no money moved. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
   */
  amount_released: Int8 | null;
  /**
   * When a PaymentIntent was canceled.
   */
  canceled_at: Timestamp | null;
  /**
   * Charge that a canceled PaymentIntent names without an error. It held money, unless it was declined.
   */
  canceled_charge_id: string | null;
  /**
   * When a Checkout Session was completed.
   */
  completed_at: Timestamp | null;
  /**
   * Three-letter ISO 4217 code, lower case.
   */
  currency: string | null;
  /**
   * E-mail address that the object carries.
   */
  customer_email: string | null;
  /**
   * Stripe customer (cus_…).
   */
  customer_id: string | null;
  /**
   * Stripe's description.
   */
  description: string | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Latest failure that any snapshot reported; of a refund the earliest.
   */
  failed_at: Timestamp | null;
  /**
   * Charges that any snapshot of a PaymentIntent called declined, sorted.
   */
  failed_charge_ids: string[] | null;
  /**
   * Earliest snapshot that says failed without saying when.
   */
  failure_seen_at: Timestamp | null;
  /**
   * Stripe id.
   */
  object_id: string;
  /**
   * Kind of object.
   */
  object_type: string;
  /**
   * The payment that the object belongs to: its payments.transactions.id.
   */
  payment_id: string;
  /**
   * Price of the invoice line that is bought.
   */
  price_id: string | null;
  /**
   * Product of the invoice line that is bought.
   */
  product_id: string | null;
  /**
   * When Stripe created the object.
   */
  provider_created_at: Timestamp | null;
  /**
   * Latest refund of a charge that any snapshot reported.
   */
  refunded_at: Timestamp | null;
  /**
   * What the snapshot says of the money: succeeded, pending or failed; null if it says nothing.
   */
  state: string | null;
  /**
   * Stripe's own status of the object.
   */
  status: string | null;
  /**
   * Id of that billing subject.
   */
  subject_id: string | null;
  /**
   * Kind of billing subject that the metadata names.
   */
  subject_type: string | null;
  /**
   * Version of the earliest snapshot that named a billing subject.
   */
  subject_version: Int8 | null;
  /**
   * Subscription (sub_…) that an invoice or a session belongs to.
   */
  subscription_id: string | null;
  /**
   * Earliest success that any snapshot reported.
   */
  succeeded_at: Timestamp | null;
  /**
   * Which snapshot the row shows; see payments_private.snapshot_version().
   */
  version: Generated<Int8>;
  /**
   * The second at which the snapshot was true: bits 3 to 49 of version.
   */
  version_at: Generated<Timestamp | null>;
}

export interface PaymentsPrivatePortalSessionList {
  configuration: string | null;
  created_at: Timestamp | null;
  customer_id: string | null;
  environment: string | null;
  id: string | null;
  last_error: string | null;
  options: Json | null;
  return_url: string | null;
  status: string | null;
  subject_id: string | null;
  subject_type: string | null;
  updated_at: Timestamp | null;
}

export interface PaymentsPrivatePriceList {
  active: boolean | null;
  billing_scheme: string | null;
  currency: string | null;
  custom_unit_amount_maximum: Int8 | null;
  custom_unit_amount_minimum: Int8 | null;
  custom_unit_amount_preset: Int8 | null;
  environment: string | null;
  lookup_key: string | null;
  metadata: Json | null;
  pay_what_you_want: boolean | null;
  price_id: string | null;
  product_id: string | null;
  recurring_interval: string | null;
  recurring_interval_count: number | null;
  recurring_usage_type: string | null;
  revision: string | null;
  synced_at: Timestamp | null;
  tax_behavior: string | null;
  type: string | null;
  unit_amount: Int8 | null;
  unit_amount_decimal: string | null;
}

export interface PaymentsPrivateProductList {
  active: boolean | null;
  default_price_id: string | null;
  description: string | null;
  environment: string | null;
  metadata: Json | null;
  name: string | null;
  product_id: string | null;
  revision: string | null;
  synced_at: Timestamp | null;
}

export interface PaymentsPrivateRateCounters {
  /**
   * How many there were in that minute.
   */
  count: number;
  /**
   * The minute that is counted.
   */
  counted_from: Timestamp;
  /**
   * What is counted, for example guest checkouts of test.
   */
  name: string;
}

export interface PaymentsPrivateRefusedSignatures {
  /**
   * test or live.
   */
  environment: string;
  /**
   * When the first of them arrived.
   */
  first_refused_at: Generated<Timestamp>;
  /**
   * When the last of them arrived.
   */
  last_refused_at: Generated<Timestamp>;
  /**
   * wrong: no signing secret in use made the signature. too_old: one did, and the signature was older than allowed.
   */
  reason: string;
  /**
   * How many were refused; those of one process within a few seconds may be missing.
   */
  refused: Int8;
}

export interface PaymentsPrivateSecretList {
  created_at: Timestamp | null;
  endpoint_id: string | null;
  environment: string | null;
  expires_at: Timestamp | null;
  key_id: string | null;
  kind: string | null;
  masked_key: string | null;
}

export interface PaymentsPrivateSecrets {
  /**
   * Nonce and encrypted value, base64.
   */
  ciphertext: string;
  /**
   * When it was stored.
   */
  created_at: Generated<Timestamp>;
  /**
   * Of a signing secret: the webhook endpoint (we_…) that signs with it.
   */
  endpoint_id: string | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * When it stops being used; null while it is current.
   */
  expires_at: Timestamp | null;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Id of the encryption key that decrypts it.
   */
  key_id: string;
  /**
   * secret_key or webhook_secret.
   */
  kind: string;
  /**
   * Of a secret key: its beginning and its last four characters, the only part that is ever shown.
   */
  masked: string | null;
}

export interface PaymentsPrivateSubjectAssignments {
  /**
   * When it was assigned. Of a customer, what Stripe made before it belongs to the subject, whatever its metadata names.
   */
  assigned_at: Generated<Timestamp>;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Stripe id (cus_… or sub_…).
   */
  object_id: string;
  /**
   * customer or subscription.
   */
  object_type: string;
  /**
   * Id of that billing subject in the app.
   */
  subject_id: string;
  /**
   * Kind of billing subject that it belongs to.
   */
  subject_type: string;
}

export interface PaymentsPrivateSubscriptionItemList {
  created_at: Timestamp | null;
  current_period_end: Timestamp | null;
  current_period_start: Timestamp | null;
  environment: string | null;
  metadata: Json | null;
  price_id: string | null;
  product_id: string | null;
  quantity: Int8 | null;
  subscription_id: string | null;
  subscription_item_id: string | null;
  updated_at: Timestamp | null;
}

export interface PaymentsPrivateSubscriptionList {
  access: string | null;
  access_reason: string | null;
  cancel_at: Timestamp | null;
  cancel_at_period_end: boolean | null;
  canceled_at: Timestamp | null;
  created_at: Timestamp | null;
  current_period_end: Timestamp | null;
  current_period_start: Timestamp | null;
  customer_id: string | null;
  environment: string | null;
  id: string | null;
  items: Json | null;
  latest_invoice_id: string | null;
  metadata: Json | null;
  next_phase_at: Timestamp | null;
  next_phase_items: Json | null;
  pause_collection_behavior: string | null;
  pause_collection_resumes_at: Timestamp | null;
  pending_update: Json | null;
  pending_update_expires_at: Timestamp | null;
  schedule_id: string | null;
  status: string | null;
  subject_id: string | null;
  subject_type: string | null;
  subscription_id: string | null;
  synced_at: Timestamp | null;
  trial_end: Timestamp | null;
  trial_start: Timestamp | null;
  updated_at: Timestamp | null;
}

export interface PaymentsPrivateSubscriptionSchedules {
  /**
   * test or live.
   */
  environment: string;
  /**
   * When the next phase begins; null if none follows.
   */
  next_phase_at: Timestamp | null;
  /**
   * Prices and quantities of that phase.
   */
  next_phase_items: Json | null;
  /**
   * Stripe id (sub_sched_…).
   */
  schedule_id: string;
  /**
   * Stripe's status: not_started, active, completed, released or canceled.
   */
  status: string;
  /**
   * Which snapshot the row shows; see payments_private.snapshot_version().
   */
  version: Int8;
}

export interface PaymentsPrivateSyncedSubscriptions {
  deleted: Int8 | null;
  environment: string | null;
  id: string | null;
  synced: Int8 | null;
  unmapped: Int8 | null;
}

export interface PaymentsPrivateSyncRunList {
  attempt: number | null;
  created_before: Timestamp | null;
  created_from: Timestamp | null;
  drift: Json | null;
  environment: string | null;
  error: string | null;
  finished_at: Timestamp | null;
  heartbeat_at: Timestamp | null;
  id: string | null;
  kinds: Json | null;
  progress: Json | null;
  started_at: Timestamp | null;
  status: string | null;
}

export interface PaymentsPrivateTransactionList {
  amount: Int8 | null;
  amount_disputed: Int8 | null;
  amount_refunded: Int8 | null;
  card_brand: string | null;
  card_last4: string | null;
  created_at: Timestamp | null;
  currency: string | null;
  customer_email_snapshot: string | null;
  description: string | null;
  dispute_amount: Int8 | null;
  dispute_status: string | null;
  disputed_at: Timestamp | null;
  environment: string | null;
  failed_at: Timestamp | null;
  id: string | null;
  paid_at: Timestamp | null;
  provider: string | null;
  provider_created_at: Timestamp | null;
  provider_customer_id: string | null;
  provider_reference_id: string | null;
  provider_reference_type: string | null;
  receipt_url: string | null;
  refunded_at: Timestamp | null;
  related_object_ids: Json | null;
  status: string | null;
  subject_id: string | null;
  subject_type: string | null;
  type: string | null;
  updated_at: Timestamp | null;
}

export interface PaymentsPrivateUnownedObjects {
  /**
   * test or live.
   */
  environment: string;
  /**
   * Stripe customer (cus_…), or the subscription (sub_…) of a row that names no customer.
   */
  object_id: string;
}

export interface PaymentsPrivateWebhookEventList {
  account_id: string | null;
  attempt_count: number | null;
  created_at: Timestamp | null;
  environment: string | null;
  event_id: string | null;
  event_type: string | null;
  id: string | null;
  is_dead_lettered: boolean | null;
  last_error: string | null;
  livemode: boolean | null;
  next_attempt_at: Timestamp | null;
  object_id: string | null;
  object_type: string | null;
  payload: Json | null;
  processed_at: Timestamp | null;
  processing_status: string | null;
  provider_created_at: Timestamp | null;
  received_at: Timestamp | null;
  updated_at: Timestamp | null;
}

export interface PaymentsProviderConnections {
  /**
   * E-mail address of the Stripe account.
   */
  account_email: string | null;
  /**
   * Whether the key belongs to live mode.
   */
  account_livemode: boolean | null;
  /**
   * Display name of the Stripe account.
   */
  account_name: string | null;
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * test or live.
   */
  environment: string;
  /**
   * The ledger holds every event since this instant; earlier ones were never meant for this database.
   */
  events_complete_from: Timestamp | null;
  /**
   * The ledger was last compared with Stripe's list of events until this instant; every earlier event is in it.
   */
  events_complete_until: Timestamp | null;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Objects seen by the last sync, by kind.
   */
  last_sync_counts: Generated<Json>;
  /**
   * Why the last sync failed.
   */
  last_sync_error: string | null;
  /**
   * succeeded or failed; null before the first sync.
   */
  last_sync_status: string | null;
  /**
   * When the last sync ended.
   */
  last_synced_at: Timestamp | null;
  /**
   * Payment provider; pg-payments writes stripe.
   */
  provider: string;
  /**
   * Stripe account id (acct_…). Events of Connect that name another account are not projected.
   */
  provider_account_id: string | null;
  /**
   * The account as Stripe described it.
   */
  raw: Generated<Json>;
  /**
   * unconfigured, connected, or error: Stripe refused the key at the last sync.
   */
  status: Generated<string>;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
  /**
   * When the managed endpoint was last set up.
   */
  webhook_configured_at: Timestamp | null;
  /**
   * Webhook endpoint that pg-payments manages at Stripe (we_…).
   */
  webhook_endpoint_id: string | null;
  /**
   * Address that the managed endpoint delivers to.
   */
  webhook_endpoint_url: string | null;
}

export interface PaymentsStripeCheckoutSessions {
  /**
   * Number of Stripe sessions begun for this row; part of the idempotency key sent to Stripe.
   */
  attempt: Generated<number>;
  /**
   * payments.caller_id() of the caller who began it; null for anonymous callers and for sessions made elsewhere.
   */
  caller_id: Generated<string | null>;
  /**
   * Target of the back link; empty for a session made elsewhere without one.
   */
  cancel_url: string;
  /**
   * Stripe id (cs_…) of the latest attempt.
   */
  checkout_session_id: string | null;
  /**
   * Secret that mounts an embedded or custom session in the app's page while the session is open; null for a hosted page.
   */
  client_secret: string | null;
  /**
   * When the session was begun here.
   */
  created_at: Generated<Timestamp>;
  /**
   * E-mail address to prefill on the hosted page.
   */
  customer_email: string | null;
  /**
   * Stripe customer (cus_…): the one the session was begun with, or the one it made.
   */
  customer_id: string | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * When the hosted page stops working.
   */
  expires_at: Timestamp | null;
  /**
   * Options that the offers of its items force. They take precedence over options.
   */
  forced_options: Generated<Json>;
  /**
   * Local id; Stripe has it as client_reference_id.
   */
  id: Generated<string>;
  /**
   * The caller's key: the same key and request give the same session.
   */
  idempotency_key: string | null;
  /**
   * Scope in which the key is unique: the billing subject, else the caller, else (for a guest) the request.
   */
  idempotency_scope: Generated<string>;
  /**
   * Why the last attempt at Stripe failed.
   */
  last_error: string | null;
  /**
   * The items to buy: [{"priceId": "price_…", "quantity": 1}]; priceData in place of priceId is a price made for this checkout.
   */
  line_items: Generated<Json>;
  /**
   * The caller's metadata, text to text; keys beginning payments_ or insforge_ are reserved.
   */
  metadata: Generated<Json>;
  /**
   * payment (once), subscription, or setup (saves a payment method); for a session made elsewhere also another word of Stripe.
   */
  mode: string;
  /**
   * What the request asks of Checkout beside its items, by the names of Stripe's parameters; see payments_private.check_checkout_options().
   */
  options: Generated<Json>;
  /**
   * PaymentIntent (pi_…) of a completed one-time session.
   */
  payment_intent_id: string | null;
  /**
   * Stripe's word. paid and no_payment_required are settled; unpaid, and any word that Stripe adds, is pending, even if the session is complete.
   */
  payment_status: string | null;
  /**
   * The session as Stripe sent it last.
   */
  raw: Generated<Json>;
  /**
   * SHA-256 of the request, computed from the columns of the row when it is begun here. Distinguishes a retry from another request under the same key.
   */
  request_hash: string | null;
  /**
   * initialized (not yet at Stripe), open, completed, expired, or failed (Stripe refused or could not be reached; see last_error).
   */
  status: Generated<string>;
  /**
   * After the last failure, Stripe may have created the session, so a retry sends the same idempotency key.
   */
  stripe_may_have_acted: Generated<boolean>;
  /**
   * Id of the billing subject in the app.
   */
  subject_id: string | null;
  /**
   * Kind of billing subject, for example team; null for a guest purchase.
   */
  subject_type: string | null;
  /**
   * Version of the snapshot whose metadata named the subject; null while the subject is the one that the checkout was begun for, or is unknown.
   */
  subject_version: Int8 | null;
  /**
   * Subscription (sub_…) that the session started.
   */
  subscription_id: string | null;
  /**
   * Where Stripe sends the buyer afterwards; empty for a session made elsewhere without one.
   */
  success_url: string;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
  /**
   * URL of the hosted page while the session is open; null once it is completed or expired.
   */
  url: string | null;
  /**
   * Which snapshot the row shows; see payments_private.snapshot_version().
   */
  version: Generated<Int8>;
}

export interface PaymentsStripeCreditNotes {
  /**
   * Amount credited, tax included, in the minor unit.
   */
  amount: Int8 | null;
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * Stripe id (cn_…).
   */
  credit_note_id: string;
  /**
   * Three-letter ISO 4217 code, lower case.
   */
  currency: string | null;
  /**
   * Stripe customer (cus_…).
   */
  customer_id: string | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Invoice (in_…) that it reduces.
   */
  invoice_id: string;
  /**
   * Text that the customer sees.
   */
  memo: string | null;
  /**
   * Stripe metadata, text to text.
   */
  metadata: Generated<Json>;
  /**
   * Number that the customer sees.
   */
  number: string | null;
  /**
   * Address of the PDF. Who has the address can read it.
   */
  pdf: string | null;
  /**
   * When Stripe created it.
   */
  provider_created_at: Timestamp | null;
  /**
   * Why it was issued: duplicate, fraudulent, order_change or product_unsatisfactory; null if nobody said.
   */
  reason: string | null;
  /**
   * Stripe's status: issued, void, or a word that Stripe adds.
   */
  status: string;
  /**
   * Id of the billing subject in the app.
   */
  subject_id: string | null;
  /**
   * Kind of billing subject: that of its invoice, else that of its customer.
   */
  subject_type: string | null;
  /**
   * Sum of its lines before discounts and exclusive tax, in the minor unit.
   */
  subtotal: Int8 | null;
  /**
   * When this row was last updated from Stripe.
   */
  synced_at: Generated<Timestamp>;
  /**
   * Sum of its taxes in the minor unit; null if Stripe names none.
   */
  tax: Int8 | null;
  /**
   * Total after discounts and taxes, in the minor unit.
   */
  total: Int8 | null;
  /**
   * Stripe's type: pre_payment, post_payment or mixed.
   */
  type: string | null;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
  /**
   * Which snapshot the row shows; see payments_private.snapshot_version().
   */
  version: Generated<Int8>;
  /**
   * When it was voided.
   */
  voided_at: Timestamp | null;
}

export interface PaymentsStripeCustomerPortalSessions {
  /**
   * Portal configuration (bpc_…) to use instead of the default one.
   */
  configuration_id: string | null;
  /**
   * When the session was begun here.
   */
  created_at: Generated<Timestamp>;
  /**
   * Stripe customer (cus_…) of the subject, looked up when the row is inserted.
   */
  customer_id: string | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Why Stripe did not open the portal.
   */
  last_error: string | null;
  /**
   * What the request asks of the portal: {locale, flow}; see payments_private.check_portal_options().
   */
  options: Generated<Json>;
  /**
   * The session as Stripe sent it.
   */
  raw: Generated<Json>;
  /**
   * Target of the portal's back link.
   */
  return_url: string | null;
  /**
   * initialized (not yet at Stripe), created, or failed (see last_error).
   */
  status: Generated<string>;
  /**
   * Id of the billing subject in the app.
   */
  subject_id: string;
  /**
   * Kind of billing subject, for example team.
   */
  subject_type: string;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
  /**
   * URL of the portal page; it works for a short time.
   */
  url: string | null;
}

export interface PaymentsStripeInvoices {
  /**
   * What was to be paid, after the customer's balance, in the minor unit.
   */
  amount_due: Int8 | null;
  /**
   * What was paid, in the minor unit.
   */
  amount_paid: Int8 | null;
  /**
   * What remains to be paid, in the minor unit.
   */
  amount_remaining: Int8 | null;
  /**
   * Why Stripe made it, for example subscription_cycle or manual.
   */
  billing_reason: string | null;
  /**
   * charge_automatically or send_invoice.
   */
  collection_method: string | null;
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * Three-letter ISO 4217 code, lower case.
   */
  currency: string | null;
  /**
   * Stripe customer (cus_…).
   */
  customer_id: string | null;
  /**
   * Whether the draft was deleted at Stripe.
   */
  deleted: Generated<boolean>;
  /**
   * Stripe's description, shown as its memo.
   */
  description: string | null;
  /**
   * When it is due; null if it is charged automatically.
   */
  due_at: Timestamp | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * When it was finalized.
   */
  finalized_at: Timestamp | null;
  /**
   * Stripe's page of the invoice. Who has the address can see it.
   */
  hosted_invoice_url: string | null;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Stripe id (in_…).
   */
  invoice_id: string;
  /**
   * Address of the PDF. Who has the address can read it.
   */
  invoice_pdf: string | null;
  /**
   * Stripe metadata, text to text.
   */
  metadata: Generated<Json>;
  /**
   * Id of that billing subject.
   */
  named_subject_id: string | null;
  /**
   * Kind of billing subject that metadata of the invoice, its subscription or its lines names.
   */
  named_subject_type: string | null;
  /**
   * Number that the customer sees; null while it is a draft.
   */
  number: string | null;
  /**
   * When it was paid.
   */
  paid_at: Timestamp | null;
  /**
   * End of that period.
   */
  period_end: Timestamp | null;
  /**
   * Start of the period in which its items were added; the periods of what it bills are in its lines.
   */
  period_start: Timestamp | null;
  /**
   * When Stripe created it.
   */
  provider_created_at: Timestamp | null;
  /**
   * Stripe's status: draft, open, paid, uncollectible, void, or a word that Stripe adds.
   */
  status: string;
  /**
   * Id of the billing subject in the app.
   */
  subject_id: string | null;
  /**
   * Kind of billing subject: the one that the invoice names, else that of its subscription, else that of its customer.
   */
  subject_type: string | null;
  /**
   * Version of the earliest snapshot that named a billing subject.
   */
  subject_version: Int8 | null;
  /**
   * Subscription (sub_…) that it bills; null for others.
   */
  subscription_id: string | null;
  /**
   * Sum of its lines before discounts and exclusive tax, in the minor unit.
   */
  subtotal: Int8 | null;
  /**
   * When this row was last updated from Stripe.
   */
  synced_at: Generated<Timestamp>;
  /**
   * Sum of its taxes in the minor unit; null if Stripe names none.
   */
  tax: Int8 | null;
  /**
   * Total after discounts and taxes, in the minor unit.
   */
  total: Int8 | null;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
  /**
   * Which snapshot the row shows; see payments_private.snapshot_version().
   */
  version: Generated<Int8>;
  /**
   * When it was voided.
   */
  voided_at: Timestamp | null;
}

export interface PaymentsStripePrices {
  /**
   * Whether it can be bought; archived prices are false.
   */
  active: boolean;
  /**
   * per_unit or tiered.
   */
  billing_scheme: string | null;
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * Three-letter ISO 4217 code, lower case.
   */
  currency: string;
  /**
   * The most that the buyer may choose, in the minor unit; null for Stripe's own limit.
   */
  custom_unit_amount_maximum: Int8 | null;
  /**
   * The least that the buyer may choose, in the minor unit; null for Stripe's own limit.
   */
  custom_unit_amount_minimum: Int8 | null;
  /**
   * The amount that the page shows first, in the minor unit.
   */
  custom_unit_amount_preset: Int8 | null;
  /**
   * Deleted at Stripe; never becomes false again.
   */
  deleted: Generated<boolean>;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Stable name to find the price by.
   */
  lookup_key: string | null;
  /**
   * Stripe metadata, text to text.
   */
  metadata: Generated<Json>;
  /**
   * Whether the buyer chooses the amount (pay what you want); unit_amount is null then.
   */
  pay_what_you_want: Generated<boolean>;
  /**
   * Stripe id (price_…).
   */
  price_id: string;
  /**
   * Product that it prices (prod_…).
   */
  product_id: string | null;
  /**
   * The object as Stripe sent it last.
   */
  raw: Generated<Json>;
  /**
   * day, week, month or year; null for one-time prices.
   */
  recurring_interval: string | null;
  /**
   * Number of intervals between two invoices.
   */
  recurring_interval_count: number | null;
  /**
   * licensed (bought by quantity) or metered (billed by use, so a checkout sends no quantity); null for one-time prices.
   */
  recurring_usage_type: string | null;
  /**
   * When this row was last updated from Stripe.
   */
  synced_at: Generated<Timestamp>;
  /**
   * exclusive, inclusive or unspecified.
   */
  tax_behavior: string | null;
  /**
   * Stripe's type, one_time or recurring.
   */
  type: string;
  /**
   * Price of one unit in the currency's minor unit; null when it has fractions or tiers, or the buyer chooses it.
   */
  unit_amount: Int8 | null;
  /**
   * The same as a decimal, up to 12 places, in the minor unit.
   */
  unit_amount_decimal: string | null;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
  /**
   * Which snapshot the row shows; see payments_private.snapshot_version().
   */
  version: Generated<Int8>;
}

export interface PaymentsStripeProducts {
  /**
   * Whether it can be bought.
   */
  active: boolean;
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * Default price (price_…).
   */
  default_price_id: string | null;
  /**
   * Deleted at Stripe; never becomes false again.
   */
  deleted: Generated<boolean>;
  /**
   * Description shown to customers.
   */
  description: string | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Stripe metadata, text to text.
   */
  metadata: Generated<Json>;
  /**
   * Name shown to customers.
   */
  name: string;
  /**
   * Stripe id (prod_…).
   */
  product_id: string;
  /**
   * The object as Stripe sent it last.
   */
  raw: Generated<Json>;
  /**
   * When this row was last updated from Stripe.
   */
  synced_at: Generated<Timestamp>;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
  /**
   * Which snapshot the row shows; see payments_private.snapshot_version().
   */
  version: Generated<Int8>;
}

export interface PaymentsStripeSubscriptionItems {
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * End of the current period of the item. Items of one subscription may differ, for example a monthly plan and a yearly add-on.
   */
  current_period_end: Timestamp | null;
  /**
   * Start of the current period of the item, paid or not.
   */
  current_period_start: Timestamp | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Stripe metadata, text to text.
   */
  metadata: Generated<Json>;
  /**
   * Price (price_…).
   */
  price_id: string | null;
  /**
   * Product (prod_…).
   */
  product_id: string | null;
  /**
   * Number of units; null for metered prices.
   */
  quantity: Int8 | null;
  /**
   * Empty: the item is part of stripe_subscriptions.raw.
   */
  raw: Generated<Json>;
  /**
   * Subscription (sub_…) that it belongs to.
   */
  subscription_id: string;
  /**
   * Stripe id (si_…).
   */
  subscription_item_id: string;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
}

export interface PaymentsStripeSubscriptions {
  /**
   * When it is set to end; may be set while cancel_at_period_end is false.
   */
  cancel_at: Timestamp | null;
  /**
   * Whether it ends with the current period.
   */
  cancel_at_period_end: Generated<boolean>;
  /**
   * When cancellation was requested, which may be before access ends.
   */
  canceled_at: Timestamp | null;
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * End of the current period, paid or not: the latest of its items, which have their own periods.
   */
  current_period_end: Timestamp | null;
  /**
   * Start of the current period, paid or not: the earliest of its items, which have their own periods.
   */
  current_period_start: Timestamp | null;
  /**
   * Stripe customer (cus_…) that pays.
   */
  customer_id: string;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Newest invoice (in_…).
   */
  latest_invoice_id: string | null;
  /**
   * Stripe metadata, text to text.
   */
  metadata: Generated<Json>;
  /**
   * When the next phase of its schedule begins; null if none follows.
   */
  next_phase_at: Timestamp | null;
  /**
   * What it has from then on: [{"price_id": "price_…", "quantity": 1}].
   */
  next_phase_items: Json | null;
  /**
   * How Stripe treats invoices while collection is paused: keep_as_draft, mark_uncollectible or void. Null while it is not paused. The status stays active.
   */
  pause_collection_behavior: string | null;
  /**
   * When Stripe resumes collection; null if somebody has to resume it.
   */
  pause_collection_resumes_at: Timestamp | null;
  /**
   * Change that Stripe makes once its invoice is paid, as Stripe describes it (https://docs.stripe.com/billing/subscriptions/pending-updates).
   */
  pending_update: Json | null;
  /**
   * When Stripe drops that change unless it is paid.
   */
  pending_update_expires_at: Timestamp | null;
  /**
   * The object as Stripe sent it last.
   */
  raw: Generated<Json>;
  /**
   * Subscription schedule (sub_sched_…) that changes it later; null without one.
   */
  schedule_id: string | null;
  /**
   * Stripe's status: incomplete, incomplete_expired, trialing, active, past_due, canceled, unpaid, paused, or a word that Stripe adds. trialing usually gives access; active and past_due do once money has arrived. Stripe still retries the payment of one that is past_due. Give no access for a word you do not know.
   */
  status: string;
  /**
   * Id of the billing subject in the app; once known it stays.
   */
  subject_id: string | null;
  /**
   * Kind of billing subject; once known it stays.
   */
  subject_type: string | null;
  /**
   * Version of the snapshot whose metadata named the subject; null while the subject comes from the customer, or is unknown.
   */
  subject_version: Int8 | null;
  /**
   * Stripe id (sub_…).
   */
  subscription_id: string;
  /**
   * When this row was last updated from Stripe.
   */
  synced_at: Generated<Timestamp>;
  /**
   * End of the trial.
   */
  trial_end: Timestamp | null;
  /**
   * Start of the trial.
   */
  trial_start: Timestamp | null;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
  /**
   * Which snapshot the row shows; see payments_private.snapshot_version().
   */
  version: Generated<Int8>;
}

export interface PaymentsSubscriptionAccess {
  /**
   * Stripe customer (cus_…).
   */
  customer_id: string | null;
  /**
   * When it ends; null if it renews.
   */
  ends_at: Timestamp | null;
  /**
   * test or live.
   */
  environment: string | null;
  /**
   * Lookup key of the price, if it is known.
   */
  lookup_key: string | null;
  /**
   * Price (price_…).
   */
  price_id: string | null;
  /**
   * Product (prod_…).
   */
  product_id: string | null;
  /**
   * How many, for example seats.
   */
  quantity: Int8 | null;
  /**
   * Stripe's status: trialing, active or past_due.
   */
  status: string | null;
  /**
   * Id of the billing subject in the app.
   */
  subject_id: string | null;
  /**
   * Kind of the billing subject.
   */
  subject_type: string | null;
  /**
   * Subscription (sub_…).
   */
  subscription_id: string | null;
  /**
   * Item of the subscription (si_…).
   */
  subscription_item_id: string | null;
  /**
   * When the subscription last changed here.
   */
  updated_at: Timestamp | null;
  /**
   * End of the last period that is paid, or that is on trial.
   */
  valid_until: Timestamp | null;
}

export interface PaymentsSyncRuns {
  /**
   * Number of times it was begun; more than 1 when it was resumed.
   */
  attempt: Generated<number>;
  /**
   * Payment objects only: those made at Stripe before this instant; null for no limit.
   */
  created_before: Timestamp | null;
  /**
   * Payment objects only: those made at Stripe at this instant or later; null for no limit.
   */
  created_from: Timestamp | null;
  /**
   * What differed from Stripe, by kind: {rows, missing, deleted, fields: {column: rows}}. Rows that a webhook has made newer than the listing do not count.
   */
  drift: Generated<Json>;
  /**
   * test or live. At most one sync of an environment is running.
   */
  environment: string;
  /**
   * Why it failed; null otherwise.
   */
  error: string | null;
  /**
   * When it ended; null while it is running.
   */
  finished_at: Timestamp | null;
  /**
   * Last heartbeat. A running sync without one for a minute counts as dead and can be resumed.
   */
  heartbeat_at: Generated<Timestamp>;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Kinds of objects to list, in this order, for example {products,prices,customers,subscriptions}.
   */
  kinds: string[];
  /**
   * Lease of the process that runs it; a process with another lease may not write to it.
   */
  lease: string | null;
  /**
   * By kind: {state, listed_from, cursor, cursor_created, seen, added, changed, newer, deleted, failed}; state is listing, listed or done.
   */
  progress: Generated<Json>;
  /**
   * When it was first begun.
   */
  started_at: Generated<Timestamp>;
  /**
   * running, succeeded, failed (see error), or interrupted: stopped before its end.
   */
  status: Generated<string>;
}

export interface PaymentsTransactions {
  /**
   * Amount paid, or due while unpaid, in the minor unit; of a refund, the refunded amount.
   */
  amount: Int8 | null;
  /**
   * Money lost in disputes that were lost, in the minor unit. It is not part of amount_refunded; status does not change.
   */
  amount_disputed: Generated<Int8>;
  /**
   * Amount refunded so far, in the minor unit; failed refunds do not count.
   */
  amount_refunded: Generated<Int8>;
  /**
   * Brand of the card that paid, for example visa; null if Stripe shows no card.
   */
  card_brand: string | null;
  /**
   * Last four digits of that card.
   */
  card_last4: string | null;
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * Three-letter ISO 4217 code, lower case.
   */
  currency: string | null;
  /**
   * E-mail address that the payment carried.
   */
  customer_email_snapshot: string | null;
  /**
   * Stripe's description.
   */
  description: string | null;
  /**
   * Amount of the latest dispute in the minor unit, whatever its outcome.
   */
  dispute_amount: Int8 | null;
  /**
   * Stripe's status of the latest dispute, for example needs_response, won or lost.
   */
  dispute_status: string | null;
  /**
   * When the payment was disputed.
   */
  disputed_at: Timestamp | null;
  /**
   * test or live.
   */
  environment: string;
  /**
   * When the latest attempt failed; null unless the status is failed.
   */
  failed_at: Timestamp | null;
  /**
   * Local id. Two rows become one when Stripe reports that they are the same payment, so refer to provider_object_id from other tables.
   */
  id: Generated<string>;
  /**
   * When the money was taken.
   */
  paid_at: Timestamp | null;
  /**
   * Payment provider; pg-payments writes stripe.
   */
  provider: Generated<string>;
  /**
   * When the payment began at Stripe.
   */
  provider_created_at: Timestamp | null;
  /**
   * Stripe customer (cus_…).
   */
  provider_customer_id: string | null;
  /**
   * Id of that object.
   */
  provider_object_id: string | null;
  /**
   * payment_intent when one is known, else invoice, checkout_session or charge; refund for refunds.
   */
  provider_object_type: string | null;
  /**
   * For a refund: id of the object that was refunded.
   */
  provider_parent_object_id: string | null;
  /**
   * For a refund: kind of the object that was refunded, the same as provider_object_type of its payment.
   */
  provider_parent_object_type: string | null;
  /**
   * Empty: the objects are in the payloads of payments.webhook_events.
   */
  raw: Generated<Json>;
  /**
   * Stripe's page of the receipt, with its refunds. Who has the address can see it. Null without a charge.
   */
  receipt_url: string | null;
  /**
   * When money was last refunded.
   */
  refunded_at: Timestamp | null;
  /**
   * Stripe ids of the same payment by kind: checkout_session, payment_intent, invoice, charge, refund, subscription, product, price.
   */
  related_object_ids: Generated<Json>;
  /**
   * succeeded, pending (money on its way), failed, partially_refunded or refunded.
   */
  status: string;
  /**
   * Id of the billing subject in the app.
   */
  subject_id: string | null;
  /**
   * Kind of billing subject; null for guest purchases.
   */
  subject_type: string | null;
  /**
   * one_time_payment, subscription_invoice, refund, or failed_payment while no attempt has succeeded.
   */
  type: string;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
}

export interface PaymentsWebhookEventHealth {
  /**
   * How many events have failed and are not processed yet.
   */
  backlog: Int8 | null;
  /**
   * How many of the backlog are no longer retried: fix the cause, then replay them.
   */
  dead_lettered: Int8 | null;
  /**
   * test or live.
   */
  environment: string | null;
  /**
   * How many events arrived within the last hour.
   */
  events_last_hour: Int8 | null;
  /**
   * The backlog by type and error: [{"event_type", "error", "count"}], the most frequent first.
   */
  failures: Json | null;
  /**
   * Longest time between Stripe's event and its arrival here, in seconds, over the last hour.
   */
  greatest_lag: Numeric | null;
  /**
   * When the last of those events arrived; null if none did.
   */
  last_received_at: Timestamp | null;
  /**
   * Median time between Stripe's event and its arrival here, in seconds, over the last hour.
   */
  median_lag: number | null;
  /**
   * When the oldest event of the backlog arrived.
   */
  oldest_failed_at: Timestamp | null;
}

export interface PaymentsWebhookEvents {
  /**
   * Number of attempts to process it.
   */
  attempt_count: Generated<number>;
  /**
   * When this row was created.
   */
  created_at: Generated<Timestamp>;
  /**
   * test or live.
   */
  environment: string;
  /**
   * Stripe's type, for example invoice.paid (https://docs.stripe.com/api/events/types).
   */
  event_type: string;
  /**
   * Local id.
   */
  id: Generated<string>;
  /**
   * Why the last attempt failed; null once processed.
   */
  last_error: string | null;
  /**
   * Whether the event is from live mode.
   */
  livemode: boolean;
  /**
   * When a failed event is due for a retry; null when it is not retried automatically.
   */
  next_attempt_at: Timestamp | null;
  /**
   * Id of that object.
   */
  object_id: string | null;
  /**
   * Kind of the object that the event is about, for example subscription.
   */
  object_type: string | null;
  /**
   * The event as Stripe sent it; {} after pruning.
   */
  payload: Json;
  /**
   * When it was processed or ignored.
   */
  processed_at: Timestamp | null;
  /**
   * processed, ignored (a type that is not projected), or failed (to be retried).
   */
  processing_status: Generated<string>;
  /**
   * Payment provider; pg-payments writes stripe.
   */
  provider: Generated<string>;
  /**
   * Connected account that the event is about; null for the account itself.
   */
  provider_account_id: string | null;
  /**
   * When it happened at Stripe, to the second.
   */
  provider_created_at: Timestamp | null;
  /**
   * Stripe's id of the event (evt_…); an event is processed once, however often it is delivered.
   */
  provider_event_id: string;
  /**
   * When it first arrived here.
   */
  received_at: Generated<Timestamp>;
  /**
   * When this row last changed.
   */
  updated_at: Generated<Timestamp>;
}

export interface DB {
  "payments_private.catalog_changes": PaymentsPrivateCatalogChanges;
  "payments_private.catalogue_list": PaymentsPrivateCatalogueList;
  "payments_private.charge_details": PaymentsPrivateChargeDetails;
  "payments_private.checkout_session_list": PaymentsPrivateCheckoutSessionList;
  "payments_private.connection_list": PaymentsPrivateConnectionList;
  "payments_private.credit_note_list": PaymentsPrivateCreditNoteList;
  "payments_private.customer_list": PaymentsPrivateCustomerList;
  "payments_private.customer_owners": PaymentsPrivateCustomerOwners;
  "payments_private.customer_timeline": PaymentsPrivateCustomerTimeline;
  "payments_private.derived_transactions": PaymentsPrivateDerivedTransactions;
  "payments_private.erased_objects": PaymentsPrivateErasedObjects;
  "payments_private.invoice_list": PaymentsPrivateInvoiceList;
  "payments_private.offer_list": PaymentsPrivateOfferList;
  "payments_private.payment_objects": PaymentsPrivatePaymentObjects;
  "payments_private.portal_session_list": PaymentsPrivatePortalSessionList;
  "payments_private.price_list": PaymentsPrivatePriceList;
  "payments_private.product_list": PaymentsPrivateProductList;
  "payments_private.rate_counters": PaymentsPrivateRateCounters;
  "payments_private.refused_signatures": PaymentsPrivateRefusedSignatures;
  "payments_private.secret_list": PaymentsPrivateSecretList;
  "payments_private.secrets": PaymentsPrivateSecrets;
  "payments_private.subject_assignments": PaymentsPrivateSubjectAssignments;
  "payments_private.subscription_item_list": PaymentsPrivateSubscriptionItemList;
  "payments_private.subscription_list": PaymentsPrivateSubscriptionList;
  "payments_private.subscription_schedules": PaymentsPrivateSubscriptionSchedules;
  "payments_private.sync_run_list": PaymentsPrivateSyncRunList;
  "payments_private.synced_subscriptions": PaymentsPrivateSyncedSubscriptions;
  "payments_private.transaction_list": PaymentsPrivateTransactionList;
  "payments_private.unowned_objects": PaymentsPrivateUnownedObjects;
  "payments_private.webhook_event_list": PaymentsPrivateWebhookEventList;
  "payments.customer_mappings": PaymentsCustomerMappings;
  "payments.customer_totals": PaymentsCustomerTotals;
  "payments.customers": PaymentsCustomers;
  "payments.offers": PaymentsOffers;
  "payments.provider_connections": PaymentsProviderConnections;
  "payments.stripe_checkout_sessions": PaymentsStripeCheckoutSessions;
  "payments.stripe_credit_notes": PaymentsStripeCreditNotes;
  "payments.stripe_customer_portal_sessions": PaymentsStripeCustomerPortalSessions;
  "payments.stripe_invoices": PaymentsStripeInvoices;
  "payments.stripe_prices": PaymentsStripePrices;
  "payments.stripe_products": PaymentsStripeProducts;
  "payments.stripe_subscription_items": PaymentsStripeSubscriptionItems;
  "payments.stripe_subscriptions": PaymentsStripeSubscriptions;
  "payments.subscription_access": PaymentsSubscriptionAccess;
  "payments.sync_runs": PaymentsSyncRuns;
  "payments.transactions": PaymentsTransactions;
  "payments.webhook_event_health": PaymentsWebhookEventHealth;
  "payments.webhook_events": PaymentsWebhookEvents;
}
