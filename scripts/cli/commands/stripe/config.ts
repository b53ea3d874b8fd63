/** `stripe config …`: the secret key of an environment. */
import type { Command } from 'commander'
import type {
  DeleteStripeConfigResponse,
  GetStripeConfigResponse,
  PutStripeConfigResponse,
  StripeEnvironment,
} from '../../../../types/api.ts'
import { action, type Context } from '../../support/context.ts'
import { cliError, EXIT, isCliError } from '../../support/errors.ts'
import { environmentOption, type InEnvironment } from '../../support/options.ts'
import { count, plain, table } from '../../support/output.ts'
import { withSyncProgress } from '../../support/progress.ts'

export type SetOptions = { secretKey?: string; replaceAccount?: boolean }

export function registerConfig(parent: Command): void {
  const config = parent.command('config').description('the Stripe secret key of an environment')
  config
    .command('set [secretKey]')
    .description(
      'store the secret key of an environment, encrypted; then set up the webhook endpoint and start a sync',
    )
    .addOption(environmentOption())
    .option(
      '--secret-key <key>',
      'sk_… or rk_…; - reads it from standard input; without it, a prompt asks, which keeps it out of the shell history',
    )
    .option('--replace-account', 'the key is of another account: delete the rows of the previous one')
    .action(
      action<SetOptions & InEnvironment, [string?]>((context, argument) =>
        setKey(context, context.options.environment, argument),
      ),
    )
  config
    .command('remove')
    .description('delete the key of an environment, and its webhook endpoint at Stripe')
    .addOption(environmentOption())
    .action(action<InEnvironment, []>((context) => removeKey(context, context.options.environment)))
}

export async function showKeys({ client, io, show }: Context): Promise<void> {
  const { keys } = await (await client()).get<GetStripeConfigResponse>('/config')
  show({ keys }, () =>
    table(
      [
        { title: 'ENVIRONMENT', value: (row) => row.environment },
        { title: 'KEY', value: (row) => row.maskedKey },
      ],
      keys,
      io.stdout.columns,
    ),
  )
}

export async function setKey(
  context: Context<SetOptions>,
  environment: StripeEnvironment,
  argument?: string,
): Promise<void> {
  const { options, io, say, show } = context
  const given = argument ?? options.secretKey
  let secretKey = given
  if (given === '-') secretKey = await readAll(io.stdin)
  else if (given !== undefined && context.interactive) {
    say(
      'The key was given as an argument, so it is in your shell history. Leave it out, and a prompt asks for it.',
    )
  }
  if (secretKey === undefined && !context.interactive) {
    throw cliError('No key was given, and there is no terminal to ask for it.', {
      exitCode: EXIT.general,
      code: 'INVALID_INPUT',
      next: `Pipe it in: pg-payments stripe config set - --environment ${environment} < file-with-the-key`,
    })
  }
  const client = await context.client()
  secretKey ??= await context.askSecret(
    `Secret key for ${environment} (sk_${environment}_… or rk_${environment}_…)`,
  )
  const put = (replaceAccount: boolean) =>
    withSyncProgress(context, client, [environment], () =>
      client.send<PutStripeConfigResponse>('PUT', `/${environment}/config`, {
        secretKey,
        ...(replaceAccount && { replaceAccount }),
      }),
    )
  let answer: PutStripeConfigResponse
  try {
    if (options.replaceAccount) await context.confirm(`Delete all rows of another account in ${environment}?`)
    answer = await put(options.replaceAccount === true)
  } catch (error) {
    if (!isCliError(error) || error.code !== 'PAYMENT_ACCOUNT_CHANGED' || !context.interactive)
      throw asBadKey(error)
    say(error.message)
    await context.confirm(`Replace the account, and delete all rows of the previous one in ${environment}?`)
    answer = await put(true)
  }
  show(answer, () => {
    const { connection } = answer
    return [
      `The key for ${environment} is stored: ${plain(connection.maskedKey)}, account ${plain(connection.accountId)}.`,
      ...describeDeleted(answer.deleted),
      ...answer.warnings.map(plain),
      ...describeFirstSync(environment, answer.sync),
    ].join('\n')
  })
  // Handlers of an older release say it in a warning only.
  if (answer.endpointProblem)
    throw cliError('The key is stored, but the webhook endpoint is not set up.', {
      code: 'WEBHOOK_NOT_CONFIGURED',
      next: `Fix this, then run: pg-payments stripe webhooks configure --environment ${environment}`,
    })
}

/** Counts with the names of kinds or tables, which are plurals. */
const counted = (counts: [name: string, value: number][]) =>
  counts
    .map(([name, value]) => {
      const words = plain(name.replaceAll('_', ' '))
      return count(value, words.replace(/s$/, ''), words)
    })
    .join(', ')

function describeDeleted(deleted: PutStripeConfigResponse['deleted']): string[] {
  const tables = Object.entries(deleted ?? {}).filter(([, rows]) => rows > 0)
  return tables.length === 0 ? [] : [`Deleted rows of the previous account: ${counted(tables)}.`]
}

/** What the sync after a new key has listed, and the command that continues it. */
function describeFirstSync(environment: StripeEnvironment, run: PutStripeConfigResponse['sync']): string[] {
  const next = `Run: pg-payments stripe sync --environment ${environment}`
  if (!run) return [next]
  const listed = counted(run.kinds.map((kind) => [kind, run.progress[kind]?.seen ?? 0]))
  if (run.status === 'succeeded') return [`Listed from Stripe: ${listed}.`]
  return [
    run.error === null
      ? `Listed from Stripe so far: ${listed}. There is more.`
      : `Listed from Stripe: ${listed}. ${plain(run.error)}`,
    next,
  ]
}

/**
 * Adapts an error about a key to the command line. A wrong key is not the same as no key, so the exit code differs;
 * and the field of the API is a flag here.
 */
function asBadKey(error: unknown): unknown {
  if (isCliError(error) && error.code === 'PAYMENT_ACCOUNT_CHANGED' && error.next !== undefined)
    return Object.assign(error, {
      next: error.next.replace('send "replaceAccount": true', 'add --replace-account'),
    })
  if (isCliError(error) && error.code === 'PAYMENT_CONFIG_INVALID' && error.exitCode === EXIT.notConfigured)
    return Object.assign(error, { exitCode: EXIT.general })
  return error
}

async function readAll(stream: AsyncIterable<unknown>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text.trim()
}

export async function removeKey(context: Context, environment: StripeEnvironment): Promise<void> {
  await context.confirm(`Remove the Stripe key for ${environment}? Payments stop until another one is set.`)
  const answer = await (await context.client()).send<DeleteStripeConfigResponse>(
    'DELETE',
    `/${environment}/config`,
  )
  context.show(answer, () =>
    [`The key for ${environment} is removed.`, ...answer.remained.map(plain)].join('\n'),
  )
}
