/** `migrate --again` while requests use the same tables: the migration comes through, and no request fails. */
import { rm } from 'node:fs/promises'
import type postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrate } from '../../scripts/cli/commands/migrate.ts'
import { type EmbeddedPostgres, FAST_SETTINGS, startEmbeddedPostgres } from '../../scripts/dev/postgres.ts'
import { open, withDatabase } from '../setup/server.ts'
import { charge, checkoutSession, eventOf, paymentIntent } from '../sql/support/stripe.ts'
import { workingTreeMigrations } from './support/working-tree.ts'

const REQUESTS_OF_EACH_KIND = 40
const MIGRATIONS = 5

let server: EmbeddedPostgres
let url: string
let directory: string
let webhooks: postgres.Sql
let checkouts: postgres.Sql

beforeAll(async () => {
  directory = await workingTreeMigrations()
  server = await startEmbeddedPostgres({ settings: FAST_SETTINGS })
  const admin = open(server.url)
  await admin`create database app`
  await admin.end()
  url = withDatabase(server.url, 'app')
  await migrate({ databaseUrl: url, directory })
  webhooks = open(url, { max: 20 })
  checkouts = open(url, { max: 20 })
})
afterAll(async () => {
  await webhooks?.end()
  await checkouts?.end()
  await server?.stop()
  await rm(directory, { recursive: true, force: true })
})

async function webhook(): Promise<void> {
  const intent = paymentIntent()
  for (const event of [
    eventOf('payment_intent.succeeded', intent),
    eventOf('charge.refunded', charge({ payment_intent: intent.id })),
    eventOf('checkout.session.completed', checkoutSession({ payment_intent: intent.id })),
  ])
    await webhooks`select payments.ingest_webhook_event('test', ${webhooks.json(event)})`
}

async function checkout(n: number): Promise<void> {
  await checkouts.begin(async (sql) => {
    await sql`set local role payments_service`
    await sql`select payments.begin_checkout_session(
      'test', '{"role": "anon"}', 'payment', '[{"priceId": "price_1", "quantity": 1}]', 'https://a.example', 'https://a.example',
      idempotency_key => ${`key ${n}`})`
  })
  await checkouts`select * from payments.customer_totals`
  await checkouts`select * from payments_private.transaction_list`
}

/** Sends waves until `isDone`, and returns what failed. */
async function traffic(isDone: () => boolean): Promise<{ waves: number; failures: unknown[] }> {
  const failures: unknown[] = []
  let waves = 0
  for (; !isDone(); waves++) {
    const wave = Array.from({ length: REQUESTS_OF_EACH_KIND }, () => [webhook(), checkout(Math.random())])
    for (const result of await Promise.allSettled(wave.flat()))
      if (result.status === 'rejected') failures.push(result.reason)
  }
  return { waves, failures }
}

test('40 webhooks and 40 checkouts at once: five of five migrations come through, and no request fails', async () => {
  let migrated = 0
  const running = traffic(() => migrated === MIGRATIONS)
  try {
    for (let i = 0; i < MIGRATIONS; i++) {
      expect((await migrate({ databaseUrl: url, directory, again: true })).appliedAgain).toHaveLength(2)
      migrated++
    }
  } finally {
    migrated = MIGRATIONS
  }
  const { waves, failures } = await running
  expect(failures).toEqual([])
  expect(waves).toBeGreaterThan(0)
  const [row] = await webhooks`
    select count(*) filter (where processing_status = 'processed')::int as processed, count(*)::int as all
    from payments.webhook_events`
  expect(row?.all).toBe(waves * REQUESTS_OF_EACH_KIND * 3)
  expect(row?.processed).toBe(row?.all)
}, 240_000)

test('a transaction that does not end is named, and nothing is changed', async () => {
  const reader = open(url, { connection: { application_name: 'a report' } })
  try {
    await reader.begin(async (sql) => {
      await sql`select count(*) from payments.transactions`
      await expect(migrate({ databaseUrl: url, directory, again: true, tablesTimeoutMs: 1 })).rejects.toThrow(
        /^The tables of pg-payments were in use all the time, at last by process \d+ of postgres \(a report\), whose transaction began \d+ s ago\. Nothing was changed\. Run it again in a quiet minute, or end that transaction first\.$/,
      )
      // Requests go on meanwhile: the migration holds nothing between its attempts.
      await webhook()
    })
  } finally {
    await reader.end()
  }
})

test('a deadlock is explained', async () => {
  const other = `do $$ begin raise exception 'deadlock detected' using errcode = '40P01'; end $$;`
  const folder = await workingTreeMigrations()
  const { writeFile } = await import('node:fs/promises')
  await writeFile(`${folder}/000099-other.sql`, other)
  try {
    await expect(migrate({ databaseUrl: url, directory: folder })).rejects.toThrow(
      'Requests that used the same tables and this migration waited for each other. Nothing was changed. Run it again in a quiet minute.',
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
