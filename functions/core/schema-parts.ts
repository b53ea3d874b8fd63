/**
 * Pieces that the schemas of every topic are made of. A field of an answer is written once, in the `schemas.ts` of its topic. From
 * there `npm run generate` makes `types/api.ts`, `types/openapi.json` and `answers.ts`.
 */
import { z } from 'zod'
import { ERROR_CODES } from './error-codes.ts'
import {
  environmentSchema,
  isStorable,
  type Meta,
  metadata as metadataOf,
  named,
  object,
  requiredAs,
  text,
  UNSTORABLE,
} from './validation.ts'

/** An object with a name: a component of the OpenAPI document, a type, and an answer that `present` makes. */
export const component = <Shape extends z.ZodRawShape>(id: string, shape: Shape, description?: string) =>
  z.object(shape).meta({ id, ...(description === undefined ? {} : { description }) }) as z.ZodObject<Shape>

/** A body with a type. */
export const request = <Shape extends z.ZodRawShape>(typeName: string, shape: Shape) =>
  named(typeName, object(shape))

/** An answer, or a part of one, with a type. */
export const answer = <Shape extends z.ZodRawShape>(typeName: string, shape: Shape, typeDoc?: string) =>
  named(typeName, z.object(shape), typeDoc)

/** How the OpenAPI document shows a schema that validates something else: a number in a query is text. */
const shownAs = <Schema extends z.ZodType>(schema: Schema, shown: Meta['shownAs']): Schema =>
  schema.meta({ shownAs: shown }) as Schema

// Fields of requests

export const id = text(1, 255)
export const boolean = z.boolean(requiredAs('true or false'))
export const metadata = metadataOf({ keys: 50 })
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

export const atLeastOne = <Schema extends z.ZodObject>(schema: Schema): Schema =>
  schema.refine(
    (value) => Object.keys(value).some((key) => key !== 'ifRevision'),
    'must have at least one field to change',
  )

// Paths, queries, bodies

export const environmentParams = z.strictObject({ environment: environmentSchema })
export const noQuery = z.strictObject({})
/** A request that may come without a body, or with an empty object. */
export const emptyBody = object({})

const limitText = z
  .string('must be a whole number from 1 to 100')
  .regex(/^\d{1,9}$/, 'must be a whole number from 1 to 100')
  .transform(Number)
  .refine((value) => value >= 1 && value <= 100, 'must be a whole number from 1 to 100')
const shownLimit = { type: 'integer', minimum: 1, maximum: 100 }

const cursor = text(1, 3000)
  .describe(
    '`nextCursor` of the previous page. It is valid for one day, and only for the same list and filters.',
  )
  .optional()

/** The query of a list that comes in pages. */
export const page = {
  limit: shownAs(limitText.default(50), { ...shownLimit, default: 50, description: 'Items per page.' }),
  cursor,
}
/** The query of a list that comes whole, up to 1000, without `limit`. */
export const optionalPage = {
  limit: shownAs(limitText.optional(), {
    ...shownLimit,
    description: 'Items per page; 1000 if omitted.',
  }),
  cursor,
}
export const range = (what: string) => ({
  from: instantText.describe(`${what} at this instant or later.`).optional(),
  to: instantText.describe(`${what} before this instant.`).optional(),
})
/** A yes or no in a query. */
export const yesOrNo = z.enum(['true', 'false'], 'must be true or false')
/** A whole number in a query; it stays text, as it travels to Postgres. */
export const wholeNumberText = shownAs(
  z.string('must be a whole number').regex(/^\d{1,15}$/, 'must be a whole number of at most 15 digits'),
  { type: 'integer', minimum: 0 },
)
export const subjectFilter = {
  subjectType: text(1, 100).describe('Together with `subjectId`.').optional(),
  subjectId: text(1, 255).describe('Together with `subjectType`.').optional(),
}

/** A filter by subject names both halves, or neither. */
export function wholeSubject<Schema extends z.ZodObject<typeof subjectFilter>>(schema: Schema): Schema {
  return schema
    .refine(({ subjectType, subjectId }) => subjectType === undefined || subjectId !== undefined, {
      path: ['subjectId'],
      message: 'is required with subjectType',
    })
    .refine(({ subjectType, subjectId }) => subjectId === undefined || subjectType !== undefined, {
      path: ['subjectType'],
      message: 'is required with subjectId',
    })
}

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
export const count = z.int().min(0)
export const strings = z.record(z.string(), z.string())
export const counts = z.record(z.string(), count)
export const sentences = z.array(z.string())
export const nextCursor = z.string().nullable().describe('Null on the last page.')

export const pageSchema = answer(
  'Page',
  { nextCursor },
  'A page of a list: pass `nextCursor` as `cursor` to get the next page; it is null on the last one.',
)

/** The answer of a list. */
export const pageOf = <Shape extends z.ZodRawShape>(typeName: string, shape: Shape) =>
  answer(typeName, { ...shape, nextCursor })

const errorCode = shownAs(
  named('ErrorCode', z.enum(ERROR_CODES), 'The codes an answer of this API can carry.'),
  {
    type: 'string',
    description: 'A code.',
  },
)

export const errorResponse = z
  .object({
    error: errorCode,
    message: z.string().describe('A sentence for a person.'),
    statusCode: z.int(),
    nextActions: z.string().describe('The next step.').optional(),
  })
  .meta({ id: 'Error', typeName: 'ErrorBody' })
