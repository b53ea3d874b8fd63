/**
 * Runs the app of `pg-payments dev`, and ends it when dev was killed. app.ts starts it; never start it by hand. It is
 * plain JavaScript, because Node 20 runs it without a loader. File descriptor 3 is a pipe from dev, which ends with it.
 */
import { spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { constants } from 'node:os'

/** How long the app may take to stop by itself. */
const STOP_WITHIN_MS = 10_000

const [program, ...args] = process.argv.slice(2)
const app = spawn(program, args, { stdio: 'inherit', shell: process.platform === 'win32' })

let interrupted = false

function stop() {
  if (!interrupted) app.kill('SIGTERM')
  setTimeout(() => app.kill('SIGKILL'), STOP_WITHIN_MS).unref()
}
// Ctrl-C reaches the app by itself, because both are in the group of the terminal.
process.on('SIGINT', () => {
  interrupted = true
})
process.on('SIGTERM', stop)
new Socket({ fd: 3 })
  .on('error', () => {})
  .on('close', stop)
  .resume()

app.once('error', (error) => {
  console.error(`${program} cannot be started: ${error.message}`)
  process.exit(127)
})
app.once('close', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
