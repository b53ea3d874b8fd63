/** Serves the files of the dashboard: what the build made of `functions/dashboard`, from memory. */
import { apiError } from '../core/errors.ts'
import type { BuiltFile } from './built.ts'

export type Files = Record<string, BuiltFile>

const INDEX = 'index.html'

/** Names with a hash are below this folder, so that their content never changes. */
const HASHED = 'assets/'

const NONCE = /__CSP_NONCE__/g

let loading: Promise<Files> | undefined

/** The built files. From the sources, those of the last build. */
async function loadFiles(): Promise<Files> {
  const { FILES } = await import('./built.ts')
  if (INDEX in FILES) return FILES
  try {
    const built = new URL('../../dist/functions/dashboard-server/built.js', import.meta.url).href
    return ((await import(built)) as { FILES: Files }).FILES
  } catch {
    return FILES
  }
}

const contents = new WeakMap<BuiltFile, Uint8Array<ArrayBuffer>>()

function gzipOf(file: BuiltFile): Uint8Array<ArrayBuffer> {
  let bytes = contents.get(file)
  if (bytes === undefined) {
    bytes = Uint8Array.from(atob(file.gzip), (char) => char.charCodeAt(0))
    contents.set(file, bytes)
  }
  return bytes
}

const unpacked = (file: BuiltFile): ReadableStream =>
  new Blob([gzipOf(file)]).stream().pipeThrough(new DecompressionStream('gzip'))

/** Nothing from elsewhere, no inline script, and no page around it. */
const policy = (nonce: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

/** What every file carries. */
const PROTECTION = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=()',
}

const newNonce = () => crypto.randomUUID().replaceAll('-', '')

/** The way from a page to the folder of the dashboard: relative, so that it holds under any prefix. */
const baseOf = (path: string) => '../'.repeat(path.split('/').length - 1) || './'

/**
 * The page, for any address of it. The server adds the `<base>`, against which a browser resolves every relative
 * address, and a nonce for style elements.
 */
async function page(file: BuiltFile, path: string): Promise<Response> {
  const nonce = newNonce()
  const html = await new Response(unpacked(file)).text()
  const text = html.replace('<head>', `<head><base href="${baseOf(path)}">`).replaceAll(NONCE, nonce)
  return new Response(text, {
    headers: {
      ...PROTECTION,
      'Content-Type': file.type,
      'Content-Security-Policy': policy(nonce),
      'Cache-Control': 'no-store',
    },
  })
}

function asset(file: BuiltFile, path: string, acceptsGzip: boolean): Response {
  const isHashed = path.startsWith(HASHED)
  return new Response(acceptsGzip ? gzipOf(file) : unpacked(file), {
    headers: {
      ...PROTECTION,
      'Content-Type': file.type,
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'Cache-Control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      Vary: 'Accept-Encoding',
      ...(acceptsGzip ? { 'Content-Encoding': 'gzip' } : {}),
    },
    // For Workers: the body is encoded already.
    ...(acceptsGzip ? { encodeBody: 'manual' } : {}),
  } as ResponseInit)
}

/**
 * Answers with a file of the dashboard, or with its page.
 *
 * @param path what follows `dashboard/`
 * @param given other files, for tests
 * @throws 404 for a file that is not there; 503 if the dashboard was not built
 */
export async function serveFile(request: Request, path: string, given?: Files): Promise<Response> {
  loading ??= loadFiles()
  const files = given ?? (await loading)
  const index = files[INDEX]
  if (index === undefined) {
    throw apiError(503, 'UPSTREAM_FAILURE', 'The dashboard is not built.', {
      nextActions: 'Run `npm run build`, and start the handlers again.',
    })
  }
  const file = Object.hasOwn(files, path) ? files[path] : undefined
  if (file !== undefined && file !== index) {
    const acceptsGzip = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(
      request.headers.get('accept-encoding') ?? '',
    )
    return asset(file, path, acceptsGzip)
  }
  const isPage = file === index || !path.slice(path.lastIndexOf('/') + 1).includes('.')
  if (isPage && !path.startsWith(HASHED)) return page(index, path)
  throw apiError(404, 'NOT_FOUND', 'There is nothing at this address.')
}
