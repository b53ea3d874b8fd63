/** Runs the commands of the demo as child processes, and looks for what they leave behind. */
import { execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach } from 'vitest'
import { until } from '../../../scripts/demo/wait.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

export type Command = {
  /**
   * Resolves when every process that inherited the output has ended, the one that cleans up after Postgres included.
   */
  ended: Promise<Ended>
  /** What it has written so far. */
  output(): string
  /** Ctrl-C in a terminal: the signal goes to every process of the group. */
  interrupt(): void
  /** The signal goes to npm alone, as from a process manager. */
  terminate(signal: NodeJS.Signals): void
}

let directory: string
/** Process groups of the runs that have not ended. */
const running = new Set<number>()

beforeEach(async () => {
  // What a run makes lies below a directory of its own, which also shows in the command lines of its Postgres.
  directory = await mkdtemp(join(tmpdir(), 'demo-test-'))
  await chmod(directory, 0o755)
})
afterEach(async () => {
  // Only after a failed test is there anything to end.
  for (const group of running) process.kill(-group, 'SIGKILL')
  running.clear()
  await rm(directory, { recursive: true, force: true })
})

export function npm(args: string[], env: Record<string, string> = {}): Command {
  const child = spawn('npm', args, {
    cwd: ROOT,
    env: { ...outside(process.env), TMPDIR: directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const group = child.pid ?? 0
  running.add(group)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return {
    ended: new Promise((done) => {
      child.once('close', (code, signal) => {
        running.delete(group)
        done({ code, signal, stdout, stderr })
      })
    }),
    output: () => stdout,
    interrupt: () => {
      process.kill(-group, 'SIGINT')
    },
    terminate: (signal) => {
      child.kill(signal)
    },
  }
}

/** The environment without what vitest, an app or a shell has put there for others. */
function outside(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(VITEST|NODE_ENV|NODE_OPTIONS|DATABASE_URL|STRIPE_|PORT$|API_PORT$)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)))
}

/** Command lines and directories of the run that are still there. */
export async function leftovers(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'command='])
  const processes = stdout.split('\n').filter((line) => line.includes(directory))
  const made = await readdir(directory)
  return [...processes, ...made.filter((name) => name.startsWith('pg-payments'))]
}

/** Resolves when the run has begun to make its Postgres. */
export async function postgresIsThere(): Promise<void> {
  await until('the run to make its Postgres', async () => (await leftovers()).length > 0)
}
