/** The React hooks, in a real browser, over the handlers and local Stripe's own pages. No webhook is delivered. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { launchBrowser } from '../../demo/support/browser.ts'
import type { RunningServer } from '../conformance.ts'
import { startNode } from '../support/server.ts'
import { type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

let system: System
let server: RunningServer
let site: Server
let url: string
let browser: Browser
let page: Page
const complaints: string[] = []

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  let script = ''
  site = createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(
      isScript ? script : '<!doctype html><title>Shop</title><body><script src="/page.js"></script>',
    )
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  server = await startNode({ ...system.env, PAYMENTS_ALLOWED_ORIGINS: url })
  const settings = { baseUrl: server.url, token: await userToken('ada'), price: system.prices.once }
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('support/page.ts', import.meta.url))],
    bundle: true,
    write: false,
    define: { SETTINGS: JSON.stringify(settings), 'process.env.NODE_ENV': '"development"' },
  })
  script = outputFiles[0]?.text ?? ''
  browser = await launchBrowser()
})

afterAll(async () => {
  await browser?.close()
  site?.close()
  site?.closeAllConnections()
  await server?.stop()
  await system?.close()
})

beforeEach(async () => {
  page = await browser.newPage()
  page.on('console', (message) => {
    if (
      ['error', 'warning'].includes(message.type()) &&
      !message.text().startsWith('Failed to load resource')
    )
      complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
})

const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true })
const says = (text: string | RegExp) => page.getByText(text).waitFor()
const sessions = async () =>
  (await system.database.sql`select from payments.stripe_checkout_sessions where subject_id = 'ada'`).length

it('useCheckout leads to Stripe, and useCheckoutStatus says fulfilled on the way back, with no webhook', async () => {
  await page.goto(url)
  await button('Buy').click()
  await page.waitForURL(/\/c\/pay\//)
  expect(await sessions()).toBe(1) // the second click of the same moment did nothing
  const email = page.getByLabel('Email')
  if (await email.isVisible()) await email.fill('ada@example.com')
  await page.getByLabel('Card number').fill('4242 4242 4242 4242')
  await page.getByLabel('Expiry').fill('12 / 40')
  await page.getByLabel('CVC').fill('123')
  await button(/^Pay /).click()
  await page.waitForURL(/\/done\?session=cs_/)
  await says('fulfilled paid')
})

it('usePortal leads to the portal of a subject that has paid', async () => {
  await page.goto(url)
  await button('Manage').click()
  await page.waitForURL((address) => !address.href.startsWith(url))
  await page.getByRole('link', { name: /Return/ }).waitFor()
})

it('useCheckoutStatus waits while the session is open, and says so when it has expired', async () => {
  await page.goto(url)
  await button('Buy').click()
  await page.waitForURL(/\/c\/pay\//)
  const id = new URL(page.url()).pathname.split('/').at(-1) ?? ''
  await page.goto(`${url}/done?session=${id}`)
  await says('waiting unpaid')
  system.stripe.control.expire(id)
  await says('ended unpaid')
})

it('a hook shows the error of the API, and can be used again', async () => {
  await page.goto(url)
  await button('Buy nothing').click()
  await says(/No such price/)
  expect(await button('Buy').isEnabled()).toBe(true)
  await page.goto(`${url}/done?session=cs_of_somebody_else`)
  await says('error PAYMENT_NOT_FOUND')
})

it('React has complained about nothing', () => {
  expect(complaints).toEqual([])
})
