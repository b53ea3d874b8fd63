import type { SyncRun } from '../../../../types/api.ts'

/** How many kinds a sync is done with, of how many. */
export function progressOf({ kinds, progress }: SyncRun): { done: number; all: number } {
  const done = kinds.filter((kind) => progress[kind]?.state === 'done').length
  return { done, all: kinds.length }
}

/** A sync counts a kind as listed before it is done; half of its share is then done. */
export function shareOf({ kinds, progress }: SyncRun): number {
  const shares = { waiting: 0, listing: 0.25, listed: 0.5, done: 1 }
  const sum = kinds.reduce((total, kind) => total + (shares[progress[kind]?.state ?? 'waiting'] ?? 0), 0)
  return kinds.length === 0 ? 0 : sum / kinds.length
}

/** How many rows differed from Stripe, of all kinds. */
export const differencesOf = ({ drift }: SyncRun): number =>
  Object.values(drift ?? {}).reduce((sum, { rows, missing, deleted }) => sum + rows + missing + deleted, 0)
