/** `pg-payments schedule run`, which cron calls every few minutes. */
import type { Command } from 'commander'
import type { ScheduleRequest, ScheduleResponse } from '../../../types/api.ts'
import { action } from '../support/context.ts'
import { cliError, stopped } from '../support/errors.ts'
import { count } from '../support/output.ts'

export function registerSchedule(program: Command): void {
  program
    .command('schedule')
    .description('what a cron job runs')
    .command('run')
    .description('retry failed events, recover lost ones, and sync the catalog')
    .action(
      action(async (context) => {
        const client = await context.client()
        const { MOST_SYNC_PAGES } = await import('../../../functions/sync/schemas.ts')
        // This process may run long. A deployed handler may be ended by its platform, so it lists fewer pages.
        const request: ScheduleRequest = client.url === null ? { syncPages: MOST_SYNC_PAGES } : {}
        const result = await context.interruptible('Stopping. The next run continues.', (signal) =>
          client.send<ScheduleResponse>('POST', '/schedule', request, signal),
        )
        context.show(result, () =>
          [
            `Retried ${count(result.retried.length, 'failed event')}.`,
            ...result.recoveries.map(
              ({ environment, recovered, gap }) =>
                `${environment}: recovered ${count(recovered, 'lost event')}.${gap === null ? '' : ` ${gap.message}`}`,
            ),
            ...result.syncs.map(
              ({ environment, kinds, status }) => `${environment}: sync of ${kinds.join(', ')} ${status}.`,
            ),
            ...result.failures.map(
              ({ part, environment, message }) =>
                `${environment === null ? '' : `${environment}: `}${part} failed. ${message}`,
            ),
          ].join('\n'),
        )
        if (client.url === null && result.syncs.some(({ status }) => status === 'interrupted'))
          throw stopped('The sync was stopped.', 'The next run continues.')
        if (result.failures.length > 0) {
          throw cliError(`${count(result.failures.length, 'part')} of the schedule failed.`, {
            code: 'SCHEDULE_FAILED',
            next: 'Run: pg-payments doctor',
          })
        }
      }),
    )
}
