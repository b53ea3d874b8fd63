/** What a plan for a catalog file is made of. */
import type { Offer, StripePrice, StripeProduct } from '../../../../types/api.ts'
import type { CatalogFile } from './file.ts'

/** Keys of the metadata of products and prices. */
export const MARK = 'payments_catalog'
export const FEATURES = 'payments_features'
export const TRIAL_DAYS = 'payments_trial_days'

export type Step = {
  action: 'create' | 'update' | 'archive' | 'delete'
  kind: 'product' | 'price' | 'offer'
  /** The key of the product or the offer, or the lookup key of the price. */
  key: string
  /** The id at Stripe, or of the offer; null if it is created. */
  id: string | null
  /** Of a price that is created, or an offer of a product: the key of the product. */
  product?: string
  body: Record<string, unknown>
  /** What it does, as a sentence with its place in the file. */
  text: string
}

export type Plan = {
  steps: Step[]
  conflicts: string[]
  /** Why nobody could buy an offer of the file. */
  problems: string[]
  productIds: Map<string, string>
}
export type Actual = { products: StripeProduct[]; prices: StripePrice[]; offers: Offer[] }
export type Planning = Plan & { actual: Actual; at: CatalogFile['at']; adopt: boolean; environment: string }
