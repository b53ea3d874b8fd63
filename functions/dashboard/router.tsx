/** The addresses of the pages. Each page is loaded when it is first opened. */
import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  notFound,
  Outlet,
  redirect,
} from '@tanstack/react-router'
import { BASE_PATH } from './api/place.ts'
import type { Prefetch } from './hooks/use-list.ts'
import { isEnvironment } from './shell/environment.ts'
import { Layout } from './shell/layout.tsx'
import { NotFound } from './shell/not-found.tsx'
import { PageFailed } from './shell/page-failed.tsx'
import { readPreferences } from './shell/preferences.ts'

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound })

const start = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: `/${readPreferences().environment}/overview`, replace: true })
  },
})

const environment = createRoute({
  getParentRoute: () => root,
  path: '$environment',
  component: Layout,
  beforeLoad: ({ params }) => {
    if (!isEnvironment(params.environment)) throw notFound()
  },
})

const environmentStart = createRoute({
  getParentRoute: () => environment,
  path: '/',
  beforeLoad: ({ params }) => {
    throw redirect({ to: `/${params.environment}/overview`, replace: true })
  },
})

// biome-ignore lint/suspicious/noExplicitAny: the type of a lazily loaded page
type Loaded = () => Promise<any>
const loads = new Map<string, Loaded>()
const page = (path: string, load: Loaded, name: string) => {
  loads.set(`/$environment/${path}`, load)
  return createRoute({ getParentRoute: () => environment, path, component: lazyRouteComponent(load, name) })
}

const pages = [
  page('overview', () => import('./pages/overview/overview.tsx'), 'Overview'),
  page('catalogue', () => import('./pages/catalogue/catalogue.tsx'), 'Catalogue'),
  page('catalogue/$productId', () => import('./pages/catalogue/product.tsx'), 'ProductPage'),
  page('customers', () => import('./pages/customers/customers.tsx'), 'Customers'),
  page('customers/$customerId', () => import('./pages/customers/customer.tsx'), 'CustomerPage'),
  page('subscriptions', () => import('./pages/subscriptions/subscriptions.tsx'), 'Subscriptions'),
  page(
    'subscriptions/$subscriptionId',
    () => import('./pages/subscriptions/subscription.tsx'),
    'SubscriptionPage',
  ),
  page('payments', () => import('./pages/payments/payments.tsx'), 'Payments'),
  page('payments/$transactionId', () => import('./pages/payments/payment.tsx'), 'PaymentPage'),
  page('offers', () => import('./pages/offers/offers.tsx'), 'Offers'),
  page('invoices', () => import('./pages/invoices/invoices.tsx'), 'Invoices'),
  page('invoices/credit-notes', () => import('./pages/invoices/credit-notes.tsx'), 'CreditNotes'),
  page('invoices/$invoiceId', () => import('./pages/invoices/invoice.tsx'), 'InvoicePage'),
  page('events', () => import('./pages/events/events.tsx'), 'Events'),
  page('events/$eventId', () => import('./pages/events/event.tsx'), 'EventPage'),
  page('sessions', () => import('./pages/sessions/checkout-sessions.tsx'), 'CheckoutSessions'),
  page('sessions/portal', () => import('./pages/sessions/portal-sessions.tsx'), 'PortalSessions'),
  page('sync', () => import('./pages/sync/sync.tsx'), 'Sync'),
  page('sync/$syncRunId', () => import('./pages/sync/run.tsx'), 'SyncRunPage'),
  page('settings', () => import('./pages/settings/settings.tsx'), 'Settings'),
]

/** Every filter is a plain text in the address. */
const parseSearch = (text: string) => Object.fromEntries(new URLSearchParams(text))
function stringifySearch(search: Record<string, unknown>): string {
  const entries = Object.entries(search).filter(([, value]) => value !== undefined && value !== '')
  const text = new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString()
  return text === '' ? '' : `?${text}`
}

export const router = createRouter({
  routeTree: root.addChildren([start, environment.addChildren([environmentStart, ...pages])]),
  basepath: BASE_PATH,
  parseSearch,
  stringifySearch,
  scrollRestoration: true,
  defaultErrorComponent: PageFailed,
  defaultNotFoundComponent: NotFound,
})

/**
 * Begins to load the page in the address and what it shows first, without waiting for who is signed in. Whoever is not
 * gets no answer, and is asked for a key as ever.
 */
export async function preload(client: QueryClient): Promise<void> {
  const match = router.matchRoutes(router.latestLocation).at(-1)
  const load = loads.get(match?.routeId ?? '')
  if (match === undefined || load === undefined) return
  const { environment } = match.params as { environment?: string }
  const { prefetch } = (await load()) as { prefetch?: Prefetch }
  if (isEnvironment(environment))
    await prefetch?.(client, { environment }, match.search as Record<string, string>)
}
