/** `stripe customers`, `stripe subscriptions`, `stripe invoices`, `stripe credit-notes` and `stripe transactions`. */
import type { Command } from 'commander'
import type {
  ListPaymentCustomersResponse,
  ListPaymentTransactionsResponse,
  ListStripeCreditNotesResponse,
  ListStripeInvoicesResponse,
  ListStripeSubscriptionsResponse,
} from '../../../../types/api.ts'
import { action, type Context } from '../../support/context.ts'
import { cliError } from '../../support/errors.ts'
import { environmentOption, type InEnvironment, limitOption } from '../../support/options.ts'
import { type Column, money, more, table, when } from '../../support/output.ts'

type PageOptions = InEnvironment & { limit: number; cursor?: string }
type SubjectOptions = PageOptions & { subjectType?: string; subjectId?: string }

type Customer = ListPaymentCustomersResponse['customers'][number]
type Subscription = ListStripeSubscriptionsResponse['subscriptions'][number]
type Invoice = ListStripeInvoicesResponse['invoices'][number]
type CreditNote = ListStripeCreditNotesResponse['creditNotes'][number]
type Transaction = ListPaymentTransactionsResponse['transactions'][number]

export function registerLists(parent: Command): void {
  withPage(
    parent
      .command('customers')
      .description('customers, with what they have paid')
      .addOption(environmentOption()),
  ).action(
    action<PageOptions, []>((context) =>
      showPage<ListPaymentCustomersResponse, Customer>(context, 'customers', CUSTOMER_COLUMNS),
    ),
  )
  withSubject(parent.command('subscriptions').description('subscriptions, the newest change first')).action(
    action<SubjectOptions, []>((context) =>
      showPage<ListStripeSubscriptionsResponse, Subscription>(context, 'subscriptions', SUBSCRIPTION_COLUMNS),
    ),
  )
  withSubject(parent.command('invoices').description('invoices, the newest first')).action(
    action<SubjectOptions, []>((context) =>
      showPage<ListStripeInvoicesResponse, Invoice>(context, 'invoices', INVOICE_COLUMNS),
    ),
  )
  withSubject(parent.command('credit-notes').description('credit notes, the newest first')).action(
    action<SubjectOptions, []>((context) =>
      showPage<ListStripeCreditNotesResponse, CreditNote>(
        context,
        'creditNotes',
        CREDIT_NOTE_COLUMNS,
        'credit-notes',
      ),
    ),
  )
  registerTransactions(parent, 'transactions')
}

export function registerTransactions(parent: Command, name: string): void {
  withSubject(parent.command(name).description('payments and refunds, the newest first')).action(
    action<SubjectOptions, []>((context) =>
      showPage<ListPaymentTransactionsResponse, Transaction>(context, 'transactions', TRANSACTION_COLUMNS),
    ),
  )
}

const withPage = (command: Command) =>
  command.addOption(limitOption()).option('--cursor <cursor>', 'the cursor of the page before')

const withSubject = (command: Command) =>
  withPage(
    command
      .addOption(environmentOption())
      .option('--subject-type <type>', 'of one billing subject, together with --subject-id')
      .option('--subject-id <id>', 'of one billing subject, together with --subject-type'),
  )

/** Shows one page of a list. The name is its field in the response, and its path unless that is given. */
async function showPage<Page extends { nextCursor?: string | null }, Row>(
  { client, io, options, show }: Context<SubjectOptions>,
  name: keyof Page & string,
  columns: Column<Row>[],
  path: string = name,
): Promise<void> {
  const { environment, limit, cursor } = options
  const api = await client()
  const page = await api.get<Page>(`/${environment}/${path}`, { limit, cursor, ...subjectOf(options) })
  const rows = page[name] as Row[]
  show(page, () =>
    rows.length === 0
      ? `No ${path.replaceAll('-', ' ')} in ${environment}.`
      : table(columns, rows, io.stdout.columns) + more(page.nextCursor),
  )
}

function subjectOf({ subjectType, subjectId }: SubjectOptions) {
  if ((subjectType === undefined) === (subjectId === undefined)) return { subjectType, subjectId }
  throw cliError('A subject is a type and an id.', {
    code: 'INVALID_INPUT',
    next: 'Give both --subject-type and --subject-id.',
  })
}

const subjectName = ({ subjectType, subjectId }: { subjectType: string | null; subjectId: string | null }) =>
  subjectType === null ? null : `${subjectType} ${subjectId}`

const CUSTOMER_COLUMNS: Column<Customer>[] = [
  { title: 'CUSTOMER', value: (row) => row.providerCustomerId },
  { title: 'NAME', value: (row) => row.name, flexible: true },
  { title: 'E-MAIL', value: (row) => row.email, flexible: true },
  { title: 'PAYMENTS', value: (row) => row.paymentsCount, align: 'right' },
  { title: 'PAID', value: (row) => money(row.totalSpend, row.totalSpendCurrency), align: 'right' },
  { title: 'LAST PAYMENT', value: (row) => when(row.lastPaymentAt), flexible: true },
  { title: 'STATE', value: (row) => (row.deleted ? 'deleted' : 'active') },
]

const SUBSCRIPTION_COLUMNS: Column<Subscription>[] = [
  { title: 'SUBSCRIPTION', value: (row) => row.subscriptionId },
  { title: 'STATUS', value: (row) => (row.cancelAtPeriodEnd ? `${row.status}, ending` : row.status) },
  { title: 'SUBJECT', value: subjectName, flexible: true },
  { title: 'CUSTOMER', value: (row) => row.customerId, flexible: true },
  {
    title: 'PRICES',
    value: (row) => row.items.map(({ priceId, quantity }) => `${quantity ?? 1} × ${priceId}`).join(', '),
    flexible: true,
  },
  { title: 'PERIOD ENDS', value: (row) => when(row.currentPeriodEnd), flexible: true },
]

const INVOICE_COLUMNS: Column<Invoice>[] = [
  { title: 'WHEN', value: (row) => when(row.finalizedAt ?? row.providerCreatedAt), flexible: true },
  { title: 'NUMBER', value: (row) => row.number ?? row.invoiceId },
  { title: 'STATUS', value: (row) => (row.deleted ? 'deleted' : row.status) },
  { title: 'TOTAL', value: (row) => money(row.total, row.currency), align: 'right' },
  { title: 'REMAINING', value: (row) => money(row.amountRemaining, row.currency), align: 'right' },
  { title: 'DUE', value: (row) => when(row.dueAt), flexible: true },
  { title: 'SUBJECT', value: subjectName, flexible: true },
  { title: 'CUSTOMER', value: (row) => row.customerId, flexible: true },
]

const CREDIT_NOTE_COLUMNS: Column<CreditNote>[] = [
  { title: 'WHEN', value: (row) => when(row.providerCreatedAt), flexible: true },
  { title: 'NUMBER', value: (row) => row.number ?? row.creditNoteId },
  { title: 'STATUS', value: (row) => row.status },
  { title: 'AMOUNT', value: (row) => money(row.amount, row.currency), align: 'right' },
  { title: 'REASON', value: (row) => row.reason?.replaceAll('_', ' ') ?? null, flexible: true },
  { title: 'SUBJECT', value: subjectName, flexible: true },
  { title: 'INVOICE', value: (row) => row.invoiceId },
]

const TRANSACTION_COLUMNS: Column<Transaction>[] = [
  {
    title: 'WHEN',
    value: (row) => when(row.paidAt ?? row.failedAt ?? row.providerCreatedAt),
    flexible: true,
  },
  { title: 'TYPE', value: (row) => row.type.replaceAll('_', ' '), flexible: true },
  {
    title: 'STATUS',
    value: ({ status, disputeStatus }) =>
      (disputeStatus ? `${status}, dispute ${disputeStatus}` : status).replaceAll('_', ' '),
  },
  { title: 'AMOUNT', value: (row) => money(row.amount, row.currency), align: 'right' },
  {
    title: 'REFUNDED',
    value: (row) => (row.amountRefunded ? money(row.amountRefunded, row.currency) : null),
    align: 'right',
  },
  { title: 'SUBJECT', value: subjectName, flexible: true },
  { title: 'REFERENCE', value: (row) => row.providerReferenceId },
]
