import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { decryptSecret, encryptSecret, importEncryptionKey } from '../../../functions/core/secrets.ts'
import type { StripeEnvironment } from '../../../types/api.ts'
import type { RunningServer } from '../conformance.ts'
import { productEvent, signatureOf } from '../support/events.ts'
import { startNode } from '../support/server.ts'
import { type System, startSystem, WEBHOOK_SECRET } from '../support/system.ts'

const keyText = randomBytes(32).toString('base64')
const test = { environment: 'test', kind: 'webhook_secret' } as const

describe('a secret', () => {
  it('comes back from its ciphertext, which does not show it', async () => {
    const key = await importEncryptionKey(keyText)
    const stored = await encryptSecret(key, test, 'whsec_é💳')
    expect(Buffer.from(stored.ciphertext, 'base64').includes('whsec')).toBe(false)
    expect(await decryptSecret(key, test, stored)).toBe('whsec_é💳')
  })

  it('is encrypted differently each time', async () => {
    const key = await importEncryptionKey(keyText)
    const [one, other] = [
      await encryptSecret(key, test, 'whsec_1'),
      await encryptSecret(key, test, 'whsec_1'),
    ]
    expect(one.ciphertext).not.toBe(other.ciphertext)
  })

  it('names its key by the first 8 hex digits of the SHA-256 of the key', async () => {
    const zero = await importEncryptionKey(Buffer.alloc(32).toString('base64'))
    expect(zero.id).toBe('66687aad')
  })

  it.each([
    { environment: 'live', kind: 'webhook_secret' } as const,
    { environment: 'test', kind: 'secret_key' } as const,
  ])('does not open as %j', async (binding) => {
    const key = await importEncryptionKey(keyText)
    const stored = await encryptSecret(key, test, 'whsec_1')
    await expect(decryptSecret(key, binding, stored)).rejects.toThrow()
  })

  it('does not open with another key, nor when it was changed', async () => {
    const key = await importEncryptionKey(keyText)
    const stored = await encryptSecret(key, test, 'whsec_1')
    const other = await importEncryptionKey(randomBytes(32).toString('base64'))
    await expect(decryptSecret(other, test, stored)).rejects.toThrow(
      `It was encrypted with the key ${key.id}, and the configured one is ${other.id}.`,
    )
    const bytes = Buffer.from(stored.ciphertext, 'base64')
    bytes[20] = (bytes[20] ?? 0) ^ 1
    await expect(
      decryptSecret(key, test, { ...stored, ciphertext: bytes.toString('base64') }),
    ).rejects.toThrow()
  })
})

describe('stored secrets', () => {
  let system: System
  let server: RunningServer
  let clock: number

  const serverWith = (env: Record<string, string>) =>
    startNode({ ...system.env, ...env }, { now: () => clock })

  beforeAll(async () => {
    system = await startSystem({ deliver: false })
  })

  afterAll(() => system.close())

  beforeEach(async () => {
    clock = Date.now()
    await system.database.sql`delete from payments_private.secrets`
  })

  async function store(
    kind: 'secret_key' | 'webhook_secret',
    secret: string,
    { by = keyText, environment = 'test' as StripeEnvironment } = {},
  ) {
    const { keyId, ciphertext } = await encryptSecret(
      await importEncryptionKey(by),
      { environment, kind },
      secret,
    )
    await system.database.sql`
      insert into payments_private.secrets (environment, kind, key_id, ciphertext)
      values (${environment}, ${kind}, ${keyId}, ${ciphertext})`
  }

  async function deliver(
    secret: string,
    age = 0,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const body = JSON.stringify(productEvent('prod_1', 'x'))
    const response = await fetch(`${server.url}/api/webhooks/stripe/test`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'stripe-signature': signatureOf(body, { secret, ageSeconds: age }),
      },
      body,
    })
    return { status: response.status, body: await response.json() }
  }

  async function checkout(): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${server.url}/api/payments/stripe/test/checkout-sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        mode: 'payment',
        lineItems: [{ priceId: system.prices.once }],
        successUrl: 'https://shop.example/done',
        cancelUrl: 'https://shop.example/back',
      }),
    })
    return { status: response.status, body: await response.json() }
  }

  it('come before those of the environment variables', async () => {
    await store('webhook_secret', 'whsec_stored')
    await store('secret_key', system.stripe.secretKey)
    server = await serverWith({
      PAYMENTS_ENCRYPTION_KEY: keyText,
      STRIPE_TEST_SECRET_KEY: 'sk_test_not_this_one',
    })
    expect((await deliver('whsec_stored')).status).toBe(200)
    expect((await deliver(WEBHOOK_SECRET)).status).toBe(400)
    expect((await checkout()).status).toBe(201)
    await server.stop()
  })

  it('for signing may be several, and every one of them counts', async () => {
    await store('webhook_secret', 'whsec_old')
    await store('webhook_secret', 'whsec_new')
    server = await serverWith({ PAYMENTS_ENCRYPTION_KEY: keyText })
    expect((await deliver('whsec_old')).status).toBe(200)
    expect((await deliver('whsec_new')).status).toBe(200)
    await server.stop()
  })

  it('are read again at once when a signature does not match', async () => {
    await store('webhook_secret', 'whsec_old')
    server = await serverWith({ PAYMENTS_ENCRYPTION_KEY: keyText })
    expect((await deliver('whsec_old')).status).toBe(200)
    await store('webhook_secret', 'whsec_new')
    const answers = await Promise.all(Array.from({ length: 8 }, () => deliver('whsec_new')))
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
    await server.stop()
  })

  it('are read once a second for all the signatures that nobody can have made', async () => {
    await store('webhook_secret', 'whsec_old')
    server = await serverWith({ PAYMENTS_ENCRYPTION_KEY: keyText })
    expect((await deliver('whsec_old')).status).toBe(200)
    expect((await deliver('whsec_forged')).status).toBe(400)
    await store('webhook_secret', 'whsec_new')
    clock += 999
    for (let index = 0; index < 5; index += 1) expect((await deliver('whsec_new')).status).toBe(400)
    clock += 1
    expect((await deliver('whsec_new')).status).toBe(200)
    await server.stop()
  })

  it('that were removed count no longer after a minute', async () => {
    await store('webhook_secret', 'whsec_old')
    await store('webhook_secret', 'whsec_new')
    server = await serverWith({ PAYMENTS_ENCRYPTION_KEY: keyText })
    expect((await deliver('whsec_old')).status).toBe(200)
    const old = await system.database.sql`
      delete from payments_private.secrets
      where created_at = (select min(created_at) from payments_private.secrets) returning id`
    expect(old).toHaveLength(1)
    clock += 60_000
    expect((await deliver('whsec_old')).status).toBe(400)
    expect((await deliver('whsec_new')).status).toBe(200)
    await server.stop()
  })

  it('open nothing without the encryption key, and the variable is named', async () => {
    await store('webhook_secret', 'whsec_stored')
    server = await serverWith({})
    for (const answer of [await deliver(WEBHOOK_SECRET), await checkout()]) {
      expect(answer).toEqual({
        status: 503,
        body: {
          error: 'PAYMENT_SECRETS_UNREADABLE',
          message: 'Stripe keys are stored in the database, but there is no key to open them.',
          statusCode: 503,
          nextActions: 'Set PAYMENTS_ENCRYPTION_KEY to the key that they were stored with.',
        },
      })
    }
    await server.stop()
  })

  it('of another encryption key do not open, and nothing else is used in their place', async () => {
    await store('webhook_secret', 'whsec_stored', { by: randomBytes(32).toString('base64') })
    server = await serverWith({ PAYMENTS_ENCRYPTION_KEY: keyText })
    expect(await deliver(WEBHOOK_SECRET)).toMatchObject({
      status: 503,
      body: {
        error: 'PAYMENT_SECRETS_UNREADABLE',
        message: 'The signing secrets stored in the database cannot be opened.',
      },
    })
    expect(server.log()).toContain('secret_not_opened')
    await server.stop()
  })
})
