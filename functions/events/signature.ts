/**
 * Checks Stripe's signature of a webhook, as https://docs.stripe.com/webhooks/signature describes it: HMAC-SHA256 over
 * `<timestamp>.<body>`. The SDK's own check cannot be loaded without the whole SDK, which a webhook does not need; a test holds this
 * one against it.
 */
import { findNodeCrypto, type NodeCrypto } from '../core/runtime.ts'

/** Seconds for which a signature is good. */
export const SIGNATURE_TOLERANCE = 300

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

/** Keys made of signing secrets: an environment has one or two at a time, and making a key costs more than using it. */
const keys = new Map<string, Promise<CryptoKey>>()
const KEPT_KEYS = 16

function keyOf(secret: string): Promise<CryptoKey> {
  const known = keys.get(secret)
  if (known) return known
  if (keys.size >= KEPT_KEYS) keys.clear()
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

/** Whether the secret signed these bytes. The comparison takes the same time for every input. */
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
 * Whether one of the secrets signed exactly these bytes, not longer ago than the tolerance. Several secrets may be valid at a time,
 * and a header may carry several signatures, while a secret is being changed.
 *
 * @param now milliseconds since 1970
 * @param native null for WebCrypto
 */
export async function isSignedByStripe(
  body: Uint8Array<ArrayBuffer>,
  header: string,
  secrets: string[],
  now: number,
  native: NodeCrypto | null = nodeCrypto,
): Promise<boolean> {
  const parsed = parseHeader(header)
  if (!parsed || Math.floor(now / 1000) - Number(parsed.timestamp) > SIGNATURE_TOLERANCE) return false
  const check = checkOf(`${parsed.timestamp}.`, body, native)
  for (const secret of secrets) {
    if (secret === '') continue
    for (const signature of parsed.signatures) {
      if (await check(secret, signature)) return true
    }
  }
  return false
}
