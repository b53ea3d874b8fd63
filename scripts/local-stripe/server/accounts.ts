/** The accounts of one local Stripe: an engine for each account and mode, with its deliveries and idempotency keys. */
import type { Engine, EngineOptions } from '../core/engine.ts'
import { type EngineSnapshot, restoreSnapshot, snapshotOf } from '../core/snapshot.ts'
import { createEngine } from '../create-engine.ts'
import { createDelivery, type Delivery, type DeliveryOptions, type DeliveryState } from './delivery.ts'
import { createIdempotencyKeys, type IdempotencyEntry, type IdempotencyKeys } from './idempotency.ts'

export interface Accounts {
  /** The engine of an account in one mode. The first call makes it. */
  engineOf(account: string, livemode: boolean): Engine
  /** The engine that has an object. */
  engineWith(id: string): Engine | undefined
  engines(): Engine[]
  deliveryOf(engine: Engine): Delivery
  deliveries(): Delivery[]
  idempotencyKeysOf(engine: Engine): IdempotencyKeys
  /** Everything, as it is saved. */
  snapshots(): AccountSnapshot[]
  /** Makes the accounts again. Call `resume` when requests can be served. */
  restore(snapshots: AccountSnapshot[]): void
  /** Delivers what an earlier process has not delivered. */
  resume(): void
}

/** One account in one mode, as it is saved. */
export interface AccountSnapshot {
  account: string
  livemode: boolean
  engine: EngineSnapshot
  delivery: DeliveryState
  idempotencyKeys: Map<string, IdempotencyEntry>
}

export interface AccountsOptions {
  engine: Pick<EngineOptions, 'now' | 'settleAfterSeconds' | 'dunning' | 'warnings'>
  delivery: DeliveryOptions
  /** Seed of the first engine; each later one adds 1. */
  seed: number | undefined
  /** Whether events are held back from the beginning. */
  holds: boolean
  pagesUrl: () => string
}

interface Member {
  engine: Engine
  delivery: Delivery
  idempotencyKeys: IdempotencyKeys
}

export function createAccounts(options: AccountsOptions): Accounts {
  const members = new Map<string, Member>()
  const restored = new Map<Member, DeliveryState>()

  const add = (account: string, livemode: boolean): Member => {
    const seed = options.seed === undefined ? undefined : options.seed + members.size
    const pagesUrl = options.pagesUrl()
    const engine = createEngine({ ...options.engine, accountId: account, livemode, seed, pagesUrl })
    const delivery = createDelivery(engine, options.delivery)
    if (options.holds) delivery.hold()
    return { engine, delivery, idempotencyKeys: createIdempotencyKeys() }
  }
  const all = (): Member[] => [...members.values()]
  const memberOf = (engine: Engine): Member => all().find((member) => member.engine === engine) as Member

  return {
    engineOf(account, livemode) {
      const name = `${account} ${livemode}`
      const known = members.get(name)
      if (known) return known.engine
      const member = add(account, livemode)
      members.set(name, member)
      return member.engine
    },
    engineWith: (id) => all().find(({ engine }) => engine.store.find(id) !== undefined)?.engine,
    engines: () => all().map(({ engine }) => engine),
    deliveryOf: (engine) => memberOf(engine).delivery,
    deliveries: () => all().map(({ delivery }) => delivery),
    idempotencyKeysOf: (engine) => memberOf(engine).idempotencyKeys,
    snapshots: () =>
      all().map(({ engine, delivery, idempotencyKeys }) => ({
        account: engine.accountId,
        livemode: engine.livemode,
        engine: snapshotOf(engine),
        delivery: delivery.state(),
        idempotencyKeys: idempotencyKeys.entries(),
      })),
    restore(snapshots) {
      for (const snapshot of snapshots) {
        const member = add(snapshot.account, snapshot.livemode)
        members.set(`${snapshot.account} ${snapshot.livemode}`, member)
        restoreSnapshot(member.engine, snapshot.engine, options.seed !== undefined)
        member.idempotencyKeys.restore(snapshot.idempotencyKeys)
        restored.set(member, snapshot.delivery)
      }
    },
    resume() {
      for (const [member, state] of restored) member.delivery.restore(state)
      restored.clear()
    },
  }
}
