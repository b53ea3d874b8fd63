/** `types/api.ts`, from the schemas of the routes: a field of an answer is written there, and nowhere else by hand. */
import { z } from 'zod'
import { routes } from '../../../functions/admin/routes.ts'
import type { Meta } from '../../../functions/core/validation.ts'
import { errorResponse, pageSchema, publicRoutes } from './public-routes.ts'

type Io = 'input' | 'output'
type Schema = z.core.$ZodTypes

const LINE_WIDTH = 110

const metaOf = (schema: z.core.$ZodType) =>
  (z.globalRegistry.get(schema) ?? {}) as Meta & { description?: string }
const nameOf = (schema: z.core.$ZodType) => {
  const { typeName, id } = metaOf(schema)
  return typeName ?? id
}

/** Whether a field may be missing: in a request also because it has a default. */
function isOptional(schema: z.core.$ZodType, io: Io): boolean {
  const { def } = (schema as Schema)._zod
  return def.type === 'optional' || (def.type === 'default' && io === 'input')
}

/** The comment on a field. That of a named type is on the type. */
function descriptionOf(schema: z.core.$ZodType): string | undefined {
  const { description } = metaOf(schema)
  const { def } = (schema as Schema)._zod
  if (description !== undefined)
    return nameOf(schema) === undefined || metaOf(schema).typeDoc ? description : undefined
  return def.type === 'optional' || def.type === 'nullable' || def.type === 'default'
    ? descriptionOf(def.innerType)
    : undefined
}

function comment(text: string | undefined, indent: string): string {
  if (text === undefined) return ''
  if (indent.length + text.length + 7 <= LINE_WIDTH) return `${indent}/** ${text} */\n`
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? ''
    if (indent.length + last.length + word.length + 3 > LINE_WIDTH) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`
}

const OTHER_TEXT = { toString: () => '(string & {})' }
const quoted = (value: unknown) => (typeof value === 'string' ? `'${value}'` : String(value))

/** Prints types; a schema with a name becomes a declaration of its own. */
function typePrinter() {
  const declarations = new Map<string, string>()

  function typeOf(schema: z.core.$ZodType, io: Io, indent: string): string {
    const { printedAs } = metaOf(schema)
    if (printedAs !== undefined) return printedAs
    const name = nameOf(schema)
    if (name === undefined) return bodyOf(schema as Schema, io, indent)
    if (!declarations.has(name)) {
      declarations.set(name, '') // keeps its place before the types that it is made of
      const { typeDoc, id, description } = metaOf(schema)
      const doc = comment(typeDoc ?? (id === undefined ? undefined : description), '')
      declarations.set(name, `${doc}export type ${name} = ${bodyOf(schema as Schema, io, '')}\n`)
    }
    return name
  }

  function bodyOf(schema: Schema, io: Io, indent: string): string {
    const { def } = schema._zod
    switch (def.type) {
      case 'object':
        return objectType(def.shape, io, indent)
      case 'nullable':
        return `${typeOf(def.innerType, io, indent)} | null`
      case 'optional':
      case 'default':
        return typeOf(def.innerType, io, indent)
      case 'array': {
        const element = typeOf(def.element, io, indent)
        return /^[^{]*\|/.test(element) ? `(${element})[]` : `${element}[]`
      }
      case 'record':
        return `Record<string, ${typeOf(def.valueType, io, indent)}>`
      case 'enum':
        return unionOf(Object.values(def.entries), indent)
      case 'literal':
        return unionOf(def.values, indent)
      case 'pipe':
        return typeOf(io === 'input' ? def.in : def.out, io, indent)
      case 'string': {
        // An editor offers the known words, and every other text is allowed.
        const { knownWords } = metaOf(schema)
        return knownWords === undefined ? 'string' : unionOf([...knownWords, OTHER_TEXT], indent)
      }
      case 'number':
      case 'boolean':
      case 'unknown':
        return def.type
      default:
        throw new Error(
          `scripts/dev/generators/api-types.ts does not know how to print a schema of type ${def.type}.`,
        )
    }
  }

  function objectType(shape: Readonly<Record<string, z.core.$ZodType>>, io: Io, indent: string): string {
    const inner = `${indent}  `
    const fields = Object.entries(shape).map(([field, schema]) => {
      const mark = isOptional(schema, io) ? '?' : ''
      return `${comment(descriptionOf(schema), inner)}${inner}${field}${mark}: ${typeOf(schema, io, inner)}\n`
    })
    return `{\n${fields.join('')}${indent}}`
  }

  return { declarations, typeOf }
}

function unionOf(values: readonly unknown[], indent: string): string {
  const line = values.map(quoted).join(' | ')
  if (indent.length + line.length + 30 <= LINE_WIDTH) return line
  return values.map((value) => `\n${indent}  | ${quoted(value)}`).join('')
}

/** The text of `types/api.ts`. */
export function printApiTypes(): string {
  const { declarations, typeOf } = typePrinter()
  for (const { body, response } of [...publicRoutes, ...routes]) {
    if (body) typeOf(body, 'input', '')
    typeOf(response, 'output', '')
  }
  typeOf(pageSchema, 'output', '')
  typeOf(errorResponse, 'output', '')
  declarations.set('Operations', printOperations(typeOf))
  return `/**
 * The HTTP API in types: what a request carries and what an answer holds. Timestamps are ISO-8601 in UTC; money is an
 * integer in the currency's minor unit. Generated from the schemas of the routes by \`npm run generate\`. Do not edit.
 */

${[...declarations.values()].join('\n')}`
}

/** The types of each operation, by its id in the OpenAPI document. */
function printOperations(typeOf: ReturnType<typeof typePrinter>['typeOf']): string {
  const printed = [...publicRoutes, ...routes].map(({ id, params, query, body, response }) => {
    const given = (schema: z.ZodType | undefined) =>
      schema === undefined ? 'undefined' : typeOf(schema, 'input', '    ')
    const lines = [
      `    params: ${given(params)}\n`,
      `    query: ${given(query)}\n`,
      `    body: ${given(body)}\n`,
      `    response: ${typeOf(response, 'output', '    ')}\n`,
    ]
    return `  ${id}: {\n${lines.join('')}  }\n`
  })
  return `${comment('What each operation takes and returns, by its id in `types/openapi.json`.', '')}export type Operations = {
${printed.join('')}}
`
}

/** The fields that an answer always has, and never as null. */
function fieldsOf(response: z.core.$ZodType): string[] {
  const { def } = (response as Schema)._zod
  if (def.type !== 'object') return []
  return Object.entries(def.shape)
    .filter(([, field]) => !isOptional(field, 'output') && (field as Schema)._zod.def.type !== 'nullable')
    .map(([name]) => name)
}

/** The text of `functions/dashboard/api/routes.ts`. */
export function printRoutes(): string {
  const all = [...publicRoutes, ...routes.map((route) => ({ ...route, path: `/api/payments${route.path}` }))]
  const lines = all.map(
    ({ id, method, path, response }) =>
      `  ${id}: ['${method}', '${path}', [${fieldsOf(response).map(quoted).join(', ')}]],\n`,
  )
  return `/**
 * The method and the path of each operation, by its id in the OpenAPI document. Also the fields that its answer always
 * has and that are never null. Generated from the routes by \`npm run generate\`. Do not edit.
 */
export const ROUTES = {
${lines.join('')}} as const
`
}
