import { access, readFile } from 'node:fs/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from './setup/database.ts'

const root = new URL('../', import.meta.url)

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

describe('the README', () => {
  let database: TestDatabase
  let client: Client

  beforeAll(async () => {
    database = await createTestDatabase()
    client = new Client({ connectionString: database.url })
    await client.connect()
    await client.query(await readFile(new URL('sql/templates/one-time-orders.sql', root), 'utf8'))
  })
  afterAll(async () => {
    await client.end()
    await database.close()
  })

  test('shows a psql session that prints what it says', async () => {
    const session = readSession(await readFile(new URL('README.md', root), 'utf8'))
    expect(session.length).toBeGreaterThan(5)
    const types = { getTypeParser: () => (value: string | Buffer) => String(value) }
    for (const { statement, cells } of session) {
      const { fields, rows } = await client.query({ text: statement, rowMode: 'array', types })
      const printed = fields.length > 0 ? [fields.map(({ name }) => name), ...rows] : []
      expect(printed, statement).toEqual(cells)
    }
  })

  test('lists the events that an endpoint made by hand has to have', async () => {
    const markdown = await readFile(new URL('README.md', root), 'utf8')
    const [, list = ''] = /```text\n([\s\S]*?)```/.exec(markdown) ?? []
    const { rows } = await client.query('select unnest(payments.projected_event_types()) as type')
    expect(list.trim().split(/\s+/).sort()).toEqual(rows.map(({ type }) => type).sort())
  })

  test('names files that exist', async () => {
    const markdown = await readFile(new URL('README.md', root), 'utf8')
    const links = [...markdown.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path ?? '')
    expect(links.length).toBeGreaterThan(5)
    await Promise.all(links.map((path) => access(new URL(path, root))))
  })
})
