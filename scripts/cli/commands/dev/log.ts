/** One line for each event: what it is, and what became of it. */
import type { Log } from '../../../../functions/app.ts'
import { redact } from '../../../../functions/core/log.ts'
import type { StripeWebhookEvent } from '../../../../types/api.ts'
import type { DeliveryAttempt } from '../../../local-stripe/index.ts'
import { plain } from '../../support/output.ts'

const TYPE_WIDTH = 34

export type EventLog = {
  onDelivery: (attempt: DeliveryAttempt) => void
  /** The log of the handlers. The reasons in it explain the lines of events. */
  log: Log
}

/** @param write receives the lines */
export function createEventLog(write: (line: string) => void): EventLog {
  const processed = new Set<string>()
  const reasons = new Map<string, string>()

  const outcomeOf = ({ event, status, answer }: DeliveryAttempt): string => {
    if (status === null) return `not delivered: ${answer}`
    if (status >= 300) return `refused with ${status}: ${reasons.get(event) ?? messageOf(answer)}`
    const known = read<{ event?: StripeWebhookEvent }>(answer)?.event
    if (!known) return `delivered: ${status}`
    if (known.processingStatus !== 'processed') return known.processingStatus
    if (processed.has(event)) return 'duplicate: changed nothing'
    processed.add(event)
    return known.objectId ? `processed   ${known.objectId}` : 'processed'
  }

  return {
    onDelivery(attempt) {
      const time = new Date().toLocaleTimeString('en-GB')
      const again = attempt.attempt > 1 ? `  (attempt ${attempt.attempt})` : ''
      write(`${time}  ${attempt.type.padEnd(TYPE_WIDTH)}  ${redact(plain(outcomeOf(attempt)))}${again}`)
    },
    log: {
      info: () => {},
      error(event, fields = {}) {
        const { message, nextActions = '' } = (fields.cause ?? {}) as {
          message?: string
          nextActions?: string
        }
        if (event === 'webhook_failed' && typeof fields.id === 'string') {
          reasons.set(fields.id, message ?? 'no reason was given')
          return
        }
        write(redact(plain(`${event}: ${message ?? JSON.stringify(fields)} ${nextActions}`.trimEnd())))
      },
    },
  }
}

function messageOf(answer: string): string {
  return read<{ message?: string }>(answer)?.message ?? answer.slice(0, 200)
}

function read<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T
  } catch {
    return null
  }
}
