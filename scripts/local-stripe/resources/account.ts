/** The account that a key belongs to (https://docs.stripe.com/api/accounts). */
import type { Engine } from '../core/engine.ts'
import { StripeFailure } from '../core/errors.ts'
import { type Route, route } from '../core/route.ts'
import type { Account } from '../core/types.ts'

/** A standard account that can take payments. */
export function accountOf(engine: Engine): Account {
  return {
    id: engine.accountId,
    object: 'account',
    business_profile: {
      annual_revenue: null,
      estimated_worker_count: null,
      mcc: null,
      minority_owned_business_designation: null,
      name: 'Local Stripe',
      product_description: null,
      specified_commercial_transactions_act_url: null,
      support_address: null,
      support_email: null,
      support_phone: null,
      support_url: null,
      url: null,
    },
    business_type: 'company',
    capabilities: { card_payments: 'active', transfers: 'active' },
    charges_enabled: true,
    controller: { type: 'account' },
    country: 'US',
    created: 1_704_067_200,
    default_currency: 'usd',
    details_submitted: true,
    email: 'owner@local-stripe.test',
    external_accounts: {
      object: 'list',
      data: [],
      has_more: false,
      url: `/v1/accounts/${engine.accountId}/external_accounts`,
    },
    metadata: {},
    payouts_enabled: true,
    requirements: {
      alternatives: [],
      current_deadline: null,
      currently_due: [],
      disabled_reason: null,
      errors: [],
      eventually_due: [],
      past_due: [],
      pending_verification: [],
    },
    settings: null,
    type: 'standard',
  }
}

export const accountRoutes: Route[] = [
  route('GET', '/v1/account', 'accounts_kyc_basic', {}, ({ engine }) => accountOf(engine)),
  route('GET', '/v1/accounts/:id', 'accounts_kyc_basic', {}, ({ engine, id }) => {
    if (id === engine.accountId) return accountOf(engine)
    throw new StripeFailure(403, {
      type: 'invalid_request_error',
      code: 'account_invalid',
      message: `The provided key does not have access to account '${id}' (or that account does not exist). Application access may have been revoked.`,
    })
  }),
]
