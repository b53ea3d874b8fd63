/** Rows as the API shows them: names in camelCase, timestamps in ISO-8601 with Z, documented fields only. */
import type { CheckoutSession, CustomerPortalSession, StripeWebhookEvent } from '../../types/api.ts'
import { iso, isoOrNull, redactOrNull } from '../core/format.ts'
import type { CheckoutSessionRow, CustomerPortalSessionRow, WebhookEventRow } from '../core/sql.ts'

export function presentCheckoutSession(row: CheckoutSessionRow): CheckoutSession {
  return {
    id: row.id,
    environment: row.environment,
    mode: row.mode,
    status: row.status,
    paymentStatus: row.payment_status,
    subjectType: row.subject_type,
    subjectId: row.subject_id,
    customerEmail: row.customer_email,
    checkoutSessionId: row.checkout_session_id,
    customerId: row.customer_id,
    paymentIntentId: row.payment_intent_id,
    subscriptionId: row.subscription_id,
    url: row.url,
    lastError: redactOrNull(row.last_error),
    createdAt: iso(row.created_at),
    updatedAt: iso(row.updated_at),
  }
}

export function presentCustomerPortalSession(row: CustomerPortalSessionRow): CustomerPortalSession {
  return {
    id: row.id,
    environment: row.environment,
    status: row.status,
    subjectType: row.subject_type,
    subjectId: row.subject_id,
    customerId: row.customer_id,
    returnUrl: row.return_url,
    configuration: row.configuration_id,
    url: row.url,
    lastError: redactOrNull(row.last_error),
    createdAt: iso(row.created_at),
    updatedAt: iso(row.updated_at),
  }
}

export function presentWebhookEvent(row: WebhookEventRow): StripeWebhookEvent {
  return {
    environment: row.environment,
    eventId: row.provider_event_id,
    eventType: row.event_type,
    livemode: row.livemode,
    accountId: row.provider_account_id,
    objectType: row.object_type,
    objectId: row.object_id,
    processingStatus: row.processing_status,
    attemptCount: row.attempt_count,
    lastError: redactOrNull(row.last_error),
    receivedAt: iso(row.received_at),
    processedAt: isoOrNull(row.processed_at),
    createdAt: iso(row.created_at),
    updatedAt: iso(row.updated_at),
  }
}
