/**
 * Turns a row into an answer, as the schema of the answer says. The answer has the schema's fields alone, from the
 * columns of the same names in snake case. A webhook needs no zod for its answer, so this file imports only types of
 * it.
 */
import type { z } from 'zod'
import { iso } from './format.ts'
import { redact } from './log.ts'

/** An object in answers that is made of a row. */
export type Answer = z.ZodObject

type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Name

/** A row whose columns are the fields of an answer in snake case. */
export type Columns<Values> = { [Field in keyof Values & string as SnakeCase<Field>]: Values[Field] }

/** The fields that every answer has: those that a handler adds are optional. */
export type Presented<Schema extends Answer> = {
  [Field in keyof z.output<Schema> as undefined extends z.output<Schema>[Field]
    ? never
    : Field]: z.output<Schema>[Field]
}

/** The columns that an answer is made of. */
export type RowOf<Schema extends Answer> = { [Column in keyof Columns<Presented<Schema>>]: unknown }

export const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

type Field = { field: string; column: string; schema: z.ZodType }

/** Read once from each schema. */
const known = new WeakMap<Answer, Field[]>()

function fieldsOf(answer: Answer): Field[] {
  const fields =
    known.get(answer) ??
    Object.entries(answer.shape as Record<string, z.ZodType>)
      .filter(([, schema]) => schema.type !== 'optional')
      .map(([field, schema]) => ({ field, column: snakeCase(field), schema }))
  known.set(answer, fields)
  return fields
}

/** The columns of an answer. */
export const columnsOf = (answer: Answer): string[] => fieldsOf(answer).map(({ column }) => column)

/** Makes an answer of a row. */
export function present<Schema extends Answer>(answer: Schema, row: RowOf<Schema>): Presented<Schema> {
  const columns = row as Record<string, unknown>
  const fields = fieldsOf(answer).map(({ field, column, schema }) => [
    field,
    fieldValue(schema, columns[column]),
  ])
  return Object.fromEntries(fields) as Presented<Schema>
}

/**
 * The value of a field. A `bigint` arrives as text and becomes a number, and an instant becomes ISO-8601 in UTC with
 * milliseconds. Missing numbers are 0 and missing objects are `{}`, unless the field may be null.
 */
function fieldValue(schema: z.ZodType, value: unknown): unknown {
  const isMissing = value === null || value === undefined
  const { def } = schema as unknown as { def: z.core.$ZodTypes['_zod']['def'] }
  if (def.type === 'record') return recordOf(def.valueType as z.ZodType, value ?? {})
  if (def.type === 'number') return Number(value ?? 0)
  if (isMissing) return null
  if (def.type === 'nullable') return fieldValue(def.innerType as z.ZodType, value)
  if (def.type === 'object') return present(schema as Answer, value)
  if (def.type === 'array')
    return (value as unknown[]).map((item) => fieldValue(def.element as z.ZodType, item))
  if (def.type !== 'string') return value
  if ('format' in def && def.format === 'datetime') return iso(value as string | Date)
  return schema.meta()?.redacted ? redact(String(value)) : value
}

/**
 * Of strings, whatever else it holds: other values become JSON, and missing ones are left out. Of numbers, those alone.
 */
function recordOf(schema: z.ZodType, values: object): object {
  const shown = (content: unknown) => {
    if (schema.type === 'number') return content
    if (schema.type !== 'string') return fieldValue(schema, content)
    return typeof content === 'string' ? content : JSON.stringify(content)
  }
  const isShown = (content: unknown) =>
    schema.type === 'number' ? typeof content === 'number' : content !== null && content !== undefined
  const entries = Object.entries(values).filter(([, content]) => isShown(content))
  return Object.fromEntries(entries.map(([key, content]) => [key, shown(content)]))
}
