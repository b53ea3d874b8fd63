/** What the app calls its orders and their lines. */
import { cliError } from '../../support/errors.ts'
import { parseTable, show } from './inspect.ts'
import type { KeyType } from './render.ts'
import { type Finding, findColumn, findSchema, findTable, keyTypeOf, notThere } from './settings.ts'
import type { Orders } from './shapes.ts'

type Found = { orders: Orders; userKeyType: KeyType }

export async function findOrders(finding: Finding, subject: string, schema: string): Promise<Found> {
  const { options, ask, inspector, problems } = finding
  const table = parseTable(await ask.text(options.orders, 'The table of orders', 'public.orders'), schema)
  const isThere = await findTable(inspector, table, problems)
  if (options.createOrders) {
    if (isThere && inspector !== null)
      throw cliError(`${show(table)} is there already, so it cannot be created. Nothing was written.`, {
        code: 'TEMPLATE_DOES_NOT_FIT',
        next: 'Leave out --create-orders to use it, or name another one with --orders.',
      })
    problems.length = 0
    await findSchema(inspector, table.schema, problems)
    return newOrders(finding, table, subject)
  }
  if (!isThere) {
    problems.push('To create it with its lines, add --create-orders.')
    throw notThere(problems)
  }
  return existingOrders(finding, table)
}

async function newOrders(finding: Finding, table: Orders['table'], subject: string): Promise<Found> {
  const { options } = finding
  const key = {
    flag: '--key-type',
    value: options.keyType,
    message: 'The type of the ids of orders.',
    isNew: true,
  }
  const keyType = await keyTypeOf(finding, key, null)
  const userKey = {
    flag: '--user-key-type',
    value: options.userKeyType ?? options.keyType,
    message: `The type of the ids of a ${subject}.`,
    isNew: true,
  }
  const orders: Orders = {
    table,
    isNew: true,
    keyType,
    id: options.orderId ?? 'id',
    user: options.orderUser ?? `${subject}_id`,
    amount: options.orderAmount ?? 'amount',
    currency: { column: options.orderCurrency ?? 'currency' },
    status: options.orderStatus ?? 'status',
    paidValue: options.paidValue ?? 'paid',
    refundedValue: options.refundedValue ?? 'refunded',
    lines: {
      table: parseTable(options.lines ?? `${table.name.replace(/s$/, '')}_lines`, table.schema),
      order: options.lineOrder ?? 'order_id',
      price: options.linePrice ?? 'price',
      quantity: options.lineQuantity ?? 'quantity',
    },
  }
  return { orders, userKeyType: await keyTypeOf(finding, userKey, null) }
}

const optional = (text: string): string | null => (text === 'none' || text === '' ? null : text)

async function existingOrders(finding: Finding, table: Orders['table']): Promise<Found> {
  const { options, ask, inspector, problems } = finding
  const id = await ask.text(options.orderId, 'Its column of the id', 'id')
  const keyType = await keyTypeOf(
    finding,
    { flag: '--key-type', value: options.keyType, message: 'The type of the ids of orders.' },
    { table, name: id },
  )
  const columns = await inspector?.columns(table)
  if (inspector && columns?.has(id) && !(await inspector.isUnique(table, id)))
    problems.push(
      `${show(table)}.${id} is not unique by itself, and a checkout names its order by one value. Name a column that is, or add a unique index.`,
    )
  const likely = (names: string[], otherwise: string) => names.find((name) => columns?.has(name)) ?? otherwise
  const user = optional(
    await ask.text(
      options.orderUser,
      'Its column of who buys, or none',
      likely(['user_id', 'customer_id'], columns ? 'none' : 'user_id'),
    ),
  )
  const amount = await ask.text(
    options.orderAmount,
    'Its column of the amount before discounts, in cents or whatever is smallest',
    likely(['amount', 'amount_cents', 'total_cents', 'total'], 'amount'),
  )
  const amountColumn = await findColumn(inspector, table, amount, problems)
  if (amountColumn && amountColumn.key !== 'bigint')
    problems.push(
      `${show(table)}.${amount} has the type ${amountColumn.type}. An amount is a whole number in the smallest unit of the currency: integer or bigint.`,
    )
  const currency = await findCurrency(finding, table, likely(['currency', 'currency_code'], 'currency'))
  const status = optional(
    await ask.text(
      options.orderStatus,
      'Its column of the status, or none',
      likely(['status', 'state'], columns ? 'none' : 'status'),
    ),
  )
  const paidValue =
    status === null ? 'paid' : await ask.text(options.paidValue, 'The status of a paid order', 'paid')
  const refundedValue = optional(options.refundedValue ?? 'none')
  await checkStatus(finding, table, status, [paidValue, refundedValue])
  const userKeyType =
    user === null
      ? keyType
      : await keyTypeOf(
          finding,
          {
            flag: '--user-key-type',
            value: options.userKeyType ?? (inspector ? undefined : options.keyType),
            message: 'The type of the ids of who buys.',
          },
          { table, name: user },
        )
  const lines = await findLines(finding, table)
  return {
    orders: {
      table,
      isNew: false,
      keyType,
      id,
      user,
      amount,
      currency,
      status,
      paidValue,
      refundedValue,
      lines,
    },
    userKeyType,
  }
}

async function findCurrency(
  { options, ask, inspector, problems }: Finding,
  table: Orders['table'],
  likely: string,
): Promise<Orders['currency']> {
  if (options.currency !== undefined) {
    if (!/^[a-z]{3}$/i.test(options.currency))
      throw cliError(`${options.currency} is not a currency.`, {
        code: 'INVALID_INPUT',
        next: 'It looks like eur.',
      })
    return { always: options.currency.toLowerCase() }
  }
  const column = await ask.text(options.orderCurrency, 'Its column of the currency', likely)
  const columns = await inspector?.columns(table)
  if (columns && !columns.has(column))
    problems.push(
      `${show(table)} has no column ${column}. It has ${[...columns.keys()].join(', ')}. If all orders have one currency, add --currency eur.`,
    )
  return { column }
}

async function checkStatus(
  { inspector, problems }: Finding,
  table: Orders['table'],
  status: string | null,
  values: (string | null)[],
): Promise<void> {
  const found = status && (await findColumn(inspector, table, status, problems))
  if (!found) return
  if (found.key !== 'text' && found.labels === null)
    problems.push(
      `${show(table)}.${status} has the type ${found.type}. A status is a text or an enum; or --order-status none.`,
    )
  const unknown = values.filter((value) => value !== null && found.labels && !found.labels.includes(value))
  if (unknown.length > 0)
    problems.push(
      `${show(table)}.${status} has the type ${found.type}, without ${unknown.join(', ')}. It has ${found.labels?.join(', ')}.`,
    )
}

async function findLines(finding: Finding, orders: Orders['table']): Promise<Orders['lines']> {
  const { options, inspector, problems } = finding
  if (options.lines === undefined || options.lines === 'none') return null
  const table = parseTable(options.lines, orders.schema)
  if (!(await findTable(inspector, table, problems))) throw notThere(problems)
  const lines = {
    table,
    order: options.lineOrder ?? 'order_id',
    price: options.linePrice ?? 'price_id',
    quantity: options.lineQuantity ?? 'quantity',
  }
  for (const column of [lines.order, lines.price, lines.quantity])
    await findColumn(inspector, table, column, problems)
  return lines
}
