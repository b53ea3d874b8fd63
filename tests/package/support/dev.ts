/** The command line of the installed package, as processes of their own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { promisify } from 'node:util'
import type { Project } from './project.ts'

const run = promisify(execFile)

/** Only what a shell has: nothing of the run of tests. */
export const shell = (env: Record<string, string> = {}): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '',
  ...env,
})

/** Runs a command to its end. A failure is in `code`. */
export async function command(
  { path, installed }: Project,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  const main = `${installed}/dist/scripts/cli/main.js`
  return run(process.execPath, [main, ...args], { cwd: path, env: shell(env) }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    ({ code, stdout, stderr }) => ({ code, out: stdout, err: stderr }),
  )
}

export type Dev = {
  child: ChildProcess
  /** Everything written so far. */
  output(): string
  /** Resolves when the output matches. */
  said(pattern: RegExp): Promise<string>
  /** Sends a signal and resolves with the exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
}

const started = new Set<ChildProcess>()

/** Ends what a failed test has left. */
export function endAll(): void {
  for (const child of started) child.kill('SIGKILL')
}

/** Starts `pg-payments dev`, or what another command line says. */
export function startDev(
  { path, installed }: Project,
  args: string[],
  env: Record<string, string> = {},
  [program = '', ...words]: string[] = [process.execPath, `${installed}/dist/scripts/cli/main.js`, 'dev'],
): Dev {
  const child = spawn(program, [...words, ...args], {
    cwd: path,
    env: shell(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.add(child)
  child.once('close', () => started.delete(child))
  let output = ''
  let ended = false
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of listeners) listener()
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      tell()
    })
  }
  child.once('close', () => {
    ended = true
    tell()
  })
  return {
    child,
    output: () => output,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(output)
          if (!found && !ended) return
          listeners.delete(look)
          if (found) resolve(found[0])
          else reject(new Error(`It ended without saying ${pattern}:\n${output}`))
        }
        listeners.add(look)
        look()
      }),
    async end(signal) {
      if (!ended) {
        const closed = once(child, 'close')
        child.kill(signal)
        await closed
      }
      return child.exitCode ?? child.signalCode
    },
  }
}

/** Resolves when the server at an address has closed its connections. Connect before you end it. */
export async function connectionTo(url: string): Promise<{ closed: Promise<void> }> {
  const { hostname, port } = new URL(url)
  const socket = createConnection(Number(port), hostname)
  await once(socket, 'connect')
  socket.on('error', () => {})
  socket.resume()
  return { closed: new Promise((resolve) => socket.once('close', () => resolve())) }
}
