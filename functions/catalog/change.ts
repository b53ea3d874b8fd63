/**
 * Changes the catalog: at Stripe first, then the answer of Stripe is projected. The response shows the row. If the row
 * already holds a newer version (for example from a webhook that just arrived), the response is built from Stripe's
 * answer instead.
 */
import type { Stripe } from 'stripe'
import type { StripeEnvironment, StripePrice, StripeProduct } from '../../types/api.ts'
import type { StripeObject } from '../../types/stripe.ts'
import type { Database } from '../core/database.ts'
import type { Deps } from '../core/deps.ts'
import { unreadableAnswer } from '../core/errors.ts'
import { present, type RowOf } from '../core/present.ts'
import { asService, beginCatalogChange, endCatalogChange, projectStripeObjects } from '../core/sql.ts'
import { storable } from '../core/storable.ts'
import { takeSnapshot } from '../core/stripe.ts'
import { priceOf, productOf } from './lists.ts'
import { catalogRefusal } from './refusals.ts'
import { price, product } from './schemas.ts'

/** What Stripe answered to a change, and whether the rows show it. */
export type Changed<Kind> = { object: Kind; snapshotAt: string; isRow: boolean }

/**
 * Changes something at Stripe and projects its answer.
 *
 * @throws Stripe's refusal in its own words; 404 if Stripe has no product or price of that id
 */
export async function change<Kind extends StripeObject>(
  environment: StripeEnvironment,
  deps: Deps,
  call: (client: Stripe) => Promise<Stripe.Response<Kind>>,
): Promise<Changed<Kind>> {
  const client = await (await deps.stripe(environment)).client
  const { object, snapshotAt } = await takeSnapshot(environment, deps.now, () => call(client)).catch(
    (error) => {
      throw catalogRefusal(error)
    },
  )
  if (object.object !== 'product' && object.object !== 'price')
    throw unreadableAnswer(new Error('The answer is neither a product nor a price.'))
  const applied = await projectStripeObjects(deps.database, { environment, objects: [object], snapshotAt })
  return { object, snapshotAt, isRow: applied > 0 }
}

/**
 * Makes a change for an editor who saw a certain revision. Without one it is made in any case.
 *
 * @throws 409 if there is another revision now, or if someone else is changing the same object
 */
export async function ifUnchanged<Result>(
  { database }: Pick<Deps, 'database'>,
  {
    environment,
    objectId,
    revision,
  }: { environment: StripeEnvironment; objectId: string; revision: string | undefined },
  make: () => Promise<Result>,
): Promise<Result> {
  if (revision === undefined) return make()
  await beginCatalogChange(database, { environment, objectId, revision })
  try {
    return await make()
  } finally {
    // If it fails, the change ends by itself in a minute.
    await endCatalogChange(database, { environment, objectId }).catch(() => {})
  }
}

/** The row that the projection makes of a Stripe object. The table may hold a newer one. */
async function rowOf<Row>(database: Database, kind: 'product' | 'price', object: StripeObject): Promise<Row> {
  const [found] = await asService(
    database.query<{ result: Row }>(
      `select to_jsonb(r) || jsonb_build_object('revision', payments_private.catalog_revision(to_jsonb(r))) as result from payments_private.${kind}_row($1::text::jsonb) as r`,
      [storable(JSON.stringify(object))],
    ),
  )
  return found?.result as Row
}

/** A product as Stripe answered with it. */
export async function productFromStripe(
  database: Database,
  environment: StripeEnvironment,
  object: StripeObject,
  synced_at: string,
): Promise<StripeProduct> {
  const row = await rowOf<RowOf<typeof product>>(database, 'product', object)
  return present(product, { ...row, environment, synced_at })
}

/** A price as Stripe answered with it. */
export async function priceFromStripe(
  database: Database,
  environment: StripeEnvironment,
  object: StripeObject,
  synced_at: string,
): Promise<StripePrice> {
  const row = await rowOf<RowOf<typeof price>>(database, 'price', object)
  return present(price, { ...row, environment, synced_at })
}

/** The product after a change. */
export const changedProduct = (
  deps: Deps,
  environment: StripeEnvironment,
  { object, snapshotAt, isRow }: Changed<Stripe.Product | Stripe.DeletedProduct>,
) =>
  isRow || object.deleted
    ? productOf(deps, environment, object.id)
    : productFromStripe(deps.database, environment, object, snapshotAt)

/** The price after a change. */
export const changedPrice = (
  deps: Deps,
  environment: StripeEnvironment,
  { object, snapshotAt, isRow }: Changed<Stripe.Price>,
) =>
  isRow
    ? priceOf(deps, environment, object.id)
    : priceFromStripe(deps.database, environment, object, snapshotAt)

/**
 * The caller's idempotency key for an operation, which is valid for one environment. It travels in a header, so a key
 * with characters that a header cannot hold is sent as its digest.
 */
export async function idempotency(
  environment: StripeEnvironment,
  operation: string,
  key: string | undefined,
): Promise<{ idempotencyKey?: string }> {
  if (key === undefined) return {}
  const digest = async () =>
    [...new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(key)))]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join('')
  const sendable = /^[\x20-\x7e]+$/.test(key) ? key : `sha256:${await digest()}`
  return { idempotencyKey: `pg-payments:${environment}:${operation}:${sendable}` }
}

/** The parameters that are set: Stripe reads a parameter that is present as a change. */
export function omitUndefined<Params extends object>(params: Params): Params {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined)) as Params
}

/** What a product contains, as Stripe takes it. An empty text clears the list. */
export const featuresOf = (names: string[] | undefined) =>
  names?.length === 0 ? ('' as const) : names?.map((name) => ({ name }))

/** Stripe clears a text that is set to the empty one. */
export const clearable = (value: string | null | undefined) => (value === null ? '' : value)
