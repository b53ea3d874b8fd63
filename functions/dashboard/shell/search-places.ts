/** Where each kind of search result is shown. */
import type { Answer } from '../api/call.ts'

export type SearchResult = Answer<'searchPayments'>['results'][number]
type Place = { to: string; search?: Record<string, string | undefined> }

export function placeOfResult({ kind, id, title, customerId }: SearchResult): Place {
  switch (kind) {
    case 'customer':
      return { to: `customers/${encodeURIComponent(id)}` }
    case 'subject':
      return customerId
        ? { to: `customers/${encodeURIComponent(customerId)}` }
        : { to: 'customers', search: { search: title } }
    case 'subscription':
      return { to: `subscriptions/${encodeURIComponent(id)}` }
    case 'transaction':
      return { to: `payments/${encodeURIComponent(id)}` }
    case 'event':
      return { to: `events/${encodeURIComponent(id)}` }
    case 'product':
      return { to: `catalogue/${encodeURIComponent(id)}` }
    case 'checkout_session':
      return { to: 'sessions', search: { checkoutSessionId: id } }
    case 'portal_session':
      return { to: 'sessions/portal', search: { customerId: customerId ?? undefined } }
    default:
      return { to: 'catalogue' }
  }
}
