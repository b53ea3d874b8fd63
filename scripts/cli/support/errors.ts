/** What goes wrong on the command line: a sentence, the next step, and an exit code that programs can rely on. */

/** 1 anything else, 2 not let in, 3 nothing configured, 4 not found, 5 not allowed, 130 stopped by Ctrl-C. */
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

/** An error for a person. `next` is the step that leads on. */
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

/** Stopped by Ctrl-C, at a prompt or at work. */
export const stopped = (message = 'Stopped: nothing was changed.', next?: string) =>
  cliError(message, { exitCode: EXIT.stopped, code: 'STOPPED', next })

/** The exit code for an answer of the API. */
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

/** The error in an answer of the API, or in one that some proxy on the way has written. */
export function fromAnswer(status: number, text: string, where: string): CliError {
  let body: ErrorBody = {}
  try {
    body = JSON.parse(text) as ErrorBody
  } catch {}
  if (typeof body?.error !== 'string' || typeof body.message !== 'string') {
    return cliError(`${where} answered with status ${status}, and not as pg-payments does.`, {
      code: 'UNEXPECTED_RESPONSE',
      next: 'Check the address of the API: it is what comes before /api/payments.',
    })
  }
  if (body.error === 'NOT_FOUND') {
    return cliError(`${where} does not know this request.`, {
      code: body.error,
      next: 'Check the address of the API, and deploy the release of pg-payments that this command line is of.',
    })
  }
  return cliError(body.message, {
    code: body.error,
    exitCode: exitCodeOf(status, body.error),
    ...(typeof body.nextActions === 'string' ? { next: body.nextActions } : {}),
  })
}
