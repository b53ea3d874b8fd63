/**
 * Local Stripe: a stateful stand-in for the Stripe API, driven by the official SDK. See README.md.
 *
 * `startLocalStripe` starts a server and returns its address, its keys, `control` and `close`. `createEngine` and
 * `call` do the same without HTTP.
 */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Control, callControl, createControl } from './control.ts'
import { ACCOUNT_ID, type Dunning, type Engine } from './core/engine.ts'
import { createWarnings, type Warning } from './core/warnings.ts'
import { createAccounts } from './server/accounts.ts'
import type { DeliveryAttempt } from './server/delivery.ts'
import { createFaults } from './server/faults.ts'
import { createHttpServer } from './server/http.ts'
import { isLive, LIVE_KEY, type SecretKey, TEST_KEY } from './server/keys.ts'
import { createStateFile } from './server/state-file.ts'
import { createTimer } from './server/timer.ts'

export type { Control } from './control.ts'
export type { Dunning, Engine, EngineOptions } from './core/engine.ts'
export { ACCOUNT_ID } from './core/engine.ts'
export { StripeFailure } from './core/errors.ts'
export type { EventRecord } from './core/event-log.ts'
export type {
  CheckoutSession,
  Dispute,
  Json,
  PaymentIntent,
  Refund,
  StripeEvent,
  StripeObject,
  Subscription,
} from './core/types.ts'
export { PINNED_VERSION } from './core/versions.ts'
export type { Warning } from './core/warnings.ts'
export { createEngine } from './create-engine.ts'
export type { PaymentEntry } from './pages/checkout.ts'
export { call } from './routes.ts'
export type { DeliveryAttempt } from './server/delivery.ts'
export type { Fault, FaultRule } from './server/faults.ts'
export type { SecretKey } from './server/keys.ts'

export interface LocalStripeOptions {
  /** 0, the default, takes any free port. */
  port?: number
  /** Default: 127.0.0.1. */
  host?: string
  /** Keys accepted besides the default test key and live key. */
  secretKeys?: SecretKey[]
  now?: () => Date
  /** The same seed gives the same ids. */
  seed?: number
  /** Whether events are delivered as they happen (the default). False holds them until `control.releaseDelivery()`. */
  deliver?: boolean
  /** Milliseconds before each retry of a delivery. After the last one the event is given up. */
  retrySchedule?: number[]
  /** Whether an endpoint gets several events at once, as from Stripe. By default it gets one after the other. */
  parallelDelivery?: boolean
  /** Milliseconds that an endpoint has for its response. */
  deliveryTimeoutMs?: number
  /**
   * Seconds after which asynchronous payments settle and failing refunds fail. Null (the default) waits for
   * `control`.
   */
  settleAfterSeconds?: number | null
  /** What happens when renewals fail. */
  dunning?: Dunning
  /**
   * A file that keeps the state: objects, events, time, keys and what is not delivered yet. It is read at the start.
   * Without one, everything ends with the process.
   */
  stateFile?: string
  /** Whether undelivered events of the state file wait for `resume`. Default: they are delivered at once. */
  resumesLater?: boolean
  /** Called after each attempt to deliver an event. */
  onDelivery?: (attempt: DeliveryAttempt) => void
  /** Called once for each parameter of a route that is accepted without effect. Default: `console.warn`. */
  onWarning?: (warning: Warning) => void
}

export interface LocalStripe {
  /** Base URL of the API and the hosted pages, without a slash at the end. */
  url: string
  /** The default test key. */
  secretKey: string
  liveSecretKey: string
  control: Control
  /** The engine of the default account in test mode, for tests that inspect the state behind the API. */
  engine: Engine
  /** Delivers what an earlier process has not delivered; only with the option `resumesLater`. */
  resume(): void
  /** Stops the server, its deliveries and its timers. */
  close(): Promise<void>
}

const RETRY_SCHEDULE_MS = [1000, 5000, 30_000, 120_000]
const DELIVERY_TIMEOUT_MS = 20_000

/** Starts local Stripe on a port of its own. Each call has its own, empty state. */
export async function startLocalStripe(options: LocalStripeOptions = {}): Promise<LocalStripe> {
  const now = options.now ?? (() => new Date())
  const keys: SecretKey[] = [{ key: TEST_KEY }, { key: LIVE_KEY }, ...(options.secretKeys ?? [])]
  const faults = createFaults()
  const warnings = createWarnings(options.onWarning ?? (({ message }) => console.warn(message)))
  let url = ''
  const accounts = createAccounts({
    engine: { now, settleAfterSeconds: options.settleAfterSeconds, dunning: options.dunning, warnings },
    delivery: {
      retryScheduleMs: options.retrySchedule ?? RETRY_SCHEDULE_MS,
      timeoutMs: options.deliveryTimeoutMs ?? DELIVERY_TIMEOUT_MS,
      parallel: options.parallelDelivery ?? false,
      now,
      onAttempt(attempt) {
        file?.save()
        options.onDelivery?.(attempt)
      },
    },
    seed: options.seed,
    holds: options.deliver === false,
    pagesUrl: () => url,
  })
  const file = options.stateFile
    ? createStateFile(options.stateFile, () => ({ accounts: accounts.snapshots(), keys }))
    : undefined
  const saved = file?.read()
  if (saved) {
    keys.splice(0, keys.length, ...withOptional(saved.keys, options.secretKeys ?? []))
    accounts.restore(saved.accounts)
  }
  const timer = createTimer(accounts.engines, () => file?.save())
  const afterWork = (): void => {
    timer.plan()
    file?.save()
  }
  const engineFor = (key: SecretKey): Engine => accounts.engineOf(key.account ?? ACCOUNT_ID, isLive(key.key))

  let control: Control | undefined
  const server = createHttpServer({
    engineFor,
    engineWith: accounts.engineWith,
    keys: () => keys,
    idempotencyKeys: (key) => accounts.idempotencyKeysOf(engineFor(key)),
    faults,
    now: () => new Date(accounts.engineOf(ACCOUNT_ID, false).now() * 1000),
    control: (action, body) => callControl(control as Control, action, body),
    afterRequest: afterWork,
  })
  url = await listen(server, options)
  for (const engine of accounts.engines()) engine.pagesUrl = url
  const test = accounts.engineOf(ACCOUNT_ID, false)
  const live = accounts.engineOf(ACCOUNT_ID, true)
  control = createControl({
    ...accounts,
    test,
    live,
    faults,
    addKey: (key) => void keys.push(key),
    revokeKey(revoked) {
      const index = keys.findIndex(({ key }) => key === revoked)
      if (index >= 0) keys.splice(index, 1)
    },
    afterAction: afterWork,
  })

  if (!options.resumesLater) accounts.resume()
  afterWork()

  return {
    url,
    secretKey: TEST_KEY,
    liveSecretKey: LIVE_KEY,
    control,
    engine: test,
    resume: accounts.resume,
    close: async () => {
      timer.stop()
      faults.release()
      file?.saveNow()
      for (const delivery of accounts.deliveries()) delivery.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** The saved keys, and those of the options that they lack. */
function withOptional(saved: SecretKey[], given: SecretKey[]): SecretKey[] {
  return [...saved, ...given.filter(({ key }) => !saved.some((known) => known.key === key))]
}

/** Starts listening and returns the address. */
async function listen(server: Server, { port = 0, host = '127.0.0.1' }: LocalStripeOptions): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const bound = server.address() as AddressInfo
  return `http://${bound.address.includes(':') ? `[${bound.address}]` : bound.address}:${bound.port}`
}
