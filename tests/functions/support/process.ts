/** A server in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export type ServerProcess = {
  url: string
  /** What it has written, line by line. */
  log(): string
  /** Sends a signal and resolves with the exit code, or the signal that ended it. */
  end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
  child: ChildProcess
}

const running = new Set<ChildProcess>()

/** Ends what a test that failed has left behind. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** Starts it and resolves with its address once it says that it listens. */
export async function startProcess(
  command: string,
  args: string[],
  env: Record<string, string>,
  {
    cwd = new URL('../../../', import.meta.url),
    listening = /"event":"listening".*"url":"([^"]+)"/,
  }: { cwd?: string | URL; listening?: RegExp } = {},
): Promise<ServerProcess> {
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('close', () => running.delete(child))
  const lines: string[] = []
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        lines.push(line)
        const address = listening.exec(line)?.[1]
        if (address) resolve(address)
      })
    }
    child.once('error', reject)
    child.once('close', (code) =>
      reject(new Error(`It ended with ${code} before it listened:\n${lines.join('\n')}`)),
    )
  })
  return {
    url: url.replace('localhost', '127.0.0.1'),
    log: () => lines.join('\n'),
    async end(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        const closed = once(child, 'close')
        child.kill(signal)
        await closed
      }
      return child.exitCode ?? child.signalCode
    },
    child,
  }
}
