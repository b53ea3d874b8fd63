/** How small a payment may be. */
import { money } from '../../cli/support/money.ts'
import { invalidRequest } from './errors.ts'

/** The smallest payment in a currency, where it is not 50 (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts). */
const smallest: Record<string, number> = {
  czk: 1500,
  dkk: 250,
  gbp: 30,
  hkd: 400,
  huf: 17500,
  mxn: 1000,
  nok: 300,
  pln: 200,
  sek: 300,
}

/** @throws 400 `amount_too_small` when a payment is not free and yet below the smallest one that is possible */
export function checkPayable(amount: number, currency: string, param: string, subject = 'Amount'): void {
  const least = smallest[currency] ?? 50
  if (amount === 0 || amount >= least) return
  throw invalidRequest(`${subject} must be at least ${money(least, currency)} ${currency}`, {
    code: 'amount_too_small',
    param,
  })
}
