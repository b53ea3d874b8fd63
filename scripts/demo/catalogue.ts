/**
 * The products of the demo shop. They are in Stripe, where lookup keys identify them, and are projected to Postgres.
 */
import type postgres from 'postgres'
import type Stripe from 'stripe'

export type Catalogue = {
  /** The price of the bag of coffee. */
  coffee: string
  /** The two prices of the team plan, the smaller one first. */
  plans: Plan[]
  /** A coupon of 100 %; the shop's backend applies it for {@link GIFT_CODE}. */
  coupon: string
  /** The demo's portal configuration: plans can be changed, and a cancellation takes effect at once. */
  portalConfiguration: string
}

export type Plan = {
  priceId: string
  plan: string
  name: string
  amount: number
  currency: string
  serves: string
}

/** The code with which a customer gets the coffee for free. */
export const GIFT_CODE = 'FIRSTBAG'

const DEMO_METADATA = { pg_payments_demo: 'shop' }
const COFFEE = { lookupKey: 'pg_payments_demo_coffee', name: 'House blend, 250 g', amount: 1400 }
const PLANS = [
  {
    lookupKey: 'pg_payments_demo_team',
    plan: 'team',
    name: 'Team coffee',
    amount: 4900,
    serves: 'for up to 10 people',
  },
  {
    lookupKey: 'pg_payments_demo_company',
    plan: 'company',
    name: 'Company coffee',
    amount: 12_900,
    serves: 'for up to 40 people',
  },
]
const COUPON_ID = 'pg-payments-demo-first-bag'

/** Creates what is missing in Stripe, projects the catalogue to Postgres, and fills the app's table of plans. */
export async function stock(stripe: Stripe, sql: postgres.Sql): Promise<Catalogue> {
  const startedAt = new Date(Date.now() - 1000)
  const known = await stripe.prices.list({
    lookup_keys: [COFFEE.lookupKey, ...PLANS.map(({ lookupKey }) => lookupKey)],
    expand: ['data.product'],
    active: true,
  })
  const price = async (item: { lookupKey: string; name: string; amount: number }, recurring: boolean) => {
    const found = known.data.find(({ lookup_key }) => lookup_key === item.lookupKey)
    if (found) return found
    const product = await stripe.products.create({ name: item.name, metadata: DEMO_METADATA })
    const created = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: item.amount,
      lookup_key: item.lookupKey,
      ...(recurring && { recurring: { interval: 'month' } }),
      metadata: DEMO_METADATA,
    })
    return { ...created, product }
  }
  const prices = [
    await price(COFFEE, false),
    ...(await Promise.all(PLANS.map((plan) => price(plan, true)))),
  ] as (Stripe.Price & { product: Stripe.Product })[]
  const [coffee, ...planPrices] = prices
  if (!coffee) throw new Error('The catalogue has no coffee.')

  const objects = prices.flatMap(({ product, ...rest }) => [product, { ...rest, product: product.id }])
  await sql`select payments.project_stripe_objects('test', ${sql.json(objects as never)}, ${startedAt})`
  const plans = PLANS.map((plan, rank) => ({
    ...plan,
    rank,
    priceId: planPrices[rank]?.id ?? '',
    currency: 'usd',
  }))
  for (const { priceId, plan, rank } of plans) {
    await sql`insert into public.plans (price_id, plan, rank) values (${priceId}, ${plan}, ${rank})
      on conflict (price_id) do update set plan = excluded.plan, rank = excluded.rank`
  }

  return {
    coffee: coffee.id,
    plans: plans.map(({ priceId, plan, name, amount, currency, serves }) => ({
      priceId,
      plan,
      name,
      amount,
      currency,
      serves,
    })),
    coupon: await coupon(stripe),
    portalConfiguration: await portalConfiguration(stripe, planPrices),
  }
}

async function coupon(stripe: Stripe): Promise<string> {
  const known = await stripe.coupons.retrieve(COUPON_ID).catch((error: { statusCode?: number }) => {
    if (error.statusCode === 404) return undefined
    throw error
  })
  const found =
    known ??
    (await stripe.coupons.create({ id: COUPON_ID, name: 'First bag', percent_off: 100, duration: 'once' }))
  return found.id
}

async function portalConfiguration(
  stripe: Stripe,
  prices: (Stripe.Price & { product: Stripe.Product })[],
): Promise<string> {
  const known = await stripe.billingPortal.configurations.list({ active: true, limit: 100 })
  const found = known.data.find(
    ({ metadata }) => metadata?.pg_payments_demo === DEMO_METADATA.pg_payments_demo,
  )
  if (found) return found.id
  const created = await stripe.billingPortal.configurations.create({
    business_profile: { headline: 'Fernhill Coffee' },
    metadata: DEMO_METADATA,
    features: {
      invoice_history: { enabled: true },
      payment_method_update: { enabled: true },
      subscription_cancel: { enabled: true, mode: 'immediately' },
      subscription_update: {
        enabled: true,
        default_allowed_updates: ['price'],
        proration_behavior: 'create_prorations',
        products: prices.map(({ id, product }) => ({ product: product.id, prices: [id] })),
      },
    },
  })
  return created.id
}
