/** The package as it is installed: built, packed by npm, and unpacked in a project. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { committedMigrations, ROOT } from '../../scripts/dev/generators/sources.ts'
import { conformance } from '../functions/conformance.ts'
import { denoBinary } from '../functions/support/deno.ts'
import { endAll, startProcess } from '../functions/support/process.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { compiler, PACK_TIMEOUT_MS, unpackInto } from '../support/tarball.ts'

const run = promisify(execFile)
let database: TestDatabase
let project: string
let installed: string

beforeAll(async () => {
  database = await createTestDatabase({ migrated: false })
  project = await mkdtemp(join(tmpdir(), 'pg-payments-package-'))
  installed = join(project, 'node_modules', 'pg-payments')
  await unpackInto(installed)
  await symlink(join(ROOT, 'node_modules'), join(installed, 'node_modules'))
  await writeFile(join(project, 'package.json'), '{ "type": "module" }')
}, PACK_TIMEOUT_MS)
afterAll(async () => {
  endAll()
  await database?.close()
  await rm(project, { recursive: true, force: true })
})

test('its command line migrates, from whatever directory it is called', async () => {
  const names = (await committedMigrations()).map(({ file }) => file.replace(/\.sql$/, ''))
  const { stdout, stderr } = await run(
    process.execPath,
    [join(installed, 'dist', 'scripts', 'cli', 'main.js'), 'migrate'],
    {
      cwd: tmpdir(),
      env: { ...process.env, DATABASE_URL: database.url },
    },
  )
  expect(stderr).toBe('')
  expect(stdout.split('\n').slice(0, names.length)).toEqual(names.map((name) => `Applied ${name}`))
  expect(await database.sql`select to_regclass('payments.webhook_events') is not null as there`).toEqual([
    { there: true },
  ])
})

test('npm runs nothing of it when an app installs it, and the lock file has a hash of every package', async () => {
  const { scripts } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  // What npm runs on installing, and what makes it warn that it did not.
  const runs = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare']
  expect(Object.keys(scripts).filter((name) => runs.includes(name))).toEqual([])
  const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { integrity?: string; link?: boolean; inBundle?: boolean }>
  }
  // A bundled package lies within the archive of another one, whose hash covers it.
  const unchecked = Object.entries(packages).filter(
    ([path, { integrity, link, inBundle }]) => path !== '' && !integrity && !link && !inBundle,
  )
  expect(unchecked.map(([path]) => path)).toEqual([])
})

/** Compiles a file of the project, as strictly as its own compiler may. */
async function compile(name: string, text: string): Promise<string> {
  await writeFile(join(project, name), text)
  const strict = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,dom']
  return run(process.execPath, [compiler, ...strict, '--types', '', '--resolveJsonModule', name], {
    cwd: project,
  }).then(
    ({ stdout }) => stdout,
    ({ stdout }) => stdout,
  )
}

test('what it exports is typed', async () => {
  const errors = await compile(
    'exports.ts',
    `
      import { createApp } from 'pg-payments'
      import { createPaymentsClient } from 'pg-payments/client'
      import { startLocalStripe } from 'pg-payments/local-stripe'
      import { startServer } from 'pg-payments/node'
      import { type Billing, startBilling } from 'pg-payments/testing'
      import worker from 'pg-payments/worker'
      import 'pg-payments/deno'
      import type { CheckoutSession } from 'pg-payments/types/api'
      import type { DB } from 'pg-payments/types/database'
      import openapi from 'pg-payments/types/openapi.json' with { type: 'json' }
      const status: DB['payments.transactions']['status'] = 'paid'
      const url: CheckoutSession['url'] = null
      export const life = async ({ signIn, pay, price }: Billing) =>
        pay(await (await signIn('ada')).checkout({ price: await price({ amount: 900, interval: 'month' }) }))
      export const all = [startLocalStripe, startBilling, createApp, createPaymentsClient, startServer, worker.fetch, openapi.paths, status, url]
    `,
  )
  expect(errors).toBe('')
})

test('its SQL and its document of the API are found by name', async () => {
  await writeFile(
    join(project, 'resolve.js'),
    `for (const name of ['sql/templates/read-access.sql', 'types/openapi.json', 'worker', 'deno', 'types/database'])
       console.log(import.meta.resolve('pg-payments/' + name))`,
  )
  const { stdout } = await run(process.execPath, ['resolve.js'], { cwd: project })
  const found = stdout.trim().split('\n')
  expect(found).toHaveLength(5)
  for (const url of found) expect((await readFile(new URL(url), 'utf8')).length).toBeGreaterThan(0)
})

test('the checkout that the README shows compiles under strict', async () => {
  const markdown = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(markdown) ?? []
  expect(code).toContain('createCheckoutSession')
  expect(
    await compile(
      'readme.ts',
      `declare const session: { accessToken: string }
       declare const user: { id: string }
       declare const order: { id: string }
       ${code}`,
    ),
  ).toBe('')
})

test('its source maps have their sources, or name files that are in it', async () => {
  const maps = (await readdir(installed, { recursive: true })).filter(
    (path) => path.endsWith('.map') && !path.startsWith('node_modules'),
  )
  expect(maps.length).toBeGreaterThan(50)
  for (const path of maps) {
    const { sources, sourcesContent = [] } = JSON.parse(await readFile(join(installed, path), 'utf8')) as {
      sources: string[]
      sourcesContent?: (string | null)[]
    }
    const missing = sources.filter(
      (source, place) =>
        typeof sourcesContent[place] !== 'string' && !existsSync(join(installed, dirname(path), source)),
    )
    expect(missing, path).toEqual([])
  }
})

describe('under Deno, imported by name', () => {
  conformance(async (env) => {
    await writeFile(join(project, 'main.js'), `import 'pg-payments/deno'\n`)
    const args = ['run', '--allow-net', '--allow-env', '--node-modules-dir=manual', join(project, 'main.js')]
    const server = await startProcess(denoBinary(), args, { ...env, PORT: '0' })
    return { url: server.url, log: server.log, stop: async () => void (await server.end()) }
  })
})
