/** JSON of Stripe's as Postgres can take it. */

/** Escapes in JSON: a pair of surrogates, what Postgres cannot store as text (U+0000, half a pair), any other escape. */
const ESCAPES = /\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|\\u(?:0000|[dD][89a-fA-F]\w\w)|\\[\s\S]/g

/**
 * The body as Postgres can take it. Stripe passes on what people typed, and an escape that `jsonb` refuses would make an event
 * come back for ever; it becomes U+FFFD. A body without such escapes stays as it is.
 */
export function storable(json: string): string {
  if (!/\\u(?:0000|[dD][89a-fA-F])/.test(json)) return json
  return json.replace(ESCAPES, (found) => (/^\\u(?:0000|d[89a-f]..)$/i.test(found) ? '\\ufffd' : found))
}
