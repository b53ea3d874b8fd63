/**
 * `POST /api/webhooks/stripe/{environment}`
 *
 * One signature check and one round trip to Postgres. Stripe retries after a 5xx, and not after a 200: the event is
 * recorded. See https://docs.stripe.com/webhooks.
 */
import type { StripeEnvironment, WebhookResponse } from '../../types/api.ts'
import type { StripeObjectRef } from '../../types/stripe.ts'
import { environmentOf } from '../core/environment.ts'
import { apiError, isApiError } from '../core/errors.ts'
import { type Answer, readBody } from '../core/http.ts'
import { describeError } from '../core/log.ts'
import { projectStripeObjects } from '../core/sql.ts'
import { storable } from '../core/storable.ts'
import type { Deps } from '../deps.ts'
import { presentWebhookEvent } from './present.ts'
import { verifySignature } from './verify.ts'

export async function webhook(
  request: Request,
  params: { environment: string },
  deps: Deps,
): Promise<Answer<WebhookResponse> & { outcome: string }> {
  const environment = environmentOf(params.environment)
  const signature = request.headers.get('stripe-signature')
  if (!signature) throw apiError(401, 'AUTH_UNAUTHORIZED', 'The Stripe-Signature header is missing.')
  const body = await readBody(request)
  await verifySignature(environment, body, signature, deps)
  if (body.length === 0)
    throw apiError(400, 'INVALID_INPUT', 'The body is empty: there is no event in it.', {
      nextActions: 'Pass on the bytes that Stripe sent, unchanged.',
    })

  const payload = storable(new TextDecoder().decode(body))
  const { status, event, fetch } = await deps.ingest({ environment, payload }).catch((error) => {
    throw isThin(payload) ? thinEvent(error) : error
  })
  if (fetch.length > 0) {
    deps.background.waitUntil(fetchAndProject(environment, fetch, event.provider_created_at, deps))
  }
  if (status === 'failed') {
    const cause = new Error(event.last_error ?? 'No reason was noted.')
    deps.log.error('webhook_failed', {
      environment,
      id: event.provider_event_id,
      type: event.event_type,
      attempt: event.attempt_count,
      cause: describeError(cause),
    })
    throw apiError(
      500,
      'INTERNAL_ERROR',
      'The event was stored but could not be processed yet; Stripe will retry.',
      {
        nextActions: 'Read the reason in last_error of its row in payments.webhook_events.',
        cause,
      },
    )
  }
  return {
    status: 200,
    outcome: status,
    body: {
      received: true,
      handled: event.processing_status === 'processed',
      event: presentWebhookEvent(event),
    },
  }
}

/** Whether a body is a thin event, which holds no object. See https://docs.stripe.com/event-destinations. */
const isThin = (payload: string) => /"object"\s*:\s*"v2\.core\.event"/.test(payload)

const thinEvent = (error: unknown) =>
  isApiError(error) && error.status === 400
    ? apiError(400, 'INVALID_INPUT', 'The body is a thin event; only snapshot events can be processed.', {
        nextActions:
          'In the Stripe Dashboard, create an event destination with the payload style "Snapshot", and delete this one.',
        cause: error.cause,
      })
    : error

/**
 * A snapshot may be dated before the event that it follows: events have whole seconds, and snapshots are dated a
 * little early. This is the longest such difference to wait out.
 */
const SNAPSHOT_LAG_MAX_MS = 10_000

/**
 * Retrieves from Stripe the objects that events of one second leave undecided. A snapshot older than those events
 * does not count, so it is taken again after a pause. A failure is logged only, because the response was already
 * sent.
 */
async function fetchAndProject(
  environment: StripeEnvironment,
  refs: StripeObjectRef[],
  eventCreatedAt: string | null,
  { stripe, database, log }: Deps,
): Promise<void> {
  try {
    const api = await stripe(environment)
    for (const ref of refs) {
      let snapshot = await api.retrieve(ref)
      const lag = Date.parse(eventCreatedAt ?? snapshot.snapshotAt) - Date.parse(snapshot.snapshotAt)
      if (lag > 0 && lag <= SNAPSHOT_LAG_MAX_MS) {
        await new Promise((resolve) => setTimeout(resolve, lag + 1000))
        snapshot = await api.retrieve(ref)
      }
      const { object, snapshotAt } = snapshot
      await projectStripeObjects(database, { environment, objects: [object], snapshotAt })
    }
  } catch (error) {
    log.error('fetch_failed', { environment, objects: refs, cause: describeError(error) })
  }
}
