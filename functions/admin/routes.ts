/** All routes of the admin API: what is routed, and what the OpenAPI document describes. */
import { catalogRoutes } from '../catalog/routes.ts'
import { connectionRoutes } from '../connection/routes.ts'
import type { Route } from '../core/route.ts'
import { eventRoutes } from '../events/routes.ts'
import { listRoutes } from '../lists/routes.ts'
import { syncRoutes } from '../sync/routes.ts'

export const routes: Route[] = [
  ...connectionRoutes,
  ...catalogRoutes,
  ...listRoutes,
  ...eventRoutes,
  ...syncRoutes,
]
