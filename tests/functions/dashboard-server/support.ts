/** The dashboard over HTTP, as its page uses it: a cookie, and the header against forged requests. */
import { gzipSync } from 'node:zlib'
import { createApp, createDeps, type Deps, readConfig } from '../../../functions/app.ts'
import { createLog } from '../../../functions/core/log.ts'
import type { Files } from '../../../functions/dashboard-server/files.ts'

const packed = (type: string, text: string) => ({ type, gzip: gzipSync(text).toString('base64') })

/** A page as the build makes one. */
export const FILES: Files = {
  'index.html': packed(
    'text/html; charset=utf-8',
    '<!doctype html><html><head><meta name="csp-nonce" content="__CSP_NONCE__"><script type="module" src="./assets/app-1a2b.js"></script></head><body><div id="root"></div></body></html>',
  ),
  'assets/app-1a2b.js': packed('text/javascript; charset=utf-8', 'console.log("dashboard")'),
  'favicon.svg': packed('image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"/>'),
}

export const READ_KEY = 'rk_read_only_key_of_these_tests'

export const ORIGIN = 'https://pay.example'

// biome-ignore lint/suspicious/noExplicitAny: bodies are compared here
type Body = Record<string, any>
export type Answer = { status: number; headers: Headers; body: Body; text: string }

export type Dashboard = {
  deps: Deps
  log(): string
  /** Moves the clock. */
  later(ms: number): void
  ask(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer>
  /** Signs in, and returns what a page sends from then on. */
  signIn(
    body: object,
  ): Promise<{ answer: Answer; cookie: string; csrf: string; headers: Record<string, string> }>
}

/** The headers that a browser adds to a request of the page. */
export const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin', origin: ORIGIN }

export function startDashboard(env: Record<string, string>, origin = ORIGIN): Dashboard {
  const lines: string[] = []
  let now = Date.now()
  const log = createLog((line) => lines.push(line))
  const deps = createDeps(readConfig(env), { log, now: () => now, dashboardFiles: FILES })
  const app = createApp(deps)

  const ask: Dashboard['ask'] = async (method, path, { body, headers = {} } = {}) => {
    const response = await app.fetch(
      new Request(`${origin}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson ? JSON.parse(text) : {},
    }
  }
  return {
    deps,
    log: () => lines.join('\n'),
    later: (ms) => {
      now += ms
    },
    ask,
    async signIn(body) {
      const answer = await ask('POST', `${env.PAYMENTS_BASE_PATH ?? ''}/dashboard/session`, {
        body,
        headers: SAME_ORIGIN,
      })
      const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? ''
      const csrf = answer.body.session?.csrfToken ?? ''
      return { answer, cookie, csrf, headers: { cookie, 'x-csrf-token': csrf, ...SAME_ORIGIN } }
    },
  }
}
