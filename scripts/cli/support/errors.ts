/** The errors of the command line: a sentence, the next step, and a stable exit code. */

/** 1 any other error, 2 not authenticated, 3 not configured, 4 not found, 5 not permitted, 130 stopped by Ctrl-C. */
export const EXIT = {
  general: 1,
  auth: 2,
  notConfigured: 3,
  notFound: 4,
  permission: 5,
  stopped: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export type CliError = Error & { name: 'CliError'; exitCode: ExitCode; code: string; next?: string }

/** An error for a person. `next` is the next step. */
export function cliError(
  message: string,
  {
    exitCode = EXIT.general,
    code = 'CLI_ERROR',
    next,
  }: { exitCode?: ExitCode; code?: string; next?: string } = {},
): CliError {
  return Object.assign(new Error(message), {
    name: 'CliError' as const,
    exitCode,
    code,
    ...(next === undefined ? {} : { next }),
  })
}

export const isCliError = (error: unknown): error is CliError =>
  error instanceof Error && error.name === 'CliError'

/** The error after Ctrl-C, at a prompt or during work. */
export const stopped = (message = 'Stopped: nothing was changed.', next?: string) =>
  cliError(message, { exitCode: EXIT.stopped, code: 'STOPPED', next })

/** The exit code for a response of the API. */
function exitCodeOf(status: number, code: string): ExitCode {
  if (code === 'PAYMENT_CONFIG_NOT_FOUND') return EXIT.notConfigured
  if (code === 'PAYMENT_CONFIG_INVALID' && status === 400) return EXIT.notConfigured
  if (code === 'NOT_FOUND') return EXIT.general
  if (status === 401) return EXIT.auth
  if (status === 403) return EXIT.permission
  if (status === 404) return EXIT.notFound
  return EXIT.general
}

type ErrorBody = { error?: unknown; message?: unknown; nextActions?: unknown }

/** The error of a response, which may also come from a proxy on the way to the API. */
export function fromResponse(status: number, text: string, where: string): CliError {
  let body: ErrorBody = {}
  try {
    body = JSON.parse(text) as ErrorBody
  } catch {}
  if (typeof body?.error !== 'string' || typeof body.message !== 'string') {
    return cliError(`${where} responded with status ${status}, but not as pg-payments does.`, {
      code: 'UNEXPECTED_RESPONSE',
      next: 'Check the address of the API: it is the part before /api/payments.',
    })
  }
  if (body.error === 'NOT_FOUND') {
    return cliError(`${where} does not know this request.`, {
      code: body.error,
      next: 'Check the address of the API, and deploy the same release of pg-payments as this command line.',
    })
  }
  return cliError(body.message, {
    code: body.error,
    exitCode: exitCodeOf(status, body.error),
    ...(typeof body.nextActions === 'string' ? { next: body.nextActions } : {}),
  })
}
