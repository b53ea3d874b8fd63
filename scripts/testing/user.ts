/** A user of the app in a test: the token, the SDK, and statements in the database as this user. */
import type postgres from 'postgres'
import {
  type CheckoutSession,
  type CreateCheckoutSessionRequest,
  type CreateCustomerPortalSessionRequest,
  type CustomerPortalSession,
  createPaymentsClient,
  type PaymentsClient,
  type PaymentsError,
  type PaymentsResult,
} from '../../functions/client/index.ts'
import type { System } from '../kit/system.ts'
import { signToken } from '../kit/tokens.ts'

/** A request of the SDK, in which everything but the price may be left out. */
export type CheckoutOptions = Partial<CreateCheckoutSessionRequest> & {
  /** Id of a price; instead of `lineItems`. */
  price?: string
  quantity?: number
}

export type PortalOptions = Partial<CreateCustomerPortalSessionRequest>

export type User = {
  /** The user's id; null for a guest. */
  id: string | null
  /** The access token; null for a guest. */
  token: () => Promise<string | null>
  /** The SDK as this user. Its methods never throw. */
  payments: PaymentsClient
  /**
   * Begins a checkout. By default this user buys for themselves, and the price decides whether it is a subscription.
   * It rejects with the API's error.
   */
  checkout(options: CheckoutOptions): Promise<CheckoutSession>
  /** Opens the billing portal, by default for the user themselves. */
  portal(options?: PortalOptions): Promise<CustomerPortalSession>
  /** Runs statements as this user, restricted by the policies, in one transaction. */
  query<T>(work: (sql: postgres.TransactionSql) => Promise<T>): Promise<T>
}

type Stage = { system: System; sql: postgres.Sql; secret: string }
type Claims = { sub: string } & Record<string, unknown>

/** The id of a user in the app. Tokens have it as text. */
export type UserId = string | number | bigint

/** @throws TypeError for what is no id */
export function asUserId(id: unknown): string {
  if (typeof id === 'string' && id !== '') return id
  if (typeof id === 'bigint' || Number.isSafeInteger(id)) return String(id)
  const inexact = typeof id === 'number' ? ' Pass an id above 2^53 as a bigint or as a text.' : ''
  throw new TypeError(
    `signIn takes the id of a user, which is a text, a whole number or a bigint, or claims with it as sub.${inexact}`,
  )
}

/** @throws TypeError for what names nothing to buy */
function asCheckout(options: unknown): CheckoutOptions {
  const given = (typeof options === 'object' && options !== null ? options : {}) as CheckoutOptions
  if (given.price !== undefined || given.lineItems !== undefined || given.mode === 'setup') return given
  throw new TypeError(
    'checkout needs a price or lineItems, for example { price: await billing.price({ amount: 900 }) }.',
  )
}

const APP = 'https://app.example'

export function createUser({ system, sql, secret }: Stage, given: Claims | null): User {
  const claims = given && { role: 'authenticated', ...given }
  const token = async () => (claims ? signToken(secret, claims) : null)
  const payments = createPaymentsClient({ baseUrl: system.apiUrl, getToken: token })
  const self = claims && { type: 'user', id: claims.sub }
  return {
    id: claims?.sub ?? null,
    token,
    payments,
    async checkout(options) {
      const { price, quantity = 1, ...request } = asCheckout(options)
      const lineItems =
        request.lineItems ?? (request.mode === 'setup' ? undefined : [{ priceId: price ?? '', quantity }])
      const recurring = lineItems?.some(
        ({ priceId, priceData }) =>
          priceData?.recurring !== undefined ||
          system.local.engine.store.get('price', priceId ?? '')?.type === 'recurring',
      )
      const { checkoutSession } = unwrap(
        await payments.stripe.createCheckoutSession('test', {
          mode: recurring ? 'subscription' : 'payment',
          ...(self && { subject: self }),
          successUrl: `${APP}/success`,
          cancelUrl: `${APP}/cancel`,
          ...request,
          ...(lineItems && { lineItems }),
        } as CreateCheckoutSessionRequest),
      )
      return checkoutSession
    },
    async portal(request = {}) {
      const { customerPortalSession } = unwrap(
        await payments.stripe.createCustomerPortalSession('test', {
          ...(self && { subject: self }),
          returnUrl: `${APP}/billing`,
          ...request,
        } as CreateCustomerPortalSessionRequest),
      )
      return customerPortalSession
    },
    async query(work) {
      const role = claims?.role ?? 'anon'
      const json = claims ? JSON.stringify(claims) : ''
      return (await sql.begin(async (transaction) => {
        await transaction`select set_config('role', ${role}, true), set_config('request.jwt.claims', ${json}, true)`
        return work(transaction)
      })) as Awaited<ReturnType<typeof work>>
    },
  }
}

function unwrap<T>({ data, error }: PaymentsResult<T>): T {
  if (error === null) return data
  const { message, nextActions, ...rest }: PaymentsError = error
  throw Object.assign(new Error([message, nextActions].filter(Boolean).join(' ')), rest)
}
