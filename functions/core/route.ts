/** What a route of the admin API is: one value that routes, validates, answers and documents. */
import type { z } from 'zod'
import type { ErrorCode } from '../../types/api.ts'
import type { Deps } from './deps.ts'

type Input<Params, Query, Body> = {
  params: Params
  query: Query
  body: Body
  /** Given when whoever asked has hung up. */
  signal: AbortSignal
}

export type Route<Params = unknown, Query = unknown, Body = unknown, Result extends object = object> = {
  /** Name of the operation in the OpenAPI document. */
  id: string
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below `/api/payments`, as in `/stripe/{environment}/customers`. */
  path: string
  summary: string
  description?: string
  params?: z.ZodType<Params>
  query?: z.ZodType<Query>
  /** Without one the route reads no body, unless it is `{}`. */
  body?: z.ZodType<Body>
  /** The body may be left out, and is then `{}`. */
  bodyMayBeEmpty?: boolean
  status?: 200 | 201
  response: z.ZodType<Result>
  /** Stripe is asked, so its failures can be the answer. */
  asksStripe?: boolean
  /** Codes beyond those that every route can answer with. */
  errors?: Partial<Record<number, ErrorCode[]>>
  /** Does the work. `deps.authenticateAdmin` has let the caller pass, and everything in `input` is as the schemas say. */
  handle(input: Input<Params, Query, Body>, deps: Deps): Promise<Result>
}

/** A route, with the types of its schemas in its handler. */
export function route<Params = unknown, Query = unknown, Body = unknown, Result extends object = object>(
  definition: Route<Params, Query, Body, Result>,
): Route {
  return definition as unknown as Route
}
