/** The app that `dev` starts: it gets the variables, and both end together, also when dev is killed. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const GUARD = fileURLToPath(new URL('./guard.js', import.meta.url))

/** Runs the app and resolves with its exit code. When the signal aborts, the app is asked to stop. */
export function runApp(
  command: string[],
  env: Record<string, string | undefined>,
  stopping: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const guard = spawn(process.execPath, [GUARD, ...command], {
      env,
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    })
    const stop = () => void guard.kill('SIGTERM')
    if (stopping.aborted) stop()
    stopping.addEventListener('abort', stop)
    guard.once('error', reject)
    guard.once('close', (code) => {
      stopping.removeEventListener('abort', stop)
      resolve(code ?? 1)
    })
  })
}
