/**
 * The managed webhook endpoint at Stripe. The database compares the endpoints of the account and decides what to do;
 * this file does it. See https://docs.stripe.com/api/webhook_endpoints.
 */
import type { Stripe } from 'stripe'
import type { StripeEnvironment, WebhookDrift } from '../../types/api.ts'
import type { Config } from '../core/config.ts'
import { apiError, fromStripe, isApiError, unreadableAnswer } from '../core/errors.ts'
import { describeError } from '../core/log.ts'
import { type EncryptionKey, encryptSecret } from '../core/secrets.ts'
import {
  beginWebhookEndpoint,
  type ConnectionRow,
  completeWebhookEndpoint,
  type HealthFacts,
  type WebhookEndpointChange,
  webhookEndpointDrift,
} from '../core/sql.ts'
import { mapStripeError, stripeClock } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'
import { encryptionKeyOf } from './keys.ts'
import { readConnections } from './reads.ts'

export type EndpointDeps = Pick<Deps, 'config' | 'database' | 'secrets' | 'stripe' | 'log'>

/** The URL to which Stripe delivers the events of an environment; null when `PAYMENTS_PUBLIC_URL` is not set. */
export function webhookUrl({ publicUrl }: Config, environment: StripeEnvironment): string | null {
  return publicUrl === null ? null : `${publicUrl.replace(/\/+$/, '')}/api/webhooks/stripe/${environment}`
}

async function clientOf(environment: StripeEnvironment, { stripe }: Pick<Deps, 'stripe'>): Promise<Stripe> {
  return (await stripe(environment)).client
}

/** The API version of the endpoint: the one whose shapes the SDK knows. */
async function apiVersion(): Promise<string> {
  const { Stripe } = await import('stripe')
  return Stripe.API_VERSION
}

/** All endpoints of the account: it may have 16 in each mode. */
async function listEndpoints(client: Stripe, options: Stripe.RequestOptions = {}) {
  const { data } = await client.webhookEndpoints.list({ limit: 100 }, options)
  if (!Array.isArray(data)) throw unreadableAnswer(new Error('The list of webhook endpoints has no data.'))
  return data
}

/** Lists that may be outdated in a row, because other requests set up the endpoint at the same moment. */
const LIST_ATTEMPTS_MAX = 5

/** What to do, decided by a list of endpoints that no other request has made outdated. */
async function decide(
  { database, secrets }: Pick<Deps, 'database' | 'secrets'>,
  wanted: { environment: StripeEnvironment; url: string; apiVersion: string; takeOver: boolean },
  list: () => Promise<Stripe.WebhookEndpoint[]>,
): Promise<WebhookEndpointChange> {
  let decision = await beginWebhookEndpoint(database, wanted)
  for (let attempt = 0; decision.action === 'list' && attempt < LIST_ATTEMPTS_MAX; attempt += 1) {
    const since = decision.idempotency_key
    const endpoints = await list()
    const secretIsLost = await secrets.lostWebhookSecret(wanted.environment)
    decision = await beginWebhookEndpoint(database, { ...wanted, endpoints, since, secretIsLost })
  }
  if (decision.action !== 'list') return decision
  throw apiError(409, 'UPSTREAM_FAILURE', 'Another request is setting up the webhook endpoint right now.', {
    nextActions: 'Try again in a moment.',
  })
}

/**
 * Adds the next step to Stripe's refusal of one more endpoint than an account may have. None of the existing ones is
 * ours.
 */
function explainLimit(error: unknown, environment: StripeEnvironment, url: string): unknown {
  if (!isApiError(error) || !/\bmaximum of \d+ .*webhook endpoints\b/i.test(error.message)) return error
  return apiError(error.status, error.code, error.message, {
    nextActions: `Delete one that is not needed in the Stripe Dashboard and set it up again; or let one of them deliver to ${url}, and set STRIPE_${environment.toUpperCase()}_WEBHOOK_SECRET to its signing secret.`,
    cause: error.cause,
  })
}

export type ConfiguredEndpoint = {
  connection: ConnectionRow
  action: 'reused' | 'mended' | 'created'
  /** Sentences about what the user has to do by hand. */
  warnings: string[]
}

/**
 * Makes sure Stripe delivers this environment's events to us. Reuses an endpoint that is already correct.
 *
 * A new endpoint takes over without a refused event: its secret is stored before it subscribes to events, and the
 * previous endpoint is disabled last. The previous secret stays valid for a day. After a failure at any step, a second
 * call resumes from there.
 *
 * An endpoint that delivers to another address is left alone: a copy of a database remembers the endpoint of the
 * original.
 *
 * @param options.takeOver this deployment has moved: also disable its endpoint at the former address
 */
export async function configureWebhookEndpoint(
  environment: StripeEnvironment,
  deps: EndpointDeps,
  { takeOver = false }: { takeOver?: boolean } = {},
): Promise<ConfiguredEndpoint> {
  const { config, database } = deps
  const url = webhookUrl(config, environment)
  if (url === null) {
    throw apiError(
      400,
      'PAYMENT_CONFIG_INVALID',
      'The webhook endpoint cannot be set up, because PAYMENTS_PUBLIC_URL is not set.',
      {
        nextActions:
          'Set PAYMENTS_PUBLIC_URL to the address where Stripe reaches these routes, or create the endpoint in the Stripe Dashboard.',
      },
    )
  }
  const encryptionKey = await encryptionKeyOf(config)
  const client = await clientOf(environment, deps)

  const wanted = { environment, url, apiVersion: await apiVersion(), takeOver }
  const decision = await decide(deps, wanted, () => mapStripeError(environment, listEndpoints(client)))
  let { endpoint } = decision
  let connection: ConnectionRow
  if (decision.action === 'create' || endpoint === null) {
    const created = await createEndpoint(environment, decision, url, client, encryptionKey, deps)
    endpoint = created.endpoint
    connection = created.connection
  } else {
    if (decision.action === 'mend')
      await mapStripeError(environment, client.webhookEndpoints.update(endpoint.id, decision.params))
    connection = await completeWebhookEndpoint(database, { environment, endpoint })
  }
  const warnings = [
    ...decision.elsewhere.map((other) => leftAlone(environment, other)),
    ...decision.duplicates.map((id) => duplicate(id, url)),
    ...(await disableEndpoints(environment, decision.retire, endpoint.id, client, deps)),
  ]
  const actions = { reuse: 'reused', mend: 'mended', create: 'created' } as const
  return { connection, action: actions[decision.action], warnings }
}

/** Creates the endpoint, stores its secret, and only then subscribes it to events. */
async function createEndpoint(
  environment: StripeEnvironment,
  { params, idempotency_key: idempotencyKey, events, remove }: WebhookEndpointChange,
  url: string,
  client: Stripe,
  encryptionKey: EncryptionKey,
  { database, secrets }: EndpointDeps,
) {
  const { webhookEndpoints } = client
  for (const id of remove) await mapStripeError(environment, webhookEndpoints.del(id))
  const create = mapStripeError(environment, webhookEndpoints.create(params, { idempotencyKey }))
  const { secret, ...endpoint } = await create.catch((error) => {
    throw explainLimit(error, environment, url)
  })
  if (secret === undefined)
    throw apiError(502, 'UPSTREAM_FAILURE', 'Stripe returned no signing secret for the new webhook endpoint.')
  const sealed = await encryptSecret(encryptionKey, { environment, kind: 'webhook_secret' }, secret)
  const connection = await completeWebhookEndpoint(database, { environment, endpoint, ...sealed })
  secrets.forget(environment)
  const enabled_events = events as Stripe.WebhookEndpointUpdateParams.EnabledEvent[]
  await mapStripeError(environment, webhookEndpoints.update(endpoint.id, { enabled_events }))
  return { endpoint, connection }
}

/** Why an endpoint that delivers to another address was not disabled, and what to do if it should be. */
const leftAlone = (environment: StripeEnvironment, { id, url }: { id: string; url: string }) =>
  `The webhook endpoint ${id} was left alone, because it delivers to ${url}, where the original of this database may be in use. If this deployment has moved here from there, run \`pg-payments stripe webhooks configure --environment ${environment} --take-over\`, which disables that endpoint.`

/** An endpoint that somebody made by hand. A secret in a variable is not used while one is stored. */
const duplicate = (id: string, url: string) =>
  `The webhook endpoint ${id} also delivers to ${url}, and its deliveries are refused, because its signing secret is not used here. Delete it in the Stripe Dashboard.`

/** Disables previous endpoints, and returns a warning for each one that is still enabled. */
async function disableEndpoints(
  environment: StripeEnvironment,
  ids: string[],
  current: string,
  client: Stripe,
  { log }: EndpointDeps,
): Promise<string[]> {
  const warnings: string[] = []
  for (const id of ids) {
    // Stripe returns the same endpoint for the same idempotency key: to a concurrent request, or after a crash.
    if (id === current) continue
    await client.webhookEndpoints.update(id, { disabled: true }).catch((error) => {
      log.error('endpoint_not_disabled', { environment, endpoint: id, cause: describeError(error) })
      warnings.push(`The webhook endpoint ${id} could not be disabled; disable it in the Stripe Dashboard.`)
    })
  }
  return warnings
}

/** Limits a call to Stripe that only adds to a response. */
const DRIFT_TIMEOUT_MS = 5_000

/** How long Stripe and the handlers may take until an event is in the ledger. */
const DELIVERY_MAX_S = 600

/**
 * Stripe's newest events that should have arrived by now, in one page; null when Stripe does not list them.
 *
 * @throws an `ApiError` when Stripe cannot be reached
 */
export async function deliveredEvents(
  environment: StripeEnvironment,
  deps: Pick<Deps, 'stripe' | 'config' | 'now'>,
): Promise<NonNullable<HealthFacts['listed_events']> | null> {
  const client = await clientOf(environment, deps)
  const timeout = Math.min(DRIFT_TIMEOUT_MS, deps.config.stripe.timeoutMs)
  const page = await client.events.list({ limit: 100 }, { timeout, maxNetworkRetries: 0 }).catch((error) => {
    const failure = fromStripe(error, environment)
    if (failure.status === 403) return null // `doctor` reports the permission
    throw failure
  })
  if (page === null) return null
  // Stripe's clock counts. That of the handlers may be wrong, which is one of the reasons for lost events.
  const clock = stripeClock(page, deps.now())
  return page.data.flatMap(({ id, type, created }) =>
    created <= clock / 1000 - DELIVERY_MAX_S ? [{ id, type, created }] : [],
  )
}

/**
 * How the managed webhook endpoint of an environment differs from its set-up. Empty if it does not differ, or if none
 * is managed.
 *
 * @throws an `ApiError` when Stripe refuses or cannot be reached
 */
export async function webhookDrift(
  environment: StripeEnvironment,
  deps: Pick<Deps, 'config' | 'database' | 'stripe'>,
): Promise<WebhookDrift[]> {
  const client = await clientOf(environment, deps)
  const timeout = Math.min(DRIFT_TIMEOUT_MS, deps.config.stripe.timeoutMs)
  const endpoints = await mapStripeError(
    environment,
    listEndpoints(client, { timeout, maxNetworkRetries: 0 }),
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
  /** Where it delivers; null when that was not recorded. */
  url: string | null
  /** A client for its account; null when the key of that account is not known. */
  client: Stripe | null
}

/** The endpoint that an environment has until now, with a client that can delete it. */
export async function formerEndpoint(
  environment: StripeEnvironment,
  deps: Pick<Deps, 'database' | 'stripe'>,
): Promise<FormerEndpoint | null> {
  const rows = await readConnections(deps.database)
  const row = rows.find((candidate) => candidate.environment === environment)
  if (!row?.webhook_endpoint_id) return null
  const client = await clientOf(environment, deps).catch(() => null)
  return { id: row.webhook_endpoint_id, url: row.webhook_endpoint_url, client }
}

/**
 * Deletes at Stripe the endpoint that an environment had, best effort, if it delivers to us. One that delivers
 * elsewhere may be in use: a copy of a database remembers the endpoint of the original.
 *
 * @param name the subject of the sentence
 * @returns a sentence when the endpoint still exists
 */
export async function deleteFormerEndpoint(
  environment: StripeEnvironment,
  { id, url, client }: FormerEndpoint,
  { config, log }: Pick<Deps, 'config' | 'log'>,
  name = `The webhook endpoint ${id}`,
): Promise<string | null> {
  if (url === null || url !== webhookUrl(config, environment)) {
    const elsewhere =
      url === null ? 'its URL was not recorded' : `it delivers to ${url}, not to this deployment`
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
