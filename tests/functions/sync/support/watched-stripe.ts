/** An HTTP proxy in front of local Stripe that tells of each request when it comes and when it is answered. */
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Moment = 'asked' | 'answered'

export type WatchedStripe = {
  url: string
  /** Called at each moment; replace it at will. */
  watch: (moment: Moment, path: string) => void
  close(): Promise<void>
}

export async function watchStripe(target: string): Promise<WatchedStripe> {
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? ''
    watched.watch('asked', path)
    const forwarded = httpRequest(
      `${target}${path}`,
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
        answer.once('end', () => watched.watch('answered', path))
      },
    )
    forwarded.on('error', () => outgoing.destroy())
    incoming.pipe(forwarded)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const watched: WatchedStripe = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    watch: () => {},
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
  return watched
}
