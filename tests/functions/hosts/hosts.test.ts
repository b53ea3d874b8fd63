/**
 * The files that `add host` writes, run for real where the host's runtime is on npm. The pages in `functions/hosts` say
 * what was only called in Node.
 */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HOSTS } from '../../../scripts/cli/commands/add/hosts.ts'
import { PACK_TIMEOUT_MS } from '../../support/tarball.ts'
import { servesDashboard } from '../support/dashboard.ts'
import { denoBinary } from '../support/deno.ts'
import { productEvent, signatureOf } from '../support/events.ts'
import { endAll, type ServerProcess, startProcess } from '../support/process.ts'
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'
import { createProject, type Project, ROOT } from './support/project.ts'

const require = createRequire(import.meta.url)
const run = promisify(execFile)
const ANY_ADDRESS = /(https?:\/\/[\w.[\]]+:\d+)/

let project: Project
let system: System

beforeAll(async () => {
  ;[project, system] = await Promise.all([createProject(), startSystem({ deliver: false })])
  // One process for all: the command line loads many modules.
  await project.write(
    'add-hosts.js',
    `import { run } from './node_modules/pg-payments/dist/scripts/cli/main.js'
     const { env, stdin, stdout, stderr } = process
     const io = { env, stdin, stdout, stderr, onInterrupt: () => () => {} }
     for (const host of ${JSON.stringify(HOSTS)})
       if ((await run(['add', 'host', host, '--out', host], io)) !== 0) process.exit(1)`,
  )
  await run(process.execPath, ['add-hosts.js'], { cwd: project.folder, env: { PATH: process.env.PATH } })
}, PACK_TIMEOUT_MS)

afterAll(async () => {
  endAll()
  await system?.close()
  await project?.remove()
})

/** Serves `fetch`, `express`, … of a file of the project. */
const START = {
  fetch: (load: string) => `
    import { createAdaptorServer } from '@hono/node-server'
    ${load}
    const server = createAdaptorServer({ fetch, overrideGlobalObjects: false })
    server.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port))`,
}

/** Runs a script of the project in Node. */
async function node(name: string, script: string, env = system.env): Promise<ServerProcess> {
  await project.write(name, script)
  const tsx = join(dirname(require.resolve('tsx/package.json')), 'dist', 'loader.mjs')
  return startProcess(process.execPath, ['--import', tsx, name], env, {
    cwd: project.folder,
    listening: ANY_ADDRESS,
  })
}

async function ask(url: string, path: string, init: RequestInit = {}) {
  const answer = await fetch(`${url}${path}`, init)
  return { status: answer.status, body: JSON.parse(await answer.text()) }
}

let events = 0

/**
 * Health, a webhook that is signed over its bytes, a checkout of a user, the admin API, and the dashboard if the file
 * serves it.
 */
async function works(url: string, { withDashboard = true } = {}): Promise<void> {
  expect(await ask(url, '/health')).toMatchObject({ status: 200, body: { status: 'ok' } })

  const event = productEvent(`prod_host_${++events}`, 'Größe "M" 🧢')
  const body = JSON.stringify(event, null, 1)
  const deliver = (signature: string) =>
    ask(url, '/api/webhooks/stripe/test', {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8', 'stripe-signature': signature },
      body,
    })
  expect(await deliver(signatureOf(body))).toMatchObject({
    status: 200,
    body: { received: true, handled: true },
  })
  expect((await deliver(signatureOf(`${body} `))).status).toBe(400)
  const [product] = await system.database.sql`
    select name from payments.stripe_products where product_id = ${`prod_host_${events}`}`
  expect(product).toEqual({ name: 'Größe "M" 🧢' })

  const checkout = await ask(url, '/api/payments/stripe/test/checkout-sessions', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await userToken('ada')}` },
    body: JSON.stringify({
      mode: 'payment',
      lineItems: [{ priceId: system.prices.once }],
      subject: { type: 'user', id: 'ada' },
      successUrl: 'https://shop.example/done',
      cancelUrl: 'https://shop.example/back',
    }),
  })
  expect(checkout).toMatchObject({ status: 201, body: { checkoutSession: { status: 'open' } } })

  const status = (key: string) => ask(url, '/api/payments/stripe/status', { headers: { 'x-api-key': key } })
  expect((await status(ADMIN_KEY)).status).toBe(200)
  expect((await status('ik_another')).status).toBe(401)
  if (withDashboard) await servesDashboard(url)
}

const NOT_CONFIGURED = {
  status: 500,
  body: {
    error: 'INTERNAL_ERROR',
    statusCode: 500,
    message: expect.stringContaining('DATABASE_URL must be set to the address of the Postgres database'),
    nextActions: 'Set this variable where the handlers run, and deploy again.',
  },
}

describe('the one file under Deno', () => {
  const deno = (script: string, env: Record<string, string>) =>
    startProcess(
      denoBinary(),
      ['run', '--allow-net', '--allow-env', '--no-config', '--no-npm', script],
      env,
      {
        cwd: project.folder,
        listening: ANY_ADDRESS,
      },
    )

  it('serves what deno-deploy.md says, with no other file and no registry', async () => {
    const server = await deno('deno-deploy/payments/main.ts', { ...system.env, PORT: '0' })
    await works(server.url.replace('0.0.0.0', '127.0.0.1'))
    await server.end()
  })

  it('says which variable is missing, and starts without them', async () => {
    const server = await deno('deno-deploy/payments/main.ts', { PORT: '0' })
    expect(await ask(server.url.replace('0.0.0.0', '127.0.0.1'), '/health')).toEqual(NOT_CONFIGURED)
    await server.end()
  })

  it('serves below /payments for Supabase, with the variables that Supabase sets', async () => {
    const { DATABASE_URL, ...env } = system.env
    const server = await deno('supabase/supabase/functions/payments/index.ts', {
      ...env,
      SUPABASE_DB_URL: DATABASE_URL as string,
      SUPABASE_URL: 'https://ref.supabase.co',
      DENO_SERVE_ADDRESS: 'tcp:127.0.0.1:0',
    })
    await works(`${server.url}/payments`)
    await server.end()
  })

  it('has the default export that InsForge calls, below /payments', async () => {
    await project.write(
      'insforge.ts',
      `import handle from './insforge/insforge/functions/payments.js'
       Deno.serve({ port: 0, hostname: '127.0.0.1' }, (request) => handle(request))`,
    )
    const server = await deno('insforge.ts', system.env)
    await works(`${server.url}/payments`)
    await server.end()
  })
})

it('Bun serves what bun.md says, and ends when it is told to', async () => {
  const bun = join(
    dirname(require.resolve('bun/package.json')),
    '..',
    '@oven',
    `bun-${process.platform}-${process.arch}`,
    'bin',
    'bun',
  )
  const server = await startProcess(
    bun,
    ['bun/payments.ts'],
    { ...system.env, PORT: '0' },
    { cwd: project.folder },
  )
  await works(server.url.replace(/\/$/, ''))
  expect(await server.end('SIGTERM')).toBe(0)
})

it('workerd serves what cloudflare.md says', async () => {
  await build({
    entryPoints: [join(project.folder, 'cloudflare/payments-worker/worker.ts')],
    outfile: join(project.folder, 'cloudflare/payments-worker/bundled.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    conditions: ['workerd', 'worker'],
    external: ['cloudflare:*', 'node:*'],
    banner: { js: "import { createRequire } from 'node:module';const require = createRequire('/');" },
    logLevel: 'error',
  })
  const wrangler = await project.read('cloudflare/payments-worker/wrangler.jsonc')
  const bindings = Object.entries(system.env)
    .map(([name, text]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)})`)
    .join(', ')
  await project.write(
    'cloudflare/payments-worker/config.capnp',
    `using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (
      services = [
        (name = "main", worker = (
          modules = [(name = "worker", esModule = embed "bundled.js")],
          compatibilityDate = ${/"compatibility_date": ("[^"]+")/.exec(wrangler)?.[1]},
          compatibilityFlags = ${/"compatibility_flags": (\[[^\]]+\])/.exec(wrangler)?.[1]},
          bindings = [${bindings}]
        )),
        (name = "internet", network = (allow = ["public", "private"]))
      ],
      sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
    );`,
  )
  const workerd = require.resolve(
    `@cloudflare/workerd-${process.platform}-${process.arch === 'x64' ? '64' : process.arch}/bin/workerd`,
  )
  const server = await startProcess(
    workerd,
    ['serve', 'cloudflare/payments-worker/config.capnp', '--control-fd=1'],
    {},
    {
      cwd: project.folder,
      listening: /"event":"listen".*"port":(\d+)/,
    },
  )
  await works(`http://127.0.0.1:${server.url}`)
  await server.end()
})

describe('in Node', () => {
  it('Express serves what express.md says, before express.json(), and beside routes of the app', async () => {
    const server = await node(
      'express-main.ts',
      `import express from 'express'
       import { addPayments } from './express/src/payments.ts'
       const app = express()
       addPayments(app)
       app.use(express.json())
       app.post('/api/echo', (request, response) => { response.json(request.body) })
       const server = app.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port))`,
    )
    await works(server.url, { withDashboard: false })
    expect(
      await ask(server.url, '/api/echo', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"a":1}',
      }),
    ).toEqual({ status: 200, body: { a: 1 } })
    await server.end()
  })

  it('Fastify serves what fastify.md says, beside a route that parses JSON', async () => {
    const server = await node(
      'fastify-main.ts',
      `import { fastify } from 'fastify'
       import { payments } from './fastify/src/payments.ts'
       const app = fastify()
       app.post('/api/echo', async (request) => request.body)
       await app.register(payments)
       console.log(await app.listen({ port: 0, host: '127.0.0.1' }))
       process.once('SIGTERM', () => app.close())`,
    )
    await works(server.url, { withDashboard: false })
    expect(
      await ask(server.url, '/api/echo', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"a":1}',
      }),
    ).toEqual({ status: 200, body: { a: 1 } })
    expect(await server.end('SIGTERM')).toBe(0)
  })

  it('Hono serves what hono.md says', async () => {
    const load = `import { Hono } from 'hono'
      import { addPayments } from './hono/src/payments.ts'
      const app = new Hono()
      addPayments(app)
      const { fetch } = app`
    const server = await node('hono-main.ts', START.fetch(load))
    await works(server.url, { withDashboard: false })
    await server.end()
  })

  it('the function of netlify.md answers', async () => {
    const load = `import payments from './netlify/netlify/functions/payments.mts'
      const fetch = (request) => payments(request, { waitUntil: () => {} })`
    const server = await node('netlify-main.ts', START.fetch(load))
    await works(server.url)
    await server.end()
  })

  it('the function of vercel.md answers', async () => {
    await project.write(
      'node_modules/@vercel/functions/package.json',
      '{ "type": "module", "main": "index.js", "types": "index.d.ts" }',
    )
    await project.write('node_modules/@vercel/functions/index.js', 'export const waitUntil = () => {}')
    await project.write(
      'node_modules/@vercel/functions/index.d.ts',
      'export declare function waitUntil(work: Promise<unknown>): void',
    )
    const server = await node(
      'vercel-main.ts',
      START.fetch(`import payments from './vercel/api/payments.ts'\nconst { fetch } = payments`),
    )
    await works(server.url)
    await server.end()
  })

  it('the function of aws-lambda.md answers events of API Gateway', async () => {
    const load = `import { handler } from './aws-lambda/lambda/payments.ts'
      const fetch = async (request) => {
        const { pathname, search } = new URL(request.url)
        const answer = await handler({
          version: '2.0', routeKey: '$default', rawPath: pathname, rawQueryString: search.slice(1),
          headers: Object.fromEntries(request.headers), isBase64Encoded: true,
          body: request.method === 'GET' ? undefined : Buffer.from(await request.arrayBuffer()).toString('base64'),
          requestContext: { domainName: 'api.example', http: { method: request.method, path: pathname } },
        }, {})
        const body = answer.isBase64Encoded ? Buffer.from(answer.body, 'base64') : answer.body
        return new Response(body, { status: answer.statusCode, headers: answer.headers })
      }`
    const server = await node('lambda-main.ts', START.fetch(load))
    await works(server.url)
    await server.end()
  })

  it('the command and the health check of docker.md run', async () => {
    const dockerfile = await project.read('docker/Dockerfile.payments')
    const commands = [...dockerfile.matchAll(/CMD (\[.*\])$/gm)].map(
      ([, command = '']) => JSON.parse(command) as string[],
    )
    const [check, command] = commands as [string[], string[]]
    const server = await startProcess(
      process.execPath,
      command.slice(1),
      { ...system.env, PORT: '0' },
      { cwd: project.folder },
    )
    await works(server.url)
    const port = new URL(server.url).port
    const health = (PORT: string) => run(process.execPath, check.slice(1), { env: { PORT } })
    await health(port)
    expect(await server.end('SIGTERM')).toBe(0)
    await expect(health(port)).rejects.toMatchObject({ code: 1 })
  })
})

describe('Next.js', () => {
  const next = join(dirname(require.resolve('next/package.json')), 'dist', 'bin', 'next')

  it('builds without a variable, and serves what next.md says', async () => {
    await project.write(
      'next/app/layout.tsx',
      `export default ({ children }: { children: React.ReactNode }) => <html><body>{children}</body></html>`,
    )
    await project.write('next/app/page.tsx', `export default () => <p>Shop</p>`)
    await project.write('next/app/api/echo/route.ts', `export const GET = () => Response.json({ own: true })`)
    await project.write(
      'next/next.config.mjs',
      `export default { turbopack: { root: ${JSON.stringify(ROOT)} }, typescript: { ignoreBuildErrors: true } }`,
    )
    const env = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' as const }
    await run(process.execPath, [next, 'build'], {
      cwd: join(project.folder, 'next'),
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    })
    const server = await startProcess(
      process.execPath,
      [next, 'start', '-p', '0', '-H', '127.0.0.1'],
      { ...system.env, ...env },
      {
        cwd: join(project.folder, 'next'),
        listening: ANY_ADDRESS,
      },
    )
    await works(server.url, { withDashboard: false })
    expect(await ask(server.url, '/api/echo')).toEqual({ status: 200, body: { own: true } })
    await server.end()
  }, 300_000)
})

it('every file is as strict as an app may be', async () => {
  await project.write(
    'bun.d.ts',
    'declare const Bun: { serve(options: { port: string | number; fetch(request: Request): Promise<Response> }): { url: URL; stop(): Promise<void> } }',
  )
  const errors = await project.compile([
    ...['express', 'fastify', 'hono'].map((host) => `${host}/src/payments.ts`),
    ...['bun.d.ts', 'bun/payments.ts', 'aws-lambda/lambda/payments.ts', 'vercel/api/payments.ts'],
    'netlify/netlify/functions/payments.mts',
    'cloudflare/payments-worker/worker.ts',
  ])
  expect(errors).toBe('')
  const ofNext = ['next/app/api/[...path]/route.ts', 'next/app/health/route.ts']
  expect(await project.compile(ofNext, { bundler: true })).toBe('')
})
