/** Parameters that several resources take, and that are refused where they would change amounts or events. */
import { refusedUnless, withoutEffectExcept } from '../core/params.ts'

/** `payment_method_options`. */
export const methodOptions = withoutEffectExcept({
  capture_method: ['automatic', 'automatic_async'],
  setup_future_usage: ['none'],
  request_three_d_secure: ['automatic'],
})

/** `billing_mode`: every subscription here has the flexible mode. */
export const billingMode = refusedUnless('flexible', 'included')
