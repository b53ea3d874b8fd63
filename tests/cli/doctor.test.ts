/** What the doctor finds about a login, its database and its clock, and that what it says to run works. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLog } from '../../functions/app.ts'
import { startServer } from '../../functions/node.ts'
import type { Finding } from '../../scripts/cli/commands/doctor/report.ts'
import { migrate } from '../../scripts/cli/commands/migrate.ts'
import { uncommittedSql } from '../../scripts/dev/generators/sources.ts'
import {
  type EmbeddedPostgres,
  FAST_SETTINGS,
  type PostgresVersion,
  startEmbeddedPostgres,
} from '../../scripts/dev/postgres.ts'
import { startNode } from '../functions/support/server.ts'
import { ADMIN_KEY, type System, startSystem } from '../functions/support/system.ts'
import { open, withDatabase } from '../setup/server.ts'
import { runCli } from './support.ts'

let system: System
beforeAll(async () => {
  system = await startSystem({ deliver: false })
  await system.api.webhookEndpoints.create({
    url: 'https://shop.example/api/webhooks/stripe/test',
    enabled_events: ['*'],
  })
})
afterAll(() => system.close())

async function doctor(env: Record<string, string>): Promise<Finding[]> {
  const { json } = await runCli(['doctor', '--environment', 'test', '--json'], { env })
  return json<{ findings: Finding[] }>().findings
}
const failed = (findings: Finding[]) => findings.filter(({ status }) => status === 'failed')

describe.each<PostgresVersion>([15, 18])('on Postgres %i', (version) => {
  let server: EmbeddedPostgres

  beforeAll(async () => {
    server = await startEmbeddedPostgres({ version, settings: FAST_SETTINGS })
    const admin = open(server.url)
    await admin.unsafe(`create role owner_one login createrole password 'x'`)
    await admin.unsafe(`create role owner_two login createrole password 'x'`)
    await admin.unsafe('create database one owner owner_one')
    await admin.unsafe('create database two owner owner_two')
    await admin.end()
    await install('owner_one', 'one')
  })
  afterAll(() => server?.stop())

  /** As in the working tree, which may be ahead of the committed migrations. */
  async function install(login: string, database: string) {
    await migrate({ databaseUrl: urlOf(login, database) })
    await run(urlOf(login, database), await uncommittedSql())
  }

  function urlOf(login: string, database: string): string {
    const url = new URL(withDatabase(server.url, database))
    url.username = login
    url.password = 'x'
    return url.href
  }
  const envOf = (login: string, database: string) => ({
    ...system.env,
    DATABASE_URL: urlOf(login, database),
  })
  async function run(url: string, statement: string) {
    const sql = open(url)
    await sql.unsafe(statement)
    await sql.end()
  }

  test('a login that does not inherit is told so, and what to run', async () => {
    await run(
      urlOf('owner_one', 'one'),
      `create role idle_login login noinherit password 'x'; grant anon, authenticated, payments_service to idle_login`,
    )
    const env = envOf('idle_login', 'one')
    const findings = failed(await doctor(env))
    const roles = findings.filter(({ check }) => check === 'roles')
    expect(roles).toEqual([
      {
        check: 'roles',
        status: 'failed',
        message:
          'The login idle_login is a member of payments_service and does not inherit its rights (NOINHERIT).',
        next:
          version >= 16
            ? expect.stringMatching(/: grant payments_service to "idle_login" with inherit true;$/)
            : 'If nothing else relies on NOINHERIT of this login, run in psql as a superuser: alter role "idle_login" inherit; Otherwise, as with authenticator of Supabase, use another login in DATABASE_URL.',
      },
    ])
    // Nobody is sent back to the grant that was made.
    for (const { next } of findings) expect(next).not.toContain('grant anon')
    const handlers = await startNode(env)
    const health = await fetch(`${handlers.url}/health`)
    expect(health.status).toBe(503)
    expect(await health.json()).toMatchObject({
      nextActions:
        'The login does not inherit the rights of payments_service. Run `pg-payments doctor`: it says what to run in psql.',
    })
    await handlers.stop()

    const [statement] = /(?:grant payments_service|alter role) .+?;/.exec(roles[0]?.next ?? '') ?? []
    const superuser = withDatabase(server.url, 'one')
    await run(version >= 16 ? urlOf('owner_one', 'one') : superuser, statement ?? '')
    expect(failed(await doctor(env))).toEqual([])
  })

  test('a second owner in the cluster is told who may grant the roles', async () => {
    await install('owner_two', 'two')
    const env = envOf('owner_two', 'two')
    const [roles] = (await doctor(env)).filter(({ check }) => check === 'roles')
    const statement = 'grant anon, authenticated, payments_service to "owner_two";'
    const whom = version >= 16 ? ', as owner_one or postgres, which may grant them' : ''
    if (roles?.status !== 'ok')
      expect(roles).toMatchObject({ status: 'failed', next: `Run in psql${whom}: ${statement}` })
    await run(urlOf(version >= 16 ? 'owner_one' : 'owner_two', 'two'), statement)
    expect(failed(await doctor(env))).toEqual([])
  })

  test('what is printed brings back columns, functions, grants, owners and row level security, whatever the search path', async () => {
    const superuser = withDatabase(server.url, 'one')
    await run(
      superuser,
      `alter role owner_one in database one set search_path = payments, payments_private, public;
      alter role owner_one in database one set quote_all_identifiers = on;
      alter table payments.stripe_products drop column description cascade;
      alter table payments.transactions disable row level security;
      drop function payments.due_sync_kinds(text);
      revoke usage on schema payments from payments_service;
      alter table payments.sync_runs owner to owner_two;
      alter function payments_private.end_sync owner to owner_two`,
    )
    const env = envOf('owner_one', 'one')
    const seen = new Set<string>()
    for (let round = 0; round < 3; round++) {
      for (const { check, next } of failed(await doctor(env))) {
        seen.add(check)
        const [, statements = ''] = /run in psql: (.+;)/i.exec(next ?? '') ?? []
        if (statements !== '') await run(superuser, statements)
        if (next?.includes('migrate --again')) {
          const { code, err } = await runCli(['migrate', '--again'], { env })
          expect(code, err).toBe(0)
        }
      }
    }
    expect([...seen]).toEqual(expect.arrayContaining(['schema', 'roles', 'owner', 'row level security']))
    expect(failed(await doctor(env))).toEqual([])
    await run(superuser, 'alter role owner_one in database one reset all')
  })

  test('a trigger of the app that is disabled is named, with the statement that enables it', async () => {
    const superuser = withDatabase(server.url, 'one')
    await run(
      superuser,
      `create function public.tg_fulfil() returns trigger language plpgsql as $$ begin return new; end $$;
      create trigger _500_fulfil after insert on payments.webhook_events for each row execute function public.tg_fulfil();
      alter table payments.webhook_events disable trigger _500_fulfil`,
    )
    const env = envOf('owner_one', 'one')
    const disabled = async () => (await doctor(env)).filter(({ check }) => check === 'fulfilment')
    expect(await disabled()).toEqual([
      {
        check: 'fulfilment',
        status: 'warning',
        message: 'The trigger _500_fulfil on payments.webhook_events is disabled.',
        next: expect.stringContaining(
          'run in psql: alter table payments.webhook_events enable trigger _500_fulfil;',
        ),
      },
    ])
    await run(superuser, 'alter table payments.webhook_events enable trigger _500_fulfil')
    expect(await disabled()).toEqual([])
    await run(
      superuser,
      'drop trigger _500_fulfil on payments.webhook_events; drop function public.tg_fulfil()',
    )
  })

  test('quote_all_identifiers changes nothing in the schema', async () => {
    const admin = open(server.url)
    await admin.unsafe('alter database one set quote_all_identifiers = on')
    await admin.end()
    const findings = await doctor(envOf('owner_one', 'one'))
    await run(withDatabase(server.url, 'one'), 'alter database one reset quote_all_identifiers')
    expect(findings.filter(({ check }) => check === 'schema')).toEqual([
      { check: 'schema', status: 'ok', message: 'the same as in this release', next: null },
    ])
  })

  test('a setting that keeps the login from reading anything is named once, and nothing else is blamed', async () => {
    const env = envOf('idle_login', 'one')
    const admin = open(server.url)
    await admin.unsafe('alter database one set row_security = off')
    const findings = failed(await doctor(env))
    const statement = "alter role idle_login in database one set row_security = 'on';"
    expect(findings.find(({ check }) => check === 'row security')).toMatchObject({
      message: 'row_security is off, so every checkout fails; it must be on.',
      next: `Run in psql: ${statement} Then restart the handlers, and the pooler if there is one.`,
    })
    expect(findings.filter(({ message }) => message.startsWith('row_security'))).toHaveLength(1)
    for (const { next } of findings) expect(next).not.toContain('grant anon')
    await admin.unsafe(statement)
    await admin.end()
    expect(failed(await doctor(env))).toEqual([])
  })
})

describe('over the API', () => {
  test('the clock of the handlers is compared', async () => {
    const behind = createServer((_, response) => {
      response.sendDate = false
      response.setHeader('date', new Date(Date.now() - 600_000).toUTCString())
      response.setHeader('content-type', 'application/json')
      response.end('{"connections":[]}')
    })
    await new Promise<void>((resolve) => behind.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(behind.address() as AddressInfo).port}`
    const findings = await doctor({ PAYMENTS_API_URL: url, PAYMENTS_ADMIN_KEY: ADMIN_KEY })
    expect(findings.find(({ check }) => check === 'clock of the API')).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(/^This machine's clock is (599|60[01]) seconds ahead of it\.$/),
      next: 'Let the clocks follow NTP.',
    })
    behind.close()
    const server = await startServer({
      env: system.env,
      port: 0,
      host: '127.0.0.1',
      log: createLog(() => {}),
    })
    const right = await doctor({ PAYMENTS_API_URL: server.url, PAYMENTS_ADMIN_KEY: ADMIN_KEY })
    expect(right.find(({ check }) => check === 'clock of the API')?.status).toBe('ok')
    expect(failed(right)).toEqual([])
    await server.close()
  })
})

test('a clock of local Stripe that was moved is no fault, and one of Stripe that is wrong is', async () => {
  const clock = async (env: Record<string, string>) =>
    (await doctor({ ...system.env, ...env })).find(({ check }) => check === 'test: clock of Stripe')
  const wrong = createServer((request, response) => {
    response.sendDate = false
    response.setHeader('date', new Date(Date.now() + 600_000).toUTCString())
    response.setHeader('content-type', 'application/json')
    response.statusCode = request.url?.startsWith('/v1/') ? 200 : 404
    response.end('{"object":"list","data":[],"has_more":false,"url":"/v1/products"}')
  })
  await new Promise<void>((resolve) => wrong.listen(0, '127.0.0.1', resolve))
  const { port } = wrong.address() as AddressInfo
  expect(await clock({ STRIPE_API_BASE_URL: `http://127.0.0.1:${port}` })).toMatchObject({
    status: 'failed',
    next: 'Let the clocks follow NTP.',
  })
  wrong.close()
  system.stripe.control.advance(8 * 86_400)
  expect(await clock({})).toEqual({
    check: 'test: clock of Stripe',
    status: 'ok',
    message: expect.stringMatching(/^local Stripe's clock was moved forward by 691,(199|200|201) seconds$/),
    next: null,
  })
})

test('a database alone: the base path that the public URL lacks is named', async () => {
  const server = await startServer({
    env: { ...system.env, PAYMENTS_BASE_PATH: '/payments' },
    port: 0,
    host: '127.0.0.1',
    log: createLog(() => {}),
  })
  const url = new URL(server.url).origin
  const findings = failed(
    await doctor({ ...system.env, PAYMENTS_BASE_PATH: '/payments', PAYMENTS_PUBLIC_URL: url }),
  )
  expect(findings.find(({ check }) => check === 'test: address wrong')?.next).toContain(
    `set PAYMENTS_PUBLIC_URL to ${url}/payments`,
  )
  await server.close()
})

test('the doctor warns of missing offers, in test and in live, where the policies let an app user choose', async () => {
  const { sql } = system.database
  const lines = async () => {
    const live = { STRIPE_LIVE_SECRET_KEY: system.stripe.liveSecretKey }
    const { json } = await runCli(['doctor', '--json'], { env: { ...system.env, ...live } })
    return json<{ findings: Finding[] }>().findings.filter(({ check }) => check.endsWith(': offers'))
  }
  const warning = (environment: string) => ({
    check: `${environment}: offers`,
    status: 'warning',
    message:
      'There are none, so app users can buy every active price, with trials and promotion codes, that the policies allow.',
    next: `Run: pg-payments offers set <offerId> --environment ${environment}`,
  })
  const fine = (environment: string, message: string) => ({
    check: `${environment}: offers`,
    status: 'ok',
    message,
  })
  const nobody = 'there are none; the policies let no app user choose what to buy and how'
  expect(await lines()).toMatchObject([warning('test'), warning('live')])

  await sql`insert into payments.offers (environment, offer_id, price_id, mode) values ('live', 'a', 'p', 'payment')`
  expect(await lines()).toMatchObject([warning('test'), fine('live', 'app users can buy nothing else')])

  await sql`drop policy insert_guest on payments.stripe_checkout_sessions`
  await sql`drop policy insert_own on payments.stripe_checkout_sessions`
  await sql`truncate payments.offers`
  expect(await lines()).toMatchObject([fine('test', nobody), fine('live', nobody)])
})
