/** A route of the admin API: one value that routes, validates, answers and documents. */
import type { z } from 'zod'
import type { ErrorCode } from '../../types/api.ts'
import type { AdminRole } from './auth.ts'
import type { Deps } from './deps.ts'

type Input<Params, Query, Body> = {
  params: Params
  query: Query
  body: Body
  /** Aborted when the caller hangs up. */
  signal: AbortSignal
  /** Who asks: a reader is shown no secrets. */
  role: AdminRole
}

export type Route<Params = unknown, Query = unknown, Body = unknown, Result extends object = object> = {
  /** Name of the operation in the OpenAPI document. */
  id: string
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below `/api/payments`, for example `/stripe/{environment}/customers`. */
  path: string
  summary: string
  description?: string
  params?: z.ZodType<Params>
  query?: z.ZodType<Query>
  /** A route without one accepts no body, or `{}`. */
  body?: z.ZodType<Body>
  /** The body may be omitted, and is then `{}`. */
  bodyMayBeEmpty?: boolean
  status?: 200 | 201
  response: z.ZodType<Result>
  /** The handler returns a `Response` of this type instead of JSON. */
  contentType?: string
  /** The route calls Stripe, so it can also return Stripe's failures. */
  asksStripe?: boolean
  /** Error codes that not every route returns. */
  errors?: Partial<Record<number, ErrorCode[]>>
  /** Runs after `deps.authenticateAdmin`; `input` has passed the schemas. */
  handle(input: Input<Params, Query, Body>, deps: Deps): Promise<Result>
}

/** Gives the handler of a route the types of its schemas. */
export function route<Params = unknown, Query = unknown, Body = unknown, Result extends object = object>(
  definition: Route<Params, Query, Body, Result>,
): Route {
  return definition as unknown as Route
}
