/**
 * `npm run bench`: measures how fast events become rows, compared with the bare limit of this machine and with the sync
 * engine. bench/README.md says what is measured and how.
 */
import { runBench, toJson } from './index.ts'
import { isOptionError, readOptions, USAGE } from './options.ts'
import { report } from './report.ts'

const MINUTE_MS = 60_000

const args = process.argv.slice(2)
if (args.includes('--help')) {
  console.log(USAGE)
} else {
  try {
    await main()
  } catch (error) {
    if (!isOptionError(error)) throw error
    console.error(`${error.message}\n\n${USAGE}`)
    process.exitCode = 2
  }
}

async function main(): Promise<void> {
  const options = readOptions(args)
  // Postgres ends with this process, even if the process is killed.
  const limit = setTimeout(() => {
    console.error(`Not finished within ${options.minutes} minutes; stopped.`)
    process.exit(1)
  }, options.minutes * MINUTE_MS)
  try {
    const result = await runBench(options, (line) => console.error(line))
    console.log(report(result))
    if (options.json) console.log(JSON.stringify(toJson(result)))
  } finally {
    clearTimeout(limit)
  }
}
