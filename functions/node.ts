/** The entry for Node: the app behind `node:http`, with a graceful stop on SIGTERM or SIGINT. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { closeDeps, createApp, createDeps, type DepsOptions, readConfig } from './app.ts'
import { type Env, readEnv } from './core/runtime.ts'

export type NodeServer = {
  /** The server's address, for example `http://localhost:8787`. */
  url: string
  /** Refuses new requests, waits for running ones and for background work, and closes the connections. */
  close(): Promise<void>
}

export type NodeServerOptions = DepsOptions & {
  env?: Env
  /** 0 selects a free port. */
  port?: number
  /** The interface to listen on; by default every interface. */
  host?: string
}

/**
 * How long running requests may take once the server stops. A call to Stripe takes up to 15 seconds, and may be
 * retried.
 */
const STOP_WITHIN_MS = 25_000

/** Starts the server and resolves when it listens. */
export async function startServer({
  env = readEnv(),
  port,
  host,
  ...options
}: NodeServerOptions = {}): Promise<NodeServer> {
  const config = readConfig(env)
  const deps = createDeps(config, options)
  const server = createAdaptorServer({ fetch: createApp(deps).fetch }) as Server
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
  let closed: Promise<void> | undefined
  async function stop(): Promise<void> {
    const ended = new Promise<void>((resolve) => server.close(() => resolve()))
    // A client that keeps its connection alive would also keep the server alive.
    const idle = setInterval(() => server.closeIdleConnections(), 50)
    const late = setTimeout(() => server.closeAllConnections(), STOP_WITHIN_MS)
    await ended
    clearInterval(idle)
    clearTimeout(late)
    await closeDeps(deps)
    deps.log.info('stopped', { url })
  }
  return {
    url,
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
