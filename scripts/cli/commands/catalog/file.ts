/** Reads a catalog file. Every problem is named with its line. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import jsonc, { type ParseError } from 'jsonc-parser'
import type { z } from 'zod'
import { problemsOf } from '../../../../functions/core/validation.ts'
import type { Catalog, CatalogPrice, CatalogProduct } from '../../../../types/catalog.ts'
import { cliError } from '../../support/errors.ts'
import { catalogSchema, LOOKUP_KEY_MAX } from './schema.ts'

export const CATALOG_FILES = ['payments.catalog.json', 'payments.catalog.ts']

export type Path = (string | number)[]

export type CatalogFile = {
  catalog: Catalog
  /** `payments.catalog.json:12` for a place in the file. */
  at: (path: Path) => string
}

/** One price at Stripe: each currency is one. */
export type WantedPrice = Omit<CatalogPrice, 'currencies'> & { path: Path }
export type WantedProduct = Omit<CatalogProduct, 'prices'> & { path: Path; prices: WantedPrice[] }

export function catalogPath(given: string | undefined, root: string): string {
  if (given !== undefined) return resolve(root, given)
  const found = CATALOG_FILES.find((name) => existsSync(join(root, name)))
  if (found !== undefined) return join(root, found)
  throw cliError('There is no payments.catalog.json here.', {
    code: 'CATALOG_NOT_FOUND',
    next: 'Write it, or make it from what Stripe has: pg-payments catalog pull --environment test',
  })
}

export const bad = (sentences: string[]) =>
  cliError(sentences.join('\n'), { code: 'CATALOG_INVALID', next: 'Correct the file; nothing was changed.' })

export async function readCatalog(path: string): Promise<CatalogFile> {
  const name = basename(path)
  const text = await readFile(path, 'utf8').catch((error) => {
    throw cliError(`${name} cannot be read (${error.code}).`, { code: 'CATALOG_NOT_FOUND' })
  })
  const { value, at } = /\.[cm]?[jt]s$/.test(name) ? await fromModule(path, text) : fromJson(name, text)
  const result = catalogSchema.safeParse(value)
  if (!result.success)
    throw bad(
      problemsOf(result.error).map((issue) => {
        if (issue.code === 'unrecognized_keys') {
          const unknown = issue.keys.map(
            (key) => `${at([...(issue.path as Path), key])} ${key} is no field here.`,
          )
          return unknown.join('\n')
        }
        const missing = issue.code === 'invalid_type' && valueAt(value, issue.path as Path) === undefined
        return `${at(issue.path as Path)} ${nameOf(issue.path as Path)} ${missing ? 'is missing' : whatIsWrong(issue)}.`
      }),
    )
  const problems = contradictions(result.data, at)
  if (problems.length > 0) throw bad(problems)
  return { catalog: result.data, at }
}

/** `amount`, `products[0]`, or the file itself. */
function nameOf(path: Path): string {
  const last = path.at(-1)
  if (last === undefined) return 'The file'
  return typeof last === 'number' ? `${String(path.at(-2) ?? 'item')}[${last}]` : last
}

const WORDS: Record<string, string> = {
  object: 'an object',
  record: 'an object',
  array: 'a list',
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
}

/** The rest of a sentence that begins with the name. A type that is wrong has no sentence of its own in the schema. */
function whatIsWrong(issue: z.core.$ZodIssue): string {
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message
  if (!message.startsWith('Invalid')) return message
  const expected = issue.code === 'invalid_type' ? WORDS[issue.expected] : undefined
  return expected === undefined ? 'has a value that is not allowed' : `must be ${expected}`
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (found, key) => (found as Record<string | number, unknown> | undefined)?.[key],
    value,
  )
}

function fromJson(name: string, text: string): { value: unknown; at: (path: Path) => string } {
  const errors: ParseError[] = []
  const tree = jsonc.parseTree(text.replace(/^\uFEFF/, ' '), errors, { allowTrailingComma: true })
  const lineOf = (offset: number) => text.slice(0, offset).split('\n').length
  const [error] = errors
  if (error || !tree)
    throw bad([
      `${name}:${lineOf(error?.offset ?? 0)} is not JSON${error ? ` (${jsonc.printParseErrorCode(error.error)})` : ''}.`,
    ])
  const at = (path: Path): string => {
    // What is missing has no line: that of what should have it.
    for (let length = path.length; length >= 0; length--) {
      const node = jsonc.findNodeAtLocation(tree, path.slice(0, length))
      if (node)
        return `${name}:${lineOf(node.parent?.type === 'property' ? node.parent.offset : node.offset)}`
    }
    return name
  }
  return { value: jsonc.getNodeValue(tree), at }
}

async function fromModule(path: string, text: string) {
  const name = basename(path)
  try {
    const { default: value } = (await import(`${pathToFileURL(path).href}?${Date.now()}`)) as {
      default?: unknown
    }
    const at = (of: Path): string => {
      const shown = of.reduce<string>(
        (all, key) => (typeof key === 'number' ? `${all}[${key}]` : `${all}.${key}`),
        '',
      )
      const id = idAt(value, of)
      const line =
        id === undefined
          ? -1
          : text
              .split('\n')
              .findIndex((one) => new RegExp(`['"\`]${id.replace(/[^\w-]/g, '.')}['"\`]`).test(one))
      return line < 0 ? `${name}${shown}` : `${name}:${line + 1}${shown}`
    }
    return { value, at }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw cliError(
      `${name} cannot be loaded: ${code === 'ERR_UNKNOWN_FILE_EXTENSION' ? 'this Node does not read TypeScript' : message.split('\n')[0]}.`,
      {
        code: 'CATALOG_INVALID',
        next: 'Use Node 22.18 or newer, or write payments.catalog.json.',
      },
    )
  }
}

/** The lookup key or the key of the innermost thing on a path, by which a module is searched. */
function idAt(value: unknown, path: Path): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const found = valueAt(value, path.slice(0, length)) as { lookupKey?: unknown; key?: unknown } | undefined
    const id = found?.lookupKey ?? found?.key
    if (typeof id === 'string') return id
  }
  return undefined
}

/** What no schema can say: keys that are there twice, and fields that need another one. */
function contradictions(catalog: Catalog, at: (path: Path) => string): string[] {
  const problems: string[] = []
  const seen = new Map<string, string>()
  const once = (what: string, key: string, path: Path) => {
    const before = seen.get(`${what} ${key}`)
    if (before) problems.push(`${at(path)} The ${what} ${key} is there already, in ${before}.`)
    else seen.set(`${what} ${key}`, at(path))
  }
  for (const [index, product] of catalog.products.entries()) {
    once('product', product.key, ['products', index, 'key'])
    for (const [number, price] of product.prices.entries()) {
      const path = ['products', index, 'prices', number]
      once('lookup key', price.lookupKey, [...path, 'lookupKey'])
      for (const currency of Object.keys(price.currencies ?? {})) {
        const lookupKey = `${price.lookupKey}_${currency}`
        once('lookup key', lookupKey, [...path, 'currencies', currency])
        if (lookupKey.length > LOOKUP_KEY_MAX)
          problems.push(
            `${at([...path, 'currencies', currency])} The lookup key ${lookupKey} must have at most ${LOOKUP_KEY_MAX} characters.`,
          )
        if (currency === price.currency)
          problems.push(
            `${at([...path, 'currencies', currency])} ${currency} is the currency of the price itself.`,
          )
      }
      for (const field of ['intervalCount', 'trialDays'] as const)
        if (price[field] !== undefined && price.interval === undefined)
          problems.push(`${at([...path, field])} ${field} needs interval.`)
    }
  }
  for (const [index, offer] of (catalog.offers ?? []).entries()) {
    once('offer', offer.key, ['offers', index, 'key'])
    if (offer.product !== undefined && !catalog.products.some(({ key }) => key === offer.product))
      problems.push(`${at(['offers', index, 'product'])} There is no product ${offer.product} in this file.`)
  }
  return problems
}

/** The products of a file with one price for each currency. */
export const wanted = ({ products }: Catalog): WantedProduct[] =>
  products.map((product, index) => ({
    ...product,
    path: ['products', index],
    prices: product.prices.flatMap(({ currencies = {}, ...price }, number) => {
      const path = ['products', index, 'prices', number]
      const others = Object.entries(currencies).map(([currency, amount]) => ({
        ...price,
        currency,
        amount,
        lookupKey: `${price.lookupKey}_${currency}`,
        path: [...path, 'currencies', currency],
      }))
      return [{ ...price, path: [...path, 'amount'] }, ...others]
    }),
  }))
