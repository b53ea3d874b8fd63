/** The kinds of objects that a sync lists, in the order in which it lists them. The only list of them in TypeScript. */
export const SYNC_KINDS = [
  'products',
  'prices',
  'customers',
  'subscriptions',
  'checkout_sessions',
  'payment_intents',
  'charges',
  'invoices',
  'refunds',
  'disputes',
] as const
