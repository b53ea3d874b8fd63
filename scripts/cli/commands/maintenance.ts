/** `pg-payments recover`, `rebuild` and `prune` maintain the ledger and the projections. */
import { type Command, Option } from 'commander'
import type { PruneResponse, RebuildResponse, RecoverResponse, SyncRequest } from '../../../types/api.ts'
import { action, type Context } from '../support/context.ts'
import { stopped } from '../support/errors.ts'
import { environmentOption, type InEnvironment, instant, wholeNumber } from '../support/options.ts'
import { count, when } from '../support/output.ts'
import { withElapsed } from '../support/progress.ts'

type RecoverOptions = InEnvironment & { since?: string }
type PruneOptions = InEnvironment & { olderThan: number }

export function registerMaintenance(program: Command): void {
  program
    .command('recover')
    .description("recover the events of Stripe's list that never arrived")
    .addOption(environmentOption())
    .option(
      '--since <instant>',
      'read back to this instant (default: where the last recovery ended)',
      instant,
    )
    .action(action<RecoverOptions, []>(recover))
  program
    .command('rebuild')
    .description('rebuild the projections from the ledger, without fulfilment')
    .addOption(environmentOption())
    .action(action<InEnvironment, []>(rebuild))
  program
    .command('prune')
    .description('empty the payloads of old finished events; their status stays')
    .addOption(environmentOption())
    .addOption(
      new Option('--older-than <days>', 'days since the events happened and arrived')
        .argParser(wholeNumber(1, 36_500))
        .makeOptionMandatory(),
    )
    .action(action<PruneOptions, []>(prune))
}

async function recover(context: Context<RecoverOptions>): Promise<void> {
  const { environment, since } = context.options
  const client = await context.client()
  let isComplete = true
  const answer = await context.interruptible(
    'Stopping. Run the same command to read the list again; it skips the events that are stored by then.',
    async (signal) => {
      const path = `/${environment}/recover`
      const done = await withElapsed(context, "Reading Stripe's list of events", () =>
        client.send<RecoverResponse>('POST', path, { since }, signal),
      )
      isComplete = !signal.aborted
      return done
    },
  )
  const { recovery } = answer
  context.show(answer, () =>
    [
      `Read ${count(recovery.listed, 'event')} of ${environment} since ${when(recovery.from)}: ${
        recovery.recovered === 0
          ? 'none was missing.'
          : `${count(recovery.recovered, 'event')} ${recovery.recovered === 1 ? 'was' : 'were'} missing.`
      }`,
      ...(recovery.recovered === 0 ? [] : [`Processed ${recovery.processed}, failed ${recovery.failed}.`]),
      ...(recovery.failed === 0
        ? []
        : [`Run: pg-payments events list --environment ${environment} --status failed`]),
      ...(recovery.gap === null
        ? []
        : [recovery.gap.message, `Run: ${syncCommand(environment, recovery.gap.sync)}`]),
    ].join('\n'),
  )
  if (!isComplete) throw stopped('The recovery was stopped.', 'Run the same command to recover the rest.')
}

async function rebuild(context: Context<InEnvironment>): Promise<void> {
  const { environment } = context.options
  await context.confirm(`Rebuild the projections of ${environment}? Webhooks wait until it is done.`)
  const client = await context.client()
  const answer = await withElapsed(context, `Rebuilding ${environment}`, () =>
    client.send<RebuildResponse>('POST', `/${environment}/rebuild`),
  )
  context.show(answer, () =>
    [
      `Rebuilt from ${count(answer.events, 'event')}.`,
      ...(answer.completeSince === null
        ? []
        : [
            `${count(answer.pruned, 'event')} had no payload any more, so rows from before ${when(answer.completeSince)} are unchanged.`,
          ]),
    ].join('\n'),
  )
}

async function prune(context: Context<PruneOptions>): Promise<void> {
  const { environment, olderThan } = context.options
  await context.confirm(
    `Empty the payloads of finished events in ${environment} older than ${count(olderThan, 'day')}, and delete checkout sessions of that age that were never paid? These events can then no longer be replayed or used in a rebuild.`,
  )
  const client = await context.client()
  const answer = await withElapsed(context, 'Emptying payloads', () =>
    client.send<PruneResponse>('POST', `/${environment}/prune`, { olderThanDays: olderThan }),
  )
  // Handlers of an older release delete no sessions, and do not say so.
  const { pruned, deletedCheckoutSessions: deleted = 0 } = answer
  context.show(answer, () =>
    deleted === 0
      ? `Emptied ${count(pruned, 'payload')}.`
      : `Emptied ${count(pruned, 'payload')}. Deleted ${count(deleted, 'checkout session')} that ${deleted === 1 ? 'was' : 'were'} never paid.`,
  )
}

/** The sync that closes a gap, as a command. */
function syncCommand(environment: string, { kinds, createdFrom, createdBefore }: SyncRequest): string {
  return [
    `pg-payments stripe sync --environment ${environment}`,
    ...(kinds ? [`--kinds ${kinds.join(',')}`] : []),
    ...(createdFrom ? [`--created-from ${createdFrom}`] : []),
    ...(createdBefore ? [`--created-before ${createdBefore}`] : []),
  ].join(' ')
}
