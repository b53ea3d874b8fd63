/** Syncs as the API shows them. */
import type { SyncRun } from '../../types/api.ts'
import { present, type RowOf } from '../core/present.ts'
import { camelCase } from '../core/sql.ts'
import { syncRun } from './run-schema.ts'

const mapEntries = <Value, Result>(
  values: Record<string, Value>,
  map: (key: string, value: Value) => [string, Result],
) => Object.fromEntries(Object.entries(values).map(([key, value]) => map(key, value)))

/** A sync from its row. A kind without progress is waiting. */
export function presentSyncRun(row: RowOf<typeof syncRun>): SyncRun {
  const kinds = row.kinds as string[]
  const progress = row.progress as Record<string, object>
  const drift = row.drift as Record<string, { fields?: Record<string, number> }>
  return present(syncRun, {
    ...row,
    progress: Object.fromEntries(kinds.map((kind) => [kind, { state: 'waiting', ...progress[kind] }])),
    drift: mapEntries(drift, (kind, { fields = {}, ...rest }) => [
      kind,
      { ...rest, fields: mapEntries(fields, (field, count) => [camelCase(field), count]) },
    ]),
  })
}
