/** Runs a tool: the command that it stands for, with `--json`, and its output as the answer. */
import { PassThrough } from 'node:stream'
import { folderOf } from '../../commands/dev/folder.ts'
import type { Io } from '../../support/context.ts'
import type { Tool } from './tools.ts'

export type RunCommand = (args: string[], io: Io) => Promise<number>

export type Setting = {
  run: RunCommand
  env: Io['env']
  /** Whether tools may write to live mode. */
  allowLive: boolean
}

export type Answer = { content: { type: 'text'; text: string }[]; isError?: boolean }

const NO_LIVE = {
  error: 'LIVE_NOT_ALLOWED',
  message: 'This server may not write to live mode.',
  nextActions:
    'Ask the person. To allow it, they start the server with --allow-live, or run the command themselves.',
}

export async function callTool(
  tool: Tool,
  args: Record<string, unknown>,
  { run, env, allowLive }: Setting,
): Promise<Answer> {
  if (tool.writes?.(args) === 'live' && !allowLive) return answerOf(NO_LIVE, true)
  if ('answer' in tool) return answerOf(tool.answer())
  const lines: string[] = []
  const { code, out } = await runQuietly(run, tool.command(args, allowLive), await withDev(env))
  let document: unknown
  try {
    document = JSON.parse(out)
  } catch {
    lines.push(out)
  }
  // The doctor prints its findings and fails if one is red: the findings are the answer.
  const isError = code !== 0 && (typeof document !== 'object' || document === null || 'error' in document)
  if (document === undefined) return { content: [{ type: 'text', text: lines.join('\n') }], isError }
  return answerOf(tool.shape ? tool.shape(document, args) : document, isError)
}

function answerOf(document: unknown, isError = false): Answer {
  return { content: [{ type: 'text', text: JSON.stringify(document, null, 2) }], ...(isError && { isError }) }
}

/** Standard output belongs to the protocol, so a command writes into a stream of its own. */
async function runQuietly(run: RunCommand, args: string[], env: Io['env']) {
  const stdin = new PassThrough()
  stdin.end()
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  let out = ''
  stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  stderr.resume()
  const code = await run(['--json', ...args], { env, stdin, stdout, stderr, onInterrupt: () => () => {} })
  return { code, out }
}

/** If neither an API nor a database is named, the `dev` that runs in this folder is meant. */
async function withDev(env: Io['env']): Promise<Io['env']> {
  if (env.PAYMENTS_API_URL || env.DATABASE_URL) return env
  const running = await folderOf(process.cwd()).running()
  return running ? { ...env, ...running.env } : env
}
