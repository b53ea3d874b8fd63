/**
 * `POST /api/payments/stripe/{environment}/customer-portal-sessions`
 *
 * Requires a signed-in caller whom a policy allows to manage the subject's billing, and a subject with a customer.
 */
import type { CreateCustomerPortalSessionResponse, StripeEnvironment } from '../../types/api.ts'
import { toApiError, unreadableAnswer } from '../core/errors.ts'
import { type Answer, readJson } from '../core/http.ts'
import { describeError } from '../core/log.ts'
import {
  beginCustomerPortalSession,
  type CustomerPortalDecision,
  type CustomerPortalSessionRow,
  completeCustomerPortalSession,
  failCustomerPortalSession,
  retryCustomerPortalSession,
} from '../core/sql.ts'
import type { StripeApi } from '../core/stripe.ts'
import { environmentSchema, parse } from '../core/validation.ts'
import type { Deps } from '../deps.ts'
import { forBuyers } from './for-buyers.ts'
import { markGoneCustomer } from './gone-customer.ts'
import { optionsOf, portalOptions } from './options.ts'
import { presentCustomerPortalSession } from './present.ts'
import { checkReturnOrigins } from './return-origins.ts'
import { createCustomerPortalSessionBody } from './schemas.ts'

export function customerPortalSession(
  request: Request,
  params: { environment: string },
  deps: Deps,
): Promise<Answer<CreateCustomerPortalSessionResponse>> {
  return forBuyers(createSession(request, params, deps))
}

async function createSession(
  request: Request,
  params: { environment: string },
  deps: Deps,
): Promise<Answer<CreateCustomerPortalSessionResponse>> {
  const caller = await deps.authenticate(request.headers, 'portal')
  const environment = parse(environmentSchema, params.environment, 'environment')
  const body = parse(createCustomerPortalSessionBody, await readJson(request))
  checkReturnOrigins(deps.config, {
    returnUrl: body.returnUrl,
    'flow.afterCompletion.returnUrl': body.flow?.afterCompletion?.returnUrl,
  })
  const stripe = await deps.stripe(environment)

  const decision = await beginCustomerPortalSession(deps.database, {
    environment,
    caller,
    subjectType: body.subject.type,
    subjectId: body.subject.id,
    returnUrl: body.returnUrl,
    configuration: body.configuration,
    options: optionsOf(body, portalOptions),
  })
  const session = await createOnce(environment, decision, stripe, deps).catch(async (error) => {
    const { customer } = decision.params
    if (!(await markGoneCustomer(error, { environment, customer }, stripe, deps))) throw error
    const again = await retryCustomerPortalSession(deps.database, { environment, id: decision.session.id })
    if (again === null) throw error
    return createOnce(environment, again, stripe, deps)
  })
  return { status: 201, body: { customerPortalSession: presentCustomerPortalSession(session) } }
}

/** Creates the session at Stripe. Records a failure in the row before it is thrown. */
async function createOnce(
  environment: StripeEnvironment,
  decision: CustomerPortalDecision,
  stripe: StripeApi,
  deps: Deps,
): Promise<CustomerPortalSessionRow> {
  const { id } = decision.session
  try {
    const { object } = await stripe.createPortalSession(decision.params, decision.idempotency_key)
    if (typeof (object as { url?: unknown }).url !== 'string')
      throw unreadableAnswer(new Error('The answer has no url.'))
    const session = await completeCustomerPortalSession(deps.database, {
      environment,
      id,
      portalSession: object,
    })
    return session
  } catch (error) {
    await failCustomerPortalSession(deps.database, {
      environment,
      id,
      error: toApiError(error).message,
    }).catch((cause) => deps.log.error('failure_not_noted', { session: id, cause: describeError(cause) }))
    throw error
  }
}
