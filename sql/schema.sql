-- The resulting schema, for reading: `npm run generate` writes it from the catalogue of a migrated database.
-- Function bodies are in sql/fixtures. Do not edit, and do not install from here.

create role anon nologin;
create role authenticated nologin;
create role payments_service nologin;

create schema payments;
comment on schema payments is 'Stripe payments of this application: the tables, functions and row level security that apps build on.';
grant usage on schema payments to anon;
grant usage on schema payments to authenticated;
grant usage on schema payments to payments_service;
create schema payments_private;
comment on schema payments_private is 'Secrets and internals of pg-payments. Not a contract: nothing here is granted to app users.';
grant usage on schema payments_private to payments_service;

create type payments.billing_subject as (type text, id text);
comment on type payments.billing_subject is 'The owner of a purchase in the app''s own terms, for example (team,42). Both fields are null when no owner is known.';
create type payments.purchase as (id text, environment text, kind text, status text, is_paid boolean, subject_type text, subject_id text, caller_id text, customer_id text, customer_email text, items jsonb, amount bigint, amount_subtotal bigint, amount_undone bigint, currency text, metadata jsonb, checkout_session_id text, invoice_id text, payment_intent_id text, subscription_id text, paid_at timestamp with time zone, shipping jsonb);
comment on type payments.purchase is 'A purchase as it stands now: what was bought, by whom, for how much, and whether it is paid. payments.purchase_of(event) returns it.';
create type payments_private.payment_snapshot as (object payments_private.payment_objects, linked_types text[], linked_ids text[]);
comment on type payments_private.payment_snapshot is 'What a Stripe object says of a payment. Has the kinds and ids of the objects that it links to as parts of the same payment.';
create type payments_private.session_snapshot as (session_id text, mode text, status text, is_settled boolean, version bigint, customer_id text, metadata jsonb, subject payments.billing_subject, subject_version bigint, reference uuid, named_row_id text, attempt text);
comment on type payments_private.session_snapshot is 'What one snapshot of a Checkout Session says, in the words of payments.stripe_checkout_sessions, and the row that it names.';
create type payments_private.snapshot as (object jsonb, event_type text, snapshot_at timestamp with time zone);
comment on type payments_private.snapshot is 'A Stripe object as of an instant, and the type of the event that carried it. The type is null for a response of the API.';
create type payments_private.written_subscription as ("position" integer, subscription_id text, customer_id text, provider_created_at timestamp with time zone, version bigint, subject_type text, subject_id text, subject_version bigint, is_applied boolean, is_new boolean, row_version bigint, row_subject_type text, row_subject_id text, row_subject_version bigint);
comment on type payments_private.written_subscription is 'One snapshot of a subscription beside its row, and whether the row shows the snapshot now.';

create table payments.customer_mappings (
  id uuid not null default gen_random_uuid(),
  provider text not null default 'stripe'::text,
  environment text not null,
  subject_type text not null,
  subject_id text not null,
  provider_customer_id text not null,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  constraint customer_mappings_pkey PRIMARY KEY (id),
  constraint customer_mappings_provider_customer_id_key UNIQUE (provider_customer_id, environment, provider),
  constraint customer_mappings_subject_key UNIQUE (subject_id, subject_type, environment, provider),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
alter table payments.customer_mappings enable row level security;
comment on table payments.customer_mappings is 'The Stripe customer that a billing subject pays with; new sessions use it. Of several customers it is the one with a living subscription, else the one that was claimed first.';
comment on column payments.customer_mappings.id is 'Local id.';
comment on column payments.customer_mappings.provider is 'Payment provider; pg-payments writes stripe.';
comment on column payments.customer_mappings.environment is 'test or live.';
comment on column payments.customer_mappings.subject_type is 'Kind of billing subject, for example team.';
comment on column payments.customer_mappings.subject_id is 'Id of the billing subject in the app.';
comment on column payments.customer_mappings.provider_customer_id is 'Stripe customer (cus_…).';
comment on column payments.customer_mappings.created_at is 'When this row was created.';
comment on column payments.customer_mappings.updated_at is 'When this row last changed.';
CREATE INDEX customer_mappings_subject_prefix_idx ON payments.customer_mappings USING btree (subject_id text_pattern_ops, environment);
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.customer_mappings FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
create policy service_select on payments.customer_mappings for select to payments_service using (true);
grant select on payments.customer_mappings to payments_service;

create view payments.customer_totals with (security_invoker=true) as
 SELECT t.environment,
    t.provider,
    t.provider_customer_id,
    count(*) FILTER (WHERE p.is_paid) AS payments_count,
        CASE
            WHEN (count(DISTINCT t.currency) FILTER (WHERE p.is_paid) = 1) THEN GREATEST(sum(((t.amount - t.amount_refunded) - t.amount_disputed)) FILTER (WHERE p.is_paid), (0)::numeric)
            ELSE NULL::numeric
        END AS total_spend,
        CASE
            WHEN (count(DISTINCT t.currency) FILTER (WHERE p.is_paid) = 1) THEN min(t.currency) FILTER (WHERE p.is_paid)
            ELSE NULL::text
        END AS currency,
    max(t.paid_at) AS last_payment_at
   FROM (payments.transactions t
     CROSS JOIN LATERAL ( SELECT ((t.type <> 'refund'::text) AND (t.status = ANY (ARRAY['succeeded'::text, 'refunded'::text, 'partially_refunded'::text]))) AS is_paid) p)
  WHERE (t.provider_customer_id IS NOT NULL)
  GROUP BY t.environment, t.provider, t.provider_customer_id;
comment on view payments.customer_totals is 'What each customer paid: the number of payments, their sum less refunds and lost disputes, and the last payment. One row per customer that has transactions.';
comment on column payments.customer_totals.environment is 'test or live.';
comment on column payments.customer_totals.provider is 'The payment provider: stripe.';
comment on column payments.customer_totals.provider_customer_id is 'Stripe''s id of the customer, cus_….';
comment on column payments.customer_totals.payments_count is 'Payments that succeeded, refunded ones included.';
comment on column payments.customer_totals.total_spend is 'Sum of these payments less refunds and lost disputes, in the minor unit of currency; null without payments or with several currencies.';
comment on column payments.customer_totals.currency is 'Currency of the payments; null without payments or with several currencies.';
comment on column payments.customer_totals.last_payment_at is 'When the customer last paid.';
grant select on payments.customer_totals to payments_service;

create table payments.customers (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  email text,
  name text,
  phone text,
  deleted boolean not null default false,
  metadata jsonb not null default '{}'::jsonb,
  raw jsonb not null default '{}'::jsonb,
  synced_at timestamp with time zone not null default now(),
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  provider text not null default 'stripe'::text,
  provider_customer_id text not null,
  provider_created_at timestamp with time zone,
  version bigint not null default 0,
  constraint customers_pkey PRIMARY KEY (id),
  constraint customers_provider_customer_id_key UNIQUE (provider_customer_id, environment, provider),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
) with (toast_tuple_target=8160);
alter table payments.customers enable row level security;
comment on table payments.customers is 'Stripe customers (https://docs.stripe.com/api/customers). A deleted customer stays as a tombstone with deleted = true.';
comment on column payments.customers.id is 'Local id.';
comment on column payments.customers.environment is 'test or live.';
comment on column payments.customers.email is 'E-mail address at Stripe.';
comment on column payments.customers.name is 'Name at Stripe.';
comment on column payments.customers.phone is 'Phone number at Stripe.';
comment on column payments.customers.deleted is 'Deleted at Stripe; never becomes false again.';
comment on column payments.customers.metadata is 'Stripe metadata, text to text.';
comment on column payments.customers.raw is 'The object as Stripe sent it last.';
comment on column payments.customers.synced_at is 'When this row was last updated from Stripe.';
comment on column payments.customers.created_at is 'When this row was created.';
comment on column payments.customers.updated_at is 'When this row last changed.';
comment on column payments.customers.provider is 'Payment provider; pg-payments writes stripe.';
comment on column payments.customers.provider_customer_id is 'Stripe id (cus_…).';
comment on column payments.customers.provider_created_at is 'When the customer was created at Stripe.';
comment on column payments.customers.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';
CREATE INDEX customers_deleted_idx ON payments.customers USING btree (provider_created_at DESC, environment) WHERE deleted;
CREATE INDEX customers_email_idx ON payments.customers USING btree (email, environment) WHERE (email IS NOT NULL);
CREATE INDEX customers_id_prefix_idx ON payments.customers USING btree (provider_customer_id text_pattern_ops, environment);
CREATE INDEX customers_lower_email_idx ON payments.customers USING btree (lower(email) text_pattern_ops, environment) WHERE (email IS NOT NULL);
CREATE INDEX customers_provider_created_at_idx ON payments.customers USING btree (provider_created_at DESC, environment);
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.customers FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
CREATE TRIGGER _300_revived AFTER UPDATE OF deleted ON payments.customers FOR EACH ROW WHEN ((old.deleted AND (NOT new.deleted))) EXECUTE FUNCTION payments_private.tg_customers__revived();
create policy service_select on payments.customers for select to payments_service using (true);
grant select on payments.customers to payments_service;

create table payments.offers (
  environment text not null,
  offer_id text not null,
  price_id text,
  lookup_key text,
  product_id text,
  mode text not null,
  minimum_quantity integer not null default 1,
  maximum_quantity integer not null default 1,
  roles text[],
  subject_types text[],
  starts_at timestamp with time zone,
  ends_at timestamp with time zone,
  allowed_options text[] not null default '{}'::text[],
  forced_options jsonb not null default '{}'::jsonb,
  allow_pay_what_you_want boolean not null default false,
  allow_price_data boolean not null default false,
  currency text,
  minimum_amount bigint,
  maximum_amount bigint,
  product_group text,
  one_plan boolean not null default false,
  trial_once boolean not null default true,
  active boolean not null default true,
  managed_by text,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  constraint offers_pkey PRIMARY KEY (offer_id, environment),
  constraint amounts_are_a_range CHECK ((minimum_amount <= maximum_amount)),
  constraint currency_has_three_letters CHECK ((currency ~ '^[a-z]{3}$'::text)),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint forced_options_are_an_object CHECK ((jsonb_typeof(forced_options) = 'object'::text)),
  constraint lookup_key_has_1_to_255_characters CHECK (((length(lookup_key) >= 1) AND (length(lookup_key) <= 255))),
  constraint managed_by_has_1_to_100_characters CHECK (((length(managed_by) >= 1) AND (length(managed_by) <= 100))),
  constraint minimum_amount_is_not_negative CHECK ((minimum_amount >= 0)),
  constraint mode_sells_something CHECK ((mode = ANY (ARRAY['payment'::text, 'subscription'::text]))),
  constraint offer_id_is_a_name CHECK ((offer_id ~ '^[A-Za-z0-9_-]{1,100}$'::text)),
  constraint offer_starts_before_it_ends CHECK ((starts_at < ends_at)),
  constraint one_plan_has_a_group CHECK (((NOT one_plan) OR ((product_group IS NOT NULL) AND (mode = 'subscription'::text)))),
  constraint one_thing_is_offered CHECK ((num_nonnulls(price_id, lookup_key, product_id) = 1)),
  constraint price_data_has_a_product_and_limits CHECK (((NOT allow_price_data) OR (num_nonnulls(product_id, currency, minimum_amount) = 3))),
  constraint price_id_has_1_to_255_characters CHECK (((length(price_id) >= 1) AND (length(price_id) <= 255))),
  constraint product_group_has_1_to_100_characters CHECK (((length(product_group) >= 1) AND (length(product_group) <= 100))),
  constraint product_id_has_1_to_255_characters CHECK (((length(product_id) >= 1) AND (length(product_id) <= 255))),
  constraint quantity_is_a_range CHECK (((minimum_quantity >= 1) AND (minimum_quantity <= maximum_quantity) AND (maximum_quantity <= 999))),
  constraint roles_are_of_app_users CHECK (((roles <@ '{anon,authenticated}'::text[]) AND (roles <> '{}'::text[]))),
  constraint subject_types_are_not_empty CHECK ((subject_types <> '{}'::text[]))
);
alter table payments.offers enable row level security;
comment on table payments.offers is 'What app users may buy, and how. While an environment has no offer, the policies alone decide. Once it has one, app users can buy nothing else; the service can.';
comment on column payments.offers.environment is 'test or live.';
comment on column payments.offers.offer_id is 'The app''s name for the offer.';
comment on column payments.offers.price_id is 'The Stripe price (price_…) that is offered. Else lookup_key or product_id says what is.';
comment on column payments.offers.lookup_key is 'Lookup key of the price that is offered: whichever active price has it.';
comment on column payments.offers.product_id is 'The Stripe product (prod_…) whose prices are all offered.';
comment on column payments.offers.mode is 'payment (once) or subscription.';
comment on column payments.offers.minimum_quantity is 'The least units of one checkout.';
comment on column payments.offers.maximum_quantity is 'The most units of one checkout, all items of this offer together.';
comment on column payments.offers.roles is 'Who may buy: anon, authenticated. Null for both.';
comment on column payments.offers.subject_types is 'Types of billing subject that may buy. Null for all, and for purchases without a subject.';
comment on column payments.offers.starts_at is 'The first instant of the offer; null if it has begun.';
comment on column payments.offers.ends_at is 'The first instant after the offer; null if it has no end.';
comment on column payments.offers.allowed_options is 'Options that a buyer''s request may have, by the names of Stripe''s parameters. ui_mode, return_url, redirect_on_completion and locale are always allowed. discounts allows promotion codes; discounts.coupon also coupons by their ids.';
comment on column payments.offers.forced_options is 'Options that every checkout of a buyer gets, whatever the request says.';
comment on column payments.offers.allow_pay_what_you_want is 'Whether prices whose amount the buyer chooses are offered.';
comment on column payments.offers.allow_price_data is 'Whether a request may make up a price of the product, within currency, minimum_amount and maximum_amount.';
comment on column payments.offers.currency is 'Currency of prices that requests make up, lower case.';
comment on column payments.offers.minimum_amount is 'The least unit amount of prices that requests make up, in the minor unit.';
comment on column payments.offers.maximum_amount is 'The most unit amount of prices that requests make up, in the minor unit; null for Stripe''s own limit.';
comment on column payments.offers.product_group is 'Name of the group of plans that this offer belongs to.';
comment on column payments.offers.one_plan is 'Whether a subject can have one living subscription of the product group only. It also binds the service.';
comment on column payments.offers.trial_once is 'Whether a subject that had a trial gets none: one that is forced is left out, one that is asked for is refused.';
comment on column payments.offers.active is 'Whether it can be bought. An offer that is not active still keeps app users from buying anything else.';
comment on column payments.offers.managed_by is 'What writes the offer, and alone changes it: catalog for `pg-payments catalog push`. Null for one that was written by hand.';
comment on column payments.offers.created_at is 'When this row was created.';
comment on column payments.offers.updated_at is 'When this row last changed.';
CREATE INDEX offers_lookup_key_idx ON payments.offers USING btree (lookup_key, environment) WHERE (lookup_key IS NOT NULL);
CREATE INDEX offers_price_id_idx ON payments.offers USING btree (price_id, environment) WHERE (price_id IS NOT NULL);
CREATE INDEX offers_product_id_idx ON payments.offers USING btree (product_id, environment) WHERE (product_id IS NOT NULL);
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.offers FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
CREATE TRIGGER _150_offer BEFORE INSERT OR UPDATE ON payments.offers FOR EACH ROW EXECUTE FUNCTION payments_private.tg_offers__forced_options();
create policy service_select on payments.offers for select to payments_service using (true);
grant select on payments.offers to payments_service;

create table payments.provider_connections (
  id uuid not null default gen_random_uuid(),
  provider text not null,
  environment text not null,
  status text not null default 'unconfigured'::text,
  provider_account_id text,
  account_email text,
  account_name text,
  account_livemode boolean,
  webhook_endpoint_id text,
  webhook_endpoint_url text,
  webhook_configured_at timestamp with time zone,
  last_synced_at timestamp with time zone,
  last_sync_status text,
  last_sync_error text,
  last_sync_counts jsonb not null default '{}'::jsonb,
  raw jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  events_complete_from timestamp with time zone,
  events_complete_until timestamp with time zone,
  constraint provider_connections_pkey PRIMARY KEY (id),
  constraint provider_connections_environment_key UNIQUE (provider, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint last_sync_status_is_known CHECK ((last_sync_status = ANY (ARRAY['succeeded'::text, 'failed'::text]))),
  constraint status_is_known CHECK ((status = ANY (ARRAY['unconfigured'::text, 'connected'::text, 'error'::text])))
);
alter table payments.provider_connections enable row level security;
comment on table payments.provider_connections is 'One row per environment: the Stripe account that it is connected to and the state of its webhook endpoint and sync.';
comment on column payments.provider_connections.id is 'Local id.';
comment on column payments.provider_connections.provider is 'Payment provider; pg-payments writes stripe.';
comment on column payments.provider_connections.environment is 'test or live.';
comment on column payments.provider_connections.status is 'unconfigured, connected, or error: Stripe refused the key at the last sync.';
comment on column payments.provider_connections.provider_account_id is 'Stripe account id (acct_…). Events of Connect that name another account are not projected.';
comment on column payments.provider_connections.account_email is 'E-mail address of the Stripe account.';
comment on column payments.provider_connections.account_name is 'Display name of the Stripe account.';
comment on column payments.provider_connections.account_livemode is 'Whether the key belongs to live mode.';
comment on column payments.provider_connections.webhook_endpoint_id is 'Webhook endpoint that pg-payments manages at Stripe (we_…).';
comment on column payments.provider_connections.webhook_endpoint_url is 'Address that the managed endpoint delivers to.';
comment on column payments.provider_connections.webhook_configured_at is 'When the managed endpoint was last set up.';
comment on column payments.provider_connections.last_synced_at is 'When the last sync ended.';
comment on column payments.provider_connections.last_sync_status is 'succeeded or failed; null before the first sync.';
comment on column payments.provider_connections.last_sync_error is 'Why the last sync failed.';
comment on column payments.provider_connections.last_sync_counts is 'Objects seen by the last sync, by kind.';
comment on column payments.provider_connections.raw is 'The account as Stripe described it.';
comment on column payments.provider_connections.created_at is 'When this row was created.';
comment on column payments.provider_connections.updated_at is 'When this row last changed.';
comment on column payments.provider_connections.events_complete_from is 'The ledger holds every event since this instant; earlier ones were never meant for this database.';
comment on column payments.provider_connections.events_complete_until is 'The ledger was last compared with Stripe''s list of events until this instant; every earlier event is in it.';
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.provider_connections FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
create policy service_select on payments.provider_connections for select to payments_service using (true);
grant select on payments.provider_connections to payments_service;

create table payments.stripe_checkout_sessions (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  mode text not null,
  status text not null default 'initialized'::text,
  payment_status text,
  subject_type text,
  subject_id text,
  customer_email text,
  line_items jsonb not null default '[]'::jsonb,
  success_url text not null,
  cancel_url text not null,
  idempotency_key text,
  metadata jsonb not null default '{}'::jsonb,
  checkout_session_id text,
  customer_id text,
  payment_intent_id text,
  subscription_id text,
  url text,
  last_error text,
  raw jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  request_hash text,
  caller_id text default payments.caller_id(),
  idempotency_scope text not null generated always as (
CASE
    WHEN (subject_type IS NOT NULL) THEN ((('subject:'::text || subject_type) || ':'::text) || subject_id)
    WHEN (caller_id IS NOT NULL) THEN ('caller:'::text || caller_id)
    ELSE ('guest:'::text || COALESCE(request_hash, ''::text))
END) stored,
  attempt integer not null default 1,
  stripe_may_have_acted boolean not null default false,
  expires_at timestamp with time zone,
  version bigint not null default 0,
  subject_version bigint,
  options jsonb not null default '{}'::jsonb,
  client_secret text,
  forced_options jsonb not null default '{}'::jsonb,
  constraint stripe_checkout_sessions_pkey PRIMARY KEY (id),
  constraint attempt_counts_from_1 CHECK ((attempt >= 1)),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint forced_options_are_an_object CHECK ((jsonb_typeof(forced_options) = 'object'::text)),
  constraint idempotency_key_has_1_to_200_characters CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 200))),
  constraint line_items_are_a_list CHECK (((jsonb_typeof(line_items) = 'array'::text) AND (jsonb_array_length(line_items) <= 100))),
  constraint metadata_is_an_object CHECK ((jsonb_typeof(metadata) = 'object'::text)),
  constraint mode_of_a_request_is_known CHECK (((mode = ANY (ARRAY['payment'::text, 'subscription'::text, 'setup'::text])) OR (checkout_session_id IS NOT NULL))),
  constraint options_are_an_object CHECK ((jsonb_typeof(options) = 'object'::text)),
  constraint status_is_known CHECK ((status = ANY (ARRAY['initialized'::text, 'open'::text, 'completed'::text, 'expired'::text, 'failed'::text]))),
  constraint subject_id_has_1_to_255_characters CHECK (((length(subject_id) >= 1) AND (length(subject_id) <= 255))),
  constraint subject_is_whole CHECK (((subject_type IS NULL) = (subject_id IS NULL))),
  constraint subject_type_has_1_to_100_characters CHECK (((length(subject_type) >= 1) AND (length(subject_type) <= 100)))
) with (toast_tuple_target=8160);
alter table payments.stripe_checkout_sessions enable row level security;
comment on table payments.stripe_checkout_sessions is 'Checkout Sessions (https://docs.stripe.com/api/checkout/sessions): those that app users began here, as the policies on this table allow, and those that Stripe reported.';
comment on column payments.stripe_checkout_sessions.id is 'Local id; Stripe has it as client_reference_id.';
comment on column payments.stripe_checkout_sessions.environment is 'test or live.';
comment on column payments.stripe_checkout_sessions.mode is 'payment (once), subscription, or setup (saves a payment method); for a session made elsewhere also another word of Stripe.';
comment on column payments.stripe_checkout_sessions.status is 'initialized (not yet at Stripe), open, completed, expired, or failed (Stripe refused or could not be reached; see last_error).';
comment on column payments.stripe_checkout_sessions.payment_status is 'Stripe''s word. paid and no_payment_required are settled; unpaid, and any word that Stripe adds, is pending, even if the session is complete.';
comment on column payments.stripe_checkout_sessions.subject_type is 'Kind of billing subject, for example team; null for a guest purchase.';
comment on column payments.stripe_checkout_sessions.subject_id is 'Id of the billing subject in the app.';
comment on column payments.stripe_checkout_sessions.customer_email is 'E-mail address to prefill on the hosted page.';
comment on column payments.stripe_checkout_sessions.line_items is 'The items to buy: [{"priceId": "price_…", "quantity": 1}]; priceData in place of priceId is a price made for this checkout.';
comment on column payments.stripe_checkout_sessions.success_url is 'Where Stripe sends the buyer afterwards; empty for a session made elsewhere without one.';
comment on column payments.stripe_checkout_sessions.cancel_url is 'Target of the back link; empty for a session made elsewhere without one.';
comment on column payments.stripe_checkout_sessions.idempotency_key is 'The caller''s key: the same key and request give the same session.';
comment on column payments.stripe_checkout_sessions.metadata is 'The caller''s metadata, text to text; keys beginning payments_ or insforge_ are reserved.';
comment on column payments.stripe_checkout_sessions.checkout_session_id is 'Stripe id (cs_…) of the latest attempt.';
comment on column payments.stripe_checkout_sessions.customer_id is 'Stripe customer (cus_…): the one the session was begun with, or the one it made.';
comment on column payments.stripe_checkout_sessions.payment_intent_id is 'PaymentIntent (pi_…) of a completed one-time session.';
comment on column payments.stripe_checkout_sessions.subscription_id is 'Subscription (sub_…) that the session started.';
comment on column payments.stripe_checkout_sessions.url is 'URL of the hosted page while the session is open; null once it is completed or expired.';
comment on column payments.stripe_checkout_sessions.last_error is 'Why the last attempt at Stripe failed.';
comment on column payments.stripe_checkout_sessions.raw is 'The session as Stripe sent it last.';
comment on column payments.stripe_checkout_sessions.created_at is 'When the session was begun here.';
comment on column payments.stripe_checkout_sessions.updated_at is 'When this row last changed.';
comment on column payments.stripe_checkout_sessions.request_hash is 'SHA-256 of the request, computed from the columns of the row when it is begun here. Distinguishes a retry from another request under the same key.';
comment on column payments.stripe_checkout_sessions.caller_id is 'payments.caller_id() of the caller who began it; null for anonymous callers and for sessions made elsewhere.';
comment on column payments.stripe_checkout_sessions.idempotency_scope is 'Scope in which the key is unique: the billing subject, else the caller, else (for a guest) the request.';
comment on column payments.stripe_checkout_sessions.attempt is 'Number of Stripe sessions begun for this row; part of the idempotency key sent to Stripe.';
comment on column payments.stripe_checkout_sessions.stripe_may_have_acted is 'After the last failure, Stripe may have created the session, so a retry sends the same idempotency key.';
comment on column payments.stripe_checkout_sessions.expires_at is 'When the hosted page stops working.';
comment on column payments.stripe_checkout_sessions.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';
comment on column payments.stripe_checkout_sessions.subject_version is 'Version of the snapshot whose metadata named the subject; null while the subject is the one that the checkout was begun for, or is unknown.';
comment on column payments.stripe_checkout_sessions.options is 'What the request asks of Checkout beside its items, by the names of Stripe''s parameters; see payments_private.check_checkout_options().';
comment on column payments.stripe_checkout_sessions.client_secret is 'Secret that mounts an embedded or custom session in the app''s page while the session is open; null for a hosted page.';
comment on column payments.stripe_checkout_sessions.forced_options is 'Options that the offers of its items force. They take precedence over options.';
CREATE UNIQUE INDEX stripe_checkout_sessions_checkout_session_id_key ON payments.stripe_checkout_sessions USING btree (checkout_session_id, environment) WHERE (checkout_session_id IS NOT NULL);
CREATE INDEX stripe_checkout_sessions_created_at_idx ON payments.stripe_checkout_sessions USING btree (created_at DESC, environment);
CREATE INDEX stripe_checkout_sessions_customer_id_idx ON payments.stripe_checkout_sessions USING btree (customer_id, environment) WHERE (customer_id IS NOT NULL);
CREATE INDEX stripe_checkout_sessions_error_idx ON payments.stripe_checkout_sessions USING btree (created_at DESC, environment) WHERE (last_error IS NOT NULL);
CREATE UNIQUE INDEX stripe_checkout_sessions_idempotency_key ON payments.stripe_checkout_sessions USING btree (idempotency_key, idempotency_scope, environment) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX stripe_checkout_sessions_subject_idx ON payments.stripe_checkout_sessions USING btree (subject_id, subject_type, environment) WHERE ((subject_type IS NOT NULL) AND (subject_id IS NOT NULL));
CREATE INDEX stripe_checkout_sessions_uncommon_idx ON payments.stripe_checkout_sessions USING btree (status, created_at DESC, environment) WHERE (status <> 'completed'::text);
CREATE TRIGGER _100_id AFTER INSERT ON payments.stripe_checkout_sessions FOR EACH ROW WHEN ((new.checkout_session_id IS NULL)) EXECUTE FUNCTION payments_private.tg_sessions__id();
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.stripe_checkout_sessions FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
CREATE TRIGGER _110_lookup_keys BEFORE INSERT ON payments.stripe_checkout_sessions FOR EACH ROW WHEN (((new.checkout_session_id IS NULL) AND jsonb_path_exists(new.line_items, '$[*]."lookupKey"'::jsonpath))) EXECUTE FUNCTION payments_private.tg_sessions__lookup_keys();
CREATE TRIGGER _140_forced_options BEFORE INSERT ON payments.stripe_checkout_sessions FOR EACH ROW WHEN (((new.checkout_session_id IS NULL) AND (NOT pg_has_role(CURRENT_USER, 'payments_service'::name, 'USAGE'::text)))) EXECUTE FUNCTION payments_private.tg_sessions__forced_options();
CREATE TRIGGER _150_request BEFORE INSERT ON payments.stripe_checkout_sessions FOR EACH ROW WHEN ((new.checkout_session_id IS NULL)) EXECUTE FUNCTION payments_private.tg_sessions__request();
CREATE TRIGGER _200_customer BEFORE INSERT ON payments.stripe_checkout_sessions FOR EACH ROW WHEN ((new.checkout_session_id IS NULL)) EXECUTE FUNCTION payments_private.tg_sessions__customer();
CREATE TRIGGER _250_check AFTER INSERT ON payments.stripe_checkout_sessions FOR EACH ROW WHEN (((new.checkout_session_id IS NULL) AND (NOT pg_has_role(CURRENT_USER, 'payments_service'::name, 'USAGE'::text)))) EXECUTE FUNCTION payments_private.tg_sessions__check();
CREATE TRIGGER _300_one_plan AFTER INSERT ON payments.stripe_checkout_sessions FOR EACH ROW WHEN ((new.checkout_session_id IS NULL)) EXECUTE FUNCTION payments_private.tg_sessions__one_plan();
CREATE TRIGGER _310_offers AFTER INSERT ON payments.stripe_checkout_sessions FOR EACH ROW WHEN (((new.checkout_session_id IS NULL) AND (NOT pg_has_role(CURRENT_USER, 'payments_service'::name, 'USAGE'::text)))) EXECUTE FUNCTION payments_private.tg_sessions__offers();
CREATE TRIGGER _320_times AFTER INSERT ON payments.stripe_checkout_sessions FOR EACH ROW WHEN (((new.checkout_session_id IS NULL) AND (new.options ?| '{expires_at,trial_end,billing_cycle_anchor,trial_period_days}'::text[]))) EXECUTE FUNCTION payments_private.tg_sessions__times();
CREATE TRIGGER _330_prices AFTER INSERT ON payments.stripe_checkout_sessions FOR EACH ROW WHEN (((new.checkout_session_id IS NULL) AND (new.mode = ANY (ARRAY['payment'::text, 'subscription'::text])))) EXECUTE FUNCTION payments_private.tg_sessions__prices();
create policy insert_guest on payments.stripe_checkout_sessions for insert to anon, authenticated with check (((mode = 'payment'::text) AND (subject_type IS NULL) AND (subject_id IS NULL)));
create policy insert_own on payments.stripe_checkout_sessions for insert to authenticated with check (((subject_type = 'user'::text) AND (subject_id = ( SELECT payments.caller_id() AS caller_id))));
create policy select_guest on payments.stripe_checkout_sessions for select to anon, authenticated using (((subject_type IS NULL) AND
CASE
    WHEN (caller_id IS NOT NULL) THEN (caller_id = ( SELECT payments.caller_id() AS caller_id))
    WHEN ((NULLIF(( SELECT current_setting('payments.wanted_session_id'::text, true) AS current_setting), ''::text) = (id)::text) OR (NULLIF(( SELECT current_setting('payments.wanted_session_id'::text, true) AS current_setting), ''::text) = checkout_session_id)) THEN true
    ELSE ((( SELECT payments.caller_id() AS caller_id) IS NULL) AND (idempotency_key = NULLIF(( SELECT current_setting('payments.idempotency_key'::text, true) AS current_setting), ''::text)))
END));
create policy select_own on payments.stripe_checkout_sessions for select to authenticated using (((subject_type = 'user'::text) AND (subject_id = ( SELECT payments.caller_id() AS caller_id))));
create policy service_insert on payments.stripe_checkout_sessions for insert to payments_service with check (true);
create policy service_select on payments.stripe_checkout_sessions for select to payments_service using (true);
create policy service_update on payments.stripe_checkout_sessions for update to payments_service using (true);
grant insert (cancel_url, customer_email, environment, idempotency_key, line_items, metadata, mode, options, request_hash, subject_id, subject_type, success_url), select on payments.stripe_checkout_sessions to anon;
grant insert (cancel_url, customer_email, environment, idempotency_key, line_items, metadata, mode, options, request_hash, subject_id, subject_type, success_url), select on payments.stripe_checkout_sessions to authenticated;
grant insert (cancel_url, customer_email, environment, idempotency_key, line_items, metadata, mode, options, request_hash, subject_id, subject_type, success_url), select, update on payments.stripe_checkout_sessions to payments_service;

create table payments.stripe_credit_notes (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  credit_note_id text not null,
  number text,
  status text not null,
  type text,
  reason text,
  invoice_id text not null,
  customer_id text,
  subject_type text,
  subject_id text,
  currency text,
  subtotal bigint,
  tax bigint,
  total bigint,
  amount bigint,
  memo text,
  pdf text,
  voided_at timestamp with time zone,
  provider_created_at timestamp with time zone,
  metadata jsonb not null default '{}'::jsonb,
  synced_at timestamp with time zone not null default now(),
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  version bigint not null default 0,
  constraint stripe_credit_notes_pkey PRIMARY KEY (id),
  constraint stripe_credit_notes_credit_note_id_key UNIQUE (credit_note_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint subject_is_whole CHECK (((subject_type IS NULL) = (subject_id IS NULL)))
);
alter table payments.stripe_credit_notes enable row level security;
comment on table payments.stripe_credit_notes is 'Stripe credit notes (https://docs.stripe.com/api/credit_notes), which reduce what an invoice asks for. Amounts are integers in the currency''s minor unit.';
comment on column payments.stripe_credit_notes.id is 'Local id.';
comment on column payments.stripe_credit_notes.environment is 'test or live.';
comment on column payments.stripe_credit_notes.credit_note_id is 'Stripe id (cn_…).';
comment on column payments.stripe_credit_notes.number is 'Number that the customer sees.';
comment on column payments.stripe_credit_notes.status is 'Stripe''s status: issued, void, or a word that Stripe adds.';
comment on column payments.stripe_credit_notes.type is 'Stripe''s type: pre_payment, post_payment or mixed.';
comment on column payments.stripe_credit_notes.reason is 'Why it was issued: duplicate, fraudulent, order_change or product_unsatisfactory; null if nobody said.';
comment on column payments.stripe_credit_notes.invoice_id is 'Invoice (in_…) that it reduces.';
comment on column payments.stripe_credit_notes.customer_id is 'Stripe customer (cus_…).';
comment on column payments.stripe_credit_notes.subject_type is 'Kind of billing subject: that of its invoice, else that of its customer.';
comment on column payments.stripe_credit_notes.subject_id is 'Id of the billing subject in the app.';
comment on column payments.stripe_credit_notes.currency is 'Three-letter ISO 4217 code, lower case.';
comment on column payments.stripe_credit_notes.subtotal is 'Sum of its lines before discounts and exclusive tax, in the minor unit.';
comment on column payments.stripe_credit_notes.tax is 'Sum of its taxes in the minor unit; null if Stripe names none.';
comment on column payments.stripe_credit_notes.total is 'Total after discounts and taxes, in the minor unit.';
comment on column payments.stripe_credit_notes.amount is 'Amount credited, tax included, in the minor unit.';
comment on column payments.stripe_credit_notes.memo is 'Text that the customer sees.';
comment on column payments.stripe_credit_notes.pdf is 'Address of the PDF. Who has the address can read it.';
comment on column payments.stripe_credit_notes.voided_at is 'When it was voided.';
comment on column payments.stripe_credit_notes.provider_created_at is 'When Stripe created it.';
comment on column payments.stripe_credit_notes.metadata is 'Stripe metadata, text to text.';
comment on column payments.stripe_credit_notes.synced_at is 'When this row was last updated from Stripe.';
comment on column payments.stripe_credit_notes.created_at is 'When this row was created.';
comment on column payments.stripe_credit_notes.updated_at is 'When this row last changed.';
comment on column payments.stripe_credit_notes.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';
CREATE INDEX stripe_credit_notes_customer_id_idx ON payments.stripe_credit_notes USING btree (customer_id, environment) WHERE (customer_id IS NOT NULL);
CREATE INDEX stripe_credit_notes_invoice_id_idx ON payments.stripe_credit_notes USING btree (invoice_id, environment);
CREATE INDEX stripe_credit_notes_provider_created_at_idx ON payments.stripe_credit_notes USING btree (provider_created_at DESC, environment);
CREATE INDEX stripe_credit_notes_subject_idx ON payments.stripe_credit_notes USING btree (subject_id, subject_type, environment) WHERE ((subject_type IS NOT NULL) AND (subject_id IS NOT NULL));
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.stripe_credit_notes FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
CREATE TRIGGER _300_unowned AFTER INSERT OR UPDATE OF subject_type, customer_id ON payments.stripe_credit_notes FOR EACH ROW WHEN (((new.subject_type IS NULL) AND (new.customer_id IS NOT NULL))) EXECUTE FUNCTION payments_private.tg__unowned();
create policy service_select on payments.stripe_credit_notes for select to payments_service using (true);
grant select on payments.stripe_credit_notes to payments_service;

create table payments.stripe_customer_portal_sessions (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  status text not null default 'initialized'::text,
  subject_type text not null,
  subject_id text not null,
  customer_id text,
  return_url text,
  configuration_id text,
  url text,
  last_error text,
  raw jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  options jsonb not null default '{}'::jsonb,
  constraint stripe_customer_portal_sessions_pkey PRIMARY KEY (id),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint options_are_an_object CHECK ((jsonb_typeof(options) = 'object'::text)),
  constraint status_is_known CHECK ((status = ANY (ARRAY['initialized'::text, 'created'::text, 'failed'::text]))),
  constraint subject_id_has_1_to_255_characters CHECK (((length(subject_id) >= 1) AND (length(subject_id) <= 255))),
  constraint subject_type_has_1_to_100_characters CHECK (((length(subject_type) >= 1) AND (length(subject_type) <= 100)))
);
alter table payments.stripe_customer_portal_sessions enable row level security;
comment on table payments.stripe_customer_portal_sessions is 'Billing Portal sessions (https://docs.stripe.com/api/customer_portal/sessions) that app users opened, as the policies on this table allow.';
comment on column payments.stripe_customer_portal_sessions.id is 'Local id.';
comment on column payments.stripe_customer_portal_sessions.environment is 'test or live.';
comment on column payments.stripe_customer_portal_sessions.status is 'initialized (not yet at Stripe), created, or failed (see last_error).';
comment on column payments.stripe_customer_portal_sessions.subject_type is 'Kind of billing subject, for example team.';
comment on column payments.stripe_customer_portal_sessions.subject_id is 'Id of the billing subject in the app.';
comment on column payments.stripe_customer_portal_sessions.customer_id is 'Stripe customer (cus_…) of the subject, looked up when the row is inserted.';
comment on column payments.stripe_customer_portal_sessions.return_url is 'Target of the portal''s back link.';
comment on column payments.stripe_customer_portal_sessions.configuration_id is 'Portal configuration (bpc_…) to use instead of the default one.';
comment on column payments.stripe_customer_portal_sessions.url is 'URL of the portal page; it works for a short time.';
comment on column payments.stripe_customer_portal_sessions.last_error is 'Why Stripe did not open the portal.';
comment on column payments.stripe_customer_portal_sessions.raw is 'The session as Stripe sent it.';
comment on column payments.stripe_customer_portal_sessions.created_at is 'When the session was begun here.';
comment on column payments.stripe_customer_portal_sessions.updated_at is 'When this row last changed.';
comment on column payments.stripe_customer_portal_sessions.options is 'What the request asks of the portal: {locale, flow}; see payments_private.check_portal_options().';
CREATE INDEX stripe_customer_portal_sessions_created_at_idx ON payments.stripe_customer_portal_sessions USING btree (created_at DESC, environment);
CREATE INDEX stripe_customer_portal_sessions_customer_id_idx ON payments.stripe_customer_portal_sessions USING btree (customer_id, environment) WHERE (customer_id IS NOT NULL);
CREATE INDEX stripe_customer_portal_sessions_subject_idx ON payments.stripe_customer_portal_sessions USING btree (subject_id, subject_type, environment);
CREATE INDEX stripe_customer_portal_sessions_uncommon_idx ON payments.stripe_customer_portal_sessions USING btree (status, created_at DESC, environment) WHERE (status <> 'created'::text);
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.stripe_customer_portal_sessions FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
CREATE TRIGGER _150_options BEFORE INSERT ON payments.stripe_customer_portal_sessions FOR EACH ROW EXECUTE FUNCTION payments_private.tg_portal_sessions__options();
CREATE TRIGGER _200_customer BEFORE INSERT ON payments.stripe_customer_portal_sessions FOR EACH ROW EXECUTE FUNCTION payments_private.tg_sessions__customer();
CREATE TRIGGER _250_check AFTER INSERT ON payments.stripe_customer_portal_sessions FOR EACH ROW WHEN ((NOT pg_has_role(CURRENT_USER, 'payments_service'::name, 'USAGE'::text))) EXECUTE FUNCTION payments_private.tg_portal_sessions__check();
create policy insert_own on payments.stripe_customer_portal_sessions for insert to authenticated with check (((subject_type = 'user'::text) AND (subject_id = ( SELECT payments.caller_id() AS caller_id))));
create policy select_own on payments.stripe_customer_portal_sessions for select to authenticated using (((subject_type = 'user'::text) AND (subject_id = ( SELECT payments.caller_id() AS caller_id))));
create policy service_select on payments.stripe_customer_portal_sessions for select to payments_service using (true);
create policy service_update on payments.stripe_customer_portal_sessions for update to payments_service using (true);
grant insert (configuration_id, environment, id, options, return_url, subject_id, subject_type), select on payments.stripe_customer_portal_sessions to anon;
grant insert (configuration_id, environment, id, options, return_url, subject_id, subject_type), select on payments.stripe_customer_portal_sessions to authenticated;
grant select, update on payments.stripe_customer_portal_sessions to payments_service;

create table payments.stripe_invoices (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  invoice_id text not null,
  number text,
  status text not null,
  customer_id text,
  subject_type text,
  subject_id text,
  subscription_id text,
  billing_reason text,
  collection_method text,
  currency text,
  subtotal bigint,
  tax bigint,
  total bigint,
  amount_due bigint,
  amount_paid bigint,
  amount_remaining bigint,
  description text,
  hosted_invoice_url text,
  invoice_pdf text,
  period_start timestamp with time zone,
  period_end timestamp with time zone,
  due_at timestamp with time zone,
  finalized_at timestamp with time zone,
  paid_at timestamp with time zone,
  voided_at timestamp with time zone,
  provider_created_at timestamp with time zone,
  deleted boolean not null default false,
  metadata jsonb not null default '{}'::jsonb,
  synced_at timestamp with time zone not null default now(),
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  named_subject_type text,
  named_subject_id text,
  subject_version bigint,
  version bigint not null default 0,
  constraint stripe_invoices_pkey PRIMARY KEY (id),
  constraint stripe_invoices_invoice_id_key UNIQUE (invoice_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint subject_is_whole CHECK (((subject_type IS NULL) = (subject_id IS NULL)))
) with (fillfactor=85);
alter table payments.stripe_invoices enable row level security;
comment on table payments.stripe_invoices is 'Stripe invoices (https://docs.stripe.com/api/invoices). Amounts are integers in the currency''s minor unit. A draft that was deleted stays as a tombstone with deleted = true.';
comment on column payments.stripe_invoices.id is 'Local id.';
comment on column payments.stripe_invoices.environment is 'test or live.';
comment on column payments.stripe_invoices.invoice_id is 'Stripe id (in_…).';
comment on column payments.stripe_invoices.number is 'Number that the customer sees; null while it is a draft.';
comment on column payments.stripe_invoices.status is 'Stripe''s status: draft, open, paid, uncollectible, void, or a word that Stripe adds.';
comment on column payments.stripe_invoices.customer_id is 'Stripe customer (cus_…).';
comment on column payments.stripe_invoices.subject_type is 'Kind of billing subject: the one that the invoice names, else that of its subscription, else that of its customer.';
comment on column payments.stripe_invoices.subject_id is 'Id of the billing subject in the app.';
comment on column payments.stripe_invoices.subscription_id is 'Subscription (sub_…) that it bills; null for others.';
comment on column payments.stripe_invoices.billing_reason is 'Why Stripe made it, for example subscription_cycle or manual.';
comment on column payments.stripe_invoices.collection_method is 'charge_automatically or send_invoice.';
comment on column payments.stripe_invoices.currency is 'Three-letter ISO 4217 code, lower case.';
comment on column payments.stripe_invoices.subtotal is 'Sum of its lines before discounts and exclusive tax, in the minor unit.';
comment on column payments.stripe_invoices.tax is 'Sum of its taxes in the minor unit; null if Stripe names none.';
comment on column payments.stripe_invoices.total is 'Total after discounts and taxes, in the minor unit.';
comment on column payments.stripe_invoices.amount_due is 'What was to be paid, after the customer''s balance, in the minor unit.';
comment on column payments.stripe_invoices.amount_paid is 'What was paid, in the minor unit.';
comment on column payments.stripe_invoices.amount_remaining is 'What remains to be paid, in the minor unit.';
comment on column payments.stripe_invoices.description is 'Stripe''s description, shown as its memo.';
comment on column payments.stripe_invoices.hosted_invoice_url is 'Stripe''s page of the invoice. Who has the address can see it.';
comment on column payments.stripe_invoices.invoice_pdf is 'Address of the PDF. Who has the address can read it.';
comment on column payments.stripe_invoices.period_start is 'Start of the period in which its items were added; the periods of what it bills are in its lines.';
comment on column payments.stripe_invoices.period_end is 'End of that period.';
comment on column payments.stripe_invoices.due_at is 'When it is due; null if it is charged automatically.';
comment on column payments.stripe_invoices.finalized_at is 'When it was finalized.';
comment on column payments.stripe_invoices.paid_at is 'When it was paid.';
comment on column payments.stripe_invoices.voided_at is 'When it was voided.';
comment on column payments.stripe_invoices.provider_created_at is 'When Stripe created it.';
comment on column payments.stripe_invoices.deleted is 'Whether the draft was deleted at Stripe.';
comment on column payments.stripe_invoices.metadata is 'Stripe metadata, text to text.';
comment on column payments.stripe_invoices.synced_at is 'When this row was last updated from Stripe.';
comment on column payments.stripe_invoices.created_at is 'When this row was created.';
comment on column payments.stripe_invoices.updated_at is 'When this row last changed.';
comment on column payments.stripe_invoices.named_subject_type is 'Kind of billing subject that metadata of the invoice, its subscription or its lines names.';
comment on column payments.stripe_invoices.named_subject_id is 'Id of that billing subject.';
comment on column payments.stripe_invoices.subject_version is 'Version of the earliest snapshot that named a billing subject.';
comment on column payments.stripe_invoices.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';
CREATE INDEX stripe_invoices_customer_id_idx ON payments.stripe_invoices USING btree (customer_id, environment) WHERE (customer_id IS NOT NULL);
CREATE INDEX stripe_invoices_number_idx ON payments.stripe_invoices USING btree (number, environment) WHERE (number IS NOT NULL);
CREATE INDEX stripe_invoices_provider_created_at_idx ON payments.stripe_invoices USING btree (provider_created_at DESC, environment);
CREATE INDEX stripe_invoices_subject_idx ON payments.stripe_invoices USING btree (subject_id, subject_type, environment) WHERE ((subject_type IS NOT NULL) AND (subject_id IS NOT NULL));
CREATE INDEX stripe_invoices_subscription_id_idx ON payments.stripe_invoices USING btree (subscription_id, environment) WHERE (subscription_id IS NOT NULL);
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.stripe_invoices FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
CREATE TRIGGER _300_unowned AFTER INSERT OR UPDATE OF subject_type, customer_id, subscription_id ON payments.stripe_invoices FOR EACH ROW WHEN (((new.subject_type IS NULL) AND (COALESCE(new.customer_id, new.subscription_id) IS NOT NULL))) EXECUTE FUNCTION payments_private.tg__unowned();
create policy service_select on payments.stripe_invoices for select to payments_service using (true);
grant select on payments.stripe_invoices to payments_service;

create table payments.stripe_prices (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  price_id text not null,
  product_id text,
  active boolean not null,
  currency text not null,
  unit_amount bigint,
  unit_amount_decimal text,
  pay_what_you_want boolean not null default false,
  custom_unit_amount_minimum bigint,
  custom_unit_amount_maximum bigint,
  custom_unit_amount_preset bigint,
  type text not null,
  lookup_key text,
  billing_scheme text,
  tax_behavior text,
  recurring_interval text,
  recurring_interval_count integer,
  recurring_usage_type text,
  metadata jsonb not null default '{}'::jsonb,
  raw jsonb not null default '{}'::jsonb,
  synced_at timestamp with time zone not null default now(),
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  deleted boolean not null default false,
  version bigint not null default 0,
  constraint stripe_prices_pkey PRIMARY KEY (id),
  constraint stripe_prices_price_id_key UNIQUE (price_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
alter table payments.stripe_prices enable row level security;
comment on table payments.stripe_prices is 'Stripe prices (https://docs.stripe.com/api/prices). A deleted price stays as a tombstone with deleted = true.';
comment on column payments.stripe_prices.id is 'Local id.';
comment on column payments.stripe_prices.environment is 'test or live.';
comment on column payments.stripe_prices.price_id is 'Stripe id (price_…).';
comment on column payments.stripe_prices.product_id is 'Product that it prices (prod_…).';
comment on column payments.stripe_prices.active is 'Whether it can be bought; archived prices are false.';
comment on column payments.stripe_prices.currency is 'Three-letter ISO 4217 code, lower case.';
comment on column payments.stripe_prices.unit_amount is 'Price of one unit in the currency''s minor unit; null when it has fractions or tiers, or the buyer chooses it.';
comment on column payments.stripe_prices.unit_amount_decimal is 'The same as a decimal, up to 12 places, in the minor unit.';
comment on column payments.stripe_prices.pay_what_you_want is 'Whether the buyer chooses the amount (pay what you want); unit_amount is null then.';
comment on column payments.stripe_prices.custom_unit_amount_minimum is 'The least that the buyer may choose, in the minor unit; null for Stripe''s own limit.';
comment on column payments.stripe_prices.custom_unit_amount_maximum is 'The most that the buyer may choose, in the minor unit; null for Stripe''s own limit.';
comment on column payments.stripe_prices.custom_unit_amount_preset is 'The amount that the page shows first, in the minor unit.';
comment on column payments.stripe_prices.type is 'Stripe''s type, one_time or recurring.';
comment on column payments.stripe_prices.lookup_key is 'Stable name to find the price by.';
comment on column payments.stripe_prices.billing_scheme is 'per_unit or tiered.';
comment on column payments.stripe_prices.tax_behavior is 'exclusive, inclusive or unspecified.';
comment on column payments.stripe_prices.recurring_interval is 'day, week, month or year; null for one-time prices.';
comment on column payments.stripe_prices.recurring_interval_count is 'Number of intervals between two invoices.';
comment on column payments.stripe_prices.recurring_usage_type is 'licensed (bought by quantity) or metered (billed by use, so a checkout sends no quantity); null for one-time prices.';
comment on column payments.stripe_prices.metadata is 'Stripe metadata, text to text.';
comment on column payments.stripe_prices.raw is 'The object as Stripe sent it last.';
comment on column payments.stripe_prices.synced_at is 'When this row was last updated from Stripe.';
comment on column payments.stripe_prices.created_at is 'When this row was created.';
comment on column payments.stripe_prices.updated_at is 'When this row last changed.';
comment on column payments.stripe_prices.deleted is 'Deleted at Stripe; never becomes false again.';
comment on column payments.stripe_prices.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';
CREATE INDEX stripe_prices_lookup_key_idx ON payments.stripe_prices USING btree (lookup_key, environment) WHERE (lookup_key IS NOT NULL);
CREATE INDEX stripe_prices_product_id_idx ON payments.stripe_prices USING btree (product_id, environment);
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.stripe_prices FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
create policy service_select on payments.stripe_prices for select to payments_service using (true);
grant select on payments.stripe_prices to payments_service;

create table payments.stripe_products (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  product_id text not null,
  name text not null,
  description text,
  active boolean not null,
  default_price_id text,
  metadata jsonb not null default '{}'::jsonb,
  raw jsonb not null default '{}'::jsonb,
  synced_at timestamp with time zone not null default now(),
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  deleted boolean not null default false,
  version bigint not null default 0,
  constraint stripe_products_pkey PRIMARY KEY (id),
  constraint stripe_products_product_id_key UNIQUE (product_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
alter table payments.stripe_products enable row level security;
comment on table payments.stripe_products is 'Stripe products (https://docs.stripe.com/api/products). A deleted product stays as a tombstone with deleted = true.';
comment on column payments.stripe_products.id is 'Local id.';
comment on column payments.stripe_products.environment is 'test or live.';
comment on column payments.stripe_products.product_id is 'Stripe id (prod_…).';
comment on column payments.stripe_products.name is 'Name shown to customers.';
comment on column payments.stripe_products.description is 'Description shown to customers.';
comment on column payments.stripe_products.active is 'Whether it can be bought.';
comment on column payments.stripe_products.default_price_id is 'Default price (price_…).';
comment on column payments.stripe_products.metadata is 'Stripe metadata, text to text.';
comment on column payments.stripe_products.raw is 'The object as Stripe sent it last.';
comment on column payments.stripe_products.synced_at is 'When this row was last updated from Stripe.';
comment on column payments.stripe_products.created_at is 'When this row was created.';
comment on column payments.stripe_products.updated_at is 'When this row last changed.';
comment on column payments.stripe_products.deleted is 'Deleted at Stripe; never becomes false again.';
comment on column payments.stripe_products.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';
CREATE INDEX stripe_products_default_price_idx ON payments.stripe_products USING btree (default_price_id, environment) WHERE (default_price_id IS NOT NULL);
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.stripe_products FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
create policy service_select on payments.stripe_products for select to payments_service using (true);
grant select on payments.stripe_products to payments_service;

create table payments.stripe_subscription_items (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  subscription_item_id text not null,
  subscription_id text not null,
  product_id text,
  price_id text,
  quantity bigint,
  current_period_start timestamp with time zone,
  current_period_end timestamp with time zone,
  metadata jsonb not null default '{}'::jsonb,
  raw jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  constraint stripe_subscription_items_pkey PRIMARY KEY (id),
  constraint stripe_subscription_items_subscription_item_id_key UNIQUE (subscription_item_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
alter table payments.stripe_subscription_items enable row level security;
comment on table payments.stripe_subscription_items is 'The items of each subscription (https://docs.stripe.com/api/subscription_items), as of the snapshot that the subscription shows.';
comment on column payments.stripe_subscription_items.id is 'Local id.';
comment on column payments.stripe_subscription_items.environment is 'test or live.';
comment on column payments.stripe_subscription_items.subscription_item_id is 'Stripe id (si_…).';
comment on column payments.stripe_subscription_items.subscription_id is 'Subscription (sub_…) that it belongs to.';
comment on column payments.stripe_subscription_items.product_id is 'Product (prod_…).';
comment on column payments.stripe_subscription_items.price_id is 'Price (price_…).';
comment on column payments.stripe_subscription_items.quantity is 'Number of units; null for metered prices.';
comment on column payments.stripe_subscription_items.current_period_start is 'Start of the current period of the item, paid or not.';
comment on column payments.stripe_subscription_items.current_period_end is 'End of the current period of the item. Items of one subscription may differ, for example a monthly plan and a yearly add-on.';
comment on column payments.stripe_subscription_items.metadata is 'Stripe metadata, text to text.';
comment on column payments.stripe_subscription_items.raw is 'Empty: the item is part of stripe_subscriptions.raw.';
comment on column payments.stripe_subscription_items.created_at is 'When this row was created.';
comment on column payments.stripe_subscription_items.updated_at is 'When this row last changed.';
CREATE INDEX stripe_subscription_items_price_id_idx ON payments.stripe_subscription_items USING btree (price_id, environment) WHERE (price_id IS NOT NULL);
CREATE INDEX stripe_subscription_items_product_id_idx ON payments.stripe_subscription_items USING btree (product_id, environment) WHERE (product_id IS NOT NULL);
CREATE INDEX stripe_subscription_items_subscription_id_idx ON payments.stripe_subscription_items USING btree (subscription_id, environment);
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.stripe_subscription_items FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
create policy service_select on payments.stripe_subscription_items for select to payments_service using (true);
grant select on payments.stripe_subscription_items to payments_service;

create table payments.stripe_subscriptions (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  subscription_id text not null,
  customer_id text not null,
  subject_type text,
  subject_id text,
  status text not null,
  current_period_start timestamp with time zone,
  current_period_end timestamp with time zone,
  cancel_at_period_end boolean not null default false,
  cancel_at timestamp with time zone,
  canceled_at timestamp with time zone,
  trial_start timestamp with time zone,
  trial_end timestamp with time zone,
  latest_invoice_id text,
  pause_collection_behavior text,
  pause_collection_resumes_at timestamp with time zone,
  schedule_id text,
  next_phase_at timestamp with time zone,
  next_phase_items jsonb,
  pending_update jsonb,
  pending_update_expires_at timestamp with time zone,
  metadata jsonb not null default '{}'::jsonb,
  raw jsonb not null default '{}'::jsonb,
  synced_at timestamp with time zone not null default now(),
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  subject_version bigint,
  version bigint not null default 0,
  constraint stripe_subscriptions_pkey PRIMARY KEY (id),
  constraint stripe_subscriptions_subscription_id_key UNIQUE (subscription_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint subject_is_whole CHECK (((subject_type IS NULL) = (subject_id IS NULL)))
) with (toast_tuple_target=8160);
alter table payments.stripe_subscriptions enable row level security;
comment on table payments.stripe_subscriptions is 'Stripe subscriptions (https://docs.stripe.com/api/subscriptions). canceled and incomplete_expired are final.';
comment on column payments.stripe_subscriptions.id is 'Local id.';
comment on column payments.stripe_subscriptions.environment is 'test or live.';
comment on column payments.stripe_subscriptions.subscription_id is 'Stripe id (sub_…).';
comment on column payments.stripe_subscriptions.customer_id is 'Stripe customer (cus_…) that pays.';
comment on column payments.stripe_subscriptions.subject_type is 'Kind of billing subject; once known it stays.';
comment on column payments.stripe_subscriptions.subject_id is 'Id of the billing subject in the app; once known it stays.';
comment on column payments.stripe_subscriptions.status is 'Stripe''s status: incomplete, incomplete_expired, trialing, active, past_due, canceled, unpaid, paused, or a word that Stripe adds. trialing usually gives access; active and past_due do once money has arrived. Stripe still retries the payment of one that is past_due. Give no access for a word you do not know.';
comment on column payments.stripe_subscriptions.current_period_start is 'Start of the current period, paid or not: the earliest of its items, which have their own periods.';
comment on column payments.stripe_subscriptions.current_period_end is 'End of the current period, paid or not: the latest of its items, which have their own periods.';
comment on column payments.stripe_subscriptions.cancel_at_period_end is 'Whether it ends with the current period.';
comment on column payments.stripe_subscriptions.cancel_at is 'When it is set to end; may be set while cancel_at_period_end is false.';
comment on column payments.stripe_subscriptions.canceled_at is 'When cancellation was requested, which may be before access ends.';
comment on column payments.stripe_subscriptions.trial_start is 'Start of the trial.';
comment on column payments.stripe_subscriptions.trial_end is 'End of the trial.';
comment on column payments.stripe_subscriptions.latest_invoice_id is 'Newest invoice (in_…).';
comment on column payments.stripe_subscriptions.pause_collection_behavior is 'How Stripe treats invoices while collection is paused: keep_as_draft, mark_uncollectible or void. Null while it is not paused. The status stays active.';
comment on column payments.stripe_subscriptions.pause_collection_resumes_at is 'When Stripe resumes collection; null if somebody has to resume it.';
comment on column payments.stripe_subscriptions.schedule_id is 'Subscription schedule (sub_sched_…) that changes it later; null without one.';
comment on column payments.stripe_subscriptions.next_phase_at is 'When the next phase of its schedule begins; null if none follows.';
comment on column payments.stripe_subscriptions.next_phase_items is 'What it has from then on: [{"price_id": "price_…", "quantity": 1}].';
comment on column payments.stripe_subscriptions.pending_update is 'Change that Stripe makes once its invoice is paid, as Stripe describes it (https://docs.stripe.com/billing/subscriptions/pending-updates).';
comment on column payments.stripe_subscriptions.pending_update_expires_at is 'When Stripe drops that change unless it is paid.';
comment on column payments.stripe_subscriptions.metadata is 'Stripe metadata, text to text.';
comment on column payments.stripe_subscriptions.raw is 'The object as Stripe sent it last.';
comment on column payments.stripe_subscriptions.synced_at is 'When this row was last updated from Stripe.';
comment on column payments.stripe_subscriptions.created_at is 'When this row was created.';
comment on column payments.stripe_subscriptions.updated_at is 'When this row last changed.';
comment on column payments.stripe_subscriptions.subject_version is 'Version of the snapshot whose metadata named the subject; null while the subject comes from the customer, or is unknown.';
comment on column payments.stripe_subscriptions.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';
CREATE INDEX stripe_subscriptions_customer_id_idx ON payments.stripe_subscriptions USING btree (customer_id, environment);
CREATE INDEX stripe_subscriptions_ending_idx ON payments.stripe_subscriptions USING btree (updated_at, environment) WHERE cancel_at_period_end;
CREATE INDEX stripe_subscriptions_schedule_id_idx ON payments.stripe_subscriptions USING btree (schedule_id, environment) WHERE (schedule_id IS NOT NULL);
CREATE INDEX stripe_subscriptions_status_idx ON payments.stripe_subscriptions USING btree (status, updated_at, environment);
CREATE INDEX stripe_subscriptions_subject_idx ON payments.stripe_subscriptions USING btree (subject_id, subject_type, environment) WHERE ((subject_type IS NOT NULL) AND (subject_id IS NOT NULL));
CREATE INDEX stripe_subscriptions_updated_at_idx ON payments.stripe_subscriptions USING btree (updated_at, environment);
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.stripe_subscriptions FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
CREATE TRIGGER _300_unowned AFTER INSERT OR UPDATE OF subject_type, customer_id ON payments.stripe_subscriptions FOR EACH ROW WHEN (((new.subject_type IS NULL) AND (new.customer_id IS NOT NULL))) EXECUTE FUNCTION payments_private.tg__unowned();
create policy service_select on payments.stripe_subscriptions for select to payments_service using (true);
grant select on payments.stripe_subscriptions to payments_service;

create view payments.subscription_access with (security_invoker=true) as
 SELECT s.environment,
    s.subscription_id,
    i.subscription_item_id,
    s.customer_id,
    s.subject_type,
    s.subject_id,
    s.status,
    i.price_id,
    i.product_id,
    p.lookup_key,
    i.quantity,
        CASE
            WHEN (s.status = 'past_due'::text) THEN period.started_at
            ELSE period.ends_at
        END AS valid_until,
    COALESCE(s.cancel_at,
        CASE
            WHEN s.cancel_at_period_end THEN period.ends_at
            ELSE NULL::timestamp with time zone
        END) AS ends_at,
    s.updated_at
   FROM (((payments.stripe_subscriptions s
     JOIN payments.stripe_subscription_items i ON (((i.subscription_id = s.subscription_id) AND (i.environment = s.environment))))
     LEFT JOIN payments.stripe_prices p ON (((p.price_id = i.price_id) AND (p.environment = i.environment))))
     CROSS JOIN LATERAL ( SELECT COALESCE(i.current_period_start, s.current_period_start) AS started_at,
            COALESCE(i.current_period_end, s.current_period_end) AS ends_at) period)
  WHERE ((s.subject_type IS NOT NULL) AND (s.pause_collection_behavior IS NULL) AND ((s.status = 'trialing'::text) OR ((s.status = ANY (ARRAY['active'::text, 'past_due'::text])) AND ((s.latest_invoice_id IS NULL) OR (EXISTS ( SELECT
           FROM payments.transactions t
          WHERE ((t.provider = 'stripe'::text) AND (t.environment = s.environment) AND (t.provider_customer_id = s.customer_id) AND (t.type = 'subscription_invoice'::text) AND ((t.related_object_ids ->> 'subscription'::text) = s.subscription_id) AND (t.status = ANY (ARRAY['succeeded'::text, 'partially_refunded'::text, 'refunded'::text])) AND ((t.amount > t.amount_disputed) OR ((t.amount = 0) AND ((t.related_object_ids ->> 'invoice'::text) = s.latest_invoice_id)) OR ((t.amount = 0) AND (period.started_at > (now() - '1 day'::interval)) AND (NOT (EXISTS ( SELECT
                   FROM payments.transactions u
                  WHERE ((u.provider = 'stripe'::text) AND (u.environment = s.environment) AND (u.provider_customer_id = s.customer_id) AND ((u.related_object_ids ->> 'invoice'::text) = s.latest_invoice_id))))))))))))));
comment on view payments.subscription_access is 'The items of subscriptions that give access now: trialing, or paid for. For entitlements of an app.';
comment on column payments.subscription_access.environment is 'test or live.';
comment on column payments.subscription_access.subscription_id is 'Subscription (sub_…).';
comment on column payments.subscription_access.subscription_item_id is 'Item of the subscription (si_…).';
comment on column payments.subscription_access.customer_id is 'Stripe customer (cus_…).';
comment on column payments.subscription_access.subject_type is 'Kind of the billing subject.';
comment on column payments.subscription_access.subject_id is 'Id of the billing subject in the app.';
comment on column payments.subscription_access.status is 'Stripe''s status: trialing, active or past_due.';
comment on column payments.subscription_access.price_id is 'Price (price_…).';
comment on column payments.subscription_access.product_id is 'Product (prod_…).';
comment on column payments.subscription_access.lookup_key is 'Lookup key of the price, if it is known.';
comment on column payments.subscription_access.quantity is 'How many, for example seats.';
comment on column payments.subscription_access.valid_until is 'End of the last period that is paid, or that is on trial.';
comment on column payments.subscription_access.ends_at is 'When it ends; null if it renews.';
comment on column payments.subscription_access.updated_at is 'When the subscription last changed here.';
grant select on payments.subscription_access to payments_service;

create table payments.sync_runs (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  status text not null default 'running'::text,
  kinds text[] not null,
  created_from timestamp with time zone,
  created_before timestamp with time zone,
  progress jsonb not null default '{}'::jsonb,
  drift jsonb not null default '{}'::jsonb,
  error text,
  attempt integer not null default 1,
  lease uuid,
  started_at timestamp with time zone not null default now(),
  heartbeat_at timestamp with time zone not null default now(),
  finished_at timestamp with time zone,
  constraint sync_runs_pkey PRIMARY KEY (id),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint error_only_when_failed CHECK (((error IS NOT NULL) = (status = 'failed'::text))),
  constraint finished_at_unless_running CHECK (((finished_at IS NULL) = (status = 'running'::text))),
  constraint kinds_are_known CHECK (((cardinality(kinds) > 0) AND (kinds <@ ARRAY['products'::text, 'prices'::text, 'customers'::text, 'subscriptions'::text, 'checkout_sessions'::text, 'payment_intents'::text, 'charges'::text, 'invoices'::text, 'credit_notes'::text, 'refunds'::text, 'disputes'::text]))),
  constraint lease_only_while_running CHECK (((lease IS NOT NULL) = (status = 'running'::text))),
  constraint range_is_not_empty CHECK ((created_from < created_before)),
  constraint status_is_known CHECK ((status = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text, 'interrupted'::text])))
);
alter table payments.sync_runs enable row level security;
comment on table payments.sync_runs is 'Syncs of an environment with Stripe, one row each, with their progress, so that a stopped sync resumes where it was.';
comment on column payments.sync_runs.id is 'Local id.';
comment on column payments.sync_runs.environment is 'test or live. At most one sync of an environment is running.';
comment on column payments.sync_runs.status is 'running, succeeded, failed (see error), or interrupted: stopped before its end.';
comment on column payments.sync_runs.kinds is 'Kinds of objects to list, in this order, for example {products,prices,customers,subscriptions}.';
comment on column payments.sync_runs.created_from is 'Payment objects only: those made at Stripe at this instant or later; null for no limit.';
comment on column payments.sync_runs.created_before is 'Payment objects only: those made at Stripe before this instant; null for no limit.';
comment on column payments.sync_runs.progress is 'By kind: {state, listed_from, cursor, cursor_created, seen, added, changed, newer, deleted, failed}; state is listing, listed or done.';
comment on column payments.sync_runs.drift is 'What differed from Stripe, by kind: {rows, missing, deleted, fields: {column: rows}}. Rows that a webhook has made newer than the listing do not count.';
comment on column payments.sync_runs.error is 'Why it failed; null otherwise.';
comment on column payments.sync_runs.attempt is 'Number of times it was begun; more than 1 when it was resumed.';
comment on column payments.sync_runs.lease is 'Lease of the process that runs it; a process with another lease may not write to it.';
comment on column payments.sync_runs.started_at is 'When it was first begun.';
comment on column payments.sync_runs.heartbeat_at is 'Last heartbeat. A running sync without one for a minute counts as dead and can be resumed.';
comment on column payments.sync_runs.finished_at is 'When it ended; null while it is running.';
CREATE UNIQUE INDEX sync_runs_running_key ON payments.sync_runs USING btree (environment) WHERE (status = 'running'::text);
CREATE INDEX sync_runs_started_at_idx ON payments.sync_runs USING btree (started_at DESC, environment);
create policy service_select on payments.sync_runs for select to payments_service using (true);
grant select on payments.sync_runs to payments_service;

create table payments.transactions (
  id uuid not null default gen_random_uuid(),
  provider text not null default 'stripe'::text,
  environment text not null,
  type text not null,
  status text not null,
  subject_type text,
  subject_id text,
  provider_customer_id text,
  customer_email_snapshot text,
  provider_object_type text,
  provider_object_id text,
  provider_parent_object_type text,
  provider_parent_object_id text,
  related_object_ids jsonb not null default '{}'::jsonb,
  amount bigint,
  amount_refunded bigint not null default 0,
  currency text,
  description text,
  paid_at timestamp with time zone,
  failed_at timestamp with time zone,
  refunded_at timestamp with time zone,
  provider_created_at timestamp with time zone,
  raw jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  disputed_at timestamp with time zone,
  dispute_amount bigint,
  dispute_status text,
  amount_disputed bigint not null default 0,
  receipt_url text,
  card_brand text,
  card_last4 text,
  constraint transactions_pkey PRIMARY KEY (id),
  constraint amount_disputed_is_not_negative CHECK ((amount_disputed >= 0)),
  constraint amount_is_not_negative CHECK ((amount >= 0)),
  constraint amount_refunded_is_not_negative CHECK ((amount_refunded >= 0)),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint status_is_known CHECK ((status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'pending'::text, 'refunded'::text, 'partially_refunded'::text]))),
  constraint subject_is_whole CHECK (((subject_type IS NULL) = (subject_id IS NULL))),
  constraint type_is_known CHECK ((type = ANY (ARRAY['one_time_payment'::text, 'subscription_invoice'::text, 'refund'::text, 'failed_payment'::text])))
) with (fillfactor=85);
alter table payments.transactions enable row level security;
comment on table payments.transactions is 'Payments and refunds, one row each, in whatever order its Stripe objects arrive. Amounts are integers in the currency''s minor unit.';
comment on column payments.transactions.id is 'Local id. Two rows become one when Stripe reports that they are the same payment, so refer to provider_object_id from other tables.';
comment on column payments.transactions.provider is 'Payment provider; pg-payments writes stripe.';
comment on column payments.transactions.environment is 'test or live.';
comment on column payments.transactions.type is 'one_time_payment, subscription_invoice, refund, or failed_payment while no attempt has succeeded.';
comment on column payments.transactions.status is 'succeeded, pending (money on its way), failed, partially_refunded or refunded.';
comment on column payments.transactions.subject_type is 'Kind of billing subject; null for guest purchases.';
comment on column payments.transactions.subject_id is 'Id of the billing subject in the app.';
comment on column payments.transactions.provider_customer_id is 'Stripe customer (cus_…).';
comment on column payments.transactions.customer_email_snapshot is 'E-mail address that the payment carried.';
comment on column payments.transactions.provider_object_type is 'payment_intent when one is known, else invoice, checkout_session or charge; refund for refunds.';
comment on column payments.transactions.provider_object_id is 'Id of that object.';
comment on column payments.transactions.provider_parent_object_type is 'For a refund: kind of the object that was refunded, the same as provider_object_type of its payment.';
comment on column payments.transactions.provider_parent_object_id is 'For a refund: id of the object that was refunded.';
comment on column payments.transactions.related_object_ids is 'Stripe ids of the same payment by kind: checkout_session, payment_intent, invoice, charge, refund, subscription, product, price.';
comment on column payments.transactions.amount is 'Amount paid, or due while unpaid, in the minor unit; of a refund, the refunded amount.';
comment on column payments.transactions.amount_refunded is 'Amount refunded so far, in the minor unit; failed refunds do not count.';
comment on column payments.transactions.currency is 'Three-letter ISO 4217 code, lower case.';
comment on column payments.transactions.description is 'Stripe''s description.';
comment on column payments.transactions.paid_at is 'When the money was taken.';
comment on column payments.transactions.failed_at is 'When the latest attempt failed; null unless the status is failed.';
comment on column payments.transactions.refunded_at is 'When money was last refunded.';
comment on column payments.transactions.provider_created_at is 'When the payment began at Stripe.';
comment on column payments.transactions.raw is 'Empty: the objects are in the payloads of payments.webhook_events.';
comment on column payments.transactions.created_at is 'When this row was created.';
comment on column payments.transactions.updated_at is 'When this row last changed.';
comment on column payments.transactions.disputed_at is 'When the payment was disputed.';
comment on column payments.transactions.dispute_amount is 'Amount of the latest dispute in the minor unit, whatever its outcome.';
comment on column payments.transactions.dispute_status is 'Stripe''s status of the latest dispute, for example needs_response, won or lost.';
comment on column payments.transactions.amount_disputed is 'Money lost in disputes that were lost, in the minor unit. It is not part of amount_refunded; status does not change.';
comment on column payments.transactions.receipt_url is 'Stripe''s page of the receipt, with its refunds. Who has the address can see it. Null without a charge.';
comment on column payments.transactions.card_brand is 'Brand of the card that paid, for example visa; null if Stripe shows no card.';
comment on column payments.transactions.card_last4 is 'Last four digits of that card.';
CREATE INDEX transactions_currency_amount_idx ON payments.transactions USING btree (currency, amount, environment) WHERE (currency IS NOT NULL);
CREATE INDEX transactions_disputed_at_idx ON payments.transactions USING btree (disputed_at, environment) INCLUDE (currency, amount_disputed) WHERE (disputed_at IS NOT NULL);
CREATE INDEX transactions_failed_at_idx ON payments.transactions USING btree (failed_at, environment) INCLUDE (currency) WHERE ((type = 'failed_payment'::text) AND (failed_at IS NOT NULL));
CREATE INDEX transactions_paid_at_idx ON payments.transactions USING btree (paid_at, environment) INCLUDE (currency, amount) WHERE (paid_at IS NOT NULL);
CREATE INDEX transactions_provider_created_at_idx ON payments.transactions USING btree (provider_created_at DESC, environment);
CREATE INDEX transactions_provider_customer_id_idx ON payments.transactions USING btree (provider_customer_id, environment) WHERE (provider_customer_id IS NOT NULL);
CREATE UNIQUE INDEX transactions_provider_object_key ON payments.transactions USING btree (provider_object_id, provider_object_type, environment, provider) WHERE ((provider_object_type IS NOT NULL) AND (provider_object_id IS NOT NULL));
CREATE INDEX transactions_refunded_at_idx ON payments.transactions USING btree (refunded_at, environment) INCLUDE (currency, amount) WHERE ((type = 'refund'::text) AND (refunded_at IS NOT NULL));
CREATE INDEX transactions_subject_idx ON payments.transactions USING btree (subject_id, subject_type, environment) WHERE ((subject_type IS NOT NULL) AND (subject_id IS NOT NULL));
CREATE INDEX transactions_type_idx ON payments.transactions USING btree (type, provider_created_at DESC, environment);
CREATE INDEX transactions_uncommon_idx ON payments.transactions USING btree (status, provider_created_at DESC, environment) WHERE (status <> 'succeeded'::text);
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.transactions FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
CREATE TRIGGER _300_unowned AFTER INSERT OR UPDATE OF subject_type, provider_customer_id, related_object_ids ON payments.transactions FOR EACH ROW WHEN (((new.subject_type IS NULL) AND (COALESCE(new.provider_customer_id, (new.related_object_ids ->> 'subscription'::text)) IS NOT NULL))) EXECUTE FUNCTION payments_private.tg__unowned();
create policy service_select on payments.transactions for select to payments_service using (true);
grant select on payments.transactions to payments_service;

create view payments.webhook_event_health with (security_invoker=true) as
 SELECT e.environment,
    COALESCE(f.backlog, (0)::bigint) AS backlog,
    f.oldest_failed_at,
    COALESCE(f.dead_lettered, (0)::bigint) AS dead_lettered,
    COALESCE(f.failures, '[]'::jsonb) AS failures,
    r.events_last_hour,
    r.last_received_at,
    r.median_lag,
    r.greatest_lag
   FROM ((( VALUES ('test'::text), ('live'::text)) e(environment)
     LEFT JOIN LATERAL ( SELECT (sum(g.count))::bigint AS backlog,
            min(g.oldest) AS oldest_failed_at,
            (sum(g.dead_lettered))::bigint AS dead_lettered,
            jsonb_agg(jsonb_build_object('event_type', g.event_type, 'error', g.last_error, 'count', g.count) ORDER BY g.count DESC) AS failures
           FROM ( SELECT w.event_type,
                    w.last_error,
                    count(*) AS count,
                    count(*) FILTER (WHERE (w.next_attempt_at IS NULL)) AS dead_lettered,
                    min(w.received_at) AS oldest
                   FROM payments.webhook_events w
                  WHERE ((w.environment = e.environment) AND (w.processing_status = ANY (ARRAY['pending'::text, 'failed'::text])))
                  GROUP BY w.event_type, w.last_error) g) f ON (true))
     LEFT JOIN LATERAL ( SELECT count(*) AS events_last_hour,
            max(w.received_at) AS last_received_at,
            percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY ((EXTRACT(epoch FROM (w.received_at - w.provider_created_at)))::double precision)) AS median_lag,
            max(EXTRACT(epoch FROM (w.received_at - w.provider_created_at))) AS greatest_lag
           FROM payments.webhook_events w
          WHERE ((w.environment = e.environment) AND (w.received_at > (now() - '01:00:00'::interval)))) r ON (true));
comment on view payments.webhook_event_health is 'Health of the ledger by environment: events that failed, events that are no longer retried, their errors, and how late events arrive.';
comment on column payments.webhook_event_health.environment is 'test or live.';
comment on column payments.webhook_event_health.backlog is 'How many events have failed and are not processed yet.';
comment on column payments.webhook_event_health.oldest_failed_at is 'When the oldest event of the backlog arrived.';
comment on column payments.webhook_event_health.dead_lettered is 'How many of the backlog are no longer retried: fix the cause, then replay them.';
comment on column payments.webhook_event_health.failures is 'The backlog by type and error: [{"event_type", "error", "count"}], the most frequent first.';
comment on column payments.webhook_event_health.events_last_hour is 'How many events arrived within the last hour.';
comment on column payments.webhook_event_health.last_received_at is 'When the last of those events arrived; null if none did.';
comment on column payments.webhook_event_health.median_lag is 'Median time between Stripe''s event and its arrival here, in seconds, over the last hour.';
comment on column payments.webhook_event_health.greatest_lag is 'Longest time between Stripe''s event and its arrival here, in seconds, over the last hour.';
grant select on payments.webhook_event_health to payments_service;

create table payments.webhook_events (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  event_type text not null,
  livemode boolean not null,
  object_type text,
  object_id text,
  processing_status text not null default 'pending'::text,
  attempt_count integer not null default 0,
  last_error text,
  payload jsonb not null,
  received_at timestamp with time zone not null default now(),
  processed_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  provider text not null default 'stripe'::text,
  provider_event_id text not null,
  provider_account_id text,
  provider_created_at timestamp with time zone,
  next_attempt_at timestamp with time zone,
  constraint webhook_events_pkey PRIMARY KEY (id),
  constraint webhook_events_provider_event_id_key UNIQUE (provider_event_id, environment, provider),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint livemode_matches_environment CHECK ((livemode = (environment = 'live'::text))),
  constraint next_attempt_only_when_failed CHECK (((next_attempt_at IS NULL) OR (processing_status = 'failed'::text))),
  constraint processed_at_only_when_finished CHECK (((processed_at IS NOT NULL) = (processing_status = ANY (ARRAY['processed'::text, 'ignored'::text])))),
  constraint processing_status_is_known CHECK ((processing_status = ANY (ARRAY['pending'::text, 'processed'::text, 'failed'::text, 'ignored'::text])))
) with (toast_tuple_target=8160);
alter table payments.webhook_events enable row level security;
comment on table payments.webhook_events is 'The ledger: every verified Stripe event and its outcome. Fulfilment is an after insert or update trigger on this table that checks for processing_status = processed.';
comment on column payments.webhook_events.id is 'Local id.';
comment on column payments.webhook_events.environment is 'test or live.';
comment on column payments.webhook_events.event_type is 'Stripe''s type, for example invoice.paid (https://docs.stripe.com/api/events/types).';
comment on column payments.webhook_events.livemode is 'Whether the event is from live mode.';
comment on column payments.webhook_events.object_type is 'Kind of the object that the event is about, for example subscription.';
comment on column payments.webhook_events.object_id is 'Id of that object.';
comment on column payments.webhook_events.processing_status is 'processed, ignored (a type that is not projected), or failed (to be retried).';
comment on column payments.webhook_events.attempt_count is 'Number of attempts to process it.';
comment on column payments.webhook_events.last_error is 'Why the last attempt failed; null once processed.';
comment on column payments.webhook_events.payload is 'The event as Stripe sent it; {} after pruning.';
comment on column payments.webhook_events.received_at is 'When it first arrived here.';
comment on column payments.webhook_events.processed_at is 'When it was processed or ignored.';
comment on column payments.webhook_events.created_at is 'When this row was created.';
comment on column payments.webhook_events.updated_at is 'When this row last changed.';
comment on column payments.webhook_events.provider is 'Payment provider; pg-payments writes stripe.';
comment on column payments.webhook_events.provider_event_id is 'Stripe''s id of the event (evt_…); an event is processed once, however often it is delivered.';
comment on column payments.webhook_events.provider_account_id is 'Connected account that the event is about; null for the account itself.';
comment on column payments.webhook_events.provider_created_at is 'When it happened at Stripe, to the second.';
comment on column payments.webhook_events.next_attempt_at is 'When a failed event is due for a retry; null when it is not retried automatically.';
CREATE INDEX webhook_events_ignored_idx ON payments.webhook_events USING btree (received_at, environment) WHERE (processing_status = 'ignored'::text);
CREATE INDEX webhook_events_object_idx ON payments.webhook_events USING btree (object_id, environment) WHERE (object_id IS NOT NULL);
CREATE INDEX webhook_events_received_at_idx ON payments.webhook_events USING btree (received_at, environment);
CREATE INDEX webhook_events_type_idx ON payments.webhook_events USING btree (event_type, received_at, environment);
CREATE INDEX webhook_events_unfinished_idx ON payments.webhook_events USING btree (next_attempt_at, environment) WHERE (processing_status = ANY (ARRAY['pending'::text, 'failed'::text]));
CREATE TRIGGER _100_timestamps BEFORE UPDATE ON payments.webhook_events FOR EACH ROW EXECUTE FUNCTION payments_private.tg__timestamps();
create policy service_select on payments.webhook_events for select to payments_service using (true);
grant select on payments.webhook_events to payments_service;

create table payments_private.catalog_changes (
  environment text not null,
  object_id text not null,
  begun_at timestamp with time zone not null default now(),
  constraint catalog_changes_pkey PRIMARY KEY (object_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
alter table payments_private.catalog_changes enable row level security;
comment on table payments_private.catalog_changes is 'Products and prices that someone is changing at Stripe just now, so that a second editor is told.';
comment on column payments_private.catalog_changes.environment is 'test or live.';
comment on column payments_private.catalog_changes.object_id is 'The product (prod_…) or price (price_…).';
comment on column payments_private.catalog_changes.begun_at is 'When the change began; one of more than a minute ago has no effect.';

create view payments_private.catalogue_list with (security_invoker=true) as
 SELECT environment,
    product_id,
    name,
    description,
    active,
    default_price_id,
    metadata,
    synced_at,
    revision,
    ( SELECT count(*) AS count
           FROM payments.stripe_prices c
          WHERE ((c.product_id = p.product_id) AND (c.environment = p.environment) AND c.active AND (NOT c.deleted))) AS active_prices,
    ( SELECT COALESCE(jsonb_agg(to_jsonb(f.*) ORDER BY f.price_id), '[]'::jsonb) AS "coalesce"
           FROM ( SELECT l.environment,
                    l.price_id,
                    l.product_id,
                    l.active,
                    l.currency,
                    l.unit_amount,
                    l.unit_amount_decimal,
                    l.type,
                    l.lookup_key,
                    l.billing_scheme,
                    l.tax_behavior,
                    l.recurring_interval,
                    l.recurring_interval_count,
                    l.metadata,
                    l.synced_at,
                    l.recurring_usage_type,
                    l.pay_what_you_want,
                    l.custom_unit_amount_minimum,
                    l.custom_unit_amount_maximum,
                    l.custom_unit_amount_preset,
                    l.revision
                   FROM payments_private.price_list l
                  WHERE ((l.product_id = p.product_id) AND (l.environment = p.environment) AND l.active)
                  ORDER BY l.price_id
                 LIMIT 2) f) AS prices
   FROM payments_private.product_list p;
comment on view payments_private.catalogue_list is 'Products with their first active prices, as the catalogue of the dashboard lists them.';
grant select on payments_private.catalogue_list to payments_service;

create table payments_private.charge_details (
  environment text not null,
  charge_id text not null,
  receipt_url text,
  card_brand text,
  card_last4 text,
  version bigint not null,
  constraint charge_details_pkey PRIMARY KEY (charge_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
alter table payments_private.charge_details enable row level security;
comment on table payments_private.charge_details is 'What charges say of their receipt and card. It is apart from payment_objects, because it says nothing of money.';
comment on column payments_private.charge_details.environment is 'test or live.';
comment on column payments_private.charge_details.charge_id is 'Stripe id (ch_… or py_…).';
comment on column payments_private.charge_details.receipt_url is 'Stripe''s page of the receipt.';
comment on column payments_private.charge_details.card_brand is 'Brand of the card, for example visa.';
comment on column payments_private.charge_details.card_last4 is 'Last four digits of the card.';
comment on column payments_private.charge_details.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';

create view payments_private.checkout_session_list with (security_invoker=true) as
 SELECT id,
    environment,
    mode,
    status,
    payment_status,
    subject_type,
    subject_id,
    customer_email,
    checkout_session_id,
    customer_id,
    payment_intent_id,
    subscription_id,
    ( SELECT COALESCE(jsonb_agg(jsonb_build_object('price_id', COALESCE((i.item ->> 'priceId'::text), (i.item ->> 'price'::text), (i.item ->> 'price_id'::text)), 'quantity', (i.item -> 'quantity'::text)) ORDER BY i."position"), '[]'::jsonb) AS "coalesce"
           FROM jsonb_array_elements(c.line_items) WITH ORDINALITY i(item, "position")) AS line_items,
    success_url,
    cancel_url,
    metadata,
    last_error,
    attempt,
    expires_at,
    created_at,
    updated_at,
    options,
    forced_options
   FROM payments.stripe_checkout_sessions c;
comment on view payments_private.checkout_session_list is 'Checkout Sessions as the API lists them.';
grant select on payments_private.checkout_session_list to payments_service;

create view payments_private.connection_list with (security_invoker=true) as
 SELECT environment,
    status,
    provider_account_id AS account_id,
    account_email,
    account_livemode,
    webhook_endpoint_id,
    webhook_endpoint_url,
    webhook_configured_at,
    last_synced_at,
    last_sync_status,
    last_sync_error,
    last_sync_counts,
    events_complete_from,
    events_complete_until
   FROM payments.provider_connections c
  WHERE (provider = 'stripe'::text);
comment on view payments_private.connection_list is 'Connections as the API shows them, without what depends on the key.';
grant select on payments_private.connection_list to payments_service;

create view payments_private.credit_note_list with (security_invoker=true) as
 SELECT id,
    environment,
    credit_note_id,
    number,
    status,
    type,
    reason,
    invoice_id,
    customer_id,
    subject_type,
    subject_id,
    currency,
    subtotal,
    tax,
    total,
    amount,
    memo,
    pdf,
    voided_at,
    provider_created_at,
    metadata,
    synced_at,
    created_at,
    updated_at
   FROM payments.stripe_credit_notes n;
comment on view payments_private.credit_note_list is 'Credit notes as the API lists them.';
grant select on payments_private.credit_note_list to payments_service;

create view payments_private.customer_list with (security_invoker=true) as
 SELECT c.id,
    c.environment,
    c.provider,
    c.provider_customer_id,
    c.email,
    c.name,
    c.phone,
    c.deleted,
    c.metadata,
    c.provider_created_at,
    c.synced_at,
    totals.payments_count,
    totals.last_payment_at,
    totals.total_spend,
    totals.currency AS total_spend_currency,
    (c.raw #>> '{invoice_settings,default_payment_method,card,brand}'::text[]) AS payment_method_brand,
    (c.raw #>> '{invoice_settings,default_payment_method,card,last4}'::text[]) AS payment_method_last4,
    upper("substring"((c.raw #>> '{address,country}'::text[]), '^[A-Za-z]{2}$'::text)) AS country_code
   FROM (payments.customers c
     LEFT JOIN LATERAL ( SELECT t.environment,
            t.provider,
            t.provider_customer_id,
            t.payments_count,
            t.total_spend,
            t.currency,
            t.last_payment_at
           FROM payments.customer_totals t
          WHERE ((t.provider_customer_id = c.provider_customer_id) AND (t.environment = c.environment) AND (t.provider = 'stripe'::text))
         OFFSET 0) totals ON (true))
  WHERE (c.provider = 'stripe'::text);
comment on view payments_private.customer_list is 'Customers with what they paid, as the API lists them.';
grant select on payments_private.customer_list to payments_service;

create table payments_private.customer_owners (
  environment text not null,
  customer_id text not null,
  subject_type text not null,
  subject_id text not null,
  named_at timestamp with time zone not null,
  named_by text not null,
  constraint customer_owners_pkey PRIMARY KEY (customer_id, environment, subject_type, subject_id),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
alter table payments_private.customer_owners enable row level security;
comment on table payments_private.customer_owners is 'Every billing subject that a Stripe object has named as the owner of a customer. A customer belongs to the subject that was named first at Stripe, in whatever order the objects arrive.';
comment on column payments_private.customer_owners.environment is 'test or live.';
comment on column payments_private.customer_owners.customer_id is 'Stripe customer (cus_…).';
comment on column payments_private.customer_owners.subject_type is 'Kind of billing subject.';
comment on column payments_private.customer_owners.subject_id is 'Id of the billing subject in the app.';
comment on column payments_private.customer_owners.named_at is 'When the object that names the owner was created at Stripe; of several objects, the earliest.';
comment on column payments_private.customer_owners.named_by is 'Id of that object; decides between objects of the same second.';
CREATE INDEX customer_owners_subject_idx ON payments_private.customer_owners USING btree (subject_id, subject_type, environment);

create view payments_private.customer_timeline with (security_invoker=true) as
 SELECT t.id,
    t.environment,
    t.provider_customer_id AS customer_id,
    COALESCE(t.provider_created_at, t.created_at) AS happened_at,
        CASE
            WHEN (t.type = 'refund'::text) THEN 'refund'::text
            ELSE 'payment'::text
        END AS kind,
    t.provider_object_id AS object_id,
    COALESCE(t.description, t.type) AS title,
    t.status,
    t.amount,
    t.currency,
    NULL::text AS error
   FROM payments.transactions t
  WHERE (t.provider_customer_id IS NOT NULL)
UNION ALL
 SELECT s.id,
    s.environment,
    s.customer_id,
    COALESCE(to_timestamp((((s.raw ->> 'created'::text))::bigint)::double precision), s.created_at) AS happened_at,
    'subscription'::text AS kind,
    s.subscription_id AS object_id,
    'subscription'::text AS title,
    s.status,
    NULL::bigint AS amount,
    NULL::text AS currency,
    NULL::text AS error
   FROM payments.stripe_subscriptions s
UNION ALL
 SELECT i.id,
    i.environment,
    i.customer_id,
    COALESCE(i.provider_created_at, i.created_at) AS happened_at,
    'invoice'::text AS kind,
    i.invoice_id AS object_id,
    COALESCE(i.number, 'invoice'::text) AS title,
    i.status,
    i.total AS amount,
    i.currency,
    NULL::text AS error
   FROM payments.stripe_invoices i
  WHERE (i.customer_id IS NOT NULL)
UNION ALL
 SELECT n.id,
    n.environment,
    n.customer_id,
    COALESCE(n.provider_created_at, n.created_at) AS happened_at,
    'credit_note'::text AS kind,
    n.credit_note_id AS object_id,
    COALESCE(n.number, 'credit note'::text) AS title,
    n.status,
    n.total AS amount,
    n.currency,
    NULL::text AS error
   FROM payments.stripe_credit_notes n
  WHERE (n.customer_id IS NOT NULL)
UNION ALL
 SELECT c.id,
    c.environment,
    c.customer_id,
    c.created_at AS happened_at,
    'checkout_session'::text AS kind,
    c.checkout_session_id AS object_id,
    c.mode AS title,
    c.status,
    NULL::bigint AS amount,
    NULL::text AS currency,
    c.last_error AS error
   FROM payments.stripe_checkout_sessions c
  WHERE (c.customer_id IS NOT NULL)
UNION ALL
 SELECT p.id,
    p.environment,
    p.customer_id,
    p.created_at AS happened_at,
    'portal_session'::text AS kind,
    NULL::text AS object_id,
    'customer portal'::text AS title,
    p.status,
    NULL::bigint AS amount,
    NULL::text AS currency,
    p.last_error AS error
   FROM payments.stripe_customer_portal_sessions p
  WHERE (p.customer_id IS NOT NULL)
UNION ALL
 SELECT e.id,
    e.environment,
    o.customer_id,
    e.received_at AS happened_at,
    'event'::text AS kind,
    e.provider_event_id AS object_id,
    e.event_type AS title,
    e.processing_status AS status,
    NULL::bigint AS amount,
    NULL::text AS currency,
    e.last_error AS error
   FROM (( SELECT c.environment,
            c.provider_customer_id AS customer_id,
            c.provider_customer_id AS object_id
           FROM payments.customers c
        UNION
         SELECT s.environment,
            s.customer_id,
            s.subscription_id
           FROM payments.stripe_subscriptions s
        UNION
         SELECT i.environment,
            i.customer_id,
            i.invoice_id
           FROM payments.stripe_invoices i
          WHERE (i.customer_id IS NOT NULL)
        UNION
         SELECT n.environment,
            n.customer_id,
            n.credit_note_id
           FROM payments.stripe_credit_notes n
          WHERE (n.customer_id IS NOT NULL)
        UNION
         SELECT c.environment,
            c.customer_id,
            c.checkout_session_id
           FROM payments.stripe_checkout_sessions c
          WHERE ((c.customer_id IS NOT NULL) AND (c.checkout_session_id IS NOT NULL))
        UNION
         SELECT t.environment,
            t.provider_customer_id,
            r.value
           FROM (payments.transactions t
             CROSS JOIN LATERAL jsonb_each_text(t.related_object_ids) r(key, value))
          WHERE ((t.provider_customer_id IS NOT NULL) AND (r.key = ANY (ARRAY['payment_intent'::text, 'invoice'::text, 'charge'::text, 'checkout_session'::text, 'refund'::text])))) o
     JOIN payments.webhook_events e ON (((e.object_id = o.object_id) AND (e.environment = o.environment))))
  WHERE (e.provider = 'stripe'::text);
comment on view payments_private.customer_timeline is 'What happened with each customer, as the API lists it.';
grant select on payments_private.customer_timeline to payments_service;

create view payments_private.derived_transactions with (security_invoker=true) as
 WITH facts AS (
         SELECT o.environment,
            o.object_id,
            o.object_type,
            o.payment_id,
            o.version,
            o.state,
            o.status,
            o.amount,
            o.amount_refunded,
            o.amount_released,
            o.currency,
            o.customer_id,
            o.customer_email,
            o.description,
            o.subscription_id,
            o.product_id,
            o.price_id,
            o.subject_type,
            o.subject_id,
            o.subject_version,
            o.provider_created_at,
            o.succeeded_at,
            o.failed_at,
            o.completed_at,
            o.refunded_at,
            o.failure_seen_at,
            o.canceled_at,
            o.canceled_charge_id,
            o.failed_charge_ids,
            o.version_at,
            (o.version > 0) AS is_known,
            ((o.version > 0) AND (o.object_type <> ALL (ARRAY['refund'::text, 'dispute'::text]))) AS is_payment,
                CASE
                    WHEN ((o.version = 0) OR (o.object_type = ANY (ARRAY['refund'::text, 'dispute'::text]))) THEN NULL::text
                    WHEN (o.state = ANY (ARRAY['succeeded'::text, 'failed'::text])) THEN o.state
                    WHEN ((COALESCE(o.failed_at, o.failure_seen_at) IS NOT NULL) AND ((o.object_type <> 'payment_intent'::text) OR (o.state IS NULL))) THEN 'failed'::text
                    ELSE o.state
                END AS says
           FROM payments_private.payment_objects o
        ), ordered AS (
         SELECT f.environment,
            f.object_id,
            f.object_type,
            f.payment_id,
            f.version,
            f.state,
            f.status,
            f.amount,
            f.amount_refunded,
            f.amount_released,
            f.currency,
            f.customer_id,
            f.customer_email,
            f.description,
            f.subscription_id,
            f.product_id,
            f.price_id,
            f.subject_type,
            f.subject_id,
            f.subject_version,
            f.provider_created_at,
            f.succeeded_at,
            f.failed_at,
            f.completed_at,
            f.refunded_at,
            f.failure_seen_at,
            f.canceled_at,
            f.canceled_charge_id,
            f.failed_charge_ids,
            f.version_at,
            f.is_known,
            f.is_payment,
            f.says
           FROM facts f
          ORDER BY f.payment_id, f.environment, (f.object_type = ANY (ARRAY['refund'::text, 'dispute'::text])), (f.state = 'succeeded'::text) DESC NULLS LAST, (array_position(ARRAY['invoice'::text, 'payment_intent'::text, 'charge'::text, 'checkout_session'::text, 'invoice_payment'::text], f.object_type)),
                CASE
                    WHEN (f.state = 'succeeded'::text) THEN f.provider_created_at
                    ELSE NULL::timestamp with time zone
                END,
                CASE
                    WHEN (f.state = 'succeeded'::text) THEN f.object_id
                    ELSE NULL::text
                END, f.version DESC, f.object_id
        ), heard AS (
         SELECT o.payment_id AS id,
            o.environment,
            (array_agg(o.object_id) FILTER (WHERE (o.object_type = 'payment_intent'::text)))[1] AS payment_intent,
            (array_agg(o.object_id) FILTER (WHERE (o.object_type = 'invoice'::text)))[1] AS invoice,
            (array_agg(o.object_id) FILTER (WHERE (o.object_type = 'checkout_session'::text)))[1] AS checkout_session,
            COALESCE((array_agg(o.object_id) FILTER (WHERE ((o.object_type = 'charge'::text) AND (o.state IS DISTINCT FROM 'failed'::text))))[1], (array_agg(o.object_id) FILTER (WHERE (o.object_type = 'charge'::text)))[1]) AS charge,
            (array_agg(o.subscription_id) FILTER (WHERE (o.is_known AND (o.subscription_id IS NOT NULL))))[1] AS subscription,
            (array_agg(o.product_id) FILTER (WHERE (o.is_known AND (o.product_id IS NOT NULL))))[1] AS product,
            (array_agg(o.price_id) FILTER (WHERE (o.is_known AND (o.price_id IS NOT NULL))))[1] AS price,
            (array_agg(o.customer_id) FILTER (WHERE (o.is_known AND (o.customer_id IS NOT NULL))))[1] AS customer_id,
            (array_agg(o.customer_email) FILTER (WHERE (o.is_known AND (o.customer_email IS NOT NULL))))[1] AS customer_email,
            (array_agg(ROW(o.subject_type, o.subject_id)::payments.billing_subject) FILTER (WHERE (o.is_known AND (o.subject_type IS NOT NULL))))[1] AS subject,
            (array_agg(o.currency) FILTER (WHERE (o.is_payment AND (o.currency IS NOT NULL))))[1] AS currency,
            (array_agg(o.description) FILTER (WHERE (o.is_payment AND (o.description IS NOT NULL))))[1] AS description,
            COALESCE(max(o.amount) FILTER (WHERE ((o.says = 'succeeded'::text) AND (o.object_type = 'invoice'::text))), (GREATEST(sum(o.amount) FILTER (WHERE ((o.says = 'succeeded'::text) AND (o.object_type = 'payment_intent'::text))), sum(o.amount) FILTER (WHERE ((o.says = 'succeeded'::text) AND (o.object_type = 'invoice_payment'::text)))))::bigint, (array_agg(o.amount) FILTER (WHERE (o.is_payment AND (o.says IS NOT NULL) AND (o.amount IS NOT NULL))))[1]) AS amount,
            min(o.provider_created_at) FILTER (WHERE o.is_payment) AS provider_created_at,
            COALESCE(bool_or((o.says = 'succeeded'::text)), false) AS is_paid,
            min(o.succeeded_at) FILTER (WHERE ((o.says = 'succeeded'::text) AND (o.object_type = 'invoice'::text))) AS invoice_paid_at,
            min(o.succeeded_at) FILTER (WHERE ((o.says = 'succeeded'::text) AND (o.object_type <> 'invoice'::text))) AS paid_at,
            min(o.provider_created_at) FILTER (WHERE ((o.says = 'succeeded'::text) AND (o.object_type = 'charge'::text))) AS charge_paid_at,
            min(o.provider_created_at) FILTER (WHERE (o.says = 'succeeded'::text)) AS seen_paid_at,
            min(o.succeeded_at) FILTER (WHERE (o.object_type = 'payment_intent'::text)) AS captured_at,
            max(o.failed_at) FILTER (WHERE (o.says = 'failed'::text)) AS failed_at,
            max(o.provider_created_at) FILTER (WHERE (o.is_known AND (o.object_type = 'charge'::text) AND (o.status = 'failed'::text))) AS charge_failed_at,
            min(o.failure_seen_at) FILTER (WHERE (o.says = 'failed'::text)) AS seen_failed_at,
            max(o.canceled_at) FILTER (WHERE ((o.canceled_charge_id IS NOT NULL) AND ((o.canceled_charge_id = ANY (o.failed_charge_ids)) IS NOT TRUE))) AS released_at,
            max(o.canceled_charge_id) AS canceled_charge,
            array_agg(o.object_id) FILTER (WHERE (o.is_known AND (o.object_type = 'charge'::text) AND (o.status = 'failed'::text))) AS declined_charges,
            max(
                CASE
                    WHEN ((o.object_type = 'payment_intent'::text) AND (o.status = ANY (ARRAY['requires_payment_method'::text, 'canceled'::text]))) THEN o.version_at
                    WHEN (o.object_type = 'charge'::text) THEN COALESCE(o.failed_at, o.provider_created_at)
                    ELSE COALESCE(o.failed_at,
                    CASE
                        WHEN (o.state = 'failed'::text) THEN o.version_at
                        ELSE o.failure_seen_at
                    END)
                END) FILTER (WHERE (o.says = 'failed'::text)) AS failing_at,
            max(
                CASE
                    WHEN (o.object_type = 'checkout_session'::text) THEN o.failed_at
                    ELSE o.canceled_at
                END) FILTER (WHERE (o.says = 'failed'::text)) AS ended_at,
            max(o.provider_created_at) FILTER (WHERE ((o.says = 'pending'::text) AND (o.object_type = 'charge'::text))) AS charge_pending_at,
            max(
                CASE
                    WHEN (o.object_type = 'payment_intent'::text) THEN o.version_at
                    ELSE COALESCE(o.completed_at, o.provider_created_at)
                END) FILTER (WHERE ((o.says = 'pending'::text) AND (o.object_type <> 'charge'::text))) AS pending_at,
            (COALESCE(sum(o.amount_refunded) FILTER (WHERE (o.is_payment AND (o.object_type = 'charge'::text))), (0)::numeric))::bigint AS charge_refunded,
            max(o.version_at) FILTER (WHERE (o.is_payment AND (o.object_type = 'charge'::text))) AS charge_at,
            max(o.refunded_at) FILTER (WHERE (o.is_payment AND (o.object_type = 'charge'::text))) AS charge_refunded_at,
            max(o.amount_released) FILTER (WHERE o.is_payment) AS amount_released,
            (sum(o.amount) FILTER (WHERE (o.is_known AND (o.object_type = 'refund'::text))))::bigint AS refunds,
            (sum(o.amount) FILTER (WHERE (o.is_known AND (o.object_type = 'refund'::text) AND (o.state <> 'failed'::text))))::bigint AS refunds_valid,
            max(COALESCE(o.succeeded_at, o.provider_created_at)) FILTER (WHERE (o.is_known AND (o.object_type = 'refund'::text) AND (o.state <> 'failed'::text))) AS refunded_at,
            bool_or((o.is_known AND (o.object_type = 'dispute'::text))) AS is_disputed
           FROM ordered o
          GROUP BY o.payment_id, o.environment
        ), refunded AS (
         SELECT h.id,
            h.environment,
            h.payment_intent,
            h.invoice,
            h.checkout_session,
            h.charge,
            h.subscription,
            h.product,
            h.price,
            h.customer_id,
            h.customer_email,
            h.subject,
            h.currency,
            h.description,
            h.amount,
            h.provider_created_at,
            h.is_paid,
            h.invoice_paid_at,
            h.paid_at,
            h.charge_paid_at,
            h.seen_paid_at,
            h.captured_at,
            h.failed_at,
            h.charge_failed_at,
            h.seen_failed_at,
            h.released_at,
            h.canceled_charge,
            h.declined_charges,
            h.failing_at,
            h.ended_at,
            h.charge_pending_at,
            h.pending_at,
            h.charge_refunded,
            h.charge_at,
            h.charge_refunded_at,
            h.amount_released,
            h.refunds,
            h.refunds_valid,
            h.refunded_at,
            h.is_disputed,
            release.object_id AS released_refund_id,
                CASE
                    WHEN (NOT h.is_paid) THEN (0)::bigint
                    WHEN (((COALESCE(h.refunds, (0)::bigint))::numeric - failed.before) >= (h.charge_refunded)::numeric) THEN LEAST((COALESCE(h.refunds_valid, (0)::bigint) - COALESCE(release.amount, (0)::bigint)), h.amount)
                    ELSE LEAST((GREATEST((((h.charge_refunded)::numeric - failed.later) - (COALESCE(h.amount_released, (0)::bigint))::numeric), (0)::numeric))::bigint, h.amount)
                END AS amount_refunded
           FROM ((heard h
             CROSS JOIN LATERAL ( SELECT COALESCE(sum(r.amount) FILTER (WHERE (COALESCE(r.failed_at, r.version_at) < h.charge_at)), (0)::numeric) AS before,
                    COALESCE(sum(r.amount) FILTER (WHERE (COALESCE(r.failed_at, r.version_at) > h.charge_at)), (0)::numeric) AS later
                   FROM payments_private.payment_objects r
                  WHERE ((h.refunds > COALESCE(h.refunds_valid, (0)::bigint)) AND (r.payment_id = h.id) AND (r.object_type = 'refund'::text) AND (r.state = 'failed'::text) AND (r.version > 0))) failed)
             LEFT JOIN LATERAL ( SELECT r.object_id,
                    r.amount
                   FROM payments_private.payment_objects r
                  WHERE ((h.amount_released > 0) AND
                        CASE
                            WHEN (h.captured_at IS NULL) THEN (((h.refunds)::numeric - failed.before) >= (h.charge_refunded)::numeric)
                            ELSE (r.provider_created_at <= (h.captured_at + '00:00:10'::interval))
                        END AND (r.payment_id = h.id) AND (r.object_type = 'refund'::text) AND (r.amount = h.amount_released) AND (r.state <> 'failed'::text) AND (r.version > 0))
                  ORDER BY r.provider_created_at, r.object_id
                 LIMIT 1) release ON (true))
        ), decided AS (
         SELECT r.id,
            r.environment,
            r.payment_intent,
            r.invoice,
            r.checkout_session,
            r.charge,
            r.subscription,
            r.product,
            r.price,
            r.customer_id,
            r.customer_email,
            r.subject,
            r.currency,
            r.description,
            r.amount,
            r.provider_created_at,
            r.is_paid,
            r.invoice_paid_at,
            r.paid_at,
            r.charge_paid_at,
            r.seen_paid_at,
            r.captured_at,
            r.failed_at,
            r.charge_failed_at,
            r.seen_failed_at,
            r.released_at,
            r.canceled_charge,
            r.declined_charges,
            r.failing_at,
            r.ended_at,
            r.charge_pending_at,
            r.pending_at,
            r.charge_refunded,
            r.charge_at,
            r.charge_refunded_at,
            r.amount_released,
            r.refunds,
            r.refunds_valid,
            r.refunded_at,
            r.is_disputed,
            r.released_refund_id,
            r.amount_refunded,
                CASE
                    WHEN (r.is_paid AND (r.amount_refunded = 0)) THEN 'succeeded'::text
                    WHEN (r.is_paid AND (r.amount_refunded < r.amount)) THEN 'partially_refunded'::text
                    WHEN r.is_paid THEN 'refunded'::text
                    WHEN (r.ended_at >= GREATEST(r.charge_pending_at, r.pending_at)) THEN 'failed'::text
                    WHEN ((r.failing_at >= COALESCE(r.charge_pending_at, '-infinity'::timestamp with time zone)) AND (r.failing_at > COALESCE(r.pending_at, '-infinity'::timestamp with time zone))) THEN 'failed'::text
                    WHEN (COALESCE(r.pending_at, r.charge_pending_at) IS NOT NULL) THEN 'pending'::text
                    ELSE NULL::text
                END AS status
           FROM refunded r
        )
 SELECT d.id,
    d.environment,
        CASE
            WHEN (d.status = 'failed'::text) THEN 'failed_payment'::text
            WHEN (d.subscription IS NOT NULL) THEN 'subscription_invoice'::text
            ELSE 'one_time_payment'::text
        END AS type,
    d.status,
    COALESCE(assigned.subject_type, (d.subject).type, subscriber.subject_type, owner.subject_type) AS subject_type,
        CASE
            WHEN (assigned.subject_type IS NOT NULL) THEN assigned.subject_id
            WHEN ((d.subject).type IS NOT NULL) THEN (d.subject).id
            WHEN (subscriber.subject_type IS NOT NULL) THEN subscriber.subject_id
            ELSE owner.subject_id
        END AS subject_id,
    d.customer_id AS provider_customer_id,
    d.customer_email AS customer_email_snapshot,
        CASE
            WHEN (d.payment_intent IS NOT NULL) THEN 'payment_intent'::text
            WHEN (d.invoice IS NOT NULL) THEN 'invoice'::text
            WHEN (d.checkout_session IS NOT NULL) THEN 'checkout_session'::text
            WHEN (d.charge IS NOT NULL) THEN 'charge'::text
            ELSE NULL::text
        END AS provider_object_type,
    COALESCE(d.payment_intent, d.invoice, d.checkout_session, d.charge) AS provider_object_id,
    jsonb_strip_nulls(jsonb_build_object('payment_intent', d.payment_intent, 'invoice', d.invoice, 'checkout_session', d.checkout_session, 'charge', d.charge, 'subscription', d.subscription, 'product', d.product, 'price', d.price)) AS related_object_ids,
    d.amount,
    d.amount_refunded,
    d.currency,
    d.description,
        CASE
            WHEN d.is_paid THEN COALESCE(d.invoice_paid_at, d.paid_at, d.charge_paid_at, d.seen_paid_at)
            ELSE NULL::timestamp with time zone
        END AS paid_at,
        CASE
            WHEN (d.status = 'failed'::text) THEN COALESCE(GREATEST(d.failed_at, d.charge_failed_at,
            CASE
                WHEN ((d.canceled_charge = ANY (d.declined_charges)) IS NOT TRUE) THEN d.released_at
                ELSE NULL::timestamp with time zone
            END), d.seen_failed_at, d.failing_at)
            ELSE NULL::timestamp with time zone
        END AS failed_at,
        CASE
            WHEN (d.amount_refunded > 0) THEN COALESCE(d.refunded_at, d.charge_refunded_at)
            ELSE NULL::timestamp with time zone
        END AS refunded_at,
    d.provider_created_at,
    dispute.provider_created_at AS disputed_at,
    dispute.amount AS dispute_amount,
    dispute.status AS dispute_status,
    (d.refunds IS NOT NULL) AS is_refunded,
    d.released_refund_id,
    COALESCE(lost.amount, (0)::bigint) AS amount_disputed,
    details.receipt_url,
    details.card_brand,
    details.card_last4
   FROM ((((((decided d
     LEFT JOIN LATERAL ( SELECT x.subject_type,
            x.subject_id
           FROM ( SELECT s.subject_type,
                    s.subject_id,
                    1 AS rank
                   FROM payments.stripe_subscriptions s
                  WHERE ((s.subscription_id = d.subscription) AND (s.environment = d.environment) AND (s.subject_version = 0))
                UNION ALL
                 SELECT a.subject_type,
                    a.subject_id,
                        CASE a.object_type
                            WHEN 'subscription'::text THEN 2
                            ELSE 3
                        END AS "case"
                   FROM payments_private.subject_assignments a
                  WHERE ((a.object_id = ANY (ARRAY[d.subscription, d.customer_id])) AND (a.environment = d.environment) AND ((a.object_type = 'subscription'::text) OR COALESCE((d.provider_created_at < a.assigned_at), true)))) x
          ORDER BY x.rank
         LIMIT 1) assigned ON (true))
     LEFT JOIN LATERAL ( SELECT s.subject_type,
            s.subject_id
           FROM payments.stripe_subscriptions s
          WHERE (((d.subject).type IS NULL) AND (s.subscription_id = d.subscription) AND (s.environment = d.environment))) subscriber ON (true))
     LEFT JOIN LATERAL ( SELECT c.subject_type,
            c.subject_id
           FROM payments_private.customer_owners c
          WHERE (((d.subject).type IS NULL) AND (subscriber.subject_type IS NULL) AND (c.customer_id = d.customer_id) AND (c.environment = d.environment))
          ORDER BY c.named_at, c.named_by, c.subject_type, c.subject_id
         LIMIT 1) owner ON (true))
     LEFT JOIN LATERAL ( SELECT o.provider_created_at,
            o.amount,
            o.status
           FROM payments_private.payment_objects o
          WHERE (d.is_disputed AND (o.payment_id = d.id) AND (o.object_type = 'dispute'::text) AND (o.version > 0))
          ORDER BY o.provider_created_at DESC, (o.state = 'succeeded'::text) DESC NULLS LAST, o.version DESC, o.object_id
         LIMIT 1) dispute ON (true))
     LEFT JOIN LATERAL ( SELECT (LEAST(COALESCE(sum(
                CASE
                    WHEN (o.currency <> d.currency) THEN d.amount
                    ELSE o.amount
                END), (0)::numeric), (d.amount)::numeric))::bigint AS amount
           FROM payments_private.payment_objects o
          WHERE (d.is_disputed AND d.is_paid AND (o.payment_id = d.id) AND (o.object_type = 'dispute'::text) AND (o.status = 'lost'::text) AND (o.version > 0))) lost ON (true))
     LEFT JOIN payments_private.charge_details details ON (((details.charge_id = d.charge) AND (details.environment = d.environment))));
comment on view payments_private.derived_transactions is 'What payments.transactions must say of each payment: a pure function of payments_private.payment_objects.';

create table payments_private.erased_objects (
  environment text not null,
  object_id text not null,
  subject_type text not null,
  subject_id text not null,
  erased_at timestamp with time zone not null default clock_timestamp(),
  constraint erased_objects_pkey PRIMARY KEY (object_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
alter table payments_private.erased_objects enable row level security;
comment on table payments_private.erased_objects is 'Stripe objects of billing subjects whose personal data payments.erase_subject removed. What arrives later about them is redacted before it is stored.';
comment on column payments_private.erased_objects.environment is 'test or live.';
comment on column payments_private.erased_objects.object_id is 'Stripe id of a customer, a payment method or an object of a payment, or the id of a checkout that was begun here.';
comment on column payments_private.erased_objects.subject_type is 'Kind of the billing subject.';
comment on column payments_private.erased_objects.subject_id is 'Id of the billing subject in the app.';
comment on column payments_private.erased_objects.erased_at is 'When its personal data was removed first.';

create view payments_private.invoice_list with (security_invoker=true) as
 SELECT id,
    environment,
    invoice_id,
    number,
    status,
    customer_id,
    subject_type,
    subject_id,
    subscription_id,
    billing_reason,
    collection_method,
    currency,
    subtotal,
    tax,
    total,
    amount_due,
    amount_paid,
    amount_remaining,
    description,
    hosted_invoice_url,
    invoice_pdf,
    period_start,
    period_end,
    due_at,
    finalized_at,
    paid_at,
    voided_at,
    provider_created_at,
    deleted,
    metadata,
    synced_at,
    created_at,
    updated_at
   FROM payments.stripe_invoices i;
comment on view payments_private.invoice_list is 'Invoices as the API lists them.';
grant select on payments_private.invoice_list to payments_service;

create view payments_private.offer_list with (security_invoker=true) as
 SELECT environment,
    offer_id,
    price_id,
    lookup_key,
    product_id,
    mode,
    minimum_quantity,
    maximum_quantity,
    to_jsonb(roles) AS roles,
    to_jsonb(subject_types) AS subject_types,
    starts_at,
    ends_at,
    to_jsonb(allowed_options) AS allowed_options,
    forced_options,
    allow_pay_what_you_want,
    allow_price_data,
    currency,
    minimum_amount,
    maximum_amount,
    product_group,
    one_plan,
    trial_once,
    active,
    managed_by,
    created_at,
    updated_at
   FROM payments.offers o;
comment on view payments_private.offer_list is 'Offers as the API lists them.';
grant select on payments_private.offer_list to payments_service;

create table payments_private.payment_objects (
  environment text not null,
  object_id text not null,
  object_type text not null,
  payment_id uuid not null,
  version bigint not null default 0,
  state text,
  status text,
  amount bigint,
  amount_refunded bigint,
  amount_released bigint,
  currency text,
  customer_id text,
  customer_email text,
  description text,
  subscription_id text,
  product_id text,
  price_id text,
  subject_type text,
  subject_id text,
  subject_version bigint,
  provider_created_at timestamp with time zone,
  succeeded_at timestamp with time zone,
  failed_at timestamp with time zone,
  completed_at timestamp with time zone,
  refunded_at timestamp with time zone,
  failure_seen_at timestamp with time zone,
  canceled_at timestamp with time zone,
  canceled_charge_id text,
  failed_charge_ids text[],
  version_at timestamp with time zone generated always as (to_timestamp((((version & (((1)::bigint << 50) - 1)) >> 3))::double precision)) stored,
  constraint payment_objects_pkey PRIMARY KEY (object_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint object_type_is_known CHECK ((object_type = ANY (ARRAY['payment_intent'::text, 'charge'::text, 'invoice'::text, 'order_reference'::text, 'invoice_payment'::text, 'checkout_session'::text, 'refund'::text, 'dispute'::text]))),
  constraint state_is_known CHECK ((state = ANY (ARRAY['succeeded'::text, 'pending'::text, 'failed'::text])))
) with (fillfactor=85);
alter table payments_private.payment_objects enable row level security;
comment on table payments_private.payment_objects is 'The newest snapshot of each Stripe object that a payment consists of, in the columns that matter. A row with version 0 was only linked to by another object so far.';
comment on column payments_private.payment_objects.environment is 'test or live.';
comment on column payments_private.payment_objects.object_id is 'Stripe id.';
comment on column payments_private.payment_objects.object_type is 'Kind of object.';
comment on column payments_private.payment_objects.payment_id is 'The payment that the object belongs to: its payments.transactions.id.';
comment on column payments_private.payment_objects.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';
comment on column payments_private.payment_objects.state is 'What the snapshot says of the money: succeeded, pending or failed; null if it says nothing.';
comment on column payments_private.payment_objects.status is 'Stripe''s own status of the object.';
comment on column payments_private.payment_objects.amount is 'In the minor unit.';
comment on column payments_private.payment_objects.amount_refunded is 'Of a charge, in the minor unit; includes amount_released.';
comment on column payments_private.payment_objects.amount_released is 'What was authorized and will not be captured, in the minor unit. Stripe records it as the first refund of the charge, and no money moved. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method';
comment on column payments_private.payment_objects.currency is 'Three-letter ISO 4217 code, lower case.';
comment on column payments_private.payment_objects.customer_id is 'Stripe customer (cus_…).';
comment on column payments_private.payment_objects.customer_email is 'E-mail address that the object carries.';
comment on column payments_private.payment_objects.description is 'Stripe''s description.';
comment on column payments_private.payment_objects.subscription_id is 'Subscription (sub_…) that an invoice or a session belongs to.';
comment on column payments_private.payment_objects.product_id is 'Product of the invoice line that is bought.';
comment on column payments_private.payment_objects.price_id is 'Price of the invoice line that is bought.';
comment on column payments_private.payment_objects.subject_type is 'Kind of billing subject that the metadata names.';
comment on column payments_private.payment_objects.subject_id is 'Id of that billing subject.';
comment on column payments_private.payment_objects.subject_version is 'Version of the earliest snapshot that named a billing subject.';
comment on column payments_private.payment_objects.provider_created_at is 'When Stripe created the object.';
comment on column payments_private.payment_objects.succeeded_at is 'Earliest success that any snapshot reported.';
comment on column payments_private.payment_objects.failed_at is 'Latest failure that any snapshot reported; of a refund the earliest.';
comment on column payments_private.payment_objects.completed_at is 'When a Checkout Session was completed.';
comment on column payments_private.payment_objects.refunded_at is 'Latest refund of a charge that any snapshot reported.';
comment on column payments_private.payment_objects.failure_seen_at is 'Earliest snapshot that says failed without saying when.';
comment on column payments_private.payment_objects.canceled_at is 'When a PaymentIntent was canceled.';
comment on column payments_private.payment_objects.canceled_charge_id is 'Charge that a canceled PaymentIntent names without an error. It held money, unless it was declined.';
comment on column payments_private.payment_objects.failed_charge_ids is 'Charges that any snapshot of a PaymentIntent called declined, sorted.';
comment on column payments_private.payment_objects.version_at is 'The second at which the snapshot was true: bits 3 to 49 of version.';
CREATE INDEX payment_objects_order_reference_idx ON payments_private.payment_objects USING btree ("left"(object_id, 25)) WHERE (object_type = 'invoice'::text);
CREATE INDEX payment_objects_payment_id_idx ON payments_private.payment_objects USING btree (payment_id);
CREATE INDEX payment_objects_subscription_id_idx ON payments_private.payment_objects USING btree (subscription_id, environment) WHERE (subscription_id IS NOT NULL);

create view payments_private.portal_session_list with (security_invoker=true) as
 SELECT id,
    environment,
    status,
    subject_type,
    subject_id,
    customer_id,
    return_url,
    configuration_id AS configuration,
    last_error,
    created_at,
    updated_at,
    options
   FROM payments.stripe_customer_portal_sessions p;
comment on view payments_private.portal_session_list is 'Billing Portal sessions as the API lists them.';
grant select on payments_private.portal_session_list to payments_service;

create view payments_private.price_list with (security_invoker=true) as
 SELECT environment,
    price_id,
    product_id,
    active,
    currency,
    unit_amount,
    unit_amount_decimal,
    type,
    lookup_key,
    billing_scheme,
    tax_behavior,
    recurring_interval,
    recurring_interval_count,
    metadata,
    synced_at,
    recurring_usage_type,
    pay_what_you_want,
    custom_unit_amount_minimum,
    custom_unit_amount_maximum,
    custom_unit_amount_preset,
    payments_private.catalog_revision(to_jsonb(p.*)) AS revision
   FROM payments.stripe_prices p
  WHERE (NOT deleted);
comment on view payments_private.price_list is 'Prices as the API lists them; deleted ones are left out.';
grant select on payments_private.price_list to payments_service;

create view payments_private.product_list with (security_invoker=true) as
 SELECT environment,
    product_id,
    name,
    description,
    active,
    default_price_id,
    metadata,
    synced_at,
    payments_private.catalog_revision(to_jsonb(p.*)) AS revision
   FROM payments.stripe_products p
  WHERE (NOT deleted);
comment on view payments_private.product_list is 'Products as the API lists them; deleted ones are left out.';
grant select on payments_private.product_list to payments_service;

create table payments_private.rate_counters (
  name text not null,
  counted_from timestamp with time zone not null,
  count integer not null,
  constraint rate_counters_pkey PRIMARY KEY (name),
  constraint count_is_positive CHECK ((count > 0))
);
alter table payments_private.rate_counters enable row level security;
comment on table payments_private.rate_counters is 'What is limited in each minute, one row for each counter.';
comment on column payments_private.rate_counters.name is 'What is counted, for example guest checkouts of test.';
comment on column payments_private.rate_counters.counted_from is 'The minute that is counted.';
comment on column payments_private.rate_counters.count is 'How many there were in that minute.';

create table payments_private.refused_signatures (
  environment text not null,
  reason text not null,
  refused bigint not null,
  first_refused_at timestamp with time zone not null default now(),
  last_refused_at timestamp with time zone not null default now(),
  constraint refused_signatures_pkey PRIMARY KEY (environment, reason),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint reason_is_known CHECK ((reason = ANY (ARRAY['wrong'::text, 'too_old'::text]))),
  constraint refused_is_positive CHECK ((refused > 0))
);
alter table payments_private.refused_signatures enable row level security;
comment on table payments_private.refused_signatures is 'Deliveries that the handlers refused for their signature since the last one that they accepted. At most one row for each environment and reason.';
comment on column payments_private.refused_signatures.environment is 'test or live.';
comment on column payments_private.refused_signatures.reason is 'wrong: no signing secret in use made the signature. too_old: one did, and the signature was older than allowed.';
comment on column payments_private.refused_signatures.refused is 'How many were refused; those of one process within a few seconds may be missing.';
comment on column payments_private.refused_signatures.first_refused_at is 'When the first of them arrived.';
comment on column payments_private.refused_signatures.last_refused_at is 'When the last of them arrived.';
create policy service_select on payments_private.refused_signatures for select to payments_service using (true);
grant select on payments_private.refused_signatures to payments_service;

create view payments_private.secret_list with (security_invoker=true) as
 SELECT environment,
    kind,
    masked AS masked_key,
    endpoint_id,
    key_id,
    created_at,
    expires_at
   FROM payments_private.secrets s;
comment on view payments_private.secret_list is 'Stored secrets as the API shows them: never a value.';
grant select on payments_private.secret_list to payments_service;

create table payments_private.secrets (
  id uuid not null default gen_random_uuid(),
  environment text not null,
  kind text not null,
  key_id text not null,
  ciphertext text not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone,
  masked text,
  endpoint_id text,
  constraint secrets_pkey PRIMARY KEY (id),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint kind_is_known CHECK ((kind = ANY (ARRAY['secret_key'::text, 'webhook_secret'::text])))
);
alter table payments_private.secrets enable row level security;
comment on table payments_private.secrets is 'Stripe keys and webhook signing secrets, encrypted before they reach Postgres (AES-256-GCM). Several signing secrets are valid at once while one replaces another.';
comment on column payments_private.secrets.id is 'Local id.';
comment on column payments_private.secrets.environment is 'test or live.';
comment on column payments_private.secrets.kind is 'secret_key or webhook_secret.';
comment on column payments_private.secrets.key_id is 'Id of the encryption key that decrypts it.';
comment on column payments_private.secrets.ciphertext is 'Nonce and encrypted value, base64.';
comment on column payments_private.secrets.created_at is 'When it was stored.';
comment on column payments_private.secrets.expires_at is 'When it stops being used; null while it is current.';
comment on column payments_private.secrets.masked is 'Of a secret key: its beginning and its last four characters, the only part that is ever shown.';
comment on column payments_private.secrets.endpoint_id is 'Of a signing secret: the webhook endpoint (we_…) that signs with it.';
CREATE UNIQUE INDEX secrets_endpoint_id_key ON payments_private.secrets USING btree (endpoint_id, environment) WHERE (endpoint_id IS NOT NULL);
CREATE INDEX secrets_environment_kind_idx ON payments_private.secrets USING btree (environment, kind, created_at);
create policy service_select on payments_private.secrets for select to payments_service using (true);
grant select on payments_private.secrets to payments_service;

create table payments_private.subject_assignments (
  environment text not null,
  object_type text not null,
  object_id text not null,
  subject_type text not null,
  subject_id text not null,
  assigned_at timestamp with time zone not null default clock_timestamp(),
  constraint subject_assignments_pkey PRIMARY KEY (object_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text]))),
  constraint object_type_is_known CHECK ((object_type = ANY (ARRAY['customer'::text, 'subscription'::text])))
);
alter table payments_private.subject_assignments enable row level security;
comment on table payments_private.subject_assignments is 'Owners that somebody assigned here with payments.assign_subject: facts of ours, which no event changes and from which a rebuild begins.';
comment on column payments_private.subject_assignments.environment is 'test or live.';
comment on column payments_private.subject_assignments.object_type is 'customer or subscription.';
comment on column payments_private.subject_assignments.object_id is 'Stripe id (cus_… or sub_…).';
comment on column payments_private.subject_assignments.subject_type is 'Kind of billing subject that it belongs to.';
comment on column payments_private.subject_assignments.subject_id is 'Id of that billing subject in the app.';
comment on column payments_private.subject_assignments.assigned_at is 'When it was assigned. Of a customer, what Stripe made before it belongs to the subject, whatever its metadata names.';

create view payments_private.subscription_item_list with (security_invoker=true) as
 SELECT environment,
    subscription_item_id,
    subscription_id,
    product_id,
    price_id,
    quantity,
    metadata,
    created_at,
    updated_at,
    current_period_start,
    current_period_end
   FROM payments.stripe_subscription_items i;
comment on view payments_private.subscription_item_list is 'Items of subscriptions as the API shows them.';
grant select on payments_private.subscription_item_list to payments_service;

create view payments_private.subscription_list with (security_invoker=true) as
 SELECT s.id,
    s.environment,
    s.subscription_id,
    s.customer_id,
    s.subject_type,
    s.subject_id,
    s.status,
    s.current_period_start,
    s.current_period_end,
    s.cancel_at_period_end,
    s.cancel_at,
    s.canceled_at,
    s.trial_start,
    s.trial_end,
    s.latest_invoice_id,
    s.metadata,
    s.synced_at,
    s.created_at,
    s.updated_at,
    ( SELECT COALESCE(jsonb_agg(to_jsonb(i.*) ORDER BY i.subscription_item_id), '[]'::jsonb) AS "coalesce"
           FROM payments_private.subscription_item_list i
          WHERE ((i.subscription_id = s.subscription_id) AND (i.environment = s.environment))) AS items,
    s.pause_collection_behavior,
    s.pause_collection_resumes_at,
    verdict.access,
    verdict.reason AS access_reason,
    s.schedule_id,
    s.next_phase_at,
    s.next_phase_items,
    s.pending_update,
    s.pending_update_expires_at
   FROM (payments.stripe_subscriptions s
     CROSS JOIN LATERAL payments_private.subscription_access(s.*) verdict(access, reason));
comment on view payments_private.subscription_list is 'Subscriptions with their items, as the API lists them.';
grant select on payments_private.subscription_list to payments_service;

create table payments_private.subscription_schedules (
  environment text not null,
  schedule_id text not null,
  status text not null,
  next_phase_at timestamp with time zone,
  next_phase_items jsonb,
  version bigint not null,
  constraint subscription_schedules_pkey PRIMARY KEY (schedule_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
alter table payments_private.subscription_schedules enable row level security;
comment on table payments_private.subscription_schedules is 'The next phase of each subscription schedule (https://docs.stripe.com/api/subscription_schedules), for the columns of payments.stripe_subscriptions.';
comment on column payments_private.subscription_schedules.environment is 'test or live.';
comment on column payments_private.subscription_schedules.schedule_id is 'Stripe id (sub_sched_…).';
comment on column payments_private.subscription_schedules.status is 'Stripe''s status: not_started, active, completed, released or canceled.';
comment on column payments_private.subscription_schedules.next_phase_at is 'When the next phase begins; null if none follows.';
comment on column payments_private.subscription_schedules.next_phase_items is 'Prices and quantities of that phase.';
comment on column payments_private.subscription_schedules.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';

create view payments_private.sync_run_list with (security_invoker=true) as
 SELECT id,
    environment,
    status,
    to_jsonb(kinds) AS kinds,
    created_from,
    created_before,
    progress,
    drift,
    error,
    attempt,
    started_at,
    heartbeat_at,
    finished_at
   FROM payments.sync_runs r;
comment on view payments_private.sync_run_list is 'Syncs as the API lists them.';
grant select on payments_private.sync_run_list to payments_service;

create view payments_private.synced_subscriptions with (security_invoker=true) as
 SELECT id,
    environment,
    COALESCE((((progress -> 'subscriptions'::text) ->> 'seen'::text))::bigint, (0)::bigint) AS synced,
    ( SELECT count(*) AS count
           FROM payments.stripe_subscriptions s
          WHERE ((s.environment = r.environment) AND (s.subject_type IS NULL))) AS unmapped,
    COALESCE((((progress -> 'subscriptions'::text) ->> 'deleted'::text))::bigint, (0)::bigint) AS deleted
   FROM payments.sync_runs r
  WHERE (progress ? 'subscriptions'::text);
comment on view payments_private.synced_subscriptions is 'What each sync did to subscriptions, as the API shows it.';
grant select on payments_private.synced_subscriptions to payments_service;

create view payments_private.transaction_list with (security_invoker=true) as
 SELECT id,
    environment,
    provider,
    type,
    status,
    subject_type,
    subject_id,
    provider_customer_id,
    customer_email_snapshot,
    provider_object_id AS provider_reference_id,
    provider_object_type AS provider_reference_type,
    amount,
    amount_refunded,
    currency,
    description,
    paid_at,
    failed_at,
    refunded_at,
    provider_created_at,
    created_at,
    updated_at,
    related_object_ids,
    amount_disputed,
    dispute_status,
    disputed_at,
    dispute_amount,
    receipt_url,
    card_brand,
    card_last4
   FROM payments.transactions t
  WHERE (provider = 'stripe'::text);
comment on view payments_private.transaction_list is 'Payments and refunds as the API lists them.';
grant select on payments_private.transaction_list to payments_service;

create table payments_private.unowned_objects (
  environment text not null,
  object_id text not null,
  constraint unowned_objects_pkey PRIMARY KEY (object_id, environment),
  constraint environment_is_test_or_live CHECK ((environment = ANY (ARRAY['test'::text, 'live'::text])))
);
alter table payments_private.unowned_objects enable row level security;
comment on table payments_private.unowned_objects is 'Customers with a transaction, an invoice, a credit note or a subscription that belongs, or belonged, to no billing subject. Once somebody names their owner, such rows move to it. A customer that is not here has none, so that a short path need not search for any. A row that no longer applies costs time and nothing else.';
comment on column payments_private.unowned_objects.environment is 'test or live.';
comment on column payments_private.unowned_objects.object_id is 'Stripe customer (cus_…), or the subscription (sub_…) of a row that names no customer.';

create view payments_private.webhook_event_list with (security_invoker=true) as
 SELECT id,
    environment,
    provider_event_id AS event_id,
    event_type,
    livemode,
    provider_account_id AS account_id,
    object_type,
    object_id,
    processing_status,
    attempt_count,
    last_error,
    received_at,
    processed_at,
    created_at,
    updated_at,
    payload,
    provider_created_at,
    next_attempt_at,
    ((processing_status = 'failed'::text) AND (next_attempt_at IS NULL)) AS is_dead_lettered
   FROM payments.webhook_events e
  WHERE (provider = 'stripe'::text);
comment on view payments_private.webhook_event_list is 'Events of the ledger as the API lists them.';
grant select on payments_private.webhook_event_list to payments_service;

create function payments.assign_subject(environment text, customer_id text, subscription_id text, subject_type text, subject_id text, replace boolean DEFAULT false)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.assign_subject(environment text, customer_id text, subscription_id text, subject_type text, subject_id text, replace boolean) is 'Assigns a customer or a subscription, with its payments and invoices, to a billing subject. The assignment wins over metadata and survives a rebuild. Errors: SP001, SP060 unknown id, SP061 it belongs to another subject.';
grant execute on function payments.assign_subject(environment text, customer_id text, subscription_id text, subject_type text, subject_id text, replace boolean) to payments_service;

create function payments.begin_checkout_session(environment text, caller jsonb, mode text, line_items jsonb, success_url text, cancel_url text, subject_type text DEFAULT NULL::text, subject_id text DEFAULT NULL::text, customer_email text DEFAULT NULL::text, metadata jsonb DEFAULT '{}'::jsonb, idempotency_key text DEFAULT NULL::text, options jsonb DEFAULT '{}'::jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.begin_checkout_session(environment text, caller jsonb, mode text, line_items jsonb, success_url text, cancel_url text, subject_type text, subject_id text, customer_email text, metadata jsonb, idempotency_key text, options jsonb) is 'Begins a Checkout Session as the caller, whose policies decide. Returns {action, session, attempt, idempotency_key, params, checkout_session_id, expire}; action is send, return or fetch. Errors: SP001 invalid, SP050 parts that exclude each other, SP002 idempotency key in use, SP007 role, 42501 refused by a policy, SP053, SP055, SP057 and SP058 not offered, SP056 lookup key, SP059 a second plan, SP064 and SP065 times, SP075 and SP080 prices that do not fit.';
grant execute on function payments.begin_checkout_session(environment text, caller jsonb, mode text, line_items jsonb, success_url text, cancel_url text, subject_type text, subject_id text, customer_email text, metadata jsonb, idempotency_key text, options jsonb) to payments_service;

create function payments.begin_confirmation(environment text, caller jsonb, id text, per_minute integer)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.begin_confirmation(environment text, caller jsonb, id text, per_minute integer) is 'Begins to confirm a Checkout Session as the caller. Returns {action, session, fulfilled, checkout_session_id}; action is return, or ask if Stripe may list events that the ledger lacks. per_minute limits anonymous callers; 0 is no limit. Errors: SP001, SP006 no such row for this caller, SP007 role.';
grant execute on function payments.begin_confirmation(environment text, caller jsonb, id text, per_minute integer) to payments_service;

create function payments.begin_customer_portal_session(environment text, caller jsonb, subject_type text, subject_id text, return_url text DEFAULT NULL::text, configuration text DEFAULT NULL::text, options jsonb DEFAULT '{}'::jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.begin_customer_portal_session(environment text, caller jsonb, subject_type text, subject_id text, return_url text, configuration text, options jsonb) is 'Begins a Billing Portal session as the caller, whose policies decide. Returns {session, params, idempotency_key}. Errors: SP001 invalid, SP003 no customer, SP004 anonymous, SP051 no such subscription, SP052 several, SP007 role, 42501 refused by a policy.';
grant execute on function payments.begin_customer_portal_session(environment text, caller jsonb, subject_type text, subject_id text, return_url text, configuration text, options jsonb) to payments_service;

create function payments.begin_guest_checkout_session(environment text, caller jsonb, mode text, line_items jsonb, success_url text, cancel_url text, per_minute integer, subject_type text DEFAULT NULL::text, subject_id text DEFAULT NULL::text, customer_email text DEFAULT NULL::text, metadata jsonb DEFAULT '{}'::jsonb, idempotency_key text DEFAULT NULL::text, options jsonb DEFAULT '{}'::jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.begin_guest_checkout_session(environment text, caller jsonb, mode text, line_items jsonb, success_url text, cancel_url text, per_minute integer, subject_type text, subject_id text, customer_email text, metadata jsonb, idempotency_key text, options jsonb) is 'Begins a Checkout Session of an anonymous caller, at most per_minute of them for each environment; 0 is no limit. Returns what begin_checkout_session returns. Errors: those of begin_checkout_session, SP030 too many.';
grant execute on function payments.begin_guest_checkout_session(environment text, caller jsonb, mode text, line_items jsonb, success_url text, cancel_url text, per_minute integer, subject_type text, subject_id text, customer_email text, metadata jsonb, idempotency_key text, options jsonb) to payments_service;

create function payments.begin_recovery(environment text, since timestamp with time zone DEFAULT NULL::timestamp with time zone, account_id text DEFAULT NULL::text)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.begin_recovery(environment text, since timestamp with time zone, account_id text) is 'Returns {from, gap}. from is the instant from which to read Stripe''s list of events so that the ledger misses none. gap is the time whose events Stripe no longer has. Errors: SP001, SP008 the key is of another account.';
grant execute on function payments.begin_recovery(environment text, since timestamp with time zone, account_id text) to payments_service;

create function payments.begin_sync(environment text, kinds jsonb DEFAULT NULL::jsonb, created_from timestamp with time zone DEFAULT NULL::timestamp with time zone, created_before timestamp with time zone DEFAULT NULL::timestamp with time zone, account_id text DEFAULT NULL::text)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.begin_sync(environment text, kinds jsonb, created_from timestamp with time zone, created_before timestamp with time zone, account_id text) is 'Begins a sync of an environment with Stripe or resumes the last one like it. Returns {run, next}: next is what to list for record_sync_page. Errors: SP001, SP008 the key is of another account, SP020 one is running.';
grant execute on function payments.begin_sync(environment text, kinds jsonb, created_from timestamp with time zone, created_before timestamp with time zone, account_id text) to payments_service;

create function payments.begin_webhook_endpoint(environment text, url text, api_version text, endpoints jsonb DEFAULT NULL::jsonb, since text DEFAULT NULL::text, secret_is_lost boolean DEFAULT false, take_over boolean DEFAULT false)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.begin_webhook_endpoint(environment text, url text, api_version text, endpoints jsonb, since text, secret_is_lost boolean, take_over boolean) is 'Decides what to do at Stripe so that events of an environment reach an address, given the endpoints that the account has. secret_is_lost: the stored signing secret cannot be decrypted. take_over: also replace the endpoint that delivers to another address, where this deployment was before. Returns {action, endpoint, params, idempotency_key, events, retire, remove, elsewhere, duplicates}; action is list, reuse, mend or create. Errors: SP001.';
grant execute on function payments.begin_webhook_endpoint(environment text, url text, api_version text, endpoints jsonb, since text, secret_is_lost boolean, take_over boolean) to payments_service;

create function payments.caller_id()
  returns text
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.caller_id() is 'Returns the id of the signed-in caller (claim sub of request.jwt.claims), or null. For use in policies.';
grant execute on function payments.caller_id() to anon;
grant execute on function payments.caller_id() to authenticated;
grant execute on function payments.caller_id() to payments_service;

create function payments.complete_checkout_session(environment text, id uuid, attempt integer, session jsonb, snapshot_at timestamp with time zone)
  returns SETOF payments.stripe_checkout_sessions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.complete_checkout_session(environment text, id uuid, attempt integer, session jsonb, snapshot_at timestamp with time zone) is 'Records Stripe''s answer to a checkout that begin_checkout_session began, and returns the row. Errors: SP001, SP005 the other mode, SP006 no such row.';
grant execute on function payments.complete_checkout_session(environment text, id uuid, attempt integer, session jsonb, snapshot_at timestamp with time zone) to payments_service;

create function payments.complete_customer_portal_session(environment text, id uuid, portal_session jsonb)
  returns SETOF payments.stripe_customer_portal_sessions
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.complete_customer_portal_session(environment text, id uuid, portal_session jsonb) is 'Records Stripe''s answer to a portal session, and returns the row. Errors: SP006 no such row.';
grant execute on function payments.complete_customer_portal_session(environment text, id uuid, portal_session jsonb) to payments_service;

create function payments.complete_recovery(environment text, recovered_from timestamp with time zone, complete_until timestamp with time zone)
  returns SETOF payments.provider_connections
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.complete_recovery(environment text, recovered_from timestamp with time zone, complete_until timestamp with time zone) is 'Records until when the ledger is complete, and returns the connection; no row if that would leave a gap. Errors: SP001.';
grant execute on function payments.complete_recovery(environment text, recovered_from timestamp with time zone, complete_until timestamp with time zone) to payments_service;

create function payments.complete_sync(run_id uuid, lease uuid, max integer DEFAULT 100)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.complete_sync(run_id uuid, lease uuid, max integer) is 'Ends a sync whose kinds are all listed; an object that the listing did not show becomes a tombstone unless its row is newer. Call again while the returned run is running. Errors: SP021 another process has taken over.';
grant execute on function payments.complete_sync(run_id uuid, lease uuid, max integer) to payments_service;

create function payments.complete_webhook_endpoint(environment text, endpoint jsonb, key_id text DEFAULT NULL::text, ciphertext text DEFAULT NULL::text)
  returns SETOF payments.provider_connections
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.complete_webhook_endpoint(environment text, endpoint jsonb, key_id text, ciphertext text) is 'Records the webhook endpoint that an environment is now set up with, and its encrypted signing secret if it is new. Earlier secrets stay valid for a day. Returns the connection. Errors: SP001.';
grant execute on function payments.complete_webhook_endpoint(environment text, endpoint jsonb, key_id text, ciphertext text) to payments_service;

create function payments.connect_account(environment text, account jsonb, key_id text, ciphertext text, masked_key text, replace_account boolean DEFAULT false, seen jsonb DEFAULT NULL::jsonb)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.connect_account(environment text, account jsonb, key_id text, ciphertext text, masked_key text, replace_account boolean, seen jsonb) is 'Connects an environment to a Stripe account and stores its encrypted key. Another account than before is refused unless replace_account, which deletes every row of the former one. If the account is not known yet, seen is an object of the rows that Stripe knew by the key. Returns {connection, previous_account_id, deleted}. Errors: SP001, SP008 another account.';
grant execute on function payments.connect_account(environment text, account jsonb, key_id text, ciphertext text, masked_key text, replace_account boolean, seen jsonb) to payments_service;

create function payments.delete_offer(environment text, offer_id text)
  returns SETOF payments.offers
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.delete_offer(environment text, offer_id text) is 'Deletes an offer and returns its row; no row if there is none. Without any offer, the policies alone decide what app users may buy. Errors: SP001.';
grant execute on function payments.delete_offer(environment text, offer_id text) to payments_service;

create function payments.disconnect_account(environment text)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.disconnect_account(environment text) is 'Deletes the stored Stripe key and signing secrets of an environment; projected rows stay. Returns {connection, endpoint_id, remaining}. Errors: SP001, SP009 no key is stored.';
grant execute on function payments.disconnect_account(environment text) to payments_service;

create function payments.due_sync_kinds(environment text)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.due_sync_kinds(environment text) is 'Returns the kinds that a scheduled sync lists now: the catalog, and once a day customers and subscriptions too. Errors: SP001.';
grant execute on function payments.due_sync_kinds(environment text) to payments_service;

create function payments.environment_health(environment text, facts jsonb)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.environment_health(environment text, facts jsonb) is 'One verdict about an environment, ok, degraded or failing, from the ledger, the connection, refused signatures and the given facts. Returns {status, reasons, unlimited_buyers, events, connection}; each reason has a next_action and, where one helps, a command. Errors: SP001.';
grant execute on function payments.environment_health(environment text, facts jsonb) to payments_service;

create function payments.erase_subject(environment text, subject_type text, subject_id text)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.erase_subject(environment text, subject_type text, subject_id text) is 'Removes the personal data of a billing subject from every table and ledger payload, and from what arrives later; amounts and ids stay. Can be repeated. Errors: SP001, SP063 nothing of it is known.';
grant execute on function payments.erase_subject(environment text, subject_type text, subject_id text) to payments_service;

create function payments.event_is_settled(event payments.webhook_events)
  returns boolean
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.event_is_settled(event payments.webhook_events) is 'Whether the event says that the money has arrived: paid or no_payment_required checkouts, paid invoices, succeeded PaymentIntents. False for everything else.';
grant execute on function payments.event_is_settled(event payments.webhook_events) to payments_service;

create function payments.event_subject(event payments.webhook_events)
  returns payments.billing_subject
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.event_subject(event payments.webhook_events) is 'The billing subject (type, id) of an event, for fulfilment triggers; both are null if no subject is known. Read it as (payments.event_subject(new)).id.';
grant execute on function payments.event_subject(event payments.webhook_events) to payments_service;

create function payments.fail_checkout_session(environment text, id uuid, attempt integer, error text, stripe_may_have_acted boolean)
  returns SETOF payments.stripe_checkout_sessions
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.fail_checkout_session(environment text, id uuid, attempt integer, error text, stripe_may_have_acted boolean) is 'Records why Stripe did not create a checkout session, and returns the row. A retry under the same key continues from it. Errors: SP001, SP006 no such row.';
grant execute on function payments.fail_checkout_session(environment text, id uuid, attempt integer, error text, stripe_may_have_acted boolean) to payments_service;

create function payments.fail_customer_portal_session(environment text, id uuid, error text)
  returns SETOF payments.stripe_customer_portal_sessions
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.fail_customer_portal_session(environment text, id uuid, error text) is 'Records why Stripe did not open a portal session, and returns the row. Errors: SP006 no such row.';
grant execute on function payments.fail_customer_portal_session(environment text, id uuid, error text) to payments_service;

create function payments.fail_sync(run_id uuid, lease uuid, error text DEFAULT NULL::text)
  returns SETOF payments.sync_runs
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.fail_sync(run_id uuid, lease uuid, error text) is 'Ends a sync early, as failed with an error or as interrupted without one; begin_sync resumes it. Errors: SP021 another process has taken over.';
grant execute on function payments.fail_sync(run_id uuid, lease uuid, error text) to payments_service;

create function payments.find_checkout_session(environment text, caller jsonb, id text)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.find_checkout_session(environment text, caller jsonb, id text) is 'Reads a Checkout Session by the id of its row or of Stripe, as the caller, whose policies decide. Returns {session, fulfilled}. Errors: SP001, SP006 no such row for this caller, SP007 role.';
grant execute on function payments.find_checkout_session(environment text, caller jsonb, id text) to payments_service;

create function payments.ingest_webhook_event(environment text, payload jsonb)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = 3s;
comment on function payments.ingest_webhook_event(environment text, payload jsonb) is 'Takes one verified Stripe event: projects it, records it in payments.webhook_events and runs the app''s triggers there, in one transaction. Returns {status, event, fetch}. Errors: SP001 environment, SP005 not an event of this environment.';
grant execute on function payments.ingest_webhook_event(environment text, payload jsonb) to payments_service;

create function payments.ingest_webhook_events(environment text, payloads jsonb)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = 3s;
comment on function payments.ingest_webhook_events(environment text, payloads jsonb) is 'Takes up to 64 verified Stripe events in one transaction, each independent of the others. Returns a list of what ingest_webhook_event returns, or {status: refused, error, code}. Errors: SP001.';
grant execute on function payments.ingest_webhook_events(environment text, payloads jsonb) to payments_service;

create function payments.is_offered(environment text, mode text, line_items jsonb, options jsonb DEFAULT '{}'::jsonb, subject_type text DEFAULT NULL::text, role text DEFAULT CURRENT_USER)
  returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.is_offered(environment text, mode text, line_items jsonb, options jsonb, subject_type text, role text) is 'Returns whether payments.offers allow a checkout of this role; true while the environment has no offer. For use in policies.';
grant execute on function payments.is_offered(environment text, mode text, line_items jsonb, options jsonb, subject_type text, role text) to anon;
grant execute on function payments.is_offered(environment text, mode text, line_items jsonb, options jsonb, subject_type text, role text) to authenticated;
grant execute on function payments.is_offered(environment text, mode text, line_items jsonb, options jsonb, subject_type text, role text) to payments_service;

create function payments.offered_prices(role text DEFAULT CURRENT_USER)
  returns SETOF text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.offered_prices(role text) is 'Returns the ids of the active prices that app users of this role may buy now. They are those of the offers, and all of an environment without offers. For use in policies.';
grant execute on function payments.offered_prices(role text) to anon;
grant execute on function payments.offered_prices(role text) to authenticated;
grant execute on function payments.offered_prices(role text) to payments_service;

create function payments.offered_products(role text DEFAULT CURRENT_USER)
  returns SETOF text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.offered_products(role text) is 'Returns the ids of the active products that app users of this role may buy now. They are those of the offers, and all of an environment without offers. For use in policies.';
grant execute on function payments.offered_products(role text) to anon;
grant execute on function payments.offered_products(role text) to authenticated;
grant execute on function payments.offered_products(role text) to payments_service;

create function payments.project_stripe_objects(environment text, objects jsonb, snapshot_at timestamp with time zone)
  returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.project_stripe_objects(environment text, objects jsonb, snapshot_at timestamp with time zone) is 'Projects answers of the Stripe API, unless the rows are newer. snapshot_at is the instant at which the answers were true. Returns how many were applied. Errors: SP001, SP005.';
grant execute on function payments.project_stripe_objects(environment text, objects jsonb, snapshot_at timestamp with time zone) to payments_service;

create function payments.projected_event_types()
  returns text[]
  language sql immutable security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.projected_event_types() is 'The types of Stripe events that the managed webhook endpoint subscribes to. Select the same types for an endpoint made by hand. Of other types, invoice.payment_succeeded, charge.refund.updated and payment_intent.processing are projected too; the rest is recorded as ignored.';
grant execute on function payments.projected_event_types() to payments_service;

create function payments.prune_checkout_sessions(older_than interval, max integer DEFAULT 10000, environment text DEFAULT NULL::text)
  returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.prune_checkout_sessions(older_than interval, max integer, environment text) is 'Deletes checkout sessions that nobody paid (initialized, failed or expired) and that have not changed for the given interval, at most max at a time. Returns how many were deleted. Errors: SP001.';
grant execute on function payments.prune_checkout_sessions(older_than interval, max integer, environment text) to payments_service;

create function payments.prune_webhook_events(older_than interval, max integer DEFAULT 10000, environment text DEFAULT NULL::text)
  returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.prune_webhook_events(older_than interval, max integer, environment text) is 'Empties the payloads of finished events older than the given interval, at most max at a time; ids and outcome stay. Returns how many were emptied. Errors: SP001.';
grant execute on function payments.prune_webhook_events(older_than interval, max integer, environment text) to payments_service;

create function payments.purchase_of(event payments.webhook_events)
  returns payments.purchase
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.purchase_of(event payments.webhook_events) is 'The purchase that an event is about, as it stands now: what was bought, by whom, for how much, whether paid. Null if the event is about none. For fulfilment triggers.';
grant execute on function payments.purchase_of(event payments.webhook_events) to payments_service;

create function payments.put_offer(environment text, offer_id text, offer jsonb)
  returns SETOF payments.offers
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.put_offer(environment text, offer_id text, offer jsonb) is 'Writes an offer as a whole and returns its row. Keys of offer are the columns of payments.offers. Errors: SP001 invalid, 23514 a constraint of the table.';
grant execute on function payments.put_offer(environment text, offer_id text, offer jsonb) to payments_service;

create function payments.rebuild_projections(environment text)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.rebuild_projections(environment text) is 'Rebuilds the projections of an environment from the ledger, without fulfilment. Rows keep their ids; webhooks wait while it runs. All of it or nothing. Returns {events, pruned, complete_since}. Errors: SP001, SP022 an event cannot be projected again.';
grant execute on function payments.rebuild_projections(environment text) to payments_service;

create function payments.record_sync_page(run_id uuid, lease uuid, kind text, objects jsonb, snapshot_at timestamp with time zone, has_more boolean)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.record_sync_page(run_id uuid, lease uuid, kind text, objects jsonb, snapshot_at timestamp with time zone, has_more boolean) is 'Records one page of a sync''s listing: its objects and its cursor commit together. Returns {run, next}; call complete_sync when next is null. Errors: SP001, SP005, SP021 another process has taken over.';
grant execute on function payments.record_sync_page(run_id uuid, lease uuid, kind text, objects jsonb, snapshot_at timestamp with time zone, has_more boolean) to payments_service;

create function payments.recoverable_event_types(environment text)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.recoverable_event_types(environment text) is 'Returns the event types that a recovery takes in: those of the managed webhook endpoint, and those that arrive anyway. Errors: SP001.';
grant execute on function payments.recoverable_event_types(environment text) to payments_service;

create function payments.refuse_sync(environment text, error text, is_key_refused boolean DEFAULT false)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.refuse_sync(environment text, error text, is_key_refused boolean) is 'Records that a sync could not begin, and whether Stripe refused the key. Errors: SP001.';
grant execute on function payments.refuse_sync(environment text, error text, is_key_refused boolean) to payments_service;

create function payments.replay_webhook_events(environment text, provider_event_id text DEFAULT NULL::text, event_type text DEFAULT NULL::text, object_id text DEFAULT NULL::text, happened_from timestamp with time zone DEFAULT NULL::timestamp with time zone, happened_before timestamp with time zone DEFAULT NULL::timestamp with time zone, include_processed boolean DEFAULT false, max integer DEFAULT 1000)
  returns TABLE(replayed_event_id text, processing_status text, last_error text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = 3s;
comment on function payments.replay_webhook_events(environment text, provider_event_id text, event_type text, object_id text, happened_from timestamp with time zone, happened_before timestamp with time zone, include_processed boolean, max integer) is 'Processes recorded events once more, fulfilment triggers included: failed events, and with include_processed the processed ones too. Returns what became of each. Errors: SP001.';
grant execute on function payments.replay_webhook_events(environment text, provider_event_id text, event_type text, object_id text, happened_from timestamp with time zone, happened_before timestamp with time zone, include_processed boolean, max integer) to payments_service;

create function payments.retry_checkout_session(environment text, id uuid, attempt integer)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.retry_checkout_session(environment text, id uuid, attempt integer) is 'Begins a failed checkout again with the customer that its subject has now, and with prices that have a row since. Returns the same as begin_checkout_session; null if nothing has changed. Errors: SP001.';
grant execute on function payments.retry_checkout_session(environment text, id uuid, attempt integer) to payments_service;

create function payments.retry_customer_portal_session(environment text, id uuid)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
comment on function payments.retry_customer_portal_session(environment text, id uuid) is 'Begins a failed portal session again with the customer that its subject has now. Returns the same as begin_customer_portal_session; null if the customer is the same. Errors: SP001, SP003 no customer is left.';
grant execute on function payments.retry_customer_portal_session(environment text, id uuid) to payments_service;

create function payments.retry_webhook_events(max integer DEFAULT 100)
  returns TABLE(environment text, provider_event_id text, processing_status text, last_error text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = 3s;
comment on function payments.retry_webhook_events(max integer) is 'Retries up to max failed events that are due, and returns what became of each. Several calls at once are safe.';
grant execute on function payments.retry_webhook_events(max integer) to payments_service;

create function payments.touch_sync(run_id uuid, lease uuid)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.touch_sync(run_id uuid, lease uuid) is 'Records a heartbeat of a running sync. Returns whether the sync still runs under this lease.';
grant execute on function payments.touch_sync(run_id uuid, lease uuid) to payments_service;

create function payments.unknown_webhook_events(environment text, event_ids jsonb)
  returns SETOF text
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.unknown_webhook_events(environment text, event_ids jsonb) is 'Returns which of these event ids the ledger of an environment does not hold.';
grant execute on function payments.unknown_webhook_events(environment text, event_ids jsonb) to payments_service;

create function payments.webhook_endpoint_drift(environment text, url text, api_version text, endpoints jsonb)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
comment on function payments.webhook_endpoint_drift(environment text, url text, api_version text, endpoints jsonb) is 'Returns how the managed webhook endpoint differs from how it was set up, given the endpoints that the account has: [{problem, message}]. If none is managed, whether the account has one that could be made by hand. begin_webhook_endpoint returns how to fix it. Errors: SP001.';
grant execute on function payments.webhook_endpoint_drift(environment text, url text, api_version text, endpoints jsonb) to payments_service;

create function payments_private.add_drift(drift jsonb, rows_before jsonb, rows_after jsonb)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.all_secrets()
  returns TABLE(id uuid, environment text, kind text, key_id text, ciphertext text)
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.all_secrets() to payments_service;

create function payments_private.api_name(option text)
  returns text
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.api_name(option text) to payments_service;

create function payments_private.apply_previous_attributes(object jsonb, former jsonb)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.assign_customers(environment text, owners payments_private.customer_owners[])
  returns text[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.assigned_subject(environment text, subscription_id text, customer_id text, made_at timestamp with time zone)
  returns payments.billing_subject
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.assignment_answer(environment text, object_id text)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.become_caller(caller jsonb)
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.become_caller(caller jsonb) to payments_service;

create function payments_private.begin_catalog_change(environment text, object_id text, revision text)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.begin_catalog_change(environment text, object_id text, revision text) to payments_service;

create function payments_private.bought_line(lines jsonb, is_of_subscription boolean)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.catalog_revision(catalog_row jsonb)
  returns text
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.catalog_revision(catalog_row jsonb) to payments_service;

create function payments_private.catalogue_trial_days(environment text, line_items jsonb)
  returns integer
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.catalogue_trial_days(environment text, line_items jsonb) to payments_service;

create function payments_private.change_ordinary_payment(environment text, payload jsonb, snapshot payments_private.payment_snapshot, objects payments_private.payment_objects[], has_transaction boolean)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.check_account(environment text, account_id text)
  returns void
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.check_account(environment text, account_id text) to payments_service;

create function payments_private.check_caller()
  returns void
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.check_caller() to payments_service;

create function payments_private.check_checkout_combination(mode text, line_items jsonb, success_url text, cancel_url text, options jsonb)
  returns void
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.check_checkout_combination(mode text, line_items jsonb, success_url text, cancel_url text, options jsonb) to payments_service;

create function payments_private.check_checkout_options(mode text, options jsonb)
  returns void
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.check_checkout_options(mode text, options jsonb) to payments_service;

create function payments_private.check_checkout_request(mode text, line_items jsonb, success_url text, cancel_url text, subject_type text, subject_id text, customer_email text, metadata jsonb, idempotency_key text, options jsonb)
  returns void
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.check_checkout_request(mode text, line_items jsonb, success_url text, cancel_url text, subject_type text, subject_id text, customer_email text, metadata jsonb, idempotency_key text, options jsonb) to payments_service;

create function payments_private.check_checkout_times(environment text, line_items jsonb, options jsonb)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.check_environment(environment text)
  returns void
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.check_environment(environment text) to payments_service;

create function payments_private.check_known_objects(environment text, account_id text, asked jsonb, seen jsonb, accept_erased boolean DEFAULT false)
  returns void
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.check_known_objects(environment text, account_id text, asked jsonb, seen jsonb, accept_erased boolean) to payments_service;

create function payments_private.check_lookup_keys(line_items jsonb)
  returns void
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.check_offers(session payments.stripe_checkout_sessions, role text)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.check_one_plan(session payments.stripe_checkout_sessions)
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.check_portal_options(options jsonb)
  returns void
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.check_portal_options(options jsonb) to payments_service;

create function payments_private.check_portal_request(subject_type text, subject_id text, return_url text, configuration text, options jsonb)
  returns void
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.check_portal_request(subject_type text, subject_id text, return_url text, configuration text, options jsonb) to payments_service;

create function payments_private.check_reserved(session payments.stripe_checkout_sessions)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.check_sync_kinds(kinds jsonb)
  returns text[]
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.check_trial(session payments.stripe_checkout_sessions, role text)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.checkout_combination_problem(mode text, line_items jsonb, success_url text, cancel_url text, options jsonb)
  returns text
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.checkout_combination_problem(mode text, line_items jsonb, success_url text, cancel_url text, options jsonb) to payments_service;

create function payments_private.checkout_custom_field(field jsonb)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.checkout_custom_field(field jsonb) to payments_service;

create function payments_private.checkout_option_params(mode text, options jsonb, metadata jsonb, has_customer boolean)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.checkout_option_params(mode text, options jsonb, metadata jsonb, has_customer boolean) to payments_service;

create function payments_private.checkout_option_problem(option text, name text, value jsonb)
  returns text
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.checkout_option_problem(option text, name text, value jsonb) to payments_service;

create function payments_private.checkout_price_data(price_data jsonb)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.checkout_price_data(price_data jsonb) to payments_service;

create function payments_private.checkout_request_hash(mode text, line_items jsonb, success_url text, cancel_url text, subject_type text, subject_id text, customer_email text, metadata jsonb, options jsonb)
  returns text
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.checkout_request_hash(mode text, line_items jsonb, success_url text, cancel_url text, subject_type text, subject_id text, customer_email text, metadata jsonb, options jsonb) to payments_service;

create function payments_private.checkout_session_params(session payments.stripe_checkout_sessions)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.checkout_session_params(session payments.stripe_checkout_sessions) to payments_service;

create function payments_private.checkouts_of_subject(environment text, subject_type text, subject_id text, customer_ids text[])
  returns SETOF uuid
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.count_environment(environment text)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.count_guest_checkout(environment text, per_minute integer)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.count_guest_checkout(environment text, per_minute integer) to payments_service;

create function payments_private.count_guest_confirmation(environment text, per_minute integer)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.count_guest_confirmation(environment text, per_minute integer) to payments_service;

create function payments_private.credit_note_row(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments.stripe_credit_notes
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.custom_field_problem(field jsonb)
  returns text
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.custom_field_problem(field jsonb) to payments_service;

create function payments_private.customer_of_flow(environment text, subject_type text, subject_id text, flow jsonb)
  returns text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.customer_of_subject(environment text, subject_type text, subject_id text)
  returns text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.customer_of_subject(environment text, subject_type text, subject_id text) to payments_service;

create function payments_private.customer_search(environment text, search text)
  returns SETOF text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.customer_search(environment text, search text) to payments_service;

create function payments_private.customer_subjects(environment text, customer_id text)
  returns TABLE(subject_type text, subject_id text, is_mapped boolean, named_at timestamp with time zone, named_by text)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.customer_subjects(environment text, customer_id text) to payments_service;

create function payments_private.customers_of_subject(environment text, subject payments.billing_subject)
  returns SETOF text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.database_state()
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.database_state() to payments_service;

create function payments_private.delete_environment(environment text)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.delivery_reasons(environment text, facts jsonb)
  returns TABLE("position" integer, code text, severity text, message text, next_action text, command text)
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.delivery_reasons(environment text, facts jsonb) to payments_service;

create function payments_private.derive_payments(environment text, payment_ids uuid[])
  returns payments_private.derived_transactions[]
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off;

create function payments_private.describe_error(environment text, event jsonb, state text, message text, context text)
  returns text
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.duplicate_endpoints(environment text, url text, endpoints jsonb)
  returns SETOF text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.duplicate_results(environment text, ids text[])
  returns jsonb[]
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off;

create function payments_private.end_after_others(events jsonb[], states jsonb[], ends jsonb[])
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.end_catalog_change(environment text, object_id text)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.end_catalog_change(environment text, object_id text) to payments_service;

create function payments_private.end_sync(run payments.sync_runs, error text)
  returns payments.sync_runs
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.endpoint_problems(endpoint jsonb, url text, api_version text)
  returns text[]
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.environment_overview(environment text, has_key boolean, has_signing_secret boolean)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.environment_overview(environment text, has_key boolean, has_signing_secret boolean) to payments_service;

create function payments_private.environment_tables()
  returns SETOF regclass
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.erasable_ids(objects jsonb[])
  returns text[]
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.erase_rows(environment text, subject payments.billing_subject, customer_ids text[], object_ids text[], checkout_ids uuid[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.erase_sync_errors(environment text, ids text[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.erased_text()
  returns text
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.erased_text() to payments_service;

create function payments_private.event_fault(event jsonb, message text)
  returns text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.event_follows(later jsonb, earlier jsonb)
  returns boolean
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.event_problem(environment text, payload jsonb)
  returns text
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.events_arrive(environment text)
  returns boolean
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.events_arrive(environment text) to payments_service;

create function payments_private.events_of(environment text, ids text[], since timestamp with time zone)
  returns SETOF uuid
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.events_of_second(environment text, event jsonb, second timestamp with time zone)
  returns jsonb[]
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.fail_event(environment text, payload jsonb, error text)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = 500ms;

create function payments_private.forced_options(session payments.stripe_checkout_sessions, role text)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.forget_refused_signatures(environment text)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.forget_refused_signatures(environment text) to payments_service;

create function payments_private.gone_since_sync(environment text, kind text, listed_from timestamp with time zone, max integer, among text[] DEFAULT NULL::text[], created_from timestamp with time zone DEFAULT NULL::timestamp with time zone, created_before timestamp with time zone DEFAULT NULL::timestamp with time zone)
  returns SETOF text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan;

create function payments_private.had_trial(environment text, subject_type text, subject_id text, except_id uuid)
  returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.have_common_currency(environment text, line_items jsonb)
  returns boolean
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.held_sync_run(run_id uuid, lease uuid)
  returns payments.sync_runs
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.id_of(field jsonb)
  returns text
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.id_of(field jsonb) to payments_service;

create function payments_private.ids_of(objects jsonb[])
  returns text[]
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.ingest_event(environment text, payload jsonb, is_in_list boolean DEFAULT false)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.ingest_events(environment text, payloads jsonb[])
  returns jsonb[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.ingest_few(environment text, payloads jsonb[])
  returns jsonb[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.ingest_generally(environment text, payload jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.insert_ordinary_refund(environment text, payload jsonb, refund jsonb, charge_id text, payment_intent_id text, happened_at timestamp with time zone)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.insert_ordinary_subscription(environment text, payload jsonb, object jsonb, version bigint, subject payments.billing_subject)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.instant_of(field jsonb)
  returns timestamp with time zone
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.instant_of(field jsonb) to payments_service;

create function payments_private.invoice_row(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments.stripe_invoices
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.invoice_status_rank(event jsonb)
  returns integer
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.is_adjustable_quantity(value jsonb)
  returns boolean
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.is_adjustable_quantity(value jsonb) to payments_service;

create function payments_private.is_erased(environment text, ids text[])
  returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.is_erased(environment text, ids text[]) to payments_service;

create function payments_private.is_http_url(url text)
  returns boolean
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.is_http_url(url text) to payments_service;

create function payments_private.is_known_customer(environment text, customer_id text)
  returns boolean
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.is_own_account(environment text, account_id text)
  returns boolean
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.is_own_endpoint(environment text, endpoint jsonb, url text)
  returns boolean
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.is_price_data(value jsonb)
  returns boolean
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.is_price_data(value jsonb) to payments_service;

create function payments_private.is_projected_event(event_type text)
  returns boolean
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.is_rebuilding()
  returns boolean
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.join_payments(environment text, ids text[], is_own boolean[], OUT payment_ids uuid[], OUT current_ids text[], OUT current payments_private.payment_objects[])
  returns record
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.judge_again(session payments.stripe_checkout_sessions, role text, sends boolean)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.judge_again(session payments.stripe_checkout_sessions, role text, sends boolean) to payments_service;

create function payments_private.keep_failed_event(environment text, event jsonb, id text, status text, error text)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = 500ms;

create function payments_private.known_objects(environment text)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.known_objects(environment text) to payments_service;

create function payments_private.last_event_of_second(environment text, event jsonb, second timestamp with time zone)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.ledger_covers(environment text, object_id text, version bigint)
  returns boolean
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.line_items_of(object jsonb)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.lock_environment(environment text, alone boolean DEFAULT false)
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.lock_ids(environment text, ids text[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off;

create function payments_private.lock_in_order(keys bigint[])
  returns boolean
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.lock_payment_of(environment text, ids text[], owner_ids text[], OUT is_one boolean, OUT payment_id uuid, OUT objects payments_private.payment_objects[], OUT has_transaction boolean)
  returns record
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off;

create function payments_private.lock_payments(environment text, ids uuid[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.lock_payments_of(environment text, ids text[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.lost_events(environment text, events jsonb)
  returns SETOF jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.lost_events(environment text, events jsonb) to payments_service;

create function payments_private.mark_gone(environment text, kind text, object_id text, listed_from timestamp with time zone)
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.match_session_rows(environment text, sessions payments_private.session_snapshot[])
  returns payments.stripe_checkout_sessions[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.merge_payment_object(current payments_private.payment_objects, snapshot payments_private.payment_objects, is_newer boolean)
  returns payments_private.payment_objects
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.merge_payments(one uuid, other uuid)
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.missing_endpoint(environment text, url text, endpoints jsonb)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.name_payment_objects(snapshots payments_private.payment_snapshot[], OUT positions integer[], OUT ids text[], OUT types text[], OUT is_own boolean[], OUT own_ids text[])
  returns record
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.objects_of_subject(environment text, subject_type text, subject_id text, customer_ids text[], checkout_ids uuid[])
  returns SETOF text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.offer_reasons(environment text)
  returns TABLE(message text, next_action text, command text)
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.offer_reasons(environment text) to payments_service;

create function payments_private.offer_verdict(environment text, role text, mode text, line_items jsonb, options jsonb, subject_type text)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.order_event_in_second(environment text, event jsonb, outcome text)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.ordinary_transaction(objects payments_private.payment_objects[])
  returns payments.transactions
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.other_owner(environment text, object_type text, object_id text, subject payments.billing_subject)
  returns text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.own_metadata(metadata jsonb)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.owner_of(environment text, subscription_id text, customer_id text, named payments.billing_subject, made_at timestamp with time zone)
  returns payments.billing_subject
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.owner_of_credit_note(environment text, invoice_id text, customer_id text)
  returns payments.billing_subject
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.payment_methods_of(event_ids uuid[])
  returns SETOF text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.payment_objects_of(environment text, transaction_id uuid)
  returns TABLE(object_type text, object_id text, status text, state text, amount bigint, amount_refunded bigint, currency text, provider_created_at timestamp with time zone)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.payment_objects_of(environment text, transaction_id uuid) to payments_service;

create function payments_private.payment_of_charge(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments_private.payment_snapshot
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.payment_of_checkout_session(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone, version bigint, is_settled boolean, subject payments.billing_subject, subject_version bigint)
  returns payments_private.payment_snapshot
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.payment_of_dispute(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments_private.payment_snapshot
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.payment_of_invoice(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments_private.payment_snapshot
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.payment_of_invoice_payment(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments_private.payment_snapshot
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.payment_of_payment_intent(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments_private.payment_snapshot
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.payment_of_refund(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments_private.payment_snapshot
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.plan_groups(environment text, price_ids text[], product_ids text[])
  returns text[]
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.plan_groups_of_items(environment text, line_items jsonb)
  returns text[]
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.portal_flow_params(session payments.stripe_customer_portal_sessions)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.portal_flow_params(session payments.stripe_customer_portal_sessions) to payments_service;

create function payments_private.portal_session_params(session payments.stripe_customer_portal_sessions)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.portal_session_params(session payments.stripe_customer_portal_sessions) to payments_service;

create function payments_private.price_of_lookup_key(environment text, lookup_key text)
  returns SETOF payments.stripe_prices
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.price_of_lookup_key(environment text, lookup_key text) to payments_service;

create function payments_private.price_row(object jsonb, OUT price_id text, OUT product_id text, OUT active boolean, OUT currency text, OUT unit_amount bigint, OUT unit_amount_decimal text, OUT pay_what_you_want boolean, OUT custom_unit_amount_minimum bigint, OUT custom_unit_amount_maximum bigint, OUT custom_unit_amount_preset bigint, OUT type text, OUT lookup_key text, OUT billing_scheme text, OUT tax_behavior text, OUT recurring_interval text, OUT recurring_interval_count integer, OUT recurring_usage_type text, OUT metadata jsonb)
  returns record
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.price_row(object jsonb, OUT price_id text, OUT product_id text, OUT active boolean, OUT currency text, OUT unit_amount bigint, OUT unit_amount_decimal text, OUT pay_what_you_want boolean, OUT custom_unit_amount_minimum bigint, OUT custom_unit_amount_maximum bigint, OUT custom_unit_amount_preset bigint, OUT type text, OUT lookup_key text, OUT billing_scheme text, OUT tax_behavior text, OUT recurring_interval text, OUT recurring_interval_count integer, OUT recurring_usage_type text, OUT metadata jsonb) to payments_service;

create function payments_private.process_batch(environment text, events jsonb[], ids text[], statuses text[])
  returns jsonb[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.process_events(environment text, payloads jsonb[], reprocess boolean DEFAULT false)
  returns jsonb[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.process_one(environment text, event jsonb, id text, status text)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.product_row(object jsonb, OUT product_id text, OUT name text, OUT description text, OUT active boolean, OUT default_price_id text, OUT metadata jsonb)
  returns record
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.product_row(object jsonb, OUT product_id text, OUT name text, OUT description text, OUT active boolean, OUT default_price_id text, OUT metadata jsonb) to payments_service;

create function payments_private.project_answers(environment text, objects jsonb[], snapshot_at timestamp with time zone)
  returns text[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_events(environment text, events jsonb[], statuses text[])
  returns jsonb[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_snapshots(environment text, snapshots payments_private.snapshot[], tie_is_decided boolean DEFAULT false)
  returns text[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off;

create function payments_private.project_stripe_checkout_sessions(environment text, snapshots payments_private.snapshot[], tie_is_decided boolean, INOUT outcomes text[], OUT payments payments_private.payment_snapshot[], OUT owners payments_private.customer_owners[])
  returns record
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_stripe_credit_notes(environment text, snapshots payments_private.snapshot[], tie_is_decided boolean, outcomes text[])
  returns text[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_stripe_customers(environment text, snapshots payments_private.snapshot[], tie_is_decided boolean, outcomes text[])
  returns text[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_stripe_invoices(environment text, snapshots payments_private.snapshot[], tie_is_decided boolean, outcomes text[])
  returns text[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_stripe_object(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone, tie_is_decided boolean DEFAULT false)
  returns text
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_stripe_prices(environment text, snapshots payments_private.snapshot[], tie_is_decided boolean, outcomes text[])
  returns text[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_stripe_products(environment text, snapshots payments_private.snapshot[], tie_is_decided boolean, outcomes text[])
  returns text[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_stripe_schedules(environment text, snapshots payments_private.snapshot[], tie_is_decided boolean, outcomes text[])
  returns text[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_stripe_subscriptions(environment text, snapshots payments_private.snapshot[], tie_is_decided boolean, INOUT outcomes text[], OUT owners payments_private.customer_owners[], OUT owned_ids text[], OUT new_ids text[])
  returns record
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_subscription_items(environment text, snapshots payments_private.snapshot[], positions integer[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.project_sync_page(environment text, objects jsonb, snapshot_at timestamp with time zone)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.purchased_items(environment text, invoice jsonb, line_items jsonb)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.put_assignment(environment text, object_type text, object_id text, subscription_ids text[], subject payments.billing_subject)
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.put_charge_details(environment text, snapshots payments_private.snapshot[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.put_ordinary_invoice(invoice payments.stripe_invoices)
  returns boolean
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off;

create function payments_private.put_ordinary_payment(environment text, payload jsonb, snapshot payments_private.payment_snapshot)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.put_ordinary_refund(environment text, payload jsonb, objects payments_private.payment_objects[], derived payments.transactions)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.put_ordinary_session(environment text, object jsonb, session payments_private.session_snapshot)
  returns payments_private.session_snapshot
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.put_payment_objects(environment text, snapshots payments_private.payment_snapshot[], tie_is_decided boolean, outcomes text[])
  returns text[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.read_secrets(environment text)
  returns TABLE(kind text, key_id text, ciphertext text)
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.read_secrets(environment text) to payments_service;

create function payments_private.record_events(environment text, events jsonb[], ids text[], statuses text[], fetches jsonb[], error text DEFAULT NULL::text)
  returns jsonb[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.record_refused_signatures(environment text, wrong integer, too_old integer, milliseconds_ago integer)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.record_refused_signatures(environment text, wrong integer, too_old integer, milliseconds_ago integer) to payments_service;

create function payments_private.recurring_revenue(environment text)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.recurring_revenue(environment text) to payments_service;

create function payments_private.redact(value jsonb, kind text DEFAULT NULL::text)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.redact(value jsonb, kind text) to payments_service;

create function payments_private.redact_erased(environment text, objects jsonb[])
  returns jsonb[]
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off;

create function payments_private.redact_metadata(metadata jsonb, of_customer boolean)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.redact_metadata(metadata jsonb, of_customer boolean) to payments_service;

create function payments_private.refresh_credit_notes(environment text, invoice_ids text[], customer_ids text[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off;

create function payments_private.refresh_customer_mappings(environment text, customer_ids text[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.refresh_invoices(environment text, invoice_ids text[], subscription_ids text[], customer_ids text[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off;

create function payments_private.refresh_payments(environment text, subscription_ids text[], customer_ids text[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.refresh_refunds(derived payments_private.derived_transactions[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.refresh_transactions(environment text, payment_ids uuid[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off;

create function payments_private.refunds_of_charge(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments_private.payment_snapshot[]
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.refusals_are_strange(environment text, facts jsonb)
  returns boolean
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.refusals_are_strange(environment text, facts jsonb) to payments_service;

create function payments_private.refused_since_last_event(environment text)
  returns SETOF payments_private.refused_signatures
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.refused_since_last_event(environment text) to payments_service;

create function payments_private.release_refused_key(environment text, idempotency_key text, subject_type text, subject_id text, caller_id text, request_hash text)
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.release_refused_key(environment text, idempotency_key text, subject_type text, subject_id text, caller_id text, request_hash text) to payments_service;

create function payments_private.replace_secrets(secrets jsonb)
  returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.replace_secrets(secrets jsonb) to payments_service;

create function payments_private.retry_delay(attempt_count integer)
  returns interval
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.retry_event(environment text, payload jsonb, reprocess boolean DEFAULT false)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.revenue_by_day(environment text, happened_from timestamp with time zone, happened_before timestamp with time zone, time_zone text)
  returns TABLE(day text, currency text, revenue numeric, payments bigint, refunds numeric, refund_count bigint, disputed numeric, failed bigint)
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.revenue_by_day(environment text, happened_from timestamp with time zone, happened_before timestamp with time zone, time_zone text) to payments_service;

create function payments_private.row_count(environment text, table_name text)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.row_count(environment text, table_name text) to payments_service;

create function payments_private.schedule_row(environment text, object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments_private.subscription_schedules
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.search_everything(environment text, search text)
  returns TABLE(kind text, id text, title text, subtitle text, customer_id text)
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.search_everything(environment text, search text) to payments_service;

create function payments_private.session_came_to_nothing(session payments.stripe_checkout_sessions)
  returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.session_came_to_nothing(session payments.stripe_checkout_sessions) to payments_service;

create function payments_private.session_is_fulfilled(session payments.stripe_checkout_sessions)
  returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.session_is_fulfilled(session payments.stripe_checkout_sessions) to payments_service;

create function payments_private.session_snapshot(object jsonb, event_type text, snapshot_at timestamp with time zone)
  returns payments_private.session_snapshot
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.sessions_without_items(environment text, session_ids jsonb)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.sessions_without_items(environment text, session_ids jsonb) to payments_service;

create function payments_private.shipping_of(session jsonb, invoice jsonb, renews boolean)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.shipping_of(session jsonb, invoice jsonb, renews boolean) to payments_service;

create function payments_private.snapshot_version(snapshot_at timestamp with time zone, event_type text, is_final boolean, rank integer DEFAULT NULL::integer)
  returns bigint
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.snapshot_version(snapshot_at timestamp with time zone, event_type text, is_final boolean, rank integer) to payments_service;

create function payments_private.split_into_batches(objects jsonb[])
  returns integer[]
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.status_of_event(environment text, event jsonb)
  returns text
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.subject_of(metadata jsonb)
  returns payments.billing_subject
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.subject_of(metadata jsonb) to payments_service;

create function payments_private.subject_of_customer(environment text, customer_id text)
  returns payments.billing_subject
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.subscription_access(subscription payments.stripe_subscriptions, OUT access text, OUT reason text)
  returns record
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.subscription_access(subscription payments.stripe_subscriptions, OUT access text, OUT reason text) to payments_service;

create function payments_private.superseded_sessions(session payments.stripe_checkout_sessions)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.superseded_sessions(session payments.stripe_checkout_sessions) to payments_service;

create function payments_private.sync_answer(run payments.sync_runs)
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.sync_kinds()
  returns TABLE(kind text, list_position integer, is_history boolean)
  language sql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.sync_objects(objects jsonb)
  returns SETOF jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.sync_rows(environment text, kind text, ids text[])
  returns jsonb
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off;

create function payments_private.take_charge(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_claim(environment text, customer_id text, subject payments.billing_subject, named_at timestamp with time zone, named_by text, must_be_alone boolean)
  returns boolean
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off;

create function payments_private.take_claims(environment text, owners payments_private.customer_owners[])
  returns payments_private.customer_owners[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_customer(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_event(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_ignored(environment text, payload jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_invoice(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_payment(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_price(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_product(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_refund(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_session(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.take_subscription(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.tax_of(object jsonb)
  returns bigint
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg__timestamps()
  returns trigger
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg__unowned()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_customers__revived()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_offers__forced_options()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_portal_sessions__check()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_portal_sessions__options()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_sessions__check()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_sessions__customer()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_sessions__forced_options()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_sessions__id()
  returns trigger
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_sessions__lookup_keys()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_sessions__offers()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_sessions__one_plan()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_sessions__prices()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_sessions__request()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.tg_sessions__times()
  returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp;

create function payments_private.transaction_of_object(environment text, object_id text)
  returns SETOF uuid
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.transaction_of_object(environment text, object_id text) to payments_service;

create function payments_private.try_lock_ids(environment text, ids text[])
  returns boolean
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.unknown_prices(environment text, id uuid)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.unknown_prices(environment text, id uuid) to payments_service;

create function payments_private.unlimited_buyers(environment text)
  returns jsonb
  language sql stable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.unlimited_buyers(environment text) to payments_service;

create function payments_private.unmapped_customers(environment text, ids text[], OUT customer_id text, OUT subject text)
  returns SETOF record
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.unoffered_option(offer payments.offers, options jsonb)
  returns text
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.update_ordinary_payment(environment text, payload jsonb, objects payments_private.payment_objects[], derived payments.transactions)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.update_ordinary_subscription(environment text, payload jsonb, object jsonb, version bigint, subject payments.billing_subject, may_change_status boolean)
  returns jsonb
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.uuid_of_object(environment text, object_id text)
  returns uuid
  language plpgsql stable security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.wrapped(key text, value jsonb)
  returns jsonb
  language plpgsql immutable security invoker
  set search_path = pg_catalog, pg_temp;
grant execute on function payments_private.wrapped(key text, value jsonb) to payments_service;

create function payments_private.write_invoices(invoices payments.stripe_invoices[], is_assigned boolean, tie_is_decided boolean)
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.write_session_rows(environment text, snapshots payments_private.snapshot[], sessions payments_private.session_snapshot[], rows payments.stripe_checkout_sessions[], new_positions integer[], changed_positions integer[], owned_positions integer[])
  returns void
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;

create function payments_private.write_subscriptions(environment text, snapshots payments_private.snapshot[], tie_is_decided boolean)
  returns payments_private.written_subscription[]
  language plpgsql volatile security invoker
  set search_path = pg_catalog, pg_temp;
