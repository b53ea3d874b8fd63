/** Rows as the API shows them: names in camelCase, timestamps in ISO-8601 with Z, nothing that is not documented. */
import type { CheckoutSession, CustomerPortalSession, StripeWebhookEvent } from '../../types/api.ts'
import { redact } from '../core/log.ts'
import type { CheckoutSessionRow, CustomerPortalSessionRow, WebhookEventRow } from '../core/sql.ts'

const instant = (value: string) => new Date(value).toISOString()
const sentence = (value: string | null) => (value === null ? null : redact(value))

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
    lastError: sentence(row.last_error),
    createdAt: instant(row.created_at),
    updatedAt: instant(row.updated_at),
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
    lastError: sentence(row.last_error),
    createdAt: instant(row.created_at),
    updatedAt: instant(row.updated_at),
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
    lastError: sentence(row.last_error),
    receivedAt: instant(row.received_at),
    processedAt: row.processed_at === null ? null : instant(row.processed_at),
    createdAt: instant(row.created_at),
    updatedAt: instant(row.updated_at),
  }
}
