/** Events as API resources (https://docs.stripe.com/api/events), newest first. */
import { noSuch } from '../core/errors.ts'
import { createdListShape, paginate } from '../core/pagination.ts'
import { boolean, list, string } from '../core/params.ts'
import { type Route, route } from '../core/route.ts'

const listEventsShape = {
  ...createdListShape,
  delivery_success: boolean(),
  type: string(),
  types: list(string(), { max: 20 }),
}

/** Whether a type matches a pattern. For example `charge.*` matches every type of that group. */
function matches(type: string, pattern: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern
}

export const eventRoutes: Route[] = [
  route('GET', '/v1/events', 'event', listEventsShape, ({ engine, params, path }) => {
    const wanted = params.types ?? (params.type === undefined ? null : [params.type])
    const found = engine.events
      .map((record) => record.event)
      .filter((event) => wanted === null || wanted.some((pattern) => matches(event.type, pattern)))
      .filter(
        (event) =>
          params.delivery_success === undefined || (event.pending_webhooks === 0) === params.delivery_success,
      )
      .reverse()
    return paginate(found, params, path, 'event')
  }),
  route('GET', '/v1/events/:id', 'event', {}, ({ engine, id }) => {
    const record = engine.events.find((candidate) => candidate.event.id === id)
    if (!record) throw noSuch('event', id)
    return record.event
  }),
]
