/**
 * Escapes in JSON: a surrogate pair; U+0000 or half a pair, which Postgres cannot store as text; any other escape.
 */
const ESCAPES = /\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|\\u(?:0000|[dD][89a-fA-F]\w\w)|\\[\s\S]/g

/**
 * Replaces escapes that `jsonb` refuses by U+FFFD. Stripe passes on what people typed, and an event with such an
 * escape would be redelivered again and again. JSON without such escapes is returned unchanged.
 */
export function storable(json: string): string {
  if (!/\\u(?:0000|[dD][89a-fA-F])/.test(json)) return json
  return json.replace(ESCAPES, (found) => (/^\\u(?:0000|d[89a-f]..)$/i.test(found) ? '\\ufffd' : found))
}
