/** Fills the files of `sql/templates/add` with the names of an app. */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { migrationsDirectory } from '../migrate.ts'

export type KeyType = 'uuid' | 'bigint' | 'text'
export const KEY_TYPES: KeyType[] = ['uuid', 'bigint', 'text']

/** Texts by name; a section `{{#name}} … {{/name}}` stays while its value is not false and not empty. */
export type Values = Record<string, string | boolean>

/** Rewrites an expression of text, for example `{{key a.subject_id}}`. */
export type Macros = Record<string, (expression: string) => string>

/** Words that Postgres does not take as a name without quotes. */
const RESERVED = new Set(
  `all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
  column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
  current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from
  full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
  localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
  returning right select session_user similar some symmetric system_user table tablesample then to trailing true union
  unique user using variadic verbose when where window with`.split(/\s+/),
)

/** A name as SQL writes it. */
export const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const UUID = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'

/**
 * A text as a key of this type; null if it is none, so that a foreign id finds nothing and raises nothing. A bigint is
 * compared as a numeric first, because a text of digits may be above or below what the type holds.
 */
export function asKey(expression: string, type: KeyType): string {
  if (type === 'text') return expression
  if (type === 'uuid') return `case when ${expression} ~ '${UUID}' then (${expression})::uuid end`
  return (
    `case when ${expression} ~ '^-?[0-9]{1,19}$' then ` +
    `case when (${expression})::numeric between -9223372036854775808 and 9223372036854775807 then (${expression})::bigint end end`
  )
}

const folder = () => join(dirname(migrationsDirectory()), 'templates', 'add')

/** Reads a template with the part that several have: the functions over the membership table. */
async function read(name: string): Promise<string> {
  const file = (of: string) => readFile(join(folder(), `${of}.sql`), 'utf8')
  const [text, members] = await Promise.all([file(name), file('members')])
  return text.replace(/^\{\{> members\}\}\n/gm, () => members)
}

/** The migration and what takes it back. */
export async function renderTemplate(
  name: string,
  values: Values,
  macros: Macros,
): Promise<{ up: string; down: string }> {
  const filled = fill(await read(name), values, macros)
  const [up = '', down = ''] = filled.split(/^-- Down\n/m)
  return { up: up.trimEnd(), down: down.trimEnd() }
}

function fill(text: string, values: Values, macros: Macros): string {
  let filled = text
  // Sections may stand in sections: the innermost first.
  const section = /\{\{#(\w+)\}\}(\n?)((?:(?!\{\{[#/]\w+\}\})[\s\S])*)\{\{\/\1\}\}(\n?)/
  for (let found = section.exec(filled); found; found = section.exec(filled)) {
    const [whole, key = '', start, body = '', end = ''] = found
    if (!(key in values)) throw new Error(`The template names the unknown section ${key}.`)
    const kept = start === '' ? body + end : body
    filled = filled.replace(whole, () => (values[key] ? kept : start === '' ? end : ''))
  }
  return filled.replace(/\{\{(\w+)(?: ([^}]+))?\}\}/g, (_, key: string, expression?: string) => {
    if (expression !== undefined) {
      const macro = macros[key]
      if (!macro) throw new Error(`The template names the unknown macro ${key}.`)
      return macro(expression)
    }
    const value = values[key]
    if (typeof value !== 'string') throw new Error(`The template names the unknown value ${key}.`)
    return value
  })
}
