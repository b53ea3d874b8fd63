/** Where the dashboard and its API are. The server says so in `<base>`, so that every path prefix works. */

/** The address of the dashboard, with a slash at the end. */
export const ROOT = new URL('.', document.baseURI)

/** The path of the dashboard for the router, without a slash at the end. */
export const BASE_PATH = ROOT.pathname.replace(/\/$/, '')

const ADMIN_PATH = '/api/payments/'

/** The address of a route of the admin API, which the server also serves below the dashboard. */
export function addressOf(path: string): URL {
  if (!path.startsWith(ADMIN_PATH)) throw new Error(`${path} is not below ${ADMIN_PATH}`)
  return new URL(`api/${path.slice(ADMIN_PATH.length)}`, ROOT)
}

export const SESSION_ADDRESS = new URL('session', ROOT)
