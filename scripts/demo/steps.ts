/** The steps of `npm run demo`: the main uses of pg-payments, one after the other. Each step checks the database. */
import { isDeepStrictEqual } from 'node:util'
import { subscriptionOf } from './checkout.ts'
import { type Customer, dataOf, enter, startCheckout } from './customer.ts'
import { money } from './money.ts'
import { TEAM } from './pages.ts'
import { findOrder } from './store.ts'
import type { System } from './system.ts'
import { until } from './wait.ts'

export type StepResult = { name: string; ok: boolean; detail: string }

type Scene = Required<Pick<System, 'sql' | 'stripe' | 'catalogue' | 'shopUrl' | 'apiUrl'>> & {
  stripeControl: NonNullable<System['local']>['control']
  ada: Customer
  bob: Customer
  guest: Customer
}
type Step = { name: string; run: (scene: Scene) => Promise<string> }

/** Runs every step, even after a failed one, and yields each result at once. */
export async function* runSteps(system: System, signal: AbortSignal): AsyncGenerator<StepResult> {
  if (!system.local) throw new Error('The demo pays without a person, which needs local Stripe.')
  const [ada, bob, guest] = await Promise.all([
    enter(system, 'ada'),
    enter(system, 'bob'),
    enter(system, 'guest'),
  ])
  const scene: Scene = { ...system, stripeControl: system.local.control, ada, bob, guest }
  for (const { name, run } of steps) {
    signal.throwIfAborted()
    try {
      yield { name, ok: true, detail: await run(scene) }
    } catch (error) {
      yield { name, ok: false, detail: error instanceof Error ? error.message : String(error) }
    }
  }
}

const DECLINED_CARD = '4000000000000002'

const steps: Step[] = [
  {
    name: 'guest one-time purchase',
    async run(scene) {
      const { guest, stripeControl } = scene
      const { orderId, checkout } = await guest.order({ quantity: 2 })
      const session = await startCheckout(guest, checkout)
      stripeControl.pay(session.checkoutSessionId, { email: 'guest@example.com' })
      const order = await orderBecomes(scene, orderId, 'paid')
      await sessionIs(scene, session.id, { status: 'completed', paymentStatus: 'paid', subjectId: null })
      await transactionIs(scene, order.paymentIntentId, {
        status: 'succeeded',
        amount: order.amount,
        subjectId: null,
      })
      return `The order over ${money(order.amount, order.currency)} is paid, its transaction succeeded and has no subject.`
    },
  },
  {
    name: 'signed-in one-time purchase fulfilled once although its webhook came three times',
    async run(scene) {
      const { ada, sql, stripeControl } = scene
      const { orderId, checkout } = await ada.order()
      const session = await startCheckout(ada, checkout)
      stripeControl.pay(session.checkoutSessionId)
      const order = await orderBecomes(scene, orderId, 'paid')
      const event = stripeControl
        .events({ type: 'checkout.session.completed' })
        .find(({ data }) => (data.object as { id?: string }).id === session.checkoutSessionId)
      if (!event) throw new Error('Stripe sent no event about the checkout.')
      await stripeControl.settled()
      await Promise.all([stripeControl.redeliver(event.id), stripeControl.redeliver(event.id)])
      const answers = stripeControl.deliveries({ event: event.id }).map(({ status }) => status)
      equal('answers to the three deliveries', answers, [200, 200, 200])
      const ledger = await sql`
        select w.processing_status as status, w.attempt_count as attempts
        from payments.webhook_events as w where w.provider_event_id = ${event.id}`
      equal('rows of the event in the ledger', [...ledger], [{ status: 'processed', attempts: 1 }])
      const parcels = await sql`select from demo_shop.parcels as p where p.order_id = ${orderId}`
      equal('parcels packed for the order', parcels.length, 1)
      await transactionIs(scene, order.paymentIntentId, {
        status: 'succeeded',
        amount: order.amount,
        subjectId: 'ada',
      })
      return 'All three deliveries got 200; there is one ledger row, one paid order, one parcel.'
    },
  },
  {
    name: 'team subscription by a member, refused for an outsider (403)',
    async run(scene) {
      const { ada, bob, sql, catalogue, shopUrl, stripeControl } = scene
      const [plan] = catalogue.plans
      if (!plan) throw new Error('There is no plan.')
      const request = subscriptionOf(TEAM, plan.priceId, shopUrl)

      const refused = await bob.payments.stripe.createCheckoutSession('test', request)
      equal('status for the outsider', refused.error?.statusCode, 403)
      const rows = await sql`
        select from payments.stripe_checkout_sessions as s where s.subject_type = 'team' and s.subject_id = ${TEAM}`
      equal('checkouts of the team after the refusal', rows.length, 0)

      const session = await startCheckout(ada, request)
      stripeControl.pay(session.checkoutSessionId)
      await accessBecomes(scene, TEAM, plan.plan)
      await sessionIs(scene, session.id, { status: 'completed', paymentStatus: 'paid', subjectId: TEAM })
      const [paid] = await until('the transaction of the invoice', async () => {
        const found = await sql<{ amount: string }[]>`
          select t.amount from payments.transactions as t
          where t.type = 'subscription_invoice' and t.status = 'succeeded' and t.subject_type = 'team' and t.subject_id = ${TEAM}`
        return found.length > 0 && found
      })
      equal('amount of the invoice', Number(paid?.amount), plan.amount)
      return `Bob got 403 and left no row; with Ada's checkout ${TEAM} has the plan "${plan.plan}".`
    },
  },
  {
    name: 'same idempotency key again gives the same session, another request under it 409',
    async run(scene) {
      const { ada, sql } = scene
      const { checkout } = await ada.order()
      const first = await startCheckout(ada, checkout)
      const second = await startCheckout(ada, checkout)
      equal(
        'second answer',
        [second.id, second.checkoutSessionId, second.url],
        [first.id, first.checkoutSessionId, first.url],
      )
      const other = await ada.payments.stripe.createCheckoutSession('test', {
        ...checkout,
        lineItems: checkout.lineItems?.map((item) => ({ ...item, quantity: 9 })),
      })
      equal('status of the other request', other.error?.statusCode, 409)
      equal('its code', other.error?.error, 'PAYMENT_CHECKOUT_ALREADY_EXISTS')
      const rows = await sql`
        select from payments.stripe_checkout_sessions as s where s.idempotency_key = ${checkout.idempotencyKey ?? ''}`
      equal('rows under the key', rows.length, 1)
      return `Twice ${first.checkoutSessionId}, then 409; one row under the key.`
    },
  },
  {
    name: 'declined card',
    async run(scene) {
      const { ada, sql, stripeControl } = scene
      const { orderId, checkout } = await ada.order()
      const session = await startCheckout(ada, checkout)
      const said = await messageOf(() =>
        stripeControl.pay(session.checkoutSessionId, { card: DECLINED_CARD }),
      )
      equal('message of the hosted page', said, 'Your card was declined.')
      await stripeControl.settled()
      equal('order after the decline', (await findOrder(sql, orderId))?.status, 'pending')
      await sessionIs(scene, session.id, { status: 'open' })
      const [failed] = await sql<{ id: string; status: string; amount: string }[]>`
        select t.provider_object_id as id, t.status, t.amount from payments.transactions as t
        where t.status = 'failed' and t.subject_type = 'user' and t.subject_id = 'ada'`
      equal('transaction after the decline', failed?.status, 'failed')

      stripeControl.pay(session.checkoutSessionId)
      const order = await orderBecomes(scene, orderId, 'paid')
      await transactionIs(scene, order.paymentIntentId, { status: 'succeeded', amount: order.amount })
      return 'The order stayed pending and the transaction failed; then another card on the same page paid.'
    },
  },
  {
    name: 'asynchronous payment pending, then paid',
    async run(scene) {
      const { ada, sql, stripeControl } = scene
      const { orderId, checkout } = await ada.order()
      const session = await startCheckout(ada, checkout)
      stripeControl.pay(session.checkoutSessionId, { paymentMethod: 'pm_usBankAccount_success' })
      await stripeControl.settled()
      await sessionIs(scene, session.id, { status: 'completed', paymentStatus: 'unpaid' })
      equal('order before the money', (await findOrder(sql, orderId))?.status, 'pending')
      const intent = await intentOf(scene, session.id)
      await transactionIs(scene, intent, { status: 'pending' })

      stripeControl.settle(session.checkoutSessionId)
      await orderBecomes(scene, orderId, 'paid')
      await sessionIs(scene, session.id, { status: 'completed', paymentStatus: 'paid' })
      await transactionIs(scene, intent, { status: 'succeeded' })
      return 'The complete but unpaid session left the order pending; the order was paid once the bank had paid.'
    },
  },
  {
    name: '100 % discount fulfilled',
    async run(scene) {
      const { ada, sql, stripe, stripeControl } = scene
      // Only the seller grants a coupon: the backend begins the checkout with it, and the browser requests it by its
      // key.
      const { orderId, checkout } = await ada.order({ code: 'firstbag' })
      const session = await startCheckout(ada, checkout)
      const asked = await stripe.checkout.sessions.retrieve(session.checkoutSessionId)
      equal('amount to pay on the hosted page', asked.amount_total, 0)
      stripeControl.pay(session.checkoutSessionId)
      const order = await orderBecomes(scene, orderId, 'paid')
      await sessionIs(scene, session.id, { status: 'completed', paymentStatus: 'no_payment_required' })
      equal('payment of the order', order.paymentIntentId, null)
      const parcels = await sql`select from demo_shop.parcels as p where p.order_id = ${orderId}`
      equal('parcels packed for the order', parcels.length, 1)
      return `${money(order.amount, order.currency)} less 100 %: no payment required, and the order is fulfilled.`
    },
  },
  {
    name: 'portal 404 before there is a customer, 201 after, 401 for anonymous',
    async run(scene) {
      const { ada, bob, guest, sql, catalogue, shopUrl, apiUrl, stripeControl } = scene
      const team = 'portal-team'
      await sql`insert into public.team_members (team_id, user_id, role) values (${team}, 'ada', 'admin')`
      const open = ({ payments }: Customer) =>
        payments.stripe.createCustomerPortalSession('test', {
          subject: { type: 'team', id: team },
          returnUrl: shopUrl,
        })

      equal('status before', (await open(ada)).error?.statusCode, 404)
      const session = await startCheckout(ada, subscriptionOf(team, priceOf(scene, 'team'), shopUrl))
      stripeControl.pay(session.checkoutSessionId)
      await until('the customer of the team', async () => {
        const found = await sql`
          select from payments.customer_mappings as m where m.subject_type = 'team' and m.subject_id = ${team}`
        return found.length > 0
      })

      const opened = dataOf(await open(ada)).customerPortalSession
      equal('status of the portal session', opened.status, 'created')
      const page = await fetch(opened.url ?? '')
      equal('status of the portal page', page.status, 200)
      equal('status for anonymous', (await open(guest)).error?.statusCode, 401)
      equal('status for an outsider', (await open(bob)).error?.statusCode, 403)
      // The SDK shows the status of errors only, so a plain request shows that success is 201.
      const token = await ada.token()
      const raw = await fetch(`${apiUrl}/api/payments/stripe/test/customer-portal-sessions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({
          subject: { type: 'team', id: team },
          configuration: catalogue.portalConfiguration,
        }),
      })
      equal('status after', raw.status, 201)
      return '404 for a team that never paid, 201 once it had, 401 without a token, 403 for an outsider.'
    },
  },
  {
    name: 'plan cancelled in the portal takes access away',
    async run(scene) {
      const { ada, sql, catalogue, shopUrl, stripeControl } = scene
      const team = 'leaving-team'
      await sql`insert into public.team_members (team_id, user_id, role) values (${team}, 'ada', 'owner')`
      const session = await startCheckout(ada, subscriptionOf(team, priceOf(scene, 'team'), shopUrl))
      stripeControl.pay(session.checkoutSessionId)
      await accessBecomes(scene, team, 'team')
      const { customerPortalSession } = dataOf(
        await ada.payments.stripe.createCustomerPortalSession('test', {
          subject: { type: 'team', id: team },
          returnUrl: shopUrl,
          configuration: catalogue.portalConfiguration,
        }),
      )
      const portal = customerPortalSession.url?.split('/').at(-1) ?? ''
      const [subscription] = await sql<{ id: string }[]>`
        select s.subscription_id as id from payments.stripe_subscriptions as s
        where s.subject_type = 'team' and s.subject_id = ${team}`
      if (!subscription) throw new Error('The team has no subscription.')

      stripeControl.portalChangePlan(portal, subscription.id, priceOf(scene, 'company'))
      await accessBecomes(scene, team, 'company')
      stripeControl.portalCancel(portal, subscription.id)
      await accessBecomes(scene, team, null)
      const [after] = await sql`
        select s.status from payments.stripe_subscriptions as s where s.subscription_id = ${subscription.id}`
      equal('status of the subscription', after?.status, 'canceled')
      return 'Access followed the portal: plan "team", then "company", then none.'
    },
  },
  {
    name: 'full refund visible on the transaction',
    async run(scene) {
      const { ada, stripe, stripeControl } = scene
      const { orderId, checkout } = await ada.order({ quantity: 3 })
      const session = await startCheckout(ada, checkout)
      stripeControl.pay(session.checkoutSessionId)
      const order = await orderBecomes(scene, orderId, 'paid')
      await stripe.refunds.create({ payment_intent: order.paymentIntentId ?? '' })
      await orderBecomes(scene, orderId, 'refunded')
      await transactionIs(scene, order.paymentIntentId, {
        status: 'refunded',
        amount: order.amount,
        amountRefunded: order.amount,
      })
      return `${money(order.amount, order.currency)} of ${money(order.amount, order.currency)} refunded on the transaction; the order says refunded.`
    },
  },
  {
    name: 'every webhook that came was processed or ignored',
    async run({ sql, stripeControl }) {
      await stripeControl.settled()
      const left = await sql<{ type: string; error: string | null }[]>`
        select w.event_type as type, w.last_error as error from payments.webhook_events as w
        where w.processing_status not in ('processed', 'ignored')`
      equal('events left over', [...left], [])
      const [{ count } = { count: 0 }] = await sql<{ count: number }[]>`
        select count(*)::integer as count from payments.webhook_events`
      equal('events in the ledger', count, stripeControl.events().length)
      return `All ${count} events that Stripe sent are in the ledger, none failed.`
    },
  },
]

/** Compares two values; the error names what was compared. */
function equal(what: string, found: unknown, expected: unknown): void {
  if (isDeepStrictEqual(found, expected)) return
  throw new Error(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}.`)
}

async function messageOf(work: () => unknown): Promise<string | undefined> {
  try {
    await work()
  } catch (error) {
    return (error as Error).message
  }
}

const priceOf = ({ catalogue }: Scene, plan: string) =>
  catalogue.plans.find((candidate) => candidate.plan === plan)?.priceId ?? ''

async function orderBecomes({ sql }: Scene, id: string, status: string) {
  return until(`the order to be ${status}`, async () => {
    const order = await findOrder(sql, id)
    return order?.status === status && order
  })
}

async function accessBecomes({ sql }: Scene, team: string, plan: string | null): Promise<void> {
  await until(`the team ${team} to have ${plan === null ? 'no access' : `the plan ${plan}`}`, async () => {
    const [row] = await sql<{ plan: string }[]>`
      select e.plan from public.team_plans as e where e.team_id = ${team}`
    return (row?.plan ?? null) === plan
  })
}

/** Waits until the checkout's row has the expected values. */
async function sessionIs(
  { sql }: Scene,
  id: string,
  expected: { status?: string; paymentStatus?: string; subjectId?: string | null },
): Promise<void> {
  await until(`the checkout to be ${JSON.stringify(expected)}`, async () => {
    const [row] = await sql`
      select s.status, s.payment_status as "paymentStatus", s.subject_id as "subjectId"
      from payments.stripe_checkout_sessions as s where s.id = ${id}`
    return row && matches(row, expected)
  })
}

/** Waits until the one transaction of a payment has the expected values. */
async function transactionIs(
  { sql }: Scene,
  paymentIntent: string | null,
  expected: { status?: string; amount?: string; amountRefunded?: string; subjectId?: string | null },
): Promise<void> {
  await until(`the transaction to be ${JSON.stringify(expected)}`, async () => {
    const rows = await sql`
      select t.status, t.amount, t.amount_refunded as "amountRefunded", t.subject_id as "subjectId"
      from payments.transactions as t
      where t.type <> 'refund' and t.related_object_ids ->> 'payment_intent' = ${paymentIntent}`
    if (rows.length > 1) throw new Error(`One payment has ${rows.length} transactions.`)
    return rows[0] && matches(rows[0], expected)
  })
}

const matches = (row: Record<string, unknown>, expected: object) =>
  Object.entries(expected).every(([name, value]) => row[name] === value)

async function intentOf({ sql }: Scene, id: string): Promise<string> {
  return until('the payment of the checkout', async () => {
    const [row] = await sql<{ intent: string | null }[]>`
      select s.payment_intent_id as intent from payments.stripe_checkout_sessions as s where s.id = ${id}`
    return row?.intent
  })
}
