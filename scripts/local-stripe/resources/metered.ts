/** Metered prices: billed by use, so that whoever buys them names no quantity. */
import { invalidRequest } from '../core/errors.ts'
import type { Price } from '../core/types.ts'

/** Whether a price is billed by use. Its items have no quantity. */
export function isMetered(price: Price): boolean {
  return price.recurring?.usage_type === 'metered'
}

/** @throws 400 when a quantity is given for a metered price */
export function checkQuantity(price: Price, quantity: number | undefined, path: string): void {
  if (quantity === undefined || !isMetered(price)) return
  const place = path === '' ? '' : ` from ${path}`
  throw invalidRequest(
    `Quantity should not be specified where usage_type is metered. Remove quantity${place}`,
    { param: path === '' ? 'quantity' : `${path}[quantity]` },
  )
}
