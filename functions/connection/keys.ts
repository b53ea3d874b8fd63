/** Stripe keys: which one is in use, whether one is right, and what it may do. */
import type { Stripe } from 'stripe'
import type { StripeEnvironment } from '../../types/api.ts'
import type { StripeObject } from '../../types/stripe.ts'
import type { Config } from '../core/config.ts'
import type { Database } from '../core/database.ts'
import { type ApiError, apiError, fromStripe, isApiError } from '../core/errors.ts'

import { decryptSecret, encryptSecret, importEncryptionKey } from '../core/secrets.ts'
import { allSecrets, replaceSecrets } from '../core/sql.ts'
import { connectStripe } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'
import type { KeyState } from './present.ts'
import { readStoredKeys } from './reads.ts'

export const ENVIRONMENTS: StripeEnvironment[] = ['test', 'live']

/** The beginning of a key that says what it is, and its last four characters. */
export function maskKey(key: string): string {
  const prefix = /^[a-z]+_(?:test|live)_/.exec(key)?.[0] ?? ''
  return `${prefix}****${key.slice(prefix.length).slice(-4)}`
}

/** Where the key of each environment comes from, and what may be shown of it. */
export async function readKeyStates({
  config,
  database,
}: Pick<Deps, 'config' | 'database'>): Promise<Record<StripeEnvironment, KeyState>> {
  const stored = await readStoredKeys(database)
  const stateOf = (environment: StripeEnvironment): KeyState => {
    const row = stored.find((candidate) => candidate.environment === environment)
    if (row) return { maskedKey: row.masked, source: 'database' }
    const configured = config.stripe.secretKey[environment]
    return configured === null
      ? { maskedKey: null, source: null }
      : { maskedKey: maskKey(configured), source: 'environment' }
  }
  return { test: stateOf('test'), live: stateOf('live') }
}

const invalidKey = (message: string, nextActions: string, cause?: unknown) =>
  apiError(400, 'PAYMENT_CONFIG_INVALID', message, { nextActions, cause })

/** Refuses by its look a key that is not one, or one of the other mode. */
export function checkKeyFormat(environment: StripeEnvironment, key: string): void {
  const fix = `Copy the secret key for ${environment} mode from the Stripe Dashboard.`
  if (/^pk_/.test(key)) throw invalidKey('This is a publishable key; the secret key is needed.', fix)
  if (/^sk_org_/.test(key))
    throw invalidKey('This is the key of an organization; the key of one account is needed.', fix)
  const mode = /^(?:sk|rk)_(test|live)_[A-Za-z0-9_]+$/.exec(key)?.[1]
  if (mode === undefined)
    throw invalidKey(`This is no Stripe key: one begins sk_${environment}_ or rk_${environment}_.`, fix)
  if (mode !== environment)
    throw invalidKey(`This is a key for ${mode} mode, and the environment is ${environment}.`, fix)
}

type Probe = { needs: string; method: 'GET' | 'POST'; path: string; params?: object }

/**
 * One harmless request for each permission that we need: the reads ask for one object, the writes name an object that cannot be
 * there. Stripe refuses those that lack the permission with 403 before it looks at anything else.
 */
function probes(managesWebhook: boolean): Probe[] {
  const read = (needs: string, path: string): Probe => ({ needs, method: 'GET', path: `${path}?limit=1` })
  const write = (needs: string, path: string, params: object = {}): Probe => ({
    needs,
    method: 'POST',
    path,
    params,
  })
  const nothing = 'pg_payments_permission_check'
  return [
    read('Products (read)', '/v1/products'),
    write('Products (write)', `/v1/products/prod_${nothing}`, { name: 'x' }),
    read('Prices (read)', '/v1/prices'),
    write('Prices (write)', `/v1/prices/price_${nothing}`, { active: true }),
    read('Customers (read)', '/v1/customers'),
    read('Subscriptions (read)', '/v1/subscriptions'),
    read('Checkout Sessions (read)', '/v1/checkout/sessions'),
    write('Checkout Sessions (write)', `/v1/checkout/sessions/cs_${nothing}/expire`),
    write('Customer portal (write)', '/v1/billing_portal/sessions', { customer: `cus_${nothing}` }),
    read('Invoices (read)', '/v1/invoices'),
    read('PaymentIntents (read)', '/v1/payment_intents'),
    read('Charges and Refunds (read)', '/v1/charges'),
    read('Disputes (read)', '/v1/disputes'),
    read('Events (read)', '/v1/events'),
    ...(managesWebhook
      ? [
          read('Webhook Endpoints (read)', '/v1/webhook_endpoints'),
          write('Webhook Endpoints (write)', `/v1/webhook_endpoints/we_${nothing}`, { disabled: true }),
        ]
      : []),
  ]
}

/** Requests at a time, well below what Stripe allows in test mode. */
const PROBES_AT_ONCE = 6

/**
 * What a restricted key lacks, in a sentence that names each permission as the Dashboard and as Stripe's refusal do; null for a key
 * that lacks nothing, as one that is not restricted.
 *
 * @throws an `ApiError` when Stripe cannot be asked
 */
export async function lackedPermissions(
  config: Config,
  environment: StripeEnvironment,
  key: string,
): Promise<string | null> {
  if (!key.startsWith('rk_')) return null
  const missing = await missingPermissions(
    environment,
    await connectStripe(config, key),
    config.publicUrl !== null,
  )
  if (missing.length === 0) return null
  return `The restricted key lacks ${missing.length === 1 ? 'a permission' : `${missing.length} permissions`}: ${missing.join('; ')}.`
}

async function missingPermissions(
  environment: StripeEnvironment,
  client: Stripe,
  managesWebhook: boolean,
): Promise<string[]> {
  const waiting = probes(managesWebhook)
  const missing = new Map<string, string>()
  const order = waiting.map(({ needs }) => needs)
  async function work(): Promise<void> {
    for (let probe = waiting.shift(); probe; probe = waiting.shift()) {
      const { needs, method, path, params } = probe
      try {
        await client.rawRequest(method, path, params)
      } catch (error) {
        const { type, message = '' } = error as { type?: string; message?: string }
        if (type === 'StripeInvalidRequestError') continue // allowed, and nothing there: as it should be
        if (type !== 'StripePermissionError') {
          waiting.length = 0
          throw fromStripe(error, environment)
        }
        const name = /'(rak_\w+)'/.exec(message)?.[1]
        missing.set(needs, name === undefined ? needs : `${needs}, ${name}`)
      }
    }
  }
  await Promise.all(Array.from({ length: PROBES_AT_ONCE }, work))
  return order.flatMap((needs) => missing.get(needs) ?? [])
}

/** What a refusal of the key itself means to whoever hands it in. */
function refusedKey(error: unknown, environment: StripeEnvironment): ApiError {
  const failure = isApiError(error) ? error : fromStripe(error, environment)
  const { type } = (failure.cause ?? {}) as { type?: string }
  if (type === 'StripeAuthenticationError')
    return invalidKey(
      'Stripe does not accept this key: it is wrong, expired or revoked.',
      'Copy it again from the Stripe Dashboard, or make a new one there.',
      failure.cause,
    )
  if (type === 'StripePermissionError')
    return invalidKey(
      'The restricted key lacks a permission: Account (read, rak_accounts_kyc_basic_read).',
      'Give the key this permission in the Stripe Dashboard and store it again.',
      failure.cause,
    )
  return failure
}

/**
 * Asks Stripe whose key this is and, for a restricted one, whether it may do what is needed.
 *
 * @returns the account
 * @throws 400 PAYMENT_CONFIG_INVALID for a key that cannot be used, with every permission that it lacks
 */
export async function lookUpAccount(
  config: Config,
  environment: StripeEnvironment,
  key: string,
): Promise<StripeObject & { id: string }> {
  const client = await connectStripe(config, key)
  const account = await client.accounts.retrieveCurrent().catch((error) => {
    throw refusedKey(error, environment)
  })
  const lacked = await lackedPermissions(config, environment, key)
  if (lacked !== null)
    throw invalidKey(lacked, 'Give the key these permissions in the Stripe Dashboard and store it again.')
  return account
}

/** The configured encryption key, without which nothing can be stored. */
export async function encryptionKeyOf(config: Config) {
  if (config.encryptionKey === null)
    throw apiError(400, 'PAYMENT_CONFIG_INVALID', 'Nothing secret can be stored without an encryption key.', {
      nextActions: 'Set PAYMENTS_ENCRYPTION_KEY to the output of `openssl rand -base64 32`.',
    })
  return importEncryptionKey(config.encryptionKey)
}

/**
 * Encrypts everything that is stored anew, in one transaction: either all of it opens with the new key afterwards, or nothing has
 * changed. Give the handlers both keys before, the old one as PAYMENTS_PREVIOUS_ENCRYPTION_KEY, and only the new one afterwards.
 *
 * @param oldKey the encryption key so far, 32 bytes in base64
 * @param newKey the one from now on
 * @returns how many secrets there are
 */
export async function rotateEncryptionKey(
  database: Database,
  oldKey: string,
  newKey: string,
): Promise<number> {
  const [from, to] = await Promise.all([importEncryptionKey(oldKey), importEncryptionKey(newKey)])
  const stored = await allSecrets(database)
  const secrets = await Promise.all(
    stored.map(async ({ id, environment, kind, key_id, ciphertext }) => {
      // One that was changed over before stays: the command may be given twice.
      if (key_id === to.id) return { id, key_id, ciphertext }
      const binding = { environment, kind }
      const secret = await decryptSecret(from, binding, { keyId: key_id, ciphertext }).catch((cause) => {
        throw apiError(
          400,
          'PAYMENT_CONFIG_INVALID',
          `The old encryption key does not open the stored ${kind} for ${environment}, so nothing was changed.`,
          { nextActions: 'Give the key that it was stored with as the old one, or store it again.', cause },
        )
      })
      const sealed = await encryptSecret(to, binding, secret)
      return { id, key_id: sealed.keyId, ciphertext: sealed.ciphertext }
    }),
  )
  return replaceSecrets(database, { secrets })
}
