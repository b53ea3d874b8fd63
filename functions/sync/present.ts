/** Syncs as the API shows them. */
import type { SyncDrift, SyncProgress, SyncRun } from '../../types/api.ts'
import { redact } from '../core/log.ts'
import type { SyncRunRow } from '../core/sql.ts'

const instant = (value: string) => new Date(value).toISOString()
const camelCase = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

function presentProgress(row: Partial<SyncProgress> | undefined): SyncProgress {
  return {
    state: row?.state ?? 'waiting',
    seen: row?.seen ?? 0,
    added: row?.added ?? 0,
    changed: row?.changed ?? 0,
    newer: row?.newer ?? 0,
    deleted: row?.deleted ?? 0,
    failed: row?.failed ?? 0,
  }
}

function presentDrift({ rows = 0, missing = 0, deleted = 0, fields = {} }: Partial<SyncDrift>): SyncDrift {
  const named = Object.entries(fields).map(([field, count]) => [camelCase(field), count] as const)
  return { rows, missing, deleted, fields: Object.fromEntries(named) }
}

export function presentSyncRun(row: SyncRunRow): SyncRun {
  return {
    id: row.id,
    environment: row.environment,
    status: row.status,
    kinds: row.kinds,
    createdFrom: row.created_from === null ? null : instant(row.created_from),
    createdBefore: row.created_before === null ? null : instant(row.created_before),
    progress: Object.fromEntries(row.kinds.map((kind) => [kind, presentProgress(row.progress[kind])])),
    drift: Object.fromEntries(Object.entries(row.drift).map(([kind, drift]) => [kind, presentDrift(drift)])),
    error: row.error === null ? null : redact(row.error),
    attempt: row.attempt,
    startedAt: instant(row.started_at),
    heartbeatAt: instant(row.heartbeat_at),
    finishedAt: row.finished_at === null ? null : instant(row.finished_at),
  }
}
