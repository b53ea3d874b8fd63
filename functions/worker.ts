/**
 * The entry for Workers. A socket belongs to the request that opened it, so each request has its own connection. Use
 * a pooler such as Hyperdrive, and expect one more round trip for the stored secrets.
 */
import { closeDeps, createApp, createDeps, createSignIns, type Deps, readConfig } from './app.ts'
import { notConfigured } from './fetch.ts'

type WorkerContext = { waitUntil(work: Promise<unknown>): void }

/**
 * The variables among the bindings: texts and secrets. `DATABASE_URL` may be a binding of Hyperdrive, or any other with
 * a `connectionString`. Without it, the binding named `HYPERDRIVE` or the only one with a `connectionString` takes its
 * place.
 */
export function variablesOf(env: Record<string, unknown>): Record<string, string> {
  const texts: Record<string, string> = {}
  const addresses: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    const { connectionString } = (value ?? {}) as { connectionString?: unknown }
    if (typeof value === 'string') texts[name] = value
    else if (typeof connectionString === 'string') addresses[name] = connectionString
  }
  const [only, ...others] = Object.values(addresses)
  const bound = addresses.DATABASE_URL ?? addresses.HYPERDRIVE ?? (others.length === 0 ? only : undefined)
  return bound !== undefined && !texts.DATABASE_URL?.trim() ? { ...texts, DATABASE_URL: bound } : texts
}

/** For every request that this isolate answers. */
const signIns = createSignIns()

const depsOf = (env: Record<string, unknown>, context: WorkerContext): Deps =>
  createDeps(readConfig(variablesOf(env)), { keepAlive: (work) => context.waitUntil(work), signIns })

export default {
  async fetch(request: Request, env: Record<string, unknown>, context: WorkerContext): Promise<Response> {
    let deps: Deps
    try {
      deps = depsOf(env, context)
    } catch (error) {
      return notConfigured(error, 'Set this variable of the Worker, or bind Hyperdrive for the database.')
    }
    try {
      return await createApp(deps).fetch(request)
    } finally {
      context.waitUntil(closeDeps(deps))
    }
  },

  /** A cron trigger for every few minutes: retries failed events, recovers lost events, and syncs the rows. */
  async scheduled(_event: unknown, env: Record<string, unknown>, context: WorkerContext): Promise<void> {
    const deps = depsOf(env, context)
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
