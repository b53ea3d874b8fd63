/** Commands as programs and people see them: in this process, over a database, against local Stripe. */
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '../../functions/app.ts'
import { VARIABLES } from '../../functions/core/config.ts'
import { startServer } from '../../functions/node.ts'
import { BRIEF_PAGES_MAX } from '../../functions/sync/sync.ts'
import type { Finding } from '../../scripts/cli/commands/doctor/report.ts'
import { connectionString } from '../../scripts/cli/commands/migrate.ts'
import { table } from '../../scripts/cli/support/output.ts'
import { call } from '../../scripts/local-stripe/index.ts'
import { productEvent } from '../functions/support/events.ts'
import { deliver, type SyncSystem, startSyncSystem } from '../functions/sync/support/system.ts'
import { createTestDatabase } from '../setup/database.ts'
import { runCli } from './support.ts'

const ENCRYPTION_KEY = Buffer.alloc(32, 1).toString('base64')

let system: SyncSystem
let env: Record<string, string>

beforeAll(async () => {
  system = await startSyncSystem()
  env = system.env
  await system.api.customers.create({ email: 'ada@example.com', name: 'Ada \u001b[31mRed' })
})
afterAll(() => system.close())

const cli = (...args: string[]) => runCli(args, { env })
const inTest = ['--environment', 'test']

describe('one code path', () => {
  test('a deployed API and a database alone return the same', async () => {
    await cli('stripe', 'sync', ...inTest)
    const server = await startServer({ env, port: 0, host: '127.0.0.1', log: createLog(() => {}) })
    try {
      const deployed = { PAYMENTS_API_URL: server.url, PAYMENTS_ADMIN_KEY: env.PAYMENTS_ADMIN_KEY }
      for (const args of [
        ['stripe', 'status'],
        ['stripe', 'catalog', ...inTest],
        ['stripe', 'products', 'list', ...inTest],
        ['stripe', 'prices', 'list', ...inTest],
        ['stripe', 'customers', ...inTest],
        ['stripe', 'subscriptions', ...inTest],
        ['stripe', 'transactions', ...inTest],
        ['stripe', 'webhooks', 'status', ...inTest],
        ['events', 'list', ...inTest],
      ]) {
        const overHttp = await runCli([...args, '--json'], { env: deployed })
        const inProcess = await cli(...args, '--json')
        expect(overHttp, args.join(' ')).toMatchObject({ code: 0, err: '' })
        expect(overHttp.json(), args.join(' ')).toEqual(inProcess.json())
      }
      const synced = await runCli(['stripe', 'sync', ...inTest, '--json'], { env: deployed })
      expect(synced.json()).toMatchObject({ results: [{ run: { status: 'succeeded' } }] })
      const wrong = await runCli(['stripe', 'status'], {
        env: { ...deployed, PAYMENTS_ADMIN_KEY: 'not_the_admin_key_at_all' },
      })
      expect(wrong).toMatchObject({ code: 2, out: '' })
    } finally {
      await server.close()
    }
  })

  test('--api-url and --database-url win over the environment, and exclude each other', async () => {
    const both = await runCli([
      'stripe',
      'status',
      '--api-url',
      'http://127.0.0.1:1',
      '--database-url',
      env.DATABASE_URL ?? '',
    ])
    expect(both).toMatchObject({
      code: 1,
      err: 'Both --api-url and --database-url were given.\nGive one of them.\n',
    })
    const other = await runCli(['stripe', 'status', '--database-url', env.DATABASE_URL ?? '', '--json'], {
      env: { PAYMENTS_API_URL: 'http://127.0.0.1:1' },
    })
    expect(other.code).toBe(0)
  })

  test('an admin key is never sent unencrypted', async () => {
    const { code, err } = await runCli([
      'stripe',
      'status',
      '--api-url',
      'http://payments.example.com',
      '--api-key',
      'k',
    ])
    expect(code).toBe(1)
    expect(err).toContain('is not encrypted')
  })

  test('an admin key that no request can carry is the error, and not the address', async () => {
    const { code, err } = await runCli(['stripe', 'status', '--api-url', 'http://localhost:1'], {
      env: { PAYMENTS_ADMIN_KEY: 'kéy…' },
    })
    expect({ code, err }).toEqual({
      code: 2,
      err: 'The admin key has a character that no request can carry.\nCopy PAYMENTS_ADMIN_KEY again from where the handlers have it.\n',
    })
  })
})

describe('exit codes', () => {
  test('1 for a command that is wrong, and nothing but the sentence', async () => {
    expect(await cli('stripe', 'customers')).toMatchObject({
      code: 1,
      out: '',
      err: "error: required option '--environment <environment>' not specified\nRun with --help to see commands and options.\n",
    })
    expect((await cli('stripe', 'customers', '--environment', 'prod')).code).toBe(1)
    expect((await cli('stripe', 'customers', ...inTest, '--limit', '1000')).err).toContain(
      'It must be a whole number from 1 to 100.',
    )
  })

  test('2 when the API does not accept the key', async () => {
    const { code, err } = await runCli(['stripe', 'status', '--api-url', 'http://127.0.0.1:1'])
    expect({ code, err }).toEqual({
      code: 2,
      err: 'The API wants an admin key, and there is none.\nSet PAYMENTS_ADMIN_KEY, or pass --api-key.\n',
    })
  })

  test('3 when nothing is named, or the environment has no key', async () => {
    expect(await runCli(['stripe', 'status'])).toMatchObject({
      code: 3,
      err: 'Neither an API nor a database is named.\nSet PAYMENTS_API_URL and PAYMENTS_ADMIN_KEY, or DATABASE_URL; or pass --api-url or --database-url.\n',
    })
    const { code, err } = await cli('stripe', 'sync', '--environment', 'live')
    expect(code).toBe(3)
    expect(err).toMatch(/^There is no Stripe secret key for live\.\n/)
  })

  test('4 when it is not there', async () => {
    expect(await cli('stripe', 'products', 'get', 'prod_none', ...inTest)).toMatchObject({ code: 4, out: '' })
    expect(await cli('events', 'show', 'evt_none', ...inTest)).toMatchObject({ code: 4, out: '' })
  })

  test('5 when the key may not do it', async () => {
    system.stripe.control.addKey({ key: 'rk_test_weak000000', missing: ['rak_customer_read', 'customer'] })
    const { code } = await runCli(['stripe', 'sync', ...inTest, '--kinds', 'customers'], {
      env: { ...env, STRIPE_TEST_SECRET_KEY: 'rk_test_weak000000' },
    })
    expect(code).toBe(5)
    await system.database.sql`delete from payments.sync_runs where status <> 'succeeded'`
  })

  test('1 when no server is at the address, with the next step', async () => {
    const closed = createServer()
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`
    await new Promise((resolve) => closed.close(resolve))
    const { code, err } = await runCli(['stripe', 'status', '--api-url', url], {
      env: { PAYMENTS_ADMIN_KEY: 'a_key_of_16_chars' },
    })
    expect(code).toBe(1)
    expect(err).toBe(
      `${url} cannot be reached (ECONNREFUSED).\nCheck the address and that the handlers are running.\n`,
    )
  })
})

describe('--json', () => {
  test('prints one document and nothing else, also for an error', async () => {
    const found = await cli('stripe', 'customers', ...inTest, '--json')
    expect(found.err).toBe('')
    expect(found.json<{ customers: unknown[] }>().customers).toHaveLength(1)
    const missing = await cli('stripe', 'prices', 'get', 'price_none', ...inTest, '--json')
    expect(missing.code).toBe(4)
    expect(missing.json()).toMatchObject({ error: 'PAYMENT_PRICE_NOT_FOUND' })
    const wrong = await cli('stripe', 'customers', '--json')
    expect(wrong.json()).toEqual({
      error: 'INVALID_INPUT',
      message: "required option '--environment <environment>' not specified",
    })
  })

  test('asks no question: a destructive command needs --yes, and a key must be given', async () => {
    for (const args of [
      ['stripe', 'config', 'remove', ...inTest],
      ['rebuild', ...inTest],
      ['prune', ...inTest, '--older-than', '90'],
      ['events', 'replay', ...inTest, '--include-processed'],
      ['stripe', 'products', 'delete', 'prod_x', ...inTest],
    ]) {
      const { code, json } = await cli(...args, '--json')
      expect(code, args.join(' ')).toBe(1)
      expect(json(), args.join(' ')).toMatchObject({
        error: 'CONFIRMATION_NEEDED',
        nextActions: 'Add --yes.',
      })
    }
    const { code, json } = await cli('stripe', 'config', 'set', ...inTest, '--json')
    expect(code).toBe(1)
    expect(json()).toMatchObject({ message: 'No key was given, and there is no terminal to ask for it.' })
    expect(await cli('rebuild', ...inTest, '--json', '--yes')).toMatchObject({ code: 0, err: '' })
  })
})

describe('stripe', () => {
  test('a key is piped in, stored, shown masked only, and removed', async () => {
    const withKey = { ...env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY, STRIPE_TEST_SECRET_KEY: '' }
    const set = await runCli(['stripe', 'config', 'set', '-', ...inTest], {
      env: withKey,
      input: `${system.stripe.secretKey}\n`,
    })
    expect(set.code, set.err).toBe(0)
    expect(set.out).toMatch(/^The key for test is stored: sk_test_\*+\w{4}, account acct_/)
    expect(set.out).toContain('Listed from Stripe: 1 product, 2 prices, 1 customer, 0 subscriptions.\n')
    const status = await runCli(['stripe', 'status', '--json'], { env: withKey })
    expect(status.out + set.out).not.toContain(system.stripe.secretKey)
    const removed = await runCli(['stripe', 'config', 'remove', ...inTest, '--yes'], { env: withKey })
    expect(removed.code, removed.err).toBe(0)
    expect((await runCli(['stripe', 'config', 'remove', ...inTest, '--yes'], { env: withKey })).code).toBe(3)
  })

  test('a key is stored also when the sync after it stops or fails, and its output names the command that continues it', async () => {
    const large = await startSyncSystem()
    try {
      for (let index = 0; index < BRIEF_PAGES_MAX * 100; index += 1)
        call(large.stripe.engine, 'POST', '/v1/customers', {})
      const withKey = { ...large.env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY, STRIPE_TEST_SECRET_KEY: '' }
      const set = () =>
        runCli(['stripe', 'config', 'set', '-', ...inTest], { env: withKey, input: large.stripe.secretKey })
      const goesOn = 'Run: pg-payments stripe sync --environment test\n'
      const stopped = await set()
      expect(stopped.code, stopped.err).toBe(0)
      expect(stopped.out).toContain(
        `Listed from Stripe so far: 1 product, 2 prices, 1,800 customers, 0 subscriptions. There is more.\n${goesOn}`,
      )
      large.stripe.control.fail({ fault: { status: 400 }, path: '/v1/customers', times: 1 })
      const failed = await set()
      expect(failed.code, failed.err).toBe(0)
      expect(failed.out).toContain(
        `The rows are not in sync with Stripe yet: The request was refused.\n${goesOn}`,
      )
      expect((await runCli(['stripe', 'sync', ...inTest], { env: withKey })).code).toBe(0)
    } finally {
      await large.close()
    }
  })

  test('a wrong key is not the same as none', async () => {
    const { code, err } = await runCli(['stripe', 'config', 'set', '-', ...inTest], {
      env,
      input: 'sk_live_123',
    })
    expect(code).toBe(1)
    expect(err).toContain('live')
  })

  test('the catalog is created, changed and archived', async () => {
    const made = await cli(
      'stripe',
      'products',
      'create',
      ...inTest,
      '--name',
      'Mug',
      '--description',
      'null',
      '--metadata',
      '{"colour":"red"}',
      '--json',
    )
    expect(made.code, made.err).toBe(0)
    const { product } = made.json<{ product: { productId: string } }>()
    expect(product).toMatchObject({ name: 'Mug', description: null, metadata: { colour: 'red' } })
    const price = await cli(
      'stripe',
      'prices',
      'create',
      ...inTest,
      '--product',
      product.productId,
      '--currency',
      'EUR',
      '--unit-amount',
      '1250',
      '--interval',
      'month',
      '--interval-count',
      '3',
      '--lookup-key',
      'mug',
      '--json',
    )
    expect(price.code, price.err).toBe(0)
    const { priceId } = price.json<{ price: { priceId: string } }>().price
    expect((await cli('stripe', 'prices', 'list', ...inTest, '--product', product.productId)).out).toContain(
      '€12.50 every 3 months',
    )
    const unnamed = await cli(
      ...['stripe', 'prices', 'update', priceId, ...inTest],
      '--lookup-key',
      'null',
      '--json',
    )
    expect(unnamed.json()).toMatchObject({ price: { lookupKey: null } })
    const described = [
      'stripe',
      'products',
      'update',
      product.productId,
      ...inTest,
      '--json',
      '--description',
    ]
    expect((await cli(...described, 'Blue')).json()).toMatchObject({ product: { description: 'Blue' } })
    expect((await cli(...described, 'null')).json()).toMatchObject({ product: { description: null } })
    expect((await cli('stripe', 'prices', 'update', priceId, ...inTest)).err).toMatch(
      /^There is nothing to change\./,
    )
    expect((await cli('stripe', 'prices', 'archive', priceId, ...inTest)).out).toBe(`Archived ${priceId}.\n`)
    expect((await cli('stripe', 'products', 'get', product.productId, ...inTest)).out).toContain('archived')
    const update = await cli(
      'stripe',
      'products',
      'update',
      product.productId,
      ...inTest,
      '--active',
      'false',
      '--json',
    )
    expect(update.json()).toMatchObject({ product: { active: false } })
    expect(
      (await cli('stripe', 'products', 'update', product.productId, ...inTest, '--metadata', '[1]')).err,
    ).toContain('It must be a JSON object of texts, for example {"color":"red"}.')
    const offer = ['offers', 'set', 'pro', ...inTest, '--lookup-key', 'pro', '--mode', 'payment']
    expect((await cli(...offer, '--force', '{bad')).err).toContain(
      'It must be a JSON object of checkout options, for example {"trialPeriodDays":14}.',
    )
  })

  test('lists show what people need, and no control character of a name reaches the terminal', async () => {
    await cli('stripe', 'sync', ...inTest)
    const { out } = await cli('stripe', 'customers', ...inTest)
    expect(out).toContain('ada@example.com')
    expect(out).toContain('Ada  [31mRed')
    expect(out).not.toContain('\u001b')
    await deliver(system.deps, [productEvent('prod_c1', 'Cap \u009b31mRed \u202etxt', { id: 'evt_c1' })])
    const shown = await cli('events', 'show', 'evt_c1', ...inTest)
    expect(shown.out).toContain('"name": "Cap \\u009b31mRed \\u202etxt"')
    expect((await cli('stripe', 'transactions', ...inTest)).out).toBe('No transactions in test.\n')
    expect((await cli('stripe', 'subscriptions', ...inTest, '--subject-type', 'team')).err).toContain(
      '--subject-id',
    )
  })

  test('a key is set and removed, and the endpoint configured, also in the older spelling', async () => {
    const withKey = { ...env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY, STRIPE_TEST_SECRET_KEY: '' }
    const set = await runCli(['config', 'set', 'test', '-'], { env: withKey, input: system.stripe.secretKey })
    expect(set.code, set.err).toBe(0)
    expect(set.out).toMatch(/^The key for test is stored: /)
    const reachable = { ...withKey, PAYMENTS_PUBLIC_URL: 'https://payments.example' }
    const configured = await runCli(['webhooks', 'configure', 'test'], { env: reachable })
    expect(configured.code, configured.err).toBe(0)
    expect(configured.out).toMatch(/ was created: https:\/\/payments\.example\/api\/webhooks\/stripe\/test\n/)
    const removed = await runCli(['config', 'remove', 'test', '--yes'], { env: reachable })
    expect(removed.code, removed.err).toBe(0)
    expect(removed.out).toMatch(/^The key for test is removed\.\n/)
  })

  test('the older names at the top work as well', async () => {
    expect((await cli('status')).out).toBe((await cli('stripe', 'status')).out)
    expect((await cli('history', ...inTest)).out).toBe('No transactions in test.\n')
    expect((await cli('sync', ...inTest)).code).toBe(0)
    expect((await cli('--help')).out).not.toContain('history')
    const keys = await cli('config')
    expect(keys.code, keys.err).toBe(0)
    expect(keys.out).toMatch(/^test +sk_test_\*{4}\w{4}$/m)
    expect((await cli('config', 'set', 'prod')).err).toBe('prod is not an environment.\nUse test or live.\n')
  })

  test('options that agents pass are accepted', async () => {
    const flags = ['--reason', 'r', '--impact', 'i', '--recommendation', 'x', '--flag-destructive']
    expect((await cli('stripe', 'status', ...flags)).code).toBe(0)
  })
})

describe('sync', () => {
  test('shows its findings kind by kind, and its progress on standard error', async () => {
    const { code, out, err } = await cli('stripe', 'sync')
    expect(code).toBe(0)
    expect(out).toContain('test: succeeded')
    expect(out).toContain('live: no Stripe key, so there was nothing to do.')
    expect(err).toContain('test customers: 1 listed')
  })

  test('Ctrl-C stops it after the current page, names the command that continues, and that command continues', async () => {
    const { stripe } = system
    stripe.control.fail({ path: '/v1/prices', method: 'GET', fault: { hold: true } })
    let press = () => {}
    const running = runCli(['stripe', 'sync', ...inTest], { env, onStart: (ctrlC) => (press = ctrlC) })
    await stripe.control.whenHeld()
    press()
    const { code, err } = await running
    stripe.control.releaseHeld()
    expect(code).toBe(130)
    expect(err).toContain('Run the same command to continue.')
    const [run] = await system.database
      .sql`select id, status from payments.sync_runs order by started_at desc limit 1`
    expect(run?.status).toBe('interrupted')
    const again = await cli('stripe', 'sync', ...inTest, '--json')
    expect(again.json()).toMatchObject({
      results: [{ run: { id: run?.id, status: 'succeeded', attempt: 2 } }],
    })
  })

  test('one that fails says why, keeps its place, and exits with 1', async () => {
    const { stripe } = system
    stripe.control.fail({ path: '/v1/customers', fault: { status: 400 }, times: 1 })
    const { code, err } = await cli('stripe', 'sync', ...inTest)
    expect({ code, err: err.split('\n').slice(-3, -1) }).toEqual({
      code: 1,
      err: ['The request was refused.', 'Correct what Stripe refuses, and send the request again.'],
    })
    expect((await cli('stripe', 'sync', ...inTest)).code).toBe(0)
  })
})

describe('events', () => {
  test('are listed, shown, retried and replayed; a failure that stays exits with 1', async () => {
    const { database, deps } = system
    await database.sql.unsafe(`
      create function public.refuse() returns trigger language plpgsql as $$begin raise 'shop is closed'; end$$;
      create trigger _500_refuse after insert or update of processing_status on payments.webhook_events
        for each row when (new.processing_status = 'processed') execute function public.refuse();`)
    const event = productEvent('prod_event', 'Bag')
    await deliver(deps, [event])
    const listed = await cli('events', 'list', ...inTest, '--status', 'failed')
    expect(listed.out).toContain(event.id)
    expect((await cli('events', 'show', event.id, ...inTest)).out).toContain('shop is closed')
    const retried = await cli('events', 'retry', event.id, ...inTest)
    expect(retried.code).toBe(1)
    expect(retried.err).toMatch(/^1 event failed again\./)
    await database.sql.unsafe('drop trigger _500_refuse on payments.webhook_events')
    expect((await cli('events', 'retry', ...inTest)).out).toContain('processed')
    expect((await cli('events', 'retry', ...inTest)).out).toBe('No failed events wait in test.\n')
    expect((await cli('events', 'replay', event.id, ...inTest)).out).toBe('There was nothing to replay.\n')
    const replayed = await cli(
      'events',
      'replay',
      event.id,
      ...inTest,
      '--include-processed',
      '--yes',
      '--json',
    )
    expect(replayed.json()).toEqual({
      replayed: [{ eventId: event.id, processingStatus: 'processed', lastError: null }],
    })
  })

  test('are recovered, and old payloads pruned', async () => {
    const { code, out } = await cli('recover', ...inTest, '--since', '2020-01-01')
    expect(code).toBe(0)
    expect(out).toMatch(/events? (was|were) missing\./)
    expect(out).toContain('Run: pg-payments stripe sync --environment test --kinds products,')
    await system.database.sql`
      update payments.webhook_events set received_at = now() - interval '9 days', provider_created_at = now() - interval '9 days'`
    expect((await cli('prune', ...inTest, '--older-than', '7', '--yes')).out).toMatch(
      /^Emptied \d+ payloads?\.\n$/,
    )
    expect((await cli('prune', ...inTest, '--older-than', '0', '--yes')).err).toContain('whole number from 1')
  })

  test('a recovery that is stopped with Ctrl-C says so, and the same command recovers the rest', async () => {
    const { stripe } = system
    stripe.control.fail({ path: '/v1/events', method: 'GET', fault: { hold: true } })
    let press = () => {}
    const running = runCli(['recover', ...inTest], { env, onStart: (ctrlC) => (press = ctrlC) })
    await stripe.control.whenHeld()
    press()
    stripe.control.releaseHeld()
    const { code, err } = await running
    expect({ code, last: err.split('\n').slice(-3, -1) }).toEqual({
      code: 130,
      last: ['The recovery was stopped.', 'Run the same command to recover the rest.'],
    })
    expect((await cli('recover', ...inTest)).code).toBe(0)
  })

  test('the schedule runs all of it at once', async () => {
    const { code, json } = await cli('schedule', 'run', '--json')
    expect(code).toBe(0)
    expect(json()).toMatchObject({
      recoveries: [{ environment: 'test' }],
      syncs: [{ status: 'succeeded' }],
      failures: [],
    })
  })
})

describe('help', () => {
  test('of serve names every environment variable that the handlers read', async () => {
    const { out } = await cli('serve', '--help')
    const named = out.split('\n').flatMap((line) => /^ {2}([A-Z]\w+) {2,}\S/.exec(line)?.[1] ?? [])
    expect(named.toSorted()).toEqual(VARIABLES.toSorted())
    expect(out).toMatch(/^ {2}DATABASE_URL +required: /m)
  })

  test('says which options are required', async () => {
    const must = ['recover', 'events list', 'stripe customers', 'stripe prices create', 'prune']
    for (const command of must)
      expect((await cli(...command.split(' '), '--help')).out, command).toMatch(
        /--environment <environment> +required: test or live/,
      )
    expect((await cli('prune', '--help')).out).toMatch(/--older-than <days> +required: days/)
    for (const command of ['doctor', 'stripe sync'])
      expect((await cli(...command.split(' '), '--help')).out, command).not.toContain('required')
  })
})

describe('doctor', () => {
  const doctor = async (more: Record<string, string> = {}) => {
    const outcome = await runCli(['doctor', ...inTest, '--json'], { env: { ...env, ...more } })
    const { findings } = outcome.json<{ findings: Finding[] }>()
    return { code: outcome.code, findings, failed: findings.filter(({ status }) => status === 'failed') }
  }

  test('finds nothing where all is well, and lists its checks', async () => {
    await system.api.webhookEndpoints.create({
      url: 'https://shop.example/api/webhooks/stripe/test',
      enabled_events: ['*'],
    })
    const { code, findings, failed } = await doctor()
    expect(failed).toEqual([])
    expect(code).toBe(0)
    expect(findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining([
        'Postgres',
        'schema',
        'roles',
        'row level security',
        'test: Stripe key',
        'test: clock of Stripe',
      ]),
    )
  })

  test('says what to run when the schema is missing, and goes no further', async () => {
    const empty = await createTestDatabase({ migrated: false })
    try {
      const { code, failed } = await doctor({ DATABASE_URL: empty.url })
      expect(code).toBe(1)
      expect(failed).toEqual([
        {
          check: 'schema',
          status: 'failed',
          message: 'The payments schema is not in this database.',
          next: 'Run: pg-payments migrate',
        },
      ])
    } finally {
      await empty.close()
    }
  })

  test('finds a function that is missing, a table without row level security, and a login without its roles', async () => {
    const broken = await createTestDatabase()
    try {
      const { sql, url } = broken
      await sql.unsafe('alter table payments.customers disable row level security')
      await sql.unsafe('drop function payments.touch_sync(uuid, uuid)')
      await sql.unsafe(
        `create role doctor_tester login password 'x'; grant usage on schema payments, payments_private to doctor_tester; grant select on all tables in schema payments to doctor_tester`,
      )
      const login = new URL(url)
      login.username = 'doctor_tester'
      login.password = 'x'
      const { failed } = await doctor({ DATABASE_URL: login.href })
      expect(failed).toEqual(
        expect.arrayContaining([
          {
            check: 'schema',
            status: 'failed',
            message: 'The database lacks function payments.touch_sync(run_id uuid, lease uuid).',
            next: 'Run: pg-payments migrate --again',
          },
          {
            check: 'roles',
            status: 'failed',
            message: 'The login doctor_tester may not set role to anon, authenticated, payments_service.',
            next: 'Run in psql, as postgres, which may grant them: grant anon, authenticated, payments_service to "doctor_tester";',
          },
          {
            check: 'row level security',
            status: 'failed',
            message: 'It is off for payments.customers.',
            next: 'Run in psql: alter table payments.customers enable row level security;',
          },
        ]),
      )
      await sql.unsafe('drop owned by doctor_tester; drop role doctor_tester')
    } finally {
      await broken.close()
    }
  })

  test('names what was dropped, revoked or changed in the schema, and not what the app has added', async () => {
    const { sql, url, close } = await createTestDatabase()
    const schema = async () =>
      (await doctor({ DATABASE_URL: url })).findings
        .filter(({ check }) => check === 'schema')
        .map(({ status, message, next }) => [status, message, next])
    const rowSecurity = async () =>
      (await doctor({ DATABASE_URL: url })).findings
        .filter(({ check }) => check === 'row level security')
        .map(({ status }) => status)
    const well = [['ok', 'the same as in this release', null]]
    const again = 'Run: pg-payments migrate --again'
    try {
      await sql.unsafe(`
        create function public.fulfil() returns trigger language plpgsql as 'begin return new; end';
        create trigger _500_fulfil after insert or update on payments.webhook_events
          for each row execute function public.fulfil();
        create policy teams on payments.stripe_checkout_sessions for insert to authenticated with check (true);
        grant select on payments.transactions to authenticated;
        create index app_idx on payments.transactions (amount);
        alter table payments.customers add column app_note text;
        create table payments.app_orders (id bigint)`)
      expect(await schema()).toEqual(well)
      expect(await rowSecurity()).toEqual(['ok'])

      await sql.unsafe('alter table payments.provider_connections drop column account_name')
      const [[, message, next] = []] = await schema()
      expect([message, next]).toEqual([
        'The database lacks column payments.provider_connections.account_name.',
        `Run in psql: alter table payments.provider_connections add column account_name text; Then run: pg-payments migrate --again`,
      ])
      await sql.unsafe(/in psql: (.+?) Then/.exec(next ?? '')?.[1] ?? '')
      expect(await schema()).toEqual(well)

      await sql.unsafe('alter table payments.provider_connections alter column account_name type varchar(9)')
      expect(await schema()).toEqual([
        [
          'failed',
          'The column payments.provider_connections.account_name is character varying(9), and in this release text.',
          'Change it back in psql; sql/schema.sql of the package shows the schema of this release.',
        ],
      ])
      await sql.unsafe('alter table payments.provider_connections alter column account_name type text')

      for (const [broken, status, named, next] of [
        [
          'revoke insert on payments.stripe_checkout_sessions from anon, authenticated',
          'failed',
          /^The database lacks grant insert on payments.stripe_checkout_sessions to anon, grant insert on payments.stripe_checkout_sessions to authenticated\.$/,
          again,
        ],
        [
          'drop trigger _100_timestamps on payments.stripe_products',
          'failed',
          /^The database lacks trigger _100_timestamps on payments.stripe_products\.$/,
          again,
        ],
        [
          'alter table payments.stripe_products disable trigger _100_timestamps',
          'failed',
          /^These differ from this release: trigger _100_timestamps on payments.stripe_products\.$/,
          again,
        ],
        [
          'drop policy service_select on payments.transactions',
          'failed',
          /^The database lacks policy service_select on payments.transactions\.$/,
          again,
        ],
        [
          'drop policy insert_own on payments.stripe_checkout_sessions',
          'warning',
          /^These default policies were dropped or changed: policy insert_own on payments.stripe_checkout_sessions\.$/,
          'If you changed them on purpose, ignore this. Otherwise run: pg-payments migrate --again --with-policies',
        ],
        [
          'revoke execute on function payments.begin_sync(text, jsonb, timestamptz, timestamptz, text) from payments_service',
          'failed',
          /^The database lacks grant execute on function payments.begin_sync\(.+\) to payments_service\.$/,
          again,
        ],
      ] as const) {
        await sql.unsafe(broken)
        expect(await schema(), broken).toEqual([[status, expect.stringMatching(named), next]])
        const policies = next.endsWith('--with-policies') ? ['--with-policies'] : []
        await runCli(['migrate', '--again', ...policies, '--database-url', url], { env })
        expect(await schema(), broken).toEqual(well)
      }
    } finally {
      await close()
    }
  })

  test('names the variable without which no webhook endpoint can be set up', async () => {
    const advice =
      'Set PAYMENTS_PUBLIC_URL for the handlers and run `pg-payments stripe webhooks configure --environment test`; or make an endpoint in the Stripe Dashboard that delivers to /api/webhooks/stripe/test of this deployment, and set STRIPE_TEST_WEBHOOK_SECRET to its signing secret. Then run `pg-payments recover --environment test` for events that were lost.'
    const { failed } = await doctor({ STRIPE_TEST_WEBHOOK_SECRET: '' })
    expect(failed).toContainEqual({
      check: 'test: no signing secret',
      status: 'failed',
      message: 'There is no signing secret, so no event can be accepted.',
      next: advice,
    })
    const unset = { ...env, STRIPE_TEST_WEBHOOK_SECRET: '' }
    const status = await runCli(['stripe', 'webhooks', 'status', ...inTest], { env: unset })
    expect(status.out).toContain(`No webhook endpoint is set up for test. ${advice}\n`)
    const reachable = await doctor({
      STRIPE_TEST_WEBHOOK_SECRET: '',
      PAYMENTS_PUBLIC_URL: 'https://payments.example',
    })
    expect(reachable.failed).toContainEqual(
      expect.objectContaining({
        check: 'test: no signing secret',
        next: 'Set up the webhook endpoint. Then recover the events that were lost. Run: pg-payments stripe webhooks configure --environment test && pg-payments recover --environment test',
      }),
    )
  })

  test('lists failed checks first, then warnings', async () => {
    const { findings } = await doctor({ STRIPE_TEST_WEBHOOK_SECRET: '', PAYMENTS_JWT_SECRET: '' })
    expect([...new Set(findings.map(({ status }) => status))]).toEqual(['failed', 'warning', 'ok'])
  })

  test('finds a key that Stripe refuses, and one that lacks permissions', async () => {
    const refused = await doctor({ STRIPE_TEST_SECRET_KEY: 'sk_test_revoked' })
    expect(refused.failed).toContainEqual(
      expect.objectContaining({
        check: 'test: Stripe key',
        next: 'Run: pg-payments stripe config set --environment test',
      }),
    )
    const missing = ['rak_event_read', 'rak_plan_write', 'rak_product_read', 'rak_webhook_write']
    system.stripe.control.addKey({ key: 'rk_test_few0000000', missing })
    const before = system.stripe.control.events().length
    const few = await doctor({
      STRIPE_TEST_SECRET_KEY: 'rk_test_few0000000',
      PAYMENTS_PUBLIC_URL: 'https://payments.example',
    })
    expect(few.failed).toContainEqual({
      check: 'test: Stripe key',
      status: 'failed',
      message:
        'The restricted key lacks 4 permissions: Products (read), rak_product_read; Prices (write), rak_plan_write; Events (read), rak_event_read; Webhook Endpoints (write), rak_webhook_write.',
      next: 'Give the key these permissions in the Stripe Dashboard.',
    })
    expect(few.findings.find(({ check }) => check === 'test: clock of Stripe')?.status).toBe('ok')
    expect(system.stripe.control.events()).toHaveLength(before)
    system.stripe.control.addKey({ key: 'rk_test_all0000000', missing: [] })
    const all = await doctor({ STRIPE_TEST_SECRET_KEY: 'rk_test_all0000000' })
    expect(all.findings).toContainEqual(
      expect.objectContaining({
        check: 'test: Stripe key',
        status: 'ok',
        message: 'rk_test_****0000 is accepted',
      }),
    )
  })

  test('warns of a key set whose tokens may be of any project, until the issuer is set', async () => {
    const tokens = async (more: Record<string, string> = {}) => {
      const { findings } = await doctor(more)
      return findings.filter(({ check }) => check === 'tokens')
    }
    const keySet = { PAYMENTS_JWKS_URL: 'https://keys.example/jwks' }
    const warning = {
      check: 'tokens',
      status: 'warning',
      message:
        'PAYMENTS_JWT_ISSUER is not set, so tokens of every project that shares the key set of PAYMENTS_JWKS_URL are accepted.',
      next: 'Set PAYMENTS_JWT_ISSUER to the iss of your tokens, and PAYMENTS_JWT_AUDIENCE to their aud where one issuer serves several apps.',
    }
    expect(await tokens(keySet)).toEqual([warning])
    expect(await tokens({ ...keySet, PAYMENTS_JWT_AUDIENCE: 'shop' })).toEqual([
      { ...warning, message: warning.message.replace(/\.$/, ' if they name the audience.') },
    ])
    const issuer = { PAYMENTS_JWT_ISSUER: 'https://auth.example/ours' }
    expect(await tokens({ ...keySet, ...issuer })).toEqual([
      {
        check: 'tokens',
        status: 'ok',
        message: 'accepted only from https://auth.example/ours',
        next: null,
      },
    ])
  })

  test('says that no key is set', async () => {
    const { failed } = await doctor({ STRIPE_TEST_SECRET_KEY: '' })
    expect(failed).toContainEqual({
      check: 'Stripe key',
      status: 'failed',
      message: 'No Stripe key is set for test.',
      next: 'Run: pg-payments stripe config set --environment test',
    })
  })

  test('warns where the handlers could verify no token, and fails over a secret with which they do not start', async () => {
    const tokens = ({ findings }: { findings: Finding[] }) =>
      findings.filter(({ check }) => check === 'tokens')
    const none = await doctor({ PAYMENTS_JWT_SECRET: '' })
    expect(tokens(none)).toEqual([
      {
        check: 'tokens',
        status: 'warning',
        message: 'No token can be verified, so only guests can pay.',
        next: 'Set PAYMENTS_JWT_SECRET or PAYMENTS_JWKS_URL where the handlers run.',
      },
    ])
    expect(tokens(await doctor())).toMatchObject([{ status: 'ok' }])
    const withSecret = (secret: string) => ({ ...env, PAYMENTS_JWT_SECRET: secret })
    expect(tokens(await doctor(withSecret('ü'.repeat(16))))).toMatchObject([{ status: 'ok' }])
    const short = await runCli(['doctor', ...inTest, '--json'], { env: withSecret('ü'.repeat(15)) })
    expect(short.code).toBe(3)
    expect(short.json()).toMatchObject({
      error: 'NOT_CONFIGURED',
      message: 'PAYMENTS_JWT_SECRET must have at least 32 bytes, as `openssl rand -base64 32` prints them.',
    })
  })

  test('finds the rights that a login lacks which may not even use the schema', async () => {
    const { sql, url } = await createTestDatabase()
    await sql.unsafe(`create role doctor_stranger login password 'x'`)
    const login = new URL(url)
    login.username = 'doctor_stranger'
    login.password = 'x'
    try {
      const { code, failed } = await doctor({ DATABASE_URL: login.href })
      expect(code).toBe(1)
      expect(failed).toContainEqual({
        check: 'roles',
        status: 'failed',
        message: 'The login doctor_stranger may not set role to anon, authenticated, payments_service.',
        next: 'Run in psql, as postgres, which may grant them: grant anon, authenticated, payments_service to "doctor_stranger";',
      })
    } finally {
      await sql.unsafe('drop role doctor_stranger')
    }
  })

  test('reads sslmode=require as psql and the handlers do: encrypted, whatever certificate the server has', () => {
    expect(connectionString('postgres://me@db.example/app?sslmode=require')).toBe(
      'postgres://me@db.example/app?sslmode=require&uselibpqcompat=true',
    )
    expect(connectionString('postgres://me@db.example/app')).toBe('postgres://me@db.example/app')
  })

  test('distinguishes a login that Postgres refuses from a server that is not there', async () => {
    await system.database.sql.unsafe(`create role doctor_password login password 'right'`)
    try {
      const url = new URL(env.DATABASE_URL ?? '')
      url.username = 'doctor_password'
      url.password = 'wrong'
      const { failed } = await doctor({ DATABASE_URL: url.href })
      expect(failed).toEqual([
        {
          check: 'database',
          status: 'failed',
          message: 'Postgres refused the login of doctor_password (28P01).',
          next: 'Check user and password in DATABASE_URL.',
        },
      ])
    } finally {
      await system.database.sql.unsafe('drop role doctor_password')
    }
    const nowhere = (env.DATABASE_URL ?? '').replace(/\/[^/]*$/, '/no_such_database')
    expect((await doctor({ DATABASE_URL: nowhere })).failed).toMatchObject([
      { message: 'There is no database no_such_database (3D000).' },
    ])
  })

  test('a command on a database that refuses it names the cause, as the doctor does', async () => {
    const { sql } = system.database
    await sql.unsafe(`create role refused_login login password 'right'`)
    const list = async (change: (url: URL) => void) => {
      const url = new URL(env.DATABASE_URL ?? '')
      change(url)
      return (await runCli(['events', 'list', ...inTest], { env: { ...env, DATABASE_URL: url.href } })).err
    }
    const withPassword = (password: string) => (url: URL) => {
      Object.assign(url, { username: 'refused_login', password })
    }
    try {
      expect(await list(withPassword('wrong'))).toBe(
        'Postgres refused the login of refused_login (28P01).\nCheck user and password in DATABASE_URL.\n',
      )
      expect(await list((url) => Object.assign(url, { pathname: '/no_such_database' }))).toBe(
        'There is no database no_such_database (3D000).\nCheck DATABASE_URL, or create the database.\n',
      )
      await sql.unsafe('alter role refused_login connection limit 0')
      expect(await list(withPassword('right'))).toContain(
        'Postgres has no free connection for refused_login (53300).\nClose other connections',
      )
    } finally {
      await sql.unsafe('drop role refused_login')
    }
  }, 60_000)

  test('a statement_timeout that stops its checks is a finding with the statement that raises it', async () => {
    const url = new URL(env.DATABASE_URL ?? '')
    url.searchParams.set('options', '-c statement_timeout=1')
    const { failed } = await doctor({ DATABASE_URL: url.href })
    expect(failed).toContainEqual({
      check: 'database',
      status: 'failed',
      message: expect.stringMatching(
        /^Postgres stopped a statement, because the statement_timeout of .* was over/,
      ),
      next: expect.stringContaining("set statement_timeout = '60s';"),
    })
  })

  test('lists over the API what it did not check', async () => {
    const server = await startServer({ env, port: 0, host: '127.0.0.1', log: createLog(() => {}) })
    try {
      const deployed = { PAYMENTS_API_URL: server.url, PAYMENTS_ADMIN_KEY: env.PAYMENTS_ADMIN_KEY }
      const { out } = await runCli(['doctor', ...inTest], { env: deployed })
      expect(out).toContain(
        'Not checked over the API: Postgres, schema, roles, row level security, clocks of the database and of Stripe, permissions of the Stripe key. To check these, use --database-url instead.\n',
      )
      const { json } = await runCli(['doctor', ...inTest, '--json'], { env: deployed })
      expect(json<{ notChecked: string[] }>().notChecked).toContain('schema')
      const itself = await cli('doctor', ...inTest, '--json')
      expect(itself.json<{ notChecked: string[] }>().notChecked).toEqual([])
    } finally {
      await server.close()
    }
  })

  test('a database that is not there is a finding like any other', async () => {
    const { code, failed } = await doctor({ DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/app' })
    expect(code).toBe(1)
    expect(failed).toMatchObject([
      { check: 'database', message: 'The database cannot be reached (ECONNREFUSED).' },
    ])
    const none = await doctor({ DATABASE_URL: 'postgres://me:100%@127.0.0.1:1/app' })
    expect(none.failed).toMatchObject([
      { check: 'database', message: expect.stringMatching(/^The database URL is not a Postgres conn/) },
    ])
  })
})

describe('webhooks configure', () => {
  test('disables the endpoint at another address only with --take-over, and says what it left alone', async () => {
    const own = await startSyncSystem()
    const configure = (address: string, ...more: string[]) =>
      runCli(['stripe', 'webhooks', 'configure', ...inTest, ...more], {
        env: { ...own.env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY, PAYMENTS_PUBLIC_URL: address },
      })
    const enabled = async () =>
      (await own.api.webhookEndpoints.list()).data.flatMap(({ url, status }) =>
        status === 'enabled' ? [new URL(url).origin] : [],
      )
    try {
      expect((await configure('https://one.example')).code).toBe(0)
      const copy = await configure('https://two.example')
      expect(copy.code, copy.err).toBe(0)
      expect(copy.out).toContain(
        'was left alone, because it delivers to https://one.example/api/webhooks/stripe/test',
      )
      expect((await enabled()).sort()).toEqual(['https://one.example', 'https://two.example'])
      expect((await configure('https://two.example', '--take-over')).code).toBe(0)
      expect(await enabled()).toEqual(['https://two.example'])
    } finally {
      await own.close()
    }
  })
})

describe('config set', () => {
  const set = (key: string, ...more: string[]) =>
    runCli(['stripe', 'config', 'set', '-', ...inTest, ...more], {
      env: { ...own.env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY, STRIPE_TEST_WEBHOOK_SECRET: '' },
      input: key,
    })
  let own: SyncSystem

  beforeAll(async () => {
    own = await startSyncSystem()
    own.stripe.control.addKey({ key: 'sk_test_another000', account: 'acct_1Another00000000' })
  })
  afterAll(() => own.close())

  test('says that no webhook endpoint was set up, and what to do about it', async () => {
    const { code, out } = await set(own.stripe.secretKey)
    expect(code).toBe(0)
    expect(out).toContain(
      'No webhook endpoint is set up, because PAYMENTS_PUBLIC_URL is not set. Set PAYMENTS_PUBLIC_URL for the handlers and run `pg-payments stripe webhooks configure --environment test`; or make an endpoint in the Stripe Dashboard that delivers to /api/webhooks/stripe/test of this deployment, and set STRIPE_TEST_WEBHOOK_SECRET to its signing secret. Then run `pg-payments recover --environment test` for events that were lost.\n',
    )
  })

  test('ends with 1 when the endpoint could not be set up, although the key is stored', async () => {
    own.stripe.control.fail({ fault: { status: 500 }, path: '/v1/webhook_endpoints', times: 20 })
    try {
      const { code, out, err } = await runCli(['stripe', 'config', 'set', '-', ...inTest], {
        env: {
          ...own.env,
          PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY,
          PAYMENTS_PUBLIC_URL: 'https://payments.example',
          STRIPE_MAX_RETRIES: '0',
        },
        input: own.stripe.secretKey,
      })
      expect(out).toContain('The key for test is stored')
      expect(out).toContain('The webhook endpoint is not set up: Stripe could not do this just now.')
      expect(err).toContain(
        'The key is stored, but the webhook endpoint is not set up.\nFix this, then run: pg-payments stripe webhooks configure --environment test\n',
      )
      expect(code).toBe(1)
    } finally {
      own.stripe.control.clearFailures()
    }
  })

  test('names its own flag where the key is of another account', async () => {
    const { code, err } = await set('sk_test_another000')
    expect(code).toBe(1)
    expect(err).toContain('or add --replace-account, which deletes what is kept of it')
    expect(err).not.toContain('"replaceAccount"')
    expect((await set('sk_test_another000', '--replace-account', '--yes')).code).toBe(0)
  })
})

describe('the rest', () => {
  test('migrate says as JSON what it applied', async () => {
    const { code } = await runCli(['migrate', '--database-url', env.DATABASE_URL ?? '', '--json'], { env })
    expect(code).toBe(0)
  })

  test('the encryption key is rotated, and needs both keys', async () => {
    const { code, err } = await cli('keys', 'rotate')
    expect({ code, err }).toEqual({
      code: 3,
      err: 'PAYMENTS_ENCRYPTION_KEY is not set, so nothing stored can be opened.\nSet it to the key that the secrets were stored with.\n',
    })
    const keys = { ...env, PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY, STRIPE_TEST_SECRET_KEY: '' }
    await runCli(['stripe', 'config', 'set', '-', ...inTest], { env: keys, input: system.stripe.secretKey })
    const newKey = Buffer.alloc(32, 2).toString('base64')
    const rotated = await runCli(['keys', 'rotate', '--yes', '--json'], {
      env: { ...keys, PAYMENTS_NEW_ENCRYPTION_KEY: newKey },
    })
    expect(rotated.code, rotated.err).toBe(0)
    expect(rotated.json<{ rotated: number }>().rotated).toBeGreaterThan(0)
    const synced = await runCli(['stripe', 'sync', ...inTest], {
      env: { ...keys, PAYMENTS_ENCRYPTION_KEY: newKey },
    })
    expect(synced.code, synced.err).toBe(0)
    expect((await runCli(['stripe', 'sync', ...inTest], { env: keys })).code).not.toBe(0)
  })
})

describe('a table', () => {
  const rows = [{ id: 'sub_1234567890123456', name: 'A rather long name that nobody needs in full', n: 7 }]
  const columns = [
    { title: 'ID', value: (row: (typeof rows)[0]) => row.id },
    { title: 'NAME', value: (row: (typeof rows)[0]) => row.name, flexible: true },
    { title: 'N', value: (row: (typeof rows)[0]) => row.n, align: 'right' as const },
  ]

  test('is as wide as the terminal at most: what may be cut is cut, ids are not', () => {
    const lines = table(columns, rows, 50).split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(50)
    expect(lines[2]).toContain('sub_1234567890123456')
    expect(lines[2]).toContain('…')
  })

  test('becomes lines of name and value where the terminal is too narrow for it', () => {
    expect(table(columns, rows, 30)).toBe(
      'ID    sub_1234567890123456\nNAME  A rather long name that nobody needs in full\nN     7',
    )
  })

  test('is not cut on a pipe', () => {
    expect(table(columns, rows, undefined)).toContain('A rather long name that nobody needs in full')
  })
})

test('payments is a command, and the first word of older scripts', async () => {
  expect((await runCli(['payments', 'capture', '--help'])).out).toContain(
    'Usage: pg-payments payments capture',
  )
  expect((await runCli(['payments', 'status', '--help'])).out).toContain('Usage: pg-payments status')
})
