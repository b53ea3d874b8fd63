/** Runs one sync in a process of its own and samples its memory; sync.ts starts it. */
import { readFile } from 'node:fs/promises'
import { closeDeps, createDeps, createLog, readConfig } from '../../functions/app.ts'
import { runSync } from '../../functions/sync/sync.ts'
import { answerJob } from './child.ts'
import { failuresOnly } from './log.ts'

export type SyncJob = { databaseUrl: string; stripeUrl: string; secretKey: string }
export type SyncAnswer = {
  status: string
  error: string | null
  seen: number
  added: number
  ms: number
  /** Bytes. */
  peakRss: number
  peakHeap: number
}

const SAMPLE_INTERVAL_MS = 20

answerJob<SyncJob, SyncAnswer>(async ({ databaseUrl, stripeUrl, secretKey }) => {
  const config = readConfig({
    DATABASE_URL: databaseUrl,
    STRIPE_TEST_SECRET_KEY: secretKey,
    STRIPE_API_BASE_URL: stripeUrl,
  })
  const deps = createDeps(config, { log: createLog(failuresOnly) })
  let peakHeap = 0
  const sample = () => {
    peakHeap = Math.max(peakHeap, process.memoryUsage().heapUsed)
  }
  const timer = setInterval(sample, SAMPLE_INTERVAL_MS)
  try {
    const startedAt = performance.now()
    const { status, error, progress } = await runSync({ environment: 'test', kinds: ['customers'] }, deps)
    const ms = performance.now() - startedAt
    sample()
    const { seen = 0, added = 0 } = progress.customers ?? {}
    return { status, error, seen, added, ms, peakRss: await peakRss(), peakHeap }
  } finally {
    clearInterval(timer)
    await closeDeps(deps)
  }
})

/**
 * Largest memory of this process so far, in bytes. On Linux `maxRSS` would include the process that started this one.
 */
async function peakRss(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS
  return Number(kilobytes) * 1024
}
