/**
 * Hands verified events to the database. An event that comes alone goes alone and at once. While a call is under way, what arrives
 * waits and goes as one call, which is in Postgres' hands when that one ends: deliveries that would wait anyway share the
 * transaction, the locks and the round trip. While Postgres is idle, nothing waits for more events to come.
 */
import type { StripeEnvironment } from '../../types/api.ts'
import type { Database } from '../core/database.ts'
import type { Ingest } from '../core/deps.ts'
import { type ApiError, fromDatabase, isApiError } from '../core/errors.ts'
import { ingestWebhookEvent, ingestWebhookEvents, type WebhookOutcome } from '../core/sql.ts'

/** Calls under way for one environment: one works in Postgres while the next is on its way to it. */
const CALLS = 2
/** Events in one call: should they have to be taken one by one, each is a subtransaction, and Postgres keeps 64 in its fast cache. */
const EVENTS = 64
/** Characters of events in one call, so that a few large ones do not become one huge statement. */
const CHARACTERS = 1_000_000

type Waiting = {
  payload: string
  resolve: (outcome: WebhookOutcome) => void
  reject: (error: unknown) => void
}

type Lane = {
  /** Calls under way. */
  calls: number
  waiting: Waiting[]
  /** Whether the next call is about to go. */
  isGathering: boolean
}

export function createIngest(database: Database): Ingest {
  const lane = (): Lane => ({ calls: 0, waiting: [], isGathering: false })
  const lanes: Record<StripeEnvironment, Lane> = { test: lane(), live: lane() }

  async function one(environment: StripeEnvironment, { payload, resolve, reject }: Waiting): Promise<void> {
    await ingestWebhookEvent(database, { environment, payload }).then(resolve, reject)
  }

  async function many(environment: StripeEnvironment, batch: Waiting[]): Promise<void> {
    try {
      const payloads = `[${batch.map(({ payload }) => payload).join(',')}]`
      const outcomes = await ingestWebhookEvents(database, { environment, payloads })
      for (const [index, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[index]
        if (!outcome) reject(new Error('The database answered for fewer events than it was given.'))
        else if (outcome.status === 'refused') reject(refusal(outcome))
        else resolve(outcome)
      }
    } catch (error) {
      // Nothing of the call was kept. If the database is there, one event may be what spoiled it for the others, or took too long.
      if (isApiError(error) && error.code === 'DATABASE_UNAVAILABLE' && !isCanceled(error))
        for (const { reject } of batch) reject(error)
      else for (const event of batch) await one(environment, event)
    }
  }

  async function call(environment: StripeEnvironment): Promise<void> {
    const lane = lanes[environment]
    lane.calls += 1
    const batch = take(lane.waiting)
    const [first] = batch
    if (first && batch.length === 1) await one(environment, first)
    else await many(environment, batch)
    lane.calls -= 1
    next(environment)
  }

  /** Lets what waits go: at once to an idle database, else together with what comes until the event loop gets round to it. */
  function next(environment: StripeEnvironment): void {
    const lane = lanes[environment]
    if (lane.waiting.length === 0 || lane.calls === CALLS) return
    if (lane.calls === 0) {
      void call(environment)
    } else if (!lane.isGathering) {
      lane.isGathering = true
      setTimeout(() => {
        lane.isGathering = false
        if (lane.waiting.length > 0 && lane.calls < CALLS) void call(environment)
      }, 0)
    }
  }

  return ({ environment, payload }) =>
    new Promise((resolve, reject) => {
      lanes[environment].waiting.push({ payload, resolve, reject })
      next(environment)
    })
}

/** Removes from the front what goes together. */
function take(waiting: Waiting[]): Waiting[] {
  let count = 0
  let characters = 0
  for (const { payload } of waiting) {
    characters += payload.length
    if (count === EVENTS || (count > 0 && characters > CHARACTERS)) break
    count += 1
  }
  return waiting.splice(0, count)
}

/** Whether Postgres gave up a statement because its time was over. */
const isCanceled = ({ cause }: ApiError) => (cause as { code?: string } | undefined)?.code === '57014'

/** A refused event of a batch is the error that it would have been alone. */
function refusal({ error, code }: { error: string; code: string }): unknown {
  return fromDatabase({ name: 'PostgresError', message: error, code })
}
