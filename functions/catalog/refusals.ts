/** Refusals of Stripe as errors of the API. Stripe has no code of its own for most of them, so its words decide. */
import type { ErrorCode } from '../../types/api.ts'
import { apiError, isApiError } from '../core/errors.ts'

/** The next step for an id that is not known here. */
export const UNKNOWN_ID = 'Look it up in the catalog; a sync brings what Stripe has.'

type Refusal = { words: RegExp; status: 404 | 409; code: ErrorCode; nextActions: string }

const CONFLICTS: Refusal[] = [
  {
    words: /product cannot be deleted because it has/i,
    status: 409,
    code: 'PAYMENT_PRODUCT_IN_USE',
    nextActions: 'Archive the product instead: set its active to false.',
  },
  {
    words: /price cannot be archived because it is the default price/i,
    status: 409,
    code: 'PAYMENT_PRICE_IN_USE',
    nextActions: 'Give the product another default price in the Stripe Dashboard first.',
  },
  {
    words: /already uses that lookup key/i,
    status: 409,
    code: 'PAYMENT_LOOKUP_KEY_IN_USE',
    nextActions: 'Use another lookup key, or set that of the price which has it to null first.',
  },
]
/** Stripe marks these with the code `resource_missing`. */
const MISSING: Refusal[] = [
  {
    words: /^No such product\b/i,
    status: 404,
    code: 'PAYMENT_PRODUCT_NOT_FOUND',
    nextActions: UNKNOWN_ID,
  },
  { words: /^No such price\b/i, status: 404, code: 'PAYMENT_PRICE_NOT_FOUND', nextActions: UNKNOWN_ID },
]

/** The error with the code that says why Stripe refused; any other error is returned as it is. */
export function catalogRefusal(error: unknown): unknown {
  if (!isApiError(error)) return error
  const { code, status, message, cause } = error
  const isRefused = code === 'UPSTREAM_FAILURE' && status === 400
  const isMissing = (cause as { code?: string } | undefined)?.code === 'resource_missing'
  const known = [...(isRefused ? CONFLICTS : []), ...(isRefused && isMissing ? MISSING : [])]
  const refusal = known.find(({ words }) => words.test(message))
  if (refusal === undefined) return error
  return apiError(refusal.status, refusal.code, message, { nextActions: refusal.nextActions, cause })
}
