/**
 * `pg-payments mcp` with the official client over stdio, on a real Postgres, local Stripe and the handlers of `dev`.
 */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPaymentsClient } from '../../functions/client/index.ts'
import { eventually } from '../functions/support/eventually.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { startInTerminal, type Terminal } from './support.ts'

const MAIN = fileURLToPath(new URL('../../scripts/cli/main.ts', import.meta.url))

let database: TestDatabase
let folder: string
let terminal: Terminal
let client: Client

async function connect(...flags: string[]): Promise<Client> {
  const made = new Client({ name: 'test', version: '1' })
  const args = ['--import', import.meta.resolve('tsx'), MAIN, 'mcp', ...flags]
  await made.connect(
    new StdioClientTransport({ command: process.execPath, args, cwd: folder, stderr: 'inherit' }),
  )
  return made
}

type Result = { isError: boolean; text: string; json: Record<string, unknown> }

async function call(name: string, args: Record<string, unknown> = {}, by = client): Promise<Result> {
  const answer = await by.callTool({ name, arguments: args })
  const [content] = answer.content as { text: string }[]
  const text = content?.text ?? ''
  let json = {}
  try {
    json = JSON.parse(text)
  } catch {}
  return { isError: answer.isError === true, text, json }
}

const inTest = { environment: 'test' }

beforeAll(async () => {
  database = await createTestDatabase()
  folder = await mkdtemp(join(tmpdir(), 'pg-payments-mcp-'))
  const ports = ['--port', '0', '--stripe-port', '0']
  terminal = startInTerminal(['dev', ...ports], { DATABASE_URL: database.url }, folder)
  await terminal.appears('q  stop')
  client = await connect()
})
afterAll(async () => {
  await client?.close()
  terminal?.type('q')
  await terminal?.ended
  await database?.close()
  await rm(folder, { recursive: true, force: true })
})

test('its tools say which only read, and none takes a key', async () => {
  const { tools } = await client.listTools()
  const names = (reads: boolean) =>
    tools.filter(({ annotations }) => annotations?.readOnlyHint === reads).map(({ name }) => name)
  expect(names(false)).toEqual(['retry_event', 'catalog_push', 'add_template', 'dev'])
  expect(names(true)).toContain('why_event_failed')
  expect(JSON.stringify(tools)).not.toMatch(/secret/i)
})

test('without a named database it speaks to the dev of its folder: status, doctor, an explanation', async () => {
  const status = await call('status')
  expect(status.json).toMatchObject({ connections: [{ environment: 'test' }, { environment: 'live' }] })
  const doctor = await call('doctor', inTest)
  expect(doctor.isError).toBe(false)
  expect(doctor.json.findings).toEqual(expect.any(Array))
  expect((await call('explain', { code: 'sp002' })).json).toMatchObject({ code: 'SP002', kind: 'sql' })
  expect(await call('explain', { code: 'SP999' })).toMatchObject({
    isError: true,
    json: { error: 'NOT_FOUND' },
  })
})

test('the catalog of the app goes to test, and not to live without --allow-live', async () => {
  const products = [
    { key: 'poster', name: 'Poster', prices: [{ lookupKey: 'poster', amount: 2000, currency: 'eur' }] },
  ]
  await writeFile(join(folder, 'payments.catalog.json'), JSON.stringify({ products }))
  expect((await call('catalog_diff', inTest)).text).toContain('poster')
  expect(await call('catalog_push', inTest)).toMatchObject({ isError: false })
  expect(await call('catalog_push', { environment: 'live' })).toMatchObject({
    isError: true,
    json: { error: 'LIVE_NOT_ALLOWED' },
  })
  const bold = await connect('--allow-live')
  // Refused by the handlers, which have no live key, and no longer by the server.
  const { json } = await call('catalog_push', { environment: 'live' }, bold)
  expect(json.error).toEqual(expect.any(String))
  expect(json.error).not.toBe('LIVE_NOT_ALLOWED')
  await bold.close()
})

test('it pays a checkout, says why the event failed, and retries it once the trigger is mended', async () => {
  const { sql } = database
  await sql.unsafe(`
    create function public.fulfil() returns trigger language plpgsql as $$
    begin raise exception 'no such shelf'; end $$;
    create trigger _500_fulfil after insert or update of processing_status on payments.webhook_events
      for each row when (new.processing_status = 'processed' and new.event_type = 'checkout.session.completed')
      execute function public.fulfil()`)
  const [price] = await sql`select price_id as id from payments.stripe_prices where lookup_key = 'poster'`
  const [line = ''] = /PAYMENTS_API_URL=\S+/.exec(terminal.screen()) ?? []
  const payments = createPaymentsClient({ baseUrl: line.replace('PAYMENTS_API_URL=', '') })
  const { error } = await payments.stripe.createCheckoutSession('test', {
    mode: 'payment',
    lineItems: [{ priceId: price?.id }],
    successUrl: 'https://app.example/thanks',
    cancelUrl: 'https://app.example/',
  })
  expect(error).toBe(null)
  expect((await call('dev', { action: 'pay' })).text).toContain('Paid cs_test_')

  type Events = { events: { eventId: string }[] }
  const failed = async () =>
    ((await call('list_events', { ...inTest, status: 'failed' })).json as Events).events[0]?.eventId
  await eventually(failed).toMatch(/^evt_/)
  const id = await failed()
  const why = await call('why_event_failed', { ...inTest, event_id: id })
  expect(why.json).toMatchObject({
    event: { processingStatus: 'failed', lastError: expect.stringContaining('no such shelf') },
    nextActions: expect.stringContaining(`pg-payments events retry ${id} --environment test`),
  })
  expect(why.text).not.toContain('payload')

  await sql.unsafe('drop trigger _500_fulfil on payments.webhook_events')
  const retried = await call('retry_event', { ...inTest, event_id: id })
  expect(retried.json).toMatchObject({ retried: true, event: { processingStatus: 'processed' } })
  expect((await call('list_transactions', inTest)).text).toContain('2000')
})

describe('templates', () => {
  test('are printed, and written only if asked', async () => {
    expect((await call('list_templates')).text).toContain('credit-ledger')
    const options = { 'key-type': 'uuid', out: 'migrations', tool: 'plain' }
    const printed = await call('add_template', { template: 'credit-ledger', options })
    expect(printed.json.sql).toContain('spend_credits')
    await expect(readdir(join(folder, 'migrations'))).rejects.toThrow('ENOENT')
    await call('add_template', { template: 'credit-ledger', options, write: true })
    expect(await readdir(join(folder, 'migrations'))).toHaveLength(1)
  })
})

test.each([
  ['an id that is a flag', 'why_event_failed', { ...inTest, event_id: '--environment=live' }],
  [
    'a flag that names another database',
    'add_template',
    { template: 'orders', options: { 'database-url': 'x' } },
  ],
  ['a flag after a duration', 'dev', { action: 'advance', target: '3 --reset' }],
  ['a field that no tool has', 'status', { yes: true }],
])('%s is refused before any command runs', async (_what, name, args) => {
  const refused = await call(name, args).catch((error: Error) => ({ isError: true, text: error.message }))
  expect(refused.isError).toBe(true)
  expect(refused.text).toMatch(/[Ii]nvalid/)
})
