#!/usr/bin/env node
/** The command line. Each command has its file in `commands/`. */
import { Command } from 'commander'
import { VERSION } from '../functions/_shared/version.ts'
import { registerMigrate } from './commands/migrate.ts'
import { registerServe } from './commands/serve.ts'

const program = new Command('pg-payments')
  .description("Stripe payments inside your application's own Postgres.")
  .version(VERSION)
  .showHelpAfterError('Run with --help to see what there is.')

registerMigrate(program)
registerServe(program)

program.parseAsync().catch((error: unknown) => {
  program.error(error instanceof Error ? error.message : String(error))
})
