/** Starts the parts of a system one after the other, and stops them in reverse order. */

export type Parts = {
  /** Starts one part and records how to stop it. */
  start<T>(begin: () => Promise<T>, end: (part: T) => Promise<unknown>): Promise<T>
  /** Stops every part. A second call waits for the same end. */
  stop(): Promise<void>
}

export function createParts(signal: AbortSignal | undefined, onError: (line: string) => void): Parts {
  const endings: (() => Promise<unknown>)[] = []
  let stopped: Promise<void> | undefined

  async function stopAll(): Promise<void> {
    for (const end of endings) {
      await end().catch((error: Error) => onError(`While stopping: ${error.message}`))
    }
  }
  return {
    async start(begin, end) {
      signal?.throwIfAborted()
      const part = await begin()
      endings.unshift(() => end(part))
      return part
    },
    stop() {
      stopped ??= stopAll()
      return stopped
    },
  }
}

/**
 * Waits for work, but no longer than until the signal. Use it for work that may take long and leaves nothing open, for
 * example a request to a distant database or Stripe.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  work.catch(() => {})
  signal.throwIfAborted()
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
