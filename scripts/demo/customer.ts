/** Somebody who uses the shop without a browser: over the same HTTP routes, and with the SDK as the browser uses it. */
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
  /** Puts an order into the shop, which answers with the checkout to ask for. */
  order(options?: { quantity?: number; code?: string }): Promise<PlacedOrder>
}

/** Comes to the shop, and signs in unless a guest. */
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
      if (answer.status !== 201) throw new Error(`The shop took no order: ${await answer.text()}`)
      return (await answer.json()) as PlacedOrder
    },
  }
}

/** What the SDK gave, or its error as an exception. */
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
  if (!checkoutSessionId || !url) throw new Error('The checkout has no page to pay on.')
  return { ...checkoutSession, checkoutSessionId, url }
}
