/** The demo shop: an ordinary app with a backend, and a little JavaScript in the browser that uses the SDK. */
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono, type Context as HonoContext } from 'hono'
import { csrf } from 'hono/csrf'
import { secureHeaders } from 'hono/secure-headers'
import type postgres from 'postgres'
import type Stripe from 'stripe'
import { addBackend } from './backend.ts'
import type { Catalogue } from './catalogue.ts'
import { addLiveView } from './live.ts'
import { type Context, notFoundPage, orderPage, shopPage } from './pages.ts'
import { createSession } from './session.ts'
import { findOrder, readProduct, readView } from './store.ts'

export type ShopOptions = {
  sql: postgres.Sql
  /** Stripe as the owner of the shop uses it: for refunds and gifts. */
  stripe: Stripe
  catalogue: Catalogue
  /** The modules of the SDK as JavaScript, by file name. */
  sdk: Record<string, string>
  /** Address of the payments handlers. */
  apiUrl: string
  /** The secret with which the handlers verify the users' tokens. */
  jwtSecret: string
  /** Address of the shop. */
  url: string
  /** Whether Stripe is local Stripe. */
  local: boolean
  onError: (line: string) => void
}

export type Shop = {
  listener: (request: IncomingMessage, response: ServerResponse) => void
  /** Ends the live views. */
  close(): Promise<void>
}

export async function createShop(options: ShopOptions): Promise<Shop> {
  const { sql, catalogue, apiUrl, local, onError } = options
  const closing = new AbortController()
  const session = createSession(options)
  const contextOf = async (c: HonoContext): Promise<Context> => ({
    user: await session.userOf(c),
    catalogue,
    apiUrl,
    local,
  })

  const app = new Hono()
  protect(app, apiUrl)
  await addAssets(app, options.sdk)
  addPages(app, options, contextOf)
  addLiveView(app, { sql, contextOf, closing: closing.signal, onError })
  addBackend(app, options, session)

  app.notFound(async (c) => c.html(notFoundPage(await contextOf(c)), 404))
  app.onError((error, c) => {
    if ('getResponse' in error) return (error as unknown as { getResponse(): Response }).getResponse()
    onError(`shop: ${error.message}`)
    return c.json({ message: 'Something went wrong in the shop. Please try again.' }, 500)
  })
  return {
    listener: getRequestListener(app.fetch, { overrideGlobalObjects: false }),
    close: async () => closing.abort(),
  }
}

/** Lets pages load only what the shop serves, call only the shop and the handlers, and refuses forged form posts. */
function protect(app: Hono, apiUrl: string): void {
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
}

async function addAssets(app: Hono, sdk: Record<string, string>): Promise<void> {
  const [style = '', script = '', icon = ''] = await Promise.all(
    ['shop.css', 'shop.js', 'shop.svg'].map((name) =>
      readFile(new URL(`assets/${name}`, import.meta.url), 'utf8'),
    ),
  )
  const add = (path: string, type: string, text: string) =>
    app.get(path, (c) => c.body(text, 200, { 'content-type': type, 'cache-control': 'no-cache' }))
  add('/shop.css', 'text/css; charset=utf-8', style)
  add('/shop.js', 'text/javascript; charset=utf-8', script)
  for (const [name, text] of Object.entries(sdk))
    add(`/sdk/${name}`, 'text/javascript; charset=utf-8', text.replace(/^\/\/# sourceMappingURL=.*$/m, ''))
  add('/shop.svg', 'image/svg+xml', icon)
}

function addPages(
  app: Hono,
  { sql, catalogue }: ShopOptions,
  contextOf: (c: HonoContext) => Promise<Context>,
): void {
  app.get('/', async (c) => {
    const [view, coffee] = await Promise.all([readView(sql), readProduct(sql, catalogue.coffee)])
    return c.html(shopPage(await contextOf(c), view, coffee))
  })

  app.get('/orders/:id', async (c) => {
    const context = await contextOf(c)
    const order = await findOrder(sql, c.req.param('id'))
    if (!order) return c.html(notFoundPage(context), 404)
    return c.html(orderPage(context, order, c.req.query('canceled') !== undefined))
  })
}
