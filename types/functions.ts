/**
 * Generated from the database by `npm run generate`. Do not edit.
 *
 * Every argument may be null in SQL; what a function makes of that is its own affair. `bigint` and `numeric` come
 * as text, instants as `Date`: as postgres.js reads them from a column, not as they are in JSON.
 */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined }

/** The owner of a purchase in the app's own terms, as in (team,42). Both fields are null when no owner is known. */
export interface BillingSubject {
  type: string | null
  id: string | null
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

/** Checkout Sessions (https://docs.stripe.com/api/checkout/sessions): those that app users started here, decided by the policies on this table, and those that Stripe tells of. */
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
}

/** Billing Portal sessions (https://docs.stripe.com/api/customer_portal/sessions) that app users opened, decided by the policies on this table. */
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
}

/** Syncs of an environment with Stripe: one row each, with how far it came, so that one that was stopped goes on where it was. */
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

/** The ledger: every verified Stripe event and what became of it. Fulfilment hangs on this table as an after insert or update trigger that looks for processing_status = processed. */
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

/** SQL functions by name: what they take and what they return. */
export interface SqlFunctions {
  /** Begins a Checkout Session as the caller, whose policies decide. Answers {action, session, attempt, idempotency_key, params, checkout_session_id}; action is send, return or fetch. Errors: SP001 invalid, SP002 idempotency key in use, SP007 role, 42501 refused by a policy. */
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
    }
    returns: Json
  }

  /** Begins a Billing Portal session as the caller, whose policies decide. Answers {session, params, idempotency_key}. Errors: SP001 invalid, SP003 no customer, SP004 anonymous, SP007 role, 42501 refused by a policy. */
  'payments.begin_customer_portal_session': {
    args: {
      environment: string | null
      caller: Json | null
      subject_type: string | null
      subject_id: string | null
      return_url?: string | null
      configuration?: string | null
    }
    returns: Json
  }

  /** From when on Stripe's list of events has to be read so that nothing is missing in the ledger. Answers {from, gap}; gap is the time of which Stripe no longer has the events. Errors: SP001, SP008 the key is of another account. */
  'payments.begin_recovery': {
    args: {
      environment: string | null
      since?: Date | null
      account_id?: string | null
    }
    returns: Json
  }

  /** Begins a sync of an environment with Stripe or resumes the last one like it. Answers {run, next}: next is what to list, for record_sync_page. Errors: SP001, SP008 the key is of another account, SP020 one is running. */
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

  /** Says what to do at Stripe so that events of an environment reach an address, given the endpoints that the account has. Answers {action, endpoint, params, idempotency_key, events, retire, remove}; action is list, reuse, mend or create. Errors: SP001. */
  'payments.begin_webhook_endpoint': {
    args: {
      environment: string | null
      url: string | null
      api_version: string | null
      endpoints?: Json | null
      since?: string | null
    }
    returns: Json
  }

  /** Id of the signed-in caller (claim sub of request.jwt.claims), or null. For use in policies. */
  'payments.caller_id': {
    args: Record<string, never>
    returns: string
  }

  /** Takes Stripe's answer to a checkout that begin_checkout_session began, and answers the row. Errors: SP001, SP005 the other mode, SP006 no such row. */
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

  /** Takes Stripe's answer to a portal session, and answers the row. Errors: SP006 no such row. */
  'payments.complete_customer_portal_session': {
    args: {
      environment: string | null
      id: string | null
      portal_session: Json | null
    }
    returns: StripeCustomerPortalSessions[]
  }

  /** Notes until when the ledger is complete. No row when that was known already or would leave a gap. Errors: SP001. */
  'payments.complete_recovery': {
    args: {
      environment: string | null
      recovered_from: Date | null
      complete_until: Date | null
    }
    returns: ProviderConnections[]
  }

  /** Ends a sync whose kinds are all listed; what the listing did not show becomes a tombstone unless something newer is known. Call again while the run in the answer is running. Errors: SP021. */
  'payments.complete_sync': {
    args: {
      run_id: string | null
      lease: string | null
      max?: number | null
    }
    returns: Json
  }

  /** Takes the webhook endpoint that an environment is now set up with, and its encrypted signing secret if it is new; earlier ones stay good for a day. Answers the connection. Errors: SP001. */
  'payments.complete_webhook_endpoint': {
    args: {
      environment: string | null
      endpoint: Json | null
      key_id?: string | null
      ciphertext?: string | null
    }
    returns: ProviderConnections[]
  }

  /** Connects an environment to a Stripe account and stores its encrypted key. Another account than before is refused unless replace_account, which deletes what is kept of it. Answers {connection, previous_account_id, deleted}. Errors: SP001, SP008 another account. */
  'payments.connect_account': {
    args: {
      environment: string | null
      account: Json | null
      key_id: string | null
      ciphertext: string | null
      masked_key: string | null
      replace_account?: boolean | null
    }
    returns: Json
  }

  /** Forgets the stored Stripe key and signing secrets of an environment; projected rows stay. Answers {connection, endpoint_id, remaining}. Errors: SP001, SP009 no key is stored. */
  'payments.disconnect_account': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  /** Which kinds a scheduled sync should list now: the catalog, and once a day everything. Errors: SP001. */
  'payments.due_sync_kinds': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  /** One verdict about an environment, ok, degraded or failing, from the ledger, the connection and the given facts. Returns {status, reasons, events, connection}; each reason has a next_action and, where one helps, a command. Errors: SP001. */
  'payments.environment_health': {
    args: {
      environment: string | null
      facts: Json | null
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

  /** The billing subject (type, id) of an event, for fulfilment triggers; both null when nobody is known. Read it as (payments.event_subject(new)).id. */
  'payments.event_subject': {
    args: {
      event: WebhookEvents | null
    }
    returns: BillingSubject
  }

  /** Records why Stripe did not make a checkout session, and answers the row. A retry under the same key goes on from it. Errors: SP001, SP006 no such row. */
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

  /** Records why Stripe did not open a portal session, and answers the row. Errors: SP006 no such row. */
  'payments.fail_customer_portal_session': {
    args: {
      environment: string | null
      id: string | null
      error: string | null
    }
    returns: StripeCustomerPortalSessions[]
  }

  /** Ends a sync before its time, as failed with an error or as interrupted without one; begin_sync resumes it. Errors: SP021. */
  'payments.fail_sync': {
    args: {
      run_id: string | null
      lease: string | null
      error?: string | null
    }
    returns: SyncRuns[]
  }

  /** Takes one verified Stripe event: projects it, keeps it in payments.webhook_events and runs the app's triggers there, in one transaction. Answers {status, event, fetch}. Errors: SP001 environment, SP005 not an event of this environment. */
  'payments.ingest_webhook_event': {
    args: {
      environment: string | null
      payload: Json | null
    }
    returns: Json
  }

  /** Takes up to 64 verified Stripe events in one transaction, each for itself, and answers a list of what ingest_webhook_event answers, or {status: refused, error, code}. Errors: SP001. */
  'payments.ingest_webhook_events': {
    args: {
      environment: string | null
      payloads: Json | null
    }
    returns: Json
  }

  /** Takes answers of the Stripe API into the projections, unless newer state is known. snapshot_at: the instant at which they were true. Answers how many were applied. Errors: SP001, SP005. */
  'payments.project_stripe_objects': {
    args: {
      environment: string | null
      objects: Json | null
      snapshot_at: Date | null
    }
    returns: number
  }

  /** The types of Stripe events that the managed webhook endpoint subscribes to: select the same ones for an endpoint made by hand. Of others, invoice.payment_succeeded, charge.refund.updated and payment_intent.processing are projected, too; the rest is kept in the ledger as ignored. */
  'payments.projected_event_types': {
    args: Record<string, never>
    returns: string[]
  }

  /** Empties the payloads of finished events older than the given interval, at most max at a time; ids and outcome stay. Answers how many. Errors: SP001. */
  'payments.prune_webhook_events': {
    args: {
      older_than: string | null
      max?: number | null
      environment?: string | null
    }
    returns: number
  }

  /** Makes the projections of an environment again from the ledger, without fulfilment; rows keep their ids and webhooks wait meanwhile. All of it or nothing. Answers {events, pruned, complete_since}. Errors: SP001, SP022 an event cannot be projected again. */
  'payments.rebuild_projections': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  /** Takes one page of a sync's listing: its objects and its place commit together. Answers {run, next}; call complete_sync when next is null. Errors: SP001, SP005, SP021 another one has taken over. */
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

  /** The types of events that a recovery takes in: those of the managed webhook endpoint, and those that arrive anyway. Errors: SP001. */
  'payments.recoverable_event_types': {
    args: {
      environment: string | null
    }
    returns: Json
  }

  /** Notes that a sync could not begin, and whether Stripe refused the key. Errors: SP001. */
  'payments.refuse_sync': {
    args: {
      environment: string | null
      error: string | null
      is_key_refused?: boolean | null
    }
    returns: undefined
  }

  /** Processes kept events once more, fulfilment triggers included; failed ones, and with include_processed the finished ones too. Answers what became of each. Errors: SP001. */
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

  /** Tries up to max failed events again whose time has come, and answers what became of each. Safe to run several at once. */
  'payments.retry_webhook_events': {
    args: {
      max?: number | null
    }
    returns: ({ environment: string | null; provider_event_id: string | null; processing_status: string | null; last_error: string | null })[]
  }

  /** A sign of life of a running sync. Answers whether it is still carried out under this lease. */
  'payments.touch_sync': {
    args: {
      run_id: string | null
      lease: string | null
    }
    returns: boolean
  }

  /** Which of these event ids the ledger of an environment does not know yet. */
  'payments.unknown_webhook_events': {
    args: {
      environment: string | null
      event_ids: Json | null
    }
    returns: string[]
  }

  /** How the managed webhook endpoint differs from how it was set up, given the endpoints that the account has: [{problem, message}]. begin_webhook_endpoint says how to mend it. Errors: SP001. */
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

  'payments_private.become_caller': {
    args: {
      caller: Json | null
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
      metadata: Json | null
      idempotency_key: string | null
    }
    returns: undefined
  }

  'payments_private.check_environment': {
    args: {
      environment: string | null
    }
    returns: undefined
  }

  'payments_private.checkout_session_params': {
    args: {
      session: StripeCheckoutSessions | null
    }
    returns: Json
  }

  'payments_private.customer_of_subject': {
    args: {
      environment: string | null
      subject_type: string | null
      subject_id: string | null
    }
    returns: string
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

  'payments_private.read_secrets': {
    args: {
      environment: string | null
    }
    returns: ({ kind: string | null; key_id: string | null; ciphertext: string | null })[]
  }

  'payments_private.replace_secrets': {
    args: {
      secrets: Json | null
    }
    returns: number
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
}

export type SqlFunctionName = keyof SqlFunctions
export type SqlArguments<Name extends SqlFunctionName> = SqlFunctions[Name]['args']
export type SqlResult<Name extends SqlFunctionName> = SqlFunctions[Name]['returns']
