/** The accounts of one local Stripe: an engine for each account and mode, with its deliveries and idempotency keys. */
import type { Engine, EngineOptions } from '../core/engine.ts'
import { createEngine } from '../create-engine.ts'
import { createDelivery, type Delivery, type DeliveryOptions } from './delivery.ts'
import { createIdempotencyKeys, type IdempotencyKeys } from './idempotency.ts'

export interface Accounts {
  /** The engine of an account in one mode. The first call makes it. */
  engineOf(account: string, livemode: boolean): Engine
  /** The engine that has an object. */
  engineWith(id: string): Engine | undefined
  engines(): Engine[]
  deliveryOf(engine: Engine): Delivery
  deliveries(): Delivery[]
  idempotencyKeysOf(engine: Engine): IdempotencyKeys
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
  }
}
