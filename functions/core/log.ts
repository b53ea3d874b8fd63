/**
 * One JSON object per line. Messages of foreign errors pass through `redact`, so that no key, signing secret, token
 * or password in them reaches a log or a response. A log line has no whole mail address either. Bodies, headers and
 * query parameters are never logged.
 */

export type LogFields = Record<string, unknown>

export type Log = {
  info(event: string, fields?: LogFields): void
  /** A log without it gets these lines as errors. */
  warn?(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

const SECRETS: [pattern: RegExp, replacement: string][] = [
  [/\b((?:sk|rk)_(?:test|live|org)_)[A-Za-z0-9_*]+/g, '$1…'],
  [/\b(whsec_)[A-Za-z0-9+/=_-]+/g, '$1…'],
  [/\b(postgres(?:ql)?:\/\/[^:@/\s]*:)[^@/\s]*@/gi, '$1…@'],
  [/\beyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?/g, 'eyJ…'],
  [/\b(bearer\s+)[^\s"',]+/gi, '$1…'],
]

/** A quick test: a text without any of these contains no secret. */
const SUSPECT = /(?:sk|rk)_|whsec_|postgres|eyJ|bearer/i

/** Removes Stripe keys, signing secrets, tokens and database passwords from a text. */
export function redact(text: string): string {
  if (!SUSPECT.test(text)) return text
  return SECRETS.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text)
}

/** What stands before the @ of a mail address; a longer one is none. */
const MAILBOX = /[^\s"'`<>(),;:=@…]{1,64}@(?=[\p{L}\p{N}-]+\.[\p{L}\p{N}])/gu

/**
 * Removes from a log line whose mail address it is. A trigger of the app, and Postgres itself, may name a buyer in an
 * error, and logs outlive what `erase_subject` removes. `last_error` of the event keeps the whole sentence.
 */
const withoutMailboxes = (text: string) => (text.includes('@') ? text.replace(MAILBOX, '…@') : text)

/** A logger that redacts every string of a line. */
export function createLog(write: (line: string) => void = console.log): Log {
  const line =
    (level: 'info' | 'warn' | 'error') =>
    (event: string, fields: LogFields = {}) =>
      write(
        JSON.stringify({ level, event, at: new Date().toISOString(), ...fields }, (_, value) =>
          typeof value === 'string' ? withoutMailboxes(redact(value)) : value,
        ),
      )
  return { info: line('info'), warn: line('warn'), error: line('error') }
}

/** A logger whose lines all have these fields. */
export function withFields(log: Log, fields: LogFields): Log {
  const warn = log.warn ?? log.error
  return {
    info: (event, more) => log.info(event, { ...fields, ...more }),
    warn: (event, more) => warn(event, { ...fields, ...more }),
    error: (event, more) => log.error(event, { ...fields, ...more }),
  }
}

/** What is wrong, if the error has no words: an answer of Stripe's address that is not JSON leaves none. */
function messageOf({ message, name, ...error }: Error & { statusCode?: unknown; type?: unknown }): string {
  if (message.trim() !== '') return message
  const status = typeof error.statusCode === 'number' ? `, with the status ${error.statusCode}` : ''
  return `${typeof error.type === 'string' ? error.type : name} without a message${status}.`
}

/**
 * The fields of an error for a log line: its name, code, message, next step, and the same of its cause. Everything else
 * is left out: an error of postgres.js contains the query and its parameters, and an error of Stripe's SDK the headers.
 */
export function describeError(error: unknown): LogFields {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code, nextActions, cause } = error as Error & { code?: unknown; nextActions?: unknown }
  return {
    name: error.name,
    ...(code === undefined ? {} : { code: String(code) }),
    message: messageOf(error),
    ...(typeof nextActions === 'string' ? { nextActions } : {}),
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  }
}
