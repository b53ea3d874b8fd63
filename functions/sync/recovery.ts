/**
 * Takes in the events that never arrived. Stripe's list of events is read back to where the ledger is known to be complete, and
 * what is missing goes in oldest first, by the function that takes deliveries. Events that are there already cost one look-up.
 * The list has events of every type; those that no webhook endpoint of ours subscribes to were never meant to arrive.
 */
import type { RecoveryResult, StripeEnvironment } from '../../types/api.ts'
import type { StripeObjectRef } from '../../types/stripe.ts'
import { describeError } from '../core/log.ts'
import {
  beginRecovery,
  completeRecovery,
  ingestWebhookEvents,
  projectStripeObjects,
  type RecoveryStart,
  recoverableEventTypes,
  unknownWebhookEvents,
} from '../core/sql.ts'
import { storable } from '../core/storable.ts'
import type { StripeApi, StripePage } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'
import { SYNC_KINDS } from './run-schema.ts'
import { type Pause, patiently } from './sync.ts'

export type RecoveryOptions = {
  environment: StripeEnvironment
  /** Read back to this instant instead. */
  since?: string | null
  signal?: AbortSignal
}

export type RecoveryDeps = Pick<Deps, 'database' | 'stripe' | 'log'> & { pause?: Pause }

/** Events in one call: each is a subtransaction of it. */
const EVENTS_AT_ONCE = 50
const PAGE = 100

/** Compares the ledger with Stripe's list of events and takes in what is missing. Safe to run at any time and several at once. */
export async function recover(options: RecoveryOptions, deps: RecoveryDeps): Promise<RecoveryResult> {
  const { environment, signal } = options
  const { database } = deps
  const stripe = await deps.stripe(environment)
  const accountId = await patiently(() => stripe.accountId(), deps, signal)
  const start = await beginRecovery(database, { environment, since: options.since ?? null, accountId })
  const types = new Set(await recoverableEventTypes(database, { environment }))
  const result: RecoveryResult = {
    environment,
    from: new Date(start.from).toISOString(),
    until: new Date(start.from).toISOString(),
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
    await takeIn(page, types, result, stripe, deps)
    result.until = page.snapshotAt
  }
  if (!signal?.aborted) {
    await completeRecovery(database, { environment, recoveredFrom: result.from, completeUntil: first.newest })
  }
  return result
}

/** The page with the oldest events from `from` on. Stripe lists the newest first, so this walks the list to its end. */
async function oldestPage(
  stripe: StripeApi,
  { from }: RecoveryStart,
  deps: RecoveryDeps,
  signal: AbortSignal | undefined,
): Promise<{ page: StripePage; newest: string }> {
  const created = { gte: Math.ceil(Date.parse(from) / 1000) }
  const list = (after?: string) =>
    patiently(
      () => stripe.list('events', { limit: PAGE, created, ...(after ? { starting_after: after } : {}) }),
      deps,
      signal,
    )
  let page = await list()
  const newest = page.snapshotAt
  while (page.hasMore && !signal?.aborted) {
    const next = await list(page.objects.at(-1)?.id)
    if (next.objects.length === 0) break
    page = next
  }
  return { page, newest }
}

/** From that page to the newest event, each page in turn. */
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
    page = await patiently(() => stripe.list('events', { limit: PAGE, ending_before: before }), deps, signal)
  }
}

/** Hands those events of a page that should be in the ledger and are not to it, the oldest first. */
async function takeIn(
  page: StripePage,
  types: Set<string>,
  result: RecoveryResult,
  stripe: StripeApi,
  { database, log }: RecoveryDeps,
): Promise<void> {
  const { environment } = result
  result.listed += page.objects.length
  const events = page.objects.filter((event) => types.has((event as { type?: string }).type ?? '')).reverse()
  const eventIds = events.flatMap(({ id }) => (id === undefined ? [] : [id]))
  const unknown = new Set(await unknownWebhookEvents(database, { environment, eventIds }))
  const missing = events.filter(({ id }) => id !== undefined && unknown.has(id))
  const undecided: StripeObjectRef[] = []
  for (let index = 0; index < missing.length; index += EVENTS_AT_ONCE) {
    const batch = missing.slice(index, index + EVENTS_AT_ONCE)
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

function describeGap(environment: StripeEnvironment, gap: RecoveryStart['gap']): RecoveryResult['gap'] {
  if (gap === null) return null
  const from = new Date(gap.from).toISOString()
  const before = new Date(gap.before).toISOString()
  return {
    from,
    before,
    message:
      `Stripe keeps events for 30 days, so those of ${environment} from ${from} until ${before} cannot be had any more. ` +
      'A sync of that time brings the rows in line; fulfilment of purchases made in it is for you to check.',
    sync: { kinds: [...SYNC_KINDS], createdFrom: from, createdBefore: before },
  }
}
