/** Runs SQL files like `psql -f`: one statement after the other, each in its own transaction. */
import type postgres from 'postgres'

/** Runs the text of a file on one connection and stops at the first error. */
export async function runLikePsql(sql: postgres.Sql, text: string): Promise<void> {
  for (const statement of statements(text)) await sql.unsafe(statement)
}

/** Cuts a file at the semicolons that end a statement: not those in strings, comments, bodies and parentheses. */
export function statements(text: string): string[] {
  const found: string[] = []
  const token =
    /--[^\n]*|\/\*[\s\S]*?\*\/|(\$\w*\$)[\s\S]*?\1|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|[();]/g
  let start = 0
  let depth = 0
  for (const match of text.matchAll(token)) {
    if (match[0] === '(') depth++
    else if (match[0] === ')') depth--
    else if (match[0] === ';' && depth === 0) {
      found.push(text.slice(start, match.index + 1))
      start = match.index + 1
    }
  }
  found.push(text.slice(start))
  return found.filter((statement) => statement.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim() !== '')
}
