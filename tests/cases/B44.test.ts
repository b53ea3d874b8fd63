/** Tokens of other issuers, as they sign them: role and user stand elsewhere, or nowhere. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { closeDeps, createApp, createDeps, type Deps, readConfig } from '../../functions/app.ts'
import { type System, startSystem } from '../functions/support/system.ts'

let system: System
let keyServer: Server
let jwksUrl: string
let privateKey: CryptoKey
const opened: Deps[] = []

beforeAll(async () => {
  const keys = await generateKeyPair('RS256')
  privateKey = keys.privateKey
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }
  keyServer = createServer((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: [jwk] }))
  }).listen(0)
  jwksUrl = `http://localhost:${(keyServer.address() as AddressInfo).port}/keys`
  system = await startSystem()
})
afterAll(async () => {
  for (const deps of opened) await closeDeps(deps)
  await system.close()
  keyServer.close()
})

const ISSUER = 'https://issuer.example/'
const sign = (claims: JWTPayload) =>
  new SignJWT({ iss: ISSUER, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)

function handlers(settings: Record<string, string>) {
  const { PAYMENTS_JWT_SECRET: _, ...env } = system.env
  const config = readConfig({ ...env, PAYMENTS_JWKS_URL: jwksUrl, PAYMENTS_JWT_ISSUER: ISSUER, ...settings })
  const deps = createDeps(config, { log: { info() {}, error() {} } })
  opened.push(deps)
  return createApp(deps)
}

/** Starts a checkout for a user with a token of these claims. */
async function buy(settings: Record<string, string>, claims: JWTPayload, userId?: string) {
  const response = await handlers(settings).request('/api/payments/stripe/test/checkout-sessions', {
    method: 'POST',
    headers: { authorization: `Bearer ${await sign(claims)}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      mode: 'payment',
      lineItems: [{ priceId: system.prices.once, quantity: 1 }],
      successUrl: 'https://shop.example/ok',
      cancelUrl: 'https://shop.example/no',
      ...(userId !== undefined && { subject: { type: 'user', id: userId } }),
    }),
  })
  return { status: response.status, body: await response.json() }
}

const uuid = '6f1c4a52-7f0e-4a2b-9d7c-0b8a3a3b9b11'
const hasuraClaims = {
  'x-hasura-user-id': '1',
  'x-hasura-default-role': 'user',
  'x-hasura-allowed-roles': ['user'],
}
/** A token of each issuer, as a user of it gets one without any custom claim. */
const tokens: Record<string, { claims: JWTPayload; user: string }> = {
  supabase: {
    user: uuid,
    claims: { sub: uuid, role: 'authenticated', aal: 'aal1', app_metadata: { provider: 'email' } },
  },
  insforge: { user: uuid, claims: { sub: uuid, role: 'authenticated', email: 'ada@example.com' } },
  clerk: { user: 'user_2abCDef', claims: { sub: 'user_2abCDef', azp: 'https://app', sts: 'active', v: 2 } },
  auth0: { user: 'auth0|64f', claims: { sub: 'auth0|64f', scope: 'openid', azp: 'client' } },
  firebase: {
    user: 'Xyz123',
    claims: { sub: 'Xyz123', user_id: 'Xyz123', firebase: { sign_in_provider: 'password' } },
  },
  keycloak: { user: 'f:1', claims: { sub: 'f:1', typ: 'Bearer', realm_access: { roles: ['user'] } } },
  hasura: { user: '1', claims: { sub: 'someone else', 'https://hasura.io/jwt/claims': hasuraClaims } },
}

describe.each(Object.entries(tokens))('a token of %s', (preset, { claims, user }) => {
  test('pays for its own user, whom SQL sees too', async () => {
    const bought = await buy({ PAYMENTS_JWT_PRESET: preset }, claims, user)
    expect(bought).toMatchObject({ status: 201, body: { checkoutSession: { subjectId: user } } })
    const { id } = (bought.body as { checkoutSession: { id: string } }).checkoutSession
    expect(
      await system.database.sql`select caller_id from payments.stripe_checkout_sessions where id = ${id}`,
    ).toEqual([{ caller_id: user }])
  })

  test('pays for no other user', async () => {
    expect(await buy({ PAYMENTS_JWT_PRESET: preset }, claims, 'another')).toMatchObject({ status: 403 })
  })

  test('with the role of a service is not made a user by the default role', async () => {
    const settings = { PAYMENTS_JWT_PRESET: preset, PAYMENTS_JWT_ROLE_CLAIM: 'role' }
    expect(await buy(settings, { ...claims, role: 'service_role' }, user)).toMatchObject({
      status: 403,
      body: { message: 'The role of this token may not start payments; only anon and authenticated may.' },
    })
  })
})

const NO_ROLE = {
  status: 401,
  body: {
    message: 'The token has no role claim; it must be anon or authenticated.',
    nextActions: expect.stringMatching(
      /^Where the handlers run, set PAYMENTS_JWT_ROLE_CLAIM .* PAYMENTS_JWT_DEFAULT_ROLE=authenticated/,
    ),
  },
}

describe('a role that stands elsewhere', () => {
  test('is found by its path, by an address, and in a list', async () => {
    const places: [string, JWTPayload][] = [
      ['app_metadata.role', { app_metadata: { role: 'authenticated' } }],
      ['https://app.example/role', { 'https://app.example/role': 'authenticated' }],
      [
        '"https://app.example/claims"."pay.role"',
        { 'https://app.example/claims': { 'pay.role': 'authenticated' } },
      ],
      ['realm_access.roles', { realm_access: { roles: ['offline_access', 'authenticated'] } }],
    ]
    for (const [path, claims] of places)
      expect(await buy({ PAYMENTS_JWT_ROLE_CLAIM: path }, { sub: 'u1', ...claims }, 'u1')).toMatchObject({
        status: 201,
      })
  })

  test('counts alone: the claim role is then no role', async () => {
    expect(
      await buy({ PAYMENTS_JWT_ROLE_CLAIM: 'app_metadata.role' }, { sub: 'u1', role: 'authenticated' }, 'u1'),
    ).toMatchObject({
      status: 401,
      body: { message: 'The token has no app_metadata.role claim; it must be anon or authenticated.' },
    })
  })

  test('must be one of the two, whatever else is in the list', async () => {
    const settings = { PAYMENTS_JWT_ROLE_CLAIM: 'roles', PAYMENTS_JWT_DEFAULT_ROLE: 'authenticated' }
    for (const roles of [
      [],
      ['user'],
      ['anon', 'authenticated'],
      [['authenticated']],
      { 0: 'authenticated' },
    ])
      expect(await buy(settings, { sub: 'u1', roles }, 'u1')).toMatchObject({ status: 403 })
  })

  test('is not looked for in what every object inherits', async () => {
    const settings = { PAYMENTS_JWT_ROLE_CLAIM: 'constructor.name' }
    expect(await buy(settings, { sub: 'u1', role: 'authenticated' }, 'u1')).toMatchObject({ status: 401 })
  })
})

describe('a user that stands elsewhere', () => {
  const settings = { PAYMENTS_JWT_USER_CLAIM: 'profile.id' }

  test('is the user for SQL, also as a number, and sub is not', async () => {
    const claims = { sub: 'u1', role: 'authenticated', profile: { id: 42 } }
    expect(await buy(settings, claims, '42')).toMatchObject({ status: 201 })
    expect(await buy(settings, claims, 'u1')).toMatchObject({ status: 403 })
  })

  test('that is missing is named, and sub does not take its place', async () => {
    for (const id of [undefined, '', null, true, { a: 1 }])
      expect(await buy(settings, { sub: 'u1', role: 'authenticated', profile: { id } }, 'u1')).toMatchObject({
        status: 401,
        body: {
          message: 'The token has the role authenticated but no profile.id claim.',
          nextActions: expect.stringContaining('PAYMENTS_JWT_USER_CLAIM'),
        },
      })
  })

  test('that is a number which JSON cannot keep exactly is refused with a sentence of its own', async () => {
    for (const id of [1.5, 2 ** 53])
      expect(await buy(settings, { sub: 'u1', role: 'authenticated', profile: { id } }, 'u1')).toMatchObject({
        status: 401,
        body: {
          message: 'The profile.id claim of the token is a number that is no exact whole number.',
          nextActions: expect.stringContaining('Let the issuer write the id of the user as a text'),
        },
      })
  })

  test('makes a guest of no user: the sub of an anonymous token is not taken for its id', async () => {
    expect(await buy(settings, { sub: 'u1', role: 'anon' })).toMatchObject({ status: 201 })
    const rows = await system.database.sql`
      select caller_id from payments.stripe_checkout_sessions where subject_id is null order by created_at`
    expect(rows).toEqual([{ caller_id: null }])
  })
})

describe('without a setting', () => {
  test.each(['clerk', 'auth0', 'firebase', 'keycloak'])(
    'a token of %s is refused, and the deployer is told',
    async (preset) => {
      expect(await buy({}, tokens[preset]?.claims ?? {})).toMatchObject(NO_ROLE)
    },
  )
})

describe('a token that is no signed-in user', () => {
  test('of a machine at Auth0 or of a pending session at Clerk is refused', async () => {
    expect(
      await buy(
        { PAYMENTS_JWT_PRESET: 'auth0' },
        { sub: 'id@clients', gty: 'client-credentials' },
        'id@clients',
      ),
    ).toMatchObject({
      status: 401,
      body: { message: 'The token belongs to a machine (gty is client-credentials), not to a user.' },
    })
    expect(
      await buy({ PAYMENTS_JWT_PRESET: 'clerk' }, { sub: 'user_1', sts: 'pending' }, 'user_1'),
    ).toMatchObject({
      status: 401,
      body: { message: 'The session of this token is pending, so its user is not signed in yet.' },
    })
  })
})

describe('an admin', () => {
  const ask = async (settings: Record<string, string>, claims: JWTPayload) =>
    (
      await handlers(settings).request('/api/payments/stripe/status', {
        headers: { authorization: `Bearer ${await sign(claims)}` },
      })
    ).status

  test('has the role where users have it, and no default role makes one', async () => {
    const elsewhere = { PAYMENTS_JWT_ROLE_CLAIM: 'app_metadata.role' }
    expect(await ask({}, { role: 'project_admin' })).toBe(200)
    expect(await ask({ PAYMENTS_JWT_PRESET: 'hasura' }, { role: 'project_admin' })).toBe(200)
    expect(await ask(elsewhere, { app_metadata: { role: 'project_admin' } })).toBe(200)
    expect(await ask(elsewhere, { role: 'project_admin' })).toBe(403)
    expect(await ask({ PAYMENTS_JWT_PRESET: 'clerk' }, { sub: 'user_1' })).toBe(403)
  })
})

describe('settings that do not go together stop the start', () => {
  const start = (settings: Record<string, string>) => () =>
    readConfig({ DATABASE_URL: 'postgres://db/app', ...settings })

  test.each<[Record<string, string>, string]>([
    [
      { PAYMENTS_JWT_PRESET: 'cognito' },
      'PAYMENTS_JWT_PRESET must be left out or be one of supabase, clerk, auth0, firebase, keycloak, hasura, insforge.',
    ],
    [
      { PAYMENTS_JWT_DEFAULT_ROLE: 'service_role' },
      'PAYMENTS_JWT_DEFAULT_ROLE must be left out or be anon or authenticated.',
    ],
    [
      { PAYMENTS_JWT_ROLE_CLAIM: 'a..b' },
      'PAYMENTS_JWT_ROLE_CLAIM must be the path of a claim, for example app_metadata.role; a name with dots stands in double quotes.',
    ],
    [
      { PAYMENTS_JWT_ROLE_CLAIM: 'none' },
      'PAYMENTS_JWT_ROLE_CLAIM is none, so PAYMENTS_JWT_DEFAULT_ROLE must be anon or authenticated.',
    ],
    [
      { PAYMENTS_JWT_PRESET: 'firebase', PAYMENTS_JWKS_URL: 'https://keys.example/jwks' },
      'PAYMENTS_JWT_PRESET is firebase, so PAYMENTS_JWT_ISSUER must be https://securetoken.google.com/<project>: one key set signs the tokens of all Firebase projects.',
    ],
  ])('%j', (settings, sentence) => {
    expect(start(settings)).toThrow(sentence)
  })
})
