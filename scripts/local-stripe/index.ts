/** Local Stripe: a stateful stand-in for the Stripe API, driven by the official SDK. See README.md. */
import type { AddressInfo } from 'node:net'
import { type Control, callControl, createControl } from './control.ts'
import type { Dunning, Engine } from './core/engine.ts'
import { createEngine } from './create-engine.ts'
import { createDelivery, type Delivery } from './server/delivery.ts'
import { createFaults } from './server/faults.ts'
import { createHttpServer } from './server/http.ts'
import { createIdempotencyKeys, type IdempotencyKeys } from './server/idempotency.ts'
import { defaultAccount, defaultLiveKey, defaultTestKey, isLive, type SecretKey } from './server/keys.ts'

export type { Control } from './control.ts'
export type { Engine, EngineOptions } from './core/engine.ts'
export { StripeFailure } from './core/errors.ts'
export type { EventRecord } from './core/event-log.ts'
export type { Json, StripeEvent, StripeObject } from './core/types.ts'
export { pinnedVersion } from './core/versions.ts'
export { createEngine } from './create-engine.ts'
export { call } from './routes.ts'
export type { DeliveryAttempt } from './server/delivery.ts'
export type { Fault, FaultRule } from './server/faults.ts'
export type { SecretKey } from './server/keys.ts'

export interface LocalStripeOptions {
  /** 0, the default, takes any free port. */
  port?: number
  /** 127.0.0.1 unless stated. */
  host?: string
  /** Keys that are accepted besides the default test and live key. */
  secretKeys?: SecretKey[]
  now?: () => Date
  /** The same seed gives the same ids. */
  seed?: number
  /** Whether events are delivered to endpoints; true unless stated. */
  deliver?: boolean
  /** Milliseconds before each retry of a delivery; then it is given up. */
  retrySchedule?: number[]
  /** Whether an endpoint gets several events at once, as with Stripe itself; else one after the other, in order. */
  parallelDelivery?: boolean
  /** Milliseconds an endpoint may take to answer. */
  deliveryTimeoutMs?: number
  /** Seconds after which asynchronous payments settle, and refunds that fail do so; null (the default) waits for `control`. */
  settleAfterSeconds?: number | null
  /** What happens when renewals fail. */
  dunning?: Dunning
}

export interface LocalStripe {
  /** Address of the API and the hosted pages, without a slash at the end. */
  url: string
  /** The default test key. */
  secretKey: string
  liveSecretKey: string
  control: Control
  /** The engine of the default account in test mode, for tests that look behind the API. */
  engine: Engine
  /** Stops the server, its deliveries and its timers. */
  close(): Promise<void>
}

/** Starts local Stripe on an own port. Each call has its own, empty state. */
export async function startLocalStripe(options: LocalStripeOptions = {}): Promise<LocalStripe> {
  const now = options.now ?? (() => new Date())
  const keys: SecretKey[] = [{ key: defaultTestKey }, { key: defaultLiveKey }, ...(options.secretKeys ?? [])]
  const engines = new Map<string, Engine>()
  const deliveries = new Map<Engine, Delivery>()
  const idempotency = new Map<Engine, IdempotencyKeys>()
  const faults = createFaults()
  let url = ''
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const engineOf = (account: string, livemode: boolean): Engine => {
    const name = `${account} ${livemode}`
    const known = engines.get(name)
    if (known) return known
    const seed = options.seed === undefined ? undefined : options.seed + engines.size
    const { settleAfterSeconds, dunning } = options
    const engine = createEngine({
      accountId: account,
      livemode,
      seed,
      now,
      pagesUrl: url,
      settleAfterSeconds,
      dunning,
    })
    engines.set(name, engine)
    idempotency.set(engine, createIdempotencyKeys())
    const delivery = createDelivery(engine, {
      retrySchedule: options.retrySchedule ?? [1000, 5000, 30_000, 120_000],
      timeoutMs: options.deliveryTimeoutMs ?? 20_000,
      parallel: options.parallelDelivery ?? false,
      now,
    })
    deliveries.set(engine, delivery)
    if (options.deliver === false) delivery.hold()
    return engine
  }

  /** Sets the timer for the next thing that happens by itself. */
  const planNext = (): void => {
    clearTimeout(timer)
    if (closed) return
    const due = [...engines.values()].flatMap((engine) => {
      const at = engine.nextDue()
      return at === null ? [] : [Math.max(0, (at - engine.now()) * 1000)]
    })
    if (due.length === 0) return
    timer = setTimeout(
      () => {
        for (const engine of engines.values()) engine.tick()
        planNext()
      },
      Math.min(...due, 2 ** 31 - 1),
    )
    timer.unref()
  }

  const engineFor = (key: SecretKey): Engine => engineOf(key.account ?? defaultAccount, isLive(key.key))
  const engineWith = (id: string): Engine | undefined =>
    [...engines.values()].find((engine) => engine.store.find(id) !== undefined)

  let control: Control | undefined
  const server = createHttpServer({
    engineFor,
    engineWith,
    keys: () => keys,
    idempotencyKeys: (key) => idempotency.get(engineFor(key)) as IdempotencyKeys,
    faults,
    now: () => new Date((engines.get(`${defaultAccount} false`)?.now() ?? now().getTime() / 1000) * 1000),
    control: (action, body) => callControl(control as Control, action, body),
    afterRequest: planNext,
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve)
  })
  const { address, port } = server.address() as AddressInfo
  url = `http://${address.includes(':') ? `[${address}]` : address}:${port}`
  const test = engineOf(defaultAccount, false)
  const live = engineOf(defaultAccount, true)
  control = createControl({
    test,
    live,
    engines: () => [...engines.values()],
    engineWith,
    deliveries: () => [...deliveries.values()],
    deliveryOf: (engine) => deliveries.get(engine) as Delivery,
    faults,
    addKey: (key) => void keys.push(key),
    revokeKey(revoked) {
      const index = keys.findIndex(({ key }) => key === revoked)
      if (index >= 0) keys.splice(index, 1)
    },
    afterAction: planNext,
  })

  return {
    url,
    secretKey: defaultTestKey,
    liveSecretKey: defaultLiveKey,
    control,
    engine: test,
    close: async () => {
      closed = true
      clearTimeout(timer)
      faults.release()
      for (const delivery of deliveries.values()) delivery.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
