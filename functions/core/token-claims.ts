/**
 * The claims that Postgres gets from a token, with role and user where the settings say. Fails closed: a role that
 * the token states and that is neither `anon` nor `authenticated` is refused, and no setting replaces it.
 */
import { type ApiError, apiError } from './errors.ts'
import type { Caller } from './sql.ts'
import {
  type ClaimPath,
  showPath,
  type TokenPreset,
  type TokenSettings,
  type UserRole,
} from './token-settings.ts'

/** The claims of a verified token. */
export type Claims = Record<string, unknown>

/** The value at a path, or undefined. */
export function claimAt(claims: Claims, path: ClaimPath): unknown {
  let value: unknown = claims
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Claims)[name]
  }
  return value ?? undefined
}

/** The roles that a token states: those of its role claim, which is a text or a list. */
export function rolesOf(claims: Claims, path: ClaimPath | null): unknown[] {
  const value = path === null ? undefined : claimAt(claims, path)
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

const lacking = (message: string, nextActions: string): ApiError =>
  apiError(401, 'AUTH_INVALID_CREDENTIALS', message, { nextActions })

const SET_ROLE =
  'Where the handlers run, set PAYMENTS_JWT_ROLE_CLAIM to the claim that has the role, or PAYMENTS_JWT_DEFAULT_ROLE=authenticated if every verified token is a user\u2019s. PAYMENTS_JWT_PRESET does this for clerk, auth0, firebase, keycloak and hasura.'

function roleOf(claims: Claims, { role, defaultRole }: TokenSettings): UserRole {
  const stated = role === null ? undefined : claimAt(claims, role)
  if (stated === undefined) {
    if (defaultRole !== null) return defaultRole
    throw lacking(
      `The token has no ${showPath(role ?? [])} claim; it must be anon or authenticated.`,
      SET_ROLE,
    )
  }
  const known = (Array.isArray(stated) ? stated : [stated]).filter(
    (name): name is UserRole => name === 'anon' || name === 'authenticated',
  )
  const [only] = known
  if (only !== undefined && known.every((name) => name === only)) return only
  throw apiError(
    403,
    'AUTH_UNAUTHORIZED',
    'The role of this token may not start payments; only anon and authenticated may.',
    {
      nextActions: `The claim ${showPath(role ?? [])} must be anon or authenticated. If it is no role of Postgres, set PAYMENTS_JWT_ROLE_CLAIM where the handlers run.`,
    },
  )
}

/** The id at a path, as text; null if there is none. A number is an id, as long as it is exact. */
function userOf(claims: Claims, path: ClaimPath): string | null {
  const value = claimAt(claims, path)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  return typeof value === 'string' && value !== '' ? value : null
}

/** Why a token of this issuer is no user's, though its signature is right; null if it may be one. */
function refusedByPreset(claims: Claims, preset: TokenPreset | null): string | null {
  if (preset === 'clerk' && claims.sts === 'pending')
    return 'The session of this token is pending, so its user is not signed in yet.'
  if (preset === 'auth0' && claims.gty === 'client-credentials')
    return 'The token belongs to a machine (gty is client-credentials), not to a user.'
  return null
}

/**
 * The claims for Postgres: those of the token, with `role` and `sub` as the settings find them, so that every policy
 * sees the same user. Fails with 401 for what the token lacks, with 403 for a role that may not pay.
 */
export function callerFrom(claims: Claims, settings: TokenSettings): Caller {
  const refused = refusedByPreset(claims, settings.preset)
  if (refused !== null) throw lacking(refused, 'Sign in as a user and send the new access token.')
  const role = roleOf(claims, settings)
  const user = userOf(claims, settings.user)
  const { sub: _, ...others } = claims
  if (user !== null) return { ...others, role, sub: user } as Caller
  if (role === 'anon') return { ...others, role } as Caller
  if (typeof claimAt(claims, settings.user) === 'number')
    throw lacking(
      `The ${showPath(settings.user)} claim of the token is a number that is no exact whole number.`,
      'Let the issuer write the id of the user as a text: a number in JSON is exact only up to 9007199254740991.',
    )
  throw lacking(
    `The token has the role authenticated but no ${showPath(settings.user)} claim.`,
    'Where the handlers run, set PAYMENTS_JWT_USER_CLAIM to the claim that has the id of the user.',
  )
}
