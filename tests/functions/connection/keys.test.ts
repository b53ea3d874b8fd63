/** Storing, replacing and removing the key of an environment. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { closeDeps } from '../../../functions/app.ts'
import { rotateEncryptionKey } from '../../../functions/connection/keys.ts'
import { createDatabase } from '../../../functions/core/database.ts'
import { runScheduled } from '../../../functions/sync/schedule.ts'
import { BRIEF_PAGES_MAX } from '../../../functions/sync/sync.ts'
import { call } from '../../../scripts/local-stripe/index.ts'
import {
  type AdminSystem,
  type Body,
  connect,
  ENCRYPTION_KEY,
  OTHER_ACCOUNT,
  OTHER_ACCOUNT_KEY,
  startAdminSystem,
} from '../admin/support.ts'
import { startNode } from '../support/server.ts'
import { ADMIN_KEY } from '../support/system.ts'
import { createTestDeps } from '../sync/support/system.ts'

const CONFIG = '/api/payments/stripe/test/config'
const RESTRICTED = 'rk_test_restricted00000000000000000001'
const LACKING = 'rk_test_restricted00000000000000000002'
const NO_ACCOUNT = 'rk_test_restricted00000000000000000003'
const NO_WEBHOOKS = 'rk_test_restricted00000000000000000004'

let system: AdminSystem

beforeAll(async () => {
  system = await startAdminSystem({
    keys: [
      { key: RESTRICTED },
      { key: LACKING, missing: ['rak_plan_write', 'rak_customer_portal_write', 'rak_event_read'] },
      { key: NO_ACCOUNT, missing: ['rak_accounts_kyc_basic_read'] },
      { key: NO_WEBHOOKS, missing: ['rak_webhook_read', 'rak_webhook_write'] },
    ],
  })
})

afterAll(async () => {
  for (const secret of [system.stripe.secretKey, OTHER_ACCOUNT_KEY, RESTRICTED, LACKING]) {
    expect(system.answered()).not.toContain(secret)
    expect(system.server.log()).not.toContain(secret)
  }
  await system.close()
})

/** Nothing stored, nothing connected, nothing known. */
beforeEach(async () => {
  await system.database
    .sql`truncate payments_private.secrets, payments.provider_connections, payments.customers`
})

const stored = () => system.database.sql`
  select environment, kind, masked from payments_private.secrets order by environment, kind`

const put = (secretKey: string, more: object = {}) => system.admin('PUT', CONFIG, { secretKey, ...more })

/** What is said where Stripe cannot reach the handlers, as here. */
const NO_ENDPOINT =
  'No webhook endpoint is set up, because PAYMENTS_PUBLIC_URL is not set. Set PAYMENTS_PUBLIC_URL for the handlers and run `pg-payments stripe webhooks configure --environment test`; or make an endpoint in the Stripe Dashboard that delivers to /api/webhooks/stripe/test of this deployment, and set STRIPE_TEST_WEBHOOK_SECRET to its signing secret. Then run `pg-payments recover --environment test` for events that were lost.'

describe('a key', () => {
  it('is tried at Stripe, stored encrypted, and shown by its beginning and end only', async () => {
    const answer = await connect(system)
    expect(answer.body).toMatchObject({
      keys: [
        { environment: 'test', hasKey: true, maskedKey: 'sk_test_****0000', value: 'sk_test_****0000' },
        { environment: 'live', hasKey: false, maskedKey: null, value: null },
      ],
      connection: {
        environment: 'test',
        status: 'connected',
        accountId: 'acct_1LocalStripe00000',
        accountEmail: 'owner@local-stripe.test',
        accountLivemode: false,
        maskedKey: 'sk_test_****0000',
      },
      deleted: null,
      sync: { status: 'succeeded', progress: { products: { seen: 1 }, prices: { seen: 2 } } },
      warnings: [NO_ENDPOINT],
    })
    expect((await system.admin('GET', '/api/payments/stripe/config')).body.keys).toEqual(answer.body.keys)
    const [row] = await system.database.sql`select * from payments_private.secrets`
    expect(row).toMatchObject({ kind: 'secret_key', masked: 'sk_test_****0000' })
    expect(Buffer.from(row?.ciphertext, 'base64').toString('latin1')).not.toContain('localStripe')
    expect(row?.key_id).toMatch(/^[0-9a-f]{8}$/)
  })

  it('takes the place of the one before at once', async () => {
    await connect(system)
    await connect(system, RESTRICTED)
    expect(await stored()).toMatchObject([{ kind: 'secret_key', masked: 'rk_test_****0001' }])
    system.asked.forget()
    const product = { name: 'Mug' }
    expect((await system.admin('POST', '/api/payments/stripe/test/catalog/products', product)).status).toBe(
      201,
    )
    const [request] = system.asked.seen()
    expect(request?.headers.authorization).toBe(`Bearer ${RESTRICTED}`)
  })

  it.each([
    ['pk_test_1', 'This is a publishable key; the secret key is needed.'],
    ['sk_org_live_1', 'This is the key of an organization; the key of one account is needed.'],
    ['sk_live_1', 'This is a key for live mode, and the environment is test.'],
    ['rk_live_1', 'This is a key for live mode, and the environment is test.'],
    ['whsec_1', 'This is no Stripe key: one begins sk_test_ or rk_test_.'],
    ['sk_test_é', 'This is no Stripe key: one begins sk_test_ or rk_test_.'],
  ])('that looks like %s is refused without asking Stripe', async (key, message) => {
    system.asked.forget()
    expect(await put(key)).toMatchObject({
      status: 400,
      body: { error: 'PAYMENT_CONFIG_INVALID', message },
    })
    expect(system.asked.seen()).toEqual([])
    expect(await stored()).toEqual([])
  })

  it('that Stripe does not know, or no longer, is refused, and nothing is written', async () => {
    await connect(system)
    expect(await put('sk_test_revoked')).toMatchObject({
      status: 400,
      body: {
        error: 'PAYMENT_CONFIG_INVALID',
        message: 'Stripe does not accept this key: it is wrong, expired or revoked.',
        nextActions: 'Copy it again from the Stripe Dashboard, or make a new one there.',
      },
    })
    expect(await stored()).toMatchObject([{ masked: 'sk_test_****0000' }])
  })

  it('that is restricted is tried for each permission, and the missing ones are named', async () => {
    expect(await put(LACKING)).toMatchObject({
      status: 400,
      body: {
        error: 'PAYMENT_CONFIG_INVALID',
        message:
          'The restricted key lacks 3 permissions: Prices (write), rak_plan_write; Customer portal (write), rak_customer_portal_write; Events (read), rak_event_read.',
        nextActions: 'Give the key these permissions in the Stripe Dashboard and store it again.',
      },
    })
    expect((await put(NO_ACCOUNT)).body.message).toBe(
      'The restricted key lacks a permission: Account (read, rak_accounts_kyc_basic_read).',
    )
    expect(await stored()).toEqual([])
  })

  it('that is restricted and has them all is stored, and the trial changes nothing at Stripe', async () => {
    const before = system.stripe.control.events().length
    expect((await put(RESTRICTED)).status).toBe(200)
    expect(system.stripe.control.events()).toHaveLength(before)
  })

  it('that is restricted needs nothing about webhook endpoints where none is managed', async () => {
    expect((await put(NO_WEBHOOKS)).status).toBe(200)
    const { body } = await system.admin('GET', '/api/payments/stripe/test/health')
    expect(body.key).toMatchObject({ hasKey: true, accepted: true })
    expect(body.reasons.map(({ code }: Body) => code)).toEqual(['no_signing_secret'])
    await system.database.sql`
      update payments.provider_connections
      set webhook_endpoint_id = 'we_1', webhook_endpoint_url = 'https://shop.example', webhook_configured_at = now()`
    const managed = await system.admin('GET', '/api/payments/stripe/test/health')
    expect(managed.body.reasons[0]).toMatchObject({
      code: 'key_refused',
      message: 'The Stripe key for test lacks the permission rak_webhook_read.',
    })
  })

  it('is not stored while Stripe cannot be asked', async () => {
    system.stripe.control.fail({ fault: { status: 500 }, path: '/v1/account', times: 5 })
    expect(await put(system.stripe.secretKey)).toMatchObject({
      status: 502,
      body: { error: 'UPSTREAM_FAILURE' },
    })
    system.stripe.control.clearFailures()
    expect(await stored()).toEqual([])
  })

  it('cannot be stored without an encryption key', async () => {
    const { PAYMENTS_ENCRYPTION_KEY: _, ...env } = system.env
    const server = await startNode(env as Record<string, string>)
    const response = await fetch(`${server.url}${CONFIG}`, {
      method: 'PUT',
      headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ secretKey: system.stripe.secretKey }),
    })
    expect(await response.json()).toEqual({
      error: 'PAYMENT_CONFIG_INVALID',
      message: 'Secrets cannot be stored without an encryption key.',
      statusCode: 400,
      nextActions: 'Set PAYMENTS_ENCRYPTION_KEY to the output of `openssl rand -base64 32`.',
    })
    await server.stop()
  })

  it.each([
    [{}, 'secretKey is required.'],
    [{ secretKey: '' }, 'secretKey must not be empty.'],
    [{ secretKey: 7 }, 'secretKey must be text.'],
    [{ secretKey: 'sk_test_1', replaceAccount: 'yes' }, 'replaceAccount must be true or false.'],
    [{ secretKey: 'sk_test_1', more: 1 }, 'more is not a known field.'],
    ['[]', 'The body must be an object.'],
  ])('in the body %j is refused', async (body, message) => {
    expect(await system.admin('PUT', CONFIG, body)).toMatchObject({
      status: 400,
      body: { error: 'INVALID_INPUT', message },
    })
  })
})

describe('the key of another account', () => {
  const customer = () => system.database.sql`
    insert into payments.customers (environment, provider_customer_id)
    values ('test', 'cus_1'), ('test', 'cus_2'), ('live', 'cus_1')`

  it('is refused, and it is said what would be deleted', async () => {
    await connect(system)
    await customer()
    expect(await put(OTHER_ACCOUNT_KEY)).toMatchObject({
      status: 409,
      body: {
        error: 'PAYMENT_ACCOUNT_CHANGED',
        message: `The key is of the Stripe account ${OTHER_ACCOUNT}, and environment test is connected to acct_1LocalStripe00000.`,
        nextActions: expect.stringMatching(
          /^Use a key of acct_1LocalStripe00000, or send "replaceAccount": true, which deletes what is kept of it: 2 customers\b.*\.$/,
        ),
      },
    })
    expect(await stored()).toMatchObject([{ masked: 'sk_test_****0000' }])
    expect(await system.database.sql`select from payments.customers`).toHaveLength(3)
  })

  it('is taken when replaceAccount says so, and what was kept of the account before is deleted', async () => {
    await connect(system)
    await customer()
    const answer = await put(OTHER_ACCOUNT_KEY, { replaceAccount: true })
    expect(answer.status).toBe(200)
    expect(answer.body.deleted).toMatchObject({ customers: 2 })
    expect(answer.body.connection).toMatchObject({ accountId: OTHER_ACCOUNT, webhookEndpointId: null })
    const left = await system.database.sql`select environment from payments.customers`
    expect(left).toEqual([{ environment: 'live' }])
  })

  it('is not taken halfway: where the app still refers to a row, everything stays', async () => {
    await connect(system)
    await customer()
    await system.database.sql`
      create table public.notes (customer uuid references payments.customers (id))`
    await system.database.sql`
      insert into public.notes select id from payments.customers where environment = 'test' limit 1`
    expect(await put(OTHER_ACCOUNT_KEY, { replaceAccount: true })).toMatchObject({
      status: 409,
      body: {
        error: 'DATABASE_CONSTRAINT_VIOLATION',
        message: 'Other rows of the database still refer to this.',
      },
    })
    expect(await system.database.sql`select from payments.customers`).toHaveLength(3)
    expect(await stored()).toMatchObject([{ masked: 'sk_test_****0000' }])
    await system.database.sql`drop table public.notes`
  })

  it('is refused where nobody knows the account of the rows and it sees none of them', async () => {
    await system.database.sql`
      insert into payments.customers (environment, provider_customer_id) values ('test', 'cus_of_nobody')`
    expect(await put(OTHER_ACCOUNT_KEY)).toMatchObject({
      status: 409,
      body: {
        error: 'PAYMENT_ACCOUNT_CHANGED',
        message: expect.stringMatching(
          /^The Stripe key for test sees none of the objects that were looked for, such as \w+: it is of another account than the rows here\.$/,
        ),
      },
    })
    expect(await stored()).toEqual([])
    expect(await system.database.sql`select from payments.provider_connections`).toEqual([])
  })

  it('takes the place of rows whose account nobody knows when replaceAccount says so, and they are deleted', async () => {
    await customer()
    const answer = await put(OTHER_ACCOUNT_KEY, { replaceAccount: true })
    expect(answer.status).toBe(200)
    expect(answer.body.deleted).toMatchObject({ customers: 2 })
    expect(answer.body.connection).toMatchObject({ accountId: OTHER_ACCOUNT })
    const left = await system.database.sql`select environment from payments.customers`
    expect(left).toEqual([{ environment: 'live' }])
  })

  it('deletes nothing with replaceAccount where it sees one of the rows, because it is of their account', async () => {
    const { id } = await system.api.customers.create({ email: 'ada@example.com' })
    await system.database.sql`
      insert into payments.customers (environment, provider_customer_id) values ('test', ${id}), ('test', 'cus_gone')`
    const { status, body } = await put(system.stripe.secretKey, { replaceAccount: true })
    const left = await system.database.sql`select from payments.customers where provider_customer_id = ${id}`
    await system.api.customers.del(id)
    expect(status).toBe(200)
    expect(body).toMatchObject({ deleted: null, connection: { accountId: 'acct_1LocalStripe00000' } })
    expect(left).toHaveLength(1)
  })

  it('is learnt where nobody knows the account of the rows and it sees one of them', async () => {
    const { id } = await system.api.customers.create({ email: 'ada@example.com' })
    await system.database.sql`
      insert into payments.customers (environment, provider_customer_id) values ('test', ${id})`
    expect((await put(OTHER_ACCOUNT_KEY)).status).toBe(409)
    const { status, body } = await put(system.stripe.secretKey)
    await system.api.customers.del(id)
    expect(status).toBe(200)
    expect(body.connection).toMatchObject({ accountId: 'acct_1LocalStripe00000' })
  })

  it('is still another one after the key before was removed', async () => {
    await connect(system)
    await system.admin('DELETE', CONFIG)
    expect((await put(OTHER_ACCOUNT_KEY)).status).toBe(409)
  })
})

describe('the sync that follows', () => {
  const sync = async () => (await system.admin('POST', '/api/payments/stripe/test/sync')).body.results[0]
  const runs = () => system.database.sql`
    select id, status, lease, attempt from payments.sync_runs order by started_at desc`

  beforeEach(() => system.database.sql`truncate payments.sync_runs`)

  it('brings the rows in line before the answer comes', async () => {
    await system.database.sql`truncate payments.stripe_products, payments.stripe_prices`
    const { body } = await connect(system)
    expect(body.connection).toMatchObject({
      lastSyncStatus: 'succeeded',
      lastSyncCounts: { products: expect.any(Number), prices: 2, customers: 0, subscriptions: 0 },
    })
    expect(await system.database.sql`select from payments.stripe_prices`).toHaveLength(2)
  })

  it('stops after its pages, and the next sync goes on where it was', async () => {
    const { engine } = system.stripe
    const most = BRIEF_PAGES_MAX * 100
    const made = Array.from({ length: most + 1 }, (_, index) => {
      const { id } = call(engine, 'POST', '/v1/customers', { email: `c${index}@example.com` }) as Body
      return id as string
    })
    const { body } = await connect(system)
    // One page each was for products and prices.
    expect(body.sync).toMatchObject({
      status: 'interrupted',
      attempt: 1,
      progress: { customers: { state: 'listing', seen: most - 200 }, subscriptions: { state: 'waiting' } },
    })
    expect(body).toMatchObject({
      warnings: [NO_ENDPOINT],
      connection: { status: 'connected', lastSyncStatus: null },
    })
    expect(await runs()).toMatchObject([{ id: body.sync.id, status: 'interrupted', lease: null }])

    const next = await sync()
    expect(next.run).toMatchObject({
      id: body.sync.id,
      status: 'succeeded',
      attempt: 2,
      progress: { customers: { seen: most + 1, deleted: 0 } },
    })
    const [row] = await system.database.sql`select count(*)::integer as count from payments.customers`
    expect(row?.count).toBe(most + 1)
    for (const id of made) call(engine, 'DELETE', `/v1/customers/${id}`)
  })

  it('is gone on with by the schedule as well', async () => {
    const { engine } = system.stripe
    const made = Array.from({ length: BRIEF_PAGES_MAX * 100 }, () => {
      const { id } = call(engine, 'POST', '/v1/customers', {}) as Body
      return id as string
    })
    const { body } = await connect(system)
    expect(body.sync.status).toBe('interrupted')
    const { deps } = createTestDeps({ ...system.env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY })
    const { syncs } = await runScheduled(deps)
    await closeDeps(deps)
    expect(syncs).toMatchObject([{ id: body.sync.id, status: 'succeeded', attempt: 2 }])
    for (const id of made) call(engine, 'DELETE', `/v1/customers/${id}`)
  })

  it('that fails leaves the key stored, and the connection and a warning say why', async () => {
    system.stripe.control.fail({ fault: { status: 400 }, path: '/v1/customers', times: 1 })
    const { body } = await connect(system)
    expect(body).toMatchObject({
      sync: null,
      connection: {
        status: 'connected',
        lastSyncStatus: 'failed',
        lastSyncError: 'The request was refused.',
      },
      warnings: [NO_ENDPOINT, 'The rows are not in sync with Stripe yet: The request was refused.'],
    })
    expect(await stored()).toHaveLength(1)
    expect((await sync()).run).toMatchObject({ status: 'succeeded', attempt: 2 })
  })

  it('leaves one that is running alone', async () => {
    await connect(system)
    const [begun] = await system.database
      .sql`select payments.begin_sync('test', account_id => 'acct_1LocalStripe00000') -> 'run' ->> 'id' as id`
    const { body } = await connect(system)
    expect(body.sync).toBeNull()
    expect(body.warnings).toEqual([
      NO_ENDPOINT,
      expect.stringMatching(
        /^The rows are not in sync with Stripe yet: A sync of test has been running since .+\.$/,
      ),
    ])
    expect((await runs())[0]).toMatchObject({ id: begun?.id, status: 'running' })
  })
})

describe('removing the key', () => {
  it('forgets it, and says what remains', async () => {
    await connect(system)
    await system.database.sql`
      insert into payments.customers (environment, provider_customer_id) values ('test', 'cus_1')`
    const answer = await system.admin('DELETE', CONFIG)
    expect(answer.status).toBe(200)
    expect(answer.body.keys[0]).toMatchObject({ environment: 'test', hasKey: false, maskedKey: null })
    expect(answer.body.remained).toEqual([
      expect.stringMatching(/^The projected rows stay in the database: .*\b1 customers\b.*\.$/),
    ])
    expect(await stored()).toEqual([])
    expect((await system.admin('GET', '/api/payments/stripe/status')).body.connections[0]).toMatchObject({
      environment: 'test',
      status: 'unconfigured',
      maskedKey: null,
    })
  })

  it('that is not stored is 404', async () => {
    expect(await system.admin('DELETE', CONFIG)).toMatchObject({
      status: 404,
      body: {
        error: 'PAYMENT_CONFIG_NOT_FOUND',
        message: 'No Stripe key is stored for environment test.',
        nextActions: 'A key that comes from an environment variable is removed there.',
      },
    })
  })
})

it('a key from an environment variable is shown, and comes after a stored one', async () => {
  const server = await startNode({ ...system.env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY })
  const keys = async () =>
    (
      (await (
        await fetch(`${server.url}/api/payments/stripe/config`, { headers: { 'x-api-key': ADMIN_KEY } })
      ).json()) as { keys: object[] }
    ).keys[0]
  expect(await keys()).toMatchObject({ hasKey: true, maskedKey: 'sk_test_****0000' })
  await connect(system, RESTRICTED)
  expect(await keys()).toMatchObject({ hasKey: true, maskedKey: 'rk_test_****0001' })
  await server.stop()
})

describe('the encryption key', () => {
  const newKey = randomBytes(32).toString('base64')
  const database = () => createDatabase({ url: system.database.url, poolSize: 1 })

  it('is changed for everything that is stored at once', async () => {
    await connect(system)
    const before = await system.database.sql`select ciphertext, key_id from payments_private.secrets`
    const db = database()
    expect(await rotateEncryptionKey(db, ENCRYPTION_KEY, newKey)).toBe(1)
    expect(await rotateEncryptionKey(db, ENCRYPTION_KEY, newKey)).toBe(1) // twice does no harm
    await db.end()
    const after = await system.database.sql`select ciphertext, key_id from payments_private.secrets`
    expect(after[0]?.key_id).not.toBe(before[0]?.key_id)

    const server = await startNode({ ...system.env, PAYMENTS_ENCRYPTION_KEY: newKey })
    const response = await fetch(`${server.url}/api/payments/stripe/test/health`, {
      headers: { 'x-api-key': ADMIN_KEY },
    })
    expect(await response.json()).toMatchObject({ key: { hasKey: true, accepted: true } })
    await server.stop()
  })

  it('is changed while the handlers run: they have the new one and the previous one until it is done', async () => {
    await connect(system)
    const server = await startNode({
      ...system.env,
      STRIPE_TEST_SECRET_KEY: 'sk_test_not_this_one',
      PAYMENTS_ENCRYPTION_KEY: newKey,
      PAYMENTS_PREVIOUS_ENCRYPTION_KEY: ENCRYPTION_KEY,
    })
    const accepted = async () =>
      (
        (await (
          await fetch(`${server.url}/api/payments/stripe/test/health`, {
            headers: { 'x-api-key': ADMIN_KEY },
          })
        ).json()) as Body
      ).key.accepted
    expect(await accepted()).toBe(true)
    const db = database()
    await rotateEncryptionKey(db, ENCRYPTION_KEY, newKey)
    await db.end()
    expect(await accepted()).toBe(true)
    await server.stop()
  })

  it('that does not open what is stored changes nothing', async () => {
    await connect(system)
    const before = await system.database.sql`select * from payments_private.secrets`
    const db = database()
    await expect(rotateEncryptionKey(db, newKey, ENCRYPTION_KEY)).resolves.toBe(1) // they have that one already
    await expect(rotateEncryptionKey(db, newKey, randomBytes(32).toString('base64'))).rejects.toMatchObject({
      status: 400,
      message: 'The old encryption key does not open the stored secret_key for test, so nothing was changed.',
    })
    await db.end()
    expect(await system.database.sql`select * from payments_private.secrets`).toEqual(before)
  })

  it('that cannot open what is stored is a finding of its own, and the key can be stored again', async () => {
    await connect(system)
    const server = await startNode({ ...system.env, PAYMENTS_ENCRYPTION_KEY: newKey })
    const ask = async (method: string, path: string, body?: object) => {
      const response = await fetch(`${server.url}/api/payments/stripe${path}`, {
        method,
        headers: { 'x-api-key': ADMIN_KEY, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      })
      // biome-ignore lint/suspicious/noExplicitAny: bodies are compared here
      return { status: response.status, body: (await response.json()) as any }
    }
    expect(await ask('GET', '/test/health')).toMatchObject({
      status: 200,
      body: {
        status: 'failing',
        reasons: expect.arrayContaining([
          {
            code: 'secrets_unreadable',
            severity: 'failing',
            message: 'The Stripe keys stored in the database cannot be opened.',
            nextAction:
              'Set PAYMENTS_ENCRYPTION_KEY to the key that the secrets were stored with, or store them again. Then recover the events that were lost.',
            command:
              'pg-payments stripe config set --environment test && pg-payments recover --environment test',
          },
        ]),
      },
    })
    expect(await ask('POST', '/test/catalog/products', { name: 'Mug' })).toMatchObject({
      status: 503,
      body: {
        error: 'PAYMENT_SECRETS_UNREADABLE',
        message: 'The Stripe keys stored in the database cannot be opened.',
        nextActions: expect.stringContaining('`pg-payments stripe config set`'),
      },
    })
    expect((await ask('PUT', '/test/config', { secretKey: system.stripe.secretKey })).status).toBe(200)
    expect((await ask('POST', '/test/catalog/products', { name: 'Mug' })).status).toBe(201)
    await server.stop()
  })
})
