/** Metered prices are billed by use, so their items have no quantity. */
import { invalidRequest } from '../core/errors.ts'
import { isMetered } from '../core/plan.ts'
import type { Price } from '../core/types.ts'

/** @throws 400 when a quantity is given for a metered price */
export function checkQuantity(price: Price, quantity: number | undefined, path: string): void {
  if (quantity === undefined || !isMetered(price)) return
  const place = path === '' ? '' : ` from ${path}`
  throw invalidRequest(
    `Quantity should not be specified where usage_type is metered. Remove quantity${place}`,
    { param: path === '' ? 'quantity' : `${path}[quantity]` },
  )
}
