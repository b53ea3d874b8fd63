/**
 * Request parameters: each route states its parameters as a `Shape`, and this file decodes, checks and types them.
 *
 * A request is a tree of strings (`a[b][0]=c`, as the SDK sends it). A shape turns it into values, or throws Stripe's
 * error for unknown and missing parameters, wrong types and empty strings.
 */
import { invalidRequest } from './errors.ts'
import type { Metadata } from './types.ts'

/** A decoded form: text, or named parts. Lists are parts named 0, 1, 2 … */
export type FormValue = string | FormHash
export type FormHash = Map<string, FormValue>

/** How one parameter is read. `parse` throws Stripe's error for a bad value. */
export interface Param<T> {
  parse: (value: FormValue, path: string) => T
  /** Date of the API version that removed the parameter. Routes check it for parameters at the first level. */
  removedIn?: string
}
export interface RequiredParam<T> extends Param<T> {
  required: true
}
export type Shape = Record<string, Param<unknown>>

type Parsed<P> = P extends Param<infer T> ? T : never
type RequiredKeys<S extends Shape> = { [K in keyof S]: S[K] extends { required: true } ? K : never }[keyof S]
/** The value that a shape reads. Optional parameters that were not sent are absent. */
export type Infer<S extends Shape> = { [K in RequiredKeys<S>]: Parsed<S[K]> } & {
  [K in Exclude<keyof S, RequiredKeys<S>>]?: Parsed<S[K]>
}

// ---- decoding

/** Decodes `application/x-www-form-urlencoded` text with nested brackets. */
export function decodeForm(text: string): FormHash {
  const root: FormHash = new Map()
  for (const [name, value] of new URLSearchParams(text)) putAt(root, splitName(name), value)
  return root
}

/** `a[b][]` becomes `['a', 'b', '']`. */
function splitName(name: string): string[] {
  const open = name.indexOf('[')
  if (open <= 0) return [name]
  return [
    name.slice(0, open),
    ...[...name.slice(open).matchAll(/\[([^\]]*)\]/g)].map((match) => match[1] ?? ''),
  ]
}

function putAt(hash: FormHash, path: string[], value: string): void {
  const [head = '', ...rest] = path
  const key = head === '' ? String(hash.size) : head
  if (rest.length === 0) {
    hash.set(key, value)
    return
  }
  const existing = hash.get(key)
  const child: FormHash = existing instanceof Map ? existing : new Map()
  hash.set(key, child)
  putAt(child, rest, value)
}

/** Encodes plain values as on the wire, so that calls in process pass the same checks. */
export function encodeForm(value: object): FormHash {
  const hash: FormHash = new Map()
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue
    if (item === null) hash.set(key, '')
    else if (item instanceof Date) hash.set(key, String(Math.floor(item.getTime() / 1000)))
    else if (typeof item === 'object') hash.set(key, encodeForm(item))
    else hash.set(key, String(item))
  }
  return hash
}

/** Returns the same text for the same parameters in any order. An idempotency key is bound to it. */
export function fingerprint(value: FormValue): string {
  if (typeof value === 'string') return JSON.stringify(value)
  const parts = [...value].sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${parts.map(([key, item]) => `${JSON.stringify(key)}:${fingerprint(item)}`).join()}}`
}

// ---- reading with a shape

/** Reads a hash with a shape, and refuses parameters that the shape does not name. */
export function readParams<S extends Shape>(shape: S, hash: FormHash, path = ''): Infer<S> {
  const unknown = [...hash.keys()]
    .filter((key) => !Object.hasOwn(shape, key))
    .map((key) => joinPath(path, key))
  if (unknown.length > 0) {
    throw invalidRequest(
      `Received unknown parameter${unknown.length > 1 ? 's' : ''}: ${unknown.join(', ')}`,
      {
        code: 'parameter_unknown',
        param: unknown[0],
      },
    )
  }
  const values: Record<string, unknown> = {}
  for (const [key, param] of Object.entries(shape)) {
    const value = hash.get(key)
    if (value !== undefined) values[key] = param.parse(value, joinPath(path, key))
    else if ('required' in param) throw missing(joinPath(path, key))
  }
  return values as Infer<S>
}

/** The error for a required parameter that was not sent. */
export function missing(param: string) {
  return invalidRequest(`Missing required param: ${param}.`, { code: 'parameter_missing', param })
}

function joinPath(path: string, key: string): string {
  return path === '' ? key : `${path}[${key}]`
}

// ---- kinds of parameters

/** Makes a parameter required. */
export function required<T>(param: Param<T>): RequiredParam<T> {
  return { ...param, required: true }
}

/** A parameter that is unknown to API versions from that date on. */
export function removedIn<T>(date: string, param: Param<T>): Param<T> {
  return { ...param, removedIn: date }
}

/** An empty string unsets the value: it reads as null. */
export function clearable<T>(param: Param<T>): Param<T | null> {
  return { parse: (value, path) => (value === '' ? null : param.parse(value, path)) }
}

/** Text of at most `max` characters. */
export function string(max = 5000): Param<string> {
  return {
    parse: (value, path) => {
      const content = readText(value, path)
      if (content.length > max) {
        throw invalidRequest(
          `Invalid string: ${content.slice(0, 20)}…${content.slice(-20)}; must be at most ${max} characters`,
          { param: path },
        )
      }
      return content
    },
  }
}

export function email(): Param<string> {
  return {
    parse: (value, path) => {
      const content = readText(value, path)
      if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(content) || content.length > 512) {
        throw invalidRequest(`Invalid email address: ${content}`, { code: 'email_invalid', param: path })
      }
      return content
    },
  }
}

/** An absolute http or https URL. It may contain `{CHECKOUT_SESSION_ID}`. */
export function url(): Param<string> {
  return {
    parse: (value, path) => {
      const content = readText(value, path)
      if (!/^[a-z][a-z0-9+.-]*:/i.test(content)) {
        throw invalidRequest('Invalid URL: An explicit scheme (such as https) must be provided.', {
          code: 'url_invalid',
          param: path,
        })
      }
      if (!/^https?:\/\//i.test(content) || !URL.canParse(content) || content.length > 5000) {
        throw invalidRequest('Not a valid URL', { code: 'url_invalid', param: path })
      }
      return content
    },
  }
}

/** A whole number; `min` and `max` are inclusive. */
export function integer(range: { min?: number; max?: number } = {}): Param<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = range
  return {
    parse: (value, path) => {
      const content = readText(value, path)
      if (!/^-?\d+$/.test(content)) {
        throw invalidRequest(`Invalid integer: ${content}`, {
          code: 'parameter_invalid_integer',
          param: path,
        })
      }
      const number = Number(content)
      if (number < min) {
        const message =
          min === 1
            ? 'This value must be greater than or equal to 1.'
            : min === 0
              ? 'Invalid non-negative integer'
              : `This value must be greater than or equal to ${min}.`
        throw invalidRequest(message, { code: 'parameter_invalid_integer', param: path })
      }
      if (number > max) {
        throw invalidRequest(`This value must be less than or equal to ${max}.`, {
          code: 'parameter_invalid_integer',
          param: path,
        })
      }
      return number
    },
  }
}

/** A decimal number as text, for example `unit_amount_decimal`. */
export function decimal(): Param<string> {
  return {
    parse: (value, path) => {
      const content = readText(value, path)
      if (!/^-?\d+(\.\d{1,12})?$/.test(content))
        throw invalidRequest(`Invalid decimal: ${content}`, { param: path })
      return content
    },
  }
}

/** A number with decimals, for example `percent_off`. */
export function number(): Param<number> {
  return { parse: (value, path) => Number(decimal().parse(value, path)) }
}

export function boolean(): Param<boolean> {
  return {
    parse: (value, path) => {
      const content = readText(value, path)
      if (content !== 'true' && content !== 'false') {
        throw invalidRequest(`Invalid boolean: ${content}`, { param: path })
      }
      return content === 'true'
    },
  }
}

/** A moment in whole seconds since 1970. */
export function timestamp(): Param<number> {
  return integer({ min: 0 })
}

/** `now`, or a moment in whole seconds. */
export function timestampOrNow(): Param<number | 'now'> {
  return { parse: (value, path) => (value === 'now' ? 'now' : timestamp().parse(value, path)) }
}

/** A three-letter ISO currency code; read as lower case. */
export function currency(): Param<string> {
  return {
    parse: (value, path) => {
      const content = readText(value, path).toLowerCase()
      if (!/^[a-z]{3}$/.test(content) || !CURRENCIES.has(content)) {
        throw invalidRequest(
          `Invalid currency: ${content}. Stripe currently supports these currencies: ${[...CURRENCIES].join(', ')}`,
          {
            param: path,
          },
        )
      }
      return content
    },
  }
}

/** The currencies that Stripe names in this error, without `usdc`, which is no code of three letters. */
const CURRENCIES: ReadonlySet<string> = new Set(
  `
  usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf
  clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf idr
  ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr
  mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd
  shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar
  zmw btn ghs eek lvl svc vef ltl sll mro
`
    .trim()
    .split(/\s+/),
)

/** One of the given words. */
export function oneOf<const Word extends string>(...words: Word[]): Param<Word> {
  return {
    parse: (value, path) => {
      const content = readText(value, path)
      if (!(words as string[]).includes(content)) {
        const last = words.at(-1)
        const list =
          words.length > 1
            ? `one of ${words.slice(0, -1).join(', ')}${words.length > 2 ? ',' : ''} or ${last}`
            : last
        throw invalidRequest(`Invalid ${path}: must be ${list}`, { param: path })
      }
      return content as Word
    },
  }
}

/** A list; the SDK sends `name[0]`, `name[1]`, and an empty string for an empty list. */
export function list<T>(item: Param<T>, limits: { max?: number } = {}): Param<T[]> {
  return {
    parse: (value, path) => {
      if (value === '') return []
      if (typeof value === 'string') throw invalidRequest('Invalid array', { param: path })
      const keys = [...value.keys()]
      if (!keys.every((key) => /^\d+$/.test(key))) throw invalidRequest('Invalid array', { param: path })
      if (limits.max !== undefined && keys.length > limits.max) {
        throw invalidRequest(`Array ${path} exceeded maximum ${limits.max} allowed elements.`, {
          param: path,
        })
      }
      return keys
        .sort((a, b) => Number(a) - Number(b))
        .map((key) => item.parse(value.get(key) as FormValue, joinPath(path, key)))
    },
  }
}

/** A group of named parameters. */
export function hash<S extends Shape>(shape: S): Param<Infer<S>> {
  return {
    parse: (value, path) => {
      if (typeof value === 'string') throw invalidRequest('Invalid object', { param: path })
      return readParams(shape, value, path)
    },
  }
}

/** Groups of named parameters by currency, for example `currency_options`. */
export function byCurrency<S extends Shape>(shape: S): Param<Record<string, Infer<S>>> {
  const item = hash(shape)
  return {
    parse: (value, path) => {
      if (typeof value === 'string') throw invalidRequest('Invalid object', { param: path })
      const pairs = [...value].map(([key, option]) => {
        const at = joinPath(path, key)
        return [currency().parse(key, at), item.parse(option, at)] as const
      })
      return Object.fromEntries(pairs)
    },
  }
}

/** A moment or a range of moments, for example `created` of a list. */
export function range(): Param<{ gt?: number; gte?: number; lt?: number; lte?: number }> {
  const bounds = hash({ gt: timestamp(), gte: timestamp(), lt: timestamp(), lte: timestamp() })
  return {
    parse: (value, path) => {
      if (typeof value !== 'string') return bounds.parse(value, path)
      const moment = timestamp().parse(value, path)
      return { gte: moment, lte: moment }
    },
  }
}

const KEYS_MAX = 50
const KEY_CHARACTERS_MAX = 40
const VALUE_CHARACTERS_MAX = 500

/**
 * Key-value pairs. An empty value deletes its key. An empty hash reads as null and deletes all. See `mergeMetadata`.
 */
export function metadata(): Param<Metadata | null> {
  return {
    parse: (value, path) => {
      if (value === '') return null
      if (typeof value === 'string') throw invalidRequest('Invalid object', { param: path })
      const pairs: Metadata = {}
      for (const [key, item] of value) {
        if (typeof item !== 'string') {
          throw invalidRequest(
            `Metadata values must be strings, but for key "${key}" you passed in an object`,
            {
              param: path,
            },
          )
        }
        if (key.length > KEY_CHARACTERS_MAX) {
          throw invalidRequest(
            `Metadata keys can have up to 40 characters, but you passed in a key that is ${key.length} characters. Invalid key: ${key}`,
            { param: path },
          )
        }
        if (item.length > VALUE_CHARACTERS_MAX) {
          throw invalidRequest(
            `Metadata values can have up to 500 characters, but you passed in a value that is ${item.length} characters. Invalid value: ${item}`,
            { param: joinPath(path, key) },
          )
        }
        pairs[key] = item
      }
      if (Object.keys(pairs).length > KEYS_MAX) {
        throw invalidRequest(
          `You can have up to 50 metadata keys, but you passed in ${Object.keys(pairs).length}.`,
          { param: path },
        )
      }
      return pairs
    },
  }
}

/** Merges sent metadata into the current one by key. An empty value deletes its key, null deletes all. */
export function mergeMetadata(current: Metadata, sent: Metadata | null | undefined): Metadata {
  if (sent === undefined) return current
  if (sent === null) return {}
  return Object.fromEntries(Object.entries({ ...current, ...sent }).filter(([, value]) => value !== ''))
}

/** The parameters without effect of the request that is being read. Reading is synchronous. */
let ignoredPaths: string[] = []

/** Reads parameters, and returns those that were sent and have no effect, each once. */
export function collectIgnored<T>(read: () => T): { value: T; ignored: string[] } {
  ignoredPaths = []
  const value = read()
  return { value, ignored: [...new Set(ignoredPaths)] }
}

/** Whether a value asks for nothing: false, empty, or one of the given words, also in nested parameters. */
function asksNothing(value: FormValue, words: readonly string[]): boolean {
  if (typeof value === 'string') return words.includes(value)
  return [...value.values()].every((item) => asksNothing(item, words))
}

const NOTHING = ['', 'false']

/** Any value of a parameter that Stripe knows and that has no effect here. A request that sends one is warned of. */
export function ignored(): Param<unknown> {
  return {
    parse: (value, path) => {
      if (!asksNothing(value, NOTHING)) ignoredPaths.push(path.replace(/\[\d+\]/g, '[]'))
      return undefined
    },
  }
}

/** Several parameters that Stripe knows and that have no effect here. */
export function withoutEffect<Name extends string>(...names: Name[]): Record<Name, Param<unknown>> {
  return Object.fromEntries(names.map((name) => [name, ignored()])) as Record<Name, Param<unknown>>
}

/**
 * A parameter that would change an amount, a currency or the order of events, and that is not done here.
 * @param defaults values that ask for what happens anyway
 */
export function refusedUnless(...defaults: string[]): Param<unknown> {
  const words = defaults.length > 0 ? defaults : NOTHING
  return {
    parse: (value, path) => {
      if (!asksNothing(value, words)) throw refusal(path)
      return undefined
    },
  }
}

function refusal(path: string) {
  return invalidRequest(
    `Local Stripe does not support ${path}, which changes amounts or events at Stripe. Leave it out here, or test it in a sandbox of Stripe.`,
    { param: path },
  )
}

/** Several parameters that are refused, because they would change amounts or events. */
export function refused<Name extends string>(...names: Name[]): Record<Name, Param<unknown>> {
  return Object.fromEntries(names.map((name) => [name, refusedUnless()])) as Record<Name, Param<unknown>>
}

/** A group without effect, in which some names at any depth are refused unless they have a default value. */
export function withoutEffectExcept(names: Record<string, string[]>): Param<unknown> {
  const check = (value: FormValue, path: string): void => {
    if (typeof value === 'string') return
    for (const [key, item] of value) {
      const defaults = names[key]
      if (defaults && !asksNothing(item, ['', ...defaults])) throw refusal(joinPath(path, key))
      if (!defaults) check(item, joinPath(path, key))
    }
  }
  const plain = ignored()
  return {
    parse: (value, path) => {
      check(value, path)
      return plain.parse(value, path)
    },
  }
}

/** `automatic_tax` where the account may have tax settings. */
export const taxable = () => hash({ enabled: required(boolean()), ...withoutEffect('liability') })

/** `automatic_tax` where it is not supported: an account without tax settings, as here, gets this error from Stripe. */
export function automaticTax(): Param<{ enabled: boolean }> {
  const shape = taxable()
  return {
    parse: (value, path) => {
      const read = shape.parse(value, path)
      if (!read.enabled) return { enabled: false }
      throw invalidRequest(
        'You must have a valid head office address to enable automatic tax calculation in test mode. Visit https://dashboard.stripe.com/test/settings/tax to update it.',
        { param: path },
      )
    },
  }
}

function readText(value: FormValue, path: string): string {
  if (typeof value !== 'string')
    throw invalidRequest('Invalid string: must not be an object or a list', { param: path })
  if (value === '') {
    throw invalidRequest(
      `You passed an empty string for '${path}'. We assume empty values are an attempt to unset a parameter; however '${path}' cannot be unset. You should remove '${path}' from your request or supply a non-empty value.`,
      { code: 'parameter_invalid_empty', param: path },
    )
  }
  return value
}
