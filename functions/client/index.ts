/**
 * The SDK: starts Checkout and Billing Portal sessions from a browser, or from any other runtime with `fetch`. It has
 * no dependency.
 *
 *     const payments = createPaymentsClient({ baseUrl: 'https://api.example', getToken: () => session.accessToken })
 *     const { data, error } = await payments.stripe.createCheckoutSession('test', { … })
 *     if (data?.checkoutSession.url) location.assign(data.checkoutSession.url)
 */
import type {
  CheckoutSessionStatusResponse,
  CreateCheckoutSessionRequest,
  CreateCheckoutSessionResponse,
  CreateCustomerPortalSessionRequest,
  CreateCustomerPortalSessionResponse,
  StripeEnvironment,
} from '../../types/api.ts'
import { createOlderMethods, type OlderMethods } from './older.ts'
import type { PaymentsResult, RequestOptions } from './result.ts'
import { type WaitOptions, waitUntilFinal } from './wait.ts'

export type {
  BillingSubject,
  CheckoutLineItem,
  CheckoutSession,
  CheckoutSessionStatus,
  CheckoutSessionStatusResponse,
  CreateCheckoutSessionRequest,
  CreateCheckoutSessionResponse,
  CreateCustomerPortalSessionRequest,
  CreateCustomerPortalSessionResponse,
  CustomerPortalSession,
  ErrorBody,
  ErrorCode,
  StripeEnvironment,
} from '../../types/api.ts'
export type { OlderMethods } from './older.ts'
export type { PaymentsError, PaymentsResult, RequestOptions } from './result.ts'
export type { WaitOptions } from './wait.ts'

export type PaymentsClientOptions = {
  /** Address of the handlers, for example `https://api.example`. It may have a path. */
  baseUrl: string
  /** Returns the signed-in user's access token, or null for an anonymous purchase. Called before every request. */
  getToken?: () => string | null | undefined | Promise<string | null | undefined>
  /** Replaces the global `fetch`. */
  fetch?: typeof fetch
}

/** The methods of today are in `stripe`. Those beside it are the older ones. */
export type PaymentsClient = OlderMethods & {
  stripe: {
    /**
     * Starts a Checkout Session. Send the buyer to `data.checkoutSession.url`. Row level security in the app's database
     * decides who may bill which subject. With an `idempotencyKey` it is safe to repeat: the same request returns the
     * same session, and another request under the same key gets 409. A session that has expired, or whose money came to
     * nothing, is begun again under its key. `url` is null unless the session is open. Take one key per purchase: for a
     * subscription `plan of team 42 after ${n}`, with the number of the team's subscriptions that have ended. See
     * https://docs.stripe.com/payments/checkout.
     */
    createCheckoutSession(
      environment: StripeEnvironment,
      request: CreateCheckoutSessionRequest,
      options?: RequestOptions,
    ): Promise<PaymentsResult<CreateCheckoutSessionResponse>>
    /**
     * Opens the Billing Portal for a subject that has paid before. The error is 404 for a subject that has not paid. It
     * is 401 for an anonymous caller, and 403 if no policy lets the caller bill the subject. See
     * https://docs.stripe.com/customer-management.
     */
    createCustomerPortalSession(
      environment: StripeEnvironment,
      request: CreateCustomerPortalSessionRequest,
      options?: RequestOptions,
    ): Promise<PaymentsResult<CreateCustomerPortalSessionResponse>>
    /**
     * Reads a Checkout Session, by its id or Stripe's (`cs_…`). A SELECT policy decides who sees it; the error is 404
     * for everyone else. A session that an anonymous caller began is seen by everyone who knows its id.
     */
    getCheckoutSession(
      environment: StripeEnvironment,
      id: string,
      options?: RequestOptions,
    ): Promise<PaymentsResult<CheckoutSessionStatusResponse>>
    /**
     * Reads a Checkout Session like `getCheckoutSession`, after the handlers have ingested the events that no webhook
     * has brought yet. If `fulfilled` is true, the fulfilment triggers of the app have run, once. Call it on the page
     * of `successUrl`, with the id that Stripe puts in place of `{CHECKOUT_SESSION_ID}`.
     */
    confirmCheckoutSession(
      environment: StripeEnvironment,
      id: string,
      options?: RequestOptions,
    ): Promise<PaymentsResult<CheckoutSessionStatusResponse>>
    /**
     * Confirms until `fulfilled` is true or no money will come, at most for `timeoutMs`. Returns the last answer. At
     * the deadline `fulfilled` is false: money of a delayed payment method comes days later.
     */
    waitForCheckoutSession(
      environment: StripeEnvironment,
      id: string,
      options?: WaitOptions,
    ): Promise<PaymentsResult<CheckoutSessionStatusResponse>>
  }
}

/**
 * Creates a client for one deployment of the handlers. Its methods never throw; a failure is in `error`.
 *
 * @throws if `baseUrl` is missing
 */
export function createPaymentsClient(options: PaymentsClientOptions): PaymentsClient {
  if (typeof options?.baseUrl !== 'string' || options.baseUrl === '')
    throw new TypeError(
      'createPaymentsClient needs baseUrl, the address of the payment handlers, for example https://api.example.',
    )
  const baseUrl = options.baseUrl.replace(/\/+$/, '')
  const doFetch: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init))

  async function post<T>(path: string, request: unknown, requestOptions?: RequestOptions) {
    if (typeof request !== 'object' || request === null)
      return notSent('The request is missing', AFTER_ENVIRONMENT)
    let body: string
    try {
      body = JSON.stringify(request, refuseBigint)
    } catch (error) {
      return notSent(`The request cannot be written as JSON: ${messageOf(error)}`)
    }
    return send<T>('POST', path, body, requestOptions)
  }

  async function send<T>(
    method: 'GET' | 'POST',
    path: string,
    body: string | undefined,
    { signal }: RequestOptions = {},
  ): Promise<PaymentsResult<T>> {
    let token: string | null | undefined
    try {
      token = await options.getToken?.()
    } catch (error) {
      return failure('TOKEN_ERROR', 0, `The access token could not be obtained: ${messageOf(error)}`)
    }
    try {
      const response = await doFetch(`${baseUrl}${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(token ? { Authorization: `Bearer ${token}` } : {}),
        },
        ...(body === undefined ? {} : { body }),
        ...(signal ? { signal } : {}),
      })
      return read<T>(response.status, await response.text())
    } catch (error) {
      return failure('NETWORK_ERROR', 0, `There was no answer: ${messageOf(error)}`)
    }
  }

  const route = (environment: StripeEnvironment, name: string) =>
    `/api/payments/stripe/${encodeURIComponent(environment)}/${name}`

  const ofSession = async (
    method: 'GET' | 'POST',
    environment: StripeEnvironment,
    id: string,
    suffix: string,
    requestOptions?: RequestOptions,
  ): Promise<PaymentsResult<CheckoutSessionStatusResponse>> => {
    if (typeof id !== 'string' || id === '')
      return notSent('The id of the Checkout Session is missing', AFTER_ENVIRONMENT)
    const path = route(environment, `checkout-sessions/${encodeURIComponent(id)}${suffix}`)
    return send(method, path, undefined, requestOptions)
  }
  const confirm = (environment: StripeEnvironment, id: string, requestOptions?: RequestOptions) =>
    ofSession('POST', environment, id, '/confirm', requestOptions)

  return {
    ...createOlderMethods(post),
    stripe: {
      createCheckoutSession: (environment, request, requestOptions) =>
        post(route(environment, 'checkout-sessions'), request, requestOptions),
      createCustomerPortalSession: (environment, request, requestOptions) =>
        post(route(environment, 'customer-portal-sessions'), request, requestOptions),
      getCheckoutSession: (environment, id, requestOptions) =>
        ofSession('GET', environment, id, '', requestOptions),
      confirmCheckoutSession: confirm,
      waitForCheckoutSession: (environment, id, waitOptions) =>
        waitUntilFinal((signal) => confirm(environment, id, { signal }), waitOptions),
    },
  }
}

/** Turns an answer into a result, even an answer that a proxy on the way has written. */
function read<T>(status: number, text: string): PaymentsResult<T> {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {}
  if (typeof body === 'object' && body !== null) {
    if (status >= 200 && status < 300) return { data: body as T, error: null }
    const { error, message, nextActions } = body as Record<string, unknown>
    if (typeof error === 'string' && typeof message === 'string') {
      return failure(error, status, message, typeof nextActions === 'string' ? nextActions : undefined)
    }
  }
  return failure(
    'UNEXPECTED_RESPONSE',
    status,
    `The answer with status ${status} is not one of the payments API.`,
  )
}

function failure(
  error: string,
  statusCode: number,
  message: string,
  nextActions?: string,
): PaymentsResult<never> {
  return {
    data: null,
    error: { error, message, statusCode, ...(nextActions === undefined ? {} : { nextActions }) },
  }
}

const AFTER_ENVIRONMENT = 'pass it after the environment'

/** The result of a call that cannot become a request. */
function notSent(problem: string, next?: string): PaymentsResult<never> {
  return failure('INVALID_INPUT', 0, `${problem}${next === undefined ? '' : `: ${next}`}. Nothing was sent.`)
}

/** JSON has no bigint. A number that is sent in its place could be another one, so the caller decides. */
function refuseBigint(key: string, value: unknown): unknown {
  if (typeof value === 'bigint') throw new Error(`${key} is a bigint. Pass Number(${key})`)
  return value
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
