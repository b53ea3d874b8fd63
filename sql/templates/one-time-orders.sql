/*
 * Fulfilment of one-time orders: marks an order paid once the money for it has arrived.
 *
 * How it is used: the app inserts the order with the price it asks for, then starts the checkout with
 * metadata {order_id: <id>} and that price. What a browser sends proves nothing, so the trigger compares: the money has
 * arrived, the checkout is for the price and quantity of the order, at its amount and currency, by its owner. Anything
 * else is set aside as 'mismatched' for a person to look at; raising would only make Stripe deliver the event again. The
 * right payment still makes a mismatched order paid, so that nobody can spoil the order of another.
 *
 * A paid order follows its payment as payments.transactions shows it, in every order of events: it is 'refunded' once all of
 * the money is on its way back, which Stripe takes from your balance at once, also while the refund is still pending; should
 * a refund fail later, the order is 'paid' again, because the buyer has not got the money. One that is refunded in part stays
 * paid.
 *
 * What you may change: the table's name and columns, what happens when an order becomes paid (insert into an outbox,
 * add credits, …). Hang what is to happen once on paid_at, which is set once, the first time that the order is paid and not
 * refunded; the status may become 'paid' again.
 */
create table if not exists public.orders (
  id uuid primary key default gen_random_uuid(),
  user_id text, -- payments.caller_id() of the buyer; null for a guest
  price_id text not null,
  quantity integer not null default 1 check (quantity between 1 and 999),
  amount bigint not null check (amount >= 0), -- of the whole order, before discounts, in the currency's minor unit
  currency text not null,
  status text not null default 'pending' check (status in ('pending', 'paid', 'refunded', 'mismatched')),
  checkout_session_id text unique,
  payment_intent_id text,
  paid_at timestamptz, -- set once, with the first 'paid'
  created_at timestamptz not null default now()
);
create index if not exists orders_payment_intent_id_idx on public.orders (payment_intent_id);
alter table public.orders enable row level security;
drop policy if exists select_own on public.orders;
create policy select_own on public.orders for select to authenticated using (user_id = (select payments.caller_id()));
grant select on public.orders to authenticated;

create or replace function public.tg_webhook_events__orders()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the ledger to the app's table
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_object jsonb := new.payload -> 'data' -> 'object';
  v_subject payments.billing_subject := payments.event_subject(new);
  v_order_id text := v_object -> 'metadata' ->> 'order_id';
  v_payment_intent_id text := v_object ->> case when v_object ->> 'object' = 'payment_intent' then 'id' else 'payment_intent' end;
  v_status text; -- of the order, as its payment shows it; null while nothing is known of one
begin
  -- derive: the refund may have been told of before the payment
  select case when t.status = 'refunded' then 'refunded' else 'paid' end
  into v_status
  from payments.transactions as t
  where t.provider = 'stripe'
    and t.environment = new.environment
    and t.provider_object_type = 'payment_intent'
    and t.provider_object_id = v_payment_intent_id
    and t.status in ('succeeded', 'partially_refunded', 'refunded');

  -- pay: an order that waits for its money
  if payments.event_is_settled(new)
    and new.event_type like 'checkout.session.%'
    and v_order_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
  then
    update public.orders as o
    set status = decided.status,
        checkout_session_id = v_object ->> 'id',
        payment_intent_id = v_payment_intent_id,
        paid_at = case when decided.status = 'paid' then new.provider_created_at end
    from (
      select
        w.id,
        case
          when w.amount = (v_object ->> 'amount_subtotal')::bigint
            and w.currency = v_object ->> 'currency'
            and (w.user_id is null or row ('user', w.user_id)::payments.billing_subject = v_subject)
            and exists (
              select
              from payments.stripe_checkout_sessions as s
              where s.environment = new.environment
                and s.checkout_session_id = v_object ->> 'id'
                and jsonb_array_length(s.line_items) = 1
                and s.line_items -> 0 ->> 'priceId' = w.price_id
                and coalesce((s.line_items -> 0 ->> 'quantity')::integer, 1) = w.quantity
            )
          then coalesce(v_status, 'paid') -- nothing to pay is no payment
          else 'mismatched'
        end as status
      from public.orders as w
      where w.id = v_order_id::uuid
    ) as decided
    where o.id = decided.id and o.status in ('pending', 'mismatched');
  end if;

  -- follow: an order that was paid
  update public.orders as o
  set status = v_status,
      paid_at = case when v_status = 'paid' then coalesce(o.paid_at, new.provider_created_at) else o.paid_at end
  where o.payment_intent_id = v_payment_intent_id
    and o.status in ('paid', 'refunded')
    and o.status <> v_status;
  return null;
end;
$$;
revoke all on function public.tg_webhook_events__orders() from public;

create or replace trigger _500_orders
  after insert or update of processing_status on payments.webhook_events
  for each row
  when (
    new.processing_status = 'processed'
    and new.event_type like any (array['checkout.session.%', 'payment_intent.%', 'charge.%', 'refund.%'])
  )
  execute function public.tg_webhook_events__orders();
