/** What the checks of the doctor have found. */
import { count } from '../../support/output.ts'

export type Finding = {
  check: string
  status: 'ok' | 'warning' | 'failed'
  message: string
  /** What to do about it. */
  next: string | null
}

export type Report = {
  ok(check: string, message: string): void
  warn(check: string, message: string, next: string): void
  fail(check: string, message: string, next: string): void
  /**
   * The failed ones first, then warnings; otherwise in the order of the checks, because one may depend on those
   * before it.
   */
  findings(): Finding[]
}

const ORDER: Finding['status'][] = ['failed', 'warning', 'ok']

export function createReport(): Report {
  const found: Finding[] = []
  return {
    ok: (check, message) => void found.push({ check, status: 'ok', message, next: null }),
    warn: (check, message, next) => void found.push({ check, status: 'warning', message, next }),
    fail: (check, message, next) => void found.push({ check, status: 'failed', message, next }),
    findings: () => found.toSorted((one, other) => ORDER.indexOf(one.status) - ORDER.indexOf(other.status)),
  }
}

/** Two clocks that differ by fewer seconds count as equal. */
export const CLOCK_WARNING_SECONDS = 5
/** Stripe's signatures are valid for 300 seconds. */
const CLOCK_FAILURE_SECONDS = 240

/** Reports how far the clock of this machine is ahead of another one. */
export function compareClocks(check: string, millisecondsAhead: number, report: Report): void {
  const seconds = Math.round(millisecondsAhead / 1000)
  const ahead = `This machine's clock is ${count(Math.abs(seconds), 'second')} ${seconds > 0 ? 'ahead of' : 'behind'} it.`
  const next = 'Let the clocks follow NTP.'
  if (Math.abs(seconds) >= CLOCK_FAILURE_SECONDS) report.fail(check, ahead, next)
  else if (Math.abs(seconds) >= CLOCK_WARNING_SECONDS) report.warn(check, ahead, next)
  else report.ok(check, 'the same as here')
}
