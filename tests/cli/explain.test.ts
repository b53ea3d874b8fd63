/** `pg-payments explain`: every code that a caller can meet, and what it says of each. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readdir, readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { ERROR_CODES } from '../../functions/core/error-codes.ts'
import { SQLSTATES } from '../../functions/core/errors.ts'
import { HEALTH_CODES } from '../../scripts/cli/commands/explain/codes.ts'
import type { Explanation } from '../../scripts/cli/commands/explain/index.ts'
import { fixtures } from '../../scripts/dev/generators/sources.ts'
import { runCli } from './support.ts'

test('without a code it lists every SQLSTATE of ours, every code of an answer and every finding', async () => {
  const all = (await runCli(['explain', '--json'])).json<Explanation[]>()
  const codes = (kind: Explanation['kind']) =>
    all.filter((each) => each.kind === kind).map(({ code }) => code)
  expect(codes('sql')).toEqual(
    Object.keys(SQLSTATES)
      .filter((code) => code.startsWith('SP'))
      .sort(),
  )
  expect(codes('http').sort()).toEqual([...ERROR_CODES].sort())
  for (const { meaning, next } of all) {
    expect(meaning).toMatch(/^[A-Z].*[^.]\.$/)
    expect(next).toMatch(/^[A-Z`].*[^.]\.$/)
  }
})

test('it knows each code that the SDK and the command line alone use', async () => {
  const all = (await runCli(['explain', '--json'])).json<Explanation[]>()
  const known = new Map(all.map(({ code, kind }) => [code, kind]))
  const used = async (folder: string) => {
    const root = new URL(`../../${folder}/`, import.meta.url)
    const names = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.ts'))
    const texts = await Promise.all(names.map((name) => readFile(new URL(name, root), 'utf8')))
    const found = texts.join('\n').matchAll(/(?:code(?::| =)|(?:failure|refuse)\()\s*'([A-Z]+_?[A-Z_]+)'/g)
    return new Set([...found].map(([, code = '']) => code))
  }
  const [sdk, cli] = [await used('functions/client'), await used('scripts/cli')]
  expect([...sdk]).toEqual(expect.arrayContaining(['NETWORK_ERROR', 'TOKEN_ERROR', 'INVALID_INPUT']))
  expect([...cli]).toEqual(expect.arrayContaining(['CONFIRMATION_NEEDED', 'STOPPED', 'CLI_ERROR']))
  expect([...sdk, ...cli].filter((code) => !known.has(code))).toEqual([])
  const mine = (kind: Explanation['kind']) => all.filter((each) => each.kind === kind).map(({ code }) => code)
  expect(mine('sdk').filter((code) => !sdk.has(code))).toEqual([])
  expect(mine('cli').filter((code) => !cli.has(code))).toEqual([])
  expect((await runCli(['explain', 'confirmation_needed'])).out).toBe(
    'CONFIRMATION_NEEDED: The command asks before it changes something, and there is no terminal to ask in.\nWhat to do: Read in the message what it would do, then add --yes.\n',
  )
})

test('an output that has no space ends with a sentence, and without a stack', async () => {
  const full = await open('/dev/full', 'w')
  const main = new URL('../../scripts/cli/main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, ['--import', 'tsx', main, 'explain'], {
    stdio: ['ignore', full.fd, 'pipe'],
  })
  const [err, [code]] = await Promise.all([text(child.stderr as Readable), once(child, 'close')])
  await full.close()
  expect({ code, err }).toEqual({
    code: 1,
    err: 'The output cannot be written (ENOSPC).\nFree some space, or write it elsewhere.\n',
  })
})

test('the findings that it knows are those that the database and the handlers can make', async () => {
  const texts = new Map((await fixtures()).map(({ name, text }) => [name, text]))
  const named = (path: string, pattern: RegExp, prefix = '') =>
    [...(texts.get(path) ?? '').matchAll(pattern)].map(([, code]) => `${prefix}${code}`)
  const reasons = 'connection/private/delivery_reasons.sql'
  const source = await readFile(new URL('../../functions/core/sql.ts', import.meta.url), 'utf8')
  const possible = [
    ...named('connection/environment_health.sql', /\(\d+, '(\w+)', '(?:failing|degraded)'/g),
    ...named('connection/environment_health.sql', /select \d+, '(\w+)', 'degraded'/g),
    ...named(reasons, /select \d+, '(\w+)', 'failing'/g),
    ...named(
      'connection/webhook_endpoint_drift.sql',
      /\b(gone|disabled|missing_events|other_version|other_url|secret_unknown|duplicate|missing)\b(?=[,. ].*$)/gm,
      'endpoint_',
    ),
    ...['unreachable', 'wrong'].map((kind) => `address_${kind}`),
    ...['wrong', 'too_old'].map((reason) => `signatures_${reason}`),
    ...[...source.matchAll(/^ {4}\('(\w+)', '\w+',? ?(?:current_setting|$)/gm)].map(([, code]) => code),
  ]
  expect([...new Set(possible)].sort()).toEqual(Object.keys(HEALTH_CODES).sort())
})

describe('of one code', () => {
  test('it says what the handlers answer, what to do, and each sentence', async () => {
    const { code, out } = await runCli(['explain', 'sp002'])
    expect(code).toBe(0)
    expect(out).toBe(
      [
        'SP002: The idempotency key belongs to another request.',
        'The handlers answer with 409 PAYMENT_CHECKOUT_ALREADY_EXISTS.',
        'What to do: Use one key for each purchase, and repeat a request unchanged.',
        '- This idempotency key was already used for another checkout. Use a new idempotency key for a new checkout, or repeat the first request unchanged.',
        '',
      ].join('\n'),
    )
  })

  test('that nobody knows, it says where to look, with the exit code for what is not found', async () => {
    expect(await runCli(['explain', '40P01'])).toMatchObject({
      code: 4,
      err: 'There is no code 40P01.\nRun `pg-payments explain` for all codes. Other SQLSTATEs are those of Postgres.\n',
    })
  })
})
