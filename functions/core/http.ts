/** Reading requests, and what a handler answers. */
import { apiError } from './errors.ts'

/** What a handler gives back; `app.ts` makes the response of it. */
export type Answer<Body> = { status: 200 | 201; body: Body }

/** Bytes of a body at most, for every route. */
export const BODY_LIMIT = 1_000_000

const tooLarge = () => apiError(413, 'PAYLOAD_TOO_LARGE', 'The body is larger than 1 MB.')

/** The bytes of the body. Stops reading as soon as there are too many. */
export async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get('content-length')) > BODY_LIMIT) throw tooLarge()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  const reader = request.body?.getReader()
  while (reader) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > BODY_LIMIT) {
      await reader.cancel().catch(() => {})
      throw tooLarge()
    }
    chunks.push(value)
  }
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

/** The JSON in the body; `whenEmpty`, where it is given, in the place of a body without a single byte. */
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
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw apiError(400, 'INVALID_INPUT', 'The body is not JSON.', { cause })
  }
}
