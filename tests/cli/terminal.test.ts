/** Prompts in a real terminal. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SyncSystem, startSyncSystem } from '../functions/sync/support/system.ts'
import { KEYS, startInTerminal } from './support.ts'

let system: SyncSystem
let env: Record<string, string>

beforeAll(async () => {
  system = await startSyncSystem()
  env = {
    ...system.env,
    PAYMENTS_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
    STRIPE_TEST_SECRET_KEY: '',
  }
})
afterAll(() => system.close())

const inTest = ['--environment', 'test']

test('a key is prompted for without echo, and stored', async () => {
  const terminal = startInTerminal(['stripe', 'config', 'set', ...inTest], env)
  await terminal.appears('Secret key for test')
  terminal.type(`${system.stripe.secretKey}${KEYS.enter}`)
  expect(await terminal.ended, terminal.screen()).toBe(0)
  expect(terminal.screen()).toContain('The key for test is stored: sk_test_')
  expect(terminal.screen()).not.toContain(system.stripe.secretKey)
})

test('a key given as an argument is accepted with a warning about the shell history', async () => {
  const terminal = startInTerminal(['stripe', 'config', 'set', system.stripe.secretKey, ...inTest], env)
  expect(await terminal.ended, terminal.screen()).toBe(0)
  expect(terminal.screen()).toContain('it is in your shell history')
})

test('a destructive command asks first, and no is no', async () => {
  const terminal = startInTerminal(['stripe', 'config', 'remove', ...inTest], env)
  await terminal.appears('Remove the Stripe key for test?')
  terminal.type(KEYS.enter) // the answer that is offered is no
  expect(await terminal.ended).toBe(130)
  expect(terminal.screen()).toContain('Stopped: nothing was changed.')
  const [row] = await system.database
    .sql`select count(*)::int as count from payments_private.secrets where kind = 'secret_key'`
  expect(row?.count).toBeGreaterThan(0)
})

test('Ctrl-C at a prompt changes nothing', async () => {
  const terminal = startInTerminal(['prune', ...inTest, '--older-than', '30'], env)
  await terminal.appears('Empty the payloads')
  terminal.type(KEYS.ctrlC)
  expect(await terminal.ended).toBe(130)
  expect(terminal.screen()).toContain('Stopped: nothing was changed.')
})

test('Ctrl-C in a sync leaves a run that the same command continues', async () => {
  const { stripe, database } = system
  stripe.control.fail({ path: '/v1/customers', method: 'GET', fault: { hold: true } })
  const terminal = startInTerminal(['stripe', 'sync', ...inTest], env)
  await stripe.control.whenHeld()
  terminal.type(KEYS.ctrlC)
  expect(await terminal.ended, terminal.screen()).toBe(130)
  stripe.control.releaseHeld()
  expect(terminal.screen()).toContain('Run the same command to continue.')
  expect(await database.sql`select status from payments.sync_runs order by started_at desc limit 1`).toEqual([
    { status: 'interrupted' },
  ])
  const again = startInTerminal(['stripe', 'sync', ...inTest], env)
  expect(await again.ended, again.screen()).toBe(0)
  expect(
    await database.sql`select status, attempt from payments.sync_runs order by started_at desc limit 1`,
  ).toEqual([{ status: 'succeeded', attempt: 2 }])
})
