/** `stripe webhooks …`: the webhook endpoint of an environment. */
import type { Command } from 'commander'
import type {
  ConfigureStripeWebhookResponse,
  EnvironmentHealthResponse,
  HealthReason,
  StripeEnvironment,
} from '../../../../types/api.ts'
import { action, type Context } from '../../support/context.ts'
import { cliError } from '../../support/errors.ts'
import { environmentOption, type InEnvironment } from '../../support/options.ts'
import { adviceOf, details, plain, when } from '../../support/output.ts'

type ConfigureOptions = { takeOver?: boolean }

export function registerWebhooks(parent: Command): void {
  const webhooks = parent.command('webhooks').description('the webhook endpoint at Stripe')
  webhooks
    .command('configure')
    .description('set up the endpoint, or repair it')
    .addOption(environmentOption())
    .option(
      '--take-over',
      'this deployment has moved: disable the endpoint that delivers to its former address; never on a copy of a database that is in use',
    )
    .action(
      action<ConfigureOptions & InEnvironment, []>((context) =>
        configureWebhooks(context, context.options.environment, context.options.takeOver),
      ),
    )
  webhooks
    .command('status')
    .description('compare the endpoint at Stripe with its configuration')
    .addOption(environmentOption())
    .action(action(showEndpoint))
}

const DONE = { reused: 'was already correct', mended: 'was repaired', created: 'was created' }

export async function configureWebhooks(
  context: Context,
  environment: StripeEnvironment,
  takeOver = false,
): Promise<void> {
  const client = await context.client()
  const answer = await client.send<ConfigureStripeWebhookResponse>(
    'POST',
    `/${environment}/webhook`,
    takeOver ? { takeOver } : undefined,
  )
  const { action, connection, warnings = [] } = answer
  context.show(answer, () =>
    [
      `The webhook endpoint ${plain(connection.webhookEndpointId)} ${DONE[action] ?? 'is set up'}: ${plain(connection.webhookEndpointUrl)}`,
      ...warnings.map(plain),
      ...(action === 'reused'
        ? []
        : [`Run, in case events were lost meanwhile: pg-payments recover --environment ${environment}`]),
    ].join('\n'),
  )
}

/** Whether a reason of the health verdict is about the webhook endpoint or its signing secret. */
const isAboutEndpoint = ({ code }: HealthReason) =>
  code === 'secrets_unreadable' || code === 'no_signing_secret' || code.startsWith('endpoint_')

async function showEndpoint(context: Context<InEnvironment>): Promise<void> {
  const { environment } = context.options
  const client = await context.client()
  const { endpoint, reasons } = await client.get<EnvironmentHealthResponse>(`/${environment}/health`)
  const reason = reasons.find(isAboutEndpoint)
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
            ? ['Stripe could not be reached to compare it. Run: pg-payments doctor']
            : []),
          ...(endpoint.drift ?? []).map(({ message }) => plain(message)),
        ].join('\n'),
  )
  if (endpoint.drift?.length)
    throw cliError('The webhook endpoint differs from its configuration.', {
      code: 'WEBHOOK_DRIFT',
      next: advice,
    })
}
