import { expect } from 'vitest'

/**
 * `expect` on something that becomes so: asked again and again, and given up only when a busy machine is no excuse any
 * more.
 */
export const eventually = <T>(value: () => T) => expect.poll(value, { timeout: 30_000, interval: 20 })
