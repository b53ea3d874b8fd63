/**
 * Checks Stripe's signature of a webhook: HMAC-SHA256 over `<timestamp>.<body>`. See
 * https://docs.stripe.com/webhooks/signature. The SDK's own check would load the whole SDK, which a webhook does not
 * need. A test compares the two.
 */
import { findNodeCrypto, type NodeCrypto } from '../core/runtime.ts'

/** How long a signature is valid. */
export const SIGNATURE_TOLERANCE_S = 300

function parseHeader(header: string): { timestamp: string; signatures: Uint8Array<ArrayBuffer>[] } | null {
  let timestamp: string | undefined
  const signatures: Uint8Array<ArrayBuffer>[] = []
  for (const item of header.split(',')) {
    const [name, value = ''] = item.split('=', 2)
    if (name === 't') timestamp = value
    if (name === 'v1' && /^[0-9a-f]{64}$/.test(value)) {
      signatures.push(Uint8Array.from(value.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)))
    }
  }
  return timestamp !== undefined && /^\d{1,12}$/.test(timestamp) ? { timestamp, signatures } : null
}

/**
 * Imported keys by signing secret. An environment has one or two secrets, and importing a key costs more than using
 * it.
 */
const keys = new Map<string, Promise<CryptoKey>>()
const KEYS_CACHED_MAX = 16

function keyOf(secret: string): Promise<CryptoKey> {
  const cached = keys.get(secret)
  if (cached) return cached
  if (keys.size >= KEYS_CACHED_MAX) keys.clear()
  const key = crypto.subtle.importKey(
    'raw',
    new TextEncoder().encode(secret),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['verify'],
  )
  keys.set(secret, key)
  return key
}

const nodeCrypto = findNodeCrypto() ?? null

/** Whether the secret signed these bytes, compared in constant time. */
type Check = (secret: string, signature: Uint8Array<ArrayBuffer>) => boolean | Promise<boolean>

function checkOf(prefix: string, body: Uint8Array<ArrayBuffer>, native: NodeCrypto | null): Check {
  if (native) {
    return (secret, signature) =>
      native.timingSafeEqual(
        native.createHmac('sha256', secret).update(prefix).update(body).digest(),
        signature,
      )
  }
  const start = new TextEncoder().encode(prefix)
  const signed = new Uint8Array(start.length + body.length)
  signed.set(start)
  signed.set(body, start.length)
  return async (secret, signature) => crypto.subtle.verify('HMAC', await keyOf(secret), signature, signed)
}

/**
 * - `good`: a secret signed exactly these bytes within the tolerance
 * - `too_old`: a secret signed them, and the signature is older than the tolerance
 * - `wrong`: no secret signed them
 * - `malformed`: the header is not a signature of Stripe
 */
export type SignatureVerdict = 'good' | 'too_old' | 'wrong' | 'malformed'

/**
 * Judges a signature. While a secret is being rotated, several secrets are valid, and the header may contain several
 * signatures.
 *
 * @param now milliseconds since 1970
 * @param native null for WebCrypto
 */
export async function judgeSignature(
  body: Uint8Array<ArrayBuffer>,
  header: string,
  secrets: string[],
  now: number,
  native: NodeCrypto | null = nodeCrypto,
): Promise<{ verdict: SignatureVerdict; ageSeconds: number }> {
  const parsed = parseHeader(header)
  if (!parsed || parsed.signatures.length === 0) return { verdict: 'malformed', ageSeconds: 0 }
  const ageSeconds = Math.floor(now / 1000) - Number(parsed.timestamp)
  const check = checkOf(`${parsed.timestamp}.`, body, native)
  for (const secret of secrets) {
    if (secret === '') continue
    for (const signature of parsed.signatures) {
      if (await check(secret, signature))
        return { verdict: ageSeconds > SIGNATURE_TOLERANCE_S ? 'too_old' : 'good', ageSeconds }
    }
  }
  return { verdict: 'wrong', ageSeconds }
}

/** Whether one of the secrets signed exactly these bytes within the tolerance. */
export async function isSignedByStripe(...args: Parameters<typeof judgeSignature>): Promise<boolean> {
  return (await judgeSignature(...args)).verdict === 'good'
}
