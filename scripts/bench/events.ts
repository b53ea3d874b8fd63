/**
 * An endless stream of webhook events of one account, the same for the same seed. 2,000 customers check out,
 * subscribe, renew and are refunded, in a fixed mix. The objects of one payment name each other as Stripe's do.
 */
import { createHmac } from 'node:crypto'
import { createAccount, STREAM_START_SECONDS, uuid } from './account.ts'
import { CHANGES, type Change } from './changes.ts'
import { letters, shuffled, stripeId } from './random.ts'

/** The kinds of event in the mix, with their share of twenty events. */
export const MIX = {
  customer: 4,
  checkout_session: 3,
  subscription: 5,
  invoice: 4,
  payment_intent: 2,
  charge_refunded: 1,
  refund: 1,
} as const satisfies Record<keyof typeof CHANGES, number>

export type Kind = keyof typeof MIX
export const KINDS = Object.keys(MIX) as Kind[]

export type BenchEvent = { id: string; kind: Kind; type: string; body: string }

/** A delivery as it arrives: the bytes, and the header that signs them. */
export type Delivery = BenchEvent & { bytes: Buffer<ArrayBuffer>; signature: string }

export type EventStream = {
  /** The next events. */
  take(count: number): BenchEvent[]
}

export const API_VERSION = '2026-10-28.endive'
/** Stripe's own bodies are rarely shorter once the objects carry metadata. */
const BODY_BYTES_MIN = 2048
/** On average: few enough that two changes of one object rarely fall into the same second. */
const EVENTS_PER_SECOND = 10

export function createEventStream(seed: number): EventStream {
  const account = createAccount(seed)
  const { random } = account
  let made = 0
  let deck: Kind[] = []

  function nextKind(): Kind {
    if (deck.length === 0) {
      const twenty = KINDS.flatMap((kind) => Array.from({ length: MIX[kind] }, () => kind))
      deck = shuffled(random, twenty)
    }
    return deck.pop() as Kind
  }

  function next(): BenchEvent {
    const kind = nextKind()
    account.clock = STREAM_START_SECONDS + Math.floor(made / EVENTS_PER_SECOND)
    made += 1
    const { type, object, previous }: Change = CHANGES[kind](account)
    const id = stripeId(random, 'evt_', account.clock)
    const event = {
      id,
      object: 'event',
      api_version: API_VERSION,
      context: null,
      created: account.clock,
      data: { object, ...(previous && { previous_attributes: previous }) },
      livemode: false,
      pending_webhooks: 1,
      request: { id: `req_${letters(random, 14)}`, idempotency_key: uuid(random) },
      type,
    }
    return { id, kind, type, body: bodyOf(event) }
  }

  return { take: (count) => Array.from({ length: count }, next) }
}

/**
 * The body as Stripe writes it, indented by two spaces. A short one gets a longer note in the metadata of its object.
 */
function bodyOf(event: { data: { object: Change['object'] } }): string {
  const body = JSON.stringify(event, null, 2)
  const missing = BODY_BYTES_MIN - Buffer.byteLength(body)
  if (missing <= 0) return body
  const { object } = event.data
  const note = 'Imported from the former shop; the customer has been told. '.repeat(40).slice(0, missing)
  object.metadata = { ...(object.metadata as object), note }
  return JSON.stringify(event, null, 2)
}

export const SIGNING_SECRET = 'whsec_bench0000000000000000000000000000'

/** Signs events as of now. A signature is valid for five minutes, so sign just before sending. */
export function sign(events: BenchEvent[], secret = SIGNING_SECRET): Delivery[] {
  const timestamp = Math.floor(Date.now() / 1000)
  return events.map((event) => {
    const signature = createHmac('sha256', secret).update(`${timestamp}.${event.body}`).digest('hex')
    return { ...event, bytes: Buffer.from(event.body), signature: `t=${timestamp},v1=${signature}` }
  })
}
