/**
 * Sessions of the dashboard. A session is a signed cookie, and no process keeps it: each process of a deployment
 * derives the same key from the configured secrets. When an admin key, the read-only key or the secret of tokens
 * changes, every session ends.
 */

import type { AdminRole } from '../core/auth.ts'
import { fromBase64Url, toBase64Url } from '../core/base64url.ts'
import type { Config } from '../core/config.ts'

export type Session = {
  /** Random; the CSRF token is derived from it. */
  id: string
  role: AdminRole
  signedInWith: 'key' | 'token' | 'link'
  /** Milliseconds since 1970. */
  expiresAt: number
  /** It cannot be renewed beyond this. */
  endsAt: number
}

const LIVES_MS = 60 * 60_000
const ENDS_AFTER_MS = 12 * 60 * 60_000

/** Browsers take a cookie of this name from https only. */
const SECURE_COOKIE = '__Secure-payments-dashboard'
const COOKIE = 'payments-dashboard'

const encoder = new TextEncoder()

/** A key for one purpose, of every secret that a session depends on. */
async function deriveKey(config: Config, purpose: string): Promise<CryptoKey> {
  const { adminKey, adminReadKey, adminRoles, jwtSecret, jwksUrl, encryptionKey, databaseUrl } = config
  const secrets = [adminKey, adminReadKey, jwtSecret, encryptionKey]
  const given = secrets.some((secret) => secret !== null) ? secrets : [databaseUrl]
  const material = encoder.encode(JSON.stringify([...given, jwksUrl, adminRoles]))
  const imported = await crypto.subtle.importKey('raw', material, 'HKDF', false, ['deriveKey'])
  const info = encoder.encode(`pg-payments dashboard ${purpose}`)
  const hmac = { name: 'HMAC', hash: 'SHA-256', length: 256 }
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(32), info }
  return crypto.subtle.deriveKey(derivation, imported, hmac, false, ['sign', 'verify'])
}

/** A new session. One of a token ends with the token. */
export function beginSession(
  { role, signedInWith }: Pick<Session, 'role' | 'signedInWith'>,
  now: number,
  tokenEndsAt = Number.POSITIVE_INFINITY,
): Session {
  const endsAt = Math.min(now + ENDS_AFTER_MS, tokenEndsAt)
  const expiresAt = Math.min(now + LIVES_MS, endsAt)
  return { id: crypto.randomUUID(), role, signedInWith, expiresAt, endsAt }
}

/** The session with a new expiry, if more than half of its time is over and it may live longer; else null. */
export function renewed(session: Session, now: number): Session | null {
  if (session.expiresAt - now > LIVES_MS / 2) return null
  const expiresAt = Math.min(now + LIVES_MS, session.endsAt)
  return expiresAt > session.expiresAt ? { ...session, expiresAt } : null
}

async function seal(config: Config, session: Session): Promise<string> {
  const content = encoder.encode(JSON.stringify(session))
  const signature = await crypto.subtle.sign('HMAC', await deriveKey(config, 'session'), content)
  return `${toBase64Url(content)}.${toBase64Url(new Uint8Array(signature))}`
}

async function open(config: Config, sealed: string): Promise<Session | null> {
  try {
    const [content, signature] = sealed.split('.').map(fromBase64Url)
    if (content === undefined || signature === undefined) return null
    const key = await deriveKey(config, 'session')
    if (!(await crypto.subtle.verify('HMAC', key, signature, content))) return null
    return JSON.parse(new TextDecoder().decode(content)) as Session
  } catch {
    return null // not a value of ours
  }
}

/** What the page sends with each change; no other page can read it. It is the same for as long as the session lasts. */
export async function csrfToken(config: Config, { id }: Session): Promise<string> {
  const key = await deriveKey(config, 'csrf')
  return toBase64Url(new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(id))))
}

/** The session of a request's cookie: `none` without one, `expired` if it is over or was signed with other secrets. */
export async function readSession(
  config: Config,
  headers: Headers,
  now: number,
): Promise<Session | 'none' | 'expired'> {
  const cookies = (headers.get('cookie') ?? '').split(';').map((pair) => pair.trim().split('='))
  const values = [SECURE_COOKIE, COOKIE].flatMap((name) => cookies.find(([own]) => own === name)?.[1] ?? [])
  for (const value of values) {
    const session = await open(config, value)
    if (session !== null && session.expiresAt > now) return session
  }
  return values.length === 0 ? 'none' : 'expired'
}

/** Whether the page was loaded over http from this machine, where a browser may drop a cookie that is `Secure`. */
function isPlainLoopback(request: Request): boolean {
  const page = request.headers.get('origin') ?? request.url
  if (!URL.canParse(page)) return false
  const { protocol, hostname } = new URL(page)
  return protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

/**
 * The headers that set the cookie of a session, or remove it. Without a `Path` a browser sends a cookie to the folder
 * of the address that set it: `…/dashboard`, under any prefix that a platform adds.
 */
export async function cookieHeaders(
  config: Config,
  request: Request,
  session: Session | null,
  now: number,
): Promise<string[]> {
  const gone = (name: string, flags = '') => `${name}=; Max-Age=0; HttpOnly; SameSite=Strict${flags}`
  if (session === null) return [gone(COOKIE), gone(SECURE_COOKIE, '; Secure')]
  const age = Math.max(0, Math.ceil((session.expiresAt - now) / 1000))
  const isPlain = isPlainLoopback(request)
  const name = isPlain ? COOKIE : SECURE_COOKIE
  const value = await seal(config, session)
  return [`${name}=${value}; Max-Age=${age}; HttpOnly; SameSite=Strict${isPlain ? '' : '; Secure'}`]
}

/**
 * Whether a page of this origin made the request. Browsers say so themselves where the page came over https or from
 * this machine. Null if nothing says anything: not a browser, or an old one.
 */
export function isSameOrigin(request: Request, { publicUrl }: Config): boolean | null {
  const { headers } = request
  const site = headers.get('sec-fetch-site')
  if (site !== null) return site === 'same-origin'
  const origin = headers.get('origin')
  if (origin === null) return null
  if (!URL.canParse(origin)) return false
  const hosts = [headers.get('host'), new URL(request.url).host, publicUrl && new URL(publicUrl).host]
  return hosts.includes(new URL(origin).host)
}
