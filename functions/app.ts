/** The HTTP API. `createApp(deps).fetch` is a web-standard handler, the same on every runtime. */
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import type { Config } from './core/config.ts'
import { type Counters, createCounters } from './core/counters.ts'
import { type ApiError, apiError, errorBody, methodNotAllowed, toApiError } from './core/errors.ts'
import { type Answer, requestIdOf } from './core/http.ts'
import { describeError, type Log, withFields } from './core/log.ts'
import { isCloudflare } from './core/runtime.ts'
import type { Deps } from './deps.ts'
import { webhook } from './events/webhook.ts'
import { health } from './health.ts'

export { type Config, isConfigError, readConfig } from './core/config.ts'
export { createLog, type Log } from './core/log.ts'
export { VERSION } from './core/version.ts'
export { closeDeps, createDeps, createSignIns, type Deps, type DepsOptions } from './deps.ts'

type Variables = {
  failure?: ApiError
  /** With a logger that notes the id of the request. */
  deps: Deps
}
type AppContext = Context<{ Variables: Variables }>

const answer = (c: AppContext, result: Answer<object> | Response) =>
  result instanceof Response ? result : c.json(result.body, result.status)

function fail(c: AppContext, error: unknown): Response {
  const failure = toApiError(error)
  c.set('failure', failure)
  if (failure.allowed !== undefined) c.header('Allow', failure.allowed)
  if (failure.retryAfter !== undefined) c.header('Retry-After', String(failure.retryAfter))
  return c.json(errorBody(failure), failure.status)
}

const allowOnly = (method: string) => (c: AppContext) => fail(c, methodNotAllowed([method]))

/** Who calls: the address of the socket under Node, that which Cloudflare names, else unknown. */
function addressOf(c: AppContext): string | undefined {
  const { incoming } = (c.env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } }
  return incoming?.socket?.remoteAddress ?? (isCloudflare() ? c.req.header('cf-connecting-ip') : undefined)
}

/** Counts a delivery by its outcome: that of the event, else why it was not taken. */
async function countWebhook<Result extends { outcome: string }>(
  counters: Counters,
  environment: string,
  work: Promise<Result>,
): Promise<Result> {
  if (environment !== 'test' && environment !== 'live') return work
  try {
    const result = await work
    counters.countWebhook({ environment, outcome: result.outcome })
    return result
  } catch (error) {
    const { status } = toApiError(error)
    const outcome = status < 500 ? 'refused' : status === 500 ? 'failed' : 'unavailable'
    counters.countWebhook({ environment, outcome })
    throw error
  }
}

/** What every answer carries: no cache may keep it, and no browser may take it for something else. */
function setHeaders({ res: { headers } }: AppContext, requestId: string): void {
  headers.set('X-Request-Id', requestId)
  headers.set('X-Content-Type-Options', 'nosniff')
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store')
}

/** Logs one line per request, with its status and duration. It contains no body, no header and no query string. */
function logRequest(c: AppContext, log: Log, startedAt: number): void {
  const { failure } = c.var
  log[c.res.status >= 500 ? 'error' : 'info']('request', {
    method: c.req.method,
    path: c.req.path.slice(0, 200),
    status: c.res.status,
    ms: Math.round(performance.now() - startedAt),
    ...(failure && { error: failure.code, message: failure.message }),
    ...(failure?.cause !== undefined && { cause: describeError(failure.cause) }),
  })
}

/** Lets pages of the allowed origins call these routes. They use no cookies, so credentials are not allowed. */
function allowBrowsers({ allowedOrigins }: Config, allowMethods: (path: string) => string[]) {
  return cors({
    origin: allowedOrigins,
    allowMethods: (_, c) => allowMethods(c.req.path),
    exposeHeaders: ['X-Request-Id', 'Retry-After'],
    maxAge: 7200,
  })
}

/** The methods that a page may use below `/api/payments`. */
const paymentMethods = (path: string) =>
  path.endsWith('-sessions') ? ['POST'] : ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** The kind of a request for the metrics; few, whatever people ask for. */
function routeOf({ req: { path }, res: { status } }: AppContext): string {
  if (/\/api\/webhooks\/stripe\/(test|live)$/.test(path)) return 'webhook'
  if (/\/dashboard(\/|$)/.test(path)) return status === 404 ? 'other' : 'dashboard'
  if (path.endsWith('/checkout-sessions')) return 'checkout-sessions'
  if (path.endsWith('/customer-portal-sessions')) return 'customer-portal-sessions'
  if (path.endsWith('/health') && !path.includes('/api/')) return 'health'
  if (path.endsWith('/metrics')) return 'metrics'
  return path.includes('/api/payments/') && status !== 404 ? 'admin' : 'other'
}

/** Builds the routes. */
export function createApp(deps: Deps): Hono<{ Variables: Variables }> {
  const root = new Hono<{ Variables: Variables }>()
  const counters = createCounters()
  root.use(async (c, next) => {
    const startedAt = performance.now()
    const requestId = requestIdOf(c.req.raw.headers)
    const log = withFields(deps.log, { requestId })
    c.set('deps', { ...deps, log })
    await next()
    setHeaders(c, requestId)
    logRequest(c, log, startedAt)
    const { method } = c.req
    const labels = { method, route: routeOf(c), status: String(c.res.status) }
    counters.countRequest(labels, performance.now() - startedAt)
  })
  root.notFound((c) => fail(c, apiError(404, 'NOT_FOUND', 'There is nothing at this address.')))
  root.onError((error, c) => fail(c, error))

  const app = deps.config.basePath === '' ? root : root.basePath(deps.config.basePath)

  app.use(
    '/health',
    allowBrowsers(deps.config, () => ['GET']),
  )
  app.use('/api/payments/*', allowBrowsers(deps.config, paymentMethods))

  // A load balancer asks the server itself, and knows nothing of the base path.
  for (const router of new Set([app, root])) {
    router.get('/health', async (c) => answer(c, await health(c.var.deps)))
    router.all('/health', allowOnly('GET'))
  }

  // What a webhook does not need is loaded with the first request that needs it.
  app.get('/metrics', async (c) => {
    const { METRICS_TYPE, metrics } = await import('./metrics.ts')
    return c.text(await metrics(c.req.raw, counters, c.var.deps), 200, { 'Content-Type': METRICS_TYPE })
  })
  app.all('/metrics', allowOnly('GET'))

  const checkoutSessions = '/api/payments/stripe/:environment/checkout-sessions'
  app.post(checkoutSessions, async (c) => {
    const { checkoutSession } = await import('./checkout/checkout-session.ts')
    return answer(c, await checkoutSession(c.req.raw, c.req.param(), c.var.deps))
  })
  app.all(checkoutSessions, allowOnly('POST'))

  const customerPortalSessions = '/api/payments/stripe/:environment/customer-portal-sessions'
  app.post(customerPortalSessions, async (c) => {
    const { customerPortalSession } = await import('./checkout/customer-portal-session.ts')
    return answer(c, await customerPortalSession(c.req.raw, c.req.param(), c.var.deps))
  })
  app.all(customerPortalSessions, allowOnly('POST'))

  const rest = `${deps.config.basePath}/api/payments`
  app.all('/api/payments/*', async (c) => {
    const { answerAdmin } = await import('./admin/index.ts')
    return answer(c, await answerAdmin(c.req.raw, new URL(c.req.url).pathname.slice(rest.length), c.var.deps))
  })

  // The first request for the dashboard loads what serves it, so that a webhook does not.
  for (const path of ['/dashboard', '/dashboard/*']) {
    app.all(path, async (c) => {
      const { answerDashboard } = await import('./dashboard-server/index.ts')
      const prefix = `${deps.config.basePath}/dashboard`
      const result = await answerDashboard(
        {
          request: c.req.raw,
          path: new URL(c.req.url).pathname.slice(prefix.length),
          address: addressOf(c),
          header: (name, value) => c.header(name, value, { append: true }),
        },
        c.var.deps,
      )
      return answer(c, result)
    })
  }

  const webhooks = '/api/webhooks/stripe/:environment'
  app.post(webhooks, async (c) => {
    const delivery = webhook(c.req.raw, c.req.param(), c.var.deps)
    return answer(c, await countWebhook(counters, c.req.param('environment'), delivery))
  })
  app.all(webhooks, allowOnly('POST'))

  return root
}
