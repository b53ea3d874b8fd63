/**
 * Webhook delivery (https://docs.stripe.com/webhooks): signed and retried; on request late, repeated or out of order.
 */
import { createHmac } from 'node:crypto'
import type { Engine } from '../core/engine.ts'
import { type EventRecord, endpointsFor } from '../core/event-log.ts'
import type { WebhookEndpoint } from '../core/types.ts'

const BODY_CHARACTERS_MAX = 2000

/** One attempt to deliver an event to an endpoint. */
export interface DeliveryAttempt {
  event: string
  type: string
  endpoint: string
  url: string
  attempt: number
  /** The endpoint's status code; null without a response. */
  status: number | null
  /** The beginning of the response's body, or the reason why there was no response. */
  answer: string
}

export interface Delivery {
  /** Holds all later events. */
  hold(): void
  /**
   * Delivers the held events and stops holding. Given ids, it delivers only those, in that order, and holds the rest.
   * An id may occur twice.
   */
  release(order?: 'arrival' | 'reverse' | string[]): Promise<void>
  /** Delivers an event again to all its endpoints, `times` times. */
  redeliver(event: string, times?: number): Promise<DeliveryAttempt[]>
  /** Ids of the held events. */
  held(): string[]
  attempts(): DeliveryAttempt[]
  /** What is not delivered yet, as it is saved. */
  state(): DeliveryState
  /** Goes on where an earlier process stopped: holds what was held, and delivers the rest again. */
  restore(state: DeliveryState): void
  /** Resolves when no delivery is pending and no retry is planned. */
  whenIdle(): Promise<void>
  close(): void
}

export interface DeliveryState {
  holding: boolean
  held: string[]
  /** Ids of the events that no endpoint has accepted yet and that are still delivered. */
  unfinished: string[]
}

export interface DeliveryOptions {
  /** Milliseconds to wait before each retry. After the last one the event is given up. */
  retryScheduleMs: number[]
  /** Milliseconds to wait for an endpoint's response. */
  timeoutMs: number
  /** Whether an endpoint is sent an event before it has responded to the one before. */
  parallel: boolean
  now: () => Date
  /** Called after each attempt. */
  onAttempt?: (attempt: DeliveryAttempt) => void
}

/** Delivers the engine's events as they happen. */
export function createDelivery(engine: Engine, options: DeliveryOptions): Delivery {
  const attempts: DeliveryAttempt[] = []
  const timers = new Map<NodeJS.Timeout, string>()
  const queues = new Map<string, Promise<void>>()
  const closing = new AbortController()
  const pending = createCounter()
  let holding = false
  let heldBack: EventRecord[] = []

  const send = async (record: EventRecord, endpoint: WebhookEndpoint, attempt: number) => {
    const made = await post(engine, options, closing.signal, record, endpoint, attempt)
    attempts.push(made)
    options.onAttempt?.(made)
    return made
  }

  /** Delivers to one endpoint, and plans a retry unless the endpoint accepted the event. */
  const attemptDelivery = async (
    record: EventRecord,
    endpoint: WebhookEndpoint,
    attempt: number,
  ): Promise<void> => {
    if (isAccepted(await send(record, endpoint, attempt))) {
      record.event.pending_webhooks = Math.max(0, record.event.pending_webhooks - 1)
      return
    }
    const waitMs = options.retryScheduleMs[attempt - 1]
    if (waitMs === undefined || closing.signal.aborted) return
    const { id } = record.event
    pending.begin(id)
    const timer = setTimeout(() => {
      timers.delete(timer)
      const current = engine.store.get('webhook_endpoint', endpoint.id)
      const retry = current ? attemptDelivery(record, current, attempt + 1) : Promise.resolve()
      retry.finally(() => pending.end(id))
    }, waitMs)
    timers.set(timer, id)
  }

  const deliver = (record: EventRecord): void => {
    for (const endpoint of endpointsFor(engine.store, record.event.type)) {
      const { id } = record.event
      pending.begin(id)
      const before = (!options.parallel && queues.get(endpoint.id)) || Promise.resolve()
      const delivered = before.then(() => attemptDelivery(record, endpoint, 1)).finally(() => pending.end(id))
      queues.set(endpoint.id, delivered)
    }
  }

  engine.onEvent((record) => {
    if (holding) heldBack.push(record)
    else deliver(record)
  })

  return {
    hold() {
      holding = true
    },
    async release(order = 'arrival') {
      const records = heldBack
      const sequence = sequenceOf(records, order)
      holding = Array.isArray(order)
      heldBack = records.filter((record) => !sequence.includes(record.event.id))
      for (const record of recordsOf(records, sequence)) deliver(record)
      await pending.none()
    },
    async redeliver(event, times = 1) {
      const record = engine.events.find((candidate) => candidate.event.id === event)
      if (!record) throw new Error(`There is no event ${event}.`)
      const made: DeliveryAttempt[] = []
      for (let time = 0; time < times; time += 1) {
        for (const endpoint of endpointsFor(engine.store, record.event.type)) {
          made.push(await send(record, endpoint, 1))
        }
      }
      return made
    },
    held: () => idsOf(heldBack),
    attempts: () => [...attempts],
    state: () => ({ holding, held: idsOf(heldBack), unfinished: pending.keys() }),
    restore(state) {
      holding = state.holding
      heldBack = recordsOf(engine.events, state.held)
      for (const record of recordsOf(engine.events, state.unfinished)) deliver(record)
    },
    whenIdle: pending.none,
    close() {
      closing.abort()
      for (const [timer, id] of timers) {
        clearTimeout(timer)
        pending.end(id)
      }
      timers.clear()
    },
  }
}

const idsOf = (records: EventRecord[]): string[] => records.map(({ event }) => event.id)

/** The records of these ids, in the order of the ids. */
const recordsOf = (records: EventRecord[], ids: string[]): EventRecord[] =>
  ids.flatMap((id) => records.find(({ event }) => event.id === id) ?? [])

/** Counts pending work, by key. */
function createCounter() {
  const counts = new Map<string, number>()
  let waiting: (() => void)[] = []
  return {
    begin(key: string): void {
      counts.set(key, (counts.get(key) ?? 0) + 1)
    },
    end(key: string): void {
      const left = (counts.get(key) ?? 1) - 1
      if (left > 0) counts.set(key, left)
      else counts.delete(key)
      if (counts.size > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    },
    keys: (): string[] => [...counts.keys()],
    /** Resolves when nothing is pending. */
    none: (): Promise<void> =>
      counts.size === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve)),
  }
}

/** The ids of held events in the order in which they are to be delivered. */
function sequenceOf(records: EventRecord[], order: 'arrival' | 'reverse' | string[]): string[] {
  if (Array.isArray(order)) return order
  const ids = idsOf(records)
  return order === 'arrival' ? ids : ids.toReversed()
}

/** Sends an event to an endpoint once. A failure is recorded, not thrown. */
async function post(
  engine: Engine,
  options: DeliveryOptions,
  closing: AbortSignal,
  record: EventRecord,
  endpoint: WebhookEndpoint,
  attempt: number,
): Promise<DeliveryAttempt> {
  const body = JSON.stringify(engine.render(record, endpoint.api_version), null, 2)
  const seconds = Math.floor(options.now().getTime() / 1000)
  const secret = engine.endpointSecrets.get(endpoint.id) ?? ''
  const made: DeliveryAttempt = {
    event: record.event.id,
    type: record.event.type,
    endpoint: endpoint.id,
    url: endpoint.url,
    attempt,
    status: null,
    answer: '',
  }
  try {
    const response = await fetch(endpoint.url, {
      method: 'POST',
      body,
      redirect: 'manual',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
        'stripe-signature': signatureHeader(body, secret, seconds),
      },
      signal: AbortSignal.any([closing, AbortSignal.timeout(options.timeoutMs)]),
    })
    made.answer = (await response.text()).slice(0, BODY_CHARACTERS_MAX)
    made.status = response.status
  } catch (error) {
    made.answer = error instanceof Error ? error.message : String(error)
  }
  return made
}

function isAccepted({ status }: DeliveryAttempt): boolean {
  return status !== null && status >= 200 && status < 300
}

/** `Stripe-Signature` for a body: HMAC-SHA256 over `t.body` with the endpoint's secret. */
export function signatureHeader(body: string, secret: string, seconds: number): string {
  const signature = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return `t=${seconds},v1=${signature}`
}
