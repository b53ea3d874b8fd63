import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { conformance } from './conformance.ts'
import { denoBinary } from './support/deno.ts'
import { endAll, startProcess } from './support/process.ts'

const deno = denoBinary()
const entry = 'functions/deno.ts'

it('the Deno entry type-checks', async () => {
  const { stderr } = await promisify(execFile)(deno, ['check', '--node-modules-dir=manual', entry], {
    cwd: new URL('../../', import.meta.url),
    env: { ...process.env, NO_COLOR: '1' },
  })
  expect(stderr).not.toMatch(/error/i)
})

/** From the sources, the page of the dashboard is that of the last build. */
const readsBuild = '--allow-read=dist/functions/dashboard-server'
const run = ['run', '--allow-net', '--allow-env', readsBuild, '--node-modules-dir=manual', entry]

it('the Deno entry stops over a missing variable with one sentence', async () => {
  await expect(startProcess(deno, run, {})).rejects.toThrow(
    'It ended with 1 before it listened:\nDATABASE_URL must be set to the address of the Postgres database, for example postgres://user:password@host:5432/name.',
  )
})

afterAll(endAll)

describe('under Deno', () => {
  conformance(async (env) => {
    const server = await startProcess(deno, run, { ...env, PORT: '0' })
    return {
      url: server.url,
      log: server.log,
      async stop() {
        expect(await server.end('SIGTERM')).toBe(0)
        expect(server.log()).toMatch(/"event":"stopped"[^\n]*$/)
      },
    }
  })
})
