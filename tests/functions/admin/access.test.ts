/** Who may use the admin API. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { routes } from '../../../functions/admin/routes.ts'
import { closeDeps, createApp } from '../../../functions/app.ts'
import { readConfig } from '../../../functions/core/config.ts'
import openapi from '../../../types/openapi.json' with { type: 'json' }
import { startNode } from '../support/server.ts'
import { ADMIN_KEY, ANON_KEY } from '../support/system.ts'
import { token, userToken } from '../support/tokens.ts'
import { createTestDeps } from '../sync/support/system.ts'
import { type AdminSystem, startAdminSystem } from './support.ts'

let system: AdminSystem

beforeAll(async () => {
  system = await startAdminSystem()
})

afterAll(() => system.close())

const status = (headers: Record<string, string>) =>
  system.call('GET', '/api/payments/stripe/status', { headers })
const bearer = (value: string) => ({ authorization: `Bearer ${value}` })

describe('the admin', () => {
  it.each([
    ['the key as x-api-key', async () => ({ 'x-api-key': ADMIN_KEY })],
    ['the key as a bearer token', async () => bearer(ADMIN_KEY)],
    ['a token whose role is on the list', async () => bearer(await token({ role: 'project_admin' }))],
  ])('is let in with %s', async (_, headers) => {
    expect((await status(await headers())).status).toBe(200)
  })

  it('may have other roles, if they are configured', async () => {
    const server = await startNode({ ...system.env, PAYMENTS_ADMIN_ROLES: 'owner, ops' })
    const as = async (role: string) =>
      (await fetch(`${server.url}/api/payments/stripe/config`, { headers: bearer(await token({ role })) }))
        .status
    expect([await as('owner'), await as('ops'), await as('project_admin')]).toEqual([200, 200, 403])
    await server.stop()
  })
})

describe('nobody else', () => {
  it('is let in without a key', async () => {
    expect(await status({})).toMatchObject({
      status: 401,
      body: {
        error: 'AUTH_INVALID_CREDENTIALS',
        message: 'This address is for the admin: no key or token was sent.',
        nextActions: 'Send the admin key as `x-api-key` or `Authorization: Bearer`.',
      },
    })
  })

  it.each([
    ['another key', async () => ({ 'x-api-key': `${ADMIN_KEY}x` }), 401, 'AUTH_INVALID_API_KEY'],
    ['another bearer key', async () => bearer(ADMIN_KEY.slice(1)), 401, 'AUTH_INVALID_API_KEY'],
    ['the anonymous key', async () => bearer(ANON_KEY), 403, 'AUTH_UNAUTHORIZED'],
    ["a user's token", async () => bearer(await userToken('ada')), 403, 'AUTH_UNAUTHORIZED'],
    ['a token of role anon', async () => bearer(await token({ role: 'anon' })), 403, 'AUTH_UNAUTHORIZED'],
    ['a token without a role', async () => bearer(await token({ sub: 'ada' })), 403, 'AUTH_UNAUTHORIZED'],
    [
      'a token of an admin that is signed with another secret',
      async () =>
        bearer(await token({ role: 'project_admin' }, { secret: 'another secret of 32 characters!' })),
      401,
      'AUTH_INVALID_CREDENTIALS',
    ],
    [
      'a token of an admin that has expired',
      async () => bearer(await token({ role: 'project_admin' }, { expiresIn: -10 })),
      401,
      'AUTH_UNAUTHORIZED',
    ],
    ['a header that is none', async () => ({ authorization: 'Basic x' }), 401, 'AUTH_INVALID_CREDENTIALS'],
  ])('is let in with %s', async (_, headers, code, error) => {
    expect(await status(await headers())).toMatchObject({ status: code, body: { error } })
  })

  it('is let in where neither a key nor a way to verify tokens is configured', async () => {
    const { PAYMENTS_ADMIN_KEY: _key, PAYMENTS_JWT_SECRET: _secret, ...rest } = system.env
    const server = await startNode(rest as Record<string, string>)
    const tries: Record<string, string>[] = [
      {},
      { 'x-api-key': '' },
      { 'x-api-key': 'null' },
      bearer('undefined'),
    ]
    for (const headers of tries) {
      const response = await fetch(`${server.url}/api/payments/stripe/status`, { headers })
      expect(response.status).toBe(403)
      expect(await response.json()).toEqual({
        error: 'AUTH_UNAUTHORIZED',
        message: 'No admin credentials are configured.',
        statusCode: 403,
        nextActions: 'Set PAYMENTS_ADMIN_KEY, or PAYMENTS_JWT_SECRET and PAYMENTS_ADMIN_ROLES.',
      })
    }
    await server.stop()
  })

  it('learns from an answer whether the rest of a request was right', async () => {
    const wrong = await system.call('PUT', '/api/payments/stripe/nowhere/config?x=1', { body: '{' })
    expect(wrong.status).toBe(401)
    const undecodable = await system.call('GET', '/api/payments/stripe/test/catalog/prices/%ff')
    expect(undecodable.status).toBe(401)
    const checkout = await system.call('POST', '/api/payments/stripe/nowhere/checkout-sessions', {
      body: '{',
      headers: bearer('x'),
    })
    expect(checkout.status).toBe(401)
  })
})

describe('a token of a stranger who shares the key', () => {
  const ours = { iss: 'https://auth.example/ours', aud: 'shop' }
  const admin = { role: 'project_admin' }
  const user = { sub: 'ada', role: 'authenticated' }
  let server: Awaited<ReturnType<typeof startNode>>

  beforeAll(async () => {
    server = await startNode({
      ...system.env,
      PAYMENTS_JWT_ISSUER: ours.iss,
      PAYMENTS_JWT_AUDIENCE: ours.aud,
    })
  })
  afterAll(() => server.stop())

  /** An admin route, and one of users with a body that only a caller is told is wrong. */
  const ask = async (claims: Record<string, string>) => {
    const isAdmin = claims.role === 'project_admin'
    const response = await fetch(
      `${server.url}/api/payments/stripe/${isAdmin ? 'status' : 'test/checkout-sessions'}`,
      {
        method: isAdmin ? 'GET' : 'POST',
        headers: { ...bearer(await token(claims)), 'content-type': 'application/json' },
        ...(isAdmin ? {} : { body: '{}' }),
      },
    )
    return { status: response.status, body: await response.json() }
  }

  it.each([
    ['an admin route', admin, 200],
    ['a route of users', user, 400],
  ])('is not let in at %s, and one of ours is', async (_, caller, letIn) => {
    expect(await ask({ ...caller, ...ours })).toMatchObject({ status: letIn })
    const foreign: Record<string, string>[] = [
      { ...ours, iss: 'https://auth.example/stranger' },
      { ...ours, aud: 'office' },
      { aud: ours.aud },
      { iss: ours.iss },
    ]
    for (const claims of foreign) {
      expect(await ask({ ...caller, ...claims }), JSON.stringify(claims)).toEqual({
        status: 401,
        body: {
          error: 'AUTH_INVALID_CREDENTIALS',
          message: 'The token is not valid.',
          statusCode: 401,
          nextActions: 'Sign in again and send the new access token.',
        },
      })
    }
  })

  it('is an admin by default where neither is said, with nothing but the secret configured', async () => {
    const { PAYMENTS_ADMIN_KEY: _key, ...rest } = system.env
    const open = await startNode(rest as Record<string, string>)
    const headers = bearer(await token({ ...admin, iss: 'https://auth.example/stranger' }))
    expect((await fetch(`${open.url}/api/payments/stripe/status`, { headers })).status).toBe(200)
    await open.stop()
  })
})

it('a body may have 1 MB', async () => {
  const body = JSON.stringify({ name: 'x', description: 'x'.repeat(1_000_000) })
  expect(await system.admin('POST', '/api/payments/stripe/test/catalog/products', body)).toMatchObject({
    status: 413,
    body: { error: 'PAYLOAD_TOO_LARGE', message: 'The body is larger than 1 MB.' },
  })
})

it.each(['anon', 'project_admin,authenticated', 'a b', ','])(
  'the roles of admins cannot be %j, and the start says so',
  (roles) => {
    const env = { DATABASE_URL: 'postgres://db/app', PAYMENTS_ADMIN_ROLES: roles }
    expect(() => readConfig(env)).toThrow(
      'PAYMENTS_ADMIN_ROLES must be a comma-separated list of roles, and neither anon nor authenticated among them.',
    )
  },
)

describe('an address', () => {
  it('that is not there is 404', async () => {
    expect(await system.admin('GET', '/api/payments/stripe/test/nothing')).toMatchObject({
      status: 404,
      body: { error: 'NOT_FOUND', message: 'There is nothing at this address.' },
    })
  })

  it('says which methods it takes', async () => {
    const answer = await system.admin('POST', '/api/payments/stripe/test/config', {})
    expect(answer).toMatchObject({ status: 405, body: { error: 'METHOD_NOT_ALLOWED' } })
    expect(answer.headers.get('allow')).toBe('PUT, DELETE')
  })

  it('may be asked from a browser with every method that it has', async () => {
    const response = await fetch(`${system.server.url}/api/payments/stripe/test/config`, {
      method: 'OPTIONS',
      headers: { origin: 'https://dashboard.example', 'access-control-request-method': 'PUT' },
    })
    expect(response.headers.get('access-control-allow-methods')).toBe('GET,POST,PUT,PATCH,DELETE')
  })
})

it('the OpenAPI document is for everybody', async () => {
  const answer = await system.call('GET', '/api/payments/openapi.json')
  expect(answer.status).toBe(200)
  expect(answer.body.openapi).toBe('3.1.0')
  expect(answer.body).toEqual(openapi)
  expect(Object.keys(answer.body.paths)).toContain('/api/payments/stripe/{environment}/webhook-events/retry')
})

it('every address that is served is in the OpenAPI document', async () => {
  const { body } = await system.call('GET', '/api/payments/openapi.json')
  const documented = Object.entries(body.paths as Record<string, object>).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const { deps } = createTestDeps(system.env)
  const served = createApp(deps)
    .routes.filter(({ method }) => method !== 'ALL') // those only refuse other methods, or pass on to the admin's
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  await closeDeps(deps)
  expect(served).toContain('GET /metrics')
  const admin = routes.map(({ method, path }) => `${method} /api/payments${path}`)
  // The dashboard loads its own addresses with the first request for them.
  const session = ['GET', 'POST', 'DELETE'].map((method) => `${method} /dashboard/session`)
  const all = new Set([...served, ...admin, ...session, 'GET /api/payments/openapi.json'])
  expect(documented.sort()).toEqual([...all].sort())
})

it('the metrics are documented as the text that they are', async () => {
  const { body } = await system.call('GET', '/api/payments/openapi.json')
  const { responses, security } = body.paths['/metrics'].get
  expect(Object.keys(responses[200].content)).toEqual(['text/plain'])
  expect(security).toEqual([{ adminKey: [] }, { bearer: [] }])
  const answer = await fetch(`${system.server.url}/metrics`, { headers: { 'x-api-key': ADMIN_KEY } })
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain;/)
  const refused = await fetch(`${system.server.url}/metrics`)
  expect(Object.keys(responses)).toContain(String(refused.status))
  expect(responses[refused.status].description).toContain((await refused.json()).error)
})
