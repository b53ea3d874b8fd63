/*
 * Fulfilment of one-time orders and carts: says of each order in {{orders}} whether it is paid.
 *
 * How to use it: the app inserts the order with its amount, then starts the checkout with metadata {order_id: <id>} and
 * the order's prices. A browser chooses what it sends, so a payment counts only if
 *   - the money has arrived;
 *   - amount (before discounts) and currency are those of the order;
 *   - it is of live mode, or no live payment has been made yet: cards of test mode cost nothing;
{{#has_lines}}
 *   - prices and quantities are those of {{lines}};
{{/has_lines}}
{{#has_user}}
 *   - the order is a guest's, or the checkout is for its {{subject}}: it names subject {"type": "{{subject}}", "id": "<id>"}.
{{#is_user}}
 *     A checkout without a subject counts if the signed-in user who began it is the user of the order.
{{/is_user}}
{{/has_user}}
 * A payment that fails another check is mismatched, for a person to look at. The right payment still makes the order
 * paid.
 *
 * {{schema}}.order_status has one row for each order that anybody paid: paid, refunded (the whole amount),
 * charged_back, mismatched, pending or failed. standing_payments above 1 means that it was paid twice: refund one.
 * {{schema}}.order_purchases has the payments. App users read none of the three: show {{orders}} to them, or a view of
 * yours.
 *
 * {{schema}}.unmatched_order_payments has the money that came for an order that is not in {{orders}}: named_order is
 * what the checkout named. Refund it. Or insert the order and replay the event: pg-payments events replay.
 *
 * Leave shipping and taxes out of the amount of an order: what the buyer pays for them comes on top and is not
 * compared. A browser may leave shippingOptions out, and then pays no shipping. So force them with an offer, or begin
 * the checkout on your server. Name, phone, address and the chosen rate are in (payments.purchase_of(event)).shipping.
{{#has_status}}
 * {{orders}}.{{order_status}} becomes '{{paid_value}}' when the order is paid{{#has_refunded}}, and
 * '{{refunded_value}}' when all of it went back{{/has_refunded}}. Attach to first_paid_at of order_purchases what must
 * happen once: it is set once.
{{/has_status}}
 */
{{#creates_orders}}
create table if not exists {{orders}} (
  {{order_id}} {{order_key_definition}} primary key,
  {{order_user}} {{user_key_type}}, -- the {{subject}} who buys; null for a guest
  {{order_amount}} bigint not null check ({{order_amount}} >= 0), -- before discounts, in the currency's minor unit
  {{order_currency}} text not null,
  {{order_status}} text not null default 'pending',
  created_at timestamptz not null default now()
);
create table if not exists {{lines}} (
  {{line_order}} {{order_key_type}} not null references {{orders}} on delete cascade,
  {{line_price}} text not null, -- a price id or a lookup key
  {{line_quantity}} integer not null default 1 check ({{line_quantity}} between 1 and 999),
  primary key ({{line_order}}, {{line_price}})
);
revoke all on {{orders}}, {{lines}} from public, anon, authenticated; -- platforms such as Supabase grant new tables to everyone
alter table {{orders}} enable row level security;
alter table {{lines}} enable row level security;
{{#is_user}}
drop policy if exists select_own on {{orders}};
create policy select_own on {{orders}} for select to authenticated
  using ({{order_user}} = (select {{user_key payments.caller_id()}}));
drop policy if exists select_own on {{lines}};
create policy select_own on {{lines}} for select to authenticated
  using ({{line_order}} in (select o.{{order_id}} from {{orders}} as o)); -- the policy of orders decides
grant select on {{orders}}, {{lines}} to authenticated;
{{/is_user}}
{{/creates_orders}}
create table if not exists {{schema}}.order_purchases (
  purchase_id text not null,
  environment text not null,
  order_id {{order_key_type}}, -- null: there is no such order
  named_order text, -- what the checkout named
  status text not null, -- of the payment: pending, paid, failed, refunded or charged_back
  fits boolean not null, -- amount, currency and all else are those of the order
  amount bigint,
  amount_undone bigint,
  currency text,
  payment_intent_id text,
  first_paid_at timestamptz, -- set once
  primary key (purchase_id, environment)
);
create index if not exists order_purchases_order_id_idx on {{schema}}.order_purchases (order_id);
alter table {{schema}}.order_purchases enable row level security;
revoke all on {{schema}}.order_purchases from public, anon, authenticated;

create or replace view {{schema}}.order_status
  with (security_invoker = true)
as
  select distinct on (p.order_id)
    p.order_id,
    case when p.fits or p.status <> 'paid' then p.status else 'mismatched' end as status,
    p.first_paid_at as paid_at,
    p.purchase_id,
    p.payment_intent_id,
    p.environment,
    count(*) filter (where p.status = 'paid') over (partition by p.order_id) as standing_payments
  from {{schema}}.order_purchases as p
  where p.order_id is not null
  order by
    p.order_id, p.fits desc, array_position(array['paid', 'charged_back', 'refunded', 'pending', 'failed'], p.status),
    p.first_paid_at, p.purchase_id;
revoke all on {{schema}}.order_status from public, anon, authenticated;

create or replace view {{schema}}.unmatched_order_payments
  with (security_invoker = true)
as
  select p.environment, p.purchase_id, p.named_order, p.amount, p.amount_undone, p.currency, p.payment_intent_id
  from {{schema}}.order_purchases as p
  where p.order_id is null and p.status = 'paid';
revoke all on {{schema}}.unmatched_order_payments from public, anon, authenticated;

create or replace function {{schema}}.tg_webhook_events__order_purchases()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the ledger to the app's tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_purchase payments.purchase := payments.purchase_of(new);
  v_named text := v_purchase.metadata ->> 'order_id';
  v_order_id {{order_key_type}} := {{order_key v_named}};
  v_order record;
  v_fits boolean;
begin
  if v_purchase.id is null or v_purchase.kind <> 'one_time' then
    return null;
  end if;
  select coalesce((
    select p.order_id from {{schema}}.order_purchases as p where p.purchase_id = v_purchase.id and p.environment = new.environment
  ), v_order_id) into v_order_id;
  select o.* into v_order from {{orders}} as o where o.{{order_id}} = v_order_id for no key update;
  if not found then
    if v_named is null and v_order_id is null then
      return null; -- it is for no order
    end if;
    v_order_id := null;
    perform pg_advisory_xact_lock(hashtextextended('order_purchases ' || new.environment || ' ' || v_purchase.id, 0));
  end if;
  v_purchase := payments.purchase_of(new); -- as it is now: another event may have held the lock

  v_fits := coalesce(
    v_order.{{order_amount}} = v_purchase.amount_subtotal
    and v_purchase.currency = {{currency_of_order}}
    and (new.environment = 'live' or not exists (select from payments.transactions as t where t.environment = 'live'))
{{#has_user}}
    and (
      v_order.{{order_user}} is null
      or (v_purchase.subject_type = '{{subject}}' and v_purchase.subject_id = v_order.{{order_user}}::text)
{{#is_user}}
      or (v_purchase.subject_type is null and v_purchase.caller_id = v_order.{{order_user}}::text)
{{/is_user}}
    )
{{/has_user}}
{{#has_lines}}
    and not exists (
      select
      from (
        select l.{{line_price}}::text as price, l.{{line_quantity}}::bigint as quantity
        from {{lines}} as l where l.{{line_order}} = v_order_id
      ) as ordered
      full join (
        select
          case when exists (
            select from {{lines}} as l where l.{{line_order}} = v_order_id and l.{{line_price}}::text = i.item ->> 'lookup_key'
          ) then i.item ->> 'lookup_key' else i.item ->> 'price_id' end as price,
          sum((i.item ->> 'quantity')::bigint) as quantity
        from jsonb_array_elements(v_purchase.items) as i (item)
        group by 1
      ) as bought using (price)
      where ordered.quantity is distinct from bought.quantity
    )
{{/has_lines}}
    , false
  );
  insert into {{schema}}.order_purchases as p (
    purchase_id, environment, order_id, named_order, status, fits, amount, amount_undone, currency, payment_intent_id, first_paid_at
  )
  values (
    v_purchase.id, new.environment, v_order_id, v_named, v_purchase.status, v_fits, v_purchase.amount,
    v_purchase.amount_undone, v_purchase.currency, v_purchase.payment_intent_id, case when v_fits and v_purchase.is_paid then v_purchase.paid_at end
  )
  on conflict (purchase_id, environment) do update
  set order_id = coalesce(p.order_id, excluded.order_id),
      named_order = coalesce(excluded.named_order, p.named_order),
      status = excluded.status,
      fits = p.fits or excluded.fits,
      amount = excluded.amount,
      amount_undone = excluded.amount_undone,
      payment_intent_id = coalesce(excluded.payment_intent_id, p.payment_intent_id),
      first_paid_at = coalesce(
        p.first_paid_at, case when (p.fits or excluded.fits) and v_purchase.is_paid then v_purchase.paid_at end
      );
{{#has_status}}

  update {{orders}} as o
  set {{order_status}} = '{{paid_value}}'
  where o.{{order_id}} = v_order_id
    and o.{{order_status}}::text <> '{{paid_value}}'
    and exists (select from {{schema}}.order_status as s where s.order_id = v_order_id and s.status = 'paid');
{{#has_refunded}}
  update {{orders}} as o
  set {{order_status}} = '{{refunded_value}}'
  where o.{{order_id}} = v_order_id
    and o.{{order_status}}::text = '{{paid_value}}'
    and exists (
      select from {{schema}}.order_status as s where s.order_id = v_order_id and s.status in ('refunded', 'charged_back')
    );
{{/has_refunded}}
{{/has_status}}
  return null;
end;
$$;
revoke all on function {{schema}}.tg_webhook_events__order_purchases() from public, anon, authenticated;

create or replace trigger _500_order_purchases
  after insert or update of processing_status on payments.webhook_events
  for each row
  when (
    new.processing_status = 'processed'
    and new.event_type like any (array['checkout.session.%', 'payment_intent.%', 'charge.%', 'refund.%'])
  )
  execute function {{schema}}.tg_webhook_events__order_purchases();

-- Down
drop trigger if exists _500_order_purchases on payments.webhook_events;
drop function if exists {{schema}}.tg_webhook_events__order_purchases();
drop view if exists {{schema}}.unmatched_order_payments;
drop view if exists {{schema}}.order_status;
