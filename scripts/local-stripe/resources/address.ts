/** Postal addresses, as parameters and in objects. */
import { string } from '../core/params.ts'

export const addressShape = {
  city: string(),
  country: string(),
  line1: string(),
  line2: string(),
  postal_code: string(),
  state: string(),
}

type AddressParams = { [K in keyof typeof addressShape]?: string }

/** An address with every field; null for those that are unknown. */
export function fullAddress(address: AddressParams) {
  return {
    city: address.city ?? null,
    country: address.country ?? null,
    line1: address.line1 ?? null,
    line2: address.line2 ?? null,
    postal_code: address.postal_code ?? null,
    state: address.state ?? null,
  }
}
