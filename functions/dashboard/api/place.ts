/** Where the dashboard and its API are. The server says so in `<base>`, so that every path prefix works. */

/** The address of the dashboard, with a slash at the end. */
export const ROOT = new URL('.', document.baseURI)

/** The path of the dashboard for the router, without a slash at the end. */
export const BASE_PATH = ROOT.pathname.replace(/\/$/, '')

/** Where the paths of the OpenAPI document are below the dashboard. */
const PLACES: [path: string, below: string][] = [
  ['/api/payments/', 'api/'],
  ['/dashboard/', ''],
]

/** The address of a route, which the server also serves below the dashboard. */
export function addressOf(path: string): URL {
  const place = PLACES.find(([start]) => path.startsWith(start))
  if (!place) throw new Error(`${path} is not served below the dashboard`)
  return new URL(place[1] + path.slice(place[0].length), ROOT)
}
