import type { Stripe } from 'stripe'
import { describe, expect, it } from 'vitest'
import { money } from '../../scripts/cli/support/money.ts'
import { formatAmount } from '../../scripts/local-stripe/core/money.ts'
import { call, createEngine, type StripeFailure } from '../../scripts/local-stripe/index.ts'
import { completeSession } from '../../scripts/local-stripe/resources/checkout.ts'
import { resolvePaymentMethod } from '../../scripts/local-stripe/resources/payment-methods.ts'
import { errorOf, useLocalStripe } from './helpers.ts'

const setting = useLocalStripe()

/** A paid payment intent. Amount in minor units. */
function paid(payment_method = 'pm_card_visa', amount = 2000) {
  return setting.stripe.paymentIntents.create({ amount, currency: 'usd', payment_method, confirm: true })
}

async function chargeOf(intent: string) {
  const { data } = await setting.stripe.charges.list({ payment_intent: intent })
  return data[0]
}

describe('payment intents', () => {
  it('are confirmed, captured in part and cancelled', async () => {
    const { paymentIntents } = setting.stripe
    const open = await paymentIntents.create({ amount: 2000, currency: 'usd', capture_method: 'manual' })
    expect((await errorOf(paymentIntents.confirm(open.id))).code).toBe('payment_intent_unexpected_state')
    const held = await paymentIntents.confirm(open.id, { payment_method: 'pm_card_visa' })
    expect(held).toMatchObject({ status: 'requires_capture', amount_capturable: 2000, amount_received: 0 })
    expect(await paymentIntents.capture(open.id, { amount_to_capture: 500 })).toMatchObject({
      status: 'succeeded',
      amount_received: 500,
    })
    expect((await errorOf(paymentIntents.cancel(open.id))).message).toContain('status of succeeded')
  })

  it('that are declined end with a card error that names charge and intent', async () => {
    const error = await errorOf(paid('pm_card_chargeDeclinedInsufficientFunds'))
    expect(error).toMatchObject({
      type: 'StripeCardError',
      statusCode: 402,
      code: 'card_declined',
      decline_code: 'insufficient_funds',
    })
    expect(error.payment_intent).toMatchObject({
      status: 'requires_payment_method',
      latest_charge: error.charge,
    })
  })

  it('forget the error of the last attempt with every later update, and keep its charge', async () => {
    const { paymentIntents } = setting.stripe
    for (const change of [
      (id: string) => paymentIntents.update(id, { description: 'Tea' }),
      (id: string) => paymentIntents.cancel(id),
    ]) {
      const { payment_intent, charge } = await errorOf(paid('pm_card_chargeDeclined'))
      const { id } = payment_intent as { id: string }
      expect((await paymentIntents.retrieve(id)).last_payment_error).toMatchObject({ charge })
      expect(await change(id)).toMatchObject({ last_payment_error: null, latest_charge: charge })
    }
  })
})

describe('an amount', () => {
  const refusal = (run: () => unknown) => {
    try {
      run()
    } catch (error) {
      const { code, param, message } = (error as StripeFailure).body
      return [code, param, message]
    }
    return null
  }
  const engine = createEngine({})
  const product = call(engine, 'POST', '/v1/products', { name: 'Tea' }).id
  const session = (currency: string, unit_amount: number, more: object = {}, price: object = {}) => {
    const made = call(engine, 'POST', '/v1/prices', { product, currency, unit_amount, ...price })
    return call(engine, 'POST', '/v1/checkout/sessions', {
      ...{ mode: 'payment', success_url: 'https://shop.example' },
      line_items: [{ price: made.id, quantity: 1, ...more }],
    })
  }
  const pay = (currency: string, amount: number, more: object = {}) =>
    call(engine, 'POST', '/v1/payment_intents', {
      ...{ currency, amount, payment_method: 'pm_card_visa', confirm: true },
      ...more,
    })

  it('in a currency with three decimals, and in ISK and UGX, has no fraction that cannot be paid', () => {
    const fraction = (amount: number, currency: string, step: number, param: string) => [
      'parameter_invalid_integer',
      param,
      `Invalid amount: ${amount}. An amount in ${currency} must be a multiple of ${step}.`,
    ]
    for (const currency of ['bhd', 'jod', 'kwd', 'omr', 'tnd']) {
      expect(refusal(() => session(currency, 1234))).toEqual(fraction(1234, currency, 10, 'line_items'))
      expect(refusal(() => pay(currency, 1234))).toEqual(fraction(1234, currency, 10, 'amount'))
      expect(session(currency, 1230).amount_total).toBe(1230)
    }
    for (const [currency, amount] of [
      ['isk', 1234],
      ['ugx', 150],
    ] as const) {
      expect(refusal(() => session(currency, amount))).toEqual(fraction(amount, currency, 100, 'line_items'))
      expect(refusal(() => pay(currency, amount))).toEqual(fraction(amount, currency, 100, 'amount'))
      expect(session(currency, 1200).amount_total).toBe(1200)
    }
    expect(refusal(() => session('jpy', 1234))).toBeNull()
    const paid = pay('kwd', 5000)
    expect(
      refusal(() => call(engine, 'POST', '/v1/refunds', { payment_intent: paid.id, amount: 1234 })),
    ).toEqual(fraction(1234, 'kwd', 10, 'amount'))
    const held = pay('kwd', 5000, { capture_method: 'manual' })
    const capture = (amount_to_capture: number) =>
      call(engine, 'POST', `/v1/payment_intents/${held.id}/capture`, { amount_to_capture })
    expect(refusal(() => capture(1234))).toEqual(fraction(1234, 'kwd', 10, 'amount_to_capture'))
    expect(capture(1230).amount_received).toBe(1230)
  })

  it('has at most eight digits, and twelve in IDR, as the total of a checkout', () => {
    const tooLarge = (param: string, message: string) => ['amount_too_large', param, message]
    const total = (most: string) =>
      tooLarge('line_items', `The Checkout Session's total amount due must be no more than ${most}`)
    expect(refusal(() => session('usd', 99_999_999, { quantity: 2 }))).toEqual(total('$999,999.99'))
    expect(refusal(() => session('jpy', 99_999_999, { quantity: 2 }))).toEqual(total('¥99,999,999'))
    expect(refusal(() => session('idr', 999_999_999_999, { quantity: 2 }))).toEqual(
      total('IDR 9,999,999,999.99'.replace(' ', '\u00a0')),
    )
    expect(session('idr', 999_999_999_999).amount_total).toBe(999_999_999_999)
    expect(refusal(() => session('usd', 100_000_000))).toEqual([
      'parameter_invalid_integer',
      'unit_amount',
      'This value must be less than or equal to 99999999.',
    ])
    expect(refusal(() => pay('usd', 100_000_000))).toEqual(
      tooLarge('amount', 'Amount must be no more than $999,999.99'),
    )
    expect(pay('usd', 99_999_999).status).toBe('succeeded')
    const open = session('usd', 99_999_999, { adjustable_quantity: { enabled: true } })
    const entry = { method: resolvePaymentMethod(engine, 'pm_card_visa'), email: 'a@shop.example' }
    expect(
      refusal(() => completeSession(engine, open.id as string, { ...entry, quantities: { 0: 2 } })),
    ).toEqual(
      tooLarge('quantity', "The Checkout Session's total amount due must be no more than $999,999.99"),
    )
    expect(completeSession(engine, open.id as string, { ...entry, quantities: { 0: 1 } })).toMatchObject({
      payment_status: 'paid',
      amount_total: 99_999_999,
    })
  })
})

describe('an authorization', () => {
  const held = () => {
    const engine = createEngine({})
    const intent = call(engine, 'POST', '/v1/payment_intents', {
      ...{ amount: 2000, currency: 'usd', payment_method: 'pm_card_visa', confirm: true },
      capture_method: 'manual',
    })
    const read = () => call(engine, 'GET', `/v1/payment_intents/${intent.id}`)
    return { engine, id: intent.id as string, read }
  }

  it('that nobody captures ends after seven days, and the amount is released', () => {
    const { engine, id, read } = held()
    const [charge] = call(engine, 'GET', '/v1/charges', { payment_intent: id }).data as Stripe.Charge[]
    expect(charge?.payment_method_details?.card?.capture_before).toBe((charge?.created ?? 0) + 7 * 86_400)
    engine.advance(7 * 86_400 - 10)
    expect(read().status).toBe('requires_capture')
    const before = engine.events.length
    engine.advance(20)
    expect(read()).toMatchObject({
      status: 'canceled',
      cancellation_reason: 'automatic',
      amount_capturable: 0,
      amount_received: 0,
    })
    expect(engine.events.slice(before).map(({ event }) => event.type)).toEqual([
      'refund.created',
      'charge.expired',
      'payment_intent.canceled',
    ])
    expect(call(engine, 'GET', `/v1/charges/${charge?.id}`)).toMatchObject({
      captured: false,
      refunded: true,
      amount_refunded: 2000,
    })
    expect(() => call(engine, 'POST', `/v1/payment_intents/${id}/capture`, {})).toThrow('status of canceled')
  })

  it('that was captured or canceled does not end again', () => {
    for (const [what, status] of [
      ['capture', 'succeeded'],
      ['cancel', 'canceled'],
    ]) {
      const { engine, id, read } = held()
      call(engine, 'POST', `/v1/payment_intents/${id}/${what}`, {})
      const before = engine.events.length
      engine.advance(8 * 86_400)
      expect([read().status, engine.events.length]).toEqual([status, before])
    }
  })
})

describe('refunds', () => {
  it('in parts add up to a full refund, and no further', async () => {
    const { stripe } = setting
    const intent = await paid()
    await stripe.refunds.create({ payment_intent: intent.id, amount: 500 })
    expect(await chargeOf(intent.id)).toMatchObject({ amount_refunded: 500, refunded: false })
    const over = await errorOf(stripe.refunds.create({ payment_intent: intent.id, amount: 1501 }))
    expect(over.message).toBe('Refund amount ($15.01) is greater than unrefunded amount on charge ($15.00)')
    await stripe.refunds.create({ payment_intent: intent.id })
    expect(await chargeOf(intent.id)).toMatchObject({ amount_refunded: 2000, refunded: true })
    expect((await errorOf(stripe.refunds.create({ payment_intent: intent.id }))).code).toBe(
      'charge_already_refunded',
    )
    const told = setting.local.control.events({ type: 'charge.refunded' }).slice(-2)
    expect(told.map(({ data }) => data.previous_attributes)).toEqual([
      { amount_refunded: 0 },
      { amount_refunded: 500, refunded: false },
    ])
  })

  it('can fail later, and the charge is as before', async () => {
    const intent = await paid()
    const refund = await setting.stripe.refunds.create({ payment_intent: intent.id })
    expect(refund.status).toBe('succeeded')
    const failed = setting.local.control.settleRefund(refund.id, false)
    expect(failed).toMatchObject({ status: 'failed', failure_reason: 'expired_or_canceled_card' })
    expect(await chargeOf(intent.id)).toMatchObject({ amount_refunded: 0, refunded: false })
    expect(setting.local.control.events({ type: 'refund.failed' }).at(-1)?.data.object.id).toBe(refund.id)
  })

  it('of the card whose refunds fail do so by themselves where payments settle by themselves', () => {
    const failed = [60, null].map((settleAfterSeconds) => {
      const engine = createEngine({ settleAfterSeconds })
      const intent = call(engine, 'POST', '/v1/payment_intents', {
        amount: 2000,
        currency: 'usd',
        payment_method: 'pm_card_refundFail',
        confirm: true,
      })
      const refund = call(engine, 'POST', '/v1/refunds', { payment_intent: intent.id })
      expect(refund.status).toBe('succeeded')
      engine.advance(60)
      return call(engine, 'GET', `/v1/refunds/${refund.id}`).status
    })
    expect(failed).toEqual(['failed', 'succeeded'])
  })

  it('of a bank debit are pending until they arrive', async () => {
    const intent = await paid('pm_usBankAccount_success')
    expect((await errorOf(setting.stripe.refunds.create({ payment_intent: intent.id }))).message).toContain(
      'does not have a successful charge',
    )
    setting.local.control.settle(intent.id)
    const refund = await setting.stripe.refunds.create({
      payment_intent: intent.id,
      reason: 'requested_by_customer',
    })
    expect(refund.status).toBe('pending')
    expect(setting.local.control.settleRefund(refund.id, true).status).toBe('succeeded')
  })

  it('of nothing in particular are refused', async () => {
    expect((await errorOf(setting.stripe.refunds.create({}))).message).toContain('payment_intent or charge')
    expect((await errorOf(setting.stripe.refunds.create({ charge: 'ch_no' }))).code).toBe('resource_missing')
  })
})

it('amounts are written in the minor units of Stripe, which are not those of Intl everywhere', () => {
  for (const write of [money, formatAmount]) {
    const written = [
      write(1999, 'usd'),
      write(500, 'jpy'),
      write(17500, 'huf'),
      write(1000, 'isk'),
      write(500, 'mga'),
      write(1500, 'kwd'),
      write(150, 'xyz'),
    ].map((text) => text.replace('\u00a0', ' '))
    expect(written).toEqual(['$19.99', '¥500', 'HUF 175.00', 'ISK 10.00', 'MGA 500', 'KWD 1.500', 'XYZ 1.50'])
  }
})

describe('disputes', () => {
  it('take the money, and give it back when they are won', async () => {
    const { stripe, local } = setting
    const intent = await paid('pm_card_createDispute')
    const { data } = await stripe.disputes.list({ payment_intent: intent.id })
    expect(data[0]).toMatchObject({ amount: 2000, status: 'needs_response', reason: 'fraudulent' })
    expect((await chargeOf(intent.id))?.disputed).toBe(true)
    await stripe.disputes.update(data[0]?.id ?? '', { evidence: { uncategorized_text: 'Delivered.' } })
    local.control.closeDispute(data[0]?.id ?? '', 'won')
    const told = local.control.events().filter(({ type }) => type.startsWith('charge.dispute.'))
    expect(told.map(({ type }) => type.slice('charge.dispute.'.length))).toEqual([
      'created',
      'funds_withdrawn',
      'updated',
      'updated',
      'closed',
      'funds_reinstated',
    ])
  })
})

describe('payment methods', () => {
  it('are attached, listed and detached', async () => {
    const { stripe } = setting
    const customer = await stripe.customers.create({})
    const method = await stripe.paymentMethods.create({
      type: 'card',
      card: { number: '5555555555554444', exp_month: 8, exp_year: 2034, cvc: '314' },
    })
    expect(method.card).toMatchObject({ brand: 'mastercard', last4: '4444', exp_month: 8 })
    await stripe.paymentMethods.attach(method.id, { customer: customer.id })
    expect((await stripe.customers.listPaymentMethods(customer.id)).data.map(({ id }) => id)).toEqual([
      method.id,
    ])
    expect((await stripe.paymentMethods.detach(method.id)).customer).toBeNull()
  })

  it('that are declined at once cannot be attached, those that fail later can', async () => {
    const { stripe } = setting
    const customer = (await stripe.customers.create({})).id
    expect((await errorOf(stripe.paymentMethods.attach('pm_card_chargeDeclined', { customer }))).type).toBe(
      'StripeCardError',
    )
    expect((await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer })).customer).toBe(
      customer,
    )
  })
})
