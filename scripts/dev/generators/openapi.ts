/**
 * `types/openapi.json`, from the schemas that validate and the routes that answer: for people, for tools, and for the
 * handlers, which serve it.
 */
import { z } from 'zod'
import { routes } from '../../../functions/admin/routes.ts'
import type { Route } from '../../../functions/core/route.ts'
import type { Meta } from '../../../functions/core/validation.ts'
import { VERSION } from '../../../functions/core/version.ts'
import type { ErrorCode } from '../../../types/api.ts'
import { errorResponse, type PublicRoute, publicRoutes } from './public-routes.ts'

type Json = Record<string, unknown>

/** Errors that every admin route can return. */
const EVERYWHERE: Partial<Record<number, ErrorCode[]>> = {
  400: ['INVALID_INPUT'],
  401: ['AUTH_INVALID_CREDENTIALS', 'AUTH_INVALID_API_KEY', 'AUTH_UNAUTHORIZED'],
  403: ['AUTH_UNAUTHORIZED'],
  500: ['INTERNAL_ERROR'],
  503: ['DATABASE_UNAVAILABLE', 'UPSTREAM_FAILURE', 'PAYMENT_SECRETS_UNREADABLE'],
}
/** Errors that a failure of Stripe can become. */
const FROM_STRIPE: Partial<Record<number, ErrorCode[]>> = {
  400: ['PAYMENT_CONFIG_INVALID', 'UPSTREAM_FAILURE'],
  401: ['PAYMENT_CONFIG_INVALID'],
  402: ['PAYMENT_METHOD_DECLINED'],
  403: ['PAYMENT_CONFIG_INVALID'],
  409: ['UPSTREAM_FAILURE'],
  429: ['RATE_LIMITED'],
  502: ['UPSTREAM_FAILURE'],
}
const WITH_BODY: Partial<Record<number, ErrorCode[]>> = { 413: ['PAYLOAD_TOO_LARGE'] }

const DESCRIPTIONS: Record<number, string> = {
  400: 'The request cannot be carried out.',
  401: 'The caller is not authenticated.',
  402: 'The payment method was declined.',
  403: 'Not allowed.',
  404: 'It does not exist.',
  409: 'It conflicts with the current state, or is in progress.',
  413: 'The body is larger than 1 MB.',
  429: 'Too many requests.',
  500: 'An error on our side.',
  502: 'Stripe failed or could not be reached.',
  503: 'The database could not be reached, or its secrets cannot be decrypted.',
}

function merged(...sets: (Partial<Record<number, ErrorCode[]>> | undefined)[]): [string, ErrorCode[]][] {
  const all = new Map<string, ErrorCode[]>()
  for (const set of sets) {
    for (const [status, codes = []] of Object.entries(set ?? {}))
      all.set(status, [...new Set([...(all.get(status) ?? []), ...codes])])
  }
  return [...all].sort(([a], [b]) => Number(a) - Number(b))
}

/** Schemas as JSON Schema. Those with a name become components of the document. */
function schemaPrinter() {
  const components: Json = {}

  function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
    const made = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: showMeta }) as Json
    const { $schema: _, $defs, ...rest } = made
    const own = rest.id
    const text = JSON.stringify({ rest: plain(rest), defs: $defs ?? {} }).replaceAll(
      '#/$defs/',
      '#/components/schemas/',
    )
    const { rest: inline, defs } = JSON.parse(text) as { rest: Json; defs: Record<string, Json> }
    for (const [id, definition] of Object.entries(defs)) components[id] = plain(definition)
    if (typeof own !== 'string') return inline
    components[own] = inline
    return { $ref: `#/components/schemas/${own}` }
  }

  function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
    if (!(schema instanceof z.ZodObject)) return []
    return Object.entries(schema.shape).map(([name, field]) => {
      const { description, ...shown } = schemaOf(field as z.ZodType, 'input')
      return {
        name,
        in: place,
        required: place === 'path' || !(field as z.ZodType).safeParse(undefined).success,
        ...(description === undefined ? {} : { description }),
        schema: shown,
      }
    })
  }

  const contentOf = (schema: z.ZodType, io: 'input' | 'output', type = 'application/json') => ({
    [type]: { schema: schemaOf(schema, io) },
  })

  return { components, parametersOf, contentOf }
}

/** A route as an operation of the document. */
function operationOf(
  definition: Route | PublicRoute,
  errors: [string, ErrorCode[]][],
  { parametersOf, contentOf }: ReturnType<typeof schemaPrinter>,
): Json {
  const { id, summary, description, params, query, body, bodyMayBeEmpty, status = 200, response } = definition
  const { contentType } = definition
  const parameters = [...parametersOf(params, 'path'), ...parametersOf(query, 'query')]
  const requestBody = () => ({
    required: bodyMayBeEmpty !== true,
    content: contentOf(body as z.ZodType, 'input'),
  })
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody() }),
    responses: {
      [status]: { description: 'Done.', content: contentOf(response, 'output', contentType) },
      ...Object.fromEntries(
        errors.map(([code, codes]) => [
          code,
          {
            description: `${DESCRIPTIONS[Number(code)] ?? 'Refused.'} ${codes.join(', ')}`,
            content: contentOf(errorResponse, 'output'),
          },
        ]),
      ),
    },
  }
}

const sorted = (values: Json): Json =>
  Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)))

/** Every operation by path, then by method. */
function pathsOf(printer: ReturnType<typeof schemaPrinter>): Json {
  const paths: Record<string, Json> = {}
  const add = (path: string, method: string, operation: Json) => {
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation }
  }
  for (const definition of publicRoutes) {
    add(definition.path, definition.method, {
      ...operationOf(definition, merged(definition.errors), printer),
      security: definition.security,
    })
  }
  for (const definition of routes) {
    const errors = merged(
      EVERYWHERE,
      definition.method === 'GET' ? undefined : WITH_BODY,
      definition.asksStripe ? FROM_STRIPE : undefined,
      definition.errors,
    )
    add(`/api/payments${definition.path}`, definition.method, {
      ...operationOf(definition, errors, printer),
      security: [{ adminKey: [] }, { bearer: [] }],
    })
  }
  return sorted(paths)
}

function document(): Json {
  const printer = schemaPrinter()
  const paths = pathsOf(printer)
  return {
    openapi: '3.1.0',
    info: {
      title: 'pg-payments',
      version: VERSION,
      description:
        "Stripe payments inside an application's own Postgres. Timestamps are ISO-8601 in UTC; money is an integer in the currency's minor unit. Unknown fields are refused. Lists are in the order that their summary says; pass `nextCursor` as `cursor` to get the next page.",
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths,
    components: {
      securitySchemes: SECURITY_SCHEMES,
      schemas: sorted(printer.components),
    },
  }
}

const SECURITY_SCHEMES = {
  adminKey: {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-key',
    description: 'The admin key; for `GET` also the read-only key.',
  },
  dashboardSession: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Secure-payments-dashboard',
    description: 'The session of the dashboard, for addresses below `/dashboard` only.',
  },
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'The admin key, or a token: of an admin for the admin routes, of a user for the others.',
  },
  stripeSignature: { type: 'apiKey', in: 'header', name: 'stripe-signature' },
}

/** Applies `shownAs`, and removes the keys that are for `types/api.ts` and for answers. */
function showMeta({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: Json }): void {
  const { shownAs } = (z.globalRegistry.get(zodSchema) ?? {}) as Meta
  if (shownAs !== undefined) {
    for (const key of Object.keys(jsonSchema)) delete jsonSchema[key]
    Object.assign(jsonSchema, shownAs)
  }
  for (const key of ['typeName', 'typeDoc', 'printedAs', 'knownWords', 'shownAs', 'redacted'])
    delete jsonSchema[key]
}

/** Removes redundant keys: the id of a component, which is its key, and a pattern beside the format of an instant. */
function plain(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema), (_, value) => {
    if (value === null || typeof value !== 'object' || typeof value.type !== 'string') return value
    const { id, pattern, ...rest } = value
    return {
      ...(typeof id === 'string' ? {} : { id }),
      ...rest,
      ...(pattern === undefined || rest.format === 'date-time' ? {} : { pattern }),
    }
  })
}

/** The file's text. */
export function printOpenapi(): string {
  return `${JSON.stringify(document(), null, 2)}\n`
}
