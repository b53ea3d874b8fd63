/**
 * Reads the environment variables once, at the start. A missing or malformed variable stops the start with a sentence
 * that names the variable and never repeats its value.
 */
import * as v from 'valibot'
import type { StripeEnvironment } from '../../types/api.ts'
import type { Env } from './runtime.ts'
import {
  isClaimPath,
  TOKEN_PRESETS,
  type TokenSettings,
  tokenSettings,
  tokenSettingsProblem,
} from './token-settings.ts'

export type Config = {
  databaseUrl: string
  /** Connections at most. */
  poolSize: number
  /** Whether the statements of webhooks are kept at the server by a name. */
  prepare: boolean
  /** Megabytes of the events that may wait for the database, for each environment. */
  webhookQueueMb: number
  /** 32 bytes in base64, or null when no secrets are stored in the database. */
  encryptionKey: string | null
  /** The previous key during a rotation. It decrypts, and never encrypts. */
  previousEncryptionKey: string | null
  jwtSecret: string | null
  jwksUrl: string | null
  /** Accepted values of a token's `iss`; null accepts any. */
  jwtIssuers: string[] | null
  /** Accepted values of a token's `aud`; null accepts any. */
  jwtAudiences: string[] | null
  /** Where a token has its role and its user. */
  tokens: TokenSettings
  adminKey: string | null
  /** Roles whose tokens have the rights of the admin key. */
  adminRoles: string[]
  anonKey: string | null
  /** Sees what the admin sees, without secrets, and changes nothing. */
  adminReadKey: string | null
  /** Whether `{basePath}/dashboard` is served. */
  dashboard: boolean
  /** Reads `GET /metrics`, and nothing else. */
  metricsToken: string | null
  publicUrl: string | null
  /**
   * Path prefix of every route, for example `/payments` on platforms that add the function name. Empty by default.
   */
  basePath: string
  allowedOrigins: '*' | string[]
  /** Origins to which Stripe may send buyers back. */
  returnOrigins: '*' | string[]
  /** Checkouts of anonymous callers for each environment and minute; 0 is no limit. */
  guestCheckoutsPerMinute: number
  stripe: {
    secretKey: Record<StripeEnvironment, string | null>
    /** The signing secrets of each environment; several endpoints may deliver to it. */
    webhookSecret: Record<StripeEnvironment, string[] | null>
    api: { protocol: 'http' | 'https'; host: string; port: number } | null
    /** Limits one try of a call. */
    timeoutMs: number
    /** Limits all tries of a call, and the pauses between them. */
    deadlineMs: number
    maxRetries: number
  }
  port: number
}

/** Whether the error says that a variable is missing or malformed. Its message is a sentence for the deployer. */
export function isConfigError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ConfigError'
}

function configError(message: string): Error {
  return Object.assign(new Error(message), { name: 'ConfigError' })
}

/** HS256 needs a secret of 256 bits. See https://www.rfc-editor.org/rfc/rfc7518#section-3.2. */
const JWT_SECRET_BYTES_MIN = 32
const ADMIN_KEY_LENGTH_MIN = 24

/** A text that passes a check. */
const text = (isRight: (value: string) => boolean, message: string) =>
  v.pipe(v.string(), v.check(isRight, message))

/** A key that is too long to guess. */
const key = () =>
  v.optional(
    text(
      (value) => value.length >= ADMIN_KEY_LENGTH_MIN,
      `must have at least ${ADMIN_KEY_LENGTH_MIN} characters, as \`openssl rand -hex 24\` prints them`,
    ),
  )

const httpUrl = (value: string) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)

/** Credentials in an address end up at Stripe and in logs; paths are appended to it, so nothing may follow its path. */
function isPlainAddress(value: string): boolean {
  if (!httpUrl(value)) return true // refused by its own sentence
  const { username, password, search, hash } = new URL(value)
  return `${username}${password}${search}${hash}` === ''
}

/** `fetch` takes no address with credentials. */
function hasNoCredentials(value: string): boolean {
  if (!httpUrl(value)) return true
  const { username, password } = new URL(value)
  return username === '' && password === ''
}

/** Whether the response cannot be changed on its way: by https, or on this machine. */
function isSafeFromOthers(value: string): boolean {
  if (!httpUrl(value)) return true // refused by its own sentence
  const { protocol, hostname } = new URL(value)
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

/** An address of scheme, host and port only. */
const isOrigin = (value: string) => httpUrl(value) && new URL(value).origin === value.replace(/\/$/, '')

/** Whether a client can decode every `%` escape of the URL. */
function isDecodable({ username, password, pathname }: URL): boolean {
  try {
    decodeURIComponent(`${username}:${password}${pathname}`)
    return true
  } catch {
    return false
  }
}

/** 32 bytes in base64. */
export function isEncryptionKey(value: string): boolean {
  try {
    return atob(value).length === 32
  } catch {
    return false
  }
}

const wholeNumber = (low: number, high: number, fallback: number) => {
  const message = `must be a whole number from ${low} to ${high}`
  return v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d+$/, message),
      v.transform(Number),
      v.minValue(low, message),
      v.maxValue(high, message),
    ),
    String(fallback),
  )
}

const trueOrFalse = (fallback: boolean) =>
  v.optional(
    v.pipe(
      v.string(),
      v.regex(/^(true|false)$/, 'must be true or false'),
      v.transform((value) => value === 'true'),
    ),
    String(fallback),
  )

/**
 * A key of one mode. The wrong mode must not start: it would charge real cards in tests, or no card in production.
 */
const secretKey = (mode: StripeEnvironment) =>
  v.optional(
    v.pipe(
      v.string(),
      v.regex(
        new RegExp(`^(sk|rk)_${mode}_\\S+$`),
        `must be a Stripe secret key for ${mode} mode, beginning sk_${mode}_ or rk_${mode}_`,
      ),
    ),
  )

/** Texts between commas. */
const list = () =>
  v.pipe(
    v.string(),
    v.transform((value) => value.split(',').map((part) => part.trim())),
  )

/** Several endpoints may deliver to one environment, each with its own secret. */
const signingSecrets = v.optional(
  v.pipe(
    list(),
    v.everyItem(
      (secret) => /^whsec_\S+$/.test(secret),
      'must be a Stripe signing secret, beginning whsec_, or a comma-separated list of them',
    ),
  ),
)

/** `*`, or origins. */
const origins = () =>
  v.optional(
    v.pipe(
      v.string(),
      v.transform((value) =>
        value.trim() === '*' ? ('*' as const) : value.split(',').map((part) => part.trim()),
      ),
      v.check(
        (value) => value === '*' || value.every(isOrigin),
        'must be * or a comma-separated list of origins, for example https://shop.example',
      ),
      v.transform((value) => (value === '*' ? value : value.map((origin) => origin.replace(/\/$/, '')))),
    ),
    '*',
  )

/** Accepted values of a claim. A space is refused, because it is probably a missing comma. */
const claimValues = (what: string, example: string) =>
  v.optional(
    v.pipe(
      list(),
      v.everyItem(
        (value) => /^\S+$/.test(value),
        `must be left out or be a comma-separated list of ${what} without spaces, for example ${example}`,
      ),
    ),
  )

/** The path of a claim; the variable is left out for the default. */
const claimPath = (example: string) =>
  v.optional(
    text(
      isClaimPath,
      `must be the path of a claim, for example ${example}; a name with dots stands in double quotes`,
    ),
  )

const encryptionKey = v.optional(
  text(isEncryptionKey, 'must be 32 bytes in base64, as `openssl rand -base64 32` prints them'),
)

const variables = v.object({
  DATABASE_URL: v.optional(
    v.pipe(
      v.string(),
      v.nonEmpty(
        'must be set to the address of the Postgres database, for example postgres://user:password@host:5432/name',
      ),
      v.regex(
        /^postgres(ql)?:\/\//,
        'must be a Postgres address, for example postgres://user:password@host:5432/name',
      ),
      v.check(
        (value) => URL.canParse(value) && isDecodable(new URL(value)),
        'must be a Postgres address; encode special characters in the password',
      ),
    ),
    '',
  ),
  PAYMENTS_POOL_SIZE: wholeNumber(1, 100, 5),
  PAYMENTS_DATABASE_PREPARE: trueOrFalse(false),
  PAYMENTS_WEBHOOK_QUEUE_MB: wholeNumber(1, 10_000, 16),
  PAYMENTS_ENCRYPTION_KEY: encryptionKey,
  PAYMENTS_PREVIOUS_ENCRYPTION_KEY: encryptionKey,
  PAYMENTS_JWT_SECRET: v.optional(
    text(
      (value) => new TextEncoder().encode(value).length >= JWT_SECRET_BYTES_MIN,
      `must have at least ${JWT_SECRET_BYTES_MIN} bytes, as \`openssl rand -base64 32\` prints them`,
    ),
  ),
  PAYMENTS_JWKS_URL: v.optional(
    v.pipe(
      text(httpUrl, 'must be an absolute http or https address'),
      v.check(
        isSafeFromOthers,
        'must be an https address; plain http may be used for this machine only, for example http://localhost:9999/jwks',
      ),
      v.check(hasNoCredentials, 'must not contain a user or password, because a key set is public'),
    ),
  ),
  PAYMENTS_JWT_ISSUER: claimValues('issuers', 'https://auth.example'),
  PAYMENTS_JWT_AUDIENCE: claimValues('audiences', 'shop'),
  PAYMENTS_JWT_PRESET: v.optional(
    v.picklist(TOKEN_PRESETS, `must be left out or be one of ${TOKEN_PRESETS.join(', ')}`),
  ),
  PAYMENTS_JWT_ROLE_CLAIM: claimPath('app_metadata.role'),
  PAYMENTS_JWT_USER_CLAIM: claimPath('user_id'),
  PAYMENTS_JWT_DEFAULT_ROLE: v.optional(
    v.picklist(['anon', 'authenticated'], 'must be left out or be anon or authenticated'),
  ),
  PAYMENTS_ADMIN_KEY: key(),
  PAYMENTS_ADMIN_READ_KEY: key(),
  PAYMENTS_DASHBOARD: v.optional(v.picklist(['on', 'off'], 'must be on or off'), 'on'),
  PAYMENTS_METRICS_TOKEN: key(),
  PAYMENTS_ADMIN_ROLES: v.optional(
    v.pipe(
      list(),
      v.everyItem(
        (role) => /^[\w.-]+$/.test(role) && role !== 'anon' && role !== 'authenticated',
        'must be a comma-separated list of roles, and neither anon nor authenticated among them',
      ),
    ),
    'project_admin',
  ),
  PAYMENTS_ANON_KEY: v.optional(v.string()),
  PAYMENTS_PUBLIC_URL: v.optional(
    v.pipe(
      text(httpUrl, 'must be an absolute http or https address'),
      v.check(isPlainAddress, 'must not contain a user, a password, a query or a fragment'),
    ),
  ),
  PAYMENTS_BASE_PATH: v.optional(
    v.pipe(
      v.string(),
      v.regex(
        /^(\/[\w.~-]+)*$/,
        'must be a path such as /payments, with a slash at its beginning and none at its end',
      ),
    ),
    '',
  ),
  PAYMENTS_ALLOWED_ORIGINS: origins(),
  PAYMENTS_RETURN_ORIGINS: origins(),
  PAYMENTS_GUEST_CHECKOUTS_PER_MINUTE: wholeNumber(0, 1_000_000, 600),
  STRIPE_TEST_SECRET_KEY: secretKey('test'),
  STRIPE_LIVE_SECRET_KEY: secretKey('live'),
  STRIPE_TEST_WEBHOOK_SECRET: signingSecrets,
  STRIPE_LIVE_WEBHOOK_SECRET: signingSecrets,
  STRIPE_API_BASE_URL: v.optional(
    v.pipe(
      text(isOrigin, 'must be an http or https address without a path, for example http://127.0.0.1:12111'),
      v.transform((value) => {
        const { protocol, hostname, port } = new URL(value)
        const secure = protocol === 'https:'
        return {
          protocol: secure ? ('https' as const) : ('http' as const),
          host: hostname,
          port: Number(port || (secure ? 443 : 80)),
        }
      }),
    ),
  ),
  STRIPE_TIMEOUT_MS: wholeNumber(100, 80_000, 15_000),
  STRIPE_DEADLINE_MS: wholeNumber(100, 300_000, 20_000),
  STRIPE_MAX_RETRIES: wholeNumber(0, 5, 2),
  PORT: wholeNumber(0, 65_535, 8787),
})

/** Variables that restrict tokens: an empty value, if treated as not set, would accept every token. */
const NEVER_EMPTY = ['PAYMENTS_JWT_ISSUER', 'PAYMENTS_JWT_AUDIENCE']

/** The names of all variables. */
export const VARIABLES = Object.keys(variables.entries)

/** The settings of tokens, if they go together. */
function checkedTokens(value: v.InferOutput<typeof variables>): TokenSettings {
  const tokens = tokenSettings(value)
  const problem = tokenSettingsProblem(tokens, {
    jwksUrl: value.PAYMENTS_JWKS_URL ?? null,
    jwtIssuers: value.PAYMENTS_JWT_ISSUER ?? null,
  })
  if (problem !== null) throw configError(problem)
  return tokens
}

/**
 * The configuration in these environment variables. An empty variable counts as not set, except those in
 * `NEVER_EMPTY`.
 *
 * @throws an error that `isConfigError` recognizes, with a sentence that names the variable
 */
export function readConfig(env: Env): Config {
  const present = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => value?.trim() || NEVER_EMPTY.includes(name)),
  )
  const result = v.safeParse(variables, present)
  if (!result.success) {
    const [issue] = result.issues
    throw configError(`${v.getDotPath(issue)} ${issue.message}.`)
  }
  const value = result.output
  if (
    value.PAYMENTS_ADMIN_READ_KEY !== undefined &&
    value.PAYMENTS_ADMIN_READ_KEY === value.PAYMENTS_ADMIN_KEY
  )
    throw configError('PAYMENTS_ADMIN_READ_KEY must differ from PAYMENTS_ADMIN_KEY.')
  const tokens = checkedTokens(value)
  return {
    databaseUrl: value.DATABASE_URL,
    poolSize: value.PAYMENTS_POOL_SIZE,
    prepare: value.PAYMENTS_DATABASE_PREPARE,
    webhookQueueMb: value.PAYMENTS_WEBHOOK_QUEUE_MB,
    encryptionKey: value.PAYMENTS_ENCRYPTION_KEY ?? null,
    previousEncryptionKey: value.PAYMENTS_PREVIOUS_ENCRYPTION_KEY ?? null,
    jwtSecret: value.PAYMENTS_JWT_SECRET ?? null,
    jwksUrl: value.PAYMENTS_JWKS_URL ?? null,
    jwtIssuers: value.PAYMENTS_JWT_ISSUER ?? null,
    jwtAudiences: value.PAYMENTS_JWT_AUDIENCE ?? null,
    tokens,
    adminKey: value.PAYMENTS_ADMIN_KEY ?? null,
    adminRoles: value.PAYMENTS_ADMIN_ROLES,
    anonKey: value.PAYMENTS_ANON_KEY ?? null,
    adminReadKey: value.PAYMENTS_ADMIN_READ_KEY ?? null,
    dashboard: value.PAYMENTS_DASHBOARD === 'on',
    metricsToken: value.PAYMENTS_METRICS_TOKEN ?? null,
    publicUrl: value.PAYMENTS_PUBLIC_URL ?? null,
    basePath: value.PAYMENTS_BASE_PATH,
    allowedOrigins: value.PAYMENTS_ALLOWED_ORIGINS,
    returnOrigins: value.PAYMENTS_RETURN_ORIGINS,
    guestCheckoutsPerMinute: value.PAYMENTS_GUEST_CHECKOUTS_PER_MINUTE,
    stripe: {
      secretKey: { test: value.STRIPE_TEST_SECRET_KEY ?? null, live: value.STRIPE_LIVE_SECRET_KEY ?? null },
      webhookSecret: {
        test: value.STRIPE_TEST_WEBHOOK_SECRET ?? null,
        live: value.STRIPE_LIVE_WEBHOOK_SECRET ?? null,
      },
      api: value.STRIPE_API_BASE_URL ?? null,
      timeoutMs: value.STRIPE_TIMEOUT_MS,
      deadlineMs: value.STRIPE_DEADLINE_MS,
      maxRetries: value.STRIPE_MAX_RETRIES,
    },
    port: value.PORT,
  }
}
