/** Sessions as the API shows them. */
import type { CheckoutSession, CustomerPortalSession } from '../../types/api.ts'
import { present } from '../core/present.ts'
import type { CheckoutSessionRow, CustomerPortalSessionRow } from '../core/sql.ts'
import { checkoutSession, customerPortalSession } from './schemas.ts'

export const presentCheckoutSession = (row: CheckoutSessionRow): CheckoutSession =>
  present(checkoutSession, row)

export const presentCustomerPortalSession = (row: CustomerPortalSessionRow): CustomerPortalSession =>
  present(customerPortalSession, { ...row, configuration: row.configuration_id })
