/**
 * The one file that knows which runtime this is. Node, Bun, Deno and Workers differ in where the environment variables are and
 * in what keeps work alive after an answer; everything else in `functions/` is the same on all of them.
 */

type Globals = {
  Deno?: { env: { toObject(): Record<string, string> } }
  process?: {
    env: Record<string, string | undefined>
    getBuiltinModule?(name: 'node:crypto'): NodeCrypto | undefined
  }
}

/** What a webhook needs of Node's crypto. */
export type NodeCrypto = {
  createHmac(algorithm: 'sha256', key: string): Hmac
  timingSafeEqual(one: Uint8Array, other: Uint8Array): boolean
}
type Hmac = { update(data: string | Uint8Array): Hmac; digest(): Uint8Array }

export type Env = Record<string, string | undefined>

/** The environment variables of this process. Workers get theirs with each request and do not call this. */
export function readEnv(): Env {
  const globals = globalThis as unknown as Globals
  if (globals.Deno) return globals.Deno.env.toObject()
  return { ...globals.process?.env }
}

/**
 * Node's own crypto, where the runtime has it: it computes at once, while WebCrypto goes to a pool of threads and back, which takes
 * longer than the signature of a webhook itself.
 */
export function findNodeCrypto(): NodeCrypto | undefined {
  return (globalThis as unknown as Globals).process?.getBuiltinModule?.('node:crypto')
}

/** Work that goes on after the answer was sent. */
export type Background = {
  /** Starts nothing by itself: keeps hold of a promise that already runs. A rejection is reported, never thrown. */
  waitUntil(work: Promise<unknown>): void
  /** Resolves when everything handed over so far, and what that handed over in turn, has ended. */
  settled(): Promise<void>
}

/**
 * Keeps track of background work so that a server can wait for it before it stops.
 *
 * @param report is told about rejected work
 * @param keepAlive the platform's own `waitUntil`, where there is one
 */
export function createBackground(
  report: (error: unknown) => void,
  keepAlive?: (work: Promise<unknown>) => void,
): Background {
  const running = new Set<Promise<unknown>>()
  return {
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
