/** The crontab that calls the command line, read like cron reads it, on a database with an event that is due. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCli } from '../cli/support.ts'
import { createTestDatabase, type TestDatabase } from '../setup/database.ts'
import { ingest } from '../sql/support/calls.ts'
import { eventOf, paymentIntent } from '../sql/support/stripe.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

async function crontab() {
  const text = await readFile(new URL('../../sql/templates/retry-schedule.crontab', import.meta.url), 'utf8')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const isSetting = (line: string) => /^[A-Z_]+=/.test(line)
  const settings = lines.filter(isSetting).map((line) => line.split(/=(.*)/s).slice(0, 2))
  const jobs = lines.filter((line) => !isSetting(line))
  return { env: Object.fromEntries(settings) as Record<string, string>, jobs }
}

test('the job retries what failed, with what the crontab sets', async () => {
  const { sql, url } = database
  const event = eventOf('payment_intent.succeeded', paymentIntent())
  await sql.unsafe(`
    create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'not yet'; end $$;
    create trigger _500_refuse after insert or update on payments.webhook_events
      for each row when (new.processing_status = 'processed') execute function public.refuse()`)
  expect((await ingest(sql, event)).status).toBe('failed')
  await sql`drop trigger _500_refuse on payments.webhook_events`
  await sql`update payments.webhook_events set next_attempt_at = now() - interval '1 second'`

  const { env, jobs } = await crontab()
  expect(jobs).toHaveLength(1)
  const [, command = ''] = /^(?:[\d*,/-]+ +){5}(.*)$/.exec(jobs[0] ?? '') ?? []
  const [, args = ''] = /^cd \S+ && npx pg-payments (.*) >> \S+ 2>&1$/.exec(command) ?? []
  const { code, out } = await runCli(args.split(' '), { env: { ...env, DATABASE_URL: url } })

  expect({ code, out }).toEqual({ code: 0, out: 'Retried 1 failed event.\n' })
  expect(await sql`select processing_status from payments.webhook_events`).toEqual([
    { processing_status: 'processed' },
  ])
})
