/**
 * `GET /api/payments/stripe/{environment}/checkout-sessions/{id}`, and `POST …/{id}/confirm` for the page to which
 * Stripe sends the buyer back.
 *
 * Both read the row as the caller, so policies decide who sees it. The admin key sees every row of the environment. A
 * confirmation does not wait for the webhook. If the ledger lacks an event of the session, it ingests those that
 * Stripe lists, as a recovery does. The webhook that comes later is a duplicate. See
 * https://docs.stripe.com/checkout/fulfillment.
 */
import type { CheckoutSessionStatusResponse, StripeEnvironment } from '../../types/api.ts'
import type { StripeObject } from '../../types/stripe.ts'
import { type Answer, readJson } from '../core/http.ts'
import { emptyBody } from '../core/schema-parts.ts'
import {
  beginConfirmation,
  type FoundCheckoutSession,
  findCheckoutSession,
  recoverableEventTypes,
} from '../core/sql.ts'
import type { StripeApi } from '../core/stripe.ts'
import { parse } from '../core/validation.ts'
import type { Deps } from '../deps.ts'
import { objectsOf } from '../events/objects.ts'
import { ingestMissing, nothingRead } from '../sync/recovery.ts'
import { forBuyers } from './for-buyers.ts'
import { presentCheckoutSession } from './present.ts'
import { checkoutSessionParams } from './schemas.ts'

type Params = { environment: string; id: string }

/** Stripe takes 20 types at most. */
const TYPES_OF_A_SESSION = [
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
  'checkout.session.async_payment_failed',
  'checkout.session.expired',
  'payment_intent.succeeded',
  'payment_intent.processing',
  'payment_intent.payment_failed',
  'charge.succeeded',
  'customer.created',
  'customer.subscription.created',
  'customer.subscription.updated',
  'invoice.created',
  'invoice.finalized',
  'invoice.paid',
  'invoice.payment_succeeded',
  'invoice_payment.paid',
]

/** Stripe cannot list the events of one object, so a page may hold those of other buyers alone. */
const PAGES_MAX = 5
const PAGE_SIZE = 100
/** Stripe makes the events of one completed session within seconds. */
const APART_MAX_S = 60

export async function readCheckoutSession(
  request: Request,
  params: Params,
  deps: Deps,
): Promise<Answer<CheckoutSessionStatusResponse>> {
  const caller = await deps.authenticate(request.headers, 'read')
  const { environment, id } = parse(checkoutSessionParams, params, 'The address')
  return answerOf(await findCheckoutSession(deps.database, { environment, caller, id }))
}

export function confirmCheckoutSession(
  request: Request,
  params: Params,
  deps: Deps,
): Promise<Answer<CheckoutSessionStatusResponse>> {
  return forBuyers(confirm(request, params, deps))
}

async function confirm(
  request: Request,
  params: Params,
  deps: Deps,
): Promise<Answer<CheckoutSessionStatusResponse>> {
  const caller = await deps.authenticate(request.headers, 'change')
  const { environment, id } = parse(checkoutSessionParams, params, 'The address')
  parse(emptyBody, await readJson(request, { whenEmpty: {} }))
  const perMinute = deps.config.guestCheckoutsPerMinute
  const { action, checkout_session_id, ...found } = await beginConfirmation(deps.database, {
    environment,
    caller,
    id,
    perMinute,
  })
  if (action === 'return' || checkout_session_id === null) return answerOf(found)
  await ingestEventsOf(checkout_session_id, environment, await deps.stripe(environment), deps)
  return answerOf(await findCheckoutSession(deps.database, { environment, caller, id }))
}

function answerOf({ session, fulfilled }: FoundCheckoutSession): Answer<CheckoutSessionStatusResponse> {
  return { status: 200, body: { checkoutSession: presentCheckoutSession(session), fulfilled } }
}

/** Ingests the events of a session that the ledger lacks. A session that is still open has none. */
async function ingestEventsOf(
  id: string,
  environment: StripeEnvironment,
  stripe: StripeApi,
  deps: Deps,
): Promise<void> {
  const { object, snapshotAt } = await stripe.retrieve({ object: 'checkout.session', id })
  if ((object as { status?: string }).status === 'open') return
  const objects = await listEventsOf(object, environment, stripe, deps)
  const types = new Set(TYPES_OF_A_SESSION)
  await ingestMissing(
    { objects, hasMore: false, snapshotAt },
    types,
    nothingRead(environment, snapshotAt),
    stripe,
    deps,
  )
}

/** The events of a session and of what it made, newest first, of the types that the ledger takes in. */
async function listEventsOf(
  session: StripeObject,
  environment: StripeEnvironment,
  stripe: StripeApi,
  { database }: Deps,
): Promise<StripeObject[]> {
  const taken = new Set(await recoverableEventTypes(database, { environment }))
  const types = TYPES_OF_A_SESSION.filter((type) => taken.has(type))
  const { id, created, customer, payment_intent, subscription, invoice } = session as Record<string, unknown>
  const ids = [id, payment_intent, subscription, invoice].map(idOf).filter((id) => id !== undefined)
  const concerns = (event: StripeObject) => {
    const object = objectOf(event)
    if (object?.id !== undefined && object.id === idOf(customer)) return true
    const named = objectsOf(JSON.stringify(event))
    return ids.some((id) => named.has(id))
  }

  const found: StripeObject[] = []
  let after: string | undefined
  let endedAt: number | undefined
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page = await stripe.list('events', {
      limit: PAGE_SIZE,
      types,
      created: { gte: created as number },
      ...(after === undefined ? {} : { starting_after: after }),
    })
    found.push(...page.objects.filter(concerns))
    endedAt ??= createdAt(found.find((event) => objectOf(event)?.id === id))
    const oldest = page.objects.at(-1)
    after = oldest?.id
    if (!page.hasMore || after === undefined) break
    if (endedAt !== undefined && (createdAt(oldest) ?? 0) < endedAt - APART_MAX_S) break
  }
  return found
}

const objectOf = (event: StripeObject) => (event as { data?: { object?: StripeObject } }).data?.object

const createdAt = (event: StripeObject | undefined) => (event as { created?: number } | undefined)?.created

/** A field that can be expanded holds an id or the whole object. */
function idOf(value: unknown): string | undefined {
  const id = typeof value === 'object' && value !== null ? (value as { id?: unknown }).id : value
  return typeof id === 'string' ? id : undefined
}
