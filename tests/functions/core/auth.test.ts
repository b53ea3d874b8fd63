import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CallerNeed, createAuthenticate, createAuthenticateAdmin } from '../../../functions/core/auth.ts'
import { readConfig } from '../../../functions/core/config.ts'
import type { ApiError } from '../../../functions/core/errors.ts'
import { HTTP_CODES } from '../../../scripts/cli/commands/explain/codes.ts'

const jwtSecret = 'a-secret-of-at-least-32-characters!'
const adminKey = 'ik_0123456789abcdef0123456789'
const anonKey = 'anon_0123456789abcdef'
const now = Date.now()

let keys: Awaited<ReturnType<typeof generateKeyPair>>
let keyServer: Server
let jwksUrl: string

beforeAll(async () => {
  keys = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }
  keyServer = createServer((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: [jwk] }))
  }).listen(0)
  jwksUrl = `http://localhost:${(keyServer.address() as AddressInfo).port}/keys`
})

afterAll(() => {
  keyServer.close()
})

const bySecret = { PAYMENTS_JWT_SECRET: jwtSecret }

function authenticate(
  env: Record<string, string>,
  headers: Record<string, string>,
  need: CallerNeed = 'portal',
) {
  const config = readConfig({ DATABASE_URL: 'postgres://db/app', ...env })
  return createAuthenticate({ config, now: () => now })(new Headers(headers), need)
}

async function refusal(env: Record<string, string>, headers: Record<string, string>): Promise<ApiError> {
  return authenticate(env, headers).then(
    (caller) => {
      throw new Error(`Accepted as ${JSON.stringify(caller)}.`)
    },
    (error) => error,
  )
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

function token(claims: JWTPayload, { secret = jwtSecret, alg = 'HS256', expires = now / 1000 + 60 } = {}) {
  return new SignJWT(claims)
    .setProtectedHeader({ alg })
    .setExpirationTime(Math.floor(expires))
    .sign(new TextEncoder().encode(secret))
}

const user = { sub: 'user-1', role: 'authenticated' }

describe('a request', () => {
  it('without a token is anonymous', async () => {
    expect(await authenticate({}, {})).toEqual({ role: 'anon' })
  })

  it('with a token of the shared secret carries its claims', async () => {
    const caller = await authenticate(bySecret, bearer(await token({ ...user, org_id: 'org-1' })))
    expect(caller).toMatchObject({ ...user, org_id: 'org-1' })
  })

  it('with a token of the anonymous role is anonymous', async () => {
    expect(await authenticate(bySecret, bearer(await token({ role: 'anon' })))).toMatchObject({
      role: 'anon',
    })
  })

  it('with a token of the key set carries its claims', async () => {
    const signed = await new SignJWT(user)
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setExpirationTime('1m')
      .sign(keys.privateKey)
    expect(await authenticate({ PAYMENTS_JWKS_URL: jwksUrl }, bearer(signed))).toMatchObject(user)
  })

  it('with the anonymous key is anonymous, where that key is configured', async () => {
    expect(await authenticate({ PAYMENTS_ANON_KEY: anonKey }, bearer(anonKey))).toEqual({ role: 'anon' })
    expect(await refusal(bySecret, bearer(anonKey))).toMatchObject({
      status: 401,
      code: 'AUTH_INVALID_CREDENTIALS',
    })
    expect(await refusal({ PAYMENTS_ANON_KEY: anonKey }, bearer(`${anonKey}x`))).toMatchObject({
      status: 401,
    })
  })

  it.each(['authorization', 'x-api-key'])(
    'with the admin key in %s has no user, so it opens no portal',
    async (header) => {
      const value = header === 'x-api-key' ? adminKey : `Bearer ${adminKey}`
      expect(await refusal({ PAYMENTS_ADMIN_KEY: adminKey }, { [header]: value })).toMatchObject({
        status: 403,
        code: 'AUTH_UNAUTHORIZED',
        message: 'The admin key has no user, so it cannot open the Billing Portal.',
      })
    },
  )

  it.each(['authorization', 'x-api-key'])(
    'with the admin key in %s is the service, where a route allows that, and another key is not',
    async (header) => {
      const callerOf = (env: Record<string, string>, key: string) =>
        authenticate(env, { [header]: header === 'x-api-key' ? key : `Bearer ${key}` }, 'change')
      expect(await callerOf({ PAYMENTS_ADMIN_KEY: adminKey }, adminKey)).toEqual({ role: 'service' })
      for (const [env, key] of [
        [{ PAYMENTS_ADMIN_KEY: adminKey }, `${adminKey}x`] as const,
        [{}, adminKey] as const,
      ])
        await expect(callerOf({ ...bySecret, ...env }, key)).rejects.toMatchObject({ status: 401 })
    },
  )

  it('with another API key is refused', async () => {
    expect(await refusal({ PAYMENTS_ADMIN_KEY: adminKey }, { 'x-api-key': 'ik_wrong' })).toMatchObject({
      status: 401,
      code: 'AUTH_INVALID_API_KEY',
    })
  })
})

describe('a token is refused', () => {
  const refused = async (env: Record<string, string>, value: string) => refusal(env, bearer(value))

  it('when it has expired, in a way that makes clients refresh it', async () => {
    expect(await refused(bySecret, await token(user, { expires: now / 1000 - 1 }))).toMatchObject({
      status: 401,
      code: 'AUTH_UNAUTHORIZED',
      message: 'The token has expired.',
    })
    expect(HTTP_CODES.AUTH_UNAUTHORIZED.meaning).toContain('With 401: the token has expired.')
    expect(HTTP_CODES.AUTH_INVALID_CREDENTIALS.meaning).not.toContain('expired')
  })

  it('when it never expires', async () => {
    const eternal = await new SignJWT(user)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(jwtSecret))
    expect(await refused(bySecret, eternal)).toMatchObject({
      status: 401,
      code: 'AUTH_INVALID_CREDENTIALS',
      message: 'The token has no exp claim. A token that never expires is not accepted.',
      nextActions: 'Configure the token issuer to set an expiry, and send a new token.',
    })
  })

  it('when another secret signed it', async () => {
    const foreign = await token(user, { secret: 'another-secret-of-at-least-32-chars' })
    expect(await refused(bySecret, foreign)).toMatchObject({
      status: 401,
      message: 'The token is not valid.',
    })
  })

  it('when nobody signed it', async () => {
    const unsigned = new UnsecuredJWT(user).setExpirationTime('1m').encode()
    expect(await refused(bySecret, unsigned)).toMatchObject({
      status: 401,
      message: 'The token is signed with an algorithm that is not configured here.',
    })
  })

  it('when it is signed with another algorithm than HS256', async () => {
    const longer = await token(user, { alg: 'HS512', secret: jwtSecret.repeat(2) })
    expect(await refused({ PAYMENTS_JWT_SECRET: jwtSecret.repeat(2) }, longer)).toMatchObject({ status: 401 })
  })

  it('when it uses a public key of the key set as a shared secret', async () => {
    const publicKey = JSON.stringify(await exportJWK(keys.publicKey))
    expect(
      await refused({ PAYMENTS_JWKS_URL: jwksUrl }, await token(user, { secret: publicKey })),
    ).toMatchObject({ status: 401 })
  })

  it('when the key set does not have its key', async () => {
    const other = await generateKeyPair('ES256')
    const signed = await new SignJWT(user)
      .setProtectedHeader({ alg: 'ES256', kid: 'two' })
      .setExpirationTime('1m')
      .sign(other.privateKey)
    expect(await refused({ PAYMENTS_JWKS_URL: jwksUrl }, signed)).toMatchObject({ status: 401 })
  })

  it('with 503 when the key set cannot be read, for that is not the fault of the caller', async () => {
    const signed = await new SignJWT(user)
      .setProtectedHeader({ alg: 'ES256' })
      .setExpirationTime('1m')
      .sign(keys.privateKey)
    expect(await refused({ PAYMENTS_JWKS_URL: 'http://127.0.0.1:1/keys' }, signed)).toMatchObject({
      status: 503,
    })
  })

  it('when nothing is configured to verify it, with what whoever deploys can do: to sign in again is of no use', async () => {
    for (const given of [await token(user), 'not-even-a-token'])
      expect(await refused({}, given)).toMatchObject({
        status: 401,
        code: 'AUTH_INVALID_CREDENTIALS',
        message: 'No token can be verified here: neither a secret nor a key set is configured.',
        nextActions: 'Set PAYMENTS_JWT_SECRET or PAYMENTS_JWKS_URL where the handlers run.',
      })
  })

  it.each(['postgres', 'payments_service', 'service_role', 'project_admin', ''])(
    'when its role is %j',
    async (role) => {
      expect(await refused(bySecret, await token({ ...user, role }))).toMatchObject({
        status: 403,
        code: 'AUTH_UNAUTHORIZED',
        message: 'The role of this token may not start payments; only anon and authenticated may.',
      })
    },
  )

  it('when it has no role, or says authenticated and not who', async () => {
    expect(await refused(bySecret, await token({ sub: 'user-1' }))).toMatchObject({
      status: 401,
      message: 'The token has no role claim; it must be anon or authenticated.',
    })
    expect(await refused(bySecret, await token({ role: 'authenticated' }))).toMatchObject({
      status: 401,
      message: 'The token has the role authenticated but no sub claim.',
    })
    for (const sub of [1.5, 2 ** 53])
      expect(await refused(bySecret, await token({ role: 'authenticated', sub } as never))).toMatchObject({
        status: 401,
        message: 'The sub claim of the token is a number that is no exact whole number.',
        nextActions:
          'Let the issuer write the id of the user as a text: a number in JSON is exact only up to 9007199254740991.',
      })
  })

  it.each(['Bearer', 'Bearer ', 'Basic YTpi', 'Bearer a b', 'Bearer abc', 'Bearer a.b.c', 'token'])(
    'when the header is %j',
    async (authorization) => {
      expect(await refusal(bySecret, { authorization })).toMatchObject({
        status: 401,
        code: 'AUTH_INVALID_CREDENTIALS',
      })
    },
  )
})

describe('where the issuer and the audience are said', () => {
  const ours = { iss: 'https://auth.example/ours', aud: 'shop' }
  const said = {
    PAYMENTS_JWT_ISSUER: 'https://auth.example/ours, https://auth.example/older',
    PAYMENTS_JWT_AUDIENCE: 'shop, shop-admin',
  }
  const byKeySet = (claims: JWTPayload) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setExpirationTime('1m')
      .sign(keys.privateKey)
  const ways = {
    'key set': { env: () => ({ PAYMENTS_JWKS_URL: jwksUrl }), sign: byKeySet },
    secret: { env: () => bySecret, sign: (claims: JWTPayload) => token(claims) },
  }
  const callers = {
    user: { role: 'authenticated', letIn: createAuthenticate },
    admin: { role: 'project_admin', letIn: createAuthenticateAdmin },
  }
  const each = (['key set', 'secret'] as const).flatMap((way) =>
    (['user', 'admin'] as const).map((who) => [who, way] as const),
  )

  describe.each(each)('a token of the %s by %s', (who, way) => {
    const ask = async (claims: JWTPayload, settings: Record<string, string> = said) => {
      const { env, sign } = ways[way]
      const { role, letIn } = callers[who]
      const config = readConfig({ DATABASE_URL: 'postgres://db/app', ...env(), ...settings })
      const headers = new Headers(bearer(await sign({ sub: 'user-1', role, ...claims })))
      return letIn({ config, now: () => now })(headers, 'change').then(
        () => 'let in',
        (error: ApiError) => error,
      )
    }

    it.each([
      ['the issuer and the audience', ours],
      ['another issuer on the list', { ...ours, iss: 'https://auth.example/older' }],
      ['another audience on the list', { ...ours, aud: 'shop-admin' }],
      ['the audience among others', { ...ours, aud: ['somewhere', 'shop'] }],
    ])('with %s is let in', async (_, claims) => {
      expect(await ask(claims)).toBe('let in')
    })

    it.each<[string, JWTPayload]>([
      ['another issuer', { ...ours, iss: 'https://auth.example/stranger' }],
      ['an issuer that begins like it', { ...ours, iss: `${ours.iss}/` }],
      ['no issuer', { aud: ours.aud }],
      ['another audience', { ...ours, aud: 'office' }],
      ['other audiences', { ...ours, aud: ['office', 'shopping'] }],
      ['no audience', { iss: ours.iss }],
    ])('with %s is refused as any that is not valid', async (_, claims) => {
      expect(await ask(claims)).toMatchObject({
        status: 401,
        code: 'AUTH_INVALID_CREDENTIALS',
        message: 'The token is not valid.',
        nextActions: 'Sign in again and send the new access token.',
      })
    })

    // A key set without an issuer may be the one of many projects, whose tokens make nobody an admin here.
    const withoutIssuer =
      who === 'admin' && way === 'key set'
        ? expect.objectContaining({
            status: 403,
            code: 'AUTH_UNAUTHORIZED',
            message:
              'No token makes an admin here, because PAYMENTS_JWKS_URL is set and PAYMENTS_JWT_ISSUER is not.',
            nextActions: 'Set PAYMENTS_JWT_ISSUER to the iss of your tokens, or send the admin key.',
          })
        : 'let in'

    it('needs nothing of the two that is not said, but the issuer for an admin by a key set', async () => {
      const { PAYMENTS_JWT_ISSUER, PAYMENTS_JWT_AUDIENCE } = said
      expect(await ask({ iss: ours.iss }, { PAYMENTS_JWT_ISSUER })).toBe('let in')
      expect(await ask({ aud: ours.aud }, { PAYMENTS_JWT_AUDIENCE })).toEqual(withoutIssuer)
      expect(await ask({}, { PAYMENTS_JWT_ISSUER })).toMatchObject({ status: 401 })
      expect(await ask({}, { PAYMENTS_JWT_AUDIENCE })).toMatchObject({ status: 401 })
      expect(await ask({}, {})).toEqual(withoutIssuer)
    })
  })

  it('a token by the secret makes no admin either while a key set is set without an issuer', async () => {
    const config = readConfig({
      DATABASE_URL: 'postgres://db/app',
      ...bySecret,
      PAYMENTS_JWKS_URL: jwksUrl,
      PAYMENTS_ADMIN_KEY: adminKey,
      PAYMENTS_ADMIN_ROLES: 'boss',
    })
    const ask = createAuthenticateAdmin({ config, now: () => now })
    const headers = new Headers(bearer(await token({ sub: 'user-1', role: 'boss' })))
    await expect(ask(headers)).rejects.toMatchObject({ status: 403, message: /^No token makes an admin/ })
    await expect(ask(new Headers({ 'x-api-key': adminKey }))).resolves.toBe('admin')
  })
})
