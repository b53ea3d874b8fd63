/**
 * The older spellings of commands, from before `stripe` was part of their names. They are hidden. Each calls the
 * function of today's command, so nothing is implemented twice.
 */
import { Command } from 'commander'
import type { StripeEnvironment } from '../../../types/api.ts'
import { action, type Context } from '../support/context.ts'
import { cliError } from '../support/errors.ts'
import { plain } from '../support/output.ts'
import { registerCatalog } from './stripe/catalog.ts'
import { removeKey, type SetOptions, setKey, showKeys } from './stripe/config.ts'
import { registerLists, registerTransactions } from './stripe/lists.ts'
import { registerStatus } from './stripe/status.ts'
import { registerSync } from './stripe/sync.ts'
import { configureWebhooks } from './stripe/webhooks.ts'

/** These lack only the word `stripe`. */
const SAME: ((parent: Command) => void)[] = [
  registerStatus,
  registerSync,
  registerCatalog,
  registerLists,
  (parent) => registerTransactions(parent, 'history'),
]

type Older = {
  group: 'config' | 'webhooks'
  command: string
  options?: string[]
  run: (context: Context<SetOptions>, environment: StripeEnvironment, argument?: string) => Promise<void>
}

/** These take the environment as an argument. */
const WITH_ENVIRONMENT_ARGUMENT: Older[] = [
  {
    group: 'config',
    command: 'set <environment> [secretKey]',
    options: ['--secret-key <key>', '--replace-account'],
    run: setKey,
  },
  { group: 'config', command: 'remove <environment>', run: removeKey },
  {
    group: 'webhooks',
    command: 'configure <environment>',
    run: (context, environment) => configureWebhooks(context, environment),
  },
]

export function registerOlder(program: Command): void {
  const older = new Command().copyInheritedSettings(program)
  for (const register of SAME) register(older)
  const groups = {
    config: older
      .command('config')
      .description('the Stripe secret key of an environment')
      .action(action(showKeys)),
    webhooks: older.command('webhooks').description('the webhook endpoint at Stripe'),
  }
  for (const { group, command, options = [], run } of WITH_ENVIRONMENT_ARGUMENT) {
    const added = groups[group].command(command, { hidden: true })
    for (const flags of options) added.option(flags)
    added.action(
      action<SetOptions, [string, string?]>((context, environment, argument) =>
        run(context, environmentOf(environment), argument),
      ),
    )
  }
  // The group `catalog` of today lists the catalog too.
  const added = older.commands.filter((command) => command.name() !== 'catalog')
  for (const command of added) program.addCommand(command, { hidden: true })
}

function environmentOf(value: string): StripeEnvironment {
  if (value === 'test' || value === 'live') return value
  throw cliError(`${plain(value)} is not an environment.`, {
    code: 'INVALID_INPUT',
    next: 'Use test or live.',
  })
}
