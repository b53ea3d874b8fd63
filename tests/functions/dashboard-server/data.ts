/** A shop with a few customers, whose numbers the tests of the dashboard know by heart. */
import type { TestDatabase } from '../../setup/database.ts'

/** Writes the rows; every amount and day below is used by a test. */
export async function fillShop({ sql }: TestDatabase): Promise<void> {
  await sql`
    insert into payments.customers (environment, provider_customer_id, email, name, provider_created_at)
    values
      ('test', 'cus_Ada', 'Ada@Shop.example', '<b>Ada</b>', '2026-11-01T10:00:00Z'),
      ('test', 'cus_Bob', 'bob@shop.example', 'Bob', '2026-11-02T10:00:00Z'),
      ('test', 'cus_100%_\\', 'percent%_@shop.example', null, '2026-11-03T10:00:00Z'),
      ('live', 'cus_Ada', 'ada@live.example', 'Ada', '2026-11-01T10:00:00Z')`
  await sql`
    insert into payments.customer_mappings (environment, subject_type, subject_id, provider_customer_id)
    values ('test', 'team', 'acme', 'cus_Ada'), ('test', 'user', 'Acme-2', 'cus_Bob')`
  await sql`
    insert into payments_private.customer_owners (environment, customer_id, subject_type, subject_id, named_at, named_by)
    values ('test', 'cus_Ada', 'team', 'acme', '2026-11-01T10:00:00Z', 'cs_1'),
      ('test', 'cus_Ada', 'team', 'former', '2026-11-05T10:00:00Z', 'sub_1')`
  await sql`
    insert into payments.stripe_products (environment, product_id, name, active)
    values ('test', 'prod_1', 'Plan', true)`
  await sql`
    insert into payments.stripe_prices (
      environment, price_id, product_id, active, currency, unit_amount, type, recurring_interval, recurring_interval_count,
      recurring_usage_type
    )
    values
      ('test', 'price_month', 'prod_1', true, 'eur', 1000, 'recurring', 'month', 1, 'licensed'),
      ('test', 'price_year', 'prod_1', true, 'eur', 10000, 'recurring', 'year', 1, 'licensed'),
      ('test', 'price_week', 'prod_1', true, 'usd', 700, 'recurring', 'week', 2, 'licensed'),
      ('test', 'price_day', 'prod_1', true, 'jpy', 100, 'recurring', 'day', 1, 'licensed'),
      ('test', 'price_metered', 'prod_1', true, 'jpy', 5, 'recurring', 'month', 1, 'metered')`
  await sql`
    insert into payments.stripe_subscriptions (
      environment, subscription_id, customer_id, subject_type, subject_id, status, latest_invoice_id,
      pause_collection_behavior, cancel_at_period_end, updated_at
    )
    values
      ('test', 'sub_1', 'cus_Ada', 'team', 'acme', 'active', 'in_1', null, false, '2026-11-01'),
      ('test', 'sub_2', 'cus_Bob', 'user', 'Acme-2', 'past_due', 'in_2', null, true, '2026-11-02'),
      ('test', 'sub_3', 'cus_Bob', null, null, 'trialing', null, null, false, '2026-11-03'),
      ('test', 'sub_4', 'cus_Bob', null, null, 'active', 'in_4', 'void', false, '2026-11-04'),
      ('test', 'sub_5', 'cus_Bob', null, null, 'canceled', 'in_5', null, false, '2026-11-05'),
      ('test', 'sub_6', 'cus_Bob', null, null, 'active', 'in_6', null, false, '2026-11-06'),
      ('live', 'sub_1', 'cus_Ada', null, null, 'active', null, null, false, '2026-11-01')`
  await sql`
    insert into payments.stripe_invoices (
      environment, invoice_id, number, status, customer_id, subscription_id, currency, total, provider_created_at, metadata, version
    )
    values ('test', 'in_1', 'SHOP-1', 'paid', 'cus_Ada', 'sub_1', 'eur', 3000, '2026-11-10T23:29:00Z', '{}', 1)`
  await sql`
    insert into payments.stripe_credit_notes (
      environment, credit_note_id, number, status, invoice_id, customer_id, currency, total, amount, provider_created_at, metadata, version
    )
    values ('test', 'cn_1', 'SHOP-1-CN-1', 'issued', 'in_1', 'cus_Ada', 'eur', 500, 500, '2026-11-11T08:00:00Z', '{}', 1)`
  await sql`
    insert into payments.stripe_subscription_items (environment, subscription_item_id, subscription_id, product_id, price_id, quantity)
    values
      ('test', 'si_1', 'sub_1', 'prod_1', 'price_month', 3),
      ('test', 'si_2', 'sub_1', 'prod_1', 'price_year', 1),
      ('test', 'si_3', 'sub_2', 'prod_1', 'price_week', 1),
      ('test', 'si_4', 'sub_3', 'prod_1', 'price_month', 100),
      ('test', 'si_5', 'sub_4', 'prod_1', 'price_month', 100),
      ('test', 'si_6', 'sub_5', 'prod_1', 'price_month', 100),
      ('test', 'si_7', 'sub_6', 'prod_1', 'price_day', 1),
      ('test', 'si_8', 'sub_6', 'prod_1', 'price_metered', null)`
  await sql`
    insert into payments_private.payment_objects (environment, object_id, object_type, payment_id, version, state, status, amount, currency)
    values
      ('test', 'pi_1', 'payment_intent', '00000000-0000-4000-8000-000000000001', 1, 'succeeded', 'succeeded', 3000, 'eur'),
      ('test', 'ch_1', 'charge', '00000000-0000-4000-8000-000000000001', 1, 'succeeded', 'succeeded', 3000, 'eur'),
      ('test', 're_1', 'refund', '00000000-0000-4000-8000-000000000001', 1, 'succeeded', 'succeeded', 500, 'eur'),
      ('test', 'dp_1', 'dispute', '00000000-0000-4000-8000-000000000001', 1, null, 'lost', 700, 'eur')`
  await sql`
    insert into payments.transactions (
      id, environment, type, status, subject_type, subject_id, provider_customer_id, customer_email_snapshot,
      provider_object_type, provider_object_id, related_object_ids, amount, amount_refunded, currency, description,
      paid_at, failed_at, refunded_at, provider_created_at, disputed_at, dispute_amount, dispute_status, amount_disputed
    )
    values
      ('00000000-0000-4000-8000-000000000001', 'test', 'subscription_invoice', 'partially_refunded', 'team', 'acme', 'cus_Ada',
        'ada@shop.example', 'payment_intent', 'pi_1', '{"payment_intent": "pi_1", "charge": "ch_1", "invoice": "in_1", "subscription": "sub_1"}',
        3000, 500, 'eur', '=HYPERLINK("https://evil.example")', '2026-11-10T23:30:00Z', null, '2026-11-11T08:00:00Z',
        '2026-11-10T23:29:00Z', '2026-11-12T08:00:00Z', 700, 'lost', 700),
      ('00000000-0000-4000-8000-000000000002', 'test', 'refund', 'succeeded', 'team', 'acme', 'cus_Ada', 'ada@shop.example',
        'refund', 're_1', '{"payment_intent": "pi_1", "charge": "ch_1", "refund": "re_1"}', 500, 0, 'eur', null, null, null,
        '2026-11-11T08:00:00Z', '2026-11-11T08:00:00Z', null, null, null, 0),
      ('00000000-0000-4000-8000-000000000003', 'test', 'failed_payment', 'failed', null, null, 'cus_Bob', 'bob@shop.example',
        'payment_intent', 'pi_3', '{"payment_intent": "pi_3"}', 900, 0, 'usd', 'A "quoted", text', null, '2026-11-10T12:00:00Z', null,
        '2026-11-10T12:00:00Z', null, null, null, 0),
      ('00000000-0000-4000-8000-000000000004', 'test', 'one_time_payment', 'succeeded', 'user', 'Acme-2', 'cus_Bob',
        'bob@shop.example', 'payment_intent', 'pi_4', '{"payment_intent": "pi_4"}', 900, 0, 'usd', '+1 for you', '2026-11-10T12:00:00Z',
        null, null, '2026-11-10T11:00:00Z', null, null, null, 0),
      ('00000000-0000-4000-8000-000000000005', 'live', 'one_time_payment', 'succeeded', null, null, 'cus_Ada', null,
        'payment_intent', 'pi_5', '{}', 77, 0, 'eur', null, '2026-11-10T12:00:00Z', null, null, '2026-11-10T11:00:00Z',
        null, null, null, 0)`
  await sql`
    insert into payments.stripe_checkout_sessions (
      environment, mode, status, subject_type, subject_id, success_url, cancel_url, checkout_session_id, customer_id, url,
      last_error, line_items, created_at
    )
    values
      ('test', 'subscription', 'completed', 'team', 'acme', 'https://shop.example/ok', 'https://shop.example/no', 'cs_1', 'cus_Ada',
        null, null, '[{"priceId": "price_month", "quantity": 3}]', '2026-11-09'),
      ('test', 'payment', 'failed', 'team', 'acme', 'https://shop.example/ok', 'https://shop.example/no', null, 'cus_Ada',
        null, 'Stripe said: sk_test_51secret is wrong.', '[]', '2026-11-08'),
      ('test', 'payment', 'open', null, null, 'https://shop.example/ok', 'https://shop.example/no', 'cs_3', null,
        'https://checkout.stripe.example/c/pay/secret', null, '[]', '2026-11-07')`
  await sql`
    insert into payments.stripe_customer_portal_sessions (environment, status, subject_type, subject_id, customer_id, url, last_error, created_at)
    values
      ('test', 'created', 'team', 'acme', 'cus_Ada', 'https://billing.stripe.example/p/session/secret', null, '2026-11-09'),
      ('test', 'failed', 'team', 'acme', 'cus_Ada', null, 'No configuration.', '2026-11-08')`
  await sql`
    insert into payments.webhook_events (
      environment, provider_event_id, event_type, livemode, object_type, object_id, processing_status, attempt_count, payload,
      received_at, processed_at, last_error, next_attempt_at, provider_created_at
    )
    values
      ('test', 'evt_1', 'payment_intent.succeeded', false, 'payment_intent', 'pi_1', 'processed', 1,
        '{"id": "evt_1", "data": {"object": {"object": "payment_intent", "client_secret": "pi_1_secret_x", "list": [{"client_secret": "y"}], "url": "https://kept.example"}}}',
        '2026-11-10T23:31:00Z', '2026-11-10T23:31:00Z', null, null, '2026-11-10T23:30:00Z'),
      ('test', 'evt_2', 'charge.dispute.closed', false, 'dispute', 'dp_1', 'processed', 1, '{"id": "evt_2"}',
        '2026-11-20T00:00:00Z', '2026-11-20T00:00:00Z', null, null, '2026-11-20T00:00:00Z'),
      ('test', 'evt_3', 'invoice.paid', false, 'invoice', 'in_9', 'failed', 9, '{"id": "evt_3"}',
        '2026-11-21T00:00:00Z', null, 'It broke.', null, '2026-11-21T00:00:00Z'),
      ('test', 'evt_4', 'invoice.paid', false, 'invoice', 'in_8', 'failed', 2, '{"id": "evt_4"}',
        '2026-11-22T00:00:00Z', null, 'It broke.', '2026-11-22T00:10:00Z', '2026-11-22T00:00:00Z'),
      ('test', 'evt_5', 'customer.subscription.updated', false, 'subscription', 'sub_1', 'processed', 1, '{}',
        '2026-11-11T00:00:00Z', '2026-11-11T00:00:00Z', null, null, '2026-11-11T00:00:00Z')`
}
