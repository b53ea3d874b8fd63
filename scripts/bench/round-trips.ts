/** Counts the handler's round trips to Postgres, by a TCP proxy between the two that sees each change of direction. */
import { createServer, connect as open, type Socket } from 'node:net'
import { CONTENDERS } from './contenders.ts'
import type { EventStream } from './events.ts'
import { send } from './measure.ts'
import type { BenchServer } from './server.ts'

type Proxy = {
  url: string
  /** Flights from client to server so far. Everything sent until the server sends something is one flight. */
  flights(): number
  close(): Promise<void>
}

async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let flights = 0
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = open({ host: hostname, port: Number(port), noDelay: true })
    let speaker: 'client' | 'server' = 'server'
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (chunk) => {
      if (speaker === 'server') flights += 1
      speaker = 'client'
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      speaker = 'server'
      client.write(chunk)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const url = new URL(target)
  url.port = String((server.address() as { port: number }).port)
  return {
    url: url.href,
    flights: () => flights,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type RoundTrips = {
  /** One event after the other on one connection. */
  alone: number
  /** With 16 callers at once, so that queued events may share a call. */
  at16: number
}

/** Round trips per event, after the connection is open and the secrets are loaded. */
export async function countRoundTrips(
  server: BenchServer,
  stream: EventStream,
  events: number,
): Promise<RoundTrips> {
  const proxy = await startProxy(await server.createDatabase('round_trips'))
  const count = async (connections: number) => {
    const handler = await CONTENDERS.handler({ url: proxy.url, connections })
    try {
      await send(handler, stream.take(connections * 4), connections)
      const before = proxy.flights()
      await send(handler, stream.take(events), connections)
      return (proxy.flights() - before) / events
    } finally {
      await handler.close()
    }
  }
  try {
    return { alone: await count(1), at16: await count(16) }
  } finally {
    await proxy.close()
  }
}
