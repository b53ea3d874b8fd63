/** The entry for Node: the app behind `node:http`, with a graceful stop on SIGTERM or SIGINT. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { createAdaptorServer, getRequestListener } from '@hono/node-server'
import { closeDeps, createApp, createDeps, type DepsOptions, readConfig } from './app.ts'
import { type Env, readEnv } from './core/runtime.ts'
import { createHandler, type HandlerOptions } from './fetch.ts'

export type NodeServer = {
  /** The server's address, for example `http://localhost:8787`. */
  url: string
  /**
   * An address that opens the dashboard signed in as the admin, once and within five minutes. Its code is behind the
   * `#`, which no browser sends. Null if the dashboard is switched off.
   */
  dashboardLink(): Promise<string | null>
  /** Resolves when the work that follows answered requests has ended. */
  settled(): Promise<void>
  /** Refuses new requests, waits for running ones and for background work, and closes the connections. */
  close(): Promise<void>
}

export type NodeServerOptions = DepsOptions & {
  env?: Env
  /** 0 selects a free port. */
  port?: number
  /** The interface to listen on; by default every interface. */
  host?: string
  /**
   * How long kept-alive connections may wait for their next request once the server stops, in milliseconds; 1000 by
   * default.
   */
  drainMs?: number
}

/**
 * How long running requests may take once the server stops. A call to Stripe takes up to 15 seconds, and may be
 * retried.
 */
const STOP_WITHIN_MS = 25_000

/**
 * Returns what stops a server without a broken connection. It accepts no new connection. From then on each answer says
 * `Connection: close`, so a client with a kept-alive connection sends its next request elsewhere. A connection on which
 * no request arrives for `drainMs` is closed.
 */
function createDrain(server: Server): (drainMs: number) => Promise<void> {
  const unanswered = new Set<ServerResponse>()
  let isDraining = false
  const sayClose = (response: ServerResponse) => {
    if (!response.headersSent) response.setHeader('Connection', 'close')
  }
  server.prependListener('request', (_request, response) => {
    unanswered.add(response)
    response.once('close', () => unanswered.delete(response))
    if (isDraining) sayClose(response)
  })
  return async (drainMs) => {
    isDraining = true
    for (const response of unanswered) sayClose(response)
    const ended = new Promise<void>((resolve) => {
      server.once('close', () => resolve())
      // `Server.close` of HTTP would close idle connections at once, on which a request may be under way.
      const ofNet = Object.getPrototypeOf(Object.getPrototypeOf(server)) as NetServer
      if (typeof ofNet.close === 'function') ofNet.close.call(server)
      else server.close()
    })
    let idle: ReturnType<typeof setInterval> | undefined
    const wait = setTimeout(() => {
      server.closeIdleConnections()
      idle = setInterval(() => server.closeIdleConnections(), 50)
    }, drainMs)
    const late = setTimeout(() => server.closeAllConnections(), STOP_WITHIN_MS)
    await ended
    clearTimeout(wait)
    clearInterval(idle)
    clearTimeout(late)
    server.close(() => {}) // ends what HTTP does regularly; the listener is closed already
  }
}

const KEEP_ALIVE_MS = 75_000

/**
 * A load balancer may ask `/health` by HTTP/1.0 without a `Host`, or with one that is no host. The adapter refuses such
 * a request, so it gets a host that stands for this server. Other addresses are left as they are.
 */
function nameHost({ url = '', headers }: IncomingMessage): void {
  if (
    /^[^?]*\/health(\?|$)/.test(url) &&
    !/^[\w.-]+(:\d+)?$|^\[[\da-f:.]+\](:\d+)?$/i.test(headers.host ?? '')
  )
    headers.host = 'localhost'
}

/** Starts the server and resolves when it listens. */
export async function startServer({
  env = readEnv(),
  port,
  host,
  drainMs = 1000,
  ...options
}: NodeServerOptions = {}): Promise<NodeServer> {
  const config = readConfig(env)
  const deps = createDeps(config, options)
  const server = createAdaptorServer({ fetch: createApp(deps).fetch }) as Server
  server.prependListener('request', nameHost)
  // Longer than clients and load balancers keep a connection, so that none sends a request while this end closes it.
  server.keepAliveTimeout = KEEP_ALIVE_MS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port ?? config.port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address() as AddressInfo
  const url = `http://localhost:${address.port}`
  deps.log.info('listening', { url })
  const drain = createDrain(server)
  let closed: Promise<void> | undefined
  async function stop(): Promise<void> {
    deps.background.stop()
    await drain(drainMs)
    await closeDeps(deps)
    deps.log.info('stopped', { url })
  }
  return {
    url,
    async dashboardLink() {
      if (!config.dashboard) return null
      const { makeCode } = await import('./dashboard-server/sign-ins.ts')
      return `${url}${config.basePath}/dashboard/#code=${makeCode(deps.signIns, deps.now())}`
    },
    settled: () => deps.background.settled(),
    close: () => {
      closed ??= stop()
      return closed
    },
  }
}

/** Runs the server until SIGTERM or SIGINT. A second signal ends it at once. */
export async function runServer(options: NodeServerOptions = {}): Promise<void> {
  const server = await startServer(options)
  await new Promise<void>((resolve) => {
    const stop = () => {
      process.off('SIGTERM', stop).off('SIGINT', stop)
      resolve()
    }
    process.on('SIGTERM', stop).on('SIGINT', stop)
  })
  await server.close()
}

export type NodeListener = {
  /** Answers a request of `node:http`. Express and Fastify pass theirs on. */
  (request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Waits for background work, and closes the connections. */
  close(): Promise<void>
}

/**
 * The handlers inside of a server that the app has already. It must get the request before any parser of bodies,
 * because the signature of a webhook is over the bytes.
 */
export function createListener(options?: HandlerOptions): NodeListener {
  const handler = createHandler(options)
  const listener = getRequestListener((request) => handler(request), { overrideGlobalObjects: false })
  return Object.assign(
    async (request: IncomingMessage & { originalUrl?: string }, response: ServerResponse) => {
      // Express cuts off the path at which a router is mounted.
      if (request.originalUrl !== undefined) request.url = request.originalUrl
      await listener(request, response)
    },
    { close: handler.close },
  )
}
