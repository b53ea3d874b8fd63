/**
 * Why a database does not work from here, and what to do. The API says to its callers only that the database is
 * unavailable; the deployer at a terminal may know which part of the address is wrong.
 */
import { connectionString } from './connection-string.ts'
import { type CliError, cliError } from './errors.ts'

export type Problem = [message: string, next: string]

type PgError = { code?: string; message: string }

const nameOf = (encoded: string) => decodeURIComponent(encoded)
const loginOf = (url: URL) => nameOf(url.username) || 'the default role'

/** Why there is no connection: Postgres refused it, or the server cannot be reached. */
export function connectionProblem({ code, message }: PgError, url: URL): Problem {
  const login = loginOf(url)
  if (code?.startsWith('28'))
    return [`Postgres refused the login of ${login} (${code}).`, 'Check user and password in DATABASE_URL.']
  if (code === '3D000')
    return [
      `There is no database ${nameOf(url.pathname.slice(1))} (${code}).`,
      'Check DATABASE_URL, or create the database.',
    ]
  if (code === '53300')
    return [
      `Postgres has no free connection for ${login} (${code}).`,
      'Close other connections, lower PAYMENTS_POOL_SIZE of the handlers, or raise max_connections of the server or the connection limit of the role.',
    ]
  if (code === '57P03') return [`Postgres is starting or stopping (${code}).`, 'Try again in a moment.']
  return [
    `The database cannot be reached (${code ?? message}).`,
    'Check DATABASE_URL, and that Postgres is running.',
  ]
}

/** What to do where the server stopped a statement for its time; null for any other error. */
export function stoppedByTimeout(error: unknown, url: URL): Problem | null {
  if ((error as PgError).code !== '57014') return null
  return [
    `Postgres stopped a statement, because the statement_timeout of ${loginOf(url)} was over (57014).`,
    "Raise it: the statements of pg-payments take up to a few seconds. Run in psql: alter role <login> set statement_timeout = '60s';",
  ]
}

/**
 * Looks once at a database that was unavailable to a command, and returns an error that names the cause. If none is
 * found, the command may be repeated: then it returns the error as it is, as it does any other error.
 */
export async function explained<Failure>(error: Failure, databaseUrl: string): Promise<Failure | CliError> {
  if ((error as { code?: string }).code !== 'DATABASE_UNAVAILABLE') return error
  const problem = await problemOf(databaseUrl)
  if (problem === null) return error
  const [message, next] = problem
  return cliError(message, { code: 'DATABASE_UNAVAILABLE', next })
}

async function problemOf(databaseUrl: string): Promise<Problem | null> {
  const [{ default: pg }, { settingProblems }] = await Promise.all([
    import('pg'),
    import('../../../functions/core/sql.ts'),
  ])
  const url = new URL(connectionString(databaseUrl))
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    return connectionProblem(error as PgError, url)
  }
  try {
    const [broken] = await settingProblems({
      query: async <Row extends object>(text: string) => (await client.query(text)).rows as Row[],
    })
    return broken ? [broken.message, broken.next_action] : null
  } catch (error) {
    return stoppedByTimeout(error, url)
  } finally {
    await client.end().catch(() => {})
  }
}
