/** The HTTP side: requests of the SDK, the hosted pages, and the `/_local` control routes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Engine } from '../core/engine.ts'
import { invalidRequest, StripeFailure, serverError } from '../core/errors.ts'
import { expandAnswer } from '../core/expand.ts'
import { decodeForm, type FormHash, fingerprint } from '../core/params.ts'
import { PINNED_VERSION, renderObject } from '../core/versions.ts'
import { showAuthentication, submitAuthentication } from '../pages/authentication.ts'
import {
  type PageAnswer,
  recoverCheckout,
  renderNotice,
  showCheckout,
  submitCheckout,
  submitPromotionCode,
} from '../pages/checkout.ts'
import { showInvoice, showReceipt } from '../pages/invoice.ts'
import { showPortal, submitPortal } from '../pages/portal.ts'
import { findRoute } from '../routes.ts'
import { type Fault, type Faults, faultError, isStored } from './faults.ts'
import type { IdempotencyKeys, StoredAnswer } from './idempotency.ts'
import { authenticate, authorize, type SecretKey } from './keys.ts'

/** What the HTTP side serves. */
export interface Site {
  /** The engine of a key's account and mode. */
  engineFor(key: SecretKey): Engine
  /** The engine that has an object, for example a checkout session. */
  engineWith(id: string): Engine | undefined
  keys(): SecretKey[]
  idempotencyKeys(key: SecretKey): IdempotencyKeys
  faults: Faults
  now(): Date
  /** Runs a control action by its name, with its JSON arguments. */
  control(action: string, body: unknown): Promise<unknown>
  /** Called after each request, because it may have planned work. */
  afterRequest(): void
}

const BODY_BYTES_MAX = 1_048_576
const KEY_CHARACTERS_MAX = 255

export function createHttpServer(site: Site): Server {
  return createServer((request, response) => {
    handle(site, request, response)
      .catch((error: unknown) => {
        console.error('local Stripe:', error)
        if (!response.headersSent) sendError(site, response, serverError(), 'req_none')
        else response.destroy()
      })
      .finally(() => site.afterRequest())
  })
}

async function handle(site: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://local')
  const path = url.pathname
  const body = await readBody(request)
  if (path.startsWith('/v1/')) return handleApi(site, request, response, url, body)
  if (path.startsWith('/_local/')) return handleControl(site, request, response, path, body)
  sendPage(response, pageFor(site, request.method ?? 'GET', path, body))
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) throw new Error('the body is larger than 1 MB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

// ---- the API

async function handleApi(
  site: Site,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  body: string,
): Promise<void> {
  const method = request.method ?? 'GET'
  let requestId = 'req_unauthenticated'
  try {
    const key = authenticate(request, site.keys())
    const engine = site.engineFor(key)
    requestId = engine.ids.next('req_', 14)
    const fault = site.faults.take(method, url.pathname)
    if (fault && 'hang' in fault) return
    if (fault && 'status' in fault && !isStored(fault.status)) {
      for (const [name, value] of Object.entries(fault.headers ?? {})) response.setHeader(name, value)
      throw faultError(fault)
    }
    engine.tick()
    const { route, id, secondId } = findRoute(method, url.pathname)
    authorize(key, route, engine.accountId)
    const form = formOf(url, body)
    const version = String(request.headers['stripe-version'] ?? PINNED_VERSION)
    const { params, expand, ignored } = route.read(form, version)
    engine.warnings.note(method, route.path, ignored)
    const idempotencyKey = method === 'POST' ? headerOf(request, 'idempotency-key') : null
    response.setHeader('stripe-version', version)

    const work = async (): Promise<StoredAnswer> => {
      if (fault && 'hold' in fault) await site.faults.held()
      if (fault && 'delayMs' in fault) await new Promise((resolve) => setTimeout(resolve, fault.delayMs))
      try {
        if (fault && 'status' in fault && !fault.afterWork) throw faultError(fault)
        engine.request = { id: requestId, idempotency_key: idempotencyKey }
        const answer = route.run({
          engine,
          params: params as never,
          id,
          secondId,
          path: url.pathname,
          version,
        })
        if (fault && 'status' in fault) throw faultError(fault)
        const shown = renderObject(expandAnswer(engine, answer, expand) as object, version, engine.store)
        return { status: 200, body: JSON.stringify(shown, null, 2), requestId }
      } finally {
        engine.request = { id: null, idempotency_key: null }
      }
    }
    const { answer, replayed } = await runOnce(site, key, engine, idempotencyKey, method, url, form, work)
    if (cutsConnection(fault)) {
      response.destroy()
      return
    }
    if (idempotencyKey) response.setHeader('idempotency-key', idempotencyKey)
    if (replayed) {
      response.setHeader('idempotent-replayed', 'true')
      response.setHeader('original-request', answer.requestId)
    }
    send(site, response, answer.status, answer.body, requestId)
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    sendError(site, response, error, requestId)
  }
}

function cutsConnection(fault: Fault | null): boolean {
  return fault !== null && 'cut' in fault
}

/** Runs the work, or replays the response stored under the idempotency key. Refused requests are not stored. */
async function runOnce(
  site: Site,
  key: SecretKey,
  engine: Engine,
  idempotencyKey: string | null,
  method: string,
  url: URL,
  form: FormHash,
  work: () => Promise<StoredAnswer>,
): Promise<{ answer: StoredAnswer; replayed: boolean }> {
  if (idempotencyKey === null) return { answer: await work(), replayed: false }
  if (idempotencyKey.length > KEY_CHARACTERS_MAX)
    throw invalidRequest('Idempotency keys can be at most 255 characters long.')
  const keys = site.idempotencyKeys(key)
  const stored = keys.claim(idempotencyKey, `${method} ${url.pathname} ${fingerprint(form)}`, engine.now())
  if (stored) return { answer: stored, replayed: true }
  try {
    const answer = await work()
    keys.store(idempotencyKey, answer)
    return { answer, replayed: false }
  } catch (error) {
    if (error instanceof StripeFailure && isStored(error.status)) {
      const requestId = engine.ids.next('req_', 14)
      keys.store(idempotencyKey, {
        status: error.status,
        body: errorText(error, requestId, engine.livemode),
        requestId,
      })
    } else keys.release(idempotencyKey)
    throw error
  }
}

/** Parameters are in the query and, with POST, in the body. */
function formOf(url: URL, body: string): FormHash {
  return decodeForm([url.search.slice(1), body].filter((part) => part !== '').join('&'))
}

function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value : null
}

function send(site: Site, response: ServerResponse, status: number, body: string, requestId: string): void {
  response.setHeader('content-type', 'application/json')
  response.setHeader('date', site.now().toUTCString())
  response.setHeader('request-id', requestId)
  response.statusCode = status
  response.end(body)
}

function sendError(site: Site, response: ServerResponse, failure: StripeFailure, requestId: string): void {
  send(site, response, failure.status, errorText(failure, requestId, false), requestId)
}

function errorText(failure: StripeFailure, requestId: string, livemode: boolean): string {
  const { code } = failure.body
  const error = {
    ...failure.body,
    ...(code ? { doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}` } : {}),
    request_log_url: `https://dashboard.stripe.com/${livemode ? '' : 'test/'}logs/${requestId}`,
  }
  return JSON.stringify({ error }, null, 2)
}

// ---- pages

function pageFor(site: Site, method: string, path: string, body: string): PageAnswer {
  const [, kind, ...rest] = path.split('/')
  const [id = '', action] = kind === 'c' || kind === 'p' ? rest.slice(1) : rest
  const engine = site.engineWith(id)
  const form = new URLSearchParams(body)
  const posts = method === 'POST'
  engine?.tick()
  if (engine && kind === 'c' && posts && action === 'promotion-code')
    return submitPromotionCode(engine, id, form)
  if (engine && kind === 'c') return posts ? submitCheckout(engine, id, form) : showCheckout(engine, id)
  if (engine && kind === 'p') return posts ? submitPortal(engine, id, form) : showPortal(engine, id)
  if (engine && kind === '3ds')
    return posts ? submitAuthentication(engine, id, form) : showAuthentication(engine, id)
  if (engine && kind === 'r') return recoverCheckout(engine, id)
  if (engine && kind === 'i') return showInvoice(engine, id)
  if (engine && kind === 'receipts') return showReceipt(engine, id)
  return renderNotice(
    404,
    'There is nothing here',
    'The address may be mistyped, or belong to an earlier run.',
    null,
  )
}

function sendPage(response: ServerResponse, answer: PageAnswer): void {
  response.statusCode = answer.status
  response.setHeader('cache-control', 'no-store')
  if ('location' in answer) {
    response.setHeader('location', answer.location)
    response.end()
    return
  }
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader(
    'content-security-policy',
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  )
  response.end(answer.body)
}

// ---- control

/**
 * `POST /_local/<action>` with a JSON body. A page of another origin cannot call it, because browsers send JSON across
 * origins only after a preflight, and local Stripe never grants one.
 */
async function handleControl(
  site: Site,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  body: string,
): Promise<void> {
  const answer = (status: number, value: unknown): void => {
    response.statusCode = status
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value ?? null))
  }
  const { hostname } = new URL(`http://${request.headers.host ?? 'unknown'}`)
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) {
    return answer(403, { error: { message: 'Control routes answer to this machine only.' } })
  }
  if (request.method === 'GET' && ['/_local/warnings', '/_local/clock'].includes(path)) {
    return answer(200, await site.control(path.slice('/_local/'.length), {}))
  }
  if (request.method !== 'POST' || !request.headers['content-type']?.startsWith('application/json')) {
    return answer(405, { error: { message: 'Control routes take POST with a JSON body.' } })
  }
  try {
    answer(200, await site.control(path.slice('/_local/'.length), body === '' ? {} : JSON.parse(body)))
  } catch (error) {
    const status = error instanceof StripeFailure ? error.status : 400
    const message = error instanceof Error ? error.message : String(error)
    answer(status, { error: error instanceof StripeFailure ? error.body : { message } })
  }
}
