/** The pages of this repository: every Markdown file, with its code blocks, links and commands. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../scripts/dev/generators/sources.ts'

export type Block = { language: string; file: string | null; text: string }
export type Page = { path: string; text: string; blocks: Block[] }

/** Pages whose commands are of a past release. */
const HISTORY = new Set(['CHANGELOG.md'])

/** Every page that git knows or could know. */
export function pages(): Page[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', '*.md', 'llms.txt']
  const names = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\0').filter(Boolean)
  return [...new Set(names)].filter((path) => !HISTORY.has(path)).map(readPage)
}

export function readPage(path: string): Page {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const blocks = [...text.matchAll(/^( *)```(\w*)(?: ([^\n]+))?\n([\s\S]*?)^ *```/gm)].map(
    ([, indent = '', language = '', file, body = '']) => ({
      language,
      file: file ?? null,
      text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  )
  return { path, text, blocks }
}

/** What a page says outside of its code. */
const prose = (text: string) =>
  text.replace(/^ *```[\s\S]*?^ *```/gm, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ' '))

/** Targets of links to files, as they are written. */
export function linksOf({ text }: Page): string[] {
  return [...prose(text).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, target = '']) => target)
}

/** The anchors that GitHub makes of a page's headings. */
export function anchorsOf({ text }: Page): string[] {
  const withoutCode = text.replace(/^ *```[\s\S]*?^ *```/gm, '')
  return [...withoutCode.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Commands `pg-payments …` in shell blocks, each as its words. */
export function blockCommandsOf({ blocks }: Page): string[][] {
  return parseCommands(
    blocks
      .filter(({ language }) => ['sh', 'bash', 'shell'].includes(language))
      .flatMap((block) => block.text.replaceAll('\\\n', ' ').split('\n')),
  )
}

/** The same, with those in inline code. */
export function commandsOf(page: Page): string[][] {
  const { text } = page
  const inline = [...text.replace(/^ *```[\s\S]*?^ *```/gm, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, code = '']) => code,
  )
  return [...blockCommandsOf(page), ...parseCommands(inline)]
}

function parseCommands(lines: string[]): string[][] {
  return lines
    .map((line) => line.replace(/(^|\s)#.*$/, ''))
    .flatMap((line) => {
      const found = /(?:^|[\s(])(?:npx (?:--no(?:-install)? (?:-- )?)?|bun --bun )?pg-payments ([^)]*)/.exec(
        line,
      )
      return found ? [words(found[1] ?? '')] : []
    })
}

/** The words of a shell line, up to a pipe, a redirection or a second command. */
function words(line: string): string[] {
  const [first = ''] = line.split(/ (?:\||>|&&|;) ?/)
  return [...first.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '')
}
