/** Events as answers: those of a webhook are made without the schema, and look as it says. */
import { expect, it } from 'vitest'
import { present } from '../../../functions/core/present.ts'
import type { WebhookEventRow } from '../../../functions/core/sql.ts'
import { presentWebhookEvent } from '../../../functions/events/present.ts'
import { webhookEvent } from '../../../functions/events/schemas.ts'

const row = {
  environment: 'test',
  provider_event_id: 'evt_1',
  event_type: 'invoice.paid',
  livemode: false,
  provider_account_id: 'acct_1',
  object_type: 'invoice',
  object_id: 'in_1',
  processing_status: 'failed',
  attempt_count: 2,
  last_error: 'The trigger read sk_test_51abcdefghijklmnop.',
  received_at: '2026-11-30T09:00:00.123456+00:00',
  processed_at: null,
  created_at: '2026-11-30T10:00:00.5+01:00',
  updated_at: '2026-11-30T09:00:02+00:00',
} as WebhookEventRow

it('an event in the answer to a webhook looks as its schema says', () => {
  const { provider_event_id: event_id, provider_account_id: account_id } = row
  expect(presentWebhookEvent(row)).toEqual(present(webhookEvent, { ...row, event_id, account_id }))
  expect(presentWebhookEvent(row)).toMatchObject({
    eventId: 'evt_1',
    accountId: 'acct_1',
    lastError: expect.not.stringContaining('sk_test_51abcdefghijklmnop'),
    receivedAt: '2026-11-30T09:00:00.123Z',
    processedAt: null,
  })
})
