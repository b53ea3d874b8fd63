/** For the few commands that need the database itself and not the API: migrations, the doctor, key rotation. */
import type { Deps } from '../../../functions/app.ts'
import type { Context } from './context.ts'
import { explained } from './database-problem.ts'
import { cliError, EXIT } from './errors.ts'

export function databaseUrlOf({ options, io }: Context, what: string): string {
  const url = options.databaseUrl ?? io.env.DATABASE_URL
  if (url) return url
  throw cliError(`${what} works on the database itself, and none is named.`, {
    exitCode: EXIT.notConfigured,
    code: 'NOT_CONFIGURED',
    next: 'Set DATABASE_URL, or pass --database-url.',
  })
}

/** Runs work with the handlers' dependencies in this process, and closes them when it ends. */
export async function withDeps<T>(
  context: Context,
  what: string,
  work: (deps: Deps) => Promise<T>,
): Promise<T> {
  const databaseUrl = databaseUrlOf(context, what)
  const { closeDeps, createDeps, createLog, isConfigError, readConfig } = await import(
    '../../../functions/app.ts'
  )
  let config: ReturnType<typeof readConfig>
  try {
    config = readConfig({ ...context.io.env, DATABASE_URL: databaseUrl })
  } catch (error) {
    if (!isConfigError(error)) throw error
    throw cliError(error.message, { exitCode: EXIT.notConfigured, code: 'NOT_CONFIGURED' })
  }
  const deps = createDeps(config, { log: createLog(() => {}) })
  try {
    return await work(deps)
  } catch (error) {
    throw await explained(error, databaseUrl)
  } finally {
    await closeDeps(deps)
  }
}
