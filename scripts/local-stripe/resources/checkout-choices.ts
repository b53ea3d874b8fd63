/** What the customer may change of the order on the page: quantities, and an amount that is left to them. */
import type { Entered, SessionDetails } from '../core/engine.ts'
import { invalidRequest } from '../core/errors.ts'
import { checkFraction, formatAmount } from '../core/money.ts'

/** The limits of an amount that the customer chooses, in minor units, where its price has none. */
const CUSTOM_AMOUNT_MIN = 50
const CUSTOM_AMOUNT_MAX = 1_000_000

/**
 * Takes over what the customer chose.
 * @throws 400 when the page does not offer it
 */
export function takeChoices(details: SessionDetails, { quantities = {}, amount }: Entered): void {
  for (const [place, quantity] of Object.entries(quantities)) {
    const item = details.lineItems[Number(place)]
    const limits = item?.adjustable_quantity
    if (!item || !limits?.enabled)
      throw invalidRequest('The quantity of this item cannot be changed.', { param: 'quantity' })
    const { minimum, maximum } = limits
    if (!Number.isInteger(quantity) || quantity < (minimum ?? 0) || quantity > (maximum ?? 99))
      throw invalidRequest(`Please choose a quantity from ${minimum ?? 0} to ${maximum ?? 99}.`, {
        param: 'quantity',
      })
    item.quantity = quantity
  }
  const price = details.lineItems.find((item) => item.price?.custom_unit_amount)?.price
  const limits = price?.custom_unit_amount
  if (!price || !limits) return
  const chosen = amount ?? limits.preset
  const least = limits.minimum ?? CUSTOM_AMOUNT_MIN
  const most = limits.maximum ?? CUSTOM_AMOUNT_MAX
  if (chosen === null || !Number.isInteger(chosen) || chosen < least || chosen > most) {
    const [from, to] = [least, most].map((limit) => formatAmount(limit, price.currency))
    throw invalidRequest(`Please enter an amount from ${from} to ${to}.`, { param: 'amount' })
  }
  checkFraction(chosen, price.currency, 'amount')
  details.payWhatYouWant = chosen
}
