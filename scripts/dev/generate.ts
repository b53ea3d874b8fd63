/**
 * `npm run generate` writes every generated file. `npm run verify` (`--verify`) writes nothing. It fails if a generated
 * file is out of date or if migrations and fixtures disagree, and prints the command that fixes it.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CATALOG_SCHEMA_FILE, catalogJsonSchema } from '../cli/commands/catalog/schema.ts'
import { EXPLANATIONS_FILE } from '../cli/commands/explain/index.ts'
import { SCHEMA_PARTS_FILE } from '../cli/support/schema-parts.ts'
import { printApiTypes, printRoutes } from './generators/api-types.ts'
import { printDatabaseTypes } from './generators/database-types.ts'
import {
  mappedErrors,
  printErrors,
  printExplanations,
  problemsOfErrors,
  raisedErrors,
} from './generators/errors.ts'
import { printFunctionTypes } from './generators/function-types.ts'
import { printFunctionsPage } from './generators/functions-page.ts'
import { JSON_PAGE, printJsonPage } from './generators/json-page.ts'
import { printOpenapi } from './generators/openapi.ts'
import { printSchema } from './generators/schema.ts'
import { printSchemaParts } from './generators/schema-parts.ts'
import { withWorkingTreeDatabase } from './generators/scratch.ts'
import {
  committedMigrations,
  currentMigration,
  fixtures,
  frozenFixtures,
  problemsOfChain,
  problemsOfMigration,
  ROOT,
} from './generators/sources.ts'

/** A problem as a sentence, and the command that fixes it. */
export type Problem = { sentence: string; fix?: string }

const COMMIT = 'npm run migration:commit -- "what it does"'
const GENERATE = 'npm run generate'
const DIFFERENT_LINES_SHOWN_MAX = 6

/** The text of each generated file, by its path. */
type Generated = Map<string, string>

/** Writes the generated files and returns the paths of the changed ones. */
export async function generate(): Promise<string[]> {
  const changed: string[] = []
  for (const [path, text] of (await produce()).generated) {
    const before = await readFile(join(ROOT, path), 'utf8').catch(() => undefined)
    if (before === text) continue
    await writeFile(join(ROOT, path), text)
    changed.push(path)
  }
  return changed
}

/** Returns every disagreement between the files of the repository. */
export async function verify(): Promise<Problem[]> {
  const problems = await verifySources()
  // The database would only repeat problems of the sources, less clearly.
  if (problems.length > 0) return problems
  const { generated, fixtureProblem } = await produce()
  if (fixtureProblem) problems.push(fixtureProblem)
  for (const [path, text] of generated) {
    const before = await readFile(join(ROOT, path), 'utf8').catch(() => '')
    if (before !== text) {
      problems.push({ sentence: `${path} is out of date:\n${firstDifference(before, text)}`, fix: GENERATE })
    }
  }
  return problems
}

/** Runs the checks that need no database. */
async function verifySources(): Promise<Problem[]> {
  const problems: Problem[] = []
  const migrations = await committedMigrations()
  const all = await fixtures()
  const frozen = frozenFixtures(migrations)

  for (const sentence of problemsOfChain(migrations)) {
    problems.push({ sentence, fix: 'git checkout -- sql/committed' })
  }
  for (const { file, text } of migrations) {
    problems.push(
      ...problemsOfMigration(text).map((problem) => ({ sentence: `sql/committed/${file} ${problem}.` })),
    )
  }
  if (await currentMigration()) {
    problems.push({ sentence: 'sql/current holds a migration that is not committed.', fix: COMMIT })
  }
  for (const { name, text } of all) {
    const copy = frozen.get(name)
    if (!copy) {
      problems.push({
        sentence: `sql/fixtures/${name} is in no migration.`,
        fix: COMMIT,
      })
    } else if (copy.text.trim() !== text.trim()) {
      problems.push({
        sentence: `sql/fixtures/${name} is not what ${copy.file} installs.\n${firstDifference(copy.text.trim(), text.trim())}`,
        fix: COMMIT,
      })
    }
  }
  const disagreements = problemsOfErrors(raisedErrors(all), await mappedErrors())
  return [...problems, ...disagreements.map((sentence) => ({ sentence }))]
}

async function produce(): Promise<{ generated: Generated; fixtureProblem?: Problem }> {
  const all = await fixtures()
  const [raised, mapped] = [raisedErrors(all), await mappedErrors()]
  return withWorkingTreeDatabase(async (sql, url) => {
    const generated: Generated = new Map([
      ['sql/schema.sql', header(await printSchema(sql))],
      ['sql/ERRORS.md', printErrors(raised, mapped)],
      ['sql/FUNCTIONS.md', await printFunctionsPage(sql)],
      [EXPLANATIONS_FILE, printExplanations(raised, mapped)],
      ['types/database.ts', await printDatabaseTypes(url)],
      ['types/functions.ts', await printFunctionTypes(sql)],
      ['types/openapi.json', printOpenapi()],
      [CATALOG_SCHEMA_FILE, `${JSON.stringify(catalogJsonSchema(), null, 2)}\n`],
      ['types/api.ts', printApiTypes()],
      [JSON_PAGE, printJsonPage()],
      ['functions/dashboard/api/routes.ts', printRoutes()],
      [SCHEMA_PARTS_FILE, await printSchemaParts(sql)],
    ])
    const before = await printSchema(sql, { bodies: true })
    const order = [...frozenFixtures(await committedMigrations()).keys()]
    const position = ({ name }: { name: string }) => order.indexOf(name)
    for (const fixture of [...all].sort((a, b) => position(a) - position(b))) {
      try {
        await sql.begin((transaction) => transaction.unsafe(fixture.text))
      } catch (cause) {
        const sentence = `sql/fixtures/${fixture.name} cannot be applied twice: ${(cause as Error).message}`
        return { generated, fixtureProblem: { sentence } }
      }
    }
    const after = await printSchema(sql, { bodies: true })
    if (before === after) return { generated }
    const sentence = `Applying sql/fixtures once more changes the database:\n${firstDifference(before, after)}`
    return { generated, fixtureProblem: { sentence, fix: COMMIT } }
  })
}

function header(text: string): string {
  return (
    '-- The resulting schema, for reading: `npm run generate` writes it from the catalogue of a migrated database.\n' +
    '-- Function bodies are in sql/fixtures. Do not edit, and do not install from here.\n\n' +
    text
  )
}

/** The first lines that differ, formatted for a person. */
export function firstDifference(before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')]
  const start = now.findIndex((line, index) => line !== old[index])
  const from = start < 0 ? now.length : start
  let same = 0
  while (
    same < Math.min(old.length, now.length) - from &&
    old[old.length - 1 - same] === now[now.length - 1 - same]
  )
    same++
  const shown = (lines: string[], sign: string) => {
    const part = lines.slice(from, lines.length - same)
    const more = part.length - DIFFERENT_LINES_SHOWN_MAX
    return [...part.slice(0, DIFFERENT_LINES_SHOWN_MAX), ...(more > 0 ? [`… ${more} more`] : [])].map(
      (line) => `  ${sign} ${line}`,
    )
  }
  return [`  line ${from + 1}`, ...shown(old, '-'), ...shown(now, '+')].join('\n')
}

async function main(): Promise<void> {
  if (!process.argv.includes('--verify')) {
    const changed = await generate()
    console.log(
      changed.length > 0 ? `Written: ${changed.join(', ')}` : 'Every generated file was up to date.',
    )
    return
  }
  const problems = await verify()
  for (const fix of new Set(problems.map((problem) => problem.fix))) {
    const sentences = problems.filter((problem) => problem.fix === fix).map(({ sentence }) => sentence)
    console.error(`${sentences.join('\n')}\n${fix ? `Run: ${fix}\n` : ''}`)
  }
  if (problems.length > 0) {
    process.exitCode = 1
    return
  }
  console.log('Migrations, fixtures and generated files agree.')
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await main()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
