/** One request and its answer: the headers of the session, and every way in which it can fail. */
import { texts } from '../texts.ts'
import { reportConnection } from './connection.ts'
import { failure, isErrorBody } from './failure.ts'

let csrfToken: string | null = null
let onSessionEnded = () => {}

/** The token is held in memory only. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token
}

/** Sets what happens when the server no longer knows the session. */
export function whenSessionEnds(action: () => void): void {
  onSessionEnded = action
}

export type Send = { method?: string; body?: unknown; signal?: AbortSignal }

/** Sends a request and returns the body of its answer; throws a `Failure`. */
export async function send(address: URL, { method = 'GET', body, signal }: Send = {}): Promise<unknown> {
  const headers = new Headers({ Accept: 'application/json' })
  if (csrfToken !== null) headers.set('X-CSRF-Token', csrfToken)
  if (body !== undefined) headers.set('Content-Type', 'application/json')
  let response: Response
  try {
    response = await fetch(address, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
      credentials: 'same-origin',
      cache: 'no-store',
    })
  } catch (cause) {
    if (signal?.aborted) throw cause
    reportConnection(true)
    throw failure('lost', texts.failures.lost, { cause })
  }
  return read(response)
}

async function read(response: Response): Promise<unknown> {
  const text = await response.text().catch(() => '')
  const answer = parse(text)
  if (answer === undefined && response.status >= 500) {
    reportConnection(true)
    throw failure('lost', texts.failures.lost, { status: response.status })
  }
  reportConnection(false)
  if (response.ok && answer !== undefined) return answer
  if (!response.ok && isErrorBody(answer)) {
    if (response.status === 401 && response.headers.has('X-Session')) onSessionEnded()
    throw failure('refused', answer.message, {
      status: response.status,
      code: answer.error,
      nextActions: typeof answer.nextActions === 'string' ? answer.nextActions : undefined,
      retryAfter: Number(response.headers.get('Retry-After')) || undefined,
    })
  }
  throw failure('malformed', texts.failures.malformed(response.status), { status: response.status })
}

/** The value of a JSON object; undefined for every other text. */
function parse(text: string): unknown {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
