/**
 * The objects that an event is about, by their ids. Events with one in common wait for each other in Postgres; there
 * `payments_private.ids_of` decides. Here it only decides which events share a connection, so that an error does no
 * harm.
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

/** The objects that pay an invoice. */
const PAYMENTS = ['payment_intent', 'charge']

type Fields = Record<string, unknown>

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/**
 * The ids of an event's object, of the payment objects and the customer that it names, and the subject that it names.
 * The same as `payments_private.ids_of`, but for the id of the event. Empty for what is not an event.
 */
export function objectsOf(payload: string): Set<string> {
  const object = part(parsed(payload), 'data', 'object')
  if (!isObject(object)) return new Set()
  const ids = [
    part(object, 'id'),
    ...REFERENCES.map((name) => idOf(object[name])),
    part(object, 'parent', 'subscription_details', 'subscription'),
    ...PAYMENTS.map((name) => part(object, 'payment', name)),
    part(object, 'payment_details', 'order_reference'),
    // An invoice is the order reference of its payments, cut to 25 characters.
    object.object === 'invoice' ? String(object.id).slice(0, 25) : undefined,
    part(object, 'charges', 'data', '0', 'id'),
    ...['payments', 'insforge'].map((prefix) => subjectOf(object.metadata, prefix)),
  ]
  const payments = part(object, 'payments', 'data')
  if (Array.isArray(payments))
    ids.push(...payments.flatMap((item) => PAYMENTS.map((name) => idOf(part(item, 'payment', name)))))
  return new Set(ids.filter((id) => typeof id === 'string'))
}

/** What is at the end of the names; undefined if there is nothing. */
const part = (value: unknown, ...names: string[]) =>
  names.reduce<unknown>((found, name) => (isObject(found) ? found[name] : undefined), value)

/** A field that can be expanded holds an id or the whole object. */
const idOf = (value: unknown) => (isObject(value) ? value.id : value)

function subjectOf(metadata: unknown, prefix: string): string | undefined {
  const [type, id] = [part(metadata, `${prefix}_subject_type`), part(metadata, `${prefix}_subject_id`)]
  return typeof type === 'string' && typeof id === 'string' ? `subject ${type} ${id}` : undefined
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return null
  }
}
