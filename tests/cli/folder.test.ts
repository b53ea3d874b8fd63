/** The folder that migrations are copied to. */
import { readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runCli } from './support.ts'

const base = join(tmpdir(), `pg-payments-folders-${process.pid}`)
const copy = (to: string) => runCli(['migrations', 'copy', '--to', to])

afterAll(() => rm(base, { recursive: true, force: true }))

test('its missing parents are created', async () => {
  const to = join(base, 'supabase', 'migrations')
  expect((await copy(to)).code).toBe(0)
  expect(await readdir(to)).not.toEqual([])
})

test('an error names a path where no folder can be created', async () => {
  await copy(base)
  const file = join(base, (await readdir(base)).find((name) => name.endsWith('.sql')) ?? '')
  for (const place of ['/proc/nope', '/proc/nope/deeper', file, join(file, 'below')]) {
    const { code, err } = await copy(place)
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(
        /^The migrations cannot be written to .+ \(E[A-Z]+\)\.\nName a folder that you may write to\.\n$/,
      ),
    })
  }
})
