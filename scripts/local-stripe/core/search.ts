/**
 * Stripe's search query language (https://docs.stripe.com/search#search-query-language): clauses `field:"value"`,
 * `field~"part"`, `field>number`, `metadata["key"]:"value"`, `field:null`, negated with `-`, and joined with AND or OR.
 */
import { invalidRequest } from './errors.ts'
import { integer, required, string } from './params.ts'
import type { Json } from './types.ts'

export const searchShape = {
  limit: integer({ min: 1, max: 100 }),
  page: string(),
  query: required(string()),
}

interface SearchParams {
  limit?: number
  page?: string
  query: string
}

/** How a field is found in an object: its path, or a function. */
export type SearchField = string | ((object: Json) => unknown)

interface Clause {
  field: string
  /** The key of a `metadata` clause. */
  key: string | null
  operator: string
  value: string | null
  negated: boolean
}

const CLAUSE =
  /^(-)?([a-z0-9_.]+)(?:\[(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\])?(:|~|>=|<=|>|<)(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"']+))/
const CLAUSES_MAX = 10
const PART_CHARACTERS_MIN = 3

/**
 * Returns a page of the objects that match, newest first.
 * @param fields the fields that can be searched, by name
 */
export function search<T extends object>(
  objects: readonly T[],
  params: SearchParams,
  url: string,
  fields: Record<string, SearchField>,
) {
  const { clauses, any } = parseQuery(params.query, fields)
  const found = objects.filter((object) => {
    const matches = (clause: Clause) => matchesClause(object as Json, clause, fields) !== clause.negated
    return any ? clauses.some(matches) : clauses.every(matches)
  })
  const start = params.page === undefined ? 0 : Number(params.page)
  if (!Number.isInteger(start) || start < 0)
    throw invalidRequest('The page is not one that a search has returned.', { param: 'page' })
  const end = start + (params.limit ?? 10)
  const more = found.length > end
  return {
    object: 'search_result' as const,
    data: found.slice(start, end),
    has_more: more,
    next_page: more ? String(end) : null,
    url,
  }
}

function malformed(query: string, why: string) {
  return invalidRequest(`We were unable to parse your search query \`${query}\`: ${why}`, { param: 'query' })
}

function parseQuery(query: string, fields: Record<string, SearchField>): { clauses: Clause[]; any: boolean } {
  const clauses: Clause[] = []
  const joints = new Set<string>()
  let rest = query.trim()
  while (rest !== '') {
    const match = CLAUSE.exec(rest)
    if (!match) throw malformed(query, `expected field:"value" at \`${rest.slice(0, 20)}\`.`)
    clauses.push(clauseOf(match, query, fields))
    rest = rest.slice(match[0].length)
    if (rest.trim() === '') break
    if (!/^\s/.test(rest)) throw malformed(query, 'clauses are separated by a space.')
    rest = rest.trimStart()
    const joint = /^(AND|OR)\s+/i.exec(rest)
    joints.add((joint?.[1] ?? 'AND').toUpperCase())
    if (joint) rest = rest.slice(joint[0].length)
  }
  if (clauses.length === 0) throw malformed(query, 'it is empty.')
  if (clauses.length > CLAUSES_MAX) throw malformed(query, `at most ${CLAUSES_MAX} clauses are allowed.`)
  if (joints.size > 1) throw malformed(query, 'AND and OR cannot be combined.')
  return { clauses, any: joints.has('OR') }
}

function clauseOf(match: RegExpExecArray, query: string, fields: Record<string, SearchField>): Clause {
  const [, minus, field = '', quotedKey, otherKey, operator = ':', quoted, otherQuoted, bare] = match
  const key = quotedKey ?? otherKey ?? null
  const isMetadata = field === 'metadata' && key !== null
  if (!isMetadata && (key !== null || !Object.hasOwn(fields, field)))
    throw invalidRequest(`Field \`${field}\` is an unsupported search field for this resource.`, {
      param: 'query',
    })
  const text = quoted ?? otherQuoted
  const value = text === undefined ? (bare ?? '') : text.replace(/\\(.)/g, '$1')
  if (operator === '~' && value.length < PART_CHARACTERS_MIN)
    throw malformed(query, `a part has at least ${PART_CHARACTERS_MIN} characters.`)
  const isNull = text === undefined && value === 'null'
  return { field, key, operator, value: isNull ? null : value, negated: minus !== undefined }
}

function matchesClause(object: Json, clause: Clause, fields: Record<string, SearchField>): boolean {
  const actual = searchedValue(object, clause, fields)
  const { operator, value } = clause
  if (Array.isArray(actual)) return actual.some((item) => matches(item, operator, value))
  return matches(actual, operator, value)
}

function searchedValue(object: Json, { field, key }: Clause, fields: Record<string, SearchField>): unknown {
  if (key !== null) return (object.metadata as Record<string, string> | null)?.[key]
  const found = fields[field] ?? field
  if (typeof found === 'function') return found(object)
  return found.split('.').reduce<unknown>((value, name) => (value as Json | null | undefined)?.[name], object)
}

function matches(actual: unknown, operator: string, value: string | null): boolean {
  if (value === null) return operator === ':' && (actual === null || actual === undefined)
  if (actual === null || actual === undefined) return false
  const text = String(actual).toLowerCase()
  if (operator === ':')
    return typeof actual === 'number' ? actual === Number(value) : text === value.toLowerCase()
  if (operator === '~') return text.includes(value.toLowerCase())
  const [left, right] = [Number(actual), Number(value)]
  if (operator === '>') return left > right
  if (operator === '>=') return left >= right
  return operator === '<' ? left < right : left <= right
}
