/** The admin routes of the connection to a Stripe account: its key, its webhook endpoint, its health. */
import type { StripeConnection, StripeEnvironment } from '../../types/api.ts'
import type { Deps } from '../core/deps.ts'
import { secretKeyVariable } from '../core/errors.ts'
import { redact } from '../core/log.ts'
import { route } from '../core/route.ts'
import { environmentParams } from '../core/schema-parts.ts'
import { disconnectAccount } from '../core/sql.ts'
import { readHealth } from './health.ts'
import { ENVIRONMENTS, readKeyStates } from './keys.ts'
import { type KeyState, presentConnection, presentKey } from './present.ts'
import { readConnections } from './reads.ts'
import {
  configResponse,
  configureWebhookBody,
  configureWebhookResponse,
  deleteConfigResponse,
  healthResponse,
  putConfigBody,
  putConfigResponse,
  statusResponse,
} from './schemas.ts'
import { getSettings } from './settings.ts'
import { storeKey } from './store-key.ts'
import {
  configureWebhookEndpoint,
  deleteFormerEndpoint,
  formerEndpoint,
  stillAtStripe,
  webhookDrift,
} from './webhook-endpoint.ts'

const keysOf = (states: Record<StripeEnvironment, KeyState>) => ({
  keys: ENVIRONMENTS.map((environment) => presentKey(environment, states[environment])),
})

/** The connection of an environment, with the drift of its managed endpoint; null if Stripe cannot be asked. */
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
  summary: 'Whether each environment has a key, never the key itself',
  response: configResponse,
  handle: async (_, deps) => keysOf(await readKeyStates(deps)),
})

const putConfig = route({
  id: 'putStripeConfig',
  asksStripe: true,
  method: 'PUT',
  path: '/stripe/{environment}/config',
  summary: 'Stores the key of an environment',
  description:
    'Stripe checks the key first, and every needed permission of a restricted key. A key of another account is refused with 409, unless `replaceAccount` is true: then everything stored of the previous account is deleted. If PAYMENTS_PUBLIC_URL is set, the webhook endpoint is set up as well. Then a sync begins. Its first pages are in the rows when the response is sent, and the next sync resumes it.',
  params: environmentParams,
  body: putConfigBody,
  response: putConfigResponse,
  errors: {
    400: ['PAYMENT_CONFIG_INVALID'],
    409: ['PAYMENT_ACCOUNT_CHANGED', 'DATABASE_CONSTRAINT_VIOLATION'],
  },
  async handle({ params: { environment }, body: { secretKey, replaceAccount = false }, signal }, deps) {
    const { connected, warnings, endpointProblem, sync } = await storeKey(deps, {
      environment,
      secretKey,
      replaceAccount,
      signal,
    })
    const [connections, states] = await Promise.all([readConnections(deps.database), readKeyStates(deps)])
    return {
      ...keysOf(states),
      connection: await connectionOf(environment, connections, states[environment], deps),
      deleted: connected.deleted,
      sync,
      warnings,
      endpointProblem,
    }
  },
})

const deleteConfig = route({
  id: 'deleteStripeConfig',
  method: 'DELETE',
  path: '/stripe/{environment}/config',
  summary: 'Forgets the stored key of an environment',
  description:
    'Deletes the managed webhook endpoint at Stripe, best effort, and the signing secrets. Projected rows stay, and so does an endpoint that delivers to another deployment; `remained` lists both.',
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
          : stillAtStripe(`The webhook endpoint ${endpointId}`) // another request has just set it up
      if (left !== null) remained.push(left)
    }
    const tables = Object.entries(remaining).map(([table, rows]) => `${rows} ${table}`)
    if (tables.length > 0) remained.push(`The projected rows stay in the database: ${tables.join(', ')}.`)
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
    'Reuses an endpoint of this deployment that is already correct. Otherwise updates or creates one, and disables the previous one. Does not touch endpoints of other projects, nor one that delivers to another address: `warnings` names it, and `takeOver` disables it.',
  params: environmentParams,
  body: configureWebhookBody,
  bodyMayBeEmpty: true,
  response: configureWebhookResponse,
  errors: { 400: ['PAYMENT_CONFIG_INVALID'] },
  async handle({ params: { environment }, body }, deps) {
    const { connection, action, warnings } = await configureWebhookEndpoint(environment, deps, body)
    const states = await readKeyStates(deps)
    return {
      connection: presentConnection(environment, connection, states[environment]),
      action,
      warnings: warnings.map(redact),
    }
  },
})

const getHealth = route({
  id: 'getStripeHealth',
  method: 'GET',
  path: '/stripe/{environment}/health',
  summary: 'The health of key, webhook endpoint, sync and events, as one verdict with its reasons',
  params: environmentParams,
  response: healthResponse,
  handle: ({ params: { environment } }, deps) => readHealth(environment, deps),
})

export const connectionRoutes = [
  getSettings,
  getStatus,
  getConfig,
  putConfig,
  deleteConfig,
  configureWebhook,
  getHealth,
]
