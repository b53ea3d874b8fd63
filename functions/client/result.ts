/** What every method of the SDK returns, and what it takes. */
import type { ErrorCode } from '../../types/api.ts'

export type PaymentsError = {
  /**
   * The code of the API's answer, or one of the SDK. The SDK's codes are `NETWORK_ERROR` if no answer arrived,
   * `UNEXPECTED_RESPONSE` if the answer is not from this API, and `TOKEN_ERROR` if `getToken` failed. `INVALID_INPUT`
   * with the status 0 is of the SDK too: an argument is missing or cannot be sent, and nothing was sent.
   */
  error: ErrorCode | 'NETWORK_ERROR' | 'UNEXPECTED_RESPONSE' | 'TOKEN_ERROR' | (string & {})
  /** A sentence for a person. */
  message: string
  /** The HTTP status; 0 if no answer arrived. */
  statusCode: number
  /** What to do next, if the API names it. */
  nextActions?: string
}

/** Either the data or the error; the other one is null. */
export type PaymentsResult<T> = { data: T; error: null } | { data: null; error: PaymentsError }

export type RequestOptions = {
  /** Cancels the request; the result is then a `NETWORK_ERROR`. */
  signal?: AbortSignal
}
