/** `stripe sync`. */
import { type Command, Option } from 'commander'
import type {
  StripeEnvironment,
  SyncKind,
  SyncRequest,
  SyncResult,
  SyncStripeResponse,
} from '../../../../types/api.ts'
import type { Client } from '../../support/client.ts'
import { action, type Context } from '../../support/context.ts'
import { cliError, EXIT, stopped } from '../../support/errors.ts'
import { instant } from '../../support/options.ts'
import { count, plain, table } from '../../support/output.ts'
import { withSyncProgress } from '../../support/progress.ts'

type SyncOptions = {
  environment: StripeEnvironment | 'all'
  kinds?: SyncKind[]
  createdFrom?: string
  createdBefore?: string
  erased?: boolean
}

export function registerSync(parent: Command): void {
  parent
    .command('sync')
    .description('bring the rows in line with Stripe, or continue a sync that was stopped')
    .addOption(
      new Option('--environment <environment>', 'which to sync')
        .choices(['test', 'live', 'all'])
        .default('all'),
    )
    .option(
      '--kinds <kinds>',
      'comma-separated (default: products,prices,customers,subscriptions); also checkout_sessions, payment_intents, charges, invoices, credit_notes, refunds, disputes',
      (value) => value.split(',').map((kind) => kind.trim().replaceAll('-', '_') as SyncKind),
    )
    .option('--created-from <instant>', 'payment objects only: created at this instant or later', instant)
    .option('--created-before <instant>', 'payment objects only: created before this instant', instant)
    .option('--erased', 'the data of the account was erased at Stripe, so it knows none of the rows')
    .action(action<SyncOptions, []>(sync))
}

type Stoppable = SyncStripeResponse & { wasStopped: boolean }

/**
 * Asks for a sync until it is done, because the handlers interrupt one that takes over 10 minutes. Ends as well when
 * the signal aborts, or when a sync was interrupted before it had done anything more.
 */
async function syncToTheEnd(
  context: Context,
  client: Client,
  environment: StripeEnvironment | 'all',
  request: SyncRequest,
  signal: AbortSignal,
): Promise<Stoppable> {
  const ask = (path: string, environments: string[]) =>
    withSyncProgress(context, client, environments, () =>
      client.send<SyncStripeResponse>('POST', path, request, signal),
    )
  const { results } =
    environment === 'all'
      ? await ask('/sync', ['test', 'live'])
      : await ask(`/${environment}/sync`, [environment])
  for (const [index, result] of results.entries()) {
    let last = result
    let isMoving = true
    while (last.run?.status === 'interrupted' && isMoving && !signal.aborted) {
      const [next] = (await ask(`/${last.environment}/sync`, [last.environment])).results
      isMoving = next !== undefined && progressOf(next) !== progressOf(last)
      last = next ?? last
    }
    results[index] = last
  }
  return { results, wasStopped: signal.aborted }
}

const progressOf = ({ run }: SyncResult) => JSON.stringify(run?.progress)

async function sync(context: Context<SyncOptions>): Promise<void> {
  const { environment, kinds, createdFrom, createdBefore, erased } = context.options
  const client = await context.client()
  const request: SyncRequest = { kinds, createdFrom, createdBefore, erased }
  const answer = await context.interruptible(
    'Stopping after this page. Run the same command to continue. Press Ctrl-C again to end it now.',
    (signal) => syncToTheEnd(context, client, environment, request, signal),
  )
  const { results, wasStopped } = answer
  if (environment === 'all' && results.every(({ connection }) => connection.maskedKey === null)) {
    throw cliError('No environment has a Stripe key.', {
      exitCode: EXIT.notConfigured,
      code: 'PAYMENT_CONFIG_NOT_FOUND',
      next: 'Run: pg-payments stripe config set --environment test',
    })
  }
  context.show({ results }, () => results.map((result) => describeSync(result, wasStopped)).join('\n\n'))
  const interrupted = results.some(
    ({ connection, run }) =>
      run?.status === 'interrupted' || (wasStopped && run === null && connection.maskedKey !== null),
  )
  if (interrupted) throw stopped('The sync was stopped.', 'Run the same command to continue.')
  const failed = results.filter(
    ({ connection, run }) => connection.maskedKey !== null && run?.status !== 'succeeded',
  )
  if (failed.length > 0) {
    throw cliError(`The sync of ${failed.map((result) => result.environment).join(' and ')} failed.`, {
      code: 'SYNC_FAILED',
      next: 'Fix what the error says, then run the same command to continue.',
    })
  }
}

function describeSync({ environment, connection, run }: SyncResult, wasStopped: boolean): string {
  if (run === null) {
    if (wasStopped && connection.maskedKey !== null) return `${environment}: stopped before it began.`
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
