/** Every command, over a deployed API and over a database: the same exit codes, and results of the same shape. */
import { execFile } from 'node:child_process'
import { type AddressInfo, createServer } from 'node:net'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import type { Command, Option } from 'commander'
import { expect, test } from 'vitest'
import { createLog } from '../../functions/app.ts'
import { startServer } from '../../functions/node.ts'
import { TEMPLATES } from '../../scripts/cli/commands/add/templates.ts'
import { createProgram } from '../../scripts/cli/main.ts'
import { productEvent } from '../functions/support/events.ts'
import { deliver, startSyncSystem } from '../functions/sync/support/system.ts'
import { DEV_ACTIONS, type Outcome, runCli } from './support.ts'

const inTest = ['--environment', 'test']
const ENCRYPTION_KEY = Buffer.alloc(32, 1).toString('base64')

/** Commands that work on the machine or on the database itself, so they have only one way. */
const ONE_WAY = [
  'migrate',
  'migrations copy',
  'serve',
  'keys rotate',
  'add host',
  'local-stripe',
  'explain',
  'mcp',
  ...DEV_ACTIONS,
  ...TEMPLATES.map(({ name }) => `add ${name}`),
]
/** Commands over a file of the app; `catalog.test.ts` runs them. */
const OVER_FILES = ['catalog pull', 'catalog diff', 'catalog push']

type Ids = { product: string; price: string; event: string; held: string; other: string }
type Step = { command: string; args?: (ids: Ids) => string[]; input?: string; code?: number }

/** Each command at least once, in an order in which each finds the rows it needs. */
const STEPS: Step[] = [
  { command: 'stripe status', args: () => [] },
  { command: 'stripe config set', args: () => ['-', ...inTest], input: 'the key' },
  { command: 'stripe webhooks configure' },
  { command: 'stripe webhooks status' },
  { command: 'stripe sync' },
  { command: 'stripe sync', args: () => [] },
  { command: 'stripe sync', args: () => ['--environment', 'all', '--kinds', 'charges,payment-intents'] },
  { command: 'stripe catalog' },
  { command: 'stripe products list' },
  { command: 'stripe products get', args: ({ product }) => [product, ...inTest] },
  { command: 'stripe products get', args: () => ['prod_none', ...inTest], code: 4 },
  {
    command: 'stripe products create',
    args: () => [
      ...inTest,
      '--name',
      'Mug',
      '--description',
      'null',
      '--active',
      'true',
      '--metadata',
      '{"a":"b"}',
    ],
  },
  {
    command: 'stripe products create',
    args: () => [...inTest, '--name', 'Cup', '--description', 'Blue', '--idempotency-key', 'cup'],
  },
  {
    command: 'stripe products update',
    args: ({ product }) => [product, ...inTest, '--name', 'Hat', '--description', 'null', '--active', 'true'],
  },
  { command: 'stripe prices list' },
  { command: 'offers list' },
  {
    command: 'offers set',
    args: ({ price }) => ['hat', ...inTest, '--price', price, '--mode', 'payment', '--allow', 'locale'],
  },
  { command: 'offers set', args: () => ['hat', ...inTest, '--mode', 'payment'], code: 1 },
  { command: 'offers list' },
  { command: 'offers remove', args: () => ['hat', ...inTest, '--yes'] },
  { command: 'offers remove', args: () => ['none', ...inTest, '--yes'], code: 4 },
  { command: 'stripe prices list', args: ({ product }) => [...inTest, '--product', product] },
  { command: 'stripe prices get', args: ({ price }) => [price, ...inTest] },
  {
    command: 'stripe prices create',
    args: ({ product }) => [
      ...[...inTest, '--product', product, '--currency', 'eur', '--unit-amount', '500'],
      ...['--interval', 'week', '--interval-count', '2', '--lookup-key', 'null', '--active', 'true'],
      ...['--tax-behavior', 'inclusive', '--metadata', '{}', '--idempotency-key', 'price'],
    ],
  },
  {
    command: 'stripe prices create',
    args: ({ product }) => [
      ...[
        ...inTest,
        '--product',
        product,
        '--currency',
        'eur',
        '--pay-what-you-want',
        '--minimum-amount',
        '200',
      ],
      ...['--maximum-amount', '9000', '--preset-amount', '500'],
    ],
  },
  {
    command: 'stripe prices create',
    args: ({ product }) => [...inTest, '--product', product, '--currency', 'eur'],
    code: 1,
  },
  {
    command: 'stripe prices update',
    args: ({ price }) => [
      ...[price, ...inTest, '--active', 'true', '--lookup-key', 'cap'],
      ...['--tax-behavior', 'exclusive', '--metadata', '{"a":"b"}'],
    ],
  },
  { command: 'stripe prices archive', args: ({ price }) => [price, ...inTest] },
  { command: 'stripe products delete', args: ({ product }) => [product, ...inTest, '--yes'], code: 1 },
  { command: 'stripe products delete', args: ({ product }) => [product, ...inTest], code: 1 },
  { command: 'stripe customers', args: () => [...inTest, '--limit', '5'] },
  {
    command: 'stripe subscriptions',
    args: () => [...inTest, '--subject-type', 'team', '--subject-id', '42', '--limit', '5'],
  },
  {
    command: 'stripe transactions',
    args: () => [...inTest, '--subject-type', 'team', '--subject-id', '42', '--limit', '5'],
  },
  { command: 'stripe invoices', args: () => [...inTest, '--limit', '5'] },
  { command: 'stripe credit-notes', args: () => [...inTest, '--limit', '5'] },
  {
    command: 'stripe assign',
    args: () => [...inTest, '--customer', 'cus_none', '--subject-type', 'team', '--subject-id', '42'],
    code: 4,
  },
  {
    command: 'stripe erase',
    args: () => [...inTest, '--subject-type', 'team', '--subject-id', 'none', '--yes'],
    code: 4,
  },
  { command: 'events list', args: () => [...inTest, '--status', 'ignored', '--limit', '5'] },
  { command: 'events show', args: ({ event }) => [event, ...inTest] },
  { command: 'events retry', args: ({ event }) => [event, ...inTest] },
  { command: 'events retry' },
  { command: 'events replay', args: ({ event }) => [event, ...inTest, '--include-processed', '-y'] },
  { command: 'payments capture', args: ({ held }) => [held, ...inTest, '--amount', '700'] },
  { command: 'payments capture', args: () => ['pi_none', ...inTest], code: 4 },
  { command: 'payments cancel', args: ({ other }) => [other, ...inTest] },
  { command: 'recover', args: () => [...inTest, '--since', '2020-01-01'] },
  { command: 'rebuild', args: () => [...inTest, '--yes'] },
  { command: 'prune', args: () => [...inTest, '--older-than', '30', '--yes'] },
  { command: 'schedule run', args: () => [] },
  { command: 'stripe config remove', args: () => [...inTest, '--yes'] },
  { command: 'stripe config remove', args: () => [...inTest, '--yes'], code: 3 },
  { command: 'doctor', code: 1 },
]

/**
 * The names of the fields of a result, without its values, which differ between two databases. The drift of a sync is
 * left out. It depends on whether a change was made in the very second in which Stripe was asked.
 */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (value === null || typeof value !== 'object') return null
  return Object.fromEntries(
    Object.entries(value).map(([key, content]) => [key, key === 'drift' ? null : shapeOf(content)]),
  )
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Runs every step in one of the two ways, over a database of its own. */
async function runAll(way: 'api' | 'database'): Promise<Outcome[]> {
  const system = await startSyncSystem()
  const port = await freePort()
  const { STRIPE_TEST_SECRET_KEY: _key, STRIPE_TEST_WEBHOOK_SECRET: _secret, ...rest } = system.env
  const deployed = {
    ...rest,
    PAYMENTS_ENCRYPTION_KEY: ENCRYPTION_KEY,
    PAYMENTS_PUBLIC_URL: `http://127.0.0.1:${port}`,
  } as Record<string, string>
  const server = await startServer({ env: deployed, port, host: '127.0.0.1', log: createLog(() => {}) })
  const url = `http://127.0.0.1:${port}`
  try {
    const event = productEvent('prod_event', 'Bag')
    await system.api.products.create({ id: 'prod_event', name: 'Bag' })
    await deliver(system.deps, [event])
    const hold = () =>
      system.api.paymentIntents.create({
        amount: 1900,
        currency: 'eur',
        capture_method: 'manual',
        confirm: true,
        payment_method: 'pm_card_visa',
      })
    const ids = {
      product: (await system.api.prices.retrieve(system.prices.once)).product as string,
      price: system.prices.once,
      event: event.id,
      held: (await hold()).id,
      other: (await hold()).id,
    }
    const outcomes: Outcome[] = []
    for (const { command, args = () => inTest, input } of STEPS) {
      const target =
        way === 'api'
          ? ['--api-url', url, '--api-key', deployed.PAYMENTS_ADMIN_KEY ?? '']
          : ['--database-url', system.database.url]
      outcomes.push(
        await runCli([...target, ...command.split(' '), ...args(ids), '--json'], {
          env: way === 'api' ? {} : { ...deployed, DATABASE_URL: undefined, PAYMENTS_ADMIN_KEY: undefined },
          ...(input && { input: system.stripe.secretKey }),
        }),
      )
    }
    return outcomes
  } finally {
    await server.close()
    await system.close()
  }
}

test('each command returns the same over a deployed API and over a database', async () => {
  const overApi = await runAll('api')
  const toDatabase = await runAll('database')
  for (const [index, { command, code = 0 }] of STEPS.entries()) {
    const [one, other] = [overApi[index], toDatabase[index]] as [Outcome, Outcome]
    expect({ code: one.code, out: one.code === code ? '' : one.out }, command).toEqual({ code, out: '' })
    expect(other.code, `${command} ${other.out}`).toBe(code)
    if (command !== 'doctor') expect(shapeOf(one.json()), command).toEqual(shapeOf(other.json()))
  }
})

const io = {
  env: {},
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  onInterrupt: () => () => {},
}

const isHidden = (command: Command) => (command as Command & { _hidden?: boolean })._hidden === true

/** Every command with an action, by its whole name. Hidden ones are the older spellings. */
function leaves(
  command: Command,
  name = '',
  hidden = false,
): { name: string; command: Command; hidden: boolean }[] {
  return command.commands.flatMap((each) => {
    const whole = `${name} ${each.name()}`.trim()
    const inside = hidden || isHidden(each)
    return each.commands.length > 0
      ? leaves(each, whole, inside)
      : [{ name: whole, command: each, hidden: inside }]
  })
}

test('no command is left out', () => {
  const names = leaves(createProgram(io))
    .filter(({ hidden }) => !hidden)
    .map(({ name }) => name)
  const tried = [...new Set(STEPS.map(({ command }) => command)), ...ONE_WAY, ...OVER_FILES]
  expect([...tried].sort()).toEqual([...names].sort())
})

/** Older spellings with another name. `catalog` without another word is the hidden `catalog list`. */
const TODAY: Record<string, string> = { history: 'transactions', 'catalog list': 'catalog' }

/** Commands that came after the older spellings. */
const WITHOUT_OLDER = ['webhooks status', 'assign', 'erase']

test('every older spelling takes what it took, and those that lack only "stripe" take what they take today', () => {
  const all = leaves(createProgram(io))
  const older = all.filter(({ hidden }) => hidden)
  const takes = ({ command }: { command: Command }) => [
    ...command.registeredArguments.map((argument) => `${argument.name()} ${argument.required}`),
    ...command.options.map(({ flags, mandatory }) => `${flags} ${mandatory}`),
  ]
  const withArgument: Record<string, string[]> = {
    'config set': [
      'environment true',
      'secretKey false',
      '--secret-key <key> false',
      '--replace-account false',
    ],
    'config remove': ['environment true'],
    'webhooks configure': ['environment true'],
  }
  for (const command of older) {
    const today = TODAY[command.name] ?? command.name
    const found = all.find(({ name }) => name === `stripe ${today}`)
    expect(takes(command), command.name).toEqual(withArgument[today] ?? (found && takes(found)))
  }
  const names = all.filter(({ name }) => name.startsWith('stripe ')).map(({ name }) => name.slice(7))
  expect(older.map(({ name }) => (name === 'catalog list' ? 'catalog' : name)).sort()).toEqual(
    [...names.filter((name) => !WITHOUT_OLDER.includes(name)), 'history'].sort(),
  )
})

test('the commands have the arguments and options that existing scripts give them', () => {
  const product = ['--name', '--description', '--active', '--metadata']
  const price = ['--lookup-key', '--active', '--tax-behavior', '--metadata']
  const subject = ['--subject-type', '--subject-id', '--limit']
  const expected: Record<string, string[]> = {
    status: [],
    'config set': ['[secretKey]', '--environment', '--secret-key'],
    'config remove': ['--environment'],
    sync: ['--environment'],
    'webhooks configure': ['--environment'],
    catalog: ['--environment'],
    customers: ['--environment', '--limit'],
    'products list': ['--environment'],
    'products get': ['<productId>', '--environment'],
    'products create': ['--environment', ...product, '--idempotency-key'],
    'products update': ['<productId>', '--environment', ...product],
    'products delete': ['<productId>', '--environment'],
    'prices list': ['--environment', '--product'],
    'prices get': ['<priceId>', '--environment'],
    'prices create': [
      ...['--environment', '--product', '--currency', '--unit-amount', '--interval', '--interval-count'],
      ...[...price, '--idempotency-key'],
    ],
    'prices update': ['<priceId>', '--environment', ...price],
    'prices archive': ['<priceId>', '--environment'],
    subscriptions: ['--environment', ...subject],
    transactions: ['--environment', ...subject],
  }
  const all = leaves(createProgram(io))
  for (const [name, takes] of Object.entries(expected)) {
    const found = all.find((each) => each.name === `stripe ${name}`)?.command
    const has = [
      ...(found?.registeredArguments ?? []).map((argument) =>
        argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
      ),
      ...(found?.options ?? []).map(({ long }) => long),
    ]
    expect(has, name).toEqual(expect.arrayContaining(takes))
    const mandatory = (found?.options ?? []).filter((option) => option.mandatory).map(({ long }) => long)
    const needed: Record<string, string[]> = {
      status: [],
      sync: [],
      'products create': ['--environment', '--name'],
      'prices create': ['--environment', '--product', '--currency'],
    }
    expect(mandatory, name).toEqual(needed[name] ?? ['--environment'])
  }
})

/** Node reads a few options wherever they stand, also behind the name of the program. */
test('Node passes every option on, but for the older name of --write-env, which help does not show', async () => {
  const everyOption = (command: Command): readonly Option[] =>
    [command, ...command.commands].flatMap((each) => (each === command ? each.options : everyOption(each)))
  const options = everyOption(createProgram(io))
  const shown = [...new Set(options.filter(({ hidden }) => !hidden).map(({ long }) => long ?? ''))]
  expect(shown).toContain('--write-env')
  expect(shown).not.toContain('--env-file')
  expect(shown).not.toContain('--env-file-if-exists')
  const words = shown.flatMap((option) => [option, 'nowhere'])
  const program = new URL('../support/print-arguments.js', import.meta.url).pathname
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, ...words])
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual(words)
})
