/** The admin API needs no more rights in the database than the three roles, and app users gain none by it. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { rotateEncryptionKey } from '../../../functions/connection/keys.ts'
import { createDatabase } from '../../../functions/core/database.ts'
import { anonymous, asCaller, user } from '../../setup/database.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts'
import type { Body } from './support.ts'

const login = `payments_test_admin_${randomBytes(4).toString('hex')}`
const encryptionKey = randomBytes(32).toString('base64')

let system: System
let url: string

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  await system.database.sql.unsafe(`create role ${login} login password '${login}'`)
  await system.database.sql.unsafe(`grant anon, authenticated, payments_service to ${login}`)
  const address = new URL(system.database.url)
  address.username = login
  address.password = login
  url = address.href
})

afterAll(async () => {
  await system.database.sql.unsafe(`drop role ${login}`)
  await system.close()
})

it('every route works for a login with the three roles', async () => {
  const server = await startNode({
    ...system.env,
    DATABASE_URL: url,
    PAYMENTS_ENCRYPTION_KEY: encryptionKey,
    PAYMENTS_PUBLIC_URL: 'https://payments.example',
  })
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${server.url}/api/payments/stripe${path}`, {
      method,
      headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    const answer = (await response.json()) as Body
    expect([200, 201], `${method} ${path} ${JSON.stringify(answer)}`).toContain(response.status)
    return answer
  }
  await ask('PUT', '/test/config', { secretKey: system.stripe.secretKey })
  const { product } = await ask('POST', '/test/catalog/products', { name: 'Mug' })
  await ask('GET', `/test/catalog/products/${product.productId}`)
  for (const path of ['/status', '/config', '/test/health', '/test/catalog', '/test/subscriptions'])
    await ask('GET', path)
  for (const path of ['/test/transactions', '/test/customers', '/test/webhook-events']) await ask('GET', path)
  await ask('POST', '/test/webhook')
  await ask('POST', '/test/webhook-events/retry')
  await ask('DELETE', `/test/catalog/products/${product.productId}`)

  const database = createDatabase({ url, poolSize: 1 })
  expect(await rotateEncryptionKey(database, encryptionKey, randomBytes(32).toString('base64'))).toBe(2)
  await database.end()
  await ask('DELETE', '/test/config')
  await server.stop()
})

it('a login without them is said to lack them, and not to be a caller whom a policy refuses', async () => {
  const bare = `${login}_bare`
  await system.database.sql.unsafe(`create role ${bare} login password '${bare}'`)
  const address = new URL(url)
  address.username = bare
  address.password = bare
  const server = await startNode({ ...system.env, DATABASE_URL: address.href })
  for (const path of ['/status', '/test/customers', '/test/sync-runs']) {
    const response = await fetch(`${server.url}/api/payments/stripe${path}`, {
      headers: { 'x-api-key': ADMIN_KEY },
    })
    expect(await response.json(), path).toEqual({
      error: 'INTERNAL_ERROR',
      message: 'The login in DATABASE_URL may not use the payments schema.',
      statusCode: 500,
      nextActions:
        'Run in psql, with the name of that login: grant anon, authenticated, payments_service to <login>;',
    })
  }
  await server.stop()
  await system.database.sql.unsafe(`drop role ${bare}`)
})

it.each([
  ['an app user', user('ada')],
  ['nobody in particular', anonymous],
])('%s may call none of it in the database', async (_, claims) => {
  for (const call of [
    `payments.connect_account('test', '{"id": "acct_1"}', 'k', 'c', 'm')`,
    `payments.disconnect_account('test')`,
    `payments.begin_webhook_endpoint('test', 'https://x', 'v', '[]')`,
    `payments.complete_webhook_endpoint('test', '{"id": "we_1"}')`,
    `payments.webhook_endpoint_drift('test', 'https://x', 'v', '[]')`,
    `payments.environment_health('test', '{}')`,
    `payments_private.all_secrets()`,
    `payments_private.replace_secrets('[]')`,
  ]) {
    await expect(
      asCaller(system.database.sql, claims, (sql) => sql.unsafe(`select ${call}`)),
      call,
    ).rejects.toThrow(/permission denied/)
  }
})

it('the service itself may not write secrets but through its functions', async () => {
  for (const statement of [
    `insert into payments_private.secrets (environment, kind, key_id, ciphertext) values ('test', 'secret_key', 'k', 'c')`,
    `update payments_private.secrets set key_id = 'x'`,
    `delete from payments_private.secrets`,
    `update payments.provider_connections set provider_account_id = 'acct_x'`,
  ]) {
    await expect(
      asCaller(system.database.sql, { role: 'payments_service' }, (sql) => sql.unsafe(statement)),
      statement,
    ).rejects.toThrow(/permission denied/)
  }
})
