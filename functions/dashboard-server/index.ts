/**
 * The dashboard: its session, its files, and the admin API for its page. `app.ts` loads this with the first request
 * below `/dashboard`, so that a webhook starts without it.
 *
 * The cookie of a session is valid below `/dashboard` only. The admin API at `/api/payments` takes no cookie.
 */
import type { DashboardSession, GetDashboardSessionResponse, SignInResponse } from '../../types/api.ts'
import { type AdminAnswer, answerAdmin } from '../admin/index.ts'
import { callerOfAdmin, hasAdmin, readsOnly, roleOfKey, VERIFY_TOKENS } from '../core/auth.ts'
import type { Deps } from '../core/deps.ts'
import { type ApiError, apiError, isApiError, methodNotAllowed } from '../core/errors.ts'
import { readJson } from '../core/http.ts'
import { parse } from '../core/validation.ts'
import { VERSION } from '../core/version.ts'
import { serveFile } from './files.ts'
import { signInBody } from './schemas.ts'
import {
  beginSession,
  cookieHeaders,
  csrfToken,
  isSameOrigin,
  readSession,
  renewed,
  type Session,
} from './session.ts'
import { callerOf, checkBrake, countGuess, releaseBrake, useCode } from './sign-ins.ts'

export type DashboardRequest = {
  request: Request
  /** What follows `/dashboard`, encoded. */
  path: string
  /** The address of the caller, where the platform says it. */
  address?: string | undefined
  /** Adds a header to the answer. */
  header(name: string, value: string): void
}

const CHANGING = (method: string) => method !== 'GET' && method !== 'HEAD'

const NO_ADMIN = 'No admin credentials are configured.'
const CONFIGURE = `Set PAYMENTS_ADMIN_KEY. For tokens: ${VERIFY_TOKENS}`

const foreign = () =>
  apiError(403, 'AUTH_UNAUTHORIZED', 'Another page than the dashboard made this request.', {
    nextActions: 'Use the dashboard at its own address; a proxy must pass on Host and Origin.',
  })

const wrongKey = () =>
  apiError(401, 'AUTH_INVALID_API_KEY', 'The key is not valid.', {
    nextActions: 'Send the value that the handlers have as PAYMENTS_ADMIN_KEY or PAYMENTS_ADMIN_READ_KEY.',
  })

async function shown(session: Session, { config }: Deps): Promise<DashboardSession> {
  const { role, expiresAt, signedInWith } = session
  const token = await csrfToken(config, session)
  return { role, expiresAt: new Date(expiresAt).toISOString(), csrfToken: token, signedInWith }
}

async function setCookie({ request, header }: DashboardRequest, session: Session | null, deps: Deps) {
  for (const value of await cookieHeaders(deps.config, request, session, deps.now()))
    header('Set-Cookie', value)
}

/** When a verified token ends, in milliseconds since 1970. */
function endOf(token: string): number {
  const [, claims = ''] = token.split('.')
  const { exp } = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/'))) as { exp: number }
  return exp * 1000
}

/** The session that a key or a token begins. A wrong one is counted, and slows its sender down. */
async function sessionOfKey(key: string, { address }: DashboardRequest, deps: Deps): Promise<Session> {
  const caller = callerOf(address)
  checkBrake(deps.signIns, caller, deps.now())
  const refuse = (error: ApiError): never => {
    deps.log.info('sign_in_refused')
    countGuess(deps.signIns, caller, deps.now())
    throw error
  }
  const role = await roleOfKey(deps.config, key)
  const isToken = role === null && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(key)
  if (role === null && !isToken) return refuse(wrongKey())
  if (isToken) {
    const headers = new Headers({ authorization: `Bearer ${key}` })
    await deps.authenticateAdmin(headers).catch((error) => {
      if (isApiError(error) && error.status === 401) refuse(error)
      throw error
    })
  }
  releaseBrake(deps.signIns, caller)
  if (role !== null) return beginSession({ role, signedInWith: 'key' }, deps.now())
  return beginSession({ role: 'admin', signedInWith: 'token' }, deps.now(), endOf(key))
}

function sessionOfCode(code: string, deps: Deps): Session {
  if (useCode(deps.signIns, code, deps.now()))
    return beginSession({ role: 'admin', signedInWith: 'link' }, deps.now())
  throw apiError(401, 'AUTH_INVALID_API_KEY', 'The link was used already, or is older than five minutes.', {
    nextActions: 'Send the admin key, or start the handlers again for a new link.',
  })
}

async function signIn(context: DashboardRequest, deps: Deps): Promise<AdminAnswer> {
  if (isSameOrigin(context.request, deps.config) === false) throw foreign()
  const { key, code } = parse(signInBody, await readJson(context.request))
  if (code === undefined && !hasAdmin(deps.config))
    throw apiError(403, 'AUTH_UNAUTHORIZED', NO_ADMIN, { nextActions: CONFIGURE })
  const session =
    code === undefined ? await sessionOfKey(key ?? '', context, deps) : sessionOfCode(code, deps)
  await setCookie(context, session, deps)
  deps.log.info('signed_in', { role: session.role, with: session.signedInWith })
  const body: SignInResponse = { session: await shown(session, deps) }
  return { status: 201, body }
}

async function showSession(context: DashboardRequest, deps: Deps): Promise<AdminAnswer> {
  const { config } = deps
  const found = await readSession(config, context.request.headers, deps.now())
  const isSession = typeof found === 'object'
  const next = isSession ? renewed(found, deps.now()) : null
  if (next !== null) await setCookie(context, next, deps)
  const canSignIn = hasAdmin(config)
  const body: GetDashboardSessionResponse = {
    session: isSession ? await shown(next ?? found, deps) : null,
    hasExpired: found === 'expired',
    version: VERSION,
    environments: ['test', 'live'],
    canSignIn,
    problem: canSignIn ? null : `${NO_ADMIN} ${CONFIGURE}`,
  }
  return { status: 200, body }
}

async function signOut(context: DashboardRequest, deps: Deps): Promise<AdminAnswer> {
  const session = await readSession(deps.config, context.request.headers, deps.now())
  if (typeof session === 'object') await checkPage(context.request, session, deps)
  await setCookie(context, null, deps)
  return { status: 200, body: { signedOut: true } }
}

/** Refuses a request that the page of the dashboard did not make. */
async function checkPage(request: Request, session: Session, { config }: Deps): Promise<void> {
  const isOurs = isSameOrigin(request, config)
  if (isOurs === false) throw foreign()
  const sent = request.headers.get('x-csrf-token')
  if (sent === null && isOurs && !CHANGING(request.method)) return
  if (sent === (await csrfToken(config, session))) return
  throw apiError(403, 'AUTH_UNAUTHORIZED', 'The X-CSRF-Token header is missing or is not of this session.', {
    nextActions: 'Send the csrfToken of the session; load the page again.',
  })
}

/** A request of the page for the admin API. */
async function admin(context: DashboardRequest, path: string, deps: Deps): Promise<AdminAnswer> {
  const { request } = context
  const session = await readSession(deps.config, request.headers, deps.now())
  if (typeof session === 'string') {
    context.header('X-Session', session)
    throw apiError(401, 'AUTH_UNAUTHORIZED', 'You are not signed in, or your session is over.', {
      nextActions: 'Sign in to the dashboard.',
    })
  }
  await checkPage(request, session, deps)
  return answerAdmin(request, path, {
    ...deps,
    async authenticateAdmin(_, need = 'change') {
      if (session.role === 'reader' && need === 'change') throw readsOnly()
      return session.role
    },
    // The page has no user: without this, its requests would be those of a guest.
    authenticate: async (_, need) => callerOfAdmin(session.role, need),
  })
}

/**
 * Answers a request below `/dashboard`.
 *
 * @throws an `ApiError`
 */
export async function answerDashboard(context: DashboardRequest, deps: Deps): Promise<AdminAnswer> {
  const { request, path } = context
  if (!deps.config.dashboard) throw apiError(404, 'NOT_FOUND', 'There is nothing at this address.')
  if (path.startsWith('/api/')) return admin(context, path.slice('/api'.length), deps)
  if (path === '/session') {
    if (request.method === 'POST') return signIn(context, deps)
    if (request.method === 'DELETE') return signOut(context, deps)
    if (CHANGING(request.method)) throw methodNotAllowed(['GET', 'POST', 'DELETE'])
    return showSession(context, deps)
  }
  if (CHANGING(request.method)) throw methodNotAllowed(['GET'])
  // Relative, because the platform may show a longer path than this one.
  if (path === '') return new Response(null, { status: 308, headers: { Location: 'dashboard/' } })
  return serveFile(request, path.slice(1), deps.dashboardFiles)
}
