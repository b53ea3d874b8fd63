/** Computes `data.previous_attributes`: the former values of the changed fields. */
import type { Json } from './types.ts'

/**
 * The former values of the fields in which two snapshots of one object differ. A nested hash shows only its changed
 * keys. A list appears whole. A field that did not exist before is null.
 */
export function previousAttributes(before: object, after: object): Json {
  const previous: Json = {}
  const [old, now] = [before as Json, after as Json]
  for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
    if (isSame(old[key], now[key])) continue
    previous[key] =
      isHash(old[key]) && isHash(now[key]) ? previousAttributes(old[key], now[key]) : (old[key] ?? null)
  }
  return previous
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => isSame(item, b[i]))
  if (!isHash(a) || !isHash(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]))
  )
}

function isHash(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
