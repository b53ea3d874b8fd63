/** The recipes: every command and every test on their pages, run in an app that has the package alone. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBilling } from '../../../scripts/testing/index.ts'
import { command, shell } from '../../package/support/dev.ts'
import { createProject, type Project } from '../../package/support/project.ts'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { blockCommandsOf, pages, readPage } from '../../support/pages.ts'

const run = promisify(execFile)
const FOLDER = 'functions/client/recipes/'
const APP = readPage(`${FOLDER}README.md`)
const RECIPES = pages().filter(
  ({ path, blocks }) => path.startsWith(FOLDER) && path !== APP.path && blocks.some(isTest),
)

const COMPILER = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
)

/** What the pages take from the app around them. */
const APP_NAMES = `
  declare const payments: import('pg-payments/client').PaymentsClient
  declare const session: { accessToken: string }
  declare const user: { id: string }
  declare const team: { id: string }
  declare const order: { id: string }
  declare const id: string
  declare const ended: number
`

let app: Project
let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase({ migrated: false })
  app = await createProject([
    'stripe',
    'react',
    '@types/react',
    '@types/node',
    'express',
    '@types/express',
    'vitest',
  ])
})
afterAll(async () => {
  await app?.remove()
  await database?.close()
})

function isTest({ file }: { file: string | null }): boolean {
  return file?.startsWith('tests/') ?? false
}

test.each(RECIPES.map((recipe) => [recipe.path, recipe] as const))(
  'the commands of %s write what its tests need, and the tests pass',
  async (path, recipe) => {
    // A folder of its own below the app, so that it finds the package there.
    const project = { ...app, path: join(app.path, 'recipes', path.slice(FOLDER.length, -'.md'.length)) }
    for (const { file, text } of [...APP.blocks, ...recipe.blocks]) {
      if (file === null) continue
      await mkdir(dirname(join(project.path, file)), { recursive: true })
      await writeFile(join(project.path, file), text)
    }
    await writeFile(join(project.path, 'package.json'), '{ "private": true, "type": "module" }\n')
    for (const words of blockCommandsOf(recipe).filter(([name]) => name === 'add')) {
      const { code, err } = await command(project, words)
      expect(err, words.join(' ')).toBe('')
      expect(code).toBe(0)
    }
    const files = recipe.blocks.filter(isTest).map(({ file }) => file ?? '')
    const env = shell({ TEST_DATABASE_URL: database.url })
    const args = ['--test', '--test-reporter=spec', ...files]
    const result = await run(process.execPath, args, { cwd: project.path, env }).catch((error) => error)
    expect(result.stdout).toMatch(/^ℹ fail 0$/m)
    expect(result.stdout).toMatch(/^ℹ pass [1-9]/m)
  },
)

test('the TypeScript and JavaScript of every page agrees with the types of the package', async () => {
  const folder = join(app.path, 'pages')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'app.d.ts'), APP_NAMES)
  const found = new Set<string>()
  for (const { path, blocks } of pages().filter((page) => !page.path.startsWith('tests/')))
    for (const [index, { language, file, text }] of blocks.entries()) {
      // Files of hosts are compiled with their hosts, in the tests of those.
      const isOfHost = file?.startsWith('file=') && path !== 'functions/hosts/express.md'
      if (!['ts', 'tsx', 'js'].includes(language) || isOfHost) continue
      found.add(path)
      const name = file?.replace('file=', '') ?? `${index}.${language}`
      const target = join(folder, path.replaceAll('/', '_'), name)
      await mkdir(dirname(target), { recursive: true })
      await writeFile(target, `export {}\n${text}`)
    }
  expect([...found]).toEqual(expect.arrayContaining(['README.md', 'functions/client/README.md']))
  // What is JavaScript runs in other tests, where a null would fail.
  expect(await compile(folder, ['app.d.ts', '**/*.ts', '**/*.tsx'], true)).toBe('')
  expect(await compile(folder, ['app.d.ts', '**/*.js'], false)).toBe('')
})

/** What the compiler says to the files of a folder. */
async function compile(folder: string, include: string[], strict: boolean): Promise<string> {
  const settings = {
    compilerOptions: {
      ...{ noEmit: true, strict, noImplicitAny: false, allowJs: true, checkJs: true, skipLibCheck: true },
      ...{ target: 'es2023', module: 'nodenext', allowImportingTsExtensions: true },
      ...{ jsx: 'react-jsx', types: ['node'], lib: ['es2023', 'esnext.disposable', 'dom', 'dom.iterable'] },
    },
    include,
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings))
  const { stdout } = await run(process.execPath, [COMPILER, '-p', folder], { cwd: app.path }).catch(
    (error) => error,
  )
  return stdout
}

test('the requests of rest.md work with curl and with Python, and give the same session', async () => {
  await using billing = await startBilling({ database: database.url })
  const ada = await billing.signIn('ada')
  const price = await billing.price({ amount: 2000 })
  const env = shell({
    PAYMENTS_API_URL: billing.apiUrl,
    TOKEN: (await ada.token()) ?? '',
    USER_ID: 'ada',
    PRICE: price,
  })
  const { blocks } = readPage(`${FOLDER}rest.md`)
  const script = async (program: string, name: string) => {
    const text = blocks.find(({ file }) => file === name)?.text ?? ''
    return (await run(program, ['-c', text], { env })).stdout.trim()
  }
  const { checkoutSession } = JSON.parse(await script('bash', 'checkout.sh'))
  expect(checkoutSession).toMatchObject({ status: 'open', subjectId: 'ada' })
  expect(await script('python3', 'checkout.py')).toBe(checkoutSession.url)
  await billing.pay(checkoutSession)
  const { customerPortalSession } = JSON.parse(await script('bash', 'portal.sh'))
  expect(customerPortalSession.url).toMatch(/^http/)
})
