/** `pg-payments add host`: the pages of the hosts are the source of what it writes. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { HOSTS } from '../../scripts/cli/commands/add/hosts.ts'
import { runCli } from './support.ts'

const pages = fileURLToPath(new URL('../../functions/hosts/', import.meta.url))
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-payments-hosts-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const add = (...args: string[]) => runCli(['add', 'host', ...args, '--out', folder])

it('every host has a page, the index names it, and every page is a host', async () => {
  const found = (await readdir(pages)).filter((name) => name !== 'README.md')
  expect(found.sort()).toEqual(HOSTS.map((host) => `${host}.md`).sort())
  const index = await readFile(join(pages, 'README.md'), 'utf8')
  for (const host of HOSTS) {
    const page = await readFile(join(pages, `${host}.md`), 'utf8')
    expect(index).toContain(`(${host}.md)`)
    expect(page).toContain(`add host ${host}`)
    expect(page).toMatch(/^Tried: /m)
  }
})

it('writes what the page shows, and says at the second time that it is there', async () => {
  const page = await readFile(join(pages, 'next.md'), 'utf8')
  const { code, out } = await add('next')
  expect([code, out.split('\n').slice(0, 2)]).toEqual([
    0,
    ['Wrote app/api/[...path]/route.ts', 'Wrote app/health/route.ts'],
  ])
  for (const path of ['app/api/[...path]/route.ts', 'app/health/route.ts'])
    expect(page).toContain(`file=${path}\n${await readFile(join(folder, path), 'utf8')}\`\`\``)
  const again = await add('next', '--json')
  expect(again.json()).toMatchObject({
    host: 'next',
    written: [],
    there: ['app/api/[...path]/route.ts', 'app/health/route.ts'],
  })
})

it('leaves a file that is somebody else’s, writes nothing beside it, and replaces it with --force', async () => {
  await mkdir(join(folder, 'app/health'), { recursive: true })
  await writeFile(join(folder, 'app/health/route.ts'), 'mine')
  const { code, err } = await add('next')
  expect(code).not.toBe(0)
  expect(err).toContain('app/health/route.ts is there already and differs. Nothing was written.')
  expect(await readdir(join(folder, 'app'))).toEqual(['health'])
  expect(await readFile(join(folder, 'app/health/route.ts'), 'utf8')).toBe('mine')
  expect((await add('next', '--force')).code).toBe(0)
  expect(await readFile(join(folder, 'app/health/route.ts'), 'utf8')).toContain('nodejs')
})

it('prints the files and writes nothing with --print', async () => {
  const { out } = await add('express', '--print')
  expect(out).toContain("import { createListener } from 'pg-payments/node'")
  expect(await readdir(folder)).toEqual([])
})

it('names the hosts if it knows none of that name', async () => {
  const { code, err } = await add('heroku')
  expect(code).not.toBe(0)
  expect(err).toContain('heroku is not a host. Use supabase, insforge, deno-deploy,')
})

it('says where it may not write', async () => {
  await writeFile(join(folder, 'src'), 'a file')
  const { code, err } = await add('express')
  expect(code).not.toBe(0)
  expect(err).toContain('cannot be written')
})
