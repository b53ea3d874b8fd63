/**
 * Recovers events that never arrived. It reads Stripe's list of events back to the instant until which the ledger is
 * complete, and ingests the missing ones, oldest first, by the function that takes deliveries. A known event costs
 * one look-up. Event types that our endpoint does not subscribe to are skipped.
 */
import type { RecoveryResult, StripeEnvironment } from '../../types/api.ts'
import type { StripeObject, StripeObjectRef } from '../../types/stripe.ts'
import { apiError } from '../core/errors.ts'
import { iso } from '../core/format.ts'
import { describeError } from '../core/log.ts'
import {
  beginRecovery,
  completeRecovery,
  ingestWebhookEvents,
  projectStripeObjects,
  type RecoveryStart,
  recoverableEventTypes,
  sessionsWithoutItems,
  unknownWebhookEvents,
} from '../core/sql.ts'
import { storable } from '../core/storable.ts'
import type { StripeApi, StripePage } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'
import { isUnknownObject, proveAccount } from './account.ts'
import { type Pause, withRetries } from './retries.ts'
import { SYNC_KINDS } from './run-schema.ts'

export type RecoveryOptions = {
  environment: StripeEnvironment
  /** Reads back to this instant instead. */
  since?: string | null
  signal?: AbortSignal
}

export type RecoveryDeps = Pick<Deps, 'database' | 'stripe' | 'log'> & { pause?: Pause }

/** Each event is a subtransaction of its call. */
const EVENTS_PER_CALL_MAX = 50
const PAGE_SIZE = 100

/** Ingests the events of Stripe's list that the ledger lacks. Safe to run at any time, and concurrently. */
export async function recover(options: RecoveryOptions, deps: RecoveryDeps): Promise<RecoveryResult> {
  const { environment, signal } = options
  const { database } = deps
  const stripe = await deps.stripe(environment)
  const accountId = await proveAccount({ environment, signal }, stripe, deps)
  const start = await beginRecovery(database, { environment, since: options.since, accountId })
  const types = new Set(await recoverableEventTypes(database, { environment }))
  const result: RecoveryResult = {
    environment,
    from: iso(start.from),
    until: iso(start.from),
    listed: 0,
    recovered: 0,
    processed: 0,
    ignored: 0,
    failed: 0,
    gap: describeGap(environment, start.gap),
  }

  const first = await oldestPage(stripe, start, deps, signal)
  result.until = first.newest
  for await (const page of pagesForward(stripe, first.page, deps, signal)) {
    await ingestMissing(page, types, result, stripe, deps)
    result.until = page.snapshotAt
  }
  if (!signal?.aborted) {
    await completeRecovery(database, { environment, recoveredFrom: result.from, completeUntil: first.newest })
  }
  return result
}

/** The page with the oldest events since `from`. Stripe lists the newest first, so this reads the list to its end. */
async function oldestPage(
  stripe: StripeApi,
  { from }: RecoveryStart,
  deps: RecoveryDeps,
  signal: AbortSignal | undefined,
): Promise<{ page: StripePage; newest: string }> {
  const created = { gte: Math.ceil(Date.parse(from) / 1000) }
  const list = (after?: string) =>
    withRetries(
      () => stripe.list('events', { limit: PAGE_SIZE, created, ...(after ? { starting_after: after } : {}) }),
      deps,
      signal,
    )
  let page = await list()
  const newest = page.snapshotAt
  while (page.hasMore && !signal?.aborted) {
    const next = await list(page.objects.at(-1)?.id)
    if (next.objects.length === 0) break
    refuseRepeated(page, next)
    page = next
  }
  return { page, newest }
}

/** Yields that page, and each following one up to the newest event. */
async function* pagesForward(
  stripe: StripeApi,
  oldest: StripePage,
  deps: RecoveryDeps,
  signal: AbortSignal | undefined,
): AsyncGenerator<StripePage> {
  let page = oldest
  while (page.objects.length > 0 && !signal?.aborted) {
    yield page
    const before = page.objects[0]?.id
    const next = await withRetries(
      () => stripe.list('events', { limit: PAGE_SIZE, ending_before: before }),
      deps,
      signal,
    )
    refuseRepeated(page, next)
    page = next
  }
}

/** Ends a recovery whose list goes in circles. */
function refuseRepeated(page: StripePage, next: StripePage): void {
  const ids = new Set(page.objects.map(({ id }) => id))
  if (!next.objects.some(({ id }) => ids.has(id))) return
  throw apiError(
    502,
    'UPSTREAM_FAILURE',
    "Stripe's list of events repeats a page, so the recovery has ended.",
    {
      nextActions: 'Run it again. The events that were ingested stay.',
    },
  )
}

/** Ingests the events of a page that the ledger lacks, oldest first. */
async function ingestMissing(
  page: StripePage,
  types: Set<string>,
  result: RecoveryResult,
  stripe: StripeApi,
  deps: RecoveryDeps,
): Promise<void> {
  const { environment } = result
  const { database, log } = deps
  result.listed += page.objects.length
  const events = page.objects.filter((event) => types.has((event as { type?: string }).type ?? '')).reverse()
  const eventIds = events.flatMap(({ id }) => (id === undefined ? [] : [id]))
  const unknown = new Set(await unknownWebhookEvents(database, { environment, eventIds }))
  const missing = events.filter(({ id }) => id !== undefined && unknown.has(id))
  await readLineItems(missing, environment, stripe, deps)
  const undecided: StripeObjectRef[] = []
  for (let index = 0; index < missing.length; index += EVENTS_PER_CALL_MAX) {
    const batch = missing.slice(index, index + EVENTS_PER_CALL_MAX)
    const outcomes = await ingestWebhookEvents(database, {
      environment,
      payloads: storable(JSON.stringify(batch)),
    })
    for (const outcome of outcomes) {
      if (outcome.status === 'refused' || outcome.status === 'duplicate') continue
      result.recovered += 1
      result[outcome.status] += 1
      undecided.push(...outcome.fetch)
    }
  }
  for (const ref of undecided) {
    await stripe
      .retrieve(ref)
      .then(({ object, snapshotAt }) =>
        projectStripeObjects(database, { environment, objects: [object], snapshotAt }),
      )
      .catch((error) =>
        log.error('fetch_failed', { environment, objects: [ref], cause: describeError(error) }),
      )
  }
}

/**
 * Reads the completed Checkout Sessions of these events whose rows are lost, because events show no line items and
 * fulfilment compares them: one call for each.
 */
async function readLineItems(
  events: StripeObject[],
  environment: StripeEnvironment,
  stripe: StripeApi,
  deps: RecoveryDeps,
): Promise<void> {
  const ids = events.flatMap((event) => {
    const { type, data } = event as { type?: string; data?: { object?: StripeObject } }
    const isCompleted =
      type === 'checkout.session.completed' || type === 'checkout.session.async_payment_succeeded'
    return isCompleted && data?.object?.id !== undefined ? [data.object.id] : []
  })
  if (ids.length === 0) return
  const sessionIds = [...new Set(ids)]
  for (const id of await sessionsWithoutItems(deps.database, { environment, sessionIds })) {
    try {
      const read = () => stripe.retrieve({ object: 'checkout.session', id })
      const { object, snapshotAt } = await withRetries(read, deps)
      await projectStripeObjects(deps.database, { environment, objects: [object], snapshotAt })
    } catch (error) {
      if (!isUnknownObject(error)) throw error
    }
  }
}

function describeGap(environment: StripeEnvironment, gap: RecoveryStart['gap']): RecoveryResult['gap'] {
  if (gap === null) return null
  const from = iso(gap.from)
  const before = iso(gap.before)
  return {
    from,
    before,
    message:
      `Stripe keeps events for 30 days, so those of ${environment} from ${from} until ${before} can no longer be recovered. ` +
      'A sync of that period updates the rows. Check the fulfilment of its purchases yourself.',
    sync: { kinds: [...SYNC_KINDS], createdFrom: from, createdBefore: before },
  }
}
