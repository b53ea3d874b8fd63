/**
 * The only file that knows the runtime. Node, Bun, Deno and Workers differ in where the environment variables are,
 * and in how work stays alive after a response. All other code in `functions/` is the same on all of them.
 */

type Globals = {
  Deno?: { env: { toObject(): Record<string, string> } }
  navigator?: { userAgent?: string }
  process?: {
    env: Record<string, string | undefined>
    getBuiltinModule?(name: 'node:crypto'): NodeCrypto | undefined
  }
}

/** The part of Node's crypto that a webhook needs. */
export type NodeCrypto = {
  createHmac(algorithm: 'sha256', key: string): Hmac
  timingSafeEqual(one: Uint8Array, other: Uint8Array): boolean
}
type Hmac = { update(data: string | Uint8Array): Hmac; digest(): Uint8Array }

export type Env = Record<string, string | undefined>

/** The environment variables of this process. Workers receive theirs with each request and do not call this. */
export function readEnv(): Env {
  const globals = globalThis as unknown as Globals
  if (globals.Deno) return globals.Deno.env.toObject()
  return { ...globals.process?.env }
}

/**
 * Node's own crypto, if the runtime has it. It computes synchronously. WebCrypto uses a thread pool, which takes
 * longer than the signature of a webhook itself.
 */
export function findNodeCrypto(): NodeCrypto | undefined {
  return (globalThis as unknown as Globals).process?.getBuiltinModule?.('node:crypto')
}

/**
 * Whether this runs on Cloudflare, which sets the caller's address in a header and removes what the caller sent there.
 */
export const isCloudflare = (): boolean =>
  (globalThis as unknown as Globals).navigator?.userAgent === 'Cloudflare-Workers'

/**
 * Whether a request of this process can reach its own public address. Cloudflare and Deno Deploy refuse such a
 * request, because it could be a loop.
 */
export function canCallItself(): boolean {
  const { Deno } = globalThis as unknown as Globals
  if (isCloudflare()) return false
  return Deno?.env.toObject().DENO_DEPLOYMENT_ID === undefined
}

/** Work that continues after the response was sent. */
export type Background = {
  /** Tracks a promise that is already running. A rejection is reported, never thrown. */
  waitUntil(work: Promise<unknown>): void
  /** Resolves when all tracked work, and the work that it adds, has ended. */
  settled(): Promise<void>
  /** Aborted when the process is to stop: long work ends where it can be resumed. */
  stopping: AbortSignal
  stop(): void
}

/**
 * Tracks background work, so that a server can wait for it before it stops.
 *
 * @param report receives the errors of rejected work
 * @param keepAlive the platform's own `waitUntil`, if it has one
 */
export function createBackground(
  report: (error: unknown) => void,
  keepAlive?: (work: Promise<unknown>) => void,
): Background {
  const running = new Set<Promise<unknown>>()
  const stopping = new AbortController()
  return {
    stopping: stopping.signal,
    stop: () => stopping.abort(),
    waitUntil(work) {
      const tracked: Promise<unknown> = work.catch(report).finally(() => running.delete(tracked))
      running.add(tracked)
      keepAlive?.(tracked)
    },
    async settled() {
      while (running.size > 0) await Promise.all(running)
    },
  }
}
