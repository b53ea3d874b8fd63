/** The files of the dashboard: what a browser is told about them, and that its page works at every address. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeDeps } from '../../../functions/app.ts'
import { packFiles } from '../../../scripts/dev/dashboard-files.ts'
import { type System, startSystem } from '../support/system.ts'
import { type Dashboard, startDashboard } from './support.ts'

let system: System
let dashboard: Dashboard
const opened: Dashboard[] = []

const open = (env: Record<string, string> = {}) => {
  const own = startDashboard({ ...system.env, ...env })
  opened.push(own)
  return own
}

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  dashboard = open()
})
afterAll(async () => {
  for (const { deps } of opened) await closeDeps(deps)
  await system.close()
})

/** Where a relative address of the page leads, as a browser resolves it. */
function resolved(address: string, html: string, relative: string): string {
  const [, base = ''] = /<head><base href="([^"]*)">/.exec(html) ?? []
  return new URL(relative, new URL(base, `https://pay.example${address}`)).pathname
}

describe('the page', () => {
  it.each(['', '/pay', '/functions/v1/pay'])(
    'finds its files at every deep link below %j',
    async (basePath) => {
      const own = open(basePath === '' ? {} : { PAYMENTS_BASE_PATH: basePath })
      for (const path of [
        '/',
        '/index.html',
        '/customers',
        '/customers/cus_1',
        '/test/payments/x/y',
        '/a/',
      ]) {
        const address = `${basePath}/dashboard${path}`
        const { status, text } = await own.ask('GET', address)
        expect(status, address).toBe(200)
        const script = resolved(address, text, './assets/app-1a2b.js')
        expect(script).toBe(`${basePath}/dashboard/assets/app-1a2b.js`)
        expect((await own.ask('GET', script)).text).toBe('console.log("dashboard")')
      }
      const redirect = await own.ask('GET', `${basePath}/dashboard`)
      expect([redirect.status, redirect.headers.get('location')]).toEqual([308, 'dashboard/'])
    },
  )

  it('finds its files behind a prefix that the handlers do not see', async () => {
    const { text } = await dashboard.ask('GET', '/dashboard/customers/cus_1')
    const outside = '/functions/v1/payments/dashboard/customers/cus_1'
    expect(resolved(outside, text, './session')).toBe('/functions/v1/payments/dashboard/session')
  })

  it('runs no script but its own, loads nothing from elsewhere, and is in no frame', async () => {
    const [one, two] = [await dashboard.ask('GET', '/dashboard/'), await dashboard.ask('GET', '/dashboard/')]
    const policy = one.headers.get('content-security-policy') ?? ''
    const [, nonce = ''] = /style-src 'self' 'nonce-([0-9a-f]{32})'/.exec(policy) ?? []
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      `style-src 'self' 'nonce-${nonce}'`,
      "img-src 'self' data:",
      "font-src 'self'",
      "connect-src 'self'",
      "manifest-src 'self'",
      "base-uri 'self'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ])
    expect(one.text).toContain(`<meta name="csp-nonce" content="${nonce}">`)
    expect(two.text).not.toContain(nonce)
    expect(Object.fromEntries(one.headers)).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'content-type': 'text/html; charset=utf-8',
    })
  })
})

describe('a file', () => {
  it('with a hash in its name is kept for ever, and another is asked for again', async () => {
    const hashed = await dashboard.ask('GET', '/dashboard/assets/app-1a2b.js')
    expect(hashed.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(hashed.headers.get('x-content-type-options')).toBe('nosniff')
    const other = await dashboard.ask('GET', '/dashboard/favicon.svg')
    expect(other.headers.get('cache-control')).toBe('no-cache')
    expect(other.headers.get('content-type')).toBe('image/svg+xml')
  })

  it('comes compressed to those who can read that, and unpacked to the others', async () => {
    const ask = (accept: string) =>
      dashboard.ask('GET', '/dashboard/assets/app-1a2b.js', { headers: { 'accept-encoding': accept } })
    for (const accept of ['gzip', 'br, gzip, deflate', 'gzip;q=0.5'])
      expect((await ask(accept)).headers.get('content-encoding')).toBe('gzip')
    for (const accept of ['', 'br', 'gzip;q=0', 'gzip; q=0.0, br']) {
      const { headers, text } = await ask(accept)
      expect([headers.get('content-encoding'), headers.get('vary'), text]).toEqual([
        null,
        'Accept-Encoding',
        'console.log("dashboard")',
      ])
    }
  })

  it.each([
    '/dashboard/assets/app-old.js',
    '/dashboard/assets/',
    '/dashboard/robots.txt',
    '/dashboard/__proto__.js',
    '/dashboard/../package.json',
    '/dashboard/%2e%2e/package.json',
    '/dashboardx',
  ])('that is not there is 404: %s', async (path) => {
    expect((await dashboard.ask('GET', path)).status).toBe(404)
  })

  it('changes by no method', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      expect((await dashboard.ask(method, '/dashboard/')).status).toBe(405)
  })
})

it('switched off, nothing of the dashboard is there, its session included', async () => {
  const own = open({ PAYMENTS_DASHBOARD: 'off' })
  for (const path of ['', '/', '/session', '/customers', '/assets/app-1a2b.js', '/api/stripe/status'])
    expect((await own.ask('GET', `/dashboard${path}`)).status, path).toBe(404)
  expect((await own.signIn({ key: system.env.PAYMENTS_ADMIN_KEY })).answer.status).toBe(404)
})

it('the build packs every file with its type, and refuses one whose type it does not know', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dashboard-files-'))
  await writeFile(join(folder, 'index.html'), '<head>')
  const files = await packFiles(folder)
  expect(gunzipSync(Buffer.from(files['index.html']?.gzip ?? '', 'base64')).toString()).toBe('<head>')
  await writeFile(join(folder, 'notes.xyz'), '')
  await expect(packFiles(folder)).rejects.toThrow('No content type is known for')
  await rm(folder, { recursive: true })
})
