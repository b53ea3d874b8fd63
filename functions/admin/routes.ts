/** All routes of the admin API. The router and the OpenAPI document read this list. */
import { catalogRoutes } from '../catalog/routes.ts'
import { connectionRoutes } from '../connection/routes.ts'
import type { Route } from '../core/route.ts'
import { eventRoutes } from '../events/routes.ts'
import { listRoutes } from '../lists/routes.ts'
import { offerRoutes } from '../offers/routes.ts'
import { overviewRoutes } from '../overview/routes.ts'
import { ownerRoutes } from '../owners/routes.ts'
import { paymentRoutes } from '../payments/routes.ts'
import { syncRoutes } from '../sync/routes.ts'

export const routes: Route[] = [
  ...connectionRoutes,
  ...overviewRoutes,
  ...catalogRoutes,
  ...listRoutes,
  ...ownerRoutes,
  ...eventRoutes,
  ...offerRoutes,
  ...paymentRoutes,
  ...syncRoutes,
]
