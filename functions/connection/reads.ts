/** Reads what is stored of the connection to Stripe. */
import type { Database } from '../core/database.ts'
import { type RowOfView, readRows } from '../core/reads.ts'
import { asService } from '../core/sql.ts'

const CONNECTIONS = 'payments_private.connection_list'
export type ListedConnection = RowOfView<typeof CONNECTIONS>

/** The connections that exist, at most one for each environment. */
export const readConnections = (database: Database) => readRows(database, CONNECTIONS, {})

/** What may be shown of the stored secret keys, the newest first. */
export const readStoredKeys = (database: Database) =>
  asService(
    database.query<{ environment: string; masked: string | null }>(
      `select s.environment, s.masked from payments_private.secrets as s
      where s.kind = 'secret_key' order by s.created_at desc`,
    ),
  )
