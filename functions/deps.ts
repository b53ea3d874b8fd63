/** The composition root: builds everything that a handler uses. */
import { createAuthenticate, createAuthenticateAdmin, createVerify } from './core/auth.ts'
import type { Config } from './core/config.ts'
import { createDatabase } from './core/database.ts'
import type { Deps, DepsOptions, SignIns } from './core/deps.ts'
import { createLog, describeError } from './core/log.ts'
import { createBackground } from './core/runtime.ts'
import { createSecretStore } from './core/secrets.ts'
import { createStripe } from './core/stripe.ts'
import { createIngest } from './events/ingest.ts'
import { createRefusals } from './events/refusals.ts'

export type { Deps, DepsOptions } from './core/deps.ts'

/**
 * Connections reserved for webhooks, so that a slow admin request cannot starve them. Used only if the pool has more
 * than this many. One connection is faster than two (measured by `scripts/bench`): its plans are cached, the next
 * batch waits in its queue, and two batches of the same objects never wait for each other's locks.
 */
const WEBHOOK_CONNECTIONS = 1

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
  const connect = (poolSize: number) => createDatabase({ url: config.databaseUrl, poolSize })
  const isShared = config.poolSize <= WEBHOOK_CONNECTIONS
  const database = connect(isShared ? config.poolSize : config.poolSize - WEBHOOK_CONNECTIONS)
  const webhooks = isShared ? database : connect(WEBHOOK_CONNECTIONS)
  const secrets = createSecretStore({ config, database, log, now })
  const verify = createVerify({ config, now })
  return {
    config,
    database,
    ingest: createIngest(webhooks),
    async disconnect() {
      await Promise.all([...new Set([database, webhooks])].map((pool) => pool.end()))
    },
    refusals: createRefusals({ database, now }),
    secrets,
    stripe: createStripe({ config, secrets, now }),
    authenticate: createAuthenticate({ config, now, verify }),
    authenticateAdmin: createAuthenticateAdmin({ config, now, verify }),
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
