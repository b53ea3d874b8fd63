/**
 * Turns a row into an answer: names in camelCase, instants in ISO-8601, and only the fields that the schema of the answer has. It
 * follows the generated `answers.ts`, so that a webhook needs no zod for its answer.
 */
import { ANSWERS, type Answers } from './answers.ts'
import { iso, redactOrNull } from './format.ts'
import type { Fields, Shape } from './shape.ts'

export type AnswerName = keyof Answers

type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Name

/** The fields that every answer has: those that a handler adds are optional. */
type FieldOf<Answer> = {
  [Field in keyof Answer & string]-?: undefined extends Answer[Field] ? never : Field
}[keyof Answer & string]

/** The columns that an answer is made of. Their names are the fields in snake case. */
export type RowOf<Name extends AnswerName> = {
  [Field in FieldOf<Answers[Name]> as SnakeCase<Field>]: unknown
}

const fieldsOf = (name: string): Fields => ANSWERS[name as AnswerName]

/** Makes an answer of a row. */
export function present<Name extends AnswerName>(name: Name, row: RowOf<Name>): Answers[Name] {
  return presentFields(fieldsOf(name), row) as Answers[Name]
}

/** The columns of an answer. */
export const columnsOf = (name: AnswerName): string[] =>
  Object.values(fieldsOf(name)).map(([column]) => column)

function presentFields(fields: Fields, row: unknown): Record<string, unknown> {
  const answer: Record<string, unknown> = {}
  for (const [field, [column, shape]] of Object.entries(fields))
    answer[field] = presentValue(shape, (row as Record<string, unknown>)[column])
  return answer
}

function presentValue(shape: Shape, value: unknown): unknown {
  if (shape === 'strings') return stringRecord(value)
  if (shape === 'numbers') return numberRecord(value)
  if (value === null || value === undefined) return shape === 'count' ? 0 : null
  if (shape === 'value') return value
  if (shape === 'instant') return iso(value as string | Date)
  if (shape === 'redacted') return redactOrNull(String(value))
  if (shape === 'number' || shape === 'count') return Number(value)
  if ('one' in shape) return presentFields(fieldsOf(shape.one), value)
  if ('list' in shape) return (value as unknown[]).map((item) => presentFields(fieldsOf(shape.list), item))
  return mapValues(value as object, (item) => presentFields(fieldsOf(shape.byKey), item))
}

const mapValues = (values: object, map: (value: unknown) => unknown) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]))

/** An object of strings, whatever else it holds: other values become JSON, and missing ones are left out. */
const stringRecord = (value: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries((value ?? {}) as object)
      .filter(([, content]) => content !== null && content !== undefined)
      .map(([key, content]) => [key, typeof content === 'string' ? content : JSON.stringify(content)]),
  )

const numberRecord = (value: unknown): Record<string, number> =>
  Object.fromEntries(
    Object.entries((value ?? {}) as object).filter(([, content]) => typeof content === 'number'),
  )
