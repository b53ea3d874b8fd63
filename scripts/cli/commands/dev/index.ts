/** `pg-payments dev`: Postgres, local Stripe and the handlers on this machine, and what one can make them do. */

import { type Command, Option } from 'commander'
import { AMOUNT_MAX } from '../../../../functions/core/currency.ts'
import type { Actions } from '../../../kit/actions.ts'
import { action, type Context } from '../../support/context.ts'
import { cliError } from '../../support/errors.ts'
import { port, wholeNumber } from '../../support/options.ts'
import type { DevOptions } from './start.ts'

/** Adds `pg-payments dev` and its actions to the command line. */
export function registerDev(program: Command): void {
  const dev = program
    .command('dev')
    .description('run Postgres, local Stripe and the payment handlers for the app in this folder')
    .argument('[command...]', 'the app to start with the variables, after --; it and dev end together')
    .option('--port <port>', 'the port of the handlers', port, 8787)
    .option('--stripe-port <port>', 'the port of local Stripe', port, 12111)
    .option('--database-port <port>', 'the port of Postgres, unless DATABASE_URL is set', port, 54320)
    .option('--webhook <url>', "where events go instead of these handlers: the app's own route")
    .option(
      '--settle-after <seconds>',
      'when bank payments settle by themselves (default: never)',
      wholeNumber(0, 86_400),
    )
    .option('--write-env <path>', 'write the variables into this file; its other lines stay')
    // The older name. Node 20 reads this flag itself, wherever it stands, and ends if there is no such file.
    .addOption(new Option('--env-file <path>').hideHelp())
    .option(
      '--migrations <folder>',
      "the app's migrations, run on the Postgres of dev (default: those of Supabase, graphile-migrate, node-pg-migrate, or migrations/*.sql)",
    )
    .option('--no-migrations', 'run no migrations of the app')
    .option('--reset', 'empty .pg-payments first: the embedded Postgres and local Stripe')
    .addHelpText(
      'after',
      '\nState is kept in .pg-payments, which git ignores. The actions below need a dev that runs in this folder:\n' +
        '  npx pg-payments dev pay\n',
    )
    .action(
      action<DevOptions, [string[], unknown?]>(async (context, command) => {
        refuseTypo(program, command)
        const { dev: run } = await import('./start.ts')
        const code = await run(context, command)
        if (code !== 0) process.exitCode = code
        if (code !== 0)
          throw cliError(`${command.join(' ')} ended with ${code}.`, {
            exitCode: code as 1,
            code: 'APP_ENDED',
          })
      }),
    )
  registerActions(dev)
}

/** A word that is no action must not be started as a program, unless it stands after `--`. */
function refuseTypo(program: Command, command: string[]): void {
  const { rawArgs } = program as Command & { rawArgs: string[] }
  if (command.length === 0 || rawArgs.includes('--')) return
  throw cliError(`There is no action ${command[0]}.`, {
    code: 'INVALID_INPUT',
    next: 'Run: npx pg-payments dev --help. To start the app, put -- before its command.',
  })
}

type Ask = (context: Context, name: keyof Actions, ...args: unknown[]) => Promise<void>

const ask: Ask = async (context, name, ...args) => {
  const [{ askFor }, { folderOf }] = await Promise.all([import('./control.ts'), import('./folder.ts')])
  const done = await askFor(folderOf(process.cwd()), name, args)
  context.show(done, () => done.message)
}

function registerActions(dev: Command): void {
  const amount = wholeNumber(1, AMOUNT_MAX)
  dev
    .command('pay [session]')
    .description('pay a checkout session; by default the newest that is open')
    .option('--card <number>', 'a test card (default: one that is accepted)')
    .option('--bank', 'pay by bank account, which settles later')
    .option('--email <email>', "the buyer's address")
    .action(
      action<{ card?: string; bank?: boolean; email?: string }, [string?]>(async (context, session) => {
        const { card, bank, email } = context.options
        await ask(context, 'pay', session, {
          ...(card && { card }),
          ...(bank && { paymentMethod: 'pm_usBankAccount_success' }),
          ...(email && { email }),
        })
      }),
    )
  dev
    .command('decline [session]')
    .description('try to pay it with a card that is declined')
    .action(action<object, [string?]>((context, session) => ask(context, 'decline', session)))
  dev
    .command('expire [session]')
    .description('expire a checkout session')
    .action(action<object, [string?]>((context, session) => ask(context, 'expire', session)))
  dev
    .command('settle [payment]')
    .description('settle a bank payment')
    .option('--fail', 'let it fail')
    .action(
      action<{ fail?: boolean }, [string?]>((context, payment) =>
        ask(context, 'settle', payment, !context.options.fail),
      ),
    )
  dev
    .command('refund [payment]')
    .description('refund a payment; by default the newest')
    .option('--amount <amount>', 'in the minor unit (default: all of it)', amount)
    .action(
      action<{ amount?: number }, [string?]>((context, payment) =>
        ask(context, 'refund', payment, context.options.amount),
      ),
    )
  dev
    .command('dispute [payment]')
    .description('dispute a payment; by default the newest')
    .addOption(new Option('--outcome <outcome>', 'also close the dispute').choices(['won', 'lost']))
    .action(
      action<{ outcome?: string }, [string?]>((context, payment) =>
        ask(context, 'dispute', payment, context.options.outcome),
      ),
    )
  dev
    .command('renew [subscription]')
    .description('move time to the next renewal of a subscription')
    .action(action<object, [string?]>((context, subscription) => ask(context, 'renew', subscription)))
  dev
    .command('cancel [subscription]')
    .description('cancel a subscription')
    .option('--at-period-end', 'at the end of its period (default: now)')
    .action(
      action<{ atPeriodEnd?: boolean }, [string?]>((context, subscription) =>
        ask(context, 'cancel', subscription, context.options.atPeriodEnd ? 'at_period_end' : 'now'),
      ),
    )
  dev
    .command('advance <duration...>')
    .description('move the clock of local Stripe forward, for example: 36h, 3 days, 1 month')
    .action(action<object, [string[]]>((context, duration) => ask(context, 'advance', duration.join(' '))))
  registerDeliveryActions(dev)
}

function registerDeliveryActions(dev: Command): void {
  dev
    .command('late')
    .description('hold events back from now on')
    .action(action<object, []>((context) => ask(context, 'hold')))
  dev
    .command('release')
    .description('deliver what was held back')
    .addOption(
      new Option('--order <order>', 'in which order')
        .choices(['arrival', 'reverse', 'random'])
        .default('arrival'),
    )
    .action(action<{ order: string }, []>((context) => ask(context, 'release', context.options.order)))
  dev
    .command('shuffle')
    .description('deliver what was held back, out of order')
    .action(action<object, []>((context) => ask(context, 'release', 'random')))
  dev
    .command('twice [event]')
    .description('deliver an event again; by default the newest')
    .action(action<object, [string?]>((context, event) => ask(context, 'repeat', event)))
  dev
    .command('env')
    .description('print the variables of the dev that runs: export $(npx pg-payments dev env)')
    .action(
      action<object, []>(async (context) => {
        const [{ runningIn }, { folderOf }, { envLines }] = await Promise.all([
          import('./control.ts'),
          import('./folder.ts'),
          import('./env-file.ts'),
        ])
        const { env } = await runningIn(folderOf(process.cwd()))
        context.show(env, () => envLines(env).join('\n'))
      }),
    )
}
