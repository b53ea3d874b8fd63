/**
 * `pg-payments stripe …`: the Stripe account of each environment, and what the database knows of it. `registerStripe` hangs the same
 * commands below `stripe` and, hidden, below the program itself, where older scripts look for them.
 */
import { type Command, Option } from 'commander'
import type {
  ConfigureStripeWebhookResponse,
  DeleteStripeConfigResponse,
  EnvironmentHealthResponse,
  GetStripeConfigResponse,
  GetStripeStatusResponse,
  ListPaymentCustomersResponse,
  ListPaymentTransactionsResponse,
  ListStripeSubscriptionsResponse,
  PutStripeConfigResponse,
  StripeEnvironment,
  SyncKind,
  SyncRequest,
  SyncResult,
  SyncStripeResponse,
} from '../../../types/api.ts'
import { action, type Context } from '../support/context.ts'
import { cliError, EXIT, isCliError, stopped } from '../support/errors.ts'
import { environmentOption, type InEnvironment, instant, limitOption } from '../support/options.ts'
import { adviceOf, count, details, money, more, plain, table, when } from '../support/output.ts'
import { withSyncProgress } from '../support/progress.ts'
import { registerCatalog } from './catalog.ts'

export function registerStripe(parent: Command, { old = false } = {}): void {
  const hidden = { hidden: old }
  registerStatus(parent, hidden)
  registerConfig(parent, old)
  registerSync(parent, hidden)
  registerWebhooks(parent, old)
  registerCatalog(parent, hidden)
  registerLists(parent, old)
}

// status

function registerStatus(parent: Command, hidden: { hidden: boolean }): void {
  parent
    .command('status', hidden)
    .description('which Stripe account each environment is connected to, and how it is')
    .action(
      action(async ({ client, io, show }) => {
        const status = await (await client()).get<GetStripeStatusResponse>('/status')
        show(status, () =>
          table(
            [
              { title: 'ENVIRONMENT', value: (row) => row.environment },
              { title: 'STATUS', value: (row) => row.status },
              { title: 'ACCOUNT', value: (row) => row.accountId },
              { title: 'E-MAIL', value: (row) => row.accountEmail, flexible: true },
              { title: 'KEY', value: (row) => row.maskedKey },
              { title: 'WEBHOOK', value: webhookState, flexible: true },
              { title: 'LAST SYNC', value: syncState, flexible: true },
            ],
            status.connections,
            io.stdout.columns,
          ),
        )
      }),
    )
}

type Connection = GetStripeStatusResponse['connections'][number]

function webhookState({ webhookEndpointId, webhookDrift }: Connection): string | null {
  if (webhookEndpointId === null) return null
  if (!webhookDrift) return 'set up, Stripe could not be asked'
  if (webhookDrift.length === 0) return 'set up'
  return webhookDrift.map(({ problem }) => problem.replaceAll('_', ' ')).join(', ')
}

function syncState({ lastSyncedAt, lastSyncStatus }: Connection): string | null {
  if (lastSyncedAt === null) return null
  return lastSyncStatus === 'failed' ? `failed ${when(lastSyncedAt)}` : when(lastSyncedAt)
}

// config

function registerConfig(parent: Command, old: boolean): void {
  const config = parent
    .command('config', { hidden: old })
    .description('the Stripe secret key of an environment')
  type SetOptions = { secretKey?: string; replaceAccount?: boolean }
  const set = (context: Context<SetOptions>, environment: StripeEnvironment, argument: string | undefined) =>
    setKey(context, environment, argument)
  const key =
    'sk_… or rk_…; - reads it from standard input; without it you are asked, which leaves nothing in the shell history'
  if (old) {
    config.action(
      action(async ({ client, io, show }) => {
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
      }),
    )
    config
      .command('set <environment> [secretKey]', { hidden: true })
      .option('--secret-key <key>')
      .option('--replace-account')
      .action(
        action<SetOptions, [string, string?]>((context, env, argument) =>
          set(context, environmentOf(env), argument),
        ),
      )
    config
      .command('remove <environment>', { hidden: true })
      .action(action<object, [string]>((context, env) => removeKey(context, environmentOf(env))))
    return
  }
  config
    .command('set [secretKey]')
    .description(
      'store the secret key of an environment, encrypted; set up our webhook endpoint, and begin a sync',
    )
    .addOption(environmentOption())
    .option('--secret-key <key>', key)
    .option('--replace-account', 'the key is of another account: delete what is kept of the one before')
    .action(
      action<SetOptions & InEnvironment, [string?]>((context, argument) =>
        set(context, context.options.environment, argument),
      ),
    )
  config
    .command('remove')
    .description('forget the key of an environment, and remove our webhook endpoint at Stripe')
    .addOption(environmentOption())
    .action(action<InEnvironment, []>((context) => removeKey(context, context.options.environment)))
}

function environmentOf(value: string): StripeEnvironment {
  if (value === 'test' || value === 'live') return value
  throw cliError(`${plain(value)} is not an environment.`, {
    code: 'INVALID_INPUT',
    next: 'Say test or live.',
  })
}

async function setKey(
  context: Context<{ secretKey?: string; replaceAccount?: boolean }>,
  environment: StripeEnvironment,
  argument: string | undefined,
): Promise<void> {
  const { options, io, say, show } = context
  const given = argument ?? options.secretKey
  let secretKey = given
  if (given === '-') secretKey = await readAll(io.stdin)
  else if (given !== undefined && context.interactive) {
    say(
      'The key was given as an argument, so it is in your shell history. Leave it out, and you are asked for it.',
    )
  }
  if (secretKey === undefined && !context.interactive) {
    throw cliError('There is no key, and nobody who could be asked for it.', {
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
    if (options.replaceAccount)
      await context.confirm(`Delete everything kept of another account in ${environment}?`)
    answer = await put(options.replaceAccount === true)
  } catch (error) {
    if (!isCliError(error) || error.code !== 'PAYMENT_ACCOUNT_CHANGED' || !context.interactive)
      throw asBadKey(error)
    say(error.message)
    await context.confirm(`Replace the account, and delete what is kept of the one before in ${environment}?`)
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
}

/** Counts by the name of a kind or a table, which is a plural. */
const counted = (counts: [name: string, value: number][]) =>
  counts
    .map(([name, value]) => {
      const words = plain(name.replaceAll('_', ' '))
      return count(value, words.replace(/s$/, ''), words)
    })
    .join(', ')

function describeDeleted(deleted: PutStripeConfigResponse['deleted']): string[] {
  const tables = Object.entries(deleted ?? {}).filter(([, rows]) => rows > 0)
  return tables.length === 0 ? [] : [`Deleted of the account before: ${counted(tables)}.`]
}

/** What the sync that follows a new key has listed, and what goes on with it. */
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

/** Of a key that was just given, wrong is not the same as not configured; and what the API calls a field is a flag here. */
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

async function removeKey(context: Context, environment: StripeEnvironment): Promise<void> {
  await context.confirm(`Remove the Stripe key for ${environment}? Payments stop until another one is set.`)
  const answer = await (await context.client()).send<DeleteStripeConfigResponse>(
    'DELETE',
    `/${environment}/config`,
  )
  context.show(answer, () =>
    [`The key for ${environment} is removed.`, ...answer.remained.map(plain)].join('\n'),
  )
}

// sync

type SyncOptions = {
  environment: StripeEnvironment | 'all'
  kinds?: SyncKind[]
  createdFrom?: string
  createdBefore?: string
}

function registerSync(parent: Command, hidden: { hidden: boolean }): void {
  parent
    .command('sync', hidden)
    .description('bring the rows in line with Stripe, or go on with a sync that was stopped')
    .addOption(
      new Option('--environment <environment>', 'which to sync')
        .choices(['test', 'live', 'all'])
        .default('all'),
    )
    .option(
      '--kinds <kinds>',
      'comma-separated: products, prices, customers, subscriptions (these four unless stated), checkout_sessions, payment_intents, charges, invoices, refunds, disputes',
      (value) => value.split(',').map((kind) => kind.trim().replaceAll('-', '_') as SyncKind),
    )
    .option('--created-from <instant>', 'payment objects only: those made at this instant or later', instant)
    .option('--created-before <instant>', 'payment objects only: those made before this instant', instant)
    .action(action<SyncOptions, []>(sync))
}

async function sync(context: Context<SyncOptions>): Promise<void> {
  const { environment, kinds, createdFrom, createdBefore } = context.options
  const client = await context.client()
  const request: SyncRequest = { kinds, createdFrom, createdBefore }
  const path = environment === 'all' ? '/sync' : `/${environment}/sync`
  const answer = await context.interruptible(
    'Stopping after this page. The same command goes on from there; Ctrl-C once more ends it now.',
    (signal) =>
      withSyncProgress(context, client, environment === 'all' ? ['test', 'live'] : [environment], () =>
        client.send<SyncStripeResponse>('POST', path, request, signal),
      ),
  )
  const { results } = answer
  if (environment === 'all' && results.every(({ connection }) => connection.maskedKey === null)) {
    throw cliError('No environment has a Stripe key.', {
      exitCode: EXIT.notConfigured,
      code: 'PAYMENT_CONFIG_NOT_FOUND',
      next: 'Run: pg-payments stripe config set --environment test',
    })
  }
  context.show(answer, () => results.map(describeSync).join('\n\n'))
  const interrupted = results.some(({ run }) => run?.status === 'interrupted')
  if (interrupted) throw stopped('The sync was stopped.', 'The same command goes on where it was.')
  const failed = results.filter(
    ({ connection, run }) => connection.maskedKey !== null && run?.status !== 'succeeded',
  )
  if (failed.length > 0) {
    throw cliError(`The sync of ${failed.map((result) => result.environment).join(' and ')} failed.`, {
      code: 'SYNC_FAILED',
      next: 'Mend what it says, and run the same command: it goes on where it was.',
    })
  }
}

function describeSync({ environment, connection, run }: SyncResult): string {
  if (run === null) {
    return connection.maskedKey === null
      ? `${environment}: no Stripe key, so there was nothing to do.`
      : `${environment}: ${plain(connection.lastSyncError ?? 'the sync failed.')}`
  }
  const rows = run.kinds.map((kind) => ({ kind, ...run.progress[kind], drift: run.drift[kind] }))
  const drift = rows.flatMap(({ kind, drift }) =>
    drift && drift.rows > 0
      ? [
          `${kind}: ${count(drift.rows, 'row')} differed, in ${Object.entries(drift.fields)
            .map(([field, rowCount]) => `${field} (${rowCount})`)
            .join(', ')}`,
        ]
      : [],
  )
  return [
    `${environment}: ${run.status}${run.error === null ? '' : `. ${plain(run.error)}`}`,
    table(
      [
        { title: 'KIND', value: ({ kind }) => kind },
        { title: 'LISTED', value: ({ seen }) => seen, align: 'right' },
        { title: 'MISSING HERE', value: ({ added }) => added, align: 'right' },
        { title: 'DIFFERED', value: ({ changed }) => changed, align: 'right' },
        { title: 'GONE AT STRIPE', value: ({ deleted }) => deleted, align: 'right' },
        { title: 'NEWER HERE', value: ({ newer }) => newer, align: 'right' },
      ],
      rows,
      undefined,
    ),
    ...drift,
  ].join('\n')
}

// webhooks

function registerWebhooks(parent: Command, old: boolean): void {
  const webhooks = parent.command('webhooks', { hidden: old }).description('the webhook endpoint at Stripe')
  const configure = async (context: Context, environment: StripeEnvironment) => {
    const answer = await (await context.client()).send<ConfigureStripeWebhookResponse>(
      'POST',
      `/${environment}/webhook`,
    )
    const done = { reused: 'was right already', mended: 'was mended', created: 'was created' }
    context.show(answer, () =>
      [
        `The webhook endpoint ${plain(answer.connection.webhookEndpointId)} ${done[answer.action] ?? 'is set up'}: ${plain(answer.connection.webhookEndpointUrl)}`,
        ...(answer.warnings ?? []).map(plain),
        ...(answer.action === 'reused'
          ? []
          : [`Run, in case events were lost meanwhile: pg-payments recover --environment ${environment}`]),
      ].join('\n'),
    )
  }
  if (old) {
    webhooks
      .command('configure <environment>', { hidden: true })
      .action(
        action<object, [string]>((context, environment) => configure(context, environmentOf(environment))),
      )
    return
  }
  webhooks
    .command('configure')
    .description('set up the endpoint, or mend it')
    .addOption(environmentOption())
    .action(action<InEnvironment, []>((context) => configure(context, context.options.environment)))
  webhooks
    .command('status')
    .description('how the endpoint differs from how it was set up')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, []>(async (context) => {
        const { environment } = context.options
        const { endpoint, reasons } = await (await context.client()).get<EnvironmentHealthResponse>(
          `/${environment}/health`,
        )
        const reason = reasons.find(({ code }) =>
          /^(secrets_unreadable|no_signing_secret|endpoint_\w+)$/.test(code),
        )
        const advice = reason && adviceOf(reason)
        context.show({ environment, endpoint }, () =>
          endpoint.id === null && !endpoint.hasSigningSecret
            ? `No webhook endpoint is set up for ${environment}. ${advice ?? ''}`
            : [
                details([
                  ['Endpoint', endpoint.id ?? 'set up by hand'],
                  ['Address', endpoint.url],
                  ['Set up', when(endpoint.configuredAt)],
                  ['Signing secret', endpoint.hasSigningSecret ? 'known' : 'unknown'],
                ]),
                ...(endpoint.id !== null && endpoint.drift === null
                  ? ['Stripe could not be asked how it is there. Run: pg-payments doctor']
                  : []),
                ...(endpoint.drift ?? []).map(({ message }) => plain(message)),
              ].join('\n'),
        )
        if (endpoint.drift?.length)
          throw cliError('The webhook endpoint is not as it should be.', {
            code: 'WEBHOOK_DRIFT',
            next: advice,
          })
      }),
    )
}

// lists

type SubjectOptions = InEnvironment & {
  limit: number
  cursor?: string
  subjectType?: string
  subjectId?: string
}

function subjectOf({ subjectType, subjectId }: SubjectOptions) {
  if ((subjectType === undefined) === (subjectId === undefined)) return { subjectType, subjectId }
  throw cliError('A subject is a type and an id.', {
    code: 'INVALID_INPUT',
    next: 'Give both --subject-type and --subject-id.',
  })
}

function registerLists(parent: Command, old: boolean): void {
  const hidden = { hidden: old }
  const withSubject = (command: Command) =>
    command
      .addOption(environmentOption())
      .option('--subject-type <type>', 'of one billing subject, together with --subject-id')
      .option('--subject-id <id>', 'of one billing subject, together with --subject-type')
      .addOption(limitOption())
      .option('--cursor <cursor>', 'where the page before ended')

  parent
    .command('customers', hidden)
    .description('customers, with what they have paid')
    .addOption(environmentOption())
    .addOption(limitOption())
    .option('--cursor <cursor>', 'where the page before ended')
    .action(
      action<InEnvironment & { limit: number; cursor?: string }, []>(
        async ({ client, io, options, show }) => {
          const { environment, limit, cursor } = options
          const page = await (await client()).get<ListPaymentCustomersResponse>(`/${environment}/customers`, {
            limit,
            cursor,
          })
          show(page, () =>
            page.customers.length === 0
              ? `No customers in ${environment}.`
              : table(
                  [
                    { title: 'CUSTOMER', value: (row) => row.providerCustomerId },
                    { title: 'NAME', value: (row) => row.name, flexible: true },
                    { title: 'E-MAIL', value: (row) => row.email, flexible: true },
                    { title: 'PAYMENTS', value: (row) => row.paymentsCount, align: 'right' },
                    {
                      title: 'PAID',
                      value: (row) => money(row.totalSpend, row.totalSpendCurrency),
                      align: 'right',
                    },
                    { title: 'LAST PAYMENT', value: (row) => when(row.lastPaymentAt), flexible: true },
                    { title: 'STATE', value: (row) => (row.deleted ? 'deleted' : 'active') },
                  ],
                  page.customers,
                  io.stdout.columns,
                ) + more(page.nextCursor),
          )
        },
      ),
    )

  withSubject(
    parent.command('subscriptions', hidden).description('subscriptions, the newest change first'),
  ).action(
    action<SubjectOptions, []>(async ({ client, io, options, show }) => {
      const { environment, limit, cursor } = options
      const page = await (await client()).get<ListStripeSubscriptionsResponse>(
        `/${environment}/subscriptions`,
        {
          limit,
          cursor,
          ...subjectOf(options),
        },
      )
      show(page, () =>
        page.subscriptions.length === 0
          ? `No subscriptions in ${environment}.`
          : table(
              [
                { title: 'SUBSCRIPTION', value: (row) => row.subscriptionId },
                {
                  title: 'STATUS',
                  value: (row) => (row.cancelAtPeriodEnd ? `${row.status}, ending` : row.status),
                },
                { title: 'SUBJECT', value: (row) => subjectName(row), flexible: true },
                { title: 'CUSTOMER', value: (row) => row.customerId, flexible: true },
                {
                  title: 'PRICES',
                  value: (row) =>
                    row.items.map(({ priceId, quantity }) => `${quantity ?? 1} × ${priceId}`).join(', '),
                  flexible: true,
                },
                { title: 'PERIOD ENDS', value: (row) => when(row.currentPeriodEnd), flexible: true },
              ],
              page.subscriptions,
              io.stdout.columns,
            ) + more(page.nextCursor),
      )
    }),
  )

  const transactions = (name: string, options: { hidden: boolean }) =>
    withSubject(parent.command(name, options).description('payments and refunds, the newest first')).action(
      action<SubjectOptions, []>(async ({ client, io, options, show }) => {
        const { environment, limit, cursor } = options
        const page = await (await client()).get<ListPaymentTransactionsResponse>(
          `/${environment}/transactions`,
          {
            limit,
            cursor,
            ...subjectOf(options),
          },
        )
        show(page, () =>
          page.transactions.length === 0
            ? `No transactions in ${environment}.`
            : table(
                [
                  {
                    title: 'WHEN',
                    value: (row) => when(row.paidAt ?? row.failedAt ?? row.providerCreatedAt),
                    flexible: true,
                  },
                  { title: 'TYPE', value: (row) => row.type.replaceAll('_', ' '), flexible: true },
                  { title: 'STATUS', value: (row) => row.status.replaceAll('_', ' ') },
                  { title: 'AMOUNT', value: (row) => money(row.amount, row.currency), align: 'right' },
                  {
                    title: 'REFUNDED',
                    value: (row) => (row.amountRefunded ? money(row.amountRefunded, row.currency) : null),
                    align: 'right',
                  },
                  { title: 'SUBJECT', value: (row) => subjectName(row), flexible: true },
                  { title: 'REFERENCE', value: (row) => row.providerReferenceId },
                ],
                page.transactions,
                io.stdout.columns,
              ) + more(page.nextCursor),
        )
      }),
    )
  transactions('transactions', hidden)
  if (old) transactions('history', hidden)
}

const subjectName = ({ subjectType, subjectId }: { subjectType: string | null; subjectId: string | null }) =>
  subjectType === null ? null : `${subjectType} ${subjectId}`
