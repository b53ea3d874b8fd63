/** How values of the database are shown. */
import { redact } from './log.ts'

/** An instant in ISO-8601 with Z. */
export const iso = (value: Date | string): string => new Date(value).toISOString()

export const isoOrNull = (value: Date | string | null): string | null => (value === null ? null : iso(value))

/** A stored sentence without secrets. */
export const redactOrNull = (value: string | null): string | null => (value === null ? null : redact(value))
