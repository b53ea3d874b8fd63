/** A catalog file of what Stripe has. */
import type { StripePrice, StripeProduct } from '../../../../types/api.ts'
import type { Catalog, CatalogPrice, CatalogProduct } from '../../../../types/catalog.ts'
import { pullOffers } from './offers.ts'
import { PRODUCT_KEY, PRODUCT_KEY_MAX, priceSchema } from './schema.ts'
import { type Actual, FEATURES, MARK, TRIAL_DAYS } from './steps.ts'

export type Pulled = { catalog: Catalog; leftOut: string[] }

const own = (metadata: Record<string, string>) =>
  Object.fromEntries(Object.entries(metadata).filter(([key]) => !/^(payments|insforge)_/.test(key)))
const ifAny = <Key extends string>(key: Key, values: Record<string, string>) =>
  Object.keys(values).length > 0 ? { [key]: values } : {}

const slug = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '') || 'product'

/** A key that no other product of the file has, short enough for a file. */
function keyOf({ name, metadata }: StripeProduct, taken: Map<string, string>): string {
  const marked = metadata[MARK]
  let key = marked !== undefined && PRODUCT_KEY.test(marked) ? marked : slug(name).slice(0, PRODUCT_KEY_MAX)
  for (let number = 2; taken.has(key); number++) {
    const suffix = `_${number}`
    key = `${slug(name).slice(0, PRODUCT_KEY_MAX - suffix.length)}${suffix}`
  }
  return key
}

function featuresOf({ metadata }: StripeProduct): { features?: string[] } {
  try {
    const features: unknown = JSON.parse(metadata[FEATURES] ?? '')
    return Array.isArray(features) ? { features: features.map(String) } : {}
  } catch {
    return {}
  }
}

/** Why a price has no place in a catalog file; null if it has. */
function unfit(price: StripePrice): string | null {
  const { lookupKey, unitAmount, billingScheme, recurringUsageType } = price
  if (lookupKey === null) return 'it has no lookup key'
  if (billingScheme === 'tiered' || unitAmount === null) return 'it has no single amount'
  if (recurringUsageType === 'metered') return 'it is metered'
  const [problem] = priceSchema.safeParse(priceOf(price)).error?.issues ?? []
  return problem ? `its ${String(problem.path[0])} ${problem.message}` : null
}

function priceOf(price: StripePrice): CatalogPrice {
  const trial = Number(price.metadata[TRIAL_DAYS])
  return {
    lookupKey: price.lookupKey ?? '',
    amount: price.unitAmount ?? 0,
    currency: price.currency,
    ...(price.recurringInterval !== null && {
      interval: price.recurringInterval as CatalogPrice['interval'],
    }),
    ...((price.recurringIntervalCount ?? 1) > 1 && { intervalCount: price.recurringIntervalCount ?? 1 }),
    ...(trial > 0 && { trialDays: trial }),
    ...(price.taxBehavior !== null &&
      price.taxBehavior !== 'unspecified' && {
        taxBehavior: price.taxBehavior as CatalogPrice['taxBehavior'],
      }),
    ...ifAny('metadata', own(price.metadata)),
  }
}

/** Prices that differ in the currency only are one, as `wanted` makes them several. */
function foldCurrencies(prices: CatalogPrice[]): CatalogPrice[] {
  const folded: CatalogPrice[] = []
  for (const price of prices) {
    const base = prices.find(
      (other) =>
        price.lookupKey === `${other.lookupKey}_${price.currency}` &&
        JSON.stringify({ ...price, lookupKey: '', amount: 0, currency: '' }) ===
          JSON.stringify({ ...other, lookupKey: '', amount: 0, currency: '' }),
    )
    if (!base) folded.push(price)
  }
  return folded.map((base) => {
    const others = prices.filter(
      (price) =>
        price !== base &&
        !folded.includes(price) &&
        price.lookupKey === `${base.lookupKey}_${price.currency}`,
    )
    if (others.length === 0) return base
    const { lookupKey, amount, currency, ...rest } = base
    return {
      lookupKey,
      amount,
      currency,
      currencies: Object.fromEntries(others.map((price) => [price.currency, price.amount])),
      ...rest,
    }
  })
}

/** Stripe's ids differ between test and live, so the file has another order. */
const byLookupKey = (a: CatalogPrice, b: CatalogPrice) => (a.lookupKey < b.lookupKey ? -1 : 1)

export function pullCatalog(actual: Actual): Pulled {
  const { products, prices } = actual
  const leftOut: string[] = []
  const keys = new Map<string, string>() // of products, by key
  const made: CatalogProduct[] = []
  for (const product of products.filter(({ active }) => active)) {
    const key = keyOf(product, keys)
    keys.set(key, product.productId)
    const its = prices.filter(({ active, productId }) => active && productId === product.productId)
    for (const price of its) {
      const why = unfit(price)
      if (why) leftOut.push(`${price.priceId} of ${product.name} is left out, because ${why}.`)
    }
    made.push({
      key,
      name: product.name,
      ...(product.description && { description: product.description }),
      ...featuresOf(product),
      ...ifAny('metadata', own(product.metadata)),
      prices: foldCurrencies(its.filter((price) => unfit(price) === null).map(priceOf)).sort(byLookupKey),
    })
  }
  const sold = pullOffers(actual, new Map([...keys].map(([key, id]) => [id, key])))
  return {
    catalog: {
      $schema: './node_modules/pg-payments/types/catalog.schema.json',
      products: made,
      ...(sold.offers.length > 0 && { offers: sold.offers }),
    },
    leftOut: [...leftOut, ...sold.leftOut],
  }
}
