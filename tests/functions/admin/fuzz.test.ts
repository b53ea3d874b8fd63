/**
 * 5,000 requests made from the OpenAPI document, right and wrong: every answer is documented, none is a fault of ours,
 * none has a secret.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import openapi from '../../../types/openapi.json' with { type: 'json' }
import { productEvent } from '../support/events.ts'
import { ADMIN_KEY, WEBHOOK_SECRET } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'
import {
  type AdminSystem,
  type Body,
  connect,
  ENCRYPTION_KEY,
  OTHER_ACCOUNT_KEY,
  startAdminSystem,
} from './support.ts'

const REQUESTS = 5_000
const AT_ONCE = 20

let system: AdminSystem
let ids: Record<string, string[]>
let user: string

beforeAll(async () => {
  system = await startAdminSystem({
    env: {
      STRIPE_TEST_WEBHOOK_SECRET: WEBHOOK_SECRET,
      STRIPE_LIVE_WEBHOOK_SECRET: 'whsec_live_in_these_tests',
    },
  })
  user = await userToken('ada')
  await connect(system)
  const product = await system.admin('POST', '/api/payments/stripe/test/catalog/products', { name: 'Cap' })
  const event = JSON.stringify(productEvent('prod_1', 'Cap', { id: 'evt_1' }))
  await system.database.sql`select payments.ingest_webhook_event('test', ${event}::text::jsonb)`
  await system.database.sql`
    update payments.webhook_events set processing_status = 'failed', processed_at = null`
  ids = {
    productId: [product.body.product.productId, 'prod_none'],
    priceId: [system.prices.once, system.prices.monthly, 'price_none'],
    eventId: ['evt_1', 'evt_none'],
    secretKey: [system.stripe.secretKey, OTHER_ACCOUNT_KEY, 'sk_live_wrong', 'rk_test_unknown'],
  }
})

afterAll(() => system.close())

type Operation = { method: string; path: string; operation: Body }

const document = openapi as Body
const operations: Operation[] = Object.entries(document.paths as Record<string, Body>).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
)

/** Mostly right, sometimes anything. */
const or = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 9, arbitrary: right }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) })

/** What a schema of the document asks for, or nearly. */
function anyOf(schema: Body, name = ''): fc.Arbitrary<unknown> {
  if (schema.$ref) return anyOf(document.components.schemas[schema.$ref.split('/').pop()], name)
  const pool = ids[name]
  if (pool) return or(fc.constantFrom(...pool))
  if (schema.enum) return or(fc.constantFrom(...schema.enum))
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((each: Body) => anyOf(each, name)))
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  if (type === 'boolean') return or(fc.boolean())
  if (type === 'null') return fc.constant(null)
  if (type === 'integer' || type === 'number')
    return or(
      fc.integer({ min: (schema.minimum ?? -5) - 1, max: Math.min((schema.maximum ?? 100) + 1, 2 ** 31) }),
    )
  if (type === 'array') return or(fc.array(anyOf(schema.items ?? {}), { maxLength: 3 }))
  if (type === 'object') {
    const { properties = {}, required = [], additionalProperties } = schema
    const known = Object.entries(properties as Record<string, Body>)
    const shape = Object.fromEntries(known.map(([key, value]) => [key, anyOf(value, key)]))
    if (known.length === 0 && additionalProperties !== false)
      return or(
        fc.dictionary(fc.string({ unit: 'binary', maxLength: 45 }), anyOf(additionalProperties ?? {}), {
          maxKeys: 3,
        }),
      )
    return or(fc.record(shape, { requiredKeys: required }))
  }
  if (schema.format === 'date-time')
    return or(fc.date({ noInvalidDate: true }).map((date) => date.toISOString()))
  if (schema.format === 'uri' || /url$/i.test(name)) return or(fc.webUrl())
  if (type === 'string')
    return or(fc.string({ unit: 'binary', maxLength: Math.min(schema.maxLength ?? 30, 30) }))
  return fc.jsonValue({ maxDepth: 2 })
}

const inPath = (name: string) =>
  name === 'environment'
    ? fc.oneof(
        { weight: 12, arbitrary: fc.constant('test') },
        { weight: 1, arbitrary: fc.constantFrom('live', 'staging') },
      )
    : fc
        .oneof(
          { weight: 4, arbitrary: fc.constantFrom(...(ids[name] ?? ['x'])) },
          { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }) },
        )
        .filter((value) => value !== '.' && value !== '..')

type Request = { method: string; address: string; body: string | undefined; who: string }

function requestOf({ method, path, operation }: Operation): fc.Arbitrary<Request> {
  const parameters = (operation.parameters ?? []) as Body[]
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  const query = parameters.filter((parameter) => parameter.in === 'query')
  const content = operation.requestBody?.content['application/json'].schema as Body | undefined
  return fc
    .record({
      path: fc.tuple(...names.map(inPath)),
      query: fc.record(Object.fromEntries(query.map(({ name, schema }) => [name, anyOf(schema, name)])), {
        requiredKeys: [],
      }),
      more: fc.oneof(
        { weight: 15, arbitrary: fc.constant('') },
        { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
      ),
      body: content ? anyOf(content) : fc.constant(undefined),
      broken: fc.oneof(
        { weight: 30, arbitrary: fc.constant(false) },
        { weight: 1, arbitrary: fc.constant(true) },
      ),
      who: fc.oneof(
        { weight: 12, arbitrary: fc.constant('admin') },
        { weight: 1, arbitrary: fc.constantFrom('nobody', 'user', 'stranger') },
      ),
    })
    .map(({ path: values, query, more, body, broken, who }) => {
      const search = new URLSearchParams(
        Object.entries(query).map(([key, value]) => [
          key,
          typeof value === 'string' ? value : JSON.stringify(value),
        ]),
      )
      if (more !== '') search.append(more, 'x')
      const address = names.reduce(
        (text, name, index) => text.replace(`{${name}}`, encode(String(values[index]))),
        path,
      )
      const text = body === undefined ? undefined : JSON.stringify(body)
      return {
        method,
        address: search.size > 0 ? `${address}?${search}` : address,
        body: broken ? text?.slice(1) : text,
        who,
      }
    })
}

/** Half a surrogate pair cannot be sent in an address at all. */
const encode = (text: string) => encodeURIComponent(new TextDecoder().decode(new TextEncoder().encode(text)))

const runtime = (address: string) => /-sessions(\?|$)|\/webhooks\/|\/health(\?|$)/.test(address)

const headersOf = (who: string, address: string): Record<string, string> => {
  if (who === 'admin' && runtime(address)) return { authorization: `Bearer ${user}` }
  if (who === 'admin') return { 'x-api-key': ADMIN_KEY }
  if (who === 'user') return { authorization: `Bearer ${user}` }
  if (who === 'stranger') return { authorization: 'Bearer somebody' }
  return {}
}

it('every answer to any request is documented and no fault of ours', { timeout: 120_000 }, async () => {
  // Removing the key is tried as well, but seldom, so that the rest has one.
  const weighted = operations.map((each) => ({
    weight: /\/config$|\/sync$|\/recover$|\/rebuild$|\/schedule$/.test(each.path) ? 1 : 4,
    arbitrary: fc.constant(each).chain(requestOf),
  }))
  const statuses = new Map<number, number>()
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(...weighted), { minLength: AT_ONCE, maxLength: AT_ONCE }),
      async (requests) => {
        await Promise.all(
          requests.map(async ({ method, address, body, who }) => {
            const answer = await system.call(method, address, { body, headers: headersOf(who, address) })
            expect(answer.status, `${method} ${address} ${body} ${answer.text}`).toBeLessThan(500)
            if (answer.status >= 400) expect(answer.body.message, answer.text).toMatch(/\S/)
            statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
            if (answer.status < 300)
              seen.add(`${method} ${address.split('?')[0]?.split('/').slice(5).join('/')}`)
          }),
        )
        const [row] = await system.database.sql`
        select count(*)::integer as keys from payments_private.secrets where kind = 'secret_key' and environment = 'test'`
        if (row?.keys === 0) await connect(system).catch(() => {})
      },
    ),
    { numRuns: REQUESTS / AT_ONCE, endOnFailure: true },
  )
  expect([...statuses.values()].reduce((sum, count) => sum + count)).toBe(REQUESTS)
  for (const status of [200, 201, 400, 401, 403, 404])
    expect(statuses.get(status), String(status)).toBeGreaterThan(0)

  const said = `${system.answered()}\n${system.server.log()}`
  for (const secret of [
    system.stripe.secretKey,
    OTHER_ACCOUNT_KEY,
    ENCRYPTION_KEY,
    ADMIN_KEY,
    WEBHOOK_SECRET,
    user,
  ])
    expect(said.includes(secret), secret.slice(0, 8)).toBe(false)
  expect(said).not.toMatch(/whsec_[A-Za-z0-9]{4}/)
})
