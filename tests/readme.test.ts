/**
 * Every page of the repository: links lead to files and headings, commands and flags exist, sessions print what they
 * say.
 */
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { PassThrough } from 'node:stream'
import { runInNewContext } from 'node:vm'
import type { Command } from 'commander'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { createCheckoutSessionBody } from '../functions/checkout/schemas.ts'
import { offerTerms } from '../functions/offers/schemas.ts'
import { createProgram } from '../scripts/cli/main.ts'
import { ANSWERS, WITHOUT_ANSWER } from '../scripts/dev/generators/json-page.ts'
import { ROOT } from '../scripts/dev/generators/sources.ts'
import { createTestDatabase, type TestDatabase } from './setup/database.ts'
import { anchorsOf, commandsOf, linksOf, type Page, pages, readPage } from './support/pages.ts'

const PAGES = pages()
const INSTALL = readPage('sql/INSTALL.md')
const DEPLOY = readPage('functions/DEPLOY.md')

/** Statements of a psql session with the cells that psql printed under each. */
function readSession(markdown: string): { statement: string; cells: string[][] }[] {
  const session = /```psql\n([\s\S]*?)```/.exec(markdown)?.[1] ?? ''
  return session
    .split(/^payments=# /m)
    .slice(1)
    .map((part) => {
      const [first = '', ...rest] = part.trimEnd().split('\n')
      const continued = rest.filter((line) => line.startsWith('payments-# '))
      const printed = rest.filter(
        (line) => line.trim() && !line.startsWith('payments-# ') && !/^-+/.test(line),
      )
      return {
        statement: [first, ...continued.map((line) => line.slice('payments-# '.length))].join('\n'),
        cells: printed.map((line) => line.split('|').map((cell) => cell.trim())),
      }
    })
}

describe('the page of the database owner', () => {
  let database: TestDatabase
  let client: Client

  beforeAll(async () => {
    database = await createTestDatabase()
    client = new Client({ connectionString: database.url })
    await client.connect()
    await client.query(await readFile(join(ROOT, 'sql/templates/one-time-orders.sql'), 'utf8'))
  })
  afterAll(async () => {
    await client.end()
    await database.close()
  })

  test('shows a psql session that prints what it says', async () => {
    const session = readSession(INSTALL.text)
    expect(session.length).toBeGreaterThan(5)
    const types = { getTypeParser: () => (value: string | Buffer) => String(value) }
    for (const { statement, cells } of session) {
      const { fields, rows } = await client.query({ text: statement, rowMode: 'array', types })
      const printed = fields.length > 0 ? [fields.map(({ name }) => name), ...rows] : []
      expect(printed, statement).toEqual(cells)
    }
  })

  test('and that of the deployer lists the events that an endpoint made by hand has to have', async () => {
    const list = DEPLOY.blocks.find(({ language }) => language === 'text')?.text ?? ''
    const { rows } = await client.query('select unnest(payments.projected_event_types()) as type')
    expect(list.trim().split(/\s+/).sort()).toEqual(rows.map(({ type }) => type).sort())
  })

  test('says how to remove everything, and nothing of ours stays in the database', async () => {
    const [drop = ''] = INSTALL.blocks
      .filter(({ language }) => language === 'sql')
      .flatMap(({ text }) => text.split('\n'))
      .filter((line) => line.startsWith('drop schema'))
    await client.query('begin')
    await client.query(drop)
    const { rows } = await client.query(
      `select n.nspname, p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname like 'payments%' union all select nspname, null from pg_namespace where nspname like 'payments%'`,
    )
    await client.query('rollback')
    expect(rows).toEqual([])
  })
})

test('the README has at most 120 lines', () => {
  expect(readPage('README.md').text.trimEnd().split('\n').length).toBeLessThanOrEqual(120)
})

/** The file that a link of a page leads to, and the heading. */
function targetOf(page: Page, link: string): { path: string; anchor: string | null } {
  const [file = '', anchor = null] = link.split('#')
  return { path: file === '' ? page.path : normalize(join(dirname(page.path), file)), anchor }
}

test.each(PAGES.map((page) => [page.path, page] as const))(
  'the links of %s lead to files and headings that exist',
  (_path, page) => {
    for (const link of linksOf(page)) {
      const { path, anchor } = targetOf(page, link)
      expect(existsSync(join(ROOT, path)), link).toBe(true)
      if (anchor !== null) expect(anchorsOf(readPage(path)), link).toContain(anchor)
    }
  },
)

test('what the package contains links to nothing that it does not contain', async () => {
  const { files } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { files: string[] }
  const shipped = ['README.md', 'LICENSE', 'package.json', ...files]
  const isShipped = (path: string) => shipped.some((each) => path === each || path.startsWith(`${each}/`))
  const isFolderOfShipped = (path: string) => shipped.some((each) => each.startsWith(`${path}/`))
  const missing = PAGES.filter(({ path }) => isShipped(path)).flatMap((page) =>
    linksOf(page)
      .map((link) => targetOf(page, link).path.replace(/\/$/, ''))
      .filter(
        (path) => !isShipped(path) && !(statSync(join(ROOT, path)).isDirectory() && isFolderOfShipped(path)),
      )
      .map((path) => `${page.path} → ${path}`),
  )
  expect(missing).toEqual([])
})

/** Spellings of older releases that differ in more than the word `stripe`. */
const OLDER = ['history']

const program = createProgram({
  env: {},
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  onInterrupt: () => () => {},
})

/** What is wrong with a command line of a page, or null. */
function problemOf(words: string[]): string | null {
  let command: Command = program
  const rest = [...words]
  const options = (of: Command): readonly Command['options'][number][] =>
    of.parent ? [...of.options, ...options(of.parent)] : of.options
  let given = 0
  while (rest.length > 0) {
    const word = rest.shift() ?? ''
    if (word === '--') break // the app's own command
    if (word === '--help' || word === '-h') continue
    if (word.startsWith('-')) {
      const [name, value] = word.split('=')
      const option = options(command).find(({ long, short }) => long === name || short === name)
      if (!option) return `has no flag ${name}`
      if (option.required && value === undefined) {
        const argument = rest.shift()
        if (argument === undefined) return `${name} has no value`
        const isPlaceholder = /[<…]/.test(argument)
        if (option.argChoices && !isPlaceholder && !option.argChoices.includes(argument))
          return `${name} is none of ${option.argChoices}`
      }
      continue
    }
    const found = command.commands.find((each) => each.name() === word || each.aliases().includes(word))
    if (found) command = found
    // A page may speak of commands in general, for example `pg-payments add <template>`.
    else if (/[<…]/.test(word) && command.commands.length > 0) return null
    else if (command.commands.length > 0 && command.registeredArguments.length === 0)
      return `has no command ${word}`
    else given += 1
  }
  const { registeredArguments } = command
  if (given > registeredArguments.length && !registeredArguments.at(-1)?.variadic)
    return 'has too many arguments'
  return null
}

test.each(PAGES.map((page) => [page.path, page] as const))(
  'the commands of %s exist, with their flags',
  (_path, page) => {
    const problems = commandsOf(page).flatMap((words) => {
      const problem = problemOf(words)
      return problem === null ? [] : [`pg-payments ${words.join(' ')}: ${problem}`]
    })
    expect(problems).toEqual([])
  },
)

test('a command, a flag, a value or a link that does not exist would be found', () => {
  const page: Page = {
    path: 'README.md',
    text: 'Run `npx pg-payments evnts list`, [x](nowhere.md) and `[y](z.md)`.',
    blocks: [],
  }
  expect(commandsOf(page)).toEqual([['evnts', 'list']])
  expect(linksOf(page)).toEqual(['nowhere.md'])
  expect(problemOf(['evnts', 'list'])).toBe('has no command evnts')
  expect(problemOf(['events', 'list', '--enviroment', 'test'])).toBe('has no flag --enviroment')
  expect(problemOf(['events', 'list', '--environment', 'prod'])).toBe('--environment is none of test,live')
  expect(problemOf(['explain', 'a', 'b'])).toBe('has too many arguments')
})

test('a value that a page names for a field of a checkout or of an offer is one that the API takes', () => {
  const { shape } = createCheckoutSessionBody
  const fields: Record<string, z.ZodType> = { ...offerTerms, ...shape }
  const valuesOf = (text: string) =>
    [...text.matchAll(/`(\w+): ([^`]+)`/g)].flatMap(([code, field = '', value = '']) => {
      // What stands for a value of the reader says nothing about its form.
      const schema = /…|\.\.\./.test(value) ? undefined : fields[field]
      return schema ? [{ code, fits: schema.safeParse(runInNewContext(`(${value})`)).success }] : []
    })
  const found = PAGES.flatMap(({ path, text }) => valuesOf(text).map((each) => ({ path, ...each })))
  expect(found.map(({ code }) => code)).toEqual(
    expect.arrayContaining(['`invoiceCreation: true`', "`captureMethod: 'manual'`", '`trialOnce: false`']),
  )
  expect(found.filter(({ fits }) => !fits)).toEqual([])
  expect(valuesOf('`invoiceCreation: { enabled: true }`')).toMatchObject([{ fits: false }])
})

test('what --json prints is described for every command', () => {
  const names = (command: Command, path: string[] = []): string[] =>
    command.commands.length === 0
      ? [path.join(' ')]
      : command.commands.flatMap((each) => names(each, [...path, each.name()]))
  const general = (name: string) => {
    if (/^add /.test(name)) return 'add'
    return /^dev (?!env$)/.test(name) ? 'dev <action>' : name
  }
  const isOlder = (name: string) => Object.hasOwn(ANSWERS, `stripe ${name}`) || OLDER.includes(name)
  const current = names(program).filter((name) => !isOlder(name))
  const undescribed = current.filter(
    (name) => !Object.hasOwn(ANSWERS, general(name)) && !WITHOUT_ANSWER.includes(name),
  )
  expect(undescribed).toEqual([])
})

test('the npm scripts that pages name exist', async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: object }
  const named = PAGES.flatMap(({ text }) => [...text.matchAll(/`npm run ([\w:-]+)/g)].map(([, name]) => name))
  expect(named.filter((name) => name !== 'dev' && !Object.keys(scripts).includes(name ?? ''))).toEqual([])
})
