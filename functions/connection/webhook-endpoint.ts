/**
 * The webhook endpoint that is managed at Stripe. The database says what is to be done about the endpoints that the account has;
 * this does it. See https://docs.stripe.com/api/webhook_endpoints.
 */
import type { Stripe } from 'stripe'
import type { StripeEnvironment, WebhookDrift } from '../../types/api.ts'
import type { Config } from '../core/config.ts'
import { apiError, fromStripe, isApiError } from '../core/errors.ts'
import { describeError } from '../core/log.ts'

import { encryptSecret } from '../core/secrets.ts'
import {
  beginWebhookEndpoint,
  type ConnectionRow,
  completeWebhookEndpoint,
  type WebhookEndpointChange,
  webhookEndpointDrift,
} from '../core/sql.ts'
import { connectStripe } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'
import { encryptionKeyOf } from './keys.ts'
import { readConnections } from './reads.ts'

export type EndpointDeps = Pick<Deps, 'config' | 'database' | 'secrets' | 'log'>

/** The SDK with the key in use. */
export async function stripeClient(
  environment: StripeEnvironment,
  { config, secrets }: Pick<Deps, 'config' | 'secrets'>,
): Promise<Stripe> {
  return connectStripe(config, await secrets.secretKey(environment))
}

/** A call of Stripe whose failure is one that callers may know. */
async function asking<T>(environment: StripeEnvironment, call: Promise<T>): Promise<T> {
  return call.catch((error) => {
    throw fromStripe(error, environment)
  })
}

/** Where Stripe delivers the events of an environment; null when nobody said where we can be reached. */
export function webhookUrl({ publicUrl }: Config, environment: StripeEnvironment): string | null {
  return publicUrl === null ? null : `${publicUrl.replace(/\/+$/, '')}/api/webhooks/stripe/${environment}`
}

/** The version that the endpoint uses: the one whose shapes the SDK knows. */
async function apiVersion(): Promise<string> {
  const { Stripe } = await import('stripe')
  return Stripe.API_VERSION
}

/** All endpoints of the account: it may have 16 in each mode. */
async function listEndpoints(client: Stripe, options: Stripe.RequestOptions = {}) {
  return (await client.webhookEndpoints.list({ limit: 100 }, options)).data
}

/** How often the list may be out of date because somebody else sets up the endpoint at the same moment. */
const LOOKS = 5

/** What is to be done, judged by a list of endpoints that nobody has made out of date meanwhile. */
async function decide(
  { database }: Pick<Deps, 'database'>,
  wanted: { environment: StripeEnvironment; url: string; apiVersion: string },
  list: () => Promise<Stripe.WebhookEndpoint[]>,
): Promise<WebhookEndpointChange> {
  let decision = await beginWebhookEndpoint(database, { ...wanted, endpoints: null, since: null })
  for (let look = 0; decision.action === 'list' && look < LOOKS; look += 1) {
    const since = decision.idempotency_key
    decision = await beginWebhookEndpoint(database, { ...wanted, endpoints: await list(), since })
  }
  if (decision.action !== 'list') return decision
  throw apiError(409, 'UPSTREAM_FAILURE', 'The webhook endpoint is being set up by somebody else just now.', {
    nextActions: 'Try again in a moment.',
  })
}

/** Stripe's refusal of one endpoint more than an account may have, with what leads on: none of those that are there is ours. */
function noRoom(error: unknown, environment: StripeEnvironment, url: string): unknown {
  if (!isApiError(error) || !/\bmaximum of \d+ .*webhook endpoints\b/i.test(error.message)) return error
  return apiError(error.status, error.code, error.message, {
    nextActions: `Delete one that is not needed in the Stripe Dashboard and set it up again; or let one of them deliver to ${url}, and set STRIPE_${environment.toUpperCase()}_WEBHOOK_SECRET to its signing secret.`,
    cause: error.cause,
  })
}

export type ConfiguredEndpoint = {
  connection: ConnectionRow
  action: 'reused' | 'mended' | 'created'
  /** Sentences about what could not be done besides. */
  warnings: string[]
}

/**
 * Sees to it that Stripe delivers the events of an environment to us. What is as it should be is used again. A new endpoint takes
 * over in an order in which no event is refused: its secret is stored before it has any event to deliver, and the one before is
 * disabled last; what it has signed is good for a day. Done again after a failure anywhere in between, it goes on from there.
 */
export async function configureWebhookEndpoint(
  environment: StripeEnvironment,
  deps: EndpointDeps,
): Promise<ConfiguredEndpoint> {
  const { config, database, secrets, log } = deps
  const url = webhookUrl(config, environment)
  if (url === null) {
    throw apiError(
      400,
      'PAYMENT_CONFIG_INVALID',
      'The webhook endpoint cannot be set up: nobody said where Stripe can reach these routes.',
      { nextActions: 'Set PAYMENTS_PUBLIC_URL, or make the endpoint by hand in the Stripe Dashboard.' },
    )
  }
  const encryptionKey = await encryptionKeyOf(config)
  const client = await stripeClient(environment, deps)
  const ask = <T>(call: Promise<T>) => asking(environment, call)

  const decision = await decide(deps, { environment, url, apiVersion: await apiVersion() }, async () => {
    const endpoints = await ask(listEndpoints(client))
    if (!(await secrets.lostWebhookSecret(environment))) return endpoints
    // The secret of ours is there and does not open: ours is as useless as one of another version, and a new one takes its place.
    return endpoints.map((endpoint) => ({ ...endpoint, api_version: null }))
  })
  let { endpoint } = decision
  let connection: ConnectionRow
  if (decision.action === 'create' || endpoint === null) {
    for (const id of decision.remove) await ask(client.webhookEndpoints.del(id))
    const { idempotency_key: idempotencyKey } = decision
    const created = await ask(client.webhookEndpoints.create(decision.params, { idempotencyKey })).catch(
      (error) => {
        throw noRoom(error, environment, url)
      },
    )
    const { secret, ...described } = created
    if (secret === undefined)
      throw apiError(502, 'UPSTREAM_FAILURE', 'Stripe gave no signing secret for the new webhook endpoint.')
    endpoint = described
    const sealed = await encryptSecret(encryptionKey, { environment, kind: 'webhook_secret' }, secret)
    connection = await completeWebhookEndpoint(database, { environment, endpoint, secret: sealed })
    secrets.forget(environment)
    await ask(
      client.webhookEndpoints.update(created.id, {
        enabled_events: decision.events as Stripe.WebhookEndpointUpdateParams.EnabledEvent[],
      }),
    )
  } else {
    if (decision.action === 'mend') await ask(client.webhookEndpoints.update(endpoint.id, decision.params))
    connection = await completeWebhookEndpoint(database, { environment, endpoint, secret: null })
  }

  const warnings: string[] = []
  for (const id of decision.retire) {
    // Made by somebody who asked for the same at the same time, or before a crash: Stripe gave the same one again.
    if (id === endpoint.id) continue
    await client.webhookEndpoints.update(id, { disabled: true }).catch((error) => {
      log.error('endpoint_not_disabled', { environment, endpoint: id, cause: describeError(error) })
      warnings.push(`The webhook endpoint ${id} could not be disabled; disable it in the Stripe Dashboard.`)
    })
  }
  const actions = { reuse: 'reused', mend: 'mended', create: 'created' } as const
  return { connection, action: actions[decision.action], warnings }
}

/** How long a look at Stripe may take that only adds to an answer. */
const GLANCE_MS = 5_000

/**
 * How the managed webhook endpoint of an environment differs from how it was set up; nothing when it does not, or when none is
 * managed.
 *
 * @throws an `ApiError` when Stripe cannot be asked
 */
export async function webhookDrift(
  environment: StripeEnvironment,
  deps: Pick<Deps, 'config' | 'database' | 'secrets'>,
): Promise<WebhookDrift[]> {
  const client = await stripeClient(environment, deps)
  const endpoints = await asking(
    environment,
    listEndpoints(client, {
      timeout: Math.min(GLANCE_MS, deps.config.stripe.timeoutMs),
      maxNetworkRetries: 0,
    }),
  )
  return webhookEndpointDrift(deps.database, {
    environment,
    url: webhookUrl(deps.config, environment),
    apiVersion: await apiVersion(),
    endpoints,
  })
}

export const stillAtStripe = (name: string) =>
  `${name} is still at Stripe; delete it in the Stripe Dashboard.`

export type FormerEndpoint = {
  id: string
  /** Where it delivers; null when that was not noted. */
  url: string | null
  /** Of the account that it is in; null when its key is not known any more. */
  client: Stripe | null
}

/** The endpoint that an environment has been set up with until now, with what reaches it. */
export async function formerEndpoint(
  environment: StripeEnvironment,
  deps: Pick<Deps, 'config' | 'database' | 'secrets'>,
): Promise<FormerEndpoint | null> {
  const rows = await readConnections(deps.database)
  const row = rows.find((candidate) => candidate.environment === environment)
  if (!row?.webhook_endpoint_id) return null
  const client = await stripeClient(environment, deps).catch(() => null)
  return { id: row.webhook_endpoint_id, url: row.webhook_endpoint_url, client }
}

/**
 * Deletes at Stripe the endpoint that an environment was set up with, best effort, if it delivers to us. One that delivers elsewhere
 * may be in use: a copy of a database remembers the endpoint of the original.
 *
 * @param name how a sentence calls it
 * @returns a sentence when it is still there
 */
export async function deleteFormerEndpoint(
  environment: StripeEnvironment,
  { id, url, client }: FormerEndpoint,
  { config, log }: Pick<Deps, 'config' | 'log'>,
  name = `The webhook endpoint ${id}`,
): Promise<string | null> {
  if (url === null || url !== webhookUrl(config, environment)) {
    const elsewhere =
      url === null ? 'nobody noted where it delivers' : `it delivers to ${url}, not to this deployment`
    return `${name} is still at Stripe, because ${elsewhere}; delete it in the Stripe Dashboard if nothing else needs it.`
  }
  if (client === null) return stillAtStripe(name)
  try {
    await client.webhookEndpoints.del(id)
    return null
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return null
    log.error('endpoint_not_deleted', { environment, endpoint: id, cause: describeError(error) })
    return stillAtStripe(name)
  }
}
