/**
 * What requests must look like. Messages are written as the rest of a sentence that begins with the field's name:
 * `lineItems[0].quantity must be a whole number from 1 to 999.`
 */
import { z } from 'zod'
import { type ApiError, apiError } from './errors.ts'

/** What a schema says besides what it validates. The OpenAPI document shows `id`, `description` and `shownAs` alone. */
export type Meta = {
  /** The name of a component of the OpenAPI document, and of its type in `types/api.ts`. */
  id?: string
  /** The name of the type in `types/api.ts`. */
  typeName?: string
  /** The comment on that type; for a component it is the description. */
  typeDoc?: string
  /** The type to print, where the schema says less. */
  printedAs?: string
  /** The words that Stripe uses today, of a text that may hold others. */
  knownWords?: readonly string[]
  /** How the OpenAPI document shows the schema, where it validates something else. */
  shownAs?: Record<string, unknown>
  /** Answers pass this text through `redact`. */
  redacted?: boolean
}

/** Gives a schema a type in `types/api.ts`. */
export const named = <Schema extends z.ZodType>(typeName: string, schema: Schema, typeDoc?: string): Schema =>
  schema.meta({ typeName, ...(typeDoc === undefined ? {} : { typeDoc }) }) as Schema

export const environmentSchema = named(
  'StripeEnvironment',
  z.enum(['test', 'live'], { error: 'must be test or live' }),
  '`test` and `live` each have their own key, webhook endpoint and rows.',
)

const ISSUES_SHOWN_MAX = 10

/** `lineItems[0].priceId`. Names that the caller chose are cut. */
function fieldName(path: PropertyKey[]): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`
    const shown = String(part).slice(0, 60)
    return name === '' ? shown : `${name}.${shown}`
  }, '')
}

/** A whole number that JavaScript cannot hold exactly. It is outside of every range too, which says more. */
const isUnsafe = (issue: z.core.$ZodIssue) => 'origin' in issue && issue.origin === 'int'

/** The problems of a value, without the second one of a whole number that is far out of range. */
export function problemsOf({ issues }: z.ZodError): z.core.$ZodIssue[] {
  const at = ({ path }: z.core.$ZodIssue) => JSON.stringify(path.map(String))
  const others = new Set(issues.filter((issue) => !isUnsafe(issue)).map(at))
  return issues.filter((issue) => !isUnsafe(issue) || !others.has(at(issue)))
}

/** 400 with one sentence for each problem. */
export function invalidInput(error: z.ZodError, whole: string): ApiError {
  const sentences = problemsOf(error).flatMap((issue) => {
    const name = fieldName(issue.path)
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${fieldName([...issue.path, key])} is not a known field.`)
    }
    return [`${name === '' ? whole : name} ${issue.message}.`]
  })
  return apiError(400, 'INVALID_INPUT', sentences.slice(0, ISSUES_SHOWN_MAX).join(' '))
}

/** The value as the schema returns it, or 400 with a sentence for each field that is wrong. */
export function parse<Output>(schema: z.ZodType<Output>, value: unknown, whole = 'The body'): Output {
  const result = schema.safeParse(value)
  if (!result.success) throw invalidInput(result.error, whole)
  return result.data
}
