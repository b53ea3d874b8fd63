/** The checkouts of the shop: the requests that the browser sends, and one that the backend prepares beforehand. */
import type postgres from 'postgres'
import type Stripe from 'stripe'
import type { CreateCheckoutSessionRequest } from '../../functions/client/index.ts'
import type { Order } from './store.ts'

/** Stripe's clock may be behind ours, and its instants have whole seconds. */
const CLOCK_MARGIN_MS = 1000

/** The claims of the buyer, as a verified token has them. */
export type Caller = { role: 'anon' } | { role: 'authenticated'; sub: string }

/** The request that the browser passes to the SDK for an order. */
export function checkoutOf(order: Order, shopUrl: string): CreateCheckoutSessionRequest {
  return {
    mode: 'payment',
    lineItems: [{ priceId: order.priceId, quantity: order.quantity }],
    successUrl: `${shopUrl}/orders/${order.id}`,
    cancelUrl: `${shopUrl}/orders/${order.id}?canceled=1`,
    ...(order.userId !== null && { subject: { type: 'user', id: order.userId } }),
    metadata: { order_id: order.id },
    idempotencyKey: `order:${order.id}`,
  }
}

/** The request for a team's plan. */
export function subscriptionOf(team: string, priceId: string, shopUrl: string): CreateCheckoutSessionRequest {
  return {
    mode: 'subscription',
    lineItems: [{ priceId, quantity: 1 }],
    successUrl: `${shopUrl}/#team`,
    cancelUrl: `${shopUrl}/#team`,
    subject: { type: 'team', id: team },
  }
}

/**
 * Begins a checkout with a discount. The HTTP API has no field for a discount, because a browser must not grant one to
 * itself. The shop's backend calls the same SQL functions as the handlers and adds a coupon to the parameters for
 * Stripe. The browser then requests the same checkout, and its idempotency key returns the existing session.
 */
export async function prepareDiscounted(
  sql: postgres.Sql,
  stripe: Stripe,
  { request, caller, coupon }: { request: CreateCheckoutSessionRequest; caller: Caller; coupon: string },
): Promise<void> {
  const lineItems = (request.lineItems ?? []).map(({ priceId, quantity = 1 }) => ({ priceId, quantity }))
  const [row] = await sql<{ begun: Begun }[]>`
    select payments.begin_checkout_session(
      environment => 'test',
      caller => ${sql.json(caller)},
      mode => ${request.mode},
      line_items => ${sql.json(lineItems)},
      success_url => ${request.successUrl ?? null},
      cancel_url => ${request.cancelUrl ?? null},
      subject_type => ${request.subject?.type ?? null},
      subject_id => ${request.subject?.id ?? null},
      customer_email => ${request.customerEmail ?? null},
      metadata => ${sql.json(request.metadata ?? {})},
      idempotency_key => ${request.idempotencyKey ?? null}
    ) as begun`
  if (row?.begun.action !== 'send') return
  const { params, idempotency_key, session, attempt } = row.begun
  try {
    // Stripe's answer is never older than this instant.
    const snapshotAt = new Date(Date.now() - CLOCK_MARGIN_MS)
    const created = await stripe.checkout.sessions.create(
      { ...params, discounts: [{ coupon }] },
      { idempotencyKey: idempotency_key },
    )
    await sql`
      select from payments.complete_checkout_session(
        environment => 'test',
        id => ${session.id},
        attempt => ${attempt},
        session => ${sql.json(JSON.parse(JSON.stringify(created)))},
        snapshot_at => ${snapshotAt}
      )`
  } catch (error) {
    const { message, statusCode } = error as Error & { statusCode?: number }
    const refused = statusCode !== undefined && statusCode < 500
    await sql`
      select from payments.fail_checkout_session(
        environment => 'test',
        id => ${session.id},
        attempt => ${attempt},
        error => ${message},
        stripe_may_have_acted => ${!refused}
      )`
    throw error
  }
}

type Begun = {
  action: 'send' | 'return' | 'fetch'
  session: { id: string }
  attempt: number
  idempotency_key: string
  params: Stripe.Checkout.SessionCreateParams
}
