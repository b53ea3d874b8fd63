/** The shop's server, and how a part of the demo takes its port. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Shop } from './shop.ts'

export const HOST = '127.0.0.1'

export type Door = { url: string; open(shop: Shop): void; close(): Promise<void> }

/** Starts the shop's server before there is a shop: it answers 503 until `open` is called. */
export async function openDoor(wanted: number | undefined): Promise<Door> {
  let shop: Shop | undefined
  const server = createServer((request, response) => {
    if (shop) return shop.listener(request, response)
    response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' })
    response.end('The shop is about to open.\n')
  })
  await onPort('PORT', wanted, (port) => listen(server, port))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${HOST}:${port}`,
    open: (opened) => {
      shop = opened
    },
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, HOST, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/**
 * Starts a part on a port.
 *
 * @throws Error with a sentence that names the variable to set, if the port is taken or not allowed
 */
export async function onPort<T>(
  variable: string,
  wanted: number | undefined,
  begin: (port: number) => Promise<T>,
): Promise<T> {
  try {
    return await begin(wanted ?? 0)
  } catch (cause) {
    const { code } = cause as { code?: string }
    const port = `Port ${wanted ?? 0}`
    if (code === 'EADDRINUSE') {
      throw new Error(
        `${port} is taken. Set ${variable} to another one, or leave it out for any free port.`,
        { cause },
      )
    }
    if (code === 'EACCES') {
      throw new Error(
        `This user may not listen on ${port.toLowerCase()}. Set ${variable} to one above 1023.`,
        { cause },
      )
    }
    throw cause
  }
}
