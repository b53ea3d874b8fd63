/** All objects of one account in one mode, in the order of their creation. */
import { noSuch } from './errors.ts'
import type { Deleted, ObjectName, Objects, StripeObject } from './types.ts'

export interface Store {
  add<Name extends ObjectName>(object: Objects[Name] & { object: Name }): Objects[Name]
  get<Name extends ObjectName>(name: Name, id: string): Objects[Name] | undefined
  /** The object, or Stripe's "No such …" error; `param` names the request parameter that held the id. */
  require<Name extends ObjectName>(name: Name, id: string, param?: string): Objects[Name]
  /** Newest first, as Stripe lists. */
  list<Name extends ObjectName>(name: Name): readonly Objects[Name][]
  /** Any object by its id alone. */
  find(id: string): StripeObject | undefined
  /** Removes an object, and keeps the remains that Stripe shows of it. */
  remove(name: ObjectName, id: string): Deleted
  removed(id: string): Deleted | undefined
  /** All objects, and the remains of deleted ones. */
  all(): (StripeObject | Deleted)[]
  /** Replaces everything by what `all` returned. */
  restore(all: (StripeObject | Deleted)[]): void
}

export function createStore(): Store {
  const objects = new Map<string, StripeObject>()
  const byName = new Map<string, Map<string, StripeObject>>()
  const remains = new Map<string, Deleted>()
  /** Lists cached until the next change, because reading page by page asks for the same list each time. */
  const lists = new Map<string, readonly StripeObject[]>()

  const objectsNamed = (name: string): Map<string, StripeObject> => {
    const known = byName.get(name)
    if (known) return known
    const fresh = new Map<string, StripeObject>()
    byName.set(name, fresh)
    return fresh
  }

  const store: Store = {
    add(object) {
      objects.set(object.id, object)
      objectsNamed(object.object).set(object.id, object)
      lists.delete(object.object)
      return object
    },
    get<Name extends ObjectName>(name: Name, id: string) {
      return objectsNamed(name).get(id) as Objects[Name] | undefined
    },
    require(name, id, param) {
      const object = store.get(name, id)
      if (!object) throw noSuch(SPOKEN_NAMES[name] ?? name, id, param)
      return object
    },
    list<Name extends ObjectName>(name: Name) {
      const list = lists.get(name) ?? [...objectsNamed(name).values()].reverse()
      lists.set(name, list)
      return list as Objects[Name][]
    },
    find: (id) => objects.get(id),
    remove(name, id) {
      objects.delete(id)
      objectsNamed(name).delete(id)
      lists.delete(name)
      const left: Deleted = { id, object: name, deleted: true }
      remains.set(id, left)
      return left
    },
    removed: (id) => remains.get(id),
    all: () => [...objects.values(), ...remains.values()],
    restore(all) {
      for (const map of [objects, byName, remains, lists]) map.clear()
      for (const object of all) {
        if ('deleted' in object && object.deleted === true) remains.set(object.id, object as Deleted)
        else store.add(object as never)
      }
    },
  }
  return store
}

/** What Stripe's error messages call an object, if that differs from its `object` field. */
const SPOKEN_NAMES: Partial<Record<ObjectName, string>> = {
  'billing_portal.configuration': 'configuration',
  'billing_portal.session': 'session',
  'checkout.session': 'checkout.session',
  payment_method: 'PaymentMethod',
  promotion_code: 'promotion code',
  shipping_rate: 'shipping rate',
  subscription_item: 'subscription_item',
  'test_helpers.test_clock': 'test clock',
  webhook_endpoint: 'webhook endpoint',
}
