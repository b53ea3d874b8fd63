/** The environment in an address. Small, because a webhook needs it. */
import type { StripeEnvironment } from '../../types/api.ts'
import { apiError } from './errors.ts'

/** The environment, or 400 with the sentence that every route has for another one. */
export function environmentOf(text: string): StripeEnvironment {
  if (text === 'test' || text === 'live') return text
  throw apiError(400, 'INVALID_INPUT', 'environment must be test or live.')
}
