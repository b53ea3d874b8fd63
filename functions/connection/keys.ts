/** Stripe keys: where each comes from, whether Stripe accepts it, and its permissions. */
import type { Stripe } from 'stripe'
import type { StripeEnvironment } from '../../types/api.ts'
import type { StripeObject } from '../../types/stripe.ts'
import type { Config } from '../core/config.ts'
import type { Database } from '../core/database.ts'
import { type ApiError, apiError, fromStripe, isApiError, unreadableAnswer } from '../core/errors.ts'

import { decryptSecret, encryptSecret, importEncryptionKey } from '../core/secrets.ts'
import { allSecrets, replaceSecrets } from '../core/sql.ts'
import { connectStripe } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'
import type { KeyState } from './present.ts'
import { readStoredKeys } from './reads.ts'

export const ENVIRONMENTS: StripeEnvironment[] = ['test', 'live']

/** Masks a key: its prefix, which shows kind and mode, and its last four characters. */
export function maskKey(key: string): string {
  const prefix = /^[a-z]+_(?:test|live)_/.exec(key)?.[0] ?? ''
  return `${prefix}****${key.slice(prefix.length).slice(-4)}`
}

/** The source of each environment's key, and its masked form. */
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

/** Refuses a text that is not a secret key, or is one of the other mode, without asking Stripe. */
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
 * One harmless request for each permission that we need. Reads list one object, writes name an object that cannot
 * exist. Stripe checks the permission first, and returns 403 if it is missing.
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

/** Well below what Stripe allows in test mode. */
const PROBES_IN_FLIGHT_MAX = 6

/**
 * A sentence about the permissions that a restricted key lacks, with their names in the Dashboard and in Stripe's
 * refusal. Null for a key that lacks none, for example one that is not restricted.
 *
 * @throws an `ApiError` when Stripe refuses the key or cannot be reached
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
        if (type === 'StripeInvalidRequestError') continue // permitted, and the object does not exist, as expected
        if (type !== 'StripePermissionError') {
          waiting.length = 0
          throw fromStripe(error, environment)
        }
        const name = /'(rak_\w+)'/.exec(message)?.[1]
        missing.set(needs, name === undefined ? needs : `${needs}, ${name}`)
      }
    }
  }
  await Promise.all(Array.from({ length: PROBES_IN_FLIGHT_MAX }, work))
  return order.flatMap((needs) => missing.get(needs) ?? [])
}

/** Explains Stripe's refusal of a key to the person who enters it. */
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
 * Looks up the account of a key at Stripe, and checks the permissions of a restricted one.
 *
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
  if (typeof account?.id !== 'string' || account.object !== 'account')
    throw unreadableAnswer(new Error('The answer is not an account.'))
  const lacked = await lackedPermissions(config, environment, key)
  if (lacked !== null)
    throw invalidKey(lacked, 'Give the key these permissions in the Stripe Dashboard and store it again.')
  return account
}

/** The configured encryption key. Fails with 400 if there is none, because no secret is stored unencrypted. */
export async function encryptionKeyOf(config: Config) {
  if (config.encryptionKey === null)
    throw apiError(400, 'PAYMENT_CONFIG_INVALID', 'Secrets cannot be stored without an encryption key.', {
      nextActions: 'Set PAYMENTS_ENCRYPTION_KEY to the output of `openssl rand -base64 32`.',
    })
  return importEncryptionKey(config.encryptionKey)
}

/**
 * Re-encrypts every stored secret in one transaction: all of them or none. First deploy the handlers with both keys;
 * set the old one as `PAYMENTS_PREVIOUS_ENCRYPTION_KEY`. Afterwards deploy them with the new one only.
 *
 * @param oldKey the current encryption key, 32 bytes in base64
 * @param newKey the next one
 * @returns the number of secrets
 */
export async function rotateEncryptionKey(
  database: Database,
  oldKey: string,
  newKey: string,
): Promise<number> {
  const [from, to] = await Promise.all([importEncryptionKey(oldKey), importEncryptionKey(newKey)])
  const stored = await allSecrets(database, {})
  const secrets = await Promise.all(
    stored.map(async ({ id, environment, kind, key_id, ciphertext }) => {
      // A secret that already has the new key stays as it is, so that the command can be run twice.
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
