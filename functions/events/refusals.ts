/**
 * Counts deliveries that were refused for their signature, so that the health of an environment shows them. Anyone
 * can send such deliveries, so they cost at most one write in a few seconds. An accepted event costs none unless this
 * process has refused one before.
 */
import type { StripeEnvironment } from '../../types/api.ts'
import type { Database } from '../core/database.ts'
import type { Refusals } from '../core/deps.ts'
import { forgetRefusedSignatures, recordRefusedSignatures } from '../core/sql.ts'

/** Limits how often refused deliveries can cause a write. */
const WRITE_INTERVAL_MIN_MS = 5_000

type Count = {
  wrong: number
  tooOld: number
  /** When the last one was refused. */
  refusedAt: number
  writtenAt: number
  timer: ReturnType<typeof setTimeout> | null
  /** Whether this process has written refusals that no accepted event has cleared. */
  isRecorded: boolean
  /** The last write. The next one waits for it. */
  last: Promise<unknown>
}

export function createRefusals({ database, now }: { database: Database; now: () => number }): Refusals {
  const count = (): Count => ({
    wrong: 0,
    tooOld: 0,
    refusedAt: 0,
    timer: null,
    writtenAt: Number.NEGATIVE_INFINITY,
    isRecorded: false,
    last: Promise.resolve(),
  })
  const counts: Record<StripeEnvironment, Count> = { test: count(), live: count() }

  function after(entry: Count, write: () => Promise<unknown>): Promise<unknown> {
    entry.last = entry.last.catch(() => {}).then(write)
    return entry.last
  }

  function write(environment: StripeEnvironment): Promise<unknown> {
    const entry = counts[environment]
    const { wrong, tooOld, refusedAt, timer } = entry
    if (timer !== null) clearTimeout(timer)
    entry.timer = null
    if (wrong + tooOld === 0) return entry.last
    Object.assign(entry, { wrong: 0, tooOld: 0, writtenAt: now(), isRecorded: true })
    return after(entry, () => {
      const millisecondsAgo = Math.max(now() - refusedAt, 0)
      return recordRefusedSignatures(database, { environment, wrong, tooOld, millisecondsAgo })
    })
  }

  /** Writes later what may not be written yet. A process that ends before loses it; the next delivery counts again. */
  function writeLater(environment: StripeEnvironment, ms: number): null {
    const timer = setTimeout(() => void write(environment).catch(() => {}), ms)
    ;(timer as { unref?: () => void }).unref?.()
    counts[environment].timer = timer
    return null
  }

  return {
    refused(environment, reason) {
      const entry = counts[environment]
      if (reason === 'wrong') entry.wrong += 1
      else entry.tooOld += 1
      entry.refusedAt = now()
      const wait = entry.writtenAt + WRITE_INTERVAL_MIN_MS - entry.refusedAt
      if (wait <= 0) return write(environment)
      return entry.timer === null ? writeLater(environment, wait) : null
    },
    accepted(environment) {
      const entry = counts[environment]
      if (!entry.isRecorded && entry.wrong + entry.tooOld === 0) return null
      const { isRecorded } = entry
      Object.assign(entry, { wrong: 0, tooOld: 0, isRecorded: false })
      return isRecorded ? after(entry, () => forgetRefusedSignatures(database, { environment })) : null
    },
    flush: write,
  }
}
