/**
 * Pieces that the schemas of every topic are made of. A field of an answer is written once, in the `schemas.ts` of its
 * topic. From there `npm run generate` makes `types/api.ts` and `types/openapi.json`, and `present.ts` makes answers of
 * rows.
 */
import { z } from 'zod'
import { environmentSchema, named } from './validation.ts'

export { environmentSchema as environment, named }

const METADATA_KEY_LENGTH = 40
const METADATA_VALUE_LENGTH = 500

/** An object with a name: a component of the OpenAPI document, a type, and an answer that `present` makes. */
export const component = <Shape extends z.ZodRawShape>(id: string, shape: Shape, description?: string) =>
  z.object(shape).meta({ id, ...(description === undefined ? {} : { description }) }) as z.ZodObject<Shape>

/** A body with a type. */
export const request = <Shape extends z.ZodRawShape>(typeName: string, shape: Shape) =>
  named(typeName, object(shape))

/** An answer, or a part of one, with a type. */
export const answer = <Shape extends z.ZodRawShape>(typeName: string, shape: Shape) =>
  named(typeName, z.object(shape))
export const describedAnswer = <Shape extends z.ZodRawShape>(typeName: string, doc: string, shape: Shape) =>
  named(typeName, z.object(shape), doc)

// Fields of requests

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
export const metadata = ({ keys = 50, reserved }: { keys?: number; reserved?: RegExp } = {}) =>
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

export const id = text(1, 255)
export const boolean = z.boolean(requiredAs('true or false'))
export const description = z
  .string(requiredAs('text or null'))
  .trim()
  .max(5000, 'must have at most 5000 characters')
  .refine(isStorable, UNSTORABLE)
  .describe('At most 5000 characters.')
  .nullable()
export const oneOf = <Values extends Readonly<Record<string, string>>>(schema: z.ZodEnum<Values>) =>
  z.enum(schema.enum, `must be one of ${schema.options.join(', ')}`)

/** An instant in a request. */
export const instantText = z.iso
  .datetime({
    offset: true,
    error: ({ input }) =>
      input === undefined ? 'is required' : 'must be an instant in ISO-8601, as in 2026-10-28T09:00:00Z',
  })
  .refine((value) => !value.startsWith('0000'), 'must be an instant after the year 0')

// Paths, queries, bodies

export const environmentParams = z.strictObject({ environment: environmentSchema })
export const noQuery = z.strictObject({})
/** A request that may come without a body, or with an empty object. */
export const emptyBody = object({})

const LIMIT = 'must be a whole number from 1 to 100'
const limitText = z
  .string(LIMIT)
  .regex(/^(?=\d{1,9}$)0*(?:[1-9]\d?|100)$/, LIMIT)
  .transform(Number)
/** In the OpenAPI document a limit is a number, although a query has it as text. */
const shownLimit = { type: 'integer', minimum: 1, maximum: 100 }

const cursor = text(1, 3000)
  .describe(
    '`nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.',
  )
  .optional()

/** The query of a list that comes in pages. */
export const page = {
  limit: limitText
    .default(50)
    .meta({ shownAs: { ...shownLimit, default: 50, description: 'Items per page.' } }),
  cursor,
}
/** The query of a list that comes whole, up to 1000, without `limit`. */
export const optionalPage = {
  limit: limitText
    .optional()
    .meta({ shownAs: { ...shownLimit, description: 'Items per page; 1000 if omitted.' } }),
  cursor,
}
export const range = (what: string) => ({
  from: instantText.describe(`${what} at this instant or later.`).optional(),
  to: instantText.describe(`${what} before this instant.`).optional(),
})

/** A yes or no in a query. */
export const yesOrNo = z.enum(['true', 'false'], 'must be true or false')
/** A whole number in a query; it stays text, as it travels to Postgres. */
export const wholeNumberText = z
  .string('must be a whole number')
  .regex(/^\d{1,15}$/, 'must be a whole number of at most 15 digits')
  .meta({ shownAs: { type: 'integer', minimum: 0 } })

// Fields of answers

export const nullable = z.string().nullable()
/** A text that may quote an error of Stripe or Postgres. */
export const errorText = (z.string().meta({ redacted: true }) as z.ZodString).nullable()
/** A word of Stripe. Stripe adds words to its lists at any time, so an answer may hold one that is not known here. */
export const wordOfStripe = (...words: [string, ...string[]]) =>
  z.string().meta({
    knownWords: words,
    description: `${words.map((word) => `\`${word}\``).join(', ')}, or a word that Stripe adds later.`,
  }) as z.ZodString
export const instant = z.iso.datetime()
export const nullableInstant = instant.nullable()
/** When a row was written first, and last. */
export const timestamps = { createdAt: instant, updatedAt: instant }
export const count = z.int().min(0)
export const strings = z.record(z.string(), z.string())
export const counts = z.record(z.string(), count)
export const sentences = z.array(z.string())
export const nextCursor = z.string().nullable().describe('Null on the last page.')
