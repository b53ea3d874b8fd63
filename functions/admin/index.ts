/**
 * Everything below `/api/payments` except the runtime routes: the admin API, the older addresses, and the OpenAPI
 * document. `app.ts` loads this with the first request that needs it, so that a webhook starts without it.
 */
import { checkoutSession } from '../checkout/checkout-session.ts'
import { confirmCheckoutSession, readCheckoutSession } from '../checkout/confirm.ts'
import { customerPortalSession } from '../checkout/customer-portal-session.ts'
import type { CallerNeed } from '../core/auth.ts'
import type { Deps } from '../core/deps.ts'
import { apiError, methodNotAllowed } from '../core/errors.ts'
import { readJson } from '../core/http.ts'
import type { Route } from '../core/route.ts'
import { emptyBody, isStorable, noQuery } from '../core/schema-parts.ts'
import { parse } from '../core/validation.ts'
import { aliasOf } from './aliases.ts'
import { routes } from './routes.ts'

/** A `Response` comes from the routes that stream. */
export type AdminAnswer = { status: 200 | 201; body: object } | Response

/** A route, and the encoded values of the parameters in its path. */
type Match = { route: Route; params: Record<string, string> }

const patterns = routes.map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
}))

/** Decodes a value in a path. */
function pathValue(encoded: string): string {
  let value: string
  try {
    value = decodeURIComponent(encoded)
  } catch {
    throw apiError(400, 'INVALID_INPUT', 'The address is not encoded as it must be.')
  }
  // In an address of Stripe's API these would lead to another object.
  if (value === '.' || value === '..' || !isStorable(value))
    throw apiError(400, 'INVALID_INPUT', 'The address has a part that is no id.')
  return value
}

/** A query as an object. A repeated parameter becomes a list, which no schema accepts. */
function queryOf(url: URL): Record<string, unknown> {
  const query: Record<string, unknown> = {}
  for (const key of new Set(url.searchParams.keys())) {
    const values = url.searchParams.getAll(key)
    query[key] = values.length === 1 ? values[0] : values
  }
  return query
}

/** `HEAD` is answered as `GET`, without the body. */
const methodOf = ({ method }: Request) => (method === 'HEAD' ? 'GET' : method)

/** The read-only key may use what only reads: by the rules of HTTP that is `GET`. */
const needOf = ({ method }: Route) => (method === 'GET' ? 'read' : 'change')

/** Validates a request and runs its route. */
async function run(
  { route, params }: Match,
  request: Request,
  deps: Deps,
  caller: Request,
): Promise<AdminAnswer> {
  const role = await deps.authenticateAdmin(request.headers, needOf(route))
  const decoded = Object.entries(params).map(([name, encoded]) => [name, pathValue(encoded)])
  const input = {
    params: route.params && parse(route.params, Object.fromEntries(decoded), 'The address'),
    query: parse(route.query ?? noQuery, queryOf(new URL(request.url)), 'The query'),
    body: undefined as unknown,
    role,
    // A getter, because Deno warns when the signal is read.
    get signal() {
      return caller.signal
    },
  }
  if (route.method !== 'GET') {
    const mayBeEmpty = route.body === undefined || route.bodyMayBeEmpty === true
    const body = await readJson(request, mayBeEmpty ? { whenEmpty: {} } : {})
    input.body = parse(route.body ?? emptyBody, body, 'The body')
  }
  const body = await route.handle(input, deps)
  return body instanceof Response ? body : { status: route.status ?? 200, body }
}

type RuntimeRoute = {
  method: 'GET' | 'POST'
  pattern: RegExp
  need: CallerNeed
  handle(request: Request, params: { environment: string; id: string }, deps: Deps): Promise<AdminAnswer>
}

/** The runtime routes have their own handlers. Requests get here through older addresses and from the dashboard. */
const RUNTIME: RuntimeRoute[] = [
  {
    method: 'POST',
    pattern: /^\/stripe\/(?<environment>[^/]+)\/checkout-sessions$/,
    need: 'change',
    handle: checkoutSession,
  },
  {
    method: 'GET',
    pattern: /^\/stripe\/(?<environment>[^/]+)\/checkout-sessions\/(?<id>[^/]+)$/,
    need: 'read',
    handle: readCheckoutSession,
  },
  {
    method: 'POST',
    pattern: /^\/stripe\/(?<environment>[^/]+)\/checkout-sessions\/(?<id>[^/]+)\/confirm$/,
    need: 'change',
    handle: confirmCheckoutSession,
  },
  {
    method: 'POST',
    pattern: /^\/stripe\/(?<environment>[^/]+)\/customer-portal-sessions$/,
    need: 'portal',
    handle: customerPortalSession,
  },
]

/** A route of the admin API, or a runtime route. */
type Target = Match | { runtime: RuntimeRoute; params: { environment: string; id: string } }

/**
 * Finds the route for this path and method.
 *
 * @throws 404 and 405; a 405 has `allowed`
 */
function targetOf(path: string, request: Request): Target {
  for (const runtime of RUNTIME) {
    const { groups } = runtime.pattern.exec(path) ?? {}
    if (groups === undefined) continue
    if (methodOf(request) !== runtime.method) throw methodNotAllowed([runtime.method])
    const { environment = '', id = '' } = groups
    return { runtime, params: { environment: pathValue(environment), id: pathValue(id) } }
  }
  const found = patterns.filter(({ pattern }) => pattern.test(path))
  const match = found.find(({ route }) => route.method === methodOf(request))
  if (match) return { route: match.route, params: { ...match.pattern.exec(path)?.groups } }
  if (found.length > 0) throw methodNotAllowed(found.map(({ route }) => route.method))
  throw apiError(404, 'NOT_FOUND', 'There is nothing at this address.')
}

/** @param caller the original request; its signal is aborted when the caller hangs up */
async function answerBy(target: Target, request: Request, deps: Deps, caller: Request): Promise<AdminAnswer> {
  if ('route' in target) return run(target, request, deps, caller)
  return target.runtime.handle(request, target.params, deps)
}

/**
 * Answers a request below `/api/payments`.
 *
 * @param path what follows `/api/payments`, encoded
 * @throws an `ApiError`; a 405 has `allowed`
 */
export async function answerAdmin(request: Request, path: string, deps: Deps): Promise<AdminAnswer> {
  if (path === '/openapi.json') {
    if (methodOf(request) !== 'GET') throw methodNotAllowed(['GET'])
    const { default: body } = await import('../../types/openapi.json', { with: { type: 'json' } })
    return { status: 200, body }
  }
  const alias = aliasOf(path)
  if (alias === null) return answerBy(targetOf(path, request), request, deps, request)

  // Authenticate before reading the body, which the translation needs.
  const target = targetOf(alias.path, request)
  if ('route' in target) await deps.authenticateAdmin(request.headers, needOf(target.route))
  else await deps.authenticate(request.headers, target.runtime.need)
  const today = await alias.translate(request)
  const answer = await answerBy(targetOf(today.path, request), today.request, deps, request)
  return answer instanceof Response ? answer : { status: answer.status, body: alias.rename(answer.body) }
}
