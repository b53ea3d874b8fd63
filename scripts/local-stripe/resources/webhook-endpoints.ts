/**
 * Webhook endpoints (https://docs.stripe.com/api/webhook_endpoints). Only the response that creates one has its
 * secret.
 */
import { change, type Engine } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { listShape, paginate } from '../core/pagination.ts'
import {
  boolean,
  clearable,
  type Infer,
  list,
  mergeMetadata,
  metadata,
  required,
  string,
  url,
  withoutEffect,
} from '../core/params.ts'
import { type Route, route } from '../core/route.ts'
import type { WebhookEndpoint } from '../core/types.ts'

/** In each mode of an account. */
const ENDPOINTS_MAX = 16

const createShape = {
  api_version: clearable(string()),
  description: clearable(string()),
  enabled_events: required(list(string())),
  metadata: metadata(),
  url: required(url()),
  ...withoutEffect('connect'),
}
const updateShape = {
  description: clearable(string()),
  disabled: boolean(),
  enabled_events: list(string()),
  metadata: metadata(),
  url: url(),
}

/** Registers an endpoint, and returns it with its signing secret. */
export function createEndpoint(
  engine: Engine,
  params: Infer<typeof createShape>,
): WebhookEndpoint & { secret: string } {
  if (engine.store.list('webhook_endpoint').length >= ENDPOINTS_MAX) {
    throw invalidRequest(
      `You have reached the maximum of ${ENDPOINTS_MAX} ${engine.livemode ? 'live' : 'test'} webhook endpoints.`,
    )
  }
  checkEvents(params.enabled_events)
  if (params.api_version && !/^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$/.test(params.api_version)) {
    throw invalidRequest(`Invalid API version: ${params.api_version}`, { param: 'api_version' })
  }
  const endpoint = engine.store.add<'webhook_endpoint'>({
    id: engine.ids.next('we_'),
    object: 'webhook_endpoint',
    api_version: params.api_version ?? null,
    application: null,
    created: engine.now(),
    description: params.description ?? null,
    enabled_events: params.enabled_events,
    livemode: engine.livemode,
    metadata: mergeMetadata({}, params.metadata),
    status: 'enabled',
    url: params.url,
  })
  const secret = engine.ids.next('whsec_', 32)
  engine.endpointSecrets.set(endpoint.id, secret)
  return { ...endpoint, secret }
}

function checkEvents(types: string[]): void {
  if (types.length === 0) {
    throw invalidRequest('You must provide at least one value for enabled_events.', {
      param: 'enabled_events',
    })
  }
  types.forEach((type, place) => {
    if (type !== '*' && !/^[a-z0-9_]+(\.[a-z0-9_]+)+$/.test(type)) {
      throw invalidRequest(
        `Invalid enabled_events[${place}]: must be one of the event types Stripe sends, or *`,
        {
          param: `enabled_events[${place}]`,
        },
      )
    }
  })
}

const PERMISSION = 'webhook'

export const webhookEndpointRoutes: Route[] = [
  route('POST', '/v1/webhook_endpoints', PERMISSION, createShape, ({ engine, params }) =>
    createEndpoint(engine, params),
  ),
  route('GET', '/v1/webhook_endpoints', PERMISSION, listShape, ({ engine, params, path }) =>
    paginate(engine.store.list('webhook_endpoint'), params, path, 'webhook endpoint'),
  ),
  route('GET', '/v1/webhook_endpoints/:id', PERMISSION, {}, ({ engine, id }) =>
    engine.store.require('webhook_endpoint', id),
  ),
  route('POST', '/v1/webhook_endpoints/:id', PERMISSION, updateShape, ({ engine, id, params }) => {
    const endpoint = engine.store.require('webhook_endpoint', id)
    if (params.enabled_events) checkEvents(params.enabled_events)
    const changes: Partial<WebhookEndpoint> = { metadata: mergeMetadata(endpoint.metadata, params.metadata) }
    if (params.description !== undefined) changes.description = params.description
    if (params.disabled !== undefined) changes.status = params.disabled ? 'disabled' : 'enabled'
    if (params.enabled_events) changes.enabled_events = params.enabled_events
    if (params.url !== undefined) changes.url = params.url
    return change(engine, endpoint, changes)
  }),
  route('DELETE', '/v1/webhook_endpoints/:id', PERMISSION, {}, ({ engine, id }) => {
    engine.store.require('webhook_endpoint', id)
    return engine.store.remove('webhook_endpoint', id)
  }),
]
