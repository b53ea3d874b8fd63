/**
 * `npm run demo`: starts the same system as `npm start` and runs every step without a person. A step uses the SDK over
 * HTTP and checks the database. With `--json` the last line of the output is one JSON object. Exits with 1 if a step
 * fails.
 */
import { parseArgs } from 'node:util'
import { exit, onStop } from './process.ts'
import { runSteps, type StepResult } from './steps.ts'
import { startSystem } from './system.ts'

const json = readArguments().json ?? false
const startedAt = performance.now()
const stopping = new AbortController()
onStop(() => stopping.abort())

const results: StepResult[] = []
try {
  const system = await startSystem({ onError: (line) => console.error(line), signal: stopping.signal })
  try {
    for await (const result of runSteps(system, stopping.signal)) report(result)
  } finally {
    await system.stop()
  }
} catch (error) {
  const detail = error instanceof Error ? error.message : String(error)
  report({
    name: 'the system starts and stops',
    ok: false,
    detail: stopping.signal.aborted ? 'Interrupted.' : detail,
  })
}

const ok = results.every((result) => result.ok)
if (json) {
  console.log(JSON.stringify({ ok, steps: results }))
} else {
  const failed = results.filter((result) => !result.ok).length
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(
    ok
      ? `\nAll ${results.length} steps passed in ${seconds} seconds.`
      : `\n${failed} of ${results.length} steps failed.`,
  )
}
await exit(stopping.signal.aborted ? 130 : ok ? 0 : 1)

function report(result: StepResult): void {
  results.push(result)
  if (!json) console.log(`${result.ok ? '✓' : '✗'} ${result.name}\n    ${result.detail}`)
}

function readArguments(): { json?: boolean } {
  try {
    return parseArgs({ options: { json: { type: 'boolean' } } }).values
  } catch (error) {
    console.error(`${(error as Error).message}\nUsage: npm run demo [-- --json]`)
    process.exit(1)
  }
}
