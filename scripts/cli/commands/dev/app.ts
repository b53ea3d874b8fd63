/** The app that `dev` starts: it gets the variables, and both end together. */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { cliError } from '../../support/errors.ts'

/** How long the app may take to stop by itself. */
const STOP_WITHIN_MS = 10_000

/** Runs the app and resolves with its exit code. When the signal aborts, the app is asked to stop. */
export function runApp(
  [program = '', ...args]: string[],
  env: Record<string, string | undefined>,
  stopping: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const app = spawn(program, args, {
      env,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    })
    let late: NodeJS.Timeout | undefined
    const stop = () => {
      // Ctrl-C reaches the app by itself, because it is in the group of the terminal; a signal to dev does not.
      app.kill('SIGTERM')
      late = setTimeout(() => app.kill('SIGKILL'), STOP_WITHIN_MS)
    }
    if (stopping.aborted) stop()
    stopping.addEventListener('abort', stop)
    app.once('error', (error) => {
      reject(cliError(`${program} cannot be started: ${error.message}`, { code: 'APP_NOT_STARTED' }))
    })
    app.once('close', (code, signal) => {
      clearTimeout(late)
      stopping.removeEventListener('abort', stop)
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
    })
  })
}
