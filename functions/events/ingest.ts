/**
 * Sends verified events to the database. A single event is sent at once. While a call is in flight, new events are
 * queued and sent together in the next call, so that they share the transaction, the locks and the round trip. While
 * Postgres is idle, no event waits for another.
 */
import type { StripeEnvironment } from '../../types/api.ts'
import type { Database } from '../core/database.ts'
import type { Ingest } from '../core/deps.ts'
import { type ApiError, fromDatabase, isApiError } from '../core/errors.ts'
import { ingestWebhookEvent, ingestWebhookEvents, type WebhookOutcome } from '../core/sql.ts'

/** Calls in flight for one environment: Postgres runs one while the next travels. */
const CALLS_IN_FLIGHT_MAX = 2
/** Events that are retried one by one are subtransactions, and Postgres caches 64 of them. */
const EVENTS_PER_CALL_MAX = 64
/** Keeps a few large events from becoming one huge statement. */
const CHARACTERS_PER_CALL_MAX = 1_000_000

type Waiting = {
  payload: string
  resolve: (outcome: WebhookOutcome) => void
  reject: (error: unknown) => void
}

type Lane = {
  callsInFlight: number
  waiting: Waiting[]
  /** Whether a call of the waiting events is scheduled. */
  isGathering: boolean
}

export function createIngest(database: Database): Ingest {
  const lane = (): Lane => ({ callsInFlight: 0, waiting: [], isGathering: false })
  const lanes: Record<StripeEnvironment, Lane> = { test: lane(), live: lane() }

  async function ingestOne(
    environment: StripeEnvironment,
    { payload, resolve, reject }: Waiting,
  ): Promise<void> {
    await ingestWebhookEvent(database, { environment, payload }).then(resolve, reject)
  }

  async function ingestMany(environment: StripeEnvironment, batch: Waiting[]): Promise<void> {
    try {
      const payloads = `[${batch.map(({ payload }) => payload).join(',')}]`
      const outcomes = await ingestWebhookEvents(database, { environment, payloads })
      for (const [index, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[index]
        if (!outcome) reject(new Error('The database returned fewer outcomes than it was given events.'))
        else if (outcome.status === 'refused') reject(refusal(outcome))
        else resolve(outcome)
      }
    } catch (error) {
      // The call was rolled back. If the database is up, one event may have failed the others or taken too long:
      // retry each alone.
      if (isApiError(error) && error.code === 'DATABASE_UNAVAILABLE' && !isCanceled(error))
        for (const { reject } of batch) reject(error)
      else for (const event of batch) await ingestOne(environment, event)
    }
  }

  async function sendNext(environment: StripeEnvironment): Promise<void> {
    const lane = lanes[environment]
    lane.callsInFlight += 1
    const batch = takeBatch(lane.waiting)
    const [first] = batch
    if (first && batch.length === 1) await ingestOne(environment, first)
    else await ingestMany(environment, batch)
    lane.callsInFlight -= 1
    schedule(environment)
  }

  /** Sends waiting events: at once to an idle database, else with those that arrive before the event loop turns. */
  function schedule(environment: StripeEnvironment): void {
    const lane = lanes[environment]
    if (lane.waiting.length === 0 || lane.callsInFlight === CALLS_IN_FLIGHT_MAX) return
    if (lane.callsInFlight === 0) {
      void sendNext(environment)
    } else if (!lane.isGathering) {
      lane.isGathering = true
      setTimeout(() => {
        lane.isGathering = false
        if (lane.waiting.length > 0 && lane.callsInFlight < CALLS_IN_FLIGHT_MAX) void sendNext(environment)
      }, 0)
    }
  }

  return ({ environment, payload }) =>
    new Promise((resolve, reject) => {
      lanes[environment].waiting.push({ payload, resolve, reject })
      schedule(environment)
    })
}

/** Removes from the front the events of one call. */
function takeBatch(waiting: Waiting[]): Waiting[] {
  let count = 0
  let characters = 0
  for (const { payload } of waiting) {
    characters += payload.length
    if (count === EVENTS_PER_CALL_MAX || (count > 0 && characters > CHARACTERS_PER_CALL_MAX)) break
    count += 1
  }
  return waiting.splice(0, count)
}

/** Whether Postgres cancelled the statement, for example at its deadline. */
const isCanceled = ({ cause }: ApiError) => (cause as { code?: string } | undefined)?.code === '57014'

/** The error that a refused event of a batch would have raised alone. */
function refusal({ error, code }: { error: string; code: string }): unknown {
  return fromDatabase({ name: 'PostgresError', message: error, code })
}
