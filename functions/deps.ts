/** The composition root: builds everything that a handler uses. */
import type { Config } from './core/config.ts'
import { createDatabase } from './core/database.ts'
import type { Deps, DepsOptions } from './core/deps.ts'
import { createLog, describeError } from './core/log.ts'
import { createBackground } from './core/runtime.ts'
import { createSecretStore } from './core/secrets.ts'
import { createIngest } from './events/ingest.ts'
import { createRefusals } from './events/refusals.ts'

export type { Deps, DepsOptions } from './core/deps.ts'

/**
 * Connections reserved for webhooks, so that a slow admin request cannot starve them. Used only if the pool has more
 * than this many. One connection is faster than two (measured by `scripts/bench`): its plans are cached, the next
 * batch waits in its queue, and two batches of the same objects never wait for each other's locks.
 */
const WEBHOOK_CONNECTIONS = 1

/** Loads with the first call what a webhook does not need. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined
  return () => {
    loaded ??= load()
    return loaded
  }
}

export function createDeps(
  config: Config,
  { log = createLog(), now = Date.now, keepAlive }: DepsOptions = {},
): Deps {
  const connect = (poolSize: number) => createDatabase({ url: config.databaseUrl, poolSize })
  const isShared = config.poolSize <= WEBHOOK_CONNECTIONS
  const database = connect(isShared ? config.poolSize : config.poolSize - WEBHOOK_CONNECTIONS)
  const webhooks = isShared ? database : connect(WEBHOOK_CONNECTIONS)
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
    ingest: createIngest(webhooks),
    async disconnect() {
      await Promise.all([...new Set([database, webhooks])].map((pool) => pool.end()))
    },
    refusals: createRefusals({ database, now }),
    secrets,
    stripe: async (environment) => (await stripe())(environment),
    authenticate: async (headers) => (await auth()).user(headers),
    authenticateAdmin: async (headers) => (await auth()).admin(headers),
    background: createBackground(
      (error) => log.error('background_failed', { cause: describeError(error) }),
      keepAlive,
    ),
    log,
    now,
  }
}

/** Waits for background work, and closes the connections. */
export async function closeDeps({ background, disconnect }: Deps): Promise<void> {
  await background.settled()
  await disconnect()
}
