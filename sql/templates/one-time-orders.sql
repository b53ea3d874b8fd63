/*
 * Fulfilment of one-time orders: marks an order paid once the money for it has arrived.
 *
 * How to use it: the app inserts the order with its price, then starts the checkout with metadata {order_id: <id>} and that
 * price. A browser chooses what it sends, so the trigger checks four things:
 *   - the money has arrived;
 *   - the checkout is for the price and quantity of the order;
 *   - amount and currency are those of the order;
 *   - the order is a guest's, or the checkout is for its owner.
 * An order that fails a check becomes 'mismatched', for a person to look at. Raising would only make Stripe deliver the
 * event again. The right payment still makes a mismatched order paid, so that no caller can spoil another user's order.
 *
 * A paid order follows its payment in payments.transactions, in every order of events:
 *   - It is 'refunded' once refunds return the whole amount, even while they are pending: Stripe takes the money from your
 *     balance at once.
 *   - It is 'paid' again if a refund fails later, because the buyer did not receive the money.
 *   - It stays 'paid' after a partial refund.
 *
 * What you may change: the table's name and columns, and what happens when an order becomes paid (insert into an outbox,
 * add credits, …). Attach to paid_at what must happen once. It is set only once, when the order is first paid and not
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
  v_status text; -- the order's status by its payment; null while there is no payment
begin
  -- derive the order's status: the event of a refund may arrive before that of its payment
  select case when t.status = 'refunded' then 'refunded' else 'paid' end
  into v_status
  from payments.transactions as t
  where t.provider = 'stripe'
    and t.environment = new.environment
    and t.provider_object_type = 'payment_intent'
    and t.provider_object_id = v_payment_intent_id
    and t.status in ('succeeded', 'partially_refunded', 'refunded');

  -- mark the waiting order paid
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
          then coalesce(v_status, 'paid') -- a checkout over nothing has no payment
          else 'mismatched'
        end as status
      from public.orders as w
      where w.id = v_order_id::uuid
    ) as decided
    where o.id = decided.id and o.status in ('pending', 'mismatched');
  end if;

  -- update the paid order
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
