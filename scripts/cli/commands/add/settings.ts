/** What the app calls its things: from flags, from the database, from a person at a terminal, or by default. */
import type { Context } from '../../support/context.ts'
import { cliError, stopped } from '../../support/errors.ts'
import { type ColumnInfo, type Inspector, parseTable, show, type TableName } from './inspect.ts'
import { KEY_TYPES, type KeyType } from './render.ts'
import type { AddOptions, Members, Orders, Settings, Template } from './shapes.ts'

const SUBJECTS = ['user', 'team', 'workspace', 'organization', 'tenant', 'group']

/** Asks for what no flag says; without a terminal it is the default. */
export function createAsk({ interactive, io }: Context) {
  const streams = { input: io.stdin, output: io.stderr }
  return {
    async text(given: string | undefined, message: string, initial: string): Promise<string> {
      if (given !== undefined) return given.trim()
      if (!interactive) return initial
      const { isCancel, text } = await import('@clack/prompts')
      const answer = await text({ message, initialValue: initial, ...streams })
      if (isCancel(answer)) throw stopped()
      return answer.trim()
    },
    async choice(given: string | undefined, message: string, options: string[], initial: string) {
      if (given !== undefined) return given.trim()
      if (!interactive) return initial
      const { isCancel, select } = await import('@clack/prompts')
      const answer = await select({
        message,
        options: options.map((value) => ({ value, label: value })),
        initialValue: initial,
        ...streams,
      })
      if (isCancel(answer)) throw stopped()
      return answer as string
    },
  }
}
export type Ask = ReturnType<typeof createAsk>

const invalid = (message: string, next: string) => cliError(message, { code: 'INVALID_INPUT', next })

/** What is missing or has the wrong type, as sentences. */
export type Problems = string[]

export async function findColumn(
  inspector: Inspector | null,
  table: TableName,
  column: string,
  problems: Problems,
): Promise<ColumnInfo | null> {
  const columns = await inspector?.columns(table)
  if (!columns) return null // the table has been named already
  const found = columns.get(column)
  if (!found)
    problems.push(`${show(table)} has no column ${column}. It has ${[...columns.keys()].join(', ')}.`)
  return found ?? null
}

export async function findSchema(
  inspector: Inspector | null,
  schema: string,
  problems: Problems,
): Promise<void> {
  const problem = `There is no schema ${schema}. Create it, or name another one.`
  if (inspector !== null && !problems.includes(problem) && !(await inspector.hasSchema(schema)))
    problems.push(problem)
}

export async function findTable(
  inspector: Inspector | null,
  table: TableName,
  problems: Problems,
): Promise<boolean> {
  if (inspector === null || (await inspector.columns(table))) return true
  const similar = await inspector.similar(table)
  problems.push(
    `There is no table ${show(table)}.${similar.length > 0 ? ` There is ${similar.join(', ')}.` : ''}`,
  )
  return false
}

type KeyQuestion = {
  flag: string
  value: string | undefined
  message: string
  /** The table is created with it, so no database can say it. */
  isNew?: boolean
}

/** The type of a key, of its column where the database is known. */
export async function keyTypeOf(
  { ask, inspector, problems }: Finding,
  given: KeyQuestion,
  column: { table: TableName; name: string } | null,
): Promise<KeyType> {
  const stated = given.value?.toLowerCase()
  if (stated !== undefined && !KEY_TYPES.includes(stated as KeyType))
    throw invalid(`${given.flag} ${given.value} is not the type of a key.`, `Use ${KEY_TYPES.join(', ')}.`)
  const found = column && (await findColumn(inspector, column.table, column.name, problems))
  if (found) {
    if (found.key === null)
      problems.push(
        `${show(column.table)}.${column.name} has the type ${found.type}. A key is uuid, bigint or text.`,
      )
    else if (stated !== undefined && stated !== found.key)
      problems.push(
        `${show(column.table)}.${column.name} has the type ${found.type}, and ${given.flag} says ${stated}.`,
      )
    return found.key ?? 'text'
  }
  if (stated !== undefined) return stated as KeyType
  if (column && inspector) return 'text' // the column is missing, which is a problem already
  const { isNew } = given
  const answer = await ask.choice(undefined, given.message, KEY_TYPES, '')
  if (answer === '')
    throw invalid(
      `${given.message} Nothing says it.`,
      `Add ${given.flag} ${KEY_TYPES.join('|')}${isNew || inspector ? '' : ', or set DATABASE_URL'}.`,
    )
  return answer as KeyType
}

export type Finding = { options: AddOptions; ask: Ask; inspector: Inspector | null; problems: Problems }

async function findSubject({ options, ask }: Finding, template: Template): Promise<string | null> {
  if (template.subject === 'none') return null
  if (template.subject === 'user' && options.subject === undefined) return 'user'
  const choices = template.subject === 'group' ? SUBJECTS.slice(1) : SUBJECTS
  const initial = template.subject === 'group' ? 'team' : 'user'
  const subject = await ask.choice(
    options.subject,
    'Who is billed? The type of the billing subject',
    choices,
    initial,
  )
  if (!/^[a-z][a-z0-9_]{0,29}$/.test(subject))
    throw invalid(
      `${subject} is not a type of a billing subject.`,
      'Use lower-case letters, digits and _, for example workspace.',
    )
  if (template.subject === 'group' && subject === 'user')
    throw invalid(
      `${template.name} is for subjects with members.`,
      'A user may bill itself already. For the plan of users: npx pg-payments add user-entitlements',
    )
  if (template.subject === 'user' && subject !== 'user')
    throw invalid(
      `${template.name} is for users.`,
      `For ${subject}: npx pg-payments add team-entitlements --subject ${subject}`,
    )
  return subject
}

async function findMembers(finding: Finding, subject: string, schema: string): Promise<Members> {
  const { options, ask, inspector, problems } = finding
  const table = parseTable(
    await ask.text(
      options.members,
      `The table that says who is in a ${subject}`,
      `public.${subject}_members`,
    ),
    schema,
  )
  const isThere = await findTable(inspector, table, problems)
  if (!isThere) throw notThere(problems)
  const subjectColumn = await ask.text(options.memberSubject, `Its column of the ${subject}`, `${subject}_id`)
  const user = await ask.text(options.memberUser, 'Its column of the user', 'user_id')
  const role = await ask.text(options.memberRole, 'Its column of the role, or none', 'role')
  let values: string[] = []
  if (role !== 'none') {
    const found = await findColumn(inspector, table, role, problems)
    values = (await ask.text(options.roles, 'Roles that may bill', 'owner,admin'))
      .split(',')
      .map((value) => value.trim())
      .filter((value) => value !== '')
    if (values.length === 0)
      throw invalid('No role may bill.', 'Name roles: --roles owner,admin; or --member-role none.')
    const unknown = values.filter((value) => found?.labels && !found.labels.includes(value))
    if (unknown.length > 0)
      problems.push(
        `${show(table)}.${role} has the type ${found?.type}, without ${unknown.join(', ')}. It has ${found?.labels?.join(', ')}.`,
      )
  }
  return { table, subject: subjectColumn, user, role: role === 'none' ? null : { column: role, values } }
}

export const notThere = (problems: Problems) =>
  cliError(`${problems.join(' ')} Nothing was written.`, {
    code: 'TEMPLATE_DOES_NOT_FIT',
    next: 'Name what your app has. The flags are in: npx pg-payments add <template> --help',
  })

async function findEvery({ options, ask }: Finding, template: Template): Promise<number> {
  if (!template.schedule) return 1
  const text = await ask.text(options.every, 'Every how many minutes', '1')
  if (!/^\d{1,2}$/.test(text) || Number(text) < 1 || Number(text) > 30)
    throw invalid(`${text} is no number of minutes.`, 'Use a whole number from 1 to 30.')
  return Number(text)
}

/** The keys of users: those of a table that is named, or those of Supabase and others where they are. */
async function userColumn({ inspector }: Finding): Promise<{ table: TableName; name: string } | null> {
  for (const table of [
    { schema: 'auth', name: 'users' },
    { schema: 'public', name: 'users' },
  ])
    if ((await inspector?.columns(table))?.get('id')?.key) return { table, name: 'id' }
  return null
}

/** Everything that the template needs. Fails with every problem at once, and before anything is written. */
export async function findSettings(
  finding: Finding,
  template: Template,
  findOrders: (
    finding: Finding,
    subject: string,
    schema: string,
  ) => Promise<{ orders: Orders; userKeyType: KeyType }>,
): Promise<Settings> {
  const { options, problems } = finding
  const schema = options.schema ?? 'public'
  const subject = await findSubject(finding, template)
  const settings: Settings = {
    schema,
    subject,
    keyType: 'text',
    userKeyType: 'text',
    members: null,
    orders: null,
    everyMinutes: await findEvery(finding, template),
  }
  if (subject !== null && template.orders) {
    const found = await findOrders(finding, subject, schema)
    settings.orders = found.orders
    settings.userKeyType = found.userKeyType
    settings.keyType = found.userKeyType
  } else if (subject === 'user') {
    const ofUser = {
      flag: '--key-type',
      value: options.keyType ?? options.userKeyType,
      message: 'The type of the ids of users.',
    }
    settings.keyType = await keyTypeOf(finding, ofUser, await userColumn(finding))
    settings.userKeyType = settings.keyType
  } else if (subject !== null) {
    const members = await findMembers(finding, subject, schema)
    settings.members = members
    const { table } = members
    settings.keyType = await keyTypeOf(
      finding,
      { flag: '--key-type', value: options.keyType, message: `The type of the ids of a ${subject}.` },
      { table, name: members.subject },
    )
    settings.userKeyType = await keyTypeOf(
      finding,
      {
        flag: '--user-key-type',
        value: options.userKeyType ?? (finding.inspector ? undefined : options.keyType),
        message: 'The type of the ids of users.',
      },
      { table, name: members.user },
    )
  }
  if (subject !== null) await findSchema(finding.inspector, schema, problems)
  if (problems.length > 0) throw notThere(problems)
  return settings
}
