import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isConfigError, readConfig } from '../../../functions/core/config.ts'
import { VERSION } from '../../../functions/core/version.ts'

const enough = { DATABASE_URL: 'postgres://payments:secret@db.example:5432/app' }

function sentence(env: Record<string, string | undefined>): string {
  try {
    readConfig(env)
  } catch (error) {
    expect(isConfigError(error)).toBe(true)
    return (error as Error).message
  }
  throw new Error('The configuration was accepted.')
}

describe('the configuration', () => {
  it('needs nothing but the address of a database', () => {
    expect(readConfig(enough)).toMatchObject({
      databaseUrl: enough.DATABASE_URL,
      poolSize: 5,
      port: 8787,
      allowedOrigins: '*',
      jwtSecret: null,
      stripe: { secretKey: { test: null, live: null }, api: null, timeoutMs: 15_000, maxRetries: 2 },
    })
  })

  it('takes a variable that is empty for one that is not set', () => {
    expect(readConfig({ ...enough, PORT: '', PAYMENTS_JWT_SECRET: ' ' })).toMatchObject({
      port: 8787,
      jwtSecret: null,
    })
  })

  it('reads whose tokens count and for whom, which is anybody unless it is said', () => {
    const lists = { PAYMENTS_JWT_ISSUER: ' https://a.example/ ,b', PAYMENTS_JWT_AUDIENCE: 'shop' }
    expect(readConfig({ ...enough, ...lists })).toMatchObject({
      jwtIssuers: ['https://a.example/', 'b'],
      jwtAudiences: ['shop'],
    })
    expect(readConfig(enough)).toMatchObject({ jwtIssuers: null, jwtAudiences: null })
  })

  it('reads the address of the Stripe API', () => {
    const api = (value: string) => readConfig({ ...enough, STRIPE_API_BASE_URL: value }).stripe.api
    expect(api('http://127.0.0.1:12111')).toEqual({ protocol: 'http', host: '127.0.0.1', port: 12111 })
    expect(api('https://stripe.example/')).toEqual({ protocol: 'https', host: 'stripe.example', port: 443 })
  })

  it('takes a key set by plain http from this machine only', () => {
    for (const value of ['http://localhost:9999/jwks', 'http://127.0.0.1/jwks', 'http://[::1]:1/jwks'])
      expect(readConfig({ ...enough, PAYMENTS_JWKS_URL: value }).jwksUrl).toBe(value)
  })

  it('takes a secret of 32 bytes, whatever its characters, and an admin key of 24 characters', () => {
    const keys = { PAYMENTS_JWT_SECRET: 'ü'.repeat(16), PAYMENTS_ADMIN_KEY: 'k'.repeat(24) }
    expect(readConfig({ ...enough, ...keys })).toMatchObject({ jwtSecret: 'ü'.repeat(16) })
  })

  it('accepts a restricted key', () => {
    expect(readConfig({ ...enough, STRIPE_LIVE_SECRET_KEY: 'rk_live_1' }).stripe.secretKey.live).toBe(
      'rk_live_1',
    )
  })

  it.each([
    [
      {},
      'DATABASE_URL must be set to the address of the Postgres database, for example postgres://user:password@host:5432/name.',
    ],
    [
      { DATABASE_URL: 'mysql://db' },
      'DATABASE_URL must be a Postgres address, for example postgres://user:password@host:5432/name.',
    ],
    [{ PAYMENTS_POOL_SIZE: '0' }, 'PAYMENTS_POOL_SIZE must be a whole number from 1 to 100.'],
    [
      { PAYMENTS_BASE_PATH: 'payments/' },
      'PAYMENTS_BASE_PATH must be a path such as /payments, with a slash at its beginning and none at its end.',
    ],
    [
      { DATABASE_URL: 'postgres://user:100%@localhost/app' },
      'DATABASE_URL must be a Postgres address; encode special characters in the password.',
    ],
    [{ PAYMENTS_DATABASE_PREPARE: 'yes' }, 'PAYMENTS_DATABASE_PREPARE must be true or false.'],
    [{ PAYMENTS_WEBHOOK_QUEUE_MB: '0' }, 'PAYMENTS_WEBHOOK_QUEUE_MB must be a whole number from 1 to 10000.'],
    [{ PORT: '80a' }, 'PORT must be a whole number from 0 to 65535.'],
    [
      { PAYMENTS_ENCRYPTION_KEY: 'c2hvcnQ=' },
      'PAYMENTS_ENCRYPTION_KEY must be 32 bytes in base64, as `openssl rand -base64 32` prints them.',
    ],
    [{ PAYMENTS_JWKS_URL: 'keys.json' }, 'PAYMENTS_JWKS_URL must be an absolute http or https address.'],
    ...['', ' ', ',', 'https://a.example,', 'https://a.example https://b.example'].map(
      (value): [Record<string, string>, string] => [
        { PAYMENTS_JWT_ISSUER: value },
        'PAYMENTS_JWT_ISSUER must be left out or be a comma-separated list of issuers without spaces, for example https://auth.example.',
      ],
    ),
    ...['', ' ', ', shop', 'shop and office'].map((value): [Record<string, string>, string] => [
      { PAYMENTS_JWT_AUDIENCE: value },
      'PAYMENTS_JWT_AUDIENCE must be left out or be a comma-separated list of audiences without spaces, for example shop.',
    ]),
    [
      { PAYMENTS_JWT_SECRET: 'a-secret-with-only-31-bytes-123' },
      'PAYMENTS_JWT_SECRET must have at least 32 bytes, as `openssl rand -base64 32` prints them.',
    ],
    [
      { PAYMENTS_ADMIN_KEY: 'twenty-three-characters' },
      'PAYMENTS_ADMIN_KEY must have at least 24 characters, as `openssl rand -hex 24` prints them.',
    ],
    [
      { PAYMENTS_JWKS_URL: 'https://user:password@keys.example/jwks' },
      'PAYMENTS_JWKS_URL must not contain a user or password, because a key set is public.',
    ],
    ...['https://u:p@shop.example', 'https://shop.example/?a=b', 'https://shop.example/#a'].map(
      (value): [Record<string, string>, string] => [
        { PAYMENTS_PUBLIC_URL: value },
        'PAYMENTS_PUBLIC_URL must not contain a user, a password, a query or a fragment.',
      ],
    ),
    ...[
      'http://keys.example/jwks',
      'http://127.0.0.1.evil.example/jwks',
      'http://localhost@evil.example/jwks',
      'http://[::2]/jwks',
    ].map((value): [Record<string, string>, string] => [
      { PAYMENTS_JWKS_URL: value },
      'PAYMENTS_JWKS_URL must be an https address; plain http may be used for this machine only, for example http://localhost:9999/jwks.',
    ]),
    [
      { PAYMENTS_ALLOWED_ORIGINS: 'https://a.example/path' },
      'PAYMENTS_ALLOWED_ORIGINS must be * or a comma-separated list of origins, for example https://shop.example.',
    ],
    [
      { STRIPE_API_BASE_URL: 'https://api.example/v1' },
      'STRIPE_API_BASE_URL must be an http or https address without a path, for example http://127.0.0.1:12111.',
    ],
    [
      { STRIPE_TEST_SECRET_KEY: 'sk_live_abc' },
      'STRIPE_TEST_SECRET_KEY must be a Stripe secret key for test mode, beginning sk_test_ or rk_test_.',
    ],
    [
      { STRIPE_LIVE_SECRET_KEY: 'sk_test_abc' },
      'STRIPE_LIVE_SECRET_KEY must be a Stripe secret key for live mode, beginning sk_live_ or rk_live_.',
    ],
    [
      { STRIPE_TEST_WEBHOOK_SECRET: 'abc' },
      'STRIPE_TEST_WEBHOOK_SECRET must be a Stripe signing secret, beginning whsec_, or a comma-separated list of them.',
    ],
    ...['whsec_a,', 'whsec_a,b', 'whsec_a whsec_b', ',', 'whsec_'].map(
      (value): [Record<string, string>, string] => [
        { STRIPE_LIVE_WEBHOOK_SECRET: value },
        'STRIPE_LIVE_WEBHOOK_SECRET must be a Stripe signing secret, beginning whsec_, or a comma-separated list of them.',
      ],
    ),
  ])('stops the start over %j with a sentence that names the variable', (env, expected) => {
    expect(
      sentence('DATABASE_URL' in env || expected.startsWith('DATABASE_URL') ? env : { ...enough, ...env }),
    ).toBe(expected)
  })

  it('never repeats a value', () => {
    expect(sentence({ ...enough, STRIPE_TEST_SECRET_KEY: 'sk_live_abc' })).not.toContain('abc')
    expect(sentence({ DATABASE_URL: 'postgres://user:pa ss@/\\' })).not.toContain('pa ss')
  })

  it('has the version of package.json', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
    expect(VERSION).toBe(version)
  })
})
