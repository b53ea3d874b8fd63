/** Amounts and instants as the dashboard writes and reads them. */
import { expect, test } from 'vitest'
import { formatMoney, parseMoney, plainMoney } from '../../functions/dashboard/format/money.ts'
import { formatDuration, formatUtc, startOfDay } from '../../functions/dashboard/format/time.ts'

test.each([
  [1900, 'eur', '€19.00'],
  [500, 'jpy', '¥500'],
  [1234, 'kwd', 'KWD 1.234'],
  [1000, 'isk', 'ISK 10.00'],
  [1000, 'ugx', 'UGX 10.00'],
])('%i %s is %s, with the digits that the currency has at Stripe', (amount, currency, shown) => {
  expect(formatMoney(amount, currency).replaceAll('\u00a0', ' ')).toBe(shown)
})

test('an amount without a currency, and no amount, are shown as they are', () => {
  expect([formatMoney(5, null), formatMoney(null, 'eur'), formatMoney(5, '<b>')]).toEqual(['5', '–', '5'])
})

test('a typed amount is read in the minor unit, with a point or a comma, and refused with too many digits', () => {
  expect(['19', '19.5', '19,50', '0.05'].map((text) => parseMoney(text, 'eur'))).toEqual([
    1900, 1950, 1950, 5,
  ])
  expect(['19.005', '-1', '1e3', '', '1,000.00'].map((text) => parseMoney(text, 'eur'))).toEqual([
    null,
    null,
    null,
    null,
    null,
  ])
  expect([parseMoney('500', 'jpy'), parseMoney('5.0', 'jpy'), parseMoney('1.234', 'kwd')]).toEqual([
    500,
    null,
    1234,
  ])
  expect([plainMoney(1900, 'eur'), plainMoney(500, 'jpy')]).toEqual(['19.00', '500'])
})

test('an instant that is none is a dash, and a day that is none is no filter', () => {
  expect([formatUtc('2026-11-30T10:00:00.000Z'), formatUtc('soon'), formatUtc(7)]).toEqual([
    '2026-11-30 10:00:00 UTC',
    '–',
    '–',
  ])
  expect([startOfDay('yesterday'), startOfDay(undefined)]).toEqual([undefined, undefined])
})

test('a duration has the unit that people would say', () => {
  expect([0.25, 42, 300, 7200, 200_000, null].map((seconds) => formatDuration(seconds))).toEqual([
    '0.3 s',
    '42 s',
    '5 min',
    '2 h',
    '2 d',
    '–',
  ])
})
