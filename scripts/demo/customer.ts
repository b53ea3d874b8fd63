/** A customer without a browser: uses the same HTTP routes of the shop, and the SDK like the browser does. */
import {
  type CheckoutSession,
  type CreateCheckoutSessionRequest,
  createPaymentsClient,
  type PaymentsClient,
  type PaymentsResult,
} from '../../functions/client/index.ts'
import type { User } from './pages.ts'
import type { System } from './system.ts'

export type PlacedOrder = { orderId: string; checkout: CreateCheckoutSessionRequest }

export type Customer = {
  /** The access token, or null for a guest. */
  token(): Promise<string | null>
  payments: PaymentsClient
  /** Places an order; the shop returns the checkout to start. */
  order(options?: { quantity?: number; code?: string }): Promise<PlacedOrder>
}

/** Enters the shop, and signs in unless the user is a guest. */
export async function enter({ shopUrl, apiUrl }: System, user: User): Promise<Customer> {
  const headers: Record<string, string> = { origin: shopUrl }
  if (user !== 'guest') {
    const answer = await fetch(`${shopUrl}/sign-in`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ user }),
      redirect: 'manual',
    })
    const cookie = answer.headers.get('set-cookie')?.split(';')[0]
    if (answer.status !== 303 || !cookie)
      throw new Error(`${user} could not sign in: status ${answer.status}.`)
    headers.cookie = cookie
  }
  async function token(): Promise<string | null> {
    const answer = await fetch(`${shopUrl}/api/token`, { headers })
    return ((await answer.json()) as { token: string | null }).token
  }
  return {
    token,
    payments: createPaymentsClient({ baseUrl: apiUrl, getToken: token }),
    async order({ quantity = 1, code } = {}) {
      const answer = await fetch(`${shopUrl}/api/orders`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ quantity, code }),
      })
      if (answer.status !== 201) throw new Error(`The shop refused the order: ${await answer.text()}`)
      return (await answer.json()) as PlacedOrder
    },
  }
}

/** Returns the data of an SDK result, or throws its error. */
export function dataOf<T>({ data, error }: PaymentsResult<T>): T {
  if (error) throw new Error(`${error.message} (${error.statusCode} ${error.error})`)
  return data
}

/** Starts a checkout through the SDK. */
export async function startCheckout(
  { payments }: Customer,
  request: CreateCheckoutSessionRequest,
): Promise<CheckoutSession & { checkoutSessionId: string; url: string }> {
  const { checkoutSession } = dataOf(await payments.stripe.createCheckoutSession('test', request))
  const { checkoutSessionId, url } = checkoutSession
  if (!checkoutSessionId || !url) throw new Error('The checkout has no payment page.')
  return { ...checkoutSession, checkoutSessionId, url }
}
