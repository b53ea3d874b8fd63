/** Payments that wait for their capture as schemas. */
import { z } from 'zod'
import { AMOUNT_MAX } from '../core/currency.ts'
import * as s from '../core/schema-parts.ts'

export const paymentParams = z.strictObject({
  environment: s.environment,
  paymentIntentId: z.string().regex(/^pi_\w{1,250}$/, 'must be the id of a PaymentIntent, pi_…'),
})

export const capturePaymentBody = s.request('CapturePaymentRequest', {
  amount: s
    .wholeNumber(1, AMOUNT_MAX)
    .describe("In the currency's minor unit; all of it if omitted. The rest is released.")
    .optional(),
})

export const payment = s.component('Payment', {
  environment: s.environment,
  paymentIntentId: z.string(),
  status: s.wordOfStripe('requires_capture', 'succeeded', 'canceled'),
  amount: z.number().describe("In the currency's minor unit, like every amount."),
  amountCapturable: z.number().describe('What is held and may be captured.'),
  amountReceived: z.number(),
  currency: z.string(),
})

export const paymentResponse = s.answer('PaymentResponse', { payment })
