/**
 * Recovers events that never arrived. It reads Stripe's list of events back to the instant until which the ledger is
 * complete, and ingests the missing ones, oldest first. A known event costs one look-up. Event types that our
 * endpoint does not subscribe to are skipped.
 */
import type { RecoveryResult, StripeEnvironment } from '../../types/api.ts'
import type { StripeObject, StripeObjectRef } from '../../types/stripe.ts'
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
import { RUN_MS_MAX, refuseRepeats, tookTooLong } from './limits.ts'
import { type Pause, untilStopped, withRetries } from './retries.ts'
import { SYNC_KINDS } from './run-schema.ts'

export type RecoveryOptions = {
  environment: StripeEnvironment
  /** Reads back to this instant instead. */
  since?: string | null
  signal?: AbortSignal
  /** Ends the recovery at this instant, in milliseconds since 1970; RUN_MS_MAX from now if omitted. */
  until?: number
}

export type RecoveryDeps = Pick<Deps, 'database' | 'stripe' | 'log' | 'now'> & { pause?: Pause }

/** Each event is a subtransaction of its call. */
const EVENTS_PER_CALL_MAX = 50
const PAGE_SIZE = 100

/** What ends a recovery early: the caller, without an error, or the time limit, with one. */
type Limits = { signal: AbortSignal | undefined; checkTime(): void }

/**
 * Ingests the events of Stripe's list that the ledger lacks. Safe to run at any time, and concurrently.
 *
 * @throws 502 if it takes too long; the next one begins behind the last page that was ingested
 */
export async function recover(options: RecoveryOptions, deps: RecoveryDeps): Promise<RecoveryResult> {
  const { environment, signal, until = deps.now() + RUN_MS_MAX } = options
  const limits: Limits = {
    signal,
    checkTime() {
      if (deps.now() < until) return
      throw tookTooLong(`recovery of ${environment}`, `pg-payments recover --environment ${environment}`)
    },
  }
  const { database } = deps
  const stripe = await deps.stripe(environment)
  const proof = await proveAccount({ environment, signal }, stripe, deps)
  if (proof === null)
    return nothingRead(environment, iso(options.since ?? new Date(deps.now()).toISOString()))
  const start = await beginRecovery(database, { environment, since: options.since, ...proof })
  const types = new Set(await recoverableEventTypes(database, { environment }))
  const result = { ...nothingRead(environment, iso(start.from)), gap: describeGap(environment, start.gap) }

  const first = await oldestPage(stripe, start, deps, limits)
  if (first === null) return result
  result.until = first.newest
  for await (const page of pagesForward(stripe, first.page, deps, limits)) {
    await ingestMissing(page, types, result, stripe, deps)
    result.until = page.snapshotAt
    const completeUntil = happenedAt(page.objects[0])
    // A gap is told by the recovery that ends, so one that may yet be cut off does not move past it.
    if (start.gap === null && completeUntil !== null)
      await completeRecovery(database, { environment, recoveredFrom: result.from, completeUntil })
  }
  if (!signal?.aborted) {
    await completeRecovery(database, { environment, recoveredFrom: result.from, completeUntil: first.newest })
  }
  return result
}

/** A recovery that has read no event yet. */
export function nothingRead(environment: StripeEnvironment, from: string): RecoveryResult {
  const counts = { listed: 0, recovered: 0, processed: 0, ignored: 0, failed: 0 }
  return { environment, from, until: from, ...counts, gap: null }
}

/** When an event happened; null if it does not say. */
function happenedAt(event: StripeObject | undefined): string | null {
  const { created } = (event ?? {}) as { created?: unknown }
  return typeof created === 'number' ? new Date(created * 1000).toISOString() : null
}

type EventListParams = Parameters<StripeApi['list']>[1]

/** A page of Stripe's list of events; null as soon as the signal aborts. */
function listEvents(
  stripe: StripeApi,
  params: EventListParams,
  deps: RecoveryDeps,
  signal: AbortSignal | undefined,
): Promise<StripePage | null> {
  return untilStopped(
    withRetries(() => stripe.list('events', params), deps, signal),
    signal,
  )
}

const noRepeats = () => refuseRepeats('list of events', 'recovery')

/**
 * The page with the oldest events since `from`; null if it was stopped. Stripe lists the newest first, so this reads
 * the list to its end.
 */
async function oldestPage(
  stripe: StripeApi,
  { from }: RecoveryStart,
  deps: RecoveryDeps,
  { signal, checkTime }: Limits,
): Promise<{ page: StripePage; newest: string } | null> {
  const created = { gte: Math.ceil(Date.parse(from) / 1000) }
  const check = noRepeats()
  const list = async (after?: string) => {
    checkTime()
    const params = { limit: PAGE_SIZE, created, ...(after ? { starting_after: after } : {}) }
    const page = await listEvents(stripe, params, deps, signal)
    if (page !== null) check(page)
    return page
  }
  let page = await list()
  const newest = page?.snapshotAt
  while (page?.hasMore) {
    const next = await list(page.objects.at(-1)?.id)
    if (next?.objects.length === 0) break
    page = next
  }
  return page === null || newest === undefined ? null : { page, newest }
}

/** Yields that page, and each following one up to the newest event. */
async function* pagesForward(
  stripe: StripeApi,
  oldest: StripePage,
  deps: RecoveryDeps,
  { signal, checkTime }: Limits,
): AsyncGenerator<StripePage> {
  const check = noRepeats()
  let page: StripePage | null = oldest
  while (page !== null && page.objects.length > 0 && !signal?.aborted) {
    check(page)
    yield page
    checkTime()
    const params: EventListParams = { limit: PAGE_SIZE, ending_before: page.objects[0]?.id }
    page = await listEvents(stripe, params, deps, signal)
  }
}

/** Ingests the events of a page that the ledger lacks, oldest first. */
export async function ingestMissing(
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
 * Reads the completed Checkout Sessions of these events whose rows are lost, one call for each. Events show no line
 * items, and fulfilment compares them.
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

export function describeGap(
  environment: StripeEnvironment,
  gap: RecoveryStart['gap'],
): RecoveryResult['gap'] {
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
