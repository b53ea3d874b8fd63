/** Refusals over HTTP and on the command line, each with a status, a code, a sentence and an exit code. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AdminSystem, connect, ENCRYPTION_KEY, startAdminSystem } from '../functions/admin/support.ts'
import { startNode } from '../functions/support/server.ts'
import { ADMIN_KEY, written } from '../functions/support/system.ts'
import { token, userToken } from '../functions/support/tokens.ts'
import { runCli } from './support.ts'

let system: AdminSystem

const REVOKED = 'sk_test_revoked00000000000000000001'
const WEAK = 'rk_test_weak0000000000000000000001'
const inTest = ['--environment', 'test']
const TEST = '/api/payments/stripe/test'

beforeAll(async () => {
  system = await startAdminSystem({
    keys: [{ key: REVOKED }, { key: WEAK, missing: ['rak_product_write', 'rak_customer_read'] }],
  })
  await connect(system)
})
afterAll(() => system.close())

type Refusal = {
  /** The fault. */
  case: string
  method: string
  path: string
  body?: unknown
  /** The caller, where it is not the admin. */
  headers?: () => Promise<Record<string, string>>
  status: number
  error: string
  message: string | RegExp
  /** The same request on the command line. */
  cli: string[]
  input?: string
  /** The admin key that it is given; null for none. */
  key?: () => Promise<string | null>
  exitCode: number
  /** The error of the command line itself, where it sends no request. */
  says?: string
}

const product = (path = '') => `${TEST}/catalog/products${path}`
const set = ['stripe', 'config', 'set', '-', ...inTest]
const large = JSON.stringify({ padding: 'x'.repeat(1_000_000) })

const REFUSALS: Refusal[] = [
  {
    case: 'a wrong key',
    method: 'PUT',
    path: `${TEST}/config`,
    body: { secretKey: 'sk_test_wrong' },
    status: 400,
    error: 'PAYMENT_CONFIG_INVALID',
    message: 'Stripe does not accept this key: it is wrong, expired or revoked.',
    cli: set,
    input: 'sk_test_wrong',
    exitCode: 1,
  },
  {
    case: 'a live key for test',
    method: 'PUT',
    path: `${TEST}/config`,
    body: { secretKey: 'sk_live_1' },
    status: 400,
    error: 'PAYMENT_CONFIG_INVALID',
    message: 'This is a key for live mode, and the environment is test.',
    cli: set,
    input: 'sk_live_1',
    exitCode: 1,
  },
  {
    case: 'a key without permissions',
    method: 'PUT',
    path: `${TEST}/config`,
    body: { secretKey: WEAK },
    status: 400,
    error: 'PAYMENT_CONFIG_INVALID',
    message:
      'The restricted key lacks 2 permissions: Products (write), rak_product_write; Customers (read), rak_customer_read.',
    cli: set,
    input: WEAK,
    exitCode: 1,
  },
  {
    case: 'an unknown product',
    method: 'GET',
    path: product('/prod_none'),
    status: 404,
    error: 'PAYMENT_PRODUCT_NOT_FOUND',
    message: 'There is no product prod_none.',
    cli: ['stripe', 'products', 'get', 'prod_none', ...inTest],
    exitCode: 4,
  },
  {
    case: 'a product that Stripe does not know',
    method: 'PATCH',
    path: product('/prod_none'),
    body: { name: 'Cap' },
    status: 404,
    error: 'PAYMENT_PRODUCT_NOT_FOUND',
    message: "No such product: 'prod_none'",
    cli: ['stripe', 'products', 'update', 'prod_none', ...inTest, '--name', 'Cap'],
    exitCode: 4,
  },
  {
    case: 'a limit of 0',
    method: 'GET',
    path: `${TEST}/customers?limit=0`,
    status: 400,
    error: 'INVALID_INPUT',
    message: 'limit must be a whole number from 1 to 100.',
    cli: ['stripe', 'customers', ...inTest, '--limit', '0'],
    exitCode: 1,
    says: "option '--limit <count>' argument '0' is invalid. It must be a whole number from 1 to 100.",
  },
  {
    case: 'a limit of 1000',
    method: 'GET',
    path: `${TEST}/transactions?limit=1000`,
    status: 400,
    error: 'INVALID_INPUT',
    message: 'limit must be a whole number from 1 to 100.',
    cli: ['stripe', 'transactions', ...inTest, '--limit', '1000'],
    exitCode: 1,
    says: "option '--limit <count>' argument '1000' is invalid. It must be a whole number from 1 to 100.",
  },
  {
    case: 'a forged cursor',
    method: 'GET',
    path: `${TEST}/customers?limit=50&cursor=forged.AAAA`,
    status: 400,
    error: 'INVALID_INPUT',
    message: /^The cursor is not one that this API gave out/,
    cli: ['stripe', 'customers', ...inTest, '--cursor', 'forged.AAAA'],
    exitCode: 1,
  },
  {
    case: 'a body over 1 MB',
    method: 'POST',
    path: product(),
    body: large,
    status: 413,
    error: 'PAYLOAD_TOO_LARGE',
    message: 'The body is larger than 1 MB.',
    cli: ['stripe', 'products', 'create', ...inTest, '--name', 'Cap', '--metadata', large],
    exitCode: 1,
  },
  {
    case: 'a missing admin key',
    method: 'GET',
    path: '/api/payments/stripe/status',
    headers: async () => ({}),
    status: 401,
    error: 'AUTH_INVALID_CREDENTIALS',
    message: 'This address is for the admin: no key or token was sent.',
    cli: ['stripe', 'status'],
    key: async () => null,
    exitCode: 2,
    says: 'The API wants an admin key, and there is none.',
  },
  {
    case: 'another admin key',
    method: 'GET',
    path: '/api/payments/stripe/status',
    headers: async () => ({ 'x-api-key': 'another_key_altogether' }),
    status: 401,
    error: 'AUTH_INVALID_API_KEY',
    message: 'The API key is not valid.',
    cli: ['stripe', 'status'],
    key: async () => 'another_key_altogether',
    exitCode: 2,
  },
  {
    case: "a user's token on an admin route",
    method: 'GET',
    path: `${TEST}/customers`,
    headers: async () => ({ authorization: `Bearer ${await userToken('ada')}` }),
    status: 403,
    error: 'AUTH_UNAUTHORIZED',
    message: 'The role of this token is not allowed to do this; it is for the admin.',
    cli: ['stripe', 'customers', ...inTest],
    key: () => userToken('ada'),
    exitCode: 5,
  },
  {
    case: 'an event that was never kept',
    method: 'POST',
    path: `${TEST}/webhook-events/evt_none/retry`,
    status: 404,
    error: 'PAYMENT_NOT_FOUND',
    message: 'No event with this id was kept for test.',
    cli: ['events', 'retry', 'evt_none', ...inTest],
    exitCode: 4,
  },
  {
    case: 'an environment without a key',
    method: 'POST',
    path: '/api/payments/stripe/live/sync',
    status: 400,
    error: 'PAYMENT_CONFIG_INVALID',
    message: 'There is no Stripe secret key for live.',
    cli: ['stripe', 'sync', '--environment', 'live'],
    exitCode: 3,
  },
  {
    case: 'a key to remove where none is stored',
    method: 'DELETE',
    path: '/api/payments/stripe/live/config',
    status: 404,
    error: 'PAYMENT_CONFIG_NOT_FOUND',
    message: 'No Stripe key is stored for environment live.',
    cli: ['stripe', 'config', 'remove', '--environment', 'live', '--yes'],
    exitCode: 3,
  },
  {
    case: 'a webhook endpoint without a public URL',
    method: 'POST',
    path: `${TEST}/webhook`,
    status: 400,
    error: 'PAYMENT_CONFIG_INVALID',
    message: 'The webhook endpoint cannot be set up, because PAYMENTS_PUBLIC_URL is not set.',
    cli: ['stripe', 'webhooks', 'configure', ...inTest],
    exitCode: 3,
  },
]

/** Runs a refusal over HTTP and on the command line against the same server, and compares the errors. */
async function refused(refusal: Refusal, url = system.server.url): Promise<void> {
  const { method, path, body, status, error, message, cli, input, exitCode, says } = refusal
  const before = await written(system.database)
  const headers = (await refusal.headers?.()) ?? { 'x-api-key': ADMIN_KEY }
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const said = (await response.json()) as { message: string }
  expect({ status: response.status, body: said }).toMatchObject({
    status,
    body: {
      error,
      statusCode: status,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    },
  })

  const key = refusal.key ? await refusal.key() : ADMIN_KEY
  const env = { PAYMENTS_API_URL: url, ...(key !== null && { PAYMENTS_ADMIN_KEY: key }) }
  const people = await runCli(cli, { env, input })
  expect({ code: people.code, out: people.out }).toEqual({ code: exitCode, out: '' })
  expect(people.err).toContain(says ?? said.message)
  expect(people.err).not.toMatch(/^\s+at /m)
  const programs = await runCli([...cli, '--json'], { env, input })
  expect(programs.code).toBe(exitCode)
  expect(programs.json()).toMatchObject(
    says === undefined ? { error, message: said.message } : { message: says },
  )
  expect(await written(system.database)).toEqual(before)
}

test.each(REFUSALS)('$case', (refusal) => refused(refusal))

test('a price in use: the default price of a product is not archived, a product with prices not deleted', async () => {
  const made = await system.api.products.create({
    name: 'Mug',
    default_price_data: { currency: 'eur', unit_amount: 900 },
  })
  const price = made.default_price as string
  await refused({
    case: 'the default price',
    method: 'DELETE',
    path: `${TEST}/catalog/prices/${price}`,
    status: 409,
    error: 'PAYMENT_PRICE_IN_USE',
    message: 'This price cannot be archived because it is the default price of its product.',
    cli: ['stripe', 'prices', 'archive', price, ...inTest],
    exitCode: 1,
  })
  await refused({
    case: 'its product',
    method: 'DELETE',
    path: product(`/${made.id}`),
    status: 409,
    error: 'PAYMENT_PRODUCT_IN_USE',
    message: 'This product cannot be deleted because it has one or more user-created prices.',
    cli: ['stripe', 'products', 'delete', made.id, ...inTest, '--yes'],
    exitCode: 1,
  })
  expect((await system.api.prices.retrieve(price)).active).toBe(true)
})

test('a key that was good when it was stored, and lacks a permission or is revoked by now', async () => {
  const weaker = 'rk_test_weaker00000000000000000001'
  system.stripe.control.addKey({ key: weaker })
  await connect(system, weaker)
  system.stripe.control.revokeKey(weaker)
  system.stripe.control.addKey({ key: weaker, missing: ['rak_product_write'] })
  const creates = {
    method: 'POST',
    path: product(),
    body: { name: 'Cap' },
    error: 'PAYMENT_CONFIG_INVALID',
    cli: ['stripe', 'products', 'create', ...inTest, '--name', 'Cap'],
  }
  await refused({
    ...creates,
    case: 'weaker',
    status: 403,
    message: 'The Stripe key for test lacks the permission rak_product_write.',
    exitCode: 5,
  })
  system.stripe.control.revokeKey(weaker)
  await refused({
    ...creates,
    case: 'revoked',
    status: 401,
    message: 'Stripe refused the secret key for test.',
    exitCode: 2,
  })
  await connect(system)
})

test('a cursor that is older than a day', async () => {
  let clock = Date.now()
  const { STRIPE_TEST_SECRET_KEY: _, ...env } = system.env
  const server = await startNode(
    { ...env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY } as Record<string, string>,
    { now: () => clock },
  )
  try {
    const page = await fetch(`${server.url}${TEST}/catalog/prices?limit=1`, {
      headers: { 'x-api-key': ADMIN_KEY },
    })
    const { nextCursor } = (await page.json()) as { nextCursor: string }
    clock += 25 * 3600 * 1000
    const answer = await fetch(`${server.url}${TEST}/catalog/prices?limit=1&cursor=${nextCursor}`, {
      headers: { 'x-api-key': ADMIN_KEY },
    })
    expect(await answer.json()).toEqual({
      error: 'INVALID_INPUT',
      message: 'The cursor is older than a day.',
      statusCode: 400,
      nextActions: 'Begin again without a cursor.',
    })
  } finally {
    await server.stop()
  }
})

test('an encryption key that cannot open what is stored', async () => {
  const { STRIPE_TEST_SECRET_KEY: _, ...env } = system.env
  const server = await startNode({
    ...env,
    PAYMENTS_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  } as Record<string, string>)
  try {
    await refused(
      {
        case: 'another encryption key',
        method: 'POST',
        path: product(),
        body: { name: 'Cap' },
        status: 503,
        error: 'PAYMENT_SECRETS_UNREADABLE',
        message: 'The Stripe keys stored in the database cannot be opened.',
        cli: ['stripe', 'products', 'create', ...inTest, '--name', 'Cap'],
        exitCode: 1,
      },
      server.url,
    )
  } finally {
    await server.stop()
  }
})

test('the token of an admin is as good as the admin key on the command line', async () => {
  const env = {
    PAYMENTS_API_URL: system.server.url,
    PAYMENTS_ADMIN_KEY: await token({ role: 'project_admin' }),
  }
  expect(await runCli(['stripe', 'customers', ...inTest], { env })).toMatchObject({ code: 0, err: '' })
})
