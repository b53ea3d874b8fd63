/**
 * Measures the speed and the memory of a sync: customers of a local Stripe, first into an empty database, then again
 * over the same rows. Stripe, Postgres and each sync have a process of their own.
 */
import { type Child, startChild } from './child.ts'
import { type BenchServer, connect } from './server.ts'
import type { SyncAnswer, SyncJob } from './sync-run.ts'
import type { StripeAnswer, StripeJob } from './sync-stripe.ts'

const MEGABYTE_BYTES = 1024 * 1024

export type SyncRound = { perSecond: number; seconds: number; peakRssMb: number; peakHeapMb: number }

export type Synced = { customers: number; first: SyncRound; second: SyncRound }

export async function measureSync(
  server: BenchServer,
  { customers, log }: { customers: number; log: (line: string) => void },
): Promise<Synced> {
  const databaseUrl = await server.createDatabase('sync')
  log(`local Stripe: creating ${customers} customers`)
  const stripe = await startChild<StripeJob, StripeAnswer>('sync-stripe.ts', { customers })
  try {
    const { url: stripeUrl, secretKey } = stripe.answer
    const sync = async (name: string, added: number) => {
      await server.checkpoint()
      const round = await syncOnce({ databaseUrl, stripeUrl, secretKey }, { customers, added })
      log(
        `${name} sync: ${Math.round(round.perSecond)} objects per second, RSS ${round.peakRssMb} MB at most`,
      )
      return round
    }
    const first = await sync('first', customers)
    const second = await sync('second', 0)
    await count(databaseUrl, customers)
    return { customers, first, second }
  } finally {
    await stripe.stop()
  }
}

/** Raises if the sync left a customer out or found other rows to add than expected: then no number is reported. */
async function syncOnce(
  job: SyncJob,
  { customers, added }: { customers: number; added: number },
): Promise<SyncRound> {
  const child: Child<SyncAnswer> = await startChild<SyncJob, SyncAnswer>('sync-run.ts', job)
  await child.stop()
  const { answer } = child
  if (answer.status !== 'succeeded' || answer.seen !== customers || answer.added !== added) {
    throw new Error(
      `The sync ${answer.status}: it saw ${answer.seen} of ${customers} customers and added ${answer.added} of ${added} rows. ${answer.error ?? ''}`.trim(),
    )
  }
  return {
    perSecond: customers / (answer.ms / 1000),
    seconds: answer.ms / 1000,
    peakRssMb: Math.round(answer.peakRss / MEGABYTE_BYTES),
    peakHeapMb: Math.round((answer.peakHeap / MEGABYTE_BYTES) * 10) / 10,
  }
}

async function count(databaseUrl: string, customers: number): Promise<void> {
  const sql = connect(databaseUrl)
  try {
    const [row] = await sql`select count(*)::integer as rows from payments.customers where not deleted`
    if (row?.rows !== customers)
      throw new Error(`There are ${row?.rows} rows after two syncs of ${customers} customers.`)
  } finally {
    await sql.end()
  }
}
