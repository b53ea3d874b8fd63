/** The folder `sql/` as text: what the files must look like, whatever they say. */
import { describe, expect, test } from 'vitest'
import { mappedErrors, problemsOfErrors, raisedErrors } from '../../scripts/dev/generators/errors.ts'
import {
  committedMigrations,
  currentMigration,
  type Fixture,
  fixtures,
  frozenFixtures,
  problemsOfChain,
  problemsOfMigration,
} from '../../scripts/dev/generators/sources.ts'
import { statements } from '../setup/psql.ts'
import { baseName, type FixtureKind, kindOf, objectsOf } from './support/fixtures.ts'

/** One folder for each room; `private/` in it is what belongs to schema payments_private. */
const ROOMS = [
  'access',
  'base',
  'checkout',
  'connection',
  'ledger',
  'ownership',
  'payment',
  'projection',
  'sync',
]

async function fixturesOf(kind: FixtureKind): Promise<Fixture[]> {
  const all = (await fixtures()).filter(({ text }) => kindOf(text) === kind)
  expect(all.length).toBeGreaterThan(0)
  return all
}

describe('a fixture', () => {
  test('lies in a room', async () => {
    const all = await fixtures()
    expect(all.length).toBeGreaterThan(0)
    expect([...new Set(all.map(({ name }) => name.split('/')[0]))].sort()).toEqual(ROOMS)
  })

  test('lies under private/ if and only if it creates something in payments_private', async () => {
    const all = [...(await fixturesOf('function')), ...(await fixturesOf('view'))]
    const wrong = all.filter(({ name, text }) => {
      const folder = name.split('/').slice(1, -1).join('/')
      const schemas = new Set(objectsOf(text).map(({ schema }) => schema))
      return schemas.size !== 1 || !schemas.has(folder === 'private' ? 'payments_private' : 'payments')
    })
    expect(wrong.map(({ name }) => name)).toEqual([])
    const elsewhere = (await fixtures()).filter((fixture) => fixture.name.includes('/private/'))
    expect(elsewhere.filter((fixture) => !all.some(({ name }) => name === fixture.name))).toEqual([])
  })

  test('of a function creates the one function that it is named after', async () => {
    const wrong = (await fixturesOf('function')).filter(
      ({ name, text }) => !createsOnly(text, baseName(name)),
    )
    expect(wrong.map(({ name }) => name)).toEqual([])
  })

  test('of a function or a view revokes every right from public and from app users by name', async () => {
    // Default privileges, for example those of Supabase, grant to these roles and not to public.
    const all = [...(await fixturesOf('function')), ...(await fixturesOf('view'))]
    const open = all.filter(
      ({ text }) => !/^revoke all on [^;]*\sfrom public, anon, authenticated;$/m.test(text),
    )
    expect(open.map(({ name }) => name)).toEqual([])
  })

  test('of triggers creates triggers of its own name on one table or more', async () => {
    const wrong = (await fixturesOf('trigger')).filter(({ name, text }) =>
      objectsOf(text).some((object) => object.name !== baseName(name)),
    )
    expect(wrong.map(({ name }) => name)).toEqual([])
  })

  test('of a view creates the one view that it is named after', async () => {
    const wrong = (await fixturesOf('view')).filter(({ name, text }) => !createsOnly(text, baseName(name)))
    expect(wrong.map(({ name }) => name)).toEqual([])
  })

  test('of policies creates policies whose names tell the command and the file', async () => {
    const wrong = (await fixturesOf('policy')).flatMap(({ name, text }) => {
      const topic = baseName(name)
      const command = '(select|insert|update|delete|all)'
      const fits = new RegExp(`^(${command}_${topic}|${topic}_${command})$`)
      return objectsOf(text)
        .filter((policy) => !fits.test(policy.name))
        .map((policy) => `${name}: ${policy.name}`)
    })
    expect(wrong).toEqual([])
  })

  test('begins with a comment that says what it is', async () => {
    const wrong = (await fixtures()).filter(({ text }) => !/^(\/\*|--)/.test(text))
    expect(wrong.map(({ name }) => name)).toEqual([])
  })

  test('of a function ends its access for public', async () => {
    const wrong = (await fixturesOf('function')).filter(
      ({ text }) => !/^revoke all on (function|procedure) [\s\S]+? from public\b/m.test(text),
    )
    expect(wrong.map(({ name }) => name)).toEqual([])
  })

  test('is what the newest migration that has it installs', async () => {
    const frozen = frozenFixtures(await committedMigrations())
    const current = await currentMigration()
    const wrong = (await fixtures())
      .filter(({ name, text }) => frozen.get(name)?.text.trim() !== text.trim())
      .filter(({ text }) => !current.includes(text.trim()))
    expect(
      wrong.map(({ name }) => name),
      'Run: npm run migration:commit -- "what it does"',
    ).toEqual([])
  })
})

/** Whether a file creates one object, of that name. */
function createsOnly(text: string, name: string): boolean {
  return (
    objectsOf(text)
      .map((object) => object.name)
      .join() === name
  )
}

describe('a committed migration', () => {
  test('is exactly as graphile-migrate wrote it', async () => {
    const migrations = await committedMigrations()
    expect(migrations.length).toBeGreaterThan(0)
    expect(problemsOfChain(migrations)).toEqual([])
  })

  test('means the same to every tool that may apply it', async () => {
    for (const { file, text } of await committedMigrations())
      expect(problemsOfMigration(text), file).toEqual([])
  })

  test('drops no schema', async () => {
    for (const { file, text } of await committedMigrations())
      expect(text, file).not.toMatch(/^\s*drop schema/im)
  })
})

describe('an error', () => {
  test('that SQL raises has its HTTP status, and no status is there for an error that SQL does not raise', async () => {
    const raised = raisedErrors(await fixtures())
    expect(raised.length).toBeGreaterThan(0)
    expect(problemsOfErrors(raised, await mappedErrors())).toEqual([])
  })

  test('says in a hint what to do next', async () => {
    const silent = raisedErrors(await fixtures()).filter(({ hint }) => !hint)
    expect(silent.map(({ fixture, sentence }) => `${fixture}: ${sentence}`)).toEqual([])
  })

  test('is a sentence', async () => {
    const wrong = raisedErrors(await fixtures()).filter(
      ({ sentence }) => sentence && !/[.?]$|%$/.test(sentence),
    )
    expect(wrong.map(({ fixture, sentence }) => `${fixture}: ${sentence}`)).toEqual([])
  })

  test('has a code of ours wherever one is raised', async () => {
    const foreign = (await fixtures()).flatMap(({ name, text }) =>
      [...text.matchAll(/raise\s+exception\b[\s\S]*?;[ \t]*\n/gi)]
        .filter(([statement]) => !/errcode\s*=\s*'SP[0-9A-Z]{3}'/i.test(statement))
        .map(([statement]) => `${name}: ${statement.trim()}`),
    )
    expect(foreign).toEqual([])
  })
})

describe('the reader of migrations', () => {
  test('takes the newest copy of a fixture', () => {
    const copy = (body: string) => `--! Included functions/a.sql\n${body}\n--! EndIncluded functions/a.sql\n`
    const frozen = frozenFixtures([
      { file: '000001.sql', text: copy('old') },
      { file: '000002.sql', text: copy('new') },
    ])
    expect(frozen.get('functions/a.sql')).toEqual({
      name: 'functions/a.sql',
      text: 'new',
      file: '000002.sql',
    })
  })

  test('gives a fixture that includes another its own text back', () => {
    const text =
      '--! Included a.sql\none\n--! Included b.sql\ntwo\n--! EndIncluded b.sql\nthree\n--! EndIncluded a.sql\n'
    const frozen = frozenFixtures([{ file: '000001.sql', text }])
    expect(frozen.get('a.sql')?.text).toBe('one\n--! include b.sql\nthree')
    expect(frozen.get('b.sql')?.text).toBe('two')
  })

  test.each([
    ['select :DATABASE_NAME;', 'has a placeholder, which only graphile-migrate would replace'],
    ['--! no-transaction\nselect 1;', 'asks for no transaction, and must work inside one'],
    ['begin;\nselect 1;\ncommit;', 'begins or ends a transaction, which belongs to the tool that applies it'],
    [
      '-- Down Migration\ndrop table a;',
      'has a comment "up migration" or "down migration", where node-pg-migrate would cut it in two',
    ],
    ['\\set a 1', 'has a psql command, which no other tool knows'],
    ['select 1;\r\n', 'has carriage returns: its lines must end in a line feed alone'],
  ])('finds what only some tools understand: %j', (text, problem) => {
    expect(problemsOfMigration(text)).toEqual([problem])
  })

  test('does not mistake the body of a function for statements', () => {
    expect(
      problemsOfMigration(
        'create function f() returns int as $$\nbegin\n  return 1;\nend;\n$$ language plpgsql;',
      ),
    ).toEqual([])
  })

  test('sees that a committed file was changed', async () => {
    const [first] = await committedMigrations()
    if (!first) throw new Error('sql/committed is empty')
    expect(problemsOfChain([{ ...first, text: `${first.text}select 1;\n` }])).toEqual([
      `sql/committed/${first.file} was changed after it was committed.`,
    ])
  })

  test('cuts a file into statements as psql does', () => {
    const text = `select ';' as "a;b"; -- no; not here\n/* nor; here */ do $x$ begin; end $x$;\ncreate rule r as on insert to t do (select 1; select 2);\nselect e'\\';'`
    expect(statements(text).map((statement) => statement.trim())).toEqual([
      `select ';' as "a;b";`,
      `-- no; not here\n/* nor; here */ do $x$ begin; end $x$;`,
      'create rule r as on insert to t do (select 1; select 2);',
      `select e'\\';'`,
    ])
  })
})
