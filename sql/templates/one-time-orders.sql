/*
 * Fulfilment of one-time orders: marks an order paid once the money for it has arrived.
 *
 * How to use it: the app inserts the order with its price, then starts the checkout with metadata {order_id: <id>} and
 * that price. An order of several prices has one row in public.order_lines for each of them; price_id and quantity of
 * the order then do not count. A line of a price that the backend makes up (priceData) has the product's id or name and
 * the unit_amount instead of a price_id. A browser chooses what it sends, so the trigger checks four things:
 *   - the money has arrived;
 *   - the checkout is for the prices and quantities of the order, in whatever order and split into whatever lines;
 *   - amount and currency are those of the order; an amount of null takes what the buyer chose to pay, for a price that
 *     leaves that to them (payments.stripe_prices.pay_what_you_want);
 *   - the order is a guest's, or the checkout is for its owner: for the subject {type: 'user', id: <user_id>}, or for no
 *     subject and begun by this signed-in user.
 * An order that was paid, but fails another check, becomes 'mismatched', for a person to look at. Raising would only
 * make Stripe deliver the event again. The right payment still makes a mismatched order paid, so that no caller can
 * spoil another user's order.
 *
 * public.order_payments has one row for each completed checkout of an order. An order follows all of them, in every
 * order of events. It also follows money that arrives after the checkout, by a bank debit or by a capture of yours. It
 * is
 *   - 'paid' while one right payment stands; a partial refund or a partial capture leaves it so;
 *   - 'charged_back' if a dispute about it was lost, also about a part; an open dispute leaves it paid;
 *   - 'refunded' once refunds return the whole amount, even while they are pending: Stripe takes the money from your
 *     balance at once;
 *   - 'paid' again if a refund fails later or the dispute is won after all, because then the money is yours.
 * standing_payments is the number of payments whose money is here. If it is above 1, the order was paid twice: refund
 * one.
 *
 *     select o.id, p.payment_intent_id, p.completed_at
 *     from public.orders as o join public.order_payments as p on p.order_id = o.id
 *     where o.standing_payments > 1;
 *
 * Leave shipping and taxes out of the amount: they come on top and are not compared. A browser may leave
 * shippingOptions out, and then pays no shipping. So force them with an offer, or begin the checkout on your server.
 * Name, phone and address are in (payments.purchase_of(event)).shipping.
 *
 * Money that names an order which is not there:
 *
 *     select s.environment, s.checkout_session_id, s.raw -> 'metadata' ->> 'order_id' as named_order
 *     from payments.stripe_checkout_sessions as s
 *     where s.payment_status = 'paid' and s.raw -> 'metadata' ? 'order_id' and not exists (
 *       select from public.order_payments as p
 *       where p.checkout_session_id = s.checkout_session_id and p.environment = s.environment
 *     );
 *
 * To accept the payment of a mismatched order, set fits in public.order_payments and derive the order again. After a
 * sync that changed payments without an event, derive all of them:
 *
 *     select public.derive_order(o.order_id) from (select distinct order_id from public.order_payments order by order_id) as o;
 *
 * What you may change: the tables' names and columns, and what happens when an order becomes paid (insert into an
 * outbox, add credits, …). Attach to paid_at what must happen once. It is set only once, when the order is first paid
 * and not refunded; the status may become 'paid' again.
 */
create table if not exists public.orders (
  id uuid primary key default gen_random_uuid(),
  user_id text, -- payments.caller_id() of the buyer; null for a guest
  price_id text, -- null for an order with order_lines
  quantity integer not null default 1 check (quantity between 1 and 999),
  amount bigint check (amount >= 0), -- of the whole order, before discounts, in the currency's minor unit
  currency text not null,
  status text not null default 'pending'
    check (status in ('pending', 'paid', 'refunded', 'charged_back', 'mismatched')),
  checkout_session_id text unique, -- of the payment that decides the status
  payment_intent_id text,
  standing_payments integer not null default 0,
  paid_at timestamptz, -- set once, with the first 'paid'
  created_at timestamptz not null default now()
);
create index if not exists orders_payment_intent_id_idx on public.orders (payment_intent_id);

create table if not exists public.order_lines (
  order_id uuid not null references public.orders (id) on delete cascade,
  price_id text, -- null for a price that the backend makes up
  quantity integer not null default 1 check (quantity between 1 and 999),
  product text, -- of a made-up price: the id of the product, or the name of one that is made up
  unit_amount bigint check (unit_amount >= 0), -- of a made-up price, in the currency's minor unit
  id uuid not null default gen_random_uuid() primary key,
  check (num_nonnulls(price_id, product) = 1 and (product is null) = (unit_amount is null)),
  unique nulls not distinct (order_id, price_id, product, unit_amount)
);

create table if not exists public.order_payments (
  environment text not null,
  checkout_session_id text not null,
  order_id uuid not null references public.orders (id) on delete cascade,
  payment_intent_id text, -- null if nothing was to be paid
  charge_id text,
  is_settled boolean not null, -- the session says that the money has arrived
  fits boolean not null, -- prices, quantities, amount, currency and owner are those of the order
  completed_at timestamptz not null,
  primary key (checkout_session_id, environment)
);
create index if not exists order_payments_order_id_idx on public.order_payments (order_id);
create index if not exists order_payments_payment_intent_id_idx on public.order_payments (payment_intent_id, environment);
create index if not exists order_payments_charge_id_idx on public.order_payments (charge_id, environment);

-- show orders to their owners; platforms such as Supabase grant new tables to everyone
revoke all on public.orders, public.order_lines, public.order_payments from public, anon, authenticated;
alter table public.orders enable row level security;
alter table public.order_lines enable row level security;
alter table public.order_payments enable row level security;
drop policy if exists select_own on public.orders;
create policy select_own on public.orders for select to authenticated using (user_id = (select payments.caller_id()));
drop policy if exists select_own on public.order_lines;
create policy select_own on public.order_lines for select to authenticated
  using (order_id in (select o.id from public.orders as o)); -- the policy of orders decides
grant select on public.orders, public.order_lines to authenticated;

create or replace function public.session_fits_order(event payments.webhook_events, order_id uuid)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session jsonb := event.payload -> 'data' -> 'object';
  v_order public.orders;
  v_ordered jsonb; -- quantity by price
  v_bought jsonb;
  v_chosen boolean; -- the buyer chose the amount
  v_buyer text; -- the signed-in user who began a checkout for no subject
begin
  select o.* into v_order from public.orders as o where o.id = session_fits_order.order_id;

  -- add up the quantities
  select jsonb_object_agg(coalesce(l.price_id, l.product || ' for ' || l.unit_amount), l.quantity)
  into v_ordered
  from public.order_lines as l
  where l.order_id = v_order.id;
  if v_ordered is null and v_order.price_id is not null then
    v_ordered := jsonb_build_object(v_order.price_id, v_order.quantity);
  end if;
  select jsonb_object_agg(l.price_id, l.quantity)
  into v_bought
  from (
    select
      coalesce(
        i.item ->> 'priceId',
        coalesce(i.item #>> '{priceData,productId}', i.item #>> '{priceData,product,name}')
          || ' for ' || (i.item #>> '{priceData,unitAmount}'),
        ''
      ) as price_id,
      sum(case
        when coalesce(i.item ->> 'quantity', '1') ~ '^[0-9]{1,9}$' then coalesce(i.item ->> 'quantity', '1')::bigint
        else -1000000000 -- no number of pieces
      end) as quantity
    from payments.stripe_checkout_sessions as s
    cross join lateral jsonb_array_elements(s.line_items) as i (item)
    where s.environment = event.environment and s.checkout_session_id = v_session ->> 'id'
    group by 1
  ) as l;

  select coalesce(bool_and(p.pay_what_you_want), false)
  into v_chosen
  from jsonb_object_keys(v_bought) as b (price_id)
  left join payments.stripe_prices as p on p.price_id = b.price_id and p.environment = event.environment;

  select s.caller_id
  into v_buyer
  from payments.stripe_checkout_sessions as s
  where s.environment = event.environment
    and s.checkout_session_id = v_session ->> 'id'
    and (payments.event_subject(event)).type is null;

  return coalesce(
    v_bought = v_ordered
    and (
      v_order.amount = (v_session ->> 'amount_subtotal')::bigint
      or (v_order.amount is null and v_chosen)
    )
    and v_order.currency = v_session ->> 'currency'
    and (
      v_order.user_id is null
      or row ('user', v_order.user_id)::payments.billing_subject = payments.event_subject(event)
      or v_order.user_id = v_buyer
    ),
    false
  );
end;
$$;
revoke all on function public.session_fits_order(payments.webhook_events, uuid) from public, anon, authenticated;

create or replace function public.derive_order(order_id uuid, at timestamptz default now())
  returns void
  language plpgsql
  volatile
  security definer -- crosses from the payments to the app's tables
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- wait for uncommitted payments of the order
  perform from public.orders as o where o.id = derive_order.order_id for no key update;

  -- note the charge: a dispute may name nothing else
  update public.order_payments as p
  set charge_id = t.related_object_ids ->> 'charge'
  from payments.transactions as t
  where p.order_id = derive_order.order_id
    and t.provider = 'stripe'
    and t.environment = p.environment
    and t.provider_object_type = 'payment_intent'
    and t.provider_object_id = p.payment_intent_id
    and p.charge_id is distinct from t.related_object_ids ->> 'charge';

  -- derive the order from its payments
  with payment as (
    select
      p.*,
      case
        when t.amount_disputed > 0 and t.status <> 'refunded' then 'charged_back'
        when t.status = 'refunded' then 'refunded'
        when p.is_settled or t.status in ('succeeded', 'partially_refunded') then 'paid'
      end as state -- null while there is no money
    from public.order_payments as p
    left join payments.transactions as t
      on t.provider = 'stripe'
      and t.environment = p.environment
      and t.provider_object_type = 'payment_intent'
      and t.provider_object_id = p.payment_intent_id
    where p.order_id = derive_order.order_id
  ),
  decided as (
    select
      case when p.fits then p.state else 'mismatched' end as status,
      p.checkout_session_id,
      p.payment_intent_id,
      (select count(*) from payment as s where s.state = 'paid') as standing_payments
    from payment as p
    where p.state is not null
    order by
      p.fits desc, array_position(array['paid', 'charged_back', 'refunded'], p.state), p.completed_at, p.checkout_session_id
    limit 1
  )
  update public.orders as o
  set status = d.status,
      checkout_session_id = d.checkout_session_id,
      payment_intent_id = d.payment_intent_id,
      standing_payments = d.standing_payments,
      paid_at = case when d.status = 'paid' then coalesce(o.paid_at, derive_order.at) else o.paid_at end
  from decided as d
  where o.id = derive_order.order_id
    and (o.status, o.checkout_session_id, o.payment_intent_id, o.standing_payments)
      is distinct from (d.status, d.checkout_session_id, d.payment_intent_id, d.standing_payments);
end;
$$;
revoke all on function public.derive_order(uuid, timestamptz) from public, anon, authenticated;

create or replace function public.tg_webhook_events__orders()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the ledger to the app's tables
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object jsonb := new.payload -> 'data' -> 'object';
  v_order_id text := v_object -> 'metadata' ->> 'order_id';
  v_payment_intent_id text := case
    when v_object ->> 'object' = 'payment_intent' then v_object ->> 'id'
    else coalesce(v_object -> 'payment_intent' ->> 'id', v_object ->> 'payment_intent')
  end;
  v_charge_id text := case
    when v_object ->> 'object' = 'charge' then v_object ->> 'id'
    else coalesce(v_object -> 'charge' ->> 'id', v_object ->> 'charge')
  end;
begin
  -- record the completed checkout of an order, paid or not
  if new.event_type in ('checkout.session.completed', 'checkout.session.async_payment_succeeded')
    and v_order_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
  then
    perform from public.orders as o where o.id = v_order_id::uuid for no key update;
    if found then
      insert into public.order_payments as p (
        environment, checkout_session_id, order_id, payment_intent_id, is_settled, fits, completed_at
      )
      values (
        new.environment, v_object ->> 'id', v_order_id::uuid, v_payment_intent_id, payments.event_is_settled(new),
        public.session_fits_order(new, v_order_id::uuid), new.provider_created_at
      )
      on conflict (checkout_session_id, environment) do update
      set payment_intent_id = coalesce(excluded.payment_intent_id, p.payment_intent_id),
          is_settled = p.is_settled or excluded.is_settled,
          fits = p.fits or excluded.fits,
          completed_at = least(p.completed_at, excluded.completed_at);
      perform public.derive_order(v_order_id::uuid, new.provider_created_at);
    end if;
    return null;
  end if;

  -- derive the orders of the payment
  perform public.derive_order(o.order_id, new.provider_created_at)
  from (
    select distinct p.order_id
    from public.order_payments as p
    where p.environment = new.environment
      and (p.payment_intent_id = v_payment_intent_id or p.charge_id = v_charge_id)
    order by p.order_id
  ) as o;
  return null;
end;
$$;
revoke all on function public.tg_webhook_events__orders() from public, anon, authenticated;

create or replace trigger _500_orders
  after insert or update of processing_status on payments.webhook_events
  for each row
  when (
    new.processing_status = 'processed'
    and new.event_type like any (array['checkout.session.%', 'payment_intent.%', 'charge.%', 'refund.%'])
  )
  execute function public.tg_webhook_events__orders();
