/** The HTTP API. `createApp(deps).fetch` is a web-standard handler, the same on every runtime. */
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import { checkoutSession } from './checkout/checkout-session.ts'
import { customerPortalSession } from './checkout/customer-portal-session.ts'
import type { Config } from './core/config.ts'
import { type ApiError, apiError, errorBody, methodNotAllowed, toApiError } from './core/errors.ts'
import type { Answer } from './core/http.ts'
import { describeError, type Log } from './core/log.ts'
import type { Deps } from './deps.ts'
import { webhook } from './events/webhook.ts'
import { health } from './health.ts'

export { type Config, isConfigError, readConfig } from './core/config.ts'
export { createLog, type Log } from './core/log.ts'
export { VERSION } from './core/version.ts'
export { closeDeps, createDeps, type Deps, type DepsOptions } from './deps.ts'

type Variables = { failure?: ApiError }
type AppContext = Context<{ Variables: Variables }>

const answer = (c: AppContext, { status, body }: Answer<object>) => c.json(body, status)

function fail(c: AppContext, error: unknown): Response {
  const failure = toApiError(error)
  c.set('failure', failure)
  if (failure.allowed !== undefined) c.header('Allow', failure.allowed)
  if (failure.retryAfter !== undefined) c.header('Retry-After', String(failure.retryAfter))
  return c.json(errorBody(failure), failure.status)
}

const allowOnly = (method: string) => (c: AppContext) => fail(c, methodNotAllowed([method]))

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
    maxAge: 7200,
  })
}

/** The methods that a page may use below `/api/payments`. */
const paymentMethods = (path: string) =>
  path.endsWith('-sessions') ? ['POST'] : ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Builds the routes. */
export function createApp(deps: Deps): Hono<{ Variables: Variables }> {
  const root = new Hono<{ Variables: Variables }>()
  root.use(async (c, next) => {
    const startedAt = performance.now()
    await next()
    logRequest(c, deps.log, startedAt)
  })
  root.notFound((c) => fail(c, apiError(404, 'NOT_FOUND', 'There is nothing at this address.')))
  root.onError((error, c) => fail(c, error))

  const app = deps.config.basePath === '' ? root : root.basePath(deps.config.basePath)

  app.use(
    '/health',
    allowBrowsers(deps.config, () => ['GET']),
  )
  app.use('/api/payments/*', allowBrowsers(deps.config, paymentMethods))

  app.get('/health', async (c) => answer(c, await health(deps)))
  app.all('/health', allowOnly('GET'))

  const checkoutSessions = '/api/payments/stripe/:environment/checkout-sessions'
  app.post(checkoutSessions, async (c) => answer(c, await checkoutSession(c.req.raw, c.req.param(), deps)))
  app.all(checkoutSessions, allowOnly('POST'))

  const customerPortalSessions = '/api/payments/stripe/:environment/customer-portal-sessions'
  app.post(customerPortalSessions, async (c) =>
    answer(c, await customerPortalSession(c.req.raw, c.req.param(), deps)),
  )
  app.all(customerPortalSessions, allowOnly('POST'))

  // The first request for the admin API or for an older address loads them, so that a webhook does not.
  const rest = `${deps.config.basePath}/api/payments`
  app.all('/api/payments/*', async (c) => {
    const { answerAdmin } = await import('./admin/index.ts')
    return answer(c, await answerAdmin(c.req.raw, new URL(c.req.url).pathname.slice(rest.length), deps))
  })

  const webhooks = '/api/webhooks/stripe/:environment'
  app.post(webhooks, async (c) => answer(c, await webhook(c.req.raw, c.req.param(), deps)))
  app.all(webhooks, allowOnly('POST'))

  return root
}
