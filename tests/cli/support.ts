/** The command line in this process, over streams, and as a process of its own in a real terminal. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { run } from '../../scripts/cli/main.ts'

/** What `dev` can be made to do; `dev.test.ts` runs each. */
export const DEV_ACTIONS = [
  'advance',
  'cancel',
  'decline',
  'dispute',
  'env',
  'expire',
  'late',
  'pay',
  'refund',
  'release',
  'renew',
  'settle',
  'shuffle',
  'twice',
].map((name) => `dev ${name}`)

export type Outcome = { code: number; out: string; err: string; json<T>(): T }

export type RunOptions = {
  env?: Record<string, string | undefined>
  /** The text on standard input. */
  input?: string
  /** Columns of the terminal; without them, the output is a pipe. */
  columns?: number
  /** Receives a function that presses Ctrl-C. */
  onStart?: (pressCtrlC: () => void) => void
}

/** Runs a command as a program would, without a terminal. */
export async function runCli(
  args: string[],
  { env = {}, input = '', columns, onStart }: RunOptions = {},
): Promise<Outcome> {
  const stdin = new PassThrough()
  stdin.end(input)
  const stdout = Object.assign(new PassThrough(), { columns })
  const stderr = Object.assign(new PassThrough(), { columns })
  const read = (stream: PassThrough) => {
    let text = ''
    stream.on('data', (chunk) => {
      text += String(chunk)
    })
    return () => text
  }
  const [out, err] = [read(stdout), read(stderr)]
  const callbacks = new Set<() => void>()
  onStart?.(() => {
    for (const callback of callbacks) callback()
  })
  const code = await run(args, {
    env,
    stdin,
    stdout,
    stderr,
    onInterrupt(callback) {
      callbacks.add(callback)
      return () => void callbacks.delete(callback)
    },
  })
  return {
    code,
    out: out(),
    err: err(),
    json<T>() {
      return JSON.parse(out()) as T
    },
  }
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const TSX = import.meta.resolve('tsx')

export type Terminal = {
  /** The text on the screen so far, without colours. */
  screen(): string
  /** Resolves when this text has appeared. */
  appears(text: string): Promise<void>
  type(keys: string): void
  ended: Promise<number>
}

export const KEYS = { enter: '\r', ctrlC: '\u0003', left: '\u001b[D' }

/** Runs a command in a terminal that `script` creates, which every Unix has. */
export function startInTerminal(args: string[], env: Record<string, string>, cwd = ROOT): Terminal {
  const command = [process.execPath, '--import', TSX, join(ROOT, 'scripts/cli/main.ts'), ...args]
  const quoted = command.map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ')
  const wrapper =
    process.platform === 'linux' ? ['-qefc', quoted, '/dev/null'] : ['-q', '/dev/null', ...command]
  const child: ChildProcess = spawn('script', wrapper, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let text = ''
  const waiting = new Set<() => void>()
  child.stdout?.on('data', (chunk) => {
    text += String(chunk)
    for (const look of waiting) look()
  })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the codes that a terminal receives
  const screen = () => text.replace(/\u001b\[[0-9;?]*[a-zA-Z]/g, '')
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      for (const look of waiting) look()
      resolve(code ?? -1)
    })
  })
  return {
    screen,
    ended,
    type: (keys) => void child.stdin?.write(keys),
    appears: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (screen().includes(wanted)) done(resolve)
          else if (child.exitCode !== null)
            done(() => reject(new Error(`It ended without "${wanted}":\n${screen()}`)))
        }
        const done = (settle: () => void) => {
          waiting.delete(look)
          settle()
        }
        waiting.add(look)
        look()
      }),
  }
}
