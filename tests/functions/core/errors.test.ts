import { describe, expect, it } from 'vitest'
import {
  apiError,
  errorBody,
  fromDatabase,
  fromStripe,
  stripeMayHaveActed,
  toApiError,
} from '../../../functions/core/errors.ts'
import { createLog, describeError, redact } from '../../../functions/core/log.ts'

const postgres = (code: string, message = 'what Postgres says', hint?: string) =>
  Object.assign(new Error(message), { name: 'PostgresError', code, hint })

const stripe = (type: string, statusCode?: number, message = 'what Stripe says', requestId?: string) =>
  Object.assign(new Error(message), { type, statusCode, requestId })

describe('an error of the database', () => {
  it.each([
    ['SP001', 400, 'INVALID_INPUT'],
    ['SP002', 409, 'PAYMENT_CHECKOUT_ALREADY_EXISTS'],
    ['SP003', 404, 'PAYMENT_NOT_FOUND'],
    ['SP004', 401, 'AUTH_INVALID_CREDENTIALS'],
    ['SP005', 400, 'INVALID_INPUT'],
    ['SP006', 404, 'PAYMENT_NOT_FOUND'],
    ['SP007', 403, 'AUTH_UNAUTHORIZED'],
  ])(
    'that a function of ours raised as %s passes its sentence and its hint on',
    (code, statusCode, error) => {
      expect(errorBody(fromDatabase(postgres(code, 'A sentence.', 'The next step.')))).toEqual({
        error,
        message: 'A sentence.',
        statusCode,
        nextActions: 'The next step.',
      })
    },
  )

  it.each([
    ['42501', 403, 'AUTH_UNAUTHORIZED'],
    ['23505', 409, 'DATABASE_DUPLICATE'],
    ['23502', 400, 'DATABASE_CONSTRAINT_VIOLATION'],
    ['23514', 400, 'DATABASE_CONSTRAINT_VIOLATION'],
    ['22P02', 400, 'INVALID_INPUT'],
    ['22P05', 400, 'INVALID_INPUT'],
    ['22021', 400, 'INVALID_INPUT'],
    ['22008', 400, 'INVALID_INPUT'],
    ['42883', 500, 'INTERNAL_ERROR'],
    ['57P01', 503, 'DATABASE_UNAVAILABLE'],
    ['57P03', 503, 'DATABASE_UNAVAILABLE'],
    ['53300', 503, 'DATABASE_UNAVAILABLE'],
    ['08006', 503, 'DATABASE_UNAVAILABLE'],
    ['40P01', 503, 'DATABASE_UNAVAILABLE'],
    ['XX000', 500, 'INTERNAL_ERROR'],
    ['P0001', 500, 'INTERNAL_ERROR'],
  ])('of Postgres, %s, says nothing of the inside', (code, statusCode, error) => {
    const answer = errorBody(fromDatabase(postgres(code, 'relation "secrets" of 10.0.0.7', 'look there')))
    expect(answer).toMatchObject({ error, statusCode })
    expect(JSON.stringify(answer)).not.toMatch(/10\.0\.0\.7|look there/)
  })

  it.each(['ECONNREFUSED', 'ECONNRESET', 'CONNECTION_CLOSED', 'CONNECT_TIMEOUT', 'ENOTFOUND'])(
    'of the connection, %s, is a 503 that may be tried again',
    (code) => {
      expect(errorBody(fromDatabase(Object.assign(new Error('10.0.0.7'), { code })))).toEqual({
        error: 'DATABASE_UNAVAILABLE',
        message: 'The database cannot be reached or is too busy just now.',
        statusCode: 503,
        nextActions: 'Try again in a moment.',
      })
    },
  )
})

describe('an error of Stripe', () => {
  it.each([
    ['StripeCardError', 402, 402, 'PAYMENT_METHOD_DECLINED', false],
    ['StripeInvalidRequestError', 400, 400, 'UPSTREAM_FAILURE', false],
    ['StripeInvalidRequestError', 404, 400, 'UPSTREAM_FAILURE', false],
    ['StripeInvalidRequestError', 409, 409, 'UPSTREAM_FAILURE', true],
    ['StripeIdempotencyError', 409, 409, 'UPSTREAM_FAILURE', true],
    ['StripeIdempotencyError', 400, 409, 'UPSTREAM_FAILURE', false],
    ['StripeAuthenticationError', 401, 401, 'PAYMENT_CONFIG_INVALID', false],
    ['StripePermissionError', 403, 403, 'PAYMENT_CONFIG_INVALID', false],
    ['StripeRateLimitError', 429, 429, 'RATE_LIMITED', false],
    ['StripeAPIError', 500, 502, 'UPSTREAM_FAILURE', true],
    ['StripeAPIError', 503, 502, 'UPSTREAM_FAILURE', true],
    ['StripeConnectionError', undefined, 502, 'UPSTREAM_FAILURE', true],
  ])('%s with status %s is a %s %s; Stripe may have acted: %s', (type, given, statusCode, error, acted) => {
    const answer = fromStripe(stripe(type, given), 'test')
    expect(errorBody(answer)).toMatchObject({ error, statusCode })
    expect(stripeMayHaveActed(answer)).toBe(acted)
  })

  it('that Stripe itself gave as a 500 is stored under the key, so the next attempt needs another', () => {
    expect(stripeMayHaveActed(stripe('StripeAPIError', 500, 'An error occurred.', 'req_1'))).toBe(false)
  })

  it('about the key does not carry the key', () => {
    const error = stripe('StripeAuthenticationError', 401, 'Invalid API Key provided: sk_test_51Habc')
    expect(errorBody(fromStripe(error, 'test'))).toEqual({
      error: 'PAYMENT_CONFIG_INVALID',
      message: 'Stripe refused the secret key for test.',
      statusCode: 401,
      nextActions:
        'Store a valid key with `pg-payments stripe config set`. If no key is stored, set STRIPE_TEST_SECRET_KEY to one instead.',
    })
  })

  it('that is no error of Stripe at all leaves open what Stripe did', () => {
    expect(stripeMayHaveActed(new TypeError('a fault of ours'))).toBe(true)
    expect(errorBody(fromStripe(new TypeError('a fault of ours'), 'test')).message).toBe(
      'Something went wrong on our side.',
    )
  })
})

describe('secrets', () => {
  const secrets = [
    'sk_test_51HabcDEF',
    'rk_live_99xyz',
    'whsec_abc+/9=',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
    'postgres://app:hunter2@db.example/app',
    'Authorization: Bearer anon_abcdef',
  ]

  it('are cut out of a text, and the rest stays', () => {
    expect(secrets.map((secret) => redact(`before ${secret} after`))).toEqual([
      'before sk_test_… after',
      'before rk_live_… after',
      'before whsec_… after',
      'before eyJ… after',
      'before postgres://app:…@db.example/app after',
      'before Authorization: Bearer … after',
    ])
  })

  it('nor does a log line say whose mail address an error of a trigger has', () => {
    const lines: string[] = []
    const log = createLog((line) => lines.push(line))
    const message = 'Key (email)=(ada.love+1@shop.example) exists, and "ß@münchen.example", at 10@5 and @all'
    log.error('failed', { cause: describeError(new Error(message, { cause: new Error(message) })) })
    const { cause } = JSON.parse(lines[0] ?? '')
    expect(cause.message).toBe(
      'Key (email)=(…@shop.example) exists, and "…@münchen.example", at 10@5 and @all',
    )
    expect(cause.cause.message).toBe(cause.message)
  })

  it('do not reach a log line, however deep they are', () => {
    const lines: string[] = []
    const log = createLog((line) => lines.push(line))
    for (const secret of secrets) {
      log.error('failed', {
        cause: describeError(new Error(secret, { cause: new Error(secret) })),
        list: [{ secret }],
      })
    }
    for (const part of ['51HabcDEF', '99xyz', 'abc+/9', 'c2lnbmF0dXJl', 'hunter2', 'anon_abcdef']) {
      expect(lines.join('\n')).not.toContain(part)
    }
    expect(lines.every((line) => JSON.parse(line).event === 'failed')).toBe(true)
  })

  it('do not reach an answer, not even in an error of ours', () => {
    expect(
      errorBody(apiError(400, 'INVALID_INPUT', 'No sk_live_abc here.', { nextActions: 'Nor whsec_abc.' })),
    ).toMatchObject({
      message: 'No sk_live_… here.',
      nextActions: 'Nor whsec_….',
    })
  })
})

it('a fault of ours is a 500 that says nothing of the inside and keeps its cause for the log', () => {
  const cause = new TypeError('undefined is not a function')
  const error = toApiError(cause)
  expect(errorBody(error)).toEqual({
    error: 'INTERNAL_ERROR',
    message: 'Something went wrong on our side.',
    statusCode: 500,
  })
  expect(error.cause).toBe(cause)
})
