/**
 * What only the OpenAPI document and the types of the API describe: the routes that are not for the admin, pages, and
 * errors.
 */
import { z } from 'zod'
import {
  checkoutSessionParams,
  checkoutSessionStatusResponse,
  createCheckoutSessionBody,
  createCheckoutSessionResponse,
  createCustomerPortalSessionBody,
  createCustomerPortalSessionResponse,
} from '../../../functions/checkout/schemas.ts'
import { ERROR_CODES } from '../../../functions/core/error-codes.ts'
import type { Route } from '../../../functions/core/route.ts'
import {
  answer,
  describedAnswer,
  environmentParams,
  named,
  nextCursor,
  noQuery,
} from '../../../functions/core/schema-parts.ts'
import {
  dashboardResponse,
  signInBody,
  signInResponse,
  signOutResponse,
} from '../../../functions/dashboard-server/schemas.ts'
import { webhookResponse } from '../../../functions/events/schemas.ts'

/** A route without its handler, which is in `app.ts`. The path is complete. */
export type PublicRoute = Omit<Route, 'handle' | 'response'> & {
  response: z.ZodType
  security: Record<string, string[]>[]
  /** `application/json` if omitted. */
  contentType?: string
}

const healthResponse = answer('HealthResponse', {
  status: z.literal('ok'),
  database: z.literal('ok'),
  version: z.string(),
})

const OF_STRIPE = {
  402: ['PAYMENT_METHOD_DECLINED'],
  429: ['RATE_LIMITED'],
  500: ['INTERNAL_ERROR', 'PAYMENT_CONFIG_INVALID'],
  502: ['UPSTREAM_FAILURE'],
  503: ['DATABASE_UNAVAILABLE', 'UPSTREAM_FAILURE', 'PAYMENT_SECRETS_UNREADABLE'],
} satisfies Route['errors']

/** A session is read as the caller. */
const OF_SESSION = {
  400: ['INVALID_INPUT'],
  401: ['AUTH_INVALID_CREDENTIALS', 'AUTH_INVALID_API_KEY', 'AUTH_UNAUTHORIZED'],
  403: ['AUTH_UNAUTHORIZED'],
  404: ['PAYMENT_NOT_FOUND'],
  500: ['INTERNAL_ERROR'],
  503: ['DATABASE_UNAVAILABLE'],
} satisfies Route['errors']

/**
 * The session of the dashboard; the admin API is also below `/dashboard/api`, where it takes the cookie of this
 * session.
 */
const dashboardRoutes: PublicRoute[] = [
  {
    id: 'getDashboardSession',
    method: 'GET',
    path: '/dashboard/session',
    summary: 'Tells who is signed in to the dashboard, and renews the session',
    query: noQuery,
    response: dashboardResponse,
    errors: { 404: ['NOT_FOUND'] },
    security: [{ dashboardSession: [] }, {}],
  },
  {
    id: 'signInToDashboard',
    method: 'POST',
    path: '/dashboard/session',
    summary:
      "Exchanges the admin key, the read-only key, an admin's token or the code of a login link for a cookie",
    query: noQuery,
    body: signInBody,
    status: 201,
    response: signInResponse,
    errors: {
      400: ['INVALID_INPUT'],
      401: ['AUTH_INVALID_API_KEY', 'AUTH_INVALID_CREDENTIALS', 'AUTH_UNAUTHORIZED'],
      403: ['AUTH_UNAUTHORIZED'],
      404: ['NOT_FOUND'],
      413: ['PAYLOAD_TOO_LARGE'],
      429: ['RATE_LIMITED'],
      503: ['UPSTREAM_FAILURE'],
    },
    security: [],
  },
  {
    id: 'signOutOfDashboard',
    method: 'DELETE',
    path: '/dashboard/session',
    summary: 'Removes the cookie',
    query: noQuery,
    response: signOutResponse,
    errors: { 403: ['AUTH_UNAUTHORIZED'], 404: ['NOT_FOUND'] },
    security: [{ dashboardSession: [] }, {}],
  },
]

export const publicRoutes: PublicRoute[] = [
  {
    id: 'createCheckoutSession',
    method: 'POST',
    path: '/api/payments/stripe/{environment}/checkout-sessions',
    summary: 'Creates a Checkout Session, if a policy allows the caller',
    params: environmentParams,
    body: createCheckoutSessionBody,
    status: 201,
    response: createCheckoutSessionResponse,
    errors: {
      ...OF_STRIPE,
      400: ['INVALID_INPUT', 'PAYMENT_CONFIG_INVALID', 'UPSTREAM_FAILURE'],
      401: ['AUTH_INVALID_CREDENTIALS', 'AUTH_INVALID_API_KEY', 'AUTH_UNAUTHORIZED'],
      403: ['AUTH_UNAUTHORIZED'],
      409: ['PAYMENT_CHECKOUT_ALREADY_EXISTS', 'UPSTREAM_FAILURE', 'DATABASE_DUPLICATE'],
      413: ['PAYLOAD_TOO_LARGE'],
    },
    security: [{ bearer: [] }, {}],
  },
  {
    id: 'readCheckoutSession',
    method: 'GET',
    path: '/api/payments/stripe/{environment}/checkout-sessions/{id}',
    summary: 'Reads a Checkout Session, if a policy shows it to the caller',
    description:
      'A session that an anonymous caller began has no owner but the holder of its id, which nobody can guess.',
    params: checkoutSessionParams,
    query: noQuery,
    response: checkoutSessionStatusResponse,
    errors: OF_SESSION,
    security: [{ bearer: [] }, {}],
  },
  {
    id: 'confirmCheckoutSession',
    method: 'POST',
    path: '/api/payments/stripe/{environment}/checkout-sessions/{id}/confirm',
    summary: 'Reads a Checkout Session, after it has ingested the events that no webhook has brought yet',
    description:
      'For the page to which Stripe sends the buyer back. If `fulfilled` is true, fulfilment has run, once; the webhook that comes later is a duplicate.',
    params: checkoutSessionParams,
    response: checkoutSessionStatusResponse,
    errors: {
      ...OF_STRIPE,
      ...OF_SESSION,
      400: ['INVALID_INPUT', 'PAYMENT_CONFIG_INVALID', 'UPSTREAM_FAILURE'],
      500: ['INTERNAL_ERROR', 'PAYMENT_CONFIG_INVALID'],
      503: ['DATABASE_UNAVAILABLE', 'UPSTREAM_FAILURE', 'PAYMENT_SECRETS_UNREADABLE'],
    },
    security: [{ bearer: [] }, {}],
  },
  {
    id: 'createCustomerPortalSession',
    method: 'POST',
    path: '/api/payments/stripe/{environment}/customer-portal-sessions',
    summary:
      'Creates a Billing Portal session for the customer of a billing subject, if a policy allows the caller',
    params: environmentParams,
    body: createCustomerPortalSessionBody,
    status: 201,
    response: createCustomerPortalSessionResponse,
    errors: {
      ...OF_STRIPE,
      400: ['INVALID_INPUT', 'PAYMENT_CONFIG_INVALID', 'UPSTREAM_FAILURE'],
      401: ['AUTH_INVALID_CREDENTIALS', 'AUTH_INVALID_API_KEY', 'AUTH_UNAUTHORIZED'],
      403: ['AUTH_UNAUTHORIZED'],
      404: ['PAYMENT_NOT_FOUND'],
      409: ['UPSTREAM_FAILURE'],
      413: ['PAYLOAD_TOO_LARGE'],
    },
    security: [{ bearer: [] }],
  },
  {
    id: 'receiveWebhook',
    method: 'POST',
    path: '/api/webhooks/stripe/{environment}',
    summary: 'Ingests an event from Stripe',
    description: 'The body is the event as Stripe signed it. After a 5xx Stripe delivers it again.',
    params: environmentParams,
    body: z.record(z.string(), z.unknown()),
    response: webhookResponse,
    errors: {
      400: ['INVALID_INPUT'],
      401: ['AUTH_UNAUTHORIZED'],
      413: ['PAYLOAD_TOO_LARGE'],
      500: ['INTERNAL_ERROR'],
      503: ['DATABASE_UNAVAILABLE', 'PAYMENT_SECRETS_UNREADABLE'],
    },
    security: [{ stripeSignature: [] }],
  },
  {
    id: 'getHealth',
    method: 'GET',
    path: '/health',
    summary: 'Reports whether the database is reachable, has the schema and grants the needed rights',
    query: noQuery,
    response: healthResponse,
    errors: { 503: ['DATABASE_UNAVAILABLE'] },
    security: [],
  },
  ...dashboardRoutes,
  {
    id: 'getMetrics',
    method: 'GET',
    path: '/metrics',
    summary: 'Returns the counts of this process and the state of the ledger, as Prometheus reads them',
    description: 'For the admin, and for the holder of PAYMENTS_METRICS_TOKEN as a bearer token.',
    query: noQuery,
    response: z.string(),
    contentType: 'text/plain',
    errors: {
      401: ['AUTH_INVALID_CREDENTIALS', 'AUTH_INVALID_API_KEY', 'AUTH_UNAUTHORIZED'],
      403: ['AUTH_UNAUTHORIZED'],
      500: ['INTERNAL_ERROR'],
      503: ['DATABASE_UNAVAILABLE'],
    },
    security: [{ adminKey: [] }, { bearer: [] }],
  },
  {
    id: 'getOpenapi',
    method: 'GET',
    path: '/api/payments/openapi.json',
    summary: 'Returns this document',
    query: noQuery,
    response: z.looseObject({ openapi: z.string() }),
    security: [],
  },
]

export const pageSchema = describedAnswer(
  'Page',
  'A page of a list: pass `nextCursor` as `cursor` to get the next page; it is null on the last one.',
  { nextCursor },
)

const errorCode = named('ErrorCode', z.enum(ERROR_CODES), 'The codes an answer of this API can carry.')

export const errorResponse = z
  .object({
    error: errorCode.meta({ shownAs: { type: 'string', description: 'A code.' } }),
    message: z.string().describe('A sentence for a person.'),
    statusCode: z.int(),
    nextActions: z.string().describe('The next step.').optional(),
  })
  .meta({ id: 'Error', typeName: 'ErrorBody' })
