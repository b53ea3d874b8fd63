/** A sync that takes longer than the handlers allow one request. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type NodeServer, startServer } from '../../functions/node.ts'
import { RUN_MS_MAX } from '../../functions/sync/limits.ts'
import { ADMIN_KEY } from '../functions/support/system.ts'
import { type SyncSystem, startSyncSystem } from '../functions/sync/support/system.ts'
import { runCli } from './support.ts'

let system: SyncSystem
let server: NodeServer
/** What a look at the clock moves it by, in milliseconds. */
let step: number

beforeEach(async () => {
  system = await startSyncSystem()
  step = 0
  let ms = Date.now()
  server = await startServer({
    env: { ...system.env, PAYMENTS_ADMIN_KEY: ADMIN_KEY },
    port: 0,
    host: '127.0.0.1',
    now: () => {
      ms += step
      return ms
    },
  })
})
afterEach(async () => {
  await server.close()
  await system.close()
})

const sync = () =>
  runCli(['stripe', 'sync', '--environment', 'test', '--json'], {
    env: { PAYMENTS_API_URL: server.url, PAYMENTS_ADMIN_KEY: ADMIN_KEY },
  })

test('the command asks again until the sync is done', async () => {
  step = RUN_MS_MAX / 8
  const { code, err, json } = await sync()
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const { results } = json<{ results: { run: { status: string; attempt: number } }[] }>()
  expect(results).toMatchObject([{ run: { status: 'succeeded' } }])
  expect(results[0]?.run.attempt).toBeGreaterThan(1)
})

test('the command ends where a sync is interrupted before it has listed anything', async () => {
  step = RUN_MS_MAX
  const { code, err } = await sync()
  expect(code).toBe(130)
  expect(err).toContain('The sync was stopped.')
})
