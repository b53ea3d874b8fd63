/** Test cards, test bank accounts and `pm_…` tokens (https://docs.stripe.com/testing), and how each of them behaves. */
import type { Behaviour } from './engine.ts'
import { StripeFailure } from './errors.ts'

export interface TestMethod extends Behaviour {
  type: 'card' | 'us_bank_account' | 'sepa_debit'
  brand?: string
  last4: string
}

const pays = { outcome: 'succeeds', attaches: true } as const

function declines(
  code: string,
  declineCode: string | undefined,
  message: string,
  attaches = false,
): Behaviour {
  return { outcome: 'declines', code, declineCode, message, attaches }
}

const genericDecline = declines('card_declined', 'generic_decline', 'Your card was declined.')
const laterDecline = declines('card_declined', 'generic_decline', 'Your card was declined.', true)
const insufficientFunds = declines('card_declined', 'insufficient_funds', 'Your card has insufficient funds.')

function card(number: string, brand: string, behaviour: Behaviour): TestMethod {
  return { ...behaviour, type: 'card', brand, last4: number.slice(-4) }
}

const cards: Record<string, TestMethod> = Object.fromEntries(
  (
    [
      ['4242424242424242', 'visa', pays],
      ['4000056655665556', 'visa', pays],
      ['5555555555554444', 'mastercard', pays],
      ['378282246310005', 'amex', pays],
      ['4000000000000002', 'visa', genericDecline],
      ['4000000000009995', 'visa', insufficientFunds],
      ['4000000000009987', 'visa', declines('card_declined', 'lost_card', 'Your card was declined.')],
      ['4000000000009979', 'visa', declines('card_declined', 'stolen_card', 'Your card was declined.')],
      ['4000000000000069', 'visa', declines('expired_card', undefined, 'Your card has expired.')],
      [
        '4000000000000127',
        'visa',
        declines('incorrect_cvc', undefined, "Your card's security code is incorrect."),
      ],
      [
        '4000000000000119',
        'visa',
        declines(
          'processing_error',
          undefined,
          'An error occurred while processing your card. Try again in a little bit.',
        ),
      ],
      ['4000000000000341', 'visa', laterDecline],
      ['4000000000000259', 'visa', { ...pays, disputed: true }],
      ['4000000000007726', 'visa', { ...pays, refund: 'pending' }],
      ['4000000000005126', 'visa', { ...pays, refund: 'fails later' }],
    ] as [string, string, Behaviour][]
  ).map(([number, brand, behaviour]) => [number, card(number, brand, behaviour)]),
)

const bank = { outcome: 'settles later', attaches: true } as const

const bankAccounts: Record<string, TestMethod> = {
  '000123456789': { ...bank, type: 'us_bank_account', last4: '6789' },
  '000111111113': { ...bank, type: 'us_bank_account', last4: '1113', failsLater: true },
  AT611904300234573201: { ...bank, type: 'sepa_debit', last4: '3201' },
  AT861904300235473202: { ...bank, type: 'sepa_debit', last4: '3202', failsLater: true },
}

const tokens: Record<string, string> = {
  pm_card_visa: '4242424242424242',
  pm_card_visa_debit: '4000056655665556',
  pm_card_mastercard: '5555555555554444',
  pm_card_amex: '378282246310005',
  pm_card_chargeDeclined: '4000000000000002',
  pm_card_visa_chargeDeclined: '4000000000000002',
  pm_card_chargeDeclinedInsufficientFunds: '4000000000009995',
  pm_card_visa_chargeDeclinedInsufficientFunds: '4000000000009995',
  pm_card_chargeDeclinedLostCard: '4000000000009987',
  pm_card_chargeDeclinedStolenCard: '4000000000009979',
  pm_card_chargeDeclinedExpiredCard: '4000000000000069',
  pm_card_chargeDeclinedIncorrectCvc: '4000000000000127',
  pm_card_chargeDeclinedProcessingError: '4000000000000119',
  pm_card_chargeCustomerFail: '4000000000000341',
  pm_card_createDispute: '4000000000000259',
  pm_card_pendingRefund: '4000000000007726',
  pm_card_refundFail: '4000000000005126',
  pm_usBankAccount_success: '000123456789',
  pm_usBankAccount_accountClosed: '000111111113',
  pm_sepaDebit_success: 'AT611904300234573201',
  pm_sepaDebit_failed: 'AT861904300235473202',
}

/** The test method behind a `pm_…` or `tok_…` token, if it is one. */
export function methodOfToken(token: string): TestMethod | undefined {
  const number = tokens[token.replace(/^tok_/, 'pm_card_')]
  return number === undefined ? undefined : (cards[number] ?? bankAccounts[number])
}

/**
 * The test method with a card or account number. Any other number is refused as Stripe refuses it in test mode.
 * @throws a card error with code `incorrect_number` or `card_declined`
 */
export function methodOfNumber(number: string): TestMethod {
  const plain = number.replace(/[\s-]/g, '').toUpperCase()
  const found = cards[plain] ?? bankAccounts[plain]
  if (found) return found
  const luhn = /^\d{12,19}$/.test(plain) && passesLuhn(plain)
  throw new StripeFailure(402, {
    type: 'card_error',
    code: luhn ? 'card_declined' : 'incorrect_number',
    ...(luhn ? { decline_code: 'test_mode_live_card' } : {}),
    param: 'number',
    message: luhn
      ? 'Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test cards, visit: https://stripe.com/docs/testing.'
      : 'Your card number is incorrect.',
  })
}

function passesLuhn(digits: string): boolean {
  const sum = [...digits].reverse().reduce((total, digit, place) => {
    const doubled = Number(digit) * (place % 2 === 0 ? 1 : 2)
    return total + (doubled > 9 ? doubled - 9 : doubled)
  }, 0)
  return sum % 10 === 0
}
