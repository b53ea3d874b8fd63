/**
 * `POST /api/payments/stripe/{environment}/checkout-sessions`
 *
 * The caller is a user, a guest, or a backend with the admin key, which no policy limits. The database decides, Stripe
 * creates the session, the database records it: two round trips, and no connection is held between.
 */
import type { CreateCheckoutSessionResponse, StripeEnvironment } from '../../types/api.ts'
import { apiError, isApiError, refusedAsGuest, stripeMayHaveActed, toApiError } from '../core/errors.ts'
import { type Answer, readJson } from '../core/http.ts'
import { describeError } from '../core/log.ts'
import {
  beginCheckoutSession,
  beginGuestCheckoutSession,
  type CheckoutDecision,
  type CheckoutSessionRow,
  completeCheckoutSession,
  failCheckoutSession,
  projectStripeObjects,
  retryCheckoutSession,
} from '../core/sql.ts'
import type { StripeApi } from '../core/stripe.ts'
import { environmentSchema, parse } from '../core/validation.ts'
import type { Deps } from '../deps.ts'
import { forBuyers } from './for-buyers.ts'
import { markGoneCustomer } from './gone-customer.ts'
import { checkoutOptions, optionsOf } from './options.ts'
import { presentCheckoutSession } from './present.ts'
import { checkReturnOrigins } from './return-origins.ts'
import { createCheckoutSessionBody } from './schemas.ts'
import { readUnknownPrices } from './unknown-prices.ts'

export function checkoutSession(
  request: Request,
  params: { environment: string },
  deps: Deps,
): Promise<Answer<CreateCheckoutSessionResponse>> {
  return forBuyers(createSession(request, params, deps))
}

async function createSession(
  request: Request,
  params: { environment: string },
  deps: Deps,
): Promise<Answer<CreateCheckoutSessionResponse>> {
  const caller = await deps.authenticate(request.headers, 'change')
  const environment = parse(environmentSchema, params.environment, 'environment')
  const body = parse(createCheckoutSessionBody, await readJson(request))
  checkReturnOrigins(deps.config, {
    successUrl: body.successUrl,
    cancelUrl: body.cancelUrl,
    returnUrl: body.returnUrl,
  })
  const stripe = await deps.stripe(environment)

  const begin = () => {
    const request = {
      environment,
      caller,
      mode: body.mode,
      lineItems: body.lineItems,
      successUrl: body.successUrl ?? null,
      cancelUrl: body.cancelUrl ?? null,
      subjectType: body.subject?.type,
      subjectId: body.subject?.id,
      customerEmail: body.customerEmail,
      metadata: body.metadata,
      idempotencyKey: body.idempotencyKey,
      options: optionsOf(body, checkoutOptions),
    }
    if (caller.role !== 'anon') return beginCheckoutSession(deps.database, request)
    const perMinute = deps.config.guestCheckoutsPerMinute
    return beginGuestCheckoutSession(deps.database, { ...request, perMinute }).catch((error) => {
      throw body.subject ? refusedAsGuest(error) : error
    })
  }

  let decision = await begin()
  if (decision.action === 'fetch') {
    await updateFromStripe(environment, decision.session, stripe, deps)
    decision = await begin()
  }
  if (decision.action === 'fetch') {
    throw apiError(
      502,
      'UPSTREAM_FAILURE',
      'Stripe does not say yet whether the earlier session has expired.',
      {
        nextActions: 'Try again in a moment with the same idempotency key.',
      },
    )
  }
  const session =
    decision.action === 'return'
      ? decision.session
      : await createAtStripe(environment, decision, stripe, deps)
  return { status: 201, body: { checkoutSession: presentCheckoutSession(session) } }
}

/** Each is tried once. It returns whether the rows have changed, so that the call may be made once more. */
const REMEDIES = [markGoneCustomer, readUnknownPrices]

/**
 * Creates the session at Stripe. Records a failure in the row before it is thrown. If the customer was deleted at
 * Stripe, the call is made once more with the customer that the subject has then. If Stripe refused prices that have no
 * row here, they are read, and the call is made once more.
 */
async function createAtStripe(
  environment: StripeEnvironment,
  decision: CheckoutDecision,
  stripe: StripeApi,
  deps: Deps,
  remedies = REMEDIES,
): Promise<CheckoutSessionRow> {
  return createOnce(environment, decision, stripe, deps).catch(async (error) => {
    const { session, attempt, params } = decision
    const refused = { environment, id: session.id, customer: params.customer }
    for (const remedy of remedies) {
      if (!(await remedy(error, refused, stripe, deps))) continue
      const again = await retryCheckoutSession(deps.database, { environment, id: session.id, attempt })
      if (again === null) throw error
      const others = remedies.filter((other) => other !== remedy)
      return createAtStripe(environment, again, stripe, deps, others)
    }
    throw error
  })
}

async function createOnce(
  environment: StripeEnvironment,
  { session: { id }, attempt, params, idempotency_key, expire = [] }: CheckoutDecision,
  stripe: StripeApi,
  { database, log }: Deps,
): Promise<CheckoutSessionRow> {
  try {
    for (const other of expire) await expireAtStripe(environment, other, stripe, database)
    const created = await stripe.createCheckoutSession(params, idempotency_key)
    return await completeCheckoutSession(database, {
      environment,
      id,
      attempt,
      session: created.object,
      snapshotAt: created.snapshotAt,
    })
  } catch (error) {
    // If the database was lost after Stripe's answer, a retry sends the same key: the row needs no mark.
    if (isApiError(error) && error.code === 'DATABASE_UNAVAILABLE') throw error
    await failCheckoutSession(database, {
      environment,
      id,
      attempt,
      error: toApiError(error).message,
      stripeMayHaveActed: stripeMayHaveActed(error),
    }).catch((cause) => log.error('failure_not_noted', { session: id, cause: describeError(cause) }))
    throw error
  }
}

/**
 * Expires an open session whose place another one takes. If Stripe has completed it by now, the subject has bought:
 * then there is no second session.
 */
async function expireAtStripe(
  environment: StripeEnvironment,
  id: string,
  stripe: StripeApi,
  database: Deps['database'],
): Promise<void> {
  const found = await stripe.expireCheckoutSession(id).catch(async (error) => {
    if (!isApiError(error) || error.status !== 400) throw error
    return stripe.retrieve({ object: 'checkout.session', id })
  })
  await projectStripeObjects(database, { environment, objects: [found.object], snapshotAt: found.snapshotAt })
  if ('status' in found.object && found.object.status === 'complete')
    throw apiError(409, 'PAYMENT_PLAN_ALREADY_EXISTS', 'This subject has just bought in another checkout.', {
      nextActions:
        'Change the plan in the Billing Portal: create a customer portal session with the flow subscription_update.',
    })
}

/** Updates the row of a session from Stripe. */
async function updateFromStripe(
  environment: StripeEnvironment,
  { checkout_session_id: id }: CheckoutSessionRow,
  stripe: StripeApi,
  { database }: Deps,
): Promise<void> {
  if (id === null) return
  const { object, snapshotAt } = await stripe.retrieve({ object: 'checkout.session', id })
  await projectStripeObjects(database, { environment, objects: [object], snapshotAt })
}
