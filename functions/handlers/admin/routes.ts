/** All routes of the admin API: what is routed, and what the OpenAPI document describes. */
import { catalogRoutes } from './catalog.ts'
import { connectionRoutes } from './connection.ts'
import { eventRoutes } from './events.ts'
import { listRoutes } from './lists.ts'
import type { Route } from './route.ts'
import { syncRoutes } from './sync.ts'

export const routes: Route[] = [
  ...connectionRoutes,
  ...catalogRoutes,
  ...listRoutes,
  ...eventRoutes,
  ...syncRoutes,
]
