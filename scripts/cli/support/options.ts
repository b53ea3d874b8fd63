/** Options that several commands share, and the parsers of their values. */
import { InvalidArgumentError, Option } from 'commander'
import type { StripeEnvironment } from '../../../types/api.ts'

export type InEnvironment = { environment: StripeEnvironment }

export const environmentOption = () =>
  new Option('--environment <environment>', 'test or live').choices(['test', 'live']).makeOptionMandatory()

export const limitOption = (most = 100) =>
  new Option('--limit <count>', `how many at most, 1 to ${most}`).default(50).argParser(wholeNumber(1, most))

export function wholeNumber(low: number, high: number) {
  return (value: string): number => {
    if (/^\d{1,15}$/.test(value) && Number(value) >= low && Number(value) <= high) return Number(value)
    throw new InvalidArgumentError(`It must be a whole number from ${low} to ${high}.`)
  }
}

export const port = wholeNumber(0, 65_535)

export function boolean(value: string): boolean {
  if (value === 'true') return true
  if (value === 'false') return false
  throw new InvalidArgumentError('It must be true or false.')
}

/**
 * The word `null` clears a value. Apply it to the option's text and not as a parser, because commander turns a
 * parser's null into the empty text.
 */
export const orNull = (value: string | undefined): string | null | undefined =>
  value === 'null' ? null : value

const jsonObject =
  <Value>(kind: string, example: string) =>
  (value: string): Record<string, Value> => {
    try {
      const parsed: unknown = JSON.parse(value)
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
        return parsed as Record<string, Value>
    } catch {}
    throw new InvalidArgumentError(`It must be a JSON object${kind}, for example ${example}.`)
  }

export const metadata = jsonObject<string>(' of texts', '{"color":"red"}')
/** Options of a checkout, which are texts, numbers, booleans, lists and objects. */
export const checkoutOptions = jsonObject<unknown>(' of checkout options', '{"trialPeriodDays":14}')

/** An instant or a date, as ISO-8601 in UTC. */
export function instant(value: string): string {
  const date = new Date(value)
  if (/^\d{4}-\d\d-\d\d/.test(value) && !Number.isNaN(date.getTime())) return date.toISOString()
  throw new InvalidArgumentError(
    'It must be a date or an instant, for example 2026-10-28 or 2026-10-28T09:00:00Z.',
  )
}
