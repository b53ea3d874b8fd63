/**
 * Turns a row into an answer: names in camelCase, instants in ISO-8601, and only the fields that the schema of the answer has. It
 * follows the generated `answers.ts`.
 */
import { ANSWERS, type Answers } from './answers.ts'
import { type FieldsOf, presentFields } from './fields.ts'

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

const fieldsOf: FieldsOf = (name) => ANSWERS[name as AnswerName]

/** Makes an answer of a row. */
export function present<Name extends AnswerName>(name: Name, row: RowOf<Name>): Answers[Name] {
  return presentFields(fieldsOf(name), row, fieldsOf) as Answers[Name]
}

/** The columns of an answer. */
export const columnsOf = (name: AnswerName): string[] =>
  Object.values(fieldsOf(name)).map(([column]) => column)
