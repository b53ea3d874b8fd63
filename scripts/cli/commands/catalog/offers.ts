/**
 * What to do in the database so that it has the offers of the file. `managedBy` marks what this command wrote. No other
 * offer is touched, unless it is adopted.
 */
import type { Offer } from '../../../../types/api.ts'
import type { CatalogOffer } from '../../../../types/catalog.ts'
import type { WantedProduct } from './file.ts'
import { type Actual, MARK, type Planning, type Step } from './steps.ts'

const MANAGED_BY = 'catalog'

/** Fields of an offer, in the order in which a pulled file has them. */
const FIELDS = [
  'mode',
  'minimumQuantity',
  'maximumQuantity',
  'roles',
  'subjectTypes',
  'startsAt',
  'endsAt',
  'allowedOptions',
  'forcedOptions',
  'allowPayWhatYouWant',
  'allowPriceData',
  'currency',
  'minimumAmount',
  'maximumAmount',
  'productGroup',
  'onePlan',
  'trialOnce',
  'active',
] as const satisfies (keyof CatalogOffer & keyof Offer)[]

const DEFAULTS: Partial<Record<(typeof FIELDS)[number], unknown>> = {
  minimumQuantity: 1,
  maximumQuantity: 1,
  allowedOptions: [],
  forcedOptions: {},
  allowPayWhatYouWant: false,
  allowPriceData: false,
  onePlan: false,
  trialOnce: true,
  active: true,
}
const SETS = new Set<string>(['roles', 'subjectTypes', 'allowedOptions'])

/** A value as text that is equal for equal values: instants in one spelling, sets and keys in one order. */
function comparable(field: string, value: unknown): string {
  const sorted = (_: string, part: unknown): unknown =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part
  if (typeof value === 'string' && field.endsWith('At')) return String(Date.parse(value))
  return JSON.stringify(SETS.has(field) && Array.isArray(value) ? [...value].sort() : (value ?? null), sorted)
}

const fieldOf = (offer: CatalogOffer | Offer, field: (typeof FIELDS)[number]): unknown =>
  offer[field] ?? (field === 'maximumQuantity' ? offer.minimumQuantity : undefined) ?? DEFAULTS[field]

/**
 * The fields in which the row differs from what the file says; the product of one that is created now has no id yet.
 */
function changes(row: Offer, want: CatalogOffer, productId: string | undefined): string[] {
  const sells: [string, unknown, unknown][] = [
    ['lookupKey', row.lookupKey, want.lookupKey ?? null],
    ['product', row.productId, want.product === undefined ? null : (productId ?? '')],
    ['priceId', row.priceId, null],
  ]
  return [
    ...sells.filter(([, is, should]) => is !== should).map(([field]) => field),
    ...FIELDS.filter(
      (field) => comparable(field, fieldOf(row, field)) !== comparable(field, fieldOf(want, field)),
    ),
  ]
}

const step = (fields: Omit<Step, 'kind'>): Step => ({ kind: 'offer', ...fields })

export function planOffers(plan: Planning, offers: CatalogOffer[] | undefined): void {
  if (offers === undefined) return
  const { actual, adopt, at, conflicts, productIds, steps } = plan
  for (const [index, want] of offers.entries()) {
    const place = at(['offers', index])
    const row = actual.offers.find(({ offerId }) => offerId === want.key)
    if (row && row.managedBy !== MANAGED_BY && !adopt) {
      conflicts.push(`${place} The offer ${want.key} is there already, and this file did not make it.`)
      continue
    }
    const { key, product, ...terms } = want
    const changed = row ? changes(row, want, productIds.get(product ?? '')) : []
    if (row?.managedBy !== MANAGED_BY && row) changed.push('managedBy')
    if (row && changed.length === 0) continue
    const sells = product === undefined ? `price ${want.lookupKey}` : `product ${product}`
    steps.push(
      step({
        action: row ? 'update' : 'create',
        key,
        id: row ? key : null,
        ...(product !== undefined && { product }),
        body: { ...terms, managedBy: MANAGED_BY },
        text: row
          ? `${place} update offer ${key}: ${changed.join(', ')}`
          : `${place} create offer ${key}: ${sells}, ${want.mode}`,
      }),
    )
  }
  planRemovals(plan, offers)
}

/**
 * Finds the offers that nobody could buy once the file is pushed, as the finding offer_cannot_be_bought would. Prices of
 * the file count, and those at Stripe that push leaves alone.
 */
export function checkOffers(plan: Planning, offers: CatalogOffer[], products: WantedProduct[]): void {
  const { actual, at, problems, productIds } = plan
  const ofFile = products.flatMap(({ key, prices }) =>
    prices.map(({ lookupKey, interval }) => ({
      product: key,
      lookupKey,
      isRecurring: interval !== undefined,
    })),
  )
  const keyOfProduct = new Map([...productIds].map(([key, id]) => [id, key]))
  const others = actual.prices
    .filter(({ active, metadata }) => active && metadata[MARK] === undefined)
    .map(({ productId, lookupKey, recurringInterval }) => ({
      product: keyOfProduct.get(productId ?? ''),
      lookupKey,
      isRecurring: recurringInterval !== null,
    }))
  const prices = [...ofFile, ...others]
  for (const [index, offer] of offers.entries()) {
    const isOver = offer.endsAt !== undefined && Date.parse(offer.endsAt) <= Date.now()
    if (offer.active === false || isOver) continue
    const sold = prices.filter(({ lookupKey, product }) =>
      offer.lookupKey === undefined ? product === offer.product : lookupKey === offer.lookupKey,
    )
    const canBeBought = sold.some(({ isRecurring }) => offer.mode === 'subscription' || !isRecurring)
    if (canBeBought || (offer.product !== undefined && offer.allowPriceData)) continue
    const why =
      offer.lookupKey === undefined
        ? `the product ${offer.product} has no price for mode ${offer.mode}`
        : sold.length === 0
          ? `no price has the lookup key ${offer.lookupKey}, neither in this file nor at Stripe`
          : `its price is recurring, and its mode is ${offer.mode}`
    problems.push(`${at(['offers', index])} Nobody could buy the offer ${offer.key}: ${why}.`)
  }
}

/** Without an offer everything is for sale. So the last one is not deleted: it stays, and sells nothing. */
function planRemovals({ actual, steps }: Planning, offers: CatalogOffer[]): void {
  const wanted = new Set(offers.map(({ key }) => key))
  const gone = actual.offers.filter(
    ({ offerId, managedBy }) => managedBy === MANAGED_BY && !wanted.has(offerId),
  )
  const isOneLeft = wanted.size > 0 || actual.offers.length > gone.length
  for (const offer of gone) {
    const {
      offerId,
      priceId,
      lookupKey,
      productId,
      environment: _,
      createdAt: __,
      updatedAt: ___,
      ...terms
    } = offer
    if (isOneLeft)
      steps.push(
        step({
          action: 'delete',
          key: offerId,
          id: offerId,
          body: {},
          text: `delete offer ${offerId}: the file does not have it`,
        }),
      )
    else if (offer.active) {
      const given = Object.entries({ priceId, lookupKey, productId, ...terms, active: false })
      steps.push(
        step({
          action: 'archive',
          key: offerId,
          id: offerId,
          body: Object.fromEntries(given.filter(([, value]) => value !== null)),
          text: `end offer ${offerId}: the file does not have it. It stays without effect, because without any offer app users may buy every active price`,
        }),
      )
    }
  }
}

/** The offers as a file says them, without what is the default, and why some have no place in it. */
export function pullOffers(
  { offers, prices }: Actual,
  keyOfProduct: Map<string, string>,
): { offers: CatalogOffer[]; leftOut: string[] } {
  const pulled: CatalogOffer[] = []
  const leftOut: string[] = []
  for (const offer of offers) {
    const priceKey = prices.find(({ priceId, active }) => active && priceId === offer.priceId)?.lookupKey
    const lookupKey = offer.lookupKey ?? priceKey ?? undefined
    const product = keyOfProduct.get(offer.productId ?? '')
    if (lookupKey === undefined && product === undefined) {
      leftOut.push(`The offer ${offer.offerId} is left out, because what it sells has no key in the file.`)
      continue
    }
    const isKnown = prices.some((price) => price.active && price.lookupKey === lookupKey)
    if (lookupKey !== undefined && offer.active && !isKnown) {
      leftOut.push(
        `The offer ${offer.offerId} is left out, because no active price has the lookup key ${lookupKey}.`,
      )
      continue
    }
    const terms = FIELDS.filter(
      (field) =>
        offer[field] !== null &&
        (field === 'maximumQuantity'
          ? offer.maximumQuantity !== offer.minimumQuantity
          : comparable(field, offer[field]) !== comparable(field, DEFAULTS[field])),
    ).map((field) => [field, offer[field]])
    pulled.push({
      key: offer.offerId,
      ...(lookupKey === undefined ? { product } : { lookupKey }),
      ...Object.fromEntries(terms),
    } as CatalogOffer)
  }
  return { offers: pulled, leftOut }
}
