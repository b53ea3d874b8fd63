/**
 * Makes the fields of an answer of the columns of a row. Apart from `present.ts`, which has the tables of all answers: a webhook
 * needs one.
 */
import { iso, redactOrNull } from './format.ts'
import type { Fields, Shape } from './shape.ts'

/** The table of an answer that is part of another, by its name. */
export type FieldsOf = (name: string) => Fields

/** Makes an answer of a row by the table of its fields. */
export function presentFields(fields: Fields, row: unknown, fieldsOf: FieldsOf): Record<string, unknown> {
  const answer: Record<string, unknown> = {}
  for (const [field, [column, shape]] of Object.entries(fields))
    answer[field] = presentValue(shape, (row as Record<string, unknown>)[column], fieldsOf)
  return answer
}

function presentValue(shape: Shape, value: unknown, fieldsOf: FieldsOf): unknown {
  if (shape === 'strings') return stringRecord(value)
  if (shape === 'numbers') return numberRecord(value)
  if (value === null || value === undefined) return shape === 'count' ? 0 : null
  if (shape === 'value') return value
  if (shape === 'instant') return iso(value as string | Date)
  if (shape === 'redacted') return redactOrNull(String(value))
  if (shape === 'number' || shape === 'count') return Number(value)
  if ('one' in shape) return presentFields(fieldsOf(shape.one), value, fieldsOf)
  if ('list' in shape)
    return (value as unknown[]).map((item) => presentFields(fieldsOf(shape.list), item, fieldsOf))
  return mapValues(value as object, (item) => presentFields(fieldsOf(shape.byKey), item, fieldsOf))
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
