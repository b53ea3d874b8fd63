/**
 * `pg-payments add <template>` writes a migration of the app from a template, with the names that the app has. It names
 * a table, column or type that does not exist before it writes anything, and it changes no existing table.
 */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { action, type Context } from '../../support/context.ts'
import { cliError } from '../../support/errors.ts'
import { registerAddHost } from './hosts.ts'
import { type Inspector, openInspector, show } from './inspect.ts'
import { findOrders } from './orders.ts'
import { asKey, type KeyType, literal, type Macros, quoted, renderTemplate, type Values } from './render.ts'
import { createAsk, findSettings } from './settings.ts'
import type { AddOptions, Settings, Template } from './shapes.ts'
import {
  defaultFolder,
  detectTool,
  findTemplate,
  markerLine,
  type Style,
  shown,
  type Target,
  TOOLS,
  type Tool,
  writeMigration,
} from './target.ts'
import { commonValues, TEMPLATES } from './templates.ts'

export function registerAdd(program: Command): void {
  const add = program
    .command('add')
    .description('write a migration of your app from a template, or the files of a host')
  for (const template of TEMPLATES) {
    const command = add
      .command(template.name)
      .description(template.summary)
      .aliases(template.aliases ?? [])
      .action(action<AddOptions, []>((context) => addTemplate(context, template)))
    registerFlags(command, template)
  }
  registerAddHost(add)
}

function registerFlags(command: Command, template: Template): void {
  if (template.subject !== 'none') {
    command.option('--subject <type>', 'who is billed: user, team, workspace, organization, tenant, group, …')
    command.option(
      '--key-type <type>',
      'type of its ids: uuid, bigint or text (default: that in the database)',
    )
    command.option('--schema <name>', 'the schema for what is created (default: public)')
  }
  if (template.subject === 'group' || template.subject === 'any') {
    command.option('--user-key-type <type>', 'type of the ids of users (default: that in the database)')
  }
  if ((template.subject === 'group' || template.subject === 'any') && !template.orders) {
    command.option(
      '--members <table>',
      'the table that says who is in it (default: public.<subject>_members)',
    )
    command.option('--member-subject <column>', 'its column of the subject (default: <subject>_id)')
    command.option('--member-user <column>', 'its column of the user (default: user_id)')
    command.option('--member-role <column>', 'its column of the role, or none: all may bill (default: role)')
    command.option('--roles <roles>', 'roles that may bill, separated by commas (default: owner,admin)')
  }
  if (template.orders) {
    command.option('--orders <table>', 'the table of orders (default: public.orders)')
    command.option('--create-orders', 'create that table and its lines')
    command.option('--order-id <column>', 'its column of the id (default: id)')
    command.option('--order-user <column>', 'its column of who buys, or none')
    command.option(
      '--order-amount <column>',
      'its column of the amount, in the smallest unit of the currency',
    )
    command.option('--order-currency <column>', 'its column of the currency (default: currency)')
    command.option('--currency <code>', 'the one currency of all orders, if there is no such column')
    command.option('--order-status <column>', 'its column of the status, or none')
    command.option('--paid-value <text>', 'the status of a paid order (default: paid)')
    command.option(
      '--refunded-value <text>',
      'the status of an order whose money went back (default: it stays)',
    )
    command.option('--lines <table>', 'the table of the lines of an order, whose prices are then checked')
    command.option('--line-order <column>', 'its column of the order (default: order_id)')
    command.option('--line-price <column>', 'its column of the price id or lookup key (default: price_id)')
    command.option('--line-quantity <column>', 'its column of the quantity (default: quantity)')
  }
  if (template.schedule) command.option('--every <minutes>', 'how often (default: 1)')
  command.option('--unchecked', 'do not look into the database, also if DATABASE_URL is set')
  command.option('--tool <tool>', `${TOOLS.join(', ')} (default: what the project uses)`)
  command.option('--out <folder>', 'the folder of the migrations')
  command.option('--style <style>', 'sql or js, for node-pg-migrate (default: sql)')
  command.option('--print', 'print the migration and write nothing')
}

async function addTemplate(context: Context<AddOptions>, template: Template): Promise<void> {
  const { options, io } = context
  const databaseUrl = options.databaseUrl ?? io.env.DATABASE_URL
  const inspector = databaseUrl && !options.unchecked ? await openInspector(databaseUrl) : null
  try {
    if (inspector) await checkPayments(inspector, template)
    const finding = { options, ask: createAsk(context), inspector, problems: [] }
    const settings = await findSettings(finding, template, findOrders)
    await write(context, template, settings, inspector)
  } finally {
    await inspector?.close()
  }
}

/** The template uses what migrations of pg-payments create. */
async function checkPayments(inspector: Inspector, { schedule }: Template): Promise<void> {
  const HAS_PURCHASES =
    "exists (select from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace where n.nspname = 'payments' and p.proname = 'purchase_of')"
  if (!(await inspector.is(HAS_PURCHASES)))
    throw cliError(
      'The database has no schema payments of this release, which the template needs. Nothing was written.',
      {
        code: 'TEMPLATE_DOES_NOT_FIT',
        next: 'Run: npx pg-payments migrate. Or add --unchecked to write the migration without a look at the database.',
      },
    )
  if (
    schedule &&
    !(await inspector.is("exists (select from pg_available_extensions where name = 'pg_cron')"))
  )
    throw cliError('The database server does not offer the extension pg_cron. Nothing was written.', {
      code: 'TEMPLATE_DOES_NOT_FIT',
      next: 'Let cron call "pg-payments schedule run" instead: sql/templates/retry-schedule.crontab.',
    })
}

/** What stands in the way: tables of that name with other columns. */
async function checkCreated(inspector: Inspector, template: Template, settings: Settings): Promise<void> {
  for (const [name, needed] of Object.entries(template.creates(settings))) {
    const table = { schema: settings.schema, name }
    const columns = await inspector.columns(table)
    const missing = columns ? needed.filter((column) => !columns.has(column)) : []
    if (missing.length > 0)
      throw cliError(
        `${show(table)} is there already and is no table of this template: it has no column ${missing.join(', ')}. Nothing was written.`,
        { code: 'TEMPLATE_DOES_NOT_FIT', next: 'Create the template in another schema with --schema.' },
      )
  }
}

async function targetOf({ tool, out, style }: AddOptions, root: string): Promise<Target> {
  const found = tool ?? (await detectTool(root))
  if (!TOOLS.includes(found as Tool))
    throw cliError(`${found} is not a tool.`, { code: 'INVALID_INPUT', next: `Use ${TOOLS.join(', ')}.` })
  if (style !== undefined && style !== 'sql' && style !== 'js')
    throw cliError(`${style} is not a style.`, { code: 'INVALID_INPUT', next: 'Use sql or js.' })
  if (style === 'js' && found !== 'node-pg-migrate')
    throw cliError(`Migrations of ${found} are SQL.`, {
      code: 'INVALID_INPUT',
      next: 'Leave out --style js.',
    })
  const folder = out ? resolve(root, out) : defaultFolder(found as Tool, root)
  return { tool: found as Tool, folder, style: (style ?? 'sql') as Style }
}

async function write(
  context: Context<AddOptions>,
  template: Template,
  settings: Settings,
  inspector: Inspector | null,
): Promise<void> {
  const { options, io } = context
  const root = io.env.INIT_CWD && io.env.npm_command === 'exec' ? io.env.INIT_CWD : process.cwd()
  const target = await targetOf(options, root)
  const marker = markerLine(template.name, settings.subject)
  const there = options.print ? null : await findTemplate(target.folder, marker)
  const inDatabase = !options.print && inspector !== null && (await inspector.is(template.isThere(settings)))
  const base = { template: template.name, tool: target.tool, subject: settings.subject }
  if (there !== null || inDatabase) {
    const where = there === null ? 'in the database' : `in ${shown(there, root)}`
    context.show(
      { ...base, file: there, written: false, isThere: true },
      () =>
        `${template.name}${settings.subject ? ` for ${settings.subject}` : ''} is there already, ${where}. Nothing was written.`,
    )
    return
  }
  if (inspector) await checkCreated(inspector, template, settings)
  const { up, down } = await renderTemplate(template.file, valuesOf(settings), macrosOf(settings))
  const migration = { up: `${marker}\n${up}`, down }
  if (options.print) {
    context.show({ ...base, file: null, written: false, sql: migration.up }, () => migration.up)
    return
  }
  const file = await writeMigration(
    target,
    `payments-${template.name}${settings.subject ? `-${settings.subject}` : ''}`,
    migration,
  )
  const next = [applyLine(target.tool), ...template.next(settings)]
  const checked = inspector !== null
  context.show({ ...base, file, written: true, isThere: false, checked, settings, next }, () =>
    [
      `Wrote ${shown(file, root)} for ${target.tool}.`,
      ...(checked ? [] : ['Nothing was checked: set DATABASE_URL to have tables and types checked.']),
      ...next,
    ].join('\n'),
  )
}

const applyLine = (tool: Tool): string =>
  ({
    supabase: 'Apply it with: supabase migration up',
    'graphile-migrate': 'Apply it with: graphile-migrate watch --once; then commit it.',
    'node-pg-migrate': 'Apply it with: node-pg-migrate up',
    plain: 'Apply it with: psql -1 -v ON_ERROR_STOP=1 -f <file>',
  })[tool]

const table = (of: { schema: string; name: string }) => `${quoted(of.schema)}.${quoted(of.name)}`

const KEY_DEFINITIONS: Record<KeyType, string> = {
  uuid: 'uuid default gen_random_uuid()',
  bigint: 'bigint generated always as identity',
  text: 'text default gen_random_uuid()',
}
const EXAMPLES: Record<KeyType, string> = { uuid: "'<uuid>'", bigint: '42', text: "'42'" }

function valuesOf(settings: Settings): Values {
  const { members, orders, everyMinutes, keyType, userKeyType } = settings
  return {
    ...commonValues(settings),
    key_type: keyType,
    user_key_type: userKeyType,
    example_key: EXAMPLES[keyType],
    every: everyMinutes === 1 ? 'minute' : `${everyMinutes} minutes`,
    cron: everyMinutes === 1 ? '* * * * *' : `*/${everyMinutes} * * * *`,
    ...(members && {
      members: table(members.table),
      member_subject: quoted(members.subject),
      member_user: quoted(members.user),
      member_role: quoted(members.role?.column ?? ''),
      roles_list: (members.role?.values ?? []).map(literal).join(', '),
      roles_text: (members.role?.values ?? []).join(', ').replaceAll('*/', ''),
    }),
    roles: members?.role != null,
    ...(orders && orderValues(orders)),
  }
}

function orderValues(orders: NonNullable<Settings['orders']>): Values {
  const { currency, lines } = orders
  return {
    orders: table(orders.table),
    order_id: quoted(orders.id),
    order_user: quoted(orders.user ?? ''),
    order_amount: quoted(orders.amount),
    order_currency: 'column' in currency ? quoted(currency.column) : '',
    currency_of_order:
      'column' in currency ? `lower(v_order.${quoted(currency.column)}::text)` : literal(currency.always),
    order_status: quoted(orders.status ?? ''),
    paid_value: orders.paidValue.replaceAll("'", "''"),
    refunded_value: (orders.refundedValue ?? '').replaceAll("'", "''"),
    order_key_type: orders.keyType,
    order_key_definition: KEY_DEFINITIONS[orders.keyType],
    creates_orders: orders.isNew,
    has_user: orders.user !== null,
    has_status: orders.status !== null,
    has_refunded: orders.refundedValue !== null,
    has_lines: lines !== null,
    lines: lines ? table(lines.table) : '',
    line_order: quoted(lines?.order ?? ''),
    line_price: quoted(lines?.price ?? ''),
    line_quantity: quoted(lines?.quantity ?? ''),
  }
}

function macrosOf({ schema, subject, keyType, userKeyType, orders }: Settings): Macros {
  const isUser = subject === 'user'
  return {
    key: (expression) => asKey(expression, keyType),
    user_key: (expression) => asKey(expression, userKeyType),
    order_key: (expression) => asKey(expression, orders?.keyType ?? 'text'),
    mine: (prefix) =>
      isUser
        ? `${prefix}${subject}_id = (select ${asKey('payments.caller_id()', keyType)})`
        : `${prefix}${subject}_id::text in (select ${quoted(schema)}.${subject}_ids_of_caller())`,
    billed: (column) =>
      isUser
        ? `${column} = (select payments.caller_id())`
        : `${column} = any (array(select ${quoted(schema)}.${subject}_ids_billed_by_caller()))`,
  }
}
