/** Test cards, test bank accounts and `pm_…` tokens (https://docs.stripe.com/testing), and how each of them behaves. */
import type { Behaviour } from './engine.ts'
import { StripeFailure } from './errors.ts'

export interface TestMethod extends Behaviour {
  type: 'card' | 'us_bank_account' | 'sepa_debit'
  brand?: string
  last4: string
}

const PAYS = { outcome: 'succeeds', attaches: true } as const

function declineWith(
  code: string,
  declineCode: string | undefined,
  message: string,
  attaches = false,
): Behaviour {
  return { outcome: 'declines', code, declineCode, message, attaches }
}

const DECLINE = declineWith('card_declined', 'generic_decline', 'Your card was declined.')
const DECLINE_WHEN_CHARGED = declineWith('card_declined', 'generic_decline', 'Your card was declined.', true)
const INSUFFICIENT_FUNDS = declineWith(
  'card_declined',
  'insufficient_funds',
  'Your card has insufficient funds.',
)

function card(number: string, brand: string, behaviour: Behaviour): TestMethod {
  return { ...behaviour, type: 'card', brand, last4: number.slice(-4) }
}

const CARDS: Record<string, TestMethod> = Object.fromEntries(
  (
    [
      ['4242424242424242', 'visa', PAYS],
      ['4000056655665556', 'visa', PAYS],
      ['5555555555554444', 'mastercard', PAYS],
      ['378282246310005', 'amex', PAYS],
      ['4000000000000002', 'visa', DECLINE],
      ['4000000000009995', 'visa', INSUFFICIENT_FUNDS],
      ['4000000000009987', 'visa', declineWith('card_declined', 'lost_card', 'Your card was declined.')],
      ['4000000000009979', 'visa', declineWith('card_declined', 'stolen_card', 'Your card was declined.')],
      ['4000000000000069', 'visa', declineWith('expired_card', undefined, 'Your card has expired.')],
      [
        '4000000000000127',
        'visa',
        declineWith('incorrect_cvc', undefined, "Your card's security code is incorrect."),
      ],
      [
        '4000000000000119',
        'visa',
        declineWith(
          'processing_error',
          undefined,
          'An error occurred while processing your card. Try again in a little bit.',
        ),
      ],
      ['4100000000000019', 'visa', declineWith('card_declined', 'fraudulent', 'Your card was declined.')],
      ['4000002500003155', 'visa', { ...PAYS, authentication: 'until set up' }],
      ['4000003800000446', 'visa', { ...PAYS, authentication: 'until set up' }],
      ['4000002760003184', 'visa', { ...PAYS, authentication: 'always' }],
      ['4000000000003220', 'visa', { ...PAYS, authentication: 'always' }],
      ['4000000000003063', 'visa', { ...PAYS, authentication: 'always' }],
      ['4000008260003178', 'visa', { ...INSUFFICIENT_FUNDS, attaches: true, authentication: 'always' }],
      ['4000008400001629', 'visa', { ...DECLINE_WHEN_CHARGED, authentication: 'always' }],
      ['4000000000003055', 'visa', PAYS],
      ['4000000000000341', 'visa', DECLINE_WHEN_CHARGED],
      ['4000000000000259', 'visa', { ...PAYS, disputed: true }],
      ['4000000000007726', 'visa', { ...PAYS, refund: 'pending' }],
      ['4000000000005126', 'visa', { ...PAYS, refund: 'fails later' }],
    ] as [string, string, Behaviour][]
  ).map(([number, brand, behaviour]) => [number, card(number, brand, behaviour)]),
)

const SETTLES_LATER = { outcome: 'settles later', attaches: true } as const

const BANK_ACCOUNTS: Record<string, TestMethod> = {
  '000123456789': { ...SETTLES_LATER, type: 'us_bank_account', last4: '6789' },
  '000111111113': { ...SETTLES_LATER, type: 'us_bank_account', last4: '1113', failsLater: true },
  AT611904300234573201: { ...SETTLES_LATER, type: 'sepa_debit', last4: '3201' },
  AT861904300235473202: { ...SETTLES_LATER, type: 'sepa_debit', last4: '3202', failsLater: true },
}

const TOKENS: Record<string, string> = {
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
  pm_card_radarBlock: '4100000000000019',
  pm_card_authenticationRequired: '4000002760003184',
  pm_card_authenticationRequiredOnSetup: '4000002500003155',
  pm_card_authenticationRequiredSetupForOffSession: '4000003800000446',
  pm_card_authenticationRequiredChargeDeclinedInsufficientFunds: '4000008260003178',
  pm_card_threeDSecure2Required: '4000000000003220',
  pm_card_threeDSecureRequired: '4000000000003063',
  pm_card_threeDSecureRequiredChargeDeclined: '4000008400001629',
  pm_card_threeDSecureOptional: '4000000000003055',
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
  const number = TOKENS[token.replace(/^tok_/, 'pm_card_')]
  return number === undefined ? undefined : (CARDS[number] ?? BANK_ACCOUNTS[number])
}

/**
 * The test method with a card or account number. Other numbers are refused, as by Stripe in test mode.
 * @throws a card error with code `incorrect_number` or `card_declined`
 */
export function methodOfNumber(number: string): TestMethod {
  const plain = number.replace(/[\s-]/g, '').toUpperCase()
  const found = CARDS[plain] ?? BANK_ACCOUNTS[plain]
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
