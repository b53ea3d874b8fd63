/*
 * Entitlements of teams: which plan each team has, by its subscriptions and by what was paid for them.
 *
 * How to use it: public.plans maps Stripe prices to plans. A price that is not in it gives nothing, so a browser cannot
 * choose its own plan. Prices in test mode have ids of their own: leave them out where real access is at stake.
 *
 * The app reads public.team_plans: one row for each team that has a plan. A team may have several subscriptions, for
 * example if two admins buy at the same moment. Only the plan with the highest rank counts; when it ends, the next one
 * counts. public.team_entitlements has one row for each subscription that gives access, for the team that
 * payments.stripe_subscriptions names now. Both are views: what an event, a sync, a recovery or a change of
 * public.plans changed shows at once.
 *
 * A subscription gives access
 *   - while it is trialing;
 *   - while it is active, once money for it has arrived. A first bank debit that is pending or failed gives nothing.
 *     Neither does a payment whose dispute was lost;
 *   - while it is past_due, if money for it had arrived before: Stripe still retries the payment of the renewal.
 *     valid_until is then the end of the last period that was paid, so the app may end access earlier. To end it at
 *     once, remove past_due;
 *   - while it costs nothing, for example with a discount of 100 %, and if Stripe has billed nothing for it.
 * It gives none
 *   - in any other status, also one that Stripe adds later;
 *   - while collection is paused (pause_collection), whatever becomes of the invoices: Stripe leaves the status active,
 *     and nobody pays. If you pause it to give the service away, remove that line.
 *
 * Payments are read from payments.transactions. For subscriptions that are older than pg-payments, sync invoices too.
 *
 * App users read none of this until you allow it: read-access.sql does.
 *
 * What you may change: the subject type, the statuses that give access, what else a plan gives.
 */
create table if not exists public.plans (
  price_id text primary key,
  plan text not null,
  rank integer not null default 0 -- the highest wins when a team has several
);
alter table public.plans enable row level security;
revoke all on public.plans from public, anon, authenticated; -- platforms such as Supabase grant new tables to everyone

-- Runs with the rights of its owner, so that a policy need not show subscriptions and payments to those who may see a
-- plan. Therefore grant it to no app user: it shows all teams.
create or replace view public.team_entitlements
  with (security_invoker = false)
as
  select
    s.environment,
    s.subscription_id,
    s.subject_id as team_id,
    granted.plan,
    granted.rank,
    granted.quantity as seats,
    case when s.status = 'past_due' then granted.period_start else granted.period_end end as valid_until,
    coalesce(s.cancel_at, case when s.cancel_at_period_end then granted.period_end end) as ends_at, -- null if it renews
    s.updated_at
  from payments.stripe_subscriptions as s
  -- find the item with the highest plan
  cross join lateral (
    select
      p.plan,
      p.rank,
      i.quantity,
      coalesce(i.current_period_start, s.current_period_start) as period_start,
      coalesce(i.current_period_end, s.current_period_end) as period_end
    from payments.stripe_subscription_items as i
    join public.plans as p on p.price_id = i.price_id
    where i.environment = s.environment and i.subscription_id = s.subscription_id
    order by p.rank desc, i.subscription_item_id
    limit 1
  ) as granted
  where s.subject_type = 'team'
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
                  and granted.period_start > now() - interval '1 day'
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
revoke all on public.team_entitlements from public, anon, authenticated;

create or replace view public.team_plans
  with (security_invoker = true)
as
  select distinct on (e.team_id) e.team_id, e.plan, e.seats, e.valid_until, e.ends_at
  from public.team_entitlements as e
  order by e.team_id, e.rank desc, e.valid_until desc nulls last, e.subscription_id;
revoke all on public.team_plans from public, anon, authenticated;
