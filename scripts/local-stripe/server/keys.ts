/** Secret keys: they decide the account and the mode of a request, and what a restricted key may not do. */
import type { IncomingMessage } from 'node:http'
import { StripeFailure, unauthorized } from '../core/errors.ts'
import type { Route } from '../core/route.ts'

/** An accepted key. Its prefix decides the mode (`_test_`, `_live_`) and whether it is restricted (`rk_`). */
export interface SecretKey {
  key: string
  /** The account of the key. Default: the default account. */
  account?: string
  /** Permissions that a restricted key lacks, such as `rak_webhook_write`. */
  missing?: string[]
}

export const TEST_KEY = 'sk_test_localStripe0000000000000000000000000000'
export const LIVE_KEY = 'sk_live_localStripe0000000000000000000000000000'

export function isLive(key: string): boolean {
  return /^[sr]k_live_/.test(key)
}

/**
 * The accepted key of a request.
 * @throws 401 when there is none, or it is unknown
 */
export function authenticate(request: IncomingMessage, keys: SecretKey[]): SecretKey {
  const presented = readKey(request.headers.authorization)
  if (presented === null) {
    throw unauthorized(
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.",
    )
  }
  if (presented.startsWith('pk_')) {
    throw unauthorized(
      'This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys.',
      'secret_key_required',
    )
  }
  const known = keys.find((candidate) => candidate.key === presented)
  if (!known) throw unauthorized(`Invalid API Key provided: ${maskKey(presented)}`)
  return known
}

function readKey(header: string | undefined): string | null {
  if (header?.startsWith('Bearer ')) return header.slice(7).trim()
  if (header?.startsWith('Basic '))
    return Buffer.from(header.slice(6), 'base64').toString().split(':')[0] ?? null
  return null
}

/** The prefix and the last four characters of a key. */
export function maskKey(key: string): string {
  const prefix = /^[a-z]+_(test|live)_/.exec(key)?.[0] ?? key.slice(0, 3)
  return `${prefix}${'*'.repeat(Math.max(3, key.length - prefix.length - 4))}${key.slice(-4)}`
}

/** @throws 403 when a restricted key lacks the route's permission; write includes read */
export function authorize(key: SecretKey, route: Route, account: string): void {
  if (!key.key.startsWith('rk_') || !key.missing?.includes(route.permission)) return
  throw new StripeFailure(403, {
    type: 'invalid_request_error',
    message: `The provided key '${maskKey(key.key)}' does not have the required permissions for this endpoint on account '${account}'. Having the '${route.permission}' permission would allow this request to continue.`,
  })
}
