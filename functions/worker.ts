/**
 * The entry for Workers. A socket there belongs to the request that opened it, so each request has its own connection: put a pooler
 * such as Hyperdrive in between, and expect one more round trip for the stored secrets.
 */
import { closeDeps, createApp, createDeps, readConfig } from './app.ts'

type WorkerContext = { waitUntil(work: Promise<unknown>): void }

/** The bindings that are text: variables and secrets. */
function textBindings(env: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )
}

export default {
  async fetch(request: Request, env: Record<string, unknown>, context: WorkerContext): Promise<Response> {
    const deps = createDeps(readConfig(textBindings(env)), { keepAlive: (work) => context.waitUntil(work) })
    try {
      return await createApp(deps).fetch(request)
    } finally {
      context.waitUntil(closeDeps(deps))
    }
  },
}
