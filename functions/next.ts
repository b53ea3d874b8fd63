/**
 * Route handlers for the App Router of Next.js, published as `pg-payments/next`. They are made with the first request,
 * so `next build` passes without the variables.
 */
import { createHandler, type Handler, type HandlerOptions } from './fetch.ts'

export type RouteHandlers = Record<
  'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS',
  (request: Request) => Promise<Response>
>

/**
 * @param options with `keepAlive: after` of `next/server`, work after an answer is finished on serverless platforms too
 */
export function createRouteHandlers(options?: HandlerOptions): RouteHandlers {
  const handler: Handler = createHandler(options)
  const handle = (request: Request) => handler(request)
  return { GET: handle, POST: handle, PUT: handle, PATCH: handle, DELETE: handle, OPTIONS: handle }
}
