/** Where each kind of search result is shown. */
import type { SearchResult } from '../../../types/api.ts'

type Place = { to: string; search?: Record<string, string | undefined> }

export function placeOfResult({ kind, id }: SearchResult): Place {
  switch (kind) {
    case 'customer':
      return { to: `customers/${encodeURIComponent(id)}` }
    case 'subscription':
      return { to: `subscriptions/${encodeURIComponent(id)}` }
    case 'transaction':
      return { to: `payments/${encodeURIComponent(id)}` }
    case 'invoice':
      return { to: `invoices/${encodeURIComponent(id)}` }
    case 'event':
      return { to: `events/${encodeURIComponent(id)}` }
    case 'product':
      return { to: `catalogue/${encodeURIComponent(id)}` }
    case 'checkout_session':
      return { to: 'sessions', search: { checkoutSessionId: id } }
    default:
      return { to: 'catalogue', search: { search: id } }
  }
}
