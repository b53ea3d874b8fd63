import { useState } from 'react'

/**
 * A random key that stays the same while the component is mounted: a request that is repeated with it is carried out
 * once.
 */
export function useIdempotencyKey(): string {
  const [key] = useState(() =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
      '',
    ),
  )
  return key
}
