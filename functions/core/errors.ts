/**
 * Every error that leaves the handlers, and the tables that map errors of Postgres and of Stripe to them. Only the
 * message of an `ApiError` is shown to a caller; its cause is for the log.
 */
import type { ErrorBody, ErrorCode, StripeEnvironment } from '../../types/api.ts'
import { redact } from './log.ts'

export type Status = 400 | 401 | 402 | 403 | 404 | 405 | 409 | 413 | 429 | 500 | 502 | 503

export type ApiError = Error & {
  name: 'ApiError'
  status: Status
  code: ErrorCode
  nextActions?: string
  /** The methods of the address, for a 405. */
  allowed?: string
  /** Seconds after which the same request may succeed, for a 429. */
  retryAfter?: number
}

/** An error for the caller: a status, a code, and a sentence for a person. */
export function apiError(
  status: Status,
  code: ErrorCode,
  message: string,
  options: { nextActions?: string; allowed?: string; retryAfter?: number; cause?: unknown } = {},
): ApiError {
  const { nextActions, allowed, retryAfter, ...rest } = options
  return Object.assign(new Error(redact(message), rest), {
    name: 'ApiError' as const,
    status,
    code,
    ...(nextActions === undefined ? {} : { nextActions: redact(nextActions) }),
    ...(allowed === undefined ? {} : { allowed }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}

export function methodNotAllowed(methods: string[]): ApiError {
  const allowed = [...new Set(methods)].join(', ')
  return apiError(405, 'METHOD_NOT_ALLOWED', `This address takes ${allowed} only.`, { allowed })
}

export function isApiError(error: unknown): error is ApiError {
  return error instanceof Error && error.name === 'ApiError'
}

/** Any other error is a fault of ours: 500, with a message that reveals nothing. */
export function toApiError(error: unknown): ApiError {
  if (isApiError(error)) return error
  return apiError(500, 'INTERNAL_ERROR', 'Something went wrong on our side.', { cause: error })
}

export function errorBody({ code, message, status, nextActions }: ApiError): ErrorBody {
  return { error: code, message, statusCode: status, ...(nextActions === undefined ? {} : { nextActions }) }
}

// Postgres

/**
 * SQLSTATE, or its class of two characters, to HTTP. An entry without a message passes on the message and the hint of
 * the SQL function that raised it, because those are written for people. All other text of Postgres stays in the log.
 */
export const SQLSTATES: Record<
  string,
  { status: Status; code: ErrorCode; message?: string; nextActions?: string }
> = {
  /** invalid input */
  SP001: { status: 400, code: 'INVALID_INPUT' },
  /** the idempotency key belongs to another request */
  SP002: { status: 409, code: 'PAYMENT_CHECKOUT_ALREADY_EXISTS' },
  /** the billing subject has no customer */
  SP003: { status: 404, code: 'PAYMENT_NOT_FOUND' },
  /** sign-in needed */
  SP004: { status: 401, code: 'AUTH_INVALID_CREDENTIALS' },
  /** the event is refused */
  SP005: { status: 400, code: 'INVALID_INPUT' },
  /** no such session */
  SP006: { status: 404, code: 'PAYMENT_NOT_FOUND' },
  /** the role is not allowed */
  SP007: { status: 403, code: 'AUTH_UNAUTHORIZED' },
  /** the key is of another Stripe account */
  SP008: { status: 409, code: 'PAYMENT_ACCOUNT_CHANGED' },
  /** no key is stored */
  SP009: { status: 404, code: 'PAYMENT_CONFIG_NOT_FOUND' },
  /** the stored secrets have changed since they were read */
  SP010: { status: 409, code: 'PAYMENT_CONFIG_INVALID' },
  /** the isolation level of the login is not supported */
  SP011: { status: 500, code: 'INTERNAL_ERROR' },
  /** a sync of this environment is running */
  SP020: { status: 409, code: 'PAYMENT_SYNC_RUNNING' },
  /** another process runs this sync now */
  SP021: { status: 409, code: 'PAYMENT_SYNC_RUNNING' },
  /** an event of the ledger cannot be projected again */
  SP022: { status: 500, code: 'INTERNAL_ERROR' },
  /** too many guest checkouts in this minute */
  SP030: { status: 429, code: 'RATE_LIMITED' },
  /** app users may not call this function */
  SP031: { status: 403, code: 'AUTH_UNAUTHORIZED' },
  /** the database is not fit for pg-payments; only migrations raise it */
  SP032: { status: 500, code: 'INTERNAL_ERROR' },
  /** the product or price was changed since the caller saw it */
  SP045: { status: 409, code: 'PAYMENT_CHANGED_MEANWHILE' },
  /** someone else is changing this product or price */
  SP046: { status: 409, code: 'PAYMENT_CHANGED_MEANWHILE' },
  /** Parts of a checkout request exclude each other */
  SP050: { status: 400, code: 'INVALID_INPUT' },
  /** The portal is asked for a subscription that the subject has not */
  SP051: { status: 404, code: 'PAYMENT_NOT_FOUND' },
  /** The portal is asked for a subscription or an item, and there are several */
  SP052: { status: 400, code: 'INVALID_INPUT' },
  /** An app user asks for a price, an amount or a coupon that only the service may choose */
  SP053: { status: 403, code: 'AUTH_UNAUTHORIZED' },
  /** No offer is for this buyer and these items now */
  SP055: { status: 403, code: 'PAYMENT_NOT_OFFERED' },
  /** No active price has the lookup key */
  SP056: { status: 404, code: 'PAYMENT_PRICE_NOT_FOUND' },
  /** The offer is for another quantity */
  SP057: { status: 400, code: 'PAYMENT_QUANTITY_NOT_OFFERED' },
  /** The offer does not allow an option, an amount or another trial */
  SP058: { status: 403, code: 'PAYMENT_OPTION_NOT_OFFERED' },
  /** The subject has a living subscription of the product group */
  SP059: { status: 409, code: 'PAYMENT_PLAN_ALREADY_EXISTS' },
  /** no such customer or subscription */
  SP060: { status: 404, code: 'PAYMENT_NOT_FOUND' },
  /** it belongs to another billing subject */
  SP061: { status: 409, code: 'PAYMENT_SUBJECT_CONFLICT' },
  /** nothing of the billing subject is known */
  SP063: { status: 404, code: 'PAYMENT_NOT_FOUND' },
  /** An instant of a checkout is too early or too late */
  SP064: { status: 400, code: 'INVALID_INPUT' },
  /** A trial of prices that are paid once */
  SP065: { status: 400, code: 'INVALID_INPUT' },
  /** Prices of a checkout do not fit its mode */
  SP075: { status: 400, code: 'INVALID_INPUT' },
  /** Nobody could ever buy the offer */
  SP076: { status: 400, code: 'INVALID_INPUT' },
  /** Prices of a checkout have no currency in common */
  SP080: { status: 400, code: 'INVALID_INPUT' },
  /** insufficient_privilege: row level security refused the row */
  '42501': {
    status: 403,
    code: 'AUTH_UNAUTHORIZED',
    message: 'Row level security does not allow this caller to bill this subject.',
    nextActions:
      'Send a subject that this caller may bill. To allow more, add a policy on payments.stripe_checkout_sessions or payments.stripe_customer_portal_sessions.',
  },
  /** unique_violation */
  '23505': { status: 409, code: 'DATABASE_DUPLICATE', message: 'This exists already.' },
  /** not_null_violation */
  '23502': {
    status: 400,
    code: 'DATABASE_CONSTRAINT_VIOLATION',
    message: 'A required value is missing.',
  },
  /** foreign_key_violation */
  '23503': {
    status: 409,
    code: 'DATABASE_CONSTRAINT_VIOLATION',
    message: 'Other rows of the database still refer to this.',
    nextActions: 'Remove the references in the tables of the app first.',
  },
  /** check_violation */
  '23514': {
    status: 400,
    code: 'DATABASE_CONSTRAINT_VIOLATION',
    message: 'The database does not allow this value.',
  },
  /** invalid_text_representation */
  '22P02': { status: 400, code: 'INVALID_INPUT', message: 'A value has an invalid format.' },
  /** untranslatable_character, for example \u0000 in JSON */
  '22P05': {
    status: 400,
    code: 'INVALID_INPUT',
    message: 'A value has a character that cannot be stored, such as U+0000.',
  },
  /** character_not_in_repertoire, for example a zero byte in text */
  '22021': {
    status: 400,
    code: 'INVALID_INPUT',
    message: 'A value has a character that cannot be stored, such as U+0000.',
  },
  /** statement_too_complex, for example JSON that is nested thousands of times */
  '54001': { status: 400, code: 'INVALID_INPUT', message: 'A value is nested too deeply.' },
  /** the rest of class 22, data exceptions: for example out of range, or not a date */
  '22': {
    status: 400,
    code: 'INVALID_INPUT',
    message: 'A value is out of range or has an invalid format.',
  },
  /** invalid_schema_name */
  '3F000': NOT_MIGRATED(),
  /** undefined_function */
  '42883': NOT_MIGRATED(),
  /** undefined_table */
  '42P01': NOT_MIGRATED(),
}

function NOT_MIGRATED() {
  return {
    status: 500 as const,
    code: 'INTERNAL_ERROR' as const,
    message: 'The payments schema of this database is missing or of another release than these handlers.',
    nextActions: 'Run `pg-payments migrate` against the database in DATABASE_URL.',
  }
}

/** SQLSTATEs and classes of them after which the same request may succeed a moment later. */
const UNAVAILABLE_SQLSTATES = [
  '08', // connection exceptions
  '53', // insufficient resources, for example too_many_connections
  '57P', // admin_shutdown, crash_shutdown, cannot_connect_now
  '58', // system errors, for example of the disk
  '28', // the login was refused
  '3D000', // the database does not exist
  '25006', // read_only_sql_transaction: the server is a standby
  '40', // serialization_failure, deadlock_detected
  '55P03', // lock_not_available
  '57014', // query_canceled
]

/** Codes of postgres.js and of sockets: the connection failed or broke. */
const CONNECTION_CODES = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

export function databaseUnavailable(cause?: unknown): ApiError {
  return apiError(503, 'DATABASE_UNAVAILABLE', 'The database cannot be reached or is too busy just now.', {
    nextActions: 'Try again in a moment.',
    cause,
  })
}

/** When a 429 may be sent again, if nothing says more. */
const RETRY_AFTER_S = 1

/** Maps the error of a failed statement. */
export function fromDatabase(error: unknown): ApiError {
  const { name, code, message, detail, hint } = error as {
    name?: string
    code?: string
    message?: string
    detail?: string
    hint?: string
  }
  if (name !== 'PostgresError') {
    if (code && CONNECTION_CODES.has(code)) return databaseUnavailable(error)
    return toApiError(error)
  }
  const row = code === undefined ? undefined : (SQLSTATES[code] ?? SQLSTATES[code.slice(0, 2)])
  if (row) {
    const nextActions = row.message === undefined ? hint : row.nextActions
    return apiError(row.status, row.code, row.message ?? message ?? 'The database refused this.', {
      ...(nextActions === undefined ? {} : { nextActions }),
      // An error of ours with this status has the seconds as its detail.
      ...(row.status === 429 ? { retryAfter: Number(detail) || RETRY_AFTER_S } : {}),
      cause: error,
    })
  }
  if (UNAVAILABLE_SQLSTATES.some((prefix) => code?.startsWith(prefix))) return databaseUnavailable(error)
  return toApiError(error)
}

/** Adds the next step of a guest whom a policy refuses: a signed-in user may be allowed. */
export function refusedAsGuest(error: unknown): unknown {
  if (!isApiError(error) || error.status !== 403 || error.code !== 'AUTH_UNAUTHORIZED') return error
  return apiError(error.status, error.code, error.message, {
    nextActions:
      'Sign in and send the access token: without one the caller is a guest. If guests may bill this subject, add a policy that lets anon do so on payments.stripe_checkout_sessions.',
    cause: error.cause,
  })
}

// Stripe

/** The variable that holds the secret key of an environment. */
export function secretKeyVariable(environment: StripeEnvironment): string {
  return `STRIPE_${environment.toUpperCase()}_SECRET_KEY`
}

/** The permission in the message of Stripe's refusal. */
function permissionIn(message: string): string {
  const name = /'(rak_\w+)'/.exec(message)?.[1]
  return name === undefined ? 'a permission for this' : `the permission ${name}`
}

type StripeErrorLike = {
  type?: string
  statusCode?: number
  requestId?: string
  headers?: Record<string, string>
}

/** Whether the error is one of the Stripe SDK. Compares names, so that nothing here loads the SDK. */
function isStripeError(error: unknown): error is Error & StripeErrorLike {
  return error instanceof Error && /^Stripe\w*Error$/.test((error as { type?: string }).type ?? '')
}

/**
 * Whether the next attempt must send the same idempotency key, because Stripe may have done the work.
 *
 * True when Stripe itself did not respond (a time-out, a broken connection, a proxy's 502), and while the first
 * request is still in flight. Stripe stores each of its own responses under the key, even a 500, and returns it again
 * for 24 hours. After that response only a new key can succeed. The orphaned session is harmless, because its URL was
 * never returned. See https://docs.stripe.com/api/idempotent_requests.
 */
export function stripeMayHaveActed(error: unknown): boolean {
  const cause = isApiError(error) ? error.cause : error
  if (!isStripeError(cause) || cause.statusCode === undefined) return true
  if (cause.statusCode >= 500) return cause.requestId === undefined
  return cause.statusCode === 409
}

/**
 * 502 for an answer that is not Stripe's. It is no fault of the caller's, so never a 400, and not ours, so never a 500.
 */
export function unreadableAnswer(cause: unknown): ApiError {
  return apiError(502, 'UPSTREAM_FAILURE', 'Stripe sent an answer that cannot be read.', {
    nextActions:
      'Try again in a moment with the same idempotency key. If STRIPE_API_BASE_URL is set, check that Stripe is at this address.',
    cause,
  })
}

/** Maps an error of the Stripe SDK. See https://docs.stripe.com/api/errors. */
export function fromStripe(error: unknown, environment: StripeEnvironment): ApiError {
  if (!isStripeError(error)) return toApiError(error)
  if (error.statusCode === 409) {
    return apiError(409, 'UPSTREAM_FAILURE', 'Stripe is still processing the same request.', {
      nextActions: 'Try again in a moment with the same idempotency key.',
      cause: error,
    })
  }
  switch (error.type) {
    case 'StripeCardError':
      return apiError(402, 'PAYMENT_METHOD_DECLINED', error.message, { cause: error })
    case 'StripeAuthenticationError':
      return apiError(401, 'PAYMENT_CONFIG_INVALID', `Stripe refused the secret key for ${environment}.`, {
        nextActions: `Store a valid key with \`pg-payments stripe config set\`. If no key is stored, set ${secretKeyVariable(environment)} to one instead.`,
        cause: error,
      })
    case 'StripePermissionError':
      return apiError(
        403,
        'PAYMENT_CONFIG_INVALID',
        `The Stripe key for ${environment} lacks ${permissionIn(error.message)}.`,
        { nextActions: 'Give the restricted key this permission in the Stripe Dashboard.', cause: error },
      )
    case 'StripeRateLimitError':
      return apiError(429, 'RATE_LIMITED', 'Stripe receives too many requests just now.', {
        nextActions: 'Try again in a moment.',
        retryAfter: Number(error.headers?.['retry-after']) || RETRY_AFTER_S,
        cause: error,
      })
    case 'StripeIdempotencyError':
      return apiError(409, 'UPSTREAM_FAILURE', error.message, { cause: error })
    case 'StripeInvalidRequestError':
      return apiError(400, 'UPSTREAM_FAILURE', error.message, {
        nextActions: 'Correct what Stripe refuses, and send the request again.',
        cause: error,
      })
    default:
      return apiError(
        502,
        'UPSTREAM_FAILURE',
        error.type === 'StripeConnectionError'
          ? 'Stripe could not be reached.'
          : 'Stripe could not do this just now.',
        { nextActions: 'Try again in a moment with the same idempotency key.', cause: error },
      )
  }
}
