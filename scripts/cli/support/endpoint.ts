/** What to run about the webhook endpoint. */
import { endpointByHand } from '../../../functions/connection/advice.ts'
import type { EnvironmentHealthResponse, StripeEnvironment } from '../../../types/api.ts'

const configure = (environment: StripeEnvironment) =>
  `pg-payments stripe webhooks configure --environment ${environment}`

/** How the endpoint comes to be as it should be; the handlers can set it up only where they know their address. */
export function howToConfigure(
  environment: StripeEnvironment,
  { expectedUrl }: Pick<EnvironmentHealthResponse['endpoint'], 'expectedUrl'>,
): string {
  if (expectedUrl !== null) return `Run: ${configure(environment)}`
  return `Set PAYMENTS_PUBLIC_URL for the handlers and then run: ${configure(environment)}; or ${endpointByHand(environment)}`
}

/** The same, and what takes in the events that did not arrive meanwhile. */
export const howToConfigureAndRecover = (...where: Parameters<typeof howToConfigure>): string =>
  `${howToConfigure(...where)}; then, for the events that were lost: pg-payments recover --environment ${where[0]}`
