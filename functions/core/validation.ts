/**
 * What requests must look like. Messages are written as the rest of a sentence that begins with the field's name:
 * `lineItems[0].quantity must be a whole number from 1 to 999.`
 */
import { z } from 'zod'
import { type ApiError, apiError } from './errors.ts'

const METADATA_KEY_LENGTH = 40
const METADATA_VALUE_LENGTH = 500

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

/** The error of a field: `is required` if it is missing, else what it must be. */
export const requiredAs = (what: string) => ({
  error: ({ input }: { input?: unknown }) => (input === undefined ? 'is required' : `must be ${what}`),
})

/** A body: an object without unknown fields. */
export const object = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, requiredAs('an object'))

/** Postgres stores no zero character, and no half of a surrogate pair. */
export const isStorable = (value: string) => !value.includes('\u0000') && !/\p{Surrogate}/u.test(value)
export const UNSTORABLE = 'must not contain the character U+0000 or half of a surrogate pair'

export const text = (low: number, high: number) =>
  z
    .string(requiredAs('text'))
    .trim()
    .min(low, low === 1 ? 'must not be empty' : `must have at least ${low} characters`)
    .max(high, `must have at most ${high} characters`)
    .refine(isStorable, UNSTORABLE)

/** A whole number of a body. */
export const wholeNumber = (low: number, high: number, what = `a whole number from ${low} to ${high}`) =>
  z.int(requiredAs(what)).min(low, `must be ${what}`).max(high, `must be ${what}`)

/**
 * Metadata as Stripe accepts it. See https://docs.stripe.com/api/metadata.
 *
 * @param reserved keys that only we may set
 */
export const metadata = ({ keys, reserved }: { keys: number; reserved?: RegExp }) =>
  z
    .record(z.string(), z.string(requiredAs('text')), requiredAs('an object of texts'))
    .superRefine((value, context) => {
      const fail = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
      const entries = Object.entries(value)
      if (entries.length > keys) fail([], `must have at most ${keys} keys`)
      for (const [key, content] of entries.slice(0, keys)) {
        if (key === '') fail([], 'must not have an empty key')
        else if (key.length > METADATA_KEY_LENGTH)
          fail([key], `must have a key of at most ${METADATA_KEY_LENGTH} characters`)
        else if (/[[\]]/.test(key)) fail([key], 'must have a key without square brackets')
        else if (reserved?.test(key))
          fail([key], 'is reserved: keys may not begin with payments_ or insforge_')
        if (content.length > METADATA_VALUE_LENGTH)
          fail([key], `must have at most ${METADATA_VALUE_LENGTH} characters`)
        if (!isStorable(key) || !isStorable(content)) fail([key], UNSTORABLE)
      }
    })

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

/** 400 with one sentence for each problem. */
export function invalidInput(error: z.ZodError, whole: string): ApiError {
  const sentences = error.issues.flatMap((issue) => {
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
