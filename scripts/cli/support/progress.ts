/** The progress of long work: one line that is rewritten on a terminal, or a line for each finished part on a pipe. */
import type { SyncRun } from '../../../types/api.ts'
import type { Client } from './client.ts'
import type { Context } from './context.ts'
import { count, plain } from './output.ts'

const POLL_MS = 500
const BAR_WIDTH = 20

/** The last line of the terminal, which each call rewrites. */
function statusLine({ stderr }: Context['io']) {
  let line = ''
  const clear = () => {
    if (line !== '') stderr.write(`\r${' '.repeat(line.length)}\r`)
    line = ''
  }
  return {
    clear,
    show(text: string) {
      clear()
      line = text.slice(0, (stderr.columns ?? 80) - 1)
      stderr.write(line)
    },
  }
}

/** Shows for how many seconds `work` has been running. */
export async function withElapsed<T>(
  { io, json }: Pick<Context, 'io' | 'json'>,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  if (json || !io.stderr.isTTY) return work()
  const { show, clear } = statusLine(io)
  const begin = Date.now()
  const timer = setInterval(
    () => show(`${what} … ${count(Math.round((Date.now() - begin) / 1000), 'second')}`),
    POLL_MS,
  )
  try {
    return await work()
  } finally {
    clearInterval(timer)
    clear()
  }
}

/** Shows the syncs of these environments while `work` runs. */
export async function withSyncProgress<T>(
  context: Context,
  client: Client,
  environments: string[],
  work: () => Promise<T>,
): Promise<T> {
  if (context.json) return work()
  const { stderr } = context.io
  const before = new Map<string, SyncRun | undefined>()
  const expected = new Map<string, Record<string, number>>()
  for (const environment of environments) {
    const { syncRuns } = await newestRuns(client, environment)
    before.set(environment, syncRuns[0])
    const succeeded = syncRuns.find(({ status }) => status === 'succeeded')
    expected.set(
      environment,
      Object.fromEntries(Object.entries(succeeded?.progress ?? {}).map(([kind, { seen }]) => [kind, seen])),
    )
  }
  const reported = new Set<string>()
  const { show, clear } = statusLine(context.io)

  async function poll(): Promise<void> {
    for (const environment of environments) {
      const { syncRuns } = await newestRuns(client, environment)
      const [run] = syncRuns
      const known = before.get(environment)
      if (!run || (run.id === known?.id && run.attempt === known.attempt)) continue
      for (const kind of run.kinds) {
        const progress = run.progress[kind]
        const name = `${environment} ${kind}`
        if (!progress || progress.state === 'waiting') continue
        if (progress.state === 'listing') {
          if (stderr.isTTY) show(lineOf(name, progress.seen, expected.get(environment)?.[kind]))
        } else if (!reported.has(name)) {
          reported.add(name)
          clear()
          stderr.write(`${plain(name)}: ${progress.seen.toLocaleString('en')} listed\n`)
        }
      }
    }
  }

  let polling = Promise.resolve()
  const timer = setInterval(() => {
    polling = polling.then(() => poll().catch(() => {}))
  }, POLL_MS)
  try {
    return await work()
  } finally {
    clearInterval(timer)
    await polling
    await poll().catch(() => {})
    clear()
  }
}

const newestRuns = (client: Client, environment: string) =>
  client.get<{ syncRuns: SyncRun[] }>(`/${environment}/sync-runs`, { limit: 10 })

/** With a bar where the count of the last sync is known. */
function lineOf(name: string, seen: number, expected: number | undefined): string {
  const shown = seen.toLocaleString('en')
  if (!expected || seen > expected) return `${plain(name)}: ${shown}`
  const full = Math.round((seen / expected) * BAR_WIDTH)
  return `${plain(name)} ${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${shown} of about ${expected.toLocaleString('en')}`
}
