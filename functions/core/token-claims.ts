/**
 * Where the role and the user stand in a token, and the claims that Postgres gets from it. Fails closed: a role that
 * the token states and that is neither `anon` nor `authenticated` is refused, and no setting replaces it.
 */
import { type ApiError, apiError } from './errors.ts'
import type { Caller } from './sql.ts'

/** The claims of a verified token. */
export type Claims = Record<string, unknown>

/** The names that lead to a claim, outermost first. */
export type ClaimPath = string[]

export type UserRole = 'anon' | 'authenticated'

export const TOKEN_PRESETS = [
  'supabase',
  'clerk',
  'auth0',
  'firebase',
  'keycloak',
  'hasura',
  'insforge',
] as const
export type TokenPreset = (typeof TOKEN_PRESETS)[number]

export type TokenSettings = {
  /** Null if no token states a role; `defaultRole` is then set. */
  role: ClaimPath | null
  user: ClaimPath
  /** The role of a verified token that states none; null refuses such tokens. */
  defaultRole: UserRole | null
  preset: TokenPreset | null
}

type Preset = Pick<TokenSettings, 'role' | 'user' | 'defaultRole'>

/** Tokens with a role of their own, in the claim `role`. */
const withRole: Preset = { role: ['role'], user: ['sub'], defaultRole: null }
/** Tokens of signed-in users, who may have a role. */
const usersOnly: Preset = { role: ['role'], user: ['sub'], defaultRole: 'authenticated' }

const PRESETS: Record<TokenPreset, Preset> = {
  supabase: withRole,
  insforge: withRole,
  clerk: usersOnly,
  auth0: usersOnly,
  firebase: usersOnly,
  keycloak: usersOnly,
  // A role of Hasura names a permission of Hasura, for example `user`.
  hasura: {
    role: null,
    user: ['https://hasura.io/jwt/claims', 'x-hasura-user-id'],
    defaultRole: 'authenticated',
  },
}

/** Writes a claim's path as the settings take it. */
export const showPath = (path: ClaimPath): string =>
  path.map((name) => (/[."]/.test(name) && path.length > 1 ? `"${name}"` : name)).join('.')

/**
 * The path in a setting: names with dots between them. A name that has dots itself stands in double quotes; an address
 * alone, as Auth0 has them, needs none. Null if it is no path.
 */
export function parseClaimPath(text: string): ClaimPath | null {
  const value = text.trim()
  if (/^https?:\/\/[^\s"]+$/.test(value)) return [value]
  const names = /^(?:"[^"]+"|[^."\s]+)(?:\.(?:"[^"]+"|[^."\s]+))*$/
  if (!names.test(value)) return null
  return (value.match(/"[^"]+"|[^."]+/g) ?? []).map((name) => name.replace(/^"|"$/g, ''))
}

export const isClaimPath = (text: string): boolean => parseClaimPath(text) !== null

/** The value of `PAYMENTS_JWT_ROLE_CLAIM` that says that no claim is the role. */
const NO_ROLE_CLAIM = 'none'

export type TokenVariables = {
  PAYMENTS_JWT_PRESET?: TokenPreset
  PAYMENTS_JWT_ROLE_CLAIM?: string
  PAYMENTS_JWT_USER_CLAIM?: string
  PAYMENTS_JWT_DEFAULT_ROLE?: UserRole
}

/** The settings in these variables. A variable of its own is stronger than the preset. */
export function tokenSettings(variables: TokenVariables): TokenSettings {
  const preset = variables.PAYMENTS_JWT_PRESET ?? null
  const base = preset === null ? withRole : PRESETS[preset]
  const roleClaim = variables.PAYMENTS_JWT_ROLE_CLAIM?.trim()
  const userClaim = variables.PAYMENTS_JWT_USER_CLAIM
  return {
    preset,
    role:
      roleClaim === undefined ? base.role : roleClaim === NO_ROLE_CLAIM ? null : parseClaimPath(roleClaim),
    user: (userClaim === undefined ? null : parseClaimPath(userClaim)) ?? base.user,
    defaultRole: variables.PAYMENTS_JWT_DEFAULT_ROLE ?? base.defaultRole,
  }
}

/** Why these settings cannot be used together, as a sentence; null if they can. */
export function tokenSettingsProblem(
  { role, defaultRole, preset }: TokenSettings,
  { jwksUrl, jwtIssuers }: { jwksUrl: string | null; jwtIssuers: string[] | null },
): string | null {
  if (role === null && defaultRole === null)
    return 'PAYMENTS_JWT_ROLE_CLAIM is none, so PAYMENTS_JWT_DEFAULT_ROLE must be anon or authenticated.'
  if (preset === 'firebase' && jwksUrl !== null && jwtIssuers === null)
    return 'PAYMENTS_JWT_PRESET is firebase, so PAYMENTS_JWT_ISSUER must be https://securetoken.google.com/<project>: one key set signs the tokens of all Firebase projects.'
  return null
}

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
  throw lacking(
    `The token has the role authenticated but no ${showPath(settings.user)} claim.`,
    'Where the handlers run, set PAYMENTS_JWT_USER_CLAIM to the claim that has the id of the user.',
  )
}
