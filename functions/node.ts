/** The entry for Node: the same app behind `node:http`, stopped in order by SIGTERM or SIGINT. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { closeDeps, createApp, createDeps, type DepsOptions, readConfig } from './app.ts'
import { type Env, readEnv } from './core/runtime.ts'

export type NodeServer = {
  /** Where it answers, as in `http://localhost:8787`. */
  url: string
  /** Takes no more requests, lets running ones and background work end, closes the connections. */
  close(): Promise<void>
}

export type NodeServerOptions = DepsOptions & {
  env?: Env
  /** 0 takes a free one. */
  port?: number
  /** The interface to listen on; every one when left out. */
  host?: string
}

/** How long running requests may take once the server stops. A call to Stripe takes 15 at most, and may be repeated. */
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
    // A client that keeps its connection alive would keep the server alive, too.
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

/** Runs the server until SIGTERM or SIGINT asks it to stop; a second signal ends it at once. */
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
