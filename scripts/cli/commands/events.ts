/** `pg-payments events …` lists, shows, retries and replays the events of the ledger. */
import { type Command, Option } from 'commander'
import type {
  GetWebhookEventResponse,
  ListWebhookEventsResponse,
  ReplayRequest,
  ReplayResponse,
  RetryWebhookEventResponse,
  RetryWebhookEventsResponse,
  StripeWebhookEvent,
} from '../../../types/api.ts'
import { segment } from '../support/client.ts'
import { action } from '../support/context.ts'
import { cliError } from '../support/errors.ts'
import {
  environmentOption,
  type InEnvironment,
  instant,
  limitOption,
  wholeNumber,
} from '../support/options.ts'
import { count, details, json, more, plain, table, when } from '../support/output.ts'
import { withElapsed } from '../support/progress.ts'

type Outcome = { eventId: string; processingStatus: string; lastError: string | null }

const STATUSES = ['pending', 'processed', 'failed', 'ignored']

export function registerEvents(program: Command): void {
  const events = program.command('events').description('the events that Stripe sent, and their status')
  registerList(events)
  registerShow(events)
  registerRetry(events)
  registerReplay(events)
}

type ListOptions = InEnvironment & {
  status?: string
  type?: string
  object?: string
  from?: string
  to?: string
  limit: number
  cursor?: string
}

function registerList(events: Command): void {
  events
    .command('list')
    .description('stored events, newest arrival first')
    .addOption(environmentOption())
    .addOption(new Option('--status <status>', 'their status').choices(STATUSES))
    .option('--type <type>', 'for example invoice.paid')
    .option('--object <id>', 'events about this object')
    .option('--from <instant>', 'events that arrived at this instant or later', instant)
    .option('--to <instant>', 'events that arrived before this instant', instant)
    .addOption(limitOption())
    .option('--cursor <cursor>', 'the cursor of the page before')
    .action(
      action<ListOptions, []>(async ({ client, io, options, show }) => {
        const { environment, object: objectId, status, type, from, to, limit, cursor } = options
        const query = { status, type, objectId, from, to, limit, cursor }
        const page = await (await client()).get<ListWebhookEventsResponse>(
          `/${environment}/webhook-events`,
          query,
        )
        show(page, () =>
          page.events.length === 0
            ? `No such events in ${environment}.`
            : table(
                [
                  { title: 'EVENT', value: (row) => row.eventId },
                  { title: 'TYPE', value: (row) => row.eventType, flexible: true },
                  { title: 'OBJECT', value: (row) => row.objectId, flexible: true },
                  { title: 'STATUS', value: (row) => row.processingStatus },
                  { title: 'TRIES', value: (row) => row.attemptCount, align: 'right' },
                  { title: 'ARRIVED', value: (row) => when(row.receivedAt), flexible: true },
                  { title: 'ERROR', value: (row) => row.lastError, flexible: true },
                ],
                page.events,
                io.stdout.columns,
              ) + more(page.nextCursor),
        )
      }),
    )
}

const eventDetails = (event: StripeWebhookEvent) =>
  details([
    ['Event', event.eventId],
    ['Type', event.eventType],
    ['About', event.objectId],
    ['Status', event.processingStatus],
    ['Tries', event.attemptCount],
    ['Arrived', when(event.receivedAt)],
    ['Finished', when(event.processedAt)],
    ['Error', event.lastError],
  ])

function registerShow(events: Command): void {
  events
    .command('show <eventId>')
    .description('one event with what Stripe sent')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, [string]>(async ({ client, options, show }, eventId) => {
        const path = `/${options.environment}/webhook-events/${segment(eventId)}`
        const answer = await (await client()).get<GetWebhookEventResponse>(path)
        const { payload } = answer.event
        show(answer, () =>
          [eventDetails(answer.event), payload ? json(payload) : 'Its payload was pruned.'].join('\n\n'),
        )
      }),
    )
}

const outcomeTable = (outcomes: Outcome[], width: number | undefined) =>
  table(
    [
      { title: 'EVENT', value: (row) => row.eventId },
      { title: 'STATUS', value: (row) => row.processingStatus },
      { title: 'ERROR', value: (row) => row.lastError, flexible: true },
    ],
    outcomes,
    width,
  )

function failIfAnyFailed(outcomes: Outcome[]): void {
  const failed = outcomes.filter(({ processingStatus }) => processingStatus === 'failed').length
  if (failed === 0) return
  throw cliError(`${count(failed, 'event')} failed again.`, {
    code: 'EVENTS_FAILED',
    next: 'Fix what the error says, usually in a trigger of the app, then run this again.',
  })
}

function registerRetry(events: Command): void {
  events
    .command('retry [eventId]')
    .description('retry failed events now; without an id, all of them')
    .addOption(environmentOption())
    .option('--type <type>', 'without an id: events of this type, for example invoice.paid')
    .option('--object <id>', 'without an id: events about this object')
    .addOption(
      new Option('--limit <count>', 'without an id: how many at most, 1 to 500')
        .default(100)
        .argParser(wholeNumber(1, 500)),
    )
    .action(
      action<ListOptions, [string?]>(async ({ client, io, options, show }, eventId) => {
        const { environment, type: eventType, object: objectId, limit } = options
        const api = await client()
        if (eventId !== undefined) {
          const path = `/${environment}/webhook-events/${segment(eventId)}/retry`
          const answer = await api.send<RetryWebhookEventResponse>('POST', path)
          show(answer, () =>
            [...(answer.retried ? [] : ['There was nothing to do.']), eventDetails(answer.event)].join('\n'),
          )
          if (answer.retried) failIfAnyFailed([answer.event])
          return
        }
        const answer = await api.send<RetryWebhookEventsResponse>(
          'POST',
          `/${environment}/webhook-events/retry`,
          {
            eventType,
            objectId,
            limit,
          },
        )
        show(answer, () =>
          answer.results.length === 0
            ? `No failed events wait in ${environment}.`
            : outcomeTable(answer.results, io.stdout.columns),
        )
        failIfAnyFailed(answer.results)
      }),
    )
}

type ReplayOptions = InEnvironment & {
  type?: string
  object?: string
  from?: string
  before?: string
  includeProcessed?: boolean
  limit: number
}

function registerReplay(events: Command): void {
  events
    .command('replay [eventId]')
    .description('process stored events again, in the order in which they happened, with fulfilment')
    .addOption(environmentOption())
    .option('--type <type>', 'events of this type, for example invoice.paid')
    .option('--object <id>', 'events about this object')
    .option('--from <instant>', 'events that happened at this instant or later', instant)
    .option('--before <instant>', 'events that happened before this instant', instant)
    .option('--include-processed', 'also processed events: their fulfilment runs again')
    .addOption(
      new Option('--limit <count>', 'how many at most, 1 to 1000')
        .default(1000)
        .argParser(wholeNumber(1, 1000)),
    )
    .action(
      action<ReplayOptions, [string?]>(async (context, eventId) => {
        const { environment, type, object, from, before, includeProcessed, limit } = context.options
        if (includeProcessed) {
          const which = eventId ? plain(eventId) : 'every such event'
          await context.confirm(
            `Replay ${which} in ${environment}? Fulfilment runs again, even where it was done.`,
          )
        }
        const request: ReplayRequest = {
          eventId,
          eventType: type,
          objectId: object,
          from,
          before,
          includeProcessed,
          limit,
        }
        const client = await context.client()
        const answer = await withElapsed(context, 'Replaying events', () =>
          client.send<ReplayResponse>('POST', `/${environment}/webhook-events/replay`, request),
        )
        context.show(answer, () =>
          answer.replayed.length === 0
            ? 'There was nothing to replay.'
            : outcomeTable(answer.replayed, context.io.stdout.columns),
        )
        failIfAnyFailed(answer.replayed)
      }),
    )
}
