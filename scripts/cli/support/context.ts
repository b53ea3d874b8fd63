/** What every command works with: its options, its streams, its questions, and the API. */
import type { Readable, Writable } from 'node:stream'
import type { Command } from 'commander'
import { type Client, connect, type Target } from './client.ts'
import { cliError, EXIT, stopped } from './errors.ts'

export type Io = {
  env: Record<string, string | undefined>
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean; columns?: number }
  stderr: Writable & { isTTY?: boolean; columns?: number }
  /** Calls back at each Ctrl-C. Returns a function that removes the callback. */
  onInterrupt: (callback: () => void) => () => void
  /** Whether the result was printed. An error after it, for example of a failed sync, prints no second document. */
  shown?: boolean
}

export type Globals = {
  json?: boolean
  yes?: boolean
  apiUrl?: string
  apiKey?: string
  databaseUrl?: string
}

export type Context<Options = unknown> = {
  options: Options & Globals
  io: Io
  json: boolean
  /** Whether a person at a terminal can answer a question. */
  interactive: boolean
  /** The API, deployed or in this process. */
  client: () => Promise<Client>
  /** Prints the result: a table for people, or the one JSON document. */
  show: (data: unknown, text: () => string) => void
  /** Prints a line for people, beside the result. */
  say: (line: string) => void
  /** Asks before something that cannot be undone. */
  confirm: (question: string) => Promise<void>
  /** Asks for a secret without echo. */
  askSecret: (question: string) => Promise<string>
  /** Runs work that the first Ctrl-C stops through the signal. A second Ctrl-C ends the process. */
  interruptible: <T>(notice: string, work: (signal: AbortSignal) => Promise<T>) => Promise<T>
}

export function createContext<Options>(
  options: Options & Globals,
  io: Io,
): Context<Options> & { close(): Promise<void> } {
  const json = options.json === true
  const interactive = !json && io.stdin.isTTY === true && io.stderr.isTTY === true
  let connected: Promise<Client> | undefined
  const context: Context<Options> = {
    options,
    io,
    json,
    interactive,
    client: () => {
      connected ??= connect(targetOf(context))
      return connected
    },
    show(data, text) {
      io.shown = true
      io.stdout.write(`${json ? JSON.stringify(data, null, 2) : text()}\n`)
    },
    say: (line) => {
      if (!json) io.stderr.write(`${line}\n`)
    },
    async confirm(question) {
      if (options.yes) return
      if (!interactive) {
        throw cliError(`${question.split('?')[0]}: this needs confirmation.`, {
          code: 'CONFIRMATION_NEEDED',
          next: 'Add --yes.',
        })
      }
      const { confirm, isCancel } = await import('@clack/prompts')
      const answer = await confirm({
        message: question,
        initialValue: false,
        input: io.stdin,
        output: io.stderr,
      })
      if (isCancel(answer) || !answer) throw stopped()
    },
    async askSecret(question) {
      const { isCancel, password } = await import('@clack/prompts')
      const answer = await password({
        message: question,
        input: io.stdin,
        output: io.stderr,
        validate: (value) => (value?.trim() ? undefined : 'It is empty.'),
      })
      if (isCancel(answer)) throw stopped()
      return answer.trim()
    },
    async interruptible(notice, work) {
      const controller = new AbortController()
      const off = io.onInterrupt(() => {
        if (controller.signal.aborted) process.exit(130)
        io.stderr.write(`\n${notice}\n`)
        controller.abort()
      })
      try {
        return await work(controller.signal)
      } finally {
        off()
      }
    },
  }
  if (interactive) warnOfHistory(context)
  return {
    ...context,
    async close() {
      await connected?.then((client) => client.close()).catch(() => {})
    },
  }
}

/** Where a command connects: options win over variables, an API wins over a database. */
function targetOf(context: Context): Target {
  const { options, io } = context
  if (options.apiUrl && options.databaseUrl)
    throw cliError('Both --api-url and --database-url were given.', { next: 'Give one of them.' })
  return {
    apiUrl: options.apiUrl ?? (options.databaseUrl ? undefined : io.env.PAYMENTS_API_URL),
    apiKey: () => adminKey(context),
    databaseUrl: options.databaseUrl ?? io.env.DATABASE_URL,
    env: io.env,
  }
}

async function adminKey({ options, io, interactive, askSecret }: Context): Promise<string> {
  if (options.apiKey) return options.apiKey
  if (io.env.PAYMENTS_ADMIN_KEY) return io.env.PAYMENTS_ADMIN_KEY
  if (interactive) return askSecret('The admin key of the API (PAYMENTS_ADMIN_KEY)')
  throw cliError('The API wants an admin key, and there is none.', {
    exitCode: EXIT.auth,
    code: 'AUTH_UNAUTHORIZED',
    next: 'Set PAYMENTS_ADMIN_KEY, or pass --api-key.',
  })
}

/** The shell history keeps a secret that was given as an argument. */
function warnOfHistory({ options: { apiKey, databaseUrl }, say }: Context): void {
  const typed = (what: string, variable: string) =>
    say(`The ${what} was given as an argument, so it is in your shell history. Set ${variable} instead.`)
  if (apiKey) typed('admin key', 'PAYMENTS_ADMIN_KEY')
  if (databaseUrl && URL.canParse(databaseUrl) && new URL(databaseUrl).password !== '')
    typed('password of the database', 'DATABASE_URL')
}

/** The streams of each run, by its program. */
const streams = new WeakMap<Command, Io>()

export function setIo(program: Command, io: Io): void {
  streams.set(program, io)
}

function ioOf(command: Command): Io {
  let root = command
  while (root.parent) root = root.parent
  const io = streams.get(root)
  if (!io) throw new Error('The program has no streams.')
  return io
}

/** A commander action over a context. Closes its connection when the work ends. */
export function action<Options = unknown, Args extends unknown[] = unknown[]>(
  work: (context: Context<Options>, ...args: Args) => Promise<void>,
) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command
    const args = given.slice(0, -2) as Args
    const context = createContext<Options>(command.optsWithGlobals() as Options & Globals, ioOf(command))
    try {
      await work(context, ...args)
    } finally {
      await context.close()
    }
  }
}
