--! Previous: sha1:a9491349961d36349aaa6f9af3c5a2be7536a1ce
--! Hash: sha1:3a75047ed14763277761d1fe238ac7115583d3f3
--! Message: functions

--! split: 0100-functions.sql
-- small pieces
--! Included base/private/id_of.sql
/*
 * The id in a Stripe field that holds either an id or, when expanded, the whole object.
 */
create or replace function payments_private.id_of(field jsonb)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case jsonb_typeof(id_of.field) when 'object' then id_of.field ->> 'id' when 'string' then id_of.field #>> '{}' end;
end;
$$;

revoke all on function payments_private.id_of(jsonb) from public;
grant execute on function payments_private.id_of(jsonb) to payments_service;
--! EndIncluded base/private/id_of.sql
--! Included base/private/instant_of.sql
/*
 * A Stripe timestamp (whole seconds since 1970) as timestamptz; null stays null.
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

revoke all on function payments_private.instant_of(jsonb) from public;
grant execute on function payments_private.instant_of(jsonb) to payments_service;
--! EndIncluded base/private/instant_of.sql
--! Included ownership/private/subject_of.sql
/*
 * The billing subject that a Stripe object's metadata names, or nulls. begin_checkout_session writes payments_subject_*;
 * insforge_subject_* is read so that existing data keeps its owner. What is too long for a subject names none.
 */
create or replace function payments_private.subject_of(metadata jsonb)
  returns payments.billing_subject
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when length(subject_of.metadata ->> 'payments_subject_type') between 1 and 100
      and length(subject_of.metadata ->> 'payments_subject_id') between 1 and 255
    then row (subject_of.metadata ->> 'payments_subject_type', subject_of.metadata ->> 'payments_subject_id')::payments.billing_subject
    when length(subject_of.metadata ->> 'insforge_subject_type') between 1 and 100
      and length(subject_of.metadata ->> 'insforge_subject_id') between 1 and 255
    then row (subject_of.metadata ->> 'insforge_subject_type', subject_of.metadata ->> 'insforge_subject_id')::payments.billing_subject
    else row (null, null)::payments.billing_subject
  end;
end;
$$;

revoke all on function payments_private.subject_of(jsonb) from public;
grant execute on function payments_private.subject_of(jsonb) to payments_service;
--! EndIncluded ownership/private/subject_of.sql
--! Included base/private/uuid_of_object.sql
/*
 * The id of the row of a Stripe object that may be taken away and brought back: made from Stripe's, so that it is the same one.
 */
create or replace function payments_private.uuid_of_object(environment text, object_id text)
  returns uuid
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return left(encode(sha256(convert_to(uuid_of_object.environment || ' ' || uuid_of_object.object_id, 'UTF8')), 'hex'), 32)::uuid;
end;
$$;

revoke all on function payments_private.uuid_of_object(text, text) from public;
--! EndIncluded base/private/uuid_of_object.sql
--! Included projection/private/snapshot_version.sql
/*
 * The version of a snapshot of a Stripe object, comparable with any other version of the same object: greater is newer.
 *   bit 50     the object is in a state that Stripe never leaves (deleted, canceled, paid …): it comes last
 *   bits 3–49  the second at which the snapshot was true: event.created, or when Stripe answered
 *   bits 0–2   order within that second: 0 part of another object's event, 1 created, 2 updated, 3–4 later by meaning, 5 deleted, 6 an answer of the API
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

revoke all on function payments_private.snapshot_version(timestamptz, text, boolean, integer) from public;
grant execute on function payments_private.snapshot_version(timestamptz, text, boolean, integer) to payments_service;
--! EndIncluded projection/private/snapshot_version.sql
--! Included base/private/check_environment.sql
/*
 * Refuses any environment but test and live with one sentence, before a check constraint does with a worse one.
 */
create or replace function payments_private.check_environment(environment text)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if check_environment.environment is null or check_environment.environment not in ('test', 'live') then
    raise exception 'environment must be test or live.'
      using errcode = 'SP001', hint = 'Use test or live.';
  end if;
end;
$$;

revoke all on function payments_private.check_environment(text) from public;
grant execute on function payments_private.check_environment(text) to payments_service;
--! EndIncluded base/private/check_environment.sql
--! Included connection/private/check_account.sql
/*
 * Refuses a key of another Stripe account than the one whose rows an environment holds, and a key that does not say whose it
 * is: rows and events of one account are never mixed with those of another. Before anything is known, any account may be.
 */
create or replace function payments_private.check_account(environment text, account_id text)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known_account text;
begin
  select c.provider_account_id into v_known_account
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = check_account.environment;
  if v_known_account is null or v_known_account = account_id then
    return;
  end if;
  if account_id is null then
    raise exception 'The Stripe key for % may not read which account it belongs to, and the rows here belong to %.',
      environment, v_known_account
      using errcode = 'SP008', hint = 'Give the key the permission Account (read, rak_accounts_kyc_basic_read).';
  end if;
  raise exception 'The Stripe key for % belongs to %, and the rows here to %.', environment, account_id, v_known_account
    using errcode = 'SP008', hint = 'Use a key of the same account, or set the new one with replaceAccount.';
end;
$$;

revoke all on function payments_private.check_account(text, text) from public;
--! EndIncluded connection/private/check_account.sql
--! Included ledger/private/is_projected_event.sql
/*
 * Whether events of this type are projected: those that our own endpoint subscribes to, and what an endpoint made by hand
 * may send in their place or as well. Every other type is kept in the ledger as ignored.
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

revoke all on function payments_private.is_projected_event(text) from public;
--! EndIncluded ledger/private/is_projected_event.sql
--! Included ledger/private/retry_delay.sql
/*
 * How long to wait before a failed event is tried again: 30 seconds, doubling up to 6 hours, times 0.5 to 1.5 at random so
 * that events that failed together do not come back together. Null after 12 attempts: then only a person retries it.
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

revoke all on function payments_private.retry_delay(integer) from public;
--! EndIncluded ledger/private/retry_delay.sql
--! Included projection/private/overlay.sql
/*
 * A Stripe object with former values laid over it: what it was before an update, given data.previous_attributes.
 * Hashes are merged key by key, everything else is replaced. https://docs.stripe.com/api/events/object
 */
create or replace function payments_private.overlay(object jsonb, former jsonb)
  returns jsonb
  language plpgsql -- it calls itself
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return overlay.object || coalesce(
    (
      select jsonb_object_agg(
        f.key,
        case
          when jsonb_typeof(f.value) = 'object' and jsonb_typeof(overlay.object -> f.key) = 'object'
            then payments_private.overlay(overlay.object -> f.key, f.value)
          else f.value
        end
      )
      from jsonb_each(overlay.former) as f (key, value)
    ),
    '{}'
  );
end;
$$;

revoke all on function payments_private.overlay(jsonb, jsonb) from public;
--! EndIncluded projection/private/overlay.sql
--! Included projection/private/follows.sql
/*
 * Whether the former values of one event match the object of another: the sign that it came after it.
 */
create or replace function payments_private.follows(later jsonb, earlier jsonb)
  returns boolean
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_typeof(follows.later -> 'data' -> 'previous_attributes') = 'object'
    and jsonb_strip_nulls(
      payments_private.overlay(
        follows.earlier -> 'data' -> 'object', follows.later -> 'data' -> 'previous_attributes'
      )
    ) = jsonb_strip_nulls(follows.earlier -> 'data' -> 'object');
end;
$$;

revoke all on function payments_private.follows(jsonb, jsonb) from public;
--! EndIncluded projection/private/follows.sql
--! Included base/private/ids_of.sql
/*
 * Every id that some Stripe objects or events are about: their own, those of the payment objects they name, their
 * customers, the billing subjects that they name. What two events have in common here must not be processed at the same
 * moment. A field that may be expanded holds an id or the whole object.
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
      v_object -> 'payment' ->> 'payment_intent',
      v_object -> 'payment' ->> 'charge',
      v_object -> 'payment_details' ->> 'order_reference',
      case when v_object ->> 'object' = 'invoice' then left(v_object ->> 'id', 25) end, -- as an order reference may name it
      v_object -> 'charges' -> 'data' -> 0 ->> 'id',
      v_object ->> 'client_reference_id',
      'subject ' || (v_object -> 'metadata' ->> 'payments_subject_type') || ' ' || (v_object -> 'metadata' ->> 'payments_subject_id'),
      'subject ' || (v_object -> 'metadata' ->> 'insforge_subject_type') || ' ' || (v_object -> 'metadata' ->> 'insforge_subject_id')
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

revoke all on function payments_private.ids_of(jsonb[]) from public;
--! EndIncluded base/private/ids_of.sql
--! Included ledger/private/waves_of.sql
/*
 * Divides Stripe objects or events into waves that are projected in one go: the same event, the same object, two sessions
 * of one checkout, or an invoice and what names the beginning of its id come in different ones, in the order of the list.
 */
create or replace function payments_private.waves_of(objects jsonb[])
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
  v_waves integer[] := '{}';
  v_wave integer;
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

    v_wave := 1;
    if v_ids && v_seen then
      for i in 1 .. cardinality(v_seen) loop
        if v_seen[i] = any (v_ids) then
          v_wave := greatest(v_wave, v_seen_in[i] + 1);
        end if;
      end loop;
    end if;
    v_waves := v_waves || v_wave;
    v_seen := v_seen || v_ids;
    v_seen_in := v_seen_in || array_fill(v_wave, array[cardinality(v_ids)]);
  end loop;
  return v_waves;
end;
$$;

revoke all on function payments_private.waves_of(jsonb[]) from public;
--! EndIncluded ledger/private/waves_of.sql
--! Included base/private/lock_ids.sql
/*
 * Locks the given ids of an environment for the rest of the transaction, and every subject that claims a customer among
 * them: 64-bit hashes, taken in order, so that two transactions never wait for each other. Works behind a
 * transaction-mode pooler. https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
 */
create or replace function payments_private.lock_ids(environment text, ids text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan -- one that does not depend on how many ids came
  set enable_seqscan = off
as $$
begin
  perform pg_advisory_xact_lock(k.key)
  from (
    select distinct hashtextextended(lock_ids.environment || ' ' || i.id, 0) as key
    from unnest(lock_ids.ids) as i (id)
    where i.id not like 'subject %'
    order by key
  ) as k;

  -- subjects come after all else: nobody can claim these customers any more
  perform pg_advisory_xact_lock(k.key)
  from (
    select distinct hashtextextended(lock_ids.environment || ' ' || i.id, 0) as key
    from (
      select s.id from unnest(lock_ids.ids) as s (id) where s.id like 'subject %'
      union all
      select 'subject ' || c.subject_type || ' ' || c.subject_id
      from payments_private.customer_owners as c
      where c.customer_id = any (lock_ids.ids) and c.environment = lock_ids.environment
    ) as i
    order by key
  ) as k;
end;
$$;

revoke all on function payments_private.lock_ids(text, text[]) from public;
--! EndIncluded base/private/lock_ids.sql
--! Included base/private/try_lock_ids.sql
/*
 * Like lock_ids, without waiting: answers whether all of the ids are locked now.
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
      select 'subject ' || c.subject_type || ' ' || c.subject_id
      from payments_private.customer_owners as c
      where c.customer_id = any (try_lock_ids.ids) and c.environment = try_lock_ids.environment
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

revoke all on function payments_private.try_lock_ids(text, text[]) from public;
--! EndIncluded base/private/try_lock_ids.sql
--! Included base/private/lock_environment.sql
/*
 * Lets processing and rebuilding exclude each other: everything that projects takes the lock of its environment shared,
 * rebuild_projections takes it alone. Comes before every other lock that an environment's rows need. What is read after a
 * lock must show what others did before they let go of it, so each statement needs a snapshot of its own.
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
    raise exception 'Payments cannot be written in a transaction of isolation level %.', current_setting('transaction_isolation')
      using errcode = 'SP011',
            hint = 'Use read committed, or: alter role <login> set default_transaction_isolation = ''read committed''.';
  end if;
  if lock_environment.alone then
    perform pg_advisory_xact_lock(hashtextextended('environment ' || lock_environment.environment, 2));
    perform set_config('payments.locked_environment', lock_environment.environment, true); -- as long as the lock
  else
    perform pg_advisory_xact_lock_shared(hashtextextended('environment ' || lock_environment.environment, 2));
  end if;
end;
$$;

revoke all on function payments_private.lock_environment(text, boolean) from public;
--! EndIncluded base/private/lock_environment.sql

-- owners
--! Included checkout/caller_id.sql
/*
 * The id of the signed-in user of this request: the `sub` claim of the verified token, null for anonymous callers.
 * Reads what PostgREST, Supabase, InsForge and the handlers of this project all set, so policies can call it anywhere.
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
  'Id of the signed-in caller (claim sub of request.jwt.claims), or null. For use in policies.';

revoke all on function payments.caller_id() from public;
grant execute on function payments.caller_id() to anon, authenticated, payments_service;
--! EndIncluded checkout/caller_id.sql
--! Included checkout/private/become_caller.sql
/*
 * Makes the rest of the transaction run as an app user: role and claims, as PostgREST would set them. Takes the claims
 * of a verified token; any role but anon and authenticated is refused. The session user must
 * be allowed to set role to it.
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

revoke all on function payments_private.become_caller(jsonb) from public;
grant execute on function payments_private.become_caller(jsonb) to payments_service;
--! EndIncluded checkout/private/become_caller.sql
--! Included ownership/private/customer_of_subject.sql
/*
 * The Stripe customer that new sessions of a billing subject use; null when there is none or it was deleted at Stripe.
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

revoke all on function payments_private.customer_of_subject(text, text, text) from public;
grant execute on function payments_private.customer_of_subject(text, text, text) to payments_service;
--! EndIncluded ownership/private/customer_of_subject.sql
--! Included ownership/private/subject_of_customer.sql
/*
 * The billing subject that a Stripe customer belongs to: the one of its earliest claim. Nulls when nobody claims it.
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
    select row (c.subject_type, c.subject_id)::payments.billing_subject
    from payments_private.customer_owners as c
    where c.environment = subject_of_customer.environment
      and c.customer_id = subject_of_customer.customer_id
    order by c.named_at, c.named_by, c.subject_type, c.subject_id
    limit 1
  );
end;
$$;

revoke all on function payments_private.subject_of_customer(text, text) from public;
--! EndIncluded ownership/private/subject_of_customer.sql
--! Included ownership/private/refresh_customer_mappings.sql
/*
 * Brings payments.customer_mappings in line with the claims on some customers. A subject pays with the earliest customer
 * that belongs to it, a deleted one last.
 */
create or replace function payments_private.refresh_customer_mappings(environment text, customer_ids text[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_types text[]; -- of the subjects that claim the customers
  v_ids text[];
  v_customer_ids text[]; -- that they pay with
  v_gone uuid[];
begin
  -- lock: held already (ids_of), unless somebody claimed a customer a moment ago
  perform payments_private.lock_ids(
    refresh_customer_mappings.environment,
    array(
      select 'subject ' || c.subject_type || ' ' || c.subject_id
      from payments_private.customer_owners as c
      where c.customer_id = any (refresh_customer_mappings.customer_ids)
        and c.environment = refresh_customer_mappings.environment
    )
  );

  -- choose
  select array_agg(s.type), array_agg(s.id), array_agg(chosen.customer_id)
  into v_types, v_ids, v_customer_ids
  from (
    select distinct c.subject_type as type, c.subject_id as id
    from payments_private.customer_owners as c
    where c.customer_id = any (refresh_customer_mappings.customer_ids)
      and c.environment = refresh_customer_mappings.environment
  ) as s
  left join lateral (
    select c.customer_id
    from payments_private.customer_owners as c
    left join payments.customers as k
      on k.provider = 'stripe' and k.environment = c.environment and k.provider_customer_id = c.customer_id
    where c.environment = refresh_customer_mappings.environment
      and c.subject_type = s.type
      and c.subject_id = s.id
      and payments_private.subject_of_customer(c.environment, c.customer_id)
        = row (s.type, s.id)::payments.billing_subject
    order by coalesce(k.deleted, false), c.named_at, c.named_by, c.customer_id
    limit 1
  ) as chosen on true;

  -- write
  select array_agg(m.id)
  into v_gone
  from unnest(v_types, v_ids, v_customer_ids) as s (type, id, customer_id)
  cross join lateral (
    select m.id
    from payments.customer_mappings as m
    where m.subject_id = s.id
      and m.subject_type = s.type
      and m.environment = refresh_customer_mappings.environment
      and m.provider = 'stripe'
      and m.provider_customer_id is distinct from s.customer_id
    union all
    select m.id
    from payments.customer_mappings as m
    where m.provider_customer_id = s.customer_id
      and m.environment = refresh_customer_mappings.environment
      and m.provider = 'stripe'
      and (m.subject_type, m.subject_id) <> (s.type, s.id)
  ) as m;
  if v_gone is not null then
    delete from payments.customer_mappings as m where m.id = any (v_gone);
  end if;
  insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
  select refresh_customer_mappings.environment, s.type, s.id, s.customer_id
  from unnest(v_types, v_ids, v_customer_ids) as s (type, id, customer_id)
  where s.customer_id is not null
  on conflict on constraint customer_mappings_subject_key do nothing;
end;
$$;

revoke all on function payments_private.refresh_customer_mappings(text, text[]) from public;
--! EndIncluded ownership/private/refresh_customer_mappings.sql
--! Included ownership/private/assign_customers.sql
/*
 * Records that Stripe objects tie customers to billing subjects, and brings the mapping and the subscriptions that name no
 * subject of their own in line: in every order of arrival the same claim wins. Answers the customers that belong to
 * another subject now, whose payments are to be derived again (refresh_payments); null if there are none.
 */
create or replace function payments_private.assign_customers(environment text, owners payments_private.customer_owners[])
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids text[];
  v_owners payments.billing_subject[]; -- before these claims
  v_moved text[];
begin
  with claimed as (
    insert into payments_private.customer_owners as t (
      environment, customer_id, subject_type, subject_id, named_at, named_by
    )
    select distinct on (c.customer_id, c.subject_type, c.subject_id)
      assign_customers.environment, c.customer_id, c.subject_type, c.subject_id, c.named_at, c.named_by
    from unnest(assign_customers.owners) as c
    where c.customer_id is not null and c.subject_type is not null
    order by c.customer_id, c.subject_type, c.subject_id, c.named_at, c.named_by
    on conflict on constraint customer_owners_pkey do update
    set named_at = excluded.named_at,
        named_by = excluded.named_by
    where (excluded.named_at, excluded.named_by) < (t.named_at, t.named_by)
    returning t.customer_id
  )
  -- this statement sees the claims as they were before it
  select array_agg(c.id), array_agg(payments_private.subject_of_customer(assign_customers.environment, c.id))
  into v_ids, v_owners
  from (select distinct claimed.customer_id as id from claimed) as c;
  if v_ids is null then
    return null;
  end if;

  perform payments_private.refresh_customer_mappings(assign_customers.environment, v_ids);

  -- own: what has no subject of its own goes to the owner of the customer
  for i in 1 .. cardinality(v_ids) loop
    if payments_private.subject_of_customer(assign_customers.environment, v_ids[i]) is distinct from v_owners[i] then
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

revoke all on function payments_private.assign_customers(text, payments_private.customer_owners[]) from public;
--! EndIncluded ownership/private/assign_customers.sql

-- money
--! Included payment/private/derived_transactions.sql
/*
 * What payments.transactions must say of each payment, as a pure function of its payment objects: no row remembers what it
 * said before. One row per payment; status is null while nothing has been heard of money. is_refunded says that it has
 * refunds, which are rows of their own (refresh_refunds), but for the one of what was authorized and never captured.
 *
 * Where several objects say the same thing, what has succeeded speaks first, then the object closest to what the buyer was
 * asked for. A row with version 0 was only named by others so far: it counts as a related object and says nothing.
 */
create or replace view payments_private.derived_transactions
  with (security_invoker = true)
as
  select
    p.id,
    p.environment,
    case
      when decided.status = 'failed' then 'failed_payment'
      when p.subscription is not null then 'subscription_invoice'
      else 'one_time_payment'
    end as type,
    decided.status,
    coalesce((p.subject).type, subscriber.subject_type, owner.subject_type) as subject_type,
    case
      when (p.subject).type is not null then (p.subject).id
      when subscriber.subject_type is not null then subscriber.subject_id
      else owner.subject_id
    end as subject_id,
    p.customer_id as provider_customer_id,
    p.customer_email as customer_email_snapshot,
    case
      when p.payment_intent is not null then 'payment_intent'
      when p.invoice is not null then 'invoice'
      when p.checkout_session is not null then 'checkout_session'
      when p.charge is not null then 'charge'
    end as provider_object_type,
    coalesce(p.payment_intent, p.invoice, p.checkout_session, p.charge) as provider_object_id,
    jsonb_strip_nulls(jsonb_build_object(
      'payment_intent', p.payment_intent,
      'invoice', p.invoice,
      'checkout_session', p.checkout_session,
      'charge', p.charge,
      'subscription', p.subscription,
      'product', p.product,
      'price', p.price
    )) as related_object_ids,
    p.amount,
    refunded.amount as amount_refunded,
    p.currency,
    p.description,
    case when p.is_paid then coalesce(p.invoice_paid_at, p.paid_at, p.seen_paid_at) end as paid_at,
    case when decided.status = 'failed' then coalesce(p.failed_at, p.seen_failed_at) end as failed_at,
    case when refunded.amount > 0 then coalesce(p.refunded_at, p.charge_refunded_at) end as refunded_at,
    p.provider_created_at,
    dispute.provider_created_at as disputed_at,
    dispute.amount as dispute_amount,
    dispute.status as dispute_status,
    p.refunds is not null as is_refunded,
    release.object_id as released_refund_id
  from (
    select
      o.payment_id as id,
      o.environment,
      (array_agg(o.object_id) filter (where o.object_type = 'payment_intent'))[1] as payment_intent,
      (array_agg(o.object_id) filter (where o.object_type = 'invoice'))[1] as invoice,
      (array_agg(o.object_id) filter (where o.object_type = 'checkout_session'))[1] as checkout_session,
      -- one that was declined is named when there is no other
      coalesce(
        (array_agg(o.object_id) filter (where o.object_type = 'charge' and o.state is distinct from 'failed'))[1],
        (array_agg(o.object_id) filter (where o.object_type = 'charge'))[1]
      ) as charge,
      (array_agg(o.subscription_id) filter (where o.is_known and o.subscription_id is not null))[1] as subscription,
      (array_agg(o.product_id) filter (where o.is_known and o.product_id is not null))[1] as product,
      (array_agg(o.price_id) filter (where o.is_known and o.price_id is not null))[1] as price,
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
        (array_agg(o.amount) filter (where o.is_payment and o.state is not null and o.amount is not null))[1]
      ) as amount,
      min(o.provider_created_at) filter (where o.is_payment) as provider_created_at,
      -- paid
      coalesce(bool_or(o.says = 'succeeded'), false) as is_paid,
      min(o.succeeded_at) filter (where o.says = 'succeeded' and o.object_type = 'invoice') as invoice_paid_at,
      min(o.succeeded_at) filter (where o.says = 'succeeded' and o.object_type <> 'invoice') as paid_at,
      min(o.provider_created_at) filter (where o.says = 'succeeded') as seen_paid_at,
      min(o.succeeded_at) filter (where o.object_type = 'payment_intent') as captured_at,
      -- failed; an answer of the API says that it failed and not when
      max(o.failed_at) filter (where o.says = 'failed') as failed_at,
      max(case when o.object_type = 'charge' then o.provider_created_at else o.second end)
        filter (where o.says = 'failed' and o.failed_at is null) as seen_failed_at,
      max(o.failed_at) filter (where o.says = 'failed' and o.status = 'canceled') as released_at,
      -- pending; a PaymentIntent also after a failure: it is tried again
      max(o.provider_created_at) filter (where o.says = 'pending' and o.object_type = 'charge') as charge_pending_at,
      max(case when o.object_type = 'payment_intent' then o.second else coalesce(o.completed_at, o.provider_created_at) end)
        filter (where o.says = 'pending' and o.object_type <> 'charge') as pending_at,
      -- refunded
      coalesce(sum(o.amount_refunded) filter (where o.is_payment and o.object_type = 'charge'), 0)::bigint as charge_refunded,
      max(o.amount_released) filter (where o.is_payment) as released,
      max(o.second) filter (where o.is_payment and o.object_type = 'charge') as charge_second,
      max(o.refunded_at) filter (where o.is_payment and o.object_type = 'charge') as charge_refunded_at,
      sum(o.amount) filter (where o.is_known and o.object_type = 'refund')::bigint as refunds,
      sum(o.amount) filter (where o.is_known and o.object_type = 'refund' and o.state <> 'failed')::bigint as refunds_standing,
      max(coalesce(o.succeeded_at, o.provider_created_at))
        filter (where o.is_known and o.object_type = 'refund' and o.state <> 'failed') as refunded_at,
      bool_or(o.is_known and o.object_type = 'dispute') as is_disputed
    from (
      select
        b.*,
        b.version > 0 and b.object_type not in ('refund', 'dispute') as is_payment,
        b.version > 0 as is_known,
        to_timestamp((b.version & ((1::bigint << 50) - 1)) >> 3) as second,
        case
          when b.version = 0 or b.object_type in ('refund', 'dispute') then null
          when b.state in ('succeeded', 'failed') then b.state
          when b.failed_at is not null and (b.object_type <> 'payment_intent' or b.state is null) then 'failed'
          else b.state
        end as says
      from payments_private.payment_objects as b
      order by
        b.payment_id,
        b.environment, -- as they are grouped, so that no other sort comes between and each list keeps this order
        b.object_type in ('refund', 'dispute'),
        (b.state = 'succeeded') desc nulls last,
        array_position(array['invoice', 'payment_intent', 'charge', 'checkout_session', 'invoice_payment'], b.object_type),
        case when b.state = 'succeeded' then b.provider_created_at end, -- of several parts the first one, for good
        case when b.state = 'succeeded' then b.object_id end,
        b.version desc,
        b.object_id
    ) as o
    group by o.payment_id, o.environment
  ) as p
  -- own: a subject of its own, else the subscription's, else the customer's
  left join lateral (
    select s.subject_type, s.subject_id
    from payments.stripe_subscriptions as s
    where (p.subject).type is null and s.subscription_id = p.subscription and s.environment = p.environment
  ) as subscriber on true
  left join lateral (
    select c.subject_type, c.subject_id
    from payments_private.customer_owners as c
    where (p.subject).type is null
      and subscriber.subject_type is null
      and c.customer_id = p.customer_id
      and c.environment = p.environment
    order by c.named_at, c.named_by, c.subject_type, c.subject_id
    limit 1
  ) as owner on true
  left join lateral (
    select d.provider_created_at, d.amount, d.status
    from payments_private.payment_objects as d
    where p.is_disputed and d.payment_id = p.id and d.object_type = 'dispute' and d.version > 0
    order by d.provider_created_at desc, (d.state = 'succeeded') desc nulls last, d.version desc, d.object_id
    limit 1
  ) as dispute on true
  -- refunds that failed: those that did later than the charge was seen are still in its amount, the earlier ones are not
  cross join lateral (
    select
      coalesce(sum(r.amount) filter (where r.second < p.charge_second), 0) as before,
      coalesce(sum(r.amount) filter (where r.second > p.charge_second), 0) as later
    from (
      select
        f.amount,
        coalesce(f.failed_at, to_timestamp((f.version & ((1::bigint << 50) - 1)) >> 3)) as second -- an answer does not say when
      from payments_private.payment_objects as f
      where p.refunds > coalesce(p.refunds_standing, 0)
        and f.payment_id = p.id
        and f.object_type = 'refund'
        and f.state = 'failed'
        and f.version > 0
    ) as r
  ) as refunds_failed
  -- release: Stripe makes it with the capture, and nothing can be refunded before it; its event may be missing
  left join lateral (
    select r.object_id, r.amount
    from payments_private.payment_objects as r
    where p.released > 0
      and case
        when p.captured_at is null then p.refunds - refunds_failed.before >= p.charge_refunded
        else r.provider_created_at <= p.captured_at + interval '10 seconds'
      end
      and r.payment_id = p.id
      and r.object_type = 'refund'
      and r.amount = p.released
      and r.state <> 'failed'
      and r.version > 0
    order by r.provider_created_at, r.object_id
    limit 1
  ) as release on true
  -- decide
  cross join lateral (
    select case
      when not p.is_paid then 0
      when coalesce(p.refunds, 0) - refunds_failed.before >= p.charge_refunded
      then least(coalesce(p.refunds_standing, 0) - coalesce(release.amount, 0), p.amount)
      else least(
        greatest(p.charge_refunded - refunds_failed.later - coalesce(p.released, 0), 0)::bigint,
        p.amount
      )
    end as amount
  ) as refunded
  cross join lateral (
    select case
      when p.is_paid and refunded.amount = 0 then 'succeeded'
      when p.is_paid and refunded.amount < p.amount then 'partially_refunded'
      when p.is_paid then 'refunded'
      when p.released_at >= greatest(p.charge_pending_at, p.pending_at) then 'failed' -- nothing follows that in its second
      -- in the second in which a session completed, a card was declined before it did
      when greatest(p.failed_at, p.seen_failed_at) >= coalesce(p.charge_pending_at, '-infinity')
        and greatest(p.failed_at, p.seen_failed_at) > coalesce(p.pending_at, '-infinity')
      then 'failed'
      when coalesce(p.pending_at, p.charge_pending_at) is not null then 'pending'
    end as status
  ) as decided;

comment on view payments_private.derived_transactions is
  'What payments.transactions must say of each payment: a pure function of payments_private.payment_objects.';

revoke all on payments_private.derived_transactions from public;
--! EndIncluded payment/private/derived_transactions.sql
--! Included payment/private/refresh_refunds.sql
/*
 * One transaction of type refund for each refund of the given payments, with the payment as its parent. What was
 * authorized and never captured is a refund to Stripe and moved no money: it has none. A transaction's id is made from
 * Stripe's, so that it has the same one when it is taken for such a refund and then for another one after all.
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

revoke all on function payments_private.refresh_refunds(payments_private.derived_transactions[]) from public;
--! EndIncluded payment/private/refresh_refunds.sql
--! Included payment/private/refresh_transactions.sql
/*
 * Brings the transactions of payments, and of their refunds, in line with derived_transactions. The payments are locked.
 */
create or replace function payments_private.refresh_transactions(environment text, payment_ids uuid[])
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  -- plans that depend neither on how full the tables were nor on how many payments came when they were made
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
as $$
#variable_conflict use_column -- the target of on conflict cannot be qualified
declare
  v_silent uuid[]; -- of which nothing says anything of money any more
  v_refunded payments_private.derived_transactions[];
begin
  with derived as materialized (
    select d.* from payments_private.derived_transactions as d where d.id = any (refresh_transactions.payment_ids)
  ),
  written as (
    insert into payments.transactions as t (
      id, environment, type, status, subject_type, subject_id, provider_customer_id, customer_email_snapshot,
      provider_object_type, provider_object_id, related_object_ids, amount, amount_refunded, currency, description,
      paid_at, failed_at, refunded_at, provider_created_at, disputed_at, dispute_amount, dispute_status
    )
    select
      d.id, d.environment, d.type, d.status, d.subject_type, d.subject_id, d.provider_customer_id,
      d.customer_email_snapshot, d.provider_object_type, d.provider_object_id, d.related_object_ids, d.amount,
      d.amount_refunded, d.currency, d.description, d.paid_at, d.failed_at, d.refunded_at, d.provider_created_at,
      d.disputed_at, d.dispute_amount, d.dispute_status
    from derived as d
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
        dispute_status = excluded.dispute_status
    where (t.type, t.status, t.subject_type, t.subject_id, t.provider_customer_id, t.customer_email_snapshot,
           t.provider_object_type, t.provider_object_id, t.related_object_ids, t.amount, t.amount_refunded, t.currency,
           t.description, t.paid_at, t.failed_at, t.refunded_at, t.provider_created_at, t.disputed_at,
           t.dispute_amount, t.dispute_status)
      is distinct from
          (excluded.type, excluded.status, excluded.subject_type, excluded.subject_id, excluded.provider_customer_id,
           excluded.customer_email_snapshot, excluded.provider_object_type, excluded.provider_object_id,
           excluded.related_object_ids, excluded.amount, excluded.amount_refunded, excluded.currency,
           excluded.description, excluded.paid_at, excluded.failed_at, excluded.refunded_at,
           excluded.provider_created_at, excluded.disputed_at, excluded.dispute_amount, excluded.dispute_status)
  )
  select array_agg(d.id) filter (where d.status is null), array_agg(d) filter (where d.is_refunded)
  into v_silent, v_refunded
  from derived as d;

  if v_silent is not null then
    delete from payments.transactions as t where t.id = any (v_silent);
  end if;
  if v_refunded is not null then
    perform payments_private.refresh_refunds(v_refunded);
  end if;
end;
$$;

revoke all on function payments_private.refresh_transactions(text, uuid[]) from public;
--! EndIncluded payment/private/refresh_transactions.sql
--! Included payment/private/refresh_payments.sql
/*
 * Derives again the transactions of everything that subscriptions or customers paid, after their billing subject changed.
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
  -- lock: what was read before the locks were held may have been joined elsewhere meanwhile, so read again
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
        and (t.subject_type, t.subject_id) is distinct from (s.subject_type, s.subject_id) -- else there is nothing to change
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
end;
$$;

revoke all on function payments_private.refresh_payments(text, text[], text[]) from public;
--! EndIncluded payment/private/refresh_payments.sql
--! Included payment/private/lock_payments.sql
/*
 * Locks payments for the rest of the transaction, in order. Whoever derives a transaction holds the lock of its payment;
 * the ids of Stripe objects are locked before (lock_ids), payments after. Who has the environment alone needs none: a
 * rebuild is about every payment there is, and the table of locks has room for a few thousand.
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

revoke all on function payments_private.lock_payments(text, uuid[]) from public;
--! EndIncluded payment/private/lock_payments.sql
--! Included payment/private/lock_payments_of.sql
/*
 * Locks the payments that Stripe objects belong to, as far as they are known; see lock_payments.
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

revoke all on function payments_private.lock_payments_of(text, text[]) from public;
--! EndIncluded payment/private/lock_payments_of.sql
--! Included payment/private/merge_payments.sql
/*
 * Says that two payments are one: the one that the app has seen first keeps its id. Both are locked.
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

revoke all on function payments_private.merge_payments(uuid, uuid) from public;
--! EndIncluded payment/private/merge_payments.sql
--! Included payment/private/put_payment_objects.sql
/*
 * Takes snapshots of payment objects, each with the other objects that it names as parts of the same payment, and derives
 * their transactions again. Objects that are named for the first time are noted; payments that were separate until now
 * become one. What became known of when things happened is kept even from a snapshot that is older than the row, and the
 * subject is the one that the earliest snapshot named, of those that named one.
 * Contract: see project_snapshots; payments has a null in the place of what is no payment object.
 */
create or replace function payments_private.put_payment_objects(
  environment text,
  payments payments_private.payment_snapshot[],
  settled boolean,
  outcomes text[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_payment payments_private.payment_snapshot;
  v_object payments_private.payment_objects;
  v_link payments_private.payment_objects;
  v_margin integer := case when settled then 0 else 1 end; -- by how much a version must be greater to be shown
  v_ids text[] := '{}';
  v_places integer[] := '{}';
  v_types text[] := '{}';
  v_known_ids text[];
  v_known_payments uuid[];
  v_known_versions bigint[];
  v_known_at integer;
  v_locked uuid[] := '{}';
  v_own_ids text[] := '{}';
  v_own integer;
  v_payment_id uuid;
  v_payment_ids uuid[];
  v_is_merged boolean;
  v_outcome text;
  v_objects payments_private.payment_objects[] := '{}';
begin
  -- name: each object, and after it those that it names
  for v_place in array_lower(payments, 1) .. array_upper(payments, 1) loop
    v_payment := payments[v_place];
    v_object := v_payment.object;
    continue when v_object.object_id is null;
    v_own_ids := v_own_ids || v_object.object_id;
    v_ids := v_ids || v_object.object_id;
    v_types := v_types || v_object.object_type;
    v_places := v_places || v_place;
    for i in 1 .. coalesce(cardinality(v_payment.linked_ids), 0) loop
      if v_payment.linked_ids[i] is not null and v_payment.linked_ids[i] <> v_object.object_id then
        v_ids := v_ids || v_payment.linked_ids[i];
        v_types := v_types || v_payment.linked_types[i];
        v_places := v_places || v_place;
      end if;
    end loop;
  end loop;

  loop
    -- lock: what was read before the locks were held may have been joined elsewhere meanwhile, so read again
    select array_agg(o.object_id), array_agg(o.payment_id), array_agg(o.version)
    into v_known_ids, v_known_payments, v_known_versions
    from payments_private.payment_objects as o
    where o.object_id = any (v_ids) and o.environment = put_payment_objects.environment;
    if not v_known_payments <@ v_locked then
      perform payments_private.lock_payments(environment, v_known_payments);
      v_locked := v_locked || v_known_payments;
      continue;
    end if;

    -- join: what one snapshot names is one payment, and so is what several of them name
    v_payment_ids := array_fill(null::uuid, array[cardinality(v_ids)]);
    v_is_merged := false;
    for i in 1 .. cardinality(v_ids) loop
      v_payment_id := coalesce(
        v_payment_ids[array_position(v_ids, v_ids[i])], v_known_payments[array_position(v_known_ids, v_ids[i])]
      );
      if v_places[i] is distinct from v_places[i - 1] then
        v_payment_ids[i] := coalesce(v_payment_id, gen_random_uuid());
        v_own := i;
      else
        if v_payment_id <> v_payment_ids[v_own] then
          if v_payment_id = any (v_known_payments) and v_payment_ids[v_own] = any (v_known_payments) then
            perform payments_private.merge_payments(v_payment_id, v_payment_ids[v_own]);
            v_is_merged := true;
            exit;
          elsif v_payment_id = any (v_known_payments) then
            v_payment_ids := array_replace(v_payment_ids, v_payment_ids[v_own], v_payment_id);
          else
            v_payment_ids := array_replace(v_payment_ids, v_payment_id, v_payment_ids[v_own]);
          end if;
        end if;
        v_payment_ids[i] := v_payment_ids[v_own];
      end if;
    end loop;
    exit when not v_is_merged;
  end loop;

  -- compare
  for i in 1 .. cardinality(v_ids) loop
    v_known_at := array_position(v_known_ids, v_ids[i]);
    if v_places[i] is distinct from v_places[i - 1] then
      v_payment := payments[v_places[i]];
      v_object := v_payment.object;
      v_object.payment_id := v_payment_ids[i];
      if v_object.subject_type is not null and v_object.subject_version is null then
        v_object.subject_version := v_object.version;
      end if;
      v_objects := v_objects || v_object;
      if v_known_at is null or v_object.version >= v_known_versions[v_known_at] + v_margin then
        v_outcome := 'applied';
      elsif v_object.version < v_known_versions[v_known_at] then
        v_outcome := 'stale';
      elsif exists (
        select
        from payments_private.payment_objects as o
        where o.object_id = v_object.object_id
          and o.environment = put_payment_objects.environment
          and (o.state, o.status, o.amount, o.amount_refunded, o.amount_released)
            is distinct from (
              v_object.state, v_object.status, v_object.amount, v_object.amount_refunded, v_object.amount_released
            )
      ) then
        v_outcome := 'tie';
      else
        v_outcome := 'applied';
      end if;
      if v_object.object_type <> 'checkout_session' or v_outcome = 'tie' then -- a session has a row that speaks for it
        outcomes[v_places[i]] := v_outcome;
      end if;
    elsif v_known_at is null and array_position(v_ids, v_ids[i]) = i and v_ids[i] <> all (v_own_ids) then
      v_link.environment := put_payment_objects.environment;
      v_link.object_id := v_ids[i];
      v_link.object_type := v_types[i];
      v_link.payment_id := v_payment_ids[i];
      v_link.version := 0;
      v_objects := v_objects || v_link;
    end if;
  end loop;

  -- write
  insert into payments_private.payment_objects as t
  select o.* from unnest(v_objects) as o
  on conflict on constraint payment_objects_pkey do update
  set object_type = case when excluded.version >= t.version + v_margin then excluded.object_type else t.object_type end,
      version = case when excluded.version >= t.version + v_margin then excluded.version else t.version end,
      state = case when excluded.version >= t.version + v_margin then excluded.state else t.state end,
      status = case when excluded.version >= t.version + v_margin then excluded.status else t.status end,
      amount = case when excluded.version >= t.version + v_margin then excluded.amount else t.amount end,
      amount_refunded =
        case when excluded.version >= t.version + v_margin then excluded.amount_refunded else t.amount_refunded end,
      amount_released =
        case when excluded.version >= t.version + v_margin then excluded.amount_released else t.amount_released end,
      currency = case when excluded.version >= t.version + v_margin then excluded.currency else t.currency end,
      customer_id = case
        when excluded.version >= t.version + v_margin then coalesce(excluded.customer_id, t.customer_id)
        else coalesce(t.customer_id, excluded.customer_id)
      end,
      customer_email = case when excluded.version >= t.version + v_margin then excluded.customer_email else t.customer_email end,
      description = case when excluded.version >= t.version + v_margin then excluded.description else t.description end,
      subscription_id = case
        when excluded.version >= t.version + v_margin then coalesce(excluded.subscription_id, t.subscription_id)
        else coalesce(t.subscription_id, excluded.subscription_id)
      end,
      product_id = case when excluded.version >= t.version + v_margin then excluded.product_id else t.product_id end,
      price_id = case when excluded.version >= t.version + v_margin then excluded.price_id else t.price_id end,
      subject_type = case
        when t.subject_version is null
          or (excluded.subject_version, excluded.subject_type, excluded.subject_id)
            < (t.subject_version, t.subject_type, t.subject_id)
        then excluded.subject_type
        else t.subject_type
      end,
      subject_id = case
        when t.subject_version is null
          or (excluded.subject_version, excluded.subject_type, excluded.subject_id)
            < (t.subject_version, t.subject_type, t.subject_id)
        then excluded.subject_id
        else t.subject_id
      end,
      subject_version = least(excluded.subject_version, t.subject_version),
      provider_created_at = case
        when excluded.version >= t.version + v_margin then excluded.provider_created_at
        else t.provider_created_at
      end,
      succeeded_at = least(excluded.succeeded_at, t.succeeded_at),
      failed_at = case
        when t.object_type = 'refund' then least(excluded.failed_at, t.failed_at) -- it fails once
        else greatest(excluded.failed_at, t.failed_at)
      end,
      completed_at = least(excluded.completed_at, t.completed_at),
      refunded_at = greatest(excluded.refunded_at, t.refunded_at)
  where excluded.version > 0;

  perform payments_private.refresh_transactions(put_payment_objects.environment, v_payment_ids);
  return outcomes;
end;
$$;

revoke all on function payments_private.put_payment_objects(text, payments_private.payment_snapshot[], boolean, text[])
  from public;
--! EndIncluded payment/private/put_payment_objects.sql
--! Included payment/private/payment_of_checkout_session.sql
/*
 * A Checkout Session that is complete → its payment, under the version and for the subject that its row has.
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
  v_snapshot payments_private.payment_objects;
begin
  v_snapshot.environment := payment_of_checkout_session.environment;
  v_snapshot.object_id := object ->> 'id';
  v_snapshot.object_type := 'checkout_session';
  v_snapshot.version := payment_of_checkout_session.version;
  v_snapshot.status := 'completed';
  v_snapshot.state := case
    when is_settled then 'succeeded'
    when event_type = 'checkout.session.async_payment_failed' then 'failed'
    else 'pending'
  end;
  v_snapshot.amount := (object ->> 'amount_total')::bigint;
  v_snapshot.currency := lower(object ->> 'currency');
  v_snapshot.customer_id := payments_private.id_of(object -> 'customer');
  v_snapshot.customer_email := coalesce(object -> 'customer_details' ->> 'email', object ->> 'customer_email');
  v_snapshot.subscription_id := payments_private.id_of(object -> 'subscription');
  v_snapshot.subject_type := subject.type;
  v_snapshot.subject_id := subject.id;
  v_snapshot.subject_version := payment_of_checkout_session.subject_version;
  v_snapshot.provider_created_at := payments_private.instant_of(object -> 'created');
  v_snapshot.completed_at := case when event_type = 'checkout.session.completed' then snapshot_at end;
  v_snapshot.succeeded_at := case when event_type is not null and is_settled then snapshot_at end;
  v_snapshot.failed_at := case when event_type = 'checkout.session.async_payment_failed' then snapshot_at end;

  return row (
    v_snapshot,
    array['payment_intent', 'invoice'],
    array[payments_private.id_of(object -> 'payment_intent'), payments_private.id_of(object -> 'invoice')]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_checkout_session(
  text, jsonb, text, timestamptz, bigint, boolean, payments.billing_subject, bigint
) from public;
--! EndIncluded payment/private/payment_of_checkout_session.sql
--! Included payment/private/payment_of_payment_intent.sql
/*
 * PaymentIntent → its payment. Older API versions carry the invoice and the list of charges, newer ones only the latest
 * charge, and the invoice as the order reference that Stripe gives to what pays one, which some versions cut to 25
 * characters: the one invoice that it may mean is looked for, and if it comes later, it looks for this (payment_of_invoice).
 * A charge that was declined holds no money and is not noted; of a payment in process that may still happen.
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
  v_snapshot payments_private.payment_objects;
  v_status text := object ->> 'status';
  v_subject payments.billing_subject := payments_private.subject_of(object -> 'metadata');
  v_charge jsonb := case
    when v_status in ('succeeded', 'requires_capture')
      then coalesce(object -> 'latest_charge', object -> 'charges' -> 'data' -> 0)
  end;
  -- canceled after it was authorized: the money that was held is let go; without a charge nothing was ever tried
  v_is_released boolean := v_status = 'canceled'
    and jsonb_typeof(object -> 'last_payment_error') is distinct from 'object'
    and payments_private.id_of(coalesce(object -> 'latest_charge', object -> 'charges' -> 'data' -> 0)) is not null;
  v_reference text := substring(object -> 'payment_details' ->> 'order_reference' from '^in_[0-9A-Za-z]{14,}$');
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
  v_snapshot.environment := payment_of_payment_intent.environment;
  v_snapshot.object_id := object ->> 'id';
  v_snapshot.object_type := 'payment_intent';
  v_snapshot.version := payments_private.snapshot_version(snapshot_at, event_type, v_status in ('succeeded', 'canceled'));
  v_snapshot.status := v_status;
  v_snapshot.state := case
    when v_status = 'succeeded' then 'succeeded'
    when v_status = 'processing' then 'pending'
    when event_type = 'payment_intent.payment_failed' or jsonb_typeof(object -> 'last_payment_error') = 'object' then 'failed'
    when v_is_released then 'failed'
  end;
  v_snapshot.amount := case
    when v_status = 'succeeded' then coalesce((object ->> 'amount_received')::bigint, (object ->> 'amount')::bigint)
    else (object ->> 'amount')::bigint
  end;
  v_snapshot.amount_released := case
    when v_status = 'succeeded' or v_is_released
      then greatest((object ->> 'amount')::bigint - (object ->> 'amount_received')::bigint, 0)
  end;
  v_snapshot.currency := lower(object ->> 'currency');
  v_snapshot.customer_id := payments_private.id_of(object -> 'customer');
  v_snapshot.customer_email := object ->> 'receipt_email';
  v_snapshot.description := object ->> 'description';
  v_snapshot.subject_type := v_subject.type;
  v_snapshot.subject_id := v_subject.id;
  v_snapshot.provider_created_at := payments_private.instant_of(object -> 'created');
  v_snapshot.succeeded_at := case when event_type = 'payment_intent.succeeded' then snapshot_at end;
  v_snapshot.failed_at := case
    when event_type = 'payment_intent.payment_failed' then snapshot_at
    when v_is_released then payments_private.instant_of(object -> 'canceled_at')
  end;

  return row (
    v_snapshot,
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

revoke all on function payments_private.payment_of_payment_intent(text, jsonb, text, timestamptz) from public;
--! EndIncluded payment/private/payment_of_payment_intent.sql
--! Included payment/private/payment_of_charge.sql
/*
 * Charge → its payment. One that is authorized and not captured has succeeded for Stripe, and no money has moved; neither
 * does it when Stripe refunds such a charge because it was canceled, or what was left of one that was captured in part.
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
  v_snapshot payments_private.payment_objects;
  v_subject payments.billing_subject := payments_private.subject_of(object -> 'metadata');
  v_is_captured boolean := coalesce((object ->> 'captured')::boolean, true);
  v_captured bigint := coalesce(nullif((object ->> 'amount_captured')::bigint, 0), (object ->> 'amount')::bigint);
  v_refunded bigint := coalesce((object ->> 'amount_refunded')::bigint, 0);
begin
  v_snapshot.environment := payment_of_charge.environment;
  v_snapshot.object_id := object ->> 'id';
  v_snapshot.object_type := 'charge';
  v_snapshot.version := payments_private.snapshot_version(snapshot_at, event_type, false);
  v_snapshot.status := object ->> 'status';
  v_snapshot.state := case
    when object ->> 'status' = 'succeeded' and not v_is_captured and v_refunded > 0 then 'failed'
    when object ->> 'status' = 'succeeded' and not v_is_captured then 'pending'
    when object ->> 'status' in ('succeeded', 'pending', 'failed') then object ->> 'status'
  end;
  v_snapshot.amount := v_captured;
  v_snapshot.amount_refunded := v_refunded;
  v_snapshot.amount_released := case
    when not v_is_captured then v_refunded
    when v_refunded >= (object ->> 'amount')::bigint - v_captured then greatest((object ->> 'amount')::bigint - v_captured, 0) -- more may be captured than was authorized
    else 0
  end;
  v_snapshot.currency := lower(object ->> 'currency');
  v_snapshot.customer_id := payments_private.id_of(object -> 'customer');
  v_snapshot.customer_email := coalesce(object ->> 'receipt_email', object -> 'billing_details' ->> 'email');
  v_snapshot.description := object ->> 'description';
  v_snapshot.subject_type := v_subject.type;
  v_snapshot.subject_id := v_subject.id;
  v_snapshot.provider_created_at := payments_private.instant_of(object -> 'created');
  v_snapshot.failed_at := case when event_type = 'charge.refunded' and v_snapshot.state = 'failed' then snapshot_at end;
  v_snapshot.refunded_at := case when event_type = 'charge.refunded' and v_is_captured then snapshot_at end;

  return row (
    v_snapshot,
    array['payment_intent', 'invoice'],
    array[payments_private.id_of(object -> 'payment_intent'), payments_private.id_of(object -> 'invoice')]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_charge(text, jsonb, text, timestamptz) from public;
--! EndIncluded payment/private/payment_of_charge.sql
--! Included payment/private/payment_of_invoice.sql
/*
 * Invoice → its payment. Until 2025-03-31.basil an invoice names its subscription, PaymentIntent and charge; since then
 * the subscription is under parent, and the tie to the PaymentIntent arrives with invoice_payment.paid, unless payments
 * was expanded or the PaymentIntent names the invoice as its order reference.
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
  v_snapshot payments_private.payment_objects;
  v_status text := coalesce(object ->> 'status', case when (object ->> 'paid')::boolean then 'paid' end);
  v_parent jsonb := coalesce(nullif(object -> 'parent' -> 'subscription_details', 'null'), object -> 'subscription_details');
  v_line jsonb := object -> 'lines' -> 'data' -> 0;
  v_subject payments.billing_subject := payments_private.subject_of(object -> 'metadata');
  v_reference text := left(object ->> 'id', 25); -- as much of it as a PaymentIntent may name
  v_types text[];
  v_ids text[];
begin
  if v_subject.type is null then
    v_subject := payments_private.subject_of(v_parent -> 'metadata');
  end if;
  if v_subject.type is null then
    v_subject := payments_private.subject_of(v_line -> 'metadata');
  end if;

  v_snapshot.environment := payment_of_invoice.environment;
  v_snapshot.object_id := object ->> 'id';
  v_snapshot.object_type := 'invoice';
  v_snapshot.version := payments_private.snapshot_version(
    snapshot_at, event_type, coalesce(v_status in ('paid', 'void'), false)
  );
  v_snapshot.status := v_status;
  v_snapshot.state := case
    when v_status = 'paid' then 'succeeded'
    when event_type = 'invoice.payment_failed' then 'failed'
    -- an attempt counts from its beginning on, and a bank debit takes days
    when coalesce((object ->> 'attempt_count')::integer, 0) > 0
      and (v_status in ('void', 'uncollectible') or object ->> 'next_payment_attempt' is not null)
    then 'failed'
  end;
  v_snapshot.amount := case when v_status = 'paid' then (object ->> 'amount_paid')::bigint else (object ->> 'amount_due')::bigint end;
  v_snapshot.currency := lower(object ->> 'currency');
  v_snapshot.customer_id := payments_private.id_of(object -> 'customer');
  v_snapshot.customer_email := object ->> 'customer_email';
  v_snapshot.description := object ->> 'description';
  v_snapshot.subscription_id := payments_private.id_of(coalesce(nullif(v_parent -> 'subscription', 'null'), object -> 'subscription'));
  v_snapshot.product_id := payments_private.id_of(
    coalesce(v_line -> 'pricing' -> 'price_details' -> 'product', v_line -> 'price' -> 'product', v_line -> 'plan' -> 'product')
  );
  v_snapshot.price_id := payments_private.id_of(
    coalesce(v_line -> 'pricing' -> 'price_details' -> 'price', v_line -> 'price', v_line -> 'plan')
  );
  v_snapshot.subject_type := v_subject.type;
  v_snapshot.subject_id := v_subject.id;
  v_snapshot.provider_created_at := payments_private.instant_of(object -> 'created');
  v_snapshot.succeeded_at := case when v_status = 'paid' then coalesce(
    payments_private.instant_of(object -> 'status_transitions' -> 'paid_at'),
    case when event_type in ('invoice.paid', 'invoice.payment_succeeded') then snapshot_at end
  ) end;
  v_snapshot.failed_at := case when event_type = 'invoice.payment_failed' then snapshot_at end;

  -- link
  select array_agg(p.payment ->> 'type'), array_agg(payments_private.id_of(p.payment -> (p.payment ->> 'type')))
  into v_types, v_ids
  from (select i.item -> 'payment' from jsonb_array_elements(object -> 'payments' -> 'data') as i (item)) as p (payment)
  where p.payment ->> 'type' in ('payment_intent', 'charge');

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
            (o.object_type = 'invoice' and o.object_id <> v_snapshot.object_id)
            or (o.object_type = 'payment_intent' and o.customer_id <> v_snapshot.customer_id)
          )
      )
  ) then
    v_reference := null;
  end if;

  return row (
    v_snapshot,
    array['payment_intent', 'charge', 'order_reference'] || v_types,
    array[
      payments_private.id_of(object -> 'payment_intent'),
      case
        when v_status = 'paid' and (object ->> 'paid_out_of_band')::boolean is distinct from true
        then payments_private.id_of(object -> 'charge') -- one that was declined holds no money
      end,
      v_reference
    ] || v_ids
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_invoice(text, jsonb, text, timestamptz) from public;
--! EndIncluded payment/private/payment_of_invoice.sql
--! Included payment/private/payment_of_invoice_payment.sql
/*
 * Invoice payment → the tie between an invoice and the PaymentIntent or charge that pays it.
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
  v_snapshot payments_private.payment_objects;
begin
  v_snapshot.environment := payment_of_invoice_payment.environment;
  v_snapshot.object_id := object ->> 'id';
  v_snapshot.object_type := 'invoice_payment';
  v_snapshot.version := payments_private.snapshot_version(
    snapshot_at, event_type, coalesce(object ->> 'status' in ('paid', 'canceled'), false)
  );
  v_snapshot.status := object ->> 'status';
  v_snapshot.state := case when object ->> 'status' = 'paid' then 'succeeded' end;
  v_snapshot.amount := coalesce((object ->> 'amount_paid')::bigint, (object ->> 'amount_requested')::bigint);
  v_snapshot.currency := lower(object ->> 'currency');
  v_snapshot.provider_created_at := payments_private.instant_of(object -> 'created');
  v_snapshot.succeeded_at := payments_private.instant_of(object -> 'status_transitions' -> 'paid_at');

  return row (
    v_snapshot,
    array['invoice', 'payment_intent', 'charge'],
    array[
      payments_private.id_of(object -> 'invoice'),
      payments_private.id_of(object -> 'payment' -> 'payment_intent'),
      payments_private.id_of(object -> 'payment' -> 'charge')
    ]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_invoice_payment(text, jsonb, text, timestamptz) from public;
--! EndIncluded payment/private/payment_of_invoice_payment.sql
--! Included payment/private/payment_of_refund.sql
/*
 * Refund → its payment, and a transaction of its own.
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
  v_snapshot payments_private.payment_objects;
  v_status text := coalesce(object ->> 'status', 'pending');
begin
  v_snapshot.environment := payment_of_refund.environment;
  v_snapshot.object_id := object ->> 'id';
  v_snapshot.object_type := 'refund';
  v_snapshot.version := payments_private.snapshot_version(snapshot_at, event_type, v_status in ('failed', 'canceled'));
  v_snapshot.status := v_status;
  v_snapshot.state := case
    when v_status = 'succeeded' then 'succeeded'
    when v_status in ('failed', 'canceled') then 'failed'
    else 'pending'
  end;
  v_snapshot.amount := (object ->> 'amount')::bigint;
  v_snapshot.currency := lower(object ->> 'currency');
  v_snapshot.description := coalesce(object ->> 'description', object ->> 'reason');
  v_snapshot.provider_created_at := payments_private.instant_of(object -> 'created');
  v_snapshot.succeeded_at := case when event_type is not null and v_status = 'succeeded' then snapshot_at end;
  v_snapshot.failed_at := case when event_type is not null and v_snapshot.state = 'failed' then snapshot_at end;

  return row (
    v_snapshot,
    array['charge', 'payment_intent'],
    array[payments_private.id_of(object -> 'charge'), payments_private.id_of(object -> 'payment_intent')]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_refund(text, jsonb, text, timestamptz) from public;
--! EndIncluded payment/private/payment_of_refund.sql
--! Included payment/private/refunds_of_charge.sql
/*
 * The refunds inside of a charge → its payment, as payment_of_refund reads them. Until 2022-11-15 a charge held its latest ones,
 * and no event of their own told of them. An event of their own says more: of the same second it is the newer one.
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
  v_payment payments_private.payment_snapshot;
  v_object payments_private.payment_objects;
  v_payments payments_private.payment_snapshot[];
begin
  if jsonb_typeof(object -> 'refunds' -> 'data') is distinct from 'array' then
    return null;
  end if;
  for v_refund in select r.refund from jsonb_array_elements(object -> 'refunds' -> 'data') as r (refund) loop
    continue when v_refund ->> 'object' is distinct from 'refund' or v_refund ->> 'id' is null;
    v_payment := payments_private.payment_of_refund(
      environment, jsonb_build_object('charge', object -> 'id') || v_refund, null, snapshot_at
    );
    if event_type is not null then
      v_object := v_payment.object;
      v_object.version := payments_private.snapshot_version(snapshot_at, event_type, v_object.state = 'failed', 0);
      v_payment.object := v_object;
    end if;
    v_payments := v_payments || v_payment;
  end loop;
  return v_payments;
end;
$$;

revoke all on function payments_private.refunds_of_charge(text, jsonb, text, timestamptz) from public;
--! EndIncluded payment/private/refunds_of_charge.sql
--! Included payment/private/payment_of_dispute.sql
/*
 * Dispute → shown on the transaction of its payment.
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
  v_snapshot payments_private.payment_objects;
begin
  v_snapshot.environment := payment_of_dispute.environment;
  v_snapshot.object_id := object ->> 'id';
  v_snapshot.object_type := 'dispute';
  v_snapshot.version := payments_private.snapshot_version(
    snapshot_at, event_type, coalesce(object ->> 'status' in ('won', 'lost', 'warning_closed', 'prevented'), false)
  );
  v_snapshot.status := object ->> 'status';
  v_snapshot.amount := (object ->> 'amount')::bigint;
  v_snapshot.currency := lower(object ->> 'currency');
  v_snapshot.provider_created_at := payments_private.instant_of(object -> 'created');

  return row (
    v_snapshot,
    array['charge', 'payment_intent'],
    array[payments_private.id_of(object -> 'charge'), payments_private.id_of(object -> 'payment_intent')]
  )::payments_private.payment_snapshot;
end;
$$;

revoke all on function payments_private.payment_of_dispute(text, jsonb, text, timestamptz) from public;
--! EndIncluded payment/private/payment_of_dispute.sql

-- projections
--! Included projection/private/project_stripe_products.sql
/*
 * Products → payments.stripe_products. Contract: see project_snapshots.
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
  v_places integer[];
  v_applied text[];
  v_known bigint;
begin
  with snapshot as (
    select
      s.place,
      s.object,
      s.object ->> 'id' as id,
      s.is_deleted,
      payments_private.snapshot_version(
        case when s.object ? 'name' then s.snapshot_at else to_timestamp(0) end, -- see project_stripe_customers
        s.event_type,
        s.is_deleted
      ) as version
    from (
      select
        u.*,
        coalesce(u.event_type = 'product.deleted', false) or coalesce((u.object ->> 'deleted')::boolean, false) as is_deleted
      from unnest(project_stripe_products.snapshots) with ordinality as u (object, event_type, snapshot_at, place)
      where u.object ->> 'object' = 'product'
    ) as s
  ),
  applied as (
    insert into payments.stripe_products as t (
      environment, product_id, name, description, active, default_price_id, metadata, raw, deleted, version
    )
    select
      project_stripe_products.environment,
      s.id,
      coalesce(s.object ->> 'name', ''),
      s.object ->> 'description',
      coalesce((s.object ->> 'active')::boolean, false) and not s.is_deleted,
      payments_private.id_of(s.object -> 'default_price'),
      coalesce(nullif(s.object -> 'metadata', 'null'), '{}'),
      s.object,
      s.is_deleted,
      s.version
    from snapshot as s
    on conflict on constraint stripe_products_product_id_key do update
    set name = case when excluded.raw ? 'name' then excluded.name else t.name end,
        description = case when excluded.raw ? 'name' then excluded.description else t.description end,
        active = excluded.active,
        default_price_id = case when excluded.raw ? 'name' then excluded.default_price_id else t.default_price_id end,
        metadata = case when excluded.raw ? 'name' then excluded.metadata else t.metadata end,
        raw = case when excluded.raw ? 'name' then excluded.raw else t.raw end,
        deleted = excluded.deleted,
        version = excluded.version,
        synced_at = now()
    where excluded.version > t.version or (excluded.version = t.version and project_stripe_products.settled)
    returning t.product_id as id
  )
  select array_agg(s.place), array_agg(s.id), array_agg(s.version), array_agg(a.id)
  into v_places, v_ids, v_versions, v_applied
  from snapshot as s
  left join applied as a on a.id = s.id;

  for i in 1 .. cardinality(v_places) loop
    if v_applied[i] is not null then
      outcomes[v_places[i]] := 'applied';
    else
      select t.version into v_known
      from payments.stripe_products as t
      where t.environment = project_stripe_products.environment and t.product_id = v_ids[i];
      outcomes[v_places[i]] := case when v_known = v_versions[i] then 'tie' else 'stale' end;
    end if;
  end loop;
  return outcomes;
end;
$$;

revoke all on function payments_private.project_stripe_products(text, payments_private.snapshot[], boolean, text[]) from public;
--! EndIncluded projection/private/project_stripe_products.sql
--! Included projection/private/project_stripe_prices.sql
/*
 * Prices → payments.stripe_prices. Contract: see project_snapshots.
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
  v_places integer[];
  v_applied text[];
  v_known bigint;
begin
  with snapshot as (
    select
      s.place,
      s.object,
      s.object ->> 'id' as id,
      s.is_deleted,
      payments_private.snapshot_version(
        case when s.object ? 'currency' then s.snapshot_at else to_timestamp(0) end, -- see project_stripe_customers
        s.event_type,
        s.is_deleted
      ) as version
    from (
      select
        u.*,
        coalesce(u.event_type = 'price.deleted', false) or coalesce((u.object ->> 'deleted')::boolean, false) as is_deleted
      from unnest(project_stripe_prices.snapshots) with ordinality as u (object, event_type, snapshot_at, place)
      where u.object ->> 'object' = 'price'
    ) as s
  ),
  applied as (
    insert into payments.stripe_prices as t (
      environment, price_id, product_id, active, currency, unit_amount, unit_amount_decimal, type, lookup_key,
      billing_scheme, tax_behavior, recurring_interval, recurring_interval_count, metadata, raw, deleted, version
    )
    select
      project_stripe_prices.environment,
      s.id,
      payments_private.id_of(s.object -> 'product'),
      coalesce((s.object ->> 'active')::boolean, false) and not s.is_deleted,
      coalesce(lower(s.object ->> 'currency'), ''),
      (s.object ->> 'unit_amount')::bigint,
      s.object ->> 'unit_amount_decimal',
      coalesce(s.object ->> 'type', 'one_time'),
      s.object ->> 'lookup_key',
      s.object ->> 'billing_scheme',
      s.object ->> 'tax_behavior',
      s.object -> 'recurring' ->> 'interval',
      (s.object -> 'recurring' ->> 'interval_count')::integer,
      coalesce(nullif(s.object -> 'metadata', 'null'), '{}'),
      s.object,
      s.is_deleted,
      s.version
    from snapshot as s
    on conflict on constraint stripe_prices_price_id_key do update
    set product_id = coalesce(excluded.product_id, t.product_id),
        active = excluded.active,
        currency = case when excluded.raw ? 'currency' then excluded.currency else t.currency end,
        unit_amount = case when excluded.raw ? 'currency' then excluded.unit_amount else t.unit_amount end,
        unit_amount_decimal = case when excluded.raw ? 'currency' then excluded.unit_amount_decimal else t.unit_amount_decimal end,
        type = case when excluded.raw ? 'currency' then excluded.type else t.type end,
        lookup_key = case when excluded.raw ? 'currency' then excluded.lookup_key else t.lookup_key end,
        billing_scheme = case when excluded.raw ? 'currency' then excluded.billing_scheme else t.billing_scheme end,
        tax_behavior = case when excluded.raw ? 'currency' then excluded.tax_behavior else t.tax_behavior end,
        recurring_interval = case when excluded.raw ? 'currency' then excluded.recurring_interval else t.recurring_interval end,
        recurring_interval_count =
          case when excluded.raw ? 'currency' then excluded.recurring_interval_count else t.recurring_interval_count end,
        metadata = case when excluded.raw ? 'currency' then excluded.metadata else t.metadata end,
        raw = case when excluded.raw ? 'currency' then excluded.raw else t.raw end,
        deleted = excluded.deleted,
        version = excluded.version,
        synced_at = now()
    where excluded.version > t.version or (excluded.version = t.version and project_stripe_prices.settled)
    returning t.price_id as id
  )
  select array_agg(s.place), array_agg(s.id), array_agg(s.version), array_agg(a.id)
  into v_places, v_ids, v_versions, v_applied
  from snapshot as s
  left join applied as a on a.id = s.id;

  for i in 1 .. cardinality(v_places) loop
    if v_applied[i] is not null then
      outcomes[v_places[i]] := 'applied';
    else
      select t.version into v_known
      from payments.stripe_prices as t
      where t.environment = project_stripe_prices.environment and t.price_id = v_ids[i];
      outcomes[v_places[i]] := case when v_known = v_versions[i] then 'tie' else 'stale' end;
    end if;
  end loop;
  return outcomes;
end;
$$;

revoke all on function payments_private.project_stripe_prices(text, payments_private.snapshot[], boolean, text[]) from public;
--! EndIncluded projection/private/project_stripe_prices.sql
--! Included projection/private/project_stripe_customers.sql
/*
 * Customers → payments.customers. A deleted customer keeps its last known name and address, and gives up its place as
 * the customer that new sessions of its subject use. Contract: see project_snapshots.
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
  v_places integer[];
  v_applied text[];
  v_deleted text[];
  v_known bigint;
begin
  with snapshot as (
    select
      s.place,
      s.object,
      s.object ->> 'id' as id,
      s.is_deleted,
      payments_private.snapshot_version(
        case when s.object ? 'created' then s.snapshot_at else to_timestamp(0) end, -- the event of a deletion knows more
        s.event_type,
        s.is_deleted
      ) as version
    from (
      select
        u.*,
        coalesce(u.event_type = 'customer.deleted', false) or coalesce((u.object ->> 'deleted')::boolean, false) as is_deleted
      from unnest(project_stripe_customers.snapshots) with ordinality as u (object, event_type, snapshot_at, place)
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
    set email = case when excluded.raw ? 'created' then excluded.email else t.email end, -- else it is {id, object, deleted}
        name = case when excluded.raw ? 'created' then excluded.name else t.name end,
        phone = case when excluded.raw ? 'created' then excluded.phone else t.phone end,
        deleted = excluded.deleted,
        metadata = case when excluded.raw ? 'created' then excluded.metadata else t.metadata end,
        raw = case when excluded.raw ? 'created' then excluded.raw else t.raw end,
        provider_created_at = coalesce(excluded.provider_created_at, t.provider_created_at),
        version = excluded.version,
        synced_at = now()
    where excluded.version > t.version or (excluded.version = t.version and project_stripe_customers.settled)
    returning t.provider_customer_id as id
  )
  select
    array_agg(s.place),
    array_agg(s.id),
    array_agg(s.version),
    array_agg(a.id),
    array_agg(s.id) filter (where s.is_deleted and a.id is not null)
  into v_places, v_ids, v_versions, v_applied, v_deleted
  from snapshot as s
  left join applied as a on a.id = s.id;

  for i in 1 .. cardinality(v_places) loop
    if v_applied[i] is not null then
      outcomes[v_places[i]] := 'applied';
    else
      select c.version into v_known
      from payments.customers as c
      where c.provider = 'stripe'
        and c.environment = project_stripe_customers.environment
        and c.provider_customer_id = v_ids[i];
      outcomes[v_places[i]] := case when v_known = v_versions[i] then 'tie' else 'stale' end;
    end if;
  end loop;
  if v_deleted is not null then
    perform payments_private.refresh_customer_mappings(project_stripe_customers.environment, v_deleted);
  end if;
  return outcomes;
end;
$$;

revoke all on function payments_private.project_stripe_customers(text, payments_private.snapshot[], boolean, text[]) from public;
--! EndIncluded projection/private/project_stripe_customers.sql
--! Included projection/private/project_subscription_items.sql
/*
 * The items of the subscriptions at the given places → payments.stripe_subscription_items; items that a subscription no
 * longer has are removed, unless the snapshot shows only the first ones. An item's id is made from Stripe's, so that it has the same one when a rebuild takes it away and
 * brings it back.
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
      s.object ->> 'id' as subscription_id
    from unnest(project_subscription_items.snapshots) with ordinality as s (object, event_type, snapshot_at, place)
    cross join lateral jsonb_array_elements(s.object -> 'items' -> 'data') as i (item)
    where s.place = any (project_subscription_items.places)
  ),
  gone as (
    delete from payments.stripe_subscription_items as t
    where t.subscription_id = any (
        array(
          select s.object ->> 'id'
          from unnest(project_subscription_items.snapshots) with ordinality as s (object, event_type, snapshot_at, place)
          where s.place = any (project_subscription_items.places)
            and s.object -> 'items' ->> 'has_more' is distinct from 'true'
        )
      )
      and t.environment = project_subscription_items.environment
      and not exists (select from item as i where i.id = t.subscription_item_id)
  )
  insert into payments.stripe_subscription_items as t (
    id, environment, subscription_item_id, subscription_id, product_id, price_id, quantity, metadata
  )
  select
    payments_private.uuid_of_object(project_subscription_items.environment, i.id),
    project_subscription_items.environment,
    i.id,
    i.subscription_id,
    payments_private.id_of(coalesce(i.item -> 'price' -> 'product', i.item -> 'plan' -> 'product')),
    payments_private.id_of(coalesce(i.item -> 'price', i.item -> 'plan')),
    (i.item ->> 'quantity')::bigint,
    coalesce(nullif(i.item -> 'metadata', 'null'), '{}')
  from item as i
  on conflict on constraint stripe_subscription_items_subscription_item_id_key do update
  set subscription_id = excluded.subscription_id,
      product_id = excluded.product_id,
      price_id = excluded.price_id,
      quantity = excluded.quantity,
      metadata = excluded.metadata
  where (t.subscription_id, t.product_id, t.price_id, t.quantity, t.metadata)
    is distinct from (excluded.subscription_id, excluded.product_id, excluded.price_id, excluded.quantity, excluded.metadata);
end;
$$;

revoke all on function payments_private.project_subscription_items(text, payments_private.snapshot[], integer[]) from public;
--! EndIncluded projection/private/project_subscription_items.sql
--! Included projection/private/project_stripe_subscriptions.sql
/*
 * Subscriptions → payments.stripe_subscriptions and their items. Reads the shapes before and after 2025-03-31.basil, where
 * the period moved from the subscription to its items. The subject comes from the metadata, else from the customer; once
 * the metadata of some snapshot has named it, the earliest such snapshot decides. Answers as well the claims on customers that
 * the snapshots make, and the subscriptions with a subject that is new. Contract: see project_snapshots.
 */
create or replace function payments_private.project_stripe_subscriptions(
  environment text,
  snapshots payments_private.snapshot[],
  tie_is_decided boolean,
  inout outcomes text[],
  out owners payments_private.customer_owners[],
  out owned_ids text[]
)
  returns record
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row record;
  v_known record;
  v_applied integer[] := '{}';
begin
  -- project
  for v_row in
    with snapshot as (
      select
        s.*,
        case when (s.named).type is not null then s.version end as subject_version,
        coalesce((s.named).type, owner.subject_type) as subject_type,
        case when (s.named).type is not null then (s.named).id else owner.subject_id end as subject_id
      from (
        select
          u.place,
          u.object,
          u.object ->> 'id' as id,
          payments_private.id_of(u.object -> 'customer') as customer_id,
          payments_private.snapshot_version(
            u.snapshot_at, u.event_type, u.object ->> 'status' in ('canceled', 'incomplete_expired')
          ) as version,
          payments_private.subject_of(u.object -> 'metadata') as named
        from unnest(project_stripe_subscriptions.snapshots) with ordinality as u (object, event_type, snapshot_at, place)
        where u.object ->> 'object' = 'subscription'
        offset 0 -- each of these is computed once
      ) as s
      left join lateral (
        select c.subject_type, c.subject_id
        from payments_private.customer_owners as c
        where (s.named).type is null
          and c.customer_id = s.customer_id
          and c.environment = project_stripe_subscriptions.environment
        order by c.named_at, c.named_by, c.subject_type, c.subject_id
        limit 1
      ) as owner on true
    ),
    applied as (
      insert into payments.stripe_subscriptions as t (
        environment, subscription_id, customer_id, subject_type, subject_id, subject_version, status,
        current_period_start, current_period_end, cancel_at_period_end, cancel_at, canceled_at, trial_start, trial_end,
        latest_invoice_id, metadata, raw, version
      )
      select
        project_stripe_subscriptions.environment,
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
          metadata = excluded.metadata,
          raw = excluded.raw,
          version = excluded.version,
          synced_at = now()
      where excluded.version > t.version or (excluded.version = t.version and project_stripe_subscriptions.settled)
      returning
        t.subscription_id as id, t.subject_type, t.subject_id, t.subject_version, t.xmax = 0 as is_new
    )
    select
      s.place, s.id, s.customer_id, s.version, s.subject_type, s.subject_id, s.subject_version,
      payments_private.instant_of(s.object -> 'created') as created_at,
      a.id is not null as is_applied,
      a.is_new,
      a.subject_type as row_subject_type,
      a.subject_id as row_subject_id,
      a.subject_version as row_subject_version
    from snapshot as s
    left join applied as a on a.id = s.id
  loop
    if v_row.is_applied then
      outcomes[v_row.place] := 'applied';
      v_applied := v_applied || v_row.place::integer;
    else
      select t.subject_type, t.subject_id, t.subject_version, t.version
      into v_known
      from payments.stripe_subscriptions as t
      where t.subscription_id = v_row.id and t.environment = project_stripe_subscriptions.environment;
      outcomes[v_row.place] := case when v_known.version = v_row.version then 'tie' else 'stale' end;
      v_row.is_new := false;
      v_row.row_subject_type := v_known.subject_type;
      v_row.row_subject_id := v_known.subject_id;
      v_row.row_subject_version := v_known.subject_version;
    end if;

    -- own: a late snapshot may still be the first to name the subject
    if v_row.subject_version is not null
      and (v_row.is_new or v_row.row_subject_version is null or v_row.subject_version < v_row.row_subject_version
        or (v_row.row_subject_type, v_row.row_subject_id) <> (v_row.subject_type, v_row.subject_id))
    then
      owners := owners || row (
        project_stripe_subscriptions.environment, v_row.customer_id, v_row.subject_type, v_row.subject_id,
        coalesce(v_row.created_at, 'infinity'), v_row.id || ' ' || lpad(v_row.version::text, 19, '0')
      )::payments_private.customer_owners;
    end if;
    if v_row.subject_type is null then
      continue;
    elsif v_row.is_new then
      owned_ids := owned_ids || v_row.id; -- inserted with it
    elsif v_row.row_subject_type is null
      or (v_row.row_subject_version is null and v_row.subject_version is not null)
      or (v_row.subject_version, v_row.subject_type, v_row.subject_id) -- of one second, one of them in any order
        < (v_row.row_subject_version, v_row.row_subject_type, v_row.row_subject_id)
    then
      update payments.stripe_subscriptions as t
      set subject_type = v_row.subject_type,
          subject_id = v_row.subject_id,
          subject_version = v_row.subject_version
      where t.subscription_id = v_row.id and t.environment = project_stripe_subscriptions.environment;
      owned_ids := owned_ids || v_row.id;
    end if;
  end loop;

  -- items
  if cardinality(v_applied) > 0 then
    perform payments_private.project_subscription_items(project_stripe_subscriptions.environment, snapshots, v_applied);
  end if;
end;
$$;

revoke all on function payments_private.project_stripe_subscriptions(text, payments_private.snapshot[], boolean, text[])
  from public;
--! EndIncluded projection/private/project_stripe_subscriptions.sql
--! Included projection/private/project_stripe_checkout_sessions.sql
/*
 * Checkout Sessions → payments.stripe_checkout_sessions; answers their payments and their claims on customers as well. A row
 * is found by the session's id, else by client_reference_id, which heals a crash between Stripe and
 * complete_checkout_session. Elsewhere the buyer may choose client_reference_id, on a Payment Link or a pricing table, so a
 * session takes over a row only if it names it in its metadata, or has the mode and the metadata that the row asks for. The subject is the one that the checkout was begun for, else the one that the earliest snapshot names, of
 * those that name one. Contract: see project_snapshots.
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
  v_object jsonb;
  v_place integer := 0;
  v_ids text[]; -- these are by place
  v_references uuid[];
  v_rows jsonb[];
  v_statuses text[];
  v_versions bigint[];
  v_subject_types text[];
  v_subject_ids text[];
  v_subject_versions bigint[];
  v_found record;
  v_named_id text;
  v_row jsonb;
  v_subject payments.billing_subject;
  v_subject_version bigint;
  v_customer_id text;
  v_is_settled boolean;
  v_is_earlier boolean; -- an attempt of a row that has gone on to a newer session
  v_new integer[] := '{}';
  v_changed integer[] := '{}';
  v_owned integer[] := '{}'; -- whose row gets another subject
begin
  -- find
  foreach v_snapshot in array snapshots loop
    v_place := v_place + 1;
    v_object := v_snapshot.object;
    continue when v_object ->> 'object' <> 'checkout.session';
    v_ids[v_place] := v_object ->> 'id';
    if v_object ->> 'payment_link' is null
      and v_object ->> 'client_reference_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    then
      v_references[v_place] := (v_object ->> 'client_reference_id')::uuid;
    end if;
  end loop;
  for v_found in
    select
      t.id, t.checkout_session_id, t.status, t.version, t.attempt, t.customer_id, t.subject_type, t.subject_id,
      t.subject_version, t.mode, t.metadata
    from payments.stripe_checkout_sessions as t
    where t.environment = project_stripe_checkout_sessions.environment
      and (t.checkout_session_id = any (v_ids) or t.id = any (v_references))
    for update
  loop
    v_place := coalesce(
      case when v_found.checkout_session_id is not null then array_position(v_ids, v_found.checkout_session_id) end,
      array_position(v_references, v_found.id)
    );
    v_object := snapshots[v_place].object;
    v_named_id := coalesce(
      v_object -> 'metadata' ->> 'payments_checkout_session_id', v_object -> 'metadata' ->> 'insforge_checkout_session_id'
    );
    continue when v_found.checkout_session_id is distinct from v_ids[v_place]
      and case
        when v_named_id is not null then v_named_id <> v_found.id::text
        else v_object ->> 'mode' <> v_found.mode
          or not coalesce(nullif(v_object -> 'metadata', 'null'), '{}') @> v_found.metadata
      end;
    if v_rows[v_place] is null or v_found.checkout_session_id = v_ids[v_place] then
      v_rows[v_place] := to_jsonb(v_found) - 'metadata';
    end if;
  end loop;

  v_place := 0;
  foreach v_snapshot in array snapshots loop
    v_place := v_place + 1;
    continue when v_ids[v_place] is null;
    v_object := v_snapshot.object;
    v_row := v_rows[v_place];

    -- read
    v_statuses[v_place] := case
      when v_object ->> 'status' = 'complete' then 'completed'
      when v_object ->> 'status' in ('open', 'expired') then v_object ->> 'status'
      when v_snapshot.event_type = 'checkout.session.expired' then 'expired'
      when v_snapshot.event_type is not null or v_object ->> 'payment_status' in ('paid', 'no_payment_required') then 'completed'
      else 'open'
    end;
    v_is_settled := v_statuses[v_place] = 'completed'
      and coalesce(v_object ->> 'payment_status' in ('paid', 'no_payment_required'), false);
    v_versions[v_place] := payments_private.snapshot_version(
      v_snapshot.snapshot_at,
      v_snapshot.event_type,
      v_is_settled or v_statuses[v_place] = 'expired',
      case when v_snapshot.event_type like '%.async_payment_%' then 4 end
    );
    v_is_earlier := v_row is not null
      and v_row ->> 'checkout_session_id' is distinct from v_ids[v_place]
      and (
        v_row ->> 'checkout_session_id' is not null
        or coalesce(v_object -> 'metadata' ->> 'payments_attempt', v_row ->> 'attempt') <> v_row ->> 'attempt'
      );

    -- compare
    outcomes[v_place] := 'applied';
    if v_is_earlier then
      outcomes[v_place] := 'stale';
    elsif v_row is null then
      if v_object ->> 'mode' in ('payment', 'subscription') then
        v_new := v_new || v_place;
      end if;
    else
      if v_versions[v_place] > (v_row ->> 'version')::bigint
        or (v_versions[v_place] = (v_row ->> 'version')::bigint and settled)
      then
        v_changed := v_changed || v_place;
      elsif v_versions[v_place] = (v_row ->> 'version')::bigint and v_statuses[v_place] <> v_row ->> 'status' then
        outcomes[v_place] := 'tie';
      else
        outcomes[v_place] := 'stale';
      end if;
    end if;

    -- own
    v_subject := payments_private.subject_of(v_object -> 'metadata');
    v_subject_version := case when v_subject.type is not null then v_versions[v_place] end;
    if v_row ->> 'subject_type' is not null
      and (
        v_subject.type is null
        or v_row ->> 'subject_version' is null
        or ((v_row ->> 'subject_version')::bigint, v_row ->> 'subject_type', v_row ->> 'subject_id')
          <= (v_subject_version, v_subject.type, v_subject.id)
      )
    then
      v_subject := row (v_row ->> 'subject_type', v_row ->> 'subject_id');
      v_subject_version := coalesce((v_row ->> 'subject_version')::bigint, 0);
    elsif v_row is not null and v_subject.type is not null and not v_is_earlier then
      v_owned := v_owned || v_place;
    end if;
    v_subject_types[v_place] := v_subject.type;
    v_subject_ids[v_place] := v_subject.id;
    v_subject_versions[v_place] := v_subject_version;
    v_customer_id := coalesce(
      payments_private.id_of(v_object -> 'customer'), case when not v_is_earlier then v_row ->> 'customer_id' end
    );
    if v_subject.type is not null and v_customer_id is not null then
      owners := owners || row (
        project_stripe_checkout_sessions.environment, v_customer_id, v_subject.type, v_subject.id,
        coalesce(payments_private.instant_of(v_object -> 'created'), 'infinity'),
        v_ids[v_place] || ' ' || lpad(v_subject_version::text, 19, '0')
      )::payments_private.customer_owners;
    end if;

    -- pay: a session says something of money once it is complete; that of a subscription is its invoice's, which bodies of
    -- before 2023 do not name
    if v_statuses[v_place] = 'completed'
      and (v_object ->> 'mode' = 'payment'
        or (v_object ->> 'mode' = 'subscription' and payments_private.id_of(v_object -> 'invoice') is not null))
    then
      payments[v_place] := payments_private.payment_of_checkout_session(
        environment, v_object, v_snapshot.event_type, v_snapshot.snapshot_at, v_versions[v_place], v_is_settled, v_subject,
        v_subject_version
      );
    elsif v_place = any (v_owned) and v_row ->> 'status' = 'completed' and exists (
      select
      from payments_private.payment_objects as o
      where o.object_id = v_ids[v_place] and o.environment = project_stripe_checkout_sessions.environment and o.version > 0
    ) then
      -- it names the subject of what is paid already: of version 1 nothing else is shown
      payments[v_place] := payments_private.payment_of_checkout_session(
        environment, v_object, null, v_snapshot.snapshot_at, 1, false, v_subject, v_subject_version
      );
    end if;
  end loop;

  -- project
  if cardinality(v_new) > 0 then
    insert into payments.stripe_checkout_sessions (
      environment, mode, status, payment_status, subject_type, subject_id, subject_version, success_url, cancel_url, metadata,
      checkout_session_id, customer_id, payment_intent_id, subscription_id, url, expires_at, raw, version, caller_id
    )
    select
      project_stripe_checkout_sessions.environment,
      s.object ->> 'mode',
      v_statuses[s.place],
      s.object ->> 'payment_status',
      v_subject_types[s.place],
      v_subject_ids[s.place],
      v_subject_versions[s.place],
      coalesce(s.object ->> 'success_url', s.object ->> 'return_url', ''),
      coalesce(s.object ->> 'cancel_url', ''),
      coalesce(nullif(s.object -> 'metadata', 'null'), '{}'),
      s.object ->> 'id',
      payments_private.id_of(s.object -> 'customer'),
      payments_private.id_of(s.object -> 'payment_intent'),
      payments_private.id_of(s.object -> 'subscription'),
      s.object ->> 'url',
      payments_private.instant_of(s.object -> 'expires_at'),
      s.object,
      v_versions[s.place],
      null
    from unnest(snapshots) with ordinality as s (object, event_type, snapshot_at, place)
    where s.place = any (v_new);
  end if;
  if cardinality(v_changed) > 0 then
    update payments.stripe_checkout_sessions as t
    set checkout_session_id = s.object ->> 'id',
        status = v_statuses[s.place],
        payment_status = s.object ->> 'payment_status',
        customer_id = coalesce(payments_private.id_of(s.object -> 'customer'), t.customer_id),
        payment_intent_id = coalesce(payments_private.id_of(s.object -> 'payment_intent'), t.payment_intent_id),
        subscription_id = coalesce(payments_private.id_of(s.object -> 'subscription'), t.subscription_id),
        url = coalesce(s.object ->> 'url', t.url),
        expires_at = coalesce(payments_private.instant_of(s.object -> 'expires_at'), t.expires_at),
        metadata = case
          when t.request_hash is null then coalesce(nullif(s.object -> 'metadata', 'null'), '{}') -- not begun here
          else t.metadata
        end,
        last_error = null,
        stripe_may_have_acted = false,
        raw = s.object,
        version = v_versions[s.place]
    from unnest(snapshots) with ordinality as s (object, event_type, snapshot_at, place)
    where s.place = any (v_changed) and t.id = (v_rows[s.place] ->> 'id')::uuid;
  end if;
  if cardinality(v_owned) > 0 then
    update payments.stripe_checkout_sessions as t
    set subject_type = v_subject_types[s.place],
        subject_id = v_subject_ids[s.place],
        subject_version = v_subject_versions[s.place]
    from unnest(v_owned) as s (place)
    where t.id = (v_rows[s.place] ->> 'id')::uuid;
  end if;
end;
$$;

revoke all on function payments_private.project_stripe_checkout_sessions(text, payments_private.snapshot[], boolean, text[])
  from public;
--! EndIncluded projection/private/project_stripe_checkout_sessions.sql
--! Included projection/private/project_snapshots.sql
/*
 * Takes snapshots of Stripe objects that have no id in common (see waves_of), each kind by its projector.
 *
 * A projector writes all snapshots of its kind in one statement, sets outcomes at their places and returns it:
 *   applied  the rows show the snapshot now
 *   stale    they show a newer one
 *   tie      they show another one of the same second, which only the ledger or Stripe can order
 * event_type is null for an answer of the API. settled = true says that a tie was decided for these snapshots; an answer of
 * the API always wins one. A kind that is not projected is answered as ignored.
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
  -- plans that depend neither on how full the tables were nor on how many objects came when they were made
  set plan_cache_mode = force_generic_plan
  set enable_seqscan = off
  set enable_hashjoin = off
  set enable_mergejoin = off
as $$
declare
  v_snapshot payments_private.snapshot;
  v_kinds text[];
  v_outcomes text[] := array_fill('ignored'::text, array[coalesce(cardinality(snapshots), 0)]);
  v_is_settled boolean := settled or snapshots[1].event_type is null;
  v_payments payments_private.payment_snapshot[];
  v_refunds payments_private.payment_snapshot[]; -- that come inside of a charge
  v_subscriptions record;
  v_sessions record;
  v_owners payments_private.customer_owners[];
  v_owned_ids text[]; -- subscriptions whose subject is new
  v_moved_ids text[]; -- customers that belong to another subject now
  v_place integer := 0;
begin
  foreach v_snapshot in array snapshots loop
    v_place := v_place + 1;
    v_kinds[v_place] := v_snapshot.object ->> 'object';
  end loop;

  -- catalogue, customers, subscriptions, checkouts
  if 'product' = any (v_kinds) then
    v_outcomes := payments_private.project_stripe_products(environment, snapshots, v_is_settled, v_outcomes);
  end if;
  if 'price' = any (v_kinds) then
    v_outcomes := payments_private.project_stripe_prices(environment, snapshots, v_is_settled, v_outcomes);
  end if;
  if 'customer' = any (v_kinds) then
    v_outcomes := payments_private.project_stripe_customers(environment, snapshots, v_is_settled, v_outcomes);
  end if;
  if 'subscription' = any (v_kinds) then
    v_subscriptions := payments_private.project_stripe_subscriptions(environment, snapshots, v_is_settled, v_outcomes);
    v_outcomes := v_subscriptions.outcomes;
    v_owners := v_subscriptions.owners;
    v_owned_ids := v_subscriptions.owned_ids;
  end if;
  if 'checkout.session' = any (v_kinds) then
    v_sessions := payments_private.project_stripe_checkout_sessions(environment, snapshots, v_is_settled, v_outcomes);
    v_outcomes := v_sessions.outcomes;
    v_payments := v_sessions.payments;
    v_owners := v_owners || v_sessions.owners;
  end if;

  -- own
  if v_owners is not null then
    v_moved_ids := payments_private.assign_customers(environment, v_owners);
  end if;
  if v_owned_ids is not null or v_moved_ids is not null then
    perform payments_private.refresh_payments(environment, v_owned_ids, v_moved_ids);
  end if;

  -- payments
  v_place := 0;
  foreach v_snapshot in array snapshots loop
    v_place := v_place + 1;
    case v_kinds[v_place]
      when 'invoice' then
        v_payments[v_place] := payments_private.payment_of_invoice(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
      when 'invoice_payment' then
        v_payments[v_place] := payments_private.payment_of_invoice_payment(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
      when 'payment_intent' then
        v_payments[v_place] := payments_private.payment_of_payment_intent(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
      when 'charge' then
        v_payments[v_place] := payments_private.payment_of_charge(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
        if v_snapshot.object -> 'refunds' ? 'data' then
          v_refunds := v_refunds || payments_private.refunds_of_charge(
            environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
          );
        end if;
      when 'refund' then
        v_payments[v_place] := payments_private.payment_of_refund(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
      when 'dispute' then
        v_payments[v_place] := payments_private.payment_of_dispute(
          environment, v_snapshot.object, v_snapshot.event_type, v_snapshot.snapshot_at
        );
      else
        null;
    end case;
  end loop;
  if v_payments is not null then
    v_outcomes := payments_private.put_payment_objects(environment, v_payments, v_is_settled, v_outcomes);
  end if;
  if v_refunds is not null then
    perform payments_private.put_payment_objects(environment, v_refunds, true, '{}');
  end if;
  return v_outcomes;
end;
$$;

revoke all on function payments_private.project_snapshots(text, payments_private.snapshot[], boolean) from public;
--! EndIncluded projection/private/project_snapshots.sql
--! Included projection/private/project_stripe_object.sql
/*
 * Projects one Stripe object. event_type is null for an answer of the API. Answers what project_snapshots does.
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
      environment, array[row (object, event_type, snapshot_at)::payments_private.snapshot], settled
    )
  )[1];
end;
$$;

revoke all on function payments_private.project_stripe_object(text, jsonb, text, timestamptz, boolean) from public;
--! EndIncluded projection/private/project_stripe_object.sql
--! Included projection/private/project_answers.sql
/*
 * Projects answers of the API whose ids are locked, in waves of which each is set-based. Answers the outcome of each in the
 * same order; see project_snapshots.
 */
create or replace function payments_private.project_answers(environment text, objects jsonb[], snapshot_at timestamptz)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_waves integer[] := payments_private.waves_of(objects);
  v_places integer[];
  v_snapshots payments_private.snapshot[];
  v_wave text[];
  v_outcomes text[] := '{}';
begin
  for v_number in 1 .. coalesce((select max(w.wave) from unnest(v_waves) as w (wave)), 0) loop
    select
      array_agg(row (o.object, null, project_answers.snapshot_at)::payments_private.snapshot order by o.place),
      array_agg(o.place order by o.place)
    into v_snapshots, v_places
    from unnest(objects) with ordinality as o (object, place)
    where v_waves[o.place] = v_number;
    v_wave := payments_private.project_snapshots(environment, v_snapshots);
    for i in 1 .. cardinality(v_places) loop
      v_outcomes[v_places[i]] := v_wave[i];
    end loop;
  end loop;
  return v_outcomes;
end;
$$;

revoke all on function payments_private.project_answers(text, jsonb[], timestamptz) from public;
--! EndIncluded projection/private/project_answers.sql
--! Included projection/project_stripe_objects.sql
/*
 * Takes answers of the Stripe API into the projections. snapshot_at is the instant at which they were true: the Date
 * header of Stripe's answer, less the time the request took, less one second. An older snapshot than the row shows
 * changes nothing. Answers how many objects were newer than what was known.
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
  -- guard
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

  -- lock
  perform payments_private.lock_environment(environment);
  v_objects := array(select o.object from jsonb_array_elements(objects) as o (object));
  perform payments_private.lock_ids(environment, payments_private.ids_of(v_objects));

  -- project
  return (
    select count(*)
    from unnest(payments_private.project_answers(environment, v_objects, snapshot_at)) as o (outcome)
    where o.outcome = 'applied'
  );
end;
$$;

comment on function payments.project_stripe_objects(text, jsonb, timestamptz) is
  'Takes answers of the Stripe API into the projections, unless newer state is known. snapshot_at: the instant at which they were true. Answers how many were applied. Errors: SP001, SP005.';

revoke all on function payments.project_stripe_objects(text, jsonb, timestamptz) from public;
grant execute on function payments.project_stripe_objects(text, jsonb, timestamptz) to payments_service;
--! EndIncluded projection/project_stripe_objects.sql

-- ledger
--! Included projection/private/last_event_of_second.sql
/*
 * The event that came last among those about one object in the same second, whole seconds being all that Stripe gives.
 * Each update leads from the state that previous_attributes describe to the state it carries. Walked in order, the
 * updates form one path, so the state that is entered once more often than it is left is the end. When the path ends
 * where it began, the beginning tells: the created event of that second, or the last state of the second before. Where events are still
 * missing, an event whose former values match another's object came after it. Null when none of this decides, or when an
 * event of the second is pruned.
 * event is the one that is being processed, of that second or an earlier one; the ledger holds the others.
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
  v_events jsonb[];
  v_before jsonb[] := '{}';
  v_after jsonb[] := '{}';
  v_ends jsonb[];
  v_start jsonb;
  v_state jsonb;
  v_last jsonb;
  v_earlier timestamptz;
begin
  select array_agg(e.payload order by e.payload ->> 'id')
  into v_events
  from (
    select w.payload
    from payments.webhook_events as w
    where w.environment = last_event_of_second.environment
      and w.object_type = v_object_type
      and w.object_id = v_object_id
      and w.provider_created_at = last_event_of_second.second
      and w.processing_status <> 'ignored'
      and w.provider_event_id <> event ->> 'id'
    union all
    select event
    where v_created = last_event_of_second.second
  ) as e;
  if v_events is null or '{}'::jsonb = any (v_events) then
    return null;
  end if;

  for i in 1 .. cardinality(v_events) loop
    v_state := v_events[i] -> 'data' -> 'object';
    v_after[i] := jsonb_strip_nulls(v_state);
    v_before[i] := jsonb_strip_nulls(
      payments_private.overlay(
        v_state,
        case jsonb_typeof(v_events[i] -> 'data' -> 'previous_attributes')
          when 'object' then v_events[i] -> 'data' -> 'previous_attributes'
          else '{}'
        end
      )
    );
    if v_events[i] ->> 'type' like '%.created' then
      v_start := v_after[i];
    end if;
  end loop;

  -- path
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

  if cardinality(v_ends) = 1 then
    v_last := v_ends[1];
  elsif v_ends is null then
    if v_start is null and (select count(distinct a.state) from unnest(v_after) as a (state)) = 1 then
      v_start := v_after[1];
    end if;
    if v_start is null then
      -- before
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
  else
    -- gaps: the one end whose former values match every other end, and that no other end follows
    select array_agg(x.state)
    into v_ends
    from (
      select v_after[i] as state
      from generate_subscripts(v_after, 1) as i
      where v_after[i] = any (v_ends)
        and not exists (
          select
          from generate_subscripts(v_after, 1) as j
          where v_after[j] = any (v_ends)
            and v_after[j] <> v_after[i]
            and not (
              v_events[i] ->> 'api_version' = v_events[j] ->> 'api_version' -- else their shapes cannot be compared
              and payments_private.follows(v_events[i], v_events[j])
              and not payments_private.follows(v_events[j], v_events[i])
            )
        )
    ) as x;
    v_last := case when cardinality(v_ends) = 1 then v_ends[1] end;
  end if;

  -- the event that carries the last state; an update rather than the created event
  return (
    select v_events[i]
    from generate_subscripts(v_after, 1) as i
    where v_after[i] = v_last
    order by v_events[i] ->> 'type' like '%.created', v_before[i] <> v_after[i] desc, v_events[i] ->> 'id'
    limit 1
  );
end;
$$;

revoke all on function payments_private.last_event_of_second(text, jsonb, timestamptz) from public;
--! EndIncluded projection/private/last_event_of_second.sql
--! Included projection/private/settle_event.sql
/*
 * Orders an event whose object met another snapshot of the same second, or a newer one: the ledger is asked which event of
 * the second came last, and that one is projected. A late event may be what was missing to order a second that is there
 * already, so it is asked then as well. Answers the objects that only Stripe can decide; see project_events.
 */
create or replace function payments_private.settle_event(environment text, event jsonb, outcome text)
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
    where w.environment = settle_event.environment
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

revoke all on function payments_private.settle_event(text, jsonb, text) from public;
--! EndIncluded projection/private/settle_event.sql
--! Included projection/private/project_events.sql
/*
 * Projects the objects of those of the events whose status is to be processed. Answers for each event the objects that only
 * Stripe can decide, or that the event shows in part: [{"object": "subscription", "id": "sub_…"}], mostly empty.
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
  v_places integer[] := '{}';
  v_outcomes text[];
  v_fetches jsonb[] := array_fill('[]'::jsonb, array[cardinality(events)]);
begin
  for v_place in 1 .. cardinality(events) loop
    if statuses[v_place] = 'processed' then
      v_snapshots := v_snapshots || row (
        events[v_place] -> 'data' -> 'object',
        events[v_place] ->> 'type',
        payments_private.instant_of(events[v_place] -> 'created')
      )::payments_private.snapshot;
      v_places := v_places || v_place;
    end if;
  end loop;
  if v_snapshots is null then
    return v_fetches;
  end if;

  v_outcomes := payments_private.project_snapshots(environment, v_snapshots);
  for i in 1 .. cardinality(v_outcomes) loop
    if v_outcomes[i] in ('stale', 'tie') then
      v_fetches[v_places[i]] := payments_private.settle_event(environment, events[v_places[i]], v_outcomes[i]);
    elsif v_snapshots[i].object -> 'items' ->> 'has_more' = 'true' and v_outcomes[i] = 'applied' then
      v_fetches[v_places[i]] := jsonb_build_array(
        jsonb_build_object('object', v_snapshots[i].object ->> 'object', 'id', v_snapshots[i].object ->> 'id')
      );
    end if;
  end loop;
  return v_fetches;
end;
$$;

revoke all on function payments_private.project_events(text, jsonb[], text[]) from public;
--! EndIncluded projection/private/project_events.sql
--! Included ledger/private/record_events.sql
/*
 * Writes what became of events to the ledger, which is where the app's fulfilment triggers fire. Answers a list of what
 * payments.ingest_webhook_event answers, in the same order.
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
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_results jsonb[];
begin
  with recorded as (
    insert into payments.webhook_events as w (
      environment, provider_event_id, event_type, livemode, object_type, object_id, provider_account_id,
      provider_created_at, payload, processing_status, attempt_count, last_error, processed_at, next_attempt_at
    )
    select
      record_events.environment,
      record_events.ids[e.place],
      e.event ->> 'type',
      (e.event ->> 'livemode')::boolean,
      e.event -> 'data' -> 'object' ->> 'object',
      e.event -> 'data' -> 'object' ->> 'id',
      e.event ->> 'account',
      to_timestamp((e.event -> 'created')::double precision),
      e.event,
      record_events.statuses[e.place],
      1,
      record_events.error,
      case when record_events.statuses[e.place] <> 'failed' then now() end,
      case when record_events.statuses[e.place] = 'failed' then now() + payments_private.retry_delay(1) end
    from unnest(record_events.events) with ordinality as e (event, place)
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
  select array_agg(
    jsonb_build_object(
      'status', record_events.statuses[e.place],
      'event', to_jsonb(r),
      'fetch', record_events.fetches[e.place]
    )
    order by e.place
  )
  into v_results
  from recorded as r
  join unnest(record_events.ids) with ordinality as e (id, place) on e.id = r.provider_event_id;
  return v_results;
end;
$$;

revoke all on function payments_private.record_events(text, jsonb[], text[], text[], jsonb[], text) from public;
--! EndIncluded ledger/private/record_events.sql
--! Included ledger/private/duplicate_results.sql
/*
 * What payments.ingest_webhook_event answers for events that are finished already, each at the place of its id: its row
 * comes without its payload. Null at the place of every other event.
 */
create or replace function payments_private.duplicate_results(environment text, ids text[])
  returns jsonb[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan -- else every list is planned for anew, which takes longer than reading it
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

revoke all on function payments_private.duplicate_results(text, text[]) from public;
--! EndIncluded ledger/private/duplicate_results.sql
--! Included connection/private/is_own_account.sql
/*
 * Whether a connected account named by an event is the account that this environment is connected to. Stripe names one only
 * in events of Connect; while nothing says which account is ours, none is.
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

revoke all on function payments_private.is_own_account(text, text) from public;
--! EndIncluded connection/private/is_own_account.sql
--! Included ledger/private/process_events.sql
/*
 * Processes events whose ids are locked and of which no two have one in common: projects them and writes them to the
 * ledger, which is where the app's fulfilment triggers fire, so that what these do and the rows commit together. Each event
 * stands for itself: if anything raises, each is processed alone; of the one that raises the projections alone are made
 * again, and it is kept as failed. An event that is finished changes nothing, unless it is to be processed again.
 * Answers a list in the same order of {status, event, fetch}, as payments.ingest_webhook_event does.
 */
create or replace function payments_private.process_events(environment text, payloads jsonb[], reprocess boolean default false)
  returns jsonb[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ids text[];
  v_results jsonb[];
  v_places integer[] := '{}'; -- of the events to record, with what becomes of each
  v_events jsonb[] := '{}';
  v_event_ids text[] := '{}';
  v_statuses text[] := '{}';
  v_error text;
  v_fetches jsonb[];
  v_recorded jsonb[];
begin
  -- seen before
  for v_place in 1 .. cardinality(payloads) loop
    v_ids[v_place] := payloads[v_place] ->> 'id';
  end loop;
  if not again then
    v_results := payments_private.duplicate_results(environment, v_ids);
  end if;

  -- not ours
  for v_place in 1 .. cardinality(payloads) loop
    continue when v_results[v_place] is not null;
    v_places := v_places || v_place;
    v_events := v_events || payloads[v_place];
    v_event_ids := v_event_ids || v_ids[v_place];
    if payments_private.is_projected_event(payloads[v_place] ->> 'type')
      and (payloads[v_place] ->> 'account' is null
        or payments_private.is_own_account(environment, payloads[v_place] ->> 'account'))
    then
      v_statuses := v_statuses || 'processed'::text;
    else
      v_statuses := v_statuses || 'ignored'::text;
    end if;
  end loop;
  if v_places = '{}' then
    return v_results;
  end if;

  -- project and fulfil
  begin
    v_fetches := payments_private.project_events(environment, v_events, v_statuses);
    v_recorded := payments_private.record_events(environment, v_events, v_event_ids, v_statuses, v_fetches);
    set constraints all immediate; -- what the app has deferred fails here, where it is kept, and not at the commit
    set constraints all deferred;
  exception
    when others or assert_failure or query_canceled then
      if sqlstate = '57014' and cardinality(v_places) > 1 then
        raise; -- time is up: each event is given its own by a call of its own
      end if;
      v_error := sqlerrm || ' (' || sqlstate || ')';
  end;

  if v_error is not null then
    if cardinality(v_places) > 1 then
      -- one by one; what rolled back has let go of the payments
      perform payments_private.lock_payments_of(environment, payments_private.ids_of(v_events));
      for i in 1 .. cardinality(v_places) loop
        v_recorded[i] := (payments_private.process_events(environment, array[v_events[i]], again))[1];
      end loop;
    else
      -- keep: the state is right while fulfilment is being mended
      begin
        v_fetches := payments_private.project_events(environment, v_events, v_statuses);
      exception
        when others then
          v_fetches := array['[]'::jsonb];
      end;
      v_recorded := payments_private.record_events(
        environment, v_events, v_event_ids, array['failed'], v_fetches, v_error
      );
    end if;
  end if;
  for i in 1 .. cardinality(v_places) loop
    v_results[v_places[i]] := v_recorded[i];
  end loop;
  return v_results;
end;
$$;

revoke all on function payments_private.process_events(text, jsonb[], boolean) from public;
--! EndIncluded ledger/private/process_events.sql
--! Included ledger/private/ingest_events.sql
/*
 * Takes events that have no problem (event_problem): locks everything that they are about, at once and in order, and
 * processes them in waves of which each is set-based. Answers a list of what payments.ingest_webhook_event answers.
 */
create or replace function payments_private.ingest_events(environment text, payloads jsonb[])
  returns jsonb[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_places integer[];
  v_waves integer[];
  v_wave jsonb[];
  v_results jsonb[];
  v_processed jsonb[];
begin
  -- lock
  perform payments_private.lock_environment(environment);
  perform payments_private.lock_ids(environment, payments_private.ids_of(payloads));

  -- process
  if cardinality(payloads) = 0 then
    return '{}';
  end if;
  if cardinality(payloads) = 1 then
    return payments_private.process_events(environment, payloads);
  end if;
  v_waves := payments_private.waves_of(payloads);
  for v_number in 1 .. (select max(w.wave) from unnest(v_waves) as w (wave)) loop
    select array_agg(p.payload order by p.place), array_agg(p.place order by p.place)
    into v_wave, v_places
    from unnest(payloads) with ordinality as p (payload, place)
    where v_waves[p.place] = v_number;
    v_processed := payments_private.process_events(environment, v_wave);
    for i in 1 .. cardinality(v_places) loop
      v_results[v_places[i]] := v_processed[i];
    end loop;
  end loop;
  return v_results;
end;
$$;

revoke all on function payments_private.ingest_events(text, jsonb[]) from public;
--! EndIncluded ledger/private/ingest_events.sql
--! Included ledger/private/event_problem.sql
/*
 * Why a body is not a Stripe event of this environment, as a sentence; null when it is one.
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
    return 'The body is not a Stripe event: its ids have at most 255 characters, and its instant is one of our time.';
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

revoke all on function payments_private.event_problem(text, jsonb) from public;
--! EndIncluded ledger/private/event_problem.sql
--! Included ledger/ingest_webhook_event.sql
/*
 * Takes one verified Stripe event: projects it, keeps it in the ledger and lets the app's fulfilment triggers run, all in
 * one transaction. The caller has checked the signature.
 *
 * What an app hangs on it: `after insert or update` triggers on payments.webhook_events that act when
 * new.processing_status = 'processed'. If one raises, the event is kept as failed, with the projections in place, and is
 * tried again when Stripe redelivers it.
 *
 * Answers {status, event, fetch}: status processed, ignored, duplicate or failed; event the ledger row without payload;
 * fetch the objects to read from Stripe and hand to project_stripe_objects.
 */
create or replace function payments.ingest_webhook_event(environment text, payload jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem text;
begin
  -- guard
  perform payments_private.check_environment(environment);
  v_problem := payments_private.event_problem(environment, payload);
  if v_problem is not null then
    raise exception '%', v_problem
      using errcode = 'SP005',
            hint = 'Let the Stripe webhook endpoint of each mode, and nobody else, deliver to the address of its environment.';
  end if;

  return (payments_private.ingest_events(environment, array[payload]))[1];
end;
$$;

comment on function payments.ingest_webhook_event(text, jsonb) is
  'Takes one verified Stripe event: projects it, keeps it in payments.webhook_events and runs the app''s triggers there, in one transaction. Answers {status, event, fetch}. Errors: SP001 environment, SP005 not an event of this environment.';

revoke all on function payments.ingest_webhook_event(text, jsonb) from public;
grant execute on function payments.ingest_webhook_event(text, jsonb) to payments_service;
--! EndIncluded ledger/ingest_webhook_event.sql
--! Included ledger/ingest_webhook_events.sql
/*
 * Takes several verified Stripe events in one call and one transaction: what a handler does with deliveries that are
 * waiting anyway. Each event stands for itself: one that fails is kept as failed, one that is refused is answered as
 * refused, and the others commit. At most 64, so that the subtransactions of events that have to be taken one by one fit
 * their cache.
 * Answers a list in the same order, of what ingest_webhook_event answers, or {status: "refused", error, code}.
 */
create or replace function payments.ingest_webhook_events(environment text, payloads jsonb)
  returns jsonb
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_payload jsonb;
  v_payloads jsonb[] := '{}'; -- those that are not refused
  v_places integer[] := '{}';
  v_problem text;
  v_results jsonb[] := '{}';
  v_processed jsonb[];
  v_place integer := 0;
begin
  -- guard
  perform payments_private.check_environment(environment);
  if jsonb_typeof(payloads) is distinct from 'array' or jsonb_array_length(payloads) > 64 then
    raise exception 'payloads must be a list of at most 64 Stripe events.'
      using errcode = 'SP001', hint = 'Send the events in smaller lists.';
  end if;
  for v_payload in select p.payload from jsonb_array_elements(payloads) as p (payload) loop
    v_place := v_place + 1;
    v_problem := payments_private.event_problem(environment, v_payload);
    if v_problem is null then
      v_payloads := v_payloads || v_payload;
      v_places := v_places || v_place;
    else
      v_results[v_place] := jsonb_build_object('status', 'refused', 'error', v_problem, 'code', 'SP005');
    end if;
  end loop;

  -- process
  v_processed := payments_private.ingest_events(environment, v_payloads);
  for i in 1 .. cardinality(v_places) loop
    v_results[v_places[i]] := v_processed[i];
  end loop;
  return to_jsonb(v_results);
end;
$$;

comment on function payments.ingest_webhook_events(text, jsonb) is
  'Takes up to 64 verified Stripe events in one transaction, each for itself, and answers a list of what ingest_webhook_event answers, or {status: refused, error, code}. Errors: SP001.';

revoke all on function payments.ingest_webhook_events(text, jsonb) from public;
grant execute on function payments.ingest_webhook_events(text, jsonb) to payments_service;
--! EndIncluded ledger/ingest_webhook_events.sql
--! Included ledger/private/process_again.sql
/*
 * Processes one event of the ledger again, whose ids are locked. Where not even the failure can be kept, because a trigger of
 * the app raises for failed rows as well, the attempt alone is counted, so that the event does not stand in the way of the
 * others for ever. Answers what payments.ingest_webhook_event answers.
 */
create or replace function payments_private.process_again(environment text, payload jsonb, again boolean default false)
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
    return (payments_private.process_events(environment, array[payload], again))[1];
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
      and w.environment = process_again.environment
      and w.provider_event_id = process_again.payload ->> 'id'
      and w.processing_status in ('pending', 'failed'); -- which is not set, so that triggers on it do not fire
  exception
    when others or assert_failure then null; -- a trigger on every update raises here, too: the next attempt comes at once
  end;
  return jsonb_build_object('status', 'failed', 'event', jsonb_build_object('last_error', v_error), 'fetch', jsonb_build_array());
end;
$$;

revoke all on function payments_private.process_again(text, jsonb, boolean) from public;
--! EndIncluded ledger/private/process_again.sql
--! Included ledger/retry_webhook_events.sql
/*
 * Tries failed events again whose time has come, the longest waiting first. Meant for a schedule (sql/templates); several
 * at once share the work, because an event that somebody else is at is skipped, not waited for.
 */
create or replace function payments.retry_webhook_events(max integer default 100)
  returns table (environment text, provider_event_id text, processing_status text, last_error text)
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the tables
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_event payments.webhook_events;
  v_result jsonb;
begin
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
    v_result := payments_private.process_again(v_event.environment, v_event.payload);
    continue when v_result ->> 'status' = 'duplicate'; -- somebody else finished it meanwhile
    environment := v_event.environment;
    provider_event_id := v_event.provider_event_id;
    processing_status := v_result ->> 'status';
    last_error := v_result -> 'event' ->> 'last_error';
    return next;
    exit when last_error like '%(57014)'; -- time is up; the others are tried the next time
  end loop;
end;
$$;

comment on function payments.retry_webhook_events(integer) is
  'Tries up to max failed events again whose time has come, and answers what became of each. Safe to run several at once.';

revoke all on function payments.retry_webhook_events(integer) from public;
grant execute on function payments.retry_webhook_events(integer) to payments_service;
--! EndIncluded ledger/retry_webhook_events.sql
--! Included ledger/replay_webhook_events.sql
/*
 * Processes kept events once more, fulfilment triggers included, in the order in which they happened: by id, by type, by
 * object or by time, all of them when nothing is named. Failed and dead-lettered events by default; with
 * include_processed the finished ones as well, for which fulfilment must be idempotent.
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
  select array_agg(e.event order by e.place)
  into v_events
  from (
    select w as event, row_number() over (order by w.provider_created_at, w.received_at) as place
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

  -- lock: all of it at once and in order
  v_ids := payments_private.ids_of(array(select e.payload from unnest(v_events) as e));
  perform payments_private.lock_ids(environment, v_ids);
  perform payments_private.lock_payments_of(environment, v_ids);

  foreach v_event in array v_events loop
    v_result := payments_private.process_again(v_event.environment, v_event.payload, replay_webhook_events.include_processed);
    continue when v_result ->> 'status' = 'duplicate'; -- somebody else finished it meanwhile
    replayed_event_id := v_event.provider_event_id;
    processing_status := v_result ->> 'status';
    last_error := v_result -> 'event' ->> 'last_error';
    return next;
    exit when last_error like '%(57014)'; -- time is up
  end loop;
end;
$$;

comment on function payments.replay_webhook_events(text, text, text, text, timestamptz, timestamptz, boolean, integer) is
  'Processes kept events once more, fulfilment triggers included; failed ones, and with include_processed the finished ones too. Answers what became of each. Errors: SP001.';

revoke all on function payments.replay_webhook_events(text, text, text, text, timestamptz, timestamptz, boolean, integer)
  from public;
grant execute on function payments.replay_webhook_events(text, text, text, text, timestamptz, timestamptz, boolean, integer)
  to payments_service;
--! EndIncluded ledger/replay_webhook_events.sql
--! Included ledger/prune_webhook_events.sql
/*
 * Empties the payloads of finished events that happened longer ago than older_than. Ids and outcome stay, so duplicates
 * are still known; a rebuild can no longer read them. Fulfilment triggers on `update of processing_status` do not fire;
 * one on every update would see the row with the payload {}. Answers how many were emptied; call again until it is 0.
 * Without an environment it takes both. Waits for a rebuild that is running.
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
  'Empties the payloads of finished events older than the given interval, at most max at a time; ids and outcome stay. Answers how many. Errors: SP001.';

revoke all on function payments.prune_webhook_events(interval, integer, text) from public;
grant execute on function payments.prune_webhook_events(interval, integer, text) to payments_service;
--! EndIncluded ledger/prune_webhook_events.sql
--! Included ledger/private/has_events.sql
/*
 * Whether the ledger still tells what this version of an object says, or something newer: it holds the payload of a later
 * event, or those of all events of its second. A failed event may be one that cannot be read: what only it told of stays.
 */
create or replace function payments_private.has_events(environment text, object_id text, version bigint)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_second timestamptz := to_timestamp((has_events.version & ((1::bigint << 50) - 1)) >> 3);
begin
  return (
    select coalesce(
      bool_and(w.payload <> '{}')
      or bool_or(w.payload <> '{}' and w.provider_created_at > v_second),
      false
    )
    from payments.webhook_events as w
    where w.object_id = has_events.object_id
      and w.environment = has_events.environment
      and w.processing_status = 'processed'
      and w.provider_created_at >= v_second
  );
end;
$$;

revoke all on function payments_private.has_events(text, text, bigint) from public;
--! EndIncluded ledger/private/has_events.sql
--! Included ledger/rebuild_projections.sql
/*
 * Makes the projections of an environment again from the ledger, without fulfilment. Rows keep their ids. What an answer
 * of the API showed last is newer than any event and stays; so does what only pruned events told of. Webhooks wait while
 * it runs. It does all of it or nothing: only an event that is kept as failed may fail to project again. Answers {events, pruned, complete_since}: how many events were read, how many are pruned, and from when on the
 * ledger is whole, null when nothing is missing.
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
begin
  perform payments_private.check_environment(environment);
  perform payments_private.lock_environment(environment, true);

  -- forget: any event is newer than version 0; 6 marks an answer of the API
  update payments.stripe_products as t set version = 0
  where t.environment = rebuild_projections.environment
    and t.version & 7 <> 6
    and payments_private.has_events(t.environment, t.product_id, t.version);
  update payments.stripe_prices as t set version = 0
  where t.environment = rebuild_projections.environment
    and t.version & 7 <> 6
    and payments_private.has_events(t.environment, t.price_id, t.version);
  update payments.customers as t set version = 0
  where t.environment = rebuild_projections.environment
    and t.version & 7 <> 6
    and payments_private.has_events(t.environment, t.provider_customer_id, t.version);
  update payments.stripe_subscriptions as t set version = 0
  where t.environment = rebuild_projections.environment
    and t.version & 7 <> 6
    and payments_private.has_events(t.environment, t.subscription_id, t.version);
  update payments.stripe_checkout_sessions as t set version = 0
  where t.environment = rebuild_projections.environment
    and t.version & 7 <> 6
    and payments_private.has_events(t.environment, t.checkout_session_id, t.version);
  update payments_private.payment_objects as t set version = 0
  where t.environment = rebuild_projections.environment
    and t.version & 7 <> 6
    and payments_private.has_events(t.environment, t.object_id, t.version);

  -- project again
  for v_event in
    select w.payload, w.provider_event_id, w.processing_status
    from payments.webhook_events as w
    where w.environment = rebuild_projections.environment
      and w.processing_status in ('processed', 'failed')
      and payments_private.is_projected_event(w.event_type)
      and (w.provider_account_id is null or payments_private.is_own_account(w.environment, w.provider_account_id))
      and w.payload <> '{}'
    order by w.provider_created_at desc, w.received_at desc, w.provider_event_id -- the newest first: rows are written once
  loop
    begin
      perform payments_private.project_events(environment, array[v_event.payload], array['processed']);
    exception
      when others then
        if left(sqlstate, 2) in ('25', '40', '53', '54', '55', '57', '58', 'XX') then
          raise; -- of the server, and not of the event
        elsif v_event.processing_status <> 'failed' then -- a failed one may be what cannot be read
          raise exception 'Event % cannot be projected again: %', v_event.provider_event_id, sqlerrm
            using errcode = 'SP022', hint = 'Nothing was changed. Mend what the message names and run the rebuild again.';
        end if;
    end;
    v_events := v_events + 1;
  end loop;
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

  select count(*), max(w.provider_created_at) + interval '1 second'
  into v_pruned, v_complete_since
  from payments.webhook_events as w
  where w.environment = rebuild_projections.environment and w.processing_status = 'processed' and w.payload = '{}';
  return jsonb_build_object('events', v_events, 'pruned', v_pruned, 'complete_since', v_complete_since);
end;
$$;

comment on function payments.rebuild_projections(text) is
  'Makes the projections of an environment again from the ledger, without fulfilment; rows keep their ids and webhooks wait meanwhile. All of it or nothing. Answers {events, pruned, complete_since}. Errors: SP001, SP022 an event cannot be projected again.';

revoke all on function payments.rebuild_projections(text) from public;
grant execute on function payments.rebuild_projections(text) to payments_service;
--! EndIncluded ledger/rebuild_projections.sql
--! Included ledger/event_subject.sql
/*
 * The billing subject of an event, for fulfilment triggers: from the metadata of its object, from the subscription details
 * of an invoice, from the checkout session that began it here, from the subscription, from the payment that it belongs to,
 * else from the customer.
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
    v_subject := payments_private.subject_of_customer(event.environment, v_customer_id); -- not the one that new sessions use
  end if;
  return v_subject;
end;
$$;

comment on function payments.event_subject(payments.webhook_events) is
  'The billing subject (type, id) of an event, for fulfilment triggers; both null when nobody is known. Read it as (payments.event_subject(new)).id.';

revoke all on function payments.event_subject(payments.webhook_events) from public;
grant execute on function payments.event_subject(payments.webhook_events) to payments_service;
--! EndIncluded ledger/event_subject.sql
--! Included ledger/event_is_settled.sql
/*
 * Whether an event says that the money has arrived. A checkout that is complete but unpaid has not settled: its
 * checkout.session.async_payment_succeeded will. A checkout that needs no payment has.
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

revoke all on function payments.event_is_settled(payments.webhook_events) from public;
grant execute on function payments.event_is_settled(payments.webhook_events) to payments_service;
--! EndIncluded ledger/event_is_settled.sql
--! Included connection/private/read_secrets.sql
/*
 * The secrets of an environment that are in use, newest first, still encrypted.
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

revoke all on function payments_private.read_secrets(text) from public;
grant execute on function payments_private.read_secrets(text) to payments_service;
--! EndIncluded connection/private/read_secrets.sql

-- sync and recovery
--! Included sync/private/check_sync_kinds.sql
/*
 * The kinds of objects to sync as a list in the order in which they are listed: what others refer to comes first. Without
 * a list those that a complete listing keeps in line; the payment objects are history and are listed on request.
 */
create or replace function payments_private.check_sync_kinds(kinds jsonb)
  returns text[]
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known constant text[] := array[
    'products', 'prices', 'customers', 'subscriptions', 'checkout_sessions', 'payment_intents', 'charges', 'invoices',
    'refunds', 'disputes'
  ];
  v_kinds text[];
begin
  if kinds is null or kinds = 'null' then
    return v_known[1:4];
  end if;
  if jsonb_typeof(kinds) = 'array' then
    select array_agg(k.kind order by k.place)
    into v_kinds
    from unnest(v_known) with ordinality as k (kind, place)
    where check_sync_kinds.kinds ? k.kind;
  end if;
  if v_kinds is null
    or cardinality(v_kinds) <> (select count(distinct k.kind) from jsonb_array_elements(kinds) as k (kind))
  then
    raise exception 'kinds must be a list of %.', array_to_string(v_known, ', ')
      using errcode = 'SP001', hint = 'Leave kinds out for products, prices, customers and subscriptions.';
  end if;
  return v_kinds;
end;
$$;

revoke all on function payments_private.check_sync_kinds(jsonb) from public;
--! EndIncluded sync/private/check_sync_kinds.sql
--! Included sync/private/sync_answer.sql
/*
 * What the carrier of a sync is told after each step: {run, next}. next is what to list from Stripe now, {kind, params,
 * without_cursor}, or null when every kind is listed. without_cursor is asked instead if Stripe no longer knows the object
 * that the last page ended with: it lists that second again, which does no harm.
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
  select k.kind into v_kind
  from unnest(run.kinds) with ordinality as k (kind, place)
  where coalesce(run.progress -> k.kind ->> 'state', 'listing') = 'listing'
  order by k.place
  limit 1;
  if v_kind is null or run.status <> 'running' then
    return jsonb_build_object('run', to_jsonb(run), 'next', null);
  end if;

  v_progress := coalesce(run.progress -> v_kind, '{}');
  if v_kind = 'subscriptions' then
    v_params := v_params || '{"status": "all"}';
  elsif v_kind = 'invoices' then
    v_params := v_params || '{"expand": ["data.payments"]}';
  end if;
  if v_kind not in ('products', 'prices', 'customers', 'subscriptions') then
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

revoke all on function payments_private.sync_answer(payments.sync_runs) from public;
--! EndIncluded sync/private/sync_answer.sql
--! Included sync/private/held_sync_run.sql
/*
 * The row of a running sync, locked, for whoever holds its lease. A carrier that was away for so long that another one has
 * taken over is refused.
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
  select r.* into v_run
  from payments.sync_runs as r
  where r.id = held_sync_run.run_id
  for update;
  if v_run.lease is distinct from held_sync_run.lease or held_sync_run.lease is null then
    raise exception 'This sync is no longer carried out here.'
      using errcode = 'SP021', hint = 'Begin a sync: it goes on where the last one was stopped.';
  end if;
  return v_run;
end;
$$;

revoke all on function payments_private.held_sync_run(uuid, uuid) from public;
--! EndIncluded sync/private/held_sync_run.sql
--! Included sync/begin_sync.sql
/*
 * Begins a sync of an environment with Stripe, or resumes the last one like it that was stopped within a day, where it was
 * stopped. One sync of an environment runs at a time; one that has given no sign of life for a minute has died.
 * account_id is the account of the key: rows of one account are never compared with the listing of another.
 * Answers {run, next} as every step of a sync does: see payments_private.sync_answer.
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

  -- lock, and look whose rows these are now
  perform pg_advisory_xact_lock(hashtextextended('sync ' || environment, 3));
  perform payments_private.check_account(environment, account_id);

  -- remember whose rows these are, and that the key is accepted
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

  -- one at a time
  select r.* into v_run
  from payments.sync_runs as r
  where r.environment = begin_sync.environment and r.status = 'running'
  for update;
  if v_run.heartbeat_at > clock_timestamp() - interval '1 minute' then
    raise exception 'A sync of % is running since %.', environment,
        to_char(v_run.started_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
      using errcode = 'SP020', hint = 'Wait until it has ended. One that was killed can be resumed after a minute.';
  end if;
  update payments.sync_runs as r
  set status = 'interrupted',
      lease = null,
      finished_at = r.heartbeat_at
  where r.id = v_run.id;

  -- resume
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

  -- begin, and forget what is long over
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
  'Begins a sync of an environment with Stripe or resumes the last one like it. Answers {run, next}: next is what to list, for record_sync_page. Errors: SP001, SP008 the key is of another account, SP020 one is running.';

revoke all on function payments.begin_sync(text, jsonb, timestamptz, timestamptz, text) from public;
grant execute on function payments.begin_sync(text, jsonb, timestamptz, timestamptz, text) to payments_service;
--! EndIncluded sync/begin_sync.sql
--! Included sync/private/sync_rows.sql
/*
 * What the projections show of these objects of one kind, by id, without what changes with every look at Stripe. Of payment
 * objects it is their transactions, by the transaction's id.
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
  v_ours constant text[] := array[
    'id', 'environment', 'provider', 'raw', 'version', 'synced_at', 'created_at', 'updated_at', 'subject_version'
  ];
begin
  case kind
    when 'products' then
      select jsonb_object_agg(p.product_id, to_jsonb(p) - v_ours) into v_rows
      from payments.stripe_products as p
      where p.product_id = any (ids) and p.environment = sync_rows.environment;
    when 'prices' then
      select jsonb_object_agg(p.price_id, to_jsonb(p) - v_ours) into v_rows
      from payments.stripe_prices as p
      where p.price_id = any (ids) and p.environment = sync_rows.environment;
    when 'customers' then
      select jsonb_object_agg(c.provider_customer_id, to_jsonb(c) - v_ours) into v_rows
      from payments.customers as c
      where c.provider_customer_id = any (ids) and c.environment = sync_rows.environment and c.provider = 'stripe';
    when 'subscriptions' then
      select jsonb_object_agg(
        s.subscription_id,
        to_jsonb(s) - v_ours || jsonb_build_object('items', (
          select jsonb_agg(to_jsonb(i) - v_ours order by i.subscription_item_id)
          from payments.stripe_subscription_items as i
          where i.subscription_id = s.subscription_id and i.environment = s.environment
        ))
      )
      into v_rows
      from payments.stripe_subscriptions as s
      where s.subscription_id = any (ids) and s.environment = sync_rows.environment;
    when 'checkout_sessions' then
      select jsonb_object_agg(s.checkout_session_id, to_jsonb(s) - v_ours) into v_rows
      from payments.stripe_checkout_sessions as s
      where s.checkout_session_id = any (ids) and s.environment = sync_rows.environment;
    else
      select jsonb_object_agg(t.id, to_jsonb(t) - v_ours) into v_rows
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

revoke all on function payments_private.sync_rows(text, text, text[]) from public;
--! EndIncluded sync/private/sync_rows.sql
--! Included sync/private/sync_objects.sql
/*
 * The objects of a page one by one, and after an invoice the payments that were expanded in it.
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
    return next v_object;
    if v_object ->> 'object' = 'invoice' then
      return query select p.payment from jsonb_array_elements(v_object -> 'payments' -> 'data') as p (payment);
    end if;
  end loop;
end;
$$;

revoke all on function payments_private.sync_objects(jsonb) from public;
--! EndIncluded sync/private/sync_objects.sql
--! Included sync/private/project_sync_page.sql
/*
 * Projects the objects of one page, and an invoice's payments with it. An object that cannot be
 * projected must not keep the others out: the page is then taken object by object, and the first error is told.
 * Answers {newer, failed, error}: how many rows were newer than the page, and how many objects could not be projected.
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
    return jsonb_build_object(
      'newer', cardinality(array_positions(payments_private.project_answers(environment, v_objects, snapshot_at), 'stale')),
      'failed', 0
    );
  exception
    when others then null; -- once more, one by one
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

revoke all on function payments_private.project_sync_page(text, jsonb, timestamptz) from public;
--! EndIncluded sync/private/project_sync_page.sql
--! Included sync/private/add_drift.sql
/*
 * Adds to a drift report what differs between the rows before and after a page: {rows, missing, fields: {column: rows}}.
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
  select count(*) filter (where rows_before ? a.id), count(*) filter (where not rows_before ? a.id)
  into v_rows, v_missing
  from jsonb_each(rows_after) as a (id, row_after)
  where rows_before -> a.id is distinct from a.row_after;
  if v_rows = 0 and v_missing = 0 then
    return drift;
  end if;

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

revoke all on function payments_private.add_drift(jsonb, jsonb, jsonb) from public;
--! EndIncluded sync/private/add_drift.sql
--! Included sync/record_sync_page.sql
/*
 * Takes one page of a listing: its objects, by their projectors, and the place where it ended, in one transaction. Whoever
 * is killed has therefore either taken the page or not, and goes on from there.
 * snapshot_at is the instant of the answer. A page is never older than the first one of its listing, which was answered
 * before this one was asked for; so what the listing has shown is in rows of at least that version, and what it has not is not.
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
  v_before jsonb;
  v_after jsonb;
  v_outcome jsonb;
  v_drift jsonb;
begin
  -- guard
  if jsonb_typeof(objects) is distinct from 'array' or snapshot_at is null or has_more is null then
    raise exception 'objects must be a page of Stripe objects, with the instant of the answer and whether there is more.'
      using errcode = 'SP001', hint = 'Pass what Stripe answered to the request in next.';
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
  perform payments_private.lock_ids(
    v_environment, payments_private.ids_of(array(select payments_private.sync_objects(objects)))
  );

  -- project
  select array_agg(o.object ->> 'id') into v_ids from jsonb_array_elements(objects) as o (object);
  v_listed_from := coalesce((v_progress ->> 'listed_from')::timestamptz, snapshot_at);
  v_before := payments_private.sync_rows(v_environment, kind, v_ids);
  v_outcome := payments_private.project_sync_page(v_environment, objects, greatest(snapshot_at, v_listed_from));
  v_after := payments_private.sync_rows(v_environment, kind, v_ids);

  -- mark
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
  'Takes one page of a sync''s listing: its objects and its place commit together. Answers {run, next}; call complete_sync when next is null. Errors: SP001, SP005, SP021 another one has taken over.';

revoke all on function payments.record_sync_page(uuid, uuid, text, jsonb, timestamptz, boolean) from public;
grant execute on function payments.record_sync_page(uuid, uuid, text, jsonb, timestamptz, boolean) to payments_service;
--! EndIncluded sync/record_sync_page.sql
--! Included sync/private/gone_since_sync.sql
/*
 * Ids of one kind that a complete listing did not show and that are therefore gone at Stripe: their row was not touched by the
 * listing, nothing newer is known of them, and they were made before it began. Objects on a test clock are in no listing.
 * At most max of them; only those among the given ids, if any are given.
 */
create or replace function payments_private.gone_since_sync(
  environment text,
  kind text,
  listed_from timestamptz,
  max integer,
  among text[] default null
)
  returns setof text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_version bigint := payments_private.snapshot_version(listed_from, null, false);
begin
  case kind
    when 'products' then
      return query
      select t.product_id
      from payments.stripe_products as t
      where t.environment = gone_since_sync.environment
        and t.version < v_version
        and coalesce(payments_private.instant_of(t.raw -> 'created') < gone_since_sync.listed_from, true)
        and (among is null or t.product_id = any (among))
      limit gone_since_sync.max;
    when 'prices' then
      return query
      select t.price_id
      from payments.stripe_prices as t
      where t.environment = gone_since_sync.environment
        and t.version < v_version
        and coalesce(payments_private.instant_of(t.raw -> 'created') < gone_since_sync.listed_from, true)
        and (among is null or t.price_id = any (among))
      limit gone_since_sync.max;
    when 'customers' then
      return query
      select t.provider_customer_id
      from payments.customers as t
      where t.environment = gone_since_sync.environment
        and t.provider = 'stripe'
        and t.version < v_version
        and t.raw ->> 'test_clock' is null
        and coalesce(t.provider_created_at < gone_since_sync.listed_from, true)
        and (among is null or t.provider_customer_id = any (among))
      limit gone_since_sync.max;
    when 'subscriptions' then
      return query
      select t.subscription_id
      from payments.stripe_subscriptions as t
      where t.environment = gone_since_sync.environment
        and t.version < v_version
        and t.raw ->> 'test_clock' is null
        and coalesce(payments_private.instant_of(t.raw -> 'created') < gone_since_sync.listed_from, true)
        and (among is null or t.subscription_id = any (among))
      limit gone_since_sync.max;
    else
      return; -- history: what a listing of a time range does not show is not gone
  end case;
end;
$$;

revoke all on function payments_private.gone_since_sync(text, text, timestamptz, integer, text[]) from public;
--! EndIncluded sync/private/gone_since_sync.sql
--! Included sync/private/mark_gone.sql
/*
 * Marks one object that is gone at Stripe, by its projector, as a snapshot of the instant at which the listing began that
 * does not show it: deleted, or canceled at a time that nobody knows.
 */
create or replace function payments_private.mark_gone(environment text, kind text, object_id text, listed_from timestamptz)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_raw jsonb;
begin
  if kind = 'subscriptions' then
    select s.raw || jsonb_build_object('id', s.subscription_id, 'object', 'subscription', 'customer', s.customer_id, 'status', 'canceled')
    into v_raw
    from payments.stripe_subscriptions as s
    where s.subscription_id = mark_gone.object_id and s.environment = mark_gone.environment;
    perform payments_private.project_stripe_object(environment, v_raw, null, listed_from);
  else
    perform payments_private.project_stripe_object(
      environment,
      jsonb_build_object('id', object_id, 'object', rtrim(kind, 's'), 'deleted', true),
      null,
      listed_from
    );
  end if;
end;
$$;

revoke all on function payments_private.mark_gone(text, text, text, timestamptz) from public;
--! EndIncluded sync/private/mark_gone.sql
--! Included sync/private/end_sync.sql
/*
 * Writes how a sync ended to its row and to the connection of its environment. Objects that could not be projected make it a
 * failed one, though everything else is in line.
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

revoke all on function payments_private.end_sync(payments.sync_runs, text) from public;
--! EndIncluded sync/private/end_sync.sql
--! Included sync/complete_sync.sql
/*
 * Ends a sync whose kinds are all listed. What a complete listing did not show becomes a tombstone under the version rule: a
 * row that anything newer than the beginning of the listing has touched is left alone. At most max of them in one call, so
 * that no transaction holds many locks: as long as the answer says running, call again.
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
  v_buried integer;
begin
  -- guard
  select r.environment into v_environment from payments.sync_runs as r where r.id = complete_sync.run_id;
  perform payments_private.lock_environment(v_environment);
  v_run := payments_private.held_sync_run(run_id, lease);

  foreach v_kind in array v_run.kinds loop
    v_progress := v_run.progress -> v_kind;
    continue when v_progress ->> 'state' = 'done';
    if v_progress ->> 'state' is distinct from 'listed' then
      return payments_private.sync_answer(v_run); -- there is more to list
    end if;

    -- bury: rows of objects that could not be projected are untouched, too, so then nobody knows what is gone
    v_listed_from := (v_progress ->> 'listed_from')::timestamptz;
    v_ids := null;
    v_buried := 0;
    if (v_progress ->> 'failed')::integer = 0 then
      select array_agg(g.id) into v_ids
      from payments_private.gone_since_sync(v_environment, v_kind, v_listed_from, greatest(complete_sync.max, 1)) as g (id);
    end if;
    if v_ids is not null then
      perform payments_private.lock_ids(v_environment, v_ids);
      for v_id in -- once more: a webhook may have been there before the locks
        select g.id
        from payments_private.gone_since_sync(v_environment, v_kind, v_listed_from, null, v_ids) as g (id)
      loop
        perform payments_private.mark_gone(v_environment, v_kind, v_id, v_listed_from);
        v_buried := v_buried + 1;
      end loop;
    end if;

    -- mark
    update payments.sync_runs as r
    set progress = r.progress || jsonb_build_object(v_kind, v_progress || jsonb_build_object(
          'state', case when v_ids is null then 'done' else 'listed' end,
          'deleted', coalesce((v_progress ->> 'deleted')::integer, 0) + v_buried
        )),
        drift = case
          when v_buried = 0 then r.drift
          else r.drift || jsonb_build_object(v_kind, jsonb_build_object('rows', 0, 'missing', 0, 'fields', '{}'::jsonb)
            || coalesce(r.drift -> v_kind, '{}')
            || jsonb_build_object('deleted', coalesce((r.drift -> v_kind ->> 'deleted')::integer, 0) + v_buried))
        end,
        heartbeat_at = clock_timestamp()
    where r.id = v_run.id
    returning r.* into v_run;
    if v_ids is not null then
      return payments_private.sync_answer(v_run); -- call again: there may be more of them
    end if;
  end loop;
  return payments_private.sync_answer(payments_private.end_sync(v_run, null));
end;
$$;

comment on function payments.complete_sync(uuid, uuid, integer) is
  'Ends a sync whose kinds are all listed; what the listing did not show becomes a tombstone unless something newer is known. Call again while the run in the answer is running. Errors: SP021.';

revoke all on function payments.complete_sync(uuid, uuid, integer) from public;
grant execute on function payments.complete_sync(uuid, uuid, integer) to payments_service;
--! EndIncluded sync/complete_sync.sql
--! Included sync/fail_sync.sql
/*
 * Ends a sync before its time: with an error it has failed, without one it was interrupted. Either way the next begin_sync
 * like it goes on where it was.
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
  'Ends a sync before its time, as failed with an error or as interrupted without one; begin_sync resumes it. Errors: SP021.';

revoke all on function payments.fail_sync(uuid, uuid, text) from public;
grant execute on function payments.fail_sync(uuid, uuid, text) to payments_service;
--! EndIncluded sync/fail_sync.sql
--! Included sync/refuse_sync.sql
/*
 * Notes that a sync could not begin: Stripe did not answer, or did not accept the key, which is then the state of the
 * connection until a sync begins again.
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
  update payments.provider_connections as c
  set last_sync_status = 'failed',
      last_sync_error = left(refuse_sync.error, 1000),
      status = case when refuse_sync.is_key_refused and c.status = 'connected' then 'error' else c.status end
  where c.provider = 'stripe' and c.environment = refuse_sync.environment;
end;
$$;

comment on function payments.refuse_sync(text, text, boolean) is
  'Notes that a sync could not begin, and whether Stripe refused the key. Errors: SP001.';

revoke all on function payments.refuse_sync(text, text, boolean) from public;
grant execute on function payments.refuse_sync(text, text, boolean) to payments_service;
--! EndIncluded sync/refuse_sync.sql
--! Included sync/touch_sync.sql
/*
 * A sign of life of whoever carries out a sync, while Stripe makes it wait. Answers false if another one has taken over.
 */
create or replace function payments.touch_sync(run_id uuid, lease uuid)
  returns boolean
  language plpgsql
  volatile
  security definer -- crosses from the handler's role to the table
  set search_path = pg_catalog, pg_temp
as $$
begin
  update payments.sync_runs as r
  set heartbeat_at = clock_timestamp()
  where r.id = touch_sync.run_id and r.lease = touch_sync.lease;
  return found;
end;
$$;

comment on function payments.touch_sync(uuid, uuid) is
  'A sign of life of a running sync. Answers whether it is still carried out under this lease.';

revoke all on function payments.touch_sync(uuid, uuid) from public;
grant execute on function payments.touch_sync(uuid, uuid) to payments_service;
--! EndIncluded sync/touch_sync.sql
--! Included sync/due_sync_kinds.sql
/*
 * What a scheduled sync should list now: the catalog each time, since it is small; customers and subscriptions as well when
 * no complete sync has succeeded for a day.
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
  return case
    when exists (
      select
      from payments.sync_runs as r
      where r.environment = due_sync_kinds.environment
        and r.status = 'succeeded'
        and r.kinds @> array['products', 'prices', 'customers', 'subscriptions']
        and r.started_at > now() - interval '1 day'
    ) then '["products", "prices"]'
    else '["products", "prices", "customers", "subscriptions"]'
  end::jsonb;
end;
$$;

comment on function payments.due_sync_kinds(text) is
  'Which kinds a scheduled sync should list now: the catalog, and once a day everything. Errors: SP001.';

revoke all on function payments.due_sync_kinds(text) from public;
grant execute on function payments.due_sync_kinds(text) to payments_service;
--! EndIncluded sync/due_sync_kinds.sql
--! Included sync/begin_recovery.sql
/*
 * From when on Stripe's list of events is to be read so that nothing is missing in the ledger: an hour before the last recovery
 * ended, because the list lags; the first time, from when the webhook endpoint was set up or the first event arrived; or from
 * since, if it is given. What happened before that beginning was never meant for this database, and stays out.
 * account_id is the account of the key: events of one account are never taken for those of another.
 * Stripe keeps events for 30 days. Answers {from, gap}: gap is {from, before}, the time of which the events are gone, or null.
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
  v_kept timestamptz := now() - interval '30 days';
  v_connection payments.provider_connections;
  v_known timestamptz;
  v_last timestamptz;
  v_next timestamptz;
begin
  perform payments_private.check_environment(environment);
  perform payments_private.check_account(environment, account_id);
  select c.* into v_connection
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = begin_recovery.environment;
  v_known := v_connection.events_complete_until;
  if begin_recovery.since is not null then
    return jsonb_build_object(
      'from', greatest(begin_recovery.since, v_kept),
      'gap', case
        when begin_recovery.since < v_kept then jsonb_build_object('from', begin_recovery.since, 'before', v_kept)
      end
    );
  end if;

  -- the first time
  if v_known is null then
    select least(min(w.provider_created_at), v_connection.webhook_configured_at) into v_known
    from payments.webhook_events as w
    where w.provider = 'stripe' and w.environment = begin_recovery.environment;
    if v_known is null then
      return jsonb_build_object('from', now(), 'gap', null);
    end if;
    v_connection.events_complete_from := v_known;
  end if;

  -- gap: for more than a day, nothing at all is known around the time at which Stripe's list begins
  if v_known < v_kept then
    select
      greatest(max(w.provider_created_at) filter (where w.provider_created_at < v_kept), v_known),
      coalesce(min(w.provider_created_at) filter (where w.provider_created_at >= v_kept), now())
    into v_last, v_next
    from payments.webhook_events as w
    where w.provider = 'stripe' and w.environment = begin_recovery.environment;
  end if;
  return jsonb_build_object(
    'from', greatest(v_known - interval '1 hour', v_connection.events_complete_from, v_kept),
    'gap', case when v_next - v_last > interval '1 day' then jsonb_build_object('from', v_last, 'before', v_kept) end
  );
end;
$$;

comment on function payments.begin_recovery(text, timestamptz, text) is
  'From when on Stripe''s list of events has to be read so that nothing is missing in the ledger. Answers {from, gap}; gap is the time of which Stripe no longer has the events. Errors: SP001, SP008 the key is of another account.';

revoke all on function payments.begin_recovery(text, timestamptz, text) from public;
grant execute on function payments.begin_recovery(text, timestamptz, text) to payments_service;
--! EndIncluded sync/begin_recovery.sql
--! Included sync/complete_recovery.sql
/*
 * Notes that what Stripe's list has from recovered_from until complete_until is in the ledger, so that the next recovery
 * begins there. A recovery of a time that reaches back neither to where the last one ended nor to where Stripe's list begins
 * moves nothing.
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
    or excluded.events_complete_from < now() - interval '29 days' -- what is older cannot be had; begin_recovery has told of it
  returning c.*;
end;
$$;

comment on function payments.complete_recovery(text, timestamptz, timestamptz) is
  'Notes until when the ledger is complete. No row when that was known already or would leave a gap. Errors: SP001.';

revoke all on function payments.complete_recovery(text, timestamptz, timestamptz) from public;
grant execute on function payments.complete_recovery(text, timestamptz, timestamptz) to payments_service;
--! EndIncluded sync/complete_recovery.sql
--! Included ledger/unknown_webhook_events.sql
/*
 * Which of these events the ledger does not know yet, in the order in which they were named.
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
  from jsonb_array_elements_text(event_ids) with ordinality as e (id, place)
  where not exists (
    select
    from payments.webhook_events as w
    where w.provider_event_id = e.id and w.environment = unknown_webhook_events.environment and w.provider = 'stripe'
  )
  order by e.place;
end;
$$;

comment on function payments.unknown_webhook_events(text, jsonb) is
  'Which of these event ids the ledger of an environment does not know yet.';

revoke all on function payments.unknown_webhook_events(text, jsonb) from public;
grant execute on function payments.unknown_webhook_events(text, jsonb) to payments_service;
--! EndIncluded ledger/unknown_webhook_events.sql
--! Included sync/recoverable_event_types.sql
/*
 * The types of events that a recovery takes in: those that the managed webhook endpoint subscribes to, and those that arrive
 * here anyway, from an endpoint made by hand or with more events than ours; told by the last 10,000 that came.
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
  'The types of events that a recovery takes in: those of the managed webhook endpoint, and those that arrive anyway. Errors: SP001.';

revoke all on function payments.recoverable_event_types(text) from public;
grant execute on function payments.recoverable_event_types(text) to payments_service;
--! EndIncluded sync/recoverable_event_types.sql

-- sessions
--! Included checkout/private/check_checkout_request.sql
/*
 * Refuses a checkout request that Stripe or a constraint would refuse, with a sentence that names the field. The handlers
 * check the same first; this is for everyone who calls the SQL function.
 */
create or replace function payments_private.check_checkout_request(
  mode text,
  line_items jsonb,
  success_url text,
  cancel_url text,
  subject_type text,
  subject_id text,
  metadata jsonb,
  idempotency_key text
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem text;
begin
  v_problem := case
    when mode is null or mode not in ('payment', 'subscription') then 'mode must be payment or subscription.'
    when jsonb_typeof(line_items) is distinct from 'array' then 'lineItems must be a list.'
    when jsonb_array_length(line_items) not between 1 and 100 then 'lineItems must have 1 to 100 items.'
    when exists (
      select
      from jsonb_array_elements(line_items) as i (item)
      where coalesce(i.item ->> 'priceId', '') = ''
        or jsonb_typeof(coalesce(i.item -> 'quantity', '1')) <> 'number'
        or coalesce((i.item ->> 'quantity')::numeric, 1) not between 1 and 999
        or coalesce((i.item ->> 'quantity')::numeric, 1) % 1 <> 0
    ) then 'Each of lineItems needs a priceId and a whole quantity from 1 to 999.'
    when success_url is null or success_url !~* '^https?://[^/\s]' then 'successUrl must be an absolute http or https URL.'
    when cancel_url is null or cancel_url !~* '^https?://[^/\s]' then 'cancelUrl must be an absolute http or https URL.'
    when (subject_type is null) <> (subject_id is null) then 'subject needs both a type and an id.'
    when mode = 'subscription' and subject_type is null then 'subject is required for a subscription.'
    when length(subject_type) not between 1 and 100 then 'subject.type must have 1 to 100 characters.'
    when length(subject_id) not between 1 and 255 then 'subject.id must have 1 to 255 characters.'
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
    when length(idempotency_key) not between 1 and 200 then 'idempotencyKey must have 1 to 200 characters.'
  end;
  if v_problem is not null then
    raise exception '%', v_problem using errcode = 'SP001', hint = 'Mend the request and send it again.';
  end if;
end;
$$;

revoke all on function payments_private.check_checkout_request(text, jsonb, text, text, text, text, jsonb, text)
  from public;
grant execute on function payments_private.check_checkout_request(text, jsonb, text, text, text, text, jsonb, text)
  to payments_service;
--! EndIncluded checkout/private/check_checkout_request.sql
--! Included checkout/private/checkout_session_params.sql
/*
 * What to send to Stripe for a row: a pure function of it, so that a retry under the same Stripe idempotency key sends
 * the same. App users may insert rows themselves, so reserved metadata is dropped here: only the columns that the policies
 * have judged say who pays. https://docs.stripe.com/api/checkout/sessions/create
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
begin
  return jsonb_strip_nulls(jsonb_build_object(
    'mode', session.mode,
    'line_items', (
      select jsonb_agg(
        jsonb_build_object('price', i.item ->> 'priceId', 'quantity', coalesce((i.item ->> 'quantity')::integer, 1))
        order by i.place
      )
      from jsonb_array_elements(session.line_items) with ordinality as i (item, place)
    ),
    'success_url', session.success_url,
    'cancel_url', session.cancel_url,
    'client_reference_id', session.id,
    'customer', session.customer_id,
    'customer_email', case when session.customer_id is null then session.customer_email end,
    'customer_creation',
      case when session.mode = 'payment' and session.subject_type is not null and session.customer_id is null then 'always' end,
    'metadata', v_metadata,
    'payment_intent_data', case when session.mode = 'payment' then jsonb_build_object('metadata', v_metadata) end,
    'subscription_data', case when session.mode = 'subscription' then jsonb_build_object('metadata', v_metadata) end
  ));
end;
$$;

revoke all on function payments_private.checkout_session_params(payments.stripe_checkout_sessions) from public;
grant execute on function payments_private.checkout_session_params(payments.stripe_checkout_sessions) to payments_service;
--! EndIncluded checkout/private/checkout_session_params.sql
--! Included checkout/begin_checkout_session.sql
/*
 * Begins a Checkout Session for an app user. The insert runs as the caller (role and claims), so the policies on
 * payments.stripe_checkout_sessions decide whether it may be; everything else runs as the handler.
 *
 * Under an idempotency key, which is scoped by the billing subject, else by the caller: the same request finds its row,
 * if the SELECT policies let the caller see it, and goes on where it stands. Another request is refused.
 *
 * Answers {action, session, attempt, idempotency_key, params, checkout_session_id}:
 *   send    create the session at Stripe with params and idempotency_key, then complete_ or fail_checkout_session
 *   return  the session is there already
 *   fetch   its time is up by the clock, but Stripe has not said so: read it from Stripe, project it, and begin again
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
  idempotency_key text default null
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
begin
  -- guard
  perform payments_private.check_environment(environment);
  perform payments_private.check_checkout_request(
    mode, line_items, success_url, cancel_url, subject_type, subject_id, metadata, idempotency_key
  );
  v_request_hash := encode(
    sha256(convert_to(
      jsonb_build_array(
        mode,
        (
          select jsonb_agg('{"quantity": 1}' || i.item order by i.place)
          from jsonb_array_elements(line_items) with ordinality as i (item, place)
        ),
        success_url, cancel_url, subject_type, subject_id, customer_email, coalesce(metadata, '{}')
      )::text,
      'UTF8'
    )),
    'hex'
  );

  perform set_config('payments.new_session_id', 'wanted at ' || pg_trigger_depth(), true);

  -- ask, as the caller: may this row be, and if its key is taken, may the caller see whose it is
  perform payments_private.become_caller(caller);
  insert into payments.stripe_checkout_sessions (
    environment, mode, subject_type, subject_id, customer_email, line_items, success_url, cancel_url, idempotency_key,
    metadata, request_hash
  )
  values (
    begin_checkout_session.environment, begin_checkout_session.mode, begin_checkout_session.subject_type,
    begin_checkout_session.subject_id, begin_checkout_session.customer_email, begin_checkout_session.line_items,
    begin_checkout_session.success_url, begin_checkout_session.cancel_url, begin_checkout_session.idempotency_key,
    coalesce(begin_checkout_session.metadata, '{}'), v_request_hash
  )
  on conflict do nothing;
  get diagnostics v_count = row_count;
  if v_count = 1 then
    v_id := current_setting('payments.new_session_id')::uuid;
  else
    perform set_config('payments.idempotency_key', begin_checkout_session.idempotency_key, true);
    select t.id
    into v_id
    from payments.stripe_checkout_sessions as t
    where t.environment = begin_checkout_session.environment
      and t.idempotency_key = begin_checkout_session.idempotency_key
      and t.idempotency_scope = case
        when begin_checkout_session.subject_type is not null
          then 'subject:' || begin_checkout_session.subject_type || ':' || begin_checkout_session.subject_id
        else 'caller:' || coalesce(payments.caller_id(), '')
      end
      and t.request_hash = v_request_hash;
    perform set_config('payments.idempotency_key', '', true);
  end if;
  perform set_config('role', v_role, true);
  perform set_config('request.jwt.claims', v_jwt_claims, true);
  if v_id is null then
    raise exception 'This idempotency key was already used for another checkout.'
      using errcode = 'SP002', hint = 'Use a new idempotency key for a new checkout, or repeat the first request unchanged.';
  end if;

  -- go on where the row stands
  select * into strict v_row from payments.stripe_checkout_sessions as t where t.id = v_id;
  if v_count = 0 then
    if v_row.status = 'expired' or (v_row.status = 'failed' and not v_row.stripe_may_have_acted) then
      update payments.stripe_checkout_sessions as t
      set status = 'initialized',
          attempt = t.attempt + 1,
          checkout_session_id = null,
          url = null,
          expires_at = null,
          payment_status = null,
          last_error = null,
          customer_id = payments_private.customer_of_subject(t.environment, t.subject_type, t.subject_id),
          version = 0
      where t.id = v_id and t.attempt = v_row.attempt;
      select * into strict v_row from payments.stripe_checkout_sessions as t where t.id = v_id;
    elsif v_row.status = 'open' and v_row.expires_at <= now() then
      v_action := 'fetch';
    elsif v_row.checkout_session_id is not null then
      v_action := 'return'; -- without a url when only the webhook told of it: it is paid, and never made again
    end if;
  end if;

  return jsonb_build_object(
    'action', v_action,
    'session', to_jsonb(v_row),
    'attempt', v_row.attempt,
    'checkout_session_id', v_row.checkout_session_id,
    'idempotency_key', format('pg-payments:%s:checkout_session:%s:%s', v_row.environment, v_row.id, v_row.attempt),
    'params', payments_private.checkout_session_params(v_row)
  );
end;
$$;

comment on function payments.begin_checkout_session(text, jsonb, text, jsonb, text, text, text, text, text, jsonb, text) is
  'Begins a Checkout Session as the caller, whose policies decide. Answers {action, session, attempt, idempotency_key, params, checkout_session_id}; action is send, return or fetch. Errors: SP001 invalid, SP002 idempotency key in use, SP007 role, 42501 refused by a policy.';

revoke all on function payments.begin_checkout_session(text, jsonb, text, jsonb, text, text, text, text, text, jsonb, text)
  from public;
grant execute on function payments.begin_checkout_session(text, jsonb, text, jsonb, text, text, text, text, text, jsonb, text)
  to payments_service;
--! EndIncluded checkout/begin_checkout_session.sql
--! Included checkout/complete_checkout_session.sql
/*
 * Takes Stripe's answer to a checkout that begin_checkout_session began. snapshot_at is the instant at which the answer
 * was true. When a webhook was faster, the row already shows more than the answer, and stays so.
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
    raise exception 'session must be a Checkout Session of Stripe.' using errcode = 'SP001', hint = 'Pass Stripe''s answer.';
  end if;
  if session ? 'livemode' and (session ->> 'livemode')::boolean <> (environment = 'live') then
    raise exception 'A session of the other mode cannot complete a checkout of environment %.', environment
      using errcode = 'SP005', hint = 'Use the key of the same mode.';
  end if;

  -- lock and project; the row itself is part of what the session is about, and a newer attempt stays as it is
  perform payments_private.lock_environment(environment);
  perform payments_private.lock_ids(environment, payments_private.ids_of(array[session]) || complete_checkout_session.id::text);
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
  'Takes Stripe''s answer to a checkout that begin_checkout_session began, and answers the row. Errors: SP001, SP005 the other mode, SP006 no such row.';

revoke all on function payments.complete_checkout_session(text, uuid, integer, jsonb, timestamptz) from public;
grant execute on function payments.complete_checkout_session(text, uuid, integer, jsonb, timestamptz) to payments_service;
--! EndIncluded checkout/complete_checkout_session.sql
--! Included checkout/fail_checkout_session.sql
/*
 * Records that Stripe refused a checkout, or could not be reached. stripe_may_have_acted: whether the session may exist
 * at Stripe all the same, as after a time-out; then a retry sends the same Stripe idempotency key. A row that has gone on
 * meanwhile (a webhook, a newer attempt) stays as it is.
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
      last_error = fail_checkout_session.error,
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
  'Records why Stripe did not make a checkout session, and answers the row. A retry under the same key goes on from it. Errors: SP001, SP006 no such row.';

revoke all on function payments.fail_checkout_session(text, uuid, integer, text, boolean) from public;
grant execute on function payments.fail_checkout_session(text, uuid, integer, text, boolean) to payments_service;
--! EndIncluded checkout/fail_checkout_session.sql
--! Included checkout/begin_customer_portal_session.sql
/*
 * Begins a Billing Portal session for a signed-in app user. The insert runs as the caller, so the policies on
 * payments.stripe_customer_portal_sessions decide; then the subject must have a Stripe customer.
 * Answers {session, params, idempotency_key}.
 */
create or replace function payments.begin_customer_portal_session(
  environment text,
  caller jsonb,
  subject_type text,
  subject_id text,
  return_url text default null,
  configuration text default null
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
  if coalesce(length(subject_type) not between 1 and 100, true) or coalesce(length(subject_id) not between 1 and 255, true) then
    raise exception 'subject needs a type of 1 to 100 and an id of 1 to 255 characters.'
      using errcode = 'SP001', hint = 'Mend the request and send it again.';
  end if;
  if return_url !~* '^https?://[^/\s]' then
    raise exception 'returnUrl must be an absolute http or https URL.'
      using errcode = 'SP001', hint = 'Mend the request and send it again.';
  end if;

  -- ask, as the caller
  perform payments_private.become_caller(caller);
  insert into payments.stripe_customer_portal_sessions (
    id, environment, subject_type, subject_id, return_url, configuration_id
  )
  values (
    v_id, begin_customer_portal_session.environment, begin_customer_portal_session.subject_type,
    begin_customer_portal_session.subject_id, begin_customer_portal_session.return_url,
    begin_customer_portal_session.configuration
  );
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
    'params', jsonb_strip_nulls(jsonb_build_object(
      'customer', v_row.customer_id,
      'return_url', v_row.return_url,
      'configuration', v_row.configuration_id
    ))
  );
end;
$$;

comment on function payments.begin_customer_portal_session(text, jsonb, text, text, text, text) is
  'Begins a Billing Portal session as the caller, whose policies decide. Answers {session, params, idempotency_key}. Errors: SP001 invalid, SP003 no customer, SP004 anonymous, SP007 role, 42501 refused by a policy.';

revoke all on function payments.begin_customer_portal_session(text, jsonb, text, text, text, text) from public;
grant execute on function payments.begin_customer_portal_session(text, jsonb, text, text, text, text) to payments_service;
--! EndIncluded checkout/begin_customer_portal_session.sql
--! Included checkout/complete_customer_portal_session.sql
/*
 * Takes Stripe's answer to a portal session that begin_customer_portal_session began.
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
        raw = portal_session
    where t.environment = complete_customer_portal_session.environment and t.id = complete_customer_portal_session.id
    returning t.*;
  if not found then
    raise exception 'There is no portal session with this id.' using errcode = 'SP006', hint = 'Open the portal again.';
  end if;
end;
$$;

comment on function payments.complete_customer_portal_session(text, uuid, jsonb) is
  'Takes Stripe''s answer to a portal session, and answers the row. Errors: SP006 no such row.';

revoke all on function payments.complete_customer_portal_session(text, uuid, jsonb) from public;
grant execute on function payments.complete_customer_portal_session(text, uuid, jsonb) to payments_service;
--! EndIncluded checkout/complete_customer_portal_session.sql
--! Included checkout/fail_customer_portal_session.sql
/*
 * Records why Stripe did not open a portal session.
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
        last_error = fail_customer_portal_session.error
    where t.environment = fail_customer_portal_session.environment and t.id = fail_customer_portal_session.id
    returning t.*;
  if not found then
    raise exception 'There is no portal session with this id.' using errcode = 'SP006', hint = 'Open the portal again.';
  end if;
end;
$$;

comment on function payments.fail_customer_portal_session(text, uuid, text) is
  'Records why Stripe did not open a portal session, and answers the row. Errors: SP006 no such row.';

revoke all on function payments.fail_customer_portal_session(text, uuid, text) from public;
grant execute on function payments.fail_customer_portal_session(text, uuid, text) to payments_service;
--! EndIncluded checkout/fail_customer_portal_session.sql

-- triggers, policies and grants
--! Included base/private/tg__timestamps.sql
/*
 * Keeps updated_at true and created_at as it was, on every table of the schema.
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

revoke all on function payments_private.tg__timestamps() from public;
--! EndIncluded base/private/tg__timestamps.sql
--! Included checkout/private/tg_sessions__id.sql
/*
 * Notes the id of the checkout that an app user begins, for begin_checkout_session, which waits for it: the user may not
 * choose it, and need not be allowed to read the row. Others that a trigger of the app inserts meanwhile are not meant.
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

revoke all on function payments_private.tg_sessions__id() from public;
--! EndIncluded checkout/private/tg_sessions__id.sql
--! Included checkout/private/tg_sessions__customer.sql
/*
 * Fills in the Stripe customer of the billing subject when an app user begins a session. The user has no right to read
 * customer_mappings, nor to write customer_id: this trigger is the only way from the one to the other.
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
  return new;
end;
$$;

revoke all on function payments_private.tg_sessions__customer() from public;
--! EndIncluded checkout/private/tg_sessions__customer.sql

-- a session remembers who began it; the column cannot be granted a value of the caller's choice
alter table payments.stripe_checkout_sessions alter column caller_id set default payments.caller_id();

--! Included ledger/webhook_event_health.sql
/*
 * Is everything that Stripe told processed, and how late does it come? One row per environment.
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
  'Health of the ledger by environment: events that failed and wait, those that nothing retries any more, why, and how late events come.';
comment on column payments.webhook_event_health.environment is 'test or live.';
comment on column payments.webhook_event_health.backlog is 'Events that have failed and are not processed yet.';
comment on column payments.webhook_event_health.oldest_failed_at is 'When the oldest of them arrived.';
comment on column payments.webhook_event_health.dead_lettered is 'Those of them that are not tried again by themselves: mend the cause, then replay them.';
comment on column payments.webhook_event_health.failures is 'Them by type and error: [{"event_type", "error", "count"}], the most frequent first.';
comment on column payments.webhook_event_health.events_last_hour is 'Events that arrived within the last hour.';
comment on column payments.webhook_event_health.last_received_at is 'When the last of those arrived; null when none did.';
comment on column payments.webhook_event_health.median_lag is 'Median of arrival less Stripe''s clock, in seconds, over the last hour.';
comment on column payments.webhook_event_health.greatest_lag is 'Greatest arrival less Stripe''s clock, in seconds, over the last hour.';

revoke all on payments.webhook_event_health from public;
grant select on payments.webhook_event_health to payments_service;
--! EndIncluded ledger/webhook_event_health.sql

-- connection
--! Included connection/private/all_secrets.sql
/*
 * Every stored secret, still encrypted, for changing the encryption key.
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

revoke all on function payments_private.all_secrets() from public;
grant execute on function payments_private.all_secrets() to payments_service;
--! EndIncluded connection/private/all_secrets.sql
--! Included connection/begin_webhook_endpoint.sql
/*
 * Says what to do at Stripe so that events of an environment reach an address. endpoints are all webhook endpoints that the
 * account has, listed after a first call without them, whose idempotency_key is given as since: a list that somebody else has
 * made stale meanwhile would lead to a second endpoint.
 * Answers {action, endpoint, params, idempotency_key, events, retire, remove}:
 *   list    list the endpoints at Stripe, and begin again with them
 *   reuse   the endpoint is as it should be
 *   mend    send params to the endpoint: it is ours and its secret known, but it is disabled or lacks events
 *   create  create one with params, store its secret with complete_webhook_endpoint, then subscribe it to events. It begins
 *           with an event that does not happen, so that nothing is delivered before the secret is known
 * retire are endpoints of ours to disable once that is done; remove those to delete before, because the account has as many
 * as it may have and these deliver nothing any more. Endpoints of other projects are in neither.
 */
create or replace function payments.begin_webhook_endpoint(
  environment text,
  url text,
  api_version text,
  endpoints jsonb default null,
  since text default null
)
  returns jsonb
  language plpgsql
  stable
  security definer -- crosses from the handler's role to the secrets
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_most constant integer := 16; -- https://docs.stripe.com/webhooks: endpoints that an account may have in each mode
  v_connection payments.provider_connections;
  v_key_id uuid;
  v_current jsonb;
  v_problems text[];
  v_action text := 'create';
  v_params jsonb;
  v_own jsonb;
  v_idempotency_key text;
begin
  -- guard
  perform payments_private.check_environment(environment);
  if jsonb_typeof(endpoints) <> 'array' or coalesce(url, '') = '' or coalesce(api_version, '') = '' then
    raise exception 'An address and an API version are needed, and endpoints only as the list that Stripe has.'
      using errcode = 'SP001', hint = 'Pass the address that Stripe can reach, the version, and [endpoint, …].';
  end if;

  -- what there is
  select c.* into v_connection
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = begin_webhook_endpoint.environment;
  select s.id into v_key_id
  from payments_private.secrets as s
  where s.environment = begin_webhook_endpoint.environment and s.kind = 'secret_key';
  -- the same until one is completed: two at once, or one after a crash, are given the same endpoint and its secret
  v_idempotency_key := format(
    'pg-payments:%s:webhook_endpoint:%s', environment,
    md5(concat_ws(' ', url, api_version, v_key_id, v_connection.webhook_endpoint_id, v_connection.webhook_configured_at))
  );
  if endpoints is null or since is distinct from v_idempotency_key then
    return jsonb_build_object('action', 'list', 'idempotency_key', v_idempotency_key);
  end if;
  select coalesce(jsonb_agg(e.endpoint), '[]') into v_own
  from jsonb_array_elements(endpoints) as e (endpoint)
  where payments_private.is_own_endpoint(begin_webhook_endpoint.environment, e.endpoint, begin_webhook_endpoint.url);
  select e.endpoint into v_current
  from jsonb_array_elements(v_own) as e (endpoint)
  where e.endpoint ->> 'id' = v_connection.webhook_endpoint_id
    and exists (
      select
      from payments_private.secrets as s
      where s.environment = begin_webhook_endpoint.environment
        and s.kind = 'webhook_secret'
        and s.endpoint_id = e.endpoint ->> 'id'
        and s.expires_at is null
    );

  -- decide
  v_problems := payments_private.endpoint_problems(v_current, url, api_version);
  if v_current is not null and v_problems <@ array['disabled', 'missing_events'] then
    v_action := case when v_problems = '{}' then 'reuse' else 'mend' end;
    v_params := jsonb_build_object(
      'disabled', false,
      'enabled_events', (
        select jsonb_agg(distinct t.type)
        from (
          select jsonb_array_elements_text(v_current -> 'enabled_events') union select unnest(payments.projected_event_types())
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
      from jsonb_array_elements(v_own) as e (endpoint)
      where e.endpoint ->> 'status' = 'enabled' and (v_action = 'create' or e.endpoint ->> 'id' <> v_current ->> 'id')
    ),
    'remove', (
      select coalesce(jsonb_agg(e.endpoint ->> 'id'), '[]')
      from jsonb_array_elements(v_own) as e (endpoint)
      where e.endpoint ->> 'status' = 'disabled' and v_action = 'create' and jsonb_array_length(endpoints) >= v_most
    )
  );
end;
$$;

comment on function payments.begin_webhook_endpoint(text, text, text, jsonb, text) is
  'Says what to do at Stripe so that events of an environment reach an address, given the endpoints that the account has. Answers {action, endpoint, params, idempotency_key, events, retire, remove}; action is list, reuse, mend or create. Errors: SP001.';

revoke all on function payments.begin_webhook_endpoint(text, text, text, jsonb, text) from public;
grant execute on function payments.begin_webhook_endpoint(text, text, text, jsonb, text) to payments_service;
--! EndIncluded connection/begin_webhook_endpoint.sql
--! Included connection/complete_webhook_endpoint.sql
/*
 * Takes the webhook endpoint that an environment is now set up with. With a new one comes its signing secret, encrypted; the
 * secrets before it stay good for a day, because what was signed with them may still be on its way.
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
    raise exception 'A webhook endpoint is needed, and a secret only together with the id of the key that opens it.'
      using errcode = 'SP001', hint = 'Pass the endpoint as Stripe describes it.';
  end if;
  insert into payments.provider_connections (provider, environment)
  values ('stripe', complete_webhook_endpoint.environment)
  on conflict on constraint provider_connections_environment_key do nothing;
  perform from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = complete_webhook_endpoint.environment
  for update;

  -- the secret
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
  end if;

  -- switch
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
  'Takes the webhook endpoint that an environment is now set up with, and its encrypted signing secret if it is new; earlier ones stay good for a day. Answers the connection. Errors: SP001.';

revoke all on function payments.complete_webhook_endpoint(text, jsonb, text, text) from public;
grant execute on function payments.complete_webhook_endpoint(text, jsonb, text, text) to payments_service;
--! EndIncluded connection/complete_webhook_endpoint.sql
--! Included connection/connect_account.sql
/*
 * Connects an environment to the Stripe account that a key belongs to, and stores the key, which is encrypted already. The key
 * of the same account takes the place of the one before. Another account than before is refused, unless replace_account says
 * that everything kept of the account before is to be deleted; all of it happens in this one transaction.
 * Answers {connection, previous_account_id, deleted}: the row, and for a replaced account its id and the deleted rows by table.
 */
create or replace function payments.connect_account(
  environment text,
  account jsonb,
  key_id text,
  ciphertext text,
  masked_key text,
  replace_account boolean default false
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
    raise exception 'A Stripe account and an encrypted key are needed.'
      using errcode = 'SP001', hint = 'Pass the account as Stripe describes it, and the key as the handlers encrypt it.';
  end if;

  -- lock: webhooks wait, so that none writes for one account while rows of the other are deleted
  perform payments_private.lock_environment(environment, true);
  select c.provider_account_id into v_previous
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = connect_account.environment
  for update;

  -- another account
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
    v_deleted := payments_private.delete_environment(environment);
    delete from payments_private.secrets as s where s.environment = connect_account.environment;
    delete from payments.provider_connections as c
    where c.provider = 'stripe' and c.environment = connect_account.environment;
  end if;

  -- store
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

comment on function payments.connect_account(text, jsonb, text, text, text, boolean) is
  'Connects an environment to a Stripe account and stores its encrypted key. Another account than before is refused unless replace_account, which deletes what is kept of it. Answers {connection, previous_account_id, deleted}. Errors: SP001, SP008 another account.';

revoke all on function payments.connect_account(text, jsonb, text, text, text, boolean) from public;
grant execute on function payments.connect_account(text, jsonb, text, text, text, boolean) to payments_service;
--! EndIncluded connection/connect_account.sql
--! Included connection/private/count_environment.sql
/*
 * How many rows each table keeps for an environment, as {"customers": 3}; tables that keep none are left out.
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

revoke all on function payments_private.count_environment(text) from public;
--! EndIncluded connection/private/count_environment.sql
--! Included connection/private/delete_environment.sql
/*
 * Deletes every row that is kept for an environment, and answers how many each table had.
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

revoke all on function payments_private.delete_environment(text) from public;
--! EndIncluded connection/private/delete_environment.sql
--! Included connection/disconnect_account.sql
/*
 * Forgets the key and the signing secrets of an environment. What was projected stays, and so does the account that it belongs
 * to, so that the key of another one is noticed. Answers {connection, endpoint_id, remaining}: the row, the webhook endpoint
 * that was managed until now, and the rows that stay, by table.
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
  'Forgets the stored Stripe key and signing secrets of an environment; projected rows stay. Answers {connection, endpoint_id, remaining}. Errors: SP001, SP009 no key is stored.';

revoke all on function payments.disconnect_account(text) from public;
grant execute on function payments.disconnect_account(text) to payments_service;
--! EndIncluded connection/disconnect_account.sql
--! Included connection/private/endpoint_problems.sql
/*
 * What keeps a webhook endpoint, as Stripe describes it, from being the one that is needed: disabled, missing_events,
 * other_version, other_url; nothing for one that is as it should be. Events beyond the needed ones do no harm, and an address
 * or version that is not given is not compared.
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

revoke all on function payments_private.endpoint_problems(jsonb, text, text) from public;
--! EndIncluded connection/private/endpoint_problems.sql
--! Included connection/environment_health.sql
/*
 * Is all well with an environment? facts is what only the handlers know: {has_key, key_problem, stripe_problem,
 * has_signing_secret, secret_problem, public_url, drift}; a problem is a sentence or null, drift is that of
 * webhook_endpoint_drift or null when Stripe could not be asked.
 * Answers {status, reasons, events, connection}: status failing while events are lost or stuck, degraded while something needs
 * a look, else ok; reasons as [{code, severity, message, next_action}].
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
begin
  perform payments_private.check_environment(environment);
  select c.* into v_connection
  from payments.provider_connections as c
  where c.provider = 'stripe' and c.environment = environment_health.environment;
  select h.* into v_events
  from payments.webhook_event_health as h
  where h.environment = environment_health.environment;

  select coalesce(jsonb_agg(
    jsonb_build_object('code', r.code, 'severity', r.severity, 'message', r.message, 'next_action', r.next_action)
    order by r.severity desc, r.place -- failing before degraded
  ), '[]') into v_reasons
  from (
    values
      (1, 'no_key', 'failing', not (facts ->> 'has_key')::boolean and facts ->> 'secret_problem' is null,
        format('There is no Stripe key for %s.', environment), 'Store one, or set the environment variable for it.'),
      (2, 'secrets_unreadable', 'failing', facts ->> 'secret_problem' is not null, facts ->> 'secret_problem',
        'Set PAYMENTS_ENCRYPTION_KEY to the key that the secrets were stored with, or store them again.'),
      (3, 'key_refused', 'failing', facts ->> 'key_problem' is not null, facts ->> 'key_problem',
        'Store a key that is valid and has the permissions that are needed.'),
      (4, 'stripe_unreachable', 'degraded', facts ->> 'stripe_problem' is not null, facts ->> 'stripe_problem',
        'Try again in a moment.'),
      (5, 'no_signing_secret', 'failing',
        not (facts ->> 'has_signing_secret')::boolean and facts ->> 'secret_problem' is null,
        'There is no signing secret, so no event can be accepted.',
        'Configure the webhook endpoint, or set the environment variable for the secret.'),
      (6, 'endpoint_not_managed', 'degraded',
        (facts ->> 'public_url')::boolean and (facts ->> 'has_key')::boolean and v_connection.webhook_endpoint_id is null,
        'No webhook endpoint is managed, although PAYMENTS_PUBLIC_URL is set.', 'Configure the webhook endpoint.'),
      (8, 'dead_letters', 'failing', v_events.dead_lettered > 0,
        format('Events that failed and are not tried again by themselves: %s.', v_events.dead_lettered),
        'Mend the cause, then retry them.'),
      (9, 'backlog', 'degraded', v_events.backlog > coalesce(v_events.dead_lettered, 0),
        format('Events that failed and wait for their next attempt: %s.', v_events.backlog - v_events.dead_lettered),
        'See their last_error.'),
      (10, 'sync_failed', 'degraded', v_connection.last_sync_status = 'failed',
        format('The last sync failed: %s', v_connection.last_sync_error), 'Run the sync again.')
  ) as r (place, code, severity, holds, message, next_action)
  where r.holds;

  v_reasons := v_reasons || (
    select coalesce(jsonb_agg(jsonb_build_object(
      'code', 'endpoint_' || (d.drift ->> 'problem'),
      'severity', case when d.drift ->> 'problem' in ('gone', 'disabled', 'secret_unknown') then 'failing' else 'degraded' end,
      'message', d.drift ->> 'message',
      'next_action', 'Configure the webhook endpoint again.'
    )), '[]')
    from jsonb_array_elements(case when jsonb_typeof(facts -> 'drift') = 'array' then facts -> 'drift' else '[]' end)
      as d (drift)
  );
  return jsonb_build_object(
    'status', case
      when v_reasons @> '[{"severity": "failing"}]' then 'failing'
      when v_reasons <> '[]' then 'degraded'
      else 'ok'
    end,
    'reasons', v_reasons,
    'events', to_jsonb(v_events),
    'connection', case when v_connection.id is not null then to_jsonb(v_connection) - 'raw' end
  );
end;
$$;

comment on function payments.environment_health(text, jsonb) is
  'One verdict about an environment, ok, degraded or failing, with the reasons, from the ledger, the connection and the given facts. Answers {status, reasons, events, connection}. Errors: SP001.';

revoke all on function payments.environment_health(text, jsonb) from public;
grant execute on function payments.environment_health(text, jsonb) to payments_service;
--! EndIncluded connection/environment_health.sql
--! Included connection/private/environment_tables.sql
/*
 * The tables whose rows belong to the Stripe account of an environment: all that have a column environment, except the
 * connection itself and the secrets.
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
    and c.oid not in ('payments.provider_connections'::regclass, 'payments_private.secrets'::regclass)
  order by c.relname;
$$;

revoke all on function payments_private.environment_tables() from public;
--! EndIncluded connection/private/environment_tables.sql
--! Included connection/private/is_own_endpoint.sql
/*
 * Whether a webhook endpoint at Stripe is ours to change: made by pg-payments for this environment, and either the one that the
 * environment is set up with or one that delivers to the same address. Everything else belongs to another project.
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
    );
$$;

revoke all on function payments_private.is_own_endpoint(text, jsonb, text) from public;
--! EndIncluded connection/private/is_own_endpoint.sql
--! Included ledger/projected_event_types.sql
/*
 * The types of events that the managed webhook endpoint subscribes to. They are projected, and so are a few more that an
 * endpoint made by hand may send (is_projected_event); every other type is kept as ignored.
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
    'invoice.paid', 'invoice.payment_failed', 'invoice_payment.paid',
    'payment_intent.succeeded', 'payment_intent.payment_failed', 'payment_intent.canceled',
    'charge.refunded', 'charge.dispute.created', 'charge.dispute.updated', 'charge.dispute.closed',
    'charge.dispute.funds_withdrawn', 'charge.dispute.funds_reinstated',
    'refund.created', 'refund.updated', 'refund.failed',
    'customer.subscription.created', 'customer.subscription.updated', 'customer.subscription.deleted',
    'customer.subscription.paused', 'customer.subscription.resumed', 'customer.subscription.trial_will_end'
  ];
$$;

comment on function payments.projected_event_types() is
  'The types of Stripe events that the managed webhook endpoint subscribes to: select the same ones for an endpoint made by hand. Of others, invoice.payment_succeeded, charge.refund.updated and payment_intent.processing are projected, too; the rest is kept in the ledger as ignored.';

revoke all on function payments.projected_event_types() from public;
grant execute on function payments.projected_event_types() to payments_service;
--! EndIncluded ledger/projected_event_types.sql
--! Included connection/private/replace_secrets.sql
/*
 * Puts secrets that were encrypted anew, [{id, key_id, ciphertext}], in the place of the same ones as they were: all of them,
 * or none. Answers how many.
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
  lock table payments_private.secrets in share row exclusive mode; -- nobody stores another one meanwhile
  update payments_private.secrets as s
  set key_id = r.key_id,
      ciphertext = r.ciphertext
  from jsonb_to_recordset(replace_secrets.secrets) as r (id uuid, key_id text, ciphertext text)
  where s.id = r.id;
  get diagnostics v_count = row_count;
  if v_count <> (select count(*) from payments_private.secrets) or v_count <> jsonb_array_length(replace_secrets.secrets) then
    raise exception 'The stored secrets have changed meanwhile, so the encryption key was not changed.'
      using errcode = 'SP010', hint = 'Change it once more.';
  end if;
  return v_count;
end;
$$;

revoke all on function payments_private.replace_secrets(jsonb) from public;
grant execute on function payments_private.replace_secrets(jsonb) to payments_service;
--! EndIncluded connection/private/replace_secrets.sql
--! Included connection/webhook_endpoint_drift.sql
/*
 * How the managed webhook endpoint of an environment, as Stripe describes it now, differs from how it was set up, as a list of
 * {problem, message}: gone, disabled, missing_events, other_version, other_url, secret_unknown. Empty when nothing differs, or
 * none is managed.
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
    return '[]';
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
        'The webhook endpoint %s delivers to %s instead of %s. Should this database be a copy of one that is in use there, give it a Stripe account of its own: another endpoint set up here takes the place of that one.',
        v_id, v_endpoint ->> 'url', url
      )
      else format('The signing secret of the webhook endpoint %s is not stored.', v_id)
    end) order by p.place), '[]')
    from unnest(v_problems) with ordinality as p (problem, place)
  );
end;
$$;

comment on function payments.webhook_endpoint_drift(text, text, text, jsonb) is
  'How the managed webhook endpoint differs from how it was set up, given the endpoints that the account has: [{problem, message}]. begin_webhook_endpoint says how to mend it. Errors: SP001.';

revoke all on function payments.webhook_endpoint_drift(text, text, text, jsonb) from public;
grant execute on function payments.webhook_endpoint_drift(text, text, text, jsonb) to payments_service;
--! EndIncluded connection/webhook_endpoint_drift.sql

--! Included base/_100_timestamps.sql
/*
 * created_at stays, updated_at follows every change, on each table that has them.
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
create or replace trigger _100_timestamps before update on payments.webhook_events
  for each row execute function payments_private.tg__timestamps();
--! EndIncluded base/_100_timestamps.sql
--! Included checkout/_100_id.sql
/*
 * A checkout that is begun here tells its id to the function that begins it.
 */
create or replace trigger _100_id after insert on payments.stripe_checkout_sessions
  for each row when (new.checkout_session_id is null) execute function payments_private.tg_sessions__id();
--! EndIncluded checkout/_100_id.sql
--! Included checkout/_200_customer.sql
/*
 * A new session starts with the Stripe customer of its billing subject; one that Stripe tells of has that of Stripe.
 */
create or replace trigger _200_customer before insert on payments.stripe_checkout_sessions
  for each row when (new.checkout_session_id is null) execute function payments_private.tg_sessions__customer();
create or replace trigger _200_customer before insert on payments.stripe_customer_portal_sessions
  for each row execute function payments_private.tg_sessions__customer();
--! EndIncluded checkout/_200_customer.sql
--! Included access/row_level_security.sql
/*
 * Row level security is on for every table: without a policy nobody but the owner reads or writes a row.
 */
alter table payments.provider_connections enable row level security;
alter table payments.stripe_products enable row level security;
alter table payments.stripe_prices enable row level security;
alter table payments.customers enable row level security;
alter table payments.customer_mappings enable row level security;
alter table payments.stripe_checkout_sessions enable row level security;
alter table payments.stripe_customer_portal_sessions enable row level security;
alter table payments.stripe_subscriptions enable row level security;
alter table payments.stripe_subscription_items enable row level security;
alter table payments.transactions enable row level security;
alter table payments.webhook_events enable row level security;
alter table payments.sync_runs enable row level security;
alter table payments_private.customer_owners enable row level security;
alter table payments_private.payment_objects enable row level security;
alter table payments_private.secrets enable row level security;
--! EndIncluded access/row_level_security.sql
--! Included access/policies/service.sql
/*
 * The handlers' role reads every table of the contract and moves sessions on; the rest it does through functions.
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
drop policy if exists service_select on payments.transactions;
create policy service_select on payments.transactions for select to payments_service using (true);
drop policy if exists service_select on payments.webhook_events;
create policy service_select on payments.webhook_events for select to payments_service using (true);
drop policy if exists service_select on payments.sync_runs;
create policy service_select on payments.sync_runs for select to payments_service using (true);
drop policy if exists service_select on payments.stripe_checkout_sessions;
create policy service_select on payments.stripe_checkout_sessions for select to payments_service using (true);
drop policy if exists service_update on payments.stripe_checkout_sessions;
create policy service_update on payments.stripe_checkout_sessions for update to payments_service using (true);
drop policy if exists service_select on payments.stripe_customer_portal_sessions;
create policy service_select on payments.stripe_customer_portal_sessions for select to payments_service using (true);
drop policy if exists service_update on payments.stripe_customer_portal_sessions;
create policy service_update on payments.stripe_customer_portal_sessions for update to payments_service using (true);
drop policy if exists service_select on payments_private.secrets;
create policy service_select on payments_private.secrets for select to payments_service using (true);
--! EndIncluded access/policies/service.sql
--! Included access/policies/own.sql
/*
 * First default: a signed-in user may bill, and manage, the subject {type: 'user', id: <own id>}.
 * Apps that do not sell to single users drop these; teams and organisations are policies beside them (sql/templates).
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
 * Second default: anyone may start a one-time payment without a subject. A signed-in caller sees those of its own; an
 * anonymous one only the row whose idempotency key it holds, which begin_checkout_session sets while it looks.
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
      else (select payments.caller_id()) is null
        and idempotency_key = nullif(current_setting('payments.idempotency_key', true), '')
    end
  );
--! EndIncluded access/policies/guest.sql
--! Included access/grants.sql
/*
 * Who may touch what. App users may insert the columns of a request into the two session tables, and read what the
 * policies show them; the state of a session is not theirs to write, nor the id of a checkout, which Stripe is told as
 * client_reference_id and sends back.
 */
grant usage on schema payments to anon, authenticated, payments_service;
grant usage on schema payments_private to payments_service;

grant insert (
  environment, mode, subject_type, subject_id, customer_email, line_items, success_url, cancel_url, idempotency_key, metadata,
  request_hash
) on payments.stripe_checkout_sessions to anon, authenticated;
grant select on payments.stripe_checkout_sessions to anon, authenticated;
grant insert (id, environment, subject_type, subject_id, return_url, configuration_id)
  on payments.stripe_customer_portal_sessions to anon, authenticated;
grant select on payments.stripe_customer_portal_sessions to anon, authenticated;

grant select on
  payments.provider_connections, payments.stripe_products, payments.stripe_prices, payments.customers,
  payments.customer_mappings, payments.stripe_checkout_sessions, payments.stripe_customer_portal_sessions,
  payments.stripe_subscriptions, payments.stripe_subscription_items, payments.transactions, payments.webhook_events,
  payments.sync_runs
  to payments_service;
grant update on payments.stripe_checkout_sessions, payments.stripe_customer_portal_sessions to payments_service;
grant select on payments_private.secrets to payments_service;
--! EndIncluded access/grants.sql
