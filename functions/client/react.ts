'use client'

/**
 * React hooks over the SDK, published as `pg-payments/react`. Each takes the client, so there is no provider:
 *
 *     const { start, isBusy, error } = useCheckout(payments, 'test')
 *     <button disabled={isBusy} onClick={() => start({ … })}>Buy</button>
 */
import { useCallback, useEffect, useRef, useState } from 'react'
import type {
  CheckoutSession,
  CheckoutSessionStatusResponse,
  CreateCheckoutSessionRequest,
  CreateCustomerPortalSessionRequest,
  StripeEnvironment,
} from '../../types/api.ts'
import type { PaymentsClient } from './index.ts'
import type { PaymentsError, PaymentsResult, RequestOptions } from './result.ts'
import { isFinal } from './wait.ts'

export type HookOptions = {
  /** Goes to the page of Stripe; by default `location.assign`. */
  redirect?: (url: string) => void
}

type Started = { isBusy: boolean; error: PaymentsError | null }

export type UseCheckout = Started & {
  /** Starts a session and goes to its page. Does nothing while one is being started. */
  start(request: CreateCheckoutSessionRequest): Promise<void>
}
export type UsePortal = Started & {
  /** Opens the Billing Portal. Does nothing while it is being opened. */
  open(request: CreateCustomerPortalSessionRequest): Promise<void>
}

/** Starts Checkout Sessions. `isBusy` stays true once the browser is on its way to Stripe. */
export function useCheckout(
  payments: PaymentsClient,
  environment: StripeEnvironment,
  options?: HookOptions,
): UseCheckout {
  const { run, ...started } = useRedirect(async (request: CreateCheckoutSessionRequest, requestOptions) => {
    const result = await payments.stripe.createCheckoutSession(environment, request, requestOptions)
    return urlOf(result, result.data?.checkoutSession.url)
  }, options)
  return { ...started, start: run }
}

/** Opens the Billing Portal. */
export function usePortal(
  payments: PaymentsClient,
  environment: StripeEnvironment,
  options?: HookOptions,
): UsePortal {
  const { run, ...started } = useRedirect(
    async (request: CreateCustomerPortalSessionRequest, requestOptions) => {
      const result = await payments.stripe.createCustomerPortalSession(environment, request, requestOptions)
      return urlOf(result, result.data?.customerPortalSession.url)
    },
    options,
  )
  return { ...started, open: run }
}

export type UseCheckoutStatus = {
  /**
   * - `waiting`: fulfilment has not run yet
   * - `fulfilled`: it has run
   * - `pending`: it had not run at the deadline, for example because the money comes later
   * - `ended`: the session has expired or failed, so no money will come
   * - `error`: see `error`
   */
  state: 'waiting' | 'fulfilled' | 'pending' | 'ended' | 'error'
  /** The session as the last answer shows it; null before the first one. */
  session: CheckoutSession | null
  error: PaymentsError | null
}

const WAITING: UseCheckoutStatus = { state: 'waiting', session: null, error: null }

/**
 * Waits for a Checkout Session on the page of `successUrl`.
 *
 * @param id what Stripe put in place of `{CHECKOUT_SESSION_ID}`; the hook waits while it is null
 */
export function useCheckoutStatus(
  payments: PaymentsClient,
  environment: StripeEnvironment,
  id: string | null | undefined,
  { timeoutMs }: { timeoutMs?: number } = {},
): UseCheckoutStatus {
  const [status, setStatus] = useState(WAITING)
  const client = useLatest(payments)
  useEffect(() => {
    setStatus(WAITING)
    if (!id) return
    const stop = new AbortController()
    const show = (next: UseCheckoutStatus) => {
      if (!stop.signal.aborted) setStatus(next)
    }
    client.current.stripe
      .waitForCheckoutSession(environment, id, {
        signal: stop.signal,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        onUpdate: (answer) =>
          show({ state: stateOf(answer, 'waiting'), session: answer.checkoutSession, error: null }),
      })
      .then(({ data, error }) =>
        show(
          data
            ? { state: stateOf(data, 'pending'), session: data.checkoutSession, error: null }
            : { state: 'error', session: null, error },
        ),
      )
    return () => stop.abort()
  }, [environment, id, timeoutMs, client])
  return status
}

function stateOf(
  answer: CheckoutSessionStatusResponse,
  unfinished: 'waiting' | 'pending',
): UseCheckoutStatus['state'] {
  if (answer.fulfilled) return 'fulfilled'
  return isFinal(answer) ? 'ended' : unfinished
}

type Redirection = { url: string; error: null } | { url: null; error: PaymentsError }

/** The address of a result. A session that is open has one; one that the same key began before may be complete. */
function urlOf({ error }: PaymentsResult<unknown>, url: string | null | undefined): Redirection {
  if (url) return { url, error: null }
  return {
    url: null,
    error: error ?? {
      error: 'PAYMENT_CHECKOUT_ALREADY_EXISTS',
      message: 'This session has no page any more, because it is complete.',
      statusCode: 409,
      nextActions: 'Use a new idempotency key for a new purchase.',
    },
  }
}

/** Runs one request at a time, and goes to the address that it brings. */
function useRedirect<Request>(
  ask: (request: Request, options: RequestOptions) => Promise<Redirection>,
  { redirect = (url) => location.assign(url) }: HookOptions = {},
): Started & { run(request: Request): Promise<void> } {
  const [started, setStarted] = useState<Started>({ isBusy: false, error: null })
  const latest = useLatest({ ask, redirect })
  const running = useRef<AbortController | null>(null)
  useEffect(
    () => () => {
      running.current?.abort()
      running.current = null
    },
    [],
  )
  const run = useCallback(
    async (request: Request) => {
      if (running.current !== null) return
      const stop = new AbortController()
      running.current = stop
      setStarted({ isBusy: true, error: null })
      const { url, error } = await latest.current.ask(request, { signal: stop.signal })
      if (stop.signal.aborted) return
      running.current = null
      if (error) setStarted({ isBusy: false, error })
      else latest.current.redirect(url)
    },
    [latest],
  )
  return { ...started, run }
}

/** The value of the last render, for effects and callbacks that should not run again when it changes. */
function useLatest<Value>(value: Value) {
  const latest = useRef(value)
  useEffect(() => {
    latest.current = value
  })
  return latest
}
