/** `npm start`, and how it ends. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { until } from '../../scripts/demo/wait.ts'
import { type Command, leftovers, npm, postgresIsThere } from './support/command.ts'

const isOpen = ({ output }: Command) =>
  until('the shop to open', () => output().includes('Ctrl-C stops everything.'))

test('npm start opens the shop, says where everything is, and ends by Ctrl-C, also when it is pressed again', async () => {
  const command = npm(['start'])
  await isOpen(command)
  const [, shop = ''] = /Shop +(http\S+)/.exec(command.output()) ?? []
  const [, payments = ''] = /Payments +(http\S+)/.exec(command.output()) ?? []

  expect(await (await fetch(shop)).text()).toContain('Fernhill Coffee')
  expect(await (await fetch(`${payments}/health`)).json()).toMatchObject({ status: 'ok' })
  expect(command.output()).toContain('4242 4242 4242 4242')
  // A page still has the live view open.
  const live = await fetch(`${shop}/live`)
  expect(live.headers.get('content-type')).toContain('text/event-stream')

  command.interrupt()
  await until('the first Ctrl-C to be seen', () => command.output().includes('Stopping'))
  command.interrupt()
  command.interrupt()
  const { stderr } = await command.ended
  expect(stderr.replaceAll(/^npm .*\n/gm, '')).toBe('')
  expect(await leftovers()).toEqual([])
})

test('Ctrl-C while Postgres is being made leaves nothing behind', async () => {
  const command = npm(['start'])
  await postgresIsThere()
  command.interrupt()

  const { stdout } = await command.ended
  expect(stdout).not.toContain('What to try')
  expect(await leftovers()).toEqual([])
})

// npm's shell does not signal its child when it is killed; the program notices through /proc.
test.skipIf(process.platform !== 'linux').each(['SIGTERM', 'SIGKILL'] as const)(
  '%s to npm alone ends everything',
  async (signal) => {
    const command = npm(['start'])
    await isOpen(command)
    command.terminate(signal)

    await command.ended
    expect(await leftovers()).toEqual([])
  },
)

test('a taken port is told in a sentence', async () => {
  const other = createServer()
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
  const { port } = other.address() as AddressInfo
  const { code, stderr } = await npm(['start'], { PORT: String(port) }).ended
  await new Promise((done) => other.close(done))

  expect(stderr).toContain(
    `Port ${port} is taken. Set PORT to another one, or leave it out for any free port.`,
  )
  expect(code).toBe(1)
  expect(await leftovers()).toEqual([])
})

test('a live key is refused before anything is touched', async () => {
  const { code, stderr } = await npm(['start'], {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    STRIPE_TEST_SECRET_KEY: 'sk_live_123',
  }).ended
  expect(stderr).toContain('STRIPE_TEST_SECRET_KEY must be a Stripe secret key for test mode')
  expect(stderr).not.toContain('sk_live_123')
  expect(code).toBe(1)
})

test('an own Stripe account without a signing secret is refused, and the way to get one is told', async () => {
  const { code, stderr } = await npm(['start'], {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    STRIPE_TEST_SECRET_KEY: 'sk_test_123',
  }).ended
  expect(stderr).toContain('STRIPE_TEST_WEBHOOK_SECRET must be set')
  expect(stderr).toContain('stripe listen --print-secret')
  expect(code).toBe(1)
})
