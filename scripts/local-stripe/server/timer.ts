/** Runs the planned work of engines when it is due by the machine's clock. */
import type { Engine } from '../core/engine.ts'

/** The longest wait that `setTimeout` accepts. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

export interface Timer {
  /** Sets the timer for the work that is due first. Call it after anything that may plan work. */
  plan(): void
  /** Stops for good. */
  stop(): void
}

/** @param afterWork called after planned work has run */
export function createTimer(engines: () => Engine[], afterWork: () => void = () => undefined): Timer {
  let timeout: NodeJS.Timeout | undefined
  let stopped = false

  const plan = (): void => {
    clearTimeout(timeout)
    if (stopped) return
    const waitsMs = engines().flatMap((engine) => {
      const at = engine.nextDue()
      return at === null ? [] : [Math.max(0, (at - engine.now()) * 1000)]
    })
    if (waitsMs.length === 0) return
    timeout = setTimeout(
      () => {
        for (const engine of engines()) engine.tick()
        afterWork()
        plan()
      },
      Math.min(...waitsMs, TIMEOUT_MS_MAX),
    )
    timeout.unref()
  }

  return {
    plan,
    stop() {
      stopped = true
      clearTimeout(timeout)
    },
  }
}
