/**
 * Cursors of lists: where a page ended, for one list and one set of filters, signed so that nobody can make one up and good for a
 * day. What is in one is no secret, and nothing anyone should rely on.
 */
import type { Config } from './config.ts'
import { apiError } from './errors.ts'

/** The sort key of the last row of a page, as text. */
export type Position = (string | null)[]

/** What a cursor belongs to: the list, and everything that narrows it. */
export type CursorScope = { list: string; filters: Record<string, unknown> }

const TIME_TO_LIVE_SECONDS = 24 * 60 * 60
const SIGNATURE_BYTES = 16

const encoder = new TextEncoder()
const toBase64Url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
const fromBase64Url = (text: string) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))

const refused = (message: string) =>
  apiError(400, 'INVALID_INPUT', message, { nextActions: 'Begin again without a cursor.' })

/** Every process of a deployment has the same secret, and no one else has it. */
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

/** The cursor of a position. */
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
 * The position in a cursor.
 *
 * @throws 400 for one that was not given out for this list and these filters, or is older than a day
 */
export async function readCursor(
  { config, now }: { config: Config; now: () => number },
  scope: CursorScope,
  cursor: string,
): Promise<Position> {
  const [encoded = '', signature = '', ...rest] = cursor.split('.')
  let content: string
  let given: Uint8Array
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(fromBase64Url(encoded))
    given = fromBase64Url(signature)
  } catch {
    throw refused('The cursor is not one that this API gave out.')
  }
  const expected = await sign(config, `${scopeText(scope)} ${content}`)
  const difference = expected.reduce((sum, byte, index) => sum | (byte ^ (given[index] ?? 0)), 0)
  if (rest.length > 0 || given.length !== expected.length || difference !== 0)
    throw refused('The cursor is not one that this API gave out for this list and these filters.')
  const { at, position } = JSON.parse(content) as { at: number; position: Position }
  if (now() / 1000 - at > TIME_TO_LIVE_SECONDS) throw refused('The cursor is older than a day.')
  return position
}
