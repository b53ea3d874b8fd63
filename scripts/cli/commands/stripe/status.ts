/** `stripe status`. */
import type { Command } from 'commander'
import type { GetStripeStatusResponse } from '../../../../types/api.ts'
import { action } from '../../support/context.ts'
import { table, when } from '../../support/output.ts'

export function registerStatus(parent: Command): void {
  parent
    .command('status')
    .description('the Stripe account of each environment, and its state')
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
  if (!webhookDrift) return 'set up, Stripe unreachable'
  if (webhookDrift.length === 0) return 'set up'
  return webhookDrift.map(({ problem }) => problem.replaceAll('_', ' ')).join(', ')
}

function syncState({ lastSyncedAt, lastSyncStatus }: Connection): string | null {
  if (lastSyncedAt === null) return null
  return lastSyncStatus === 'failed' ? `failed ${when(lastSyncedAt)}` : when(lastSyncedAt)
}
