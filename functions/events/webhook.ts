/**
 * `POST /api/webhooks/stripe/{environment}`
 *
 * One signature check and one round trip to Postgres. 200 means that the event is kept and need not come again; 5xx that Stripe
 * should deliver it again. See https://docs.stripe.com/webhooks.
 */
import type { StripeEnvironment, WebhookResponse } from '../../types/api.ts'
import type { StripeObjectRef } from '../../types/stripe.ts'
import { apiError } from '../core/errors.ts'
import { type Answer, readBody } from '../core/http.ts'
import { describeError } from '../core/log.ts'
import { projectStripeObjects } from '../core/sql.ts'
import { storable } from '../core/storable.ts'
import { environmentSchema, parse } from '../core/validation.ts'
import type { Deps } from '../deps.ts'
import { presentWebhookEvent } from './present.ts'
import { isSignedByStripe } from './signature.ts'

export async function webhook(
  request: Request,
  params: { environment: string },
  deps: Deps,
): Promise<Answer<WebhookResponse>> {
  const environment = parse(environmentSchema, params.environment, 'environment')
  const signature = request.headers.get('stripe-signature')
  if (!signature) throw apiError(401, 'AUTH_UNAUTHORIZED', 'The Stripe-Signature header is missing.')
  const body = await readBody(request)
  if (!(await isGenuine(environment, body, signature, deps))) {
    throw apiError(
      400,
      'INVALID_INPUT',
      'The signature does not match this body, or is older than 5 minutes.',
      {
        nextActions: 'Compare the signing secret with that of the webhook endpoint in the Stripe Dashboard.',
      },
    )
  }

  const { status, event, fetch } = await deps.ingest({
    environment,
    payload: storable(new TextDecoder().decode(body)),
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
    throw apiError(500, 'INTERNAL_ERROR', 'The event is kept but could not be processed yet.', {
      nextActions: 'The reason is in last_error of its row in payments.webhook_events.',
      cause,
    })
  }
  return {
    status: 200,
    body: {
      received: true,
      handled: event.processing_status === 'processed',
      event: presentWebhookEvent(event),
    },
  }
}

/** Whether one of the signing secrets in use signed the body; they are read again once if none did. */
async function isGenuine(
  environment: StripeEnvironment,
  body: Uint8Array<ArrayBuffer>,
  signature: string,
  { secrets, now }: Deps,
): Promise<boolean> {
  const check = async () =>
    isSignedByStripe(body, signature, await secrets.webhookSecrets(environment), now())
  return (await check()) || ((await secrets.refresh(environment)) && (await check()))
}

/** An event is dated by whole seconds and a snapshot a little earlier than it was taken: how long to wait at most for one to pass the other. */
const CATCH_UP_WITHIN_MS = 10_000

/**
 * Asks Stripe for what events of one second left undecided. A snapshot counts only if it is not older than they are, so one that
 * was taken too soon is taken once more. A failure here is logged; the answer to Stripe is already given.
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
      const early = Date.parse(eventCreatedAt ?? snapshot.snapshotAt) - Date.parse(snapshot.snapshotAt)
      if (early > 0 && early <= CATCH_UP_WITHIN_MS) {
        await new Promise((resolve) => setTimeout(resolve, early + 1000))
        snapshot = await api.retrieve(ref)
      }
      const { object, snapshotAt } = snapshot
      await projectStripeObjects(database, { environment, objects: [object], snapshotAt })
    }
  } catch (error) {
    log.error('fetch_failed', { environment, objects: refs, cause: describeError(error) })
  }
}
