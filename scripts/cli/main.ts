#!/usr/bin/env node
/** The command line. Each command has a file in `commands/`. */
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError, Help, Option } from 'commander'
import { redact } from '../../functions/core/log.ts'
import { VERSION } from '../../functions/core/version.ts'
import { registerAdd } from './commands/add/index.ts'
import { registerCatalogFile } from './commands/catalog/index.ts'
import { registerDev } from './commands/dev/index.ts'
import { registerDoctor } from './commands/doctor/index.ts'
import { registerEvents } from './commands/events.ts'
import { registerExplain } from './commands/explain/index.ts'
import { registerKeys } from './commands/keys.ts'
import { registerLocalStripe } from './commands/local-stripe.ts'
import { registerMaintenance } from './commands/maintenance.ts'
import { registerMcp } from './commands/mcp/index.ts'
import { registerMigrate } from './commands/migrate.ts'
import { registerMigrations } from './commands/migrations.ts'
import { registerOffers } from './commands/offers.ts'
import { registerOlder } from './commands/older.ts'
import { registerPayments } from './commands/payments.ts'
import { registerSchedule } from './commands/schedule.ts'
import { registerServe } from './commands/serve.ts'
import { registerStripe } from './commands/stripe/index.ts'
import { type Io, setIo } from './support/context.ts'
import { EXIT, isCliError } from './support/errors.ts'

/** The program with every command, over these streams. */
export function createProgram(io: Io): Command {
  const program = new Command('pg-payments')
    .description("Stripe payments inside your application's own Postgres.")
    .version(VERSION)
    .option('--json', 'print one JSON document for programs, and ask no question')
    .option('-y, --yes', 'answer yes to every question')
    .option('--api-url <url>', 'a deployed API (default: the environment variable PAYMENTS_API_URL)')
    .option('--api-key <key>', 'its admin key (default: the environment variable PAYMENTS_ADMIN_KEY)')
    .option(
      '--database-url <url>',
      'a database instead of an API (default: the environment variable DATABASE_URL)',
    )
    .configureHelp({ optionDescription: describeOption })
    .showHelpAfterError('Run with --help to see commands and options.')
  // Callers that were written for agents pass these; they have no effect.
  for (const flags of [
    '--reason <text>',
    '--impact <text>',
    '--recommendation <text>',
    '--flag-destructive',
  ]) {
    program.addOption(new Option(flags).hideHelp())
  }
  setIo(program, io)
  registerStripe(program)
  registerOffers(program)
  registerEvents(program)
  registerPayments(program)
  registerMaintenance(program)
  registerSchedule(program)
  registerDoctor(program)
  registerExplain(program)
  registerMigrate(program)
  registerMigrations(program)
  registerAdd(program)
  registerCatalogFile(program)
  registerServe(program)
  registerDev(program)
  registerLocalStripe(program)
  registerKeys(program)
  registerMcp(program, run)
  registerOlder(program)
  return program
}

/** The help text of an option, which first says whether it is required. */
function describeOption(option: Option): string {
  const description = new Help().optionDescription(option)
  return option.mandatory ? `required: ${description}` : description
}

/** Older scripts say `payments` before every command. Today it is a command itself, with commands of its own. */
function saysPaymentsFirst(program: Command, [first, second]: string[]): boolean {
  if (first !== 'payments') return false
  const own = program.commands.find((each) => each.name() === first)
  return !own?.commands.some((each) => each.name() === second)
}

/** Runs a command and returns the exit code. */
export async function run(args: string[], io: Io): Promise<number> {
  const program = createProgram(io)
  const json = args.includes('--json')
  const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)]
  for (const command of everyCommand(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    })
  }
  try {
    await program.parseAsync(saysPaymentsFirst(program, args) ? args.slice(1) : args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode !== 0 && json && !io.shown) {
        printJsonError(io, 'INVALID_INPUT', error.message.replace(/^error: /, ''), undefined)
      }
      return error.exitCode
    }
    const { message, code, next, exitCode } = isCliError(error)
      ? error
      : { message: unexpected(error), code: 'INTERNAL_ERROR', next: undefined, exitCode: EXIT.general }
    const sentence = redact(message)
    io.stderr.write(`${sentence}\n${next === undefined ? '' : `${redact(next)}\n`}`)
    if (json && !io.shown) printJsonError(io, code, sentence, next && redact(next))
    return exitCode
  }
}

function printJsonError(io: Io, error: string, message: string, nextActions: string | undefined): void {
  io.stdout.write(`${JSON.stringify({ error, message, ...(nextActions && { nextActions }) }, null, 2)}\n`)
}

/** The sentence of an unexpected error, without its stack. */
function unexpected(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message === '' ? 'An unexpected error occurred.' : message
}

const unwritable = ({ code }: NodeJS.ErrnoException) =>
  `The output cannot be written (${code}).\n${code === 'ENOSPC' ? 'Free some space, or write it elsewhere.' : 'Write it elsewhere.'}\n`

/** Whether this file was started, directly or through the link that npm makes. */
function isMain(): boolean {
  try {
    return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)
  } catch {
    return false
  }
}

if (isMain()) {
  const io: Io = {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onInterrupt(callback) {
      process.on('SIGINT', callback).on('SIGTERM', callback)
      return () => void process.off('SIGINT', callback).off('SIGTERM', callback)
    },
  }
  // A reader such as `head` may close the pipe early, which is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.stderr.write(unwritable(error))
    process.exit(error.code === 'EPIPE' ? 0 : EXIT.general)
  })
  // A terminal of unknown width reports 0, with which no table would fit.
  for (const stream of [process.stdout, process.stderr]) if (stream.columns === 0) stream.columns = 80
  process.exitCode = await run(process.argv.slice(2), io)
}
