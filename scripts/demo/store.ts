/** The statements of the shop's backend on its own Postgres. */
import type postgres from 'postgres'
import { money } from './money.ts'

export type Order = {
  id: string
  userId: string | null
  priceId: string
  quantity: number
  product: string | null
  amount: string
  currency: string
  status: 'pending' | 'paid' | 'refunded' | 'mismatched'
  paymentIntentId: string | null
  createdAt: Date
}

export type Team = {
  teamId: string
  plan: string | null
  validUntil: Date | null
  endsAt: Date | null
}

export type Transaction = {
  id: string
  type: string
  status: string
  amount: string | null
  amountRefunded: string
  currency: string | null
  subject: string | null
  at: Date
}

export type LedgerRow = {
  id: string
  eventId: string
  eventType: string
  status: string
  attempts: number
  lastError: string | null
  receivedAt: Date
}

export type View = { orders: Order[]; teams: Team[]; transactions: Transaction[]; ledger: LedgerRow[] }

/** Inserts an order with the price, amount and currency of the catalogue, never with those that a browser sends. */
export async function insertOrder(
  sql: postgres.Sql,
  { userId, priceId, quantity }: { userId: string | null; priceId: string; quantity: number },
): Promise<Order> {
  const [order] = await sql<{ id: string }[]>`
    insert into public.orders (user_id, price_id, quantity, amount, currency)
    select ${userId}, p.price_id, ${quantity}, p.unit_amount * ${quantity}::integer, p.currency
    from payments.stripe_prices as p
    where p.environment = 'test' and p.price_id = ${priceId} and p.active
    returning id`
  const found = order && (await findOrder(sql, order.id))
  if (!found) throw new Error(`The price ${priceId} is not in the catalogue.`)
  return found
}

export async function findOrder(sql: postgres.Sql, id: string): Promise<Order | undefined> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return undefined
  const [order] = await sql<Order[]>`${orderColumns(sql)} where o.id = ${id}`
  return order
}

/** The product of a price, as the shop window shows it. */
export async function readProduct(
  sql: postgres.Sql,
  priceId: string,
): Promise<{ name: string; amount: string; currency: string }> {
  const [product] = await sql<{ name: string; amount: string; currency: string }[]>`
    select p.name, s.unit_amount as amount, s.currency
    from payments.stripe_prices as s
    join payments.stripe_products as p on p.environment = s.environment and p.product_id = s.product_id
    where s.environment = 'test' and s.price_id = ${priceId}`
  if (!product) throw new Error(`The price ${priceId} is not in the catalogue.`)
  return product
}

const ROWS_SHOWN_MAX = 8
const EVENTS_SHOWN_MAX = 14

/** The rows of the live view, newest first. */
export async function readView(sql: postgres.Sql): Promise<View> {
  const [orders, teams, transactions, ledger] = await Promise.all([
    sql<Order[]>`${orderColumns(sql)} order by o.created_at desc limit ${ROWS_SHOWN_MAX}`,
    sql<Team[]>`
      select t.team_id as "teamId", e.plan, e.valid_until as "validUntil", e.ends_at as "endsAt"
      from (select distinct m.team_id from public.team_members as m) as t
      left join public.team_plans as e on e.team_id = t.team_id
      order by t.team_id limit ${ROWS_SHOWN_MAX}`,
    sql<Transaction[]>`
      select t.id, t.type, t.status, t.amount, t.amount_refunded as "amountRefunded", t.currency,
        t.subject_type || ' ' || t.subject_id as subject, coalesce(t.provider_created_at, t.created_at) as at
      from payments.transactions as t
      order by t.created_at desc limit ${ROWS_SHOWN_MAX}`,
    sql<LedgerRow[]>`
      select w.id, w.provider_event_id as "eventId", w.event_type as "eventType", w.processing_status as status,
        w.attempt_count as attempts, w.last_error as "lastError", w.received_at as "receivedAt"
      from payments.webhook_events as w
      order by w.received_at desc, w.id limit ${EVENTS_SHOWN_MAX}`,
  ])
  return { orders: [...orders], teams: [...teams], transactions: [...transactions], ledger: [...ledger] }
}

function orderColumns(sql: postgres.Sql) {
  return sql`
    select o.id, o.user_id as "userId", o.price_id as "priceId", o.quantity, p.name as product, o.amount, o.currency,
      o.status, o.payment_intent_id as "paymentIntentId", o.created_at as "createdAt"
    from public.orders as o
    left join payments.stripe_prices as s on s.price_id = o.price_id and s.environment = 'test'
    left join payments.stripe_products as p on p.product_id = s.product_id and p.environment = s.environment`
}

export const total = (order: Order) => money(order.amount, order.currency)
