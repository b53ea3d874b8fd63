/** How a command of the demo is asked to end. */
import { readFile } from 'node:fs/promises'

/**
 * Calls `stop` once when the process is asked to end: by Ctrl-C, by another signal, or because the program that started it
 * is gone. Whoever asks again while everything is being stopped is not heard: ending sooner could leave something behind.
 */
export function onStop(stop: () => void): void {
  let asked = false
  const ask = () => {
    if (asked) return
    asked = true
    // Should something never end, the process does; its Postgres notices that and cleans up by itself.
    setTimeout(() => process.exit(1), 20_000).unref()
    stop()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask)
  // Nobody reads any more, as after `npm start | head`: no reason to end without order.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ask)
  // tsx holds a channel to the program that it runs; it closes when tsx is killed.
  process.on('disconnect', ask)
  if (process.env.npm_lifecycle_event && process.platform === 'linux') void watchNpm(ask)
}

/**
 * npm runs a script through a shell, and a shell that is killed tells nobody: `kill <npm>` would leave the program running.
 * So the program looks, once a second, whether it still descends from that npm.
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
  }, 1000)
  timer.unref()
}

/** The process ids from the parent up to npm; undefined when npm is not among them. */
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

/** Writes to the end, then exits: a pipe may still be taking the last line. */
export async function exit(code: number): Promise<never> {
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) => new Promise<void>((done) => (stream.writable ? stream.write('', () => done()) : done())),
    ),
  )
  process.exit(code)
}
