/** `GET /health`: one statement tells whether the database answers, has our schema, and lets us work. */
import type { HealthResponse } from '../../types/api.ts'
import type { Deps } from '../_shared/deps.ts'
import { apiError } from '../_shared/errors.ts'
import type { Answer } from '../_shared/http.ts'
import { checkDatabase, GRANT_ROLES } from '../_shared/queries.ts'
import { VERSION } from '../_shared/version.ts'

export async function health({ database }: Deps): Promise<Answer<HealthResponse>> {
  const { migrated, allowed } = await checkDatabase(database)
  if (!migrated) {
    throw apiError(503, 'DATABASE_UNAVAILABLE', 'The database answers but has no payments schema yet.', {
      nextActions: 'Run `pg-payments migrate` against the database in DATABASE_URL.',
    })
  }
  if (!allowed) {
    throw apiError(
      503,
      'DATABASE_UNAVAILABLE',
      'The login in DATABASE_URL may not use the payments schema, or not act as anon and authenticated.',
      {
        nextActions: GRANT_ROLES,
      },
    )
  }
  return { status: 200, body: { status: 'ok', database: 'ok', version: VERSION } }
}
