/**
 * Generated from the database by `npm run generate`. Do not edit.
 *
 * SQL lets every argument be null, and each function decides what null means. Types are those that postgres.js
 * reads from a column, not those of JSON: `bigint` and `numeric` are strings, instants are `Date`.
 */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined }

/** The owner of a purchase in the app's own terms, for example (team,42). Both fields are null when no owner is known. */
export interface BillingSubject {
  type: string | null
  id: string | null
}

/** What app users may buy, and how. While an environment has no offer, the policies alone decide. Once it has one, app users can buy nothing else; the service can. */
export interface Offers {
  environment: string
  offer_id: string
  price_id: string | null
  lookup_key: string | null
  product_id: string | null
  mode: string
  minimum_quantity: number
  maximum_quantity: number
  roles: string[] | null
  subject_types: string[] | null
  starts_at: Date | null
  ends_at: Date | null
  allowed_options: string[]
  forced_options: Json
  allow_pay_what_you_want: boolean
  allow_price_data: boolean
  currency: string | null
  minimum_amount: string | null
  maximum_amount: string | null
  product_group: string | null
  one_plan: boolean
  trial_once: boolean
  active: boolean
  managed_by: string | null
  created_at: Date
  updated_at: Date
}

/** One row per environment: the Stripe account that it is connected to and the state of its webhook endpoint and sync. */
export interface ProviderConnections {
  id: string
  provider: string
  environment: string
  status: string
  provider_account_id: string | null
  account_email: string | null
  account_name: string | null
  account_livemode: boolean | null
  webhook_endpoint_id: string | null
  webhook_endpoint_url: string | null
  webhook_configured_at: Date | null
  last_synced_at: Date | null
  last_sync_status: string | null
  last_sync_error: string | null
  last_sync_counts: Json
  raw: Json
  created_at: Date
  updated_at: Date
  events_complete_from: Date | null
  events_complete_until: Date | null
}

/** A purchase as it stands now: what was bought, by whom, for how much, and whether it is paid. payments.purchase_of(event) returns it. */
export interface Purchase {
  id: string | null
  environment: string | null
  kind: string | null
  status: string | null
  is_paid: boolean | null
  subject_type: string | null
  subject_id: string | null
  caller_id: string | null
  customer_id: string | null
  customer_email: string | null
  items: Json | null
  amount: string | null
  amount_subtotal: string | null
  amount_undone: string | null
  currency: string | null
  metadata: Json | null
  checkout_session_id: string | null
  invoice_id: string | null
  payment_intent_id: string | null
  subscription_id: string | null
  paid_at: Date | null
  shipping: Json | null
}

/** Checkout Sessions (https://docs.stripe.com/api/checkout/sessions): those that app users began here, as the policies on this table allow, and those that Stripe reported. */
export interface StripeCheckoutSessions {
  id: string
  environment: string
  mode: string
  status: string
  payment_status: string | null
  subject_type: string | null
  subject_id: string | null
  customer_email: string | null
  line_items: Json
  success_url: string
  cancel_url: string
  idempotency_key: string | null
  metadata: Json
  checkout_session_id: string | null
  customer_id: string | null
  payment_intent_id: string | null
  subscription_id: string | null
  url: string | null
  last_error: string | null
  raw: Json
  created_at: Date
  updated_at: Date
  request_hash: string | null
  caller_id: string | null
  idempotency_scope: string
  attempt: number
  stripe_may_have_acted: boolean
  expires_at: Date | null
  version: string
  subject_version: string | null
  options: Json
  client_secret: string | null
  forced_options: Json
}

/** Billing Portal sessions (https://docs.stripe.com/api/customer_portal/sessions) that app users opened, as the policies on this table allow. */
export interface StripeCustomerPortalSessions {
  id: string
  environment: string
  status: string
  subject_type: string
  subject_id: string
  customer_id: string | null
  return_url: string | null
  configuration_id: string | null
  url: string | null
  last_error: string | null
  raw: Json
  created_at: Date
  updated_at: Date
  options: Json
}

/** Stripe prices (https://docs.stripe.com/api/prices). A deleted price stays as a tombstone with deleted = true. */
export interface StripePrices {
  id: string
  environment: string
  price_id: string
  product_id: string | null
  active: boolean
  currency: string
  unit_amount: string | null
  unit_amount_decimal: string | null
  pay_what_you_want: boolean
  custom_unit_amount_minimum: string | null
  custom_unit_amount_maximum: string | null
  custom_unit_amount_preset: string | null
  type: string
  lookup_key: string | null
  billing_scheme: string | null
  tax_behavior: string | null
  recurring_interval: string | null
  recurring_interval_count: number | null
  recurring_usage_type: string | null
  metadata: Json
  raw: Json
  synced_at: Date
  created_at: Date
  updated_at: Date
  deleted: boolean
  version: string
}

/** Stripe subscriptions (https://docs.stripe.com/api/subscriptions). canceled and incomplete_expired are final. */
export interface StripeSubscriptions {
  id: string
  environment: string
  subscription_id: string
  customer_id: string
  subject_type: string | null
  subject_id: string | null
  status: string
  current_period_start: Date | null
  current_period_end: Date | null
  cancel_at_period_end: boolean
  cancel_at: Date | null
  canceled_at: Date | null
  trial_start: Date | null
  trial_end: Date | null
  latest_invoice_id: string | null
  pause_collection_behavior: string | null
  pause_collection_resumes_at: Date | null
  schedule_id: string | null
  next_phase_at: Date | null
  next_phase_items: Json | null
  pending_update: Json | null
  pending_update_expires_at: Date | null
  metadata: Json
  raw: Json
  synced_at: Date
  created_at: Date
  updated_at: Date
  subject_version: string | null
  version: string
}

/** Syncs of an environment with Stripe, one row each, with their progress, so that a stopped sync resumes where it was. */
export interface SyncRuns {
  id: string
  environment: string
  status: string
  kinds: string[]
  created_from: Date | null
  created_before: Date | null
  progress: Json
  drift: Json
  error: string | null
  attempt: number
  lease: string | null
  started_at: Date
  heartbeat_at: Date
  finished_at: Date | null
}

/** The ledger: every verified Stripe event and its outcome. Fulfilment is an after insert or update trigger on this table that checks for processing_status = processed. */
export interface WebhookEvents {
  id: string
  environment: string
  event_type: string
  livemode: boolean
  object_type: string | null
  object_id: string | null
  processing_status: string
  attempt_count: number
  last_error: string | null
  payload: Json
  received_at: Date
  processed_at: Date | null
  created_at: Date
  updated_at: Date
  provider: string
  provider_event_id: string
  provider_account_id: string | null
  provider_created_at: Date | null
  next_attempt_at: Date | null
}

/** Deliveries that the handlers refused for their signature since the last one that they accepted. At most one row for each environment and reason. */
export interface RefusedSignatures {
  environment: string
  reason: string
  refused: string
  first_refused_at: Date
  last_refused_at: Date
}

/** SQL functions by name: their arguments and their result. */
export interface SqlFunctions {
  /** Assigns a customer or a subscription, with its payments and invoices, to a billing subject. The assignment wins over metadata and survives a rebuild. Errors: SP001, SP060 unknown id, SP061 it belongs to another subject. */
  'payments.assign_subject': {
    args: {
      environment: string | null
      customer_id: string | null
      subscription_id: string | null
      subject_type: string | null
      subject_id: string | null
      replace?: boolean | null
    }
    returns: Json
  }

  /** Begins a Checkout Session as the caller, whose policies decide. Returns {action, session, attempt, idempotency_key, params, checkout_session_id, expire}; action is send, return or fetch. Errors: SP001 invalid, SP050 parts that exclude each other, SP002 idempotency key in use, SP007 role, 42501 refused by a policy, SP053, SP055, SP057 and SP058 not offered, SP056 lookup key, SP059 a second plan, SP064 and SP065 times, SP075 and SP080 prices that do not fit. */
  'payments.begin_checkout_session': {
    args: {
      environment: string | null
      caller: Json | null
      mode: string | null
      line_items: Json | null
      success_url: string | null
      cancel_url: string | null
      subject_type?: string | null
      subject_id?: string | null
      customer_email?: string | null
      metadata?: Json | null
      idempotency_key?: string | null
      options?: Json | null
    }
    returns: Json
  }

  /** Begins to confirm a Checkout Session as the caller. Returns {action, session, fulfilled, checkout_session_id}; action is return, or ask if Stripe may list events that the ledger lacks. per_minute limits anonymous callers; 0 is no limit. Errors: SP001, SP006 no such row for this caller, SP007 role. */
  'payments.begin_confirmation': {
    args: {
      environment: string | null
      caller: Json | null
      id: string | null
      per_minute: number | null
    }
    returns: Json
  }

  /** Begins a Billing Portal session as the caller, whose policies decide. Returns {session, params, idempotency_key}. Errors: SP001 invalid, SP003 no customer, SP004 anonymous, SP051 no such subscription, SP052 several, SP007 role, 42501 refused by a policy. */
  'payments.begin_customer_portal_session': {
    args: {
      environment: string | null
      caller: Json | null
      subject_type: string | null
      subject_id: string | null
      return_url?: string | null
      configuration?: string | null
      options?: Json | null
    }
    returns: Json
  }

  /** Begins a Checkout Session of an anonymous caller, at most per_minute of them for each environment; 0 is no limit. Returns what begin_checkout_session returns. Errors: those of begin_checkout_session, SP030 too many. */
  'payments.begin_guest_checkout_session': {
    args: {
      environment: string | null
      caller: Json | null
      mode: string | null
      line_items: Json | null
      success_url: string | null
      cancel_url: string | null
      per_minute: number | null
      subject_type?: string | null
      subject_id?: string | null
      customer_email?: string | null
      metadata?: Json | null
      idempotency_key?: string | null
      options?: Json | null
    }
    returns: Json
  }

  /** Returns {from, gap}. from is the instant from which to read Stripe's list of events so that the ledger misses none. gap is the time whose events Stripe no longer has. Errors: SP001, SP008 the key is of another account. */
  'payments.begin_recovery': {
    args: {
      environment: string | null
      since?: Date | null
      account_id?: string | null
    }
    returns: Json
  }

  /** Begins a sync of an environment with Stripe or resumes the last one like it. Returns {run, next}: next is what to list for record_sync_page. Errors: SP001, SP008 the key is of another account, SP020 one is running. */
  'payments.begin_sync': {
    args: {
      environment: string | null
      kinds?: Json | null
      created_from?: Date | null
      created_before?: Date | null
      account_id?: string | null
    }
    returns: Json
  }

  /** Decides what to do at Stripe so that events of an environment reach an address, given the endpoints that the account has. secret_is_lost: the stored signing secret cannot be decrypted. take_over: also replace the endpoint that delivers to another address, where this deployment was before. Returns {action, endpoint, params, idempotency_key, events, retire, remove, elsewhere, duplicates}; action is list, reuse, mend or create. Errors: SP001. */
  'payments.begin_webhook_endpoint': {
    args: {
      environment: string | null
      url: string | null
      api_version: string | null
      endpoints?: Json | null
      since?: string | null
      secret_is_lost?: boolean | null
      take_over?: boolean | null
    }
    returns: Json
  }

  /** Returns the id of the signed-in caller (claim sub of request.jwt.claims), or null. For use in policies. */
  'payments.caller_id': {
    args: Record<string, never>
    returns: string
  }

  /** Records Stripe's answer to a checkout that begin_checkout_session began, and returns the row. Errors: SP001, SP005 the other mode, SP006 no such row. */
  'payments.complete_checkout_session': {
    args: {
      environment: string | null
      id: string | null
      attempt: number | null
      session: Json | null
      snapshot_at: Date | null
    }
    returns: StripeCheckoutSessions[]
  }

  /** Records Stripe's answer to a portal session, and returns the row. Errors: SP006 no such row. */
  'payments.complete_customer_portal_session': {
    args: {
      environment: string | null
      id: string | null
      portal_session: Json | null
    }
    returns: StripeCustomerPortalSessions[]
  }

  /** Records until when the ledger is complete, and returns the connection; no row if that would leave a gap. Errors: SP001. */
  'payments.complete_recovery': {
    args: {
      environment: string | null
      recovered_from: Date | null
      complete_until: Date | null
    }
    returns: ProviderConnections[]
  }

  /** Ends a sync whose kinds are all listed; an object that the listing did not show becomes a tombstone unless its row is newer. Call again while the returned run is running. Errors: SP021 another process has taken over. */
  'payments.complete_sync': {
    args: {
      run_id: string | null
      lease: string | null
      max?: number | null
    }
    returns: Json
  }

  /** Records the webhook endpoint that an environment is now set up with, and its encrypted signing secret if it is new. Earlier secrets stay valid for a day. Returns the connection. Errors: SP001. */
  'payments.complete_webhook_endpoint': {
    args: {
      environment: string | null
      endpoint: Json | null
      key_id?: string | null
      ciphertext?: string | null
    }
    returns: ProviderConnections[]
  }

  /** Connects an environment to a Stripe account and stores its encrypted key. Another account than before is refused unless replace_account, which deletes every row of the former one. If the account is not known yet, seen is an object of the rows that Stripe knew by the key. Returns {connection, previous_account_id, deleted}. Errors: SP001, SP008 another account. */
  'payments.connect_account': {
    args: {
      environment: string | null
      account: Json | null
      key_id: string | null
      ciphertext: string | null
      masked_key: string | null
      replace_account?: boolean | null
      seen?: Json | null
    }
    returns: Json
  }

  /** Deletes an offer and returns its row; no row if there is none. Without any offer, the policies alone decide what app users may buy. Errors: SP001. */
  'payments.delete_offer': {
    args: {
      environment: string | null
      offer_id: string | null
    }
    returns: Offers[]
  }

  /** Deletes the stored Stripe key and signing secrets of an environment; projected rows stay. Returns {connection, endpoint_id, remaining}. Errors: SP001, SP009 no key is stored. */
  'payments.disconnect_account': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  /** Returns the kinds that a scheduled sync lists now: the catalog, and once a day customers and subscriptions too. Errors: SP001. */
  'payments.due_sync_kinds': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  /** One verdict about an environment, ok, degraded or failing, from the ledger, the connection, refused signatures and the given facts. Returns {status, reasons, unlimited_buyers, events, connection}; each reason has a next_action and, where one helps, a command. Errors: SP001. */
  'payments.environment_health': {
    args: {
      environment: string | null
      facts: Json | null
    }
    returns: Json
  }

  /** Removes the personal data of a billing subject from every table and ledger payload, and from what arrives later; amounts and ids stay. Can be repeated. Errors: SP001, SP063 nothing of it is known. */
  'payments.erase_subject': {
    args: {
      environment: string | null
      subject_type: string | null
      subject_id: string | null
    }
    returns: Json
  }

  /** Whether the event says that the money has arrived: paid or no_payment_required checkouts, paid invoices, succeeded PaymentIntents. False for everything else. */
  'payments.event_is_settled': {
    args: {
      event: WebhookEvents | null
    }
    returns: boolean
  }

  /** The billing subject (type, id) of an event, for fulfilment triggers; both are null if no subject is known. Read it as (payments.event_subject(new)).id. */
  'payments.event_subject': {
    args: {
      event: WebhookEvents | null
    }
    returns: BillingSubject
  }

  /** Records why Stripe did not create a checkout session, and returns the row. A retry under the same key continues from it. Errors: SP001, SP006 no such row. */
  'payments.fail_checkout_session': {
    args: {
      environment: string | null
      id: string | null
      attempt: number | null
      error: string | null
      stripe_may_have_acted: boolean | null
    }
    returns: StripeCheckoutSessions[]
  }

  /** Records why Stripe did not open a portal session, and returns the row. Errors: SP006 no such row. */
  'payments.fail_customer_portal_session': {
    args: {
      environment: string | null
      id: string | null
      error: string | null
    }
    returns: StripeCustomerPortalSessions[]
  }

  /** Ends a sync early, as failed with an error or as interrupted without one; begin_sync resumes it. Errors: SP021 another process has taken over. */
  'payments.fail_sync': {
    args: {
      run_id: string | null
      lease: string | null
      error?: string | null
    }
    returns: SyncRuns[]
  }

  /** Reads a Checkout Session by the id of its row or of Stripe, as the caller, whose policies decide. Returns {session, fulfilled}. Errors: SP001, SP006 no such row for this caller, SP007 role. */
  'payments.find_checkout_session': {
    args: {
      environment: string | null
      caller: Json | null
      id: string | null
    }
    returns: Json
  }

  /** Takes one verified Stripe event: projects it, records it in payments.webhook_events and runs the app's triggers there, in one transaction. Returns {status, event, fetch}. Errors: SP001 environment, SP005 not an event of this environment. */
  'payments.ingest_webhook_event': {
    args: {
      environment: string | null
      payload: Json | null
    }
    returns: Json
  }

  /** Takes up to 64 verified Stripe events in one transaction, each independent of the others. Returns a list of what ingest_webhook_event returns, or {status: refused, error, code}. Errors: SP001. */
  'payments.ingest_webhook_events': {
    args: {
      environment: string | null
      payloads: Json | null
    }
    returns: Json
  }

  /** Returns whether payments.offers allow a checkout of this role; true while the environment has no offer. For use in policies. */
  'payments.is_offered': {
    args: {
      environment: string | null
      mode: string | null
      line_items: Json | null
      options?: Json | null
      subject_type?: string | null
      role?: string | null
    }
    returns: boolean
  }

  /** Returns the ids of the active prices that app users of this role may buy now. They are those of the offers, and all of an environment without offers. For use in policies. */
  'payments.offered_prices': {
    args: {
      role?: string | null
    }
    returns: string[]
  }

  /** Returns the ids of the active products that app users of this role may buy now. They are those of the offers, and all of an environment without offers. For use in policies. */
  'payments.offered_products': {
    args: {
      role?: string | null
    }
    returns: string[]
  }

  /** Projects answers of the Stripe API, unless the rows are newer. snapshot_at is the instant at which the answers were true. Returns how many were applied. Errors: SP001, SP005. */
  'payments.project_stripe_objects': {
    args: {
      environment: string | null
      objects: Json | null
      snapshot_at: Date | null
    }
    returns: number
  }

  /** The types of Stripe events that the managed webhook endpoint subscribes to. Select the same types for an endpoint made by hand. Of other types, invoice.payment_succeeded, charge.refund.updated and payment_intent.processing are projected too; the rest is recorded as ignored. */
  'payments.projected_event_types': {
    args: Record<string, never>
    returns: string[]
  }

  /** Deletes checkout sessions that nobody paid (initialized, failed or expired) and that have not changed for the given interval, at most max at a time. Returns how many were deleted. Errors: SP001. */
  'payments.prune_checkout_sessions': {
    args: {
      older_than: string | null
      max?: number | null
      environment?: string | null
    }
    returns: number
  }

  /** Empties the payloads of finished events older than the given interval, at most max at a time; ids and outcome stay. Returns how many were emptied. Errors: SP001. */
  'payments.prune_webhook_events': {
    args: {
      older_than: string | null
      max?: number | null
      environment?: string | null
    }
    returns: number
  }

  /** The purchase that an event is about, as it stands now: what was bought, by whom, for how much, whether paid. Null if the event is about none. For fulfilment triggers. */
  'payments.purchase_of': {
    args: {
      event: WebhookEvents | null
    }
    returns: Purchase
  }

  /** Writes an offer as a whole and returns its row. Keys of offer are the columns of payments.offers. Errors: SP001 invalid, 23514 a constraint of the table. */
  'payments.put_offer': {
    args: {
      environment: string | null
      offer_id: string | null
      offer: Json | null
    }
    returns: Offers[]
  }

  /** Rebuilds the projections of an environment from the ledger, without fulfilment. Rows keep their ids; webhooks wait while it runs. All of it or nothing. Returns {events, pruned, complete_since}. Errors: SP001, SP022 an event cannot be projected again. */
  'payments.rebuild_projections': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  /** Records one page of a sync's listing: its objects and its cursor commit together. Returns {run, next}; call complete_sync when next is null. Errors: SP001, SP005, SP021 another process has taken over. */
  'payments.record_sync_page': {
    args: {
      run_id: string | null
      lease: string | null
      kind: string | null
      objects: Json | null
      snapshot_at: Date | null
      has_more: boolean | null
    }
    returns: Json
  }

  /** Returns the event types that a recovery takes in: those of the managed webhook endpoint, and those that arrive anyway. Errors: SP001. */
  'payments.recoverable_event_types': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  /** Records that a sync could not begin, and whether Stripe refused the key. Errors: SP001. */
  'payments.refuse_sync': {
    args: {
      environment: string | null
      error: string | null
      is_key_refused?: boolean | null
    }
    returns: undefined
  }

  /** Processes recorded events once more, fulfilment triggers included: failed events, and with include_processed the processed ones too. Returns what became of each. Errors: SP001. */
  'payments.replay_webhook_events': {
    args: {
      environment: string | null
      provider_event_id?: string | null
      event_type?: string | null
      object_id?: string | null
      happened_from?: Date | null
      happened_before?: Date | null
      include_processed?: boolean | null
      max?: number | null
    }
    returns: ({ replayed_event_id: string | null; processing_status: string | null; last_error: string | null })[]
  }

  /** Begins a failed checkout again with the customer that its subject has now, and with prices that have a row since. Returns the same as begin_checkout_session; null if nothing has changed. Errors: SP001. */
  'payments.retry_checkout_session': {
    args: {
      environment: string | null
      id: string | null
      attempt: number | null
    }
    returns: Json
  }

  /** Begins a failed portal session again with the customer that its subject has now. Returns the same as begin_customer_portal_session; null if the customer is the same. Errors: SP001, SP003 no customer is left. */
  'payments.retry_customer_portal_session': {
    args: {
      environment: string | null
      id: string | null
    }
    returns: Json
  }

  /** Retries up to max failed events that are due, and returns what became of each. Several calls at once are safe. */
  'payments.retry_webhook_events': {
    args: {
      max?: number | null
    }
    returns: ({ environment: string | null; provider_event_id: string | null; processing_status: string | null; last_error: string | null })[]
  }

  /** Records a heartbeat of a running sync. Returns whether the sync still runs under this lease. */
  'payments.touch_sync': {
    args: {
      run_id: string | null
      lease: string | null
    }
    returns: boolean
  }

  /** Returns which of these event ids the ledger of an environment does not hold. */
  'payments.unknown_webhook_events': {
    args: {
      environment: string | null
      event_ids: Json | null
    }
    returns: string[]
  }

  /** Returns how the managed webhook endpoint differs from how it was set up, given the endpoints that the account has: [{problem, message}]. If none is managed, whether the account has one that could be made by hand. begin_webhook_endpoint returns how to fix it. Errors: SP001. */
  'payments.webhook_endpoint_drift': {
    args: {
      environment: string | null
      url: string | null
      api_version: string | null
      endpoints: Json | null
    }
    returns: Json
  }

  'payments_private.all_secrets': {
    args: Record<string, never>
    returns: ({ id: string | null; environment: string | null; kind: string | null; key_id: string | null; ciphertext: string | null })[]
  }

  'payments_private.api_name': {
    args: {
      option: string | null
    }
    returns: string
  }

  'payments_private.become_caller': {
    args: {
      caller: Json | null
    }
    returns: undefined
  }

  'payments_private.begin_catalog_change': {
    args: {
      environment: string | null
      object_id: string | null
      revision: string | null
    }
    returns: undefined
  }

  'payments_private.catalog_revision': {
    args: {
      catalog_row: Json | null
    }
    returns: string
  }

  'payments_private.catalogue_trial_days': {
    args: {
      environment: string | null
      line_items: Json | null
    }
    returns: number
  }

  'payments_private.check_account': {
    args: {
      environment: string | null
      account_id: string | null
    }
    returns: undefined
  }

  'payments_private.check_caller': {
    args: Record<string, never>
    returns: undefined
  }

  'payments_private.check_checkout_combination': {
    args: {
      mode: string | null
      line_items: Json | null
      success_url: string | null
      cancel_url: string | null
      options: Json | null
    }
    returns: undefined
  }

  'payments_private.check_checkout_options': {
    args: {
      mode: string | null
      options: Json | null
    }
    returns: undefined
  }

  'payments_private.check_checkout_request': {
    args: {
      mode: string | null
      line_items: Json | null
      success_url: string | null
      cancel_url: string | null
      subject_type: string | null
      subject_id: string | null
      customer_email: string | null
      metadata: Json | null
      idempotency_key: string | null
      options: Json | null
    }
    returns: undefined
  }

  'payments_private.check_environment': {
    args: {
      environment: string | null
    }
    returns: undefined
  }

  'payments_private.check_known_objects': {
    args: {
      environment: string | null
      account_id: string | null
      asked: Json | null
      seen: Json | null
      accept_erased?: boolean | null
    }
    returns: undefined
  }

  'payments_private.check_portal_options': {
    args: {
      options: Json | null
    }
    returns: undefined
  }

  'payments_private.check_portal_request': {
    args: {
      subject_type: string | null
      subject_id: string | null
      return_url: string | null
      configuration: string | null
      options: Json | null
    }
    returns: undefined
  }

  'payments_private.checkout_combination_problem': {
    args: {
      mode: string | null
      line_items: Json | null
      success_url: string | null
      cancel_url: string | null
      options: Json | null
    }
    returns: string
  }

  'payments_private.checkout_custom_field': {
    args: {
      field: Json | null
    }
    returns: Json
  }

  'payments_private.checkout_option_params': {
    args: {
      mode: string | null
      options: Json | null
      metadata: Json | null
      has_customer: boolean | null
    }
    returns: Json
  }

  'payments_private.checkout_option_problem': {
    args: {
      option: string | null
      name: string | null
      value: Json | null
    }
    returns: string
  }

  'payments_private.checkout_price_data': {
    args: {
      price_data: Json | null
    }
    returns: Json
  }

  'payments_private.checkout_request_hash': {
    args: {
      mode: string | null
      line_items: Json | null
      success_url: string | null
      cancel_url: string | null
      subject_type: string | null
      subject_id: string | null
      customer_email: string | null
      metadata: Json | null
      options: Json | null
    }
    returns: string
  }

  'payments_private.checkout_session_params': {
    args: {
      session: StripeCheckoutSessions | null
    }
    returns: Json
  }

  'payments_private.count_guest_checkout': {
    args: {
      environment: string | null
      per_minute: number | null
    }
    returns: undefined
  }

  'payments_private.count_guest_confirmation': {
    args: {
      environment: string | null
      per_minute: number | null
    }
    returns: boolean
  }

  'payments_private.custom_field_problem': {
    args: {
      field: Json | null
    }
    returns: string
  }

  'payments_private.customer_of_subject': {
    args: {
      environment: string | null
      subject_type: string | null
      subject_id: string | null
    }
    returns: string
  }

  'payments_private.customer_search': {
    args: {
      environment: string | null
      search: string | null
    }
    returns: string[]
  }

  'payments_private.customer_subjects': {
    args: {
      environment: string | null
      customer_id: string | null
    }
    returns: ({ subject_type: string | null; subject_id: string | null; is_mapped: boolean | null; named_at: Date | null; named_by: string | null })[]
  }

  'payments_private.database_state': {
    args: Record<string, never>
    returns: Json
  }

  'payments_private.delivery_reasons': {
    args: {
      environment: string | null
      facts: Json | null
    }
    returns: ({ position: number | null; code: string | null; severity: string | null; message: string | null; next_action: string | null; command: string | null })[]
  }

  'payments_private.end_catalog_change': {
    args: {
      environment: string | null
      object_id: string | null
    }
    returns: undefined
  }

  'payments_private.environment_overview': {
    args: {
      environment: string | null
      has_key: boolean | null
      has_signing_secret: boolean | null
    }
    returns: Json
  }

  'payments_private.erased_text': {
    args: Record<string, never>
    returns: string
  }

  'payments_private.events_arrive': {
    args: {
      environment: string | null
    }
    returns: boolean
  }

  'payments_private.forget_refused_signatures': {
    args: {
      environment: string | null
    }
    returns: undefined
  }

  'payments_private.id_of': {
    args: {
      field: Json | null
    }
    returns: string
  }

  'payments_private.instant_of': {
    args: {
      field: Json | null
    }
    returns: Date
  }

  'payments_private.is_adjustable_quantity': {
    args: {
      value: Json | null
    }
    returns: boolean
  }

  'payments_private.is_erased': {
    args: {
      environment: string | null
      ids: string[] | null
    }
    returns: boolean
  }

  'payments_private.is_http_url': {
    args: {
      url: string | null
    }
    returns: boolean
  }

  'payments_private.is_price_data': {
    args: {
      value: Json | null
    }
    returns: boolean
  }

  'payments_private.judge_again': {
    args: {
      session: StripeCheckoutSessions | null
      role: string | null
      sends: boolean | null
    }
    returns: Json
  }

  'payments_private.known_objects': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  'payments_private.lost_events': {
    args: {
      environment: string | null
      events: Json | null
    }
    returns: Json[]
  }

  'payments_private.offer_reasons': {
    args: {
      environment: string | null
    }
    returns: ({ message: string | null; next_action: string | null; command: string | null })[]
  }

  'payments_private.payment_objects_of': {
    args: {
      environment: string | null
      transaction_id: string | null
    }
    returns: ({ object_type: string | null; object_id: string | null; status: string | null; state: string | null; amount: string | null; amount_refunded: string | null; currency: string | null; provider_created_at: Date | null })[]
  }

  'payments_private.portal_flow_params': {
    args: {
      session: StripeCustomerPortalSessions | null
    }
    returns: Json
  }

  'payments_private.portal_session_params': {
    args: {
      session: StripeCustomerPortalSessions | null
    }
    returns: Json
  }

  'payments_private.price_of_lookup_key': {
    args: {
      environment: string | null
      lookup_key: string | null
    }
    returns: StripePrices[]
  }

  'payments_private.price_row': {
    args: {
      object: Json | null
    }
    returns: { price_id: string | null; product_id: string | null; active: boolean | null; currency: string | null; unit_amount: string | null; unit_amount_decimal: string | null; pay_what_you_want: boolean | null; custom_unit_amount_minimum: string | null; custom_unit_amount_maximum: string | null; custom_unit_amount_preset: string | null; type: string | null; lookup_key: string | null; billing_scheme: string | null; tax_behavior: string | null; recurring_interval: string | null; recurring_interval_count: number | null; recurring_usage_type: string | null; metadata: Json | null }
  }

  'payments_private.product_row': {
    args: {
      object: Json | null
    }
    returns: { product_id: string | null; name: string | null; description: string | null; active: boolean | null; default_price_id: string | null; metadata: Json | null }
  }

  'payments_private.read_secrets': {
    args: {
      environment: string | null
    }
    returns: ({ kind: string | null; key_id: string | null; ciphertext: string | null })[]
  }

  'payments_private.record_refused_signatures': {
    args: {
      environment: string | null
      wrong: number | null
      too_old: number | null
      milliseconds_ago: number | null
    }
    returns: undefined
  }

  'payments_private.recurring_revenue': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  'payments_private.redact': {
    args: {
      value: Json | null
      kind?: string | null
    }
    returns: Json
  }

  'payments_private.redact_metadata': {
    args: {
      metadata: Json | null
      of_customer: boolean | null
    }
    returns: Json
  }

  'payments_private.refusals_are_strange': {
    args: {
      environment: string | null
      facts: Json | null
    }
    returns: boolean
  }

  'payments_private.refused_since_last_event': {
    args: {
      environment: string | null
    }
    returns: RefusedSignatures[]
  }

  'payments_private.release_refused_key': {
    args: {
      environment: string | null
      idempotency_key: string | null
      subject_type: string | null
      subject_id: string | null
      caller_id: string | null
      request_hash: string | null
    }
    returns: undefined
  }

  'payments_private.replace_secrets': {
    args: {
      secrets: Json | null
    }
    returns: number
  }

  'payments_private.revenue_by_day': {
    args: {
      environment: string | null
      happened_from: Date | null
      happened_before: Date | null
      time_zone: string | null
    }
    returns: ({ day: string | null; currency: string | null; revenue: string | null; payments: string | null; refunds: string | null; refund_count: string | null; disputed: string | null; failed: string | null })[]
  }

  'payments_private.row_count': {
    args: {
      environment: string | null
      table_name: string | null
    }
    returns: Json
  }

  'payments_private.search_everything': {
    args: {
      environment: string | null
      search: string | null
    }
    returns: ({ kind: string | null; id: string | null; title: string | null; subtitle: string | null; customer_id: string | null })[]
  }

  'payments_private.session_came_to_nothing': {
    args: {
      session: StripeCheckoutSessions | null
    }
    returns: boolean
  }

  'payments_private.session_is_fulfilled': {
    args: {
      session: StripeCheckoutSessions | null
    }
    returns: boolean
  }

  'payments_private.sessions_without_items': {
    args: {
      environment: string | null
      session_ids: Json | null
    }
    returns: Json
  }

  'payments_private.shipping_of': {
    args: {
      session: Json | null
      invoice: Json | null
      renews: boolean | null
    }
    returns: Json
  }

  'payments_private.snapshot_version': {
    args: {
      snapshot_at: Date | null
      event_type: string | null
      is_final: boolean | null
      rank?: number | null
    }
    returns: string
  }

  'payments_private.subject_of': {
    args: {
      metadata: Json | null
    }
    returns: BillingSubject
  }

  'payments_private.subscription_access': {
    args: {
      subscription: StripeSubscriptions | null
    }
    returns: { access: string | null; reason: string | null }
  }

  'payments_private.superseded_sessions': {
    args: {
      session: StripeCheckoutSessions | null
    }
    returns: Json
  }

  'payments_private.transaction_of_object': {
    args: {
      environment: string | null
      object_id: string | null
    }
    returns: string[]
  }

  'payments_private.unknown_prices': {
    args: {
      environment: string | null
      id: string | null
    }
    returns: Json
  }

  'payments_private.unlimited_buyers': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  'payments_private.wrapped': {
    args: {
      key: string | null
      value: Json | null
    }
    returns: Json
  }
}

/**
 * How the service calls each function: the cast of each argument, and the kind of its result. `row` is at most
 * one row of a table, `rows` a set of rows, `values` a set of values.
 */
export const SQL_CALLS = {
  'payments.assign_subject': { result: 'value', casts: { environment: 'text', customer_id: 'text', subscription_id: 'text', subject_type: 'text', subject_id: 'text', replace: 'bool' } },
  'payments.begin_checkout_session': { result: 'value', casts: { environment: 'text', caller: 'jsonb', mode: 'text', line_items: 'jsonb', success_url: 'text', cancel_url: 'text', subject_type: 'text', subject_id: 'text', customer_email: 'text', metadata: 'jsonb', idempotency_key: 'text', options: 'jsonb' } },
  'payments.begin_confirmation': { result: 'value', casts: { environment: 'text', caller: 'jsonb', id: 'text', per_minute: 'int4' } },
  'payments.begin_customer_portal_session': { result: 'value', casts: { environment: 'text', caller: 'jsonb', subject_type: 'text', subject_id: 'text', return_url: 'text', configuration: 'text', options: 'jsonb' } },
  'payments.begin_guest_checkout_session': { result: 'value', casts: { environment: 'text', caller: 'jsonb', mode: 'text', line_items: 'jsonb', success_url: 'text', cancel_url: 'text', per_minute: 'int4', subject_type: 'text', subject_id: 'text', customer_email: 'text', metadata: 'jsonb', idempotency_key: 'text', options: 'jsonb' } },
  'payments.begin_recovery': { result: 'value', casts: { environment: 'text', since: 'timestamptz', account_id: 'text' } },
  'payments.begin_sync': { result: 'value', casts: { environment: 'text', kinds: 'jsonb', created_from: 'timestamptz', created_before: 'timestamptz', account_id: 'text' } },
  'payments.begin_webhook_endpoint': { result: 'value', casts: { environment: 'text', url: 'text', api_version: 'text', endpoints: 'jsonb', since: 'text', secret_is_lost: 'bool', take_over: 'bool' } },
  'payments.caller_id': { result: 'value', casts: {} },
  'payments.complete_checkout_session': { result: 'row', casts: { environment: 'text', id: 'uuid', attempt: 'int4', session: 'jsonb', snapshot_at: 'timestamptz' } },
  'payments.complete_customer_portal_session': { result: 'row', casts: { environment: 'text', id: 'uuid', portal_session: 'jsonb' } },
  'payments.complete_recovery': { result: 'row', casts: { environment: 'text', recovered_from: 'timestamptz', complete_until: 'timestamptz' } },
  'payments.complete_sync': { result: 'value', casts: { run_id: 'uuid', lease: 'uuid', max: 'int4' } },
  'payments.complete_webhook_endpoint': { result: 'row', casts: { environment: 'text', endpoint: 'jsonb', key_id: 'text', ciphertext: 'text' } },
  'payments.connect_account': { result: 'value', casts: { environment: 'text', account: 'jsonb', key_id: 'text', ciphertext: 'text', masked_key: 'text', replace_account: 'bool', seen: 'jsonb' } },
  'payments.delete_offer': { result: 'row', casts: { environment: 'text', offer_id: 'text' } },
  'payments.disconnect_account': { result: 'value', casts: { environment: 'text' } },
  'payments.due_sync_kinds': { result: 'value', casts: { environment: 'text' } },
  'payments.environment_health': { result: 'value', casts: { environment: 'text', facts: 'jsonb' } },
  'payments.erase_subject': { result: 'value', casts: { environment: 'text', subject_type: 'text', subject_id: 'text' } },
  'payments.fail_checkout_session': { result: 'row', casts: { environment: 'text', id: 'uuid', attempt: 'int4', error: 'text', stripe_may_have_acted: 'bool' } },
  'payments.fail_customer_portal_session': { result: 'row', casts: { environment: 'text', id: 'uuid', error: 'text' } },
  'payments.fail_sync': { result: 'row', casts: { run_id: 'uuid', lease: 'uuid', error: 'text' } },
  'payments.find_checkout_session': { result: 'value', casts: { environment: 'text', caller: 'jsonb', id: 'text' } },
  'payments.ingest_webhook_event': { result: 'value', casts: { environment: 'text', payload: 'jsonb' } },
  'payments.ingest_webhook_events': { result: 'value', casts: { environment: 'text', payloads: 'jsonb' } },
  'payments.is_offered': { result: 'value', casts: { environment: 'text', mode: 'text', line_items: 'jsonb', options: 'jsonb', subject_type: 'text', role: 'text' } },
  'payments.offered_prices': { result: 'values', casts: { role: 'text' } },
  'payments.offered_products': { result: 'values', casts: { role: 'text' } },
  'payments.project_stripe_objects': { result: 'value', casts: { environment: 'text', objects: 'jsonb', snapshot_at: 'timestamptz' } },
  'payments.projected_event_types': { result: 'value', casts: {} },
  'payments.prune_checkout_sessions': { result: 'value', casts: { older_than: 'interval', max: 'int4', environment: 'text' } },
  'payments.prune_webhook_events': { result: 'value', casts: { older_than: 'interval', max: 'int4', environment: 'text' } },
  'payments.put_offer': { result: 'row', casts: { environment: 'text', offer_id: 'text', offer: 'jsonb' } },
  'payments.rebuild_projections': { result: 'value', casts: { environment: 'text' } },
  'payments.record_sync_page': { result: 'value', casts: { run_id: 'uuid', lease: 'uuid', kind: 'text', objects: 'jsonb', snapshot_at: 'timestamptz', has_more: 'bool' } },
  'payments.recoverable_event_types': { result: 'value', casts: { environment: 'text' } },
  'payments.refuse_sync': { result: 'void', casts: { environment: 'text', error: 'text', is_key_refused: 'bool' } },
  'payments.replay_webhook_events': { result: 'rows', casts: { environment: 'text', provider_event_id: 'text', event_type: 'text', object_id: 'text', happened_from: 'timestamptz', happened_before: 'timestamptz', include_processed: 'bool', max: 'int4' } },
  'payments.retry_checkout_session': { result: 'value', casts: { environment: 'text', id: 'uuid', attempt: 'int4' } },
  'payments.retry_customer_portal_session': { result: 'value', casts: { environment: 'text', id: 'uuid' } },
  'payments.retry_webhook_events': { result: 'rows', casts: { max: 'int4' } },
  'payments.touch_sync': { result: 'value', casts: { run_id: 'uuid', lease: 'uuid' } },
  'payments.unknown_webhook_events': { result: 'values', casts: { environment: 'text', event_ids: 'jsonb' } },
  'payments.webhook_endpoint_drift': { result: 'value', casts: { environment: 'text', url: 'text', api_version: 'text', endpoints: 'jsonb' } },
  'payments_private.all_secrets': { result: 'rows', casts: {} },
  'payments_private.begin_catalog_change': { result: 'void', casts: { environment: 'text', object_id: 'text', revision: 'text' } },
  'payments_private.check_known_objects': { result: 'void', casts: { environment: 'text', account_id: 'text', asked: 'jsonb', seen: 'jsonb', accept_erased: 'bool' } },
  'payments_private.end_catalog_change': { result: 'void', casts: { environment: 'text', object_id: 'text' } },
  'payments_private.forget_refused_signatures': { result: 'void', casts: { environment: 'text' } },
  'payments_private.known_objects': { result: 'value', casts: { environment: 'text' } },
  'payments_private.read_secrets': { result: 'rows', casts: { environment: 'text' } },
  'payments_private.record_refused_signatures': { result: 'void', casts: { environment: 'text', wrong: 'int4', too_old: 'int4', milliseconds_ago: 'int4' } },
  'payments_private.replace_secrets': { result: 'value', casts: { secrets: 'jsonb' } },
  'payments_private.sessions_without_items': { result: 'value', casts: { environment: 'text', session_ids: 'jsonb' } },
  'payments_private.unknown_prices': { result: 'value', casts: { environment: 'text', id: 'uuid' } },
} as const

export type SqlCallName = keyof typeof SQL_CALLS
export type SqlFunctionName = keyof SqlFunctions
export type SqlArguments<Name extends SqlFunctionName> = SqlFunctions[Name]['args']
export type SqlResult<Name extends SqlFunctionName> = SqlFunctions[Name]['returns']
