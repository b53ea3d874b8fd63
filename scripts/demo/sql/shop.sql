/*
 * The demo shop's own objects, beside the templates of sql/templates: its teams, and the parcels that it packs. The
 * schema also marks the database as one that the demo may use.
 */
create schema if not exists demo_shop;
comment on schema demo_shop is 'The demo shop of pg-payments.';

insert into public.team_members (team_id, user_id, role)
values ('acme', 'ada', 'owner')
on conflict do nothing;

-- A paid order is packed. Nothing here prevents packing it twice; that works because paid_at is set only once.
create table if not exists demo_shop.parcels (
  id bigint generated always as identity primary key,
  order_id uuid not null references public.orders (id),
  packed_at timestamptz not null default now()
);

create or replace function demo_shop.tg_orders__pack()
  returns trigger
  language plpgsql
  volatile
  security definer -- crosses from the order to the parcels, which the role that marks an order paid may not write
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into demo_shop.parcels (order_id) values (new.id);
  return null;
end;
$$;
revoke all on function demo_shop.tg_orders__pack() from public;

create or replace trigger _500_pack
  after update of paid_at on public.orders
  for each row
  when (old.paid_at is null and new.paid_at is not null)
  execute function demo_shop.tg_orders__pack();
