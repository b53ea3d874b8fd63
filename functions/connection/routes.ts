/** The connection to a Stripe account: its key, its webhook endpoint, and whether all is well. */
import type { StripeConnection, StripeEnvironment, SyncRun, WebhookDrift } from '../../types/api.ts'
import { isApiError, secretKeyVariable, toApiError } from '../core/errors.ts'
import { describeError, redact } from '../core/log.ts'
import { type KeyState, presentConnection, presentKey } from '../core/present-parts.ts'
import { readConnections } from '../core/reads.ts'
import { route } from '../core/route.ts'
import {
  configResponse,
  configureWebhookResponse,
  deleteConfigResponse,
  environmentParams,
  healthResponse,
  putConfigBody,
  putConfigResponse,
  statusResponse,
} from '../core/schema-parts.ts'
import { encryptSecret, isUnreadable } from '../core/secrets.ts'
import { connectAccount, disconnectAccount, environmentHealth, type HealthFacts } from '../core/sql.ts'
import type { Deps } from '../deps.ts'
import { presentSyncRun } from '../sync/present.ts'
import { syncBriefly } from '../sync/sync.ts'
import {
  checkKeyFormat,
  ENVIRONMENTS,
  encryptionKeyOf,
  lookUpAccount,
  maskKey,
  readKeyStates,
} from './keys.ts'
import {
  configureWebhookEndpoint,
  deleteFormerEndpoint,
  formerEndpoint,
  stillAtStripe,
  webhookDrift,
  webhookUrl,
} from './webhook-endpoint.ts'

const keysOf = (states: Record<StripeEnvironment, KeyState>) => ({
  keys: ENVIRONMENTS.map((environment) => presentKey(environment, states[environment])),
})

/** The connection of an environment with what the managed endpoint looks like at Stripe, as far as that can be seen just now. */
async function connectionOf(
  environment: StripeEnvironment,
  connections: Awaited<ReturnType<typeof readConnections>>,
  state: KeyState,
  deps: Deps,
): Promise<StripeConnection> {
  const row = connections.find((candidate) => candidate.environment === environment) ?? null
  const managed = row !== null && row.webhook_endpoint_id !== null && state.source !== null
  const drift = managed ? await webhookDrift(environment, deps).catch(() => null) : null
  return { ...presentConnection(environment, row, state), webhookDrift: drift }
}

const getStatus = route({
  id: 'getStripeStatus',
  method: 'GET',
  path: '/stripe/status',
  summary: 'The connection of each environment',
  response: statusResponse,
  async handle(_, deps) {
    const [connections, states] = await Promise.all([readConnections(deps.database), readKeyStates(deps)])
    return {
      connections: await Promise.all(
        ENVIRONMENTS.map((environment) => connectionOf(environment, connections, states[environment], deps)),
      ),
    }
  },
})

const getConfig = route({
  id: 'getStripeConfig',
  method: 'GET',
  path: '/stripe/config',
  summary: 'Whether each environment has a key; never the key itself',
  response: configResponse,
  handle: async (_, deps) => keysOf(await readKeyStates(deps)),
})

/** The sync that follows a new key. That it fails is a warning: the key is stored all the same. */
async function syncAfter(
  environment: StripeEnvironment,
  signal: AbortSignal,
  warnings: string[],
  deps: Deps,
): Promise<SyncRun | null> {
  try {
    return presentSyncRun(await syncBriefly({ environment, signal }, deps))
  } catch (error) {
    deps.log.error('sync_failed', { environment, cause: describeError(error) })
    warnings.push(`The rows are not in line with Stripe yet: ${toApiError(error).message}`)
    return null
  }
}

/** A sentence where no event can be accepted: PAYMENTS_PUBLIC_URL is not set, and no endpoint was set up by hand. */
async function withoutEndpoint(
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

const putConfig = route({
  id: 'putStripeConfig',
  asksStripe: true,
  method: 'PUT',
  path: '/stripe/{environment}/config',
  summary: 'Stores the key of an environment',
  description:
    'The key is tried at Stripe first, and a restricted key for every permission that is needed. The key of another account than before is refused with 409, unless `replaceAccount` says that everything kept of that account is to be deleted. Where PAYMENTS_PUBLIC_URL is set, the webhook endpoint is set up as well. Then a sync begins: what it can list at once is in the rows when the answer comes, and the next sync goes on where it was.',
  params: environmentParams,
  body: putConfigBody,
  response: putConfigResponse,
  errors: {
    400: ['PAYMENT_CONFIG_INVALID'],
    409: ['PAYMENT_ACCOUNT_CHANGED', 'DATABASE_CONSTRAINT_VIOLATION'],
  },
  async handle({ params: { environment }, body: { secretKey, replaceAccount = false }, signal }, deps) {
    const { config, database, log, secrets } = deps
    checkKeyFormat(environment, secretKey)
    const encryptionKey = await encryptionKeyOf(config)
    const account = await lookUpAccount(config, environment, secretKey)
    const before = replaceAccount ? await formerEndpoint(environment, deps) : null
    const sealed = await encryptSecret(encryptionKey, { environment, kind: 'secret_key' }, secretKey)
    const connected = await connectAccount(database, {
      environment,
      account,
      ...sealed,
      maskedKey: maskKey(secretKey),
      replaceAccount,
    })
    secrets.forget(environment)

    const warnings: string[] = []
    if (connected.previous_account_id !== null && before !== null) {
      const name = `The webhook endpoint ${before.id} of the account before`
      const left = await deleteFormerEndpoint(environment, before, deps, name)
      if (left !== null) warnings.push(left)
    }
    if (config.publicUrl !== null) {
      try {
        warnings.push(...(await configureWebhookEndpoint(environment, deps)).warnings)
      } catch (error) {
        log.error('endpoint_not_configured', { environment, cause: describeError(error) })
        const { message, nextActions = '' } = toApiError(error)
        warnings.push(`The webhook endpoint is not set up: ${message} ${nextActions}`.trim())
      }
    } else {
      const missing = await withoutEndpoint(environment, deps)
      if (missing !== null) warnings.push(missing)
    }
    const sync = await syncAfter(environment, signal, warnings, deps)
    const [connections, states] = await Promise.all([readConnections(database), readKeyStates(deps)])
    return {
      ...keysOf(states),
      connection: await connectionOf(environment, connections, states[environment], deps),
      deleted: connected.deleted,
      sync,
      warnings: warnings.map(redact),
    }
  },
})

const deleteConfig = route({
  id: 'deleteStripeConfig',
  method: 'DELETE',
  path: '/stripe/{environment}/config',
  summary: 'Forgets the stored key of an environment',
  description:
    'Deletes the managed webhook endpoint at Stripe, best effort, and the signing secrets. An endpoint that delivers to another address than this deployment stays, and so does what was projected; `remained` says so.',
  params: environmentParams,
  response: deleteConfigResponse,
  errors: { 404: ['PAYMENT_CONFIG_NOT_FOUND'] },
  async handle({ params: { environment } }, deps) {
    const { config, database, secrets } = deps
    const before = await formerEndpoint(environment, deps)
    const { endpoint_id: endpointId, remaining } = await disconnectAccount(database, { environment })
    secrets.forget(environment)

    const remained: string[] = []
    if (endpointId !== null) {
      const left =
        before?.id === endpointId
          ? await deleteFormerEndpoint(environment, before, deps)
          : stillAtStripe(`The webhook endpoint ${endpointId}`) // set up by somebody else just now
      if (left !== null) remained.push(left)
    }
    const tables = Object.entries(remaining).map(([table, rows]) => `${rows} ${table}`)
    if (tables.length > 0) remained.push(`The database keeps what was projected: ${tables.join(', ')}.`)
    if (config.stripe.secretKey[environment] !== null)
      remained.push(`The key in ${secretKeyVariable(environment)} is used from now on.`)
    return { ...keysOf(await readKeyStates(deps)), remained }
  },
})

const configureWebhook = route({
  id: 'configureStripeWebhook',
  asksStripe: true,
  method: 'POST',
  path: '/stripe/{environment}/webhook',
  summary: 'Sets up the webhook endpoint at Stripe',
  description:
    'An endpoint of ours that is as it should be is used again; otherwise one is mended or made, takes over, and the one before is disabled. Endpoints of other projects are not touched.',
  params: environmentParams,
  response: configureWebhookResponse,
  errors: { 400: ['PAYMENT_CONFIG_INVALID'] },
  async handle({ params: { environment } }, deps) {
    const { connection, action, warnings } = await configureWebhookEndpoint(environment, deps)
    const states = await readKeyStates(deps)
    return {
      connection: presentConnection(environment, connection, states[environment]),
      action,
      warnings: warnings.map(redact),
    }
  },
})

/** What Stripe says to the key, in sentences for the verdict. */
async function askStripe(
  environment: StripeEnvironment,
  isManaged: boolean,
  deps: Deps,
): Promise<{ drift: WebhookDrift[] | null; keyProblem: string | null; stripeProblem: string | null }> {
  try {
    return { drift: await webhookDrift(environment, deps), keyProblem: null, stripeProblem: null }
  } catch (error) {
    const { status, code, message } = toApiError(error)
    // Stripe knows the key, and what it lacks is needed only where an endpoint is managed.
    if (status === 403 && !isManaged) return { drift: [], keyProblem: null, stripeProblem: null }
    const refused = code === 'PAYMENT_CONFIG_INVALID'
    return { drift: null, keyProblem: refused ? message : null, stripeProblem: refused ? null : message }
  }
}

const getHealth = route({
  id: 'getStripeHealth',
  method: 'GET',
  path: '/stripe/{environment}/health',
  summary: 'Whether all is well: key, webhook endpoint, sync and events, with one verdict and its reasons',
  params: environmentParams,
  response: healthResponse,
  async handle({ params: { environment } }, deps) {
    const { config, database, secrets } = deps
    const [connections, states] = await Promise.all([readConnections(database), readKeyStates(deps)])
    const state = states[environment]
    const row = connections.find((candidate) => candidate.environment === environment)
    const isManaged = config.publicUrl !== null || row?.webhook_endpoint_id != null
    /** A sentence where the stored secrets do not open; no secret at all is something else. */
    let secretProblem: string | null = null
    const unreadable = (error: unknown) => {
      if (!isApiError(error)) throw error
      if (error.code === 'DATABASE_UNAVAILABLE') throw error
      if (isUnreadable(error)) secretProblem ??= error.message
      return false
    }
    secrets.forget(environment) // what is stored counts here, and not what this process still holds
    const opens = await secrets.secretKey(environment).then(() => true, unreadable)
    const hasSigningSecret = await secrets.webhookSecrets(environment).then(() => true, unreadable)
    if (hasSigningSecret && (await secrets.lostWebhookSecret(environment)))
      secretProblem ??=
        'The signing secret stored last cannot be opened, so the events of its endpoint are refused.'
    const asked = opens
      ? await askStripe(environment, isManaged, deps)
      : { drift: null, keyProblem: null, stripeProblem: null }
    const facts: HealthFacts = {
      has_key: state.source !== null,
      key_problem: asked.keyProblem,
      stripe_problem: asked.stripeProblem,
      has_signing_secret: hasSigningSecret,
      secret_problem: secretProblem,
      public_url: config.publicUrl !== null,
      drift: asked.drift,
    }
    const { status, reasons, events, connection } = await environmentHealth(database, { environment, facts })
    const shown = presentConnection(environment, connection, state)
    const maybe = (value: string | null) => (value === null ? null : new Date(value).toISOString())
    return {
      environment,
      status,
      reasons: reasons.map(({ code, severity, message, next_action, command }) => ({
        code,
        severity,
        message: redact(message),
        nextAction: next_action,
        command,
      })),
      key: {
        hasKey: state.source !== null,
        maskedKey: state.maskedKey,
        source: state.source,
        accepted: asked.keyProblem !== null ? false : asked.drift !== null ? true : null,
      },
      endpoint: {
        id: shown.webhookEndpointId,
        url: shown.webhookEndpointUrl,
        configuredAt: shown.webhookConfiguredAt,
        hasSigningSecret,
        expectedUrl: webhookUrl(config, environment),
        drift: shown.webhookEndpointId === null ? null : asked.drift,
      },
      sync: {
        lastSyncedAt: shown.lastSyncedAt,
        status: shown.lastSyncStatus,
        error: shown.lastSyncError,
      },
      events: {
        backlog: events.backlog,
        deadLettered: events.dead_lettered,
        oldestFailedAt: maybe(events.oldest_failed_at),
        failures: events.failures.map(({ event_type, error, count }) => ({
          eventType: event_type,
          error: error === null ? null : redact(error),
          count,
        })),
        lastHour: events.events_last_hour,
        lastReceivedAt: maybe(events.last_received_at),
        medianLag: events.median_lag,
        greatestLag: events.greatest_lag,
      },
    }
  },
})

export const connectionRoutes = [getStatus, getConfig, putConfig, deleteConfig, configureWebhook, getHealth]
