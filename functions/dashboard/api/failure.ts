/** What can go wrong with a request, as one kind of error that pages show. */
import type { ErrorBody } from '../../../types/api.ts'

export type FailureKind =
  /** The server could not be reached, or something between answered for it. */
  | 'lost'
  /** The server refused, with a sentence. */
  | 'refused'
  /** The server answered something that is no answer of this API. */
  | 'malformed'

export type Failure = Error & {
  kind: FailureKind
  status: number
  code: string
  nextActions: string | undefined
  /** Seconds until another try is worth it. */
  retryAfter: number | undefined
}

type Details = Partial<Pick<Failure, 'status' | 'code' | 'nextActions' | 'retryAfter'>> & { cause?: unknown }

export function failure(kind: FailureKind, message: string, { cause, ...details }: Details = {}): Failure {
  return Object.assign(new Error(message, { cause }), {
    kind,
    status: 0,
    code: '',
    nextActions: undefined,
    retryAfter: undefined,
    ...details,
  })
}

export const isFailure = (error: unknown): error is Failure => error instanceof Error && 'kind' in error

/** Whether a body is an error of this API, whatever else it holds. */
export function isErrorBody(body: unknown): body is ErrorBody {
  return (
    typeof body === 'object' &&
    body !== null &&
    typeof (body as ErrorBody).error === 'string' &&
    typeof (body as ErrorBody).message === 'string'
  )
}
