/** How a command of the demo notices that it should end, and how it exits. */
import { readFile } from 'node:fs/promises'

const STOP_TIMEOUT_MS = 20_000
const ANCESTORS_CHECK_MS = 1000

/**
 * Calls `stop` once when the process should end: on Ctrl-C, on another signal, or when the program that started it has
 * ended. Later signals are ignored while everything stops, because ending sooner could leave something behind.
 */
export function onStop(stop: () => void): void {
  let asked = false
  const ask = () => {
    if (asked) return
    asked = true
    // If a part never stops, the process exits anyway; its Postgres notices that and cleans up by itself.
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref()
    stop()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask)
  // The reader of our output has ended, for example `npm start | head`: stop in order then too.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ask)
  // tsx has a channel to the program that it runs; the channel closes when tsx is killed.
  process.on('disconnect', ask)
  if (process.env.npm_lifecycle_event && process.platform === 'linux') void watchNpm(ask)
}

/**
 * npm runs a script through a shell, and a killed shell does not signal its child: `kill <npm>` would leave the program
 * running. So the program checks once a second whether it still descends from that npm.
 */
async function watchNpm(gone: () => void): Promise<void> {
  const start = await ancestors()
  if (!start) return
  const timer = setInterval(async () => {
    const now = await ancestors()
    if (now?.join() !== start.join()) {
      clearInterval(timer)
      gone()
    }
  }, ANCESTORS_CHECK_MS)
  timer.unref()
}

/** The process ids from the parent up to npm; undefined if npm is not among them. */
async function ancestors(): Promise<number[] | undefined> {
  const found: number[] = []
  for (let id = process.ppid; id > 1; ) {
    found.push(id)
    const [command, status] = await Promise.all(
      ['cmdline', 'status'].map((name) => readFile(`/proc/${id}/${name}`, 'utf8').catch(() => '')),
    )
    if (/^npm( |\0|$)|\/npm(-cli\.js)?(\0|$)/.test(command ?? '')) return found
    id = Number(/^PPid:\s*(\d+)/m.exec(status ?? '')?.[1] ?? 0)
  }
  return undefined
}

/** Exits once all output is written: a pipe may still be reading the last line. */
export async function exit(code: number): Promise<never> {
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) => new Promise<void>((done) => (stream.writable ? stream.write('', () => done()) : done())),
    ),
  )
  process.exit(code)
}
