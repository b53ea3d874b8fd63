/** Calls an operation of the admin API by its id. Its types and its address come from the schemas of the routes. */
import type { Operations } from '../../../types/api.ts'
import { texts } from '../texts.ts'
import { failure } from './failure.ts'
import { addressOf } from './place.ts'
import { ROUTES } from './routes.ts'
import { send } from './send.ts'

export type OperationId = keyof Operations & keyof typeof ROUTES
export type Answer<Id extends OperationId> = Operations[Id]['response']
export type Query<Id extends OperationId> = Operations[Id]['query']

type Given<Name extends string, Value> = Value extends undefined
  ? { [Key in Name]?: undefined }
  : Partial<Value> extends Value
    ? { [Key in Name]?: Value }
    : { [Key in Name]: Value }

export type Input<Id extends OperationId> = Given<'params', Operations[Id]['params']> &
  Given<'query', Operations[Id]['query']> &
  Given<'body', Operations[Id]['body']>

/** The address of an operation. Filters that are empty are left out. */
export function addressOfCall<Id extends OperationId>(id: Id, input: Input<Id>): URL {
  const [, path] = ROUTES[id]
  const params = (input.params ?? {}) as Record<string, string>
  const address = addressOf(
    path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? '')),
  )
  for (const [name, value] of Object.entries((input.query ?? {}) as Record<string, unknown>)) {
    if (value !== undefined && value !== null && value !== '') address.searchParams.set(name, String(value))
  }
  return address
}

/** Calls the operation; throws a `Failure`, also for an answer that lacks what the operation always answers. */
export async function call<Id extends OperationId>(
  id: Id,
  input: Input<Id>,
  signal?: AbortSignal,
): Promise<Answer<Id>> {
  const [method, , fields] = ROUTES[id]
  const answer = (await send(addressOfCall(id, input), { method, body: input.body, signal })) as object
  if (fields.some((field) => (answer as Record<string, unknown>)[field] == null))
    throw failure('malformed', texts.failures.incomplete)
  return answer as Answer<Id>
}
