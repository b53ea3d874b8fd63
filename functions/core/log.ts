/**
 * One JSON object per line. Messages of other people's errors pass through `redact`, so that no key, signing secret, token or
 * password in them reaches a log or an answer. Bodies, headers and query parameters are never logged.
 */

export type LogFields = Record<string, unknown>

export type Log = {
  info(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

const SECRETS: [pattern: RegExp, replacement: string][] = [
  [/\b((?:sk|rk)_(?:test|live|org)_)[A-Za-z0-9_*]+/g, '$1…'],
  [/\b(whsec_)[A-Za-z0-9+/=_-]+/g, '$1…'],
  [/\b(postgres(?:ql)?:\/\/[^:@/\s]*:)[^@/\s]*@/gi, '$1…@'],
  [/\beyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?/g, 'eyJ…'],
  [/\b(bearer\s+)[^\s"',]+/gi, '$1…'],
]

/** What every one of the patterns needs: most texts have none of it, and are left alone after one look. */
const SUSPECT = /(?:sk|rk)_|whsec_|postgres|eyJ|bearer/i

/** The text without Stripe keys, signing secrets, tokens and database passwords. */
export function redact(text: string): string {
  if (!SUSPECT.test(text)) return text
  return SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text)
}

/** A logger that writes lines; everything textual in a line is redacted. */
export function createLog(write: (line: string) => void = console.log): Log {
  const line =
    (level: 'info' | 'error') =>
    (event: string, fields: LogFields = {}) =>
      write(
        JSON.stringify({ level, event, at: new Date().toISOString(), ...fields }, (_, value) =>
          typeof value === 'string' ? redact(value) : value,
        ),
      )
  return { info: line('info'), error: line('error') }
}

/**
 * What may be said about an error in a log line: its name, code, message, and the same of its cause. An error of postgres.js also
 * carries the query and its parameters, one of Stripe's SDK the headers; those stay out.
 */
export function describeError(error: unknown): LogFields {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code, cause } = error as Error & { code?: unknown }
  return {
    name: error.name,
    ...(code === undefined ? {} : { code: String(code) }),
    message: error.message,
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  }
}
