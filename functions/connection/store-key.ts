/**
 * Storing the key of an environment: Stripe checks it, the database keeps it encrypted, and the endpoint and a sync
 * follow.
 */
import type { StripeEnvironment, SyncRun } from '../../types/api.ts'
import type { StripeObjectRef } from '../../types/stripe.ts'
import { toApiError } from '../core/errors.ts'
import { describeError, redact } from '../core/log.ts'
import { encryptSecret, isUnreadable } from '../core/secrets.ts'
import {
  type ConnectedAccount,
  checkKnownObjects,
  connectAccount,
  environmentHealth,
  type HealthFacts,
  knownObjects,
} from '../core/sql.ts'
import { createStripe } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'
import { firstKnown } from '../sync/account.ts'
import { presentSyncRun } from '../sync/present.ts'
import { syncBriefly } from '../sync/sync.ts'
import { checkKeyFormat, encryptionKeyOf, lookUpAccount, maskKey } from './keys.ts'
import { readConnections } from './reads.ts'
import { configureWebhookEndpoint, deleteFormerEndpoint, formerEndpoint } from './webhook-endpoint.ts'

export type StoredKey = {
  connected: ConnectedAccount
  /** Sentences about what remains to be done. */
  warnings: string[]
  /** Why the webhook endpoint could not be set up, a sentence of the warnings; null if it was, or is set up by hand. */
  endpointProblem: string | null
  /** The sync that follows; null when it could not begin. */
  sync: SyncRun | null
}

/**
 * Stores a key that Stripe accepts. Every step after that only adds a warning if it fails, because the key is stored
 * all the same.
 *
 * @throws 400 for a key that cannot be used; 409 for one of another account, unless `replaceAccount`
 */
export async function storeKey(
  deps: Deps,
  {
    environment,
    secretKey,
    replaceAccount,
    signal,
  }: { environment: StripeEnvironment; secretKey: string; replaceAccount: boolean; signal: AbortSignal },
): Promise<StoredKey> {
  const { config, database, secrets } = deps
  checkKeyFormat(environment, secretKey)
  const encryptionKey = await encryptionKeyOf(config)
  const account = await lookUpAccount(config, environment, secretKey)
  const proof = await seenByNewKey(environment, secretKey, deps)
  if (proof !== null && !replaceAccount)
    await checkKnownObjects(database, { environment, accountId: account.id, ...proof, acceptErased: false })
  const former = replaceAccount ? await formerEndpoint(environment, deps) : null
  const connected = await connectAccount(database, {
    environment,
    account,
    ...(await encryptSecret(encryptionKey, { environment, kind: 'secret_key' }, secretKey)),
    maskedKey: maskKey(secretKey),
    replaceAccount,
    seen: proof?.seen ?? null,
  })
  secrets.forget(environment)

  let endpointProblem: string | null = null
  const warnings: (string | null)[] = []
  if (connected.deleted !== null && former !== null) {
    const name = `The webhook endpoint ${former.id} of the previous account`
    warnings.push(await deleteFormerEndpoint(environment, former, deps, name))
  }
  if (config.publicUrl === null) warnings.push(await warnAboutEndpoint(environment, deps))
  else {
    const endpoint = await setUpEndpoint(environment, deps)
    endpointProblem = endpoint.problem
    warnings.push(...endpoint.warnings)
  }
  const { sync, warning } = await syncAfter(environment, signal, deps)
  warnings.push(warning)
  return {
    connected,
    warnings: warnings.filter((text) => text !== null).map(redact),
    endpointProblem: endpointProblem === null ? null : redact(endpointProblem),
    sync,
  }
}

/**
 * Which of the objects of the rows a new key sees, while their account is not known. Null where the
 * account is known: the database compares it.
 */
async function seenByNewKey(
  environment: StripeEnvironment,
  secretKey: string,
  { config, database, now }: Deps,
): Promise<{ asked: StripeObjectRef[]; seen: StripeObjectRef | null } | null> {
  const connection = (await readConnections(database)).find((row) => row.environment === environment)
  if (typeof connection?.account_id === 'string') return null
  const stripe = await createStripe({ config, secrets: { secretKey: async () => secretKey }, now })(
    environment,
  )
  const asked = await knownObjects(database, { environment })
  return { asked, seen: await firstKnown(asked, (ref) => stripe.retrieve(ref)) }
}

/** Sets up the webhook endpoint. Returns the warnings, and why it is not set up; null if it is. */
async function setUpEndpoint(
  environment: StripeEnvironment,
  deps: Deps,
): Promise<{ warnings: string[]; problem: string | null }> {
  try {
    const { warnings } = await configureWebhookEndpoint(environment, deps)
    return { warnings, problem: null }
  } catch (error) {
    deps.log.error('endpoint_not_configured', { environment, cause: describeError(error) })
    const { message, nextActions = '' } = toApiError(error)
    const problem = `The webhook endpoint is not set up: ${message} ${nextActions}`.trim()
    return { warnings: [problem], problem }
  }
}

/** A warning if no event can be accepted: PAYMENTS_PUBLIC_URL is not set, and no endpoint was set up by hand. */
async function warnAboutEndpoint(
  environment: StripeEnvironment,
  { database, secrets }: Pick<Deps, 'database' | 'secrets'>,
): Promise<string | null> {
  const problem = await secrets.webhookSecrets(environment).then(() => null, toApiError)
  if (problem === null) return null
  if (isUnreadable(problem))
    return `The webhook endpoint is not set up again, because PAYMENTS_PUBLIC_URL is not set: set it and run \`pg-payments stripe webhooks configure --environment ${environment}\`. ${problem.message}`
  const facts: HealthFacts = {
    has_key: true,
    key_problem: null,
    stripe_problem: null,
    has_signing_secret: false,
    secret_problem: null,
    public_url: false,
    drift: null,
  }
  const { reasons } = await environmentHealth(database, { environment, facts })
  const advice = reasons.find(({ code }) => code === 'no_signing_secret')?.next_action
  return `No webhook endpoint is set up, because PAYMENTS_PUBLIC_URL is not set. ${advice}`
}

/** The sync that follows a new key, or a warning that it failed. */
async function syncAfter(
  environment: StripeEnvironment,
  signal: AbortSignal,
  deps: Deps,
): Promise<{ sync: SyncRun | null; warning: string | null }> {
  try {
    const run = await syncBriefly({ environment, signal }, deps)
    if (run !== null) return { sync: presentSyncRun(run), warning: null }
    const command = `pg-payments stripe sync --environment ${environment}`
    return { sync: null, warning: `The rows are not in sync with Stripe yet. Run \`${command}\`.` }
  } catch (error) {
    deps.log.error('sync_failed', { environment, cause: describeError(error) })
    return { sync: null, warning: `The rows are not in sync with Stripe yet: ${toApiError(error).message}` }
  }
}
