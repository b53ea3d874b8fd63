/** The checkouts of the shop: what the browser asks for, and what the backend prepares before the browser asks. */
import type postgres from 'postgres'
import type Stripe from 'stripe'
import type { CreateCheckoutSessionRequest } from '../../functions/client/index.ts'
import type { Order } from './store.ts'

/** The claims of whoever is buying, as a verified token holds them. */
export type Caller = { role: 'anon' } | { role: 'authenticated'; sub: string }

/** The request that the browser hands to the SDK for an order. */
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
 * Begins a checkout with a discount, which a browser must not be able to give itself: the HTTP API has no field for one. The
 * shop's backend uses the SQL functions that the handlers use, and adds a coupon to what they send to Stripe. When the browser
 * asks for this checkout, the idempotency key leads it to the session that is there already.
 */
export async function prepareDiscounted(
  sql: postgres.Sql,
  stripe: Stripe,
  { request, caller, coupon }: { request: CreateCheckoutSessionRequest; caller: Caller; coupon: string },
): Promise<void> {
  const lineItems = request.lineItems.map(({ priceId, quantity = 1 }) => ({ priceId, quantity }))
  const [row] = await sql<{ begun: Begun }[]>`
    select payments.begin_checkout_session(
      environment => 'test',
      caller => ${sql.json(caller)},
      mode => ${request.mode},
      line_items => ${sql.json(lineItems)},
      success_url => ${request.successUrl},
      cancel_url => ${request.cancelUrl},
      subject_type => ${request.subject?.type ?? null},
      subject_id => ${request.subject?.id ?? null},
      customer_email => ${request.customerEmail ?? null},
      metadata => ${sql.json(request.metadata ?? {})},
      idempotency_key => ${request.idempotencyKey ?? null}
    ) as begun`
  if (row?.begun.action !== 'send') return
  const { params, idempotency_key, session, attempt } = row.begun
  try {
    // The moment before the request is never later than the moment of the answer.
    const snapshotAt = new Date(Date.now() - 1000)
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
