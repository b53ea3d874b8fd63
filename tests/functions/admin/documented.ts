/** Holds answers against the OpenAPI document: what is not in it, or not as it says, fails the test that saw it. */
import { expect } from 'vitest'
import { z } from 'zod'

// biome-ignore lint/suspicious/noExplicitAny: a document of JSON
type Document = Record<string, any>

const schemas = new Map<string, z.ZodType>()

/** The path of the document that an address belongs to. */
export function documentedPath(document: Document, address: string): string | undefined {
  const path = address.split('?')[0] ?? ''
  const fits = (template: string) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path)
  const found = Object.keys(document.paths).filter(fits)
  // `/webhook-events/retry` is also a `/webhook-events/{eventId}`.
  return found.sort((a, b) => (a.match(/\{/g) ?? []).length - (b.match(/\{/g) ?? []).length)[0]
}

function validator(document: Document, name: string, schema: object): z.ZodType {
  let known = schemas.get(name)
  if (!known) {
    const text = JSON.stringify({ ...schema, $defs: document.components.schemas })
    known = z.fromJSONSchema(JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')))
    schemas.set(name, known)
  }
  return known
}

/**
 * Fails unless the document has this answer, status and body, for this route. Addresses that it does not have are left
 * out.
 */
export function checkAnswer(
  document: Document,
  method: string,
  address: string,
  { status, body }: { status: number; body: unknown },
): boolean {
  const path = documentedPath(document, address)
  const operation = path === undefined ? undefined : document.paths[path][method.toLowerCase()]
  if (operation === undefined) return false
  const documented = Object.keys(operation.responses)
  expect(documented, `${method} ${path} answers ${status}: ${JSON.stringify(body)}`).toContain(String(status))
  const { content } = operation.responses[String(status)]
  const [type] = typeof body === 'string' ? Object.keys(content) : ['application/json']
  expect(Object.keys(content), `${method} ${path} ${status}`).toEqual([type])
  if (typeof body === 'string') expect(['text/plain', 'text/csv']).toContain(type)
  const { schema } = content[type as string]
  const result = validator(document, `${method} ${path} ${status}`, schema).safeParse(body)
  expect(result.error?.issues ?? [], `${method} ${path} ${status}`).toEqual([])
  if (status >= 400) {
    const { error } = body as { error: string }
    expect(operation.responses[String(status)].description, `${method} ${path} ${status}`).toContain(error)
  }
  return true
}
