/** `pg-payments catalog`: a file of products and prices, and Stripe as it says. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Catalog } from '../../types/catalog.ts'
import { type SyncSystem, startSyncSystem } from '../functions/sync/support/system.ts'
import { asCaller, service, user } from '../setup/database.ts'
import { begin } from '../sql/support/calls.ts'
import { runCli } from './support.ts'

let system: SyncSystem
let folder: string

beforeEach(async () => {
  system = await startSyncSystem()
  folder = await mkdtemp(join(tmpdir(), 'pg-payments-catalog-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
  await system.close()
})

const file = (name = 'payments.catalog.json') => join(folder, name)
const catalog = (command: string, ...args: string[]) =>
  runCli(['catalog', command, '--environment', 'test', '--file', file(), '--yes', ...args], {
    env: system.env,
  })

const PRO: Catalog['products'][number] = {
  key: 'pro',
  name: 'Pro',
  description: 'For teams',
  features: ['Seats', 'Support'],
  metadata: { color: 'red' },
  prices: [
    {
      lookupKey: 'pro_monthly',
      amount: 1900,
      currency: 'eur',
      currencies: { usd: 2100 },
      interval: 'month',
      trialDays: 14,
    },
    { lookupKey: 'pro_once', amount: 9900, currency: 'eur' },
  ],
}
const write = (...products: Catalog['products']) =>
  writeFile(file(), `${JSON.stringify({ products }, null, 2)}\n`)
const ok = async (command: string, ...args: string[]) => {
  const outcome = await catalog(command, ...args)
  expect({ code: outcome.code, err: outcome.code === 0 ? '' : outcome.err }).toEqual({ code: 0, err: '' })
  return outcome.out
}
const inside = async () => {
  const products = await system.api.products.list({ limit: 100 }).autoPagingToArray({ limit: 1000 })
  const prices = await system.api.prices.list({ limit: 100 }).autoPagingToArray({ limit: 1000 })
  return {
    products: products.filter(({ metadata }) => metadata.payments_catalog),
    prices: prices.filter(({ metadata }) => metadata.payments_catalog),
    others: [...products, ...prices].filter(({ metadata }) => !metadata.payments_catalog),
  }
}
const active = async () =>
  (await inside()).prices
    .filter((price) => price.active)
    .map(({ lookup_key, unit_amount, currency }) => `${lookup_key} ${unit_amount} ${currency}`)
    .sort()

describe('push', () => {
  test('makes what the file says, shows it first, and finds nothing to do afterwards', async () => {
    await write(PRO)
    const before = (await inside()).others
    expect(await ok('diff')).toBe(
      [
        'payments.catalog.json:3 create product pro: Pro',
        'payments.catalog.json:17 create price pro_monthly: €19.00 every 1 month',
        'payments.catalog.json:20 create price pro_monthly_usd: $21.00 every 1 month',
        'payments.catalog.json:27 create price pro_once: €99.00\n',
      ].join('\n'),
    )
    expect((await inside()).products).toEqual([])
    expect(await ok('push')).toBe('Done: 4 steps in test.\n')
    const { products, prices, others } = await inside()
    expect(products).toMatchObject([
      {
        name: 'Pro',
        description: 'For teams',
        marketing_features: [{ name: 'Seats' }, { name: 'Support' }],
        metadata: { color: 'red', payments_catalog: 'pro', payments_features: '["Seats","Support"]' },
      },
    ])
    expect(prices.find(({ lookup_key }) => lookup_key === 'pro_monthly')).toMatchObject({
      unit_amount: 1900,
      recurring: { interval: 'month', interval_count: 1 },
      metadata: { payments_trial_days: '14' },
    })
    expect(await active()).toEqual(['pro_monthly 1900 eur', 'pro_monthly_usd 2100 usd', 'pro_once 9900 eur'])
    expect(others).toEqual(before)
    expect(await ok('push')).toBe('test has what the file says.\n')
    expect(await ok('diff', '--exit-code')).toBe('test has what the file says.\n')
  })

  test('archives instead of changing an amount, and names the line', async () => {
    await write(PRO)
    await ok('push')
    const [monthly] = (await inside()).prices.filter(({ lookup_key }) => lookup_key === 'pro_monthly')
    await write({
      ...PRO,
      prices: PRO.prices.map((price) =>
        price.lookupKey === 'pro_monthly' ? { ...price, amount: 2900 } : price,
      ),
    })
    const { code, err } = await catalog('diff', '--exit-code')
    expect({ code, err: err.split('\n')[0] }).toEqual({ code: 1, err: 'test differs from the file.' })
    const { steps } = (await catalog('diff', '--json')).json<{ steps: { text: string }[] }>()
    expect(steps.map(({ text }) => text)).toEqual([
      'payments.catalog.json:17 create price pro_monthly: €29.00 every 1 month',
      `archive price pro_monthly (${monthly?.id}, €19.00): payments.catalog.json:17 says €29.00, and the amount of a price never changes`,
    ])
    await ok('push')
    expect(await active()).toEqual(['pro_monthly 2900 eur', 'pro_monthly_usd 2100 usd', 'pro_once 9900 eur'])
    expect(await system.api.prices.retrieve(monthly?.id ?? '')).toMatchObject({
      active: false,
      lookup_key: null,
      unit_amount: 1900,
    })
    // Back to the former amount: the former price is taken again.
    await write(PRO)
    await ok('push')
    expect(await system.api.prices.retrieve(monthly?.id ?? '')).toMatchObject({
      active: true,
      lookup_key: 'pro_monthly',
    })
    expect(await ok('push')).toBe('test has what the file says.\n')
  })

  test('that is stopped between the new price and the old one leaves the lookup key with the new price', async () => {
    await write(PRO)
    await ok('push')
    const [first, ...rest] = PRO.prices
    await write({ ...PRO, prices: [{ ...(first as (typeof PRO.prices)[number]), amount: 2900 }, ...rest] })
    system.stripe.control.fail({
      method: 'POST',
      path: '/v1/prices/price_',
      times: 1,
      fault: { status: 429 },
    })
    expect((await catalog('push')).err).toContain('1 of 2 steps are done.')
    const holders = await system.api.prices.list({ lookup_keys: ['pro_monthly'] })
    expect(holders.data).toMatchObject([{ unit_amount: 2900, active: true }])
    await ok('push')
    expect(await active()).toEqual(['pro_monthly 2900 eur', 'pro_monthly_usd 2100 usd', 'pro_once 9900 eur'])
    expect(await ok('push')).toBe('test has what the file says.\n')
  })

  test('changes what can change, and archives what the file no longer has', async () => {
    await write(PRO, { key: 'old', name: 'Old', prices: [{ lookupKey: 'old', amount: 1, currency: 'eur' }] })
    await ok('push')
    await write({
      ...PRO,
      name: 'Professional',
      description: undefined,
      features: undefined,
      metadata: { size: 'l' },
    })
    await ok('push')
    const { products } = await inside()
    expect(products.find(({ metadata }) => metadata.payments_catalog === 'pro')).toMatchObject({
      name: 'Professional',
      description: null,
      marketing_features: [],
      metadata: { size: 'l', payments_catalog: 'pro' },
    })
    expect(products.find(({ metadata }) => metadata.payments_catalog === 'old')).toMatchObject({
      active: false,
    })
    expect(await active()).toEqual(['pro_monthly 1900 eur', 'pro_monthly_usd 2100 usd', 'pro_once 9900 eur'])
    expect(await ok('push')).toBe('test has what the file says.\n')
  })

  test('never touches what it did not make, until it is told', async () => {
    const theirs = await system.api.products.create({ name: 'Theirs', metadata: { color: 'blue' } })
    const price = await system.api.prices.create({
      ...{ product: theirs.id, currency: 'eur', unit_amount: 1900, lookup_key: 'pro_monthly' },
      recurring: { interval: 'month' },
    })
    const [monthly] = PRO.prices
    await write({
      key: 'pro',
      name: 'Pro',
      prices: [{ ...(monthly as (typeof PRO.prices)[number]), currencies: undefined, trialDays: undefined }],
    })
    const { code, err } = await catalog('push')
    expect({ code, err }).toEqual({
      code: 1,
      err: `payments.catalog.json:9 The lookup key pro_monthly belongs to ${price.id}, which this file did not make.\nNothing was changed.\nChoose another lookup key, or add --adopt to take it over.\n`,
    })
    expect((await inside()).products).toEqual([])
    await ok('push', '--adopt')
    expect(await system.api.prices.retrieve(price.id)).toMatchObject({
      active: true,
      metadata: { payments_catalog: 'pro_monthly' },
    })
    expect(await system.api.products.retrieve(theirs.id)).toMatchObject({
      name: 'Pro',
      metadata: { payments_catalog: 'pro', color: 'blue' },
    })
    expect(await ok('push')).toBe('test has what the file says.\n')
  })

  test('that was stopped half-way goes on, and makes nothing twice', async () => {
    await write(PRO)
    for (const fault of [{ status: 500, afterWork: true }, { status: 429 }]) {
      system.stripe.control.fail({ method: 'POST', path: '/v1/prices', times: 1, fault })
      const { code, err } = await catalog('push')
      expect(code).toBe(1)
      expect(err).toMatch(
        /\d of \d steps? are done\.\n.*Then run the same command: it goes on from there\.\n$/,
      )
    }
    await ok('push')
    expect(await active()).toEqual(['pro_monthly 1900 eur', 'pro_monthly_usd 2100 usd', 'pro_once 9900 eur'])
    const { products, prices } = await inside()
    expect([products.length, prices.length]).toEqual([1, 3])
  })

  test('asks first, and says what there is to do', async () => {
    await write(PRO)
    const { code, err } = await runCli(['catalog', 'push', '--environment', 'test', '--file', file()], {
      env: system.env,
    })
    expect(code).toBe(1)
    expect(err).toContain('create product pro: Pro')
    expect(err).toContain('Do this in test: this needs confirmation.\nAdd --yes.\n')
    expect((await inside()).products).toEqual([])
  })
})

test('a trial of the file is that of the checkout', async () => {
  await write(PRO)
  await ok('push')
  const { prices } = await inside()
  const paramsOf = async (lookupKey: string, mode: string) => {
    const priceId = prices.find(({ lookup_key }) => lookup_key === lookupKey)?.id
    const begun = await asCaller(system.database.sql, service, (sql) =>
      begin(sql, user('u1'), { mode, lineItems: [{ priceId }], subject: { type: 'user', id: 'u1' } }),
    )
    return begun.params
  }
  expect((await paramsOf('pro_monthly', 'subscription')).subscription_data).toMatchObject({
    trial_period_days: 14,
  })
  expect(await paramsOf('pro_once', 'payment')).not.toHaveProperty('subscription_data')
})

describe('pull', () => {
  test('writes a file that push agrees with, in test as in live', async () => {
    await write(PRO)
    await ok('push')
    await rm(file())
    const out = await ok('pull')
    expect(out).toContain('Wrote 2 products to payments.catalog.json.')
    expect(out).toContain('of Cap is left out, because it has no lookup key.')
    const pulled: Catalog = JSON.parse(await readFile(file(), 'utf8'))
    expect(pulled.products.find(({ key }) => key === 'pro')).toEqual(PRO)
    await writeFile(file(), JSON.stringify({ products: pulled.products.filter(({ key }) => key === 'pro') }))
    expect(await ok('push')).toBe('test has what the file says.\n')
  })

  test('shortens the key of a product whose name is long, and diff agrees with the file', async () => {
    const name = `${'Very '.repeat(60)}long`
    for (const _ of [1, 2]) {
      const product = await system.api.products.create({ name })
      const terms = { product: product.id, currency: 'eur', unit_amount: 500 }
      await system.api.prices.create({ ...terms, lookup_key: `${'k'.repeat(190)}_${product.id.slice(-4)}` })
    }
    await ok('pull')
    const { products } = JSON.parse(await readFile(file(), 'utf8')) as Catalog
    const keys = products.filter((product) => product.name === name).map(({ key }) => key)
    expect(keys.map(({ length }) => length)).toEqual([100, 100])
    expect(new Set(keys).size).toBe(2)
    expect(await ok('diff', '--adopt')).not.toContain('create')
  })

  test('overwrites no file without being asked', async () => {
    await writeFile(file(), 'mine')
    const { code } = await runCli(['catalog', 'pull', '--environment', 'test', '--file', file()], {
      env: system.env,
    })
    expect([code, await readFile(file(), 'utf8')]).toEqual([1, 'mine'])
  })
})

describe('a file that is wrong is named with its line, and nothing is changed', () => {
  const wrong = async (text: string, name?: string) => {
    await writeFile(file(name), text)
    const { code, err } = await runCli(
      ['catalog', 'push', '--environment', 'test', '--file', file(name), '--yes'],
      { env: system.env },
    )
    expect(code).toBe(1)
    expect((await inside()).products).toEqual([])
    return err
  }

  test.each<[string, string, string]>([
    [
      'an unknown field',
      '{\n "products": [{\n  "key": "a", "name": "A",\n  "colour": 1,\n  "prices": [] }] }',
      'payments.catalog.json:4 colour is no field here.',
    ],
    [
      'an amount with a fraction and a missing field',
      '{ "products": [{ "key": "a",\n "prices": [\n { "lookupKey": "x",\n "amount": 19.5,\n "currency": "EUR" }] }] }',
      'payments.catalog.json:1 name is missing.\npayments.catalog.json:4 amount must be a whole number of the minor unit, for example 1900 for 19.00.\npayments.catalog.json:5 currency must be a currency of three lower-case letters.',
    ],
    [
      'a lookup key that is there twice',
      '{ "products": [{ "key": "a", "name": "A", "prices": [\n { "lookupKey": "x", "amount": 1, "currency": "eur" },\n { "lookupKey": "x",\n "amount": 2, "currency": "eur" }] }] }',
      'payments.catalog.json:3 The lookup key x is there already, in payments.catalog.json:2.',
    ],
    [
      'a field that needs another',
      '{ "products": [{ "key": "a", "name": "A", "prices": [{ "lookupKey": "x", "amount": 1, "currency": "eur",\n "trialDays": 3 }] }] }',
      'payments.catalog.json:2 trialDays needs interval.',
    ],
    ['a list instead of an object', '[]', 'payments.catalog.json:1 The file must be an object.'],
    [
      'parts of a wrong shape',
      '{ "products": [\n"pro",\n{ "key": "a", "name": 5,\n "prices": {} },\n{ "key": "b", "name": "B", "prices": [{ "lookupKey": "x",\n "amount": 9007199254740992, "currency": "eur" }] }],\n "offers": true }',
      [
        'payments.catalog.json:2 products[0] must be an object.',
        'payments.catalog.json:3 name must be text.',
        'payments.catalog.json:4 prices must be a list.',
        'payments.catalog.json:6 amount is too large.',
        'payments.catalog.json:7 offers must be a list.',
      ].join('\n'),
    ],
    ['what is no JSON', '{\n "products": [\n', 'payments.catalog.json:3 is not JSON (CloseBracketExpected).'],
    [
      'reserved metadata',
      '{ "products": [{ "key": "a", "name": "A", "metadata": {\n "payments_x": "1" }, "prices": [] }] }',
      'payments.catalog.json:2 payments_x is reserved.',
    ],
  ])('%s', async (_, text, sentence) => {
    expect(await wrong(text)).toBe(`${sentence}\nCorrect the file; nothing was changed.\n`)
  })

  test('a folder that is not there, when a file is pulled', async () => {
    const path = join(folder, 'nowhere', 'payments.catalog.json')
    const { code, err } = await runCli(['catalog', 'pull', '--environment', 'test', '--file', path], {
      env: system.env,
    })
    expect([code, err.split('\n')[0]]).toEqual([1, `${path} cannot be written (ENOENT).`])
  })

  test('but a trailing comma, a comment and a byte order mark are no mistake', async () => {
    await writeFile(file(), '\uFEFF{ "products": [ // ours\n { "key": "a", "name": "A", "prices": [], }, ] }')
    expect(await ok('push')).toBe('Done: 1 step in test.\n')
  })

  test('a file that is not there', async () => {
    const { err } = await runCli(['catalog', 'diff', '--environment', 'test'], { env: system.env })
    expect(err).toContain('There is no payments.catalog.json here.')
  })
})

test('the listing of older scripts still answers', async () => {
  const { code, out } = await runCli(['catalog', '--environment', 'test', '--json'], { env: system.env })
  expect(code).toBe(0)
  expect(JSON.parse(out)).toEqual({ products: [], prices: [] })
})

test('a file in TypeScript works where Node reads it, and another Node says so', async () => {
  const name = 'payments.catalog.ts'
  await writeFile(
    file(name),
    `const key: string = 'pro'\nexport default { products: [{ key, name: 'Pro', prices: [\n  { lookupKey: 'twice', amount: 1, currency: 'eur' },\n  { lookupKey: 'twice', amount: 2, currency: 'eur' },\n] }] }\n`,
  )
  const { err } = await runCli(['catalog', 'diff', '--environment', 'test', '--file', file(name)], {
    env: system.env,
  })
  expect(err).toMatch(
    /^(payments\.catalog\.ts:3\.products\[0\]\.prices\[1\]\.lookupKey The lookup key twice is there already|payments\.catalog\.ts cannot be loaded: this Node does not read TypeScript)/,
  )
})

describe('offers of the file', () => {
  const SOLD: NonNullable<Catalog['offers']> = [
    {
      key: 'pro_for_teams',
      lookupKey: 'pro_monthly',
      mode: 'subscription',
      maximumQuantity: 20,
      roles: ['authenticated'],
      subjectTypes: ['team'],
      startsAt: '2026-01-01T00:00:00+02:00',
      allowedOptions: ['locale', 'allowPromotionCodes'],
      forcedOptions: { billingAddressCollection: 'required', trialPeriodDays: 7 },
      productGroup: 'plans',
      onePlan: true,
    },
    { key: 'gifts', product: 'pro', mode: 'payment', roles: ['anon', 'authenticated'] },
  ]
  const both = (offers: Catalog['offers'], ...products: Catalog['products']) =>
    writeFile(file(), `${JSON.stringify({ products, offers }, null, 2)}\n`)
  const rows = () =>
    system.database
      .sql`select offer_id, lookup_key, product_id, active, managed_by from payments.offers order by 1`
  const offers = (...args: string[]) =>
    runCli(['offers', ...args, '--environment', 'test', '--yes'], { env: system.env })

  test('are written once, and decide what app users may buy', async () => {
    await both(SOLD, PRO)
    expect((await ok('diff')).trim().split('\n').slice(4)).toEqual([
      'payments.catalog.json:34 create offer pro_for_teams: price pro_monthly, subscription',
      'payments.catalog.json:57 create offer gifts: product pro, payment',
    ])
    expect(await ok('push')).toBe('Done: 6 steps in test.\n')
    const [product] = (await inside()).products
    expect(await rows()).toEqual([
      { offer_id: 'gifts', lookup_key: null, product_id: product?.id, active: true, managed_by: 'catalog' },
      {
        offer_id: 'pro_for_teams',
        lookup_key: 'pro_monthly',
        product_id: null,
        active: true,
        managed_by: 'catalog',
      },
    ])
    expect(await ok('push')).toBe('test has what the file says.\n')

    await both([{ ...SOLD[0], maximumQuantity: 5 } as (typeof SOLD)[number], ...SOLD.slice(1)], PRO)
    expect(await ok('diff')).toBe('payments.catalog.json:34 update offer pro_for_teams: maximumQuantity\n')
    await ok('push')
    const { database } = system
    const buy = (quantity: number) =>
      asCaller(database.sql, service, (sql) =>
        begin(sql, user('u1'), { lineItems: [{ lookupKey: 'pro_once', quantity }] }),
      )
    expect((await buy(1)).action).toBe('send')
    await expect(buy(2)).rejects.toThrow('The offer gifts is for a quantity of 1 to 1.')
  })

  test('that the file no longer has are deleted, but the last one only ends, so that nothing is for sale', async () => {
    await both(SOLD, PRO)
    await ok('push')
    await both(SOLD.slice(1), PRO)
    expect(await ok('diff')).toBe('delete offer pro_for_teams: the file does not have it\n')
    await ok('push')
    await write(PRO)
    expect(await ok('diff')).toBe('test has what the file says.\n')
    await both([], PRO)
    expect(await ok('diff')).toBe(
      'end offer gifts: the file does not have it. It stays without effect, because without any offer app users may buy every active price\n',
    )
    await ok('push')
    expect(await rows()).toMatchObject([{ offer_id: 'gifts', active: false, managed_by: 'catalog' }])
    expect(await ok('push')).toBe('test has what the file says.\n')
    await both(SOLD.slice(1), PRO)
    expect(await ok('diff')).toBe('payments.catalog.json:34 update offer gifts: active\n')
  })

  test('touch no offer that was written by hand, unless it is adopted', async () => {
    await offers('set', 'gifts', '--lookup-key', 'other', '--mode', 'payment')
    await offers('set', 'mine', '--lookup-key', 'other', '--mode', 'payment')
    await both(SOLD, PRO)
    expect((await catalog('push')).err).toContain(
      'payments.catalog.json:57 The offer gifts is there already, and this file did not make it.\nNothing was changed.',
    )
    expect((await rows()).length).toBe(2)
    await ok('push', '--adopt')
    expect(await rows()).toMatchObject([
      { offer_id: 'gifts', lookup_key: null, managed_by: 'catalog' },
      { offer_id: 'mine', lookup_key: 'other', managed_by: null },
      { offer_id: 'pro_for_teams', managed_by: 'catalog' },
    ])
    await both([], PRO)
    await ok('push')
    expect(await rows()).toMatchObject([{ offer_id: 'mine', active: true }])
  })

  test('come back from a pull as they were, with a sentence about those that a file cannot say', async () => {
    await both(SOLD, PRO)
    await ok('push')
    await offers('set', 'by_id', '--price', 'price_unknown', '--mode', 'payment')
    const { out } = await catalog('pull')
    expect(out).toContain('The offer by_id is left out, because what it sells has no key in the file.')
    const pulled = JSON.parse(await readFile(file(), 'utf8')) as Catalog
    const { startsAt: _, ...first } = SOLD[0] as (typeof SOLD)[number]
    const { startsAt, ...plan } = pulled.offers?.[1] ?? { startsAt: '' }
    expect([pulled.offers?.[0], plan]).toEqual([
      SOLD[1],
      { ...first, allowedOptions: expect.arrayContaining(first.allowedOptions ?? []) },
    ])
    expect(Date.parse(startsAt ?? '')).toBe(Date.parse('2025-12-31T22:00:00Z'))
    expect(await ok('diff')).not.toContain('offer')
  })

  test('that nobody could buy are refused before anything is changed, unless they are switched off', async () => {
    await both(
      [
        { key: 'typo', lookupKey: 'pro_montly', mode: 'subscription' },
        { key: 'mode', lookupKey: 'pro_monthly', mode: 'payment' },
        { key: 'empty', product: 'none', mode: 'payment' },
        { key: 'off', lookupKey: 'later', mode: 'payment', active: false },
        { key: 'over', lookupKey: 'former', mode: 'payment', endsAt: '2026-01-01T00:00:00Z' },
        { key: 'by_hand', lookupKey: 'hand_made', mode: 'payment' },
      ],
      PRO,
      { key: 'none', name: 'None', prices: [] },
    )
    const product = await system.api.products.create({ name: 'Hand' })
    const terms = { product: product.id, currency: 'eur', unit_amount: 500 }
    await system.api.prices.create({ ...terms, lookup_key: 'hand_made' })
    for (const command of ['diff', 'push']) {
      const { code, err } = await catalog(command)
      expect({
        code,
        lines: err
          .trim()
          .replaceAll(/payments\.catalog\.json:\d+ /g, '')
          .split('\n'),
      }).toEqual({
        code: 1,
        lines: [
          'Nobody could buy the offer typo: no price has the lookup key pro_montly, neither in this file nor at Stripe.',
          'Nobody could buy the offer mode: its price is recurring, and its mode is payment.',
          'Nobody could buy the offer empty: the product none has no price for mode payment.',
          'Correct the file; nothing was changed.',
        ],
      })
    }
    expect((await inside()).products).toEqual([])
    expect(await rows()).toEqual([])
  })

  test('that contradict themselves are refused with their lines', async () => {
    await both(
      [
        { key: 'a', mode: 'payment' },
        { key: 'a', product: 'none', mode: 'subscription', onePlan: true },
        { key: 'b', product: 'pro', lookupKey: 'x', mode: 'payment', minimumQuantity: 3, maximumQuantity: 2 },
        { key: 'c', product: 'pro', mode: 'payment', allowPriceData: true, currency: 'eur' },
        { key: 'd', lookupKey: 'x', mode: 'payment', forcedOptions: { nonsense: true } },
      ],
      PRO,
    )
    const { code, err } = await catalog('push')
    expect(code).toBe(1)
    for (const sentence of [
      'lookupKey is required, or else product, and one of them only.',
      'productGroup is required with onePlan.',
      'maximumQuantity must not be below minimumQuantity.',
      'minimumAmount is required with allowPriceData.',
      'nonsense is no field here.',
    ])
      expect(err).toContain(sentence)
    await both(
      [
        { key: 'a', lookupKey: 'x', mode: 'payment' },
        { key: 'a', product: 'none', mode: 'payment' },
      ],
      PRO,
    )
    const again = (await catalog('push')).err
    expect(again).toContain('The offer a is there already, in payments.catalog.json:')
    expect(again).toContain('There is no product none in this file.')
    expect(await rows()).toEqual([])
  })
})
