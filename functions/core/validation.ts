/**
 * What requests must look like. Messages are written as the rest of a sentence that begins with the field's name:
 * `lineItems[0].quantity must be a whole number from 1 to 999.`
 */
import { z } from 'zod'
import type {
  CreateCheckoutSessionRequest,
  CreateCustomerPortalSessionRequest,
  StripeEnvironment,
} from '../../types/api.ts'
import { type ApiError, apiError } from './errors.ts'

const METADATA_KEY_LENGTH = 40
const METADATA_VALUE_LENGTH = 500
const RESERVED_METADATA = /^(payments|insforge)_/
const URL_LENGTH = 5000

/** `is required` for a field that is not there, else what it must be. */
export const must = (be: string) => ({
  error: ({ input }: { input?: unknown }) => (input === undefined ? 'is required' : `must be ${be}`),
})

/** A body: an object without a field that is not known. */
export const object = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape, must('an object'))

/** Postgres stores no zero character, and no half of a surrogate pair. */
export const isStorable = (value: string) => !value.includes('\u0000') && !/\p{Surrogate}/u.test(value)
export const UNSTORABLE = 'must not contain the character U+0000 or half of a surrogate pair'

export const text = (low: number, high: number) =>
  z
    .string(must('text'))
    .trim()
    .min(low, low === 1 ? 'must not be empty' : `must have at least ${low} characters`)
    .max(high, `must have at most ${high} characters`)
    .refine(isStorable, UNSTORABLE)

/** Absolute and http(s): a `javascript:` address here would run in somebody's browser. */
const httpUrl = z
  .string(must('an absolute http or https URL'))
  .trim()
  .max(URL_LENGTH, `must have at most ${URL_LENGTH} characters`)
  .refine(
    (value) => /^https?:\/\/\S+$/i.test(value) && URL.canParse(value) && isStorable(value),
    'must be an absolute http or https URL',
  )

const subject = z.strictObject({ type: text(1, 100), id: text(1, 255) }, must('an object with type and id'))

const lineItem = z.strictObject(
  {
    priceId: text(1, 255),
    quantity: z
      .int(must('a whole number from 1 to 999'))
      .min(1, 'must be a whole number from 1 to 999')
      .max(999, 'must be a whole number from 1 to 999')
      .default(1),
  },
  must('an object with priceId and quantity'),
)

/**
 * Metadata as Stripe takes it. See https://docs.stripe.com/api/metadata.
 *
 * @param reserved keys that are ours
 */
export const metadata = ({ keys, reserved }: { keys: number; reserved?: RegExp }) =>
  z.record(z.string(), z.string(must('text')), must('an object of texts')).superRefine((value, context) => {
    const fail = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    const entries = Object.entries(value)
    if (entries.length > keys) fail([], `must have at most ${keys} keys`)
    for (const [key, content] of entries.slice(0, keys)) {
      if (key === '') fail([], 'must not have an empty key')
      else if (key.length > METADATA_KEY_LENGTH)
        fail([key], `must have a key of at most ${METADATA_KEY_LENGTH} characters`)
      else if (/[[\]]/.test(key)) fail([key], 'must have a key without square brackets')
      else if (reserved?.test(key)) fail([key], 'is reserved: keys may not begin with payments_ or insforge_')
      if (content.length > METADATA_VALUE_LENGTH)
        fail([key], `must have at most ${METADATA_VALUE_LENGTH} characters`)
      if (!isStorable(key) || !isStorable(content)) fail([key], UNSTORABLE)
    }
  })

export const environmentSchema = z.enum(['test', 'live'], { error: 'must be test or live' })

export const createCheckoutSessionBody = object({
  mode: z.enum(['payment', 'subscription'], must('payment or subscription')),
  lineItems: z
    .array(lineItem, must('a list of items'))
    .min(1, 'must have 1 to 100 items')
    .max(100, 'must have 1 to 100 items'),
  successUrl: httpUrl,
  cancelUrl: httpUrl,
  subject: subject.optional(),
  customerEmail: z
    .string(must('an e-mail address'))
    .trim()
    .max(512, 'must have at most 512 characters')
    .pipe(z.email('must be an e-mail address'))
    .nullish(),
  // Stripe allows 50 keys, of which we write four.
  metadata: metadata({ keys: 46, reserved: RESERVED_METADATA }).optional(),
  idempotencyKey: text(1, 200).optional(),
}).refine(({ mode, subject }) => mode !== 'subscription' || subject !== undefined, {
  path: ['subject'],
  message: 'is required when mode is subscription',
})

export const createCustomerPortalSessionBody = object({
  subject,
  returnUrl: httpUrl.optional(),
  configuration: text(1, 255).optional(),
})

// The documented types and the schemas that are enforced stay the same.
createCheckoutSessionBody satisfies z.ZodType<unknown, CreateCheckoutSessionRequest>
createCustomerPortalSessionBody satisfies z.ZodType<unknown, CreateCustomerPortalSessionRequest>
environmentSchema satisfies z.ZodType<StripeEnvironment, StripeEnvironment>

const ISSUES_SHOWN = 10

/** `lineItems[0].priceId`; names that the caller chose are cut. */
function fieldName(path: PropertyKey[]): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`
    const shown = String(part).slice(0, 60)
    return name === '' ? shown : `${name}.${shown}`
  }, '')
}

/** One sentence for each thing that is wrong. */
export function invalidInput(error: z.ZodError, whole: string): ApiError {
  const sentences = error.issues.flatMap((issue) => {
    const name = fieldName(issue.path)
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${fieldName([...issue.path, key])} is not a known field.`)
    }
    return [`${name === '' ? whole : name} ${issue.message}.`]
  })
  return apiError(400, 'INVALID_INPUT', sentences.slice(0, ISSUES_SHOWN).join(' '))
}

/** The value as the schema gives it, or 400 with a sentence for each field that is wrong. */
export function parse<Output>(schema: z.ZodType<Output>, value: unknown, whole = 'The body'): Output {
  const result = schema.safeParse(value)
  if (!result.success) throw invalidInput(result.error, whole)
  return result.data
}
