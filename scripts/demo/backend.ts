/**
 * The routes of the shop's backend: signing in, orders, subscriptions and refunds. The browser's JavaScript calls them.
 */
import type { Hono } from 'hono'
import type postgres from 'postgres'
import type Stripe from 'stripe'
import { z } from 'zod'
import { type Catalogue, GIFT_CODE } from './catalogue.ts'
import { checkoutOf, prepareDiscounted, subscriptionOf } from './checkout.ts'
import { callerOf, idOf, isUser, type Session } from './session.ts'
import { findOrder, insertOrder } from './store.ts'

const orderBody = z.object({
  quantity: z.number().int().min(1).max(9),
  code: z.string().trim().max(40).optional(),
})
const subscriptionBody = z.object({ team: z.string().min(1).max(100), price: z.string().min(1).max(100) })

export type BackendOptions = {
  sql: postgres.Sql
  stripe: Stripe
  catalogue: Catalogue
  /** Address of the shop. */
  url: string
}

export function addBackend(app: Hono, options: BackendOptions, session: Session): void {
  addSignIn(app, session)
  addOrders(app, options, session)

  app.post('/api/subscriptions', async (c) => {
    const body = subscriptionBody.safeParse(await c.req.json().catch(() => null))
    if (!body.success || !options.catalogue.plans.some(({ priceId }) => priceId === body.data.price)) {
      return c.json({ message: 'There is no such plan.' }, 400)
    }
    return c.json({ checkout: subscriptionOf(body.data.team, body.data.price, options.url) })
  })
}

function addSignIn(app: Hono, session: Session): void {
  app.post('/sign-in', async (c) => {
    const { user } = await c.req.parseBody()
    if (!isUser(user)) return c.text('There is no such user.', 400)
    await session.signIn(c, user)
    return c.redirect('/', 303)
  })

  /** The access token of the signed-in user, for the SDK. */
  app.get('/api/token', async (c) => {
    const user = await session.userOf(c)
    c.header('cache-control', 'no-store')
    return c.json({ token: await session.tokenOf(user) })
  })
}

function addOrders(app: Hono, { sql, stripe, catalogue, url }: BackendOptions, session: Session): void {
  /** Inserts an order and returns the checkout that the browser starts for it. */
  app.post('/api/orders', async (c) => {
    const body = orderBody.safeParse(await c.req.json().catch(() => null))
    if (!body.success) return c.json({ message: 'Please order 1 to 9 bags.' }, 400)
    const { quantity, code } = body.data
    if (code && code.toUpperCase() !== GIFT_CODE)
      return c.json({ message: 'This gift code is not valid.' }, 400)
    const user = await session.userOf(c)
    const order = await insertOrder(sql, { userId: idOf(user), priceId: catalogue.coffee, quantity })
    const checkout = checkoutOf(order, url)
    if (code) {
      await prepareDiscounted(sql, stripe, {
        request: checkout,
        caller: callerOf(user),
        coupon: catalogue.coupon,
      })
    }
    return c.json({ orderId: order.id, checkout }, 201)
  })

  /** The checkout of an order that the buyer left: the same request under the same key. */
  app.get('/api/orders/:id/checkout', async (c) => {
    const user = await session.userOf(c)
    const order = await findOrder(sql, c.req.param('id'))
    if (!order || order.userId !== idOf(user)) {
      return c.json({ message: 'This order belongs to another customer.' }, 404)
    }
    return c.json({ orderId: order.id, checkout: checkoutOf(order, url) })
  })

  /** Refunds an order, as the owner of a shop does in the Stripe Dashboard. */
  app.post('/api/orders/:id/refund', async (c) => {
    const order = await findOrder(sql, c.req.param('id'))
    if (!order?.paymentIntentId || order.status !== 'paid') {
      return c.json({ message: 'Only a paid order can be refunded.' }, 409)
    }
    await stripe.refunds.create(
      { payment_intent: order.paymentIntentId },
      { idempotencyKey: `refund:${order.id}` },
    )
    return c.json({}, 201)
  })
}
