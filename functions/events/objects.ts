/**
 * The objects that an event is about, by their ids. Events with one in common wait for each other in Postgres; there
 * `payments_private.ids_of` decides. Here it only decides which events share a connection, so that an error does no harm.
 */

/** Fields of an object that name another one, by its id or in full. */
const REFERENCES = [
  'customer',
  'payment_intent',
  'latest_charge',
  'charge',
  'invoice',
  'subscription',
  'client_reference_id',
]

type Fields = Record<string, unknown>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/** The ids in an event, without those that many events name, for example prices. Empty for what is not an event. */
export function objectsOf(payload: string): Set<string> {
  const ids = new Set<string>()
  const add = (value: unknown) => {
    const id = isObject(value) ? value.id : value
    if (typeof id === 'string' && id !== '') ids.add(id)
  }
  const part = (value: unknown, name: string) => (isObject(value) ? value[name] : undefined)

  const object = part(part(parsed(payload), 'data'), 'object')
  if (!isObject(object)) return ids
  add(object)
  for (const name of REFERENCES) add(object[name])
  add(part(part(object.parent, 'subscription_details'), 'subscription'))
  for (const name of ['payment_intent', 'charge']) add(part(object.payment, name))
  const { metadata } = object
  for (const prefix of ['payments', 'insforge']) {
    const [type, id] = [part(metadata, `${prefix}_subject_type`), part(metadata, `${prefix}_subject_id`)]
    if (type !== undefined && id !== undefined) ids.add(`subject ${type} ${id}`)
  }
  return ids
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return null
  }
}
