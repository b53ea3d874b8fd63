/**
 * Where the role and the user stand in a token, as the environment variables say. Every start reads this, so it is
 * small.
 */

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
