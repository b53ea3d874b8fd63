/** What the API itself reports: its connections, and the health of each environment. */

import { probeAddress } from '../../../../functions/connection/address.ts'
import type {
  EnvironmentHealthResponse,
  GetStripeStatusResponse,
  ListOffersResponse,
  StripeEnvironment,
} from '../../../../types/api.ts'
import type { Client } from '../../support/client.ts'
import type { Context } from '../../support/context.ts'
import { isCliError } from '../../support/errors.ts'
import { adviceOf } from '../../support/output.ts'
import { compareClocks, type Report } from './report.ts'

export async function checkHealth(
  context: Context<{ environment?: StripeEnvironment }>,
  environments: StripeEnvironment[],
  report: Report,
  /** What to do about an error of the handlers, where another finding explains it. */
  knownCause: string | null = null,
): Promise<void> {
  const client = await context.client()
  let connections: GetStripeStatusResponse['connections']
  try {
    connections = (await client.get<GetStripeStatusResponse>('/status')).connections
  } catch (error) {
    if (!isCliError(error)) throw error
    report.fail('API', error.message, knownCause ?? error.next ?? CHECK_LOG)
    return
  }
  if (client.url !== null) {
    report.ok('API', `${client.url} responds`)
    const ahead = client.millisecondsAhead()
    if (ahead !== null) compareClocks('clock of the API', ahead, report)
  }
  const configured = environments.filter((environment) =>
    connections.some((connection) => connection.environment === environment && connection.maskedKey !== null),
  )
  if (configured.length === 0) {
    const [environment = 'test'] = environments
    report.fail(
      'Stripe key',
      `No Stripe key is set for ${environments.join(' or ')}.`,
      `Run: ${await commandForKey(client, environment)}`,
    )
  }
  for (const environment of configured) {
    try {
      const verdict = await client.get<EnvironmentHealthResponse>(`/${environment}/health`)
      await reportVerdict(environment, verdict, client.url !== null, report)
      const { offers } = await client.get<ListOffersResponse>(`/${environment}/offers`)
      reportOffers(environment, offers.length > 0, verdict.unlimitedBuyers ?? APP_USERS, report)
    } catch (error) {
      if (!isCliError(error)) throw error
      report.fail(`${environment}: health`, error.message, knownCause ?? error.next ?? CHECK_LOG)
    }
  }
}

/** Stores a key. If events have arrived before, some are lost by now, and the health names their recovery too. */
async function commandForKey(client: Client, environment: StripeEnvironment): Promise<string> {
  const verdict = await client.get<Partial<EnvironmentHealthResponse>>(`/${environment}/health`)
  const reason = verdict.reasons?.find(({ code }) => code === 'no_key')
  return reason?.command ?? `pg-payments stripe config set --environment ${environment}`
}

const CHECK_LOG = 'Check the log of the handlers.'

async function reportVerdict(
  environment: StripeEnvironment,
  { reasons, endpoint }: EnvironmentHealthResponse,
  isRemote: boolean,
  report: Report,
): Promise<void> {
  const said = report.findings().map(({ message }) => message)
  for (const reason of reasons) {
    if (said.includes(reason.message)) continue // a setting of the database, which was checked there
    const check = `${environment}: ${reason.code.replaceAll('_', ' ')}`
    report[reason.severity === 'failing' ? 'fail' : 'warn'](check, reason.message, adviceOf(reason))
  }
  // Some platforms do not let handlers ask their own address, so it is asked from here as well.
  const isAsked = reasons.some(({ code }) => code.startsWith('address_'))
  const problem =
    isRemote && !isAsked && endpoint.expectedUrl !== null
      ? await probeAddress(endpoint.expectedUrl, { publicUrl: null, basePath: '' })
      : null
  if (problem !== null)
    report[problem.kind === 'wrong' ? 'fail' : 'warn'](
      `${environment}: address ${problem.kind}`,
      problem.message,
      problem.next_action,
    )
  if (reasons.length === 0 && problem === null)
    report.ok(`${environment}: webhooks, sync and backlog`, 'all is well')
}

const APP_USERS = ['anon', 'authenticated']

/**
 * Without offers, a buyer's request chooses the quantity, the trial and whether a card is needed.
 *
 * @param unlimited the roles that the policies let choose; of an API that is older than this command, all of them
 */
function reportOffers(
  environment: StripeEnvironment,
  hasOffers: boolean,
  unlimited: string[],
  report: Report,
): void {
  const check = `${environment}: offers`
  if (hasOffers) report.ok(check, 'app users can buy nothing else')
  else if (unlimited.length === 0)
    report.ok(check, 'there are none; the policies let no app user choose what to buy and how')
  else
    report.warn(
      check,
      'There are none, so app users can buy every active price, with trials and promotion codes, that the policies allow.',
      `Run: pg-payments offers set <offerId> --environment ${environment}`,
    )
}
