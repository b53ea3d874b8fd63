/** The composition root: builds everything that a handler uses. */
import type { Config } from './core/config.ts'
import { createDatabases } from './core/database.ts'
import type { Deps, DepsOptions, SignIns } from './core/deps.ts'
import { createLog, describeError } from './core/log.ts'
import { createBackground } from './core/runtime.ts'
import { createSecretStore } from './core/secrets.ts'
import { createIngest } from './events/ingest.ts'
import { createRefusals } from './events/refusals.ts'

export type { Deps, DepsOptions } from './core/deps.ts'

/** Bytes of a megabyte; an event has about one character for each byte. */
const MEGABYTE = 1_000_000

/** Loads with the first call what a webhook does not need. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined
  return () => {
    loaded ??= load()
    return loaded
  }
}

/** What a process that has just started remembers of sign-ins. */
export const createSignIns = (): SignIns => ({ guesses: new Map(), codes: new Map() })

export function createDeps(
  config: Config,
  {
    log = createLog(),
    now = Date.now,
    keepAlive,
    signIns = createSignIns(),
    dashboardFiles,
  }: DepsOptions = {},
): Deps {
  // A slow admin request holds up no webhook, and no environment the other.
  const { databases, end } = createDatabases({ url: config.databaseUrl, poolSize: config.poolSize }, [
    { name: 'requests' },
    { name: 'test', prepare: config.prepare },
    { name: 'live', prepare: config.prepare },
  ])
  const { requests: database, test, live } = databases
  const secrets = createSecretStore({ config, database, log, now })
  const auth = once(async () => {
    const { createAuthenticate, createAuthenticateAdmin, createVerify } = await import('./core/auth.ts')
    const verify = createVerify({ config, now })
    return {
      user: createAuthenticate({ config, now, verify }),
      admin: createAuthenticateAdmin({ config, now, verify }),
    }
  })
  const stripe = once(async () => {
    const { createStripe } = await import('./core/stripe.ts')
    return createStripe({ config, secrets, now })
  })
  return {
    config,
    database,
    ingest: createIngest({ test, live }, { waitingCharactersMax: config.webhookQueueMb * MEGABYTE }),
    disconnect: end,
    refusals: createRefusals({ database, now }),
    secrets,
    stripe: async (environment) => (await stripe())(environment),
    authenticate: async (headers, need) => (await auth()).user(headers, need),
    authenticateAdmin: async (headers, need) => (await auth()).admin(headers, need),
    background: createBackground(
      (error) => log.error('background_failed', { cause: describeError(error) }),
      keepAlive,
    ),
    signIns,
    dashboardFiles,
    log,
    now,
  }
}

/** Waits for background work, and closes the connections. */
export async function closeDeps({ background, disconnect }: Deps): Promise<void> {
  await background.settled()
  await disconnect()
}
