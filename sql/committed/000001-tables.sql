--! Previous: -
--! Hash: sha1:587dca3ba561a8bb92891b088f3881d329028a24
--! Message: tables

--! split: 0010-roles-and-schemas.sql
-- Refuse a database that is not fit for pg-payments, before anything is changed. Only ASCII characters up to here and in
-- these two statements: they are read before the encoding is known.
-- The first statement is for psql without ON_ERROR_STOP, which goes on after an error: it makes the session read-only,
-- so that the rest of this file and the next ones fail as well and no other product's tables are half changed.
select set_config('default_transaction_read_only', 'on', false) as refused
where current_setting('server_encoding') <> 'UTF8'
  or exists (
    select
    from pg_catalog.pg_namespace n
    join pg_catalog.pg_roles r on r.oid = n.nspowner
    where n.nspname in ('payments', 'payments_private') and r.rolname <> current_user and not r.rolsuper
  )
  or exists (
    select
    from (values ('payments', 'billing_subject'), ('payments_private', 'snapshot')) as ours (schema, type)
    join pg_catalog.pg_namespace n on n.nspname = ours.schema
    join pg_catalog.pg_class c on c.relnamespace = n.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname <> 'schema_migrations'
      and not exists (select from pg_catalog.pg_type t where t.typnamespace = n.oid and t.typname = ours.type)
  );

do $$
declare
  v_schema text;
  v_mark text;
  v_owner text;
  v_tables text;
  v_whose text;
  v_is_created boolean;
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'The database % has the encoding %, and pg-payments needs UTF8.',
        current_database(), current_setting('server_encoding')
      using errcode = 'SP032',
            hint = 'Create a database for it: create database <name> encoding ''UTF8'' template template0;';
  end if;

  -- find tables of another product: ours come after the types below
  for v_schema, v_mark in values ('payments', 'billing_subject'), ('payments_private', 'snapshot') loop
    select pg_get_userbyid(min(n.nspowner::bigint)::oid), string_agg(c.relname, ', ' order by c.relname),
      case
        when bool_or(c.relname in ('provider_connections', 'stripe_connections', 'razorpay_connections'))
          or exists (select from pg_catalog.pg_roles where rolname = 'project_admin')
          then 'InsForge'
        else 'another product'
      end
    into v_owner, v_tables, v_whose
    from pg_catalog.pg_namespace n
    join pg_catalog.pg_class c on c.relnamespace = n.oid
    where n.nspname = v_schema and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname <> 'schema_migrations'
      and not exists (select from pg_catalog.pg_type t where t.typnamespace = n.oid and t.typname = v_mark);
    if v_tables is not null then
      raise exception 'The schema % is not of pg-payments. It looks like that of %, belongs to the role % and has: %.',
          v_schema, v_whose, v_owner, v_tables
        using errcode = 'SP032',
              hint = format('Install pg-payments in a database of its own. If nothing uses that schema, move it away: '
                'alter schema %I rename to %I;', v_schema, v_schema || '_before');
    end if;
  end loop;

  -- refuse schemas of a role that could change what runs with our rights; look again after creating them
  foreach v_is_created in array array[false, true] loop
    if v_is_created then
      create schema if not exists payments;
      create schema if not exists payments_private;
    end if;
    select n.nspname, r.rolname
    into v_schema, v_owner
    from pg_catalog.pg_namespace n
    join pg_catalog.pg_roles r on r.oid = n.nspowner
    where n.nspname in ('payments', 'payments_private') and r.rolname <> current_user and not r.rolsuper
    order by n.nspname
    limit 1;
    if found then
      raise exception 'The schema % belongs to the role %, and this migration runs as %. Its owner could replace what runs with the rights of %.',
          v_schema, v_owner, current_user, current_user
        using errcode = 'SP032',
              hint = format('Migrate as %I, or make the schema yours if you trust what it contains: '
                'alter schema %I owner to %I;', v_owner, v_schema, current_user);
    end if;
  end loop;
end
$$;

-- Roles that the policies and grants name. Supabase and InsForge projects have the first two already. The role that
-- migrates becomes a member where it may, because the handlers often log in as this role.
do $$
declare
  v_role text;
  v_right text := case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end;
begin
  foreach v_role in array array['anon', 'authenticated', 'payments_service'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      begin
        execute format('create role %I nologin', v_role);
      exception
        when duplicate_object or unique_violation then null; -- another migration has just created it
      end;
    end if;
    if not pg_has_role(current_user, v_role, v_right) then
      begin
        execute format('grant %I to %I', v_role, current_user);
      exception
        when unique_violation or internal_error then null; -- the same grant, from a migration of another database
        when insufficient_privilege or invalid_grant_operation then
          raise notice 'The handlers cannot log in as %. If they shall, run as a superuser: grant % to %;',
            current_user, v_role, quote_ident(current_user);
      end;
    end if;
  end loop;
end
$$;

comment on schema payments is
  'Stripe payments of this application: the tables, functions and row level security that apps build on.';
comment on schema payments_private is
  'Secrets and internals of pg-payments. Not a contract: nothing here is granted to app users.';

--! split: 0020-types.sql
do $$
begin
  if to_regtype('payments.billing_subject') is null then
    create type payments.billing_subject as (type text, id text);
  end if;
  if to_regtype('payments_private.snapshot') is null then
    create type payments_private.snapshot as (object jsonb, event_type text, snapshot_at timestamptz);
  end if;
end
$$;
comment on type payments.billing_subject is
  'The owner of a purchase in the app''s own terms, for example (team,42). Both fields are null when no owner is known.';
comment on type payments_private.snapshot is
  'A Stripe object as of an instant, and the type of the event that carried it. The type is null for a response of the API.';

--! split: 0030-catalog-and-customers.sql
-- Products, prices, customers and their owners.
-- Every index begins with its most selective column. environment has two values and comes last. While a table has no
-- statistics, Postgres could choose an index that begins with environment for any lookup, and read the whole environment.

create table if not exists payments.provider_connections (
  id uuid not null default gen_random_uuid() constraint provider_connections_pkey primary key,
  provider text not null,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  status text not null default 'unconfigured'
    constraint status_is_known check (status in ('unconfigured', 'connected', 'error')),
  provider_account_id text,
  account_email text,
  account_name text,
  account_livemode boolean,
  webhook_endpoint_id text,
  webhook_endpoint_url text,
  webhook_configured_at timestamptz,
  last_synced_at timestamptz,
  last_sync_status text
    constraint last_sync_status_is_known check (last_sync_status in ('succeeded', 'failed')),
  last_sync_error text,
  last_sync_counts jsonb not null default '{}',
  raw jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint provider_connections_environment_key unique (provider, environment)
);
comment on table payments.provider_connections is
  'One row per environment: the Stripe account that it is connected to and the state of its webhook endpoint and sync.';
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

create table if not exists payments.stripe_products (
  id uuid not null default gen_random_uuid() constraint stripe_products_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  product_id text not null,
  name text not null,
  description text,
  active boolean not null,
  default_price_id text,
  metadata jsonb not null default '{}',
  raw jsonb not null default '{}',
  synced_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted boolean not null default false,
  version bigint not null default 0,
  constraint stripe_products_product_id_key unique (product_id, environment)
);
create index if not exists stripe_products_default_price_idx
  on payments.stripe_products (default_price_id, environment) where default_price_id is not null;
comment on table payments.stripe_products is
  'Stripe products (https://docs.stripe.com/api/products). A deleted product stays as a tombstone with deleted = true.';
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

create table if not exists payments.stripe_prices (
  id uuid not null default gen_random_uuid() constraint stripe_prices_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
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
  metadata jsonb not null default '{}',
  raw jsonb not null default '{}',
  synced_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted boolean not null default false,
  version bigint not null default 0,
  constraint stripe_prices_price_id_key unique (price_id, environment)
);
create index if not exists stripe_prices_lookup_key_idx
  on payments.stripe_prices (lookup_key, environment) where lookup_key is not null;
create index if not exists stripe_prices_product_id_idx on payments.stripe_prices (product_id, environment);
comment on table payments.stripe_prices is
  'Stripe prices (https://docs.stripe.com/api/prices). A deleted price stays as a tombstone with deleted = true.';
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
comment on column payments.stripe_prices.recurring_usage_type is
  'licensed (bought by quantity) or metered (billed by use, so a checkout sends no quantity); null for one-time prices.';
comment on column payments.stripe_prices.metadata is 'Stripe metadata, text to text.';
comment on column payments.stripe_prices.raw is 'The object as Stripe sent it last.';
comment on column payments.stripe_prices.synced_at is 'When this row was last updated from Stripe.';
comment on column payments.stripe_prices.created_at is 'When this row was created.';
comment on column payments.stripe_prices.updated_at is 'When this row last changed.';
comment on column payments.stripe_prices.deleted is 'Deleted at Stripe; never becomes false again.';
comment on column payments.stripe_prices.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';

create table if not exists payments.customers (
  id uuid not null default gen_random_uuid() constraint customers_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  email text,
  name text,
  phone text,
  deleted boolean not null default false,
  metadata jsonb not null default '{}',
  raw jsonb not null default '{}',
  synced_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  provider text not null default 'stripe',
  provider_customer_id text not null,
  provider_created_at timestamptz,
  version bigint not null default 0,
  constraint customers_provider_customer_id_key unique (provider_customer_id, environment, provider)
);
-- Like payments.webhook_events: objects of up to 8 kB stay in their row.
alter table payments.customers set (toast_tuple_target = 8160);
create index if not exists customers_email_idx on payments.customers (email, environment) where email is not null;
create index if not exists customers_deleted_idx
  on payments.customers (provider_created_at desc, environment) where deleted;
-- For the search by the beginning of an address or an id, whatever the collation of the database.
create index if not exists customers_lower_email_idx
  on payments.customers (lower(email) text_pattern_ops, environment) where email is not null;
create index if not exists customers_id_prefix_idx
  on payments.customers (provider_customer_id text_pattern_ops, environment);
create index if not exists customers_provider_created_at_idx
  on payments.customers (provider_created_at desc, environment);
comment on table payments.customers is
  'Stripe customers (https://docs.stripe.com/api/customers). A deleted customer stays as a tombstone with deleted = true.';
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

create table if not exists payments.customer_mappings (
  id uuid not null default gen_random_uuid() constraint customer_mappings_pkey primary key,
  provider text not null default 'stripe',
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  subject_type text not null,
  subject_id text not null,
  provider_customer_id text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint customer_mappings_provider_customer_id_key unique (provider_customer_id, environment, provider),
  constraint customer_mappings_subject_key unique (subject_id, subject_type, environment, provider)
);
create index if not exists customer_mappings_subject_prefix_idx
  on payments.customer_mappings (subject_id text_pattern_ops, environment);
comment on table payments.customer_mappings is
  'The Stripe customer that a billing subject pays with; new sessions use it. Of several customers it is the one with a living subscription, else the one that was claimed first.';
comment on column payments.customer_mappings.id is 'Local id.';
comment on column payments.customer_mappings.provider is 'Payment provider; pg-payments writes stripe.';
comment on column payments.customer_mappings.environment is 'test or live.';
comment on column payments.customer_mappings.subject_type is 'Kind of billing subject, for example team.';
comment on column payments.customer_mappings.subject_id is 'Id of the billing subject in the app.';
comment on column payments.customer_mappings.provider_customer_id is 'Stripe customer (cus_…).';
comment on column payments.customer_mappings.created_at is 'When this row was created.';
comment on column payments.customer_mappings.updated_at is 'When this row last changed.';

create table if not exists payments_private.customer_owners (
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  customer_id text not null,
  subject_type text not null,
  subject_id text not null,
  named_at timestamptz not null,
  named_by text not null,
  constraint customer_owners_pkey primary key (customer_id, environment, subject_type, subject_id)
);
create index if not exists customer_owners_subject_idx
  on payments_private.customer_owners (subject_id, subject_type, environment);
comment on table payments_private.customer_owners is
  'Every billing subject that a Stripe object has named as the owner of a customer. A customer belongs to the subject that was named first at Stripe, in whatever order the objects arrive.';
comment on column payments_private.customer_owners.environment is 'test or live.';
comment on column payments_private.customer_owners.customer_id is 'Stripe customer (cus_…).';
comment on column payments_private.customer_owners.subject_type is 'Kind of billing subject.';
comment on column payments_private.customer_owners.subject_id is 'Id of the billing subject in the app.';
comment on column payments_private.customer_owners.named_at is 'When the object that names the owner was created at Stripe; of several objects, the earliest.';
comment on column payments_private.customer_owners.named_by is 'Id of that object; decides between objects of the same second.';

create table if not exists payments_private.catalog_changes (
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  object_id text not null,
  begun_at timestamptz not null default now(),
  constraint catalog_changes_pkey primary key (object_id, environment)
);
comment on table payments_private.catalog_changes is
  'Products and prices that someone is changing at Stripe just now, so that a second editor is told.';
comment on column payments_private.catalog_changes.environment is 'test or live.';
comment on column payments_private.catalog_changes.object_id is 'The product (prod_…) or price (price_…).';
comment on column payments_private.catalog_changes.begun_at is 'When the change began; one of more than a minute ago has no effect.';

--! split: 0040-sessions.sql
-- Checkout and Billing Portal sessions: the two tables that app users may insert into, within the app's policies.

create table if not exists payments.stripe_checkout_sessions (
  id uuid not null default gen_random_uuid() constraint stripe_checkout_sessions_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  mode text not null,
  status text not null default 'initialized'
    constraint status_is_known check (status in ('initialized', 'open', 'completed', 'expired', 'failed')),
  payment_status text,
  subject_type text constraint subject_type_has_1_to_100_characters check (length(subject_type) between 1 and 100),
  subject_id text constraint subject_id_has_1_to_255_characters check (length(subject_id) between 1 and 255),
  customer_email text,
  line_items jsonb not null default '[]',
  success_url text not null,
  cancel_url text not null,
  idempotency_key text
    constraint idempotency_key_has_1_to_200_characters check (length(idempotency_key) between 1 and 200),
  metadata jsonb not null default '{}',
  checkout_session_id text,
  customer_id text,
  payment_intent_id text,
  subscription_id text,
  url text,
  last_error text,
  raw jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  request_hash text,
  caller_id text,
  idempotency_scope text not null generated always as (
    case
      when subject_type is not null then 'subject:' || subject_type || ':' || subject_id
      when caller_id is not null then 'caller:' || caller_id
      else 'guest:' || coalesce(request_hash, '')
    end
  ) stored,
  attempt integer not null default 1 constraint attempt_counts_from_1 check (attempt >= 1),
  stripe_may_have_acted boolean not null default false,
  expires_at timestamptz,
  version bigint not null default 0,
  subject_version bigint,
  options jsonb not null default '{}',
  client_secret text,
  forced_options jsonb not null default '{}',
  constraint mode_of_a_request_is_known
    check (mode in ('payment', 'subscription', 'setup') or checkout_session_id is not null),
  constraint subject_is_whole check ((subject_type is null) = (subject_id is null)),
  constraint line_items_are_a_list check (jsonb_typeof(line_items) = 'array' and jsonb_array_length(line_items) <= 100),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object'),
  constraint options_are_an_object check (jsonb_typeof(options) = 'object'),
  constraint forced_options_are_an_object check (jsonb_typeof(forced_options) = 'object')
);
-- Like payments.webhook_events: objects of up to 8 kB stay in their row.
alter table payments.stripe_checkout_sessions set (toast_tuple_target = 8160);
create unique index if not exists stripe_checkout_sessions_checkout_session_id_key
  on payments.stripe_checkout_sessions (checkout_session_id, environment) where checkout_session_id is not null;
create unique index if not exists stripe_checkout_sessions_idempotency_key
  on payments.stripe_checkout_sessions (idempotency_key, idempotency_scope, environment)
  where idempotency_key is not null;
create index if not exists stripe_checkout_sessions_customer_id_idx
  on payments.stripe_checkout_sessions (customer_id, environment) where customer_id is not null;
create index if not exists stripe_checkout_sessions_subject_idx
  on payments.stripe_checkout_sessions (subject_id, subject_type, environment)
  where subject_type is not null and subject_id is not null;
create index if not exists stripe_checkout_sessions_created_at_idx
  on payments.stripe_checkout_sessions (created_at desc, environment);
create index if not exists stripe_checkout_sessions_uncommon_idx
  on payments.stripe_checkout_sessions (status, created_at desc, environment) where status <> 'completed';
create index if not exists stripe_checkout_sessions_error_idx
  on payments.stripe_checkout_sessions (created_at desc, environment) where last_error is not null;
comment on table payments.stripe_checkout_sessions is
  'Checkout Sessions (https://docs.stripe.com/api/checkout/sessions): those that app users began here, as the policies on this table allow, and those that Stripe reported.';
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

create table if not exists payments.offers (
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  offer_id text not null constraint offer_id_is_a_name check (offer_id ~ '^[A-Za-z0-9_-]{1,100}$'),
  price_id text constraint price_id_has_1_to_255_characters check (length(price_id) between 1 and 255),
  lookup_key text constraint lookup_key_has_1_to_255_characters check (length(lookup_key) between 1 and 255),
  product_id text constraint product_id_has_1_to_255_characters check (length(product_id) between 1 and 255),
  mode text not null constraint mode_sells_something check (mode in ('payment', 'subscription')),
  minimum_quantity integer not null default 1,
  maximum_quantity integer not null default 1,
  roles text[] constraint roles_are_of_app_users check (roles <@ '{anon,authenticated}' and roles <> '{}'),
  subject_types text[] constraint subject_types_are_not_empty check (subject_types <> '{}'),
  starts_at timestamptz,
  ends_at timestamptz,
  allowed_options text[] not null default '{}',
  forced_options jsonb not null default '{}'
    constraint forced_options_are_an_object check (jsonb_typeof(forced_options) = 'object'),
  allow_pay_what_you_want boolean not null default false,
  allow_price_data boolean not null default false,
  currency text constraint currency_has_three_letters check (currency ~ '^[a-z]{3}$'),
  minimum_amount bigint constraint minimum_amount_is_not_negative check (minimum_amount >= 0),
  maximum_amount bigint,
  product_group text
    constraint product_group_has_1_to_100_characters check (length(product_group) between 1 and 100),
  one_plan boolean not null default false,
  trial_once boolean not null default true,
  active boolean not null default true,
  managed_by text constraint managed_by_has_1_to_100_characters check (length(managed_by) between 1 and 100),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint offers_pkey primary key (offer_id, environment),
  constraint one_thing_is_offered check (num_nonnulls(price_id, lookup_key, product_id) = 1),
  constraint quantity_is_a_range
    check (minimum_quantity >= 1 and minimum_quantity <= maximum_quantity and maximum_quantity <= 999),
  constraint offer_starts_before_it_ends check (starts_at < ends_at),
  constraint price_data_has_a_product_and_limits
    check (not allow_price_data or num_nonnulls(product_id, currency, minimum_amount) = 3),
  constraint amounts_are_a_range check (minimum_amount <= maximum_amount),
  constraint one_plan_has_a_group check (not one_plan or (product_group is not null and mode = 'subscription'))
);
create index if not exists offers_price_id_idx on payments.offers (price_id, environment) where price_id is not null;
create index if not exists offers_lookup_key_idx
  on payments.offers (lookup_key, environment) where lookup_key is not null;
create index if not exists offers_product_id_idx
  on payments.offers (product_id, environment) where product_id is not null;
comment on table payments.offers is
  'What app users may buy, and how. While an environment has no offer, the policies alone decide. Once it has one, app users can buy nothing else; the service can.';
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
comment on column payments.offers.allowed_options is
  'Options that a buyer''s request may have, by the names of Stripe''s parameters. ui_mode, return_url, redirect_on_completion and locale are always allowed. discounts allows promotion codes; discounts.coupon also coupons by their ids.';
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
comment on column payments.offers.managed_by is
  'What writes the offer, and alone changes it: catalog for `pg-payments catalog push`. Null for one that was written by hand.';
comment on column payments.offers.created_at is 'When this row was created.';
comment on column payments.offers.updated_at is 'When this row last changed.';

create table if not exists payments.stripe_customer_portal_sessions (
  id uuid not null default gen_random_uuid() constraint stripe_customer_portal_sessions_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  status text not null default 'initialized'
    constraint status_is_known check (status in ('initialized', 'created', 'failed')),
  subject_type text not null constraint subject_type_has_1_to_100_characters check (length(subject_type) between 1 and 100),
  subject_id text not null constraint subject_id_has_1_to_255_characters check (length(subject_id) between 1 and 255),
  customer_id text,
  return_url text,
  configuration_id text,
  url text,
  last_error text,
  raw jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  options jsonb not null default '{}' constraint options_are_an_object check (jsonb_typeof(options) = 'object')
);
create index if not exists stripe_customer_portal_sessions_customer_id_idx
  on payments.stripe_customer_portal_sessions (customer_id, environment) where customer_id is not null;
create index if not exists stripe_customer_portal_sessions_subject_idx
  on payments.stripe_customer_portal_sessions (subject_id, subject_type, environment);
create index if not exists stripe_customer_portal_sessions_created_at_idx
  on payments.stripe_customer_portal_sessions (created_at desc, environment);
create index if not exists stripe_customer_portal_sessions_uncommon_idx
  on payments.stripe_customer_portal_sessions (status, created_at desc, environment) where status <> 'created';
comment on table payments.stripe_customer_portal_sessions is
  'Billing Portal sessions (https://docs.stripe.com/api/customer_portal/sessions) that app users opened, as the policies on this table allow.';
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

--! split: 0050-subscriptions.sql
create table if not exists payments.stripe_subscriptions (
  id uuid not null default gen_random_uuid() constraint stripe_subscriptions_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  subscription_id text not null,
  customer_id text not null,
  subject_type text,
  subject_id text,
  status text not null,
  current_period_start timestamptz,
  current_period_end timestamptz,
  cancel_at_period_end boolean not null default false,
  cancel_at timestamptz,
  canceled_at timestamptz,
  trial_start timestamptz,
  trial_end timestamptz,
  latest_invoice_id text,
  pause_collection_behavior text,
  pause_collection_resumes_at timestamptz,
  schedule_id text,
  next_phase_at timestamptz,
  next_phase_items jsonb,
  pending_update jsonb,
  pending_update_expires_at timestamptz,
  metadata jsonb not null default '{}',
  raw jsonb not null default '{}',
  synced_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  subject_version bigint,
  version bigint not null default 0,
  constraint subject_is_whole check ((subject_type is null) = (subject_id is null)),
  constraint stripe_subscriptions_subscription_id_key unique (subscription_id, environment)
);
-- Like payments.webhook_events: objects of up to 8 kB stay in their row.
alter table payments.stripe_subscriptions set (toast_tuple_target = 8160);
create index if not exists stripe_subscriptions_customer_id_idx
  on payments.stripe_subscriptions (customer_id, environment);
create index if not exists stripe_subscriptions_subject_idx
  on payments.stripe_subscriptions (subject_id, subject_type, environment)
  where subject_type is not null and subject_id is not null;
create index if not exists stripe_subscriptions_updated_at_idx
  on payments.stripe_subscriptions (updated_at, environment);
create index if not exists stripe_subscriptions_status_idx
  on payments.stripe_subscriptions (status, updated_at, environment);
create index if not exists stripe_subscriptions_ending_idx
  on payments.stripe_subscriptions (updated_at, environment) where cancel_at_period_end;
comment on table payments.stripe_subscriptions is
  'Stripe subscriptions (https://docs.stripe.com/api/subscriptions). canceled and incomplete_expired are final.';
comment on column payments.stripe_subscriptions.id is 'Local id.';
comment on column payments.stripe_subscriptions.environment is 'test or live.';
comment on column payments.stripe_subscriptions.subscription_id is 'Stripe id (sub_…).';
comment on column payments.stripe_subscriptions.customer_id is 'Stripe customer (cus_…) that pays.';
comment on column payments.stripe_subscriptions.subject_type is 'Kind of billing subject; once known it stays.';
comment on column payments.stripe_subscriptions.subject_id is 'Id of the billing subject in the app; once known it stays.';
comment on column payments.stripe_subscriptions.status is
  'Stripe''s status: incomplete, incomplete_expired, trialing, active, past_due, canceled, unpaid, paused, or a word that Stripe adds. trialing usually gives access; active and past_due do once money has arrived. Stripe still retries the payment of one that is past_due. Give no access for a word you do not know.';
comment on column payments.stripe_subscriptions.current_period_start is 'Start of the current period, paid or not: the earliest of its items, which have their own periods.';
comment on column payments.stripe_subscriptions.current_period_end is 'End of the current period, paid or not: the latest of its items, which have their own periods.';
comment on column payments.stripe_subscriptions.cancel_at_period_end is 'Whether it ends with the current period.';
comment on column payments.stripe_subscriptions.cancel_at is 'When it is set to end; may be set while cancel_at_period_end is false.';
comment on column payments.stripe_subscriptions.canceled_at is 'When cancellation was requested, which may be before access ends.';
comment on column payments.stripe_subscriptions.trial_start is 'Start of the trial.';
comment on column payments.stripe_subscriptions.trial_end is 'End of the trial.';
comment on column payments.stripe_subscriptions.latest_invoice_id is 'Newest invoice (in_…).';
comment on column payments.stripe_subscriptions.pause_collection_behavior is
  'How Stripe treats invoices while collection is paused: keep_as_draft, mark_uncollectible or void. Null while it is not paused. The status stays active.';
comment on column payments.stripe_subscriptions.pause_collection_resumes_at is 'When Stripe resumes collection; null if somebody has to resume it.';
comment on column payments.stripe_subscriptions.schedule_id is 'Subscription schedule (sub_sched_…) that changes it later; null without one.';
comment on column payments.stripe_subscriptions.next_phase_at is 'When the next phase of its schedule begins; null if none follows.';
comment on column payments.stripe_subscriptions.next_phase_items is 'What it has from then on: [{"price_id": "price_…", "quantity": 1}].';
comment on column payments.stripe_subscriptions.pending_update is
  'Change that Stripe makes once its invoice is paid, as Stripe describes it (https://docs.stripe.com/billing/subscriptions/pending-updates).';
comment on column payments.stripe_subscriptions.pending_update_expires_at is 'When Stripe drops that change unless it is paid.';
comment on column payments.stripe_subscriptions.metadata is 'Stripe metadata, text to text.';
comment on column payments.stripe_subscriptions.raw is 'The object as Stripe sent it last.';
comment on column payments.stripe_subscriptions.synced_at is 'When this row was last updated from Stripe.';
comment on column payments.stripe_subscriptions.created_at is 'When this row was created.';
comment on column payments.stripe_subscriptions.updated_at is 'When this row last changed.';
comment on column payments.stripe_subscriptions.subject_version is 'Version of the snapshot whose metadata named the subject; null while the subject comes from the customer, or is unknown.';
comment on column payments.stripe_subscriptions.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';

create index if not exists stripe_subscriptions_schedule_id_idx
  on payments.stripe_subscriptions (schedule_id, environment) where schedule_id is not null;

create table if not exists payments_private.subscription_schedules (
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  schedule_id text not null,
  status text not null,
  next_phase_at timestamptz,
  next_phase_items jsonb,
  version bigint not null,
  constraint subscription_schedules_pkey primary key (schedule_id, environment)
);
comment on table payments_private.subscription_schedules is
  'The next phase of each subscription schedule (https://docs.stripe.com/api/subscription_schedules), for the columns of payments.stripe_subscriptions.';
comment on column payments_private.subscription_schedules.environment is 'test or live.';
comment on column payments_private.subscription_schedules.schedule_id is 'Stripe id (sub_sched_…).';
comment on column payments_private.subscription_schedules.status is 'Stripe''s status: not_started, active, completed, released or canceled.';
comment on column payments_private.subscription_schedules.next_phase_at is 'When the next phase begins; null if none follows.';
comment on column payments_private.subscription_schedules.next_phase_items is 'Prices and quantities of that phase.';
comment on column payments_private.subscription_schedules.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';

create table if not exists payments.stripe_subscription_items (
  id uuid not null default gen_random_uuid() constraint stripe_subscription_items_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  subscription_item_id text not null,
  subscription_id text not null,
  product_id text,
  price_id text,
  quantity bigint,
  current_period_start timestamptz,
  current_period_end timestamptz,
  metadata jsonb not null default '{}',
  raw jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint stripe_subscription_items_subscription_item_id_key unique (subscription_item_id, environment)
);
create index if not exists stripe_subscription_items_price_id_idx
  on payments.stripe_subscription_items (price_id, environment) where price_id is not null;
create index if not exists stripe_subscription_items_product_id_idx
  on payments.stripe_subscription_items (product_id, environment) where product_id is not null;
create index if not exists stripe_subscription_items_subscription_id_idx
  on payments.stripe_subscription_items (subscription_id, environment);
comment on table payments.stripe_subscription_items is
  'The items of each subscription (https://docs.stripe.com/api/subscription_items), as of the snapshot that the subscription shows.';
comment on column payments.stripe_subscription_items.id is 'Local id.';
comment on column payments.stripe_subscription_items.environment is 'test or live.';
comment on column payments.stripe_subscription_items.subscription_item_id is 'Stripe id (si_…).';
comment on column payments.stripe_subscription_items.subscription_id is 'Subscription (sub_…) that it belongs to.';
comment on column payments.stripe_subscription_items.product_id is 'Product (prod_…).';
comment on column payments.stripe_subscription_items.price_id is 'Price (price_…).';
comment on column payments.stripe_subscription_items.quantity is 'Number of units; null for metered prices.';
comment on column payments.stripe_subscription_items.current_period_start is 'Start of the current period of the item, paid or not.';
comment on column payments.stripe_subscription_items.current_period_end is
  'End of the current period of the item. Items of one subscription may differ, for example a monthly plan and a yearly add-on.';
comment on column payments.stripe_subscription_items.metadata is 'Stripe metadata, text to text.';
comment on column payments.stripe_subscription_items.raw is 'Empty: the item is part of stripe_subscriptions.raw.';
comment on column payments.stripe_subscription_items.created_at is 'When this row was created.';
comment on column payments.stripe_subscription_items.updated_at is 'When this row last changed.';

--! split: 0060-transactions.sql
-- Money. A transaction is derived from the payment objects that belong to it; nothing increments it.

create table if not exists payments.transactions (
  id uuid not null default gen_random_uuid() constraint transactions_pkey primary key,
  provider text not null default 'stripe',
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  type text not null constraint type_is_known check (
    type in ('one_time_payment', 'subscription_invoice', 'refund', 'failed_payment')
  ),
  status text not null constraint status_is_known check (
    status in ('succeeded', 'failed', 'pending', 'refunded', 'partially_refunded')
  ),
  subject_type text,
  subject_id text,
  provider_customer_id text,
  customer_email_snapshot text,
  provider_object_type text,
  provider_object_id text,
  provider_parent_object_type text,
  provider_parent_object_id text,
  related_object_ids jsonb not null default '{}',
  amount bigint constraint amount_is_not_negative check (amount >= 0),
  amount_refunded bigint not null default 0 constraint amount_refunded_is_not_negative check (amount_refunded >= 0),
  currency text,
  description text,
  paid_at timestamptz,
  failed_at timestamptz,
  refunded_at timestamptz,
  provider_created_at timestamptz,
  raw jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  disputed_at timestamptz,
  dispute_amount bigint,
  dispute_status text,
  amount_disputed bigint not null default 0 constraint amount_disputed_is_not_negative check (amount_disputed >= 0),
  receipt_url text,
  card_brand text,
  card_last4 text,
  constraint subject_is_whole check ((subject_type is null) = (subject_id is null))
);
-- A payment is updated several times. Free space on its page lets Postgres do that without touching the indexes.
alter table payments.transactions set (fillfactor = 85);
create unique index if not exists transactions_provider_object_key
  on payments.transactions (provider_object_id, provider_object_type, environment, provider)
  where provider_object_type is not null and provider_object_id is not null;
create index if not exists transactions_provider_created_at_idx
  on payments.transactions (provider_created_at desc, environment);
create index if not exists transactions_provider_customer_id_idx
  on payments.transactions (provider_customer_id, environment) where provider_customer_id is not null;
create index if not exists transactions_subject_idx
  on payments.transactions (subject_id, subject_type, environment)
  where subject_type is not null and subject_id is not null;
-- For the filters of the list and the sums by day. An update that changes none of these columns touches no index.
create index if not exists transactions_type_idx
  on payments.transactions (type, provider_created_at desc, environment);
create index if not exists transactions_uncommon_idx
  on payments.transactions (status, provider_created_at desc, environment) where status <> 'succeeded';
create index if not exists transactions_currency_amount_idx
  on payments.transactions (currency, amount, environment) where currency is not null;
create index if not exists transactions_paid_at_idx
  on payments.transactions (paid_at, environment) include (currency, amount) where paid_at is not null;
create index if not exists transactions_refunded_at_idx
  on payments.transactions (refunded_at, environment) include (currency, amount)
  where type = 'refund' and refunded_at is not null;
create index if not exists transactions_failed_at_idx
  on payments.transactions (failed_at, environment) include (currency)
  where type = 'failed_payment' and failed_at is not null;
create index if not exists transactions_disputed_at_idx
  on payments.transactions (disputed_at, environment) include (currency, amount_disputed) where disputed_at is not null;
comment on table payments.transactions is
  'Payments and refunds, one row each, in whatever order its Stripe objects arrive. Amounts are integers in the currency''s minor unit.';
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

create table if not exists payments_private.payment_objects (
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  object_id text not null,
  object_type text not null constraint object_type_is_known check (
    object_type in (
      'payment_intent', 'charge', 'invoice', 'order_reference', 'invoice_payment', 'checkout_session', 'refund', 'dispute'
    )
  ),
  payment_id uuid not null,
  version bigint not null default 0,
  state text constraint state_is_known check (state in ('succeeded', 'pending', 'failed')),
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
  provider_created_at timestamptz,
  succeeded_at timestamptz,
  failed_at timestamptz,
  completed_at timestamptz,
  refunded_at timestamptz,
  failure_seen_at timestamptz,
  canceled_at timestamptz,
  canceled_charge_id text,
  failed_charge_ids text[],
  version_at timestamptz generated always as (to_timestamp((version & ((1::bigint << 50) - 1)) >> 3)) stored,
  constraint payment_objects_pkey primary key (object_id, environment)
);
alter table payments_private.payment_objects set (fillfactor = 85); -- like payments.transactions
create index if not exists payment_objects_payment_id_idx on payments_private.payment_objects (payment_id);
create index if not exists payment_objects_order_reference_idx
  on payments_private.payment_objects (left(object_id, 25)) where object_type = 'invoice';
create index if not exists payment_objects_subscription_id_idx
  on payments_private.payment_objects (subscription_id, environment) where subscription_id is not null;
comment on table payments_private.payment_objects is
  'The newest snapshot of each Stripe object that a payment consists of, in the columns that matter. A row with version 0 was only linked to by another object so far.';
comment on column payments_private.payment_objects.environment is 'test or live.';
comment on column payments_private.payment_objects.object_id is 'Stripe id.';
comment on column payments_private.payment_objects.object_type is 'Kind of object.';
comment on column payments_private.payment_objects.payment_id is 'The payment that the object belongs to: its payments.transactions.id.';
comment on column payments_private.payment_objects.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';
comment on column payments_private.payment_objects.state is 'What the snapshot says of the money: succeeded, pending or failed; null if it says nothing.';
comment on column payments_private.payment_objects.status is 'Stripe''s own status of the object.';
comment on column payments_private.payment_objects.amount is 'In the minor unit.';
comment on column payments_private.payment_objects.amount_refunded is 'Of a charge, in the minor unit; includes amount_released.';
comment on column payments_private.payment_objects.amount_released is
  'What was authorized and will not be captured, in the minor unit. Stripe records it as the first refund of the charge, and no money moved. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method';
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

do $$
begin
  if to_regtype('payments_private.payment_snapshot') is null then
    create type payments_private.payment_snapshot as (
      object payments_private.payment_objects, linked_types text[], linked_ids text[]
    );
  end if;
end
$$;
comment on type payments_private.payment_snapshot is
  'What a Stripe object says of a payment. Has the kinds and ids of the objects that it links to as parts of the same payment.';

do $$
begin
  if to_regtype('payments_private.session_snapshot') is null then
    create type payments_private.session_snapshot as (
      session_id text,
      mode text,
      status text,
      is_settled boolean,
      version bigint,
      customer_id text,
      metadata jsonb,
      subject payments.billing_subject,
      subject_version bigint,
      reference uuid,
      named_row_id text,
      attempt text
    );
  end if;
  if to_regtype('payments_private.written_subscription') is null then
    create type payments_private.written_subscription as (
      position integer,
      subscription_id text,
      customer_id text,
      provider_created_at timestamptz,
      version bigint,
      subject_type text,
      subject_id text,
      subject_version bigint,
      is_applied boolean,
      is_new boolean,
      row_version bigint,
      row_subject_type text,
      row_subject_id text,
      row_subject_version bigint
    );
  end if;
end
$$;
comment on type payments_private.session_snapshot is
  'What one snapshot of a Checkout Session says, in the words of payments.stripe_checkout_sessions, and the row that it names.';
comment on type payments_private.written_subscription is
  'One snapshot of a subscription beside its row, and whether the row shows the snapshot now.';

--! split: 0065-invoices.sql
-- Invoices, credit notes, and what charges say of cards and receipts.

create table if not exists payments.stripe_invoices (
  id uuid not null default gen_random_uuid() constraint stripe_invoices_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
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
  period_start timestamptz,
  period_end timestamptz,
  due_at timestamptz,
  finalized_at timestamptz,
  paid_at timestamptz,
  voided_at timestamptz,
  provider_created_at timestamptz,
  deleted boolean not null default false,
  metadata jsonb not null default '{}',
  synced_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  named_subject_type text,
  named_subject_id text,
  subject_version bigint,
  version bigint not null default 0,
  constraint subject_is_whole check ((subject_type is null) = (subject_id is null)),
  constraint stripe_invoices_invoice_id_key unique (invoice_id, environment)
);
alter table payments.stripe_invoices set (fillfactor = 85); -- like payments.transactions
create index if not exists stripe_invoices_customer_id_idx
  on payments.stripe_invoices (customer_id, environment) where customer_id is not null;
create index if not exists stripe_invoices_number_idx
  on payments.stripe_invoices (number, environment) where number is not null;
create index if not exists stripe_invoices_provider_created_at_idx
  on payments.stripe_invoices (provider_created_at desc, environment);
create index if not exists stripe_invoices_subject_idx
  on payments.stripe_invoices (subject_id, subject_type, environment)
  where subject_type is not null and subject_id is not null;
create index if not exists stripe_invoices_subscription_id_idx
  on payments.stripe_invoices (subscription_id, environment) where subscription_id is not null;
comment on table payments.stripe_invoices is
  'Stripe invoices (https://docs.stripe.com/api/invoices). Amounts are integers in the currency''s minor unit. A draft that was deleted stays as a tombstone with deleted = true.';
comment on column payments.stripe_invoices.id is 'Local id.';
comment on column payments.stripe_invoices.environment is 'test or live.';
comment on column payments.stripe_invoices.invoice_id is 'Stripe id (in_…).';
comment on column payments.stripe_invoices.number is 'Number that the customer sees; null while it is a draft.';
comment on column payments.stripe_invoices.status is
  'Stripe''s status: draft, open, paid, uncollectible, void, or a word that Stripe adds.';
comment on column payments.stripe_invoices.customer_id is 'Stripe customer (cus_…).';
comment on column payments.stripe_invoices.subject_type is
  'Kind of billing subject: the one that the invoice names, else that of its subscription, else that of its customer.';
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

create table if not exists payments_private.charge_details (
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  charge_id text not null,
  receipt_url text,
  card_brand text,
  card_last4 text,
  version bigint not null,
  constraint charge_details_pkey primary key (charge_id, environment)
);
comment on table payments_private.charge_details is
  'What charges say of their receipt and card. It is apart from payment_objects, because it says nothing of money.';
comment on column payments_private.charge_details.environment is 'test or live.';
comment on column payments_private.charge_details.charge_id is 'Stripe id (ch_… or py_…).';
comment on column payments_private.charge_details.receipt_url is 'Stripe''s page of the receipt.';
comment on column payments_private.charge_details.card_brand is 'Brand of the card, for example visa.';
comment on column payments_private.charge_details.card_last4 is 'Last four digits of the card.';
comment on column payments_private.charge_details.version is 'Which snapshot the row shows; see payments_private.snapshot_version().';

create table if not exists payments.stripe_credit_notes (
  id uuid not null default gen_random_uuid() constraint stripe_credit_notes_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
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
  voided_at timestamptz,
  provider_created_at timestamptz,
  metadata jsonb not null default '{}',
  synced_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 0,
  constraint subject_is_whole check ((subject_type is null) = (subject_id is null)),
  constraint stripe_credit_notes_credit_note_id_key unique (credit_note_id, environment)
);
create index if not exists stripe_credit_notes_customer_id_idx
  on payments.stripe_credit_notes (customer_id, environment) where customer_id is not null;
create index if not exists stripe_credit_notes_invoice_id_idx on payments.stripe_credit_notes (invoice_id, environment);
create index if not exists stripe_credit_notes_provider_created_at_idx
  on payments.stripe_credit_notes (provider_created_at desc, environment);
create index if not exists stripe_credit_notes_subject_idx
  on payments.stripe_credit_notes (subject_id, subject_type, environment)
  where subject_type is not null and subject_id is not null;
comment on table payments.stripe_credit_notes is
  'Stripe credit notes (https://docs.stripe.com/api/credit_notes), which reduce what an invoice asks for. Amounts are integers in the currency''s minor unit.';
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

--! split: 0070-ledger-and-secrets.sql
create table if not exists payments_private.subject_assignments (
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  object_type text not null constraint object_type_is_known check (object_type in ('customer', 'subscription')),
  object_id text not null,
  subject_type text not null,
  subject_id text not null,
  assigned_at timestamptz not null default clock_timestamp(),
  constraint subject_assignments_pkey primary key (object_id, environment)
);
comment on table payments_private.subject_assignments is
  'Owners that somebody assigned here with payments.assign_subject: facts of ours, which no event changes and from which a rebuild begins.';
comment on column payments_private.subject_assignments.environment is 'test or live.';
comment on column payments_private.subject_assignments.object_type is 'customer or subscription.';
comment on column payments_private.subject_assignments.object_id is 'Stripe id (cus_… or sub_…).';
comment on column payments_private.subject_assignments.subject_type is 'Kind of billing subject that it belongs to.';
comment on column payments_private.subject_assignments.subject_id is 'Id of that billing subject in the app.';
comment on column payments_private.subject_assignments.assigned_at is
  'When it was assigned. Of a customer, what Stripe made before it belongs to the subject, whatever its metadata names.';

create table if not exists payments_private.erased_objects (
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  object_id text not null,
  subject_type text not null,
  subject_id text not null,
  erased_at timestamptz not null default clock_timestamp(),
  constraint erased_objects_pkey primary key (object_id, environment)
);
comment on table payments_private.erased_objects is
  'Stripe objects of billing subjects whose personal data payments.erase_subject removed. What arrives later about them is redacted before it is stored.';
comment on column payments_private.erased_objects.environment is 'test or live.';
comment on column payments_private.erased_objects.object_id is 'Stripe id of a customer, a payment method or an object of a payment, or the id of a checkout that was begun here.';
comment on column payments_private.erased_objects.subject_type is 'Kind of the billing subject.';
comment on column payments_private.erased_objects.subject_id is 'Id of the billing subject in the app.';
comment on column payments_private.erased_objects.erased_at is 'When its personal data was removed first.';

create table if not exists payments_private.unowned_objects (
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  object_id text not null,
  constraint unowned_objects_pkey primary key (object_id, environment)
);
comment on table payments_private.unowned_objects is
  'Customers with a transaction, an invoice, a credit note or a subscription that belongs, or belonged, to no billing subject. Once somebody names their owner, such rows move to it. A customer that is not here has none, so that a short path need not search for any. A row that no longer applies costs time and nothing else.';
comment on column payments_private.unowned_objects.environment is 'test or live.';
comment on column payments_private.unowned_objects.object_id is 'Stripe customer (cus_…), or the subscription (sub_…) of a row that names no customer.';

create table if not exists payments.webhook_events (
  id uuid not null default gen_random_uuid() constraint webhook_events_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  event_type text not null,
  livemode boolean not null,
  object_type text,
  object_id text,
  processing_status text not null default 'pending'
    constraint processing_status_is_known check (processing_status in ('pending', 'processed', 'failed', 'ignored')),
  attempt_count integer not null default 0,
  last_error text,
  payload jsonb not null,
  received_at timestamptz not null default now(),
  processed_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  provider text not null default 'stripe',
  provider_event_id text not null,
  provider_account_id text,
  provider_created_at timestamptz,
  next_attempt_at timestamptz,
  constraint webhook_events_provider_event_id_key unique (provider_event_id, environment, provider),
  constraint livemode_matches_environment check (livemode = (environment = 'live')),
  constraint processed_at_only_when_finished
    check ((processed_at is not null) = (processing_status in ('processed', 'ignored'))),
  constraint next_attempt_only_when_failed check (next_attempt_at is null or processing_status = 'failed')
);
-- Events of up to 8 kB stay in their row uncompressed, because compression would cost more than the rest of an insert.
alter table payments.webhook_events set (toast_tuple_target = 8160);
create index if not exists webhook_events_object_idx
  on payments.webhook_events (object_id, environment) where object_id is not null;
create index if not exists webhook_events_unfinished_idx
  on payments.webhook_events (next_attempt_at, environment) where processing_status in ('pending', 'failed');
create index if not exists webhook_events_received_at_idx on payments.webhook_events (received_at, environment);
create index if not exists webhook_events_type_idx on payments.webhook_events (event_type, received_at, environment);
create index if not exists webhook_events_ignored_idx
  on payments.webhook_events (received_at, environment) where processing_status = 'ignored';
comment on table payments.webhook_events is
  'The ledger: every verified Stripe event and its outcome. Fulfilment is an after insert or update trigger on this table that checks for processing_status = processed.';
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

do $$
begin
  if to_regtype('payments.purchase') is null then
    create type payments.purchase as (
      id text,
      environment text,
      kind text,
      status text,
      is_paid boolean,
      subject_type text,
      subject_id text,
      caller_id text,
      customer_id text,
      customer_email text,
      items jsonb,
      amount bigint,
      amount_subtotal bigint,
      amount_undone bigint,
      currency text,
      metadata jsonb,
      checkout_session_id text,
      invoice_id text,
      payment_intent_id text,
      subscription_id text,
      paid_at timestamptz,
      shipping jsonb
    );
  end if;
end
$$;
comment on type payments.purchase is
  'A purchase as it stands now: what was bought, by whom, for how much, and whether it is paid. payments.purchase_of(event) returns it.';
comment on column payments.purchase.id is 'The purchase, the same for each of its events: its invoice (in_…) if it has one, else its Checkout Session (cs_…).';
comment on column payments.purchase.environment is 'test or live.';
comment on column payments.purchase.kind is 'one_time, subscription_start (the first invoice), subscription_renewal, or subscription_other, for example after a change of plan.';
comment on column payments.purchase.status is 'pending, paid, failed, refunded (the whole amount), or charged_back (a dispute was lost, also about a part).';
comment on column payments.purchase.is_paid is 'Whether status is paid: the money has arrived, and not all of it went back.';
comment on column payments.purchase.subject_type is 'Kind of the billing subject; null for a guest.';
comment on column payments.purchase.subject_id is 'Id of the billing subject in the app.';
comment on column payments.purchase.caller_id is 'The signed-in user who started the checkout; null for a guest.';
comment on column payments.purchase.customer_id is 'Stripe customer (cus_…).';
comment on column payments.purchase.customer_email is 'E-mail address that the payment carries.';
comment on column payments.purchase.items is 'What was bought: [{price_id, product_id, lookup_key, quantity}]; [] if Stripe did not say. A price that the request made up has none of these ids, but price_data: {product_id, name, unit_amount, currency}.';
comment on column payments.purchase.amount is 'What was to be paid, in the currency''s minor unit.';
comment on column payments.purchase.amount_subtotal is 'The same before discounts and taxes.';
comment on column payments.purchase.amount_undone is 'How much of it went back: refunds and lost disputes, at most amount.';
comment on column payments.purchase.currency is 'Three lower-case letters.';
comment on column payments.purchase.metadata is 'The app''s own metadata of the checkout, without reserved keys. A browser may have chosen it.';
comment on column payments.purchase.checkout_session_id is 'Checkout Session (cs_…).';
comment on column payments.purchase.invoice_id is 'Invoice (in_…).';
comment on column payments.purchase.payment_intent_id is 'PaymentIntent (pi_…).';
comment on column payments.purchase.subscription_id is 'Subscription (sub_…); null for a one-time purchase.';
comment on column payments.purchase.paid_at is 'When the money arrived.';
comment on column payments.purchase.shipping is 'Where it is shipped to and what that costs: {amount_total, shipping_rate, name, phone, address}, each null if Stripe did not say. amount_total is part of amount, in the currency''s minor unit; address is Stripe''s. Null if nothing is shipped. Personal data: payments.erase_subject removes name, phone and address here, not in tables of the app.';

create table if not exists payments_private.secrets (
  id uuid not null default gen_random_uuid() constraint secrets_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  kind text not null constraint kind_is_known check (kind in ('secret_key', 'webhook_secret')),
  key_id text not null,
  ciphertext text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  masked text,
  endpoint_id text
);
create index if not exists secrets_environment_kind_idx on payments_private.secrets (environment, kind, created_at);
create unique index if not exists secrets_endpoint_id_key
  on payments_private.secrets (endpoint_id, environment) where endpoint_id is not null;
comment on table payments_private.secrets is
  'Stripe keys and webhook signing secrets, encrypted before they reach Postgres (AES-256-GCM). Several signing secrets are valid at once while one replaces another.';
comment on column payments_private.secrets.id is 'Local id.';
comment on column payments_private.secrets.environment is 'test or live.';
comment on column payments_private.secrets.kind is 'secret_key or webhook_secret.';
comment on column payments_private.secrets.key_id is 'Id of the encryption key that decrypts it.';
comment on column payments_private.secrets.ciphertext is 'Nonce and encrypted value, base64.';
comment on column payments_private.secrets.created_at is 'When it was stored.';
comment on column payments_private.secrets.expires_at is 'When it stops being used; null while it is current.';
comment on column payments_private.secrets.masked is 'Of a secret key: its beginning and its last four characters, the only part that is ever shown.';
comment on column payments_private.secrets.endpoint_id is 'Of a signing secret: the webhook endpoint (we_…) that signs with it.';

create table if not exists payments_private.rate_counters (
  name text not null constraint rate_counters_pkey primary key,
  counted_from timestamptz not null,
  count integer not null constraint count_is_positive check (count > 0)
);
comment on table payments_private.rate_counters is 'What is limited in each minute, one row for each counter.';
comment on column payments_private.rate_counters.name is 'What is counted, for example guest checkouts of test.';
comment on column payments_private.rate_counters.counted_from is 'The minute that is counted.';
comment on column payments_private.rate_counters.count is 'How many there were in that minute.';

create table if not exists payments_private.refused_signatures (
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  reason text not null constraint reason_is_known check (reason in ('wrong', 'too_old')),
  refused bigint not null constraint refused_is_positive check (refused > 0),
  first_refused_at timestamptz not null default now(),
  last_refused_at timestamptz not null default now(),
  constraint refused_signatures_pkey primary key (environment, reason)
);
comment on table payments_private.refused_signatures is
  'Deliveries that the handlers refused for their signature since the last one that they accepted. At most one row for each environment and reason.';
comment on column payments_private.refused_signatures.environment is 'test or live.';
comment on column payments_private.refused_signatures.reason is
  'wrong: no signing secret in use made the signature. too_old: one did, and the signature was older than allowed.';
comment on column payments_private.refused_signatures.refused is 'How many were refused; those of one process within a few seconds may be missing.';
comment on column payments_private.refused_signatures.first_refused_at is 'When the first of them arrived.';
comment on column payments_private.refused_signatures.last_refused_at is 'When the last of them arrived.';

--! split: 0090-sync-runs.sql
-- Syncs: what they list from Stripe, their progress, and what differed.

create table if not exists payments.sync_runs (
  id uuid not null default gen_random_uuid() constraint sync_runs_pkey primary key,
  environment text not null constraint environment_is_test_or_live check (environment in ('test', 'live')),
  status text not null default 'running'
    constraint status_is_known check (status in ('running', 'succeeded', 'failed', 'interrupted')),
  -- payments_private.sync_kinds() has the same kinds
  kinds text[] not null constraint kinds_are_known check (
    cardinality(kinds) > 0 and kinds <@ array[
      'products', 'prices', 'customers', 'subscriptions', 'checkout_sessions', 'payment_intents', 'charges', 'invoices',
      'credit_notes', 'refunds', 'disputes'
    ]
  ),
  created_from timestamptz,
  created_before timestamptz,
  progress jsonb not null default '{}',
  drift jsonb not null default '{}',
  error text,
  attempt integer not null default 1,
  lease uuid,
  started_at timestamptz not null default now(),
  heartbeat_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint range_is_not_empty check (created_from < created_before),
  constraint finished_at_unless_running check ((finished_at is null) = (status = 'running')),
  constraint lease_only_while_running check ((lease is not null) = (status = 'running')),
  constraint error_only_when_failed check ((error is not null) = (status = 'failed'))
);
create unique index if not exists sync_runs_running_key on payments.sync_runs (environment) where status = 'running';
create index if not exists sync_runs_started_at_idx on payments.sync_runs (started_at desc, environment);
comment on table payments.sync_runs is
  'Syncs of an environment with Stripe, one row each, with their progress, so that a stopped sync resumes where it was.';
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

alter table payments.provider_connections
  add column if not exists events_complete_from timestamptz,
  add column if not exists events_complete_until timestamptz;
comment on column payments.provider_connections.events_complete_from is
  'The ledger holds every event since this instant; earlier ones were never meant for this database.';
comment on column payments.provider_connections.events_complete_until is
  'The ledger was last compared with Stripe''s list of events until this instant; every earlier event is in it.';
