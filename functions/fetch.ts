/**
 * The handlers as one function, for platforms and servers that call `(request) => Response`:
 *
 *     export default { fetch: createHandler() }
 *
 * Nothing is read or connected before the first request, so a build without the variables passes.
 */
import {
  closeDeps,
  createApp,
  createDeps,
  type Deps,
  type DepsOptions,
  isConfigError,
  readConfig,
} from './app.ts'
import { apiError, errorBody } from './core/errors.ts'
import { type Env, readEnv } from './core/runtime.ts'

export type HandlerOptions = DepsOptions & {
  /** The variables, or what returns them; those of the process if omitted. */
  env?: Env | (() => Env)
}

/** What a platform passes with the request. */
export type HandlerContext = { waitUntil?: (work: Promise<unknown>) => void }

export type Handler = {
  (request: Request, context?: HandlerContext): Promise<Response>
  /** Resolves when the work that continues after answers has ended. */
  settled(): Promise<void>
  /** Waits for that work, and closes the connections. */
  close(): Promise<void>
}

/**
 * Builds the handlers with the first request. If the platform passes `waitUntil`, it keeps the work after an answer
 * alive.
 */
export function createHandler({ env = readEnv, ...options }: HandlerOptions = {}): Handler {
  let built: { deps: Deps; app: ReturnType<typeof createApp> } | undefined
  const build = () => {
    const deps = createDeps(readConfig(typeof env === 'function' ? env() : env), options)
    return { deps, app: createApp(deps) }
  }
  async function handle(request: Request, context?: HandlerContext): Promise<Response> {
    try {
      built ??= build()
    } catch (error) {
      return notConfigured(error)
    }
    const { app, deps } = built
    const response = await app.fetch(request)
    if (typeof context?.waitUntil === 'function') context.waitUntil(deps.background.settled())
    return response
  }
  return Object.assign(handle, {
    settled: async () => built?.deps.background.settled(),
    close: async () => {
      if (built !== undefined) await closeDeps(built.deps)
    },
  })
}

/** Such a platform has no start that could fail, so each request says what is not configured. */
export function notConfigured(
  error: unknown,
  nextActions = 'Set this variable where the handlers run, and deploy again.',
): Response {
  if (!isConfigError(error)) throw error
  const failure = apiError(500, 'INTERNAL_ERROR', error.message, { nextActions })
  console.error(JSON.stringify({ level: 'error', event: 'not_configured', message: failure.message }))
  return Response.json(errorBody(failure), {
    status: 500,
    headers: { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' },
  })
}
