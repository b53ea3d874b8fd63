--! Previous: sha1:587dca3ba561a8bb92891b088f3881d329028a24
--! Hash: sha1:c642ec1c14499a396ca95164601b5dfa9adeaf75
--! Message: functions

--! Included access/check_installation.sql
/*
 * Refuses a database without the tables of pg-payments, before functions, policies and grants meet the tables of
 * another product. It comes first in the migration. The first statement makes the session read-only, because psql
 * without ON_ERROR_STOP continues after the error of the second.
 */
select set_config('default_transaction_read_only', 'on', false) as refused
where (
  select count(*)
  from pg_catalog.pg_type as t
  join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
  where (n.nspname, t.typname) in (('payments', 'billing_subject'), ('payments_private', 'snapshot'))
) < 2;

do $$
begin
  if (
    select count(*)
    from pg_catalog.pg_type as t
    join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
    where (n.nspname, t.typname) in (('payments', 'billing_subject'), ('payments_private', 'snapshot'))
  ) < 2 then
    raise exception 'The tables of pg-payments are not in the database %.', current_database()
      using errcode = 'SP032',
            hint = 'Apply the files of sql/committed in order: 000001-tables.sql comes first, and it must succeed.';
  end if;
end
$$;
--! EndIncluded access/check_installation.sql

--! Included projection/private/tg__unowned.sql
/*
 * Trigger function: remembers the customer of a row that belongs to no billing subject, or its subscription if it names
 * no customer. An event that names their owner moves such rows, so it takes the general path; see take_claim.
 */
create or replace function payments_private.tg__unowned()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the role that writes the row to unowned_objects
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id text;
begin
  if tg_table_name = 'transactions' then
    v_id := coalesce(new.provider_customer_id, new.related_object_ids ->> 'subscription');
  else
    v_id := new.customer_id;
    if v_id is null then -- then it is an invoice
      v_id := new.subscription_id;
    end if;
  end if;
  insert into payments_private.unowned_objects (environment, object_id)
  values (new.environment, v_id)
  on conflict on constraint unowned_objects_pkey do nothing;
  return null;
end;
$$;

revoke all on function payments_private.tg__unowned() from public, anon, authenticated;
--! EndIncluded projection/private/tg__unowned.sql

--! Included checkout/private/have_common_currency.sql
/*
 * Returns whether the prices of a checkout that are known here have a currency in common: its own, or one of its
 * currency_options. A price that the request makes up has one.
 */
create or replace function payments_private.have_common_currency(environment text, line_items jsonb)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    with known as (
      select distinct i.position, c.currency
      from jsonb_array_elements(line_items) with ordinality as i (item, position)
      left join payments.stripe_prices as p
        on p.price_id = i.item ->> 'priceId' and p.environment = have_common_currency.environment
      cross join lateral (
        select coalesce(i.item #>> '{priceData,currency}', p.currency) as currency
        union all
        select o.key
        from jsonb_each(
          case when jsonb_typeof(p.raw -> 'currency_options') = 'object' then p.raw -> 'currency_options' end
        ) as o (key, value)
      ) as c
      where c.currency is not null
    )
    select
    from known as k
    group by k.currency
    having count(*) = (select count(distinct n.position) from known as n)
  );
end;
$$;

revoke all on function payments_private.have_common_currency(text, jsonb) from public, anon, authenticated;
--! EndIncluded checkout/private/have_common_currency.sql
--! Included checkout/private/tg_sessions__prices.sql
/*
 * Trigger function: raises for prices of a checkout that do not fit. What it compares never changes at Stripe, so a row
 * that is behind Stripe is right as well. Stripe judges prices that have no row here.
 *   SP075  one recurs in mode payment, or none recurs in mode subscription
 *   SP080  they have no currency in common; a price may have currency_options beside its own currency, and has them here
 *          if Stripe was asked for them. Stripe wants the prices of one checkout to have the same currency of their own:
 *          https://docs.stripe.com/payments/checkout/localize-prices/manual-currency-prices
 */
create or replace function payments_private.tg_sessions__prices()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to payments.stripe_prices
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_types text[];
  v_currencies text[];
begin
  select
    array_agg(
      case
        when i.item ? 'priceData' then case when i.item -> 'priceData' ? 'recurring' then 'recurring' else 'one_time' end
        else p.type
      end
    ),
    array_agg(distinct coalesce(i.item #>> '{priceData,currency}', p.currency))
      filter (where coalesce(i.item #>> '{priceData,currency}', p.currency) is not null)
  into v_types, v_currencies
  from jsonb_array_elements(new.line_items) as i (item)
  left join payments.stripe_prices as p on p.price_id = i.item ->> 'priceId' and p.environment = new.environment;
  if new.mode = 'payment' and 'recurring' = any (v_types) then
    raise exception 'lineItems has a recurring price, which mode payment does not take.'
      using errcode = 'SP075', hint = 'Use mode subscription, or a price that is paid once.';
  end if;
  if new.mode = 'subscription' and v_types <@ array['one_time'] then
    raise exception 'lineItems has no recurring price, which mode subscription needs.'
      using errcode = 'SP075', hint = 'Use mode payment, or add a recurring price.';
  end if;
  if cardinality(v_currencies) > 1 and not payments_private.have_common_currency(new.environment, new.line_items) then
    raise exception 'The prices of lineItems have no currency in common: %.', array_to_string(v_currencies, ', ')
      using errcode = 'SP080', hint = 'Use prices of one currency, or begin a checkout for each.';
  end if;
  return null;
end;
$$;

revoke all on function payments_private.tg_sessions__prices() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_sessions__prices.sql

--! Included checkout/private/tg_portal_sessions__check.sql
/*
 * Trigger function: raises what begin_customer_portal_session raises for the same request.
 */
create or replace function payments_private.tg_portal_sessions__check()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to payments_private.check_portal_request
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_portal_request(
    new.subject_type, new.subject_id, new.return_url, new.configuration_id, new.options
  );
  return null;
end;
$$;

revoke all on function payments_private.tg_portal_sessions__check() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_portal_sessions__check.sql
--! Included checkout/private/tg_sessions__check.sql
/*
 * Trigger function: raises what begin_checkout_session raises for the same request. By now _110_lookup_keys has written
 * the priceId of items that name a lookup key.
 */
create or replace function payments_private.tg_sessions__check()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to payments_private.check_checkout_request
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_checkout_request(
    new.mode,
    coalesce(
      (
        select jsonb_agg(case when i.item ? 'lookupKey' then i.item - 'priceId' else i.item end order by i.position)
        from jsonb_array_elements(new.line_items) with ordinality as i (item, position)
      ),
      '[]'
    ),
    new.success_url, new.cancel_url, new.subject_type, new.subject_id, new.customer_email, new.metadata,
    new.idempotency_key, new.options
  );
  return null;
end;
$$;

revoke all on function payments_private.tg_sessions__check() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_sessions__check.sql
--! Included checkout/private/tg_sessions__times.sql
/*
 * Trigger function: checks the instants and the trial of a checkout; see check_checkout_times.
 */
create or replace function payments_private.tg_sessions__times()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to payments_private.check_checkout_times
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_checkout_times(new.environment, new.line_items, new.options);
  return null;
end;
$$;

revoke all on function payments_private.tg_sessions__times() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_sessions__times.sql
--! Included projection/private/catalog_revision.sql
/*
 * Returns a mark of what a person can edit of a product or a price, given its row. The mark is the same for as long as
 * that is.
 *
 * A sync or an event that changes nothing does not change it, so a second editor is stopped only by a change.
 */
create or replace function payments_private.catalog_revision(catalog_row jsonb)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return md5(jsonb_build_array(
    catalog_row -> 'name',
    catalog_row -> 'description',
    catalog_row -> 'active',
    catalog_row -> 'default_price_id',
    catalog_row -> 'lookup_key',
    catalog_row -> 'tax_behavior',
    catalog_row -> 'metadata'
  )::text);
end;
$$;

revoke all on function payments_private.catalog_revision(jsonb) from public, anon, authenticated;
grant execute on function payments_private.catalog_revision(jsonb) to payments_service;
--! EndIncluded projection/private/catalog_revision.sql
--! Included projection/private/price_list.sql
/*
 * Returns the prices that the API lists, with columns named as in its answers.
 *
 * Contract: the row of `price_row` has the same columns, so both make the same answer.
 */
create or replace view payments_private.price_list
  with (security_invoker = true)
as
  select
    p.environment,
    p.price_id,
    p.product_id,
    p.active,
    p.currency,
    p.unit_amount,
    p.unit_amount_decimal,
    p.type,
    p.lookup_key,
    p.billing_scheme,
    p.tax_behavior,
    p.recurring_interval,
    p.recurring_interval_count,
    p.metadata,
    p.synced_at,
    p.recurring_usage_type,
    p.pay_what_you_want,
    p.custom_unit_amount_minimum,
    p.custom_unit_amount_maximum,
    p.custom_unit_amount_preset,
    payments_private.catalog_revision(to_jsonb(p)) as revision
  from payments.stripe_prices as p
  where not p.deleted;

comment on view payments_private.price_list is 'Prices as the API lists them; deleted ones are left out.';

revoke all on payments_private.price_list from public, anon, authenticated;
grant select on payments_private.price_list to payments_service;
--! EndIncluded projection/private/price_list.sql
--! Included projection/private/product_list.sql
/*
 * Returns the products that the API lists, with columns named as in its answers.
 *
 * Contract: the row of `product_row` has the same columns, so both make the same answer.
 */
create or replace view payments_private.product_list
  with (security_invoker = true)
as
  select
    p.environment,
    p.product_id,
    p.name,
    p.description,
    p.active,
    p.default_price_id,
    p.metadata,
    p.synced_at,
    payments_private.catalog_revision(to_jsonb(p)) as revision
  from payments.stripe_products as p
  where not p.deleted;

comment on view payments_private.product_list is 'Products as the API lists them; deleted ones are left out.';

revoke all on payments_private.product_list from public, anon, authenticated;
grant select on payments_private.product_list to payments_service;
--! EndIncluded projection/private/product_list.sql
--! Included projection/private/catalogue_list.sql
/*
 * Returns the products as the catalogue of the dashboard lists them. Each has the number of its active prices, and the
 * first two of them.
 *
 * `active_prices` and `prices` are subqueries in the select list, because Postgres then computes them for the rows of
 * the page alone.
 */
create or replace view payments_private.catalogue_list
  with (security_invoker = true)
as
  select
    p.environment,
    p.product_id,
    p.name,
    p.description,
    p.active,
    p.default_price_id,
    p.metadata,
    p.synced_at,
    p.revision,
    (
      select count(*)
      from payments.stripe_prices as c
      where c.product_id = p.product_id and c.environment = p.environment and c.active and not c.deleted
    ) as active_prices,
    (
      select coalesce(jsonb_agg(to_jsonb(f) order by f.price_id), '[]')
      from (
        select l.*
        from payments_private.price_list as l
        where l.product_id = p.product_id and l.environment = p.environment and l.active
        order by l.price_id
        limit 2
      ) as f
    ) as prices
  from payments_private.product_list as p;

comment on view payments_private.catalogue_list is 'Products with their first active prices, as the catalogue of the dashboard lists them.';

revoke all on payments_private.catalogue_list from public, anon, authenticated;
grant select on payments_private.catalogue_list to payments_service;
--! EndIncluded projection/private/catalogue_list.sql

--! Included checkout/begin_confirmation.sql
/*
 * Begins to confirm a Checkout Session for an app user, and returns what payments.find_checkout_session returns, with
 * {action, checkout_session_id}. action is one of:
 *   return  fulfilment has run, or Stripe has nothing to tell
 *   ask     events are missing: ingest those of the session that Stripe lists, then find it again
 *
 * Anonymous callers may ask per_minute times for each environment; 0 is no limit. Above it the action is return, and
 * the webhook brings the events.
 */
create or replace function payments.begin_confirmation(environment text, caller jsonb, id text, per_minute integer)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found jsonb := payments.find_checkout_session(environment, caller, id);
  v_asks boolean;
begin
  v_asks := not (v_found ->> 'fulfilled')::boolean
    and v_found #>> '{session,checkout_session_id}' is not null
    and v_found #>> '{session,status}' in ('open', 'completed', 'initialized');
  if v_asks and per_minute > 0 and caller ->> 'role' = 'anon' then
    v_asks := payments_private.count_guest_confirmation(environment, per_minute);
  end if;
  return v_found || jsonb_build_object(
    'action', case when v_asks then 'ask' else 'return' end,
    'checkout_session_id', v_found #> '{session,checkout_session_id}'
  );
end;
$$;

comment on function payments.begin_confirmation(text, jsonb, text, integer) is
  'Begins to confirm a Checkout Session as the caller. Returns {action, session, fulfilled, checkout_session_id}; action is return, or ask if Stripe may list events that the ledger lacks. per_minute limits anonymous callers; 0 is no limit. Errors: SP001, SP006 no such row for this caller, SP007 role.';

revoke all on function payments.begin_confirmation(text, jsonb, text, integer) from public, anon, authenticated;
grant execute on function payments.begin_confirmation(text, jsonb, text, integer) to payments_service;
--! EndIncluded checkout/begin_confirmation.sql
--! Included checkout/find_checkout_session.sql
/*
 * Returns a Checkout Session that the caller may see: {session, fulfilled}. id is the id of the row, or Stripe's
 * (cs_…). fulfilled says whether fulfilment has run for it (session_is_fulfilled).
 *
 * The row is read as the caller (role and JWT claims), so the SELECT policies decide. The setting
 * payments.wanted_session_id tells them which id the caller knows. A purchase that an anonymous caller began has no
 * owner but the holder of its id, which cannot be guessed. A row that the policies do not show and one that does not
 * exist raise the same SP006. The caller {role: service} is a backend with the admin key. It sees every row.
 */
create or replace function payments.find_checkout_session(environment text, caller jsonb, id text)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role text := coalesce(nullif(current_setting('role', true), ''), 'none');
  v_jwt_claims text := coalesce(current_setting('request.jwt.claims', true), '');
  v_wanted text := find_checkout_session.id;
  v_row_id uuid := case
    when find_checkout_session.id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then find_checkout_session.id::uuid
  end;
  v_id uuid;
  v_row payments.stripe_checkout_sessions;
begin
  perform payments_private.check_environment(environment);

  -- read as the caller, whose policies decide
  perform set_config('payments.wanted_session_id', coalesce(v_row_id::text, v_wanted, ''), true);
  if caller ->> 'role' = 'service' then
    perform set_config('request.jwt.claims', '', true);
  else
    perform payments_private.become_caller(caller);
  end if;
  select t.id
  into v_id
  from payments.stripe_checkout_sessions as t
  where t.environment = find_checkout_session.environment
    and (t.id = v_row_id or (v_row_id is null and t.checkout_session_id = v_wanted));

  -- become the handler again
  perform set_config('role', v_role, true);
  perform set_config('request.jwt.claims', v_jwt_claims, true);
  perform set_config('payments.wanted_session_id', '', true);
  if v_id is null then
    raise exception 'There is no checkout session with this id that this caller may see.'
      using errcode = 'SP006',
            hint = 'Send the token of the buyer. For teams, add a select policy on payments.stripe_checkout_sessions.';
  end if;

  select * into strict v_row from payments.stripe_checkout_sessions as t where t.id = v_id;
  return jsonb_build_object('session', to_jsonb(v_row), 'fulfilled', payments_private.session_is_fulfilled(v_row));
end;
$$;

comment on function payments.find_checkout_session(text, jsonb, text) is
  'Reads a Checkout Session by the id of its row or of Stripe, as the caller, whose policies decide. Returns {session, fulfilled}. Errors: SP001, SP006 no such row for this caller, SP007 role.';

revoke all on function payments.find_checkout_session(text, jsonb, text) from public, anon, authenticated;
grant execute on function payments.find_checkout_session(text, jsonb, text) to payments_service;
--! EndIncluded checkout/find_checkout_session.sql
--! Included checkout/private/count_guest_confirmation.sql
/*
 * Counts a guest's confirmation of an environment, and returns whether this minute has had at most per_minute of them.
 *
 * A confirmation may cost calls to Stripe, and everyone may be a guest. The caller of a refused one waits for the
 * webhook instead, so this returns false and raises nothing.
 */
create or replace function payments_private.count_guest_confirmation(environment text, per_minute integer)
  returns boolean
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to rate_counters
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_minute timestamptz := date_trunc('minute', clock_timestamp());
  v_count integer;
begin
  perform payments_private.check_caller();
  insert into payments_private.rate_counters as c (name, counted_from, count)
  values ('guest confirmations of ' || count_guest_confirmation.environment, v_minute, 1)
  on conflict on constraint rate_counters_pkey do update
  set counted_from = greatest(c.counted_from, excluded.counted_from),
      count = case when c.counted_from < excluded.counted_from then 1 else c.count + 1 end
  returning c.count into v_count;
  return v_count <= per_minute;
end;
$$;

revoke all on function payments_private.count_guest_confirmation(text, integer) from public, anon, authenticated;
grant execute on function payments_private.count_guest_confirmation(text, integer) to payments_service;
--! EndIncluded checkout/private/count_guest_confirmation.sql
--! Included checkout/private/session_is_fulfilled.sql
/*
 * Returns whether fulfilment has run for a Checkout Session. Then the ledger has processed the events that say what
 * came of it, and with them the triggers of the app.
 *   payment       the event of the session that says it is paid
 *   setup         the event of the completed session: no money moves
 *   subscription  as for payment, the subscription itself, and the first invoice if there is one
 *
 * Contract: false while an event is missing or has failed, and while the money has not arrived. A session for which
 * nothing is due (a setup, a discount of 100 %, a trial) waits for no money. An event whose payload was pruned counts if
 * the row says that the session is paid.
 */
create or replace function payments_private.session_is_fulfilled(session payments.stripe_checkout_sessions)
  returns boolean
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the ledger
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_invoice text := payments_private.id_of(session.raw -> 'invoice');
begin
  if session.checkout_session_id is null then
    return false;
  end if;

  if not exists (
    select
    from payments.webhook_events as w
    where w.object_id = session.checkout_session_id
      and w.environment = session.environment
      and w.processing_status = 'processed'
      and w.event_type in ('checkout.session.completed', 'checkout.session.async_payment_succeeded')
      and coalesce(w.payload #>> '{data,object,payment_status}', session.payment_status) in ('paid', 'no_payment_required')
  ) then
    return false;
  end if;

  return session.mode <> 'subscription'
    or (
      exists (
        select
        from payments.stripe_subscriptions as s
        where s.subscription_id = session.subscription_id and s.environment = session.environment
      )
      and (
        v_invoice is null
        or exists (
          select
          from payments.webhook_events as w
          where w.object_id = v_invoice
            and w.environment = session.environment
            and w.processing_status = 'processed'
            and w.event_type in ('invoice.paid', 'invoice.payment_succeeded')
        )
      )
    );
end;
$$;

revoke all on function payments_private.session_is_fulfilled(payments.stripe_checkout_sessions) from public, anon, authenticated;
grant execute on function payments_private.session_is_fulfilled(payments.stripe_checkout_sessions) to payments_service;
--! EndIncluded checkout/private/session_is_fulfilled.sql

--! Included checkout/delete_offer.sql
/*
 * Deletes an offer, and returns its row; no row if there is none. Without the last offer of an environment, the
 * policies alone decide again what app users may buy. To stop all sales, let offers end or make them inactive.
 */
create or replace function payments.delete_offer(environment text, offer_id text)
  returns setof payments.offers
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  return query
    delete from payments.offers as o
    where o.offer_id = delete_offer.offer_id and o.environment = delete_offer.environment
    returning o.*;
end;
$$;

comment on function payments.delete_offer(text, text) is
  'Deletes an offer and returns its row; no row if there is none. Without any offer, the policies alone decide what app users may buy. Errors: SP001.';

revoke all on function payments.delete_offer(text, text) from public, anon, authenticated;
grant execute on function payments.delete_offer(text, text) to payments_service;
--! EndIncluded checkout/delete_offer.sql
--! Included checkout/is_offered.sql
/*
 * Returns whether the offers allow a checkout, for use in policies on payments.stripe_checkout_sessions. True if the
 * environment has no offer. role is that of the caller, unless it is given.
 *
 * It says nothing but yes or no: who calls it cannot see the offers by it. The trigger _310_offers asks the same, and
 * answers with a sentence.
 */
create or replace function payments.is_offered(
  environment text,
  mode text,
  line_items jsonb,
  options jsonb default '{}',
  subject_type text default null,
  role text default current_user
)
  returns boolean
  language plpgsql
  stable
  security definer -- crosses from the app user to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(line_items) is distinct from 'array' or jsonb_typeof(options) is distinct from 'object' then
    return false;
  end if;
  return not coalesce(
    payments_private.offer_verdict(environment, role, mode, line_items, options, subject_type) ? 'problem', false
  );
end;
$$;

comment on function payments.is_offered(text, text, jsonb, jsonb, text, text) is
  'Returns whether payments.offers allow a checkout of this role; true while the environment has no offer. For use in policies.';

revoke all on function payments.is_offered(text, text, jsonb, jsonb, text, text) from public, anon, authenticated;
grant execute on function payments.is_offered(text, text, jsonb, jsonb, text, text)
  to anon, authenticated, payments_service;
--! EndIncluded checkout/is_offered.sql
--! Included checkout/offered_prices.sql
/*
 * Returns the ids of the active prices that app users of a role may buy now, for policies that show a catalogue.
 * These are the prices of the offers, and in an environment without offers all prices. role is that of the caller,
 * unless it is given.
 */
create or replace function payments.offered_prices(role text default current_user)
  returns setof text
  language sql
  stable
  security definer -- crosses from the app user to payments.offers and payments.stripe_prices
  set search_path = pg_catalog, pg_temp
as $$
  select p.price_id
  from payments.stripe_prices as p
  where p.active
    and not p.deleted
    and (
      not exists (select from payments.offers as o where o.environment = p.environment)
      or exists (
        select
        from payments.offers as o
        where o.environment = p.environment
          and (o.price_id = p.price_id or o.lookup_key = p.lookup_key or o.product_id = p.product_id)
          and o.active
          and (o.roles is null or offered_prices.role = any (o.roles))
          and (o.starts_at <= now()) is not false
          and (o.ends_at > now()) is not false
      )
    );
$$;

comment on function payments.offered_prices(text) is
  'Returns the ids of the active prices that app users of this role may buy now. They are those of the offers, and all of an environment without offers. For use in policies.';

revoke all on function payments.offered_prices(text) from public, anon, authenticated;
grant execute on function payments.offered_prices(text) to anon, authenticated, payments_service;
--! EndIncluded checkout/offered_prices.sql
--! Included checkout/offered_products.sql
/*
 * Returns the ids of the active products that app users of a role may buy now, for policies that show a catalogue.
 * These are the products of payments.offered_prices, and in an environment without offers all products. role is that
 * of the caller, unless it is given.
 */
create or replace function payments.offered_products(role text default current_user)
  returns setof text
  language sql
  stable
  security definer -- crosses from the app user to payments.offers and the catalogue
  set search_path = pg_catalog, pg_temp
as $$
  select t.product_id
  from payments.stripe_products as t
  where t.active
    and not t.deleted
    and (
      not exists (select from payments.offers as o where o.environment = t.environment)
      or exists (
        select
        from payments.stripe_prices as p
        where p.product_id = t.product_id
          and p.environment = t.environment
          and p.price_id in (select o.price_id from payments.offered_prices(offered_products.role) as o (price_id))
      )
    );
$$;

comment on function payments.offered_products(text) is
  'Returns the ids of the active products that app users of this role may buy now. They are those of the offers, and all of an environment without offers. For use in policies.';

revoke all on function payments.offered_products(text) from public, anon, authenticated;
grant execute on function payments.offered_products(text) to anon, authenticated, payments_service;
--! EndIncluded checkout/offered_products.sql
--! Included checkout/private/check_lookup_keys.sql
/*
 * Raises SP056 if an item of a checkout names a lookup key that no active price has.
 */
create or replace function payments_private.check_lookup_keys(line_items jsonb)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_unknown text;
begin
  select min(left(i.item ->> 'lookupKey', 255))
  into v_unknown
  from jsonb_array_elements(line_items) as i (item)
  where i.item ? 'lookupKey' and not i.item ? 'priceId';
  if v_unknown is not null then
    raise exception 'No active price has the lookup key %.', v_unknown
      using errcode = 'SP056', hint = 'Correct the key, or sync prices if Stripe has it.';
  end if;
end;
$$;

revoke all on function payments_private.check_lookup_keys(jsonb) from public, anon, authenticated;
--! EndIncluded checkout/private/check_lookup_keys.sql
--! Included checkout/private/offer_list.sql
/*
 * Returns the offers that the API lists, with columns named as in its answers.
 */
create or replace view payments_private.offer_list
  with (security_invoker = true)
as
  select
    o.environment,
    o.offer_id,
    o.price_id,
    o.lookup_key,
    o.product_id,
    o.mode,
    o.minimum_quantity,
    o.maximum_quantity,
    to_jsonb(o.roles) as roles,
    to_jsonb(o.subject_types) as subject_types,
    o.starts_at,
    o.ends_at,
    to_jsonb(o.allowed_options) as allowed_options,
    o.forced_options,
    o.allow_pay_what_you_want,
    o.allow_price_data,
    o.currency,
    o.minimum_amount,
    o.maximum_amount,
    o.product_group,
    o.one_plan,
    o.trial_once,
    o.active,
    o.managed_by,
    o.created_at,
    o.updated_at
  from payments.offers as o;

comment on view payments_private.offer_list is 'Offers as the API lists them.';

revoke all on payments_private.offer_list from public, anon, authenticated;
grant select on payments_private.offer_list to payments_service;
--! EndIncluded checkout/private/offer_list.sql
--! Included checkout/private/checkout_combination_problem.sql
/*
 * Returns the sentence about parts of a checkout request that exclude or need each other; null if they fit. Each part
 * has been checked alone before (check_checkout_request, check_checkout_options). Stripe would refuse the same, later.
 */
create or replace function payments_private.checkout_combination_problem(
  mode text,
  line_items jsonb,
  success_url text,
  cancel_url text,
  options jsonb
)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_options jsonb := coalesce(options, '{}');
  v_in_page boolean := coalesce(options ->> 'ui_mode', 'hosted') <> 'hosted';
  v_trial boolean := coalesce(options, '{}') ?| '{trial_period_days,trial_end}';
begin
  return case
    when v_in_page and nullif(success_url, '') is not null
      then format('successUrl cannot be used when uiMode is %s; use returnUrl.', options ->> 'ui_mode')
    when v_in_page and nullif(cancel_url, '') is not null
      then format('cancelUrl cannot be used when uiMode is %s.', options ->> 'ui_mode')
    when v_in_page and not v_options ? 'return_url'
      and (v_options ->> 'redirect_on_completion' is distinct from 'never' or options ->> 'ui_mode' = 'custom')
      then format('returnUrl is required when uiMode is %s.', options ->> 'ui_mode')
    when not v_in_page and v_options ? 'return_url' then 'returnUrl needs uiMode embedded or custom; use successUrl.'
    when not v_in_page and v_options ? 'redirect_on_completion'
      then 'redirectOnCompletion needs uiMode embedded.'
    when v_options ? 'return_url' and v_options ->> 'redirect_on_completion' = 'never'
      then 'returnUrl cannot be used when redirectOnCompletion is never.'
    when v_options ? 'return_url' and not payments_private.is_http_url(v_options ->> 'return_url')
      then 'returnUrl must be an absolute http or https URL.'
    when length(v_options ->> 'return_url') > 5000 then 'returnUrl must have at most 5000 characters.'
    when options ->> 'ui_mode' = 'custom' and v_options ? 'redirect_on_completion'
      then 'redirectOnCompletion needs uiMode embedded.'
    when options ->> 'ui_mode' = 'custom' and v_options ?| '{custom_fields,custom_text,submit_type,recovery}'
      then 'customFields, customText, submitType and recovery cannot be used when uiMode is custom.'
    when v_in_page and v_options ? 'recovery' then 'recovery needs uiMode hosted.'
    when mode = 'setup' and line_items <> '[]' then 'lineItems cannot be used when mode is setup.'
    when mode = 'setup' and not v_options ?| '{currency,payment_method_types}'
      then 'currency or paymentMethodTypes is required when mode is setup.'
    when mode = 'payment' and jsonb_path_exists(line_items, '$[*].priceData.recurring')
      then 'priceData.recurring needs mode subscription.'
    when exists (
      select
      from jsonb_array_elements(case jsonb_typeof(line_items) when 'array' then line_items else '[]' end) as i (item)
      where case
          when jsonb_typeof(coalesce(i.item -> 'quantity', '1')) = 'number'
            and i.item ? 'adjustableQuantity'
            and payments_private.is_adjustable_quantity(i.item -> 'adjustableQuantity')
            then coalesce((i.item ->> 'quantity')::numeric, 1) not between
              coalesce((i.item #>> '{adjustableQuantity,minimum}')::numeric, 0)
              and coalesce((i.item #>> '{adjustableQuantity,maximum}')::numeric, 99)
        end -- a row that an app user inserts is checked for its form later
    ) then 'Each quantity of lineItems must be within its adjustableQuantity.'
    when v_options ? 'discounts' and (v_options -> 'allow_promotion_codes')::boolean
      then 'discounts and allowPromotionCodes exclude each other.'
    when jsonb_array_length(v_options -> 'discounts') > 1 then 'discounts may have one discount only; Stripe takes no more.'
    when (
      select count(distinct c.currency)
      from (
        select i.item #>> '{priceData,currency}' as currency
        from jsonb_array_elements(case jsonb_typeof(line_items) when 'array' then line_items else '[]' end) as i (item)
        union all
        select v_options ->> 'currency' where jsonb_path_exists(line_items, '$[*].priceData')
      ) as c
    ) > 1 then 'currency, and the currency of each priceData, must be the same.'
    when v_options ?& '{trial_period_days,trial_end}' then 'trialPeriodDays and trialEnd exclude each other.'
    when v_trial and v_options ? 'billing_cycle_anchor' then 'billingCycleAnchor and a trial exclude each other.'
    when v_options ? 'trial_without_card' and not v_trial then 'trialWithoutCard needs trialPeriodDays or trialEnd.'
    when (v_options -> 'trial_without_card')::boolean
      and v_options ->> 'payment_method_collection' = 'always'
      then 'trialWithoutCard cannot be used when paymentMethodCollection is always.'
    when v_options ? 'proration_behavior' and not v_options ? 'billing_cycle_anchor'
      then 'prorationBehavior needs billingCycleAnchor.'
    when v_options ? 'shipping_options' and not v_options ? 'shipping_address_collection'
      then 'shippingOptions needs shippingAddressCollection.'
    when v_options ->> 'capture_method' = 'manual' and (v_options -> 'invoice_creation')::boolean
      then 'invoiceCreation cannot be used when captureMethod is manual.'
  end;
end;
$$;

revoke all on function payments_private.checkout_combination_problem(text, jsonb, text, text, jsonb)
  from public, anon, authenticated;
grant execute on function payments_private.checkout_combination_problem(text, jsonb, text, text, jsonb)
  to payments_service;
--! EndIncluded checkout/private/checkout_combination_problem.sql
--! Included checkout/private/tg_offers__forced_options.sql
/*
 * Trigger function: raises for an offer that nobody could ever buy.
 *   SP001  an option that it forces and no checkout of its mode can have
 *   SP064  an instant that it forces and that Stripe would refuse now
 *   SP050  options that it forces and that exclude each other; what one needs, the buyer's request may have
 *   SP076  mode payment for a price that is known to be recurring; the type of a price never changes
 */
create or replace function payments_private.tg_offers__forced_options()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from who writes offers to payments_private
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem text;
begin
  if jsonb_typeof(new.forced_options) = 'object' then -- else a constraint refuses the row
    perform payments_private.check_checkout_options(new.mode, new.forced_options);
    if tg_op = 'INSERT' or new.forced_options <> old.forced_options then
      perform payments_private.check_checkout_times(new.environment, '[{}]', new.forced_options);
    end if;
    v_problem := payments_private.checkout_combination_problem(new.mode, '[]', '', '', new.forced_options);
    if v_problem !~ ' (needs|is required) ' then
      raise exception 'No checkout can have the forced options: %', v_problem
        using errcode = 'SP050', hint = 'Leave one of the two out of forcedOptions.';
    end if;
  end if;
  if new.mode = 'payment' and exists (
    select
    from payments.stripe_prices as p
    where p.price_id = new.price_id and p.environment = new.environment and p.type = 'recurring'
  ) then
    raise exception 'The price % is recurring, so it cannot be offered in mode payment.', new.price_id
      using errcode = 'SP076', hint = 'Offer it in mode subscription.';
  end if;
  return new;
end;
$$;

revoke all on function payments_private.tg_offers__forced_options() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_offers__forced_options.sql
--! Included checkout/private/tg_sessions__forced_options.sql
/*
 * Trigger function: sets forced_options to what the offers force. The role is the one that the caller has become, or
 * has logged in as; a definer's current_user is neither.
 */
create or replace function payments_private.tg_sessions__forced_options()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(new.line_items) = 'array' and jsonb_typeof(new.options) = 'object' then -- else a constraint refuses it
    new.forced_options := payments_private.forced_options(
      new, coalesce(nullif(current_setting('role', true), 'none'), session_user)
    );
  end if;
  return new;
end;
$$;

revoke all on function payments_private.tg_sessions__forced_options() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_sessions__forced_options.sql
--! Included checkout/private/tg_sessions__lookup_keys.sql
/*
 * Trigger function: writes the priceId of each item that has a lookupKey, whatever the insert says. An item whose key
 * no active price has gets none; payments_private.check_lookup_keys refuses it once the row is in. Raises SP001 for a
 * lookup key that is no text.
 *
 * A retry finds the row with the price of then, even if the key has moved to another price.
 */
create or replace function payments_private.tg_sessions__lookup_keys()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to payments.stripe_prices
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_path_exists(new.line_items, '$[*].lookupKey ? (@.type() != "string")') then
    raise exception 'Each lookupKey of lineItems must be text.'
      using errcode = 'SP001', hint = 'Correct the request and send it again.';
  end if;
  new.line_items := (
    select jsonb_agg(
      case
        when i.item ? 'lookupKey'
          then i.item - 'priceId' || jsonb_strip_nulls(jsonb_build_object('priceId', p.price_id))
        else i.item
      end
      order by i.position
    )
    from jsonb_array_elements(new.line_items) with ordinality as i (item, position)
    left join lateral payments_private.price_of_lookup_key(new.environment, i.item ->> 'lookupKey') as p on true
  );
  return new;
end;
$$;

revoke all on function payments_private.tg_sessions__lookup_keys() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_sessions__lookup_keys.sql
--! Included checkout/private/tg_sessions__offers.sql
/*
 * Trigger function. It raises if an app user asks for what no offer allows (check_offers) or for a second trial
 * (check_trial). It also raises for options that do not fit those that the offers force.
 *
 * While the environment has no offer, check_reserved decides.
 */
create or replace function payments_private.tg_sessions__offers()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to payments.offers and payments.stripe_prices
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role text := coalesce(nullif(current_setting('role', true), 'none'), session_user);
begin
  if exists (select from payments.offers as o where o.environment = new.environment) then
    perform payments_private.check_offers(new, v_role);
    perform payments_private.check_trial(new, v_role);
    perform payments_private.check_checkout_combination(
      new.mode, new.line_items, new.success_url, new.cancel_url, new.options || jsonb_strip_nulls(new.forced_options)
    );
    return null;
  end if;
  perform payments_private.check_reserved(new);
  return null;
end;
$$;

revoke all on function payments_private.tg_sessions__offers() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_sessions__offers.sql
--! Included checkout/private/tg_sessions__one_plan.sql
/*
 * Trigger function: raises SP056 for an unknown lookup key, and SP059 for a second plan; see check_lookup_keys and
 * check_one_plan.
 */
create or replace function payments_private.tg_sessions__one_plan()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to payments_private
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_lookup_keys(new.line_items);
  perform payments_private.check_one_plan(new);
  return null;
end;
$$;

revoke all on function payments_private.tg_sessions__one_plan() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_sessions__one_plan.sql
--! Included checkout/put_offer.sql
/*
 * Writes an offer as a whole, and returns its row. offer has the columns of payments.offers as keys; one that is left
 * out gets its default. Raises SP001 for a key that is no such column, and for options that cannot be forced.
 */
create or replace function payments.put_offer(environment text, offer_id text, offer jsonb)
  returns setof payments.offers
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_known constant text[] := '{price_id,lookup_key,product_id,mode,minimum_quantity,maximum_quantity,roles,subject_types,starts_at,ends_at,allowed_options,forced_options,allow_pay_what_you_want,allow_price_data,currency,minimum_amount,maximum_amount,product_group,one_plan,trial_once,active,managed_by}';
  v_unknown text;
  v_row payments.offers;
begin
  perform payments_private.check_environment(environment);
  if jsonb_typeof(offer) is distinct from 'object' then
    raise exception 'offer must be an object.' using errcode = 'SP001', hint = 'Correct the offer and send it again.';
  end if;
  select min(k.key) into v_unknown from jsonb_object_keys(offer) as k (key) where not k.key = any (c_known);
  if v_unknown is not null then
    raise exception 'An offer has no %.', left(v_unknown, 100)
      using errcode = 'SP001', hint = 'Correct the offer and send it again.';
  end if;

  v_row := jsonb_populate_record(
    null::payments.offers,
    jsonb_build_object(
      'minimum_quantity', 1,
      'maximum_quantity', coalesce(nullif(offer -> 'minimum_quantity', 'null'), '1'),
      'allowed_options', '[]'::jsonb,
      'forced_options', '{}'::jsonb,
      'allow_pay_what_you_want', false,
      'allow_price_data', false,
      'one_plan', false,
      'trial_once', true,
      'active', true
    ) || jsonb_strip_nulls(offer) || jsonb_build_object(
      'environment', environment, 'offer_id', offer_id, 'created_at', now(), 'updated_at', now()
    )
  );
  return query
    insert into payments.offers as o
    select v_row.*
    on conflict on constraint offers_pkey do update
    set (
      price_id, lookup_key, product_id, mode, minimum_quantity, maximum_quantity, roles, subject_types, starts_at, ends_at,
      allowed_options, forced_options, allow_pay_what_you_want, allow_price_data, currency, minimum_amount, maximum_amount,
      product_group, one_plan, trial_once, active, managed_by
    ) = (
      excluded.price_id, excluded.lookup_key, excluded.product_id, excluded.mode, excluded.minimum_quantity,
      excluded.maximum_quantity, excluded.roles, excluded.subject_types, excluded.starts_at, excluded.ends_at,
      excluded.allowed_options, excluded.forced_options, excluded.allow_pay_what_you_want, excluded.allow_price_data,
      excluded.currency, excluded.minimum_amount, excluded.maximum_amount, excluded.product_group, excluded.one_plan,
      excluded.trial_once, excluded.active, excluded.managed_by
    )
    returning o.*;
end;
$$;

comment on function payments.put_offer(text, text, jsonb) is
  'Writes an offer as a whole and returns its row. Keys of offer are the columns of payments.offers. Errors: SP001 invalid, 23514 a constraint of the table.';

revoke all on function payments.put_offer(text, text, jsonb) from public, anon, authenticated;
grant execute on function payments.put_offer(text, text, jsonb) to payments_service;
--! EndIncluded checkout/put_offer.sql

--! Included ownership/assign_subject.sql
/*
 * Assigns a customer or a subscription to a billing subject, and returns {object_type, object_id, subject_type,
 * subject_id, assigned_at, subscriptions, transactions, invoices}. The last three are how many rows of it belong to the
 * subject now.
 *
 * Use it for what was bought without a checkout of the app (payment links, pricing tables), and to move a purchase.
 *   customer      The customer, and what Stripe made for it until now: subscriptions with their later payments and
 *                 invoices, payments, invoices, credit notes. What is bought with it later belongs to the subject that
 *                 it names, else to this one. The subject pays with the customer from now on.
 *   subscription  The subscription, with its payments, invoices and credit notes, past and future. Its customer stays
 *                 where it is, so the former subject still sees the subscription in the Billing Portal.
 *
 * It is a fact of ours: it wins over all metadata, survives a rebuild, and only another assignment changes it. Without
 * replace it refuses what belongs to another subject already, wholly or in part. Rows of
 * payments.stripe_checkout_sessions stay as they were requested.
 */
create or replace function payments.assign_subject(
  environment text,
  customer_id text,
  subscription_id text,
  subject_type text,
  subject_id text,
  replace boolean default false
)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id text := coalesce(customer_id, subscription_id);
  v_kind text := case when customer_id is not null then 'customer' else 'subscription' end;
  v_customer_id text := customer_id;
  v_subscription_ids text[];
  v_other text;
begin
  -- check the arguments
  perform payments_private.check_environment(environment);
  if num_nonnulls(customer_id, subscription_id) <> 1 then
    raise exception 'Name a customer or a subscription, and not both.'
      using errcode = 'SP001', hint = 'Pass customer_id or subscription_id.';
  elsif length(subject_type) between 1 and 100 is not true or length(subject_id) between 1 and 255 is not true then
    raise exception 'A billing subject is a type of 1 to 100 characters and an id of 1 to 255.'
      using errcode = 'SP001', hint = 'For example type team and id 42.';
  end if;
  if subscription_id is not null then
    select s.customer_id into v_customer_id
    from payments.stripe_subscriptions as s
    where s.subscription_id = assign_subject.subscription_id and s.environment = assign_subject.environment;
  end if;
  if v_customer_id is null or not payments_private.is_known_customer(environment, v_customer_id) then
    raise exception 'No % % is known in %.', v_kind, v_id, environment
      using errcode = 'SP060', hint = 'Check the id at Stripe. If the object is new, sync first (pg-payments stripe sync).';
  end if;

  -- lock
  perform payments_private.lock_environment(environment);
  perform payments_private.lock_ids(environment, array(
    select x.id
    from (
      select v_customer_id as id
      union
      select 'subject ' || assign_subject.subject_type || ' ' || assign_subject.subject_id
      union
      select s.subscription_id
      from payments.stripe_subscriptions as s
      where s.customer_id = v_customer_id and s.environment = assign_subject.environment
      union
      select 'subject ' || o.subject_type || ' ' || o.subject_id
      from payments_private.customer_owners as o
      where o.customer_id = v_customer_id and o.environment = assign_subject.environment
    ) as x
  ));
  v_subscription_ids := array(
    select s.subscription_id
    from payments.stripe_subscriptions as s
    where s.environment = assign_subject.environment
      and case when v_kind = 'customer' then s.customer_id = v_customer_id else s.subscription_id = v_id end
  );

  -- refuse the object of another owner
  v_other := payments_private.other_owner(environment, v_kind, v_id, row (subject_type, subject_id)::payments.billing_subject);
  if v_other is not null and replace is not true then
    raise exception 'The % % belongs to the % already, wholly or in part.', v_kind, v_id, v_other
      using errcode = 'SP061', hint = 'To move it to the new subject, assign it again with replace (--replace).';
  end if;

  -- record the fact, and move what belongs to it
  perform payments_private.put_assignment(
    environment, v_kind, v_id, v_subscription_ids, row (subject_type, subject_id)::payments.billing_subject
  );
  perform payments_private.refresh_payments(
    environment, v_subscription_ids, case when v_kind = 'customer' then array[v_id] end
  );
  return payments_private.assignment_answer(environment, v_id);
end;
$$;

comment on function payments.assign_subject(text, text, text, text, text, boolean) is
  'Assigns a customer or a subscription, with its payments and invoices, to a billing subject. The assignment wins over metadata and survives a rebuild. Errors: SP001, SP060 unknown id, SP061 it belongs to another subject.';

revoke all on function payments.assign_subject(text, text, text, text, text, boolean) from public, anon, authenticated;
grant execute on function payments.assign_subject(text, text, text, text, text, boolean) to payments_service;
--! EndIncluded ownership/assign_subject.sql
--! Included ownership/private/assignment_answer.sql
/*
 * Returns an assignment with the number of rows that belong to its subject through it; see payments.assign_subject.
 */
create or replace function payments_private.assignment_answer(environment text, object_id text)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object(
      'object_type', a.object_type,
      'object_id', a.object_id,
      'subject_type', a.subject_type,
      'subject_id', a.subject_id,
      'assigned_at', a.assigned_at,
      'subscriptions', (
        select count(*)
        from payments.stripe_subscriptions as s
        where s.environment = a.environment
          and a.object_id in (s.customer_id, s.subscription_id)
          and (s.subject_type, s.subject_id) = (a.subject_type, a.subject_id)
      ),
      'transactions', (
        select count(*)
        from payments.transactions as t
        where t.environment = a.environment
          and a.object_id in (t.provider_customer_id, t.related_object_ids ->> 'subscription')
          and (t.subject_type, t.subject_id) = (a.subject_type, a.subject_id)
      ),
      'invoices', (
        select count(*)
        from payments.stripe_invoices as i
        where i.environment = a.environment
          and a.object_id in (i.customer_id, i.subscription_id)
          and (i.subject_type, i.subject_id) = (a.subject_type, a.subject_id)
      )
    )
    from payments_private.subject_assignments as a
    where a.object_id = assignment_answer.object_id and a.environment = assignment_answer.environment
  );
end;
$$;

revoke all on function payments_private.assignment_answer(text, text) from public, anon, authenticated;
--! EndIncluded ownership/private/assignment_answer.sql
--! Included ownership/private/is_known_customer.sql
/*
 * Returns whether any row names a Stripe customer. Its own row may be missing, for example before the first sync.
 */
create or replace function payments_private.is_known_customer(environment text, customer_id text)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
      select
      from payments.customers as c
      where c.provider_customer_id = is_known_customer.customer_id
        and c.environment = is_known_customer.environment
        and c.provider = 'stripe'
    )
    or exists (
      select
      from payments.stripe_subscriptions as s
      where s.customer_id = is_known_customer.customer_id and s.environment = is_known_customer.environment
    )
    or exists (
      select
      from payments.transactions as t
      where t.provider_customer_id = is_known_customer.customer_id and t.environment = is_known_customer.environment
    )
    or exists (
      select
      from payments.stripe_invoices as i
      where i.customer_id = is_known_customer.customer_id and i.environment = is_known_customer.environment
    );
end;
$$;

revoke all on function payments_private.is_known_customer(text, text) from public, anon, authenticated;
--! EndIncluded ownership/private/is_known_customer.sql
--! Included ownership/private/other_owner.sql
/*
 * Returns another billing subject than the given one that owns a customer, a subscription, or what belongs to it. The
 * result is "type id", or null if there is none. See payments.assign_subject.
 */
create or replace function payments_private.other_owner(
  environment text,
  object_type text,
  object_id text,
  subject payments.billing_subject
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select o.type || ' ' || o.id
    from (
      select s.subject_type as type, s.subject_id as id
      from payments.stripe_subscriptions as s
      where s.environment = other_owner.environment
        and case other_owner.object_type
          when 'customer' then s.customer_id = other_owner.object_id
          else s.subscription_id = other_owner.object_id
        end
      union all
      select c.type, c.id
      from payments_private.subject_of_customer(other_owner.environment, other_owner.object_id) as c
      where other_owner.object_type = 'customer'
      union all
      select t.subject_type, t.subject_id
      from payments.transactions as t
      where other_owner.object_type = 'customer'
        and t.provider_customer_id = other_owner.object_id
        and t.environment = other_owner.environment
      union all
      select i.subject_type, i.subject_id
      from payments.stripe_invoices as i
      where i.environment = other_owner.environment
        and case other_owner.object_type
          when 'customer' then i.customer_id = other_owner.object_id
          else i.subscription_id = other_owner.object_id
        end
    ) as o
    where (o.type, o.id) <> ((subject).type, (subject).id)
    order by 1
    limit 1
  );
end;
$$;

revoke all on function payments_private.other_owner(text, text, text, payments.billing_subject)
  from public, anon, authenticated;
--! EndIncluded ownership/private/other_owner.sql
--! Included ownership/private/put_assignment.sql
/*
 * Records that a customer or a subscription is assigned to a billing subject, and writes it to the owners, the mappings
 * and the subscriptions. Contract: see payments.assign_subject; the ids are locked. subject_version 0 marks a
 * subscription that is assigned, because it is older than the version of any snapshot.
 */
create or replace function payments_private.put_assignment(
  environment text,
  object_type text,
  object_id text,
  subscription_ids text[],
  subject payments.billing_subject
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_after timestamptz; -- what is known of a customer was made before, even if the clock of Stripe is ahead
begin
  if put_assignment.object_type = 'customer' then
    select max(m.made_at) + interval '1 microsecond'
    into v_after
    from (
      select max(t.provider_created_at) as made_at
      from payments.transactions as t
      where t.provider_customer_id = put_assignment.object_id and t.environment = put_assignment.environment
      union all
      select max(i.provider_created_at)
      from payments.stripe_invoices as i
      where i.customer_id = put_assignment.object_id and i.environment = put_assignment.environment
      union all
      select max(payments_private.instant_of(s.raw -> 'created'))
      from payments.stripe_subscriptions as s
      where s.customer_id = put_assignment.object_id and s.environment = put_assignment.environment
    ) as m;
  end if;

  -- record the assignment; one of a customer replaces those of its subscriptions
  delete from payments_private.subject_assignments as a
  where a.environment = put_assignment.environment and a.object_id = any (subscription_ids);
  insert into payments_private.subject_assignments as a (
    environment, object_type, object_id, subject_type, subject_id, assigned_at
  )
  values (
    put_assignment.environment, put_assignment.object_type, put_assignment.object_id, subject.type, subject.id,
    greatest(clock_timestamp(), v_after)
  )
  on conflict on constraint subject_assignments_pkey do update
  set subject_type = excluded.subject_type,
      subject_id = excluded.subject_id,
      assigned_at = excluded.assigned_at;

  -- put it before every owner that an object names
  if put_assignment.object_type = 'customer' then
    update payments_private.customer_owners as o
    set named_at = 'infinity',
        named_by = 'assigned before'
    where o.customer_id = put_assignment.object_id and o.environment = put_assignment.environment and o.named_by = 'assigned';
    insert into payments_private.customer_owners as o (environment, customer_id, subject_type, subject_id, named_at, named_by)
    values (put_assignment.environment, put_assignment.object_id, subject.type, subject.id, '-infinity', 'assigned')
    on conflict on constraint customer_owners_pkey do update
    set named_at = excluded.named_at,
        named_by = excluded.named_by;
  end if;

  -- move the subscriptions, then choose the customers of the subjects
  update payments.stripe_subscriptions as s
  set subject_type = subject.type,
      subject_id = subject.id,
      subject_version = 0
  where s.subscription_id = any (subscription_ids) and s.environment = put_assignment.environment;
  if put_assignment.object_type = 'customer' then
    perform payments_private.refresh_customer_mappings(environment, array[object_id]);
  end if;
end;
$$;

revoke all on function payments_private.put_assignment(text, text, text, text[], payments.billing_subject)
  from public, anon, authenticated;
--! EndIncluded ownership/private/put_assignment.sql
--! Included projection/private/credit_note_list.sql
/*
 * Returns the credit notes that the API lists, with columns named as in its answers.
 *
 * `id` and `provider_created_at` are the sort key of the list.
 */
create or replace view payments_private.credit_note_list
  with (security_invoker = true)
as
  select
    n.id,
    n.environment,
    n.credit_note_id,
    n.number,
    n.status,
    n.type,
    n.reason,
    n.invoice_id,
    n.customer_id,
    n.subject_type,
    n.subject_id,
    n.currency,
    n.subtotal,
    n.tax,
    n.total,
    n.amount,
    n.memo,
    n.pdf,
    n.voided_at,
    n.provider_created_at,
    n.metadata,
    n.synced_at,
    n.created_at,
    n.updated_at
  from payments.stripe_credit_notes as n;

comment on view payments_private.credit_note_list is 'Credit notes as the API lists them.';

revoke all on payments_private.credit_note_list from public, anon, authenticated;
grant select on payments_private.credit_note_list to payments_service;
--! EndIncluded projection/private/credit_note_list.sql
--! Included projection/private/invoice_list.sql
/*
 * Returns the invoices that the API lists, with columns named as in its answers.
 *
 * `id` and `provider_created_at` are the sort key of the list.
 */
create or replace view payments_private.invoice_list
  with (security_invoker = true)
as
  select
    i.id,
    i.environment,
    i.invoice_id,
    i.number,
    i.status,
    i.customer_id,
    i.subject_type,
    i.subject_id,
    i.subscription_id,
    i.billing_reason,
    i.collection_method,
    i.currency,
    i.subtotal,
    i.tax,
    i.total,
    i.amount_due,
    i.amount_paid,
    i.amount_remaining,
    i.description,
    i.hosted_invoice_url,
    i.invoice_pdf,
    i.period_start,
    i.period_end,
    i.due_at,
    i.finalized_at,
    i.paid_at,
    i.voided_at,
    i.provider_created_at,
    i.deleted,
    i.metadata,
    i.synced_at,
    i.created_at,
    i.updated_at
  from payments.stripe_invoices as i;

comment on view payments_private.invoice_list is 'Invoices as the API lists them.';

revoke all on payments_private.invoice_list from public, anon, authenticated;
grant select on payments_private.invoice_list to payments_service;
--! EndIncluded projection/private/invoice_list.sql

--! Included checkout/private/tg_portal_sessions__options.sql
/*
 * Trigger function: checks the options of a portal session. App users may insert rows themselves.
 */
create or replace function payments_private.tg_portal_sessions__options()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to payments_private.check_portal_options
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_portal_options(new.options);
  return new;
end;
$$;

revoke all on function payments_private.tg_portal_sessions__options() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_portal_sessions__options.sql

--! Included checkout/private/checkout_session_list.sql
/*
 * Returns the Checkout Sessions that the API lists, with columns named as in its answers, without the address of the
 * hosted page.
 *
 * `id` and `created_at` are the sort key of the list.
 */
create or replace view payments_private.checkout_session_list
  with (security_invoker = true)
as
  select
    c.id,
    c.environment,
    c.mode,
    c.status,
    c.payment_status,
    c.subject_type,
    c.subject_id,
    c.customer_email,
    c.checkout_session_id,
    c.customer_id,
    c.payment_intent_id,
    c.subscription_id,
    (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'price_id', coalesce(i.item ->> 'priceId', i.item ->> 'price', i.item ->> 'price_id'),
            'quantity', i.item -> 'quantity'
          )
          order by i.position
        ),
        '[]'
      )
      from jsonb_array_elements(c.line_items) with ordinality as i (item, position)
    ) as line_items,
    c.success_url,
    c.cancel_url,
    c.metadata,
    c.last_error,
    c.attempt,
    c.expires_at,
    c.created_at,
    c.updated_at,
    c.options,
    c.forced_options
  from payments.stripe_checkout_sessions as c;

comment on view payments_private.checkout_session_list is 'Checkout Sessions as the API lists them.';

revoke all on payments_private.checkout_session_list from public, anon, authenticated;
grant select on payments_private.checkout_session_list to payments_service;
--! EndIncluded checkout/private/checkout_session_list.sql
--! Included checkout/private/portal_session_list.sql
/*
 * Returns the Billing Portal sessions that the API lists, with columns named as in its answers. Their addresses are
 * secrets and are left out: their holder acts for the customer.
 *
 * `id` and `created_at` are the sort key of the list.
 */
create or replace view payments_private.portal_session_list
  with (security_invoker = true)
as
  select
    p.id,
    p.environment,
    p.status,
    p.subject_type,
    p.subject_id,
    p.customer_id,
    p.return_url,
    p.configuration_id as configuration,
    p.last_error,
    p.created_at,
    p.updated_at,
    p.options
  from payments.stripe_customer_portal_sessions as p;

comment on view payments_private.portal_session_list is 'Billing Portal sessions as the API lists them.';

revoke all on payments_private.portal_session_list from public, anon, authenticated;
grant select on payments_private.portal_session_list to payments_service;
--! EndIncluded checkout/private/portal_session_list.sql
--! Included connection/private/database_state.sql
/*
 * Returns {postgres_version, migrations, roles, grants}: what the settings page shows of the database.
 *
 * migrations is [{name, applied_at}] in their order. roles is [{role, exists, is_granted}] of the roles that the
 * handlers need. is_granted says whether the login may become the role. grants is [{role, object, privileges}] of the
 * tables and views of the contract, for roles other than their owner.
 */
create or replace function payments_private.database_state()
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the list of migrations
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_migrations jsonb := '[]';
begin
  perform payments_private.check_caller();
  if to_regclass('payments_private.schema_migrations') is not null then
    execute 'select coalesce(jsonb_agg(jsonb_build_object(''name'', m.name, ''applied_at'', m.run_on) order by m.id), ''[]'')
      from payments_private.schema_migrations as m'
    into v_migrations;
  end if;
  return jsonb_build_object(
    'postgres_version', current_setting('server_version'),
    'migrations', v_migrations,
    'roles', (
      select jsonb_agg(
        jsonb_build_object(
          'role', n.role,
          'exists', r.oid is not null,
          'is_granted', coalesce(pg_has_role(session_user, r.oid, 'member'), false)
        )
        order by n.position
      )
      from (values (1, 'anon'), (2, 'authenticated'), (3, 'payments_service')) as n (position, role)
      left join pg_catalog.pg_roles as r on r.rolname = n.role
    ),
    'grants', (
      select coalesce(
        jsonb_agg(
          jsonb_build_object('role', g.role, 'object', g.object, 'privileges', g.privileges) order by g.object, g.role
        ),
        '[]'
      )
      from (
        select
          coalesce(r.rolname, 'public') as role,
          format('%s.%s', n.nspname, c.relname) as object,
          jsonb_agg(distinct lower(a.privilege_type)) as privileges
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        left join pg_catalog.pg_attribute as t on t.attrelid = c.oid and t.attacl is not null
        cross join lateral (select * from aclexplode(c.relacl) union all select * from aclexplode(t.attacl)) as a
        left join pg_catalog.pg_roles as r on r.oid = a.grantee
        where n.nspname = 'payments' and c.relkind in ('r', 'p', 'v') and a.grantee <> c.relowner
        group by 1, 2
      ) as g
    )
  );
end;
$$;

revoke all on function payments_private.database_state() from public, anon, authenticated;
grant execute on function payments_private.database_state() to payments_service;
--! EndIncluded connection/private/database_state.sql
--! Included connection/private/environment_overview.sql
/*
 * Returns {environment, as_of, setup, counts, failed_payments, backlog}: what the first page of the dashboard shows
 * besides the health.
 *
 * setup is {is_done, steps}. Each step is {step, is_done, message, next_action}. The steps are key, webhook, sync and
 * checkout, in the order of the set-up. counts has {count, is_exact} by table, see row_count. failed_payments is
 * {last_day, last_week, last_month, is_exact}; it stops counting at 10,000. has_key and has_signing_secret are what
 * only the handlers know.
 */
create or replace function payments_private.environment_overview(
  environment text,
  has_key boolean,
  has_signing_secret boolean
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_connection payments.provider_connections;
  v_has_checkout boolean;
  v_failed jsonb;
  v_backlog jsonb;
  v_steps jsonb;
begin
  perform payments_private.check_environment(environment);
  select c.* into v_connection
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = environment_overview.environment;
  v_has_checkout := (
    select c.id
    from payments.stripe_checkout_sessions as c
    where c.environment = environment_overview.environment
    order by c.created_at desc
    limit 1
  ) is not null;

  -- count what failed
  select jsonb_build_object(
    'last_day', count(*) filter (where f.failed_at >= now() - interval '1 day'),
    'last_week', count(*) filter (where f.failed_at >= now() - interval '7 days'),
    'last_month', count(*),
    'is_exact', count(*) < 10000
  )
  into v_failed
  from (
    select t.failed_at
    from payments.transactions as t
    where t.environment = environment_overview.environment
      and t.type = 'failed_payment'
      and t.failed_at >= now() - interval '30 days'
    order by t.failed_at desc
    limit 10000
  ) as f;
  select jsonb_build_object(
    'failed', count(*),
    'dead_lettered', count(*) filter (where w.next_attempt_at is null),
    'oldest_failed_at', min(w.received_at)
  )
  into v_backlog
  from payments.webhook_events as w
  where w.environment = environment_overview.environment and w.processing_status in ('pending', 'failed');

  -- lead through the set-up
  select jsonb_agg(
    jsonb_build_object(
      'step', s.step, 'is_done', s.is_done, 'message', s.message, 'next_action', case when not s.is_done then s.next_action end
    )
    order by s.position
  )
  into v_steps
  from (
    values
      (1, 'key', has_key, 'Stripe''s secret key is known.', 'Store the secret key of your Stripe account.'),
      (2, 'webhook', has_signing_secret, 'Stripe''s events can be verified.',
        'Set up the webhook endpoint, so that Stripe reports payments.'),
      (3, 'sync', coalesce(v_connection.last_sync_status = 'succeeded', false), 'The rows were brought in line with Stripe.',
        'Sync, so that products, prices, customers and subscriptions are here.'),
      (4, 'checkout', v_has_checkout, 'A checkout was begun.', 'Let your app create its first Checkout Session.')
  ) as s (position, step, is_done, message, next_action);

  return jsonb_build_object(
    'environment', environment,
    'as_of', now(),
    'setup', jsonb_build_object('is_done', not v_steps @> '[{"is_done": false}]', 'steps', v_steps),
    'counts', (
      select jsonb_object_agg(c.name, payments_private.row_count(environment, c.table_name))
      from (
        values
          ('customers', 'customers'), ('subscriptions', 'stripe_subscriptions'), ('transactions', 'transactions'),
          ('events', 'webhook_events'), ('checkoutSessions', 'stripe_checkout_sessions'),
          ('portalSessions', 'stripe_customer_portal_sessions'), ('products', 'stripe_products'), ('prices', 'stripe_prices')
      ) as c (name, table_name)
    ),
    'failed_payments', v_failed,
    'backlog', v_backlog
  );
end;
$$;

revoke all on function payments_private.environment_overview(text, boolean, boolean) from public, anon, authenticated;
grant execute on function payments_private.environment_overview(text, boolean, boolean) to payments_service;
--! EndIncluded connection/private/environment_overview.sql
--! Included connection/private/row_count.sql
/*
 * Returns {count, is_exact}: how many rows of an environment a table of the contract has. A table of over 16 MB is not
 * counted. The number is then that of the statistics of Postgres, so that the answer comes at once.
 */
create or replace function payments_private.row_count(environment text, table_name text)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the statistics of the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass := format('payments.%I', table_name)::regclass;
  v_count bigint;
  v_rows real;
  v_share real;
begin
  perform payments_private.check_environment(environment);
  if pg_relation_size(v_table) <= 16 * 1024 * 1024 then
    execute format('select count(*) from %s as t where t.environment = $1', v_table) into v_count using environment;
    return jsonb_build_object('count', v_count, 'is_exact', true);
  end if;

  select coalesce(nullif(c.reltuples, -1), t.n_live_tup, 0)
  into v_rows
  from pg_catalog.pg_class as c
  left join pg_catalog.pg_stat_all_tables as t on t.relid = c.oid
  where c.oid = v_table;
  select s.most_common_freqs[array_position(s.most_common_vals::text::text[], row_count.environment)]
  into v_share
  from pg_catalog.pg_stats as s
  where s.schemaname = 'payments' and s.tablename = table_name and s.attname = 'environment';
  return jsonb_build_object(
    'count', round((v_rows * case when found then coalesce(v_share, 0) else 1 end)::numeric)::bigint,
    'is_exact', false
  );
end;
$$;

revoke all on function payments_private.row_count(text, text) from public, anon, authenticated;
grant execute on function payments_private.row_count(text, text) to payments_service;
--! EndIncluded connection/private/row_count.sql
--! Included connection/private/search_everything.sql
/*
 * Returns the objects that a text finds. It finds customers by the beginning of their e-mail address, id or billing
 * subject, and any other object by its whole id. At most 10 of each kind. kind is customer, subscription, transaction,
 * invoice, checkout_session, portal_session, event, product or price.
 */
create or replace function payments_private.search_everything(environment text, search text)
  returns table (kind text, id text, title text, subtitle text, customer_id text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  return query
    (
      select 'customer', c.provider_customer_id, coalesce(c.email, c.name, c.provider_customer_id),
        coalesce(m.subject_type || ' ' || m.subject_id, c.name), c.provider_customer_id
      from payments_private.customer_search(environment, search) as f (customer_id)
      join payments.customers as c
        on c.provider_customer_id = f.customer_id and c.environment = search_everything.environment and c.provider = 'stripe'
      left join payments.customer_mappings as m
        on m.provider_customer_id = f.customer_id and m.environment = search_everything.environment and m.provider = 'stripe'
      order by lower(c.email), c.provider_customer_id
      limit 10
    )
    union all
    select 'subscription', s.subscription_id, s.subscription_id, s.status, s.customer_id
    from payments.stripe_subscriptions as s
    where s.subscription_id = search and s.environment = search_everything.environment
    union all
    select 'transaction', t.id::text, coalesce(t.description, t.type), t.status, t.provider_customer_id
    from payments_private.transaction_of_object(environment, search) as f (id)
    join payments.transactions as t on t.id = f.id
    union all
    select 'invoice', i.invoice_id, coalesce(i.number, i.invoice_id), i.status, i.customer_id
    from payments.stripe_invoices as i
    where i.invoice_id = search and i.environment = search_everything.environment
    union all
    select 'checkout_session', c.id::text, c.checkout_session_id, c.status, c.customer_id
    from payments.stripe_checkout_sessions as c
    where c.checkout_session_id = search and c.environment = search_everything.environment
    union all
    select 'event', e.provider_event_id, e.event_type, e.processing_status, null
    from payments.webhook_events as e
    where e.provider_event_id = search and e.environment = search_everything.environment and e.provider = 'stripe'
    union all
    select 'product', p.product_id, p.name, null, null
    from payments.stripe_products as p
    where p.product_id = search and p.environment = search_everything.environment and not p.deleted
    union all
    select 'price', p.price_id, coalesce(p.lookup_key, p.price_id), p.product_id, null
    from payments.stripe_prices as p
    where p.price_id = search and p.environment = search_everything.environment and not p.deleted;
end;
$$;

revoke all on function payments_private.search_everything(text, text) from public, anon, authenticated;
grant execute on function payments_private.search_everything(text, text) to payments_service;
--! EndIncluded connection/private/search_everything.sql
--! Included connection/private/secret_list.sql
/*
 * Returns what may be shown of the stored secrets: which encryption key opens each, and neither a ciphertext nor a
 * value.
 */
create or replace view payments_private.secret_list
  with (security_invoker = true)
as
  select
    s.environment,
    s.kind,
    s.masked as masked_key,
    s.endpoint_id,
    s.key_id,
    s.created_at,
    s.expires_at
  from payments_private.secrets as s;

comment on view payments_private.secret_list is 'Stored secrets as the API shows them: never a value.';

revoke all on payments_private.secret_list from public, anon, authenticated;
grant select on payments_private.secret_list to payments_service;
--! EndIncluded connection/private/secret_list.sql
--! Included ownership/private/customer_search.sql
/*
 * Returns the ids of the customers whose e-mail address, id or billing subject begins with a text. The case of an
 * address does not matter. It finds at most 100 of each kind, so that a short text costs no more than a long one.
 */
create or replace function payments_private.customer_search(environment text, search text)
  returns setof text
  language plpgsql
  stable
  security invoker
  rows 50
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_beyond text := chr(1114111); -- no character comes later
  v_email text := lower(search);
begin
  perform payments_private.check_environment(environment);
  return query
    (
      select c.provider_customer_id
      from payments.customers as c
      where lower(c.email) ~>=~ v_email
        and lower(c.email) ~<~ (v_email || v_beyond)
        and c.email is not null
        and c.environment = customer_search.environment
      limit 100
    )
    union
    (
      select c.provider_customer_id
      from payments.customers as c
      where c.provider_customer_id ~>=~ search
        and c.provider_customer_id ~<~ (search || v_beyond)
        and c.environment = customer_search.environment
      limit 100
    )
    union
    (
      select m.provider_customer_id
      from payments.customer_mappings as m
      where m.subject_id ~>=~ search
        and m.subject_id ~<~ (search || v_beyond)
        and m.environment = customer_search.environment
      limit 100
    );
end;
$$;

revoke all on function payments_private.customer_search(text, text) from public, anon, authenticated;
grant execute on function payments_private.customer_search(text, text) to payments_service;
--! EndIncluded ownership/private/customer_search.sql
--! Included ownership/private/customer_subjects.sql
/*
 * Returns the billing subjects of a customer, the first one first. A row says whether the subject pays with the
 * customer now (is_mapped), and which Stripe objects named it as the owner.
 */
create or replace function payments_private.customer_subjects(environment text, customer_id text)
  returns table (subject_type text, subject_id text, is_mapped boolean, named_at timestamptz, named_by text)
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the owners of customers
  rows 2
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  return query
    select
      coalesce(o.subject_type, m.subject_type),
      coalesce(o.subject_id, m.subject_id),
      m.id is not null,
      o.named_at,
      split_part(o.named_by, ' ', 1) -- what follows is the version that named it
    from (
      select o.*
      from payments_private.customer_owners as o
      where o.customer_id = customer_subjects.customer_id and o.environment = customer_subjects.environment
      order by o.named_at
      limit 100
    ) as o
    full join (
      select m.*
      from payments.customer_mappings as m
      where m.provider_customer_id = customer_subjects.customer_id and m.environment = customer_subjects.environment
    ) as m on m.subject_type = o.subject_type and m.subject_id = o.subject_id
    order by 4, 5, 1, 2;
end;
$$;

revoke all on function payments_private.customer_subjects(text, text) from public, anon, authenticated;
grant execute on function payments_private.customer_subjects(text, text) to payments_service;
--! EndIncluded ownership/private/customer_subjects.sql
--! Included payment/private/customer_timeline.sql
/*
 * Returns what happened with each customer: payments and refunds, subscriptions, invoices, credit notes, sessions, and
 * the events of all these objects.
 *
 * `id` and `happened_at` are the sort key of the list. kind is payment, refund, subscription, invoice, credit_note,
 * checkout_session, portal_session or event. Every part reaches the rows of one customer by an index, and an event by the index of its
 * object.
 */
create or replace view payments_private.customer_timeline
  with (security_invoker = true)
as
  select
    t.id,
    t.environment,
    t.provider_customer_id as customer_id,
    coalesce(t.provider_created_at, t.created_at) as happened_at,
    case when t.type = 'refund' then 'refund' else 'payment' end as kind,
    t.provider_object_id as object_id,
    coalesce(t.description, t.type) as title,
    t.status,
    t.amount,
    t.currency,
    null::text as error
  from payments.transactions as t
  where t.provider_customer_id is not null
  union all
  select
    s.id,
    s.environment,
    s.customer_id,
    coalesce(to_timestamp((s.raw ->> 'created')::bigint), s.created_at),
    'subscription',
    s.subscription_id,
    'subscription',
    s.status,
    null,
    null,
    null
  from payments.stripe_subscriptions as s
  union all
  select
    i.id,
    i.environment,
    i.customer_id,
    coalesce(i.provider_created_at, i.created_at),
    'invoice',
    i.invoice_id,
    coalesce(i.number, 'invoice'),
    i.status,
    i.total,
    i.currency,
    null
  from payments.stripe_invoices as i
  where i.customer_id is not null
  union all
  select
    n.id,
    n.environment,
    n.customer_id,
    coalesce(n.provider_created_at, n.created_at),
    'credit_note',
    n.credit_note_id,
    coalesce(n.number, 'credit note'),
    n.status,
    n.total,
    n.currency,
    null
  from payments.stripe_credit_notes as n
  where n.customer_id is not null
  union all
  select
    c.id,
    c.environment,
    c.customer_id,
    c.created_at,
    'checkout_session',
    c.checkout_session_id,
    c.mode,
    c.status,
    null,
    null,
    c.last_error
  from payments.stripe_checkout_sessions as c
  where c.customer_id is not null
  union all
  select
    p.id,
    p.environment,
    p.customer_id,
    p.created_at,
    'portal_session',
    null,
    'customer portal',
    p.status,
    null,
    null,
    p.last_error
  from payments.stripe_customer_portal_sessions as p
  where p.customer_id is not null
  union all
  select
    e.id,
    e.environment,
    o.customer_id,
    e.received_at,
    'event',
    e.provider_event_id,
    e.event_type,
    e.processing_status,
    null,
    null,
    e.last_error
  from (
    select c.environment, c.provider_customer_id as customer_id, c.provider_customer_id as object_id
    from payments.customers as c
    union
    select s.environment, s.customer_id, s.subscription_id
    from payments.stripe_subscriptions as s
    union
    select i.environment, i.customer_id, i.invoice_id
    from payments.stripe_invoices as i
    where i.customer_id is not null
    union
    select n.environment, n.customer_id, n.credit_note_id
    from payments.stripe_credit_notes as n
    where n.customer_id is not null
    union
    select c.environment, c.customer_id, c.checkout_session_id
    from payments.stripe_checkout_sessions as c
    where c.customer_id is not null and c.checkout_session_id is not null
    union
    select t.environment, t.provider_customer_id, r.value
    from payments.transactions as t
    cross join lateral jsonb_each_text(t.related_object_ids) as r
    where t.provider_customer_id is not null
      and r.key in ('payment_intent', 'invoice', 'charge', 'checkout_session', 'refund')
  ) as o
  join payments.webhook_events as e on e.object_id = o.object_id and e.environment = o.environment
  where e.provider = 'stripe';

comment on view payments_private.customer_timeline is 'What happened with each customer, as the API lists it.';

revoke all on payments_private.customer_timeline from public, anon, authenticated;
grant select on payments_private.customer_timeline to payments_service;
--! EndIncluded payment/private/customer_timeline.sql
--! Included payment/private/payment_objects_of.sql
/*
 * Returns the Stripe objects that a transaction was derived from: those of its payment; for a refund, those of the
 * payment that it belongs to. An object without a status was only linked to so far.
 */
create or replace function payments_private.payment_objects_of(environment text, transaction_id uuid)
  returns table (
    object_type text,
    object_id text,
    status text,
    state text,
    amount bigint,
    amount_refunded bigint,
    currency text,
    provider_created_at timestamptz
  )
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the payment objects
  rows 10
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_payment_id uuid;
begin
  perform payments_private.check_environment(environment);
  select coalesce(o.payment_id, t.id)
  into v_payment_id
  from payments.transactions as t
  left join payments_private.payment_objects as o
    on t.type = 'refund' and o.object_id = t.provider_object_id and o.environment = t.environment
  where t.id = transaction_id and t.environment = payment_objects_of.environment;

  return query
    select o.object_type, o.object_id, o.status, o.state, o.amount, o.amount_refunded, o.currency, o.provider_created_at
    from payments_private.payment_objects as o
    where o.payment_id = v_payment_id
      and o.environment = payment_objects_of.environment
      and o.object_type <> 'order_reference'
    order by o.provider_created_at, o.object_type, o.object_id
    limit 1000;
end;
$$;

revoke all on function payments_private.payment_objects_of(text, uuid) from public, anon, authenticated;
grant execute on function payments_private.payment_objects_of(text, uuid) to payments_service;
--! EndIncluded payment/private/payment_objects_of.sql
--! Included payment/private/revenue_by_day.sql
/*
 * Returns the money of each day and currency, by the days of a time zone. A row says what was paid, refunded and lost
 * to disputes, in the currency's minor unit, and how many payments failed. Days without any of these have no row.
 *
 * revenue is gross: what was paid on that day, whatever was refunded later. disputed is what was lost of disputes
 * opened on that day. Sums are numeric, because the amounts of a day may add up to more than a bigint holds. Each part
 * reads the rows of its days alone, from an index that has all that it needs.
 *
 * Errors: SP001 for a time zone that Postgres does not know.
 */
create or replace function payments_private.revenue_by_day(
  environment text,
  happened_from timestamptz,
  happened_before timestamptz,
  time_zone text
)
  returns table (
    day text,
    currency text,
    revenue numeric,
    payments bigint,
    refunds numeric,
    refund_count bigint,
    disputed numeric,
    failed bigint
  )
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  return query
    select
      to_char(m.on_day, 'YYYY-MM-DD'),
      m.currency,
      coalesce(sum(m.revenue), 0),
      coalesce(sum(m.payments), 0)::bigint,
      coalesce(sum(m.refunds), 0),
      coalesce(sum(m.refund_count), 0)::bigint,
      coalesce(sum(m.disputed), 0),
      coalesce(sum(m.failed), 0)::bigint
    from (
      select (t.paid_at at time zone time_zone)::date as on_day, t.currency, sum(t.amount) as revenue, count(*) as payments,
        null::numeric as refunds, null::bigint as refund_count, null::numeric as disputed, null::bigint as failed
      from payments.transactions as t
      where t.environment = revenue_by_day.environment and t.paid_at >= happened_from and t.paid_at < happened_before
      group by 1, 2
      union all
      select (t.refunded_at at time zone time_zone)::date, t.currency, null, null, sum(t.amount), count(*), null, null
      from payments.transactions as t
      where t.environment = revenue_by_day.environment and t.type = 'refund'
        and t.refunded_at >= happened_from and t.refunded_at < happened_before
      group by 1, 2
      union all
      select (t.disputed_at at time zone time_zone)::date, t.currency, null, null, null, null, sum(t.amount_disputed), null
      from payments.transactions as t
      where t.environment = revenue_by_day.environment
        and t.disputed_at >= happened_from and t.disputed_at < happened_before
      group by 1, 2
      union all
      select (t.failed_at at time zone time_zone)::date, t.currency, null, null, null, null, null, count(*)
      from payments.transactions as t
      where t.environment = revenue_by_day.environment and t.type = 'failed_payment'
        and t.failed_at >= happened_from and t.failed_at < happened_before
      group by 1, 2
    ) as m
    group by m.on_day, m.currency
    order by m.on_day, m.currency;
exception
  when invalid_parameter_value then
    raise exception 'The time zone % is not known.', left(time_zone, 100)
      using errcode = 'SP001', hint = 'Use a name such as Europe/Berlin or UTC.';
end;
$$;

revoke all on function payments_private.revenue_by_day(text, timestamptz, timestamptz, text) from public, anon, authenticated;
grant execute on function payments_private.revenue_by_day(text, timestamptz, timestamptz, text) to payments_service;
--! EndIncluded payment/private/revenue_by_day.sql
--! Included payment/private/transaction_of_object.sql
/*
 * Returns the ids of the transactions that a Stripe object belongs to: a payment by any of its objects, a refund by its
 * own id.
 */
create or replace function payments_private.transaction_of_object(environment text, object_id text)
  returns setof uuid
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the payment objects
  rows 2
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  return query
    select t.id
    from payments_private.payment_objects as o
    join payments.transactions as t on t.id = o.payment_id
    where o.object_id = transaction_of_object.object_id and o.environment = transaction_of_object.environment
    union
    select t.id
    from payments.transactions as t
    where t.provider_object_id = transaction_of_object.object_id
      and t.provider_object_type is not null -- as the index has it
      and t.environment = transaction_of_object.environment;
end;
$$;

revoke all on function payments_private.transaction_of_object(text, text) from public, anon, authenticated;
grant execute on function payments_private.transaction_of_object(text, text) to payments_service;
--! EndIncluded payment/private/transaction_of_object.sql
--! Included projection/private/begin_catalog_change.sql
/*
 * Begins a change of a product or a price at Stripe, for an editor who saw it as revision says. Until
 * end_catalog_change, or for a minute, no other such editor can begin one.
 *
 * A product or price that has no row here can be changed: Stripe says whether it exists.
 *
 * Errors: SP045 it was changed since; SP046 someone else is changing it now.
 */
create or replace function payments_private.begin_catalog_change(environment text, object_id text, revision text)
  returns void
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the changes that have begun
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column -- the target of on conflict cannot be qualified
declare
  v_revision text;
begin
  perform payments_private.check_environment(begin_catalog_change.environment);

  -- take the object first, so that the revision below is that after the change before this one
  insert into payments_private.catalog_changes as c (environment, object_id)
  values (begin_catalog_change.environment, begin_catalog_change.object_id)
  on conflict on constraint catalog_changes_pkey do update
  set begun_at = now()
  where c.begun_at < now() - interval '1 minute';
  if not found then
    raise exception 'Someone else is changing % at this moment.', begin_catalog_change.object_id
      using errcode = 'SP046', hint = 'Load it again in a moment, and look at the change before you make yours.';
  end if;

  -- compare with what the editor saw
  select coalesce(
    (
      select payments_private.catalog_revision(to_jsonb(p))
      from payments.stripe_products as p
      where p.product_id = begin_catalog_change.object_id and p.environment = begin_catalog_change.environment
    ),
    (
      select payments_private.catalog_revision(to_jsonb(p))
      from payments.stripe_prices as p
      where p.price_id = begin_catalog_change.object_id and p.environment = begin_catalog_change.environment
    )
  )
  into v_revision;
  if v_revision <> begin_catalog_change.revision then
    raise exception '% was changed since you opened it.', begin_catalog_change.object_id
      using errcode = 'SP045', hint = 'Load it again, and look at the change before you make yours.';
  end if;
end;
$$;

revoke all on function payments_private.begin_catalog_change(text, text, text) from public, anon, authenticated;
grant execute on function payments_private.begin_catalog_change(text, text, text) to payments_service;
--! EndIncluded projection/private/begin_catalog_change.sql
--! Included projection/private/end_catalog_change.sql
/*
 * Ends what begin_catalog_change began, whether Stripe has changed the object or not.
 */
create or replace function payments_private.end_catalog_change(environment text, object_id text)
  returns void
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the changes that have begun
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  delete from payments_private.catalog_changes as c
  where c.object_id = end_catalog_change.object_id and c.environment = end_catalog_change.environment;
end;
$$;

revoke all on function payments_private.end_catalog_change(text, text) from public, anon, authenticated;
grant execute on function payments_private.end_catalog_change(text, text) to payments_service;
--! EndIncluded projection/private/end_catalog_change.sql
--! Included projection/private/recurring_revenue.sql
/*
 * Returns {environment, as_of, open_statuses, paid_statuses, open_subscriptions, statuses, currencies} of an
 * environment.
 *
 * statuses is [{status, count}]. currencies is [{currency, mrr, subscriptions, subscriptions_without_amount}]. mrr is
 * what the subscriptions of the paid statuses bring in a month, as a whole number of the currency's minor unit. An item
 * brings unit_amount * quantity / interval_count: by the month as it is, by the year a twelfth, by the week 365/84, by
 * the day 365/12. Each item is rounded, a half away from zero. Metered and tiered items have no amount:
 * subscriptions_without_amount counts the subscriptions that have such an item. A trial and a paused collection bring
 * nothing. Discounts and taxes are not known here.
 *
 * It reads every subscription of the paid statuses: its time grows with them.
 */
create or replace function payments_private.recurring_revenue(environment text)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_open text[] := array['active', 'trialing', 'past_due'];
  v_paid text[] := array['active', 'past_due'];
  v_statuses jsonb;
  v_currencies jsonb;
begin
  perform payments_private.check_environment(environment);
  select coalesce(jsonb_agg(jsonb_build_object('status', s.status, 'count', s.count) order by s.count desc, s.status), '[]')
  into v_statuses
  from (
    select s.status, count(*) as count
    from payments.stripe_subscriptions as s
    where s.environment = recurring_revenue.environment
    group by s.status
  ) as s;

  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'currency', c.currency, 'mrr', c.mrr, 'subscriptions', c.subscriptions,
        'subscriptions_without_amount', c.subscriptions_without_amount
      )
      order by c.mrr desc, c.currency
    ),
    '[]'
  )
  into v_currencies
  from (
    select
      o.currency,
      sum(o.mrr) as mrr,
      count(*) as subscriptions,
      count(*) filter (where o.has_no_amount) as subscriptions_without_amount
    from (
      -- all items of a subscription have one currency
      select
        s.id,
        min(p.currency) as currency,
        coalesce(sum(round(p.a_month * coalesce(i.quantity, 1))), 0) as mrr,
        bool_or(p.a_month is null) as has_no_amount
      from payments.stripe_subscriptions as s
      join payments.stripe_subscription_items as i on i.subscription_id = s.subscription_id and i.environment = s.environment
      join (
        select
          p.price_id,
          p.currency,
          case
            when p.recurring_usage_type is distinct from 'metered'
            then p.unit_amount::numeric / greatest(p.recurring_interval_count, 1) * case p.recurring_interval
              when 'day' then 365::numeric / 12
              when 'week' then 365::numeric / 84
              when 'year' then 1::numeric / 12
              else 1
            end
          end as a_month
        from payments.stripe_prices as p
        where p.environment = recurring_revenue.environment
        offset 0 -- computed once for each price
      ) as p on p.price_id = i.price_id
      where s.environment = recurring_revenue.environment
        and s.status = any (v_paid)
        and s.pause_collection_behavior is null
      group by s.id
    ) as o
    group by o.currency
  ) as c;

  return jsonb_build_object(
    'environment', environment,
    'as_of', now(),
    'open_statuses', v_open,
    'paid_statuses', v_paid,
    'open_subscriptions', (
      select coalesce(sum((s ->> 'count')::bigint), 0)
      from jsonb_array_elements(v_statuses) as s
      where s ->> 'status' = any (v_open)
    ),
    'statuses', v_statuses,
    'currencies', v_currencies
  );
end;
$$;

revoke all on function payments_private.recurring_revenue(text) from public, anon, authenticated;
grant execute on function payments_private.recurring_revenue(text) to payments_service;
--! EndIncluded projection/private/recurring_revenue.sql

--! Included ownership/private/own_metadata.sql
/*
 * Returns the app's own keys of some metadata: those that are not reserved. {} for null.
 */
create or replace function payments_private.own_metadata(metadata jsonb)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select jsonb_object_agg(m.key, m.value)
      from jsonb_each(case when jsonb_typeof(own_metadata.metadata) = 'object' then own_metadata.metadata end) as m (key, value)
      where m.key not like 'payments\_%' and m.key not like 'insforge\_%'
    ),
    '{}'
  );
end;
$$;

revoke all on function payments_private.own_metadata(jsonb) from public, anon, authenticated;
--! EndIncluded ownership/private/own_metadata.sql
--! Included payment/private/purchased_items.sql
/*
 * Returns what was bought, as payments.purchase has it: [{price_id, product_id, lookup_key, quantity}], in order. An
 * invoice says it by its lines: all but prorations that credit something. A checkout says it by the line items of its
 * row, [{priceId, quantity}]. The result is [] if neither says it. It is also [] if the buyer could change a quantity
 * on Stripe's page, because the row has what was requested, not what was paid. A price that the request made up has no
 * ids, so a search for a price or a product finds nothing. It has price_data: {product_id, name, unit_amount,
 * currency}.
 */
create or replace function payments_private.purchased_items(environment text, invoice jsonb, line_items jsonb)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select jsonb_agg(
        jsonb_build_object(
          'price_id', b.price_id,
          'product_id', coalesce(p.product_id, b.product_id),
          'lookup_key', p.lookup_key,
          'quantity', b.quantity
        ) || case when b.price_data is null then '{}' else jsonb_build_object('price_data', b.price_data) end
        order by b.position
      )
      from (
        select
          l.position,
          payments_private.id_of(
            coalesce(l.line #> '{pricing,price_details,price}', l.line -> 'price', l.line -> 'plan')
          ) as price_id,
          payments_private.id_of(
            coalesce(l.line #> '{pricing,price_details,product}', l.line #> '{price,product}', l.line #> '{plan,product}')
          ) as product_id,
          case when l.line ->> 'quantity' ~ '^[0-9]{1,9}$' then (l.line ->> 'quantity')::bigint else 1 end as quantity,
          null::jsonb as price_data
        from jsonb_array_elements(invoice #> '{lines,data}') with ordinality as l (line, position)
        where coalesce((l.line ->> 'amount')::numeric, 0) >= 0
        union all
        select
          i.position,
          i.item ->> 'priceId',
          null,
          case when i.item ->> 'quantity' ~ '^[0-9]{1,9}$' then (i.item ->> 'quantity')::bigint else 1 end,
          case when i.item ? 'priceData' then jsonb_build_object(
            'product_id', i.item #> '{priceData,productId}',
            'name', i.item #> '{priceData,product,name}',
            'unit_amount', i.item #> '{priceData,unitAmount}',
            'currency', i.item #> '{priceData,currency}'
          ) end
        from jsonb_array_elements(line_items) with ordinality as i (item, position)
        where invoice is null and not jsonb_path_exists(line_items, '$[*].adjustableQuantity')
      ) as b
      left join payments.stripe_prices as p
        on p.price_id = b.price_id and p.environment = purchased_items.environment
      where b.price_id is not null or b.price_data is not null
    ),
    '[]'
  );
end;
$$;

revoke all on function payments_private.purchased_items(text, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded payment/private/purchased_items.sql
--! Included checkout/private/shipping_of.sql
/*
 * Returns where a purchase is shipped to and what that costs, as payments.purchase has it: {amount_total, shipping_rate,
 * name, phone, address}. The result is null if neither its Checkout Session nor its invoice says anything of it. address
 * is Stripe's: {line1, line2, postal_code, city, state, country}.
 *
 * The session says it by collected_information.shipping_details, before 2025-03-31 by shipping_details. The newer shape
 * has no phone, so that of the buyer stands in. A purchase that renews has an invoice of its own. The customer may have
 * moved since the checkout, so the address of the invoice comes first, and the checkout says nothing of the costs.
 */
create or replace function payments_private.shipping_of(session jsonb, invoice jsonb, renews boolean)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_cost jsonb := coalesce(
    case when not renews then nullif(session -> 'shipping_cost', 'null') end, nullif(invoice -> 'shipping_cost', 'null')
  );
  v_collected jsonb := coalesce(
    nullif(session #> '{collected_information,shipping_details}', 'null'), nullif(session -> 'shipping_details', 'null')
  );
  v_billed jsonb := coalesce(
    nullif(invoice -> 'shipping_details', 'null'), nullif(invoice -> 'customer_shipping', 'null')
  );
  v_is_billed boolean := session is null or (renews and v_billed is not null);
  v_details jsonb := case when v_is_billed then v_billed else v_collected end;
begin
  if v_cost is null and v_details is null then
    return null;
  end if;
  return jsonb_build_object(
    'amount_total', case when jsonb_typeof(v_cost -> 'amount_total') = 'number' then v_cost -> 'amount_total' end,
    'shipping_rate', payments_private.id_of(v_cost -> 'shipping_rate'),
    'name', v_details ->> 'name',
    'phone', coalesce(
      v_details ->> 'phone',
      case when v_is_billed then invoice ->> 'customer_phone' else session #>> '{customer_details,phone}' end
    ),
    'address', nullif(v_details -> 'address', 'null')
  );
end;
$$;

revoke all on function payments_private.shipping_of(jsonb, jsonb, boolean) from public, anon, authenticated;
grant execute on function payments_private.shipping_of(jsonb, jsonb, boolean) to payments_service;
--! EndIncluded checkout/private/shipping_of.sql
--! Included payment/purchase_of.sql
/*
 * Returns the purchase that an event is about, as it stands now, for fulfilment triggers. It says what was bought, by
 * whom, for how much, and whether it is paid. The result is null if the event is about no purchase. It is also null if
 * neither the Checkout Session nor the invoice is known yet. Their own event arrives later and returns the purchase.
 *
 * The answer is of the state and not of the event. Money, status and what went back are those of the transaction. They
 * are therefore the same in every order of events, for a duplicate, and for a retry after days. A trigger writes what
 * it did under the id of the purchase, compares that with the answer, and does the difference.
 *
 *     v_purchase payments.purchase := payments.purchase_of(new);
 *     if v_purchase.is_paid then insert … on conflict (purchase_id) do nothing; end if;
 *
 * id is the invoice if there is one, else the Checkout Session. Both are named by the first event that says paid, and
 * a session and an invoice name each other then. A PaymentIntent never is the id, because its event may come first.
 *
 * items come from the lines of the invoice, else from the request of the checkout. They are [] for a checkout that was
 * begun elsewhere (a payment link) until a sync brought its lines, and if the ledger has been pruned. Give nothing for
 * an unknown price.
 *
 * Long because each column of the purchase has sources of its own.
 */
create or replace function payments.purchase_of(event payments.webhook_events)
  returns payments.purchase
  language plpgsql
  stable
  security definer -- crosses from the app's trigger to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object jsonb := event.payload -> 'data' -> 'object';
  v_kind text := v_object ->> 'object';
  v_purchase payments.purchase;
  v_payment payments.transactions;
  v_session payments.stripe_checkout_sessions;
  v_subject payments.billing_subject;
  v_invoice jsonb := case when v_object ->> 'object' = 'invoice' then v_object end;
  v_parent jsonb;
  v_named text; -- the row that began the checkout, by the metadata
  v_row_id uuid;
begin
  if v_kind is null
    or v_kind not in ('checkout.session', 'invoice', 'payment_intent', 'charge', 'refund', 'dispute', 'invoice_payment')
    or (v_kind = 'checkout.session' and (v_object ->> 'mode' = 'setup' or v_object ->> 'status' is distinct from 'complete'))
  then
    return null;
  end if;

  -- find the payment
  select t.*
  into v_payment
  from payments_private.payment_objects as o
  join payments.transactions as t on t.id = o.payment_id
  where o.environment = event.environment and o.object_id = v_object ->> 'id';
  if v_payment.id is null
    and v_kind = 'invoice'
    and event.event_type not in ('invoice.paid', 'invoice.payment_succeeded', 'invoice.payment_failed')
  then
    return null; -- an invoice that nobody has paid or tried to pay is no purchase yet
  end if;
  v_purchase.invoice_id := coalesce(
    case v_kind when 'invoice' then v_object ->> 'id' else payments_private.id_of(v_object -> 'invoice') end,
    v_payment.related_object_ids ->> 'invoice'
  );
  v_purchase.checkout_session_id := coalesce(
    case when v_kind = 'checkout.session' then v_object ->> 'id' end,
    v_payment.related_object_ids ->> 'checkout_session'
  );
  v_purchase.id := coalesce(v_purchase.invoice_id, v_purchase.checkout_session_id);
  if v_purchase.id is null then
    return null;
  end if;

  -- find the invoice in the ledger
  if v_invoice is null and v_purchase.invoice_id is not null then
    select w.payload -> 'data' -> 'object'
    into v_invoice
    from payments.webhook_events as w
    where w.object_id = v_purchase.invoice_id
      and w.environment = event.environment
      and w.payload #> '{data,object,lines,data}' is not null
    order by w.provider_created_at desc, w.id
    limit 1;
  end if;
  v_parent := coalesce(nullif(v_invoice #> '{parent,subscription_details}', 'null'), v_invoice -> 'subscription_details');

  -- find the checkout that was begun here
  v_named := coalesce(
    v_object #>> '{metadata,payments_checkout_session_id}', v_parent #>> '{metadata,payments_checkout_session_id}'
  );
  v_row_id := case when v_named ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then v_named::uuid end;
  select s.*
  into v_session
  from payments.stripe_checkout_sessions as s
  where s.environment = event.environment
    and (s.checkout_session_id = v_purchase.checkout_session_id or s.id = v_row_id)
  order by (s.checkout_session_id = v_purchase.checkout_session_id) desc nulls last
  limit 1;

  -- say what kind it is
  v_purchase.subscription_id := coalesce(
    payments_private.id_of(v_object -> 'subscription'),
    payments_private.id_of(v_parent -> 'subscription'),
    payments_private.id_of(v_invoice -> 'subscription'),
    v_payment.related_object_ids ->> 'subscription'
  );
  v_purchase.kind := case
    when v_purchase.subscription_id is null then 'one_time'
    when v_kind = 'checkout.session' or v_invoice ->> 'billing_reason' = 'subscription_create' then 'subscription_start'
    when v_invoice ->> 'billing_reason' = 'subscription_cycle' then 'subscription_renewal'
    else 'subscription_other'
  end;

  -- say who bought it
  v_subject := payments.event_subject(event);
  v_purchase.subject_type := coalesce(v_subject.type, v_payment.subject_type);
  v_purchase.subject_id := case when v_subject.type is not null then v_subject.id else v_payment.subject_id end;
  v_purchase.caller_id := v_session.caller_id;
  v_purchase.customer_id := coalesce(v_payment.provider_customer_id, payments_private.id_of(v_object -> 'customer'));
  v_purchase.customer_email := coalesce(
    v_payment.customer_email_snapshot, v_object -> 'customer_details' ->> 'email', v_object ->> 'customer_email'
  );

  -- say what was bought
  v_purchase.environment := event.environment;
  v_purchase.items := payments_private.purchased_items(event.environment, v_invoice, v_session.line_items);
  v_purchase.metadata := payments_private.own_metadata(
    coalesce(v_session.metadata, v_parent -> 'metadata', v_object -> 'metadata')
  );
  v_purchase.shipping := payments_private.shipping_of(
    coalesce(nullif(v_session.raw, '{}'), case when v_kind = 'checkout.session' then v_object end),
    v_invoice,
    v_purchase.kind in ('subscription_renewal', 'subscription_other')
  );

  -- say what became of the money
  v_purchase.payment_intent_id := coalesce(
    v_payment.related_object_ids ->> 'payment_intent', payments_private.id_of(v_object -> 'payment_intent')
  );
  v_purchase.amount := coalesce(
    v_payment.amount, (v_object ->> 'amount_total')::bigint, (v_object ->> 'amount_due')::bigint
  );
  v_purchase.amount_subtotal := coalesce(
    (v_object ->> 'amount_subtotal')::bigint, (v_session.raw ->> 'amount_subtotal')::bigint,
    (v_invoice ->> 'subtotal')::bigint, v_purchase.amount
  );
  v_purchase.currency := coalesce(v_payment.currency, lower(v_object ->> 'currency'));
  v_purchase.amount_undone := least(
    coalesce(v_payment.amount_refunded, 0) + coalesce(v_payment.amount_disputed, 0), v_purchase.amount
  );
  v_purchase.status := case
    when v_payment.status = 'refunded' then 'refunded'
    when v_payment.amount_disputed > 0 then 'charged_back'
    when v_payment.status in ('succeeded', 'partially_refunded') then 'paid'
    when v_payment.id is null and payments.event_is_settled(event) then 'paid'
    when v_payment.status = 'failed' then 'failed'
    else 'pending'
  end;
  v_purchase.is_paid := v_purchase.status = 'paid';
  v_purchase.paid_at := coalesce(
    v_payment.paid_at, case when v_purchase.is_paid then event.provider_created_at end
  );
  return v_purchase;
end;
$$;

comment on function payments.purchase_of(payments.webhook_events) is
  'The purchase that an event is about, as it stands now: what was bought, by whom, for how much, whether paid. Null if the event is about none. For fulfilment triggers.';

revoke all on function payments.purchase_of(payments.webhook_events) from public, anon, authenticated;
grant execute on function payments.purchase_of(payments.webhook_events) to payments_service;
--! EndIncluded payment/purchase_of.sql
--! Included projection/private/subscription_access.sql
/*
 * Returns whether a subscription gives access, and why, as a sentence. access is:
 *   granted  it gives access
 *   at_risk  it gives access, and Stripe still tries to collect the payment
 *   none     it gives none
 *
 * The view payments.subscription_access decides; the sentence names what decided. An app may decide otherwise: nothing
 * but the lists of subscriptions depends on this.
 */
create or replace function payments_private.subscription_access(
  subscription payments.stripe_subscriptions,
  out access text,
  out reason text
)
  returns record
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select
    from payments.subscription_access as a
    where a.subscription_id = (subscription).subscription_id
      and a.environment = (subscription).environment
  ) then
    access := case when (subscription).status = 'past_due' then 'at_risk' else 'granted' end;
    reason := case
      when (subscription).status = 'trialing' then 'The trial gives access.'
      when (subscription).latest_invoice_id is null then 'Nothing was billed so far.'
      when access = 'at_risk' then 'The last payment failed, and Stripe still tries to collect it.'
      when exists (
        select
        from payments.transactions as t
        where t.provider_customer_id = (subscription).customer_id
          and t.environment = (subscription).environment
          and t.related_object_ids ->> 'subscription' = (subscription).subscription_id
          and t.type = 'subscription_invoice'
          and t.paid_at is not null
          and t.amount > 0
      ) then 'It is active, and money has arrived.'
      else 'It is active, and nothing was to be paid so far.'
    end;
  else
    access := 'none';
    reason := case
      when (subscription).status not in ('trialing', 'active', 'past_due') then
        format('The status %s gives no access.', (subscription).status)
      when (subscription).pause_collection_behavior is not null then 'Collection is paused, so no money arrives.'
      when (subscription).subject_type is null then 'It belongs to no billing subject. Assign it to one.'
      when not exists (
        select
        from payments.stripe_subscription_items as i
        where i.subscription_id = (subscription).subscription_id
          and i.environment = (subscription).environment
      ) then 'It has no item.'
      else 'No money has arrived for it.'
    end;
  end if;
end;
$$;

revoke all on function payments_private.subscription_access(payments.stripe_subscriptions) from public, anon, authenticated;
grant execute on function payments_private.subscription_access(payments.stripe_subscriptions) to payments_service;
--! EndIncluded projection/private/subscription_access.sql
--! Included payment/subscription_access.sql
/*
 * The items of subscriptions that give access now, one row each, for entitlements of an app.
 *
 * A subscription gives access
 *   - while it is trialing;
 *   - while it is active, once money for it has arrived. A first bank debit that is pending or failed gives nothing.
 *     Neither does a payment whose dispute was lost;
 *   - while it is past_due, if money for it had arrived before: Stripe still retries the payment of the renewal.
 *     valid_until is then the end of the last period that was paid;
 *   - while it costs nothing, for example with a discount of 100 %, and if Stripe has billed nothing for it.
 * It gives none
 *   - in any other status, also one that Stripe adds later;
 *   - while collection is paused (pause_collection): Stripe leaves the status active, and nobody pays.
 *
 * It is derived from rows alone, so an event, a sync and a recovery show at once. For subscriptions that are older than
 * pg-payments, sync invoices too. Map prices to what the app calls its plans: give nothing for an unknown price.
 */
create or replace view payments.subscription_access
  with (security_invoker = true)
as
  select
    s.environment,
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
    case when s.status = 'past_due' then period.started_at else period.ends_at end as valid_until,
    coalesce(s.cancel_at, case when s.cancel_at_period_end then period.ends_at end) as ends_at,
    s.updated_at
  from payments.stripe_subscriptions as s
  join payments.stripe_subscription_items as i on i.subscription_id = s.subscription_id and i.environment = s.environment
  left join payments.stripe_prices as p on p.price_id = i.price_id and p.environment = i.environment
  cross join lateral (
    select
      coalesce(i.current_period_start, s.current_period_start) as started_at,
      coalesce(i.current_period_end, s.current_period_end) as ends_at
  ) as period
  where s.subject_type is not null
    and s.pause_collection_behavior is null
    and (
      s.status = 'trialing'
      or (
        s.status in ('active', 'past_due')
        and (
          s.latest_invoice_id is null -- nothing was billed
          or exists ( -- money has arrived, or nothing was to be paid
            select
            from payments.transactions as t
            where t.provider = 'stripe'
              and t.environment = s.environment
              and t.provider_customer_id = s.customer_id
              and t.type = 'subscription_invoice'
              and t.related_object_ids ->> 'subscription' = s.subscription_id
              and t.status in ('succeeded', 'partially_refunded', 'refunded')
              and (
                t.amount > t.amount_disputed
                or (t.amount = 0 and t.related_object_ids ->> 'invoice' = s.latest_invoice_id)
                or ( -- after a trial or a free period: Stripe takes an hour until it charges
                  t.amount = 0
                  and period.started_at > now() - interval '1 day'
                  and not exists (
                    select
                    from payments.transactions as u
                    where u.provider = 'stripe'
                      and u.environment = s.environment
                      and u.provider_customer_id = s.customer_id
                      and u.related_object_ids ->> 'invoice' = s.latest_invoice_id
                  )
                )
              )
          )
        )
      )
    );

comment on view payments.subscription_access is
  'The items of subscriptions that give access now: trialing, or paid for. For entitlements of an app.';
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

revoke all on payments.subscription_access from public, anon, authenticated;
grant select on payments.subscription_access to payments_service;
--! EndIncluded payment/subscription_access.sql

--! Included checkout/retry_checkout_session.sql
/*
 * Begins a failed checkout again with what is known now, and returns the same as begin_checkout_session. What is new
 * may be another customer of its billing subject, or a price that has a row since the failure. Returns null, and
 * changes nothing, if there is neither or the row has changed.
 *
 * Contract: the handlers call this after fail_checkout_session, once Stripe no longer knew the customer, or refused the
 * values of the checkout.
 */
create or replace function payments.retry_checkout_session(environment text, id uuid, attempt integer)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row payments.stripe_checkout_sessions;
begin
  perform payments_private.check_environment(environment);
  update payments.stripe_checkout_sessions as t
  set status = 'initialized',
      attempt = t.attempt + 1,
      last_error = null,
      stripe_may_have_acted = false,
      customer_id = payments_private.customer_of_subject(t.environment, t.subject_type, t.subject_id),
      version = 0
  where t.environment = retry_checkout_session.environment
    and t.id = retry_checkout_session.id
    and t.attempt = retry_checkout_session.attempt
    and t.status = 'failed'
    and t.checkout_session_id is null
    and (
      t.customer_id is distinct from payments_private.customer_of_subject(t.environment, t.subject_type, t.subject_id)
      or exists (
        select
        from jsonb_array_elements(t.line_items) as i (item)
        join payments.stripe_prices as p on p.price_id = i.item ->> 'priceId' and p.environment = t.environment
        where p.created_at > t.updated_at
      )
    )
  returning t.* into v_row;
  if v_row.id is null then
    return null;
  end if;
  return jsonb_build_object(
    'action', 'send',
    'session', to_jsonb(v_row),
    'attempt', v_row.attempt,
    'checkout_session_id', null,
    'idempotency_key', format('pg-payments:%s:checkout_session:%s:%s', v_row.environment, v_row.id, v_row.attempt),
    'params', payments_private.checkout_session_params(v_row)
  );
end;
$$;

comment on function payments.retry_checkout_session(text, uuid, integer) is
  'Begins a failed checkout again with the customer that its subject has now, and with prices that have a row since. Returns the same as begin_checkout_session; null if nothing has changed. Errors: SP001.';

revoke all on function payments.retry_checkout_session(text, uuid, integer) from public, anon, authenticated;
grant execute on function payments.retry_checkout_session(text, uuid, integer) to payments_service;
--! EndIncluded checkout/retry_checkout_session.sql
--! Included checkout/private/portal_flow_params.sql
/*
 * Returns Stripe's flow_data of a portal session; null if it asks for no flow. A flow is about a subscription of the
 * billing subject of the session, and of no other subject. It is the one that is named, else the only one that lives.
 * Another price for an item leaves its quantity, unless the flow names one.
 *
 * Raises SP051 if there is no such subscription, SP052 if several live and none is named.
 */
create or replace function payments_private.portal_flow_params(session payments.stripe_customer_portal_sessions)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow jsonb := session.options -> 'flow';
  v_type text := session.options #>> '{flow,type}';
  v_after jsonb := session.options #> '{flow,after_completion}';
  v_subscription_ids text[];
  v_customer_id text;
  v_item_ids text[];
  v_quantity bigint;
begin
  if v_flow is null then
    return null;
  end if;
  if v_type <> 'payment_method_update' then
    select array_agg(t.subscription_id), min(t.customer_id)
    into v_subscription_ids, v_customer_id
    from payments.stripe_subscriptions as t
    where t.environment = session.environment
      and t.subject_type = session.subject_type
      and t.subject_id = session.subject_id
      and t.status not in ('canceled', 'incomplete_expired')
      and t.subscription_id = coalesce(v_flow ->> 'subscription_id', t.subscription_id);
    if v_subscription_ids is null or (cardinality(v_subscription_ids) = 1 and v_customer_id <> session.customer_id) then
      raise exception 'This billing subject has no such subscription that is still running.'
        using errcode = 'SP051', hint = 'Open the portal without a flow, or begin a checkout.';
    end if;
    if cardinality(v_subscription_ids) > 1 then
      raise exception 'This billing subject has several subscriptions.'
        using errcode = 'SP052', hint = 'Name one of them in flow.subscriptionId.';
    end if;
  end if;
  if v_type = 'subscription_update_confirm' then
    select array_agg(i.subscription_item_id), min(i.quantity)
    into v_item_ids, v_quantity
    from payments.stripe_subscription_items as i
    where i.environment = session.environment
      and i.subscription_id = v_subscription_ids[1]
      and i.subscription_item_id = coalesce(v_flow #>> '{items,0,subscription_item_id}', i.subscription_item_id);
    if cardinality(v_item_ids) is distinct from 1 then
      raise exception 'This subscription has several items, or not the one that is named.'
        using errcode = 'SP052', hint = 'Name one of its items in flow.items[0].subscriptionItemId.';
    end if;
  end if;

  return jsonb_build_object('type', v_type)
    || case
      when v_type = 'payment_method_update' then '{}'
      else jsonb_build_object(v_type, jsonb_strip_nulls(jsonb_build_object(
        'subscription', v_subscription_ids[1],
        'items', case
          when v_item_ids is not null then jsonb_build_array(jsonb_build_object(
            'id', v_item_ids[1],
            'price', v_flow #> '{items,0,price_id}',
            'quantity', coalesce(v_flow #> '{items,0,quantity}', to_jsonb(v_quantity), '1')
          ))
        end
      )))
    end
    || case
      when v_after is null then '{}'
      else jsonb_build_object('after_completion', jsonb_strip_nulls(jsonb_build_object(
        'type', v_after -> 'type',
        'redirect', payments_private.wrapped('return_url', v_after -> 'return_url'),
        'hosted_confirmation', payments_private.wrapped('custom_message', v_after -> 'custom_message')
      )))
    end;
end;
$$;

revoke all on function payments_private.portal_flow_params(payments.stripe_customer_portal_sessions)
  from public, anon, authenticated;
grant execute on function payments_private.portal_flow_params(payments.stripe_customer_portal_sessions)
  to payments_service;
--! EndIncluded checkout/private/portal_flow_params.sql
--! Included checkout/private/portal_session_params.sql
/*
 * Returns what to send to Stripe for a portal session. https://docs.stripe.com/api/customer_portal/sessions/create
 */
create or replace function payments_private.portal_session_params(session payments.stripe_customer_portal_sessions)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_strip_nulls(jsonb_build_object(
    'customer', session.customer_id,
    'return_url', session.return_url,
    'configuration', session.configuration_id,
    'locale', session.options -> 'locale',
    'flow_data', payments_private.portal_flow_params(session)
  ));
end;
$$;

revoke all on function payments_private.portal_session_params(payments.stripe_customer_portal_sessions)
  from public, anon, authenticated;
grant execute on function payments_private.portal_session_params(payments.stripe_customer_portal_sessions)
  to payments_service;
--! EndIncluded checkout/private/portal_session_params.sql
--! Included checkout/retry_customer_portal_session.sql
/*
 * Begins a failed portal session again with the customer that its billing subject has now, and returns the same as
 * begin_customer_portal_session. Returns null, and changes nothing, if the customer is the same or the row has changed.
 *
 * Contract: the handlers call this after fail_customer_portal_session, once Stripe no longer knew the customer.
 */
create or replace function payments.retry_customer_portal_session(environment text, id uuid)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row payments.stripe_customer_portal_sessions;
  v_customer_id text;
begin
  perform payments_private.check_environment(environment);
  select t.* into v_row
  from payments.stripe_customer_portal_sessions as t
  where t.environment = retry_customer_portal_session.environment and t.id = retry_customer_portal_session.id;
  v_customer_id := payments_private.customer_of_subject(v_row.environment, v_row.subject_type, v_row.subject_id);
  if v_row.id is null or v_row.status <> 'failed' or v_row.customer_id is not distinct from v_customer_id then
    return null;
  end if;
  if v_customer_id is null then
    raise exception 'The Stripe customer of this billing subject was deleted, and it has no other.'
      using errcode = 'SP003', hint = 'Complete a checkout for it first.';
  end if;

  update payments.stripe_customer_portal_sessions as t
  set status = 'initialized',
      last_error = null,
      customer_id = v_customer_id
  where t.id = v_row.id
  returning t.* into v_row;
  return jsonb_build_object(
    'session', to_jsonb(v_row),
    'idempotency_key', format('pg-payments:%s:customer_portal_session:%s:2', v_row.environment, v_row.id),
    'params', payments_private.portal_session_params(v_row)
  );
end;
$$;

comment on function payments.retry_customer_portal_session(text, uuid) is
  'Begins a failed portal session again with the customer that its subject has now. Returns the same as begin_customer_portal_session; null if the customer is the same. Errors: SP001, SP003 no customer is left.';

revoke all on function payments.retry_customer_portal_session(text, uuid) from public, anon, authenticated;
grant execute on function payments.retry_customer_portal_session(text, uuid) to payments_service;
--! EndIncluded checkout/retry_customer_portal_session.sql
--! Included ownership/private/tg_customers__revived.sql
/*
 * Trigger function: refreshes the mappings of a customer that is alive again.
 */
create or replace function payments_private.tg_customers__revived()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the role that writes the customer to customer_mappings
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.refresh_customer_mappings(new.environment, array[new.provider_customer_id]);
  return null;
end;
$$;

revoke all on function payments_private.tg_customers__revived() from public, anon, authenticated;
--! EndIncluded ownership/private/tg_customers__revived.sql
--! Included sync/private/sessions_without_items.sql
/*
 * Returns those of these Checkout Sessions whose row has no line items, or that have no row. A recovery reads them from
 * Stripe before it ingests their events, because events show no line items and fulfilment compares them.
 */
create or replace function payments_private.sessions_without_items(environment text, session_ids jsonb)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the table
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(i.id), '[]')
    from jsonb_array_elements_text(session_ids) as i (id)
    where not exists (
      select
      from payments.stripe_checkout_sessions as s
      where s.environment = sessions_without_items.environment
        and s.checkout_session_id = i.id
        and s.line_items <> '[]'
    )
  );
end;
$$;

revoke all on function payments_private.sessions_without_items(text, jsonb) from public, anon, authenticated;
grant execute on function payments_private.sessions_without_items(text, jsonb) to payments_service;
--! EndIncluded sync/private/sessions_without_items.sql

--! Included connection/private/record_refused_signatures.sql
/*
 * Counts deliveries that the handlers refused for their signature. It returns nothing. Anyone can send such deliveries,
 * so the handlers call it at most once in a few seconds. They pass what came meanwhile, the last of it
 * milliseconds_ago.
 *
 * wrong: no signing secret in use made the signature. too_old: one did, and the signature was older than allowed.
 */
create or replace function payments_private.record_refused_signatures(
  environment text,
  wrong integer,
  too_old integer,
  milliseconds_ago integer
)
  returns void
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the counts
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_last_at timestamptz := now() - milliseconds_ago * interval '1 millisecond';
begin
  perform payments_private.check_environment(environment);
  insert into payments_private.refused_signatures as s (environment, reason, refused, first_refused_at, last_refused_at)
  select record_refused_signatures.environment, r.reason, r.refused, v_last_at, v_last_at
  from (
    values ('too_old', record_refused_signatures.too_old), ('wrong', record_refused_signatures.wrong)
  ) as r (reason, refused)
  where r.refused > 0
  order by r.reason -- one order for every process, so that no two wait for each other
  on conflict on constraint refused_signatures_pkey do update
  set refused = s.refused + excluded.refused,
      last_refused_at = greatest(s.last_refused_at, excluded.last_refused_at);
end;
$$;

revoke all on function payments_private.record_refused_signatures(text, integer, integer, integer) from public, anon, authenticated;
grant execute on function payments_private.record_refused_signatures(text, integer, integer, integer) to payments_service;
--! EndIncluded connection/private/record_refused_signatures.sql

--! split: 0100-functions.sql
-- small pieces
--! Included base/private/id_of.sql
/*
 * Returns the id in a Stripe field that holds either an id or, when expanded, the whole object.
 */
create or replace function payments_private.id_of(field jsonb)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case jsonb_typeof(id_of.field)
    when 'object' then id_of.field ->> 'id'
    when 'string' then id_of.field #>> '{}'
  end;
end;
$$;

revoke all on function payments_private.id_of(jsonb) from public, anon, authenticated;
grant execute on function payments_private.id_of(jsonb) to payments_service;
--! EndIncluded base/private/id_of.sql
--! Included base/private/instant_of.sql
/*
 * Returns a Stripe timestamp (whole seconds since 1970) as timestamptz; null stays null.
 */
create or replace function payments_private.instant_of(field jsonb)
  returns timestamptz
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case jsonb_typeof(instant_of.field) when 'number' then to_timestamp((instant_of.field)::double precision) end;
end;
$$;

revoke all on function payments_private.instant_of(jsonb) from public, anon, authenticated;
grant execute on function payments_private.instant_of(jsonb) to payments_service;
--! EndIncluded base/private/instant_of.sql
--! Included ownership/private/subject_of.sql
/*
 * Returns the billing subject that the metadata of a Stripe object names, or nulls. begin_checkout_session writes
 * payments_subject_*; insforge_subject_* is read so that existing data keeps its owner. Values too long for a subject
 * name none.
 */
create or replace function payments_private.subject_of(metadata jsonb)
  returns payments.billing_subject
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if length(subject_of.metadata ->> 'payments_subject_type') between 1 and 100
    and length(subject_of.metadata ->> 'payments_subject_id') between 1 and 255
  then
    return row (
      subject_of.metadata ->> 'payments_subject_type', subject_of.metadata ->> 'payments_subject_id'
    )::payments.billing_subject;
  elsif length(subject_of.metadata ->> 'insforge_subject_type') between 1 and 100
    and length(subject_of.metadata ->> 'insforge_subject_id') between 1 and 255
  then
    return row (
      subject_of.metadata ->> 'insforge_subject_type', subject_of.metadata ->> 'insforge_subject_id'
    )::payments.billing_subject;
  end if;
  return row (null, null)::payments.billing_subject;
end;
$$;

revoke all on function payments_private.subject_of(jsonb) from public, anon, authenticated;
grant execute on function payments_private.subject_of(jsonb) to payments_service;
--! EndIncluded ownership/private/subject_of.sql
--! Included base/private/uuid_of_object.sql
/*
 * Returns the id for the row of a Stripe object, made from its Stripe id. A row that is deleted and inserted again
 * keeps its id.
 */
create or replace function payments_private.uuid_of_object(environment text, object_id text)
  returns uuid
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return left(
    encode(sha256(convert_to(uuid_of_object.environment || ' ' || uuid_of_object.object_id, 'UTF8')), 'hex'), 32
  )::uuid;
end;
$$;

revoke all on function payments_private.uuid_of_object(text, text) from public, anon, authenticated;
--! EndIncluded base/private/uuid_of_object.sql
--! Included projection/private/snapshot_version.sql
/*
 * Returns the version of a snapshot of a Stripe object. Versions of the same object are comparable: greater is newer.
 *   bit 50     the object is in a state that Stripe never leaves (deleted, canceled, paid …), which comes last
 *   bits 3–49  the second at which the snapshot was true: event.created, or when Stripe answered
 *   bits 0–2   the order within that second:
 *              0  part of another object's event
 *              1  created
 *              2  updated
 *              3  later by meaning, as is 4
 *              5  deleted
 *              6  an answer of the API
 */
create or replace function payments_private.snapshot_version(
  snapshot_at timestamptz,
  event_type text,
  is_final boolean,
  rank integer default null
)
  returns bigint
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (case when snapshot_version.is_final then 1::bigint << 50 else 0 end)
    + (floor(extract(epoch from snapshot_version.snapshot_at))::bigint << 3)
    + case
        when snapshot_version.event_type is null then 6
        when snapshot_version.rank is not null then snapshot_version.rank
        when snapshot_version.event_type like '%.created' then 1
        when snapshot_version.event_type like '%.deleted' then 5
        else 2
      end;
end;
$$;

revoke all on function payments_private.snapshot_version(timestamptz, text, boolean, integer)
  from public, anon, authenticated;
grant execute on function payments_private.snapshot_version(timestamptz, text, boolean, integer) to payments_service;
--! EndIncluded projection/private/snapshot_version.sql
--! Included base/private/check_caller.sql
/*
 * Raises SP031 for the roles anon and authenticated. Every function that runs with the rights of its owner and changes
 * payment state calls it, most of them by check_environment. Nobody but the handlers may execute those functions. This
 * check holds even after a grant to app users, for example by a script that exposes the whole schema.
 *
 * A function with `security definer` keeps the role that called it in the setting role. A login named anon has no role
 * set, so session_user counts as well.
 */
create or replace function payments_private.check_caller()
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('role') in ('anon', 'authenticated') or session_user in ('anon', 'authenticated') then
    raise exception 'App users may not change payments; this call came with the role %.',
        case current_setting('role') when 'none' then session_user::text else current_setting('role') end
      using errcode = 'SP031',
            hint = 'Call the HTTP API of the handlers. To close the functions again, run: pg-payments migrate --again';
  end if;
end;
$$;

revoke all on function payments_private.check_caller() from public, anon, authenticated;
grant execute on function payments_private.check_caller() to payments_service;
--! EndIncluded base/private/check_caller.sql
--! Included base/private/check_environment.sql
/*
 * Raises SP001 for any environment but test and live, so that the caller sees a sentence and not a violated check.
 * Raises SP031 for app users, see check_caller. Its condition is repeated here, because it saves a call per event.
 */
create or replace function payments_private.check_environment(environment text)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if check_environment.environment is null or check_environment.environment not in ('test', 'live')
    or current_setting('role') in ('anon', 'authenticated') or session_user in ('anon', 'authenticated')
  then
    perform payments_private.check_caller();
    raise exception 'environment must be test or live.'
      using errcode = 'SP001', hint = 'Use test or live.';
  end if;
end;
$$;

revoke all on function payments_private.check_environment(text) from public, anon, authenticated;
grant execute on function payments_private.check_environment(text) to payments_service;
--! EndIncluded base/private/check_environment.sql
--! Included sync/private/known_objects.sql
/*
 * Returns a few Stripe objects that the rows of an environment stand for: [{"object": "price", "id": "price_…"}]. The
 * newest of each kind come first. Empty if the environment has no such rows.
 *
 * Contract: before a sync, a recovery or a new key, the handlers retrieve these until Stripe knows one of them. That
 * proves that the key is of the account of these rows; see payments_private.check_known_objects.
 *
 * Only rows that are neither deleted nor canceled count, because an account may have forgotten the others. If there are
 * none, payments and Checkout Sessions count.
 */
create or replace function payments_private.known_objects(environment text)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_per_kind constant integer := 3;
  v_known jsonb;
begin
  perform payments_private.check_environment(environment);

  -- take the newest that are alive
  with candidate as (
    (
      select 4 as kind_position, 'price' as kind, t.price_id as id, row_number() over (order by t.created_at desc) as age
      from payments.stripe_prices as t
      where t.environment = known_objects.environment and not t.deleted
      order by t.created_at desc
      limit v_per_kind
    )
    union all
    (
      select 1, 'product', t.product_id, row_number() over (order by t.created_at desc)
      from payments.stripe_products as t
      where t.environment = known_objects.environment and not t.deleted
      order by t.created_at desc
      limit v_per_kind
    )
    union all
    select 2, 'customer', c.id, row_number() over ()
    from (
      select t.provider_customer_id as id
      from payments.customers as t
      where t.environment = known_objects.environment and t.provider = 'stripe' and not t.deleted
      order by t.provider_created_at desc
      limit v_per_kind
    ) as c
    union all
    select 3, 'subscription', s.id, row_number() over ()
    from (
      select t.subscription_id as id
      from payments.stripe_subscriptions as t
      where t.environment = known_objects.environment and t.status not in ('canceled', 'incomplete_expired')
      order by t.updated_at desc
      limit v_per_kind
    ) as s
  )
  select jsonb_agg(jsonb_build_object('object', c.kind, 'id', c.id) order by c.age, c.kind_position)
  into v_known
  from candidate as c;
  if v_known is not null then
    return v_known;
  end if;

  -- else take payments and sessions
  select jsonb_agg(jsonb_build_object('object', o.kind, 'id', o.id))
  into v_known
  from (
    (
      select t.provider_object_type as kind, t.provider_object_id as id
      from payments.transactions as t
      where t.environment = known_objects.environment
        and t.provider = 'stripe'
        and t.provider_object_type in ('payment_intent', 'charge', 'invoice')
      order by t.provider_created_at desc
      limit v_per_kind
    )
    union all
    (
      select 'checkout.session', t.checkout_session_id
      from payments.stripe_checkout_sessions as t
      where t.environment = known_objects.environment and t.checkout_session_id is not null
      order by t.created_at desc
      limit v_per_kind
    )
  ) as o;
  return coalesce(v_known, '[]');
end;
$$;

revoke all on function payments_private.known_objects(text) from public, anon, authenticated;
grant execute on function payments_private.known_objects(text) to payments_service;
--! EndIncluded sync/private/known_objects.sql
--! Included sync/private/check_known_objects.sql
/*
 * Raises SP008 if a key does not see the objects of an environment's rows. Then it is of another Stripe account or
 * sandbox, whatever it says of itself.
 *
 * asked is what the handlers tried to retrieve with the key: objects of payments_private.known_objects. seen is the one
 * that Stripe knew, or null. accept_erased allows that it knew none, for a key of the account that is recorded here.
 * Its data may have been erased at Stripe.
 */
create or replace function payments_private.check_known_objects(
  environment text,
  account_id text,
  asked jsonb,
  seen jsonb,
  accept_erased boolean default false
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account_id text;
begin
  perform payments_private.check_account(environment, account_id);
  select c.provider_account_id into v_account_id
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = check_known_objects.environment;
  if coalesce(asked, '[]') = '[]'
    or coalesce(seen, 'null') <> 'null'
    or (coalesce(accept_erased, false) and v_account_id = account_id)
  then
    return;
  end if;
  raise exception 'The Stripe key for % sees none of the objects that were looked for, such as %: it is of another account than the rows here.',
    environment, asked -> 0 ->> 'id'
    using errcode = 'SP008',
          hint = format(
            'Use a key of the account of these rows, or set the new one with replaceAccount, which deletes them. %s',
            case
              when v_account_id = account_id then format(
                'If the data of %s was erased at Stripe, sync once with "erased": true (--erased).', v_account_id
              )
              else 'A restricted key must be allowed to read prices, products, customers or subscriptions.'
            end
          );
end;
$$;

revoke all on function payments_private.check_known_objects(text, text, jsonb, jsonb, boolean) from public, anon, authenticated;
grant execute on function payments_private.check_known_objects(text, text, jsonb, jsonb, boolean) to payments_service;
--! EndIncluded sync/private/check_known_objects.sql
--! Included connection/private/check_account.sql
/*
 * Raises SP008 if a key belongs to another Stripe account than the rows of an environment, or cannot read its account.
 * Rows and events of two accounts are never mixed. While the account of the rows is unknown, every key is accepted; see
 * payments_private.check_known_objects.
 */
create or replace function payments_private.check_account(environment text, account_id text)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account_id text;
begin
  select c.provider_account_id into v_account_id
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = check_account.environment;
  if v_account_id is null or v_account_id = account_id then
    return;
  end if;
  if account_id is null then
    raise exception 'The Stripe key for % may not read which account it belongs to, and the rows here belong to %.',
      environment, v_account_id
      using errcode = 'SP008', hint = 'Give the key the permission Account (read, rak_accounts_kyc_basic_read).';
  end if;
  raise exception 'The Stripe key for % belongs to %, and the rows here to %.', environment, account_id, v_account_id
    using errcode = 'SP008', hint = 'Use a key of the same account, or set the new one with replaceAccount.';
end;
$$;

revoke all on function payments_private.check_account(text, text) from public, anon, authenticated;
grant execute on function payments_private.check_account(text, text) to payments_service;
--! EndIncluded connection/private/check_account.sql
--! Included ledger/private/is_projected_event.sql
/*
 * Returns whether events of this type are projected. They are those that the managed endpoint subscribes to, and three
 * more that an endpoint made by hand may send. Events of every other type are recorded as ignored.
 */
create or replace function payments_private.is_projected_event(event_type text)
  returns boolean
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return is_projected_event.event_type = any (payments.projected_event_types())
    or is_projected_event.event_type in (
      'invoice.payment_succeeded', 'charge.refund.updated', 'payment_intent.processing'
    );
end;
$$;

revoke all on function payments_private.is_projected_event(text) from public, anon, authenticated;
--! EndIncluded ledger/private/is_projected_event.sql
--! Included ledger/private/retry_delay.sql
/*
 * Returns how long to wait before a failed event is retried: 30 seconds, doubling up to 6 hours, times 0.5 to 1.5 at
 * random. The random factor spreads events that failed together. Null after 12 attempts: then only a replay retries the
 * event.
 */
create or replace function payments_private.retry_delay(attempt_count integer)
  returns interval
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when retry_delay.attempt_count < 12
    then least(interval '30 seconds' * 2 ^ (retry_delay.attempt_count - 1), interval '6 hours') * (0.5 + random())
  end;
end;
$$;

revoke all on function payments_private.retry_delay(integer) from public, anon, authenticated;
--! EndIncluded ledger/private/retry_delay.sql
--! Included base/private/ids_of.sql
/*
 * Returns every id that some Stripe objects or events are about. These are their own ids, and those of the payment
 * objects, customers and billing subjects that they name. Two events with an id in common must not be processed at
 * the same moment. A field that can be expanded holds an id or the whole object.
 */
create or replace function payments_private.ids_of(objects jsonb[])
  returns text[]
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object jsonb;
  v_ids text[] := '{}';
begin
  foreach v_object in array ids_of.objects loop
    if v_object ->> 'object' = 'event' then
      v_ids := v_ids || (v_object ->> 'id');
      v_object := v_object -> 'data' -> 'object';
    end if;
    v_ids := v_ids || array[
      v_object ->> 'id',
      coalesce(v_object -> 'customer' ->> 'id', v_object ->> 'customer'),
      coalesce(v_object -> 'payment_intent' ->> 'id', v_object ->> 'payment_intent'),
      coalesce(v_object -> 'latest_charge' ->> 'id', v_object ->> 'latest_charge'),
      coalesce(v_object -> 'charge' ->> 'id', v_object ->> 'charge'),
      coalesce(v_object -> 'invoice' ->> 'id', v_object ->> 'invoice'),
      coalesce(v_object -> 'subscription' ->> 'id', v_object ->> 'subscription'),
      v_object -> 'parent' -> 'subscription_details' ->> 'subscription',
      coalesce(v_object -> 'schedule' ->> 'id', v_object ->> 'schedule'),
      v_object -> 'payment' ->> 'payment_intent',
      v_object -> 'payment' ->> 'charge',
      v_object -> 'payment_details' ->> 'order_reference',
      case when v_object ->> 'object' = 'invoice' then left(v_object ->> 'id', 25) end, -- in order references
      v_object -> 'charges' -> 'data' -> 0 ->> 'id',
      v_object ->> 'client_reference_id',
      'subject ' || (v_object -> 'metadata' ->> 'payments_subject_type')
        || ' ' || (v_object -> 'metadata' ->> 'payments_subject_id'),
      'subject ' || (v_object -> 'metadata' ->> 'insforge_subject_type')
        || ' ' || (v_object -> 'metadata' ->> 'insforge_subject_id')
    ];
    if jsonb_typeof(v_object -> 'payments' -> 'data') = 'array' then
      v_ids := v_ids || array(
        select coalesce(p.item -> 'payment' -> f.field ->> 'id', p.item -> 'payment' ->> f.field)
        from jsonb_array_elements(v_object -> 'payments' -> 'data') as p (item)
        cross join unnest(array['payment_intent', 'charge']) as f (field)
      );
    end if;
  end loop;

  return array_remove(v_ids, null);
end;
$$;

revoke all on function payments_private.ids_of(jsonb[]) from public, anon, authenticated;
--! EndIncluded base/private/ids_of.sql
--! Included base/private/lock_ids.sql
/*
 * Locks the given ids of an environment until the end of the transaction. Also locks the subjects that were named as
 * owners of the customers among them. The keys are 64-bit hashes, taken in order, so that two transactions never wait
 * for each other. Advisory locks of the transaction work behind a transaction-mode pooler.
 * https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
 */
create or replace function payments_private.lock_ids(environment text, ids text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan -- a plan that does not depend on the number of ids
  set enable_seqscan = off
as $$
begin
  -- lock the objects
  perform pg_advisory_xact_lock(k.key)
  from (
    select distinct hashtextextended(lock_ids.environment || ' ' || i.id, 0) as key
    from unnest(lock_ids.ids) as i (id)
    where i.id not like 'subject %'
    order by key
  ) as k;

  -- lock the subjects last: no other transaction can name an owner of these customers now
  perform pg_advisory_xact_lock(k.key)
  from (
    select distinct hashtextextended(lock_ids.environment || ' ' || i.id, 0) as key
    from (
      select s.id from unnest(lock_ids.ids) as s (id) where s.id like 'subject %'
      union all
      select 'subject ' || o.subject_type || ' ' || o.subject_id
      from payments_private.customer_owners as o
      where o.customer_id = any (lock_ids.ids) and o.environment = lock_ids.environment
    ) as i
    order by key
  ) as k;
end;
$$;

revoke all on function payments_private.lock_ids(text, text[]) from public, anon, authenticated;
--! EndIncluded base/private/lock_ids.sql
--! Included base/private/try_lock_ids.sql
/*
 * Like lock_ids, without waiting: returns whether all of the ids are locked now.
 */
create or replace function payments_private.try_lock_ids(environment text, ids text[])
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key bigint;
begin
  for v_key in
    select distinct hashtextextended(try_lock_ids.environment || ' ' || i.id, 0)
    from (
      select n.id from unnest(try_lock_ids.ids) as n (id)
      union all
      select 'subject ' || o.subject_type || ' ' || o.subject_id
      from payments_private.customer_owners as o
      where o.customer_id = any (try_lock_ids.ids) and o.environment = try_lock_ids.environment
    ) as i
    order by 1
  loop
    if not pg_try_advisory_xact_lock(v_key) then
      return false;
    end if;
  end loop;
  return true;
end;
$$;

revoke all on function payments_private.try_lock_ids(text, text[]) from public, anon, authenticated;
--! EndIncluded base/private/try_lock_ids.sql
--! Included base/private/lock_environment.sql
/*
 * Locks an environment until the end of the transaction. The lock is shared for everything that projects, and exclusive
 * (alone) for rebuild_projections and connect_account, so that they exclude each other. Take it before every other lock
 * of the environment.
 *
 * Raises SP011 in a transaction with one snapshot for all its statements. After waiting for a lock, a statement must
 * see what the other transaction has written, so each statement needs its own snapshot.
 * https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
 */
create or replace function payments_private.lock_environment(environment text, alone boolean default false)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
    raise exception 'Payments cannot be written in a transaction of isolation level %.',
        current_setting('transaction_isolation')
      using errcode = 'SP011',
            hint = 'Use read committed, or: alter role <login> set default_transaction_isolation = ''read committed''.';
  end if;
  if lock_environment.alone then
    perform pg_advisory_xact_lock(hashtextextended('environment ' || lock_environment.environment, 2));
    perform set_config('payments.locked_environment', lock_environment.environment, true); -- until the lock ends
  else
    perform pg_advisory_xact_lock_shared(hashtextextended('environment ' || lock_environment.environment, 2));
  end if;
end;
$$;

revoke all on function payments_private.lock_environment(text, boolean) from public, anon, authenticated;
--! EndIncluded base/private/lock_environment.sql

-- owners
--! Included checkout/caller_id.sql
/*
 * Returns the id of the signed-in user of this request: the claim `sub` of the verified token; null for anonymous
 * callers. It reads the setting that PostgREST, Supabase, InsForge and these handlers all set, so any policy can call
 * it.
 */
create or replace function payments.caller_id()
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
$$;

comment on function payments.caller_id() is
  'Returns the id of the signed-in caller (claim sub of request.jwt.claims), or null. For use in policies.';

revoke all on function payments.caller_id() from public, anon, authenticated;
grant execute on function payments.caller_id() to anon, authenticated, payments_service;
--! EndIncluded checkout/caller_id.sql
--! Included checkout/private/become_caller.sql
/*
 * Makes the rest of the transaction run as an app user: sets the role and the JWT claims as PostgREST does. Takes the
 * claims of a verified token. Raises SP007 for every role but anon and authenticated. The session user must be allowed
 * to set that role.
 */
create or replace function payments_private.become_caller(caller jsonb)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(become_caller.caller ->> 'role', '') not in ('anon', 'authenticated') then
    raise exception 'The role of a caller may be anon or authenticated only.'
      using errcode = 'SP007', hint = 'Sign in again and send the new token.';
  end if;
  perform set_config('request.jwt.claims', become_caller.caller::text, true);
  perform set_config('role', become_caller.caller ->> 'role', true);
end;
$$;

revoke all on function payments_private.become_caller(jsonb) from public, anon, authenticated;
grant execute on function payments_private.become_caller(jsonb) to payments_service;
--! EndIncluded checkout/private/become_caller.sql
--! Included ownership/private/customer_of_subject.sql
/*
 * Returns the Stripe customer that new sessions of a billing subject use; null when there is none or it was deleted at
 * Stripe.
 */
create or replace function payments_private.customer_of_subject(environment text, subject_type text, subject_id text)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select m.provider_customer_id
    from payments.customer_mappings as m
    where m.provider = 'stripe'
      and m.environment = customer_of_subject.environment
      and m.subject_type = customer_of_subject.subject_type
      and m.subject_id = customer_of_subject.subject_id
      and not exists (
        select
        from payments.customers as c
        where c.provider = 'stripe'
          and c.environment = m.environment
          and c.provider_customer_id = m.provider_customer_id
          and c.deleted
      )
  );
end;
$$;

revoke all on function payments_private.customer_of_subject(text, text, text) from public, anon, authenticated;
grant execute on function payments_private.customer_of_subject(text, text, text) to payments_service;
--! EndIncluded ownership/private/customer_of_subject.sql
--! Included ownership/private/subject_of_customer.sql
/*
 * Returns the billing subject that a Stripe customer belongs to: the one that was named first. Nulls if none was named.
 */
create or replace function payments_private.subject_of_customer(environment text, customer_id text)
  returns payments.billing_subject
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select row (o.subject_type, o.subject_id)::payments.billing_subject
    from payments_private.customer_owners as o
    where o.environment = subject_of_customer.environment
      and o.customer_id = subject_of_customer.customer_id
    order by o.named_at, o.named_by, o.subject_type, o.subject_id
    limit 1
  );
end;
$$;

revoke all on function payments_private.subject_of_customer(text, text) from public, anon, authenticated;
--! EndIncluded ownership/private/subject_of_customer.sql
--! Included ownership/private/refresh_customer_mappings.sql
/*
 * Brings payments.customer_mappings in line with the owners of some customers. A subject pays with one of the customers
 * that belong to it. These decide, in this order:
 *   1. a customer that was deleted comes last
 *   2. the most alive of the customer's subscriptions: active, trialing, past_due, unpaid, paused, incomplete, then a
 *      status that is not known here, then none or one that has ended
 *   3. the customer that was named first at Stripe
 */
create or replace function payments_private.refresh_customer_mappings(environment text, customer_ids text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_types text[]; -- of the subjects that were named as owners
  v_ids text[];
  v_customer_ids text[]; -- with which each of them pays
  v_outdated_ids uuid[];
begin
  -- lock the subjects; held already (ids_of), unless another transaction has just named one
  perform pg_advisory_xact_lock(k.key)
  from (
    select distinct
      hashtextextended(o.environment || ' subject ' || o.subject_type || ' ' || o.subject_id, 0) as key
    from payments_private.customer_owners as o
    where o.customer_id = any (refresh_customer_mappings.customer_ids)
      and o.environment = refresh_customer_mappings.environment
    order by key
  ) as k;

  -- choose the customers
  select array_agg(s.type), array_agg(s.id), array_agg(chosen.customer_id)
  into v_types, v_ids, v_customer_ids
  from (
    select distinct o.subject_type as type, o.subject_id as id
    from payments_private.customer_owners as o
    where o.customer_id = any (refresh_customer_mappings.customer_ids)
      and o.environment = refresh_customer_mappings.environment
  ) as s
  left join lateral (
    select o.customer_id
    from payments_private.customer_owners as o
    left join payments.customers as k
      on k.provider = 'stripe' and k.environment = o.environment and k.provider_customer_id = o.customer_id
    left join lateral (
      select min(array_position(
        array['active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete', 'unknown', 'ended'],
        case
          when u.status in ('active', 'trialing', 'past_due', 'unpaid', 'paused', 'incomplete') then u.status
          when u.status in ('canceled', 'incomplete_expired') then 'ended'
          else 'unknown'
        end
      )) as rank
      from payments.stripe_subscriptions as u
      where u.customer_id = o.customer_id and u.environment = o.environment
    ) as life on true
    where o.environment = refresh_customer_mappings.environment
      and o.subject_type = s.type
      and o.subject_id = s.id
      and payments_private.subject_of_customer(o.environment, o.customer_id)
        = row (s.type, s.id)::payments.billing_subject
    order by coalesce(k.deleted, false), coalesce(life.rank, 8), o.named_at, o.named_by, o.customer_id
    limit 1
  ) as chosen on true;

  -- write the mappings: the row of a subject stays, unless another subject pays with its customer now
  select array_agg(m.id)
  into v_outdated_ids
  from unnest(v_types, v_ids, v_customer_ids) as s (type, id, customer_id)
  cross join lateral (
    select m.id
    from payments.customer_mappings as m
    where m.subject_id = s.id
      and m.subject_type = s.type
      and m.environment = refresh_customer_mappings.environment
      and m.provider = 'stripe'
      and s.customer_id is null
    union all
    select m.id
    from payments.customer_mappings as m
    where m.provider_customer_id = s.customer_id
      and m.environment = refresh_customer_mappings.environment
      and m.provider = 'stripe'
      and (m.subject_type, m.subject_id) <> (s.type, s.id)
  ) as m;
  if v_outdated_ids is not null then
    delete from payments.customer_mappings as m where m.id = any (v_outdated_ids);
  end if;
  insert into payments.customer_mappings as m (environment, subject_type, subject_id, provider_customer_id)
  select refresh_customer_mappings.environment, s.type, s.id, s.customer_id
  from unnest(v_types, v_ids, v_customer_ids) as s (type, id, customer_id)
  where s.customer_id is not null
  on conflict on constraint customer_mappings_subject_key do update
  set provider_customer_id = excluded.provider_customer_id
  where m.provider_customer_id <> excluded.provider_customer_id;
end;
$$;

revoke all on function payments_private.refresh_customer_mappings(text, text[]) from public, anon, authenticated;
--! EndIncluded ownership/private/refresh_customer_mappings.sql
--! Included ledger/private/is_rebuilding.sql
/*
 * Returns whether this transaction rebuilds the projections. rebuild_projections names its transaction in the setting
 * payments_private.rebuild, so that a setting which somebody else left means nothing.
 */
create or replace function payments_private.is_rebuilding()
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(current_setting('payments_private.rebuild', true) = pg_current_xact_id_if_assigned()::text, false);
end;
$$;

revoke all on function payments_private.is_rebuilding() from public, anon, authenticated;
--! EndIncluded ledger/private/is_rebuilding.sql
--! Included ownership/private/take_claims.sql
/*
 * Records those claims of a list that are ordinary (see take_claim), with the mappings of new owners, and returns the
 * others; null if there are none. A claim that is recorded already with the same instant or an earlier one is left out.
 * A rebuild has no ordinary claims, because its rows are there before them.
 *
 * Contract: see assign_customers; the customers are locked.
 */
create or replace function payments_private.take_claims(
  environment text,
  owners payments_private.customer_owners[]
)
  returns payments_private.customer_owners[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner payments_private.customer_owners;
  v_keys bigint[] := '{}';
  v_ordinary payments_private.customer_owners[];
  v_others payments_private.customer_owners[];
begin
  if payments_private.is_rebuilding() then
    return owners;
  end if;

  -- lock the subjects; held already (ids_of), unless a row of ours names one
  foreach v_owner in array owners loop
    v_keys := v_keys
      || hashtextextended(environment || ' subject ' || v_owner.subject_type || ' ' || v_owner.subject_id, 0);
  end loop;
  perform payments_private.lock_in_order(v_keys);

  select array_agg(c.owner) filter (where c.is_ordinary), array_agg(c.owner) filter (where not c.is_ordinary)
  into v_ordinary, v_others
  from (
    select
      o.owner,
      not exists ( -- in this list
        select
        from unnest(take_claims.owners) as other
        where (other.customer_id = (o.owner).customer_id)
          <> ((other.subject_type, other.subject_id) = ((o.owner).subject_type, (o.owner).subject_id))
      )
      and not exists (
        select
        from payments_private.customer_owners as other
        where other.customer_id = (o.owner).customer_id
          and other.environment = take_claims.environment
          and (other.subject_type, other.subject_id) <> ((o.owner).subject_type, (o.owner).subject_id)
      )
      and not exists (
        select
        from payments_private.customer_owners as other
        where other.subject_id = (o.owner).subject_id
          and other.subject_type = (o.owner).subject_type
          and other.environment = take_claims.environment
          and other.customer_id <> (o.owner).customer_id
      )
      and (
        known.named_at is not null
        or not exists (
          select
          from payments_private.unowned_objects as u
          where u.object_id = (o.owner).customer_id and u.environment = take_claims.environment
        )
        and not exists (
          select
          from payments.customer_mappings as m
          where m.provider_customer_id = (o.owner).customer_id
            and m.environment = take_claims.environment
            and m.provider = 'stripe'
        )
        and not exists (
          select
          from payments.customer_mappings as m
          where m.subject_id = (o.owner).subject_id
            and m.subject_type = (o.owner).subject_type
            and m.environment = take_claims.environment
            and m.provider = 'stripe'
        )
      ) as is_ordinary
    from (
      select distinct on (o.customer_id, o.subject_type, o.subject_id) o as owner
      from unnest(take_claims.owners) as o
      where o.customer_id is not null and o.subject_type is not null
      order by o.customer_id, o.subject_type, o.subject_id, o.named_at, o.named_by
    ) as o
    left join payments_private.customer_owners as known
      on known.customer_id = (o.owner).customer_id
      and known.environment = take_claims.environment
      and known.subject_type = (o.owner).subject_type
      and known.subject_id = (o.owner).subject_id
    where (known.named_at, known.named_by) <= ((o.owner).named_at, (o.owner).named_by) is not true
  ) as c;

  if v_ordinary is not null then
    with claimed as (
      insert into payments_private.customer_owners (environment, customer_id, subject_type, subject_id, named_at, named_by)
      select take_claims.environment, o.customer_id, o.subject_type, o.subject_id, o.named_at, o.named_by
      from unnest(v_ordinary) as o
      on conflict on constraint customer_owners_pkey do update
      set named_at = excluded.named_at,
          named_by = excluded.named_by
      returning customer_owners.customer_id, customer_owners.subject_type, customer_owners.subject_id
    )
    insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
    select take_claims.environment, c.subject_type, c.subject_id, c.customer_id
    from claimed as c
    on conflict do nothing; -- of a claim that was named earlier now
  end if;
  return v_others;
end;
$$;

revoke all on function payments_private.take_claims(text, payments_private.customer_owners[])
  from public, anon, authenticated;
--! EndIncluded ownership/private/take_claims.sql
--! Included ownership/private/assign_customers.sql
/*
 * Records which billing subjects Stripe objects name as owners of customers, and returns the customers whose owner has
 * changed; null if there are none. Derive the payments of those again with refresh_payments.
 *
 * A customer belongs to the subject that was named first at Stripe. So the same owner wins in every order of arrival.
 * Mappings follow, and so do subscriptions that name no subject of their own.
 */
create or replace function payments_private.assign_customers(
  environment text,
  owners payments_private.customer_owners[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids text[];
  v_former_owners payments.billing_subject[];
  v_moved text[];
begin
  owners := payments_private.take_claims(environment, owners);
  if owners is null then
    return null;
  end if;

  -- record the others; the second part of the statement sees those before it
  with named as (
    insert into payments_private.customer_owners as t (
      environment, customer_id, subject_type, subject_id, named_at, named_by
    )
    select distinct on (o.customer_id, o.subject_type, o.subject_id)
      assign_customers.environment, o.customer_id, o.subject_type, o.subject_id, o.named_at, o.named_by
    from unnest(assign_customers.owners) as o
    where o.customer_id is not null and o.subject_type is not null
    order by o.customer_id, o.subject_type, o.subject_id, o.named_at, o.named_by
    on conflict on constraint customer_owners_pkey do update
    set named_at = excluded.named_at,
        named_by = excluded.named_by
    where (excluded.named_at, excluded.named_by) < (t.named_at, t.named_by)
    returning t.customer_id
  )
  select array_agg(c.id), array_agg(payments_private.subject_of_customer(assign_customers.environment, c.id))
  into v_ids, v_former_owners
  from (select distinct n.customer_id as id from named as n) as c;
  if v_ids is null then
    return null;
  end if;

  -- refresh the mappings
  perform payments_private.refresh_customer_mappings(assign_customers.environment, v_ids);

  -- assign subscriptions without an own subject
  for i in 1 .. cardinality(v_ids) loop
    if payments_private.subject_of_customer(assign_customers.environment, v_ids[i])
      is distinct from v_former_owners[i]
    then
      v_moved := v_moved || v_ids[i];
    end if;
  end loop;
  if v_moved is not null then
    update payments.stripe_subscriptions as s
    set subject_type = owner.type,
        subject_id = owner.id
    from unnest(v_moved) as m (customer_id)
    cross join lateral payments_private.subject_of_customer(assign_customers.environment, m.customer_id) as owner
    where s.environment = assign_customers.environment
      and s.customer_id = m.customer_id
      and s.subject_version is null
      and (s.subject_type, s.subject_id) is distinct from (owner.type, owner.id);
  end if;
  return v_moved;
end;
$$;

revoke all on function payments_private.assign_customers(text, payments_private.customer_owners[])
  from public, anon, authenticated;
--! EndIncluded ownership/private/assign_customers.sql

-- money
--! Included payment/private/derived_transactions.sql
/*
 * What payments.transactions must say: one row per payment, as a pure function of the payment's objects.
 *
 * status is decided by the first line that holds; step facts defines what an object says:
 *   an object says succeeded, and amount_refunded is 0             succeeded
 *   an object says succeeded, and amount_refunded is below amount  partially_refunded
 *   an object says succeeded                                       refunded
 *   the PaymentIntent was canceled, or the session's delayed payment
 *     failed, and nothing is pending later                         failed
 *   an object says failed, later than all that say pending (*)     failed
 *   an object says pending                                         pending
 *   no object says anything of money                               null: the payment has no transaction
 * (*) Within one second a failure beats a pending charge. It does not beat another pending object: a PaymentIntent is
 * tried again after a failure, and a session completes after its card was declined. async_payment_failed can only
 * follow completed, so it does. A PaymentIntent that failed before says failed until it is pending again: Stripe clears
 * its error with every later update.
 *
 * The other columns are decided by:
 *   amount           the paid invoice, else the sum of the paid parts of an open invoice, else the first object
 *   paid_at          the paid invoice, else the earliest success that an event or an invoice payment dates, else the
 *                    earliest successful charge, else the creation of what says succeeded
 *   failed_at        the latest of: a failure that an event dates, a failed charge, the release of what was held; else
 *                    when a failure was first seen
 *   amount_refunded  the refunds that did not fail, without the release; the charge if it has heard of more
 *   amount_disputed  the lost disputes of a payment that succeeded, at most amount; all of it if a dispute has another
 *                    currency
 *   subject          what somebody assigned here (owner_of), else the first object that names one, else the
 *                    subscription, else the customer
 *   all others       the first object that has a value; step ordered sorts the objects
 *
 * A release is the refund that Stripe makes of money that was authorized and never captured. No money moved, so it is
 * not in amount_refunded and has no transaction (released_refund_id). The other refunds have transactions of their own
 * (refresh_refunds). is_refunded is true if the payment has refunds of either kind.
 *
 * Contract: no step is materialized, so a condition on id reaches the index of payment_objects. A row with version 0 is
 * only linked to so far: it is in related_object_ids and says nothing.
 */
create or replace view payments_private.derived_transactions
  with (security_invoker = true)
as
  with facts as ( -- what each object says of the money
    select
      o.*,
      o.version > 0 as is_known,
      o.version > 0 and o.object_type not in ('refund', 'dispute') as is_payment,
      case
        when o.version = 0 or o.object_type in ('refund', 'dispute') then null
        when o.state in ('succeeded', 'failed') then o.state
        when coalesce(o.failed_at, o.failure_seen_at) is not null
          and (o.object_type <> 'payment_intent' or o.state is null)
        then 'failed'
        else o.state
      end as says
    from payments_private.payment_objects as o
  ),
  ordered as ( -- what has succeeded comes first, then the object closest to what the buyer was asked for
    select f.*
    from facts as f
    order by
      f.payment_id,
      f.environment, -- both as in group by, so that no second sort loses the order of the lists
      f.object_type in ('refund', 'dispute'),
      (f.state = 'succeeded') desc nulls last,
      array_position(array['invoice', 'payment_intent', 'charge', 'checkout_session', 'invoice_payment'], f.object_type),
      case when f.state = 'succeeded' then f.provider_created_at end, -- of several parts always the first one
      case when f.state = 'succeeded' then f.object_id end,
      f.version desc,
      f.object_id
  ),
  heard as ( -- one row per payment
    select
      o.payment_id as id,
      o.environment,
      -- name the related objects
      (array_agg(o.object_id) filter (where o.object_type = 'payment_intent'))[1] as payment_intent,
      (array_agg(o.object_id) filter (where o.object_type = 'invoice'))[1] as invoice,
      (array_agg(o.object_id) filter (where o.object_type = 'checkout_session'))[1] as checkout_session,
      coalesce( -- a charge that was declined is named if there is no other
        (array_agg(o.object_id) filter (where o.object_type = 'charge' and o.state is distinct from 'failed'))[1],
        (array_agg(o.object_id) filter (where o.object_type = 'charge'))[1]
      ) as charge,
      (array_agg(o.subscription_id) filter (where o.is_known and o.subscription_id is not null))[1] as subscription,
      (array_agg(o.product_id) filter (where o.is_known and o.product_id is not null))[1] as product,
      (array_agg(o.price_id) filter (where o.is_known and o.price_id is not null))[1] as price,
      -- describe the payment
      (array_agg(o.customer_id) filter (where o.is_known and o.customer_id is not null))[1] as customer_id,
      (array_agg(o.customer_email) filter (where o.is_known and o.customer_email is not null))[1] as customer_email,
      (array_agg(row (o.subject_type, o.subject_id)::payments.billing_subject)
        filter (where o.is_known and o.subject_type is not null))[1] as subject,
      (array_agg(o.currency) filter (where o.is_payment and o.currency is not null))[1] as currency,
      (array_agg(o.description) filter (where o.is_payment and o.description is not null))[1] as description,
      coalesce(
        max(o.amount) filter (where o.says = 'succeeded' and o.object_type = 'invoice'),
        greatest( -- parts of an open invoice
          sum(o.amount) filter (where o.says = 'succeeded' and o.object_type = 'payment_intent'),
          sum(o.amount) filter (where o.says = 'succeeded' and o.object_type = 'invoice_payment')
        )::bigint,
        (array_agg(o.amount) filter (where o.is_payment and o.says is not null and o.amount is not null))[1]
      ) as amount,
      min(o.provider_created_at) filter (where o.is_payment) as provider_created_at,
      -- find out when it succeeded
      coalesce(bool_or(o.says = 'succeeded'), false) as is_paid,
      min(o.succeeded_at) filter (where o.says = 'succeeded' and o.object_type = 'invoice') as invoice_paid_at,
      min(o.succeeded_at) filter (where o.says = 'succeeded' and o.object_type <> 'invoice') as paid_at,
      min(o.provider_created_at) filter (where o.says = 'succeeded' and o.object_type = 'charge') as charge_paid_at,
      min(o.provider_created_at) filter (where o.says = 'succeeded') as seen_paid_at,
      min(o.succeeded_at) filter (where o.object_type = 'payment_intent') as captured_at,
      -- find out when it failed: an answer of the API has no failed_at
      max(o.failed_at) filter (where o.says = 'failed') as failed_at,
      max(o.provider_created_at) filter (where o.is_known and o.object_type = 'charge' and o.status = 'failed')
        as charge_failed_at,
      min(o.failure_seen_at) filter (where o.says = 'failed') as seen_failed_at,
      max(o.canceled_at) filter (
        where o.canceled_charge_id is not null and (o.canceled_charge_id = any (o.failed_charge_ids)) is not true
      ) as released_at,
      max(o.canceled_charge_id) as canceled_charge,
      array_agg(o.object_id) filter (where o.is_known and o.object_type = 'charge' and o.status = 'failed')
        as declined_charges,
      -- find out until when it says failed: a PaymentIntent that waits for a payment method, with each look at it
      max(
        case
          when o.object_type = 'payment_intent' and o.status in ('requires_payment_method', 'canceled') then o.version_at
          when o.object_type = 'charge' then coalesce(o.failed_at, o.provider_created_at)
          else coalesce(o.failed_at, case when o.state = 'failed' then o.version_at else o.failure_seen_at end)
        end
      ) filter (where o.says = 'failed') as failing_at,
      max(case when o.object_type = 'checkout_session' then o.failed_at else o.canceled_at end)
        filter (where o.says = 'failed') as ended_at,
      -- find out since when it is pending: a PaymentIntent also after a failure
      max(o.provider_created_at) filter (where o.says = 'pending' and o.object_type = 'charge') as charge_pending_at,
      max(
        case when o.object_type = 'payment_intent' then o.version_at else coalesce(o.completed_at, o.provider_created_at) end
      ) filter (where o.says = 'pending' and o.object_type <> 'charge') as pending_at,
      -- add up the refunds, by the charge and by themselves
      coalesce(sum(o.amount_refunded) filter (where o.is_payment and o.object_type = 'charge'), 0)::bigint as charge_refunded,
      max(o.version_at) filter (where o.is_payment and o.object_type = 'charge') as charge_at,
      max(o.refunded_at) filter (where o.is_payment and o.object_type = 'charge') as charge_refunded_at,
      max(o.amount_released) filter (where o.is_payment) as amount_released,
      sum(o.amount) filter (where o.is_known and o.object_type = 'refund')::bigint as refunds,
      sum(o.amount) filter (where o.is_known and o.object_type = 'refund' and o.state <> 'failed')::bigint as refunds_valid,
      max(coalesce(o.succeeded_at, o.provider_created_at))
        filter (where o.is_known and o.object_type = 'refund' and o.state <> 'failed') as refunded_at,
      bool_or(o.is_known and o.object_type = 'dispute') as is_disputed
    from ordered as o
    group by o.payment_id, o.environment
  ),
  refunded as ( -- how much of it was paid back
    select
      h.*,
      release.object_id as released_refund_id,
      case
        when not h.is_paid then 0
        when coalesce(h.refunds, 0) - failed.before >= h.charge_refunded
        then least(coalesce(h.refunds_valid, 0) - coalesce(release.amount, 0), h.amount)
        else least(
          greatest(h.charge_refunded - failed.later - coalesce(h.amount_released, 0), 0)::bigint,
          h.amount
        )
      end as amount_refunded
    from heard as h
    -- add up failed refunds: the charge's amount has them until it is seen after they failed
    cross join lateral (
      select
        coalesce(sum(r.amount) filter (where coalesce(r.failed_at, r.version_at) < h.charge_at), 0) as before,
        coalesce(sum(r.amount) filter (where coalesce(r.failed_at, r.version_at) > h.charge_at), 0) as later
      from payments_private.payment_objects as r
      where h.refunds > coalesce(h.refunds_valid, 0)
        and r.payment_id = h.id
        and r.object_type = 'refund'
        and r.state = 'failed'
        and r.version > 0
    ) as failed
    -- find the release: Stripe makes it with the capture, before any refund; its event may be missing
    left join lateral (
      select r.object_id, r.amount
      from payments_private.payment_objects as r
      where h.amount_released > 0
        and case
          when h.captured_at is null then h.refunds - failed.before >= h.charge_refunded
          else r.provider_created_at <= h.captured_at + interval '10 seconds'
        end
        and r.payment_id = h.id
        and r.object_type = 'refund'
        and r.amount = h.amount_released
        and r.state <> 'failed'
        and r.version > 0
      order by r.provider_created_at, r.object_id
      limit 1
    ) as release on true
  ),
  decided as ( -- the table of the header
    select
      r.*,
      case
        when r.is_paid and r.amount_refunded = 0 then 'succeeded'
        when r.is_paid and r.amount_refunded < r.amount then 'partially_refunded'
        when r.is_paid then 'refunded'
        when r.ended_at >= greatest(r.charge_pending_at, r.pending_at) then 'failed'
        when r.failing_at >= coalesce(r.charge_pending_at, '-infinity')
          and r.failing_at > coalesce(r.pending_at, '-infinity')
        then 'failed'
        when coalesce(r.pending_at, r.charge_pending_at) is not null then 'pending'
      end as status
    from refunded as r
  )
  select
    d.id,
    d.environment,
    case
      when d.status = 'failed' then 'failed_payment'
      when d.subscription is not null then 'subscription_invoice'
      else 'one_time_payment'
    end as type,
    d.status,
    coalesce(assigned.subject_type, (d.subject).type, subscriber.subject_type, owner.subject_type) as subject_type,
    case
      when assigned.subject_type is not null then assigned.subject_id
      when (d.subject).type is not null then (d.subject).id
      when subscriber.subject_type is not null then subscriber.subject_id
      else owner.subject_id
    end as subject_id,
    d.customer_id as provider_customer_id,
    d.customer_email as customer_email_snapshot,
    case
      when d.payment_intent is not null then 'payment_intent'
      when d.invoice is not null then 'invoice'
      when d.checkout_session is not null then 'checkout_session'
      when d.charge is not null then 'charge'
    end as provider_object_type,
    coalesce(d.payment_intent, d.invoice, d.checkout_session, d.charge) as provider_object_id,
    jsonb_strip_nulls(jsonb_build_object(
      'payment_intent', d.payment_intent,
      'invoice', d.invoice,
      'checkout_session', d.checkout_session,
      'charge', d.charge,
      'subscription', d.subscription,
      'product', d.product,
      'price', d.price
    )) as related_object_ids,
    d.amount,
    d.amount_refunded,
    d.currency,
    d.description,
    case when d.is_paid then coalesce(d.invoice_paid_at, d.paid_at, d.charge_paid_at, d.seen_paid_at) end as paid_at,
    case
      when d.status = 'failed' then coalesce(
        greatest(
          d.failed_at,
          d.charge_failed_at,
          case when (d.canceled_charge = any (d.declined_charges)) is not true then d.released_at end
        ),
        d.seen_failed_at,
        d.failing_at
      )
    end as failed_at,
    case when d.amount_refunded > 0 then coalesce(d.refunded_at, d.charge_refunded_at) end as refunded_at,
    d.provider_created_at,
    dispute.provider_created_at as disputed_at,
    dispute.amount as dispute_amount,
    dispute.status as dispute_status,
    d.refunds is not null as is_refunded,
    d.released_refund_id,
    coalesce(lost.amount, 0) as amount_disputed,
    details.receipt_url,
    details.card_brand,
    details.card_last4
  from decided as d
  -- find the owner that somebody assigned here
  left join lateral (
    select x.subject_type, x.subject_id
    from (
      select s.subject_type, s.subject_id, 1 as rank
      from payments.stripe_subscriptions as s
      where s.subscription_id = d.subscription and s.environment = d.environment and s.subject_version = 0
      union all
      select a.subject_type, a.subject_id, case a.object_type when 'subscription' then 2 else 3 end
      from payments_private.subject_assignments as a
      where a.object_id in (d.subscription, d.customer_id)
        and a.environment = d.environment
        and (a.object_type = 'subscription' or coalesce(d.provider_created_at < a.assigned_at, true))
    ) as x
    order by x.rank
    limit 1
  ) as assigned on true
  -- else the one that is named, the subscription's, or the customer's
  left join lateral (
    select s.subject_type, s.subject_id
    from payments.stripe_subscriptions as s
    where (d.subject).type is null and s.subscription_id = d.subscription and s.environment = d.environment
  ) as subscriber on true
  left join lateral (
    select c.subject_type, c.subject_id
    from payments_private.customer_owners as c
    where (d.subject).type is null
      and subscriber.subject_type is null
      and c.customer_id = d.customer_id
      and c.environment = d.environment
    order by c.named_at, c.named_by, c.subject_type, c.subject_id
    limit 1
  ) as owner on true
  -- find the latest dispute
  left join lateral (
    select o.provider_created_at, o.amount, o.status
    from payments_private.payment_objects as o
    where d.is_disputed and o.payment_id = d.id and o.object_type = 'dispute' and o.version > 0
    order by o.provider_created_at desc, (o.state = 'succeeded') desc nulls last, o.version desc, o.object_id
    limit 1
  ) as dispute on true
  -- add up the lost disputes
  left join lateral (
    select least(coalesce(sum(case when o.currency <> d.currency then d.amount else o.amount end), 0), d.amount)::bigint as amount
    from payments_private.payment_objects as o
    where d.is_disputed
      and d.is_paid
      and o.payment_id = d.id
      and o.object_type = 'dispute'
      and o.status = 'lost'
      and o.version > 0
  ) as lost on true
  -- find the receipt
  left join payments_private.charge_details as details on details.charge_id = d.charge and details.environment = d.environment;

comment on view payments_private.derived_transactions is
  'What payments.transactions must say of each payment: a pure function of payments_private.payment_objects.';

revoke all on payments_private.derived_transactions from public, anon, authenticated;
--! EndIncluded payment/private/derived_transactions.sql
--! Included payment/private/refresh_refunds.sql
/*
 * Writes one transaction of type refund for each refund of the given payments, with the payment as its parent.
 * The release of an authorization moved no money and has no transaction: see derived_transactions.
 * A transaction's id is computed from the refund's Stripe id. It therefore stays the same when a refund that was first
 * taken for the release turns out to be another one.
 */
create or replace function payments_private.refresh_refunds(derived payments_private.derived_transactions[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column -- the target of on conflict cannot be qualified
declare
  v_payment payments_private.derived_transactions;
begin
  insert into payments.transactions as t (
    id, environment, type, status, subject_type, subject_id, provider_customer_id, customer_email_snapshot,
    provider_object_type, provider_object_id, provider_parent_object_type, provider_parent_object_id,
    related_object_ids, amount, currency, description, failed_at, refunded_at, provider_created_at
  )
  select
    payments_private.uuid_of_object(d.environment, o.object_id),
    d.environment,
    'refund',
    o.state,
    d.subject_type,
    d.subject_id,
    d.provider_customer_id,
    d.customer_email_snapshot,
    'refund',
    o.object_id,
    d.provider_object_type,
    d.provider_object_id,
    d.related_object_ids || jsonb_build_object('refund', o.object_id),
    o.amount,
    o.currency,
    o.description,
    case when o.state = 'failed' then o.failed_at end,
    case when o.state = 'succeeded' then coalesce(o.succeeded_at, o.provider_created_at) end,
    o.provider_created_at
  from unnest(refresh_refunds.derived) as d
  join payments_private.payment_objects as o on o.payment_id = d.id and o.object_type = 'refund' and o.version > 0
  where o.object_id is distinct from d.released_refund_id
  on conflict (provider_object_id, provider_object_type, environment, provider)
    where provider_object_type is not null and provider_object_id is not null
  do update
  set status = excluded.status,
      subject_type = excluded.subject_type,
      subject_id = excluded.subject_id,
      provider_customer_id = excluded.provider_customer_id,
      customer_email_snapshot = excluded.customer_email_snapshot,
      provider_parent_object_type = excluded.provider_parent_object_type,
      provider_parent_object_id = excluded.provider_parent_object_id,
      related_object_ids = excluded.related_object_ids,
      amount = excluded.amount,
      currency = excluded.currency,
      description = excluded.description,
      failed_at = excluded.failed_at,
      refunded_at = excluded.refunded_at,
      provider_created_at = excluded.provider_created_at
  where (t.status, t.subject_type, t.subject_id, t.provider_customer_id, t.customer_email_snapshot,
         t.provider_parent_object_type, t.provider_parent_object_id, t.related_object_ids, t.amount, t.currency,
         t.description, t.failed_at, t.refunded_at, t.provider_created_at)
    is distinct from
        (excluded.status, excluded.subject_type, excluded.subject_id, excluded.provider_customer_id,
         excluded.customer_email_snapshot, excluded.provider_parent_object_type, excluded.provider_parent_object_id,
         excluded.related_object_ids, excluded.amount, excluded.currency, excluded.description, excluded.failed_at,
         excluded.refunded_at, excluded.provider_created_at);

  foreach v_payment in array refresh_refunds.derived loop
    if v_payment.released_refund_id is not null then
      delete from payments.transactions as t
      where t.provider_object_id = v_payment.released_refund_id
        and t.provider_object_type = 'refund'
        and t.environment = v_payment.environment
        and t.provider = 'stripe';
    end if;
  end loop;
end;
$$;

revoke all on function payments_private.refresh_refunds(payments_private.derived_transactions[])
  from public, anon, authenticated;
--! EndIncluded payment/private/refresh_refunds.sql
--! Included payment/private/derive_payments.sql
/*
 * Returns what payments.transactions must say of some payments, in any order: the rows of derived_transactions. What
 * ordinary_transaction says of a payment is what the view says, and starting the view takes longer than deriving ten
 * payments without it. So only the other payments are read from the view.
 */
create or replace function payments_private.derive_payments(environment text, payment_ids uuid[])
  returns payments_private.derived_transactions[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  -- the same plan whatever the size of the tables and of the list was when it was made
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
as $$
declare
  v_payment record;
  v_ordinary payments.transactions;
  v_derived payments_private.derived_transactions[] := '{}';
  v_others uuid[] := '{}'; -- payments that are not ordinary
begin
  -- derive ordinary payments
  for v_payment in
    select
      p.*,
      exists (
        select
        from payments_private.subject_assignments as a
        where a.object_id = any (p.owner_ids) and a.environment = derive_payments.environment
      ) as is_assigned
    from (
      select
        o.payment_id as id,
        array_agg(o) as objects,
        array_agg(o.customer_id) || array_agg(o.subscription_id) as owner_ids,
        bool_or(o.object_type = 'refund') as is_refunded,
        max(d.receipt_url) as receipt_url, -- an ordinary payment has one charge
        max(d.card_brand) as card_brand,
        max(d.card_last4) as card_last4
      from payments_private.payment_objects as o
      left join payments_private.charge_details as d on d.charge_id = o.object_id and d.environment = o.environment
      where o.payment_id = any (derive_payments.payment_ids)
      group by o.payment_id
    ) as p
  loop
    v_ordinary := null;
    if not v_payment.is_assigned then
      v_ordinary := payments_private.ordinary_transaction(v_payment.objects);
    end if;
    if v_ordinary.id is null then
      v_others := v_others || v_payment.id;
      continue;
    end if;
    v_derived := v_derived || row (
      v_ordinary.id, v_ordinary.environment, v_ordinary.type, v_ordinary.status, v_ordinary.subject_type,
      v_ordinary.subject_id, v_ordinary.provider_customer_id, v_ordinary.customer_email_snapshot,
      v_ordinary.provider_object_type, v_ordinary.provider_object_id, v_ordinary.related_object_ids, v_ordinary.amount,
      v_ordinary.amount_refunded, v_ordinary.currency, v_ordinary.description, v_ordinary.paid_at, v_ordinary.failed_at,
      v_ordinary.refunded_at, v_ordinary.provider_created_at,
      null, null, null, -- disputes
      v_payment.is_refunded,
      null, -- released_refund_id
      0, -- amount_disputed
      v_payment.receipt_url, v_payment.card_brand, v_payment.card_last4
    )::payments_private.derived_transactions;
  end loop;

  -- read the others
  if cardinality(v_others) > 0 then
    v_derived := v_derived || array(
      select d from payments_private.derived_transactions as d where d.id = any (v_others)
    );
  end if;
  return v_derived;
end;
$$;

revoke all on function payments_private.derive_payments(text, uuid[]) from public, anon, authenticated;
--! EndIncluded payment/private/derive_payments.sql
--! Included payment/private/refresh_transactions.sql
/*
 * Writes the transactions of payments and of their refunds as derived_transactions says. A rebuild derives them at its
 * end (is_rebuilding): until then this does nothing.
 * Contract: the payments are locked (lock_payments).
 */
create or replace function payments_private.refresh_transactions(environment text, payment_ids uuid[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  -- the same plan whatever the size of the tables and of the list was when it was made
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
as $$
#variable_conflict use_column -- the target of on conflict cannot be qualified
declare
  v_derived payments_private.derived_transactions[];
  v_row payments_private.derived_transactions;
  v_silent uuid[]; -- payments of which no object says anything of money any more
  v_refunded payments_private.derived_transactions[];
begin
  if payments_private.is_rebuilding() then
    return;
  end if;

  v_derived := payments_private.derive_payments(environment, payment_ids);
  foreach v_row in array v_derived loop
    if v_row.status is null then
      v_silent := v_silent || v_row.id;
    end if;
    if v_row.is_refunded then
      v_refunded := v_refunded || v_row;
    end if;
  end loop;

  insert into payments.transactions as t (
    id, environment, type, status, subject_type, subject_id, provider_customer_id, customer_email_snapshot,
    provider_object_type, provider_object_id, related_object_ids, amount, amount_refunded, currency, description,
    paid_at, failed_at, refunded_at, provider_created_at, disputed_at, dispute_amount, dispute_status,
    amount_disputed, receipt_url, card_brand, card_last4
  )
  select
    d.id, d.environment, d.type, d.status, d.subject_type, d.subject_id, d.provider_customer_id,
    d.customer_email_snapshot, d.provider_object_type, d.provider_object_id, d.related_object_ids, d.amount,
    d.amount_refunded, d.currency, d.description, d.paid_at, d.failed_at, d.refunded_at, d.provider_created_at,
    d.disputed_at, d.dispute_amount, d.dispute_status, d.amount_disputed, d.receipt_url, d.card_brand,
    d.card_last4
  from unnest(v_derived) as d
  where d.status is not null
  on conflict on constraint transactions_pkey do update
  set type = excluded.type,
      status = excluded.status,
      subject_type = excluded.subject_type,
      subject_id = excluded.subject_id,
      provider_customer_id = excluded.provider_customer_id,
      customer_email_snapshot = excluded.customer_email_snapshot,
      provider_object_type = excluded.provider_object_type,
      provider_object_id = excluded.provider_object_id,
      related_object_ids = excluded.related_object_ids,
      amount = excluded.amount,
      amount_refunded = excluded.amount_refunded,
      currency = excluded.currency,
      description = excluded.description,
      paid_at = excluded.paid_at,
      failed_at = excluded.failed_at,
      refunded_at = excluded.refunded_at,
      provider_created_at = excluded.provider_created_at,
      disputed_at = excluded.disputed_at,
      dispute_amount = excluded.dispute_amount,
      dispute_status = excluded.dispute_status,
      amount_disputed = excluded.amount_disputed,
      receipt_url = excluded.receipt_url,
      card_brand = excluded.card_brand,
      card_last4 = excluded.card_last4
  where (t.type, t.status, t.subject_type, t.subject_id, t.provider_customer_id, t.customer_email_snapshot,
         t.provider_object_type, t.provider_object_id, t.related_object_ids, t.amount, t.amount_refunded, t.currency,
         t.description, t.paid_at, t.failed_at, t.refunded_at, t.provider_created_at, t.disputed_at,
         t.dispute_amount, t.dispute_status, t.amount_disputed, t.receipt_url, t.card_brand, t.card_last4)
    is distinct from
        (excluded.type, excluded.status, excluded.subject_type, excluded.subject_id, excluded.provider_customer_id,
         excluded.customer_email_snapshot, excluded.provider_object_type, excluded.provider_object_id,
         excluded.related_object_ids, excluded.amount, excluded.amount_refunded, excluded.currency,
         excluded.description, excluded.paid_at, excluded.failed_at, excluded.refunded_at,
         excluded.provider_created_at, excluded.disputed_at, excluded.dispute_amount, excluded.dispute_status,
         excluded.amount_disputed, excluded.receipt_url, excluded.card_brand, excluded.card_last4);

  if v_silent is not null then
    delete from payments.transactions as t where t.id = any (v_silent);
  end if;
  if v_refunded is not null then
    perform payments_private.refresh_refunds(v_refunded);
  end if;
end;
$$;

revoke all on function payments_private.refresh_transactions(text, uuid[]) from public, anon, authenticated;
--! EndIncluded payment/private/refresh_transactions.sql
--! Included ownership/private/owner_of.sql
/*
 * Returns the billing subject that an invoice belongs to. Nulls if none is known. These decide, in this order:
 *   1. the subject that was assigned to its subscription; see subject_version of payments.stripe_subscriptions
 *   2. the one that was assigned to its customer after the invoice was made
 *   3. the one that the invoice names
 *   4. that of its subscription
 *   5. that of its customer
 *
 * Contract: the ids of the subscription and the customer are locked, so that no other transaction changes their owner
 * now. Who changes it calls refresh_invoices. derived_transactions decides the same for payments.
 */
create or replace function payments_private.owner_of(
  environment text,
  subscription_id text,
  customer_id text,
  named payments.billing_subject,
  made_at timestamptz
)
  returns payments.billing_subject
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_subscriber payments.billing_subject;
  v_subject_version bigint;
  v_assigned payments.billing_subject;
begin
  if subscription_id is not null then
    select s.subject_type, s.subject_id, s.subject_version
    into v_subscriber.type, v_subscriber.id, v_subject_version
    from payments.stripe_subscriptions as s
    where s.subscription_id = owner_of.subscription_id and s.environment = owner_of.environment;
    if v_subject_version = 0 then
      return v_subscriber;
    end if;
  end if;
  v_assigned := payments_private.assigned_subject(environment, subscription_id, customer_id, made_at);
  if v_assigned.type is not null then
    return v_assigned;
  elsif (named).type is not null then
    return named;
  elsif v_subscriber.type is not null then
    return v_subscriber;
  end if;
  return payments_private.subject_of_customer(environment, customer_id);
end;
$$;

revoke all on function payments_private.owner_of(text, text, text, payments.billing_subject, timestamptz)
  from public, anon, authenticated;
--! EndIncluded ownership/private/owner_of.sql
--! Included ownership/private/owner_of_credit_note.sql
/*
 * Returns the billing subject that a credit note belongs to: that of its invoice, if the invoice has a row, else that
 * of its customer. Nulls if none is known. Contract: see owner_of; the invoice is locked as well.
 */
create or replace function payments_private.owner_of_credit_note(environment text, invoice_id text, customer_id text)
  returns payments.billing_subject
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_subject payments.billing_subject;
begin
  select i.subject_type, i.subject_id
  into v_subject
  from payments.stripe_invoices as i
  where i.invoice_id = owner_of_credit_note.invoice_id and i.environment = owner_of_credit_note.environment;
  if v_subject.type is null then
    v_subject := payments_private.subject_of_customer(environment, customer_id);
  end if;
  return v_subject;
end;
$$;

revoke all on function payments_private.owner_of_credit_note(text, text, text) from public, anon, authenticated;
--! EndIncluded ownership/private/owner_of_credit_note.sql
--! Included ownership/private/refresh_credit_notes.sql
/*
 * Decides again whom the credit notes of these invoices and of these customers belong to.
 * Contract: see owner_of_credit_note.
 */
create or replace function payments_private.refresh_credit_notes(
  environment text,
  invoice_ids text[],
  customer_ids text[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
as $$
declare
  v_ids uuid[] := array(
    select n.id
    from payments.stripe_credit_notes as n
    where n.invoice_id = any (refresh_credit_notes.invoice_ids) and n.environment = refresh_credit_notes.environment
    union all
    select n.id
    from payments.stripe_credit_notes as n
    where n.customer_id = any (refresh_credit_notes.customer_ids) and n.environment = refresh_credit_notes.environment
  );
begin
  if cardinality(v_ids) = 0 then -- to ask first is cheaper than an update that finds nothing
    return;
  end if;
  update payments.stripe_credit_notes as t
  set subject_type = (o.owner).type,
      subject_id = (o.owner).id
  from (
    select n.id, payments_private.owner_of_credit_note(n.environment, n.invoice_id, n.customer_id) as owner
    from payments.stripe_credit_notes as n
    where n.id = any (v_ids)
    offset 0 -- each owner is found once
  ) as o
  where t.id = o.id and (t.subject_type, t.subject_id) is distinct from ((o.owner).type, (o.owner).id);
end;
$$;

revoke all on function payments_private.refresh_credit_notes(text, text[], text[]) from public, anon, authenticated;
--! EndIncluded ownership/private/refresh_credit_notes.sql
--! Included ownership/private/refresh_invoices.sql
/*
 * Decides again whom invoices and their credit notes belong to. These are the invoices with these ids, those of these
 * subscriptions, and those of these customers. Credit notes of these customers whose invoice has no row are decided,
 * too. Contract: see owner_of.
 */
create or replace function payments_private.refresh_invoices(
  environment text,
  invoice_ids text[],
  subscription_ids text[],
  customer_ids text[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
as $$
declare
  -- one search for each index: a condition with `or` can read the whole environment
  v_ids uuid[] := array(
    select i.id
    from payments.stripe_invoices as i
    where i.invoice_id = any (refresh_invoices.invoice_ids) and i.environment = refresh_invoices.environment
    union
    select i.id
    from payments.stripe_invoices as i
    where i.subscription_id = any (refresh_invoices.subscription_ids) and i.environment = refresh_invoices.environment
    union
    select i.id
    from payments.stripe_invoices as i
    where i.customer_id = any (refresh_invoices.customer_ids) and i.environment = refresh_invoices.environment
  );
  v_changed_ids text[];
begin
  if cardinality(v_ids) > 0 then
    with changed as (
      update payments.stripe_invoices as t
      set subject_type = (o.owner).type,
          subject_id = (o.owner).id
      from (
        select
          i.id,
          payments_private.owner_of(
            i.environment, i.subscription_id, i.customer_id,
            row (i.named_subject_type, i.named_subject_id)::payments.billing_subject, i.provider_created_at
          ) as owner
        from payments.stripe_invoices as i
        where i.id = any (v_ids)
        offset 0 -- each owner is found once
      ) as o
      where t.id = o.id and (t.subject_type, t.subject_id) is distinct from ((o.owner).type, (o.owner).id)
      returning t.invoice_id
    )
    select array_agg(c.invoice_id) into v_changed_ids from changed as c;
  end if;
  perform payments_private.refresh_credit_notes(environment, invoice_ids || v_changed_ids, customer_ids);
end;
$$;

revoke all on function payments_private.refresh_invoices(text, text[], text[], text[]) from public, anon, authenticated;
--! EndIncluded ownership/private/refresh_invoices.sql
--! Included payment/private/refresh_payments.sql
/*
 * Derives the transactions of subscriptions and customers again, after their billing subject changed. Decides as well
 * whom their invoices and credit notes belong to.
 */
create or replace function payments_private.refresh_payments(
  environment text,
  subscription_ids text[],
  customer_ids text[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found uuid[];
  v_locked uuid[] := '{}';
begin
  -- lock the payments found; read again, because another transaction may have merged them before
  loop
    select array_agg(p.id)
    into v_found
    from (
      select o.payment_id as id
      from payments_private.payment_objects as o
      join payments.stripe_subscriptions as s on s.subscription_id = o.subscription_id and s.environment = o.environment
      left join payments.transactions as t on t.id = o.payment_id
      where o.environment = refresh_payments.environment
        and o.subscription_id = any (refresh_payments.subscription_ids)
        and (t.subject_type, t.subject_id) is distinct from (s.subject_type, s.subject_id) -- else no change
      union
      select t.id
      from payments.transactions as t
      where t.provider = 'stripe'
        and t.environment = refresh_payments.environment
        and t.provider_customer_id = any (refresh_payments.customer_ids)
        and t.type <> 'refund'
    ) as p;
    exit when v_found is null or v_found <@ v_locked;
    perform payments_private.lock_payments(environment, v_found);
    v_locked := v_locked || v_found;
  end loop;
  if v_found is not null then
    perform payments_private.refresh_transactions(refresh_payments.environment, v_found);
  end if;
  perform payments_private.refresh_invoices(environment, null, subscription_ids, customer_ids);
end;
$$;

revoke all on function payments_private.refresh_payments(text, text[], text[]) from public, anon, authenticated;
--! EndIncluded payment/private/refresh_payments.sql
--! Included payment/private/lock_payments.sql
/*
 * Locks payments until the end of the transaction, in one order, so that two transactions never deadlock.
 * Contract: a transaction row is derived only while its payment is locked. The ids of Stripe objects are locked first
 * (lock_ids), payments second.
 * A caller that locked the whole environment skips these locks: a rebuild concerns every payment, and Postgres' lock
 * table has room for a few thousand.
 */
create or replace function payments_private.lock_payments(environment text, ids uuid[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('payments.locked_environment', true) = lock_payments.environment then
    return;
  end if;
  perform pg_advisory_xact_lock(k.key)
  from (
    select distinct hashtextextended(p.id::text, 1) as key
    from unnest(lock_payments.ids) as p (id)
    order by key
  ) as k;
end;
$$;

revoke all on function payments_private.lock_payments(text, uuid[]) from public, anon, authenticated;
--! EndIncluded payment/private/lock_payments.sql
--! Included payment/private/lock_payments_of.sql
/*
 * Locks the payments that Stripe objects belong to, as far as these objects have rows; see lock_payments.
 */
create or replace function payments_private.lock_payments_of(environment text, ids text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.lock_payments(
    environment,
    array(
      select o.payment_id
      from payments_private.payment_objects as o
      where o.object_id = any (lock_payments_of.ids) and o.environment = lock_payments_of.environment
    )
  );
end;
$$;

revoke all on function payments_private.lock_payments_of(text, text[]) from public, anon, authenticated;
--! EndIncluded payment/private/lock_payments_of.sql
--! Included payment/private/merge_payments.sql
/*
 * Merges two payments into one. The payment whose transaction the app saw first keeps its id.
 * Contract: both payments are locked (lock_payments).
 */
create or replace function payments_private.merge_payments(one uuid, other uuid)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept uuid;
begin
  select p.id
  into v_kept
  from unnest(array[one, other]) as p (id)
  left join payments.transactions as t on t.id = p.id
  order by t.created_at nulls last, p.id
  limit 1;

  update payments_private.payment_objects as o
  set payment_id = v_kept
  where o.payment_id in (one, other) and o.payment_id <> v_kept;
  delete from payments.transactions as t
  where t.id in (one, other) and t.id <> v_kept;
end;
$$;

revoke all on function payments_private.merge_payments(uuid, uuid) from public, anon, authenticated;
--! EndIncluded payment/private/merge_payments.sql
--! Included payment/private/join_payments.sql
/*
 * The payment of each named object, and the rows that these objects have. Objects that one snapshot names are one
 * payment, and two payments that share an object are merged (union-find).
 *   payment_ids  in the order of `ids`; an object of no known payment gets a new id
 *   current_ids  ids of the objects that have a row
 *   current      these rows, in the order of `current_ids`
 * Contract: ids and is_own are those of name_payment_objects, and the ids are locked (lock_ids). Afterwards the
 * payments are locked until the transaction ends, so `current` stays true.
 */
create or replace function payments_private.join_payments(
  environment text,
  ids text[],
  is_own boolean[],
  out payment_ids uuid[],
  out current_ids text[],
  out current payments_private.payment_objects[]
)
  returns record
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_locked uuid[] := '{}';
  v_current_payments uuid[]; -- payments of the rows, in the order of current_ids
  v_payment_id uuid;
  v_own_at integer; -- index of the snapshot's own object
  v_is_merged boolean;
begin
  loop
    -- lock the known payments; read again, because another transaction may have merged them before
    select array_agg(o.object_id), array_agg(o.payment_id), array_agg(o)
    into current_ids, v_current_payments, current
    from payments_private.payment_objects as o
    where o.object_id = any (join_payments.ids) and o.environment = join_payments.environment;
    if not v_current_payments <@ v_locked then
      perform payments_private.lock_payments(environment, v_current_payments);
      v_locked := v_locked || v_current_payments;
      continue;
    end if;

    -- assign one payment to each snapshot
    payment_ids := array_fill(null::uuid, array[cardinality(ids)]);
    v_is_merged := false;
    for i in 1 .. cardinality(ids) loop
      v_payment_id := coalesce(
        payment_ids[array_position(ids, ids[i])], v_current_payments[array_position(current_ids, ids[i])]
      );
      if is_own[i] then
        payment_ids[i] := coalesce(v_payment_id, gen_random_uuid());
        v_own_at := i;
        continue;
      end if;
      if v_payment_id <> payment_ids[v_own_at] then
        if v_payment_id = any (v_current_payments) and payment_ids[v_own_at] = any (v_current_payments) then
          perform payments_private.merge_payments(v_payment_id, payment_ids[v_own_at]);
          v_is_merged := true;
          exit;
        elsif v_payment_id = any (v_current_payments) then
          payment_ids := array_replace(payment_ids, payment_ids[v_own_at], v_payment_id);
        else
          payment_ids := array_replace(payment_ids, v_payment_id, payment_ids[v_own_at]);
        end if;
      end if;
      payment_ids[i] := payment_ids[v_own_at];
    end loop;
    exit when not v_is_merged;
  end loop;
end;
$$;

revoke all on function payments_private.join_payments(text, text[], boolean[]) from public, anon, authenticated;
--! EndIncluded payment/private/join_payments.sql
--! Included payment/private/merge_payment_object.sql
/*
 * The row of a payment object after a snapshot of it: the snapshot if it is newer, else the current row. Exceptions:
 *   customer_id, subscription_id  the newer one that is not null
 *   subject                       the one that the earliest snapshot named, because ownership is write-once
 *   timestamps, failed charges    merged even from a snapshot older than the row, because each knows only some
 */
create or replace function payments_private.merge_payment_object(
  current payments_private.payment_objects,
  snapshot payments_private.payment_objects,
  is_newer boolean
)
  returns payments_private.payment_objects
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_merged payments_private.payment_objects := case when is_newer then snapshot else current end;
begin
  v_merged.customer_id := coalesce(v_merged.customer_id, current.customer_id, snapshot.customer_id);
  v_merged.subscription_id := coalesce(v_merged.subscription_id, current.subscription_id, snapshot.subscription_id);

  if current.subject_version is null
    or (snapshot.subject_version, snapshot.subject_type, snapshot.subject_id)
      < (current.subject_version, current.subject_type, current.subject_id)
  then
    v_merged.subject_type := snapshot.subject_type;
    v_merged.subject_id := snapshot.subject_id;
  else
    v_merged.subject_type := current.subject_type;
    v_merged.subject_id := current.subject_id;
  end if;
  v_merged.subject_version := least(snapshot.subject_version, current.subject_version);

  v_merged.succeeded_at := least(snapshot.succeeded_at, current.succeeded_at);
  v_merged.failed_at := case
    when current.object_type = 'refund' then least(snapshot.failed_at, current.failed_at) -- a refund fails once
    else greatest(snapshot.failed_at, current.failed_at)
  end;
  v_merged.completed_at := least(snapshot.completed_at, current.completed_at);
  v_merged.refunded_at := greatest(snapshot.refunded_at, current.refunded_at);
  v_merged.failure_seen_at := least(snapshot.failure_seen_at, current.failure_seen_at);
  v_merged.canceled_at := least(snapshot.canceled_at, current.canceled_at);
  v_merged.canceled_charge_id := coalesce(v_merged.canceled_charge_id, current.canceled_charge_id, snapshot.canceled_charge_id);
  if snapshot.failed_charge_ids is null or current.failed_charge_ids is null then
    v_merged.failed_charge_ids := coalesce(snapshot.failed_charge_ids, current.failed_charge_ids);
  elsif not snapshot.failed_charge_ids <@ current.failed_charge_ids then
    v_merged.failed_charge_ids := array(
      select f.id from unnest(current.failed_charge_ids || snapshot.failed_charge_ids) as f (id) group by f.id order by f.id
    );
  else
    v_merged.failed_charge_ids := current.failed_charge_ids;
  end if;
  return v_merged;
end;
$$;

revoke all on function payments_private.merge_payment_object(
  payments_private.payment_objects, payments_private.payment_objects, boolean
) from public, anon, authenticated;
--! EndIncluded payment/private/merge_payment_object.sql
--! Included payment/private/name_payment_objects.sql
/*
 * The Stripe objects that payment snapshots name: for each snapshot its own object, then the objects that it links to.
 *   positions  index of the snapshot in `snapshots`
 *   ids        Stripe id; an id that several snapshots name occurs several times
 *   types      kind of object
 *   is_own     true where a snapshot is of this object, false where a snapshot links to it
 *   own_ids    ids of the objects that have a snapshot.
 * Contract: snapshots without an object are skipped, and so are links to nothing or to the object itself. All five are
 * null when nothing is left.
 * It returns arrays and not rows, because reading rows costs one more statement per event.
 */
create or replace function payments_private.name_payment_objects(
  snapshots payments_private.payment_snapshot[],
  out positions integer[],
  out ids text[],
  out types text[],
  out is_own boolean[],
  out own_ids text[]
)
  returns record
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_snapshot payments_private.payment_snapshot;
  v_object payments_private.payment_objects;
begin
  for v_position in array_lower(snapshots, 1) .. array_upper(snapshots, 1) loop
    v_snapshot := snapshots[v_position];
    v_object := v_snapshot.object;
    continue when v_object.object_id is null;
    positions := positions || v_position;
    ids := ids || v_object.object_id;
    types := types || v_object.object_type;
    is_own := is_own || true;
    own_ids := own_ids || v_object.object_id;
    for i in 1 .. coalesce(cardinality(v_snapshot.linked_ids), 0) loop
      if v_snapshot.linked_ids[i] is not null and v_snapshot.linked_ids[i] <> v_object.object_id then
        positions := positions || v_position;
        ids := ids || v_snapshot.linked_ids[i];
        types := types || v_snapshot.linked_types[i];
        is_own := is_own || false;
      end if;
    end loop;
  end loop;
end;
$$;

revoke all on function payments_private.name_payment_objects(payments_private.payment_snapshot[])
  from public, anon, authenticated;
--! EndIncluded payment/private/name_payment_objects.sql
--! Included payment/private/put_payment_objects.sql
/*
 * The outcomes, with those of payment objects set at the positions of their snapshots.
 * It writes snapshots of payment objects, joins these objects into payments, and derives their transactions.
 * A linked object that has no row yet gets one with version 0.
 * Contract: that of the projectors, see project_snapshots. A position without a payment object holds a null snapshot.
 */
create or replace function payments_private.put_payment_objects(
  environment text,
  snapshots payments_private.payment_snapshot[],
  tie_is_decided boolean,
  outcomes text[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_margin integer := case when tie_is_decided then 0 else 1 end; -- by how much a newer version is greater
  v_named record;
  v_joined record;
  v_snapshot payments_private.payment_snapshot;
  v_object payments_private.payment_objects;
  v_current payments_private.payment_objects;
  v_link payments_private.payment_objects;
  v_current_at integer;
  v_is_newer boolean;
  v_outcome text;
  v_objects payments_private.payment_objects[] := '{}';
begin
  v_named := payments_private.name_payment_objects(snapshots);
  if v_named.ids is null then
    return outcomes;
  end if;
  v_joined := payments_private.join_payments(environment, v_named.ids, v_named.is_own);

  for i in 1 .. cardinality(v_named.ids) loop
    v_current_at := array_position(v_joined.current_ids, v_named.ids[i]);
    if v_named.is_own[i] then
      -- compare with the row
      v_snapshot := snapshots[v_named.positions[i]];
      v_object := v_snapshot.object;
      v_object.payment_id := v_joined.payment_ids[i];
      if v_object.subject_type is not null and v_object.subject_version is null then
        v_object.subject_version := v_object.version;
      end if;
      if v_object.state = 'failed' and v_object.failed_at is null then
        v_object.failure_seen_at := to_timestamp((v_object.version & ((1::bigint << 50) - 1)) >> 3);
      end if;
      v_outcome := 'applied';
      if v_current_at is not null then
        v_current := v_joined.current[v_current_at];
        v_is_newer := v_object.version >= v_current.version + v_margin;
        if v_object.version < v_current.version then
          v_outcome := 'stale';
        elsif not v_is_newer
          and (v_object.state, v_object.status, v_object.amount, v_object.amount_refunded, v_object.amount_released)
            is distinct from
              (v_current.state, v_current.status, v_current.amount, v_current.amount_refunded, v_current.amount_released)
        then
          v_outcome := 'tie';
        end if;
      end if;
      if v_object.object_type <> 'checkout_session' or v_outcome = 'tie' then -- else the row of the session decides
        outcomes[v_named.positions[i]] := v_outcome;
      end if;
      if v_current_at is not null then
        v_object := payments_private.merge_payment_object(v_current, v_object, v_is_newer);
      end if;
      v_objects := v_objects || v_object;
    elsif v_current_at is null
      and array_position(v_named.ids, v_named.ids[i]) = i
      and v_named.ids[i] <> all (v_named.own_ids)
    then
      -- note the linked object
      v_link.environment := put_payment_objects.environment;
      v_link.object_id := v_named.ids[i];
      v_link.object_type := v_named.types[i];
      v_link.payment_id := v_joined.payment_ids[i];
      v_link.version := 0;
      v_objects := v_objects || v_link;
    end if;
  end loop;

  -- write the merged rows
  insert into payments_private.payment_objects as t (
    environment, object_id, object_type, payment_id, version, state, status, amount, amount_refunded, amount_released,
    currency, customer_id, customer_email, description, subscription_id, product_id, price_id, subject_type, subject_id,
    subject_version, provider_created_at, succeeded_at, failed_at, completed_at, refunded_at, failure_seen_at,
    canceled_at, canceled_charge_id, failed_charge_ids
  )
  select
    o.environment, o.object_id, o.object_type, o.payment_id, o.version, o.state, o.status, o.amount, o.amount_refunded,
    o.amount_released, o.currency, o.customer_id, o.customer_email, o.description, o.subscription_id, o.product_id,
    o.price_id, o.subject_type, o.subject_id, o.subject_version, o.provider_created_at, o.succeeded_at, o.failed_at,
    o.completed_at, o.refunded_at, o.failure_seen_at, o.canceled_at, o.canceled_charge_id, o.failed_charge_ids
  from unnest(v_objects) as o
  on conflict on constraint payment_objects_pkey do update
  set object_type = excluded.object_type,
      version = excluded.version,
      state = excluded.state,
      status = excluded.status,
      amount = excluded.amount,
      amount_refunded = excluded.amount_refunded,
      amount_released = excluded.amount_released,
      currency = excluded.currency,
      customer_id = excluded.customer_id,
      customer_email = excluded.customer_email,
      description = excluded.description,
      subscription_id = excluded.subscription_id,
      product_id = excluded.product_id,
      price_id = excluded.price_id,
      subject_type = excluded.subject_type,
      subject_id = excluded.subject_id,
      subject_version = excluded.subject_version,
      provider_created_at = excluded.provider_created_at,
      succeeded_at = excluded.succeeded_at,
      failed_at = excluded.failed_at,
      completed_at = excluded.completed_at,
      refunded_at = excluded.refunded_at,
      failure_seen_at = excluded.failure_seen_at,
      canceled_at = excluded.canceled_at,
      canceled_charge_id = excluded.canceled_charge_id,
      failed_charge_ids = excluded.failed_charge_ids
  where excluded.version > 0 and excluded.version >= t.version;

  perform payments_private.refresh_transactions(environment, v_joined.payment_ids);
  return outcomes;
end;
$$;

revoke all on function payments_private.put_payment_objects(text, payments_private.payment_snapshot[], boolean, text[])
  from public, anon, authenticated;
--! EndIncluded payment/private/put_payment_objects.sql
--! Included payment/private/payment_of_checkout_session.sql
/*
 * What a complete Checkout Session says of its payment, as a payment snapshot.
 * Contract: version and subject are those of the session's row.
 */
create or replace function payments_private.payment_of_checkout_session(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz,
  version bigint,
  is_settled boolean,
  subject payments.billing_subject,
  subject_version bigint
)
  returns payments_private.payment_snapshot
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
begin
  return row (
    row (
      payment_of_checkout_session.environment,
      object ->> 'id', -- object_id
      'checkout_session', -- object_type
      null, -- payment_id
      payment_of_checkout_session.version, -- version
      -- state
      case
        when is_settled then 'succeeded'
        when event_type = 'checkout.session.async_payment_failed' then 'failed'
        else 'pending'
      end,
      'completed', -- status
      (object ->> 'amount_total')::bigint, -- amount
      null, -- amount_refunded
      null, -- amount_released
      lower(object ->> 'currency'), -- currency
      payments_private.id_of(object -> 'customer'), -- customer_id
      coalesce(object -> 'customer_details' ->> 'email', object ->> 'customer_email'), -- customer_email
      null, -- description
      payments_private.id_of(object -> 'subscription'), -- subscription_id
      null, -- product_id
      null, -- price_id
      subject.type, -- subject_type
      subject.id, -- subject_id
      payment_of_checkout_session.subject_version, -- subject_version
      payments_private.instant_of(object -> 'created'), -- provider_created_at
      case when event_type is not null and is_settled then snapshot_at end, -- succeeded_at
      case when event_type = 'checkout.session.async_payment_failed' then snapshot_at end, -- failed_at
      case when event_type = 'checkout.session.completed' then snapshot_at end, -- completed_at
      null, -- refunded_at
      null, -- failure_seen_at
      null, -- canceled_at
      null, -- canceled_charge_id
      null, -- failed_charge_ids
      null -- version_at
    )::payments_private.payment_objects,
    array['payment_intent', 'invoice'],
    array[payments_private.id_of(object -> 'payment_intent'), payments_private.id_of(object -> 'invoice')]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_checkout_session(
  text, jsonb, text, timestamptz, bigint, boolean, payments.billing_subject, bigint
) from public, anon, authenticated;
--! EndIncluded payment/private/payment_of_checkout_session.sql
--! Included payment/private/payment_of_payment_intent.sql
/*
 * What a PaymentIntent says of its payment, as a payment snapshot. The API version decides where the links are:
 *   older  the PaymentIntent names the invoice and lists its charges
 *   newer  it names the latest charge only; its order reference is the invoice, in some versions cut to 25 characters.
 * A cut reference is resolved if exactly one invoice matches it. If the invoice arrives later, payment_of_invoice finds
 * the PaymentIntent.
 * A declined charge holds no money and is not linked. A charge in process is not linked, because it can be declined.
 *
 * Stripe clears last_payment_error with every later update. Therefore the charges that were declined are kept
 * (failed_charge_ids), and derived_transactions tells a canceled PaymentIntent that was declined from one that held
 * money.
 */
create or replace function payments_private.payment_of_payment_intent(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz
)
  returns payments_private.payment_snapshot
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_status text := object ->> 'status';
  v_subject payments.billing_subject := payments_private.subject_of(object -> 'metadata');
  v_charge jsonb := case
    when v_status in ('succeeded', 'requires_capture')
      then coalesce(object -> 'latest_charge', object -> 'charges' -> 'data' -> 0)
  end;
  v_latest_charge_id text := payments_private.id_of(coalesce(object -> 'latest_charge', object -> 'charges' -> 'data' -> 0));
  v_is_declined boolean := event_type = 'payment_intent.payment_failed'
    or coalesce(jsonb_typeof(object -> 'last_payment_error') = 'object', false);
  -- canceled after an attempt: what was held is released, or what was declined is given up
  v_is_canceled boolean := v_status = 'canceled' and not v_is_declined and v_latest_charge_id is not null;
  v_reference text := case -- a new connection compiles the pattern only for an invoice, not for a session
    when object -> 'payment_details' ->> 'order_reference' like 'in\_%'
    then substring(object -> 'payment_details' ->> 'order_reference' from '^in_[0-9A-Za-z]{14,}$')
  end;
  v_invoice_ids text[];
begin
  if length(v_reference) = 25 then
    select array_agg(o.object_id)
    into v_invoice_ids
    from payments_private.payment_objects as o
    where left(o.object_id, 25) = v_reference
      and o.object_type = 'invoice'
      and o.environment = payment_of_payment_intent.environment
      and (o.customer_id <> payments_private.id_of(object -> 'customer')) is not true;
  end if;

  return row (
    row (
      payment_of_payment_intent.environment,
      object ->> 'id', -- object_id
      'payment_intent', -- object_type
      null, -- payment_id
      payments_private.snapshot_version(snapshot_at, event_type, v_status in ('succeeded', 'canceled')), -- version
      -- state
      case
        when v_status = 'succeeded' then 'succeeded'
        when v_status in ('processing', 'requires_capture') then 'pending'
        when v_is_declined or v_is_canceled then 'failed'
      end,
      v_status, -- status
      -- amount
      case
        when v_status = 'succeeded' then coalesce((object ->> 'amount_received')::bigint, (object ->> 'amount')::bigint)
        else (object ->> 'amount')::bigint
      end,
      null, -- amount_refunded
      -- amount_released
      case
        when v_status = 'succeeded' or v_is_canceled
          then greatest((object ->> 'amount')::bigint - (object ->> 'amount_received')::bigint, 0)
      end,
      lower(object ->> 'currency'), -- currency
      payments_private.id_of(object -> 'customer'), -- customer_id
      object ->> 'receipt_email', -- customer_email
      object ->> 'description', -- description
      null, -- subscription_id
      null, -- product_id
      null, -- price_id
      v_subject.type, -- subject_type
      v_subject.id, -- subject_id
      null, -- subject_version
      payments_private.instant_of(object -> 'created'), -- provider_created_at
      case when event_type = 'payment_intent.succeeded' then snapshot_at end, -- succeeded_at
      case when event_type = 'payment_intent.payment_failed' then snapshot_at end, -- failed_at
      null, -- completed_at
      null, -- refunded_at
      null, -- failure_seen_at
      case when v_status = 'canceled' then payments_private.instant_of(object -> 'canceled_at') end, -- canceled_at
      case when v_is_canceled then v_latest_charge_id end, -- canceled_charge_id
      -- failed_charge_ids
      case
        when v_is_declined
          then array_remove(array[coalesce(object -> 'last_payment_error' ->> 'charge', v_latest_charge_id)], null)
      end,
      null -- version_at
    )::payments_private.payment_objects,
    array['charge', 'invoice', case when length(v_reference) = 25 then 'order_reference' else 'invoice' end, 'invoice'],
    array[
      payments_private.id_of(v_charge),
      payments_private.id_of(object -> 'invoice'),
      v_reference,
      case when cardinality(v_invoice_ids) = 1 then v_invoice_ids[1] end
    ]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_payment_intent(text, jsonb, text, timestamptz)
  from public, anon, authenticated;
--! EndIncluded payment/private/payment_of_payment_intent.sql
--! Included payment/private/payment_of_charge.sql
/*
 * What a charge says of its payment, as a payment snapshot.
 * A charge that is authorized but not captured has status `succeeded` at Stripe, yet no money moved: it is pending.
 * No money moves when Stripe refunds such a charge after a cancellation. The same holds for the part not captured.
 */
create or replace function payments_private.payment_of_charge(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz
)
  returns payments_private.payment_snapshot
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_subject payments.billing_subject := payments_private.subject_of(object -> 'metadata');
  v_is_captured boolean := coalesce((object ->> 'captured')::boolean, true);
  v_captured bigint := coalesce(nullif((object ->> 'amount_captured')::bigint, 0), (object ->> 'amount')::bigint);
  v_refunded bigint := coalesce((object ->> 'amount_refunded')::bigint, 0);
  v_state text := case
    when object ->> 'status' = 'succeeded' and not v_is_captured and v_refunded > 0 then 'failed'
    when object ->> 'status' = 'succeeded' and not v_is_captured then 'pending'
    when object ->> 'status' in ('succeeded', 'pending', 'failed') then object ->> 'status'
  end;
begin
  return row (
    row (
      payment_of_charge.environment,
      object ->> 'id', -- object_id
      'charge', -- object_type
      null, -- payment_id
      payments_private.snapshot_version(snapshot_at, event_type, false), -- version
      v_state, -- state
      object ->> 'status', -- status
      v_captured, -- amount
      v_refunded, -- amount_refunded
      -- amount_released
      case
        when not v_is_captured then v_refunded
        when v_refunded >= (object ->> 'amount')::bigint - v_captured
        then greatest((object ->> 'amount')::bigint - v_captured, 0) -- more than was authorized may be captured
        else 0
      end,
      lower(object ->> 'currency'), -- currency
      payments_private.id_of(object -> 'customer'), -- customer_id
      coalesce(object ->> 'receipt_email', object -> 'billing_details' ->> 'email'), -- customer_email
      object ->> 'description', -- description
      null, -- subscription_id
      null, -- product_id
      null, -- price_id
      v_subject.type, -- subject_type
      v_subject.id, -- subject_id
      null, -- subject_version
      payments_private.instant_of(object -> 'created'), -- provider_created_at
      null, -- succeeded_at
      case when event_type = 'charge.refunded' and v_state = 'failed' then snapshot_at end, -- failed_at
      null, -- completed_at
      case when event_type = 'charge.refunded' and v_is_captured then snapshot_at end, -- refunded_at
      null, -- failure_seen_at
      null, -- canceled_at
      null, -- canceled_charge_id
      null, -- failed_charge_ids
      null -- version_at
    )::payments_private.payment_objects,
    array['payment_intent', 'invoice'],
    array[payments_private.id_of(object -> 'payment_intent'), payments_private.id_of(object -> 'invoice')]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_charge(text, jsonb, text, timestamptz)
  from public, anon, authenticated;
--! EndIncluded payment/private/payment_of_charge.sql
--! Included payment/private/bought_line.sql
/*
 * Returns the line of an invoice that says what is bought, or null. lines is the list of the invoice's lines.
 *
 * Stripe lists the credit for unused time before the charge for the new price, and a one-time fee before its plan. The
 * line that is bought is the first of these:
 *   1. of a subscription's invoice, a line of the subscription that is no proration
 *   2. a proration of a price that no other line credits: after two changes in a row it is the price that stays
 *   3. any other line
 * Negative lines come last, and a credit for unused time buys nothing at all.
 *
 * Since 2025-03-31.basil `parent` says what kind of line it is; before, `type`, `proration` and `price` did.
 */
create or replace function payments_private.bought_line(lines jsonb, is_of_subscription boolean)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(lines) is distinct from 'array' then
    return null;
  elsif jsonb_array_length(lines) = 1 and lines -> 0 ->> 'amount' not like '-%' then
    return lines -> 0; -- as most invoices
  end if;
  return (
    with line as (
      select
        l.line,
        l.position,
        coalesce((l.line ->> 'amount')::numeric < 0, false) as is_negative,
        coalesce(
          (l.line #>> '{parent,subscription_item_details,proration}')::boolean,
          (l.line #>> '{parent,invoice_item_details,proration}')::boolean,
          (l.line ->> 'proration')::boolean,
          false
        ) as is_proration,
        coalesce(
          l.line #>> '{parent,type}' = 'subscription_item_details' or l.line ->> 'type' = 'subscription', false
        ) as is_recurring,
        payments_private.id_of(
          coalesce(l.line #> '{pricing,price_details,price}', l.line -> 'price', l.line -> 'plan')
        ) as price_id
      from jsonb_array_elements(lines) with ordinality as l (line, position)
    )
    select l.line
    from line as l
    where not (l.is_proration and l.is_negative)
    order by
      l.is_negative,
      not (is_of_subscription and l.is_recurring and not l.is_proration),
      not (is_of_subscription and l.is_proration and not exists (
        select from line as c where c.is_proration and c.is_negative and c.price_id = l.price_id
      )),
      not (is_of_subscription and l.is_proration),
      l.position
    limit 1
  );
end;
$$;

revoke all on function payments_private.bought_line(jsonb, boolean) from public, anon, authenticated;
--! EndIncluded payment/private/bought_line.sql
--! Included payment/private/payment_of_invoice.sql
/*
 * What an invoice says of its payment, as a payment snapshot. The API version decides where the links are:
 *   before 2025-03-31.basil  the invoice names its subscription, PaymentIntent and charge
 *   since then               `parent` names the subscription; invoice_payment.paid or an expanded `payments` links the
 *                            PaymentIntent, or the PaymentIntent has the invoice as its order reference
 */
create or replace function payments_private.payment_of_invoice(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz
)
  returns payments_private.payment_snapshot
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_status text := coalesce(object ->> 'status', case when (object ->> 'paid')::boolean then 'paid' end);
  v_parent jsonb := coalesce(nullif(object -> 'parent' -> 'subscription_details', 'null'), object -> 'subscription_details');
  v_subscription_id text := payments_private.id_of(
    coalesce(nullif(v_parent -> 'subscription', 'null'), object -> 'subscription')
  );
  v_line jsonb := payments_private.bought_line(object -> 'lines' -> 'data', v_subscription_id is not null);
  v_subject payments.billing_subject := payments_private.subject_of(object -> 'metadata');
  v_reference text := left(object ->> 'id', 25); -- the part of the id that a PaymentIntent may name
  v_types text[];
  v_ids text[];
begin
  if v_subject.type is null then
    v_subject := payments_private.subject_of(v_parent -> 'metadata');
  end if;
  if v_subject.type is null then
    v_subject := payments_private.subject_of(v_line -> 'metadata');
  end if;
  if v_subject.type is null then
    v_subject := payments_private.subject_of(object -> 'lines' -> 'data' -> 0 -> 'metadata');
  end if;

  -- link the expanded payments
  if jsonb_typeof(object -> 'payments' -> 'data') = 'array' then
    select array_agg(p.payment ->> 'type'), array_agg(payments_private.id_of(p.payment -> (p.payment ->> 'type')))
    into v_types, v_ids
    from (select i.item -> 'payment' from jsonb_array_elements(object -> 'payments' -> 'data') as i (item)) as p (payment)
    where p.payment ->> 'type' in ('payment_intent', 'charge');
  end if;

  if object ? 'payment_intent' or not exists (
    select
    from payments_private.payment_objects as r
    where r.object_id = v_reference
      and r.object_type = 'order_reference'
      and r.environment = payment_of_invoice.environment
      and not exists (
        select
        from payments_private.payment_objects as o
        where o.payment_id = r.payment_id
          and (
            (o.object_type = 'invoice' and o.object_id <> object ->> 'id')
            or (o.object_type = 'payment_intent' and o.customer_id <> payments_private.id_of(object -> 'customer'))
          )
      )
  ) then
    v_reference := null;
  end if;

  return row (
    row (
      payment_of_invoice.environment,
      object ->> 'id', -- object_id
      'invoice', -- object_type
      null, -- payment_id
      -- version
      payments_private.snapshot_version(
        snapshot_at, event_type, coalesce(v_status in ('paid', 'void'), false)
      ),
      -- state
      case
        when v_status = 'paid' then 'succeeded'
        when event_type = 'invoice.payment_failed' then 'failed'
        -- attempt_count rises when an attempt begins, and a bank debit takes days to fail
        when coalesce((object ->> 'attempt_count')::integer, 0) > 0
          and (v_status in ('void', 'uncollectible') or object ->> 'next_payment_attempt' is not null)
        then 'failed'
      end,
      v_status, -- status
      case when v_status = 'paid' then (object ->> 'amount_paid')::bigint else (object ->> 'amount_due')::bigint end, -- amount
      null, -- amount_refunded
      null, -- amount_released
      lower(object ->> 'currency'), -- currency
      payments_private.id_of(object -> 'customer'), -- customer_id
      object ->> 'customer_email', -- customer_email
      object ->> 'description', -- description
      v_subscription_id, -- subscription_id
      -- product_id
      payments_private.id_of(
        coalesce(v_line -> 'pricing' -> 'price_details' -> 'product', v_line -> 'price' -> 'product', v_line -> 'plan' -> 'product')
      ),
      -- price_id
      payments_private.id_of(
        coalesce(v_line -> 'pricing' -> 'price_details' -> 'price', v_line -> 'price', v_line -> 'plan')
      ),
      v_subject.type, -- subject_type
      v_subject.id, -- subject_id
      null, -- subject_version
      payments_private.instant_of(object -> 'created'), -- provider_created_at
      -- succeeded_at
      case when v_status = 'paid' then coalesce(
        payments_private.instant_of(object -> 'status_transitions' -> 'paid_at'),
        case when event_type in ('invoice.paid', 'invoice.payment_succeeded') then snapshot_at end
      ) end,
      case when event_type = 'invoice.payment_failed' then snapshot_at end, -- failed_at
      null, -- completed_at
      null, -- refunded_at
      null, -- failure_seen_at
      null, -- canceled_at
      null, -- canceled_charge_id
      null, -- failed_charge_ids
      null -- version_at
    )::payments_private.payment_objects,
    array['payment_intent', 'charge', 'order_reference'] || v_types,
    array[
      payments_private.id_of(object -> 'payment_intent'),
      case
        when v_status = 'paid' and (object ->> 'paid_out_of_band')::boolean is distinct from true
        then payments_private.id_of(object -> 'charge') -- a declined charge holds no money
      end,
      v_reference
    ] || v_ids
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_invoice(text, jsonb, text, timestamptz)
  from public, anon, authenticated;
--! EndIncluded payment/private/payment_of_invoice.sql
--! Included payment/private/payment_of_invoice_payment.sql
/*
 * What an invoice payment says of its payment, as a payment snapshot.
 * It links an invoice to the PaymentIntent or charge that pays it.
 */
create or replace function payments_private.payment_of_invoice_payment(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz
)
  returns payments_private.payment_snapshot
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
begin
  return row (
    row (
      payment_of_invoice_payment.environment,
      object ->> 'id', -- object_id
      'invoice_payment', -- object_type
      null, -- payment_id
      -- version
      payments_private.snapshot_version(
        snapshot_at, event_type, coalesce(object ->> 'status' in ('paid', 'canceled'), false)
      ),
      case when object ->> 'status' = 'paid' then 'succeeded' end, -- state
      object ->> 'status', -- status
      coalesce((object ->> 'amount_paid')::bigint, (object ->> 'amount_requested')::bigint), -- amount
      null, -- amount_refunded
      null, -- amount_released
      lower(object ->> 'currency'), -- currency
      null, -- customer_id
      null, -- customer_email
      null, -- description
      null, -- subscription_id
      null, -- product_id
      null, -- price_id
      null, -- subject_type
      null, -- subject_id
      null, -- subject_version
      payments_private.instant_of(object -> 'created'), -- provider_created_at
      payments_private.instant_of(object -> 'status_transitions' -> 'paid_at'), -- succeeded_at
      null, -- failed_at
      null, -- completed_at
      null, -- refunded_at
      null, -- failure_seen_at
      null, -- canceled_at
      null, -- canceled_charge_id
      null, -- failed_charge_ids
      null -- version_at
    )::payments_private.payment_objects,
    array['invoice', 'payment_intent', 'charge'],
    array[
      payments_private.id_of(object -> 'invoice'),
      payments_private.id_of(object -> 'payment' -> 'payment_intent'),
      payments_private.id_of(object -> 'payment' -> 'charge')
    ]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_invoice_payment(text, jsonb, text, timestamptz)
  from public, anon, authenticated;
--! EndIncluded payment/private/payment_of_invoice_payment.sql
--! Included payment/private/payment_of_refund.sql
/*
 * What a refund says of its payment, as a payment snapshot. It also gets a transaction of its own (refresh_refunds).
 */
create or replace function payments_private.payment_of_refund(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz
)
  returns payments_private.payment_snapshot
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_status text := coalesce(object ->> 'status', 'pending');
  v_state text := case
    when v_status = 'succeeded' then 'succeeded'
    when v_status in ('failed', 'canceled') then 'failed'
    else 'pending'
  end;
begin
  return row (
    row (
      payment_of_refund.environment,
      object ->> 'id', -- object_id
      'refund', -- object_type
      null, -- payment_id
      payments_private.snapshot_version(snapshot_at, event_type, v_status in ('failed', 'canceled')), -- version
      v_state, -- state
      v_status, -- status
      (object ->> 'amount')::bigint, -- amount
      null, -- amount_refunded
      null, -- amount_released
      lower(object ->> 'currency'), -- currency
      null, -- customer_id
      null, -- customer_email
      coalesce(object ->> 'description', object ->> 'reason'), -- description
      null, -- subscription_id
      null, -- product_id
      null, -- price_id
      null, -- subject_type
      null, -- subject_id
      null, -- subject_version
      payments_private.instant_of(object -> 'created'), -- provider_created_at
      case when event_type is not null and v_status = 'succeeded' then snapshot_at end, -- succeeded_at
      case when event_type is not null and v_state = 'failed' then snapshot_at end, -- failed_at
      null, -- completed_at
      null, -- refunded_at
      null, -- failure_seen_at
      null, -- canceled_at
      null, -- canceled_charge_id
      null, -- failed_charge_ids
      null -- version_at
    )::payments_private.payment_objects,
    array['charge', 'payment_intent'],
    array[payments_private.id_of(object -> 'charge'), payments_private.id_of(object -> 'payment_intent')]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_refund(text, jsonb, text, timestamptz)
  from public, anon, authenticated;
--! EndIncluded payment/private/payment_of_refund.sql
--! Included payment/private/refunds_of_charge.sql
/*
 * What the refunds inside a charge say of its payment, as payment_of_refund reads them; null if the charge lists none.
 * Until 2022-11-15 a charge listed its latest refunds, and these refunds had no events of their own.
 * Snapshots from a charge have rank 0, because within one second an event of the refund itself carries more.
 */
create or replace function payments_private.refunds_of_charge(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz
)
  returns payments_private.payment_snapshot[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_refund jsonb;
  v_snapshot payments_private.payment_snapshot;
  v_object payments_private.payment_objects;
  v_snapshots payments_private.payment_snapshot[];
begin
  if jsonb_typeof(object -> 'refunds' -> 'data') is distinct from 'array' then
    return null;
  end if;
  for v_refund in select r.refund from jsonb_array_elements(object -> 'refunds' -> 'data') as r (refund) loop
    continue when v_refund ->> 'object' is distinct from 'refund' or v_refund ->> 'id' is null;
    v_snapshot := payments_private.payment_of_refund(
      environment, jsonb_build_object('charge', object -> 'id') || v_refund, null, snapshot_at
    );
    if event_type is not null then
      v_object := v_snapshot.object;
      v_object.version := payments_private.snapshot_version(snapshot_at, event_type, v_object.state = 'failed', 0);
      v_snapshot.object := v_object;
    end if;
    v_snapshots := v_snapshots || v_snapshot;
  end loop;
  return v_snapshots;
end;
$$;

revoke all on function payments_private.refunds_of_charge(text, jsonb, text, timestamptz)
  from public, anon, authenticated;
--! EndIncluded payment/private/refunds_of_charge.sql
--! Included payment/private/payment_of_dispute.sql
/*
 * What a dispute says of its payment, as a payment snapshot. The payment's transaction shows it.
 */
create or replace function payments_private.payment_of_dispute(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz
)
  returns payments_private.payment_snapshot
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
begin
  return row (
    row (
      payment_of_dispute.environment,
      object ->> 'id', -- object_id
      'dispute', -- object_type
      null, -- payment_id
      -- version
      payments_private.snapshot_version(
        snapshot_at, event_type, coalesce(object ->> 'status' in ('won', 'lost', 'warning_closed', 'prevented'), false)
      ),
      null, -- state
      object ->> 'status', -- status
      (object ->> 'amount')::bigint, -- amount
      null, -- amount_refunded
      null, -- amount_released
      lower(object ->> 'currency'), -- currency
      null, -- customer_id
      null, -- customer_email
      null, -- description
      null, -- subscription_id
      null, -- product_id
      null, -- price_id
      null, -- subject_type
      null, -- subject_id
      null, -- subject_version
      payments_private.instant_of(object -> 'created'), -- provider_created_at
      null, -- succeeded_at
      null, -- failed_at
      null, -- completed_at
      null, -- refunded_at
      null, -- failure_seen_at
      null, -- canceled_at
      null, -- canceled_charge_id
      null, -- failed_charge_ids
      null -- version_at
    )::payments_private.payment_objects,
    array['charge', 'payment_intent'],
    array[payments_private.id_of(object -> 'charge'), payments_private.id_of(object -> 'payment_intent')]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_dispute(text, jsonb, text, timestamptz)
  from public, anon, authenticated;
--! EndIncluded payment/private/payment_of_dispute.sql

-- projections
--! Included projection/private/product_row.sql
/*
 * Returns the row of payments.stripe_products that a Stripe product stands for, without the columns that depend on the
 * snapshot.
 *
 * Contract: project_stripe_products writes this row. The handlers show it in the answer to a change, if the table
 * already has a newer version.
 */
create or replace function payments_private.product_row(
  object jsonb,
  out product_id text,
  out name text,
  out description text,
  out active boolean,
  out default_price_id text,
  out metadata jsonb
)
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  product_row.product_id := product_row.object ->> 'id';
  product_row.name := coalesce(product_row.object ->> 'name', '');
  product_row.description := product_row.object ->> 'description';
  product_row.active := coalesce((product_row.object ->> 'active')::boolean, false);
  product_row.default_price_id := payments_private.id_of(product_row.object -> 'default_price');
  product_row.metadata := coalesce(nullif(product_row.object -> 'metadata', 'null'), '{}');
end;
$$;

revoke all on function payments_private.product_row(jsonb) from public, anon, authenticated;
grant execute on function payments_private.product_row(jsonb) to payments_service;
--! EndIncluded projection/private/product_row.sql
--! Included projection/private/project_stripe_products.sql
/*
 * Projects products into payments.stripe_products. Returns outcomes. Contract: see project_snapshots.
 *
 * For a deleted object the API returns only a stub, {id, object, deleted}; see project_stripe_customers.
 */
create or replace function payments_private.project_stripe_products(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean,
  outcomes text[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids text[];
  v_versions bigint[];
  v_positions integer[];
  v_applied text[];
  v_current_version bigint;
  v_gone constant bigint := 1::bigint << 50; -- bit 50 of snapshot_version
  v_details constant bigint := v_gone - 1;
  -- by how much a newer version is greater
  v_margin constant integer := case when project_stripe_products.tie_is_decided then 0 else 1 end;
begin
  with snapshot as (
    select
      s.position,
      s.object,
      s.object ->> 'id' as id,
      s.is_deleted,
      payments_private.snapshot_version(
        case when s.object ? 'name' then s.snapshot_at else to_timestamp(0) end,
        s.event_type,
        s.is_deleted
      ) as version
    from (
      select
        u.*,
        coalesce(u.event_type = 'product.deleted', false) or coalesce((u.object ->> 'deleted')::boolean, false) as is_deleted
      from unnest(project_stripe_products.snapshots) with ordinality as u (object, event_type, snapshot_at, position)
      where u.object ->> 'object' = 'product'
    ) as s
  ),
  applied as (
    insert into payments.stripe_products as t (
      environment, product_id, name, description, active, default_price_id, metadata, raw, deleted, version
    )
    select
      project_stripe_products.environment, r.product_id, r.name, r.description, r.active and not s.is_deleted,
      r.default_price_id, r.metadata, s.object, s.is_deleted, s.version
    from snapshot as s
    cross join lateral payments_private.product_row(s.object) as r
    on conflict on constraint stripe_products_product_id_key do update
    set (name, description, active, default_price_id, metadata, raw, deleted, version) = (
          select
            case when n.is_newer then excluded.name else t.name end,
            case when n.is_newer then excluded.description else t.description end,
            case when n.is_newer then excluded.active else t.active end and not n.is_gone,
            case when n.is_newer then excluded.default_price_id else t.default_price_id end,
            case when n.is_newer then excluded.metadata else t.metadata end,
            case when n.is_newer then excluded.raw else t.raw end,
            n.is_gone,
            case when n.is_newer then excluded.version else t.version end | ((excluded.version | t.version) & v_gone)
          from (
            select
              s.is_newer,
              -- a row that only a sync missed comes back with a newer snapshot; see mark_gone
              ((excluded.version | t.version) & v_gone) <> 0 or (t.deleted and not s.is_newer) as is_gone
            from (
              select excluded.raw ? 'name' and (excluded.version & v_details) >= (t.version & v_details) + v_margin as is_newer
            ) as s
          ) as n
        ),
        synced_at = now()
    where (excluded.raw ? 'name' and (excluded.version & v_details) >= (t.version & v_details) + v_margin)
      or ((excluded.version & v_gone) <> 0 and ((t.version & v_gone) = 0 or v_margin = 0))
    returning t.product_id as id
  )
  select array_agg(s.position), array_agg(s.id), array_agg(s.version), array_agg(a.id)
  into v_positions, v_ids, v_versions, v_applied
  from snapshot as s
  left join applied as a on a.id = s.id;

  for i in 1 .. cardinality(v_positions) loop
    if v_applied[i] is not null then
      outcomes[v_positions[i]] := 'applied';
    else
      select t.version into v_current_version
      from payments.stripe_products as t
      where t.environment = project_stripe_products.environment and t.product_id = v_ids[i];
      outcomes[v_positions[i]] := case
        when v_current_version & v_details = v_versions[i] & v_details then 'tie'
        else 'stale'
      end;
    end if;
  end loop;
  return outcomes;
end;
$$;

revoke all on function payments_private.project_stripe_products(text, payments_private.snapshot[], boolean, text[])
  from public, anon, authenticated;
--! EndIncluded projection/private/project_stripe_products.sql
--! Included projection/private/price_row.sql
/*
 * Returns the row of payments.stripe_prices that a Stripe price stands for, without the columns that depend on the
 * snapshot.
 *
 * Contract: project_stripe_prices writes this row. The handlers show it in the answer to a change, if the table already
 * has a newer version.
 */
create or replace function payments_private.price_row(
  object jsonb,
  out price_id text,
  out product_id text,
  out active boolean,
  out currency text,
  out unit_amount bigint,
  out unit_amount_decimal text,
  out pay_what_you_want boolean,
  out custom_unit_amount_minimum bigint,
  out custom_unit_amount_maximum bigint,
  out custom_unit_amount_preset bigint,
  out type text,
  out lookup_key text,
  out billing_scheme text,
  out tax_behavior text,
  out recurring_interval text,
  out recurring_interval_count integer,
  out recurring_usage_type text,
  out metadata jsonb
)
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  price_row.price_id := price_row.object ->> 'id';
  price_row.product_id := payments_private.id_of(price_row.object -> 'product');
  price_row.active := coalesce((price_row.object ->> 'active')::boolean, false);
  price_row.currency := coalesce(lower(price_row.object ->> 'currency'), '');
  price_row.unit_amount := (price_row.object ->> 'unit_amount')::bigint;
  price_row.unit_amount_decimal := price_row.object ->> 'unit_amount_decimal';
  price_row.pay_what_you_want := jsonb_typeof(price_row.object -> 'custom_unit_amount') is not distinct from 'object';
  if price_row.pay_what_you_want then
    price_row.custom_unit_amount_minimum := (price_row.object #>> '{custom_unit_amount,minimum}')::bigint;
    price_row.custom_unit_amount_maximum := (price_row.object #>> '{custom_unit_amount,maximum}')::bigint;
    price_row.custom_unit_amount_preset := (price_row.object #>> '{custom_unit_amount,preset}')::bigint;
  end if;
  price_row.type := coalesce(price_row.object ->> 'type', 'one_time');
  price_row.lookup_key := price_row.object ->> 'lookup_key';
  price_row.billing_scheme := price_row.object ->> 'billing_scheme';
  price_row.tax_behavior := price_row.object ->> 'tax_behavior';
  price_row.recurring_interval := price_row.object -> 'recurring' ->> 'interval';
  price_row.recurring_interval_count := (price_row.object -> 'recurring' ->> 'interval_count')::integer;
  price_row.recurring_usage_type := price_row.object -> 'recurring' ->> 'usage_type';
  price_row.metadata := coalesce(nullif(price_row.object -> 'metadata', 'null'), '{}');
end;
$$;

revoke all on function payments_private.price_row(jsonb) from public, anon, authenticated;
grant execute on function payments_private.price_row(jsonb) to payments_service;
--! EndIncluded projection/private/price_row.sql
--! Included projection/private/project_stripe_prices.sql
/*
 * Projects prices into payments.stripe_prices. Returns outcomes. Contract: see project_snapshots.
 *
 * For a deleted object the API returns only a stub, {id, object, deleted}; see project_stripe_customers.
 */
create or replace function payments_private.project_stripe_prices(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean,
  outcomes text[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids text[];
  v_versions bigint[];
  v_positions integer[];
  v_applied text[];
  v_current_version bigint;
  v_gone constant bigint := 1::bigint << 50; -- bit 50 of snapshot_version
  v_details constant bigint := v_gone - 1;
  -- by how much a newer version is greater
  v_margin constant integer := case when project_stripe_prices.tie_is_decided then 0 else 1 end;
begin
  with snapshot as (
    select
      s.position,
      s.object,
      s.object ->> 'id' as id,
      s.is_deleted,
      payments_private.snapshot_version(
        case when s.object ? 'currency' then s.snapshot_at else to_timestamp(0) end,
        s.event_type,
        s.is_deleted
      ) as version
    from (
      select
        u.*,
        coalesce(u.event_type = 'price.deleted', false) or coalesce((u.object ->> 'deleted')::boolean, false) as is_deleted
      from unnest(project_stripe_prices.snapshots) with ordinality as u (object, event_type, snapshot_at, position)
      where u.object ->> 'object' = 'price'
    ) as s
  ),
  applied as (
    insert into payments.stripe_prices as t (
      environment, price_id, product_id, active, currency, unit_amount, unit_amount_decimal, pay_what_you_want,
      custom_unit_amount_minimum, custom_unit_amount_maximum, custom_unit_amount_preset, type, lookup_key, billing_scheme,
      tax_behavior, recurring_interval, recurring_interval_count, recurring_usage_type, metadata,
      raw, deleted, version
    )
    select
      project_stripe_prices.environment, r.price_id, r.product_id, r.active and not s.is_deleted, r.currency, r.unit_amount,
      r.unit_amount_decimal, r.pay_what_you_want, r.custom_unit_amount_minimum, r.custom_unit_amount_maximum,
      r.custom_unit_amount_preset, r.type, r.lookup_key, r.billing_scheme, r.tax_behavior, r.recurring_interval,
      r.recurring_interval_count, r.recurring_usage_type, r.metadata, s.object, s.is_deleted, s.version
    from snapshot as s
    cross join lateral payments_private.price_row(s.object) as r
    on conflict on constraint stripe_prices_price_id_key do update
    set (product_id, active, currency, unit_amount, unit_amount_decimal, pay_what_you_want, custom_unit_amount_minimum,
         custom_unit_amount_maximum, custom_unit_amount_preset, type, lookup_key, billing_scheme, tax_behavior,
         recurring_interval, recurring_interval_count, recurring_usage_type, metadata, raw, deleted, version) = (
          select
            case when n.is_newer then excluded.product_id else t.product_id end,
            case when n.is_newer then excluded.active else t.active end and not n.is_gone,
            case when n.is_newer then excluded.currency else t.currency end,
            case when n.is_newer then excluded.unit_amount else t.unit_amount end,
            case when n.is_newer then excluded.unit_amount_decimal else t.unit_amount_decimal end,
            case when n.is_newer then excluded.pay_what_you_want else t.pay_what_you_want end,
            case when n.is_newer then excluded.custom_unit_amount_minimum else t.custom_unit_amount_minimum end,
            case when n.is_newer then excluded.custom_unit_amount_maximum else t.custom_unit_amount_maximum end,
            case when n.is_newer then excluded.custom_unit_amount_preset else t.custom_unit_amount_preset end,
            case when n.is_newer then excluded.type else t.type end,
            case when n.is_newer then excluded.lookup_key else t.lookup_key end,
            case when n.is_newer then excluded.billing_scheme else t.billing_scheme end,
            case when n.is_newer then excluded.tax_behavior else t.tax_behavior end,
            case when n.is_newer then excluded.recurring_interval else t.recurring_interval end,
            case when n.is_newer then excluded.recurring_interval_count else t.recurring_interval_count end,
            case when n.is_newer then excluded.recurring_usage_type else t.recurring_usage_type end,
            case when n.is_newer then excluded.metadata else t.metadata end,
            case when n.is_newer then excluded.raw else t.raw end,
            n.is_gone,
            case when n.is_newer then excluded.version else t.version end | ((excluded.version | t.version) & v_gone)
          from (
            select
              s.is_newer,
              -- a row that only a sync missed comes back with a newer snapshot; see mark_gone
              ((excluded.version | t.version) & v_gone) <> 0 or (t.deleted and not s.is_newer) as is_gone
            from (
              select excluded.raw ? 'currency' and (excluded.version & v_details) >= (t.version & v_details) + v_margin as is_newer
            ) as s
          ) as n
        ),
        synced_at = now()
    where (excluded.raw ? 'currency' and (excluded.version & v_details) >= (t.version & v_details) + v_margin)
      or ((excluded.version & v_gone) <> 0 and ((t.version & v_gone) = 0 or v_margin = 0))
    returning t.price_id as id
  )
  select array_agg(s.position), array_agg(s.id), array_agg(s.version), array_agg(a.id)
  into v_positions, v_ids, v_versions, v_applied
  from snapshot as s
  left join applied as a on a.id = s.id;

  for i in 1 .. cardinality(v_positions) loop
    if v_applied[i] is not null then
      outcomes[v_positions[i]] := 'applied';
    else
      select t.version into v_current_version
      from payments.stripe_prices as t
      where t.environment = project_stripe_prices.environment and t.price_id = v_ids[i];
      outcomes[v_positions[i]] := case
        when v_current_version & v_details = v_versions[i] & v_details then 'tie'
        else 'stale'
      end;
    end if;
  end loop;
  return outcomes;
end;
$$;

revoke all on function payments_private.project_stripe_prices(text, payments_private.snapshot[], boolean, text[])
  from public, anon, authenticated;
--! EndIncluded projection/private/project_stripe_prices.sql
--! Included projection/private/project_stripe_customers.sql
/*
 * Projects customers into payments.customers. Returns outcomes. Contract: see project_snapshots.
 *
 * A deleted customer keeps its last known name and address, and is no longer the customer that new sessions of its
 * subject use. For a deleted object the API returns only {id, object, deleted}: a stub. It says that the customer is
 * gone and nothing else, so it changes no other column. The row is the same in every order. Its version is that of the
 * newest whole object, with bit 50 of snapshot_version once the customer is gone. Whole objects are compared without
 * that bit.
 */
create or replace function payments_private.project_stripe_customers(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean,
  outcomes text[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids text[];
  v_versions bigint[];
  v_positions integer[];
  v_applied text[];
  v_deleted text[];
  v_current_version bigint;
  v_gone constant bigint := 1::bigint << 50; -- bit 50 of snapshot_version
  v_details constant bigint := v_gone - 1;
  -- by how much a newer version is greater
  v_margin constant integer := case when project_stripe_customers.tie_is_decided then 0 else 1 end;
begin
  with snapshot as (
    select
      s.position,
      s.object,
      s.object ->> 'id' as id,
      s.is_deleted,
      payments_private.snapshot_version(
        case when s.object ? 'created' then s.snapshot_at else to_timestamp(0) end,
        s.event_type,
        s.is_deleted
      ) as version
    from (
      select
        u.*,
        coalesce(u.event_type = 'customer.deleted', false) or coalesce((u.object ->> 'deleted')::boolean, false) as is_deleted
      from unnest(project_stripe_customers.snapshots) with ordinality as u (object, event_type, snapshot_at, position)
      where u.object ->> 'object' = 'customer'
    ) as s
  ),
  applied as (
    insert into payments.customers as t (
      environment, provider_customer_id, email, name, phone, deleted, metadata, raw, provider_created_at, version
    )
    select
      project_stripe_customers.environment,
      s.id,
      s.object ->> 'email',
      s.object ->> 'name',
      s.object ->> 'phone',
      s.is_deleted,
      coalesce(nullif(s.object -> 'metadata', 'null'), '{}'),
      s.object,
      payments_private.instant_of(s.object -> 'created'),
      s.version
    from snapshot as s
    on conflict on constraint customers_provider_customer_id_key do update
    set (email, name, phone, metadata, raw, deleted, version) = (
          select
            case when n.is_newer then excluded.email else t.email end,
            case when n.is_newer then excluded.name else t.name end,
            case when n.is_newer then excluded.phone else t.phone end,
            case when n.is_newer then excluded.metadata else t.metadata end,
            case when n.is_newer then excluded.raw else t.raw end,
            n.is_gone,
            case when n.is_newer then excluded.version else t.version end | ((excluded.version | t.version) & v_gone)
          from (
            select
              s.is_newer,
              -- a row that only a sync missed comes back with a newer snapshot; see mark_gone
              ((excluded.version | t.version) & v_gone) <> 0 or (t.deleted and not s.is_newer) as is_gone
            from (
              select excluded.raw ? 'created' and (excluded.version & v_details) >= (t.version & v_details) + v_margin as is_newer
            ) as s
          ) as n
        ),
        provider_created_at = coalesce(excluded.provider_created_at, t.provider_created_at),
        synced_at = now()
    where (excluded.raw ? 'created' and (excluded.version & v_details) >= (t.version & v_details) + v_margin)
      or ((excluded.version & v_gone) <> 0 and ((t.version & v_gone) = 0 or v_margin = 0))
    returning t.provider_customer_id as id
  )
  select
    array_agg(s.position),
    array_agg(s.id),
    array_agg(s.version),
    array_agg(a.id),
    array_agg(s.id) filter (where s.is_deleted and a.id is not null)
  into v_positions, v_ids, v_versions, v_applied, v_deleted
  from snapshot as s
  left join applied as a on a.id = s.id;

  for i in 1 .. cardinality(v_positions) loop
    if v_applied[i] is not null then
      outcomes[v_positions[i]] := 'applied';
    else
      select c.version into v_current_version
      from payments.customers as c
      where c.provider = 'stripe'
        and c.environment = project_stripe_customers.environment
        and c.provider_customer_id = v_ids[i];
      outcomes[v_positions[i]] := case
        when v_current_version & v_details = v_versions[i] & v_details then 'tie'
        else 'stale'
      end;
    end if;
  end loop;
  if v_deleted is not null then
    perform payments_private.refresh_customer_mappings(project_stripe_customers.environment, v_deleted);
  end if;
  return outcomes;
end;
$$;

revoke all on function payments_private.project_stripe_customers(text, payments_private.snapshot[], boolean, text[])
  from public, anon, authenticated;
--! EndIncluded projection/private/project_stripe_customers.sql
--! Included projection/private/project_subscription_items.sql
/*
 * Writes the items of the subscriptions at the given positions to payments.stripe_subscription_items. Deletes items
 * that a subscription no longer has, unless the snapshot shows only the first items.
 *
 * Since 2025-03-31.basil each item has a period of its own; before, it has that of its subscription.
 *
 * An item's id is derived from Stripe's id, so that a rebuild that deletes the item and inserts it again keeps its id.
 */
create or replace function payments_private.project_subscription_items(
  environment text,
  snapshots payments_private.snapshot[],
  positions integer[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  with item as (
    select
      i.item,
      i.item ->> 'id' as id,
      s.object ->> 'id' as subscription_id,
      payments_private.instant_of(coalesce(
        nullif(i.item -> 'current_period_start', 'null'), s.object -> 'current_period_start'
      )) as period_start,
      payments_private.instant_of(coalesce(
        nullif(i.item -> 'current_period_end', 'null'), s.object -> 'current_period_end'
      )) as period_end
    from unnest(project_subscription_items.snapshots) with ordinality as s (object, event_type, snapshot_at, position)
    cross join lateral jsonb_array_elements(s.object -> 'items' -> 'data') as i (item)
    where s.position = any (project_subscription_items.positions)
  ),
  gone as (
    delete from payments.stripe_subscription_items as t
    where t.subscription_id = any (
        array(
          select s.object ->> 'id'
          from unnest(project_subscription_items.snapshots) with ordinality as s (object, event_type, snapshot_at, position)
          where s.position = any (project_subscription_items.positions)
            and s.object -> 'items' ->> 'has_more' is distinct from 'true'
        )
      )
      and t.environment = project_subscription_items.environment
      and not exists (select from item as i where i.id = t.subscription_item_id)
  )
  insert into payments.stripe_subscription_items as t (
    id, environment, subscription_item_id, subscription_id, product_id, price_id, quantity, metadata,
    current_period_start, current_period_end
  )
  select
    payments_private.uuid_of_object(project_subscription_items.environment, i.id),
    project_subscription_items.environment,
    i.id,
    i.subscription_id,
    payments_private.id_of(coalesce(i.item -> 'price' -> 'product', i.item -> 'plan' -> 'product')),
    payments_private.id_of(coalesce(i.item -> 'price', i.item -> 'plan')),
    (i.item ->> 'quantity')::bigint,
    coalesce(nullif(i.item -> 'metadata', 'null'), '{}'),
    i.period_start,
    i.period_end
  from item as i
  on conflict on constraint stripe_subscription_items_subscription_item_id_key do update
  set subscription_id = excluded.subscription_id,
      product_id = excluded.product_id,
      price_id = excluded.price_id,
      quantity = excluded.quantity,
      metadata = excluded.metadata,
      current_period_start = excluded.current_period_start,
      current_period_end = excluded.current_period_end
  where (
      t.subscription_id, t.product_id, t.price_id, t.quantity, t.metadata, t.current_period_start, t.current_period_end
    ) is distinct from (
      excluded.subscription_id, excluded.product_id, excluded.price_id, excluded.quantity, excluded.metadata,
      excluded.current_period_start, excluded.current_period_end
    );
end;
$$;

revoke all on function payments_private.project_subscription_items(text, payments_private.snapshot[], integer[])
  from public, anon, authenticated;
--! EndIncluded projection/private/project_subscription_items.sql
--! Included ownership/private/assigned_subject.sql
/*
 * Returns the billing subject that was assigned to a subscription, or to its customer after the object was made at
 * Stripe; nulls if none was. An assignment of the subscription counts before one of the customer. made_at is null if it
 * is not known: then the assignment counts.
 */
create or replace function payments_private.assigned_subject(
  environment text,
  subscription_id text,
  customer_id text,
  made_at timestamptz
)
  returns payments.billing_subject
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select row (a.subject_type, a.subject_id)::payments.billing_subject
    from payments_private.subject_assignments as a
    where a.environment = assigned_subject.environment
      and a.object_id in (assigned_subject.subscription_id, assigned_subject.customer_id)
      and (a.object_type = 'subscription' or coalesce(assigned_subject.made_at < a.assigned_at, true))
    order by a.object_type desc
    limit 1
  );
end;
$$;

revoke all on function payments_private.assigned_subject(text, text, text, timestamptz) from public, anon, authenticated;
--! EndIncluded ownership/private/assigned_subject.sql
--! Included projection/private/write_subscriptions.sql
/*
 * Writes snapshots of subscriptions to payments.stripe_subscriptions, unless the rows are newer. Returns each snapshot
 * beside its row, in any order. The columns row_… and is_new are null if the row is newer, or of the same version.
 *
 * Long because it is one statement with every column.
 *
 * Reads the shapes before and after 2025-03-31.basil, which moved the period from the subscription to its items. The
 * subject is the one that was assigned here (its subject_version is 0), else that of the metadata, else the customer's.
 * A new row is inserted with it. project_stripe_subscriptions changes that of an old row.
 */
create or replace function payments_private.write_subscriptions(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean
)
  returns payments_private.written_subscription[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_written payments_private.written_subscription[];
begin
  with snapshot as (
    select
      s.*,
      case when assigned.subject_type is not null then 0 when (s.named).type is not null then s.version end as subject_version,
      coalesce(assigned.subject_type, (s.named).type, owner.subject_type) as subject_type,
      case
        when assigned.subject_type is not null then assigned.subject_id
        when (s.named).type is not null then (s.named).id
        else owner.subject_id
      end as subject_id
    from (
      select
        u.position,
        u.object,
        u.object ->> 'id' as id,
        payments_private.id_of(u.object -> 'customer') as customer_id,
        payments_private.snapshot_version(
          u.snapshot_at, u.event_type, u.object ->> 'status' in ('canceled', 'incomplete_expired')
        ) as version,
        payments_private.instant_of(u.object -> 'created') as provider_created_at,
        payments_private.subject_of(u.object -> 'metadata') as named
      from unnest(write_subscriptions.snapshots) with ordinality as u (object, event_type, snapshot_at, position)
      where u.object ->> 'object' = 'subscription'
      offset 0 -- each of these is computed once
    ) as s
    left join lateral ( -- as assigned_subject, which would start a statement for each
      select a.subject_type, a.subject_id
      from payments_private.subject_assignments as a
      where a.environment = write_subscriptions.environment
        and a.object_id in (s.id, s.customer_id)
        and (a.object_type = 'subscription' or coalesce(s.provider_created_at < a.assigned_at, true))
      order by a.object_type desc
      limit 1
    ) as assigned on true
    left join lateral (
      select c.subject_type, c.subject_id
      from payments_private.customer_owners as c
      where (s.named).type is null
        and c.customer_id = s.customer_id
        and c.environment = write_subscriptions.environment
      order by c.named_at, c.named_by, c.subject_type, c.subject_id
      limit 1
    ) as owner on true
  ),
  applied as (
    insert into payments.stripe_subscriptions as t (
      environment, subscription_id, customer_id, subject_type, subject_id, subject_version, status,
      current_period_start, current_period_end, cancel_at_period_end, cancel_at, canceled_at, trial_start, trial_end,
      latest_invoice_id, pause_collection_behavior, pause_collection_resumes_at, schedule_id, next_phase_at,
      next_phase_items, pending_update, pending_update_expires_at, metadata, raw, version
    )
    select
      write_subscriptions.environment,
      s.id,
      s.customer_id,
      s.subject_type,
      s.subject_id,
      s.subject_version,
      s.object ->> 'status',
      coalesce(payments_private.instant_of(s.object -> 'current_period_start'), items.period_start),
      case
        when jsonb_typeof(s.object -> 'current_period_start') = 'number'
        then payments_private.instant_of(s.object -> 'current_period_end')
        else items.period_end
      end,
      coalesce((s.object ->> 'cancel_at_period_end')::boolean, false),
      payments_private.instant_of(s.object -> 'cancel_at'),
      payments_private.instant_of(s.object -> 'canceled_at'),
      payments_private.instant_of(s.object -> 'trial_start'),
      payments_private.instant_of(s.object -> 'trial_end'),
      payments_private.id_of(s.object -> 'latest_invoice'),
      case
        when jsonb_typeof(s.object -> 'pause_collection') = 'object'
        then coalesce(s.object -> 'pause_collection' ->> 'behavior', 'unknown') -- paused, whatever Stripe calls it
      end,
      payments_private.instant_of(s.object -> 'pause_collection' -> 'resumes_at'),
      payments_private.id_of(s.object -> 'schedule'),
      phase.next_phase_at,
      phase.next_phase_items,
      nullif(s.object -> 'pending_update', 'null'),
      payments_private.instant_of(s.object -> 'pending_update' -> 'expires_at'),
      coalesce(nullif(s.object -> 'metadata', 'null'), '{}'),
      s.object,
      s.version
    from snapshot as s
    cross join lateral (
      select
        to_timestamp(min((i.item ->> 'current_period_start')::double precision)) as period_start,
        to_timestamp(max((i.item ->> 'current_period_end')::double precision)) as period_end
      from jsonb_array_elements(s.object -> 'items' -> 'data') as i (item)
    ) as items
    left join payments_private.subscription_schedules as phase
      on phase.schedule_id = payments_private.id_of(s.object -> 'schedule') and phase.environment = write_subscriptions.environment
    on conflict on constraint stripe_subscriptions_subscription_id_key do update
    set customer_id = excluded.customer_id,
        status = excluded.status,
        current_period_start = excluded.current_period_start,
        current_period_end = excluded.current_period_end,
        cancel_at_period_end = excluded.cancel_at_period_end,
        cancel_at = excluded.cancel_at,
        canceled_at = excluded.canceled_at,
        trial_start = excluded.trial_start,
        trial_end = excluded.trial_end,
        latest_invoice_id = excluded.latest_invoice_id,
        pause_collection_behavior = excluded.pause_collection_behavior,
        pause_collection_resumes_at = excluded.pause_collection_resumes_at,
        schedule_id = excluded.schedule_id,
        next_phase_at = excluded.next_phase_at,
        next_phase_items = excluded.next_phase_items,
        pending_update = excluded.pending_update,
        pending_update_expires_at = excluded.pending_update_expires_at,
        metadata = excluded.metadata,
        raw = excluded.raw,
        version = excluded.version,
        synced_at = now()
    where excluded.version > t.version or (excluded.version = t.version and write_subscriptions.tie_is_decided)
    returning
      t.subscription_id as id, t.version, t.subject_type, t.subject_id, t.subject_version, t.xmax = 0 as is_new
  )
  select array_agg(
    row (
      s.position, s.id, s.customer_id, s.provider_created_at, s.version, s.subject_type,
      s.subject_id, s.subject_version, a.id is not null, a.is_new, a.version, a.subject_type, a.subject_id, a.subject_version
    )::payments_private.written_subscription
  )
  into v_written
  from snapshot as s
  left join applied as a on a.id = s.id;
  return v_written;
end;
$$;

revoke all on function payments_private.write_subscriptions(text, payments_private.snapshot[], boolean)
  from public, anon, authenticated;
--! EndIncluded projection/private/write_subscriptions.sql
--! Included projection/private/project_stripe_subscriptions.sql
/*
 * Projects subscriptions into payments.stripe_subscriptions and payments.stripe_subscription_items. Returns outcomes,
 * and as well the owners that the snapshots name for customers, and the ids of subscriptions whose subject is new:
 * new_ids are those whose row is new, owned_ids the others.
 * Contract: see project_snapshots.
 *
 * Once the metadata of some snapshot has named the subject of a subscription, the earliest such snapshot decides. Until
 * then the subject is the customer's. An older snapshot than the row may still be the first to name the subject.
 */
create or replace function payments_private.project_stripe_subscriptions(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean,
  inout outcomes text[],
  out owners payments_private.customer_owners[],
  out owned_ids text[],
  out new_ids text[]
)
  returns record
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row payments_private.written_subscription;
  v_named payments.billing_subject;
  v_applied integer[] := '{}'; -- positions
  v_customer_ids text[] := '{}'; -- of the subscriptions at these
begin
  foreach v_row in array payments_private.write_subscriptions(environment, snapshots, tie_is_decided) loop
    -- compare with the row
    if v_row.is_applied then
      outcomes[v_row.position] := 'applied';
      v_applied := v_applied || v_row.position;
      v_customer_ids := v_customer_ids || v_row.customer_id;
    else
      select t.version, t.subject_type, t.subject_id, t.subject_version
      into v_row.row_version, v_row.row_subject_type, v_row.row_subject_id, v_row.row_subject_version
      from payments.stripe_subscriptions as t
      where t.subscription_id = v_row.subscription_id and t.environment = project_stripe_subscriptions.environment;
      outcomes[v_row.position] := case when v_row.row_version = v_row.version then 'tie' else 'stale' end;
      v_row.is_new := false;
    end if;

    -- name the customer's owner
    if v_row.subject_version = 0 then -- the subject was assigned here, and the metadata may name another one
      v_named := payments_private.subject_of(snapshots[v_row.position].object -> 'metadata');
      if v_named.type is not null then
        owners := owners || row (
          project_stripe_subscriptions.environment, v_row.customer_id, v_named.type, v_named.id,
          coalesce(v_row.provider_created_at, 'infinity'),
          v_row.subscription_id || ' ' || lpad(v_row.version::text, 19, '0')
        )::payments_private.customer_owners;
      end if;
    elsif v_row.subject_version is not null
      and (
        v_row.is_new
        or v_row.row_subject_version is null
        or v_row.subject_version < v_row.row_subject_version
        or (v_row.row_subject_type, v_row.row_subject_id) <> (v_row.subject_type, v_row.subject_id)
      )
    then
      owners := owners || row (
        project_stripe_subscriptions.environment, v_row.customer_id, v_row.subject_type, v_row.subject_id,
        coalesce(v_row.provider_created_at, 'infinity'),
        v_row.subscription_id || ' ' || lpad(v_row.version::text, 19, '0')
      )::payments_private.customer_owners;
    end if;

    -- assign the subject
    if v_row.subject_type is null then
      continue;
    elsif v_row.is_new then
      new_ids := new_ids || v_row.subscription_id; -- inserted with its subject
    elsif v_row.row_subject_type is null
      or (v_row.row_subject_version is null and v_row.subject_version is not null)
      or (v_row.subject_version, v_row.subject_type, v_row.subject_id) -- two of one second: the same one in every order
        < (v_row.row_subject_version, v_row.row_subject_type, v_row.row_subject_id)
    then
      update payments.stripe_subscriptions as t
      set subject_type = v_row.subject_type,
          subject_id = v_row.subject_id,
          subject_version = v_row.subject_version
      where t.subscription_id = v_row.subscription_id and t.environment = project_stripe_subscriptions.environment;
      owned_ids := owned_ids || v_row.subscription_id;
    end if;
  end loop;

  if cardinality(v_applied) > 0 then
    -- write the items
    perform payments_private.project_subscription_items(project_stripe_subscriptions.environment, snapshots, v_applied);

    -- choose among the customers of a subject again: only one that has several has a choice
    select array_agg(distinct o.customer_id)
    into v_customer_ids
    from payments_private.customer_owners as o
    where o.customer_id = any (v_customer_ids)
      and o.environment = project_stripe_subscriptions.environment
      and exists (
        select
        from payments_private.customer_owners as other
        where other.subject_id = o.subject_id
          and other.subject_type = o.subject_type
          and other.environment = o.environment
          and other.customer_id <> o.customer_id
      );
    if v_customer_ids is not null then
      perform payments_private.refresh_customer_mappings(project_stripe_subscriptions.environment, v_customer_ids);
    end if;
  end if;
end;
$$;

revoke all on function payments_private.project_stripe_subscriptions(text, payments_private.snapshot[], boolean, text[])
  from public, anon, authenticated;
--! EndIncluded projection/private/project_stripe_subscriptions.sql
--! Included projection/private/session_snapshot.sql
/*
 * What a snapshot of a Checkout Session says: its status here, its version, its subject, and the row it belongs to.
 * Reads the snapshot alone; project_stripe_checkout_sessions compares the result with the row.
 *
 * If Stripe shows a session without a status, the type of the event decides whether it is completed or expired. In an
 * answer of the API such a session is completed once it is paid. client_reference_id names a row only if no Payment
 * Link made the session, because the buyer may choose it there.
 */
create or replace function payments_private.session_snapshot(object jsonb, event_type text, snapshot_at timestamptz)
  returns payments_private.session_snapshot
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session payments_private.session_snapshot;
  v_is_paid boolean := coalesce(object ->> 'payment_status' in ('paid', 'no_payment_required'), false);
begin
  v_session.session_id := object ->> 'id';
  v_session.mode := object ->> 'mode';
  v_session.status := case
    when object ->> 'status' = 'complete' then 'completed'
    when object ->> 'status' in ('open', 'expired') then object ->> 'status'
    when event_type = 'checkout.session.expired' then 'expired'
    when event_type is not null or v_is_paid then 'completed'
    else 'open'
  end;
  v_session.is_settled := v_session.status = 'completed' and v_is_paid;
  v_session.version := payments_private.snapshot_version(
    snapshot_at,
    event_type,
    v_session.is_settled or v_session.status = 'expired',
    case when event_type like '%.async_payment_%' then 4 end
  );
  v_session.customer_id := payments_private.id_of(object -> 'customer');
  v_session.metadata := coalesce(nullif(object -> 'metadata', 'null'), '{}');
  v_session.subject := payments_private.subject_of(object -> 'metadata');
  if (v_session.subject).type is not null then
    v_session.subject_version := v_session.version;
  end if;

  -- name the row
  if object ->> 'payment_link' is null
    and object ->> 'client_reference_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
  then
    v_session.reference := (object ->> 'client_reference_id')::uuid;
  end if;
  v_session.named_row_id := coalesce(
    object -> 'metadata' ->> 'payments_checkout_session_id', object -> 'metadata' ->> 'insforge_checkout_session_id'
  );
  v_session.attempt := object -> 'metadata' ->> 'payments_attempt';
  return v_session;
end;
$$;

revoke all on function payments_private.session_snapshot(jsonb, text, timestamptz) from public, anon, authenticated;
--! EndIncluded projection/private/session_snapshot.sql
--! Included projection/private/match_session_rows.sql
/*
 * Returns the rows of Checkout Sessions, each at the position of its session, and locks them. Null at the position of a
 * session that has no row.
 *
 * A row is found by the session's id, else by client_reference_id: this repairs a crash between Stripe and
 * complete_checkout_session. On a pricing table the buyer may choose client_reference_id. Therefore a session takes a
 * row by reference only if its metadata names the row too: a buyer cannot write metadata. checkout_session_params
 * sends the row's id as payments_checkout_session_id.
 */
create or replace function payments_private.match_session_rows(
  environment text,
  sessions payments_private.session_snapshot[]
)
  returns payments.stripe_checkout_sessions[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids text[]; -- by position
  v_references uuid[];
  v_row payments.stripe_checkout_sessions;
  v_rows payments.stripe_checkout_sessions[];
  v_session payments_private.session_snapshot;
  v_position integer;
begin
  for i in array_lower(sessions, 1) .. array_upper(sessions, 1) loop
    v_ids[i] := sessions[i].session_id;
    v_references[i] := sessions[i].reference;
  end loop;

  for v_row in
    select t.*
    from payments.stripe_checkout_sessions as t
    where t.environment = match_session_rows.environment
      and (t.checkout_session_id = any (v_ids) or t.id = any (v_references))
    for update
  loop
    v_position := coalesce(
      case when v_row.checkout_session_id is not null then array_position(v_ids, v_row.checkout_session_id) end,
      array_position(v_references, v_row.id)
    );
    v_session := sessions[v_position];
    continue when v_row.checkout_session_id is distinct from v_session.session_id
      and v_session.named_row_id is distinct from v_row.id::text;
    if v_rows[v_position].id is null or v_row.checkout_session_id = v_session.session_id then
      v_rows[v_position] := v_row;
    end if;
  end loop;
  return v_rows;
end;
$$;

revoke all on function payments_private.match_session_rows(text, payments_private.session_snapshot[])
  from public, anon, authenticated;
--! EndIncluded projection/private/match_session_rows.sql
--! Included projection/private/line_items_of.sql
/*
 * Returns the line items of a Checkout Session as payments.stripe_checkout_sessions has them: [{priceId, quantity}].
 * The result is null if the snapshot does not show them all. Events never do, and answers of the API only where they
 * are expanded.
 */
create or replace function payments_private.line_items_of(object jsonb)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(object -> 'line_items' -> 'data') is distinct from 'array'
    or coalesce((object -> 'line_items' ->> 'has_more')::boolean, false)
    or jsonb_array_length(object -> 'line_items' -> 'data') not between 1 and 100
  then
    return null;
  end if;
  return (
    select jsonb_agg(
      jsonb_strip_nulls(jsonb_build_object(
        'priceId', payments_private.id_of(i.item -> 'price'), 'quantity', i.item -> 'quantity'
      ))
      order by i.position
    )
    from jsonb_array_elements(object -> 'line_items' -> 'data') with ordinality as i (item, position)
  );
end;
$$;

revoke all on function payments_private.line_items_of(jsonb) from public, anon, authenticated;
--! EndIncluded projection/private/line_items_of.sql
--! Included projection/private/write_session_rows.sql
/*
 * Writes Checkout Sessions to payments.stripe_checkout_sessions. The last three arguments are positions in snapshots.
 * They are those of sessions that get a row, of those whose row shows the snapshot now, and of those whose row gets
 * another subject. Decides nothing: see project_stripe_checkout_sessions.
 *
 * A copy that a recovery link opened sells what the checkout sold that it names. Its row gets what Stripe does not show
 * from the row of that checkout: the items, the options, and who began it.
 */
create or replace function payments_private.write_session_rows(
  environment text,
  snapshots payments_private.snapshot[],
  sessions payments_private.session_snapshot[],
  rows payments.stripe_checkout_sessions[],
  new_positions integer[],
  changed_positions integer[],
  owned_positions integer[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(new_positions) > 0 then
    insert into payments.stripe_checkout_sessions (
      environment, mode, status, payment_status, subject_type, subject_id, subject_version, success_url, cancel_url, metadata,
      checkout_session_id, customer_id, payment_intent_id, subscription_id, url, client_secret, expires_at, raw, version,
      caller_id, line_items, options, forced_options
    )
    select
      write_session_rows.environment,
      c.mode,
      c.status,
      s.object ->> 'payment_status',
      (c.subject).type,
      (c.subject).id,
      c.subject_version,
      coalesce(s.object ->> 'success_url', s.object ->> 'return_url', ''),
      coalesce(s.object ->> 'cancel_url', ''),
      c.metadata,
      c.session_id,
      c.customer_id,
      payments_private.id_of(s.object -> 'payment_intent'),
      payments_private.id_of(s.object -> 'subscription'),
      case when c.status = 'open' then s.object ->> 'url' end,
      case when c.status = 'open' then s.object ->> 'client_secret' end,
      payments_private.instant_of(s.object -> 'expires_at'),
      s.object - 'client_secret',
      c.version,
      o.caller_id,
      coalesce(payments_private.line_items_of(s.object), o.line_items, '[]'),
      coalesce(o.options, '{}'),
      coalesce(o.forced_options, '{}')
    from unnest(write_session_rows.snapshots) with ordinality as s (object, event_type, snapshot_at, position)
    cross join lateral (select (write_session_rows.sessions[s.position]).*) as c
    left join payments.stripe_checkout_sessions as o
      on s.object ->> 'recovered_from' is not null
      and o.id = c.reference
      and o.id::text = c.named_row_id
      and o.environment = write_session_rows.environment
    where s.position = any (write_session_rows.new_positions);
  end if;
  if cardinality(changed_positions) > 0 then
    update payments.stripe_checkout_sessions as t
    set checkout_session_id = c.session_id,
        status = c.status,
        payment_status = s.object ->> 'payment_status',
        customer_id = coalesce(c.customer_id, t.customer_id),
        payment_intent_id = coalesce(payments_private.id_of(s.object -> 'payment_intent'), t.payment_intent_id),
        subscription_id = coalesce(payments_private.id_of(s.object -> 'subscription'), t.subscription_id),
        url = case when c.status = 'open' then coalesce(s.object ->> 'url', t.url) end, -- else the page is gone
        client_secret = case
          when c.status = 'open' then coalesce(s.object ->> 'client_secret', t.client_secret)
        end,
        expires_at = coalesce(payments_private.instant_of(s.object -> 'expires_at'), t.expires_at),
        metadata = case
          when t.request_hash is null then c.metadata -- not begun here
          else t.metadata
        end,
        line_items = case
          when t.line_items = '[]' then coalesce(payments_private.line_items_of(s.object), '[]')
          else t.line_items
        end,
        last_error = null,
        stripe_may_have_acted = false,
        raw = s.object - 'client_secret', -- it has a column, which is emptied when the session ends
        version = c.version
    from unnest(write_session_rows.snapshots) with ordinality as s (object, event_type, snapshot_at, position)
    cross join lateral (select (write_session_rows.sessions[s.position]).*) as c
    where s.position = any (write_session_rows.changed_positions) and t.id = (write_session_rows.rows[s.position]).id;
  end if;
  if cardinality(owned_positions) > 0 then
    update payments.stripe_checkout_sessions as t
    set subject_type = (c.subject).type,
        subject_id = (c.subject).id,
        subject_version = c.subject_version
    from unnest(write_session_rows.owned_positions) as s (position)
    cross join lateral (select (write_session_rows.sessions[s.position]).*) as c
    where t.id = (write_session_rows.rows[s.position]).id;
  end if;
end;
$$;

revoke all on function payments_private.write_session_rows(
  text, payments_private.snapshot[], payments_private.session_snapshot[], payments.stripe_checkout_sessions[],
  integer[], integer[], integer[]
) from public, anon, authenticated;
--! EndIncluded projection/private/write_session_rows.sql
--! Included projection/private/project_stripe_checkout_sessions.sql
/*
 * Projects Checkout Sessions into payments.stripe_checkout_sessions. Returns outcomes, and as well the payments of the
 * sessions and the owners that they name for customers. Contract: see project_snapshots.
 *
 * An earlier attempt is a session whose row belongs to a newer attempt already: it changes nothing of the row. The
 * subject of a row is the one that the checkout was begun for. Without one, the earliest snapshot that names a subject
 * decides.
 *
 * The recovery link of an expired session opens copies of it, as many as the buyer asks for, and each may be paid. A
 * copy names the row of the checkout, but that row stays the one of the expired session: each copy has its own.
 */
create or replace function payments_private.project_stripe_checkout_sessions(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean,
  inout outcomes text[],
  out payments payments_private.payment_snapshot[],
  out owners payments_private.customer_owners[]
)
  returns record
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_snapshot payments_private.snapshot;
  v_session payments_private.session_snapshot;
  v_sessions payments_private.session_snapshot[]; -- by position, as the rows are
  v_row payments.stripe_checkout_sessions;
  v_rows payments.stripe_checkout_sessions[];
  v_customer_id text;
  v_is_earlier boolean; -- an earlier attempt
  v_new integer[] := '{}'; -- positions
  v_changed integer[] := '{}';
  v_owned integer[] := '{}'; -- whose row gets another subject
begin
  -- find the rows
  for v_position in 1 .. cardinality(snapshots) loop
    v_snapshot := snapshots[v_position];
    if v_snapshot.object ->> 'object' = 'checkout.session' then
      v_sessions[v_position] := payments_private.session_snapshot(
        v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
      );
    end if;
  end loop;
  v_rows := payments_private.match_session_rows(environment, v_sessions);

  for v_position in array_lower(v_sessions, 1) .. array_upper(v_sessions, 1) loop
    v_session := v_sessions[v_position];
    continue when v_session.session_id is null; -- of another kind
    v_snapshot := snapshots[v_position];
    v_row := v_rows[v_position];
    if v_snapshot.object ->> 'recovered_from' is not null
      and v_row.checkout_session_id is distinct from v_session.session_id
    then
      v_row := null; -- a copy that a recovery link opened
    end if;
    v_is_earlier := v_row.id is not null
      and v_row.checkout_session_id is distinct from v_session.session_id
      and (
        v_row.checkout_session_id is not null
        or coalesce(v_session.attempt, v_row.attempt::text) <> v_row.attempt::text
      );

    -- compare with the row
    outcomes[v_position] := 'applied';
    if v_is_earlier then
      outcomes[v_position] := 'stale';
    elsif v_row.id is null then
      if v_session.mode is not null then
        v_new := v_new || v_position;
      end if;
    elsif v_session.version > v_row.version or (v_session.version = v_row.version and tie_is_decided) then
      v_changed := v_changed || v_position;
    elsif v_session.version = v_row.version and v_session.status <> v_row.status then
      outcomes[v_position] := 'tie';
    else
      outcomes[v_position] := 'stale';
    end if;

    -- assign the subject
    if v_row.subject_type is not null
      and (
        (v_session.subject).type is null
        or v_row.subject_version is null
        or (v_row.subject_version, v_row.subject_type, v_row.subject_id)
          <= (v_session.subject_version, (v_session.subject).type, (v_session.subject).id)
      )
    then
      v_session.subject := row (v_row.subject_type, v_row.subject_id);
      v_session.subject_version := coalesce(v_row.subject_version, 0);
    elsif v_row.id is not null and (v_session.subject).type is not null and not v_is_earlier then
      v_owned := v_owned || v_position;
    end if;

    -- name the customer's owner
    v_customer_id := coalesce(v_session.customer_id, case when not v_is_earlier then v_row.customer_id end);
    if (v_session.subject).type is not null and v_customer_id is not null then
      owners := owners || row (
        project_stripe_checkout_sessions.environment, v_customer_id, (v_session.subject).type, (v_session.subject).id,
        coalesce(payments_private.instant_of(v_snapshot.object -> 'created'), 'infinity'),
        v_session.session_id || ' ' || lpad(v_session.subject_version::text, 19, '0')
      )::payments_private.customer_owners;
    end if;

    -- name the payment. That of a subscription is its invoice's, which bodies of before 2023 do not name. That of
    -- another mode is what the session names
    if v_session.status = 'completed'
      and (v_session.mode = 'payment'
        or payments_private.id_of(v_snapshot.object -> 'invoice') is not null
        or (v_session.mode <> 'subscription' and payments_private.id_of(v_snapshot.object -> 'payment_intent') is not null))
    then
      payments[v_position] := payments_private.payment_of_checkout_session(
        environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at, v_session.version,
        v_session.is_settled, v_session.subject, v_session.subject_version
      );
    elsif v_position = any (v_owned) and v_row.status = 'completed' and exists (
      select
      from payments_private.payment_objects as o
      where o.object_id = v_session.session_id
        and o.environment = project_stripe_checkout_sessions.environment
        and o.version > 0
    ) then
      -- version 1 changes the subject of what is paid already, and nothing else
      payments[v_position] := payments_private.payment_of_checkout_session(
        environment, v_snapshot.object, null, v_snapshot.snapshot_at, 1, false, v_session.subject, v_session.subject_version
      );
    end if;
  end loop;

  perform payments_private.write_session_rows(
    environment, snapshots, v_sessions, v_rows, v_new, v_changed, v_owned
  );
end;
$$;

revoke all on function payments_private.project_stripe_checkout_sessions(text, payments_private.snapshot[], boolean, text[])
  from public, anon, authenticated;
--! EndIncluded projection/private/project_stripe_checkout_sessions.sql
--! Included payment/private/put_charge_details.sql
/*
 * Stores what snapshots of charges say of their receipts and cards, where they are newer. The transactions of their
 * payments show it. Other snapshots are skipped; no two are of one charge. Contract: the ids of the charges are locked,
 * so that no other transaction names them now.
 */
create or replace function payments_private.put_charge_details(
  environment text,
  snapshots payments_private.snapshot[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  with kept as (
    insert into payments_private.charge_details as t (environment, charge_id, receipt_url, card_brand, card_last4, version)
    select
      put_charge_details.environment, s.object ->> 'id', s.object ->> 'receipt_url', c.card ->> 'brand', c.card ->> 'last4',
      payments_private.snapshot_version(s.snapshot_at, s.event_type, false)
    from unnest(put_charge_details.snapshots) as s
    cross join lateral (
      select coalesce(
        s.object -> 'payment_method_details' -> 'card', s.object -> 'payment_method_details' -> 'card_present'
      ) as card
    ) as c
    where s.object ->> 'object' = 'charge'
    on conflict on constraint charge_details_pkey do update
    set receipt_url = excluded.receipt_url,
        card_brand = excluded.card_brand,
        card_last4 = excluded.card_last4,
        version = excluded.version
    -- of two of the same version the same one wins in every order
    where (excluded.version, coalesce(excluded.receipt_url, ''), coalesce(excluded.card_brand, ''), coalesce(excluded.card_last4, ''))
      > (t.version, coalesce(t.receipt_url, ''), coalesce(t.card_brand, ''), coalesce(t.card_last4, ''))
    returning t.charge_id, t.receipt_url, t.card_brand, t.card_last4
  )
  update payments.transactions as t
  set receipt_url = k.receipt_url,
      card_brand = k.card_brand,
      card_last4 = k.card_last4
  from kept as k
  join payments_private.payment_objects as o
    on o.object_id = k.charge_id and o.environment = put_charge_details.environment
  where t.id = o.payment_id
    and t.related_object_ids ->> 'charge' = o.object_id
    and (t.receipt_url, t.card_brand, t.card_last4) is distinct from (k.receipt_url, k.card_brand, k.card_last4);
end;
$$;

revoke all on function payments_private.put_charge_details(text, payments_private.snapshot[])
  from public, anon, authenticated;
--! EndIncluded payment/private/put_charge_details.sql
--! Included projection/private/credit_note_row.sql
/*
 * Returns the row of payments.stripe_credit_notes that a snapshot of a credit note stands for. Its subject is not
 * decided yet. Stripe never leaves void.
 */
create or replace function payments_private.credit_note_row(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz
)
  returns payments.stripe_credit_notes
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return row (
    null, -- id
    credit_note_row.environment,
    object ->> 'id', -- credit_note_id
    object ->> 'number', -- number
    coalesce(object ->> 'status', 'issued'), -- status
    object ->> 'type', -- type
    object ->> 'reason', -- reason
    payments_private.id_of(object -> 'invoice'), -- invoice_id
    payments_private.id_of(object -> 'customer'), -- customer_id
    null, -- subject_type
    null, -- subject_id
    lower(object ->> 'currency'), -- currency
    (object ->> 'subtotal')::bigint, -- subtotal
    payments_private.tax_of(object), -- tax
    (object ->> 'total')::bigint, -- total
    (object ->> 'amount')::bigint, -- amount
    object ->> 'memo', -- memo
    object ->> 'pdf', -- pdf
    payments_private.instant_of(object -> 'voided_at'), -- voided_at
    payments_private.instant_of(object -> 'created'), -- provider_created_at
    coalesce(nullif(object -> 'metadata', 'null'), '{}'), -- metadata
    null, -- synced_at
    null, -- created_at
    null, -- updated_at
    payments_private.snapshot_version(snapshot_at, event_type, coalesce(object ->> 'status' = 'void', false)) -- version
  )::payments.stripe_credit_notes;
end;
$$;

revoke all on function payments_private.credit_note_row(text, jsonb, text, timestamptz) from public, anon, authenticated;
--! EndIncluded projection/private/credit_note_row.sql
--! Included projection/private/project_stripe_credit_notes.sql
/*
 * Projects credit notes into payments.stripe_credit_notes. Returns outcomes. Contract: see project_snapshots.
 */
create or replace function payments_private.project_stripe_credit_notes(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean,
  outcomes text[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows payments.stripe_credit_notes[];
  v_positions integer[];
  v_applied text[];
  v_row payments.stripe_credit_notes;
  v_current payments.stripe_credit_notes;
begin
  select
    array_agg(payments_private.credit_note_row(project_stripe_credit_notes.environment, u.object, u.event_type, u.snapshot_at)),
    array_agg(u.position)
  into v_rows, v_positions
  from unnest(project_stripe_credit_notes.snapshots) with ordinality as u (object, event_type, snapshot_at, position)
  where u.object ->> 'object' = 'credit_note' and u.object ->> 'id' is not null;
  if v_rows is null then
    return outcomes;
  end if;
  with applied as (
    insert into payments.stripe_credit_notes as t (
      environment, credit_note_id, number, status, type, reason, invoice_id, customer_id, currency, subtotal, tax,
      total, amount, memo, pdf, voided_at, provider_created_at, metadata, subject_type, subject_id, version
    )
    select
      r.environment, r.credit_note_id, r.number, r.status, r.type, r.reason, r.invoice_id, r.customer_id,
      r.currency, r.subtotal, r.tax, r.total, r.amount, r.memo, r.pdf, r.voided_at, r.provider_created_at,
      r.metadata, (s.owner).type, (s.owner).id, r.version
    from unnest(v_rows) as r
    cross join lateral (
      select payments_private.owner_of_credit_note(r.environment, r.invoice_id, r.customer_id) as owner offset 0
    ) as s
    on conflict on constraint stripe_credit_notes_credit_note_id_key do update
    set number = excluded.number,
        status = excluded.status,
        type = excluded.type,
        reason = excluded.reason,
        invoice_id = excluded.invoice_id,
        customer_id = excluded.customer_id,
        currency = excluded.currency,
        subtotal = excluded.subtotal,
        tax = excluded.tax,
        total = excluded.total,
        amount = excluded.amount,
        memo = excluded.memo,
        pdf = excluded.pdf,
        voided_at = excluded.voided_at,
        provider_created_at = excluded.provider_created_at,
        metadata = excluded.metadata,
        version = excluded.version,
        synced_at = now()
    where excluded.version > t.version or (excluded.version = t.version and project_stripe_credit_notes.tie_is_decided)
    returning t.credit_note_id
  )
  select array_agg(a.credit_note_id) into v_applied from applied as a;

  for i in 1 .. cardinality(v_rows) loop
    v_row := v_rows[i];
    if v_row.credit_note_id = any (v_applied) then
      outcomes[v_positions[i]] := 'applied';
      continue;
    end if;
    select t.* into v_current
    from payments.stripe_credit_notes as t
    where t.credit_note_id = v_row.credit_note_id and t.environment = v_row.environment;
    v_row.id := v_current.id;
    v_row.subject_type := v_current.subject_type;
    v_row.subject_id := v_current.subject_id;
    v_row.synced_at := v_current.synced_at;
    v_row.created_at := v_current.created_at;
    v_row.updated_at := v_current.updated_at;
    outcomes[v_positions[i]] := case
      when v_row.version < v_current.version then 'stale'
      when v_row = v_current then 'applied'
      else 'tie'
    end;
  end loop;
  return outcomes;
end;
$$;

revoke all on function payments_private.project_stripe_credit_notes(text, payments_private.snapshot[], boolean, text[])
  from public, anon, authenticated;
--! EndIncluded projection/private/project_stripe_credit_notes.sql
--! Included projection/private/write_invoices.sql
/*
 * Writes rows of payments.stripe_invoices, unless those there are newer. A new row gets its owner; see owner_of. That of
 * an old row is left as it is. is_assigned says whether somebody has assigned a subscription or customer of theirs.
 */
create or replace function payments_private.write_invoices(
  invoices payments.stripe_invoices[],
  is_assigned boolean,
  tie_is_decided boolean
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into payments.stripe_invoices as t (
    environment, invoice_id, number, status, customer_id, subscription_id, billing_reason, collection_method,
    currency, subtotal, tax, total, amount_due, amount_paid, amount_remaining, description, hosted_invoice_url,
    invoice_pdf, period_start, period_end, due_at, finalized_at, paid_at, voided_at, provider_created_at, deleted,
    metadata, subject_type, subject_id, named_subject_type, named_subject_id, subject_version, version
  )
  select
    r.environment, r.invoice_id, r.number, r.status, r.customer_id, r.subscription_id, r.billing_reason,
    r.collection_method, r.currency, r.subtotal, r.tax, r.total, r.amount_due, r.amount_paid, r.amount_remaining,
    r.description, r.hosted_invoice_url, r.invoice_pdf, r.period_start, r.period_end, r.due_at, r.finalized_at,
    r.paid_at, r.voided_at, r.provider_created_at, r.deleted, r.metadata, (s.owner).type, (s.owner).id,
    r.named_subject_type, r.named_subject_id, r.subject_version, r.version
  from unnest(write_invoices.invoices) as r
  cross join lateral (
    select
      case
        when r.named_subject_type is not null and not write_invoices.is_assigned
        then row (r.named_subject_type, r.named_subject_id)::payments.billing_subject
        else payments_private.owner_of(
          r.environment, r.subscription_id, r.customer_id,
          row (r.named_subject_type, r.named_subject_id)::payments.billing_subject, r.provider_created_at
        )
      end as owner
    offset 0
  ) as s
  on conflict on constraint stripe_invoices_invoice_id_key do update
  set number = excluded.number,
      status = excluded.status,
      customer_id = excluded.customer_id,
      subscription_id = excluded.subscription_id,
      billing_reason = excluded.billing_reason,
      collection_method = excluded.collection_method,
      currency = excluded.currency,
      subtotal = excluded.subtotal,
      tax = excluded.tax,
      total = excluded.total,
      amount_due = excluded.amount_due,
      amount_paid = excluded.amount_paid,
      amount_remaining = excluded.amount_remaining,
      description = excluded.description,
      hosted_invoice_url = excluded.hosted_invoice_url,
      invoice_pdf = excluded.invoice_pdf,
      period_start = excluded.period_start,
      period_end = excluded.period_end,
      due_at = excluded.due_at,
      finalized_at = excluded.finalized_at,
      paid_at = excluded.paid_at,
      voided_at = excluded.voided_at,
      provider_created_at = excluded.provider_created_at,
      deleted = excluded.deleted,
      metadata = excluded.metadata,
      version = excluded.version,
      synced_at = now()
  where excluded.version > t.version or (excluded.version = t.version and write_invoices.tie_is_decided);
end;
$$;

revoke all on function payments_private.write_invoices(payments.stripe_invoices[], boolean, boolean)
  from public, anon, authenticated;
--! EndIncluded projection/private/write_invoices.sql
--! Included projection/private/project_stripe_invoices.sql
/*
 * Projects invoices into payments.stripe_invoices. Returns outcomes. Contract: see project_snapshots. What an invoice
 * says of its payment is projected by payment_of_invoice.
 *
 * The earliest snapshot that names a billing subject decides which one is named. An older snapshot than the row may be
 * it.
 */
create or replace function payments_private.project_stripe_invoices(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean,
  outcomes text[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows payments.stripe_invoices[];
  v_ids text[];
  v_positions integer[];
  v_row payments.stripe_invoices;
  v_current payments.stripe_invoices;
  v_currents payments.stripe_invoices[]; -- the rows before, those of v_current_ids
  v_current_ids text[];
  v_new_ids text[];
  v_changed_ids text[]; -- invoices whose owner may be another one now
  v_is_assigned boolean; -- whether somebody has assigned a subscription or customer of theirs
begin
  select array_agg(payments_private.invoice_row(project_stripe_invoices.environment, u.object, u.event_type, u.snapshot_at)),
    array_agg(u.object ->> 'id'),
    array_agg(u.position)
  into v_rows, v_ids, v_positions
  from unnest(project_stripe_invoices.snapshots) with ordinality as u (object, event_type, snapshot_at, position)
  where u.object ->> 'object' = 'invoice'
    and u.object ->> 'id' is not null -- a preview has none
    and not u.object ? 'deleted'; -- the remains of a draft say nothing; the event and the listing tell of its end
  if v_rows is null then
    return outcomes;
  end if;

  -- write the newer ones
  select
    array_agg(t),
    array_agg(t.invoice_id),
    exists (
      select
      from unnest(v_rows) as r
      join payments_private.subject_assignments as a
        on a.object_id in (r.subscription_id, r.customer_id) and a.environment = r.environment
    )
  into v_currents, v_current_ids, v_is_assigned
  from payments.stripe_invoices as t
  where t.invoice_id = any (v_ids) and t.environment = project_stripe_invoices.environment;
  perform payments_private.write_invoices(v_rows, v_is_assigned, tie_is_decided);

  for i in 1 .. cardinality(v_rows) loop
    v_row := v_rows[i];
    v_current := v_currents[array_position(v_current_ids, v_ids[i])];
    if v_current.id is null then
      outcomes[v_positions[i]] := 'applied';
      v_new_ids := v_new_ids || v_ids[i];
      continue;
    end if;

    -- compare with the row
    if v_row.version > v_current.version or (v_row.version = v_current.version and tie_is_decided) then
      outcomes[v_positions[i]] := 'applied';
      if (v_row.subscription_id, v_row.customer_id, v_row.provider_created_at)
        is distinct from (v_current.subscription_id, v_current.customer_id, v_current.provider_created_at)
      then
        v_changed_ids := v_changed_ids || v_ids[i];
      end if;
    elsif v_row.version < v_current.version then
      outcomes[v_positions[i]] := 'stale';
    else
      v_row.id := v_current.id;
      v_row.subject_type := v_current.subject_type;
      v_row.subject_id := v_current.subject_id;
      v_row.synced_at := v_current.synced_at;
      v_row.created_at := v_current.created_at;
      v_row.updated_at := v_current.updated_at;
      v_row.named_subject_type := v_current.named_subject_type;
      v_row.named_subject_id := v_current.named_subject_id;
      v_row.subject_version := v_current.subject_version;
      outcomes[v_positions[i]] := case when v_row = v_current then 'applied' else 'tie' end;
      v_row := v_rows[i];
    end if;

    -- assign the subject that is named
    if v_current.subject_version is null and v_row.subject_version is not null
      or (v_row.subject_version, v_row.named_subject_type, v_row.named_subject_id)
        < (v_current.subject_version, v_current.named_subject_type, v_current.named_subject_id)
    then
      update payments.stripe_invoices as t
      set named_subject_type = v_row.named_subject_type,
          named_subject_id = v_row.named_subject_id,
          subject_version = v_row.subject_version
      where t.id = v_current.id;
      v_changed_ids := v_changed_ids || v_ids[i];
    end if;
  end loop;

  -- decide whom they belong to; a new row has its owner already
  if v_changed_ids is not null then
    perform payments_private.refresh_invoices(environment, v_changed_ids, null, null);
  end if;
  if v_new_ids is not null then
    perform payments_private.refresh_credit_notes(environment, v_new_ids, null);
  end if;
  return outcomes;
end;
$$;

revoke all on function payments_private.project_stripe_invoices(text, payments_private.snapshot[], boolean, text[])
  from public, anon, authenticated;
--! EndIncluded projection/private/project_stripe_invoices.sql
--! Included projection/private/schedule_row.sql
/*
 * Returns the row of payments_private.subscription_schedules that a snapshot of a schedule stands for. The next phase
 * is the first one after the current phase. Without a current phase it is the first one that begins after the snapshot.
 * If the schedule has not begun, it is the first of all. A schedule that is released, canceled or completed has none,
 * and stays so.
 */
create or replace function payments_private.schedule_row(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz
)
  returns payments_private.subscription_schedules
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_status text := coalesce(object ->> 'status', 'active');
  v_is_over boolean := v_status in ('released', 'canceled', 'completed');
  v_from bigint := case
    when v_status = 'not_started' then 0
    else coalesce((object -> 'current_phase' ->> 'end_date')::bigint, floor(extract(epoch from snapshot_at))::bigint + 1)
  end;
  v_phase jsonb;
begin
  if not v_is_over and jsonb_typeof(object -> 'phases') = 'array' then
    select p.phase into v_phase
    from jsonb_array_elements(object -> 'phases') as p (phase)
    where (p.phase ->> 'start_date')::bigint >= v_from
    order by (p.phase ->> 'start_date')::bigint
    limit 1;
  end if;
  return row (
    schedule_row.environment,
    object ->> 'id', -- schedule_id
    v_status, -- status
    payments_private.instant_of(v_phase -> 'start_date'), -- next_phase_at
    -- next_phase_items
    (
      select jsonb_agg(jsonb_build_object(
        'price_id', payments_private.id_of(coalesce(i.item -> 'price', i.item -> 'plan')), 'quantity', i.item -> 'quantity'
      ) order by i.position)
      from jsonb_array_elements(coalesce(nullif(v_phase -> 'items', 'null'), v_phase -> 'plans')) with ordinality as i (item, position)
    ),
    payments_private.snapshot_version(snapshot_at, event_type, v_is_over) -- version
  )::payments_private.subscription_schedules;
end;
$$;

revoke all on function payments_private.schedule_row(text, jsonb, text, timestamptz) from public, anon, authenticated;
--! EndIncluded projection/private/schedule_row.sql
--! Included projection/private/project_stripe_schedules.sql
/*
 * Projects subscription schedules into payments_private.subscription_schedules, and shows their next phases in the
 * subscriptions that have them. Returns outcomes. Contract: see project_snapshots.
 */
create or replace function payments_private.project_stripe_schedules(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean,
  outcomes text[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row payments_private.subscription_schedules;
  v_current payments_private.subscription_schedules;
  v_is_written boolean;
begin
  for i in 1 .. cardinality(snapshots) loop
    continue when snapshots[i].object ->> 'object' is distinct from 'subscription_schedule';
    v_row := payments_private.schedule_row(
      environment, snapshots[i].object, snapshots[i].event_type, snapshots[i].snapshot_at
    );
    v_is_written := null;
    insert into payments_private.subscription_schedules as t (
      environment, schedule_id, status, next_phase_at, next_phase_items, version
    )
    values (v_row.environment, v_row.schedule_id, v_row.status, v_row.next_phase_at, v_row.next_phase_items, v_row.version)
    on conflict on constraint subscription_schedules_pkey do update
    set status = excluded.status,
        next_phase_at = excluded.next_phase_at,
        next_phase_items = excluded.next_phase_items,
        version = excluded.version
    where excluded.version > t.version or (excluded.version = t.version and project_stripe_schedules.tie_is_decided)
    returning true into v_is_written;
    if v_is_written then
      outcomes[i] := 'applied';
      update payments.stripe_subscriptions as s
      set next_phase_at = v_row.next_phase_at,
          next_phase_items = v_row.next_phase_items
      where s.schedule_id = v_row.schedule_id
        and s.environment = v_row.environment
        and (s.next_phase_at, s.next_phase_items) is distinct from (v_row.next_phase_at, v_row.next_phase_items);
    else
      select t.* into v_current
      from payments_private.subscription_schedules as t
      where t.schedule_id = v_row.schedule_id and t.environment = v_row.environment;
      outcomes[i] := case
        when v_row.version < v_current.version then 'stale'
        when v_row = v_current then 'applied'
        else 'tie'
      end;
    end if;
  end loop;
  return outcomes;
end;
$$;

revoke all on function payments_private.project_stripe_schedules(text, payments_private.snapshot[], boolean, text[])
  from public, anon, authenticated;
--! EndIncluded projection/private/project_stripe_schedules.sql
--! Included projection/private/project_snapshots.sql
/*
 * Projects snapshots of Stripe objects that have no id in common (see split_into_batches), each kind by its projector.
 * Returns the outcome of each, in the same order:
 *   applied  the rows show the snapshot now
 *   stale    the rows show a newer one
 *   tie      the rows show another one of the same second, which only the ledger or Stripe can order
 *   ignored  objects of this kind are not projected
 *
 * A projector writes all snapshots of its kind in one statement, sets outcomes at their positions and returns it. The
 * event_type of an answer of the API is null. tie_is_decided says that these snapshots win a tie; an answer of the API
 * always does. Long because each kind of object has its lines here, in the order in which they depend on each other.
 */
create or replace function payments_private.project_snapshots(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean default false
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  -- the plans must not depend on the size of the tables or of the first batch
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
as $$
declare
  v_snapshot payments_private.snapshot;
  v_kinds text[];
  v_outcomes text[] := array_fill('ignored'::text, array[coalesce(cardinality(snapshots), 0)]);
  v_tie_is_decided boolean := tie_is_decided or snapshots[1].event_type is null;
  v_payments payments_private.payment_snapshot[];
  v_refunds payments_private.payment_snapshot[]; -- inside a charge
  v_subscriptions record;
  v_sessions record;
  v_owners payments_private.customer_owners[];
  v_owned_ids text[]; -- subscriptions whose subject is new
  v_new_ids text[]; -- subscriptions that are new
  v_moved_ids text[]; -- customers that belong to another subject now
  v_billed text[]; -- the outcomes of invoices
begin
  for v_position in 1 .. coalesce(cardinality(snapshots), 0) loop
    v_kinds[v_position] := snapshots[v_position].object ->> 'object';
  end loop;

  -- project all but payments
  if 'product' = any (v_kinds) then
    v_outcomes := payments_private.project_stripe_products(environment, snapshots, v_tie_is_decided, v_outcomes);
  end if;
  if 'price' = any (v_kinds) then
    v_outcomes := payments_private.project_stripe_prices(environment, snapshots, v_tie_is_decided, v_outcomes);
  end if;
  if 'customer' = any (v_kinds) then
    v_outcomes := payments_private.project_stripe_customers(environment, snapshots, v_tie_is_decided, v_outcomes);
  end if;
  if 'subscription' = any (v_kinds) then
    v_subscriptions := payments_private.project_stripe_subscriptions(environment, snapshots, v_tie_is_decided, v_outcomes);
    v_outcomes := v_subscriptions.outcomes;
    v_owners := v_subscriptions.owners;
    v_owned_ids := v_subscriptions.owned_ids;
    v_new_ids := v_subscriptions.new_ids;
  end if;
  if 'subscription_schedule' = any (v_kinds) then
    v_outcomes := payments_private.project_stripe_schedules(environment, snapshots, v_tie_is_decided, v_outcomes);
  end if;
  if 'checkout.session' = any (v_kinds) then
    v_sessions := payments_private.project_stripe_checkout_sessions(environment, snapshots, v_tie_is_decided, v_outcomes);
    v_outcomes := v_sessions.outcomes;
    v_payments := v_sessions.payments;
    v_owners := v_owners || v_sessions.owners;
  end if;

  -- assign the owners
  if v_owners is not null then
    v_moved_ids := payments_private.assign_customers(environment, v_owners);
  end if;
  if v_new_ids is not null then -- what is known of these has their subject already, unless it has none or another
    v_owned_ids := v_owned_ids || array(
      select s.subscription_id
      from payments.stripe_subscriptions as s
      where s.subscription_id = any (v_new_ids)
        and s.environment = project_snapshots.environment
        and (
          exists (
            select
            from payments_private.unowned_objects as u
            where u.object_id = s.subscription_id and u.environment = s.environment
          )
          or exists (
            select
            from payments_private.customer_owners as o
            where o.customer_id = s.customer_id
              and o.environment = s.environment
              and (o.subject_type, o.subject_id) <> (s.subject_type, s.subject_id)
          )
        )
    );
  end if;
  if cardinality(v_owned_ids) > 0 or v_moved_ids is not null then
    perform payments_private.refresh_payments(environment, v_owned_ids, v_moved_ids);
  end if;

  -- project what is billed
  if 'invoice' = any (v_kinds) then
    v_outcomes := payments_private.project_stripe_invoices(environment, snapshots, v_tie_is_decided, v_outcomes);
    v_billed := v_outcomes;
  end if;
  if 'credit_note' = any (v_kinds) then
    v_outcomes := payments_private.project_stripe_credit_notes(environment, snapshots, v_tie_is_decided, v_outcomes);
  end if;

  -- project the payments
  if 'charge' = any (v_kinds) then
    perform payments_private.put_charge_details(environment, snapshots);
  end if;
  for v_position in 1 .. coalesce(cardinality(snapshots), 0) loop
    v_snapshot := snapshots[v_position];
    case v_kinds[v_position]
      when 'invoice' then
        if coalesce(v_snapshot.event_type, 'invoice.paid')
            in ('invoice.paid', 'invoice.payment_succeeded', 'invoice.payment_failed')
          and not v_snapshot.object ? 'deleted'
        then -- other events say nothing of money that moved
          v_payments[v_position] := payments_private.payment_of_invoice(
            environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
          );
        end if;
      when 'invoice_payment' then
        v_payments[v_position] := payments_private.payment_of_invoice_payment(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
      when 'payment_intent' then
        v_payments[v_position] := payments_private.payment_of_payment_intent(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
      when 'charge' then
        if v_snapshot.event_type = 'charge.succeeded' then -- its PaymentIntent says the same of the money
          v_outcomes[v_position] := 'applied';
          continue;
        end if;
        v_payments[v_position] := payments_private.payment_of_charge(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
        if v_snapshot.object -> 'refunds' ? 'data' then
          v_refunds := v_refunds || payments_private.refunds_of_charge(
            environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
          );
        end if;
      when 'refund' then
        v_payments[v_position] := payments_private.payment_of_refund(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
      when 'dispute' then
        v_payments[v_position] := payments_private.payment_of_dispute(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
      else
        null;
    end case;
  end loop;
  if v_payments is not null then
    v_outcomes := payments_private.put_payment_objects(environment, v_payments, v_tie_is_decided, v_outcomes);
  end if;
  if v_billed is not null then -- an invoice has two outcomes: its row decides, unless its payment is a tie
    for v_position in 1 .. cardinality(v_billed) loop
      if v_kinds[v_position] = 'invoice' and v_outcomes[v_position] <> 'tie' then
        v_outcomes[v_position] := v_billed[v_position];
      end if;
    end loop;
  end if;
  if v_refunds is not null then
    perform payments_private.put_payment_objects(environment, v_refunds, true, '{}');
  end if;
  return v_outcomes;
end;
$$;

revoke all on function payments_private.project_snapshots(text, payments_private.snapshot[], boolean)
  from public, anon, authenticated;
--! EndIncluded projection/private/project_snapshots.sql
--! Included ownership/private/redact_metadata.sql
/*
 * Returns the metadata of a Stripe object without personal data; see redact(). It has no e-mail addresses, and no keys
 * that name personal data, however they are written: customer_name, customerName, Customer-Name. That of a customer has
 * its billing subject alone.
 *
 * What you may change: add a key under which your app writes personal data, in small letters. Erase the subjects again
 * after that.
 */
create or replace function payments_private.redact_metadata(metadata jsonb, of_customer boolean)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_personal constant text[] := array[
    'address', 'addressline1', 'addressline2', 'billingaddress', 'billingname', 'birthday', 'businessname', 'city',
    'company', 'companyname', 'contact', 'customeraddress', 'customeremail', 'customername', 'customerphone',
    'dateofbirth', 'displayname', 'dob', 'email', 'emailaddress', 'familyname', 'firstname', 'fullname', 'givenname', 'ip',
    'ipaddress', 'lastname', 'line1', 'line2', 'mobile', 'name', 'phone', 'phonenumber', 'postalcode', 'receiptemail',
    'recipient', 'shippingaddress', 'shippingname', 'shippingphone', 'street', 'surname', 'taxid', 'telephone',
    'useragent', 'useremail', 'username', 'vatid', 'vatnumber', 'zip', 'zipcode'
  ];
begin
  return (
    select coalesce(jsonb_object_agg(m.key, m.value), '{}')
    from jsonb_each(metadata) as m (key, value)
    where case
      when m.key in ('payments_subject_type', 'payments_subject_id', 'insforge_subject_type', 'insforge_subject_id')
        then true
      when of_customer then false
      else lower(translate(m.key, '_- .', '')) <> all (v_personal) and m.value #>> '{}' !~ '[^[:space:]]@[^[:space:]]+[.]'
    end
  );
end;
$$;

revoke all on function payments_private.redact_metadata(jsonb, boolean) from public, anon, authenticated;
grant execute on function payments_private.redact_metadata(jsonb, boolean) to payments_service;
--! EndIncluded ownership/private/redact_metadata.sql
--! Included ownership/private/redact.sql
/*
 * Returns a Stripe object or event without personal data: the values of the fields below are null, at any depth. So are
 * descriptions and footers, because anything may be written there. Ids, amounts and states stay, and so does the
 * metadata of the app without what redact_metadata() removes. A customer also loses its name and all metadata but its
 * billing subject. A saved card, a bank account or a tax id loses its name, owner and number. What is sold stays as it
 * is. kind is the type of the object, if value does not say it itself.
 *
 * What you may change: add a field that holds personal data in your account. Erase the subjects again after that.
 */
create or replace function payments_private.redact(value jsonb, kind text default null)
  returns jsonb
  language plpgsql -- it calls itself
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_personal constant text[] := array[
    'account_holder_name', 'account_number', 'account_number_last4', 'address', 'address_city', 'address_country',
    'address_line1', 'address_line2', 'address_state', 'address_zip', 'bank_name', 'bic', 'billing_address',
    'billing_details', 'billing_zip', 'business_name', 'buyer_address', 'buyer_id', 'cardholder_name', 'cashtag',
    'collected_information', 'comment', 'custom_fields', 'customer_address', 'customer_details', 'customer_email',
    'customer_name', 'customer_phone', 'customer_shipping', 'customer_tax_ids', 'description', 'dob', 'dynamic_last4',
    'email', 'email_sent_to', 'evidence', 'exp_month', 'exp_year', 'fingerprint', 'footer', 'hosted_instructions_url',
    'hosted_invoice_url', 'hosted_verification_url', 'hosted_voucher_url', 'iban_last4', 'individual_name',
    'instructions_email', 'invoice_pdf', 'ip_address', 'ip_address_location', 'last4', 'memo', 'pay_id', 'payer_email',
    'payer_id', 'payer_name', 'payment_method_details', 'pdf', 'phone', 'preferred_locales', 'receipt_email',
    'receipt_url', 'routing_number', 'sender_name', 'shipping', 'shipping_address', 'shipping_address_zip',
    'shipping_details', 'source', 'sources', 'tax_id', 'tax_ids', 'user_agent', 'verified_address', 'verified_email',
    'verified_name', 'verified_phone', 'vpa', 'wallet'
  ];
  v_kind text := coalesce(value ->> 'object', kind);
begin
  case jsonb_typeof(value)
    when 'array' then
      return (select coalesce(jsonb_agg(payments_private.redact(e.item) order by e.position), '[]')
        from jsonb_array_elements(value) with ordinality as e (item, position));
    when 'object' then
      if v_kind in ('coupon', 'plan', 'price', 'product', 'shipping_rate', 'tax_rate') then
        return value;
      end if;
      return (
        select coalesce(jsonb_object_agg(
          f.key,
          case
            when f.key = any (v_personal) then 'null'
            when v_kind in ('customer', 'card', 'bank_account', 'source', 'tax_id')
              and f.key in ('name', 'owner', 'value')
              then 'null'
            when f.key = 'metadata' and jsonb_typeof(f.value) = 'object'
              then payments_private.redact_metadata(f.value, v_kind = 'customer')
            when f.key = 'previous_attributes' then payments_private.redact(f.value, redact.value -> 'object' ->> 'object')
            else payments_private.redact(f.value)
          end
        ), '{}')
        from jsonb_each(value) as f (key, value)
      );
    else
      return value;
  end case;
end;
$$;

revoke all on function payments_private.redact(jsonb, text) from public, anon, authenticated;
grant execute on function payments_private.redact(jsonb, text) to payments_service;
--! EndIncluded ownership/private/redact.sql
--! Included ownership/private/erased_text.sql
/*
 * Returns what stands in the place of an error whose words may have been personal data; see payments.erase_subject.
 */
create or replace function payments_private.erased_text()
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return 'The error was removed with the personal data of its billing subject.';
end;
$$;

revoke all on function payments_private.erased_text() from public, anon, authenticated;
grant execute on function payments_private.erased_text() to payments_service;
--! EndIncluded ownership/private/erased_text.sql
--! Included ownership/private/erase_sync_errors.sql
/*
 * Removes the errors about some objects from the runs of syncs, because an error may repeat personal data; see
 * payments.erase_subject. Contract: project_sync_page and end_sync write the id of the object before the error.
 */
create or replace function payments_private.erase_sync_errors(environment text, ids text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  update payments.sync_runs as r
  set error = case
        when substring(r.error from 'the first of them ([^:]+):') = any (ids) then payments_private.erased_text()
        else r.error
      end,
      progress = (
        select jsonb_object_agg(
          p.kind,
          case
            when split_part(p.progress ->> 'error', ':', 1) = any (ids)
              then jsonb_set(p.progress, '{error}', to_jsonb(payments_private.erased_text()))
            else p.progress
          end
        )
        from jsonb_each(r.progress) as p (kind, progress)
      )
  where r.environment = erase_sync_errors.environment
    and exists (
      select
      from jsonb_each(r.progress) as p (kind, progress)
      where split_part(p.progress ->> 'error', ':', 1) = any (ids)
    );
  update payments.provider_connections as c
  set last_sync_error = payments_private.erased_text()
  where c.environment = erase_sync_errors.environment
    and substring(c.last_sync_error from 'the first of them ([^:]+):') = any (ids);
end;
$$;

revoke all on function payments_private.erase_sync_errors(text, text[]) from public, anon, authenticated;
--! EndIncluded ownership/private/erase_sync_errors.sql
--! Included ownership/private/erase_rows.sql
/*
 * Removes personal data from the rows of customers and of objects. The projections of what redact() returns are the
 * same. Contract: see payments.erase_subject.
 */
create or replace function payments_private.erase_rows(
  environment text,
  subject payments.billing_subject,
  customer_ids text[],
  object_ids text[],
  checkout_ids uuid[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_reasons constant text[] := array['duplicate', 'expired_uncaptured_charge', 'fraudulent', 'requested_by_customer'];
begin
  update payments.customers as t
  set email = null,
      name = null,
      phone = null,
      metadata = payments_private.redact_metadata(t.metadata, true),
      raw = payments_private.redact(t.raw)
  where t.provider_customer_id = any (customer_ids) and t.environment = erase_rows.environment and t.provider = 'stripe';
  update payments.stripe_subscriptions as t
  set metadata = payments_private.redact_metadata(t.metadata, false),
      raw = payments_private.redact(t.raw)
  where t.subscription_id = any (object_ids) and t.environment = erase_rows.environment;
  update payments.stripe_subscription_items as t
  set metadata = payments_private.redact_metadata(t.metadata, false),
      raw = payments_private.redact(t.raw)
  where t.subscription_id = any (object_ids) and t.environment = erase_rows.environment;
  update payments.stripe_checkout_sessions as t
  set customer_email = null,
      metadata = payments_private.redact_metadata(t.metadata, false),
      options = case
        when t.options ? 'custom_fields' then jsonb_set(t.options, '{custom_fields}', (
          select coalesce(jsonb_agg(f.field - 'default_value' order by f.position), '[]')
          from jsonb_array_elements(t.options -> 'custom_fields') with ordinality as f (field, position)
        ))
        else t.options
      end,
      last_error = case when t.last_error is not null then payments_private.erased_text() end,
      raw = payments_private.redact(t.raw)
  where t.environment = erase_rows.environment and (t.id = any (checkout_ids) or t.checkout_session_id = any (object_ids));
  update payments.stripe_customer_portal_sessions as t
  set last_error = case when t.last_error is not null then payments_private.erased_text() end,
      raw = payments_private.redact(t.raw)
  where t.environment = erase_rows.environment
    and (
      t.customer_id = any (customer_ids)
      or (t.subject_type, t.subject_id) = ((erase_rows.subject).type, (erase_rows.subject).id)
    );
  update payments.stripe_invoices as t
  set description = null,
      hosted_invoice_url = null,
      invoice_pdf = null,
      metadata = payments_private.redact_metadata(t.metadata, false)
  where t.invoice_id = any (object_ids) and t.environment = erase_rows.environment;
  update payments.stripe_credit_notes as t
  set memo = null,
      pdf = null,
      metadata = payments_private.redact_metadata(t.metadata, false)
  where t.credit_note_id = any (object_ids) and t.environment = erase_rows.environment;
  update payments_private.charge_details as t
  set receipt_url = null,
      card_brand = null,
      card_last4 = null
  where t.charge_id = any (object_ids) and t.environment = erase_rows.environment;
  update payments_private.payment_objects as t
  set customer_email = null,
      description = case when t.object_type = 'refund' and t.description = any (v_reasons) then t.description end
  where t.object_id = any (object_ids)
    and t.environment = erase_rows.environment
    and num_nonnulls(t.customer_email, t.description) > 0;
  update payments.transactions as t
  set customer_email_snapshot = null,
      description = case when t.type = 'refund' and t.description = any (v_reasons) then t.description end,
      receipt_url = null,
      card_brand = null,
      card_last4 = null
  where t.id = any (
      array(
        select o.payment_id
        from payments_private.payment_objects as o
        where o.object_id = any (object_ids) and o.environment = erase_rows.environment
        union
        select r.id
        from payments.transactions as r
        where r.provider_object_id = any (object_ids)
          and r.provider_object_type = 'refund'
          and r.environment = erase_rows.environment
      )
    );
  perform payments_private.erase_sync_errors(environment, customer_ids || object_ids);
end;
$$;

revoke all on function payments_private.erase_rows(text, payments.billing_subject, text[], text[], uuid[])
  from public, anon, authenticated;
--! EndIncluded ownership/private/erase_rows.sql
--! Included ownership/private/objects_of_subject.sql
/*
 * Returns the ids of the Stripe objects that belong to a billing subject, to customers or to checkouts. They are
 * sessions, subscriptions, schedules, invoices, credit notes, and all objects of payments. What was paid for one of the
 * subscriptions is among them, whoever it belongs to, because it names the subscription. See payments.erase_subject.
 */
create or replace function payments_private.objects_of_subject(
  environment text,
  subject_type text,
  subject_id text,
  customer_ids text[],
  checkout_ids uuid[]
)
  returns setof text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    with checkout as (
      select s.checkout_session_id, s.subscription_id
      from payments.stripe_checkout_sessions as s
      where s.id = any (checkout_ids)
    ),
    subscription as (
      select s.subscription_id, s.schedule_id
      from payments.stripe_subscriptions as s
      where s.environment = objects_of_subject.environment
        and (
          (s.subject_type, s.subject_id) = (objects_of_subject.subject_type, objects_of_subject.subject_id)
          or s.customer_id = any (customer_ids)
          or s.subscription_id in (select c.subscription_id from checkout as c)
        )
    ),
    invoice as (
      select i.invoice_id
      from payments.stripe_invoices as i
      where i.environment = objects_of_subject.environment
        and (
          (i.subject_type, i.subject_id) = (objects_of_subject.subject_type, objects_of_subject.subject_id)
          or i.customer_id = any (customer_ids)
          or i.subscription_id in (select s.subscription_id from subscription as s)
        )
    ),
    payment as (
      select t.id
      from payments.transactions as t
      where t.environment = objects_of_subject.environment
        and (
          (t.subject_type, t.subject_id) = (objects_of_subject.subject_type, objects_of_subject.subject_id)
          or t.provider_customer_id = any (customer_ids)
        )
      union
      select o.payment_id
      from payments_private.payment_objects as o
      where o.environment = objects_of_subject.environment
        and (
          o.customer_id = any (customer_ids)
          or o.object_id in (select c.checkout_session_id from checkout as c)
          or o.subscription_id in (select s.subscription_id from subscription as s)
        )
    )
    select c.checkout_session_id from checkout as c where c.checkout_session_id is not null
    union
    select s.subscription_id from subscription as s
    union
    select s.schedule_id from subscription as s where s.schedule_id is not null
    union
    select i.invoice_id from invoice as i
    union
    select n.credit_note_id
    from payments.stripe_credit_notes as n
    where n.environment = objects_of_subject.environment
      and (
        (n.subject_type, n.subject_id) = (objects_of_subject.subject_type, objects_of_subject.subject_id)
        or n.customer_id = any (customer_ids)
        or n.invoice_id in (select i.invoice_id from invoice as i)
      )
    union
    select o.object_id
    from payments_private.payment_objects as o
    where o.payment_id in (select p.id from payment as p) and o.object_type <> 'order_reference';
end;
$$;

revoke all on function payments_private.objects_of_subject(text, text, text, text[], uuid[]) from public, anon, authenticated;
--! EndIncluded ownership/private/objects_of_subject.sql
--! Included ownership/private/erasable_ids.sql
/*
 * Returns the ids by which some Stripe objects or events may belong to somebody whose data was erased. These are the
 * ids of ids_of, their payment methods, and the customer that they had until an event.
 */
create or replace function payments_private.erasable_ids(objects jsonb[])
  returns text[]
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return payments_private.ids_of(objects) || array(
    select i.id
    from unnest(objects) as o (object)
    cross join lateral (
      select case when o.object ->> 'object' = 'event' then o.object -> 'data' -> 'object' else o.object end as about
    ) as a
    cross join lateral (
      values
        (payments_private.id_of(a.about -> 'payment_method')),
        (o.object #>> '{data,previous_attributes,customer}')
    ) as i (id)
    where i.id is not null
  );
end;
$$;

revoke all on function payments_private.erasable_ids(jsonb[]) from public, anon, authenticated;
--! EndIncluded ownership/private/erasable_ids.sql
--! Included ownership/private/is_erased.sql
/*
 * Returns whether one of some ids belongs to a billing subject whose personal data was erased; see
 * payments.erase_subject.
 */
create or replace function payments_private.is_erased(environment text, ids text[])
  returns boolean
  language plpgsql
  stable
  security definer -- crosses from the handler's role to erased_objects
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select
    from payments_private.erased_objects as e
    where e.object_id = any (is_erased.ids) and e.environment = is_erased.environment
  );
end;
$$;

revoke all on function payments_private.is_erased(text, text[]) from public, anon, authenticated;
grant execute on function payments_private.is_erased(text, text[]) to payments_service;
--! EndIncluded ownership/private/is_erased.sql
--! Included ownership/private/payment_methods_of.sql
/*
 * Returns the ids of the payment methods, saved cards and tax ids that some events name. What is sent about one of these
 * alone names no customer. See payments.erase_subject.
 */
create or replace function payments_private.payment_methods_of(event_ids uuid[])
  returns setof text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select distinct i.id
    from payments.webhook_events as w
    cross join lateral (select w.payload -> 'data' -> 'object' as about) as o
    cross join lateral (
      values
        (
          case
            when o.about ->> 'object' in ('payment_method', 'setup_intent', 'card', 'bank_account', 'source', 'tax_id')
              then o.about ->> 'id'
          end
        ),
        (payments_private.id_of(o.about -> 'payment_method')),
        (payments_private.id_of(o.about -> 'default_payment_method')),
        (payments_private.id_of(o.about -> 'default_source')),
        (payments_private.id_of(o.about #> '{invoice_settings,default_payment_method}'))
    ) as i (id)
    where w.id = any (payment_methods_of.event_ids) and i.id is not null;
end;
$$;

revoke all on function payments_private.payment_methods_of(uuid[]) from public, anon, authenticated;
--! EndIncluded ownership/private/payment_methods_of.sql
--! Included ownership/private/checkouts_of_subject.sql
/*
 * Returns the ids of the checkouts that belong to a billing subject or to customers. A user also has those that the user
 * began for nobody in particular; subject type user means the caller with this id. See payments.erase_subject.
 */
create or replace function payments_private.checkouts_of_subject(
  environment text,
  subject_type text,
  subject_id text,
  customer_ids text[]
)
  returns setof uuid
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select s.id
    from payments.stripe_checkout_sessions as s
    where s.subject_id = checkouts_of_subject.subject_id
      and s.subject_type = checkouts_of_subject.subject_type
      and s.environment = checkouts_of_subject.environment
    union
    select s.id
    from payments.stripe_checkout_sessions as s
    where s.customer_id = any (checkouts_of_subject.customer_ids) and s.environment = checkouts_of_subject.environment
    union
    select s.id
    from payments.stripe_checkout_sessions as s
    where checkouts_of_subject.subject_type = 'user'
      and s.caller_id = checkouts_of_subject.subject_id
      and s.subject_type is null
      and s.environment = checkouts_of_subject.environment;
end;
$$;

revoke all on function payments_private.checkouts_of_subject(text, text, text, text[]) from public, anon, authenticated;
--! EndIncluded ownership/private/checkouts_of_subject.sql
--! Included ownership/private/events_of.sql
/*
 * Returns the ids of the events that name one of some Stripe ids, as their object or inside of it, and that arrived
 * since an instant. Reads the whole ledger, which takes up to a minute for a million events, because an event can name a
 * customer in many places. A pruned payload names nobody. See payments.erase_subject.
 */
create or replace function payments_private.events_of(environment text, ids text[], since timestamptz)
  returns setof uuid
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select w.id
    from payments.webhook_events as w
    where w.environment = events_of.environment
      and case -- in this order, because the first three are cheap
        when w.received_at < events_of.since then false
        when w.object_id = any (events_of.ids) then true
        when w.payload = '{}' then false
        else payments_private.erasable_ids(array[w.payload]) && events_of.ids
      end;
end;
$$;

revoke all on function payments_private.events_of(text, text[], timestamptz) from public, anon, authenticated;
--! EndIncluded ownership/private/events_of.sql
--! Included ownership/private/customers_of_subject.sql
/*
 * Returns the Stripe customers whose personal data is that of a billing subject. These are its own, and those that nobody
 * is named as the owner of and that pay for nobody else; see payments.erase_subject. Those of its checkouts without a
 * subject are not among them.
 */
create or replace function payments_private.customers_of_subject(environment text, subject payments.billing_subject)
  returns setof text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select o.customer_id
    from payments_private.customer_owners as o
    where o.subject_id = (subject).id
      and o.subject_type = (subject).type
      and o.environment = customers_of_subject.environment
      and payments_private.subject_of_customer(o.environment, o.customer_id) = customers_of_subject.subject
    union
    select c.id
    from (
      select t.provider_customer_id as id
      from payments.transactions as t
      where (t.subject_type, t.subject_id, t.environment)
        = ((subject).type, (subject).id, customers_of_subject.environment)
      union
      select i.customer_id
      from payments.stripe_invoices as i
      where (i.subject_type, i.subject_id, i.environment)
        = ((subject).type, (subject).id, customers_of_subject.environment)
    ) as c
    where c.id is not null
      and payments_private.other_owner(
        customers_of_subject.environment, 'customer', c.id, customers_of_subject.subject
      ) is null;
end;
$$;

revoke all on function payments_private.customers_of_subject(text, payments.billing_subject)
  from public, anon, authenticated;
--! EndIncluded ownership/private/customers_of_subject.sql
--! Included ownership/erase_subject.sql
/*
 * Removes the personal data of a billing subject from every table and from the payloads of the ledger. This includes
 * its customers, its payments and what belongs to them. A subject of type user also has what the caller with this id
 * bought for nobody in particular. Returns {subject_type, subject_id, customers, objects, events,
 * living_subscriptions, open_checkouts}.
 *
 * Amounts, ids, dates, states and owners stay, so that the books stay right. The erasure is kept as a fact. What
 * Stripe sends later about these objects and customers is redacted before it is stored. So nothing comes back by a
 * late event, a sync or a rebuild. It can be repeated; objects that are new since then are erased as well.
 *
 * A living subscription continues, and so do its payments. End it first, if that is wanted. A checkout that is
 * open can still be paid by a new customer of Stripe: erase again after that. Stripe keeps its own copy: delete the
 * customer there. The app's own tables stay as they are. So does the metadata that the app wrote, except that of
 * customers, e-mail addresses and keys that redact_metadata() knows. Descriptions and recorded errors are removed,
 * because they may repeat personal data. Addresses to which checkouts return stay as the app wrote them.
 * Triggers on "update of processing_status" do not fire; a trigger on every update of the ledger sees its rows. Takes
 * up to a minute for a million events of the ledger; events about the subject wait at the end only. See events_of.
 */
create or replace function payments.erase_subject(environment text, subject_type text, subject_id text)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_customer_ids text[];
  v_checkout_ids uuid[]; -- which Stripe has as client_reference_id
  v_object_ids text[];
  v_ids text[]; -- all of these
  v_method_ids text[];
  v_event_ids uuid[];
  v_told_ids text[]; -- of the objects that these are about
  v_events bigint;
  v_since constant timestamptz := clock_timestamp() - interval '5 minutes'; -- no event takes so long
begin
  -- find what belongs to the subject
  perform payments_private.check_environment(environment);
  v_customer_ids := array(
    select payments_private.customers_of_subject(environment, row (subject_type, subject_id)::payments.billing_subject)
  );
  v_checkout_ids := array(
    select payments_private.checkouts_of_subject(environment, subject_type, subject_id, v_customer_ids)
  );
  v_customer_ids := v_customer_ids || array( -- those that belong to nobody
    select distinct s.customer_id
    from payments.stripe_checkout_sessions as s
    where s.id = any (v_checkout_ids)
      and s.customer_id is not null
      and s.customer_id <> all (v_customer_ids)
      and (payments_private.subject_of_customer(s.environment, s.customer_id)).type is null
  );
  v_object_ids := array(
    select payments_private.objects_of_subject(environment, subject_type, subject_id, v_customer_ids, v_checkout_ids)
  );
  v_ids := v_customer_ids || v_object_ids || v_checkout_ids::text[];
  if cardinality(v_ids) = 0 then
    raise exception 'Nothing of the % % is known in %.', subject_type, subject_id, environment
      using errcode = 'SP063', hint = 'Check the type and the id of the billing subject, and the environment.';
  end if;
  v_ids := v_ids || array( -- what was erased before
    select e.object_id
    from payments_private.erased_objects as e
    where (e.subject_type, e.subject_id, e.environment)
      = (erase_subject.subject_type, erase_subject.subject_id, erase_subject.environment)
  );

  -- read the ledger, lock, then look for events that have come since, and record the fact
  v_event_ids := array(select payments_private.events_of(environment, v_ids, '-infinity'));
  perform payments_private.lock_environment(environment);
  perform payments_private.lock_ids(environment, v_ids);
  v_event_ids := v_event_ids || array(select payments_private.events_of(environment, v_ids, v_since));
  v_method_ids := array(select payments_private.payment_methods_of(v_event_ids));
  insert into payments_private.erased_objects (environment, object_id, subject_type, subject_id)
  select distinct erase_subject.environment, i.id, erase_subject.subject_type, erase_subject.subject_id
  from unnest(v_ids || v_method_ids) as i (id)
  on conflict on constraint erased_objects_pkey do nothing;

  -- erase the rows, also of what else the events are about: a rebuild would take it from their payloads
  if cardinality(v_method_ids) > 0 then
    v_event_ids := v_event_ids || array(
      select w.id
      from payments.webhook_events as w
      where w.environment = erase_subject.environment
        and (w.object_id = any (v_method_ids) or w.payload #>> '{data,object,payment_method}' = any (v_method_ids))
    );
  end if;
  v_told_ids := array(
    select distinct w.object_id from payments.webhook_events as w where w.id = any (v_event_ids) and w.object_id is not null
  );
  perform payments_private.erase_rows(
    environment, row (subject_type, subject_id)::payments.billing_subject, v_customer_ids || v_told_ids,
    v_object_ids || v_told_ids, v_checkout_ids
  );

  -- erase the payloads
  update payments.webhook_events as w
  set payload = r.payload,
      last_error = r.last_error
  from (
    select
      e.id,
      payments_private.redact(e.payload) as payload,
      case when e.last_error is not null then payments_private.erased_text() end as last_error
    from payments.webhook_events as e
    where e.id = any (v_event_ids)
    offset 0 -- each is redacted once
  ) as r
  where w.id = r.id and (w.payload, w.last_error) is distinct from (r.payload, r.last_error);
  get diagnostics v_events = row_count;
  return jsonb_build_object(
    'subject_type', subject_type,
    'subject_id', subject_id,
    'customers', cardinality(v_customer_ids),
    'objects', cardinality(v_object_ids),
    'events', v_events,
    'living_subscriptions', (
      select count(*)
      from payments.stripe_subscriptions as s
      where s.environment = erase_subject.environment
        and s.subscription_id = any (v_object_ids)
        and s.status not in ('canceled', 'incomplete_expired')
    ),
    'open_checkouts', (
      select count(*)
      from payments.stripe_checkout_sessions as s
      where s.id = any (v_checkout_ids) and s.status in ('initialized', 'open')
    )
  );
end;
$$;

comment on function payments.erase_subject(text, text, text) is
  'Removes the personal data of a billing subject from every table and ledger payload, and from what arrives later; amounts and ids stay. Can be repeated. Errors: SP001, SP063 nothing of it is known.';

revoke all on function payments.erase_subject(text, text, text) from public, anon, authenticated;
grant execute on function payments.erase_subject(text, text, text) to payments_service;
--! EndIncluded ownership/erase_subject.sql
--! Included ownership/private/redact_erased.sql
/*
 * Returns Stripe objects or events in the same order, without the personal data of subjects that were erased; see
 * payments.erase_subject.
 */
create or replace function payments_private.redact_erased(environment text, objects jsonb[])
  returns jsonb[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
as $$
begin
  if not exists (select from payments_private.erased_objects) then -- nobody was erased, so no id has to be read
    return objects;
  end if;
  if exists (
    select
    from payments_private.erased_objects as e
    where e.object_id = any (payments_private.erasable_ids(redact_erased.objects)) and e.environment = redact_erased.environment
  ) then
    for i in 1 .. cardinality(objects) loop
      if exists (
        select
        from payments_private.erased_objects as e
        where e.object_id = any (payments_private.erasable_ids(array[redact_erased.objects[i]]))
          and e.environment = redact_erased.environment
      ) then
        objects[i] := payments_private.redact(objects[i]);
      end if;
    end loop;
  end if;
  return objects;
end;
$$;

revoke all on function payments_private.redact_erased(text, jsonb[]) from public, anon, authenticated;
--! EndIncluded ownership/private/redact_erased.sql
--! Included projection/private/project_stripe_object.sql
/*
 * Projects one Stripe object and returns its outcome; see project_snapshots. event_type is null for an answer of the
 * API.
 */
create or replace function payments_private.project_stripe_object(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz,
  tie_is_decided boolean default false
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    payments_private.project_snapshots(
      environment, array[
        row ((payments_private.redact_erased(environment, array[object]))[1], event_type, snapshot_at)::payments_private.snapshot
      ], tie_is_decided
    )
  )[1];
end;
$$;

revoke all on function payments_private.project_stripe_object(text, jsonb, text, timestamptz, boolean)
  from public, anon, authenticated;
--! EndIncluded projection/private/project_stripe_object.sql
--! Included ledger/private/split_into_batches.sql
/*
 * Returns the batch number of each Stripe object or event, from 1. The caller processes one batch after the other, each
 * of them at once. Of two items that conflict, the later one in the list gets the later batch.
 *
 * These conflict:
 *   the same event twice, or events about the same object
 *   two sessions of one checkout
 *   an invoice and an object that refers to it by a truncated id: an order reference has at most 25 characters
 */
create or replace function payments_private.split_into_batches(objects jsonb[])
  returns integer[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_seen text[];
  v_object jsonb;
  v_ids text[];
  v_batch_numbers integer[] := '{}';
  v_batch_number integer;
  v_seen_in integer[];
begin
  foreach v_object in array objects loop
    v_ids := array[v_object ->> 'id'];
    if v_object ->> 'object' = 'event' then
      v_object := v_object -> 'data' -> 'object';
      v_ids := v_ids || (v_object ->> 'id');
    end if;
    if v_object ->> 'object' = 'checkout.session' and v_object ->> 'client_reference_id' is not null then
      v_ids := v_ids || (v_object ->> 'client_reference_id');
    elsif v_object ->> 'object' = 'invoice' then
      v_ids := v_ids || left(v_object ->> 'id', 25);
    elsif length(v_object -> 'payment_details' ->> 'order_reference') = 25 then
      v_ids := v_ids || (v_object -> 'payment_details' ->> 'order_reference');
    end if;

    v_batch_number := 1;
    if v_ids && v_seen then
      for i in 1 .. cardinality(v_seen) loop
        if v_seen[i] = any (v_ids) then
          v_batch_number := greatest(v_batch_number, v_seen_in[i] + 1);
        end if;
      end loop;
    end if;
    v_batch_numbers := v_batch_numbers || v_batch_number;
    v_seen := v_seen || v_ids;
    v_seen_in := v_seen_in || array_fill(v_batch_number, array[cardinality(v_ids)]);
  end loop;
  return v_batch_numbers;
end;
$$;

revoke all on function payments_private.split_into_batches(jsonb[]) from public, anon, authenticated;
--! EndIncluded ledger/private/split_into_batches.sql
--! Included projection/private/project_answers.sql
/*
 * Projects answers of the API whose ids are locked, in batches of which each is set-based. Returns their outcomes in
 * the same order; see project_snapshots.
 */
create or replace function payments_private.project_answers(environment text, objects jsonb[], snapshot_at timestamptz)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_objects jsonb[] := payments_private.redact_erased(environment, objects);
  v_batch_numbers integer[] := payments_private.split_into_batches(objects);
  v_positions integer[];
  v_snapshots payments_private.snapshot[];
  v_batch text[];
  v_outcomes text[] := '{}';
begin
  for v_number in 1 .. coalesce((select max(b.number) from unnest(v_batch_numbers) as b (number)), 0) loop
    select
      array_agg(row (o.object, null, project_answers.snapshot_at)::payments_private.snapshot order by o.position),
      array_agg(o.position order by o.position)
    into v_snapshots, v_positions
    from unnest(v_objects) with ordinality as o (object, position)
    where v_batch_numbers[o.position] = v_number;
    v_batch := payments_private.project_snapshots(environment, v_snapshots);
    for i in 1 .. cardinality(v_positions) loop
      v_outcomes[v_positions[i]] := v_batch[i];
    end loop;
  end loop;
  return v_outcomes;
end;
$$;

revoke all on function payments_private.project_answers(text, jsonb[], timestamptz) from public, anon, authenticated;
--! EndIncluded projection/private/project_answers.sql
--! Included projection/project_stripe_objects.sql
/*
 * Projects answers of the Stripe API, and returns how many of the objects were newer than their rows. An older object
 * changes nothing.
 *
 * snapshot_at is the instant at which the answers were true: the Date header of Stripe's answer, less the time the
 * request took, less one second.
 */
create or replace function payments.project_stripe_objects(environment text, objects jsonb, snapshot_at timestamptz)
  returns integer
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_objects jsonb[];
begin
  -- check the arguments
  perform payments_private.check_environment(environment);
  if jsonb_typeof(objects) is distinct from 'array' or snapshot_at is null then
    raise exception 'objects must be a list of Stripe objects, and snapshot_at the instant at which they were true.'
      using errcode = 'SP001', hint = 'Pass [object, …] and the instant of the answer.';
  end if;
  if exists (
    select
    from jsonb_array_elements(objects) as o (object)
    where o.object ? 'livemode' and (o.object ->> 'livemode')::boolean <> (project_stripe_objects.environment = 'live')
  ) then
    raise exception 'An object of the other mode cannot be projected into environment %.', environment
      using errcode = 'SP005', hint = 'Use the key of the same mode.';
  end if;

  -- lock the ids
  perform payments_private.lock_environment(environment);
  v_objects := array(select o.object from jsonb_array_elements(objects) as o (object));
  perform payments_private.lock_ids(environment, payments_private.ids_of(v_objects));

  -- project the objects
  return (
    select count(*)
    from unnest(payments_private.project_answers(environment, v_objects, snapshot_at)) as o (outcome)
    where o.outcome = 'applied'
  );
end;
$$;

comment on function payments.project_stripe_objects(text, jsonb, timestamptz) is
  'Projects answers of the Stripe API, unless the rows are newer. snapshot_at is the instant at which the answers were true. Returns how many were applied. Errors: SP001, SP005.';

revoke all on function payments.project_stripe_objects(text, jsonb, timestamptz) from public, anon, authenticated;
grant execute on function payments.project_stripe_objects(text, jsonb, timestamptz) to payments_service;
--! EndIncluded projection/project_stripe_objects.sql

-- ledger
--! Included projection/private/apply_previous_attributes.sql
/*
 * Returns what a Stripe object was before an update, given the update's data.previous_attributes. Hashes are merged key
 * by key; every other value is replaced. https://docs.stripe.com/api/events/object
 */
create or replace function payments_private.apply_previous_attributes(object jsonb, former jsonb)
  returns jsonb
  language plpgsql -- it calls itself
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return apply_previous_attributes.object || coalesce(
    (
      select jsonb_object_agg(
        f.key,
        case
          when jsonb_typeof(f.value) = 'object' and jsonb_typeof(apply_previous_attributes.object -> f.key) = 'object'
            then payments_private.apply_previous_attributes(apply_previous_attributes.object -> f.key, f.value)
          else f.value
        end
      )
      from jsonb_each(apply_previous_attributes.former) as f (key, value)
    ),
    '{}'
  );
end;
$$;

revoke all on function payments_private.apply_previous_attributes(jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded projection/private/apply_previous_attributes.sql
--! Included projection/private/event_follows.sql
/*
 * Returns whether one event came after another of the same object: its former values match the other's object.
 */
create or replace function payments_private.event_follows(later jsonb, earlier jsonb)
  returns boolean
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_typeof(event_follows.later -> 'data' -> 'previous_attributes') = 'object'
    and jsonb_strip_nulls(
      payments_private.apply_previous_attributes(
        event_follows.earlier -> 'data' -> 'object', event_follows.later -> 'data' -> 'previous_attributes'
      )
    ) = jsonb_strip_nulls(event_follows.earlier -> 'data' -> 'object');
end;
$$;

revoke all on function payments_private.event_follows(jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded projection/private/event_follows.sql
--! Included projection/private/end_after_others.sql
/*
 * Returns the one of several ends of a second's path that came after every other end. Its former values match each of
 * them, and no other end follows it. The result is null if there is no such end, or more than one. Several ends mean
 * that events of the second are still missing; see last_event_of_second. states are those after the events, at the same
 * positions; ends are some of states.
 */
create or replace function payments_private.end_after_others(events jsonb[], states jsonb[], ends jsonb[])
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ends jsonb[];
begin
  select array_agg(x.state)
  into v_ends
  from (
    select states[i] as state
    from generate_subscripts(states, 1) as i
    where states[i] = any (ends)
      and not exists (
        select
        from generate_subscripts(states, 1) as j
        where states[j] = any (ends)
          and states[j] <> states[i]
          and not (
            events[i] ->> 'api_version' = events[j] ->> 'api_version' -- else their shapes cannot be compared
            and payments_private.event_follows(events[i], events[j])
            and not payments_private.event_follows(events[j], events[i])
          )
      )
  ) as x;
  return case when cardinality(v_ends) = 1 then v_ends[1] end;
end;
$$;

revoke all on function payments_private.end_after_others(jsonb[], jsonb[], jsonb[]) from public, anon, authenticated;
--! EndIncluded projection/private/end_after_others.sql
--! Included projection/private/events_of_second.sql
/*
 * Returns the processed and failed events about one object in the same second, in the order of their ids; null if there
 * is none. event is the one that is being processed, of that second or an earlier one; the ledger holds the others.
 * A pruned event has the payload {}.
 */
create or replace function payments_private.events_of_second(environment text, event jsonb, second timestamptz)
  returns jsonb[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object_type text := event -> 'data' -> 'object' ->> 'object';
  v_object_id text := event -> 'data' -> 'object' ->> 'id';
begin
  return (
    select array_agg(e.payload order by e.payload ->> 'id')
    from (
      select w.payload
      from payments.webhook_events as w
      where w.environment = events_of_second.environment
        and w.object_type = v_object_type
        and w.object_id = v_object_id
        and w.provider_created_at = events_of_second.second
        and w.processing_status <> 'ignored'
        and w.provider_event_id <> events_of_second.event ->> 'id'
      union all
      select events_of_second.event
      where payments_private.instant_of(events_of_second.event -> 'created') = events_of_second.second
    ) as e
  );
end;
$$;

revoke all on function payments_private.events_of_second(text, jsonb, timestamptz) from public, anon, authenticated;
--! EndIncluded projection/private/events_of_second.sql
--! Included projection/private/invoice_status_rank.sql
/*
 * Returns the place of an invoice's status in the order in which Stripe goes through them, from an event about it.
 * invoice_row orders snapshots of one second in the same way.
 */
create or replace function payments_private.invoice_status_rank(event jsonb)
  returns integer
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when event ->> 'type' = 'invoice.deleted' then 4
    when event -> 'data' -> 'object' ->> 'status' in ('paid', 'void') then 4
    when event -> 'data' -> 'object' ->> 'status' = 'uncollectible' then 3
    when event -> 'data' -> 'object' ->> 'status' = 'open' then 2
    else 1
  end;
end;
$$;

revoke all on function payments_private.invoice_status_rank(jsonb) from public, anon, authenticated;
--! EndIncluded projection/private/invoice_status_rank.sql
--! Included projection/private/last_event_of_second.sql
/*
 * Returns the event that came last among those about one object in the same second. Null if that cannot be decided, or
 * if an event of the second is pruned. event is the one that is being processed, of that second or an earlier one.
 *
 * Stripe gives whole seconds only, so previous_attributes decide. Each update leads from the state that they describe
 * to the state that the event carries. The updates of a second form one path.
 *   one end       The state that is entered once more often than it is left is the last one.
 *   no end        The path ends where it began. The beginning is the created event of that second, or the last state of
 *                 the second before.
 *   several ends  Events are still missing. An event whose former values match another's object came after it.
 */
create or replace function payments_private.last_event_of_second(environment text, event jsonb, second timestamptz)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_created timestamptz := payments_private.instant_of(event -> 'created');
  v_object_type text := event -> 'data' -> 'object' ->> 'object';
  v_object_id text := event -> 'data' -> 'object' ->> 'id';
  v_events jsonb[] := payments_private.events_of_second(environment, event, second);
  v_before jsonb[] := '{}'; -- the states before and after the events, at the same positions
  v_after jsonb[] := '{}';
  v_ends jsonb[];
  v_start jsonb;
  v_state jsonb;
  v_last jsonb;
  v_earlier timestamptz;
begin
  if v_events is null or '{}'::jsonb = any (v_events) then
    return null;
  end if;

  -- of an invoice only those count whose status comes last: it is part of the version (invoice_row)
  if v_object_type = 'invoice' then
    v_events := array(
      select x.event
      from (
        select
          e.event,
          e.position,
          payments_private.invoice_status_rank(e.event) as rank,
          max(payments_private.invoice_status_rank(e.event)) over () as last_rank
        from unnest(v_events) with ordinality as e (event, position)
      ) as x
      where x.rank = x.last_rank
      order by x.position
    );
  end if;

  -- read the states
  for i in 1 .. cardinality(v_events) loop
    v_state := v_events[i] -> 'data' -> 'object';
    v_after[i] := jsonb_strip_nulls(v_state);
    v_before[i] := jsonb_strip_nulls(
      payments_private.apply_previous_attributes(
        v_state,
        case jsonb_typeof(v_events[i] -> 'data' -> 'previous_attributes')
          when 'object' then v_events[i] -> 'data' -> 'previous_attributes'
          else '{}'
        end
      )
    );
    if v_events[i] ->> 'type' like '%.created' or v_events[i] ->> 'type' = 'invoice.finalized' then -- the first of its status
      v_start := v_after[i];
    end if;
  end loop;

  -- find the path's ends
  select array_agg(s.state)
  into v_ends
  from (
    select s.state
    from (
      select a.state, 1 as balance from unnest(v_after) as a (state)
      union all
      select b.state, -1 from unnest(v_before) as b (state)
    ) as s
    group by s.state
    having sum(s.balance) > 0
  ) as s;

  -- choose the last state
  if cardinality(v_ends) = 1 then
    v_last := v_ends[1];
  elsif cardinality(v_ends) > 1 then
    v_last := payments_private.end_after_others(v_events, v_after, v_ends);
  else
    if v_start is null and (select count(distinct a.state) from unnest(v_after) as a (state)) = 1 then
      v_start := v_after[1];
    end if;
    if v_start is null then
      select max(p.created)
      into v_earlier
      from (
        select w.provider_created_at as created
        from payments.webhook_events as w
        where w.environment = last_event_of_second.environment
          and w.object_type = v_object_type
          and w.object_id = v_object_id
          and w.processing_status <> 'ignored'
          and w.provider_created_at < last_event_of_second.second
        union all
        select v_created
        where v_created < last_event_of_second.second
      ) as p;
      v_start := jsonb_strip_nulls(
        payments_private.last_event_of_second(environment, event, v_earlier) -> 'data' -> 'object'
      );
    end if;
    v_last := v_start;
  end if;

  -- return the event that carries it; an update rather than the created event
  return (
    select v_events[i]
    from generate_subscripts(v_after, 1) as i
    where v_after[i] = v_last
    order by v_events[i] ->> 'type' like '%.created', v_before[i] <> v_after[i] desc, v_events[i] ->> 'id'
    limit 1
  );
end;
$$;

revoke all on function payments_private.last_event_of_second(text, jsonb, timestamptz) from public, anon, authenticated;
--! EndIncluded projection/private/last_event_of_second.sql
--! Included projection/private/order_event_in_second.sql
/*
 * Orders an event whose object met another snapshot of the same second, or a newer one. Then projects the event of that
 * second that came last. Returns the objects that only Stripe can decide; see project_events.
 *
 * A late event may be the one that was missing to order a second that is recorded already. Therefore an event with the
 * outcome stale is ordered too.
 */
create or replace function payments_private.order_event_in_second(environment text, event jsonb, outcome text)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object jsonb := event -> 'data' -> 'object';
  v_created timestamptz := payments_private.instant_of(event -> 'created');
  v_second timestamptz := v_created;
  v_count bigint;
  v_last jsonb;
begin
  if outcome = 'stale' then
    select w.provider_created_at, count(*)
    into v_second, v_count
    from payments.webhook_events as w
    where w.environment = order_event_in_second.environment
      and w.object_type = v_object ->> 'object'
      and w.object_id = v_object ->> 'id'
      and w.provider_created_at >= v_created
      and w.processing_status <> 'ignored'
    group by w.provider_created_at
    order by w.provider_created_at desc
    limit 1;
    if v_count = 1 and v_second <> v_created then
      return '[]'; -- nothing to order
    end if;
  end if;

  v_last := payments_private.last_event_of_second(environment, event, v_second);
  if v_last is not null then
    perform payments_private.project_stripe_object(
      environment, v_last -> 'data' -> 'object', v_last ->> 'type', v_second, true
    );
  elsif outcome = 'tie' then
    return jsonb_build_array(jsonb_build_object('object', v_object ->> 'object', 'id', v_object ->> 'id'));
  end if;
  return '[]';
end;
$$;

revoke all on function payments_private.order_event_in_second(text, jsonb, text) from public, anon, authenticated;
--! EndIncluded projection/private/order_event_in_second.sql
--! Included projection/private/project_events.sql
/*
 * Projects the objects of the events whose status is to be processed. Returns for each event the objects to read from
 * Stripe: [{"object": "subscription", "id": "sub_…"}], mostly empty. These are objects that only Stripe can decide, and
 * objects that the event shows in part.
 */
create or replace function payments_private.project_events(environment text, events jsonb[], statuses text[])
  returns jsonb[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_snapshots payments_private.snapshot[];
  v_positions integer[] := '{}';
  v_outcomes text[];
  v_fetches jsonb[] := array_fill('[]'::jsonb, array[cardinality(events)]);
begin
  for v_position in 1 .. cardinality(events) loop
    if statuses[v_position] = 'processed' then
      v_snapshots := v_snapshots || row (
        events[v_position] -> 'data' -> 'object',
        events[v_position] ->> 'type',
        payments_private.instant_of(events[v_position] -> 'created')
      )::payments_private.snapshot;
      v_positions := v_positions || v_position;
    end if;
  end loop;
  if v_snapshots is null then
    return v_fetches;
  end if;

  v_outcomes := payments_private.project_snapshots(environment, v_snapshots);
  for i in 1 .. cardinality(v_outcomes) loop
    if v_outcomes[i] in ('stale', 'tie') then
      v_fetches[v_positions[i]] := payments_private.order_event_in_second(environment, events[v_positions[i]], v_outcomes[i]);
    elsif v_snapshots[i].object -> 'items' ->> 'has_more' = 'true' and v_outcomes[i] = 'applied' then
      v_fetches[v_positions[i]] := jsonb_build_array(
        jsonb_build_object('object', v_snapshots[i].object ->> 'object', 'id', v_snapshots[i].object ->> 'id')
      );
    end if;
  end loop;
  return v_fetches;
end;
$$;

revoke all on function payments_private.project_events(text, jsonb[], text[]) from public, anon, authenticated;
--! EndIncluded projection/private/project_events.sql
--! Included ledger/private/record_events.sql
/*
 * Records events in the ledger with their statuses, and returns their results in the same order; see
 * payments.ingest_webhook_event. The app's fulfilment triggers fire here. So it has no settings of the planner, because
 * these would reach the app's statements.
 */
create or replace function payments_private.record_events(
  environment text,
  events jsonb[],
  ids text[],
  statuses text[],
  fetches jsonb[],
  error text default null
)
  returns jsonb[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids text[];
  v_rows jsonb[]; -- in the order of v_ids
  v_results jsonb[];
begin
  with recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_account_id,
      provider_created_at, payload, processing_status, attempt_count, last_error, processed_at, next_attempt_at
    )
    select
      record_events.environment,
      e.id,
      e.event ->> 'type',
      (e.event ->> 'livemode')::boolean,
      e.event -> 'data' -> 'object' ->> 'object',
      e.event -> 'data' -> 'object' ->> 'id',
      e.event ->> 'account',
      to_timestamp((e.event -> 'created')::double precision),
      e.event,
      e.status,
      1,
      record_events.error,
      case when e.status <> 'failed' then now() end,
      case when e.status = 'failed' then now() + payments_private.retry_delay(1) end
    from unnest(record_events.events, record_events.ids, record_events.statuses) as e (event, id, status)
    on conflict on constraint webhook_events_provider_event_id_key do update
    set processing_status = excluded.processing_status,
        attempt_count = w.attempt_count + 1,
        last_error = excluded.last_error,
        processed_at = excluded.processed_at,
        next_attempt_at = case
          when excluded.processing_status = 'failed' then now() + payments_private.retry_delay(w.attempt_count + 1)
        end
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select array_agg(r.provider_event_id), array_agg(to_jsonb(r)) into v_ids, v_rows from recorded as r;
  for i in 1 .. cardinality(ids) loop
    v_results[i] := jsonb_build_object(
      'status', statuses[i], 'event', v_rows[array_position(v_ids, ids[i])], 'fetch', fetches[i]
    );
  end loop;
  return v_results;
end;
$$;

revoke all on function payments_private.record_events(text, jsonb[], text[], text[], jsonb[], text)
  from public, anon, authenticated;
--! EndIncluded ledger/private/record_events.sql
--! Included ledger/private/duplicate_results.sql
/*
 * Returns the results of events that are finished already, each at the position of its id: their rows without payloads.
 * Null at the position of every other event. See payments.ingest_webhook_event.
 */
create or replace function payments_private.duplicate_results(environment text, ids text[])
  returns jsonb[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan -- planning each list again takes longer than reading it
  set enable_seqscan = off -- a plan made while the ledger was empty would read all of it
as $$
declare
  v_event payments.webhook_events;
  v_results jsonb[];
begin
  for v_event in
    select w.*
    from payments.webhook_events as w
    where w.provider_event_id = any (duplicate_results.ids)
      and w.environment = duplicate_results.environment
      and w.provider = 'stripe'
      and w.processing_status in ('processed', 'ignored')
  loop
    v_results[array_position(duplicate_results.ids, v_event.provider_event_id)] :=
      jsonb_build_object('status', 'duplicate', 'event', to_jsonb(v_event) - 'payload', 'fetch', '[]'::jsonb);
  end loop;
  return v_results;
end;
$$;

revoke all on function payments_private.duplicate_results(text, text[]) from public, anon, authenticated;
--! EndIncluded ledger/private/duplicate_results.sql
--! Included connection/private/is_own_account.sql
/*
 * Returns whether the connected account that an event names is the account of this environment. Stripe names an account
 * only in events of Connect. While the environment's account is unknown, the result is false.
 */
create or replace function payments_private.is_own_account(environment text, account_id text)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select
    from payments.provider_connections as c
    where c.provider = 'stripe'
      and c.environment = is_own_account.environment
      and c.provider_account_id = is_own_account.account_id
  );
end;
$$;

revoke all on function payments_private.is_own_account(text, text) from public, anon, authenticated;
--! EndIncluded connection/private/is_own_account.sql
--! Included ledger/private/process_batch.sql
/*
 * Projects events and records them with the given statuses. Returns their results in the same order; see
 * payments.ingest_webhook_event.
 *
 * All or nothing: raises what a projector, a fulfilment trigger or a deferred constraint of the app raises. The caller
 * runs it in a subtransaction; see process_events.
 */
create or replace function payments_private.process_batch(environment text, events jsonb[], ids text[], statuses text[])
  returns jsonb[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fetches jsonb[] := payments_private.project_events(environment, events, statuses);
  v_results jsonb[] := payments_private.record_events(environment, events, ids, statuses, v_fetches);
begin
  -- raise here what the app has deferred: at the commit it could not be recorded
  set constraints all immediate;
  set constraints all deferred;
  return v_results;
end;
$$;

revoke all on function payments_private.process_batch(text, jsonb[], text[], text[]) from public, anon, authenticated;
--! EndIncluded ledger/private/process_batch.sql
--! Included ledger/private/event_fault.sql
/*
 * Returns a sentence about what is wrong with the object of an event that cannot be projected. It names the field that
 * is missing or out of range. The result is null if nothing is found. message is that of the error: for a missing value
 * it names the column.
 *
 * Contract: only describe_error calls it, after Postgres refused a value. It never raises.
 */
create or replace function payments_private.event_fault(event jsonb, message text)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object jsonb := event #> '{data,object}';
  v_name text := format('The %s %s', left(v_object ->> 'object', 60), left(v_object ->> 'id', 255));
  v_column text := (regexp_match(message, '^null value in column "(\w+)" of relation "(?:stripe_|customers|transactions|payment_objects)'))[1];
  v_field text;
begin
  if jsonb_typeof(v_object -> 'id') is distinct from 'string' then
    return 'The object of the event has no id.';
  end if;
  if v_column is not null then
    return format('%s has no value for %s.', v_name, v_column);
  end if;
  if message like 'ON CONFLICT DO UPDATE command cannot affect row a second time%' then
    return format('%s has two items with the same id.', v_name);
  end if;
  if message ~ '(non-array|non-object|a scalar|array of|object keys)' then
    return format('%s has a list or an object in another shape than Stripe sends.', v_name);
  end if;
  -- find a number that no column holds
  select f.key
  into v_field
  from jsonb_path_query(v_object, 'strict $.** ? (@.type() == "object")') as o (part)
  cross join jsonb_each(o.part) as f (key, value)
  where jsonb_typeof(f.value) = 'number'
    and (abs((f.value #>> '{}')::numeric) > 9223372036854775807 or (f.value #>> '{}')::numeric % 1 <> 0)
    and f.key !~ '(decimal|percent|rate)'
  limit 1;
  return case when v_field is not null then format('%s has a number in %s that is not whole or out of range.', v_name, left(v_field, 100)) end;
end;
$$;

revoke all on function payments_private.event_fault(jsonb, text) from public, anon, authenticated;
--! EndIncluded ledger/private/event_fault.sql
--! Included ledger/private/describe_error.sql
/*
 * Returns the text that the ledger keeps of an error of an event: the message with its SQLSTATE. If the event waited
 * too long for a lock (55P03), the text also names the transaction that may hold it. It gives its process, its
 * application_name, and since when it is open. If Postgres refused a value, the text also names the object and the
 * field; see event_fault. It never shows a statement, because that may contain data.
 *
 * After the wait Postgres no longer tells who held the lock. So this looks for the oldest open transaction that
 *   - has written to, or locked rows of, the table in whose row lock the wait ended (context is that of the error), or
 *   - holds a lock of the ids of the event, or of its environment, or
 *   - has locked a whole table of the schema payments
 * and waits for no lock itself. A role without pg_read_all_stats sees no times of other roles.
 */
create or replace function payments_private.describe_error(
  environment text,
  event jsonb,
  state text,
  message text,
  context text
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_error constant text := message || ' (' || state || ')';
  v_relation constant text := substring(context from 'in relation "([^"]+)"');
  v_keys bigint[];
  v_holder record;
begin
  if state <> '55P03' then
    return v_error || coalesce(
      '. ' || case when state in ('22003', '22P02', '23502', '21000', '22023') then payments_private.event_fault(event, message) end,
      ''
    );
  end if;
  v_keys := array(
    select hashtextextended(describe_error.environment || ' ' || i.id, 0)
    from unnest(payments_private.ids_of(array[describe_error.event])) as i (id)
    union all
    select hashtextextended('environment ' || describe_error.environment, 2)
  );
  select l.pid, a.application_name, a.xact_start
  into v_holder
  from pg_locks as l
  join pg_stat_activity as a on a.pid = l.pid
  left join pg_class as r on l.locktype = 'relation' and r.oid = l.relation
  where l.granted
    and l.database = (select d.oid from pg_database as d where d.datname = current_database())
    and l.pid <> pg_backend_pid()
    and (
      (r.relname = v_relation and l.mode not in ('AccessShareLock', 'ShareUpdateExclusiveLock'))
      or (r.relnamespace = 'payments'::regnamespace and l.mode in ('ExclusiveLock', 'AccessExclusiveLock'))
      or (l.locktype = 'advisory' and l.objsubid = 1 and (l.classid::bigint << 32) | l.objid::bigint = any (v_keys))
    )
    and not exists (select from pg_locks as w where w.pid = l.pid and not w.granted)
  order by a.xact_start nulls last, l.pid
  limit 1;
  return v_error || case
    when v_holder.pid is null then '. The transaction that held the lock has ended, or cannot be seen.'
    else format(
      '. Process %s%s may hold the lock%s.',
      v_holder.pid,
      ' (' || nullif(v_holder.application_name, '') || ')',
      '; its transaction has been open for ' || round(extract(epoch from clock_timestamp() - v_holder.xact_start)) || ' s'
    )
  end;
end;
$$;

revoke all on function payments_private.describe_error(text, jsonb, text, text, text) from public, anon, authenticated;
--! EndIncluded ledger/private/describe_error.sql
--! Included ledger/private/keep_failed_event.sql
/*
 * Records an event as failed with the error, and applies its projections on their own where possible: the state is
 * right although fulfilment failed. Returns its result; see payments.ingest_webhook_event. Contract: its ids are
 * locked.
 */
create or replace function payments_private.keep_failed_event(
  environment text,
  event jsonb,
  id text,
  status text,
  error text
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '500ms' -- the event may have waited already
as $$
declare
  v_fetches jsonb[];
begin
  begin
    v_fetches := payments_private.project_events(environment, array[event], array[status]);
  exception
    when others then
      v_fetches := array['[]'::jsonb];
  end;
  return (payments_private.record_events(environment, array[event], array[id], array['failed'], v_fetches, error))[1];
end;
$$;

revoke all on function payments_private.keep_failed_event(text, jsonb, text, text, text) from public, anon, authenticated;
--! EndIncluded ledger/private/keep_failed_event.sql
--! Included ledger/private/process_one.sql
/*
 * Projects one event and records it with the given status. If that raises, the event is kept as failed, see
 * keep_failed_event. Returns its result; see payments.ingest_webhook_event.
 * Raises only if the failure itself cannot be recorded.
 */
create or replace function payments_private.process_one(environment text, event jsonb, id text, status text)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_error text;
  v_context text;
begin
  begin
    return (payments_private.process_batch(environment, array[event], array[id], array[status]))[1];
  exception
    when others or assert_failure or query_canceled then
      get stacked diagnostics v_context = pg_exception_context;
      v_error := payments_private.describe_error(environment, event, sqlstate, sqlerrm, v_context);
  end;

  return payments_private.keep_failed_event(environment, event, id, status, v_error);
end;
$$;

revoke all on function payments_private.process_one(text, jsonb, text, text) from public, anon, authenticated;
--! EndIncluded ledger/private/process_one.sql
--! Included ledger/private/status_of_event.sql
/*
 * Returns the status with which an event is recorded if nothing fails. It is ignored if the event's type is not
 * projected or if it is about another account, else processed.
 */
create or replace function payments_private.status_of_event(environment text, event jsonb)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when payments_private.is_projected_event(event ->> 'type')
      and (event ->> 'account' is null or payments_private.is_own_account(environment, event ->> 'account'))
    then 'processed'
    else 'ignored'
  end;
end;
$$;

revoke all on function payments_private.status_of_event(text, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/status_of_event.sql
--! Included ledger/private/process_events.sql
/*
 * Processes events whose ids are locked, and of which no two have an id in common. Returns a list in the same order of
 * {status, event, fetch}; see payments.ingest_webhook_event. A finished event changes nothing, unless reprocess is
 * true.
 *
 * Events are independent. If the batch raises, each event is processed on its own.
 *
 *   what raises               what is committed                                                          by
 *   nothing                   projections, ledger rows (processed or ignored), fulfilment                process_batch
 *   the batch                 nothing of it; each event is processed on its own                          process_events
 *   an event on its own       its projections if they succeed, its ledger row (failed), no fulfilment    process_one
 *
 * If a batch of several events exceeds the statement timeout, process_events raises 57014. The caller then sends each
 * event in a call of its own, so that each has the whole time.
 */
create or replace function payments_private.process_events(
  environment text,
  payloads jsonb[],
  reprocess boolean default false
)
  returns jsonb[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_payload_ids text[];
  v_results jsonb[];
  v_positions integer[] := '{}'; -- of the events to process, by which the next four are in order
  v_events jsonb[] := '{}';
  v_ids text[] := '{}';
  v_statuses text[] := '{}';
  v_processed jsonb[];
begin
  payloads := payments_private.redact_erased(environment, payloads);

  -- find finished events
  for v_position in 1 .. cardinality(payloads) loop
    v_payload_ids[v_position] := payloads[v_position] ->> 'id';
  end loop;
  if not reprocess then
    v_results := payments_private.duplicate_results(environment, v_payload_ids);
  end if;

  -- choose the status of the others
  for v_position in 1 .. cardinality(payloads) loop
    continue when v_results[v_position] is not null;
    v_positions := v_positions || v_position;
    v_events := v_events || payloads[v_position];
    v_ids := v_ids || v_payload_ids[v_position];
    v_statuses := v_statuses || payments_private.status_of_event(environment, payloads[v_position]);
  end loop;

  -- process the others
  if cardinality(v_events) = 1 then
    v_processed[1] := payments_private.process_one(environment, v_events[1], v_ids[1], v_statuses[1]);
  elsif cardinality(v_events) > 1 then
    begin
      v_processed := payments_private.process_batch(environment, v_events, v_ids, v_statuses);
    exception
      when others or assert_failure then
        v_processed := null;
        if sqlstate = '55P03' then -- the batch has waited already
          perform set_config('lock_timeout', '1s', true);
        end if;
    end;
    if v_processed is null then
      -- the rollback has released the locks of payments
      perform payments_private.lock_payments_of(environment, payments_private.ids_of(v_events));
      for i in 1 .. cardinality(v_events) loop
        if not reprocess then -- a trigger of the app may have finished this event, for example by a retry
          v_processed[i] := (payments_private.duplicate_results(environment, array[v_ids[i]]))[1];
        end if;
        if v_processed[i] is null then
          v_processed[i] := payments_private.process_one(environment, v_events[i], v_ids[i], v_statuses[i]);
        end if;
      end loop;
    end if;
  end if;

  for i in 1 .. cardinality(v_positions) loop
    v_results[v_positions[i]] := v_processed[i];
  end loop;
  return v_results;
end;
$$;

revoke all on function payments_private.process_events(text, jsonb[], boolean) from public, anon, authenticated;
--! EndIncluded ledger/private/process_events.sql
--! Included ledger/private/ingest_events.sql
/*
 * Returns the results of events without a problem (see event_problem), in the same order; see
 * payments.ingest_webhook_event. Locks all ids of the events at once and in order, then processes batches in which no
 * two events have an id in common. Each batch is set-based.
 */
create or replace function payments_private.ingest_events(environment text, payloads jsonb[])
  returns jsonb[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_positions integer[];
  v_batch_numbers integer[];
  v_batch jsonb[];
  v_results jsonb[];
  v_processed jsonb[];
begin
  -- lock the ids
  perform payments_private.lock_environment(environment);
  perform payments_private.lock_ids(environment, payments_private.ids_of(payloads));

  -- process the batches
  if cardinality(payloads) = 0 then
    return '{}';
  end if;
  if cardinality(payloads) = 1 then
    return payments_private.process_events(environment, payloads);
  end if;
  v_batch_numbers := payments_private.split_into_batches(payloads);
  for v_number in 1 .. (select max(b.number) from unnest(v_batch_numbers) as b (number)) loop
    select array_agg(p.payload order by p.position), array_agg(p.position order by p.position)
    into v_batch, v_positions
    from unnest(payloads) with ordinality as p (payload, position)
    where v_batch_numbers[p.position] = v_number;
    v_processed := payments_private.process_events(environment, v_batch);
    for i in 1 .. cardinality(v_positions) loop
      v_results[v_positions[i]] := v_processed[i];
    end loop;
  end loop;
  return v_results;
end;
$$;

revoke all on function payments_private.ingest_events(text, jsonb[]) from public, anon, authenticated;
--! EndIncluded ledger/private/ingest_events.sql
--! Included ledger/private/event_problem.sql
/*
 * Returns why a body is not a Stripe event of this environment, as a sentence; null if it is one.
 */
create or replace function payments_private.event_problem(environment text, payload jsonb)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(payload) is distinct from 'object'
    or payload ->> 'object' is distinct from 'event'
    or coalesce(payload ->> 'id', '') = ''
    or coalesce(payload ->> 'type', '') = ''
    or jsonb_typeof(payload -> 'created') is distinct from 'number'
    or jsonb_typeof(payload -> 'livemode') is distinct from 'boolean'
    or jsonb_typeof(payload -> 'data' -> 'object') is distinct from 'object'
  then
    return 'The body is not a Stripe event.';
  end if;
  if length(payload ->> 'id') > 255
    or length(payload ->> 'type') > 255
    or length(payload -> 'data' -> 'object' ->> 'id') > 255
    or (payload ->> 'created')::numeric not between 0 and 1e11 -- seconds
  then
    return 'The body is not a Stripe event: an id is longer than 255 characters, or created is out of range.';
  end if;
  if (payload ->> 'livemode')::boolean <> (environment = 'live') then
    return format(
      'The event is from %s mode, and this address takes events of environment %s.',
      case when (payload ->> 'livemode')::boolean then 'live' else 'test' end, environment
    );
  end if;
  return null;
end;
$$;

revoke all on function payments_private.event_problem(text, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/event_problem.sql
--! Included ledger/private/fail_event.sql
/*
 * Keeps an event as failed, and returns its result; see payments.ingest_webhook_event. error is what its short path
 * raised, or that it got no lock in time.
 *
 * The error may come from the app's fulfilment trigger. So the event does not take the general path now, because that
 * would fire the trigger a second time. A retry takes it.
 *
 * The waits of this function are short, because the event may have waited already. If the ids of the event are locked,
 * the ledger alone is written: its key is all that this needs. The environment must not be locked by another
 * transaction, because that may be connecting another account. If it is, this raises 55P03, and Stripe delivers the
 * event again.
 */
create or replace function payments_private.fail_event(environment text, payload jsonb, error text)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '500ms'
as $$
declare
  v_id text := payload ->> 'id';
  v_result jsonb;
begin
  payload := (payments_private.redact_erased(environment, array[payload]))[1];
  perform payments_private.lock_environment(environment);
  begin
    perform payments_private.lock_ids(environment, payments_private.ids_of(array[payload]));
    v_result := (payments_private.duplicate_results(environment, array[v_id]))[1];
    if v_result is null then
      v_result := payments_private.keep_failed_event(
        environment, payload, v_id, payments_private.status_of_event(environment, payload), error
      );
    end if;
    return v_result;
  exception
    when lock_not_available then null;
  end;

  update payments.webhook_events as w
  set processing_status = 'failed',
      attempt_count = w.attempt_count + 1,
      last_error = fail_event.error,
      next_attempt_at = now() + payments_private.retry_delay(w.attempt_count + 1)
  where w.provider_event_id = v_id
    and w.environment = fail_event.environment
    and w.provider = 'stripe'
    and w.processing_status in ('pending', 'failed');
  if not found then
    insert into payments.webhook_events (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_account_id,
      provider_created_at, payload, processing_status, attempt_count, last_error, next_attempt_at
    )
    values (
      fail_event.environment,
      v_id,
      fail_event.payload ->> 'type',
      fail_event.environment = 'live',
      fail_event.payload -> 'data' -> 'object' ->> 'object',
      fail_event.payload -> 'data' -> 'object' ->> 'id',
      fail_event.payload ->> 'account',
      to_timestamp((fail_event.payload -> 'created')::double precision),
      fail_event.payload,
      'failed',
      1,
      fail_event.error,
      now() + payments_private.retry_delay(1)
    )
    on conflict do nothing;
  end if;
  select jsonb_build_object(
    'status', case when w.processing_status = 'failed' then 'failed' else 'duplicate' end,
    'event', to_jsonb(w) - 'payload',
    'fetch', '[]'::jsonb
  )
  into v_result
  from payments.webhook_events as w
  where w.provider_event_id = v_id and w.environment = fail_event.environment and w.provider = 'stripe';
  return v_result;
end;
$$;

revoke all on function payments_private.fail_event(text, jsonb, text) from public, anon, authenticated;
--! EndIncluded ledger/private/fail_event.sql
--! Included ledger/private/ingest_generally.sql
/*
 * Takes one verified event by the general path. Returns its result; see payments.ingest_webhook_event, which also says
 * what this raises. If it gets no lock in time, the event is kept as failed.
 */
create or replace function payments_private.ingest_generally(environment text, payload jsonb)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_error text;
  v_context text;
begin
  -- check the arguments
  perform payments_private.check_environment(environment);
  v_error := payments_private.event_problem(environment, payload);
  if v_error is not null then
    raise exception '%', v_error
      using errcode = 'SP005',
            hint = 'Send the events of each mode from its Stripe webhook endpoint to the address of its environment.';
  end if;

  -- take the general path
  begin
    return (payments_private.ingest_events(environment, array[payload]))[1];
  exception
    when lock_not_available then
      get stacked diagnostics v_context = pg_exception_context;
      v_error := payments_private.describe_error(environment, payload, sqlstate, sqlerrm, v_context);
  end;
  return payments_private.fail_event(environment, payload, v_error);
end;
$$;

revoke all on function payments_private.ingest_generally(text, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/ingest_generally.sql
--! Included ledger/private/take_ignored.sql
/*
 * Takes an event of a type that is not projected: writes the ledger. Returns the event's result, or null if the ledger
 * has the event already, or if it is about somebody whose data was erased. Contract: see take_event.
 */
create or replace function payments_private.take_ignored(
  environment text,
  payload jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_result jsonb;
begin
  with recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    select
      take_ignored.environment,
      take_ignored.payload ->> 'id',
      take_ignored.payload ->> 'type',
      take_ignored.environment = 'live',
      take_ignored.payload -> 'data' -> 'object' ->> 'object',
      take_ignored.payload -> 'data' -> 'object' ->> 'id',
      to_timestamp((take_ignored.payload -> 'created')::double precision),
      take_ignored.payload,
      'ignored',
      1,
      now()
    where not exists (
      select
      from payments_private.erased_objects as e
      where e.object_id in (
          take_ignored.payload -> 'data' -> 'object' ->> 'id',
          coalesce(
            take_ignored.payload -> 'data' -> 'object' -> 'customer' ->> 'id', take_ignored.payload -> 'data' -> 'object' ->> 'customer'
          ),
          take_ignored.payload -> 'data' -> 'object' ->> 'payment_intent',
          take_ignored.payload -> 'data' -> 'object' ->> 'payment_method',
          take_ignored.payload -> 'data' -> 'object' ->> 'charge',
          take_ignored.payload -> 'data' -> 'object' ->> 'invoice',
          take_ignored.payload -> 'data' -> 'object' ->> 'subscription',
          take_ignored.payload -> 'data' -> 'previous_attributes' ->> 'customer'
        )
        and e.environment = take_ignored.environment
    )
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'ignored', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.take_ignored(
  text, jsonb
) from public, anon, authenticated;
--! EndIncluded ledger/private/take_ignored.sql
--! Included payment/private/put_ordinary_refund.sql
/*
 * Writes a succeeded refund of an ordinary payment that has a transaction. One statement writes the objects that
 * change, of which the refund is the first, both transactions, and the ledger. A refund says nothing of a payment but
 * how much of it was paid back, and to what objects it belongs. Returns the event's result; null if the ledger has the
 * event already. Contract: see change_ordinary_payment. take_refund writes most refunds of which nothing is known yet.
 */
create or replace function payments_private.put_ordinary_refund(
  environment text,
  payload jsonb,
  objects payments_private.payment_objects[],
  derived payments.transactions
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column -- the target of on conflict cannot be qualified
declare
  v_result jsonb;
begin
  with put as (
    insert into payments_private.payment_objects as t (
      environment, object_id, object_type, payment_id, version, state, status, amount, currency, description,
      provider_created_at, succeeded_at
    )
    select
      o.environment, o.object_id, o.object_type, o.payment_id, o.version, o.state, o.status, o.amount, o.currency,
      o.description, o.provider_created_at, o.succeeded_at
    from unnest(put_ordinary_refund.objects) as o
    on conflict on constraint payment_objects_pkey do update
    set version = excluded.version,
        state = excluded.state,
        status = excluded.status,
        amount = excluded.amount,
        currency = excluded.currency,
        description = excluded.description,
        provider_created_at = excluded.provider_created_at,
        succeeded_at = excluded.succeeded_at
  ),
  paid as (
    update payments.transactions as t
    set status = d.status,
        related_object_ids = d.related_object_ids,
        provider_object_type = d.provider_object_type,
        provider_object_id = d.provider_object_id,
        amount_refunded = d.amount_refunded,
        refunded_at = d.refunded_at,
        receipt_url = details.receipt_url,
        card_brand = details.card_brand,
        card_last4 = details.card_last4
    from (select (put_ordinary_refund.derived).*) as d
    left join payments_private.charge_details as details
      on details.charge_id = d.related_object_ids ->> 'charge' and details.environment = d.environment
    where t.id = d.id
  ),
  repaid as (
    insert into payments.transactions as t (
      id, environment, type, status, subject_type, subject_id, provider_customer_id, customer_email_snapshot,
      provider_object_type, provider_object_id, provider_parent_object_type, provider_parent_object_id,
      related_object_ids, amount, currency, description, refunded_at, provider_created_at
    )
    select
      payments_private.uuid_of_object(d.environment, o.object_id), d.environment, 'refund', o.state, d.subject_type,
      d.subject_id, d.provider_customer_id, d.customer_email_snapshot, 'refund', o.object_id, d.provider_object_type,
      d.provider_object_id, d.related_object_ids || jsonb_build_object('refund', o.object_id), o.amount, o.currency,
      o.description, coalesce(o.succeeded_at, o.provider_created_at), o.provider_created_at
    from (select (put_ordinary_refund.derived).*) as d
    cross join (select (put_ordinary_refund.objects[1]).*) as o
    on conflict (provider_object_id, provider_object_type, environment, provider)
      where provider_object_type is not null and provider_object_id is not null
    do update
    set status = excluded.status,
        amount = excluded.amount,
        currency = excluded.currency,
        description = excluded.description,
        failed_at = null,
        refunded_at = excluded.refunded_at,
        provider_created_at = excluded.provider_created_at
  ),
  recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    values (
      put_ordinary_refund.environment,
      put_ordinary_refund.payload ->> 'id',
      put_ordinary_refund.payload ->> 'type',
      put_ordinary_refund.environment = 'live',
      put_ordinary_refund.payload -> 'data' -> 'object' ->> 'object',
      put_ordinary_refund.payload -> 'data' -> 'object' ->> 'id',
      to_timestamp((put_ordinary_refund.payload -> 'created')::double precision),
      put_ordinary_refund.payload,
      'processed',
      1,
      now()
    )
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.put_ordinary_refund(
  text, jsonb, payments_private.payment_objects[], payments.transactions
) from public, anon, authenticated;
--! EndIncluded payment/private/put_ordinary_refund.sql
--! Included payment/private/update_ordinary_payment.sql
/*
 * Writes the objects of an ordinary payment that has a transaction, its transaction if it changes, and the ledger, all
 * in one statement. Returns the event's result; null if the ledger has the event already. objects are those that
 * change. Contract: see change_ordinary_payment.
 */
create or replace function payments_private.update_ordinary_payment(
  environment text,
  payload jsonb,
  objects payments_private.payment_objects[],
  derived payments.transactions
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_result jsonb;
begin
  with put as (
    insert into payments_private.payment_objects as t (
      environment, object_id, object_type, payment_id, version, state, status, amount, amount_refunded, amount_released,
      currency, customer_id, customer_email, description, subscription_id, product_id, price_id, subject_type,
      subject_id, subject_version, provider_created_at, succeeded_at, failed_at, completed_at, refunded_at,
      failure_seen_at, canceled_at, canceled_charge_id, failed_charge_ids
    )
    select
      o.environment, o.object_id, o.object_type, o.payment_id, o.version, o.state, o.status, o.amount, o.amount_refunded,
      o.amount_released, o.currency, o.customer_id, o.customer_email, o.description, o.subscription_id, o.product_id,
      o.price_id, o.subject_type, o.subject_id, o.subject_version, o.provider_created_at, o.succeeded_at, o.failed_at,
      o.completed_at, o.refunded_at, o.failure_seen_at, o.canceled_at, o.canceled_charge_id, o.failed_charge_ids
    from unnest(update_ordinary_payment.objects) as o
    on conflict on constraint payment_objects_pkey do update
    set object_type = excluded.object_type,
        version = excluded.version,
        state = excluded.state,
        status = excluded.status,
        amount = excluded.amount,
        amount_refunded = excluded.amount_refunded,
        amount_released = excluded.amount_released,
        currency = excluded.currency,
        customer_id = excluded.customer_id,
        customer_email = excluded.customer_email,
        description = excluded.description,
        subscription_id = excluded.subscription_id,
        product_id = excluded.product_id,
        price_id = excluded.price_id,
        subject_type = excluded.subject_type,
        subject_id = excluded.subject_id,
        subject_version = excluded.subject_version,
        provider_created_at = excluded.provider_created_at,
        succeeded_at = excluded.succeeded_at,
        failed_at = excluded.failed_at,
        completed_at = excluded.completed_at,
        refunded_at = excluded.refunded_at,
        failure_seen_at = excluded.failure_seen_at,
        canceled_at = excluded.canceled_at,
        canceled_charge_id = excluded.canceled_charge_id,
        failed_charge_ids = excluded.failed_charge_ids
    where excluded.version > t.version
  ),
  paid as (
    update payments.transactions as t
    set type = d.type,
        status = d.status,
        subject_type = d.subject_type,
        subject_id = d.subject_id,
        provider_customer_id = d.provider_customer_id,
        customer_email_snapshot = d.customer_email_snapshot,
        provider_object_type = d.provider_object_type,
        provider_object_id = d.provider_object_id,
        related_object_ids = d.related_object_ids,
        amount = d.amount,
        amount_refunded = d.amount_refunded,
        currency = d.currency,
        description = d.description,
        paid_at = d.paid_at,
        failed_at = d.failed_at,
        refunded_at = d.refunded_at,
        provider_created_at = d.provider_created_at,
        receipt_url = details.receipt_url,
        card_brand = details.card_brand,
        card_last4 = details.card_last4
    from (select (update_ordinary_payment.derived).*) as d
    left join payments_private.charge_details as details
      on details.charge_id = d.related_object_ids ->> 'charge' and details.environment = d.environment
    where t.id = d.id
      and (t.type, t.status, t.subject_type, t.subject_id, t.provider_customer_id, t.customer_email_snapshot,
           t.provider_object_type, t.provider_object_id, t.related_object_ids, t.amount, t.amount_refunded,
           t.currency, t.description, t.paid_at, t.failed_at, t.refunded_at, t.provider_created_at,
           t.receipt_url, t.card_brand, t.card_last4)
        is distinct from
          (d.type, d.status, d.subject_type, d.subject_id, d.provider_customer_id, d.customer_email_snapshot,
           d.provider_object_type, d.provider_object_id, d.related_object_ids, d.amount, d.amount_refunded,
           d.currency, d.description, d.paid_at, d.failed_at, d.refunded_at, d.provider_created_at,
           details.receipt_url, details.card_brand, details.card_last4)
  ),
  recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    values (
      update_ordinary_payment.environment,
      update_ordinary_payment.payload ->> 'id',
      update_ordinary_payment.payload ->> 'type',
      update_ordinary_payment.environment = 'live',
      update_ordinary_payment.payload -> 'data' -> 'object' ->> 'object',
      update_ordinary_payment.payload -> 'data' -> 'object' ->> 'id',
      to_timestamp((update_ordinary_payment.payload -> 'created')::double precision),
      update_ordinary_payment.payload,
      'processed',
      1,
      now()
    )
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.update_ordinary_payment(
  text, jsonb, payments_private.payment_objects[], payments.transactions
) from public, anon, authenticated;
--! EndIncluded payment/private/update_ordinary_payment.sql
--! Included payment/private/lock_payment_of.sql
/*
 * Locks the payment that some objects belong to, and returns its id, all its objects as they are then, and whether it
 * has a transaction. All three are null if no object is known. is_one is false, and the caller leaves the payment to
 * the general path,
 *   - if the objects belong to several payments, or if the payment was merged with another one before it was locked
 *   - if somebody has assigned or erased something of it, as owner_ids or its objects name it. owner_ids are the customer
 *     and the subscription of the event. A charge, for example, names no subscription, and its invoice does.
 * Contract: the ids are locked (lock_ids). It writes nothing, so that its settings reach no trigger of the app.
 */
create or replace function payments_private.lock_payment_of(
  environment text,
  ids text[],
  owner_ids text[],
  out is_one boolean,
  out payment_id uuid,
  out objects payments_private.payment_objects[],
  out has_transaction boolean
)
  returns record
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
as $$
declare
  v_ids uuid[]; -- of the payment of each known object
  v_known_now integer;
  v_is_special boolean;
begin
  -- ask first whether anything was assigned or erased, because both are rare
  select
    array(
      select o.payment_id
      from payments_private.payment_objects as o
      where o.object_id = any (lock_payment_of.ids) and o.environment = lock_payment_of.environment
    ),
    exists (select from payments_private.subject_assignments) or exists (select from payments_private.erased_objects)
  into v_ids, v_is_special;
  is_one := v_ids[1] = all (v_ids); -- also if there is none
  if is_one and v_is_special then
    is_one := not exists (
        select
        from payments_private.subject_assignments as a
        where a.object_id = any (lock_payment_of.owner_ids) and a.environment = lock_payment_of.environment
      )
      and not exists (
        select
        from payments_private.erased_objects as e
        where e.object_id = any (lock_payment_of.owner_ids || lock_payment_of.ids) and e.environment = lock_payment_of.environment
      );
  end if;
  if not is_one or cardinality(v_ids) = 0 then
    return;
  end if;
  payment_id := v_ids[1];
  if pg_advisory_xact_lock(hashtextextended(payment_id::text, 1)) is null then -- lock_payments
    return;
  end if;

  -- read again, after any wait
  select
    array_agg(o),
    count(*) filter (where o.object_id = any (lock_payment_of.ids)),
    exists (select from payments.transactions as t where t.id = lock_payment_of.payment_id),
    exists (select from payments_private.subject_assignments)
  into objects, v_known_now, has_transaction, v_is_special
  from payments_private.payment_objects as o
  where o.payment_id = lock_payment_of.payment_id;
  is_one := v_known_now = cardinality(v_ids);
  if is_one and v_is_special then
    is_one := not exists (
      select
      from payments_private.subject_assignments as a
      where a.environment = lock_payment_of.environment
        and a.object_id = any (array(
          select i.id
          from unnest(objects) as o
          cross join lateral (values (o.customer_id), (o.subscription_id)) as i (id)
        ))
    );
  end if;
end;
$$;

revoke all on function payments_private.lock_payment_of(text, text[], text[]) from public, anon, authenticated;
--! EndIncluded payment/private/lock_payment_of.sql
--! Included payment/private/ordinary_transaction.sql
/*
 * The transaction of an ordinary payment: what derived_transactions says for these objects, which are all objects of
 * one payment. Null if the payment is not ordinary, or if nothing is known of it. The view decides what is right; this
 * is its short form for most payments without the receipt, and a property holds the two together. It has the type of
 * the table, because to load that of the view takes a new connection a millisecond.
 *
 * Ordinary is a payment
 *   - of at most one invoice, PaymentIntent, charge and session; every one of which anything is known has succeeded
 *   - with refunds that have all succeeded, or with none
 *   - of which nothing was released, and without a dispute, an invoice payment and a shortened reference
 */
create or replace function payments_private.ordinary_transaction(objects payments_private.payment_objects[])
  returns payments.transactions
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object payments_private.payment_objects;
  i payments_private.payment_objects; -- the invoice
  p payments_private.payment_objects; -- the PaymentIntent
  c payments_private.payment_objects; -- the charge
  s payments_private.payment_objects; -- the session
  v_is_paid boolean := false;
  v_refunds bigint;
  v_refunded_at timestamptz;
  v_subscription_id text;
  v_customer_id text;
  v_subject payments.billing_subject;
  v_amount bigint;
  v_amount_refunded bigint;
begin
  -- sort the objects
  foreach v_object in array objects loop
    if v_object.version > 0 and (v_object.state is distinct from 'succeeded' or v_object.amount_released > 0) then
      return null;
    end if;
    case v_object.object_type
      when 'payment_intent' then
        if p.object_id is not null then return null; end if;
        p := v_object;
      when 'charge' then
        if c.object_id is not null then return null; end if;
        c := v_object;
      when 'checkout_session' then
        if s.object_id is not null then return null; end if;
        s := v_object;
      when 'invoice' then
        if i.object_id is not null then return null; end if;
        i := v_object;
      when 'refund' then
        if v_object.version = 0 or v_object.amount is null
          or coalesce(v_object.customer_id, v_object.customer_email, v_object.subscription_id, v_object.product_id,
            v_object.price_id, v_object.subject_type) is not null -- no refund says this
        then
          return null;
        end if;
        v_refunds := coalesce(v_refunds, 0) + v_object.amount;
        v_refunded_at := greatest(v_refunded_at, coalesce(v_object.succeeded_at, v_object.provider_created_at));
        continue;
      else return null;
    end case;
    v_is_paid := v_is_paid or v_object.version > 0;
  end loop;
  if not v_is_paid then
    return null;
  end if;

  -- find the owner: the one that an object names, else the subscription's, else the customer's
  v_subscription_id := coalesce(i.subscription_id, p.subscription_id, c.subscription_id, s.subscription_id);
  v_customer_id := coalesce(i.customer_id, p.customer_id, c.customer_id, s.customer_id);
  v_subject := case
    when i.subject_type is not null then row (i.subject_type, i.subject_id)
    when p.subject_type is not null then row (p.subject_type, p.subject_id)
    when c.subject_type is not null then row (c.subject_type, c.subject_id)
    else row (s.subject_type, s.subject_id)
  end;
  if v_subject.type is null and v_subscription_id is not null then
    select t.subject_type, t.subject_id
    into v_subject
    from payments.stripe_subscriptions as t
    where t.subscription_id = v_subscription_id and t.environment = objects[1].environment;
  end if;
  if v_subject.type is null and v_customer_id is not null then
    v_subject := payments_private.subject_of_customer(objects[1].environment, v_customer_id);
  end if;

  -- add up what was paid back
  v_amount := coalesce(i.amount, p.amount, c.amount, s.amount);
  v_amount_refunded := least(greatest(v_refunds, c.amount_refunded, 0), v_amount);

  return row (
    objects[1].payment_id,
    'stripe',
    objects[1].environment,
    case when v_subscription_id is not null then 'subscription_invoice' else 'one_time_payment' end,
    case
      when v_amount_refunded = 0 then 'succeeded'
      when v_amount_refunded < v_amount then 'partially_refunded'
      else 'refunded'
    end,
    v_subject.type,
    v_subject.id,
    v_customer_id,
    coalesce(i.customer_email, p.customer_email, c.customer_email, s.customer_email),
    case
      when p.object_id is not null then 'payment_intent'
      when i.object_id is not null then 'invoice'
      when s.object_id is not null then 'checkout_session'
      else 'charge'
    end,
    coalesce(p.object_id, i.object_id, s.object_id, c.object_id),
    null, null, -- parent
    jsonb_strip_nulls(jsonb_build_object(
      'payment_intent', p.object_id, 'invoice', i.object_id, 'checkout_session', s.object_id, 'charge', c.object_id,
      'subscription', v_subscription_id,
      'product', coalesce(i.product_id, p.product_id, c.product_id, s.product_id),
      'price', coalesce(i.price_id, p.price_id, c.price_id, s.price_id)
    )),
    v_amount,
    v_amount_refunded,
    coalesce(i.currency, p.currency, c.currency, s.currency),
    coalesce(i.description, p.description, c.description, s.description),
    coalesce( -- paid_at
      i.succeeded_at,
      least(p.succeeded_at, c.succeeded_at, s.succeeded_at),
      c.provider_created_at,
      least(i.provider_created_at, p.provider_created_at, s.provider_created_at)
    ),
    null, -- failed_at
    case when v_amount_refunded > 0 then coalesce(v_refunded_at, c.refunded_at) end,
    least(i.provider_created_at, p.provider_created_at, c.provider_created_at, s.provider_created_at),
    '{}', null, null, -- raw, and when the row was written
    null, null, null, 0, -- disputes
    null, null, null -- the receipt and the card are added where the row is written
  )::payments.transactions;
end;
$$;

revoke all on function payments_private.ordinary_transaction(payments_private.payment_objects[])
  from public, anon, authenticated;
--! EndIncluded payment/private/ordinary_transaction.sql
--! Included payment/private/change_ordinary_payment.sql
/*
 * Takes what the object of an event says of an ordinary payment of which objects are known: writes the objects, the
 * transaction and the ledger. Returns the event's result, or null if the event or the payment is not ordinary; see
 * take_event, ordinary_transaction. Contract: see put_ordinary_payment; objects are all of the payment, and
 * has_transaction says whether it has one.
 *
 * It writes what put_payment_objects and refresh_transactions write:
 *   - the object is new, was only linked to so far, or has an older snapshot, which is then merged in the same way
 *   - no two payments are joined, so each linked object is unknown or an object of this payment already
 *   - the transaction is derived from all objects
 *   - the transactions of refunds repeat columns of their payment: if these change while there are refunds, the general
 *     path writes both. It also writes the first refund of a payment that was assigned to another subject
 */
create or replace function payments_private.change_ordinary_payment(
  environment text,
  payload jsonb,
  snapshot payments_private.payment_snapshot,
  objects payments_private.payment_objects[],
  has_transaction boolean
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_own payments_private.payment_objects := snapshot.object;
  v_object payments_private.payment_objects;
  v_objects payments_private.payment_objects[] := '{}'; -- of the payment, as they will be
  v_changed payments_private.payment_objects[]; -- those of them that are to be written, first the event's own
  v_known_ids text[] := array[v_own.object_id];
  v_has_refunds boolean := false; -- before this event
  v_derived payments.transactions;
  v_transaction payments.transactions;
begin
  if not change_ordinary_payment.has_transaction then
    return null; -- known by links or by what failed to be paid
  end if;

  -- see the payment as it will be
  v_own.payment_id := (objects[1]).payment_id;
  if v_own.subject_type is not null and v_own.subject_version is null then
    v_own.subject_version := v_own.version;
  end if;
  foreach v_object in array objects loop
    v_has_refunds := v_has_refunds or v_object.object_type = 'refund';
    if v_object.object_id = v_own.object_id then
      if v_object.version >= v_own.version then
        return null; -- stale, or a tie
      elsif v_object.version > 0 then
        v_own := payments_private.merge_payment_object(v_object, v_own, true);
      end if;
    else
      v_objects := v_objects || v_object;
      v_known_ids := v_known_ids || v_object.object_id;
    end if;
  end loop;
  v_changed := array[v_own];
  for i in 1 .. cardinality(snapshot.linked_ids) loop
    if snapshot.linked_ids[i] <> all (v_known_ids) then
      v_changed := v_changed || row (
        environment, snapshot.linked_ids[i], snapshot.linked_types[i], v_own.payment_id, 0, null, null, null, null, null, null,
        null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null
      )::payments_private.payment_objects;
      v_known_ids := v_known_ids || snapshot.linked_ids[i];
    end if;
  end loop;

  -- derive and write
  v_derived := payments_private.ordinary_transaction(v_objects || v_changed);
  if v_derived.id is null then
    return null;
  end if;
  if v_has_refunds or v_own.object_type = 'refund' then
    select t.* into v_transaction from payments.transactions as t where t.id = v_derived.id;
    if (v_transaction.subject_type, v_transaction.subject_id, v_transaction.provider_customer_id,
        v_transaction.customer_email_snapshot)
      is distinct from
       (v_derived.subject_type, v_derived.subject_id, v_derived.provider_customer_id, v_derived.customer_email_snapshot)
      or v_has_refunds
      and (v_transaction.provider_object_type, v_transaction.provider_object_id, v_transaction.related_object_ids)
        is distinct from (v_derived.provider_object_type, v_derived.provider_object_id, v_derived.related_object_ids)
    then
      return null;
    end if;
  end if;
  if v_own.object_type = 'refund' then
    return payments_private.put_ordinary_refund(environment, payload, v_changed, v_derived);
  end if;
  return payments_private.update_ordinary_payment(environment, payload, v_changed, v_derived);
end;
$$;

revoke all on function payments_private.change_ordinary_payment(
  text, jsonb, payments_private.payment_snapshot, payments_private.payment_objects[], boolean
) from public, anon, authenticated;
--! EndIncluded payment/private/change_ordinary_payment.sql
--! Included payment/private/put_ordinary_payment.sql
/*
 * Takes what the object of an event says of an ordinary payment. Returns the event's result, or null if the event or
 * the payment is not ordinary; see take_event. Contract: the ids of the snapshot and the customer are locked.
 *
 * If objects of the payment are known, see change_ordinary_payment. Else it writes those that the object links to,
 * mostly one, and then the object, the transaction and the ledger in one statement. No object has a row, and their ids
 * are locked, so none can get one meanwhile. Of a payment that one object speaks of, each column of the transaction has
 * the value of that object; it is what ordinary_transaction says of it. To sort and to compare objects would cost a new
 * connection a tenth of its first event. Long because one statement writes three rows.
 */
create or replace function payments_private.put_ordinary_payment(
  environment text,
  payload jsonb,
  snapshot payments_private.payment_snapshot
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_own payments_private.payment_objects := snapshot.object;
  v_payment record;
  v_ids jsonb := jsonb_build_object(v_own.object_type, v_own.object_id); -- of the payment, by their kinds
  v_payment_id uuid := gen_random_uuid();
  v_subject payments.billing_subject;
  v_amount_refunded bigint := least(greatest(v_own.amount_refunded, 0), v_own.amount);
  v_position integer := 0;
  v_id text;
  v_type text;
  v_receipt_url text;
  v_card_brand text;
  v_card_last4 text;
  v_result jsonb;
begin
  -- lock what is known of it
  v_payment := payments_private.lock_payment_of(
    environment, snapshot.linked_ids || v_own.object_id, array[v_own.customer_id, v_own.subscription_id]
  );
  if v_payment.is_one is not true then
    return null;
  elsif v_payment.objects is not null then
    return payments_private.change_ordinary_payment(
      environment, payload, snapshot, v_payment.objects, v_payment.has_transaction
    );
  elsif v_own.object_type = 'refund'
    or v_own.state is distinct from 'succeeded'
    or v_own.amount_released > 0
    or v_own.failed_charge_ids is not null
  then
    return null;
  end if;

  -- write the objects that it links to
  foreach v_id in array snapshot.linked_ids loop
    v_position := v_position + 1;
    if v_id is not null then
      v_type := snapshot.linked_types[v_position];
      if v_type = 'order_reference' or v_ids ->> v_type <> v_id then
        return null; -- shortened, or two of one kind
      elsif not v_ids ? v_type then
        v_ids := v_ids || jsonb_build_object(v_type, v_id);
        insert into payments_private.payment_objects (environment, object_id, object_type, payment_id)
        values (put_ordinary_payment.environment, v_id, v_type, v_payment_id);
      end if;
    end if;
  end loop;

  -- find the owner: the one that the object names, else the subscription's, else the customer's
  v_subject := row (v_own.subject_type, v_own.subject_id);
  if v_subject.type is null and v_own.subscription_id is not null then
    select t.subject_type, t.subject_id
    into v_subject
    from payments.stripe_subscriptions as t
    where t.subscription_id = v_own.subscription_id and t.environment = put_ordinary_payment.environment;
  end if;
  if v_subject.type is null and v_own.customer_id is not null then
    v_subject := payments_private.subject_of_customer(environment, v_own.customer_id);
  end if;

  -- name the payment, and find its receipt
  v_type := case
    when v_ids ? 'payment_intent' then 'payment_intent'
    when v_ids ? 'invoice' then 'invoice'
    when v_ids ? 'checkout_session' then 'checkout_session'
    else 'charge'
  end;
  if v_ids ? 'charge' then
    select d.receipt_url, d.card_brand, d.card_last4
    into v_receipt_url, v_card_brand, v_card_last4
    from payments_private.charge_details as d
    where d.charge_id = v_ids ->> 'charge' and d.environment = put_ordinary_payment.environment;
  end if;

  -- write the object, the transaction, the ledger
  with put as (
    insert into payments_private.payment_objects (
      environment, object_id, object_type, payment_id, version, state, status, amount, amount_refunded, amount_released,
      currency, customer_id, customer_email, description, subscription_id, product_id, price_id, subject_type,
      subject_id, subject_version, provider_created_at, succeeded_at, completed_at, refunded_at
    )
    values (
      v_own.environment, v_own.object_id, v_own.object_type, v_payment_id, v_own.version, v_own.state, v_own.status,
      v_own.amount, v_own.amount_refunded, v_own.amount_released, v_own.currency, v_own.customer_id,
      v_own.customer_email, v_own.description, v_own.subscription_id, v_own.product_id, v_own.price_id,
      v_own.subject_type, v_own.subject_id,
      case when v_own.subject_type is not null then coalesce(v_own.subject_version, v_own.version) end,
      v_own.provider_created_at, v_own.succeeded_at, v_own.completed_at, v_own.refunded_at
    )
  ),
  paid as (
    insert into payments.transactions (
      id, environment, type, status, subject_type, subject_id, provider_customer_id, customer_email_snapshot,
      provider_object_type, provider_object_id, related_object_ids, amount, amount_refunded, currency, description,
      paid_at, refunded_at, provider_created_at, receipt_url, card_brand, card_last4
    )
    values (
      v_payment_id,
      v_own.environment,
      case when v_own.subscription_id is not null then 'subscription_invoice' else 'one_time_payment' end,
      case
        when v_amount_refunded = 0 then 'succeeded'
        when v_amount_refunded < v_own.amount then 'partially_refunded'
        else 'refunded'
      end,
      v_subject.type,
      v_subject.id,
      v_own.customer_id,
      v_own.customer_email,
      v_type,
      v_ids ->> v_type,
      v_ids || jsonb_strip_nulls(jsonb_build_object(
        'subscription', v_own.subscription_id, 'product', v_own.product_id, 'price', v_own.price_id
      )),
      v_own.amount,
      v_amount_refunded,
      v_own.currency,
      v_own.description,
      coalesce(v_own.succeeded_at, v_own.provider_created_at),
      case when v_amount_refunded > 0 then v_own.refunded_at end,
      v_own.provider_created_at,
      v_receipt_url,
      v_card_brand,
      v_card_last4
    )
  ),
  recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    values (
      put_ordinary_payment.environment,
      put_ordinary_payment.payload ->> 'id',
      put_ordinary_payment.payload ->> 'type',
      put_ordinary_payment.environment = 'live',
      put_ordinary_payment.payload -> 'data' -> 'object' ->> 'object',
      v_own.object_id,
      to_timestamp((put_ordinary_payment.payload -> 'created')::double precision),
      put_ordinary_payment.payload,
      'processed',
      1,
      now()
    )
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.put_ordinary_payment(text, jsonb, payments_private.payment_snapshot)
  from public, anon, authenticated;
--! EndIncluded payment/private/put_ordinary_payment.sql
--! Included projection/private/tax_of.sql
/*
 * Returns the sum of the taxes of an invoice or a credit note in the minor unit; null if Stripe names none. Since
 * 2025-03-31.basil they are in total_taxes, before that in total_tax_amounts, and in tax.
 */
create or replace function payments_private.tax_of(object jsonb)
  returns bigint
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_taxes jsonb := coalesce(nullif(object -> 'total_taxes', 'null'), object -> 'total_tax_amounts');
begin
  if jsonb_typeof(v_taxes) = 'array' and v_taxes <> '[]' then
    return (select sum((t.tax ->> 'amount')::bigint) from jsonb_array_elements(v_taxes) as t (tax));
  end if;
  return (object ->> 'tax')::bigint;
end;
$$;

revoke all on function payments_private.tax_of(jsonb) from public, anon, authenticated;
--! EndIncluded projection/private/tax_of.sql
--! Included projection/private/invoice_row.sql
/*
 * Returns the row of payments.stripe_invoices that a snapshot of an invoice stands for. Its subject is not decided yet.
 * named_subject is the one that the metadata of the invoice names, else of its subscription, else of what it bills.
 *
 * Several snapshots of one second are ordered by the status: draft, open, uncollectible. Stripe never leaves paid and
 * void. The API version decides where the subscription and the taxes are; see payment_of_invoice.
 */
create or replace function payments_private.invoice_row(
  environment text,
  object jsonb,
  event_type text,
  snapshot_at timestamptz
)
  returns payments.stripe_invoices
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_status text := coalesce(object ->> 'status', case when (object ->> 'paid')::boolean then 'paid' end, 'draft');
  v_is_deleted boolean := coalesce(event_type = 'invoice.deleted', false);
  v_parent jsonb := coalesce(nullif(object -> 'parent' -> 'subscription_details', 'null'), object -> 'subscription_details');
  v_subscription_id text := payments_private.id_of(
    coalesce(nullif(v_parent -> 'subscription', 'null'), object -> 'subscription')
  );
  v_subject payments.billing_subject := payments_private.subject_of(object -> 'metadata');
  v_version bigint := payments_private.snapshot_version(
    snapshot_at,
    event_type,
    v_is_deleted or v_status in ('paid', 'void'),
    case v_status when 'open' then 3 when 'uncollectible' then 4 end
  );
begin
  if v_subject.type is null then
    v_subject := payments_private.subject_of(v_parent -> 'metadata');
  end if;
  if v_subject.type is null then
    v_subject := payments_private.subject_of(
      payments_private.bought_line(object -> 'lines' -> 'data', v_subscription_id is not null) -> 'metadata'
    );
  end if;
  if v_subject.type is null then
    v_subject := payments_private.subject_of(object -> 'lines' -> 'data' -> 0 -> 'metadata');
  end if;

  return row (
    null, -- id
    invoice_row.environment,
    object ->> 'id', -- invoice_id
    object ->> 'number', -- number
    v_status, -- status
    payments_private.id_of(object -> 'customer'), -- customer_id
    null, -- subject_type
    null, -- subject_id
    v_subscription_id, -- subscription_id
    object ->> 'billing_reason', -- billing_reason
    coalesce(object ->> 'collection_method', object ->> 'billing'), -- collection_method
    lower(object ->> 'currency'), -- currency
    (object ->> 'subtotal')::bigint, -- subtotal
    payments_private.tax_of(object), -- tax
    (object ->> 'total')::bigint, -- total
    (object ->> 'amount_due')::bigint, -- amount_due
    (object ->> 'amount_paid')::bigint, -- amount_paid
    (object ->> 'amount_remaining')::bigint, -- amount_remaining
    object ->> 'description', -- description
    object ->> 'hosted_invoice_url', -- hosted_invoice_url
    object ->> 'invoice_pdf', -- invoice_pdf
    payments_private.instant_of(object -> 'period_start'), -- period_start
    payments_private.instant_of(object -> 'period_end'), -- period_end
    payments_private.instant_of(object -> 'due_date'), -- due_at
    payments_private.instant_of(object -> 'status_transitions' -> 'finalized_at'), -- finalized_at
    payments_private.instant_of(object -> 'status_transitions' -> 'paid_at'), -- paid_at
    payments_private.instant_of(object -> 'status_transitions' -> 'voided_at'), -- voided_at
    payments_private.instant_of(object -> 'created'), -- provider_created_at
    v_is_deleted, -- deleted
    coalesce(nullif(object -> 'metadata', 'null'), '{}'), -- metadata
    null, -- synced_at
    null, -- created_at
    null, -- updated_at
    v_subject.type, -- named_subject_type
    v_subject.id, -- named_subject_id
    case when v_subject.type is not null then v_version end, -- subject_version
    v_version -- version
  )::payments.stripe_invoices;
end;
$$;

revoke all on function payments_private.invoice_row(text, jsonb, text, timestamptz) from public, anon, authenticated;
--! EndIncluded projection/private/invoice_row.sql
--! Included projection/private/put_ordinary_invoice.sql
/*
 * Writes the row of an ordinary invoice, and returns whether it did; see take_event, project_stripe_invoices.
 *
 * Ordinary is a snapshot that is strictly newer than its row and names the same subject. It also leaves the owner of
 * the invoice and of its credit notes as it is. Contract: the ids of the invoice, its customer and its subscription are
 * locked. The caller makes sure that nothing of it was assigned or erased here.
 */
create or replace function payments_private.put_ordinary_invoice(invoice payments.stripe_invoices)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
as $$
declare
  v_owner payments.billing_subject := row (invoice.named_subject_type, invoice.named_subject_id);
  v_is_written boolean;
begin
  if v_owner.type is null then
    v_owner := payments_private.owner_of(invoice.environment, invoice.subscription_id, invoice.customer_id, v_owner, invoice.provider_created_at);
  end if;
  insert into payments.stripe_invoices as t (
      environment, invoice_id, number, status, customer_id, subscription_id, billing_reason, collection_method,
      currency, subtotal, tax, total, amount_due, amount_paid, amount_remaining, description, hosted_invoice_url,
      invoice_pdf, period_start, period_end, due_at, finalized_at, paid_at, voided_at, provider_created_at, deleted,
      metadata, subject_type, subject_id, named_subject_type, named_subject_id, subject_version, version
    )
  select
      r.environment, r.invoice_id, r.number, r.status, r.customer_id, r.subscription_id, r.billing_reason,
      r.collection_method, r.currency, r.subtotal, r.tax, r.total, r.amount_due, r.amount_paid, r.amount_remaining,
      r.description, r.hosted_invoice_url, r.invoice_pdf, r.period_start, r.period_end, r.due_at, r.finalized_at,
      r.paid_at, r.voided_at, r.provider_created_at, r.deleted, r.metadata, v_owner.type, v_owner.id,
      r.named_subject_type, r.named_subject_id, r.subject_version, r.version
  from (select (put_ordinary_invoice.invoice).*) as r
  where r.invoice_id is not null
    and not exists (
      select
      from payments.stripe_credit_notes as n
      where n.invoice_id = r.invoice_id
        and n.environment = r.environment
        and (n.subject_type, n.subject_id) is distinct from (v_owner.type, v_owner.id)
    )
  on conflict on constraint stripe_invoices_invoice_id_key do update
  set number = excluded.number,
      status = excluded.status,
      customer_id = excluded.customer_id,
      subscription_id = excluded.subscription_id,
      billing_reason = excluded.billing_reason,
      collection_method = excluded.collection_method,
      currency = excluded.currency,
      subtotal = excluded.subtotal,
      tax = excluded.tax,
      total = excluded.total,
      amount_due = excluded.amount_due,
      amount_paid = excluded.amount_paid,
      amount_remaining = excluded.amount_remaining,
      description = excluded.description,
      hosted_invoice_url = excluded.hosted_invoice_url,
      invoice_pdf = excluded.invoice_pdf,
      period_start = excluded.period_start,
      period_end = excluded.period_end,
      due_at = excluded.due_at,
      finalized_at = excluded.finalized_at,
      paid_at = excluded.paid_at,
      voided_at = excluded.voided_at,
      provider_created_at = excluded.provider_created_at,
      deleted = excluded.deleted,
      metadata = excluded.metadata,
      version = excluded.version,
      synced_at = now()
  where t.version < excluded.version
    and not t.deleted
    and (t.subject_type, t.subject_id, t.named_subject_type, t.named_subject_id) is not distinct from
      (excluded.subject_type, excluded.subject_id, excluded.named_subject_type, excluded.named_subject_id)
    and coalesce(t.subject_version <= excluded.subject_version, true)
  returning true into v_is_written;
  return v_is_written is true;
end;
$$;

revoke all on function payments_private.put_ordinary_invoice(payments.stripe_invoices) from public, anon, authenticated;
--! EndIncluded projection/private/put_ordinary_invoice.sql
--! Included base/private/lock_in_order.sql
/*
 * Takes the advisory locks of these keys until the end of the transaction, in the order of lock_ids. It waits for each,
 * and skips nulls and repetitions. Returns true, so that an expression can call it: a statement that sorts and locks
 * costs a new connection a tenth of a millisecond more.
 */
create or replace function payments_private.lock_in_order(keys bigint[])
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key bigint;
  v_next bigint;
  v_last bigint;
begin
  loop
    v_next := null;
    foreach v_key in array keys loop
      if coalesce(v_key > v_last, v_key is not null) and (v_key < v_next) is not false then
        v_next := v_key;
      end if;
    end loop;
    exit when v_next is null or pg_advisory_xact_lock(v_next) is null;
    v_last := v_next;
  end loop;
  return true;
end;
$$;

revoke all on function payments_private.lock_in_order(bigint[]) from public, anon, authenticated;
--! EndIncluded base/private/lock_in_order.sql
--! Included ledger/private/take_payment.sql
/*
 * Takes an ordinary event about a payment: an invoice that was paid, a PaymentIntent that succeeded, or a charge that was
 * refunded. Returns the event's result, or null if the event is not ordinary. Contract: see take_event.
 *
 * It takes the locks of the general path (ids_of), without those of the event and of subjects. No other event of the
 * object runs while its id is locked. The ledger's key finds a duplicate. These events name no owner of a customer. Two
 * events about one customer wait for each other, so that the owner found is the one that stays.
 *
 * Each kind has its own locks and its own function, so that a new connection reads and plans those of one kind alone.
 */
create or replace function payments_private.take_payment(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := payload ->> 'type';
  v_created_at timestamptz := to_timestamp((payload -> 'created')::double precision);
  v_snapshot payments_private.payment_snapshot;
begin
  -- lock the objects, as lock_ids does, and read what the object says of the payment
  if object ->> 'object' = 'payment_intent' then
    if not payments_private.lock_in_order(array[
      hashtextextended(environment || ' ' || (object ->> 'id'), 0),
      hashtextextended(environment || ' ' || coalesce(object -> 'customer' ->> 'id', object ->> 'customer'), 0),
      hashtextextended(environment || ' ' || coalesce(object -> 'latest_charge' ->> 'id', object ->> 'latest_charge'), 0),
      hashtextextended(environment || ' ' || coalesce(object -> 'invoice' ->> 'id', object ->> 'invoice'), 0),
      hashtextextended(environment || ' ' || (object -> 'payment_details' ->> 'order_reference'), 0),
      hashtextextended(environment || ' ' || (object -> 'charges' -> 'data' -> 0 ->> 'id'), 0)
    ]) then
      return null;
    end if;
    v_snapshot := payments_private.payment_of_payment_intent(environment, object, v_type, v_created_at);
  elsif object ->> 'object' = 'invoice' then
    if not payments_private.lock_in_order(array[
      hashtextextended(environment || ' ' || (object ->> 'id'), 0),
      hashtextextended(environment || ' ' || left(object ->> 'id', 25), 0),
      hashtextextended(environment || ' ' || coalesce(object -> 'customer' ->> 'id', object ->> 'customer'), 0),
      hashtextextended(environment || ' ' || coalesce(object -> 'payment_intent' ->> 'id', object ->> 'payment_intent'), 0),
      hashtextextended(environment || ' ' || coalesce(object -> 'charge' ->> 'id', object ->> 'charge'), 0),
      hashtextextended(environment || ' ' || coalesce(object -> 'subscription' ->> 'id', object ->> 'subscription'), 0),
      hashtextextended(environment || ' ' || (object -> 'parent' -> 'subscription_details' ->> 'subscription'), 0)
    ]) then
      return null;
    end if;
    if not payments_private.put_ordinary_invoice(
      payments_private.invoice_row(environment, object, v_type, v_created_at)
    ) then
      return null;
    end if;
    v_snapshot := payments_private.payment_of_invoice(environment, object, v_type, v_created_at);
  else
    if not payments_private.lock_in_order(array[
      hashtextextended(environment || ' ' || (object ->> 'id'), 0),
      hashtextextended(environment || ' ' || coalesce(object -> 'customer' ->> 'id', object ->> 'customer'), 0),
      hashtextextended(environment || ' ' || coalesce(object -> 'payment_intent' ->> 'id', object ->> 'payment_intent'), 0),
      hashtextextended(environment || ' ' || coalesce(object -> 'invoice' ->> 'id', object ->> 'invoice'), 0)
    ]) then
      return null;
    end if;
    v_snapshot := payments_private.payment_of_charge(environment, object, v_type, v_created_at);
  end if;
  return payments_private.put_ordinary_payment(environment, payload, v_snapshot);
end;
$$;

revoke all on function payments_private.take_payment(text, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/take_payment.sql
--! Included ledger/private/take_price.sql
/*
 * Takes an ordinary event that a price was created or updated: writes the price and the ledger in one statement.
 * Returns the event's result, or null if the event is not ordinary. Contract: see take_event; take_customer says why
 * the lock of one id is enough.
 */
create or replace function payments_private.take_price(
  environment text,
  payload jsonb,
  object jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_result jsonb;
begin
  if pg_advisory_xact_lock(hashtextextended(environment || ' ' || (object ->> 'id'), 0)) is null then -- lock_ids
    return null;
  end if;

  with written as (
    insert into payments.stripe_prices as t (
      environment, price_id, product_id, active, currency, unit_amount, unit_amount_decimal, pay_what_you_want,
      custom_unit_amount_minimum, custom_unit_amount_maximum, custom_unit_amount_preset, type, lookup_key, billing_scheme,
      tax_behavior, recurring_interval, recurring_interval_count, recurring_usage_type,
      metadata, raw, version
    )
    select
      take_price.environment, r.price_id, r.product_id, r.active, r.currency, r.unit_amount, r.unit_amount_decimal,
      r.pay_what_you_want, r.custom_unit_amount_minimum, r.custom_unit_amount_maximum, r.custom_unit_amount_preset, r.type, r.lookup_key, r.billing_scheme, r.tax_behavior, r.recurring_interval, r.recurring_interval_count,
      r.recurring_usage_type, r.metadata, take_price.object,
      payments_private.snapshot_version(
        to_timestamp((take_price.payload -> 'created')::double precision), take_price.payload ->> 'type', false
      )
    from payments_private.price_row(take_price.object) as r
    where take_price.object ? 'currency' and not take_price.object ? 'deleted'
    on conflict on constraint stripe_prices_price_id_key do update
    set product_id = excluded.product_id,
        active = excluded.active,
        currency = excluded.currency,
        unit_amount = excluded.unit_amount,
        unit_amount_decimal = excluded.unit_amount_decimal,
        pay_what_you_want = excluded.pay_what_you_want,
        custom_unit_amount_minimum = excluded.custom_unit_amount_minimum,
        custom_unit_amount_maximum = excluded.custom_unit_amount_maximum,
        custom_unit_amount_preset = excluded.custom_unit_amount_preset,
        type = excluded.type,
        lookup_key = excluded.lookup_key,
        billing_scheme = excluded.billing_scheme,
        tax_behavior = excluded.tax_behavior,
        recurring_interval = excluded.recurring_interval,
        recurring_interval_count = excluded.recurring_interval_count,
        recurring_usage_type = excluded.recurring_usage_type,
        metadata = excluded.metadata,
        raw = excluded.raw,
        version = excluded.version,
        synced_at = now()
    where t.version < excluded.version and not t.deleted
    returning true
  ),
  recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    select
      take_price.environment,
      take_price.payload ->> 'id',
      take_price.payload ->> 'type',
      take_price.environment = 'live',
      take_price.payload -> 'data' -> 'object' ->> 'object',
      take_price.payload -> 'data' -> 'object' ->> 'id',
      to_timestamp((take_price.payload -> 'created')::double precision),
      take_price.payload,
      'processed',
      1,
      now()
    from written
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.take_price(
  text, jsonb, jsonb
) from public, anon, authenticated;
--! EndIncluded ledger/private/take_price.sql
--! Included ledger/private/take_product.sql
/*
 * Takes an ordinary event that a product was created or updated: writes the product and the ledger in one statement.
 * Returns the event's result, or null if the event is not ordinary. Contract: see take_event; take_customer says why
 * the lock of one id is enough.
 */
create or replace function payments_private.take_product(
  environment text,
  payload jsonb,
  object jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_result jsonb;
begin
  if pg_advisory_xact_lock(hashtextextended(environment || ' ' || (object ->> 'id'), 0)) is null then -- lock_ids
    return null;
  end if;

  with written as (
    insert into payments.stripe_products as t (
      environment, product_id, name, description, active, default_price_id, metadata, raw, version
    )
    select
      take_product.environment, r.product_id, r.name, r.description, r.active, r.default_price_id, r.metadata,
      take_product.object,
      payments_private.snapshot_version(
        to_timestamp((take_product.payload -> 'created')::double precision), take_product.payload ->> 'type', false
      )
    from payments_private.product_row(take_product.object) as r
    where take_product.object ? 'name' and not take_product.object ? 'deleted'
    on conflict on constraint stripe_products_product_id_key do update
    set name = excluded.name,
        description = excluded.description,
        active = excluded.active,
        default_price_id = excluded.default_price_id,
        metadata = excluded.metadata,
        raw = excluded.raw,
        version = excluded.version,
        synced_at = now()
    where t.version < excluded.version and not t.deleted
    returning true
  ),
  recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    select
      take_product.environment,
      take_product.payload ->> 'id',
      take_product.payload ->> 'type',
      take_product.environment = 'live',
      take_product.payload -> 'data' -> 'object' ->> 'object',
      take_product.payload -> 'data' -> 'object' ->> 'id',
      to_timestamp((take_product.payload -> 'created')::double precision),
      take_product.payload,
      'processed',
      1,
      now()
    from written
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.take_product(
  text, jsonb, jsonb
) from public, anon, authenticated;
--! EndIncluded ledger/private/take_product.sql
--! Included ownership/private/take_claim.sql
/*
 * Records that a Stripe object names a billing subject as the owner of a customer, if that is ordinary. Then it
 * changes no owner that the customer or the subject had. Returns whether it was. See take_event and assign_customers.
 *
 * Ordinary is a claim
 *   - that is recorded already with the same instant or an earlier one: nothing changes
 *   - that is recorded with a later instant, and there is no other claim of the customer or of the subject
 *   - that is the first one of the customer and of the subject, while nothing of the customer waits for an owner
 *     (unowned_objects): it gets its mapping. What belongs to anybody else was named or assigned so, and stays
 * must_be_alone refuses the first one too if the customer or the subject has another claim.
 *
 * Contract: the customer and the subject are locked, so that no other transaction records a claim of either now.
 */
create or replace function payments_private.take_claim(
  environment text,
  customer_id text,
  subject payments.billing_subject,
  named_at timestamptz,
  named_by text,
  must_be_alone boolean
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
as $$
declare
  v_claims text[]; -- of the customer and of the subject: this one, this one later, or another
  v_is_mapped boolean;
begin
  v_claims := array(
    select case
      when (o.customer_id, o.subject_type, o.subject_id)
        <> (take_claim.customer_id, (take_claim.subject).type, (take_claim.subject).id)
      then 'other'
      when (o.named_at, o.named_by) > (take_claim.named_at, take_claim.named_by) then 'later'
      else 'recorded'
    end
    from payments_private.customer_owners as o
    where o.environment = take_claim.environment
      and (
        o.customer_id = take_claim.customer_id
        or (o.subject_id = (take_claim.subject).id and o.subject_type = (take_claim.subject).type)
      )
  );
  if 'other' = any (v_claims) and (must_be_alone or 'recorded' <> all (v_claims)) then
    return false;
  elsif 'later' = any (v_claims) then
    update payments_private.customer_owners as o
    set named_at = take_claim.named_at,
        named_by = take_claim.named_by
    where o.customer_id = take_claim.customer_id
      and o.environment = take_claim.environment
      and o.subject_type = (take_claim.subject).type
      and o.subject_id = (take_claim.subject).id;
  elsif 'recorded' <> all (v_claims) then
    with claimed as (
      insert into payments_private.customer_owners (environment, customer_id, subject_type, subject_id, named_at, named_by)
      select
        take_claim.environment, take_claim.customer_id, (take_claim.subject).type, (take_claim.subject).id,
        take_claim.named_at, take_claim.named_by
      where not exists (
        select
        from payments_private.unowned_objects as u
        where u.object_id = take_claim.customer_id and u.environment = take_claim.environment
      )
      returning true
    )
    insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
    select take_claim.environment, (take_claim.subject).type, (take_claim.subject).id, take_claim.customer_id
    from claimed
    on conflict do nothing
    returning true into v_is_mapped;
    return v_is_mapped is true;
  end if;
  return true;
end;
$$;

revoke all on function payments_private.take_claim(text, text, payments.billing_subject, timestamptz, text, boolean)
  from public, anon, authenticated;
--! EndIncluded ownership/private/take_claim.sql
--! Included projection/private/put_ordinary_session.sql
/*
 * Writes the row of an ordinary Checkout Session, and returns the session with the customer and the subject of its row.
 * The result is null if it is not ordinary. Contract: see take_session; write_session_rows writes the same.
 *
 * A row is found by the session's id. A row that only client_reference_id names goes the general way.
 */
create or replace function payments_private.put_ordinary_session(
  environment text,
  object jsonb,
  session payments_private.session_snapshot
)
  returns payments_private.session_snapshot
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session payments_private.session_snapshot := session;
  v_row record;
begin
  if not exists (
      select
      from payments.stripe_checkout_sessions as t
      where t.checkout_session_id = v_session.session_id and t.environment = put_ordinary_session.environment
    )
    and not exists (
      select
      from payments.stripe_checkout_sessions as t
      where t.id = v_session.reference and t.environment = put_ordinary_session.environment
    )
  then
    insert into payments.stripe_checkout_sessions (
      environment, mode, status, payment_status, subject_type, subject_id, subject_version, success_url, cancel_url, metadata,
      checkout_session_id, customer_id, payment_intent_id, subscription_id, expires_at, raw, version,
      caller_id
    )
    values (
      put_ordinary_session.environment,
      v_session.mode,
      v_session.status,
      put_ordinary_session.object ->> 'payment_status',
      (v_session.subject).type,
      (v_session.subject).id,
      v_session.subject_version,
      coalesce(put_ordinary_session.object ->> 'success_url', put_ordinary_session.object ->> 'return_url', ''),
      coalesce(put_ordinary_session.object ->> 'cancel_url', ''),
      v_session.metadata,
      v_session.session_id,
      v_session.customer_id,
      payments_private.id_of(put_ordinary_session.object -> 'payment_intent'),
      payments_private.id_of(put_ordinary_session.object -> 'subscription'),
      payments_private.instant_of(put_ordinary_session.object -> 'expires_at'),
      put_ordinary_session.object - 'client_secret',
      v_session.version,
      null -- not begun here
    );
    return v_session;
  end if;
  update payments.stripe_checkout_sessions as t
  set status = v_session.status,
      payment_status = put_ordinary_session.object ->> 'payment_status',
      customer_id = coalesce(v_session.customer_id, t.customer_id),
      payment_intent_id = coalesce(payments_private.id_of(put_ordinary_session.object -> 'payment_intent'), t.payment_intent_id),
      subscription_id = coalesce(payments_private.id_of(put_ordinary_session.object -> 'subscription'), t.subscription_id),
      url = null,
      client_secret = null,
      expires_at = coalesce(payments_private.instant_of(put_ordinary_session.object -> 'expires_at'), t.expires_at),
      metadata = case when t.request_hash is null then v_session.metadata else t.metadata end,
      last_error = null,
      stripe_may_have_acted = false,
      raw = put_ordinary_session.object - 'client_secret',
      version = v_session.version
  where t.checkout_session_id = v_session.session_id
    and t.environment = put_ordinary_session.environment
    and t.version < v_session.version
    and (
      (v_session.subject).type is null
      or (t.subject_type is not null and t.subject_version is null)
      or (t.subject_version, t.subject_type, t.subject_id)
        <= (v_session.subject_version, (v_session.subject).type, (v_session.subject).id)
    )
    and not exists (
      select
      from payments_private.erased_objects as e
      where e.object_id in (t.id::text) and e.environment = t.environment
    )
    and (v_session.reference is null or t.id = v_session.reference or not exists (
      select
      from payments.stripe_checkout_sessions as other
      where other.id = v_session.reference and other.environment = put_ordinary_session.environment
    ))
  returning t.customer_id, t.subject_type, t.subject_id, t.subject_version into v_row;
  if not found then
    return null;
  end if;
  v_session.customer_id := v_row.customer_id;
  if v_row.subject_type is not null then
    v_session.subject := row (v_row.subject_type, v_row.subject_id);
    v_session.subject_version := coalesce(v_row.subject_version, 0);
  end if;
  return v_session;
end;
$$;

revoke all on function payments_private.put_ordinary_session(text, jsonb, payments_private.session_snapshot)
  from public, anon, authenticated;
--! EndIncluded projection/private/put_ordinary_session.sql
--! Included ledger/private/take_session.sql
/*
 * Takes an ordinary event that a Checkout Session was completed and paid. Returns the event's result, or null if the
 * event is not ordinary. Contract: see take_event.
 *
 * Ordinary is a session
 *   - that has the row of its id, with an older snapshot and no other owner, or no row at all
 *   - whose claim is ordinary (take_claim), and whose payment is (put_ordinary_payment).
 * It takes the locks of the general path first, then the row, the claim and the payment in the order of that path.
 */
create or replace function payments_private.take_session(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := payload ->> 'type';
  v_created_at timestamptz := to_timestamp((payload -> 'created')::double precision);
  v_session payments_private.session_snapshot := payments_private.session_snapshot(object, v_type, v_created_at);
begin
  if not v_session.is_settled
    or object ? 'line_items'
    or v_session.mode is null
    or (v_session.mode = 'subscription' and payments_private.id_of(object -> 'invoice') is null)
    or (v_session.mode not in ('payment', 'subscription'))
  then
    return null;
  end if;

  -- lock the ids, then the subject, as lock_ids does
  if not payments_private.lock_in_order(array[
    hashtextextended(environment || ' ' || (object ->> 'id'), 0),
    hashtextextended(environment || ' ' || coalesce(object -> 'customer' ->> 'id', object ->> 'customer'), 0),
    hashtextextended(environment || ' ' || coalesce(object -> 'payment_intent' ->> 'id', object ->> 'payment_intent'), 0),
    hashtextextended(environment || ' ' || coalesce(object -> 'invoice' ->> 'id', object ->> 'invoice'), 0),
    hashtextextended(environment || ' ' || coalesce(object -> 'subscription' ->> 'id', object ->> 'subscription'), 0),
    hashtextextended(environment || ' ' || (object ->> 'client_reference_id'), 0)
  ]) then
    return null;
  end if;
  if (v_session.subject).type is not null
    and pg_advisory_xact_lock(
      hashtextextended(environment || ' subject ' || (v_session.subject).type || ' ' || (v_session.subject).id, 0)
    ) is null
  then
    return null;
  end if;

  -- write the row and the claim
  v_session := payments_private.put_ordinary_session(environment, object, v_session);
  if v_session.session_id is null then
    return null;
  end if;
  if (v_session.subject).type is not null
    and v_session.customer_id is not null
    and not payments_private.take_claim(
      environment, v_session.customer_id, v_session.subject,
      coalesce(payments_private.instant_of(object -> 'created'), 'infinity'),
      v_session.session_id || ' ' || lpad(v_session.subject_version::text, 19, '0'), false
    )
  then
    return null;
  end if;

  return payments_private.put_ordinary_payment(
    environment,
    payload,
    payments_private.payment_of_checkout_session(
      environment, object, v_type, v_created_at, v_session.version, v_session.is_settled, v_session.subject,
      v_session.subject_version
    )
  );
end;
$$;

revoke all on function payments_private.take_session(text, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/take_session.sql
--! Included projection/private/insert_ordinary_subscription.sql
/*
 * Writes an ordinary event of a subscription with one item that has no row yet: the row, its item and the ledger, in
 * one statement. Returns the event's result, or null if the item or the event is known. Contract: see
 * take_subscription.
 */
create or replace function payments_private.insert_ordinary_subscription(
  environment text,
  payload jsonb,
  object jsonb,
  version bigint,
  subject payments.billing_subject
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_item jsonb := object -> 'items' -> 'data' -> 0;
  v_item_start timestamptz := payments_private.instant_of(coalesce(
    nullif(v_item -> 'current_period_start', 'null'), object -> 'current_period_start'
  ));
  v_item_end timestamptz := payments_private.instant_of(coalesce(
    nullif(v_item -> 'current_period_end', 'null'), object -> 'current_period_end'
  ));
  v_result jsonb;
begin
  with written as (
    insert into payments.stripe_subscriptions (
      environment, subscription_id, customer_id, subject_type, subject_id, subject_version, status,
      current_period_start, current_period_end, cancel_at_period_end, cancel_at, canceled_at, trial_start,
      trial_end, latest_invoice_id, pause_collection_behavior, pause_collection_resumes_at, pending_update,
      pending_update_expires_at, metadata, raw, version
    )
    values (
      insert_ordinary_subscription.environment,
      insert_ordinary_subscription.object ->> 'id',
      payments_private.id_of(insert_ordinary_subscription.object -> 'customer'),
      (insert_ordinary_subscription.subject).type,
      (insert_ordinary_subscription.subject).id,
      case when (insert_ordinary_subscription.subject).type is not null then insert_ordinary_subscription.version end,
      insert_ordinary_subscription.object ->> 'status',
      coalesce(
        payments_private.instant_of(insert_ordinary_subscription.object -> 'current_period_start'),
        payments_private.instant_of(v_item -> 'current_period_start')
      ),
      case
        when jsonb_typeof(insert_ordinary_subscription.object -> 'current_period_start') = 'number'
        then payments_private.instant_of(insert_ordinary_subscription.object -> 'current_period_end')
        else payments_private.instant_of(v_item -> 'current_period_end')
      end,
      coalesce((insert_ordinary_subscription.object ->> 'cancel_at_period_end')::boolean, false),
      payments_private.instant_of(insert_ordinary_subscription.object -> 'cancel_at'),
      payments_private.instant_of(insert_ordinary_subscription.object -> 'canceled_at'),
      payments_private.instant_of(insert_ordinary_subscription.object -> 'trial_start'),
      payments_private.instant_of(insert_ordinary_subscription.object -> 'trial_end'),
      payments_private.id_of(insert_ordinary_subscription.object -> 'latest_invoice'),
      case
        when jsonb_typeof(insert_ordinary_subscription.object -> 'pause_collection') = 'object'
        then coalesce(insert_ordinary_subscription.object -> 'pause_collection' ->> 'behavior', 'unknown') -- paused, whatever Stripe calls it
      end,
      payments_private.instant_of(insert_ordinary_subscription.object -> 'pause_collection' -> 'resumes_at'),
      nullif(insert_ordinary_subscription.object -> 'pending_update', 'null'),
      payments_private.instant_of(insert_ordinary_subscription.object -> 'pending_update' -> 'expires_at'),
      coalesce(nullif(insert_ordinary_subscription.object -> 'metadata', 'null'), '{}'),
      insert_ordinary_subscription.object,
      insert_ordinary_subscription.version
    )
  ),
  added as (
    insert into payments.stripe_subscription_items (
      id, environment, subscription_item_id, subscription_id, product_id, price_id, quantity, metadata, current_period_start, current_period_end
    )
    values (
      payments_private.uuid_of_object(insert_ordinary_subscription.environment, v_item ->> 'id'),
      insert_ordinary_subscription.environment,
      v_item ->> 'id',
      insert_ordinary_subscription.object ->> 'id',
      payments_private.id_of(coalesce(v_item -> 'price' -> 'product', v_item -> 'plan' -> 'product')),
      payments_private.id_of(coalesce(v_item -> 'price', v_item -> 'plan')),
      (v_item ->> 'quantity')::bigint,
      coalesce(nullif(v_item -> 'metadata', 'null'), '{}'),
      v_item_start,
      v_item_end
    )
    on conflict do nothing
    returning true
  ),
  recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    select
      insert_ordinary_subscription.environment,
      insert_ordinary_subscription.payload ->> 'id',
      insert_ordinary_subscription.payload ->> 'type',
      insert_ordinary_subscription.environment = 'live',
      insert_ordinary_subscription.payload -> 'data' -> 'object' ->> 'object',
      insert_ordinary_subscription.payload -> 'data' -> 'object' ->> 'id',
      to_timestamp((insert_ordinary_subscription.payload -> 'created')::double precision),
      insert_ordinary_subscription.payload,
      'processed',
      1,
      now()
    from added
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.insert_ordinary_subscription(
  text, jsonb, jsonb, bigint, payments.billing_subject
) from public, anon, authenticated;
--! EndIncluded projection/private/insert_ordinary_subscription.sql
--! Included projection/private/update_ordinary_subscription.sql
/*
 * Writes an ordinary event of a subscription that has a row: the row, its one item and the ledger, in one statement.
 * Returns the event's result, or null if nothing was written. Contract: see take_subscription; nothing of it is erased.
 *
 * Ordinary is a newer snapshot of the same customer with the same one item. It names no owner, or the one that the row
 * has from an earlier snapshot. Its status is the same, unless may_change_status: the status decides which customer a
 * subject pays with. The row itself has all that this depends on, so the conditions hold after a wait for the row, too.
 */
create or replace function payments_private.update_ordinary_subscription(
  environment text,
  payload jsonb,
  object jsonb,
  version bigint,
  subject payments.billing_subject,
  may_change_status boolean
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_item jsonb := object -> 'items' -> 'data' -> 0;
  v_item_start timestamptz := payments_private.instant_of(coalesce(
    nullif(v_item -> 'current_period_start', 'null'), object -> 'current_period_start'
  ));
  v_item_end timestamptz := payments_private.instant_of(coalesce(
    nullif(v_item -> 'current_period_end', 'null'), object -> 'current_period_end'
  ));
  v_result jsonb;
begin
  with written as (
    update payments.stripe_subscriptions as t
    set status = update_ordinary_subscription.object ->> 'status',
        current_period_start = coalesce(
            payments_private.instant_of(update_ordinary_subscription.object -> 'current_period_start'),
            payments_private.instant_of(v_item -> 'current_period_start')
          ),
        current_period_end = case
            when jsonb_typeof(update_ordinary_subscription.object -> 'current_period_start') = 'number'
            then payments_private.instant_of(update_ordinary_subscription.object -> 'current_period_end')
            else payments_private.instant_of(v_item -> 'current_period_end')
          end,
        cancel_at_period_end = coalesce((update_ordinary_subscription.object ->> 'cancel_at_period_end')::boolean, false),
        cancel_at = payments_private.instant_of(update_ordinary_subscription.object -> 'cancel_at'),
        canceled_at = payments_private.instant_of(update_ordinary_subscription.object -> 'canceled_at'),
        trial_start = payments_private.instant_of(update_ordinary_subscription.object -> 'trial_start'),
        trial_end = payments_private.instant_of(update_ordinary_subscription.object -> 'trial_end'),
        latest_invoice_id = payments_private.id_of(update_ordinary_subscription.object -> 'latest_invoice'),
        pause_collection_behavior = case
            when jsonb_typeof(update_ordinary_subscription.object -> 'pause_collection') = 'object'
            then coalesce(update_ordinary_subscription.object -> 'pause_collection' ->> 'behavior', 'unknown') -- paused, whatever Stripe calls it
          end,
        pause_collection_resumes_at = payments_private.instant_of(update_ordinary_subscription.object -> 'pause_collection' -> 'resumes_at'),
        schedule_id = null,
        next_phase_at = null,
        next_phase_items = null,
        pending_update = nullif(update_ordinary_subscription.object -> 'pending_update', 'null'),
        pending_update_expires_at = payments_private.instant_of(update_ordinary_subscription.object -> 'pending_update' -> 'expires_at'),
        metadata = coalesce(nullif(update_ordinary_subscription.object -> 'metadata', 'null'), '{}'),
        raw = update_ordinary_subscription.object,
        version = update_ordinary_subscription.version,
        synced_at = now()
    where t.subscription_id = update_ordinary_subscription.object ->> 'id'
      and t.environment = update_ordinary_subscription.environment
      and t.version < update_ordinary_subscription.version
      and t.customer_id = payments_private.id_of(update_ordinary_subscription.object -> 'customer')
      and (t.status = update_ordinary_subscription.object ->> 'status' or update_ordinary_subscription.may_change_status)
      and t.raw -> 'items' -> 'data' -> 0 ->> 'id' = v_item ->> 'id'
      and jsonb_array_length(t.raw -> 'items' -> 'data') = 1
      and t.raw -> 'items' ->> 'has_more' is distinct from 'true'
      and (
        (update_ordinary_subscription.subject).type is null
        or (
          t.subject_version <= update_ordinary_subscription.version
          and (t.subject_type, t.subject_id) = ((update_ordinary_subscription.subject).type, (update_ordinary_subscription.subject).id)
        )
      )
    returning true
  ),
  changed as (
    update payments.stripe_subscription_items as t
    set subscription_id = update_ordinary_subscription.object ->> 'id',
        product_id = payments_private.id_of(coalesce(v_item -> 'price' -> 'product', v_item -> 'plan' -> 'product')),
        price_id = payments_private.id_of(coalesce(v_item -> 'price', v_item -> 'plan')),
        quantity = (v_item ->> 'quantity')::bigint,
        metadata = coalesce(nullif(v_item -> 'metadata', 'null'), '{}'),
        current_period_start = v_item_start,
        current_period_end = v_item_end
    from written
    where t.subscription_item_id = v_item ->> 'id'
      and t.environment = update_ordinary_subscription.environment
      and (t.subscription_id, t.product_id, t.price_id, t.quantity, t.metadata, t.current_period_start, t.current_period_end)
        is distinct from (
          update_ordinary_subscription.object ->> 'id',
          payments_private.id_of(coalesce(v_item -> 'price' -> 'product', v_item -> 'plan' -> 'product')),
          payments_private.id_of(coalesce(v_item -> 'price', v_item -> 'plan')),
          (v_item ->> 'quantity')::bigint,
          coalesce(nullif(v_item -> 'metadata', 'null'), '{}'),
          v_item_start,
          v_item_end
        )
  ),
  recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    select
      update_ordinary_subscription.environment,
      update_ordinary_subscription.payload ->> 'id',
      update_ordinary_subscription.payload ->> 'type',
      update_ordinary_subscription.environment = 'live',
      update_ordinary_subscription.payload -> 'data' -> 'object' ->> 'object',
      update_ordinary_subscription.payload -> 'data' -> 'object' ->> 'id',
      to_timestamp((update_ordinary_subscription.payload -> 'created')::double precision),
      update_ordinary_subscription.payload,
      'processed',
      1,
      now()
    from written
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.update_ordinary_subscription(
  text, jsonb, jsonb, bigint, payments.billing_subject, boolean
) from public, anon, authenticated;
--! EndIncluded projection/private/update_ordinary_subscription.sql
--! Included ledger/private/take_subscription.sql
/*
 * Takes an ordinary event that a subscription was created or changed. Returns the event's result, or null if the event
 * is not ordinary. Contract: see take_event.
 *
 * It takes the locks of the general path, first those of the subscription and its customer, then that of the subject.
 * Ordinary is a subscription that is not erased, and that
 *   - has a row with this status, which changes in place: see update_ordinary_subscription
 *   - has a row with another status, while the customer and its subject have no other claim: no mapping depends on it
 *   - has no row, while its claim is ordinary (take_claim), nobody has assigned it or its customer, and no payment and
 *     no invoice of it waits for an owner.
 */
create or replace function payments_private.take_subscription(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := payload ->> 'type';
  v_version bigint := payments_private.snapshot_version(
    to_timestamp((payload -> 'created')::double precision), v_type, false
  );
  v_id text := object ->> 'id';
  v_customer_id text := payments_private.id_of(object -> 'customer');
  v_subject payments.billing_subject := payments_private.subject_of(object -> 'metadata');
  v_status text; -- of the row
  v_is_unowned boolean; -- a payment or an invoice of it; take_claim asks of its customer
  v_is_special boolean; -- assigned or erased
begin
  if object ->> 'status' in ('canceled', 'incomplete_expired')
    or jsonb_array_length(object -> 'items' -> 'data') is distinct from 1
    or object -> 'items' ->> 'has_more' = 'true'
    or v_customer_id is null
    or object ->> 'schedule' is not null
    or not payments_private.lock_in_order(array[
      hashtextextended(environment || ' ' || v_id, 0), hashtextextended(environment || ' ' || v_customer_id, 0)
    ])
  then
    return null;
  end if;

  -- look it up; ask first whether anything was assigned or erased, because both are rare
  select
    (
      select t.status
      from payments.stripe_subscriptions as t
      where t.subscription_id = v_id and t.environment = take_subscription.environment
    ),
    exists (
      select
      from payments_private.unowned_objects as u
      where u.object_id = v_id and u.environment = take_subscription.environment
    ),
    exists (select from payments_private.subject_assignments) or exists (select from payments_private.erased_objects)
  into v_status, v_is_unowned, v_is_special;
  if v_is_special then
    v_is_special := exists (
        select
        from payments_private.erased_objects as e
        where e.object_id in (v_id, v_customer_id) and e.environment = take_subscription.environment
      )
      or v_status is null and exists (
        select
        from payments_private.subject_assignments as a
        where a.object_id in (v_id, v_customer_id) and a.environment = take_subscription.environment
      );
  end if;
  if v_is_special or (v_status is null and v_is_unowned) then
    return null;
  end if;

  -- change a row in place
  if v_status = object ->> 'status' then
    return payments_private.update_ordinary_subscription(environment, payload, object, v_version, v_subject, false);
  end if;

  -- lock the subject, as lock_ids does
  if v_subject.type is null
    or pg_advisory_xact_lock(
      hashtextextended(environment || ' subject ' || v_subject.type || ' ' || v_subject.id, 0)
    ) is null
    or not payments_private.take_claim(
      environment, v_customer_id, v_subject, coalesce(payments_private.instant_of(object -> 'created'), 'infinity'),
      v_id || ' ' || lpad(v_version::text, 19, '0'), true
    )
  then
    return null;
  elsif v_status is not null then
    return payments_private.update_ordinary_subscription(environment, payload, object, v_version, v_subject, true);
  end if;
  return payments_private.insert_ordinary_subscription(environment, payload, object, v_version, v_subject);
end;
$$;

revoke all on function payments_private.take_subscription(text, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/take_subscription.sql
--! Included ledger/private/take_customer.sql
/*
 * Takes an ordinary event that a customer was created or updated: writes the customer and the ledger in one statement.
 * Returns the event's result, or null if the event is not ordinary. Contract: see take_event.
 *
 * Ordinary is an object that is whole, not deleted and not erased here, and that is newer than its row, which is not
 * deleted either. Such an event changes the row of its customer and nothing else: no owner and no mapping depends on
 * it.
 *
 * Of the locks of the general path it takes that of the customer's id, then the row, then the ledger's key. It waits
 * for no other id, so it closes no circle with a path that takes several ids in order. Nobody else takes the lock of an
 * event's id alone, and the ledger's key finds a duplicate.
 */
create or replace function payments_private.take_customer(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_created_at timestamptz := to_timestamp((payload -> 'created')::double precision);
  v_result jsonb;
begin
  if pg_advisory_xact_lock(hashtextextended(environment || ' ' || (object ->> 'id'), 0)) is null then -- lock_ids
    return null;
  end if;

  with written as (
    insert into payments.customers as t (
      environment, provider_customer_id, email, name, phone, metadata, raw, provider_created_at, version
    )
    select
      take_customer.environment,
      take_customer.object ->> 'id',
      take_customer.object ->> 'email',
      take_customer.object ->> 'name',
      take_customer.object ->> 'phone',
      coalesce(nullif(take_customer.object -> 'metadata', 'null'), '{}'),
      take_customer.object,
      to_timestamp((take_customer.object -> 'created')::double precision),
      payments_private.snapshot_version(v_created_at, take_customer.payload ->> 'type', false)
    where jsonb_typeof(take_customer.object -> 'created') = 'number'
      and not take_customer.object ? 'deleted'
      and not exists (
        select
        from payments_private.erased_objects as e
        where e.object_id = take_customer.object ->> 'id' and e.environment = take_customer.environment
      )
    on conflict on constraint customers_provider_customer_id_key do update
    set email = excluded.email,
        name = excluded.name,
        phone = excluded.phone,
        metadata = excluded.metadata,
        raw = excluded.raw,
        version = excluded.version,
        provider_created_at = excluded.provider_created_at,
        synced_at = now()
    where t.version < excluded.version and not t.deleted
    returning true
  ),
  recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    select
      take_customer.environment,
      take_customer.payload ->> 'id',
      take_customer.payload ->> 'type',
      take_customer.environment = 'live',
      'customer',
      take_customer.object ->> 'id',
      v_created_at,
      take_customer.payload,
      'processed',
      1,
      now()
    from written
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.take_customer(text, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/take_customer.sql
--! Included ledger/private/take_charge.sql
/*
 * Takes an ordinary event that a charge succeeded: keeps its receipt and card, and writes the ledger. Returns the
 * event's result, or null if the ledger has the event already, or if it is about somebody whose data was erased.
 * Contract: see take_event.
 */
create or replace function payments_private.take_charge(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_created_at timestamptz := to_timestamp((payload -> 'created')::double precision);
  v_result jsonb;
begin
  -- lock the objects, as lock_ids does
  if not payments_private.lock_in_order(array[
    hashtextextended(environment || ' ' || (object ->> 'id'), 0),
    hashtextextended(environment || ' ' || coalesce(object -> 'customer' ->> 'id', object ->> 'customer'), 0),
    hashtextextended(environment || ' ' || coalesce(object -> 'payment_intent' ->> 'id', object ->> 'payment_intent'), 0),
    hashtextextended(environment || ' ' || coalesce(object -> 'invoice' ->> 'id', object ->> 'invoice'), 0)
  ]) then
    return null;
  end if;

  if exists (
    select
    from payments_private.erased_objects as e
    where e.object_id in (
        object ->> 'id',
        coalesce(object -> 'customer' ->> 'id', object ->> 'customer'),
        coalesce(object -> 'payment_intent' ->> 'id', object ->> 'payment_intent')
      )
      and e.environment = take_charge.environment
  ) then
    return null;
  end if;
  perform payments_private.put_charge_details(
    environment, array[row (object, payload ->> 'type', v_created_at)::payments_private.snapshot]
  );
  with recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    values (
      take_charge.environment,
      take_charge.payload ->> 'id',
      take_charge.payload ->> 'type',
      take_charge.environment = 'live',
      'charge',
      take_charge.object ->> 'id',
      v_created_at,
      take_charge.payload,
      'processed',
      1,
      now()
    )
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.take_charge(text, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/take_charge.sql
--! Included ledger/private/take_invoice.sql
/*
 * Takes an ordinary event about an invoice that says nothing of money that moved: writes the invoice and the ledger.
 * Returns the event's result, or null if the event is not ordinary. Contract: see take_event, put_ordinary_invoice.
 */
create or replace function payments_private.take_invoice(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_invoice payments.stripe_invoices;
  v_created_at timestamptz := to_timestamp((payload -> 'created')::double precision);
  v_result jsonb;
begin
  -- lock the objects, as lock_ids does
  perform pg_advisory_xact_lock(k.key)
  from (
    select distinct hashtextextended(take_invoice.environment || ' ' || i.id, 0) as key
    from unnest(array[
      object ->> 'id',
      left(object ->> 'id', 25),
      coalesce(object -> 'customer' ->> 'id', object ->> 'customer'),
      coalesce(object -> 'payment_intent' ->> 'id', object ->> 'payment_intent'),
      coalesce(object -> 'charge' ->> 'id', object ->> 'charge'),
      coalesce(object -> 'subscription' ->> 'id', object ->> 'subscription'),
      object -> 'parent' -> 'subscription_details' ->> 'subscription'
    ]) as i (id)
    where i.id is not null
    order by key
  ) as k;

  v_invoice := payments_private.invoice_row(environment, object, payload ->> 'type', v_created_at);
  if v_invoice.status in ('draft', 'open', 'paid')
    and not exists (
      select
      from payments_private.subject_assignments as a
      where a.object_id in (v_invoice.customer_id, v_invoice.subscription_id) and a.environment = take_invoice.environment
    )
    and not exists (
      select
      from payments_private.erased_objects as e
      where e.object_id in (v_invoice.customer_id, v_invoice.invoice_id) and e.environment = take_invoice.environment
    )
    and payments_private.put_ordinary_invoice(v_invoice)
  then
    with recorded as (
      insert into payments.webhook_events as w (
        environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
        processing_status, attempt_count, processed_at
      )
      values (
        take_invoice.environment,
        take_invoice.payload ->> 'id',
        take_invoice.payload ->> 'type',
        take_invoice.environment = 'live',
        'invoice',
        take_invoice.object ->> 'id',
        v_created_at,
        take_invoice.payload,
        'processed',
        1,
        now()
      )
      on conflict on constraint webhook_events_provider_event_id_key do nothing
      returning
        w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
        w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
        w.provider_account_id, w.provider_created_at, w.next_attempt_at
    )
    select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
    into v_result
    from recorded as r;
  end if;
  return v_result;
end;
$$;

revoke all on function payments_private.take_invoice(text, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/take_invoice.sql
--! Included payment/private/insert_ordinary_refund.sql
/*
 * Writes a succeeded refund of a payment of which no object is known: the refund and the objects that it names, its
 * transaction, and the ledger, all in one statement. Nothing says yet that money was paid, so the payment has no
 * transaction. Returns the event's result; null if the ledger has the event already. Contract: see take_refund. No
 * object has a row, and their ids are locked.
 */
create or replace function payments_private.insert_ordinary_refund(
  environment text,
  payload jsonb,
  refund jsonb,
  charge_id text,
  payment_intent_id text,
  happened_at timestamptz
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id text := refund ->> 'id';
  v_amount bigint := (refund ->> 'amount')::bigint; -- and so on, as payment_of_refund
  v_currency text := lower(refund ->> 'currency');
  v_description text := coalesce(refund ->> 'description', refund ->> 'reason');
  v_created_at timestamptz := payments_private.instant_of(refund -> 'created');
  v_payment_id uuid := gen_random_uuid();
  v_result jsonb;
begin
  with put as (
    insert into payments_private.payment_objects (
      environment, object_id, object_type, payment_id, version, state, status, amount, currency, description,
      provider_created_at, succeeded_at
    )
    values (
      insert_ordinary_refund.environment, v_id, 'refund', v_payment_id,
      payments_private.snapshot_version(happened_at, insert_ordinary_refund.payload ->> 'type', false), 'succeeded',
      'succeeded', v_amount, v_currency, v_description, v_created_at, happened_at
    )
  ),
  linked as (
    insert into payments_private.payment_objects (environment, object_id, object_type, payment_id)
    select insert_ordinary_refund.environment, l.id, l.type, v_payment_id
    from (values ('charge', charge_id), ('payment_intent', payment_intent_id)) as l (type, id)
    where l.id is not null
  ),
  repaid as (
    insert into payments.transactions (
      id, environment, type, status, provider_object_type, provider_object_id, provider_parent_object_type,
      provider_parent_object_id, related_object_ids, amount, currency, description, refunded_at, provider_created_at
    )
    values (
      payments_private.uuid_of_object(insert_ordinary_refund.environment, v_id), insert_ordinary_refund.environment,
      'refund', 'succeeded', 'refund', v_id,
      case when payment_intent_id is not null then 'payment_intent' when charge_id is not null then 'charge' end,
      coalesce(payment_intent_id, charge_id),
      jsonb_strip_nulls(jsonb_build_object('payment_intent', payment_intent_id, 'charge', charge_id, 'refund', v_id)),
      v_amount, v_currency, v_description, happened_at, v_created_at
    )
  ),
  recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    values (
      insert_ordinary_refund.environment, insert_ordinary_refund.payload ->> 'id',
      insert_ordinary_refund.payload ->> 'type', insert_ordinary_refund.environment = 'live', 'refund', v_id, happened_at,
      insert_ordinary_refund.payload, 'processed', 1, now()
    )
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.insert_ordinary_refund(text, jsonb, jsonb, text, text, timestamptz)
  from public, anon, authenticated;
--! EndIncluded payment/private/insert_ordinary_refund.sql
--! Included ledger/private/take_refund.sql
/*
 * Takes an ordinary event that a refund succeeded. Returns the event's result, or null if the event is not ordinary.
 * Contract: see take_event, put_ordinary_payment.
 *
 * Ordinary is a refund that is not known yet, of a payment
 *   - of which no object is known: the refund then has the only transaction (insert_ordinary_refund)
 *   - or that ordinary_transaction accepts and that has all objects which the refund names. Its transaction then changes
 *     in how much was paid back, and the refund's repeats the rest.
 * A refund that is known, or that names an object anew, is ordinary if put_ordinary_payment takes it.
 */
create or replace function payments_private.take_refund(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_created_at timestamptz := to_timestamp((payload -> 'created')::double precision);
  v_id text := object ->> 'id';
  v_charge_id text := payments_private.id_of(object -> 'charge');
  v_payment_intent_id text := payments_private.id_of(object -> 'payment_intent');
  v_payment record;
  v_object payments_private.payment_objects;
  v_is_simple boolean := true;
  v_known_ids text[] := '{}';
  v_known_types text[] := '{}'; -- without refunds
  v_refunded bigint := (object ->> 'amount')::bigint;
  v_charge_refunded bigint;
  v_refunded_at timestamptz := v_created_at;
  v_currency text := lower(object ->> 'currency'); -- and so on, as payment_of_refund
  v_description text := coalesce(object ->> 'description', object ->> 'reason');
  v_provider_created_at timestamptz := payments_private.instant_of(object -> 'created');
  v_result jsonb;
begin
  -- lock the objects, as lock_ids does
  if not payments_private.lock_in_order(array[
    hashtextextended(environment || ' ' || v_id, 0),
    hashtextextended(environment || ' ' || v_charge_id, 0),
    hashtextextended(environment || ' ' || v_payment_intent_id, 0)
  ]) then
    return null;
  end if;

  -- see the payment without the refund
  v_payment := payments_private.lock_payment_of(
    environment, array[v_id, v_charge_id, v_payment_intent_id], '{}'
  );
  if v_payment.is_one is not true or v_refunded is null then
    return null;
  elsif v_payment.objects is null then
    return payments_private.insert_ordinary_refund(
      environment, payload, object, v_charge_id, v_payment_intent_id, v_created_at
    );
  end if;
  foreach v_object in array v_payment.objects loop
    if v_object.object_type <> 'refund' then
      if v_object.object_type not in ('payment_intent', 'charge', 'invoice', 'checkout_session')
        or v_object.object_type = any (v_known_types)
        or v_object.version > 0 and (v_object.state is distinct from 'succeeded' or v_object.amount_released > 0)
      then
        return null;
      end if;
      v_known_types := v_known_types || v_object.object_type;
      v_charge_refunded := greatest(v_charge_refunded, v_object.amount_refunded);
    elsif v_object.object_id = v_id or v_object.version = 0 or v_object.state is distinct from 'succeeded' then
      v_is_simple := false;
    else
      v_refunded := v_refunded + v_object.amount; -- null if it has none
      v_refunded_at := greatest(v_refunded_at, coalesce(v_object.succeeded_at, v_object.provider_created_at));
    end if;
    v_known_ids := v_known_ids || v_object.object_id;
  end loop;
  if not v_is_simple or v_charge_id <> all (v_known_ids) or v_payment_intent_id <> all (v_known_ids) then
    return payments_private.put_ordinary_payment(
      environment, payload, payments_private.payment_of_refund(environment, object, payload ->> 'type', v_created_at)
    );
  end if;
  v_refunded := case when v_refunded is not null then greatest(v_refunded, v_charge_refunded) end;

  -- write the refund, its payment, the ledger
  with put as (
    insert into payments_private.payment_objects (
      environment, object_id, object_type, payment_id, version, state, status, amount, currency, description,
      provider_created_at, succeeded_at
    )
    values (
      take_refund.environment, v_id, 'refund', v_payment.payment_id,
      payments_private.snapshot_version(v_created_at, take_refund.payload ->> 'type', false), 'succeeded', 'succeeded',
      (take_refund.object ->> 'amount')::bigint, v_currency, v_description, v_provider_created_at, v_created_at
    )
  ),
  paid as (
    update payments.transactions as t
    set status = case when v_refunded < t.amount then 'partially_refunded' else 'refunded' end,
        amount_refunded = least(v_refunded, t.amount),
        refunded_at = v_refunded_at
    where t.id = v_payment.payment_id and t.amount > 0 and v_refunded > 0
    returning
      t.subject_type, t.subject_id, t.provider_customer_id, t.customer_email_snapshot, t.provider_object_type,
      t.provider_object_id, t.related_object_ids
  ),
  repaid as (
    insert into payments.transactions (
      id, environment, type, status, subject_type, subject_id, provider_customer_id, customer_email_snapshot,
      provider_object_type, provider_object_id, provider_parent_object_type, provider_parent_object_id,
      related_object_ids, amount, currency, description, refunded_at, provider_created_at
    )
    select
      payments_private.uuid_of_object(take_refund.environment, v_id), take_refund.environment, 'refund', 'succeeded',
      p.subject_type, p.subject_id, p.provider_customer_id, p.customer_email_snapshot, 'refund', v_id,
      p.provider_object_type, p.provider_object_id, p.related_object_ids || jsonb_build_object('refund', v_id),
      (take_refund.object ->> 'amount')::bigint, v_currency, v_description, v_created_at, v_provider_created_at
    from paid as p
  ),
  recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_created_at, payload,
      processing_status, attempt_count, processed_at
    )
    select
      take_refund.environment, take_refund.payload ->> 'id', take_refund.payload ->> 'type',
      take_refund.environment = 'live', 'refund', v_id, v_created_at, take_refund.payload, 'processed', 1, now()
    from paid
    on conflict on constraint webhook_events_provider_event_id_key do nothing
    returning
      w.id, w.environment, w.event_type, w.livemode, w.object_type, w.object_id, w.processing_status, w.attempt_count,
      w.last_error, w.received_at, w.processed_at, w.created_at, w.updated_at, w.provider, w.provider_event_id,
      w.provider_account_id, w.provider_created_at, w.next_attempt_at
  )
  select jsonb_build_object('status', 'processed', 'event', to_jsonb(r), 'fetch', '[]'::jsonb)
  into v_result
  from recorded as r;
  return v_result;
end;
$$;

revoke all on function payments_private.take_refund(text, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/take_refund.sql
--! Included ledger/private/take_event.sql
/*
 * Takes an ordinary event by the short path of its kind: a few short statements instead of the general path, which
 * takes any event. Returns the event's result, or null if the event is not ordinary; see payments.ingest_webhook_event.
 *
 * The rules of every short path, take_<kind>:
 *   - It writes the same rows, ledger and result as the general path. Wherever it might not, it returns null.
 *   - The caller undoes what it did if it returns null, and takes the general path as if nothing had been.
 *   - The ledger's key finds a duplicate: an event that the ledger has already is not ordinary.
 *   - A snapshot is written only if it is strictly newer than its row, by the same version as in the general path.
 *   - It takes the same locks in the same order as the general path, or only ones that close no circle with these.
 *   - It writes the ledger last, with the statement that writes the rows or after it. The app's triggers fire there.
 *
 * Each condition is one comparison with a list, because each expression costs a new connection up to a tenth of a
 * millisecond.
 *
 * Contract: the caller has checked the event, locked the environment, and begun a subtransaction.
 */
create or replace function payments_private.take_event(environment text, payload jsonb, object jsonb)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_what text := (payload ->> 'type') || ' ' || (object ->> 'object');
begin
  if v_what = any ('{customer.created customer,customer.updated customer}') then
    return payments_private.take_customer(environment, payload, object);
  elsif v_what || ' ' || (object ->> 'status') = any (
    '{invoice.paid invoice paid,invoice.payment_succeeded invoice paid,payment_intent.succeeded payment_intent succeeded,
      charge.refunded charge succeeded}'
  ) then
    if object ?| '{payments,refunds}' then -- these name more payment objects
      return null;
    end if;
    return payments_private.take_payment(environment, payload, object);
  elsif v_what || ' ' || (object ->> 'status') = any (
    '{refund.created refund succeeded,refund.updated refund succeeded,charge.refund.updated refund succeeded}'
  ) then
    return payments_private.take_refund(environment, payload, object);
  elsif v_what = any (
    '{customer.subscription.created subscription,customer.subscription.updated subscription,
      customer.subscription.paused subscription,customer.subscription.resumed subscription,
      customer.subscription.trial_will_end subscription}'
  ) then
    return payments_private.take_subscription(environment, payload, object);
  elsif v_what = 'checkout.session.completed checkout.session' then
    return payments_private.take_session(environment, payload, object);
  elsif v_what = any ('{invoice.created invoice,invoice.finalized invoice,invoice.updated invoice}') then
    return payments_private.take_invoice(environment, payload, object);
  elsif v_what = 'charge.succeeded charge' then
    return payments_private.take_charge(environment, payload, object);
  elsif v_what = any ('{product.created product,product.updated product}') then
    return payments_private.take_product(environment, payload, object);
  elsif v_what = any ('{price.created price,price.updated price}') then
    return payments_private.take_price(environment, payload, object);
  elsif not payments_private.is_projected_event(payload ->> 'type') then
    return payments_private.take_ignored(environment, payload);
  end if;
  return null;
end;
$$;

revoke all on function payments_private.take_event(text, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded ledger/private/take_event.sql
--! Included ledger/private/ingest_event.sql
/*
 * Takes one verified event: by the short path of its kind if it is ordinary, else by the general path of every event.
 * Returns its result. It is payments.ingest_webhook_event without the limit of how long it waits for a lock.
 *
 * In a list it returns null for an event that is not ordinary, so that the caller takes these together. It then raises
 * 57014 if the statement timeout has passed, as process_events does. The caller has locked all ids of a list.
 *
 * The conditions of the short path are one expression, because each expression costs a new connection up to a tenth of
 * a millisecond. If one does not hold, the general path says why.
 */
create or replace function payments_private.ingest_event(
  environment text,
  payload jsonb,
  is_in_list boolean default false
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object jsonb := payload -> 'data' -> 'object';
  v_result jsonb;
  v_error text;
  v_context text;
begin
  -- try the short path
  if environment in ('test', 'live')
    and current_setting('role') not in ('anon', 'authenticated') and session_user not in ('anon', 'authenticated')
    and current_setting('transaction_isolation') in ('read committed', 'read uncommitted')
    and payload ->> 'object' = 'event'
    and length(payload ->> 'id') between 1 and 255
    and length(v_object ->> 'id') between 1 and 255
    and payload -> 'livemode' = to_jsonb(environment = 'live')
    and payload -> 'created' between '0' and '100000000000' -- compared as jsonb, so it is a number
    and payload ->> 'account' is null
  then
    begin
      if pg_advisory_xact_lock_shared(hashtextextended('environment ' || environment, 2)) is not null then -- lock_environment
        v_result := payments_private.take_event(environment, payload, v_object);
      end if;
      if v_result is null then
        raise sqlstate 'SP040'; -- undoes what the short path did; nobody sees it
      end if;
      set constraints all immediate; -- raise here what the app has deferred, see process_batch
      set constraints all deferred;
      return v_result;
    exception
      when sqlstate 'SP040' then null;
      when others or assert_failure or query_canceled then
        if is_in_list and sqlstate = '57014' then
          raise;
        end if;
        get stacked diagnostics v_context = pg_exception_context;
        v_error := payments_private.describe_error(environment, payload, sqlstate, sqlerrm, v_context);
    end;
    if v_error is not null then
      return payments_private.fail_event(environment, payload, v_error);
    end if;
  end if;

  if is_in_list then
    return null;
  end if;
  return payments_private.ingest_generally(environment, payload);
end;
$$;

revoke all on function payments_private.ingest_event(text, jsonb, boolean) from public, anon, authenticated;
--! EndIncluded ledger/private/ingest_event.sql
--! Included ledger/ingest_webhook_event.sql
/*
 * Takes one verified Stripe event: projects it, records it in the ledger and runs the app's fulfilment triggers, all in
 * one transaction. The caller has checked the signature.
 *
 * Returns {status, event, fetch}:
 *   status  processed, ignored, duplicate or failed
 *   event   the ledger row without its payload
 *   fetch   the objects to read from Stripe and pass to project_stripe_objects
 *
 * An app adds fulfilment as `after insert or update` triggers on payments.webhook_events that act when
 * new.processing_status = 'processed'. If one raises, the event is recorded as failed and its projections are
 * committed. The event is retried when Stripe delivers it again, and by retry_webhook_events.
 *
 * Nothing waits longer than three seconds for a lock. This includes the app's triggers, for example when another
 * transaction has locked the row of an order. The event is then kept as failed, and its error names who may hold the
 * lock. The limit ends with the call, so it also holds behind a pooler and for no other statement.
 */
create or replace function payments.ingest_webhook_event(environment text, payload jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '3s'
as $$
begin
  return payments_private.ingest_event(environment, payload);
end;
$$;

comment on function payments.ingest_webhook_event(text, jsonb) is
  'Takes one verified Stripe event: projects it, records it in payments.webhook_events and runs the app''s triggers there, in one transaction. Returns {status, event, fetch}. Errors: SP001 environment, SP005 not an event of this environment.';

revoke all on function payments.ingest_webhook_event(text, jsonb) from public, anon, authenticated;
grant execute on function payments.ingest_webhook_event(text, jsonb) to payments_service;
--! EndIncluded ledger/ingest_webhook_event.sql
--! Included ledger/private/ingest_few.sql
/*
 * Takes a few events without a problem (see event_problem). Each ordinary event takes its short path. The others then
 * take the general path together. Returns their results in the same order; see payments.ingest_webhook_event. Locks all
 * ids of the events and then their payments, each at once and in order. No short path then waits for one of these while
 * it holds another.
 */
create or replace function payments_private.ingest_few(environment text, payloads jsonb[])
  returns jsonb[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids text[] := payments_private.ids_of(payloads);
  v_results jsonb[] := '{}';
  v_others jsonb[] := '{}';
  v_positions integer[] := '{}'; -- of the others
  v_processed jsonb[];
begin
  perform payments_private.lock_environment(environment);
  perform payments_private.lock_ids(environment, v_ids);
  perform payments_private.lock_payments_of(environment, v_ids); -- else two lists could lock two payments crosswise
  for i in 1 .. cardinality(payloads) loop
    v_results[i] := payments_private.ingest_event(environment, payloads[i], true);
    if v_results[i] is null then
      v_others := v_others || payloads[i];
      v_positions := v_positions || i;
    end if;
  end loop;
  if cardinality(v_others) > 0 then
    v_processed := payments_private.ingest_events(environment, v_others);
    for i in 1 .. cardinality(v_positions) loop
      v_results[v_positions[i]] := v_processed[i];
    end loop;
  end if;
  return v_results;
end;
$$;

revoke all on function payments_private.ingest_few(text, jsonb[]) from public, anon, authenticated;
--! EndIncluded ledger/private/ingest_few.sql
--! Included ledger/ingest_webhook_events.sql
/*
 * Takes several verified Stripe events in one call and one transaction. Returns a list in the same order: for each
 * event what ingest_webhook_event returns, or {status: "refused", error, code}. A handler sends the events that wait in
 * this way.
 *
 * Events are independent: one that fails is recorded as failed, one that is refused is returned as refused, and the
 * others commit. A list has at most 64 events, because Postgres caches 64 subtransactions, and events of a batch that
 * raises have one each.
 */
create or replace function payments.ingest_webhook_events(environment text, payloads jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '3s' -- as in ingest_webhook_event
as $$
declare
  v_payload jsonb;
  v_payloads jsonb[] := '{}'; -- those that are not refused
  v_positions integer[] := '{}';
  v_problem text;
  v_results jsonb[] := '{}';
  v_processed jsonb[];
  v_position integer := 0;
begin
  -- check the arguments
  perform payments_private.check_environment(environment);
  if jsonb_typeof(payloads) is distinct from 'array' or jsonb_array_length(payloads) > 64 then
    raise exception 'payloads must be a list of at most 64 Stripe events.'
      using errcode = 'SP001', hint = 'Send the events in smaller lists.';
  end if;
  for v_payload in select p.payload from jsonb_array_elements(payloads) as p (payload) loop
    v_position := v_position + 1;
    v_problem := payments_private.event_problem(environment, v_payload);
    if v_problem is null then
      v_payloads := v_payloads || v_payload;
      v_positions := v_positions || v_position;
    else
      v_results[v_position] := jsonb_build_object('status', 'refused', 'error', v_problem, 'code', 'SP005');
    end if;
  end loop;

  -- process the others
  begin
    if cardinality(v_payloads) <= 6 then -- then each is cheaper by its short path
      v_processed := payments_private.ingest_few(environment, v_payloads);
    else
      v_processed := payments_private.ingest_events(environment, v_payloads);
    end if;
  exception
    when lock_not_available then -- an id is locked: take each event alone, after which the others wait no more
      perform set_config('lock_timeout', '500ms', true);
      for i in 1 .. cardinality(v_payloads) loop
        v_processed[i] := payments_private.ingest_event(environment, v_payloads[i]);
      end loop;
  end;
  for i in 1 .. cardinality(v_positions) loop
    v_results[v_positions[i]] := v_processed[i];
  end loop;
  return to_jsonb(v_results);
end;
$$;

comment on function payments.ingest_webhook_events(text, jsonb) is
  'Takes up to 64 verified Stripe events in one transaction, each independent of the others. Returns a list of what ingest_webhook_event returns, or {status: refused, error, code}. Errors: SP001.';

revoke all on function payments.ingest_webhook_events(text, jsonb) from public, anon, authenticated;
grant execute on function payments.ingest_webhook_events(text, jsonb) to payments_service;
--! EndIncluded ledger/ingest_webhook_events.sql
--! Included ledger/private/retry_event.sql
/*
 * Processes one event of the ledger again, whose ids are locked, and returns its result; see
 * payments.ingest_webhook_event.
 *
 * If an app trigger also raises for the failed row, only attempt_count, last_error and next_attempt_at change, so that
 * this event cannot block the queue.
 */
create or replace function payments_private.retry_event(environment text, payload jsonb, reprocess boolean default false)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_error text;
begin
  begin
    return (payments_private.process_events(environment, array[payload], reprocess))[1];
  exception
    when others or assert_failure or query_canceled then
      v_error := sqlerrm || ' (' || sqlstate || ')';
  end;
  begin
    update payments.webhook_events as w
    set attempt_count = w.attempt_count + 1,
        last_error = v_error,
        next_attempt_at = now() + payments_private.retry_delay(w.attempt_count + 1)
    where w.provider = 'stripe'
      and w.environment = retry_event.environment
      and w.provider_event_id = retry_event.payload ->> 'id'
      and w.processing_status in ('pending', 'failed'); -- not set here, so triggers on this column do not fire
  exception
    when others or assert_failure then null; -- a trigger on every update also raises: the next attempt is due at once
  end;
  return jsonb_build_object('status', 'failed', 'event', jsonb_build_object('last_error', v_error), 'fetch', jsonb_build_array());
end;
$$;

revoke all on function payments_private.retry_event(text, jsonb, boolean) from public, anon, authenticated;
--! EndIncluded ledger/private/retry_event.sql
--! Included ledger/retry_webhook_events.sql
/*
 * Retries failed events that are due, the longest waiting first, and returns what became of each. A schedule calls it
 * (see sql/templates). Several calls at once share the work: an event that another call is processing is skipped, not
 * waited for.
 */
create or replace function payments.retry_webhook_events(max integer default 100)
  returns table (environment text, provider_event_id text, processing_status text, last_error text)
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '3s' -- as in ingest_webhook_event
as $$
#variable_conflict use_column
declare
  v_event payments.webhook_events;
  v_result jsonb;
begin
  perform payments_private.check_caller();
  for v_event in
    select w.*
    from payments.webhook_events as w
    where w.processing_status in ('pending', 'failed') and w.next_attempt_at <= now()
    order by w.next_attempt_at
    limit greatest(retry_webhook_events.max, 0)
  loop
    perform payments_private.lock_environment(v_event.environment);
    continue when not payments_private.try_lock_ids(
      v_event.environment, payments_private.ids_of(array[v_event.payload])
    );
    v_result := payments_private.retry_event(v_event.environment, v_event.payload);
    continue when v_result ->> 'status' = 'duplicate'; -- another call has finished it
    environment := v_event.environment;
    provider_event_id := v_event.provider_event_id;
    processing_status := v_result ->> 'status';
    last_error := v_result -> 'event' ->> 'last_error';
    return next;
    if last_error like '%(55P03)%' then
      perform set_config('lock_timeout', '500ms', true); -- the next ones may wait for the same transaction
    end if;
    exit when last_error like '%(57014)'; -- the statement timeout has passed; the next call retries the others
  end loop;
end;
$$;

comment on function payments.retry_webhook_events(integer) is
  'Retries up to max failed events that are due, and returns what became of each. Several calls at once are safe.';

revoke all on function payments.retry_webhook_events(integer) from public, anon, authenticated;
grant execute on function payments.retry_webhook_events(integer) to payments_service;
--! EndIncluded ledger/retry_webhook_events.sql
--! Included ledger/replay_webhook_events.sql
/*
 * Processes recorded events once more, fulfilment triggers included, in the order in which they happened. Returns what
 * became of each. Arguments select events by id, by type, by object or by time; without any it takes all of them.
 *
 * Takes failed and dead-lettered events. With include_processed it also takes processed ones, for which fulfilment must
 * be idempotent. Pruned events cannot be replayed.
 */
create or replace function payments.replay_webhook_events(
  environment text,
  provider_event_id text default null,
  event_type text default null,
  object_id text default null,
  happened_from timestamptz default null,
  happened_before timestamptz default null,
  include_processed boolean default false,
  max integer default 1000
)
  returns table (replayed_event_id text, processing_status text, last_error text)
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '3s' -- as in ingest_webhook_event
as $$
#variable_conflict use_column
declare
  v_events payments.webhook_events[];
  v_event payments.webhook_events;
  v_ids text[];
  v_result jsonb;
begin
  perform payments_private.check_environment(replay_webhook_events.environment);
  perform payments_private.lock_environment(replay_webhook_events.environment);
  select array_agg(e.event order by e.position)
  into v_events
  from (
    select w as event, row_number() over (order by w.provider_created_at, w.received_at) as position
    from payments.webhook_events as w
    where w.environment = replay_webhook_events.environment
      and (replay_webhook_events.provider_event_id is null or w.provider_event_id = replay_webhook_events.provider_event_id)
      and (replay_webhook_events.event_type is null or w.event_type = replay_webhook_events.event_type)
      and (replay_webhook_events.object_id is null or w.object_id = replay_webhook_events.object_id)
      and (replay_webhook_events.happened_from is null or w.provider_created_at >= replay_webhook_events.happened_from)
      and (replay_webhook_events.happened_before is null or w.provider_created_at < replay_webhook_events.happened_before)
      and (
        w.processing_status in ('pending', 'failed')
        or (replay_webhook_events.include_processed and w.processing_status = 'processed')
      )
      and w.payload <> '{}' -- pruned
    order by w.provider_created_at, w.received_at
    limit greatest(replay_webhook_events.max, 0)
  ) as e;
  if v_events is null then
    return;
  end if;

  -- lock all ids at once and in order
  v_ids := payments_private.ids_of(array(select e.payload from unnest(v_events) as e));
  perform payments_private.lock_ids(environment, v_ids);
  perform payments_private.lock_payments_of(environment, v_ids);

  foreach v_event in array v_events loop
    v_result := payments_private.retry_event(v_event.environment, v_event.payload, replay_webhook_events.include_processed);
    continue when v_result ->> 'status' = 'duplicate'; -- another call has finished it
    replayed_event_id := v_event.provider_event_id;
    processing_status := v_result ->> 'status';
    last_error := v_result -> 'event' ->> 'last_error';
    return next;
    exit when last_error like '%(57014)'; -- the statement timeout has passed
  end loop;
end;
$$;

comment on function payments.replay_webhook_events(text, text, text, text, timestamptz, timestamptz, boolean, integer) is
  'Processes recorded events once more, fulfilment triggers included: failed events, and with include_processed the processed ones too. Returns what became of each. Errors: SP001.';

revoke all on function payments.replay_webhook_events(text, text, text, text, timestamptz, timestamptz, boolean, integer)
  from public, anon, authenticated;
grant execute on function payments.replay_webhook_events(text, text, text, text, timestamptz, timestamptz, boolean, integer)
  to payments_service;
--! EndIncluded ledger/replay_webhook_events.sql
--! Included ledger/prune_webhook_events.sql
/*
 * Empties the payloads of finished events that happened longer ago than older_than, at most max at a time. Returns how
 * many were emptied; call it again until it returns 0. Without an environment it takes both. Waits for a running
 * rebuild.
 *
 * Ids and outcome stay, so duplicates are still recognized. A rebuild can no longer read a pruned event. Fulfilment
 * triggers on `update of processing_status` do not fire; a trigger on every update sees the row with the payload {}.
 */
create or replace function payments.prune_webhook_events(
  older_than interval,
  max integer default 10000,
  environment text default null
)
  returns integer
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the ledger
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_environment text;
  v_count integer;
begin
  perform payments_private.check_caller();
  if prune_webhook_events.older_than is null or prune_webhook_events.older_than < interval '1 day' then
    raise exception 'older_than must be at least one day.'
      using errcode = 'SP001', hint = 'Keep events for as long as you may want to replay them, such as 90 days.';
  end if;
  for v_environment in
    select e.environment
    from unnest(array['live', 'test']) as e (environment)
    where e.environment = coalesce(prune_webhook_events.environment, e.environment)
    order by e.environment
  loop
    perform payments_private.lock_environment(v_environment);
  end loop;
  update payments.webhook_events as w
  set payload = '{}'
  where w.id in (
    select p.id
    from payments.webhook_events as p
    where p.processing_status in ('processed', 'ignored')
      and (prune_webhook_events.environment is null or p.environment = prune_webhook_events.environment)
      and p.received_at < now() - prune_webhook_events.older_than
      and p.provider_created_at < now() - prune_webhook_events.older_than
      and p.payload <> '{}'
    limit prune_webhook_events.max
    for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

comment on function payments.prune_webhook_events(interval, integer, text) is
  'Empties the payloads of finished events older than the given interval, at most max at a time; ids and outcome stay. Returns how many were emptied. Errors: SP001.';

revoke all on function payments.prune_webhook_events(interval, integer, text) from public, anon, authenticated;
grant execute on function payments.prune_webhook_events(interval, integer, text) to payments_service;
--! EndIncluded ledger/prune_webhook_events.sql
--! Included ledger/private/ledger_covers.sql
/*
 * Returns whether the ledger still holds what this version of an object says, or something newer. That is so if it
 * holds the payload of a later event, or the payloads of all events of the version's second.
 *
 * Failed events do not count, because a failed event may be one that cannot be read: what only it said stays in the
 * row.
 */
create or replace function payments_private.ledger_covers(environment text, object_id text, version bigint)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_second timestamptz := to_timestamp((ledger_covers.version & ((1::bigint << 50) - 1)) >> 3);
begin
  return (
    select coalesce(
      bool_and(w.payload <> '{}')
      or bool_or(w.payload <> '{}' and w.provider_created_at > v_second),
      false
    )
    from payments.webhook_events as w
    where w.object_id = ledger_covers.object_id
      and w.environment = ledger_covers.environment
      and w.processing_status = 'processed'
      and w.provider_created_at >= v_second
  );
end;
$$;

revoke all on function payments_private.ledger_covers(text, text, bigint) from public, anon, authenticated;
--! EndIncluded ledger/private/ledger_covers.sql
--! Included ledger/rebuild_projections.sql
/*
 * Rebuilds the projections of an environment from the ledger, without fulfilment. A row that is right stays as it is:
 * it is not deleted and inserted again, and triggers of the app see no older state of it. If an object changed several
 * times in one second, they may see one of these states, and its items may be inserted again. Webhooks wait meanwhile.
 * It does all of it or nothing: only an event that is recorded as failed may fail to project again.
 *
 * Returns {events, pruned, complete_since}:
 *   events          how many events were read
 *   pruned          how many are pruned
 *   complete_since  from when on the ledger is complete; null if nothing is missing
 *
 * Two kinds of rows stay as they are. The first are rows that an answer of the API set last, because it is newer than
 * every event. The second are rows that only pruned events describe. A row that a sync marked as gone is built again
 * from its events.
 */
create or replace function payments.rebuild_projections(environment text)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_event record;
  v_events bigint := 0;
  v_pruned bigint;
  v_complete_since timestamptz;
  v_payment_ids uuid[];
  v_gone constant bigint := 1::bigint << 50; -- bit 50 of snapshot_version: Stripe itself said deleted, and that stays
  v_weak constant bigint := v_gone + 7; -- of a tombstone, 6 is that of a sync; see mark_gone
begin
  perform payments_private.check_environment(environment);
  perform payments_private.lock_environment(environment, true);

  -- reset the versions: every event is newer than 0; the rank 6 marks an answer of the API
  update payments.stripe_products as t set version = t.version & v_gone
  where t.environment = rebuild_projections.environment
    and case
      when t.deleted and t.version & v_weak = 6 then payments_private.ledger_covers(t.environment, t.product_id, 0)
      else t.version & 7 <> 6 and payments_private.ledger_covers(t.environment, t.product_id, t.version)
    end;
  update payments.stripe_prices as t set version = t.version & v_gone
  where t.environment = rebuild_projections.environment
    and case
      when t.deleted and t.version & v_weak = 6 then payments_private.ledger_covers(t.environment, t.price_id, 0)
      else t.version & 7 <> 6 and payments_private.ledger_covers(t.environment, t.price_id, t.version)
    end;
  update payments.customers as t set version = t.version & v_gone
  where t.environment = rebuild_projections.environment
    and case
      when t.deleted and t.version & v_weak = 6 then payments_private.ledger_covers(t.environment, t.provider_customer_id, 0)
      else t.version & 7 <> 6 and payments_private.ledger_covers(t.environment, t.provider_customer_id, t.version)
    end;
  update payments.stripe_subscriptions as t set version = 0
  where t.environment = rebuild_projections.environment
    and case
      when t.status = 'canceled' and t.version & v_weak = 6 then payments_private.ledger_covers(t.environment, t.subscription_id, 0)
      else t.version & 7 <> 6 and payments_private.ledger_covers(t.environment, t.subscription_id, t.version)
    end;
  update payments.stripe_checkout_sessions as t set version = 0
  where t.environment = rebuild_projections.environment
    and t.version & 7 <> 6
    and payments_private.ledger_covers(t.environment, t.checkout_session_id, t.version);
  update payments.stripe_invoices as t set version = 0
  where t.environment = rebuild_projections.environment
    and case
      when t.deleted and t.version & v_weak = 6 then payments_private.ledger_covers(t.environment, t.invoice_id, 0)
      else t.version & 7 <> 6 and payments_private.ledger_covers(t.environment, t.invoice_id, t.version)
    end;
  update payments.stripe_credit_notes as t set version = 0
  where t.environment = rebuild_projections.environment
    and t.version & 7 <> 6
    and payments_private.ledger_covers(t.environment, t.credit_note_id, t.version);
  update payments_private.subscription_schedules as t set version = 0
  where t.environment = rebuild_projections.environment and t.version & 7 <> 6
    and payments_private.ledger_covers(t.environment, t.schedule_id, t.version);
  update payments_private.payment_objects as t set version = 0
  where t.environment = rebuild_projections.environment and t.version & 7 <> 6
    and payments_private.ledger_covers(t.environment, t.object_id, t.version);

  -- begin with what was assigned here; from now on no claim is a first one, and no transaction is derived
  perform set_config('payments_private.rebuild', pg_current_xact_id()::text, true); -- is_rebuilding
  perform payments_private.assign_customers(
    environment,
    array(
      select row (a.environment, a.object_id, a.subject_type, a.subject_id, '-infinity', 'assigned')::payments_private.customer_owners
      from payments_private.subject_assignments as a
      where a.environment = rebuild_projections.environment and a.object_type = 'customer'
    )
  );

  -- project again, without the transactions: of a payment that is told in part they would say less than now
  for v_event in
    select w.payload, w.provider_event_id, w.processing_status
    from payments.webhook_events as w
    where w.environment = rebuild_projections.environment
      and w.processing_status in ('processed', 'failed')
      and payments_private.is_projected_event(w.event_type)
      and (w.provider_account_id is null or payments_private.is_own_account(w.environment, w.provider_account_id))
      and w.payload <> '{}'
    -- newest first, also within a second: a row is written once, and never shows what it was before
    order by payments_private.snapshot_version(w.provider_created_at, w.event_type, false) desc,
      w.received_at desc, w.provider_event_id
  loop
    begin
      perform payments_private.project_events(environment, array[v_event.payload], array['processed']);
    exception
      when others then
        if left(sqlstate, 2) in ('25', '40', '53', '54', '55', '57', '58', 'XX') then
          raise; -- an error of the server, not of the event
        elsif v_event.processing_status <> 'failed' then -- a failed event may be one that cannot be read
          raise exception 'Event % cannot be projected again: %', v_event.provider_event_id, sqlerrm
            using errcode = 'SP022', hint = 'Nothing was changed. Fix what the message names, then run the rebuild again.';
        end if;
    end;
    v_events := v_events + 1;
  end loop;

  -- derive the transactions
  perform set_config('payments_private.rebuild', '', true);
  for v_payment_ids in
    select array_agg(p.id)
    from (
      select o.payment_id as id, (row_number() over (order by o.payment_id) - 1) / 1000 as part
      from payments_private.payment_objects as o
      where o.environment = rebuild_projections.environment
      group by o.payment_id
    ) as p
    group by p.part
    order by p.part
  loop
    perform payments_private.refresh_transactions(environment, v_payment_ids);
  end loop;

  -- report what is missing
  select count(*), max(w.provider_created_at) + interval '1 second'
  into v_pruned, v_complete_since
  from payments.webhook_events as w
  where w.environment = rebuild_projections.environment and w.processing_status = 'processed' and w.payload = '{}';
  return jsonb_build_object('events', v_events, 'pruned', v_pruned, 'complete_since', v_complete_since);
end;
$$;

comment on function payments.rebuild_projections(text) is
  'Rebuilds the projections of an environment from the ledger, without fulfilment. Rows keep their ids; webhooks wait while it runs. All of it or nothing. Returns {events, pruned, complete_since}. Errors: SP001, SP022 an event cannot be projected again.';

revoke all on function payments.rebuild_projections(text) from public, anon, authenticated;
grant execute on function payments.rebuild_projections(text) to payments_service;
--! EndIncluded ledger/rebuild_projections.sql
--! Included ledger/event_subject.sql
/*
 * Returns the billing subject of an event, for fulfilment triggers; both fields are null if no subject is known. The
 * first of these that has a subject decides:
 *   1. the metadata of the event's object
 *   2. the subscription details of an invoice
 *   3. the checkout session that was begun here
 *   4. the subscription
 *   5. the payment that the object belongs to
 *   6. the customer
 */
create or replace function payments.event_subject(event payments.webhook_events)
  returns payments.billing_subject
  language plpgsql
  stable
  security definer -- crosses from the app's trigger to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object jsonb := event.payload -> 'data' -> 'object';
  v_subject payments.billing_subject := payments_private.subject_of(v_object -> 'metadata');
  v_customer_id text := case
    when v_object ->> 'object' = 'customer' then v_object ->> 'id'
    else payments_private.id_of(v_object -> 'customer')
  end;
begin
  if v_subject.type is null then
    v_subject := payments_private.subject_of(
      coalesce(v_object -> 'parent' -> 'subscription_details' -> 'metadata', v_object -> 'subscription_details' -> 'metadata')
    );
  end if;
  if v_subject.type is null and v_object ->> 'object' = 'checkout.session' then
    select t.subject_type, t.subject_id
    into v_subject
    from payments.stripe_checkout_sessions as t
    where t.environment = event.environment and t.checkout_session_id = v_object ->> 'id' and t.subject_type is not null;
  end if;
  if v_subject.type is null then
    select s.subject_type, s.subject_id
    into v_subject
    from payments.stripe_subscriptions as s
    where s.environment = event.environment
      and s.subscription_id = coalesce(
        case when v_object ->> 'object' = 'subscription' then v_object ->> 'id' end,
        payments_private.id_of(v_object -> 'subscription'),
        payments_private.id_of(v_object -> 'parent' -> 'subscription_details' -> 'subscription')
      )
      and s.subject_type is not null;
  end if;
  if v_subject.type is null then
    select t.subject_type, t.subject_id
    into v_subject
    from payments_private.payment_objects as o
    join payments.transactions as t on t.id = o.payment_id
    where o.environment = event.environment and o.object_id = event.object_id and t.subject_type is not null;
  end if;
  if v_subject.type is null then
    select m.subject_type, m.subject_id
    into v_subject
    from payments.customer_mappings as m
    where m.provider = 'stripe'
      and m.environment = event.environment
      and m.provider_customer_id = v_customer_id;
  end if;
  if v_subject.type is null then
    -- a customer that new sessions do not use has no mapping
    v_subject := payments_private.subject_of_customer(event.environment, v_customer_id);
  end if;
  return v_subject;
end;
$$;

comment on function payments.event_subject(payments.webhook_events) is
  'The billing subject (type, id) of an event, for fulfilment triggers; both are null if no subject is known. Read it as (payments.event_subject(new)).id.';

revoke all on function payments.event_subject(payments.webhook_events) from public, anon, authenticated;
grant execute on function payments.event_subject(payments.webhook_events) to payments_service;
--! EndIncluded ledger/event_subject.sql
--! Included ledger/event_is_settled.sql
/*
 * Returns whether an event says that the money has arrived; false for every other event.
 *
 * A checkout that is complete but unpaid has not settled: its checkout.session.async_payment_succeeded will say so. A
 * checkout that requires no payment counts as settled. A checkout that only saves a payment method (mode setup) buys
 * nothing. A payment status or a mode that Stripe adds later settles nothing.
 * https://docs.stripe.com/payments/checkout/fulfill-orders
 */
create or replace function payments.event_is_settled(event payments.webhook_events)
  returns boolean
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    case event.payload -> 'data' -> 'object' ->> 'object'
      when 'checkout.session' then
        event.event_type in ('checkout.session.completed', 'checkout.session.async_payment_succeeded')
        and event.payload -> 'data' -> 'object' ->> 'payment_status' in ('paid', 'no_payment_required')
        and coalesce(event.payload -> 'data' -> 'object' ->> 'mode', 'payment') in ('payment', 'subscription')
      when 'invoice' then event.event_type in ('invoice.paid', 'invoice.payment_succeeded')
      when 'payment_intent' then event.event_type = 'payment_intent.succeeded'
      when 'invoice_payment' then event.event_type = 'invoice_payment.paid'
    end,
    false
  );
end;
$$;

comment on function payments.event_is_settled(payments.webhook_events) is
  'Whether the event says that the money has arrived: paid or no_payment_required checkouts, paid invoices, succeeded PaymentIntents. False for everything else.';

revoke all on function payments.event_is_settled(payments.webhook_events) from public, anon, authenticated;
grant execute on function payments.event_is_settled(payments.webhook_events) to payments_service;
--! EndIncluded ledger/event_is_settled.sql
--! Included connection/private/read_secrets.sql
/*
 * Returns the valid secrets of an environment, newest first, still encrypted.
 */
create or replace function payments_private.read_secrets(environment text)
  returns table (kind text, key_id text, ciphertext text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select s.kind, s.key_id, s.ciphertext
  from payments_private.secrets as s
  where s.environment = read_secrets.environment and (s.expires_at is null or s.expires_at > now())
  order by s.created_at desc, s.id;
$$;

revoke all on function payments_private.read_secrets(text) from public, anon, authenticated;
grant execute on function payments_private.read_secrets(text) to payments_service;
--! EndIncluded connection/private/read_secrets.sql

-- sync and recovery
--! Included sync/private/sync_kinds.sql
/*
 * Returns the kinds of objects that a sync can list, in the order in which it lists them. A kind comes after those it
 * refers to. is_history is true of payment objects: they are listed on request only, and one that a listing does not
 * show is not gone.
 *
 * This is the one list of kinds in the functions. The check kinds_are_known of payments.sync_runs repeats it, because
 * tables come before functions; a test compares the two.
 */
create or replace function payments_private.sync_kinds()
  returns table (kind text, list_position integer, is_history boolean)
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  values
    ('products', 1, false),
    ('prices', 2, false),
    ('customers', 3, false),
    ('subscriptions', 4, false),
    ('checkout_sessions', 5, true),
    ('payment_intents', 6, true),
    ('charges', 7, true),
    ('invoices', 8, true),
    ('credit_notes', 9, true),
    ('refunds', 10, true),
    ('disputes', 11, true);
$$;

revoke all on function payments_private.sync_kinds() from public, anon, authenticated;
--! EndIncluded sync/private/sync_kinds.sql
--! Included sync/private/check_sync_kinds.sql
/*
 * Returns the requested kinds of objects in the order in which a sync lists them. Without a request: all kinds that are
 * not history. Raises SP001 for anything but a list of known kinds, so that the caller sees a sentence and not a
 * violated check.
 */
create or replace function payments_private.check_sync_kinds(kinds jsonb)
  returns text[]
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kinds text[];
begin
  if kinds is null or kinds = 'null' then
    return array(
      select k.kind
      from payments_private.sync_kinds() as k
      where not k.is_history
      order by k.list_position
    );
  end if;
  if jsonb_typeof(kinds) = 'array' then
    select array_agg(k.kind order by k.list_position)
    into v_kinds
    from payments_private.sync_kinds() as k
    where check_sync_kinds.kinds ? k.kind;
  end if;
  if v_kinds is null
    or cardinality(v_kinds) <> (select count(distinct k.kind) from jsonb_array_elements(kinds) as k (kind))
  then
    raise exception 'kinds must be a list of %.',
        (select string_agg(k.kind, ', ' order by k.list_position) from payments_private.sync_kinds() as k)
      using errcode = 'SP001', hint = 'Leave kinds out for products, prices, customers and subscriptions.';
  end if;
  return v_kinds;
end;
$$;

revoke all on function payments_private.check_sync_kinds(jsonb) from public, anon, authenticated;
--! EndIncluded sync/private/check_sync_kinds.sql
--! Included sync/private/sync_answer.sql
/*
 * Returns what each step of a sync returns: {run, next}. next is what to list from Stripe now, or null when every kind
 * is listed: {kind, params, without_cursor}. If Stripe no longer knows the object at the end of the last page, list
 * with without_cursor. That repeats the objects of that object's second, which is harmless.
 */
create or replace function payments_private.sync_answer(run payments.sync_runs)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind text;
  v_progress jsonb;
  v_params jsonb := '{"limit": 100}';
  v_created jsonb := '{}';
begin
  -- choose the kind
  select k.kind into v_kind
  from unnest(run.kinds) with ordinality as k (kind, list_position)
  where coalesce(run.progress -> k.kind ->> 'state', 'listing') = 'listing'
  order by k.list_position
  limit 1;
  if v_kind is null or run.status <> 'running' then
    return jsonb_build_object('run', to_jsonb(run), 'next', null);
  end if;

  -- build the request
  v_progress := coalesce(run.progress -> v_kind, '{}');
  if v_kind = 'subscriptions' then
    v_params := v_params || '{"status": "all", "expand": ["data.schedule"]}'; -- a schedule says what changes, and when
  elsif v_kind = 'invoices' then
    v_params := v_params || '{"expand": ["data.payments"]}';
  elsif v_kind = 'checkout_sessions' then
    v_params := v_params || '{"expand": ["data.line_items"]}';
  end if;
  if (select k.is_history from payments_private.sync_kinds() as k where k.kind = v_kind) then
    v_created := jsonb_strip_nulls(jsonb_build_object(
      'gte', ceil(extract(epoch from run.created_from)), 'lt', ceil(extract(epoch from run.created_before))
    ));
  end if;
  return jsonb_build_object(
    'run', to_jsonb(run),
    'next', jsonb_build_object(
      'kind', v_kind,
      'params', v_params
        || case when v_created <> '{}' then jsonb_build_object('created', v_created) else '{}' end
        || case
             when v_progress ? 'cursor' then jsonb_build_object('starting_after', v_progress ->> 'cursor')
             else '{}'
           end,
      'without_cursor', case
        when v_progress ? 'cursor' then v_params || jsonb_build_object(
          'created', (v_created - 'lt') || jsonb_build_object('lte', v_progress -> 'cursor_created')
        )
      end
    )
  );
end;
$$;

revoke all on function payments_private.sync_answer(payments.sync_runs) from public, anon, authenticated;
--! EndIncluded sync/private/sync_answer.sql
--! Included sync/private/held_sync_run.sql
/*
 * Returns the row of a running sync, locked, if the caller holds its lease. Raises SP021 if another process has taken
 * over.
 */
create or replace function payments_private.held_sync_run(run_id uuid, lease uuid)
  returns payments.sync_runs
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run payments.sync_runs;
begin
  perform payments_private.check_caller();
  select r.* into v_run
  from payments.sync_runs as r
  where r.id = held_sync_run.run_id
  for update;
  if v_run.lease is distinct from held_sync_run.lease or held_sync_run.lease is null then
    raise exception 'Another process has taken over this sync.'
      using errcode = 'SP021', hint = 'Begin a sync: it resumes where the last one stopped.';
  end if;
  return v_run;
end;
$$;

revoke all on function payments_private.held_sync_run(uuid, uuid) from public, anon, authenticated;
--! EndIncluded sync/private/held_sync_run.sql
--! Included sync/begin_sync.sql
/*
 * Begins a sync of an environment with Stripe, and returns {run, next} as every step of a sync does; see
 * payments_private.sync_answer. A run with the same kinds and range that stopped within a day is resumed where it
 * stopped.
 *
 * One sync of an environment runs at a time; a running one without a heartbeat for a minute counts as dead.
 *
 * account_id is the account of the key. Another account than the one whose rows are here raises SP008. Otherwise, a
 * listing of one account would mark the rows of the other as gone.
 */
create or replace function payments.begin_sync(
  environment text,
  kinds jsonb default null,
  created_from timestamptz default null,
  created_before timestamptz default null,
  account_id text default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kinds text[];
  v_run payments.sync_runs;
begin
  -- guard
  perform payments_private.check_environment(environment);
  v_kinds := payments_private.check_sync_kinds(kinds);
  if created_from >= created_before then
    raise exception 'created_from must be before created_before.'
      using errcode = 'SP001', hint = 'Leave one of them out for no limit on that side.';
  end if;

  -- lock, then check the account
  perform pg_advisory_xact_lock(hashtextextended('sync ' || environment, 3));
  perform payments_private.check_account(environment, account_id);

  -- record the account as connected
  update payments.provider_connections as c
  set status = 'connected'
  where c.provider = 'stripe' and c.environment = begin_sync.environment and c.status = 'error';
  if account_id is not null then
    insert into payments.provider_connections as c (provider, environment, provider_account_id)
    values ('stripe', begin_sync.environment, begin_sync.account_id)
    on conflict on constraint provider_connections_environment_key do update
    set provider_account_id = excluded.provider_account_id
    where c.provider_account_id is null;
  end if;

  -- refuse a second run
  select r.* into v_run
  from payments.sync_runs as r
  where r.environment = begin_sync.environment and r.status = 'running'
  for update;
  if v_run.heartbeat_at > clock_timestamp() - interval '1 minute' then
    raise exception 'A sync of % has been running since %.', environment,
        to_char(v_run.started_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
      using errcode = 'SP020', hint = 'Wait until it has ended. One that was killed can be resumed after a minute.';
  end if;
  update payments.sync_runs as r
  set status = 'interrupted',
      lease = null,
      finished_at = r.heartbeat_at
  where r.id = v_run.id;

  -- resume a stopped run
  select r.* into v_run
  from payments.sync_runs as r
  where r.environment = begin_sync.environment
    and r.kinds = v_kinds
    and r.created_from is not distinct from begin_sync.created_from
    and r.created_before is not distinct from begin_sync.created_before
  order by r.started_at desc
  limit 1;
  if v_run.status in ('interrupted', 'failed')
    and v_run.started_at > now() - interval '1 day'
    and exists (
      select from unnest(v_run.kinds) as k (kind) where v_run.progress -> k.kind ->> 'state' is distinct from 'done'
    )
  then
    update payments.sync_runs as r
    set status = 'running',
        lease = gen_random_uuid(),
        attempt = r.attempt + 1,
        error = null,
        heartbeat_at = clock_timestamp(),
        finished_at = null
    where r.id = v_run.id
    returning r.* into v_run;
    return payments_private.sync_answer(v_run);
  end if;

  -- delete old runs, begin a new one
  delete from payments.sync_runs as r
  where r.environment = begin_sync.environment and r.finished_at < now() - interval '90 days';
  insert into payments.sync_runs (environment, kinds, created_from, created_before, lease, heartbeat_at)
  values (
    begin_sync.environment, v_kinds, begin_sync.created_from, begin_sync.created_before, gen_random_uuid(),
    clock_timestamp()
  )
  returning * into v_run;
  return payments_private.sync_answer(v_run);
end;
$$;

comment on function payments.begin_sync(text, jsonb, timestamptz, timestamptz, text) is
  'Begins a sync of an environment with Stripe or resumes the last one like it. Returns {run, next}: next is what to list for record_sync_page. Errors: SP001, SP008 the key is of another account, SP020 one is running.';

revoke all on function payments.begin_sync(text, jsonb, timestamptz, timestamptz, text)
  from public, anon, authenticated;
grant execute on function payments.begin_sync(text, jsonb, timestamptz, timestamptz, text) to payments_service;
--! EndIncluded sync/begin_sync.sql
--! Included sync/private/sync_rows.sql
/*
 * Returns the projected rows of these objects of one kind as {id: row}, without the columns that change at each look at
 * Stripe. A customer's row has the subject that is mapped to it. For payment objects: their transactions by the
 * transaction's id; that of an invoice has the row of the invoice in the column invoice.
 */
create or replace function payments_private.sync_rows(environment text, kind text, ids text[])
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off -- its plans must not depend on how full the tables were when they were made
as $$
declare
  v_rows jsonb;
  v_left_out constant text[] := array[
    'id', 'environment', 'provider', 'raw', 'version', 'synced_at', 'created_at', 'updated_at', 'subject_version'
  ];
begin
  case kind
    when 'products' then
      select jsonb_object_agg(p.product_id, to_jsonb(p) - v_left_out) into v_rows
      from payments.stripe_products as p
      where p.product_id = any (ids) and p.environment = sync_rows.environment;
    when 'prices' then
      select jsonb_object_agg(p.price_id, to_jsonb(p) - v_left_out) into v_rows
      from payments.stripe_prices as p
      where p.price_id = any (ids) and p.environment = sync_rows.environment;
    when 'customers' then
      select jsonb_object_agg(
        c.provider_customer_id,
        to_jsonb(c) - v_left_out || jsonb_build_object('subject', m.subject_type || ' ' || m.subject_id)
      )
      into v_rows
      from payments.customers as c
      left join payments.customer_mappings as m
        on m.provider_customer_id = c.provider_customer_id and m.environment = c.environment and m.provider = c.provider
      where c.provider_customer_id = any (ids) and c.environment = sync_rows.environment and c.provider = 'stripe';
    when 'subscriptions' then
      select jsonb_object_agg(
        s.subscription_id,
        to_jsonb(s) - v_left_out || jsonb_build_object('items', (
          select jsonb_agg(to_jsonb(i) - v_left_out order by i.subscription_item_id)
          from payments.stripe_subscription_items as i
          where i.subscription_id = s.subscription_id and i.environment = s.environment
        ))
      )
      into v_rows
      from payments.stripe_subscriptions as s
      where s.subscription_id = any (ids) and s.environment = sync_rows.environment;
    when 'checkout_sessions' then
      select jsonb_object_agg(s.checkout_session_id, to_jsonb(s) - v_left_out) into v_rows
      from payments.stripe_checkout_sessions as s
      where s.checkout_session_id = any (ids) and s.environment = sync_rows.environment;
    when 'invoices' then -- with its payment, under the id of that
      select jsonb_object_agg(
        coalesce(t.id::text, i.id),
        coalesce(to_jsonb(t) - v_left_out, '{}')
          || coalesce(jsonb_build_object('invoice', nullif(to_jsonb(r) - v_left_out, '{}')), '{}')
      )
      into v_rows
      from unnest(ids) as i (id)
      left join payments.stripe_invoices as r on r.invoice_id = i.id and r.environment = sync_rows.environment
      left join payments_private.payment_objects as o on o.object_id = i.id and o.environment = sync_rows.environment
      left join payments.transactions as t on t.id = o.payment_id
      where r.id is not null or t.id is not null;
    when 'credit_notes' then
      select jsonb_object_agg(n.credit_note_id, to_jsonb(n) - v_left_out) into v_rows
      from payments.stripe_credit_notes as n
      where n.credit_note_id = any (ids) and n.environment = sync_rows.environment;
    else
      select jsonb_object_agg(t.id, to_jsonb(t) - v_left_out) into v_rows
      from payments.transactions as t
      where t.id in (
        select o.payment_id
        from payments_private.payment_objects as o
        where o.object_id = any (ids) and o.environment = sync_rows.environment
      );
  end case;
  return coalesce(v_rows, '{}');
end;
$$;

revoke all on function payments_private.sync_rows(text, text, text[]) from public, anon, authenticated;
--! EndIncluded sync/private/sync_rows.sql
--! Included sync/private/sync_objects.sql
/*
 * Returns the objects of a page one by one; after an invoice, the payments that were expanded in it. A subscription has
 * the id of the schedule that was expanded in it, as in events, and the schedule follows.
 */
create or replace function payments_private.sync_objects(objects jsonb)
  returns setof jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object jsonb;
begin
  for v_object in select o.object from jsonb_array_elements(objects) as o (object) loop
    if v_object ->> 'object' = 'subscription' and jsonb_typeof(v_object -> 'schedule') = 'object' then
      return next v_object || jsonb_build_object('schedule', v_object -> 'schedule' -> 'id');
      return next v_object -> 'schedule';
      continue;
    end if;
    return next v_object;
    if v_object ->> 'object' = 'invoice' then
      return query select p.payment from jsonb_array_elements(v_object -> 'payments' -> 'data') as p (payment);
    end if;
  end loop;
end;
$$;

revoke all on function payments_private.sync_objects(jsonb) from public, anon, authenticated;
--! EndIncluded sync/private/sync_objects.sql
--! Included sync/private/project_sync_page.sql
/*
 * Projects the objects of one page, with the payments of its invoices, and returns {newer, failed, error}. newer
 * counts the rows that were newer than the page, failed the objects that could not be projected, and error is the
 * first error. If the page raises, its objects are projected one by one, so that one bad object does not block the
 * others.
 */
create or replace function payments_private.project_sync_page(environment text, objects jsonb, snapshot_at timestamptz)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_objects jsonb[] := array(select payments_private.sync_objects(project_sync_page.objects));
  v_object jsonb;
  v_newer integer := 0;
  v_failed integer := 0;
  v_error text;
begin
  begin
    v_newer := cardinality(
      array_positions(payments_private.project_answers(environment, v_objects, snapshot_at), 'stale')
    );
    return jsonb_build_object('newer', v_newer, 'failed', 0);
  exception
    when others then null; -- then one by one
  end;

  foreach v_object in array v_objects loop
    begin
      if payments_private.project_stripe_object(environment, v_object, null, snapshot_at) = 'stale' then
        v_newer := v_newer + 1;
      end if;
    exception
      when others then
        v_failed := v_failed + 1;
        v_error := coalesce(v_error, format('%s: %s (%s)', v_object ->> 'id', sqlerrm, sqlstate));
    end;
  end loop;
  return jsonb_build_object('newer', v_newer, 'failed', v_failed, 'error', v_error);
end;
$$;

revoke all on function payments_private.project_sync_page(text, jsonb, timestamptz) from public, anon, authenticated;
--! EndIncluded sync/private/project_sync_page.sql
--! Included sync/private/add_drift.sql
/*
 * Returns a drift report with the differences of one page added: {rows, missing, deleted, fields: {column: rows}}.
 * rows_before and rows_after are the page's rows by id, as payments_private.sync_rows returns them.
 */
create or replace function payments_private.add_drift(drift jsonb, rows_before jsonb, rows_after jsonb)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows integer;
  v_missing integer;
  v_fields jsonb;
begin
  -- count rows
  select count(*) filter (where rows_before ? a.id), count(*) filter (where not rows_before ? a.id)
  into v_rows, v_missing
  from jsonb_each(rows_after) as a (id, row_after)
  where rows_before -> a.id is distinct from a.row_after;
  if v_rows = 0 and v_missing = 0 then
    return drift;
  end if;

  -- count by column
  select jsonb_object_agg(f.field, f.count)
  into v_fields
  from (
    select d.field, sum(d.count)::integer as count
    from (
      select k.field, (k.count #>> '{}')::integer as count
      from jsonb_each(coalesce(drift -> 'fields', '{}')) as k (field, count)
      union all
      select v.field, 1
      from jsonb_each(rows_after) as a (id, row_after)
      cross join jsonb_each(a.row_after) as v (field, value)
      where rows_before ? a.id and rows_before -> a.id -> v.field is distinct from v.value
    ) as d
    group by d.field
  ) as f;
  return jsonb_build_object(
    'rows', coalesce((drift ->> 'rows')::integer, 0) + v_rows,
    'missing', coalesce((drift ->> 'missing')::integer, 0) + v_missing,
    'deleted', coalesce((drift ->> 'deleted')::integer, 0),
    'fields', coalesce(v_fields, '{}')
  );
end;
$$;

revoke all on function payments_private.add_drift(jsonb, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded sync/private/add_drift.sql
--! Included ownership/private/unmapped_customers.sql
/*
 * Returns those of some customers whose billing subject has no row in payments.customer_mappings, with the name by
 * which payments_private.ids_of calls the subject.
 *
 * Contract: a sync refreshes the mappings of these. Somebody has deleted them, because every owner that is recorded is
 * mapped in the same transaction.
 */
create or replace function payments_private.unmapped_customers(
  environment text,
  ids text[],
  out customer_id text,
  out subject text
)
  returns setof record
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select o.customer_id, 'subject ' || o.subject_type || ' ' || o.subject_id
    from payments_private.customer_owners as o
    where o.customer_id = any (unmapped_customers.ids)
      and o.environment = unmapped_customers.environment
      and payments_private.subject_of_customer(o.environment, o.customer_id)
        = row (o.subject_type, o.subject_id)::payments.billing_subject
      and not exists (
        select
        from payments.customer_mappings as m
        where m.subject_id = o.subject_id
          and m.subject_type = o.subject_type
          and m.environment = o.environment
          and m.provider = 'stripe'
      );
end;
$$;

revoke all on function payments_private.unmapped_customers(text, text[]) from public, anon, authenticated;
--! EndIncluded ownership/private/unmapped_customers.sql
--! Included sync/record_sync_page.sql
/*
 * Records one page of a listing, and returns {run, next}. The projected objects and the cursor commit together. So a
 * process that is killed has recorded the page or has not, and the run resumes in either case.
 *
 * snapshot_at is the instant of Stripe's answer. No page is projected with an older instant than the first page of its
 * listing. So every object that the listing showed has a row of at least that version, and every older row was not
 * shown.
 */
create or replace function payments.record_sync_page(
  run_id uuid,
  lease uuid,
  kind text,
  objects jsonb,
  snapshot_at timestamptz,
  has_more boolean
)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run payments.sync_runs;
  v_environment text;
  v_progress jsonb;
  v_listed_from timestamptz;
  v_ids text[];
  v_unmapped_ids text[];
  v_subjects text[] := '{}';
  v_before jsonb;
  v_after jsonb;
  v_outcome jsonb;
  v_drift jsonb;
begin
  perform payments_private.check_caller();
  -- guard
  if jsonb_typeof(objects) is distinct from 'array' or snapshot_at is null or has_more is null then
    raise exception 'objects must be a page of Stripe objects, with snapshot_at and has_more.'
      using errcode = 'SP001', hint = 'Pass Stripe''s answer to the request in next, and the instant at which it was true.';
  end if;
  select r.environment into v_environment from payments.sync_runs as r where r.id = record_sync_page.run_id;
  if exists (
    select
    from jsonb_array_elements(objects) as o (object)
    where o.object ? 'livemode' and (o.object ->> 'livemode')::boolean <> (v_environment = 'live')
  ) then
    raise exception 'An object of the other mode cannot be projected into environment %.', v_environment
      using errcode = 'SP005', hint = 'Use the key of the same mode.';
  end if;

  -- lock
  perform payments_private.lock_environment(v_environment);
  v_run := payments_private.held_sync_run(run_id, lease);
  v_progress := coalesce(v_run.progress -> kind, '{}');
  if kind <> all (v_run.kinds) or v_progress ->> 'state' in ('listed', 'done') then
    return payments_private.sync_answer(v_run);
  end if;
  select array_agg(o.object ->> 'id') into v_ids from jsonb_array_elements(objects) as o (object);
  if kind = 'customers' then
    select array_agg(u.customer_id), coalesce(array_agg(distinct u.subject), '{}')
    into v_unmapped_ids, v_subjects
    from payments_private.unmapped_customers(v_environment, v_ids) as u;
  end if;
  perform payments_private.lock_ids(
    v_environment, payments_private.ids_of(array(select payments_private.sync_objects(objects))) || v_subjects
  );

  -- project, compare before and after
  v_listed_from := coalesce((v_progress ->> 'listed_from')::timestamptz, snapshot_at);
  v_before := payments_private.sync_rows(v_environment, kind, v_ids);
  v_outcome := payments_private.project_sync_page(v_environment, objects, greatest(snapshot_at, v_listed_from));
  if v_unmapped_ids is not null then
    perform payments_private.refresh_customer_mappings(v_environment, v_unmapped_ids);
  end if;
  v_after := payments_private.sync_rows(v_environment, kind, v_ids);

  -- record the progress
  v_drift := payments_private.add_drift(v_run.drift -> kind, v_before, v_after);
  v_progress := v_progress || jsonb_strip_nulls(jsonb_build_object(
    'state', case when has_more then 'listing' else 'listed' end,
    'listed_from', v_listed_from,
    'cursor', objects -> -1 ->> 'id',
    'cursor_created', objects -> -1 -> 'created',
    'seen', coalesce((v_progress ->> 'seen')::integer, 0) + jsonb_array_length(objects),
    'added', coalesce((v_drift ->> 'missing')::integer, 0),
    'changed', coalesce((v_drift ->> 'rows')::integer, 0),
    'newer', coalesce((v_progress ->> 'newer')::integer, 0) + (v_outcome ->> 'newer')::integer,
    'failed', coalesce((v_progress ->> 'failed')::integer, 0) + (v_outcome ->> 'failed')::integer,
    'error', coalesce(v_progress ->> 'error', v_outcome ->> 'error')
  ));
  update payments.sync_runs as r
  set progress = r.progress || jsonb_build_object(record_sync_page.kind, v_progress),
      drift = case
        when v_drift is null then r.drift
        else r.drift || jsonb_build_object(record_sync_page.kind, v_drift)
      end,
      heartbeat_at = clock_timestamp()
  where r.id = v_run.id
  returning r.* into v_run;
  return payments_private.sync_answer(v_run);
end;
$$;

comment on function payments.record_sync_page(uuid, uuid, text, jsonb, timestamptz, boolean) is
  'Records one page of a sync''s listing: its objects and its cursor commit together. Returns {run, next}; call complete_sync when next is null. Errors: SP001, SP005, SP021 another process has taken over.';

revoke all on function payments.record_sync_page(uuid, uuid, text, jsonb, timestamptz, boolean)
  from public, anon, authenticated;
grant execute on function payments.record_sync_page(uuid, uuid, text, jsonb, timestamptz, boolean) to payments_service;
--! EndIncluded sync/record_sync_page.sql
--! Included sync/private/gone_since_sync.sql
/*
 * Returns the ids of one kind that are gone at Stripe, because a complete listing did not show them. Their row is older
 * than the listing, and the object was made before the listing began. Objects on a test clock appear in no listing, so
 * they never count. Nor does an object that is marked as gone already.
 *
 * Returns at most max ids; if among is given, only ids in it. Of history (see payments_private.sync_kinds) only
 * drafts of invoices can be gone. They are in the listed range, and the row of their customer says that it is on no
 * test clock.
 */
create or replace function payments_private.gone_since_sync(
  environment text,
  kind text,
  listed_from timestamptz,
  max integer,
  among text[] default null,
  created_from timestamptz default null,
  created_before timestamptz default null
)
  returns setof text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_custom_plan -- then the plan has the table of this kind only
as $$
declare
  v_version bigint := payments_private.snapshot_version(listed_from, null, false);
begin
  return query
  select o.id
  from (
    select
      t.product_id as id,
      t.environment,
      t.version,
      t.raw,
      payments_private.instant_of(t.raw -> 'created') as made_at
    from payments.stripe_products as t
    where gone_since_sync.kind = 'products' and not t.deleted
    union all
    select t.price_id, t.environment, t.version, t.raw, payments_private.instant_of(t.raw -> 'created')
    from payments.stripe_prices as t
    where gone_since_sync.kind = 'prices' and not t.deleted
    union all
    select t.provider_customer_id, t.environment, t.version, t.raw, t.provider_created_at
    from payments.customers as t
    where gone_since_sync.kind = 'customers' and t.provider = 'stripe' and not t.deleted
    union all
    select t.subscription_id, t.environment, t.version, t.raw, payments_private.instant_of(t.raw -> 'created')
    from payments.stripe_subscriptions as t
    where gone_since_sync.kind = 'subscriptions' and t.status not in ('canceled', 'incomplete_expired')
    union all
    select t.invoice_id, t.environment, t.version, c.raw, t.provider_created_at
    from payments.stripe_invoices as t
    join payments.customers as c
      on c.provider_customer_id = t.customer_id and c.environment = t.environment and c.provider = 'stripe'
    where gone_since_sync.kind = 'invoices'
      and t.status = 'draft'
      and not t.deleted
      and coalesce(t.provider_created_at >= gone_since_sync.created_from, gone_since_sync.created_from is null)
      and coalesce(t.provider_created_at < gone_since_sync.created_before, gone_since_sync.created_before is null)
  ) as o
  where o.environment = gone_since_sync.environment
    and o.version < v_version
    and o.raw ->> 'test_clock' is null
    and coalesce(o.made_at < gone_since_sync.listed_from, true)
    and (gone_since_sync.among is null or o.id = any (gone_since_sync.among))
  limit gone_since_sync.max;
end;
$$;

revoke all on function payments_private.gone_since_sync(text, text, timestamptz, integer, text[], timestamptz, timestamptz)
  from public, anon, authenticated;
--! EndIncluded sync/private/gone_since_sync.sql
--! Included sync/private/mark_gone.sql
/*
 * Marks one object as gone at Stripe: deleted, or for a subscription canceled at an unknown time. A row that is newer
 * than the beginning of the listing stays as it is.
 *
 * This tombstone is weaker than the one of a `deleted` event: its version is that of the listing, and not final. An
 * object that Stripe lists later, or that a later event shows, is alive again. So is one of which the ledger can tell
 * more, after a rebuild.
 */
create or replace function payments_private.mark_gone(
  environment text,
  kind text,
  object_id text,
  listed_from timestamptz
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_version bigint := payments_private.snapshot_version(listed_from, null, false);
begin
  case kind
    when 'products' then
      update payments.stripe_products as t
      set deleted = true,
          active = false,
          version = v_version,
          synced_at = now()
      where t.product_id = mark_gone.object_id and t.environment = mark_gone.environment and t.version < v_version;
    when 'prices' then
      update payments.stripe_prices as t
      set deleted = true,
          active = false,
          version = v_version,
          synced_at = now()
      where t.price_id = mark_gone.object_id and t.environment = mark_gone.environment and t.version < v_version;
    when 'customers' then
      update payments.customers as t
      set deleted = true,
          version = v_version,
          synced_at = now()
      where t.provider_customer_id = mark_gone.object_id
        and t.environment = mark_gone.environment
        and t.provider = 'stripe'
        and t.version < v_version;
      perform payments_private.refresh_customer_mappings(mark_gone.environment, array[mark_gone.object_id]);
    when 'subscriptions' then
      update payments.stripe_subscriptions as t
      set status = 'canceled',
          raw = t.raw || '{"status": "canceled"}',
          version = v_version,
          synced_at = now()
      where t.subscription_id = mark_gone.object_id and t.environment = mark_gone.environment and t.version < v_version;
    when 'invoices' then
      update payments.stripe_invoices as t
      set deleted = true,
          version = v_version,
          synced_at = now()
      where t.invoice_id = mark_gone.object_id and t.environment = mark_gone.environment and t.version < v_version;
  end case;
end;
$$;

revoke all on function payments_private.mark_gone(text, text, text, timestamptz) from public, anon, authenticated;
--! EndIncluded sync/private/mark_gone.sql
--! Included sync/private/end_sync.sql
/*
 * Records how a sync ended, in its run and in the connection of its environment, and returns the run. A run with
 * objects that could not be projected has failed, although all other rows are in line.
 */
create or replace function payments_private.end_sync(run payments.sync_runs, error text)
  returns payments.sync_runs
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_error text := end_sync.error;
  v_counts jsonb;
begin
  -- decide the outcome
  if v_error is null then
    select format('%s objects could not be projected, the first of them %s.', sum((p.progress ->> 'failed')::integer),
        (array_agg(p.progress ->> 'error') filter (where p.progress ? 'error'))[1])
    into v_error
    from jsonb_each(run.progress) as p (kind, progress)
    having sum((p.progress ->> 'failed')::integer) > 0;
  end if;
  update payments.sync_runs as r
  set status = case when v_error is null then 'succeeded' else 'failed' end,
      error = v_error,
      lease = null,
      heartbeat_at = clock_timestamp(),
      finished_at = clock_timestamp()
  where r.id = end_sync.run.id
  returning r.* into run;

  -- record it in the connection
  select jsonb_object_agg(p.kind, coalesce((p.progress -> 'seen'), '0'))
  into v_counts
  from jsonb_each(run.progress) as p (kind, progress);
  insert into payments.provider_connections as c (
    provider, environment, status, last_synced_at, last_sync_status, last_sync_error, last_sync_counts
  )
  values (
    'stripe', run.environment, case when v_error is null then 'connected' else 'unconfigured' end, run.finished_at,
    run.status, run.error, coalesce(v_counts, '{}')
  )
  on conflict on constraint provider_connections_environment_key do update
  set status = case when c.status = 'unconfigured' then excluded.status else c.status end,
      last_synced_at = excluded.last_synced_at,
      last_sync_status = excluded.last_sync_status,
      last_sync_error = excluded.last_sync_error,
      last_sync_counts = excluded.last_sync_counts;
  return run;
end;
$$;

revoke all on function payments_private.end_sync(payments.sync_runs, text) from public, anon, authenticated;
--! EndIncluded sync/private/end_sync.sql
--! Included sync/complete_sync.sql
/*
 * Ends a sync whose kinds are all listed, and returns {run, next}. An object that a complete listing did not show
 * becomes a tombstone. A row that is newer than the beginning of the listing stays as it is.
 *
 * One call marks at most max objects, so that no transaction holds many locks. While the returned run is running, call
 * again.
 */
create or replace function payments.complete_sync(run_id uuid, lease uuid, max integer default 100)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run payments.sync_runs;
  v_environment text;
  v_kind text;
  v_progress jsonb;
  v_listed_from timestamptz;
  v_ids text[];
  v_id text;
  v_marked integer;
begin
  -- guard
  perform payments_private.check_caller();
  select r.environment into v_environment from payments.sync_runs as r where r.id = complete_sync.run_id;
  perform payments_private.lock_environment(v_environment);
  v_run := payments_private.held_sync_run(run_id, lease);

  foreach v_kind in array v_run.kinds loop
    v_progress := v_run.progress -> v_kind;
    continue when v_progress ->> 'state' = 'done';
    if v_progress ->> 'state' is distinct from 'listed' then
      return payments_private.sync_answer(v_run); -- list the rest first
    end if;

    -- find what is gone: unknown if an object could not be projected, because its row is old as well
    v_listed_from := (v_progress ->> 'listed_from')::timestamptz;
    v_ids := null;
    v_marked := 0;
    if (v_progress ->> 'failed')::integer = 0 then
      select array_agg(g.id)
      into v_ids
      from payments_private.gone_since_sync(
        v_environment, v_kind, v_listed_from, greatest(complete_sync.max, 1), null, v_run.created_from, v_run.created_before
      ) as g (id);
    end if;
    if v_ids is not null then
      perform payments_private.lock_ids(
        v_environment,
        v_ids || array( -- their customers too: the subjects of these may pay with another customer now
          select s.customer_id
          from payments.stripe_subscriptions as s
          where v_kind = 'subscriptions' and s.subscription_id = any (v_ids) and s.environment = v_environment
        )
      );
      for v_id in -- again: a webhook may have written before the locks
        select g.id
        from payments_private.gone_since_sync(
          v_environment, v_kind, v_listed_from, null, v_ids, v_run.created_from, v_run.created_before
        ) as g (id)
      loop
        perform payments_private.mark_gone(v_environment, v_kind, v_id, v_listed_from);
        v_marked := v_marked + 1;
      end loop;
    end if;

    -- record the progress
    update payments.sync_runs as r
    set progress = r.progress || jsonb_build_object(v_kind, v_progress || jsonb_build_object(
          'state', case when v_ids is null then 'done' else 'listed' end,
          'deleted', coalesce((v_progress ->> 'deleted')::integer, 0) + v_marked
        )),
        drift = case
          when v_marked = 0 then r.drift
          else r.drift || jsonb_build_object(v_kind, jsonb_build_object('rows', 0, 'missing', 0, 'fields', '{}'::jsonb)
            || coalesce(r.drift -> v_kind, '{}')
            || jsonb_build_object('deleted', coalesce((r.drift -> v_kind ->> 'deleted')::integer, 0) + v_marked))
        end,
        heartbeat_at = clock_timestamp()
    where r.id = v_run.id
    returning r.* into v_run;
    if v_ids is not null then
      return payments_private.sync_answer(v_run); -- call again: more may be gone
    end if;
  end loop;
  return payments_private.sync_answer(payments_private.end_sync(v_run, null));
end;
$$;

comment on function payments.complete_sync(uuid, uuid, integer) is
  'Ends a sync whose kinds are all listed; an object that the listing did not show becomes a tombstone unless its row is newer. Call again while the returned run is running. Errors: SP021 another process has taken over.';

revoke all on function payments.complete_sync(uuid, uuid, integer) from public, anon, authenticated;
grant execute on function payments.complete_sync(uuid, uuid, integer) to payments_service;
--! EndIncluded sync/complete_sync.sql
--! Included sync/fail_sync.sql
/*
 * Ends a sync early, and returns its run: failed if an error is given, else interrupted. The next begin_sync with the
 * same kinds and range resumes it.
 */
create or replace function payments.fail_sync(run_id uuid, lease uuid, error text default null)
  returns setof payments.sync_runs
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run payments.sync_runs := payments_private.held_sync_run(run_id, lease);
begin
  if fail_sync.error is not null then
    return next payments_private.end_sync(v_run, fail_sync.error);
    return;
  end if;
  return query
  update payments.sync_runs as r
  set status = 'interrupted',
      lease = null,
      heartbeat_at = clock_timestamp(),
      finished_at = clock_timestamp()
  where r.id = v_run.id
  returning r.*;
end;
$$;

comment on function payments.fail_sync(uuid, uuid, text) is
  'Ends a sync early, as failed with an error or as interrupted without one; begin_sync resumes it. Errors: SP021 another process has taken over.';

revoke all on function payments.fail_sync(uuid, uuid, text) from public, anon, authenticated;
grant execute on function payments.fail_sync(uuid, uuid, text) to payments_service;
--! EndIncluded sync/fail_sync.sql
--! Included sync/refuse_sync.sql
/*
 * Records that a sync could not begin, because Stripe was not reachable or refused the key. The connection shows that
 * until a sync begins.
 */
create or replace function payments.refuse_sync(environment text, error text, is_key_refused boolean default false)
  returns void
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the table
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  insert into payments.provider_connections as c (provider, environment, last_sync_status, last_sync_error)
  values ('stripe', refuse_sync.environment, 'failed', left(refuse_sync.error, 1000))
  on conflict on constraint provider_connections_environment_key do update
  set last_sync_status = excluded.last_sync_status,
      last_sync_error = excluded.last_sync_error,
      status = case when refuse_sync.is_key_refused and c.status = 'connected' then 'error' else c.status end;
end;
$$;

comment on function payments.refuse_sync(text, text, boolean) is
  'Records that a sync could not begin, and whether Stripe refused the key. Errors: SP001.';

revoke all on function payments.refuse_sync(text, text, boolean) from public, anon, authenticated;
grant execute on function payments.refuse_sync(text, text, boolean) to payments_service;
--! EndIncluded sync/refuse_sync.sql
--! Included sync/touch_sync.sql
/*
 * Records a heartbeat of a running sync while Stripe makes the process wait. Returns false if another process has taken
 * over.
 */
create or replace function payments.touch_sync(run_id uuid, lease uuid)
  returns boolean
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the table
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_caller();
  update payments.sync_runs as r
  set heartbeat_at = clock_timestamp()
  where r.id = touch_sync.run_id and r.lease = touch_sync.lease;
  return found;
end;
$$;

comment on function payments.touch_sync(uuid, uuid) is
  'Records a heartbeat of a running sync. Returns whether the sync still runs under this lease.';

revoke all on function payments.touch_sync(uuid, uuid) from public, anon, authenticated;
grant execute on function payments.touch_sync(uuid, uuid) to payments_service;
--! EndIncluded sync/touch_sync.sql
--! Included sync/due_sync_kinds.sql
/*
 * Returns the kinds that a scheduled sync lists now. The catalog is small, so it is listed each time. Customers and
 * subscriptions are listed too when no complete sync has succeeded for a day.
 */
create or replace function payments.due_sync_kinds(environment text)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the table
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  if exists (
    select
    from payments.sync_runs as r
    where r.environment = due_sync_kinds.environment
      and r.status = 'succeeded'
      and r.kinds @> payments_private.check_sync_kinds(null)
      and r.started_at > now() - interval '1 day'
  ) then
    return '["products", "prices"]';
  end if;
  return to_jsonb(payments_private.check_sync_kinds(null));
end;
$$;

comment on function payments.due_sync_kinds(text) is
  'Returns the kinds that a scheduled sync lists now: the catalog, and once a day customers and subscriptions too. Errors: SP001.';

revoke all on function payments.due_sync_kinds(text) from public, anon, authenticated;
grant execute on function payments.due_sync_kinds(text) to payments_service;
--! EndIncluded sync/due_sync_kinds.sql
--! Included sync/begin_recovery.sql
/*
 * Returns {from, gap}. from is the instant from which to read Stripe's list of events so that the ledger misses none.
 * gap is the time whose events are lost, {from, before}, or null. Stripe keeps events for 30 days.
 *
 * from is an hour before the last recovery ended, because Stripe's list lags. If since is given, it is since. For the
 * first recovery it is the earliest of:
 *   - the first event that arrived
 *   - the webhook endpoint was set up
 *   - the key was connected: an endpoint that was made by hand may never have delivered
 *   - the first checkout was begun here: a key in an environment variable may never have been connected.
 * Events before that stay out, because they were never meant for this database. Without any of it, it is now.
 *
 * account_id is the account of the key: another account than the one whose events are here raises SP008.
 */
create or replace function payments.begin_recovery(
  environment text,
  since timestamptz default null,
  account_id text default null
)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept_from timestamptz := now() - interval '30 days';
  v_connection payments.provider_connections;
  v_complete_until timestamptz;
  v_gap_from timestamptz;
  v_gap_before timestamptz;
begin
  -- guard
  perform payments_private.check_environment(environment);
  perform payments_private.check_account(environment, account_id);

  -- read where the last one ended
  select c.* into v_connection
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = begin_recovery.environment;
  v_complete_until := v_connection.events_complete_until;
  if begin_recovery.since is not null then
    return jsonb_build_object(
      'from', greatest(begin_recovery.since, v_kept_from),
      'gap', case
        when begin_recovery.since < v_kept_from
          then jsonb_build_object('from', begin_recovery.since, 'before', v_kept_from)
      end
    );
  end if;

  -- begin with the ledger
  if v_complete_until is null then
    select least(
      min(w.provider_created_at),
      v_connection.webhook_configured_at,
      v_connection.created_at,
      (
        select min(t.created_at)
        from payments.stripe_checkout_sessions as t
        where t.environment = begin_recovery.environment
      )
    )
    into v_complete_until
    from payments.webhook_events as w
    where w.provider = 'stripe' and w.environment = begin_recovery.environment;
    if v_complete_until is null then
      return jsonb_build_object('from', now(), 'gap', null);
    end if;
    v_connection.events_complete_from := v_complete_until;
  end if;

  -- find the gap: no event for more than a day around the time at which Stripe's list begins
  if v_complete_until < v_kept_from then
    select
      greatest(max(w.provider_created_at) filter (where w.provider_created_at < v_kept_from), v_complete_until),
      coalesce(min(w.provider_created_at) filter (where w.provider_created_at >= v_kept_from), now())
    into v_gap_from, v_gap_before
    from payments.webhook_events as w
    where w.provider = 'stripe' and w.environment = begin_recovery.environment;
  end if;
  return jsonb_build_object(
    'from', greatest(v_complete_until - interval '1 hour', v_connection.events_complete_from, v_kept_from),
    'gap', case
      when v_gap_before - v_gap_from > interval '1 day'
        then jsonb_build_object('from', v_gap_from, 'before', v_kept_from)
    end
  );
end;
$$;

comment on function payments.begin_recovery(text, timestamptz, text) is
  'Returns {from, gap}. from is the instant from which to read Stripe''s list of events so that the ledger misses none. gap is the time whose events Stripe no longer has. Errors: SP001, SP008 the key is of another account.';

revoke all on function payments.begin_recovery(text, timestamptz, text) from public, anon, authenticated;
grant execute on function payments.begin_recovery(text, timestamptz, text) to payments_service;
--! EndIncluded sync/begin_recovery.sql
--! Included sync/complete_recovery.sql
/*
 * Records that the ledger holds every event of Stripe's list from recovered_from until complete_until, so that the next
 * recovery begins there, and returns the connection. Returns no row, and records nothing, if that would leave a gap.
 * The recovery must reach back to where the last one ended, or to where Stripe's list begins.
 */
create or replace function payments.complete_recovery(
  environment text,
  recovered_from timestamptz,
  complete_until timestamptz
)
  returns setof payments.provider_connections
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the table
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  return query
  insert into payments.provider_connections as c (provider, environment, events_complete_from, events_complete_until)
  values (
    'stripe', complete_recovery.environment, complete_recovery.recovered_from,
    greatest(complete_recovery.recovered_from, complete_recovery.complete_until)
  )
  on conflict on constraint provider_connections_environment_key do update
  set events_complete_from = least(c.events_complete_from, excluded.events_complete_from),
      events_complete_until = greatest(c.events_complete_until, excluded.events_complete_until)
  where c.events_complete_until is null
    or c.events_complete_until >= excluded.events_complete_from
    or excluded.events_complete_from < now() - interval '29 days' -- Stripe has nothing older
  returning c.*;
end;
$$;

comment on function payments.complete_recovery(text, timestamptz, timestamptz) is
  'Records until when the ledger is complete, and returns the connection; no row if that would leave a gap. Errors: SP001.';

revoke all on function payments.complete_recovery(text, timestamptz, timestamptz) from public, anon, authenticated;
grant execute on function payments.complete_recovery(text, timestamptz, timestamptz) to payments_service;
--! EndIncluded sync/complete_recovery.sql
--! Included ledger/unknown_webhook_events.sql
/*
 * Returns which of these event ids the ledger does not hold, in the order of the list.
 */
create or replace function payments.unknown_webhook_events(environment text, event_ids jsonb)
  returns setof text
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the ledger
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select e.id
  from jsonb_array_elements_text(event_ids) with ordinality as e (id, position)
  where not exists (
    select
    from payments.webhook_events as w
    where w.provider_event_id = e.id and w.environment = unknown_webhook_events.environment and w.provider = 'stripe'
  )
  order by e.position;
end;
$$;

comment on function payments.unknown_webhook_events(text, jsonb) is
  'Returns which of these event ids the ledger of an environment does not hold.';

revoke all on function payments.unknown_webhook_events(text, jsonb) from public, anon, authenticated;
grant execute on function payments.unknown_webhook_events(text, jsonb) to payments_service;
--! EndIncluded ledger/unknown_webhook_events.sql
--! Included sync/recoverable_event_types.sql
/*
 * Returns the event types that a recovery takes in: those that the managed webhook endpoint subscribes to, and those
 * among the last 10,000 events. The latter come from an endpoint made by hand, or one that subscribes to more.
 */
create or replace function payments.recoverable_event_types(environment text)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the ledger
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  return (
    select jsonb_agg(t.event_type order by t.event_type)
    from (
      select unnest(payments.projected_event_types()) as event_type
      union
      select w.event_type
      from (
        select e.event_type, e.environment
        from payments.webhook_events as e
        where e.environment = recoverable_event_types.environment
        order by e.received_at desc
        limit 10000
      ) as w
    ) as t
  );
end;
$$;

comment on function payments.recoverable_event_types(text) is
  'Returns the event types that a recovery takes in: those of the managed webhook endpoint, and those that arrive anyway. Errors: SP001.';

revoke all on function payments.recoverable_event_types(text) from public, anon, authenticated;
grant execute on function payments.recoverable_event_types(text) to payments_service;
--! EndIncluded sync/recoverable_event_types.sql

-- sessions
--! Included checkout/private/is_http_url.sql
/*
 * Returns whether a text looks like an absolute http or https URL; null stays null. Any other scheme would run in the
 * browser of the buyer, for example `javascript:`. A backslash is refused: some clients read it as a slash, others as
 * part of the user before the host. The handlers also parse the URL.
 */
create or replace function payments_private.is_http_url(url text)
  returns boolean
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return is_http_url.url ~* '^https?://[^/?#\s\\][^ \t\r\n\f\v\\]*$';
end;
$$;

revoke all on function payments_private.is_http_url(text) from public, anon, authenticated;
grant execute on function payments_private.is_http_url(text) to payments_service;
--! EndIncluded checkout/private/is_http_url.sql
--! Included checkout/private/check_checkout_combination.sql
/*
 * Raises SP050 for parts of a checkout request that exclude or need each other, with a sentence that names both; see
 * checkout_combination_problem. The hint fits the sentence: it says what to add, to set or to leave out.
 */
create or replace function payments_private.check_checkout_combination(
  mode text,
  line_items jsonb,
  success_url text,
  cancel_url text,
  options jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem text := payments_private.checkout_combination_problem(mode, line_items, success_url, cancel_url, options);
  v_field text := (regexp_match(v_problem, '^(.*?) (?:is required|needs|cannot be used) '))[1];
  v_needed text := (regexp_match(v_problem, ' needs ([^.;]*)'))[1];
begin
  if v_problem is not null then
    raise exception '%', v_problem
      using errcode = 'SP050',
            hint = format('%s, and send the request again.', case
              when v_problem ~ ' is required ' then format('Add %s', v_field)
              when v_needed ~ '^(uiMode|mode) '
                then format('Set %s, or leave %s out', regexp_replace(v_needed, ' ', ' to '), v_field)
              when v_needed is not null then format('Add %s, or leave %s out', v_needed, v_field)
              when v_problem ~ ' cannot be used ' then format('Leave %s out', v_field)
              when v_problem ~ ' exclude each other' then 'Leave one of the two out'
              when v_problem ~ ' may have one ' then 'Leave all but one out'
              else 'Correct the value'
            end);
  end if;
end;
$$;

revoke all on function payments_private.check_checkout_combination(text, jsonb, text, text, jsonb)
  from public, anon, authenticated;
grant execute on function payments_private.check_checkout_combination(text, jsonb, text, text, jsonb)
  to payments_service;
--! EndIncluded checkout/private/check_checkout_combination.sql
--! Included checkout/private/custom_field_problem.sql
/*
 * Returns what a custom field of a checkout must have and has not, as the end of a sentence; null if nothing is missing.
 * The shapes are checked before; see checkout_option_problem.
 * https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-custom_fields
 */
create or replace function payments_private.custom_field_problem(field jsonb)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_dropdown boolean := field ->> 'type' = 'dropdown';
  v_values jsonb := jsonb_path_query_array(field, '$.options[*].value');
  v_default text := field ->> 'default_value';
begin
  return case
    when jsonb_path_exists(field, 'strict $.* ? (@.type() == "object")')
      or jsonb_path_exists(field, '$.options[*] ? (@.type() != "object")')
      then 'values that are no objects, and options that are'
    when exists (
      select
      from jsonb_array_elements(field -> 'options') as o (option)
      where o.option - '{label,value}'::text[] <> '{}'
        or length(coalesce(o.option ->> 'label', '')) not between 1 and 100
        or coalesce(o.option ->> 'value', '') !~ '^[A-Za-z0-9]{1,100}$'
    ) then 'options with a label of 1 to 100 characters and a value of 1 to 100 letters and digits'
    when (select count(distinct v.value) from jsonb_array_elements(v_values) as v (value)) <> jsonb_array_length(v_values)
      then 'options of different values'
    when v_is_dropdown and field ?| '{minimum_length,maximum_length}'
      then 'minimumLength and maximumLength only if it is no dropdown'
    when coalesce(field ->> 'minimum_length', '0') !~ '^[0-9]{1,3}$' or coalesce(field ->> 'maximum_length', '1') !~ '^[0-9]{1,3}$'
      then 'a minimumLength and a maximumLength that are whole numbers'
    when coalesce((field ->> 'minimum_length')::integer, 0) > coalesce((field ->> 'maximum_length')::integer, 255)
      then 'a minimumLength that is not above the maximumLength'
    when v_default is null then null
    when v_is_dropdown and not v_values @> to_jsonb(array[v_default])
      or not v_is_dropdown and length(v_default) not between greatest(coalesce((field ->> 'minimum_length')::integer, 0), 1)
        and coalesce((field ->> 'maximum_length')::integer, 255)
      or field ->> 'type' = 'numeric' and v_default !~ '^[0-9]+$'
      then 'a defaultValue that the buyer could enter'
  end;
end;
$$;

revoke all on function payments_private.custom_field_problem(jsonb) from public, anon, authenticated;
grant execute on function payments_private.custom_field_problem(jsonb) to payments_service;
--! EndIncluded checkout/private/custom_field_problem.sql
--! Included checkout/private/checkout_option_problem.sql
/*
 * Returns the sentence about an option of a checkout that is a list or an object and has the wrong shape. The result is
 * null if the shape is right. name is the option's name in the HTTP API. Stripe checks what the words mean.
 */
create or replace function payments_private.checkout_option_problem(option text, name text, value jsonb)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case option
    when 'consent_collection' then case
      when value - '{terms_of_service,promotions,payment_method_reuse_agreement}'::text[] <> '{}'
        or jsonb_path_exists(value, '$.* ? (@.type() != "string")')
        then format('%s may have termsOfService, promotions and paymentMethodReuseAgreement, each a word.', name)
    end
    when 'custom_fields' then case
      when exists (
        select
        from jsonb_array_elements(value) as f (field)
        where jsonb_typeof(f.field) <> 'object'
          or f.field
            - '{key,label,type,optional,options,minimum_length,maximum_length,default_value}'::text[] <> '{}'
          or coalesce(f.field ->> 'key', '') !~ '^[A-Za-z0-9]{1,200}$'
          or length(coalesce(f.field ->> 'label', '')) not between 1 and 100
          or coalesce(f.field ->> 'type', '') not in ('text', 'numeric', 'dropdown')
          or jsonb_typeof(coalesce(f.field -> 'optional', 'false')) <> 'boolean'
          or (f.field ->> 'type' = 'dropdown') <> (jsonb_typeof(f.field -> 'options') is not distinct from 'array')
      ) then format('Each of %s needs a key of letters and digits, a label of 1 to 100 characters, a type of text, numeric or dropdown, and options if it is a dropdown.', name)
      else coalesce(
        (
          select format('Each of %s must have %s.', name, p.problem)
          from jsonb_array_elements(value) as f (field)
          cross join lateral payments_private.custom_field_problem(f.field) as p (problem)
          where p.problem is not null
          limit 1
        ),
        case
          when (select count(distinct f.field ->> 'key') from jsonb_array_elements(value) as f (field))
            <> jsonb_array_length(value) then format('Each of %s needs a key of its own.', name)
        end
      )
    end
    when 'custom_text' then case
      when value - '{after_submit,shipping_address,submit,terms_of_service_acceptance}'::text[] <> '{}'
        or jsonb_path_exists(value, '$.* ? (@.type() != "string")')
        or exists (select from jsonb_each_text(value) as t (place, words) where length(t.words) not between 1 and 1200)
        then format('%s may have afterSubmit, shippingAddress, submit and termsOfServiceAcceptance, each of 1 to 1200 characters.', name)
    end
    when 'discounts' then case
      when exists (
        select
        from jsonb_array_elements(value) as d (discount)
        where jsonb_typeof(d.discount) <> 'object'
          or d.discount - '{coupon,promotion_code}'::text[] <> '{}'
          or (d.discount ? 'coupon') = (d.discount ? 'promotion_code')
          or length(coalesce(d.discount ->> 'coupon', d.discount ->> 'promotion_code', '')) not between 1 and 255
      ) then format('Each of %s needs either a coupon or a promotionCode.', name)
    end
    when 'name_collection' then case
      when value - '{individual,business}'::text[] <> '{}'
        or value = '{}'
        or exists (select from jsonb_each_text(value) as t (who, how) where t.how not in ('required', 'optional'))
        then format('%s may have individual and business, each required or optional.', name)
    end
    when 'payment_method_types' then case
      when jsonb_path_exists(value, '$[*] ? (@.type() != "string" || !(@ like_regex "^[a-z0-9_]{1,100}$"))')
        then format('Each of %s must be a payment method type, for example card.', name)
    end
    when 'recovery' then case
      when value - 'allow_promotion_codes' <> '{}'
        or jsonb_typeof(coalesce(value -> 'allow_promotion_codes', 'false')) <> 'boolean'
        then format('%s may have allowPromotionCodes, true or false.', name)
    end
    when 'saved_payment_methods' then case
      when value - '{save,remove}'::text[] <> '{}'
        or value = '{}'
        or exists (select from jsonb_each_text(value) as t (what, how) where t.how not in ('enabled', 'disabled'))
        then format('%s may have save and remove, each enabled or disabled.', name)
    end
    when 'shipping_address_collection' then case
      when value - 'allowed_countries' <> '{}'
        or jsonb_typeof(value -> 'allowed_countries') is distinct from 'array'
        or jsonb_array_length(value -> 'allowed_countries') not between 1 and 250
        or jsonb_path_exists(
          value, '$.allowed_countries[*] ? (@.type() != "string" || !(@ like_regex "^[A-Z]{2}$"))'
        )
        then format('%s.allowedCountries must be a list of countries of two capital letters.', name)
    end
    when 'shipping_options' then case
      when exists (
        select
        from jsonb_array_elements(value) as s (choice)
        where jsonb_typeof(s.choice) <> 'object'
          or s.choice - 'shipping_rate' <> '{}'
          or length(coalesce(s.choice ->> 'shipping_rate', '')) not between 1 and 255
      ) then format('Each of %s needs a shippingRate.', name)
    end
  end;
end;
$$;

revoke all on function payments_private.checkout_option_problem(text, text, jsonb) from public, anon, authenticated;
grant execute on function payments_private.checkout_option_problem(text, text, jsonb) to payments_service;
--! EndIncluded checkout/private/checkout_option_problem.sql
--! Included checkout/private/api_name.sql
/*
 * Returns the name of an option in the spelling of the HTTP API: trialPeriodDays of trial_period_days.
 */
create or replace function payments_private.api_name(option text)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return lower(left(option, 1)) || substr(replace(initcap(option), '_', ''), 2);
end;
$$;

revoke all on function payments_private.api_name(text) from public, anon, authenticated;
grant execute on function payments_private.api_name(text) to payments_service;
--! EndIncluded checkout/private/api_name.sql
--! Included checkout/private/check_checkout_options.sql
/*
 * Raises SP001 for an option of a checkout that is unknown, is not for this mode, or has a value that Stripe would not
 * take. The sentence names the field as the HTTP API spells it. begin_checkout_session calls it, and the trigger
 * _150_request does for the rows that app users insert themselves.
 *
 * Options have the names of Stripe's parameters; instants are Unix seconds. Words that Stripe may add to are open.
 * https://docs.stripe.com/api/checkout/sessions/create
 */
create or replace function payments_private.check_checkout_options(mode text, options jsonb)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_all constant text[] := '{payment,subscription,setup}';
  c_sale constant text[] := '{payment,subscription}';
  c_word constant text := '^[A-Za-z0-9_-]{1,100}$';
  v_problem text;
begin
  if options is null or options = '{}' then
    return;
  end if;
  if jsonb_typeof(options) <> 'object' then
    raise exception 'options must be an object.' using errcode = 'SP001', hint = 'Correct the request and send it again.';
  end if;
  select p.problem
  into v_problem
  from jsonb_each(options) as o (option, value)
  left join (values
      ('adaptive_pricing', 'boolean', c_sale, null, null::numeric, null::numeric, 'true or false'),
      ('allow_promotion_codes', 'boolean', c_sale, null, null, null, 'true or false'),
      ('automatic_tax', 'boolean', c_sale, null, null, null, 'true or false'),
      ('billing_address_collection', 'string', c_all, '^(auto|required)$', null, null, 'auto or required'),
      ('billing_cycle_anchor', 'number', '{subscription}', null, 0, 1e11, 'an instant'),
      ('capture_method', 'string', '{payment}', '^(automatic|automatic_async|manual)$', null, null,
        'one of automatic, automatic_async, manual'),
      ('consent_collection', 'object', c_sale, null, null, null, 'an object'),
      ('currency', 'string', c_all, '^[a-z]{3}$', null, null, 'a currency of three lower-case letters'),
      ('custom_fields', 'array', c_sale, null, 1, 3, 'a list of 1 to 3 fields'),
      ('custom_text', 'object', c_all, null, null, null, 'an object'),
      ('discounts', 'array', c_sale, null, 1, 20, 'a list of 1 to 20 discounts'),
      ('expires_at', 'number', c_all, null, 0, 1e11, 'an instant'),
      ('invoice_creation', 'boolean', '{payment}', null, null, null, 'true or false'),
      ('locale', 'string', c_all, c_word, null, null, 'a locale, for example de or auto'),
      ('name_collection', 'object', c_all, null, null, null, 'an object'),
      ('payment_method_collection', 'string', '{subscription}', '^(always|if_required)$', null, null,
        'always or if_required'),
      ('payment_method_configuration', 'string', c_all, c_word, null, null, 'a payment method configuration, pmc_…'),
      ('payment_method_types', 'array', c_all, null, 1, 50, 'a list of 1 to 50 payment method types'),
      ('phone_number_collection', 'boolean', c_sale, null, null, null, 'true or false'),
      ('proration_behavior', 'string', '{subscription}', '^(create_prorations|none)$', null, null,
        'create_prorations or none'),
      ('recovery', 'object', c_sale, null, null, null, 'an object'),
      ('redirect_on_completion', 'string', c_all, '^(always|if_required|never)$', null, null,
        'one of always, if_required, never'),
      ('return_url', 'string', c_all, null, null, null, 'an absolute http or https URL'),
      ('saved_payment_methods', 'object', c_sale, null, null, null, 'an object'),
      ('setup_future_usage', 'string', '{payment}', '^(off_session|on_session)$', null, null,
        'off_session or on_session'),
      ('shipping_address_collection', 'object', c_sale, null, null, null, 'an object with allowedCountries'),
      ('shipping_options', 'array', '{payment}', null, 1, 5, 'a list of 1 to 5 shipping options'),
      ('submit_type', 'string', '{payment,subscription}', c_word, null, null, 'a word such as donate or book'),
      ('tax_id_collection', 'boolean', c_sale, null, null, null, 'true or false'),
      ('trial_end', 'number', '{subscription}', null, 0, 1e11, 'an instant'),
      ('trial_period_days', 'number', '{subscription}', null, 1, 730, 'a whole number from 1 to 730'),
      ('trial_without_card', 'boolean', '{subscription}', null, null, null, 'true or false'),
      ('ui_mode', 'string', c_all, '^(hosted|embedded|custom)$', null, null, 'one of hosted, embedded, custom')
    ) as s (option, type, modes, pattern, low, high, says) on s.option = o.option
  cross join lateral (
    select left(payments_private.api_name(o.option), 60) as name
  ) as n
  cross join lateral (
    select case
        when s.option is null then format('%s is not a known option.', n.name)
        when jsonb_typeof(o.value) <> s.type then format('%s must be %s.', n.name, s.says)
        when not check_checkout_options.mode = any (s.modes)
          then format('%s cannot be used when mode is %s.', n.name, check_checkout_options.mode)
        when s.pattern is not null and o.value #>> '{}' !~ s.pattern then format('%s must be %s.', n.name, s.says)
        when s.low is not null and (
            case s.type
              when 'array' then jsonb_array_length(o.value)
              else (o.value #>> '{}')::numeric
            end not between s.low and s.high
            or s.type = 'number' and (o.value #>> '{}')::numeric % 1 <> 0
          ) then format('%s must be %s.', n.name, s.says)
        when s.type in ('array', 'object') then payments_private.checkout_option_problem(o.option, n.name, o.value)
      end as problem
  ) as p
  where p.problem is not null
  order by case when s.option is null then 0 else 1 end, o.option
  limit 1;
  if v_problem is not null then
    raise exception '%', v_problem using errcode = 'SP001', hint = 'Correct the request and send it again.';
  end if;
end;
$$;

revoke all on function payments_private.check_checkout_options(text, jsonb) from public, anon, authenticated;
grant execute on function payments_private.check_checkout_options(text, jsonb) to payments_service;
--! EndIncluded checkout/private/check_checkout_options.sql
--! Included checkout/private/is_adjustable_quantity.sql
/*
 * Returns whether a value is {minimum, maximum} of a quantity that the buyer may change on Stripe's page. Both may be
 * left out; Stripe's own limits are 0 and 99 then.
 */
create or replace function payments_private.is_adjustable_quantity(value jsonb)
  returns boolean
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when jsonb_typeof(value) <> 'object' then false
    when value - '{minimum,maximum}'::text[] <> '{}' then false
    when jsonb_path_exists(value, '$.* ? (@.type() != "number")') then false
    else coalesce((value ->> 'minimum')::numeric, 0) % 1 = 0
      and coalesce((value ->> 'maximum')::numeric, 99) % 1 = 0
      and coalesce((value ->> 'minimum')::numeric, 0) between 0 and coalesce((value ->> 'maximum')::numeric, 99)
      and coalesce((value ->> 'maximum')::numeric, 99) between 1 and 999999
  end;
end;
$$;

revoke all on function payments_private.is_adjustable_quantity(jsonb) from public, anon, authenticated;
grant execute on function payments_private.is_adjustable_quantity(jsonb) to payments_service;
--! EndIncluded checkout/private/is_adjustable_quantity.sql
--! Included checkout/private/is_price_data.sql
/*
 * Returns whether a value is a price that a request makes up, as in the API:
 *   {currency, unitAmount, productId | product: {name, description?, taxCode?}, recurring?: {interval, intervalCount?},
 *    taxBehavior?}
 *
 * unitAmount is in the currency's minor unit, with 12 digits at most. Stripe judges the words, and how many digits the
 * currency and the way to pay take: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
 */
create or replace function payments_private.is_price_data(value jsonb)
  returns boolean
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when jsonb_typeof(value) is distinct from 'object' then false
    when value - '{currency,unitAmount,productId,product,recurring,taxBehavior}'::text[] <> '{}' then false
    when jsonb_typeof(coalesce(value -> 'product', '{}')) <> 'object'
      or jsonb_typeof(coalesce(value -> 'recurring', '{}')) <> 'object' then false
    when jsonb_typeof(value -> 'unitAmount') is distinct from 'number' then false
    when jsonb_typeof(coalesce(value #> '{recurring,intervalCount}', '1')) <> 'number' then false
    when (value -> 'product') - '{name,description,taxCode}'::text[] <> '{}'
      or (value -> 'recurring') - '{interval,intervalCount}'::text[] <> '{}' then false
    when jsonb_path_exists(value - '{unitAmount,product,recurring}'::text[], '$.* ? (@.type() != "string")')
      or jsonb_path_exists(value, '$.product.* ? (@.type() != "string")')
      or jsonb_path_exists(value, '$.recurring.interval ? (@.type() != "string")') then false
    else value ->> 'currency' is not null
      and value ->> 'currency' ~ '^[a-z]{3}$'
      and (value ->> 'unitAmount')::numeric between 0 and 999999999999
      and (value ->> 'unitAmount')::numeric % 1 = 0
      and (value ? 'productId') <> (value ? 'product')
      and length(coalesce(value ->> 'productId', value #>> '{product,name}', '')) between 1 and 255
      and (not value ? 'recurring' or coalesce(value #>> '{recurring,interval}', '') in ('day', 'week', 'month', 'year'))
      and coalesce((value #>> '{recurring,intervalCount}')::numeric, 1) between 1 and 1095
      and coalesce((value #>> '{recurring,intervalCount}')::numeric, 1) % 1 = 0
      and coalesce(value ->> 'taxBehavior', 'exclusive') in ('exclusive', 'inclusive', 'unspecified')
  end;
end;
$$;

revoke all on function payments_private.is_price_data(jsonb) from public, anon, authenticated;
grant execute on function payments_private.is_price_data(jsonb) to payments_service;
--! EndIncluded checkout/private/is_price_data.sql
--! Included checkout/private/check_checkout_request.sql
/*
 * Raises SP001 for a checkout request that Stripe or a constraint would refuse, with a sentence that names the field.
 * The handlers check the same, and more precisely, before they call; this is for callers of the SQL functions. Nothing
 * that the handlers accept may be refused here.
 *
 * Limits of Stripe: https://docs.stripe.com/api/metadata (50 keys, of which we write four).
 */
create or replace function payments_private.check_checkout_request(
  mode text,
  line_items jsonb,
  success_url text,
  cancel_url text,
  subject_type text,
  subject_id text,
  customer_email text,
  metadata jsonb,
  idempotency_key text,
  options jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_hosted boolean := coalesce(options ->> 'ui_mode', 'hosted') = 'hosted';
  v_problem text;
begin
  v_problem := case
    when mode is null or mode not in ('payment', 'subscription', 'setup') then 'mode must be payment, subscription or setup.'
    when jsonb_typeof(line_items) is distinct from 'array' then 'lineItems must be a list.'
    when mode <> 'setup' and jsonb_array_length(line_items) not between 1 and 100 then 'lineItems must have 1 to 100 items.'
    when exists (
      select
      from jsonb_array_elements(line_items) as i (item)
      where jsonb_typeof(i.item) <> 'object'
        or not i.item ?| '{priceId,lookupKey,priceData}'
        or jsonb_typeof(coalesce(i.item -> 'priceId', i.item -> 'lookupKey', '""')) <> 'string'
        or coalesce(i.item ->> 'priceId', i.item ->> 'lookupKey') !~ '\S'
        or jsonb_typeof(coalesce(i.item -> 'quantity', '1')) <> 'number'
        or coalesce((i.item ->> 'quantity')::numeric, 1) not between 1 and 999
        or coalesce((i.item ->> 'quantity')::numeric, 1) % 1 <> 0
    ) then 'Each of lineItems needs a priceId and a whole quantity from 1 to 999.'
    when exists (
      select from jsonb_array_elements(line_items) as i (item) where i.item ?& '{priceId,priceData}'
    ) then 'Each of lineItems may have a priceId or a priceData, not both.'
    when exists (
      select
      from jsonb_array_elements(line_items) as i (item)
      where i.item ? 'lookupKey' and i.item ?| '{priceId,priceData}'
    ) then 'Each of lineItems may have a lookupKey instead of a priceId or a priceData, not beside it.'
    when exists (
      select from jsonb_array_elements(line_items) as i (item) where length(i.item ->> 'priceId') > 255
    ) then 'Each priceId of lineItems must have at most 255 characters.'
    when exists (
      select from jsonb_array_elements(line_items) as i (item) where length(i.item ->> 'lookupKey') > 255
    ) then 'Each lookupKey of lineItems must have at most 255 characters.'
    when exists (
      select from jsonb_array_elements(line_items) as i (item) where i.item - '{priceId,lookupKey,priceData,quantity,adjustableQuantity}'::text[] <> '{}'
    ) then 'Each of lineItems may have a priceId, a lookupKey or a priceData, a quantity and an adjustableQuantity, and nothing else.'
    when exists (
      select
      from jsonb_array_elements(line_items) as i (item)
      where i.item ? 'priceData' and not payments_private.is_price_data(i.item -> 'priceData')
    ) then 'Each priceData of lineItems needs a currency, a whole unitAmount from 0 to 999999999999, and either a productId or a product with a name. It may have recurring and taxBehavior.'
    when exists (
      select
      from jsonb_array_elements(line_items) as i (item)
      where i.item ? 'adjustableQuantity'
        and not payments_private.is_adjustable_quantity(i.item -> 'adjustableQuantity')
    ) then 'Each adjustableQuantity of lineItems may have a minimum and a maximum, whole numbers from 0 to 999999.'
    when v_hosted and (success_url is null or not payments_private.is_http_url(success_url))
      then 'successUrl must be an absolute http or https URL.'
    when length(success_url) > 5000 then 'successUrl must have at most 5000 characters.'
    when v_hosted and (cancel_url is null or not payments_private.is_http_url(cancel_url))
      then 'cancelUrl must be an absolute http or https URL.'
    when length(cancel_url) > 5000 then 'cancelUrl must have at most 5000 characters.'
    when (subject_type is null) <> (subject_id is null) then 'subject needs both a type and an id.'
    when mode = 'subscription' and subject_type is null then 'subject is required for a subscription.'
    when length(subject_type) not between 1 and 100 then 'subject.type must have 1 to 100 characters.'
    when length(subject_id) not between 1 and 255 then 'subject.id must have 1 to 255 characters.'
    when subject_type !~ '\S' then 'subject.type must not be blank.'
    when subject_id !~ '\S' then 'subject.id must not be blank.'
    when length(customer_email) > 512 then 'customerEmail must have at most 512 characters.'
    when customer_email !~ '^[^@\s]+@[^@\s]+$' then 'customerEmail must be an e-mail address.'
    when metadata is not null and jsonb_typeof(metadata) <> 'object' then 'metadata must be an object of strings.'
    when exists (
      select
      from jsonb_each(coalesce(metadata, '{}')) as m (key, value)
      where m.key like 'payments\_%' or m.key like 'insforge\_%'
    ) then 'metadata may not have keys beginning with payments_ or insforge_; they are reserved.'
    when exists (
      select
      from jsonb_each(coalesce(metadata, '{}')) as m (key, value)
      where jsonb_typeof(m.value) <> 'string'
    ) then 'metadata must be an object of strings.'
    when (select count(*) from jsonb_object_keys(coalesce(metadata, '{}'))) > 46
      then 'metadata must have at most 46 keys.'
    when exists (
      select
      from jsonb_object_keys(coalesce(metadata, '{}')) as m (key)
      where length(m.key) not between 1 and 40 or m.key ~ '[][]'
    ) then 'Each key of metadata must have 1 to 40 characters, and no square brackets.'
    when exists (
      select
      from jsonb_each_text(coalesce(metadata, '{}')) as m (key, value)
      where length(m.value) > 500
    ) then 'Each value of metadata must have at most 500 characters.'
    when length(idempotency_key) not between 1 and 200 then 'idempotencyKey must have 1 to 200 characters.'
    when idempotency_key !~ '\S' then 'idempotencyKey must not be blank.'
  end;
  if v_problem is not null then
    raise exception '%', v_problem using errcode = 'SP001', hint = 'Correct the request and send it again.';
  end if;
  perform payments_private.check_checkout_options(mode, options);
  perform payments_private.check_checkout_combination(mode, line_items, success_url, cancel_url, options);
end;
$$;

revoke all on function payments_private.check_checkout_request(text, jsonb, text, text, text, text, text, jsonb, text, jsonb)
  from public, anon, authenticated;
grant execute on function payments_private.check_checkout_request(text, jsonb, text, text, text, text, text, jsonb, text, jsonb)
  to payments_service;
--! EndIncluded checkout/private/check_checkout_request.sql
--! Included checkout/private/unknown_prices.sql
/*
 * Returns the recurring prices of a checkout that have no row here, as objects to retrieve: [{"object": "price", "id":
 * "price_…"}]. Without a row, a price counts as not metered; see payments_private.checkout_session_params.
 *
 * Contract: the handlers ask after Stripe has refused the checkout. They project what Stripe knows of these, and call
 * payments.retry_checkout_session.
 */
create or replace function payments_private.unknown_prices(environment text, id uuid)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(distinct jsonb_build_object('object', 'price', 'id', i.item ->> 'priceId')), '[]')
    from payments.stripe_checkout_sessions as s
    cross join jsonb_array_elements(s.line_items) as i (item)
    where s.environment = unknown_prices.environment
      and s.id = unknown_prices.id
      and s.mode = 'subscription'
      and i.item ->> 'priceId' is not null -- an item with priceData has none
      and not exists (
        select
        from payments.stripe_prices as p
        where p.price_id = i.item ->> 'priceId' and p.environment = s.environment
      )
  );
end;
$$;

revoke all on function payments_private.unknown_prices(text, uuid) from public, anon, authenticated;
grant execute on function payments_private.unknown_prices(text, uuid) to payments_service;
--! EndIncluded checkout/private/unknown_prices.sql
--! Included checkout/private/wrapped.sql
/*
 * Returns {key: value}; null if there is no value.
 */
create or replace function payments_private.wrapped(key text, value jsonb)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when value is not null then jsonb_build_object(key, value) end;
end;
$$;

revoke all on function payments_private.wrapped(text, jsonb) from public, anon, authenticated;
grant execute on function payments_private.wrapped(text, jsonb) to payments_service;
--! EndIncluded checkout/private/wrapped.sql
--! Included checkout/private/checkout_custom_field.sql
/*
 * Returns a custom field of a checkout's options as Stripe's parameter.
 * https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-custom_fields
 */
create or replace function payments_private.checkout_custom_field(field jsonb)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_strip_nulls(jsonb_build_object(
    'key', field -> 'key',
    'label', jsonb_build_object('type', 'custom', 'custom', field -> 'label'),
    'type', field -> 'type',
    'optional', field -> 'optional',
    field ->> 'type', nullif(jsonb_strip_nulls(jsonb_build_object(
      'options', field -> 'options',
      'minimum_length', field -> 'minimum_length',
      'maximum_length', field -> 'maximum_length',
      'default_value', field -> 'default_value'
    )), '{}')
  ));
end;
$$;

revoke all on function payments_private.checkout_custom_field(jsonb) from public, anon, authenticated;
grant execute on function payments_private.checkout_custom_field(jsonb) to payments_service;
--! EndIncluded checkout/private/checkout_custom_field.sql
--! Included checkout/private/checkout_option_params.sql
/*
 * Returns the parameters of Stripe that the options of a checkout stand for. has_customer tells that the session is for
 * a known customer: Stripe then asks what may be written to it. metadata goes to the objects that the session makes.
 * https://docs.stripe.com/api/checkout/sessions/create
 */
create or replace function payments_private.checkout_option_params(
  mode text,
  options jsonb,
  metadata jsonb,
  has_customer boolean
)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_taxed boolean := coalesce((options -> 'automatic_tax')::boolean, false);
  v_tax_ids boolean := coalesce((options -> 'tax_id_collection')::boolean, false);
begin
  return (
    select coalesce(jsonb_object_agg(o.key, o.value), '{}')
    from jsonb_each(options) as o (key, value)
    where o.key in (
      'allow_promotion_codes', 'billing_address_collection', 'currency', 'discounts', 'expires_at', 'locale',
      'payment_method_collection', 'payment_method_configuration', 'redirect_on_completion',
      'return_url', 'shipping_address_collection', 'shipping_options', 'submit_type'
    )
  ) || jsonb_strip_nulls(jsonb_build_object(
    'ui_mode', case options ->> 'ui_mode' when 'embedded' then 'embedded_page' when 'custom' then 'elements' end,
    'allowed_payment_method_types', options -> 'payment_method_types',
    'adaptive_pricing', payments_private.wrapped('enabled', options -> 'adaptive_pricing'),
    'automatic_tax', payments_private.wrapped('enabled', options -> 'automatic_tax'),
    'tax_id_collection', payments_private.wrapped('enabled', options -> 'tax_id_collection'),
    'phone_number_collection', payments_private.wrapped('enabled', options -> 'phone_number_collection'),
    'customer_update', case
      when has_customer then nullif(jsonb_strip_nulls(jsonb_build_object(
        'address', case when v_taxed then 'auto' end,
        'name', case when v_tax_ids then 'auto' end,
        'shipping', case when v_taxed and options ? 'shipping_address_collection' then 'auto' end
      )), '{}')
    end,
    'after_expiration', payments_private.wrapped('recovery', options -> 'recovery' || '{"enabled": true}'),
    'consent_collection', (options -> 'consent_collection') - 'payment_method_reuse_agreement'
      || coalesce(payments_private.wrapped(
        'payment_method_reuse_agreement',
        payments_private.wrapped('position', options #> '{consent_collection,payment_method_reuse_agreement}')
      ), '{}'),
    'custom_text', (
      select jsonb_object_agg(t.place, payments_private.wrapped('message', t.words))
      from jsonb_each(options -> 'custom_text') as t (place, words)
    ),
    'custom_fields', (
      select jsonb_agg(payments_private.checkout_custom_field(f.field) order by f.position)
      from jsonb_array_elements(options -> 'custom_fields') with ordinality as f (field, position)
    ),
    'name_collection', (
      select jsonb_object_agg(n.who, jsonb_build_object('enabled', true, 'optional', n.how = 'optional'))
      from jsonb_each_text(options -> 'name_collection') as n (who, how)
    ),
    'saved_payment_method_options', (
      select jsonb_object_agg('payment_method_' || s.what, s.how)
      from jsonb_each(options -> 'saved_payment_methods') as s (what, how)
    ),
    'invoice_creation', case
      when (options -> 'invoice_creation')::boolean
        then jsonb_build_object('enabled', true, 'invoice_data', jsonb_build_object('metadata', metadata))
    end,
    'payment_method_collection', case when (options -> 'trial_without_card')::boolean then 'if_required' end,
    'payment_intent_data', case
      when mode = 'payment' then jsonb_build_object(
        'metadata', metadata,
        'capture_method', options -> 'capture_method',
        'setup_future_usage', options -> 'setup_future_usage'
      )
    end,
    'setup_intent_data', case when mode = 'setup' then jsonb_build_object('metadata', metadata) end,
    'subscription_data', case
      when mode = 'subscription' then jsonb_build_object(
        'metadata', metadata,
        'trial_period_days', options -> 'trial_period_days',
        'trial_end', options -> 'trial_end',
        'trial_settings', case
          when (options -> 'trial_without_card')::boolean
            then '{"end_behavior": {"missing_payment_method": "cancel"}}'::jsonb
        end,
        'billing_cycle_anchor', options -> 'billing_cycle_anchor',
        'proration_behavior', options -> 'proration_behavior'
      )
    end
  ));
end;
$$;

revoke all on function payments_private.checkout_option_params(text, jsonb, jsonb, boolean)
  from public, anon, authenticated;
grant execute on function payments_private.checkout_option_params(text, jsonb, jsonb, boolean) to payments_service;
--! EndIncluded checkout/private/checkout_option_params.sql
--! Included checkout/private/checkout_price_data.sql
/*
 * Returns Stripe's price_data of a price that a request makes up; null if there is none. is_price_data has its shape.
 */
create or replace function payments_private.checkout_price_data(price_data jsonb)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when price_data is not null then jsonb_strip_nulls(jsonb_build_object(
      'currency', price_data -> 'currency',
      'unit_amount', price_data -> 'unitAmount',
      'tax_behavior', price_data -> 'taxBehavior',
      'product', price_data -> 'productId',
      'product_data', case
        when price_data ? 'product' then jsonb_build_object(
          'name', price_data #> '{product,name}',
          'description', price_data #> '{product,description}',
          'tax_code', price_data #> '{product,taxCode}'
        )
      end,
      'recurring', case
        when price_data ? 'recurring' then jsonb_build_object(
          'interval', price_data #> '{recurring,interval}',
          'interval_count', price_data #> '{recurring,intervalCount}'
        )
      end
    ))
  end;
end;
$$;

revoke all on function payments_private.checkout_price_data(jsonb) from public, anon, authenticated;
grant execute on function payments_private.checkout_price_data(jsonb) to payments_service;
--! EndIncluded checkout/private/checkout_price_data.sql
--! Included checkout/private/catalogue_trial_days.sql
/*
 * Returns the trial of a checkout in days that its recurring prices have in the catalogue: the shortest of several. Null
 * if one of them has none, because a trial at Stripe is for the whole subscription. "pg-payments catalog push" writes it
 * into the metadata of a price, as payments_trial_days.
 */
create or replace function payments_private.catalogue_trial_days(environment text, line_items jsonb)
  returns integer
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case when bool_and(t.days is not null) then min(t.days) end
    from jsonb_array_elements(line_items) as i (item)
    left join payments.stripe_prices as p
      on p.price_id = i.item ->> 'priceId' and p.environment = catalogue_trial_days.environment
    cross join lateral (
      select (substring(p.metadata ->> 'payments_trial_days' from '^[1-9][0-9]{0,2}$'))::integer as days
    ) as t
    where case when i.item ? 'priceData' then i.item -> 'priceData' ? 'recurring' else p.type is distinct from 'one_time' end
  );
end;
$$;

revoke all on function payments_private.catalogue_trial_days(text, jsonb) from public, anon, authenticated;
grant execute on function payments_private.catalogue_trial_days(text, jsonb) to payments_service;
--! EndIncluded checkout/private/catalogue_trial_days.sql
--! Included checkout/private/checkout_session_params.sql
/*
 * Returns what to send to Stripe for a row. It is a function of the row, and of what never changes about a price. A
 * retry under the same Stripe idempotency key therefore sends the same.
 * https://docs.stripe.com/api/checkout/sessions/create
 *
 * Stripe refuses a quantity for a metered price, and requires one for every other price. A price that has no row here
 * counts as one of the others; if Stripe refuses it, the handlers read it and send once more. See
 * payments_private.unknown_prices.
 *
 * A price that has a trial in the catalogue begins with it; see catalogue_trial_days. The catalogue never changes it:
 * another trial is another price. A trial or a billing anchor of the request comes first.
 *
 * App users can insert rows themselves, so reserved metadata is dropped here: only the columns that the policies have
 * judged say who pays.
 */
create or replace function payments_private.checkout_session_params(session payments.stripe_checkout_sessions)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_metadata jsonb := coalesce(
    (
      select jsonb_object_agg(m.key, m.value)
      from jsonb_each(session.metadata) as m (key, value)
      where m.key not like 'payments\_%' and m.key not like 'insforge\_%'
    ),
    '{}'
  ) || jsonb_strip_nulls(jsonb_build_object(
    'payments_checkout_session_id', session.id,
    'payments_attempt', session.attempt::text,
    'payments_subject_type', session.subject_type,
    'payments_subject_id', session.subject_id
  ));
  v_options jsonb := session.options || session.forced_options;
begin
  if session.mode = 'subscription' and not v_options ?| '{trial_period_days,trial_end,billing_cycle_anchor}' then
    v_options := v_options || jsonb_strip_nulls(jsonb_build_object(
      'trial_period_days', payments_private.catalogue_trial_days(session.environment, session.line_items)
    ));
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'mode', session.mode,
    'line_items', (
      select jsonb_agg(
        jsonb_build_object(
          'price', i.item ->> 'priceId',
          'price_data', payments_private.checkout_price_data(i.item -> 'priceData'),
          'quantity', case
            when p.recurring_usage_type is distinct from 'metered' then coalesce((i.item ->> 'quantity')::integer, 1)
          end,
          'adjustable_quantity', (i.item -> 'adjustableQuantity') || '{"enabled": true}'
        )
        order by i.position
      )
      from jsonb_array_elements(session.line_items) with ordinality as i (item, position)
      left join payments.stripe_prices as p
        on p.price_id = i.item ->> 'priceId' and p.environment = session.environment
    ),
    'success_url', nullif(session.success_url, ''),
    'cancel_url', nullif(session.cancel_url, ''),
    'client_reference_id', session.id,
    'customer', session.customer_id,
    'customer_email', case when session.customer_id is null then session.customer_email end,
    'customer_creation', case
      when session.mode in ('payment', 'setup') and session.subject_type is not null and session.customer_id is null
        then 'always'
    end,
    'metadata', v_metadata
  )) || payments_private.checkout_option_params(
    session.mode, v_options, v_metadata, session.customer_id is not null
  );
end;
$$;

revoke all on function payments_private.checkout_session_params(payments.stripe_checkout_sessions)
  from public, anon, authenticated;
grant execute on function payments_private.checkout_session_params(payments.stripe_checkout_sessions) to payments_service;
--! EndIncluded checkout/private/checkout_session_params.sql
--! Included checkout/private/checkout_request_hash.sql
/*
 * Returns the SHA-256 of a checkout request, in hex. Two requests with the same hash ask for the same checkout, so one
 * is a retry of the other.
 *
 * An item that names a lookup key is asked for by that key, whichever price it has.
 * A quantity that is left out counts as 1, and metadata and options that are left out as none. The option expires_at is
 * left out: it is computed from the clock, so a repeated request has another one.
 */
create or replace function payments_private.checkout_request_hash(
  mode text,
  line_items jsonb,
  success_url text,
  cancel_url text,
  subject_type text,
  subject_id text,
  customer_email text,
  metadata jsonb,
  options jsonb
)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return encode(
    sha256(convert_to(
      jsonb_build_array(
        mode,
        (
          select jsonb_agg(
            '{"quantity": 1}' || case when i.item ? 'lookupKey' then i.item - 'priceId' else i.item end
            order by i.position
          )
          from jsonb_array_elements(line_items) with ordinality as i (item, position)
        ),
        success_url, cancel_url, subject_type, subject_id, customer_email, coalesce(metadata, '{}'),
        coalesce(options, '{}') - 'expires_at'
      )::text,
      'UTF8'
    )),
    'hex'
  );
end;
$$;

revoke all on function payments_private.checkout_request_hash(text, jsonb, text, text, text, text, text, jsonb, jsonb)
  from public, anon, authenticated;
grant execute on function payments_private.checkout_request_hash(text, jsonb, text, text, text, text, text, jsonb, jsonb)
  to payments_service;
--! EndIncluded checkout/private/checkout_request_hash.sql
--! Included checkout/private/session_came_to_nothing.sql
/*
 * Returns whether a completed Checkout Session is unpaid for good, so that its purchase may be begun again:
 *   payment       its delayed payment failed, or its PaymentIntent was canceled
 *   subscription  its subscription has ended, and no invoice of it was ever paid
 *
 * Contract: false while money may still arrive. A PaymentIntent that waits for another payment method says nothing if
 * it was seen before the session was completed. The buyer's first card may have been declined before a bank debit.
 * The first invoice of a subscription that has not ended is collected again by Stripe.
 */
create or replace function payments_private.session_came_to_nothing(session payments.stripe_checkout_sessions)
  returns boolean
  language plpgsql
  stable
  security definer -- crosses from the handler's role to payment_objects
  set search_path = pg_catalog, pg_temp
as $$
begin
  if session.status <> 'completed' or session.payment_status is distinct from 'unpaid' then
    return false;
  end if;

  if session.mode = 'subscription' then
    return exists (
      select
      from payments.stripe_subscriptions as s
      where s.subscription_id = session.subscription_id
        and s.environment = session.environment
        and s.status in ('canceled', 'incomplete_expired')
    )
      and not exists (
        select
        from payments_private.payment_objects as o
        where o.subscription_id = session.subscription_id
          and o.environment = session.environment
          and o.object_type = 'invoice'
          and o.state = 'succeeded'
          and o.amount > 0
      );
  end if;

  return exists (
    select
    from payments_private.payment_objects as c
    left join payments_private.payment_objects as i
      on i.object_id = session.payment_intent_id and i.environment = c.environment and i.object_type = 'payment_intent'
    where c.object_id = session.checkout_session_id
      and c.environment = session.environment
      and c.object_type = 'checkout_session'
      and (i.state = 'succeeded' or (i.state = 'pending' and i.version_at > c.failed_at)) is not true -- tried once more
      and (
        c.failed_at is not null -- checkout.session.async_payment_failed
        or i.status = 'canceled'
        or (i.status = 'requires_payment_method' and i.version_at > coalesce(c.completed_at, c.version_at))
      )
  );
end;
$$;

revoke all on function payments_private.session_came_to_nothing(payments.stripe_checkout_sessions) from public, anon, authenticated;
grant execute on function payments_private.session_came_to_nothing(payments.stripe_checkout_sessions) to payments_service;
--! EndIncluded checkout/private/session_came_to_nothing.sql
--! Included checkout/private/price_of_lookup_key.sql
/*
 * Returns the active price that has a lookup key; no row if there is none. Stripe gives a key to one active price only.
 * If rows are behind Stripe, the newest snapshot wins.
 */
create or replace function payments_private.price_of_lookup_key(environment text, lookup_key text)
  returns setof payments.stripe_prices
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p.*
  from payments.stripe_prices as p
  where p.lookup_key = price_of_lookup_key.lookup_key
    and p.environment = price_of_lookup_key.environment
    and p.active
    and not p.deleted
  order by p.version desc, p.price_id
  limit 1;
$$;

revoke all on function payments_private.price_of_lookup_key(text, text) from public, anon, authenticated;
grant execute on function payments_private.price_of_lookup_key(text, text) to payments_service;
--! EndIncluded checkout/private/price_of_lookup_key.sql
--! Included checkout/private/unoffered_option.sql
/*
 * Returns the first option of a request that an offer does not allow, in the spelling of the HTTP API. The result is
 * null if it allows all of them. What the offer forces may be asked for, too. Options that only say where and how the
 * page is shown are always allowed.
 */
create or replace function payments_private.unoffered_option(offer payments.offers, options jsonb)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case
        when k.key = 'discounts.coupon' then k.key
        else payments_private.api_name(k.key)
      end
    from (
      select o.key
      from jsonb_object_keys(options) as o (key)
      where o.key <> 'discounts' or offer.forced_options -> 'discounts' is distinct from options -> 'discounts'
      union all
      select 'discounts.coupon'
      where jsonb_path_exists(options, '$.discounts[*].coupon')
        and offer.forced_options -> 'discounts' is distinct from options -> 'discounts'
    ) as k (key)
    where k.key not in ('ui_mode', 'return_url', 'redirect_on_completion', 'locale')
      and not k.key = any (offer.allowed_options)
      and not (k.key = 'discounts' and 'discounts.coupon' = any (offer.allowed_options))
      and (options -> k.key is null or offer.forced_options -> k.key is distinct from options -> k.key)
    order by k.key
    limit 1
  );
end;
$$;

revoke all on function payments_private.unoffered_option(payments.offers, jsonb) from public, anon, authenticated;
--! EndIncluded checkout/private/unoffered_option.sql
--! Included checkout/private/offer_verdict.sql
/*
 * Returns what the offers say of a checkout of an app user. The result is null if they have no say: the environment has
 * no offer, or the mode sells nothing. Else it is {forced, trial_once}, or {problem, what, offer} for the first item at
 * fault:
 *   none      no offer has this price
 *   mode      the offer is for the other mode
 *   buyer     the offer is for another role or another type of subject
 *   over      the offer has ended or is not active
 *   early     the offer has not begun
 *   quantity  the quantity, or one that the buyer could choose, is outside of the range; what is the range
 *   amount    the request or the buyer chooses an amount that the offer does not allow
 *   option    the offer does not allow the option; what is its name
 *   conflict  the offers of two items force different values of an option; what is its name
 *   spread    the offer of another item forces what costs the shop money, such as a discount or a trial, and this offer
 *             neither forces nor allows it; what is its name. At Stripe it would be for the whole checkout.
 *
 * An item may have several offers, for example of different types of subject. The one that says yes counts, the first
 * by its id; if none does, the problem is that of the offer that came closest. Long because it is one statement that
 * judges all items together.
 */
create or replace function payments_private.offer_verdict(
  environment text,
  role text,
  mode text,
  line_items jsonb,
  options jsonb,
  subject_type text
)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the app user to payments.offers and payments.stripe_prices
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_problems constant text[] := '{none,mode,buyer,over,early,quantity,amount,option}';
  c_generous constant text[] := '{discounts,allow_promotion_codes,trial_period_days,trial_end,trial_without_card,'
    'billing_cycle_anchor,proration_behavior}';
  v_verdict jsonb;
begin
  if mode = 'setup' or not exists (
    select from payments.offers as o where o.environment = offer_verdict.environment
  ) then
    return null;
  end if;

  with items as (
    -- find the price of each item
    select
      i.position,
      i.item,
      i.item -> 'priceData' as data,
      coalesce((i.item ->> 'quantity')::numeric, 1) as quantity,
      case when not i.item ? 'priceData' then coalesce(i.item ->> 'priceId', p.price_id) end as price_id,
      case when i.item ? 'priceData' then i.item #>> '{priceData,productId}' else p.product_id end as product_id,
      case when p.active and not p.deleted then p.lookup_key end as lookup_key,
      coalesce(p.pay_what_you_want, false) as pay_what_you_want
    from jsonb_array_elements(offer_verdict.line_items) with ordinality as i (item, position)
    left join lateral (
      select r.*
      from payments.stripe_prices as r
      where r.price_id = i.item ->> 'priceId' and r.environment = offer_verdict.environment
      union all
      select r.*
      from payments_private.price_of_lookup_key(offer_verdict.environment, i.item ->> 'lookupKey') as r
      where not i.item ? 'priceId'
    ) as p on true
  ),
  judged as (
    -- judge each offer of each item, and keep the best
    select distinct on (i.position)
      i.position, i.quantity, o as offer, coalesce(s.stage, 1) as stage
    from items as i
    left join payments.offers as o
      on o.environment = offer_verdict.environment
      and (o.price_id = i.price_id or o.lookup_key = i.lookup_key or o.product_id = i.product_id)
      and (o.allow_price_data or i.data is null)
    left join lateral (
      select case
        when o.mode <> offer_verdict.mode then 2
        when not offer_verdict.role = any (o.roles) or (offer_verdict.subject_type = any (o.subject_types)) is not true
          and o.subject_types is not null then 3
        when not o.active or o.ends_at <= now() then 4
        when o.starts_at > now() then 5
        when i.quantity not between o.minimum_quantity and o.maximum_quantity
          or i.item ? 'adjustableQuantity' and (
            not payments_private.is_adjustable_quantity(i.item -> 'adjustableQuantity')
            or coalesce((i.item #>> '{adjustableQuantity,minimum}')::numeric, 0) < o.minimum_quantity
            or coalesce((i.item #>> '{adjustableQuantity,maximum}')::numeric, 99) > o.maximum_quantity
          ) then 6
        when i.pay_what_you_want and not o.allow_pay_what_you_want
          or i.data is not null and (
            not payments_private.is_price_data(i.data)
            or i.data ->> 'currency' <> o.currency
            or (i.data ->> 'unitAmount')::numeric not between o.minimum_amount and coalesce(o.maximum_amount, 999999999999)
          ) then 7
        when payments_private.unoffered_option(o, offer_verdict.options) is not null then 8
        else 9
      end as stage
    ) as s on o.offer_id is not null
    order by i.position, coalesce(s.stage, 1) desc, o.offer_id
  ),
  problems as (
    select
      j.position,
      c_problems[j.stage] as problem,
      (j.offer).offer_id as offer_id,
      case
        when j.stage = 6 then format('%s to %s', (j.offer).minimum_quantity, (j.offer).maximum_quantity)
        when j.stage = 8 then payments_private.unoffered_option(j.offer, offer_verdict.options)
      end as what
    from judged as j
    where j.stage < 9
    union all
    select min(j.position), 'quantity', (j.offer).offer_id,
      format('%s to %s', (j.offer).minimum_quantity, (j.offer).maximum_quantity)
    from judged as j
    where j.stage = 9
    group by j.offer
    having sum(j.quantity) > (j.offer).maximum_quantity
    union all
    select max(j.position), 'conflict', max((j.offer).offer_id), payments_private.api_name(f.key)
    from judged as j
    cross join jsonb_each((j.offer).forced_options) as f (key, value)
    where j.stage = 9
    group by f.key
    having count(distinct f.value) > 1
    union all
    select j.position, 'spread', (j.offer).offer_id, payments_private.api_name(f.key)
    from judged as j
    join judged as other on other.position <> j.position and other.stage = 9
    cross join jsonb_each((other.offer).forced_options) as f (key, value)
    where j.stage = 9
      and f.key = any (c_generous)
      and f.value not in ('null', 'false')
      and not (j.offer).forced_options ? f.key
      and not f.key = any ((j.offer).allowed_options)
      and not (f.key = 'discounts' and 'discounts.coupon' = any ((j.offer).allowed_options))
  )
  select coalesce(
    (
      select jsonb_build_object('problem', p.problem, 'what', p.what, 'offer', p.offer_id)
      from problems as p
      order by p.position, p.problem
      limit 1
    ),
    jsonb_build_object(
      'forced', (
        select coalesce(jsonb_object_agg(f.key, f.value), '{}')
        from judged as j
        cross join jsonb_each((j.offer).forced_options) as f (key, value)
      ),
      'trial_once', (select coalesce(bool_or((j.offer).trial_once), false) from judged as j)
    )
  )
  into v_verdict;
  return v_verdict;
end;
$$;

revoke all on function payments_private.offer_verdict(text, text, text, jsonb, jsonb, text)
  from public, anon, authenticated;
--! EndIncluded checkout/private/offer_verdict.sql
--! Included checkout/private/check_offers.sql
/*
 * Raises if the offers do not allow a checkout of an app user. The code is SP055 without an offer for this buyer now,
 * SP057 for the quantity, and SP058 for an option or an amount. role is that of the buyer; the service may buy
 * everything.
 */
create or replace function payments_private.check_offers(session payments.stripe_checkout_sessions, role text)
  returns void
  language plpgsql
  stable
  security definer -- crosses from the app user and the handler's role to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_verdict jsonb;
  v_offer text;
  v_what text;
begin
  if role = 'service' then
    return;
  end if;
  v_verdict := payments_private.offer_verdict(
    session.environment, role, session.mode, session.line_items, session.options, session.subject_type
  );
  v_offer := v_verdict ->> 'offer';
  v_what := v_verdict ->> 'what';
  case coalesce(v_verdict ->> 'problem', '')
    when '' then
      return;
    when 'none' then
      raise exception 'There is no offer for one of lineItems.'
        using errcode = 'SP055', hint = 'Begin a checkout of what is offered, or ask the owner of the shop for an offer.';
    when 'mode' then
      raise exception 'The offer % is not for mode %.', v_offer, session.mode
        using errcode = 'SP055', hint = 'Begin a checkout of what is offered, or ask the owner of the shop for an offer.';
    when 'buyer' then
      raise exception 'The offer % is not for this buyer.', v_offer
        using errcode = 'SP055', hint = 'Begin a checkout of what is offered, or ask the owner of the shop for an offer.';
    when 'over' then
      raise exception 'The offer % is over.', v_offer
        using errcode = 'SP055', hint = 'Begin a checkout of what is offered, or ask the owner of the shop for an offer.';
    when 'early' then
      raise exception 'The offer % has not begun.', v_offer
        using errcode = 'SP055', hint = 'Begin a checkout of what is offered, or ask the owner of the shop for an offer.';
    when 'quantity' then
      raise exception 'The offer % is for a quantity of %.', v_offer, v_what
        using errcode = 'SP057', hint = 'Correct quantity and adjustableQuantity, and send the request again.';
    when 'amount' then
      raise exception 'The offer % does not allow this amount.', v_offer
        using errcode = 'SP058', hint = 'Use a price of the offer, or an amount within its limits.';
    when 'option' then
      raise exception 'The offer % does not allow %.', v_offer, v_what
        using errcode = 'SP058', hint = 'Leave the option out, or add it to the allowed options of the offer.';
    when 'spread' then
      raise exception 'The offer % does not allow %, which the offer of another item forces.', v_offer, v_what
        using errcode = 'SP058', hint = 'Buy them in two checkouts, or change one of the offers.';
    else
      raise exception 'The offers of lineItems force different values of %.', v_what
        using errcode = 'SP058', hint = 'Buy them in two checkouts, or change one of the offers.';
  end case;
end;
$$;

revoke all on function payments_private.check_offers(payments.stripe_checkout_sessions, text)
  from public, anon, authenticated;
--! EndIncluded checkout/private/check_offers.sql
--! Included checkout/private/plan_groups.sql
/*
 * Returns the product groups of these prices and products in which a subject can have one plan only (offers with
 * one_plan, over or not). A group holds products: a plan stays in it when its offer names a newer price.
 */
create or replace function payments_private.plan_groups(environment text, price_ids text[], product_ids text[])
  returns text[]
  language plpgsql
  stable
  security definer -- crosses from the app user and the handler's role to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (
      select array_agg(distinct o.product_group order by o.product_group)
      from payments.offers as o
      left join payments.stripe_prices as p
        on p.environment = o.environment
        and (p.price_id = o.price_id or (p.lookup_key = o.lookup_key and p.active and not p.deleted))
      where o.environment = plan_groups.environment
        and o.one_plan
        and (
          o.price_id = any (plan_groups.price_ids)
          or coalesce(o.product_id, p.product_id) = any (plan_groups.product_ids || array(
            select r.product_id
            from payments.stripe_prices as r
            where r.price_id = any (plan_groups.price_ids)
              and r.environment = plan_groups.environment
              and r.product_id is not null
          ))
        )
    ),
    '{}'
  );
end;
$$;

revoke all on function payments_private.plan_groups(text, text[], text[]) from public, anon, authenticated;
--! EndIncluded checkout/private/plan_groups.sql
--! Included checkout/private/plan_groups_of_items.sql
/*
 * Returns the product groups of the items of a checkout in which a subject can have one plan only; see plan_groups.
 */
create or replace function payments_private.plan_groups_of_items(environment text, line_items jsonb)
  returns text[]
  language plpgsql
  stable
  security definer -- crosses from the app user and the handler's role to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
begin
  return payments_private.plan_groups(
    environment,
    array(select i.item ->> 'priceId' from jsonb_array_elements(line_items) as i (item) where i.item ? 'priceId'),
    array(
      select i.item #>> '{priceData,productId}'
      from jsonb_array_elements(line_items) as i (item)
      where i.item #> '{priceData,productId}' is not null
    )
  );
end;
$$;

revoke all on function payments_private.plan_groups_of_items(text, jsonb) from public, anon, authenticated;
--! EndIncluded checkout/private/plan_groups_of_items.sql
--! Included checkout/private/check_one_plan.sql
/*
 * Raises SP059 if a checkout is for a second plan. Then it has items of two products of a group, or its subject has a
 * living subscription in a product group of its items, and the offers of the group allow one plan. Binds the service,
 * too.
 *
 * Living is each status but incomplete, incomplete_expired and canceled. A word that Stripe adds counts as living.
 *
 * It locks the plans of the subject until the end of the transaction. So of two checkouts that are begun at the same
 * moment, the second sees the row of the first. See superseded_sessions for what is not paid yet.
 */
create or replace function payments_private.check_one_plan(session payments.stripe_checkout_sessions)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_groups text[];
  v_subscription text;
  v_group text;
begin
  if session.mode <> 'subscription' or session.subject_id is null then
    return;
  end if;
  v_groups := payments_private.plan_groups_of_items(session.environment, session.line_items);
  if v_groups = '{}' then
    return;
  end if;
  select g.product_group
  into v_group
  from jsonb_array_elements(session.line_items) as i (item)
  left join payments.stripe_prices as p on p.price_id = i.item ->> 'priceId' and p.environment = session.environment
  cross join lateral unnest(
    payments_private.plan_groups_of_items(session.environment, jsonb_build_array(i.item))
  ) as g (product_group)
  group by g.product_group
  having count(distinct coalesce(i.item #>> '{priceData,productId}', p.product_id, i.item ->> 'priceId')) > 1
  order by g.product_group
  limit 1;
  if v_group is not null then
    raise exception 'lineItems has two plans of the group %.', v_group
      using errcode = 'SP059', hint = 'Begin a checkout of one of them.';
  end if;
  perform pg_advisory_xact_lock(
    hashtextextended(format('%s plan %s %s', session.environment, session.subject_type, session.subject_id), 0)
  );
  select s.subscription_id, g.product_group
  into v_subscription, v_group
  from payments.stripe_subscriptions as s
  cross join lateral (
    select array_agg(i.price_id) as price_ids, array_agg(i.product_id) as product_ids
    from payments.stripe_subscription_items as i
    where i.subscription_id = s.subscription_id and i.environment = s.environment
  ) as i
  cross join lateral unnest(
    payments_private.plan_groups(
      s.environment, array_remove(i.price_ids, null), array_remove(i.product_ids, null)
    )
  ) as g (product_group)
  where s.subject_id = session.subject_id
    and s.subject_type = session.subject_type
    and s.environment = session.environment
    and s.status not in ('incomplete', 'incomplete_expired', 'canceled')
    and g.product_group = any (v_groups)
  order by s.created_at, s.subscription_id
  limit 1;
  if v_subscription is not null then
    raise exception 'This subject has a plan of the group % already: %.', v_group, v_subscription
      using errcode = 'SP059',
            hint = 'Change it in the Billing Portal: create a customer portal session with the flow subscription_update.';
  end if;
end;
$$;

revoke all on function payments_private.check_one_plan(payments.stripe_checkout_sessions)
  from public, anon, authenticated;
--! EndIncluded checkout/private/check_one_plan.sql
--! Included checkout/private/check_reserved.sql
/*
 * Raises SP053 if an app user asks for an option that decides a price and that only the app may give. Applies while the
 * environment has no offer. That is a price made up in the request, a coupon by its id, and a price whose amount the
 * buyer chooses.
 *
 * Only the service may ask for these: a backend with the admin key, or code that inserts with the rights of
 * payments_service. Policies need not name them. A promotion code stays open: Stripe has it handed out to buyers.
 */
create or replace function payments_private.check_reserved(session payments.stripe_checkout_sessions)
  returns void
  language plpgsql
  stable
  security definer -- crosses from the app user and the handler's role to payments.stripe_prices
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_reserved text;
begin
  if exists (select from payments.offers as o where o.environment = session.environment) then
    return;
  end if;
  v_reserved := case
    when jsonb_path_exists(session.line_items, '$[*].priceData') then 'a price of its own (priceData)'
    when jsonb_path_exists(session.options, '$.discounts[*].coupon') then 'a coupon by its id'
    when exists (
      select
      from jsonb_path_query(session.line_items, '$[*].priceId ? (@.type() == "string")') as i (price_id)
      join payments.stripe_prices as p
        on p.price_id = i.price_id #>> '{}' and p.environment = session.environment
      where p.pay_what_you_want
    ) then 'a price whose amount the buyer chooses'
  end;
  if v_reserved is not null then
    raise exception 'An app user may not ask for %: no offer allows it.', v_reserved
      using errcode = 'SP053',
            hint = 'Begin this checkout from the backend with the admin key, or make an offer that allows it.';
  end if;
end;
$$;

revoke all on function payments_private.check_reserved(payments.stripe_checkout_sessions) from public, anon, authenticated;
--! EndIncluded checkout/private/check_reserved.sql
--! Included checkout/private/had_trial.sql
/*
 * Returns whether a subject has had a trial. Then a subscription of it had one, or a checkout with a trial was
 * completed whose subscription has not been seen yet. The trial was requested, forced by an offer, or of the catalogue.
 * The checkout except_id does not count.
 */
create or replace function payments_private.had_trial(
  environment text,
  subject_type text,
  subject_id text,
  except_id uuid
)
  returns boolean
  language plpgsql
  stable
  security definer -- crosses from the app user to the tables
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select
    from payments.stripe_subscriptions as s
    where s.subject_id = had_trial.subject_id
      and s.subject_type = had_trial.subject_type
      and s.environment = had_trial.environment
      and s.trial_start is not null
  ) or exists (
    select
    from payments.stripe_checkout_sessions as t
    where t.subject_id = had_trial.subject_id
      and t.subject_type = had_trial.subject_type
      and t.environment = had_trial.environment
      and t.status = 'completed'
      and t.mode = 'subscription'
      and (
        t.options || jsonb_strip_nulls(t.forced_options) ?| '{trial_period_days,trial_end}'
        or not t.options || t.forced_options ?| '{trial_period_days,trial_end,billing_cycle_anchor}'
          and payments_private.catalogue_trial_days(t.environment, t.line_items) is not null
      )
      and t.id <> had_trial.except_id
  );
end;
$$;

revoke all on function payments_private.had_trial(text, text, text, uuid) from public, anon, authenticated;
--! EndIncluded checkout/private/had_trial.sql
--! Included checkout/private/check_trial.sql
/*
 * Raises SP058 if an app user requests a trial that the offer gives once to each subject, and the subject has had one.
 * A trial that the offer forces is left out instead; see check_offers.
 */
create or replace function payments_private.check_trial(session payments.stripe_checkout_sessions, role text)
  returns void
  language plpgsql
  stable
  security definer -- crosses from the app user and the handler's role to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
begin
  if session.options ?| '{trial_period_days,trial_end}'
    and (
      payments_private.offer_verdict(
        session.environment, role, session.mode, session.line_items, session.options, session.subject_type
      ) -> 'trial_once'
    )::boolean
    and payments_private.had_trial(session.environment, session.subject_type, session.subject_id, session.id)
  then
    raise exception 'This subject has had its trial.'
      using errcode = 'SP058', hint = 'Send the request again without trialPeriodDays and trialEnd.';
  end if;
end;
$$;

revoke all on function payments_private.check_trial(payments.stripe_checkout_sessions, text)
  from public, anon, authenticated;
--! EndIncluded checkout/private/check_trial.sql
--! Included checkout/private/forced_options.sql
/*
 * Returns the options that the offers force on a checkout of an app user; {} for one that they do not allow, and for
 * the service. If the subject has had its trial, trial_period_days is null: no trial of an offer or of the catalogue is
 * given.
 */
create or replace function payments_private.forced_options(session payments.stripe_checkout_sessions, role text)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the app user and the handler's role to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_verdict jsonb;
begin
  if role = 'service' then
    return '{}';
  end if;
  v_verdict := payments_private.offer_verdict(
    session.environment, role, session.mode, session.line_items, session.options, session.subject_type
  );
  return case
    when (v_verdict -> 'trial_once')::boolean
      and session.mode = 'subscription'
      and payments_private.had_trial(session.environment, session.subject_type, session.subject_id, session.id)
      then (v_verdict -> 'forced') - '{trial_end,trial_without_card}'::text[] || '{"trial_period_days": null}'
    else coalesce(v_verdict -> 'forced', '{}')
  end;
end;
$$;

revoke all on function payments_private.forced_options(payments.stripe_checkout_sessions, text)
  from public, anon, authenticated;
--! EndIncluded checkout/private/forced_options.sql
--! Included checkout/private/check_checkout_times.sql
/*
 * Raises SP064 for an instant of a checkout that Stripe would refuse now, and SP065 for a trial of prices that are all
 * paid once. It asks for the time, so it is for checkouts that are sent, not for a repeated request whose session is
 * there.
 *
 * Stripe counts from its own clock, which may differ from ours by seconds: it judges the minute around each limit.
 */
create or replace function payments_private.check_checkout_times(environment text, line_items jsonb, options jsonb)
  returns void
  language plpgsql
  stable
  security definer -- crosses from the app user to payments.stripe_prices
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant numeric := extract(epoch from now());
  v_problem text;
begin
  v_problem := case
    when (options ->> 'expires_at')::numeric not between v_now + 1740 and v_now + 86460
      then 'expiresAt must be 30 minutes to 24 hours from now.'
    when (options ->> 'trial_end')::numeric < v_now + 172740 then 'trialEnd must be at least 48 hours from now.'
    when (options ->> 'trial_end')::numeric > v_now + 63072060 then 'trialEnd must be at most 730 days from now.'
    when (options ->> 'billing_cycle_anchor')::numeric < v_now - 60 then 'billingCycleAnchor must be in the future.'
  end;
  if v_problem is not null then
    raise exception '%', v_problem using errcode = 'SP064', hint = 'Correct the instant and send the request again.';
  end if;
  if options ?| '{trial_period_days,trial_end}' and not exists (
    select
    from jsonb_array_elements(line_items) as i (item)
    left join payments.stripe_prices as p
      on p.price_id = i.item ->> 'priceId' and p.environment = check_checkout_times.environment
    where case when i.item ? 'priceData' then i.item -> 'priceData' ? 'recurring' else p.type is distinct from 'one_time' end
  ) then
    raise exception 'A trial needs a recurring price, and all of lineItems are paid once.'
      using errcode = 'SP065', hint = 'Leave trialPeriodDays and trialEnd out, or add a recurring price.';
  end if;
end;
$$;

revoke all on function payments_private.check_checkout_times(text, jsonb, jsonb) from public, anon, authenticated;
--! EndIncluded checkout/private/check_checkout_times.sql
--! Included checkout/private/judge_again.sql
/*
 * Raises if a checkout that was begun before is no longer offered to the caller. Its offer may be over, or a backend
 * began it and the caller, under the same key, may not. If it sends the checkout to Stripe, also if the subject has a
 * plan or has had its trial by now. Returns the options that the offers force now. role is that of the caller.
 */
create or replace function payments_private.judge_again(
  session payments.stripe_checkout_sessions,
  role text,
  sends boolean
)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_caller();
  if sends then
    perform payments_private.check_one_plan(session);
    perform payments_private.check_checkout_times(session.environment, session.line_items, session.options);
  end if;
  if role = 'service' then
    return '{}';
  end if;
  perform payments_private.check_reserved(session);
  perform payments_private.check_offers(session, role);
  if sends then
    perform payments_private.check_trial(session, role);
  end if;
  return payments_private.forced_options(session, role);
end;
$$;

revoke all on function payments_private.judge_again(payments.stripe_checkout_sessions, text, boolean)
  from public, anon, authenticated;
grant execute on function payments_private.judge_again(payments.stripe_checkout_sessions, text, boolean) to payments_service;
--! EndIncluded checkout/private/judge_again.sql
--! Included checkout/private/superseded_sessions.sql
/*
 * Returns the ids of the open Checkout Sessions that a checkout takes the place of. These are sessions of the same
 * subject for a plan of the same group, and sessions with a trial if this one has a trial. The handlers expire them
 * before they create the new session, so a buyer cannot pay for both.
 *
 * What remains: a session of another request that is just being created has no id yet. Then both are open. Once one of
 * them is paid, a new checkout is refused. If a buyer pays both, both subscriptions live, and the app cancels one.
 */
create or replace function payments_private.superseded_sessions(session payments.stripe_checkout_sessions)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to payments.offers
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_trial constant text[] := '{trial_period_days,trial_end}';
  v_groups text[];
  v_trial boolean := session.options || jsonb_strip_nulls(session.forced_options) ?| c_trial;
begin
  if session.mode <> 'subscription'
    or session.subject_id is null
    or not exists (select from payments.offers as o where o.environment = session.environment)
  then
    return '[]';
  end if;
  v_groups := payments_private.plan_groups_of_items(session.environment, session.line_items);
  return (
    select coalesce(jsonb_agg(t.checkout_session_id order by t.created_at), '[]')
    from payments.stripe_checkout_sessions as t
    where t.subject_id = session.subject_id
      and t.subject_type = session.subject_type
      and t.environment = session.environment
      and t.id <> session.id
      and t.mode = 'subscription'
      and t.status = 'open'
      and (
        payments_private.plan_groups_of_items(t.environment, t.line_items) && v_groups
        or (v_trial and t.options || jsonb_strip_nulls(t.forced_options) ?| c_trial)
      )
  );
end;
$$;

revoke all on function payments_private.superseded_sessions(payments.stripe_checkout_sessions)
  from public, anon, authenticated;
grant execute on function payments_private.superseded_sessions(payments.stripe_checkout_sessions)
  to payments_service;
--! EndIncluded checkout/private/superseded_sessions.sql
--! Included checkout/private/release_refused_key.sql
/*
 * Takes the idempotency key from a checkout that Stripe refused, so that a corrected request may have it. It changes
 * nothing if the request is the same (that is a retry), or if Stripe may have created the session nevertheless.
 *
 * begin_checkout_session calls it before it inserts as the caller. If a policy refuses that insert, this is undone too.
 * A guest's key is scoped by the request, so there is nothing to release.
 */
create or replace function payments_private.release_refused_key(
  environment text,
  idempotency_key text,
  subject_type text,
  subject_id text,
  caller_id text,
  request_hash text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if idempotency_key is null or coalesce(subject_type, caller_id) is null then
    return;
  end if;
  update payments.stripe_checkout_sessions as t
  set idempotency_key = null
  where t.environment = release_refused_key.environment
    and t.idempotency_key = release_refused_key.idempotency_key
    and t.idempotency_scope = coalesce(
      'subject:' || release_refused_key.subject_type || ':' || release_refused_key.subject_id,
      'caller:' || release_refused_key.caller_id
    )
    and t.request_hash is distinct from release_refused_key.request_hash
    and t.status = 'failed'
    and not t.stripe_may_have_acted
    and t.checkout_session_id is null;
end;
$$;

revoke all on function payments_private.release_refused_key(text, text, text, text, text, text)
  from public, anon, authenticated;
grant execute on function payments_private.release_refused_key(text, text, text, text, text, text) to payments_service;
--! EndIncluded checkout/private/release_refused_key.sql
--! Included checkout/begin_checkout_session.sql
/*
 * Begins a Checkout Session for an app user, and returns {action, session, attempt, idempotency_key, params,
 * checkout_session_id, expire}. expire lists open sessions of Stripe to expire before params are sent; see
 * superseded_sessions. action is one of:
 *   send    create the session at Stripe with params and idempotency_key, then complete_ or fail_checkout_session
 *   return  Stripe has the session already
 *   fetch   it has expired by the clock, but Stripe has not reported that: read it from Stripe, project it, begin again
 *
 * The insert runs as the caller (role and JWT claims), so the policies on payments.stripe_checkout_sessions decide. All
 * else runs as the handler. The caller {role: service} is a backend with the admin key: its insert runs as the handler.
 * It is for any subject, and may ask for what _310_offers keeps from app users.
 *
 * An idempotency key is scoped by the billing subject, else by the caller, else by the request. Guests have no
 * identity, so the key of one blocks no other. The same request under the same key finds its row, if the SELECT
 * policies show it to the caller, and continues from its state. Another request under the same key raises SP002, unless
 * Stripe refused the first one. Then the key passes to the corrected request (release_refused_key). For a guest another
 * request is another checkout. The option expires_at is no part of the comparison. The first one counts, until the row
 * is renewed. The trigger _150_request computes request_hash. A row that an app user inserted is therefore found only
 * if its columns are those of a request that was checked here.
 *
 * A row is renewed, with a new attempt, if its session has expired or if Stripe refused it. It is also renewed if the
 * session was completed and its money came to nothing (session_came_to_nothing).
 *
 * Triggers judge a new row by the offers, and one plan at a time. A row that was begun before is judged again: by now
 * its offer may be over, or its subject may have a plan.
 *
 * The setting payments.new_session_id brings the id of the inserted row back from the trigger _100_id. `insert …
 * returning` cannot, because it needs a SELECT policy that shows the row, and the caller may have none. The caller
 * cannot choose the id either. Before the insert, the setting is `wanted at <trigger depth>`. Checkouts that triggers
 * of the app insert in between have a greater depth, so they are not taken for this one. Long because
 * all that runs as the caller stands in one place, between two changes of the role.
 */
create or replace function payments.begin_checkout_session(
  environment text,
  caller jsonb,
  mode text,
  line_items jsonb,
  success_url text,
  cancel_url text,
  subject_type text default null,
  subject_id text default null,
  customer_email text default null,
  metadata jsonb default '{}',
  idempotency_key text default null,
  options jsonb default '{}'
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role text := coalesce(nullif(current_setting('role', true), ''), 'none');
  v_jwt_claims text := coalesce(current_setting('request.jwt.claims', true), '');
  v_id uuid;
  v_request_hash text;
  v_count integer;
  v_row payments.stripe_checkout_sessions;
  v_action text := 'send';
  v_attempt integer;
  v_forced jsonb;
begin
  -- guard
  perform payments_private.check_environment(environment);
  perform payments_private.check_checkout_request(
    mode, line_items, success_url, cancel_url, subject_type, subject_id, customer_email, metadata, idempotency_key,
    options
  );
  v_request_hash := payments_private.checkout_request_hash(
    mode, line_items, coalesce(success_url, ''), coalesce(cancel_url, ''), subject_type, subject_id, customer_email,
    metadata, options
  );

  perform payments_private.release_refused_key(
    environment, idempotency_key, subject_type, subject_id,
    case when caller ->> 'role' <> 'service' then caller ->> 'sub' end, v_request_hash
  );

  -- insert as the caller, whose policies decide
  perform set_config('payments.new_session_id', 'wanted at ' || pg_trigger_depth(), true);
  if caller ->> 'role' = 'service' then
    perform set_config('request.jwt.claims', '', true);
  else
    perform payments_private.become_caller(caller);
  end if;
  insert into payments.stripe_checkout_sessions (
    environment, mode, subject_type, subject_id, customer_email, line_items, success_url, cancel_url, idempotency_key,
    metadata, options
  )
  values (
    begin_checkout_session.environment, begin_checkout_session.mode, begin_checkout_session.subject_type,
    begin_checkout_session.subject_id, begin_checkout_session.customer_email, begin_checkout_session.line_items,
    coalesce(begin_checkout_session.success_url, ''), coalesce(begin_checkout_session.cancel_url, ''),
    begin_checkout_session.idempotency_key,
    coalesce(begin_checkout_session.metadata, '{}'), coalesce(begin_checkout_session.options, '{}')
  )
  on conflict do nothing;
  get diagnostics v_count = row_count;
  if v_count = 1 then
    v_id := current_setting('payments.new_session_id')::uuid;
  else
    -- find the row of the key, if policies show it
    perform set_config('payments.idempotency_key', begin_checkout_session.idempotency_key, true);
    select t.id
    into v_id
    from payments.stripe_checkout_sessions as t
    where t.environment = begin_checkout_session.environment
      and t.idempotency_key = begin_checkout_session.idempotency_key
      and t.idempotency_scope = case
        when begin_checkout_session.subject_type is not null
          then 'subject:' || begin_checkout_session.subject_type || ':' || begin_checkout_session.subject_id
        else coalesce('caller:' || payments.caller_id(), 'guest:' || v_request_hash)
      end
      and t.request_hash = v_request_hash;
    perform set_config('payments.idempotency_key', '', true);
  end if;

  -- become the handler again
  perform set_config('role', v_role, true);
  perform set_config('request.jwt.claims', v_jwt_claims, true);
  if v_id is null then
    raise exception 'This idempotency key was already used for another checkout.'
      using errcode = 'SP002',
            hint = 'Use a new idempotency key for a new checkout, or repeat the first request unchanged.';
  end if;

  -- continue from the row's state
  select * into strict v_row from payments.stripe_checkout_sessions as t where t.id = v_id;
  if v_count = 0 then
    v_attempt := v_row.attempt;
    if v_row.status = 'expired'
      or (v_row.status = 'failed' and not v_row.stripe_may_have_acted)
      or payments_private.session_came_to_nothing(v_row)
    then
      update payments.stripe_checkout_sessions as t
      set status = 'initialized',
          attempt = t.attempt + 1,
          options = coalesce(begin_checkout_session.options, '{}'), -- another expires_at at most
          checkout_session_id = null,
          url = null,
          client_secret = null,
          expires_at = null,
          payment_status = null,
          payment_intent_id = null,
          subscription_id = null,
          last_error = null,
          customer_id = payments_private.customer_of_subject(t.environment, t.subject_type, t.subject_id),
          version = 0
      where t.id = v_id and (t.attempt, t.version) = (v_row.attempt, v_row.version);
      select * into strict v_row from payments.stripe_checkout_sessions as t where t.id = v_id;
    end if;
    if v_row.status = 'open' and v_row.expires_at <= now() then
      v_action := 'fetch';
    elsif v_row.checkout_session_id is not null then
      v_action := 'return'; -- without a url unless it is open; what is paid is never made again
    end if;
    v_forced := payments_private.judge_again(v_row, caller ->> 'role', v_action = 'send');
    if v_row.attempt > v_attempt and v_forced <> v_row.forced_options then
      update payments.stripe_checkout_sessions as t set forced_options = v_forced where t.id = v_id;
      v_row.forced_options := v_forced;
    end if;
  end if;

  return jsonb_build_object(
    'action', v_action,
    'session', to_jsonb(v_row),
    'attempt', v_row.attempt,
    'checkout_session_id', v_row.checkout_session_id,
    'idempotency_key', format('pg-payments:%s:checkout_session:%s:%s', v_row.environment, v_row.id, v_row.attempt),
    'params', payments_private.checkout_session_params(v_row),
    'expire', case when v_action = 'send' then payments_private.superseded_sessions(v_row) else '[]' end
  );
end;
$$;

comment on function payments.begin_checkout_session(text, jsonb, text, jsonb, text, text, text, text, text, jsonb, text, jsonb) is
  'Begins a Checkout Session as the caller, whose policies decide. Returns {action, session, attempt, idempotency_key, params, checkout_session_id, expire}; action is send, return or fetch. Errors: SP001 invalid, SP050 parts that exclude each other, SP002 idempotency key in use, SP007 role, 42501 refused by a policy, SP053, SP055, SP057 and SP058 not offered, SP056 lookup key, SP059 a second plan, SP064 and SP065 times, SP075 and SP080 prices that do not fit.';

revoke all on function payments.begin_checkout_session(text, jsonb, text, jsonb, text, text, text, text, text, jsonb, text, jsonb)
  from public, anon, authenticated;
grant execute on function payments.begin_checkout_session(text, jsonb, text, jsonb, text, text, text, text, text, jsonb, text, jsonb)
  to payments_service;
--! EndIncluded checkout/begin_checkout_session.sql
--! Included checkout/complete_checkout_session.sql
/*
 * Records Stripe's answer to a checkout that begin_checkout_session began, and returns the row. snapshot_at is the
 * instant at which the answer was true. If a webhook arrived first, the row is newer than the answer and stays as it
 * is.
 */
create or replace function payments.complete_checkout_session(
  environment text,
  id uuid,
  attempt integer,
  session jsonb,
  snapshot_at timestamptz
)
  returns setof payments.stripe_checkout_sessions
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- guard
  perform payments_private.check_environment(environment);
  if session ->> 'object' is distinct from 'checkout.session' or coalesce(session ->> 'id', '') = '' then
    raise exception 'session must be a Checkout Session of Stripe.'
      using errcode = 'SP001', hint = 'Pass Stripe''s answer.';
  end if;
  if session ? 'livemode' and (session ->> 'livemode')::boolean <> (environment = 'live') then
    raise exception 'A session of the other mode cannot complete a checkout of environment %.', environment
      using errcode = 'SP005', hint = 'Use the key of the same mode.';
  end if;

  -- lock and project, the row's id included; a newer attempt stays as it is
  perform payments_private.lock_environment(environment);
  perform payments_private.lock_ids(
    environment, payments_private.ids_of(array[session]) || complete_checkout_session.id::text
  );
  perform payments_private.project_stripe_object(
    environment,
    session || jsonb_build_object(
      'client_reference_id', complete_checkout_session.id,
      'metadata', coalesce(nullif(session -> 'metadata', 'null'), '{}')
        || jsonb_build_object(
          'payments_checkout_session_id', complete_checkout_session.id,
          'payments_attempt', complete_checkout_session.attempt::text
        )
    ),
    null,
    snapshot_at
  );

  -- return the row
  return query
    select t.*
    from payments.stripe_checkout_sessions as t
    where t.environment = complete_checkout_session.environment and t.id = complete_checkout_session.id;
  if not found then
    raise exception 'There is no checkout session with this id.' using errcode = 'SP006', hint = 'Begin a new checkout.';
  end if;
end;
$$;

comment on function payments.complete_checkout_session(text, uuid, integer, jsonb, timestamptz) is
  'Records Stripe''s answer to a checkout that begin_checkout_session began, and returns the row. Errors: SP001, SP005 the other mode, SP006 no such row.';

revoke all on function payments.complete_checkout_session(text, uuid, integer, jsonb, timestamptz)
  from public, anon, authenticated;
grant execute on function payments.complete_checkout_session(text, uuid, integer, jsonb, timestamptz) to payments_service;
--! EndIncluded checkout/complete_checkout_session.sql
--! Included checkout/fail_checkout_session.sql
/*
 * Records that Stripe refused a checkout or was not reachable, and returns the row. A row that has changed in between
 * (by a webhook or a newer attempt) stays as it is.
 *
 * stripe_may_have_acted: the session may exist at Stripe nevertheless, for example after a timeout. Then a retry sends
 * the same idempotency key to Stripe.
 */
create or replace function payments.fail_checkout_session(
  environment text,
  id uuid,
  attempt integer,
  error text,
  stripe_may_have_acted boolean
)
  returns setof payments.stripe_checkout_sessions
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);

  update payments.stripe_checkout_sessions as t
  set status = 'failed',
      last_error = case
        when payments_private.is_erased(t.environment, array[t.id::text, t.customer_id]) then payments_private.erased_text()
        else fail_checkout_session.error
      end,
      stripe_may_have_acted = fail_checkout_session.stripe_may_have_acted
  where t.environment = fail_checkout_session.environment
    and t.id = fail_checkout_session.id
    and t.attempt = fail_checkout_session.attempt
    and t.checkout_session_id is null;

  return query
    select t.*
    from payments.stripe_checkout_sessions as t
    where t.environment = fail_checkout_session.environment and t.id = fail_checkout_session.id;
  if not found then
    raise exception 'There is no checkout session with this id.' using errcode = 'SP006', hint = 'Begin a new checkout.';
  end if;
end;
$$;

comment on function payments.fail_checkout_session(text, uuid, integer, text, boolean) is
  'Records why Stripe did not create a checkout session, and returns the row. A retry under the same key continues from it. Errors: SP001, SP006 no such row.';

revoke all on function payments.fail_checkout_session(text, uuid, integer, text, boolean)
  from public, anon, authenticated;
grant execute on function payments.fail_checkout_session(text, uuid, integer, text, boolean) to payments_service;
--! EndIncluded checkout/fail_checkout_session.sql
--! Included checkout/private/check_portal_options.sql
/*
 * Raises SP001 for options of a portal session that are unknown or malformed. The sentence names the field as the
 * HTTP API spells it. begin_customer_portal_session calls it, and the trigger _150_options does for the rows that app
 * users insert themselves. https://docs.stripe.com/api/customer_portal/sessions/create
 *
 * options is {locale, flow}. flow is {type, subscription_id, items, after_completion}; items are
 * [{subscription_item_id, price_id, quantity}], after_completion is {type, return_url, custom_message}.
 */
create or replace function payments_private.check_portal_options(options jsonb)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow jsonb := options -> 'flow';
  v_type text := options #>> '{flow,type}';
  v_after jsonb := options #> '{flow,after_completion}';
  v_problem text;
begin
  v_problem := case
    when options is null or options = '{}' then null
    when jsonb_typeof(options) <> 'object' then 'options must be an object.'
    when options - '{locale,flow}'::text[] <> '{}' then 'options may have locale and flow, and nothing else.'
    when options ? 'locale' and (options ->> 'locale' is null or options ->> 'locale' !~ '^[A-Za-z0-9_-]{1,100}$')
      then 'locale must be a locale, for example de or auto.'
    when v_flow is null then null
    when jsonb_typeof(v_flow) <> 'object' then 'flow must be an object.'
    when v_flow - '{type,subscription_id,items,after_completion}'::text[] <> '{}'
      then 'flow may have type, subscriptionId, items and afterCompletion, and nothing else.'
    when v_type is null or v_type not in (
      'payment_method_update', 'subscription_cancel', 'subscription_update', 'subscription_update_confirm'
    ) then 'flow.type must be one of payment_method_update, subscription_cancel, subscription_update, subscription_update_confirm.'
    when v_flow ? 'subscription_id' and v_type = 'payment_method_update'
      then 'flow.subscriptionId cannot be used when flow.type is payment_method_update.'
    when v_flow ? 'subscription_id'
      and (v_flow ->> 'subscription_id' is null or length(v_flow ->> 'subscription_id') not between 1 and 255)
      then 'flow.subscriptionId must have 1 to 255 characters.'
    when v_type = 'subscription_update_confirm' and not v_flow ? 'items'
      then 'flow.items is required when flow.type is subscription_update_confirm.'
    when v_type <> 'subscription_update_confirm' and v_flow ? 'items'
      then format('flow.items cannot be used when flow.type is %s.', v_type)
    when v_flow ? 'items' and (
      jsonb_typeof(v_flow -> 'items') <> 'array'
      or jsonb_array_length(v_flow -> 'items') <> 1 -- Stripe's own limit
      or (v_flow #> '{items,0}') - '{subscription_item_id,price_id,quantity}'::text[] <> '{}'
      or length(coalesce(v_flow #>> '{items,0,price_id}', '')) not between 1 and 255
      or jsonb_typeof(coalesce(v_flow #> '{items,0,quantity}', '1')) <> 'number'
      or coalesce((v_flow #>> '{items,0,quantity}')::numeric, 1) not between 1 and 999999
    ) then 'flow.items must have one item with a priceId, and may have a quantity and a subscriptionItemId.'
    when v_after is null then null
    when jsonb_typeof(v_after) <> 'object'
      or v_after - '{type,return_url,custom_message}'::text[] <> '{}'
      or coalesce(v_after ->> 'type', '') not in ('portal_homepage', 'redirect', 'hosted_confirmation')
      then 'flow.afterCompletion.type must be one of portal_homepage, redirect, hosted_confirmation.'
    when (v_after ->> 'type' = 'redirect') <> (v_after ? 'return_url')
      then 'flow.afterCompletion.returnUrl is required for a redirect, and for nothing else.'
    when v_after ? 'return_url' and not payments_private.is_http_url(v_after ->> 'return_url')
      then 'flow.afterCompletion.returnUrl must be an absolute http or https URL.'
    when v_after ? 'custom_message' and v_after ->> 'type' <> 'hosted_confirmation'
      then 'flow.afterCompletion.customMessage needs a hosted_confirmation.'
  end;
  if v_problem is not null then
    raise exception '%', v_problem using errcode = 'SP001', hint = 'Correct the request and send it again.';
  end if;
end;
$$;

revoke all on function payments_private.check_portal_options(jsonb) from public, anon, authenticated;
grant execute on function payments_private.check_portal_options(jsonb) to payments_service;
--! EndIncluded checkout/private/check_portal_options.sql
--! Included checkout/private/check_portal_request.sql
/*
 * Raises SP001 for a portal request that Stripe or a constraint would refuse. Its sentence names the field as the HTTP
 * API spells it. begin_customer_portal_session calls it, and the trigger _250_check does for the rows that app users
 * insert themselves.
 */
create or replace function payments_private.check_portal_request(
  subject_type text,
  subject_id text,
  return_url text,
  configuration text,
  options jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(length(subject_type) not between 1 and 100, true)
    or coalesce(length(subject_id) not between 1 and 255, true)
  then
    raise exception 'subject needs a type of 1 to 100 and an id of 1 to 255 characters.'
      using errcode = 'SP001', hint = 'Correct the request and send it again.';
  end if;
  if subject_type !~ '\S' or subject_id !~ '\S' then
    raise exception 'subject.type and subject.id must not be blank.'
      using errcode = 'SP001', hint = 'Correct the request and send it again.';
  end if;
  if not payments_private.is_http_url(return_url) then
    raise exception 'returnUrl must be an absolute http or https URL.'
      using errcode = 'SP001', hint = 'Correct the request and send it again.';
  end if;
  if length(return_url) > 5000 then
    raise exception 'returnUrl must have at most 5000 characters.'
      using errcode = 'SP001', hint = 'Correct the request and send it again.';
  end if;
  if length(configuration) not between 1 and 255 or configuration !~ '\S' then
    raise exception 'configuration must have 1 to 255 characters.'
      using errcode = 'SP001', hint = 'Correct the request and send it again.';
  end if;
  perform payments_private.check_portal_options(options);
end;
$$;

revoke all on function payments_private.check_portal_request(text, text, text, text, jsonb) from public, anon, authenticated;
grant execute on function payments_private.check_portal_request(text, text, text, text, jsonb) to payments_service;
--! EndIncluded checkout/private/check_portal_request.sql
--! Included checkout/begin_customer_portal_session.sql
/*
 * Begins a Billing Portal session for a signed-in app user, and returns {session, params, idempotency_key}.
 *
 * The insert runs as the caller, so the policies on payments.stripe_customer_portal_sessions decide. The billing
 * subject must have a Stripe customer.
 */
create or replace function payments.begin_customer_portal_session(
  environment text,
  caller jsonb,
  subject_type text,
  subject_id text,
  return_url text default null,
  configuration text default null,
  options jsonb default '{}'
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role text := coalesce(nullif(current_setting('role', true), ''), 'none');
  v_jwt_claims text := coalesce(current_setting('request.jwt.claims', true), '');
  v_id uuid := gen_random_uuid();
  v_row payments.stripe_customer_portal_sessions;
begin
  -- guard
  perform payments_private.check_environment(environment);
  if caller ->> 'role' = 'anon' then
    raise exception 'Sign in to open the billing portal.'
      using errcode = 'SP004', hint = 'Send the token of a signed-in user.';
  end if;
  perform payments_private.check_portal_request(subject_type, subject_id, return_url, configuration, options);

  -- insert as the caller, whose policies decide
  perform payments_private.become_caller(caller);
  insert into payments.stripe_customer_portal_sessions (
    id, environment, subject_type, subject_id, return_url, configuration_id, options
  )
  values (
    v_id, begin_customer_portal_session.environment, begin_customer_portal_session.subject_type,
    begin_customer_portal_session.subject_id, begin_customer_portal_session.return_url,
    begin_customer_portal_session.configuration, coalesce(begin_customer_portal_session.options, '{}')
  );

  -- become the handler again
  perform set_config('role', v_role, true);
  perform set_config('request.jwt.claims', v_jwt_claims, true);

  select * into strict v_row from payments.stripe_customer_portal_sessions as t where t.id = v_id;
  if v_row.customer_id is null then
    raise exception 'This billing subject has no Stripe customer yet.'
      using errcode = 'SP003', hint = 'Complete a checkout for it first.';
  end if;

  return jsonb_build_object(
    'session', to_jsonb(v_row),
    'idempotency_key', format('pg-payments:%s:customer_portal_session:%s', v_row.environment, v_row.id),
    'params', payments_private.portal_session_params(v_row)
  );
end;
$$;

comment on function payments.begin_customer_portal_session(text, jsonb, text, text, text, text, jsonb) is
  'Begins a Billing Portal session as the caller, whose policies decide. Returns {session, params, idempotency_key}. Errors: SP001 invalid, SP003 no customer, SP004 anonymous, SP051 no such subscription, SP052 several, SP007 role, 42501 refused by a policy.';

revoke all on function payments.begin_customer_portal_session(text, jsonb, text, text, text, text, jsonb)
  from public, anon, authenticated;
grant execute on function payments.begin_customer_portal_session(text, jsonb, text, text, text, text, jsonb) to payments_service;
--! EndIncluded checkout/begin_customer_portal_session.sql
--! Included checkout/complete_customer_portal_session.sql
/*
 * Records Stripe's answer to a portal session that begin_customer_portal_session began, and returns the row.
 */
create or replace function payments.complete_customer_portal_session(environment text, id uuid, portal_session jsonb)
  returns setof payments.stripe_customer_portal_sessions
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    update payments.stripe_customer_portal_sessions as t
    set status = 'created',
        url = portal_session ->> 'url',
        last_error = null,
        raw = case
          when payments_private.is_erased(t.environment, array[t.customer_id]) then payments_private.redact(portal_session)
          else portal_session
        end
    where t.environment = complete_customer_portal_session.environment and t.id = complete_customer_portal_session.id
    returning t.*;
  if not found then
    raise exception 'There is no portal session with this id.' using errcode = 'SP006', hint = 'Open the portal again.';
  end if;
end;
$$;

comment on function payments.complete_customer_portal_session(text, uuid, jsonb) is
  'Records Stripe''s answer to a portal session, and returns the row. Errors: SP006 no such row.';

revoke all on function payments.complete_customer_portal_session(text, uuid, jsonb) from public, anon, authenticated;
grant execute on function payments.complete_customer_portal_session(text, uuid, jsonb) to payments_service;
--! EndIncluded checkout/complete_customer_portal_session.sql
--! Included checkout/fail_customer_portal_session.sql
/*
 * Records why Stripe did not open a portal session, and returns the row.
 */
create or replace function payments.fail_customer_portal_session(environment text, id uuid, error text)
  returns setof payments.stripe_customer_portal_sessions
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    update payments.stripe_customer_portal_sessions as t
    set status = 'failed',
        last_error = case
          when payments_private.is_erased(t.environment, array[t.customer_id]) then payments_private.erased_text()
          else fail_customer_portal_session.error
        end
    where t.environment = fail_customer_portal_session.environment and t.id = fail_customer_portal_session.id
    returning t.*;
  if not found then
    raise exception 'There is no portal session with this id.' using errcode = 'SP006', hint = 'Open the portal again.';
  end if;
end;
$$;

comment on function payments.fail_customer_portal_session(text, uuid, text) is
  'Records why Stripe did not open a portal session, and returns the row. Errors: SP006 no such row.';

revoke all on function payments.fail_customer_portal_session(text, uuid, text) from public, anon, authenticated;
grant execute on function payments.fail_customer_portal_session(text, uuid, text) to payments_service;
--! EndIncluded checkout/fail_customer_portal_session.sql

-- triggers, policies and grants
--! Included base/private/tg__timestamps.sql
/*
 * Trigger function: sets updated_at and keeps created_at as it was.
 */
create or replace function payments_private.tg__timestamps()
  returns trigger
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.created_at := old.created_at;
  new.updated_at := now();
  return new;
end;
$$;

revoke all on function payments_private.tg__timestamps() from public, anon, authenticated;
--! EndIncluded base/private/tg__timestamps.sql
--! Included checkout/private/tg_sessions__id.sql
/*
 * Trigger function: hands the id of an inserted checkout to begin_checkout_session, which explains the setting.
 * Checkouts that a trigger of the app inserts in between are left out, because their trigger depth is greater.
 */
create or replace function payments_private.tg_sessions__id()
  returns trigger
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('payments.new_session_id', true) = 'wanted at ' || pg_trigger_depth() - 1 then
    perform set_config('payments.new_session_id', new.id::text, true);
  end if;
  return null;
end;
$$;

revoke all on function payments_private.tg_sessions__id() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_sessions__id.sql
--! Included checkout/private/customer_of_flow.sql
/*
 * Returns the Stripe customer that the flow of a portal session is about: that of the subscription that it names, else of
 * the only living one of the billing subject. A subject may have subscriptions of several customers. The result is null
 * if the flow is about no subscription, or if portal_flow_params refuses it.
 */
create or replace function payments_private.customer_of_flow(
  environment text,
  subject_type text,
  subject_id text,
  flow jsonb
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if flow is null or flow ->> 'type' = 'payment_method_update' then
    return null;
  end if;
  return (
    select case when count(*) = 1 then min(t.customer_id) end
    from payments.stripe_subscriptions as t
    where t.subject_id = customer_of_flow.subject_id
      and t.subject_type = customer_of_flow.subject_type
      and t.environment = customer_of_flow.environment
      and t.status not in ('canceled', 'incomplete_expired')
      and t.subscription_id = coalesce(flow ->> 'subscription_id', t.subscription_id)
  );
end;
$$;

revoke all on function payments_private.customer_of_flow(text, text, text, jsonb) from public, anon, authenticated;
--! EndIncluded checkout/private/customer_of_flow.sql
--! Included checkout/private/tg_sessions__customer.sql
/*
 * Trigger function: fills in the Stripe customer of the billing subject when an app user begins a session. For a flow of
 * the portal it is the customer of the subscription. The user may neither read customer_mappings nor write customer_id,
 * so this trigger is the only path between them. An e-mail address that comes with a customer whose personal data was
 * erased is not stored.
 */
create or replace function payments_private.tg_sessions__customer()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to customer_mappings
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.customer_id is null and new.subject_type is not null then
    new.customer_id := payments_private.customer_of_subject(new.environment, new.subject_type, new.subject_id);
  end if;
  if tg_table_name = 'stripe_customer_portal_sessions' then
    new.customer_id := coalesce(
      payments_private.customer_of_flow(new.environment, new.subject_type, new.subject_id, new.options -> 'flow'),
      new.customer_id
    );
  end if;
  if tg_table_name = 'stripe_checkout_sessions' then
    if new.customer_email is not null and payments_private.is_erased(new.environment, array[new.customer_id]) then
      new.customer_email := null; -- Stripe is not sent it either, because it knows the customer
    end if;
  end if;
  return new;
end;
$$;

revoke all on function payments_private.tg_sessions__customer() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_sessions__customer.sql

-- a session remembers who began it; the column cannot be granted a value of the caller's choice
alter table payments.stripe_checkout_sessions alter column caller_id set default payments.caller_id();

--! Included ledger/webhook_event_health.sql
/*
 * The health of the ledger, one row per environment: how many events are not processed, and how late events arrive.
 */
create or replace view payments.webhook_event_health
  with (security_invoker = true)
as
  select
    e.environment,
    coalesce(f.backlog, 0) as backlog,
    f.oldest_failed_at,
    coalesce(f.dead_lettered, 0) as dead_lettered,
    coalesce(f.failures, '[]') as failures,
    r.events_last_hour,
    r.last_received_at,
    r.median_lag,
    r.greatest_lag
  from (values ('test'), ('live')) as e (environment)
  left join lateral (
    select
      sum(g.count)::bigint as backlog,
      min(g.oldest) as oldest_failed_at,
      sum(g.dead_lettered)::bigint as dead_lettered,
      jsonb_agg(
        jsonb_build_object('event_type', g.event_type, 'error', g.last_error, 'count', g.count) order by g.count desc
      ) as failures
    from (
      select
        w.event_type,
        w.last_error,
        count(*) as count,
        count(*) filter (where w.next_attempt_at is null) as dead_lettered,
        min(w.received_at) as oldest
      from payments.webhook_events as w
      where w.environment = e.environment and w.processing_status in ('pending', 'failed')
      group by w.event_type, w.last_error
    ) as g
  ) as f on true
  left join lateral (
    select
      count(*) as events_last_hour,
      max(w.received_at) as last_received_at,
      percentile_cont(0.5) within group (order by extract(epoch from w.received_at - w.provider_created_at)) as median_lag,
      max(extract(epoch from w.received_at - w.provider_created_at)) as greatest_lag
    from payments.webhook_events as w
    where w.environment = e.environment and w.received_at > now() - interval '1 hour'
  ) as r on true;

comment on view payments.webhook_event_health is
  'Health of the ledger by environment: events that failed, events that are no longer retried, their errors, and how late events arrive.';
comment on column payments.webhook_event_health.environment is 'test or live.';
comment on column payments.webhook_event_health.backlog is 'How many events have failed and are not processed yet.';
comment on column payments.webhook_event_health.oldest_failed_at is 'When the oldest event of the backlog arrived.';
comment on column payments.webhook_event_health.dead_lettered is 'How many of the backlog are no longer retried: fix the cause, then replay them.';
comment on column payments.webhook_event_health.failures is 'The backlog by type and error: [{"event_type", "error", "count"}], the most frequent first.';
comment on column payments.webhook_event_health.events_last_hour is 'How many events arrived within the last hour.';
comment on column payments.webhook_event_health.last_received_at is 'When the last of those events arrived; null if none did.';
comment on column payments.webhook_event_health.median_lag is 'Median time between Stripe''s event and its arrival here, in seconds, over the last hour.';
comment on column payments.webhook_event_health.greatest_lag is 'Longest time between Stripe''s event and its arrival here, in seconds, over the last hour.';

revoke all on payments.webhook_event_health from public, anon, authenticated;
grant select on payments.webhook_event_health to payments_service;
--! EndIncluded ledger/webhook_event_health.sql

-- connection
--! Included connection/private/all_secrets.sql
/*
 * Returns every stored secret, still encrypted. Used to replace the encryption key.
 */
create or replace function payments_private.all_secrets()
  returns table (id uuid, environment text, kind text, key_id text, ciphertext text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select s.id, s.environment, s.kind, s.key_id, s.ciphertext
  from payments_private.secrets as s
  order by s.created_at, s.id;
$$;

revoke all on function payments_private.all_secrets() from public, anon, authenticated;
grant execute on function payments_private.all_secrets() to payments_service;
--! EndIncluded connection/private/all_secrets.sql
--! Included connection/private/refused_since_last_event.sql
/*
 * Returns the refused signatures of an environment after which no event arrived: the deliveries of Stripe do not get
 * in. If an event arrived later, deliveries get in, and what was refused came from another sender. Stripe repeats a
 * delivery for three days, so older ones say nothing about now.
 */
create or replace function payments_private.refused_since_last_event(environment text)
  returns setof payments_private.refused_signatures
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select s.*
  from payments_private.refused_signatures as s
  where s.environment = refused_since_last_event.environment
    and s.last_refused_at > now() - interval '3 days'
    and not exists (
      select
      from payments.webhook_events as w
      where w.environment = refused_since_last_event.environment and w.received_at > s.last_refused_at
    );
$$;

revoke all on function payments_private.refused_since_last_event(text) from public, anon, authenticated;
grant execute on function payments_private.refused_since_last_event(text) to payments_service;
--! EndIncluded connection/private/refused_since_last_event.sql
--! Included connection/private/duplicate_endpoints.sql
/*
 * Returns the ids of enabled webhook endpoints that also deliver to the given URL, beside the managed one, signed with
 * a secret that is not stored: somebody made them by hand. Each of their deliveries is refused. They are not ours to
 * change.
 */
create or replace function payments_private.duplicate_endpoints(environment text, url text, endpoints jsonb)
  returns setof text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select e.endpoint ->> 'id'
    from jsonb_array_elements(duplicate_endpoints.endpoints) as e (endpoint)
    where e.endpoint ->> 'url' = duplicate_endpoints.url
      and e.endpoint ->> 'status' = 'enabled'
      and payments_private.is_own_endpoint(duplicate_endpoints.environment, e.endpoint, duplicate_endpoints.url) is not true
      and not exists (
        select
        from payments.provider_connections as c
        where c.provider = 'stripe'
          and c.environment = duplicate_endpoints.environment
          and c.webhook_endpoint_id = e.endpoint ->> 'id'
      )
      and not exists (
        select
        from payments_private.secrets as s
        where s.environment = duplicate_endpoints.environment and s.endpoint_id = e.endpoint ->> 'id'
      )
    order by 1;
end;
$$;

revoke all on function payments_private.duplicate_endpoints(text, text, jsonb) from public, anon, authenticated;
--! EndIncluded connection/private/duplicate_endpoints.sql
--! Included connection/begin_webhook_endpoint.sql
/*
 * Returns what to do at Stripe so that the events of an environment reach a URL:
 * {action, endpoint, params, idempotency_key, events, retire, remove, elsewhere, duplicates}. action is one of:
 *   list    list the account's endpoints at Stripe, then call again with them
 *   reuse   the endpoint is correct
 *   mend    send params to the endpoint: it is ours and its secret is stored, but it is disabled or lacks events
 *   create  create an endpoint with params, store its secret with complete_webhook_endpoint, subscribe it to events. It
 *           starts with an event type that never occurs, so that Stripe delivers nothing before the secret is stored.
 * retire lists endpoints of ours to disable afterwards. remove lists disabled endpoints of ours to delete first,
 * because the account has reached its limit. Endpoints of other projects are in neither list.
 *
 * elsewhere lists {id, url} of the enabled endpoint that this database was set up with before, if it delivers to
 * another URL. A copy of a database remembers the endpoint of the original, so that endpoint is in neither list either.
 * With take_over it is in retire: this deployment has moved here from there.
 *
 * Call it first without endpoints. Then list them, and pass them with the returned idempotency_key as since. If another
 * set-up has completed in between, the list is outdated and would lead to a second endpoint, so the action is list
 * again.
 *
 * secret_is_lost: the stored signing secret cannot be decrypted. The endpoint is then useless, and a new one replaces
 * it. A new one also replaces it while deliveries are refused for their signature. Stripe then signs with a secret
 * that is not stored, for example after it was rolled in the Dashboard.
 *
 * duplicates lists the ids of endpoints with the same URL that somebody made by hand. Their deliveries are refused.
 */
create or replace function payments.begin_webhook_endpoint(
  environment text,
  url text,
  api_version text,
  endpoints jsonb default null,
  since text default null,
  secret_is_lost boolean default false,
  take_over boolean default false
)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the secrets
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoints_max constant integer := 16; -- in each mode of an account, https://docs.stripe.com/webhooks
  v_connection payments.provider_connections;
  v_key_id uuid;
  v_current jsonb;
  v_problems text[];
  v_action text := 'create';
  v_params jsonb;
  v_own_endpoints jsonb;
  v_elsewhere jsonb;
  v_idempotency_key text;
begin
  -- guard
  perform payments_private.check_environment(environment);
  if jsonb_typeof(endpoints) <> 'array' or coalesce(url, '') = '' or coalesce(api_version, '') = '' then
    raise exception 'url and api_version are required, and endpoints must be a list if given.'
      using errcode = 'SP001', hint = 'Pass the URL that Stripe can reach, the API version, and endpoints as Stripe lists them.';
  end if;

  -- read the connection
  select c.* into v_connection
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = begin_webhook_endpoint.environment;
  select s.id into v_key_id
  from payments_private.secrets as s
  where s.environment = begin_webhook_endpoint.environment and s.kind = 'secret_key';
  -- the key stays the same until a set-up completes: concurrent ones, or one after a crash, get the same endpoint
  v_idempotency_key := format(
    'pg-payments:%s:webhook_endpoint:%s', environment,
    md5(concat_ws(' ', url, api_version, v_key_id, v_connection.webhook_endpoint_id, v_connection.webhook_configured_at))
  );
  if endpoints is null or since is distinct from v_idempotency_key then
    return jsonb_build_object('action', 'list', 'idempotency_key', v_idempotency_key);
  end if;

  -- find our endpoints
  select
    coalesce(jsonb_agg(e.endpoint) filter (where e.endpoint ->> 'url' = begin_webhook_endpoint.url or take_over), '[]'),
    coalesce(jsonb_agg(jsonb_build_object('id', e.endpoint ->> 'id', 'url', e.endpoint ->> 'url')) filter (
      where e.endpoint ->> 'url' <> begin_webhook_endpoint.url
        and e.endpoint ->> 'status' = 'enabled'
        and not coalesce(take_over, false)
    ), '[]')
    into v_own_endpoints, v_elsewhere
  from jsonb_array_elements(endpoints) as e (endpoint)
  where payments_private.is_own_endpoint(begin_webhook_endpoint.environment, e.endpoint, begin_webhook_endpoint.url);
  select e.endpoint into v_current
  from jsonb_array_elements(v_own_endpoints) as e (endpoint)
  where e.endpoint ->> 'id' = v_connection.webhook_endpoint_id
    and exists (
      select
      from payments_private.secrets as s
      where s.environment = begin_webhook_endpoint.environment
        and s.kind = 'webhook_secret'
        and s.endpoint_id = e.endpoint ->> 'id'
        and s.expires_at is null
    );

  -- decide the action
  v_problems := payments_private.endpoint_problems(v_current, url, api_version);
  if v_current is not null
    and not coalesce(secret_is_lost, false)
    and not exists (
      select from payments_private.refused_since_last_event(environment) as r where r.reason = 'wrong'
    )
    and v_problems <@ array['disabled', 'missing_events']
  then
    v_action := case when v_problems = '{}' then 'reuse' else 'mend' end;
    v_params := jsonb_build_object(
      'disabled', false,
      'enabled_events', (
        select jsonb_agg(distinct t.type)
        from (
          select jsonb_array_elements_text(v_current -> 'enabled_events')
          union
          select unnest(payments.projected_event_types())
        ) as t (type)
      )
    );
  else
    v_params := jsonb_build_object(
      'url', url,
      'api_version', api_version,
      'enabled_events', array['billing_portal.configuration.created'],
      'description', format('pg-payments, environment %s', environment),
      'metadata', jsonb_build_object('managed_by', 'pg-payments', 'payments_environment', environment)
    );
  end if;
  return jsonb_build_object(
    'action', v_action,
    'endpoint', case when v_action <> 'create' then v_current end,
    'params', v_params,
    'idempotency_key', v_idempotency_key,
    'events', payments.projected_event_types(),
    'retire', (
      select coalesce(jsonb_agg(e.endpoint ->> 'id'), '[]')
      from jsonb_array_elements(v_own_endpoints) as e (endpoint)
      where e.endpoint ->> 'status' = 'enabled' and (v_action = 'create' or e.endpoint ->> 'id' <> v_current ->> 'id')
    ),
    'remove', (
      select coalesce(jsonb_agg(e.endpoint ->> 'id'), '[]')
      from jsonb_array_elements(v_own_endpoints) as e (endpoint)
      where e.endpoint ->> 'status' = 'disabled'
        and v_action = 'create'
        and jsonb_array_length(endpoints) >= v_endpoints_max
    ),
    'elsewhere', v_elsewhere,
    'duplicates', (
      select coalesce(jsonb_agg(d.id), '[]')
      from payments_private.duplicate_endpoints(environment, begin_webhook_endpoint.url, endpoints) as d (id)
    )
  );
end;
$$;

comment on function payments.begin_webhook_endpoint(text, text, text, jsonb, text, boolean, boolean) is
  'Decides what to do at Stripe so that events of an environment reach an address, given the endpoints that the account has. secret_is_lost: the stored signing secret cannot be decrypted. take_over: also replace the endpoint that delivers to another address, where this deployment was before. Returns {action, endpoint, params, idempotency_key, events, retire, remove, elsewhere, duplicates}; action is list, reuse, mend or create. Errors: SP001.';

revoke all on function payments.begin_webhook_endpoint(text, text, text, jsonb, text, boolean, boolean)
  from public, anon, authenticated;
grant execute on function payments.begin_webhook_endpoint(text, text, text, jsonb, text, boolean, boolean) to payments_service;
--! EndIncluded connection/begin_webhook_endpoint.sql
--! Included connection/private/forget_refused_signatures.sql
/*
 * Forgets the refused signatures of an environment, because a delivery was accepted or another signing secret is in
 * use.
 */
create or replace function payments_private.forget_refused_signatures(environment text)
  returns void
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the counts
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  delete from payments_private.refused_signatures as s where s.environment = forget_refused_signatures.environment;
end;
$$;

revoke all on function payments_private.forget_refused_signatures(text) from public, anon, authenticated;
grant execute on function payments_private.forget_refused_signatures(text) to payments_service;
--! EndIncluded connection/private/forget_refused_signatures.sql
--! Included connection/complete_webhook_endpoint.sql
/*
 * Records the webhook endpoint that an environment is now set up with, and returns the connection. A new endpoint comes
 * with its encrypted signing secret. Earlier secrets stay valid for a day, because deliveries signed with them may
 * still arrive.
 */
create or replace function payments.complete_webhook_endpoint(
  environment text,
  endpoint jsonb,
  key_id text default null,
  ciphertext text default null
)
  returns setof payments.provider_connections
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the secrets and the connection
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- guard
  perform payments_private.check_environment(environment);
  if coalesce(endpoint ->> 'id', '') = '' or (key_id is null) <> (ciphertext is null) then
    raise exception 'endpoint must be a webhook endpoint, and key_id and ciphertext must be given together.'
      using errcode = 'SP001', hint = 'Pass the endpoint as Stripe returned it; leave both key_id and ciphertext out for a known secret.';
  end if;

  -- lock the connection
  insert into payments.provider_connections (provider, environment)
  values ('stripe', complete_webhook_endpoint.environment)
  on conflict on constraint provider_connections_environment_key do nothing;
  perform from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = complete_webhook_endpoint.environment
  for update;

  -- store the secret
  if ciphertext is not null then
    delete from payments_private.secrets as s
    where s.environment = complete_webhook_endpoint.environment
      and s.kind = 'webhook_secret'
      and (s.expires_at <= now() or s.endpoint_id = complete_webhook_endpoint.endpoint ->> 'id');
    update payments_private.secrets as s
    set expires_at = now() + interval '1 day'
    where s.environment = complete_webhook_endpoint.environment and s.kind = 'webhook_secret' and s.expires_at is null;
    insert into payments_private.secrets (environment, kind, key_id, ciphertext, endpoint_id)
    values (
      complete_webhook_endpoint.environment, 'webhook_secret', complete_webhook_endpoint.key_id,
      complete_webhook_endpoint.ciphertext, complete_webhook_endpoint.endpoint ->> 'id'
    );
    perform payments_private.forget_refused_signatures(environment);
  end if;

  -- record the endpoint
  return query
    update payments.provider_connections as c
    set status = 'connected',
        webhook_endpoint_id = complete_webhook_endpoint.endpoint ->> 'id',
        webhook_endpoint_url = complete_webhook_endpoint.endpoint ->> 'url',
        webhook_configured_at = now()
    where c.provider = 'stripe' and c.environment = complete_webhook_endpoint.environment
    returning c.*;
end;
$$;

comment on function payments.complete_webhook_endpoint(text, jsonb, text, text) is
  'Records the webhook endpoint that an environment is now set up with, and its encrypted signing secret if it is new. Earlier secrets stay valid for a day. Returns the connection. Errors: SP001.';

revoke all on function payments.complete_webhook_endpoint(text, jsonb, text, text) from public, anon, authenticated;
grant execute on function payments.complete_webhook_endpoint(text, jsonb, text, text) to payments_service;
--! EndIncluded connection/complete_webhook_endpoint.sql
--! Included connection/connect_account.sql
/*
 * Connects an environment to the Stripe account of a key, and stores the key, which the handler has encrypted. Returns:
 * {connection, previous_account_id, deleted}: the row, and of a replaced account its id and its deleted rows by table.
 *
 * A new key of the same account replaces the old one. A key of another account raises SP008, unless replace_account is
 * true: then every row of the former account is deleted first. All of it happens in one transaction.
 *
 * Where the account of the rows was never learnt, seen decides whether the key is of another account. It is the
 * object of payments_private.known_objects that Stripe knew by the new key, or null. Without replace_account, the
 * handlers have raised SP008 by payments_private.check_known_objects before.
 */
create or replace function payments.connect_account(
  environment text,
  account jsonb,
  key_id text,
  ciphertext text,
  masked_key text,
  replace_account boolean default false,
  seen jsonb default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the secrets and tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account_id text := account ->> 'id';
  v_previous text;
  v_counts jsonb;
  v_deleted jsonb;
  v_connection payments.provider_connections;
begin
  -- guard
  perform payments_private.check_environment(environment);
  if coalesce(v_account_id, '') = '' or key_id is null or ciphertext is null then
    raise exception 'A Stripe account and an encrypted key are required.'
      using errcode = 'SP001', hint = 'Pass the account as Stripe returned it, and the key as the handlers encrypt it.';
  end if;

  -- lock: webhooks wait, so that none writes a row of one account while those of the other are deleted
  perform payments_private.lock_environment(environment, true);
  select c.provider_account_id into v_previous
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = connect_account.environment
  for update;

  -- refuse another account
  if v_previous <> v_account_id then
    if not coalesce(replace_account, false) then
      v_counts := payments_private.count_environment(environment);
      raise exception 'The key is of the Stripe account %, and environment % is connected to %.',
        v_account_id, environment, v_previous
        using errcode = 'SP008',
              hint = format('Use a key of %s, or send "replaceAccount": true, which deletes what is kept of it: %s.',
                v_previous, coalesce(
                  (select string_agg(c.value || ' ' || c.key, ', ' order by c.key) from jsonb_each_text(v_counts) as c),
                  'nothing'
                ));
    end if;
  end if;

  -- replace another account
  if v_previous <> v_account_id
    or (v_previous is null and coalesce(replace_account, false) and coalesce(seen, 'null') = 'null')
  then
    v_deleted := payments_private.delete_environment(environment);
    if v_previous is null then
      v_deleted := nullif(v_deleted, '{}'); -- a first key replaces nothing
    end if;
    delete from payments_private.secrets as s where s.environment = connect_account.environment;
    delete from payments.provider_connections as c
    where c.provider = 'stripe' and c.environment = connect_account.environment;
  end if;

  -- store the key
  delete from payments_private.secrets as s
  where s.environment = connect_account.environment and s.kind = 'secret_key';
  insert into payments_private.secrets (environment, kind, key_id, ciphertext, masked)
  values (
    connect_account.environment, 'secret_key', connect_account.key_id, connect_account.ciphertext,
    connect_account.masked_key
  );
  insert into payments.provider_connections as c (
    provider, environment, status, provider_account_id, account_email, account_name, account_livemode, raw
  )
  values (
    'stripe', connect_account.environment, 'connected', v_account_id, account ->> 'email',
    coalesce(account #>> '{settings,dashboard,display_name}', account #>> '{business_profile,name}'),
    connect_account.environment = 'live', account
  )
  on conflict on constraint provider_connections_environment_key do update
  set status = excluded.status,
      provider_account_id = excluded.provider_account_id,
      account_email = excluded.account_email,
      account_name = excluded.account_name,
      account_livemode = excluded.account_livemode,
      raw = excluded.raw
  returning c.* into v_connection;
  return jsonb_build_object(
    'connection', to_jsonb(v_connection) - 'raw',
    'previous_account_id', case when v_previous <> v_account_id then v_previous end,
    'deleted', v_deleted
  );
end;
$$;

comment on function payments.connect_account(text, jsonb, text, text, text, boolean, jsonb) is
  'Connects an environment to a Stripe account and stores its encrypted key. Another account than before is refused unless replace_account, which deletes every row of the former one. If the account is not known yet, seen is an object of the rows that Stripe knew by the key. Returns {connection, previous_account_id, deleted}. Errors: SP001, SP008 another account.';

revoke all on function payments.connect_account(text, jsonb, text, text, text, boolean, jsonb)
  from public, anon, authenticated;
grant execute on function payments.connect_account(text, jsonb, text, text, text, boolean, jsonb) to payments_service;
--! EndIncluded connection/connect_account.sql
--! Included connection/private/count_environment.sql
/*
 * Returns how many rows each table holds for an environment, for example {"customers": 3}; empty tables are left out.
 */
create or replace function payments_private.count_environment(environment text)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass;
  v_count bigint;
  v_counts jsonb := '{}';
begin
  for v_table in select t from payments_private.environment_tables() as t loop
    execute format('select count(*) from %s as t where t.environment = $1', v_table)
      into v_count using count_environment.environment;
    if v_count > 0 then
      v_counts := v_counts || jsonb_build_object(split_part(v_table::text, '.', 2), v_count);
    end if;
  end loop;
  return v_counts;
end;
$$;

revoke all on function payments_private.count_environment(text) from public, anon, authenticated;
--! EndIncluded connection/private/count_environment.sql
--! Included connection/private/delete_environment.sql
/*
 * Deletes every row of an environment, and returns how many each table had.
 */
create or replace function payments_private.delete_environment(environment text)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass;
  v_counts jsonb := payments_private.count_environment(environment);
begin
  for v_table in select t from payments_private.environment_tables() as t loop
    execute format('delete from %s as t where t.environment = $1', v_table) using delete_environment.environment;
  end loop;
  return v_counts;
end;
$$;

revoke all on function payments_private.delete_environment(text) from public, anon, authenticated;
--! EndIncluded connection/private/delete_environment.sql
--! Included connection/disconnect_account.sql
/*
 * Deletes the key and the signing secrets of an environment. Returns {connection, endpoint_id, remaining}: the row, the
 * webhook endpoint that was managed until now, and the number of rows that stay, by table.
 *
 * Projected rows stay, and so does the id of their account, so that a key of another account is noticed.
 */
create or replace function payments.disconnect_account(environment text)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the secrets
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_endpoint_id text;
  v_connection payments.provider_connections;
begin
  perform payments_private.check_environment(environment);
  select c.webhook_endpoint_id into v_endpoint_id
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = disconnect_account.environment
  for update;

  delete from payments_private.secrets as s
  where s.environment = disconnect_account.environment and s.kind = 'secret_key';
  if not found then
    raise exception 'No Stripe key is stored for environment %.', environment
      using errcode = 'SP009', hint = 'A key that comes from an environment variable is removed there.';
  end if;
  delete from payments_private.secrets as s where s.environment = disconnect_account.environment;

  update payments.provider_connections as c
  set status = 'unconfigured',
      webhook_endpoint_id = null,
      webhook_endpoint_url = null,
      webhook_configured_at = null
  where c.provider = 'stripe' and c.environment = disconnect_account.environment
  returning c.* into v_connection;
  return jsonb_build_object(
    'connection', to_jsonb(v_connection) - 'raw',
    'endpoint_id', v_endpoint_id,
    'remaining', payments_private.count_environment(environment)
  );
end;
$$;

comment on function payments.disconnect_account(text) is
  'Deletes the stored Stripe key and signing secrets of an environment; projected rows stay. Returns {connection, endpoint_id, remaining}. Errors: SP001, SP009 no key is stored.';

revoke all on function payments.disconnect_account(text) from public, anon, authenticated;
grant execute on function payments.disconnect_account(text) to payments_service;
--! EndIncluded connection/disconnect_account.sql
--! Included connection/private/endpoint_problems.sql
/*
 * Returns the problems of a webhook endpoint as Stripe describes it: disabled, missing_events, other_version,
 * other_url; an empty list for a correct one. Additional events are harmless. A url or api_version of null is not
 * compared.
 */
create or replace function payments_private.endpoint_problems(endpoint jsonb, url text, api_version text)
  returns text[]
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array_remove(array[
    case when endpoint_problems.endpoint ->> 'status' = 'disabled' then 'disabled' end,
    case when not endpoint_problems.endpoint -> 'enabled_events' ? '*'
      and not endpoint_problems.endpoint -> 'enabled_events' ?& payments.projected_event_types() then 'missing_events' end,
    case when endpoint_problems.endpoint ->> 'api_version' is distinct from endpoint_problems.api_version
      and endpoint_problems.api_version is not null then 'other_version' end,
    case when endpoint_problems.endpoint ->> 'url' <> endpoint_problems.url then 'other_url' end
  ], null);
end;
$$;

revoke all on function payments_private.endpoint_problems(jsonb, text, text) from public, anon, authenticated;
--! EndIncluded connection/private/endpoint_problems.sql
--! Included connection/private/events_arrive.sql
/*
 * Returns whether Stripe's deliveries have reached this environment within the last day, since its webhook endpoint was
 * last set up. A recovered event is older than a few minutes, so it does not count.
 */
create or replace function payments_private.events_arrive(environment text)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from payments.webhook_events as w
    where w.environment = events_arrive.environment
      and w.received_at > greatest(now() - interval '1 day', (
        select c.webhook_configured_at
        from payments.provider_connections as c
        where c.provider = 'stripe' and c.environment = events_arrive.environment
      ))
      and w.received_at - w.provider_created_at < interval '5 minutes'
  );
$$;

revoke all on function payments_private.events_arrive(text) from public, anon, authenticated;
grant execute on function payments_private.events_arrive(text) to payments_service;
--! EndIncluded connection/private/events_arrive.sql
--! Included connection/private/lost_events.sql
/*
 * Returns those of the given events, [{id, type, created}], that should have arrived and did not. Such an event has a
 * type that is projected, was made since events arrive here, and is not in the ledger.
 *
 * Events arrive here since the first one did, or since the webhook endpoint was set up, or since the connection was
 * made, whichever came first. Those of an account's time before are not lost; a recovery brings them, too.
 *
 * An endpoint that was made by hand may subscribe to fewer types, so only types that arrive there count, once any does.
 */
create or replace function payments_private.lost_events(environment text, events jsonb)
  returns setof jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_begin timestamptz;
  v_is_managed boolean;
  v_types text[] := payments.projected_event_types();
  v_arriving text[];
begin
  if jsonb_typeof(events) is distinct from 'array' then
    return;
  end if;
  select least(c.webhook_configured_at, c.created_at), c.webhook_endpoint_id is not null into v_begin, v_is_managed
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = lost_events.environment;
  v_begin := least(v_begin, (
    select w.received_at
    from payments.webhook_events as w
    where w.environment = lost_events.environment
    order by w.received_at
    limit 1
  ));
  if not coalesce(v_is_managed, false) then
    v_arriving := array(
      select distinct w.event_type
      from (
        select e.event_type
        from payments.webhook_events as e
        where e.environment = lost_events.environment
        order by e.received_at desc
        limit 10000
      ) as w
    );
    if v_arriving <> '{}' then
      v_types := array(select t.type from unnest(v_types) as t (type) where t.type = any (v_arriving));
    end if;
  end if;
  return query
    select e.event
    from jsonb_array_elements(events) as e (event)
    where e.event ->> 'type' = any (v_types)
      and (v_begin is null or to_timestamp((e.event ->> 'created')::double precision) > v_begin)
      and e.event ->> 'id' in (
        select u.id
        from payments.unknown_webhook_events(lost_events.environment, (
          select coalesce(jsonb_agg(g.event ->> 'id'), '[]') from jsonb_array_elements(events) as g (event)
        )) as u (id)
      );
end;
$$;

revoke all on function payments_private.lost_events(text, jsonb) from public, anon, authenticated;
grant execute on function payments_private.lost_events(text, jsonb) to payments_service;
--! EndIncluded connection/private/lost_events.sql
--! Included connection/private/refusals_are_strange.sql
/*
 * Returns whether deliveries that were refused for a wrong signature came from a stranger, or from an endpoint that
 * somebody made by hand. facts are those of environment_health. Stripe must then list no event that is missing here,
 * and the endpoint must lose none. An event is missing after ten minutes, so the first refusal must be older than that,
 * unless a duplicate of the endpoint explains it.
 */
create or replace function payments_private.refusals_are_strange(environment text, facts jsonb)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_typeof(facts -> 'listed_events') = 'array'
    and jsonb_typeof(facts -> 'drift') = 'array'
    and coalesce((facts ->> 'has_signing_secret')::boolean, false)
    and not exists (
      select
      from jsonb_array_elements(case when jsonb_typeof(facts -> 'drift') = 'array' then facts -> 'drift' else '[]' end)
        as d (drift)
      where d.drift ->> 'problem' not in ('other_version', 'duplicate')
    )
    and not exists (
      select from payments_private.lost_events(refusals_are_strange.environment, facts -> 'listed_events')
    )
    and (
      facts -> 'drift' @> '[{"problem": "duplicate"}]'
      or exists (
        select
        from payments_private.refused_since_last_event(refusals_are_strange.environment) as r
        where r.reason = 'wrong' and r.first_refused_at < now() - interval '10 minutes'
      )
    );
end;
$$;

revoke all on function payments_private.refusals_are_strange(text, jsonb) from public, anon, authenticated;
grant execute on function payments_private.refusals_are_strange(text, jsonb) to payments_service;
--! EndIncluded connection/private/refusals_are_strange.sql
--! Included connection/private/delivery_reasons.sql
/*
 * Returns why Stripe's events do not arrive, one row for each reason, in the order in which to remove them. First
 * come reasons of the endpoint, then of its address, then refused signatures, then lost events.
 *
 * facts are those of environment_health. The reasons of an endpoint are the differences that webhook_endpoint_drift
 * found.
 *
 * Anyone can send a delivery with a wrong signature. Refused ones are failing until refusals_are_strange finds that
 * Stripe's own events arrive.
 *
 * If events arrived promptly within the last day, an address that these handlers cannot reach is no proof. Some
 * networks do not let a server reach its own public address. That is degraded then, and failing otherwise.
 */
create or replace function payments_private.delivery_reasons(environment text, facts jsonb)
  returns table ("position" integer, code text, severity text, message text, next_action text, command text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_configure text := format('pg-payments stripe webhooks configure --environment %s', environment);
  v_recover text := format('pg-payments recover --environment %s', environment);
  -- A recovery begins with the first event that arrived, so one before must be named.
  v_since text := '" --since "YYYY-MM-DD"T"HH24:MI:SS"Z"';
  v_time text := 'YYYY-MM-DD HH24:MI "UTC"';
  v_secret text := format('STRIPE_%s_WEBHOOK_SECRET', upper(environment));
  -- Without their public URL, the handlers cannot set up an endpoint.
  v_can_configure boolean := coalesce((facts ->> 'public_url')::boolean, false);
  v_set_up text := case when v_can_configure then 'Set up the webhook endpoint.' else format(
    'Set PAYMENTS_PUBLIC_URL for the handlers and run `%s`; or make an endpoint in the Stripe Dashboard that delivers to /api/webhooks/stripe/%s of this deployment, and set %s to its signing secret.',
    v_configure, environment, v_secret
  ) end;
  v_set_up_and_recover text := v_set_up || case when v_can_configure then ' Then recover the events that were lost.'
    else format(' Then run `%s` for events that were lost.', v_recover) end;
  v_copy_or_moved text := format(
    'Is this database a copy of one that is in use there? Then run `%s`: this deployment gets an endpoint of its own, and that one is left alone. Or has this deployment moved here from there? Then run `%s --take-over`, which disables that endpoint, and `%s` for events that were lost.',
    v_configure, v_configure, v_recover
  );
  v_compare text := format(
    'Set %s to the signing secret of the webhook endpoint, as the Stripe Dashboard shows it, and restart the handlers.', v_secret
  );
  v_remove_duplicate text := 'Delete it in the Stripe Dashboard: its deliveries are refused, and the managed endpoint brings the same events.';
  v_refused_are_strange boolean := payments_private.refusals_are_strange(environment, facts);
begin
  return query
    select 10, 'no_signing_secret', 'failing', 'There is no signing secret, so no event can be accepted.',
      v_set_up_and_recover, case when v_can_configure then v_configure || ' && ' || v_recover end
    where not (facts ->> 'has_signing_secret')::boolean and facts ->> 'secret_problem' is null;

  -- An endpoint of another API version still delivers, and so does one that has a duplicate; every other problem loses
  -- events. Which command is right for an endpoint that delivers elsewhere depends on what the deployer knows, so there
  -- are two to choose from.
  return query
    select 20, 'endpoint_' || p.problem, case when p.loses_events then 'failing' else 'degraded' end, p.message,
      case when p.problem = 'other_url' then v_copy_or_moved
        when p.problem = 'duplicate' then v_remove_duplicate
        when p.loses_events then v_set_up_and_recover
        else v_set_up end,
      case when v_can_configure and p.problem not in ('other_url', 'duplicate')
        then v_configure || case when p.loses_events then ' && ' || v_recover else '' end end
    from (
      select d.drift ->> 'problem', d.drift ->> 'message', d.drift ->> 'problem' not in ('other_version', 'duplicate')
      from jsonb_array_elements(case when jsonb_typeof(facts -> 'drift') = 'array' then facts -> 'drift' else '[]' end)
        as d (drift)
    ) as p (problem, message, loses_events)
    where p.problem <> 'missing' or (facts ->> 'has_signing_secret')::boolean;

  return query
    select 30, 'address_' || (facts #>> '{address_problem,kind}'),
      case when facts #>> '{address_problem,kind}' = 'unreachable'
        and payments_private.events_arrive(delivery_reasons.environment) then 'degraded' else 'failing' end,
      facts #>> '{address_problem,message}', facts #>> '{address_problem,next_action}', null::text
    where facts #>> '{address_problem,message}' is not null;

  return query
    select 40, 'signatures_' || r.reason,
      case when r.reason = 'wrong' and v_refused_are_strange then 'degraded' else 'failing' end,
      format(
        case r.reason
          when 'wrong' then 'Deliveries were refused because no signing secret here made their signature: %s since %s, the last at %s.'
          else 'Deliveries were refused because their signature, although right, was over 5 minutes old: %s since %s, the last at %s.'
        end,
        r.refused, to_char(r.first_refused_at at time zone 'utc', v_time),
        to_char(r.last_refused_at at time zone 'utc', v_time)
      ),
      case when r.reason = 'too_old'
          then 'The clock of the handlers is ahead: let it follow NTP. Then recover the events that were lost.'
        when v_refused_are_strange
          then 'Stripe lists no event that is missing here, so another endpoint with this address sent them, or a stranger. Delete other endpoints with this address in the Stripe Dashboard; a stranger needs nothing.'
        when v_can_configure then v_set_up_and_recover
        else v_compare || ' Then recover the events that were lost.' end,
      case when r.reason = 'too_old' or not v_refused_are_strange then
        case when r.reason = 'wrong' and v_can_configure then v_configure || ' && ' else '' end
        || v_recover || to_char((r.first_refused_at - interval '1 hour') at time zone 'utc', v_since)
      end
    from payments_private.refused_since_last_event(delivery_reasons.environment) as r;

  return query
    select 50, 'events_missing', 'failing',
      format('Stripe lists events that never arrived here: %s, the oldest %s of %s.', count(*),
        (array_agg(concat_ws(' ', l.event ->> 'type', l.event ->> 'id') order by (l.event ->> 'created')::double precision))[1],
        to_char(to_timestamp(min((l.event ->> 'created')::double precision)) at time zone 'utc', v_time)),
      'Fix the other findings about the webhook endpoint first. Then recover these events.',
      v_recover || to_char(to_timestamp(min((l.event ->> 'created')::double precision)) at time zone 'utc', v_since)
    from payments_private.lost_events(delivery_reasons.environment, facts -> 'listed_events') as l (event)
    having count(*) > 0;
end;
$$;

revoke all on function payments_private.delivery_reasons(text, jsonb) from public, anon, authenticated;
grant execute on function payments_private.delivery_reasons(text, jsonb) to payments_service;
--! EndIncluded connection/private/delivery_reasons.sql
--! Included connection/private/offer_reasons.sql
/*
 * Returns why the health of an environment is degraded by offers that nobody can buy. Such an offer names a price, a
 * lookup key or a product that is unknown, inactive or of the other mode. One row for each such offer. Offers that are
 * switched off or over are left out.
 */
create or replace function payments_private.offer_reasons(environment text)
  returns table (message text, next_action text, command text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select
    format('Nobody can buy the offer %s: %s', o.offer_id, p.problem),
    'Correct the offer, or run a sync if Stripe has what it names.',
    format('pg-payments offers list --environment %s', o.environment)
  from payments.offers as o
  cross join lateral (
    select case
      when o.product_id is not null then case
        when not exists (
          select from payments.stripe_products as r
          where r.product_id = o.product_id and r.environment = o.environment and r.active and not r.deleted
        ) then format('there is no active product %s.', o.product_id)
        when not o.allow_price_data and not exists (
          select from payments.stripe_prices as r
          where r.product_id = o.product_id and r.environment = o.environment and r.active and not r.deleted
            and not (o.mode = 'payment' and r.type = 'recurring')
        ) then format('the product %s has no active price for mode %s.', o.product_id, o.mode)
      end
      when o.lookup_key is not null and not exists (
        select from payments_private.price_of_lookup_key(o.environment, o.lookup_key)
      ) then format('no active price has the lookup key %s.', o.lookup_key)
      when o.price_id is not null and not exists (
        select from payments.stripe_prices as r
        where r.price_id = o.price_id and r.environment = o.environment and r.active and not r.deleted
      ) then format('there is no active price %s.', o.price_id)
      when o.mode = 'payment' and exists (
        select from payments.stripe_prices as r
        where r.price_id = coalesce(
            o.price_id, (select k.price_id from payments_private.price_of_lookup_key(o.environment, o.lookup_key) as k)
          )
          and r.environment = o.environment and r.type = 'recurring'
      ) then 'its price is recurring, and its mode is payment.'
    end as problem
  ) as p
  where o.environment = offer_reasons.environment
    and o.active
    and (o.ends_at is null or o.ends_at > now())
    and p.problem is not null
  order by o.offer_id;
$$;

revoke all on function payments_private.offer_reasons(text) from public, anon, authenticated;
grant execute on function payments_private.offer_reasons(text) to payments_service;
--! EndIncluded connection/private/offer_reasons.sql
--! Included connection/private/unlimited_buyers.sql
/*
 * Returns the roles of app users that may begin a checkout of what they like: ["anon", "authenticated"], one or none.
 * A role is left out in each of these cases:
 *   - the environment has an offer, because offers then limit app users
 *   - it has no right to insert options into payments.stripe_checkout_sessions
 *   - no policy lets it insert there, or each that does judges the options
 *   - a restrictive policy judges the options, or refuses every row
 *
 * A policy judges the options if it names the column. One that asks payments.is_offered does not: without an offer the
 * answer is always yes. The doctor warns by the result; what a policy says in detail it cannot know.
 */
create or replace function payments_private.unlimited_buyers(environment text)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with policies as (
    select
      p.polpermissive,
      p.polroles,
      pg_get_expr(coalesce(p.polwithcheck, p.polqual), p.polrelid) is not distinct from 'false' as refuses,
      exists (
        select
        from pg_depend as d
        join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_policy'::regclass and d.objid = p.oid
          and d.refclassid = 'pg_class'::regclass and d.refobjid = p.polrelid and a.attname = 'options'
      ) and not exists (
        select
        from pg_depend as d
        where d.classid = 'pg_policy'::regclass and d.objid = p.oid
          and d.refclassid = 'pg_proc'::regclass
          and d.refobjid = to_regprocedure('payments.is_offered(text,text,jsonb,jsonb,text,text)')
      ) as judges
    from pg_policy as p
    where p.polrelid = 'payments.stripe_checkout_sessions'::regclass and p.polcmd in ('a', '*')
  )
  select coalesce(jsonb_agg(r.rolname order by r.rolname), '[]')
  from pg_roles as r
  where r.rolname in ('anon', 'authenticated')
    and not exists (select from payments.offers as o where o.environment = unlimited_buyers.environment)
    and has_schema_privilege(r.oid, 'payments', 'usage')
    and has_column_privilege(r.oid, 'payments.stripe_checkout_sessions', 'options', 'insert')
    and (
      not (select c.relrowsecurity from pg_class as c where c.oid = 'payments.stripe_checkout_sessions'::regclass)
      or exists (
        select
        from policies as p
        where p.polpermissive and not p.refuses and not p.judges
          and (0 = any (p.polroles) or exists (
            select from unnest(p.polroles) as m (role) where pg_has_role(r.oid, m.role, 'usage')
          ))
      ) and not exists (
        select
        from policies as p
        where not p.polpermissive and (p.refuses or p.judges)
          and (0 = any (p.polroles) or exists (
            select from unnest(p.polroles) as m (role) where pg_has_role(r.oid, m.role, 'usage')
          ))
      )
    );
$$;

revoke all on function payments_private.unlimited_buyers(text) from public, anon, authenticated;
grant execute on function payments_private.unlimited_buyers(text) to payments_service;
--! EndIncluded connection/private/unlimited_buyers.sql
--! Included connection/environment_health.sql
/*
 * Returns {status, reasons, unlimited_buyers, events, connection}: whether all is well with an environment, and why not.
 *
 * status is failing while events are lost or stuck, degraded while something needs a look, else ok. reasons are [{code,
 * severity, message, next_action, command}], the failing ones first. next_action is a sentence. command is the shell
 * command that leads on, or null where no command helps.
 *
 * unlimited_buyers are the roles of app users that may begin a checkout of what they like; they degrade nothing, because
 * an app may want that.
 *
 * facts is what only the handlers know: {has_key, key_problem, stripe_problem, has_signing_secret, secret_problem,
 * public_url, drift, settings, address_problem, listed_events}. A problem is a sentence or null. Each of the last four
 * is null when it could not be found out:
 *   drift            what webhook_endpoint_drift returns
 *   settings         [{code, message, next_action}], settings of the database that break payments
 *   address_problem  {kind, message, next_action} of the address to which Stripe delivers; kind is unreachable or wrong
 *   listed_events    [{id, type, created}], Stripe's newest events that should have arrived by now
 *
 * No other place says what to do about a reason: the API and the command line pass it on.
 */
create or replace function payments.environment_health(environment text, facts jsonb)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_connection payments.provider_connections;
  v_events payments.webhook_event_health;
  v_reasons jsonb;
  v_set_key text := format('pg-payments stripe config set --environment %s', environment);
  v_list_failed text := format('pg-payments events list --environment %s --status failed', environment);
  v_configure text := format('pg-payments stripe webhooks configure --environment %s', environment);
  v_recover text := format(' && pg-payments recover --environment %s', environment);
  v_lost text := ' Then recover the events that were lost.';
begin
  perform payments_private.check_environment(environment);
  select c.* into v_connection
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = environment_health.environment;
  select h.* into v_events
  from payments.webhook_event_health as h
  where h.environment = environment_health.environment;

  -- collect the reasons
  select coalesce(jsonb_agg(
    jsonb_build_object(
      'code', r.code, 'severity', r.severity, 'message', r.message, 'next_action', r.next_action, 'command', r.command
    )
    order by r.severity desc, r.position -- failing before degraded
  ), '[]') into v_reasons
  from (
    select v.position, v.code, v.severity, v.message, v.next_action, v.command
    from (
      values
        (1, 'no_key', 'failing', not (facts ->> 'has_key')::boolean and facts ->> 'secret_problem' is null,
          format('There is no Stripe key for %s.', environment),
          'Store one, or set the environment variable for it.' || case when v_events.last_received_at is null then '' else v_lost end,
          v_set_key || case when v_events.last_received_at is null then '' else v_recover end),
        (2, 'secrets_unreadable', 'failing', facts ->> 'secret_problem' is not null, facts ->> 'secret_problem',
          'Set PAYMENTS_ENCRYPTION_KEY to the key that the secrets were stored with, or store them again.' || v_lost,
          v_set_key || v_recover),
        (3, 'key_refused', 'failing', facts ->> 'key_problem' is not null, facts ->> 'key_problem',
          'Store a key that is valid and has the permissions that are needed.', v_set_key),
        (4, 'stripe_unreachable', 'degraded', facts ->> 'stripe_problem' is not null, facts ->> 'stripe_problem',
          'Try again in a moment.', null),
        (15, 'endpoint_not_managed', 'degraded',
          (facts ->> 'public_url')::boolean and (facts ->> 'has_key')::boolean and v_connection.webhook_endpoint_id is null
            and not coalesce(facts -> 'drift' @> '[{"problem": "missing"}]', false),
          'No webhook endpoint is managed, although PAYMENTS_PUBLIC_URL is set.', 'Set up the webhook endpoint.', v_configure),
        (60, 'dead_letters', 'failing', v_events.dead_lettered > 0,
          format('Events that failed and are not retried automatically: %s.', v_events.dead_lettered),
          format('See their last_error and fix the cause. Then run `pg-payments events retry --environment %s`.', environment),
          v_list_failed),
        (61, 'backlog', 'degraded', v_events.backlog > coalesce(v_events.dead_lettered, 0),
          format('Events that failed and wait for their next attempt: %s.', v_events.backlog - v_events.dead_lettered),
          'See their last_error.', v_list_failed),
        (62, 'sync_failed', 'degraded', v_connection.last_sync_status = 'failed',
          format('The last sync failed: %s', v_connection.last_sync_error), 'Run the sync again.',
          format('pg-payments stripe sync --environment %s', environment))
    ) as v (position, code, severity, holds, message, next_action, command)
    where v.holds
    union all
    select 0, s.setting ->> 'code', 'failing', s.setting ->> 'message', s.setting ->> 'next_action', null
    from jsonb_array_elements(case when jsonb_typeof(facts -> 'settings') = 'array' then facts -> 'settings' else '[]' end)
      as s (setting)
    union all
    select d.position, d.code, d.severity, d.message, d.next_action, d.command
    from payments_private.delivery_reasons(environment_health.environment, facts) as d
    union all
    select 70, 'offer_cannot_be_bought', 'degraded', o.message, o.next_action, o.command
    from payments_private.offer_reasons(environment_health.environment) as o
  ) as r;

  return jsonb_build_object(
    'status', case
      when v_reasons @> '[{"severity": "failing"}]' then 'failing'
      when v_reasons <> '[]' then 'degraded'
      else 'ok'
    end,
    'reasons', v_reasons,
    'unlimited_buyers', payments_private.unlimited_buyers(environment),
    'events', to_jsonb(v_events),
    'connection', case when v_connection.id is not null then to_jsonb(v_connection) - 'raw' end
  );
end;
$$;

comment on function payments.environment_health(text, jsonb) is
  'One verdict about an environment, ok, degraded or failing, from the ledger, the connection, refused signatures and the given facts. Returns {status, reasons, unlimited_buyers, events, connection}; each reason has a next_action and, where one helps, a command. Errors: SP001.';

revoke all on function payments.environment_health(text, jsonb) from public, anon, authenticated;
grant execute on function payments.environment_health(text, jsonb) to payments_service;
--! EndIncluded connection/environment_health.sql
--! Included connection/private/environment_tables.sql
/*
 * Returns the tables whose rows belong to the Stripe account of an environment. These are all tables with a column
 * environment, except the connection itself, the offers, the secrets and the refused signatures. Offers are the app's
 * own: without them, app users could buy everything that the next account sells.
 */
create or replace function payments_private.environment_tables()
  returns setof regclass
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select c.oid::regclass
  from pg_catalog.pg_class as c
  join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attname = 'environment' and not a.attisdropped
  where c.relnamespace in ('payments'::regnamespace, 'payments_private'::regnamespace)
    and c.relkind in ('r', 'p')
    and c.oid not in (
      'payments.provider_connections'::regclass,
      'payments.offers'::regclass,
      'payments_private.secrets'::regclass,
      'payments_private.refused_signatures'::regclass
    )
  order by c.relname;
$$;

revoke all on function payments_private.environment_tables() from public, anon, authenticated;
--! EndIncluded connection/private/environment_tables.sql
--! Included connection/private/is_own_endpoint.sql
/*
 * Returns whether a webhook endpoint at Stripe was made for this environment of this database. Then pg-payments made
 * it. It also delivers to the given URL, or it is or was the one that the environment is set up with. Every other
 * endpoint belongs to another project. One that delivers elsewhere may belong to the original of a copied database:
 * it is only ours to change if the caller takes it over.
 */
create or replace function payments_private.is_own_endpoint(environment text, endpoint jsonb, url text)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select is_own_endpoint.endpoint #>> '{metadata,managed_by}' = 'pg-payments'
    and is_own_endpoint.endpoint #>> '{metadata,payments_environment}' = is_own_endpoint.environment
    and (
      is_own_endpoint.endpoint ->> 'url' = is_own_endpoint.url
      or exists (
        select
        from payments.provider_connections as c
        where c.provider = 'stripe'
          and c.environment = is_own_endpoint.environment
          and c.webhook_endpoint_id = is_own_endpoint.endpoint ->> 'id'
      )
      or exists (
        select
        from payments_private.secrets as s
        where s.environment = is_own_endpoint.environment and s.endpoint_id = is_own_endpoint.endpoint ->> 'id'
      )
    );
$$;

revoke all on function payments_private.is_own_endpoint(text, jsonb, text) from public, anon, authenticated;
--! EndIncluded connection/private/is_own_endpoint.sql
--! Included ledger/projected_event_types.sql
/*
 * Returns the types of events that the managed webhook endpoint subscribes to. Three more types are projected if an
 * endpoint made by hand sends them (see is_projected_event); events of every other type are recorded as ignored.
 */
create or replace function payments.projected_event_types()
  returns text[]
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array[
    'product.created', 'product.updated', 'product.deleted',
    'price.created', 'price.updated', 'price.deleted',
    'customer.created', 'customer.updated', 'customer.deleted',
    'checkout.session.completed', 'checkout.session.async_payment_succeeded',
    'checkout.session.async_payment_failed', 'checkout.session.expired',
    'invoice.created', 'invoice.finalized', 'invoice.updated', 'invoice.paid', 'invoice.payment_failed',
    'invoice.voided', 'invoice.marked_uncollectible', 'invoice.deleted', 'invoice_payment.paid',
    'credit_note.created', 'credit_note.updated', 'credit_note.voided',
    'payment_intent.succeeded', 'payment_intent.payment_failed', 'payment_intent.canceled',
    'payment_intent.amount_capturable_updated',
    'charge.succeeded', 'charge.refunded', 'charge.dispute.created', 'charge.dispute.updated', 'charge.dispute.closed',
    'charge.dispute.funds_withdrawn', 'charge.dispute.funds_reinstated',
    'refund.created', 'refund.updated', 'refund.failed',
    'customer.subscription.created', 'customer.subscription.updated', 'customer.subscription.deleted',
    'subscription_schedule.created', 'subscription_schedule.updated', 'subscription_schedule.released',
    'subscription_schedule.canceled', 'subscription_schedule.completed',
    'customer.subscription.paused', 'customer.subscription.resumed', 'customer.subscription.trial_will_end'
  ];
$$;

comment on function payments.projected_event_types() is
  'The types of Stripe events that the managed webhook endpoint subscribes to. Select the same types for an endpoint made by hand. Of other types, invoice.payment_succeeded, charge.refund.updated and payment_intent.processing are projected too; the rest is recorded as ignored.';

revoke all on function payments.projected_event_types() from public, anon, authenticated;
grant execute on function payments.projected_event_types() to payments_service;
--! EndIncluded ledger/projected_event_types.sql
--! Included connection/private/replace_secrets.sql
/*
 * Replaces all stored secrets by re-encrypted copies, [{id, key_id, ciphertext}], and returns how many. Raises SP010
 * and replaces none if the list is not exactly what is stored.
 */
create or replace function payments_private.replace_secrets(secrets jsonb)
  returns integer
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the secrets
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count integer;
begin
  perform payments_private.check_caller();
  lock table payments_private.secrets in share row exclusive mode; -- so that no other transaction stores one
  update payments_private.secrets as s
  set key_id = r.key_id,
      ciphertext = r.ciphertext
  from jsonb_to_recordset(replace_secrets.secrets) as r (id uuid, key_id text, ciphertext text)
  where s.id = r.id;
  get diagnostics v_count = row_count;
  if v_count <> (select count(*) from payments_private.secrets)
    or v_count <> jsonb_array_length(replace_secrets.secrets)
  then
    raise exception 'The stored secrets changed in the meantime, so the encryption key was not replaced.'
      using errcode = 'SP010', hint = 'Replace the encryption key again.';
  end if;
  return v_count;
end;
$$;

revoke all on function payments_private.replace_secrets(jsonb) from public, anon, authenticated;
grant execute on function payments_private.replace_secrets(jsonb) to payments_service;
--! EndIncluded connection/private/replace_secrets.sql
--! Included connection/private/missing_endpoint.sql
/*
 * Returns [{problem: missing, message}] if none of the account's enabled endpoints can deliver here, else an empty
 * list. It is for an environment whose endpoint was made by hand; webhook_endpoint_drift says what counts.
 */
create or replace function payments_private.missing_endpoint(environment text, url text, endpoints jsonb)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_path text := '/api/webhooks/stripe/' || environment;
  v_enabled text[] := array(
    select e.endpoint ->> 'url'
    from jsonb_array_elements(endpoints) as e (endpoint)
    where e.endpoint ->> 'status' = 'enabled'
  );
begin
  if exists (
    select
    from unnest(v_enabled) as u (url)
    where case when missing_endpoint.url is null then rtrim(u.url, '/') like '%' || v_path else u.url = missing_endpoint.url end
  ) then
    return '[]';
  end if;
  if url is null and v_enabled <> '{}' and payments_private.events_arrive(environment) then
    return '[]';
  end if;
  return jsonb_build_array(jsonb_build_object('problem', 'missing', 'message', case
    when url is null then format(
      'No enabled webhook endpoint of the Stripe account delivers to an address that ends in %s.', v_path
    )
    else format('No enabled webhook endpoint of the Stripe account delivers to %s.', url)
  end));
end;
$$;

revoke all on function payments_private.missing_endpoint(text, text, jsonb) from public, anon, authenticated;
--! EndIncluded connection/private/missing_endpoint.sql
--! Included connection/webhook_endpoint_drift.sql
/*
 * Returns how the managed webhook endpoint differs from how it was set up, given the account's endpoints as Stripe
 * lists them:
 *   [{problem, message}]; problem is gone, disabled, missing_events, other_version, other_url, secret_unknown or duplicate.
 * Returns an empty list when nothing differs. A duplicate is another endpoint that delivers to the same URL,
 * which matters while deliveries are refused.
 *
 * If no endpoint is managed, one was made by hand. Its URL must then be the given one, or without a URL, it must end in
 * the path of the handlers. problem is missing if no enabled endpoint does. Behind a proxy that path may be another
 * one, so without a URL any enabled endpoint will do while events arrive.
 */
create or replace function payments.webhook_endpoint_drift(environment text, url text, api_version text, endpoints jsonb)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the secrets
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id text;
  v_endpoint jsonb;
  v_problems text[];
begin
  perform payments_private.check_environment(environment);
  select c.webhook_endpoint_id into v_id
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = webhook_endpoint_drift.environment;
  if v_id is null then
    return payments_private.missing_endpoint(webhook_endpoint_drift.environment, url, endpoints);
  end if;
  select e.endpoint into v_endpoint
  from jsonb_array_elements(endpoints) as e (endpoint)
  where e.endpoint ->> 'id' = v_id;
  v_problems := case when v_endpoint is null then array['gone']
    else payments_private.endpoint_problems(v_endpoint, url, api_version) end;
  if not exists (
    select
    from payments_private.secrets as s
    where s.environment = webhook_endpoint_drift.environment and s.kind = 'webhook_secret' and s.endpoint_id = v_id
  ) then
    v_problems := v_problems || 'secret_unknown'::text;
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('problem', p.problem, 'message', case p.problem
      when 'gone' then format('The webhook endpoint %s is no longer at Stripe.', v_id)
      when 'disabled' then format('The webhook endpoint %s is disabled at Stripe.', v_id)
      when 'missing_events' then format('The webhook endpoint %s does not receive %s.', v_id, (
        select string_agg(t.type, ', ')
        from unnest(payments.projected_event_types()) as t (type)
        where not v_endpoint -> 'enabled_events' ? t.type
      ))
      when 'other_version' then format('The webhook endpoint %s uses API version %s instead of %s.', v_id,
        coalesce(v_endpoint ->> 'api_version', 'of the account'), api_version)
      when 'other_url' then format(
        'The webhook endpoint %s delivers to %s instead of %s.',
        v_id, v_endpoint ->> 'url', url
      )
      else format('The signing secret of the webhook endpoint %s is not stored.', v_id)
    end) order by p.position), '[]')
    from unnest(v_problems) with ordinality as p (problem, position)
  ) || (
    select coalesce(jsonb_agg(jsonb_build_object('problem', 'duplicate', 'message', format(
      'The webhook endpoint %s also delivers to %s, and its signing secret is not used here.', d.id, url
    )) order by d.id), '[]')
    from payments_private.duplicate_endpoints(webhook_endpoint_drift.environment, url, endpoints) as d (id)
    where exists (
      select
      from payments_private.refused_since_last_event(webhook_endpoint_drift.environment) as r
      where r.reason = 'wrong'
    )
  );
end;
$$;

comment on function payments.webhook_endpoint_drift(text, text, text, jsonb) is
  'Returns how the managed webhook endpoint differs from how it was set up, given the endpoints that the account has: [{problem, message}]. If none is managed, whether the account has one that could be made by hand. begin_webhook_endpoint returns how to fix it. Errors: SP001.';

revoke all on function payments.webhook_endpoint_drift(text, text, text, jsonb) from public, anon, authenticated;
grant execute on function payments.webhook_endpoint_drift(text, text, text, jsonb) to payments_service;
--! EndIncluded connection/webhook_endpoint_drift.sql

--! Included connection/private/connection_list.sql
/*
 * Returns the connection of each environment that has one, with columns named as in the API's answers.
 */
create or replace view payments_private.connection_list
  with (security_invoker = true)
as
  select
    c.environment,
    c.status,
    c.provider_account_id as account_id,
    c.account_email,
    c.account_livemode,
    c.webhook_endpoint_id,
    c.webhook_endpoint_url,
    c.webhook_configured_at,
    c.last_synced_at,
    c.last_sync_status,
    c.last_sync_error,
    c.last_sync_counts,
    c.events_complete_from,
    c.events_complete_until
  from payments.provider_connections as c
  where c.provider = 'stripe';

comment on view payments_private.connection_list is 'Connections as the API shows them, without what depends on the key.';

revoke all on payments_private.connection_list from public, anon, authenticated;
grant select on payments_private.connection_list to payments_service;
--! EndIncluded connection/private/connection_list.sql
--! Included ledger/private/webhook_event_list.sql
/*
 * Returns the events of the ledger that the API lists, with columns named as in its answers.
 *
 * `id` and `received_at` are the sort key of the list. `payload` is for the answer about a single event.
 */
create or replace view payments_private.webhook_event_list
  with (security_invoker = true)
as
  select
    e.id,
    e.environment,
    e.provider_event_id as event_id,
    e.event_type,
    e.livemode,
    e.provider_account_id as account_id,
    e.object_type,
    e.object_id,
    e.processing_status,
    e.attempt_count,
    e.last_error,
    e.received_at,
    e.processed_at,
    e.created_at,
    e.updated_at,
    e.payload,
    e.provider_created_at,
    e.next_attempt_at,
    e.processing_status = 'failed' and e.next_attempt_at is null as is_dead_lettered
  from payments.webhook_events as e
  where e.provider = 'stripe';

comment on view payments_private.webhook_event_list is 'Events of the ledger as the API lists them.';

revoke all on payments_private.webhook_event_list from public, anon, authenticated;
grant select on payments_private.webhook_event_list to payments_service;
--! EndIncluded ledger/private/webhook_event_list.sql
--! Included payment/customer_totals.sql
/*
 * Returns what each customer paid: one row for each customer with transactions.
 *
 * Contract: a payment counts if it succeeded, also if it was refunded later. Refunds and lost disputes are subtracted.
 * `total_spend` and `currency` are null if the customer has no such payment, or has payments in several currencies.
 * Amounts of different currencies have no sum.
 *
 * The view runs with the rights of its reader: a `select` policy on payments.transactions decides which payments are
 * summed. To let app users read it, grant them select on the view and on the columns of payments.transactions that it
 * names.
 */
create or replace view payments.customer_totals
  with (security_invoker = true)
as
  select
    t.environment,
    t.provider,
    t.provider_customer_id,
    count(*) filter (where p.is_paid) as payments_count,
    case when count(distinct t.currency) filter (where p.is_paid) = 1
      then greatest(sum(t.amount - t.amount_refunded - t.amount_disputed) filter (where p.is_paid), 0)
    end as total_spend,
    case when count(distinct t.currency) filter (where p.is_paid) = 1
      then min(t.currency) filter (where p.is_paid)
    end as currency,
    max(t.paid_at) as last_payment_at
  from payments.transactions as t
  cross join lateral (
    select t.type <> 'refund' and t.status in ('succeeded', 'refunded', 'partially_refunded') as is_paid
  ) as p
  where t.provider_customer_id is not null
  group by t.environment, t.provider, t.provider_customer_id;

comment on view payments.customer_totals is
  'What each customer paid: the number of payments, their sum less refunds and lost disputes, and the last payment. One row per customer that has transactions.';
comment on column payments.customer_totals.environment is 'test or live.';
comment on column payments.customer_totals.provider is 'The payment provider: stripe.';
comment on column payments.customer_totals.provider_customer_id is 'Stripe''s id of the customer, cus_….';
comment on column payments.customer_totals.payments_count is 'Payments that succeeded, refunded ones included.';
comment on column payments.customer_totals.total_spend is
  'Sum of these payments less refunds and lost disputes, in the minor unit of currency; null without payments or with several currencies.';
comment on column payments.customer_totals.currency is 'Currency of the payments; null without payments or with several currencies.';
comment on column payments.customer_totals.last_payment_at is 'When the customer last paid.';

revoke all on payments.customer_totals from public, anon, authenticated;
grant select on payments.customer_totals to payments_service;
--! EndIncluded payment/customer_totals.sql
--! Included payment/private/customer_list.sql
/*
 * Returns the customers that the API lists, with columns named as in its answers.
 *
 * `id` and `provider_created_at` are the sort key of the list.
 *
 * The totals are a lateral subquery with `offset 0`, because Postgres then sums up for the customers of the page alone.
 * Without `offset 0` it would sum up all transactions of the environment for each page.
 */
create or replace view payments_private.customer_list
  with (security_invoker = true)
as
  select
    c.id,
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
    totals.currency as total_spend_currency,
    c.raw #>> '{invoice_settings,default_payment_method,card,brand}' as payment_method_brand,
    c.raw #>> '{invoice_settings,default_payment_method,card,last4}' as payment_method_last4,
    upper(substring(c.raw #>> '{address,country}' from '^[A-Za-z]{2}$')) as country_code
  from payments.customers as c
  left join lateral (
    select t.*
    from payments.customer_totals as t
    where t.provider_customer_id = c.provider_customer_id
      and t.environment = c.environment
      and t.provider = 'stripe'
    offset 0
  ) as totals on true
  where c.provider = 'stripe';

comment on view payments_private.customer_list is 'Customers with what they paid, as the API lists them.';

revoke all on payments_private.customer_list from public, anon, authenticated;
grant select on payments_private.customer_list to payments_service;
--! EndIncluded payment/private/customer_list.sql
--! Included payment/private/transaction_list.sql
/*
 * Returns the payments and refunds that the API lists, with columns named as in its answers.
 *
 * `id` and `provider_created_at` are the sort key of the list.
 */
create or replace view payments_private.transaction_list
  with (security_invoker = true)
as
  select
    t.id,
    t.environment,
    t.provider,
    t.type,
    t.status,
    t.subject_type,
    t.subject_id,
    t.provider_customer_id,
    t.customer_email_snapshot,
    t.provider_object_id as provider_reference_id,
    t.provider_object_type as provider_reference_type,
    t.amount,
    t.amount_refunded,
    t.currency,
    t.description,
    t.paid_at,
    t.failed_at,
    t.refunded_at,
    t.provider_created_at,
    t.created_at,
    t.updated_at,
    t.related_object_ids,
    t.amount_disputed,
    t.dispute_status,
    t.disputed_at,
    t.dispute_amount,
    t.receipt_url,
    t.card_brand,
    t.card_last4
  from payments.transactions as t
  where t.provider = 'stripe';

comment on view payments_private.transaction_list is 'Payments and refunds as the API lists them.';

revoke all on payments_private.transaction_list from public, anon, authenticated;
grant select on payments_private.transaction_list to payments_service;
--! EndIncluded payment/private/transaction_list.sql
--! Included projection/private/subscription_item_list.sql
/*
 * Returns the items of subscriptions, with columns named as in the API's answers.
 */
create or replace view payments_private.subscription_item_list
  with (security_invoker = true)
as
  select
    i.environment,
    i.subscription_item_id,
    i.subscription_id,
    i.product_id,
    i.price_id,
    i.quantity,
    i.metadata,
    i.created_at,
    i.updated_at,
    i.current_period_start,
    i.current_period_end
  from payments.stripe_subscription_items as i;

comment on view payments_private.subscription_item_list is 'Items of subscriptions as the API shows them.';

revoke all on payments_private.subscription_item_list from public, anon, authenticated;
grant select on payments_private.subscription_item_list to payments_service;
--! EndIncluded projection/private/subscription_item_list.sql
--! Included projection/private/subscription_list.sql
/*
 * Returns the subscriptions that the API lists, with columns named as in its answers.
 *
 * `id` and `updated_at` are the sort key of the list. `items` is a subquery in the select list, because Postgres then
 * computes it for the rows of the page alone.
 */
create or replace view payments_private.subscription_list
  with (security_invoker = true)
as
  select
    s.id,
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
    (
      select coalesce(jsonb_agg(to_jsonb(i) order by i.subscription_item_id), '[]')
      from payments_private.subscription_item_list as i
      where i.subscription_id = s.subscription_id and i.environment = s.environment
    ) as items,
    s.pause_collection_behavior,
    s.pause_collection_resumes_at,
    verdict.access,
    verdict.reason as access_reason,
    s.schedule_id,
    s.next_phase_at,
    s.next_phase_items,
    s.pending_update,
    s.pending_update_expires_at
  from payments.stripe_subscriptions as s
  cross join lateral payments_private.subscription_access(s) as verdict;

comment on view payments_private.subscription_list is 'Subscriptions with their items, as the API lists them.';

revoke all on payments_private.subscription_list from public, anon, authenticated;
grant select on payments_private.subscription_list to payments_service;
--! EndIncluded projection/private/subscription_list.sql
--! Included sync/private/sync_run_list.sql
/*
 * Returns the syncs that the API lists, with columns named as in its answers.
 *
 * `id` and `started_at` are the sort key of the list. `kinds` is jsonb, because the handlers' client does not parse
 * arrays.
 */
create or replace view payments_private.sync_run_list
  with (security_invoker = true)
as
  select
    r.id,
    r.environment,
    r.status,
    to_jsonb(r.kinds) as kinds,
    r.created_from,
    r.created_before,
    r.progress,
    r.drift,
    r.error,
    r.attempt,
    r.started_at,
    r.heartbeat_at,
    r.finished_at
  from payments.sync_runs as r;

comment on view payments_private.sync_run_list is 'Syncs as the API lists them.';

revoke all on payments_private.sync_run_list from public, anon, authenticated;
grant select on payments_private.sync_run_list to payments_service;
--! EndIncluded sync/private/sync_run_list.sql
--! Included sync/private/synced_subscriptions.sql
/*
 * Returns what each sync did to subscriptions, with columns named as in the API's answers. There is one row for each
 * run that has listed subscriptions or has begun to.
 *
 * `unmapped` counts all subscriptions of the environment without a billing subject, not those of the run alone.
 */
create or replace view payments_private.synced_subscriptions
  with (security_invoker = true)
as
  select
    r.id,
    r.environment,
    coalesce((r.progress -> 'subscriptions' ->> 'seen')::bigint, 0) as synced,
    (
      select count(*)
      from payments.stripe_subscriptions as s
      where s.environment = r.environment and s.subject_type is null
    ) as unmapped,
    coalesce((r.progress -> 'subscriptions' ->> 'deleted')::bigint, 0) as deleted
  from payments.sync_runs as r
  where r.progress ? 'subscriptions';

comment on view payments_private.synced_subscriptions is 'What each sync did to subscriptions, as the API shows it.';

revoke all on payments_private.synced_subscriptions from public, anon, authenticated;
grant select on payments_private.synced_subscriptions to payments_service;
--! EndIncluded sync/private/synced_subscriptions.sql
--! Included checkout/begin_guest_checkout_session.sql
/*
 * Begins a Checkout Session for an anonymous caller, and returns what payments.begin_checkout_session returns. Raises
 * SP030 if the environment has had per_minute such checkouts in this minute; 0 is no limit.
 *
 * Everyone may be a guest. Without a limit, one script fills the table and uses up the calls to Stripe that buyers
 * need.
 */
create or replace function payments.begin_guest_checkout_session(
  environment text,
  caller jsonb,
  mode text,
  line_items jsonb,
  success_url text,
  cancel_url text,
  per_minute integer,
  subject_type text default null,
  subject_id text default null,
  customer_email text default null,
  metadata jsonb default '{}',
  idempotency_key text default null,
  options jsonb default '{}'
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_environment(environment);
  if per_minute > 0 then
    perform payments_private.count_guest_checkout(environment, per_minute);
  end if;
  return payments.begin_checkout_session(
    environment, caller, mode, line_items, success_url, cancel_url, subject_type, subject_id, customer_email, metadata,
    idempotency_key, options
  );
end;
$$;

comment on function payments.begin_guest_checkout_session(text, jsonb, text, jsonb, text, text, integer, text, text, text, jsonb, text, jsonb) is
  'Begins a Checkout Session of an anonymous caller, at most per_minute of them for each environment; 0 is no limit. Returns what begin_checkout_session returns. Errors: those of begin_checkout_session, SP030 too many.';

revoke all on function payments.begin_guest_checkout_session(text, jsonb, text, jsonb, text, text, integer, text, text, text, jsonb, text, jsonb)
  from public, anon, authenticated;
grant execute on function payments.begin_guest_checkout_session(text, jsonb, text, jsonb, text, text, integer, text, text, text, jsonb, text, jsonb)
  to payments_service;
--! EndIncluded checkout/begin_guest_checkout_session.sql
--! Included checkout/private/count_guest_checkout.sql
/*
 * Counts a guest's checkout of an environment, and raises SP030 if this minute has had per_minute of them already. The
 * error's detail is the number of seconds until the next minute.
 *
 * A checkout that raises is not counted, because its count is rolled back; it wrote no row and does not reach Stripe. A
 * retry counts, because it may reach Stripe.
 */
create or replace function payments_private.count_guest_checkout(environment text, per_minute integer)
  returns void
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to rate_counters
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_minute timestamptz := date_trunc('minute', clock_timestamp());
  v_count integer;
begin
  perform payments_private.check_caller();
  insert into payments_private.rate_counters as c (name, counted_from, count)
  values ('guest checkouts of ' || count_guest_checkout.environment, v_minute, 1)
  on conflict on constraint rate_counters_pkey do update
  set counted_from = greatest(c.counted_from, excluded.counted_from),
      count = case when c.counted_from < excluded.counted_from then 1 else c.count + 1 end
  returning c.count into v_count;
  if v_count > per_minute then
    raise exception 'There are too many guest checkouts just now.'
      using errcode = 'SP030',
            detail = ceil(extract(epoch from v_minute + interval '1 minute' - clock_timestamp()))::text,
            hint = 'Try again in a minute, or sign in.';
  end if;
end;
$$;

revoke all on function payments_private.count_guest_checkout(text, integer) from public, anon, authenticated;
grant execute on function payments_private.count_guest_checkout(text, integer) to payments_service;
--! EndIncluded checkout/private/count_guest_checkout.sql
--! Included checkout/private/tg_sessions__request.sql
/*
 * Trigger function: checks the options, and sets request_hash of a checkout that is begun here from the columns of its
 * row, whatever the insert says. App users may insert rows themselves. With a hash of their choice, a row could pass
 * for a request that begin_checkout_session has checked, or take the key of another guest.
 */
create or replace function payments_private.tg_sessions__request()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the app user to payments_private.checkout_request_hash
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform payments_private.check_checkout_options(new.mode, new.options);
  perform payments_private.check_checkout_combination(
    new.mode, new.line_items, new.success_url, new.cancel_url, new.options
  );
  new.request_hash := case
    when jsonb_typeof(new.line_items) = 'array' -- else a constraint refuses the row
      then payments_private.checkout_request_hash(
        new.mode, new.line_items, new.success_url, new.cancel_url, new.subject_type, new.subject_id,
        new.customer_email, new.metadata, new.options
      )
  end;
  return new;
end;
$$;

revoke all on function payments_private.tg_sessions__request() from public, anon, authenticated;
--! EndIncluded checkout/private/tg_sessions__request.sql
--! Included checkout/prune_checkout_sessions.sql
/*
 * Deletes checkout sessions that were never paid and that have not changed for older_than, at most max at a time.
 * Returns how many were deleted; call it again until it returns 0. Without an environment it takes both.
 *
 * Such a session is initialized, failed or expired, and has neither a subscription nor settled money. A row that a
 * foreign key of the app keeps stays. So does an expired session whose recovery link still works: what is paid there
 * gets its items from this row.
 */
create or replace function payments.prune_checkout_sessions(
  older_than interval,
  max integer default 10000,
  environment text default null
)
  returns integer
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the sessions, which it may not delete
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids uuid[];
  v_count integer := 0;
begin
  -- guard
  perform payments_private.check_caller();
  if prune_checkout_sessions.older_than is null or prune_checkout_sessions.older_than < interval '1 day' then
    raise exception 'older_than must be at least one day.'
      using errcode = 'SP001', hint = 'Keep sessions for as long as a buyer may repeat the request, such as 30 days.';
  end if;

  -- choose the rows
  v_ids := array(
    select t.id
    from payments.stripe_checkout_sessions as t
    where t.status in ('initialized', 'failed', 'expired')
      and coalesce(t.payment_status, 'unpaid') = 'unpaid'
      and t.subscription_id is null
      and t.updated_at < now() - prune_checkout_sessions.older_than
      and coalesce(payments_private.instant_of(t.raw #> '{after_expiration,recovery,expires_at}'), '-infinity') <= now()
      and (prune_checkout_sessions.environment is null or t.environment = prune_checkout_sessions.environment)
    order by t.updated_at
    limit prune_checkout_sessions.max
    for update skip locked
  );

  -- delete them together
  begin
    delete from payments.stripe_checkout_sessions as t where t.id = any (v_ids);
    get diagnostics v_count = row_count;
    return v_count;
  exception when foreign_key_violation or restrict_violation then
    v_count := 0;
  end;

  -- delete them one by one, without those that are kept
  for i in 1 .. cardinality(v_ids) loop
    begin
      delete from payments.stripe_checkout_sessions as t where t.id = v_ids[i];
      v_count := v_count + 1;
    exception when foreign_key_violation or restrict_violation then
      null;
    end;
  end loop;
  return v_count;
end;
$$;

comment on function payments.prune_checkout_sessions(interval, integer, text) is
  'Deletes checkout sessions that nobody paid (initialized, failed or expired) and that have not changed for the given interval, at most max at a time. Returns how many were deleted. Errors: SP001.';

revoke all on function payments.prune_checkout_sessions(interval, integer, text) from public, anon, authenticated;
grant execute on function payments.prune_checkout_sessions(interval, integer, text) to payments_service;
--! EndIncluded checkout/prune_checkout_sessions.sql

--! Included projection/_300_unowned.sql
/*
 * Triggers that remember whose rows belong to no billing subject; see payments_private.tg__unowned.
 */
create or replace trigger _300_unowned after insert or update of subject_type, provider_customer_id, related_object_ids on payments.transactions
  for each row when (new.subject_type is null and coalesce(new.provider_customer_id, new.related_object_ids ->> 'subscription') is not null)
  execute function payments_private.tg__unowned();
create or replace trigger _300_unowned after insert or update of subject_type, customer_id on payments.stripe_subscriptions
  for each row when (new.subject_type is null and new.customer_id is not null)
  execute function payments_private.tg__unowned();
create or replace trigger _300_unowned after insert or update of subject_type, customer_id, subscription_id on payments.stripe_invoices
  for each row when (new.subject_type is null and coalesce(new.customer_id, new.subscription_id) is not null)
  execute function payments_private.tg__unowned();
create or replace trigger _300_unowned after insert or update of subject_type, customer_id on payments.stripe_credit_notes
  for each row when (new.subject_type is null and new.customer_id is not null)
  execute function payments_private.tg__unowned();
--! EndIncluded projection/_300_unowned.sql
--! Included checkout/_330_prices.sql
/*
 * Trigger that refuses prices that do not fit the mode. Like _310_offers, it fires after the policies have let the row
 * in, and not for a repeated request, which inserts nothing.
 */
create or replace trigger _330_prices after insert on payments.stripe_checkout_sessions
  for each row
  when (new.checkout_session_id is null and new.mode in ('payment', 'subscription'))
  execute function payments_private.tg_sessions__prices();
--! EndIncluded checkout/_330_prices.sql
--! Included checkout/_250_check.sql
/*
 * Triggers that check the rows that app users insert themselves as the handlers check a request. They fire after the
 * policies have let the row in, and not for a repeated request, which inserts nothing. The condition names the role
 * that inserts, which the trigger functions, as definers, cannot see.
 */
create or replace trigger _250_check after insert on payments.stripe_checkout_sessions
  for each row
  when (new.checkout_session_id is null and not pg_has_role(current_user, 'payments_service', 'USAGE'))
  execute function payments_private.tg_sessions__check();
create or replace trigger _250_check after insert on payments.stripe_customer_portal_sessions
  for each row
  when (not pg_has_role(current_user, 'payments_service', 'USAGE'))
  execute function payments_private.tg_portal_sessions__check();
--! EndIncluded checkout/_250_check.sql
--! Included checkout/_320_times.sql
/*
 * Trigger that refuses an instant that Stripe would refuse now. Like _310_offers, it fires after the policies have let
 * the row in, and not for a repeated request, which inserts nothing.
 */
create or replace trigger _320_times after insert on payments.stripe_checkout_sessions
  for each row
  when (
    new.checkout_session_id is null
    and new.options ?| '{expires_at,trial_end,billing_cycle_anchor,trial_period_days}'
  )
  execute function payments_private.tg_sessions__times();
--! EndIncluded checkout/_320_times.sql
--! Included checkout/_110_lookup_keys.sql
/*
 * Trigger that finds the prices of items that name a lookup key.
 */
create or replace trigger _110_lookup_keys before insert on payments.stripe_checkout_sessions
  for each row when (new.checkout_session_id is null and jsonb_path_exists(new.line_items, '$[*].lookupKey'))
  execute function payments_private.tg_sessions__lookup_keys();
--! EndIncluded checkout/_110_lookup_keys.sql
--! Included checkout/_140_forced_options.sql
/*
 * Trigger that writes the options that offers force on a checkout of an app user. The condition names the role that
 * inserts, which the trigger function, as a definer, cannot see.
 */
create or replace trigger _140_forced_options before insert on payments.stripe_checkout_sessions
  for each row
  when (new.checkout_session_id is null and not pg_has_role(current_user, 'payments_service', 'USAGE'))
  execute function payments_private.tg_sessions__forced_options();
--! EndIncluded checkout/_140_forced_options.sql
--! Included checkout/_150_offer.sql
/*
 * Trigger that checks the options that an offer forces.
 */
create or replace trigger _150_offer before insert or update on payments.offers
  for each row execute function payments_private.tg_offers__forced_options();
--! EndIncluded checkout/_150_offer.sql
--! Included checkout/_300_one_plan.sql
/*
 * Trigger that refuses unknown lookup keys and a second plan. It fires after the policies have let the row in: whom
 * they refuse must not learn what plan a subject has.
 */
create or replace trigger _300_one_plan after insert on payments.stripe_checkout_sessions
  for each row when (new.checkout_session_id is null)
  execute function payments_private.tg_sessions__one_plan();
--! EndIncluded checkout/_300_one_plan.sql
--! Included checkout/_310_offers.sql
/*
 * Trigger that refuses what no offer allows an app user. Like _300_one_plan, it fires after the policies have let the
 * row in, and not for a retry, which inserts nothing.
 */
create or replace trigger _310_offers after insert on payments.stripe_checkout_sessions
  for each row
  when (new.checkout_session_id is null and not pg_has_role(current_user, 'payments_service', 'USAGE'))
  execute function payments_private.tg_sessions__offers();
--! EndIncluded checkout/_310_offers.sql
--! Included checkout/_150_options.sql
/*
 * Trigger that checks the options of a portal session.
 */
create or replace trigger _150_options before insert on payments.stripe_customer_portal_sessions
  for each row execute function payments_private.tg_portal_sessions__options();
--! EndIncluded checkout/_150_options.sql
--! Included projection/_300_revived.sql
/*
 * Trigger that gives a billing subject its customer back when a customer that was deleted is alive again: a sync had
 * marked it as gone.
 */
create or replace trigger _300_revived after update of deleted on payments.customers
  for each row when (old.deleted and not new.deleted)
  execute function payments_private.tg_customers__revived();
--! EndIncluded projection/_300_revived.sql
--! Included base/_100_timestamps.sql
/*
 * Triggers that set updated_at at every change of a row and keep created_at, on each table that has them.
 */
create or replace trigger _100_timestamps before update on payments.provider_connections
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.stripe_products
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.stripe_prices
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.customers
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.customer_mappings
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.stripe_checkout_sessions
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.stripe_customer_portal_sessions
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.stripe_subscriptions
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.stripe_subscription_items
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.transactions
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.stripe_invoices
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.stripe_credit_notes
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.webhook_events
  for each row execute function payments_private.tg__timestamps();
create or replace trigger _100_timestamps before update on payments.offers
  for each row execute function payments_private.tg__timestamps();
--! EndIncluded base/_100_timestamps.sql
--! Included checkout/_100_id.sql
/*
 * Trigger that passes the id of a checkout that is begun here to the function that begins it.
 */
create or replace trigger _100_id after insert on payments.stripe_checkout_sessions
  for each row when (new.checkout_session_id is null) execute function payments_private.tg_sessions__id();
--! EndIncluded checkout/_100_id.sql
--! Included checkout/_200_customer.sql
/*
 * Triggers that give a new session the Stripe customer of its billing subject. A session that Stripe reported has
 * Stripe's.
 */
create or replace trigger _200_customer before insert on payments.stripe_checkout_sessions
  for each row when (new.checkout_session_id is null) execute function payments_private.tg_sessions__customer();
create or replace trigger _200_customer before insert on payments.stripe_customer_portal_sessions
  for each row execute function payments_private.tg_sessions__customer();
--! EndIncluded checkout/_200_customer.sql
--! Included checkout/_150_request.sql
/*
 * Trigger that computes the request_hash of a checkout that is begun here.
 */
create or replace trigger _150_request before insert on payments.stripe_checkout_sessions
  for each row when (new.checkout_session_id is null) execute function payments_private.tg_sessions__request();
--! EndIncluded checkout/_150_request.sql
--! Included access/row_level_security.sql
/*
 * Row level security is on for every table: without a policy, only the owner of the table reads or writes its rows.
 */
alter table payments.provider_connections enable row level security;
alter table payments.stripe_products enable row level security;
alter table payments.stripe_prices enable row level security;
alter table payments.customers enable row level security;
alter table payments.customer_mappings enable row level security;
alter table payments.stripe_checkout_sessions enable row level security;
alter table payments.offers enable row level security;
alter table payments.stripe_customer_portal_sessions enable row level security;
alter table payments.stripe_subscriptions enable row level security;
alter table payments.stripe_subscription_items enable row level security;
alter table payments.stripe_invoices enable row level security;
alter table payments.stripe_credit_notes enable row level security;
alter table payments.transactions enable row level security;
alter table payments.webhook_events enable row level security;
alter table payments.sync_runs enable row level security;
alter table payments_private.charge_details enable row level security;
alter table payments_private.catalog_changes enable row level security;
alter table payments_private.customer_owners enable row level security;
alter table payments_private.erased_objects enable row level security;
alter table payments_private.payment_objects enable row level security;
alter table payments_private.rate_counters enable row level security;
alter table payments_private.refused_signatures enable row level security;
alter table payments_private.secrets enable row level security;
alter table payments_private.subject_assignments enable row level security;
alter table payments_private.subscription_schedules enable row level security;
alter table payments_private.unowned_objects enable row level security;
--! EndIncluded access/row_level_security.sql
--! Included access/policies/service.sql
/*
 * The handlers' role reads every table of the contract and begins checkouts of a backend, and updates sessions.
 * Everything else it does through functions.
 */
drop policy if exists service_select on payments.provider_connections;
create policy service_select on payments.provider_connections for select to payments_service using (true);
drop policy if exists service_select on payments.stripe_products;
create policy service_select on payments.stripe_products for select to payments_service using (true);
drop policy if exists service_select on payments.stripe_prices;
create policy service_select on payments.stripe_prices for select to payments_service using (true);
drop policy if exists service_select on payments.customers;
create policy service_select on payments.customers for select to payments_service using (true);
drop policy if exists service_select on payments.customer_mappings;
create policy service_select on payments.customer_mappings for select to payments_service using (true);
drop policy if exists service_select on payments.stripe_subscriptions;
create policy service_select on payments.stripe_subscriptions for select to payments_service using (true);
drop policy if exists service_select on payments.stripe_subscription_items;
create policy service_select on payments.stripe_subscription_items for select to payments_service using (true);
drop policy if exists service_select on payments.stripe_invoices;
create policy service_select on payments.stripe_invoices for select to payments_service using (true);
drop policy if exists service_select on payments.stripe_credit_notes;
create policy service_select on payments.stripe_credit_notes for select to payments_service using (true);
drop policy if exists service_select on payments.transactions;
create policy service_select on payments.transactions for select to payments_service using (true);
drop policy if exists service_select on payments.webhook_events;
create policy service_select on payments.webhook_events for select to payments_service using (true);
drop policy if exists service_select on payments.sync_runs;
create policy service_select on payments.sync_runs for select to payments_service using (true);
drop policy if exists service_select on payments.offers;
create policy service_select on payments.offers for select to payments_service using (true);
drop policy if exists service_select on payments.stripe_checkout_sessions;
create policy service_select on payments.stripe_checkout_sessions for select to payments_service using (true);
drop policy if exists service_insert on payments.stripe_checkout_sessions;
create policy service_insert on payments.stripe_checkout_sessions for insert to payments_service with check (true);
drop policy if exists service_update on payments.stripe_checkout_sessions;
create policy service_update on payments.stripe_checkout_sessions for update to payments_service using (true);
drop policy if exists service_select on payments.stripe_customer_portal_sessions;
create policy service_select on payments.stripe_customer_portal_sessions for select to payments_service using (true);
drop policy if exists service_update on payments.stripe_customer_portal_sessions;
create policy service_update on payments.stripe_customer_portal_sessions for update to payments_service using (true);
drop policy if exists service_select on payments_private.secrets;
create policy service_select on payments_private.secrets for select to payments_service using (true);
drop policy if exists service_select on payments_private.refused_signatures;
create policy service_select on payments_private.refused_signatures for select to payments_service using (true);
--! EndIncluded access/policies/service.sql
--! Included access/policies/own.sql
/*
 * First default: a signed-in user may bill, and manage, the subject {type: 'user', id: <own id>}.
 *
 * Apps that do not sell to single users drop these policies. Policies for teams and organisations are added beside
 * them; see sql/templates.
 */
drop policy if exists insert_own on payments.stripe_checkout_sessions;
create policy insert_own on payments.stripe_checkout_sessions for insert to authenticated
  with check (subject_type = 'user' and subject_id = (select payments.caller_id()));
drop policy if exists select_own on payments.stripe_checkout_sessions;
create policy select_own on payments.stripe_checkout_sessions for select to authenticated
  using (subject_type = 'user' and subject_id = (select payments.caller_id()));
drop policy if exists insert_own on payments.stripe_customer_portal_sessions;
create policy insert_own on payments.stripe_customer_portal_sessions for insert to authenticated
  with check (subject_type = 'user' and subject_id = (select payments.caller_id()));
drop policy if exists select_own on payments.stripe_customer_portal_sessions;
create policy select_own on payments.stripe_customer_portal_sessions for select to authenticated
  using (subject_type = 'user' and subject_id = (select payments.caller_id()));
--! EndIncluded access/policies/own.sql
--! Included access/policies/guest.sql
/*
 * Second default: anyone may start a one-time payment without a subject. A signed-in caller sees its own sessions. An
 * anonymous caller sees only the row whose idempotency key it sent, which begin_checkout_session sets while it reads
 * the row. A row without a caller is also seen by the one who knows its id, which find_checkout_session sets. After
 * the payment the guest may have signed in, or have another browser.
 */
drop policy if exists insert_guest on payments.stripe_checkout_sessions;
create policy insert_guest on payments.stripe_checkout_sessions for insert to anon, authenticated
  with check (mode = 'payment' and subject_type is null and subject_id is null);
drop policy if exists select_guest on payments.stripe_checkout_sessions;
create policy select_guest on payments.stripe_checkout_sessions for select to anon, authenticated
  using (
    subject_type is null
    and case
      when caller_id is not null then caller_id = (select payments.caller_id())
      when nullif((select current_setting('payments.wanted_session_id', true)), '') in (id::text, checkout_session_id)
        then true
      else (select payments.caller_id()) is null
        and idempotency_key = nullif((select current_setting('payments.idempotency_key', true)), '')
    end
  );
--! EndIncluded access/policies/guest.sql
--! Included access/grants.sql
/*
 * What each role may do with schemas and tables. App users may insert the columns of a request into the two session
 * tables, and read the rows that the policies show them. They may not write the state of a session. Nor may they choose
 * the id of a checkout: Stripe receives it as client_reference_id and returns it.
 *
 * Rights to write and everything in payments_private are revoked first, because default privileges or a script that
 * exposes a schema may have given them. An app may let its users read: such grants and their policies stay.
 */
revoke insert, update, delete, truncate, references, trigger on
  payments.provider_connections, payments.stripe_products, payments.stripe_prices, payments.customers,
  payments.customer_mappings, payments.stripe_checkout_sessions, payments.stripe_customer_portal_sessions, payments.offers,
  payments.stripe_subscriptions, payments.stripe_subscription_items, payments.transactions,
  payments.stripe_invoices, payments.stripe_credit_notes, payments.webhook_events,
  payments.sync_runs
  from public, anon, authenticated;
revoke all on all tables in schema payments_private from public, anon, authenticated;
revoke all on schema payments_private from public, anon, authenticated;
revoke create on schema payments from public, anon, authenticated;

grant usage on schema payments to anon, authenticated, payments_service;
grant usage on schema payments_private to payments_service;

grant insert (
  environment, mode, subject_type, subject_id, customer_email, line_items, success_url, cancel_url, idempotency_key,
  metadata, options, request_hash
) on payments.stripe_checkout_sessions to anon, authenticated;
grant select on payments.stripe_checkout_sessions to anon, authenticated;
grant insert (id, environment, subject_type, subject_id, return_url, configuration_id, options)
  on payments.stripe_customer_portal_sessions to anon, authenticated;
grant select on payments.stripe_customer_portal_sessions to anon, authenticated;

grant select on
  payments.provider_connections, payments.stripe_products, payments.stripe_prices, payments.customers,
  payments.customer_mappings, payments.stripe_checkout_sessions, payments.stripe_customer_portal_sessions, payments.offers,
  payments.stripe_subscriptions, payments.stripe_subscription_items, payments.transactions,
  payments.stripe_invoices, payments.stripe_credit_notes, payments.webhook_events,
  payments.sync_runs
  to payments_service;
grant insert (
  environment, mode, subject_type, subject_id, customer_email, line_items, success_url, cancel_url, idempotency_key,
  metadata, options, request_hash
) on payments.stripe_checkout_sessions to payments_service;
grant update on payments.stripe_checkout_sessions, payments.stripe_customer_portal_sessions to payments_service;
grant select on payments_private.secrets, payments_private.refused_signatures to payments_service;

-- the server of a Supabase project, where there is one, reads what Stripe's objects were projected to, and nothing else
do $$
declare
  v_function regprocedure;
  v_table text;
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
    return;
  end if;
  for v_function in
    select p.oid
    from pg_catalog.pg_proc as p
    where p.pronamespace in ('payments'::regnamespace, 'payments_private'::regnamespace)
      and p.proconfig = array['search_path=pg_catalog, pg_temp']
  loop
    execute format('revoke all on function %s from service_role', v_function);
  end loop;
  revoke all on all tables in schema payments_private from service_role;
  revoke all on schema payments_private from service_role;
  revoke create on schema payments from service_role;
  revoke insert, update, delete, truncate, references, trigger on
    payments.provider_connections, payments.stripe_products, payments.stripe_prices, payments.customers,
    payments.customer_mappings, payments.stripe_checkout_sessions, payments.stripe_customer_portal_sessions, payments.offers,
    payments.stripe_subscriptions, payments.stripe_subscription_items, payments.transactions,
    payments.stripe_invoices, payments.stripe_credit_notes, payments.webhook_events,
    payments.sync_runs
    from service_role;
  grant usage on schema payments to service_role;
  grant select on payments.customer_totals to service_role;
  foreach v_table in array array[
    'stripe_products', 'stripe_prices', 'customers', 'customer_mappings', 'stripe_checkout_sessions',
    'stripe_subscriptions', 'stripe_subscription_items', 'transactions', 'stripe_invoices', 'stripe_credit_notes', 'offers'
  ] loop
    execute format('grant select on payments.%I to service_role', v_table);
    execute format('drop policy if exists select_service_role on payments.%I', v_table);
    execute format('create policy select_service_role on payments.%I for select to service_role using (true)', v_table);
  end loop;
end
$$;

-- policies that a trigger of the project, for example InsForge's, has made for the private tables
do $$
declare
  v_policy record;
begin
  for v_policy in
    select p.polname, p.polrelid::regclass as table_name
    from pg_catalog.pg_policy as p
    join pg_catalog.pg_class as c on c.oid = p.polrelid
    where c.relnamespace = 'payments_private'::regnamespace
      and (p.polname <> 'service_select' or c.relname not in ('refused_signatures', 'secrets'))
  loop
    execute format('drop policy %I on %s', v_policy.polname, v_policy.table_name);
  end loop;
end
$$;
--! EndIncluded access/grants.sql
