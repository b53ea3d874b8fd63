/** How `npx pg-payments dev pay` and the other actions reach the `dev` that runs: by HTTP on this machine. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Actions, Done } from '../../../kit/actions.ts'
import { HOST } from '../../../kit/system.ts'
import { cliError } from '../../support/errors.ts'
import type { Folder, Running } from './folder.ts'

const BODY_BYTES_MAX = 65_536

/** Serves the actions. Each request is checked against the token, which only this user can read. */
export async function serveActions(
  actions: Actions,
  token: string,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    try {
      if (!isSame(request.headers.authorization ?? '', `Bearer ${token}`))
        return answer(401, { message: 'The token is not that of this run.' })
      const name = (request.url ?? '').slice(1)
      if (request.method !== 'POST' || !Object.hasOwn(actions, name))
        return answer(404, { message: `There is no action ${name}.` })
      // JSON has no undefined, which stands for an argument that was left out.
      const args = (JSON.parse(await readBody(request)) as unknown[]).map(
        (arg) => arg ?? undefined,
      ) as never[]
      const action = actions[name as keyof Actions] as (...args: never[]) => Promise<Done>
      answer(200, await action(...args))
    } catch (error) {
      answer(400, { message: (error as Error).message })
    }
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, HOST, resolve))
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) {
    body += chunk
    if (body.length > BODY_BYTES_MAX) throw new Error('The body is too large.')
  }
  return body
}

/** Compares in constant time. */
function isSame(given: string, wanted: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(wanted))
}

/** The `dev` that runs in this folder, or the sentence that none does. */
export async function runningIn(folder: Folder): Promise<Running> {
  const running = await folder.running()
  if (running) return running
  throw cliError(`No "pg-payments dev" runs in this folder.`, {
    code: 'NOT_RUNNING',
    next: 'Start it in another terminal: npx pg-payments dev',
  })
}

/** Asks it for an action. */
export async function askFor(folder: Folder, name: keyof Actions, args: unknown[]): Promise<Done> {
  const { control, token } = await runningIn(folder)
  const response = await fetch(`${control}/${name}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(args),
  }).catch(() => undefined)
  if (!response) {
    throw cliError('The "pg-payments dev" of this folder does not answer.', {
      code: 'NOT_RUNNING',
      next: 'Start it again: npx pg-payments dev',
    })
  }
  const body = (await response.json()) as Done
  if (!response.ok) throw cliError(body.message, { code: 'ACTION_REFUSED' })
  return body
}
