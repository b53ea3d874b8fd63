/**
 * `pg-payments doctor` checks everything that must be right, and says of each fault what to run. With a database it
 * looks there itself; with a deployed API alone it knows only what the API reports.
 */
import { type Command, Option } from 'commander'
import type { StripeEnvironment } from '../../../../types/api.ts'
import { action, type Context } from '../../support/context.ts'
import { cliError } from '../../support/errors.ts'
import { count, plain } from '../../support/output.ts'
import { withDeps } from '../../support/with-deps.ts'
import { checkHealth } from './api.ts'
import { checkDatabase } from './database.ts'
import { createReport, type Finding } from './report.ts'
import { checkStripe, type Failure } from './stripe.ts'
import { checkTokens } from './tokens.ts'

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check database, schema, keys, webhooks and backlog, and show what to run')
    .addOption(
      new Option('--environment <environment>', 'test or live (default: both)').choices(['test', 'live']),
    )
    .action(action<{ environment?: StripeEnvironment }, []>(doctor))
}

const FIX_OTHERS = 'Fix the other findings, then run the doctor again.'

/** What only a connection to the database shows. */
const ONLY_WITH_DATABASE = [
  'Postgres',
  'schema',
  'roles',
  'row level security',
  'clocks of the database and of Stripe',
  'permissions of the Stripe key',
]

async function doctor(context: Context<{ environment?: StripeEnvironment }>): Promise<void> {
  const { options, io } = context
  const environments: StripeEnvironment[] = options.environment ? [options.environment] : ['test', 'live']
  const report = createReport()
  const apiUrl = options.apiUrl ?? (options.databaseUrl ? undefined : io.env.PAYMENTS_API_URL)
  const databaseUrl = options.databaseUrl ?? io.env.DATABASE_URL
  let database = { schemaIsThere: true, loginMayUseIt: true }
  if (databaseUrl && !options.apiUrl) {
    database = await checkDatabase(databaseUrl, report)
    if (database.schemaIsThere) {
      await withDeps(context, 'The doctor', async (deps) => {
        // Handlers that run elsewhere have variables of their own.
        if (!apiUrl) await checkTokens(deps.config, report)
        for (const environment of environments) await checkStripe(environment, deps, report)
      }).catch((error: Failure & { next?: string }) => {
        // Without its rights, what the login lacks is said above, and nothing else is sure.
        const advice = database.loginMayUseIt ? (error.next ?? error.nextActions) : undefined
        report.fail('handlers', error.message, advice ?? FIX_OTHERS)
      })
    }
  }
  if (database.schemaIsThere && (apiUrl || databaseUrl))
    await checkHealth(context, environments, report, database.loginMayUseIt ? null : FIX_OTHERS)
  else if (!apiUrl && !databaseUrl) await context.client() // raises, because nothing is named

  const notChecked = databaseUrl && !options.apiUrl ? [] : ONLY_WITH_DATABASE
  const findings = report.findings()
  const failed = findings.filter(({ status }) => status === 'failed').length
  const warnings = findings.filter(({ status }) => status === 'warning').length
  context.show({ healthy: failed === 0, findings, notChecked }, () =>
    [
      describe(findings),
      ...(notChecked.length === 0
        ? []
        : [
            `Not checked over the API: ${notChecked.join(', ')}. To check these, use --database-url instead.`,
          ]),
    ].join('\n'),
  )
  if (failed > 0) {
    throw cliError(
      `${count(failed, 'check')} failed${warnings > 0 ? `, and ${count(warnings, 'warning')}` : ''}.`,
      {
        code: 'UNHEALTHY',
        next: 'Fix these from top to bottom; each one lists what to run.',
      },
    )
  }
}

const SIGNS = { ok: '✓', warning: '!', failed: '✗' } as const

const describe = (findings: Finding[]) =>
  findings
    .map(
      ({ status, check, message, next }) =>
        `${SIGNS[status]} ${check}: ${plain(message)}${next === null ? '' : `\n    ${plain(next)}`}`,
    )
    .join('\n')
