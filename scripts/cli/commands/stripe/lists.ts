/** `stripe customers`, `stripe subscriptions` and `stripe transactions`. */
import type { Command } from 'commander'
import type {
  ListPaymentCustomersResponse,
  ListPaymentTransactionsResponse,
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

/** Shows one page of a list. The name is its path and its field in the response. */
async function showPage<Page extends { nextCursor?: string | null }, Row>(
  { client, io, options, show }: Context<SubjectOptions>,
  name: keyof Page & string,
  columns: Column<Row>[],
): Promise<void> {
  const { environment, limit, cursor } = options
  const api = await client()
  const page = await api.get<Page>(`/${environment}/${name}`, { limit, cursor, ...subjectOf(options) })
  const rows = page[name] as Row[]
  show(page, () =>
    rows.length === 0
      ? `No ${name} in ${environment}.`
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
