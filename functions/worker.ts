/**
 * The entry for Workers. A socket belongs to the request that opened it, so each request has its own connection. Use
 * a pooler such as Hyperdrive, and expect one more round trip for the stored secrets.
 */
import { closeDeps, createApp, createDeps, readConfig } from './app.ts'

type WorkerContext = { waitUntil(work: Promise<unknown>): void }

/** The text bindings: variables and secrets. */
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

  /** A cron trigger for every few minutes: retries failed events, recovers lost events, and syncs the rows. */
  async scheduled(_event: unknown, env: Record<string, unknown>, context: WorkerContext): Promise<void> {
    const deps = createDeps(readConfig(textBindings(env)), { keepAlive: (work) => context.waitUntil(work) })
    try {
      const { runScheduled, SYNC_PAGES } = await import('./sync/schedule.ts')
      const { failures } = await runScheduled(deps, { syncPages: SYNC_PAGES })
      // The platform shows a run that throws as failed.
      if (failures.length > 0) throw new Error(failures.map(({ message }) => message).join(' '))
    } finally {
      context.waitUntil(closeDeps(deps))
    }
  },
}
