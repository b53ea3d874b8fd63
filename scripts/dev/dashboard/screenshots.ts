/**
 * Takes a picture of every page of the dashboard at three widths, light and dark, over a populated system:
 * `npx tsx scripts/dev/dashboard/screenshots.ts --out <folder> [--only <part of a page's name>]`.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import postgres from 'postgres'
import { launchBrowser } from '../../../tests/demo/support/browser.ts'
import { migrate } from '../../cli/commands/migrate.ts'
import { uncommittedSql } from '../generators/sources.ts'
import { FAST_SETTINGS, startEmbeddedPostgres } from '../postgres.ts'
import { placesOf } from './places.ts'
import { populate } from './populate.ts'
import { ADMIN_KEY, startWorld } from './world.ts'

const WIDTHS = [390, 1280, 1920]
const HEIGHT = 1000

const { values } = parseArgs({
  options: { out: { type: 'string' }, only: { type: 'string' }, width: { type: 'string' } },
})
if (!values.out) {
  console.error('Name the folder for the pictures: --out <folder>.')
  process.exit(1)
}

async function signIn(page: Page, dashboard: string): Promise<void> {
  await page.goto(dashboard)
  await page.getByLabel('Key or token').fill(ADMIN_KEY)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
}

async function shoot(
  browser: Browser,
  dashboard: string,
  out: string,
  places: [string, string][],
): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of WIDTHS.filter((width) => !values.width || String(width) === values.width)) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: HEIGHT } })
      const page = await context.newPage()
      await page.goto(dashboard)
      await page.getByLabel('Key or token').waitFor()
      const picture = async (name: string) => {
        // Only the rows in view are in the document, so a picture of a whole list would be mostly empty.
        const fullPage = (await page.locator('[role=table]').count()) === 0
        await page.screenshot({ path: join(out, `${name}-${width}-${colorScheme}.png`), fullPage })
      }
      if (!values.only || 'sign-in'.includes(values.only)) await picture('sign-in')
      await signIn(page, dashboard)
      for (const [name, path] of places.filter(([name]) => !values.only || name.includes(values.only))) {
        await page.goto(dashboard + path)
        await page.getByRole('heading', { level: 1 }).waitFor()
        await page.waitForLoadState('networkidle')
        await picture(name)
      }
      await context.close()
    }
  }
}

const server = await startEmbeddedPostgres({ settings: FAST_SETTINGS })
await migrate({ databaseUrl: server.url })
const sql = postgres(server.url, { max: 2, onnotice: () => {} })
const uncommitted = await uncommittedSql()
if (uncommitted) await sql.begin((transaction) => transaction.unsafe(uncommitted))
const world = await startWorld({ databaseUrl: server.url })
await populate(world, sql)
await mkdir(values.out, { recursive: true })
const browser = await launchBrowser()
await shoot(browser, world.dashboard, values.out, await placesOf(sql))
await browser.close()
await world.close()
await sql.end()
await server.stop()
