/**
 * `GET /health`: the database is up, has our schema and no setting that breaks payments, and grants the login its
 * rights.
 */
import type { HealthResponse } from '../types/api.ts'
import { apiError } from './core/errors.ts'
import type { Answer } from './core/http.ts'
import { checkDatabase, GRANT_ROLES, INHERIT_ROLE, settingProblems } from './core/sql.ts'
import { VERSION } from './core/version.ts'
import type { Deps } from './deps.ts'

export async function health({ database }: Deps): Promise<Answer<HealthResponse>> {
  const { migrated, allowed, inherits } = await checkDatabase(database)
  if (!migrated) {
    throw apiError(503, 'DATABASE_UNAVAILABLE', 'The database has no payments schema yet.', {
      nextActions: 'Run `pg-payments migrate` against the database in DATABASE_URL.',
    })
  }
  if (!allowed) {
    throw apiError(
      503,
      'DATABASE_UNAVAILABLE',
      'The login in DATABASE_URL may not use the payments schema, or not act as anon and authenticated.',
      {
        nextActions: inherits ? GRANT_ROLES : INHERIT_ROLE,
      },
    )
  }
  const [broken] = await settingProblems(database)
  if (broken) {
    throw apiError(503, 'DATABASE_UNAVAILABLE', broken.message, { nextActions: broken.next_action })
  }
  return { status: 200, body: { status: 'ok', database: 'ok', version: VERSION } }
}
