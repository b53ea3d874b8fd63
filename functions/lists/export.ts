/** Payments and refunds as CSV, page by page, so that a long export needs no memory. */
import type { PaymentTransaction, StripeEnvironment } from '../../types/api.ts'
import type { Deps } from '../core/deps.ts'
import { present } from '../core/present.ts'
import { type Filters, type PageArgs, readRowsOfPage } from '../core/reads.ts'
import { TRANSACTIONS } from './lists.ts'
import { transaction } from './schemas.ts'

const ROWS_PER_PAGE = 1000

type Cell = string | number | boolean | null | undefined

const COLUMNS: [name: string, read: (transaction: PaymentTransaction) => Cell][] = [
  ['id', ({ id }) => id],
  ['type', ({ type }) => type],
  ['status', ({ status }) => status],
  ['created_at', ({ providerCreatedAt }) => providerCreatedAt],
  ['paid_at', ({ paidAt }) => paidAt],
  ['failed_at', ({ failedAt }) => failedAt],
  ['refunded_at', ({ refundedAt }) => refundedAt],
  ['currency', ({ currency }) => currency],
  ['amount_in_minor_unit', ({ amount }) => amount],
  ['refunded_in_minor_unit', ({ amountRefunded }) => amountRefunded],
  ['lost_in_disputes_in_minor_unit', ({ amountDisputed }) => amountDisputed],
  ['dispute_status', ({ disputeStatus }) => disputeStatus],
  ['customer_id', ({ providerCustomerId }) => providerCustomerId],
  ['customer_email', ({ customerEmailSnapshot }) => customerEmailSnapshot],
  ['subject_type', ({ subjectType }) => subjectType],
  ['subject_id', ({ subjectId }) => subjectId],
  ['description', ({ description }) => description],
  ['payment_intent', ({ relatedObjectIds }) => relatedObjectIds.payment_intent],
  ['charge', ({ relatedObjectIds }) => relatedObjectIds.charge],
  ['invoice', ({ relatedObjectIds }) => relatedObjectIds.invoice],
  ['checkout_session', ({ relatedObjectIds }) => relatedObjectIds.checkout_session],
  ['subscription', ({ relatedObjectIds }) => relatedObjectIds.subscription],
  ['refund', ({ relatedObjectIds }) => relatedObjectIds.refund],
]

/**
 * A cell. A spreadsheet runs a text that begins like a formula, so an apostrophe comes before such a text.
 * See https://owasp.org/www-community/attacks/CSV_Injection.
 */
export function cell(value: Cell): string {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'string') return String(value)
  const safe = /^[\s]*[=+\-@\t\r＝＋－＠]/.test(value) ? `'${value}` : value
  return /[",\r\n']|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

const line = (cells: Cell[]) => `${cells.map(cell).join(',')}\r\n`

/** The lines of the export; the first has the byte order mark by which Excel knows UTF-8. */
async function* lines(
  environment: StripeEnvironment,
  filters: Filters,
  { database }: Pick<Deps, 'database'>,
) {
  yield `\ufeff${line(COLUMNS.map(([name]) => name))}`
  let after: PageArgs['after'] = null
  do {
    const page: Awaited<ReturnType<typeof readRowsOfPage<typeof transaction>>> = await readRowsOfPage(
      database,
      TRANSACTIONS,
      { environment, filters, limit: ROWS_PER_PAGE, after },
    )
    const payments = page.rows.map((row) => present(transaction, row))
    yield payments.map((payment) => line(COLUMNS.map(([, read]) => read(payment)))).join('')
    after = page.end
  } while (after !== null)
}

/** The export as a response that begins at once. The connections stay open until it has ended. */
export function exportTransactions(environment: StripeEnvironment, filters: Filters, deps: Deps): Response {
  const source = lines(environment, filters, deps)
  const encoder = new TextEncoder()
  let end: () => void = () => {}
  deps.background.waitUntil(
    new Promise<void>((resolve) => {
      end = resolve
    }),
  )
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await source.next()
        if (done || deps.background.stopping.aborted) {
          end()
          if (done) controller.close()
          else controller.error(new Error('The server stops.'))
        } else controller.enqueue(encoder.encode(value))
      } catch (error) {
        end()
        controller.error(error)
      }
    },
    async cancel() {
      end()
      await source.return(undefined)
    },
  })
  const day = new Date(deps.now()).toISOString().slice(0, 10)
  return new Response(body, {
    headers: {
      'Content-Type': 'text/csv; charset=utf-8',
      'Content-Disposition': `attachment; filename="payments-${environment}-${day}.csv"`,
    },
  })
}
