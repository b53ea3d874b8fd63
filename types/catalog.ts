/**
 * What a file `payments.catalog.json` or `payments.catalog.ts` says: the products and prices of an app, and what of it
 * app users may buy. The command `pg-payments catalog push` brings Stripe and the database in line with it.
 */

export type Catalog = {
  $schema?: string
  products: CatalogProduct[]
  /** What app users may buy, and how. Without this field, `push` leaves all offers alone. */
  offers?: CatalogOffer[]
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

/** Fields of the admin route `PUT …/offers/{offerId}`, with a product by its key in this file. */
export type CatalogOffer = {
  /** The id of the offer. */
  key: string
  /** The price that is offered; else `product`. */
  lookupKey?: string
  /** The key of the product of this file whose prices are all offered. */
  product?: string
  mode: 'payment' | 'subscription'
  minimumQuantity?: number
  maximumQuantity?: number
  /** Who may buy; both if omitted. */
  roles?: ('anon' | 'authenticated')[]
  /** The types of subject that may buy; all, and guests, if omitted. */
  subjectTypes?: string[]
  startsAt?: string
  /** The first instant after the offer. */
  endsAt?: string
  /** The options that a request may have, for example `allowPromotionCodes`. */
  allowedOptions?: string[]
  /** Options of every checkout, whatever the request says. */
  forcedOptions?: object
  allowPayWhatYouWant?: boolean
  allowPriceData?: boolean
  currency?: string
  minimumAmount?: number
  maximumAmount?: number
  productGroup?: string
  onePlan?: boolean
  trialOnce?: boolean
  active?: boolean
}
