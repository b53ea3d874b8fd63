/** Prints `scripts/cli/JSON.md`: the document that each command prints with `--json`. */
import { printApiTypes } from './api-types.ts'

export const JSON_PAGE = 'scripts/cli/JSON.md'

type Answer = { type: string } | { fields: Record<string, string> }

const DONE = { fields: { message: 'a sentence', id: 'what the action acted on' } }
const ADDED = {
  fields: {
    template: 'the name of the template',
    tool: 'the tool that migrates the app',
    subject: 'the kind of billing subject; null if the template has none',
    written: 'whether a file was written',
    file: 'its path; null with --print, and if the database has the template',
    isThere: 'true if the template is there already; not with --print',
    sql: 'with --print: the migration',
    settings: 'if written: the names and types of the app that the migration uses',
    checked: 'if written: whether the database was looked at',
    next: 'if written: sentences about what to do next',
  },
}

/** Answers by command. A type is one of `types/api.ts`: the command prints what the API answers. */
export const ANSWERS: Record<string, Answer> = {
  'stripe status': { type: 'GetStripeStatusResponse' },
  'stripe config': { type: 'GetStripeConfigResponse' },
  'stripe config set': { type: 'PutStripeConfigResponse' },
  'stripe config remove': { type: 'DeleteStripeConfigResponse' },
  'stripe sync': { type: 'SyncStripeResponse' },
  'stripe webhooks configure': { type: 'ConfigureStripeWebhookResponse' },
  'stripe webhooks status': {
    fields: { environment: 'test or live', endpoint: 'as in the health of the environment' },
  },
  'stripe catalog': { type: 'ListStripeCatalogResponse' },
  'stripe products list': { type: 'ListStripeProductsResponse' },
  'stripe products get': { type: 'GetStripeProductResponse' },
  'stripe products create': { type: 'MutateStripeProductResponse' },
  'stripe products update': { type: 'MutateStripeProductResponse' },
  'stripe products delete': { type: 'DeleteStripeProductResponse' },
  'stripe prices list': { type: 'ListStripePricesResponse' },
  'stripe prices get': { type: 'MutateStripePriceResponse' },
  'stripe prices create': { type: 'MutateStripePriceResponse' },
  'stripe prices update': { type: 'MutateStripePriceResponse' },
  'stripe prices archive': { type: 'ArchiveStripePriceResponse' },
  'stripe customers': { type: 'ListPaymentCustomersResponse' },
  'stripe subscriptions': { type: 'ListStripeSubscriptionsResponse' },
  'stripe transactions': { type: 'ListPaymentTransactionsResponse' },
  'stripe invoices': { type: 'ListStripeInvoicesResponse' },
  'stripe credit-notes': { type: 'ListStripeCreditNotesResponse' },
  'stripe assign': { type: 'AssignSubjectResponse' },
  'stripe erase': { type: 'EraseSubjectResponse' },
  'offers list': { type: 'ListOffersResponse' },
  'offers set': { type: 'PutOfferResponse' },
  'offers remove': { type: 'DeleteOfferResponse' },
  'payments capture': { type: 'PaymentResponse' },
  'payments cancel': { type: 'PaymentResponse' },
  'events list': { type: 'ListWebhookEventsResponse' },
  'events show': { type: 'GetWebhookEventResponse' },
  'events retry': { type: 'RetryWebhookEventsResponse' },
  'events replay': { type: 'ReplayResponse' },
  recover: { type: 'RecoverResponse' },
  rebuild: { type: 'RebuildResponse' },
  prune: { type: 'PruneResponse' },
  'schedule run': { type: 'ScheduleResponse' },
  doctor: {
    fields: {
      healthy: 'whether no check failed; warnings do not count',
      findings: '[{check, status, message, next}]: status is ok, warning or failed; failed ones come first',
      notChecked: 'what only a database shows, if an API was asked',
    },
  },
  explain: {
    fields: {
      code: 'the code',
      kind: 'sql, http or health',
      meaning: 'a sentence',
      next: 'what to do',
      http: 'of an SQLSTATE: {status, error} of the answer',
      sentences: '[{sentence, hint}] of SQL functions',
    },
  },
  migrate: {
    fields: {
      applied: 'names of the migrations applied now, in order',
      appliedAgain: 'names of those applied again; only with --again',
    },
  },
  'migrations copy': { fields: { copied: 'names of the new files', kept: 'names of those that were there' } },
  add: ADDED,
  'catalog pull': {
    fields: {
      file: 'its path',
      products: 'how many it has',
      offers: 'how many it has',
      leftOut: 'sentences about what the file cannot say',
    },
  },
  'catalog diff': {
    fields: {
      environment: 'test or live',
      steps: '[{action, kind, key, id, text}]: what push would do, in order',
      conflicts: 'sentences about what push would refuse',
    },
  },
  'catalog push': {
    fields: { environment: 'test or live', steps: 'as of diff', done: 'how many steps were done' },
  },
  'keys rotate': { fields: { rotated: 'how many secrets were encrypted again' } },
  dev: {
    fields: {
      api: 'address of the handlers',
      stripe: 'address of local Stripe',
      database: 'embedded, or DATABASE_URL',
      env: 'the variables for the app, with secrets of this machine',
    },
  },
  'dev <action>': DONE,
  'dev env': { fields: { '<NAME>': 'the variables for the app, by name' } },
  'local-stripe': {
    fields: {
      url: 'its address',
      secretKey: 'the key of test mode',
      webhookSecret: 'the signing secret; only with --webhook',
    },
  },
}

/** Commands that print no document of their own. */
export const WITHOUT_ANSWER = ['serve', 'mcp', 'catalog list']

/** The file's text. */
export function printJsonPage(): string {
  const types = printApiTypes()
  return [
    '# What `--json` prints\n\n',
    '<!-- Generated by `npm run generate`. Do not edit. -->\n\n',
    'With `--json` a command prints one document and asks nothing. It never adds colours or progress. Fields may be added in a release;\n',
    'those that are here stay. `events retry <id>` prints `{retried, event}`. `explain` without a code prints a list of such documents.\n',
    '`serve` writes a log of JSON lines, and `mcp` speaks its protocol. `catalog list` is the older name of `stripe catalog`.\n\n',
    '**An error** is `{error, message, nextActions?}`, and the exit code is not 0: 1 any other failure, 2 not authenticated, 3 not\n',
    'configured, 4 not found, 5 not allowed, 130 interrupted. `pg-payments explain <error>` explains each. A command that\n',
    'finds something wrong, for example `doctor`, prints its document instead and fails.\n\n',
    '| command | fields |\n|---|---|\n',
    ...Object.entries(ANSWERS).map(
      ([command, answer]) =>
        `| \`${command}\` | ${'type' in answer ? ofType(types, answer.type) : describe(answer.fields)} |\n`,
    ),
    '\nA name in parentheses is the type in [types/api.ts](../../types/api.ts), which has every field with its meaning.\n',
  ].join('')
}

const describe = (fields: Record<string, string>) =>
  Object.entries(fields)
    .map(([name, meaning]) => `\`${name}\`: ${meaning.replaceAll('|', '\\|')}`)
    .join('; ')

function ofType(types: string, name: string): string {
  const body = new RegExp(`^export type ${name} = \\{\\n([\\s\\S]*?)^\\}`, 'm').exec(types)?.[1]
  if (body === undefined)
    throw new Error(`types/api.ts has no type ${name}, which scripts/dev/generators/json-page.ts names.`)
  const fields = [...body.matchAll(/^ {2}(\w+\??):/gm)].map(([, field]) => `\`${field}\``)
  return `${fields.join(', ')} (\`${name}\`)`
}
