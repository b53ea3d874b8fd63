/** Sessions as the API shows them. */
import { present } from '../core/present.ts'
import type { CheckoutSessionRow, CustomerPortalSessionRow } from '../core/sql.ts'
import { checkoutSession, customerPortalSession } from './schemas.ts'

export const presentCheckoutSession = (row: CheckoutSessionRow) => present(checkoutSession, row)

export const presentCustomerPortalSession = (row: CustomerPortalSessionRow) =>
  present(customerPortalSession, { ...row, configuration: row.configuration_id })
