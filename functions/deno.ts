/**
 * The entry for Deno and for edge platforms that run it:
 *
 *     deno run --allow-net --allow-env --node-modules-dir=manual node_modules/pg-payments/dist/functions/deno.js
 *
 * You can also run a file of your own with `import 'pg-payments/deno'`, or, in this repository, this file.
 */

import { closeDeps, createApp, createDeps, isConfigError, readConfig } from './app.ts'
import { readEnv } from './core/runtime.ts'

function configure() {
  try {
    return readConfig(readEnv())
  } catch (error) {
    if (!isConfigError(error)) throw error
    console.error(error.message)
    Deno.exit(1)
  }
}

const config = configure()
const deps = createDeps(config)
const app = createApp(deps)
const server = Deno.serve(
  {
    port: config.port,
    onListen: ({ port }) => deps.log.info('listening', { url: `http://localhost:${port}` }),
  },
  (request) => app.fetch(request),
)

async function stop() {
  for (const signal of signals) Deno.removeSignalListener(signal, stop)
  deps.background.stop()
  await server.shutdown()
  await closeDeps(deps)
  deps.log.info('stopped')
}

const signals = ['SIGTERM', 'SIGINT'] as const
try {
  for (const signal of signals) Deno.addSignalListener(signal, stop)
} catch {
  // An edge platform sends no signals, and may not support listening for them.
}
