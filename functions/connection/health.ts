/**
 * The health of an environment: the facts that only the handlers know, and the verdict that the database reaches from
 * them.
 */
import type { EnvironmentHealthResponse, StripeEnvironment, WebhookDrift } from '../../types/api.ts'
import type { Config } from '../core/config.ts'
import type { Deps } from '../core/deps.ts'
import { apiError, isApiError, toApiError } from '../core/errors.ts'
import { present } from '../core/present.ts'
import { canCallItself } from '../core/runtime.ts'
import { isUnreadable } from '../core/secrets.ts'
import { environmentHealth, type HealthFacts, type HealthVerdict, settingProblems } from '../core/sql.ts'
import { probeAddress } from './address.ts'
import { readKeyStates } from './keys.ts'
import { type KeyState, presentConnection } from './present.ts'
import { readConnections } from './reads.ts'
import { eventHealth, healthReason } from './schemas.ts'
import { deliveredEvents, webhookDrift, webhookUrl } from './webhook-endpoint.ts'

/** One verdict about an environment, with its reasons. */
export async function readHealth(
  environment: StripeEnvironment,
  deps: Deps,
): Promise<EnvironmentHealthResponse> {
  const settings = await settingProblems(deps.database)
  try {
    const [connections, keys] = await Promise.all([readConnections(deps.database), readKeyStates(deps)])
    const key = keys[environment]
    const row = connections.find((connection) => connection.environment === environment)
    const isManaged = deps.config.publicUrl !== null || row?.webhook_endpoint_id != null
    const facts = { ...(await gatherFacts(environment, key, isManaged, deps)), settings }
    await deps.refusals.flush(environment).catch(() => {}) // the verdict does not depend on the latest count
    const verdict = await environmentHealth(deps.database, { environment, facts })
    return presentHealth(environment, key, facts, verdict, deps.config)
  } catch (error) {
    // Under such a setting this login can read nothing, whatever else the error says.
    const unreadable = settings.find(({ code }) => code === 'row_security')
    if (unreadable === undefined || toApiError(error).status !== 500) throw error
    throw apiError(503, 'DATABASE_UNAVAILABLE', unreadable.message, {
      nextActions: unreadable.next_action,
      cause: error,
    })
  }
}

async function gatherFacts(
  environment: StripeEnvironment,
  key: KeyState,
  isManaged: boolean,
  deps: Deps,
): Promise<HealthFacts> {
  const { keyOpens, ...secretFacts } = await gatherSecretFacts(environment, deps)
  const url = webhookUrl(deps.config, environment)
  const [stripeFacts, listed_events, address_problem] = await Promise.all([
    keyOpens
      ? gatherStripeFacts(environment, isManaged, deps)
      : { drift: null, key_problem: null, stripe_problem: null },
    // A failure is among the facts already.
    keyOpens ? deliveredEvents(environment, deps).catch(() => null) : null,
    url !== null && keyOpens && canCallItself() ? probeAddress(url, deps.config) : null,
  ])
  return {
    has_key: key.source !== null,
    public_url: deps.config.publicUrl !== null,
    ...secretFacts,
    ...stripeFacts,
    listed_events,
    address_problem,
  }
}

/**
 * Which secrets can be used. A secret that does not decrypt is a problem; that none is stored is a fact of its own.
 */
async function gatherSecretFacts(
  environment: StripeEnvironment,
  { secrets }: Deps,
): Promise<Pick<HealthFacts, 'has_signing_secret' | 'secret_problem'> & { keyOpens: boolean }> {
  let problem: string | null = null
  const noteProblem = (error: unknown) => {
    if (!isApiError(error) || error.code === 'DATABASE_UNAVAILABLE') throw error
    if (isUnreadable(error)) problem ??= error.message
    return false
  }
  secrets.forget(environment) // the verdict is about what is stored, not about what this process has cached
  const keyOpens = await secrets.secretKey(environment).then(() => true, noteProblem)
  const hasSigningSecret = await secrets.webhookSecrets(environment).then(() => true, noteProblem)
  if (hasSigningSecret && (await secrets.lostWebhookSecret(environment)))
    problem ??= 'The signing secret stored last cannot be opened, so the events of its endpoint are refused.'
  return { keyOpens, has_signing_secret: hasSigningSecret, secret_problem: problem }
}

/** How the managed endpoint looks at Stripe; if Stripe refuses the key or cannot be reached, a sentence. */
async function gatherStripeFacts(
  environment: StripeEnvironment,
  isManaged: boolean,
  deps: Deps,
): Promise<Pick<HealthFacts, 'drift' | 'key_problem' | 'stripe_problem'>> {
  const noted = (drift: WebhookDrift[] | null, keyProblem: string | null, stripeProblem: string | null) => ({
    drift,
    key_problem: keyProblem,
    stripe_problem: stripeProblem,
  })
  try {
    return noted(await webhookDrift(environment, deps), null, null)
  } catch (error) {
    const { status, code, message } = toApiError(error)
    // Stripe accepts the key. The permission that it lacks is needed only for a managed endpoint.
    if (status === 403 && !isManaged) return noted([], null, null)
    return code === 'PAYMENT_CONFIG_INVALID' ? noted(null, message, null) : noted(null, null, message)
  }
}

function presentHealth(
  environment: StripeEnvironment,
  key: KeyState,
  facts: HealthFacts,
  { status, reasons, unlimited_buyers, events, connection }: HealthVerdict,
  config: Config,
): EnvironmentHealthResponse {
  const shown = presentConnection(environment, connection, key)
  return {
    environment,
    status,
    reasons: reasons.map((reason) => present(healthReason, reason)),
    unlimitedBuyers: unlimited_buyers,
    key: {
      hasKey: facts.has_key,
      maskedKey: key.maskedKey,
      source: key.source,
      accepted: facts.key_problem !== null ? false : facts.drift !== null ? true : null,
    },
    endpoint: {
      id: shown.webhookEndpointId,
      url: shown.webhookEndpointUrl,
      configuredAt: shown.webhookConfiguredAt,
      hasSigningSecret: facts.has_signing_secret,
      expectedUrl: webhookUrl(config, environment),
      drift: shown.webhookEndpointId === null ? null : facts.drift,
    },
    sync: { lastSyncedAt: shown.lastSyncedAt, status: shown.lastSyncStatus, error: shown.lastSyncError },
    events: present(eventHealth, { ...events, last_hour: events.events_last_hour }),
  }
}
