/** Errors with the wording and the status codes of https://docs.stripe.com/api/errors. */

export interface ErrorBody {
  type: 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error'
  message: string
  code?: string
  param?: string
  decline_code?: string
  charge?: string
  payment_intent?: unknown
  payment_method?: unknown
}

/** An error response of Stripe, thrown by the operation that fails. */
export class StripeFailure extends Error {
  readonly status: number
  readonly body: ErrorBody

  constructor(status: number, body: ErrorBody) {
    super(body.message)
    this.name = 'StripeFailure'
    this.status = status
    this.body = body
  }
}

/** 400: the request is invalid. */
export function invalidRequest(
  message: string,
  extra: { code?: string; param?: string } = {},
): StripeFailure {
  return new StripeFailure(400, { type: 'invalid_request_error', message, ...extra })
}

/** The id names no object: 404 for an id in the path, 400 for an id in the parameter `param`. */
export function noSuch(what: string, id: string, param?: string): StripeFailure {
  return new StripeFailure(param === undefined || param === 'id' ? 404 : 400, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: `No such ${what}: '${id}'`,
    param: param ?? 'id',
  })
}

/** 401: the key is missing or unknown. */
export function unauthorized(message: string, code?: string): StripeFailure {
  return new StripeFailure(401, { type: 'invalid_request_error', message, ...(code ? { code } : {}) })
}

/** 429: too many requests. */
export function rateLimited(): StripeFailure {
  return new StripeFailure(429, {
    type: 'invalid_request_error',
    code: 'rate_limit',
    message:
      'Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.',
  })
}

/** 500: Stripe failed. */
export function serverError(status = 500): StripeFailure {
  return new StripeFailure(status, {
    type: 'api_error',
    message: 'An unknown error occurred. If the problem persists, contact Stripe support.',
  })
}
