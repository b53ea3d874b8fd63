/**
 * Cursors of lists: the position where a page ended. A cursor is signed, and is valid for one list, one set of filters
 * and one day. Its content is not secret, and its format may change.
 */
import { fromBase64Url, toBase64Url } from './base64url.ts'
import type { Config } from './config.ts'
import { apiError } from './errors.ts'

/** The sort key of the last row of a page, as text. */
export type Position = (string | null)[]

/** The list and the filters that a cursor is valid for. */
export type CursorScope = { list: string; filters: Record<string, unknown> }

const TIME_TO_LIVE_SECONDS = 24 * 60 * 60
const SIGNATURE_BYTES = 16

const encoder = new TextEncoder()

const refused = (message: string) =>
  apiError(400, 'INVALID_INPUT', message, { nextActions: 'Begin again without a cursor.' })

/** Derived from a secret that every process of a deployment has, so that each accepts the cursors of the others. */
async function signingKey(config: Config): Promise<CryptoKey> {
  const secret = config.encryptionKey ?? config.adminKey ?? config.jwtSecret ?? config.databaseUrl
  const bytes = await crypto.subtle.digest('SHA-256', encoder.encode(`pg-payments cursor ${secret}`))
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
}

async function sign(config: Config, text: string): Promise<Uint8Array> {
  const signature = await crypto.subtle.sign('HMAC', await signingKey(config), encoder.encode(text))
  return new Uint8Array(signature).subarray(0, SIGNATURE_BYTES)
}

const scopeText = ({ list, filters }: CursorScope) =>
  JSON.stringify([list, ...Object.entries(filters).filter(([, value]) => value !== undefined)])

/** Returns the cursor of a position. */
export async function writeCursor(
  { config, now }: { config: Config; now: () => number },
  scope: CursorScope,
  position: Position,
): Promise<string> {
  const content = JSON.stringify({ at: Math.floor(now() / 1000), position })
  const signature = await sign(config, `${scopeText(scope)} ${content}`)
  return `${toBase64Url(encoder.encode(content))}.${toBase64Url(signature)}`
}

/**
 * Returns the position in a cursor.
 *
 * @throws 400 for a cursor of another list or other filters, and for one older than a day
 */
export async function readCursor(
  { config, now }: { config: Config; now: () => number },
  scope: CursorScope,
  cursor: string,
): Promise<Position> {
  const [encoded = '', signature = '', ...rest] = cursor.split('.')
  let content: string
  let received: Uint8Array
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(fromBase64Url(encoded))
    received = fromBase64Url(signature)
  } catch {
    throw refused('The cursor is not one that this API gave out.')
  }
  const expected = await sign(config, `${scopeText(scope)} ${content}`)
  const difference = expected.reduce((sum, byte, index) => sum | (byte ^ (received[index] ?? 0)), 0)
  if (rest.length > 0 || received.length !== expected.length || difference !== 0)
    throw refused('The cursor is not one that this API gave out for this list and these filters.')
  const { at, position } = JSON.parse(content) as { at: number; position: Position }
  if (now() / 1000 - at > TIME_TO_LIVE_SECONDS) throw refused('The cursor is older than a day.')
  return position
}
