/**
 * What to do at Stripe, and with offers in the database, so that they have what the file says. The metadata key
 * `payments_catalog` marks what this command made; it holds the key of a product or the lookup key of a price. Nothing
 * without it is touched, unless it is adopted.
 */
import { createHash } from 'node:crypto'
import type { StripePrice, StripeProduct } from '../../../../types/api.ts'
import { money } from '../../support/output.ts'
import { type CatalogFile, type WantedPrice, type WantedProduct, wanted } from './file.ts'
import { checkOffers, planOffers } from './offers.ts'
import { type Actual, FEATURES, MARK, type Plan, type Planning, type Step, TRIAL_DAYS } from './steps.ts'

const isReserved = (key: string) => /^(payments|insforge)_/.test(key)

export function planCatalog(
  file: CatalogFile,
  actual: Actual,
  { adopt, environment }: { adopt: boolean; environment: string },
): Plan {
  const products = wanted(file.catalog)
  const plan: Planning = {
    steps: [],
    conflicts: [],
    problems: [],
    productIds: new Map(),
    actual,
    at: file.at,
    adopt,
    environment,
  }
  const kept = new Set<string>()
  for (const product of products) planProduct(plan, product, kept)
  for (const price of actual.prices)
    if (price.active && price.metadata[MARK] !== undefined && !kept.has(price.priceId))
      archivePrice(plan, price)
  for (const product of actual.products)
    if (product.active && product.metadata[MARK] !== undefined && !kept.has(product.productId))
      plan.steps.push({
        ...{ action: 'archive', kind: 'product', key: product.metadata[MARK], id: product.productId },
        body: { active: false },
        text: `archive product ${product.metadata[MARK]} (${product.productId}): the file does not have it`,
      } as Step)
  planOffers(plan, file.catalog.offers)
  checkOffers(plan, file.catalog.offers ?? [], products)
  const { steps, conflicts, problems, productIds } = plan
  return { steps, conflicts, problems, productIds }
}

function archivePrice({ steps }: Planning, price: StripePrice, why = 'the file does not have it'): void {
  const key = price.metadata[MARK] ?? price.lookupKey ?? price.priceId
  const body = { active: false, ...(price.lookupKey !== null && { lookupKey: null }) }
  const text = `archive price ${key} (${price.priceId}, ${amountOf(price.unitAmount, price.currency)}): ${why}`
  steps.push({ action: 'archive', kind: 'price', key, id: price.priceId, body, text })
}

const amountOf = (amount: number | null, currency: string) => money(amount, currency) ?? `? ${currency}`

/** The product that this file made; with `adopt`, also the one that has its prices. */
function findProduct({ actual, adopt }: Planning, product: WantedProduct): StripeProduct | undefined {
  const byState = (a: StripeProduct, b: StripeProduct) =>
    Number(b.active) - Number(a.active) || (a.productId < b.productId ? -1 : 1)
  const [ours] = actual.products.filter(({ metadata }) => metadata[MARK] === product.key).sort(byState)
  if (ours || !adopt) return ours
  const keys = new Set(product.prices.map(({ lookupKey }) => lookupKey))
  const owner = actual.prices.find(({ lookupKey }) => lookupKey !== null && keys.has(lookupKey))?.productId
  return actual.products.find(
    ({ productId, name, metadata }) =>
      metadata[MARK] === undefined && (productId === owner || (owner === undefined && name === product.name)),
  )
}

function planProduct(plan: Planning, product: WantedProduct, kept: Set<string>): void {
  const { steps, at, productIds, actual, environment } = plan
  const found = findProduct(plan, product)
  const place = at(product.path)
  const features = product.features && JSON.stringify(product.features)
  const reserved = { [MARK]: product.key, ...(features && { [FEATURES]: features }) }
  if (!found) {
    const body = {
      name: product.name,
      ...(product.description && { description: product.description }),
      ...(product.features && { marketingFeatures: product.features }),
      metadata: { ...product.metadata, ...reserved },
    }
    const times = actual.products.filter(({ metadata }) => metadata[MARK] === product.key).length
    steps.push({
      ...{ action: 'create', kind: 'product', key: product.key, id: null },
      body: { ...body, idempotencyKey: idempotencyKey(environment, product.key, body, times) },
      text: `${place} create product ${product.key}: ${product.name}`,
    } as Step)
  } else {
    kept.add(found.productId)
    productIds.set(product.key, found.productId)
    const metadata = changedMetadata(found.metadata, product.metadata, {
      ...reserved,
      ...(features === undefined && found.metadata[FEATURES] !== undefined && { [FEATURES]: '' }),
    })
    const body = {
      ...(found.name !== product.name && { name: product.name }),
      ...((found.description ?? undefined) !== product.description && {
        description: product.description ?? null,
      }),
      ...(!found.active && { active: true }),
      ...(metadata?.[FEATURES] !== undefined && { marketingFeatures: product.features ?? [] }),
      ...(metadata && { metadata }),
    }
    if (Object.keys(body).length > 0)
      steps.push({
        ...{ action: 'update', kind: 'product', key: product.key, id: found.productId, body },
        text: `${place} update product ${product.key} (${found.productId}): ${Object.keys(body).join(', ')}`,
      } as Step)
  }
  for (const price of product.prices) planPrice(plan, product, price, kept)
}

/** Metadata to send: Stripe keeps what is not named, and removes what is empty. Null if nothing changes. */
function changedMetadata(
  before: Record<string, string>,
  own: Record<string, string> | undefined,
  reserved: Record<string, string>,
): Record<string, string> | null {
  const removed = own ? Object.keys(before).filter((key) => !isReserved(key) && !(key in own)) : []
  const after = { ...Object.fromEntries(removed.map((key) => [key, ''])), ...own, ...reserved }
  const changed = Object.entries(after).filter(([key, value]) => (before[key] ?? '') !== value)
  return changed.length === 0 ? null : Object.fromEntries(changed)
}

/** Whether a price at Stripe has what can never change about it. */
function isSame(price: StripePrice, want: WantedPrice, productId: string | undefined): boolean {
  return (
    price.productId === productId &&
    price.unitAmount === want.amount &&
    price.currency === want.currency &&
    price.recurringInterval === (want.interval ?? null) &&
    (want.interval === undefined || (price.recurringIntervalCount ?? 1) === (want.intervalCount ?? 1)) &&
    price.recurringUsageType !== 'metered' &&
    (price.metadata[TRIAL_DAYS] ?? '') === String(want.trialDays ?? '') &&
    (want.taxBehavior === undefined ||
      [want.taxBehavior, 'unspecified', null].includes(price.taxBehavior as string | null))
  )
}

function planPrice(plan: Planning, product: WantedProduct, want: WantedPrice, kept: Set<string>): void {
  const { steps, at, actual, adopt, conflicts, productIds, environment } = plan
  const productId = productIds.get(product.key)
  const place = at(want.path)
  const holder = actual.prices.find(({ lookupKey }) => lookupKey === want.lookupKey)
  if (holder && holder.metadata[MARK] === undefined && !adopt) {
    conflicts.push(
      `${place} The lookup key ${want.lookupKey} belongs to ${holder.priceId}, which this file did not make.`,
    )
    return
  }
  const ours = actual.prices.filter(
    (price) => price.metadata[MARK] === want.lookupKey || price.priceId === holder?.priceId,
  )
  const [match] = ours
    .filter((price) => isSame(price, want, productId))
    .sort((a, b) => Number(b.active) - Number(a.active) || (a.priceId < b.priceId ? -1 : 1))
  const trial: Record<string, string> =
    want.trialDays === undefined ? {} : { [TRIAL_DAYS]: String(want.trialDays) }
  const reserved = { [MARK]: want.lookupKey, ...trial }
  // The new price takes the key over before the old one is archived, so that at every moment a price has it.
  const transfer = holder !== undefined && holder.priceId !== match?.priceId && { transferLookupKey: true }
  const archived: Step[] = []
  for (const price of ours) {
    if (price.priceId === match?.priceId) continue
    kept.add(price.priceId)
    if (price.active || price.lookupKey === want.lookupKey)
      archivePrice(
        { ...plan, steps: archived },
        price,
        match
          ? 'another price has its place'
          : `${place} says ${amountOf(want.amount, want.currency)}, and the amount of a price never changes`,
      )
  }
  if (match) {
    kept.add(match.priceId)
    const metadata = changedMetadata(match.metadata, want.metadata, reserved)
    const body = {
      ...(!match.active && { active: true }),
      ...(match.lookupKey !== want.lookupKey && { lookupKey: want.lookupKey, ...transfer }),
      ...(want.taxBehavior !== undefined &&
        match.taxBehavior !== want.taxBehavior && { taxBehavior: want.taxBehavior }),
      ...(metadata && { metadata }),
    }
    if (Object.keys(body).length > 0)
      steps.push({
        ...{ action: 'update', kind: 'price', key: want.lookupKey, id: match.priceId, body },
        text: `${place} update price ${want.lookupKey} (${match.priceId}): ${Object.keys(body).join(', ')}`,
      } as Step)
    steps.push(...archived)
    return
  }
  const body = {
    currency: want.currency,
    unitAmount: want.amount,
    lookupKey: want.lookupKey,
    ...transfer,
    ...(want.interval && { recurring: { interval: want.interval, intervalCount: want.intervalCount ?? 1 } }),
    ...(want.taxBehavior && { taxBehavior: want.taxBehavior }),
    metadata: { ...want.metadata, ...reserved },
  }
  steps.push({
    ...{ action: 'create', kind: 'price', key: want.lookupKey, id: null, product: product.key },
    body: { ...body, idempotencyKey: idempotencyKey(environment, want.lookupKey, body, ours.length) },
    text: `${place} create price ${want.lookupKey}: ${amountOf(want.amount, want.currency)}${want.interval ? ` every ${want.intervalCount ?? 1} ${want.interval}` : ''}`,
  } as Step)
  steps.push(...archived)
}

/** A request that is repeated because its answer was lost creates nothing twice. */
const idempotencyKey = (environment: string, key: string, body: object, times: number) =>
  createHash('sha256')
    .update(JSON.stringify([environment, key, body, times]))
    .digest('hex')
