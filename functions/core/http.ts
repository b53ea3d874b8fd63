/** Reads requests, and defines what a handler returns. */
import { apiError, isApiError } from './errors.ts'

/** The result of a handler, from which `app.ts` makes the response. */
export type Answer<Body> = { status: 200 | 201; body: Body }

/** The id of a request: the caller's, if it is safe to log and to send back, else a new one. */
export function requestIdOf(headers: Headers): string {
  const given = headers.get('x-request-id')
  return given !== null && /^[\w.:/+=-]{1,128}$/.test(given) ? given : crypto.randomUUID()
}

/** The limit of a body, for every route. */
export const BODY_BYTES_MAX = 1_000_000

const tooLarge = () => apiError(413, 'PAYLOAD_TOO_LARGE', 'The body is larger than 1 MB.')

/** A mistake of the deployment: the signature of a webhook is over the bytes, and a parser leaves none. */
const alreadyRead = () =>
  apiError(500, 'INTERNAL_ERROR', 'Another parser has read the body before these handlers.', {
    nextActions:
      'Let the handlers take the request first: for example, mount them before app.use(express.json()).',
  })

/** Whether the headers announce a body. */
const announcesBody = ({ headers }: Request) =>
  Number(headers.get('content-length')) > 0 || headers.get('transfer-encoding') !== null

/** Reads the body. Stops as soon as it exceeds the limit. */
export async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get('content-length')) > BODY_BYTES_MAX) throw tooLarge()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  const stream = request.body
  if (stream?.locked) throw alreadyRead()
  const reader = stream?.getReader()
  while (reader) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > BODY_BYTES_MAX) {
      await reader.cancel().catch(() => {})
      throw tooLarge()
    }
    chunks.push(value)
  }
  if (length === 0 && announcesBody(request)) throw alreadyRead()
  const [only] = chunks
  if (only && chunks.length === 1) return only
  const body = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    body.set(chunk, offset)
    offset += chunk.length
  }
  return body
}

/** Libraries leave out a field of this name without a word, so its content would be lost. */
function refuseProto(key: string, value: unknown): unknown {
  if (key !== '__proto__') return value
  throw apiError(400, 'INVALID_INPUT', 'The body may not have a field named __proto__.', {
    nextActions: 'Give the field another name, and send the request again.',
  })
}

/** Parses the body as JSON. If the body has no bytes, returns `whenEmpty`, if that is given. */
export async function readJson(
  request: Request,
  { whenEmpty }: { whenEmpty?: unknown } = {},
): Promise<unknown> {
  const type = request.headers.get('content-type')
  if (type !== null && !/^application\/([\w.-]+\+)?json\b/i.test(type)) {
    throw apiError(400, 'INVALID_INPUT', 'The body must be sent with Content-Type: application/json.')
  }
  const body = await readBody(request)
  if (body.length === 0 && whenEmpty !== undefined) return whenEmpty
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body), refuseProto)
  } catch (cause) {
    if (isApiError(cause)) throw cause
    if (cause instanceof RangeError)
      throw apiError(400, 'INVALID_INPUT', 'The body is nested too deeply.', { cause })
    throw apiError(400, 'INVALID_INPUT', 'The body is not JSON.', { cause })
  }
}
