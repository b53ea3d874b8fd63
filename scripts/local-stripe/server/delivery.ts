/** Webhook delivery (https://docs.stripe.com/webhooks): signed, retried, and, on request, late, repeated and out of order. */
import { createHmac } from 'node:crypto'
import type { Engine } from '../core/engine.ts'
import { type EventRecord, endpointsFor } from '../core/event-log.ts'
import type { WebhookEndpoint } from '../core/types.ts'

/** One attempt to hand an event to an endpoint. */
export interface DeliveryAttempt {
  event: string
  type: string
  endpoint: string
  url: string
  attempt: number
  /** The endpoint's status code; null when there was no answer. */
  status: number | null
  /** What it answered, or why there was no answer; at most 2000 characters. */
  answer: string
}

export interface Delivery {
  /** Keeps events back from now on. */
  hold(): void
  /**
   * Hands out what was held back and stops holding; or, given ids, hands out those in that order (an id may be there
   * twice) and goes on holding the others.
   */
  release(order?: 'arrival' | 'reverse' | string[]): Promise<void>
  /** Delivers an event once more, to all its endpoints, and again if `times` says so. */
  redeliver(event: string, times?: number): Promise<DeliveryAttempt[]>
  /** What is held back. */
  held(): string[]
  attempts(): DeliveryAttempt[]
  /** Resolves when nothing is on its way and no retry is planned. */
  settled(): Promise<void>
  close(): void
}

export interface DeliveryOptions {
  /** Milliseconds to wait before each retry; the last one is followed by giving up. */
  retrySchedule: number[]
  /** Milliseconds to wait for an endpoint's answer. */
  timeoutMs: number
  /** Whether an endpoint is sent an event before it has answered to the one before. */
  parallel: boolean
  now: () => Date
}

/** Delivers the engine's events as they happen. */
export function createDelivery(engine: Engine, options: DeliveryOptions): Delivery {
  const attempts: DeliveryAttempt[] = []
  const timers = new Set<NodeJS.Timeout>()
  const closing = new AbortController()
  let idle: (() => void)[] = []
  let underWay = 0
  let holding = false
  let heldBack: EventRecord[] = []

  const finished = (): void => {
    underWay -= 1
    if (underWay > 0) return
    for (const resolve of idle) resolve()
    idle = []
  }

  const post = async (
    record: EventRecord,
    endpoint: WebhookEndpoint,
    attempt: number,
  ): Promise<DeliveryAttempt> => {
    const body = JSON.stringify(engine.render(record, endpoint.api_version), null, 2)
    const seconds = Math.floor(options.now().getTime() / 1000)
    const secret = engine.endpointSecrets.get(endpoint.id) ?? ''
    const entry: DeliveryAttempt = {
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
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(options.timeoutMs)]),
      })
      entry.answer = (await response.text()).slice(0, 2000)
      entry.status = response.status
    } catch (error) {
      entry.answer = error instanceof Error ? error.message : String(error)
    }
    attempts.push(entry)
    return entry
  }

  const succeeded = ({ status }: DeliveryAttempt): boolean => status !== null && status >= 200 && status < 300

  /** Delivers to one endpoint, and plans the retry when it was not taken. */
  const attemptDelivery = async (
    record: EventRecord,
    endpoint: WebhookEndpoint,
    attempt: number,
  ): Promise<void> => {
    const entry = await post(record, endpoint, attempt)
    if (succeeded(entry)) {
      record.event.pending_webhooks = Math.max(0, record.event.pending_webhooks - 1)
      return
    }
    const wait = options.retrySchedule[attempt - 1]
    if (wait === undefined || closing.signal.aborted) return
    underWay += 1
    const timer = setTimeout(() => {
      timers.delete(timer)
      const current = engine.store.get('webhook_endpoint', endpoint.id)
      const retry = current ? attemptDelivery(record, current, attempt + 1) : Promise.resolve()
      retry.finally(finished)
    }, wait)
    timers.add(timer)
  }

  const queues = new Map<string, Promise<void>>()

  const deliver = (record: EventRecord): void => {
    for (const endpoint of endpointsFor(engine.store, record.event.type)) {
      underWay += 1
      const before = (!options.parallel && queues.get(endpoint.id)) || Promise.resolve()
      const delivered = before.then(() => attemptDelivery(record, endpoint, 1)).finally(finished)
      queues.set(endpoint.id, delivered)
    }
  }

  const settled = (): Promise<void> =>
    underWay === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve))

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
      const ids = records.map((record) => record.event.id)
      const sequence = order === 'arrival' ? ids : order === 'reverse' ? ids.toReversed() : order
      holding = Array.isArray(order)
      heldBack = records.filter((record) => !sequence.includes(record.event.id))
      for (const id of sequence) {
        const record = records.find((candidate) => candidate.event.id === id)
        if (record) deliver(record)
      }
      await settled()
    },
    async redeliver(event, times = 1) {
      const record = engine.events.find((candidate) => candidate.event.id === event)
      if (!record) throw new Error(`There is no event ${event}.`)
      const made: DeliveryAttempt[] = []
      for (let time = 0; time < times; time += 1) {
        for (const endpoint of endpointsFor(engine.store, record.event.type)) {
          made.push(await post(record, endpoint, 1))
        }
      }
      return made
    },
    held: () => heldBack.map((record) => record.event.id),
    attempts: () => [...attempts],
    settled,
    close() {
      closing.abort()
      for (const timer of timers) {
        clearTimeout(timer)
        finished()
      }
      timers.clear()
    },
  }
}

/** `Stripe-Signature` for a body: HMAC-SHA256 over `t.body` with the endpoint's secret. */
export function signatureHeader(body: string, secret: string, seconds: number): string {
  const signature = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return `t=${seconds},v1=${signature}`
}
