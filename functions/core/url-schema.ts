/** The addresses that a request may hold. */
import { z } from 'zod'
import { isStorable, requiredAs } from './validation.ts'

const URL_LENGTH = 5000

/** Absolute and http(s): a `javascript:` address would run in the buyer's browser. */
export const httpUrl = z
  .string(requiredAs('an absolute http or https URL'))
  .trim()
  .max(URL_LENGTH, `must have at most ${URL_LENGTH} characters`)
  .refine(
    (value) => /^https?:\/\/\S+$/i.test(value) && URL.canParse(value) && isStorable(value),
    'must be an absolute http or https URL',
  )
