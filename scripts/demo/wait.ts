/** Waits for another part of the system. */

/** The demo calls a step failed after this time. */
const TIMEOUT_MS = 30_000
const PAUSE_MS_MIN = 10
const PAUSE_MS_MAX = 200

/**
 * Polls until `look` returns something.
 *
 * @param what names the awaited thing, for example `the order to be paid`
 * @throws Error that names it if it did not happen in time
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
): Promise<T> {
  const deadline = Date.now() + TIMEOUT_MS
  for (let pause = PAUSE_MS_MIN; ; pause = Math.min(pause * 2, PAUSE_MS_MAX)) {
    const seen = await look()
    if (seen) return seen
    if (Date.now() > deadline)
      throw new Error(`Waited ${TIMEOUT_MS / 1000} seconds for ${what}, and it did not happen.`)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}
