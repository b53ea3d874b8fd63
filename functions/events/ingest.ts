/**
 * Sends verified events to the database. A single event is sent at once. Events that arrive while a call runs wait, and
 * share the next call: its transaction, its locks and its round trip.
 *
 * One call of an environment runs at a time, because a second one makes the calls smaller. A call that takes much
 * longer than usual waits for a lock, or has much to do. It is overdue then, and no longer holds up the others: they
 * are sent on another connection. Only events about the same objects wait for it, because Postgres would let them wait
 * too, and each would take up a connection meanwhile.
 */
import type { StripeEnvironment } from '../../types/api.ts'
import type { Database } from '../core/database.ts'
import type { Ingest } from '../core/deps.ts'
import { type ApiError, apiError, fromDatabase, isApiError } from '../core/errors.ts'
import { ingestWebhookEvent, ingestWebhookEvents, type WebhookOutcome } from '../core/sql.ts'
import { objectsOf } from './objects.ts'

/** Events that are retried one by one are subtransactions, and Postgres caches 64 of them. */
const EVENTS_PER_CALL_MAX = 64
/** Keeps a few large events from becoming one huge statement. */
const CHARACTERS_PER_CALL_MAX = 1_000_000
/** The calls with one event that show how long one usually takes, and as many with several. */
const CALLS_REMEMBERED = 9
/** A call that takes this many times as long as usual, for as many events, is overdue. */
const OVERDUE_TIMES = 2
const OVERDUE_MIN_MS = 5
/** Until the first calls have ended, which open connections that are slow at first. */
const OVERDUE_FIRST_MS = 200

type Waiting = {
  payload: string
  /** The objects that the event is about; read when a call is overdue, and not before. */
  objects?: Set<string>
  /** The event is sent alone, because a call with others failed. */
  isAlone?: boolean
  resolve: (outcome: WebhookOutcome) => void
  reject: (error: unknown) => void
}

type Call = { events: Waiting[]; isOverdue: boolean }
type Ended = { events: number; ms: number }

type Lane = {
  environment: StripeEnvironment
  database: Database
  waiting: Waiting[]
  /** Of the waiting events. */
  characters: number
  calls: Set<Call>
  /** The last calls with one event, the last ones with several, and the milliseconds that each took. */
  ended: { one: Ended[]; several: Ended[] }
}

export type IngestOptions = {
  /** Characters of the events that may wait for the database, for each environment. */
  waitingCharactersMax?: number
}

export function createIngest(
  databases: Record<StripeEnvironment, Database>,
  { waitingCharactersMax = Number.POSITIVE_INFINITY }: IngestOptions = {},
): Ingest {
  const lane = (environment: StripeEnvironment): Lane => ({
    environment,
    database: databases[environment],
    waiting: [],
    characters: 0,
    calls: new Set(),
    ended: { one: [], several: [] },
  })
  const lanes = { test: lane('test'), live: lane('live') }
  return ({ environment, payload }) =>
    new Promise((resolve, reject) => {
      const lane = lanes[environment]
      if (lane.characters + payload.length > waitingCharactersMax) throw tooMany()
      put(lane, [{ payload, resolve, reject }])
    })
}

const tooMany = () =>
  apiError(
    503,
    'DATABASE_UNAVAILABLE',
    'Too many events wait for the database; Stripe will deliver this one again.',
    {
      nextActions:
        'Look for a transaction that holds locks for long. For larger bursts, set PAYMENTS_WEBHOOK_QUEUE_MB higher.',
    },
  )

/** Lets events wait, those that were sent before in front of the others, and sends what may be sent. */
function put(lane: Lane, events: Waiting[]): void {
  if (events[0]?.isAlone) lane.waiting.unshift(...events)
  else lane.waiting.push(...events)
  for (const { payload } of events) lane.characters += payload.length
  sendNext(lane)
}

/** Sends the waiting events, unless a call runs that is not overdue. */
function sendNext(lane: Lane): void {
  const { calls, database, waiting } = lane
  while (waiting.length > 0 && calls.size < (database.connections ?? 1)) {
    for (const { isOverdue } of calls) if (!isOverdue) return
    const events = takeEvents(lane)
    if (events.length === 0) return
    void send(lane, events)
  }
}

async function send(lane: Lane, events: Waiting[]): Promise<void> {
  const call: Call = { events, isOverdue: false }
  lane.calls.add(call)
  const began = performance.now()
  const timer = setTimeout(
    () => {
      call.isOverdue = true
      sendNext(lane)
    },
    overdueAfter(lane, events.length),
  )
  const settle = await (events.length === 1 ? ingestOne(lane, events) : ingestMany(lane, events))
  clearTimeout(timer)
  const ended = endedLike(lane, events.length)
  ended.push({ events: events.length, ms: performance.now() - began })
  if (ended.length > CALLS_REMEMBERED) ended.shift()
  lane.calls.delete(call)
  // The next call is on its way while this process answers.
  sendNext(lane)
  settle()
}

const endedLike = ({ ended }: Lane, events: number) => (events === 1 ? ended.one : ended.several)

/**
 * Milliseconds after which a call with so many events is overdue. A call that had fewer counts in proportion. The median
 * counts, so that one long wait changes nothing.
 */
function overdueAfter(lane: Lane, events: number): number {
  const expected = endedLike(lane, events)
    .map((call) => call.ms * Math.max(1, events / call.events))
    .sort((a, b) => a - b)
  const usual = expected[Math.floor(expected.length / 2)]
  return usual === undefined ? OVERDUE_FIRST_MS : Math.max(OVERDUE_MIN_MS, usual * OVERDUE_TIMES)
}

/** Removes from the front the events of the next call; not those about an object that an overdue call is about. */
function takeEvents(lane: Lane): Waiting[] {
  const busy = new Set<string>()
  for (const call of lane.calls)
    for (const event of call.events) for (const object of objectsOfEvent(event)) busy.add(object)
  const isHeld = (event: Waiting) =>
    busy.size > 0 && [...objectsOfEvent(event)].some((object) => busy.has(object))

  const taken: Waiting[] = []
  let characters = 0
  for (const event of lane.waiting) {
    if (isHeld(event)) continue
    if (event.isAlone && taken.length > 0) continue
    if (taken.length === EVENTS_PER_CALL_MAX) break
    if (taken.length > 0 && characters + event.payload.length > CHARACTERS_PER_CALL_MAX) break
    taken.push(event)
    characters += event.payload.length
    if (event.isAlone) break
  }
  const isTaken = new Set(taken)
  lane.waiting = lane.waiting.filter((event) => !isTaken.has(event))
  lane.characters -= characters
  return taken
}

function objectsOfEvent(event: Waiting): Set<string> {
  event.objects ??= objectsOf(event.payload)
  return event.objects
}

/** Returns what answers the callers. */
type Settle = () => void

async function ingestOne({ environment, database }: Lane, [event]: Waiting[]): Promise<Settle> {
  const { payload, resolve, reject } = event as Waiting
  return ingestWebhookEvent(database, { environment, payload }).then(
    (outcome) => () => resolve(outcome),
    (error) => () => reject(error),
  )
}

async function ingestMany(lane: Lane, events: Waiting[]): Promise<Settle> {
  const { environment, database } = lane
  try {
    const payloads = `[${events.map(({ payload }) => payload).join(',')}]`
    const outcomes = await ingestWebhookEvents(database, { environment, payloads })
    return () => {
      for (const [index, { resolve, reject }] of events.entries()) {
        const outcome = outcomes[index]
        if (!outcome) reject(new Error('The database returned fewer outcomes than it was given events.'))
        else if (outcome.status === 'refused') reject(refusal(outcome))
        else resolve(outcome)
      }
    }
  } catch (error) {
    // The call was rolled back. If the database is up, one event may have failed the others or taken too long:
    // retry each alone.
    if (isApiError(error) && error.code === 'DATABASE_UNAVAILABLE' && !isCanceled(error))
      return () => {
        for (const { reject } of events) reject(error)
      }
    return () =>
      put(
        lane,
        events.map((event) => ({ ...event, isAlone: true })),
      )
  }
}

/** Whether Postgres cancelled the statement, for example at its deadline. */
const isCanceled = ({ cause }: ApiError) => (cause as { code?: string } | undefined)?.code === '57014'

/** The error that a refused event of a batch would have raised alone. */
function refusal({ error, code }: { error: string; code: string }): unknown {
  return fromDatabase({ name: 'PostgresError', message: error, code })
}
