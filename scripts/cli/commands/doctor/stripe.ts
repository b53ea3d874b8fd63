/** The Stripe key of an environment, its permissions, and the clock of Stripe. */
import type { Deps } from '../../../../functions/app.ts'
import type { ListedKind } from '../../../../functions/core/stripe.ts'
import type { StripeEnvironment } from '../../../../types/api.ts'
import { count } from '../../support/output.ts'
import { CLOCK_WARNING_SECONDS, compareClocks, type Report } from './report.ts'

/** The fields of the handlers' errors that the doctor shows. */
export type Failure = { status?: number; code?: string; message: string; nextActions?: string }

export async function checkStripe(environment: StripeEnvironment, deps: Deps, report: Report): Promise<void> {
  const { lackedPermissions, readKeyStates } = await import('../../../../functions/connection/keys.ts')
  const { source, maskedKey } = (await readKeyStates(deps))[environment]
  if (source === null) return // checkHealth reports when no environment has one
  let key: string
  try {
    key = await deps.secrets.secretKey(environment)
    // checkHealth reports a signing secret that cannot be opened.
    const allOpen = !(await deps.secrets.lostWebhookSecret(environment))
    if (source === 'database' && allOpen)
      report.ok(`${environment}: encryption key`, 'opens the stored secrets')
  } catch (error) {
    const { message, nextActions } = error as Failure
    report.fail(`${environment}: encryption key`, message, nextActions ?? 'Set PAYMENTS_ENCRYPTION_KEY.')
    return
  }
  try {
    await checkStripeClock(environment, deps, report)
    const lacked = await lackedPermissions(deps.config, environment, key)
    if (lacked === null) report.ok(`${environment}: Stripe key`, `${maskedKey} is accepted`)
    else {
      report.fail(
        `${environment}: Stripe key`,
        lacked,
        'Give the key these permissions in the Stripe Dashboard.',
      )
    }
  } catch (error) {
    const { status, message, nextActions } = error as Failure
    report.fail(
      `${environment}: Stripe key`,
      message,
      status === 401
        ? `Run: pg-payments stripe config set --environment ${environment}`
        : (nextActions ?? 'Try again in a moment.'),
    )
  }
}

/** Every useful key may read at least one of these lists. */
const READABLE: ListedKind[] = ['products', 'customers', 'events']

/**
 * By how many seconds someone has moved the clock of local Stripe forward, to see what time brings. 0 for Stripe itself,
 * whose clock must be right. No key is sent.
 */
async function secondsMoved(api: Deps['config']['stripe']['api']): Promise<number> {
  if (api === null || !['127.0.0.1', 'localhost', '[::1]', '::1'].includes(api.host)) return 0
  try {
    const response = await fetch(`${api.protocol}://${api.host}:${api.port}/_local/clock`)
    const { secondsAhead } = (await response.json()) as { secondsAhead?: unknown }
    return typeof secondsAhead === 'number' && secondsAhead > CLOCK_WARNING_SECONDS ? secondsAhead : 0
  } catch {
    return 0
  }
}

/** Compares the clocks by the first list that the key may read. */
async function checkStripeClock(environment: StripeEnvironment, deps: Deps, report: Report): Promise<void> {
  const stripe = await deps.stripe(environment)
  for (const kind of READABLE) {
    const before = Date.now()
    try {
      const { snapshotAt } = await stripe.list(kind, { limit: 1 })
      const received = Date.now()
      // snapshotAt is earlier than Stripe's clock, by the duration of the request and one second.
      const clock = Date.parse(snapshotAt) + (received - before) + 1000
      const moved = await secondsMoved(deps.config.stripe.api)
      if (moved === 0) compareClocks(`${environment}: clock of Stripe`, received - clock, report)
      else
        report.ok(
          `${environment}: clock of Stripe`,
          `local Stripe's clock was moved forward by ${count(moved, 'second')}`,
        )
      return
    } catch (error) {
      if ((error as Failure).status !== 403) throw error
    }
  }
}
