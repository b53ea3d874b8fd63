/** The admin API over local Stripe, with keys that can be stored. */
import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { expect } from 'vitest'
import type { SecretKey } from '../../../scripts/local-stripe/index.ts'
import openapi from '../../../types/openapi.json' with { type: 'json' }
import type { RunningServer } from '../conformance.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts'
import { checkAnswer } from './documented.ts'

export const ENCRYPTION_KEY = randomBytes(32).toString('base64')
export const OTHER_ACCOUNT_KEY = 'sk_test_otherAccount000000000000000000'
export const OTHER_ACCOUNT = 'acct_1OtherAccount0000'

// biome-ignore lint/suspicious/noExplicitAny: bodies are compared here
export type Body = Record<string, any>
export type AdminAnswer = { status: number; headers: Headers; body: Body; text: string }

export type AdminSystem = System & {
  server: RunningServer
  /** Asks the admin API as the admin; the answer is held against the OpenAPI document. */
  admin(method: string, path: string, body?: unknown): Promise<AdminAnswer>
  /** The same with other headers, or none. */
  call(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<AdminAnswer>
  /** Everything that was answered so far. */
  answered(): string
}

export async function startAdminSystem({
  env = {},
  keys = [],
  deliver = false,
  reachable = false,
}: {
  env?: Record<string, string>
  keys?: SecretKey[]
  /** Whether local Stripe delivers events. */
  deliver?: boolean
  /** Whether Stripe can reach the handlers, so that they may set up a webhook endpoint. */
  reachable?: boolean
} = {}): Promise<AdminSystem> {
  const system = await startSystem({
    deliver,
    retrySchedule: [50, 200, 1000],
    secretKeys: [{ key: OTHER_ACCOUNT_KEY, account: OTHER_ACCOUNT }, ...keys],
  })
  const { STRIPE_TEST_SECRET_KEY: _key, STRIPE_TEST_WEBHOOK_SECRET: _secret, ...rest } = system.env
  const port = reachable ? await freePort() : 0
  const server = await startNode(
    {
      ...rest,
      PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY,
      ...(reachable ? { PAYMENTS_PUBLIC_URL: `http://127.0.0.1:${port}/` } : {}),
      ...env,
    } as Record<string, string>,
    { port },
  )
  const answers: string[] = []

  const call: AdminSystem['call'] = async (method, path, { body, headers = {} } = {}) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false
    answers.push(text)
    const answer = {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : text) as Body,
    }
    checkAnswer(openapi, method, path, answer)
    return answer
  }

  return {
    ...system,
    server,
    call,
    admin: (method, path, body) => call(method, path, { body, headers: { 'x-api-key': ADMIN_KEY } }),
    answered: () => answers.join('\n'),
    async close() {
      await server.stop()
      await system.close()
    },
  }
}

/** A port that nobody listens on just now. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Stores the key of local Stripe for `test`, as the admin does at the start. */
export async function connect(system: AdminSystem, key = system.stripe.secretKey): Promise<AdminAnswer> {
  const answer = await system.admin('PUT', '/api/payments/stripe/test/config', { secretKey: key })
  expect(answer.status, answer.text).toBe(200)
  return answer
}
