/** A TCP proxy in front of Postgres that counts flights, and that can be cut. */

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

export type PostgresProxy = {
  /** The address of the database through the proxy. */
  url: string
  /** How often a client has sent something since the server last said something: one for each wait for an answer. */
  flights(): number
  /** How many connections were opened. */
  opened(): number
  /** Flights and opened connections are counted anew from here. */
  reset(): void
  /** How many connections are open. */
  connections(): number
  /**
   * `forward` as usual, `hang up` on all connections, also on new ones, `stop` listening at all, or be `silent`. While
   * silent, all that is sent is lost, and no connection ends.
   */
  become(state: 'forward' | 'hang up' | 'stop' | 'silent'): Promise<void>
  close(): Promise<void>
}

export async function startProxy(databaseUrl: string): Promise<PostgresProxy> {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let flights = 0
  let opened = 0
  let hangUp = false
  let isSilent = false

  const server = createServer((client) => {
    if (hangUp)
      return void client
        .on('error', () => {})
        .resume()
        .end()
    opened += 1
    const upstream = connect(Number(target.port || 5432), target.hostname)
    let serverSpokeLast = true
    client.on('data', (chunk) => {
      if (isSilent) return
      if (serverSpokeLast) flights += 1
      serverSpokeLast = false
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      serverSpokeLast = true
      client.write(chunk)
    })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const stop = () =>
    new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve()))
  await listen(0)
  const { port } = server.address() as AddressInfo
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)

  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }

  return {
    url: url.href,
    flights: () => flights,
    opened: () => opened,
    reset: () => {
      flights = 0
      opened = 0
    },
    connections: () => sockets.size / 2,
    async become(state) {
      hangUp = state === 'hang up'
      isSilent = state === 'silent'
      if (state === 'stop' || hangUp) cut()
      if (state === 'stop') await stop()
      else if (!server.listening) await listen(port)
    },
    async close() {
      cut()
      await stop()
    },
  }
}
