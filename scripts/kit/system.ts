/** Local Stripe and the handlers over a migrated database, in this process. `dev` and `testing` start the same one. */
import { createServer } from 'node:net'
import { Stripe } from 'stripe'
import type { Log } from '../../functions/app.ts'
import { startServer } from '../../functions/node.ts'
import { type LocalStripe, type LocalStripeOptions, startLocalStripe } from '../local-stripe/index.ts'

export const HOST = '127.0.0.1'
export const WEBHOOK_PATH = '/api/webhooks/stripe/test'

export type SystemOptions = {
  databaseUrl: string
  /** Variables of the handlers besides those of the database and of Stripe. */
  env: Record<string, string | undefined>
  /** Ports; 0 takes any free one. */
  ports: { api: number; stripe: number }
  /** Where events go instead of the handlers of this process, for an app that has its own. */
  webhookUrl?: string
  /** Id of the endpoint that an earlier run made; local Stripe has it in its state file. */
  endpoint?: string
  localStripe?: LocalStripeOptions
  log: Log
}

export type System = {
  /** Address of the handlers. */
  apiUrl: string
  local: LocalStripe
  /** The official SDK, on local Stripe in test mode. */
  stripe: Stripe
  endpoint: { id: string; secret: string }
  /** Opens the dashboard signed in, once and within five minutes; null if it is switched off. */
  dashboardLink(): Promise<string | null>
  /** Resolves when every event is delivered or given up, and the handlers have finished what followed. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** Starts both. If one does not start, the other is stopped again. The error of a taken port names that part. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const local = await named('local Stripe', options.ports.stripe, (port) =>
    startLocalStripe({ ...options.localStripe, port, host: HOST, resumesLater: true }),
  )
  try {
    const stripe = sdkOf(local)
    const endpoint = endpointOf(local, options.endpoint)
    const server = await named('the handlers', options.ports.api, (port) =>
      startServer({
        port,
        host: HOST,
        log: options.log,
        drainMs: 0,
        env: {
          ...options.env,
          DATABASE_URL: options.databaseUrl,
          STRIPE_TEST_SECRET_KEY: local.secretKey,
          STRIPE_TEST_WEBHOOK_SECRET: endpoint.secret,
          STRIPE_API_BASE_URL: local.url,
        },
      }),
    )
    const apiUrl = server.url.replace('localhost', HOST)
    await stripe.webhookEndpoints.update(endpoint.id, { url: options.webhookUrl ?? apiUrl + WEBHOOK_PATH })
    local.resume()
    return {
      apiUrl,
      local,
      stripe,
      endpoint,
      dashboardLink: async () => (await server.dashboardLink())?.replace('localhost', HOST) ?? null,
      async settled() {
        await local.control.settled()
        await server.settled()
      },
      async close() {
        // The handlers answer what is on its way before local Stripe ends its deliveries.
        await server.close()
        await local.close()
      },
    }
  } catch (error) {
    await local.close()
    throw error
  }
}

/** The official SDK on local Stripe. */
function sdkOf(local: LocalStripe): Stripe {
  const { hostname, port } = new URL(local.url)
  return new Stripe(local.secretKey, { host: hostname, port, protocol: 'http', telemetry: false })
}

/** The endpoint of an earlier run, or a new one. Its address follows when the handlers listen. */
function endpointOf({ control, engine }: LocalStripe, known: string | undefined) {
  const secret = engine.endpointSecrets.get(known ?? '')
  if (known !== undefined && secret !== undefined && engine.store.get('webhook_endpoint', known))
    return { id: known, secret }
  return control.addEndpoint({ url: `http://${HOST}:1${WEBHOOK_PATH}` })
}

/** An error of a taken port names the part that wanted it. */
export type PortTaken = Error & { name: 'PortTaken'; part: string; port: number }

/**
 * Looks whether the ports of a start are free, before anything slow is started.
 *
 * @throws PortTaken
 */
export async function checkPorts(ports: [part: string, port: number][]): Promise<void> {
  for (const [part, port] of ports) {
    await named(part, port, async () => {
      const probe = createServer()
      await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(port, HOST, resolve))
      await new Promise((resolve) => probe.close(resolve))
    })
  }
}

async function named<T>(part: string, port: number, start: (port: number) => Promise<T>): Promise<T> {
  try {
    return await start(port)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw Object.assign(
      new Error(`Port ${port}, which ${part} would listen on, is taken.`, { cause: error }),
      {
        name: 'PortTaken' as const,
        part,
        port,
      },
    )
  }
}
