/**
 * Measures how soon the lists of the dashboard show their first rows over the data of a large shop. It opens each list
 * in a Chromium whose CPU is throttled to a quarter of this machine's speed.
 *
 *     npx tsx scripts/bench/dashboard.ts [customers] [transactions] [runs]
 */
import type { Browser, CDPSession, Page } from 'playwright-core'
import { launchBrowser } from '../../tests/demo/support/browser.ts'
import { migrate } from '../cli/commands/migrate.ts'
import { ADMIN_KEY, startWorld } from '../dev/dashboard/world.ts'
import { FAST_SETTINGS, startEmbeddedPostgres } from '../dev/postgres.ts'
import { fillDashboard } from './dashboard-data.ts'

const SLOWER = 4
const LISTS = [
  'customers',
  'subscriptions',
  'payments',
  'invoices',
  'events',
  'sessions',
  'sessions/portal',
  'catalogue',
  'catalogue/prod_B1',
]

/**
 * Milliseconds: until the first row is shown, of which the browser's main thread ran, and of which the API took for the
 * list.
 */
type Opening = { shown: number; cpu: number; api: number }

async function signIn(page: Page, dashboard: string): Promise<void> {
  await page.goto(dashboard)
  await page.getByLabel('Key or token').fill(ADMIN_KEY)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Search' }).waitFor()
}

/** How long the main thread of the page ran so far, without what throttling made it wait. */
async function cpuOf(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics')
  return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1000
}

async function open(page: Page, session: CDPSession, url: string): Promise<Opening> {
  await page.goto('about:blank')
  const cpu = await cpuOf(session)
  const begun = performance.now()
  await page.goto(url, { waitUntil: 'commit' })
  await page.locator('main [role=row] [role=cell]').first().waitFor()
  const shown = performance.now() - begun
  const api = await page.evaluate(() =>
    Math.max(
      ...performance
        .getEntriesByType('resource')
        .filter(({ name }) => name.includes('/dashboard/api/'))
        .map(({ duration }) => duration),
    ),
  )
  return { shown, cpu: (await cpuOf(session)) - cpu, api }
}

const middle = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

async function measure(browser: Browser, dashboard: string, runs: number): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  const page = await context.newPage()
  await signIn(page, dashboard)
  const session = await context.newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWER })
  console.log('list: first row in ms, median (fastest); CPU of the page; the API alone')
  for (const list of LISTS) {
    const openings: Opening[] = []
    for (let run = 0; run < runs; run++) openings.push(await open(page, session, `${dashboard}test/${list}`))
    const shown = openings.map((opening) => opening.shown)
    const rounded = [
      middle(shown),
      Math.min(...shown),
      middle(openings.map(({ cpu }) => cpu)),
      middle(openings.map(({ api }) => api)),
    ].map(Math.round)
    console.log(`${list.padEnd(18)} ${rounded[0]} (${rounded[1]}); ${rounded[2]}; ${rounded[3]}`)
  }
  await context.close()
}

const [customers = '100000', transactions = '1000000', runs = '5'] = process.argv.slice(2)
const server = await startEmbeddedPostgres({ settings: FAST_SETTINGS })
await migrate({ databaseUrl: server.url })
await fillDashboard(
  server.url,
  { customers: Number(customers), transactions: Number(transactions), prices: 10_000 },
  console.log,
)
const world = await startWorld({ databaseUrl: server.url })
const browser = await launchBrowser()
await measure(browser, world.dashboard, Number(runs))
await browser.close()
await world.close()
await server.stop()
