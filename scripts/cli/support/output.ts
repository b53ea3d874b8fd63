/** How results look: tables as wide as the terminal, amounts, instants. */
import Table from 'cli-table3'
import type { HealthReason } from '../../../types/api.ts'
import { money as moneyOf } from './money.ts'

export type Column<Row> = {
  title: string
  value: (row: Row) => string | number | boolean | null | undefined
  align?: 'right'
  /** May be cut when the terminal is narrow. Ids are never cut, because people copy them. */
  flexible?: boolean
}

/** A value as text. Replaces control characters, so that a customer's name cannot control the terminal. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return '–'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be removed
  return String(value).replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, ' ')
}

/** Indented JSON. Escapes the control characters that JSON permits. */
export const json = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** Characters for a table without lines. */
export const WITHOUT_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
}

const COLUMN_GAP = 2
const COLUMN_WIDTH_MIN = 8

/** Column widths with which a row fits; null when it cannot fit. */
function narrowed(natural: number[], flexible: boolean[], width: number): number[] | null {
  const widths = [...natural]
  let over = widths.reduce((sum, value) => sum + value + COLUMN_GAP, 0) - width
  while (over > 0) {
    let widest = -1
    for (const [index, value] of widths.entries()) {
      if (flexible[index] && value > COLUMN_WIDTH_MIN && value > (widths[widest] ?? 0)) widest = index
    }
    if (widest < 0) return null
    widths[widest] = (widths[widest] ?? 0) - 1
    over -= 1
  }
  return widths
}

/** Rows as a table. Where the terminal is too narrow, each row becomes lines of its own. */
export function table<Row>(columns: Column<Row>[], rows: Row[], width: number | undefined): string {
  const cells = rows.map((row) => columns.map(({ value }) => plain(value(row))))
  const natural = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((line) => [...(line[index] ?? '')].length)),
  )
  const widths =
    width === undefined
      ? natural
      : narrowed(
          natural,
          columns.map(({ flexible }) => flexible === true),
          width,
        )
  if (widths === null) return records(columns, cells)
  const drawn = new Table({
    head: columns.map(({ title }) => title),
    colWidths: widths.map((value) => value + COLUMN_GAP),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': COLUMN_GAP },
    chars: WITHOUT_LINES,
  })
  drawn.push(...cells)
  const [head = '', ...lines] = drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
  return [head, '─'.repeat(Math.max(head.length, ...lines.map(({ length }) => length))), ...lines].join('\n')
}

function records<Row>(columns: Column<Row>[], cells: string[][]): string {
  const title = Math.max(...columns.map(({ title: { length } }) => length))
  return cells
    .map((line) => columns.map((column, index) => `${column.title.padEnd(title)}  ${line[index]}`).join('\n'))
    .join('\n\n')
}

/** One object as lines of name and value. */
export function details(fields: [name: string, value: unknown][]): string {
  const width = Math.max(...fields.map(([name]) => name.length))
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${plain(value)}`).join('\n')
}

/** An amount in minor units; null where there is none. */
export function money(amount: number | null | undefined, currency: string | null | undefined): string | null {
  if (amount === null || amount === undefined) return null
  return currency ? moneyOf(amount, currency) : String(amount)
}

/** An instant to the minute, in UTC. */
export function when(instant: string | null | undefined): string | null {
  if (!instant) return null
  const date = new Date(instant)
  return Number.isNaN(date.getTime()) ? instant : `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

export const count = (value: number, one: string, many = `${one}s`) =>
  `${value.toLocaleString('en')} ${value === 1 ? one : many}`

/** What to do about a reason of a health verdict, with the command that leads on. */
export const adviceOf = ({ nextAction, command }: HealthReason) =>
  command ? `${nextAction} Run: ${command}` : nextAction

/** The line below a table that names the cursor of the next page. */
export const more = (nextCursor: string | null | undefined) =>
  nextCursor ? `\nThere is more: --cursor ${nextCursor}` : ''
