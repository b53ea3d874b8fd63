/**
 * Whether the address to which Stripe delivers leads to these handlers. `GET` of that address changes nothing. The
 * handlers refuse it with a 405 of their own, which no other server returns.
 */
import type { Config } from '../core/config.ts'
import type { AddressProblem } from '../core/sql.ts'

/** A short limit, because health is asked for often. */
const PROBE_TIMEOUT_MS = 3_000

const SET_PUBLIC_URL =
  'Set PAYMENTS_PUBLIC_URL to the address at which Stripe reaches the handlers, with any prefix that a proxy or platform adds, and set up the webhook endpoint again.'

/** The next step for an address that leads elsewhere. */
function nextActionOf({ publicUrl, basePath }: Pick<Config, 'publicUrl' | 'basePath'>): string {
  const url = publicUrl?.replace(/\/+$/, '')
  if (url === undefined || basePath === '' || url.endsWith(basePath)) return SET_PUBLIC_URL
  return `PAYMENTS_BASE_PATH is ${basePath}, and PAYMENTS_PUBLIC_URL lacks it: set PAYMENTS_PUBLIC_URL to ${url}${basePath}, if the public address has that prefix, and set up the webhook endpoint again.`
}

/** Asks an address as a delivery would reach it. Null if these handlers are there. */
export async function probeAddress(
  url: string,
  config: Pick<Config, 'publicUrl' | 'basePath'>,
  timeoutMs = PROBE_TIMEOUT_MS,
): Promise<AddressProblem | null> {
  const wrong = (message: string): AddressProblem => ({
    kind: 'wrong',
    message,
    next_action: nextActionOf(config),
  })
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) })
    const text = await response.text()
    if (response.status === 405 && isOurs(text)) return null
    if (response.status >= 300 && response.status < 400)
      return wrong(`${url} redirects (${response.status}), and Stripe follows no redirect.`)
    return wrong(
      `${url} is not the address of these handlers: a GET returned ${response.status} instead of their 405.`,
    )
  } catch (error) {
    return {
      kind: 'unreachable',
      message: `${url} cannot be reached from here (${reasonOf(error, timeoutMs)}).`,
      next_action: `Start the handlers there, or correct the address. ${nextActionOf(config)}`,
    }
  }
}

function isOurs(text: string): boolean {
  try {
    return (JSON.parse(text) as { error?: unknown } | null)?.error === 'METHOD_NOT_ALLOWED'
  } catch {
    return false
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, message, cause } = error as Error & { cause?: { code?: string } }
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} seconds`
  return cause?.code ?? message
}
