/** Sessions as the API shows them. */
import type { CheckoutSession, CustomerPortalSession } from '../../types/api.ts'
import { present } from '../core/present.ts'
import type { CheckoutSessionRow, CustomerPortalSessionRow } from '../core/sql.ts'

export const presentCheckoutSession = (row: CheckoutSessionRow): CheckoutSession =>
  present('CheckoutSession', row)

export const presentCustomerPortalSession = (row: CustomerPortalSessionRow): CustomerPortalSession =>
  present('CustomerPortalSession', { ...row, configuration: row.configuration_id })
