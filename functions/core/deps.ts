/** What the handlers work with, as types. `functions/deps.ts` builds it. */
import type { StripeEnvironment } from '../../types/api.ts'
import type { Authenticate, AuthenticateAdmin } from './auth.ts'
import type { Config } from './config.ts'
import type { Database } from './database.ts'
import type { Log } from './log.ts'
import type { Background } from './runtime.ts'
import type { SecretStore } from './secrets.ts'
import type { WebhookOutcome } from './sql.ts'
import type { StripeApi } from './stripe.ts'

/** Takes in one verified event; its payload is the body as Stripe sent it. */
export type Ingest = (args: { environment: StripeEnvironment; payload: string }) => Promise<WebhookOutcome>

/** Counts deliveries that were refused for their signature. A promise is a write that the caller need not wait for. */
export type Refusals = {
  refused(environment: StripeEnvironment, reason: 'wrong' | 'too_old'): Promise<unknown> | null
  /** A delivery was accepted, so the earlier refusals are forgotten. */
  accepted(environment: StripeEnvironment): Promise<unknown> | null
  /** Writes what this process has counted and not yet written. */
  flush(environment: StripeEnvironment): Promise<unknown>
}

/** What a process remembers of sign-ins to the dashboard; `dashboard-server/sign-ins.ts` bounds it. */
export type SignIns = {
  /** By caller, the wrong keys in a row, and until when the caller has to pause. */
  guesses: Map<string, { count: number; at: number; until: number }>
  /** The unused codes of login links, and when each becomes invalid. */
  codes: Map<string, number>
}

/** Files of the dashboard by path, each gzip in base64. */
export type DashboardFiles = Record<string, { type: string; gzip: string }>

export type Deps = {
  config: Config
  database: Database
  /** Closes every connection. */
  disconnect: () => Promise<void>
  /** Sends a verified event to the database, in one call with other events that are queued. */
  ingest: Ingest
  refusals: Refusals
  secrets: SecretStore
  /** Stripe for one environment; fails with 400 if the environment has no key. */
  stripe: (environment: StripeEnvironment) => Promise<StripeApi>
  authenticate: Authenticate
  /** Accepts an admin; fails with 401 or 403 for every other caller. */
  authenticateAdmin: AuthenticateAdmin
  background: Background
  signIns: SignIns
  /** Instead of the built files of the dashboard. */
  dashboardFiles?: DashboardFiles | undefined
  log: Log
  /** Milliseconds since 1970. */
  now: () => number
}

export type DepsOptions = {
  log?: Log
  now?: () => number
  /** The platform's `waitUntil`, where it has one. */
  keepAlive?: (work: Promise<unknown>) => void
  /** Where a request builds its own dependencies, what earlier requests of the process left. */
  signIns?: SignIns
  dashboardFiles?: DashboardFiles
}
