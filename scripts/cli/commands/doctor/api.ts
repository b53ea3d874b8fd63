/** What the API itself reports: its connections, and the health of each environment. */
import type {
  EnvironmentHealthResponse,
  GetStripeStatusResponse,
  StripeEnvironment,
} from '../../../../types/api.ts'
import type { Context } from '../../support/context.ts'
import { isCliError } from '../../support/errors.ts'
import { adviceOf } from '../../support/output.ts'
import type { Report } from './report.ts'

export async function checkHealth(
  context: Context<{ environment?: StripeEnvironment }>,
  environments: StripeEnvironment[],
  report: Report,
): Promise<void> {
  const client = await context.client()
  let connections: GetStripeStatusResponse['connections']
  try {
    connections = (await client.get<GetStripeStatusResponse>('/status')).connections
  } catch (error) {
    if (!isCliError(error)) throw error
    report.fail('API', error.message, error.next ?? 'Check the log of the handlers.')
    return
  }
  if (client.url !== null) report.ok('API', `${client.url} responds`)
  const configured = environments.filter((environment) =>
    connections.some((connection) => connection.environment === environment && connection.maskedKey !== null),
  )
  if (configured.length === 0) {
    report.fail(
      'Stripe key',
      `No Stripe key is set for ${environments.join(' or ')}.`,
      `Run: pg-payments stripe config set --environment ${environments[0]}`,
    )
  }
  for (const environment of configured) {
    try {
      const { reasons } = await client.get<EnvironmentHealthResponse>(`/${environment}/health`)
      for (const reason of reasons) {
        const check = `${environment}: ${reason.code.replaceAll('_', ' ')}`
        report[reason.severity === 'failing' ? 'fail' : 'warn'](check, reason.message, adviceOf(reason))
      }
      if (reasons.length === 0) report.ok(`${environment}: webhooks, sync and backlog`, 'all is well')
    } catch (error) {
      if (!isCliError(error)) throw error
      report.fail(`${environment}: health`, error.message, error.next ?? 'Check the log of the handlers.')
    }
  }
}
