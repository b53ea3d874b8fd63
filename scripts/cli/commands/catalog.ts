/** `catalog`, `products …` and `prices …`: changed at Stripe first, then here. */
import type { Command } from 'commander'
import { Option } from 'commander'
import type {
  ArchiveStripePriceResponse,
  DeleteStripeProductResponse,
  GetStripeProductResponse,
  ListStripeCatalogResponse,
  ListStripePricesResponse,
  ListStripeProductsResponse,
  MutateStripePriceResponse,
  MutateStripeProductResponse,
  StripePrice,
  StripeProduct,
} from '../../../types/api.ts'
import { everyPage, segment } from '../support/client.ts'
import { action } from '../support/context.ts'
import { cliError } from '../support/errors.ts'
import {
  boolean,
  environmentOption,
  type InEnvironment,
  metadata,
  orNull,
  wholeNumber,
} from '../support/options.ts'
import { details, money, plain, table } from '../support/output.ts'

const state = (active: boolean) => (active ? 'active' : 'archived')

const productTable = (rows: StripeProduct[], width: number | undefined) =>
  table(
    [
      { title: 'PRODUCT', value: (row) => row.productId },
      { title: 'NAME', value: (row) => row.name, flexible: true },
      { title: 'STATE', value: (row) => state(row.active) },
      { title: 'DEFAULT PRICE', value: (row) => row.defaultPriceId, flexible: true },
    ],
    rows,
    width,
  )

const priceTable = (rows: StripePrice[], width: number | undefined) =>
  table(
    [
      { title: 'PRICE', value: (row) => row.priceId },
      { title: 'PRODUCT', value: (row) => row.productId, flexible: true },
      { title: 'AMOUNT', value: amountOf, align: 'right' },
      { title: 'LOOKUP KEY', value: (row) => row.lookupKey, flexible: true },
      { title: 'STATE', value: (row) => state(row.active) },
    ],
    rows,
    width,
  )

function amountOf({ unitAmount, unitAmountDecimal, currency, ...price }: StripePrice): string {
  const amount = money(unitAmount, currency) ?? `${unitAmountDecimal ?? '–'} ${currency}`
  if (price.recurringInterval === null) return amount
  const { recurringInterval: interval, recurringIntervalCount: every } = price
  return every === null || every === 1 ? `${amount} a ${interval}` : `${amount} every ${every} ${interval}s`
}

const productDetails = (product: StripeProduct) =>
  details([
    ['Product', product.productId],
    ['Name', product.name],
    ['Description', product.description],
    ['State', state(product.active)],
    ['Default price', product.defaultPriceId],
    ['Metadata', JSON.stringify(product.metadata)],
  ])

const priceDetails = (price: StripePrice) =>
  details([
    ['Price', price.priceId],
    ['Product', price.productId],
    ['Amount', amountOf(price)],
    ['State', state(price.active)],
    ['Lookup key', price.lookupKey],
    ['Tax', price.taxBehavior],
    ['Metadata', JSON.stringify(price.metadata)],
  ])

/** A request with at least one change. */
function changes<Body extends object>(body: Body): Body {
  if (Object.values(body).some((value) => value !== undefined)) return body
  throw cliError('There is nothing to change.', {
    code: 'INVALID_INPUT',
    next: 'Give at least one of the options; --help lists them.',
  })
}

export function registerCatalog(parent: Command, hidden: { hidden: boolean }): void {
  parent
    .command('catalog', hidden)
    .description('products and prices')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, []>(async ({ client, io, options, show }) => {
        const catalog = await (await client()).get<ListStripeCatalogResponse>(
          `/${options.environment}/catalog`,
        )
        show(catalog, () =>
          catalog.products.length + catalog.prices.length === 0
            ? `No products in ${options.environment}. A sync brings those that Stripe has.`
            : [
                productTable(catalog.products, io.stdout.columns),
                priceTable(catalog.prices, io.stdout.columns),
              ].join('\n\n'),
        )
      }),
    )
  registerProducts(parent.command('products', hidden).description('products at Stripe'))
  registerPrices(parent.command('prices', hidden).description('prices at Stripe'))
}

const pathOf = (environment: string, kind: 'products' | 'prices', id?: string) =>
  `/${environment}/catalog/${kind}${id === undefined ? '' : `/${segment(id)}`}`

type ProductOptions = InEnvironment & {
  name?: string
  description?: string
  active?: boolean
  metadata?: Record<string, string>
  idempotencyKey?: string
}

function productOptions(command: Command): Command {
  return command
    .option('--description <text>', 'what customers read; null for none')
    .option('--active <boolean>', 'whether it can be bought', boolean)
    .option('--metadata <json>', 'an object of texts', metadata)
}

function registerProducts(products: Command): void {
  products
    .command('list')
    .description('every product')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, []>(async ({ client, io, options, show }) => {
        const path = pathOf(options.environment, 'products')
        const page = await everyPage<ListStripeProductsResponse, 'products'>(await client(), path, 'products')
        show(page, () =>
          page.products.length === 0
            ? `No products in ${options.environment}.`
            : productTable(page.products, io.stdout.columns),
        )
      }),
    )
  products
    .command('get <productId>')
    .description('one product with its prices')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, [string]>(async ({ client, io, options, show }, id) => {
        const answer = await (await client()).get<GetStripeProductResponse>(
          pathOf(options.environment, 'products', id),
        )
        show(answer, () =>
          [
            productDetails(answer.product),
            ...(answer.prices.length > 0 ? [priceTable(answer.prices, io.stdout.columns)] : ['No prices.']),
          ].join('\n\n'),
        )
      }),
    )
  productOptions(
    products
      .command('create')
      .description('make a product')
      .addOption(environmentOption())
      .requiredOption('--name <name>', 'what customers read'),
  )
    .option('--idempotency-key <key>', 'the same key with the same request makes one product')
    .action(
      action<ProductOptions, []>(async ({ client, options, show }) => {
        const { name, description, active, metadata, idempotencyKey } = options
        const answer = await (await client()).send<MutateStripeProductResponse>(
          'POST',
          pathOf(options.environment, 'products'),
          { name, description: orNull(description), active, metadata, idempotencyKey },
        )
        show(answer, () => productDetails(answer.product))
      }),
    )
  productOptions(
    products
      .command('update <productId>')
      .description('change a product')
      .addOption(environmentOption())
      .option('--name <name>', 'what customers read'),
  ).action(
    action<ProductOptions, [string]>(async ({ client, options, show }, id) => {
      const { name, description, active, metadata } = options
      const answer = await (await client()).send<MutateStripeProductResponse>(
        'PATCH',
        pathOf(options.environment, 'products', id),
        changes({ name, description: orNull(description), active, metadata }),
      )
      show(answer, () => productDetails(answer.product))
    }),
  )
  products
    .command('delete <productId>')
    .description('delete a product; Stripe refuses while it has prices')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, [string]>(async (context, id) => {
        const { environment } = context.options
        await context.confirm(`Delete the product ${plain(id)} in ${environment}?`)
        const answer = await (await context.client()).send<DeleteStripeProductResponse>(
          'DELETE',
          pathOf(environment, 'products', id),
        )
        context.show(answer, () => `Deleted ${plain(answer.productId)}.`)
      }),
    )
}

type PriceOptions = InEnvironment & {
  product?: string
  currency?: string
  unitAmount?: number
  interval?: string
  intervalCount?: number
  lookupKey?: string
  active?: boolean
  taxBehavior?: string
  metadata?: Record<string, string>
  idempotencyKey?: string
}

function priceOptions(command: Command): Command {
  return command
    .option('--lookup-key <key>', 'a stable name to find it by; null for none')
    .option('--active <boolean>', 'whether it can be bought', boolean)
    .addOption(
      new Option('--tax-behavior <behavior>', 'how it relates to tax').choices([
        'exclusive',
        'inclusive',
        'unspecified',
      ]),
    )
    .option('--metadata <json>', 'an object of texts', metadata)
}

function registerPrices(prices: Command): void {
  prices
    .command('list')
    .description('every price, or those of a product')
    .addOption(environmentOption())
    .option('--product <productId>', 'of this product only')
    .action(
      action<PriceOptions, []>(async ({ client, io, options, show }) => {
        const path = pathOf(options.environment, 'prices')
        const page = await everyPage<ListStripePricesResponse, 'prices'>(await client(), path, 'prices', {
          productId: options.product,
        })
        show(page, () =>
          page.prices.length === 0
            ? `No prices in ${options.environment}.`
            : priceTable(page.prices, io.stdout.columns),
        )
      }),
    )
  prices
    .command('get <priceId>')
    .description('one price')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, [string]>(async ({ client, options, show }, id) => {
        const answer = await (await client()).get<MutateStripePriceResponse>(
          pathOf(options.environment, 'prices', id),
        )
        show(answer, () => priceDetails(answer.price))
      }),
    )
  priceOptions(
    prices
      .command('create')
      .description('make a price')
      .addOption(environmentOption())
      .requiredOption('--product <productId>', 'what it prices')
      .requiredOption('--currency <currency>', 'three letters')
      .requiredOption(
        '--unit-amount <amount>',
        "in the currency's minor unit: 1900 is 19.00 euros",
        wholeNumber(0, 999_999_999_999),
      )
      .addOption(
        new Option('--interval <interval>', 'makes it recurring').choices(['day', 'week', 'month', 'year']),
      )
      .option('--interval-count <count>', 'how many intervals between two invoices', wholeNumber(1, 1095)),
  )
    .option('--idempotency-key <key>', 'the same key with the same request makes one price')
    .action(
      action<PriceOptions, []>(async ({ client, options, show }) => {
        const { product, currency, unitAmount, interval, intervalCount } = options
        if (interval === undefined && intervalCount !== undefined) {
          throw cliError('--interval-count needs --interval.', {
            code: 'INVALID_INPUT',
            next: 'Add --interval day, week, month or year.',
          })
        }
        const answer = await (await client()).send<MutateStripePriceResponse>(
          'POST',
          pathOf(options.environment, 'prices'),
          {
            productId: product,
            currency,
            unitAmount,
            ...(interval && { recurring: { interval, intervalCount } }),
            ...commonOf(options),
            idempotencyKey: options.idempotencyKey,
          },
        )
        show(answer, () => priceDetails(answer.price))
      }),
    )
  priceOptions(
    prices
      .command('update <priceId>')
      .description('change a price; its amount is for ever')
      .addOption(environmentOption()),
  ).action(
    action<PriceOptions, [string]>(async ({ client, options, show }, id) => {
      const answer = await (await client()).send<MutateStripePriceResponse>(
        'PATCH',
        pathOf(options.environment, 'prices', id),
        changes(commonOf(options)),
      )
      show(answer, () => priceDetails(answer.price))
    }),
  )
  prices
    .command('archive <priceId>')
    .description('stop selling at a price; those who pay it go on')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, [string]>(async (context, id) => {
        const { environment } = context.options
        const answer = await (await context.client()).send<ArchiveStripePriceResponse>(
          'DELETE',
          pathOf(environment, 'prices', id),
        )
        context.show(answer, () => `Archived ${plain(answer.price.priceId)}.`)
      }),
    )
}

const commonOf = ({ lookupKey, active, taxBehavior, metadata }: PriceOptions) => ({
  lookupKey: orNull(lookupKey),
  active,
  taxBehavior,
  metadata,
})
