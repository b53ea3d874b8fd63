/**
 * The one way to the API. A deployed API is reached over HTTP; with a database alone, the same handlers run in this
 * process. The requests and the responses are the same.
 */
import { createHash } from 'node:crypto'
import { explained } from './database-problem.ts'
import { type CliError, cliError, EXIT, fromResponse, stopped } from './errors.ts'

export type Query = Record<string, string | number | boolean | null | undefined>

export type Client = {
  /** The deployed address; null for handlers in this process. */
  url: string | null
  get<T>(path: string, query?: Query): Promise<T>
  send<T>(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
    signal?: AbortSignal,
  ): Promise<T>
  /** How far the clock of this machine is ahead of the API's, by its last response; null if that does not say. */
  millisecondsAhead(): number | null
  close(): Promise<void>
}

const BASE = '/api/payments/stripe'

/** The API at an address, or else the handlers over a database. */
export type Target = {
  apiUrl: string | undefined
  /** Called only where there is an address. */
  apiKey: () => Promise<string>
  databaseUrl: string | undefined
  /** The configuration of handlers in this process. */
  env: Record<string, string | undefined>
}

export async function connect({ apiUrl, apiKey, databaseUrl, env }: Target): Promise<Client> {
  if (apiUrl) return overHttp(apiUrl, await apiKey())
  if (databaseUrl) return inProcess(databaseUrl, env)
  throw cliError('Neither an API nor a database is named.', {
    exitCode: EXIT.notConfigured,
    code: 'NOT_CONFIGURED',
    next: 'Set PAYMENTS_API_URL and PAYMENTS_ADMIN_KEY, or DATABASE_URL; or pass --api-url or --database-url.',
  })
}

function overHttp(apiUrl: string, key: string): Client {
  const base = apiUrl.replace(/\/+$/, '')
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol)) {
    throw cliError(`${apiUrl} is not an address.`, { next: 'It looks like https://payments.example.com.' })
  }
  const { hostname, protocol } = new URL(base)
  if (protocol === 'http:' && !/^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname)) {
    throw cliError(`${base} is not encrypted, and the admin key would travel in the clear.`, {
      next: 'Use https.',
    })
  }
  try {
    new Headers(credential(key))
  } catch {
    throw cliError('The admin key has a character that no request can carry.', {
      exitCode: EXIT.auth,
      code: 'AUTH_INVALID_API_KEY',
      next: 'Copy PAYMENTS_ADMIN_KEY again from where the handlers have it.',
    })
  }
  const dispatch = async (path: string, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(`${base}${path}`, init)
    } catch (error) {
      if (init.signal?.aborted) throw stopped('Stopped.')
      const cause = (error as { cause?: { code?: string } }).cause?.code
      throw cliError(`${base} cannot be reached${cause ? ` (${cause})` : ''}.`, {
        code: 'NETWORK_ERROR',
        next: 'Check the address and that the handlers are running.',
      })
    }
  }
  return clientOver(base, base, key, dispatch, async () => {})
}

/**
 * The handlers in this process, over the database. Nobody else can call them. Their admin key follows from the address of
 * the database: cursors are signed with it where there is no encryption key, and the next run must accept those of this.
 */
async function inProcess(databaseUrl: string, env: Record<string, string | undefined>): Promise<Client> {
  const { closeDeps, createApp, createDeps, createLog, isConfigError, readConfig } = await import(
    '../../../functions/app.ts'
  )
  const key = createHash('sha256').update(`pg-payments in process ${databaseUrl}`).digest('hex')
  let config: ReturnType<typeof readConfig>
  try {
    config = readConfig({
      ...env,
      DATABASE_URL: databaseUrl,
      PAYMENTS_ADMIN_KEY: key,
    })
  } catch (error) {
    if (!isConfigError(error)) throw error
    throw cliError(error.message, { exitCode: EXIT.notConfigured, code: 'NOT_CONFIGURED' })
  }
  const deps = createDeps(config, { log: createLog(() => {}) })
  const app = createApp(deps)
  const dispatch = async (path: string, init: RequestInit) =>
    app.fetch(new Request(`http://in-process${config.basePath}${path}`, init))
  const explain = (error: CliError) => explained(error, databaseUrl)
  return clientOver(null, 'The database', key, dispatch, () => closeDeps(deps), explain)
}

function clientOver(
  url: string | null,
  where: string,
  key: string,
  dispatch: (path: string, init: RequestInit) => Promise<Response>,
  close: () => Promise<void>,
  /** Adds what this side knows about a refusal. */
  explain = async (error: CliError) => error,
): Client {
  let ahead: number | null = null
  async function request<T>(method: string, path: string, body?: object, signal?: AbortSignal): Promise<T> {
    const before = Date.now()
    const response = await dispatch(`${BASE}${path}`, {
      method,
      headers: { ...credential(key), ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    })
    const clock = Date.parse(response.headers.get('date') ?? '')
    // The header has whole seconds: half a second later is the best guess.
    ahead = Number.isNaN(clock) ? null : (before + Date.now()) / 2 - clock - 500
    const text = await response.text()
    if (!response.ok) throw await explain(fromResponse(response.status, text, where))
    try {
      return JSON.parse(text) as T
    } catch {
      throw fromResponse(response.status, text, where)
    }
  }
  return {
    url,
    get: (path, query = {}) => {
      const given = Object.entries(query).flatMap(([name, value]) =>
        value === undefined || value === null ? [] : [[name, String(value)] as [string, string]],
      )
      const search = new URLSearchParams(given).toString()
      return request('GET', search === '' ? path : `${path}?${search}`)
    },
    send: (method, path, body, signal) => request(method, path, body, signal),
    millisecondsAhead: () => ahead,
    close,
  }
}

/** Reads every page of a list and returns them as one page. */
export async function everyPage<Page extends { nextCursor?: string | null }, Key extends keyof Page>(
  client: Client,
  path: string,
  key: Key,
  query: Query = {},
): Promise<Page> {
  let page = await client.get<Page>(path, query)
  let rows = page[key] as unknown[]
  while (page.nextCursor) {
    page = await client.get<Page>(path, { ...query, cursor: page.nextCursor })
    rows = [...rows, ...(page[key] as unknown[])]
  }
  return { ...page, [key]: rows }
}

/** The header for an admin key, or for the token of an admin, which is a JWT. */
const credential = (key: string): Record<string, string> =>
  /^[\w-]+\.[\w-]+\.[\w-]+$/.test(key) ? { authorization: `Bearer ${key}` } : { 'x-api-key': key }

/** One part of a path. */
export const segment = (value: string) => encodeURIComponent(value)
