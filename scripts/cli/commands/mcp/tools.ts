/** The tools, each with the command that it stands for. No tool stores a key, and none deletes. */
import { z } from 'zod'
import { DEV_ACTIONS, SUMMARIES } from './names.ts'

type Args = Record<string, unknown>

type Shared = {
  name: string
  title: string
  description: string
  input: z.ZodObject
  /** What it writes to; undefined if it only reads. */
  writes?: (args: Args) => 'live' | 'test' | 'files' | 'local'
}
export type CommandTool = Shared & {
  command: (args: Args, allowLive: boolean) => string[]
  /** The answer made of what the command printed. */
  shape?: (document: unknown, args: Args) => unknown
}
export type Tool = CommandTool | (Shared & { answer: () => unknown })

const environment = z.enum(['test', 'live']).describe('test or live')
/** A value that no command can take for a flag. */
const word = z
  .string()
  .regex(/^[\w.:@/+=][\w.:@/+=-]{0,254}$/, 'Letters, digits and ._:@/+=- only, and no - in front.')
const limit = z.int().min(1).max(100).optional()

/** `--name=value` for each value that was given, so that no value can become a flag of its own. */
const flags = (values: Args): string[] =>
  Object.entries(values).flatMap(([name, value]) => {
    if (value === undefined || value === false) return []
    return [value === true ? `--${name}` : `--${name}=${value}`]
  })

const inEnvironment = (args: Args) => (args.environment === 'live' ? 'live' : 'test')
/** A diff first syncs the catalog, which writes rows. In live mode it then looks at the rows as they are. */
const catalogFlags = ({ environment: name, file }: Args, allowLive: boolean) =>
  flags({ environment: name, file, 'no-sync': name === 'live' && !allowLive })

const LEDGER_TOOLS: Tool[] = [
  {
    name: 'list_events',
    title: 'List events',
    description:
      'The stored events of Stripe, newest first, with their status and last error. status failed shows what needs a person.',
    input: z.strictObject({
      environment,
      status: z.enum(['pending', 'processed', 'failed', 'ignored']).optional(),
      type: word.optional().describe('for example invoice.paid'),
      object: word.optional().describe('the id of a Stripe object'),
      limit,
    }),
    command: (args) => ['events', 'list', ...flags(args)],
  },
  {
    name: 'why_event_failed',
    title: 'Why an event failed',
    description:
      'One event: its status, tries and last error, and what to do. include_payload adds what Stripe sent, which may name people.',
    input: z.strictObject({ environment, event_id: word, include_payload: z.boolean().optional() }),
    command: ({ environment: name, event_id }) => [
      'events',
      'show',
      ...flags({ environment: name }),
      String(event_id),
    ],
    shape: whyItFailed,
  },
  {
    name: 'retry_event',
    title: 'Retry an event',
    description: 'Processes a failed event again, with fulfilment. Fix the cause first.',
    input: z.strictObject({ environment, event_id: word }),
    writes: inEnvironment,
    command: ({ environment: name, event_id }) => [
      'events',
      'retry',
      ...flags({ environment: name }),
      String(event_id),
    ],
  },
]

export const TOOLS: Tool[] = [
  {
    name: 'status',
    title: 'Status',
    description:
      'The Stripe account of test and live: whether a key is stored, the webhook endpoint, the last sync.',
    input: z.strictObject({}),
    command: () => ['stripe', 'status'],
  },
  {
    name: 'doctor',
    title: 'Doctor',
    description:
      'Checks database, schema, rights, keys, webhooks and backlog. Each finding says what to run.',
    input: z.strictObject({ environment: environment.optional() }),
    command: (args) => ['doctor', ...flags(args)],
  },
  {
    name: 'explain',
    title: 'Explain a code',
    description:
      'What a code means and what to do: an SQLSTATE (SP002), the error of an answer (PAYMENT_NOT_FOUND), a finding (dead_letters), a code of the SDK or of the command line (NETWORK_ERROR).',
    input: z.strictObject({ code: word }),
    command: ({ code }) => ['explain', String(code)],
  },
  ...LEDGER_TOOLS,
  {
    name: 'list_subscriptions',
    title: 'List subscriptions',
    description: 'Subscriptions, the newest change first, of all subjects or of one.',
    input: z.strictObject({ environment, subject_type: word.optional(), subject_id: word.optional(), limit }),
    command: (args) => ['stripe', 'subscriptions', ...listFlags(args)],
  },
  {
    name: 'list_transactions',
    title: 'List transactions',
    description: 'Payments and refunds, the newest first, of all subjects or of one.',
    input: z.strictObject({ environment, subject_type: word.optional(), subject_id: word.optional(), limit }),
    command: (args) => ['stripe', 'transactions', ...listFlags(args)],
  },
  {
    name: 'catalog_diff',
    title: 'Compare the catalog',
    description: 'What catalog_push would change at Stripe, from payments.catalog.json.',
    input: z.strictObject({ environment, file: word.optional() }),
    command: (args, allowLive) => ['catalog', 'diff', ...catalogFlags(args, allowLive)],
  },
  {
    name: 'catalog_push',
    title: 'Push the catalog',
    description:
      'Creates, changes and archives products and prices at Stripe as payments.catalog.json says. Call catalog_diff first.',
    input: z.strictObject({ environment, file: word.optional() }),
    writes: inEnvironment,
    command: (args, allowLive) => ['--yes', 'catalog', 'push', ...catalogFlags(args, allowLive)],
  },
  {
    name: 'list_templates',
    title: 'List templates',
    description: 'The templates of fulfilment, policies and views that add_template knows.',
    input: z.strictObject({}),
    answer: () => SUMMARIES,
  },
  {
    name: 'add_template',
    title: 'Add a template',
    description:
      'A migration for the app. It is only printed, unless write is true. options are the flags of `pg-payments add <template>`, for example {"key-type": "uuid"}.',
    input: z.strictObject({
      template: z.enum(SUMMARIES.map(({ name }) => name) as [string, ...string[]]),
      options: z
        .record(
          z
            .string()
            .regex(
              /^(?!(?:api-url|api-key|database-url|json|yes|help|print)$)[a-z][a-z-]*$/,
              'A flag of the template, without --.',
            ),
          z.union([z.string(), z.boolean()]),
        )
        .optional(),
      write: z.boolean().optional().describe('write the file; false prints it'),
    }),
    writes: () => 'files',
    command: ({ template, options, write }) => [
      'add',
      String(template),
      ...flags({ ...(options as Args), print: write !== true }),
    ],
  },
  {
    name: 'dev',
    title: 'Act as customer, bank or time',
    description:
      'With `pg-payments dev` running in this folder: pay, decline, settle, refund, dispute, renew, cancel, advance, or deliver events late, twice or out of order.',
    input: z.strictObject({
      action: z.enum(DEV_ACTIONS),
      target: z
        .string()
        .regex(/^\w+( \w+)?$/)
        .optional()
        .describe('the id to act on, or for advance a duration such as 3 days; default: the newest'),
      options: z
        .strictObject({
          card: word.optional(),
          bank: z.boolean().optional(),
          amount: z.int().optional(),
          outcome: z.enum(['won', 'lost']).optional(),
          fail: z.boolean().optional(),
          'at-period-end': z.boolean().optional(),
        })
        .optional(),
    }),
    writes: () => 'local',
    command: ({ action, target, options }) => [
      'dev',
      String(action),
      ...(target === undefined ? [] : String(target).split(' ')),
      ...flags((options as Args | undefined) ?? {}),
    ],
  },
]

function listFlags({ environment: name, subject_type, subject_id, limit: most }: Args): string[] {
  return flags({ environment: name, 'subject-type': subject_type, 'subject-id': subject_id, limit: most })
}

type Shown = {
  event?: { processingStatus: string; lastError: string | null; attemptCount: number; payload?: unknown }
}

function whyItFailed(document: unknown, { environment: name, event_id, include_payload }: Args): unknown {
  const { event } = document as Shown
  if (!event) return document
  const { payload, ...rest } = event
  const nextActions =
    event.processingStatus === 'failed'
      ? `lastError is what Postgres said, usually in a trigger of the app. Fix it, then retry: pg-payments events retry ${event_id} --environment ${name}.`
      : `The event did not fail: it is ${event.processingStatus}.`
  return { event: { ...rest, ...(include_payload === true && { payload }) }, nextActions }
}
