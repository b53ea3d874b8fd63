/** `pg-payments explain` says what a code means and what to do, without a network and without a database. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { action } from '../../support/context.ts'
import { cliError, EXIT } from '../../support/errors.ts'
import { packageRoot } from '../migrate.ts'

export type Explanation = {
  code: string
  /**
   * `sql` is a SQLSTATE, `http` the `error` of an answer, `health` a finding about an environment, `sdk` a code of the
   * SDK alone, and `cli` one of the command line alone.
   */
  kind: 'sql' | 'http' | 'health' | 'sdk' | 'cli'
  meaning: string
  next: string
  /** How the handlers answer for a SQLSTATE. */
  http?: { status: number; error: string }
  /** What SQL functions say with it. `%` is a value. */
  sentences: { sentence: string; hint: string | null }[]
}

/** Below the root of the package; `npm run generate` writes it. */
export const EXPLANATIONS_FILE = 'types/explanations.json'

export async function readExplanations(): Promise<Explanation[]> {
  return JSON.parse(await readFile(join(packageRoot(), EXPLANATIONS_FILE), 'utf8')) as Explanation[]
}

/** The explanation of a code, or undefined. The case of letters does not matter. */
export async function explain(code: string): Promise<Explanation | undefined> {
  const wanted = code.trim().toLowerCase()
  return (await readExplanations()).find((each) => each.code.toLowerCase() === wanted)
}

export function registerExplain(program: Command): void {
  program
    .command('explain [code]')
    .description(
      'say what a code means and what to do: SP002, PAYMENT_NOT_FOUND, dead_letters, NETWORK_ERROR; without one, list all',
    )
    .action(
      action<unknown, [string?]>(async ({ show }, code) => {
        if (code === undefined) {
          const all = await readExplanations()
          const width = Math.max(...all.map((each) => each.code.length))
          show(all, () => all.map((each) => `${each.code.padEnd(width)}  ${each.meaning}`).join('\n'))
          return
        }
        const found = await explain(code)
        if (!found) {
          throw cliError(`There is no code ${code}.`, {
            code: 'NOT_FOUND',
            exitCode: EXIT.notFound,
            next: 'Run `pg-payments explain` for all codes. Other SQLSTATEs are those of Postgres.',
          })
        }
        show(found, () => describe(found))
      }),
    )
}

export function describe({ code, meaning, next, http, sentences }: Explanation): string {
  return [
    `${code}: ${meaning}`,
    ...(http ? [`The handlers answer with ${http.status} ${http.error}.`] : []),
    `What to do: ${next}`,
    ...sentences.map(({ sentence, hint }) => `- ${sentence}${hint ? ` ${hint}` : ''}`),
  ].join('\n')
}
