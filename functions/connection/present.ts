/** Connections and keys as the API shows them. */
import type { StripeConnection, StripeEnvironment, StripeKeyConfig } from '../../types/api.ts'
import { present, type RowOf } from '../core/present.ts'
import type { ConnectionRow } from '../core/sql.ts'
import type { ListedConnection } from './reads.ts'
import { connection } from './schemas.ts'

/** Where the key of an environment comes from, and what may be shown of it. */
export type KeyState = { maskedKey: string | null; source: 'database' | 'environment' | null }

/** The connection of an environment. Without a row it is known from its key alone. */
export function presentConnection(
  environment: StripeEnvironment,
  row: ListedConnection | ConnectionRow | null,
  { maskedKey, source }: KeyState,
): StripeConnection {
  // The SQL functions return a row of the table, where this column has another name than in the list.
  const account_id = row !== null && 'provider_account_id' in row ? row.provider_account_id : null
  const columns = { account_id, ...row, environment, masked_key: maskedKey } as RowOf<typeof connection>
  const known = row === null || row.status === 'unconfigured' ? null : row.status
  const status = known ?? (source === null ? 'unconfigured' : 'connected')
  return { ...present(connection, columns), status: status as StripeConnection['status'] }
}

export function presentKey(environment: StripeEnvironment, { maskedKey, source }: KeyState): StripeKeyConfig {
  return { environment, hasKey: source !== null, maskedKey, value: maskedKey }
}
