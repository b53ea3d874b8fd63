/**
 * What a file `payments.catalog.json` or `payments.catalog.ts` says: the products and prices of an app. The command
 * `pg-payments catalog push` brings Stripe in line with it.
 */

export type Catalog = {
  $schema?: string
  products: CatalogProduct[]
}

export type CatalogProduct = {
  /** The name of the product in this file. It stays when the name changes. */
  key: string
  /** The name that buyers see. */
  name: string
  description?: string
  /** What it contains: its marketing features at Stripe, and in its metadata as `payments_features`, a JSON list. */
  features?: string[]
  metadata?: Record<string, string>
  prices: CatalogPrice[]
}

export type CatalogPrice = {
  /** Unique in the file. The app finds the price by it, in test and in live. */
  lookupKey: string
  /** In the currency's minor unit: 1900 is 19.00 euros. */
  amount: number
  /** Three lower-case letters. */
  currency: string
  /** The same price in other currencies, each with the lookup key `<lookupKey>_<currency>`. */
  currencies?: Record<string, number>
  /** Makes it recurring. */
  interval?: 'day' | 'week' | 'month' | 'year'
  intervalCount?: number
  /** Days without payment at the beginning of a subscription. */
  trialDays?: number
  taxBehavior?: 'exclusive' | 'inclusive' | 'unspecified'
  metadata?: Record<string, string>
}
