/** `npm run demo -- --json`, as a person or a script runs it. */
import { expect, test } from 'vitest'
import { leftovers, npm, postgresIsThere } from './support/command.ts'

type Summary = { ok: boolean; steps: { name: string; ok: boolean; detail: string }[] }

const lastLine = (stdout: string) => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Summary

test('the demo passes every step, says so in its last line, and leaves nothing behind', async () => {
  const { code, stdout, stderr } = await npm(['run', 'demo', '--', '--json']).ended
  const summary = lastLine(stdout)

  expect(summary.steps.filter((step) => !step.ok)).toEqual([])
  expect(summary.steps.map((step) => step.name)).toEqual([
    'guest one-time purchase',
    'signed-in one-time purchase fulfilled once although its webhook came three times',
    'team subscription by a member, refused for an outsider (403)',
    'same idempotency key again gives the same session, another request under it 409',
    'declined card',
    'asynchronous payment pending, then paid',
    '100 % discount fulfilled',
    'portal 404 before there is a customer, 201 after, 401 for anonymous',
    'plan cancelled in the portal takes access away',
    'full refund visible on the transaction',
    'every webhook that came was processed or ignored',
  ])
  for (const step of summary.steps) expect(step.detail).not.toBe('')
  expect(summary.ok).toBe(true)
  expect(code, stderr).toBe(0)
  expect(await leftovers()).toEqual([])
})

test('two demos at once do not disturb each other', async () => {
  const runs = await Promise.all([1, 2].map(() => npm(['run', 'demo', '--', '--json']).ended))

  for (const { code, stdout, stderr } of runs) {
    expect(lastLine(stdout).steps.filter((step) => !step.ok)).toEqual([])
    expect(code, stderr).toBe(0)
  }
  expect(await leftovers()).toEqual([])
})

test('an argument that the demo does not know ends it with a sentence and 1', async () => {
  const { code, stderr } = await npm(['run', 'demo', '--', '--jsn']).ended

  expect(stderr).toContain("Unknown option '--jsn'")
  expect(stderr).toContain('Usage: npm run demo [-- --json]')
  expect(code).toBe(1)
})

test('a demo that is interrupted says so, exits with an error and leaves nothing behind', async () => {
  const { ended, interrupt } = npm(['run', 'demo', '--', '--json'])
  await postgresIsThere()
  interrupt()
  const { stdout, code } = await ended

  expect(lastLine(stdout)).toEqual({
    ok: false,
    steps: expect.arrayContaining([
      { name: 'the system starts and stops', ok: false, detail: 'Interrupted.' },
    ]),
  })
  expect(code).not.toBe(0)
  expect(await leftovers()).toEqual([])
})
