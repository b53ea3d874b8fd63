import type Stripe from 'stripe'
import { describe, expect, it } from 'vitest'
import { errorOf, priceOf, subscribe, useLocalStripe } from './helpers.ts'

const setting = useLocalStripe()
const day = 86400

function eventsAbout(type: string, id: string) {
  return setting.local.control.events({ type }).filter((event) => event.data.object.id === id)
}

describe('a subscription', () => {
  it('made through the API is active when its first invoice is paid', async () => {
    const { stripe } = setting
    const price = await priceOf(stripe, 2000, 'month')
    const customer = await stripe.customers.create({ email: 'api@example.com' })
    const none = await errorOf(
      stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }] }),
    )
    expect(none.message).toContain('This customer has no attached payment source')
    const method = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id })
    await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: method.id } })
    const made = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id, quantity: 3 }],
    })
    expect(made).toMatchObject({
      status: 'active',
      items: { data: [{ quantity: 3, price: { id: price.id } }] },
    })
  })

  it('waits incomplete with default_incomplete until its payment is confirmed', async () => {
    const { stripe } = setting
    const price = await priceOf(stripe, 2000, 'month')
    const customer = await stripe.customers.create({ email: 'later@example.com' })
    const made = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
      payment_behavior: 'default_incomplete',
      expand: ['latest_invoice.payments.data.payment.payment_intent'],
    })
    const invoice = made.latest_invoice as Stripe.Invoice
    const intent = invoice.payments?.data[0]?.payment.payment_intent as Stripe.PaymentIntent
    expect([made.status, intent.status]).toEqual(['incomplete', 'requires_payment_method'])
    await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' })
    expect((await stripe.subscriptions.retrieve(made.id)).status).toBe('active')
    expect((await stripe.invoices.retrieve(invoice.id ?? '')).status).toBe('paid')
  })

  it('is found by status, and by none when it is over', async () => {
    const { stripe } = setting
    const price = await priceOf(stripe, 2000, 'month')
    const { subscription, customer } = await subscribe(setting, price.id)
    await stripe.subscriptions.cancel(subscription)
    const found = async (status?: 'all' | 'canceled' | 'active') =>
      (await stripe.subscriptions.list({ customer, status })).data.length
    expect([await found(), await found('active'), await found('canceled'), await found('all')]).toEqual([
      0, 0, 1, 1,
    ])
    expect(
      (await errorOf(stripe.subscriptions.update(subscription, { metadata: { a: 'b' } }))).message,
    ).toContain('A canceled subscription')
  })

  it('changed to a dearer price is prorated, at once if asked', async () => {
    const { stripe } = setting
    const cheap = await priceOf(stripe, 1000, 'month')
    const dear = await priceOf(stripe, 3000, 'month')
    const { subscription } = await subscribe(setting, cheap.id)
    const before = await stripe.subscriptions.retrieve(subscription)
    const after = await stripe.subscriptions.update(subscription, {
      items: [{ id: before.items.data[0]?.id, price: dear.id }],
      proration_behavior: 'always_invoice',
      expand: ['latest_invoice'],
    })
    const invoice = after.latest_invoice as Stripe.Invoice
    expect(invoice).toMatchObject({ billing_reason: 'subscription_update', status: 'paid', total: 2000 })
    expect(invoice.lines.data.map(({ amount }) => amount)).toEqual([-1000, 3000])
    const [updated] = eventsAbout('customer.subscription.updated', subscription).slice(-1)
    const former = updated?.data.previous_attributes as { items: { data: { price: { id: string } }[] } }
    expect(former.items.data[0]?.price.id).toBe(cheap.id)
  })

  it('pauses and resumes collection without being paused itself', async () => {
    const { stripe } = setting
    const price = await priceOf(stripe, 1000, 'month')
    const { subscription } = await subscribe(setting, price.id)
    const paused = await stripe.subscriptions.update(subscription, { pause_collection: { behavior: 'void' } })
    expect(paused).toMatchObject({
      status: 'active',
      pause_collection: { behavior: 'void', resumes_at: null },
    })
    const resumed = await stripe.subscriptions.update(subscription, { pause_collection: '' })
    expect(resumed.pause_collection).toBeNull()
    expect((await errorOf(stripe.subscriptions.resume(subscription))).message).toContain('is not paused')
  })
})

describe('a test clock', () => {
  /** A customer on a clock with a subscription that is paid by the given test method. */
  async function onClock(method: string, more: Partial<Stripe.SubscriptionCreateParams> = {}) {
    const { stripe } = setting
    const price = await priceOf(stripe, 2000, 'month')
    const start = Date.UTC(2027, 0, 31) / 1000
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: start })
    const customer = await stripe.customers.create({ test_clock: clock.id, email: 'clock@example.com' })
    const saved = await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id })
    const settings = { invoice_settings: { default_payment_method: saved.id } }
    await stripe.customers.update(customer.id, settings)
    const made = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
      ...more,
    })
    if (method !== 'pm_card_visa') {
      const failing = await stripe.paymentMethods.attach(method, { customer: customer.id })
      await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: failing.id } })
    }
    const advance = (to: number) => stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: to })
    return { start, customer: customer.id, subscription: made.id, advance, clock: clock.id }
  }

  it('rolls a subscription forward, keeping the day of the month where there is one', async () => {
    const { stripe } = setting
    const { subscription, advance } = await onClock('pm_card_visa')
    await advance(Date.UTC(2027, 2, 1) / 1000)
    const renewed = await stripe.subscriptions.retrieve(subscription, { expand: ['latest_invoice'] })
    const [item] = renewed.items.data
    expect(item?.current_period_start).toBe(Date.UTC(2027, 1, 28) / 1000)
    expect(item?.current_period_end).toBe(Date.UTC(2027, 2, 31) / 1000)
    expect(renewed.latest_invoice).toMatchObject({ billing_reason: 'subscription_cycle', status: 'paid' })
  })

  it('bills the phase of a schedule that begins with the renewal, and nothing after a schedule that cancels', async () => {
    const { stripe } = setting
    for (const end_behavior of ['release', 'cancel'] as const) {
      const { customer, subscription, advance } = await onClock('pm_card_visa')
      const made = await stripe.subscriptionSchedules.create({ from_subscription: subscription })
      const [phase] = made.phases
      if (!phase) throw new Error('The schedule has no phase.')
      const price = (phase.items[0]?.price ?? '') as string
      const now = { items: [{ price, quantity: 1 }], start_date: phase.start_date, end_date: phase.end_date }
      const next = { items: [{ price, quantity: 3 }] }
      const phases = end_behavior === 'release' ? [now, next] : [now]
      await stripe.subscriptionSchedules.update(made.id, { end_behavior, phases })
      await advance(phase.end_date + 2 * 3600)
      const totals = (await stripe.invoices.list({ customer })).data.map(({ total }) => total)
      const { status } = await stripe.subscriptions.retrieve(subscription)
      expect({ status, totals }).toEqual(
        end_behavior === 'release'
          ? { status: 'active', totals: [6000, 2000] }
          : { status: 'canceled', totals: [2000] },
      )
    }
  })

  it('retries a failed renewal and cancels in the end', async () => {
    const { stripe } = setting
    const { subscription, advance, start } = await onClock('pm_card_chargeCustomerFail')
    await advance(start + 29 * day)
    expect((await stripe.subscriptions.retrieve(subscription)).status).toBe('past_due')
    await advance(start + 50 * day)
    const ended = await stripe.subscriptions.retrieve(subscription)
    expect(ended).toMatchObject({ status: 'canceled', cancellation_details: { reason: 'payment_failed' } })
    const invoice = await stripe.invoices.retrieve(ended.latest_invoice as string)
    expect(invoice).toMatchObject({ status: 'open', attempt_count: 4, amount_remaining: 2000 })
  })

  it('announces the end of a trial three days before', async () => {
    const { subscription, advance, start } = await onClock('pm_card_visa', { trial_period_days: 14 })
    await advance(start + 10 * day)
    expect(eventsAbout('customer.subscription.trial_will_end', subscription)).toHaveLength(0)
    await advance(start + 12 * day)
    const [warned] = eventsAbout('customer.subscription.trial_will_end', subscription)
    expect(warned?.created).toBe(start + 11 * day)
  })

  it('ends what was cancelled for the end of the period', async () => {
    const { stripe } = setting
    const { subscription, advance, start } = await onClock('pm_card_visa')
    const kept = await stripe.subscriptions.update(subscription, { cancel_at_period_end: true })
    expect(kept.cancel_at).toBe(kept.items.data[0]?.current_period_end)
    await advance(start + 29 * day)
    expect(await stripe.subscriptions.retrieve(subscription)).toMatchObject({
      status: 'canceled',
      ended_at: kept.cancel_at,
    })
  })

  it('refuses to go back, or further than two periods, and deletes its customers with itself', async () => {
    const { stripe } = setting
    const { customer, advance, start, clock } = await onClock('pm_card_visa')
    expect((await errorOf(advance(start))).param).toBe('frozen_time')
    expect((await errorOf(advance(start + 100 * day))).message).toContain('at most two intervals')
    await stripe.testHelpers.testClocks.del(clock)
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ deleted: true })
  })
})

describe('an invoice', () => {
  async function openInvoice(balance = 0, method = 'pm_card_visa') {
    const { stripe } = setting
    const customer = await stripe.customers.create({ email: 'inv@example.com', balance })
    const saved = await stripe.paymentMethods.attach(method, { customer: customer.id })
    await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: saved.id } })
    const draft = await stripe.invoices.create({ customer: customer.id, currency: 'usd' })
    await stripe.invoiceItems.create({
      customer: customer.id,
      invoice: draft.id,
      amount: 1000,
      currency: 'usd',
    })
    return stripe.invoices.finalizeInvoice(draft.id ?? '', { expand: ['payments'] })
  }

  it('is numbered when it is finalized and paid by the default method', async () => {
    const invoice = await openInvoice()
    expect(invoice).toMatchObject({
      status: 'open',
      amount_due: 1000,
      payments: { data: [{ status: 'open' }] },
    })
    expect(invoice.number).toMatch(/-0001$/)
    const paid = await setting.stripe.invoices.pay(invoice.id ?? '')
    expect(paid).toMatchObject({ status: 'paid', amount_paid: 1000, amount_remaining: 0, attempt_count: 1 })
    expect((await errorOf(setting.stripe.invoices.pay(invoice.id ?? ''))).message).toBe(
      'Invoice is already paid',
    )
  })

  it('uses the customer’s credit first', async () => {
    const part = await openInvoice(-400)
    expect(part).toMatchObject({ total: 1000, amount_due: 600, starting_balance: -400, ending_balance: 0 })
    const whole = await openInvoice(-3000)
    expect(whole).toMatchObject({
      status: 'paid',
      amount_due: 0,
      ending_balance: -2000,
      payments: { data: [] },
    })
  })

  it('paid out of band has no payment', async () => {
    const { id = '' } = await openInvoice()
    const paid = await setting.stripe.invoices.pay(id, { paid_out_of_band: true })
    expect(paid).toMatchObject({ status: 'paid', amount_remaining: 0, amount_paid_off_stripe: 1000 })
    const { data } = await setting.stripe.invoicePayments.list({ invoice: id })
    expect(data.map(({ status }) => status)).toEqual(['canceled'])
  })

  it('stays open when the card is declined, and can be voided', async () => {
    const { id = '' } = await openInvoice(0, 'pm_card_chargeCustomerFail')
    const error = await errorOf(setting.stripe.invoices.pay(id))
    expect(error).toMatchObject({ type: 'StripeCardError', statusCode: 402, code: 'card_declined' })
    expect(await setting.stripe.invoices.retrieve(id)).toMatchObject({ status: 'open', attempted: true })
    expect((await setting.stripe.invoices.voidInvoice(id)).status).toBe('void')
  })
})

describe('the portal', () => {
  /** With the account's own configuration, which cancels at the end of the period, or another. */
  async function opened(mode?: 'immediately') {
    const { stripe } = setting
    const configuration =
      mode &&
      (await stripe.billingPortal.configurations.create({
        features: {
          subscription_cancel: { enabled: true, mode },
          invoice_history: { enabled: true },
        },
      }))
    const cheap = await priceOf(stripe, 1000, 'month')
    const dear = await priceOf(stripe, 3000, 'month')
    const { subscription, customer } = await subscribe(setting, cheap.id)
    const session = await stripe.billingPortal.sessions.create({
      customer,
      return_url: 'https://shop.example/account',
      ...(configuration && { configuration: configuration.id }),
    })
    const act = (fields: Record<string, string>) =>
      fetch(session.url, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ subscription, ...fields }),
      })
    return { subscription, session, dear, act }
  }

  it('shows the subscription with what can be done, and the way back', async () => {
    const { session, dear } = await opened()
    const text = await (await fetch(session.url)).text()
    for (const part of [
      'Team plan',
      '$10.00 per month',
      'Cancel on ',
      dear.id,
      'https://shop.example/account',
    ]) {
      expect(text).toContain(part)
    }
  })

  it('leads to the invoices, which lead to their lines', async () => {
    const { session, subscription } = await opened()
    const invoice = (await setting.stripe.subscriptions.retrieve(subscription)).latest_invoice as string
    expect(await (await fetch(session.url)).text()).toContain(`/i/${invoice}`)
    const { hosted_invoice_url: url } = await setting.stripe.invoices.retrieve(invoice)
    const page = await fetch(url ?? '')
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('$10.00')])
    expect((await fetch(`${setting.local.url}/i/in_none`)).status).toBe(404)
  })

  it('cancels at the end of the period, takes that back, and changes the plan', async () => {
    const { subscription, dear, act } = await opened()
    const state = () => setting.stripe.subscriptions.retrieve(subscription)
    expect((await act({ action: 'cancel' })).status).toBe(303)
    expect((await state()).cancel_at_period_end).toBe(true)
    await act({ action: 'renew' })
    expect((await state()).cancel_at_period_end).toBe(false)
    await act({ action: 'change', price: dear.id })
    expect((await state()).items.data[0]?.price.id).toBe(dear.id)
  })

  it('offers and takes the way of cancelling that its configuration says, and no other', async () => {
    const textOf = async (url: string) => (await fetch(url)).text()
    const state = async (id: string) => {
      const { status, cancel_at_period_end } = await setting.stripe.subscriptions.retrieve(id)
      return { status, cancel_at_period_end }
    }
    const later = await opened()
    expect(await textOf(later.session.url)).not.toContain('Cancel now')
    const refused = await later.act({ action: 'cancel_now' })
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining('This portal cancels subscriptions at the end of their period.'),
    ])
    expect(await state(later.subscription)).toEqual({ status: 'active', cancel_at_period_end: false })

    const now = await opened('immediately')
    expect(await textOf(now.session.url)).toContain('Cancel now')
    expect(await textOf(now.session.url)).not.toContain('Cancel on ')
    expect((await now.act({ action: 'cancel' })).status).toBe(400)
    expect(await state(now.subscription)).toEqual({ status: 'active', cancel_at_period_end: false })
    expect((await now.act({ action: 'cancel_now' })).status).toBe(303)
    expect((await state(now.subscription)).status).toBe('canceled')
  })

  it('never touches the subscription of another customer, and honours its configuration', async () => {
    const { stripe, local } = setting
    const mine = await opened()
    const other = await opened()
    expect((await mine.act({ subscription: other.subscription, action: 'cancel' })).status).toBe(400)
    expect((await stripe.subscriptions.retrieve(other.subscription)).cancel_at_period_end).toBe(false)
    const configuration = await stripe.billingPortal.configurations.create({
      features: { invoice_history: { enabled: true } },
    })
    const session = await stripe.billingPortal.sessions.create({
      customer: mine.session.customer,
      configuration: configuration.id,
    })
    expect(() => local.control.portalCancel(session.id, mine.subscription)).toThrow('does not allow')
  })
})
