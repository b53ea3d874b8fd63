/**
 * Stripe keys and signing secrets. They are encrypted before they reach Postgres, so a leaked database dump does not
 * reveal them. Each ciphertext names its encryption key, so that the key can be rotated.
 *
 * Format: base64 of a 12-byte nonce and the AES-256-GCM ciphertext with its tag, bound to environment and kind. A row
 * copied to another environment, or a signing secret passed off as an API key, does not decrypt.
 */
import type { StripeEnvironment } from '../../types/api.ts'
import type { Config } from './config.ts'
import type { Database } from './database.ts'
import { type ApiError, apiError, secretKeyVariable } from './errors.ts'
import { describeError, type Log } from './log.ts'
import { readSecrets, type StoredSecret } from './sql.ts'

export type SecretKind = StoredSecret['kind']

export type EncryptionKey = { id: string; key: CryptoKey }

type Binding = { environment: StripeEnvironment; kind: SecretKind }

const NONCE_BYTES = 12

const fromBase64 = (text: string) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
const toBase64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes))
const associatedData = ({ environment, kind }: Binding) =>
  new TextEncoder().encode(`pg-payments:${environment}:${kind}`)

/** Imports an encryption key of 32 bytes in base64. Its id is the first 8 hex digits of their SHA-256. */
export async function importEncryptionKey(base64: string): Promise<EncryptionKey> {
  const bytes = fromBase64(base64)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const id = [...digest.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return { id, key: await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']) }
}

/** Encrypts a secret for one environment and kind. */
export async function encryptSecret(
  encryptionKey: EncryptionKey,
  binding: Binding,
  secret: string,
): Promise<{ keyId: string; ciphertext: string }> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
  const sealed = new Uint8Array(
    await crypto.subtle.encrypt(
      { name: 'AES-GCM', iv: nonce, additionalData: associatedData(binding) },
      encryptionKey.key,
      new TextEncoder().encode(secret),
    ),
  )
  const bytes = new Uint8Array(NONCE_BYTES + sealed.length)
  bytes.set(nonce)
  bytes.set(sealed, NONCE_BYTES)
  return { keyId: encryptionKey.id, ciphertext: toBase64(bytes) }
}

/**
 * Decrypts a secret.
 *
 * @throws when the ciphertext belongs to another key, environment or kind, or was changed
 */
export async function decryptSecret(
  encryptionKey: EncryptionKey,
  binding: Binding,
  stored: { keyId: string; ciphertext: string },
): Promise<string> {
  if (stored.keyId !== encryptionKey.id) {
    throw new Error(
      `It was encrypted with the key ${stored.keyId}, and the configured one is ${encryptionKey.id}.`,
    )
  }
  const bytes = fromBase64(stored.ciphertext)
  const opened = await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: bytes.subarray(0, NONCE_BYTES), additionalData: associatedData(binding) },
    encryptionKey.key,
    bytes.subarray(NONCE_BYTES),
  )
  return new TextDecoder().decode(opened)
}

/**
 * The secrets in use: those stored in the database; if none of a kind is stored, those of the environment variables.
 */
export type SecretStore = {
  /** The secret key for calls to Stripe. Fails with 400 when there is none. */
  secretKey(environment: StripeEnvironment): Promise<string>
  /** Every valid signing secret. Fails with 500 when there is none. */
  webhookSecrets(environment: StripeEnvironment): Promise<string[]>
  /** Whether the latest signing secret does not decrypt. Then the endpoint that signs with it cannot be used. */
  lostWebhookSecret(environment: StripeEnvironment): Promise<boolean>
  /** Drops the cached secrets, because others were stored. */
  forget(environment: StripeEnvironment): void
  /**
   * Reloads the stored secrets, because a signature matched none of those in use. Resolves to true even if another
   * request has reloaded them a moment ago: the next check may find other secrets.
   */
  refresh(environment: StripeEnvironment): Promise<boolean>
}

/** The secrets of one kind that decrypt, newest first. */
type Opened = { secrets: string[]; newestIsLost: boolean; allAreLost: boolean }
type Secrets = Record<SecretKind, Opened>

/** How long secrets stay in memory, so that a webhook takes one round trip. */
const TIME_TO_LIVE_MS = 60_000
/** Limits how often invalid signatures can trigger a reload. */
const REFRESH_INTERVAL_MIN_MS = 1_000

const unreadable = (message: string, nextActions: string): ApiError =>
  apiError(503, 'PAYMENT_SECRETS_UNREADABLE', message, { nextActions })

/** Whether the error says that stored secrets do not decrypt, rather than that none is stored. */
export const isUnreadable = (error: ApiError): boolean => error.code === 'PAYMENT_SECRETS_UNREADABLE'

const LOST: Record<SecretKind, { message: string; instead: string }> = {
  secret_key: {
    message: 'The Stripe keys stored in the database cannot be opened.',
    instead: 'store the Stripe key again with `pg-payments stripe config set`',
  },
  webhook_secret: {
    message: 'The signing secrets stored in the database cannot be opened.',
    instead: 'set up another webhook endpoint with `pg-payments stripe webhooks configure`',
  },
}

export function createSecretStore({
  config,
  database,
  log,
  now,
}: {
  config: Config
  database: Database
  log: Log
  now: () => number
}): SecretStore {
  const cache = new Map<StripeEnvironment, { readAt: number; secrets: Promise<Secrets> }>()
  const refreshedAt = new Map<StripeEnvironment, number>()
  let encryptionKeys: Promise<EncryptionKey[]> | undefined

  async function openStored(environment: StripeEnvironment): Promise<Secrets> {
    const stored = await readSecrets(database, { environment })
    if (stored.length > 0 && config.encryptionKey === null) {
      throw unreadable(
        'Stripe keys are stored in the database, but there is no key to open them.',
        'Set PAYMENTS_ENCRYPTION_KEY to the key that they were stored with.',
      )
    }
    encryptionKeys ??= Promise.all(
      [config.encryptionKey ?? [], config.previousEncryptionKey ?? []].flat().map(importEncryptionKey),
    )
    const [current, previous] = (await encryptionKeys) as [EncryptionKey, EncryptionKey | undefined]
    const open = async ({ kind, key_id, ciphertext }: StoredSecret): Promise<string | null> => {
      const key = previous?.id === key_id ? previous : current
      try {
        return await decryptSecret(key, { environment, kind }, { keyId: key_id, ciphertext })
      } catch (error) {
        log.error('secret_not_opened', { environment, kind, cause: describeError(error) })
        return null
      }
    }
    const ofKind = async (kind: SecretKind): Promise<Opened> => {
      const all = await Promise.all(stored.filter((secret) => secret.kind === kind).map(open))
      const secrets = all.filter((secret) => secret !== null)
      return { secrets, newestIsLost: all[0] === null, allAreLost: all.length > 0 && secrets.length === 0 }
    }
    return { secret_key: await ofKind('secret_key'), webhook_secret: await ofKind('webhook_secret') }
  }

  function read(environment: StripeEnvironment): Promise<Secrets> {
    const entry = { readAt: now(), secrets: openStored(environment) }
    cache.set(environment, entry)
    entry.secrets.catch(() => {
      if (cache.get(environment) === entry) cache.delete(environment)
    })
    return entry.secrets
  }

  function current(environment: StripeEnvironment): Promise<Secrets> {
    const entry = cache.get(environment)
    return entry && now() - entry.readAt < TIME_TO_LIVE_MS ? entry.secrets : read(environment)
  }

  /** The stored secrets of a kind. If none of them decrypts, fails closed, and the next call reads them again. */
  async function opened(environment: StripeEnvironment, kind: SecretKind): Promise<string[]> {
    const { secrets, allAreLost } = (await current(environment))[kind]
    if (!allAreLost) return secrets
    cache.delete(environment)
    const { message, instead } = LOST[kind]
    throw unreadable(
      message,
      `Set PAYMENTS_ENCRYPTION_KEY to the key that they were stored with, or ${instead}.`,
    )
  }

  return {
    async secretKey(environment) {
      const [stored] = await opened(environment, 'secret_key')
      const key = stored ?? config.stripe.secretKey[environment]
      if (key !== null) return key
      throw apiError(400, 'PAYMENT_CONFIG_INVALID', `There is no Stripe secret key for ${environment}.`, {
        nextActions: `Store one with \`pg-payments stripe config set\`, or set ${secretKeyVariable(environment)}.`,
      })
    },
    async webhookSecrets(environment) {
      const stored = await opened(environment, 'webhook_secret')
      const configured = config.stripe.webhookSecret[environment]
      if (stored.length > 0) return stored
      if (configured !== null) return configured
      throw apiError(
        500,
        'INTERNAL_ERROR',
        `There is no signing secret for ${environment}, so no event can be accepted.`,
        {
          nextActions: `Set STRIPE_${environment.toUpperCase()}_WEBHOOK_SECRET to the signing secret of the webhook endpoint.`,
        },
      )
    },
    lostWebhookSecret: async (environment) => (await read(environment)).webhook_secret.newestIsLost,
    forget: (environment) => void cache.delete(environment),
    async refresh(environment) {
      if (now() - (refreshedAt.get(environment) ?? Number.NEGATIVE_INFINITY) >= REFRESH_INTERVAL_MIN_MS) {
        refreshedAt.set(environment, now())
        await read(environment)
      }
      return true
    },
  }
}
