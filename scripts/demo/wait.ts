/** Waiting for what another part of the system is about to do. */

/** How long the demo waits for anything before it calls it failed. */
const PATIENCE_MS = 30_000

/**
 * Looks again and again until there is something to see.
 *
 * @param what what is waited for, as in `the order to be paid`
 * @throws Error that says what did not come about
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS
  for (let pause = 10; ; pause = Math.min(pause * 2, 200)) {
    const seen = await look()
    if (seen) return seen
    if (Date.now() > deadline) throw new Error(`Waited ${PATIENCE_MS / 1000} seconds in vain for ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}
