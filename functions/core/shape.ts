/** How a field of an answer is made of a column; the generated `answers.ts` names one for each field. */

export type Shape =
  /** As it is. */
  | 'value'
  /** ISO-8601 in UTC with milliseconds. */
  | 'instant'
  /** A number, also of a `bigint`, which arrives as text. */
  | 'number'
  /** A number; 0 if it is missing. */
  | 'count'
  /** Text without Stripe keys and other secrets. */
  | 'redacted'
  /** An object of strings; `{}` if it is missing. */
  | 'strings'
  /** An object of numbers; `{}` if it is missing. */
  | 'numbers'
  /** Another answer, a list of them, or an object of them. */
  | { one: string }
  | { list: string }
  | { byKey: string }

/** By field, in the order of the answer: the column that it comes from, and how it is made of it. */
export type Fields = Record<string, readonly [column: string, shape: Shape]>
