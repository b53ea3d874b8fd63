/** The line on the terminal while long work runs. */
import { expect, test } from 'vitest'
import type { Io } from '../../scripts/cli/support/context.ts'
import { withElapsed } from '../../scripts/cli/support/progress.ts'

/** A terminal of 30 columns, with its first line that is not empty. */
function terminal(isTTY: boolean) {
  const written: string[] = []
  let tell: (line: string) => void
  const firstLine = new Promise<string>((resolve) => {
    tell = resolve
  })
  const stderr = {
    isTTY,
    columns: 30,
    write(text: string) {
      written.push(text)
      if (text.trim() !== '') tell(text)
      return true
    },
  }
  return { io: { stderr } as unknown as Io, written, firstLine }
}

test('work of unknown length shows that it runs, within the width of the terminal, and leaves nothing behind', async () => {
  const { io, written, firstLine } = terminal(true)
  const result = await withElapsed({ io, json: false }, 'Rebuilding test', async () => {
    expect(await firstLine).toMatch(/^Rebuilding test … \d+ secon/)
    expect((await firstLine).length).toBeLessThan(30)
    return 'done'
  })
  expect(result).toBe('done')
  expect(written.at(-1)).toMatch(/^\r +\r$/)
})

test.each([
  ['a pipe', false, false],
  ['--json', true, true],
])('%s gets nothing but the result', async (_, isTTY, json) => {
  const { io, written } = terminal(isTTY)
  expect(await withElapsed({ io, json }, 'Rebuilding test', async () => 1)).toBe(1)
  expect(written).toEqual([])
})

test('a failure passes through, and the line is gone', async () => {
  const { io, written, firstLine } = terminal(true)
  const failing = withElapsed({ io, json: false }, 'Rebuilding test', async () => {
    await firstLine
    throw new Error('refused')
  })
  await expect(failing).rejects.toThrow('refused')
  expect(written.at(-1)).toMatch(/^\r +\r$/)
})
