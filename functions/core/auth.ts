/**
 * Authentication: the verified claims of the caller, or the anonymous role. Fails closed: a token that cannot be
 * verified is refused, and never treated as an anonymous request.
 */
import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import type { Config } from './config.ts'
import { apiError, isApiError } from './errors.ts'
import type { Caller } from './sql.ts'
import { callerFrom, rolesOf } from './token-claims.ts'

/** Without `none` and the shared-secret algorithms: a public key must never serve as a secret. */
const ASYMMETRIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

const invalidToken = (message: string, cause?: unknown) =>
  apiError(401, 'AUTH_INVALID_CREDENTIALS', message, {
    nextActions: 'Sign in again and send the new access token.',
    cause,
  })

/** The next step for a deployer whose handlers cannot verify tokens. */
export const VERIFY_TOKENS = 'Set PAYMENTS_JWT_SECRET or PAYMENTS_JWKS_URL where the handlers run.'

function hasNoExpiry(error: unknown): boolean {
  const { code, claim, reason } = error as { code?: string; claim?: string; reason?: string }
  return code === 'ERR_JWT_CLAIM_VALIDATION_FAILED' && claim === 'exp' && reason === 'missing'
}

/** Whether two texts are equal, compared in constant time. */
export async function equalInConstantTime(a: string, b: string): Promise<boolean> {
  const digest = async (text: string) =>
    new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
  const [left, right] = await Promise.all([digest(a), digest(b)])
  return left.reduce((difference, byte, index) => difference | (byte ^ (right[index] ?? 0)), 0) === 0
}

/** Whose key this is; null for any other text. */
export async function roleOfKey(
  { adminKey, adminReadKey }: Pick<Config, 'adminKey' | 'adminReadKey'>,
  key: string,
): Promise<AdminRole | null> {
  if (adminKey !== null && (await equalInConstantTime(key, adminKey))) return 'admin'
  if (adminReadKey !== null && (await equalInConstantTime(key, adminReadKey))) return 'reader'
  return null
}

/** An admin, or someone who sees what an admin sees, without secrets, and changes nothing. */
export type AdminRole = 'admin' | 'reader'

/** What a caller wants to do: the read-only key is refused for a change. */
export type AdminNeed = 'read' | 'change'

/**
 * Resolves for the admin key, for a token with a configured admin role, and, where reading is enough, for the read-only
 * key. Rejects otherwise.
 */
export type AuthenticateAdmin = (headers: Headers, need?: AdminNeed) => Promise<AdminRole>

/** The refusal of a change by someone who may only read. */
export const readsOnly = () =>
  apiError(403, 'AUTH_UNAUTHORIZED', 'The read-only key sees everything and changes nothing.', {
    nextActions: 'Send the admin key to change something.',
  })

/** What a caller of a runtime route wants: `portal` is for users alone, the rest also for the service. */
export type CallerNeed = AdminNeed | 'portal'

/** The admin key makes the caller the service, where the need allows it; otherwise a key of ours is refused. */
export type Authenticate = (headers: Headers, need: CallerNeed) => Promise<Caller>

/**
 * The caller that an admin is: the service, which no policy limits.
 *
 * @throws 403 for the Billing Portal, which needs a user, and for everyone who only reads
 */
export function callerOfAdmin(role: AdminRole, need: CallerNeed): Caller {
  if (role === 'admin' && need !== 'portal') return { role: 'service' }
  if (role === 'admin')
    throw apiError(
      403,
      'AUTH_UNAUTHORIZED',
      'The admin key has no user, so it cannot open the Billing Portal.',
      {
        nextActions: 'Send the access token of the user whose billing it is.',
      },
    )
  if (need !== 'read') throw readsOnly()
  throw apiError(
    403,
    'AUTH_UNAUTHORIZED',
    'The read-only key cannot read a checkout session here, because the answer has the link to pay it.',
    { nextActions: 'Send the admin key, or the access token of the buyer.' },
  )
}

type Verify = (token: string) => Promise<JWTPayload>

type AuthOptions = { config: Config; now: () => number; verify?: Verify }

/**
 * Verifies tokens with the shared secret (HS256) or the key set (asymmetric algorithms); fails with 401. A signature
 * proves only that the issuer has the key, which several projects may share. `iss` and `aud` name the issuer and the
 * project.
 */
export function createVerify({ config, now }: { config: Config; now: () => number }): Verify {
  let keySet: JWTVerifyGetKey | undefined

  /** Finds a token's key in the key set. An unreadable key set is not the caller's fault: 503. */
  async function remoteKey(jwksUrl: string): Promise<JWTVerifyGetKey> {
    const { createRemoteJWKSet, errors } = await import('jose')
    keySet ??= createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 5_000 })
    const lookUp = keySet
    return async (header, token) => {
      try {
        return await lookUp(header, token)
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
          throw error
        throw apiError(503, 'UPSTREAM_FAILURE', 'The keys that verify tokens could not be read just now.', {
          nextActions: 'Try again in a moment.',
          cause: error,
        })
      }
    }
  }

  async function verify(token: string): Promise<JWTPayload> {
    if (config.jwtSecret === null && config.jwksUrl === null) {
      throw apiError(
        401,
        'AUTH_INVALID_CREDENTIALS',
        'No token can be verified here: neither a secret nor a key set is configured.',
        { nextActions: VERIFY_TOKENS },
      )
    }
    const { decodeProtectedHeader, jwtVerify } = await import('jose')
    const options = {
      requiredClaims: ['exp'],
      currentDate: new Date(now()),
      ...(config.jwtIssuers && { issuer: config.jwtIssuers }),
      ...(config.jwtAudiences && { audience: config.jwtAudiences }),
    }
    const { alg } = decodeProtectedHeader(token)
    if (alg === 'HS256' && config.jwtSecret !== null) {
      const secret = new TextEncoder().encode(config.jwtSecret)
      return (await jwtVerify(token, secret, { ...options, algorithms: ['HS256'] })).payload
    }
    if (alg !== undefined && ASYMMETRIC_ALGORITHMS.includes(alg) && config.jwksUrl !== null) {
      const key = await remoteKey(config.jwksUrl)
      return (await jwtVerify(token, key, { ...options, algorithms: ASYMMETRIC_ALGORITHMS })).payload
    }
    throw invalidToken('The token is signed with an algorithm that is not configured here.')
  }

  function refusal(error: unknown): Error {
    if (isApiError(error)) return error
    if ((error as { code?: string }).code === 'ERR_JWT_EXPIRED') {
      // Existing clients refresh their session for this code only.
      return apiError(401, 'AUTH_UNAUTHORIZED', 'The token has expired.', {
        nextActions: 'Refresh the session and send the new access token.',
        cause: error,
      })
    }
    if (hasNoExpiry(error)) {
      return apiError(
        401,
        'AUTH_INVALID_CREDENTIALS',
        'The token has no exp claim. A token that never expires is not accepted.',
        {
          nextActions: 'Configure the token issuer to set an expiry, and send a new token.',
          cause: error,
        },
      )
    }
    return invalidToken('The token is not valid.', error)
  }

  return (token) =>
    verify(token).catch((error) => {
      throw refusal(error)
    })
}

/** The token in `Authorization: Bearer <token>`. */
function bearerToken(authorization: string): string {
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  if (token === undefined) throw invalidToken('The Authorization header must be `Bearer` and a token.')
  return token
}

/**
 * Reads the caller from the headers of a request.
 *
 * - no `Authorization`: anonymous
 * - the configured anonymous key: anonymous
 * - a user's JWT: its claims
 * - the admin key: the service, except for the portal, which needs a user
 * - the read-only key: refused
 */
export function createAuthenticate({
  config,
  now,
  verify = createVerify({ config, now }),
}: AuthOptions): Authenticate {
  async function serviceOf(key: string, need: CallerNeed): Promise<Caller | null> {
    const role = await roleOfKey(config, key)
    return role === null ? null : callerOfAdmin(role, need)
  }

  return async (headers, need) => {
    const apiKey = headers.get('x-api-key')
    if (apiKey !== null) {
      const service = await serviceOf(apiKey, need)
      if (service) return service
      if (config.anonKey === null || !(await equalInConstantTime(apiKey, config.anonKey))) {
        throw apiError(401, 'AUTH_INVALID_API_KEY', 'The API key is not valid.')
      }
    }
    const authorization = headers.get('authorization')
    if (authorization === null) return { role: 'anon' }
    const token = bearerToken(authorization)
    const service = await serviceOf(token, need)
    if (service) return service
    if (config.anonKey !== null && (await equalInConstantTime(token, config.anonKey))) return { role: 'anon' }
    return callerFrom(await verify(token), config.tokens)
  }
}

/** Whether anybody can be an admin or a reader here. */
export const hasAdmin = ({ adminKey, adminReadKey, jwtSecret, jwksUrl }: Config): boolean =>
  [adminKey, adminReadKey, jwtSecret, jwksUrl].some((secret) => secret !== null)

/**
 * Admits only an admin. The request has the admin key as `x-api-key` or as a bearer token, or a verified token with a
 * configured admin role (by default `project_admin`). Any other token fails with 403. Without an admin key and without
 * a way to verify tokens, every request fails with 403. The read-only key is admitted where the caller only reads.
 *
 * With a key set and no issuer, no token makes an admin. Several projects may share the key set, and each chooses the
 * roles in its tokens.
 */
export function createAuthenticateAdmin({
  config,
  now,
  verify = createVerify({ config, now }),
}: AuthOptions): AuthenticateAdmin {
  /** The role of a key; null for any other text. */
  async function admitted(key: string, need: AdminNeed): Promise<AdminRole | null> {
    const role = await roleOfKey(config, key)
    if (role === 'reader' && need === 'change') throw readsOnly()
    return role
  }
  const notAdmin = (message: string) =>
    apiError(403, 'AUTH_UNAUTHORIZED', message, {
      nextActions: 'Send the admin key as `x-api-key`, or the access token of an admin.',
    })

  const wrongKey = () =>
    apiError(401, 'AUTH_INVALID_API_KEY', 'The API key is not valid.', {
      nextActions: 'Send the value that the handlers have as PAYMENTS_ADMIN_KEY.',
    })

  return async (headers, need = 'change') => {
    if (!hasAdmin(config)) {
      throw apiError(403, 'AUTH_UNAUTHORIZED', 'No admin credentials are configured.', {
        nextActions: 'Set PAYMENTS_ADMIN_KEY, or PAYMENTS_JWT_SECRET and PAYMENTS_ADMIN_ROLES.',
      })
    }
    const apiKey = headers.get('x-api-key')
    if (apiKey !== null) {
      const role = await admitted(apiKey, need)
      if (role !== null) return role
      throw wrongKey()
    }
    const authorization = headers.get('authorization')
    if (authorization === null) {
      throw apiError(
        401,
        'AUTH_INVALID_CREDENTIALS',
        'This address is for the admin: no key or token was sent.',
        {
          nextActions: 'Send the admin key as `x-api-key` or `Authorization: Bearer`.',
        },
      )
    }
    const token = bearerToken(authorization)
    const known = await admitted(token, need)
    if (known !== null) return known
    if (config.anonKey !== null && (await equalInConstantTime(token, config.anonKey)))
      throw notAdmin('The anonymous key is not allowed to do this; it is for the admin.')
    if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(token)) throw wrongKey()
    const roles = rolesOf(await verify(token), config.tokens.role ?? ['role'])
    if (config.jwksUrl !== null && config.jwtIssuers === null) {
      throw apiError(
        403,
        'AUTH_UNAUTHORIZED',
        'No token makes an admin here, because PAYMENTS_JWKS_URL is set and PAYMENTS_JWT_ISSUER is not.',
        { nextActions: 'Set PAYMENTS_JWT_ISSUER to the iss of your tokens, or send the admin key.' },
      )
    }
    if (!roles.some((role) => typeof role === 'string' && config.adminRoles.includes(role)))
      throw notAdmin('The role of this token is not allowed to do this; it is for the admin.')
    return 'admin'
  }
}
