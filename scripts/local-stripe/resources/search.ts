/** Search (https://docs.stripe.com/api/customers/search): which fields of which objects can be searched. */
import { type Route, route } from '../core/route.ts'
import { type SearchField, search, searchShape } from '../core/search.ts'
import type { ObjectName } from '../core/types.ts'

const SEARCHES: [path: string, name: ObjectName, permission: string, fields: Record<string, SearchField>][] =
  [
    [
      '/v1/charges/search',
      'charge',
      'charge',
      {
        amount: 'amount',
        'billing_details.address.postal_code': 'billing_details.address.postal_code',
        created: 'created',
        currency: 'currency',
        customer: 'customer',
        disputed: 'disputed',
        'payment_method_details.card.brand': 'payment_method_details.card.brand',
        'payment_method_details.card.exp_month': 'payment_method_details.card.exp_month',
        'payment_method_details.card.exp_year': 'payment_method_details.card.exp_year',
        'payment_method_details.card.fingerprint': 'payment_method_details.card.fingerprint',
        'payment_method_details.card.last4': 'payment_method_details.card.last4',
        refunded: 'refunded',
        status: 'status',
      },
    ],
    [
      '/v1/customers/search',
      'customer',
      'customer',
      { created: 'created', email: 'email', name: 'name', phone: 'phone' },
    ],
    [
      '/v1/invoices/search',
      'invoice',
      'invoice',
      {
        created: 'created',
        currency: 'currency',
        customer: 'customer',
        last_finalization_error_code: 'last_finalization_error.code',
        number: 'number',
        receipt_number: 'receipt_number',
        status: 'status',
        subscription: 'parent.subscription_details.subscription',
        total: 'total',
      },
    ],
    [
      '/v1/payment_intents/search',
      'payment_intent',
      'payment_intent',
      { amount: 'amount', created: 'created', currency: 'currency', customer: 'customer', status: 'status' },
    ],
    [
      '/v1/prices/search',
      'price',
      'plan',
      {
        active: 'active',
        created: 'created',
        currency: 'currency',
        lookup_key: 'lookup_key',
        product: 'product',
        type: 'type',
      },
    ],
    [
      '/v1/products/search',
      'product',
      'product',
      {
        active: 'active',
        created: 'created',
        description: 'description',
        name: 'name',
        shippable: 'shippable',
        url: 'url',
      },
    ],
    [
      '/v1/subscriptions/search',
      'subscription',
      'subscription',
      { canceled_at: 'canceled_at', created: 'created', status: 'status' },
    ],
  ]

/** They come before the routes of single objects, whose paths they also match. */
export const searchRoutes: Route[] = SEARCHES.map(([path, name, permission, fields]) =>
  route('GET', path, permission, searchShape, ({ engine, params }) =>
    search(engine.store.list(name), params, path, fields),
  ),
)
