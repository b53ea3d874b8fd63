/** The system around the dashboard, for its tests and its screenshots: local Stripe, Postgres and the real app. */
import { createServer } from 'node:net'
import { Stripe } from 'stripe'
import { createLog } from '../../../functions/app.ts'
import { startServer } from '../../../functions/node.ts'
import { type LocalStripe, startLocalStripe } from '../../local-stripe/index.ts'

export const ADMIN_KEY = 'admin_key_of_the_dashboard_world'
export const JWT_SECRET = 'secret_of_the_tokens_in_the_dashboard_world'
export const READ_KEY = 'read_only_key_of_the_dashboard_world'

export type World = {
  /** The address of the app. */
  url: string
  /** The address of the dashboard, with a slash at the end. */
  dashboard: string
  local: LocalStripe
  /** The official SDK over local Stripe, in test and in live. */
  stripe: Stripe
  liveStripe: Stripe
  /** A link that signs in once. */
  dashboardLink(): Promise<string | null>
  /** Stops the app, as a crash would. Local Stripe stays. */
  stopApp(): Promise<void>
  /** Starts it again at the same address. */
  startApp(): Promise<void>
  close(): Promise<void>
}

export type WorldOptions = {
  databaseUrl: string
  /** A path before every address of the app. */
  basePath?: string
  env?: Record<string, string>
  onError?: (line: string) => void
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function createStripe(local: LocalStripe, key: string): Stripe {
  const { hostname, port } = new URL(local.url)
  return new Stripe(key, { host: hostname, port, protocol: 'http', telemetry: false })
}

/** Starts local Stripe and the app over a migrated database, without a key. */
export async function startWorld({
  databaseUrl,
  basePath = '',
  env = {},
  onError = () => {},
}: WorldOptions): Promise<World> {
  const local = await startLocalStripe({ onWarning: () => {}, retrySchedule: [200, 1000] })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}${basePath}`
  const start = () =>
    startServer({
      port,
      host: '127.0.0.1',
      drainMs: 0,
      log: { info: () => {}, error: createLog(onError).error },
      env: {
        DATABASE_URL: databaseUrl,
        PAYMENTS_ADMIN_KEY: ADMIN_KEY,
        PAYMENTS_ADMIN_READ_KEY: READ_KEY,
        PAYMENTS_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
        PAYMENTS_JWT_SECRET: JWT_SECRET,
        PAYMENTS_PUBLIC_URL: url,
        PAYMENTS_BASE_PATH: basePath,
        STRIPE_API_BASE_URL: local.url,
        ...env,
      },
    })
  let server = await start()
  return {
    url,
    dashboard: `${url}/dashboard/`,
    local,
    stripe: createStripe(local, local.secretKey),
    liveStripe: createStripe(local, local.liveSecretKey),
    dashboardLink: () => server.dashboardLink(),
    stopApp: () => server.close(),
    async startApp() {
      server = await start()
    },
    async close() {
      await server.close()
      await local.close()
    },
  }
}
