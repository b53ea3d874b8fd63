/** What a checkout may ask of Stripe beside its items: what is sent, and what is refused before Stripe is called. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asCaller, createTestDatabase, service, type TestDatabase, user } from '../../setup/database.ts'
import { begin, type CheckoutRequest, complete, projectObjects, refusal } from '../support/calls.ts'
import { newId, openSession, price, T } from '../support/stripe.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  const prices = [
    price({ id: 'price_eur', currency: 'eur' }),
    price({ id: 'price_usd', currency: 'usd' }),
    price({ id: 'price_usd_too', currency: 'usd' }),
    price({ id: 'price_both', currency: 'eur', currency_options: { eur: {}, usd: {}, chf: {} } }),
    price({ id: 'price_gbp', currency: 'gbp', currency_options: { chf: {} } }),
  ]
  await projectObjects(database.sql, prices, 1)
})
afterAll(() => database.close())

const subject = { type: 'user', id: 'u1' }
const beginAsService = (request: CheckoutRequest) =>
  asCaller(database.sql, service, (sql) => begin(sql, user('u1'), request))
const subscribe = (options: NonNullable<CheckoutRequest['options']>): CheckoutRequest => ({
  mode: 'subscription',
  subject,
  options,
})
const setUp: CheckoutRequest = { mode: 'setup', lineItems: [], options: { currency: 'eur' } }
const cup = (currency: string) => ({ currency, unitAmount: 700, product: { name: 'Cup' } })
const inPage = { successUrl: null, cancelUrl: null }

const NOW = Math.floor(Date.now() / 1000)
const IN_AN_HOUR = NOW + 3600
const IN_A_WEEK = NOW + 7 * 86_400

describe('an option becomes the parameter of Stripe that it stands for', () => {
  test.each<[string, CheckoutRequest, Record<string, unknown>]>([
    ['promotion codes', { options: { allow_promotion_codes: true } }, { allow_promotion_codes: true }],
    [
      'a discount',
      { options: { discounts: [{ promotion_code: 'promo_1' }] } },
      { discounts: [{ promotion_code: 'promo_1' }] },
    ],
    [
      'a trial of days',
      subscribe({ trial_period_days: 14 }),
      { subscription_data: { trial_period_days: 14, metadata: { payments_subject_id: 'u1' } } },
    ],
    [
      'the end of a trial',
      subscribe({ trial_end: IN_A_WEEK }),
      { subscription_data: { trial_end: IN_A_WEEK } },
    ],
    [
      'a trial without a card',
      subscribe({ trial_period_days: 14, trial_without_card: true }),
      {
        payment_method_collection: 'if_required',
        subscription_data: { trial_settings: { end_behavior: { missing_payment_method: 'cancel' } } },
      },
    ],
    ['automatic tax', { options: { automatic_tax: true } }, { automatic_tax: { enabled: true } }],
    ['tax ids', { options: { tax_id_collection: true } }, { tax_id_collection: { enabled: true } }],
    [
      'an address',
      { options: { billing_address_collection: 'required' } },
      { billing_address_collection: 'required' },
    ],
    [
      'a phone number',
      { options: { phone_number_collection: true } },
      { phone_number_collection: { enabled: true } },
    ],
    [
      'names',
      { options: { name_collection: { individual: 'required', business: 'optional' } } },
      {
        name_collection: {
          individual: { enabled: true, optional: false },
          business: { enabled: true, optional: true },
        },
      },
    ],
    [
      'shipping',
      {
        options: {
          shipping_address_collection: { allowed_countries: ['DE'] },
          shipping_options: [{ shipping_rate: 'shr_1' }],
        },
      },
      {
        shipping_address_collection: { allowed_countries: ['DE'] },
        shipping_options: [{ shipping_rate: 'shr_1' }],
      },
    ],
    [
      'an adjustable quantity',
      { lineItems: [{ priceId: 'price_tea', adjustableQuantity: { minimum: 1, maximum: 9 } }] },
      {
        line_items: [
          { price: 'price_tea', quantity: 1, adjustable_quantity: { enabled: true, minimum: 1, maximum: 9 } },
        ],
      },
    ],
    ['a currency', { options: { currency: 'eur' } }, { currency: 'eur' }],
    ['a locale', { options: { locale: 'pt-BR' } }, { locale: 'pt-BR' }],
    ['an expiry', { options: { expires_at: IN_AN_HOUR } }, { expires_at: IN_AN_HOUR }],
    [
      'a recovery',
      { options: { recovery: { allow_promotion_codes: true } } },
      { after_expiration: { recovery: { enabled: true, allow_promotion_codes: true } } },
    ],
    [
      'custom fields',
      {
        options: {
          custom_fields: [
            {
              key: 'size',
              label: 'Size',
              type: 'dropdown',
              options: [{ label: 'S', value: 's' }],
              default_value: 's',
            },
          ],
        },
      },
      {
        custom_fields: [
          {
            key: 'size',
            label: { type: 'custom', custom: 'Size' },
            type: 'dropdown',
            dropdown: { options: [{ label: 'S', value: 's' }], default_value: 's' },
          },
        ],
      },
    ],
    [
      'custom text',
      { options: { custom_text: { submit: 'Hello' } } },
      { custom_text: { submit: { message: 'Hello' } } },
    ],
    [
      'consent',
      {
        options: {
          consent_collection: { terms_of_service: 'required', payment_method_reuse_agreement: 'auto' },
        },
      },
      {
        consent_collection: {
          terms_of_service: 'required',
          payment_method_reuse_agreement: { position: 'auto' },
        },
      },
    ],
    ['a submit type', { options: { submit_type: 'donate' } }, { submit_type: 'donate' }],
    [
      'an invoice',
      { subject, options: { invoice_creation: true } },
      { invoice_creation: { enabled: true, invoice_data: { metadata: { payments_subject_id: 'u1' } } } },
    ],
    [
      'payment method types',
      { options: { payment_method_types: ['card'] } },
      { allowed_payment_method_types: ['card'] },
    ],
    [
      'a configuration',
      { options: { payment_method_configuration: 'pmc_1' } },
      { payment_method_configuration: 'pmc_1' },
    ],
    [
      'saved cards',
      { options: { saved_payment_methods: { save: 'enabled' } } },
      { saved_payment_method_options: { payment_method_save: 'enabled' } },
    ],
    [
      'a card for later, captured by hand',
      { options: { setup_future_usage: 'off_session', capture_method: 'manual' } },
      { payment_intent_data: { setup_future_usage: 'off_session', capture_method: 'manual' } },
    ],
    [
      'a billing anchor',
      subscribe({ billing_cycle_anchor: 2e9, proration_behavior: 'none' }),
      { subscription_data: { billing_cycle_anchor: 2e9, proration_behavior: 'none' } },
    ],
    [
      'the currency of the buyer',
      { options: { adaptive_pricing: false } },
      { adaptive_pricing: { enabled: false } },
    ],
    [
      'a setup',
      { ...setUp, subject },
      {
        mode: 'setup',
        currency: 'eur',
        customer_creation: 'always',
        setup_intent_data: { metadata: { payments_subject_id: 'u1' } },
      },
    ],
    [
      'an embedded page',
      { ...inPage, options: { ui_mode: 'embedded', return_url: 'https://shop.example/back' } },
      { ui_mode: 'embedded_page', return_url: 'https://shop.example/back' },
    ],
    [
      'a custom page',
      { ...inPage, options: { ui_mode: 'custom', return_url: 'https://shop.example/back' } },
      { ui_mode: 'elements', return_url: 'https://shop.example/back' },
    ],
  ])('%s', async (_, request, params) => {
    const begun = await beginAsService(request)
    expect(begun).toMatchObject({ action: 'send', params })
    expect(begun.session.options).toEqual(request.options ?? {})
  })

  test('an embedded page is sent without the addresses of a hosted one', async () => {
    const { params } = await beginAsService({
      ...inPage,
      options: { ui_mode: 'embedded', return_url: 'https://shop.example/back' },
    })
    expect(params).not.toHaveProperty('success_url')
    expect(params).not.toHaveProperty('cancel_url')
  })
})

describe('an option that cannot be is refused by a sentence of its own', () => {
  test.each<[CheckoutRequest, string, string]>([
    [{ options: { tip: 5 } }, 'SP001', 'tip is not a known option.'],
    [{ options: { trial_period_days: 14 } }, 'SP001', 'trialPeriodDays cannot be used when mode is payment.'],
    [subscribe({ trial_period_days: 0 }), 'SP001', 'trialPeriodDays must be a whole number from 1 to 730.'],
    [subscribe({ trial_period_days: 1.5 }), 'SP001', 'trialPeriodDays must be a whole number from 1 to 730.'],
    [
      subscribe({ trial_period_days: '14' }),
      'SP001',
      'trialPeriodDays must be a whole number from 1 to 730.',
    ],
    [
      subscribe({ capture_method: 'manual' }),
      'SP001',
      'captureMethod cannot be used when mode is subscription.',
    ],
    [{ options: { currency: 'EUR' } }, 'SP001', 'currency must be a currency of three lower-case letters.'],
    [
      { options: { discounts: [{}] } },
      'SP001',
      'Each of discounts needs either a coupon or a promotionCode.',
    ],
    [{ options: { discounts: [] } }, 'SP001', 'discounts must be a list of 1 to 20 discounts.'],
    [
      { options: { name_collection: { pet: 'required' } } },
      'SP001',
      'nameCollection may have individual and business, each required or optional.',
    ],
    [
      { options: { shipping_address_collection: { allowed_countries: 'DE' } } },
      'SP001',
      'shippingAddressCollection.allowedCountries must be a list of countries of two capital letters.',
    ],
    [
      {
        options: {
          custom_fields: [
            { key: 'a', label: 'A', type: 'text' },
            { key: 'a', label: 'B', type: 'text' },
          ],
        },
      },
      'SP001',
      'Each of customFields needs a key of its own.',
    ],
    [
      { options: { discounts: [{ coupon: 'c' }], allow_promotion_codes: true } },
      'SP050',
      'discounts and allowPromotionCodes exclude each other.',
    ],
    [
      subscribe({ trial_period_days: 14, trial_end: 2e9 }),
      'SP050',
      'trialPeriodDays and trialEnd exclude each other.',
    ],
    [subscribe({ trial_without_card: true }), 'SP050', 'trialWithoutCard needs trialPeriodDays or trialEnd.'],
    [
      { cancelUrl: null, options: { ui_mode: 'embedded', return_url: 'https://shop.example' } },
      'SP050',
      'successUrl cannot be used when uiMode is embedded; use returnUrl.',
    ],
    [
      { ...inPage, options: { ui_mode: 'embedded' } },
      'SP050',
      'returnUrl is required when uiMode is embedded.',
    ],
    [
      { ...inPage, options: { ui_mode: 'custom', return_url: 'javascript:alert(1)' } },
      'SP050',
      'returnUrl must be an absolute http or https URL.',
    ],
    [
      { mode: 'setup', options: { currency: 'eur' } },
      'SP050',
      'lineItems cannot be used when mode is setup.',
    ],
    [
      { mode: 'setup', lineItems: [] },
      'SP050',
      'currency or paymentMethodTypes is required when mode is setup.',
    ],
    [
      { ...inPage, options: { ui_mode: 'custom', redirect_on_completion: 'never' } },
      'SP050',
      'returnUrl is required when uiMode is custom.',
    ],
    [
      {
        ...inPage,
        options: {
          ui_mode: 'custom',
          return_url: 'https://shop.example',
          custom_text: { submit: 'Now' },
        },
      },
      'SP050',
      'customFields, customText, submitType and recovery cannot be used when uiMode is custom.',
    ],
    [
      { options: { shipping_options: [{ shipping_rate: 'shr_1' }] } },
      'SP050',
      'shippingOptions needs shippingAddressCollection.',
    ],
    [
      { options: { discounts: [{ coupon: 'a' }, { coupon: 'b' }] } },
      'SP050',
      'discounts may have one discount only; Stripe takes no more.',
    ],
    [
      { options: { currency: 'usd' }, lineItems: [{ priceData: cup('eur') }] },
      'SP050',
      'currency, and the currency of each priceData, must be the same.',
    ],
    [
      { lineItems: [{ priceData: cup('eur') }, { priceData: cup('usd') }] },
      'SP050',
      'currency, and the currency of each priceData, must be the same.',
    ],
    [
      { lineItems: [{ priceData: { ...cup('eur'), recurring: { interval: 'month' } } }] },
      'SP050',
      'priceData.recurring needs mode subscription.',
    ],
    [
      subscribe({ trial_period_days: 3, billing_cycle_anchor: NOW + 9e5 }),
      'SP050',
      'billingCycleAnchor and a trial exclude each other.',
    ],
    [subscribe({ proration_behavior: 'none' }), 'SP050', 'prorationBehavior needs billingCycleAnchor.'],
    [
      subscribe({ trial_period_days: 3, trial_without_card: true, payment_method_collection: 'always' }),
      'SP050',
      'trialWithoutCard cannot be used when paymentMethodCollection is always.',
    ],
    [
      { options: { capture_method: 'manual', invoice_creation: true } },
      'SP050',
      'invoiceCreation cannot be used when captureMethod is manual.',
    ],
    [
      { options: { return_url: 'https://shop.example' } },
      'SP050',
      'returnUrl needs uiMode embedded or custom; use successUrl.',
    ],
    [{ options: { expires_at: NOW + 60 } }, 'SP064', 'expiresAt must be 30 minutes to 24 hours from now.'],
    [
      { options: { expires_at: NOW + 90_000 } },
      'SP064',
      'expiresAt must be 30 minutes to 24 hours from now.',
    ],
    [subscribe({ trial_end: NOW + 3600 }), 'SP064', 'trialEnd must be at least 48 hours from now.'],
    [subscribe({ trial_end: NOW - 3600 }), 'SP064', 'trialEnd must be at least 48 hours from now.'],
    [subscribe({ billing_cycle_anchor: NOW - 3600 }), 'SP064', 'billingCycleAnchor must be in the future.'],
    ...(
      [
        [
          { type: 'dropdown', options: [{ label: 'S', value: 's-1' }] },
          'options with a label of 1 to 100 characters and a value of 1 to 100 letters and digits',
        ],
        [
          {
            type: 'dropdown',
            options: [
              { label: 'S', value: 's' },
              { label: 'M', value: 's' },
            ],
          },
          'options of different values',
        ],
        [
          { type: 'dropdown', options: [{ label: 'S', value: 's' }], minimum_length: 1 },
          'minimumLength and maximumLength only if it is no dropdown',
        ],
        [
          { type: 'dropdown', options: [{ label: 'S', value: 's' }], default_value: 'm' },
          'a defaultValue that the buyer could enter',
        ],
        [
          { type: 'text', minimum_length: 9, maximum_length: 3 },
          'a minimumLength that is not above the maximumLength',
        ],
        [{ type: 'text', maximum_length: 'x' }, 'a minimumLength and a maximumLength that are whole numbers'],
        [
          { type: 'text', maximum_length: 3, default_value: 'four' },
          'a defaultValue that the buyer could enter',
        ],
        [{ type: 'numeric', default_value: 'four' }, 'a defaultValue that the buyer could enter'],
        [{ type: 'text', default_value: {} }, 'values that are no objects, and options that are'],
      ] as const
    ).map(([field, missing]): [CheckoutRequest, string, string] => [
      { options: { custom_fields: [{ key: 'size', label: 'Size', ...field }] } },
      'SP001',
      `Each of customFields must have ${missing}.`,
    ]),
    [subscribe({ trial_end: NOW + 731 * 86_400 }), 'SP064', 'trialEnd must be at most 730 days from now.'],
    [subscribe({ trial_period_days: 731 }), 'SP001', 'trialPeriodDays must be a whole number from 1 to 730.'],
    [
      { options: { payment_method_types: ['card', 'a card'] } },
      'SP001',
      'Each of paymentMethodTypes must be a payment method type, for example card.',
    ],
  ])('%j', async (request, code, message) => {
    const before =
      await database.sql`select count(*)::integer as count from payments.stripe_checkout_sessions`
    expect(await refusal(beginAsService(request))).toMatchObject({ code, message, hint: expect.any(String) })
    expect(
      await database.sql`select count(*)::integer as count from payments.stripe_checkout_sessions`,
    ).toEqual(before)
  })

  test.each<[CheckoutRequest, string]>([
    [{ ...inPage, options: { ui_mode: 'embedded' } }, 'Add returnUrl'],
    [{ ...setUp, options: {} }, 'Add currency or paymentMethodTypes'],
    [
      subscribe({ trial_without_card: true }),
      'Add trialPeriodDays or trialEnd, or leave trialWithoutCard out',
    ],
    [subscribe({ proration_behavior: 'none' }), 'Add billingCycleAnchor, or leave prorationBehavior out'],
    [
      { options: { return_url: 'https://shop.example' } },
      'Set uiMode to embedded or custom, or leave returnUrl out',
    ],
    [{ options: { capture_method: 'manual', invoice_creation: true } }, 'Leave invoiceCreation out'],
    [subscribe({ trial_period_days: 3, trial_end: NOW + 9e5 }), 'Leave one of the two out'],
  ])('the next step fits the sentence: %j', async (request, hint) => {
    expect(await refusal(beginAsService(request))).toMatchObject({
      code: 'SP050',
      hint: `${hint}, and send the request again.`,
    })
  })

  test('a repeated request is not judged by the clock, but one that is sent again is', async () => {
    const request = { subject, idempotencyKey: newId('key'), options: { expires_at: IN_AN_HOUR } }
    const begun = await beginAsService(request)
    await asCaller(database.sql, service, (sql) => complete(sql, begun, openSession({}), T))
    await database.sql`update payments.stripe_checkout_sessions set created_at = created_at - interval '1 day'`
    const later = { ...request, options: { expires_at: NOW + 60 } }
    await database.sql`alter table payments.stripe_checkout_sessions disable trigger user`
    await database.sql`
      update payments.stripe_checkout_sessions
      set options = ${database.sql.json(later.options)}, request_hash = payments_private.checkout_request_hash(
        mode, line_items, success_url, cancel_url, subject_type, subject_id, customer_email, metadata,
        ${database.sql.json(later.options)})
      where id = ${begun.session.id}`
    await database.sql`alter table payments.stripe_checkout_sessions enable trigger user`
    expect((await beginAsService(later)).action).toBe('return')
    await database.sql`
      update payments.stripe_checkout_sessions set status = 'expired', url = null where id = ${begun.session.id}`
    expect(await refusal(beginAsService(later))).toMatchObject({ code: 'SP064' })
  })

  test.each<[string, string[], boolean]>([
    ['two currencies', ['price_eur', 'price_usd'], false],
    ['one currency', ['price_usd', 'price_usd_too'], true],
    ['one of them in the currency of the other, too', ['price_both', 'price_usd'], true],
    ['two that share one of three', ['price_both', 'price_gbp'], true],
    [
      'three of which two have the same, and no two the third',
      ['price_both', 'price_usd', 'price_gbp'],
      false,
    ],
    ['one that is not known here', ['price_eur', 'price_of_somebody'], true],
  ])('prices of a cart with %s', async (_, prices, fit) => {
    const request = beginAsService({ lineItems: prices.map((priceId) => ({ priceId })) })
    if (fit) return expect((await request).action).toBe('send')
    expect(await refusal(request)).toMatchObject({
      code: 'SP080',
      message: expect.stringMatching(
        /^The prices of lineItems have no currency in common: (eur, usd|eur, gbp, usd)\.$/,
      ),
      hint: 'Use prices of one currency, or begin a checkout for each.',
    })
  })

  test('a price that the request makes up needs the currency of the others', async () => {
    const lineItems = (currency: string) => [{ priceId: 'price_eur' }, { priceData: cup(currency) }]
    const backend = (currency: string) =>
      asCaller(database.sql, service, (sql) =>
        begin(sql, { role: 'service' }, { lineItems: lineItems(currency) }),
      )
    expect((await refusal(backend('usd'))).code).toBe('SP080')
    expect((await backend('eur')).action).toBe('send')
  })

  test('a custom field that a buyer can fill in is passed on', async () => {
    const custom_fields = [
      { key: 'a', label: 'A', type: 'dropdown', options: [{ label: 'S', value: 's' }], default_value: 's' },
      { key: 'b', label: 'B', type: 'numeric', minimum_length: 2, maximum_length: 2, default_value: '42' },
      { key: 'c', label: 'C', type: 'text', optional: true, maximum_length: 255 },
    ]
    expect((await beginAsService({ options: { custom_fields } })).params).toHaveProperty(
      'custom_fields.2.key',
      'c',
    )
  })

  test('a word that Stripe may have added since is passed on', async () => {
    const options = {
      currency: 'xzy',
      locale: 'tlh',
      shipping_address_collection: { allowed_countries: ['AT', 'XX'] },
    }
    const types = ['card', 'new_pay']
    const { params } = await beginAsService({ options: { ...options, payment_method_types: types } })
    expect(params).toMatchObject({ ...options, allowed_payment_method_types: types })
  })

  test('a row that an app user inserts is checked like a request', async () => {
    const insert = (options: Record<string, unknown>, lineItems: object[] = [{ priceId: 'price_tea' }]) =>
      asCaller(
        database.sql,
        user('u1'),
        (sql) => sql`
          insert into payments.stripe_checkout_sessions
            (environment, mode, subject_type, subject_id, line_items, success_url, cancel_url, options)
          values ('test', 'payment', 'user', 'u1', ${sql.json(lineItems as never)}, 'https://a.example',
            'https://a.example', ${sql.json(options as never)})`,
      )
    for (const [code, options, lineItems] of [
      ['SP080', {}, [{ priceId: 'price_eur' }, { priceId: 'price_usd' }]],
      ['SP001', { payment_method_types: ['a card'] }, undefined],
    ] satisfies [string, object, object[] | undefined][])
      expect((await refusal(insert(options, lineItems))).code).toBe(code)
    expect(await refusal(insert({ tip: 5 }))).toMatchObject({
      code: 'SP001',
      message: 'tip is not a known option.',
    })
    await expect(insert({ locale: 'de' })).resolves.toBeDefined()
  })
})

test('another option under the same idempotency key is another request', async () => {
  const idempotencyKey = newId('key')
  await beginAsService({ subject, idempotencyKey, options: { locale: 'de' } })
  expect((await beginAsService({ subject, idempotencyKey, options: { locale: 'de' } })).action).toBe('send')
  expect(await refusal(beginAsService({ subject, idempotencyKey, options: { locale: 'fr' } }))).toMatchObject(
    {
      code: 'SP002',
    },
  )
})
