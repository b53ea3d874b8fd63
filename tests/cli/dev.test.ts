/** `dev` in a real terminal, each of its actions, and `local-stripe`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Stripe } from 'stripe'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPaymentsClient } from '../../functions/client/index.ts'
import { writeEnvFile } from '../../scripts/cli/commands/dev/env-file.ts'
import { folderOf } from '../../scripts/cli/commands/dev/folder.ts'
import { findMigrations, followMigrations, runMigrations } from '../../scripts/cli/commands/dev/migrations.ts'
import { secondsOf } from '../../scripts/kit/actions.ts'
import { isRemote } from '../../scripts/kit/remote.ts'
import { signToken } from '../../scripts/kit/tokens.ts'
import { EMBEDDED_POSTGRES } from '../../scripts/postgres/index.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { DEV_ACTIONS, runCli, startInTerminal, type Terminal } from './support.ts'

let database: TestDatabase
let folder: string
let before: string
let terminal: Terminal
let env: Record<string, string>
let prices: { monthly: string; once: string }
const tried = new Set<string>()

/** An action of the dev that runs; its message. */
async function dev(...args: string[]): Promise<string> {
  tried.add(`dev ${args[0]}`)
  const { code, out, err } = await runCli(['dev', ...args])
  expect(err).toBe('')
  expect(code).toBe(0)
  return out.trim()
}

beforeAll(async () => {
  database = await createTestDatabase()
  folder = await mkdtemp(join(tmpdir(), 'pg-payments-dev-'))
  before = process.cwd()
  process.chdir(folder)
  terminal = startInTerminal(
    ['dev', '--port', '0', '--stripe-port', '0'],
    { DATABASE_URL: database.url },
    folder,
  )
  await terminal.appears('q  stop')
  env = Object.fromEntries((await dev('env')).split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)))
  const api = sdk(env.STRIPE_API_BASE_URL, env.STRIPE_TEST_SECRET_KEY)
  const product = (await api.products.create({ name: 'Pro' })).id
  const terms = { product, currency: 'eur', unit_amount: 900 }
  prices = {
    monthly: (await api.prices.create({ ...terms, recurring: { interval: 'month' } })).id,
    once: (await api.prices.create(terms)).id,
  }
})
afterAll(async () => {
  terminal.type('q')
  await terminal.ended
  process.chdir(before)
  await database.close()
  await rm(folder, { recursive: true, force: true })
})

function sdk(url = '', key = ''): Stripe {
  const { hostname, port } = new URL(url)
  return new Stripe(key, { host: hostname, port, protocol: 'http' })
}

/** Begins a checkout as a user of the app. */
async function checkout(mode: 'payment' | 'subscription'): Promise<string> {
  const token = await signToken(env.PAYMENTS_JWT_SECRET ?? '', { sub: 'ada' })
  const payments = createPaymentsClient({ baseUrl: env.PAYMENTS_API_URL ?? '', getToken: () => token })
  const { data } = await payments.stripe.createCheckoutSession('test', {
    mode,
    subject: { type: 'user', id: 'ada' },
    lineItems: [{ priceId: mode === 'payment' ? prices.once : prices.monthly }],
    successUrl: 'https://app.example/done',
    cancelUrl: 'https://app.example/',
  })
  return data?.checkoutSession.checkoutSessionId ?? ''
}

describe('each action of a dev that runs', () => {
  test('says what it did', async () => {
    const session = await checkout('subscription')
    expect(await dev('decline')).toBe(`Declined ${session}: Your card was declined.`)
    expect(await dev('pay', session)).toBe(`Paid ${session}: paid.`)
    expect(await dev('renew')).toMatch(/^Renewed sub_\w+: active\.$/)
    expect(await dev('cancel', '--at-period-end')).toMatch(/^Canceled sub_\w+ at the end of the period\.$/)
    expect(await dev('advance', '2', 'months')).toMatch(/^It is 20\d\d-.*Z at local Stripe\.$/)
    expect(await dev('refund', '--amount', '100')).toMatch(/^Refunded €1\.00 of ch_\w+\.$/)
    expect(await dev('dispute', session, '--outcome', 'lost')).toMatch(/^Disputed ch_\w+ and lost\.$/)
    await checkout('payment')
    expect(await dev('pay', '--bank')).toMatch(/: unpaid\.$/)
    expect(await dev('settle', '--fail')).toMatch(/^Settled pi_\w+: requires_payment_method\.$/)
    await checkout('payment')
    expect(await dev('expire')).toMatch(/^Expired cs_/)
    expect(await dev('late')).toBe('Events are held back from now on.')
    await checkout('payment')
    await dev('pay')
    expect(await dev('release', '--order', 'reverse')).toMatch(/^Delivered \d+ held events\.$/)
    await dev('late')
    expect(await dev('shuffle')).toBe('Delivered 0 held events.')
    expect(await dev('twice')).toMatch(/^Delivered evt_\w+ again\.$/)
    expect([...tried].sort()).toEqual(DEV_ACTIONS)
  })

  test('refuses what it cannot do, in a sentence', async () => {
    const refused = async (...args: string[]) => (await runCli(['dev', ...args])).err.trim()
    expect(await refused('advance', 'soon')).toBe(
      '"soon" is not a duration: write for example 36h, 3 days or 1 month.',
    )
    expect(await refused('refund', 'cus_1')).toBe(
      'cus_1 is not a payment: name a checkout session, an invoice, a payment intent or a charge.',
    )
    expect(await refused('pay', 'cs_none')).toContain('No such checkout.session')
  })
})

test('a key in the terminal pays, and each event has a line with what became of it', async () => {
  const session = await checkout('payment')
  terminal.type('p')
  await terminal.appears(`Paid ${session}: paid.`)
  await terminal.appears(`processed   ${session}`)
  const api = sdk(env.STRIPE_API_BASE_URL, env.STRIPE_TEST_SECRET_KEY)
  const [completed] = (await api.events.list({ type: 'checkout.session.completed' })).data
  await dev('twice', completed?.id ?? '')
  await terminal.appears('duplicate: changed nothing')
  terminal.type('2')
  await terminal.appears(`Delivered ${(await api.events.list()).data[0]?.id} again.`)
})

test('an event that a trigger of the app refuses has a line with the reason', async () => {
  await database.sql.unsafe(`
    create function public.fail() returns trigger language plpgsql as $$
    begin raise exception 'the shelf is empty'; end $$;
    create trigger _500_fail after insert or update on payments.webhook_events for each row
      when (new.event_type = 'checkout.session.completed' and new.processing_status = 'processed')
      execute function public.fail();`)
  await checkout('payment')
  await dev('pay')
  await terminal.appears('refused with 500: ')
  expect(terminal.screen()).toContain('the shelf is empty')
  await database.sql`drop function public.fail() cascade`
})

test('a file of variables keeps its other lines, and each variable is there once', async () => {
  const path = join(folder, '.env')
  await writeEnvFile(path, { A: '1' })
  await writeEnvFile(path, { B: '2', A: '3' })
  expect(await readFile(path, 'utf8')).toBe('# pg-payments dev\nA=3\n\n# pg-payments dev\nB=2\n')
})

test('a file of variables that cannot be written is named', async () => {
  await expect(writeEnvFile(join(folder, 'nowhere', '.env'), { A: '1' })).rejects.toMatchObject({
    message: `${join(folder, 'nowhere', '.env')} cannot be written (ENOENT).`,
    next: 'Name a file in a folder that exists and that you may write to.',
  })
})

test('a state that is damaged, or has no place, is named, and --reset leads out of it', async () => {
  const at = await mkdtemp(join(tmpdir(), 'pg-payments-state-'))
  const state = folderOf(at)
  await state.saveSettings(await state.settings())
  for (const text of ['{broken', '[]', '{"jwtSecret": 5}', '{"endpoints": null}']) {
    await writeFile(state.file('settings.json'), text)
    await expect(state.settings(), text).rejects.toMatchObject({
      message: `${state.file('settings.json')} is damaged.`,
      next: 'Run: npx pg-payments dev --reset',
    })
  }
  await writeFile(state.file('running.json'), '{broken')
  expect(await state.running()).toBeUndefined()
  await state.reset()
  expect((await state.settings()).endpoints).toEqual({})
  await writeFile(state.path, 'a file of somebody')
  await expect(state.settings()).rejects.toMatchObject({
    message: `${state.path}, where dev keeps its state, cannot be used (ENOTDIR).`,
  })
  await rm(at, { recursive: true })
})

describe('the migrations of the app', () => {
  const NOTES = 'create table public.notes (id int primary key);'
  const PLANS = 'create view public.plans as select status from payments.stripe_subscriptions;'
  const cases: [string, Record<string, string>, string[]][] = [
    [
      'Supabase',
      { 'supabase/migrations/1_notes.sql': NOTES, 'supabase/migrations/2_plans.sql': PLANS },
      ['supabase/migrations/1_notes.sql', 'payments', 'supabase/migrations/2_plans.sql'],
    ],
    [
      'node-pg-migrate',
      {
        'package.json': '{ "type": "module", "dependencies": { "node-pg-migrate": "9.0.0" } }',
        'migrations/1_notes.js': `export const up = (pgm) => pgm.sql('${NOTES}')`,
        'migrations/2_plans.sql': `-- Up Migration\n${PLANS}\n-- Down Migration\ndrop view public.plans;`,
      },
      ['1_notes', 'payments', '2_plans'],
    ],
    [
      'graphile-migrate, without its program,',
      { '.gmrc': '{}', 'migrations/committed/000001.sql': NOTES, 'migrations/current.sql': PLANS },
      ['migrations/committed/000001.sql', 'payments', 'migrations/current.sql'],
    ],
  ]

  test.each(cases)(
    'of %s run once and in order, with the schema payments where it is needed',
    async (_, files, order) => {
      const root = await mkdtemp(join(tmpdir(), 'pg-payments-app-'))
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(root, name)), { recursive: true })
        await writeFile(join(root, name), text)
      }
      const fresh = await createTestDatabase()
      const found = await findMigrations(root, undefined)
      const seen: string[] = []
      const run = async () => {
        if (!found) throw new Error('No migrations were found.')
        const notes = async () =>
          (await fresh.sql`select to_regclass('public.notes') is not null as there`)[0]?.there
        return runMigrations(
          found,
          fresh.url,
          async () => {
            if (!seen.includes('payments')) seen.push('payments', String(await notes()))
          },
          () => {},
        )
      }
      const ran = await run()
      expect(seen).toEqual(['payments', 'true'])
      expect(ran).toEqual(order.filter((name) => name !== 'payments'))
      expect(await run()).toEqual([])
      // A file that is empty is being written.
      const [last = ''] = Object.keys(files)
        .filter((name) => name.includes('migrations/'))
        .slice(-1)
      const more = join(root, dirname(last), '3_more.sql')
      await writeFile(more, '')
      expect(await run()).toEqual([])
      await writeFile(more, 'create table public.more (id int);')
      expect(await run()).toHaveLength(1)
      expect(await fresh.sql`select * from public.plans`).toEqual([])
      await fresh.close()
      await rm(root, { recursive: true })
    },
  )

  test('are noticed when their folder is created later, and so are the files after the first', async () => {
    const root = await mkdtemp(join(tmpdir(), 'pg-payments-app-'))
    const fresh = await createTestDatabase()
    const find = () => findMigrations(root, undefined)
    expect(await find()).toBeNull()
    const waiting: ((ran: string) => void)[] = []
    const next = () => new Promise<string>((resolve) => void waiting.push(resolve))
    const stop = followMigrations(null, find, async (found) => {
      for (const name of await runMigrations(
        found,
        fresh.url,
        async () => {},
        () => {},
      ))
        waiting.shift()?.(name)
    })
    await mkdir(join(root, 'migrations'))
    const [first, second] = [next(), next()]
    await writeFile(join(root, 'migrations/1.sql'), NOTES)
    expect(await first).toBe('migrations/1.sql')
    await writeFile(join(root, 'migrations/2.sql'), PLANS)
    expect(await second).toBe('migrations/2.sql')
    await stop()
    expect(await fresh.sql`select * from public.plans`).toEqual([])
    await fresh.close()
    await rm(root, { recursive: true })
  })

  test('that need what only Supabase has are refused with the way out', async () => {
    const root = await mkdtemp(join(tmpdir(), 'pg-payments-app-'))
    await mkdir(join(root, 'supabase/migrations'), { recursive: true })
    await writeFile(
      join(root, 'supabase/migrations/1.sql'),
      'create table public.p (id uuid references auth.users);',
    )
    const found = await findMigrations(root, undefined)
    await expect(
      runMigrations(
        found as never,
        database.url,
        async () => {},
        () => {},
      ),
    ).rejects.toMatchObject({
      message: `The app's migrations cannot be run. supabase/migrations/1.sql failed: schema "auth" does not exist`,
      next: expect.stringContaining('Set DATABASE_URL to that of "supabase start"'),
    })
    expect(await findMigrations(root, false)).toBeNull()
    await expect(findMigrations(root, 'nowhere')).rejects.toThrow('There is no folder nowhere.')
    await rm(root, { recursive: true })
  })
})

test('the Postgres that dev asks for is the one that is tested here', async () => {
  const { default: manifest } = await import('../../package.json', { with: { type: 'json' } })
  expect(EMBEDDED_POSTGRES).toBe(`embedded-postgres@${manifest.devDependencies['embedded-postgres']}`)
})

test.each([
  ['90', 90],
  ['36h', 129_600],
  ['3 days', 259_200],
  ['1 month', 2_678_400],
])('the duration %s is %i seconds', (text, seconds) => {
  expect(secondsOf(text)).toBe(seconds)
})

test('a database is remote unless it is this machine, a socket, or a container without a domain', () => {
  const remote = (url: string) => isRemote(new URL(url))
  for (const url of ['localhost', '127.0.0.1:5433', '[::1]', 'db', 'host.docker.internal', '%2Ftmp'])
    expect(remote(`postgres://u@${url}/x`), url).toBe(false)
  for (const url of ['db.example.com', '10.0.0.7', 'aws-0.pooler.supabase.com:6543'])
    expect(remote(`postgres://u@${url}/x`), url).toBe(true)
})

test('local-stripe serves the official SDK, keeps its state in a file, and ends on SIGTERM', async () => {
  const main = fileURLToPath(new URL('../../scripts/cli/main.ts', import.meta.url))
  const state = join(folder, 'alone.state')
  const start = async () => {
    const args = [
      'local-stripe',
      '--port',
      '0',
      '--json',
      '--state',
      state,
      '--clock',
      '2026-01-31T12:00:00Z',
    ]
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), main, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    for await (const chunk of child.stdout) {
      text += String(chunk)
      if (text.includes('}')) break
    }
    const { url, secretKey } = JSON.parse(text) as { url: string; secretKey: string }
    return { child, api: sdk(url, secretKey) }
  }
  const first = await start()
  const made = await first.api.customers.create({ name: 'Ada' })
  expect(new Date(made.created * 1000).toISOString().slice(0, 10)).toBe('2026-01-31')
  first.child.kill('SIGTERM')
  expect(await once(first.child, 'exit')).toEqual([0, null])
  const second = await start()
  expect((await second.api.customers.list()).data.map(({ id }) => id)).toEqual([made.id])
  second.child.kill('SIGTERM')
  await once(second.child, 'exit')
})
