/**
 * The methods of older clients, from before the provider was part of a name:
 *
 *     payments.createCheckoutSession('test', { lineItems: [{ stripePriceId: 'price_1', quantity: 1 }], … })
 *     payments.createCheckoutSession({ environment: 'test', … })
 *
 * They ask the older addresses, so requests and answers have the names of then, for example `stripeCheckoutSessionId`.
 */
import type {
  CheckoutSession,
  CreateCheckoutSessionRequest,
  CreateCustomerPortalSessionRequest,
  CustomerPortalSession,
  StripeEnvironment,
} from '../../types/api.ts'
import type { PaymentsResult, RequestOptions } from './result.ts'

export type OlderCheckoutSessionRequest = Omit<CreateCheckoutSessionRequest, 'lineItems'> & {
  lineItems: ({ quantity?: number } & ({ stripePriceId: string } | { priceId: string }))[]
}
export type OlderCheckoutSession = Omit<
  CheckoutSession,
  'checkoutSessionId' | 'customerId' | 'paymentIntentId' | 'subscriptionId'
> & {
  stripeCheckoutSessionId: string | null
  stripeCustomerId: string | null
  stripePaymentIntentId: string | null
  stripeSubscriptionId: string | null
}
export type OlderCustomerPortalSession = Omit<CustomerPortalSession, 'customerId'> & {
  stripeCustomerId: string | null
}

type Older<Request, Answer> = {
  (
    environment: StripeEnvironment,
    request: Request,
    options?: RequestOptions,
  ): Promise<PaymentsResult<Answer>>
  (
    request: Request & { environment: StripeEnvironment },
    options?: RequestOptions,
  ): Promise<PaymentsResult<Answer>>
}

export type OlderMethods = {
  /** @deprecated Call `stripe.createCheckoutSession`. */
  createCheckoutSession: Older<OlderCheckoutSessionRequest, { checkoutSession: OlderCheckoutSession }>
  /** @deprecated Call `stripe.createCustomerPortalSession`. */
  createCustomerPortalSession: Older<
    CreateCustomerPortalSessionRequest,
    { customerPortalSession: OlderCustomerPortalSession }
  >
}

type Post = <T>(path: string, body: unknown, options?: RequestOptions) => Promise<PaymentsResult<T>>

export function createOlderMethods(post: Post): OlderMethods {
  const older = <Request, Answer>(name: string) =>
    ((first: StripeEnvironment | object, second?: unknown, third?: RequestOptions) =>
      typeof first === 'string'
        ? post<Answer>(`/api/payments/${encodeURIComponent(first)}/${name}`, second, third)
        : post<Answer>(`/api/payments/${name}`, first, second as RequestOptions)) as Older<Request, Answer>
  return {
    createCheckoutSession: older('checkout-sessions'),
    createCustomerPortalSession: older('customer-portal-sessions'),
  }
}
