/**
 * `npm run bench`: how fast events become rows, beside the bare limit of this machine and beside the sync engine. What is measured
 * and how is in bench/README.md.
 */
import { runBench, toJson } from './index.ts'
import { isOptionError, readOptions, USAGE } from './options.ts'
import { report } from './report.ts'

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
  // Postgres ends with this process, however it ends.
  const limit = setTimeout(() => {
    console.error(`Not done within ${options.minutes} minutes; given up.`)
    process.exit(1)
  }, options.minutes * 60_000)
  try {
    const result = await runBench(options, (line) => console.error(line))
    console.log(report(result))
    if (options.json) console.log(JSON.stringify(toJson(result)))
  } finally {
    clearTimeout(limit)
  }
}
