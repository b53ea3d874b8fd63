/**
 * How fast a sync takes over what Stripe has, and in how much memory: customers of a local Stripe, once into an empty database and
 * once more over the same rows. Stripe, Postgres and each sync are processes of their own.
 */
import { type Child, startChild } from './child.ts'
import { type BenchServer, connect } from './server.ts'
import type { SyncAnswer, SyncJob } from './sync-run.ts'
import type { StripeAnswer, StripeJob } from './sync-stripe.ts'

const MEGABYTE = 1024 * 1024

export type SyncRound = { perSecond: number; seconds: number; peakRssMb: number; peakHeapMb: number }

export type Synced = { customers: number; first: SyncRound; second: SyncRound }

export async function measureSync(
  server: BenchServer,
  { customers, log }: { customers: number; log: (line: string) => void },
): Promise<Synced> {
  const databaseUrl = await server.createDatabase('sync')
  log(`local Stripe: making ${customers} customers`)
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

/** A sync that left something out, or did not find what it should, is an error and not a number. */
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
    peakRssMb: Math.round(answer.peakRss / MEGABYTE),
    peakHeapMb: Math.round((answer.peakHeap / MEGABYTE) * 10) / 10,
  }
}

async function count(databaseUrl: string, customers: number): Promise<void> {
  const sql = connect(databaseUrl)
  try {
    const [row] = await sql`select count(*)::integer as rows from payments.customers where not deleted`
    if (row?.rows !== customers)
      throw new Error(`${row?.rows} rows are there after two syncs of ${customers} customers.`)
  } finally {
    await sql.end()
  }
}
