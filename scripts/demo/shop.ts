/** The demo shop: an ordinary app with a backend and a little JavaScript in the browser, which uses the SDK. */
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { getSignedCookie, setSignedCookie } from 'hono/cookie'
import { csrf } from 'hono/csrf'
import { secureHeaders } from 'hono/secure-headers'
import { streamSSE } from 'hono/streaming'
import { SignJWT } from 'jose'
import type postgres from 'postgres'
import type Stripe from 'stripe'
import { z } from 'zod'
import { type Catalogue, GIFT_CODE } from './catalogue.ts'
import { type Caller, checkoutOf, prepareDiscounted, subscriptionOf } from './checkout.ts'
import { type Context, liveParts, notFoundPage, orderPage, shopPage, USERS, type User } from './pages.ts'
import { findOrder, insertOrder, readView } from './store.ts'

export type ShopOptions = {
  sql: postgres.Sql
  /** Stripe as the owner of the shop uses it: for refunds and gifts. */
  stripe: Stripe
  catalogue: Catalogue
  /** The SDK as JavaScript. */
  sdk: string
  /** Where the payments handlers answer. */
  apiUrl: string
  /** What the handlers verify the users' tokens with. */
  jwtSecret: string
  /** Where the shop answers. */
  url: string
  local: boolean
  onError: (line: string) => void
}

export type Shop = {
  listener: (request: IncomingMessage, response: ServerResponse) => void
  /** Ends the live views. */
  close(): Promise<void>
}

/** How often the live view looks into the database while somebody watches. */
const LOOK_EVERY_MS = 400

const orderBody = z.object({
  quantity: z.number().int().min(1).max(9),
  code: z.string().trim().max(40).optional(),
})
const subscriptionBody = z.object({ team: z.string().min(1).max(100), price: z.string().min(1).max(100) })

export async function createShop(options: ShopOptions): Promise<Shop> {
  const { sql, stripe, catalogue, sdk, apiUrl, jwtSecret, url, local, onError } = options
  const closing = new AbortController()
  const [style, script, icon] = await Promise.all(
    ['shop.css', 'shop.js', 'shop.svg'].map((name) =>
      readFile(new URL(`assets/${name}`, import.meta.url), 'utf8'),
    ),
  )
  // Cookies do not know ports, and two demos on one machine must not sign each other out.
  const cookie = `shop_user_${new URL(url).port}`

  const app = new Hono()
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'", apiUrl],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
      strictTransportSecurity: false,
    }),
  )
  app.use(csrf())

  type Asker = Parameters<typeof getSignedCookie>[0]
  async function userOf(c: Asker): Promise<User> {
    const value = await getSignedCookie(c, jwtSecret, cookie)
    return typeof value === 'string' && Object.hasOwn(USERS, value) ? (value as User) : 'guest'
  }
  const contextOf = async (c: Asker): Promise<Context> => ({
    user: await userOf(c),
    catalogue,
    apiUrl,
    local,
  })
  const callerOf = (user: User): Caller =>
    user === 'guest' ? { role: 'anon' } : { role: 'authenticated', sub: user }

  // ---- what a browser loads

  const asset = (path: string, type: string, text: string | undefined) =>
    app.get(path, (c) => c.body(text ?? '', 200, { 'content-type': type, 'cache-control': 'no-cache' }))
  asset('/shop.css', 'text/css; charset=utf-8', style)
  asset('/shop.js', 'text/javascript; charset=utf-8', script)
  asset('/sdk.js', 'text/javascript; charset=utf-8', sdk.replace(/^\/\/# sourceMappingURL=.*$/m, ''))
  asset('/shop.svg', 'image/svg+xml', icon)

  app.get('/', async (c) => {
    const [view, coffee] = await Promise.all([readView(sql), readCoffee()])
    return c.html(shopPage(await contextOf(c), view, coffee))
  })

  app.get('/orders/:id', async (c) => {
    const context = await contextOf(c)
    const order = await findOrder(sql, c.req.param('id'))
    if (!order) return c.html(notFoundPage(context), 404)
    return c.html(orderPage(context, order, c.req.query('canceled') !== undefined))
  })

  /** The live parts, again whenever one of them has changed. */
  app.get('/live', async (c) => {
    const context = await contextOf(c)
    const id = c.req.query('order')
    const canceled = c.req.query('canceled') !== undefined
    return streamSSE(
      c,
      async (stream) => {
        const stop = () => stream.abort()
        closing.signal.addEventListener('abort', stop)
        try {
          let shown = ''
          while (!stream.aborted && !closing.signal.aborted) {
            const order = id === undefined ? undefined : await findOrder(sql, id)
            const view = order ? { orders: [], teams: [], transactions: [], ledger: [] } : await readView(sql)
            const parts = liveParts(context, view, order && { order, canceled })
            const texts = await Promise.all(
              Object.entries(parts).map(async ([name, part]) => [name, String(await part)]),
            )
            const data = JSON.stringify(Object.fromEntries(texts))
            if (data !== shown) await stream.writeSSE({ event: 'view', data })
            shown = data
            await stream.sleep(LOOK_EVERY_MS)
          }
        } finally {
          closing.signal.removeEventListener('abort', stop)
        }
      },
      async (error) => {
        if (!closing.signal.aborted) onError(`shop: ${error.message}`)
      },
    )
  })

  // ---- what the shop's backend does

  app.post('/sign-in', async (c) => {
    const { user } = await c.req.parseBody()
    if (typeof user !== 'string' || !Object.hasOwn(USERS, user)) return c.text('There is no such user.', 400)
    await setSignedCookie(c, cookie, user, jwtSecret, { httpOnly: true, sameSite: 'Lax', path: '/' })
    return c.redirect('/', 303)
  })

  /** The access token of whoever is signed in, for the SDK. */
  app.get('/api/token', async (c) => {
    const user = await userOf(c)
    c.header('cache-control', 'no-store')
    if (user === 'guest') return c.json({ token: null })
    const token = await new SignJWT({ role: 'authenticated' })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(user)
      .setIssuedAt()
      .setExpirationTime('15m')
      .sign(new TextEncoder().encode(jwtSecret))
    return c.json({ token })
  })

  /** Inserts an order and answers with the checkout that the browser asks for it. */
  app.post('/api/orders', async (c) => {
    const body = orderBody.safeParse(await c.req.json().catch(() => null))
    if (!body.success) return c.json({ message: 'Please order 1 to 9 bags.' }, 400)
    const { quantity, code } = body.data
    if (code && code.toUpperCase() !== GIFT_CODE)
      return c.json({ message: 'This gift code is not valid.' }, 400)
    const user = await userOf(c)
    const userId = user === 'guest' ? null : user
    const order = await insertOrder(sql, { userId, priceId: catalogue.coffee, quantity })
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

  /** The checkout of an order that was left: the same request under the same key. */
  app.get('/api/orders/:id/checkout', async (c) => {
    const user = await userOf(c)
    const order = await findOrder(sql, c.req.param('id'))
    if (!order || order.userId !== (user === 'guest' ? null : user)) {
      return c.json({ message: 'This order belongs to somebody else.' }, 404)
    }
    return c.json({ orderId: order.id, checkout: checkoutOf(order, url) })
  })

  app.post('/api/subscriptions', async (c) => {
    const body = subscriptionBody.safeParse(await c.req.json().catch(() => null))
    if (!body.success || !catalogue.plans.some(({ priceId }) => priceId === body.data.price)) {
      return c.json({ message: 'There is no such plan.' }, 400)
    }
    return c.json({ checkout: subscriptionOf(body.data.team, body.data.price, url) })
  })

  /** What the owner of a shop does in the Stripe Dashboard. */
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

  app.notFound(async (c) => c.html(notFoundPage(await contextOf(c)), 404))
  app.onError((error, c) => {
    if ('getResponse' in error) return (error as unknown as { getResponse(): Response }).getResponse()
    onError(`shop: ${error.message}`)
    return c.json({ message: 'Something went wrong in the shop. Please try again.' }, 500)
  })

  async function readCoffee() {
    const [coffee] = await sql<{ name: string; amount: string; currency: string }[]>`
      select p.name, s.unit_amount as amount, s.currency
      from payments.stripe_prices as s
      join payments.stripe_products as p on p.environment = s.environment and p.product_id = s.product_id
      where s.environment = 'test' and s.price_id = ${catalogue.coffee}`
    if (!coffee) throw new Error('The coffee is not in the catalogue.')
    return coffee
  }

  return {
    listener: getRequestListener(app.fetch, { overrideGlobalObjects: false }),
    close: async () => closing.abort(),
  }
}
